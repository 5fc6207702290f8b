/* SPDX-License-Identifier: MIT */
/*
 * A conversation from an input, told to a transcript. The input: pieces of two bytes big-endian
 * (the first bit: 0 from the MTA, 1 from the milter; the others: how many bytes) and these bytes.
 */
#ifndef FUZZ_FUZZ_SIDES_H
#define FUZZ_FUZZ_SIDES_H

#include "fuzz.h"

#include "scenario/transcript.h"

/* One direction: its bytes, how many of them are told, and whether it still has frames. */
struct fuzz_side {
    struct drill_buf bytes;
    size_t told;
    bool raw;
};

static inline void fuzz_tell(struct drill_transcript *t, enum drill_dir dir,
                             enum drill_seen_kind kind, struct drill_span bytes)
{
    struct drill_seen seen = {.kind = kind, .dir = dir, .size = bytes.len, .payload = bytes};
    seen.whole = true;
    if (kind == DRILL_SEEN_FRAME) {
        seen.length = drill_be32(bytes.ptr);
        seen.code = bytes.ptr[4];
        seen.payload = drill_span_sub(bytes, DRILL_FRAME_HEADER_SIZE, bytes.len);
        seen.size = seen.payload.len;
    }
    drill_transcript_seen(t, &seen);
}

/* Whole frames are told as they are complete; behind a length of 0 there are none any more. */
static inline void fuzz_go_on(struct drill_transcript *t, enum drill_dir dir, struct fuzz_side *s,
                              bool end)
{
    for (;;) {
        struct drill_span left = drill_span_sub(drill_buf_span(&s->bytes), s->told, SIZE_MAX);
        uint32_t length = left.len >= 4 ? drill_be32(left.ptr) : 1;
        s->raw = s->raw || length == 0;
        bool frame = !s->raw && left.len > 4 && left.len - 4 >= length;
        size_t take = frame ? length + (size_t)4 : s->raw || end ? left.len : 0;
        if (take == 0) {
            return;
        }
        fuzz_tell(t, dir, frame ? DRILL_SEEN_FRAME : DRILL_SEEN_RAW, drill_span_sub(left, 0, take));
        s->told += take;
    }
}

static inline void fuzz_record(struct drill_transcript *t, struct drill_span in,
                               struct fuzz_side sides[2])
{
    while (in.len >= 2) {
        size_t head = (size_t)in.ptr[0] << 8 | in.ptr[1];
        enum drill_dir dir = head & 0x8000 ? DRILL_TO_MTA : DRILL_TO_MILTER;
        struct drill_span piece = drill_span_sub(in, 2, head & 0x7fff);
        in = drill_span_sub(in, 2 + piece.len, in.len);
        FUZZ_ASSERT(drill_buf_append(&sides[dir].bytes, piece));
        fuzz_go_on(t, dir, &sides[dir], false);
    }
    fuzz_go_on(t, DRILL_TO_MILTER, &sides[DRILL_TO_MILTER], true);
    fuzz_go_on(t, DRILL_TO_MTA, &sides[DRILL_TO_MTA], true);
    FUZZ_ASSERT(!t->incomplete);
}

#endif
