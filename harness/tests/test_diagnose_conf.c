/* SPDX-License-Identifier: MIT */
/* Limits out of configuration files, and what is said of them. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/conf.h"

static struct drill_arena arena;

static int setup(void **state)
{
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_arena_fini(&arena);
    return 0;
}

static struct drill_conf_limit *read_all(const char *text)
{
    struct drill_conf_limit *list = NULL;
    assert_int_equal(drill_conf_read(drill_span_str(text), "f", &arena, &list, NULL), DRILL_OK);
    return list;
}

static void test_values(void **state)
{
    static const struct {
        const char *line;
        bool has_value;
        uint64_t value;
    } rows[] = {
        {"StreamMaxLength 25M", true, 25 << 20},
        {"  StreamMaxLength\t10k \r", true, 10 << 10},
        {"MaxFileSize 4000", true, 4000},
        {"MaxScanTime 120000", true, 120000000},
        {"ReadTimeout 300", true, 300000000},
        {"message_size_limit = 10240000", true, 10240000},
        {"milter_command_timeout = 30s", true, 30000000},
        {"milter_content_timeout=5m", true, 300000000},
        {"  \"maxResponseSize\": 52428800,", true, 52428800},
        {"{\"timeoutData\": \"60s\"}", true, 60000000},
        {"{\"MtaMilter\":{\"enable\":true,\"timeoutData\":60000}}", true, 60000000},
        {"[{\"maxResponseSize\": 10, \"x\": null}]", true, 10},
        {"\"timeoutData\": 60000", true, 60000000},
        {"\"timeoutData\": \"1m\",", true, 60000000},
        {"OnFail Defer", false, 0},
        {"StreamMaxLength", false, 0},
        {"StreamMaxLength many", false, 0},
        {"StreamMaxLength 99999999999999999999999G", true, UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct drill_conf_limit *l = read_all(rows[i].line);
        if (!l || l->next || l->has_value != rows[i].has_value || l->line != 1 ||
            (l->has_value && l->value != rows[i].value)) {
            fail_msg("%s: %llu", rows[i].line, (unsigned long long)(l ? l->value : 0));
        }
    }
}

static void test_what_is_not_known_is_passed_over(void **state)
{
    (void)state;
    struct drill_conf_limit *l = read_all("# StreamMaxLength 1M\nLogFile /x\n\nMaxFileSize 1M\n"
                                          "StreamMaxLengthX 1\nMaxFileSize");
    assert_non_null(l);
    assert_int_equal(l->line, 4);
    assert_int_equal(l->next->line, 6);
    assert_null(l->next->next);
    assert_null(read_all(""));
}

static void test_json_on_one_line(void **state)
{
    (void)state;
    struct drill_conf_limit *l =
        read_all(" {\"MtaMilter\": {\"maxResponseSize\": 100,\n \"timeoutData\": \"30s\", "
                 "\"hostname\": \"timeoutData\", \"tempFailOnError\": false}}\n");
    assert_string_equal(l->key, "maxResponseSize");
    assert_true(drill_span_equal(l->text, drill_span_str("\"maxResponseSize\": 100")));
    assert_int_equal(l->line, 1);
    assert_string_equal(l->next->key, "timeoutData");
    assert_int_equal(l->next->value, 30000000);
    assert_int_equal(l->next->line, 2);
    assert_string_equal(l->next->next->key, "tempFailOnError");
    assert_false(l->next->next->has_value);
    assert_null(l->next->next->next);
}

static void test_json_that_is_none(void **state)
{
    struct drill_conf_limit *list = NULL;
    struct drill_error err;
    (void)state;
    assert_int_equal(
        drill_conf_read(drill_span_str("{\n\"timeoutData\": 1,\n}"), "f.json", &arena, &list, &err),
        DRILL_ERR_SYNTAX);
    assert_int_equal(err.line, 3);
    assert_null(list);
}

static void test_what_is_no_text_is_an_error(void **state)
{
    struct drill_conf_limit *list = NULL;
    struct drill_error err;
    (void)state;
    assert_int_equal(drill_conf_read(BYTES("x\0y"), "clamd.conf", &arena, &list, &err),
                     DRILL_ERR_SYNTAX);
    assert_non_null(strstr(err.text, "no configuration"));
    assert_null(list);
}

static void says(const char *line, const struct drill_trigger *t, size_t body, const char *want)
{
    struct drill_subject s = {.body = {NULL, body}};
    struct drill_diagnosis d = {
        .triggers = (struct drill_trigger *)(uintptr_t)t, .most_reply = 100, .slowest = 5000};
    char text[400];
    struct drill_conf_met met;
    drill_conf_met(&s, &d, &met);
    drill_conf_compare(read_all(line), &met, text, sizeof(text));
    if (!strstr(text, want)) {
        fail_msg("%s: \"%s\" lacks \"%s\"", line, text, want);
    }
}

static void test_compared(void **state)
{
    const struct drill_trigger size = {.kind = DRILL_TRIGGER_BODY_SIZE,
                                       .measured = true,
                                       .largest_pass = 1048000,
                                       .smallest_fail = 1048001};
    (void)state;
    says("StreamMaxLength 1M", &size, 2000000, "this is the limit that was met (1048000 bytes");
    says("StreamMaxLength 5M", &size, 2000000, "here 2000002 bytes: not met");
    says("StreamMaxLength 1M", NULL, 2000000, "over it");
    says("StreamMaxLength 0", NULL, 2000000, "0: no limit");
    says("OnFail Defer", NULL, 5, "what the milter replies");
    says("\"maxResponseSize\": 50", NULL, 5, "here 100 bytes: over it");
    says("milter_command_timeout = 30", NULL, 5, "here 5000 us: not met");
}

static bool read_with(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena own;
    struct drill_conf_limit *list = NULL;
    (void)ctx;
    drill_arena_init(&own, alloc, 0);
    enum drill_code code =
        drill_conf_read(drill_span_str("OnFail x\nMaxFileSize 1\n"), "f", &own, &list, NULL);
    drill_arena_fini(&own);
    return code == DRILL_OK;
}

static void test_each_refused_allocation_is_an_error(void **state)
{
    (void)state;
    helper_every_alloc(read_with, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_what_is_not_known_is_passed_over),
        TEST(test_json_on_one_line),
        TEST(test_json_that_is_none),
        TEST(test_what_is_no_text_is_an_error),
        TEST(test_compared),
        TEST(test_each_refused_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
