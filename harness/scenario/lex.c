/* SPDX-License-Identifier: MIT */
#include "scenario/lex.h"

#include "base/nearest.h"
#include "wire/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void drill_lex_init(struct drill_lex *lex, struct drill_span source, const char *name,
                    struct drill_arena *arena, struct drill_errors *errors)
{
    static const uint8_t nothing[1] = {0};
    lex->start = source.len ? source.ptr : nothing;
    lex->end = lex->start + source.len;
    lex->cur = lex->start;
    lex->line_start = lex->start;
    lex->line = 1;
    lex->name = name ? name : "";
    lex->arena = arena;
    lex->errors = errors;
    lex->stop = false;
    if (drill_lex_take_text(lex, "\xef\xbb\xbf")) { /* a byte order mark */
        lex->line_start = lex->cur;
    }
}

/* ---- errors ---- */

bool drill_lex_fail(struct drill_lex *lex, struct drill_pos pos, enum drill_code code,
                    const char *fmt, ...)
{
    char text[DRILL_ERROR_TEXT];
    struct drill_error err;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)drill_error_set(&err, code, "%s", text);
    return drill_lex_adopt(lex, pos, &err);
}

bool drill_lex_adopt(struct drill_lex *lex, struct drill_pos pos, const struct drill_error *err)
{
    struct drill_errors *errors = lex->errors;
    if (lex->stop) {
        return false;
    }
    if (errors->count < DRILL_ERRORS_MAX) {
        errors->item[errors->count] = *err;
        drill_error_at(&errors->item[errors->count], lex->name, pos.line, pos.column);
    }
    errors->count++;
    return false;
}

bool drill_lex_no_memory(struct drill_lex *lex)
{
    drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_MEMORY, "no memory left for this scenario");
    lex->stop = true;
    return false;
}

void *drill_lex_take_memory(struct drill_lex *lex, size_t size)
{
    void *p = lex->stop ? NULL : drill_arena_take(lex->arena, size);
    if (!p) {
        drill_lex_no_memory(lex);
    }
    return p;
}

struct drill_brief drill_brief_of(struct drill_span bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct drill_brief b;
    size_t n = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        if (n + 8 > sizeof(b.text)) {
            memcpy(b.text + n, "...", 3);
            n += 3;
            break;
        }
        uint8_t c = bytes.ptr[i];
        if (c >= 0x20 && c < 0x7f) {
            b.text[n++] = (char)c;
        } else {
            b.text[n++] = '\\';
            b.text[n++] = 'x';
            b.text[n++] = digits[c >> 4];
            b.text[n++] = digits[c & 15];
        }
    }
    b.text[n] = '\0';
    return b;
}

static bool is_word_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The bytes that a reader takes for one thing: a word, a string, or one character. */
static size_t thing_length(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *q = p;
    if (*q == '"') {
        for (q++; q < end && *q != '"' && *q != '\n'; q++) {}
        return (size_t)(q - p) + (q < end && *q == '"');
    }
    while (q < end && (is_word_byte(*q) || (*q == '-' && q > p))) {
        q++;
    }
    if (q > p) {
        return (size_t)(q - p);
    }
    while (q < end && *q >= 0x80) { /* a character that is not ASCII, in one piece */
        q++;
    }
    return q > p ? (size_t)(q - p) : 1;
}

struct drill_brief drill_lex_came(const struct drill_lex *lex)
{
    struct drill_brief quoted;
    const uint8_t *p = lex->cur;
    if (p == lex->end) {
        return drill_brief_of(drill_span_str("the end of the file"));
    }
    if (*p == '\n' || *p == '#' || (*p == '\r' && p + 1 < lex->end && p[1] == '\n')) {
        return drill_brief_of(drill_span_str("the end of the line"));
    }
    struct drill_span thing = drill_span_of(p, thing_length(p, lex->end));
    if (*p == '"') {
        return drill_brief_of(thing);
    }
    struct drill_brief b = drill_brief_of(drill_span_sub(thing, 0, DRILL_BRIEF_MAX - 12));
    (void)snprintf(quoted.text, sizeof(quoted.text), "`%.*s`", DRILL_BRIEF_MAX - 4, b.text);
    return quoted;
}

struct drill_hint drill_hint_of(struct drill_span word, const char *const *names, size_t count)
{
    struct drill_hint hint;
    const char *near = drill_nearest(word, names, count);
    hint.text[0] = '\0';
    if (near) {
        (void)snprintf(hint.text, sizeof(hint.text), "; did you mean `%s`?", near);
    }
    return hint;
}

/* ---- moving ---- */

struct drill_pos drill_lex_pos(const struct drill_lex *lex)
{
    struct drill_pos pos;
    pos.line = lex->line;
    pos.column = (uint32_t)(lex->cur - lex->line_start) + 1;
    return pos;
}

int drill_lex_peek(const struct drill_lex *lex)
{
    return lex->cur < lex->end ? *lex->cur : -1;
}

/* The length of a line's end at p: 1 for \n, 2 for \r\n, else 0. */
static size_t newline_at(const uint8_t *p, const uint8_t *end)
{
    if (p < end && *p == '\n') {
        return 1;
    }
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static void pass_newline(struct drill_lex *lex, size_t length)
{
    lex->cur += length;
    lex->line_start = lex->cur;
    lex->line++;
}

void drill_lex_blanks(struct drill_lex *lex)
{
    while (lex->cur < lex->end) {
        if (*lex->cur == ' ' || *lex->cur == '\t') {
            lex->cur++;
            continue;
        }
        size_t n = *lex->cur == '\\' ? newline_at(lex->cur + 1, lex->end) : 0;
        if (n == 0) {
            break;
        }
        pass_newline(lex, n + 1);
    }
}

bool drill_lex_take(struct drill_lex *lex, char c)
{
    if (drill_lex_peek(lex) != (unsigned char)c) {
        return false;
    }
    lex->cur++;
    return true;
}

bool drill_lex_take_text(struct drill_lex *lex, const char *text)
{
    struct drill_span want = drill_span_str(text);
    struct drill_span have = drill_span_of(lex->cur, (size_t)(lex->end - lex->cur));
    if (!drill_span_equal(drill_span_sub(have, 0, want.len), want)) {
        return false;
    }
    lex->cur += want.len;
    return true;
}

bool drill_lex_at_line_end(struct drill_lex *lex)
{
    drill_lex_blanks(lex);
    return lex->cur == lex->end || *lex->cur == '#' || newline_at(lex->cur, lex->end);
}

bool drill_lex_at_gap(const struct drill_lex *lex)
{
    const uint8_t *p = lex->cur;
    return p == lex->end || *p == ' ' || *p == '\t' || *p == '|' || *p == '#' ||
           newline_at(p, lex->end) || (*p == '\\' && newline_at(p + 1, lex->end));
}

struct drill_span drill_lex_peek_name(const struct drill_lex *lex)
{
    struct drill_span rest = drill_span_of(lex->cur, (size_t)(lex->end - lex->cur));
    struct drill_span name = drill_span_of(lex->cur, 0);
    (void)drill_text_scan_name(&rest, &name);
    return name;
}

bool drill_lex_name(struct drill_lex *lex, struct drill_span *name)
{
    *name = drill_lex_peek_name(lex);
    lex->cur += name->len;
    return name->len > 0;
}

/* ---- numbers and strings ---- */

struct unit {
    const char *word;
    uint64_t microseconds;
};

/* `digits` and a unit: true when the word is one; `big` when it does not fit. */
static bool scan_duration(struct drill_span word, uint64_t *value, bool *big)
{
    static const struct unit units[] = {{"ms", 1000}, {"min", 60000000}, {"s", 1000000}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t n = strlen(units[i].word);
        if (word.len <= n || memcmp(word.ptr + word.len - n, units[i].word, n) != 0) {
            continue;
        }
        struct drill_span number = drill_span_sub(word, 0, word.len - n);
        if (number.ptr[number.len - 1] == 'B' && drill_span_find(number, 'i') < number.len) {
            return false; /* 1KiBs */
        }
        if (!drill_text_scan_int(&number, value) || number.len) {
            continue;
        }
        *big = *value > UINT64_MAX / units[i].microseconds;
        *value = *big ? 0 : *value * units[i].microseconds;
        return true;
    }
    return false;
}

/* Whether a word that scans neither as integer nor as duration has only digits. */
static bool only_digits(struct drill_span word)
{
    size_t at = 0;
    bool hex = word.len > 2 && word.ptr[0] == '0' && (word.ptr[1] | 0x20) == 'x';
    for (at = hex ? 2 : 0; at < word.len; at++) {
        uint8_t c = word.ptr[at];
        uint8_t low = (uint8_t)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(hex && low >= 'a' && low <= 'f')) {
            break;
        }
    }
    struct drill_span left = drill_span_sub(word, at, word.len);
    static const char *const ends[] = {"", "KiB", "MiB", "ms", "s", "min"};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (drill_span_equal(left, drill_span_str(ends[i]))) {
            return true;
        }
    }
    return false;
}

enum drill_lex_number drill_lex_number(struct drill_lex *lex, uint64_t *value)
{
    const uint8_t *q = lex->cur;
    while (q < lex->end && is_word_byte(*q)) {
        q++;
    }
    struct drill_span word = drill_span_of(lex->cur, (size_t)(q - lex->cur));
    struct drill_span scan = word;
    bool big = false;
    if (drill_text_scan_int(&scan, value) && scan.len == 0) {
        lex->cur = q;
        return DRILL_NUMBER_INT;
    }
    if (scan_duration(word, value, &big) && !big) {
        lex->cur = q;
        return DRILL_NUMBER_DURATION;
    }
    struct drill_brief came = drill_brief_of(word);
    if (big || only_digits(word)) {
        drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_LIMIT,
                       "%s is too large: a number has at most 64 bits (18446744073709551615)",
                       came.text);
    } else {
        drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                       "`%s` is no number: write decimal or 0x hexadecimal digits, then nothing, "
                       "KiB, MiB, ms, s or min",
                       came.text);
    }
    return DRILL_NUMBER_BAD;
}

bool drill_lex_string(struct drill_lex *lex, struct drill_span *out)
{
    struct drill_error err;
    struct drill_pos pos = drill_lex_pos(lex);
    /* Only up to the closing quote or the end of the line: a line of many strings stays linear. */
    const uint8_t *to = lex->cur + 1;
    while (to < lex->end && *to != '"' && *to != '\n') {
        to += *to == '\\' && lex->end - to > 1 && to[1] != '\n' ? 2 : 1;
    }
    to += to < lex->end && *to == '"';
    struct drill_span line = drill_span_of(lex->cur, (size_t)(to - lex->cur));
    struct drill_span scan = line;
    drill_error_clear(&err);
    enum drill_code code = drill_text_scan_string(&scan, lex->arena, out, &err);
    if (code == DRILL_OK) {
        lex->cur = scan.ptr;
        return true;
    }
    if (code == DRILL_ERR_MEMORY) {
        return drill_lex_no_memory(lex);
    }
    if (scan.ptr && scan.ptr > line.ptr && scan.ptr < to) {
        pos.column += (uint32_t)(scan.ptr - line.ptr);
    }
    return drill_lex_adopt(lex, pos, &err);
}

/* ---- lines ---- */

static struct drill_span take_comment(struct drill_lex *lex)
{
    const uint8_t *from = lex->cur;
    while (lex->cur < lex->end && *lex->cur != '\n') {
        lex->cur++;
    }
    const uint8_t *to = lex->cur;
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\r')) {
        to--;
    }
    return drill_span_of(from, (size_t)(to - from));
}

/* One pass over comments and blank lines; writes to `w`. */
static void pass_above(struct drill_lex *lex, struct drill_writer *w)
{
    bool blank = false;
    for (;;) {
        drill_lex_blanks(lex);
        size_t n = newline_at(lex->cur, lex->end);
        if (n) {
            if (!blank) {
                drill_write_u8(w, '\n');
            }
            blank = true;
            pass_newline(lex, n);
        } else if (lex->cur < lex->end && *lex->cur == '#') {
            drill_write_bytes(w, take_comment(lex));
            drill_write_u8(w, '\n');
            blank = false;
            if (lex->cur < lex->end) {
                pass_newline(lex, 1);
            }
        } else {
            return;
        }
    }
}

bool drill_lex_above(struct drill_lex *lex, struct drill_span *above)
{
    struct drill_lex ahead = *lex;
    struct drill_writer w = drill_writer_of(NULL, 0);
    pass_above(&ahead, &w);
    *above = drill_span_of(NULL, 0);
    if (w.len) {
        size_t size = w.len;
        uint8_t *p = drill_lex_take_memory(lex, size);
        if (!p) {
            return false;
        }
        w = drill_writer_of(p, size);
        ahead = *lex;
        pass_above(&ahead, &w);
        *above = drill_writer_span(&w);
    }
    *lex = ahead;
    return true;
}

bool drill_lex_finish(struct drill_lex *lex, struct drill_span *after)
{
    *after = drill_span_of(NULL, 0);
    if (!drill_lex_at_line_end(lex)) {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected the end of the line, got %s", drill_lex_came(lex).text);
    }
    if (drill_lex_peek(lex) == '#') {
        *after = take_comment(lex);
    }
    size_t n = newline_at(lex->cur, lex->end);
    if (n) {
        pass_newline(lex, n);
    }
    return true;
}

bool drill_lex_skip_line(struct drill_lex *lex)
{
    bool opened = false;
    bool quoted = false;
    while (lex->cur < lex->end) {
        size_t n = newline_at(lex->cur, lex->end);
        if (n) {
            pass_newline(lex, n);
            break;
        }
        uint8_t c = *lex->cur;
        if (c == '#' && !quoted) {
            (void)take_comment(lex);
            continue;
        }
        if (c == '\\' && (n = newline_at(lex->cur + 1, lex->end)) > 0 && !quoted) {
            pass_newline(lex, n + 1);
            continue;
        }
        if (c == '\\' && quoted && lex->cur + 1 < lex->end && lex->cur[1] == '"') {
            lex->cur++;
        } else if (c == '"') {
            quoted = !quoted;
        }
        opened = c == '{' || (opened && (c == ' ' || c == '\t'));
        lex->cur++;
    }
    return opened;
}
