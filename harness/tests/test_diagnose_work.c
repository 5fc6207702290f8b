/* SPDX-License-Identifier: MIT */
/* Planted faults that are numbers, places in a text, or values that come from somewhere else. */
#include "tests/planted.h"

/* ---- planted faults ---- */

static bool long_line(const struct drill_trial *t)
{
    struct drill_span body = mail_of(t)->body;
    for (size_t at = 0, len; at < body.len; at += len + 1) {
        len = drill_span_find(drill_span_sub(body, at, body.len), '\n');
        if (len > 91) {
            return true;
        }
    }
    return false;
}

static bool many_lines(const struct drill_trial *t)
{
    size_t n = 0;
    for (size_t i = 0; i < mail_of(t)->body.len; i++) {
        n += mail_of(t)->body.ptr[i] == '\n';
    }
    return n > 2;
}

static bool short_body(const struct drill_trial *t)
{
    return mail_of(t)->body.len < 777;
}

/* Of the boundaries that the header tells. */
static bool many_parts(const struct drill_trial *t)
{
    struct drill_span body = mail_of(t)->body;
    const struct drill_mail_header *type = drill_mail_find(mail_of(t), "Content-Type");
    size_t n = 0;
    for (size_t i = 0; type && i + 5 <= body.len; i++) {
        n += memcmp(body.ptr + i, "--b\r\n", 5) == 0;
    }
    return n > 3;
}

/* The number behind SIZE=, alone or behind another parameter; 0: none. */
static uint64_t size_of(const struct drill_trial *t)
{
    struct drill_span all = t->traffic->messages->from_args.wire;
    uint64_t number = 0;
    for (size_t i = 0; i + 5 < all.len; i++) {
        if (memcmp(all.ptr + i, "SIZE=", 5) == 0) {
            for (i += 5; i < all.len && all.ptr[i]; i++) {
                number = number * 10 + (uint64_t)(all.ptr[i] - '0');
            }
        }
    }
    return number;
}

static bool large_argument(const struct drill_trial *t)
{
    return size_of(t) > 1000;
}

static bool small_argument(const struct drill_trial *t)
{
    return size_of(t) && size_of(t) < 500;
}

static bool any_argument(const struct drill_trial *t)
{
    return size_of(t) > 0;
}

static bool two_words(const struct drill_trial *t)
{
    return contains(mail_of(t)->body, "first line") && contains(mail_of(t)->body, "last line");
}

/* The word stands in the body, and a chunk ends within it. */
static bool over_a_cut(const struct drill_trial *t)
{
    struct drill_span body = mail_of(t)->body;
    uint32_t chunk = t->settings->chunk ? t->settings->chunk : 65535;
    size_t word = strlen("magic");
    for (size_t at = chunk; at + word <= body.len; at += chunk) {
        if (contains(drill_span_sub(body, at - word + 1, 2 * word - 2), "magic")) {
            return true;
        }
    }
    return false;
}

static bool long_name(const struct drill_trial *t)
{
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        if (h->name.len > 30) {
            return true;
        }
    }
    return false;
}

static size_t of_name(const struct drill_trial *t, const char *name)
{
    size_t n = 0;
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        n += drill_span_equal(h->name, of(name));
    }
    return n;
}

static bool two_of_a_name(const struct drill_trial *t)
{
    return of_name(t, "X-One") > 1;
}

static bool five_of_a_name(const struct drill_trial *t)
{
    return of_name(t, "Received") > 4;
}

static bool no_date(const struct drill_trial *t)
{
    return of_name(t, "Date") == 0;
}

static bool large_sum(const struct drill_trial *t)
{
    size_t n = 0;
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        n += h->name.len + h->value.len + 1;
    }
    return n > 3333;
}

static bool folded(const struct drill_trial *t)
{
    for (const struct drill_mail_header *h = mail_of(t)->headers; h; h = h->next) {
        if (contains(h->value, "\n")) {
            return true;
        }
    }
    return false;
}

static bool has_long(const struct drill_trial *t, const char *name, size_t limit)
{
    const struct drill_mail_header *h = drill_mail_find(mail_of(t), name);
    return h && h->name.len + h->value.len + 1 > limit;
}

static bool two_long(const struct drill_trial *t)
{
    return has_long(t, "To", 200) && has_long(t, "Cc", 300);
}

static bool a_step(const struct drill_trial *t)
{
    return t->settings->protocol & DRILL_SMFIP_NR_HDR;
}

static bool macro_value(const struct drill_trial *t)
{
    const struct drill_extra_macro *m = extra(t, "{mail_addr}");
    struct drill_span value = m ? m->value : t->traffic->messages->from;
    return !t->settings->macros_none && !(m && m->absent) && contains(value, "spam@example.net");
}

/* ---- tests ---- */

static void is_measured(const char *message, fault_fn *fault, enum drill_trigger_kind kind,
                        uint64_t pass, uint64_t fail)
{
    struct a_case c;
    case_init(&c, message, NULL);
    c.milter.fault = fault;
    const struct drill_trigger *t = only(&c, kind);
    assert_true(t->measured);
    assert_int_equal(t->largest_pass, pass);
    assert_int_equal(t->smallest_fail, fail);
    drill_arena_fini(&c.arena);
}

static void test_what_is_a_number(void **state)
{
    static char many[8000];
    size_t used = 0;
    (void)state;
    /* Of a line, its CR is counted by the milter, and not by what is told. */
    static char line[200];
    (void)snprintf(line, sizeof(line), "Subject: x\r\n\r\n%0120d\r\nx\r\n", 1);
    is_measured(line, long_line, DRILL_TRIGGER_LINE_LENGTH, 90, 91);
    is_measured("Subject: x\r\n\r\na\r\nb\r\nc\r\n", many_lines, DRILL_TRIGGER_LINES, 2, 3);
    is_measured(MESSAGE, short_body, DRILL_TRIGGER_BODY_SIZE, 777, 776);
    is_measured("X-A-Name-That-Is-Longer-Than-Others: x\r\n\r\nx\r\n", long_name,
                DRILL_TRIGGER_NAME_SIZE, 30, 31);
    is_measured("X-One: a\r\nSubject: x\r\nX-One: b\r\n\r\nx\r\n", two_of_a_name,
                DRILL_TRIGGER_HEADER_COUNT, 1, 2);
    for (size_t i = 0; i < 9; i++) {
        used += (size_t)snprintf(many + used, sizeof(many) - used, "Received: by h%zu\r\n", i);
    }
    (void)snprintf(many + used, sizeof(many) - used, "Subject: x\r\n\r\nx\r\n");
    is_measured(many, five_of_a_name, DRILL_TRIGGER_HEADER_COUNT, 4, 5);
    used = 0;
    for (size_t i = 0; i < 9; i++) {
        used += (size_t)snprintf(many + used, sizeof(many) - used, "X-Pad-%zu: %0600d\r\n", i, 1);
    }
    (void)snprintf(many + used, sizeof(many) - used, "\r\nx\r\n");
    is_measured(many, large_sum, DRILL_TRIGGER_HEADER_SIZE, 3333, 3334);
}

#define PARTS                                                                                    \
    "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nsome text\r\n--b\r\n"        \
    "Content-Type: text/html\r\n\r\none\r\n--b\r\nContent-Type: text/plain\r\n\r\n"              \
    "two\r\n--b\r\nContent-Type: text/plain\r\n\r\nthree\r\n--b\r\nContent-Type: text/plain\r\n" \
    "\r\nfour\r\n--b\r\nContent-Type: text/plain\r\n\r\nfive\r\n--b--\r\n"

static void test_how_many_parts(void **state)
{
    (void)state;
    is_measured(PARTS, many_parts, DRILL_TRIGGER_PARTS, 3, 4);
}

static void with_argument(struct a_case *c, const char *text, const struct drill_alloc *alloc)
{
    struct drill_span args[2] = {of("RET=HDRS"), of(text)};
    case_init(c, MESSAGE, alloc);
    (void)drill_esmtp_make(args, 2, &c->arena, &c->envelope.from_args);
}

static void test_the_number_of_an_argument(void **state)
{
    static const struct {
        const char *text;
        fault_fn *fault;
        bool measured, too_little;
        uint64_t pass, fail;
    } rows[] = {{"SIZE=4711", large_argument, true, false, 1000, 1001},
                {"SIZE=111", small_argument, true, true, 500, 499},
                {"SIZE=1", small_argument, true, true, 500, 499},
                {"SIZE=4711", any_argument, false, false, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct a_case c;
        char text[200];
        with_argument(&c, rows[i].text, NULL);
        c.milter.fault = rows[i].fault;
        const struct drill_trigger *t = only(&c, DRILL_TRIGGER_ARGUMENT);
        assert_true(rows[i].measured == (t->quantity != NULL));
        assert_int_equal(t->largest_pass, rows[i].pass);
        assert_int_equal(t->smallest_fail, rows[i].fail);
        assert_true(t->mended_by == rows[i].too_little);
        drill_trigger_say(t, text, sizeof(text));
        assert_string_equal(text, i == 0   ? "ESMTP parameter SIZE of 1001 or more; 1000 passes"
                                  : i == 3 ? "ESMTP parameter \"SIZE=4711\""
                                           : "ESMTP parameter SIZE of 499 or less; 500 passes");
        drill_arena_fini(&c.arena);
    }
}

/* Each is measured by itself, whatever the other's length. */
static void test_two_numbers(void **state)
{
    char text[2000];
    struct a_case c;
    (void)state;
    (void)snprintf(text, sizeof(text), "To: %0400d\r\nSubject: x\r\nCc: %0900d\r\n\r\nx\r\n", 1, 1);
    case_init(&c, text, NULL);
    c.milter.fault = two_long;
    assert_int_equal(diagnose(&c, 500), DRILL_OK);
    const struct drill_trigger *t = c.found.triggers;
    assert_non_null(t);
    assert_string_equal(t->header, "To");
    assert_int_equal(t->smallest_fail, 201);
    assert_non_null(t->next);
    assert_string_equal(t->next->header, "Cc");
    assert_int_equal(t->next->smallest_fail, 301);
    assert_null(t->next->next);
    drill_arena_fini(&c.arena);
}

static void test_what_has_a_place_or_none(void **state)
{
    enum { LONG = 70000 };
    static char body[LONG + 100];
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.milter.fault = two_words;
    const struct drill_trigger *t;
    assert_int_equal(diagnose(&c, 500), DRILL_OK);
    t = c.found.triggers;
    assert_non_null(t);
    helper_assert_bytes(t->bytes, of("first line"), "first");
    assert_non_null(t->next);
    helper_assert_bytes(t->next->bytes, of("last line"), "last");
    drill_arena_fini(&c.arena);

    memset(body, 'x', LONG);
    for (size_t i = 70; i < LONG; i += 72) {
        memcpy(body + i, "\r\n", 2);
    }
    memcpy(body, "Subject: x\r\n\r\n", 14);
    memcpy(body + 14 + 65535 - 2, "magic", 5);
    case_init(&c, body, NULL);
    c.milter.fault = over_a_cut;
    helper_assert_bytes(only(&c, DRILL_TRIGGER_BODY_CHUNKS)->bytes, of("magic"), "cut");
    drill_arena_fini(&c.arena);

    case_init(&c, "Subject: x\r\nX-A: one\r\n two\r\nX-B: b\r\n\r\nx\r\n", NULL);
    c.milter.fault = folded;
    helper_assert_bytes(only(&c, DRILL_TRIGGER_HEADER_BYTES)->bytes, of("\r\n "), "fold");
    assert_string_equal(c.found.triggers->header, "X-A");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = no_date;
    t = only(&c, DRILL_TRIGGER_HEADER_NAME);
    assert_string_equal(t->header, "Date");
    assert_true(t->mended_by);
    drill_arena_fini(&c.arena);
}

static void test_where_a_value_comes_from(void **state)
{
    struct a_case c;
    (void)state;
    case_init(&c, MESSAGE, NULL);
    c.envelope.from = of("<spam@example.net>");
    c.milter.fault = macro_value;
    assert_string_equal(only(&c, DRILL_TRIGGER_MACRO)->name, "{mail_addr}");
    drill_arena_fini(&c.arena);

    case_init(&c, MESSAGE, NULL);
    c.milter.fault = a_step;
    c.milter.took = 500000; /* side by side */
    assert_string_equal(only(&c, DRILL_TRIGGER_STEPS)->name, "nr_hdr");
    drill_arena_fini(&c.arena);
}

static bool diagnose_with(void *ctx, const struct drill_alloc *alloc)
{
    static fault_fn *const FAULTS[] = {two_words, many_lines,  short_body,
                                       no_date,   macro_value, a_step};
    struct a_case c;
    size_t which = *(size_t *)ctx;
    case_init(&c, MESSAGE, alloc);
    c.envelope.from = of("<spam@example.net>");
    c.milter.fault = FAULTS[which];
    enum drill_code code = c.envelope.mail.raw.ptr ? diagnose(&c, 300) : DRILL_ERR_MEMORY;
    drill_arena_fini(&c.arena);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    return code == DRILL_OK;
}

static bool numbers_with(void *ctx, const struct drill_alloc *alloc)
{
    struct a_case c;
    bool parts = *(bool *)ctx;
    if (parts) {
        case_init(&c, PARTS, alloc);
    } else {
        with_argument(&c, "SIZE=4711", alloc);
    }
    c.milter.fault = parts ? many_parts : large_argument;
    enum drill_code code = c.envelope.mail.raw.ptr && (parts || c.envelope.from_args.wire.ptr)
                               ? diagnose(&c, 300)
                               : DRILL_ERR_MEMORY;
    drill_arena_fini(&c.arena);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    return code == DRILL_OK;
}

static void test_each_refused_allocation_is_survived(void **state)
{
    (void)state;
    for (size_t which = 0; which < 6; which++) {
        helper_every_alloc(diagnose_with, &which);
    }
    for (int parts = 0; parts < 2; parts++) {
        bool flag = parts;
        helper_every_alloc(numbers_with, &flag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_number),
        cmocka_unit_test(test_how_many_parts),
        cmocka_unit_test(test_the_number_of_an_argument),
        cmocka_unit_test(test_two_numbers),
        cmocka_unit_test(test_what_has_a_place_or_none),
        cmocka_unit_test(test_where_a_value_comes_from),
        cmocka_unit_test(test_each_refused_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
