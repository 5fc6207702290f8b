/* SPDX-License-Identifier: MIT */
/*
 * What a peer really speaks when its first bytes are no milter frame: 1431194446 is "UNKN", and
 * that is clamd's text port. A stream of milter frames cannot begin like these: the length would be
 * hundreds of megabytes.
 */
#ifndef DRILL_WIRE_FOREIGN_H
#define DRILL_WIRE_FOREIGN_H

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

struct drill_foreign {
    const char *start; /* the first bytes, as C text without its NUL */
    uint8_t start_len;
    bool calls;         /* it connects to milter ports; false: it answers where a milter should */
    const char *speaks; /* "clamd's command port" */
    const char *advice; /* what to change, one clause */
};

/* By the first 4 (or more) bytes of a stream; NULL when they name nothing known. */
const struct drill_foreign *drill_foreign_find(struct drill_span first);
/* By the number that a log shows; some programs print length - 1, so that is tried too. */
const struct drill_foreign *drill_foreign_length(uint32_t length);

#ifdef __cplusplus
}
#endif
#endif
