/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/parse.h"
#include "scenario/recorded.h"
#include "session/milter.h"

#include <stdio.h>
#include <string.h>

static struct drill_arena arena;

/* What the recording makes of a model's settings. */
static struct drill_settings settings_of(const char *first, const char *lines,
                                         const struct drill_profile *profile)
{
    static struct drill_errors errors;
    struct drill_settings set;
    char source[2048];
    int n = snprintf(source, sizeof(source), "drill 1 \"x\"%s\n%s", first, lines);
    const struct drill_file *file =
        drill_parse(drill_span_of(source, (size_t)n), "f", NULL, &arena, &errors);
    assert_non_null(file);
    profile->defaults(&set);
    assert_int_equal(drill_recorded_settings(file, profile, &arena, &set), DRILL_OK);
    return set;
}

static const struct drill_profile *milter_called(const char *name)
{
    return drill_profile_find(DRILL_SIDE_MILTER, drill_span_str(name));
}

static int begin(void **state)
{
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    drill_arena_fini(&arena);
    return 0;
}

#define RECORDED " recorded=\"2026-11-20T12:00:00Z\""
#define OFFER                                            \
    "> optneg version=6 actions=0x1ff protocol=nohelo\n" \
    "< optneg version=4 actions=addhdrs,quarantine protocol=0x2\n"

/* Mail for its own domain is local to Sendmail. */
static void test_an_mta_has_its_name(void **state)
{
    static const struct {
        const char *lines, *name;
    } cases[] = {
        {OFFER, "mx.example.com"},
        {OFFER "> macro stage=connect v=\"x\" j=\"mx.firm.example\"\n> connect\n"
               "> macro stage=mail j=\"other.example\"\n> mail\n",
         "mx.firm.example"},
        {OFFER "> macro stage=connect j=\"\"\n> macro stage=helo j=~\"a*\"\n", "mx.example.com"},
        {OFFER "> macro stage=connect j=\"a\" + \"b\"\n", "mx.example.com"},
    };
    const struct drill_profile *mta =
        drill_profile_find(DRILL_SIDE_MTA, drill_span_str("sendmail"));
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct drill_settings set = settings_of(RECORDED, cases[i].lines, mta);
        helper_assert_bytes(set.server_name, drill_span_str(cases[i].name), cases[i].lines);
    }
    struct drill_settings set = settings_of("", cases[1].lines, mta);
    helper_assert_bytes(set.server_name, drill_span_str("mx.example.com"), "no recording");
}

static void test_negotiation(void **state)
{
    (void)state;
    const struct drill_profile *mta = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("postfix"));
    const struct drill_profile *milter = milter_called("libmilter");
    struct drill_settings set = settings_of(RECORDED, OFFER, mta);
    assert_int_equal(set.version, 6);
    assert_int_equal(set.actions, 0x1ff);
    assert_int_equal(set.protocol, DRILL_SMFIP_NOHELO);
    assert_null(set.answers);
    set = settings_of(RECORDED, OFFER, milter);
    assert_int_equal(set.version, 4);
    assert_int_equal(set.actions, 0x21);
    assert_int_equal(set.protocol, 2);
    set = settings_of("", OFFER, milter); /* no recording */
    assert_int_equal(set.actions, 0);
    assert_null(set.answers);
    set = settings_of(RECORDED, "> mail\n< continue\n", milter); /* it begins later */
    assert_int_equal(set.version, 6);
    set = settings_of(RECORDED, "> optneg data=\"x\"\n", mta);
    assert_int_equal(set.version, 6);
    assert_int_equal(drill_recorded_settings(NULL, mta, &arena, &set), DRILL_OK);
}

/* PMilter answers 2 whatever it takes. */
static void test_a_version_that_is_no_setting_of_its_own(void **state)
{
    (void)state;
    const char *lines = "> optneg version=6 actions=0x1ff protocol=0x7f\n"
                        "< optneg version=2 actions=0 protocol=0\n";
    assert_int_equal(settings_of(RECORDED, lines, milter_called("pmilter")).version, 6);
    assert_int_equal(settings_of(RECORDED, lines, milter_called("libmilter")).version, 2);
}

/* What the model says to this command, as lines. */
static const char *said(struct drill_milter *m, uint8_t command, struct drill_span payload)
{
    static char text[512];
    struct drill_message c;
    struct drill_milter_step step;
    struct drill_writer w = drill_writer_of(text, sizeof(text) - 1);
    (void)drill_message_decode(DRILL_TO_MILTER, command, payload, &c);
    drill_milter_got(m, &c, (uint32_t)payload.len);
    for (drill_milter_peek(m, &step); step.kind == DRILL_MILTER_SEND; drill_milter_peek(m, &step)) {
        drill_write_text(&w, drill_proto_find(DRILL_TO_MTA, step.reply.code)->word);
        drill_write_text(&w, step.reply.str[0].len ? "=" : "");
        drill_write_bytes(&w, step.reply.str[0]);
        drill_write_bytes(&w, step.reply.rest);
        drill_write_text(&w, " ");
        drill_milter_did(m);
    }
    assert_true(w.len < sizeof(text));
    text[w.len] = '\0';
    return text;
}

#define TEXT(s) drill_span_of((s), sizeof(s))

static void check_conversation(const struct drill_settings *set)
{
    struct drill_milter m;
    uint8_t offer[12] = {0, 0, 0, 6, 0, 0, 1, 0xff};
    const struct drill_span none = drill_span_of(NULL, 0);
    drill_milter_init(&m, milter_called("libmilter"), set);
    drill_milter_opened(&m);
    assert_string_equal(said(&m, DRILL_SMFIC_OPTNEG, drill_span_of(offer, 12)), "optneg ");
    assert_string_equal(said(&m, DRILL_SMFIC_HELO, TEXT("a")), "continue ");
    assert_string_equal(said(&m, DRILL_SMFIC_MAIL, TEXT("<a>")), "continue ");
    assert_string_equal(said(&m, DRILL_SMFIC_RCPT, TEXT("<b>")), "replycode=550 no ");
    assert_string_equal(said(&m, DRILL_SMFIC_MACRO, TEXT("Ra")), "");
    assert_string_equal(said(&m, DRILL_SMFIC_RCPT, TEXT("<c>")), "continue ");
    assert_string_equal(said(&m, DRILL_SMFIC_EOH, none), "continue "); /* a fault was recorded */
    assert_string_equal(said(&m, DRILL_SMFIC_BODY, TEXT("x")), "continue ");
    assert_string_equal(said(&m, DRILL_SMFIC_BODYEOB, none),
                        "progress addheader=X-A replbodynew quarantine=why accept ");
    assert_string_equal(said(&m, DRILL_SMFIC_MAIL, TEXT("<b>")), "tempfail ");
    /* None is owed: none is sent, though one was. */
    assert_string_equal(said(&m, DRILL_SMFIC_ABORT, none), "");
    /* More than was recorded is the profile's. */
    assert_string_equal(said(&m, DRILL_SMFIC_MAIL, TEXT("<b>")), "continue ");
}

#define TALK                                                                                     \
    "> optneg version=6 actions=0x1ff protocol=0\n< optneg version=6 actions=0x1ff protocol=0\n" \
    "> helo\n< continue\n> mail\n< continue\n> rcpt\n< replycode text=\"550 no\"\n"              \
    "> macro\n> rcpt\n< continue\n> data\n< reject\n> eoh\n< continue data=\"odd\"\n> body\n"    \
    "< continue\n> bodyeob\n< progress\n< addheader name=\"X-A\" value=\"1\"\n"                  \
    "< replbody data=\"new\"\n< quarantine reason=\"why\"\n< accept\n> mail\n< tempfail\n"       \
    "> abort\n< continue\n"

static void test_answers(void **state)
{
    (void)state;
    struct drill_settings set = settings_of(RECORDED, TALK, milter_called("libmilter"));
    check_conversation(&set);
}

static void test_what_is_said_goes_before_what_was_recorded(void **state)
{
    (void)state;
    const struct drill_profile *libmilter = milter_called("libmilter");
    struct drill_settings set = settings_of(RECORDED, TALK, libmilter);
    struct drill_error err;
    assert_int_equal(drill_profile_set(libmilter, &set, drill_span_str("timeout"),
                                       drill_span_str("5s"), &arena, &err),
                     DRILL_OK);
    assert_non_null(set.answers);
    assert_int_equal(drill_profile_set(libmilter, &set, drill_span_str("helo"),
                                       drill_span_str("reject"), &arena, &err),
                     DRILL_OK);
    assert_null(set.answers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_mta_has_its_name, begin, end),
        cmocka_unit_test_setup_teardown(test_negotiation, begin, end),
        cmocka_unit_test_setup_teardown(test_a_version_that_is_no_setting_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(test_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_said_goes_before_what_was_recorded, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
