/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "tests/helper_bytes.h"

/* The published first numbers of splitmix64 from state 1234567. */
static void test_next_is_splitmix64(void **state)
{
    struct drill_random r = {1234567};
    (void)state;
    assert_true(drill_random_next(&r) == UINT64_C(6457827717110365317));
    assert_true(drill_random_next(&r) == UINT64_C(3203168211198807973));
    assert_true(drill_random_next(&r) == UINT64_C(9817491932198370423));
}

static void test_below_stays_below_and_reaches_all(void **state)
{
    struct drill_random r = {1};
    unsigned seen[7] = {0};
    (void)state;
    for (int i = 0; i < 7000; i++) {
        uint64_t v = drill_random_below(&r, 7);
        assert_true(v < 7);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 800, 1200);
    }
    assert_int_equal(drill_random_below(&r, 0), 0);
    assert_int_equal(drill_random_below(&r, 1), 0);
    for (int i = 0; i < 100; i++) {
        assert_true(drill_random_below(&r, UINT64_MAX) < UINT64_MAX);
        assert_true(drill_random_below(&r, UINT64_C(1) << 63) < UINT64_C(1) << 63);
    }
}

static void test_mix_and_fold_tell_parts_apart(void **state)
{
    (void)state;
    assert_true(drill_random_mix(1, 2) != drill_random_mix(2, 1));
    assert_true(drill_random_mix(1, 2) == drill_random_mix(1, 2));
    uint64_t before = 0;
    uint8_t bytes[40] = {0};
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        struct drill_span exact = helper_exact(drill_span_of(bytes, len));
        uint64_t h = drill_random_fold(1, exact);
        assert_true(h != before && h != drill_random_fold(2, exact));
        before = h;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = 1;
            assert_true(drill_random_fold(1, drill_span_of(bytes, len)) != h);
            bytes[i] = 0;
        }
        helper_exact_free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_is_splitmix64),
        cmocka_unit_test(test_below_stays_below_and_reaches_all),
        cmocka_unit_test(test_mix_and_fold_tell_parts_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
