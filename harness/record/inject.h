/* SPDX-License-Identifier: MIT */
/*
 * Faults on live traffic, on purpose: what a scenario says, done to some of the connections.
 *
 *     drill 1 "every hundredth milter dies at the end of the body"     a delay, and then an end:
 *     ...                                                              > rcpt
 *     > bodyeob                                                        < continue after=2s
 *     < reset                                                          ...
 *
 * What it understands, in the order of the lines, each below `...` or a line before it:
 *  - a message of either side, with its fields or without: it is waited for (patterns and literals
 *    are compared), and passes. The first that fits counts; what comes between passes.
 *  - `after=T` on it: it, and all behind it in its direction, is held for T.
 *  - `optneg` with version=, actions= or protocol= as numbers or names: they are what the other
 *    side gets to see: a downgrade. Only as the first line of its side.
 *  - `reset`, `close`, `hangup` directly below: both sides of the connection are ended so, behind
 *    the bytes of the message above. `silence` and `stall`: nothing of that side passes any more.
 * All else is refused, with its place: faults that are not in this list, blocks, checks, setup
 * other than `why`, `mta` and `milter`, and alternatives.
 *
 * A message counts when its last byte passes. With it may go what came in the same read before it.
 */
#ifndef DRILL_RECORD_INJECT_H
#define DRILL_RECORD_INJECT_H

#include "net/forward.h"
#include "scenario/match.h"
#include "scenario/parse.h"

enum { DRILL_INJECT_LINES = 64, DRILL_INJECT_HOLD = 65536 };

struct drill_inject_line {
    enum drill_dir dir;
    const struct drill_item *item;
};

struct drill_inject {
    struct drill_inject_line lines[DRILL_INJECT_LINES];
    size_t count;
    uint64_t of, in; /* `of` connections in `in` */
    uint64_t seed;
};

/* The lines of a parsed file, which must outlive it. False: errors with places were added. */
bool drill_inject_init(struct drill_inject *inject, const struct drill_file *file, const char *name,
                       struct drill_errors *errors);
/* "1/100", "1": how many. */
enum drill_code drill_inject_rate(struct drill_inject *inject, const char *text,
                                  struct drill_error *err);

/* One connection. */
struct drill_injected {
    const struct drill_inject *inject;
    size_t at; /* the line that is waited for */
    struct drill_assembler frames[2];
    uint64_t passed[2]; /* bytes of the stream */
    bool broken[2];     /* no frames any more */
    bool mute[2];
    enum drill_dir ender; /* who ended the connection, by the scenario */
    struct drill_buf out;
    struct drill_binds binds;
    struct drill_arena arena;
    char note[160]; /* what was done by the last edit, for the recording; "" nothing */
};

/* NULL: not this one, or no memory. `number`: of the connection. */
struct drill_injected *drill_injected_new(const struct drill_inject *inject, uint64_t number);
void drill_injected_edit(struct drill_injected *i, enum drill_dir dir, struct drill_span bytes,
                         uint64_t now, struct drill_forward_edit *edit);
void drill_injected_free(struct drill_injected *i);

#endif
