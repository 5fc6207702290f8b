/* SPDX-License-Identifier: MIT */
/*
 * What a recording says about the programs that were recorded.
 */
#ifndef DRILL_SCENARIO_RECORDED_H
#define DRILL_SCENARIO_RECORDED_H

#include "base/arena.h"
#include "scenario/ast.h"
#include "session/profile.h"

/* A model stands for the program that was recorded: it offers, and answers, what that one did.
 * version, actions and protocol of the side's first `optneg` line become its settings; of an MTA
 * the name that its first macro j has; and of a milter the answers to each command: its verdicts,
 * which may have hung on anything, and what it did to the message. When there is an answer, what is
 * legal and what ends the connection remains the profile's: a milter that answered out of turn is
 * not imitated. Lines that are faults, and what stands in the same answer, are the profile's, too.
 * A file that is no recording, or NULL, changes nothing. DRILL_ERR_MEMORY. */
enum drill_code drill_recorded_settings(const struct drill_file *file,
                                        const struct drill_profile *profile,
                                        struct drill_arena *arena, struct drill_settings *settings);

#endif
