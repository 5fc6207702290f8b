/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "scenario/compose.h"
#include "scenario/parse.h"

#include <stdio.h>
#include <string.h>

static struct drill_errors errors;

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

/* The profile's message of a step: decoded from a payload, NULL for none. */
static const struct drill_message *fallback_of(const struct drill_step *step,
                                               struct drill_span payload, struct drill_message *m)
{
    if (!payload.ptr) {
        return NULL;
    }
    assert_int_equal(drill_message_decode(step->dir, step->items->code, payload, m),
                     DRILL_DEFECT_NONE);
    return m;
}

/* All bytes, pulled `piece` at a time. */
static struct drill_span pull_all(struct drill_outgoing out, size_t piece, uint8_t *buf, size_t cap)
{
    size_t n = 0;
    size_t got;
    do {
        size_t want = piece < cap - n ? piece : cap - n;
        got = drill_outgoing_pull(&out, buf + n, want);
        n += got;
    } while (got);
    assert_int_equal(out.sent, out.total);
    return drill_span_of(buf, n);
}

/* ---- lines to bytes ---- */

struct compose_case {
    const char *line;
    const char *profile; /* payload of the profile's message; NULL: none */
    size_t profile_len;
    const char *want; /* everything, header included */
    size_t want_len;
};

#define HAS(literal) literal, sizeof(literal) - 1
#define NONE         NULL, 0

static const struct compose_case cases[] = {
    /* each shape, with and without what the profile says */
    {"> data", NONE, HAS("\0\0\0\1T")},
    {"> body", HAS("abc"), HAS("\0\0\0\4Babc")},
    {"> body data=\"x\" * 3 + hex \"00\"", HAS("abc"), HAS("\0\0\0\5Bxxx\0")},
    {"> helo", NONE, HAS("\0\0\0\2H\0")},
    {"> helo", HAS("h\0"), HAS("\0\0\0\3Hh\0")},
    {"> helo name=~\"*\"", HAS("h\0"), HAS("\0\0\0\3Hh\0")},
    {"> helo name=len 5", HAS("h\0"), HAS("\0\0\0\3Hh\0")},
    {"> helo name=\"\"", HAS("h\0"), HAS("\0\0\0\2H\0")},
    {"> header value=\"v\"", HAS("N\0x\0"), HAS("\0\0\0\5LN\0v\0")},
    {"> header name=\"a\" value=\"v\\0third\"", NONE, HAS("\0\0\0\013La\0v\0third\0")},
    {"< insheader index=258", HAS("\0\0\0\1n\0v\0"), HAS("\0\0\0\011i\0\0\1\2n\0v\0")},
    {"< insheader index=5..", HAS("\0\0\0\1n\0v\0"), HAS("\0\0\0\011i\0\0\0\1n\0v\0")},
    {"< replycode text=\"550 x\"", NONE, HAS("\0\0\0\7y550 x\0")},
    /* one more string, perhaps */
    {"< chgfrom", HAS("a\0"), HAS("\0\0\0\3ea\0")},
    {"< chgfrom", HAS("a\0b\0"), HAS("\0\0\0\5ea\0b\0")},
    {"< chgfrom args=absent", HAS("a\0b\0"), HAS("\0\0\0\3ea\0")},
    {"< chgfrom args=\"\"", HAS("a\0"), HAS("\0\0\0\4ea\0\0")},
    {"< chgfrom args=~\"*\"", HAS("a\0"), HAS("\0\0\0\3ea\0")},
    /* arguments */
    {"> mail", HAS("a\0X\0Y\0"), HAS("\0\0\0\7Ma\0X\0Y\0")},
    {"> mail arg=\"Z\"", HAS("a\0X\0Y\0"), HAS("\0\0\0\5Ma\0Z\0")},
    {"> mail arg=absent", HAS("a\0X\0Y\0"), HAS("\0\0\0\3Ma\0")},
    {"> mail arg=~\"*\"", HAS("a\0X\0Y\0"), HAS("\0\0\0\7Ma\0X\0Y\0")},
    {"> mail arg=~\"*\" arg=\"Z\" arg=~\"*\"", HAS("a\0X\0Y\0"), HAS("\0\0\0\7Ma\0X\0Z\0")},
    /* negotiation */
    {"< optneg", HAS("\0\0\0\6\0\0\0\1\0\0\0\2\0\0\0\1i\0"),
     HAS("\0\0\0\015O\0\0\0\6\0\0\0\1\0\0\0\2")},
    {"< optneg version=2 actions=+chgbody-addhdrs protocol=0x42 list.rcpt=\"i\" list.9=~\"*\"",
     HAS("\0\0\0\6\0\0\0\5\0\0\0\2"), HAS("\0\0\0\023O\0\0\0\2\0\0\0\6\0\0\0\x42\0\0\0\3i\0")},
    /* connect */
    {"> connect", NONE, HAS("\0\0\0\3C\0U")},
    {"> connect", HAS("h\0004\1\2x\0"), HAS("\0\0\0\010Ch\0004\1\2x\0")},
    {"> connect family=unknown", HAS("h\0004\1\2x\0"), HAS("\0\0\0\4Ch\0U")},
    {"> connect family=unknown port=3", HAS("h\0004\1\2x\0"), HAS("\0\0\0\010Ch\0U\0\3x\0")},
    {"> connect family=inet6 address=\"::1\"", HAS("h\0U"), HAS("\0\0\0\012Ch\0006\0\0::1\0")},
    {"> connect port=1..9", HAS("h\0U"), HAS("\0\0\0\4Ch\0U")},
    /* macros: exactly the named ones */
    {"> macro", HAS("Mi\0001\0"), HAS("\0\0\0\2DM")},
    {"> macro stage=rcpt {b}=\"2\" i=\"1\" i=\"3\"", HAS("Mi\0001\0"),
     HAS("\0\0\0\020DR{b}\0002\0i\0001\0i\0003\0")},
    {"> macro i=~\"*\" j=~\"*\" k=absent", HAS("Mi\0001\0k\0002\0"), HAS("\0\0\0\6DMi\0001\0")},
    /* whole payloads, frames, bytes */
    {"< replycode data=\"550 x\"", HAS("550\0"), HAS("\0\0\0\6y550 x")},
    {"< replycode data=~\"*\"", HAS("550\0"), HAS("\0\0\0\5y550\0")},
    {"> data data=\"x\"", NONE, HAS("\0\0\0\2Tx")},
    {"< frame code=0x7f data=\"a\"", NONE, HAS("\0\0\0\2\177a")},
    {"< frame code=0", NONE, HAS("\0\0\0\1\0")},
    {"> raw data=\"GET / HTTP\" + hex \"0d0a\"", NONE, HAS("GET / HTTP\r\n")},
    /* faults of the frame */
    {"> mail address=\"a\" length=0xffffffff", NONE, HAS("\xff\xff\xff\xffMa\0")},
    {"> mail address=\"a\" cut=6", NONE, HAS("\0\0\0\3Ma")},
    {"> mail address=\"a\" cut=2", NONE, HAS("\0\0")},
    {"> mail address=\"a\" cut=600", NONE, HAS("\0\0\0\3Ma\0")},
    {"> mail address=\"a\" cut=5 length=9", NONE, HAS("\0\0\0\011M")},
    {"> body data=\"\" * 99 + \"ab\" * 2 + \"c\" * 0", NONE, HAS("\0\0\0\5Babab")},
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct compose_case *c = &cases[i];
        struct drill_arena arena;
        struct drill_message m;
        struct drill_outgoing out;
        struct drill_error err;
        uint8_t buf[256];
        drill_arena_init(&arena, NULL, 0);
        const struct drill_step *step = step_of(c->line, &arena);
        const struct drill_message *profile =
            fallback_of(step, drill_span_of(c->profile, c->profile_len), &m);
        assert_int_equal(drill_compose(step->items, step->dir, profile, NULL, &arena, &out, &err),
                         DRILL_OK);
        for (size_t piece = 1; piece <= 8; piece++) {
            helper_assert_bytes(pull_all(out, piece, buf, sizeof(buf)),
                                drill_span_of(c->want, c->want_len), c->line);
        }
        size_t n = drill_outgoing_peek(&out, buf, sizeof(buf));
        assert_int_equal(n, out.size);
        assert_int_equal(out.sent, 0);
        drill_arena_fini(&arena);
    }
}

/* Products take no memory, however large. */
static void test_large(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_outgoing out;
    struct drill_error err;
    uint8_t buf[64];
    drill_arena_init(&arena, NULL, 64 << 10);
    const struct drill_step *step = step_of(
        "> body data=\"a\" * 4294967293 + \"b\"\n> body data=\"ab\" * 2147483648\n"
        "> body data=\"ab\" * 2147483648 length=1\n> raw data=\"ab\" * 18446744073709551615\n"
        "> mail cut=9 address=\"z\" * 4000000000",
        &arena);
    assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, &err),
                     DRILL_OK);
    assert_int_equal(out.length, 0xffffffff);
    assert_int_equal(out.total, (uint64_t)0xfffffffe + 5);
    assert_int_equal(drill_outgoing_pull(&out, buf, sizeof(buf)), sizeof(buf));
    helper_assert_bytes(drill_span_of(buf, 7),
                        BYTES("\xff\xff\xff\xff"
                              "Baa"),
                        "front");
    assert_int_equal(drill_outgoing_peek(&out, buf, 3), 3);
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, &err),
                     DRILL_ERR_VALUE);
    assert_int_equal(err.line, 3);
    assert_int_equal(err.column, 3);
    assert_string_equal(err.text,
                        "this frame is larger than its length word can say (4294967294 bytes)");
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, &err),
                     DRILL_OK);
    assert_int_equal(out.total, (uint64_t)4294967296 + 5);
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, &err),
                     DRILL_OK);
    assert_int_equal(out.total, UINT64_MAX);
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, NULL, NULL, &arena, &out, NULL),
                     DRILL_OK);
    helper_assert_bytes(pull_all(out, 64, buf, sizeof(buf)), BYTES("\xee\x6b\x28\2Mzzzz"), "cut");
    drill_arena_fini(&arena);
}

/* ---- $names ---- */

static void test_binds(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_binds binds = {.arena = &arena};
    struct drill_outgoing out;
    struct drill_message m;
    struct drill_error err;
    uint8_t buf[64];
    drill_arena_init(&arena, NULL, 0);
    const struct drill_step *step =
        step_of("> header name=$n value=\"1\"\n> header name=\"x\" value=$n\n"
                "> connect port=$p\n> connect family=inet host=$p port=$p\n"
                "> helo data=$all\n> mail arg=$arg",
                &arena);
    const struct drill_message *own = fallback_of(step, BYTES("To\0v\0"), &m);
    assert_int_equal(drill_compose(step->items, step->dir, own, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(drill_binds_find(&binds, BYTES("n"))->value, BYTES("To"), "bound");
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, own, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(pull_all(out, 9, buf, sizeof(buf)), BYTES("\0\0\0\6Lx\0To\0"), "used");
    step = step->next;
    own = fallback_of(step, BYTES("h\0004\1\2x\0"), &m);
    assert_int_equal(drill_compose(step->items, step->dir, own, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(drill_binds_find(&binds, BYTES("p"))->value, BYTES("258"), "decimal");
    step = step->next;
    assert_int_equal(drill_compose(step->items, step->dir, NULL, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(pull_all(out, 9, buf, sizeof(buf)), BYTES("\0\0\0\011C258\0004\1\2\0"),
                        "number again");
    step = step->next;
    own = fallback_of(step, BYTES("name\0"), &m);
    assert_int_equal(drill_compose(step->items, step->dir, own, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(drill_binds_find(&binds, BYTES("all"))->value, BYTES("name\0"), "payload");
    step = step->next;
    own = fallback_of(step, BYTES("a\0X\0Y\0"), &m);
    assert_int_equal(drill_compose(step->items, step->dir, own, &binds, &arena, &out, &err), 0);
    helper_assert_bytes(drill_binds_find(&binds, BYTES("arg"))->value, BYTES("X"), "argument");
    drill_arena_fini(&arena);
}

static void test_too_many_binds(void **state)
{
    (void)state;
    struct drill_arena arena;
    struct drill_binds binds = {.arena = &arena};
    struct drill_outgoing out;
    struct drill_error err;
    char names[DRILL_BINDS_MAX][8];
    drill_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < DRILL_BINDS_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%u", (unsigned)i);
        assert_true(drill_binds_set(&binds, drill_span_str(names[i]), BYTES("1")));
    }
    const struct drill_step *step = step_of("> helo name=$one_more", &arena);
    assert_int_equal(drill_compose(step->items, step->dir, NULL, &binds, &arena, &out, &err),
                     DRILL_ERR_LIMIT);
    assert_string_equal(err.text, "more than 64 different $names in one run");
    drill_arena_fini(&arena);
}

/* ---- whole messages ---- */

static void test_messages(void **state)
{
    (void)state;
    static const struct {
        enum drill_dir dir;
        const char *code_and_payload;
        size_t len;
    } messages[] = {
        {DRILL_TO_MILTER, HAS("O\0\0\0\6\0\0\0\1\0\0\0\2")},
        {DRILL_TO_MTA, HAS("O\0\0\0\6\0\0\0\1\0\0\0\2\0\0\0\3i\0")},
        {DRILL_TO_MILTER, HAS("DMi\0001\0{b}\0\0")},
        {DRILL_TO_MILTER, HAS("Ch\0004\0\1x\0")},
        {DRILL_TO_MILTER, HAS("Ch\0U")},
        {DRILL_TO_MILTER, HAS("Ma\0b\0")},
        {DRILL_TO_MILTER, HAS("Bx\0y")},
        {DRILL_TO_MTA, HAS("ea\0b\0")},
        {DRILL_TO_MTA, HAS("m\0\0\0\1a\0b\0")},
        {DRILL_TO_MTA, HAS("y550")}, /* a defect: kept raw */
        {DRILL_TO_MTA, HAS("Zodd")}, /* no such code */
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct drill_arena arena;
        struct drill_message m;
        struct drill_outgoing out;
        uint8_t buf[64];
        drill_arena_init(&arena, NULL, 0);
        struct drill_span all = drill_span_of(messages[i].code_and_payload, messages[i].len);
        (void)drill_message_decode(messages[i].dir, all.ptr[0], drill_span_sub(all, 1, all.len),
                                   &m);
        assert_int_equal(drill_compose_message(&m, &arena, &out), DRILL_OK);
        struct drill_span got = pull_all(out, 64, buf, sizeof(buf));
        assert_int_equal(drill_be32(got.ptr), all.len);
        helper_assert_bytes(drill_span_sub(got, 4, got.len), all, "message");
        drill_arena_fini(&arena);
    }
}

/* ---- memory ---- */

/* Many segments and small pieces, so that each kind of allocation comes. */
static const char many[] = "< optneg list.1=\"a\" + \"b\" + \"c\" + \"d\" list.2=$x list.3=\"a\" "
                           "list.4=\"a\" list.5=\"a\" "
                           "list.6=\"a\" list.7=\"a\" list.8=\"a\" list.9=\"a\" version=$v";

static bool compose_with(void *ctx, const struct drill_alloc *alloc)
{
    const struct drill_step *step = ctx;
    struct drill_arena arena;
    struct drill_arena bound;
    struct drill_binds binds = {.arena = &bound};
    struct drill_outgoing out;
    struct drill_error err;
    drill_arena_init(&arena, alloc, 0);
    drill_arena_init(&bound, alloc, 0);
    enum drill_code code = drill_compose(step->items, step->dir, NULL, &binds, &arena, &out, &err);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    drill_arena_fini(&arena);
    drill_arena_fini(&bound);
    return code == DRILL_OK;
}

static void test_no_memory(void **state)
{
    (void)state;
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_step *step = step_of(many, &arena);
    helper_every_alloc(compose_with, (void *)(uintptr_t)step);
    size_t refused = 0;
    for (size_t pad = 16; pad < 4096; pad += 16) {
        struct drill_arena small;
        struct drill_arena bound;
        struct drill_binds binds = {.arena = &bound};
        struct drill_outgoing out;
        struct drill_error err;
        drill_arena_init(&small, NULL, 4096 + 64);
        drill_arena_init(&bound, NULL, 0);
        assert_non_null(drill_arena_take(&small, pad));
        enum drill_code code =
            drill_compose(step->items, step->dir, NULL, &binds, &small, &out, &err);
        assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
        refused += code == DRILL_ERR_MEMORY;
        drill_arena_fini(&small);
        drill_arena_fini(&bound);
    }
    assert_in_range(refused, 50, 200);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),    cmocka_unit_test(test_large),
        cmocka_unit_test(test_binds),    cmocka_unit_test(test_too_many_binds),
        cmocka_unit_test(test_messages), cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
