/* SPDX-License-Identifier: MIT */
/*
 * "Each allocation fails in turn": a test is written once, and the helper runs it with the first
 * allocation refused, then with the second, until none is refused any more.
 *
 *     static bool run(void *ctx, const struct drill_alloc *alloc);     true: it succeeded
 *     helper_every_alloc(run, ctx);
 *
 * A run with a refusal must return false, the last one true; each must give all its memory back.
 */
#ifndef DRILL_TESTS_HELPER_ALLOC_H
#define DRILL_TESTS_HELPER_ALLOC_H

#include "base/arena.h"

struct helper_alloc {
    struct drill_alloc alloc; /* hand out &h.alloc; first member */
    size_t asked;             /* allocations and resizes so far */
    size_t refuse;            /* the number of the one to refuse, from 1; 0: none */
    size_t refused;
    size_t live; /* blocks that are not freed */
};

void helper_alloc_init(struct helper_alloc *h, size_t refuse);
void helper_every_alloc(bool (*run)(void *ctx, const struct drill_alloc *alloc), void *ctx);

#endif
