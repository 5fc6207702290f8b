/* SPDX-License-Identifier: MIT */
/* The milter's autopilot with the profiles libmilter and clamav-milter: order, verdicts, answers.
 */
#include "side_milter.h"

/* ---- order of commands ---- */

/* What an all-callback filter answers: recorded from libmilter 8.17.1. */
static void test_sequences(void **state)
{
    static const struct {
        const char *commands;
        const char *replies;
    } rows[] = {
        {"OCHMRTLNBE", "Occccccccc"},
        {"OCHMRTLNBEMRTLNBEQ", "Occcccccccccccccc!"},
        {"C", "."},
        {"OO", "O."},
        {"OAO", "O.."},
        {"AO", ".."},
        {"CC", ".."},
        {"OCC", "Oc."},
        {"OCR", "Oc."},
        {"OCHMT", "Occc."},
        {"OCHMRTB", "Occccc."},
        {"OCHMRTE", "Occccc."},
        {"OCHMRTR", "Occccc."},
        {"OCHMRTLB", "Occcccc."},
        {"OCHMRTLNL", "Occccccc."},
        {"OCHMRUL", "Occccc."},
        {"OCHMRAR", "Occcc.."},
        {"OCHMKC", "Occc.."},
        {"OCHKC", "Occ.."},
        {"OCHMRBEAKC", "Occcccc..."},
        {"H", "c"},
        {"M", "c"},
        {"DO", ".O"},
        {"OM", "Oc"},
        {"OCM", "Occ"},
        {"OCHMM", "Occcc"},
        {"OCHMRH", "Occccc"},
        {"OCHMRB", "Occccc"},
        {"OCHMRE", "Occccc"},
        {"OCHMRLNBU", "Occcccccc"},
        {"OCHMRAM", "Occcc.c"},
        {"OCHMRAH", "Occcc.c"},
        {"OCHMREAAM", "Occccc..c"},
        {"OCHMREKC", "Occccc.c"},
        {"OU", "Oc"},
        {"OCHMUR", "Occccc"},
        {"OCHMRUBE", "Occccccc"},
        {"Q", "!"},
        {"OCHMRQ", "Occcc!"},
        {"Z", "!"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "libmilter");
        side_set(&s, "libmilter", "eom", "continue");
        side_run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s: got %s, want %s", rows[i].commands, s.got, rows[i].replies);
        }
    }
}

/* The states of missing callbacks are read through; clamav-milter lacks helo, data, unknown, eoh.
 */
static void test_missing_callbacks(void **state)
{
    static const struct {
        const char *commands;
        const char *replies;
    } rows[] = {
        {"OCMRLBE", "Occccca"}, {"OCHMRTLNBE", "Occcccccca"}, {"OCMRB", "Occcc"},
        {"OMR", "Occ"},         {"OCMRTB", "Occcc."},         {"OCMRTE", "Occcc."},
        {"OCMRTLB", "Occcccc"}, {"OCMRAR", "Occc.c"}, /* ST_ABRT is followed by ST_UNKN, which is
                                                         read through */
        {"OCMR", "Occc"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct side s;
        side_init(&s, "clamav-milter");
        side_run(&s, rows[i].commands);
        if (strcmp(s.got, rows[i].replies) != 0) {
            fail_msg("%s: got %s, want %s", rows[i].commands, s.got, rows[i].replies);
        }
    }
}

/* ---- verdicts ---- */

/* Goes to `at`, gives `verdict` as a written line, then sends `next`. */
static void test_verdicts_move_the_state(void **state)
{
    static const struct {
        const char *before;
        const char *verdicts;
        const char *next;
        const char *replies;
    } rows[] = {
        {"OC", "artdy", "HM", "cc"},
        {"OCH", "artdy", "M", "c"},
        {"OCHM", "artdy", "RTLNBE", "......"},
        {"OCHM", "artdy", "M", "c"},
        {"OCHMR", "rtdy", "RTLNBE", "ccccca"},
        {"OCHMR", "a", "RTLNBE", "......"},
        {"OCHMRT", "artdy", "LNBE", "...."},
        {"OCHMRTL", "artdy", "LNBE", "...."},
        {"OCHMRTLN", "artdy", "BE", ".."},
        {"OCHMRTLNB", "artdy", "BE", ".."},
        {"OCHMRTLNBE", "artdy", "M", "c"},
        {"OCHMRTLNBE", "a", "KC", ".."}, /* QUIT_NC is legal behind ENDM only */
        {"OCHMRTLNBE", "c", "KC", ".c"},
        {"OCHMRTLNB", "cshp", "BE", "ca"},
        {"OCHU", "rtdy", "R", "c"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (const char *v = rows[i].verdicts; *v; v++) {
            struct side s;
            struct drill_message reply;
            size_t last = strlen(rows[i].before) - 1;
            side_init(&s, "libmilter");
            for (size_t k = 0; k < last; k++) {
                side_command(&s, (uint8_t)rows[i].before[k]);
                side_drain(&s);
            }
            side_command(&s, (uint8_t)rows[i].before[last]);
            drill_milter_answered(&s.milter);
            (void)drill_message_init(&reply, DRILL_TO_MTA, (uint8_t)*v);
            drill_milter_sent(&s.milter, &reply);
            s.got[0] = '\0';
            side_run(&s, rows[i].next);
            if (strcmp(s.got, rows[i].replies) != 0) {
                fail_msg("%s, %c, %s: got %s, want %s", rows[i].before, *v, rows[i].next, s.got,
                         rows[i].replies);
            }
        }
    }
}

static void test_its_own_verdict_at_the_end(void **state)
{
    static const struct {
        const char *eom;
        const char *replies;
    } rows[] = {{"accept", "Occca"},
                {"continue", "Occcc"},
                {"reject", "Occcr"},
                {"tempfail", "Occct"},
                {"discard", "Occcd"}};
    struct side s;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        side_init(&s, "libmilter");
        side_set(&s, "libmilter", "eom", rows[i].eom);
        side_run(&s, "OCMRE");
        assert_string_equal(s.got, rows[i].replies);
    }
}

/* ---- negotiation ---- */

static void check_answer(struct side *s, uint32_t version, uint32_t actions, uint32_t steps)
{
    struct drill_milter_step step;
    drill_milter_peek(&s->milter, &step);
    assert_int_equal(step.kind, DRILL_MILTER_SEND);
    assert_int_equal(step.reply.code, 'O');
    assert_int_equal(step.reply.number[0], version);
    assert_int_equal(step.reply.number[1], actions);
    assert_int_equal(step.reply.number[2], steps);
}

static void test_answers_to_stalwart(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "clamav-milter");
    side_set(&s, "clamav-milter", "addheader", "add");
    side_give(&s, 'O', BYTES("\0\0\0\2\0\0\0\xff\0\0\0\x42"));
    check_answer(&s, 2, 0x21, 0x42);

    side_init(&s, "clamav-milter");
    side_give(&s, 'O', BYTES("\0\0\0\6\0\0\0\xff\0\0\0\0"));
    side_drain(&s);
    assert_string_equal(s.got, "!");
    assert_string_equal(s.milter.log,
                        "clamav-milter: st_optionneg[1]: 0x3f does not fulfill protocol "
                        "requirements 0x42");
    drill_milter_did(&s.milter);
    assert_string_not_equal(s.milter.log, ""); /* until the next connection */
    drill_milter_opened(&s.milter);
    assert_string_equal(s.milter.log, "");

    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "callbacks", "eom");
    side_give(&s, 'O', BYTES("\0\0\0\6\0\0\0\xff\0\0\0\x42"));
    side_drain(&s);
    assert_string_equal(s.got, "!");
}

/* NR_* that the MTA does not know are emulated: `continue` goes out. Where they were agreed on,
 * nothing does. */
static void test_no_reply_stages(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "protocol", "nr_conn,nr_helo,nr_hdr");
    side_run(&s, "OCHMRLNBE");
    assert_string_equal(s.got, "O..cc.cca");

    side_start(&s, "libmilter");
    side_give(&s, 'O', BYTES("\0\0\0\4\0\0\0\x3f\0\0\3\x7f"));
    side_drain(&s);
    side_run(&s, "CHMRLNBE");
    assert_string_equal(s.got, "Occccccca");
    assert_int_equal(s.milter.emulated,
                     DRILL_SMFIP_NR_CONN | DRILL_SMFIP_NR_HELO | DRILL_SMFIP_NR_HDR);
}

/* A written OPTNEG reply is what it then goes by, also where its own answer was to hang up. */
static void test_written_answer_counts(void **state)
{
    struct side s;
    struct drill_message reply;
    (void)state;
    side_init(&s, "libmilter");
    side_set(&s, "libmilter", "callbacks", "eom");
    side_give(&s, 'O', BYTES("\0\0\0\6\0\0\0\xff\0\0\0\x42"));
    assert_true(drill_milter_default(&s.milter, 'O', &reply));
    assert_int_equal(reply.number[2], 0x42);
    reply.number[2] = DRILL_SMFIP_NR_MAIL | DRILL_SMFIP_NOHELO;
    drill_milter_answered(&s.milter);
    drill_milter_sent(&s.milter, &reply);
    side_run(&s, "CMRTLNBE");
    assert_string_equal(s.got, "c.ccccca");
}

/* ---- the rest ---- */

static void test_clamav_adds_headers(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "clamav-milter");
    side_set(&s, "clamav-milter", "addheader", "add");
    side_run(&s, "OCMRLBE");
    assert_string_equal(s.got, "Occcccii"
                               "a");
    side_set(&s, "clamav-milter", "addheader", "replace");
    side_start(&s, "clamav-milter");
    side_run(&s, "OCMR");
    side_give(&s, 'L', BYTES("x-virus-status\0Clean\0"));
    side_drain(&s);
    side_give(&s, 'L', BYTES("X-Virus-Scanned\0a\0"));
    side_drain(&s);
    side_give(&s, 'L', BYTES("X-Virus-Scanned\0b\0"));
    side_drain(&s);
    side_run(&s, "BE");
    assert_string_equal(s.got, "Occcccccmmmhha");
    side_start(&s, "clamav-milter");
    side_run(&s, "OCMRE"); /* an empty message */
    assert_string_equal(s.got, "Occca");
}

static void test_defaults_of_written_replies(void **state)
{
    struct side s;
    struct drill_message m;
    (void)state;
    side_init(&s, "libmilter");
    assert_true(drill_milter_default(&s.milter, 'y', &m));
    helper_assert_bytes(m.str[0], BYTES("550 5.7.1 refused"), "replycode");
    assert_true(drill_milter_default(&s.milter, '-', &m));
    helper_assert_bytes(m.str[0], BYTES("<bob@example.com>"), "delrcpt");
    side_run(&s, "OCM");
    side_give(&s, 'R', BYTES("<first@example.com>\0"));
    side_give(&s, 'R', BYTES("<second@example.com>\0"));
    assert_true(drill_milter_default(&s.milter, '-', &m));
    helper_assert_bytes(m.str[0], BYTES("<first@example.com>"), "delrcpt");
    assert_true(drill_milter_default(&s.milter, 'm', &m));
    assert_int_equal(m.number[0], 1);
    helper_assert_bytes(m.str[0], BYTES("X-Drill"), "chgheader");
    assert_true(drill_milter_default(&s.milter, 'b', &m));
    helper_assert_bytes(m.rest, BYTES("replaced\r\n"), "replbody");
    assert_true(drill_milter_default(&s.milter, 'e', &m));
    assert_false(m.has_second);
    assert_false(drill_milter_default(&s.milter, 'c', &m));
    assert_false(drill_milter_default(&s.milter, 'Z', &m));
}

static void test_connections_are_counted_and_start_afresh(void **state)
{
    struct side s;
    (void)state;
    side_init(&s, "libmilter");
    side_run(&s, "OCHM");
    drill_milter_ended(&s.milter);
    drill_milter_opened(&s.milter);
    assert_int_equal(s.milter.connections, 2);
    assert_int_equal(s.milter.state, DRILL_STATE_INIT);
    s.got[0] = '\0';
    side_run(&s, "OCHM");
    assert_string_equal(s.got, "Occc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_missing_callbacks),
        cmocka_unit_test(test_verdicts_move_the_state),
        cmocka_unit_test(test_its_own_verdict_at_the_end),
        cmocka_unit_test(test_answers_to_stalwart),
        cmocka_unit_test(test_no_reply_stages),
        cmocka_unit_test(test_written_answer_counts),
        cmocka_unit_test(test_clamav_adds_headers),
        cmocka_unit_test(test_defaults_of_written_replies),
        cmocka_unit_test(test_connections_are_counted_and_start_afresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
