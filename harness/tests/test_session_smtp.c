/* SPDX-License-Identifier: MIT */
/* The SMTP client: what it says, and the course it takes, with servers that keep to RFC 5321. */
#include "helper_split.h"
#include "tests/talk_smtp.h"

static void assert_sent(struct talk *t, const char *want)
{
    helper_assert_bytes(drill_writer_span(&t->w), drill_span_str(want), "sent");
}

/* ---- the plain course ---- */

static void run_plain(void *ctx, const struct drill_span *pieces, size_t count,
                      struct drill_writer *log)
{
    struct talk *t = talk_new(0, 0, NULL);
    (void)ctx;
    start(t);
    for (size_t i = 0; i < count; i++) {
        feed(t, pieces[i]);
    }
    assert_true(t->done);
    drill_write_bytes(log, drill_writer_span(&t->w));
    for (const struct drill_smtp_reply *r = t->smtp.replies; r; r = r->next) {
        drill_write_u8(log, r->told.stage);
        drill_write_text(log, r->told.final ? "! " : " ");
        drill_write_bytes(log, r->told.line);
        drill_write_text(log, "\n");
        assert_int_equal(r->faults & ~(unsigned)DRILL_SMTP_EARLY, 0);
    }
    talk_free(t);
}

static void test_plain_session_at_every_split(void **state)
{
    (void)state;
    helper_every_split(BYTES(HI EHLO OK OK GO "250 2.0.0 queued as 1\r\n" BYE), run_plain, NULL,
                       "<open>EHLO client.example\r\nMAIL FROM:<alice@example.org>\r\n"
                       "RCPT TO:<bob@example.com>\r\nDATA\r\n" SENT "QUIT\r\n<close>"
                       "C 220 mx ESMTP\nH 250-mx\r\n250 SIZE\nM 250 2.0.0 ok\nR 250 2.0.0 ok\n"
                       "T 354 go\nE! 250 2.0.0 queued as 1\nQ 221 bye\n");
}

static void test_in_small_writes(void **state)
{
    (void)state;
    for (size_t size = 1; size < 30; size++) {
        struct talk *t = talk_new(0, 0, NULL);
        t->write_max = size;
        serve(t, "gekkdkq");
        assert_sent(t, "<open>EHLO client.example\r\nMAIL FROM:<alice@example.org>\r\n"
                       "RCPT TO:<bob@example.com>\r\nDATA\r\n" SENT "QUIT\r\n<close>");
        assert_told(t, "C220 H250 M250 R250 T354 E250! Q221");
        assert_null(t->smtp.faulty);
        talk_free(t);
    }
}

static void test_dots_and_odd_bytes(void **state)
{
    static const struct {
        struct drill_span raw, sent;
    } rows[] = {
#define S(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {S(""), S(".\r\n")},
        {S(".\r\n"), S("..\r\n.\r\n")},
        {S("."), S("..\r\n.\r\n")},
        {S("a\r\n.b\r\n..\r\nc.\r\n"), S("a\r\n..b\r\n...\r\nc.\r\n.\r\n")},
        {S("a"), S("a\r\n.\r\n")},
        {S("a\r"), S("a\r\r\n.\r\n")},
        {S("\n"), S("\n\r\n.\r\n")},
        {S("a\n.b\n"), S("a\n.b\n\r\n.\r\n")}, /* bare LF is no end of a line */
        {S("\0\xff\xe9\x80\r\n"), S("\0\xff\xe9\x80\r\n.\r\n")},
#undef S
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        t->messages[0].mail.raw = helper_exact(rows[i].raw);
        serve(t, "gekk");
        t->w.len = 0;
        say(t, GO);
        helper_assert_bytes(drill_writer_span(&t->w), rows[i].sent, "message");
        helper_exact_free(t->messages[0].mail.raw);
        talk_free(t);
    }
}

/* More than one buffer, dots at every place; nothing of it is held. */
static void test_large_message_is_streamed(void **state)
{
    enum { SIZE = 300000 };
    static const char replies[] = "gekkd";
    uint8_t *raw = malloc(SIZE);
    uint8_t *out = malloc(2 * SIZE);
    size_t out_len = 0;
    (void)state;
    assert_non_null(raw);
    assert_non_null(out);
    for (size_t i = 0; i < SIZE; i++) {
        size_t in_line = i % (3 + i / 4096 % 50);
        raw[i] = in_line == 0 ? '\r' : in_line == 1 ? '\n' : '.';
    }
    for (size_t i = 0; i < SIZE; i++) {
        if (raw[i] == '.' && i > 1 && raw[i - 1] == '\n' && raw[i - 2] == '\r') {
            out[out_len++] = '.';
        }
        out[out_len++] = raw[i];
    }
    struct talk *t = talk_new(0, 0, NULL);
    t->messages[0].mail.raw = drill_span_of(raw, SIZE);
    uint8_t *log = malloc(2 * SIZE);
    start(t);
    t->w = drill_writer_of(log, 2 * SIZE);
    for (size_t i = 0; replies[i]; i++) {
        t->w.len = 0;
        say_letter(t, replies[i]);
    }
    helper_assert_bytes(drill_span_sub(drill_writer_span(&t->w), 0, out_len),
                        drill_span_of(out, out_len), "message");
    assert_true(t->arena.held < 16384);
    free(log);
    talk_free(t);
    free(raw);
    free(out);
}

/* ---- what is refused ---- */

struct course {
    const char *replies;
    const char *told, *sent;
};

static const struct course courses[] = {
    {"xq", "C554 C554! Q221", "<open>QUIT\r\n<close>"},
    {"g5kn", "C220 H502 H250 M550!",
     "<open>EHLO client.example\r\nHELO client.example\r\nMAIL FROM:<alice@example.org>\r\n"
     "QUIT\r\n"},
    {"g5nq", "C220 H502 H550 H550! Q221", NULL},
    {"gxq", "C220 H554 H554! Q221", "<open>EHLO client.example\r\nQUIT\r\n<close>"}, /* no HELO */
    {"gtq", "C220 H451 H451! Q221", "<open>EHLO client.example\r\nQUIT\r\n<close>"},
    {"g4", "C220 H421 H421!", "<open>EHLO client.example\r\n<close>"},
    {"genq", "C220 H250 M550! Q221", TO_MAIL "QUIT\r\n<close>"},
    {"ge4", "C220 H250 M421!", TO_MAIL "<close>"},
    {"geknq", "C220 H250 M250 R550! Q221", TO_RCPT "QUIT\r\n<close>"},
    {"gekktq", "C220 H250 M250 R250 T451! Q221", TO_DATA "QUIT\r\n<close>"},
    {"gekkdnq", "C220 H250 M250 R250 T354 E550! Q221", NULL},
    {"gekkd4", "C220 H250 M250 R250 T354 E421!", TO_DATA SENT "<close>"},
    {"gekkdkn", "C220 H250 M250 R250 T354 E250! Q550", NULL},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(courses); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        serve(t, courses[i].replies);
        assert_told(t, courses[i].told);
        if (courses[i].sent) {
            assert_sent(t, courses[i].sent);
        }
        assert_non_null(drill_smtp_outcome(&t->smtp, 1));
        assert_null(drill_smtp_outcome(&t->smtp, 2));
        assert_null(t->smtp.faulty);
        talk_free(t);
    }
}

static void test_several_recipients(void **state)
{
    static const struct {
        const char *replies;
        const char *told;
    } rows[] = {
        {"geknkdkq", "C220 H250 M250 R550 R2=250 T354 E250! Q221"},
        {"gekkndtq", "C220 H250 M250 R250 R2=550 T354 E451! Q221"},
        {"gekntq", "C220 H250 M250 R550 R2=451! Q221"},
        {"gekn4", "C220 H250 M250 R550 R2=421!"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        t->messages[0].rcpts = 2;
        serve(t, rows[i].replies);
        assert_told(t, rows[i].told);
        assert_true(t->done);
        const struct drill_told *second = drill_smtp_told(&t->smtp, 1, DRILL_SMFIC_RCPT, 2);
        assert_non_null(second);
        assert_int_equal(second->rcpt, 2);
        assert_int_equal(drill_smtp_told(&t->smtp, 1, DRILL_SMFIC_RCPT, 1)->rcpt, 1);
        assert_ptr_equal(drill_smtp_told(&t->smtp, 1, DRILL_SMFIC_RCPT, 0), second);
        talk_free(t);
    }
}

static void test_messages_of_one_session(void **state)
{
    struct talk *t = talk_new(2, 0, NULL);
    (void)state;
    serve(t, "genknkkkdkq");
    /* A refused MAIL leaves nothing to forget, refused recipients do. */
    assert_sent(t, TO_MAIL "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\nRSET\r\n"
                           "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\n"
                           "DATA\r\n" SENT "QUIT\r\n<close>");
    assert_told(t, "C220 H250 M550! 2:M250 2:R550! 3:U250 3:M250 3:R250 3:T354 3:E250! Q221");
    assert_true(t->done);
    assert_int_equal(drill_smtp_outcome(&t->smtp, 2)->code, 550);
    assert_int_equal(drill_smtp_outcome(&t->smtp, 3)->code, 250);
    talk_free(t);
}

static void test_sessions_one_after_the_other(void **state)
{
    struct talk *t = talk_new(0, 1, NULL);
    (void)state;
    serve(t, "gekkdkqGekkdnq");
    assert_told(t, "C220 H250 M250 R250 T354 E250! Q221 "
                   "C220 H250 2:M250 2:R250 2:T354 2:E550! Q221");
    assert_int_equal(t->smtp.opened, 2);
    assert_string_equal(
        (const char *)drill_smtp_told(&t->smtp, 2, DRILL_SMFIC_CONNECT, 0)->line.ptr, "220 second");
    assert_string_equal(
        (const char *)drill_smtp_told(&t->smtp, 1, DRILL_SMFIC_CONNECT, 0)->line.ptr,
        "220 mx ESMTP");
    assert_null(drill_smtp_told(&t->smtp, 3, DRILL_SMFIC_CONNECT, 0));
    talk_free(t);
}

/* Each connection ends for its own messages only. */
static void test_421_ends_all_messages_of_the_session(void **state)
{
    struct talk *t = talk_new(1, 1, NULL);
    (void)state;
    serve(t, "ge4genq");
    assert_told(t, "C220 H250 M421! 2:M421! C220 H250 3:M550! Q221");
    assert_true(t->done);
    talk_free(t);
}

/* ---- client attributes ---- */

static void test_xclient(void **state)
{
    static const struct {
        const char *replies;
        const char *sent, *told;
    } rows[] = {
        {"gogonq",
         "<open>EHLO client.example\r\n"
         "XCLIENT NAME=mail.example.org ADDR=192.0.2.1 PORT=47324 LOGIN=a+3Db+2B+20+E9\r\n" TO_MAIL
         "QUIT\r\n<close>",
         "C220 H250 C220 H250 M550! Q221"},
        {"gonnq", NULL, "C220 H250 U550 M550! Q221"},
        {"goxq", NULL, "C220 H250 C554 C554! Q221"},
        {"go4", NULL, "C220 H250 U421 C421!"},
        {"gpgenq", "<open>EHLO client.example\r\nXCLIENT PORT=47324\r\n" TO_MAIL "QUIT\r\n<close>",
         "C220 H250 C220 H250 M550! Q221"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        t->clients[0].auth = BYTES("a=b+ \xe9");
        serve(t, rows[i].replies);
        assert_told(t, rows[i].told);
        if (rows[i].sent) {
            /* The second EHLO is on the same connection. */
            char want[400];
            (void)snprintf(want, sizeof(want), "%s", rows[i].sent);
            char *second = strstr(want + 1, "<open>");
            assert_non_null(second);
            memmove(second, second + 6, strlen(second + 6) + 1);
            assert_sent(t, want);
        }
        talk_free(t);
    }
}

static void test_xclient_of_odd_clients(void **state)
{
    static const struct {
        uint8_t family;
        const char *addr, *host, *sent;
    } rows[] = {
        {DRILL_FAMILY_INET6, "2001:db8::5", "",
         "NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::5 PORT=47324"},
        {DRILL_FAMILY_UNKNOWN, "", "x", "NAME=x ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE]"},
        {DRILL_FAMILY_INET, "192.0.2.1", "a\r\nb", "NAME=a+0D+0Ab ADDR=192.0.2.1 PORT=47324"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char want[200];
        struct talk *t = talk_new(0, 0, NULL);
        t->clients[0].family = rows[i].family;
        t->clients[0].addr = drill_span_str(rows[i].addr);
        t->clients[0].host = drill_span_str(rows[i].host);
        serve(t, "gr");
        (void)snprintf(want, sizeof(want), "<open>EHLO client.example\r\nXCLIENT %s\r\n",
                       rows[i].sent);
        assert_sent(t, want);
        talk_free(t);
    }
}

static void test_parameters_stand_behind_their_address(void **state)
{
    static const struct drill_esmtp args[] = {
        {{(const uint8_t *)" NOTIFY=NEVER ORCPT=x", 21}, {NULL, 0}}};
    struct talk *t = talk_new(0, 0, NULL);
    (void)state;
    t->messages[0].from_args.typed = BYTES(" SIZE=9");
    t->messages[0].rcpt_args = args;
    serve(t, "gekk");
    assert_sent(t, "<open>EHLO client.example\r\nMAIL FROM:<alice@example.org> SIZE=9\r\n"
                   "RCPT TO:<bob@example.com> NOTIFY=NEVER ORCPT=x\r\nDATA\r\n");
    talk_free(t);
}

static void test_xforward_before_each_message(void **state)
{
    static const char x[] = "XFORWARD NAME=mail.example.org ADDR=192.0.2.1 HELO=client.example\r\n"
                            "MAIL FROM:<alice@example.org>\r\n";
    char want[500];
    struct talk *t = talk_new(1, 0, NULL);
    (void)state;
    serve(t, "gfkn5nq");
    (void)snprintf(want, sizeof(want), "<open>EHLO client.example\r\n%s%sQUIT\r\n<close>", x, x);
    assert_sent(t, want);
    assert_told(t, "C220 H250 U250 M550! 2:U502 2:M550! Q221");
    talk_free(t);
    t = talk_new(0, 0, NULL);
    t->config.xclient = false;
    serve(t, "gfkn5nq");
    assert_non_null(strstr(t->log, TO_MAIL));
    talk_free(t);
}

static void test_proxy_line(void **state)
{
    static const struct {
        uint8_t family;
        const char *addr, *sent;
    } rows[] = {
        {DRILL_FAMILY_INET, "192.0.2.1", "PROXY TCP4 192.0.2.1 127.0.0.1 47324 25\r\n"},
        {DRILL_FAMILY_INET6, "2001:db8::5", "PROXY TCP6 2001:db8::5 ::1 47324 25\r\n"},
        {DRILL_FAMILY_UNIX, "/x", "PROXY UNKNOWN\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char want[200];
        struct talk *t = talk_new(0, 0, NULL);
        t->config.proxy = true;
        t->clients[0].family = rows[i].family;
        t->clients[0].addr = drill_span_str(rows[i].addr);
        serve(t, "g");
        (void)snprintf(want, sizeof(want), "<open>%sEHLO client.example\r\n", rows[i].sent);
        assert_sent(t, want);
        talk_free(t);
    }
}

/* ---- extras ---- */

struct extra_case {
    uint8_t stage;
    enum drill_smtp_act act;
    const char *line;
    const char *replies;
    const char *told; /* of two messages in one session; the extra is with the first */
};

static const struct extra_case extra_cases[] = {
    {'C', DRILL_SMTP_SAY, "NOOP", "gkennq", "C220 U250 H250 M550! 2:M550! Q221"},
    {'H', DRILL_SMTP_SAY, "EHLO b", "geknnq", "C220 H250 U250 M550! 2:M550! Q221"},
    {'M', DRILL_SMTP_SAY, "FOO", "geknnknq", "C220 H250 M250 U550 R550! 2:U250 2:M550! Q221"},
    {'M', DRILL_SMTP_SAY, "rset", "gekknq", "C220 H250 M250 U250 A0! 2:M550! Q221"},
    {'M', DRILL_SMTP_SAY, "RSET", "genknq", "C220 H250 M550! U250 2:M550! Q221"},
    {'M', DRILL_SMTP_SAY, "RSET", "geknnknq", "C220 H250 M250 U550 R550! 2:U250 2:M550! Q221"},
    {'R', DRILL_SMTP_SAY, "RSET", "gekkknq", "C220 H250 M250 R250 U250 A0! 2:M550! Q221"},
    {'R', DRILL_SMTP_SAY, "RSET", "geknknq", "C220 H250 M250 R550! U250 2:M550! Q221"},
    {'R', DRILL_SMTP_SAY, "EHLO b", "gekkknq", "C220 H250 M250 R250 U250 A0! 2:M550! Q221"},
    {'R', DRILL_SMTP_SAY, "QUIT", "gekkq", "C220 H250 M250 R250 U221 A0! 2:A0!"},
    {'R', DRILL_SMTP_SAY, "FOO", "gekk4", "C220 H250 M250 R250 U421 R421! 2:R421!"},
    {'T', DRILL_SMTP_SAY, ".x", "gekkdknq", "C220 H250 M250 R250 T354 E250! 2:M550! Q221"},
    {'T', DRILL_SMTP_SAY, "RSET", "gekknknq", "C220 H250 M250 R250 T550! U250 2:M550! Q221"},
    {'E', DRILL_SMTP_SAY, "NOOP", "gekkdkknq", "C220 H250 M250 R250 T354 E250! U250 2:M550! Q221"},
    {'C', DRILL_SMTP_LEAVE, "", "g", "C220 A0! 2:A0!"},
    {'H', DRILL_SMTP_LOSE, "", "ge", "C220 H250 A0! 2:A0!"},
    {'R', DRILL_SMTP_LOSE, "", "gekn", "C220 H250 M250 R550! 2:A0!"},
    {'T', DRILL_SMTP_LEAVE, "", "gekkd", "C220 H250 M250 R250 T354 A0! 2:A0!"},
    {'E', DRILL_SMTP_LEAVE, "", "gekkdk", "C220 H250 M250 R250 T354 E250! 2:A0!"},
};

static void test_extras(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(extra_cases); i++) {
        const struct extra_case *c = &extra_cases[i];
        struct talk *t = talk_new(1, 0, NULL);
        t->extras[0].session = 1;
        t->extras[0].message = 1;
        t->extras[0].stage = c->stage;
        t->extras[0].act = c->act;
        t->extras[0].line = drill_span_str(c->line);
        t->config.extras = t->extras;
        serve(t, c->replies);
        assert_told(t, c->told);
        assert_true(t->done);
        assert_null(t->smtp.faulty);
        if (c->act != DRILL_SMTP_SAY) {
            assert_non_null(strstr(t->log, c->act == DRILL_SMTP_LOSE ? "<reset>" : "<close>"));
        } else if (c->line[0] == '.') {
            assert_non_null(strstr(t->log, "DATA\r\n.x\r\n" SENT));
        }
        talk_free(t);
    }
}

static void test_extras_in_their_order(void **state)
{
    struct talk *t = talk_new(1, 0, NULL);
    (void)state;
    t->extras[0] =
        (struct drill_smtp_extra){1, 1, 'M', DRILL_SMTP_SAY, BYTES("FOO"), t->extras + 1, NULL};
    t->extras[1] =
        (struct drill_smtp_extra){1, 2, 'M', DRILL_SMTP_SAY, BYTES("BAR"), t->extras + 2, NULL};
    t->extras[2] = (struct drill_smtp_extra){1, 1, 'M', DRILL_SMTP_SAY, BYTES("BAZ"), NULL, NULL};
    t->config.extras = t->extras;
    serve(t, "geknt");
    assert_sent(t, TO_MAIL "FOO\r\nBAZ\r\nRCPT TO:<bob@example.com>\r\n");
    say(t, NO);
    say(t, OK);
    say(t, OK);
    assert_non_null(strstr(t->log, "RSET\r\nMAIL FROM:<alice@example.org>\r\nBAR\r\n"));
    talk_free(t);
}

static void test_without_traffic(void **state)
{
    struct talk *t = talk_new(0, 0, NULL);
    (void)state;
    t->clients[0].messages = NULL;
    serve(t, "geq");
    assert_true(t->done);
    assert_told(t, "C220 H250 Q221");
    talk_free(t);
    t = talk_new(0, 0, NULL);
    t->config.traffic = NULL;
    start(t);
    assert_true(t->done && drill_smtp_done(&t->smtp));
    talk_free(t);
    t = talk_new(0, 0, NULL); /* no recipients: the server's word on that */
    t->messages[0].rcpts = 0;
    serve(t, "gekxq");
    assert_told(t, "C220 H250 M250 T554! Q221");
    talk_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_session_at_every_split),
        cmocka_unit_test(test_in_small_writes),
        cmocka_unit_test(test_dots_and_odd_bytes),
        cmocka_unit_test(test_large_message_is_streamed),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_several_recipients),
        cmocka_unit_test(test_messages_of_one_session),
        cmocka_unit_test(test_sessions_one_after_the_other),
        cmocka_unit_test(test_421_ends_all_messages_of_the_session),
        cmocka_unit_test(test_xclient),
        cmocka_unit_test(test_xclient_of_odd_clients),
        cmocka_unit_test(test_parameters_stand_behind_their_address),
        cmocka_unit_test(test_xforward_before_each_message),
        cmocka_unit_test(test_proxy_line),
        cmocka_unit_test(test_extras),
        cmocka_unit_test(test_extras_in_their_order),
        cmocka_unit_test(test_without_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
