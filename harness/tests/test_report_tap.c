/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "report/tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a peer and a stranger's file may hold. */
#define NASTY "#1 \\ \"q\" \x1b[31m \xff\xc3( \xe2\x80\xae \xc3\xa9 a: b\r\n  ...\n"

static struct drill_report report(enum drill_result result)
{
    struct drill_report r;
    memset(&r, 0, sizeof(r));
    r.result = result;
    r.pos.line = 7;
    (void)snprintf(r.expected, sizeof(r.expected), "< reset");
    (void)snprintf(r.actual, sizeof(r.actual), "< replycode text=\"550 5.7.1 #\"");
    (void)snprintf(r.why, sizeof(r.why), "it is replycode");
    (void)snprintf(r.before[0], sizeof(r.before[0]), "> helo name=\"\\x00\"");
    (void)snprintf(r.before[1], sizeof(r.before[1]), "< continue");
    r.befores = 2;
    r.end = DRILL_END_RST;
    r.end_error = ECONNRESET;
    r.end_in_flight = 70021;
    return r;
}

static void check(const struct drill_result_list *list, unsigned version, const char *want)
{
    struct drill_buf buf;
    drill_buf_init(&buf, NULL);
    assert_true(drill_tap_write(&buf, list, version));
    helper_assert_bytes(drill_buf_span(&buf), drill_span_str(want), "tap");
    drill_buf_fini(&buf);
}

static void test_every_result(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report failed = report(DRILL_RESULT_FAIL);
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    const struct drill_result_row rows[] = {
        {.scenario = "a/b.drill", .mode = "mta", .result = DRILL_RESULT_PASS},
        {.scenario = "a/c.drill",
         .mode = "milter",
         .result = DRILL_RESULT_SKIP,
         .reason = "it asks the MTA"},
        {.scenario = "a/d.drill",
         .mode = "mta",
         .result = DRILL_RESULT_FAIL,
         .line = 7,
         .report = &failed,
         .reason = "another frame came",
         .why = "F002",
         .repeat = "milterdrill run a/d.drill"},
        {.scenario = "a/e.drill",
         .result = DRILL_RESULT_ERROR,
         .line = 2,
         .reason = "`helo` takes no `nmae`"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        drill_result_add(&list, &rows[i]);
    }
    check(&list, 14,
          "TAP version 14\n1..4\n"
          "ok 1 - a/b.drill (mta)\n"
          "ok 2 - a/c.drill (milter) # SKIP it asks the MTA\n"
          "not ok 3 - a/d.drill (mta)\n"
          "  ---\n"
          "  message: \"another frame came\"\n"
          "  severity: fail\n"
          "  expected: \"< reset\"\n"
          "  actual: \"< replycode text=\\\"550 5.7.1 #\\\"\"\n"
          "  differs: \"it is replycode\"\n"
          "  before:\n"
          "    - \"> helo name=\\\"\\\\x00\\\"\"\n"
          "    - \"< continue\"\n"
          "  ending: \"RST, Connection reset by peer (os error 104), 70021 bytes in flight\"\n"
          "  at: \"a/d.drill:7\"\n"
          "  why: \"F002\"\n"
          "  repeat: \"milterdrill run a/d.drill\"\n"
          "  ...\n"
          "not ok 4 - a/e.drill\n"
          "  ---\n"
          "  message: \"`helo` takes no `nmae`\"\n"
          "  severity: error\n"
          "  at: \"a/e.drill:2\"\n"
          "  ...\n");
    drill_arena_fini(&arena);
}

static void test_nasty_text_stays_on_its_line(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    const struct drill_result_row row = {
        .scenario = NASTY, .mode = "mta", .result = DRILL_RESULT_SKIP, .reason = NASTY};
    const struct drill_result_row bad = {
        .scenario = "x", .result = DRILL_RESULT_ERROR, .reason = NASTY "\tend"};
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    drill_result_add(&list, &row);
    drill_result_add(&list, &bad);
    check(
        &list, 13,
        "TAP version 13\n1..2\n"
        "ok 1 - \\#1 \\\\ \"q\" \\\\x1b[31m \\\\xff\\\\xc3( \\\\xe2\\\\x80\\\\xae \xc3\xa9 a: b"
        "\\\\x0d\\\\x0a  ...\\\\x0a (mta) # SKIP "
        "#1 \\ \"q\" \\x1b[31m \\xff\\xc3( \\xe2\\x80\\xae \xc3\xa9 a: b\\x0d\\x0a  ...\\x0a\n"
        "not ok 2 - x\n"
        "  ---\n"
        "  message: \"#1 \\\\ \\\"q\\\" \\\\x1b[31m \\\\xff\\\\xc3( \\\\xe2\\\\x80\\\\xae \xc3\xa9 "
        "a: b\\r\\n  ...\\n\\tend\"\n"
        "  severity: error\n"
        "  at: \"x\"\n"
        "  ...\n");
    drill_arena_fini(&arena);
}

static void test_bail_out(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report gone;
    memset(&gone, 0, sizeof(gone));
    gone.result = DRILL_RESULT_UNREACHABLE;
    gone.end = DRILL_END_REFUSED;
    gone.end_error = ECONNREFUSED;
    const struct drill_result_row nobody = {.scenario = "x",
                                            .mode = "mta",
                                            .result = DRILL_RESULT_UNREACHABLE,
                                            .report = &gone,
                                            .reason = "the milter could not be reached"};
    const struct drill_result_row pass = {
        .scenario = "y", .mode = "mta", .result = DRILL_RESULT_PASS};
#define ENDING "connection refused, Connection refused (os error 111), 0 bytes in flight"
#define POINT                                                                     \
    "not ok 1 - x (mta)\n  ---\n  message: \"the milter could not be reached\"\n" \
    "  severity: error\n  ending: \"" ENDING "\"\n  at: \"x\"\n  ...\n"
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    check(&list, 14, "TAP version 14\n1..0 # SKIP nothing was played\n");
    drill_result_add(&list, &nobody);
    check(&list, 14,
          "TAP version 14\n1..1\n" POINT "Bail out! the milter could not be reached: " ENDING "\n");
    drill_result_add(&list, &pass); /* it was there once: no reason to stop */
    check(&list, 14, "TAP version 14\n1..2\n" POINT "ok 2 - y (mta)\n");
    drill_result_init(&list, &arena);
    drill_result_stop(&list, "cannot listen\non x");
    drill_result_stop(&list, "second");
    check(&list, 14, "TAP version 14\nBail out! cannot listen\\x0aon x\n");
    drill_result_add(&list, &pass);
    check(&list, 14, "TAP version 14\n1..1\nok 1 - y (mta)\nBail out! cannot listen\\x0aon x\n");
    drill_arena_fini(&arena);
}

/* Rows or text: a refused allocation is never a shorter, all-passing report. */
static bool write_all(void *ctx, const struct drill_alloc *alloc)
{
    (void)ctx;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_buf buf;
    struct drill_report failed = report(DRILL_RESULT_FAIL);
    const struct drill_result_row row = {.scenario = "a/d.drill",
                                         .mode = "mta",
                                         .result = DRILL_RESULT_FAIL,
                                         .report = &failed,
                                         .reason = "another frame came"};
    drill_arena_init(&arena, alloc, 0);
    drill_buf_init(&buf, alloc);
    drill_result_init(&list, &arena);
    for (int i = 0; i < 8; i++) {
        drill_result_add(&list, &row);
    }
    bool ok = drill_tap_write(&buf, &list, 14);
    if (ok && list.stopped) {
        struct drill_span last = drill_span_sub(drill_buf_span(&buf), 0, buf.len - 1);
        while (last.len && drill_span_find(last, '\n') < last.len) {
            last = drill_span_sub(last, drill_span_find(last, '\n') + 1, last.len);
        }
        assert_memory_equal(last.ptr, "Bail out!", 9);
        ok = false;
    }
    drill_buf_fini(&buf);
    drill_arena_fini(&arena);
    return ok;
}

static void test_refused_memory_shows(void **state)
{
    (void)state;
    helper_every_alloc(write_all, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_result),
        cmocka_unit_test(test_nasty_text_stays_on_its_line),
        cmocka_unit_test(test_bail_out),
        cmocka_unit_test(test_refused_memory_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
