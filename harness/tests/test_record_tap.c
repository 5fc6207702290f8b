/* SPDX-License-Identifier: MIT */
/* Bytes of both directions -> lines and files, whatever the reads are. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "record/keep.h"
#include "record/tap.h"

static struct drill_tap tap;
static struct drill_buf files[DRILL_BESIDES];
static char names[DRILL_BESIDES][112];

static void append(void *ctx, enum drill_beside_kind kind, const struct drill_beside *file,
                   struct drill_span bytes)
{
    (void)ctx;
    if (strcmp(names[kind], file->name) != 0 || file->size == 0) { /* a new file, or anew */
        files[kind].len = 0;
        (void)snprintf(names[kind], sizeof(names[kind]), "%s", file->name);
    }
    (void)drill_buf_append(&files[kind], bytes);
}

static const struct drill_transcript_sink sink = {append, NULL};

static int setup(void **state)
{
    (void)state;
    memset(names, 0, sizeof(names));
    for (size_t i = 0; i < DRILL_BESIDES; i++) {
        drill_buf_init(&files[i], NULL);
    }
    drill_tap_init(&tap, "t", &sink, NULL, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_tap_fini(&tap);
    for (size_t i = 0; i < DRILL_BESIDES; i++) {
        drill_buf_fini(&files[i]);
    }
    return 0;
}

static void is_text(const char *want)
{
    helper_assert_bytes(drill_buf_span(&tap.transcript.text), drill_span_str(want), want);
    tap.transcript.text.len = 0;
}

static void mta(struct drill_span bytes, uint64_t now)
{
    drill_tap_bytes(&tap, DRILL_TO_MILTER, bytes, now);
}

static void milter(struct drill_span bytes, uint64_t now)
{
    drill_tap_bytes(&tap, DRILL_TO_MTA, bytes, now);
}

#define MTA(text, now)    mta(BYTES(text), now)
#define MILTER(text, now) milter(BYTES(text), now)

static void test_pauses_and_reads_are_told(void **state)
{
    (void)state;
    MTA("\0\0\0", 0);
    MTA("\3Hh\0\0\0\0\3Hi\0", 50);
    MTA("\0\0\0\1T", 2500);
    MILTER("\0\0\0\1c", 2600);
    is_text("> helo name=\"h\" split=3  # in 3+4 bytes\n> helo name=\"i\"\n"
            "> data after=2ms  # +2.4 ms\n< continue  # +0.1 ms\n");
    MTA("\0\0\0\3Hh\0\0\0\0\3Hi\0", 2600);
    is_text("> helo name=\"h\" join\n> helo name=\"i\"\n");
}

static void test_many_reads_are_not_listed(void **state)
{
    (void)state;
    MTA("\0\0\0\x28U", 0);
    for (int i = 0; i < 39; i++) {
        MTA("x", 0);
    }
    is_text("> unknown data=\"x\" * 39  # in many pieces\n");
}

static void test_what_is_no_frame_is_raw_to_the_end(void **state)
{
    (void)state;
    MTA("\0\0\0\1T\0\0\0\0x", 0);
    MTA("\0\0\0\1T", 0);
    is_text("> data join\n# frame length 0 at byte 5: a frame has at least its command byte\n"
            "> raw data=\"\\0\\0\\0\\0x\"\n> raw data=\"\\0\\0\\0\\x01T\"\n");
    assert_true(tap.disordered);
    MILTER("\0\0\0\1c", 0); /* the other direction goes on */
    is_text("< continue\n");
    MILTER("\xff\xff", 0);
    MILTER("\xff\xff", 0);
    assert_true(drill_buf_append(&tap.transcript.text, BYTES("\0")));
    assert_non_null(
        strstr((char *)tap.transcript.text.ptr, "\n< raw data=\"\\xff\\xff\\xff\\xff\""));
}

static void test_a_torn_frame_is_raw(void **state)
{
    (void)state;
    MTA("\0\0\0\x09Hab", 0);
    MILTER("\0\0", 0);
    drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_RST, 104, 7, 0);
    drill_tap_closed(&tap, 0);
    is_text("< raw data=\"\\0\\0\"  # a torn frame: 3 bytes are missing\n"
            "> raw data=\"\\0\\0\\0\\tHab\"  # a torn frame: 6 bytes are missing\n"
            "< reset  # RST (errno 104), 7 bytes in flight\n");
}

/* How a connection ended, as (direction, how) of its ends in order; 'b': bytes of that side. */
static void test_endings(void **state)
{
    static const struct {
        const char *events, *text;
    } cases[] = {
        {"F f", "> close  # FIN\n# the milter ended, too: FIN, +0.0 ms\n"},
        {"F b f", "> half-close  # FIN\n< continue\n< close  # FIN\n"},
        {"F b r", "> half-close  # FIN\n< continue\n< reset  # RST (errno 104)\n"},
        {"F", "> close  # FIN\n"},
        {"f", "< close  # FIN\n"},
        {"F E", "> close  # FIN (errno 32)\n"},
        {"R f", "> reset  # RST (errno 104)\n# the milter ended, too: FIN, +0.0 ms\n"},
        {"Q F f", "> quit\n# the MTA ended: FIN, +0.0 ms\n# the milter ended, too: FIN, +0.0 ms\n"},
        {"Q f", "> quit\n# the milter ended: FIN, +0.0 ms\n"},
        {"Q F b f", "> quit\n# the milter sent 5 bytes behind quit: left out\n"
                    "# the MTA ended: FIN, +0.0 ms\n# the milter ended, too: FIN, +0.0 ms\n"},
        {"Q b F", "> quit\n# the milter sent 5 bytes behind quit: left out\n"
                  "# the MTA ended: FIN, +0.0 ms\n"},
        {"Q r", "> quit\n< reset  # RST (errno 104)\n"},
        {"x", "> open\n< refuse  # the milter could not be reached: refused (errno 111)\n"},
        {"b x", "< continue\n< refuse  # refused (errno 111)\n"},
        {"", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        drill_tap_fini(&tap);
        drill_tap_init(&tap, "t", &sink, NULL, 0);
        for (const char *e = cases[i].events; *e; e++) {
            switch (*e) {
            case 'F': drill_tap_ended(&tap, DRILL_TO_MILTER, DRILL_END_FIN, 0, 0, 0); break;
            case 'f': drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_FIN, 0, 0, 0); break;
            case 'E': drill_tap_ended(&tap, DRILL_TO_MILTER, DRILL_END_EPIPE, 32, 0, 0); break;
            case 'R': drill_tap_ended(&tap, DRILL_TO_MILTER, DRILL_END_RST, 104, 0, 0); break;
            case 'r': drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_RST, 104, 0, 0); break;
            case 'x': drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_REFUSED, 111, 0, 0); break;
            case 'Q':
                tap.linked = true;
                MTA("\0\0\0\1Q", 0);
                break;
            case 'b': MILTER("\0\0\0\1c", 0); break;
            default: break;
            }
        }
        drill_tap_closed(&tap, 0);
        is_text(cases[i].text);
    }
}

/* Behind quit, torn too, it is no fault; a conversation that goes on is one again. */
static void test_what_comes_behind_quit(void **state)
{
    (void)state;
    MTA("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\0\0\0", 0);
    MILTER("\0\0\0\x0dO\0\0\0\2\0\0\0\0\0\0\0\0", 0);
    MTA("\0\0\0\1Q", 0);
    tap.transcript.text.len = 0;
    MILTER("\0\0\0\1", 0);
    MILTER("c\0\0", 0);
    assert_string_equal(tap.implied.milter->name, "pmilter");
    drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_FIN, 0, 0, 0);
    drill_tap_closed(&tap, 0);
    is_text("# the milter sent 4 bytes behind quit: left out\n"
            "# the milter sent 3 bytes behind quit: left out\n# the milter ended: FIN, +0.0 ms\n");
    assert_false(tap.disordered);
}

static void test_what_goes_on_behind_quit(void **state)
{
    (void)state;
    MTA("\0\0\0\1Q", 0);
    MILTER("\0\0\0\1c", 0);
    MTA("\0\0\0\3Ha\0", 0);
    MILTER("\0\0\0\1c", 0);
    is_text("> quit\n# the milter sent 5 bytes behind quit: left out\n> helo name=\"a\"\n"
            "< continue\n");
}

static struct drill_span talk(void)
{
    static uint8_t bytes[40000];
    static const char head[] = "\0\0\0\x05Mx@x\0\0\0\0\x05Ry@y\0\0\0\0\x09LTo\0b\n c\0";
    struct drill_writer w = drill_writer_of(bytes, sizeof(bytes));
    drill_write_bytes(&w, drill_span_of(head, sizeof(head) - 1));
    drill_write_be32(&w, 1 + 4 + 9000);
    drill_write_bytes(&w, BYTES("LBig\0"));
    for (int i = 0; i < 8999; i++) {
        drill_write_u8(&w, (uint8_t)('a' + i % 17));
    }
    drill_write_bytes(&w, BYTES("\0\0\0\0\1N"));
    drill_write_be32(&w, 1 + 12000);
    drill_write_u8(&w, 'B');
    for (int i = 0; i < 12000; i++) {
        drill_write_u8(&w, (uint8_t)(i % 251));
    }
    drill_write_bytes(&w, BYTES("\0\0\0\5Bend\n\0\0\0\1E"));
    assert_false(w.overflow);
    return drill_writer_span(&w);
}

/* Lines without how they travelled. */
static void plain(struct drill_buf *text)
{
    size_t to = 0;
    bool skip = false;
    for (size_t i = 0; i < text->len; i++) {
        const char *p = (const char *)text->ptr + i;
        skip = (skip && *p != '\n') ||
               (text->len - i > 6 && (strncmp(p, " split=", 7) == 0 ||
                                      strncmp(p, " join", 5) == 0 || strncmp(p, "  # ", 4) == 0));
        if (!skip) {
            text->ptr[to++] = (uint8_t)*p;
        }
    }
    text->len = to;
}

static void test_any_reads_give_the_same_lines_and_files(void **state)
{
    struct drill_span all = talk();
    struct drill_buf first;
    (void)state;
    drill_buf_init(&first, NULL);
    for (size_t step = 1; step < 30000; step = step * 3 + 1) {
        teardown(NULL);
        setup(NULL);
        for (size_t at = 0; at < all.len; at += step) {
            mta(drill_span_sub(all, at, step), 0);
        }
        plain(&tap.transcript.text);
        if (step == 1) {
            (void)drill_buf_append(&first, drill_buf_span(&tap.transcript.text));
        }
        helper_assert_bytes(drill_buf_span(&tap.transcript.text), drill_buf_span(&first), "lines");
        assert_int_equal(files[DRILL_BESIDE_MAIL].len, 11 + 5 + 8999 + 2 + 2 + 12000 + 4);
        assert_memory_equal(files[DRILL_BESIDE_MAIL].ptr, "To: b\r\n c\r\nBig: abcdef", 22);
        assert_int_equal(files[DRILL_BESIDE_FROM_MTA].len, 9004);
        assert_string_equal(names[DRILL_BESIDE_MAIL], "t.eml");
    }
    (void)drill_buf_append(&first, BYTES("\0"));
    assert_non_null(
        strstr((char *)first.ptr, "> header name=\"Big\" value=file \"t.mta.bin\" 4..9002"));
    assert_non_null(strstr((char *)first.ptr, "> body data=file \"t.eml\" 9019..21018\n"
                                              "> body data=\"end\\n\"\n> bodyeob\n"));
    drill_buf_fini(&first);
}

static void mail_is(const char *want)
{
    helper_assert_bytes(drill_buf_span(&files[DRILL_BESIDE_MAIL]), drill_span_str(want), want);
}

static void test_a_body_that_is_the_whole_message(void **state)
{
    (void)state;
    tap.transcript.body_is_mail = true;
    MTA("\0\0\0\5LA\0b\0\0\0\0\x0b"
        "BA: b\r\n\r\nx\n\0\0\0\1E",
        0);
    mail_is("A: b\r\n\r\nx\n");
    assert_string_equal(names[DRILL_BESIDE_MAIL], "t.eml");
}

/* The headers are all that there is of it. */
static void test_a_body_that_is_the_whole_message_and_never_comes(void **state)
{
    (void)state;
    tap.transcript.body_is_mail = true;
    MTA("\0\0\0\3Ma\0\0\0\0\5LA\0b\0\0\0\0\5LC\0d\0", 0);
    mail_is("A: b\r\nC: d\r\n");
    drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_RST, 104, 0, 0);
    drill_tap_closed(&tap, 0);
    helper_assert_bytes(drill_buf_span(&tap.implied.setup),
                        drill_span_str("message from=\"a\" file=\"t.eml\"\n"), "setup");
}

/* Its length is what a milter fails over. */
static void test_a_long_header_that_is_cut_keeps_its_length_in_the_message(void **state)
{
    static uint8_t frame[5 + 6000] = {0, 0, 0x1f, 0x41, 'L', 'A', 0};
    (void)state;
    memset(frame + 7, 'v', sizeof(frame) - 7);
    drill_tap_bytes(&tap, DRILL_TO_MILTER, drill_span_of(frame, sizeof(frame)), 0);
    drill_tap_ended(&tap, DRILL_TO_MTA, DRILL_END_RST, 104, 0, 0);
    drill_tap_closed(&tap, 0);
    assert_int_equal(files[DRILL_BESIDE_MAIL].len, strlen("A: ") + 8000 - strlen("A") - 2 + 2);
    assert_memory_equal(files[DRILL_BESIDE_MAIL].ptr, "A: vvv", 6);
    assert_memory_equal(files[DRILL_BESIDE_MAIL].ptr + files[DRILL_BESIDE_MAIL].len - 4, "xx\r\n",
                        4);
}

static void test_the_whole_message_of_each(void **state)
{
    (void)state;
    tap.transcript.body_is_mail = true;
    MTA("\0\0\0\3Ma\0\0\0\0\5LA\0b\0\0\0\0\x0b"
        "BA: b\r\n\r\nx\n\0\0\0\1E",
        0);
    MTA("\0\0\0\3Mc\0\0\0\0\5LD\0e\0\0\0\0\x0b"
        "BD: e\r\n\r\nf\n\0\0\0\1E",
        0);
    assert_string_equal(names[DRILL_BESIDE_MAIL], "t.2.eml");
    mail_is("D: e\r\n\r\nf\n");
}

static void test_a_leading_blank_that_was_negotiated(void **state)
{
    (void)state;
    MILTER("\0\0\0\x0dO\0\0\0\6\0\0\0\0\0\x10\0\0", 0);
    MTA("\0\0\0\6LA\0\tb\0\0\0\0\5LB\0c\0\0\0\0\1E", 0);
    mail_is("A:\tb\r\nB:c\r\n\r\n");
}

static void test_each_message_has_its_file(void **state)
{
    (void)state;
    MTA("\0\0\0\3Ma\0\0\0\0\2Bx\0\0\0\1E", 0);
    assert_string_equal(names[DRILL_BESIDE_MAIL], "t.eml");
    MTA("\0\0\0\3Mb\0\0\0\0\2By\0\0\0\2Ez", 0);
    assert_string_equal(names[DRILL_BESIDE_MAIL], "t.2.eml");
    mail_is("\r\nyz");
    MTA("\0\0\0\3Mc\0", 0); /* has none */
    drill_tap_closed(&tap, 0);
    helper_assert_bytes(drill_buf_span(&tap.implied.setup),
                        drill_span_str("message from=\"a\" file=\"t.eml\"\n"
                                       "message from=\"b\" file=\"t.2.eml\"\n"
                                       "message from=\"c\"\nsmtp after=mail end=close\n"),
                        "setup");
}

static void test_what_a_milter_owes_is_timed(void **state)
{
    (void)state;
    MTA("\0\0\0\3Hh\0", 1000);
    MILTER("\0\0\0\1p", 5000);
    MILTER("\0\0\0\1c", 9000);
    assert_int_equal(tap.slowest, 8000);
    MILTER("\0\0\0\1c", 99000); /* nothing is owed */
    assert_int_equal(tap.slowest, 8000);
}

static bool keeps(const char *only, const char *bytes)
{
    struct drill_keep keep = {0};
    struct drill_keep_state at = {0};
    struct drill_error err;
    assert_int_equal(drill_keep_add(&keep, only, &err), DRILL_OK);
    for (; *bytes; bytes++) {
        drill_keep_bytes(&keep, &at, DRILL_TO_MTA, drill_span_of(bytes, 1));
        drill_keep_bytes(&keep, &at, DRILL_TO_MILTER, BYTES("b"));
    }
    return drill_keep_wanted(&keep, &at, &tap);
}

static void test_what_is_kept(void **state)
{
    struct drill_keep keep = {0};
    struct drill_keep_state at = {0};
    struct drill_error err;
    (void)state;
    assert_true(keeps("match=abab", "aababab"));
    assert_true(keeps("match=aab", "aaab"));
    assert_false(keeps("match=abba", "aba"));
    assert_false(keeps("failed", ""));
    assert_false(keeps("slow=1s", ""));
    tap.slowest = 1000000;
    assert_true(keeps("slow=1s", ""));
    tap.implied.failure = true;
    assert_true(keeps("failed", ""));
    assert_true(drill_keep_wanted(&keep, &at, &tap));
    assert_int_equal(drill_keep_add(&keep, "match=", &err), DRILL_ERR_VALUE);
    assert_int_equal(drill_keep_add(&keep, "slow=5", &err), DRILL_ERR_VALUE);
}

static bool record(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_tap own;
    struct drill_span all = talk();
    (void)ctx;
    drill_tap_init(&own, "t", &sink, alloc, 0);
    for (size_t at = 0; at < all.len; at += 1000) {
        drill_tap_bytes(&own, DRILL_TO_MILTER, drill_span_sub(all, at, 1000), 0);
    }
    drill_tap_ended(&own, DRILL_TO_MILTER, DRILL_END_FIN, 0, 0, 0);
    drill_tap_closed(&own, 0);
    bool complete = !own.transcript.incomplete && own.implied.unlisted == 0;
    drill_tap_fini(&own);
    return complete;
}

static void test_each_refused_allocation_is_told(void **state)
{
    (void)state;
    helper_every_alloc(record, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pauses_and_reads_are_told),
        TEST(test_many_reads_are_not_listed),
        TEST(test_what_is_no_frame_is_raw_to_the_end),
        TEST(test_a_torn_frame_is_raw),
        TEST(test_endings),
        TEST(test_what_comes_behind_quit),
        TEST(test_what_goes_on_behind_quit),
        TEST(test_any_reads_give_the_same_lines_and_files),
        TEST(test_a_body_that_is_the_whole_message),
        TEST(test_a_body_that_is_the_whole_message_and_never_comes),
        TEST(test_a_long_header_that_is_cut_keeps_its_length_in_the_message),
        TEST(test_the_whole_message_of_each),
        TEST(test_a_leading_blank_that_was_negotiated),
        TEST(test_each_message_has_its_file),
        TEST(test_what_a_milter_owes_is_timed),
        TEST(test_what_is_kept),
        TEST(test_each_refused_allocation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
