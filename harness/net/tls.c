/* SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "net/tls_socket.h"
#include "net/tls_state.h"

enum drill_code drill_tls_failed(struct drill_error *err, const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason =
        ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    ERR_clear_error();
    return drill_error_set(err, DRILL_ERR_IO, "%s: %s", what, reason ? reason : "OpenSSL fails");
}

static struct drill_tls *tls_new(bool client, const char *host, struct drill_error *err)
{
    struct drill_tls *t = drill_alloc_resize(NULL, NULL, sizeof(*t));
    if (!t) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for TLS");
        return NULL;
    }
    memset(t, 0, sizeof(*t));
    ERR_clear_error();
    t->client = client;
    (void)snprintf(t->host, sizeof(t->host), "%s", host ? host : "");
    t->context = SSL_CTX_new(client ? TLS_client_method() : TLS_server_method());
    t->socket = drill_tls_socket_method();
    if (!t->context || !t->socket ||
        SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION) != 1) {
        drill_tls_failed(err, "TLS cannot be prepared");
        drill_tls_free(t);
        return NULL;
    }
    /* No session tickets: nobody asked for bytes that stay unread and turn a FIN into an RST. */
    SSL_CTX_set_options(t->context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_num_tickets(t->context, 0);
    (void)SSL_CTX_set_session_cache_mode(t->context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                           SSL_MODE_RELEASE_BUFFERS);
    return t;
}

struct drill_tls *drill_tls_server(const struct drill_tls_ca *ca, enum drill_tls_cert cert,
                                   const char *host, struct drill_error *err)
{
    struct drill_tls *t = tls_new(false, host, err);
    if (t && !drill_tls_cert_make(ca, cert, host, t->context)) {
        drill_tls_failed(err, "no certificate can be made");
        drill_tls_free(t);
        t = NULL;
    }
    return t;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)ctx;
    return 0;
}

struct drill_tls *drill_tls_server_files(const char *cert_file, const char *key_file,
                                         struct drill_error *err)
{
    struct drill_tls *t = tls_new(false, NULL, err);
    const char *trouble = NULL, *file = cert_file;
    char what[600];
    if (!t) {
        return NULL;
    }
    SSL_CTX_set_default_passwd_cb(t->context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(t->context, cert_file) != 1) {
        trouble = "no certificate can be read from it";
    } else if (SSL_CTX_use_PrivateKey_file(t->context, key_file, SSL_FILETYPE_PEM) != 1 ||
               SSL_CTX_check_private_key(t->context) != 1) {
        file = key_file;
        trouble = "no key of that certificate can be read from it (PEM, without a passphrase)";
    }
    if (trouble) {
        (void)snprintf(what, sizeof(what), "%.400s: %s", file, trouble);
        drill_tls_failed(err, what);
        drill_tls_free(t);
        t = NULL;
    }
    return t;
}

struct drill_tls *drill_tls_client(const char *ca_file, const char *host, bool allow_invalid,
                                   struct drill_error *err)
{
    struct drill_tls *t = tls_new(true, host, err);
    if (!t) {
        return NULL;
    }
    t->allow_invalid = allow_invalid;
    SSL_CTX_set_verify(t->context, allow_invalid ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    int loaded = ca_file         ? SSL_CTX_load_verify_file(t->context, ca_file)
                 : allow_invalid ? 1
                                 : SSL_CTX_set_default_verify_paths(t->context);
    if (loaded != 1) {
        char what[600];
        (void)snprintf(what, sizeof(what), "%s: no CA certificate can be read from it",
                       ca_file ? ca_file : "the system's certificates");
        drill_tls_failed(err, what);
        drill_tls_free(t);
        t = NULL;
    }
    return t;
}

struct drill_tls *drill_tls_smtp_client(const char *ca_file, const char *host,
                                        struct drill_error *err)
{
    struct drill_tls *t = drill_tls_client(ca_file, host, ca_file == NULL, err);
    if (t) {
        t->smtp = true;
    }
    return t;
}

void drill_tls_free(struct drill_tls *tls)
{
    if (tls) {
        SSL_CTX_free(tls->context);
        BIO_meth_free(tls->socket);
        drill_alloc_resize(NULL, tls, 0);
    }
}
