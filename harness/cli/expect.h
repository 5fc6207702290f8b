/* SPDX-License-Identifier: MIT */
/*
 * Expected results: known deviations of a peer (or of a model, because the real program deviates),
 * listed outside of the scenarios, one a line, each with its reason:
 *
 *     state/accept-at-header.drill | fail | S-1: Stalwart takes accept for continue
 *     framing/torn-*.drill | withheld | not reported yet
 *
 * A path stands for every scenario whose path ends with it, after a slash; `*` and `?` in it for
 * any bytes, and any byte. What is withheld is not played, and not named in the output: it may
 * show a fault that its authors do not know of yet. `#` begins a comment.
 */
#ifndef DRILL_CLI_EXPECT_H
#define DRILL_CLI_EXPECT_H

#include "base/arena.h"
#include "base/error.h"

struct cli_expected {
    const char *path;
    const char *reason;
    const char *file; /* the list, and the line in it */
    uint32_t line;
    bool withheld;
    struct cli_expected *next;
};

/* Adds the lines of `path` to *list. DRILL_ERR_NOTFOUND, DRILL_ERR_IO; DRILL_ERR_SYNTAX with the
 * line: not three parts, an unknown result, or no reason. */
enum drill_code cli_expect_read(const char *path, struct drill_arena *arena,
                                struct cli_expected **list, struct drill_error *err);
/* The lists of the models beside a class folder: <folder>/<class>/x.drill goes with
 * <folder>/expected/PROGRAM.txt. Where there is none nothing is added. *last: the folder that the
 * previous call looked at. Errors as above. */
enum drill_code cli_expect_models(const char *scenario, struct drill_arena *arena,
                                  struct cli_expected **list, const char **last,
                                  struct drill_error *err);
/* The line for this scenario: of several a withheld one, else any. NULL: none. */
const struct cli_expected *cli_expect_find(const struct cli_expected *list, const char *scenario);

#endif
