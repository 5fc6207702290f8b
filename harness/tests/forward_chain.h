/* SPDX-License-Identifier: MIT */
/*
 * An MTA, the forward and a milter in one reactor, and a tap that writes down what it is told. The
 * two ends are runners that follow scripts (tests/stub_run.h).
 */
#ifndef DRILL_TESTS_FORWARD_CHAIN_H
#define DRILL_TESTS_FORWARD_CHAIN_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/forward.h"
#include "tests/stub_run.h"

#define TCP         "inet:0@127.0.0.1"
#define TCP6        "inet6:0@::1"
#define FINS        "opened linked bytes> bytes< FIN/0> FIN/0< closed"
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct fixture {
    struct drill_net *net;
    struct drill_tls_ca *ca;
    struct drill_tls *server, *client;
    char dir[64];
    char mta_unix[100], milter_unix[100];
};

static inline int setup(void **state)
{
    static struct fixture f;
    struct drill_error err;
    memset(&f, 0, sizeof(f));
    (void)snprintf(f.dir, sizeof(f.dir), "/tmp/drill-test-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.mta_unix, sizeof(f.mta_unix), "unix:%s/mta.sock", f.dir);
    (void)snprintf(f.milter_unix, sizeof(f.milter_unix), "unix:%s/milter.sock", f.dir);
    f.net = drill_net_new(&err);
    f.ca = drill_tls_ca_new(&err);
    f.server = drill_tls_server(f.ca, DRILL_TLS_GOOD, NULL, &err);
    f.client = drill_tls_client(NULL, "localhost", true, &err);
    assert_true(f.net && f.ca && f.server && f.client);
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    drill_tls_free(f->server);
    drill_tls_free(f->client);
    drill_tls_ca_free(f->ca);
    drill_net_free(f->net);
    assert_return_code(rmdir(f->dir), errno);
    return 0;
}

/* ---- a tap that writes down what it is told ---- */

struct told {
    char log[STUB_LOG];
    uint64_t bytes[2], sum[2]; /* as the runners count */
    bool open;
    /* what to do with the first bytes of direction `dir` */
    bool does;
    enum drill_dir dir;
    struct drill_forward_edit edit;
    struct drill_forward *drains;
};

static inline void tell(struct told *t, const char *text)
{
    size_t len = strlen(t->log);
    (void)snprintf(t->log + len, sizeof(t->log) - len, "%s%s", len ? " " : "", text);
}

static inline void *told_opened(void *ctx, uint64_t now, const struct drill_address *from)
{
    struct told *t = ctx;
    assert_true(now > 0);
    if (from->kind == DRILL_ADDRESS_INET) {
        assert_string_equal(from->host, "127.0.0.1");
        assert_true(from->port > 0);
    }
    tell(t, "opened");
    t->open = true;
    return t;
}

static inline void told_linked(void *who, uint64_t now)
{
    assert_true(now > 0);
    tell(who, "linked");
}

static inline void told_bytes(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now)
{
    struct told *t = who;
    assert_true(bytes.len > 0 && now > 0);
    if (t->bytes[dir] == 0) {
        tell(t, dir == DRILL_TO_MILTER ? "bytes>" : "bytes<");
    }
    for (size_t i = 0; i < bytes.len; i++) {
        t->sum[dir] += bytes.ptr[i] * ++t->bytes[dir];
    }
    if (t->drains) {
        drill_forward_drain(t->drains);
    }
}

static inline void told_ended(void *who, enum drill_dir dir, enum drill_end how, int error,
                              uint64_t in_flight, uint64_t now)
{
    char text[64];
    assert_true(now > 0 && in_flight < 1 << 30);
    (void)snprintf(text, sizeof(text), "%s/%d%s", stub_end(how), error,
                   dir == DRILL_TO_MILTER ? ">" : "<");
    tell(who, text);
}

static inline void told_closed(void *who, uint64_t now)
{
    struct told *t = who;
    assert_true(t->open && now > 0);
    t->open = false;
    tell(t, "closed");
}

static inline struct drill_forward_tap told_tap(struct told *t)
{
    struct drill_forward_tap tap = {told_opened, told_linked, told_bytes, NULL,
                                    told_ended,  told_closed, t};
    return tap;
}

/* ---- an MTA, the forward, and a milter in one reactor ---- */

struct chain {
    struct fixture *f;
    struct drill_net_listener *in, *out;
    struct drill_forward *forward;
    struct drill_run mta, milter;
    struct drill_net_conn *c, *s;
};

static inline struct drill_net_listener *listen_on(struct fixture *f, const char *text,
                                                   struct drill_address *a)
{
    struct drill_error err;
    assert_int_equal(drill_address_parse(text, a, &err), DRILL_OK);
    struct drill_net_listener *l = drill_net_listen(f->net, a, &err);
    if (!l) {
        fail_msg("%s", err.text);
    }
    drill_net_listener_address(l, a);
    return l;
}

/* `config`: what is not about addresses. */
static inline void chain_begin(struct chain *c, struct fixture *f, const char *in, const char *out,
                               struct drill_forward_config config)
{
    struct drill_address a;
    struct drill_error err;
    memset(c, 0, sizeof(*c));
    c->f = f;
    c->out = listen_on(f, out, &config.milter);
    c->in = listen_on(f, in, &a);
    config.listener = c->in;
    c->forward = drill_forward_new(f->net, &config, &err);
    assert_non_null(c->forward);
    c->c = drill_net_connector(f->net, &a, &c->mta, &err);
    c->s = drill_net_acceptor(f->net, c->out, &c->milter, &err);
    assert_true(c->c && c->s);
    assert_true(!config.tls_in || drill_net_conn_tls(c->c, f->client));
    assert_true(!config.tls_out || drill_net_conn_tls(c->s, f->server));
}

static inline bool chain_played(void *ctx)
{
    struct chain *c = ctx;
    return drill_net_conn_done(c->c) && drill_net_conn_done(c->s);
}

static inline void chain_play(struct chain *c, const char *mta, const char *milter, size_t want)
{
    stub_init(&c->mta, mta);
    stub_init(&c->milter, milter);
    for (size_t i = 0; i < STUB_CHUNK; i++) {
        stub_bytes[i] = (uint8_t)(i * 31 + i / 256);
    }
    c->milter.want = want;
    (void)drill_net_run(c->f->net, chain_played, c);
    drill_forward_drain(c->forward);
    assert_true(drill_net_run(c->f->net, NULL, NULL)); /* nothing stands */
    assert_int_equal(drill_forward_open(c->forward), 0);
}

static inline void chain_end(struct chain *c)
{
    drill_net_conn_free(c->c);
    drill_net_conn_free(c->s);
    drill_forward_free(c->forward);
    drill_net_listener_free(c->in);
    drill_net_listener_free(c->out);
}

struct play {
    const char *mta;
    const char *milter;
    size_t want; /* of the milter; 0: much */
    const char *mta_log, *milter_log;
    const char *told;
};

static inline void expect(const struct play *p, const char *way, const char *who, const char *log,
                          const char *want)
{
    if (want && strcmp(log, want) != 0) {
        fail_msg("%s: \"%s\" with \"%s\": %s saw \"%s\" and not \"%s\"", way, p->mta, p->milter,
                 who, log, want);
    }
}

#endif
