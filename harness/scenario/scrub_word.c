/* SPDX-License-Identifier: MIT */
/* The keyed hash, and words. */
#include "scenario/scrub_ops.h"

/* No vowels: what comes out is no word, so a word of the original found in a copy is a leak. */
static const char consonants[] = "bcdfghjklmnpqrstvwxz";

enum { CONSONANTS = sizeof(consonants) - 1, ONE_TO_ONE = 3 };

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

bool drill_scrub_is_letter(uint8_t c)
{
    return lower(c) >= 'a' && lower(c) <= 'z';
}

bool drill_scrub_is_word(uint8_t c)
{
    return c >= 0x80 || drill_scrub_is_letter(c) || drill_scrub_is_digit(c);
}

/* ---- SipHash-2-4 (Aumasson and Bernstein, 2012), over lower case ---- */

struct sip {
    uint64_t v[4];
};

static uint64_t turn(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(struct sip *s)
{
    uint64_t *v = s->v;
    v[0] += v[1];
    v[2] += v[3];
    v[1] = turn(v[1], 13) ^ v[0];
    v[3] = turn(v[3], 16) ^ v[2];
    v[0] = turn(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = turn(v[1], 17) ^ v[2];
    v[3] = turn(v[3], 21) ^ v[0];
    v[2] = turn(v[2], 32);
}

static void sip_take(struct sip *s, uint64_t m)
{
    s->v[3] ^= m;
    sip_round(s);
    sip_round(s);
    s->v[0] ^= m;
}

uint64_t drill_scrub_hash(const struct drill_scrub_key *key, struct drill_span bytes, uint64_t salt)
{
    struct sip s = {{key->k0 ^ UINT64_C(0x736f6d6570736575), key->k1 ^ UINT64_C(0x646f72616e646f6d),
                     key->k0 ^ UINT64_C(0x6c7967656e657261),
                     key->k1 ^ UINT64_C(0x7465646279746573)}};
    uint64_t m = 0;
    sip_take(&s, salt);
    for (size_t i = 0; i < bytes.len; i++) {
        m |= (uint64_t)lower(bytes.ptr[i]) << (i % 8 * 8);
        if (i % 8 == 7) {
            sip_take(&s, m);
            m = 0;
        }
    }
    sip_take(&s, m | (uint64_t)(bytes.len & 0xff) << 56);
    s.v[2] ^= 0xff;
    for (int i = 0; i < 4; i++) {
        sip_round(&s);
    }
    return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

/* ---- one character ---- */

uint8_t drill_scrub_letter(uint64_t h, uint8_t not_this)
{
    uint8_t c = (uint8_t)consonants[h % CONSONANTS];
    return c != lower(not_this) ? c : (uint8_t)consonants[(h + 1) % CONSONANTS];
}

static uint8_t cased(uint8_t c, uint8_t like)
{
    return like >= 'A' && like <= 'Z' ? (uint8_t)(c - ('a' - 'A')) : c;
}

static uint8_t other_digit(uint64_t h, uint8_t c)
{
    return (uint8_t)('0' + (c - '0' + 1U + h % 9) % 10);
}

/* One to one for each `h`, and never the same letter. */
static uint8_t shifted(uint64_t h, uint8_t c)
{
    return cased((uint8_t)('a' + (lower(c) - 'a' + 1U + h % 25) % 26), c);
}

static bool continues(struct drill_span s, size_t at, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (at + i >= s.len || (s.ptr[at + i] & 0xc0) != 0x80) {
            return false;
        }
    }
    return true;
}

/* The length of the UTF-8 character at `at`; 1: it is none. */
static size_t utf8(struct drill_span s, size_t at)
{
    uint8_t c = s.ptr[at];
    size_t n = c >= 0xc2 && c < 0xe0   ? 2
               : c >= 0xe0 && c < 0xf0 ? 3
               : c >= 0xf0 && c < 0xf5 ? 4
                                       : 1;
    return n > 1 && continues(s, at, n) ? n : 1;
}

/* Signs that are no letters: U+00A0 to U+00BF, U+2000 to U+206F. They say nothing. */
static bool is_sign(const uint8_t *c, size_t n)
{
    return (n == 2 && c[0] == 0xc2) || (n == 3 && c[0] == 0xe2 && (c[1] == 0x80 || c[1] == 0x81));
}

static uint8_t follower(uint64_t h, uint8_t not_this)
{
    uint8_t c = (uint8_t)(0x80 | (h & 0x3f));
    return c == not_this ? c ^ 1 : c;
}

/* A character over 127 of as many bytes: Latin Extended-A, a CJK ideograph, a pictograph; what is
 * no UTF-8 becomes a letter of the ISO 8859 kind. */
static void other_wide(uint64_t h, const uint8_t *c, size_t n, uint8_t *out)
{
    if (is_sign(c, n)) {
        for (size_t i = 0; i < n; i++) {
            out[i] = c[i];
        }
    } else if (n == 2) {
        out[0] = (uint8_t)(0xc4 | (h >> 6 & 1));
        out[1] = follower(h, c[1]);
    } else if (n == 3) {
        out[0] = (uint8_t)(0xe5 + (h >> 12) % 4);
        out[1] = follower(h >> 6, c[1]);
        out[2] = follower(h, c[2]);
    } else if (n == 4) {
        out[0] = 0xf0;
        out[1] = 0x9f;
        out[2] = (uint8_t)(0x8c + (h >> 6) % 12);
        out[3] = follower(h, c[3]);
    } else {
        out[0] = (uint8_t)(0xe0 | (h & 0x1f));
        out[0] = out[0] == c[0] ? out[0] ^ 1 : out[0];
    }
}

/* ---- words ---- */

/* Eight numbers of eight bits for each eight characters. */
static uint64_t draw(const struct drill_scrub_key *key, uint64_t seed, size_t at)
{
    struct drill_scrub_key k = {key->k0 ^ seed, key->k1};
    uint64_t h = drill_scrub_hash(&k, drill_span_of(NULL, 0), at / 4 + 1);
    return h >> (at % 4 * 16) & 0xffff;
}

void drill_scrub_word(const struct drill_scrub_key *key, struct drill_span word, uint8_t *out)
{
    uint64_t seed = drill_scrub_hash(key, word, 0);
    bool small = word.len <= ONE_TO_ONE;
    for (size_t at = 0; at < word.len;) {
        uint8_t c = word.ptr[at];
        size_t n = c >= 0x80 ? utf8(word, at) : 1;
        struct drill_span before = drill_span_sub(word, 0, at);
        uint64_t h =
            small && c < 0x80 ? drill_scrub_hash(key, before, word.len) : draw(key, seed, at);
        if (c >= 0x80) {
            other_wide(h, word.ptr + at, n, out + at);
        } else if (drill_scrub_is_digit(c)) {
            out[at] = other_digit(h, c);
        } else {
            out[at] = small ? shifted(h, c) : cased(drill_scrub_letter(h, c), c);
        }
        at += n;
    }
}

void drill_scrub_bytes(const struct drill_scrub_key *key, struct drill_span bytes, uint8_t *out)
{
    for (size_t at = 0; at < bytes.len; at++) {
        uint8_t c = bytes.ptr[at];
        uint64_t h = draw(key, 0, at);
        if (c >= 0x80) {
            out[at] = (uint8_t)(0x80 | (h & 0x7f));
            out[at] = out[at] == c ? out[at] ^ 1 : out[at];
        } else if (drill_scrub_is_digit(c)) {
            out[at] = other_digit(h, c);
        } else {
            out[at] = drill_scrub_is_letter(c) ? cased(drill_scrub_letter(h, c), c) : c;
        }
    }
}
