/* SPDX-License-Identifier: MIT */
/*
 * What happened -> a scenario that says the same, line by line: no `...`, so a replay adds nothing.
 * A frame becomes a typed line when that gives the same bytes, else NAME data=, else frame, else
 * raw. Values over 1 KiB go to files beside the scenario, which the owner writes.
 */
#ifndef DRILL_SCENARIO_TRANSCRIPT_H
#define DRILL_SCENARIO_TRANSCRIPT_H

#include "scenario/run.h"

enum { DRILL_TRANSCRIPT_INLINE = 1024 };

struct drill_transcript_file {
    char name[256]; /* beside the scenario: "<stem>.1.bin" */
    struct drill_span bytes;
    struct drill_transcript_file *next;
};

struct drill_transcript {
    struct drill_arena *arena;
    const char *stem;
    struct drill_buf text; /* the lines so far */
    struct drill_transcript_file *files, **files_end;
    unsigned count;
    bool incomplete; /* a frame was too large to keep, or memory was refused */
};

/* `stem`: the scenario's file name without folder and ending. */
void drill_transcript_init(struct drill_transcript *t, const char *stem, struct drill_arena *arena,
                           const struct drill_alloc *alloc);
/* An observer's `seen` (ctx is the transcript). */
void drill_transcript_seen(void *ctx, const struct drill_seen *seen);
/* The first lines: title, why, profiles, client and message. `mail_file`: the message's file. */
struct drill_transcript_head {
    const char *title;
    const char *why;   /* or NULL */
    const char *tests; /* "mta", "milter" or NULL */
    const char *mta, *milter;
    const struct drill_settings *settings; /* of the MTA: version, actions, protocol are written */
    const struct drill_client *client;
    const char *mail_file;
};
/* Head, lines and verdict as one text, appended to *out. `told` may be NULL. */
void drill_transcript_write(const struct drill_transcript *t,
                            const struct drill_transcript_head *head, const struct drill_told *told,
                            struct drill_buf *out);
void drill_transcript_fini(struct drill_transcript *t);

#endif
