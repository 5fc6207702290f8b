/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/shape.h"

struct row {
    const char *a, *b;
    bool same;
};

static void check(const struct row *rows, size_t count,
                  bool (*shape)(struct drill_span, struct drill_span))
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct drill_span a = drill_span_str(rows[i].a), b = drill_span_str(rows[i].b);
        bool right = shape(a, b) == rows[i].same && shape(b, a) == rows[i].same && shape(a, a) &&
                     shape(b, b);
        if (!right) {
            print_message("%s\n%s\n  should be %s\n", rows[i].a, rows[i].b,
                          rows[i].same ? "alike" : "different");
        }
        all = all && right;
    }
    assert_true(all);
}

static const struct row values[] = {
    {"", "", true},
    {"", "a", false},
    {"a", "a b", false},
    /* words and marks are themselves */
    {"infected", "clean", false},
    {"caf\xc3\xa9", "caf\xc3\xa8", false},
    {"Clean", "clean", false},
    {"a, b", "a; b", false},
    {"(a)", "(a", false},
    {"a-b", "a-c", false},
    {"a_1", "b_1", false},
    {"BAYES_00", "BAYES_50", true},
    /* blanks and folds */
    {"a b", "a \r\n\tb", true},
    {"a b", "ab", false},
    {" a", "a", false},
    {"a ", "a", false},
    /* numbers */
    {"5", "1234567", true},
    {"5", "-0.1", true},
    {"score=5", "score=5.2", true},
    {"5", "five", false},
    {"5%", "6", false},
    {"12:19:08", "1:02:03", true},
    {"12:19", "1:02", true},
    {"20/11/2026", "1/2/2027", true},
    /* ids */
    {"4F3C21A0B9", "41234567890", true},
    {"4Xy7Qk2zr9zB1", "4F3C21A0B9", true},
    {"1tABC0-0003xy-2z", "1tDEF0-0004ab-9a", true},
    {"abcdef", "4F3C21", false},
    {"wXyZaBcDeFgH", "4F3C21A0B9", true},
    {"SpamAssassin", "JavaScripter", false},
    {"queued as 4F3C21A0B9", "queued as 4Xy7Qk2zr9zB1", true},
    {"queued as 4F3C21A0B9", "deferred as 4Xy7Qk2zr9zB1", false},
    {"x=a1B2==", "x=c3D4e", true},
    {"a1=b", "a1=c", false},
    {"a1=\"b\"", "a1 \"b\"", false},
    /* hosts and addresses */
    {"mx.example.com", "192.0.2.25", true},
    {"mx.example.com", "localhost", true},
    {"unknown", "192.0.2.25", true},
    {"mx.example.com", "mx", false},
    {"scanner 1.2 at vm", "scanner 1.2 at mx.example.com", true},
    {"at vm", "at box", false},
    {"in vm", "in mx.example.com", false},
    {"at \"vm\"", "at \"mx.example.com\"", false},
    {"from mx by mx", "from a.example by  b.example", true},
    {"[192.0.2.1]", "[IPv6:2001:db8::5]", true},
    {"2001:db8::5", "::1", true},
    {"mail.example.org [192.0.2.1]", "localhost [127.0.0.1]", true},
    {"<20261120121908.4F3C@mx.example.com>", "<1.2@localhost>", true},
    {"<alice@example.org>", "<bob@example.org>", false},
    {"refused by mx.example.com.", "refused by mail.example.net.", true},
    {"add:bad:cafe", "bad:add:cafe", false},
    /* dates */
    {"Fri, 20 Nov 2026 12:19:08 +0000 (UTC)", "Sun,  1 Feb 2027 01:02:03 -0500 (EST)", true},
    {"Fri, 20 Nov 2026 12:19:08 +0000", "Fri, 20 Nov 2026", false},
    {"Friday", "Sunday", false},
    {"Mon", "Nov", true},
    /* signatures */
    {"v=1; a=rsa-sha256; d=example.org; s=mail; b=AbC+/d\r\n\tXyz=; c=relaxed",
     "v=1; a=rsa-sha256; d=example.net; s=mail; b=pqr; c=relaxed", true},
    {"v=1; a=rsa-sha256; d=example.org; s=mail; b=AbC; c=relaxed",
     "v=1; a=rsa-sha256; d=example.org; s=post; b=AbC; c=relaxed", false},
    {"bh=abc; b=def", "bh=ghi; b=jkl", true},
    {"bh=abc; b=def", "bh=ghi", false},
    {"x b=abc", "x b=def", false},
    {"b abc", "b def", false},
    {"mx.example.com; dkim=pass header.d=example.org", "localhost; dkim=pass header.d=example.net",
     true},
    {"mx.example.com; dkim=pass", "mx.example.com; dkim=fail", false},
    {"from mail.example.org (unknown [192.0.2.1])\r\n\tby mx.example.com (Postfix) with ESMTP id "
     "4F3C21A0B9\r\n\tfor <bob@example.com>; Fri, 20 Nov 2026 12:19:08 +0000 (UTC)",
     "from mail.example.org (localhost [127.0.0.1])\r\n\tby mx.example.net (Postfix) with ESMTP id "
     "4Xy7Qk2zr9zB1\r\n\tfor <bob@example.com>; Sat,  5 Dec 2026 02:09:00 +0000 (UTC)",
     true},
};

static void test_values(void **state)
{
    (void)state;
    check(values, sizeof(values) / sizeof(values[0]), drill_shape_same);
}

static const struct row replies[] = {
    {"550 5.7.1 refused, id=4F3C21", "550 5.7.1 refused, id=9Z", true},
    {"550 5.7.1 refused", "554 5.7.1 refused", false},
    {"550 5.7.1 refused", "550 5.7.2 refused", false},
    {"550 5.7.1 refused", "550 refused", false},
    {"550 5.7.1 refused", "550-5.7.1 refused", false},
    {"550 5.7.1", "550 5.7.1", true},
    {"550 192.0.2.1 refused", "550 192.0.2.77 refused", true},
    {"550", "551", false},
    {"550-5.7.1 one 1\r\n550 5.7.1 two 2", "550-5.7.1 one 3\r\n550 5.7.1 two 4", true},
    {"550-5.7.1 one 1\r\n550 5.7.1 two 2", "550-5.7.1 one 1\r\n551 5.7.1 two 2", false},
    {"550-5.7.1 one 1\r\n550 5.7.1 two 2", "550-5.7.1 one 1", false},
    {"550-5.7.1 one 1\r\n550 5.7.1 two 2", "550-5.7.1 one 1\r\n550 5.7.3 two 2", false},
};

static void test_replies(void **state)
{
    (void)state;
    check(replies, sizeof(replies) / sizeof(replies[0]), drill_shape_reply);
}

/* Every byte, alone and between letters, is one thing and like itself. */
static void test_every_byte(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        const uint8_t alone[] = {(uint8_t)c};
        const uint8_t between[] = {'x', (uint8_t)c, 'y', (uint8_t)c};
        assert_true(drill_shape_same(drill_span_of(alone, 1), drill_span_of(alone, 1)));
        assert_true(drill_shape_same(drill_span_of(between, 4), drill_span_of(between, 4)));
        bool digit = c >= '0' && c <= '9'; /* x1y1 and x1 are two ids */
        assert_true(drill_shape_same(drill_span_of(between, 4), drill_span_of(between, 2)) ==
                    digit);
    }
}

/* What would make a careless reader look at the same bytes again and again. */
static void test_long_values(void **state)
{
    (void)state;
    static const char *const pieces[] = {"ab:", "1:", "a1:b:", "a.", "-", "b=", "IPv6:", "=", "1-"};
    enum { SIZE = 1 << 20 };
    uint8_t *bytes = test_malloc(SIZE);
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        size_t n = drill_span_str(pieces[i]).len;
        for (size_t at = 0; at < SIZE; at++) {
            bytes[at] = (uint8_t)pieces[i][at % n];
        }
        assert_true(drill_shape_same(drill_span_of(bytes, SIZE), drill_span_of(bytes, SIZE)));
    }
    test_free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_replies),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_long_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
