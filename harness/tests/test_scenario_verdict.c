/* SPDX-License-Identifier: MIT */
/* `verdict` lines against what an MTA's autopilot has told its clients. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scenario/run.h"
#include "scenario/scene.h"

#define ONE "message rcpt=\"<a@x>\" rcpt=\"<b@x>\"\n"
#define TWO ONE "client\nmessage rcpt=\"<c@x>\"\n"

struct told_line {
    uint32_t message;
    uint8_t stage;
    uint32_t rcpt;
    bool final;
    const char *line;
};

struct verdict_case {
    const char *name;
    const char *lines;
    struct told_line told[6];
    const char *what; /* NULL: it holds */
    const char *actual;
};

#define AT_CONNECT(line)                       \
    {                                          \
        0, DRILL_SMFIC_CONNECT, 0, false, line \
    }
#define AT_MAIL(n, line)                    \
    {                                       \
        n, DRILL_SMFIC_MAIL, 0, false, line \
    }
#define AT_RCPT(n, i, line)                 \
    {                                       \
        n, DRILL_SMFIC_RCPT, i, false, line \
    }
#define FINAL(n, line)                        \
    {                                         \
        n, DRILL_SMFIC_BODYEOB, 0, true, line \
    }

static const char OTHER[] = "the SMTP client is told something else";
static const char NOTHING[] = "the SMTP client was told nothing there";

static const struct verdict_case cases[] = {
    {"accept is 2xx", ONE "> quit\nverdict accept\n", {FINAL(1, "250 ok")}, NULL, NULL},
    {"tempfail is 4xx", ONE "> quit\nverdict tempfail\n", {FINAL(1, "451 no")}, NULL, NULL},
    {"reject is 5xx", ONE "> quit\nverdict reject\n", {FINAL(1, "550 no")}, NULL, NULL},
    {"drop is no reply", ONE "> quit\nverdict drop\n", {FINAL(1, "")}, NULL, NULL},
    {"another class fails, and the line is quoted",
     ONE "> quit\nverdict accept\n",
     {FINAL(1, "550 5.7.1 \"no\"\x1b")},
     OTHER,
     "SMTP: \"550 5.7.1 \\\"no\\\"\\x1b\" (modelled)"},
    {"no reply where one was to be",
     ONE "> quit\nverdict accept\n",
     {FINAL(1, "")},
     OTHER,
     "SMTP: no reply (modelled)"},
    {"a line without a code is no outcome",
     ONE "> quit\nverdict accept | tempfail | reject | drop\n",
     {FINAL(1, "hello")},
     OTHER,
     NULL},
    {"any outcome will do",
     ONE "> quit\nverdict tempfail | reject code=554\n",
     {FINAL(1, "554 no")},
     NULL,
     NULL},
    {"code= is compared",
     ONE "> quit\nverdict reject code=554\n",
     {FINAL(1, "550 no")},
     OTHER,
     NULL},
    {"text= is what stands behind the code",
     ONE "> quit\nverdict reject text=\"5.7.1 no\"\n",
     {FINAL(1, "550 5.7.1 no")},
     NULL,
     NULL},
    {"other text fails",
     ONE "> quit\nverdict reject text=\"5.7.1 no\"\n",
     {FINAL(1, "550 5.7.1 n")},
     OTHER,
     NULL},
    {"nothing was told",
     ONE "> quit\nverdict accept\n",
     {AT_MAIL(1, "250 ok")},
     NOTHING,
     "nothing"},
    {"at= is a stage",
     ONE "> quit\nverdict at=mail accept\n",
     {AT_MAIL(1, "250 ok"), FINAL(1, "550 no")},
     NULL,
     NULL},
    {"at= a stage that was not reached",
     ONE "> quit\nverdict at=data accept\n",
     {AT_MAIL(1, "250 ok")},
     NOTHING,
     NULL},
    {"rcpt= is that recipient",
     ONE "> quit\nverdict at=rcpt rcpt=\"<b@x>\" reject\n",
     {AT_RCPT(1, 1, "250 ok"), AT_RCPT(1, 2, "550 no"), FINAL(1, "250 ok")},
     NULL,
     NULL},
    {"rcpt= may be of several parts",
     ONE "> quit\nverdict rcpt=\"<b\" + \"@x>\" reject\n",
     {AT_RCPT(1, 1, "250 ok"), AT_RCPT(1, 2, "550 no"), FINAL(1, "250 ok")},
     NULL,
     NULL},
    {"rcpt= nobody",
     ONE "> quit\nverdict rcpt=\"<z@x>\" reject\n",
     {AT_RCPT(1, 1, "550 no")},
     "the message has no such recipient",
     "nothing"},
    {"message= is that message",
     TWO "> quit\nverdict message=2 reject\n",
     {FINAL(1, "250 ok"), FINAL(2, "550 no")},
     NULL,
     NULL},
    {"message= a range is all of them",
     TWO "> quit\nverdict message=1..2 accept\n",
     {FINAL(1, "250 ok"), FINAL(2, "550 no")},
     OTHER,
     NULL},
    {"message= an open range ends with the last",
     TWO "> quit\nverdict message=1.. accept\n",
     {FINAL(1, "250 ok"), FINAL(2, "250 ok")},
     NULL,
     NULL},
    {"message= one that there is not",
     TWO "> quit\nverdict message=3 accept\n",
     {FINAL(1, "250 ok"), FINAL(2, "250 ok")},
     "there is no such message",
     "nothing"},
    {"message= a range beyond the last",
     TWO "> quit\nverdict message=2..3 accept\n",
     {FINAL(1, "250 ok"), FINAL(2, "250 ok")},
     "there is no such message",
     "nothing"},
    {"of a message that was played twice the last counts",
     ONE "> quit\nverdict at=mail accept\n",
     {AT_MAIL(1, "550 no"), AT_MAIL(1, "250 ok"), FINAL(1, "250 ok")},
     NULL,
     NULL},
    {"what a session was told counts for its messages",
     TWO "> quit\nverdict message=2 at=connect reject\n",
     {AT_CONNECT("220 hi"), FINAL(1, "250 ok"), AT_CONNECT("554 no"), FINAL(2, "554 no")},
     NULL,
     NULL},
    {"and for no other session's",
     TWO "> quit\nverdict message=1 at=connect reject\n",
     {AT_CONNECT("220 hi"), FINAL(1, "250 ok"), AT_CONNECT("554 no"), FINAL(2, "554 no")},
     OTHER,
     NULL},
    {"a message without an outcome",
     TWO "> quit\n",
     {FINAL(1, "250 ok"), AT_MAIL(2, "250 ok"), AT_RCPT(2, 1, "250 ok")},
     "message 2 has no outcome",
     ""},
    {"one that was given up has one",
     TWO "> quit\nverdict message=1 accept\n",
     {FINAL(1, "250 ok"), AT_MAIL(2, "250 ok"), {2, DRILL_SMFIC_ABORT, 0, true, ""}},
     NULL,
     NULL},
    {"all checks must hold",
     ONE "> quit\nverdict at=mail accept\nverdict reject\n",
     {AT_MAIL(1, "250 ok"), FINAL(1, "250 ok")},
     OTHER,
     NULL},
};

static void check_case(const struct verdict_case *c, struct drill_arena *arena)
{
    static struct drill_errors errors;
    static char source[1024];
    struct drill_scene scene;
    struct drill_error err;
    struct drill_mta mta;
    (void)snprintf(source, sizeof(source), "drill 1 \"x\"\n%s", c->lines);
    errors.count = 0;
    const struct drill_file *file = drill_parse(drill_span_str(source), "f", NULL, arena, &errors);
    assert_non_null(file);
    assert_int_equal(drill_scene_build(file, "f", NULL, NULL, NULL, arena, &scene, &err), DRILL_OK);
    const struct drill_run_config config = {.file = file,
                                            .ours = DRILL_SIDE_MTA,
                                            .profile = scene.mta,
                                            .settings = &scene.mta_settings,
                                            .traffic = scene.traffic};
    struct drill_told told[6];
    memset(told, 0, sizeof(told));
    memset(&mta, 0, sizeof(mta));
    mta.traffic = scene.traffic;
    mta.told_end = &mta.told;
    for (size_t i = 0; i < 6 && c->told[i].line; i++) {
        struct drill_span line = drill_span_str(c->told[i].line);
        told[i].message = c->told[i].message;
        told[i].stage = c->told[i].stage;
        told[i].rcpt = c->told[i].rcpt;
        told[i].final = c->told[i].final;
        told[i].line = line;
        told[i].code = line.len ? (uint16_t)strtoul(c->told[i].line, NULL, 10) : 0;
        told[i].code = line.len && told[i].code == 0 ? 999 : told[i].code;
        *mta.told_end = &told[i];
        mta.told_end = &told[i].next;
    }
    struct drill_run *run = drill_run_new(&config, NULL);
    assert_non_null(run);
    bool holds = drill_run_check_verdicts(run, &mta);
    const struct drill_report *r = drill_run_report(run);
    if (holds != (c->what == NULL) || (c->what && strcmp(r->what, c->what) != 0)) {
        fail_msg("%s: %s", c->name, holds ? "it holds" : r->what);
    }
    assert_true(holds || r->result == DRILL_RESULT_FAIL);
    if (c->actual && strcmp(r->actual, c->actual) != 0) {
        fail_msg("%s: actual is %s", c->name, r->actual);
    }
    drill_run_free(run);
}

static void test_verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct drill_arena arena;
        drill_arena_init(&arena, NULL, 0);
        check_case(&cases[i], &arena);
        drill_arena_fini(&arena);
    }
}

/* Results that are not complete are an error of ours, and no verdict. */
static void test_without_memory_there_is_no_verdict(void **state)
{
    struct drill_arena arena;
    struct drill_scene scene;
    struct drill_error err;
    struct drill_mta mta;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    assert_int_equal(drill_scene_build(NULL, "f", NULL, NULL, NULL, &arena, &scene, &err),
                     DRILL_OK);
    const struct drill_run_config config = {.ours = DRILL_SIDE_MILTER,
                                            .profile = scene.milter,
                                            .settings = &scene.milter_settings,
                                            .traffic = scene.traffic};
    struct drill_run *run = drill_run_new(&config, NULL);
    memset(&mta, 0, sizeof(mta));
    assert_true(drill_run_check_verdicts(run, &mta));
    mta.no_memory = true;
    assert_false(drill_run_check_verdicts(run, &mta));
    assert_int_equal(drill_run_report(run)->result, DRILL_RESULT_ERROR);
    drill_run_free(run);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_without_memory_there_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
