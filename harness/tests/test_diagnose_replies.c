/* SPDX-License-Identifier: MIT */
/* What a milter said, taken apart and put together again, and which of it an MTA fails over; the
 * MTA is a function of what it would be told. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/blame.h"
#include "scenario/parse.h"
#include "scenario/print.h"

#define HEAD "drill 1 \"x\" tests=mta\nmta postfix\nmilter libmilter\n"

struct a_case {
    struct drill_arena arena;
    struct drill_replies replies;
    struct drill_error err;
    char text[4096];
};

static enum drill_code read_case(struct a_case *c, const char *body,
                                 const struct drill_alloc *alloc)
{
    struct drill_errors errors = {.count = 0};
    drill_arena_init(&c->arena, alloc, 0);
    struct drill_span copy = drill_arena_copy(&c->arena, drill_span_str(body));
    const struct drill_file *file =
        copy.ptr ? drill_parse(copy, "x.drill", NULL, &c->arena, &errors) : NULL;
    if (!file) {
        return DRILL_ERR_MEMORY;
    }
    return drill_replies_of(file, "x.drill", &c->arena, &c->replies, &c->err);
}

static const char *built(struct a_case *c, const char *keep)
{
    bool flags[16] = {false};
    for (size_t i = 0; keep[i]; i++) {
        flags[i] = keep[i] == '1';
    }
    const struct drill_file *file = drill_replies_build(&c->replies, flags, &c->arena);
    assert_non_null(file);
    assert_int_equal(file->tests, DRILL_TESTS_MTA);
    struct drill_writer w = drill_writer_of(c->text, sizeof(c->text) - 1);
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        drill_print_step(s, &w);
        drill_write_text(&w, "\n");
    }
    c->text[drill_writer_span(&w).len] = '\0';
    return c->text;
}

static void test_a_recording_is_its_replies(void **state)
{
    (void)state;
    struct a_case c = {0};
    assert_int_equal(
        read_case(&c,
                  HEAD
                  "> optneg version=6 actions=0x1ff protocol=0\n< optneg version=6\n"
                  "> macro stage=mail i=\"1\"\n> mail address=\"<a@example.org>\" arg=\"SIZE=1\"\n"
                  "< progress\n< continue\n"
                  "> rcpt address=\"<b@example.com>\"\n< continue\n"
                  "> header name=\"Received\" value=\"1\"\n< continue\n"
                  "> header name=\"Received\" value=\"2\"\n< reject\n"
                  "> bodyeob\n< addheader name=\"X\" value=\"1\"\n< accept\n> quit\n< close\n",
                  NULL),
        DRILL_OK);
    assert_int_equal(c.replies.lines, 9);
    assert_int_equal(c.replies.suspects, 4);
    assert_int_equal(drill_replies_suspect(&c.replies, 1), 1);
    assert_int_equal(drill_replies_suspect(&c.replies, 4), 9);
    assert_string_equal(built(&c, "000000000"), "...\n");
    assert_string_equal(built(&c, "010000000"), "...\n> mail address=\"<a@example.org>\"\n"
                                                "< progress\n< continue\n...\n");
    /* the second of its name, so the first is counted */
    assert_string_equal(built(&c, "000001000"), "...\n> header name=\"Received\"\n< continue\n"
                                                "...\n> header name=\"Received\"\n< reject\n...\n");
    assert_string_equal(built(&c, "100000100"),
                        "...\n> optneg\n< optneg version=6\n...\n> bodyeob\n"
                        "< addheader name=\"X\" value=\"1\"\n< accept\n...\n");
    drill_arena_fini(&c.arena);
}

static void test_a_reply_too_many_is_a_suspect(void **state)
{
    (void)state;
    struct a_case c = {0};
    assert_int_equal(read_case(&c,
                               HEAD "> optneg\n< optneg protocol=nr_hdr\n...\n> mail\n< continue\n"
                                    "< continue\n> header name=\"A\"\n< continue\n"
                                    "> header name=\"A\"\n> eoh\n< continue\n> abort\n< continue\n"
                                    "> quit\n< continue\n",
                               NULL),
                     DRILL_OK);
    assert_int_equal(c.replies.suspects, 4);
    assert_string_equal(built(&c, "0010000"), "...\n> mail\n< continue\n< continue\n...\n");
    assert_string_equal(built(&c, "0001000"), "...\n> header name=\"A\"\n< continue\n...\n");
    assert_string_equal(built(&c, "0000010"), "...\n> abort\n< continue\n...\n");
    /* with another answer to the offer, which promises as much */
    c.replies.offer =
        drill_reply_asking(c.replies.line[drill_replies_offer(&c.replies)].step, 1, &c.arena);
    assert_string_equal(built(&c, "1001000"), "> optneg\n< optneg protocol=nr_hdr actions=1\n"
                                              "...\n> header name=\"A\"\n< continue\n...\n");
    drill_arena_fini(&c.arena);
}

static void test_of_several_messages_the_right_one(void **state)
{
    (void)state;
    struct a_case c = {0};
    assert_int_equal(read_case(&c,
                               HEAD "message from=\"<a@example.org>\" rcpt=\"<b@example.com>\"\n"
                                    "message from=\"<c@example.org>\" rcpt=\"<b@example.com>\"\n"
                                    "...\n> mail address=\"<a@example.org>\"\n< continue\n"
                                    "...\n> mail address=\"<c@example.org>\"\n< progress\n"
                                    "< continue\n...\n> bodyeob\n< reject\n",
                               NULL),
                     DRILL_OK);
    assert_string_equal(built(&c, "0001"), "...\n> mail address=\"<c@example.org>\"\n< continue\n"
                                           "...\n> bodyeob\n< reject\n...\n");
    drill_arena_fini(&c.arena);
}

static void test_bytes_that_are_no_reply_stand_alone(void **state)
{
    (void)state;
    struct a_case c = {0};
    assert_int_equal(read_case(&c,
                               HEAD "> open\n< refuse\n> open\n...\n> mail\n< raw data=\"ab\"\n"
                                    "> rcpt\n< raw data=\"ab\"\n< continue\n",
                               NULL),
                     DRILL_OK);
    assert_string_equal(built(&c, "1000"), "> open\n< refuse\n...\n");
    assert_string_equal(built(&c, "0100"), "...\n> mail\n< raw data=\"ab\"\n...\n");
    assert_string_equal(built(&c, "0010"), "...\n> rcpt\n< raw data=\"ab\"\n< continue\n...\n");
    drill_arena_fini(&c.arena);
}

static void test_what_cannot_be_examined(void **state)
{
    static const struct {
        const char *body, *says;
        uint32_t line;
    } rows[] = {
        {HEAD "...\n> mail\n< continue\n...\n> bodyeob\n< accept\n", "no reply to suspect", 1},
        {HEAD "...\n", "no reply to suspect", 1},
        {HEAD "repeat 2 {\n> mail\n< reject\n}\n", "without `repeat`", 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct a_case c = {0};
        assert_int_equal(read_case(&c, rows[i].body, NULL), DRILL_ERR_VALUE);
        assert_non_null(strstr(c.err.text, rows[i].says));
        assert_int_equal(c.err.line, rows[i].line);
        drill_arena_fini(&c.arena);
    }
}

/* ---- values ---- */

static const struct drill_step *only_line(struct a_case *c, const char *line)
{
    char body[512];
    (void)snprintf(body, sizeof(body), HEAD "...\n> bodyeob\n%s\n", line);
    assert_int_equal(read_case(c, body, NULL), DRILL_OK);
    return c->replies.line[0].step;
}

static void check_line(const struct drill_step *step, const char *text)
{
    char out[300];
    assert_non_null(step);
    struct drill_writer w = drill_writer_of(out, sizeof(out) - 1);
    drill_print_step(step, &w);
    out[drill_writer_span(&w).len] = '\0';
    assert_string_equal(out, text);
}

static void test_values(void **state)
{
    static const struct {
        const char *line;
        uint64_t size, n;
        const char *filled;
    } rows[] = {
        {"< addheader name=\"X\" value=\"b\" * 4096MiB", 0, 3, NULL},
        {"< addheader name=\"X\" value=\"b\" * 5 + \"cd\" * 2", 9, 3,
         "< addheader name=\"X\" value=\"a\" * 3"},
        {"< replycode text=\"550 5.7.1 \" + \"b\" * 90", 100, 12,
         "< replycode text=\"550 5.7.1 \" + \"a\" * 2"},
        {"< replycode text=\"550 5.7.1 no\"", 12, 10, "< replycode text=\"550 5.7.1 \""},
        {"< replycode text=\"550 no\"", 6, 5, "< replycode text=\"550 \" + \"a\""},
        {"< replycode text=\"5\"", 1, 2, "< replycode text=\"5\" + \"a\""},
        {"< replycode data=\"ab\"", 2, 1, "< replycode data=\"a\""},
        {"< replbody data=\"b\" * 100", 100, 77, "< replbody data=\"a\" * 74 + \"\\r\\n\" + \"a\""},
        {"< reject", 0, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct a_case c = {0};
        const struct drill_step *step = only_line(&c, rows[i].line);
        if (rows[i].filled) {
            assert_int_equal(drill_reply_size(step), rows[i].size);
            check_line(drill_reply_filled(step, rows[i].n, &c.arena), rows[i].filled);
        } else if (i == 0) {
            assert_int_equal(drill_reply_size(step), UINT64_C(4) << 30);
            assert_null(drill_reply_bytes(step, 1 << 20, &c.arena).ptr);
        } else {
            assert_int_equal(drill_reply_size(step), 0);
        }
        drill_arena_fini(&c.arena);
    }
}

static void test_faults(void **state)
{
    static const struct {
        const char *line, *says;
    } rows[] = {
        {"< replycode text=\"550 4.7.1 no\"", "class of its status"},
        {"< replycode text=\"550 5.7.1 no\"", ""},
        {"< replycode text=\"550 no\"", ""},
        {"< shutdown", "no milter sends this"},
        {"< frame code=0x00 data=\"\"", "no reply of that code"},
        {"< insheader data=\"ab\"", "too short"},
        {"< raw data=\"ab\"", "without a frame"},
        {"< accept length=9", "do not agree"},
        {"< reset", "ends the connection"},
        {"< reject", ""},
        {"< addheader name=\"X\" value=\"b\" * 4MiB", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct a_case c = {0};
        char text[160];
        assert_true(drill_reply_fault(only_line(&c, rows[i].line), &c.arena, text, sizeof(text)));
        if (rows[i].says[0] ? !strstr(text, rows[i].says) : text[0] != '\0') {
            fail_msg("%s: %s", rows[i].line, text);
        }
        drill_arena_fini(&c.arena);
    }
}

/* ---- whom to blame ---- */

struct mta {
    bool (*fails)(const char *talk, const struct drill_file *file);
    uint32_t plays, one_in, dies_after;
    bool silent; /* it asks no milter */
    bool minds;  /* it minds changes that were not asked for */
};

static bool play(void *ctx, const struct drill_file *file, struct drill_blame_seen *seen)
{
    struct mta *m = ctx;
    char talk[4096];
    struct drill_writer w = drill_writer_of(talk, sizeof(talk) - 1);
    if (m->dies_after && m->plays >= m->dies_after) {
        return false;
    }
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        drill_print_step(s, &w);
        drill_write_text(&w, "\n");
    }
    talk[drill_writer_span(&w).len] = '\0';
    bool fails = m->fails && m->fails(talk, file) && (!m->one_in || m->plays % m->one_in == 0);
    m->plays++;
    seen->asked = !m->silent;
    bool changes = strstr(talk, "chgfrom") && !strstr(talk, "actions=511");
    fails = fails || (m->minds && changes);
    if (changes) {
        seen->broken[seen->rules++].rule = DRILL_RULE_MODIFY_AGREED;
    }
    seen->messages = 2;
    seen->told[0].code = 250;
    seen->told[1].code = fails ? 451 : 250;
    seen->told[1].stage = DRILL_SMFIC_BODYEOB;
    return true;
}

static uint64_t no_clock(void *ctx)
{
    (void)ctx;
    return 0;
}

static enum drill_code blame(struct a_case *c, struct mta *m, uint32_t sessions,
                             struct drill_blame *out)
{
    struct drill_blame_ops ops = {play, NULL, no_clock, m};
    struct drill_blame_question q = {&c->replies, &ops, sessions, 0, &c->arena};
    return drill_blame(&q, out, &c->err);
}

static bool has_reset(const char *talk, const struct drill_file *file)
{
    (void)file;
    return strstr(talk, "< reset") != NULL;
}

static bool has_both(const char *talk, const struct drill_file *file)
{
    (void)file;
    return strstr(talk, "delrcpt") && strstr(talk, "chgfrom");
}

static bool has_long_value(const char *talk, const struct drill_file *file)
{
    (void)talk;
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        if (s->kind == DRILL_STEP_LINE && drill_reply_size(s) > 998) {
            return true;
        }
    }
    return false;
}

static bool has_magic(const char *talk, const struct drill_file *file)
{
    (void)file;
    return strstr(talk, "magic") != NULL;
}

static bool has_mismatch(const char *talk, const struct drill_file *file)
{
    (void)file;
    return strstr(talk, "550 4.") != NULL;
}

#define MANY                                                                                   \
    HEAD "...\n> mail\n< progress\n< continue\n...\n> bodyeob\n< addheader name=\"X\" "        \
         "value=\"1\"\n"                                                                       \
         "< delrcpt address=\"<b@example.com>\"\n< addheader name=\"Y\" value=\"b\" * 20000\n" \
         "< chgfrom address=\"<c@example.com>\"\n< quarantine reason=\"some magic words\"\n"

static void test_one_line_of_many(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct mta m = {.fails = has_reset};
    struct drill_blame found;
    assert_int_equal(read_case(&c, MANY "< reset\n", NULL), DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_int_equal(found.outcome, DRILL_DIAGNOSED);
    assert_true(found.complete && found.deterministic);
    assert_non_null(found.blamed);
    assert_null(found.blamed->next);
    check_line(found.blamed->line, "< reset");
    check_line(found.blamed->command, "> bodyeob");
    assert_int_equal(found.blamed->pos.line, 15);
    assert_non_null(found.minimal);
    assert_in_range(found.sessions, 5, 25);
    drill_arena_fini(&c.arena);
}

static void test_two_lines_together(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct mta m = {.fails = has_both};
    struct drill_blame found;
    assert_int_equal(read_case(&c, MANY "< accept\n", NULL), DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_non_null(found.blamed);
    assert_non_null(found.blamed->next);
    assert_null(found.blamed->next->next);
    assert_true(found.blamed->any_value && found.blamed->next->any_value);
    check_line(found.blamed->line, "< delrcpt address=\"a\"");
    drill_arena_fini(&c.arena);
}

/* A change that nobody asked for breaks a rule; whether the failure hangs on that is tried. */
static void test_changes_that_were_not_agreed_on(void **state)
{
    (void)state;
    for (int minds = 0; minds < 2; minds++) {
        struct a_case c = {0};
        struct mta m = {.fails = minds ? NULL : has_both, .minds = minds};
        struct drill_blame found;
        assert_int_equal(read_case(&c, MANY "< accept\n", NULL), DRILL_OK);
        assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
        assert_int_equal(found.outcome, DRILL_DIAGNOSED);
        assert_int_equal(found.message, 1);
        assert_int_equal(found.least.rules, minds);
        assert_non_null(found.blamed);
        assert_true(!minds == (found.blamed->next != NULL));
        drill_arena_fini(&c.arena);
    }
}

/* It is no suspect where it changes nothing, and stays in every conversation. */
static void test_the_recorded_answer_to_the_offer(void **state)
{
    (void)state;
    static const char talk[] = HEAD "> optneg\n< optneg actions=chgbody\n...\n> bodyeob\n< reset\n";
    struct a_case c = {0};
    struct mta m = {.fails = has_reset};
    struct drill_blame found;
    assert_int_equal(read_case(&c, talk, NULL), DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_int_equal(found.suspects, 1);
    assert_non_null(found.blamed);
    assert_null(found.blamed->next);
    check_line(found.blamed->line, "< reset");
    check_line(found.minimal->body.steps->next, "< optneg actions=chgbody");
    drill_arena_fini(&c.arena);
}

static void test_what_is_said_of_an_outcome(void **state)
{
    (void)state;
    char text[300];
    struct drill_blame_seen s = {.messages = 2, .has_sink = true, .delivered = 1};
    s.told[0].code = s.told[1].code = 250;
    s.told[1].stage = DRILL_SMFIC_BODYEOB;
    (void)snprintf(s.told[1].text, sizeof(s.told[1].text), "250 ok");
    drill_blame_say(&s, 1, text, sizeof(text));
    assert_string_equal(text, "message 2 of 2: the client is told `250 ok` at bodyeob; of 2 that "
                              "are taken 1 are delivered");
    s.delivered = 0;
    s.gave_up = true;
    drill_blame_say(&s, 1, text, sizeof(text));
    assert_non_null(strstr(text, "; the MTA gives the milter up; nothing is delivered"));
    s.told[0].code = 0;
    drill_blame_say(&s, 0, text, sizeof(text));
    assert_non_null(strstr(text, "message 1 of 2: the client gets no reply at the beginning"));
}

static void test_the_size_of_a_line(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct mta m = {.fails = has_long_value};
    struct drill_blame found;
    assert_int_equal(read_case(&c, MANY "< accept\n", NULL), DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_non_null(found.blamed);
    assert_null(found.blamed->next);
    assert_string_equal(found.blamed->quantity, "bytes");
    assert_int_equal(found.blamed->largest_pass, 998);
    assert_int_equal(found.blamed->smallest_fail, 999);
    check_line(found.blamed->line, "< addheader name=\"Y\" value=\"a\" * 1024");
    drill_arena_fini(&c.arena);
}

static void test_the_bytes_of_a_line(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct mta m = {.fails = has_magic};
    struct drill_blame found;
    assert_int_equal(read_case(&c, MANY "< accept\n", NULL), DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_non_null(found.blamed);
    assert_true(drill_span_equal(found.blamed->bytes, drill_span_str("magic")));
    check_line(found.blamed->line, "< quarantine reason=\"magic\"");
    drill_arena_fini(&c.arena);
}

static void test_the_codes_of_a_reply(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct mta m = {.fails = has_mismatch};
    struct drill_blame found;
    assert_int_equal(read_case(&c, MANY "< replycode text=\"550 4.7.1 not today\"\n", NULL),
                     DRILL_OK);
    assert_int_equal(blame(&c, &m, 100, &found), DRILL_OK);
    assert_non_null(found.blamed);
    assert_false(found.blamed->any_value);
    assert_true(drill_span_equal(found.blamed->bytes, drill_span_str("550 4.7.1 ")));
    assert_non_null(strstr(found.blamed->fault, "class"));
    drill_arena_fini(&c.arena);
}

static void test_other_outcomes(void **state)
{
    (void)state;
    struct a_case c = {0};
    struct drill_blame found;
    struct mta none = {0}, silent = {.silent = true}, flaky = {.fails = has_reset, .one_in = 3};
    struct mta dies = {.fails = has_reset, .dies_after = 5}, sound = {.fails = has_reset};
    assert_int_equal(read_case(&c, MANY "< reset\n", NULL), DRILL_OK);
    assert_int_equal(blame(&c, &none, 100, &found), DRILL_OK);
    assert_int_equal(found.outcome, DRILL_NOT_REPRODUCED);
    assert_true(found.complete);
    assert_int_equal(blame(&c, &silent, 100, &found), DRILL_OK);
    assert_int_equal(found.outcome, DRILL_NO_PEER);
    assert_int_equal(blame(&c, &flaky, 100, &found), DRILL_OK);
    assert_int_equal(found.outcome, DRILL_FLAKY);
    assert_int_equal(found.failed, 1);
    assert_int_equal(blame(&c, &dies, 100, &found), DRILL_OK);
    assert_int_equal(found.outcome, DRILL_DIAGNOSED);
    assert_false(found.complete || found.spent);
    assert_int_equal(blame(&c, &sound, 5, &found), DRILL_OK);
    assert_true(found.spent && !found.complete);
    assert_int_equal(found.sessions, 5);
    drill_arena_fini(&c.arena);
}

static bool everything(void *ctx, const struct drill_alloc *alloc)
{
    struct a_case c = {0};
    struct mta m = {.fails = has_long_value};
    struct drill_blame found;
    (void)ctx;
    enum drill_code code = read_case(&c, MANY "< accept\n", alloc);
    if (code == DRILL_OK) {
        code = blame(&c, &m, 100, &found);
    }
    drill_arena_fini(&c.arena);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    return code == DRILL_OK;
}

static void test_each_refused_allocation_is_survived(void **state)
{
    (void)state;
    helper_every_alloc(everything, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_recording_is_its_replies),
        cmocka_unit_test(test_a_reply_too_many_is_a_suspect),
        cmocka_unit_test(test_of_several_messages_the_right_one),
        cmocka_unit_test(test_bytes_that_are_no_reply_stand_alone),
        cmocka_unit_test(test_what_cannot_be_examined),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_one_line_of_many),
        cmocka_unit_test(test_two_lines_together),
        cmocka_unit_test(test_changes_that_were_not_agreed_on),
        cmocka_unit_test(test_the_recorded_answer_to_the_offer),
        cmocka_unit_test(test_what_is_said_of_an_outcome),
        cmocka_unit_test(test_the_size_of_a_line),
        cmocka_unit_test(test_the_bytes_of_a_line),
        cmocka_unit_test(test_the_codes_of_a_reply),
        cmocka_unit_test(test_other_outcomes),
        cmocka_unit_test(test_each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
