/* SPDX-License-Identifier: MIT */
/* The MTA's autopilot: its cursor, its plan, written lines, and connections. Profile: stalwart. */
#include <stdio.h>
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "session/mta.h"

struct play {
    struct drill_arena arena;
    struct drill_client clients[2];
    struct drill_envelope messages[3]; /* two of the first client, one of the second */
    struct drill_span rcpt[2];
    struct drill_settings settings;
    struct drill_mta mta;
};

static struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

static const struct drill_profile *stalwart(void)
{
    return drill_profile_find(DRILL_SIDE_MTA, text("stalwart"));
}

static bool play_traffic(struct play *p)
{
    bool good = true;
    for (size_t i = 0; i < 3; i++) {
        struct drill_envelope *m = &p->messages[i];
        m->from = text("<alice@example.org>");
        m->rcpt = p->rcpt;
        m->rcpts = 2;
        good &= drill_mail_default(m->from, p->rcpt[0], &p->arena, &m->mail) == DRILL_OK;
        good &= good && drill_mail_finish(&m->mail, &p->arena) == DRILL_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        p->clients[i].family = DRILL_FAMILY_INET;
        p->clients[i].addr = text(i ? "192.0.2.2" : "192.0.2.1");
        p->clients[i].helo = text("client.example");
        p->clients[i].messages = &p->messages[i * 2];
    }
    p->messages[0].next = &p->messages[1];
    p->clients[0].next = &p->clients[1];
    return good;
}

static void play_init(struct play *p)
{
    memset(p, 0, sizeof(*p));
    drill_arena_init(&p->arena, NULL, 0);
    p->rcpt[0] = text("<bob@example.com>");
    p->rcpt[1] = text("<carol@example.com>");
    assert_true(play_traffic(p));
    stalwart()->defaults(&p->settings);
    drill_mta_init(&p->mta, stalwart(), &p->settings, p->clients, &p->arena);
}

static void reply(struct play *p, uint8_t code)
{
    struct drill_message m;
    (void)drill_message_decode(DRILL_TO_MTA, code,
                               code == 'O' ? BYTES("\0\0\0\6\0\0\0\0\0\0\0\0") : BYTES(""), &m);
    drill_mta_got(&p->mta, &m, code == 'O' ? 12 : 0);
}

static struct drill_mta_step now(struct play *p)
{
    struct drill_mta_step step;
    drill_mta_peek(&p->mta, &step);
    return step;
}

/* Plays on until the command stands next; the replies are `continue`. */
static void play_to(struct play *p, uint8_t code)
{
    for (int i = 0; i < 200; i++) {
        struct drill_mta_step step = now(p);
        assert_int_not_equal(step.kind, DRILL_MTA_DONE);
        if (step.kind == DRILL_MTA_WAIT) {
            reply(p, step.awaited == 'O' ? 'O' : 'c');
        } else if (step.kind == DRILL_MTA_SEND && step.command.code == code) {
            return;
        } else {
            drill_mta_did(&p->mta);
        }
    }
    fail();
}

static void play_out(struct play *p)
{
    for (struct drill_mta_step step = now(p); step.kind != DRILL_MTA_DONE; step = now(p)) {
        if (step.kind == DRILL_MTA_WAIT) {
            reply(p, step.awaited == 'O' ? 'O' : 'c');
        } else {
            drill_mta_did(&p->mta);
        }
    }
}

static void assert_sends(struct play *p, uint8_t code)
{
    struct drill_mta_step step = now(p);
    assert_int_equal(step.kind, DRILL_MTA_SEND);
    assert_int_equal(step.command.code, code);
}

static void assert_waits(struct play *p, uint8_t code)
{
    struct drill_mta_step step = now(p);
    assert_int_equal(step.kind, DRILL_MTA_WAIT);
    assert_int_equal(step.awaited, code);
}

static void assert_outcome(struct play *p, uint32_t number, uint8_t stage, uint16_t code)
{
    const struct drill_told *told = drill_mta_outcome(&p->mta, number);
    assert_non_null(told);
    assert_int_equal(told->stage, stage);
    assert_int_equal(told->code, code);
}

/* ---- tests ---- */

static void test_plays_all_sessions(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_out(&p);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_outcome(&p, i, 'E', 250);
    }
    assert_null(drill_mta_outcome(&p.mta, 4));
    assert_int_equal(p.mta.cursor.client_number, 2);
    drill_arena_fini(&p.arena);
}

static void test_without_traffic_it_is_done(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    drill_mta_init(&p.mta, stalwart(), &p.settings, NULL, &p.arena);
    assert_int_equal(now(&p).kind, DRILL_MTA_DONE);
    drill_mta_did(&p.mta);
    drill_mta_ended(&p.mta, DRILL_END_FIN, 0);
    drill_mta_timed_out(&p.mta);
    drill_mta_opened(&p.mta);
    drill_arena_fini(&p.arena);
}

/* The plan shows everything to the end and disturbs nothing. */
static void test_plan_runs_ahead(void **state)
{
    struct play p;
    struct drill_mta_step step, first;
    char all[200] = "";
    (void)state;
    play_init(&p);
    play_to(&p, 'R');
    first = now(&p);
    struct drill_mta_cursor cursor = p.mta.cursor;
    while (drill_mta_plan(&p.mta, &cursor, &step)) {
        char one[2] = {(char)step.command.code, '\0'};
        assert_int_not_equal(step.kind, DRILL_MTA_WAIT);
        strncat(all,
                step.kind == DRILL_MTA_OPEN    ? "+"
                : step.kind == DRILL_MTA_CLOSE ? "-"
                                               : one,
                1);
    }
    assert_string_equal(all, "RRTLLLNBEQ-+OCHMRRTLLLNBEQ-+OCHMRRTLLLNBEQ-");
    helper_assert_bytes(first.command.str[0], BYTES("<bob@example.com>"), "peeked before");
    helper_assert_bytes(first.macro.rest, BYTES("{rcpt_addr}\0bob@example.com\0"), "macro");
    assert_sends(&p, 'R');
    assert_null(drill_mta_outcome(&p.mta, 1));
    drill_arena_fini(&p.arena);
}

static void test_written_line_takes_its_place_in_the_plan(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'C');
    drill_mta_sent(&p.mta, 'M', true); /* CONNECT and HELO are not sent any more */
    assert_waits(&p, 'M');
    reply(&p, 'c');
    assert_sends(&p, 'R');
    drill_mta_sent(&p.mta, 'L', true);
    reply(&p, 'c');
    assert_sends(&p, 'L');              /* the second header */
    drill_mta_sent(&p.mta, 'L', false); /* one more of them */
    assert_waits(&p, 'L');
    reply(&p, 'c');
    assert_sends(&p, 'L');
    helper_assert_bytes(now(&p).command.str[0], BYTES("To"), "the second header still");
    drill_arena_fini(&p.arena);
}

static void test_pipelined_lines_are_answered_in_order(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'M');
    drill_mta_sent(&p.mta, 'M', true);
    drill_mta_sent(&p.mta, 'R', true);
    drill_mta_sent(&p.mta, 'R', true);
    assert_int_equal(p.mta.owed, 3);
    assert_waits(&p, 'M');
    reply(&p, 'c');
    assert_waits(&p, 'R');
    reply(&p, 'c');
    reply(&p, 'c');
    assert_sends(&p, 'T');
    for (int i = 0; i < 200; i++) {
        drill_mta_sent(&p.mta, 'U', false);
    }
    assert_int_equal(p.mta.owed, 200);
    for (int i = 0; i < 200; i++) {
        assert_waits(&p, 'U');
        reply(&p, 'c');
    }
    assert_sends(&p, 'T');
    drill_arena_fini(&p.arena);
}

/* A reply to nothing stays in its buffer and is taken for the answer to the next command. */
static void test_early_replies_shift_all_others(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'M');
    drill_mta_did(&p.mta);
    reply(&p, 'c');
    reply(&p, 'r'); /* nobody asked */
    assert_sends(&p, 'R');
    drill_mta_did(&p.mta);
    assert_outcome(&p, 1, 'E', 503);
    assert_int_equal(now(&p).kind, DRILL_MTA_CLOSE);
    for (int i = 0; i < 5000; i++) {
        reply(&p, 'c');
    }
    assert_true(p.mta.earlies <= 1024);
    drill_arena_fini(&p.arena);
}

static void test_written_abort_quit_and_quit_nc(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'T');
    drill_mta_sent(&p.mta, 'A', false);
    assert_outcome(&p, 1, 'A', 0);
    assert_sends(&p, 'Q');
    play_to(&p, 'C');
    assert_int_equal(p.mta.cursor.message_number, 2);
    drill_mta_sent(&p.mta, 'Q', false);
    assert_outcome(&p, 2, 'A', 0);
    assert_int_equal(now(&p).kind, DRILL_MTA_CLOSE);
    play_out(&p);
    assert_outcome(&p, 3, 'E', 250);
    drill_arena_fini(&p.arena);

    play_init(&p);
    play_to(&p, 'Q'); /* message 1 is done; 2 is given up */
    drill_mta_sent(&p.mta, 'K', false);
    assert_sends(&p, 'C');
    assert_int_equal(p.mta.cursor.client_number, 2);
    helper_assert_bytes(now(&p).command.str[1], BYTES("192.0.2.2"), "the second client");
    assert_outcome(&p, 1, 'E', 250);
    assert_outcome(&p, 2, 'A', 0);
    play_out(&p);
    assert_outcome(&p, 3, 'E', 250);
    drill_arena_fini(&p.arena);

    play_init(&p);
    play_to(&p, 'Q');
    drill_mta_did(&p.mta);
    drill_mta_did(&p.mta);
    play_to(&p, 'Q');
    drill_mta_did(&p.mta);
    drill_mta_did(&p.mta);
    play_to(&p, 'Q');
    drill_mta_sent(&p.mta, 'K', false); /* there is no session behind it */
    play_out(&p);
    assert_outcome(&p, 3, 'E', 250);
    drill_arena_fini(&p.arena);
}

/* Without an E in the plan a written one is answered for the message all the same. */
static void test_written_bodyeob_is_the_end(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'T');
    drill_mta_sent(&p.mta, 'E', false);
    assert_waits(&p, 'E');
    reply(&p, 'r');
    assert_outcome(&p, 1, 'E', 503);
    drill_arena_fini(&p.arena);
}

/* What comes back for lines behind the verdict does not change what the client was told. */
static void test_the_client_is_told_once(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'Q');
    assert_outcome(&p, 1, 'E', 250);
    drill_mta_sent(&p.mta, 'M', false);
    reply(&p, 'r');
    assert_outcome(&p, 1, 'E', 250);
    assert_int_equal(now(&p).kind, DRILL_MTA_CLOSE);
    drill_arena_fini(&p.arena);
}

static void test_we_hang_up(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    play_to(&p, 'R');
    drill_mta_hung_up(&p.mta);
    assert_outcome(&p, 1, 'A', 0);
    assert_int_equal(now(&p).kind, DRILL_MTA_OPEN);
    play_to(&p, 'Q');
    drill_mta_hung_up(&p.mta); /* after the verdict: nothing is lost */
    assert_outcome(&p, 2, 'E', 250);
    drill_arena_fini(&p.arena);
}

static void test_written_open(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    drill_mta_opened(&p.mta); /* where the plan has one */
    assert_sends(&p, 'O');
    assert_int_equal(p.mta.cursor.message_number, 1);
    play_to(&p, 'R');
    drill_mta_opened(&p.mta); /* ends the connection that stands */
    assert_outcome(&p, 1, 'A', 0);
    assert_int_equal(p.mta.cursor.message_number, 2);
    assert_sends(&p, 'O');
    play_out(&p);
    drill_mta_opened(&p.mta); /* behind the end: the last session again */
    assert_int_equal(p.mta.cursor.client_number, 2);
    assert_int_equal(p.mta.cursor.message_number, 3);
    play_to(&p, 'R');
    drill_mta_did(&p.mta);
    reply(&p, 't');
    assert_outcome(&p, 3, 'E', 451); /* the last one counts */
    play_out(&p);
    assert_int_equal(now(&p).kind, DRILL_MTA_DONE);
    drill_arena_fini(&p.arena);
}

static void test_refused_and_timed_out_connections(void **state)
{
    struct play p;
    (void)state;
    play_init(&p);
    drill_mta_ended(&p.mta, DRILL_END_REFUSED, 111);
    assert_outcome(&p, 1, 'E', 451);
    assert_int_equal(now(&p).kind, DRILL_MTA_OPEN);
    drill_mta_timed_out(&p.mta);
    assert_outcome(&p, 2, 'E', 451);
    play_to(&p, 'R');
    drill_mta_did(&p.mta);
    drill_mta_timed_out(&p.mta);
    assert_outcome(&p, 3, 'E', 451);
    assert_int_equal(now(&p).kind, DRILL_MTA_CLOSE);
    drill_mta_did(&p.mta);
    assert_int_equal(now(&p).kind, DRILL_MTA_DONE);
    drill_arena_fini(&p.arena);
}

static void test_defaults_and_macros_for_written_lines(void **state)
{
    struct play p;
    struct drill_message m, macro;
    (void)state;
    play_init(&p);
    play_to(&p, 'R');
    drill_mta_did(&p.mta);
    reply(&p, 'c');
    assert_true(drill_mta_default(&p.mta, 'R', &m));
    assert_true(drill_mta_macros(&p.mta, 'C', &macro));
    helper_assert_bytes(m.str[0], BYTES("<carol@example.com>"), "the next recipient");
    assert_true(drill_mta_macros(&p.mta, 'R', &macro));
    helper_assert_bytes(macro.rest, BYTES("{rcpt_addr}\0carol@example.com\0"), "its macro");
    assert_int_equal(macro.letter, 'R');
    assert_true(drill_mta_default(&p.mta, 'L', &m));
    helper_assert_bytes(m.str[0], BYTES("From"), "the first header");
    assert_true(drill_mta_default(&p.mta, 'U', &m));
    helper_assert_bytes(m.str[0], BYTES("XDRILL"), "unknown");
    assert_true(drill_mta_default(&p.mta, 'O', &m));
    assert_int_equal(m.number[2], 0x42);
    assert_false(drill_mta_default(&p.mta, 'N', &m));
    assert_false(drill_mta_default(&p.mta, 'Z', &m));
    assert_false(drill_mta_macros(&p.mta, 'L', &macro));
    p.settings.macros_none = true;
    assert_false(drill_mta_macros(&p.mta, 'R', &macro));
    assert_false(now(&p).has_macro);
    play_out(&p);
    assert_true(drill_mta_default(&p.mta, 'R', &m)); /* behind the end too */
    assert_true(drill_mta_default(&p.mta, 'B', &m));
    assert_true(drill_mta_default(&p.mta, 'C', &m));
    drill_arena_fini(&p.arena);
}

/* Nothing is taken from the arena for a frame. */
static void test_frames_need_no_memory(void **state)
{
    struct play p;
    size_t used = 0;
    (void)state;
    play_init(&p);
    play_to(&p, 'M');
    uint8_t *before = drill_arena_take(&p.arena, 1);
    play_to(&p, 'E');
    uint8_t *after = drill_arena_take(&p.arena, 1);
    used = (size_t)(after - before);
    assert_int_equal(used, sizeof(max_align_t));
    drill_arena_fini(&p.arena);
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    struct play p;
    (void)ctx;
    memset(&p, 0, sizeof(p));
    drill_arena_init(&p.arena, alloc, 0);
    p.rcpt[0] = text("<bob@example.com>");
    p.rcpt[1] = text("<carol@example.com>");
    static uint8_t big[5000];
    memset(big, 'a', sizeof(big));
    bool good = play_traffic(&p);
    p.clients[0].auth = drill_span_of(big, sizeof(big));
    stalwart()->defaults(&p.settings);
    p.settings.stages = 63;
    if (good) {
        drill_mta_init(&p.mta, stalwart(), &p.settings, p.clients, &p.arena);
        for (int i = 0; i < 2000 && now(&p).kind != DRILL_MTA_DONE; i++) {
            struct drill_mta_step step = now(&p);
            if (step.kind == DRILL_MTA_WAIT) {
                struct drill_message m;
                struct drill_span mod = drill_span_of(big, 4000);
                if (step.awaited == 'E') {
                    (void)drill_message_decode(DRILL_TO_MTA, 'b', mod, &m);
                    drill_mta_got(&p.mta, &m, 4000);
                }
                reply(&p, step.awaited == 'O' ? 'O' : 'c');
            } else {
                drill_mta_did(&p.mta);
            }
        }
        good = !p.mta.no_memory;
    }
    drill_arena_fini(&p.arena);
    return good;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    helper_every_alloc(every_allocation, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plays_all_sessions),
        cmocka_unit_test(test_without_traffic_it_is_done),
        cmocka_unit_test(test_plan_runs_ahead),
        cmocka_unit_test(test_written_line_takes_its_place_in_the_plan),
        cmocka_unit_test(test_pipelined_lines_are_answered_in_order),
        cmocka_unit_test(test_early_replies_shift_all_others),
        cmocka_unit_test(test_written_abort_quit_and_quit_nc),
        cmocka_unit_test(test_written_bodyeob_is_the_end),
        cmocka_unit_test(test_the_client_is_told_once),
        cmocka_unit_test(test_we_hang_up),
        cmocka_unit_test(test_written_open),
        cmocka_unit_test(test_refused_and_timed_out_connections),
        cmocka_unit_test(test_defaults_and_macros_for_written_lines),
        cmocka_unit_test(test_frames_need_no_memory),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
