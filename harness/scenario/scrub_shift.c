/* SPDX-License-Identifier: MIT */
/*
 * Charsets that write other scripts with the bytes of ASCII and switch by escape sequences (ISO
 * 2022: ISO-2022-JP, RFC 1468; -KR, RFC 1557; -CN, RFC 1922). Signs are halves of characters there,
 * so what stays in other texts would be text.
 */
#include "scenario/scrub_ops.h"

enum { ESCAPE = 0x1b, SHIFT_OUT = 0x0e, PAIR_FIRST = 17, PAIR_SECOND = 52 };

/* Which of these charsets a shift leads to. */
enum shift { TO_ASCII, TO_PAIRS, TO_KATAKANA };

/* The escape sequence at the front (ECMA-35: signs, then one that ends it); 1: ESC alone. */
static size_t escape_length(struct drill_span in)
{
    size_t n = 1;
    while (n < in.len && in.ptr[n] >= ' ' && in.ptr[n] <= '/') {
        n++;
    }
    return n < in.len && in.ptr[n] >= '0' && in.ptr[n] < 0x7f ? n + 1 : 1;
}

/* `ESC $ B` and `ESC $ ( D` begin pairs; `ESC $ ) C` only says what SO will begin. */
static enum shift shift_of(struct drill_span escape)
{
    if (escape.ptr[0] == SHIFT_OUT) {
        return TO_PAIRS;
    }
    if (escape.len >= 3 && escape.ptr[1] == '$') {
        return escape.ptr[2] == ')' || escape.ptr[2] == '*' || escape.ptr[2] == '+' ? TO_ASCII
                                                                                    : TO_PAIRS;
    }
    return escape.len == 3 && escape.ptr[1] == '(' && escape.ptr[2] == 'I' ? TO_KATAKANA : TO_ASCII;
}

static bool is_graphic(struct drill_span in, size_t at)
{
    return at < in.len && in.ptr[at] > ' ' && in.ptr[at] < 0x7f;
}

static uint8_t choose(const char *from, uint64_t h, size_t count, uint8_t not_this)
{
    uint8_t c = (uint8_t)from[h % count];
    return c != not_this ? c : (uint8_t)from[(h + 1) % count];
}

/* Rows 16 to 25 and 33 to 39 have characters in JIS X 0208, GB 2312 and KS X 1001; letters and
 * digits alone, so that no sign turns up that means something around them. */
static void put_pair(const struct drill_scrub_key *key, struct drill_span pair, uint8_t *out)
{
    static const char first[] = "0123456789ABCDEFG";
    static const char second[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t h = drill_scrub_hash(key, pair, 7);
    out[0] = choose(first, h, PAIR_FIRST, pair.ptr[0]);
    out[1] = choose(second, h >> 16, PAIR_SECOND, pair.ptr[1]);
}

size_t drill_scrub_shifted(const struct drill_scrub_key *key, struct drill_span in, uint8_t *out)
{
    if (in.len == 0 || (in.ptr[0] != ESCAPE && in.ptr[0] != SHIFT_OUT)) {
        return 0;
    }
    size_t at = in.ptr[0] == ESCAPE ? escape_length(in) : 1;
    enum shift to = shift_of(drill_span_sub(in, 0, at));
    for (size_t i = 0; i < at; i++) {
        out[i] = in.ptr[i];
    }
    while (to != TO_ASCII && is_graphic(in, at)) {
        if (to == TO_PAIRS && is_graphic(in, at + 1)) {
            put_pair(key, drill_span_sub(in, at, 2), out + at);
            at += 2;
        } else {
            uint64_t h = drill_scrub_hash(key, drill_span_sub(in, at, 1), 8);
            out[at] = choose("ABCDEFGHIJKLMNOPQRSTUVWXYZ", h, 26, in.ptr[at]);
            at++;
        }
    }
    return at;
}
