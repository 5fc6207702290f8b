/* SPDX-License-Identifier: MIT */
/* What a tap may break, how the forward begins and ends, and resets that come behind a FIN. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/forward_chain.h"

/* ---- faults on purpose ---- */

static void told_edit(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now,
                      struct drill_forward_edit *edit)
{
    struct told *t = who;
    assert_ptr_equal(edit->send.ptr, bytes.ptr);
    assert_true(now > 0 && edit->not_before == 0);
    if (t->does && dir == t->dir) {
        t->does = false;
        *edit = t->edit;
    }
}

struct fault {
    const char *mta, *milter;
    enum drill_dir dir;
    size_t buffer;
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
    struct told told = {.log = "", .does = true, .dir = p->dir, .edit = p->edit};
    struct drill_forward_tap tap = told_tap(&told);
    tap.edit = told_edit;
    chain_begin(&c, f, where, where == f->mta_unix ? f->milter_unix : where,
                (struct drill_forward_config){.tap = &tap, .buffer = p->buffer});
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

#define ABC                       \
    {                             \
        (const uint8_t *)"abc", 3 \
    }
#define NONE    \
    {           \
        NULL, 0 \
    }

static const struct fault faults_everywhere[] = {
    {"o s5 e",
     "o r3 d",
     DRILL_TO_MILTER,
     0,
     {.send = ABC},
     "opened FIN/0",
     "opened",
     0,
     3,
     "opened linked bytes> FIN/0< FIN/0> closed"},
    {"o s5 r3 d", "o s9 e", DRILL_TO_MTA, 0, {.send = ABC}, "opened", "opened FIN/0", 3, 5, NULL},
    {"o s5 d", "o e", DRILL_TO_MILTER, 0, {.send = NONE}, "opened", "opened FIN/0", 0, 0, NULL},
    {"o s5 r9 s5 d",
     "o s9 e",
     DRILL_TO_MILTER,
     0,
     {.send = NONE, .mute = true},
     "opened",
     "opened FIN/0",
     9,
     0,
     NULL},
    {"o s5 e",
     "o e",
     DRILL_TO_MILTER,
     0,
     {.send = ABC, .then = DRILL_END_FIN},
     "opened FIN/0",
     "opened FIN/0",
     0,
     3,
     "opened linked bytes> closed"},
    {"o s9 e",
     "o e",
     DRILL_TO_MILTER,
     5,
     {.send = ABC, .then = DRILL_END_FIN},
     "opened FIN/0",
     "opened FIN/0",
     0,
     3,
     "opened linked bytes> closed"},
    {"o s5 e",
     "o e",
     DRILL_TO_MILTER,
     0,
     {.mute = true, .then = DRILL_END_FIN},
     "opened FIN/0",
     "opened FIN/0",
     0,
     0,
     "opened linked bytes> closed"},
};

static const struct fault faults_tcp[] = {
    {"o s5 e",
     "o e",
     DRILL_TO_MILTER,
     0,
     {.send = ABC, .then = DRILL_END_RST},
     "opened RST/104",
     "opened RST/104",
     0,
     3,
     "opened linked bytes> closed"},
    {"o e",
     "o s9 e",
     DRILL_TO_MTA,
     0,
     {.send = NONE, .then = DRILL_END_RST},
     "opened RST/104",
     "opened RST/104",
     0,
     0,
     "opened linked bytes< closed"},
};

static void test_faults(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT(faults_everywhere); i++) {
        fault_play(f, &faults_everywhere[i], TCP);
        fault_play(f, &faults_everywhere[i], f->mta_unix);
    }
    for (size_t i = 0; i < COUNT(faults_tcp); i++) {
        fault_play(f, &faults_tcp[i], TCP);
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

/* ---- a FIN, and a reset behind it ---- */

struct raw {
    struct drill_net *net;
    struct drill_net_listener *in;
    struct drill_forward *forward;
    struct told told;
    const char *until;
    int listener, mta, milter;
};

static int raw_socket(struct sockaddr_in *at, uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_return_code(fd, errno);
    memset(at, 0, sizeof(*at));
    at->sin_family = AF_INET;
    at->sin_port = htons(port);
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return fd;
}

static bool raw_told(void *ctx)
{
    const struct raw *r = ctx;
    return strstr(r->told.log, r->until) != NULL;
}

static void raw_run(struct raw *r, const char *until)
{
    r->until = until;
    assert_false(drill_net_run(r->net, raw_told, r));
}

static void raw_begin(struct raw *r, struct fixture *f, size_t buffer)
{
    struct sockaddr_in at;
    socklen_t len = sizeof(at);
    struct drill_error err;
    struct drill_forward_tap tap = told_tap(&r->told);
    struct drill_forward_config config = {.buffer = buffer, .tap = &tap};
    struct drill_address a;
    memset(r, 0, sizeof(*r));
    r->net = f->net;
    r->listener = raw_socket(&at, 0);
    assert_return_code(bind(r->listener, (struct sockaddr *)(void *)&at, len), errno);
    assert_return_code(listen(r->listener, 1), errno);
    assert_return_code(getsockname(r->listener, (struct sockaddr *)(void *)&at, &len), errno);
    r->in = listen_on(f, TCP, &a);
    config.listener = r->in;
    assert_int_equal(drill_address_parse("inet:1@127.0.0.1", &config.milter, &err), DRILL_OK);
    config.milter.port = ntohs(at.sin_port);
    r->forward = drill_forward_new(f->net, &config, &err);
    assert_non_null(r->forward);
    r->mta = raw_socket(&at, a.port);
    assert_return_code(connect(r->mta, (struct sockaddr *)(void *)&at, len), errno);
    raw_run(r, "linked");
    r->milter = accept(r->listener, NULL, NULL);
    assert_return_code(r->milter, errno);
}

/* The MTA gets `bytes`, a FIN, and then EPIPE, as it would from such a milter itself. */
static void raw_end(struct raw *r, const char *bytes, const char *told)
{
    char buf[32];
    int error = 0;
    socklen_t len = sizeof(error);
    raw_run(r, "closed");
    assert_string_equal(r->told.log, told);
    assert_int_equal(recv(r->mta, buf, sizeof(buf), 0), strlen(bytes));
    assert_memory_equal(buf, bytes, strlen(bytes));
    assert_int_equal(recv(r->mta, buf, sizeof(buf), 0), 0);
    assert_return_code(getsockopt(r->mta, SOL_SOCKET, SO_ERROR, &error, &len), errno);
    assert_int_equal(error, EPIPE);
    drill_forward_free(r->forward);
    drill_net_listener_free(r->in);
    (void)close(r->mta);
    (void)close(r->listener);
}

static void test_a_reset_behind_a_fin(void **state)
{
    struct raw r;
    raw_begin(&r, *state, 0);
    assert_int_equal(send(r.milter, "ab", 2, 0), 2);
    assert_return_code(close(r.milter), errno);
    raw_run(&r, "FIN/0<");
    assert_int_equal(send(r.mta, "x", 1, MSG_NOSIGNAL), 1);
    raw_end(&r, "ab", "opened linked bytes< FIN/0< bytes> EPIPE/32< closed");
}

/* With reads of one byte a second write fails while the milter's own bytes lie there yet. */
static void test_a_reset_before_the_fin_is_read(void **state)
{
    struct raw r;
    raw_begin(&r, *state, 1);
    assert_int_equal(send(r.milter, "abcdefgh", 8, 0), 8);
    assert_return_code(close(r.milter), errno);
    assert_int_equal(send(r.mta, "xy", 2, MSG_NOSIGNAL), 2);
    raw_run(&r, "closed");
    assert_int_equal(r.told.bytes[DRILL_TO_MTA], 8);
    assert_non_null(strstr(r.told.log, " EPIPE/32< closed"));
    assert_null(strstr(r.told.log, "FIN"));
    raw_end(&r, "abcdefgh", r.told.log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_hold),
        cmocka_unit_test(test_a_milter_that_cannot_be_reached),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_free_with_open_connections),
        cmocka_unit_test(test_without_being_told),
        cmocka_unit_test(test_a_reset_behind_a_fin),
        cmocka_unit_test(test_a_reset_before_the_fin_is_read),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
