/* SPDX-License-Identifier: MIT */
/*
 * THE shared frame parser: uint32 length (big endian, counts the command byte), command, data.
 *
 * Two layers. drill_frame_next cuts a stream into header, payload pieces and end; it copies
 * nothing, allocates nothing and holds at most the 5 header bytes. drill_assemble_next puts whole
 * payloads together, up to a limit; a larger frame is counted, its first bytes are kept, and it is
 * never held. Any chunking of the same bytes gives the same events (payload pieces joined).
 *
 *     struct drill_frame_parser p;
 *     struct drill_span in = bytes_from_the_peer;
 *     struct drill_frame f;
 *     drill_frame_init(&p, DRILL_MAX_DATA);
 *     while (drill_frame_next(&p, &in, &f) > DRILL_FRAME_MORE) { use(&f); }
 *     at end of input: drill_frame_finish(&p);   and if (p.fault) explain it
 *
 * Both directions are framed alike (libmilter comm.c mi_rd_cmd and
 * mi_wr_cmd). A length counts at least the command byte.
 */
#ifndef DRILL_WIRE_FRAME_H
#define DRILL_WIRE_FRAME_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DRILL_FRAME_HEADER_SIZE = 5 };

enum drill_frame_kind {
    DRILL_FRAME_ERROR = -1, /* see `fault`; every later call says the same until a reset */
    DRILL_FRAME_MORE = 0,   /* all input is taken; give the next piece */
    DRILL_FRAME_HEADER,     /* `code` and `size` are known; nothing of the payload is taken yet */
    DRILL_FRAME_PAYLOAD,    /* `payload` is the next piece of it: a view into the caller's input */
    DRILL_FRAME_END         /* the frame is complete */
};

enum drill_frame_fault {
    DRILL_FRAME_OK = 0,
    DRILL_FRAME_ZERO, /* a length of 0: not even a command */
    DRILL_FRAME_LONG, /* more data than the caller's limit */
    DRILL_FRAME_TORN  /* the input ended inside a header or a payload */
};

struct drill_frame {
    uint64_t at;     /* offset in the stream of the frame's first length byte */
    uint32_t length; /* the length word as it was */
    uint32_t size;   /* data bytes announced: length - 1 */
    uint8_t code;
    struct drill_span payload; /* DRILL_FRAME_PAYLOAD and drill_frame_take only; valid as long as
                                  the input is */
};

struct drill_frame_parser {
    uint32_t limit;  /* most data bytes of a frame */
    uint64_t offset; /* bytes taken so far */
    enum drill_frame_fault fault;
    uint8_t head[DRILL_FRAME_HEADER_SIZE];
    uint8_t have;  /* bytes of `head` */
    uint8_t state; /* private */
    uint32_t left; /* payload bytes to come */
    uint64_t at;   /* where the current frame began */
    uint32_t size; /* its data bytes */
};

/* `limit` is the most data bytes (without the command byte); UINT32_MAX - 1 and more: any. */
void drill_frame_init(struct drill_frame_parser *p, uint32_t limit);
/* Back to the start of a stream, same limit. */
void drill_frame_reset(struct drill_frame_parser *p);
/* Takes from the front of *in and moves it. Returns what happened; fills *out. */
enum drill_frame_kind drill_frame_next(struct drill_frame_parser *p, struct drill_span *in,
                                       struct drill_frame *out);
/* A whole frame in one step: true when *in begins with a frame and holds all of it, which is then
 * taken: header, payload and end together. False takes nothing and says nothing: the frame is not
 * all here, or is faulty, or the last one has not ended. drill_frame_next tells. The two may be
 * mixed at will; over small frames this one is three times as fast. */
bool drill_frame_take(struct drill_frame_parser *p, struct drill_span *in, struct drill_frame *out);
/* The input has ended. DRILL_FRAME_OK between frames, else DRILL_FRAME_TORN or the earlier fault.
 */
enum drill_frame_fault drill_frame_finish(struct drill_frame_parser *p);
/* How many bytes complete the current header or payload: what a reader that reads exactly (as
 * libmilter does) asks for next. Never 0 unless faulty. Between frames: the 5 of a header. */
size_t drill_frame_want(const struct drill_frame_parser *p);
/* The fault as an error with its byte offset: which length at which byte, the limit, and what the
 * peer really speaks when the first bytes say so (wire/foreign.h). DRILL_OK when there is none. */
enum drill_code drill_frame_error(const struct drill_frame_parser *p, struct drill_error *err);
/* Writes the 5 header bytes for `size` data bytes. */
void drill_frame_put_header(uint8_t out[DRILL_FRAME_HEADER_SIZE], uint8_t code, uint32_t size);

/* Whole frames. */
enum drill_assemble_kind {
    DRILL_ASSEMBLE_ERROR = -1, /* parser.fault, or no memory (fault is DRILL_FRAME_OK then) */
    DRILL_ASSEMBLE_MORE = 0,
    DRILL_ASSEMBLE_HEADER, /* a frame has begun: code and size; no payload yet */
    DRILL_ASSEMBLE_FRAME   /* a frame is complete */
};

struct drill_assembler {
    struct drill_frame_parser parser;
    size_t hold;    /* most data bytes that are kept together */
    bool no_memory; /* private: the error is sticky, too */
    struct drill_buf kept;
};

struct drill_assembled {
    struct drill_frame frame;  /* frame.payload is not used */
    struct drill_span payload; /* of FRAME: all of it if `whole`, else its first bytes; a view into
                                  the input or the assembler, valid until the next call */
    bool whole;                /* the frame has no more than `hold` data bytes */
};

/* A frame of more than `hold` data bytes is counted, and only its first DRILL_ASSEMBLE_PREFIX
 * bytes are kept. Memory grows as bytes arrive, never by what a peer declares. */
enum { DRILL_ASSEMBLE_PREFIX = 64 };
void drill_assemble_init(struct drill_assembler *a, const struct drill_alloc *alloc, uint32_t limit,
                         size_t hold);
/* Back to the start of a stream; keeps a small buffer for reuse, gives a large one back. */
void drill_assemble_reset(struct drill_assembler *a);
enum drill_assemble_kind drill_assemble_next(struct drill_assembler *a, struct drill_span *in,
                                             struct drill_assembled *out);
void drill_assemble_fini(struct drill_assembler *a);

#ifdef __cplusplus
}
#endif
#endif
