/* SPDX-License-Identifier: MIT */
/* Copies of `concurrently` blocks as runners that share a `meet`, with no transport beneath. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "helper_alloc.h"
#include "scenario/parse.h"
#include "scenario/run.h"

enum { COPIES = 3, PATIENCE = 1000000 };

struct crowd {
    struct drill_arena arena;
    const struct drill_file *file;
    struct drill_settings settings;
    struct drill_meet meet;
    struct drill_run *run[COPIES];
    size_t count;
    unsigned woken;
};

static void wake(void *ctx)
{
    struct crowd *c = ctx;
    c->woken++;
}

/* n copies of the first block, one of the second if there is one, as the milter. */
static void crowd_open(struct crowd *c, const char *blocks, const struct drill_alloc *alloc)
{
    struct drill_errors errors = {.count = 0};
    char text[600];
    memset(c, 0, sizeof(*c));
    drill_arena_init(&c->arena, NULL, 0);
    (void)snprintf(text, sizeof(text), "drill 1 \"a\"\n%s\n", blocks);
    c->file = drill_parse(drill_span_str(text), "a.drill", NULL, &c->arena, &errors);
    assert_non_null(c->file);
    const struct drill_step *step = c->file->body.steps;
    c->settings.pace_original = false;
    c->meet.wake = wake;
    c->meet.ctx = c;
    for (size_t i = 0; i < step->count + step->count2; i++) {
        struct drill_run_config config = {0};
        config.file = c->file;
        config.body = i < step->count ? &step->block : &step->block2;
        config.meet = &c->meet;
        config.lean = true;
        config.ours = DRILL_SIDE_MILTER;
        config.profile = drill_profile_find(DRILL_SIDE_MILTER, drill_span_str("libmilter"));
        config.settings = &c->settings;
        config.patience = PATIENCE;
        c->run[c->count++] = drill_run_new(&config, alloc);
    }
}

static void crowd_close(struct crowd *c)
{
    c->meet.wake = NULL;
    for (size_t i = 0; i < c->count; i++) {
        drill_run_free(c->run[i]);
    }
    assert_int_equal(c->meet.members, 0);
    assert_int_equal(c->meet.arrived, 0);
    drill_arena_fini(&c->arena);
}

static enum drill_wish_kind ask(struct crowd *c, size_t at, uint64_t now, struct drill_wish *wish)
{
    drill_run_wish(c->run[at], now, wish);
    return wish->kind;
}

/* What it wants is to wait for nothing but the others. */
static void assert_waits(struct crowd *c, size_t at)
{
    struct drill_wish wish;
    assert_int_equal(ask(c, at, 50 * (uint64_t)PATIENCE, &wish), DRILL_WISH_IO);
    assert_true(wish.until == DRILL_NEVER);
    assert_int_equal(drill_run_result(c->run[at]), DRILL_RESULT_RUNNING);
}

static void assert_opens(struct crowd *c, size_t at)
{
    struct drill_wish wish;
    assert_int_equal(ask(c, at, 50 * (uint64_t)PATIENCE, &wish), DRILL_WISH_OPEN);
}

static void test_the_last_wakes_all(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 2 {\nmeet\n> open\n} and 1 {\nmeet\n> open\n}", NULL);
    assert_int_equal(c.meet.members, 3);
    assert_waits(&c, 0);
    assert_waits(&c, 2);
    assert_waits(&c, 0);
    assert_int_equal(c.woken, 0);
    assert_opens(&c, 1);
    assert_int_equal(c.woken, 1);
    assert_opens(&c, 0);
    assert_opens(&c, 2);
    crowd_close(&c);
}

static void test_who_is_over_is_not_waited_for(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 2 {\nmeet\n> open\n} and 1 {\n> open\nmeet\n}", NULL);
    assert_waits(&c, 0);
    assert_waits(&c, 1);
    drill_run_stop(c.run[2], "enough");
    assert_int_equal(drill_run_result(c.run[2]), DRILL_RESULT_FAIL);
    assert_string_equal(drill_run_report(c.run[2])->what, "enough");
    assert_int_equal(c.woken, 1);
    assert_opens(&c, 0);
    assert_opens(&c, 1);
    crowd_close(&c);
}

static void test_who_was_waiting_can_go(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 3 {\nmeet\n> open\n}", NULL);
    assert_waits(&c, 0);
    assert_waits(&c, 1);
    drill_run_stop(c.run[1], "enough");
    assert_string_equal(drill_run_report(c.run[1])->expected, "meet");
    assert_int_equal(c.meet.arrived, 1);
    assert_waits(&c, 0);
    assert_opens(&c, 2);
    assert_opens(&c, 0);
    crowd_close(&c);
}

/* The second time only those meet that have a second `meet`; who is quick waits for who is slow. */
static void test_rounds(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 2 {\nrepeat 2 {\nmeet\n}\n> open\n} and 1 {\nmeet\n> open\n}",
               NULL);
    assert_waits(&c, 0);
    assert_waits(&c, 1);
    assert_opens(&c, 2);
    assert_int_equal(c.meet.round, 1);
    assert_waits(&c, 0); /* in the second one; 1 has not yet been asked since */
    assert_int_equal(c.meet.round, 1);
    assert_opens(&c, 1);
    assert_opens(&c, 0);
    assert_int_equal(c.meet.round, 2);
    assert_int_equal(c.meet.members, 0);
    crowd_close(&c);
}

static void test_again(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 2 {\nmeet\n> open\n}", NULL);
    assert_waits(&c, 0);
    drill_run_again(c.run[0]);
    assert_int_equal(c.meet.arrived, 0);
    assert_int_equal(c.meet.members, 2);
    assert_waits(&c, 0);
    assert_opens(&c, 1);
    assert_opens(&c, 0);
    crowd_close(&c);
}

/* Alone (simulated, or played by another command) nobody is waited for. */
static void test_alone(void **state)
{
    (void)state;
    struct crowd c;
    crowd_open(&c, "concurrently 1 {\n> open\nmeet\nmeet\n> open\n}", NULL);
    assert_opens(&c, 0);
    crowd_close(&c);
}

static bool meet_once(void *ctx, const struct drill_alloc *alloc)
{
    struct crowd c;
    struct drill_wish wish;
    (void)ctx;
    crowd_open(&c, "concurrently 2 {\nmeet\n> open\n}", alloc);
    bool ok = c.run[0] && c.run[1];
    for (size_t i = 0; ok && i < c.count; i++) {
        (void)ask(&c, i, 0, &wish);
        drill_run_stop(c.run[i], "enough");
        ok = drill_run_result(c.run[i]) == DRILL_RESULT_FAIL;
        assert_true(ok || drill_run_result(c.run[i]) == DRILL_RESULT_ERROR);
        assert_int_equal(drill_run_report(c.run[i])->result, drill_run_result(c.run[i]));
    }
    crowd_close(&c);
    return ok;
}

static void test_no_memory(void **state)
{
    (void)state;
    helper_every_alloc(meet_once, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_wakes_all),
        cmocka_unit_test(test_who_is_over_is_not_waited_for),
        cmocka_unit_test(test_who_was_waiting_can_go),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
