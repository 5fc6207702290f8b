/* SPDX-License-Identifier: MIT */
#include "diagnose/work.h"

#include <stdio.h>

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

void drill_work_suspect(struct drill_work *w, const char *suspect, bool ruled_out,
                        uint32_t sessions, const char *experiment)
{
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

enum drill_answer drill_work_adopt(struct drill_work *w, const struct drill_subject *s,
                                   const char *what)
{
    enum drill_answer answer = drill_lab_try(&w->lab, s, what);
    if (answer == DRILL_ANSWER_SAME) {
        w->now = *s;
        w->out->reduced = true;
    }
    return answer;
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
        if (drill_work_refused(scale->w, scale->make(scale, numbers[i], &subjects[i]))) {
            return;
        }
        (void)snprintf(what[i], sizeof(what[i]), "%s", scale->what);
    }
    drill_lab_try_all(&scale->w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count, answers,
                      NULL);
}

void drill_work_measure(struct drill_scale *scale, uint64_t pass, uint64_t fail,
                        struct drill_trigger *t)
{
    struct drill_bisect b = {pass, fail, scale->w->wide, ask_numbers, scale};
    bool all = drill_bisect(&b);
    if (t) {
        t->largest_pass = b.pass;
        t->smallest_fail = b.fail;
        t->measured = all;
    }
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
        if (drill_work_refused(p->scale->w, p->scale->make(p->scale, 0, &subjects[i]))) {
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
