/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

static bool same(struct drill_span a, size_t i, struct drill_span b, size_t j)
{
    return drill_span_equal_nocase(drill_span_sub(a, i, 1), drill_span_sub(b, j, 1));
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: the table of distances between all prefixes. */
size_t drill_nearest_distance(struct drill_span a, struct drill_span b)
{
    size_t d[DRILL_NEAREST_MAX + 1][DRILL_NEAREST_MAX + 1];
    if (a.len > DRILL_NEAREST_MAX || b.len > DRILL_NEAREST_MAX) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i <= a.len; i++) {
        for (size_t j = 0; j <= b.len; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            bool equal = same(a, i - 1, b, j - 1);
            d[i][j] = least(d[i - 1][j - 1] + !equal, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same(a, i - 1, b, j - 2) && same(a, i - 2, b, j - 1)) {
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
            }
        }
    }
    return d[a.len][b.len];
}

const char *drill_nearest(struct drill_span word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t best_distance = word.len <= 4 ? 2 : 3; /* one more than is allowed */
    for (size_t i = 0; i < count; i++) {
        if (!names[i]) {
            continue;
        }
        struct drill_span name = drill_span_str(names[i]);
        size_t distance = drill_nearest_distance(word, name);
        if (distance < best_distance && distance < name.len && distance < word.len) {
            best_distance = distance;
            best = names[i];
        }
    }
    return best;
}
