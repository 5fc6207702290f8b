/* SPDX-License-Identifier: MIT */
/*
 * Allocation behind one door, so that a test can make the nth one fail.
 *
 * A drill_alloc is one function in the manner of realloc. NULL in its place means the C library's
 * realloc and free. An arena hands out memory that lives until the arena is reset or ended; a
 * drill_buf is one growing piece. Both fail by returning NULL or false, and stay usable.
 */
#ifndef DRILL_BASE_ARENA_H
#define DRILL_BASE_ARENA_H

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* size 0 frees `ptr` and returns NULL; otherwise as realloc(ptr, size). */
struct drill_alloc {
    void *(*resize)(void *ctx, void *ptr, size_t size);
    void *ctx;
};

void *drill_alloc_resize(const struct drill_alloc *alloc, void *ptr, size_t size);

struct drill_arena_block; /* private */

struct drill_arena {
    const struct drill_alloc *alloc;
    struct drill_arena_block *head;
    size_t held;  /* bytes taken from `alloc` */
    size_t limit; /* never more than this; 0: no limit */
    bool lean;    /* one of thousands: small blocks; may be set behind drill_arena_init */
};

void drill_arena_init(struct drill_arena *a, const struct drill_alloc *alloc, size_t limit);
/* Zeroed memory, aligned for any type. NULL when `alloc` refuses or `limit` would be passed. */
void *drill_arena_take(struct drill_arena *a, size_t size);
/* A copy of the span with a NUL behind it (the NUL is not counted in its len). On failure ptr is
 * NULL. */
struct drill_span drill_arena_copy(struct drill_arena *a, struct drill_span s);
/* Forgets all that was handed out; keeps one block for reuse. */
void drill_arena_reset(struct drill_arena *a);
void drill_arena_fini(struct drill_arena *a);

struct drill_buf {
    const struct drill_alloc *alloc;
    uint8_t *ptr;
    size_t len;
    size_t cap;
};

void drill_buf_init(struct drill_buf *b, const struct drill_alloc *alloc);
/* Room for `more` bytes behind len; false when refused, and nothing changed. */
bool drill_buf_reserve(struct drill_buf *b, size_t more);
bool drill_buf_append(struct drill_buf *b, struct drill_span s);
void drill_buf_fini(struct drill_buf *b);

static inline struct drill_span drill_buf_span(const struct drill_buf *b)
{
    return drill_span_of(b->ptr, b->len);
}

#ifdef __cplusplus
}
#endif
#endif
