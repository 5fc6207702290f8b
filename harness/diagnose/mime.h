/* SPDX-License-Identifier: MIT */
/*
 * Where a body can be cut: at its lines, and at the parts of its MIME structure (as GMime reads
 * it). Units cover the body without a gap, in order.
 */
#ifndef DRILL_DIAGNOSE_MIME_H
#define DRILL_DIAGNOSE_MIME_H

#include "session/mail.h"

struct drill_mime_unit {
    size_t at, size;
};

/* Each line with its end. NULL: no memory. */
struct drill_mime_unit *drill_mime_lines(struct drill_span body, struct drill_arena *arena,
                                         size_t *count);
/* What stands before the first part, and each part with the boundary line above it; the last unit
 * holds the closing boundary. *count is 0 or 1 when it is not multipart. NULL with a *count over 1:
 * no memory. */
struct drill_mime_unit *drill_mime_parts(const struct drill_mail_header *const *header,
                                         size_t headers, struct drill_span body,
                                         struct drill_arena *arena, size_t *count);

#endif
