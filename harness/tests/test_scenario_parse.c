/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"
#include "helper_bytes.h"

#include "scenario/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct drill_errors errors;

static void test_limits(void **state)
{
    (void)state;
    struct drill_arena arena;
    char source[1024];
    for (int depth = 16; depth <= 17; depth++) {
        size_t n = (size_t)snprintf(source, sizeof(source), "drill 1 \"x\"\n");
        for (int i = 0; i < depth; i++) {
            n += (size_t)snprintf(source + n, sizeof(source) - n, "repeat 1 {\n");
        }
        for (int i = 0; i < depth; i++) {
            n += (size_t)snprintf(source + n, sizeof(source) - n, "}\n");
        }
        drill_arena_init(&arena, NULL, 0);
        bool parsed = drill_parse(drill_span_of(source, n), "f", NULL, &arena, &errors) != NULL;
        assert_true(parsed == (depth == 16));
        drill_arena_fini(&arena);
    }
    assert_int_equal(errors.count, 1);
    assert_int_equal(errors.item[0].code, DRILL_ERR_LIMIT);
    assert_int_equal(errors.item[0].line, 18);
    assert_string_equal(errors.item[0].text, "blocks nest more than 16 deep");

    size_t size = ((size_t)16 << 20) + 1;
    char *large = malloc(size);
    assert_non_null(large);
    memset(large, '\n', size);
    memcpy(large, "drill 1 \"x\"", 11);
    drill_arena_init(&arena, NULL, 0);
    assert_null(drill_parse(drill_span_of(large, size), "f", NULL, &arena, &errors));
    assert_string_equal(errors.item[0].text,
                        "a scenario has at most 16 MiB; move large values to files");
    assert_non_null(drill_parse(drill_span_of(large, size - 1), "f", NULL, &arena, &errors));
    drill_arena_fini(&arena);
    free(large);
}

/* ---- what comes out ---- */

struct parsed {
    struct drill_arena arena;
    const struct drill_file *file;
};

static struct parsed parse(const char *body)
{
    char source[1024];
    struct parsed p;
    int n = snprintf(source, sizeof(source), "drill 1 \"x\" tests=mta\n%s\n", body);
    assert_true(n > 0 && (size_t)n < sizeof(source));
    drill_arena_init(&p.arena, NULL, 0);
    p.file = drill_parse(drill_span_of(source, (size_t)n), "f", NULL, &p.arena, &errors);
    memset(source, 'X', sizeof(source)); /* the AST must not need it */
    if (!p.file) {
        fail_msg("%s: %s", body, errors.item[0].text);
    }
    return p;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        uint64_t want;
    } cases[] = {{"0", 0},          {"0x1F", 31},        {"64KiB", 65536},
                 {"1MiB", 1048576}, {"0x10KiB", 0x4000}, {"4294967295", 4294967295}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[64];
        (void)snprintf(body, sizeof(body), "> optneg version=%s", cases[i].value);
        struct parsed p = parse(body);
        const struct drill_value *v = &p.file->body.steps->items->fields->value;
        assert_int_equal(v->kind, DRILL_VALUE_INT);
        assert_int_equal(v->number, cases[i].want);
        drill_arena_fini(&p.arena);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct parsed p = parse("> optneg version=2..6 actions=addhdrs,0x400 protocol=+nr_hdr-skip\n"
                            "< optneg list.eoh=len ..9 list.12=$l protocol=0x42");
    const struct drill_item *ours = p.file->body.steps->items;
    const struct drill_item *theirs = p.file->body.steps->next->items;
    const struct drill_field *f = ours->fields;
    assert_int_equal(f->id, DRILL_FIELD_NUMBER0);
    assert_int_equal(f->value.kind, DRILL_VALUE_RANGE);
    assert_int_equal(f->value.low, 2);
    assert_int_equal(f->value.high, 6);
    f = f->next;
    assert_int_equal(f->value.kind, DRILL_VALUE_FLAGS);
    assert_int_equal(f->value.number, 0x401);
    f = f->next;
    assert_int_equal(f->value.kind, DRILL_VALUE_EDIT);
    assert_int_equal(f->value.set, DRILL_SMFIP_NR_HDR);
    assert_int_equal(f->value.clear, DRILL_SMFIP_SKIP);
    assert_null(f->next);
    f = theirs->fields;
    assert_int_equal(f->id, DRILL_FIELD_LIST);
    assert_int_equal(f->number, DRILL_STAGE_EOH);
    assert_int_equal(f->value.kind, DRILL_VALUE_LEN);
    assert_int_equal(f->value.low, 0);
    assert_int_equal(f->value.high, 9);
    f = f->next;
    assert_int_equal(f->number, 12);
    assert_int_equal(f->value.kind, DRILL_VALUE_BIND);
    helper_assert_bytes(f->value.text, BYTES("l"), "name");
    assert_int_equal(f->next->value.kind, DRILL_VALUE_FLAGS);
    assert_int_equal(f->next->value.number, 0x42);
    drill_arena_fini(&p.arena);
}

static void test_bytes(void **state)
{
    (void)state;
    struct parsed p = parse("> body data=\"a\\x00b\" + hex \"00 ffFF\" * 3 + \"\" * 0x2");
    const struct drill_field *f = p.file->body.steps->items->fields;
    const struct drill_part *part = f->value.parts;
    assert_int_equal(f->id, DRILL_FIELD_BODY);
    helper_assert_bytes(part->bytes, BYTES("a\0b"), "string");
    assert_int_equal(part->times, 1);
    part = part->next;
    assert_int_equal(part->kind, DRILL_PART_HEX);
    helper_assert_bytes(part->bytes, BYTES("\0\xff\xff"), "hex");
    assert_int_equal(part->times, 3);
    part = part->next;
    assert_int_equal(part->bytes.len, 0);
    assert_int_equal(part->times, 2);
    assert_null(part->next);
    drill_arena_fini(&p.arena);
}

static void test_items(void **state)
{
    (void)state;
    struct parsed p =
        parse("given > connect family=inet6 port=9 | half-close after=1500ms | raw "
              "data=\"x\" split=1,3 join within=2min\n"
              "> macro stage=rcpt i=\"1\" {a}=absent \"data\"=\"2\" cut=6 length=0xffffffff\n"
              "< continue data=\"x\" dribble=10s");
    const struct drill_step *step = p.file->body.steps;
    const struct drill_item *item = step->items;
    assert_true(step->given);
    assert_int_equal(step->dir, DRILL_TO_MILTER);
    assert_int_equal(item->code, 'C');
    assert_int_equal(item->fields->value.number, '6');
    item = item->next;
    assert_int_equal(item->kind, DRILL_ITEM_HALF_CLOSE);
    assert_true(item->travel.has_after);
    assert_int_equal(item->travel.after, 1500000);
    item = item->next;
    assert_int_equal(item->kind, DRILL_ITEM_RAW);
    assert_int_equal(item->travel.splits, 2);
    assert_int_equal(item->travel.split[1], 3);
    assert_true(item->travel.join && item->travel.has_within);
    assert_int_equal(item->travel.within, 120000000);
    assert_null(item->next);
    step = step->next;
    assert_int_equal(step->pos.line, 3);
    assert_int_equal(step->items->pos.column, 3);
    const struct drill_field *f = step->items->fields;
    assert_int_equal(f->id, DRILL_FIELD_STAGE);
    assert_int_equal(f->value.number, 'R');
    helper_assert_bytes(f->next->next->key, BYTES("{a}"), "braces stay");
    assert_int_equal(f->next->next->value.kind, DRILL_VALUE_ABSENT);
    assert_int_equal(f->next->next->next->id, DRILL_FIELD_MACRO);
    assert_int_equal(step->items->travel.cut, 6);
    assert_int_equal(step->items->travel.length, 0xffffffff);
    assert_int_equal(step->next->dir, DRILL_TO_MTA);
    assert_int_equal(step->next->items->fields->id, DRILL_FIELD_DATA);
    assert_int_equal(step->next->items->travel.dribble, 10000000);
    drill_arena_fini(&p.arena);
}

static void test_setup_and_checks(void **state)
{
    (void)state;
    struct parsed p =
        parse("mta stalwart timeout=5s a.b=x,y-1 n=1,2 flagsAction=addhdrs\n"
              "milter \"8.17 odd\"\njudge M4 F2\njudge all\nmessage rcpt=\"a\" rcpt=\"b\"\n"
              "...\n"
              "verdict message=2..3 at=rcpt rcpt=\"b\" reject code=550 | drop\n"
              "delivered none message=1");
    const struct drill_setup *s = p.file->setup;
    const struct drill_pair *f = s->fields;
    assert_int_equal(p.file->tests, DRILL_TESTS_MTA);
    assert_int_equal(f->value.kind, DRILL_VALUE_DURATION);
    assert_int_equal(f->value.number, 5000000);
    helper_assert_bytes(f->next->key, BYTES("a.b"), "key");
    helper_assert_bytes(f->next->value.text, BYTES("x,y-1"), "list");
    assert_int_equal(f->next->next->value.kind, DRILL_VALUE_INTS);
    assert_int_equal(f->next->next->next->value.number, 1);
    helper_assert_bytes(s->next->text, BYTES("8.17 odd"), "profile");
    helper_assert_bytes(s->next->next->names->next->text, BYTES("F2"), "rule");
    assert_null(s->next->next->next->names);
    assert_int_equal(s->next->next->next->next->fields->next->value.parts->bytes.ptr[0], 'b');
    const struct drill_check *c = p.file->body.checks;
    assert_int_equal(c->fields->value.low, 2);
    assert_int_equal(c->outcomes->outcome, DRILL_OUTCOME_REJECT);
    assert_int_equal(c->outcomes->next->outcome, DRILL_OUTCOME_DROP);
    assert_int_equal(c->next->delivered, DRILL_DELIVERED_NONE);
    drill_arena_fini(&p.arena);
}

static void test_trivia(void **state)
{
    (void)state;
    struct parsed p = parse("\n\n  # one  \n\n\n#two\n... # three\n\n# four\n");
    const struct drill_step *step = p.file->body.steps;
    helper_assert_bytes(step->trivia.above, BYTES("\n# one\n\n#two\n"), "above");
    helper_assert_bytes(step->trivia.after, BYTES("# three"), "after");
    helper_assert_bytes(p.file->body.end.above, BYTES("\n# four\n"), "end");
    drill_arena_fini(&p.arena);
}

/* ---- files ---- */

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    size_t *calls = ctx;
    (*calls)++;
    if (drill_span_equal(name, BYTES("gone.bin"))) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no gone.bin");
    }
    if (drill_span_equal(name, BYTES("mute.bin"))) {
        return DRILL_ERR_IO;
    }
    *bytes = BYTES("content");
    return DRILL_OK;
}

static void test_files(void **state)
{
    (void)state;
    size_t calls = 0;
    const struct drill_loader loader = {load, &calls};
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    static const char good[] = "drill 1 \"x\"\nmessage file=\"m.eml\"\nbody data=file \"a/b..c\"";
    const struct drill_file *file =
        drill_parse(drill_span_str(good), "f", &loader, &arena, &errors);
    assert_non_null(file);
    assert_int_equal(calls, 1); /* a message's file= is not opened here */
    const struct drill_part *part = file->setup->next->fields->value.parts;
    helper_assert_bytes(part->bytes, BYTES("content"), "content");
    helper_assert_bytes(part->name, BYTES("a/b..c"), "name");
    static const char bad[] = "drill 1 \"x\"\nbody data=file \"gone.bin\"\n"
                              "body data=\"a\" + file \"mute.bin\"\nbody data=file \"../x\"\n";
    assert_null(drill_parse(drill_span_str(bad), "f", &loader, &arena, &errors));
    assert_int_equal(calls, 3); /* a name that leaves the folder is never asked for */
    assert_int_equal(errors.count, 3);
    assert_string_equal(errors.item[0].text, "there is no gone.bin");
    assert_int_equal(errors.item[0].line, 2);
    assert_int_equal(errors.item[0].column, 16);
    assert_string_equal(errors.item[1].text, "the file \"mute.bin\" cannot be read");
    assert_int_equal(errors.item[1].code, DRILL_ERR_IO);
    drill_arena_fini(&arena);
}

static void test_slices(void **state)
{
    (void)state;
    static const struct {
        const char *slice, *want; /* of "content" */
    } cases[] = {
        {"0..0", "c"},  {"0..6", "content"}, {"6..6", "t"},
        {"3..4", "te"}, {"3..", "tent"},     {"6..", "t"},
    };
    size_t calls = 0;
    const struct drill_loader loader = {load, &calls};
    char source[200];
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)snprintf(source, sizeof(source), "drill 1 \"x\"\nbody data=file \"a\" %s",
                       cases[i].slice);
        const struct drill_file *file =
            drill_parse(drill_span_str(source), "f", &loader, &arena, &errors);
        assert_non_null(file);
        helper_assert_bytes(file->setup->fields->value.parts->bytes, drill_span_str(cases[i].want),
                            cases[i].slice);
    }
    static const char *const outside[] = {"0..7", "7..", "7..7", "4294967296..4294967299"};
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        (void)snprintf(source, sizeof(source), "drill 1 \"x\"\nbody data=file \"a\" %s",
                       outside[i]);
        assert_null(drill_parse(drill_span_str(source), "f", &loader, &arena, &errors));
        assert_string_equal(
            errors.item[0].text,
            "the slice lies outside of the file \"a\", which has 7 bytes (positions "
            "count from 0, ends included)");
        assert_int_equal(errors.item[0].column, 20);
    }
    drill_arena_fini(&arena);
}

/* ---- the caret, memory ---- */

static void test_caret(void **state)
{
    (void)state;
    char text[512];
    struct drill_error err;
    struct drill_writer w = drill_writer_of(text, sizeof(text));
    (void)drill_error_set(&err, DRILL_ERR_SYNTAX, "wrong");
    drill_error_at(&err, "f", 2, 8);
    drill_parse_caret(drill_span_str("one\n\tt\xc3\xb6o ?x\nthree"), &err, &w);
    helper_assert_bytes(drill_writer_span(&w), BYTES("f:2:8: wrong\n   t\xc3\xb6o ?x\n        ^\n"),
                        "caret");
    char line[400];
    memset(line, 'a', sizeof(line));
    drill_error_at(&err, "f", 1, 301);
    w = drill_writer_of(text, sizeof(text));
    drill_parse_caret(drill_span_of(line, sizeof(line)), &err, &w);
    assert_int_equal(w.len, strlen("f:1:301: wrong\n") + 2 + 100 + 1 + 2 + 50 + 2);
}

static const char whole[] = "# a\ndrill 1 \"x\"\nmta m a=b,c d=1,2\njudge M1\n"
                            "header name=\"n\" value=hex \"00\" + file \"f\"\n"
                            "repeat 2 { # r\n> mail arg=\"x\" split=1,2 | close\n}\n"
                            "verdict rcpt=\"x\" accept text=~\"*\" | drop\n";

static bool parse_with(void *ctx, const struct drill_alloc *alloc)
{
    size_t calls = 0;
    const struct drill_loader loader = {load, &calls};
    struct drill_arena arena;
    (void)ctx;
    drill_arena_init(&arena, alloc, 0);
    const struct drill_file *file =
        drill_parse(drill_span_of(whole, sizeof(whole) - 1), "f", &loader, &arena, &errors);
    if (!file) {
        assert_int_equal(errors.count, 1);
        assert_int_equal(errors.item[0].code, DRILL_ERR_MEMORY);
    }
    drill_arena_fini(&arena);
    return file != NULL;
}

/* The arena asks in blocks; its limit, a little larger each time, refuses each of its pieces. */
static void test_no_memory(void **state)
{
    (void)state;
    helper_every_alloc(parse_with, NULL);
    size_t refused = 0;
    for (size_t pad = 0; pad < 4096; pad += 16) {
        size_t calls = 0;
        const struct drill_loader loader = {load, &calls};
        struct drill_arena arena;
        drill_arena_init(&arena, NULL, 4096 + 64);
        assert_non_null(drill_arena_take(&arena, pad ? pad : 1));
        if (!drill_parse(drill_span_of(whole, sizeof(whole) - 1), "f", &loader, &arena, &errors)) {
            assert_int_equal(errors.count, 1);
            assert_int_equal(errors.item[0].code, DRILL_ERR_MEMORY);
            refused++;
        }
        drill_arena_fini(&arena);
    }
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_values),    cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_items),     cmocka_unit_test(test_setup_and_checks),
        cmocka_unit_test(test_trivia),    cmocka_unit_test(test_files),
        cmocka_unit_test(test_slices),    cmocka_unit_test(test_caret),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
