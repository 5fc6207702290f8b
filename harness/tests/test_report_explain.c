/* SPDX-License-Identifier: MIT */
/* From what was seen to one sentence: who ended it, how, where; and which limit was met. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "report/explain.h"

static void ours(struct drill_explain *e, uint8_t code, struct drill_span payload, uint64_t size)
{
    struct drill_seen s = {.kind = DRILL_SEEN_FRAME,
                           .dir = DRILL_TO_MILTER,
                           .ours = true,
                           .code = code,
                           .size = size,
                           .payload = payload};
    drill_explain_seen(e, &s);
}

static void theirs(struct drill_explain *e, uint8_t code)
{
    struct drill_seen s = {.kind = DRILL_SEEN_FRAME, .dir = DRILL_TO_MTA, .code = code};
    drill_explain_seen(e, &s);
}

static void ends(struct drill_explain *e, bool by_us, enum drill_end how, int error,
                 uint64_t flight)
{
    struct drill_seen s = {.kind = DRILL_SEEN_END,
                           .dir = by_us ? DRILL_TO_MILTER : DRILL_TO_MTA,
                           .ours = by_us,
                           .how = how,
                           .error = error,
                           .in_flight = flight};
    drill_explain_seen(e, &s);
}

static void header_to(struct drill_explain *e, uint64_t size)
{
    ours(e, DRILL_SMFIC_HEADER, drill_span_of("To\0aaaaaaa", 10), size);
}

static void says(const struct drill_explain *e, const char *what)
{
    struct drill_buf out;
    drill_buf_init(&out, NULL);
    drill_explain_what(e, &out);
    drill_buf_append(&out, drill_span_of("", 1));
    assert_string_equal((const char *)out.ptr, what);
    assert_true(drill_explain_failed(e) == (what[0] != '\0'));
    drill_buf_fini(&out);
}

static void limit_begins(const struct drill_explain *e, const char *begin)
{
    struct drill_buf out;
    drill_buf_init(&out, NULL);
    drill_explain_limit(e, &out);
    drill_buf_append(&out, drill_span_of("", 1));
    if (!begin) {
        assert_string_equal((const char *)out.ptr, "");
    } else {
        assert_memory_equal(out.ptr, begin, strlen(begin));
    }
    drill_buf_fini(&out);
}

static void begin_talk(struct drill_explain *e)
{
    memset(e, 0, sizeof(*e));
    struct drill_seen open = {.kind = DRILL_SEEN_OPEN, .ours = true};
    drill_explain_seen(e, &open);
    ours(e, DRILL_SMFIC_OPTNEG, drill_span_of("\0\0\0\6\0\0\0\0\0\0\0\0", 12), 12);
    theirs(e, DRILL_SMFIR_OPTNEG);
    ours(e, DRILL_SMFIC_HELO, drill_span_of("h\0", 2), 2);
    theirs(e, DRILL_SMFIR_CONTINUE);
}

static void test_each_ending_has_its_sentence(void **state)
{
    static const struct {
        enum drill_end how;
        int error;
        uint64_t flight;
        const char *what;
    } cases[] = {
        {DRILL_END_RST, 104, 70021,
         "the milter ended the connection by RST (Connection reset by peer, os error 104) at "
         "`header \"To\"` (our frame 3, 10 bytes of data), after 24 bytes; 70021 bytes were in "
         "flight"},
        {DRILL_END_FIN, 0, 0,
         "the milter ended the connection by FIN at `header \"To\"` (our frame 3, 10 bytes of "
         "data), after 24 bytes"},
        {DRILL_END_EPIPE, 32, 0,
         "the milter ended the connection by FIN, seen by a write (EPIPE) (Broken pipe, os error "
         "32) at `header \"To\"` (our frame 3, 10 bytes of data), after 24 bytes"},
        {DRILL_END_ERROR, 110, 0,
         "the milter ended the connection by error (Connection timed out, os error 110) at "
         "`header \"To\"` (our frame 3, 10 bytes of data), after 24 bytes"},
        {DRILL_END_REFUSED, 111, 0,
         "nobody takes connections at this address (Connection refused)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct drill_explain e;
        begin_talk(&e);
        header_to(&e, 10);
        ends(&e, false, cases[i].how, cases[i].error, cases[i].flight);
        says(&e, cases[i].what);
    }
}

static void test_our_own_end_is_no_failure(void **state)
{
    struct drill_explain e;
    (void)state;
    begin_talk(&e);
    says(&e, "");
    ends(&e, true, DRILL_END_FIN, 0, 0);
    says(&e, "");
    begin_talk(&e);
    ours(&e, DRILL_SMFIC_QUIT, drill_span_of("", 0), 0);
    ends(&e, false, DRILL_END_FIN, 0, 0);
    says(&e, "");
}

static void test_silence_has_its_sentence(void **state)
{
    struct drill_explain e;
    struct drill_seen quiet = {.kind = DRILL_SEEN_QUIET, .ours = true};
    (void)state;
    begin_talk(&e);
    drill_explain_seen(&e, &quiet); /* a written `silence`: no note, no failure */
    says(&e, "");
    quiet.note = "gave up waiting";
    drill_explain_seen(&e, &quiet);
    says(&e, "the milter fell silent: no answer at `helo` (our frame 2, 2 bytes of data), after 17 "
             "bytes");
}

static void test_bytes_that_are_no_frame_have_their_sentence(void **state)
{
    struct drill_explain e;
    struct drill_seen raw = {.kind = DRILL_SEEN_RAW, .dir = DRILL_TO_MTA, .note = "an SMTP server"};
    (void)state;
    begin_talk(&e);
    drill_explain_seen(&e, &raw);
    says(&e, "the milter sent what is no milter frame: an SMTP server");
    limit_begins(&e, NULL);
}

static void dies_at(struct drill_explain *e, uint64_t passed, uint64_t size)
{
    begin_talk(e);
    header_to(e, passed);
    theirs(e, DRILL_SMFIR_CONTINUE);
    header_to(e, size);
    ends(e, false, DRILL_END_RST, 104, 0);
}

static void test_limits_begin_one_byte_above(void **state)
{
    struct drill_explain e;
    (void)state;
    dies_at(&e, 10, 65535);
    limit_begins(&e, NULL);
    dies_at(&e, 10, 65536);
    limit_begins(&e, "libmilter (clamav-milter, ");
    dies_at(&e, 10, 200000);
    limit_begins(&e, "libmilter (clamav-milter, ");
}

static void test_a_limit_that_was_passed_is_not_the_one(void **state)
{
    struct drill_explain e;
    (void)state;
    dies_at(&e, 70000, 131072);
    limit_begins(&e, NULL);
    dies_at(&e, 70000, 131073);
    limit_begins(&e, "rspamd and Sendmail::PMilter take at most 131,072 bytes");
    dies_at(&e, 140000, 150000);
    limit_begins(&e, NULL);
}

static void test_no_limit_where_the_frame_was_answered(void **state)
{
    struct drill_explain e;
    (void)state;
    begin_talk(&e);
    header_to(&e, 70000);
    theirs(&e, DRILL_SMFIR_CONTINUE);
    ends(&e, false, DRILL_END_FIN, 0, 0);
    limit_begins(&e, NULL);
    begin_talk(&e);
    header_to(&e, 70000);
    ends(&e, true, DRILL_END_FIN, 0, 0);
    limit_begins(&e, NULL);
}

static void test_an_end_at_the_offer_has_its_advice(void **state)
{
    struct drill_explain e = {0};
    (void)state;
    ours(&e, DRILL_SMFIC_OPTNEG, drill_span_of("", 0), 12);
    ends(&e, false, DRILL_END_FIN, 0, 0);
    limit_begins(&e, "a milter that closes on the offer");
}

static void test_odd_header_names_are_quoted(void **state)
{
    struct drill_explain e = {0};
    (void)state;
    ours(&e, DRILL_SMFIC_HEADER, drill_span_of("T\n\x1b\0v\0", 6), 6);
    ends(&e, false, DRILL_END_FIN, 0, 0);
    says(&e, "the milter ended the connection by FIN at `header \"T\\n\\x1b\"` (our frame 1, 6 "
             "bytes of data), after 0 bytes");
}

static void test_raw_bytes_have_no_head(void **state)
{
    struct drill_explain e = {0};
    struct drill_seen raw = {
        .kind = DRILL_SEEN_RAW, .dir = DRILL_TO_MILTER, .ours = true, .size = 100};
    (void)state;
    drill_explain_seen(&e, &raw);
    ours(&e, DRILL_SMFIC_DATA, drill_span_of("", 0), 0);
    ends(&e, false, DRILL_END_FIN, 0, 0);
    says(&e, "the milter ended the connection by FIN at `data` (our frame 2, 0 bytes of data), "
             "after 100 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_ending_has_its_sentence),
        cmocka_unit_test(test_our_own_end_is_no_failure),
        cmocka_unit_test(test_silence_has_its_sentence),
        cmocka_unit_test(test_bytes_that_are_no_frame_have_their_sentence),
        cmocka_unit_test(test_limits_begin_one_byte_above),
        cmocka_unit_test(test_a_limit_that_was_passed_is_not_the_one),
        cmocka_unit_test(test_no_limit_where_the_frame_was_answered),
        cmocka_unit_test(test_an_end_at_the_offer_has_its_advice),
        cmocka_unit_test(test_odd_header_names_are_quoted),
        cmocka_unit_test(test_raw_bytes_have_no_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
