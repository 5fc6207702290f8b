/* SPDX-License-Identifier: MIT */
/* Text that people or programs write: what in it is a word, a domain, an address. */
#include "scenario/scrub_ops.h"

/* How far ahead of a local part its `@` is looked for, and how long a name with dots may be. Both
 * are looked for at every word, so a bound keeps a long text from taking for ever. */
enum { LOCAL_MAX = 320, RUN_MAX = 260 };

struct text {
    struct drill_scrubber *s;
    struct drill_span in;
    uint8_t *out;
    unsigned flags;
    size_t at;
    size_t local, local_end; /* between them there are only characters of a local part */
    bool in_tag;             /* between `<` and `>` */
    uint8_t quote;           /* that is open in a tag, or 0 */
};

static uint8_t byte_at(const struct text *t, size_t at)
{
    return at < t->in.len ? t->in.ptr[at] : 0;
}

static struct drill_span rest(const struct text *t)
{
    return drill_span_sub(t->in, t->at, t->in.len);
}

static void keep(struct text *t, size_t n)
{
    for (; n && t->at < t->in.len; n--, t->at++) {
        t->out[t->at] = t->in.ptr[t->at];
    }
}

static bool before_is(const struct text *t, const char *text)
{
    struct drill_span want = drill_span_str(text);
    return t->at >= want.len &&
           drill_span_equal(drill_span_sub(t->in, t->at - want.len, want.len), want);
}

static bool here_is(const struct text *t, size_t at, const char *text)
{
    struct drill_span want = drill_span_str(text);
    return drill_span_equal(drill_span_sub(t->in, at, want.len), want);
}

/* An `@` stands before, as it is or encoded. */
static bool behind_at(const struct text *t)
{
    return before_is(t, "@") || before_is(t, "%40") ||
           ((t->flags & DRILL_SCRUB_XTEXT) && before_is(t, "+40"));
}

/* ---- domains ---- */

static bool is_local(uint8_t c)
{
    return drill_scrub_is_word(c) ||
           (c && drill_span_find(drill_span_str("!#$%&'*+-/=?^_`{|}~."), c) < 20);
}

/* What stands at `at` is part of what goes on up to an `@`. What was looked at is not looked at
 * again for the next word. */
static bool leads_to_at(struct text *t, size_t at)
{
    size_t most = at + LOCAL_MAX;
    if (at < t->local || at > t->local_end) {
        t->local = t->local_end = at;
    }
    for (; t->local_end < most && t->local_end < t->in.len; t->local_end++) {
        size_t here = t->local_end;
        if (byte_at(t, here) == '@' || here_is(t, here, "%40") || here_is(t, here, "\"@") ||
            ((t->flags & DRILL_SCRUB_XTEXT) && here_is(t, here, "+40"))) {
            return true;
        }
        if (!is_local(t->in.ptr[here])) {
            return false;
        }
    }
    return false;
}

/* Letters, digits, `-`, `_` and dots between them; 0: more than a domain can have. */
static size_t run_length(const struct text *t)
{
    size_t end = t->at;
    struct drill_span most = drill_span_sub(t->in, 0, t->at + RUN_MAX);
    while (end < most.len && (drill_scrub_is_word(t->in.ptr[end]) || t->in.ptr[end] == '-' ||
                              t->in.ptr[end] == '_' || t->in.ptr[end] == '.')) {
        end++;
    }
    if (end - t->at >= RUN_MAX) {
        return 0;
    }
    while (end > t->at && !drill_scrub_is_word(t->in.ptr[end - 1])) {
        end--;
    }
    return end - t->at;
}

/* The last label; empty: there are not two, or one of them is empty. */
static struct drill_span top_label(struct drill_span run)
{
    size_t dot = 0;
    for (size_t i = 1; i < run.len; i++) {
        if (run.ptr[i] == '.') {
            if (run.ptr[i - 1] == '.') {
                return drill_span_of(NULL, 0);
            }
            dot = i;
        }
    }
    return dot ? drill_span_sub(run, dot + 1, run.len) : drill_span_of(NULL, 0);
}

static bool may_be_top(struct drill_span label)
{
    if (label.len > 4 &&
        drill_span_equal_nocase(drill_span_sub(label, 0, 4), drill_span_str("xn--"))) {
        return true;
    }
    for (size_t i = 0; i < label.len; i++) {
        if (drill_scrub_is_digit(label.ptr[i]) || !drill_scrub_is_word(label.ptr[i])) {
            return false;
        }
    }
    return label.len >= 2;
}

/* "?key=" or "&key=" stands before: what follows is a value in a query, and no domain. */
static bool in_query(const struct text *t)
{
    size_t at = t->at - 1;
    while (at && (drill_scrub_is_word(t->in.ptr[at - 1]) || t->in.ptr[at - 1] == '_')) {
        at--;
    }
    return at && (t->in.ptr[at - 1] == '?' || t->in.ptr[at - 1] == '&' || t->in.ptr[at - 1] == ';');
}

/* In a local part "bob=firm.example@lists..." and "bob%firm.example@relay..." name a domain. */
static bool is_domain(struct text *t, struct drill_span run)
{
    struct drill_span top = top_label(run);
    if (top.len == 0) {
        return false;
    }
    if (behind_at(t) || before_is(t, "//")) {
        return true;
    }
    if (leads_to_at(t, t->at + run.len)) {
        return may_be_top(top) &&
               ((before_is(t, "=") && !in_query(t)) || before_is(t, "%") || before_is(t, "#"));
    }
    return may_be_top(top) && ((t->flags & DRILL_SCRUB_HOST) || !drill_scrub_extension(top));
}

/* ---- words ---- */

/* What stands before the sign in "smtp.mailfrom=bob@..." and "envelope-from=bob@...". */
static bool is_key(const struct text *t, size_t end)
{
    static const char *const keys[] = {"from=", "helo=", "mailfrom=", "sender="};
    size_t at = t->at;
    while (drill_scrub_is_word(byte_at(t, end)) || byte_at(t, end) == '.') {
        if (t->in.ptr[end++] == '.') {
            at = end;
        }
    }
    bool known = byte_at(t, end) == '=' && at > t->at;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        known = known || here_is(t, at, keys[i]);
    }
    return known;
}

/* The word is of a local part. */
static bool is_of_local(struct text *t, size_t end)
{
    return leads_to_at(t, end) && !is_key(t, end);
}

static bool stays(struct text *t, struct drill_span word)
{
    size_t end = t->at + word.len;
    unsigned flags = t->flags & ~(unsigned)(DRILL_SCRUB_HTML | DRILL_SCRUB_HOST);
    bool number = true;
    for (size_t i = 0; i < word.len; i++) {
        number = number && drill_scrub_is_digit(word.ptr[i]);
    }
    if (number && (t->flags & DRILL_SCRUB_DIGITS)) {
        return true;
    }
    if (!(t->flags & DRILL_SCRUB_PLAIN) && is_of_local(t, end)) {
        return false;
    }
    if (t->flags & DRILL_SCRUB_NAMES) {
        return true;
    }
    if (byte_at(t, end) == ':' || (t->flags & DRILL_SCRUB_HOST)) {
        flags |= DRILL_SCRUB_HOST;
    }
    if ((t->flags & DRILL_SCRUB_HTML) && t->in_tag && !t->quote) {
        flags |= DRILL_SCRUB_HTML;
    }
    return drill_scrub_known(word, flags) ||
           drill_span_equal_nocase(word, drill_span_str("localhost"));
}

static void take_word(struct text *t)
{
    size_t end = t->at;
    while (end < t->in.len && drill_scrub_is_word(t->in.ptr[end])) {
        end++;
    }
    struct drill_span word = drill_span_sub(t->in, t->at, end - t->at);
    bool behind_dot = t->at && t->in.ptr[t->at - 1] == '.';
    bool ext = behind_dot && !(t->flags & DRILL_SCRUB_PLAIN) && drill_scrub_extension(word) &&
               !leads_to_at(t, end);
    if (ext || stays(t, word)) {
        /* "IPv6:" goes with its colon: an address may begin with one. */
        keep(t, word.len + drill_span_equal_nocase(word, drill_span_str("ipv6")));
        return;
    }
    drill_scrub_word(&t->s->config->key, word, t->out + t->at);
    t->at = end;
}

/* An address or a domain here. */
static bool take_name(struct text *t)
{
    uint8_t last = t->at ? t->in.ptr[t->at - 1] : 0;
    size_t n = drill_scrub_is_word(last) ? 0 : drill_scrub_ipv6(t->s, rest(t), t->out + t->at);
    if (n == 0 && !drill_scrub_is_word(last) && last != '.') {
        n = drill_scrub_ipv4(t->s, rest(t), t->out + t->at);
    }
    if (n == 0 && drill_scrub_is_word(byte_at(t, t->at))) {
        struct drill_span run = drill_span_sub(t->in, t->at, run_length(t));
        if (is_domain(t, run)) {
            drill_scrub_domain(t->s, run, t->out + t->at);
            n = run.len;
        }
    }
    t->at += n;
    return n > 0;
}

/* ---- percent signs, tags, entities ---- */

static int hex_value(uint8_t c)
{
    return drill_scrub_is_digit(c) ? c - '0'
           : c >= 'a' && c <= 'f'  ? c - 'a' + 10
           : c >= 'A' && c <= 'F'  ? c - 'A' + 10
                                   : -1;
}

/* Another byte over 127 that goes in the same place of a UTF-8 character. */
static uint8_t other_wide_byte(uint64_t h, uint8_t c)
{
    unsigned base = c >= 0xf0 ? c : c >= 0xe0 ? 0xe5 : c >= 0xc0 ? 0xc4 : c & 0xf0U;
    unsigned count = c >= 0xf0 ? 1 : c >= 0xe0 ? 4 : c >= 0xc0 ? 2 : 16;
    unsigned other = base + (unsigned)(h % count);
    return (uint8_t)(other != c ? other : base + (unsigned)((h + 1) % count));
}

/* +XX in xtext (RFC 3461 4), in capitals: a sign stays as it is, as what is none is not encoded. */
static bool take_xtext(struct text *t)
{
    uint8_t first = byte_at(t, t->at + 1), second = byte_at(t, t->at + 2);
    int high = hex_value(first), low = hex_value(second);
    bool is = (t->flags & DRILL_SCRUB_XTEXT) && byte_at(t, t->at) == '+' && high >= 0 && low >= 0 &&
              first < 'a' && second < 'a' && !drill_scrub_is_word((uint8_t)(high << 4 | low));
    if (is) {
        keep(t, 3);
    }
    return is;
}

/* %XX: a sign stays, a letter or digit becomes another one. */
static bool take_percent(struct text *t)
{
    static const char hex[] = "0123456789ABCDEF";
    int high = hex_value(byte_at(t, t->at + 1)), low = hex_value(byte_at(t, t->at + 2));
    if (byte_at(t, t->at) != '%' || high < 0 || low < 0 || (t->flags & DRILL_SCRUB_PLAIN)) {
        return false;
    }
    uint8_t c = (uint8_t)(high << 4 | low), other = c;
    if (drill_scrub_is_word(c)) {
        uint64_t h = drill_scrub_hash(&t->s->config->key, drill_span_of(&c, 1), 5);
        other = c >= 0x80 ? other_wide_byte(h, c) : drill_scrub_letter(h, c);
    }
    if (other == c) {
        keep(t, 3);
        return true;
    }
    t->out[t->at] = '%';
    t->out[t->at + 1] = (uint8_t)hex[other >> 4];
    t->out[t->at + 2] = (uint8_t)hex[other & 15];
    t->at += 3;
    return true;
}

static bool take_entity(struct text *t)
{
    static const char *const known[] = {"&nbsp;", "&amp;", "&lt;",  "&gt;",  "&quot;",
                                        "&apos;", "&#32;", "&#34;", "&#38;", "&#39;",
                                        "&#46;",  "&#60;", "&#62;", "&#64;", "&#160;"};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (here_is(t, t->at, known[i])) {
            keep(t, drill_span_str(known[i]).len);
            return true;
        }
    }
    return false;
}

/* Follows tags; what is between them and in quotes is text. */
static void watch_tag(struct text *t)
{
    uint8_t c = t->in.ptr[t->at], next = byte_at(t, t->at + 1);
    if (!t->in_tag) {
        t->in_tag = c == '<' && (drill_scrub_is_letter(next) || next == '/' || next == '!');
        t->quote = 0;
    } else if (t->quote) {
        t->quote = c == t->quote ? 0 : t->quote;
    } else if (c == '"' || c == '\'') {
        t->quote = c;
    } else {
        t->in_tag = c != '>';
    }
}

static void take_sign(struct text *t)
{
    bool html = t->flags & DRILL_SCRUB_HTML;
    if (take_percent(t) || take_xtext(t) || (html && byte_at(t, t->at) == '&' && take_entity(t))) {
        return;
    }
    if (html) {
        watch_tag(t);
    }
    keep(t, 1);
}

void drill_scrub_text(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned flags)
{
    struct text t = {.s = s, .in = in, .out = out, .flags = flags};
    bool plain = flags & DRILL_SCRUB_PLAIN;
    while (t.at < in.len) {
        uint8_t c = in.ptr[t.at];
        size_t shifted = drill_scrub_shifted(&s->config->key, rest(&t), out + t.at);
        if (shifted) {
            t.at += shifted;
            continue;
        }
        if (c == '=' && !plain) {
            size_t n = drill_scrub_encoded(s, rest(&t), out + t.at);
            t.at += n;
            if (n) {
                continue;
            }
        }
        bool word = drill_scrub_is_word(c);
        if (!plain && (word || c == ':') && take_name(&t)) {
            continue;
        }
        if (word) {
            take_word(&t);
        } else {
            take_sign(&t);
        }
    }
}
