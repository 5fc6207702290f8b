/* SPDX-License-Identifier: MIT */
/*
 * What a diagnosis of a milter (verdict.h) and one of an MTA (blame.h) have in common: members of
 * the JSON object, and the lines of other programs' files.
 */
#ifndef DRILL_REPORT_PARTS_H
#define DRILL_REPORT_PARTS_H

#include <jansson.h>

#include "diagnose/cause.h"

/* A line that a --log file got in the failing seconds, or that a --conf file says. */
struct drill_verdict_note {
    const char *file;
    uint32_t line; /* 0: unknown */
    struct drill_span text;
    const char *meaning; /* CONF: how it compares; or NULL */
    struct drill_verdict_note *next;
};

/* NULL and "" are null. */
void drill_parts_text(json_t *o, const char *key, const char *text);
void drill_parts_number(json_t *o, const char *key, uint64_t n);
void drill_parts_flag(json_t *o, const char *key, bool flag);
/* Bytes in scenario notation, without quotes: valid UTF-8 whatever they are. ptr NULL: null. */
json_t *drill_parts_notation(struct drill_span bytes);
/* A text of somebody else's: as it is, or, when it is no UTF-8, in notation. */
json_t *drill_parts_foreign(struct drill_span text);
/* "reproduced" */
const char *drill_parts_outcome(enum drill_outcome_kind kind);
/* `causes` and `advice`, of the cause or empty. */
void drill_parts_cause(json_t *root, const struct drill_cause *cause);
json_t *drill_parts_notes(const struct drill_verdict_note *note);
/* The object, indented, and freed. */
void drill_parts_end(struct drill_buf *out, json_t *root);

/* For a person: "\nTITLE\n" and a line each; nothing when there is none. */
void drill_parts_say_notes(struct drill_buf *out, const char *title,
                           const struct drill_verdict_note *note);

#endif
