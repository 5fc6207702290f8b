/* SPDX-License-Identifier: MIT */
/* Two scripted runners in the simulator: what each is told, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sim/sim.h"
#include "tests/stub_run.h"

struct play {
    const char *mta;
    const char *milter;
    const char *mta_log;
    const char *milter_log;
    uint64_t now;
    enum drill_sim_result result;
};

static const struct play plays[] = {
    {"o s5 r7 d", "o r5 s7 e", "opened", "opened FIN/0", 0, DRILL_SIM_OK},
    {"o d o d", "o e o e", "opened opened", "opened FIN/0 opened FIN/0", 0, DRILL_SIM_OK},
    /* closing: over unread input it is an RST, without it a FIN */
    {"o s5 e", "o w1 c", "opened FIN/0", "opened tick", 1, DRILL_SIM_OK},
    {"o s5 e", "o q1 c", "opened RST/104", "opened tick", 1, DRILL_SIM_OK},
    {"o s5 e", "o q1 d", "opened FIN/0", "opened tick", 1, DRILL_SIM_OK},
    {"o e", "o x", "opened RST/104", "opened", 0, DRILL_SIM_OK},
    {"o h e", "o e", "opened FIN/0", "opened FIN/0", 0, DRILL_SIM_OK},
    {"o h r5 d", "o q1 t5 e", "opened", "opened tick FIN/0", 1, DRILL_SIM_OK},
    /* what was queued before the RST is read first */
    {"o q2 r5 e", "o s5 x", "opened tick RST/104", "opened", 2, DRILL_SIM_OK},
    /* a write after a FIN succeeds, the next one is EPIPE */
    {"o q2 t5 t5 e", "o c", "opened tick write:EPIPE/32", "opened", 2, DRILL_SIM_OK},
    /* the error of the write counts, and what is readable comes before it */
    {"o q2 s5 r5 e", "o s5 q1 x", "opened tick RST/104", "opened tick", 2, DRILL_SIM_OK},
    {"o t9000000 e", "o q1 x", "opened write:RST/104", "opened tick", 1, DRILL_SIM_OK},
    {"o t9000000 d", "o r9000000 e", "opened", "opened FIN/0", 0, DRILL_SIM_OK},
    /* refusing: the next attempt only, even when the milter wants another one at once */
    {"o o d", "f o e", "refused/111 opened", "opened FIN/0", 0, DRILL_SIM_OK},
    {"o d o o d", "o e f o e", "opened refused/111 opened", "opened FIN/0 opened FIN/0", 0,
     DRILL_SIM_OK},
    {"o", "", "refused/111", "", 0, DRILL_SIM_OK},
    {"w5 o", "f", "tick refused/111", "", 5, DRILL_SIM_OK},
    /* a connection waits its turn, with its bytes; nobody will take it when the milter has gone */
    {"o s5 d o s6 d", "q9 o r5 e o r6 e", "opened opened", "tick opened FIN/0 opened FIN/0", 9,
     DRILL_SIM_OK},
    {"o s5 e", "w9", "opened RST/104", "tick", 9, DRILL_SIM_OK},
    {"o x", "w9 o e", "opened", "tick opened RST/104", 9, DRILL_SIM_OK},
    /* waiting costs nothing and ends in order */
    {"o w60000000 s5 e", "o r5 w1 c", "opened tick FIN/0", "opened tick", 60000001, DRILL_SIM_OK},
    {"o d", "o e o", "opened", "opened FIN/0 stuck", 0, DRILL_SIM_OK},
    {"o r5", "o r5", "opened stuck", "opened stuck", 0, DRILL_SIM_STUCK},
    {"o w90000000000", "o e", "opened stuck", "opened stuck", 0, DRILL_SIM_STUCK},
    {"o kkkkkk d", "o e", "opened tick tick tick tick tick tick", "opened FIN/0", 0, DRILL_SIM_OK},
};

static void play(struct drill_sim *sim, const struct play *p, size_t window)
{
    struct drill_run mta;
    struct drill_run milter;
    struct drill_sim_config config = {.mta = &mta, .milter = &milter, .window = window};
    stub_init(&mta, p->mta);
    stub_init(&milter, p->milter);
    enum drill_sim_result result = drill_sim_play(sim, &config);
    if (strcmp(mta.log, p->mta_log) != 0 || strcmp(milter.log, p->milter_log) != 0) {
        fail_msg("\"%s\" saw \"%s\", \"%s\" saw \"%s\"", p->mta, mta.log, p->milter, milter.log);
    }
    assert_int_equal(drill_sim_now(sim), p->now);
    assert_int_equal(result, p->result);
    assert_true(mta.done && milter.done);
}

static void test_plays(void **state)
{
    struct drill_sim *sim = drill_sim_new(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof(plays) / sizeof(*plays); i++) {
        play(sim, &plays[i], 0);
        play(sim, &plays[i], 1000);
    }
    drill_sim_free(sim);
}

/* All bytes of a large exchange, through small windows and small reads, both ways at once. */
static void test_windows(void **state)
{
    struct drill_sim *sim = drill_sim_new(NULL);
    (void)state;
    for (size_t window = 1; window < 3000; window = window * 3 + 1) {
        struct drill_run mta;
        struct drill_run milter;
        struct drill_sim_config config = {.mta = &mta, .milter = &milter, .window = window};
        stub_init(&mta, "o s20000 r20000 d");
        stub_init(&milter, "o s20000 r20000 e");
        milter.want = window / 2 + 1;
        assert_int_equal(drill_sim_play(sim, &config), DRILL_SIM_OK);
        assert_int_equal(mta.got, 20000);
        assert_int_equal(milter.got, 20000);
        assert_int_equal(mta.sum, milter.sum);
    }
    drill_sim_free(sim);
}

/* Pairs that share the time: each goes its way, and one that is over waits for the others. */
static void test_pairs(void **state)
{
    struct drill_run run[3][2];
    static const char *const SCRIPTS[3][2] = {
        {"o s5 r7 d", "o r5 s7 e"}, {"o s5 e", "o w1000 c"}, {"o r5", "o r5"}};
    struct drill_sim_pair pairs[3];
    (void)state;
    for (size_t count = 1; count <= 3; count++) {
        memset(pairs, 0, sizeof(pairs));
        for (size_t i = 0; i < count; i++) {
            stub_init(&run[i][0], SCRIPTS[i][0]);
            stub_init(&run[i][1], SCRIPTS[i][1]);
            pairs[i].sim = drill_sim_new(NULL);
            pairs[i].config.mta = &run[i][0];
            pairs[i].config.milter = &run[i][1];
        }
        drill_sim_play_pairs(pairs, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(pairs[i].result, i == 2 ? DRILL_SIM_STUCK : DRILL_SIM_OK);
            assert_int_equal(drill_sim_now(pairs[i].sim), count == 1 ? 0 : 1000);
            drill_sim_free(pairs[i].sim);
        }
    }
}

/* More connections than the backlog holds: the last one waits and is there in the end. */
static void test_backlog(void **state)
{
    struct drill_sim *sim = drill_sim_new(NULL);
    char mta_script[2 * 100 + 1] = "";
    char milter_script[4 * 100 + 8] = "q5 ";
    struct drill_run mta;
    struct drill_run milter;
    struct drill_sim_config config = {.mta = &mta, .milter = &milter};
    (void)state;
    for (int i = 0; i < 100; i++) {
        memcpy(mta_script + 2 * i, "od", 3);
        memcpy(milter_script + 3 + 2 * i, "oe", 3);
    }
    stub_init(&mta, mta_script);
    stub_init(&milter, milter_script);
    assert_int_equal(drill_sim_play(sim, &config), DRILL_SIM_OK);
    assert_int_equal(drill_sim_now(sim), 5);
    drill_sim_free(sim);
}

static void *refuse_nth(void *ctx, void *ptr, size_t size)
{
    int *left = ctx;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return (*left)-- > 0 ? realloc(ptr, size) : NULL;
}

/* Every allocation fails in turn; both runners come to their end all the same. */
static void test_memory(void **state)
{
    (void)state;
    for (int nth = 0;; nth++) {
        int left = nth;
        const struct drill_alloc alloc = {.resize = refuse_nth, .ctx = &left};
        struct drill_sim *sim = drill_sim_new(&alloc);
        if (!sim) {
            assert_int_equal(nth, 0);
            continue;
        }
        struct drill_run mta;
        struct drill_run milter;
        struct drill_sim_config config = {.mta = &mta, .milter = &milter};
        stub_init(&mta, "o s5 d o s5 d");
        stub_init(&milter, "q1 o e o e");
        enum drill_sim_result result = drill_sim_play(sim, &config);
        drill_sim_free(sim);
        assert_true(mta.done && milter.done);
        if (left > 0) {
            assert_int_equal(result, DRILL_SIM_OK);
            break;
        }
        if (left < 0) {
            assert_int_equal(result, DRILL_SIM_MEMORY);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plays),   cmocka_unit_test(test_windows),
        cmocka_unit_test(test_backlog), cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
