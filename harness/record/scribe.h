/* SPDX-License-Identifier: MIT */
/*
 * The process that writes the recordings. The one that carries mail hands it what passes, through
 * memory that both have (ring.h), and goes on: recording costs mail a copy of its bytes, and
 * whatever becomes of recording - a slow disk, a fault in reading what a stranger sent - mail does
 * not see. The other way round, too: when the carrying process is killed, the scribe completes the
 * files with all that was passed before.
 *
 *     s = drill_scribe_new(&config, &err);            forks: before there are sockets and keys
 *     if (drill_scribe_is_child(s)) {
 *         drill_scribe_serve(s);                      until the other is gone
 *     } else {
 *         ... sockets ...
 *         drill_scribe_begin(s, &err);                it opens the folder, and becomes the user
 *         ... drill_scribe_tell ...
 *         drill_scribe_end(s);                        all is written
 *         ... drill_scribe_stats ...
 *     }
 *     drill_scribe_free(s);
 *
 * It works when mail does not: at the lowest priority, looking at what has come every few
 * milliseconds as long as something comes, asleep otherwise. Only when more waits than the ring
 * holds does who tells wait for it; and when it does not move for a second, the disk hangs, and the
 * connection goes on unrecorded.
 *
 * It ignores the signals that end the other (a terminal's, a service manager's): it ends when that
 * one has. SIGKILL to both at once loses what came within the last look, milliseconds.
 */
#ifndef DRILL_RECORD_SCRIBE_H
#define DRILL_RECORD_SCRIBE_H

#include "record/files.h"
#include "record/record.h"
#include "record/tapped.h"
#include "record/user.h"

struct drill_scribe;

struct drill_scribe_config {
    struct drill_files_config files;   /* `owner` and `group` as in `user`; `files` is set here */
    struct drill_record_config record; /* `files` is set here */
    const struct drill_user *user;
};

/* Forks. NULL: no memory, or no process. What the config points to outlives it. Flush stdio before:
 * both processes have what is in its buffers. */
struct drill_scribe *drill_scribe_new(const struct drill_scribe_config *config,
                                      struct drill_error *err);
bool drill_scribe_is_child(const struct drill_scribe *s);
void drill_scribe_free(struct drill_scribe *s); /* in both */

/* ---- in the child ---- */

void drill_scribe_serve(struct drill_scribe *s);

/* ---- in its parent ---- */

/* Waits until the folder is open. False: it is not, and the child has ended. */
bool drill_scribe_begin(struct drill_scribe *s, struct drill_error *err);
/* False: it is lost (the child is gone, which is warned of once; or it hangs). `bytes`: 64 KiB at
 * most. */
bool drill_scribe_tell(struct drill_scribe *s, const struct drill_tapped *event,
                       struct drill_span bytes);
/* Whether there is a child; asks the system. */
bool drill_scribe_lives(struct drill_scribe *s);
/* Waits until all is written and the child has ended. */
void drill_scribe_end(struct drill_scribe *s);
/* Of the child, once it has ended; zeros if it was killed. */
const struct drill_files_stats *drill_scribe_stats(const struct drill_scribe *s);

#endif
