/* SPDX-License-Identifier: MIT */
/*
 * What people read. Everything is appended to a buffer; the command line writes it out.
 * Append functions ignore a refused allocation: the text is then cut.
 */
#ifndef DRILL_REPORT_SHOW_H
#define DRILL_REPORT_SHOW_H

#include "scenario/run.h"

struct drill_show_style {
    bool colour;
    bool verbose; /* also the bytes of every frame */
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void drill_show_add(struct drill_buf *out, const char *fmt, ...);

/* One line (and with `verbose` a hex dump) for one thing that happened; `begin` is time zero. */
void drill_show_seen(struct drill_buf *out, const struct drill_show_style *style,
                     const struct drill_seen *seen, uint64_t begin);
/* A failure in full, after its "FILE:LINE: FAIL what" line. `repeat` may be NULL. */
void drill_show_failure(struct drill_buf *out, const char *file, const struct drill_report *report,
                        const struct drill_file *ast, const char *repeat);
/* "reset by the milter (ECONNRESET)". */
const char *drill_show_end(enum drill_end how);
/* Hex and text, 16 bytes a line, at most `most` bytes. */
void drill_show_hex(struct drill_buf *out, struct drill_span bytes, size_t most,
                    const char *indent);
/* "pass", "fail" ... */
const char *drill_show_result(enum drill_result result);

#endif
