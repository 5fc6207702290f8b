/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/match.h"
#include "scenario/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct drill_errors errors;

/* The first item of `line`. */
static const struct drill_step *step_of(const char *line, struct drill_arena *arena)
{
    char source[512];
    int n = snprintf(source, sizeof(source), "drill 1 \"x\"\n%s\n", line);
    const struct drill_file *file =
        drill_parse(drill_span_of(source, (size_t)n), "f", NULL, arena, &errors);
    if (!file) {
        fail_msg("%s: %s", line, errors.item[0].text);
    }
    return file->body.steps;
}

static struct drill_came came_of(uint8_t code, struct drill_span payload)
{
    struct drill_came came = {code, (uint32_t)payload.len + 1, payload, true};
    return came;
}

/* ---- lines against messages ---- */

struct match_case {
    const char *line;
    uint8_t code;
    const char *payload;
    size_t len;
    const char *why; /* NULL: it matches */
};

#define CAME(code, literal) code, literal, sizeof(literal) - 1

static const struct match_case cases[] = {
    /* names and unnamed fields */
    {"> header", CAME('L', "To\0a\0"), NULL},
    {"> header", CAME('N', ""), "it is eoh, not header"},
    {"> header", CAME('x', ""), "it is a frame of code 120, not header"},
    {"< continue", CAME('a', ""), "it is accept, not continue"},
    {"> header name=\"To\"", CAME('L', "To\0a\0"), NULL},
    {"> header name=\"To\"", CAME('L', "From\0a\0"), "name is \"From\", not \"To\""},
    {"> header name=\"To\" value=\"b\"", CAME('L', "To\0a\0"), "value is \"a\", not \"b\""},
    {"> header value=\"a\" * 3 + \"b\"", CAME('L', "To\0aaab\0"), NULL},
    {"> header value=\"a\" * 3", CAME('L', "To\0aa\0"), "value is \"aa\", not \"a\" * 3"},
    {"> header value=\"a\" * 2", CAME('L', "To\0aaa\0"), "value is \"aaa\", not \"a\" * 2"},
    {"> header value=\"\" * 18446744073709551615 + \"a\"", CAME('L', "To\0a\0"), NULL},
    {"> header value=hex \"61\"", CAME('L', "To\0a\0"), NULL},
    {"> header value=~\"*cd\"", CAME('L', "To\0abcd\0"), NULL},
    {"> header value=~\"*ce\"", CAME('L', "To\0abcd\0"), "value is \"abcd\", not ~\"*ce\""},
    {"> header value=len 2..4", CAME('L', "To\0abcd\0"), NULL},
    {"> header value=len ..3", CAME('L', "To\0abcd\0"), "value is 4 bytes, not len ..3"},
    {"> header value=len 5..", CAME('L', "To\0abcd\0"), "value is 4 bytes, not len 5.."},
    /* numbers */
    {"< optneg version=6", CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\0"), NULL},
    {"< optneg version=2..4", CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\0"), "version is 6, not 2..4"},
    {"< optneg actions=addhdrs,addrcpt", CAME('O', "\0\0\0\6\0\0\0\5\0\0\0\0"), NULL},
    {"< optneg actions=addhdrs", CAME('O', "\0\0\0\6\0\0\0\5\0\0\0\0"),
     "actions is addhdrs,addrcpt, not addhdrs"},
    {"< optneg protocol=+noconnect-skip", CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\1"), NULL},
    {"< optneg protocol=+noconnect-skip", CAME('O', "\0\0\0\6\0\0\0\0\0\0\4\1"),
     "protocol is noconnect,skip, not +noconnect-skip"},
    {"< optneg protocol=+nohelo", CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\1"),
     "protocol is noconnect, not +nohelo"},
    {"< insheader index=3", CAME('i', "\0\0\0\4a\0b\0"), "index is 4, not 3"},
    {"> connect family=inet", CAME('C', "h\0006\0\1::1\0"), "family is inet6, not inet"},
    {"> connect family=inet6 port=1 address=\"::1\"", CAME('C', "h\0006\0\1::1\0"), NULL},
    {"> connect port=0..9", CAME('C', "h\0U"), "port is missing"},
    {"> connect address=\"x\"", CAME('C', "h\0U"), "address is missing"},
    {"> macro stage=mail", CAME('D', "R"), "stage is rcpt, not mail"},
    {"> macro stage=0..90", CAME('D', "Z"), NULL},
    /* arguments, second strings, lists, macros */
    {"> mail arg=\"a\" arg=\"b\"", CAME('M', "x\0a\0b\0"), NULL},
    {"> mail arg=\"a\"", CAME('M', "x\0a\0b\0"), "one more arg came: \"b\""},
    {"> mail arg=\"a\" arg=\"b\"", CAME('M', "x\0a\0"), "arg is missing"},
    {"> mail arg=\"b\" arg=\"a\"", CAME('M', "x\0a\0b\0"), "arg is \"a\", not \"b\""},
    {"> mail arg=absent", CAME('M', "x\0"), NULL},
    {"> mail arg=absent", CAME('M', "x\0a\0"), "arg is \"a\", not absent"},
    {"< chgfrom args=absent", CAME('e', "x\0"), NULL},
    {"< chgfrom args=absent", CAME('e', "x\0y\0"), "args is \"y\", not absent"},
    {"< chgfrom args=\"\"", CAME('e', "x\0"), "args is missing"},
    {"< chgfrom args=\"\"", CAME('e', "x\0\0"), NULL},
    {"< optneg list.rcpt=\"i\" list.rcpt=\"j\"",
     CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\3i\0\0\0\0\0x\0\0\0\0\3j\0"), NULL},
    {"< optneg list.data=\"i\"", CAME('O', "\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\3i\0"),
     "list.data is missing"},
    {"> macro i=\"1\" {b}=~\"*\"", CAME('D', "Ma\0x\0{b}\0y\0i\0001\0"), NULL},
    {"> macro i=\"1\" i=\"2\"", CAME('D', "Mi\0001\0i\0002\0"), NULL},
    {"> macro i=\"2\"", CAME('D', "Mi\0001\0i\0002\0"), "i is \"1\", not \"2\""},
    {"> macro i=\"1\"", CAME('D', "M{i}\0001\0"), "i is missing"},
    {"> macro i=absent", CAME('D', "M{i}\0001\0"), NULL},
    {"> macro {i}=absent", CAME('D', "M{i}\0001\0"), "{i} is \"1\", not absent"},
    /* payloads and faults */
    {"> body data=\"ab\"", CAME('B', "ab"), NULL},
    {"> body data=~\"a\"", CAME('B', "ab"), "data is \"ab\", not ~\"a\""},
    {"< replycode", CAME('y', "550 x"), "the payload is faulty: missing final NUL"},
    {"< replycode data=~\"550*\"", CAME('y', "550 x"), NULL},
    {"< continue", CAME('c', "x"), "the payload is faulty: bytes behind the end of the message"},
    {"< continue data=\"x\"", CAME('c', "x"), NULL},
    {"> header name=\"a\"", CAME('L', "a\0b\0c\0"),
     "the payload is faulty: more strings than the message has"},
    {"< frame code=120..122 data=\"q\"", CAME('z', "q"), NULL},
    {"< frame code=1", CAME('z', "q"), "code is 122, not 1"},
    {"> mail length=5", CAME('M', "x\0"), "length is 3, not 5"},
    {"> mail length=3", CAME('M', "x\0"), NULL},
    /* no message at all */
    {"> reset", CAME('M', "x\0"), "a message came, where the line stands for something else"},
};

typedef bool match_fn(const struct drill_item *item, enum drill_dir dir,
                      const struct drill_came *came, struct drill_binds *binds,
                      struct drill_mismatch *why);

static void check_cases(const struct match_case *rows, size_t count, match_fn *match)
{
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        const struct match_case *c = &rows[i];
        struct drill_arena arena;
        struct drill_mismatch why;
        drill_arena_init(&arena, NULL, 0);
        const struct drill_step *step = step_of(c->line, &arena);
        struct drill_span payload = helper_exact(drill_span_of(c->payload, c->len));
        struct drill_came came = came_of(c->code, payload);
        bool matched = match(step->items, step->dir, &came, NULL, &why);
        assert_true(matched == match(step->items, step->dir, &came, NULL, NULL));
        if (matched != (c->why == NULL) || strcmp(why.text, c->why ? c->why : "") != 0) {
            print_error("%s\n  want %s\n  got  %s\n", c->line, c->why ? c->why : "a match",
                        matched ? "a match" : why.text);
            all = false;
        }
        helper_exact_free(payload);
        drill_arena_fini(&arena);
    }
    assert_true(all);
}

static void test_cases(void **state)
{
    (void)state;
    check_cases(cases, sizeof(cases) / sizeof(cases[0]), drill_match);
}

/* Lines of a recording: which places are tolerant, and how. */
static const struct match_case recorded[] = {
    {"> macro stage=mail i=\"4F3C\"", CAME('D', "Mi\0ABC9\0"), NULL},
    {"> macro stage=mail i=\"4F3C\"", CAME('D', "Mi\0none\0"),
     "i is \"none\", not of the shape of \"4F3C\""},
    {"> macro stage=mail i=\"4F3C\"", CAME('D', "Mj\0x\0"), "i is missing"},
    {"> macro stage=mail i=\"4F3C\"", CAME('D', "Ri\0004F3C\0"), "stage is rcpt, not mail"},
    {"> macro stage=mail i=absent", CAME('D', "Mi\0004F3C\0"), "i is \"4F3C\", not absent"},
    {"> macro stage=mail {b}=\"2\" i=\"4F3C\"", CAME('D', "Mi\0009\0{a}\0001\0{b}\0002\0"), NULL},
    {"> macro stage=connect j=\"mx.example.com\"", CAME('D', "Cj\0localhost\0"), NULL},
    {"> macro stage=connect j=\"mx.example.com\"", CAME('D', "C"), "j is missing"},
    {"> macro stage=connect v=\"Postfix 3.7.11\"", CAME('D', "Cv\0Postfix 3.10\0"), NULL},
    {"> macro stage=connect v=\"Postfix 3.7.11\"", CAME('D', "Cv\0Sendmail 8.17\0"),
     "v is \"Sendmail 8.17\", not of the shape of \"Postfix 3.7.11\""},
    {"> macro stage=mail {auth_authen}=\"alice\" {cert_subject}=\"x\" {cipher}=\"y\"",
     CAME('D', "M"), NULL},
    {"> macro stage=mail {mail_addr}=\"a1\"", CAME('D', "M{mail_addr}\0b2\0"),
     "{mail_addr} is \"b2\", not \"a1\""},
    {"> macro stage=rcpt {rcpt_mailer}=\"local\"", CAME('D', "R{rcpt_mailer}\0smtp\0"), NULL},
    {"> connect host=\"h.example\" family=inet6 port=25 address=\"2001:db8::1\"",
     CAME('C', "x\0004\1\002192.0.2.1\0"), NULL},
    {"> connect host=\"h.example\" family=inet", CAME('C', "x\0U"), "family is unknown, not inet"},
    {"> connect family=unix", CAME('C', "x\0004\1\002192.0.2.1\0"), "family is inet, not unix"},
    {"> helo name=\"h1\"", CAME('H', "h2\0"), "name is \"h2\", not \"h1\""},
    {"> mail address=\"<a>\" arg=\"SIZE=1\"", CAME('M', "<a>\0"), NULL},
    {"> mail address=\"<a>\" arg=absent", CAME('M', "<a>\0SIZE=9\0"), NULL},
    {"> rcpt address=\"<a1>\"", CAME('R', "<b2>\0"), "address is \"<b2>\", not \"<a1>\""},
    {"> header name=\"Date\" value=\"Fri, 20 Nov 2026\"", CAME('L', "Date\0Sun, 1 Feb 2027\0"),
     NULL},
    {"> header name=\"message-id\" value=\"<1@a.example>\"",
     CAME('L', "message-id\0<2@b.example>\0"), NULL},
    {"> header name=\"X-Queue-Id\" value=\"a1\"", CAME('L', "X-Queue-Id\0b2\0"), NULL},
    {"> header name=\"X-Id-Card\" value=\"a1\"", CAME('L', "X-Id-Card\0b2\0"),
     "value is \"b2\", not \"a1\""},
    {"> header name=\"ARC-Seal\" value=\"i=1; b=x\"", CAME('L', "ARC-Seal\0i=2; b=y\0"), NULL},
    {"> header name=\"Subject\" value=\"a1\"", CAME('L', "Subject\0b2\0"),
     "value is \"b2\", not \"a1\""},
    {"> header name=\"Date\" value=\"1\"", CAME('L', "date\0001\0"),
     "name is \"date\", not \"Date\""},
    {"> header name=\"Date\" value=\"1\" + \"2\"", CAME('L', "Date\00012\0"), NULL},
    {"> header name=\"Date\" value=\"1\" + \"2\"", CAME('L', "Date\00013\0"),
     "value is \"13\", not of the shape of \"1\" + \"2\""},
    {"< addheader name=\"X\" value=\"a1 \" + \"-\" * 32 + \" b2\"",
     CAME('h', "X\0c3 --------------------------------"
               " d4\0"),
     NULL},
    {"< addheader name=\"X\" value=\"a1 \" + \"-\" * 32 + \" b2\"",
     CAME('h', "X\0c3 -------------------------------"
               " d4\0"),
     "value is \"c3 ------------------------------- d4\", not of the shape of \"a1 \" + \"-\" * 32 "
     "+ "
     "\" b2\""},
    {"< addheader name=\"X\" value=\"a1\" * 2", CAME('h', "X\0b2b2\0"),
     "value is \"b2b2\", not of the shape of \"a1\" * 2"},
    {"> header name=\"Subject\" value=\"0123456789012345678901234567890123456789\"",
     CAME('L', "Subject\0"
               "012345678901234567890123456789012345678\0"),
     "value differs from byte 39 of 39 on: \"\", not \"9\""},
    {"> header name=\"Subject\" value=\"ab\" * 20 + \"cdefghijklmnopqrstuvwxyz0123456789\"",
     CAME('L', "Subject\0"
               "ababababababababababababababababababababcDefghijklmnopqrstuvwxyz0123456789\0"),
     "value differs from byte 41 of 74 on: \"Defghijklmnopqrstuvwxyz0\", not "
     "\"defghijklmnopqrstuvwxyz0\""},
    {"> header name=\"Date\" value=~\"a*\"", CAME('L', "Date\00013\0"),
     "value is \"13\", not of the shape of ~\"a*\""},
    {"> mail data=\"a1\"", CAME('M', "b2"), "data is \"b2\", not \"a1\""},
    {"> body data=\"a1\"", CAME('B', "b2"), "data is \"b2\", not \"a1\""},
    {"> frame code=76 data=\"Date\\0a1\\0\"", CAME('L', "Date\0b2\0"),
     "data is \"Date\\0b2\\0\", not \"Date\\0a1\\0\""},
    {"< addheader name=\"X\" value=\"a1\"", CAME('h', "X\0b2\0"), NULL},
    {"< addheader name=\"X\" value=\"a1\"", CAME('h', "Y\0b2\0"), "name is \"Y\", not \"X\""},
    {"< insheader index=1 name=\"X\" value=\"a1\"", CAME('i', "\0\0\0\1X\0b2\0"), NULL},
    {"< chgheader index=1 name=\"X\" value=\"a1\"", CAME('m', "\0\0\0\2X\0b2\0"),
     "index is 2, not 1"},
    {"< quarantine reason=\"found a1\"", CAME('q', "found b2\0"), NULL},
    {"< quarantine reason=\"found a1\"", CAME('q', "lost b2\0"),
     "reason is \"lost b2\", not of the shape of \"found a1\""},
    {"< replycode text=\"550 5.7.1 a1\"", CAME('y', "550 5.7.1 b2\0"), NULL},
    {"< replycode text=\"550 5.7.1 a1\"", CAME('y', "550 5.7.2 b2\0"),
     "text is \"550 5.7.2 b2\", not of the shape of \"550 5.7.1 a1\""},
    {"< chgfrom address=\"<a1>\"", CAME('e', "<b2>\0"), "address is \"<b2>\", not \"<a1>\""},
    {"< replbody data=\"a1\"", CAME('b', "b2"), "data is \"b2\", not \"a1\""},
    {"< accept", CAME('c', ""), "it is continue, not accept"},
    {"< optneg version=6 actions=1", CAME('O', "\0\0\0\6\0\0\0\2\0\0\0\0"),
     "actions is chgbody, not 1"},
};

static void test_recorded(void **state)
{
    (void)state;
    check_cases(recorded, sizeof(recorded) / sizeof(recorded[0]), drill_match_recorded);
}

/* Part of a value, from any place, against bytes that end before it, with it, or behind it. */
static void test_stream(void **state)
{
    (void)state;
    static const char all[] = "abababcdef";
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_value *v =
        &step_of("> body data=\"ab\" * 3 + \"\" * 9 + \"cd\" + \"ef\"", &arena)
             ->items->fields->value;
    assert_int_equal(drill_match_size(v), 10);
    for (size_t at = 0; at <= 10; at++) {
        for (size_t len = 0; len <= 10 - at; len++) {
            struct drill_span bytes = helper_exact(drill_span_of(all + at, len));
            assert_int_equal(drill_match_stream(v, at, bytes), len);
            helper_exact_free(bytes);
        }
        struct drill_span rest = drill_span_of(all + at, 10 - at);
        char more[12] = "";
        memcpy(more, rest.ptr, rest.len);
        more[rest.len] = 'x';
        assert_int_equal(drill_match_stream(v, at, drill_span_of(more, rest.len + 1)), rest.len);
        if (rest.len) {
            more[rest.len - 1] ^= 1;
            assert_true(drill_match_stream(v, at, drill_span_of(more, rest.len)) == rest.len - 1);
        }
    }
    drill_arena_fini(&arena);
}

/* A message that was too large to hold: its code and size are known. */
static void test_not_whole(void **state)
{
    (void)state;
    static const struct {
        const char *line, *why;
    } large[] = {
        {"> body", NULL},
        {"> body data=len 1000..", NULL},
        {"> body data=len ..999", "data is 1999 bytes, not len ..999"},
        {"> body data=~\"*\"", "data cannot be compared: the message was too large to hold"},
        {"> header", "it is body, not header"},
        {"> frame code=66 data=len 1999", NULL},
        {"> frame code=67", "code is 66, not 67"},
        {"> body length=7", "length is 2000, not 7"},
    };
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        struct drill_arena arena;
        struct drill_mismatch why;
        struct drill_came came = {'B', 2000, BYTES("first"), false};
        drill_arena_init(&arena, NULL, 0);
        const struct drill_step *step = step_of(large[i].line, &arena);
        bool matched = drill_match(step->items, step->dir, &came, NULL, &why);
        assert_string_equal(why.text, large[i].why ? large[i].why : "");
        assert_true(matched == (large[i].why == NULL));
        drill_arena_fini(&arena);
    }
}

/* Long values and names do not pass the text's end. */
static void test_long_mismatch(void **state)
{
    (void)state;
    char line[400];
    uint8_t payload[600];
    struct drill_arena arena;
    struct drill_mismatch why;
    for (size_t i = 0; i < sizeof(payload) - 1; i++) {
        payload[i] = (uint8_t)(0x80 + i % 100);
    }
    payload[1] = 0;
    payload[sizeof(payload) - 1] = 0;
    drill_arena_init(&arena, NULL, 0);
    (void)snprintf(line, sizeof(line), "> header value=\"%0300d\"", 7);
    const struct drill_step *step = step_of(line, &arena);
    struct drill_came came = came_of('L', drill_span_of(payload, sizeof(payload)));
    assert_false(drill_match(step->items, step->dir, &came, NULL, &why));
    assert_non_null(memchr(why.text, '\0', sizeof(why.text)));
    assert_int_equal(strncmp(why.text, "value is \"\\x82", 13), 0);
    drill_arena_fini(&arena);
}

/* ---- $names ---- */

static void test_binds(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_binds binds = {.arena = &arena};
    struct drill_mismatch why;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_step *step = step_of("> header name=$a value=\"x\"\n> header name=$a\n"
                                            "> connect port=$p\n> connect port=$p",
                                            &arena);
    struct drill_came came = came_of('L', BYTES("To\0y\0"));
    assert_false(drill_match(step->items, step->dir, &came, &binds, &why));
    assert_int_equal(binds.count, 0); /* half a match binds nothing */
    came = came_of('L', BYTES("To\0x\0"));
    assert_true(drill_match(step->items, step->dir, &came, &binds, &why));
    helper_assert_bytes(drill_binds_find(&binds, BYTES("a"))->value, BYTES("To"), "bound");
    step = step->next;
    assert_true(drill_match(step->items, step->dir, &came, &binds, &why));
    came = came_of('L', BYTES("Cc\0x\0"));
    assert_false(drill_match(step->items, step->dir, &came, &binds, &why));
    assert_string_equal(why.text, "name is \"Cc\", not $a (\"To\")");
    step = step->next;
    came = came_of('C', BYTES("h\0004\1\2x\0"));
    assert_true(drill_match(step->items, step->dir, &came, &binds, &why));
    helper_assert_bytes(drill_binds_find(&binds, BYTES("p"))->value, BYTES("258"), "in decimal");
    step = step->next;
    assert_true(drill_match(step->items, step->dir, &came, &binds, &why));
    came = came_of('C', BYTES("h\0004\1\3x\0"));
    assert_false(drill_match(step->items, step->dir, &came, &binds, &why));
    assert_string_equal(why.text, "port is 259, not $p (\"258\")");
    drill_arena_fini(&arena);
}

static void test_binds_are_bounded(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_binds binds = {.arena = &arena};
    char names[DRILL_BINDS_MAX + 1][8];
    drill_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i <= DRILL_BINDS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%u", (unsigned)i);
        bool room = drill_binds_set(&binds, drill_span_str(names[i]), BYTES("1"));
        assert_true(room == (i < DRILL_BINDS_MAX));
    }
    assert_true(drill_binds_set(&binds, BYTES("n3"), BYTES("2")));
    helper_assert_bytes(drill_binds_find(&binds, BYTES("n3"))->value, BYTES("2"), "set again");
    drill_arena_fini(&arena);
    struct drill_arena none;
    drill_arena_init(&none, NULL, 1);
    struct drill_binds poor = {.arena = &none};
    assert_false(drill_binds_set(&poor, BYTES("a"), BYTES("1")));
    assert_int_equal(poor.count, 0);
    drill_arena_fini(&none);
}

/* ---- patterns ---- */

/* What the pattern means, written down as plainly as possible. */
static bool slow_glob(struct drill_span p, struct drill_span s)
{
    if (p.len == 0) {
        return s.len == 0;
    }
    if (p.ptr[0] == '*') {
        for (size_t n = 0; n <= s.len; n++) {
            if (slow_glob(drill_span_sub(p, 1, p.len), drill_span_sub(s, n, s.len))) {
                return true;
            }
        }
        return false;
    }
    return s.len && (p.ptr[0] == '?' || p.ptr[0] == s.ptr[0]) &&
           slow_glob(drill_span_sub(p, 1, p.len), drill_span_sub(s, 1, s.len));
}

/* Every pattern of up to 5 and every text of up to 6 of a small alphabet. */
static void test_glob_is_what_it_means(void **state)
{
    (void)state;
    static const char in_pattern[] = "ab*?";
    uint8_t pattern[5];
    uint8_t text[6];
    size_t matched = 0;
    for (size_t pn = 0; pn < 4096; pn++) {
        size_t plen = 0;
        for (size_t v = pn; plen < sizeof(pattern) && v; v /= 4) {
            pattern[plen++] = (uint8_t)in_pattern[v % 4];
        }
        for (size_t tn = 1; tn < 128; tn++) {
            size_t tlen = 0;
            for (size_t v = tn; v > 1; v /= 2) {
                text[tlen++] = v % 2 ? 'a' : 'b';
            }
            struct drill_span p = drill_span_of(pattern, plen);
            struct drill_span t = drill_span_of(text, tlen);
            assert_true(drill_match_glob(p, t) == slow_glob(p, t));
            matched += drill_match_glob(p, t);
        }
    }
    assert_true(matched > 10000);
}

static void test_glob_long(void **state)
{
    (void)state;
    enum { TEXT = 1 << 20, PIECE = 200 };
    uint8_t *text = malloc(TEXT);
    uint8_t pattern[PIECE + 2];
    assert_non_null(text);
    memset(text, 'a', TEXT);
    memset(pattern, 'a', sizeof(pattern));
    pattern[0] = '*';
    pattern[PIECE + 1] = '*';
    assert_true(
        drill_match_glob(drill_span_of(pattern, sizeof(pattern)), drill_span_of(text, TEXT)));
    pattern[63] = 'b'; /* within the window of 64 */
    assert_false(
        drill_match_glob(drill_span_of(pattern, sizeof(pattern)), drill_span_of(text, TEXT)));
    pattern[63] = 'a';
    pattern[PIECE] = 'b'; /* behind it */
    text[TEXT - 1] = 'b';
    assert_true(
        drill_match_glob(drill_span_of(pattern, sizeof(pattern)), drill_span_of(text, TEXT)));
    text[TEXT - 1] = 'a';
    text[PIECE - 2] = 'b'; /* too early by one */
    assert_false(
        drill_match_glob(drill_span_of(pattern, sizeof(pattern)), drill_span_of(text, TEXT)));
    free(text);
    assert_true(drill_match_glob(BYTES("*"), drill_span_of(NULL, 0)));
    assert_true(drill_match_glob(drill_span_of(NULL, 0), drill_span_of(NULL, 0)));
    assert_false(drill_match_glob(BYTES("?"), drill_span_of(NULL, 0)));
    assert_true(drill_match_glob(BYTES("a\0*"), BYTES("a\0\xff")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_recorded),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_not_whole),
        cmocka_unit_test(test_long_mismatch),
        cmocka_unit_test(test_binds),
        cmocka_unit_test(test_binds_are_bounded),
        cmocka_unit_test(test_glob_is_what_it_means),
        cmocka_unit_test(test_glob_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
