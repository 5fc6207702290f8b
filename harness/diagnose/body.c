/* SPDX-License-Identifier: MIT */
/* What in the body it hangs on: that it is empty, its size, its lines, its chunks, its content. */
#include "diagnose/work.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/mime.h"

enum {
    MOST_CHUNK = 65535,
    OTHER_CHUNK = 1000, /* bytes by which chunks are made shorter, to cut elsewhere */
    NEAR = 4096         /* how well the size is known until it is measured */
};

static const char HELLO[] = "Hello.\r\n";

/* ---- what scales ---- */

static bool make_size(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    s->body = drill_subject_filler((size_t)n, true, drill_work_arena(scale));
    return s->body.ptr != NULL;
}

static bool make_body(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    (void)n;
    s->body = scale->text;
    return true;
}

/* n lines of one letter. */
static bool make_lines(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    enum { LINE = 3 };
    size_t size = (size_t)n * LINE;
    uint8_t *p = drill_arena_take(drill_work_arena(scale), size + 1);
    for (size_t i = 0; p && i < size; i += LINE) {
        memcpy(p + i, "a\r\n", LINE);
    }
    s->body = drill_span_of(p, p ? size : 0);
    return p != NULL;
}

/* One line of n letters. */
static bool make_line(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    uint8_t *p = drill_arena_take(drill_work_arena(scale), (size_t)n + 3);
    if (p) {
        memset(p, 'a', (size_t)n);
        memcpy(p + n, "\r\n", 2);
    }
    s->body = drill_span_of(p, p ? (size_t)n + 2 : 0);
    return p != NULL;
}

/* The body with the same bytes at their places, and letters for all others. */
static bool make_island(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    struct drill_span body = scale->w->now.body;
    size_t at = (size_t)(scale->text.ptr - body.ptr);
    struct drill_span masked = drill_subject_masked(body, drill_work_arena(scale));
    (void)n;
    if (!masked.ptr) {
        return false;
    }
    memcpy((uint8_t *)(uintptr_t)masked.ptr + at, scale->text.ptr, scale->text.len);
    s->body = masked;
    return true;
}

static uint64_t chunk_of(const struct drill_subject *s)
{
    return s->settings.chunk ? s->settings.chunk : MOST_CHUNK;
}

/* ---- size ---- */

static size_t header_bytes(const struct drill_subject *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->headers; i++) {
        sum += s->header[i]->name.len + s->header[i]->value.len + 4;
    }
    return sum;
}

/* About where it begins to fail. What comes later shall fail whatever headers it has, of an MTA
 * that sends them in the body, too: so the body becomes longer by them than it must be. */
static void size_near(struct drill_work *w, struct drill_scale *scale)
{
    uint64_t pass = sizeof(HELLO) - 1, fail = w->now.body.len;
    struct drill_subject s = w->now;
    if (!drill_work_narrow(scale, &pass, &fail, NEAR) ||
        drill_work_refused(w, make_size(scale, fail + header_bytes(&s), &s))) {
        return;
    }
    w->size_pass = pass;
    (void)drill_work_adopt(w, &s, "a harmless body, a little longer");
}

static bool is_size(struct drill_work *w)
{
    struct drill_subject s = w->now;
    struct drill_scale scale = {w, "harmless bodies, shorter", make_size, 0, {NULL, 0}, false};
    size_t n = s.body.len;
    char text[120];
    uint32_t before = w->lab.sessions;
    scale.trial = true; /* what is kept of it is shorter */
    if (drill_work_refused(w, make_size(&scale, n, &s))) {
        return false;
    }
    scale.trial = false;
    enum drill_answer answer = drill_lab_try(&w->lab, &s, "a harmless body, as long");
    if (answer != DRILL_ANSWER_SAME) {
        (void)snprintf(text, sizeof(text), "a harmless body of the same %zu bytes passes", n);
        drill_work_suspect(w, "size of the body", answer == DRILL_ANSWER_OTHER,
                           w->lab.sessions - before, text);
        return false;
    }
    w->size = drill_work_trigger(w, DRILL_TRIGGER_BODY_SIZE);
    if (w->size) {
        w->size->quantity = "bytes of body";
        w->size->stage = DRILL_SMFIC_BODY;
        size_near(w, &scale);
    }
    return true;
}

/* All of it came in one frame; in two it passes: then it is the frame. */
static void size_of_frame(struct drill_work *w, const struct drill_watch *watch)
{
    struct drill_subject s = w->now;
    uint64_t sent = watch->sig.all_body;
    if (sent < 2 || sent > chunk_of(&s)) {
        return;
    }
    s.settings.chunk = (uint32_t)(sent + 1) / 2;
    if (drill_lab_try(&w->lab, &s, "the same body in two frames") == DRILL_ANSWER_OTHER) {
        w->size->kind = DRILL_TRIGGER_FRAME_SIZE;
        w->size->quantity = "bytes of data in one frame";
    }
}

void drill_measure_body(struct drill_work *w)
{
    struct drill_scale scale = {w, "harmless bodies, shorter", make_size, 0, {NULL, 0}, false};
    struct drill_watch watch;
    struct drill_subject s = w->now;
    struct drill_trigger *t = w->size;
    if (!t || w->lab.stopped) {
        return;
    }
    drill_work_measure(&scale, w->size_pass ? w->size_pass : sizeof(HELLO) - 1, s.body.len, t);
    if (drill_work_refused(w, make_size(&scale, t->smallest_fail, &s)) ||
        !drill_lab_play(&w->lab, &s, "the smallest body that fails", &watch)) {
        return;
    }
    w->now = s;
    if (watch.sig.all_body > t->smallest_fail) { /* the headers stand in it */
        t->quantity = "bytes of body and headers in it";
        t->largest_pass += watch.sig.all_body - t->smallest_fail;
        t->smallest_fail = watch.sig.all_body;
    }
    size_of_frame(w, &watch);
}

void drill_body_too_short(struct drill_work *w)
{
    enum { LONG = 20000 };
    struct drill_scale scale = {w, "harmless bodies, longer", make_size, 0, {NULL, 0}, false};
    struct drill_subject s = w->now;
    if (s.body.len >= LONG || drill_work_refused(w, make_size(&scale, LONG, &s)) ||
        drill_lab_try(&w->lab, &s, "a harmless body of 20000 bytes") != DRILL_ANSWER_OTHER) {
        return;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_BODY_SIZE);
    if (t) {
        t->quantity = "bytes of body";
        t->stage = DRILL_SMFIC_BODY;
        t->mended_by = true;
        drill_work_measure(&scale, LONG, w->now.body.len, t);
    }
}

/* ---- lines ---- */

static size_t longest_line(struct drill_span body)
{
    size_t most = 0;
    for (size_t at = 0; at < body.len;) {
        size_t len = drill_span_find(drill_span_sub(body, at, body.len), '\n');
        size_t text = len && body.ptr[at + len - 1] == '\r' ? len - 1 : len;
        most = text > most ? text : most;
        at += len + 1;
    }
    return most;
}

static size_t count_lines(struct drill_span body)
{
    size_t n = 0;
    for (size_t i = 0; i < body.len; i++) {
        n += body.ptr[i] == '\n';
    }
    return n;
}

static bool measure_lines(struct drill_work *w, struct drill_scale *scale, uint64_t n,
                          enum drill_trigger_kind kind, const char *quantity)
{
    struct drill_trigger *t = drill_work_trigger(w, kind);
    struct drill_subject s = w->now;
    if (t) {
        t->stage = DRILL_SMFIC_BODY;
        t->quantity = quantity;
        drill_work_measure(scale, 1, n, t);
        if (!drill_work_refused(w, scale->make(scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

static bool is_lines(struct drill_work *w)
{
    struct drill_scale one = {w, "shorter lines", make_line, 0, {NULL, 0}, false};
    struct drill_scale all = {w, "fewer lines", make_lines, 0, {NULL, 0}, false};
    size_t longest = longest_line(w->now.body), count = count_lines(w->now.body);
    if (drill_work_scales(&one, 1, longest, "one harmless line, as long as the longest")) {
        return measure_lines(w, &one, longest, DRILL_TRIGGER_LINE_LENGTH,
                             "bytes of one line of the body");
    }
    if (drill_work_scales(&all, 1, count, "as many lines of one letter")) {
        return measure_lines(w, &all, count, DRILL_TRIGGER_LINES, "lines of the body");
    }
    return false;
}

/* ---- parts ---- */

/* n parts of one line each, between the boundaries that the message has. */
static bool make_parts(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    static const char PART[] = "\r\nContent-Type: text/plain\r\n\r\na\r\n", END[] = "--\r\n";
    struct drill_span boundary = scale->text;
    size_t size = (boundary.len + sizeof(PART) - 1) * (size_t)n + boundary.len + sizeof(END) - 1;
    uint8_t *p = drill_arena_take(drill_work_arena(scale), size + 1);
    struct drill_writer w = drill_writer_of(p, p ? size : 0);
    for (uint64_t i = 0; p && i < n; i++) {
        drill_write_bytes(&w, boundary);
        drill_write_text(&w, PART);
    }
    drill_write_bytes(&w, boundary);
    drill_write_text(&w, END);
    s->body = drill_span_of(p, p ? size : 0);
    return p != NULL;
}

static const struct drill_mail_header *content_type(const struct drill_subject *s)
{
    for (size_t i = 0; i < s->headers; i++) {
        if (drill_span_equal_nocase(s->header[i]->name, drill_span_str("Content-Type"))) {
            return s->header[i];
        }
    }
    return NULL;
}

/* How many parts there are, and the line that is above each of the outermost: "--boundary". */
static size_t count_parts(struct drill_work *w, struct drill_span *boundary)
{
    size_t n, first = 0;
    struct drill_span body = w->now.body;
    struct drill_mime_unit *unit =
        drill_mime_parts(w->now.header, w->now.headers, body, &w->lab.scratch, &n);
    if (drill_work_refused(w, unit != NULL)) {
        return 0;
    }
    while (first < n && !(unit[first].size > 2 && body.ptr[unit[first].at] == '-' &&
                          body.ptr[unit[first].at + 1] == '-')) {
        first++;
    }
    if (first == n) {
        return 0;
    }
    struct drill_span part = drill_span_sub(body, unit[first].at, unit[first].size);
    size_t line = drill_span_find(part, '\n');
    *boundary = drill_span_sub(part, 0, line && part.ptr[line - 1] == '\r' ? line - 1 : line);
    return n - first;
}

static bool is_parts(struct drill_work *w)
{
    struct drill_scale scale = {w, "fewer MIME parts", make_parts, 0, {NULL, 0}, false};
    const struct drill_mail_header *type = content_type(&w->now);
    size_t n = type ? count_parts(w, &scale.text) : 0;
    if (!drill_work_scales(&scale, 1, n, "as many harmless MIME parts")) {
        return false;
    }
    w->content_type = type;
    return measure_lines(w, &scale, n, DRILL_TRIGGER_PARTS, "MIME parts");
}

/* ---- cuts ---- */

/* Cut into other chunks it passes: the bytes around a cut are what counts, at their place. */
static bool is_cut(struct drill_work *w)
{
    struct drill_scale scale = {w, "all else of the body masked", make_island, 0, {NULL, 0}, false};
    struct drill_subject s = w->now;
    uint64_t chunk = chunk_of(&s);
    if (s.body.len <= chunk || chunk <= OTHER_CHUNK) {
        return false;
    }
    s.settings.chunk = (uint32_t)chunk - OTHER_CHUNK;
    if (drill_work_adopt(w, &s, "the body cut into shorter chunks") != DRILL_ANSWER_OTHER) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_BODY_CHUNKS);
    if (t) {
        t->stage = DRILL_SMFIC_BODY;
        t->bytes = scale.text = drill_work_piece(&scale, w->now.body);
        s = w->now;
        if (!drill_work_refused(w, make_island(&scale, 0, &s))) {
            (void)drill_work_adopt(w, &s, scale.what);
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

static struct drill_span joined(const struct parts *p, const bool *keep, size_t n,
                                struct drill_arena *arena)
{
    size_t size = 0;
    uint8_t *to = drill_arena_take(arena, p->body.len + 1);
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
        subjects[i].body = joined(p, sets + i * n, n, &p->w->lab.scratch);
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
    struct drill_span left = joined(&p, u.keep, n, w->arena);
    if (!drill_work_refused(w, left.ptr != NULL)) {
        w->now.body = left;
        w->out->reduced = true;
    }
    return all;
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
    struct drill_scale scale = {w, "a piece of the body", make_body, 0, {NULL, 0}, false};
    struct drill_pieces pieces;
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_BODY_BYTES);
    if (!t || !by_parts(w)) {
        return;
    }
    drill_work_split(&scale, drill_work_piece(&scale, w->now.body), &pieces);
    w->now.body = pieces.text;
    w->out->reduced = true;
    for (size_t i = 0; t && i < pieces.count; i++) {
        t->bytes = drill_work_nth(&pieces, i);
        t->stage = DRILL_SMFIC_BODY;
        t = i + 1 < pieces.count ? drill_work_trigger(w, DRILL_TRIGGER_BODY_BYTES) : NULL;
    }
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
    } else if (answer == DRILL_ANSWER_OTHER && !is_size(w) && !is_parts(w) && !is_lines(w) &&
               !is_cut(w)) {
        by_content(w);
    }
}
