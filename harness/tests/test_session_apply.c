/* SPDX-License-Identifier: MIT */
/* What all families have in common; what the autopilot keeps of modifications; Stalwart. */
#include "apply_case.h"

static void test_unknown_family(void **state)
{
    struct trial t;
    (void)state;
    assert_true(trial_begin(&t, NULL, "exim", "To: t||"));
    assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_ERR_NOTFOUND);
    trial_end(&t);
}

static void test_without_modifications_the_message_is_the_same(void **state)
{
    static const char *const messages[] = {"X-A:1|Subject : s|\tfold||Hello.|", "To: t|", "To: t||",
                                           "To: t||no line end"};
    static const char *const families[] = {"stalwart", "postfix", "sendmail"};
    (void)state;
    for (size_t i = 0; i < ROWS(messages) * ROWS(families); i++) {
        check(families[i % 3], messages[i / 3], NULL, 0, messages[i / 3]);
    }
}

static void test_dispositions(void **state)
{
    static const struct change drop[] = {M_TO('M', 'd', "")};
    static const struct change all[] = {M('-', "bob@example.com\0"), M('-', "Bob@Example.com\0"),
                                        M('-', "carol@example.com\0")};
    static const char *const families[] = {"stalwart", "postfix", "sendmail"};
    struct trial t;
    (void)state;
    for (size_t i = 0; i < ROWS(families); i++) {
        trial(&t, families[i], "To: t||", drop, 1);
        assert_int_equal(t.result.disposition, DRILL_DISPOSE_DISCARD);
        t.what.taken = false;
        assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_OK);
        assert_int_equal(t.result.disposition, DRILL_DISPOSE_REFUSE);
        trial_end(&t);
        trial(&t, families[i], "To: t||", all, ROWS(all));
        assert_int_equal(t.result.rcpts, 0);
        assert_int_equal(t.result.disposition, DRILL_DISPOSE_DISCARD);
        trial_end(&t);
    }
    assert_string_equal(drill_disposition_word(DRILL_DISPOSE_DELIVER), "delivered");
    assert_string_equal(drill_disposition_word(DRILL_DISPOSE_DISCARD), "discarded");
    assert_string_equal(drill_disposition_word(DRILL_DISPOSE_HOLD), "held");
    assert_string_equal(drill_disposition_word(DRILL_DISPOSE_REFUSE), "refused");
}

static void test_only_this_messages_modifications_count(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M_TO('M', 'd', "")};
    struct trial t;
    (void)state;
    assert_true(trial_begin(&t, NULL, "postfix", "To: t||"));
    trial_mods(&t, c, ROWS(c));
    t.what.message = 2;
    assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_OK);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_DELIVER);
    helper_assert_bytes(t.result.mail.raw, wide(&t, "To: t||"), "message 2");
    trial_end(&t);
}

static void test_counts(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"),       M('m', "\0\0\0\1X-A\0M\0"),
                                      M('m', "\0\0\0\1To\0\0"), M('m', "\0\0\0\1X-N\0\0"),
                                      M('h', "X-M\0N\0"),       M('b', "new\r\n")};
    static const char *const families[] = {"postfix", "sendmail"};
    struct trial t;
    (void)state;
    for (size_t i = 0; i < ROWS(families); i++) {
        trial(&t, families[i], "X-A: 1|To: t|X-B: b||Hello.|", c, ROWS(c));
        assert_int_equal(t.result.headers_added, 1);
        assert_int_equal(t.result.headers_changed, 1);
        assert_int_equal(t.result.headers_removed, 1);
        assert_true(t.result.body_replaced);
        assert_false(t.result.cut);
        trial_end(&t);
    }
}

static void test_cut_payloads(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M('b', "new\r\n"), M('h', "X-M\0M\0")};
    static const char *const families[] = {"stalwart", "postfix", "sendmail"};
    static const char *const want[] = {"X-M: M|To: t||new|", "To: t|X-M: M||new|",
                                       "To: t|X-M: M||new|"};
    struct trial t;
    (void)state;
    for (size_t i = 0; i < ROWS(families); i++) {
        assert_true(trial_begin(&t, NULL, families[i], "To: t||Hello.|"));
        trial_mods(&t, c, ROWS(c));
        t.mods[0].cut = t.mods[1].cut = true;
        assert_int_equal(drill_apply(&t.what, &t.arena, &t.result), DRILL_OK);
        assert_true(t.result.cut);
        helper_assert_bytes(t.result.mail.raw, wide(&t, want[i]), families[i]);
        trial_end(&t);
    }
}

/* ---- Stalwart ---- */

#define MESSAGE   "X-A:1|Subject: s|Received: old||Hello.|"
#define REWRITTEN "X-A: 1|Subject: s|Received: old||Hello.|"

static void test_stalwart_an_index_counts_headers_of_that_name(void **state)
{
    static const struct index_case cases[] = {
        {0, 0, "Nst", "Nst", "st"},
        {0, 1, "Nst", "Nst", "st"},
        {0, 0x80000000u, "Nst", "Nst", "st"},
        {0, UINT32_MAX, "Nst", "Nst", "st"},
        {1, 0, "Ns1t", "s1t", "s1t"},
        {1, 1, "sN1t", "sNt", "st"},
        {1, 2, "sN1t", "s1t", "s1t"},
        {1, 0x80000000u, "sN1t", "s1t", "s1t"},
        {1, UINT32_MAX, "sN1t", "s1t", "s1t"},
        {3, 0, "Ns1b2t3", "s1b2t3", "s1b2t3"},
        {3, 1, "sN1b2t3", "sNb2t3", "sb2t3"},
        {3, 2, "s1bN2t3", "s1bNt3", "s1bt3"},
        {3, 3, "s1b2tN3", "s1b2tN", "s1b2t"},
        {3, 4, "s1b2tN3", "s1b2t3", "s1b2t3"},
        {3, 0x80000000u, "s1b2tN3", "s1b2t3", "s1b2t3"},
        {3, UINT32_MAX, "s1b2tN3", "s1b2t3", "s1b2t3"},
    };
    (void)state;
    check_indices("stalwart", cases, ROWS(cases));
}

static void test_stalwart_puts_headers_in_front(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M('q', "why\0"),
                                      M('m', "\0\0\0\7X-M\0 M\0")};
    (void)state;
    CHECK("stalwart", MESSAGE, c, "X-N: N|X-Quarantine: why|X-M:  M|" MESSAGE);
}

static void test_stalwart_rewriting_reverses_them(void **state)
{
    static const struct change c[] = {M('h', "X-N\0N\0"), M('q', "why\0"),
                                      M('m', "\0\0\0\1X-M\0 M\0"), M('i', "\0\0\0\0X-I\0I\0")};
    static const struct change none[] = {M('h', "X-N\0N\0"), M('m', "\0\0\0\1X-M\0\0")};
    (void)state;
    CHECK("stalwart", MESSAGE, c, "X-I: I|X-M: M|X-Quarantine: why|X-N: N|" REWRITTEN);
    CHECK("stalwart", MESSAGE, none, "X-N: N|" REWRITTEN);
}

static void test_stalwart_changes_what_was_added_only_if_it_was_there(void **state)
{
    static const struct change c[] = {M('h', "X-A\0N\0"), M('m', "\0\0\0\1X-A\0M\0")};
    static const struct change other[] = {M('h', "X-N\0N\0"), M('m', "\0\0\0\1X-N\0M\0")};
    static const struct change gone[] = {M('h', "X-N\0N\0"), M('m', "\0\0\0\1X-N\0\0")};
    (void)state;
    CHECK("stalwart", "X-A: 1||", c, "X-A: M|X-A: 1||");
    CHECK("stalwart", "X-A: 1||", other, "X-N: N|X-N: M|X-A: 1||");
    CHECK("stalwart", "X-A: 1||", gone, "X-A: 1||");
}

static void test_stalwart_keeps_the_spelling_of_a_changed_name(void **state)
{
    static const struct change c[] = {M('m', "\0\0\0\1x-a\0N\0")};
    static const struct change blank[] = {M('m', "\0\0\0\1x-a \0N\0")};
    (void)state;
    CHECK("stalwart", "X-A: 1||", c, "X-A: N||");
    /* blanks before the colon are part of the name */
    CHECK("stalwart", "X-A : 1||", c, "x-a: N|X-A : 1||");
    CHECK("stalwart", "X-A : 1||", blank, "X-A : N||");
}

static void test_stalwart_takes_any_value(void **state)
{
    static const struct change lf[] = {M('h', "X-N\0a\nEvil: 1\n\0")};
    static const struct change empty[] = {M('i', "\0\0\0\1X-N\0\0")};
    static const struct change name[] = {M('h', "\0v\0")};
    (void)state;
    CHECK("stalwart", "To: t||", lf, "X-N: a\nEvil: 1\nTo: t||");
    CHECK("stalwart", "To: t||", empty, "X-N: |To: t||");
    CHECK("stalwart", "To: t||", name, ": v|To: t||");
}

static void test_stalwart_bodies(void **state)
{
    static const struct change pieces[] = {M('b', "one\r"), M('h', "X-N\0N\0"), M('b', "\ntwo\n"),
                                           M('b', ""), M('b', "x")};
    static const struct change empty[] = {M('b', ""), M('b', "")};
    static const struct change insert[] = {M('i', "\0\0\0\1X-N\0N\0"), M('b', "new|")};
    static const struct change body[] = {M('b', "new")};
    (void)state;
    CHECK("stalwart", "To: t||Hello.|", pieces, "X-N: N|To: t||one|two\nx");
    CHECK("stalwart", "To: t||Hello.|", empty, "To: t||Hello.|");
    CHECK("stalwart", "To: t||Hello.|", body, "To: t||new");
    /* a message without an empty line gets none, unless its header is rewritten */
    CHECK("stalwart", "To: t|", body, "To: t|new");
    struct trial t;
    trial(&t, "stalwart", "To: t|", insert, ROWS(insert));
    helper_assert_bytes(t.result.mail.raw, text("X-N: N\r\nTo: t\r\n\r\nnew|"), "rewritten");
    trial_end(&t);
}

static void test_stalwart_several_milters(void **state)
{
    static const struct change c[] = {M_OF(0, 'b', "one"),      M_OF(0, 'h', "X-N\0N\0"),
                                      M_OF(1, 'h', "X-M\0M\0"), M_OF(1, 'b', "tw"),
                                      M_OF(1, 'b', "o"),        M_OF(2, 'h', "X-L\0L\0")};
    static const struct change empty[] = {M_OF(0, 'b', "one"), M_OF(1, 'b', "")};
    static const struct change failed[] = {
        {'h', "X-N\0N", 6, 0, 0, false}, {'b', "one", 3, 0, 0, false}, {'b', "two", 3, 1, 0, true}};
    (void)state;
    CHECK("stalwart", "To: t||Hello.|", c, "X-N: N|X-M: M|X-L: L|To: t||two");
    /* S-19: the second one's counts, and an empty one changes nothing */
    CHECK("stalwart", "To: t||Hello.|", empty, "To: t||Hello.|");
    CHECK("stalwart", "To: t||Hello.|", failed, "X-N: N|To: t||one");
}

static void test_stalwart_recipients(void **state)
{
    static const struct change add[] = {
        M('+', "<CAROL@example.com>\0"), M('+', " <d@example.com> x>\0"), M('+', "nobody\0"),
        M('2', "<e@example.com\0NOTIFY=NEVER\0"), M('+', "D@Example.com> x\0")};
    static const struct change drop[] = {M('-', "<bob@example.com>\0"),
                                         M('-', "Carol@example.com\0")};
    static const struct change from[] = {M('e', "< F@example.net >\0\0")};
    (void)state;
    check_envelope("stalwart", add, ROWS(add),
                   "MAIL <alice@example.org> RCPT <Bob@Example.com> <carol@example.com> "
                   "<d@example.com> x> <e@example.com>");
    /* S-18: capitals never match */
    check_envelope("stalwart", drop, ROWS(drop),
                   "MAIL <alice@example.org> RCPT <carol@example.com>");
    check_envelope("stalwart", from, 1,
                   "MAIL <F@example.net> RCPT <Bob@Example.com> <carol@example.com>");
}

static void test_stalwart_discards_at_any_command(void **state)
{
    static const struct change c[] = {M_TO('C', 'd', "")};
    struct trial t;
    (void)state;
    trial(&t, "stalwart", "To: t||", c, 1);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_DISCARD);
    trial_end(&t);
}

static void test_stalwart_every_allocation(void **state)
{
    char family[] = "stalwart";
    (void)state;
    check_memory(family);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_family),
        cmocka_unit_test(test_without_modifications_the_message_is_the_same),
        cmocka_unit_test(test_dispositions),
        cmocka_unit_test(test_only_this_messages_modifications_count),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_cut_payloads),
        cmocka_unit_test(test_stalwart_an_index_counts_headers_of_that_name),
        cmocka_unit_test(test_stalwart_puts_headers_in_front),
        cmocka_unit_test(test_stalwart_rewriting_reverses_them),
        cmocka_unit_test(test_stalwart_changes_what_was_added_only_if_it_was_there),
        cmocka_unit_test(test_stalwart_keeps_the_spelling_of_a_changed_name),
        cmocka_unit_test(test_stalwart_takes_any_value),
        cmocka_unit_test(test_stalwart_bodies),
        cmocka_unit_test(test_stalwart_several_milters),
        cmocka_unit_test(test_stalwart_recipients),
        cmocka_unit_test(test_stalwart_discards_at_any_command),
        cmocka_unit_test(test_stalwart_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
