/* SPDX-License-Identifier: MIT */
/* The sweep: sound runners pass, and each planted fault is caught and named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/modelled.h"
#include "sim/sweep_state.h"
#include "tests/sweep_stub.h"

/* ---- the rest of the stub: what the sweep asks of a runner ---- */

const struct drill_report *drill_run_report(const struct drill_run *run)
{
    return &run->report;
}

const struct drill_mta *drill_run_mta(const struct drill_run *run)
{
    return stub_is_mta(run) ? &run->mta : NULL;
}

const struct drill_milter *drill_run_milter(const struct drill_run *run)
{
    return stub_is_mta(run) ? NULL : &run->milter;
}

/* In the place of session/milter.c's. */
uint64_t drill_milter_patience(const struct drill_milter *milter)
{
    return milter->connections ? UINT64_MAX : STUB_MINUTE;
}

bool drill_run_check_verdicts(struct drill_run *run, const struct drill_mta *mta)
{
    return run && mta;
}

bool drill_run_check_model(struct drill_run *run, const struct drill_mta *mta,
                           struct drill_arena *arena)
{
    (void)arena;
    return drill_run_check_verdicts(run, mta);
}

/* ---- sweeps ---- */

enum {
    /* three frames of 17, 5005 and 5 bytes, three replies of 5 */
    LARGE_POINTS = 2 * DRILL_SWEEP_EDGE + DRILL_SWEEP_SEEDED,
    POINTS = 17 + LARGE_POINTS + 5 + 3 * 5
};

struct sweeping {
    struct drill_sweep_config config;
    struct drill_sweep_outcome outcome;
    struct drill_sweep_failure first;
    uint64_t failures;
    uint64_t most; /* failures after which it is stopped; 0: none */
    uint64_t asks; /* of `stop`, before it says yes; 0: never */
};

static bool on_failure(void *ctx, const struct drill_sweep_failure *f)
{
    struct sweeping *s = ctx;
    if (s->failures++ == 0) {
        s->first = *f;
    }
    return s->failures != s->most;
}

static bool on_stop(void *ctx)
{
    struct sweeping *s = ctx;
    return s->asks && --s->asks == 0;
}

static void sweep(struct sweeping *s, enum drill_sweep_kind kind, enum drill_side file,
                  enum stub_fault fault)
{
    static const struct drill_file some;
    s->config.kind = kind;
    s->config.mta.ours = DRILL_SIDE_MTA;
    s->config.milter.ours = DRILL_SIDE_MILTER;
    s->config.mta.file = file == DRILL_SIDE_MTA ? &some : NULL;
    s->config.milter.file = file == DRILL_SIDE_MILTER ? &some : NULL;
    s->config.failed = on_failure;
    s->config.stop = on_stop;
    s->config.ctx = s;
    s->failures = 0;
    stub_fault = fault;
    drill_sweep_play(&s->config, NULL, &s->outcome);
    stub_fault = STUB_SOUND;
    assert_int_equal(s->failures, s->outcome.failures);
}

static void test_sound_runners_pass(void **state)
{
    (void)state;
    for (int file = 0; file < 2; file++) {
        enum drill_side side = file ? DRILL_SIDE_MILTER : DRILL_SIDE_MTA;
        struct sweeping s = {.most = 0};
        sweep(&s, DRILL_SWEEP_SPLITS, side, STUB_SOUND);
        assert_int_equal(s.outcome.end, DRILL_SWEEP_DONE);
        assert_int_equal(s.failures, 0);
        assert_int_equal(s.outcome.excused, 0);
        assert_int_equal(s.outcome.frames, 6);
        assert_int_equal(s.outcome.plays, 2 + POINTS - 2); /* no split at the start of a stream */
        s.config.chunkings = 7;
        sweep(&s, DRILL_SWEEP_SPLITS, side, STUB_SOUND);
        assert_int_equal(s.outcome.end, DRILL_SWEEP_DONE);
        assert_int_equal(s.failures, 0);
        assert_int_equal(s.outcome.plays, 8);
        sweep(&s, DRILL_SWEEP_CUTS, side, STUB_SOUND);
        assert_int_equal(s.outcome.end, DRILL_SWEEP_DONE);
        assert_int_equal(s.failures, 0);
        assert_int_equal(s.outcome.plays, 1 + 3 * POINTS);
        assert_int_equal(s.outcome.report.result, DRILL_RESULT_PASS);
        assert_int_equal(s.outcome.elapsed, 0);
    }
}

struct planted {
    enum stub_fault fault;
    enum drill_sweep_kind kind;
    enum drill_side file;
    const char *what;
    const char *expected, *actual;
};

static const struct planted planted[] = {
    {STUB_READ_IS_FRAME, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA,
     "byte by byte: the MTA saw another conversation", "< continue", "< close"},
    {STUB_FAILS_ON_SPLIT, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA,
     "byte by byte: the MTA came to another result", "pass", ""},
    {STUB_FAILS_ON_SPLIT, DRILL_SWEEP_SPLITS, DRILL_SIDE_MILTER,
     "byte by byte: the milter came to another result", "pass", ""},
    {STUB_TELLS_OTHERWISE, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA,
     "byte by byte: the SMTP client was told otherwise", "", ""},
    {STUB_NO_TIMEOUT, DRILL_SWEEP_CUTS, DRILL_SIDE_MTA,
     "lost in silence before byte 0 (of 17) of > optneg, frame 1 to the milter of connection 1: "
     "the "
     "milter (model) did not come to a clean end",
     "", ""},
    {STUB_CIRCLES, DRILL_SWEEP_CUTS, DRILL_SIDE_MTA,
     "lost by RST before byte 0 (of 17) of > optneg, frame 1 to the milter of connection 1: "
     "neither side came to an end",
     "", ""},
    {STUB_ERROR_IF_TORN, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER,
     "lost by FIN before byte 1 (of 17) of > optneg, frame 1 to the milter of connection 1: the "
     "milter did not come to a clean end",
     "", ""},
    {STUB_MODEL_FAILS, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER,
     "lost by FIN before byte 0 (of 17) of > optneg, frame 1 to the milter of connection 1: the "
     "MTA "
     "(model) did not come to a clean end",
     "", ""},
    {STUB_NO_OUTCOME, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER,
     "lost by FIN before byte 0 (of 17) of > optneg, frame 1 to the milter of connection 1: the "
     "MTA "
     "(model) began a message and told its client no outcome",
     "", ""},
};

static void test_planted_faults_are_caught(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(planted) / sizeof(*planted); i++) {
        const struct planted *p = &planted[i];
        struct sweeping s = {.most = 3};
        sweep(&s, p->kind, p->file, p->fault);
        if (s.failures == 0 || strncmp(s.first.what, p->what, strlen(p->what)) != 0) {
            fail_msg("fault %d: \"%s\"", (int)p->fault, s.failures ? s.first.what : "not caught");
        }
        assert_memory_equal(s.first.expected, p->expected, strlen(p->expected));
        assert_memory_equal(s.first.actual, p->actual, strlen(p->actual));
    }
}

/* A split is named by its place: here the only ones that matter are inside the 5 header bytes. */
static void test_splits_name_the_place(void **state)
{
    struct sweeping s = {.most = 0};
    (void)state;
    sweep(&s, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA, STUB_READ_IS_FRAME);
    assert_int_equal(s.outcome.end, DRILL_SWEEP_DONE);
    assert_int_equal(s.failures, 1 + 6 * 4);
    s.config.chunkings = 40;
    sweep(&s, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA, STUB_READ_IS_FRAME);
    assert_in_range(s.failures, 1, 40);
    assert_int_equal(s.first.disturb.chunks, DRILL_DISTURB_RANDOM);
    assert_memory_equal(s.first.what, "chunking ", 9);
}

static void test_nothing_to_compare_with(void **state)
{
    struct sweeping s = {.most = 0};
    (void)state;
    sweep(&s, DRILL_SWEEP_SPLITS, DRILL_SIDE_MTA, STUB_NEVER_PASSES);
    assert_int_equal(s.outcome.end, DRILL_SWEEP_NOT_PLAYED);
    assert_int_equal(s.outcome.plays, 1);
    assert_int_equal(s.outcome.report.result, DRILL_RESULT_FAIL);
    sweep(&s, DRILL_SWEEP_CUTS, DRILL_SIDE_MTA, STUB_NEVER_PASSES);
    assert_int_equal(s.outcome.end, DRILL_SWEEP_DONE); /* it need not pass */
}

static void test_a_milter_without_limits_may_wait(void **state)
{
    struct sweeping s = {.most = 0};
    (void)state;
    sweep(&s, DRILL_SWEEP_CUTS, DRILL_SIDE_MTA, STUB_WAITS_FOR_EVER);
    assert_int_equal(s.failures, 0);
    assert_int_equal(s.outcome.excused, POINTS);
    s.most = 1;
    sweep(&s, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER, STUB_WAITS_FOR_EVER);
    assert_int_equal(s.failures, 1); /* the runner of the file has its patience */
}

static void test_stops_when_asked(void **state)
{
    struct sweeping s = {.most = 2};
    (void)state;
    sweep(&s, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER, STUB_MODEL_FAILS);
    assert_int_equal(s.outcome.end, DRILL_SWEEP_STOPPED);
    assert_int_equal(s.failures, 2);
    s.asks = 11;
    sweep(&s, DRILL_SWEEP_CUTS, DRILL_SIDE_MILTER, STUB_SOUND);
    assert_int_equal(s.outcome.end, DRILL_SWEEP_STOPPED);
    assert_int_equal(s.outcome.plays, 11);
}

/* ---- the map ---- */

static void write_to(struct sweep_map *map, uint32_t connection, enum drill_dir dir, uint64_t at,
                     const char *bytes, size_t len)
{
    struct drill_disturb_place place = {connection, dir, at};
    sweep_map_wrote(map, &place, drill_span_of(bytes, len));
}

static void is_frame(const struct sweep_map *map, size_t index, uint32_t connection, uint64_t at,
                     uint64_t size, uint32_t number, uint8_t code)
{
    const struct sweep_frame *f = sweep_map_frame(map, index);
    assert_true(index < sweep_map_count(map));
    assert_int_equal(f->place.connection, connection);
    assert_int_equal(f->place.at, at);
    assert_int_equal(f->size, size);
    assert_int_equal(f->number, number);
    assert_int_equal(f->code, code);
    assert_ptr_equal(sweep_map_find(map, &f->place), f);
}

static void test_map_knows_frames_torn_ones_and_others(void **state)
{
    struct sweep_map map;
    struct drill_disturb_place place = {1, DRILL_TO_MILTER, 20};
    (void)state;
    sweep_map_init(&map, NULL);
    write_to(&map, 1, DRILL_TO_MILTER, 0, "\0\0\0\1N\0\0", 7);
    write_to(&map, 1, DRILL_TO_MTA, 0, "\0\0\0\1c", 5);
    write_to(&map, 1, DRILL_TO_MILTER, 7, "\0\3Bxy\0\0\0\7Lto", 12);
    write_to(&map, 2, DRILL_TO_MILTER, 0, "\0\0", 2);
    write_to(&map, 2, DRILL_TO_MTA, 0, "\0\0\0\1a\0\0\0\0zz", 11);
    write_to(&map, 2, DRILL_TO_MTA, 11, "more", 4);
    sweep_map_end(&map);
    assert_int_equal(sweep_map_count(&map), 7);
    is_frame(&map, 0, 1, 0, 5, 1, 'N');
    is_frame(&map, 1, 1, 0, 5, 1, 'c');
    is_frame(&map, 2, 1, 5, 7, 2, 'B');
    is_frame(&map, 3, 1, 12, 7, 3, 'L'); /* torn by the end of its connection */
    is_frame(&map, 4, 2, 0, 5, 1, 'a');
    is_frame(&map, 5, 2, 0, 2, 1, 0);
    is_frame(&map, 6, 2, 5, 10, 2, 0); /* a length of 0: no frames from there on */
    assert_null(sweep_map_find(&map, &place));
    sweep_map_fini(&map);
}

static void test_points(void **state)
{
    struct sweep_frame f = {.place = {1, DRILL_TO_MTA, 9}, .size = DRILL_SWEEP_FRAME};
    uint64_t differ = 0;
    (void)state;
    assert_int_equal(sweep_map_points(&f), DRILL_SWEEP_FRAME);
    assert_int_equal(sweep_map_point(&f, 4095, 1), 4095);
    f.size = 1000000;
    assert_int_equal(sweep_map_points(&f), LARGE_POINTS);
    assert_int_equal(sweep_map_point(&f, 63, 1), 63);
    assert_int_equal(sweep_map_point(&f, 64, 1), f.size - 64);
    assert_int_equal(sweep_map_point(&f, 127, 1), f.size - 1);
    for (uint64_t i = 128; i < LARGE_POINTS; i++) {
        uint64_t at = sweep_map_point(&f, i, 1);
        assert_true(at >= 64 && at < f.size - 64);
        assert_true(at == sweep_map_point(&f, i, 1));
        differ += at != sweep_map_point(&f, i, 2) ? 1 : 0;
    }
    assert_true(differ > 50);
}

static void *refuse_nth(void *ctx, void *ptr, size_t size)
{
    int *left = ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return (*left)-- > 0 ? realloc(ptr, size) : NULL;
}

/* Every allocation fails in turn. */
static void test_memory(void **state)
{
    (void)state;
    for (int nth = 0;; nth++) {
        static const struct drill_file some;
        struct drill_sweep_outcome outcome;
        struct drill_sweep_config config = {.kind = DRILL_SWEEP_SPLITS, .chunkings = 1};
        int left = nth;
        const struct drill_alloc alloc = {.resize = refuse_nth, .ctx = &left};
        config.mta.ours = DRILL_SIDE_MTA;
        config.milter.ours = DRILL_SIDE_MILTER;
        config.mta.file = &some;
        drill_sweep_play(&config, &alloc, &outcome);
        if (left > 0) {
            assert_int_equal(outcome.end, DRILL_SWEEP_DONE);
            break;
        }
        assert_true(left == 0 || outcome.end == DRILL_SWEEP_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_runners_pass),
        cmocka_unit_test(test_planted_faults_are_caught),
        cmocka_unit_test(test_splits_name_the_place),
        cmocka_unit_test(test_nothing_to_compare_with),
        cmocka_unit_test(test_a_milter_without_limits_may_wait),
        cmocka_unit_test(test_stops_when_asked),
        cmocka_unit_test(test_map_knows_frames_torn_ones_and_others),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
