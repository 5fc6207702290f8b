/* SPDX-License-Identifier: MIT */
/*
 * Records (pieces of bytes) from one process to another through memory that both have: one puts,
 * one takes, nobody locks, and nothing is asked of the system. Made before the fork, so that both
 * have it at the same place.
 *
 *     who puts                                 who takes
 *     if (drill_ring_put(r, head, rest) &&     while (drill_ring_take(r, &record)) {
 *         drill_ring_sleeper(r)) {                 ... record ...
 *         ... wake the other ...                   drill_ring_release(r);
 *     }                                        }
 *
 * The two know of each other's sleep by flags here; how one is woken is theirs (scribe.h: a socket,
 * which also tells that the other is gone).
 */
#ifndef DRILL_RECORD_RING_H
#define DRILL_RECORD_RING_H

#include "base/bytes.h"

struct drill_ring;

/* `size`: bytes, a power of two. NULL: no memory. */
struct drill_ring *drill_ring_new(size_t size);
void drill_ring_free(struct drill_ring *r); /* in each process */

/* One record, `head` and `rest` behind each other; both together at most a quarter of the size.
 * False: no room, and nothing was put. */
bool drill_ring_put(struct drill_ring *r, struct drill_span head, struct drill_span rest);
/* True once behind each drill_ring_sleep: the other is to be woken. */
bool drill_ring_sleeper(struct drill_ring *r);
/* "I wait for room." False: do not, there is room for any record. */
bool drill_ring_starve(struct drill_ring *r);
uint64_t drill_ring_taken(const struct drill_ring *r); /* bytes so far: to see that it goes on */

/* The oldest record, until drill_ring_release, in its place. False: there is none, or what stands
 * there is no record (memory that was overwritten). */
bool drill_ring_take(struct drill_ring *r, struct drill_span *record);
void drill_ring_release(struct drill_ring *r);
/* "I sleep." False: do not, something has come. */
bool drill_ring_sleep(struct drill_ring *r);
/* True once behind drill_ring_starve, when there is room: the other is to be woken. */
bool drill_ring_starved(struct drill_ring *r);

#endif
