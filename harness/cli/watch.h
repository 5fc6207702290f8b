/* SPDX-License-Identifier: MIT */
/* What looks on while a runner plays: the judge, and the frames that -v prints. */
#ifndef DRILL_CLI_WATCH_H
#define DRILL_CLI_WATCH_H

#include "cli/results.h"
#include "scenario/judged.h"

struct cli_watch {
    struct cli_results *results;
    struct drill_judged judged;
    bool begun;
    uint64_t begin;
};

/* Must not move afterwards. Makes itself the config's observer. */
void cli_watch_init(struct cli_watch *w, struct cli_results *results,
                    struct drill_run_config *config);
/* The play is over: the judge's last word goes into the run's report, and a `judge` line makes a
 * finding a failure; for `check` every rule counts, and what peers bear is a quirk: the text of it,
 * which lives as long as the run, or NULL. */
const char *cli_watch_judge(struct cli_watch *w, struct drill_run *run, enum cli_mode mode,
                            const struct drill_file *file);

/* The same where there is no run to report to: what a `judge` line makes a failure, or NULL. */
const struct drill_finding *cli_watch_broken(struct cli_watch *w, enum cli_mode mode,
                                             const struct drill_file *file, struct drill_pos *pos);

#endif
