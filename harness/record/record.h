/* SPDX-License-Identifier: MIT */
/*
 * The recorder: what an MTA and a milter said, event by event, becomes a recording of each
 * connection. No sockets, and no say in what passes: it runs in a process of its own (scribe.h).
 *
 *     r = drill_record_new(&config, &err);
 *     drill_record_take(r, &event, bytes);       as they come
 *     drill_record_settle(r);                     now and then: all of them are in files
 *     drill_record_end(r);                        what stands has come to its end
 *     drill_record_free(r);
 */
#ifndef DRILL_RECORD_RECORD_H
#define DRILL_RECORD_RECORD_H

#include "record/files.h"
#include "record/keep.h"
#include "record/tapped.h"

struct drill_record;

struct drill_record_config {
    struct drill_files *files;
    const struct drill_keep *keep;
    const char *mta;    /* the profile of the MTA; NULL: as the frames say */
    const char *milter; /* NULL: as the frames say, or no line */
};

/* NULL: no memory. What the config points to outlives it. */
struct drill_record *drill_record_new(const struct drill_record_config *config,
                                      struct drill_error *err);
/* `bytes`: what stands behind the event. Of connections that memory was refused for, nothing is
 * recorded. */
void drill_record_take(struct drill_record *r, const struct drill_tapped *event,
                       struct drill_span bytes);
void drill_record_settle(struct drill_record *r);
/* The connections that nobody closed: whoever carried them has ended. */
void drill_record_end(struct drill_record *r);
void drill_record_free(struct drill_record *r); /* NULL: nothing; after drill_record_end */

#endif
