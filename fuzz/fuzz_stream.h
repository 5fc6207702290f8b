/* SPDX-License-Identifier: MIT */
/*
 * The same conversation (fuzz_sides.h) told to a streamed transcript, as a recorder does: large
 * frames in the pieces in which they come, what is torn with all that came of it. Its files are
 * kept by name.
 */
#ifndef FUZZ_FUZZ_STREAM_H
#define FUZZ_FUZZ_STREAM_H

#include "fuzz_sides.h"

#include "scenario/parse.h"
#include "wire/frame.h"

enum { FUZZ_FILES = 64 };

struct fuzz_files {
    char name[FUZZ_FILES][112];
    struct drill_buf bytes[FUZZ_FILES];
    size_t count;
};

static inline void fuzz_append(void *ctx, enum drill_beside_kind kind,
                               const struct drill_beside *file, struct drill_span bytes)
{
    struct fuzz_files *files = ctx;
    (void)kind;
    size_t i = 0;
    while (i < files->count && strcmp(files->name[i], file->name) != 0) {
        i++;
    }
    if (i == files->count) {
        FUZZ_ASSERT(files->count < FUZZ_FILES);
        memcpy(files->name[files->count++], file->name, sizeof(file->name));
    }
    if (file->size == 0) { /* it begins anew */
        files->bytes[i].len = 0;
    }
    FUZZ_ASSERT(file->size == files->bytes[i].len);
    FUZZ_ASSERT(drill_buf_append(&files->bytes[i], bytes));
}

/* A loader of them. */
static inline enum drill_code fuzz_load(void *ctx, struct drill_span name, struct drill_span *bytes,
                                        struct drill_error *err)
{
    const struct fuzz_files *files = ctx;
    for (size_t i = 0; i < files->count; i++) {
        if (drill_span_equal(name, drill_span_str(files->name[i]))) {
            *bytes = drill_buf_span(&files->bytes[i]);
            return DRILL_OK;
        }
    }
    return drill_error_set(err, DRILL_ERR_NOTFOUND, "no such file");
}

/* One direction on its way through the parser. */
struct fuzz_flow {
    struct drill_frame_parser parser;
    struct drill_buf held;
    bool raw, streaming;
};

static inline void fuzz_stream_raw(struct drill_transcript *t, enum drill_dir dir,
                                   struct drill_span bytes, bool whole)
{
    struct drill_seen seen = {.kind = DRILL_SEEN_RAW, .dir = dir, .payload = bytes};
    seen.size = bytes.len;
    seen.whole = whole;
    drill_transcript_line(t, &seen, NULL);
}

static inline void fuzz_stream_frame(struct drill_transcript *t, enum drill_dir dir,
                                     const struct fuzz_flow *flow, const struct drill_frame *f)
{
    struct drill_seen seen = {.kind = DRILL_SEEN_FRAME, .dir = dir, .code = f->code};
    seen.length = f->length;
    seen.size = f->size;
    seen.payload = drill_buf_span(&flow->held);
    seen.whole = !flow->streaming;
    drill_transcript_line(t, &seen, NULL);
}

static inline void fuzz_stream(struct drill_transcript *t, enum drill_dir dir,
                               struct fuzz_flow *flow, struct drill_span in)
{
    struct drill_frame f;
    for (;;) {
        switch (flow->raw ? DRILL_FRAME_ERROR : drill_frame_next(&flow->parser, &in, &f)) {
        case DRILL_FRAME_ERROR:
            if (!flow->raw) {
                fuzz_stream_raw(t, dir, drill_span_of(flow->parser.head, flow->parser.have), true);
            }
            flow->raw = true;
            if (in.len) {
                fuzz_stream_raw(t, dir, in, true);
            }
            return;
        case DRILL_FRAME_HEADER:
            flow->held.len = 0;
            flow->streaming = f.size > DRILL_TRANSCRIPT_INLINE;
            if (flow->streaming) {
                drill_transcript_begin(t, dir, f.code);
            }
            break;
        case DRILL_FRAME_PAYLOAD:
            if (flow->streaming) {
                drill_transcript_piece(t, dir, f.payload);
            } else {
                FUZZ_ASSERT(drill_buf_append(&flow->held, f.payload));
            }
            break;
        case DRILL_FRAME_END: fuzz_stream_frame(t, dir, flow, &f); break;
        case DRILL_FRAME_MORE: return;
        }
    }
}

/* The stream ends inside a frame: its header, and all that came of it. */
static inline void fuzz_stream_end(struct drill_transcript *t, enum drill_dir dir,
                                   struct fuzz_flow *flow)
{
    const struct drill_frame_parser *p = &flow->parser;
    bool begun = p->left > 0;
    if (!flow->raw && (p->have || begun)) {
        struct drill_buf all;
        drill_buf_init(&all, NULL);
        FUZZ_ASSERT(drill_buf_append(&all, drill_span_of(p->head, begun ? 5 : p->have)));
        if (begun && !flow->streaming) {
            FUZZ_ASSERT(drill_buf_append(&all, drill_buf_span(&flow->held)));
        }
        fuzz_stream_raw(t, dir, drill_buf_span(&all), !begun || !flow->streaming);
        drill_buf_fini(&all);
    }
}

static inline void fuzz_record_streamed(struct drill_transcript *t, struct drill_span in)
{
    struct fuzz_flow flows[2] = {{.raw = false}};
    drill_frame_init(&flows[0].parser, UINT32_MAX);
    drill_frame_init(&flows[1].parser, UINT32_MAX);
    while (in.len >= 2) {
        size_t head = (size_t)in.ptr[0] << 8 | in.ptr[1];
        enum drill_dir dir = head & 0x8000 ? DRILL_TO_MTA : DRILL_TO_MILTER;
        struct drill_span piece = drill_span_sub(in, 2, head & 0x7fff);
        in = drill_span_sub(in, 2 + piece.len, in.len);
        fuzz_stream(t, dir, &flows[dir], piece);
    }
    fuzz_stream_end(t, DRILL_TO_MILTER, &flows[DRILL_TO_MILTER]);
    fuzz_stream_end(t, DRILL_TO_MTA, &flows[DRILL_TO_MTA]);
    drill_buf_fini(&flows[0].held);
    drill_buf_fini(&flows[1].held);
}

#endif
