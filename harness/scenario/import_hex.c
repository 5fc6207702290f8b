/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "scenario/import.h"

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    return p;
}

/* What stands before the digits of a dump's line: an offset and a colon (xxd, tcpdump), or 6 to 8
 * digits and a blank (od, hexdump). The last line of those two is such an offset alone. */
static const uint8_t *digits_begin(const uint8_t *p, const uint8_t *end, bool *offsets, bool *colon)
{
    p = skip_blanks(p, end);
    const uint8_t *q = p;
    while (q < end && (isxdigit(*q) || *q == 'x')) {
        q++;
    }
    *colon = q < end && *q == ':';
    if (*colon) {
        return q + 1;
    }
    bool blank = q < end ? *q == ' ' : *offsets;
    bool offset = q - p >= 6 && q - p <= 8 && blank;
    *offsets = *offsets || offset;
    return offset ? q : p;
}

static bool hex_value(uint8_t c, uint8_t *v)
{
    if (!isxdigit(c)) {
        return false;
    }
    *v = (uint8_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    return true;
}

static bool hex_line(const uint8_t *p, const uint8_t *end, bool *offsets, struct drill_buf *out)
{
    bool colon;
    p = skip_blanks(digits_begin(p, end, offsets, &colon), end);
    int blanks = 0;
    while (p + 1 < end) {
        uint8_t high, low;
        if (*p == ' ' && ++blanks < 3) {
            p++;
            continue;
        }
        /* Two blanks end xxd's digits, and od's before `>`; hexdump -C has two in its middle and
         * `|` behind. */
        if (*p == '|' || !hex_value(p[0], &high) || !hex_value(p[1], &low)) {
            break;
        }
        if (blanks == 2 && (colon || !memchr(p, '|', (size_t)(end - p)))) {
            break;
        }
        uint8_t byte = (uint8_t)(high << 4 | low);
        if (!drill_buf_append(out, drill_span_of(&byte, 1))) {
            return false;
        }
        blanks = 0;
        p += 2;
    }
    return true;
}

bool drill_import_hex(struct drill_span text, struct drill_buf *out)
{
    const uint8_t *p = text.ptr, *end = text.len ? text.ptr + text.len : text.ptr;
    bool offsets = false;
    while (p < end) {
        const uint8_t *eol = memchr(p, '\n', (size_t)(end - p));
        if (!hex_line(p, eol ? eol : end, &offsets, out)) {
            return false;
        }
        p = eol ? eol + 1 : end;
    }
    return true;
}
