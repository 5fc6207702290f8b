/* SPDX-License-Identifier: MIT */
/*
 * The bytes of one proxied connection -> lines of its recording. Frames are cut by the shared
 * parser; up to DRILL_TAP_HOLD data bytes are looked at as a whole, larger ones pass on in pieces.
 * Where a direction stops being frames (a length of 0, or over DRILL_TAP_FRAME, more than any
 * program sends: text and TLS read as lengths are larger), the rest of it is `raw`.
 *
 * No files, no clock: lines gather in transcript.text, large values go to the transcript's sink.
 * What a milter still says behind `quit` is a comment: whether it can say it is a race with the
 * MTA's close, so as lines it would replay from neither end.
 *
 * Ends with FIN are told when it is known whether they were a close or a half-close: with the next
 * byte, the other end, or drill_tap_closed.
 */
#ifndef DRILL_RECORD_TAP_H
#define DRILL_RECORD_TAP_H

#include "scenario/implied.h"
#include "scenario/transcript.h"

enum { DRILL_TAP_HOLD = 4096, DRILL_TAP_READS = 16, DRILL_TAP_FRAME = 1 << 28 };

/* One direction. Private. */
struct drill_tap_side {
    struct drill_frame_parser parser;
    struct drill_buf held; /* payload of the frame that is coming, as long as it is small */
    uint32_t reads[DRILL_TAP_READS];
    size_t read_count;
    bool more_reads;
    bool streaming;
    bool raw;
    bool late;  /* what comes stands behind the MTA's quit: nobody waits for it */
    bool ended; /* its end is known, and not told yet */
    enum drill_end how;
    int error;
    uint64_t in_flight, ended_at;
};

struct drill_tap {
    struct drill_transcript transcript;
    struct drill_implied implied;
    struct drill_tap_side side[2]; /* by direction */
    uint64_t told_at;              /* of the line before */
    uint64_t sent_at;              /* of the MTA's last byte */
    uint64_t slowest;              /* the longest that the milter owed a reply, microseconds */
    uint64_t lines;
    bool over;       /* the line that ends the connection is written */
    bool linked;     /* the milter was reached */
    bool disordered; /* ended otherwise than behind `quit` or between commands, or was no milter
                        conversation */
};

/* `sink` must outlive it, as the transcript's. */
void drill_tap_init(struct drill_tap *t, const char *stem, const struct drill_transcript_sink *sink,
                    const struct drill_alloc *alloc, uint64_t now);
/* One read. */
void drill_tap_bytes(struct drill_tap *t, enum drill_dir dir, struct drill_span bytes,
                     uint64_t now);
/* The side that sends in `dir` ended. */
void drill_tap_ended(struct drill_tap *t, enum drill_dir dir, enum drill_end how, int error,
                     uint64_t in_flight, uint64_t now);
/* Both are gone: nothing comes behind this. */
void drill_tap_closed(struct drill_tap *t, uint64_t now);
void drill_tap_fini(struct drill_tap *t);

#endif
