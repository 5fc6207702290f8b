/* SPDX-License-Identifier: MIT */
/*
 * A loader that loads each name once: a recording names the file of a message in every chunk of its
 * body. Lives as long as the scenario; what it keeps beside the contents is in the arena. Failures
 * are not kept. It must not move once it was made: its loader points to it.
 */
#ifndef DRILL_SCENARIO_CACHE_H
#define DRILL_SCENARIO_CACHE_H

#include "scenario/parse.h"

enum { DRILL_CACHE_BUCKETS = 128 };

struct drill_cached; /* private */

struct drill_cache {
    struct drill_loader loader; /* give this one to the parser */
    const struct drill_loader *under;
    struct drill_arena *arena;
    struct drill_cached *bucket[DRILL_CACHE_BUCKETS];
};

/* `under` does the loading; it and the arena must outlive the cache. */
void drill_cache_init(struct drill_cache *c, const struct drill_loader *under,
                      struct drill_arena *arena);

#endif
