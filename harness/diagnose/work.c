/* SPDX-License-Identifier: MIT */
#include "diagnose/work.h"

#include <stdio.h>
#include <string.h>

/* ---- results ---- */

struct drill_trigger *drill_work_trigger(struct drill_work *w, enum drill_trigger_kind kind)
{
    struct drill_trigger *t = drill_arena_take(w->arena, sizeof(*t));
    if (!t) {
        w->no_memory = true;
        return NULL;
    }
    t->kind = kind;
    t->stage = w->lab.wanted.stage;
    *w->trigger_end = t;
    w->trigger_end = &t->next;
    return t;
}

void drill_work_withdraw(struct drill_work *w, const struct drill_trigger *t)
{
    struct drill_trigger **at = &w->out->triggers;
    while (*at && *at != t) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = t->next;
    }
    w->trigger_end = &w->out->triggers;
    while (*w->trigger_end) {
        w->trigger_end = &(*w->trigger_end)->next;
    }
}

void drill_work_suspect(struct drill_work *w, const char *suspect, bool ruled_out,
                        uint32_t sessions, const char *experiment)
{
    for (struct drill_suspect *x = w->out->suspects; x; x = x->next) {
        if (strcmp(x->suspect, suspect) == 0 && x->ruled_out == ruled_out) {
            size_t used = strlen(x->experiment);
            x->sessions += sessions;
            (void)snprintf(x->experiment + used, sizeof(x->experiment) - used, "; %s", experiment);
            return;
        }
    }
    struct drill_suspect *s = drill_arena_take(w->arena, sizeof(*s));
    if (!s) {
        w->no_memory = true;
        return;
    }
    s->suspect = suspect;
    s->ruled_out = ruled_out;
    s->sessions = sessions;
    (void)snprintf(s->experiment, sizeof(s->experiment), "%s", experiment);
    *w->suspect_end = s;
    w->suspect_end = &s->next;
}

/* ---- asking ---- */

bool drill_work_refused(struct drill_work *w, bool changed)
{
    w->no_memory = w->no_memory || !changed;
    return !changed;
}

/* Always true. */
static bool take_over(struct drill_work *w, const struct drill_subject *s)
{
    w->now = *s;
    w->out->reduced = true;
    return true;
}

enum drill_answer drill_work_adopt(struct drill_work *w, const struct drill_subject *s,
                                   const char *what)
{
    enum drill_answer answer = drill_lab_try(&w->lab, s, what);
    if (answer == DRILL_ANSWER_SAME) {
        (void)take_over(w, s);
    }
    return answer;
}

struct drill_arena *drill_work_arena(const struct drill_scale *scale)
{
    return scale->trial ? &scale->w->lab.scratch : scale->w->arena;
}

/* For one experiment: a body of 100 MB that is made anew for each would fill all memory. */
static bool make_trial(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    scale->trial = true;
    bool made = scale->make(scale, n, s);
    scale->trial = false;
    return made;
}

/* The subjects of one batch, made and tried. */
static void ask_numbers(void *ctx, const uint64_t *numbers, size_t count,
                        enum drill_answer *answers)
{
    struct drill_scale *scale = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        subjects[i] = scale->w->now;
        if (drill_work_refused(scale->w, make_trial(scale, numbers[i], &subjects[i]))) {
            return;
        }
        (void)snprintf(what[i], sizeof(what[i]), "%s", scale->what);
    }
    drill_lab_try_all(&scale->w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count, answers,
                      NULL);
}

bool drill_work_narrow(struct drill_scale *scale, uint64_t *pass, uint64_t *fail, uint64_t near)
{
    struct drill_bisect b = {*pass, *fail, near, scale->w->wide, ask_numbers, scale};
    bool all = drill_bisect(&b);
    *pass = b.pass;
    *fail = b.fail;
    return all;
}

void drill_work_measure(struct drill_scale *scale, uint64_t pass, uint64_t fail,
                        struct drill_trigger *t)
{
    bool all = drill_work_narrow(scale, &pass, &fail, 0);
    if (t) {
        t->largest_pass = pass;
        t->smallest_fail = fail;
        t->measured = all;
    }
}

bool drill_work_scales(struct drill_scale *scale, uint64_t few, uint64_t n, const char *what)
{
    struct drill_work *w = scale->w;
    struct drill_subject many = w->now, less = w->now;
    if (n <= few || drill_work_refused(w, scale->make(scale, n, &many)) ||
        drill_lab_try(&w->lab, &many, what) != DRILL_ANSWER_SAME ||
        drill_work_refused(w, make_trial(scale, few, &less))) {
        return false;
    }
    return drill_lab_try(&w->lab, &less, scale->what) == DRILL_ANSWER_OTHER && take_over(w, &many);
}

struct piece {
    struct drill_scale *scale;
    struct drill_span text;
};

static void ask_pieces(void *ctx, const size_t *from, const size_t *to, size_t count,
                       enum drill_answer *answers)
{
    const struct piece *p = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        subjects[i] = p->scale->w->now;
        p->scale->text = drill_span_sub(p->text, from[i], to[i] - from[i]);
        if (drill_work_refused(p->scale->w, make_trial(p->scale, 0, &subjects[i]))) {
            return;
        }
        (void)snprintf(what[i], sizeof(what[i]), "%s", p->scale->what);
    }
    drill_lab_try_all(&p->scale->w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count,
                      answers, NULL);
}

struct drill_span drill_work_piece(struct drill_scale *scale, struct drill_span text)
{
    struct piece p = {scale, text};
    struct drill_window window = {0, text.len, scale->w->wide, ask_pieces, &p};
    if (text.len == 0) {
        return text;
    }
    (void)drill_reduce_window(&window);
    return drill_span_sub(text, window.from, window.to - window.from);
}

/* ---- pieces that are apart ---- */

/* The text without from..to. ptr NULL: no memory. */
static struct drill_span without(struct drill_work *w, struct drill_arena *arena,
                                 struct drill_span text, size_t from, size_t to)
{
    uint8_t *p = drill_arena_take(arena, text.len + 1);
    if (drill_work_refused(w, p != NULL)) {
        return drill_span_of(NULL, 0);
    }
    memcpy(p, text.ptr, from);
    memcpy(p + from, text.ptr + to, text.len - to);
    return drill_span_of(p, text.len - (to - from));
}

/* What is left out of a text: from one fixed place to a number, or from a number to a fixed one. */
struct gap {
    struct drill_scale *scale;
    struct drill_span text;
    size_t fixed;
};

static void ask_gaps(void *ctx, const uint64_t *numbers, size_t count, enum drill_answer *answers)
{
    const struct gap *g = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        size_t n = (size_t)numbers[i];
        size_t from = n < g->fixed ? n : g->fixed, to = n < g->fixed ? g->fixed : n;
        g->scale->text = without(g->scale->w, &g->scale->w->lab.scratch, g->text, from, to);
        subjects[i] = g->scale->w->now;
        if (!g->scale->text.ptr ||
            drill_work_refused(g->scale->w, make_trial(g->scale, 0, &subjects[i]))) {
            return;
        }
        (void)snprintf(what[i], sizeof(what[i]), "%s, with a gap", g->scale->what);
    }
    drill_lab_try_all(&g->scale->w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count,
                      answers, NULL);
}

/* A byte of from..to that is not needed: a few places are tried. */
static bool find_gap(const struct gap *g, size_t from, size_t to, size_t *at)
{
    enum { PROBES = 7, SHORTEST = 24 };
    for (size_t i = 1; i <= PROBES && to - from >= SHORTEST; i++) {
        enum drill_answer answer;
        struct gap one = *g;
        /* The middle first. */
        size_t eighth = (i % 2 ? 4 + i / 2 : 4 - i / 2);
        uint64_t next = from + (to - from) / (PROBES + 1) * eighth;
        one.fixed = (size_t)next + 1;
        ask_gaps(&one, &next, 1, &answer);
        if (answer == DRILL_ANSWER_SAME) {
            *at = (size_t)next;
            return true;
        }
    }
    return false;
}

/* Is it still failing without from..to? */
static bool fails_without(const struct gap *g, size_t from, size_t to)
{
    struct gap one = *g;
    uint64_t next = from;
    enum drill_answer answer;
    one.fixed = to;
    ask_gaps(&one, &next, 1, &answer);
    return answer == DRILL_ANSWER_SAME;
}

/* Leaves out what is not needed around `at`; where the two sides then meet. A byte on the one side
 * of the gap can stand in for its like on the other: then that one is taken back. */
static size_t widen(struct gap *g, size_t from, size_t to, size_t at)
{
    const uint8_t *p = g->text.ptr;
    struct drill_bisect left = {from, at, 0, g->scale->w->wide, ask_gaps, g};
    g->fixed = at + 1;
    (void)drill_bisect(&left);
    size_t a = (size_t)left.fail;
    while (a < at && p[a] == p[at + 1] && !fails_without(g, a, at + 2)) {
        a++;
    }
    struct drill_bisect right = {to, at + 1, 0, g->scale->w->wide, ask_gaps, g};
    g->fixed = a;
    (void)drill_bisect(&right);
    size_t b = (size_t)right.fail;
    while (b > at + 1 && a > 0 && p[b - 1] == p[a - 1] && !fails_without(g, a + 1, b)) {
        b--;
    }
    struct drill_span rest = without(g->scale->w, g->scale->w->arena, g->text, a, b);
    if (!rest.ptr) {
        return to;
    }
    g->text = rest;
    return a;
}

void drill_work_split(struct drill_scale *scale, struct drill_span text, struct drill_pieces *out)
{
    struct gap g = {scale, text, 0};
    size_t from = 0, at;
    out->count = 1;
    out->end[0] = text.len;
    for (size_t i = 0; i < out->count; i++) {
        while (out->count < DRILL_WORK_PIECES && find_gap(&g, from, out->end[i], &at)) {
            size_t before = g.text.len, meet = widen(&g, from, out->end[i], at);
            if (g.text.len == before) {
                break;
            }
            memmove(out->end + i + 1, out->end + i, (out->count - i) * sizeof(*out->end));
            out->end[i] = meet;
            out->count++;
            for (size_t k = i + 1; k < out->count; k++) {
                out->end[k] -= before - g.text.len;
            }
        }
        from = out->end[i];
    }
    out->text = g.text;
}

struct drill_span drill_work_nth(const struct drill_pieces *pieces, size_t i)
{
    size_t from = i ? pieces->end[i - 1] : 0;
    return drill_span_sub(pieces->text, from, pieces->end[i] - from);
}
