/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "report/github.h"

#include <stdio.h>
#include <string.h>

static void check(const struct drill_result_list *list, const char *want)
{
    struct drill_buf buf;
    drill_buf_init(&buf, NULL);
    assert_true(drill_github_write(&buf, list));
    helper_assert_bytes(drill_buf_span(&buf), drill_span_str(want), "annotations");
    drill_buf_fini(&buf);
}

static void test_only_what_went_wrong(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report failed;
    memset(&failed, 0, sizeof(failed));
    failed.result = DRILL_RESULT_FAIL;
    (void)snprintf(failed.expected, sizeof(failed.expected), "< reset");
    (void)snprintf(failed.actual, sizeof(failed.actual), "< replycode text=\"100%%\"");
    const struct drill_result_row rows[] = {
        {.scenario = "a.drill", .mode = "mta", .result = DRILL_RESULT_PASS},
        {.scenario = "b.drill", .mode = "mta", .result = DRILL_RESULT_SKIP, .reason = "no"},
        {.scenario = "c.drill",
         .mode = "mta",
         .result = DRILL_RESULT_FAIL,
         .line = 7,
         .report = &failed,
         .reason = "another frame came",
         .why = "F1: x",
         .repeat = "again"},
        {.scenario = "d.drill", .result = DRILL_RESULT_ERROR, .reason = "bad"},
        {.scenario = "e.drill",
         .mode = "mta",
         .result = DRILL_RESULT_UNREACHABLE,
         .reason = "nobody"},
    };
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    check(&list, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        drill_result_add(&list, &rows[i]);
    }
    drill_result_stop(&list, "interrupted");
    check(&list,
          "::error title=milterdrill::interrupted\n"
          "::error file=c.drill,line=7,title=milterdrill%3A c.drill (mta)::another frame came"
          "%0Aexpected  < reset%0Aactual    < replycode text=\"100%25\""
          "%0Awhy       F1: x%0Arepeat    again\n"
          "::error file=d.drill,title=milterdrill%3A d.drill::bad\n"
          "::error file=e.drill,title=milterdrill%3A e.drill (mta)::nobody\n");
    drill_arena_fini(&arena);
}

static void test_a_text_cannot_become_a_command(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    const struct drill_result_row row = {.scenario = "a,line=1::b\n::warning::c%.drill",
                                         .result = DRILL_RESULT_ERROR,
                                         .reason = "x\r\n::stop-commands::y%0A\x1b\xff"};
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    drill_result_add(&list, &row);
#define NAME "a%2Cline=1%3A%3Ab%0A%3A%3Awarning%3A%3Ac%25.drill"
    check(&list, "::error file=" NAME ",title=milterdrill%3A " NAME
                 "::x%0D%0A::stop-commands::y%250A\\x1b\\xff\n");
    drill_arena_fini(&arena);
}

static void test_ten_at_most(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_buf buf;
    const struct drill_result_row row = {.scenario = "x", .result = DRILL_RESULT_ERROR};
    size_t lines = 0;
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&buf, NULL);
    drill_result_init(&list, &arena);
    for (int i = 0; i < 25; i++) {
        drill_result_add(&list, &row);
    }
    assert_true(drill_github_write(&buf, &list));
    for (size_t i = 0; i < buf.len; i++) {
        lines += buf.ptr[i] == '\n';
    }
    assert_int_equal(lines, DRILL_GITHUB_MOST);
    drill_buf_fini(&buf);
    drill_arena_fini(&arena);
}

static bool write_one(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_buf buf;
    drill_buf_init(&buf, alloc);
    bool ok = drill_github_write(&buf, ctx);
    drill_buf_fini(&buf);
    return ok;
}

static void test_refused_memory_shows(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    const struct drill_result_row row = {.scenario = "x", .result = DRILL_RESULT_ERROR};
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    for (int i = 0; i < 25; i++) {
        drill_result_add(&list, &row);
    }
    helper_every_alloc(write_one, &list);
    drill_arena_fini(&arena);
}

/* A cell stays a cell whatever a peer or a file name says. */
static void test_summary(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report failed;
    struct drill_buf buf;
    memset(&failed, 0, sizeof(failed));
    failed.result = DRILL_RESULT_FAIL;
    (void)snprintf(failed.expected, sizeof(failed.expected), "< reset");
    (void)snprintf(failed.actual, sizeof(failed.actual), "a|b\\\xff");
    const struct drill_result_row rows[] = {
        {.scenario = "a.drill", .mode = "mta", .result = DRILL_RESULT_PASS},
        {.scenario = "c_*`.drill",
         .mode = "mta",
         .result = DRILL_RESULT_FAIL,
         .line = 7,
         .report = &failed,
         .reason = "another\nframe"},
    };
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&buf, NULL);
    drill_result_init(&list, &arena);
    drill_result_add(&list, &rows[0]);
    drill_result_add(&list, &rows[1]);
    assert_true(drill_github_summary(&buf, "t", &list));
    helper_assert_bytes(
        drill_buf_span(&buf),
        drill_span_str(
            "### t\n\n| passed | failed | skipped | errors | unreachable |\n"
            "|---|---|---|---|---|\n| 1 | 1 | 0 | 0 | 0 |\n\n"
            "| scenario | line | mode | what | expected | actual |\n|---|---|---|---|---|---|\n"
            "| c&#95;&#42;&#96;.drill | 7 | mta | another frame | &lt; reset "
            "| a&#124;b&#92;&#92;xff |\n\n"),
        "summary");
    drill_buf_fini(&buf);
    drill_arena_fini(&arena);
}

/* No more rows than are promised, and the rest is counted. */
static void test_summary_is_bounded(void **state)
{
    (void)state;
    enum { MORE = 3 };
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_buf buf;
    const struct drill_result_row row = {
        .scenario = "a.drill", .result = DRILL_RESULT_ERROR, .reason = "bad"};
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&buf, NULL);
    drill_result_init(&list, &arena);
    for (int i = 0; i < DRILL_GITHUB_ROWS + MORE; i++) {
        drill_result_add(&list, &row);
    }
    assert_true(drill_github_summary(&buf, "t", &list));
    unsigned rows = 0;
    drill_buf_append(&buf, drill_span_of("", 1));
    for (const char *p = (const char *)buf.ptr; (p = strstr(p, "a.drill")) != NULL; p++) {
        rows++;
    }
    assert_int_equal(rows, DRILL_GITHUB_ROWS);
    assert_non_null(strstr((const char *)buf.ptr, "and 3 more"));
    drill_buf_fini(&buf);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_went_wrong),
        cmocka_unit_test(test_a_text_cannot_become_a_command),
        cmocka_unit_test(test_ten_at_most),
        cmocka_unit_test(test_refused_memory_shows),
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_summary_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
