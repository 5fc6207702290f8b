/* SPDX-License-Identifier: MIT */
/* Domains and addresses, at the length that they had. */
#include "scenario/scrub_ops.h"

#include <string.h>

enum { LABEL_MAX = 63, TRIES = 16 };

static bool same(struct drill_span s, const char *text)
{
    return drill_span_equal_nocase(s, drill_span_str(text));
}

/* ---- what is reserved ---- */

static const struct {
    unsigned bit;
    const char *text;
} reserved[] = {
    {DRILL_SCRUB_NET_1, "192.0.2."},    {DRILL_SCRUB_NET_2, "203.0.113."},
    {DRILL_SCRUB_NET_3, "198.51.100."}, {DRILL_SCRUB_NET_V6, "2001:db8:"},
    {DRILL_SCRUB_NET_V6, "2001:0db8:"}, {DRILL_SCRUB_COM, ".example.com"},
    {DRILL_SCRUB_NET, ".example.net"},  {DRILL_SCRUB_ORG, ".example.org"},
    {DRILL_SCRUB_EXAMPLE, ".example"},
};

/* The networks are told by how an address begins, the domains by how a name ends. */
static bool is_of(struct drill_span name, const char *text)
{
    size_t n = strlen(text);
    if (text[0] != '.') {
        return same(drill_span_sub(name, 0, n), text);
    }
    return same(name, text + 1) ||
           (name.len > n && same(drill_span_sub(name, name.len - n, n), text));
}

static void note(struct drill_scrubber *s, struct drill_span name)
{
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        s->seen |= is_of(name, reserved[i].text) ? reserved[i].bit : 0;
    }
}

/* ---- domains ---- */

/* Where the label begins that ends before `end`. */
static size_t label_at(struct drill_span name, size_t end)
{
    while (end && name.ptr[end - 1] != '.') {
        end--;
    }
    return end;
}

/* Labels under which a country's registry hands out names ("co.uk"). */
static bool is_second_level(struct drill_span label)
{
    static const char *const known[] = {"ac",  "co", "com", "edu", "go",
                                        "gov", "ne", "net", "or",  "org"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (same(label, known[i])) {
            return true;
        }
    }
    return false;
}

/* Where the part begins that somebody registered: two labels, or three under "co.uk". */
static size_t registered_at(struct drill_span name)
{
    size_t top = label_at(name, name.len);
    if (top == 0) {
        return 0;
    }
    size_t second = label_at(name, top - 1);
    bool country = name.len - top == 2;
    if (second && country && is_second_level(drill_span_sub(name, second, top - 1 - second))) {
        return label_at(name, second - 1);
    }
    return second;
}

/* What comes behind the label, for a name of `len` characters. */
static const char *ending(const struct drill_scrubber *s, size_t len, uint64_t h)
{
    static const struct {
        unsigned bit;
        const char *text;
    } documentation[] = {{DRILL_SCRUB_COM, ".example.com"},
                         {DRILL_SCRUB_NET, ".example.net"},
                         {DRILL_SCRUB_ORG, ".example.org"}};
    for (size_t i = 0; len >= 16 && i < 3; i++) {
        size_t n = (size_t)(h + i) % 3;
        if (!(s->taken & documentation[n].bit)) {
            return documentation[n].text;
        }
    }
    if (len >= 13) {
        return s->taken & DRILL_SCRUB_EXAMPLE ? ".invalid" : ".example";
    }
    return len >= 6 ? ".test" : ".";
}

static bool all_big(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (drill_scrub_is_letter(s.ptr[i]) && (s.ptr[i] & 0x20)) {
            return false;
        }
    }
    return true;
}

/* The character at `i` of a replacement: `label` characters, then `end`. */
static uint8_t character(const struct drill_scrub_key *key, struct drill_span name, size_t i,
                         size_t label, const char *end)
{
    uint8_t c = drill_scrub_letter(drill_scrub_hash(key, name, 2 + i), name.ptr[i]);
    if (i < label) {
        return i % (LABEL_MAX + 1) == LABEL_MAX && i + 1 < label ? '.' : c;
    }
    return end[i - label] ? (uint8_t)end[i - label] : c;
}

static void put_registered(const struct drill_scrubber *s, struct drill_span name, uint8_t *out)
{
    const struct drill_scrub_key *key = &s->config->key;
    const char *end = ending(s, name.len, drill_scrub_hash(key, name, 1));
    size_t label = name.len - (name.len < 6 ? 2 : strlen(end));
    bool big = all_big(name);
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = character(key, name, i, label, end), like = name.ptr[i];
        bool capital = drill_scrub_is_letter(like) && !(like & 0x20);
        out[i] = drill_scrub_is_letter(c) && (big || capital) ? (uint8_t)(c & ~0x20) : c;
    }
}

/* Words, and the signs between them. */
static void put_words(const struct drill_scrub_key *key, struct drill_span s, uint8_t *out)
{
    for (size_t at = 0; at < s.len;) {
        size_t end = at;
        while (end < s.len && drill_scrub_is_word(s.ptr[end])) {
            end++;
        }
        if (end > at) {
            drill_scrub_word(key, drill_span_sub(s, at, end - at), out + at);
        } else {
            out[end] = s.ptr[end];
            end++;
        }
        at = end;
    }
}

static bool is_ascii(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

void drill_scrub_domain(struct drill_scrubber *s, struct drill_span name, uint8_t *out)
{
    const struct drill_scrub_key *key = &s->config->key;
    size_t at = registered_at(name);
    note(s, name);
    if (same(name, "localhost.localdomain")) {
        memcpy(out, name.ptr, name.len);
    } else if (!is_ascii(name) || name.len - at < 4) {
        put_words(key, name, out);
    } else {
        put_words(key, drill_span_sub(name, 0, at), out);
        put_registered(s, drill_span_sub(name, at, name.len), out + at);
    }
}

/* ---- IPv4 ---- */

/* Four numbers up to 255 with points between, and nothing behind that goes on. */
static size_t ipv4_length(struct drill_span in)
{
    size_t at = 0;
    for (int octet = 0; octet < 4; octet++) {
        unsigned v = 0;
        size_t from = at;
        while (at < in.len && at - from < 3 && drill_scrub_is_digit(in.ptr[at])) {
            v = v * 10 + in.ptr[at++] - '0';
        }
        if (at == from || v > 255 || (octet < 3 && (at >= in.len || in.ptr[at] != '.'))) {
            return 0;
        }
        at += octet < 3;
    }
    bool more = at < in.len &&
                (drill_scrub_is_word(in.ptr[at]) ||
                 (in.ptr[at] == '.' && at + 1 < in.len && drill_scrub_is_digit(in.ptr[at + 1])));
    return more ? 0 : at;
}

/* `digits` digits without a leading zero, at most 255. */
static void put_octet(struct drill_writer *w, uint64_t h, size_t digits)
{
    drill_write_dec(w, digits == 1 ? h % 10 : digits == 2 ? 10 + h % 90 : 100 + h % 156);
}

static void put_short(struct drill_writer *w, uint64_t h, size_t len)
{
    drill_write_text(w, "0.");
    put_octet(w, h, 1);
    drill_write_u8(w, '.');
    put_octet(w, h >> 8, 1);
    drill_write_u8(w, '.');
    put_octet(w, h >> 16, len - strlen("0.1.1."));
}

/* 9 characters and more: the last number first, the ones before it as long as that leaves. */
static void put_long(struct drill_writer *w, uint64_t h, size_t len)
{
    size_t digits = len - strlen("240...");
    drill_write_dec(w, 240 + h % 15);
    for (size_t i = 3; i > 0; i--) {
        size_t n = (digits + i - 1) / i;
        digits -= n;
        h >>= 8;
        drill_write_u8(w, '.');
        put_octet(w, h, n);
    }
}

/* The networks into which the length fits: 8, 10 and 11 characters, and 1 to 3 for the host. The
 * first three of `reserved`; NULL: none is left. */
static const char *v4_net(const struct drill_scrubber *s, size_t len, uint64_t h)
{
    for (size_t i = 0; i < 3; i++) {
        size_t n = (size_t)((h >> 32) + i) % 3, net = strlen(reserved[n].text);
        if (len > net && len <= net + 3 && !(s->taken & reserved[n].bit)) {
            return reserved[n].text;
        }
    }
    return NULL;
}

static void put_ipv4(const struct drill_scrubber *s, struct drill_writer *w, size_t len, uint64_t h)
{
    const char *net = v4_net(s, len, h);
    if (len < 9) {
        put_short(w, h, len);
    } else if (net) {
        drill_write_text(w, net);
        put_octet(w, h, len - strlen(net));
    } else {
        put_long(w, h, len);
    }
}

size_t drill_scrub_ipv4(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    size_t len = ipv4_length(in);
    struct drill_span address = drill_span_sub(in, 0, len);
    if (len && memcmp(in.ptr, "127.", 4) == 0) {
        memcpy(out, in.ptr, len);
        return len;
    }
    note(s, address);
    /* Some of reserved networks would come to themselves. */
    for (uint64_t salt = 0; len && salt < TRIES; salt++) {
        struct drill_writer w = drill_writer_of(out, len);
        put_ipv4(s, &w, len, drill_scrub_hash(&s->config->key, address, 3 + (salt << 8)));
        if (!drill_span_equal(drill_writer_span(&w), address)) {
            break;
        }
    }
    return len;
}

/* ---- IPv6 ---- */

static bool is_hex(uint8_t c)
{
    return drill_scrub_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

struct groups {
    size_t count, gaps;
    bool bad;
};

/* Takes "ab12" or "" in front of a colon or the end. */
static size_t take_group(struct drill_span in, size_t at, struct groups *g)
{
    size_t from = at;
    while (at < in.len && at - from <= 4 && is_hex(in.ptr[at])) {
        at++;
    }
    g->count += at > from;
    g->bad = g->bad || at - from > 4;
    return at;
}

/* Eight groups, or fewer and one `::`. */
static size_t ipv6_length(struct drill_span in)
{
    struct groups g = {0, 0, false};
    size_t at = take_group(in, 0, &g);
    while (at < in.len && in.ptr[at] == ':' && g.count <= 8 && g.gaps <= 1) {
        bool gap = at + 1 < in.len && in.ptr[at + 1] == ':';
        bool group = at + 1 < in.len && is_hex(in.ptr[at + 1]);
        if (!gap && (!group || at == 0)) {
            break;
        }
        g.gaps += gap;
        at = take_group(in, at + 1 + gap, &g);
    }
    bool more = at < in.len && (drill_scrub_is_word(in.ptr[at]) || in.ptr[at] == '.');
    bool whole = (g.gaps == 0 && g.count == 8) || (g.gaps == 1 && g.count < 8);
    return g.bad || more || !whole ? 0 : at;
}

static const char *v6_prefix(const struct drill_scrubber *s, size_t len)
{
    bool taken = s->taken & DRILL_SCRUB_NET_V6;
    return len >= 39   ? taken ? "3fff:0fff:" : "2001:0db8:"
           : len >= 35 ? taken ? "3fff:fff:" : "2001:db8:"
           : len >= 11 ? taken ? "3fff:fff::" : "2001:db8::"
           : len >= 7  ? "3fff::"
           : len >= 5  ? "100::"
                       : "::";
}

static void put_ipv6(const struct drill_scrubber *s, struct drill_span in, uint64_t salt,
                     uint8_t *out)
{
    static const char hex[] = "123456789abcdef";
    const struct drill_scrub_key *key = &s->config->key;
    const char *prefix = v6_prefix(s, in.len);
    size_t done = strlen(prefix), left = in.len - done;
    uint64_t seed = drill_scrub_hash(key, in, 4 + (salt << 8));
    memcpy(out, prefix, done);
    /* As many groups as it takes (six behind a full prefix), the longer ones first. */
    size_t groups = in.len >= 35 ? 6 : (left + 5) / 5;
    size_t digits = left - (groups - 1);
    for (size_t g = 0; g < groups && left; g++) {
        size_t n = (digits + groups - g - 1) / (groups - g);
        digits -= n;
        for (size_t i = 0; i < n; i++) {
            uint64_t h = drill_scrub_hash(key, drill_span_of(NULL, 0), seed + done);
            out[done++] = (uint8_t)hex[h % 15];
        }
        if (g + 1 < groups) {
            out[done++] = ':';
        }
    }
}

size_t drill_scrub_ipv6(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    struct drill_span mapped = drill_span_sub(in, 0, 7);
    if (same(mapped, "::ffff:") && in.len > 7 && ipv4_length(drill_span_sub(in, 7, in.len)) > 0) {
        memcpy(out, mapped.ptr, mapped.len);
        return mapped.len;
    }
    size_t len = ipv6_length(in);
    struct drill_span whole = drill_span_sub(in, 0, len);
    if (len == 0 || len > 39) {
        return 0;
    }
    if (len == 2 || same(whole, "::1")) {
        memcpy(out, in.ptr, len);
        return len;
    }
    note(s, whole);
    for (uint64_t salt = 0; salt < TRIES; salt++) {
        put_ipv6(s, whole, salt, out);
        if (!drill_span_equal_nocase(drill_span_of(out, len), whole)) {
            break;
        }
    }
    return len;
}
