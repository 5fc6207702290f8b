/* SPDX-License-Identifier: MIT */
/*
 * Numbers that look random and are not: a pure function of a state that the caller keeps
 * (splitmix64, Steele and others 2014; the fold is made of the same mixing step). The same seed
 * gives the same numbers on every machine. Not for secrets.
 *
 *     struct drill_random r = {drill_random_fold(root, drill_span_str(path))};
 *     uint64_t place = drill_random_below(&r, size);
 */
#ifndef DRILL_BASE_RANDOM_H
#define DRILL_BASE_RANDOM_H

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Any state is a good one. */
struct drill_random {
    uint64_t state;
};

uint64_t drill_random_next(struct drill_random *r);
/* 0 to limit - 1, each as likely as the others; 0 when limit is 0. */
uint64_t drill_random_below(struct drill_random *r, uint64_t limit);
/* A seed of its own for part number `part` of what `seed` is for. */
uint64_t drill_random_mix(uint64_t seed, uint64_t part);
/* The same for a part that has a name; also a hash that tells spans apart (not against an enemy).
 */
uint64_t drill_random_fold(uint64_t seed, struct drill_span part);

#ifdef __cplusplus
}
#endif
#endif
