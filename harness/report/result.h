/* SPDX-License-Identifier: MIT */
/*
 * The results of a run, kept for the formats that cannot be written before all are known (TAP's
 * plan comes first, JUnit counts in its first line), and what these formats share: an output that
 * remembers a refused allocation, and text made safe.
 *
 *     struct drill_result_list list;
 *     drill_result_init(&list, &arena);
 *     drill_result_add(&list, &row);                    copies all that the row points to
 *     if (!drill_tap_write(&buf, &list, 14)) ...        no memory: buf holds only a part
 */
#ifndef DRILL_REPORT_RESULT_H
#define DRILL_REPORT_RESULT_H

#include "report/json.h"
#include "scenario/run.h"

/* One scenario in one mode. NULL texts are taken for "". */
struct drill_result_row {
    const char *scenario; /* its path as it was given */
    const char *mode;     /* "mta", "sim-milter" ...; "" when it did not come to one */
    enum drill_result result;
    uint32_t line; /* where it failed; 0: unknown */
    const struct drill_report
        *report;        /* FAIL, UNREACHABLE: all that is known; else it may be NULL */
    const char *reason; /* one sentence: of a skip, an error, a failure */
    const char *why;    /* the scenario's own `why` */
    const char *repeat; /* the command that plays it again */
    uint64_t elapsed;   /* microseconds, virtual ones in a simulation */
    struct drill_result_row *next;
};

struct drill_result_list {
    struct drill_arena *arena;
    struct drill_result_row *first, **end; /* in playing order */
    struct drill_json_count count;
    const char *stopped; /* why the run ended before all was played; NULL: it did not */
};

void drill_result_init(struct drill_result_list *list, struct drill_arena *arena);
/* When memory is refused the list is `stopped`: no format may show a part as the whole. */
void drill_result_add(struct drill_result_list *list, const struct drill_result_row *row);
/* The first reason stays. */
void drill_result_stop(struct drill_result_list *list, const char *why);
void drill_result_count(struct drill_json_count *count, enum drill_result result);
unsigned drill_result_total(const struct drill_result_list *list);
/* True when something was to be reached, and nothing ever was. */
bool drill_result_nobody(const struct drill_result_list *list);

/* ---- output ---- */

struct drill_result_out {
    struct drill_buf *buf;
    bool failed; /* an allocation was refused; nothing is added any more */
};

void drill_result_put(struct drill_result_out *out, const char *text);
void drill_result_put_span(struct drill_result_out *out, struct drill_span text);
void drill_result_put_number(struct drill_result_out *out, uint64_t number);

/* How a format writes text that may hold anything. Bytes that are no UTF-8, control characters and
 * what no format can carry become `byte` and two hex digits, as notation shows them. */
struct drill_result_escape {
    const char *byte; /* "\\x" */
    /* What stands for this character, or NULL; asked first, so it may let control characters be. */
    const char *(*special)(uint32_t rune);
};

void drill_result_put_text(struct drill_result_out *out, const struct drill_result_escape *how,
                           struct drill_span text);
/* "RST, Connection reset by peer (os error 104), 70021 bytes in flight"; "" when nothing ended. */
void drill_result_ending(const struct drill_report *report, char *buf, size_t cap);

#endif
