/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_value(uint8_t c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool drill_text_scan_name(struct drill_span *in, struct drill_span *name)
{
    if (in->len == 0 || !is_name_start(in->ptr[0])) {
        return false;
    }
    size_t n = 1;
    while (n < in->len &&
           (is_name_start(in->ptr[n]) || is_digit(in->ptr[n]) || in->ptr[n] == '-')) {
        n++;
    }
    *name = drill_span_sub(*in, 0, n);
    *in = drill_span_sub(*in, n, in->len);
    return true;
}

static bool begins(struct drill_span s, const char *text)
{
    struct drill_span want = drill_span_str(text);
    return drill_span_equal(drill_span_sub(s, 0, want.len), want);
}

/* Digits of `base` from *at on; false when there are none or they do not fit. */
static bool scan_digits(struct drill_span s, size_t *at, unsigned base, uint64_t *value)
{
    size_t first = *at;
    *value = 0;
    for (; *at < s.len; (*at)++) {
        int digit = hex_value(s.ptr[*at]);
        if (digit < 0 || (unsigned)digit >= base) {
            break;
        }
        if (*value > (UINT64_MAX - (unsigned)digit) / base) {
            return false;
        }
        *value = *value * base + (unsigned)digit;
    }
    return *at > first;
}

bool drill_text_scan_int(struct drill_span *in, uint64_t *value)
{
    uint64_t v;
    bool hex = begins(*in, "0x");
    size_t at = hex ? 2 : 0;
    unsigned shift = 0;
    if (!scan_digits(*in, &at, hex ? 16 : 10, &v)) {
        return false;
    }
    struct drill_span rest = drill_span_sub(*in, at, in->len);
    if (begins(rest, "KiB")) {
        shift = 10;
    } else if (begins(rest, "MiB")) {
        shift = 20;
    }
    rest = drill_span_sub(rest, shift ? 3 : 0, rest.len);
    if (rest.len && (is_name_start(rest.ptr[0]) || is_digit(rest.ptr[0]))) {
        return false;
    }
    if (v > UINT64_MAX >> shift) {
        return false;
    }
    *value = v << shift;
    *in = rest;
    return true;
}

/* One escape, behind its backslash. Returns the bytes taken, 0 when it is none. */
static size_t scan_escape(struct drill_span s, uint8_t *out)
{
    if (s.len == 0) {
        return 0;
    }
    switch (s.ptr[0]) {
    case '\\':
    case '"': *out = s.ptr[0]; return 1;
    case 'n': *out = '\n'; return 1;
    case 'r': *out = '\r'; return 1;
    case 't': *out = '\t'; return 1;
    case '0': *out = '\0'; return 1;
    case 'x': {
        int high = s.len > 2 ? hex_value(s.ptr[1]) : -1;
        int low = s.len > 2 ? hex_value(s.ptr[2]) : -1;
        if (high < 0 || low < 0) {
            return 0;
        }
        *out = (uint8_t)(high << 4 | low);
        return 3;
    }
    default: return 0;
    }
}

/* Index of the quote that ends the string which starts at s[0]; s.len when there is none. */
static size_t string_end(struct drill_span s)
{
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '"' && s.ptr[i] != '\n') {
        i += s.ptr[i] == '\\' ? 2 : 1;
    }
    return i < s.len && s.ptr[i] == '"' ? i : s.len;
}

enum drill_code drill_text_scan_string(struct drill_span *in, struct drill_arena *arena,
                                       struct drill_span *out, struct drill_error *err)
{
    if (in->len == 0 || in->ptr[0] != '"') {
        return drill_error_set(err, DRILL_ERR_SYNTAX, "expected a string");
    }
    size_t end = string_end(*in);
    if (end == in->len) {
        return drill_error_set(err, DRILL_ERR_SYNTAX,
                               "this string has no closing quote on its line");
    }
    uint8_t *bytes = (uint8_t *)drill_arena_take(arena, end);
    if (!bytes) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "out of memory for a string");
    }
    size_t len = 0;
    for (size_t i = 1; i < end; i++) {
        bytes[len] = in->ptr[i];
        if (in->ptr[i] == '\\') {
            size_t n = scan_escape(drill_span_sub(*in, i + 1, end - i - 1), &bytes[len]);
            if (n == 0) {
                *in = drill_span_sub(*in, i, in->len);
                return drill_error_set(err, DRILL_ERR_SYNTAX,
                                       "unknown escape; there are \\\\ \\\" \\n \\r \\t \\0 \\xHH");
            }
            i += n;
        }
        len++;
    }
    *out = drill_span_of(bytes, len);
    *in = drill_span_sub(*in, end + 1, in->len);
    return DRILL_OK;
}

enum drill_code drill_text_unhex(struct drill_span digits, struct drill_arena *arena,
                                 struct drill_span *out, struct drill_error *err)
{
    uint8_t *bytes = (uint8_t *)drill_arena_take(arena, digits.len / 2 + 1);
    if (!bytes) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "out of memory for hex digits");
    }
    size_t len = 0;
    for (size_t i = 0; i < digits.len;) {
        uint8_t c = digits.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            i++;
            continue;
        }
        int high = hex_value(c);
        int low = i + 1 < digits.len ? hex_value(digits.ptr[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return drill_error_set(err, DRILL_ERR_SYNTAX,
                                   "hex digits come in pairs, with blanks only between pairs: "
                                   "digit %lu of \"%.*s\"",
                                   (unsigned long)i + 1, (int)(digits.len < 60 ? digits.len : 60),
                                   (const char *)digits.ptr);
        }
        bytes[len++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *out = drill_span_of(bytes, len);
    return DRILL_OK;
}
