/* SPDX-License-Identifier: MIT */
/*
 * What a line sends: one item of the AST, its unnamed fields filled from the profile's message,
 * as bytes that are produced while they are sent: `"a" * 4GiB` takes no memory.
 */
#ifndef DRILL_SCENARIO_COMPOSE_H
#define DRILL_SCENARIO_COMPOSE_H

#include "base/arena.h"
#include "base/error.h"
#include "scenario/ast.h"
#include "scenario/match.h"

struct drill_segment {
    struct drill_span bytes;
    uint64_t times;
};

/* Bytes on their way out: 5 header bytes (if framed) and the segments. */
struct drill_outgoing {
    bool framed;
    uint8_t code;
    uint32_t length; /* the length word that is written */
    uint64_t size;   /* payload bytes (RAW: all bytes) */
    uint64_t total;  /* bytes that will be sent: header and payload, or `cut` of them */
    uint64_t sent;   /* bytes pulled so far */
    const struct drill_segment *segment;
    size_t segments;
    size_t at_segment; /* private cursor */
    uint64_t at_time;
    size_t at_byte;
};

/* Composes a MESSAGE, FRAME or RAW item. `fallback`: the profile's message of the same code, for
 * unnamed fields (NULL: empty fields). Patterns and unbound $names count as unnamed; an unbound
 * $name is bound to what is sent. Of a `macro` line exactly the named pairs are sent, of an
 * `optneg` line exactly the named lists. DRILL_ERR_VALUE: the frame's length does not fit 32 bits
 * and no `length=` says what to write, or a macro name is not possible; DRILL_ERR_LIMIT: too many
 * $names; DRILL_ERR_MEMORY. `err` may be NULL; its place is that of the item. */
enum drill_code drill_compose(const struct drill_item *item, enum drill_dir dir,
                              const struct drill_message *fallback, struct drill_binds *binds,
                              struct drill_arena *arena, struct drill_outgoing *out,
                              struct drill_error *err);
/* A whole message of the profile's own. The message's spans must outlive `out`. */
enum drill_code drill_compose_message(const struct drill_message *m, struct drill_arena *arena,
                                      struct drill_outgoing *out);
/* The next at most `cap` bytes; 0 at the end. */
size_t drill_outgoing_pull(struct drill_outgoing *out, uint8_t *buf, size_t cap);
/* The payload in one piece, for a look at what was sent: at most `cap` bytes of it. Does not move
 * the cursor of pull. */
size_t drill_outgoing_peek(const struct drill_outgoing *out, uint8_t *buf, size_t cap);

#endif
