/* SPDX-License-Identifier: MIT */
#include "scenario/judged.h"

#include <string.h>

static void found(void *ctx, const struct drill_finding *finding)
{
    struct drill_judged *j = ctx;
    if (j->count < DRILL_JUDGED_MAX) {
        j->finding[j->count] = *finding;
    }
    j->count++;
}

void drill_judged_init(struct drill_judged *j)
{
    memset(j, 0, sizeof(*j));
    drill_judge_init(&j->judge, found, j);
}

static enum drill_side side_of(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
}

void drill_judged_seen(struct drill_judged *j, const struct drill_seen *s)
{
    struct drill_message m;
    switch (s->kind) {
    case DRILL_SEEN_OPEN: drill_judge_open(&j->judge); break;
    case DRILL_SEEN_FRAME:
        if (s->ours && s->sent < s->total) {
            break; /* it never came to be a frame */
        }
        drill_message_decode(s->dir, s->code, s->payload, &m);
        drill_judge_frame(&j->judge, &m, (uint32_t)s->size, s->length);
        break;
    case DRILL_SEEN_RAW:
        drill_judge_garbled(&j->judge, side_of(s->dir),
                            s->payload.len >= 4 ? drill_be32(s->payload.ptr) : 0);
        break;
    case DRILL_SEEN_END: drill_judge_ended(&j->judge, side_of(s->dir), s->how); break;
    case DRILL_SEEN_QUIET:
        if (s->ours && s->note) {
            drill_judge_ended(&j->judge, side_of(s->dir), DRILL_END_NONE);
        }
        break;
    }
}

void drill_judged_finish(struct drill_judged *j)
{
    drill_judge_finish(&j->judge);
}

static bool is_all(struct drill_span word)
{
    return drill_span_equal(word, drill_span_str("all"));
}

bool drill_judged_lint(const struct drill_file *file, const char *name, struct drill_errors *errors)
{
    size_t before = errors->count;
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        for (const struct drill_name *n = s->kind == DRILL_SETUP_JUDGE ? s->names : NULL; n;
             n = n->next) {
            enum drill_rule_id rule;
            if (is_all(n->text) || drill_rule_find(n->text, &rule)) {
                continue;
            }
            if (errors->count < DRILL_ERRORS_MAX) {
                struct drill_error *e = &errors->item[errors->count];
                drill_error_set(e, DRILL_ERR_NOTFOUND,
                                "there is no rule %.*s; M1 and on are the MTA's, F1 and on the "
                                "milter's, `all` is every one",
                                (int)n->text.len, (const char *)n->text.ptr);
                drill_error_at(e, name, n->pos.line, n->pos.column);
            }
            errors->count++;
        }
    }
    return errors->count == before;
}

static bool asks(const struct drill_setup *line, const struct drill_finding *f)
{
    if (!line->names) {
        return f->severity != DRILL_NOTE;
    }
    for (const struct drill_name *n = line->names; n; n = n->next) {
        enum drill_rule_id rule;
        if ((is_all(n->text) && f->severity != DRILL_NOTE) ||
            (drill_rule_find(n->text, &rule) && rule == f->rule)) {
            return true;
        }
    }
    return false;
}

const struct drill_finding *drill_judged_broken(const struct drill_judged *j,
                                                const struct drill_file *file,
                                                enum drill_side under_test, struct drill_pos *pos)
{
    size_t kept = j->count < DRILL_JUDGED_MAX ? j->count : DRILL_JUDGED_MAX;
    for (const struct drill_setup *s = file ? file->setup : NULL; s; s = s->next) {
        for (size_t i = 0; s->kind == DRILL_SETUP_JUDGE && i < kept; i++) {
            if (j->finding[i].by == under_test && asks(s, &j->finding[i])) {
                *pos = s->pos;
                return &j->finding[i];
            }
        }
    }
    return NULL;
}

const struct drill_finding *drill_judged_worst(const struct drill_judged *j, enum drill_side side)
{
    size_t kept = j->count < DRILL_JUDGED_MAX ? j->count : DRILL_JUDGED_MAX;
    const struct drill_finding *worst = NULL;
    for (size_t i = 0; i < kept; i++) {
        const struct drill_finding *f = &j->finding[i];
        if (f->by == side && f->severity != DRILL_NOTE &&
            (!worst || f->severity < worst->severity)) {
            worst = f;
        }
    }
    return worst;
}
