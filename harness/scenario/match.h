/* SPDX-License-Identifier: MIT */
/*
 * What a line accepts: one item of the AST against one message that came.
 */
#ifndef DRILL_SCENARIO_MATCH_H
#define DRILL_SCENARIO_MATCH_H

#include "base/arena.h"
#include "scenario/ast.h"

/* The values of $names of one run. */
enum { DRILL_BINDS_MAX = 64 };

struct drill_bind {
    struct drill_span name;
    struct drill_span value; /* bytes; numbers in decimal */
};

struct drill_binds {
    struct drill_arena *arena; /* values are copied to it */
    struct drill_bind *item;   /* in the arena: room for DRILL_BINDS_MAX, made for the first */
    size_t count;
};

const struct drill_bind *drill_binds_find(const struct drill_binds *b, struct drill_span name);
/* False when there is no room. */
bool drill_binds_set(struct drill_binds *b, struct drill_span name, struct drill_span value);

/* Why an item does not match, one short sentence for people: `name is "From", not "To"`. */
enum { DRILL_WHY_MAX = 240 };
struct drill_mismatch {
    char text[DRILL_WHY_MAX];
};

/* A message that came. `whole` false: it was too large to hold, payload is its first bytes. */
struct drill_came {
    uint8_t code;
    uint32_t length; /* the length word */
    struct drill_span payload;
    bool whole;
};

/* True when `item` (MESSAGE or FRAME) accepts the message. Bindings are made only on success.
 * `why` may be NULL. A typed line accepts only a payload without a defect; `data=` any. A line
 * with `length=` wants that length word. Of a message that is not whole only its code, its size
 * (`len` on BYTES data) and unnamed fields can be accepted. */
bool drill_match(const struct drill_item *item, enum drill_dir dir, const struct drill_came *came,
                 struct drill_binds *binds, struct drill_mismatch *why);
/* The same for a line of a recording: what differs by nature from run to run is compared by the
 * rules of tolerate.h. */
bool drill_match_recorded(const struct drill_item *item, enum drill_dir dir,
                          const struct drill_came *came, struct drill_binds *binds,
                          struct drill_mismatch *why);
/* Bytes of a BYTES value from `at` on, against the front of `bytes`: how many agree until either
 * ends, or up to the first that does not. */
size_t drill_match_stream(const struct drill_value *value, uint64_t at, struct drill_span bytes);
/* All bytes of a BYTES value; saturates. */
uint64_t drill_match_size(const struct drill_value *value);
/* `*` any bytes, `?` one byte; everything else itself; there is no escape. Takes no memory. Linear
 * in the bytes as long as no piece between two stars is longer than 64 bytes. */
bool drill_match_glob(struct drill_span pattern, struct drill_span bytes);
/* A BYTES, GLOB, LEN or BIND value against bytes (streams of `raw`, checks). */
bool drill_match_bytes(const struct drill_value *value, struct drill_span bytes,
                       struct drill_binds *binds);
/* An INT, FLAGS, EDIT, RANGE or BIND value against a number. */
bool drill_match_number(const struct drill_value *value, uint64_t number,
                        struct drill_binds *binds);

#endif
