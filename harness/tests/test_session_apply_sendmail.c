/* SPDX-License-Identifier: MIT */
/* What Sendmail makes of modifications: its header is a list that begins with nine fields of its
 * own, most of which are never sent. All but what concerns several milters was held to Sendmail
 * 8.17.1.9, delivering by SMTP. */
#include "apply_case.h"

static void test_an_index_counts_hidden_fields(void **state)
{
    static const struct index_case cases[] = {
        {0, 0, "Nst", "stN", "st"},
        {0, 1, "Nst", "stN", "st"},
        {0, 8, "Nst", "stN", "st"},
        {0, 9, "sNt", "stN", "st"},
        {0, 10, "stN", "stN", "st"},
        {0, 11, "stN", "stN", "st"},
        {0, 0x7FFFFFFFu, "stN", "stN", "st"},
        {0, 0x80000000u, "Nst", "stN", "st"},
        {0, UINT32_MAX, "Nst", "stN", "st"},
        {1, 0, "Ns1t", "sNt", "st"},
        {1, 1, "Ns1t", "sNt", "st"},
        {1, 2, "Ns1t", "sN1t", "s1t"},
        {1, 0x80000000u, "Ns1t", "sN1t", "s1t"},
        {1, 0x80000001u, "Ns1t", "sNt", "st"},
        {1, UINT32_MAX, "Ns1t", "sNt", "st"},
        {3, 0, "Ns1b2t3", "sNb2t3", "sb2t3"},
        {3, 1, "Ns1b2t3", "sNb2t3", "sb2t3"},
        {3, 3, "Ns1b2t3", "s1b2tN", "s1b2t"},
        {3, 4, "Ns1b2t3", "sN1b2t3", "s1b2t3"},
        {3, 0x80000000u, "Ns1b2t3", "sN1b2t3", "s1b2t3"},
        {3, UINT32_MAX, "Ns1b2t3", "sNb2t3", "sb2t3"},
    };
    (void)state;
    check_indices("sendmail", cases, ROWS(cases));
}

static void test_a_header_is_added_before_its_like(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M('h', "x-a\0M\0")};
    (void)state;
    CHECK("sendmail", "To: t|X-A: 1|Subject: s||", c, "To: t|x-a: M|X-A: 1|Subject: s|X-N: N||");
}

static void test_a_default_is_filled_where_it_stands(void **state)
{
    static const struct change date[] = {M('h', "Date\0new\0")};
    static const struct change second[] = {M('m', "\0\0\0\2Date\0new\0")};
    static const struct change received[] = {M('h', "Received\0new\0")};
    (void)state;
    CHECK("sendmail", "To: t|Date: old||", date, "Date: new|To: t|Date: old||");
    CHECK("sendmail", "To: t|Date: old||", second, "Date: new|To: t|Date: old||");
    CHECK("sendmail", "To: t|Received: old||", received, "Received: new|To: t|Received: old||");
}

static void test_what_is_deleted_is_still_counted(void **state)
{
    static const struct change c[] = {M('m', "\0\0\0\1X-A\0\0"), M('m', "\0\0\0\2X-A\0N\0")};
    static const struct change back[] = {M('m', "\0\0\0\1X-A\0\0"), M('m', "\0\0\0\1x-a\0N\0")};
    static const struct change two[] = {M_OF(0, 'm', "\0\0\0\1X-A\0\0"),
                                        M_OF(1, 'm', "\0\0\0\1X-A\0N\0")};
    static const struct change fill[] = {M_OF(0, 'm', "\0\0\0\1X-A\0\0"), M_OF(1, 'h', "X-A\0N\0")};
    (void)state;
    CHECK("sendmail", "X-A: 1|X-A: 2||", c, "X-A: N||");
    CHECK("sendmail", "X-A: 1|X-A: 2||", back, "X-A: N|X-A: 2||");
    /* but not for the next milter */
    CHECK("sendmail", "X-A: 1|X-A: 2||", two, "X-A: N||");
    CHECK("sendmail", "X-A: 1|To: t||", fill, "X-A: N|To: t||");
}

static void test_a_value_keeps_within_its_field(void **state)
{
    static const struct change fold[] = {M('h', "X-N\0v\n\tw\nEvil: 1\0")};
    (void)state;
    CHECK("sendmail", "To: t||", fold, "To: t|X-N: v|\tw| Evil: 1||");
}

static void test_a_body_comes_in_pieces(void **state)
{
    static const struct change pieces[] = {M('b', "one\r"), M('h', "X-N\0N\0"),
                                           M('b', "\ntwo\nx\ry")};
    static const struct change none[] = {M('b', "")};
    static const struct change two[] = {M_OF(0, 'b', "one\n"), M_OF(1, 'b', "two\n")};
    (void)state;
    CHECK("sendmail", "To: t||Hello.|", pieces, "To: t|X-N: N||one|two|x\ry|");
    CHECK("sendmail", "To: t||Hello.|", none, "To: t||");
    CHECK("sendmail", "To: t||Hello.|", two, "To: t||two|");
}

static void test_a_body_that_was_not_agreed_on(void **state)
{
    static const struct change c[] = {M('b', "new\n"), M('h', "X-N\0N\0")};
    struct trial t;
    (void)state;
    assert_true(trial_begin(&t, NULL, "sendmail", "To: t||Hello.|"));
    trial_mods(&t, c, ROWS(c));
    t.what.actions = 0x1FF & ~(uint32_t)DRILL_SMFIF_CHGBODY;
    t.what.taken = false; /* 451: it "lied about replacing body" */
    assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_OK);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_REFUSE);
    assert_false(t.result.body_replaced);
    trial_end(&t);
}

static void test_recipients(void **state)
{
    static const struct change add[] = {M('+', "<carol@example.com>\0"),
                                        M('+', "d@example.com, <e@example.com>\0"),
                                        M('2', "f@example.com\0NOTIFY=NEVER\0"), M('+', "<>\0")};
    static const struct change drop[] = {M('-', "<bob@example.com>\0"),
                                         M('-', "carol@example.com\0")};
    (void)state;
    check_envelope("sendmail", add, ROWS(add),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com> "
                   "<d@example.com> <e@example.com> <f@example.com>");
    check_envelope("sendmail", drop, ROWS(drop), "MAIL <alice@example.org> RCPT <Bob@Example.com>");
}

static void test_senders(void **state)
{
    static const struct change null[] = {M('e', "<>\0")};
    static const struct change empty[] = {M('e', "\0")};
    (void)state;
    check_envelope("sendmail", null, 1, "MAIL <> RCPT <Bob@Example.com> <carol@example.com>");
    check_envelope("sendmail", empty, 1,
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com>");
}

static void test_what_does_not_follow_the_protocol(void **state)
{
    static const struct change bad[] = {
        M('h', "X-N\0v"),     M('h', "\0v\0"), M('h', "X-N\0v\0w\0"), M('i', "\0\0\0\1\0v\0"),
        M('m', "\0\0\0\1"),   M('+', "a@b"),   M('+', "a@b\0c\0"),    M('-', "carol@example.com"),
        M('2', "a@b\0c\0d\0")};
    (void)state;
    CHECK("sendmail", "X-A: 1||", bad, "X-A: 1||");
    check_envelope("sendmail", bad, ROWS(bad),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com>");
}

static void test_quarantine_holds(void **state)
{
    static const struct change c[] = {M('q', "why\0")};
    struct trial t;
    (void)state;
    trial(&t, "sendmail", "To: t||", c, 1);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_HOLD);
    helper_assert_bytes(t.result.reason, text("why"), "reason");
    trial_end(&t);
}

static void test_every_allocation(void **state)
{
    char family[] = "sendmail";
    (void)state;
    check_memory(family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_index_counts_hidden_fields),
        cmocka_unit_test(test_a_header_is_added_before_its_like),
        cmocka_unit_test(test_a_default_is_filled_where_it_stands),
        cmocka_unit_test(test_what_is_deleted_is_still_counted),
        cmocka_unit_test(test_a_value_keeps_within_its_field),
        cmocka_unit_test(test_a_body_comes_in_pieces),
        cmocka_unit_test(test_a_body_that_was_not_agreed_on),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_what_does_not_follow_the_protocol),
        cmocka_unit_test(test_quarantine_holds),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
