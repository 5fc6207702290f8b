/* SPDX-License-Identifier: MIT */
/*
 * Where experiments are made: has subjects played, compares what came with the failure that is
 * looked for, counts sessions, and keeps a list of what was tried. It does no I/O: the caller gives
 * a function that plays (net in `milterdrill diagnose`, a plain function in tests).
 */
#ifndef DRILL_DIAGNOSE_LAB_H
#define DRILL_DIAGNOSE_LAB_H

#include "diagnose/signature.h"
#include "diagnose/subject.h"

struct drill_trial {
    const struct drill_settings *settings;
    const struct drill_client *traffic;
};

struct drill_lab_ops {
    /* Plays `count` trials, side by side, and fills the watches. False: there is to be no more
     * (interrupt, the milter is gone for good); what was not played is left UNKNOWN. */
    bool (*play)(void *ctx, const struct drill_trial *trials, size_t count,
                 struct drill_watch *watches);
    /* What is tried now; may be NULL. */
    void (*progress)(void *ctx, const char *what, uint32_t sessions, uint32_t budget);
    uint64_t (*now)(void *ctx); /* microseconds, monotonic */
    void *ctx;
};

enum drill_answer {
    DRILL_ANSWER_NONE, /* not tried: budget, interrupt, no memory */
    DRILL_ANSWER_SAME, /* fails alike */
    DRILL_ANSWER_OTHER /* does not, or fails in another way */
};

enum { DRILL_LAB_WHAT = 160, DRILL_LAB_BATCH = 8 };

/* One thing that was tried, as often as `sessions` says. */
struct drill_experiment {
    char what[DRILL_LAB_WHAT];
    enum drill_answer answer;
    struct drill_signature sig;
    uint32_t sessions;
    struct drill_experiment *next;
};

struct drill_lab {
    const struct drill_lab_ops *ops;
    struct drill_arena *arena;  /* results */
    struct drill_arena scratch; /* of one experiment */
    struct drill_signature wanted;
    uint32_t budget, sessions;
    uint64_t begin, seconds; /* seconds: the budget in microseconds, 0: none */
    bool stopped;            /* the budget is spent, or it was interrupted */
    bool spent;              /* ... the budget */
    bool no_memory;          /* an experiment could not be made, or listed */
    struct drill_experiment *first, **last;
    uint64_t most_reply; /* of all sessions */
    uint64_t slowest;
};

void drill_lab_init(struct drill_lab *lab, const struct drill_lab_ops *ops,
                    struct drill_arena *arena, uint32_t sessions, uint64_t microseconds);
void drill_lab_fini(struct drill_lab *lab);

/* Plays one subject. The watch holds what was seen. */
bool drill_lab_play(struct drill_lab *lab, const struct drill_subject *s, const char *what,
                    struct drill_watch *watch);
/* The same `count` times (at most DRILL_LAB_BATCH) side by side. False: not all were played; what
 * was not has the symptom UNKNOWN. */
bool drill_lab_play_all(struct drill_lab *lab, const struct drill_subject *s, const char *what,
                        struct drill_watch *watches, size_t count);
/* Does it fail alike? Listed as `what` (experiments of one name in a row are one entry). */
enum drill_answer drill_lab_try(struct drill_lab *lab, const struct drill_subject *s,
                                const char *what);
/* At most DRILL_LAB_BATCH subjects side by side: for failures that take time. `symptoms`: of each,
 * or NULL. */
void drill_lab_try_all(struct drill_lab *lab, const struct drill_subject *subjects,
                       const char (*what)[DRILL_LAB_WHAT], size_t count, enum drill_answer *answers,
                       enum drill_symptom *symptoms);

#endif
