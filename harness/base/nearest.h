/* SPDX-License-Identifier: MIT */
/* "did you mean": the known name that a mistyped word is closest to. */
#ifndef DRILL_BASE_NEAREST_H
#define DRILL_BASE_NEAREST_H

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The name that takes the fewest inserted, deleted, changed or swapped letters (without case), the
 * first of equals. NULL when even that is too far: over 1 for words up to 4 letters, over 2 for
 * longer ones. NULL entries of `names` are passed over. */
const char *drill_nearest(struct drill_span word, const char *const *names, size_t count);
/* The number of such steps, for words of up to DRILL_NEAREST_MAX bytes; else SIZE_MAX. */
enum { DRILL_NEAREST_MAX = 32 };
size_t drill_nearest_distance(struct drill_span a, struct drill_span b);

#ifdef __cplusplus
}
#endif
#endif
