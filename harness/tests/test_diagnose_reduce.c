/* SPDX-License-Identifier: MIT */
/* Searching: what is found, how many questions it takes, and that it stops when it is told to. */
#include "tests/helper_bytes.h"

#include <string.h>

#include "diagnose/reduce.h"

struct oracle {
    size_t needed[4], needs; /* units, or the bytes from needed[0] to needed[1] */
    uint64_t limit;          /* numbers over it fail */
    bool below;              /* numbers under it fail */
    size_t asked, batches, most;
};

static enum drill_answer answer(struct oracle *o, bool fails)
{
    return o->asked++ >= o->most ? DRILL_ANSWER_NONE
           : fails               ? DRILL_ANSWER_SAME
                                 : DRILL_ANSWER_OTHER;
}

static void units(void *ctx, const bool *sets, size_t count, size_t n, enum drill_answer *answers)
{
    struct oracle *o = ctx;
    o->batches++;
    for (size_t i = 0; i < count; i++) {
        bool all = true;
        for (size_t k = 0; k < o->needs; k++) {
            all = all && sets[i * n + o->needed[k]];
        }
        answers[i] = answer(o, all);
    }
}

static void numbers(void *ctx, const uint64_t *list, size_t count, enum drill_answer *answers)
{
    struct oracle *o = ctx;
    o->batches++;
    for (size_t i = 0; i < count; i++) {
        answers[i] = answer(o, o->below ? list[i] < o->limit : list[i] > o->limit);
    }
}

static void windows(void *ctx, const size_t *from, const size_t *to, size_t count,
                    enum drill_answer *answers)
{
    struct oracle *o = ctx;
    o->batches++;
    for (size_t i = 0; i < count; i++) {
        answers[i] = answer(o, from[i] <= o->needed[0] && to[i] >= o->needed[1]);
    }
}

static bool reduce(struct oracle *o, bool *keep, size_t n, size_t wide)
{
    static bool trial[8 * 4096];
    struct drill_units u = {keep, trial, n, wide, units, o};
    memset(keep, true, n * sizeof(*keep));
    return drill_reduce_units(&u);
}

static void test_what_is_needed_is_left(void **state)
{
    static bool keep[4096];
    (void)state;
    for (size_t wide = 1; wide <= 8; wide += 7) {
        for (size_t n = 1; n < 70; n++) {
            for (size_t a = 0; a < n; a++) {
                struct oracle o = {{a, n - 1, n / 2, 0}, 3, 0, false, 0, 0, SIZE_MAX};
                assert_true(reduce(&o, keep, n, wide));
                for (size_t i = 0; i < n; i++) {
                    assert_int_equal(keep[i], i == a || i == n - 1 || i == n / 2);
                }
            }
        }
    }
}

static void test_nothing_needed_leaves_nothing(void **state)
{
    static bool keep[100];
    struct oracle o = {.most = SIZE_MAX};
    (void)state;
    assert_true(reduce(&o, keep, 100, 1));
    assert_null(memchr(keep, true, 100));
}

/* One of 4096: the halves take 2 * 12 questions at most, and one pass to be sure. */
static void test_few_questions(void **state)
{
    static bool keep[4096];
    struct oracle o = {{4095}, 1, 0, false, 0, 0, SIZE_MAX};
    (void)state;
    assert_true(reduce(&o, keep, 4096, 1));
    assert_in_range(o.asked, 1, 28);
}

static void test_units_stop(void **state)
{
    static bool keep[64];
    (void)state;
    for (size_t most = 0; most < 12; most++) {
        struct oracle o = {{5, 60}, 2, 0, false, 0, 0, most};
        assert_false(reduce(&o, keep, 64, 1));
        assert_true(keep[5] && keep[60]);
    }
}

static void test_neighbours_are_found(void **state)
{
    (void)state;
    for (size_t wide = 1; wide <= 8; wide++) {
        for (uint64_t limit = 0; limit < 300; limit++) {
            struct oracle o = {.limit = limit, .most = SIZE_MAX};
            struct drill_bisect b = {0, 300, 0, wide, numbers, &o};
            assert_true(drill_bisect(&b));
            assert_int_equal(b.pass, limit);
            assert_int_equal(b.fail, limit + 1);
        }
    }
    struct oracle o = {.limit = 65535, .most = SIZE_MAX};
    struct drill_bisect b = {1, UINT64_C(1) << 40, 0, 1, numbers, &o};
    assert_true(drill_bisect(&b));
    assert_int_equal(b.fail, 65536);
    assert_in_range(o.asked, 1, 40);
    struct oracle down = {.limit = 4, .below = true, .most = SIZE_MAX};
    struct drill_bisect d = {6, 1, 0, 1, numbers, &down};
    assert_true(drill_bisect(&d));
    assert_int_equal(d.pass, 4);
    assert_int_equal(d.fail, 3);
}

static void test_more_at_once_takes_fewer_rounds(void **state)
{
    struct oracle o = {.limit = 123456, .most = SIZE_MAX};
    struct drill_bisect b = {0, 1000000, 0, 8, numbers, &o};
    (void)state;
    assert_true(drill_bisect(&b));
    assert_int_equal(b.fail, 123457);
    assert_in_range(o.batches, 1, 7);
}

static void test_bisect_stops(void **state)
{
    struct oracle o = {.limit = 10, .most = 3};
    struct drill_bisect b = {0, 1000, 0, 1, numbers, &o};
    (void)state;
    assert_false(drill_bisect(&b));
    assert_true(b.pass <= 10 && b.fail > 10);
}

static void test_the_piece_is_found(void **state)
{
    (void)state;
    for (size_t wide = 1; wide <= 8; wide += 7) {
        for (size_t from = 0; from < 40; from++) {
            for (size_t to = from + 1; to <= 40; to++) {
                struct oracle o = {{from, to}, 2, 0, false, 0, 0, SIZE_MAX};
                struct drill_window w = {0, 40, wide, windows, &o};
                assert_true(drill_reduce_window(&w));
                assert_int_equal(w.from, from);
                assert_int_equal(w.to, to);
            }
        }
    }
    struct oracle o = {{7, 20}, 2, 0, false, 0, 0, 2};
    struct drill_window w = {0, 40, 1, windows, &o};
    assert_false(drill_reduce_window(&w));
    assert_true(w.from <= 7 && w.to >= 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_needed_is_left),
        cmocka_unit_test(test_nothing_needed_leaves_nothing),
        cmocka_unit_test(test_few_questions),
        cmocka_unit_test(test_units_stop),
        cmocka_unit_test(test_neighbours_are_found),
        cmocka_unit_test(test_more_at_once_takes_fewer_rounds),
        cmocka_unit_test(test_bisect_stops),
        cmocka_unit_test(test_the_piece_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
