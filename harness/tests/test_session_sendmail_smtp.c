/* SPDX-License-Identifier: MIT */
/* Sendmail as an MTA: what each reply at each stage makes it send, end, tell its client and log. */
#include "talk_replies.h"

#define NEXT "DM DR T L N B DE Q close"
#define BOGUS(action, code) \
    "milter_send_command(milter): action=" action " returned bogus response " code
#define STATE "Milter (milter): to error state"

static const struct row CONNECTION[] = {
    {'C', R("c"), "DH DM DR DR T L N B DE " NEXT, ALL_WELL, ""},
    {'C', R("a"), "Q close", ALL_WELL, ""},
    {'C', R("r"), "Q close", "C 554 H 250 M 550* 2:M 550*", ""},
    {'C', R("t"), "Q close", "C 220 H 250 M 451* 2:M 451*", ""},
    {'C', R("d"), "Q close", ALL_WELL, ""}, /* D-5 */
    {'C', R("y550 5.7.1 no\0"), "Q close", "C 554 H 250 M 550* 2:M 550*", ""},
    {'C', R("y450 4.7.1 no\0"), "Q close", "C 220 H 250 M 451* 2:M 451*", ""},
    {'C', R("y421 4.7.1 no\0"), "Q close", "C 421 C 421* 2:C 421*", ""},
    {'C', R("s"), "Q close", ALL_WELL, ""}, /* D-3 */
    {'C', R("p"), "close", "C 220 H 250 M 451* 2:M 451*", BOGUS("connect", "p") "\n" STATE},
    {'C', R("4"), "close", "C 220 H 250 M 451* 2:M 451*", BOGUS("connect", "4")},
    {'C', R("!"), "", "C 220 H 250 M 451* 2:M 451*",
     "milter_sys_read(milter): cmd read returned 0, expecting 5\n" STATE},

    {'H', R("c"), "DM DR DR T L N B DE " NEXT, ALL_WELL, ""},
    {'H', R("a"), "Q close", ALL_WELL, ""},
    {'H', R("r"), "Q close", "C 220 H 250 M 550* 2:M 550*", ""},
    {'H', R("t"), "Q close", "C 220 H 250 M 451* 2:M 451*", ""},
    {'H', R("d"), "DM DR DR T L N B DE " NEXT, ALL_WELL, ""}, /* D-5 */
    {'H', R("y550 5.7.1 no\0"), "Q close", "C 220 H 250 M 550* 2:M 550*", ""},
    {'H', R("y421 4.7.1 no\0"), "Q close", "C 220 H 421 H 421* 2:H 421*", ""},
    {'H', R("s"), "Q close", ALL_WELL, ""},
    {'H', R("f"), "close", "C 220 H 250 M 451* 2:M 451*", BOGUS("helo", "f")},
    {'H', R("?"), "close", "C 220 H 250 M 451* 2:M 451*",
     "Milter (milter): timeout before data read, where=helo\n" STATE},
};

static const struct row ENVELOPE[] = {
    {'M', R("c"), "DR DR T L N B DE " NEXT, ALL_WELL, ""},
    {'M', R("a"), NEXT, ALL_WELL, ""},
    {'M', R("r"), NEXT, UP_TO_M "M 550* " WELL, ""},
    {'M', R("t"), NEXT, UP_TO_M "M 451* " WELL, ""},
    {'M', R("d"), NEXT, ALL_WELL, ""},
    {'M', R("y554 5.7.1 no\0"), NEXT, UP_TO_M "M 554* " WELL, ""},
    {'M', R("y421 4.7.1 no\0"), "Q close", UP_TO_M "M 421* 2:M 0*", ""},
    {'M', R("s"), "Q close", ALL_WELL, ""},
    {'M', R("p"), "close", UP_TO_R "R1 451 R2 451* T 503 2:M 451*", BOGUS("mail", "p")}, /* D-4 */
    {'M', R("hX\0y\0"), "close", UP_TO_R "R1 451 R2 451* T 503 2:M 451*", BOGUS("mail", "h")},
    {'M', R("!"), "", UP_TO_M "M 451* 2:M 451*", "cmd read returned 0, expecting 5"},

    {'R', R("c"), "DR T L N B DE " NEXT, ALL_WELL, ""},
    {'R', R("a"), NEXT, ALL_WELL, ""},
    {'R', R("r"), "DR T L N B DE " NEXT, UP_TO_R "R1 550 R2 250 T 354 E 250* " WELL, ""},
    {'R', R("t"), "DR T L N B DE " NEXT, UP_TO_R "R1 451 R2 250 T 354 E 250* " WELL, ""},
    {'R', R("d"), "A " NEXT, ALL_WELL, ""},
    {'R', R("y550 5.1.1 no\0"), "DR T L N B DE " NEXT, UP_TO_R "R1 550 R2 250 T 354 E 250* " WELL,
     ""},
    {'R', R("y421 4.7.1 no\0"), "Q close", UP_TO_R "R1 421* 2:M 0*", ""},
    {'R', R("s"), "Q close", ALL_WELL, ""},
    {'R', R("4"), "close", UP_TO_R "R1 250 R2 451 T 451* 2:M 451*", BOGUS("rcpt", "4")}, /* D-4 */
    {'R', R("?"), "close", UP_TO_R "R1 451 R2 451* T 503 2:M 451*",
     "timeout before data read, where=rcpt"},

    {'T', R("c"), "L N B DE " NEXT, ALL_WELL, ""},
    {'T', R("a"), NEXT, ALL_WELL, ""},
    {'T', R("r"), "A " NEXT, UP_TO_T "T 550* " WELL, ""},
    {'T', R("t"), "A " NEXT, UP_TO_T "T 451* " WELL, ""},
    {'T', R("d"), "A " NEXT, ALL_WELL, ""},
    {'T', R("y550 5.7.1 no\0"), "A " NEXT, UP_TO_T "T 550* " WELL, ""},
    {'T', R("y421 4.7.1 no\0"), "Q close", UP_TO_T "T 421* 2:M 0*", ""},
    {'T', R("s"), "Q close", ALL_WELL, ""},
    {'T', R("f"), "close", UP_TO_E "E 451* 2:M 451*", BOGUS("data", "f")},
};

static const struct row CONTENTS[] = {
    {'L', R("c"), "N B DE " NEXT, ALL_WELL, ""},
    {'L', R("a"), NEXT, ALL_WELL, ""},
    {'L', R("r"), NEXT, UP_TO_E "E 554* " WELL, ""},
    {'L', R("t"), NEXT, UP_TO_E "E 451* " WELL, ""},
    {'L', R("d"), NEXT, ALL_WELL, ""},
    {'L', R("y550 5.7.1 no\0"), NEXT, UP_TO_E "E 550* " WELL, ""},
    {'L', R("y421 4.7.1 no\0"), "Q close", UP_TO_E "E 421* 2:M 0*", ""},
    {'L', R("s"), "N DE " NEXT, ALL_WELL, ""}, /* D-3 */
    {'L', R("p"), "close", UP_TO_E "E 451* 2:M 451*", BOGUS("header", "p")},
    {'N', R("a"), NEXT, ALL_WELL, ""},
    {'N', R("r"), NEXT, UP_TO_E "E 554* " WELL, ""},
    {'N', R("s"), "DE " NEXT, ALL_WELL, ""},
    {'N', R("Z"), "close", UP_TO_E "E 451* 2:M 451*", BOGUS("eoh", "Z")},
    {'B', R("c"), "DE " NEXT, ALL_WELL, ""},
    {'B', R("a"), NEXT, ALL_WELL, ""},
    {'B', R("t"), NEXT, UP_TO_E "E 451* " WELL, ""},
    {'B', R("d"), NEXT, ALL_WELL, ""},
    {'B', R("s"), "DE " NEXT, ALL_WELL, ""},
    {'B', R("4"), "close", UP_TO_E "E 451* 2:M 451*", BOGUS("body", "4")},
    {'B', R("!"), "", UP_TO_E "E 451* 2:M 451*", "cmd read returned 0, expecting 5"},
    {'E', R("c"), NEXT, ALL_WELL, ""},
    {'E', R("a"), NEXT, ALL_WELL, ""},
    {'E', R("r"), NEXT, UP_TO_E "E 554* " WELL, ""},
    {'E', R("t"), NEXT, UP_TO_E "E 451* " WELL, ""},
    {'E', R("d"), NEXT, ALL_WELL, ""},
    {'E', R("y550 5.7.1 no\0"), NEXT, UP_TO_E "E 550* " WELL, ""},
    {'E', R("y421 4.7.1 no\0"), "Q close", UP_TO_E "E 421* 2:M 0*", ""},
    {'E', R("s"), "close", UP_TO_E "E 451* 2:M 451*",
     "milter_data(milter): returned bogus response s\n" STATE},
    {'E', R("4"), "close", UP_TO_E "E 451* 2:M 451*",
     "milter_data(milter): returned bogus response 4"},
    {'E', R("?"), "close", UP_TO_E "E 451* 2:M 451*", "timeout before data read, where=eom"},
};

static void test_at_connection(void **state)
{
    (void)state;
    check_rows("sendmail", CONNECTION, ROWS(CONNECTION), "F", "T");
}

static void test_at_envelope(void **state)
{
    (void)state;
    check_rows("sendmail", ENVELOPE, ROWS(ENVELOPE), "F", "T");
}

static void test_at_content(void **state)
{
    (void)state;
    check_rows("sendmail", CONTENTS, ROWS(CONTENTS), "F", "T");
}

static void test_flags(void **state)
{
    static const struct {
        const char *flag;
        struct row row;
    } rows[] = {
        {"R", {'C', R("!"), "", "C 554 H 250 M 550* 2:M 550*", "expecting 5"}},
        {"R", {'C', R("f"), "close", "C 220 H 250 M 550* 2:M 550*", "bogus"}},
        {"R", {'M', R("!"), "", "C 220 H 250 M 550* 2:M 550*", "expecting 5"}},
        {"R", {'R', R("f"), "close", UP_TO_R "R1 250 R2 550 T 550* 2:M 550*", "bogus"}},
        {"R", {'E', R("!"), "", UP_TO_E "E 554* 2:M 550*", "expecting 5"}},
        {"4", {'C', R("!"), "", "C 421 C 421* 2:C 421*", "expecting 5"}},
        {"4", {'C', R("f"), "close", "C 220 H 421 H 421* 2:H 421*", "bogus"}},
        {"4", {'M', R("!"), "", "C 220 H 250 M 421* 2:M 0*", "expecting 5"}},
        {"4", {'R', R("!"), "", UP_TO_R "R1 421* 2:M 0*", "expecting 5"}},
        {"4", {'T', R("f"), "close", UP_TO_E "E 421* 2:M 0*", "bogus"}},
        {"none", {'C', R("!"), "", ALL_WELL, "expecting 5"}},
        {"none", {'M', R("f"), "close", ALL_WELL, "bogus"}},
        {"none", {'E', R("!"), "", ALL_WELL, "expecting 5"}},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_row("sendmail", &rows[i].row, "F", rows[i].flag);
    }
}

static void test_lines(void **state)
{
    static const struct {
        uint8_t at;
        const char *reply;
        size_t size;
        uint8_t stage;
        const char *line;
    } rows[] = {
        {'C', R("r"), 'C', "554 mx.example.com ESMTP not accepting messages"},
        {'C', R("r"), 'M', "550 5.0.0 Command rejected"},
        {'C', R("y421 x\0"), 'C', "421 4.7.0 mx.example.com closing connection"},
        {'C', R("c"), 'C', "220 mx.example.com ESMTP Sendmail 8.17.1.9"},
        {'C', R("c"), 'H',
         "250 mx.example.com Hello mail.sender.tld [192.0.2.5], pleased to meet you"},
        {'H', R("y550 5.7.1 go away\0"), 'M', "550 5.7.1 go away"},
        {'H', R("y421 4.7.1 bye\0"), 'H', "421 4.7.1 bye"},
        {'H', R("ynonsense\0"), 'M', "550 Command rejected"},
        {'M', R("c"), 'M', "250 2.1.0 <Alice@Sender.TLD>... Sender ok"},
        {'M', R("r"), 'M', "550 5.7.1 <Alice@Sender.TLD>... Command rejected"},
        {'M', R("t"), 'M', "451 4.3.2 Please try again later"},
        {'M', R("y550 5.7.1 no\0"), 'M', "550 5.7.1 <Alice@Sender.TLD>... no"},
        {'M', R("y550 no\0"), 'M', "550 <Alice@Sender.TLD>... no"},
        {'M', R("y554 5.7.1 no\0"), 'M', "554 5.7.1 no"},
        {'M', R("y550 5.7.1 100%%\0"), 'M', "550 5.7.1 <Alice@Sender.TLD>... 100%"},
        {'M', R("y550 5.7.1 100%\0"), 'M', "550 5.7.1 <Alice@Sender.TLD>... Command rejected"},
        {'M', R("y550 no NUL"), 'M', "550 5.7.1 <Alice@Sender.TLD>... Command rejected"},
        {'M', R("y250 ok\0"), 'M', "550 5.7.1 <Alice@Sender.TLD>... Command rejected"},
        {'M', R("y"), 'M', "550 5.7.1 <Alice@Sender.TLD>... Command rejected"},
        {'R', R("c"), 'R', "250 2.1.5 <bob@example.com>... Recipient ok"},
        {'R', R("r"), 'R', "550 5.7.1 <bob@example.com>... Command rejected"},
        {'T', R("r"), 'T', "550 5.7.1 Command rejected"},
        {'T', R("c"), 'T', "354 Enter mail, end with \".\" on a line by itself"},
        {'B', R("yx\0"), 'E', "554 5.7.1 Command rejected"},
        {'L', R("yx\0"), 'E', "550 5.7.1 Command rejected"},
        {'E', R("c"), 'E', "250 2.0.0 5BKA48xQ000001 Message accepted for delivery"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "sendmail", rows[i].at);
        talk_say(&t, rows[i].reply, rows[i].size);
        talk_until(&t, 0, 0);
        bool early = rows[i].stage == 'C' || rows[i].stage == 'H';
        assert_line(told_at(&t, early ? 0 : 1, rows[i].stage, rows[i].stage == 'R'), rows[i].line);
        talk_fini(&t);
    }
}

/* ---- streams ---- */

static void test_streams(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "sendmail");
    talk_set(&t, "name", "av");
    talk_start(&t);
    talk_until(&t, 'M', 0);
    drill_mta_ended(&t.mta, DRILL_END_RST, 104);
    assert_string_equal(t.mta.log, "Milter (av): read returned -1: Connection reset by "
                                   "mail.sender.tld\nMilter (av): to error state");
    talk_fini(&t);
    talk_init(&t, "sendmail");
    talk_start(&t);
    drill_mta_ended(&t.mta, DRILL_END_REFUSED, 111);
    assert_string_equal(t.mta.log,
                        "Milter (milter): error connecting to filter: Connection refused\n" STATE
                        "\nMilter (milter): init failed to open");
    assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 451);
    talk_fini(&t);
}

/* D-1: a length of 0 ends the process; the client gets no answer. */
static void test_length_zero(void **state)
{
    static const struct {
        uint8_t at;
        const char *told;
    } rows[] = {{'H', "C 220 H 0 H 0* 2:H 0*"},
                {'M', UP_TO_M "M 0* 2:M 0*"},
                {'E', UP_TO_R "R1 250 T 354 E 0* 2:M 0*"}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        char told[200];
        talk_init(&t, "sendmail");
        talk_two(&t);
        talk_start(&t);
        talk_until(&t, rows[i].at, 0);
        drill_mta_garbled(&t.mta, "a frame of length 0", 0);
        talk_until(&t, 0, 0);
        talk_told(&t, told, sizeof(told));
        assert_string_equal(told, rows[i].told);
        talk_fini(&t);
    }
}

static void test_lengths_have_no_limit(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "sendmail", 'M');
    assert_true(drill_mta_head(&t.mta, 'c', 0x80000000u)); /* D-2: it waits for the rest */
    drill_mta_timed_out(&t.mta);
    assert_non_null(strstr(t.mta.log, "timeout during data read, where=mail"));
    talk_fini(&t);
}

/* ---- negotiation ---- */

static void test_negotiation(void **state)
{
    static const struct {
        const char *reply;
        size_t size;
        const char *log; /* "": it is taken */
    } rows[] = {
        {R("O\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), ""},
        {R("O\0\0\0\7\0\0\0\0\0\0\0\0"), ""},
        {R("O\0\0\0\0\0\0\0\0\0\0\0\0"), ""},
        {R("O\0\0\0\1\0\0\0\0\0\0\0\0"), "negotiate: version 1 != MTA milter version 16777217"},
        {R("O\1\0\0\2\0\0\0\0\0\0\0\0"),
         "negotiate: version 16777218 != MTA milter version 16777217"},
        {R("O\0\0\0\6\0\0\x0f\xff\0\0\0\0"),
         "negotiate: filter abilities 0xfff != MTA milter abilities 0x1ff"},
        {R("O\0\0\0\6\0\0\0\0\x40\0\0\0"),
         "negotiate: protocol abilities 0x40000000 != MTA milter abilities 0x1fffff"},
        {R("O\0\0\0\6\0\0\0\0"), "negotiate: did not return enough info"},
        {R("O\0"), "negotiate: did not return valid info"},
        {R("c"), "negotiate: returned c instead of O"},
        {R("O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\11x\0"), ""}, /* nobody says a word */
        {R("O\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\3x"), ""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "sendmail", 'O');
        talk_say(&t, rows[i].reply, rows[i].size);
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, rows[i].log[0] ? 451 : 250);
        assert_non_null(strstr(t.mta.log, rows[i].log));
        assert_int_equal(strstr(t.mta.log, "init failed to open") != NULL, rows[i].log[0] != '\0');
        talk_fini(&t);
    }
}

/* ---- modifications ---- */

static void test_modifications(void **state)
{
    static const struct {
        const char *payload;
        size_t size;
        bool taken;
    } rows[] = {
        {R("hX\0y\0"), true},        {R("hX\0y"), false},         {R("hX\0"), false},
        {R("h\0y\0"), false},        {R("hX\0y\0z\0"), false},    {R("i\0\0\0\0X\0y\0"), true},
        {R("m\0\0\0\0X\0\0"), true}, {R("m\0\0"), false},         {R("+<a@b>\0"), true},
        {R("+<a@b>"), false},        {R("2<a@b>\0args\0"), true}, {R("-<a@b>\0"), true},
        {R("e<a@b>\0"), true},       {R("qwhy\0"), true},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "sendmail", 'E');
        talk_say(&t, rows[i].payload, rows[i].size);
        assert_int_equal(t.mta.mods != NULL, rows[i].taken);
        assert_non_null(strstr(t.mta.log, "lied about ")); /* nothing was agreed on */
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
        talk_fini(&t);
    }
}

/* D-8: of what was not agreed on, a new body is the one thing that is refused, with the message. */
static void test_a_body_that_was_not_agreed_on(void **state)
{
    struct talk t;
    (void)state;
    for (int agreed = 0; agreed < 2; agreed++) {
        talk_to(&t, "sendmail", 'O');
        talk_reply(&t, 'O',
                   agreed ? BYTES("\0\0\0\6\0\0\0\2\0\0\0\0") : BYTES("\0\0\0\6\0\0\0\0\0\0\0\0"));
        talk_until(&t, 'E', 0);
        talk_reply(&t, 'b', BYTES("x"));
        talk_reply(&t, 'p', text(""));
        talk_reply(&t, 'a', text(""));
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, agreed ? 250 : 451);
        assert_int_equal(t.mta.mods != NULL, agreed);
        assert_int_equal(strstr(t.mta.log, "lied about replacing body") == NULL, agreed);
        talk_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_connection),
        cmocka_unit_test(test_at_envelope),
        cmocka_unit_test(test_at_content),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_length_zero),
        cmocka_unit_test(test_lengths_have_no_limit),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_modifications),
        cmocka_unit_test(test_a_body_that_was_not_agreed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
