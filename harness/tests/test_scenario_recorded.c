/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/parse.h"
#include "scenario/recorded.h"

#include <stdio.h>
#include <string.h>

/* What the recording makes of a model's settings. */
static struct drill_settings settings_of(const char *first, const char *lines, enum drill_side side)
{
    static struct drill_errors errors;
    struct drill_settings set;
    struct drill_arena arena;
    char source[1024];
    drill_arena_init(&arena, NULL, 0);
    int n = snprintf(source, sizeof(source), "drill 1 \"x\"%s\n%s", first, lines);
    const struct drill_file *file =
        drill_parse(drill_span_of(source, (size_t)n), "f", NULL, &arena, &errors);
    assert_non_null(file);
    memset(&set, 0, sizeof(set));
    set.version = set.actions = set.protocol = 9;
    drill_recorded_settings(file, side, &set);
    drill_arena_fini(&arena);
    return set;
}

#define RECORDED " recorded=\"2026-11-20T12:00:00Z\""
#define OFFER                                            \
    "> optneg version=6 actions=0x1ff protocol=nohelo\n" \
    "< optneg version=4 actions=addhdrs,quarantine protocol=0x2\n"

static void test_negotiation(void **state)
{
    (void)state;
    struct drill_settings set = settings_of(RECORDED, OFFER, DRILL_SIDE_MTA);
    assert_int_equal(set.version, 6);
    assert_int_equal(set.actions, 0x1ff);
    assert_int_equal(set.protocol, DRILL_SMFIP_NOHELO);
    set = settings_of(RECORDED, OFFER, DRILL_SIDE_MILTER);
    assert_int_equal(set.version, 4);
    assert_int_equal(set.actions, 0x21);
    assert_int_equal(set.protocol, 2);
    set = settings_of("", OFFER, DRILL_SIDE_MILTER); /* no recording */
    assert_int_equal(set.version, 9);
    set = settings_of(RECORDED, "> mail\n< continue\n", DRILL_SIDE_MILTER); /* it begins later */
    assert_int_equal(set.version, 9);
    set = settings_of(RECORDED, "> optneg data=\"x\"\n", DRILL_SIDE_MTA);
    assert_int_equal(set.version, 9);
    drill_recorded_settings(NULL, DRILL_SIDE_MTA, &set);
    assert_int_equal(set.version, 9);
}

static void test_answers(void **state)
{
    (void)state;
    struct drill_settings set =
        settings_of(RECORDED,
                    OFFER "> helo\n< reject\n> rcpt\n< tempfail\n> rcpt\n< tempfail\n> header\n"
                          "< continue\n> header\n< accept\n> data\n> body\n< skip\n> mail\n"
                          "< replycode\n> bodyeob\n< discard\n",
                    DRILL_SIDE_MILTER);
    assert_int_equal(set.verdicts[DRILL_VERDICT_HELO], DRILL_SMFIR_REJECT);
    assert_int_equal(set.verdicts[DRILL_VERDICT_RCPT], DRILL_SMFIR_TEMPFAIL);
    assert_int_equal(set.verdicts[DRILL_VERDICT_HEADER], 0); /* once so, once so */
    assert_int_equal(set.verdicts[DRILL_VERDICT_DATA], 0);   /* none */
    assert_int_equal(set.verdicts[DRILL_VERDICT_BODY], DRILL_SMFIR_SKIP);
    assert_int_equal(set.verdicts[DRILL_VERDICT_MAIL], 0); /* its text is not known */
    assert_int_equal(set.eom_reply, DRILL_SMFIR_DISCARD);
    set = settings_of(RECORDED, OFFER "> bodyeob\n< accept\n", DRILL_SIDE_MTA);
    assert_int_equal(set.eom_reply, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_negotiation),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
