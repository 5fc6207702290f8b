/* SPDX-License-Identifier: MIT */
#include "helper_bytes.h"

#include <stdlib.h>
#include <string.h>

enum { ROW = 16, SHOWN = 512 };

static void dump_row(struct drill_span row, size_t at)
{
    char hex[3 * ROW + 1] = "";
    char text[ROW + 1] = "";
    for (size_t i = 0; i < row.len; i++) {
        static const char digits[] = "0123456789abcdef";
        uint8_t c = row.ptr[i];
        hex[3 * i] = digits[c >> 4];
        hex[3 * i + 1] = digits[c & 15];
        hex[3 * i + 2] = ' ';
        text[i] = c >= 0x20 && c < 0x7f ? (char)c : '.';
    }
    print_error("  %06lx  %-48s %s\n", (unsigned long)at, hex, text);
}

void helper_dump(const char *title, struct drill_span s)
{
    print_error("%s, %lu bytes:\n", title, (unsigned long)s.len);
    for (size_t at = 0; at < s.len && at < SHOWN; at += ROW) {
        dump_row(drill_span_sub(s, at, ROW), at);
    }
    if (s.len > SHOWN) {
        print_error("  ...\n");
    }
}

void helper_assert_bytes(struct drill_span got, struct drill_span want, const char *what)
{
    size_t at = 0;
    if (drill_span_equal(got, want)) {
        return;
    }
    while (at < got.len && at < want.len && got.ptr[at] == want.ptr[at]) {
        at++;
    }
    helper_dump("got", got);
    helper_dump("want", want);
    fail_msg("%s: first difference at byte %lu", what, (unsigned long)at);
}

struct drill_span helper_exact(struct drill_span s)
{
    uint8_t *p = malloc(s.len ? s.len : 1);
    assert_non_null(p);
    if (s.len) {
        memcpy(p, s.ptr, s.len);
    }
    return drill_span_of(p, s.len);
}

void helper_exact_free(struct drill_span s)
{
    free((void *)(uintptr_t)s.ptr);
}
