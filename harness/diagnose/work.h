/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/diagnose: what the steps of a diagnosis share. Each step looks at `now`, the
 * smallest subject so far that is known to fail alike, and may replace it with a smaller one.
 */
#ifndef DRILL_DIAGNOSE_WORK_H
#define DRILL_DIAGNOSE_WORK_H

#include "diagnose/diagnose.h"
#include "diagnose/reduce.h"

struct drill_work {
    const struct drill_question *q;
    struct drill_diagnosis *out;
    struct drill_arena *arena;
    struct drill_lab lab;
    struct drill_subject now;
    struct drill_watch first; /* of the first failing session */
    struct drill_watch *room; /* DRILL_LAB_BATCH of them, for sessions side by side */
    struct drill_trigger **trigger_end;
    struct drill_suspect **suspect_end;
    size_t wide;                /* sessions side by side */
    struct drill_trigger *size; /* that of the body's size, until it is measured */
    uint64_t size_pass;         /* ... of which so much passes */
    const struct drill_mail_header *content_type; /* the MIME parts that count are told by it */
    bool wavers; /* one experiment, two answers: it is not deterministic */
    bool no_memory;
};

/* ---- results ---- */

/* NULL: no memory (noted). `stage` is that of the failure. */
struct drill_trigger *drill_work_trigger(struct drill_work *w, enum drill_trigger_kind kind);
/* Takes back what another trigger was found to explain. */
void drill_work_withdraw(struct drill_work *w, const struct drill_trigger *t);
/* `experiment` is printf text: what was done and what came of it. */
void drill_work_suspect(struct drill_work *w, const char *suspect, bool ruled_out,
                        uint32_t sessions, const char *experiment);

/* ---- asking ---- */

/* `s` is tried; when it fails alike it becomes `now`. */
enum drill_answer drill_work_adopt(struct drill_work *w, const struct drill_subject *s,
                                   const char *what);
/* A change of memory that failed: noted, and true. */
bool drill_work_refused(struct drill_work *w, bool changed);

/* A subject made for each number of a bisection. */
struct drill_scale {
    struct drill_work *w;
    const char *what;
    bool (*make)(struct drill_scale *scale, uint64_t n, struct drill_subject *s);
    size_t index; /* the maker's own */
    struct drill_span text;
    bool trial; /* what is made lasts for one experiment only; else it stays */
};
/* Where a maker takes memory. */
struct drill_arena *drill_work_arena(const struct drill_scale *scale);
/* Narrows pass..fail; the trigger's numbers are then measured. */
void drill_work_measure(struct drill_scale *scale, uint64_t pass, uint64_t fail,
                        struct drill_trigger *t);
/* The same with `near` left between them: for what will be measured later. */
bool drill_work_narrow(struct drill_scale *scale, uint64_t *pass, uint64_t *fail, uint64_t near);
/* `n` of it in place of what is there: adopted if that fails alike, while `few` of it does not
 * (else it is not the number that counts). */
bool drill_work_scales(struct drill_scale *scale, uint64_t few, uint64_t n, const char *what);

/* The piece of `text` that is needed: tried by `make` with scale->text set to pieces of it. Empty
 * when the whole of it is needed or nothing could be found. */
struct drill_span drill_work_piece(struct drill_scale *scale, struct drill_span text);

/* Pieces of one text that are needed together, with what is between them left out. */
enum { DRILL_WORK_PIECES = 4 };
struct drill_pieces {
    struct drill_span text; /* they stand in it one behind the other */
    size_t end[DRILL_WORK_PIECES], count;
};
/* Of a text that fails, from which neither end can be taken. */
void drill_work_split(struct drill_scale *scale, struct drill_span text, struct drill_pieces *out);
struct drill_span drill_work_nth(const struct drill_pieces *pieces, size_t i);

/* ---- steps ---- */

void drill_vary_session(struct drill_work *w); /* vary.c: version, bits, macros, client ... */
void drill_vary_missing(struct drill_work *w); /* ... what is not there, and may be needed */
void drill_examine_envelope(struct drill_work *w);
void drill_examine_headers(struct drill_work *w);
void drill_examine_body(struct drill_work *w);
void drill_body_too_short(struct drill_work *w); /* a longer one may pass */
void drill_measure_body(struct drill_work *w);   /* last: other steps can move the threshold */

#endif
