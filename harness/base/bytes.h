/* SPDX-License-Identifier: MIT */
/*
 * Spans, the bounded reader and the bounded writer: the only way to touch input.
 *
 * A span is a view: it owns nothing and is valid as long as the memory that it points into.
 * A reader moves only on success, so a failed read leaves it where it was.
 * A writer never writes past its buffer: what does not fit sets `overflow`, and `len` goes on
 * counting, so a caller can measure first (buf NULL, cap 0) and write second.
 */
#ifndef DRILL_BASE_BYTES_H
#define DRILL_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `len` bytes at `ptr`. `ptr` may be NULL only when `len` is 0. */
struct drill_span {
    const uint8_t *ptr;
    size_t len;
};

static inline struct drill_span drill_span_of(const void *ptr, size_t len)
{
    struct drill_span s;
    s.ptr = (const uint8_t *)ptr;
    s.len = len;
    return s;
}

/* The bytes of a C string without its NUL; NULL gives the empty span. */
struct drill_span drill_span_str(const char *text);
bool drill_span_equal(struct drill_span a, struct drill_span b);
/* ASCII letters compare without case, as header names do (RFC 5322 1.2.2). */
bool drill_span_equal_nocase(struct drill_span a, struct drill_span b);
/* The part from `at` of at most `len` bytes, cut to what there is. */
struct drill_span drill_span_sub(struct drill_span s, size_t at, size_t len);
/* Index of the first `byte`, or s.len. */
size_t drill_span_find(struct drill_span s, uint8_t byte);

struct drill_reader {
    const uint8_t *cur;
    const uint8_t *end;
};

static inline struct drill_reader drill_reader_of(struct drill_span s)
{
    struct drill_reader r;
    r.cur = s.ptr;
    r.end = s.len ? s.ptr + s.len : s.ptr;
    return r;
}

static inline size_t drill_reader_left(const struct drill_reader *r)
{
    return (size_t)(r->end - r->cur);
}

/* Each takes bytes and returns true, or returns false and takes nothing. */
bool drill_read_u8(struct drill_reader *r, uint8_t *out);
bool drill_read_be16(struct drill_reader *r, uint16_t *out);
bool drill_read_be32(struct drill_reader *r, uint32_t *out);
bool drill_read_bytes(struct drill_reader *r, size_t len, struct drill_span *out);
/* The bytes before the next NUL; the NUL is taken too. False when no NUL is left. */
bool drill_read_str(struct drill_reader *r, struct drill_span *out);
/* All that is left. Cannot fail. */
struct drill_span drill_read_rest(struct drill_reader *r);

struct drill_writer {
    uint8_t *buf;
    size_t cap;
    size_t len; /* bytes that were asked for, also past `cap` */
    bool overflow;
};

static inline struct drill_writer drill_writer_of(void *buf, size_t cap)
{
    struct drill_writer w;
    w.buf = (uint8_t *)buf;
    w.cap = cap;
    w.len = 0;
    w.overflow = false;
    return w;
}

void drill_write_u8(struct drill_writer *w, uint8_t v);
void drill_write_be16(struct drill_writer *w, uint16_t v);
void drill_write_be32(struct drill_writer *w, uint32_t v);
void drill_write_bytes(struct drill_writer *w, struct drill_span s);
/* The bytes and a NUL. */
void drill_write_str(struct drill_writer *w, struct drill_span s);
/* The characters of a C string without its NUL. */
void drill_write_text(struct drill_writer *w, const char *text);
/* An unsigned integer in decimal. */
void drill_write_dec(struct drill_writer *w, uint64_t v);
/* What fits of what was written. */
struct drill_span drill_writer_span(const struct drill_writer *w);

/* Big-endian access to memory that is known to hold the bytes. */
static inline uint32_t drill_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline void drill_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

#ifdef __cplusplus
}
#endif
#endif
