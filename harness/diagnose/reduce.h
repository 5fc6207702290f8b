/* SPDX-License-Identifier: MIT */
/*
 * Delta debugging: the smallest part of a failing input that still fails, and the exact number at
 * which a quantity begins to. Pure searching: what is asked, and what it means, is the caller's.
 *
 * Questions come in batches of at most `wide`: 1 asks the fewest; more (up to DRILL_LAB_BATCH) asks
 * more in all and waits fewer times, for failures that take time. All stop when an answer is
 * DRILL_ANSWER_NONE, with the best that was found so far.
 */
#ifndef DRILL_DIAGNOSE_REDUCE_H
#define DRILL_DIAGNOSE_REDUCE_H

#include "diagnose/lab.h"

/* Does it still fail with only these of the n units? `sets`: count rows of n flags. */
typedef void drill_units_test(void *ctx, const bool *sets, size_t count, size_t n,
                              enum drill_answer *answers);

struct drill_units {
    bool *keep;  /* n flags, a set known to fail; the result */
    bool *trial; /* room for wide * n flags */
    size_t n, wide;
    drill_units_test *test;
    void *ctx;
};

/* Leaves in `keep` a set that fails, from which no single unit can be taken: ddmin (Zeller,
 * Hildebrandt 2002) by complements, the pieces halved from pass to pass. The empty set is asked
 * for, too. False: it stopped early. */
bool drill_reduce_units(const struct drill_units *u);

/* Does it fail with these numbers? */
typedef void drill_bisect_test(void *ctx, const uint64_t *numbers, size_t count,
                               enum drill_answer *answers);

struct drill_bisect {
    uint64_t pass, fail; /* pass < fail or fail < pass; narrowed to neighbours */
    uint64_t near;       /* not 0: narrowed until they are at most so far apart */
    size_t wide;
    drill_bisect_test *test;
    void *ctx;
};

/* False: it stopped early. */
bool drill_bisect(struct drill_bisect *b);

/* Does it still fail with the bytes from[i]..to[i] only? */
typedef void drill_window_test(void *ctx, const size_t *from, const size_t *to, size_t count,
                               enum drill_answer *answers);

struct drill_window {
    size_t from,
        to; /* in: 0 and the number of bytes, which fail, while none pass; out: the piece */
    size_t wide;
    drill_window_test *test;
    void *ctx;
};

/* A piece without a gap that fails, while one byte less at either end does not: the end first, then
 * the beginning. False: it stopped early. */
bool drill_reduce_window(struct drill_window *w);

#endif
