/* SPDX-License-Identifier: MIT */
/* Text behind an encoding: decoded, replaced, and written back into the same characters. */
#include "scenario/scrub_ops.h"

enum { ENCODED_MAX = 1000 };

static uint8_t *take(struct drill_scrubber *s, size_t n)
{
    uint8_t *p = drill_arena_take(s->arena, n ? n : 1);
    s->no_memory = s->no_memory || !p;
    return p;
}

/* ---- quoted-printable, and the Q of encoded words ---- */

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* What stands at `at`: `=XX`, a soft line break (no byte), or one character. */
struct cell {
    size_t len;
    int byte; /* -1: none */
};

static struct cell cell_at(struct drill_span in, size_t at)
{
    struct cell one = {1, in.ptr[at]};
    if (in.ptr[at] != '=') {
        return one;
    }
    if (in.len - at >= 3) {
        int high = hex_value(in.ptr[at + 1]), low = hex_value(in.ptr[at + 2]);
        if (high >= 0 && low >= 0) {
            return (struct cell){3, high << 4 | low};
        }
    }
    size_t end = at + 1;
    while (end < in.len && (in.ptr[end] == ' ' || in.ptr[end] == '\t' || in.ptr[end] == '\r')) {
        end++;
    }
    return end < in.len && in.ptr[end] == '\n' ? (struct cell){end + 1 - at, -1} : one;
}

static void put_cell(struct drill_span in, size_t at, struct cell cell, uint8_t byte, uint8_t *out)
{
    static const char hex[] = "0123456789ABCDEF";
    if (cell.byte < 0) {
        for (size_t i = 0; i < cell.len; i++) {
            out[at + i] = in.ptr[at + i];
        }
    } else if (cell.len == 1) {
        out[at] = byte;
    } else {
        out[at] = '=';
        out[at + 1] = (uint8_t)hex[byte >> 4];
        out[at + 2] = (uint8_t)hex[byte & 15];
    }
}

/* `q`: as in encoded words, where `_` is a blank. */
static void quoted(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned flags,
                   bool q)
{
    uint8_t *from = take(s, in.len), *to = take(s, in.len);
    if (!from || !to) {
        return;
    }
    struct cell cell;
    size_t n = 0;
    for (size_t at = 0; at < in.len; at += cell.len) {
        cell = cell_at(in, at);
        if (cell.byte >= 0) {
            from[n++] = q && cell.byte == '_' ? ' ' : (uint8_t)cell.byte;
        }
    }
    drill_scrub_text(s, drill_span_of(from, n), to, flags);
    n = 0;
    for (size_t at = 0; at < in.len; at += cell.len) {
        cell = cell_at(in, at);
        uint8_t byte = cell.byte < 0 ? 0 : to[n++];
        put_cell(in, at, cell, q && byte == ' ' ? '_' : byte, out);
    }
}

void drill_scrub_quoted(struct drill_scrubber *s, struct drill_span in, uint8_t *out,
                        unsigned flags)
{
    quoted(s, in, out, flags, false);
}

/* ---- base64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value64(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* The bytes behind the characters of `in` that count; returns how many characters those are. */
static size_t decode64(struct drill_span in, uint8_t *bytes)
{
    uint32_t bits = 0;
    size_t count = 0, n = 0;
    for (size_t i = 0; i < in.len; i++) {
        int v = value64(in.ptr[i]);
        if (v < 0) {
            continue;
        }
        bits = bits << 6 | (uint32_t)v;
        count++;
        if (count % 4 != 1) {
            bytes[n++] = (uint8_t)(bits >> (6 - 2 * ((count + 3) % 4)));
        }
    }
    return count;
}

static uint32_t bits_of(const uint8_t *bytes, size_t len, size_t at)
{
    uint32_t pair = (uint32_t)(at / 8 < len ? bytes[at / 8] : 0) << 8;
    pair |= at / 8 + 1 < len ? bytes[at / 8 + 1] : 0;
    return pair >> (10 - at % 8) & 63;
}

/* Into the places of the characters that count. Bits behind the last byte are zero, as they
 * should be; a lone last character, which carries no byte, becomes `A`. */
static void encode64(struct drill_span in, const uint8_t *bytes, size_t len, uint8_t *out)
{
    size_t at = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (value64(c) >= 0) {
            out[i] = (uint8_t)alphabet[bits_of(bytes, len, at)];
            at += 6;
        } else {
            out[i] = c < 0x80 ? c : (uint8_t)(c ^ 1);
        }
    }
}

/* No controls but those of text. */
static bool is_text(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c == 0x7f || (c < 0x20 && (c < '\t' || c > '\r') && c != 0x1b)) {
            return false;
        }
    }
    return true;
}

/* Each byte becomes another one: there is no class to keep. */
static void put_opaque(const struct drill_scrub_key *key, struct drill_span in, uint8_t *out)
{
    uint64_t h = 0;
    for (size_t i = 0; i < in.len; i++) {
        h = i % 7 ? h >> 8 : drill_scrub_hash(key, drill_span_of(NULL, 0), (UINT64_C(6) << 56) + i);
        out[i] = (uint8_t)(in.ptr[i] + 1 + h % 255);
    }
}

/* Up to a padding sign, where base64 begins anew. */
static void one_run(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned flags,
                    bool opaque)
{
    uint8_t *from = take(s, in.len), *to = take(s, in.len);
    if (!from || !to) {
        return;
    }
    size_t len = decode64(in, from) * 3 / 4;
    struct drill_span bytes = drill_span_of(from, len);
    if (opaque || !is_text(bytes)) {
        put_opaque(&s->config->key, bytes, to);
    } else {
        drill_scrub_text(s, bytes, to, flags);
    }
    encode64(in, to, len, out);
}

void drill_scrub_base64(struct drill_scrubber *s, struct drill_span in, uint8_t *out,
                        unsigned flags, bool opaque)
{
    for (size_t at = 0; at < in.len;) {
        size_t n = drill_span_find(drill_span_sub(in, at, in.len), '=');
        if (n) {
            one_run(s, drill_span_sub(in, at, n), out + at, flags, opaque);
        }
        at += n;
        if (at < in.len) {
            out[at++] = '=';
        }
    }
}

/* ---- encoded words ---- */

static bool is_wide(struct drill_span charset)
{
    struct drill_span head = drill_span_sub(charset, 0, 4);
    return drill_span_equal_nocase(head, drill_span_str("utf-")) && charset.len > 4 &&
           charset.ptr[4] != '8' && charset.ptr[4] != '7';
}

static void put_encoded(struct drill_scrubber *s, struct drill_span charset, uint8_t how,
                        struct drill_span text, uint8_t *out)
{
    if (how == 'b' || how == 'B') {
        drill_scrub_base64(s, text, out, 0, is_wide(charset));
    } else {
        quoted(s, text, out, 0, true);
    }
}

/* The place of `?` at or behind `at`, if printable characters lead there; else in.len. */
static size_t find_mark(struct drill_span in, size_t at)
{
    while (at < in.len && in.ptr[at] > ' ' && in.ptr[at] < 0x7f && in.ptr[at] != '?') {
        at++;
    }
    return at < in.len && in.ptr[at] == '?' ? at : in.len;
}

size_t drill_scrub_encoded(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    struct drill_span word = drill_span_sub(in, 0, ENCODED_MAX);
    if (word.len < 7 || word.ptr[0] != '=' || word.ptr[1] != '?') {
        return 0;
    }
    size_t mark = find_mark(word, 2);
    if (mark == 2 || mark + 3 >= word.len || word.ptr[mark + 2] != '?') {
        return 0;
    }
    uint8_t how = word.ptr[mark + 1] | 0x20;
    size_t text = mark + 3, end = find_mark(word, text);
    if ((how != 'b' && how != 'q') || end + 1 >= word.len || word.ptr[end + 1] != '=') {
        return 0;
    }
    struct drill_span charset = drill_span_sub(word, 2, mark - 2);
    out[0] = '=';
    out[1] = '?';
    drill_scrub_text(s, charset, out + 2,
                     DRILL_SCRUB_PLAIN | DRILL_SCRUB_MIME | DRILL_SCRUB_DIGITS);
    out[mark] = '?';
    out[mark + 1] = word.ptr[mark + 1];
    out[mark + 2] = '?';
    put_encoded(s, charset, how, drill_span_sub(word, text, end - text), out + text);
    out[end] = '?';
    out[end + 1] = '=';
    return end + 2;
}
