/* SPDX-License-Identifier: MIT */
/*
 * A diagnosis for a person, and as one JSON object (milterdrill(1), DIAGNOSIS).
 */
#ifndef DRILL_REPORT_VERDICT_H
#define DRILL_REPORT_VERDICT_H

#include "report/parts.h"

struct drill_verdict {
    const struct drill_diagnosis *found;
    const struct drill_cause *cause; /* or NULL */
    const char *milter, *mta;        /* the address as typed; the MTA's program */
    const struct drill_settings *settings;
    const char *error;     /* --error, or NULL */
    bool gone;             /* the milter is no more */
    const char *unreached; /* why there was no connection, if more is known than that; or "" */
    uint32_t starts;       /* of --milter-command */
    int crash;             /* the signal that ended what it started; 0: none */
    bool interrupted;
    const char *out; /* the folder of minimal.drill, or NULL */
    const struct drill_verdict_note *logs, *confs;
};

/* Wilson's interval at 95 %: from few sessions, too, it says something true. */
void drill_verdict_interval(uint32_t failed, uint32_t played, double *low, double *high);
void drill_verdict_text(struct drill_buf *out, const struct drill_verdict *v);
void drill_verdict_json(struct drill_buf *out, const struct drill_verdict *v);

#endif
