/* SPDX-License-Identifier: MIT */
/*
 * Option negotiation: what libmilter makes of an offer (engine.c, st_optionneg), and what MTAs make
 * of an answer.
 */
#ifndef DRILL_SESSION_NEGOTIATE_H
#define DRILL_SESSION_NEGOTIATE_H

#include "base/error.h"
#include "session/state.h"
#include "wire/message.h"

/* What a libmilter filter wants. */
struct drill_wants {
    const char *name; /* the milter's, for its log line */
    uint32_t id;      /* number of the connection, likewise */
    uint32_t version; /* 6: the library's own */
    uint32_t actions;
    uint32_t protocol; /* NO* bits of missing callbacks, and features */
};

/* libmilter's algorithm. DRILL_OK: *answer is what it replies; a zero mask in the offer counts as
 * version 1's. NR_* bits that it wants and that were not offered are in *emulated: it answers
 * `continue` to those commands, whatever the filter returns.
 * DRILL_ERR_VALUE: it closes without a reply; err is its log line, and *answer is the part of what
 * it wants that was offered. */
enum drill_code drill_negotiate_libmilter(const struct drill_wants *wants,
                                          const struct drill_message *offer,
                                          struct drill_agreed *answer, uint32_t *emulated,
                                          struct drill_error *err);

/* The next name of a macro list, at blanks and commas; false at the end. */
bool drill_negotiate_next_name(struct drill_span *list, struct drill_span *name);

#endif
