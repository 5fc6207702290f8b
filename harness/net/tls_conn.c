/* SPDX-License-Identifier: MIT */
#include "net/tls_conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "net/tls_socket.h"
#include "net/tls_state.h"
#include "wire/foreign.h"

enum { TEXT = 400 };

struct drill_tls_conn {
    const struct drill_tls *tls;
    SSL *ssl; /* NULL: no connection */
    struct drill_tls_socket socket;
    bool over; /* reading came to an end: `error` */
    bool broken;
    int error;
    char text[TEXT];
    const char *note;
};

struct drill_tls_conn *drill_tls_conn_new(const struct drill_tls *tls)
{
    struct drill_tls_conn *t = drill_alloc_resize(NULL, NULL, sizeof(*t));
    if (t) {
        memset(t, 0, sizeof(*t));
        t->tls = tls;
        t->note = "";
    }
    return t;
}

void drill_tls_conn_free(struct drill_tls_conn *t)
{
    if (t) {
        drill_tls_conn_end(t);
        drill_alloc_resize(NULL, t, 0);
    }
}

bool drill_tls_conn_client(const struct drill_tls_conn *t)
{
    return t->tls->client;
}

/* Whose certificate is awaited. An address is not for SNI. */
static bool expect_host(struct drill_tls_conn *t)
{
    unsigned char scratch[16];
    const char *host = t->tls->host;
    bool address =
        inet_pton(AF_INET, host, scratch) == 1 || inet_pton(AF_INET6, host, scratch) == 1;
    if (!t->tls->client || !host[0]) {
        return true;
    }
    if (address) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl), host) == 1;
    }
    return SSL_set_tlsext_host_name(t->ssl, host) == 1 && SSL_set1_host(t->ssl, host) == 1;
}

bool drill_tls_conn_begin(struct drill_tls_conn *t, int fd)
{
    drill_tls_conn_end(t);
    memset(&t->socket, 0, sizeof(t->socket));
    t->socket.fd = fd;
    t->over = t->broken = false;
    t->error = 0;
    t->text[0] = '\0';
    t->note = "";
    t->ssl = SSL_new(t->tls->context);
    BIO *bio = BIO_new(t->tls->socket);
    if (!t->ssl || !bio || !expect_host(t)) {
        BIO_free(bio);
        drill_tls_conn_end(t);
        return false;
    }
    t->socket.ssl = t->ssl;
    BIO_set_data(bio, &t->socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    if (t->tls->client) {
        SSL_set_connect_state(t->ssl);
    } else {
        SSL_set_accept_state(t->ssl);
    }
    return true;
}

/* ---- what went wrong ---- */

static const char *peer_of(const struct drill_tls_conn *t)
{
    return t->tls->client && !t->tls->smtp ? "the milter" : "the MTA";
}

static bool is_record(const struct drill_tls_socket *s)
{
    return s->first_len == 0 || (s->first[0] >= 0x14 && s->first[0] <= 0x17);
}

/* Its bytes are no TLS. */
static void tell_plain(struct drill_tls_conn *t)
{
    const struct drill_tls_socket *s = &t->socket;
    const struct drill_foreign *f = drill_foreign_find(drill_span_of(s->first, s->first_len));
    char hex[3 * DRILL_TLS_FIRST + 1] = "";
    for (size_t i = 0; i < s->first_len; i++) {
        (void)snprintf(hex + 3 * i, sizeof(hex) - 3 * i, " %02x", s->first[i]);
    }
    if (s->first[0] == 0 && s->first_len > 4) {
        (void)snprintf(t->text, sizeof(t->text),
                       "%s does not speak TLS: its first bytes,%s, are a milter frame in plain: "
                       "turn TLS on there, or off here",
                       peer_of(t), hex);
    } else {
        (void)snprintf(t->text, sizeof(t->text), "%s does not speak TLS: its first bytes are%s%s%s",
                       peer_of(t), hex, f ? ": " : "", f ? f->speaks : "");
    }
}

static void tell_failure(struct drill_tls_conn *t)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code);
    const char *said = ERR_reason_error_string(code);
    long verified = SSL_get_verify_result(t->ssl);
    if (!is_record(&t->socket)) {
        tell_plain(t);
    } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        bool name =
            verified == X509_V_ERR_HOSTNAME_MISMATCH || verified == X509_V_ERR_IP_ADDRESS_MISMATCH;
        (void)snprintf(t->text, sizeof(t->text), "%s's certificate is not valid: %s%s%s",
                       peer_of(t), X509_verify_cert_error_string(verified),
                       name ? ", it is not for " : "", name ? t->tls->host : "");
    } else if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
        (void)snprintf(t->text, sizeof(t->text), "%s refuses TLS with us: %s", peer_of(t),
                       SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
    } else {
        (void)snprintf(t->text, sizeof(t->text), "TLS with %s fails: %s", peer_of(t),
                       said ? said : "no reason known");
    }
}

static void tell_gone(struct drill_tls_conn *t)
{
    (void)snprintf(t->text, sizeof(t->text), "%s ended the connection in the TLS handshake%s",
                   peer_of(t),
                   t->tls->client && !t->tls->smtp ? ", as a milter without TLS does" : "");
}

/* No more bytes will come, or none can go. */
static enum drill_tls_step ended(struct drill_tls_conn *t)
{
    bool shaken = t->socket.eof ? t->socket.shaken : SSL_is_init_finished(t->ssl) == 1;
    if (t->socket.error) {
        t->error = t->socket.error;
        if (!shaken) {
            tell_gone(t);
        }
    } else if (t->socket.eof && shaken) {
        t->error = 0;
        t->note = "closed without close_notify";
    } else if (t->socket.eof && is_record(&t->socket)) {
        t->error = EPROTO;
        tell_gone(t);
    } else {
        t->error = EPROTO;
        tell_failure(t);
    }
    t->broken = true;
    t->over = t->over || !t->socket.error;
    return DRILL_TLS_ENDED;
}

static enum drill_tls_step step(struct drill_tls_conn *t, int result, bool reading)
{
    enum drill_tls_step next = DRILL_TLS_ENDED;
    if (result > 0) {
        return DRILL_TLS_DONE;
    }
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ: return DRILL_TLS_READ;
    case SSL_ERROR_WANT_WRITE: return DRILL_TLS_WRITE;
    case SSL_ERROR_ZERO_RETURN: t->error = 0; break;
    default: next = ended(t); break;
    }
    /* A write may fail while there is still something to read, but not the other way round. */
    t->over = t->over || reading;
    ERR_clear_error();
    return next;
}

static void prepare(struct drill_tls_conn *t)
{
    ERR_clear_error();
    t->socket.error = 0;
}

/* ---- for the connection ---- */

enum drill_tls_step drill_tls_conn_shake(struct drill_tls_conn *t)
{
    if (t->over) {
        return DRILL_TLS_ENDED;
    }
    prepare(t);
    return step(t, SSL_do_handshake(t->ssl), true);
}

enum drill_tls_step drill_tls_conn_send(struct drill_tls_conn *t, struct drill_span bytes,
                                        size_t *took)
{
    int len = bytes.len < INT_MAX ? (int)bytes.len : INT_MAX;
    if (t->over && t->broken) {
        return DRILL_TLS_ENDED;
    }
    prepare(t);
    int n = SSL_write(t->ssl, bytes.ptr, len);
    *took = n > 0 ? (size_t)n : 0;
    return step(t, n, false);
}

enum drill_tls_step drill_tls_conn_recv(struct drill_tls_conn *t, uint8_t *buf, size_t want,
                                        size_t *got)
{
    if (t->over) {
        return DRILL_TLS_ENDED;
    }
    prepare(t);
    int n = SSL_read(t->ssl, buf, want < INT_MAX ? (int)want : INT_MAX);
    *got = n > 0 ? (size_t)n : 0;
    return step(t, n, true);
}

bool drill_tls_conn_shaken(const struct drill_tls_conn *t)
{
    return t->ssl && SSL_is_init_finished(t->ssl) == 1;
}

void drill_tls_conn_notify(struct drill_tls_conn *t)
{
    if (drill_tls_conn_shaken(t) && !t->broken && !(SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)) {
        prepare(t);
        (void)SSL_shutdown(t->ssl);
        ERR_clear_error();
    }
}

void drill_tls_conn_end(struct drill_tls_conn *t)
{
    if (t->ssl && !t->text[0] && !SSL_is_init_finished(t->ssl) && !t->broken) {
        t->note = "the TLS handshake had not come to its end";
    }
    SSL_free(t->ssl);
    t->ssl = NULL;
}

int drill_tls_conn_errno(const struct drill_tls_conn *t)
{
    return t->error;
}

const char *drill_tls_conn_error(const struct drill_tls_conn *t)
{
    return t->text;
}

const char *drill_tls_conn_note(const struct drill_tls_conn *t)
{
    return t->note;
}
