/* SPDX-License-Identifier: MIT */
/*
 * AST -> canonical text. parse(print(x)) gives x, and print(parse(print(x))) the same bytes.
 * Comments and single blank lines are kept. Values print as they were written (0x42 stays 0x42).
 */
#ifndef DRILL_SCENARIO_PRINT_H
#define DRILL_SCENARIO_PRINT_H

#include "scenario/ast.h"

void drill_print(const struct drill_file *file, struct drill_writer *w);
/* One line without a newline: "> header name=\"To\"", "...", "< accept | continue". */
void drill_print_step(const struct drill_step *step, struct drill_writer *w);
/* "header name=\"To\"": one alternative, without the direction. */
void drill_print_item(const struct drill_item *item, struct drill_writer *w);
void drill_print_value(const struct drill_value *value, struct drill_writer *w);
/* "..." with escapes; prose (title, why) keeps letters that are not ASCII. */
void drill_print_string(struct drill_span bytes, struct drill_writer *w);
void drill_print_prose(struct drill_span text, struct drill_writer *w);
void drill_print_check(const struct drill_check *check, struct drill_writer *w);

#endif
