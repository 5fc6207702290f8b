/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"

static bool take_many(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena a;
    bool ok = true;
    (void)ctx;
    drill_arena_init(&a, alloc, 0);
    for (size_t size = 0; size < 20000 && ok; size = size * 2 + 1) {
        uint8_t *p = drill_arena_take(&a, size);
        ok = p != NULL;
        if (ok) {
            assert_int_equal((uintptr_t)p % sizeof(max_align_t), 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(p[i], 0);
            }
            memset(p, 0xff, size);
        }
    }
    drill_arena_fini(&a);
    assert_int_equal(a.held, 0);
    return ok;
}

static void test_arena_gives_zeroed_aligned_memory_or_null(void **state)
{
    (void)state;
    helper_every_alloc(take_many, NULL);
}

static void test_arena_zeroes_again_after_a_reset(void **state)
{
    struct helper_alloc h;
    struct drill_arena a;
    (void)state;
    helper_alloc_init(&h, 0);
    drill_arena_init(&a, &h.alloc, 0);
    memset(drill_arena_take(&a, 100), 0xff, 100);
    assert_non_null(drill_arena_take(&a, 100000));
    assert_int_equal(h.live, 2);
    drill_arena_reset(&a);
    assert_int_equal(h.live, 1);
    size_t asked = h.asked;
    uint8_t *p = drill_arena_take(&a, 100);
    assert_int_equal(h.asked, asked);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    drill_arena_fini(&a);
    assert_int_equal(h.live, 0);
}

static void test_arena_keeps_its_limit_and_stays_usable(void **state)
{
    struct drill_arena a;
    (void)state;
    drill_arena_init(&a, NULL, 10000);
    assert_null(drill_arena_take(&a, 20000));
    assert_null(drill_arena_take(&a, SIZE_MAX));
    assert_null(drill_arena_take(&a, SIZE_MAX - 64));
    size_t taken = 0;
    while (drill_arena_take(&a, 2000)) {
        taken++;
        assert_true(a.held <= 10000);
    }
    assert_int_equal(taken, 2);
    assert_non_null(drill_arena_take(&a, 50));
    drill_arena_fini(&a);
}

/* One of thousands: a large piece does not make the next block as large. */
static void test_arena_lean_holds_little(void **state)
{
    struct drill_arena a;
    (void)state;
    drill_arena_init(&a, NULL, 0);
    a.lean = true;
    assert_non_null(drill_arena_take(&a, 100));
    assert_in_range(a.held, 100, 1000);
    assert_non_null(drill_arena_take(&a, 4000));
    assert_non_null(drill_arena_take(&a, 600));
    assert_in_range(a.held, 4700, 6500);
    drill_arena_fini(&a);
    assert_int_equal(a.held, 0);
}

static void test_arena_copy_has_a_nul_behind_it(void **state)
{
    struct drill_arena a;
    (void)state;
    drill_arena_init(&a, NULL, 0);
    struct drill_span s = drill_arena_copy(&a, BYTES("a\0b"));
    helper_assert_bytes(s, BYTES("a\0b"), "copy");
    assert_int_equal(s.ptr[3], 0);
    assert_non_null(drill_arena_copy(&a, drill_span_of(NULL, 0)).ptr);
    drill_arena_fini(&a);
}

static bool grow_buf(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_buf b;
    bool ok = true;
    (void)ctx;
    drill_buf_init(&b, alloc);
    for (size_t i = 0; i < 2000 && ok; i++) {
        size_t before = b.len;
        ok = drill_buf_append(&b, BYTES("0123456789"));
        assert_int_equal(b.len, ok ? before + 10 : before);
    }
    for (size_t i = 0; i < b.len; i++) {
        assert_int_equal(b.ptr[i], '0' + i % 10);
    }
    drill_buf_fini(&b);
    assert_null(b.ptr);
    return ok;
}

static void test_buf_grows_or_stays_as_it_was(void **state)
{
    (void)state;
    helper_every_alloc(grow_buf, NULL);
}

static void test_buf_refuses_what_no_memory_can_hold(void **state)
{
    struct drill_buf b;
    (void)state;
    drill_buf_init(&b, NULL);
    assert_false(drill_buf_reserve(&b, SIZE_MAX));
    assert_true(drill_buf_append(&b, drill_span_of(NULL, 0)));
    assert_true(drill_buf_append(&b, BYTES("x")));
    assert_false(drill_buf_reserve(&b, SIZE_MAX - 1));
    helper_assert_bytes(drill_buf_span(&b), BYTES("x"), "after refusals");
    drill_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_gives_zeroed_aligned_memory_or_null),
        cmocka_unit_test(test_arena_zeroes_again_after_a_reset),
        cmocka_unit_test(test_arena_keeps_its_limit_and_stays_usable),
        cmocka_unit_test(test_arena_lean_holds_little),
        cmocka_unit_test(test_arena_copy_has_a_nul_behind_it),
        cmocka_unit_test(test_buf_grows_or_stays_as_it_was),
        cmocka_unit_test(test_buf_refuses_what_no_memory_can_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
