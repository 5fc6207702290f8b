/* SPDX-License-Identifier: MIT */
/* An autopilot with one connection a session, and lines that were written: order, endings, plan.
 * Profile: postfix. */
#include "helper_alloc.h"
#include "talk_mta.h"

static struct drill_mta_step now(struct talk *t)
{
    struct drill_mta_step step;
    drill_mta_peek(&t->mta, &step);
    return step;
}

static void assert_next(struct talk *t, enum drill_mta_kind kind, uint8_t code)
{
    struct drill_mta_step step = now(t);
    assert_int_equal(step.kind, kind);
    assert_int_equal(kind == DRILL_MTA_WAIT ? step.awaited : step.command.code, code);
}

static void start(struct talk *t)
{
    talk_init(t, "postfix");
    talk_two(t);
    t->clients[0].next = &t->clients[1];
    talk_start(t);
}

/* Plays until the command stands next. */
static void play_to(struct talk *t, uint8_t code)
{
    for (int i = 0; i < 200; i++) {
        struct drill_mta_step step = now(t);
        if (step.kind == DRILL_MTA_SEND && step.command.code == code) {
            return;
        }
        if (step.kind == DRILL_MTA_WAIT && step.awaited == 'O') {
            talk_optneg(t, 6, 0);
        } else if (step.kind == DRILL_MTA_WAIT) {
            talk_reply(t, 'c', text(""));
        } else {
            assert_int_not_equal(step.kind, DRILL_MTA_DONE);
            drill_mta_did(&t->mta);
        }
    }
    fail();
}

static void assert_outcome(struct talk *t, uint32_t message, uint8_t stage, uint16_t code)
{
    const struct drill_told *told = drill_mta_outcome(&t->mta, message);
    assert_non_null(told);
    assert_int_equal(told->stage, stage);
    assert_int_equal(told->code, code);
}

static void test_the_plan_runs_ahead(void **state)
{
    struct talk t;
    struct drill_envelope third;
    struct drill_mta_step step;
    char all[200] = "";
    (void)state;
    start(&t);
    third = t.messages[1];
    third.next = NULL;
    t.clients[1].messages = &third;
    talk_start(&t);
    play_to(&t, 'R');
    struct drill_mta_cursor cursor = t.mta.cursor;
    while (drill_mta_plan(&t.mta, &cursor, &step)) {
        char one[2] = {(char)step.command.code, '\0'};
        strncat(all,
                step.kind == DRILL_MTA_OPEN    ? "+"
                : step.kind == DRILL_MTA_CLOSE ? "-"
                                               : one,
                1);
    }
    assert_string_equal(all, "RTLNBEAMRTLNBEAAQ-+OCHMRTLNBEAAQ-");
    assert_next(&t, DRILL_MTA_SEND, 'R');
    assert_null(drill_mta_outcome(&t.mta, 1));
    talk_fini(&t);
}

/* A line takes the place of the next of its name, but not in another message. */
static void test_lines_in_the_plan(void **state)
{
    struct talk t;
    (void)state;
    start(&t);
    play_to(&t, 'C');
    drill_mta_sent(&t.mta, 'M', true);
    assert_next(&t, DRILL_MTA_WAIT, 'M');
    talk_reply(&t, 'c', text(""));
    assert_next(&t, DRILL_MTA_SEND, 'R');
    play_to(&t, 'A');
    drill_mta_sent(&t.mta, 'E', true); /* once more: it is not the second message's */
    talk_reply(&t, 'c', text(""));
    assert_next(&t, DRILL_MTA_SEND, 'A');
    drill_mta_sent(&t.mta, 'M', true); /* the second begins without an ABORT of the first */
    talk_reply(&t, 'c', text(""));
    assert_next(&t, DRILL_MTA_SEND, 'R');
    assert_int_equal(t.mta.cursor.message_number, 2);
    assert_outcome(&t, 1, 'E', 250);
    talk_fini(&t);
}

static void test_pipelined_lines(void **state)
{
    struct talk t;
    char told[200];
    (void)state;
    start(&t);
    t.messages[0].rcpts = 3;
    play_to(&t, 'M');
    for (const char *c = "MRRR"; *c; c++) {
        drill_mta_sent(&t.mta, (uint8_t)*c, true);
    }
    for (const char *c = "crct"; *c; c++) {
        talk_reply(&t, (uint8_t)*c, text(""));
    }
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, "C 220 H 250 M 250 R1 550 R2 250 R3 451");
    assert_next(&t, DRILL_MTA_SEND, 'T');
    drill_mta_sent(&t.mta, 'R', false); /* one that the envelope does not have */
    talk_reply(&t, 'r', text(""));
    assert_int_equal(told_at(&t, 1, 'R', 4)->code, 550);
    assert_next(&t, DRILL_MTA_SEND, 'T');
    play_to(&t, 'A');
    assert_outcome(&t, 1, 'E', 250);
    talk_fini(&t);
}

/* What is answered behind a refusal of the message concerns nobody. */
static void test_answers_behind_a_refusal(void **state)
{
    struct talk t;
    char told[200];
    (void)state;
    start(&t);
    play_to(&t, 'M');
    for (const char *c = "MRT"; *c; c++) {
        drill_mta_sent(&t.mta, (uint8_t)*c, true);
    }
    for (const char *c = "rat"; *c; c++) {
        talk_reply(&t, (uint8_t)*c, text(""));
    }
    assert_next(&t, DRILL_MTA_SEND, 'A');
    play_to(&t, 'Q');
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, "C 220 H 250 M 550* 2:M 250 2:R1 250 2:T 354 2:E 250*");
    talk_fini(&t);
}

static void test_written_abort(void **state)
{
    static const char *const befores = "MRTLNBE";
    (void)state;
    for (const char *before = befores; *before; before++) {
        for (int used = 0; used < 2; used++) {
            struct talk t;
            start(&t);
            play_to(&t, (uint8_t)*before);
            drill_mta_sent(&t.mta, 'A', used);
            if (*before != 'M') {
                assert_outcome(&t, 1, 'A', 0);
                assert_next(&t, DRILL_MTA_SEND, 'M');
                assert_int_equal(t.mta.cursor.message_number, 2);
            } else if (!used) { /* nothing has begun */
                assert_next(&t, DRILL_MTA_SEND, 'M');
                assert_int_equal(t.mta.cursor.message_number, 1);
            }
            play_to(&t, 'Q');
            assert_outcome(&t, 2, 'E', 250);
            talk_fini(&t);
        }
    }
}

/* An ABORT in its place, or a second one, ends no other message. */
static void test_aborts_that_change_nothing(void **state)
{
    struct talk t;
    (void)state;
    start(&t);
    play_to(&t, 'A');
    drill_mta_sent(&t.mta, 'A', true);
    drill_mta_sent(&t.mta, 'A', false);
    assert_next(&t, DRILL_MTA_SEND, 'M');
    assert_int_equal(t.mta.cursor.message_number, 2);
    play_to(&t, 'Q');
    assert_outcome(&t, 1, 'E', 250);
    assert_outcome(&t, 2, 'E', 250);
    talk_fini(&t);
}

/* What comes back for a message that was aborted is not for the next one. */
static void test_an_answer_to_an_aborted_message(void **state)
{
    struct talk t;
    (void)state;
    start(&t);
    play_to(&t, 'E');
    drill_mta_sent(&t.mta, 'E', true);
    drill_mta_sent(&t.mta, 'A', true);
    talk_reply(&t, 'r', text(""));
    assert_outcome(&t, 1, 'A', 0);
    play_to(&t, 'Q');
    assert_outcome(&t, 2, 'E', 250);
    talk_fini(&t);
}

static void test_written_quit_and_quit_nc(void **state)
{
    struct talk t;
    struct drill_envelope third;
    (void)state;
    start(&t);
    third = t.messages[0];
    third.next = NULL;
    t.clients[1].messages = &third;
    t.clients[1].addr = text("192.0.2.9");
    play_to(&t, 'T');
    drill_mta_sent(&t.mta, 'Q', true);
    assert_outcome(&t, 1, 'A', 0);
    assert_outcome(&t, 2, 'A', 0);
    assert_int_equal(now(&t).kind, DRILL_MTA_CLOSE);
    talk_until(&t, 0, 0);
    assert_outcome(&t, 3, 'E', 250);
    drill_arena_fini(&t.arena);

    start(&t);
    t.clients[1].messages = &third;
    assert_int_equal(drill_mail_parse(text("A: b\r\n\r\n"), &t.arena, &third.mail, NULL), DRILL_OK);
    third.rcpt = t.rcpt;
    t.clients[1].addr = text("192.0.2.9");
    play_to(&t, 'Q');
    drill_mta_sent(&t.mta, 'K', false);
    assert_next(&t, DRILL_MTA_SEND, 'C');
    helper_assert_bytes(now(&t).command.str[1], BYTES("192.0.2.9"), "the second client");
    drill_mta_did(&t.mta);
    play_to(&t, 'Q');
    assert_outcome(&t, 1, 'E', 250);
    assert_outcome(&t, 3, 'E', 250);
    drill_mta_sent(&t.mta, 'K', false); /* there is no session behind it */
    assert_next(&t, DRILL_MTA_SEND, 'Q');
    talk_until(&t, 0, 0);
    talk_fini(&t);
}

static void test_we_hang_up_and_open(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    talk_start(&t);
    drill_mta_opened(&t.mta); /* where the plan has one */
    assert_next(&t, DRILL_MTA_SEND, 'O');
    play_to(&t, 'R');
    drill_mta_hung_up(&t.mta);
    assert_outcome(&t, 1, 'A', 0);
    assert_outcome(&t, 2, 'A', 0);
    assert_int_equal(now(&t).kind, DRILL_MTA_DONE);
    drill_mta_opened(&t.mta); /* the last session again */
    assert_next(&t, DRILL_MTA_SEND, 'O');
    talk_until(&t, 0, 0);
    assert_outcome(&t, 1, 'E', 250);
    assert_outcome(&t, 2, 'E', 250);
    assert_int_equal(t.mta.cursor.message_number, 2);
    talk_fini(&t);
}

/* Behind the last verdict nothing is lost when the milter goes. */
static void test_the_milter_goes_at_the_end(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_start(&t);
    play_to(&t, 'A');
    drill_mta_ended(&t.mta, DRILL_END_FIN, 0);
    assert_string_equal(t.mta.log, "");
    assert_outcome(&t, 1, 'E', 250);
    assert_int_equal(now(&t).kind, DRILL_MTA_DONE);
    talk_fini(&t);
}

/* Between two messages it is missed at the next MAIL. */
static void test_the_milter_goes_between_messages(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    talk_start(&t);
    play_to(&t, 'A');
    drill_mta_ended(&t.mta, DRILL_END_FIN, 0);
    assert_outcome(&t, 1, 'E', 250);
    assert_outcome(&t, 2, 'M', 451);
    assert_non_null(strstr(t.mta.log, "can't read SMFIC_MAIL reply packet header"));
    talk_fini(&t);
}

static void test_without_traffic_it_is_done(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    drill_mta_init(&t.mta, t.profile, &t.settings, NULL, &t.arena);
    assert_int_equal(now(&t).kind, DRILL_MTA_DONE);
    drill_mta_did(&t.mta);
    drill_mta_ended(&t.mta, DRILL_END_FIN, 0);
    drill_mta_timed_out(&t.mta);
    drill_mta_sent(&t.mta, 'A', false);
    drill_mta_opened(&t.mta);
    drill_mta_sent(&t.mta, 'K', true);
    talk_fini(&t);
}

static void test_defaults_of_written_lines(void **state)
{
    struct talk t;
    struct drill_message m;
    (void)state;
    talk_init(&t, "postfix");
    talk_start(&t);
    for (int behind = 0; behind < 2; behind++) {
        for (const char *c = "OCHMRLBEU"; *c; c++) {
            assert_true(drill_mta_default(&t.mta, (uint8_t)*c, &m));
        }
        assert_false(drill_mta_default(&t.mta, 'N', &m));
        assert_true(drill_mta_macros(&t.mta, 'U', &m)); /* an empty list */
        assert_int_equal(m.letter, 'U');
        assert_false(drill_mta_macros(&t.mta, 'A', &m));
        talk_until(&t, 0, 0);
    }
    talk_fini(&t);
}

/* Nothing is taken from the arena for a frame. */
static void test_frames_need_no_memory(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_start(&t);
    play_to(&t, 'L');
    uint8_t *before = drill_arena_take(&t.arena, 1);
    play_to(&t, 'E');
    uint8_t *after = drill_arena_take(&t.arena, 1);
    assert_int_equal((size_t)(after - before), sizeof(max_align_t));
    talk_fini(&t);
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    struct talk t;
    static uint8_t big[5000];
    const char *verdicts = ctx;
    bool good = true;
    memset(&t, 0, sizeof(t));
    drill_arena_init(&t.arena, alloc, 0);
    t.profile = drill_profile_find(DRILL_SIDE_MTA, text("postfix"));
    t.profile->defaults(&t.settings);
    t.rcpt[0] = text("<bob@example.com>");
    memset(big, 'a', sizeof(big));
    for (size_t i = 0; i < 2 && good; i++) {
        t.messages[i].from = text("<a@b>");
        t.messages[i].rcpt = t.rcpt;
        t.messages[i].rcpts = 1;
        good = drill_mail_default(t.messages[i].from, t.rcpt[0], &t.arena, &t.messages[i].mail) ==
                   DRILL_OK &&
               drill_mail_finish(&t.messages[i].mail, &t.arena) == DRILL_OK;
    }
    t.clients[0].messages = &t.messages[0];
    t.clients[0].auth = drill_span_of(big, sizeof(big));
    talk_two(&t);
    if (good) {
        talk_start(&t);
        for (int i = 0; i < 500 && now(&t).kind != DRILL_MTA_DONE; i++) {
            struct drill_mta_step step = now(&t);
            if (step.kind != DRILL_MTA_WAIT) {
                drill_mta_did(&t.mta);
            } else if (step.awaited == 'O') {
                talk_reply(&t, 'O', BYTES("\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\3i\0"));
            } else if (step.awaited == 'E') {
                talk_reply(&t, 'b', drill_span_of(big, 4000));
                talk_reply(&t, (uint8_t)*verdicts, text(*verdicts == 'y' ? "550 no" : ""));
            } else {
                talk_reply(&t, 'c', text(""));
            }
        }
        good = !t.mta.no_memory;
    }
    drill_arena_fini(&t.arena);
    return good;
}

static void test_each_allocation_may_fail(void **state)
{
    char accept[] = "a", code[] = "y";
    (void)state;
    helper_every_alloc(every_allocation, accept);
    helper_every_alloc(every_allocation, code);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_plan_runs_ahead),
        cmocka_unit_test(test_lines_in_the_plan),
        cmocka_unit_test(test_pipelined_lines),
        cmocka_unit_test(test_answers_behind_a_refusal),
        cmocka_unit_test(test_written_abort),
        cmocka_unit_test(test_aborts_that_change_nothing),
        cmocka_unit_test(test_an_answer_to_an_aborted_message),
        cmocka_unit_test(test_written_quit_and_quit_nc),
        cmocka_unit_test(test_we_hang_up_and_open),
        cmocka_unit_test(test_the_milter_goes_at_the_end),
        cmocka_unit_test(test_the_milter_goes_between_messages),
        cmocka_unit_test(test_without_traffic_it_is_done),
        cmocka_unit_test(test_defaults_of_written_lines),
        cmocka_unit_test(test_frames_need_no_memory),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
