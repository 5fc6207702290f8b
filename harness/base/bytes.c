/* SPDX-License-Identifier: MIT */
#include "base/bytes.h"

#include <string.h>

struct drill_span drill_span_str(const char *text)
{
    return drill_span_of(text, text ? strlen(text) : 0);
}

bool drill_span_equal(struct drill_span a, struct drill_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool drill_span_equal_nocase(struct drill_span a, struct drill_span b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

struct drill_span drill_span_sub(struct drill_span s, size_t at, size_t len)
{
    if (at > s.len) {
        at = s.len;
    }
    if (len > s.len - at) {
        len = s.len - at;
    }
    return drill_span_of(s.ptr ? s.ptr + at : NULL, len);
}

size_t drill_span_find(struct drill_span s, uint8_t byte)
{
    const uint8_t *hit = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

bool drill_read_u8(struct drill_reader *r, uint8_t *out)
{
    if (drill_reader_left(r) < 1) {
        return false;
    }
    *out = *r->cur++;
    return true;
}

bool drill_read_be16(struct drill_reader *r, uint16_t *out)
{
    if (drill_reader_left(r) < 2) {
        return false;
    }
    *out = (uint16_t)(r->cur[0] << 8 | r->cur[1]);
    r->cur += 2;
    return true;
}

bool drill_read_be32(struct drill_reader *r, uint32_t *out)
{
    if (drill_reader_left(r) < 4) {
        return false;
    }
    *out = drill_be32(r->cur);
    r->cur += 4;
    return true;
}

bool drill_read_bytes(struct drill_reader *r, size_t len, struct drill_span *out)
{
    if (drill_reader_left(r) < len) {
        return false;
    }
    *out = drill_span_of(r->cur, len);
    if (len) {
        r->cur += len;
    }
    return true;
}

bool drill_read_str(struct drill_reader *r, struct drill_span *out)
{
    struct drill_span left = drill_span_of(r->cur, drill_reader_left(r));
    size_t nul = drill_span_find(left, 0);
    if (nul == left.len) {
        return false;
    }
    *out = drill_span_of(r->cur, nul);
    r->cur += nul + 1;
    return true;
}

struct drill_span drill_read_rest(struct drill_reader *r)
{
    struct drill_span rest = drill_span_of(r->cur, drill_reader_left(r));
    r->cur = r->end;
    return rest;
}

/* Where the next n bytes go, or NULL when they do not fit; counts them either way. */
static uint8_t *writer_claim(struct drill_writer *w, size_t n)
{
    size_t at = w->len;
    w->len += n;
    if (w->overflow || at > w->cap || n > w->cap - at) {
        w->overflow = true;
        return NULL;
    }
    return w->buf + at;
}

void drill_write_u8(struct drill_writer *w, uint8_t v)
{
    uint8_t *p = writer_claim(w, 1);
    if (p) {
        *p = v;
    }
}

void drill_write_be16(struct drill_writer *w, uint16_t v)
{
    uint8_t *p = writer_claim(w, 2);
    if (p) {
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
    }
}

void drill_write_be32(struct drill_writer *w, uint32_t v)
{
    uint8_t *p = writer_claim(w, 4);
    if (p) {
        drill_put_be32(p, v);
    }
}

void drill_write_bytes(struct drill_writer *w, struct drill_span s)
{
    if (s.len == 0) {
        return;
    }
    uint8_t *p = writer_claim(w, s.len);
    if (p) {
        memcpy(p, s.ptr, s.len);
    }
}

void drill_write_str(struct drill_writer *w, struct drill_span s)
{
    drill_write_bytes(w, s);
    drill_write_u8(w, 0);
}

void drill_write_text(struct drill_writer *w, const char *text)
{
    drill_write_bytes(w, drill_span_str(text));
}

void drill_write_dec(struct drill_writer *w, uint64_t v)
{
    uint8_t digits[20];
    size_t n = sizeof(digits);
    do {
        digits[--n] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v);
    drill_write_bytes(w, drill_span_of(digits + n, sizeof(digits) - n));
}

struct drill_span drill_writer_span(const struct drill_writer *w)
{
    return drill_span_of(w->buf, w->len < w->cap ? w->len : w->cap);
}
