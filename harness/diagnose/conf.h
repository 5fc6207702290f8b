/* SPDX-License-Identifier: MIT */
/*
 * Limits out of other programs' configuration files (clamd.conf, clamav-milter.conf, main.cf,
 * Stalwart's MtaMilter JSON), compared with what was measured. Reads bytes; knows the keys of
 * conf.def and passes over all else.
 */
#ifndef DRILL_DIAGNOSE_CONF_H
#define DRILL_DIAGNOSE_CONF_H

#include "diagnose/diagnose.h"

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

/* What the limit means for this message and this diagnosis, one sentence. */
void drill_conf_compare(const struct drill_conf_limit *limit, const struct drill_subject *subject,
                        const struct drill_diagnosis *d, char *out, size_t cap);

#endif
