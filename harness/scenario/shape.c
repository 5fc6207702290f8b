/* SPDX-License-Identifier: MIT */
#include "scenario/shape.h"

enum token_kind {
    TOKEN_END,
    TOKEN_BLANK,
    TOKEN_NUMBER,
    TOKEN_HOST, /* and address */
    TOKEN_ID,
    TOKEN_DATE,
    TOKEN_OPAQUE,
    TOKEN_WORD,
    TOKEN_MARK
};

struct token {
    enum token_kind kind;
    struct drill_span text;
    bool placed; /* a word where a host may stand */
};

struct cursor {
    struct drill_span left;
    bool tag;    /* nothing but blanks since the start or a `;` */
    bool place;  /* `at`, `by` or `from` and blanks were read last */
    bool opaque; /* `b` or `bh` was read, and `=` follows */
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_letter(uint8_t c)
{
    return is_upper(c) || is_lower(c) || c >= 0x80;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_core(uint8_t c)
{
    return is_digit(c) || is_letter(c);
}

static bool is_joiner(uint8_t c)
{
    return c == '.' || c == '+' || c == '-' || c == '/';
}

static bool is_one_of(struct drill_span s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(s, drill_span_str(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_date(struct drill_span s)
{
    static const char *const words[] = {
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar",  "Apr",
        "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "UTC", "GMT",  "CET",
        "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "BST", "CEST",
    };
    return s.len >= 3 && s.len <= 4 && is_one_of(s, words, sizeof(words) / sizeof(words[0]));
}

static bool leads_to_host(struct drill_span s)
{
    static const char *const words[] = {"at", "by", "from"};
    return is_one_of(s, words, 3);
}

static bool is_host(struct drill_span s)
{
    static const char *const words[] = {"localhost", "unknown"};
    return drill_span_find(s, '.') < s.len || is_one_of(s, words, 2);
}

/* Random letters of both cases; JavaScript goes up once. */
static bool is_mixed(struct drill_span s)
{
    size_t ups = 0;
    for (size_t i = 1; i < s.len; i++) {
        ups += is_lower(s.ptr[i - 1]) && is_upper(s.ptr[i]);
    }
    return s.len >= 10 && ups >= 2;
}

static enum token_kind kind_of(struct drill_span s)
{
    size_t digits = 0, letters = 0;
    for (size_t i = 0; i < s.len; i++) {
        digits += is_digit(s.ptr[i]);
        letters += is_letter(s.ptr[i]);
    }
    if (letters == 0) {
        return drill_span_find(s, '/') < s.len ? TOKEN_ID : TOKEN_NUMBER;
    }
    if (is_host(s)) {
        return TOKEN_HOST;
    }
    if (digits || is_mixed(s)) {
        return TOKEN_ID;
    }
    return is_date(s) ? TOKEN_DATE : TOKEN_WORD;
}

/* Hex digits, dots and two colons or more at the front: their length, else 0. Those without any
 * digit are a word, taken whole, so that no byte is looked at again and again. */
static size_t colons_at(struct drill_span s, enum token_kind *kind)
{
    size_t n = 0, colons = 0;
    bool digit = false, letter = false, twice = false;
    for (; n < s.len && (is_hex(s.ptr[n]) || s.ptr[n] == ':' || s.ptr[n] == '.'); n++) {
        colons += s.ptr[n] == ':';
        digit = digit || is_digit(s.ptr[n]);
        letter = letter || is_letter(s.ptr[n]);
        twice = twice || (n && s.ptr[n] == ':' && s.ptr[n - 1] == ':');
    }
    if (colons < 2) {
        return 0;
    }
    bool time = colons == 2 && !letter && !twice;
    *kind = time ? TOKEN_NUMBER : digit || twice ? TOKEN_HOST : TOKEN_WORD;
    return n;
}

/* A word with what joins it; what joins nothing at its end stays behind. */
static size_t word_at(struct drill_span s)
{
    size_t n = 1;
    while (n < s.len && (is_core(s.ptr[n]) || is_joiner(s.ptr[n]))) {
        n++;
    }
    while (n > 1 && is_joiner(s.ptr[n - 1])) {
        n--;
    }
    return n;
}

/* The `=` that base64 ends with: nothing of a word behind it. */
static size_t padding_at(struct drill_span s)
{
    size_t n = 0;
    while (n < s.len && n < 2 && s.ptr[n] == '=') {
        n++;
    }
    return n < s.len && (is_core(s.ptr[n]) || s.ptr[n] == '"') ? 0 : n;
}

static bool starts_word(struct drill_span s)
{
    bool sign = s.len > 1 && (s.ptr[0] == '+' || s.ptr[0] == '-') && is_digit(s.ptr[1]);
    return sign || is_core(s.ptr[0]);
}

static void drop_ipv6(struct cursor *c)
{
    struct drill_span word = drill_span_str("IPv6:");
    if (drill_span_equal(drill_span_sub(c->left, 0, word.len), word)) {
        c->left = drill_span_sub(c->left, word.len, c->left.len);
    }
}

static size_t measure(struct cursor *c, struct token *t)
{
    struct drill_span s = c->left;
    size_t n = 0;
    if (c->opaque) {
        t->kind = TOKEN_OPAQUE;
        return drill_span_find(s, ';');
    }
    if (is_blank(s.ptr[0])) {
        t->kind = TOKEN_BLANK;
        while (n < s.len && is_blank(s.ptr[n])) {
            n++;
        }
        return n;
    }
    bool colons = is_hex(s.ptr[0]) || (s.len > 1 && s.ptr[0] == ':' && s.ptr[1] == ':');
    n = colons ? colons_at(s, &t->kind) : 0;
    if (n) {
        return n;
    }
    if (!starts_word(s)) {
        t->kind = TOKEN_MARK;
        return 1;
    }
    n = word_at(s);
    t->kind = kind_of(drill_span_sub(s, 0, n));
    return t->kind == TOKEN_ID ? n + padding_at(drill_span_sub(s, n, s.len)) : n;
}

static struct token next(struct cursor *c)
{
    struct token t = {TOKEN_END, drill_span_of(NULL, 0), false};
    drop_ipv6(c);
    if (c->left.len == 0) {
        return t;
    }
    size_t n = measure(c, &t);
    t.text = drill_span_sub(c->left, 0, n);
    c->left = drill_span_sub(c->left, n, c->left.len);
    bool signature = c->tag && c->left.len && c->left.ptr[0] == '=' &&
                     (drill_span_equal(t.text, drill_span_str("b")) ||
                      drill_span_equal(t.text, drill_span_str("bh")));
    c->opaque = signature;
    t.placed = c->place && t.kind == TOKEN_WORD;
    c->place = t.kind == TOKEN_BLANK ? c->place : t.kind == TOKEN_WORD && leads_to_host(t.text);
    c->tag = t.kind == TOKEN_BLANK ? c->tag : t.kind == TOKEN_MARK && t.text.ptr[0] == ';';
    return t;
}

static bool is_numberlike(enum token_kind kind, enum token_kind other)
{
    return kind == TOKEN_NUMBER &&
           (other == TOKEN_NUMBER || other == TOKEN_ID || other == TOKEN_HOST);
}

static bool same(const struct token *a, const struct token *b)
{
    if (is_numberlike(a->kind, b->kind) || is_numberlike(b->kind, a->kind)) {
        return true;
    }
    if ((a->placed && b->kind == TOKEN_HOST) || (b->placed && a->kind == TOKEN_HOST)) {
        return true; /* a host's name may be short */
    }
    bool bytes = a->kind == TOKEN_WORD || a->kind == TOKEN_MARK;
    return a->kind == b->kind && (!bytes || drill_span_equal(a->text, b->text));
}

bool drill_shape_same(struct drill_span a, struct drill_span b)
{
    struct cursor ca = {.left = a, .tag = true};
    struct cursor cb = {.left = b, .tag = true};
    for (;;) {
        struct token ta = next(&ca);
        struct token tb = next(&cb);
        if (!same(&ta, &tb)) {
            return false;
        }
        if (ta.kind == TOKEN_END) {
            return true;
        }
    }
}

/* ---- SMTP replies ---- */

/* Digits and dots at the front that are an enhanced status code: its length, or 0. */
static size_t enhanced_at(struct drill_span s)
{
    size_t n = 0, dots = 0;
    while (n < s.len && (is_digit(s.ptr[n]) || s.ptr[n] == '.')) {
        dots += s.ptr[n] == '.';
        n++;
    }
    return dots == 2 && (n == s.len || is_blank(s.ptr[n])) ? n : 0;
}

static bool same_line(struct drill_span a, struct drill_span b)
{
    const size_t head = 4; /* the code, and ` ` or `-` */
    struct drill_span text_a = drill_span_sub(a, head, a.len);
    struct drill_span text_b = drill_span_sub(b, head, b.len);
    struct drill_span status_a = drill_span_sub(text_a, 0, enhanced_at(text_a));
    struct drill_span status_b = drill_span_sub(text_b, 0, enhanced_at(text_b));
    return drill_span_equal(drill_span_sub(a, 0, head), drill_span_sub(b, 0, head)) &&
           drill_span_equal(status_a, status_b) && drill_shape_same(text_a, text_b);
}

static struct drill_span take_line(struct drill_span *s)
{
    struct drill_span line = drill_span_sub(*s, 0, drill_span_find(*s, '\n'));
    *s = drill_span_sub(*s, line.len + 1, s->len);
    return line;
}

bool drill_shape_reply(struct drill_span a, struct drill_span b)
{
    do {
        struct drill_span line_a = take_line(&a);
        struct drill_span line_b = take_line(&b);
        if ((a.len == 0) != (b.len == 0) || !same_line(line_a, line_b)) {
            return false;
        }
    } while (a.len);
    return true;
}
