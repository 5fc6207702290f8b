/* SPDX-License-Identifier: MIT */
/* What people read: a line for each thing seen, a failure in full. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "report/show.h"
#include "scenario/parse.h"

static struct drill_buf out;

static const char *text(void)
{
    assert_true(drill_buf_append(&out, drill_span_of("", 1)));
    out.len = 0;
    return (const char *)out.ptr;
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

static const struct drill_show_style plain = {false, false};

static struct drill_seen frame(enum drill_dir dir, uint8_t code, const char *payload, size_t size)
{
    struct drill_seen s = {.kind = DRILL_SEEN_FRAME,
                           .dir = dir,
                           .now = 1500,
                           .code = code,
                           .length = (uint32_t)size + 1,
                           .size = size,
                           .payload = drill_span_of(payload, size),
                           .whole = true};
    return s;
}

static void test_a_frame_is_its_notation_with_its_bytes_on_the_wire(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_HELO, "h\0", 2);
    (void)state;
    drill_show_seen(&out, &plain, &s, 500);
    assert_string_equal(text(), "       1.000           7  > helo name=\"h\"\n");
    s = frame(DRILL_TO_MTA, DRILL_SMFIR_CONTINUE, "", 0);
    drill_show_seen(&out, &plain, &s, 5000); /* a clock that went back counts as 0 */
    assert_string_equal(text(), "       0.000           5  < continue\n");
}

static void test_what_did_not_go_out_is_told(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_DATA, "", 0);
    (void)state;
    s.ours = true;
    s.total = 5;
    s.sent = 3;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       1.500           5  > data  # only 3 of 5 bytes went out\n");
    s.sent = 5;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       1.500           5  > data\n");
}

static void test_what_is_too_large_has_its_name(void **state)
{
    struct drill_seen s = frame(DRILL_TO_MILTER, DRILL_SMFIC_BODY, "abc", 3);
    (void)state;
    s.whole = false;
    s.size = 2000000;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       1.500     2000005  > body (too large to show)\n");
    s.code = 0x7f;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       1.500     2000005  > frame (too large to show)\n");
}

static void test_bytes_without_a_frame_have_no_head(void **state)
{
    struct drill_seen s = {.kind = DRILL_SEEN_RAW,
                           .dir = DRILL_TO_MTA,
                           .size = 2,
                           .payload = drill_span_of("\x1b\n", 2),
                           .note = "no frame"};
    (void)state;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       0.000           2  < raw data=\"\\x1b\\n\"  # no frame\n");
}

static void test_each_ending_has_its_word(void **state)
{
    static const struct {
        enum drill_end how;
        int error;
        uint64_t flight;
        const char *note, *line;
    } cases[] = {
        {DRILL_END_FIN, 0, 0, NULL, "       0.000              < close\n"},
        {DRILL_END_FIN, 0, 0, "half-close", "       0.000              < half-close\n"},
        {DRILL_END_EPIPE, 32, 0, NULL,
         "       0.000              < close  # Broken pipe (os error 32)\n"},
        {DRILL_END_RST, 104, 9, NULL,
         "       0.000              < reset  # Connection reset by peer (os error 104), 9 bytes in "
         "flight\n"},
        {DRILL_END_REFUSED, 111, 0, NULL,
         "       0.000              < refuse  # Connection refused (os error 111)\n"},
        {DRILL_END_ERROR, 110, 0, NULL,
         "       0.000              < hangup  # Connection timed out (os error 110)\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct drill_seen s = {.kind = DRILL_SEEN_END,
                               .dir = DRILL_TO_MTA,
                               .how = cases[i].how,
                               .error = cases[i].error,
                               .in_flight = cases[i].flight,
                               .note = cases[i].note};
        drill_show_seen(&out, &plain, &s, 0);
        assert_string_equal(text(), cases[i].line);
    }
}

static void test_open_and_silence(void **state)
{
    struct drill_seen s = {.kind = DRILL_SEEN_OPEN, .dir = DRILL_TO_MILTER};
    (void)state;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       0.000              > open\n");
    s.kind = DRILL_SEEN_QUIET;
    s.dir = DRILL_TO_MTA;
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       0.000              < silence\n");
    s.note = "gave up waiting";
    drill_show_seen(&out, &plain, &s, 0);
    assert_string_equal(text(), "       0.000              < silence  # gave up waiting\n");
}

static void test_colour_and_bytes_only_when_asked_for(void **state)
{
    const struct drill_show_style style = {true, true};
    struct drill_seen s = frame(DRILL_TO_MTA, DRILL_SMFIR_QUARANTINE, "a\0", 2);
    (void)state;
    drill_show_seen(&out, &style, &s, 0);
    assert_string_equal(text(),
                        "\033[36m       1.500           7  < quarantine reason=\"a\"\033[0m\n"
                        "                            000000  61 00                         "
                        "                   a.\n");
}

static void test_hex_is_cut_where_it_is_told(void **state)
{
    (void)state;
    drill_show_hex(&out, drill_span_of("0123456789abcdefXY", 18), 17, "> ");
    assert_string_equal(text(), "> 000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  "
                                "0123456789abcdef\n"
                                "> 000010  58                                               X\n"
                                "> ... 18 bytes in all\n");
}

static void test_a_failure_in_full(void **state)
{
    static struct drill_errors errors;
    struct drill_arena arena;
    struct drill_report r = {.result = DRILL_RESULT_FAIL,
                             .pos = {4, 1},
                             .what = "the frame differs",
                             .expected = "< accept",
                             .actual = "< reject",
                             .why = "it is reject, not accept",
                             .before = {"> mail", "< continue"},
                             .befores = 2,
                             .end = DRILL_END_RST,
                             .end_error = 104,
                             .end_in_flight = 3};
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_file *file =
        drill_parse(drill_span_str("drill 1 \"x\"\nwhy \"F002\"\nwhy \"more\"\n> quit\n"), "f",
                    NULL, &arena, &errors);
    assert_non_null(file);
    drill_show_failure(&out, "a.drill", &r, file, "milterdrill run a.drill");
    assert_string_equal(text(),
                        "a.drill:4: FAIL the frame differs\n"
                        "  expected  < accept\n"
                        "  actual    < reject\n"
                        "            it is reject, not accept\n"
                        "  before    > mail\n"
                        "            < continue\n"
                        "  ending    RST, Connection reset by peer (os error 104), 3 bytes in "
                        "flight\n"
                        "  why       F002\n"
                        "  why       more\n"
                        "  repeat    milterdrill run a.drill\n");
    memset(&r, 0, sizeof(r));
    r.result = DRILL_RESULT_UNREACHABLE;
    drill_show_failure(&out, "a.drill", &r, NULL, NULL);
    assert_string_equal(text(), "a.drill: UNREACHABLE \n");
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_frame_is_its_notation_with_its_bytes_on_the_wire),
        cmocka_unit_test(test_what_did_not_go_out_is_told),
        cmocka_unit_test(test_what_is_too_large_has_its_name),
        cmocka_unit_test(test_bytes_without_a_frame_have_no_head),
        cmocka_unit_test(test_each_ending_has_its_word),
        cmocka_unit_test(test_open_and_silence),
        cmocka_unit_test(test_colour_and_bytes_only_when_asked_for),
        cmocka_unit_test(test_hex_is_cut_where_it_is_told),
        cmocka_unit_test(test_a_failure_in_full),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
