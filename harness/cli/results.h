/* SPDX-License-Identifier: MIT */
/*
 * What a command that plays scenarios tells: text and JSON lines as it goes, TAP and JUnit XML at
 * the end; and GitHub's annotations where GITHUB_ACTIONS=true.
 *
 *     cli_results_init(&results, &options);
 *     cli_results_tell(&results, &result, file);      for each scenario and mode
 *     code = cli_results_end(&results);
 *     cli_results_fini(&results);
 */
#ifndef DRILL_CLI_RESULTS_H
#define DRILL_CLI_RESULTS_H

#include <time.h>

#include "cli/cli.h"
#include "report/result.h"
#include "session/judge.h"

struct cli_results {
    const struct cli_options *options;
    bool simulated; /* no clock: the same run prints the same */
    bool bad_file;
    time_t began;
    struct drill_arena arena;
    struct drill_result_list list; /* empty unless a format needs it */
    struct drill_json_count count;
    unsigned quirks; /* passes that the judge has something against */
    char group[64];  /* check: the class of the last result, its number, and the case's */
    unsigned group_number, case_number;
    unsigned expected;            /* failures that stand in an --expect file */
    unsigned withheld;            /* scenarios that such a file keeps from being played */
    uint32_t broken[DRILL_RULES]; /* how often each rule was broken since the last result */
    struct drill_buf out, failures;
};

/* `options` must outlive it, and may be filled in later. */
void cli_results_init(struct cli_results *r, const struct cli_options *options);
/* One frame of a verbose run. To stderr in the formats that leave it no room. */
void cli_results_seen(struct cli_results *r, const struct drill_seen *seen, uint64_t begin);
/* What the client of an MTA under test was told in a play that began then: JSON lines of a verbose
 * run. */
void cli_results_smtp(struct cli_results *r, const struct drill_smtp *smtp, uint64_t begin);
/* One scenario was played in one mode, or skipped. `file` may be NULL. */
void cli_results_tell(struct cli_results *r, const struct drill_json_result *result,
                      const struct drill_file *file);
void cli_results_skip(struct cli_results *r, const char *path, enum cli_mode mode,
                      const char *reason);
/* It could not be played: prints the error. */
void cli_results_bad(struct cli_results *r, const char *path, enum cli_mode mode,
                     const struct drill_error *err);
/* Its file is bad; the errors are printed already. */
void cli_results_bad_file(struct cli_results *r, const struct cli_scenario *scenario,
                          const char *path, struct drill_arena *arena);
/* The run ends early; `why` is printed at the end. */
void cli_results_stop(struct cli_results *r, const char *why);
/* The run cannot begin: prints the error, and in TAP and JUnit the document that says so. */
void cli_results_abort(struct cli_results *r, const struct drill_error *err);
/* Writes all that is left. The exit code. */
int cli_results_end(struct cli_results *r);
void cli_results_fini(struct cli_results *r);

#endif
