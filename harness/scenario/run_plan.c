/* SPDX-License-Identifier: MIT */
#include "scenario/run_state.h"

struct plan {
    struct drill_run *run;
    const struct drill_step **line; /* lines in playing order */
    bool *dots;                     /* `...` stands before the line */
    size_t count, cap;
    bool pending_dots;
};

static void walk(struct plan *p, const struct drill_step *step)
{
    for (; step; step = step->next) {
        switch (step->kind) {
        case DRILL_STEP_LINE:
            if (p->line && p->count < p->cap) {
                p->line[p->count] = step;
                p->dots[p->count] = p->pending_dots;
            }
            p->count++;
            p->pending_dots = false;
            break;
        case DRILL_STEP_ELLIPSIS: p->pending_dots = true; break;
        case DRILL_STEP_REPEAT:
            for (uint64_t i = 0; i < step->count; i++) {
                walk(p, step->block.steps);
            }
            break;
        case DRILL_STEP_MEET:
        case DRILL_STEP_CONCURRENTLY: break; /* drill_lint_unplayed turns such files away */
        }
    }
}

static bool is_macro(const struct drill_step *step)
{
    return step->items->kind == DRILL_ITEM_MESSAGE && step->dir == DRILL_TO_MILTER &&
           step->items->code == DRILL_SMFIC_MACRO;
}

static bool takes_macros(const struct drill_step *step)
{
    return step->dir == DRILL_TO_MILTER &&
           (step->items->kind == DRILL_ITEM_MESSAGE || step->items->kind == DRILL_ITEM_FRAME);
}

/* Macro lines join the command directly below them. */
static void group(struct drill_run *run, const struct plan *p)
{
    size_t i = 0;
    while (i < p->count) {
        struct run_unit *u = &run->units[run->unit_count++];
        u->dots = p->dots[i];
        u->dir = p->line[i]->dir;
        u->ours = u->dir == run->our_dir;
        u->macro = &p->line[i];
        while (i < p->count && is_macro(p->line[i]) && u->macros + 1 < JOB_PARTS &&
               (u->macros == 0 || !p->dots[i])) {
            u->macros++;
            i++;
        }
        if (i < p->count && !is_macro(p->line[i]) && (u->macros == 0 || !p->dots[i]) &&
            (u->macros == 0 || takes_macros(p->line[i]))) {
            u->main = p->line[i++];
        }
    }
}

static bool is_open(const struct run_unit *u)
{
    return u->main && u->main->items->kind == DRILL_ITEM_OPEN;
}

bool run_plan(struct drill_run *run)
{
    struct plan p = {.run = run};
    const struct drill_step *steps = run->config.file ? run->config.file->body.steps : NULL;
    walk(&p, steps);
    run->dots_at_end = run->model || p.pending_dots;
    run->implied_open = true;
    if (p.count == 0) {
        return true;
    }
    p.cap = p.count;
    p.line = drill_arena_take(&run->fixed, p.count * sizeof(*p.line));
    p.dots = drill_arena_take(&run->fixed, p.count * sizeof(*p.dots));
    run->units = drill_arena_take(&run->fixed, p.count * sizeof(*run->units));
    if (!p.line || !p.dots || !run->units) {
        return false;
    }
    p.count = 0;
    p.pending_dots = false;
    walk(&p, steps);
    group(run, &p);
    run->implied_open = !is_open(&run->units[0]);
    return true;
}
