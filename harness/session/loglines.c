/* SPDX-License-Identifier: MIT */
#include "session/loglines.h"

#include <string.h>

#include "wire/proto.h"

static const struct row {
    const char *program;
    const char *pattern;
    const char *rule;
    const char *means;
    const char *advice;
} rows[] = {
#define DRILL_LOG(PROGRAM, PATTERN, RULE, MEANS, ADVICE) {PROGRAM, PATTERN, RULE, MEANS, ADVICE},
#include "session/log.def"
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(uint8_t c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c) || c == '_' || c == '-';
}

/* SMFIC_MAIL, mail, or M. */
static uint8_t stage_of(struct drill_span name)
{
    size_t count;
    const struct drill_proto_message *m = drill_proto_messages(DRILL_TO_MILTER, &count);
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal_nocase(name, drill_span_str(m[i].name)) ||
            drill_span_equal_nocase(name, drill_span_str(m[i].word)) ||
            (name.len == 1 && name.ptr[0] == m[i].code)) {
            return m[i].code;
        }
    }
    return 0;
}

/* Takes a name from the front of *s; false when there is none. */
static bool take_name(struct drill_span *s, struct drill_logline *out)
{
    size_t n = 0;
    while (n < s->len && is_name(s->ptr[n])) {
        n++;
    }
    uint8_t stage = stage_of(drill_span_sub(*s, 0, n));
    out->stage = stage ? stage : out->stage;
    *s = drill_span_sub(*s, n, s->len);
    return n > 0;
}

static bool take_number(struct drill_span *s, struct drill_logline *out)
{
    uint64_t value = 0;
    size_t n = 0;
    while (n < s->len && is_digit(s->ptr[n]) && value < UINT64_MAX / 16) {
        value = value * 10 + (uint64_t)(s->ptr[n++] - '0');
    }
    if (n && !out->has_number) {
        out->has_number = true;
        out->number = value;
    }
    *s = drill_span_sub(*s, n, s->len);
    return n > 0;
}

/* The literals and names of a pattern up to its next `*`, at the front of s. */
static bool fits(const char *pattern, size_t len, struct drill_span *s, struct drill_logline *out)
{
    for (size_t i = 0; i < len; i++) {
        if (pattern[i] == '@' || pattern[i] == '#') {
            if (!(pattern[i] == '@' ? take_name(s, out) : take_number(s, out))) {
                return false;
            }
        } else if (s->len && lower(s->ptr[0]) == lower((uint8_t)pattern[i])) {
            *s = drill_span_sub(*s, 1, s->len);
        } else {
            return false;
        }
    }
    return true;
}

/* Each part of the pattern between stars at its first place behind the one before it. */
static bool matches(const char *pattern, struct drill_span line, struct drill_logline *out)
{
    while (*pattern) {
        size_t len = strcspn(pattern, "*");
        struct drill_span rest = line;
        struct drill_logline found = *out;
        while (!fits(pattern, len, &rest, &found)) {
            if (line.len == 0) {
                return false;
            }
            line = drill_span_sub(line, 1, line.len);
            rest = line;
            found = *out;
        }
        *out = found;
        line = rest;
        pattern += len + (pattern[len] == '*');
    }
    return true;
}

bool drill_loglines_find(struct drill_span line, struct drill_logline *out)
{
    line = drill_span_sub(line, 0, DRILL_LOGLINE_MAX);
    for (size_t i = 0; i < ROWS; i++) {
        struct drill_logline hit = {.row = i,
                                    .program = rows[i].program,
                                    .means = rows[i].means,
                                    .advice = rows[i].advice,
                                    .rule = rows[i].rule};
        if (matches(rows[i].pattern, line, &hit)) {
            *out = hit;
            return true;
        }
    }
    return false;
}

const char *drill_loglines_pattern(size_t row, const char **rule)
{
    if (row >= ROWS) {
        return NULL;
    }
    *rule = rows[row].rule;
    return rows[row].pattern;
}
