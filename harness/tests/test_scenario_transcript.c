/* SPDX-License-Identifier: MIT */
/* What was seen as lines of a scenario, which parse to the same bytes again. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "scenario/compose.h"
#include "scenario/parse.h"
#include "scenario/transcript.h"

static struct drill_arena arena;
static struct drill_transcript t;

static int setup(void **state)
{
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    drill_transcript_init(&t, "talk", &arena, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_transcript_fini(&t);
    drill_arena_fini(&arena);
    return 0;
}

static void is_text(const char *want)
{
    helper_assert_bytes(drill_buf_span(&t.text), drill_span_str(want), want);
    t.text.len = 0;
}

static struct drill_seen frame(enum drill_dir dir, uint8_t code, struct drill_span payload)
{
    struct drill_seen s = {.kind = DRILL_SEEN_FRAME,
                           .dir = dir,
                           .code = code,
                           .length = (uint32_t)payload.len + 1,
                           .size = payload.len,
                           .payload = payload,
                           .whole = true,
                           .sent = payload.len + 5,
                           .total = payload.len + 5};
    return s;
}

static void test_a_frame_is_a_typed_line_if_that_gives_the_same_bytes(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HELO, BYTES("h\0"));
    (void)state;
    drill_transcript_seen(&t, &s);
    is_text("> helo name=\"h\"\n");
    s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HELO, BYTES("h"));
    drill_transcript_seen(&t, &s);
    is_text("> helo data=\"h\"\n");
    s = frame(DRILL_TO_MTA, 0x7f, BYTES("h"));
    drill_transcript_seen(&t, &s);
    is_text("< frame code=127 data=\"h\"\n");
}

static void test_faults_of_ours_are_kept(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HELO, BYTES("h\0"));
    (void)state;
    s.ours = true;
    s.length = 99;
    drill_transcript_seen(&t, &s);
    is_text("> helo name=\"h\" length=99\n");
    s.length = 3;
    s.total = s.sent = 6;
    drill_transcript_seen(&t, &s);
    is_text("> helo name=\"h\" cut=6\n");
    s.total = 7; /* the connection ended in the middle of the write: the line says all of it */
    s.sent = 6;
    drill_transcript_seen(&t, &s);
    is_text("> helo name=\"h\"\n");
}

static void test_events_are_lines(void **state)
{
    static const struct {
        enum drill_seen_kind kind;
        enum drill_dir dir;
        bool ours;
        enum drill_end how;
        const char *note, *line;
    } cases[] = {
        {DRILL_SEEN_OPEN, DRILL_TO_MILTER, true, DRILL_END_NONE, NULL, "> open\n"},
        {DRILL_SEEN_END, DRILL_TO_MTA, false, DRILL_END_FIN, NULL, "< close\n"},
        {DRILL_SEEN_END, DRILL_TO_MTA, false, DRILL_END_EPIPE, NULL, "< close\n"},
        {DRILL_SEEN_END, DRILL_TO_MTA, false, DRILL_END_RST, NULL, "< reset\n"},
        {DRILL_SEEN_END, DRILL_TO_MTA, false, DRILL_END_REFUSED, NULL, "< refuse\n"},
        {DRILL_SEEN_END, DRILL_TO_MTA, false, DRILL_END_ERROR, NULL, "< hangup\n"},
        {DRILL_SEEN_END, DRILL_TO_MILTER, true, DRILL_END_FIN, NULL, "> close\n"},
        {DRILL_SEEN_END, DRILL_TO_MILTER, true, DRILL_END_FIN, "half-close", "> half-close\n"},
        {DRILL_SEEN_QUIET, DRILL_TO_MTA, true, DRILL_END_NONE, "gave up waiting",
         "# gave up waiting\n"},
        {DRILL_SEEN_QUIET, DRILL_TO_MTA, false, DRILL_END_NONE, NULL, "# silence\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct drill_seen s = {.kind = cases[i].kind,
                               .dir = cases[i].dir,
                               .ours = cases[i].ours,
                               .how = cases[i].how,
                               .note = cases[i].note};
        drill_transcript_seen(&t, &s);
        is_text(cases[i].line);
    }
}

static uint8_t large[3000];

static void test_values_over_a_kilobyte_go_to_a_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(large); i++) {
        large[i] = (uint8_t)('a' + i % 26);
    }
    struct drill_seen s =
        frame(DRILL_TO_MILTER, DRILL_SMFIC_BODY, drill_span_of(large, DRILL_TRANSCRIPT_INLINE));
    drill_transcript_seen(&t, &s);
    assert_null(t.files);
    t.text.len = 0;
    s = frame(DRILL_TO_MILTER, DRILL_SMFIC_BODY, drill_span_of(large, DRILL_TRANSCRIPT_INLINE + 1));
    drill_transcript_seen(&t, &s);
    is_text("> body data=file \"talk.1.bin\"\n");
    helper_assert_bytes(t.files->bytes, s.payload, "the file");
    memcpy(large, "To\0", 3);
    large[2999] = 0;
    s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HEADER, drill_span_of(large, 3000));
    drill_transcript_seen(&t, &s);
    is_text("> header name=\"To\" value=file \"talk.2.bin\"\n");
    helper_assert_bytes(t.files->next->bytes, drill_span_of(large + 3, 2996), "the value");
    s.code = DRILL_SMFIC_MACRO;
    drill_transcript_seen(&t, &s);
    is_text("> macro data=file \"talk.3.bin\"\n");
    s.code = 0x7e;
    drill_transcript_seen(&t, &s);
    is_text("> frame code=126 data=file \"talk.4.bin\"\n");
    s.kind = DRILL_SEEN_RAW;
    drill_transcript_seen(&t, &s);
    is_text("> raw data=file \"talk.5.bin\"\n");
}

static void test_a_long_run_of_one_byte_stays_in_the_line(void **state)
{
    static uint8_t run[70000];
    (void)state;
    memset(run, 'a', sizeof(run));
    memcpy(run, "To\0", 3);
    run[69999] = 0;
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HEADER, drill_span_of(run, 70000));
    drill_transcript_seen(&t, &s);
    is_text("> header name=\"To\" value=\"a\" * 69996\n");
    assert_null(t.files);
}

static void test_a_frame_that_was_not_kept_makes_it_incomplete(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MTA, DRILL_SMFIR_REPLBODY, BYTES("x"));
    (void)state;
    assert_false(t.incomplete);
    s.whole = false;
    drill_transcript_seen(&t, &s);
    assert_true(t.incomplete);
}

/* Frames of any payload: the text parses, and composes to the same bytes. */
static void test_every_line_gives_the_same_bytes_again(void **state)
{
    static struct drill_errors errors;
    uint64_t seed = 7;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        uint8_t payload[40];
        size_t n = 0;
        uint8_t got[64], want[64];
        struct drill_outgoing out;
        for (; n < (size_t)(i % 40); n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            payload[n] = (seed >> 60) < 8 ? 0 : (uint8_t)(seed >> 33);
        }
        enum drill_dir dir = i & 1 ? DRILL_TO_MTA : DRILL_TO_MILTER;
        struct drill_seen s = frame(dir, (uint8_t)(seed >> 40), drill_span_of(payload, n));
        t.text.len = 0;
        assert_true(drill_buf_append(&t.text, drill_span_str("drill 1 \"x\"\n")));
        drill_transcript_seen(&t, &s);
        errors.count = 0;
        const struct drill_file *file =
            drill_parse(drill_buf_span(&t.text), "f", NULL, &arena, &errors);
        if (!file) {
            helper_dump(errors.item[0].text, drill_buf_span(&t.text));
            fail();
        }
        const struct drill_step *step = file->body.steps;
        assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, NULL),
                         DRILL_OK);
        drill_frame_put_header(want, s.code, (uint32_t)n);
        memcpy(want + 5, payload, n);
        helper_assert_bytes(drill_span_of(got, drill_outgoing_pull(&out, got, sizeof(got))),
                            drill_span_of(want, n + 5), "composed");
    }
}

static void test_the_head_says_who_and_what(void **state)
{
    const struct drill_span rcpt[] = {drill_span_str("<a@x>"), drill_span_str("<b@x>")};
    struct drill_envelope m = {.from = drill_span_str("<f@x>"), .rcpt = rcpt, .rcpts = 2};
    struct drill_client c = {.addr = drill_span_str("192.0.2.9"),
                             .port = 25,
                             .host = drill_span_str("h"),
                             .helo = drill_span_str("e"),
                             .auth = drill_span_str("me"),
                             .tls = true,
                             .messages = &m};
    struct drill_settings set = {.version = 6, .actions = 0x1ff, .protocol = 0};
    struct drill_transcript_head head = {.title = "a \"b\"",
                                         .why = "F1",
                                         .tests = "milter",
                                         .mta = "stalwart",
                                         .milter = "libmilter",
                                         .settings = &set,
                                         .client = &c,
                                         .mail_file = "talk.eml"};
    struct drill_told told = {.code = 451};
    struct drill_buf out;
    (void)state;
    drill_buf_init(&out, NULL);
    drill_transcript_write(&t, &head, &told, &out);
    helper_assert_bytes(
        drill_buf_span(&out),
        drill_span_str(
            "drill 1 \"a \\\"b\\\"\" tests=milter\nwhy \"F1\"\n"
            "mta stalwart version=6 actions=0x1ff protocol=0x0\nmilter libmilter\n"
            "client addr=\"192.0.2.9\" port=25 host=\"h\" helo=\"e\" auth=\"me\" tls=yes\n"
            "message from=\"<f@x>\" rcpt=\"<a@x>\" rcpt=\"<b@x>\" file=\"talk.eml\"\n"
            "verdict tempfail code=451\n"),
        "head and verdict");
    drill_buf_fini(&out);
}

static bool record(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_transcript own;
    struct drill_arena files;
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_BODY, drill_span_of(large, 2000));
    struct drill_seen small = frame(DRILL_TO_MILTER, DRILL_SMFIC_HELO, BYTES("h\0"));
    (void)ctx;
    drill_arena_init(&files, alloc, 0);
    drill_transcript_init(&own, "talk", &files, alloc);
    drill_transcript_seen(&own, &small);
    drill_transcript_seen(&own, &s);
    bool complete = !own.incomplete;
    drill_transcript_fini(&own);
    drill_arena_fini(&files);
    return complete;
}

static void test_each_refused_allocation_is_told(void **state)
{
    (void)state;
    memset(large, 'a', sizeof(large));
    for (size_t i = 0; i < sizeof(large); i += 2) {
        large[i] = 'b';
    }
    helper_every_alloc(record, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_frame_is_a_typed_line_if_that_gives_the_same_bytes),
        TEST(test_faults_of_ours_are_kept),
        TEST(test_events_are_lines),
        TEST(test_values_over_a_kilobyte_go_to_a_file),
        TEST(test_a_long_run_of_one_byte_stays_in_the_line),
        TEST(test_a_frame_that_was_not_kept_makes_it_incomplete),
        TEST(test_every_line_gives_the_same_bytes_again),
        TEST(test_the_head_says_who_and_what),
        TEST(test_each_refused_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
