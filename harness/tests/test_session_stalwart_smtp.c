/* SPDX-License-Identifier: MIT */
/* Stalwart as an MTA: what it makes of each reply and fault, logs, and tells its client. */
#include "talk_stalwart.h"

/* ---- reactions ---- */

enum effect { GOES_ON, STOPS, ERROR, ACCEPTS, MORE };

static void check_reaction(uint8_t command, uint8_t reply, enum effect effect)
{
    static const struct {
        uint8_t code;
        struct drill_span payload;
    } payloads[] = {
        {'y', {(const uint8_t *)"550 5.7.1 no\0", 13}},
        {'h', {(const uint8_t *)"N\0V\0", 4}},
        {'i', {(const uint8_t *)"\0\0\0\1N\0V\0", 8}},
        {'m', {(const uint8_t *)"\0\0\0\1N\0V\0", 8}},
        {'+', {(const uint8_t *)"a\0", 2}},
        {'-', {(const uint8_t *)"a\0", 2}},
        {'2', {(const uint8_t *)"a\0b\0", 4}},
        {'e', {(const uint8_t *)"a\0b\0", 4}},
        {'q', {(const uint8_t *)"a\0", 2}},
        {'b', {(const uint8_t *)"x", 1}},
        {'O', {(const uint8_t *)"\0\0\0\6\0\0\0\0\0\0\0\0", 12}},
    };
    struct talk t;
    struct drill_span payload = {NULL, 0};
    struct drill_mta_step step;
    for (size_t i = 0; i < ROWS(payloads); i++) {
        payload = payloads[i].code == reply ? payloads[i].payload : payload;
    }
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, command, 0);
    assert_int_equal(t.mta.awaited, command);
    talk_reply(&t, reply, payload);
    drill_mta_peek(&t.mta, &step);
    switch (effect) {
    case GOES_ON:
        assert_int_equal(step.kind, DRILL_MTA_SEND);
        assert_null(drill_mta_outcome(&t.mta, 1));
        break;
    case MORE:
        assert_int_equal(step.kind, DRILL_MTA_WAIT);
        assert_int_equal(step.awaited, command);
        break;
    case STOPS:
    case ERROR:
        assert_int_equal(step.kind, DRILL_MTA_CLOSE);
        assert_int_equal(t.mta.log[0] != '\0', effect == ERROR);
        assert_int_equal(t.mta.failed, effect == ERROR);
        assert_non_null(drill_mta_outcome(&t.mta, 1));
        break;
    case ACCEPTS:
        assert_int_equal(step.kind, DRILL_MTA_SEND);
        assert_int_equal(step.command.code, 'Q');
        assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
        break;
    }
    talk_fini(&t);
}

static void test_reactions(void **state)
{
    static const char replies[] = "cartdy4fpshimb+2-eqOlZ";
    static const char at_others[] = "ggsssssseeeeeeeeeeeeee";
    static const char at_body[] = "ggssssssggeeeeeeeeeeee";
    static const char at_eob[] = "aassssssmemmmmmmmmmeee";
    (void)state;
    for (const char *command = "CHMRTLNBE"; *command; command++) {
        const char *row = *command == 'B' ? at_body : *command == 'E' ? at_eob : at_others;
        for (size_t i = 0; replies[i]; i++) {
            enum effect effect = row[i] == 'g'   ? GOES_ON
                                 : row[i] == 's' ? STOPS
                                 : row[i] == 'e' ? ERROR
                                 : row[i] == 'a' ? ACCEPTS
                                                 : MORE;
            check_reaction((uint8_t)*command, (uint8_t)replies[i], effect);
        }
    }
}

static void test_lines_at_the_end_of_data(void **state)
{
    static const struct {
        uint8_t code;
        const char *payload;
        size_t len;
        const char *line;
        uint16_t number;
    } rows[] = {
        {'c', "", 0, "250 2.0.0 Message queued with id 1.", 250},
        {'a', "", 0, "250 2.0.0 Message queued with id 1.", 250},
        {'d', "", 0, "250 2.0.0 Message queued for delivery.", 250},
        {'r', "", 0, "503 5.5.3 Message rejected.", 503},
        {'t', "", 0, "451 4.3.5 Unable to accept message at this time.", 451},
        {'4', "", 0, "421 4.3.0 Server shutting down.", 421},
        {'f', "", 0, "", 0},
        {'y', "550 5.7.1 no\0", 13, "550 5.7.1 no", 550},
        {'y', "250 fine\0", 9, "250 fine", 250},
        {'y', "abc fine\0", 9, "abc fine", 0},
        {'y', "550-a\r\n550 b\r\n\0", 15, "550 a\r\n550 b", 550},
        {'y', "550 no", 6, "451 4.3.5 Unable to accept message at this time.", 451},
        {'y', "550\0", 4, "451 4.3.5 Unable to accept message at this time.", 451},
        {'y', "550 \xE9\0", 6, "451 4.3.5 Unable to accept message at this time.", 451},
        {'q', "why", 3, "451 4.3.5 Unable to accept message at this time.", 451},
        {'h', "N\0V", 3, "451 4.3.5 Unable to accept message at this time.", 451},
        {'e', "a\0", 2, "451 4.3.5 Unable to accept message at this time.", 451},
        {'2', "a\0", 2, "451 4.3.5 Unable to accept message at this time.", 451},
        {'m', "\0\0\0", 3, "451 4.3.5 Unable to accept message at this time.", 451},
        {'c', "extra", 5, "250 2.0.0 Message queued with id 1.", 250},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t);
        talk_start(&t);
        talk_until(&t, 'E', 0);
        talk_reply(&t, rows[i].code, drill_span_of(rows[i].payload, rows[i].len));
        assert_outcome(&t, 1, rows[i].line);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, rows[i].number);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->stage, DRILL_SMFIC_BODYEOB);
        talk_fini(&t);
    }
}

static void test_short_replycode_and_optneg_are_invalid(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    talk_reply(&t, 'O', BYTES("\0\0\0\x06\0\0\0\0\0\0\0"));
    assert_non_null(strstr(t.mta.log, "(milter.frame-invalid)"));
    assert_outcome(&t, 1, "451 4.3.5 Unable to accept message at this time.");
    talk_fini(&t);

    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    talk_reply(&t, 'c', BYTES(""));
    assert_non_null(strstr(t.mta.log, "WARN Unexpected Milter response "
                                      "(milter.unexpected-response)"));
    assert_non_null(strstr(t.mta.log, "details = \"ACTION (CONTINUE)\""));
    talk_fini(&t);
}

static void test_modifications_are_recorded_in_order(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'h', BYTES("X-A\0one\0"));
    talk_reply(&t, 'p', BYTES(""));
    talk_reply(&t, 'b', BYTES("new"));
    talk_reply(&t, 'a', BYTES(""));
    assert_non_null(t.mta.mods);
    assert_int_equal(t.mta.mods->code, 'h');
    assert_int_equal(t.mta.mods->message, 1);
    helper_assert_bytes(t.mta.mods->payload, BYTES("X-A\0one\0"), "h");
    assert_int_equal(t.mta.mods->next->code, 'b');
    assert_int_equal(t.mta.mods->next->size, 3);
    assert_null(t.mta.mods->next->next);
    talk_fini(&t);
}

/* `p` is the chunk's reply, the `c` behind it is read as the verdict, `r` never. */
static void test_progress_after_a_chunk_shifts_the_verdict(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'B', 0);
    talk_reply(&t, 'p', BYTES(""));
    talk_reply(&t, 'c', BYTES(""));
    talk_until(&t, 'E', 0);
    assert_string_equal(t.sent, "open O DC DH DM DR T L N B E Q close");
    talk_reply(&t, 'r', BYTES(""));
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

static void test_skip_ends_the_chunks(void **state)
{
    static uint8_t big[200000] = "A: b\r\n\r\n";
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.mail.raw = drill_span_of(big, sizeof(big));
    talk_start(&t);
    talk_until(&t, 'B', 0);
    talk_reply(&t, 's', BYTES(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR T L N B E Q close");
    talk_fini(&t);
}

/* ---- faults ---- */

static void test_faults_and_their_log_lines(void **state)
{
    static const char head[] =
        "listenerId = \"smtp\", localPort = 25, remoteIp = 192.0.2.5, remotePort = 47324, "
        "id = \"MtaMilter with id milter\"";
    static const struct {
        enum drill_end how;
        int error;
        const char *event;
        const char *details;
    } rows[] = {
        {DRILL_END_RST, 104, "WARN Milter I/O error (milter.io-error) ",
         ", details = \"Connection reset by peer (os error 104)\""},
        {DRILL_END_EPIPE, 32, "WARN Milter I/O error (milter.io-error) ",
         ", details = \"Broken pipe (os error 32)\""},
        {DRILL_END_REFUSED, 111, "WARN Milter I/O error (milter.io-error) ",
         ", details = \"Connection refused (os error 111)\""},
        {DRILL_END_ERROR, 113, "WARN Milter I/O error (milter.io-error) ",
         ", details = \"No route to host (os error 113)\""},
        {DRILL_END_FIN, 0, "WARN Milter disconnected (milter.disconnected) ", ", details = (null)"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (int strict = 0; strict < 2; strict++) {
            struct talk t;
            struct drill_mta_step step;
            char want[512];
            (void)snprintf(want, sizeof(want), "%s%s%s", rows[i].event, head, rows[i].details);
            talk_init(&t);
            talk_set(&t, "tempFailOnError", strict ? "true" : "false");
            talk_start(&t);
            if (rows[i].how != DRILL_END_REFUSED) { /* that is before any connection */
                talk_until(&t, 'L', 0);
            }
            drill_mta_ended(&t.mta, rows[i].how, rows[i].error);
            assert_string_equal(t.mta.log, want);
            assert_outcome(&t, 1,
                           strict ? "451 4.3.5 Unable to accept message at this time."
                                  : "250 2.0.0 Message queued with id 1.");
            drill_mta_peek(&t.mta, &step);
            assert_int_equal(step.kind, DRILL_MTA_DONE); /* no close of what is closed */
            talk_fini(&t);
        }
    }
}

static void test_timeout_too_large_and_garbled(void **state)
{
    struct talk t;
    struct drill_mta_step step;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_OPEN), 30000000);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_SEND), 30000000);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), 60000000);
    talk_until(&t, 'R', 0);
    drill_mta_timed_out(&t.mta);
    assert_non_null(strstr(t.mta.log, "WARN Milter timeout (milter.timeout) "));
    assert_non_null(strstr(t.mta.log, ", details = (null)"));
    drill_mta_peek(&t.mta, &step);
    assert_int_equal(step.kind, DRILL_MTA_CLOSE);
    talk_fini(&t);

    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    assert_true(drill_mta_head(&t.mta, 'O', 52428800));
    assert_false(drill_mta_head(&t.mta, 'N', 1431194446));
    assert_non_null(strstr(t.mta.log, "WARN Milter frame too large (milter.frame-too-large) "));
    assert_non_null(strstr(t.mta.log, ", details = 1431194446"));
    assert_outcome(&t, 1, "451 4.3.5 Unable to accept message at this time.");
    talk_fini(&t);

    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    drill_mta_garbled(&t.mta, "a length of 0", 0);
    assert_non_null(strstr(t.mta.log, "WARN Invalid Milter frame (milter.frame-invalid) "));
    assert_outcome(&t, 1, "451 4.3.5 Unable to accept message at this time.");
    talk_fini(&t);
}

static void test_invalid_frame_is_logged_in_base64(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'Z', BYTES("ab"));
    assert_non_null(strstr(t.mta.log, "details = base64:WmFi"));
    talk_fini(&t);
}

/* A milter that goes away after its verdict is no fault: nobody reads any more. */
static void test_end_after_the_verdict_is_no_fault(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'a', BYTES(""));
    drill_mta_ended(&t.mta, DRILL_END_RST, 104);
    assert_string_equal(t.mta.log, "");
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

/* ---- what a refusal does to the session ---- */

static void test_refused_recipient_is_left_out(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.rcpts = 3;
    talk_set(&t, "stages", "rcpt,data");
    talk_start(&t);
    for (int i = 0; i < 3; i++) { /* the run of the second recipient: R R */
        talk_until(&t, 'R', 0);
        talk_reply(&t, i == 2 ? 'r' : 'c', BYTES(""));
    }
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR Q close open O DC DH DM DR DR close "
                                "open O DC DH DM DR DR Q close "
                                "open O DC DH DM DR DR T L N B E Q close");
    assert_line(told_at(&t, 1, 'R', 1), "250 2.1.5 OK");
    assert_line(told_at(&t, 1, 'R', 2), "503 5.5.3 Message rejected.");
    assert_line(told_at(&t, 1, 'R', 3), "250 2.1.5 OK");
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

static void test_a_recipient_said_twice_is_one(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.rcpts = 3;
    t.rcpt[2] = text("<BOB@example.com>");
    talk_set(&t, "stages", "rcpt,data");
    talk_start(&t);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR Q close open O DC DH DM DR DR Q close "
                                "open O DC DH DM DR DR T L N B E Q close");
    assert_line(told_at(&t, 1, 'R', 3), "250 2.1.5 OK");
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

/* The first one was refused, and so is not on its list. */
static void test_a_recipient_said_again_behind_a_refusal(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.rcpts = 2;
    t.rcpt[1] = t.rcpt[0];
    talk_set(&t, "stages", "rcpt");
    talk_start(&t);
    talk_until(&t, 'R', 0);
    talk_reply(&t, 'r', BYTES(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR close open O DC DH DM DR Q close");
    talk_fini(&t);
}

static void test_refusals_before_data(void **state)
{
    static const struct {
        const char *stages;
        uint8_t at, code;
        uint8_t stage; /* of the outcome */
        const char *outcome;
    } rows[] = {
        {"connect", 'C', 'r', 'C', "503 5.5.3 Message rejected."},
        {"connect", 'C', 'd', 'C', ""},
        {"ehlo", 'H', 't', 'H', "451 4.3.5 Unable to accept message at this time."},
        {"ehlo", 'H', 'd', 'M', "503 5.5.1 Polite people say EHLO first."},
        {"ehlo", 'H', 'f', 'H', ""},
        {"mail", 'M', 'r', 'M', "503 5.5.3 Message rejected."},
        {"mail", 'M', 'd', 'R', "503 5.5.1 MAIL is required first."},
        {"mail", 'M', 'f', 'M', ""},
        {"rcpt", 'R', 't', 'R', "451 4.3.5 Unable to accept message at this time."},
        {"rcpt", 'R', 'd', 'T', "503 5.5.1 RCPT is required first."},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t);
        talk_set(&t, "stages", rows[i].stages);
        talk_start(&t);
        talk_until(&t, rows[i].at, 0);
        talk_reply(&t, rows[i].code, BYTES(""));
        talk_until(&t, 0, 0);
        assert_outcome(&t, 1, rows[i].outcome);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->stage, rows[i].stage);
        talk_fini(&t);
    }
}

static void test_conn_fail_at_data_closes_the_session(void **state)
{
    struct talk t;
    struct drill_envelope second;
    (void)state;
    talk_init(&t);
    second = t.message;
    t.message.next = &second;
    talk_start(&t);
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'f', BYTES(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR T L N B E close");
    assert_outcome(&t, 1, "");
    assert_outcome(&t, 2, "");
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reactions),
        cmocka_unit_test(test_lines_at_the_end_of_data),
        cmocka_unit_test(test_short_replycode_and_optneg_are_invalid),
        cmocka_unit_test(test_modifications_are_recorded_in_order),
        cmocka_unit_test(test_progress_after_a_chunk_shifts_the_verdict),
        cmocka_unit_test(test_skip_ends_the_chunks),
        cmocka_unit_test(test_faults_and_their_log_lines),
        cmocka_unit_test(test_timeout_too_large_and_garbled),
        cmocka_unit_test(test_invalid_frame_is_logged_in_base64),
        cmocka_unit_test(test_end_after_the_verdict_is_no_fault),
        cmocka_unit_test(test_refused_recipient_is_left_out),
        cmocka_unit_test(test_a_recipient_said_twice_is_one),
        cmocka_unit_test(test_a_recipient_said_again_behind_a_refusal),
        cmocka_unit_test(test_refusals_before_data),
        cmocka_unit_test(test_conn_fail_at_data_closes_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
