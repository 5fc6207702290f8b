/* SPDX-License-Identifier: MIT */
/* The simulator disturbed: chunks change nothing that is seen, and a connection is lost where and
 * how it was asked. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"
#include "sim/tcp.h"
#include "tests/stub_run.h"

struct both {
    struct drill_run mta, milter;
    enum drill_sim_result result;
    uint64_t now;
};

static void play(struct both *b, const char *mta, const char *milter, size_t window,
                 const struct drill_disturb *d)
{
    struct drill_sim *sim = drill_sim_new(NULL);
    struct drill_sim_config config = {
        .mta = &b->mta, .milter = &b->milter, .window = window, .disturb = d};
    assert_non_null(sim);
    stub_init(&b->mta, mta);
    stub_init(&b->milter, milter);
    b->result = drill_sim_play(sim, &config);
    b->now = drill_sim_now(sim);
    drill_sim_free(sim);
}

/* ---- chunks ---- */

static const char *const talks[][2] = {
    {"o s5 r7 d", "o r5 s7 e"},
    {"o s5 r7 s100 r7 s5 r7 h e", "o r5 s7 r100 s7 r5 s7 e"},
    {"o s5 e", "o q1 c"}, /* over unread input: an RST, whatever the chunks */
    {"o s5 e", "o q1 d"},
    {"o q2 r5 e", "o s5 x"}, /* what was queued before the RST is read first */
    {"o s9 d o s6 d", "o r9 e o r6 e"},
    {"o s3000 r3000 w60000000 s3 r1 d", "o r3000 s3000 r3 s1 e"},
};

static void same(const struct both *a, const struct both *b, const char *what)
{
    if (strcmp(a->mta.log, b->mta.log) != 0 || strcmp(a->milter.log, b->milter.log) != 0) {
        fail_msg("%s: \"%s\" saw \"%s\", \"%s\" saw \"%s\"", what, b->mta.script, b->mta.log,
                 b->milter.script, b->milter.log);
    }
    assert_int_equal(a->result, b->result);
    assert_int_equal(a->now, b->now);
    assert_int_equal(a->mta.sum, b->mta.sum);
    assert_int_equal(a->milter.sum, b->milter.sum);
    assert_true(b->mta.done && b->milter.done);
}

static void test_chunks_change_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
        struct both whole;
        struct both chunks;
        struct drill_disturb d = {.chunks = DRILL_DISTURB_BYTES};
        play(&whole, talks[i][0], talks[i][1], 0, NULL);
        play(&chunks, talks[i][0], talks[i][1], 0, &d);
        same(&whole, &chunks, "byte by byte");
        d.chunks = DRILL_DISTURB_RANDOM;
        for (d.seed = 0; d.seed < 50; d.seed++) {
            play(&chunks, talks[i][0], talks[i][1], 0, &d);
            same(&whole, &chunks, "seeded");
        }
        d.chunks = DRILL_DISTURB_ONCE;
        for (d.place.at = 1; d.place.at < 120; d.place.at++) {
            d.place.connection = 1 + (uint32_t)(d.place.at % 2);
            d.place.dir = d.place.at % 4 < 2 ? DRILL_TO_MILTER : DRILL_TO_MTA;
            play(&chunks, talks[i][0], talks[i][1], 0, &d);
            same(&whole, &chunks, "split once");
        }
    }
}

/* All bytes of a large exchange, both ways at once, through small windows. */
static void test_chunks_in_small_windows(void **state)
{
    (void)state;
    for (size_t window = 1; window < 3000; window = window * 5 + 1) {
        for (int chunks = DRILL_DISTURB_BYTES; chunks <= DRILL_DISTURB_RANDOM; chunks++) {
            struct both b;
            struct drill_disturb d = {.chunks = (enum drill_disturb_chunks)chunks,
                                      .place = {1, DRILL_TO_MTA, 777}};
            play(&b, "o s20000 r20000 d", "o s20000 r20000 e", window, &d);
            assert_int_equal(b.result, DRILL_SIM_OK);
            assert_int_equal(b.mta.got, 20000);
            assert_int_equal(b.milter.got, 20000);
        }
    }
}

static void test_stops_go_on(void **state)
{
    struct drill_disturb d = {.chunks = DRILL_DISTURB_RANDOM, .seed = 3};
    struct drill_disturb_place place = {1, DRILL_TO_MTA, 0};
    unsigned small = 0;
    unsigned large = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t stop = drill_disturb_stop(&d, &place);
        assert_true(stop > place.at);
        small += stop - place.at <= 8 ? 1 : 0;
        large += stop - place.at > 1000 ? 1 : 0;
        place.at = stop;
    }
    assert_true(small > 500 && large > 50);
    d.chunks = DRILL_DISTURB_BYTES;
    place.at = DRILL_DISTURB_MOST;
    assert_true(drill_disturb_stop(&d, &place) > place.at);
}

/* ---- one end, byte by byte ---- */

struct pair {
    struct drill_tcp tcp;
    uint8_t ring[2][64];
    uint8_t in[64];
    size_t n;
    struct drill_io_end end;
};

static void begin(struct pair *p, uint64_t stop)
{
    memset(p, 0, sizeof(*p));
    drill_tcp_init(&p->tcp, p->ring[0], p->ring[1], sizeof(p->ring[0]));
    drill_tcp_let(&p->tcp, 1, stop);
    assert_int_equal(drill_tcp_send(&p->tcp, 0, drill_span_str("0123456789"), &p->n, &p->end),
                     DRILL_IO_OK);
    assert_int_equal(p->n, 10);
}

static enum drill_io get(struct pair *p)
{
    p->n = 0;
    return drill_tcp_recv(&p->tcp, 1, p->in, sizeof(p->in), &p->n, &p->end);
}

static void test_held_until_let(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 3);
    assert_int_equal(get(&p), DRILL_IO_OK);
    assert_int_equal(p.n, 3);
    assert_false(p.tcp.end[1].held);
    assert_int_equal(get(&p), DRILL_IO_AGAIN);
    assert_true(p.tcp.end[1].held);
    drill_tcp_let(&p.tcp, 1, 4);
    assert_int_equal(get(&p), DRILL_IO_OK);
    assert_int_equal(p.n, 1);
    assert_int_equal(p.in[0], '3');
    drill_tcp_let(&p.tcp, 1, 100);
    assert_int_equal(get(&p), DRILL_IO_OK);
    assert_int_equal(p.n, 6);
    assert_int_equal(get(&p), DRILL_IO_AGAIN);
    assert_false(p.tcp.end[1].held);
}

/* An end stands behind what is held; until then a write does not hear of it. */
static void test_ends_come_last(void **state)
{
    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        struct pair p;
        begin(&p, 3);
        if (reset) {
            drill_tcp_reset(&p.tcp, 0);
        } else {
            drill_tcp_close(&p.tcp, 0);
        }
        assert_int_equal(get(&p), DRILL_IO_OK);
        assert_int_equal(get(&p), DRILL_IO_AGAIN);
        if (reset) {
            assert_int_equal(drill_tcp_send(&p.tcp, 1, drill_span_str("x"), &p.n, &p.end),
                             DRILL_IO_OK);
            assert_int_equal(p.n, 1);
        }
        drill_tcp_let(&p.tcp, 1, UINT64_MAX);
        assert_int_equal(get(&p), DRILL_IO_OK);
        assert_int_equal(p.n, 7);
        assert_int_equal(get(&p), DRILL_IO_END);
        assert_int_equal(p.end.how, reset ? DRILL_END_RST : DRILL_END_FIN);
    }
}

static void test_held_bytes_are_unread(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 10);
    assert_int_equal(get(&p), DRILL_IO_OK);
    drill_tcp_let(&p.tcp, 1, 10);
    assert_int_equal(drill_tcp_send(&p.tcp, 0, drill_span_str("x"), &p.n, &p.end), DRILL_IO_OK);
    assert_int_equal(get(&p), DRILL_IO_AGAIN);
    drill_tcp_close(&p.tcp, 1);
    assert_int_equal(drill_tcp_recv(&p.tcp, 0, p.in, 1, &p.n, &p.end), DRILL_IO_END);
    assert_int_equal(p.end.how, DRILL_END_RST);
}

static void test_drained_although_held(void **state)
{
    struct pair p;
    (void)state;
    begin(&p, 3);
    assert_int_equal(get(&p), DRILL_IO_OK);
    assert_int_equal(get(&p), DRILL_IO_AGAIN);
    drill_tcp_drain(&p.tcp, 1);
    drill_tcp_close(&p.tcp, 1);
    assert_int_equal(drill_tcp_recv(&p.tcp, 0, p.in, 1, &p.n, &p.end), DRILL_IO_END);
    assert_int_equal(p.end.how, DRILL_END_FIN);
}

/* ---- losses ---- */

struct loss {
    enum drill_disturb_loss loss;
    uint32_t connection;
    enum drill_dir dir;
    uint64_t at;
    const char *mta, *milter;
    const char *mta_log, *milter_log;
    uint64_t mta_got, milter_got;
};

static const struct loss losses[] = {
    /* what was sent before arrives, then both see the end */
    {DRILL_DISTURB_FIN, 1, DRILL_TO_MILTER, 3, "o s5 e", "o e", "opened FIN/0", "opened FIN/0", 0,
     3},
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 3, "o s5 e", "o e", "opened RST/104", "opened RST/104",
     0, 3},
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 0, "o s5 e", "o e", "opened RST/104", "opened RST/104",
     0, 0},
    {DRILL_DISTURB_FIN, 1, DRILL_TO_MTA, 6, "o s5 e", "o r5 s7 e", "opened FIN/0", "opened FIN/0",
     6, 5},
    {DRILL_DISTURB_RST, 1, DRILL_TO_MTA, 0, "o s5 e", "o r5 s7 e", "opened RST/104",
     "opened RST/104", 0, 5},
    /* a write after such a FIN is lost, the next one is told */
    {DRILL_DISTURB_FIN, 1, DRILL_TO_MILTER, 3, "o t5 t5 t5 e", "o e", "opened write:EPIPE/32",
     "opened FIN/0", 0, 3},
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 3, "o t5 t5 e", "o e", "opened write:RST/104",
     "opened RST/104", 0, 3},
    /* silence: nobody is told, not even of a close; a window's worth can be written */
    {DRILL_DISTURB_SILENCE, 1, DRILL_TO_MILTER, 3, "o s5 w9 x", "o w99 c", "opened tick",
     "opened tick", 0, 3},
    {DRILL_DISTURB_SILENCE, 1, DRILL_TO_MTA, 2, "o s5 w9 c", "o r5 s7 w99 d", "opened tick",
     "opened tick", 2, 5},
    {DRILL_DISTURB_SILENCE, 1, DRILL_TO_MILTER, 3, "o t200000 w1 d", "o w99 d", "opened tick",
     "opened tick", 0, 3},
    {DRILL_DISTURB_SILENCE, 1, DRILL_TO_MILTER, 3, "o t900000 d", "o e", "opened stuck",
     "opened stuck", 0, 3},
    /* before the milter took the connection */
    {DRILL_DISTURB_FIN, 1, DRILL_TO_MILTER, 3, "o s5 e", "w9 o e", "opened FIN/0",
     "tick opened FIN/0", 0, 3},
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 3, "o s5 e", "w9 o e", "opened RST/104",
     "tick opened RST/104", 0, 3},
    /* one connection is lost, the others are not */
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 3, "o s5 e o s6 d", "o e o r6 e",
     "opened RST/104 opened", "opened RST/104 opened FIN/0", 0, 9},
    {DRILL_DISTURB_FIN, 2, DRILL_TO_MILTER, 3, "o s5 d o s6 e", "o r5 e o e", "opened opened FIN/0",
     "opened FIN/0 opened FIN/0", 0, 8},
    /* a place that no byte comes to */
    {DRILL_DISTURB_RST, 1, DRILL_TO_MILTER, 5, "o s5 d", "o r5 e", "opened", "opened FIN/0", 0, 5},
    {DRILL_DISTURB_RST, 3, DRILL_TO_MILTER, 0, "o s5 d", "o r5 e", "opened", "opened FIN/0", 0, 5},
};

static void test_losses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
        const struct loss *l = &losses[i];
        struct both b;
        struct drill_disturb d = {.loss = l->loss, .place = {l->connection, l->dir, l->at}};
        play(&b, l->mta, l->milter, 0, &d);
        if (strcmp(b.mta.log, l->mta_log) != 0 || strcmp(b.milter.log, l->milter_log) != 0) {
            fail_msg("%zu: \"%s\" saw \"%s\", \"%s\" saw \"%s\"", i, l->mta, b.mta.log, l->milter,
                     b.milter.log);
        }
        assert_int_equal(b.mta.got, l->mta_got);
        assert_int_equal(b.milter.got, l->milter_got);
        assert_true(b.mta.done && b.milter.done);
    }
}

/* What did not arrive counts as in flight. */
static void test_in_flight(void **state)
{
    struct both b;
    struct drill_disturb d = {.loss = DRILL_DISTURB_RST, .place = {1, DRILL_TO_MILTER, 3}};
    (void)state;
    play(&b, "o s5 e", "o e", 0, &d);
    assert_int_equal(b.mta.flight, 2);
    assert_int_equal(b.milter.flight, 0);
}

struct taps {
    uint64_t bytes[2];
    unsigned calls;
};

static void tap(void *ctx, const struct drill_disturb_place *place, struct drill_span bytes)
{
    struct taps *t = ctx;
    assert_int_equal(place->connection, 1);
    assert_int_equal(place->at, t->bytes[place->dir]);
    t->bytes[place->dir] += bytes.len;
    t->calls++;
}

static void test_tap(void **state)
{
    struct both b;
    struct taps taps = {.calls = 0};
    struct drill_disturb d = {.chunks = DRILL_DISTURB_BYTES, .wrote = tap, .ctx = &taps};
    (void)state;
    play(&b, "o s5 r7 s100 r7 d", "o r5 s7 r100 s7 e", 50, &d);
    assert_int_equal(taps.bytes[DRILL_TO_MILTER], 105);
    assert_int_equal(taps.bytes[DRILL_TO_MTA], 14);
    assert_true(taps.calls >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_change_nothing),
        cmocka_unit_test(test_chunks_in_small_windows),
        cmocka_unit_test(test_stops_go_on),
        cmocka_unit_test(test_held_until_let),
        cmocka_unit_test(test_ends_come_last),
        cmocka_unit_test(test_held_bytes_are_unread),
        cmocka_unit_test(test_drained_although_held),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_in_flight),
        cmocka_unit_test(test_tap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
