/* SPDX-License-Identifier: MIT */
#include "base/random.h"

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t drill_random_next(struct drill_random *r)
{
    r->state += STEP;
    return scramble(r->state);
}

uint64_t drill_random_below(struct drill_random *r, uint64_t limit)
{
    if (limit == 0) {
        return 0;
    }
    uint64_t uneven = (UINT64_MAX % limit + 1) % limit; /* the last ones, too few for a round */
    uint64_t v = drill_random_next(r);
    while (v > UINT64_MAX - uneven) {
        v = drill_random_next(r);
    }
    return v % limit;
}

uint64_t drill_random_mix(uint64_t seed, uint64_t part)
{
    return scramble(scramble(seed + STEP) ^ (part + STEP));
}

static uint64_t little_endian(const uint8_t *p, size_t len)
{
    uint64_t v = 0;
    for (size_t i = 0; i < len; i++) {
        v |= (uint64_t)p[i] << (8 * i);
    }
    return v;
}

uint64_t drill_random_fold(uint64_t seed, struct drill_span part)
{
    uint64_t h = drill_random_mix(seed, part.len);
    size_t at = 0;
    for (; part.len - at >= 8; at += 8) {
        h = scramble(h ^ little_endian(part.ptr + at, 8)) + STEP;
    }
    if (at < part.len) {
        h = scramble(h ^ little_endian(part.ptr + at, part.len - at)) + STEP;
    }
    return h;
}
