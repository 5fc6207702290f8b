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

enum {
    DRILL_GITHUB_MOST = 10,  /* GitHub shows no more of a step */
    DRILL_GITHUB_ROWS = 100, /* of a summary, which may have 1 MiB in all: */
    DRILL_GITHUB_CELL = 300, /* bytes of one text of it, before they are made safe */
};

/* One line for each of the first DRILL_GITHUB_MOST rows that failed or could not be played, and for
 * a list that was stopped. Appends; false when memory was refused, the text is then cut. */
bool drill_github_write(struct drill_buf *out, const struct drill_result_list *list);
/* The step's summary, in Markdown: the numbers, and a table of what failed. */
bool drill_github_summary(struct drill_buf *out, const char *title,
                          const struct drill_result_list *list);

#endif
