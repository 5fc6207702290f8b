/* SPDX-License-Identifier: MIT */
/* What stands between a line of Stalwart's log and the text that import_log.c reads. */
#include <string.h>

#include "scenario/import_log.h"

enum { ESCAPE = 0x1B };

/* ESC [ digits and semicolons m: its length, 0 when there is none. */
static size_t colour(struct drill_span s)
{
    size_t i = 2;
    if (s.len < 3 || s.ptr[0] != ESCAPE || s.ptr[1] != '[') {
        return 0;
    }
    while (i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || s.ptr[i] == ';')) {
        i++;
    }
    return i < s.len && s.ptr[i] == 'm' ? i + 1 : 0;
}

struct drill_span drill_log_plain(struct drill_span s, struct drill_arena *arena, bool *no_memory)
{
    if (drill_span_find(s, ESCAPE) == s.len) {
        return s;
    }
    uint8_t *out = drill_arena_take(arena, s.len);
    size_t n = 0;
    if (!out) {
        *no_memory = true;
        return drill_span_of(NULL, 0);
    }
    for (size_t i = 0; i < s.len;) {
        size_t skipped = colour(drill_span_sub(s, i, s.len));
        if (!skipped) {
            out[n++] = s.ptr[i];
        }
        i += skipped ? skipped : 1;
    }
    return drill_span_of(out, n);
}

static bool goes_on(struct drill_span below)
{
    return below.len > 0 && below.ptr[0] == '\t';
}

static struct drill_span without_cr(struct drill_span line)
{
    while (line.len && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

struct drill_span drill_log_joined(struct drill_span line, struct drill_span *below,
                                   uint32_t *lines, struct drill_arena *arena, bool *no_memory)
{
    struct drill_span rest = *below;
    size_t size = line.len;
    while (goes_on(rest)) {
        size_t end = drill_span_find(rest, '\n');
        size += end + 2;
        rest = drill_span_sub(rest, end + 1, rest.len);
    }
    uint8_t *out = goes_on(*below) ? drill_arena_take(arena, size) : NULL;
    if (!out) {
        *no_memory = *no_memory || goes_on(*below);
        return line;
    }
    struct drill_writer w = drill_writer_of(out, size);
    drill_write_bytes(&w, without_cr(line));
    for (const char *before = " "; goes_on(*below); before = ", ", ++*lines) {
        size_t end = drill_span_find(*below, '\n');
        struct drill_span pair = drill_span_sub(*below, 0, end);
        *below = drill_span_sub(*below, end + 1, below->len);
        while (goes_on(pair)) {
            pair = drill_span_sub(pair, 1, pair.len);
        }
        drill_write_text(&w, before);
        drill_write_bytes(&w, without_cr(pair));
    }
    return drill_writer_span(&w);
}

static int digit(uint8_t c)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(DIGITS, c) : NULL;
    return at ? (int)(at - DIGITS) : -1;
}

struct drill_span drill_log_base64(struct drill_span s, struct drill_arena *arena, bool *no_memory)
{
    uint8_t *out = drill_arena_take(arena, s.len + 1);
    uint32_t bits = 0;
    size_t n = 0, have = 0;
    if (!out) {
        *no_memory = true;
        return drill_span_of(NULL, 0);
    }
    for (size_t i = 0; i < s.len && digit(s.ptr[i]) >= 0; i++) {
        bits = bits << 6 | (uint32_t)digit(s.ptr[i]);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    return drill_span_of(out, n);
}
