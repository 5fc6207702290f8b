/* SPDX-License-Identifier: MIT */
/*
 * The walk over a file's tree: what drill_scrub's own two sources share. A value may be of several
 * parts, and a body or a stream of several lines; what hangs together is put together before it is
 * replaced, so that an address which is cut in two is still one address.
 */
#ifndef DRILL_SCENARIO_SCRUB_WALK_H
#define DRILL_SCENARIO_SCRUB_WALK_H

#include "scenario/scrub_ops.h"

enum drill_scrub_kind {
    DRILL_SCRUB_AS_TEXT,     /* flags */
    DRILL_SCRUB_AS_MESSAGE,  /* headers and a body */
    DRILL_SCRUB_AS_HEADER,   /* the value of the header `name` */
    DRILL_SCRUB_AS_BODY,     /* part */
    DRILL_SCRUB_AS_NAME,     /* of a header or macro */
    DRILL_SCRUB_AS_MACRO,    /* the value of the macro `name` */
    DRILL_SCRUB_AS_ARGUMENT, /* of MAIL or RCPT */
    DRILL_SCRUB_AS_REPLY,    /* what an SMTP client is told */
    DRILL_SCRUB_AS_PAYLOAD,  /* dir, code */
    DRILL_SCRUB_AS_STREAM    /* dir */
};

struct drill_scrub_how {
    enum drill_scrub_kind kind;
    unsigned flags;
    struct drill_span name;
    struct drill_scrub_part part;
    enum drill_dir dir;
    uint8_t code;
};

/* Parts of values that hang together, in order. */
struct drill_scrub_gather {
    struct drill_scrub_how how;
    bool begun; /* `how` holds for what comes, too */
    struct drill_scrub_piece *first, **end;
    size_t len;
};

struct drill_scrub_walk {
    struct drill_scrubber s;
    const struct drill_loader *loader;
    struct drill_error *err;
    bool failed;       /* err says why */
    bool body_is_mail; /* the MTA's bodies hold the message with its headers, as Stalwart's do */
    unsigned count;
    struct drill_scrub_file *files, **files_end;
    struct drill_scrub_part part;              /* what the headers so far say about the body */
    struct drill_scrub_gather body[2], raw[2]; /* by direction */
};

/* Replaces bytes; false: no memory. */
bool drill_scrub_walk_apply(struct drill_scrub_walk *w, const struct drill_scrub_how *how,
                            struct drill_span in, struct drill_span *out);
void drill_scrub_walk_value(struct drill_scrub_walk *w, struct drill_value *value,
                            const struct drill_scrub_how *how);
/* The bytes of a value, each part once; empty: it is a pattern. */
struct drill_span drill_scrub_walk_bytes(struct drill_scrub_walk *w,
                                         const struct drill_value *value);
/* The copy of a file, which has no bytes of its own before drill_scrub_walk_files. NULL: failed. */
struct drill_scrub_file *drill_scrub_walk_file(struct drill_scrub_walk *w, struct drill_span name,
                                               bool message);
/* Whether this is the file of a message that a line above has named. */
bool drill_scrub_walk_is_mail(struct drill_scrub_walk *w, struct drill_span name);
/* `part` names a file, or a slice of one, that becomes `bytes`: as many, or none if it is a
 * message's. It names the copy then. */
void drill_scrub_walk_slice(struct drill_scrub_walk *w, struct drill_part *part,
                            struct drill_span bytes);
/* Everything has been named: replaces what is in the files. */
void drill_scrub_walk_files(struct drill_scrub_walk *w);
void drill_scrub_walk_block(struct drill_scrub_walk *w, struct drill_block *block);
void drill_scrub_walk_check(struct drill_scrub_walk *w, struct drill_check *check);

#endif
