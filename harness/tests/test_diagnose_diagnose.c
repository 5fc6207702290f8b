/* SPDX-License-Identifier: MIT */
/* Planted faults, and what is said of them; the milter is a function of what it would be sent. */
#include "tests/planted.h"

/* ---- planted faults ---- */

static bool large_frame(const struct drill_trial *t)
{
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        if (h->name.len + h->value.len + 1 > 5000) {
            return true;
        }
    }
    return false;
}

static bool many_headers(const struct drill_trial *t)
{
    size_t n = 0;
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        n++;
    }
    return n > 6;
}

static bool one_name(const struct drill_trial *t)
{
    return drill_mail_find(mail_of(t), "X-Three") != NULL;
}

static bool one_byte(const struct drill_trial *t)
{
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        if (contains(h->value, "\xe9")) {
            return true;
        }
    }
    return false;
}

static bool one_word(const struct drill_trial *t)
{
    return contains(mail_of(t)->body, "magic");
}

static bool large_body(const struct drill_trial *t)
{
    return mail_of(t)->body.len > 60;
}

static bool empty_body(const struct drill_trial *t)
{
    return mail_of(t)->body.len == 0;
}

static bool many_rcpts(const struct drill_trial *t)
{
    return t->traffic->messages->rcpts > 4;
}

static bool one_rcpt(const struct drill_trial *t)
{
    for (size_t i = 0; i < t->traffic->messages->rcpts; i++) {
        if (drill_span_equal(t->traffic->messages->rcpt[i], of("<r7@example.com>"))) {
            return true;
        }
    }
    return false;
}

static bool old_version(const struct drill_trial *t)
{
    return t->settings->version < 4;
}

static bool family(const struct drill_trial *t)
{
    return t->traffic->family == DRILL_FAMILY_INET;
}

static bool a_macro(const struct drill_trial *t)
{
    const struct drill_extra_macro *m = extra(t, "{mail_addr}");
    return !t->settings->macros_none && !(m && m->absent);
}

static bool no_macro(const struct drill_trial *t)
{
    const struct drill_extra_macro *m = extra(t, "{auth_authen}");
    return !(m && !m->absent);
}

static bool argument(const struct drill_trial *t)
{
    return contains(t->traffic->messages->from_args.wire, "BODY=");
}

static bool both(const struct drill_trial *t)
{
    return one_name(t) && one_word(t);
}

static bool always(const struct drill_trial *t)
{
    (void)t;
    return true;
}

/* ---- tests ---- */

static void test_what_the_headers_hold(void **state)
{
    static char large[8000];
    struct a_case c;
    (void)state;
    (void)snprintf(large, sizeof(large), "Subject: x\r\nTo: %06999d\r\n\r\nx\r\n", 1);
    case_init(&c, large, NULL);
    c.milter.fault = large_frame;
    const struct drill_trigger *t = only(&c, DRILL_TRIGGER_FRAME_SIZE);
    assert_string_equal(t->header, "To");
    assert_true(t->any_header);
    assert_int_equal(t->largest_pass, 5000);
    assert_int_equal(t->smallest_fail, 5001);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = many_headers;
    t = only(&c, DRILL_TRIGGER_HEADER_COUNT);
    assert_int_equal(t->largest_pass, 6);
    assert_int_equal(t->smallest_fail, 7);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = one_name;
    assert_string_equal(only(&c, DRILL_TRIGGER_HEADER_NAME)->header, "X-Three");
    assert_int_equal(c.found.minimal.headers, 1);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = one_byte;
    t = only(&c, DRILL_TRIGGER_HEADER_BYTES);
    assert_string_equal(t->header, "Subject");
    assert_true(t->any_header);
    helper_assert_bytes(t->bytes, of("\xe9"), "byte");
    drill_arena_fini(&c.arena);
}

static void test_what_the_body_holds(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.milter.fault = one_word;
    helper_assert_bytes(only(&c, DRILL_TRIGGER_BODY_BYTES)->bytes, of("magic"), "word");
    helper_assert_bytes(c.found.minimal.body, of("magic"), "minimal");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = large_body;
    const struct drill_trigger *t = only(&c, DRILL_TRIGGER_BODY_SIZE);
    assert_int_equal(t->largest_pass, 60);
    assert_int_equal(t->smallest_fail, 61);
    drill_arena_fini(&c.arena);

    case_init(&c, "Subject: x\r\n\r\n", NULL);
    c.milter.fault = empty_body;
    assert_true(only(&c, DRILL_TRIGGER_EMPTY_BODY)->mended_by);
    drill_arena_fini(&c.arena);
}

static void add_rcpts(struct a_case *c)
{
    for (size_t i = 0; i < 12; i++) {
        char text[40];
        (void)snprintf(text, sizeof(text), "<r%zu@example.com>", i);
        c->rcpt[i] = drill_arena_copy(&c->arena, of(text));
    }
    c->envelope.rcpts = 12;
}

static void test_what_the_envelope_holds(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    add_rcpts(&c);
    c.milter.fault = many_rcpts;
    const struct drill_trigger *t = only(&c, DRILL_TRIGGER_RECIPIENTS);
    assert_int_equal(t->largest_pass, 4);
    assert_int_equal(t->smallest_fail, 5);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    add_rcpts(&c);
    c.milter.fault = one_rcpt;
    helper_assert_bytes(only(&c, DRILL_TRIGGER_RECIPIENT)->bytes, of("<r7@example.com>"), "rcpt");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    const struct drill_span args[] = {of("SIZE=9"), of("BODY=8BITMIME"), of("RET=HDRS")};
    assert_int_equal(drill_esmtp_make(args, 3, &c.arena, &c.envelope.from_args), DRILL_OK);
    c.milter.fault = argument;
    helper_assert_bytes(only(&c, DRILL_TRIGGER_ARGUMENT)->bytes, of("BODY=8BITMIME"), "argument");
    drill_arena_fini(&c.arena);
}

static void test_what_the_session_says(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.settings.version = 2;
    c.milter.fault = old_version;
    const struct drill_trigger *t = only(&c, DRILL_TRIGGER_VERSION);
    assert_string_equal(t->name, "2");
    assert_int_equal(t->largest_pass, 6);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = family;
    assert_string_equal(only(&c, DRILL_TRIGGER_FAMILY)->name, "inet");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = a_macro;
    assert_string_equal(only(&c, DRILL_TRIGGER_MACRO)->name, "{mail_addr}");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = no_macro;
    t = only(&c, DRILL_TRIGGER_MACRO);
    assert_string_equal(t->name, "{auth_authen}");
    assert_true(t->mended_by);
    drill_arena_fini(&c.arena);
}

static void test_two_that_are_needed_together(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.milter.fault = both;
    assert_int_equal(diagnose(&c, 500), DRILL_OK);
    const struct drill_trigger *t = c.found.triggers;
    assert_non_null(t);
    assert_int_equal(t->kind, DRILL_TRIGGER_BODY_BYTES);
    assert_non_null(t->next);
    assert_int_equal(t->next->kind, DRILL_TRIGGER_HEADER_NAME);
    assert_null(t->next->next);
    drill_arena_fini(&c.arena);
}

static void test_always_never_and_now_and_then(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.milter.fault = always;
    (void)only(&c, DRILL_TRIGGER_ALWAYS);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    assert_int_equal(diagnose(&c, 500), DRILL_OK);
    assert_int_equal(c.found.outcome, DRILL_NOT_REPRODUCED);
    assert_null(c.found.triggers);
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.one_in = 3;
    assert_int_equal(diagnose(&c, 500), DRILL_OK);
    assert_int_equal(c.found.outcome, DRILL_FLAKY);
    assert_false(c.found.deterministic);
    assert_int_equal(c.found.played, 30);
    assert_int_equal(c.found.failed, 10);
    assert_int_equal(c.found.plain_failed, 10);
    assert_null(c.found.triggers);
    drill_arena_fini(&c.arena);
}

/* Whatever the budget, what was found by then is true, and it says that it is not all. */
static void test_each_budget_ends_well(void **state)
{
    (void)state;
    for (uint32_t budget = 0; budget < 60; budget++) {
        for (int dies = 0; dies < 2; dies++) {
            struct a_case c;
            case_init(&c, MESSAGE, NULL);
            c.milter.fault = both;
            c.milter.took = budget % 2 ? 500000 : 0; /* side by side, or one by one */
            c.milter.dies_after = dies ? budget + 1 : 0;
            assert_int_equal(diagnose(&c, dies ? 500 : budget), DRILL_OK);
            assert_in_range(c.found.sessions, 0, dies ? budget + 1 : budget);
            if (!c.found.complete) {
                assert_true(dies || c.found.spent);
            } else {
                assert_non_null(c.found.triggers);
            }
            drill_arena_fini(&c.arena);
        }
    }
}

static bool diagnose_with(void *ctx, const struct drill_alloc *alloc)
{
    struct a_case c;
    (void)ctx;
    case_init(&c, MESSAGE, alloc);
    c.milter.fault = both;
    enum drill_code code = c.envelope.mail.raw.ptr ? diagnose(&c, 300) : DRILL_ERR_MEMORY;
    drill_arena_fini(&c.arena);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    return code == DRILL_OK;
}

static void test_each_refused_allocation_is_survived(void **state)
{
    (void)state;
    helper_every_alloc(diagnose_with, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_headers_hold),
        cmocka_unit_test(test_what_the_body_holds),
        cmocka_unit_test(test_what_the_envelope_holds),
        cmocka_unit_test(test_what_the_session_says),
        cmocka_unit_test(test_two_that_are_needed_together),
        cmocka_unit_test(test_always_never_and_now_and_then),
        cmocka_unit_test(test_each_budget_ends_well),
        cmocka_unit_test(test_each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
