/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include "scenario/lint.h"
#include "scenario/print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct drill_errors errors;

enum { TEXT_MAX = 1 << 17 };

/* Parses into the arena; fails with the first error. */
static const struct drill_file *parse(struct drill_span source, const char *name,
                                      struct drill_arena *arena)
{
    const struct drill_file *file = drill_parse(source, name, NULL, arena, &errors);
    if (!file) {
        char text[512];
        (void)drill_error_format(&errors.item[0], text, sizeof(text));
        fail_msg("%s", text);
    }
    return file;
}

/* Prints to the arena. */
static struct drill_span print(const struct drill_file *file, struct drill_arena *arena)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    drill_print(file, &w);
    size_t len = w.len;
    uint8_t *text = drill_arena_take(arena, len);
    assert_non_null(text);
    w = drill_writer_of(text, len);
    drill_print(file, &w);
    assert_int_equal(w.len, len);
    return drill_writer_span(&w);
}

/* What is printed, and that printing that again gives the same. */
static struct drill_span canonical(struct drill_span source, const char *name,
                                   struct drill_arena *arena)
{
    struct drill_span once = print(parse(source, name, arena), arena);
    struct drill_span twice = print(parse(once, name, arena), arena);
    helper_assert_bytes(twice, once, name);
    return once;
}

/* ---- lines ---- */

static const struct {
    const char *body, *want; /* NULL: the same */
} cases[] = {
    /* blanks, quotes and escapes */
    {">   mail   arg = \"x\"  ", "> mail arg=\"x\""},
    {"<continue", "< continue"},
    {"> helo name=\"\\x41\\x0a\\x00\\x7f\\xe9\\\"\\\\\"",
     "> helo name=\"A\\n\\0\\x7f\\xe9\\\"\\\\\""},
    {"> helo name=\"caf\xc3\xa9\"", "> helo name=\"caf\\xc3\\xa9\""},
    {"why \"caf\xc3\xa9 \xe2\x86\x92 \\xe9\\x07\"", NULL},
    {"> mail \\\n  arg=\"x\" \\\n\n", "> mail arg=\"x\""},
    /* values stay as they are written */
    {"> optneg version=0x06 actions=0xff protocol=+nr_hdr-skip", NULL},
    {"> optneg version=1..6 actions=addhdrs,0x0,chgbody protocol=$p", NULL},
    {"< optneg list.mail=\"a\" list.0x7=len 1KiB..2KiB list.eoh=~\"*\"", NULL},
    {"> helo name=len   5", "> helo name=len 5"},
    {"> helo name=len ..5", NULL},
    {"> body data=\"a\"*3+hex\"00FF\"  +  file  \"x\" * 0x2",
     "> body data=\"a\" * 3 + hex \"00 ff\" + file \"x\" * 0x2"},
    {"> body data=\"a\" * 64KiB", NULL},
    {"> body data=file\"x\"   0x5..9   *2+file \"y\" 1KiB..",
     "> body data=file \"x\" 0x5..9 * 2 + file \"y\" 1KiB.."},
    {"> connect family=inet6 port=..9 address=$a", NULL},
    {"> rcpt arg=absent", NULL},
    {"> macro stage=66 i=\"1\" {a-b}=absent \"stage\"=\"x\" \"{a b}\"=\"y\" \"q\"=\"z\"",
     "> macro stage=66 i=\"1\" {a-b}=absent \"stage\"=\"x\" \"{a b}\"=\"y\" q=\"z\""},
    /* modifiers behind the fields, in one order */
    {"> mail join length=0x10 cut=7 split=1,2 within=60s after=1min address=\"a\"",
     "> mail address=\"a\" after=1min within=60s split=1,2 cut=7 length=0x10 join"},
    {"given > mail dribble=5ms|half-close|raw data=\"x\"",
     "given > mail dribble=5ms | half-close | raw data=\"x\""},
    {"> silence for=2min", NULL},
    {"< frame code=0x7f data=\"\"", NULL},
    /* setup and checks */
    {"mta \"stalwart\" timeout=5s stages=a,b flagsAction=addhdrs",
     "mta stalwart timeout=5s stages=a,b "
     "flagsAction=addhdrs"},
    {"milter \"a b\"", NULL},
    {"before \"a b\" x=1\nafter rspamd", NULL},
    {"judge M4 F2\njudge all", NULL},
    {"tls\nclient addr=\"::1\" tls=yes count=2\nmessage file=\"a.eml\"\nsmtp after=mail end=reset",
     NULL},
    {"verdict message=2.. at=rcpt rcpt=\"b\" reject code=550 text=~\"*\"|drop",
     "verdict message=2.. at=rcpt rcpt=\"b\" reject code=550 text=~\"*\" | drop"},
    {"delivered none\ndelivered header name=\"a\" value=absent\ndelivered from=\"x\" rcpt=\"y\"",
     NULL},
    /* blocks, comments and blank lines */
    {"repeat 2 {#a\n\n\n# b\nmeet\n\n\n# c\n\n}# d",
     "repeat 2 {  #a\n  # b\n  meet\n\n  # c\n}  # d"},
    {"concurrently 2 {\n  ...\n  verdict accept\n}   and 0x3 { # x\n} # y",
     "concurrently 2 {\n  ...\n  verdict accept\n} and 3 {  # x\n}  # y"},
    {"\n\n\n...# x \t\n\n\n#y\n   # z\n\n> mail", "\n...  # x\n\n#y\n# z\n\n> mail"},
};

static void test_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct drill_arena arena;
        char source[512];
        char want[512];
        drill_arena_init(&arena, NULL, 0);
        (void)snprintf(source, sizeof(source), "drill 1  \"x\"\n%s", cases[i].body);
        (void)snprintf(want, sizeof(want), "drill 1 \"x\"\n%s\n",
                       cases[i].want ? cases[i].want : cases[i].body);
        helper_assert_bytes(canonical(drill_span_str(source), cases[i].body, &arena),
                            drill_span_str(want), cases[i].body);
        drill_arena_fini(&arena);
    }
}

static void test_first_line(void **state)
{
    (void)state;
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    helper_assert_bytes(
        canonical(drill_span_str("\xef\xbb\xbf\n\n# a\n\ndrill 0x1 \"\\x41\" tests=milter # b\r\n"),
                  "first", &arena),
        drill_span_str("# a\n\ndrill 1 \"A\" tests=milter  # b\n"), "first line");
    helper_assert_bytes(
        canonical(
            drill_span_str("drill 1 \"A\" recorded = \"2026-12-31T23:59:60Z\"   tests=mta # b"),
            "recorded", &arena),
        drill_span_str("drill 1 \"A\" tests=mta recorded=\"2026-12-31T23:59:60Z\"  # b\n"),
        "recorded");
    drill_arena_fini(&arena);
}

/* ---- whole files ---- */

static size_t read_file(const char *path, char *text)
{
    char name[512];
    (void)snprintf(name, sizeof(name), "%s/%s", DRILL_SOURCE_DIR, path);
    FILE *f = fopen(name, "rb");
    if (!f) {
        fail_msg("%s cannot be opened", name);
    }
    size_t len = fread(text, 1, TEXT_MAX, f);
    (void)fclose(f);
    assert_true(len < TEXT_MAX);
    return len;
}

static void test_examples(void **state)
{
    (void)state;
    static const char *const names[] = {
        "long-header-reset",
        "accept-early",
        "progress-then-reject",
        "nobody",
        "version-two-with-list",
        "macro-lists",
        "no-reply-promised",
        "surplus-reply",
        "three-messages",
        "lying-and-torn",
        "four-endings",
        "slow-reply",
        "torn-replacement",
        "one-recipient-refused",
        "connection-a-stage",
        "neighbours",
        "expired-certificate",
        "eight-bit",
        "odd-macros",
        "recorded",
        "comments-everywhere",
        "continuations",
        "byte-order-mark",
        "escapes",
        "numbers",
        "events",
        "blocks",
        "no-newline",
    };
    static char text[TEXT_MAX];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[128];
        struct drill_arena arena;
        (void)snprintf(path, sizeof(path), "corpus/scenario/%s", names[i]);
        struct drill_span source = drill_span_of(text, read_file(path, text));
        drill_arena_init(&arena, NULL, 0);
        struct drill_span printed = canonical(source, names[i], &arena);
        if (i < 20) { /* the twenty are sound, and but for beside comments written canonically */
            const struct drill_file *file = parse(source, names[i], &arena);
            if (!drill_lint(file, names[i], &errors)) {
                fail_msg("%s: %s", names[i], errors.item[0].text);
            }
            if (drill_span_find(source, '#') == source.len) {
                helper_assert_bytes(printed, source, names[i]);
            }
        }
        drill_arena_fini(&arena);
    }
}

/* One complete file of the reference. */
static void check_reference(struct drill_span source, const char *name)
{
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    (void)canonical(source, name, &arena);
    if (!drill_lint(parse(source, name, &arena), name, &errors)) {
        fail_msg("%s: line %u: %s", name, errors.item[0].line, errors.item[0].text);
    }
    drill_arena_fini(&arena);
}

/* Every ```drill block of the reference holds whole scenarios without a fault; each begins with
 * its first line. */
static void test_reference(void **state)
{
    (void)state;
    static const char open[] = "\n```drill";
    static const char first[] = "\ndrill 1 ";
    static char text[TEXT_MAX];
    size_t files = 0;
    text[read_file("scenarios/LANGUAGE.md", text)] = '\0';
    for (char *at = text; (at = strstr(at, open)) != NULL;) {
        at = strchr(at + 1, '\n');
        assert_non_null(at);
        char *end = strstr(at, "\n```");
        assert_non_null(end);
        *end = '\0'; /* strstr stays inside the block */
        while (at) {
            char name[64];
            char *next = strstr(at + 1, first);
            (void)snprintf(name, sizeof(name), "LANGUAGE.md, file %lu", (unsigned long)++files);
            assert_int_equal(strncmp(at, first, strlen(first)), 0);
            size_t len = next ? (size_t)(next - at) : strlen(at);
            check_reference(drill_span_of(at + 1, len - 1), name);
            at = next;
        }
        at = end + 1;
    }
    assert_true(files >= 10);
}

/* ---- what the program makes itself ---- */

static void check_item(const struct drill_item *item, const char *want)
{
    char text[256];
    struct drill_writer w = drill_writer_of(text, sizeof(text));
    drill_print_item(item, &w);
    helper_assert_bytes(drill_writer_span(&w), drill_span_str(want), want);
}

static struct drill_field made(enum drill_field_id id, const char *key, enum drill_value_kind kind,
                               uint64_t number)
{
    struct drill_field f = {.id = id, .key = drill_span_str(key)};
    f.value.kind = kind;
    f.value.number = number;
    return f;
}

static void test_made_items(void **state)
{
    (void)state;
    struct drill_field family = made(DRILL_FIELD_FAMILY, "family", DRILL_VALUE_INT, '4');
    struct drill_item item = {.code = 'C', .fields = &family};
    check_item(&item, "connect family=inet");
    family.value.number = 'x';
    check_item(&item, "connect family=120");

    struct drill_field actions = made(DRILL_FIELD_NUMBER1, "actions", DRILL_VALUE_FLAGS, 0x401);
    struct drill_field protocol = made(DRILL_FIELD_NUMBER2, "protocol", DRILL_VALUE_EDIT, 0);
    actions.next = &protocol;
    protocol.value.set = DRILL_SMFIP_NR_HDR | 0x800000;
    protocol.value.clear = DRILL_SMFIP_SKIP;
    item.code = 'O';
    item.fields = &actions;
    check_item(&item, "optneg actions=addhdrs,0x400 protocol=+nr_hdr+0x800000-skip");

    struct drill_part part = {.times = 1};
    char run[100];
    memset(run, 'a', sizeof(run));
    part.bytes = drill_span_of(run, sizeof(run));
    struct drill_field data = made(DRILL_FIELD_BODY, "data", DRILL_VALUE_BYTES, 0);
    data.value.parts = &part;
    item.code = 'b';
    item.fields = &data;
    check_item(&item, "replbody data=\"a\" * 100");

    static const uint32_t sizes[] = {1, 3};
    struct drill_item event = {.kind = DRILL_ITEM_STALL};
    struct drill_field length = made(DRILL_FIELD_FOR, "for", DRILL_VALUE_DURATION, 90000000);
    event.fields = &length;
    event.travel.has_after = true;
    event.travel.after = 1500;
    event.travel.split = sizes;
    event.travel.splits = 2;
    check_item(&event, "stall for=90s after=2ms split=1,3");
    length.value.number = 120000000;
    event.travel.has_after = false;
    event.travel.splits = 0;
    check_item(&event, "stall for=2min");
}

static void test_steps_and_checks(void **state)
{
    (void)state;
    char text[256];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_file *file = parse(
        drill_span_str("drill 1 \"x\"\n< accept|continue # c\nrepeat 3 {\n}\nverdict accept # d\n"),
        "steps", &arena);
    struct drill_writer w = drill_writer_of(text, sizeof(text));
    drill_print_step(file->body.steps, &w);
    drill_write_u8(&w, '/');
    drill_print_step(file->body.steps->next, &w);
    drill_write_u8(&w, '/');
    drill_print_check(file->body.checks, &w);
    helper_assert_bytes(drill_writer_span(&w),
                        drill_span_str("< accept | continue/repeat 3 {/verdict accept"), "step");
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_first_line),
        cmocka_unit_test(test_examples),   cmocka_unit_test(test_reference),
        cmocka_unit_test(test_made_items), cmocka_unit_test(test_steps_and_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
