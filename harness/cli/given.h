/* SPDX-License-Identifier: MIT */
/*
 * Options that would do nothing. Whoever gives one thinks that it does something: it is refused,
 * with what it does not go with. Each command has a table of them, and says what is the case.
 *
 *     static const struct cli_idle idle[] = {
 *         {CLI_SINK, NO_SMTP, "without --smtp ADDR"},
 *         {0, 0, NULL},
 *     };
 *     ok = cli_idle_none(&args, idle, options->smtp ? 0 : NO_SMTP);
 */
#ifndef DRILL_CLI_GIVEN_H
#define DRILL_CLI_GIVEN_H

#include "cli/cli.h"

/* One combination, the option in it, and the rest of the sentence "--sink does nothing ...". */
struct cli_idle {
    int id;         /* of the option; 0 ends the table */
    unsigned facts; /* when all of these bits hold; the command's own */
    const char *why;
};

/* Whether the option stands on the command line, all of which cli_next must have taken. */
bool cli_given(const struct cli_args *args, int id);
/* No option of the table that was given is idle. False after an error that was printed: the first
 * of the table. */
bool cli_idle_none(const struct cli_args *args, const struct cli_idle *table, unsigned facts);

#endif
