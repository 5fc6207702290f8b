/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: a message while modifications are applied to it, and the steps that
 * families of MTAs have in common. A new family is one function and one row in apply.c.
 *
 * What is not in the arena's means sets `no_memory`; nothing is done from then on.
 */
#ifndef DRILL_SESSION_APPLY_OPS_H
#define DRILL_SESSION_APPLY_OPS_H

#include "session/apply.h"

struct drill_apply_header {
    struct drill_span name; /* as written: may end in blanks */
    struct drill_span text; /* the whole field, with its line end */
    bool original;          /* it came with the message */
    bool changed;
    bool gone;
    bool own;     /* the MTA's: takes a place in the list, is not shown unless `changed` */
    bool counted; /* an index of CHGHEADER counts it */
    struct drill_apply_header *next;
};

struct drill_apply_rcpt {
    struct drill_span address; /* with brackets */
    bool added;                /* by a milter */
    struct drill_apply_rcpt *next;
};

struct drill_apply_chunk {
    struct drill_span data;
    struct drill_apply_chunk *next;
};

struct drill_apply_state {
    const struct drill_apply *what;
    struct drill_arena *arena;
    struct drill_apply_header *headers;
    struct drill_span from;
    struct drill_apply_rcpt *rcpts, **rcpts_end;
    struct drill_apply_chunk *chunks, **chunks_end; /* of the new body */
    size_t chunks_size;
    bool replaced; /* the body is the chunks, even if there are none */
    bool lines;    /* it is stored in lines: each goes out with CRLF */
    bool has_body; /* an empty line ends the header */
    bool held;
    struct drill_span reason;
    bool cut;
    bool no_memory;
};

/* A modification's payload, read as its program reads it. */
struct drill_apply_args {
    uint32_t index;
    struct drill_span str[2];
    size_t strings; /* how many of the two there are */
    size_t rest;    /* bytes behind them */
};

/* The next one for this message from `m` on, or NULL. */
const struct drill_mod *drill_apply_next(const struct drill_apply *what, const struct drill_mod *m);
/* False: the payload ends inside the number; `strings` says how many of them were whole. A payload
 * that was cut is none, and noted. */
bool drill_apply_read(struct drill_apply_state *s, const struct drill_mod *mod,
                      struct drill_apply_args *args);

/* NULL (and no_memory) when there is no memory. `after` NULL: at the top. */
struct drill_apply_header *drill_apply_insert(struct drill_apply_state *s,
                                              struct drill_apply_header *after,
                                              struct drill_span name, struct drill_span text);
struct drill_apply_header *drill_apply_last(const struct drill_apply_state *s);
/* Name, separator, value, in the arena. LF in the value becomes CRLF, followed by `indent` (a blank
 * or tab) where the next line would not be a continuation; 0: the value stays as it is, with a CRLF
 * unless it ends in LF. */
struct drill_span drill_apply_field(struct drill_apply_state *s, struct drill_span name,
                                    const char *separator, struct drill_span value, char indent);
/* Without case, and without blanks at the end of the field's name. */
bool drill_apply_is(const struct drill_apply_header *h, struct drill_span name);

void drill_apply_chunk(struct drill_apply_state *s, struct drill_span data);
void drill_apply_no_chunks(struct drill_apply_state *s);

/* Takes `address` without brackets or with them, and keeps it with. */
void drill_apply_from(struct drill_apply_state *s, struct drill_span address);
void drill_apply_add_rcpt(struct drill_apply_state *s, struct drill_span address);
void drill_apply_drop_rcpt(struct drill_apply_state *s, struct drill_apply_rcpt **r);
struct drill_span drill_apply_trim(struct drill_span s);
/* "a@b" of "<a@b>". */
struct drill_span drill_apply_bare(struct drill_span address);

void drill_apply_stalwart(struct drill_apply_state *s);
void drill_apply_postfix(struct drill_apply_state *s);
void drill_apply_sendmail(struct drill_apply_state *s);

#endif
