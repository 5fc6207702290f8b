/* SPDX-License-Identifier: MIT */
#include "sim/disturb.h"

#include "base/random.h"

static bool same_stream(const struct drill_disturb *d, uint32_t connection, enum drill_dir dir)
{
    return d->place.connection == connection && d->place.dir == dir;
}

/* Depends on the place alone, so that a play that goes another way is cut alike. */
static uint64_t random_size(const struct drill_disturb *d, const struct drill_disturb_place *from)
{
    uint64_t stream = (uint64_t)from->connection * 2 + (from->dir == DRILL_TO_MTA ? 1 : 0);
    struct drill_random r = {drill_random_mix(drill_random_mix(d->seed, stream), from->at)};
    static const uint64_t most[] = {1, 2, 4, 8, 8, 16, 64, 8192};
    return 1 + drill_random_below(&r, most[drill_random_below(&r, 8)]);
}

uint64_t drill_disturb_stop(const struct drill_disturb *d, const struct drill_disturb_place *from)
{
    switch (d->chunks) {
    case DRILL_DISTURB_WHOLE: return UINT64_MAX;
    case DRILL_DISTURB_BYTES:
        return from->at + (from->at < DRILL_DISTURB_MOST ? 1 : random_size(d, from));
    case DRILL_DISTURB_ONCE:
        return same_stream(d, from->connection, from->dir) && from->at < d->place.at ? d->place.at
                                                                                     : UINT64_MAX;
    case DRILL_DISTURB_RANDOM: return from->at + random_size(d, from);
    }
    return UINT64_MAX;
}

uint64_t drill_disturb_cut(const struct drill_disturb *d, uint32_t connection, enum drill_dir dir)
{
    return d->loss != DRILL_DISTURB_KEEP && same_stream(d, connection, dir) ? d->place.at
                                                                            : UINT64_MAX;
}
