/* SPDX-License-Identifier: MIT */
/*
 * Property: printing keeps a scenario. If a text parses, its print parses again to the same AST
 * (without places), and prints to the same bytes; lint and the caret take anything; every error has
 * a text and a place inside the source. And a line accepts what it sends: a message that is written
 * without patterns and NULs and comes out well formed matches its own line.
 */
#include "fuzz.h"
#include "fuzz_ast.h"

#include "scenario/compose.h"
#include "scenario/lint.h"
#include "scenario/print.h"

enum { PAYLOAD_MAX = 1 << 16 };

static struct drill_span print(const struct drill_file *file)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    drill_print(file, &w);
    size_t len = w.len;
    uint8_t *text = malloc(len);
    FUZZ_ASSERT(text != NULL);
    w = drill_writer_of(text, len);
    drill_print(file, &w);
    FUZZ_ASSERT(w.len == len && !w.overflow);
    return drill_writer_span(&w);
}

static void check_errors(struct drill_span source, const struct drill_errors *errors)
{
    char text[2048];
    for (size_t i = 0; i < errors->count && i < DRILL_ERRORS_MAX; i++) {
        const struct drill_error *err = &errors->item[i];
        FUZZ_ASSERT(err->text[0] != '\0' && err->line >= 1 && err->column >= 1);
        FUZZ_ASSERT(err->line <= source.len + 1 && err->column <= source.len + 1);
        struct drill_writer w = drill_writer_of(text, sizeof(text));
        drill_parse_caret(source, err, &w);
        FUZZ_ASSERT(!w.overflow);
    }
}

static bool is_plain(const struct drill_item *item)
{
    bool plain = item->kind == DRILL_ITEM_MESSAGE && !item->travel.has_length;
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        enum drill_value_kind kind = f->value.kind;
        plain = plain && (kind == DRILL_VALUE_BYTES || kind == DRILL_VALUE_INT ||
                          kind == DRILL_VALUE_FLAGS || kind == DRILL_VALUE_EDIT);
        /* A NUL makes two strings of one, which may be well formed again. */
        for (const struct drill_part *part = f->value.parts; part; part = part->next) {
            plain = plain && drill_span_find(part->bytes, 0) == part->bytes.len;
        }
    }
    return plain;
}

static void check_line(const struct drill_step *step, struct drill_arena *arena)
{
    static uint8_t payload[PAYLOAD_MAX];
    struct drill_outgoing out;
    struct drill_mismatch why;
    struct drill_message m;
    for (const struct drill_item *item = step->items; item; item = item->next) {
        if (!is_plain(item) ||
            drill_compose(item, step->dir, NULL, NULL, arena, &out, NULL) != DRILL_OK ||
            out.size > PAYLOAD_MAX) {
            continue;
        }
        size_t len = drill_outgoing_peek(&out, payload, sizeof(payload));
        FUZZ_ASSERT(len == out.size && out.length == len + 1);
        struct drill_came came = {out.code, out.length, drill_span_of(payload, len), true};
        if (!drill_message_decode(step->dir, out.code, came.payload, &m)) {
            FUZZ_ASSERT(drill_match(item, step->dir, &came, NULL, &why));
            FUZZ_ASSERT(drill_match_recorded(item, step->dir, &came, NULL, &why));
        }
    }
}

/* Files have their own names as content. */
static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    (void)ctx;
    *bytes = name;
    return name.len > 40 ? drill_error_set(err, DRILL_ERR_NOTFOUND, "too long") : DRILL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct drill_errors errors;
    const struct drill_loader loader = {load, NULL};
    struct drill_span input = fuzz_exact(drill_span_of(data, size));
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    const struct drill_file *file = drill_parse(input, "in", &loader, &arena, &errors);
    FUZZ_ASSERT((file == NULL) == (errors.count > 0));
    check_errors(input, &errors);
    if (file) {
        char note[200];
        struct drill_writer w = drill_writer_of(note, sizeof(note));
        (void)drill_lint_unplayed(file, 0, &w);
        FUZZ_ASSERT(drill_lint(file, "in", &errors) == (errors.count == 0));
        check_errors(input, &errors);
        for (const struct drill_step *step = file->body.steps; step; step = step->next) {
            check_line(step, &arena);
        }
        struct drill_span first = print(file);
        const struct drill_file *again = drill_parse(first, "print", &loader, &arena, &errors);
        FUZZ_ASSERT(again != NULL);
        FUZZ_ASSERT(fuzz_ast(file).hash == fuzz_ast(again).hash);
        struct drill_span second = print(again);
        FUZZ_ASSERT(drill_span_equal(first, second));
        fuzz_exact_free(first);
        fuzz_exact_free(second);
    }
    drill_arena_fini(&arena);
    fuzz_exact_free(input);
    return 0;
}
