/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "report/junit.h"

#include <stdio.h>
#include <string.h>

static const struct drill_junit_head plain = {.name = "suite"};

static void check(const struct drill_result_list *list, const struct drill_junit_head *head,
                  const char *want)
{
    struct drill_buf buf;
    drill_buf_init(&buf, NULL);
    assert_true(drill_junit_write(&buf, head, list));
    helper_assert_bytes(drill_buf_span(&buf), drill_span_str(want), "junit");
    drill_buf_fini(&buf);
}

static struct drill_report failure(void)
{
    struct drill_report r;
    memset(&r, 0, sizeof(r));
    r.result = DRILL_RESULT_FAIL;
    (void)snprintf(r.expected, sizeof(r.expected), "< reset");
    (void)snprintf(r.actual, sizeof(r.actual), "< continue");
    (void)snprintf(r.why, sizeof(r.why), "it is continue");
    (void)snprintf(r.before[0], sizeof(r.before[0]), "> quit");
    r.befores = 1;
    r.end = DRILL_END_FIN;
    return r;
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

static const struct drill_result_row rows[] = {
    {.scenario = "a/b/c.drill", .mode = "mta", .result = DRILL_RESULT_PASS, .elapsed = 61000250},
    {.scenario = "c.drill", .mode = "mta", .result = DRILL_RESULT_SKIP, .reason = "no MTA"},
    {.scenario = "/d.drill",
     .mode = "mta",
     .result = DRILL_RESULT_FAIL,
     .line = 9,
     .reason = "another frame came",
     .why = "F1",
     .repeat = "again"},
    {.scenario = "e.drill",
     .mode = "mta",
     .result = DRILL_RESULT_UNREACHABLE,
     .reason = "nobody there"},
    {.scenario = "f.drill", .result = DRILL_RESULT_ERROR},
};

static void test_every_result(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_report failed = failure();
    const struct drill_junit_property properties[] = {{"milter", "inet:1@x"}, {NULL, NULL}};
    const struct drill_junit_head head = {"run", "2026-01-02T03:04:05+00:00", "host", properties};
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct drill_result_row row = rows[i];
        row.report = row.result == DRILL_RESULT_FAIL ? &failed : NULL;
        drill_result_add(&list, &row);
    }
#define TOTALS "tests=\"5\" failures=\"1\" errors=\"2\" skipped=\"1\" time=\"61.000250\""
    check(&list, &head,
          HEAD
          "<testsuites name=\"milterdrill\" " TOTALS ">\n"
          "  <testsuite name=\"run\" " TOTALS " timestamp=\"2026-01-02T03:04:05+00:00\" "
          "hostname=\"host\">\n"
          "    <properties>\n"
          "      <property name=\"milter\" value=\"inet:1@x\"/>\n"
          "    </properties>\n"
          "    <testcase name=\"c.drill (mta)\" classname=\"a/b\" file=\"a/b/c.drill\" "
          "time=\"61.000250\"/>\n"
          "    <testcase name=\"c.drill (mta)\" classname=\".\" file=\"c.drill\" "
          "time=\"0.000000\">\n"
          "      <skipped message=\"no MTA\"/>\n"
          "    </testcase>\n"
          "    <testcase name=\"d.drill (mta)\" classname=\"/\" file=\"/d.drill\" line=\"9\" "
          "time=\"0.000000\">\n"
          "      <failure message=\"another frame came\" type=\"protocol\">"
          "/d.drill:9: another frame came\n"
          "expected  &lt; reset\n"
          "actual    &lt; continue\n"
          "          it is continue\n"
          "ending    FIN, 0 bytes in flight\n"
          "why       F1\n"
          "repeat    again\n"
          "</failure>\n"
          "      <system-out>&gt; quit\n&lt; continue\n</system-out>\n"
          "    </testcase>\n"
          "    <testcase name=\"e.drill (mta)\" classname=\".\" file=\"e.drill\" "
          "time=\"0.000000\">\n"
          "      <error message=\"nobody there\" type=\"unreachable\">e.drill: nobody there\n"
          "</error>\n"
          "    </testcase>\n"
          "    <testcase name=\"f.drill\" classname=\".\" file=\"f.drill\" time=\"0.000000\">\n"
          "      <error message=\"\" type=\"error\">f.drill: error\n</error>\n"
          "    </testcase>\n"
          "  </testsuite>\n</testsuites>\n");
    drill_arena_fini(&arena);
}

static void test_stopped(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_result_list list;
    drill_arena_init(&arena, NULL, 0);
    drill_result_init(&list, &arena);
    drill_result_stop(&list, "in \"use\"");
#define ONE "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000000\""
    check(&list, &plain,
          HEAD "<testsuites name=\"milterdrill\" " ONE ">\n"
               "  <testsuite name=\"suite\" " ONE ">\n"
               "    <testcase name=\"the whole run\" classname=\"milterdrill\" "
               "time=\"0.000000\">\n"
               "      <error message=\"in &quot;use&quot;\" type=\"stopped\"/>\n"
               "    </testcase>\n"
               "  </testsuite>\n</testsuites>\n");
    drill_arena_fini(&arena);
}

/* One reason, as the attribute `message` and as text. */
static const struct {
    const char *in, *attribute, *text;
} escapes[] = {
    {"]]>", "]]&gt;", "]]&gt;"},
    {"<&>'\"", "&lt;&amp;&gt;&apos;&quot;", "&lt;&amp;&gt;&apos;&quot;"},
    {"a\tb\nc", "a&#9;b&#10;c", "a\tb\nc"},
    {"\x1b[0m\r\x7f\x01", "\\x1b[0m\\x0d\\x7f\\x01", "\\x1b[0m\\x0d\\x7f\\x01"},
    {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe"},
    {"&amp;", "&amp;amp;", "&amp;amp;"},
    {"\xc3\xa9 \xf0\x9f\x93\xac", "\xc3\xa9 \xf0\x9f\x93\xac", "\xc3\xa9 \xf0\x9f\x93\xac"},
    {"\xef\xbf\xbf \xed\xa0\x80", "\\xef\\xbf\\xbf \\xed\\xa0\\x80",
     "\\xef\\xbf\\xbf \\xed\\xa0\\x80"},
};

static void test_what_xml_forbids(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++) {
        struct drill_arena arena;
        struct drill_result_list list;
        char want[1024];
        const struct drill_result_row row = {
            .scenario = "x", .result = DRILL_RESULT_ERROR, .reason = escapes[i].in};
        drill_arena_init(&arena, NULL, 0);
        drill_result_init(&list, &arena);
        drill_result_add(&list, &row);
        (void)snprintf(want, sizeof(want),
                       HEAD "<testsuites name=\"milterdrill\" " ONE ">\n"
                            "  <testsuite name=\"suite\" " ONE ">\n"
                            "    <testcase name=\"x\" classname=\".\" file=\"x\" "
                            "time=\"0.000000\">\n"
                            "      <error message=\"%s\" type=\"error\">x: %s\n</error>\n"
                            "    </testcase>\n  </testsuite>\n</testsuites>\n",
                       escapes[i].attribute, escapes[i].text);
        check(&list, &plain, want);
        drill_arena_fini(&arena);
    }
}

static bool write_all(void *ctx, const struct drill_alloc *alloc)
{
    (void)ctx;
    struct drill_arena arena;
    struct drill_result_list list;
    struct drill_buf buf;
    struct drill_report failed = failure();
    const struct drill_result_row row = {.scenario = "d.drill",
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
    bool ok = drill_junit_write(&buf, &plain, &list);
    if (ok && list.stopped) {
        assert_true(drill_buf_append(&buf, drill_span_of("", 1)));
        assert_non_null(strstr((const char *)buf.ptr, "type=\"stopped\""));
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
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_what_xml_forbids),
        cmocka_unit_test(test_refused_memory_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
