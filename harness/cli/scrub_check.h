/* SPDX-License-Identifier: MIT */
/*
 * Two scenarios against one milter (or its model): do they end alike? The same result, at the same
 * line, by the same ending, with the same SMTP codes for the mail.
 */
#ifndef DRILL_CLI_SCRUB_CHECK_H
#define DRILL_CLI_SCRUB_CHECK_H

#include "cli/cli.h"

/* Plays the original, then its copy, and prints what came of both. The exit code. */
int cli_scrub_check(const char *address, const char *original, const char *root, const char *copy,
                    const char *copy_root);

#endif
