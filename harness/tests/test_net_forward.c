/* SPDX-License-Identifier: MIT */
/* Plays that talk through the forward see what they would see without it; and what its tap sees,
 * and may do. */
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

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct fixture {
    struct drill_net *net;
    struct drill_tls_ca *ca;
    struct drill_tls *server, *client;
    char dir[64];
    char mta_unix[100], milter_unix[100];
};

static int setup(void **state)
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

static int teardown(void **state)
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
    /* what to do when byte number `at` of direction `dir` passes */
    bool does;
    enum drill_dir dir;
    uint64_t at;
    uint64_t hold;
    struct drill_forward_edit edit;
    struct drill_forward *drains;
};

static void tell(struct told *t, const char *text)
{
    size_t len = strlen(t->log);
    (void)snprintf(t->log + len, sizeof(t->log) - len, "%s%s", len ? " " : "", text);
}

static void *told_opened(void *ctx, uint64_t now, const struct drill_address *from)
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

static void told_linked(void *who, uint64_t now)
{
    assert_true(now > 0);
    tell(who, "linked");
}

static void told_bytes(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now)
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

static void told_edit(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now,
                      struct drill_forward_edit *edit)
{
    struct told *t = who;
    assert_ptr_equal(edit->send.ptr, bytes.ptr);
    if (t->does && dir == t->dir && t->bytes[dir] >= t->at) {
        t->does = false;
        *edit = t->edit;
        edit->not_before = t->hold ? now + t->hold : 0;
    }
}

static void told_ended(void *who, enum drill_dir dir, enum drill_end how, int error,
                       uint64_t in_flight, uint64_t now)
{
    char text[64];
    assert_true(now > 0 && in_flight < 1 << 30);
    (void)snprintf(text, sizeof(text), "%s/%d%s", stub_end(how), error,
                   dir == DRILL_TO_MILTER ? ">" : "<");
    tell(who, text);
}

static void told_closed(void *who, uint64_t now)
{
    struct told *t = who;
    assert_true(t->open && now > 0);
    t->open = false;
    tell(t, "closed");
}

static struct drill_forward_tap told_tap(struct told *t)
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

static struct drill_net_listener *listen_on(struct fixture *f, const char *text,
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
static void chain_begin(struct chain *c, struct fixture *f, const char *in, const char *out,
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

static bool chain_played(void *ctx)
{
    struct chain *c = ctx;
    return drill_net_conn_done(c->c) && drill_net_conn_done(c->s);
}

static void chain_play(struct chain *c, const char *mta, const char *milter, size_t want)
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

static void chain_end(struct chain *c)
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

/* ---- both ends see what they would without ---- */

#define FINS "opened linked bytes> bytes< FIN/0> FIN/0< closed"

/* The plays of test_net_net.c, with the same logs, and some more. */
static const struct play everywhere[] = {
    {"o s5 r7 d", "o r5 s7 e", 0, "opened", "opened FIN/0", FINS},
    {"o h e", "o e", 0, "opened FIN/0", "opened FIN/0", "opened linked FIN/0> FIN/0< closed"},
    {"o h r5 d", "o t5 e", 0, "opened", "opened FIN/0", NULL},
    {"o e", "o h e", 0, "opened FIN/0", "opened FIN/0", "opened linked FIN/0< FIN/0> closed"},
    {"o e h", "o s5 h e", 0, "opened FIN/0", "opened FIN/0", NULL},
    {"o r5 s9 h e", "o s5 h r9 e", 0, "opened FIN/0", "opened FIN/0", NULL},
    {"o t9000000 d", "o r9000000 e", 0, "opened", "opened FIN/0", NULL},
    {"o r9000000 d", "o s9000000 e", 0, "opened", "opened FIN/0", NULL},
    {"o s9000000 r9000000 d", "o s9000000 r9000000 e", 0, "opened", "opened FIN/0", NULL},
    {"w1000 o q1000 w1000 d", "o e", 0, "tick opened tick tick", "opened FIN/0", NULL},
};

static const struct play tcp_only[] = {
    {"o s9 e", "o r1 c", 1, "opened RST/104", "opened", "opened linked bytes> RST/104< closed"},
    {"o e", "o x", 0, "opened RST/104", "opened", "opened linked RST/104< closed"},
    {"o x", "o e", 0, "opened", "opened RST/104", "opened linked RST/104> closed"},
    {"o r7 e", "o t7 x", 0, "opened RST/104", "opened", "opened linked bytes< RST/104< closed"},
    {"o t7 x", "o r7 e", 0, "opened", "opened RST/104", "opened linked bytes> RST/104> closed"},
    {"o s1 h e", "o r1 x", 0, "opened RST/104", "opened", NULL},
    {"o t9000000 e", "o r1 x", 1, "opened write:RST/104", "opened", NULL},
};

static void expect(const struct play *p, const char *way, const char *who, const char *log,
                   const char *want)
{
    if (want && strcmp(log, want) != 0) {
        fail_msg("%s: \"%s\" with \"%s\": %s saw \"%s\" and not \"%s\"", way, p->mta, p->milter,
                 who, log, want);
    }
}

static void play_through(struct fixture *f, const char *in, const char *out, const struct play *p,
                         struct drill_forward_config config)
{
    struct chain c;
    struct told told = {.log = ""};
    struct drill_forward_tap tap = told_tap(&told);
    config.tap = &tap;
    chain_begin(&c, f, in, out, config);
    chain_play(&c, p->mta, p->milter, p->want);
    expect(p, in, "the MTA", c.mta.log, p->mta_log);
    expect(p, in, "the milter", c.milter.log, p->milter_log);
    expect(p, in, "the tap", told.log, p->told);
    assert_false(told.open);
    if (!strstr(told.log, "RST") && !p->want) {
        assert_int_equal(c.milter.got, c.mta.sent);
        assert_int_equal(c.mta.got, c.milter.sent);
        assert_int_equal(told.bytes[DRILL_TO_MILTER], c.mta.sent);
        assert_int_equal(told.bytes[DRILL_TO_MTA], c.milter.sent);
        assert_int_equal(told.sum[DRILL_TO_MILTER], c.milter.sum);
        assert_int_equal(told.sum[DRILL_TO_MTA], c.mta.sum);
    }
    chain_end(&c);
}

#define TCP  "inet:0@127.0.0.1"
#define TCP6 "inet6:0@::1"

static void test_as_without(void **state)
{
    struct fixture *f = *state;
    const struct drill_forward_config plain = {.buffer = 0}, small = {.buffer = 1000};
    for (size_t i = 0; i < COUNT(everywhere); i++) {
        play_through(f, TCP, TCP, &everywhere[i], plain);
        play_through(f, TCP, TCP, &everywhere[i], small);
        play_through(f, f->mta_unix, f->milter_unix, &everywhere[i], plain);
        play_through(f, f->mta_unix, TCP, &everywhere[i], plain);
        play_through(f, TCP, f->milter_unix, &everywhere[i], plain);
    }
    for (size_t i = 0; i < COUNT(tcp_only); i++) {
        play_through(f, TCP, TCP, &tcp_only[i], plain);
    }
}

static void test_odd_chunks(void **state)
{
    static const struct play play = {
        "o s4001 r7003 s2 r1 s4000 d", "o r4001 s7003 r2 s1 e", 0, "opened", "opened FIN/0", FINS};
    struct fixture *f = *state;
    for (size_t buffer = 1; buffer < 5000; buffer = buffer * 3 + 1) {
        const struct drill_forward_config odd = {.buffer = buffer};
        const struct drill_forward_config tls = {
            .buffer = buffer, .tls_in = f->server, .tls_out = f->client};
        play_through(f, TCP, TCP, &play, odd);
        play_through(f, TCP, f->milter_unix, &play, tls);
    }
}

/* What came before a reset, and was read here, arrives before the reset does. */
static void test_a_reset_behind_bytes(void **state)
{
    static const struct play plays[] = {
        {"o t4000000 x", "o e", 1000, "opened", "opened RST/104", NULL},
        {"o e", "o t4000000 x", 0, "opened RST/104", "opened", NULL},
    };
    for (size_t i = 0; i < COUNT(plays); i++) {
        struct chain c;
        struct told told = {.log = ""};
        struct drill_forward_tap tap = told_tap(&told);
        chain_begin(&c, *state, TCP, TCP, (struct drill_forward_config){.tap = &tap});
        chain_play(&c, plays[i].mta, plays[i].milter, plays[i].want);
        expect(&plays[i], TCP, "the MTA", c.mta.log, plays[i].mta_log);
        expect(&plays[i], TCP, "the milter", c.milter.log, plays[i].milter_log);
        assert_true(told.bytes[DRILL_TO_MILTER] + told.bytes[DRILL_TO_MTA] > 0);
        assert_int_equal(c.milter.sum, told.sum[DRILL_TO_MILTER]);
        assert_int_equal(c.mta.sum, told.sum[DRILL_TO_MTA]);
        chain_end(&c);
    }
}

/* ---- a milter that reads slowly ---- */

struct slow {
    struct chain chain;
    struct told told;
    uint64_t most; /* that was read, and is not at the milter */
};

static bool slow_played(void *ctx)
{
    struct slow *s = ctx;
    uint64_t between = s->told.bytes[DRILL_TO_MILTER] - s->chain.milter.got;
    s->most = between > s->most ? between : s->most;
    return chain_played(&s->chain);
}

/* UNIX sockets, whose buffers in the system are small (net.core.wmem_default). */
static void test_what_is_not_taken_is_not_read(void **state)
{
    struct fixture *f = *state;
    struct slow s = {.most = 0};
    struct drill_forward_tap tap = told_tap(&s.told);
    chain_begin(&s.chain, f, f->mta_unix, f->milter_unix,
                (struct drill_forward_config){.tap = &tap});
    stub_init(&s.chain.mta, "o t9000000 d");
    stub_init(&s.chain.milter, "o r9000000 e");
    s.chain.milter.want = 1000;
    assert_false(drill_net_run(f->net, slow_played, &s));
    assert_int_equal(s.chain.milter.got, 9000000);
    assert_true(s.most > 0 && s.most < 1000000);
    chain_end(&s.chain);
}

static void test_tls(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(everywhere); i++) {
        const struct drill_forward_config in = {.tls_in = f->server}, out = {.tls_out = f->client},
                                          both = {.tls_in = f->server, .tls_out = f->client};
        play_through(f, TCP, TCP, &everywhere[i], in);
        if (strcmp(everywhere[i].milter, "o h e") != 0) { /* no FIN instead of a handshake */
            play_through(f, TCP, TCP, &everywhere[i], out);
            play_through(f, TCP, f->milter_unix, &everywhere[i], both);
        }
    }
}

/* ---- faults on purpose ---- */

struct fault {
    const char *mta, *milter;
    enum drill_dir dir;
    uint64_t at;
    struct drill_forward_edit edit;
    const char *mta_log, *milter_log;
    uint64_t mta_got, milter_got;
    const char *told;
};

/* What is seen when the time comes is seen not before it. */
struct held {
    struct chain chain;
    struct told told;
    uint64_t until;
};

static void fault_play(struct fixture *f, const struct fault *p, const char *where)
{
    struct chain c;
    struct told told = {
        .log = "", .does = true, .dir = p->dir, .at = p->at, .edit = p->edit, .hold = 0};
    struct drill_forward_tap tap = told_tap(&told);
    tap.edit = told_edit;
    chain_begin(&c, f, where, where == f->mta_unix ? f->milter_unix : where,
                (struct drill_forward_config){.tap = &tap});
    chain_play(&c, p->mta, p->milter, 0);
    const struct play shown = {.mta = p->mta, .milter = p->milter};
    expect(&shown, where, "the MTA", c.mta.log, p->mta_log);
    expect(&shown, where, "the milter", c.milter.log, p->milter_log);
    expect(&shown, where, "the tap", told.log, p->told);
    assert_int_equal(c.mta.got, p->mta_got);
    assert_int_equal(c.milter.got, p->milter_got);
    assert_false(told.does);
    chain_end(&c);
}

static void test_faults(void **state)
{
    struct fixture *f = *state;
    const struct drill_span abc = drill_span_str("abc"), none = drill_span_of(NULL, 0);
    const struct fault everywhere_too[] = {
        {"o s5 e",
         "o r3 d",
         DRILL_TO_MILTER,
         5,
         {.send = abc},
         "opened FIN/0",
         "opened",
         0,
         3,
         "opened linked bytes> FIN/0< FIN/0> closed"},
        {"o s5 r3 d",
         "o s9 e",
         DRILL_TO_MTA,
         9,
         {.send = abc},
         "opened",
         "opened FIN/0",
         3,
         5,
         NULL},
        {"o s5 d", "o e", DRILL_TO_MILTER, 5, {.send = none}, "opened", "opened FIN/0", 0, 0, NULL},
        {"o s5 r9 s5 d",
         "o s9 e",
         DRILL_TO_MILTER,
         1,
         {.send = none, .mute = true},
         "opened",
         "opened FIN/0",
         9,
         0,
         NULL},
        {"o s5 e",
         "o e",
         DRILL_TO_MILTER,
         5,
         {.send = abc, .then = DRILL_END_FIN},
         "opened FIN/0",
         "opened FIN/0",
         0,
         3,
         "opened linked bytes> closed"},
        {"o s5 e",
         "o e",
         DRILL_TO_MILTER,
         5,
         {.mute = true, .then = DRILL_END_FIN},
         "opened FIN/0",
         "opened FIN/0",
         0,
         0,
         "opened linked bytes> closed"},
    };
    const struct fault tcp[] = {
        {"o s5 e",
         "o e",
         DRILL_TO_MILTER,
         5,
         {.send = abc, .then = DRILL_END_RST},
         "opened RST/104",
         "opened RST/104",
         0,
         3,
         "opened linked bytes> closed"},
        {"o e",
         "o s9 e",
         DRILL_TO_MTA,
         9,
         {.send = none, .then = DRILL_END_RST},
         "opened RST/104",
         "opened RST/104",
         0,
         0,
         "opened linked bytes< closed"},
    };
    for (size_t i = 0; i < COUNT(everywhere_too); i++) {
        fault_play(f, &everywhere_too[i], TCP);
        fault_play(f, &everywhere_too[i], f->mta_unix);
    }
    for (size_t i = 0; i < COUNT(tcp); i++) {
        fault_play(f, &tcp[i], TCP);
    }
}

/* Looked at after every wake-up: nothing of what is held has come before its time. */
static bool held_played(void *ctx)
{
    struct held *h = ctx;
    if (h->chain.milter.got > 0) {
        assert_true(drill_net_now(h->chain.f->net) >= h->until);
    }
    return chain_played(&h->chain);
}

static void held_edit(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now,
                      struct drill_forward_edit *edit)
{
    struct held *h = who;
    assert_true(bytes.len > 0);
    if (dir == DRILL_TO_MILTER && h->until == 0) {
        h->until = now + 20000;
        edit->not_before = h->until;
    }
}

static void *held_opened(void *ctx, uint64_t now, const struct drill_address *from)
{
    assert_true(now > 0 && from);
    return ctx;
}

/* Also the end behind the bytes is held. */
static void test_hold(void **state)
{
    struct held h = {.until = 0};
    struct drill_forward_tap tap = {.opened = held_opened, .edit = held_edit, .ctx = &h};
    chain_begin(&h.chain, *state, TCP, TCP, (struct drill_forward_config){.tap = &tap});
    stub_init(&h.chain.mta, "o s5 r3 s4 d");
    stub_init(&h.chain.milter, "o s3 e");
    assert_false(drill_net_run(h.chain.f->net, held_played, &h));
    assert_true(h.until > 0);
    assert_int_equal(h.chain.milter.got, 9);
    assert_string_equal(h.chain.milter.log, "opened FIN/0");
    chain_end(&h.chain);
}

/* ---- its life ---- */

static bool mta_played(void *ctx)
{
    return drill_net_conn_done(((struct chain *)ctx)->c);
}

/* The milter's listener is gone: nobody is at its address. */
static void refused_at(struct fixture *f, const char *in, const char *out, const char *script,
                       const char *log)
{
    struct chain c;
    struct told told = {.log = ""};
    struct drill_forward_tap tap = told_tap(&told);
    chain_begin(&c, f, in, out, (struct drill_forward_config){.tap = &tap});
    drill_net_conn_free(c.s);
    c.s = NULL;
    drill_net_listener_free(c.out);
    c.out = NULL;
    stub_init(&c.mta, script);
    assert_false(drill_net_run(f->net, mta_played, &c));
    assert_string_equal(c.mta.log, log);
    assert_string_equal(told.log, in == f->mta_unix ? "opened refused/2< closed"
                                                    : "opened refused/111< closed");
    chain_end(&c);
}

static void test_a_milter_that_cannot_be_reached(void **state)
{
    struct fixture *f = *state;
    refused_at(f, TCP, TCP, "o e", "opened RST/104");
    refused_at(f, f->mta_unix, f->milter_unix, "o e", "opened FIN/0");
}

/* Drained in mid-session: it goes on, but nobody else is let in. */
static void test_drain(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    struct drill_address a;
    struct drill_run late;
    struct told told = {.log = ""};
    struct drill_forward_tap tap = told_tap(&told);
    struct drill_error err;
    chain_begin(&c, f, TCP, TCP, (struct drill_forward_config){.tap = &tap});
    told.drains = c.forward;
    drill_net_listener_address(c.in, &a);
    chain_play(&c, "o s5 r5 s5 d", "o r5 s5 r5 e", 0);
    assert_string_equal(told.log, FINS);
    stub_init(&late, "o e");
    struct drill_net_conn *l = drill_net_connector(f->net, &a, &late, &err);
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_string_equal(late.log, "refused/111");
    drill_net_conn_free(l);
    chain_end(&c);
}

static bool milter_got(void *ctx)
{
    return ((struct chain *)ctx)->milter.got == 5;
}

static void test_free_with_open_connections(void **state)
{
    struct fixture *f = *state;
    struct chain c;
    struct told told = {.log = ""};
    struct drill_forward_tap tap = told_tap(&told);
    chain_begin(&c, f, TCP, TCP, (struct drill_forward_config){.tap = &tap});
    stub_init(&c.mta, "o s5 e");
    stub_init(&c.milter, "o e");
    assert_false(drill_net_run(f->net, milter_got, &c));
    assert_int_equal(drill_forward_open(c.forward), 1);
    drill_forward_free(c.forward);
    c.forward = NULL;
    assert_string_equal(told.log, "opened linked bytes> closed");
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_string_equal(c.mta.log, "opened FIN/0");
    assert_string_equal(c.milter.log, "opened FIN/0");
    chain_end(&c);
}

/* Nobody is told of it, and it is carried all the same. */
static void *untold_opened(void *ctx, uint64_t now, const struct drill_address *from)
{
    assert_true(!ctx && now > 0 && from);
    return NULL;
}

static void test_without_being_told(void **state)
{
    struct fixture *f = *state;
    struct told told = {.log = ""};
    struct drill_forward_tap tap = told_tap(&told);
    tap.opened = untold_opened;
    tap.ctx = NULL;
    for (size_t i = 0; i < 2; i++) {
        struct chain c;
        chain_begin(&c, f, TCP6, TCP6, (struct drill_forward_config){.tap = i ? &tap : NULL});
        chain_play(&c, "o s5 r7 d", "o r5 s7 e", 0);
        assert_string_equal(c.mta.log, "opened");
        assert_string_equal(c.milter.log, "opened FIN/0");
        chain_end(&c);
    }
    assert_string_equal(told.log, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_without),
        cmocka_unit_test(test_odd_chunks),
        cmocka_unit_test(test_a_reset_behind_bytes),
        cmocka_unit_test(test_what_is_not_taken_is_not_read),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_a_milter_that_cannot_be_reached),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_free_with_open_connections),
        cmocka_unit_test(test_without_being_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
