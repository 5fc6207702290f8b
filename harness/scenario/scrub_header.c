/* SPDX-License-Identifier: MIT */
/* Values of headers, by what the name says is in them. */
#include "scenario/scrub_ops.h"

#include <string.h>

static bool same(struct drill_span s, const char *text)
{
    return drill_span_equal_nocase(s, drill_span_str(text));
}

static bool begins(struct drill_span s, const char *text)
{
    return same(drill_span_sub(s, 0, strlen(text)), text);
}

static void copy(struct drill_span in, uint8_t *out)
{
    if (in.len) {
        memcpy(out, in.ptr, in.len);
    }
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct drill_span trimmed(struct drill_span s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s = drill_span_sub(s, 1, s.len);
    }
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* ---- dates ---- */

static bool take_blanks(struct drill_span *s)
{
    size_t n = 0;
    while (n < s->len && is_blank(s->ptr[n])) {
        n++;
    }
    *s = drill_span_sub(*s, n, s->len);
    return n > 0;
}

static bool take_digits(struct drill_span *s, size_t least, size_t most)
{
    size_t n = 0;
    while (n < s->len && n < most && drill_scrub_is_digit(s->ptr[n])) {
        n++;
    }
    *s = drill_span_sub(*s, n, s->len);
    return n >= least;
}

/* One of the words of three letters. */
static bool take_one_of(struct drill_span *s, const char *words)
{
    struct drill_span head = drill_span_sub(*s, 0, 3);
    for (; head.len == 3 && *words; words += 3) {
        if (drill_span_equal_nocase(head, drill_span_of(words, 3))) {
            *s = drill_span_sub(*s, 3, s->len);
            return true;
        }
    }
    return false;
}

static bool take_char(struct drill_span *s, uint8_t c)
{
    bool is = s->len && s->ptr[0] == c;
    *s = is ? drill_span_sub(*s, 1, s->len) : *s;
    return is;
}

/* " +0100", " GMT", with "(CET)" behind it. */
static bool take_zone(struct drill_span *s)
{
    if (take_char(s, '+') || take_char(s, '-')) {
        if (!take_digits(s, 4, 4)) {
            return false;
        }
    } else if (!take_one_of(s, "gmtutcestedtcstcdtmstmdtpstpdt") && !(begins(*s, "ut"))) {
        return false;
    }
    take_blanks(s);
    if (take_char(s, '(')) {
        size_t n = drill_span_find(*s, ')');
        bool zone = n <= 5 && n < s->len;
        for (size_t i = 0; zone && i < n; i++) {
            zone = s->ptr[i] >= 'A' && s->ptr[i] <= 'Z';
        }
        *s = zone ? drill_span_sub(*s, n + 1, s->len) : *s;
    }
    return true;
}

bool drill_scrub_is_date(struct drill_span text)
{
    struct drill_span s = trimmed(text);
    if (take_one_of(&s, "montuewedthufrisatsun")) {
        take_char(&s, ',');
        take_blanks(&s);
    }
    bool day = take_digits(&s, 1, 2) && take_blanks(&s) &&
               take_one_of(&s, "janfebmaraprmayjunjulaugsepoctnovdec") && take_blanks(&s) &&
               take_digits(&s, 4, 4) && take_blanks(&s);
    bool time = day && take_digits(&s, 1, 2) && take_char(&s, ':') && take_digits(&s, 2, 2);
    if (time && take_char(&s, ':')) {
        time = take_digits(&s, 2, 2);
    }
    return time && take_blanks(&s) && take_zone(&s) && s.len == 0;
}

/* ---- MIME ---- */

/* Where the parameter ends: at a `;` that no quotes hold. */
static size_t parameter_end(struct drill_span in)
{
    bool quoted = false;
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '\\' && quoted) {
            i++;
        } else if (in.ptr[i] == '"') {
            quoted = !quoted;
        } else if (in.ptr[i] == ';' && !quoted) {
            return i;
        }
    }
    return in.len;
}

/* "utf-8'en'" at the front of an extended value (RFC 2231 4). */
static size_t charset_length(struct drill_span name, struct drill_span value)
{
    size_t first = drill_span_find(value, '\'');
    struct drill_span rest = drill_span_sub(value, first + 1, value.len);
    size_t second = drill_span_find(rest, '\'');
    bool extended = name.len && name.ptr[name.len - 1] == '*';
    return extended && second < rest.len ? first + second + 2 : 0;
}

static void parameter_value(struct drill_scrubber *s, struct drill_span name,
                            struct drill_span value, uint8_t *out)
{
    if (begins(name, "boundary")) {
        if (s->config->keep_body) {
            copy(value, out);
        } else {
            drill_scrub_text(s, value, out, DRILL_SCRUB_PLAIN);
        }
    } else if (begins(name, "name") || begins(name, "filename") || same(name, "start")) {
        size_t charset = charset_length(name, value);
        drill_scrub_text(s, drill_span_sub(value, 0, charset), out,
                         DRILL_SCRUB_PLAIN | DRILL_SCRUB_MIME | DRILL_SCRUB_DIGITS);
        drill_scrub_text(s, drill_span_sub(value, charset, value.len), out + charset, 0);
    } else if (drill_scrub_is_date(drill_span_sub(trimmed(value), 1, trimmed(value).len - 2))) {
        copy(value, out);
    } else {
        bool numbers = same(name, "charset") || same(name, "size");
        drill_scrub_text(s, value, out,
                         DRILL_SCRUB_PLAIN | DRILL_SCRUB_MIME |
                             (numbers ? (unsigned)DRILL_SCRUB_DIGITS : 0));
    }
}

static void mime_value(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    size_t at = parameter_end(in);
    drill_scrub_text(s, drill_span_sub(in, 0, at), out,
                     DRILL_SCRUB_PLAIN | DRILL_SCRUB_MIME | DRILL_SCRUB_DIGITS);
    while (at < in.len) {
        out[at++] = ';';
        struct drill_span one = drill_span_sub(in, at, in.len);
        one.len = parameter_end(one);
        size_t equals = drill_span_find(one, '=');
        struct drill_span name = drill_span_sub(one, 0, equals);
        drill_scrub_text(s, name, out + at,
                         DRILL_SCRUB_PLAIN | DRILL_SCRUB_MIME | DRILL_SCRUB_DIGITS);
        if (equals < one.len) {
            out[at + equals] = '=';
            parameter_value(s, trimmed(name), drill_span_sub(one, equals + 1, one.len),
                            out + at + equals + 1);
        }
        at += one.len;
    }
}

/* ---- names ---- */

/* Names tell of programs, and not of people, as long as they are tokens (RFC 5322 3.6.8), or a list
 * of such. One with an `@` or another script may be anything. */
void drill_scrub_name(struct drill_scrubber *s, struct drill_span name, uint8_t *out)
{
    bool token = true;
    for (size_t i = 0; i < name.len; i++) {
        token = token && name.ptr[i] != '@' && name.ptr[i] < 0x7f;
    }
    if (token) {
        copy(name, out);
    } else {
        drill_scrub_text(s, name, out, 0);
    }
}

/* ---- signatures: tags of DKIM (RFC 6376 3.5) and ARC ---- */

static bool is_one_of(struct drill_span tag, const char *words)
{
    for (; *words; words += strlen(words) + 1) {
        if (same(tag, words)) {
            return true;
        }
    }
    return false;
}

static void tag_value(struct drill_scrubber *s, struct drill_span tag, struct drill_span value,
                      uint8_t *out)
{
    if (same(tag, "h")) {
        drill_scrub_name(s, value, out);
    } else if (is_one_of(tag, "v\0a\0c\0q\0l\0cv\0")) {
        drill_scrub_text(s, value, out,
                         DRILL_SCRUB_PLAIN | DRILL_SCRUB_SIGNED |
                             (same(tag, "l") ? (unsigned)DRILL_SCRUB_DIGITS : 0));
    } else if (is_one_of(tag, "b\0bh\0")) {
        drill_scrub_bytes(&s->config->key, value, out);
    } else {
        drill_scrub_text(s, value, out, same(tag, "d") ? (unsigned)DRILL_SCRUB_HOST : 0);
    }
}

static void tagged_value(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    for (size_t at = 0; at < in.len;) {
        struct drill_span one = drill_span_sub(in, at, in.len);
        one.len = drill_span_find(one, ';');
        size_t equals = drill_span_find(one, '=');
        struct drill_span tag = trimmed(drill_span_sub(one, 0, equals));
        if (equals < one.len && tag.len <= 2) {
            copy(drill_span_sub(one, 0, equals + 1), out + at);
            tag_value(s, tag, drill_span_sub(one, equals + 1, one.len), out + at + equals + 1);
        } else {
            drill_scrub_text(s, one, out + at, 0);
        }
        at += one.len;
        if (at < in.len) {
            out[at++] = ';';
        }
    }
}

/* ---- Received ---- */

static void received_value(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    size_t date = in.len;
    while (date && in.ptr[date - 1] != ';') {
        date--;
    }
    struct drill_span tail = drill_span_sub(in, date, in.len);
    if (date == 0 || !drill_scrub_is_date(tail)) {
        date = in.len;
        tail.len = 0;
    }
    drill_scrub_text(s, drill_span_sub(in, 0, date), out, DRILL_SCRUB_SMTP | DRILL_SCRUB_HOST);
    copy(tail, out + date);
}

/* ---- all ---- */

static bool is_kept(const struct drill_scrub_config *config, struct drill_span name)
{
    for (const struct drill_name *k = config->keep; k; k = k->next) {
        if (drill_span_equal_nocase(k->text, name)) {
            return true;
        }
    }
    return false;
}

void drill_scrub_header(struct drill_scrubber *s, struct drill_span name, struct drill_span value,
                        uint8_t *out, unsigned flags)
{
    static const char results[] = "Authentication-Results\0ARC-Authentication-Results\0"
                                  "Received-SPF\0X-Virus-Status\0X-Virus-Scanned\0"
                                  "X-Spam-Status\0X-Spam-Flag\0X-Spam-Level\0X-Spam\0";
    static const char mime[] = "Content-Type\0Content-Disposition\0Content-Transfer-Encoding\0"
                               "MIME-Version\0";
    static const char signatures[] = "DKIM-Signature\0X-Google-DKIM-Signature\0ARC-Seal\0"
                                     "ARC-Message-Signature\0DomainKey-Signature\0";
    static const char dates[] = "Date\0Resent-Date\0Delivery-Date\0Arrival-Date\0";
    if (is_kept(s->config, name) || (is_one_of(name, dates) && drill_scrub_is_date(value))) {
        copy(value, out);
    } else if (is_one_of(name, mime)) {
        mime_value(s, value, out);
    } else if (is_one_of(name, signatures)) {
        tagged_value(s, value, out);
    } else if (same(name, "Received") || same(name, "X-Received")) {
        received_value(s, value, out);
    } else {
        flags |= is_one_of(name, results) ? (unsigned)DRILL_SCRUB_FILTER : 0;
        drill_scrub_text(s, value, out, flags);
    }
}
