/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

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
            if (p->line && p->count < p->cap) {
                p->line[p->count] = step;
            }
            p->count++;
            break;
        case DRILL_STEP_CONCURRENTLY: break; /* its blocks are played: config.body */
        }
    }
}

static bool is_macro(const struct drill_step *step)
{
    return step->kind == DRILL_STEP_LINE && step->items->kind == DRILL_ITEM_MESSAGE &&
           step->dir == DRILL_TO_MILTER && step->items->code == DRILL_SMFIC_MACRO;
}

static bool takes_macros(const struct drill_step *step)
{
    return step->kind == DRILL_STEP_LINE && step->dir == DRILL_TO_MILTER &&
           (step->items->kind == DRILL_ITEM_MESSAGE || step->items->kind == DRILL_ITEM_FRAME);
}

/* Macro lines join the command directly below them. */
static void group(struct drill_run *run, const struct plan *p)
{
    size_t i = 0;
    while (i < p->count) {
        struct run_unit *u = &run->units[run->unit_count++];
        if (p->line[i]->kind == DRILL_STEP_MEET) {
            u->meet = p->line[i++];
            u->dir = run->their_dir;
            run->meets++;
            continue;
        }
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

static bool begins_with_open(const struct drill_run *run)
{
    size_t i = 0;
    while (i < run->unit_count && run->units[i].meet) {
        i++;
    }
    const struct drill_step *first = i < run->unit_count ? run->units[i].main : NULL;
    return first && first->items->kind == DRILL_ITEM_OPEN;
}

const struct drill_block *run_block(const struct drill_run *run)
{
    const struct drill_file *file = run->config.file;
    return run->config.body ? run->config.body : file ? &file->body : NULL;
}

bool run_dots_below(const struct drill_run *run)
{
    size_t next = run->at + 1;
    while (next < run->unit_count && run->units[next].meet) {
        next++;
    }
    return next < run->unit_count ? run->units[next].dots : run->dots_at_end;
}

bool run_plan(struct drill_run *run)
{
    struct plan p = {.run = run};
    const struct drill_block *block = run_block(run);
    const struct drill_step *steps = block ? block->steps : NULL;
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
    run->implied_open = !begins_with_open(run);
    return true;
}
