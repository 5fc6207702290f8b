/* SPDX-License-Identifier: MIT */
/* What the autopilot keeps of modifications for those who apply them. */
#include <stdlib.h>

#include "session/apply.h"
#include "talk_stalwart.h"

static void begin(struct talk *t)
{
    talk_init(t);
    talk_start(t);
    talk_until(t, 'E', 0);
}

static struct drill_applied applied(struct talk *t)
{
    struct drill_applied a;
    assert_int_equal(drill_apply_mta(&t->mta, 1, &t->arena, &a), DRILL_OK);
    return a;
}

static void test_a_played_message(void **state)
{
    struct talk t;
    (void)state;
    begin(&t);
    talk_reply(&t, 'h', BYTES("X-N\0N\0"));
    talk_reply(&t, '+', BYTES("dave@example.com\0"));
    talk_reply(&t, 'c', BYTES(""));
    talk_until(&t, 0, 0);
    struct drill_applied a = applied(&t);
    assert_int_equal(a.disposition, DRILL_DISPOSE_DELIVER);
    helper_assert_bytes(a.mail.raw, BYTES("X-N: N\r\nSubject: Hi\r\n\r\nHello.\r\n"), "message");
    assert_int_equal(a.rcpts, 2);
    assert_int_equal(t.mta.mods->command, 'E');
    talk_fini(&t);
}

static void test_no_outcome_no_message(void **state)
{
    struct talk t;
    struct drill_applied a;
    (void)state;
    begin(&t);
    assert_int_equal(drill_apply_mta(&t.mta, 1, &t.arena, &a), DRILL_ERR_NOTFOUND);
    talk_reply(&t, 'c', BYTES(""));
    talk_until(&t, 0, 0);
    assert_int_equal(drill_apply_mta(&t.mta, 2, &t.arena, &a), DRILL_ERR_NOTFOUND);
    talk_fini(&t);
}

static void test_refused_and_discarded(void **state)
{
    static const struct {
        char code;
        enum drill_disposition want;
    } rows[] = {{'c', DRILL_DISPOSE_DELIVER},
                {'r', DRILL_DISPOSE_REFUSE},
                {'t', DRILL_DISPOSE_REFUSE},
                {'d', DRILL_DISPOSE_DISCARD}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (const char *stop = "ME"; *stop; stop++) {
            struct talk t;
            talk_init(&t);
            talk_start(&t);
            talk_until(&t, (uint8_t)*stop, 0);
            talk_reply(&t, (uint8_t)rows[i].code, BYTES(""));
            talk_until(&t, 0, 0);
            assert_int_equal(applied(&t).disposition, rows[i].want);
            talk_fini(&t);
        }
    }
}

static void test_a_milter_that_fails_leaves_no_trace(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_set(&t, "tempFailOnError", "false");
    talk_start(&t);
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'h', BYTES("X-N\0N\0"));
    drill_mta_ended(&t.mta, DRILL_END_RST, 104);
    talk_until(&t, 0, 0);
    struct drill_applied a = applied(&t);
    assert_true(t.mta.mods->failed);
    assert_int_equal(a.disposition, DRILL_DISPOSE_DELIVER);
    helper_assert_bytes(a.mail.raw, BYTES("Subject: Hi\r\n\r\nHello.\r\n"), "message");
    talk_fini(&t);
}

/* ---- limits ---- */

static void test_a_large_body_is_kept_whole(void **state)
{
    enum { CHUNK = 65535, CHUNKS = 40 };
    struct talk t;
    uint8_t *chunk = malloc(CHUNK);
    (void)state;
    assert_non_null(chunk);
    begin(&t);
    for (int i = 0; i < CHUNKS; i++) {
        memset(chunk, 'a' + i % 26, CHUNK);
        talk_reply(&t, 'b', drill_span_of(chunk, CHUNK));
    }
    talk_reply(&t, 'c', BYTES(""));
    talk_until(&t, 0, 0);
    struct drill_applied a = applied(&t);
    assert_false(a.cut);
    assert_int_equal(a.mail.body.len, (size_t)CHUNK * CHUNKS);
    assert_int_equal(a.mail.body.ptr[CHUNK], 'b');
    free(chunk);
    talk_fini(&t);
}

static void test_what_is_kept_has_a_limit(void **state)
{
    enum { CHUNK = 1 << 20 };
    struct talk t;
    uint8_t *chunk = calloc(1, CHUNK);
    (void)state;
    assert_non_null(chunk);
    begin(&t);
    for (int i = 0; i < 20; i++) {
        talk_reply(&t, 'b', drill_span_of(chunk, CHUNK - 1));
    }
    talk_reply(&t, 'd', BYTES("")); /* noted all the same */
    talk_until(&t, 0, 0);
    struct drill_applied a = applied(&t);
    assert_true(a.cut);
    assert_int_equal(a.mail.body.len, DRILL_MTA_MODS_MESSAGE);
    assert_int_equal(a.disposition, DRILL_DISPOSE_DISCARD);
    free(chunk);
    talk_fini(&t);
}

static void test_how_many_are_kept_has_a_limit(void **state)
{
    struct talk t;
    (void)state;
    begin(&t);
    for (int i = 0; i < DRILL_MTA_MODS_COUNT + 10; i++) {
        talk_reply(&t, 'h', BYTES("X-N\0N\0"));
        talk_reply(&t, 'b', BYTES(""));
    }
    talk_reply(&t, 'c', BYTES(""));
    talk_until(&t, 0, 0);
    struct drill_applied a = applied(&t);
    size_t count = 0;
    for (const struct drill_mod *m = t.mta.mods; m; m = m->next) {
        count++;
    }
    assert_int_equal(count, DRILL_MTA_MODS_COUNT);
    assert_true(a.cut);
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_played_message),
        cmocka_unit_test(test_no_outcome_no_message),
        cmocka_unit_test(test_refused_and_discarded),
        cmocka_unit_test(test_a_milter_that_fails_leaves_no_trace),
        cmocka_unit_test(test_a_large_body_is_kept_whole),
        cmocka_unit_test(test_what_is_kept_has_a_limit),
        cmocka_unit_test(test_how_many_are_kept_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
