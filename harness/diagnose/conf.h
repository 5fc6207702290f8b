/* SPDX-License-Identifier: MIT */
/*
 * Limits out of other programs' configuration files (clamd.conf, clamav-milter.conf, main.cf,
 * Stalwart's MtaMilter JSON), compared with what was measured. Reads bytes; knows the keys of
 * conf.def and passes over all else.
 */
#ifndef DRILL_DIAGNOSE_CONF_H
#define DRILL_DIAGNOSE_CONF_H

#include "diagnose/blame.h"

enum drill_conf_unit { DRILL_CONF_BYTES, DRILL_CONF_SECONDS, DRILL_CONF_MILLISECONDS };
enum drill_conf_of {
    DRILL_CONF_MESSAGE,
    DRILL_CONF_HEADER,
    DRILL_CONF_REPLY,
    DRILL_CONF_TIME,
    DRILL_CONF_NOTHING
};

struct drill_conf_limit {
    const char *key;
    const char *sentence;
    enum drill_conf_of of;
    uint32_t line;          /* from 1 */
    struct drill_span text; /* "StreamMaxLength 25M", as it stands there */
    bool has_value;
    uint64_t value; /* bytes, or microseconds */
    struct drill_conf_limit *next;
};

/* All known keys of a file, in its order, at the end of *list. A line that is not understood is
 * passed over: the file is its program's. DRILL_ERR_SYNTAX: JSON that is none, with its line.
 * DRILL_ERR_MEMORY. */
enum drill_code drill_conf_read(struct drill_span source, const char *name,
                                struct drill_arena *arena, struct drill_conf_limit **list,
                                struct drill_error *err);

/* What a limit is held against, each by what it limits (NOTHING: not used): the largest that was
 * met, and the numbers that were measured, if they were. */
struct drill_conf_met {
    uint64_t most[DRILL_CONF_NOTHING];
    bool measured[DRILL_CONF_NOTHING];
    uint64_t largest_pass[DRILL_CONF_NOTHING], smallest_fail[DRILL_CONF_NOTHING];
};

/* Of this message and its diagnosis. */
void drill_conf_met(const struct drill_subject *subject, const struct drill_diagnosis *d,
                    struct drill_conf_met *out);
/* Of this message and what a milter of an MTA said. */
void drill_conf_met_by_mta(const struct drill_subject *subject, const struct drill_blame *found,
                           struct drill_conf_met *out);
/* What the limit means for that, one sentence. */
void drill_conf_compare(const struct drill_conf_limit *limit, const struct drill_conf_met *met,
                        char *out, size_t cap);

#endif
