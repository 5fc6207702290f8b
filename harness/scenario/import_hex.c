/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "scenario/import.h"

/* A repetition that dumps leave out ends with the frame that it is in (MDS_1M). */
enum { REPEATED_MAX = 1 << 20 };

struct dump {
    struct drill_buf *out;
    struct drill_hex_result *result;
    bool offsets;             /* a line began with one */
    bool repeats;             /* the line before was `*` */
    struct drill_span offset; /* digits of the last one; empty: none yet */
    size_t line_at;           /* in `out`: where the last line with an offset begins */
    uint32_t line;
    unsigned bases; /* in which its offsets may be: bits 1, 2, 4 for 16, 8, 10 */
};

static const unsigned base_of[3] = {16, 8, 10};

static const uint8_t *skip_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    return p;
}

static bool hex_value(uint8_t c, uint8_t *v)
{
    if (!isxdigit(c)) {
        return false;
    }
    *v = (uint8_t)(isdigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    return true;
}

static void odd(struct dump *d)
{
    d->result->odd_line = d->result->odd_line ? d->result->odd_line : d->line;
}

/* ---- offsets ---- */

/* What stands before the digits of a dump's line: an offset and a colon (xxd, tcpdump), or 6 to 8
 * digits and a blank (od, hexdump). The last line of those two is such an offset alone. */
static const uint8_t *digits_begin(struct dump *d, const uint8_t *p, const uint8_t *end,
                                   bool *colon, struct drill_span *offset)
{
    p = skip_blanks(p, end);
    const uint8_t *q = p;
    while (q < end && (isxdigit(*q) || *q == 'x')) {
        q++;
    }
    *offset = drill_span_of(p, (size_t)(q - p));
    *colon = q < end && *q == ':' && (q + 1 == end || q[1] == ' ' || q[1] == '\t');
    if (*colon) {
        return q + 1;
    }
    bool blank = q < end ? *q == ' ' : d->offsets;
    if (q - p < 6 || q - p > 8 || !blank) {
        offset->len = 0;
        return p;
    }
    return q;
}

static bool number(struct drill_span s, unsigned base, uint64_t *out)
{
    size_t at = s.len > 2 && s.ptr[1] == 'x' ? 2 : 0;
    *out = 0;
    for (; at < s.len; at++) {
        uint8_t v;
        if (!hex_value(s.ptr[at], &v) || v >= base || *out > UINT64_MAX / 32) {
            return false;
        }
        *out = *out * base + v;
    }
    return true;
}

/* How far it is between two offsets; false: not in this base, or backwards. */
static bool between(struct drill_span from, struct drill_span to, unsigned base, uint64_t *out)
{
    uint64_t a, b;
    bool ok = number(from, base, &a) && number(to, base, &b) && b >= a;
    *out = ok ? b - a : 0;
    return ok;
}

/* The line before again and again, up to the next offset. Its base is the one that all offsets so
 * far agree with; of several the one in which od(1) writes so many digits. */
static bool repeat(struct dump *d, struct drill_span offset)
{
    size_t size = d->out->len - d->line_at;
    uint64_t away = 0;
    for (size_t n = 0; n < 3 && !away; n++) {
        size_t i = offset.len == 7 ? (n + 1) % 3 : n;
        bool fits = (d->bases >> i & 1) && between(d->offset, offset, base_of[i], &away);
        away = fits && size && away > size && away % size == 0 && away <= REPEATED_MAX ? away : 0;
    }
    if (!away) {
        odd(d);
        return true;
    }
    if (!drill_buf_reserve(d->out, (size_t)away)) {
        return false;
    }
    struct drill_span line = drill_span_of(d->out->ptr + d->line_at, size);
    for (uint64_t done = size; done < away; done += size) {
        (void)drill_buf_append(d->out, line);
    }
    return true;
}

static bool take_offset(struct dump *d, struct drill_span offset)
{
    uint64_t away;
    if (!offset.len) {
        return true;
    }
    if (d->repeats && !repeat(d, offset)) {
        return false;
    }
    for (size_t i = 0; i < 3 && !d->repeats && d->offset.len; i++) {
        if (!between(d->offset, offset, base_of[i], &away) || away != d->out->len - d->line_at) {
            d->bases &= ~(1U << i);
        }
    }
    d->repeats = false;
    d->offsets = true;
    d->offset = offset;
    d->line_at = d->out->len;
    return true;
}

/* ---- digits ---- */

/* "0x0a, 0x0b", "\x0a\x0b", "0a:0b": what may stand between pairs. */
static size_t separator(const uint8_t *p, const uint8_t *end)
{
    if (*p == ':' || *p == ',') {
        return 1;
    }
    return end - p >= 2 && (*p == '0' || *p == '\\') && (p[1] == 'x' || p[1] == 'X') ? 2 : 0;
}

static bool take_digits(struct dump *d, const uint8_t *p, const uint8_t *end, bool colon)
{
    int blanks = 0;
    bool any = false;
    for (p = skip_blanks(p, end); p < end;) {
        uint8_t high, low;
        size_t skip = *p == ' ' ? 1 : separator(p, end);
        blanks += *p == ' ';
        /* Two blanks end xxd's digits, and od's before `>`; hexdump -C has two in its middle and
         * `|` behind. */
        if (*p == '|' || *p == '>' || blanks > 2 ||
            (blanks == 2 && *p != ' ' && (colon || !memchr(p, '|', (size_t)(end - p))))) {
            return true;
        }
        if (skip) {
            p += skip;
            continue;
        }
        if (end - p < 2 || !hex_value(p[0], &high) || !hex_value(p[1], &low)) {
            if (any) {
                odd(d);
            }
            return true;
        }
        uint8_t byte = (uint8_t)(high << 4 | low);
        if (!drill_buf_append(d->out, drill_span_of(&byte, 1))) {
            return false;
        }
        any = true;
        blanks = 0;
        p += 2;
    }
    return true;
}

static bool take_line(struct dump *d, const uint8_t *p, const uint8_t *end)
{
    bool colon;
    struct drill_span offset;
    while (end > p && (end[-1] == '\r' || end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    if (end - p == 1 && *p == '*') {
        d->repeats = d->offset.len > 0;
        if (!d->repeats && d->out->len) {
            odd(d); /* nothing says how often */
        }
        return true;
    }
    p = digits_begin(d, p, end, &colon, &offset);
    return take_offset(d, offset) && take_digits(d, p, end, colon);
}

bool drill_import_hex(struct drill_span text, struct drill_buf *out,
                      struct drill_hex_result *result)
{
    const uint8_t *p = text.ptr, *end = text.len ? text.ptr + text.len : text.ptr;
    struct dump d = {.out = out, .result = result, .bases = 7};
    memset(result, 0, sizeof(*result));
    while (p < end) {
        const uint8_t *eol = memchr(p, '\n', (size_t)(end - p));
        d.line++;
        if (!take_line(&d, p, eol ? eol : end)) {
            return false;
        }
        p = eol ? eol + 1 : end;
    }
    if (d.repeats) {
        odd(&d);
    }
    return true;
}
