/* SPDX-License-Identifier: MIT */
/* rspamd as a milter: silent but at its two moments, and what it hangs up on. */
#include "side_milter.h"

static void give(struct side *s, uint8_t code, struct drill_span payload)
{
    side_give(s, code, payload);
    side_drain(s);
}

static void test_it_speaks_twice(void **state)
{
    static const struct {
        const char *commands;
        const char *replies;
    } rows[] = {
        {"ODCDHDMDRTLNBE", "O............a"},
        {"OCHMRTLNBEMRTLNBEQ", "O........a......a!"},
        {"OCHMRAMRLNBE", "O..........a"},
        {"OCHMRLNBEKCHMRE", "O.......a.....a"},
        {"E", "a"}, /* it has no states */
        {"OUTNCC", "O....."},
        {"OZC", "O.."}, /* alone it is passed over */
        {"OQ", "O!"},
        {"OAAO", "O..O"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "rspamd");
        side_run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s: got %s, want %s", rows[i].commands, s.got, rows[i].replies);
        }
    }
}

/* the no-reply bits are claimed whatever was offered; R-1: version 6 or nothing. */
static void test_negotiation(void **state)
{
    static const struct {
        struct drill_span offer;
        uint32_t actions; /* 0: it hangs up */
        const char *log;
    } rows[] = {
#define P(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {P("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), 0x1FF, ""},
        {P("\0\0\0\6\0\0\0\xff\0\0\0\x42"), 0xFF, ""},
        {P("\0\0\0\7\0\0\0\0\0\0\0\0"), 0x3F, ""},
        {P("\0\0\0\2\0\0\0\xff\0\0\0\x42"), 0, "invalid protocol version: 2"},
        {P("\0\0\0\5\0\0\0\xff\0\0\0\x42"), 0, "invalid protocol version: 5"},
        {P("\0\0\0\6\0\0\0\xff"), 0, "invalid optneg command"},
        {P("\0\0\0\6\0\0\0\xff\0\0\0\0\0\0\0\0"), 0, "invalid optneg command"},
        {P(""), 0, "invalid optneg command"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        struct drill_milter_step step;
        side_init(&s, "rspamd");
        side_give(&s, 'O', rows[i].offer);
        drill_milter_peek(&s.milter, &step);
        assert_int_equal(step.kind, rows[i].actions ? DRILL_MILTER_SEND : DRILL_MILTER_CLOSE);
        if (rows[i].actions) {
            assert_int_equal(step.reply.number[0], 6);
            assert_int_equal(step.reply.number[1], rows[i].actions);
            assert_int_equal(step.reply.number[2], 0xFF080);
            assert_string_equal(s.milter.log, "");
        } else {
            assert_non_null(strstr(s.milter.log, rows[i].log));
        }
    }
}

static const struct {
    uint8_t code;
    struct drill_span payload;
    const char *fault; /* NULL: it is taken, without a word */
} PAYLOADS[] = {
    {'C', P("h\0U"), NULL},
    {'C', P("h\0L\0\0/run/x\0"), NULL},
    {'C',
     P("h\0"
       "4\0\x19"
       "127.0.0.1\0"),
     NULL},
    {'C',
     P("h\0"
       "6\0\x19"
       "::1\0"),
     NULL},
    {'C',
     P("h\0"
       "6\0\x19"
       "IPv6:::1\0"),
     NULL},
    {'C',
     P("h\0"
       "6\0\x19"
       "IPv6:2001:db8::5\0"),
     NULL},
    {'C',
     P("h\0"
       "4\0\x19"),
     NULL},
    {'C',
     P("h\0"
       "4\0\x19"
       "127.0.0.1"),
     "no zero terminated IP"},
    {'C',
     P("h\0"
       "4\0\x19"
       "127.1\0"),
     "bad IPv4"},
    {'C',
     P("h\0"
       "4\0\x19"
       "2001:db8::5\0"),
     "bad IPv4"},
    {'C',
     P("h\0"
       "6\0\x19"
       "nothing\0"),
     "bad IPv6"},
    {'C', P("h\0X\0\0a\0"), "bad protocol"},
    {'C', P("h\0"), NULL},
    {'C', P("h"), "no name"},
    {'C', P(""), "no name"},
    {'L', P("N\0v\0"), NULL},
    {'L', P("N\0v\0w\0"), NULL},
    {'L', P("\0v\0"), NULL}, /* F003: an empty name is none of its business */
    {'L', P("N\0"), NULL},
    {'L', P("N"), "invalid header command (no name)"},
    {'L', P(""), "invalid header command (no name)"},
    {'L', P("N\0v"), "invalid header command (bad value)"},
    {'D', P("C"), NULL},
    {'D', P("Cj\0host\0"), NULL},
    {'D', P("Zj\0\0"), NULL},
    {'D', P(""), NULL},
    {'D', P("Cj"), "invalid macro command (no name)"},
    {'D', P("Cj\0host"), "invalid macro command (bad value)"},
    {'D', P("Cj\0host\0x\0"), "invalid macro command (bad value)"},
    {'H', P(""), NULL},
    {'H', P("name"), NULL},
    {'M', P("a"), NULL},
    {'M', P(""), NULL},
    {'R', P("a\0b"), NULL},
    {'U', P(""), NULL},
#undef P
};

static void test_payloads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(PAYLOADS); i++) {
        struct side s;
        side_init(&s, "rspamd");
        side_run(&s, "O");
        give(&s, PAYLOADS[i].code, PAYLOADS[i].payload);
        bool closed = strcmp(s.got, "O!") == 0;
        if (closed != (PAYLOADS[i].fault != NULL) ||
            (closed && !strstr(s.milter.log, PAYLOADS[i].fault))) {
            fail_msg("row %zu (%c): %s, %s", i, PAYLOADS[i].code, s.got, s.milter.log);
        }
    }
}

static void test_lengths(void **state)
{
    static const struct {
        uint32_t length;
        uint8_t code;
        const char *fault;
    } rows[] = {
        {1, 'N', NULL},
        {131073, 'L', NULL},
        {131074, 'L', "Command length is too big: 131073"},
        {0xFFFFFFFF, 'M', "Command length is too big: 4294967294"},
        {0, 'M', "Command length is too short"},
        {1, 'Z', NULL},
        {2, 'Z', "Unvalid command: Z"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        uint32_t size;
        side_init(&s, "rspamd");
        assert_int_equal(drill_milter_head(&s.milter, rows[i].length, rows[i].code, &size),
                         rows[i].fault ? DRILL_MILTER_HANG_UP : DRILL_MILTER_TAKE);
        assert_non_null(strstr(s.milter.log, rows[i].fault ? rows[i].fault : ""));
        side_drain(&s);
        assert_string_equal(s.got, rows[i].fault ? "!" : ".");
    }
}

static void test_actions(void **state)
{
    static const struct {
        const char *action;
        const char *replies;
        const char *text; /* of the verdict */
    } rows[] = {
        {"no_action", "a", ""},
        {"no action", "a", ""},
        {"greylist", "a", ""},
        {"add_header", "ma", ""},
        {"rewrite_subject", "ma", ""},
        {"soft_reject", "y", "451 4.7.1 Try again later"},
        {"reject", "y", "554 5.7.1 Spam message rejected"},
        {"quarantine", "qa", ""},
        {"discard", "d", ""},
        {"no_result", "t", ""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        struct drill_milter_step step;
        side_init(&s, "rspamd");
        side_set(&s, "rspamd", "action", rows[i].action);
        side_run(&s, "OCMRLNB");
        s.got[0] = '\0';
        side_command(&s, 'E');
        drill_milter_peek(&s.milter, &step);
        if (rows[i].text[0]) {
            helper_assert_bytes(step.reply.str[0], drill_span_str(rows[i].text), rows[i].action);
        }
        side_drain(&s);
        assert_string_equal(s.got, rows[i].replies);
    }
}

/* The headers that it would add go first, the last before the others; and only this message's. */
static void test_add_header_removes_what_is_there(void **state)
{
    struct side s;
    struct drill_milter_step step;
    (void)state;
    side_init(&s, "rspamd");
    side_set(&s, "rspamd", "action", "add_header");
    side_run(&s, "OCMR");
    give(&s, 'L', BYTES("x-spam\0No\0"));
    give(&s, 'L', BYTES("X-Spam\0Yes\0"));
    side_command(&s, 'E');
    for (uint32_t i = 2; i > 0; i--) {
        drill_milter_peek(&s.milter, &step);
        assert_int_equal(step.reply.number[0], i);
        assert_int_equal(step.reply.str[1].len, 0);
        drill_milter_did(&s.milter);
    }
    drill_milter_peek(&s.milter, &step);
    assert_int_equal(step.reply.number[0], 1);
    helper_assert_bytes(step.reply.str[1], BYTES("Yes"), "value");
    side_drain(&s);
    s.got[0] = '\0';
    side_run(&s, "MRLE");
    assert_string_equal(s.got, "...ma");
}

static void test_settings(void **state)
{
    struct side s;
    struct drill_error err;
    (void)state;
    side_init(&s, "rspamd");
    assert_int_equal(profile("rspamd")->set(&s.settings, drill_span_str("action"),
                                            drill_span_str("nothing"), NULL, &err),
                     DRILL_ERR_VALUE);
    assert_int_equal(profile("rspamd")->set(&s.settings, drill_span_str("acton"),
                                            drill_span_str("reject"), NULL, &err),
                     DRILL_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "\"action\""));
    assert_int_equal(drill_milter_patience(&s.milter), 120000000);
    assert_false(drill_milter_reads_exactly(&s.milter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_speaks_twice),
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_add_header_removes_what_is_there),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
