/* SPDX-License-Identifier: MIT */
/* Byte comparisons that show both sides as a hex dump when they differ. */
#ifndef DRILL_TESTS_HELPER_BYTES_H
#define DRILL_TESTS_HELPER_BYTES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

/* A span of a string literal, inner NULs included. */
#define BYTES(literal) drill_span_of("" literal, sizeof(literal) - 1)

/* Offset, hex, text; sixteen bytes a line, to the test's error output. */
void helper_dump(const char *title, struct drill_span s);
/* Fails with both dumps and the first difference. `what` names the case. */
void helper_assert_bytes(struct drill_span got, struct drill_span want, const char *what);

/* A copy with nothing behind it, so that a sanitizer sees each byte read too far. */
struct drill_span helper_exact(struct drill_span s);
void helper_exact_free(struct drill_span s);

#endif
