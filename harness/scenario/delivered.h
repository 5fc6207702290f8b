/* SPDX-License-Identifier: MIT */
/*
 * `delivered` lines against what left the MTA under test.
 */
#ifndef DRILL_SCENARIO_DELIVERED_H
#define DRILL_SCENARIO_DELIVERED_H

#include "scenario/run.h"
#include "session/sink.h"

/* Compares all `delivered` lines of the run's file; adds a failure to its report. A line with
 * `message=n` looks at deliveries from that message's sender only. True when all hold. */
bool drill_run_check_delivered(struct drill_run *run, const struct drill_delivery *list);
/* The file has a `delivered` line. */
bool drill_run_awaits_delivery(const struct drill_run *run);
/* How many deliveries the lines wait for: one a message that is not said to be delivered to
 * nobody; 0 when the file has no such line. */
uint32_t drill_run_deliveries(const struct drill_run *run);

#endif
