/* SPDX-License-Identifier: MIT */
/* What an imported scenario sends, with the files that were written beside it. */
#ifndef FUZZ_FUZZ_SENT_H
#define FUZZ_FUZZ_SENT_H

#include "fuzz.h"

#include "scenario/compose.h"
#include "scenario/import.h"
#include "scenario/parse.h"

/* A loader's `load`; ctx is the struct drill_import_written. */
static inline enum drill_code fuzz_sent_load(void *ctx, struct drill_span name,
                                             struct drill_span *bytes, struct drill_error *err)
{
    const struct drill_import_written *w = ctx;
    for (const struct drill_import_file *f = w->files; f; f = f->next) {
        if (drill_span_equal(name, drill_span_str(f->name))) {
            *bytes = drill_buf_span(&f->bytes);
            return DRILL_OK;
        }
    }
    return drill_error_set(err, DRILL_ERR_NOTFOUND, "no such file");
}

/* The bytes that the file's lines of one direction send, in order. */
static inline void fuzz_sent(const struct drill_file *file, enum drill_dir dir,
                             struct drill_arena *arena, struct drill_buf *out)
{
    for (const struct drill_step *step = file->body.steps; step; step = step->next) {
        struct drill_outgoing line;
        if (step->dir != dir || step->items->kind > DRILL_ITEM_RAW) {
            continue;
        }
        FUZZ_ASSERT(drill_compose(step->items, dir, NULL, NULL, arena, &line, NULL) == DRILL_OK);
        FUZZ_ASSERT(drill_buf_reserve(out, line.total));
        out->len += drill_outgoing_pull(&line, out->ptr + out->len, line.total);
    }
}

#endif
