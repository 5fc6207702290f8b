/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "scenario/cache.h"

#include <stdio.h>

/* Gives each name as content, counts its calls, and does not find "gone". */
static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    (*(size_t *)ctx)++;
    if (drill_span_equal(name, drill_span_str("gone"))) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no such file");
    }
    *bytes = drill_span_str("content");
    return DRILL_OK;
}

static enum drill_code ask(const struct drill_cache *c, const char *name, struct drill_span *bytes)
{
    struct drill_error err;
    return c->loader.load(c->loader.ctx, drill_span_str(name), bytes, &err);
}

static void test_each_name_once(void **state)
{
    (void)state;
    size_t calls = 0;
    const struct drill_loader under = {load, &calls};
    struct drill_arena arena;
    struct drill_cache cache;
    struct drill_span bytes;
    char name[16];
    drill_arena_init(&arena, NULL, 0);
    drill_cache_init(&cache, &under, &arena);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 500; i++) { /* more names than buckets; one buffer for all of them */
            (void)snprintf(name, sizeof(name), "n%d", i);
            assert_int_equal(ask(&cache, name, &bytes), DRILL_OK);
            helper_assert_bytes(bytes, drill_span_str("content"), name);
        }
    }
    assert_int_equal(calls, 500);
    drill_arena_fini(&arena);
}

/* Thousands of chunks of one message are one load. */
static void test_slices_of_one_file(void **state)
{
    (void)state;
    static struct drill_errors errors;
    size_t calls = 0;
    const struct drill_loader under = {load, &calls};
    struct drill_arena arena;
    struct drill_cache cache;
    struct drill_buf text;
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&text, NULL);
    drill_cache_init(&cache, &under, &arena);
    assert_true(drill_buf_append(&text, drill_span_str("drill 1 \"x\"\n")));
    for (int i = 0; i < 5000; i++) {
        assert_true(drill_buf_append(&text, drill_span_str("> body data=file \"m\" 2..4\n")));
    }
    assert_non_null(drill_parse(drill_buf_span(&text), "f", &cache.loader, &arena, &errors));
    assert_int_equal(calls, 1);
    drill_buf_fini(&text);
    drill_arena_fini(&arena);
}

static void test_failures_are_not_kept(void **state)
{
    (void)state;
    size_t calls = 0;
    const struct drill_loader under = {load, &calls};
    struct drill_arena arena;
    struct drill_cache cache;
    struct drill_span bytes;
    drill_arena_init(&arena, NULL, 0);
    drill_cache_init(&cache, &under, &arena);
    assert_int_equal(ask(&cache, "gone", &bytes), DRILL_ERR_NOTFOUND);
    assert_int_equal(ask(&cache, "gone", &bytes), DRILL_ERR_NOTFOUND);
    assert_int_equal(calls, 2);
    drill_arena_fini(&arena);
}

static bool load_with(void *ctx, const struct drill_alloc *alloc)
{
    size_t calls = 0;
    const struct drill_loader under = {load, &calls};
    struct drill_arena arena;
    struct drill_cache cache;
    struct drill_span bytes;
    (void)ctx;
    drill_arena_init(&arena, alloc, 0);
    drill_cache_init(&cache, &under, &arena);
    enum drill_code code = ask(&cache, "a", &bytes);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    drill_arena_fini(&arena);
    return code == DRILL_OK;
}

static void test_no_memory(void **state)
{
    (void)state;
    helper_every_alloc(load_with, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_name_once),
        cmocka_unit_test(test_slices_of_one_file),
        cmocka_unit_test(test_failures_are_not_kept),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
