/* SPDX-License-Identifier: MIT */
#include "cli/given.h"

bool cli_given(const struct cli_args *args, int id)
{
    struct cli_args again = {args->argc, args->argv, 1, false, args->words, args->command, NULL};
    int found = cli_next(&again);
    while (found >= 0 && found != id) {
        found = cli_next(&again);
    }
    return found == id;
}

static const char *name_of(const struct cli_args *args, int id)
{
    const struct cli_word *w = args->words;
    while (w->name && w->id != id) {
        w++;
    }
    return w->name;
}

bool cli_idle_none(const struct cli_args *args, const struct cli_idle *table, unsigned facts)
{
    for (; table->id; table++) {
        if ((facts & table->facts) == table->facts && cli_given(args, table->id)) {
            cli_complain("%s: --%s does nothing %s", args->command, name_of(args, table->id),
                         table->why);
            return false;
        }
    }
    return true;
}
