/* SPDX-License-Identifier: MIT */
/* Segments to conversations: order, repetition, loss, endings, who is who. */
#include "tests/import_case.h"

static struct helper_capture c;
static struct helper_line l;

static int setup(void **state)
{
    (void)state;
    c = (struct helper_capture){.link = 1};
    helper_capture_begin(&c);
    l = case_open(&c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    helper_capture_end(&c);
    return 0;
}

static void is(const char *want, size_t notes, const char *word)
{
    struct case_import t;
    case_read(&t, &c, 0);
    case_noted(&t, notes, word);
    assert_int_equal(t.im.count, 1);
    case_is(&t, 0, want);
    case_end(&t);
}

static void put(int side, uint32_t at, struct drill_span bytes)
{
    helper_line_put(&l, &c, side, at, HELPER_ACK, bytes);
}

static void say(int side, struct drill_span bytes)
{
    helper_line_say(&l, &c, side, bytes);
}

static void test_a_repetition_counts_once(void **state)
{
    (void)state;
    put(0, 0, OFFER);
    say(0, HELO);
    put(0, 17, HELO);
    put(0, 10, drill_span_sub(OFFER, 10, 7));
    say(1, CONTINUE);
    is(OFFERED "> helo name=\"x\"\n< continue\n", 0, "");
}

static void test_order_is_restored(void **state)
{
    (void)state;
    put(0, 17 + 7 + 5, QUIT);
    put(0, 17 + 7, CONTINUE);
    put(0, 17, HELO);
    is(OFFERED "> helo name=\"x\"\n> frame code=99 data=\"\"\n> quit\n", 0, "");
}

/* Pieces that overlap on both sides of a hole, and one that covers all of them. */
static void test_overlaps_are_taken_once(void **state)
{
    (void)state;
    put(0, 17 + 3, drill_span_sub(BODY, 3, 4));
    put(0, 17 + 9, drill_span_sub(BODY, 9, 4));
    put(0, 17 + 5, drill_span_sub(BODY, 5, 6));
    put(0, 17, drill_span_sub(BODY, 0, 15));
    is(OFFERED "> body data=\"0123456789\" split=3,4,2,4  # in 3+4+2+4+2 bytes\n", 0, "");
}

static void test_the_first_of_two_contents_counts(void **state)
{
    (void)state;
    say(0, BODY);
    put(0, 17 + 5, BYTES("XXXXXXXXXX"));
    put(0, 17 + 6, BYTES("YYY"));
    is(OFFERED "> body data=\"0123456789\"\n"
               "# The capture has two contents for bytes near here: the first one counts.\n",
       1, "packet 6 repeats bytes");
}

static void test_the_first_of_two_that_wait_counts(void **state)
{
    (void)state;
    put(0, 17 + 5, BYTES("0123456789"));
    put(0, 17 + 3, BYTES("\013BXXX"));
    put(0, 17, drill_span_sub(BODY, 0, 5));
    is(OFFERED "# The capture has two contents for bytes near here: the first one counts.\n"
               "> body data=\"0123456789\" split=3,2  # in 3+2+10 bytes\n",
       1, "packet 6");
}

/* Some stacks put a byte of their own into it. */
static void test_a_keep_alive_is_no_second_content(void **state)
{
    (void)state;
    say(0, BODY);
    put(0, 17 + 14, BYTES("X"));
    say(1, CONTINUE);
    is(OFFERED "> body data=\"0123456789\"\n< continue\n", 0, "");
}

static void test_a_hole_that_was_acknowledged_is_given_up_at_once(void **state)
{
    (void)state;
    put(0, 17 + 7, QUIT);
    l.at[0] += 7 + 5;
    say(1, CONTINUE);
    say(0, QUIT);
    is(OFFERED "# 7 bytes of the MTA are missing here, frames among them.\n> quit\n< continue\n"
               "> quit\n",
       0, "");
}

static void test_a_hole_in_a_frame_keeps_its_length(void **state)
{
    (void)state;
    put(0, 17, drill_span_sub(BODY, 0, 7));
    put(0, 17 + 10, drill_span_sub(BODY, 10, 5));
    say(1, CONTINUE);
    is(OFFERED "< continue\n"
               "# 3 bytes of the next frame of the MTA were not captured: x stands for them.\n"
               "> body data=\"01xxx56789\" split=10  # in 10+5 bytes\n",
       0, "");
}

static void test_a_string_keeps_its_end(void **state)
{
    (void)state;
    put(0, 17, drill_span_sub(HELO, 0, 5));
    put(0, 17 + 7, QUIT);
    is(OFFERED "# 2 bytes of the next frame of the MTA were not captured: x stands for them.\n"
               "> helo name=\"x\"\n> quit\n",
       0, "");
}

/* Behind a hole that swallowed a frame's length the next frame is looked for. */
static void test_frames_are_found_again(void **state)
{
    (void)state;
    put(0, 17, drill_span_sub(BODY, 0, 2));
    put(0, 17 + 12, BYTES("789\0\0\0\001Q"));
    is(OFFERED "> raw data=\"\\0\\0\"\n# 10 bytes of the MTA are missing here, frames among them.\n"
               "> raw data=\"789\"\n> quit\n",
       0, "");
}

static void test_packets_cut_by_the_snap_length(void **state)
{
    (void)state;
    c.snap = 14 + 20 + 20 + 8;
    say(0, BODY);
    say(1, CONTINUE);
    say(0, QUIT);
    is(OFFERED "# 7 bytes of the next frame of the MTA were not captured: x stands for them.\n"
               "> body data=\"012xxxxxxx\"\n< continue\n> quit\n",
       0, "");
}

static void test_sequence_numbers_wrap(void **state)
{
    struct helper_capture d = {.link = 1};
    struct helper_line w = {.port = {40213, 7357}, .first = {UINT32_MAX - 20, UINT32_MAX - 3}};
    struct case_import t;
    (void)state;
    helper_capture_begin(&d);
    helper_line_syn(&w, &d);
    helper_line_say(&w, &d, 0, OFFER);
    helper_line_say(&w, &d, 1, OFFER);
    helper_line_put(&w, &d, 0, 17 + 7, HELPER_ACK, QUIT);
    helper_line_say(&w, &d, 0, HELO);
    case_read(&t, &d, 0);
    case_noted(&t, 0, "");
    case_is(&t, 0, OFFERED "> helo name=\"x\"\n> quit\n");
    case_end(&t);
    helper_capture_end(&d);
}

static void test_a_segment_outside_of_every_window_is_left_out(void **state)
{
    (void)state;
    put(0, UINT32_C(0x50000000), QUIT);
    is(OFFERED, 1, "packet 5 lies outside");
}

static void test_endings(void **state)
{
    (void)state;
    say(0, HELO);
    helper_line_end(&l, &c, 1, HELPER_RST);
    say(0, QUIT);
    is(OFFERED
       "> helo name=\"x\"\n< reset  # RST\n# 5 bytes came behind the end: nobody read them.\n",
       0, "");
}

static void test_a_fin_waits_for_what_stands_before_it(void **state)
{
    (void)state;
    l.at[0] += 7;
    helper_line_end(&l, &c, 0, HELPER_FIN);
    put(0, 17, HELO);
    is(OFFERED "> helo name=\"x\"\n> close  # FIN\n", 0, "");
}

static void test_a_half_close(void **state)
{
    (void)state;
    say(0, HELO);
    helper_line_end(&l, &c, 0, HELPER_FIN);
    say(1, CONTINUE);
    helper_line_end(&l, &c, 1, HELPER_FIN);
    is(OFFERED "> helo name=\"x\"\n> half-close  # FIN\n< continue\n< close  # FIN\n", 0, "");
}

/* What is broken in the capture must not make a line that cannot be. */
static void test_a_side_that_goes_on_behind_its_fin(void **state)
{
    (void)state;
    helper_line_end(&l, &c, 0, HELPER_FIN);
    l.at[0] = 17;
    say(0, HELO);
    say(1, CONTINUE);
    helper_line_end(&l, &c, 1, HELPER_FIN);
    is(OFFERED "> half-close  # FIN\n< continue\n< close  # FIN\n"
               "# 7 bytes came behind the end: nobody read them.\n",
       0, "");
}

/* Behind quit a FIN is the MTA's close, whatever PMilter still says. */
static void test_a_close_behind_quit(void **state)
{
    (void)state;
    say(0, QUIT);
    helper_line_end(&l, &c, 0, HELPER_FIN);
    say(1, CONTINUE);
    helper_line_end(&l, &c, 1, HELPER_FIN);
    is(OFFERED "> quit\n# the MTA ended: FIN\n"
               "# 5 bytes came behind the end: nobody read them.\n",
       0, "");
}

/* It closed, and what came then was answered with a reset. */
static void test_a_close_with_data_on_the_way(void **state)
{
    (void)state;
    say(0, HELO);
    helper_line_end(&l, &c, 1, HELPER_FIN);
    say(0, QUIT);
    helper_line_end(&l, &c, 1, HELPER_RST);
    is(OFFERED
       "> helo name=\"x\"\n< close  # FIN\n# 5 bytes came behind the end: nobody read them.\n",
       0, "");
}

static void test_a_torn_frame_is_raw(void **state)
{
    (void)state;
    say(0, drill_span_sub(BODY, 0, 8));
    helper_line_end(&l, &c, 0, HELPER_FIN);
    is(OFFERED "# The connection ended within this frame.\n"
               "> raw data=\"\\0\\0\\0\\x0bB012\"\n> close  # FIN\n",
       0, "");
}

/* The milter leaves amid it; its sender hears of that later, or not before all was sent. */
static void test_a_frame_that_the_other_side_cuts(void **state)
{
    (void)state;
    say(0, drill_span_sub(HELO, 0, 5));
    helper_line_end(&l, &c, 1, HELPER_RST);
    is(OFFERED "# The connection ended within this frame.\n"
               "> raw data=\"\\0\\0\\0\\x03H\"\n< reset  # RST\n",
       0, "");
}

static void test_a_frame_that_comes_whole_behind_the_other_side_s_end(void **state)
{
    (void)state;
    say(0, drill_span_sub(HELO, 0, 5));
    helper_line_end(&l, &c, 1, HELPER_RST);
    say(0, drill_span_sub(HELO, 5, 2));
    say(0, QUIT);
    is(OFFERED "> helo name=\"x\" split=5  # in 5+2 bytes\n< reset  # RST\n"
               "# 5 bytes came behind the end: nobody read them.\n",
       0, "");
}

static void test_what_is_not_framed_is_raw(void **state)
{
    (void)state;
    say(0, BYTES("EHLO mail.example.org\r\n"));
    say(1, BYTES("\0\0\0\0"));
    say(1, CONTINUE);
    is(OFFERED
       "# What the MTA sends here is not framed: it looks like an SMTP client.\n"
       "> raw data=\"EHLO mail.example.org\\r\\n\"\n"
       "# What the milter sends here is not framed.\n< raw data=\"\\0\\0\\0\\0\"\n< continue\n",
       0, "");
}

/* ---- several, and cut ones ---- */

static void test_a_port_that_is_used_again_is_another_connection(void **state)
{
    struct case_import t;
    (void)state;
    helper_line_end(&l, &c, 0, HELPER_FIN);
    helper_line_end(&l, &c, 1, HELPER_FIN);
    l = (struct helper_line){.port = {40213, 7357}, .first = {77, 88}};
    helper_line_syn(&l, &c);
    say(0, OFFER);
    say(0, QUIT);
    case_read(&t, &c, 0);
    case_noted(&t, 0, "");
    assert_int_equal(t.im.count, 2);
    case_is(&t, 0, OFFERED "> close  # FIN\n");
    case_is(&t, 1, "> optneg version=6 actions=0 protocol=0\n> quit\n");
    assert_string_equal(t.im.talks->label, "192.0.2.5 port 40213 to 192.0.2.9 port 7357");
    case_end(&t);
}

static void test_connections_of_others_are_left_out(void **state)
{
    struct case_import t;
    struct helper_line http = {.port = {40300, 80}, .first = {1, 1}};
    (void)state;
    helper_line_syn(&http, &c);
    helper_line_say(&http, &c, 0, BYTES("GET / HTTP/1.0\r\n\r\n"));
    is(OFFERED, 0, "");
    case_read(&t, &c, 80);
    assert_int_equal(t.im.count, 1);
    case_is(&t, 0,
            "# What the MTA sends here is not framed: it looks like an HTTP client.\n"
            "> raw data=\"GET / HTTP/1.0\\r\\n\\r\\n\"\n");
    case_end(&t);
    case_read(&t, &c, 81);
    case_noted(&t, 1, "none of its 2 TCP connections");
    case_end(&t);
}

/* Without a SYN the contents tell who is the MTA: here the side with the lower port. */
static void test_a_cut_start(void **state)
{
    struct helper_capture d = {.link = 1};
    struct case_import t;
    struct helper_line cut = {.port = {7357, 40213}, .first = {5000, 6000}};
    (void)state;
    helper_capture_begin(&d);
    helper_line_say(&cut, &d, 1, BYTES("rest of a body"));
    helper_line_say(&cut, &d, 0, CONTINUE);
    helper_line_say(&cut, &d, 1, QUIT);
    case_read(&t, &d, 0);
    case_is(&t, 0,
            "# What was captured begins within this connection.\n> raw data=\"rest of a body\"\n"
            "< continue\n> quit\n");
    assert_string_equal(t.im.talks->label, "192.0.2.9 port 40213 to 192.0.2.5 port 7357");
    case_end(&t);
    case_read(&t, &d, 40213); /* who says so must know */
    assert_string_equal(t.im.talks->label, "192.0.2.5 port 7357 to 192.0.2.9 port 40213");
    case_end(&t);
    helper_capture_end(&d);
}

static void test_more_that_waits_than_any_window_has(void **state)
{
    struct case_import t;
    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        put(0, 17 + 100 + 2 * i, BYTES("x"));
    }
    case_read(&t, &c, 0);
    case_noted(&t, 0, "");
    assert_int_equal(t.im.count, 1);
    case_end(&t);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_repetition_counts_once),
        TEST(test_order_is_restored),
        TEST(test_overlaps_are_taken_once),
        TEST(test_the_first_of_two_contents_counts),
        TEST(test_the_first_of_two_that_wait_counts),
        TEST(test_a_keep_alive_is_no_second_content),
        TEST(test_a_hole_that_was_acknowledged_is_given_up_at_once),
        TEST(test_a_hole_in_a_frame_keeps_its_length),
        TEST(test_a_string_keeps_its_end),
        TEST(test_frames_are_found_again),
        TEST(test_packets_cut_by_the_snap_length),
        TEST(test_sequence_numbers_wrap),
        TEST(test_a_segment_outside_of_every_window_is_left_out),
        TEST(test_endings),
        TEST(test_a_fin_waits_for_what_stands_before_it),
        TEST(test_a_half_close),
        TEST(test_a_side_that_goes_on_behind_its_fin),
        TEST(test_a_close_behind_quit),
        TEST(test_a_close_with_data_on_the_way),
        TEST(test_a_torn_frame_is_raw),
        TEST(test_a_frame_that_the_other_side_cuts),
        TEST(test_a_frame_that_comes_whole_behind_the_other_side_s_end),
        TEST(test_what_is_not_framed_is_raw),
        TEST(test_a_port_that_is_used_again_is_another_connection),
        TEST(test_connections_of_others_are_left_out),
        TEST(test_a_cut_start),
        TEST(test_more_that_waits_than_any_window_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
