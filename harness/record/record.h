/* SPDX-License-Identifier: MIT */
/*
 * The recorder: a tap for net/forward that makes a recording of each connection. It sees; it never
 * holds traffic up, and what cannot be recorded goes on unrecorded.
 *
 *     r = drill_record_new(&config, &err);
 *     drill_record_tap(r, &tap);                  for drill_forward_config
 *     drill_record_forward(r, forward);
 *     ... drill_net_run ... drill_forward_free ...
 *     drill_record_free(r);
 */
#ifndef DRILL_RECORD_RECORD_H
#define DRILL_RECORD_RECORD_H

#include "net/forward.h"
#include "record/files.h"
#include "record/inject.h"
#include "record/keep.h"

struct drill_record;

struct drill_record_config {
    struct drill_files *files;
    const struct drill_keep *keep;
    const struct drill_inject *inject; /* NULL: traffic is never touched */
    const char *mta;                   /* the profile of the MTA; NULL: as the frames say */
    const char *milter;                /* NULL: as the frames say, or no line */
};

struct drill_record_stats {
    uint64_t connections;
    uint64_t most;     /* at once */
    uint64_t injected; /* faults that were done */
};

/* NULL: no memory. What the config points to outlives it. */
struct drill_record *drill_record_new(const struct drill_record_config *config,
                                      struct drill_error *err);
void drill_record_tap(struct drill_record *r, struct drill_forward_tap *tap);
/* The forward that was made with this tap: it knows why TLS failed. */
void drill_record_forward(struct drill_record *r, const struct drill_forward *forward);
const struct drill_record_stats *drill_record_stats(const struct drill_record *r);
/* After the forward. */
void drill_record_free(struct drill_record *r);

#endif
