/* SPDX-License-Identifier: MIT */
/* What Postfix makes of modifications. All but several milters and the
 * leading space was held to Postfix 3.7.11, delivering by SMTP. */
#include "apply_case.h"

#define MESSAGE "X-A: 1|Subject: s|Received: old||Hello.|"

static void test_an_index_counts_from_the_very_top(void **state)
{
    static const struct index_case cases[] = {
        {0, 0, "Nst", "stN", "st"},
        {0, 1, "Nst", "stN", "st"},
        {0, 2, "sNt", "stN", "st"},
        {0, 3, "stN", "stN", "st"},
        {0, 0x80000000u, "stN", "stN", "st"},
        {0, UINT32_MAX, "stN", "stN", "st"},
        {1, 0, "Ns1t", "sNt", "st"},
        {1, 1, "Ns1t", "sNt", "st"},
        {1, 2, "sN1t", "s1tN", "s1t"},
        {1, 0x80000000u, "s1tN", "s1tN", "s1t"},
        {1, UINT32_MAX, "s1tN", "s1tN", "s1t"},
        {3, 0, "Ns1b2t3", "sNb2t3", "sb2t3"},
        {3, 1, "Ns1b2t3", "sNb2t3", "sb2t3"},
        {3, 3, "s1Nb2t3", "s1b2tN", "s1b2t"},
        {3, 4, "s1bN2t3", "s1b2t3N", "s1b2t3"},
        {3, 0x80000000u, "s1b2t3N", "s1b2t3N", "s1b2t3"},
        {3, UINT32_MAX, "s1b2t3N", "s1b2t3N", "s1b2t3"},
    };
    (void)state;
    check_indices("postfix", cases, ROWS(cases));
}

static void test_headers_are_appended_in_order(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M('h', "X-A\0M\0")};
    (void)state;
    CHECK("postfix", MESSAGE, c, "X-A: 1|Subject: s|Received: old|X-N: N|X-A: M||Hello.|");
}

static void test_a_change_takes_the_milters_spelling(void **state)
{
    static const struct change c[] = {M('m', "\0\0\0\1x-a\0N\0")};
    (void)state;
    CHECK("postfix", MESSAGE, c, "x-a: N|Subject: s|Received: old||Hello.|");
}

static void test_what_is_deleted_is_no_longer_counted(void **state)
{
    static const struct change c[] = {M('m', "\0\0\0\1X-A\0\0"), M('m', "\0\0\0\1X-A\0N\0")};
    (void)state;
    CHECK("postfix", "X-A: 1|X-A: 2||", c, "X-A: N||");
    CHECK("postfix", "X-A: 1|To: t||", c, "To: t|X-A: N||");
}

static void test_its_own_received_is_not_changed(void **state)
{
    static const struct change c[] = {M('m', "\0\0\0\1Received\0N\0")};
    (void)state;
    CHECK("postfix", MESSAGE, c, "X-A: 1|Subject: s|Received: N||Hello.|");
    CHECK("postfix", "To: t||", c, "To: t|Received: N||");
}

static void test_a_value_keeps_within_its_field(void **state)
{
    static const struct change fold[] = {M('h', "X-N\0v\n\tw\nEvil: 1\0")};
    static const struct change crlf[] = {M('h', "X-N\0a\r\nEvil: 1\0")};
    static const struct change name[] = {M('h', "X-N: a\r\nEvil\0v\0")};
    (void)state;
    CHECK("postfix", "To: t||", fold, "To: t|X-N: v|\tw|\tEvil: 1||");
    CHECK("postfix", "To: t||", crlf, "To: t|X-N: a\r|\tEvil: 1||");
    CHECK("postfix", "To: t||", name, "To: t|X-N: a\r|\tEvil: v||");
}

static void test_odd_names(void **state)
{
    static const struct change none[] = {M('h', "\0v\0"), M('h', "X-M\0w\0"),
                                         M('m', "\0\0\0\1X-M\0z\0")};
    static const struct change colon[] = {M('h', "a:b\0v\0"), M('m', "\0\0\0\1a\0z\0")};
    static const struct change blank[] = {M('m', "\0\0\0\1X-A\0N\0")};
    (void)state;
    /* ": v" ends the header for all that look for a field afterwards. */
    CHECK("postfix", "To: t||", none, "To: t|: v|X-M: w|X-M: z||");
    CHECK("postfix", "To: t||", colon, "To: t|a: z||");
    CHECK("postfix", "X-A : 1||", blank, "X-A: N||");
}

static void test_leading_blanks_are_the_milters_when_agreed(void **state)
{
    static const struct change c[] = {M('h', "X-N\0 N\0"), M('m', "\0\0\0\1X-A\0M\0")};
    struct trial t;
    (void)state;
    assert_true(trial_begin(&t, NULL, "postfix", "X-A: 1||"));
    trial_mods(&t, c, ROWS(c));
    t.what.steps = DRILL_SMFIP_HDR_LEADSPC;
    assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_OK);
    helper_assert_bytes(t.result.mail.raw, wide(&t, "X-A:M|X-N: N||"), "leading space");
    trial_end(&t);
}

static void test_a_body_comes_in_pieces_and_leaves_in_lines(void **state)
{
    static const struct change pieces[] = {M('b', "one\r"), M('b', "\ntwo\nthree\r\r\nx\ry")};
    static const struct change none[] = {M('b', "")};
    static const struct change then[] = {M('b', "one\n"), M('h', "X-N\0N\0")};
    (void)state;
    CHECK("postfix", "To: t||Hello.|", pieces, "To: t||one|two|three\r|x\ry|");
    CHECK("postfix", "To: t||Hello.|", none, "To: t||");
    CHECK("postfix", "To: t||Hello.|", then, "To: t|X-N: N||one|");
    CHECK("postfix", "To: t|", pieces, "To: t||one|two|three\r|x\ry|");
}

static void test_a_body_in_two_parts_ends_the_milter(void **state)
{
    static const struct change c[] = {M('b', "one\n"), M('h', "X-N\0N\0"), M('b', "two\n"),
                                      M('h', "X-M\0M\0")};
    (void)state;
    CHECK("postfix", "To: t||Hello.|", c, "To: t|X-N: N||one|");
}

static void test_the_next_milters_body_replaces(void **state)
{
    static const struct change c[] = {M_OF(0, 'b', "one\n"), M_OF(0, 'h', "X-N\0N\0"),
                                      M_OF(1, 'b', "two\n"), M_OF(1, 'b', "three\n")};
    (void)state;
    CHECK("postfix", "To: t||Hello.|", c, "To: t|X-N: N||two|three|");
}

static void test_recipients(void **state)
{
    static const struct change add[] = {M('+', "<carol@example.com>\0"),
                                        M('+', "d@example.com\0"),
                                        M('2', "<d@example.com>\0"),
                                        M('+', "<>\0"),
                                        M('+', "\0"),
                                        M('2', "<e@example.com>, f@example.com\0NOTIFY=NEVER\0")};
    static const struct change drop[] = {M('-', "<bob@example.com>\0"),
                                         M('-', " carol@example.com\0")};
    static const struct change back[] = {M('+', "d@example.com\0"), M('-', "d@example.com\0"),
                                         M('+', "d@example.com\0")};
    (void)state;
    /* one of the client's may be added once more */
    check_envelope("postfix", add, ROWS(add),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com> "
                   "<carol@example.com> <d@example.com> <e@example.com>");
    check_envelope("postfix", drop, ROWS(drop), "MAIL <alice@example.org> RCPT <Bob@Example.com>");
    check_envelope("postfix", back, ROWS(back),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com> "
                   "<d@example.com>");
}

static void test_senders(void **state)
{
    static const struct change one[] = {M('e', "<x@example.net>\0")};
    static const struct change null[] = {M('e', "<>\0RET=HDRS\0")};
    static const struct change empty[] = {M('e', "\0")};
    (void)state;
    check_envelope("postfix", one, 1,
                   "MAIL <x@example.net> RCPT <Bob@Example.com> <carol@example.com>");
    check_envelope("postfix", null, 1, "MAIL <> RCPT <Bob@Example.com> <carol@example.com>");
    check_envelope("postfix", empty, 1, "MAIL <> RCPT <Bob@Example.com> <carol@example.com>");
}

static void test_quarantine_holds(void **state)
{
    static const struct change c[] = {M('q', "why\0"), M('h', "X-N\0N\0")};
    static const struct change raw[] = {M('q', "why")};
    struct trial t;
    (void)state;
    trial(&t, "postfix", "To: t||", c, ROWS(c));
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_HOLD);
    helper_assert_bytes(t.result.reason, text("why"), "reason");
    helper_assert_bytes(t.result.mail.raw, wide(&t, "To: t|X-N: N||"), "held");
    trial_end(&t);
    trial(&t, "postfix", "To: t||", raw, 1);
    helper_assert_bytes(t.result.reason, text("why"), "reason without NUL");
    trial_end(&t);
}

static void test_what_it_cannot_read_changes_nothing(void **state)
{
    static const struct change bad[] = {
        M('h', "X-N\0v"), M('h', "X-N\0"),       M('h', "X-N\0v\0w\0"),
        M('i', "\0\0\0"), M('m', "\0\0\0\1"),    M('m', "\0\0\0\1\0v\0"),
        M('+', "a@b"),    M('+', "a@b\0c\0"),    M('-', ""),
        M('e', ""),       M('e', "a@b\0c\0d\0"), M('2', "a@b\0c")};
    (void)state;
    CHECK("postfix", MESSAGE, bad, MESSAGE);
    check_envelope("postfix", bad, ROWS(bad),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com>");
}

static void test_discard_counts_from_mail_on(void **state)
{
    static const struct change early[] = {M_TO('C', 'd', ""), M_TO('H', 'd', "")};
    static const struct change rcpt[] = {M_TO('R', 'd', "")};
    struct trial t;
    (void)state;
    CHECK("postfix", MESSAGE, early, MESSAGE);
    trial(&t, "postfix", MESSAGE, rcpt, 1);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_DISCARD);
    trial_end(&t);
}

static void test_every_allocation(void **state)
{
    char family[] = "postfix";
    (void)state;
    check_memory(family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_index_counts_from_the_very_top),
        cmocka_unit_test(test_headers_are_appended_in_order),
        cmocka_unit_test(test_a_change_takes_the_milters_spelling),
        cmocka_unit_test(test_what_is_deleted_is_no_longer_counted),
        cmocka_unit_test(test_its_own_received_is_not_changed),
        cmocka_unit_test(test_a_value_keeps_within_its_field),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_leading_blanks_are_the_milters_when_agreed),
        cmocka_unit_test(test_a_body_comes_in_pieces_and_leaves_in_lines),
        cmocka_unit_test(test_a_body_in_two_parts_ends_the_milter),
        cmocka_unit_test(test_the_next_milters_body_replaces),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_senders),
        cmocka_unit_test(test_quarantine_holds),
        cmocka_unit_test(test_what_it_cannot_read_changes_nothing),
        cmocka_unit_test(test_discard_counts_from_mail_on),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
