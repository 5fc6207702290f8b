/* SPDX-License-Identifier: MIT */
/*
 * Which reply makes an MTA fail, for a person, and as one JSON object (milterdrill(1), DIAGNOSIS).
 */
#ifndef DRILL_REPORT_BLAME_H
#define DRILL_REPORT_BLAME_H

#include "report/parts.h"

struct drill_blame_report {
    const struct drill_blame *found;
    const char *smtp, *listen; /* the addresses as typed */
    const char *recording;
    const struct drill_cause *cause; /* or NULL */
    const struct drill_verdict_note *logs, *confs;
    bool interrupted;
    bool gone;       /* the MTA takes no more mail */
    const char *out; /* the folder of minimal.drill, or NULL */
};

void drill_blame_text(struct drill_buf *out, const struct drill_blame_report *r);
void drill_blame_json(struct drill_buf *out, const struct drill_blame_report *r);

#endif
