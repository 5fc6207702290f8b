/* SPDX-License-Identifier: MIT */
#include "wire/text.h"

#include "wire/text_fields.h"

static const struct drill_text_row rows[] = {
    {DRILL_SHAPE_BYTES, DRILL_TEXT_DATA, DRILL_TEXT_ONCE, "data", 0},
    {DRILL_SHAPE_STR, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_STR_STRS, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_STR_STRS, DRILL_TEXT_STRS, DRILL_TEXT_MANY, NULL, 1},
    {DRILL_SHAPE_STR_STR, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_STR_STR, DRILL_TEXT_STR2, DRILL_TEXT_ONCE, NULL, 1},
    {DRILL_SHAPE_BE32_STR_STR, DRILL_TEXT_INDEX, DRILL_TEXT_ONCE, "index", 0},
    {DRILL_SHAPE_BE32_STR_STR, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_BE32_STR_STR, DRILL_TEXT_STR2, DRILL_TEXT_ONCE, NULL, 1},
    {DRILL_SHAPE_STR_OPT, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_STR_OPT, DRILL_TEXT_OPT, DRILL_TEXT_PERHAPS, NULL, 1},
    {DRILL_SHAPE_TEXT, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_OPTNEG, DRILL_TEXT_VERSION, DRILL_TEXT_ONCE, "version", 0},
    {DRILL_SHAPE_OPTNEG, DRILL_TEXT_ACTIONS, DRILL_TEXT_ONCE, "actions", 0},
    {DRILL_SHAPE_OPTNEG, DRILL_TEXT_PROTOCOL, DRILL_TEXT_ONCE, "protocol", 0},
    {DRILL_SHAPE_OPTNEG, DRILL_TEXT_LISTS, DRILL_TEXT_MANY, "list", 0},
    {DRILL_SHAPE_CONNECT, DRILL_TEXT_STR, DRILL_TEXT_ONCE, NULL, 0},
    {DRILL_SHAPE_CONNECT, DRILL_TEXT_FAMILY, DRILL_TEXT_ONCE, "family", 0},
    {DRILL_SHAPE_CONNECT, DRILL_TEXT_PORT, DRILL_TEXT_PERHAPS, "port", 0},
    {DRILL_SHAPE_CONNECT, DRILL_TEXT_STR2, DRILL_TEXT_PERHAPS, NULL, 1},
    {DRILL_SHAPE_MACRO, DRILL_TEXT_STAGE, DRILL_TEXT_ONCE, "stage", 0},
    {DRILL_SHAPE_MACRO, DRILL_TEXT_PAIRS, DRILL_TEXT_MANY, NULL, 0},
};

const struct drill_text_row *drill_text_rows(enum drill_shape shape, size_t *count)
{
    const size_t all = sizeof(rows) / sizeof(rows[0]);
    size_t first = 0;
    while (first < all && rows[first].shape != shape) {
        first++;
    }
    *count = 0;
    while (first + *count < all && rows[first + *count].shape == shape) {
        (*count)++;
    }
    return rows + (*count ? first : 0);
}

/* ---- values ---- */

static const char hex_digits[] = "0123456789abcdef";

static void put_escaped(struct drill_writer *w, uint8_t c)
{
    switch (c) {
    case '\\': drill_write_text(w, "\\\\"); break;
    case '"': drill_write_text(w, "\\\""); break;
    case '\n': drill_write_text(w, "\\n"); break;
    case '\r': drill_write_text(w, "\\r"); break;
    case '\t': drill_write_text(w, "\\t"); break;
    case '\0': drill_write_text(w, "\\0"); break;
    default:
        if (c >= 0x20 && c < 0x7f) {
            drill_write_u8(w, c);
        } else {
            drill_write_text(w, "\\x");
            drill_write_u8(w, (uint8_t)hex_digits[c >> 4]);
            drill_write_u8(w, (uint8_t)hex_digits[c & 15]);
        }
    }
}

static void put_string(struct drill_writer *w, struct drill_span s)
{
    drill_write_u8(w, '"');
    for (size_t i = 0; i < s.len; i++) {
        put_escaped(w, s.ptr[i]);
    }
    drill_write_u8(w, '"');
}

static size_t run_at(struct drill_span s, size_t at)
{
    size_t n = 1;
    while (at + n < s.len && s.ptr[at + n] == s.ptr[at]) {
        n++;
    }
    return n;
}

static void put_plus(struct drill_writer *w, size_t at)
{
    if (at) {
        drill_write_text(w, " + ");
    }
}

static void put_parts(struct drill_writer *w, struct drill_span s)
{
    size_t start = 0; /* of the part that is not written yet */
    for (size_t at = 0; at < s.len;) {
        size_t run = run_at(s, at);
        if (run >= DRILL_TEXT_RUN) {
            if (start < at) {
                put_plus(w, start);
                put_string(w, drill_span_sub(s, start, at - start));
            }
            put_plus(w, at);
            put_string(w, drill_span_sub(s, at, 1));
            drill_write_text(w, " * ");
            drill_write_dec(w, run);
            start = at + run;
        }
        at += run;
    }
    if (start < s.len || s.len == 0) {
        put_plus(w, start);
        put_string(w, drill_span_sub(s, start, s.len));
    }
}

void drill_text_bytes(struct drill_writer *w, struct drill_span bytes, size_t shorten)
{
    if (shorten && bytes.len > shorten && run_at(bytes, 0) < bytes.len) {
        put_parts(w, drill_span_sub(bytes, 0, shorten));
        drill_write_text(w, "... (");
        drill_write_dec(w, bytes.len);
        drill_write_text(w, " bytes)");
        return;
    }
    put_parts(w, bytes);
}

static void put_hex(struct drill_writer *w, uint32_t v)
{
    int shift = 28;
    while (shift > 0 && v >> shift == 0) {
        shift -= 4;
    }
    drill_write_text(w, "0x");
    for (; shift >= 0; shift -= 4) {
        drill_write_u8(w, (uint8_t)hex_digits[v >> shift & 15]);
    }
}

void drill_text_flags(struct drill_writer *w, const struct drill_proto_bit *bits, size_t count,
                      uint32_t value)
{
    if (value == 0) {
        drill_write_text(w, "0");
        return;
    }
    bool more = false;
    for (size_t i = 0; i < count; i++) {
        if (value & bits[i].bit) {
            drill_write_text(w, more ? "," : "");
            drill_write_text(w, bits[i].word);
            value &= ~bits[i].bit;
            more = true;
        }
    }
    if (value) {
        drill_write_text(w, more ? "," : "");
        put_hex(w, value);
    }
}

/* ---- fields ---- */

static void put_key(struct drill_writer *w, const char *key)
{
    drill_write_u8(w, ' ');
    drill_write_text(w, key);
    drill_write_u8(w, '=');
}

static void put_bytes_field(struct drill_writer *w, const char *key, struct drill_span value,
                            size_t shorten)
{
    put_key(w, key);
    drill_text_bytes(w, value, shorten);
}

static void put_strs(struct drill_writer *w, const char *key, struct drill_span rest,
                     size_t shorten)
{
    struct drill_reader r = drill_reader_of(rest);
    struct drill_span s;
    while (drill_message_next_str(&r, &s)) {
        put_bytes_field(w, key, s, shorten);
    }
}

static void put_lists(struct drill_writer *w, struct drill_span rest, size_t shorten)
{
    struct drill_reader r = drill_reader_of(rest);
    uint32_t stage;
    struct drill_span names;
    size_t count;
    const struct drill_proto_stage *known = drill_proto_stages(&count);
    while (drill_message_next_list(&r, &stage, &names)) {
        drill_write_text(w, " list.");
        size_t i = 0;
        while (i < count && known[i].number != stage) {
            i++;
        }
        if (i < count) {
            drill_write_text(w, known[i].word);
        } else {
            drill_write_dec(w, stage);
        }
        drill_write_u8(w, '=');
        drill_text_bytes(w, names, shorten);
    }
}

/* Names print bare only where they cannot be taken for a field: one letter, or {word}. */
static bool bare_macro(struct drill_span name)
{
    struct drill_span inner = name;
    struct drill_span word;
    if (name.len > 2 && name.ptr[0] == '{' && name.ptr[name.len - 1] == '}') {
        inner = drill_span_sub(name, 1, name.len - 2);
    } else if (name.len != 1) {
        return false;
    }
    return drill_text_scan_name(&inner, &word) && inner.len == 0;
}

static void put_pairs(struct drill_writer *w, struct drill_span rest, size_t shorten)
{
    struct drill_reader r = drill_reader_of(rest);
    struct drill_span name;
    struct drill_span value;
    while (drill_message_next_macro(&r, &name, &value)) {
        drill_write_u8(w, ' ');
        if (bare_macro(name)) {
            drill_write_bytes(w, name);
        } else {
            put_string(w, name);
        }
        drill_write_u8(w, '=');
        drill_text_bytes(w, value, shorten);
    }
}

static void put_family(struct drill_writer *w, uint8_t letter)
{
    switch (letter) {
    case DRILL_FAMILY_UNKNOWN: drill_write_text(w, "unknown"); break;
    case DRILL_FAMILY_UNIX: drill_write_text(w, "unix"); break;
    case DRILL_FAMILY_INET: drill_write_text(w, "inet"); break;
    case DRILL_FAMILY_INET6: drill_write_text(w, "inet6"); break;
    default: drill_write_dec(w, letter);
    }
}

static void put_stage(struct drill_writer *w, uint8_t letter)
{
    const struct drill_proto_message *command = drill_proto_find(DRILL_TO_MILTER, letter);
    if (command) {
        drill_write_text(w, command->word);
    } else {
        drill_write_dec(w, letter);
    }
}

static void put_number(struct drill_writer *w, const char *key, uint32_t value)
{
    put_key(w, key);
    drill_write_dec(w, value);
}

static void put_flags(struct drill_writer *w, const char *key, const struct drill_proto_bit *bits,
                      size_t count, uint32_t value)
{
    put_key(w, key);
    drill_text_flags(w, bits, count, value);
}

static void put_field(struct drill_writer *w, const struct drill_message *m,
                      enum drill_text_field field, const char *key, size_t shorten)
{
    size_t count;
    const struct drill_proto_bit *bits;
    switch (field) {
    case DRILL_TEXT_DATA:
        if (m->rest.len || m->dir == DRILL_TO_MTA || m->code != DRILL_SMFIC_BODYEOB) {
            put_bytes_field(w, key, m->rest, shorten);
        }
        break;
    case DRILL_TEXT_CODE: put_number(w, key, m->code); break;
    case DRILL_TEXT_STR: put_bytes_field(w, key, m->str[0], shorten); break;
    case DRILL_TEXT_STR2:
        if (m->shape != DRILL_SHAPE_CONNECT || m->has_second) {
            put_bytes_field(w, key, m->str[1], shorten);
        }
        break;
    case DRILL_TEXT_OPT:
        if (m->has_second) {
            put_bytes_field(w, key, m->str[1], shorten);
        }
        break;
    case DRILL_TEXT_STRS: put_strs(w, key, m->rest, shorten); break;
    case DRILL_TEXT_INDEX:
    case DRILL_TEXT_VERSION: put_number(w, key, m->number[0]); break;
    case DRILL_TEXT_ACTIONS:
        bits = drill_proto_actions(&count);
        put_flags(w, key, bits, count, m->number[1]);
        break;
    case DRILL_TEXT_PROTOCOL:
        bits = drill_proto_steps(&count);
        put_flags(w, key, bits, count, m->number[2]);
        break;
    case DRILL_TEXT_LISTS: put_lists(w, m->rest, shorten); break;
    case DRILL_TEXT_FAMILY:
        put_key(w, key);
        put_family(w, m->letter);
        break;
    case DRILL_TEXT_PORT:
        if (m->has_second) {
            put_number(w, key, m->port);
        }
        break;
    case DRILL_TEXT_STAGE:
        put_key(w, key);
        put_stage(w, m->letter);
        break;
    case DRILL_TEXT_PAIRS: put_pairs(w, m->rest, shorten); break;
    }
}

/* ---- lines ---- */

static void put_dir(struct drill_writer *w, enum drill_dir dir)
{
    drill_write_text(w, dir == DRILL_TO_MILTER ? "> " : "< ");
}

void drill_text_message(struct drill_writer *w, const struct drill_message *m, size_t shorten)
{
    const struct drill_proto_message *message = drill_proto_find(m->dir, m->code);
    put_dir(w, m->dir);
    if (!message) {
        drill_write_text(w, "frame");
        put_number(w, "code", m->code);
        put_bytes_field(w, "data", m->payload, shorten);
        return;
    }
    drill_write_text(w, message->word);
    if (m->defect) {
        put_bytes_field(w, "data", m->payload, shorten);
        return;
    }
    size_t count;
    const struct drill_text_row *row = drill_text_rows(m->shape, &count);
    for (size_t i = 0; i < count; i++) {
        put_field(w, m, row[i].field, drill_text_key(&row[i], message), shorten);
    }
}

void drill_text_frame(struct drill_writer *w, enum drill_dir dir, uint8_t code,
                      struct drill_span payload, size_t shorten)
{
    struct drill_message m;
    drill_message_decode(dir, code, payload, &m);
    drill_text_message(w, &m, shorten);
}

void drill_text_raw(struct drill_writer *w, enum drill_dir dir, struct drill_span bytes,
                    size_t shorten)
{
    put_dir(w, dir);
    drill_write_text(w, "raw");
    put_bytes_field(w, "data", bytes, shorten);
}
