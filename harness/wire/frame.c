/* SPDX-License-Identifier: MIT */
#include "wire/frame.h"

#include <stdio.h>
#include <string.h>

#include "wire/foreign.h"

enum state {
    STATE_HEAD, /* `have` of the 5 header bytes are here */
    STATE_DATA, /* `left` payload bytes are to come; 0: the end is to be told */
    STATE_FAULT
};

void drill_frame_init(struct drill_frame_parser *p, uint32_t limit)
{
    memset(p, 0, sizeof(*p));
    p->limit = limit;
}

void drill_frame_reset(struct drill_frame_parser *p)
{
    drill_frame_init(p, p->limit);
}

static enum drill_frame_kind fail(struct drill_frame_parser *p, enum drill_frame_fault fault)
{
    p->fault = fault;
    p->state = STATE_FAULT;
    return DRILL_FRAME_ERROR;
}

/* A length is judged as soon as its 4 bytes are here, so that chunking cannot change when. */
static enum drill_frame_fault judge(const struct drill_frame_parser *p, uint32_t length)
{
    if (length == 0) {
        return DRILL_FRAME_ZERO;
    }
    return length - 1 > p->limit ? DRILL_FRAME_LONG : DRILL_FRAME_OK;
}

static inline void describe(const struct drill_frame_parser *p, struct drill_frame *out)
{
    out->at = p->at;
    out->length = p->size + 1;
    out->size = p->size;
    out->code = p->head[4];
}

static enum drill_frame_kind begin(struct drill_frame_parser *p, uint32_t length,
                                   struct drill_frame *out)
{
    p->size = length - 1;
    p->left = length - 1;
    p->have = 0;
    p->state = STATE_DATA;
    describe(p, out);
    out->payload = drill_span_of(NULL, 0);
    return DRILL_FRAME_HEADER;
}

/* A header that comes in pieces, or is refused. */
static enum drill_frame_kind next_head(struct drill_frame_parser *p, struct drill_span *in,
                                       struct drill_frame *out)
{
    if (p->have == 0) {
        p->at = p->offset;
    }
    while (p->have < DRILL_FRAME_HEADER_SIZE) {
        if (in->len == 0) {
            return DRILL_FRAME_MORE;
        }
        p->head[p->have++] = *in->ptr++;
        in->len--;
        p->offset++;
        if (p->have == 4) {
            enum drill_frame_fault fault = judge(p, drill_be32(p->head));
            if (fault) {
                return fail(p, fault);
            }
        }
    }
    return begin(p, drill_be32(p->head), out);
}

/* Values go through locals: `in`, `p` and `out` could alias for all the compiler knows. */
enum drill_frame_kind drill_frame_next(struct drill_frame_parser *p, struct drill_span *in,
                                       struct drill_frame *out)
{
    const uint8_t *ptr = in->ptr;
    const size_t len = in->len;
    const uint32_t left = p->left;
    if (p->state == STATE_DATA) {
        if (left == 0) {
            p->state = STATE_HEAD;
            describe(p, out);
            out->payload = drill_span_of(NULL, 0);
            return DRILL_FRAME_END;
        }
        if (len == 0) {
            return DRILL_FRAME_MORE;
        }
        const size_t n = len < left ? len : left;
        in->ptr = ptr + n;
        in->len = len - n;
        p->left = left - (uint32_t)n;
        p->offset += n;
        describe(p, out);
        out->payload = drill_span_of(ptr, n);
        return DRILL_FRAME_PAYLOAD;
    }
    if (p->state == STATE_FAULT) {
        return DRILL_FRAME_ERROR;
    }
    if (p->have == 0 && len >= DRILL_FRAME_HEADER_SIZE) {
        const uint32_t length = drill_be32(ptr);
        if (judge(p, length) == DRILL_FRAME_OK) {
            in->ptr = ptr + DRILL_FRAME_HEADER_SIZE;
            in->len = len - DRILL_FRAME_HEADER_SIZE;
            p->at = p->offset;
            p->offset += DRILL_FRAME_HEADER_SIZE;
            memcpy(p->head, ptr, DRILL_FRAME_HEADER_SIZE);
            return begin(p, length, out);
        }
    }
    return next_head(p, in, out);
}

bool drill_frame_take(struct drill_frame_parser *p, struct drill_span *in, struct drill_frame *out)
{
    const uint8_t *ptr = in->ptr;
    const size_t len = in->len;
    if (p->state != STATE_HEAD || p->have || len < DRILL_FRAME_HEADER_SIZE) {
        return false;
    }
    const uint32_t length = drill_be32(ptr);
    if (len - 4 < length || judge(p, length) != DRILL_FRAME_OK) {
        return false;
    }
    in->ptr = ptr + 4 + length;
    in->len = len - 4 - length;
    out->at = p->offset;
    out->length = length;
    out->size = length - 1;
    out->code = ptr[4];
    out->payload = drill_span_of(ptr + DRILL_FRAME_HEADER_SIZE, length - 1);
    p->offset += 4 + (uint64_t)length;
    return true;
}

enum drill_frame_fault drill_frame_finish(struct drill_frame_parser *p)
{
    if (p->state != STATE_FAULT && (p->have || (p->state == STATE_DATA && p->left))) {
        fail(p, DRILL_FRAME_TORN);
    }
    return p->fault;
}

size_t drill_frame_want(const struct drill_frame_parser *p)
{
    if (p->state == STATE_FAULT) {
        return 0;
    }
    if (p->state == STATE_DATA && p->left) {
        return p->left;
    }
    return (size_t)(DRILL_FRAME_HEADER_SIZE - p->have);
}

void drill_frame_put_header(uint8_t out[DRILL_FRAME_HEADER_SIZE], uint8_t code, uint32_t size)
{
    drill_put_be32(out, size + 1);
    out[4] = code;
}

/* ---- the fault in words ---- */

/* "UNKN" in quotes when it is text, else 16 03 01 00. */
static void show_head(char *buf, size_t cap, const uint8_t *head)
{
    bool text = true;
    for (size_t i = 0; i < 4; i++) {
        text = text && head[i] >= 0x20 && head[i] < 0x7f;
    }
    if (text) {
        (void)snprintf(buf, cap, "\"%.4s\"", (const char *)head);
    } else {
        (void)snprintf(buf, cap, "%02X %02X %02X %02X", head[0], head[1], head[2], head[3]);
    }
}

/* What the header's bytes say about who is talking; "" when nothing. */
static void explain_head(char *buf, size_t cap, const struct drill_frame_parser *p)
{
    const struct drill_foreign *who = drill_foreign_find(drill_span_of(p->head, 4));
    char head[16];
    buf[0] = '\0';
    if (who) {
        show_head(head, sizeof(head), p->head);
        (void)snprintf(buf, cap, ": these bytes are %s: %s %s; %s", head, who->speaks,
                       who->calls ? "calls, not an MTA" : "answers, not a milter", who->advice);
    }
}

static enum drill_code torn_error(const struct drill_frame_parser *p, struct drill_error *err,
                                  const char *who)
{
    if (p->have) {
        return drill_error_set(err, DRILL_ERR_FRAME,
                               "the stream ended at byte %llu inside the header of a frame, after "
                               "%u of its 5 bytes%s",
                               (unsigned long long)p->offset, (unsigned)p->have, who);
    }
    uint32_t size = drill_be32(p->head) - 1;
    return drill_error_set(err, DRILL_ERR_FRAME,
                           "the stream ended at byte %llu inside the frame that began at byte "
                           "%llu, after %lu of its %lu data bytes%s",
                           (unsigned long long)p->offset, (unsigned long long)p->at,
                           (unsigned long)(size - p->left), (unsigned long)size, who);
}

enum drill_code drill_frame_error(const struct drill_frame_parser *p, struct drill_error *err)
{
    enum drill_code code = DRILL_ERR_FRAME;
    char who[200] = "";
    if (p->have == 0 || p->have >= 4) {
        explain_head(who, sizeof(who), p);
    }
    switch (p->fault) {
    case DRILL_FRAME_OK: drill_error_clear(err); return DRILL_OK;
    case DRILL_FRAME_ZERO:
        code = drill_error_set(err, code,
                               "frame length 0 at byte %llu: a frame has at least its command byte",
                               (unsigned long long)p->at);
        break;
    case DRILL_FRAME_LONG:
        code =
            drill_error_set(err, code, "frame length %lu at byte %llu is over the limit of %llu%s",
                            (unsigned long)drill_be32(p->head), (unsigned long long)p->at,
                            (unsigned long long)p->limit + 1, who);
        break;
    case DRILL_FRAME_TORN: code = torn_error(p, err, who); break;
    }
    if (err) {
        err->offset = p->fault == DRILL_FRAME_TORN ? p->offset : p->at;
    }
    return code;
}

/* ---- whole frames ---- */

/* A buffer up to this size is worth keeping from one stream to the next. */
enum { KEEP_CAP = 128 * 1024 };

void drill_assemble_init(struct drill_assembler *a, const struct drill_alloc *alloc, uint32_t limit,
                         size_t hold)
{
    drill_frame_init(&a->parser, limit);
    a->hold = hold;
    a->no_memory = false;
    drill_buf_init(&a->kept, alloc);
}

void drill_assemble_reset(struct drill_assembler *a)
{
    drill_frame_reset(&a->parser);
    a->no_memory = false;
    a->kept.len = 0;
    if (a->kept.cap > KEEP_CAP) {
        drill_buf_fini(&a->kept);
    }
}

void drill_assemble_fini(struct drill_assembler *a)
{
    drill_buf_fini(&a->kept);
}

/* Keeps a piece that is not the whole payload. */
static bool keep(struct drill_assembler *a, const struct drill_frame *f)
{
    struct drill_span piece = f->payload;
    if (f->size > a->hold) {
        piece = drill_span_sub(piece, 0, DRILL_ASSEMBLE_PREFIX - a->kept.len);
    }
    a->no_memory = !drill_buf_append(&a->kept, piece);
    return !a->no_memory;
}

enum drill_assemble_kind drill_assemble_next(struct drill_assembler *a, struct drill_span *in,
                                             struct drill_assembled *out)
{
    struct drill_span view = drill_span_of(NULL, 0);
    while (!a->no_memory) {
        enum drill_frame_kind kind = drill_frame_next(&a->parser, in, &out->frame);
        switch (kind) {
        case DRILL_FRAME_ERROR: return DRILL_ASSEMBLE_ERROR;
        case DRILL_FRAME_MORE: return DRILL_ASSEMBLE_MORE;
        case DRILL_FRAME_HEADER:
            a->kept.len = 0;
            out->payload = view;
            out->whole = out->frame.size <= a->hold;
            return DRILL_ASSEMBLE_HEADER;
        case DRILL_FRAME_PAYLOAD:
            if (out->frame.payload.len == out->frame.size && out->frame.size <= a->hold) {
                view = out->frame.payload; /* all of it lies in the input: no copy */
            } else if (!keep(a, &out->frame)) {
                return DRILL_ASSEMBLE_ERROR;
            }
            break;
        case DRILL_FRAME_END:
            out->payload = view.len ? view : drill_buf_span(&a->kept);
            out->whole = out->frame.size <= a->hold;
            return DRILL_ASSEMBLE_FRAME;
        }
    }
    return DRILL_ASSEMBLE_ERROR;
}
