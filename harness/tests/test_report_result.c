/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "report/result.h"

#include <string.h>

static const char *special(uint32_t rune)
{
    return rune == '#' ? "[hash]" : rune == '\n' ? "[newline]" : NULL;
}

static const struct drill_result_escape escape = {"\\x", special};

static void check(struct drill_span in, const char *want)
{
    struct drill_buf buf;
    struct drill_result_out out = {&buf, false};
    struct drill_span exact = helper_exact(in);
    drill_buf_init(&buf, NULL);
    drill_result_put_text(&out, &escape, exact);
    assert_false(out.failed);
    helper_assert_bytes(drill_buf_span(&buf), drill_span_str(want), want);
    drill_buf_fini(&buf);
    helper_exact_free(exact);
}

static void test_text(void **state)
{
    (void)state;
    check(BYTES(""), "");
    check(BYTES("a#b\nc"), "a[hash]b[newline]c");
    check(BYTES("a\0b"), "a\\x00b");
    check(BYTES("\x1b\x7f\t"), "\\x1b\\x7f\\x09");
    check(BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xac"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xac");
    check(BYTES("\xf4\x8f\xbf\xbd"), "\xf4\x8f\xbf\xbd"); /* U+10FFFD */
}

/* RFC 3629: what looks like UTF-8 and is none. */
static void test_no_utf8(void **state)
{
    (void)state;
    check(BYTES("\x80"), "\\x80");
    check(BYTES("\xff\xfe"), "\\xff\\xfe");
    check(BYTES("\xc0\xaf"), "\\xc0\\xaf"); /* overlong */
    check(BYTES("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
    check(BYTES("\xf0\x80\x80\xaf"), "\\xf0\\x80\\x80\\xaf");
    check(BYTES("\xed\xa0\x80"), "\\xed\\xa0\\x80");          /* a surrogate */
    check(BYTES("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"); /* over U+10FFFF */
    check(BYTES("\xe2\x82"), "\\xe2\\x82");                   /* cut */
    check(BYTES("\xe2#\xac"), "\\xe2[hash]\\xac");
    check(BYTES("\xe2\x82\xc3\xa9"), "\\xe2\\x82\xc3\xa9");
}

/* Valid UTF-8 that a format forbids, or that plays tricks on the reader of a log. */
static void test_unprintable(void **state)
{
    (void)state;
    check(BYTES("\xc2\x85\xc2\xa0"), "\\xc2\\x85\xc2\xa0");
    check(BYTES("\xe2\x80\xa8\xe2\x80\xae"), "\\xe2\\x80\\xa8\\xe2\\x80\\xae");
    check(BYTES("\xef\xbb\xbf"), "\\xef\\xbb\\xbf");
    check(BYTES("\xef\xbf\xbe\xef\xbf\xbd"), "\\xef\\xbf\\xbe\xef\xbf\xbd");
    check(BYTES("\xf0\x9f\xbf\xbf"), "\\xf0\\x9f\\xbf\\xbf"); /* U+1FFFF */
}

static void test_rows_are_copies(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report report;
    char name[] = "x.drill";
    memset(&report, 0, sizeof(report));
    report.pos.line = 5;
    struct drill_result_row row = {
        .scenario = name, .result = DRILL_RESULT_FAIL, .report = &report};
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    drill_result_add(&list, &row);
    memset(name, '?', sizeof(name) - 1);
    memset(&report, 0, sizeof(report));
    assert_string_equal(list.first->scenario, "x.drill");
    assert_string_equal(list.first->why, "");
    assert_int_equal(list.first->report->pos.line, 5);
    assert_int_equal(drill_result_total(&list), 1);
    assert_null(list.first->next);
    assert_false(drill_result_nobody(&list));
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_no_utf8),
        cmocka_unit_test(test_unprintable),
        cmocka_unit_test(test_rows_are_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
