/* SPDX-License-Identifier: MIT */
/* What programs read: one JSON object a line, each with a schema, whatever came. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/json.h"

static struct drill_buf out;

/* The one line that was written, parsed. */
static json_t *line(const char *event)
{
    json_error_t err;
    assert_true(out.len > 1 && out.ptr[out.len - 1] == '\n');
    assert_null(memchr(out.ptr, '\n', out.len - 1));
    json_t *o = json_loadb((const char *)out.ptr, out.len, JSON_REJECT_DUPLICATES, &err);
    out.len = 0;
    assert_non_null(o);
    assert_int_equal(json_integer_value(json_object_get(o, "schema")), 1);
    assert_string_equal(json_string_value(json_object_get(o, "event")), event);
    return o;
}

static void has_text(const json_t *o, const char *key, const char *want)
{
    const char *have = json_string_value(json_object_get(o, key));
    if (!have || strcmp(have, want) != 0) {
        fail_msg("%s is %s, not %s", key, have ? have : "(none)", want);
    }
}

static void has_int(const json_t *o, const char *key, int want)
{
    assert_true(json_is_integer(json_object_get(o, key)));
    assert_int_equal(json_integer_value(json_object_get(o, key)), want);
}

static int setup(void **state)
{
    (void)state;
    drill_buf_init(&out, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_buf_fini(&out);
    return 0;
}

static void test_a_frame_has_name_word_and_notation(void **state)
{
    struct drill_seen s = {.kind = DRILL_SEEN_FRAME,
                           .dir = DRILL_TO_MILTER,
                           .ours = true,
                           .now = 30,
                           .code = DRILL_SMFIC_HELO,
                           .length = 3,
                           .size = 2,
                           .payload = drill_span_of("h\0", 2),
                           .whole = true,
                           .sent = 4,
                           .total = 7};
    (void)state;
    drill_json_seen(&out, &s, 10);
    json_t *o = line("frame");
    has_int(o, "us", 20);
    has_text(o, "dir", ">");
    assert_true(json_is_true(json_object_get(o, "ours")));
    has_text(o, "name", "SMFIC_HELO");
    has_text(o, "word", "helo");
    has_text(o, "text", "> helo name=\"h\"");
    has_int(o, "length", 3);
    has_int(o, "size", 2);
    has_int(o, "sent", 4);
    json_decref(o);
}

/* Bytes that are no UTF-8, controls, a payload of any length: every line is valid JSON. */
static void test_any_bytes_give_valid_lines(void **state)
{
    static uint8_t bytes[3000];
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i * 7);
    }
    for (unsigned code = 0; code < 256; code++) {
        for (size_t n = 0; n < sizeof(bytes); n = n * 2 + 1) {
            struct drill_seen s = {.kind = code & 1 ? DRILL_SEEN_RAW : DRILL_SEEN_FRAME,
                                   .dir = code & 2 ? DRILL_TO_MTA : DRILL_TO_MILTER,
                                   .code = (uint8_t)code,
                                   .size = n,
                                   .payload = drill_span_of(bytes, n),
                                   .whole = n < 1000};
            drill_json_seen(&out, &s, 0);
            json_decref(line(code & 1 ? "raw" : "frame"));
        }
    }
}

static void test_an_ending_has_its_word_and_errno(void **state)
{
    static const char *const words[] = {"none", "fin", "rst", "epipe", "refused", "error"};
    (void)state;
    for (int how = DRILL_END_NONE; how <= DRILL_END_ERROR; how++) {
        struct drill_seen s = {.kind = DRILL_SEEN_END,
                               .dir = DRILL_TO_MTA,
                               .how = (enum drill_end)how,
                               .error = 104,
                               .in_flight = 9};
        drill_json_seen(&out, &s, 0);
        json_t *o = line("end");
        has_text(o, "end", words[how]);
        has_int(o, "errno", 104);
        has_int(o, "in_flight", 9);
        json_decref(o);
    }
}

static void test_open_and_quiet(void **state)
{
    struct drill_seen s = {.kind = DRILL_SEEN_OPEN};
    (void)state;
    drill_json_seen(&out, &s, 0);
    json_decref(line("open"));
    s.kind = DRILL_SEEN_QUIET;
    s.note = "gave up waiting";
    drill_json_seen(&out, &s, 0);
    json_t *o = line("quiet");
    has_text(o, "note", "gave up waiting");
    json_decref(o);
}

static void test_a_result_says_why_only_when_it_failed(void **state)
{
    static struct drill_report r = {.result = DRILL_RESULT_FAIL,
                                    .pos = {7, 1},
                                    .what = "the frame differs",
                                    .expected = "< accept",
                                    .actual = "< reject",
                                    .end = DRILL_END_RST,
                                    .end_error = 104,
                                    .frames_sent = 3};
    struct drill_json_result j = {
        .scenario = "a.drill", .mode = "mta", .report = &r, .elapsed = 12, .repeats = 1};
    (void)state;
    drill_json_result(&out, &j);
    json_t *o = line("result");
    has_text(o, "scenario", "a.drill");
    has_text(o, "result", "fail");
    has_int(o, "line", 7);
    has_text(o, "what", "the frame differs");
    has_text(o, "expected", "< accept");
    has_text(o, "actual", "< reject");
    has_text(o, "end", "rst");
    has_int(o, "frames_sent", 3);
    assert_int_equal(json_array_size(json_object_get(o, "rules")), 0);
    json_decref(o);
    uint32_t broken[DRILL_RULES] = {0};
    broken[DRILL_RULE_AFTER_ACCEPT] = 2;
    broken[DRILL_RULE_UNASKED] = 1;
    j.broken = broken;
    r.result = DRILL_RESULT_PASS;
    drill_json_result(&out, &j);
    o = line("result");
    const json_t *rules = json_object_get(o, "rules");
    assert_int_equal(json_array_size(rules), 2);
    assert_string_equal(json_string_value(json_array_get(rules, 0)), "M4");
    assert_string_equal(json_string_value(json_array_get(rules, 1)), "F1");
    has_text(o, "result", "pass");
    assert_null(json_object_get(o, "line"));
    assert_null(json_object_get(o, "what"));
    json_decref(o);
}

static void test_an_outcome_has_modifications_and_where_it_ended(void **state)
{
    const struct drill_explain e = {.frames = 4,
                                    .code = DRILL_SMFIC_HEADER,
                                    .size = 70000,
                                    .bytes = 99,
                                    .ended = true,
                                    .by_peer = true,
                                    .how = DRILL_END_RST,
                                    .error = 104};
    const struct drill_mod mod = {.code = DRILL_SMFIR_QUARANTINE,
                                  .payload = {(const uint8_t *)"\xff\0", 2}};
    const struct drill_json_outcome j = {.outcome = "tempfail",
                                         .smtp = "451 caf\xe9",
                                         .log = "",
                                         .what = "w",
                                         .limit = "",
                                         .explain = &e,
                                         .mods = &mod};
    (void)state;
    drill_json_outcome(&out, &j);
    json_t *o = line("outcome");
    has_text(o, "outcome", "tempfail");
    has_text(o, "smtp", "\"451 caf\\xe9\"");
    has_text(o, "end", "rst");
    has_text(o, "frame", "header");
    has_int(o, "frame_number", 4);
    has_int(o, "frame_size", 70000);
    has_int(o, "bytes_before", 99);
    assert_null(json_object_get(o, "log"));
    json_t *mods = json_object_get(o, "modifications");
    assert_int_equal(json_array_size(mods), 1);
    assert_string_equal(json_string_value(json_array_get(mods, 0)),
                        "< quarantine reason=\"\\xff\"");
    json_decref(o);
}

static void test_a_summary_counts(void **state)
{
    const struct drill_json_count c = {
        .pass = 1, .fail = 2, .skip = 3, .error = 4, .unreachable = 5};
    (void)state;
    drill_json_summary(&out, &c);
    json_t *o = line("summary");
    has_int(o, "pass", 1);
    has_int(o, "fail", 2);
    has_int(o, "skip", 3);
    has_int(o, "error", 4);
    has_int(o, "unreachable", 5);
    json_decref(o);
}

static void test_an_smtp_reply_has_its_command_and_its_bytes(void **state)
{
    const struct drill_smtp_reply reply = {.told = {.message = 2,
                                                    .stage = DRILL_SMFIC_BODYEOB,
                                                    .final = true,
                                                    .code = 550,
                                                    .line = {(const uint8_t *)"550 caf\xe9", 8}},
                                           .session = 1,
                                           .at = 70,
                                           .how = DRILL_END_NONE};
    (void)state;
    drill_json_smtp(&out, &reply, 20);
    json_t *o = line("smtp");
    has_int(o, "us", 50);
    has_int(o, "session", 1);
    has_int(o, "message", 2);
    has_text(o, "stage", "bodyeob");
    has_int(o, "code", 550);
    has_text(o, "line", "550 caf\\xe9");
    has_text(o, "end", "none");
    assert_true(json_is_true(json_object_get(o, "final")));
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_has_name_word_and_notation),
        cmocka_unit_test(test_any_bytes_give_valid_lines),
        cmocka_unit_test(test_an_ending_has_its_word_and_errno),
        cmocka_unit_test(test_open_and_quiet),
        cmocka_unit_test(test_a_result_says_why_only_when_it_failed),
        cmocka_unit_test(test_an_outcome_has_modifications_and_where_it_ended),
        cmocka_unit_test(test_a_summary_counts),
        cmocka_unit_test(test_an_smtp_reply_has_its_command_and_its_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
