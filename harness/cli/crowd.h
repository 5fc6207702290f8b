/* SPDX-License-Identifier: MIT */
/*
 * A scenario whose only step is `concurrently n { } and m { }`: n + m copies at once in one
 * reactor, each with a runner and connections of its own; `meet` holds them together.
 *
 * With --smtp each copy has an SMTP client of its own. They are let on one by one, each when the
 * one before it has come to its first milter connection: connections come in the order of the
 * copies, so each verdict belongs to a known one. That needs MTAs that open one connection a
 * session, and files with one session (cli_crowd_smtp_lacks).
 *
 * Simulated, copies do not know of each other, so that all of one block end alike: one of each
 * block is played, one after the other, and `meet` waits for nobody.
 */
#ifndef DRILL_CLI_CROWD_H
#define DRILL_CLI_CROWD_H

#include "cli/under_test.h"
#include "cli/watch.h"

/* The step, which stands alone (drill_lint). NULL: the file has none. */
const struct drill_step *cli_crowd_of(const struct drill_file *file);
/* Does one of the blocks have such a check? */
bool cli_crowd_checks(const struct drill_step *step, enum drill_check_kind kind);

/* Why a file cannot be played with --smtp; NULL: it can. */
const char *cli_crowd_smtp_lacks(const struct drill_step *step, const struct drill_scene *scene,
                                 const struct cli_under_test *tested);

struct cli_crowd {
    struct cli_under_test *tested; /* --smtp: opened; NULL: without. Its sink only has to drain */
    const struct drill_step *step;
    const struct cli_stage *stage;         /* mode, net, listener and address; not opened */
    const struct drill_run_config *config; /* of every copy, but for body, meet, lean, observer */
    const struct drill_scene *scene;
    uint64_t patience; /* of the SMTP clients */
    struct cli_results *results;
    struct drill_report report; /* that of the first copy that did not pass, if any */
    uint64_t elapsed;           /* of the last play */
    const char *quirk;          /* of the first copy that has one (check); NULL: none */
    char quirk_text[DRILL_REPORT_LINE];
};

/* Plays once, and fills `report` and `elapsed`. False after an error in `err`. */
bool cli_crowd_play(struct cli_crowd *c, struct drill_error *err);

#endif
