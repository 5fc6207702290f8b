/* SPDX-License-Identifier: MIT */
/*
 * Annotations of GitHub Actions: what failed, shown at its line of the scenario.
 *
 *     ::error file=reset/x.drill,line=7,title=milterdrill%3A reset/x.drill (mta)::the milter went
 * on
 */
#ifndef DRILL_REPORT_GITHUB_H
#define DRILL_REPORT_GITHUB_H

#include "report/result.h"

enum { DRILL_GITHUB_MOST = 10 }; /* GitHub shows no more of a step */

/* One line for each of the first DRILL_GITHUB_MOST rows that failed or could not be played, and for
 * a list that was stopped. Appends; false when memory was refused, the text is then cut. */
bool drill_github_write(struct drill_buf *out, const struct drill_result_list *list);

#endif
