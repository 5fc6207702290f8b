/* SPDX-License-Identifier: MIT */
/*
 * The part of the AST (ast.h, which says who owns it) that every line and field has: places,
 * comments, values.
 */
#ifndef DRILL_SCENARIO_AST_VALUE_H
#define DRILL_SCENARIO_AST_VALUE_H

#include "base/bytes.h"

struct drill_pos {
    uint32_t line;   /* from 1; 0: not from a text (made by the program) */
    uint32_t column; /* from 1, in bytes */
};

/* Comments and blank lines belong to the statement below or beside them, so `fmt` keeps them. */
struct drill_trivia {
    struct drill_span
        above; /* whole comment lines with '#', each ended by '\n'; an empty line is "\n" */
    struct drill_span after; /* "# ..." at the end of the statement's line, or empty */
};

/* ---- values ---- */

enum drill_part_kind { DRILL_PART_STRING, DRILL_PART_HEX, DRILL_PART_FILE };

/* One atom of a bytes value: `bytes`, `times` over. */
struct drill_part {
    enum drill_part_kind kind;
    struct drill_pos pos;
    struct drill_span bytes;        /* FILE: the content (of a slice: its bytes), once loaded; empty
                                       without a loader */
    struct drill_span name;         /* FILE: its name as written */
    bool sliced;                    /* FILE: only its bytes low to high, from 0, ends included */
    uint64_t low, high;             /* high UINT64_MAX: to the end */
    struct drill_span slice_source; /* `low..high` as written; empty: not from a text */
    uint64_t times;                 /* 1 unless `* n` */
    struct drill_span times_source; /* n as written; empty: none, or not from a text */
    struct drill_part *next;
};

enum drill_value_kind {
    DRILL_VALUE_BYTES,    /* parts */
    DRILL_VALUE_INT,      /* number; also a stage, family or other name that stands for one */
    DRILL_VALUE_DURATION, /* number, microseconds */
    DRILL_VALUE_FLAGS,    /* number: exactly these bits */
    DRILL_VALUE_EDIT,     /* set, clear: these bits set and cleared, others the profile's */
    DRILL_VALUE_INTS,     /* list, count: `split=1,3` */
    DRILL_VALUE_NAME,     /* text: a bare word that is no number */
    DRILL_VALUE_GLOB,     /* text: the pattern of ~"..." */
    DRILL_VALUE_RANGE,    /* low..high, ends included */
    DRILL_VALUE_LEN,      /* low..high bytes; `len 5` is 5..5 */
    DRILL_VALUE_ABSENT,
    DRILL_VALUE_BIND /* text: the name of $name */
};

struct drill_value {
    enum drill_value_kind kind;
    struct drill_pos pos;
    struct drill_part *parts;
    uint64_t number;
    uint32_t set, clear;
    uint64_t low, high; /* high UINT64_MAX: open */
    struct drill_span text;
    const uint32_t *list;
    size_t count;
    struct drill_span source; /* as written, for printing numbers and names the way they were; LEN:
                                 what stands behind `len`. Empty: not from a text, or BYTES, GLOB */
};

/* Nothing of the line's side can be sent from it: ~, range, len (and $ while unbound, absent). */
static inline bool drill_value_is_pattern(const struct drill_value *v)
{
    return v->kind == DRILL_VALUE_GLOB || v->kind == DRILL_VALUE_RANGE ||
           v->kind == DRILL_VALUE_LEN;
}

#endif
