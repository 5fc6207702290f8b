/* SPDX-License-Identifier: MIT */
/*
 * What an MTA's autopilot concluded, held against the file: `verdict` lines, the form of the SMTP
 * replies (one that RFC 5321 does not allow always fails), and `delivered` lines, with the milter's
 * modifications applied as that MTA does.
 */
#ifndef DRILL_SCENARIO_MODELLED_H
#define DRILL_SCENARIO_MODELLED_H

#include "scenario/run.h"

/* Adds the first failure to the run's report. True when all hold. `arena`: for what is delivered.
 */
bool drill_run_check_model(struct drill_run *run, const struct drill_mta *mta,
                           struct drill_arena *arena);

#endif
