/* SPDX-License-Identifier: MIT */
#include "record/tap.h"

#include <stdio.h>
#include <string.h>

void drill_tap_init(struct drill_tap *t, const char *stem, const struct drill_transcript_sink *sink,
                    const struct drill_alloc *alloc, uint64_t now)
{
    memset(t, 0, sizeof(*t));
    drill_transcript_stream(&t->transcript, stem, sink, alloc);
    drill_implied_init(&t->implied, alloc);
    for (size_t i = 0; i < 2; i++) {
        drill_frame_init(&t->side[i].parser, DRILL_TAP_FRAME);
        drill_buf_init(&t->side[i].held, alloc);
    }
    t->told_at = t->sent_at = now;
}

void drill_tap_fini(struct drill_tap *t)
{
    drill_buf_fini(&t->side[0].held);
    drill_buf_fini(&t->side[1].held);
    drill_implied_fini(&t->implied);
    drill_transcript_fini(&t->transcript);
}

/* ---- lines ---- */

static void line(struct drill_tap *t, const struct drill_seen *seen, struct drill_travelled *travel)
{
    travel->after = seen->now > t->told_at ? seen->now - t->told_at : 0;
    t->told_at = seen->now;
    t->lines++;
    drill_transcript_line(&t->transcript, seen, travel);
}

static const char *who(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? "the MTA" : "the milter";
}

static const char *how_text(enum drill_end how)
{
    switch (how) {
    case DRILL_END_FIN: return "FIN";
    case DRILL_END_RST: return "RST";
    case DRILL_END_EPIPE: return "EPIPE";
    case DRILL_END_REFUSED: return "refused";
    case DRILL_END_ERROR: return "an error";
    case DRILL_END_NONE: break;
    }
    return "closed";
}

/* What is known of an end beyond its word: "RST (errno 104), 7390 bytes in flight". */
static void describe(const struct drill_tap_side *s, char *text, size_t cap)
{
    char error[32] = "", flight[48] = "";
    if (s->error) {
        (void)snprintf(error, sizeof(error), " (errno %d)", s->error);
    }
    if (s->in_flight) {
        (void)snprintf(flight, sizeof(flight), ", %llu bytes in flight",
                       (unsigned long long)s->in_flight);
    }
    (void)snprintf(text, cap, "%s%s%s", how_text(s->how), error, flight);
}

static void end_comment(struct drill_tap *t, enum drill_dir dir)
{
    const struct drill_tap_side *s = &t->side[dir];
    char what[120], text[200];
    uint64_t after = s->ended_at > t->told_at ? s->ended_at - t->told_at : 0;
    describe(s, what, sizeof(what));
    (void)snprintf(text, sizeof(text), "%s ended%s: %s, +%llu.%llu ms", who(dir),
                   t->over ? ", too" : "", what, (unsigned long long)(after / 1000),
                   (unsigned long long)(after % 1000 / 100));
    drill_transcript_note(&t->transcript, text);
}

static void end_line(struct drill_tap *t, enum drill_dir dir, bool half)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_seen seen = {.kind = DRILL_SEEN_END,
                              .dir = dir,
                              .ours = half,
                              .how = s->how,
                              .error = s->error,
                              .now = s->ended_at,
                              .note = half ? "half-close" : NULL};
    struct drill_travelled travel = {0};
    char what[120];
    describe(s, what, sizeof(what));
    travel.note = what;
    line(t, &seen, &travel);
}

static bool is_amid_a_frame(const struct drill_frame_parser *p)
{
    return p->have || p->left;
}

/* A frame that never came to its end: its bytes are raw. */
static void torn(struct drill_tap *t, enum drill_dir dir, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_frame_parser *p = &s->parser;
    if (s->raw || s->late || !is_amid_a_frame(p)) {
        return;
    }
    s->raw = true;
    uint8_t bytes[DRILL_FRAME_HEADER_SIZE + DRILL_TAP_HOLD];
    size_t head = p->have ? p->have : DRILL_FRAME_HEADER_SIZE;
    size_t held = p->have || s->streaming ? 0 : s->held.len;
    char note[80];
    memcpy(bytes, p->head, head);
    if (held) {
        memcpy(bytes + head, s->held.ptr, held);
    }
    struct drill_seen seen = {.kind = DRILL_SEEN_RAW,
                              .dir = dir,
                              .now = now,
                              .size = s->streaming ? t->transcript.large[dir].bytes + p->left : 0,
                              .payload = drill_span_of(bytes, head + held),
                              .whole = !s->streaming};
    struct drill_travelled travel = {.note = note};
    (void)snprintf(note, sizeof(note), "a torn frame: %llu bytes are missing",
                   p->have ? 5ULL - p->have : (unsigned long long)p->left);
    t->disordered = true;
    line(t, &seen, &travel);
}

/* The end of the connection, by `dir`. Behind `quit` either side may close: no line for that. */
static void end_connection(struct drill_tap *t, enum drill_dir dir)
{
    bool orderly = t->side[dir].how == DRILL_END_FIN && t->implied.quit;
    torn(t, DRILL_TO_MILTER, t->side[dir].ended_at);
    torn(t, DRILL_TO_MTA, t->side[dir].ended_at);
    if (orderly) {
        end_comment(t, dir);
    } else {
        end_line(t, dir, false);
        t->disordered = t->disordered || t->side[dir].how != DRILL_END_FIN || t->implied.owed ||
                        t->implied.open || dir == DRILL_TO_MTA;
    }
    t->over = true;
}

/* ---- bytes ---- */

static void count_read(struct drill_tap_side *s, uint64_t bytes)
{
    if (bytes == 0) {
        return;
    }
    if (s->read_count == DRILL_TAP_READS) {
        s->more_reads = true;
    } else {
        s->reads[s->read_count++] = (uint32_t)bytes;
    }
}

static void raw_line(struct drill_tap *t, enum drill_dir dir, struct drill_span bytes, uint64_t now)
{
    struct drill_seen seen = {.kind = DRILL_SEEN_RAW,
                              .dir = dir,
                              .now = now,
                              .size = bytes.len,
                              .payload = bytes,
                              .whole = true};
    struct drill_travelled travel = {0};
    t->disordered = true;
    line(t, &seen, &travel);
}

static void frame_line(struct drill_tap *t, enum drill_dir dir, const struct drill_frame *f,
                       struct drill_span payload, bool whole, bool join, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_seen seen = {.kind = DRILL_SEEN_FRAME,
                              .dir = dir,
                              .now = now,
                              .code = f->code,
                              .length = f->length,
                              .size = f->size,
                              .payload = payload,
                              .whole = whole};
    struct drill_travelled travel = {
        .reads = s->reads, .count = s->read_count, .more = s->more_reads, .join = join};
    const char *mail = t->transcript.beside[DRILL_BESIDE_MAIL].name;
    if (whole) {
        struct drill_message m;
        drill_message_decode(dir, f->code, payload, &m);
        drill_implied_frame(&t->implied, &m, mail);
    } else {
        drill_implied_large(&t->implied, dir, f->code);
    }
    line(t, &seen, &travel);
    s->read_count = 0;
    s->more_reads = false;
}

/* It is no frame: this read's bytes from there on, and all that follow, are raw. */
static void give_up(struct drill_tap *t, enum drill_dir dir, struct drill_span rest,
                    struct drill_span read, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_error err;
    s->raw = true;
    (void)drill_frame_error(&s->parser, &err);
    for (char *c = err.text; *c; c++) {
        *c = *c == '\n' ? ' ' : *c;
    }
    drill_transcript_note(&t->transcript, err.text);
    size_t head = s->parser.have;
    if ((size_t)(rest.ptr - read.ptr) >= head) {
        rest = drill_span_of(rest.ptr - head, rest.len + head);
    } else {
        raw_line(t, dir, drill_span_of(s->parser.head, head), now);
    }
    if (rest.len) {
        raw_line(t, dir, rest, now);
    }
}

static void begin(struct drill_tap *t, enum drill_dir dir, const struct drill_frame *f)
{
    struct drill_tap_side *s = &t->side[dir];
    s->held.len = 0;
    s->streaming = f->size > DRILL_TAP_HOLD;
    if (s->streaming) {
        drill_transcript_begin(&t->transcript, dir, f->code);
    }
}

static void piece(struct drill_tap *t, enum drill_dir dir, struct drill_span bytes)
{
    struct drill_tap_side *s = &t->side[dir];
    if (s->streaming) {
        drill_transcript_piece(&t->transcript, dir, bytes);
    } else if (!drill_buf_append(&s->held, bytes)) {
        t->transcript.incomplete = true;
    }
}

/* Bytes of the current frame, or of its header, that stand in this read. */
static uint64_t in_this_read(const struct drill_frame_parser *p, uint64_t at, uint64_t began)
{
    return p->offset - (at > began ? at : began);
}

static void frames(struct drill_tap *t, enum drill_dir dir, struct drill_span read, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_frame_parser *p = &s->parser;
    struct drill_span in = read;
    struct drill_frame f;
    const uint64_t began = p->offset;
    for (;;) {
        switch (drill_frame_next(p, &in, &f)) {
        case DRILL_FRAME_ERROR: give_up(t, dir, in, read, now); return;
        case DRILL_FRAME_HEADER: begin(t, dir, &f); break;
        case DRILL_FRAME_PAYLOAD: piece(t, dir, f.payload); break;
        case DRILL_FRAME_END:
            count_read(s, in_this_read(p, f.at, began));
            if (s->streaming || s->held.len == f.size) { /* else memory was refused */
                frame_line(t, dir, &f, drill_buf_span(&s->held), !s->streaming, in.len > 0, now);
            }
            s->streaming = false;
            break;
        case DRILL_FRAME_MORE:
            if (is_amid_a_frame(p)) {
                count_read(s, in_this_read(p, p->at, began));
            }
            return;
        }
    }
}

static void late_bytes(struct drill_tap *t, struct drill_span bytes)
{
    char note[80];
    (void)snprintf(note, sizeof(note), "the milter sent %zu bytes behind quit: left out",
                   bytes.len);
    drill_transcript_note(&t->transcript, note);
    drill_implied_late(&t->implied);
}

void drill_tap_bytes(struct drill_tap *t, enum drill_dir dir, struct drill_span bytes, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    struct drill_tap_side *other =
        &t->side[dir == DRILL_TO_MILTER ? DRILL_TO_MTA : DRILL_TO_MILTER];
    if (dir == DRILL_TO_MTA && !s->raw && !is_amid_a_frame(&s->parser)) {
        s->late = t->implied.quit;
    }
    if (s->late) {
        late_bytes(t, bytes);
        return;
    }
    if (other->ended && !t->over) {
        end_line(t, other == &t->side[DRILL_TO_MILTER] ? DRILL_TO_MILTER : DRILL_TO_MTA, true);
        other->ended = false;
    }
    if (dir == DRILL_TO_MTA && t->implied.owed && now - t->sent_at > t->slowest) {
        t->slowest = now - t->sent_at;
    }
    if (dir == DRILL_TO_MILTER) {
        t->sent_at = now;
    }
    if (s->raw) {
        raw_line(t, dir, bytes, now);
    } else {
        frames(t, dir, bytes, now);
    }
    t->linked = t->linked || dir == DRILL_TO_MTA;
}

/* ---- ends ---- */

/* Nobody was there: the MTA's connection came to nothing. */
static void unreachable(struct drill_tap *t, const struct drill_tap_side *milter, uint64_t now)
{
    struct drill_seen open = {.kind = DRILL_SEEN_OPEN, .now = now};
    struct drill_seen seen = {.kind = DRILL_SEEN_END,
                              .dir = DRILL_TO_MTA,
                              .how = t->lines ? DRILL_END_RST : DRILL_END_REFUSED,
                              .now = now};
    struct drill_travelled travel = {0}, how = {0};
    char what[120], note[200];
    describe(milter, what, sizeof(what));
    (void)snprintf(note, sizeof(note), "the milter could not be reached: %s", what);
    how.note = note;
    if (t->lines == 0) {
        line(t, &open, &travel);
    }
    line(t, &seen, &how);
    t->over = t->disordered = true;
}

void drill_tap_ended(struct drill_tap *t, enum drill_dir dir, enum drill_end how, int error,
                     uint64_t in_flight, uint64_t now)
{
    struct drill_tap_side *s = &t->side[dir];
    enum drill_dir away = dir == DRILL_TO_MILTER ? DRILL_TO_MTA : DRILL_TO_MILTER;
    bool twice = s->ended; /* a reset behind its FIN: it had closed, not half-closed */
    torn(t, dir, now);
    s->how = how == DRILL_END_NONE || how == DRILL_END_EPIPE ? DRILL_END_FIN : how;
    s->error = error;
    s->in_flight = in_flight;
    s->ended_at = now;
    if (dir == DRILL_TO_MTA && t->implied.owed && now - t->sent_at > t->slowest) {
        t->slowest = now - t->sent_at;
    }
    if (t->over) {
        end_comment(t, dir);
    } else if (dir == DRILL_TO_MTA && !t->linked && s->how != DRILL_END_FIN) {
        unreachable(t, s, now);
    } else if (t->side[away].ended) {
        end_connection(t, away);
        end_comment(t, dir);
    } else if (s->how == DRILL_END_FIN && !twice) {
        s->ended = true;
    } else {
        end_connection(t, dir);
    }
}

void drill_tap_closed(struct drill_tap *t, uint64_t now)
{
    torn(t, DRILL_TO_MILTER, now);
    torn(t, DRILL_TO_MTA, now);
    for (size_t i = 0; i < 2 && !t->over; i++) {
        if (t->side[i].ended) {
            end_connection(t, i == DRILL_TO_MILTER ? DRILL_TO_MILTER : DRILL_TO_MTA);
        }
    }
    drill_implied_end(&t->implied, t->transcript.beside[DRILL_BESIDE_MAIL].name);
}
