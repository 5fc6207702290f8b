/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/lint.h"

#include <stdio.h>
#include <string.h>

static struct drill_errors errors;

static const struct drill_file *parse(const char *first, const char *body,
                                      struct drill_arena *arena)
{
    char source[1024];
    int n = snprintf(source, sizeof(source), "drill 1 \"x\"%s\n%s\n", first, body);
    assert_true(n > 0 && (size_t)n < sizeof(source));
    const struct drill_file *file =
        drill_parse(drill_span_of(source, (size_t)n), "f", NULL, arena, &errors);
    if (!file) {
        fail_msg("%s: %u:%u: %s", body, errors.item[0].line, errors.item[0].column,
                 errors.item[0].text);
    }
    return file;
}

#define ALONE                                                                                      \
    "`concurrently` stands alone: what is beside it would belong to none of its copies; write it " \
    "into the blocks"
#define EITHER ""
#define MTA    " tests=mta"
#define MILTER " tests=milter"
#define FIVE   "before a\nafter b\nbefore c\nafter d\nbefore e\n"
#define REPLAY " recorded=\"2026-11-20T12:00:00Z\""

static const struct {
    const char *tests, *body, *want; /* NULL: nothing to find */
} cases[] = {
    /* faults and who commits them */
    {MILTER, "> mail cut=6", NULL},
    {MTA, "> mail cut=6",
     "2:3: `cut=` is a fault, and the MTA is under test: no scenario can make it "
     "commit one; patterns are fine"},
    {EITHER, "> mail cut=6",
     "2:3: `cut=` is a fault, and without tests= the MTA may be under test; "
     "say tests=milter on the first line"},
    {EITHER, "< accept length=9",
     "2:3: `length=` is a fault, and without tests= the milter may be "
     "under test; say tests=mta on the first line"},
    {MTA, "< accept length=9", NULL},
    {MILTER, "< accept data=\"x\"",
     "2:3: `data=` instead of the fields is a fault, and the milter is under test: no scenario can "
     "make it commit one; patterns are fine"},
    {REPLAY, "> mail cut=6\n> close\n< raw data=\"x\"\n< frame code=1 data=\"x\"", NULL},
    {MILTER, "< replycode data=~\"550*\"", NULL},
    {MILTER, "< replycode data=len 5..", NULL},
    {MILTER, "< replycode data=$text", NULL},
    {MILTER, "< raw data=~\"*\"", NULL},
    {MILTER, "< raw data=\"x\"",
     "2:3: `raw` with bytes is a fault, and the milter is under test: no "
     "scenario can make it commit one; patterns are fine"},
    {MILTER, "< frame code=0..255 data=~\"*\"", NULL},
    {MILTER, "< continue | frame code=1",
     "2:14: `frame` with a value is a fault, and the milter is under test: no scenario can make it "
     "commit one; patterns are fine"},
    {MILTER, "> frame code=1 data=\"x\"\n> raw data=\"x\"", NULL},
    {EITHER, "> body data=\"x\"\n< replbody data=\"y\"", NULL}, /* their own field */
    /* what cannot be sent */
    {MILTER, "> raw data=~\"*\"",
     "2:12: a pattern cannot be sent, and no profile has bytes for `raw`"},
    {EITHER, "< raw data=~\"*\"",
     "2:12: a pattern cannot be sent, and no profile has bytes for `raw`"},
    {MTA, "< frame code=1..2",
     "2:14: a pattern cannot be sent, and no profile has bytes for `frame`"},
    {MTA, "< accept | raw data=~\"*\"", NULL}, /* ours sends the first */
    {MILTER, "> frame code=1 data=~\"*\"", NULL},
    /* how bytes travel */
    {EITHER, "> mail split=1 dribble=1s",
     "2:3: split= and dribble= both say how the bytes are cut; keep one"},
    {EITHER, "> mail join split=1",
     "2:3: `join` holds the bytes back for one write; it cannot stand with split="},
    {EITHER, "> mail join dribble=1s",
     "2:3: `join` holds the bytes back for one write; it cannot stand with dribble="},
    {MILTER, "> mail split=1 cut=5 length=7 after=1s within=2s", NULL},
    /* events */
    {EITHER, "> open\n< refuse", NULL},
    {EITHER, "< refuse", "2:3: `refuse` stands directly below `> open`, which it refuses"},
    {EITHER, "> open\n...\n< refuse",
     "4:3: `refuse` stands directly below `> open`, which it refuses"},
    {EITHER, "> reset\n> mail",
     "3:3: this side ended its connection in line 2; `> open` or `...` must "
     "come between"},
    {EITHER, "< half-close\n> mail\n< accept",
     "4:3: this side ended its connection in line 2; `> open` or `...` must come between"},
    {EITHER, "> close\n< hangup\n> open\n> mail", NULL},
    {EITHER, "> close\n...\n> mail", NULL},
    {EITHER, "< close | accept\n< reject", NULL}, /* it may stand yet */
    {EITHER, "> close\nrepeat 2 {\n> mail\n}",
     "4:3: this side ended its connection in line 2; `> open` or `...` must come between"},
    {EITHER, "...\n...", "3:1: `...` below `...` adds nothing"},
    {EITHER, "...\nrepeat 2 {\n...\n}\n...", NULL},
    {EITHER, "meet", "2:1: `meet` waits for the other copies of a `concurrently` block"},
    {EITHER, "repeat 2 {\nmeet\n}",
     "3:1: `meet` waits for the other copies of a `concurrently` block"},
    {EITHER, "concurrently 2 {\nrepeat 2 {\nmeet\n}\n} and 1 {\nmeet\n}", NULL},
    {EITHER, "> mail\nconcurrently 2 {\n}", "3:1: " ALONE},
    {EITHER, "concurrently 2 {\n}\n...", "2:1: " ALONE},
    {EITHER, "concurrently 2 {\n}\nverdict accept", "2:1: " ALONE},
    {EITHER, "repeat 2 {\nconcurrently 2 {\n}\n}", "3:1: " ALONE},
    {EITHER, "concurrently 2 {\nconcurrently 2 {\n}\n}", "3:1: " ALONE},
    {EITHER, "concurrently 2 {\n...\nmeet\n}",
     "4:1: `...` above `meet` does nothing: it plays up to a line, and `meet` is none"},
    /* setup */
    {EITHER, "mta a\nmilter b\nmta c", "4:1: this line stands for the second time"},
    {EITHER, "tls\ntls", "3:1: this line stands for the second time"},
    {EITHER, FIVE FIVE FIVE, NULL},
    {EITHER, FIVE FIVE FIVE "after b", "17:1: more than 16 milters at one MTA"},
    {EITHER, "body data=\"a\"\nbody data=\"b\"",
     "3:1: this line stands for the second time for one message"},
    {EITHER, "message\nbody data=\"a\"\nmessage\nbody data=\"b\"", NULL},
    {EITHER, "judge M1\njudge M2\nwhy \"a\"\nwhy \"b\"", NULL},
    /* verdicts */
    {EITHER, "verdict message=2 accept", "2:17: the file has 1 message, counted from 1"},
    {EITHER, "message\nmessage\nverdict accept",
     "4:1: the file has 2 messages: say which by message=N or message=N..M"},
    {EITHER, "message\nmessage\nverdict message=1..3 accept",
     "4:17: the file has 2 messages, counted from 1"},
    {EITHER, "message\nmessage\nverdict message=2.. accept\ndelivered none message=1", NULL},
    {EITHER, "message\nmessage\nverdict message=3.. accept",
     "4:17: the file has 2 messages, counted from 1"},
    {EITHER, "client count=4\nverdict message=4 accept\nverdict message=1..4 accept", NULL},
    {EITHER, "client count=4\nverdict message=5 accept",
     "3:17: the file has 4 messages, counted from 1"},
    {EITHER, "client count=2\nmessage count=3\nmessage\nclient\nverdict message=9 accept", NULL},
    {EITHER, "client count=2\nmessage count=3\nmessage\nclient\nverdict message=10 accept",
     "6:17: the file has 9 messages, counted from 1"},
    {EITHER, "message\nclient\nverdict message=3 accept",
     "4:17: the file has 2 messages, counted from 1"},
    {EITHER, "header name=\"a\" value=\"b\"\nmessage\nverdict message=3 accept",
     "4:17: the file has 2 messages, counted from 1"},
    {EITHER, "client\nheader name=\"a\" value=\"b\"\nbody data=\"c\"\nverdict accept", NULL},
    {EITHER, "verdict reject code=450", "2:21: `reject` is a code from 500 to 599"},
    {EITHER, "verdict accept code=300..400", "2:21: `accept` is a code from 200 to 299"},
    {EITHER, "verdict tempfail code=450 | reject code=550..599 | drop", NULL},
    {EITHER, "verdict drop code=400", "2:14: `drop` is no reply at all: it has no code"},
    {EITHER, "verdict drop text=\"x\"", "2:14: `drop` is no reply at all: it has no text"},
    {EITHER, "concurrently 2 {\nverdict reject code=450\n}",
     "3:21: `reject` is a code from 500 to "
     "599"},
    /* sizes */
    {EITHER, "> body data=\"a\" * 4294967296", NULL},
    {EITHER, "> mail\n> body data=\"a\" * 4294967297",
     "3:1: up to here the file unrolls to more than 4 GiB"},
    {EITHER, "> body data=\"ab\" * 18446744073709551615",
     "2:1: up to here the file unrolls to more than 4 GiB"},
    {EITHER, "header name=\"a\" value=\"b\" * 4294967296",
     "2:1: up to here the file unrolls to more than 4 GiB"},
    {EITHER, "repeat 100000 {\n> mail\n}", NULL},
    {EITHER, "repeat 1000 {\nrepeat 50 {\n> mail\n< continue\n}\n}\n...",
     "8:1: up to here the file unrolls to more than 100000 lines"},
    {EITHER,
     "repeat 100000 {\nrepeat 100000 {\nrepeat 100000 {\nrepeat 100000 {\n> mail\n}\n}\n}\n}",
     "2:1: up to here the file unrolls to more than 100000 lines"},
    {EITHER,
     "concurrently 10000 {\n> body data=\"a\" * 300000\n} and 10000 {\n> body data=\"a\" * "
     "300000\n}",
     "2:1: up to here the file unrolls to more than 4 GiB"},
};

static void test_cases(void **state)
{
    (void)state;
    bool all = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct drill_arena arena;
        char got[512] = "nothing";
        char want[512] = "nothing";
        drill_arena_init(&arena, NULL, 0);
        const struct drill_file *file = parse(cases[i].tests, cases[i].body, &arena);
        bool clean = drill_lint(file, "f", &errors);
        if (errors.count) {
            (void)drill_error_format(&errors.item[0], got, sizeof(got));
        }
        if (cases[i].want) {
            (void)snprintf(want, sizeof(want), "f:%s", cases[i].want);
        }
        size_t count = cases[i].want ? 1 : 0;
        if (strcmp(got, want) != 0 || errors.count != count || clean != (count == 0)) {
            print_error("%s\n  want %s\n  got  %s (%lu)\n", cases[i].body, want, got,
                        (unsigned long)errors.count);
            all = false;
        }
        drill_arena_fini(&arena);
    }
    assert_true(all);
}

/* It adds to what is there, and the count goes on where the list is full. */
static void test_adds(void **state)
{
    (void)state;
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_file *file = parse(EITHER, "...\n...\n...\nmeet", &arena);
    errors.count = DRILL_ERRORS_MAX - 1;
    assert_false(drill_lint(file, "f", &errors));
    assert_int_equal(errors.count, DRILL_ERRORS_MAX + 2);
    assert_int_equal(errors.item[DRILL_ERRORS_MAX - 1].line, 3);
    assert_int_equal(errors.item[DRILL_ERRORS_MAX - 1].code, DRILL_ERR_VALUE);
    drill_arena_fini(&arena);
}

static void test_unplayed(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want; /* NULL: all of it is played */
    } parts[] = {
        {"client port=1\nmessage\nheader name=\"a\" value=\"b\"\n> mail\n< accept\nverdict accept "
         "| drop",
         NULL},
        {"header name=\"a\" value=\"b\"\nbody data=\"x\"", NULL},
        {"repeat 2 {\n}", NULL},
        {"concurrently 2 {\n  repeat 2 {\n  meet\n}\n} and 3 {\n  meet\n  verdict accept\n}", NULL},
        {"given > mail", NULL},
        {"< accept | continue", NULL},
        {"smtp after=mail send=\"RSET\"",
         "line 2: `smtp` is, with --listen and without --smtp, not played yet"},
        {"delivered none", "line 2: `delivered` is, without --sink, not played yet"},
        {"judge all", NULL},
        {"tls", "line 2: `tls` is, in a simulation, not played yet"},
        {"message count=2\nmessage", NULL},
        {"client count=2\nclient", NULL},
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct drill_arena arena;
        char text[160];
        struct drill_writer w = drill_writer_of(text, sizeof(text));
        drill_arena_init(&arena, NULL, 0);
        const struct drill_file *file = parse(EITHER, parts[i].body, &arena);
        assert_true(drill_lint_unplayed(file, 0, &w) == (parts[i].want != NULL));
        helper_assert_bytes(drill_writer_span(&w), drill_span_str(parts[i].want), parts[i].body);
        drill_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_adds),
        cmocka_unit_test(test_unplayed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
