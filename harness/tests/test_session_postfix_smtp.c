/* SPDX-License-Identifier: MIT */
/* Postfix as an MTA: what each reply at each stage makes it send, end, tell its client and log. */
#include "session/apply.h"
#include "talk_replies.h"

/* The second message goes as it should, and the session ends. */
#define NEXT       "DM DR DT DL DN DB DE A A Q close"
#define REJECTED   ": 550 5.7.1 Command rejected; from=<Alice@Sender.TLD>"
#define TEMPFAILED ": 451 4.7.1 Service unavailable - try again later; from=<Alice@Sender.TLD>"

static const struct row CONNECTION[] = {
    {'C', R("c"), "DH DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'C', R("a"), "close", ALL_WELL, ""},
    {'C', R("r"), "close", "C 554 H 250 M 550* 2:M 550*", "NOQUEUE: milter-reject: MAIL from"},
    {'C', R("t"), "close", "C 220 H 250 M 451* 2:M 451*", "NOQUEUE: milter-reject: MAIL from"},
    {'C', R("d"), "DH DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL,
     "DISCARD action is not allowed for connect or helo"},
    {'C', R("y550 5.7.1 no\0"), "close", "C 554 H 250 M 550* 2:M 550*", "550 5.7.1 no;"},
    {'C', R("y450 4.7.1 no\0"), "close", "C 220 H 250 M 450* 2:M 450*", "450 4.7.1 no;"},
    {'C', R("y421 4.7.1 no\0"), "close", "C 421 C 421* 2:C 421*",
     "NOQUEUE: milter-reject: CONNECT from mail.sender.tld[192.0.2.5]: 421 4.7.1 no; proto=SMTP"},
    {'C', R("4"), "close", "C 421 C 421* 2:C 421*", "421 4.7.0 Server closing connection; proto"},
    {'C', R("s"), "DH DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'C', R("f"), "close", "C 220 H 250 M 451* 2:M 451*",
     "unexpected filter response SMFIR_CONN_FAIL after event SMFIC_CONNECT"},
    {'C', R("!"), "", "C 220 H 250 M 451* 2:M 451*", "can't read SMFIC_CONNECT reply"},

    {'H', R("c"), "DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'H', R("a"), "close", ALL_WELL, ""},
    {'H', R("r"), "close", "C 220 H 250 M 550* 2:M 550*", "NOQUEUE: milter-reject: MAIL from"},
    {'H', R("t"), "close", "C 220 H 250 M 451* 2:M 451*", "NOQUEUE: milter-reject: MAIL from"},
    {'H', R("d"), "DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL,
     "DISCARD action is not allowed for connect or helo"},
    {'H', R("y550 5.7.1 no\0"), "close", "C 220 H 250 M 550* 2:M 550*", "550 5.7.1 no;"},
    {'H', R("y421 4.7.1 no\0"), "close", "C 220 H 421 H 421* 2:H 421*",
     "NOQUEUE: milter-reject: EHLO from"},
    {'H', R("4"), "close", "C 220 H 421 H 421* 2:H 421*", "421 4.7.0 Server closing connection"},
    {'H', R("s"), "DM DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'H', R("O"), "close", "C 220 H 250 M 451* 2:M 451*",
     "unexpected filter response (unknown filter reply) after event SMFIC_HELO"},
    {'H', R("?"), "close", "C 220 H 250 M 451* 2:M 451*",
     "can't read SMFIC_HELO reply packet header: Connection timed out"},
};

static const struct row ENVELOPE[] = {
    {'M', R("c"), "DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'M', R("a"), "A " NEXT, ALL_WELL, ""},
    {'M', R("r"), "A " NEXT, UP_TO_M "M 550* " WELL, "NOQUEUE: milter-reject: MAIL from"},
    {'M', R("t"), "A " NEXT, UP_TO_M "M 451* " WELL, TEMPFAILED},
    {'M', R("d"), "A " NEXT, ALL_WELL, "milter-discard: MAIL from"},
    {'M', R("y550 5.7.1 no\0"), "A " NEXT, UP_TO_M "M 550* " WELL, ": 550 5.7.1 no;"},
    {'M', R("y421 4.7.1 no\0"), "A A Q close", UP_TO_M "M 421* 2:M 0*", ": 421 4.7.1 no;"},
    {'M', R("4"), "close", UP_TO_M "M 421* 2:M 0*", "421 4.7.0 Server closing connection"},
    {'M', R("s"), "DR DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'M', R("l"), "close", UP_TO_M "M 451* 2:M 451*", "SMFIR_SETSYMLIST after event SMFIC_MAIL"},
    {'M', R("hX\0y\0"), "close", UP_TO_M "M 451* 2:M 451*",
     "unexpected filter response SMFIR_ADDHEADER after event SMFIC_MAIL"},
    {'M', R("Z"), "close", UP_TO_M "M 451* 2:M 451*",
     "unexpected filter response (unknown filter reply) after event SMFIC_MAIL"},

    {'R', R("c"), "DR DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'R', R("a"), "A " NEXT, ALL_WELL, ""},
    {'R', R("r"), "DR DT DL DN DB DE A " NEXT, UP_TO_R "R1 550 R2 250 T 354 E 250* " WELL,
     "NOQUEUE: milter-reject: RCPT from mail.sender.tld[192.0.2.5]" REJECTED
     " to=<bob@example.com> proto=ESMTP helo=<cl.example>"},
    {'R', R("t"), "DR DT DL DN DB DE A " NEXT, UP_TO_R "R1 451 R2 250 T 354 E 250* " WELL,
     TEMPFAILED},
    {'R', R("d"), "A " NEXT, ALL_WELL, "milter-discard: RCPT from"},
    {'R', R("y550 5.1.1 no\0"), "DR DT DL DN DB DE A " NEXT,
     UP_TO_R "R1 550 R2 250 T 354 E 250* " WELL, ": 550 5.1.1 no;"},
    {'R', R("y421 4.7.1 no\0"), "A A Q close", UP_TO_R "R1 421* 2:M 0*", ": 421 4.7.1 no;"},
    {'R', R("4"), "close", UP_TO_R "R1 421* 2:M 0*", "421 4.7.0 Server closing connection"},
    {'R', R("s"), "DT DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'R', R("f"), "close", UP_TO_R "R1 451 R2 451* T 554 2:M 451*", "SMFIR_CONN_FAIL"},
    {'R', R("!"), "", UP_TO_R "R1 451 R2 451* T 554 2:M 451*",
     "can't read SMFIC_RCPT reply packet header: Application error"},

    {'T', R("c"), "DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'T', R("a"), "A " NEXT, ALL_WELL, ""},
    {'T', R("r"), "A " NEXT, UP_TO_T "T 550* " WELL, "4Xy7Qk2zr9zB1: milter-reject: DATA from"},
    {'T', R("t"), "A " NEXT, UP_TO_T "T 451* " WELL, TEMPFAILED},
    {'T', R("d"), "A " NEXT, ALL_WELL, "milter-discard: DATA from"},
    {'T', R("y550 5.7.1 no\0"), "A " NEXT, UP_TO_T "T 550* " WELL, ": 550 5.7.1 no;"},
    {'T', R("y421 4.7.1 no\0"), "A A Q close", UP_TO_T "T 421* 2:M 0*", ": 421 4.7.1 no;"},
    {'T', R("4"), "close", UP_TO_T "T 421* 2:M 0*", "421 4.7.0 Server closing connection"},
    {'T', R("s"), "DL DN DB DE A " NEXT, ALL_WELL, ""},
    {'T', R("f"), "close", UP_TO_T "T 451* 2:M 451*", "SMFIR_CONN_FAIL after event SMFIC_DATA"},
};

/* In the process cleanup: the next message of the session finds the shut connection. */
#define BROKEN  "can't read SMFIC_MAIL reply packet header: Broken pipe"
#define CONTENT "4Xy7Qk2zr9zB1: milter-reject: END-OF-MESSAGE from mail.sender.tld[192.0.2.5]: "

static const struct row CONTENTS[] = {
    {'L', R("c"), "DN DB DE A " NEXT, ALL_WELL, ""},
    {'L', R("a"), "A " NEXT, ALL_WELL, ""},
    {'L', R("r"), "A " NEXT, UP_TO_E "E 550* " WELL, CONTENT "5.7.1 Command rejected;"},
    {'L', R("t"), "A " NEXT, UP_TO_E "E 451* " WELL, CONTENT "4.7.1 Service unavailable"},
    {'L', R("d"), "A " NEXT, ALL_WELL, "milter-discard: END-OF-MESSAGE from"},
    {'L', R("y554 5.7.1 no\0"), "A " NEXT, UP_TO_E "E 554* " WELL, CONTENT "5.7.1 no;"},
    {'L', R("y421 4.7.1 no\0"), "A A Q close", UP_TO_E "E 421* 2:M 0*", CONTENT "4.7.1 no;"},
    {'L', R("4"), "A " NEXT, ALL_WELL, CONTENT "message content rejected;"}, /* P-1 */
    {'L', R("s"), "DN DB DE A " NEXT, ALL_WELL, ""},
    {'L', R("f"), "close", UP_TO_E "E 451* 2:M 451*",
     "unexpected filter response SMFIR_CONN_FAIL after event SMFIC_HEADER"},
    {'N', R("c"), "DB DE A " NEXT, ALL_WELL, ""},
    {'N', R("a"), "A " NEXT, ALL_WELL, ""},
    {'N', R("r"), "A " NEXT, UP_TO_E "E 550* " WELL, CONTENT "5.7.1 Command rejected;"},
    {'N', R("s"), "DB DE A " NEXT, ALL_WELL, ""},
    {'N', R("!"), "", UP_TO_E "E 451* 2:M 451*", BROKEN},
    {'B', R("c"), "DE A " NEXT, ALL_WELL, ""},
    {'B', R("a"), "A " NEXT, ALL_WELL, ""},
    {'B', R("t"), "A " NEXT, UP_TO_E "E 451* " WELL, CONTENT "4.7.1 Service unavailable"},
    {'B', R("d"), "A " NEXT, ALL_WELL, "milter-discard: END-OF-MESSAGE from"},
    {'B', R("s"), "DE A " NEXT, ALL_WELL, ""},
    {'B', R("?"), "close", UP_TO_E "E 451* 2:M 451*",
     "can't read SMFIC_BODY reply packet header: Connection timed out"},
    {'E', R("c"), "A " NEXT, ALL_WELL, ""},
    {'E', R("a"), "A " NEXT, ALL_WELL, ""},
    {'E', R("r"), "A " NEXT, UP_TO_E "E 550* " WELL, CONTENT "5.7.1 Command rejected;"},
    {'E', R("t"), "A " NEXT, UP_TO_E "E 451* " WELL, CONTENT "4.7.1 Service unavailable"},
    {'E', R("d"), "A " NEXT, ALL_WELL, "milter-discard: END-OF-MESSAGE from"},
    {'E', R("y554 5.7.1 no\0"), "A " NEXT, UP_TO_E "E 554* " WELL, CONTENT "5.7.1 no;"},
    {'E', R("y421 4.7.1 no\0"), "A A Q close", UP_TO_E "E 421* 2:M 0*", CONTENT "4.7.1 no;"},
    {'E', R("4"), "A " NEXT, ALL_WELL, CONTENT "message content rejected;"}, /* P-1 */
    {'E', R("s"), "A " NEXT, ALL_WELL, ""},
    {'E', R("l"), "close", UP_TO_E "E 451* 2:M 451*", "SMFIR_SETSYMLIST after event SMFIC_BODYEOB"},
    {'E', R("!"), "", UP_TO_E "E 451* 2:M 451*",
     "can't read SMFIC_BODYEOB reply packet header: Application error"},
};

static void test_at_connection(void **state)
{
    (void)state;
    check_rows("postfix", CONNECTION, ROWS(CONNECTION), NULL, NULL);
}

static void test_at_envelope(void **state)
{
    (void)state;
    check_rows("postfix", ENVELOPE, ROWS(ENVELOPE), NULL, NULL);
}

static void test_at_content(void **state)
{
    (void)state;
    check_rows("postfix", CONTENTS, ROWS(CONTENTS), NULL, NULL);
}

/* milter_default_action, at CONNECT, MAIL and the end of the body. */
static void test_default_actions(void **state)
{
    static const struct {
        const char *action;
        struct row row;
    } rows[] = {
        {"tempfail", {'M', R("!"), "", "C 220 H 250 M 451* 2:M 451*", "SMFIC_MAIL"}},
        {"reject", {'C', R("!"), "", "C 554 H 250 M 550* 2:M 550*", "SMFIC_CONNECT"}},
        {"reject", {'M', R("!"), "", "C 220 H 250 M 550* 2:M 550*", "SMFIC_MAIL"}},
        {"reject", {'E', R("!"), "", UP_TO_E "E 550* 2:M 550*", "SMFIC_BODYEOB"}},
        {"accept", {'C', R("!"), "", ALL_WELL, "SMFIC_CONNECT"}},
        {"accept", {'M', R("f"), "close", ALL_WELL, "SMFIC_MAIL"}},
        {"accept", {'E', R("!"), "", ALL_WELL, BROKEN}},
        {"quarantine", {'M', R("!"), "", ALL_WELL, "SMFIC_MAIL"}},
        {"quarantine", {'E', R("!"), "", ALL_WELL, BROKEN}},
        /* 3.7 does not know the word. */
        {"shutdown", {'M', R("!"), "", "C 220 H 250 M 451* 2:M 451*", "SMFIC_MAIL"}},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row("postfix", &rows[i].row, "milter_default_action", rows[i].action);
    }
}

/* Since 3.11 a shutdown at the content is one, and shutdown is a default action. */
static void test_version_3_11(void **state)
{
    static const struct row shutdown = {'E', R("4"), "A A Q close", UP_TO_E "E 421* 2:M 0*",
                                        "4.7.0 Service unavailable"};
    static const struct row only = {'E', R("y550-only\0"), "close", UP_TO_E "E 451* 2:M 451*",
                                    "malformed reply: 550-only"};
    static const struct row lines = {'E', R("y550-5.7.1 a\r\n550 5.7.1 b\0"), "A " NEXT,
                                     UP_TO_E "E 550* " WELL, "5.7.1 a"};
    struct talk t;
    (void)state;
    check_row("postfix", &shutdown, "mail_version", "3.12-20260821");
    check_row("postfix", &only, "mail_version", "3.11.0");
    check_row("postfix", &lines, "mail_version", "4.0");
    talk_init(&t, "postfix");
    talk_set(&t, "mail_version", "3.11.0");
    talk_set(&t, "milter_default_action", "shutdown");
    talk_start(&t);
    drill_mta_ended(&t.mta, DRILL_END_REFUSED, 111);
    assert_line(told_at(&t, 0, 'C', 0), "421 mx.example.com Service unavailable - try again later");
    assert_non_null(strstr(t.mta.log, "connect to Milter service inet:127.0.0.1:11332: "
                                      "Connection refused"));
    talk_fini(&t);
}

static void test_lines(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_set(&t, "myhostname", "mx.test");
    talk_start(&t);
    talk_until(&t, 0, 0);
    assert_line(told_at(&t, 0, 'C', 0), "220 mx.test ESMTP Postfix");
    assert_line(told_at(&t, 0, 'H', 0), "250 mx.test");
    assert_line(told_at(&t, 1, 'M', 0), "250 2.1.0 Ok");
    assert_line(told_at(&t, 1, 'R', 1), "250 2.1.5 Ok");
    assert_line(told_at(&t, 1, 'T', 0), "354 End data with <CR><LF>.<CR><LF>");
    assert_line(told_at(&t, 1, 'E', 0), "250 2.0.0 Ok: queued as 4Xy7Qk2zr9zB1");
    assert_ptr_equal(drill_mta_outcome(&t.mta, 1), told_at(&t, 1, 'E', 0));
    talk_fini(&t);
}

/* All recipients refused: nothing more of the message, whose outcome is the last refusal. */
static void test_no_recipient_left(void **state)
{
    struct talk t;
    char told[200];
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    t.messages[0].rcpts = 2;
    talk_start(&t);
    talk_until(&t, 'R', 0);
    talk_reply(&t, 'r', text(""));
    talk_until(&t, 'R', 0);
    talk_reply(&t, 't', text(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DR A DM DR DT DL DN DB DE A A Q close");
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, UP_TO_R "R1 550 R2 451* T 554 " WELL);
    assert_line(drill_mta_outcome(&t.mta, 1), "451 4.7.1 Service unavailable - try again later");
    talk_fini(&t);
}

static void assert_disposition(struct talk *t, uint32_t message, enum drill_disposition want,
                               uint8_t at)
{
    struct drill_applied a;
    assert_int_equal(drill_apply_mta(&t->mta, message, &t->arena, &a), DRILL_OK);
    if (a.disposition != want) {
        fail_msg("%c: message %u is %s", at, (unsigned)message,
                 drill_disposition_word(a.disposition));
    }
}

/* A message is held whether a milter asks for that or fails where that is the default action. */
static void test_held_mail_is_not_delivered(void **state)
{
    static const struct {
        uint8_t at;
        bool asks; /* `q`, and not an end of the connection */
        bool first, second;
    } rows[] = {
        {'C', false, true, true}, {'M', false, true, true}, {'R', false, true, true},
        {'T', false, true, true}, {'L', false, true, true}, {'E', false, true, true},
        {'C', true, true, true},  {'M', true, true, true},  {'R', true, true, true},
        {'L', true, true, false}, {'E', true, true, false},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t, "postfix");
        talk_set(&t, "milter_default_action", "quarantine");
        talk_two(&t);
        talk_start(&t);
        talk_until(&t, rows[i].at, 0);
        if (rows[i].asks) {
            talk_reply(&t, 'q', BYTES("a look by eye\0"));
        } else {
            drill_mta_ended(&t.mta, DRILL_END_FIN, 0);
        }
        talk_until(&t, 0, 0);
        assert_disposition(&t, 1, rows[i].first ? DRILL_DISPOSE_HOLD : DRILL_DISPOSE_DELIVER,
                           rows[i].at);
        assert_disposition(&t, 2, rows[i].second ? DRILL_DISPOSE_HOLD : DRILL_DISPOSE_DELIVER,
                           rows[i].at);
        talk_fini(&t);
    }
}

/* A hold stays: in smtpd for the session, in cleanup for the message. */
static void test_quarantine(void **state)
{
    static const struct {
        uint8_t at;
        const char *sent;
    } rows[] = {
        {'C', "open O DC DL DN DB DE A DL DN DB DE A A Q close"},
        {'M', "open O DC DH DM DL DN DB DE A DL DN DB DE A A Q close"},
        {'R', "open O DC DH DM DR DL DN DB DE A DL DN DB DE A A Q close"},
        {'L', "open O DC DH DM DR DR DT DL A " NEXT},
        {'E', "open O DC DH DM DR DR DT DL DN DB DE A " NEXT},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        char told[400];
        talk_init(&t, "postfix");
        talk_two(&t);
        t.messages[0].rcpts = 2;
        talk_start(&t);
        talk_until(&t, rows[i].at, 0);
        talk_reply(&t, 'q', BYTES("no NUL"));
        talk_until(&t, 0, 0);
        assert_string_equal(t.sent, rows[i].sent);
        talk_told(&t, told, sizeof(told));
        assert_string_equal(told, ALL_WELL);
        assert_non_null(strstr(t.mta.log, "milter-hold"));
        assert_int_equal(t.mta.mods->code, 'q');
        talk_fini(&t);
    }
}

/* Progress is read over at any stage; so is nothing else. */
static void test_progress(void **state)
{
    static const char *const stages = "CHMRTLNBE";
    (void)state;
    for (const char *at = stages; *at; at++) {
        struct talk t;
        struct drill_mta_step step;
        talk_to(&t, "postfix", (uint8_t)*at);
        for (int i = 0; i < 1000; i++) {
            talk_reply(&t, 'p', text(""));
        }
        drill_mta_peek(&t.mta, &step);
        assert_int_equal(step.kind, DRILL_MTA_WAIT);
        assert_int_equal(step.awaited, *at);
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
        talk_fini(&t);
    }
}

/* P-4: one reply too many is the answer to the next command, up to the end; the verdict on this
 * message hits the next one. */
static void test_a_stale_reply_shifts_all(void **state)
{
    struct talk t;
    char told[200];
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    talk_start(&t);
    talk_until(&t, 'M', 0);
    talk_reply(&t, 'c', text(""));
    talk_reply(&t, 'c', text("")); /* nobody asked */
    for (const char *c = "RTLNB"; *c; c++) {
        struct drill_mta_step step;
        while (talk_step(&t, &step)) {}
        talk_reply(&t, 'c', text(""));
    }
    struct drill_mta_step step;
    while (talk_step(&t, &step)) {}
    talk_reply(&t, 'r', text("")); /* to the end of the body; but M of the next is asked by now */
    talk_until(&t, 0, 0);
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, UP_TO_R "R1 250 T 354 E 250* 2:M 550*");
    talk_fini(&t);
}

static void test_reply_texts(void **state)
{
    static const struct {
        const char *payload;
        size_t size;
        const char *line;
    } rows[] = {
        {R("550 5.7.1 100%% no\0"), "550 5.7.1 100% no"},
        {R("550 5.7.1 a % b\0"), "550 5.7.1 a  b"},
        {R("550-a\r\n550 b\0"), "550-a\r\n550 b"},
        {R("550 no NUL"), "550 no NUL"},
        {R("550 \0"), "550 "},
        {R("550-only\0"), "550-only"},
        {R("550 a\r\n550 b\r\n550 c\0"), "550-a\r\n550-b\r\n550 c"},
        {R("550 a\xe9\rb\0"), "550 a\xe9\rb"},
        {R("250 2.0.0 ok\0"), "451 4.3.5 Server configuration problem - try again later"},
        {R("550 4.7.1 no\0"), "451 4.3.5 Server configuration problem - try again later"},
        {R("5\0"), "451 4.3.5 Server configuration problem - try again later"},
        {R("\0"), "451 4.3.5 Server configuration problem - try again later"},
        {R(""), "451 4.3.5 Server configuration problem - try again later"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "postfix", 'M');
        talk_reply(&t, 'y', drill_span_of(rows[i].payload, rows[i].size));
        assert_line(told_at(&t, 1, 'M', 0), rows[i].line);
        assert_int_equal(strstr(t.mta.log, "malformed reply: ") != NULL,
                         strncmp(rows[i].line, "451", 3) == 0);
        talk_fini(&t);
    }
}

/* Behind the envelope the reply comes through cleanup, which leaves CR and LF alone. */
static void test_reply_text_at_the_end(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "postfix", 'E');
    talk_reply(&t, 'y', drill_span_of("550 a\xe9\x07\x7f\rb\r\n550 c\xe9", 18));
    assert_line(told_at(&t, 1, 'E', 0), "550-a   \rb\r\n550 c ");
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_connection),
        cmocka_unit_test(test_at_envelope),
        cmocka_unit_test(test_at_content),
        cmocka_unit_test(test_default_actions),
        cmocka_unit_test(test_version_3_11),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_recipient_left),
        cmocka_unit_test(test_quarantine),
        cmocka_unit_test(test_held_mail_is_not_delivered),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_a_stale_reply_shifts_all),
        cmocka_unit_test(test_reply_texts),
        cmocka_unit_test(test_reply_text_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
