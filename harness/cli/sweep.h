/* SPDX-License-Identifier: MIT */
/*
 * `run --sim --splits N|all` and `run --sim --cut-everywhere`: one scenario, many plays, one
 * result. Options, and what cmd_run.c asks of it.
 */
#ifndef DRILL_CLI_SWEEP_H
#define DRILL_CLI_SWEEP_H

#include "cli/watch.h"

/* --splits all: 0 chunkings. False after an error that was printed. */
bool cli_sweep_splits(struct cli_options *o, const char *value);
bool cli_sweep_seed(struct cli_options *o, const char *value);
/* Is one asked for? */
bool cli_sweep_wanted(const struct cli_options *o);
/* Plays and tells. `config` is the runner's that plays the file; `watch`: its observer, or NULL. */
void cli_sweep_play(struct cli_results *results, const struct cli_scenario *scenario,
                    enum cli_mode mode, const struct drill_run_config *config,
                    const struct drill_scene *scene, struct cli_watch *watch);

#endif
