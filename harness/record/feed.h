/* SPDX-License-Identifier: MIT */
/*
 * The tap of the carrying process: tells the scribe what passes, and does the faults of --inject.
 *
 *     feed = drill_feed_new(scribe, inject, &err);
 *     drill_feed_tap(feed, &tap);                 for drill_forward_config
 *     drill_feed_forward(feed, forward);
 *     ... drill_net_run ... drill_forward_free ...
 *     drill_feed_free(feed);
 */
#ifndef DRILL_RECORD_FEED_H
#define DRILL_RECORD_FEED_H

#include "net/forward.h"
#include "record/inject.h"
#include "record/scribe.h"

struct drill_feed;

struct drill_feed_stats {
    uint64_t connections;
    uint64_t most;     /* at once */
    uint64_t lost;     /* that the scribe was not told of, or not to their end */
    uint64_t injected; /* faults that were done */
};

/* NULL: no memory. `inject` may be NULL: traffic is never touched. Both outlive it. */
struct drill_feed *drill_feed_new(struct drill_scribe *scribe, const struct drill_inject *inject,
                                  struct drill_error *err);
void drill_feed_tap(struct drill_feed *f, struct drill_forward_tap *tap);
/* The forward that was made with this tap: it knows why TLS failed. */
void drill_feed_forward(struct drill_feed *f, const struct drill_forward *forward);
const struct drill_feed_stats *drill_feed_stats(const struct drill_feed *f);
/* After the forward. */
void drill_feed_free(struct drill_feed *f);

#endif
