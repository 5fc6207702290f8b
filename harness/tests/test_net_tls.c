/* SPDX-License-Identifier: MIT */
/* TLS at both ends of one reactor: every certificate, every ending, and peers without TLS. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/net.h"
#include "net/tls.h"
#include "tests/stub_run.h"

enum { PLAIN = -1 };

struct fixture {
    struct drill_net *net;
    struct drill_tls_ca *ca;
    char ca_file[64];
};

static int setup(void **state)
{
    static struct fixture f;
    struct drill_error err;
    memset(&f, 0, sizeof(f));
    (void)snprintf(f.ca_file, sizeof(f.ca_file), "/tmp/drill-test-XXXXXX");
    int fd = mkstemp(f.ca_file);
    assert_return_code(fd, errno);
    f.net = drill_net_new(&err);
    f.ca = drill_tls_ca_new(&err);
    assert_non_null(f.net);
    assert_non_null(f.ca);
    struct drill_span pem = drill_tls_ca_pem(f.ca);
    assert_int_equal(write(fd, pem.ptr, pem.len), pem.len);
    (void)close(fd);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drill_tls_ca_free(f->ca);
    drill_net_free(f->net);
    (void)unlink(f->ca_file);
    return 0;
}

/* One conversation. cert, host: PLAIN and NULL for a side without TLS. */
struct play {
    int cert;
    const char *host;
    bool allow_invalid;
    const char *mta, *milter;
    size_t want;
    const char *mta_log, *milter_log;
    const char *mta_text, *milter_text; /* in what TLS says; "": it says nothing */
};

static void say(const struct play *p, const char *side, const char *log, const char *text,
                const char *want_log, const char *want_text)
{
    bool told = want_text[0] ? strstr(text, want_text) != NULL : !text[0];
    if (strcmp(log, want_log) != 0 || !told) {
        fail_msg("cert %d allow %d, \"%s\" with \"%s\": the %s saw \"%s\", and TLS says \"%s\"",
                 p->cert, p->allow_invalid, p->mta, p->milter, side, log, text);
    }
}

static struct drill_tls *client_of(const struct fixture *f, const struct play *p)
{
    struct drill_error err;
    struct drill_tls *tls =
        p->host ? drill_tls_client(f->ca_file, p->host, p->allow_invalid, &err) : NULL;
    assert_true(tls || !p->host);
    return tls;
}

static struct drill_tls *server_of(const struct fixture *f, const struct play *p)
{
    struct drill_error err;
    struct drill_tls *tls =
        p->cert == PLAIN ? NULL
                         : drill_tls_server(f->ca, (enum drill_tls_cert)p->cert, "10.1.2.3", &err);
    assert_true(tls || p->cert == PLAIN);
    return tls;
}

static void play_at(struct fixture *f, const struct play *p, const char *where)
{
    struct drill_address a;
    struct drill_error err;
    struct drill_run mta, milter;
    struct drill_tls *client = client_of(f, p), *server = server_of(f, p);
    assert_int_equal(drill_address_parse(where, &a, &err), DRILL_OK);
    struct drill_net_listener *l = drill_net_listen(f->net, &a, &err);
    assert_non_null(l);
    drill_net_listener_address(l, &a);
    stub_init(&mta, p->mta);
    stub_init(&milter, p->milter);
    milter.want = p->want;
    struct drill_net_conn *c = drill_net_connector(f->net, &a, &mta, &err);
    struct drill_net_conn *s = drill_net_acceptor(f->net, l, &milter, &err);
    assert_non_null(c);
    assert_non_null(s);
    assert_true(!client || drill_net_conn_tls(c, client));
    assert_true(!server || drill_net_conn_tls(s, server));
    assert_true(drill_net_run(f->net, NULL, NULL));
    say(p, "MTA", mta.log, drill_net_conn_tls_error(c), p->mta_log, p->mta_text);
    say(p, "milter", milter.log, drill_net_conn_tls_error(s), p->milter_log, p->milter_text);
    assert_string_equal(drill_net_conn_tls_note(c), "");
    drill_net_conn_free(c);
    drill_net_conn_free(s);
    drill_net_listener_free(l);
    drill_tls_free(client);
    drill_tls_free(server);
}

static void play_all(struct fixture *f, const struct play *plays, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        play_at(f, &plays[i], "inet:0@127.0.0.1");
    }
}

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* A handshake, five bytes and seven back; or none of it. */
#define GOOD_PLAY "o s5 r7 d", "o r5 s7 e", 0, "opened", "opened FIN/0", "", ""
#define BAD_PLAY  "o d", "o e", 0, "error/71", "opened error/71"

static void test_certificates(void **state)
{
    static const struct play plays[] = {
        {DRILL_TLS_GOOD, "127.0.0.1", false, GOOD_PLAY},
        {DRILL_TLS_GOOD, "localhost", false, GOOD_PLAY},
        {DRILL_TLS_GOOD, "10.1.2.3", false, GOOD_PLAY},
        {DRILL_TLS_GOOD, "::1", false, GOOD_PLAY},
        {DRILL_TLS_GOOD, "milter.example", true, GOOD_PLAY},
        {DRILL_TLS_EXPIRED, "127.0.0.1", true, GOOD_PLAY},
        {DRILL_TLS_SELF_SIGNED, "127.0.0.1", true, GOOD_PLAY},
        {DRILL_TLS_WRONG_NAME, "127.0.0.1", true, GOOD_PLAY},
        {DRILL_TLS_WRONG_NAME, "wrong-name.invalid", false, GOOD_PLAY},
        {DRILL_TLS_GOOD, "milter.example", false, BAD_PLAY, "it is not for milter.example",
         "the MTA refuses TLS with us: "},
        {DRILL_TLS_EXPIRED, "127.0.0.1", false, BAD_PLAY, "certificate has expired",
         "the MTA refuses TLS with us: certificate expired"},
        {DRILL_TLS_SELF_SIGNED, "127.0.0.1", false, BAD_PLAY, "self-signed certificate",
         "the MTA refuses TLS with us: unknown CA"},
        {DRILL_TLS_WRONG_NAME, "127.0.0.1", false, BAD_PLAY, "it is not for 127.0.0.1",
         "the MTA refuses TLS with us: "},
    };
    play_all(*state, plays, COUNT(plays));
}

/* The endings of plain connections, through TLS. */
#define WITH_TLS DRILL_TLS_GOOD, "127.0.0.1", false
static void test_endings(void **state)
{
    static const struct play plays[] = {
        {WITH_TLS, "o s5 r7 d o s1 d", "o r5 s7 e o e", 0, "opened opened",
         "opened FIN/0 opened FIN/0", "", ""},
        {WITH_TLS, "o h e", "o e", 0, "opened FIN/0", "opened FIN/0", "", ""},
        {WITH_TLS, "o h r5 d", "o t5 e", 0, "opened", "opened FIN/0", "", ""},
        {WITH_TLS, "o s9 r1 d", "o r9 s1 e", 1, "opened", "opened FIN/0", "", ""},
        {WITH_TLS, "o s1 e", "o r1 x", 0, "opened RST/104", "opened", "", ""},
        {WITH_TLS, "o s9000000 r9000000 d", "o s9000000 r9000000 e", 0, "opened", "opened FIN/0",
         "", ""},
        {WITH_TLS, "o t9000000 d", "o r9000000 e", 0, "opened", "opened FIN/0", "", ""},
        {WITH_TLS, "o t9000000 e", "o r1 x", 1, "opened write:RST/104", "opened", "", ""},
    };
    play_all(*state, plays, COUNT(plays));
}

static void test_unix(void **state)
{
    static const struct play play = {DRILL_TLS_GOOD, "localhost", false, GOOD_PLAY};
    char where[80];
    (void)snprintf(where, sizeof(where), "unix:%s.sock", ((struct fixture *)*state)->ca_file);
    play_at(*state, &play, where);
}

static void test_a_peer_without_tls(void **state)
{
    static const struct play plays[] = {
        {DRILL_TLS_GOOD, NULL, false, "o s9 e", "o e", 0, "opened RST/104", "opened error/71", "",
         "the MTA does not speak TLS: its first bytes are 61 61 61 61 61"},
        {PLAIN, "127.0.0.1", false, "o d", "o s9 e", 0, "error/71", "opened RST/104",
         "the milter does not speak TLS: its first bytes are 61 61 61 61 61", ""},
        {PLAIN, "127.0.0.1", false, "o d", "o r1 d", 0, "error/71", "opened",
         "the milter ended the connection in the TLS handshake", ""},
        {PLAIN, "127.0.0.1", false, "o d", "o r1 x", 0, "RST/104", "opened",
         "the milter ended the connection in the TLS handshake", ""},
        {DRILL_TLS_GOOD, NULL, false, "o d", "o e", 0, "opened", "opened error/71", "",
         "the MTA ended the connection in the TLS handshake"},
    };
    play_all(*state, plays, COUNT(plays));
}

static void test_a_ca_file_that_is_none(void **state)
{
    struct drill_error err;
    (void)state;
    assert_null(drill_tls_client("/nonexistent.pem", "localhost", false, &err));
    assert_int_equal(err.code, DRILL_ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent.pem"));
}

static void test_words(void **state)
{
    static const char *const words[] = {"good", "expired", "self-signed", "wrong-name"};
    enum drill_tls_cert cert = DRILL_TLS_GOOD;
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_true(drill_tls_cert_find(drill_span_str(words[i]), &cert));
        assert_int_equal(cert, i);
    }
    assert_false(drill_tls_cert_find(drill_span_str("bad"), &cert));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificates),
        cmocka_unit_test(test_endings),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_a_peer_without_tls),
        cmocka_unit_test(test_a_ca_file_that_is_none),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
