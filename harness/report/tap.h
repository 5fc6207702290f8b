/* SPDX-License-Identifier: MIT */
/*
 * TAP, version 14 (testanything.org): plan first, a YAML block below what is not ok.
 *
 *     TAP version 14
 *     1..2
 *     ok 1 - reset/nobody-listens.drill (mta) # SKIP it asks the MTA
 *     not ok 2 - oversized/header-over-64k.drill (mta)
 *       ---
 *       message: "the milter went on"
 *       severity: fail
 *       expected: "< reset"
 *       actual: "< continue"
 *       ...
 *
 * A list that was stopped, or a peer that was never there, ends with "Bail out!".
 */
#ifndef DRILL_REPORT_TAP_H
#define DRILL_REPORT_TAP_H

#include "report/result.h"

enum { DRILL_TAP_VERSION = 14 };

/* `version`: what the first line says, 14 or 13; the rest can be read as either. (prove before
 * Test::Harness 3.48 refuses a 14.) Appends; false when memory was refused, the text is then cut.
 */
bool drill_tap_write(struct drill_buf *out, const struct drill_result_list *list, unsigned version);

#endif
