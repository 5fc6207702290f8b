/* SPDX-License-Identifier: MIT */
/*
 * The other milters of an MTA that we play or simulate (session/several.h): addresses of --milter
 * words behind the first, or the `before` and `after` lines of a scenario. The conversation that
 * the command is about has its stage as ever; each of the others gets one here, played by
 * autopilots.
 */
#ifndef DRILL_CLI_SEVERAL_H
#define DRILL_CLI_SEVERAL_H

#include "cli/tls.h"

struct cli_other {
    const char *name; /* as typed */
    uint8_t number;   /* its place among all */
    struct drill_address address;
    struct drill_scene scene; /* the milter's model and its settings; the MTA's are the first's */
    struct cli_tls tls;
    struct cli_stage stage;
};

struct cli_several {
    struct drill_several all;
    struct drill_arena arena; /* of `all` */
    struct cli_other *others;
    size_t count;
    struct drill_net *net; /* NULL: simulated */
    struct cli_stage *main;
    uint8_t number; /* of `main` */
    struct drill_mta face;
    struct drill_file file; /* `...` */
    struct drill_step dots;
};

/* Zeroed, nothing is allocated, and cli_several_close does nothing. */
void cli_several_init(struct cli_several *s);
/* The words behind the first --milter. False after an error that was printed. `net` NULL: the first
 * is a model, and so are all. */
bool cli_several_words(struct cli_several *s, const struct cli_options *o, struct drill_net *net,
                       struct drill_arena *arena);
/* The `before` and `after` lines of a file, for a simulation. */
bool cli_several_lines(struct cli_several *s, const struct drill_scene *scene,
                       struct drill_arena *arena);
/* Before the main stage is opened: it becomes one of them. */
void cli_several_join(struct cli_several *s, struct cli_stage *main);
/* After it: opens the others. `config` and `scene` are the main one's; an observer is told of all.
 * False after an error in `err`. */
bool cli_several_open(struct cli_several *s, const struct drill_run_config *config,
                      const struct drill_scene *scene, struct drill_error *err);
/* Instead of cli_stage_play. */
void cli_several_play(struct cli_several *s, bool again);
/* What it came to; `mta` where there is one milter, or no memory. */
const struct drill_mta *cli_several_sum(struct cli_several *s, const struct drill_mta *mta);
/* The first of the others that could not be reached or failed; NULL: none. */
const struct cli_other *cli_several_failed(const struct cli_several *s);
void cli_several_close(struct cli_several *s);

#endif
