/* SPDX-License-Identifier: MIT */
/* Each row of blame_cause.def fits what it is about: a rule that is broken, or a line. */
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/cause.h"
#include "scenario/parse.h"

enum { NONE = -1 };

struct sample {
    const char *id; /* of the cause; NULL: none is known */
    int rule;
    const char *line, *command; /* of what is blamed */
    const char *quantity;
    uint16_t code;
    bool gave_up;
};

#define RULE(name) ((int)DRILL_RULE_##name)

static const struct sample SAMPLES[] = {
    {"message_limit", NONE, "< replbody data=\"a\"", "> bodyeob", "bytes", 552, false},
    {"reply_limit", NONE, "< addheader name=\"X\" value=\"a\"", "> bodyeob", "bytes", 451, true},
    {"offer_version", RULE(ANSWER_VERSION), "< optneg version=1", "> optneg", NULL, 451, true},
    {"offer_newer", RULE(ANSWER_OFFERED), "< optneg version=7", "> optneg", NULL, 451, true},
    {"offer_short", RULE(ANSWER_SHORT), "< optneg data=\"a\"", "> optneg", NULL, 451, true},
    {"offer_actions", RULE(ANSWER_ACTIONS), "< optneg actions=0xfff", "> optneg", NULL, 451, true},
    {"offer_steps", RULE(ANSWER_STEPS), "< optneg protocol=0x40000000", "> optneg", NULL, 451,
     true},
    {"handshake", RULE(HANDSHAKE), "< continue", "> optneg", NULL, 451, true},
    {"behind_verdict", RULE(UNASKED), "< accept\n< reject", "> bodyeob", NULL, 250, false},
    {"not_agreed", RULE(MODIFY_AGREED), "< replbody data=\"a\"", "> bodyeob", NULL, 451, false},
    {"unknown_reply", RULE(UNKNOWN_REPLY), "< frame code=0x00 data=\"\"", "> mail", NULL, 451,
     true},
    {"not_milters", RULE(NOT_MILTERS), "< shutdown", "> mail", NULL, 421, true},
    {"reply_too_many", RULE(UNASKED), "< continue\n< continue", "> mail", NULL, 451, true},
    {"reply_unpromised", RULE(NO_REPLY), "< continue", "> mail", NULL, 451, true},
    {"change_early", RULE(MODIFY_PLACE), "< addrcpt address=\"a\"", "> mail", NULL, 451, true},
    {"progress_early", RULE(PROGRESS_PLACE), "< progress", "> mail", NULL, 451, true},
    {"skip_place", RULE(SKIP_PLACE), "< skip", "> mail", NULL, 451, true},
    {"skip_unoffered", RULE(SKIP_OFFERED), "< skip", "> body", NULL, 451, true},
    {"discard_early", RULE(DISCARD_EARLY), "< discard", "> helo", NULL, 250, false},
    {"body_mixed", RULE(BODY_MIXED), "< replbody data=\"a\"", "> bodyeob", NULL, 451, false},
    {"reply_code", RULE(CODE_DIGITS), "< replycode text=\"5\"", "> mail", NULL, 451, false},
    {"reply_code", RULE(ENHANCED_CLASS), "< replycode text=\"550 4.1.1 a\"", "> mail", NULL, 451,
     false},
    {"reply_frame", RULE(REPLY_LENGTH), "< continue length=9", "> mail", NULL, 451, true},
    {"reply_frame", RULE(REPLY_SHORT), "< insheader data=\"a\"", "> bodyeob", NULL, 451, true},
    {"hangs_up", RULE(HANGS_UP), "< reset", "> mail", NULL, 451, true},
    {"hangs_up", NONE, "< refuse", "> open", NULL, 451, false},
    {"too_slow", NONE, "< silence for=5s", "> mail", NULL, 451, true},
    {"too_slow", RULE(UNANSWERED), "< continue after=5s", "> mail", NULL, 451, true},
    {"accepted_early", NONE, "< accept", "> mail", NULL, 451, false},
    {"nobody_left", NONE, "< delrcpt address=\"a\"", "> bodyeob", NULL, 250, false},
    {"held", NONE, "< quarantine reason=\"a\"", "> bodyeob", NULL, 250, false},
    {"decided", NONE, "< reject", "> bodyeob", NULL, 550, false},
    {"decided", NONE, "< replycode text=\"550 5.7.1 a\"", "> mail", NULL, 550, false},
    {NULL, NONE, "< chgfrom address=\"a\"", "> bodyeob", NULL, 451, false},
};

static const struct drill_file *parse(const char *text, struct drill_arena *arena)
{
    struct drill_errors errors = {.count = 0};
    struct drill_span copy = drill_arena_copy(arena, drill_span_str(text));
    const struct drill_file *file = drill_parse(copy, "x.drill", NULL, arena, &errors);
    if (!file) {
        fail_msg("%s: %s", text, errors.item[0].text);
    }
    return file;
}

static const char *cause_of(const struct sample *s, struct drill_arena *arena)
{
    char text[300];
    struct drill_blame d;
    struct drill_blamed b;
    memset(&d, 0, sizeof(d));
    memset(&b, 0, sizeof(b));
    (void)snprintf(text, sizeof(text), "drill 1 \"x\" tests=mta\n%s\n%s\n", s->command, s->line);
    d.minimal = parse(text, arena);
    b.command = d.minimal->body.steps;
    b.line = b.command->next;
    b.quantity = s->quantity;
    d.blamed = &b;
    d.plain.delivered = 1;
    d.least.told[0].code = s->code;
    d.least.gave_up = s->gave_up;
    if (s->rule != NONE) {
        d.least.broken[d.least.rules++].rule = (enum drill_rule_id)s->rule;
    }
    const struct drill_cause *cause = drill_cause_of_blame(&d);
    return cause ? cause->id : "";
}

static void test_each_cause_is_named(void **state)
{
    struct drill_arena arena;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(*SAMPLES); i++) {
        const char *want = SAMPLES[i].id ? SAMPLES[i].id : "";
        const char *got = cause_of(&SAMPLES[i], &arena);
        if (strcmp(got, want) != 0) {
            fail_msg("`%s` to `%s`: \"%s\" in place of \"%s\"", SAMPLES[i].line, SAMPLES[i].command,
                     got, want);
        }
    }
    drill_arena_fini(&arena);
}

static void test_each_row_has_a_sample(void **state)
{
    static const char *const IDS[] = {
#define DRILL_BLAME_CAUSE(id, rule, where, sentence, side, key, advice, source) #id,
#include "diagnose/blame_cause.def"
#undef DRILL_BLAME_CAUSE
    };
    (void)state;
    for (size_t i = 0; i < sizeof(IDS) / sizeof(*IDS); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof(SAMPLES) / sizeof(*SAMPLES); k++) {
            found = found || (SAMPLES[k].id && strcmp(SAMPLES[k].id, IDS[i]) == 0);
        }
        if (!found) {
            fail_msg("no sample of %s", IDS[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_cause_is_named),
        cmocka_unit_test(test_each_row_has_a_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
