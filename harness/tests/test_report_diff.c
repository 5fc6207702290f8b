/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "report/diff.h"

static struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

static void diff(struct drill_buf *out, const struct drill_diff_style *style,
                 struct drill_span before, struct drill_span after)
{
    struct drill_arena scratch;
    drill_arena_init(&scratch, NULL, 0);
    drill_buf_init(out, NULL);
    assert_true(drill_diff_text(out, style, "message", before, after, &scratch));
    drill_arena_fini(&scratch);
}

static void check_spans(struct drill_span before, struct drill_span after, const char *want)
{
    struct drill_diff_style style = {false, 0};
    struct drill_buf out;
    diff(&out, &style, before, after);
    helper_assert_bytes(drill_buf_span(&out), text(want), want);
    drill_buf_fini(&out);
}

/* `lines`: "abc" is the lines a, b, c. */
static struct drill_span lines(char *buf, const char *letters)
{
    size_t n = 0;
    for (; *letters; letters++) {
        buf[n++] = *letters;
        buf[n++] = '\r';
        buf[n++] = '\n';
    }
    return drill_span_of(buf, n);
}

static void check(const char *before, const char *after, const char *want)
{
    char a[200], b[200];
    check_spans(lines(a, before), lines(b, after), want);
}

static void test_equal_texts_have_no_difference(void **state)
{
    (void)state;
    check("", "", "");
    check("abc", "abc", "");
}

static void test_ends(void **state)
{
    (void)state;
    check("", "a", "@@ message -0,0 +1 @@\n+ a\n");
    check("a", "", "@@ message -1 +0,0 @@\n- a\n");
    check("ab", "xab", "@@ message -1,2 +1,3 @@\n+ x\n  a\n  b\n");
    check("ab", "abx", "@@ message -1,2 +1,3 @@\n  a\n  b\n+ x\n");
    check("a", "b", "@@ message -1 +1 @@\n- a\n+ b\n");
}

static void test_context_is_three_lines(void **state)
{
    (void)state;
    check("abcdefghi", "abcdxfghi",
          "@@ message -2,7 +2,7 @@\n  b\n  c\n  d\n- e\n+ x\n  f\n  g\n  h\n");
}

static void test_changes_close_together_are_one_hunk(void **state)
{
    (void)state;
    check("abcdefghi", "xbcdefgyi",
          "@@ message -1,9 +1,9 @@\n- a\n+ x\n  b\n  c\n  d\n  e\n  f\n  g\n- h\n+ y\n  i\n");
    check("abcdefghij", "xbcdefghyj",
          "@@ message -1,4 +1,4 @@\n- a\n+ x\n  b\n  c\n  d\n"
          "@@ message -6,5 +6,5 @@\n  f\n  g\n  h\n- i\n+ y\n  j\n");
}

static void test_a_run_shows_what_went_first(void **state)
{
    (void)state;
    check("abc", "xyzc", "@@ message -1,3 +1,4 @@\n- a\n- b\n+ x\n+ y\n+ z\n  c\n");
}

static void test_the_shortest_edit(void **state)
{
    (void)state;
    /* Myers' own example takes five edits */
    check("abcabba", "cbabac",
          "@@ message -1,7 +1,6 @@\n- a\n- b\n  c\n+ b\n  a\n  b\n- b\n  a\n+ c\n");
}

static void test_line_ends_are_shown(void **state)
{
    (void)state;
    check_spans(text("a\r\nb\r\n"), text("a\nb"),
                "@@ message -1,2 +1,2 @@\n- a\n- b\n+ a\\n\n+ b (no line end)\n");
    check_spans(text("\r\n"), text("\n"), "@@ message -1 +1 @@\n- \n+ \\n\n");
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    check_spans(text(""), text("\x1b[2J\t\xff \xc3\xa9\r\r\n"),
                "@@ message -0,0 +1 @@\n+ \\x1b[2J\t\\xff \xc3\xa9\\x0d\n");
}

static void test_long_lines_are_cut(void **state)
{
    char line[403], want[400];
    (void)state;
    memset(line, 'x', 400);
    memcpy(line + 400, "\r\n", 3);
    (void)snprintf(want, sizeof(want), "@@ message -0,0 +1 @@\n+ %.240s... (402 bytes)\n", line);
    check_spans(text(""), text(line), want);
    memcpy(line + 239, "\xc3\xa9", 2); /* a character is not cut in two */
    (void)snprintf(want, sizeof(want), "@@ message -0,0 +1 @@\n+ %.239s... (402 bytes)\n", line);
    check_spans(text(""), text(line), want);
}

static void test_output_has_a_limit(void **state)
{
    char a[200], b[200];
    struct drill_diff_style style = {false, 4};
    struct drill_buf out;
    (void)state;
    diff(&out, &style, lines(a, "a"), lines(b, "uvwxyz"));
    helper_assert_bytes(drill_buf_span(&out),
                        text("@@ message -1 +1,6 @@\n- a\n+ u\n+ v\n... 4 more lines\n"), "limit");
    drill_buf_fini(&out);
    style.most = 7;
    diff(&out, &style, lines(a, "a"), lines(b, "uvwxyz"));
    helper_assert_bytes(
        drill_buf_span(&out),
        text("@@ message -1 +1,6 @@\n- a\n+ u\n+ v\n+ w\n+ x\n+ y\n... 1 more line\n"), "limit");
    drill_buf_fini(&out);
}

static void test_colour(void **state)
{
    char a[200], b[200];
    struct drill_diff_style style = {true, 0};
    struct drill_buf out;
    (void)state;
    diff(&out, &style, lines(a, "ac"), lines(b, "bc"));
    helper_assert_bytes(drill_buf_span(&out),
                        text("\x1b[36m@@ message -1,2 +1,2 @@\x1b[0m\n\x1b[31m- a\x1b[0m\n"
                             "\x1b[32m+ b\x1b[0m\n  c\n"),
                        "colour");
    drill_buf_fini(&out);
}

/* ---- size ---- */

/* `count` numbered lines; of `step` lines one is another. */
static struct drill_span many(char *buf, size_t cap, unsigned count, unsigned step)
{
    size_t n = 0;
    for (unsigned i = 0; i < count; i++) {
        n += (size_t)snprintf(buf + n, cap - n, "%u%s\r\n", i, step && i % step == 0 ? "x" : "");
    }
    return drill_span_of(buf, n);
}

static void test_few_changes_in_a_large_text(void **state)
{
    enum { CAP = 2000000 };
    char *a = malloc(CAP), *b = malloc(CAP);
    struct drill_diff_style style = {false, 1000000};
    struct drill_buf out;
    (void)state;
    assert_true(a && b);
    diff(&out, &style, many(a, CAP, 100000, 0), many(b, CAP, 100000, 20000));
    assert_true(out.len < 1000); /* five hunks */
    drill_buf_fini(&out);
    free(a);
    free(b);
}

static void test_too_many_changes_are_one_piece(void **state)
{
    enum { CAP = 200000 };
    char *a = malloc(CAP), *b = malloc(CAP);
    struct drill_diff_style style = {false, 1000000};
    struct drill_buf out;
    (void)state;
    assert_true(a && b);
    diff(&out, &style, many(a, CAP, 3000, 0), many(b, CAP, 3000, 2));
    helper_assert_bytes(drill_span_sub(drill_buf_span(&out), 0, 41),
                        text("@@ message -1,3000 +1,3000 @@\n- 0\n- 1\n- 2"), "one piece");
    drill_buf_fini(&out);
    free(a);
    free(b);
}

static void test_a_text_of_nothing_but_line_ends(void **state)
{
    enum { SIZE = 4 << 20 };
    char *a = malloc(SIZE), *b = malloc(SIZE);
    struct drill_diff_style style = {false, 0};
    struct drill_buf out;
    (void)state;
    assert_true(a && b);
    memset(a, '\n', SIZE);
    memset(b, '\n', SIZE);
    memset(a + SIZE / 2, 'a', 4096);
    diff(&out, &style, drill_span_of(a, SIZE), drill_span_of(b, SIZE));
    assert_true(out.len > 0 && out.len < 100000);
    drill_buf_fini(&out);
    free(a);
    free(b);
}

/* ---- a message ---- */

struct mail {
    struct drill_span rcpt[3];
    struct drill_envelope sent;
    struct drill_applied got;
};

static void mail_init(struct mail *m)
{
    memset(m, 0, sizeof(*m));
    m->rcpt[0] = text("<bob@example.com>");
    m->rcpt[1] = text("<carol@example.com>");
    m->rcpt[2] = text("<dave@example.com>");
    m->sent.from = m->got.from = text("<alice@example.org>");
    m->sent.rcpt = m->rcpt;
    m->got.rcpt = m->rcpt;
    m->sent.rcpts = m->got.rcpts = 2;
    m->sent.mail.raw = m->got.mail.raw = text("To: t\r\n\r\nHello.\r\n");
}

static void check_mail(const struct mail *m, const char *want)
{
    struct drill_diff_style style = {false, 0};
    struct drill_arena scratch;
    struct drill_buf out;
    drill_arena_init(&scratch, NULL, 0);
    drill_buf_init(&out, NULL);
    assert_true(drill_diff_delivered(&out, &style, &m->sent, &m->got, &scratch));
    helper_assert_bytes(drill_buf_span(&out), text(want), want);
    drill_buf_fini(&out);
    drill_arena_fini(&scratch);
}

static void test_a_message_as_it_was_sent(void **state)
{
    struct mail m;
    (void)state;
    mail_init(&m);
    check_mail(&m, "delivered as it was sent\n");
    m.got.cut = true;
    check_mail(&m, "delivered as it was sent\n"
                   "... and more: what the milter sent was too large to be kept\n");
}

static void test_envelope_and_message(void **state)
{
    struct mail m;
    (void)state;
    mail_init(&m);
    m.got.rcpt = m.rcpt + 1;
    m.got.mail.raw = text("X-N: N\r\nTo: t\r\n\r\nHello.\r\n");
    check_mail(&m, "--- sent\n+++ delivered\n"
                   "@@ envelope -1,3 +1,3 @@\n"
                   "  MAIL <alice@example.org>\n- RCPT <bob@example.com>\n"
                   "  RCPT <carol@example.com>\n+ RCPT <dave@example.com>\n"
                   "@@ message -1,3 +1,4 @@\n+ X-N: N\n  To: t\n  \n  Hello.\n");
}

static void test_what_is_not_delivered(void **state)
{
    struct mail m;
    (void)state;
    mail_init(&m);
    m.got.disposition = DRILL_DISPOSE_REFUSE;
    check_mail(&m, "nothing is delivered: refused\n");
    m.got.disposition = DRILL_DISPOSE_DISCARD;
    m.got.reason = text("no recipient is left");
    check_mail(&m, "nothing is delivered: discarded (no recipient is left)\n");
    m.got.disposition = DRILL_DISPOSE_HOLD;
    m.got.reason = text("\x1b why");
    check_mail(&m, "held in the queue (\\x1b why)\ndelivered as it was sent\n");
}

/* ---- memory ---- */

static bool run(void *ctx, const struct drill_alloc *alloc)
{
    struct mail *m = ctx;
    struct drill_diff_style style = {false, 0};
    struct drill_arena scratch;
    struct drill_buf out;
    drill_arena_init(&scratch, alloc, 0);
    drill_buf_init(&out, alloc);
    bool good = drill_diff_delivered(&out, &style, &m->sent, &m->got, &scratch);
    drill_buf_fini(&out);
    drill_arena_fini(&scratch);
    return good;
}

static void test_every_allocation(void **state)
{
    char *a = malloc(20000), *b = malloc(20000);
    struct mail m;
    (void)state;
    assert_true(a && b);
    mail_init(&m);
    m.got.from = text("<>");
    m.sent.mail.raw = many(a, 20000, 1000, 0);
    m.got.mail.raw = many(b, 20000, 1000, 50);
    helper_every_alloc(run, &m);
    m.got.disposition = DRILL_DISPOSE_REFUSE;
    helper_every_alloc(run, &m);
    free(a);
    free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_texts_have_no_difference),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_context_is_three_lines),
        cmocka_unit_test(test_changes_close_together_are_one_hunk),
        cmocka_unit_test(test_a_run_shows_what_went_first),
        cmocka_unit_test(test_the_shortest_edit),
        cmocka_unit_test(test_line_ends_are_shown),
        cmocka_unit_test(test_hostile_bytes),
        cmocka_unit_test(test_long_lines_are_cut),
        cmocka_unit_test(test_output_has_a_limit),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_few_changes_in_a_large_text),
        cmocka_unit_test(test_too_many_changes_are_one_piece),
        cmocka_unit_test(test_a_text_of_nothing_but_line_ends),
        cmocka_unit_test(test_a_message_as_it_was_sent),
        cmocka_unit_test(test_envelope_and_message),
        cmocka_unit_test(test_what_is_not_delivered),
        cmocka_unit_test(test_every_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
