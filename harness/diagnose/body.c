/* SPDX-License-Identifier: MIT */
/* What in the body it hangs on: that it is empty, its size, the size of its chunks, its content. */
#include "diagnose/work.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/mime.h"

enum {
    SMALL_CHUNK = 1000,
    MOST_CHUNK = 65535,
    PIECE = 1024 /* a longer piece is looked through line by line */
};

static const char HELLO[] = "Hello.\r\n";

/* ---- what scales ---- */

static bool make_size(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    s->body = drill_subject_filler((size_t)n, true, scale->w->arena);
    return s->body.ptr != NULL;
}

static bool make_chunk(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    (void)scale;
    s->settings.chunk = (uint32_t)n;
    return true;
}

static bool make_body(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    (void)n;
    s->body = scale->text;
    return true;
}

/* ---- size ---- */

/* Of the chunks, not of the whole. */
static bool is_chunk(struct drill_work *w)
{
    struct drill_subject s = w->now;
    struct drill_scale scale = {w, "the body in smaller chunks", make_chunk, 0, {NULL, 0}};
    uint64_t most = s.settings.chunk ? s.settings.chunk : MOST_CHUNK;
    most = most < s.body.len ? most : s.body.len;
    if (most <= SMALL_CHUNK || !make_chunk(&scale, SMALL_CHUNK, &s) ||
        drill_work_adopt(w, &s, "the body in chunks of 1000 bytes") != DRILL_ANSWER_OTHER) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_FRAME_SIZE);
    if (t) {
        t->stage = DRILL_SMFIC_BODY;
        t->quantity = "bytes of data in one frame";
        drill_work_measure(&scale, SMALL_CHUNK, most, t);
    }
    return true;
}

static bool is_size(struct drill_work *w)
{
    struct drill_subject s = w->now;
    struct drill_scale scale = {w, "harmless bodies, shorter", make_size, 0, {NULL, 0}};
    size_t n = s.body.len;
    char text[120];
    uint32_t before = w->lab.sessions;
    if (drill_work_refused(w, make_size(&scale, n, &s))) {
        return false;
    }
    enum drill_answer answer = drill_work_adopt(w, &s, "a harmless body, as long");
    if (answer != DRILL_ANSWER_SAME) {
        (void)snprintf(text, sizeof(text), "a harmless body of the same %zu bytes passes", n);
        drill_work_suspect(w, "size of the body", answer == DRILL_ANSWER_OTHER,
                           w->lab.sessions - before, text);
        return false;
    }
    if (is_chunk(w)) {
        return true;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_BODY_SIZE);
    if (t) {
        t->quantity = "bytes of body";
        t->stage = DRILL_SMFIC_BODY;
        drill_work_measure(&scale, sizeof(HELLO) - 1, n, t);
        s = w->now;
        if (!drill_work_refused(w, make_size(&scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

/* ---- content ---- */

struct parts {
    struct drill_work *w;
    const struct drill_mime_unit *unit;
    struct drill_span body;
    const char *what;
};

static struct drill_span joined(const struct parts *p, const bool *keep, size_t n)
{
    size_t size = 0;
    uint8_t *to = drill_arena_take(p->w->arena, p->body.len + 1);
    for (size_t i = 0; to && i < n; i++) {
        if (keep[i] && p->unit[i].size) {
            memcpy(to + size, p->body.ptr + p->unit[i].at, p->unit[i].size);
            size += p->unit[i].size;
        }
    }
    return drill_span_of(to, size);
}

static void ask_parts(void *ctx, const bool *sets, size_t count, size_t n,
                      enum drill_answer *answers)
{
    const struct parts *p = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        subjects[i] = p->w->now;
        subjects[i].body = joined(p, sets + i * n, n);
        (void)snprintf(what[i], sizeof(what[i]), "%s", p->what);
        if (drill_work_refused(p->w, subjects[i].body.ptr != NULL)) {
            return;
        }
    }
    drill_lab_try_all(&p->w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count, answers,
                      NULL);
}

/* Takes off what is not needed of `units`; `now` has what is left. */
static bool take_off(struct drill_work *w, const struct drill_mime_unit *unit, size_t n,
                     const char *what)
{
    struct parts p = {w, unit, w->now.body, what};
    struct drill_units u = {drill_arena_take(w->arena, n * sizeof(bool) + 1),
                            drill_arena_take(w->arena, n * w->wide * sizeof(bool) + 1),
                            n,
                            w->wide,
                            ask_parts,
                            &p};
    if (drill_work_refused(w, u.keep && u.trial)) {
        return false;
    }
    memset(u.keep, true, n * sizeof(bool));
    bool all = drill_reduce_units(&u);
    struct drill_span left = joined(&p, u.keep, n);
    if (!drill_work_refused(w, left.ptr != NULL)) {
        w->now.body = left;
        w->out->reduced = true;
    }
    return all;
}

static bool by_lines(struct drill_work *w)
{
    size_t n;
    struct drill_mime_unit *lines = drill_mime_lines(w->now.body, w->arena, &n);
    return !drill_work_refused(w, lines != NULL) &&
           take_off(w, lines, n, "without some lines of the body");
}

static bool by_parts(struct drill_work *w)
{
    size_t n;
    struct drill_mime_unit *parts =
        drill_mime_parts(w->now.header, w->now.headers, w->now.body, w->arena, &n);
    return n < 2 || (!drill_work_refused(w, parts != NULL) &&
                     take_off(w, parts, n, "without some MIME parts"));
}

static void by_content(struct drill_work *w)
{
    struct drill_scale scale = {w, "a piece of the body", make_body, 0, {NULL, 0}};
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_BODY_BYTES);
    if (!t || !by_parts(w)) {
        return;
    }
    struct drill_span piece = drill_work_piece(&scale, w->now.body);
    w->now.body = piece;
    w->out->reduced = true;
    if (piece.len > PIECE && by_lines(w)) {
        w->now.body = drill_work_piece(&scale, w->now.body);
    }
    t->bytes = w->now.body;
    t->stage = DRILL_SMFIC_BODY;
}

void drill_examine_body(struct drill_work *w)
{
    struct drill_subject s = w->now;
    uint32_t before = w->lab.sessions;
    bool empty = w->now.body.len == 0;
    s.body = drill_span_str(HELLO);
    enum drill_answer answer = drill_work_adopt(w, &s, "a body of one line");
    if (answer == DRILL_ANSWER_SAME) {
        drill_work_suspect(w, "the body", true, w->lab.sessions - before,
                           "with a body of one harmless line it fails alike");
    } else if (answer == DRILL_ANSWER_OTHER && empty) {
        struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_EMPTY_BODY);
        if (t) {
            t->mended_by = true;
        }
    } else if (answer == DRILL_ANSWER_OTHER && !is_size(w)) {
        by_content(w);
    }
}
