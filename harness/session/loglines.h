/* SPDX-License-Identifier: MIT */
/*
 * Log lines that people paste: what MTAs and milters say about a milter conversation, what it means
 * and what to try. The table: log.def.
 *
 *     struct drill_logline l;
 *     if (drill_loglines_find(line, &l)) { l.means ... }
 */
#ifndef DRILL_SESSION_LOGLINES_H
#define DRILL_SESSION_LOGLINES_H

#include "base/bytes.h"

enum { DRILL_LOGLINE_MAX = 1 << 16 }; /* bytes of a line that are looked at */

/* Texts are constant. */
struct drill_logline {
    size_t row;          /* of log.def, from 0 */
    const char *program; /* who says it: "Postfix" */
    const char *means;
    const char *advice;
    const char *rule; /* of the judge, "F8"; "" none */
    uint8_t stage;    /* DRILL_SMFIC_*: the command that the line names; 0 none */
    bool has_number;
    uint64_t number; /* the length that the line names */
};

/* False when no row of the table fits; *out is not changed then. */
bool drill_loglines_find(struct drill_span line, struct drill_logline *out);
/* The rows, for tests and listings: NULL at the end. */
const char *drill_loglines_pattern(size_t row, const char **rule);

#endif
