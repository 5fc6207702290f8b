/* SPDX-License-Identifier: MIT */
/*
 * What the fuzz targets share. A target is one small file fuzz_<name>.c: its first comment states
 * the property, LLVMFuzzerTestOneInput checks it with FUZZ_ASSERT, and nothing is kept between
 * inputs. The same source links with libFuzzer, AFL++ and fuzz/replay_main.c (fuzz/README.md).
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Returns 0 always. `data` may be NULL when `size` is 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stays on in every build. */
#define FUZZ_ASSERT(cond) fuzz_check((cond), #cond, __FILE__, __LINE__)

static inline void fuzz_check(int ok, const char *what, const char *file, int line)
{
    if (!ok) {
        (void)fprintf(stderr, "%s:%d: property broken: %s\n", file, line, what);
        abort();
    }
}

/* Parameters come from the end of the input, so that its front stays a real protocol seed. They
 * are read, not removed. */
struct fuzz_random {
    uint64_t state;
};

static inline struct fuzz_random fuzz_random_of(const uint8_t *data, size_t size)
{
    struct fuzz_random r = {0x9e3779b97f4a7c15u};
    for (size_t i = size < 8 ? 0 : size - 8; i < size; i++) {
        r.state = (r.state ^ data[i]) * 0x100000001b3u;
    }
    return r;
}

/* 0 .. below - 1 */
static inline size_t fuzz_pick(struct fuzz_random *r, size_t below)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return (size_t)(r->state * 0x2545f4914f6cdd1du >> 33) % below;
}

/* What happened, folded into one number: equal traces mean equal events. */
struct fuzz_trace {
    uint64_t hash;
};

static inline void fuzz_note_bytes(struct fuzz_trace *t, const uint8_t *ptr, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        t->hash = (t->hash ^ ptr[i]) * 0x100000001b3u;
    }
}

static inline void fuzz_note(struct fuzz_trace *t, uint64_t value)
{
    t->hash = (t->hash ^ value) * 0x9e3779b97f4a7c15u;
    t->hash ^= t->hash >> 29;
}

/* A copy with nothing behind it, so that a sanitizer sees every byte read too far. */
static inline struct drill_span fuzz_exact(struct drill_span s)
{
    uint8_t *p = malloc(s.len ? s.len : 1);
    FUZZ_ASSERT(p != NULL);
    if (s.len) {
        memcpy(p, s.ptr, s.len);
    }
    return drill_span_of(p, s.len);
}

static inline void fuzz_exact_free(struct drill_span s)
{
    free((void *)(uintptr_t)s.ptr);
}

/* How the bytes of a stream come; the pieces are as long as the input chooses. */
enum fuzz_cutting { FUZZ_WHOLE, FUZZ_BYTES, FUZZ_PIECES };

/* The next piece; *s moves behind it. Pieces are exact copies: give them back. */
static inline struct drill_span fuzz_cut(struct drill_span *s, enum fuzz_cutting how,
                                         struct fuzz_random *r)
{
    size_t n = 1;
    if (how == FUZZ_WHOLE) {
        n = s->len;
    } else if (how == FUZZ_PIECES) {
        n = 1 + fuzz_pick(r, fuzz_pick(r, 4) ? 8 : s->len);
    }
    struct drill_span piece = drill_span_sub(*s, 0, n);
    *s = drill_span_sub(*s, piece.len, s->len);
    return how == FUZZ_PIECES ? fuzz_exact(piece) : piece;
}

static inline void fuzz_cut_free(struct drill_span piece, enum fuzz_cutting how)
{
    if (how == FUZZ_PIECES) {
        fuzz_exact_free(piece);
    }
}

#endif
