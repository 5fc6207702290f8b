/* SPDX-License-Identifier: MIT */
/* Which programs talk, from what they say: implied_program.c. Internal. */
#ifndef DRILL_SCENARIO_IMPLIED_PARTS_H
#define DRILL_SCENARIO_IMPLIED_PARTS_H

#include "scenario/implied.h"

/* A macro of the MTA. */
void drill_implied_mta(struct drill_implied *i, struct drill_span name, struct drill_span value);
/* A frame of the milter, before the state has moved by it. */
void drill_implied_milter(struct drill_implied *i, const struct drill_message *m);

#endif
