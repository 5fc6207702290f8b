/* SPDX-License-Identifier: MIT */
#include "diagnose/lab.h"

#include <stdio.h>
#include <string.h>

enum { KEPT = 1 << 20 }; /* bytes of scratch memory */

void drill_lab_init(struct drill_lab *lab, const struct drill_lab_ops *ops,
                    struct drill_arena *arena, uint32_t sessions, uint64_t microseconds)
{
    memset(lab, 0, sizeof(*lab));
    lab->ops = ops;
    lab->arena = arena;
    lab->budget = sessions;
    lab->seconds = microseconds;
    lab->begin = ops->now(ops->ctx);
    lab->last = &lab->first;
    drill_arena_init(&lab->scratch, arena->alloc, 0);
}

void drill_lab_fini(struct drill_lab *lab)
{
    drill_arena_fini(&lab->scratch);
}

/* Behind an experiment. Large bodies are given back: the next is of another size. */
static void clear(struct drill_lab *lab)
{
    if (lab->scratch.held > KEPT) {
        drill_arena_fini(&lab->scratch);
    } else {
        drill_arena_reset(&lab->scratch);
    }
}

static bool may_play(struct drill_lab *lab, size_t count)
{
    bool spent = lab->sessions + count > lab->budget ||
                 (lab->seconds && lab->ops->now(lab->ops->ctx) - lab->begin >= lab->seconds);
    lab->spent = lab->spent || spent;
    lab->stopped = lab->stopped || spent;
    return !lab->stopped;
}

static bool build(struct drill_lab *lab, const struct drill_subject *s, struct drill_trial *trial)
{
    trial->settings = &s->settings;
    trial->traffic = drill_subject_trial(s, &lab->scratch);
    lab->no_memory = lab->no_memory || !trial->traffic;
    return trial->traffic != NULL;
}

static void play(struct drill_lab *lab, const struct drill_trial *trials, size_t count,
                 const char *what, struct drill_watch *watches)
{
    const struct drill_lab_ops *ops = lab->ops;
    for (size_t i = 0; i < count; i++) {
        drill_watch_init(&watches[i], trials[i].settings->max_response);
        watches[i].sig.symptom = DRILL_SYMPTOM_UNKNOWN;
    }
    if (ops->progress) {
        ops->progress(ops->ctx, what, lab->sessions, lab->budget);
    }
    if (!ops->play(ops->ctx, trials, count, watches)) {
        lab->stopped = true;
    }
    for (size_t i = 0; i < count; i++) {
        const struct drill_signature *sig = &watches[i].sig;
        lab->sessions += sig->symptom != DRILL_SYMPTOM_UNKNOWN;
        lab->most_reply = sig->most_reply > lab->most_reply ? sig->most_reply : lab->most_reply;
        lab->slowest = sig->slowest > lab->slowest ? sig->slowest : lab->slowest;
    }
}

bool drill_lab_play_all(struct drill_lab *lab, const struct drill_subject *s, const char *what,
                        struct drill_watch *watches, size_t count)
{
    struct drill_trial trials[DRILL_LAB_BATCH];
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        watches[i].sig.symptom = DRILL_SYMPTOM_UNKNOWN;
    }
    if (!may_play(lab, count) || !build(lab, s, &trials[0])) {
        return false;
    }
    for (size_t i = 1; i < count; i++) {
        trials[i] = trials[0];
    }
    play(lab, trials, count, what, watches);
    clear(lab);
    for (size_t i = 0; i < count; i++) {
        all = all && watches[i].sig.symptom != DRILL_SYMPTOM_UNKNOWN;
    }
    return all;
}

bool drill_lab_play(struct drill_lab *lab, const struct drill_subject *s, const char *what,
                    struct drill_watch *watch)
{
    return drill_lab_play_all(lab, s, what, watch, 1);
}

static enum drill_answer answer_of(const struct drill_lab *lab, const struct drill_signature *sig)
{
    if (sig->symptom == DRILL_SYMPTOM_UNKNOWN) {
        return DRILL_ANSWER_NONE;
    }
    return drill_signature_same(sig, &lab->wanted) ? DRILL_ANSWER_SAME : DRILL_ANSWER_OTHER;
}

static void list(struct drill_lab *lab, const char *what, const struct drill_signature *sig,
                 enum drill_answer answer)
{
    struct drill_experiment *e = NULL;
    for (struct drill_experiment *x = lab->first; x; x = x->next) {
        e = x;
    }
    if (!e || strncmp(e->what, what, DRILL_LAB_WHAT - 1) != 0) {
        e = drill_arena_take(lab->arena, sizeof(*e));
        if (!e) {
            lab->no_memory = true;
            return;
        }
        (void)snprintf(e->what, sizeof(e->what), "%s", what);
        *lab->last = e;
        lab->last = &e->next;
    }
    e->sig = *sig;
    e->answer = answer;
    e->sessions++;
}

enum drill_answer drill_lab_try(struct drill_lab *lab, const struct drill_subject *s,
                                const char *what)
{
    struct drill_watch watch;
    (void)drill_lab_play(lab, s, what, &watch);
    enum drill_answer answer = answer_of(lab, &watch.sig);
    if (answer != DRILL_ANSWER_NONE) {
        list(lab, what, &watch.sig, answer);
    }
    return answer;
}

void drill_lab_try_all(struct drill_lab *lab, const struct drill_subject *subjects,
                       const char (*what)[DRILL_LAB_WHAT], size_t count, enum drill_answer *answers,
                       enum drill_symptom *symptoms)
{
    struct drill_trial trials[DRILL_LAB_BATCH];
    struct drill_watch *watches = drill_arena_take(&lab->scratch, count * sizeof(*watches));
    size_t built = 0;
    lab->no_memory = lab->no_memory || !watches;
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
        if (symptoms) {
            symptoms[i] = DRILL_SYMPTOM_UNKNOWN;
        }
    }
    while (watches && built < count && may_play(lab, built + 1) &&
           build(lab, &subjects[built], &trials[built])) {
        built++;
    }
    if (built) {
        play(lab, trials, built, what[0], watches);
    }
    for (size_t i = 0; i < built; i++) {
        answers[i] = answer_of(lab, &watches[i].sig);
        if (symptoms) {
            symptoms[i] = watches[i].sig.symptom;
        }
        if (answers[i] != DRILL_ANSWER_NONE) {
            list(lab, what[i], &watches[i].sig, answers[i]);
        }
    }
    clear(lab);
}
