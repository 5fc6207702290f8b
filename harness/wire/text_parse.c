/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include <string.h>

#include "wire/text_fields.h"
#include "wire/text_value.h"

/* ---- fields ---- */

static enum drill_code read_equals(struct drill_text_parser *p)
{
    if (!drill_value_at(p, '=')) {
        p->mark = p->cur.ptr;
        return drill_value_expected(p, "\"=\" and a value");
    }
    drill_value_skip(p, 1);
    p->mark = p->cur.ptr;
    return DRILL_OK;
}

/* A string to `rest`, with its NUL. */
static enum drill_code keep_str(struct drill_text_parser *p, struct drill_span s)
{
    if (s.len >= p->limit || p->rest.len > p->limit - s.len - 1) {
        return drill_value_over_limit(p);
    }
    if (!drill_buf_append(&p->rest, s) || !drill_buf_append(&p->rest, drill_span_of("", 1))) {
        return drill_value_no_memory(p);
    }
    return DRILL_OK;
}

static enum drill_code read_kept_str(struct drill_text_parser *p)
{
    struct drill_span s;
    enum drill_code code = drill_value_bytes(p, &s);
    return code ? code : keep_str(p, s);
}

static enum drill_code read_list(struct drill_text_parser *p)
{
    uint32_t number = 0;
    uint8_t bytes[4];
    if (!drill_value_at(p, '.')) {
        p->mark = p->cur.ptr;
        return drill_value_expected(p, "a point and a stage, as in list.rcpt=");
    }
    drill_value_skip(p, 1);
    enum drill_code code = drill_value_list_stage(p, &number);
    if (!code) {
        code = read_equals(p);
    }
    if (code) {
        return code;
    }
    drill_put_be32(bytes, number);
    if (!drill_buf_append(&p->rest, drill_span_of(bytes, 4))) {
        return drill_value_no_memory(p);
    }
    return read_kept_str(p);
}

static enum drill_code read_pair(struct drill_text_parser *p, struct drill_span name)
{
    enum drill_code code = read_equals(p);
    if (!code) {
        code = keep_str(p, name);
    }
    return code ? code : read_kept_str(p);
}

static enum drill_code read_value(struct drill_text_parser *p, enum drill_text_field field)
{
    size_t count;
    const struct drill_proto_bit *bits;
    uint32_t value = 0;
    enum drill_code code = DRILL_OK;
    switch (field) {
    case DRILL_TEXT_DATA: p->has_data = true; return drill_value_bytes(p, &p->data);
    case DRILL_TEXT_STR: return drill_value_bytes(p, &p->m.str[0]);
    case DRILL_TEXT_STR2:
    case DRILL_TEXT_OPT: p->m.has_second = true; return drill_value_bytes(p, &p->m.str[1]);
    case DRILL_TEXT_STRS: return read_kept_str(p);
    case DRILL_TEXT_INDEX:
    case DRILL_TEXT_VERSION: return drill_value_u32(p, UINT32_MAX, &p->m.number[0]);
    case DRILL_TEXT_ACTIONS:
        bits = drill_proto_actions(&count);
        return drill_value_flags(p, bits, count, &p->m.number[1]);
    case DRILL_TEXT_PROTOCOL:
        bits = drill_proto_steps(&count);
        return drill_value_flags(p, bits, count, &p->m.number[2]);
    case DRILL_TEXT_FAMILY: return drill_value_family(p, &p->m.letter);
    case DRILL_TEXT_STAGE: return drill_value_stage(p, &p->m.letter);
    case DRILL_TEXT_PORT:
        code = drill_value_u32(p, UINT16_MAX, &value);
        p->m.port = (uint16_t)value;
        return code;
    case DRILL_TEXT_CODE:
        code = drill_value_u32(p, UINT8_MAX, &value);
        p->m.code = (uint8_t)value;
        return code;
    case DRILL_TEXT_LISTS: return read_list(p);
    case DRILL_TEXT_PAIRS: break; /* has no key of its own */
    }
    return code;
}

static enum drill_code unknown_field(struct drill_text_parser *p, struct drill_span key)
{
    const char *names[DRILL_VALUE_NAMES];
    char buf[DRILL_VALUE_HINT];
    size_t count = 0;
    for (; count < p->row_count; count++) {
        names[count] = drill_text_key(&p->rows[count], p->message);
    }
    names[count++] = "data";
    const char *word = p->message ? p->message->word : "this line";
    if (p->message && p->message->shape == DRILL_SHAPE_MACRO) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE,
                               "macro has no field \"%.*s\"%s (a macro of that name is "
                               "written with quotes: \"%.*s\"=)",
                               drill_value_shown(key), (const char *)key.ptr,
                               drill_value_hint(buf, key, names, count), drill_value_shown(key),
                               (const char *)key.ptr));
    }
    return drill_value_at_mark(p, drill_error_set(p->err, DRILL_ERR_VALUE,
                                                  "%s has no field \"%.*s\"%s", word,
                                                  drill_value_shown(key), (const char *)key.ptr,
                                                  drill_value_hint(buf, key, names, count)));
}

static enum drill_code twice(struct drill_text_parser *p)
{
    return drill_value_at_mark(
        p, drill_error_set(p->err, DRILL_ERR_VALUE, "this field stands twice on the line"));
}

static enum drill_code read_row(struct drill_text_parser *p, size_t i)
{
    uint32_t bit = (uint32_t)1 << i;
    enum drill_code code = DRILL_OK;
    if ((p->seen & bit) && p->rows[i].need != DRILL_TEXT_MANY) {
        return twice(p);
    }
    p->seen |= bit;
    if (p->rows[i].field != DRILL_TEXT_LISTS) {
        code = read_equals(p);
    }
    return code ? code : read_value(p, p->rows[i].field);
}

static enum drill_code read_named(struct drill_text_parser *p, struct drill_span key)
{
    for (size_t i = 0; i < p->row_count; i++) {
        const char *name = drill_text_key(&p->rows[i], p->message);
        if (name && drill_span_equal(key, drill_span_str(name))) {
            return read_row(p, i);
        }
    }
    if (drill_span_equal(key, drill_span_str("data"))) {
        if (p->has_data) {
            return twice(p);
        }
        enum drill_code code = read_equals(p);
        return code ? code : read_value(p, DRILL_TEXT_DATA);
    }
    if (p->message && p->message->shape == DRILL_SHAPE_MACRO && key.len == 1) {
        return read_pair(p, key);
    }
    return unknown_field(p, key);
}

/* {word} or "any bytes", as the name of a macro. */
static enum drill_code read_macro_name(struct drill_text_parser *p)
{
    struct drill_span name;
    if (drill_value_at(p, '"')) {
        enum drill_code code = drill_value_string(p, &name);
        return code ? code : read_pair(p, name);
    }
    const uint8_t *start = p->cur.ptr;
    drill_value_skip(p, 1);
    if (!drill_text_scan_name(&p->cur, &name) || !drill_value_at(p, '}')) {
        return drill_value_expected(p, "a macro name as {word}, one letter, or a string");
    }
    drill_value_skip(p, 1);
    return read_pair(p, drill_span_of(start, name.len + 2));
}

static enum drill_code read_field(struct drill_text_parser *p)
{
    struct drill_span key;
    if (drill_text_scan_name(&p->cur, &key)) {
        return read_named(p, key);
    }
    if ((drill_value_at(p, '"') || drill_value_at(p, '{')) && p->message &&
        p->message->shape == DRILL_SHAPE_MACRO) {
        return read_macro_name(p);
    }
    return drill_value_expected(p, "a field, as in name=value");
}

static enum drill_code read_fields(struct drill_text_parser *p)
{
    for (;;) {
        size_t gap = drill_value_blanks(p);
        if (drill_value_at_end(p)) {
            return DRILL_OK;
        }
        if (gap == 0) {
            return drill_value_expected(p, "a blank before the next field");
        }
        enum drill_code code = read_field(p);
        if (code) {
            return code;
        }
    }
}

/* ---- the line ---- */

static enum drill_code missing(struct drill_text_parser *p, const char *key)
{
    return drill_value_at_mark(
        p, drill_error_set(p->err, DRILL_ERR_VALUE, "%s= is missing here", key ? key : "data"));
}

static bool has(const struct drill_text_parser *p, enum drill_text_field field)
{
    for (size_t i = 0; i < p->row_count; i++) {
        if (p->rows[i].field == field) {
            return (p->seen >> i & 1) != 0;
        }
    }
    return false;
}

/* Port and address come together, except that `unknown` has neither. */
static enum drill_code check_connect(struct drill_text_parser *p)
{
    bool port = has(p, DRILL_TEXT_PORT);
    bool address = has(p, DRILL_TEXT_STR2);
    if (p->m.letter == DRILL_FAMILY_UNKNOWN && (port || address)) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE,
                               "family=unknown has no port and no address; data= can "
                               "write such a payload"));
    }
    bool known = p->m.letter == DRILL_FAMILY_INET || p->m.letter == DRILL_FAMILY_INET6 ||
                 p->m.letter == DRILL_FAMILY_UNIX;
    if (!port && (address || known)) {
        return missing(p, "port");
    }
    return !address && (port || known) ? missing(p, "address") : DRILL_OK;
}

static enum drill_code check_fields(struct drill_text_parser *p)
{
    uint32_t others = p->seen;
    for (size_t i = 0; i < p->row_count; i++) {
        const struct drill_text_row *row = &p->rows[i];
        if (row->field == DRILL_TEXT_DATA || row->field == DRILL_TEXT_CODE) {
            others &= ~((uint32_t)1 << i);
        }
        bool absent = (p->seen >> i & 1) == 0 && row->need == DRILL_TEXT_ONCE;
        bool replaced = p->has_data && row->field != DRILL_TEXT_CODE;
        bool empty = row->field == DRILL_TEXT_DATA && p->message && p->m.dir == DRILL_TO_MILTER &&
                     p->m.code == DRILL_SMFIC_BODYEOB;
        if (absent && !replaced && !empty) {
            return missing(p, drill_text_key(row, p->message));
        }
    }
    if (p->has_data && (others || p->rest.len)) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE,
                               "data= is the whole payload, so no field of the message "
                               "can stand beside it"));
    }
    if (!p->has_data && p->m.shape == DRILL_SHAPE_CONNECT) {
        return check_connect(p);
    }
    return DRILL_OK;
}

static enum drill_code finish(struct drill_text_parser *p, struct drill_text_line *out)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    out->dir = p->m.dir;
    out->code = p->m.code;
    out->payload = p->data;
    if (p->has_data) {
        return DRILL_OK;
    }
    p->m.rest = drill_buf_span(&p->rest);
    drill_message_encode(&p->m, &w);
    if (w.len > p->limit) {
        return drill_value_over_limit(p);
    }
    void *bytes = drill_arena_take(p->arena, w.len + 1);
    if (!bytes) {
        return drill_value_no_memory(p);
    }
    w = drill_writer_of(bytes, w.len);
    drill_message_encode(&p->m, &w);
    out->payload = drill_writer_span(&w);
    return DRILL_OK;
}

static const struct drill_text_row raw_rows[] = {
    {DRILL_SHAPE_BYTES, DRILL_TEXT_DATA, DRILL_TEXT_ONCE, "data", 0},
    {DRILL_SHAPE_BYTES, DRILL_TEXT_CODE, DRILL_TEXT_ONCE, "code", 0},
};

static enum drill_code unknown_word(struct drill_text_parser *p, struct drill_span word)
{
    const char *names[DRILL_VALUE_NAMES];
    bool to_milter = p->m.dir == DRILL_TO_MILTER;
    enum drill_dir other = to_milter ? DRILL_TO_MTA : DRILL_TO_MILTER;
    if (drill_proto_word(other, word)) {
        return drill_value_at_mark(
            p, drill_error_set(p->err, DRILL_ERR_VALUE, "%.*s is a %s: its line begins with \"%s\"",
                               drill_value_shown(word), (const char *)word.ptr,
                               to_milter ? "reply" : "command", to_milter ? "<" : ">"));
    }
    size_t count = drill_value_message_names(p->m.dir, names);
    names[count++] = "frame";
    names[count++] = "raw";
    return drill_value_unknown_name(p, to_milter ? "command" : "reply", word, names, count);
}

static enum drill_code read_word(struct drill_text_parser *p, struct drill_text_line *out)
{
    struct drill_span word;
    drill_value_blanks(p);
    if (!drill_value_at(p, '>') && !drill_value_at(p, '<')) {
        return drill_value_expected(p, "\">\" (MTA to milter) or \"<\" (milter to MTA)");
    }
    enum drill_dir dir = drill_value_at(p, '>') ? DRILL_TO_MILTER : DRILL_TO_MTA;
    drill_value_skip(p, 1);
    drill_value_blanks(p);
    if (!drill_text_scan_name(&p->cur, &word)) {
        return drill_value_expected(p, "the name of a message");
    }
    (void)drill_message_init(&p->m, dir, 0);
    bool raw = drill_span_equal(word, drill_span_str("raw"));
    out->kind = raw ? DRILL_TEXT_RAW : DRILL_TEXT_FRAME;
    if (raw || drill_span_equal(word, drill_span_str("frame"))) {
        p->rows = raw_rows;
        p->row_count = raw ? 1 : 2;
        return DRILL_OK;
    }
    p->message = drill_proto_word(dir, word);
    if (!p->message) {
        return unknown_word(p, word);
    }
    (void)drill_message_init(&p->m, dir, p->message->code);
    p->rows = drill_text_rows(p->message->shape, &p->row_count);
    return DRILL_OK;
}

enum drill_code drill_text_parse(struct drill_span line, size_t limit, struct drill_arena *arena,
                                 struct drill_text_line *out, struct drill_error *err)
{
    struct drill_text_parser p;
    memset(&p, 0, sizeof(p));
    while (line.len && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r')) {
        line.len--;
    }
    p.line = line;
    p.cur = line;
    p.mark = line.ptr;
    p.limit = limit;
    p.arena = arena;
    p.err = err;
    drill_buf_init(&p.rest, arena->alloc);
    drill_error_clear(err);
    enum drill_code code = read_word(&p, out);
    if (!code) {
        code = read_fields(&p);
    }
    if (!code) {
        code = check_fields(&p);
    }
    if (!code) {
        code = finish(&p, out);
    }
    drill_buf_fini(&p.rest);
    return code;
}
