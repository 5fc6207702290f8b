/* SPDX-License-Identifier: MIT */
/* Messages as MTAs cut them. */
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "session/mail.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct mail {
    struct drill_arena arena;
    struct drill_mail mail;
    struct drill_error err;
    struct drill_span source;
};

static enum drill_code parse(struct mail *m, struct drill_span source)
{
    drill_arena_init(&m->arena, NULL, 0);
    m->source = helper_exact(source);
    enum drill_code rc = drill_mail_parse(m->source, &m->arena, &m->mail, &m->err);
    if (rc == DRILL_OK) {
        rc = drill_mail_finish(&m->mail, &m->arena);
    }
    return rc;
}

static void done(struct mail *m)
{
    drill_arena_fini(&m->arena);
    helper_exact_free(m->source);
}

static void assert_header(const struct drill_mail_header *h, struct drill_span name,
                          struct drill_span value)
{
    assert_non_null(h);
    helper_assert_bytes(h->name, name, "name");
    helper_assert_bytes(h->value, value, "value");
}

static void test_lf_becomes_crlf(void **state)
{
    struct mail m;
    (void)state;
    assert_int_equal(parse(&m, BYTES("From: a\nTo: b\n\tc\n\nline\n\nend")), DRILL_OK);
    assert_header(m.mail.headers, BYTES("From"), BYTES(" a"));
    assert_header(m.mail.headers->next, BYTES("To"), BYTES(" b\r\n\tc"));
    assert_null(m.mail.headers->next->next);
    helper_assert_bytes(m.mail.body, BYTES("line\r\n\r\nend"), "body");
    helper_assert_bytes(m.mail.raw, BYTES("From: a\r\nTo: b\r\n\tc\r\n\r\nline\r\n\r\nend"), "raw");
    done(&m);
}

static void test_crlf_is_taken_as_it_is(void **state)
{
    struct mail m;
    (void)state;
    assert_int_equal(parse(&m, BYTES("A: b\r\nC:\rd\r\n \r\n\r\n\0\xff\rx\ny\r\n")), DRILL_OK);
    assert_header(m.mail.headers->next, BYTES("C"), BYTES("\rd\r\n "));
    helper_assert_bytes(m.mail.body, BYTES("\0\xff\rx\ny\r\n"), "body");
    helper_assert_bytes(m.mail.raw, m.source, "raw");
    assert_ptr_equal(m.mail.raw.ptr, m.source.ptr);
    done(&m);
}

static void test_where_the_header_ends(void **state)
{
    static const struct {
        struct drill_span source, raw, body;
        size_t headers;
        bool has_body;
    } rows[] = {
#define S(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {S(""), S(""), S(""), 0, false},
        {S("\n"), S("\r\n"), S(""), 0, true},
        {S("\nbody"), S("\r\nbody"), S("body"), 0, true},
        {S("A: b"), S("A: b\r\n"), S(""), 1, false},
        {S("A: b\n"), S("A: b\r\n"), S(""), 1, false},
        {S("A: b\n\n"), S("A: b\r\n\r\n"), S(""), 1, true},
        {S("A: b\n c"), S("A: b\r\n c\r\n"), S(""), 1, false},
        {S("A: b\nno field\nC: d\n"), S("A: b\r\n\r\nno field\r\nC: d\r\n"),
         S("no field\r\nC: d\r\n"), 1, true},
        {S("A:\n:empty\nB \t: c\nX\xe9: d\n\n"), S("A:\r\n:empty\r\nB \t: c\r\nX\xe9: d\r\n\r\n"),
         S(""), 4, true},
        {S("From : a\n\n"), S("From : a\r\n\r\n"), S(""), 1, true},
#undef S
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mail m;
        size_t headers = 0;
        assert_int_equal(parse(&m, rows[i].source), DRILL_OK);
        for (const struct drill_mail_header *h = m.mail.headers; h; h = h->next) {
            headers++;
        }
        assert_int_equal(headers, rows[i].headers);
        assert_int_equal(m.mail.has_body, rows[i].has_body);
        helper_assert_bytes(m.mail.body, rows[i].body, "body");
        helper_assert_bytes(m.mail.raw, rows[i].raw, "raw");
        done(&m);
    }
}

static void test_what_is_no_message(void **state)
{
    static const struct {
        const char *source, *text;
    } rows[] = {
        {"From alice Mon Jan  1 00:00:00 2024\nFrom: a\n\n", "mbox"},
        {"no field\n", "header fields"},
        {" A: b\n", "header fields"},
        {"A b: c\n", "header fields"},
        {"A\x01: c\n", "header fields"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mail m;
        assert_int_equal(parse(&m, drill_span_str(rows[i].source)), DRILL_ERR_SYNTAX);
        assert_int_equal(m.err.line, 1);
        assert_non_null(strstr(m.err.text, rows[i].text));
        done(&m);
    }
}

static void test_headers_are_replaced_or_added(void **state)
{
    struct mail m;
    (void)state;
    assert_int_equal(parse(&m, BYTES("From: a\nTO : b\nTo: c\n\nx\n")), DRILL_OK);
    assert_int_equal(
        drill_mail_set_header(&m.mail, BYTES("To"), BYTES("new\n fold\r\n\tx"), &m.arena),
        DRILL_OK);
    assert_int_equal(drill_mail_set_header(&m.mail, BYTES("X"), BYTES(""), &m.arena), DRILL_OK);
    drill_mail_set_body(&m.mail, BYTES("y"));
    assert_int_equal(drill_mail_finish(&m.mail, &m.arena), DRILL_OK);
    helper_assert_bytes(
        m.mail.raw, BYTES("From: a\r\nTO : new\r\n fold\r\n\tx\r\nTo: c\r\nX: \r\n\r\ny"), "raw");
    assert_header(drill_mail_find(&m.mail, "to"), BYTES("TO "), BYTES(" new\r\n fold\r\n\tx"));
    assert_null(drill_mail_find(&m.mail, "Cc"));
    done(&m);
}

static void test_default_message(void **state)
{
    struct drill_arena arena;
    struct drill_mail mail;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    assert_int_equal(
        drill_mail_default(BYTES("<alice@example.org>"), BYTES("bob@example.com"), &arena, &mail),
        DRILL_OK);
    assert_int_equal(drill_mail_finish(&mail, &arena), DRILL_OK);
    helper_assert_bytes(mail.raw,
                        BYTES("From: alice@example.org\r\nTo: bob@example.com\r\n"
                              "Subject: Test\r\n\r\nHello.\r\n"),
                        "raw");
    drill_arena_fini(&arena);
}

static void test_addresses(void **state)
{
    static const struct {
        const char *value, *list; /* joined by blanks */
    } rows[] = {
        {" alice@example.org", "alice@example.org"},
        {" Alice <alice@example.org>", "alice@example.org"},
        {" \"A, B\" <a@x>, b@y (c, d), <c@z>", "a@x b@y c@z"},
        {" a@x,\r\n\tb@y", "a@x b@y"},
        {" friends: a@x, b@y;, c@z", "a@x b@y c@z"},
        {" undisclosed-recipients:;", ""},
        {" <@r1,@r2:a@x>", "a@x"},
        {" \"a b\"@x", "\"a b\"@x"},
        {" a(comment (nested) \\) x)@x", "a(comment (nested) \\) x)@x"},
        {" < a@x >", "a@x"},
        {"", ""},
        {" ,,", ""},
        {" \"unterminated", "\"unterminated"},
        {" <unterminated", "unterminated"},
        {" (unterminated", ""},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct mail m;
        char joined[200] = "";
        struct drill_span *list = NULL;
        size_t count = 0;
        drill_arena_init(&m.arena, NULL, 0);
        m.source = helper_exact(drill_span_str(rows[i].value));
        struct drill_mail_header h = {BYTES("To"), m.source, NULL};
        memset(&m.mail, 0, sizeof(m.mail));
        m.mail.headers = &h;
        assert_int_equal(drill_mail_addresses(&m.mail, "To", &m.arena, &list, &count), DRILL_OK);
        for (size_t k = 0; k < count; k++) {
            strncat(joined, k ? " " : "", 1);
            strncat(joined, (const char *)list[k].ptr, list[k].len);
        }
        assert_string_equal(joined, rows[i].list);
        struct drill_span first = drill_mail_address(&m.mail, "To");
        helper_assert_bytes(first, count ? list[0] : BYTES(""), "first");
        assert_int_equal(drill_mail_addresses(&m.mail, "Cc", &m.arena, &list, &count), DRILL_OK);
        done(&m);
    }
}

static void test_address_lists_are_appended(void **state)
{
    struct mail m;
    struct drill_span *list = NULL;
    size_t count = 0;
    (void)state;
    assert_int_equal(parse(&m, BYTES("To: a@x, b@x\nCc: c@x\nFrom: <>\n\n")), DRILL_OK);
    assert_int_equal(drill_mail_addresses(&m.mail, "To", &m.arena, &list, &count), DRILL_OK);
    assert_int_equal(drill_mail_addresses(&m.mail, "Cc", &m.arena, &list, &count), DRILL_OK);
    assert_int_equal(count, 3);
    helper_assert_bytes(list[0], BYTES("a@x"), "0");
    helper_assert_bytes(list[2], BYTES("c@x"), "2");
    assert_int_equal(drill_mail_address(&m.mail, "From").len, 0);
    assert_int_equal(drill_mail_address(&m.mail, "Sender").len, 0);
    done(&m);
}

static void test_utf8(void **state)
{
    static const struct {
        struct drill_span bytes;
        bool valid;
    } rows[] = {
#define S(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {S(""), true},
        {S("a\0\x7f"), true},
        {S("\xc3\xa9"), true},
        {S("\xe2\x82\xac"), true},
        {S("\xf0\x9f\x98\x80"), true},
        {S("\xf4\x8f\xbf\xbf"), true},
        {S("\xe9"), false},
        {S("\xc3"), false},
        {S("\x80"), false},
        {S("\xc0\x80"), false}, /* overlong */
        {S("\xc1\xbf"), false},
        {S("\xe0\x9f\xbf"), false},
        {S("\xf0\x8f\xbf\xbf"), false},
        {S("\xed\xa0\x80"), false},     /* surrogate */
        {S("\xf4\x90\x80\x80"), false}, /* over U+10FFFF */
        {S("\xf5\x80\x80\x80"), false},
        {S("\xe2\x82"), false},
        {S("\xe2\x28\xa1"), false},
#undef S
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drill_span exact = helper_exact(rows[i].bytes);
        if (drill_mail_is_utf8(exact) != rows[i].valid) {
            fail_msg("row %zu", i);
        }
        helper_exact_free(exact);
    }
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena arena;
    struct drill_mail mail;
    struct drill_span *list = NULL;
    size_t count = 0;
    (void)ctx;
    drill_arena_init(&arena, alloc, 0);
    /* Larger than an arena's block, so that each step allocates. */
    static char big[12000];
    memset(big, 'b', sizeof(big));
    memcpy(big, "A: b\n", 5);
    memcpy(big + 5000, "\n C, ", 5);
    enum drill_code rc = drill_mail_parse(drill_span_of(big, sizeof(big)), &arena, &mail, NULL);
    if (rc == DRILL_OK) {
        rc = drill_mail_set_header(&mail, drill_span_str("A"), drill_span_of(big, 9000), &arena);
    }
    if (rc == DRILL_OK) {
        rc = drill_mail_finish(&mail, &arena);
    }
    if (rc == DRILL_OK) {
        rc = drill_mail_addresses(&mail, "A", &arena, &list, &count);
    }
    drill_arena_fini(&arena);
    assert_true(rc == DRILL_OK || rc == DRILL_ERR_MEMORY);
    return rc == DRILL_OK;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    helper_every_alloc(every_allocation, NULL);
}

/* A lean message is the whole one, from whatever place it is read. */
static void test_lean_is_the_same(void **state)
{
    enum { BODY = DRILL_MAIL_SLICE + 100 };
    static const size_t most[] = {1, 7, 65535, DRILL_MAIL_SLICE};
    static uint8_t body[BODY];
    struct drill_arena arena;
    struct drill_mail whole, lean;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < BODY; i++) {
        body[i] = (uint8_t)(i * 7 + i / 251);
    }
    assert_int_equal(drill_mail_default(drill_span_str("a@example.org"),
                                        drill_span_str("b@example.com"), &arena, &whole),
                     DRILL_OK);
    drill_mail_set_body(&whole, drill_span_of(body, BODY));
    lean = whole;
    assert_int_equal(drill_mail_finish(&whole, &arena), DRILL_OK);
    assert_int_equal(drill_mail_finish_lean(&lean, &arena), DRILL_OK);
    assert_int_equal(lean.raw.len, 0);
    assert_int_equal(drill_mail_size(&lean), whole.raw.len);
    for (size_t k = 0; k < sizeof(most) / sizeof(*most); k++) {
        for (size_t at = 0; at <= whole.raw.len; at += at < 300 ? 1 : 1 + whole.raw.len / 97) {
            struct drill_span a = drill_mail_slice(&whole, at, most[k]);
            struct drill_span b = drill_mail_slice(&lean, at, most[k]);
            assert_true(drill_span_equal(a, b));
            assert_true(drill_span_equal(a, drill_span_sub(whole.raw, at, most[k])));
        }
    }
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lf_becomes_crlf),
        cmocka_unit_test(test_crlf_is_taken_as_it_is),
        cmocka_unit_test(test_where_the_header_ends),
        cmocka_unit_test(test_what_is_no_message),
        cmocka_unit_test(test_headers_are_replaced_or_added),
        cmocka_unit_test(test_default_message),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_address_lists_are_appended),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_each_allocation_may_fail),
        cmocka_unit_test(test_lean_is_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
