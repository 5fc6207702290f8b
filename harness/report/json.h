/* SPDX-License-Identifier: MIT */
/*
 * What programs read: one JSON object a line, each with "schema": 1 and an "event". Fields are
 * described in milterdrill(1), JSON LINES. Bytes are shown in scenario notation, so every line is
 * valid UTF-8 whatever came.
 */
#ifndef DRILL_REPORT_JSON_H
#define DRILL_REPORT_JSON_H

#include "report/explain.h"
#include "scenario/run.h"
#include "session/apply.h"
#include "session/judge.h"
#include "session/smtp.h"

/* event "frame", "raw", "open", "end", "quiet" */
void drill_json_seen(struct drill_buf *out, const struct drill_seen *seen, uint64_t begin);

/* event "smtp": one reply that the client of --smtp was told, or that there was none */
void drill_json_smtp(struct drill_buf *out, const struct drill_smtp_reply *reply, uint64_t begin);

struct drill_json_result {
    const char *scenario;
    const char *mode; /* "mta", "milter", "sim-mta", "sim-milter" */
    const struct drill_report *report;
    const char *reason;   /* of a skip or error; or NULL */
    uint64_t elapsed;     /* microseconds */
    uint64_t repeats;     /* plays that were made */
    const char *quirk;    /* what the judge has against it, though it passes; NULL: nothing */
    const char *expected; /* why this failure is expected; NULL: it is not */
    /* How often each rule was broken, by whichever side: DRILL_RULES numbers; NULL: unknown. */
    const uint32_t *broken;
};

/* event "result" */
void drill_json_result(struct drill_buf *out, const struct drill_json_result *result);

struct drill_json_count {
    unsigned pass, fail, skip, error, unreachable;
    const uint64_t *seed; /* of what was chosen by one, to be chosen again; NULL: nothing was */
};

/* event "summary" */
void drill_json_summary(struct drill_buf *out, const struct drill_json_count *count);

struct drill_json_outcome {
    const char *outcome; /* accept reject tempfail drop failed unreachable */
    const char *smtp;    /* what the SMTP client is told, or "" */
    const char *log;     /* what the MTA would have logged, or "" */
    const char *what;    /* drill_explain_what */
    const char *limit;   /* drill_explain_limit */
    const struct drill_explain *explain;
    const struct drill_mod *mods;
    const struct drill_applied *delivered; /* NULL: unknown */
    const char *diff;                      /* drill_diff_delivered, or NULL */
    uint64_t elapsed;
};

/* event "outcome" */
void drill_json_outcome(struct drill_buf *out, const struct drill_json_outcome *outcome);

#endif
