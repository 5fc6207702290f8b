/* SPDX-License-Identifier: MIT */
/*
 * JUnit XML as CI servers read it; ci/tests/junit.xsd is the schema. A scenario that failed is a
 * failure; a peer that was not there, a bad file and whatever is ours an error. The last frames
 * stand in system-out.
 *
 * The document is UTF-8 and XML 1.0 whatever the texts hold: other bytes become \xNN.
 */
#ifndef DRILL_REPORT_JUNIT_H
#define DRILL_REPORT_JUNIT_H

#include "report/result.h"

struct drill_junit_property {
    const char *name, *value;
};

/* What the list does not know; no clock is read here. */
struct drill_junit_head {
    const char *name;                              /* of the suite */
    const char *timestamp;                         /* ISO 8601; NULL: none (a simulation) */
    const char *hostname;                          /* NULL: none */
    const struct drill_junit_property *properties; /* a NULL name ends them; NULL: none */
};

/* Appends; false when memory was refused, the text is then cut. */
bool drill_junit_write(struct drill_buf *out, const struct drill_junit_head *head,
                       const struct drill_result_list *list);

#endif
