/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct drill_arena_block {
    struct drill_arena_block *next;
    size_t cap;
    size_t used;
    max_align_t data[];
};

enum { BLOCK_MIN = 4096, BLOCK_LEAN = 512, BLOCK_MAX = 1 << 20 };

void *drill_alloc_resize(const struct drill_alloc *alloc, void *ptr, size_t size)
{
    if (alloc) {
        return alloc->resize(alloc->ctx, ptr, size);
    }
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

void drill_arena_init(struct drill_arena *a, const struct drill_alloc *alloc, size_t limit)
{
    a->alloc = alloc;
    a->head = NULL;
    a->held = 0;
    a->limit = limit;
    a->lean = false;
}

/* Twice the last block, so that few are needed and the last one serves next time; lean: by a
 * quarter of what is held. */
static size_t arena_next(const struct drill_arena *a)
{
    size_t cap = a->lean ? a->held / 4 : a->head ? a->head->cap : 0;
    size_t least = a->lean ? BLOCK_LEAN : BLOCK_MIN;
    if (cap > BLOCK_MAX / 2) {
        return BLOCK_MAX;
    }
    cap *= a->lean ? 1 : 2;
    return cap < least ? least : cap;
}

static struct drill_arena_block *arena_grow(struct drill_arena *a, size_t size)
{
    size_t cap = arena_next(a);
    if (cap < size) {
        cap = size;
    }
    size_t whole = sizeof(struct drill_arena_block) + cap;
    if (whole < cap || (a->limit && (whole > a->limit || a->held > a->limit - whole))) {
        return NULL;
    }
    struct drill_arena_block *b = drill_alloc_resize(a->alloc, NULL, whole);
    if (!b) {
        return NULL;
    }
    b->next = a->head;
    b->cap = cap;
    b->used = 0;
    a->head = b;
    a->held += whole;
    return b;
}

void *drill_arena_take(struct drill_arena *a, size_t size)
{
    const size_t align = sizeof(max_align_t);
    if (size > SIZE_MAX - align) {
        return NULL;
    }
    size = (size + align - 1) / align * align;
    struct drill_arena_block *b = a->head;
    if (!b || b->cap - b->used < size) {
        b = arena_grow(a, size);
        if (!b) {
            return NULL;
        }
    }
    void *p = (uint8_t *)b->data + b->used;
    b->used += size;
    memset(p, 0, size);
    return p;
}

struct drill_span drill_arena_copy(struct drill_arena *a, struct drill_span s)
{
    uint8_t *p = s.len < SIZE_MAX ? drill_arena_take(a, s.len + 1) : NULL;
    if (!p) {
        return drill_span_of(NULL, 0);
    }
    if (s.len) {
        memcpy(p, s.ptr, s.len);
    }
    return drill_span_of(p, s.len);
}

static void arena_free_list(struct drill_arena *a, struct drill_arena_block *b)
{
    while (b) {
        struct drill_arena_block *next = b->next;
        a->held -= sizeof(*b) + b->cap;
        drill_alloc_resize(a->alloc, b, 0);
        b = next;
    }
}

void drill_arena_reset(struct drill_arena *a)
{
    if (a->head) {
        arena_free_list(a, a->head->next);
        a->head->next = NULL;
        a->head->used = 0;
    }
}

void drill_arena_fini(struct drill_arena *a)
{
    arena_free_list(a, a->head);
    a->head = NULL;
}

void drill_buf_init(struct drill_buf *b, const struct drill_alloc *alloc)
{
    b->alloc = alloc;
    b->ptr = NULL;
    b->len = 0;
    b->cap = 0;
}

bool drill_buf_reserve(struct drill_buf *b, size_t more)
{
    if (more <= b->cap - b->len) {
        return true;
    }
    if (more > SIZE_MAX / 2 - b->len) {
        return false;
    }
    size_t cap = b->cap ? b->cap : 256;
    while (cap - b->len < more) {
        cap *= 2;
    }
    uint8_t *p = drill_alloc_resize(b->alloc, b->ptr, cap);
    if (!p) {
        return false;
    }
    b->ptr = p;
    b->cap = cap;
    return true;
}

bool drill_buf_append(struct drill_buf *b, struct drill_span s)
{
    if (!drill_buf_reserve(b, s.len)) {
        return false;
    }
    if (s.len) {
        memcpy(b->ptr + b->len, s.ptr, s.len);
        b->len += s.len;
    }
    return true;
}

void drill_buf_fini(struct drill_buf *b)
{
    drill_alloc_resize(b->alloc, b->ptr, 0);
    drill_buf_init(b, b->alloc);
}
