/* SPDX-License-Identifier: MIT */
/*
 * The options of `run` and `check`: their words, their help, and what goes together.
 */
#ifndef DRILL_CLI_RUN_OPTIONS_H
#define DRILL_CLI_RUN_OPTIONS_H

#include "cli/cli.h"

const struct cli_word *cli_run_words(void);
const char *cli_run_help(bool check);
/* All options are read. False after an error that was printed. */
bool cli_run_check(const struct cli_args *args, const struct cli_options *o);

#endif
