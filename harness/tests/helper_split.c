/* SPDX-License-Identifier: MIT */
#include "helper_split.h"

#include <stdio.h>
#include <stdlib.h>

#include "helper_bytes.h"

enum { LOG_CAP = 1 << 20 };

struct split_run {
    struct drill_span input;
    void (*run)(void *ctx, const struct drill_span *pieces, size_t count, struct drill_writer *log);
    void *ctx;
};

/* Cuts at `first` once (when `size` is 0), or after each `size` bytes. Each piece is a memory block
 * of its own. Returns the log; the caller frees its buffer. */
static struct drill_span run_cut(const struct split_run *s, size_t first, size_t size)
{
    uint8_t *log = malloc(LOG_CAP);
    struct drill_span *pieces = calloc(s->input.len + 2, sizeof(*pieces));
    size_t count = 0;
    assert_non_null(log);
    assert_non_null(pieces);
    for (size_t at = 0; at < s->input.len || count == 0;) {
        size_t n = size ? size : (at == 0 && first ? first : s->input.len);
        pieces[count] = helper_exact(drill_span_sub(s->input, at, n));
        at += pieces[count++].len;
    }
    struct drill_writer w = drill_writer_of(log, LOG_CAP);
    s->run(s->ctx, pieces, count, &w);
    assert_false(w.overflow);
    while (count) {
        helper_exact_free(pieces[--count]);
    }
    free(pieces);
    return drill_writer_span(&w);
}

static void check_cut(const struct split_run *s, struct drill_span want, size_t first, size_t size)
{
    char what[80];
    struct drill_span got = run_cut(s, first, size);
    if (size) {
        (void)snprintf(what, sizeof(what), "in pieces of %lu", (unsigned long)size);
    } else {
        (void)snprintf(what, sizeof(what), "split at byte %lu", (unsigned long)first);
    }
    helper_assert_bytes(got, want, what);
    helper_exact_free(got);
}

void helper_every_split(struct drill_span input,
                        void (*run)(void *ctx, const struct drill_span *pieces, size_t count,
                                    struct drill_writer *log),
                        void *ctx, const char *want)
{
    struct split_run s = {input, run, ctx};
    struct drill_span whole = run_cut(&s, 0, 0);
    if (want) {
        helper_assert_bytes(whole, drill_span_str(want), "whole");
    }
    for (size_t at = 1; at < input.len; at++) {
        check_cut(&s, whole, at, 0);
    }
    for (size_t size = 1; size < input.len; size++) {
        check_cut(&s, whole, 0, size);
    }
    helper_exact_free(whole);
}
