/* SPDX-License-Identifier: MIT */
/*
 * "However the bytes are cut, the same happens": a decoder test is written once, and the helper
 * runs it at every split of its input.
 *
 *     static void run(void *ctx, const struct drill_span *pieces, size_t count,
 *                     struct drill_writer *log);
 *     helper_every_split(input, run, ctx, want);
 *
 * `run` starts from scratch, feeds the pieces in order, and writes to `log` what it saw, in words.
 * What one run over the whole input writes must be `want` (or may be anything when `want` is NULL);
 * all others must write the same: two pieces at each place, and equal pieces of each length.
 */
#ifndef DRILL_TESTS_HELPER_SPLIT_H
#define DRILL_TESTS_HELPER_SPLIT_H

#include "base/bytes.h"

void helper_every_split(struct drill_span input,
                        void (*run)(void *ctx, const struct drill_span *pieces, size_t count,
                                    struct drill_writer *log),
                        void *ctx, const char *want);

#endif
