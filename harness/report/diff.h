/* SPDX-License-Identifier: MIT */
/*
 * What changed between two texts, line by line, in the manner of `diff -u`: "- " for a line that
 * went, "+ " for one that came, "  " for up to three that stayed on either side.
 *
 *     @@ message -1,3 +1,4 @@
 *     + X-Spam: no
 *       From: <alice@example.org>
 *
 * Lines end in CRLF; another end is shown ("\n" behind the line, or that there is none). Bytes that
 * a terminal should not get are shown as \xNN; long lines are cut, with their size.
 */
#ifndef DRILL_REPORT_DIFF_H
#define DRILL_REPORT_DIFF_H

#include "session/apply.h"

struct drill_diff_style {
    bool colour;
    size_t most; /* lines of output, 0: DRILL_DIFF_LINES; what is left out is counted */
};

enum { DRILL_DIFF_LINES = 200 };

/* Appends the hunks, each headed by `title`; nothing when the texts are equal. Texts that differ in
 * more than some 1000 places are shown as removed and added in one piece. `scratch` is used up, and
 * may be reset afterwards. False: no memory (what was appended is not complete). */
bool drill_diff_text(struct drill_buf *out, const struct drill_diff_style *style, const char *title,
                     struct drill_span before, struct drill_span after,
                     struct drill_arena *scratch);
/* Envelope and message as they were sent, and as they leave the MTA; one line when nothing changed,
 * or nothing is delivered. */
bool drill_diff_delivered(struct drill_buf *out, const struct drill_diff_style *style,
                          const struct drill_envelope *sent, const struct drill_applied *delivered,
                          struct drill_arena *scratch);

#endif
