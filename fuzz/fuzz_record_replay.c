/* SPDX-License-Identifier: MIT */
/*
 * Property: a recording loses nothing. Bytes of both directions, however they are cut and mixed,
 * become lines of a transcript, held or streamed; the text parses and passes the check, and what
 * its lines send is, for each direction, the same bytes. Each line accepts the frame that it was
 * made of, exactly and tolerantly.
 */
#include "fuzz.h"
#include "fuzz_stream.h"

#include "scenario/compose.h"
#include "scenario/lint.h"

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    const struct drill_transcript *t = ctx;
    for (const struct drill_transcript_file *f = t->files; f; f = f->next) {
        if (drill_span_equal(name, drill_span_str(f->name))) {
            *bytes = f->bytes;
            return DRILL_OK;
        }
    }
    return drill_error_set(err, DRILL_ERR_NOTFOUND, "no such file");
}

static void check_line(const struct drill_step *step, struct fuzz_side *s,
                       struct drill_arena *arena)
{
    struct drill_outgoing out;
    struct drill_error err;
    const struct drill_item *item = step->items;
    FUZZ_ASSERT(step->kind == DRILL_STEP_LINE && !item->next);
    FUZZ_ASSERT(drill_compose(item, step->dir, NULL, NULL, arena, &out, &err) == DRILL_OK);
    struct drill_span want = drill_span_sub(drill_buf_span(&s->bytes), s->told, SIZE_MAX);
    FUZZ_ASSERT(out.total <= want.len);
    uint8_t *bytes = malloc(out.total ? (size_t)out.total : 1);
    FUZZ_ASSERT(bytes != NULL);
    size_t n = drill_outgoing_pull(&out, bytes, (size_t)out.total);
    FUZZ_ASSERT(n == out.total && memcmp(bytes, want.ptr, n) == 0);
    s->told += n;
    if (item->kind != DRILL_ITEM_RAW) {
        struct drill_came came = {bytes[4], drill_be32(bytes), drill_span_of(bytes + 5, n - 5),
                                  true};
        FUZZ_ASSERT(drill_match(item, step->dir, &came, NULL, NULL));
        FUZZ_ASSERT(drill_match_recorded(item, step->dir, &came, NULL, NULL));
    }
    free(bytes);
}

static void replay(const struct drill_transcript *t, const struct drill_loader *loader,
                   struct fuzz_side sides[2], struct drill_arena *arena)
{
    static struct drill_errors errors;
    struct drill_buf text;
    drill_buf_init(&text, NULL);
    const char *first = "drill 1 \"recorded\" recorded=\"2026-11-20T12:00:00Z\"\n";
    FUZZ_ASSERT(drill_buf_append(&text, drill_span_str(first)));
    FUZZ_ASSERT(drill_buf_append(&text, drill_buf_span(&t->text)));
    const struct drill_file *file = drill_parse(drill_buf_span(&text), "r", loader, arena, &errors);
    FUZZ_ASSERT(file != NULL && drill_lint(file, "r", &errors));
    sides[0].told = sides[1].told = 0;
    for (const struct drill_step *step = file->body.steps; step; step = step->next) {
        check_line(step, &sides[step->dir], arena);
    }
    FUZZ_ASSERT(sides[0].told == sides[0].bytes.len && sides[1].told == sides[1].bytes.len);
    drill_buf_fini(&text);
}

static void streamed(struct drill_span in, struct fuzz_side sides[2], struct drill_arena *arena)
{
    static struct fuzz_files files;
    memset(&files, 0, sizeof(files));
    const struct drill_transcript_sink sink = {fuzz_append, &files};
    const struct drill_loader loader = {fuzz_load, &files};
    struct drill_transcript t;
    drill_transcript_stream(&t, "r", &sink, NULL);
    fuzz_record_streamed(&t, in);
    FUZZ_ASSERT(!t.incomplete);
    replay(&t, &loader, sides, arena);
    drill_transcript_fini(&t);
    for (size_t i = 0; i < files.count; i++) {
        drill_buf_fini(&files.bytes[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct drill_span input = fuzz_exact(drill_span_of(data, size));
    struct fuzz_side sides[2] = {{.told = 0}};
    struct drill_transcript t;
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&sides[0].bytes, NULL);
    drill_buf_init(&sides[1].bytes, NULL);
    drill_transcript_init(&t, "r", &arena, NULL);
    fuzz_record(&t, input, sides);
    const struct drill_loader loader = {load, &t};
    replay(&t, &loader, sides, &arena);
    streamed(input, sides, &arena);
    drill_transcript_fini(&t);
    drill_buf_fini(&sides[0].bytes);
    drill_buf_fini(&sides[1].bytes);
    drill_arena_fini(&arena);
    fuzz_exact_free(input);
    return 0;
}
