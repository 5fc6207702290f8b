/* SPDX-License-Identifier: MIT */
/* Plays that talk through the forward see what they would see without it. */
#include "tests/forward_chain.h"

/* ---- both ends see what they would without ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_without),
        cmocka_unit_test(test_odd_chunks),
        cmocka_unit_test(test_a_reset_behind_bytes),
        cmocka_unit_test(test_what_is_not_taken_is_not_read),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
