/* SPDX-License-Identifier: MIT */
/* The one table of legal transitions and replies. */
#include <string.h>

#include "helper_bytes.h"
#include "session/state.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static const char COMMANDS[] = "OCHMRTLNBEAUQK";

static const struct drill_agreed NOTHING = {6, 0, 0};

static void test_transitions(void **state)
{
    static const char *const allowed[DRILL_STATES] = {
        [DRILL_STATE_INIT] = "OQ",   [DRILL_STATE_OPTS] = "CUQ",  [DRILL_STATE_CONN] = "HMUQ",
        [DRILL_STATE_HELO] = "HMUQ", [DRILL_STATE_MAIL] = "RAUQ", [DRILL_STATE_RCPT] = "RTLNBEAUQ",
        [DRILL_STATE_DATA] = "LNAQ", [DRILL_STATE_HDRS] = "LNAQ", [DRILL_STATE_EOHS] = "BEAQ",
        [DRILL_STATE_BODY] = "BEAQ", [DRILL_STATE_ENDM] = "MKUQ", [DRILL_STATE_UNKN] = "HMRTBAUQK",
        [DRILL_STATE_Q_NC] = "CUQ",  [DRILL_STATE_QUIT] = "",
    };
    (void)state;
    for (size_t s = 0; s < DRILL_STATES; s++) {
        for (const char *c = COMMANDS; *c; c++) {
            bool want = strchr(allowed[s], *c) != NULL;
            if (drill_state_allows((enum drill_state)s, (uint8_t)*c, &NOTHING) != want) {
                fail_msg("state %zu, %c: want %d", s, *c, want);
            }
        }
    }
}

/* Where a command was switched off, the state that it leads to is read through. */
static void test_switched_off_states_are_read_through(void **state)
{
    static const struct {
        uint32_t steps;
        enum drill_state from;
        char command;
        bool allowed;
    } rows[] = {
        {DRILL_SMFIP_NOCONNECT, DRILL_STATE_OPTS, 'H', true},
        {DRILL_SMFIP_NOCONNECT, DRILL_STATE_OPTS, 'R', false},
        {DRILL_SMFIP_NOCONNECT | DRILL_SMFIP_NOHELO | DRILL_SMFIP_NOMAIL, DRILL_STATE_OPTS, 'R',
         true},
        {DRILL_SMFIP_NOHELO, DRILL_STATE_OPTS, 'M', false},
        {DRILL_SMFIP_NORCPT, DRILL_STATE_MAIL, 'T', true},
        {DRILL_SMFIP_NOEOH, DRILL_STATE_HDRS, 'B', true},
        {DRILL_SMFIP_NOEOH, DRILL_STATE_DATA, 'B', false},
        {DRILL_SMFIP_NOHDRS | DRILL_SMFIP_NOEOH, DRILL_STATE_DATA, 'E', true},
        {DRILL_SMFIP_NOBODY, DRILL_STATE_EOHS, 'M', false},
        {DRILL_SMFIP_NOUNKNOWN, DRILL_STATE_ENDM, 'R', false},
        {0x37F, DRILL_STATE_INIT, 'C', false},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drill_agreed agreed = {6, 0, rows[i].steps};
        assert_int_equal(drill_state_allows(rows[i].from, (uint8_t)rows[i].command, &agreed),
                         rows[i].allowed);
    }
}

static void test_states_behind_commands(void **state)
{
    static const enum drill_state after[] = {
        DRILL_STATE_OPTS, DRILL_STATE_CONN, DRILL_STATE_HELO, DRILL_STATE_MAIL, DRILL_STATE_RCPT,
        DRILL_STATE_DATA, DRILL_STATE_HDRS, DRILL_STATE_EOHS, DRILL_STATE_BODY, DRILL_STATE_ENDM,
        DRILL_STATE_HELO, DRILL_STATE_UNKN, DRILL_STATE_QUIT, DRILL_STATE_Q_NC,
    };
    (void)state;
    for (size_t i = 0; COMMANDS[i]; i++) {
        assert_int_equal(drill_state_after(DRILL_STATE_BODY, (uint8_t)COMMANDS[i]), after[i]);
    }
    assert_int_equal(drill_state_after(DRILL_STATE_RCPT, 'D'), DRILL_STATE_RCPT);
    assert_int_equal(drill_state_after(DRILL_STATE_RCPT, 'Z'), DRILL_STATE_RCPT);
    for (size_t s = 0; s < DRILL_STATES; s++) {
        assert_int_equal(drill_state_in_message((enum drill_state)s),
                         s >= DRILL_STATE_MAIL && s <= DRILL_STATE_BODY);
    }
}

static void test_replies_that_are_owed(void **state)
{
    static const struct {
        char command;
        uint32_t nr;
    } rows[] = {
        {'C', DRILL_SMFIP_NR_CONN}, {'H', DRILL_SMFIP_NR_HELO}, {'M', DRILL_SMFIP_NR_MAIL},
        {'R', DRILL_SMFIP_NR_RCPT}, {'T', DRILL_SMFIP_NR_DATA}, {'U', DRILL_SMFIP_NR_UNKN},
        {'L', DRILL_SMFIP_NR_HDR},  {'N', DRILL_SMFIP_NR_EOH},  {'B', DRILL_SMFIP_NR_BODY},
    };
    const struct drill_agreed all = {6, 0, UINT32_MAX};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t command = (uint8_t)rows[i].command;
        struct drill_agreed agreed = {6, 0, rows[i].nr};
        struct drill_agreed old = {4, 0, rows[i].nr};
        struct drill_agreed others = {6, 0, ~rows[i].nr};
        assert_false(drill_state_owes(command, &agreed));
        assert_true(drill_state_owes(command, &old));
        assert_true(drill_state_owes(command, &others));
    }
    assert_true(drill_state_owes('O', &all));
    assert_true(drill_state_owes('E', &all));
    for (const char *c = "DAQKZ"; *c; c++) {
        assert_false(drill_state_owes((uint8_t)*c, &NOTHING));
    }
}

static void test_suppressed_commands(void **state)
{
    const struct drill_agreed all = {6, 0, 0x37F}, v2 = {2, 0, 0}, v3 = {3, 0, 0};
    (void)state;
    for (const char *c = "CHMRTLNBU"; *c; c++) {
        assert_true(drill_state_suppressed((uint8_t)*c, &all));
        assert_false(drill_state_suppressed((uint8_t)*c, &NOTHING));
    }
    assert_false(drill_state_suppressed('E', &all));
    assert_true(drill_state_suppressed('T', &v2));
    assert_true(drill_state_suppressed('T', &v3));
    assert_true(drill_state_suppressed('U', &v2));
    assert_false(drill_state_suppressed('U', &v3));
    assert_true(drill_state_suppressed('K', &v3));
}

static void test_classes_of_replies(void **state)
{
    static const char replies[] = "Ocartdysp4flhimb+2-eq";
    /* v verdict, p progress, m modification, n negotiation, . illegal */
    static const struct {
        const char *commands;
        const char *classes;
    } rows[] = {
        {"O", "n...................."},     {"CHMRTUN", ".vvvvvv..vv.........."},
        {"LB", ".vvvvvvv.vv.........."},    {"E", ".vvvvvv.pvv.mmmmmmmmm"},
        {"DAQKZ", "....................."},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (const char *c = rows[i].commands; *c; c++) {
            for (size_t r = 0; replies[r]; r++) {
                static const char letters[] = ".vmpn";
                enum drill_reply_class class = drill_state_reply((uint8_t)*c, (uint8_t)replies[r]);
                if (letters[class] != rows[i].classes[r]) {
                    fail_msg("%c to %c: got %c", replies[r], *c, letters[class]);
                }
            }
        }
    }
    assert_int_equal(drill_state_reply(0, 'c'), DRILL_REPLY_ILLEGAL);
}

static void test_actions_of_modifications(void **state)
{
    static const struct {
        char reply;
        uint32_t action;
    } rows[] = {{'h', 0x01}, {'i', 0x01}, {'b', 0x02}, {'+', 0x04}, {'-', 0x08}, {'m', 0x10},
                {'q', 0x20}, {'e', 0x40}, {'2', 0x80}, {'c', 0},    {'l', 0}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(drill_state_action((uint8_t)rows[i].reply), rows[i].action);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transitions),
        cmocka_unit_test(test_switched_off_states_are_read_through),
        cmocka_unit_test(test_states_behind_commands),
        cmocka_unit_test(test_replies_that_are_owed),
        cmocka_unit_test(test_suppressed_commands),
        cmocka_unit_test(test_classes_of_replies),
        cmocka_unit_test(test_actions_of_modifications),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
