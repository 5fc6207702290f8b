/* SPDX-License-Identifier: MIT */
/*
 * What a recording says about the programs that were recorded.
 */
#ifndef DRILL_SCENARIO_RECORDED_H
#define DRILL_SCENARIO_RECORDED_H

#include "scenario/ast.h"
#include "session/profile.h"

/* A model stands for the program that was recorded: it offers, and answers, what that one did.
 * version, actions and protocol of the side's first `optneg` line become its settings; and of a
 * milter, for each stage, the plain verdict (continue, accept, reject, tempfail, discard) that it
 * gave there each time. A file that is no recording, or NULL, changes nothing. */
void drill_recorded_settings(const struct drill_file *file, enum drill_side side,
                             struct drill_settings *settings);

#endif
