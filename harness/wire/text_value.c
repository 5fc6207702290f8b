/* SPDX-License-Identifier: MIT */
#include "wire/text_value.h"

#include <stdio.h>
#include <string.h>

#include "base/nearest.h"

/* ---- errors ---- */

enum drill_code drill_value_at_mark(struct drill_text_parser *p, enum drill_code code)
{
    drill_error_at(p->err, NULL, 1, (uint32_t)(p->mark - p->line.ptr) + 1);
    return code;
}

enum drill_code drill_value_no_memory(struct drill_text_parser *p)
{
    return drill_value_at_mark(
        p, drill_error_set(p->err, DRILL_ERR_MEMORY, "out of memory for this line"));
}

enum drill_code drill_value_over_limit(struct drill_text_parser *p)
{
    return drill_value_at_mark(p, drill_error_set(p->err, DRILL_ERR_LIMIT,
                                                  "the line expands to more than %lu bytes",
                                                  (unsigned long)p->limit));
}

enum drill_code drill_value_expected(struct drill_text_parser *p, const char *what)
{
    if (p->cur.len == 0 || p->cur.ptr[0] == '#') {
        return drill_value_at_mark(p, drill_error_set(p->err, DRILL_ERR_SYNTAX,
                                                      "expected %s, but the line ends here", what));
    }
    return drill_value_at_mark(p, drill_error_set(p->err, DRILL_ERR_SYNTAX, "expected %s", what));
}

/* "; did you mean "x"?", or "". */
const char *drill_value_hint(char *buf, struct drill_span word, const char *const *names,
                             size_t count)
{
    const char *name = drill_nearest(word, names, count);
    buf[0] = '\0';
    if (name) {
        (void)snprintf(buf, DRILL_VALUE_HINT, "; did you mean \"%s\"?", name);
    }
    return buf;
}

/* A name in an error text. */
int drill_value_shown(struct drill_span s)
{
    return (int)(s.len < 40 ? s.len : 40);
}

enum drill_code drill_value_unknown_name(struct drill_text_parser *p, const char *what,
                                         struct drill_span word, const char *const *names,
                                         size_t count)
{
    char buf[DRILL_VALUE_HINT];
    return drill_value_at_mark(p, drill_error_set(p->err, DRILL_ERR_VALUE, "unknown %s \"%.*s\"%s",
                                                  what, drill_value_shown(word),
                                                  (const char *)word.ptr,
                                                  drill_value_hint(buf, word, names, count)));
}

/* ---- tokens ---- */

/* Returns how many blanks there were; the next token begins here. */
size_t drill_value_blanks(struct drill_text_parser *p)
{
    size_t n = 0;
    while (n < p->cur.len && (p->cur.ptr[n] == ' ' || p->cur.ptr[n] == '\t')) {
        n++;
    }
    drill_value_skip(p, n);
    p->mark = p->cur.ptr;
    return n;
}

static enum drill_code read_int(struct drill_text_parser *p, uint64_t most, uint64_t *value)
{
    p->mark = p->cur.ptr;
    if (!drill_text_scan_int(&p->cur, value)) {
        return drill_value_expected(p, "an integer (decimal or 0x hexadecimal)");
    }
    if (*value > most) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE, "%llu does not fit here; at most %llu",
                               (unsigned long long)*value, (unsigned long long)most));
    }
    return DRILL_OK;
}

/* ---- bytes values ---- */

struct part {
    struct part *next;
    struct drill_span bytes;
    uint64_t times;
};

enum drill_code drill_value_string(struct drill_text_parser *p, struct drill_span *out)
{
    if (!drill_value_at(p, '"')) {
        return drill_value_expected(p, "a string");
    }
    enum drill_code code = drill_text_scan_string(&p->cur, p->arena, out, p->err);
    if (code) {
        p->mark = p->cur.ptr;
        drill_value_at_mark(p, code);
    }
    return code;
}

static enum drill_code read_atom(struct drill_text_parser *p, struct drill_span *out)
{
    struct drill_span name;
    if (drill_value_at(p, '"')) {
        return drill_value_string(p, out);
    }
    if (!drill_text_scan_name(&p->cur, &name)) {
        return drill_value_expected(p, "a value: \"...\" or hex \"...\"");
    }
    if (drill_span_equal(name, drill_span_str("file"))) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE,
                               "a single line cannot load files; write the bytes"));
    }
    if (!drill_span_equal(name, drill_span_str("hex"))) {
        p->cur = drill_span_of(p->mark, p->cur.len + name.len);
        return drill_value_expected(p, "a value: \"...\" or hex \"...\"");
    }
    drill_value_blanks(p);
    enum drill_code code = drill_value_string(p, out);
    if (!code) {
        code = drill_value_at_mark(p, drill_text_unhex(*out, p->arena, out, p->err));
    }
    return code;
}

/* Behind a part: blanks and `c`. Otherwise nothing is taken. */
static bool take_operator(struct drill_text_parser *p, char c)
{
    struct drill_span before = p->cur;
    const uint8_t *mark = p->mark;
    drill_value_blanks(p);
    if (drill_value_at(p, c)) {
        drill_value_skip(p, 1);
        drill_value_blanks(p);
        return true;
    }
    p->cur = before;
    p->mark = mark;
    return false;
}

static enum drill_code read_part(struct drill_text_parser *p, struct part *part, size_t *total)
{
    enum drill_code code = read_atom(p, &part->bytes);
    part->times = 1;
    if (!code && take_operator(p, '*')) {
        code = read_int(p, UINT64_MAX, &part->times);
    }
    if (code) {
        return code;
    }
    if (part->bytes.len && part->times > (p->limit - *total) / part->bytes.len) {
        return drill_value_over_limit(p);
    }
    *total += part->bytes.len * (size_t)part->times;
    return DRILL_OK;
}

static uint8_t *put_part(uint8_t *to, const struct part *part)
{
    if (part->bytes.len == 1) {
        memset(to, part->bytes.ptr[0], (size_t)part->times);
        return to + part->times;
    }
    for (uint64_t i = 0; part->bytes.len && i < part->times; i++) {
        memcpy(to, part->bytes.ptr, part->bytes.len);
        to += part->bytes.len;
    }
    return to;
}

enum drill_code drill_value_bytes(struct drill_text_parser *p, struct drill_span *out)
{
    struct part *first = NULL;
    struct part **last = &first;
    size_t total = 0;
    do {
        struct part *part = (struct part *)drill_arena_take(p->arena, sizeof(*part));
        if (!part) {
            return drill_value_no_memory(p);
        }
        enum drill_code code = read_part(p, part, &total);
        if (code) {
            return code;
        }
        *last = part;
        last = &part->next;
    } while (take_operator(p, '+'));
    if (!first->next && first->times == 1) {
        *out = first->bytes;
        return DRILL_OK;
    }
    uint8_t *bytes = (uint8_t *)drill_arena_take(p->arena, total + 1);
    if (!bytes) {
        return drill_value_no_memory(p);
    }
    *out = drill_span_of(bytes, total);
    for (const struct part *part = first; part; part = part->next) {
        bytes = put_part(bytes, part);
    }
    return DRILL_OK;
}

/* ---- other values ---- */

enum drill_code drill_value_u32(struct drill_text_parser *p, uint64_t most, uint32_t *out)
{
    uint64_t value = 0;
    enum drill_code code = read_int(p, most, &value);
    *out = (uint32_t)value;
    return code;
}

static enum drill_code read_flag(struct drill_text_parser *p, const struct drill_proto_bit *bits,
                                 size_t count, uint32_t *value)
{
    struct drill_span word;
    uint32_t more = 0;
    const char *names[DRILL_VALUE_NAMES];
    p->mark = p->cur.ptr;
    if (!drill_text_scan_name(&p->cur, &word)) {
        if (drill_value_at(p, '+') || drill_value_at(p, '-')) {
            return drill_value_expected(
                p, "names or integers with commas between; + and - need a profile");
        }
        enum drill_code code = drill_value_u32(p, UINT32_MAX, &more);
        *value |= more;
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(word, drill_span_str(bits[i].word))) {
            *value |= bits[i].bit;
            return DRILL_OK;
        }
        names[i] = bits[i].word;
    }
    return drill_value_unknown_name(p, "flag", word, names, count);
}

enum drill_code drill_value_flags(struct drill_text_parser *p, const struct drill_proto_bit *bits,
                                  size_t count, uint32_t *value)
{
    enum drill_code code;
    do {
        code = read_flag(p, bits, count, value);
    } while (!code && take_operator(p, ','));
    return code;
}

enum drill_code drill_value_family(struct drill_text_parser *p, uint8_t *letter)
{
    static const char *const names[] = {"inet", "inet6", "unix", "unknown"};
    static const uint8_t letters[] = {DRILL_FAMILY_INET, DRILL_FAMILY_INET6, DRILL_FAMILY_UNIX,
                                      DRILL_FAMILY_UNKNOWN};
    struct drill_span word;
    uint32_t value = 0;
    if (drill_text_scan_name(&p->cur, &word)) {
        for (size_t i = 0; i < 4; i++) {
            if (drill_span_equal(word, drill_span_str(names[i]))) {
                *letter = letters[i];
                return DRILL_OK;
            }
        }
        return drill_value_unknown_name(p, "address family", word, names, 4);
    }
    enum drill_code code = drill_value_u32(p, UINT8_MAX, &value);
    *letter = (uint8_t)value;
    return code;
}

size_t drill_value_message_names(enum drill_dir dir, const char **names)
{
    size_t count;
    const struct drill_proto_message *all = drill_proto_messages(dir, &count);
    for (size_t i = 0; i < count; i++) {
        names[i] = all[i].word;
    }
    return count;
}

enum drill_code drill_value_stage(struct drill_text_parser *p, uint8_t *letter)
{
    struct drill_span word;
    uint32_t value = 0;
    if (drill_text_scan_name(&p->cur, &word)) {
        const struct drill_proto_message *command = drill_proto_word(DRILL_TO_MILTER, word);
        const char *names[DRILL_VALUE_NAMES];
        if (!command) {
            return drill_value_unknown_name(p, "command", word, names,
                                            drill_value_message_names(DRILL_TO_MILTER, names));
        }
        *letter = command->code;
        return DRILL_OK;
    }
    enum drill_code code = drill_value_u32(p, UINT8_MAX, &value);
    *letter = (uint8_t)value;
    return code;
}

/* list.STAGE: what is behind the point. */
enum drill_code drill_value_list_stage(struct drill_text_parser *p, uint32_t *number)
{
    struct drill_span word;
    const char *names[DRILL_VALUE_NAMES];
    size_t count;
    const struct drill_proto_stage *stages = drill_proto_stages(&count);
    p->mark = p->cur.ptr;
    if (!drill_text_scan_name(&p->cur, &word)) {
        return drill_value_u32(p, UINT32_MAX, number);
    }
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(word, drill_span_str(stages[i].word))) {
            *number = stages[i].number;
            return DRILL_OK;
        }
        names[i] = stages[i].word;
    }
    return drill_value_unknown_name(p, "stage of a macro list", word, names, count);
}
