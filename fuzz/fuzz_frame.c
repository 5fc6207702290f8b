/* SPDX-License-Identifier: MIT */
/*
 * Property: drill_frame_next (with drill_frame_take or without) and drill_assemble_next tell the
 * same events for the same bytes, whether these come whole, byte by byte, or in pieces that the
 * input chooses: those that a plain walk over the lengths finds. Faults and their offsets are
 * events.
 */
#include "fuzz.h"

#include "wire/frame.h"

static void note_head(struct fuzz_trace *t, const struct drill_frame *f)
{
    fuzz_note(t, f->at);
    fuzz_note(t, (uint64_t)f->length << 8 | f->code);
}

/* The oracle: no state, no pieces. */
static struct fuzz_trace walk(struct drill_span s, const struct drill_assembler *a, bool assemble)
{
    struct fuzz_trace t = {0};
    enum drill_frame_fault fault = DRILL_FRAME_OK;
    size_t at = 0;
    while (at < s.len && !fault) {
        struct drill_frame f = {.at = at, .length = s.len - at < 4 ? 1 : drill_be32(s.ptr + at)};
        f.size = f.length - 1;
        f.payload = drill_span_sub(s, at + 5, f.size);
        bool torn = f.payload.len < f.size || s.len - at < 5;
        if (f.length == 0 || f.size > a->parser.limit) {
            fault = f.length ? DRILL_FRAME_LONG : DRILL_FRAME_ZERO;
            at += 4;
            break;
        }
        if (s.len - at >= 5) {
            f.code = s.ptr[at + 4];
            note_head(&t, &f);
        }
        if (!assemble || !torn) {
            size_t shown = assemble && f.size > a->hold ? DRILL_ASSEMBLE_PREFIX : f.size;
            f.payload = drill_span_sub(f.payload, 0, shown);
            fuzz_note_bytes(&t, f.payload.ptr, f.payload.len);
        }
        fault = torn ? DRILL_FRAME_TORN : DRILL_FRAME_OK;
        at = torn ? s.len : at + 4 + f.length;
    }
    fuzz_note(&t, at);
    fuzz_note(&t, fault);
    return t;
}

static void feed_assemble(struct drill_assembler *a, struct drill_span in, struct fuzz_trace *t)
{
    struct drill_assembled f;
    enum drill_assemble_kind kind;
    while ((kind = drill_assemble_next(a, &in, &f)) > DRILL_ASSEMBLE_MORE) {
        FUZZ_ASSERT(f.whole == (f.frame.size <= a->hold));
        if (kind == DRILL_ASSEMBLE_HEADER) {
            note_head(t, &f.frame);
        } else {
            fuzz_note_bytes(t, f.payload.ptr, f.payload.len);
        }
    }
    FUZZ_ASSERT(in.len == 0 || a->parser.fault);
}

/* With `take`, what is whole goes the short way. */
static void feed_frame(struct drill_frame_parser *p, struct drill_span in, struct fuzz_trace *t,
                       bool take)
{
    struct drill_frame f;
    for (;;) {
        bool whole = take && drill_frame_take(p, &in, &f);
        enum drill_frame_kind kind = whole ? DRILL_FRAME_END : drill_frame_next(p, &in, &f);
        if (kind <= DRILL_FRAME_MORE) {
            break;
        }
        if (whole || kind == DRILL_FRAME_HEADER) {
            note_head(t, &f);
        }
        if (whole || kind == DRILL_FRAME_PAYLOAD) {
            fuzz_note_bytes(t, f.payload.ptr, f.payload.len);
        }
    }
    FUZZ_ASSERT(in.len == 0 || (p->fault && drill_frame_next(p, &in, &f) == DRILL_FRAME_ERROR));
}

static void check(struct drill_span s, enum fuzz_cutting how, bool assemble)
{
    static const uint32_t limits[] = {0, 1, 60, 65535, UINT32_MAX - 1, UINT32_MAX};
    static const size_t holds[] = {0, 16, 64, 65535};
    struct fuzz_random r = fuzz_random_of(s.ptr, s.len);
    struct drill_assembler a;
    struct fuzz_trace t = {0};
    drill_assemble_init(&a, NULL, limits[fuzz_pick(&r, 6)], holds[fuzz_pick(&r, 4)]);
    struct fuzz_trace want = walk(s, &a, assemble);
    while (s.len) {
        struct drill_span piece = fuzz_cut(&s, how, &r);
        if (assemble) {
            feed_assemble(&a, piece, &t);
        } else {
            feed_frame(&a.parser, piece, &t, how != FUZZ_BYTES);
        }
        fuzz_cut_free(piece, how);
    }
    enum drill_frame_fault fault = drill_frame_finish(&a.parser);
    fuzz_note(&t, a.parser.offset);
    fuzz_note(&t, fault);
    FUZZ_ASSERT(t.hash == want.hash);
    FUZZ_ASSERT((drill_frame_error(&a.parser, NULL) == DRILL_OK) == (fault == DRILL_FRAME_OK));
    drill_assemble_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int how = FUZZ_WHOLE; how <= FUZZ_PIECES; how++) {
        check(drill_span_of(data, size), (enum fuzz_cutting)how, false);
        check(drill_span_of(data, size), (enum fuzz_cutting)how, true);
    }
    return 0;
}
