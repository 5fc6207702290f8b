/* SPDX-License-Identifier: MIT */
/*
 * What is well formed and still wrong: errors that the parser cannot see from one line alone
 * (a fault on a side that may be under test, if it is no recording; `refuse` that does not stand
 * below `open`; a step that can never be reached; a file that unrolls to more than 100 000 lines or
 * 4 GiB), and what this version does not play yet.
 */
#ifndef DRILL_SCENARIO_LINT_H
#define DRILL_SCENARIO_LINT_H

#include "scenario/parse.h"

enum { DRILL_UNROLL_LINES = 100000 };
#define DRILL_UNROLL_BYTES ((uint64_t)4 << 30)

/* Adds to `errors`, in the order of the file's parts. True when this call added nothing. */
bool drill_lint(const struct drill_file *file, const char *name, struct drill_errors *errors);
/* What can be played here beyond the lines themselves. */
enum {
    DRILL_PLAYS_SMTP = 1,
    DRILL_PLAYS_DELIVERED = 2,
    DRILL_PLAYS_TLS = 4,
    DRILL_PLAYS_SEVERAL = 8 /* `before` and `after` */
};

/* The first thing in the file that is specified but not played by this version, as a short
 * sentence with its line ("line 7: `repeat` is not played yet"); false when all of it is. */
bool drill_lint_unplayed(const struct drill_file *file, unsigned plays, struct drill_writer *w);

#endif
