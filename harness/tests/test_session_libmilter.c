/* SPDX-License-Identifier: MIT */
/* What libmilter takes, drops and hangs up on: payloads and lengths. */
#include "side_milter.h"

/* ---- payloads ---- */

static const struct {
    const char *before;
    uint8_t code;
    struct drill_span payload;
    char reply; /* '.' none, '!' hang up */
} PAYLOADS[] = {
#define P(literal)                                       \
    {                                                    \
        (const uint8_t *)"" literal, sizeof(literal) - 1 \
    }
    {"", 'O', P(""), '!'},
    {"O", 'C', P(""), '!'},
    {"OC", 'H', P(""), '!'},
    {"OC", 'M', P(""), '!'},
    {"OCM", 'R', P(""), '!'},
    {"OCMR", 'L', P(""), '!'},
    {"OCMR", 'B', P(""), '!'},
    {"O", 'D', P(""), '!'},
    {"O", 'U', P(""), '!'},
    {"OC", 'H', P("name"), '.'},
    {"OC", 'H', P("name\0"), 'c'},
    {"OC", 'M', P("a"), '!'},
    {"OC", 'M', P("a\0tail"), 'c'},
    {"OCM", 'R', P("a"), '!'},
    {"OCM", 'R', P("a\0tail"), 'c'},
    {"O", 'U', P("X"), 'c'},
    {"O", 'U', P("X\0tail"), 'c'},
    {"OCMR", 'L', P("N\0\0"), 'c'},
    {"OCMR", 'L', P("N\0"), '!'},
    {"OCMR", 'L', P("N\0v"), '!'},
    {"OCMR", 'L', P("\0v\0"), '!'},
    {"OCMR", 'L', P("\0\0"), '!'},
    {"OCMR", 'L', P("N\0v\0w\0"), 'c'},
    {"O", 'C', P("h\0U"), 'c'},
    {"O", 'C',
     P("h\0"
       "6\0\0IPv6:::1\0"),
     'c'},
    {"O", 'C',
     P("h\0"
       "6\0\0::1\0"),
     'c'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "127.0.0.1\0"),
     'c'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "127.1\0"),
     'c'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "0x7f.1\0"),
     'c'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "256.0.0.1\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "1.2.3.4.5\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "1.2.3.\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "2001:db8::1\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "unknown\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "6\0\x19"
       "nothing\0"),
     '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"
       "127.0.0.1"),
     '!'},
    {"O", 'C', P("h"), '!'},
    {"O", 'C', P("h\0"), '!'},
    {"O", 'C', P("h\0X\0\0a\0"), '!'},
    {"O", 'C',
     P("h\0"
       "4\0\x19"),
     '!'},
    {"O", 'C', P("h\0L\0\0/run/x\0"), 'c'},
    {"O", 'D', P("B"), '.'},
    {"O", 'D',
     P("Z"
       "a\0b\0"),
     '.'},
    {"O", 'D', P("C"), '.'},
    {"O", 'D', P("Ca\0"), '.'},
    {"OCMR", 'E', P("data"), 'a'},
    {"", 'O', P("\0\0\0\6\0\0\0\xff"), '!'},
    {"", 'O', P("\0\0\0\6\0\0\0\xff\0\0\0\x42\0\0\0\0"), 'O'},
#undef P
};

static void test_payloads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(PAYLOADS); i++) {
        struct side s;
        char want[2] = {PAYLOADS[i].reply, '\0'};
        side_init(&s, "libmilter");
        side_run(&s, PAYLOADS[i].before);
        s.got[0] = '\0';
        side_give(&s, PAYLOADS[i].code, PAYLOADS[i].payload);
        side_drain(&s);
        if (strcmp(s.got, want) != 0) {
            fail_msg("row %zu (%c): got %s, want %s", i, PAYLOADS[i].code, s.got, want);
        }
    }
}

/* Without the callback nobody looks at the payload, but there must be one. */
static void test_payloads_without_callbacks(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "callbacks", "eom");
    side_run(&s, "O");
    side_give(&s, 'H', BYTES("x"));
    side_drain(&s);
    side_give(&s, 'M', BYTES("x"));
    side_drain(&s);
    side_give(&s, 'L', BYTES("x"));
    side_drain(&s);
    side_give(&s, 'L', BYTES(""));
    side_drain(&s);
    assert_string_equal(s.got, "Occc!");
}

/* ---- lengths ---- */

static void test_lengths(void **state)
{
    static const struct {
        uint32_t length;
        enum drill_milter_head head;
        uint32_t size;
    } rows[] = {
        {1, DRILL_MILTER_TAKE, 0},
        {2, DRILL_MILTER_TAKE, 1},
        {65536, DRILL_MILTER_TAKE, 65535},
        {65537, DRILL_MILTER_HANG_UP, 65536},
        {0, DRILL_MILTER_TAKE, 0}, /* the fifth byte read is the command */
        {0xFFFFFFFF, DRILL_MILTER_TAKE, 0},
        {0x80000001, DRILL_MILTER_TAKE, 0},
        {0x80000000, DRILL_MILTER_HANG_UP, 0x7FFFFFFF},
    };
    struct side s;
    uint32_t size;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drill_milter_step step;
        side_init(&s, "libmilter");
        assert_int_equal(drill_milter_head(&s.milter, rows[i].length, 'M', &size), rows[i].head);
        assert_int_equal(size, rows[i].size);
        drill_milter_peek(&s.milter, &step);
        assert_int_equal(step.kind, rows[i].head == DRILL_MILTER_TAKE ? DRILL_MILTER_WAIT
                                                                      : DRILL_MILTER_CLOSE);
        assert_string_equal(s.milter.log, "");
    }
    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "maxdatasize", "0x100000");
    assert_int_equal(drill_milter_head(&s.milter, 0x100001, 'L', &size), DRILL_MILTER_TAKE);
    assert_int_equal(drill_milter_head(&s.milter, 0x100002, 'L', &size), DRILL_MILTER_HANG_UP);
    assert_true(drill_milter_reads_exactly(&s.milter));
    assert_int_equal(drill_milter_patience(&s.milter), 7210000000);
}

/* ---- settings ---- */

/* What it is set to answer, and what libmilter makes of what comes then: after a verdict the rest
 * of the message is dropped, but at RCPT all but `accept` concerns that recipient only. */
static void test_verdicts_that_are_set(void **state)
{
    static const struct {
        const char *key, *value;
        const char *commands, *replies;
    } rows[] = {
        {"connect", "accept", "OCHM", "Oacc"},
        {"helo", "reject", "OCHM", "Ocrc"},
        {"mail", "accept", "OCHMRTLNBE", "Occa......"},
        {"mail", "tempfail", "OCHMRAM", "Occt..t"},
        {"mail", "discard", "OCHMM", "Occdd"},
        {"rcpt", "reject", "OCHMRRTLNBE", "Occcrrcccca"},
        {"rcpt", "discard", "OCHMRTLNBE", "Occcdcccca"},
        {"rcpt", "accept", "OCHMRTLNBEM", "Occca.....c"},
        {"data", "tempfail", "OCHMRTLNBE", "Occcct...."},
        {"header", "accept", "OCHMRTLLNBE", "Occccca...."},
        {"eoh", "reject", "OCHMRTLNBE", "Occccccr.."},
        {"body", "discard", "OCHMRTLNBBE", "Occcccccd.."},
        {"header", "skip", "OCHMRTLLNBE", "Occcccsscca"},
        {"body", "skip", "OCHMRTLNBBE", "Occcccccssa"},
        {"eom", "continue", "OCHMRE", "Occccc"},
        {"mail", "continue", "OCHMR", "Occcc"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "libmilter");
        side_set(&s, "libmilter", rows[i].key, rows[i].value);
        side_run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s=%s, %s: got %s, want %s", rows[i].key, rows[i].value, rows[i].commands,
                     s.got, rows[i].replies);
        }
    }
}

/* A verdict at a stage without a callback is none; at one whose reply was agreed away nothing is
 * written; and where the library only plays that to an old MTA, it is `continue` (L-5). */
static void test_verdicts_that_are_lost(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "clamav-milter");
    side_set(&s, "clamav-milter", "helo", "reject");
    side_set(&s, "clamav-milter", "header", "tempfail");
    side_run(&s, "OCHMRL");
    assert_string_equal(s.got, "Occcct");

    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "protocol", "nr_mail");
    side_set(&s, "libmilter", "mail", "reject");
    side_run(&s, "OCHMRLNBE");
    assert_string_equal(s.got, "Occ......"); /* it has left the message all the same */

    side_start(&s, "libmilter");
    side_give(&s, 'O', BYTES("\0\0\0\4\0\0\0\x3f\0\0\3\x7f"));
    side_drain(&s);
    side_run(&s, "CHMRLNBEM");
    assert_string_equal(s.got, "Occc.....c");
}

static void test_settings(void **state)
{
    struct side s;
    struct drill_error err;
    const struct drill_profile *p = profile("libmilter");
    (void)state;
    side_init(&s, "libmilter");
    assert_int_equal(
        p->set(&s.settings, drill_span_str("mail"), drill_span_str("replycode"), NULL, &err),
        DRILL_ERR_VALUE);
    assert_string_equal(err.text,
                        "mail: \"replycode\" is not accept, continue, reject, tempfail or discard");
    assert_int_equal(
        p->set(&s.settings, drill_span_str("rcpt"), drill_span_str("skip"), NULL, &err),
        DRILL_ERR_VALUE);
    assert_int_equal(p->set(&s.settings, drill_span_str("body"), drill_span_str("go"), NULL, &err),
                     DRILL_ERR_VALUE);
    assert_string_equal(err.text,
                        "body: \"go\" is not accept, continue, reject, tempfail, discard or skip");
    assert_int_equal(p->set(&s.settings, drill_span_str("mial"), drill_span_str("x"), NULL, &err),
                     DRILL_ERR_NOTFOUND);
    assert_string_equal(err.text, "libmilter has no setting \"mial\"; did you mean \"mail\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_payloads_without_callbacks),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_verdicts_that_are_set),
        cmocka_unit_test(test_verdicts_that_are_lost),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
