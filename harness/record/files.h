/* SPDX-License-Identifier: MIT */
/*
 * The folder of recordings. Real mail: the folder is 0700 and its owner's, files are 0600, whatever
 * the umask; one that is open to others is refused, not changed (it may be /tmp). Names are made
 * here, of the time and a number: nothing in them comes from the wire.
 *
 *     20261120T120000Z-1.drill        and .eml, .2.eml ..., .mta.bin, .milter.bin beside it
 *
 * A recording that is over before anything of it was written becomes its file at once. Else lines
 * are appended, content before the lines that name it, so that what is there is whole up to its
 * last line whenever we end; drill_recording_finish then puts the head before them: a new file, and
 * a rename.
 *
 * What cannot be written ends that recording, with one warning until one could be written again.
 * Its file gets its head when there is room for that at the connection's end, else it keeps the
 * provisional one. Writing is synchronous, and slow where the disk is: mail is carried by another
 * process (scribe.h).
 */
#ifndef DRILL_RECORD_FILES_H
#define DRILL_RECORD_FILES_H

#include <sys/types.h>

#include "scenario/transcript.h"

struct drill_files;     /* the folder */
struct drill_recording; /* one connection's files */

struct drill_files_config {
    const char *folder; /* made if it is not there; the folder above it must be */
    uid_t owner;        /* who must own it, and is given it when it is made */
    gid_t group;
    uint64_t most;   /* bytes of all recordings in the folder, those of earlier runs included: at
                        this point recording ends for good */
    uint64_t rotate; /* bytes over which the oldest recordings are removed; 0: none are */
    uint64_t keep;   /* the number of recordings to keep; 0: all */
    size_t files;    /* how many files may be open at once for recording */
    void (*warn)(void *ctx, const char *text);
    void *ctx;
};

struct drill_files_stats {
    uint64_t recorded; /* files completed and kept */
    uint64_t dropped;  /* not wanted, once they were over */
    uint64_t lost;     /* connections, or parts of them, that could not be written */
    uint64_t bytes;    /* in the folder */
    uint64_t rotated;  /* removed for newer ones */
};

/* Looks at what is in the folder, and removes what a killed run left half made (*.part, and those
 * without a line). */
struct drill_files *drill_files_open(const struct drill_files_config *config,
                                     struct drill_error *err);
const struct drill_files_stats *drill_files_stats(const struct drill_files *f);
void drill_files_free(struct drill_files *f); /* behind its recordings */

/* A recording, of which only the name is there. NULL: there is none (disk, limit, memory), told
 * once. */
struct drill_recording *drill_recording_new(struct drill_files *f);
const char *drill_recording_stem(const struct drill_recording *r);
const char *drill_recording_time(const struct drill_recording *r); /* ISO 8601, UTC */
/* Bytes of a file beside it; as the transcript's sink has it. */
void drill_recording_append(struct drill_recording *r, enum drill_beside_kind kind,
                            const struct drill_beside *file, struct drill_span bytes);
/* Content first, then these lines. False: the recording has ended, now or before. */
bool drill_recording_flush(struct drill_recording *r, struct drill_span lines);
bool drill_recording_broken(const struct drill_recording *r);
/* The whole file, where nothing was flushed before. Frees it. False: something was, or it could not
 * be written; nothing has changed. */
bool drill_recording_whole(struct drill_recording *r, struct drill_span head,
                           struct drill_span lines, struct drill_span tail);
/* The whole file: `head`, the lines so far, `tail`. Frees it. */
void drill_recording_finish(struct drill_recording *r, struct drill_span head,
                            struct drill_span tail);
/* Removes it. Frees it. */
void drill_recording_drop(struct drill_recording *r);

#endif
