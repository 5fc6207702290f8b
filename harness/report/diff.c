/* SPDX-License-Identifier: MIT */
/*
 * The shortest edit by Myers' greedy method ("An O(ND) Difference Algorithm and Its Variations",
 * 1986), bounded in edits and in work: a milter may have given us any text.
 */
#include "report/diff.h"

#include <string.h>

#include "report/result.h"
#include "report/show.h"

enum {
    CONTEXT = 3,
    LINES = 1 << 20,
    EDITS = 1000,    /* more, and the middle of the texts is shown as replaced */
    WORK = 20000000, /* comparisons of lines */
    SHOWN = 240      /* bytes of a line */
};

struct line {
    struct drill_span text; /* with its end */
    uint32_t hash;
};

struct lines {
    struct line *at;
    size_t count;
};

struct edit {
    size_t old, new; /* lines before it in either text */
    char kind;       /* '-' or '+' */
};

struct job {
    struct drill_buf *out;
    const struct drill_diff_style *style;
    const char *title;
    struct drill_arena *scratch;
    struct lines old, new;
    size_t head, tail; /* equal lines at either end */
    struct edit *edits;
    size_t count;
    size_t shown, left_out;
    bool failed;
};

/* ---- lines ---- */

static size_t line_length(struct drill_span text)
{
    size_t lf = drill_span_find(text, '\n');
    return lf < text.len ? lf + 1 : lf;
}

/* Of a text of very many lines the rest is one. */
static struct drill_span next_line(struct drill_span left, size_t number)
{
    return number + 1 < LINES ? drill_span_sub(left, 0, line_length(left)) : left;
}

static bool split(struct lines *lines, struct drill_span text, struct drill_arena *scratch)
{
    struct drill_span left = text;
    lines->count = 0;
    for (; left.len; lines->count++) {
        left = drill_span_sub(left, next_line(left, lines->count).len, left.len);
    }
    lines->at = drill_arena_take(scratch, (lines->count + 1) * sizeof(*lines->at));
    for (size_t i = 0; lines->at && i < lines->count; i++) {
        struct line *l = &lines->at[i];
        l->text = next_line(text, i);
        text = drill_span_sub(text, l->text.len, text.len);
        l->hash = 2166136261u; /* FNV-1a */
        for (size_t k = 0; k < l->text.len; k++) {
            l->hash = (l->hash ^ l->text.ptr[k]) * 16777619u;
        }
    }
    return lines->at != NULL;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->hash == b->hash && drill_span_equal(a->text, b->text);
}

static void trim_ends(struct job *j)
{
    const struct lines *a = &j->old, *b = &j->new;
    size_t most = a->count < b->count ? a->count : b->count;
    while (j->head < most && same(&a->at[j->head], &b->at[j->head])) {
        j->head++;
    }
    while (j->tail < most - j->head &&
           same(&a->at[a->count - 1 - j->tail], &b->at[b->count - 1 - j->tail])) {
        j->tail++;
    }
}

/* ---- the shortest edit ---- */

/* Between the equal ends: x lines of the old text, y of the new; k = x - y. */
struct search {
    const struct line *a, *b;
    size_t n, m;
    size_t work;
    int32_t *reach;   /* by k, from -EDITS - 1 on: how far x got */
    int32_t **before; /* by edits made: `reach` as it was, from -edits - 1 to edits + 1 */
};

static int32_t *reach_of(const struct search *s, ptrdiff_t k)
{
    return &s->reach[k + EDITS + 1];
}

static bool goes_down(const struct search *s, ptrdiff_t k, ptrdiff_t d)
{
    return k == -d || (k != d && *reach_of(s, k - 1) < *reach_of(s, k + 1));
}

/* One more edit on each diagonal, then along equal lines. True when the end is reached. */
static bool advance(struct search *s, ptrdiff_t d)
{
    for (ptrdiff_t k = -d; k <= d; k += 2) {
        ptrdiff_t x = goes_down(s, k, d) ? *reach_of(s, k + 1) : *reach_of(s, k - 1) + 1;
        ptrdiff_t y = x - k;
        while (x < (ptrdiff_t)s->n && y < (ptrdiff_t)s->m && y >= 0 && same(&s->a[x], &s->b[y])) {
            x++;
            y++;
            s->work++;
        }
        s->work++;
        *reach_of(s, k) = (int32_t)x;
        if (x >= (ptrdiff_t)s->n && y >= (ptrdiff_t)s->m) {
            return true;
        }
    }
    return false;
}

/* The number of edits, -1 when there are too many. */
static ptrdiff_t search(struct search *s, struct job *j)
{
    *reach_of(s, 1) = 0;
    for (ptrdiff_t d = 0; d <= EDITS && s->work < WORK; d++) {
        size_t size = (size_t)(2 * d + 3) * sizeof(*s->reach);
        s->before[d] = drill_arena_take(j->scratch, size);
        if (!s->before[d]) {
            j->failed = true;
            return -1;
        }
        memcpy(s->before[d], reach_of(s, -d - 1), size);
        if (advance(s, d)) {
            return d;
        }
    }
    return -1;
}

/* From the end to the start, over what each number of edits had reached. */
static void trace(const struct search *s, struct job *j, ptrdiff_t d)
{
    ptrdiff_t x = (ptrdiff_t)s->n, y = (ptrdiff_t)s->m;
    j->count = (size_t)d;
    for (; d > 0; d--) {
        const int32_t *before = s->before[d] + d + 1;
        ptrdiff_t k = x - y;
        bool down = k == -d || (k != d && before[k - 1] < before[k + 1]);
        ptrdiff_t from = down ? k + 1 : k - 1;
        x = before[from];
        y = x - from;
        struct edit *e = &j->edits[d - 1];
        e->old = j->head + (size_t)x;
        e->new = j->head + (size_t)y;
        e->kind = down ? '+' : '-';
    }
}

static void replace_all(struct job *j, size_t n, size_t m)
{
    j->count = n + m;
    j->edits = drill_arena_take(j->scratch, (j->count + 1) * sizeof(*j->edits));
    if (!j->edits) {
        j->failed = true;
        return;
    }
    for (size_t i = 0; i < j->count; i++) {
        j->edits[i].old = j->head + (i < n ? i : n);
        j->edits[i].new = j->head + (i < n ? 0 : i - n);
        j->edits[i].kind = i < n ? '-' : '+';
    }
}

static void find_edits(struct job *j)
{
    struct search s = {.a = j->old.at + j->head, .b = j->new.at + j->head};
    s.n = j->old.count - j->head - j->tail;
    s.m = j->new.count - j->head - j->tail;
    if (s.n && s.m && s.n < INT32_MAX / 2 && s.m < INT32_MAX / 2) {
        s.reach = drill_arena_take(j->scratch, (2 * EDITS + 4) * sizeof(*s.reach));
        s.before = drill_arena_take(j->scratch, (EDITS + 1) * sizeof(*s.before));
        j->edits = drill_arena_take(j->scratch, (EDITS + 1) * sizeof(*j->edits));
        if (!s.reach || !s.before || !j->edits) {
            j->failed = true;
            return;
        }
        ptrdiff_t d = search(&s, j);
        if (d >= 0) {
            trace(&s, j, d);
        }
        if (d >= 0 || j->failed) {
            return;
        }
    }
    replace_all(j, s.n, s.m);
}

/* ---- output ---- */

static const char *special(uint32_t rune)
{
    return rune == '\t' ? "\t" : NULL;
}

/* False: no more lines are shown. */
static bool room(struct job *j)
{
    size_t most = j->style->most ? j->style->most : DRILL_DIFF_LINES;
    if (j->shown == most) {
        j->left_out++;
        return false;
    }
    j->shown++;
    return true;
}

static void put_text(struct drill_result_out *out, struct drill_span text)
{
    static const struct drill_result_escape how = {"\\x", special};
    size_t end = text.len, whole = text.len;
    const char *note = "";
    if (end && text.ptr[end - 1] == '\n') {
        end--;
        note = end && text.ptr[end - 1] == '\r' ? "" : "\\n";
        end -= note[0] == '\0';
    } else {
        note = " (no line end)";
    }
    size_t shown = end;
    if (end > SHOWN) {
        shown = SHOWN;
        while (shown > SHOWN - 4 && (text.ptr[shown] & 0xC0) == 0x80) {
            shown--;
        }
    }
    drill_result_put_text(out, &how, drill_span_sub(text, 0, shown));
    drill_result_put(out, note);
    if (shown < end) {
        drill_result_put(out, "... (");
        drill_result_put_number(out, whole);
        drill_result_put(out, " bytes)");
    }
}

static void put_line(struct job *j, char kind, struct drill_span text)
{
    if (!room(j)) {
        return;
    }
    struct drill_result_out out = {j->out, false};
    const char mark[3] = {kind, ' ', '\0'};
    bool colour = j->style->colour && kind != ' ';
    drill_result_put(&out, !colour ? "" : kind == '-' ? "\x1b[31m" : "\x1b[32m");
    drill_result_put(&out, mark);
    put_text(&out, text);
    drill_result_put(&out, colour ? "\x1b[0m\n" : "\n");
    j->failed |= out.failed;
}

static void put_range(struct drill_result_out *out, const char *mark, size_t begin, size_t count)
{
    drill_result_put(out, mark);
    drill_result_put_number(out, count ? begin + 1 : begin);
    if (count != 1) {
        drill_result_put(out, ",");
        drill_result_put_number(out, count);
    }
}

/* A hunk: edits [first, last), with context. */
struct hunk {
    size_t first, last;
    size_t old, old_end, new, new_end;
};

static void put_head(struct job *j, const struct hunk *h)
{
    if (!room(j)) {
        return;
    }
    struct drill_result_out out = {j->out, false};
    drill_result_put(&out, j->style->colour ? "\x1b[36m@@ " : "@@ ");
    drill_result_put(&out, j->title);
    put_range(&out, " -", h->old, h->old_end - h->old);
    put_range(&out, " +", h->new, h->new_end - h->new);
    drill_result_put(&out, j->style->colour ? " @@\x1b[0m\n" : " @@\n");
    j->failed |= out.failed;
}

static struct hunk next_hunk(const struct job *j, size_t first)
{
    struct hunk h = {.first = first, .last = first + 1};
    const struct edit *e = &j->edits[first];
    size_t before = e->old < CONTEXT ? e->old : CONTEXT;
    h.old = e->old - before;
    h.new = e->new - before;
    while (h.last < j->count && j->edits[h.last].old - j->edits[h.last - 1].old <= 2 * CONTEXT) {
        h.last++;
    }
    e = &j->edits[h.last - 1];
    h.old_end = e->old + (e->kind == '-');
    h.new_end = e->new + (e->kind == '+');
    size_t after = j->old.count - h.old_end;
    after = after < CONTEXT ? after : CONTEXT;
    h.old_end += after;
    h.new_end += after;
    return h;
}

/* Behind the edits that follow on this one without a line between. */
static size_t run_end(const struct job *j, size_t i, size_t last)
{
    for (; i + 1 < last; i++) {
        const struct edit *e = &j->edits[i];
        bool minus = e->kind == '-';
        if (e[1].old != e->old + minus || e[1].new != e->new + !minus) {
            break;
        }
    }
    return i + 1;
}

static void put_run(struct job *j, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++) {
        if (j->edits[i].kind == '-') {
            put_line(j, '-', j->old.at[j->edits[i].old].text);
        }
    }
    for (size_t i = first; i < last; i++) {
        if (j->edits[i].kind == '+') {
            put_line(j, '+', j->new.at[j->edits[i].new].text);
        }
    }
}

static void put_hunk(struct job *j, const struct hunk *h)
{
    size_t old = h->old;
    put_head(j, h);
    for (size_t i = h->first, end; i < h->last; i = end) {
        end = run_end(j, i, h->last);
        for (; old < j->edits[i].old; old++) {
            put_line(j, ' ', j->old.at[old].text);
        }
        put_run(j, i, end);
        old = j->edits[end - 1].old + (j->edits[end - 1].kind == '-');
    }
    for (; old < h->old_end; old++) {
        put_line(j, ' ', j->old.at[old].text);
    }
}

bool drill_diff_text(struct drill_buf *out, const struct drill_diff_style *style, const char *title,
                     struct drill_span before, struct drill_span after, struct drill_arena *scratch)
{
    struct job j = {.out = out, .style = style, .title = title, .scratch = scratch};
    if (drill_span_equal(before, after)) {
        return true;
    }
    if (!split(&j.old, before, scratch) || !split(&j.new, after, scratch)) {
        return false;
    }
    trim_ends(&j);
    find_edits(&j);
    for (size_t i = 0; !j.failed && i < j.count;) {
        struct hunk h = next_hunk(&j, i);
        put_hunk(&j, &h);
        i = h.last;
    }
    if (j.left_out) {
        struct drill_result_out more = {out, j.failed};
        drill_result_put(&more, "... ");
        drill_result_put_number(&more, j.left_out);
        drill_result_put(&more, j.left_out == 1 ? " more line\n" : " more lines\n");
        j.failed |= more.failed;
    }
    return !j.failed;
}

/* ---- a message ---- */

static void write_envelope(struct drill_writer *w, struct drill_span from,
                           const struct drill_span *rcpt, size_t rcpts)
{
    drill_write_text(w, "MAIL ");
    drill_write_bytes(w, from);
    drill_write_text(w, "\r\n");
    for (size_t i = 0; i < rcpts; i++) {
        drill_write_text(w, "RCPT ");
        drill_write_bytes(w, rcpt[i]);
        drill_write_text(w, "\r\n");
    }
}

static bool envelope_text(struct drill_span from, const struct drill_span *rcpt, size_t rcpts,
                          struct drill_arena *scratch, struct drill_span *out)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    write_envelope(&w, from, rcpt, rcpts);
    uint8_t *p = drill_arena_take(scratch, w.len);
    w = drill_writer_of(p, p ? w.len : 0);
    write_envelope(&w, from, rcpt, rcpts);
    *out = drill_writer_span(&w);
    return p != NULL;
}

static bool put_disposition(struct drill_buf *out, const struct drill_applied *d)
{
    struct drill_result_out o = {out, false};
    static const struct drill_result_escape how = {"\\x", special};
    switch (d->disposition) {
    case DRILL_DISPOSE_DELIVER: break;
    case DRILL_DISPOSE_HOLD: drill_result_put(&o, "held in the queue"); break;
    case DRILL_DISPOSE_DISCARD: drill_result_put(&o, "nothing is delivered: discarded"); break;
    case DRILL_DISPOSE_REFUSE: drill_result_put(&o, "nothing is delivered: refused"); break;
    }
    if (d->reason.len) {
        drill_result_put(&o, " (");
        drill_result_put_text(&o, &how, drill_span_sub(d->reason, 0, SHOWN));
        drill_result_put(&o, ")");
    }
    drill_result_put(&o, d->disposition == DRILL_DISPOSE_DELIVER ? "" : "\n");
    return !o.failed;
}

bool drill_diff_delivered(struct drill_buf *out, const struct drill_diff_style *style,
                          const struct drill_envelope *sent, const struct drill_applied *d,
                          struct drill_arena *scratch)
{
    struct drill_span before, after;
    bool here = d->disposition == DRILL_DISPOSE_DELIVER || d->disposition == DRILL_DISPOSE_HOLD;
    bool said = put_disposition(out, d);
    if (!said || !here) {
        return said;
    }
    if (!envelope_text(sent->from, sent->rcpt, sent->rcpts, scratch, &before) ||
        !envelope_text(d->from, d->rcpt, d->rcpts, scratch, &after)) {
        return false;
    }
    struct drill_result_out o = {out, false};
    if (drill_span_equal(before, after) && drill_span_equal(sent->mail.raw, d->mail.raw)) {
        drill_result_put(&o, "delivered as it was sent\n");
    } else {
        drill_result_put(&o, "--- sent\n+++ delivered\n");
    }
    bool good = !o.failed && drill_diff_text(out, style, "envelope", before, after, scratch) &&
                drill_diff_text(out, style, "message", sent->mail.raw, d->mail.raw, scratch);
    if (good && d->cut) {
        drill_result_put(&o, "... and more: what the milter sent was too large to be kept\n");
    }
    return good && !o.failed;
}
