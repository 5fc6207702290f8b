/* SPDX-License-Identifier: MIT */
/* Stalwart's trace log: every frame it tells of, who talks with whom, what it complains of. */
#include "tests/import_case.h"

#include <stdio.h>

#include "scenario/import_log.h"

#define WHO          "listenerId = \"smtp\", localPort = 25, remoteIp = 192.0.2.5, remotePort = 47324, "
#define TIME         "2026-11-20T12:00:00Z TRACE "
#define WRITE        TIME "Writing to Milter (milter.write) " WHO "id = \"a\", contents = "
#define READ         TIME "Reading from Milter (milter.read) " WHO "id = \"a\", contents = "
#define OFFERS       WRITE "\"OPTNEG (version: 6, actions: [], options: [])\"\n"
#define OFFERED_LINE "> optneg version=6 actions=0 protocol=0\n"

static struct case_import t;

static int setup(void **state)
{
    (void)state;
    case_begin(&t);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    case_end(&t);
    return 0;
}

static void is(const char *log, const char *want)
{
    struct case_import one;
    case_begin(&one);
    assert_true(drill_import_log(&one.im, drill_span_str(log)));
    case_noted(&one, 0, "");
    case_is(&one, 0, want);
    case_end(&one);
}

static const struct {
    const char *contents, *line;
} commands[] = {
    {"OPTNEG (version: 2, actions: [ADDHDRS CHGFROM CHGFROM ADDRCPT_PAR ], options: [NOHELO "
     "MDS_1M ])",
     "> optneg version=2 actions=addhdrs,chgfrom,addrcpt_par protocol=nohelo,mds_1m\n"},
    {"MACRO (code: 67, params: (\"j\", \"mx.example.com\")(\"{x}\", \"a \\\\\"quoted\\\\\" one\"))",
     "> macro stage=connect j=\"mx.example.com\" {x}=\"a \\\"quoted\\\" one\"\n"},
    {"MACRO (code: 72, params: )", "> macro stage=helo\n"},
    {"CONNECT (host: \"mail.example.org\", port: 47324, address: 192.0.2.5)",
     "> connect host=\"mail.example.org\" family=inet port=47324 address=\"192.0.2.5\"\n"},
    {"CONNECT (host: \"\", port: 1, address: 2001:db8::5)",
     "> connect host=\"\" family=inet6 port=1 address=\"2001:db8::5\"\n"},
    {"HELO \"mail.example.org\"", "> helo name=\"mail.example.org\"\n"},
    {"HELO \"\"", "> helo name=\"\"\n"},
    {"HELO \"a\\\\\"b\"", "> helo name=\"a\\\"b\"\n"},
    {"MAIL (from: <a@example.org>, params: )", "> mail address=\"<a@example.org>\"\n"},
    {"MAIL (from: <>, params:  SIZE=1 BODY=8BITMIME)",
     "> mail address=\"<>\" arg=\"SIZE=1\" arg=\"BODY=8BITMIME\"\n"},
    {"RCPT (to: <b@example.com>, params: )", "> rcpt address=\"<b@example.com>\"\n"},
    {"DATA", "> data\n"},
    {"HEADER (Subject: \"plain\")", "> header name=\"Subject\" value=\"plain\"\n"},
    {"HEADER (Subject: \"a \\\\\"b\\\\\", id = \\\\\"c\\\\\"\\\\r\\\\n\\\\tfold \\\\\\\\ "
     "\\\\u{e9}\\\\u{1f600}\\\\u{7f}\")",
     "> header name=\"Subject\" value=\"a \\\"b\\\", id = \\\"c\\\"\\r\\n\\tfold \\\\ "
     "\\xc3\\xa9\\xf0\\x9f\\x98\\x80\\x7f\"\n"},
    {"EOH", "> eoh\n"},
    {"BODY [5 bytes]", "# The log has no bodies, only their sizes: x stands for what was there.\n"
                       "> body data=\"xxxxx\"\n"},
    {"EOB", "> bodyeob\n"},
    {"ABORT", "> abort\n"},
    {"QUIT", "> quit\n"},
    {"QUIT_NC", "> quit_nc\n"},
};

static const struct {
    const char *contents, *line;
} replies[] = {
    {"OPTNEG (version: 6, actions: [], options: [NR_HDR ])",
     "< optneg version=6 actions=0 protocol=nr_hdr\n"},
    {"ACTION (ACCEPT)", "< accept\n"},
    {"ACTION (CONTINUE)", "< continue\n"},
    {"ACTION (DISCARD)", "< discard\n"},
    {"ACTION (REJECT)", "< reject\n"},
    {"ACTION (TEMPFAIL)", "< tempfail\n"},
    {"ACTION (SHUTDOWN)", "< shutdown\n"},
    {"ACTION (CONN_FAIL)", "< conn_fail\n"},
    {"ACTION (REPLYCODE (code: [53, 53, 48], text: 5.7.1 no (really)))",
     "< replycode text=\"550 5.7.1 no (really)\"\n"},
    {"MODIFICATION (ADD_HEADER (X-A: b: c))", "< addheader name=\"X-A\" value=\"b: c\"\n"},
    {"MODIFICATION (INSERT_HEADER (index: 1, X-A: b))",
     "< insheader index=1 name=\"X-A\" value=\"b\"\n"},
    {"MODIFICATION (CHANGE_HEADER (index: 2, X-A: ))",
     "< chgheader index=2 name=\"X-A\" value=\"\"\n"},
    {"MODIFICATION (ADD_RCPT (recipient: <c@example.com>, args: ))",
     "< addrcpt address=\"<c@example.com>\"\n"},
    {"MODIFICATION (ADD_RCPT (recipient: <c@example.com>, args: NOTIFY=NEVER))",
     "< addrcpt_par address=\"<c@example.com>\" args=\"NOTIFY=NEVER\"\n"},
    {"MODIFICATION (DEL_RCPT (recipient: <b@example.com>))",
     "< delrcpt address=\"<b@example.com>\"\n"},
    {"MODIFICATION (REPLACE_BODY (4 bytes))",
     "# The log has no bodies, only their sizes: x stands for what was there.\n"
     "< replbody data=\"xxxx\"\n"},
    {"MODIFICATION (CHANGE_FROM (<<d@example.org>> ))",
     "< chgfrom address=\"<d@example.org>\" args=\"\"\n"},
    {"MODIFICATION (QUARANTINE (a (b)))", "< quarantine reason=\"a (b)\"\n"},
    {"PROGRESS", "< progress\n"},
    {"SKIP", "< skip\n"},
    {"SET_SYMBOLS", "< setsymlist\n"},
};

static void test_each_frame(void **state)
{
    static const char *const behind[] = {"\"\n", "\"\r\n", "\", elapsed = 140ms\n",
                                         "\", more = \"text\"\n"};
    char log[2000], want[1000];
    (void)state;
    for (size_t e = 0; e < sizeof(behind) / sizeof(behind[0]); e++) {
        for (size_t i = 1; i < sizeof(commands) / sizeof(commands[0]); i++) {
            (void)snprintf(log, sizeof(log), OFFERS WRITE "\"%s%s", commands[i].contents,
                           behind[e]);
            (void)snprintf(want, sizeof(want), OFFERED_LINE "%s", commands[i].line);
            is(log, want);
        }
        for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
            (void)snprintf(log, sizeof(log), OFFERS READ "\"%s%s", replies[i].contents, behind[e]);
            (void)snprintf(want, sizeof(want), OFFERED_LINE "%s", replies[i].line);
            is(log, want);
        }
    }
    (void)snprintf(log, sizeof(log), WRITE "\"%s\"\n", commands[0].contents);
    is(log, commands[0].line);
}

/* As a log file is by default, and as one that was told to be of several lines. */
static void test_colours_and_several_lines(void **state)
{
    static const char coloured[] =
        "\x1b[37m2026-11-20T12:00:00Z\x1b[0m \x1b[35;1mTRACE\x1b[0m \x1b[37;1mWriting to "
        "Milter\x1b[0m (milter.write) \x1b[36mremoteIp\x1b[0m = 192.0.2.5, \x1b[36mcontents\x1b[0m "
        "= \"OPTNEG (version: 6, actions: [], options: [])\"\n"
        "\x1b[37m2026-11-20T12:00:00Z\x1b[0m \x1b[33;1mWARN\x1b[0m Milter disconnected "
        "(milter.disconnected) \x1b[36mremoteIp\x1b[0m = "
        "192.0.2.5, \x1b[36mdetails\x1b[0m = (null)\n";
    static const char lines[] =
        TIME "Writing to Milter (milter.write)\n\tremoteIp = 192.0.2.5\n\tcontents = \"OPTNEG "
             "(version: 6, actions: [], options: [])\"\n" TIME
             "Another event (smtp.ehlo)\n\tdomain = \"x\"\n" TIME
             "Milter disconnected (milter.disconnected)\r\n\tremoteIp = 192.0.2.5\r\n"
             "\tdetails = (null)\r\n";
    (void)state;
    is(coloured, OFFERED_LINE "< close  # FIN\n");
    is(lines, OFFERED_LINE "< close  # FIN\n");
    is(OFFERS WRITE "\"HELO \"\x1b[1Kx\x1b\"\"\n", OFFERED_LINE "> helo name=\"\\x1b[1Kx\\x1b\"\n");
}

static void test_sessions_are_told_apart(void **state)
{
    static const char other[] =
        TIME "Writing to Milter (milter.write) listenerId = \"smtp\", localPort = 25, "
             "remoteIp = 192.0.2.6, remotePort = 47324, id = \"a\", contents = ";
    char log[3000];
    (void)state;
    (void)snprintf(log, sizeof(log),
                   "%s%s\"OPTNEG (version: 2, actions: [], options: [])\"\n"
                   "%s\"QUIT\"\n%s\"EOH\"\n%s%s\"DATA\"\n",
                   OFFERS, other, WRITE, other, OFFERS, WRITE);
    assert_true(drill_import_log(&t.im, drill_span_str(log)));
    case_noted(&t, 0, "");
    assert_int_equal(t.im.count, 3);
    case_is(&t, 0, OFFERED_LINE "> quit\n");
    case_is(&t, 1, "> optneg version=2 actions=0 protocol=0\n> eoh\n");
    case_is(&t, 2, OFFERED_LINE "> data\n");
}

static void test_what_stalwart_complains_of(void **state)
{
    (void)state;
    is(OFFERS TIME "Milter I/O error (milter.io-error) " WHO
                   "id = \"a\", details = \"Connection reset by peer (os error 104)\"\n",
       OFFERED_LINE "# Stalwart: Milter I/O error.\n< reset  # RST\n");
    is(OFFERS TIME "Milter I/O error (milter.io-error) " WHO
                   "id = \"a\", details = \"Broken pipe (os error 32)\"\n",
       OFFERED_LINE "# Stalwart: Milter I/O error.\n< hangup\n");
    is(OFFERS TIME "Milter disconnected (milter.disconnected) " WHO "id = \"a\"\n",
       OFFERED_LINE "< close  # FIN\n");
    is(OFFERS TIME "Milter timeout (milter.timeout) " WHO "id = \"a\", details = (null)\n",
       OFFERED_LINE "# Stalwart: Milter timeout.\n> close  # FIN\n");
    is(OFFERS TIME "Invalid Milter frame (milter.frame-invalid) " WHO
                   "id = \"a\", details = base64:ZTxlQGV4YW1wbGUub3JnPgA=, elapsed = 248ms\n",
       OFFERED_LINE "< chgfrom address=\"<e@example.org>\"\n"
                    "# Stalwart: Invalid Milter frame.\n> close  # FIN\n");
    is(OFFERS TIME "Invalid Milter frame (milter.frame-invalid) " WHO
                   "id = \"a\", details = base64:, elapsed = 1ms\n",
       OFFERED_LINE "# Stalwart: Invalid Milter frame.\n> close  # FIN\n");
}

static void test_lines_that_cannot_be_read_are_named(void **state)
{
    static const char log[] =
        "a line\n" OFFERS WRITE "\"NONSENSE\"\n" WRITE "\"BODY [4294967296 bytes]\"\n" TIME
        "Writing to Milter (milter.write) " WHO "id = \"a\"\n" TIME
        "Something new (milter.novelty) " WHO "id = \"a\"\n" TIME
        "Milter action: Accept (milter.action-accept) " WHO "id = \"a\"\n" WRITE "\"QUIT\"\n";
    (void)state;
    assert_true(drill_import_log(&t.im, drill_span_str(log)));
    case_noted(&t, 4, "contents are none that are known");
    const struct drill_import_note *n = t.im.notes;
    for (uint32_t line = 3; line <= 6; line++, n = n->next) {
        assert_int_equal(n->error.line, line);
    }
    case_is(&t, 0, OFFERED_LINE "> quit\n");
}

static void test_lines_are_counted_through(void **state)
{
    static const char log[] =
        TIME "Writing to Milter (milter.write)\n\tid = \"a\"\n\tcontents = \"OPTNEG (version: 6, "
             "actions: [], options: [])\"\n" TIME
             "Writing to Milter (milter.write)\n\tid = \"a\"\n\tcontents = \"WHAT\"\n\t\tmore = "
             "1\n" WRITE "\"NONSENSE\"\n";
    (void)state;
    assert_true(drill_import_log(&t.im, drill_span_str(log)));
    case_noted(&t, 2, "contents are none that are known");
    assert_int_equal(t.im.notes->error.line, 4);
    assert_int_equal(t.im.notes->next->error.line, 8);
}

static void test_another_log_is_refused(void **state)
{
    (void)state;
    assert_false(drill_import_log(&t.im, drill_span_str("postfix/smtpd[1]: connect from x\n")));
    case_noted(&t, 1, "no line of this log is a milter event");
}

static void test_a_session_that_begins_before_the_log(void **state)
{
    (void)state;
    is(WRITE "\"EOH\"\n", "# What was captured begins within this connection.\n> eoh\n");
}

/* What comes after 0.16 escapes once more, and its writer can be told to colour, and to break
 * lines. */
static void test_other_ways_to_write_it(void **state)
{
    static const char *const contents[] = {
        WRITE "\"HELO \\\"a\\\\\\\\b\\\\u{1b}\\\\\\\", id = 1\\\"\"\n",
        "\x1b[37m2026-11-20T12:00:00Z\x1b[0m \x1b[35;1mTRACE\x1b[0m x (milter.write) "
        "\x1b[36mid\x1b[0m = "
        "\"a\", \x1b[36mcontents\x1b[0m = \"HELO \\\"a\\\\\\\\b\\\\u{1b}\\\\\\\", id = 1\\\"\"\n",
        TIME "x (milter.write)\n\tid = \"a\"\n\tcontents = \"HELO "
             "\\\"a\\\\\\\\b\\\\u{1b}\\\\\\\", id = 1\\\"\"\n" TIME "another event\n",
        TIME
        "x (milter.write)\r\n\tcontents = \"HELO \\\"a\\\\\\\\b\\\\u{1b}\\\\\\\", id = 1\\\"\"\r\n",
        "Nov 20 13:00:00 mx stalwart[7]: " WRITE
        "\"HELO \\\"a\\\\\\\\b\\\\u{1b}\\\\\\\", id = 1\\\"\"\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        is(contents[i], "# What was captured begins within this connection.\n"
                        "> helo name=\"a\\\\b\\x1b\\\", id = 1\"\n");
    }
}

static void test_lines_are_counted_over_broken_ones(void **state)
{
    struct case_import one;
    (void)state;
    case_begin(&one);
    assert_true(drill_import_log(&one.im, drill_span_str(TIME "x (milter.write)\n\tid = \"a\"\n"
                                                              "\tx = 1\n" WRITE "\"WHAT\"\n")));
    case_noted(&one, 2, "it has no contents");
    assert_int_equal(one.im.notes->error.line, 1);
    assert_int_equal(one.im.notes->next->error.line, 4);
    case_end(&one);
}

static void recorded(const char *time, const char *want)
{
    char log[400];
    struct case_import one;
    struct drill_import_written w;
    case_begin(&one);
    (void)snprintf(log, sizeof(log), "%s TRACE x (milter.write) contents = \"QUIT\"\n", time);
    assert_true(drill_import_log(&one.im, drill_span_str(log)));
    assert_true(drill_import_write(one.im.talks, "talk", true, &one.arena, NULL, &w));
    assert_true(drill_buf_append(&w.text, drill_span_of("", 1)));
    const char *field = strstr((const char *)w.text.ptr, " recorded=");
    assert_non_null(field);
    assert_memory_equal(field + 11, want, strlen(want));
    drill_import_written_fini(&w);
    case_end(&one);
}

static void test_times(void **state)
{
    (void)state;
    recorded("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z");
    recorded("2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:59Z");
    recorded("2026-01-01T00:30:00+01:00", "2025-12-31T23:30:00Z");
    recorded("2025-12-31T23:30:00.5-01:00", "2026-01-01T00:30:00Z");
    recorded("Nov 20 12:00:00 mx stalwart: 2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z");
    recorded("1900-01-01T00:00:00Z", "1970-01-01T00:00:00Z");
    recorded("no time at all, really", "1970-01-01T00:00:00Z");
}

static const char all[] = OFFERS READ
    "\"OPTNEG (version: 6, actions: [ADDHDRS ], options: [])\"\n" WRITE
    "\"MACRO (code: 67, params: (\"j\", \"mx.example.com\"))\"\n" WRITE
    "\"HEADER (Subject: \"a \\\\\"b\\\\\" \\\\u{e9}\")\"\n" WRITE "\"BODY [5 bytes]\"\n" READ
    "\"ACTION (REPLYCODE (code: [53, 53, 48], text: no))\"\n" TIME
    "Invalid Milter frame (milter.frame-invalid)\n\tlistenerId = \"smtp\"\n\tlocalPort = 25\n"
    "\tremoteIp = 192.0.2.5\n\tremotePort = 47324\n\tid = \"a\"\n\t\x1b[36mdetails\x1b[0m = "
    "base64:ZTxlQGV4YW1wbGUub3JnPgA=\n";

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(all); len++) {
        struct drill_span part = helper_exact(drill_span_of(all, len));
        struct case_import one;
        case_begin(&one);
        bool any = drill_import_log(&one.im, part);
        assert_true(any || one.im.noted == 1);
        if (one.im.count) {
            struct drill_import_written w;
            assert_true(drill_import_write(one.im.talks, "talk", true, &one.arena, NULL, &w));
            drill_import_written_fini(&w);
        }
        case_end(&one);
        helper_exact_free(part);
    }
}

static bool with_alloc(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena arena;
    struct drill_import im;
    (void)ctx;
    drill_arena_init(&arena, alloc, 0);
    arena.lean = true;
    drill_import_init(&im, &arena);
    (void)drill_import_log(&im, drill_span_str(all));
    bool ok = !im.no_memory && im.count == 1;
    if (im.count) {
        struct drill_import_written w;
        ok = drill_import_write(im.talks, "talk", true, &arena, alloc, &w) && ok;
        drill_import_written_fini(&w);
    }
    drill_arena_fini(&arena);
    return ok;
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    helper_every_alloc(with_alloc, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_each_frame),
        TEST(test_colours_and_several_lines),
        TEST(test_sessions_are_told_apart),
        TEST(test_what_stalwart_complains_of),
        TEST(test_lines_that_cannot_be_read_are_named),
        TEST(test_lines_are_counted_through),
        TEST(test_another_log_is_refused),
        TEST(test_a_session_that_begins_before_the_log),
        TEST(test_other_ways_to_write_it),
        TEST(test_lines_are_counted_over_broken_ones),
        TEST(test_times),
        TEST(test_cut_at_every_byte),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
