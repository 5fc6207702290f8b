/* SPDX-License-Identifier: MIT */
/*
 * A conversation under the judge's eyes: an observer that feeds it, what it found, and the `judge`
 * lines of a scenario, which make findings about the side under test failures.
 */
#ifndef DRILL_SCENARIO_JUDGED_H
#define DRILL_SCENARIO_JUDGED_H

#include "scenario/parse.h"
#include "scenario/run.h"
#include "session/judge.h"

enum { DRILL_JUDGED_MAX = 32 };

struct drill_judged {
    struct drill_judge judge;
    struct drill_finding finding[DRILL_JUDGED_MAX]; /* the first ones */
    size_t count;                                   /* all of them */
};

/* Must not move afterwards. */
void drill_judged_init(struct drill_judged *j);
/* An observer's `seen`: the payloads must be whole up to what the judge looks at. */
void drill_judged_seen(struct drill_judged *j, const struct drill_seen *seen);
/* The conversation is over. */
void drill_judged_finish(struct drill_judged *j);
/* The ids in the file's `judge` lines exist. Adds to `errors`. */
bool drill_judged_lint(const struct drill_file *file, const char *name,
                       struct drill_errors *errors);
/* The worst finding about that side that is no note; NULL: none. */
const struct drill_finding *drill_judged_worst(const struct drill_judged *j, enum drill_side side);
/* The first finding about that side that a `judge` line of the file asks for; NULL: none. `all`
 * asks for every rule but notes; an id for its rule. *pos: the line. */
const struct drill_finding *drill_judged_broken(const struct drill_judged *j,
                                                const struct drill_file *file,
                                                enum drill_side under_test, struct drill_pos *pos);

#endif
