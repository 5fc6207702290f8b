/* SPDX-License-Identifier: MIT */
/* A filter on Sendmail::PMilter: no states, one word too many at the end, `tempfail` for its
 * faults.
 */
#include "side_milter.h"

static void test_sequences(void **state)
{
    static const struct {
        const char *commands;
        const char *replies;
    } rows[] = {
        {"ODCDHDMDRTLNBE", "O.c.c.c.ccccca"},
        {"OCHMRTLNBEMRTLNBEQ", "Occccccccaccccccac!"}, /* M-1 */
        {"E", "a"},                                    /* M-3 */
        {"B", "c"},
        {"CC", "cc"},
        {"OO", "OO"},
        {"OCHMRAM", "Occcc.c"},
        {"OCU", "Oc."},
        {"OCHMREKC", "Occccat!"},
        {"OZ", "Ot!"},
        {"Q", "c!"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "pmilter");
        for (const char *c = rows[i].commands; *c && !strchr(s.got, '!'); c++) {
            side_command(&s, (uint8_t)*c);
            side_drain(&s);
        }
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s: got %s, want %s", rows[i].commands, s.got, rows[i].replies);
        }
    }
}

/* It goes on answering after a verdict. */
static void test_verdicts(void **state)
{
    static const struct {
        const char *key, *value;
        const char *replies; /* to OCHMRTLNBE */
    } rows[] = {
        {"connect", "accept", "Oaccccccca"}, {"helo", "reject", "Ocrcccccca"},
        {"mail", "tempfail", "Occtccccca"},  {"rcpt", "discard", "Occcdcccca"},
        {"data", "accept", "Occccaccca"},    {"header", "accept", "Occcccacca"},
        {"eoh", "reject", "Occccccrca"},     {"body", "tempfail", "Occcccccta"},
        {"eom", "continue", "Occccccccc"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "pmilter");
        side_set(&s, "pmilter", rows[i].key, rows[i].value);
        side_run(&s, "OCHMRTLNBE");
        assert_string_equal(s.got, rows[i].replies);
    }
}

static void test_negotiation(void **state)
{
    static const struct {
        struct drill_span offer;
        uint32_t actions, steps; /* actions 1: it dies */
        const char *log;
    } rows[] = {
#define P(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {P("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff"), 0x30, 0x20, ""},
        {P("\0\0\0\6\0\0\0\x1f\0\0\0\x42"), 0x10, 0, ""},
        {P("\0\0\0\2\0\0\0\xff\0\0\0\x62"), 0x30, 0x20, ""},
        {P("\0\0\0\1\0\0\0\xff\0\0\0\x42"), 1, 0, "unknown milter protocol version 1"},
        {P("\0\0\0\7\0\0\0\xff\0\0\0\x42"), 1, 0, "unknown milter protocol version 7"},
        {P("\0\0\0\6\0\0\0\xff"), 1, 0, "packet has wrong size"},
        {P("\0\0\0\6\0\0\0\xff\0\0\0\x42\0\0\0\0"), 1, 0, "packet has wrong size"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        struct drill_milter_step step;
        side_init(&s, "pmilter");
        side_set(&s, "pmilter", "actions", "chghdrs,quarantine");
        side_set(&s, "pmilter", "callbacks", "connect,helo,envrcpt,body,eoh,eom");
        side_give(&s, 'O', rows[i].offer);
        drill_milter_peek(&s.milter, &step);
        assert_int_equal(step.kind, DRILL_MILTER_SEND);
        if (rows[i].actions == 1) {
            assert_int_equal(step.reply.code, 't');
            assert_non_null(strstr(s.milter.log, rows[i].log));
            side_drain(&s);
            assert_string_equal(s.got, "t!");
            continue;
        }
        assert_int_equal(step.reply.number[0], 2);
        assert_int_equal(step.reply.number[1], rows[i].actions);
        assert_int_equal(step.reply.number[2], rows[i].steps);
    }
}

static void test_payloads(void **state)
{
    static const struct {
        uint8_t code;
        struct drill_span payload;
        const char *replies;
    } rows[] = {
        {'C', P("h\0U"), "c"},
        {'C', P("h\0\x34\0\x19no address\0"), "t!"},
        {'C', P("h\0\x34"), "t!"},
        {'C', P("h\0\x34\0\x19"), "t!"},
        {'C', P("h\0\x36\0\x19no address\0"), "c"},
        {'C', P("h\0"), "t!"},
        {'C', P("h"), "t!"},
        {'C', P(""), "t!"},
        {'H', P("name\0"), "c"},
        {'H', P("name"), "c"},
        {'H', P("\0"), "t!"},
        {'H', P(""), "t!"},
        {'H', P("a\0b\0"), "t!"},
        {'M', P("a"), "c"},
        {'M', P("a\0SIZE=1\0"), "c"},
        {'M', P("\0"), "t!"},
        {'M', P(""), "t!"},
        {'R', P("a\0"), "c"},
        {'R', P(""), "t!"},
        {'L', P("\0v\0"), "c"},
        {'L', P(""), "c"},
        {'D', P("C"), "."},
        {'D', P("Cj\0host\0x\0"), "."},
        {'D', P(""), "t!"},
        {'E', P("data"), "a"},
        {'K', P(""), "t!"},
#undef P
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "pmilter");
        side_give(&s, rows[i].code, rows[i].payload);
        side_drain(&s);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("row %zu (%c): got %s, want %s", i, rows[i].code, s.got, rows[i].replies);
        }
    }
}

/* Also for a length, the last word is `tempfail`. */
static void test_lengths(void **state)
{
    struct side s;
    uint32_t size;
    (void)state;
    side_init(&s, "pmilter");
    assert_int_equal(drill_milter_head(&s.milter, 131072, 'L', &size), DRILL_MILTER_TAKE);
    assert_int_equal(size, 131071);
    assert_int_equal(drill_milter_head(&s.milter, 131073, 'L', &size), DRILL_MILTER_HANG_UP);
    side_drain(&s);
    assert_string_equal(s.got, "t!");
    assert_string_equal(s.milter.log, "bad packet length 131073");
    side_init(&s, "pmilter");
    assert_int_equal(drill_milter_head(&s.milter, 0, 'L', &size), DRILL_MILTER_HANG_UP);
    side_drain(&s);
    assert_string_equal(s.got, "t!");
    assert_int_equal(drill_milter_patience(&s.milter), UINT64_MAX);
}

/* A head that is good leaves the reaction to the last command alone. */
static void test_a_head_does_not_disturb(void **state)
{
    struct side s;
    uint32_t size;
    (void)state;
    side_init(&s, "pmilter");
    side_command(&s, 'C');
    assert_int_equal(drill_milter_head(&s.milter, 3, 'H', &size), DRILL_MILTER_TAKE);
    side_drain(&s);
    assert_string_equal(s.got, "c");
}

static void test_settings(void **state)
{
    struct side s;
    struct drill_error err;
    const struct drill_profile *p = profile("pmilter");
    (void)state;
    side_init(&s, "pmilter");
    assert_int_equal(p->set(&s.settings, drill_span_str("eom"), drill_span_str("skip"), NULL, &err),
                     DRILL_ERR_VALUE);
    assert_int_equal(
        p->set(&s.settings, drill_span_str("callbacks"), drill_span_str("mail"), NULL, &err),
        DRILL_ERR_VALUE);
    assert_int_equal(
        p->set(&s.settings, drill_span_str("callback"), drill_span_str("eom"), NULL, &err),
        DRILL_ERR_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),   cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_negotiation), cmocka_unit_test(test_payloads),
        cmocka_unit_test(test_lengths),     cmocka_unit_test(test_a_head_does_not_disturb),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
