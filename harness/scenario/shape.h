/* SPDX-License-Identifier: MIT */
/*
 * Two values "of one shape": what a program writes at the same place in two runs, where ids, dates,
 * hosts and numbers differ by nature, and words do not. Linear in the bytes; takes no memory.
 *
 * Both values are read as tokens, which must agree one by one:
 *
 *   blank    a run of blanks, tabs, CR and LF             any blank
 *   address  hex digits, `:` and `.` with two colons or   any address, host or number
 *            more (IPv6, a leading `IPv6:` dropped)
 *   number   digits with `.` `:` `+` `-` between them:    any number, id, address or host
 *            5, 3.7, -0500, 12:19:08, 192.0.2.1
 *   host     a word with a dot inside; also `localhost`   any host, address or number
 *            and `unknown`                              (behind at, by, from: a plain word too)
 *   id       a word with a digit and no dot, trailing     any id or number
 *            `=` of base64 included; or ten letters and
 *            more whose case goes up twice within
 *   date     a day, month or time zone: Mon, Nov, UTC     any date
 *   opaque   what stands behind `b=` or `bh=` at the      any opaque
 *            front of a `;` part, up to the next `;`
 *   word     letters and bytes over 127                   the same bytes
 *   mark     any other byte                               the same byte
 *
 * Within a word `+` `-` `/` join what stands on both sides, `_` does not (BAYES_00 is word, mark,
 * number). Lengths are not compared.
 */
#ifndef DRILL_SCENARIO_SHAPE_H
#define DRILL_SCENARIO_SHAPE_H

#include "base/bytes.h"

bool drill_shape_same(struct drill_span a, struct drill_span b);
/* The text of an SMTP reply: of each line the code, what stands behind it and the enhanced status
 * code (5.7.1) must be the same, the rest of one shape. */
bool drill_shape_reply(struct drill_span a, struct drill_span b);

#endif
