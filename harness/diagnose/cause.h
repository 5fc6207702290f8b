/* SPDX-License-Identifier: MIT */
/*
 * What a diagnosis means: the known cause that fits it, if any (cause.def), and one sentence of
 * what was found in any case.
 */
#ifndef DRILL_DIAGNOSE_CAUSE_H
#define DRILL_DIAGNOSE_CAUSE_H

#include "diagnose/blame.h"

struct drill_cause {
    const char *id; /* "libmilter_frame" */
    const char *sentence, *side, *key, *advice, *source;
};

/* NULL: none is known. */
const struct drill_cause *drill_cause_of(const struct drill_diagnosis *d);
/* The same of an MTA (blame_cause.def). */
const struct drill_cause *drill_cause_of_blame(const struct drill_blame *d);
/* "a header `To` with more than 65,535 bytes of data in one frame". */
void drill_trigger_say(const struct drill_trigger *t, char *out, size_t cap);

#endif
