/* SPDX-License-Identifier: MIT */
/*
 * What happened -> a scenario that says the same, line by line: no `...`, so a replay adds nothing.
 * A frame becomes a typed line when that gives the same bytes, else NAME data=, else frame, else
 * raw. Values over 1 KiB go to files beside the scenario, which the owner writes.
 *
 * With a sink the transcript is streamed: it holds no more than the lines of the last event, which
 * the owner takes (text.len = 0) when it likes, and large values go to the sink as they come, and
 * into the lines as slices. Frames of any size then pass in pieces:
 *
 *     drill_transcript_begin(t, dir, code);
 *     drill_transcript_piece(t, dir, bytes);          any number
 *     drill_transcript_line(t, &seen, &travel);       seen.whole is false
 */
#ifndef DRILL_SCENARIO_TRANSCRIPT_H
#define DRILL_SCENARIO_TRANSCRIPT_H

#include "scenario/run.h"

enum { DRILL_TRANSCRIPT_INLINE = 1024, DRILL_TRANSCRIPT_NAME = 128 };

struct drill_transcript_file {
    char name[256]; /* beside the scenario: "<stem>.1.bin" */
    struct drill_span bytes;
    struct drill_transcript_file *next;
};

/* The files of a streamed transcript. Values of the two directions do not share one: each is in one
 * piece then, whatever the other side sends meanwhile. */
enum drill_beside_kind {
    DRILL_BESIDE_MAIL,        /* the message as it came: "<stem>.eml", then "<stem>.2.eml" ... */
    DRILL_BESIDE_FROM_MTA,    /* all else that is large: "<stem>.mta.bin" */
    DRILL_BESIDE_FROM_MILTER, /* "<stem>.milter.bin" */
    DRILL_BESIDES
};

struct drill_beside {
    char name[112]; /* "": there is none yet */
    uint64_t size;
};

struct drill_transcript_sink {
    /* Appends to the file of that kind, which is a new one when the name is. A size of 0 (that is
     * before these bytes) begins the file anew. */
    void (*append)(void *ctx, enum drill_beside_kind kind, const struct drill_beside *file,
                   struct drill_span bytes);
    void *ctx;
};

/* A value that goes to its file while it comes. Private. */
struct drill_transcript_large {
    enum drill_beside_kind kind;
    uint8_t code, last;
    uint64_t from, bytes; /* where it begins in its file; how much of it there is */
    uint64_t name;        /* bytes before the first NUL */
    uint64_t nuls;
    char first[DRILL_TRANSCRIPT_NAME]; /* of them */
};

struct drill_transcript {
    struct drill_arena *arena;
    const char *stem;
    struct drill_buf text; /* the lines so far */
    struct drill_transcript_file *files, **files_end;
    unsigned count;
    bool incomplete; /* a frame was too large to keep, or memory was refused */
    /* streamed */
    const struct drill_transcript_sink *sink; /* NULL: it is not */
    bool body_is_mail; /* bodies hold the message with its headers, as Stalwart's do: set by the
                          owner, before the first body */
    struct drill_beside beside[DRILL_BESIDES];
    struct drill_transcript_large large[2]; /* by direction */
    unsigned mails;                         /* files of messages so far */
    uint8_t mail_state, header_state;       /* private: transcript_mail.c */
    bool leadspc;                           /* negotiated: values come with their leading blank */
};

/* How a line's bytes came, for `after=`, `split=`, `join` and a comment for people. */
struct drill_travelled {
    uint64_t after;        /* microseconds since the line before */
    const uint32_t *reads; /* the sizes of the reads in which the frame came */
    size_t count;          /* of them; 0: not known */
    bool more;             /* there were more than are kept: no split= */
    bool join;             /* the next frame of this side came in the same read */
    const char *note;      /* one more for the comment, or NULL */
};

/* `stem`: the scenario's file name without folder and ending. */
void drill_transcript_init(struct drill_transcript *t, const char *stem, struct drill_arena *arena,
                           const struct drill_alloc *alloc);
/* The same, streamed; `sink` must outlive it. */
void drill_transcript_stream(struct drill_transcript *t, const char *stem,
                             const struct drill_transcript_sink *sink,
                             const struct drill_alloc *alloc);
/* An observer's `seen` (ctx is the transcript). */
void drill_transcript_seen(void *ctx, const struct drill_seen *seen);
/* The same with how it travelled; NULL: not known. */
void drill_transcript_line(struct drill_transcript *t, const struct drill_seen *seen,
                           const struct drill_travelled *travel);
/* Streamed: a frame of more than DRILL_TRANSCRIPT_INLINE bytes. */
void drill_transcript_begin(struct drill_transcript *t, enum drill_dir dir, uint8_t code);
void drill_transcript_piece(struct drill_transcript *t, enum drill_dir dir,
                            struct drill_span bytes);
/* A comment of its own. */
void drill_transcript_note(struct drill_transcript *t, const char *text);
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
