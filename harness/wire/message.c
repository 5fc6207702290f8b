/* SPDX-License-Identifier: MIT */
#include "wire/message.h"

#include <string.h>

/* ---- decode: one function a shape ---- */

/* What is behind the last string: surplus strings mean a NUL inside a value. */
static enum drill_defect behind_strings(const struct drill_reader *r)
{
    if (drill_reader_left(r) == 0) {
        return DRILL_DEFECT_NONE;
    }
    return r->end[-1] == 0 ? DRILL_DEFECT_EMBEDDED_NUL : DRILL_DEFECT_TRAILING;
}

/* One string that must be there. */
static enum drill_defect take_str(struct drill_reader *r, struct drill_span *out)
{
    if (drill_reader_left(r) == 0) {
        return DRILL_DEFECT_SHORT;
    }
    if (!drill_read_str(r, out)) {
        *out = drill_read_rest(r);
        return DRILL_DEFECT_NO_NUL;
    }
    return DRILL_DEFECT_NONE;
}

static enum drill_defect decode_strs(struct drill_reader *r, struct drill_message *m, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum drill_defect defect = take_str(r, &m->str[i]);
        if (defect) {
            return defect;
        }
    }
    return behind_strings(r);
}

static enum drill_defect decode_str_strs(struct drill_reader *r, struct drill_message *m)
{
    enum drill_defect defect = take_str(r, &m->str[0]);
    m->rest = drill_read_rest(r);
    if (!defect && m->rest.len && m->rest.ptr[m->rest.len - 1] != 0) {
        defect = DRILL_DEFECT_NO_NUL;
    }
    return defect;
}

static enum drill_defect decode_be32_str_str(struct drill_reader *r, struct drill_message *m)
{
    if (!drill_read_be32(r, &m->number[0])) {
        return DRILL_DEFECT_SHORT;
    }
    return decode_strs(r, m, 2);
}

static enum drill_defect decode_str_opt(struct drill_reader *r, struct drill_message *m)
{
    enum drill_defect defect = take_str(r, &m->str[0]);
    if (defect || drill_reader_left(r) == 0) {
        return defect;
    }
    m->has_second = true;
    defect = take_str(r, &m->str[1]);
    return defect ? defect : behind_strings(r);
}

static enum drill_defect decode_optneg(struct drill_reader *r, struct drill_message *m)
{
    for (size_t i = 0; i < 3; i++) {
        if (!drill_read_be32(r, &m->number[i])) {
            return DRILL_DEFECT_SHORT;
        }
    }
    m->rest = drill_read_rest(r);
    if (m->rest.len == 0) {
        return DRILL_DEFECT_NONE;
    }
    struct drill_reader lists = drill_reader_of(m->rest);
    uint32_t stage;
    struct drill_span names;
    while (drill_message_next_list(&lists, &stage, &names)) {}
    bool exact = drill_reader_left(&lists) == 0;
    if (m->dir == DRILL_TO_MTA) {
        return exact ? DRILL_DEFECT_NONE : DRILL_DEFECT_BAD_LIST;
    }
    return exact ? DRILL_DEFECT_LIST_IN_OFFER : DRILL_DEFECT_TRAILING;
}

static enum drill_defect decode_connect(struct drill_reader *r, struct drill_message *m)
{
    enum drill_defect defect = take_str(r, &m->str[0]);
    if (defect) {
        return defect;
    }
    if (!drill_read_u8(r, &m->letter)) {
        return DRILL_DEFECT_SHORT;
    }
    if (m->letter == DRILL_FAMILY_UNKNOWN) {
        return drill_reader_left(r) ? DRILL_DEFECT_TRAILING : DRILL_DEFECT_NONE;
    }
    if (m->letter != DRILL_FAMILY_UNIX && m->letter != DRILL_FAMILY_INET &&
        m->letter != DRILL_FAMILY_INET6) {
        return DRILL_DEFECT_BAD_FAMILY;
    }
    if (!drill_read_be16(r, &m->port)) {
        return DRILL_DEFECT_SHORT;
    }
    m->has_second = true;
    defect = take_str(r, &m->str[1]);
    return defect ? defect : behind_strings(r);
}

static enum drill_defect decode_macro(struct drill_reader *r, struct drill_message *m)
{
    if (!drill_read_u8(r, &m->letter)) {
        return DRILL_DEFECT_SHORT;
    }
    m->rest = drill_read_rest(r);
    if (m->rest.len && m->rest.ptr[m->rest.len - 1] != 0) {
        return DRILL_DEFECT_NO_NUL;
    }
    struct drill_reader pairs = drill_reader_of(m->rest);
    struct drill_span name;
    struct drill_span value;
    while (drill_message_next_macro(&pairs, &name, &value)) {}
    return drill_reader_left(&pairs) ? DRILL_DEFECT_ODD_MACROS : DRILL_DEFECT_NONE;
}

static enum drill_defect decode_shape(struct drill_reader *r, struct drill_message *m)
{
    switch (m->shape) {
    case DRILL_SHAPE_NONE: return drill_reader_left(r) ? DRILL_DEFECT_TRAILING : DRILL_DEFECT_NONE;
    case DRILL_SHAPE_BYTES: m->rest = drill_read_rest(r); return DRILL_DEFECT_NONE;
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_TEXT: return decode_strs(r, m, 1);
    case DRILL_SHAPE_STR_STRS: return decode_str_strs(r, m);
    case DRILL_SHAPE_STR_STR: return decode_strs(r, m, 2);
    case DRILL_SHAPE_BE32_STR_STR: return decode_be32_str_str(r, m);
    case DRILL_SHAPE_STR_OPT: return decode_str_opt(r, m);
    case DRILL_SHAPE_OPTNEG: return decode_optneg(r, m);
    case DRILL_SHAPE_CONNECT: return decode_connect(r, m);
    case DRILL_SHAPE_MACRO: return decode_macro(r, m);
    }
    return DRILL_DEFECT_UNKNOWN_CODE;
}

static void clear(struct drill_message *m, enum drill_dir dir, uint8_t code)
{
    memset(m, 0, sizeof(*m));
    m->dir = dir;
    m->code = code;
    m->shape = DRILL_SHAPE_BYTES;
}

enum drill_defect drill_message_decode(enum drill_dir dir, uint8_t code, struct drill_span payload,
                                       struct drill_message *m)
{
    const struct drill_proto_message *row = drill_proto_find(dir, code);
    clear(m, dir, code);
    m->payload = payload;
    if (!row) {
        m->rest = payload;
        m->defect = DRILL_DEFECT_UNKNOWN_CODE;
        return m->defect;
    }
    m->shape = row->shape;
    struct drill_reader r = drill_reader_of(payload);
    m->defect = decode_shape(&r, m);
    if (m->defect == DRILL_DEFECT_SHORT && payload.len == 0) {
        m->defect = DRILL_DEFECT_EMPTY;
    }
    return m->defect;
}

/* ---- encode: a payload as pieces, one case a shape ---- */

enum { PIECES = 6 };

struct pieces {
    uint8_t fixed[12]; /* integers and letters, big endian */
    struct drill_span piece[PIECES];
    size_t count;
};

static void add(struct pieces *p, struct drill_span s)
{
    p->piece[p->count++] = s;
}

static void add_str(struct pieces *p, struct drill_span s)
{
    add(p, s);
    add(p, drill_span_of("", 1));
}

static void add_connect(struct pieces *p, const struct drill_message *m)
{
    add_str(p, m->str[0]);
    p->fixed[0] = m->letter;
    p->fixed[1] = (uint8_t)(m->port >> 8);
    p->fixed[2] = (uint8_t)m->port;
    add(p, drill_span_of(p->fixed, m->has_second ? 3 : 1));
    if (m->has_second) {
        add_str(p, m->str[1]);
    }
}

static void add_numbers(struct pieces *p, const struct drill_message *m, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        drill_put_be32(p->fixed + 4 * i, m->number[i]);
    }
    add(p, drill_span_of(p->fixed, 4 * count));
}

static void add_shape(struct pieces *p, const struct drill_message *m)
{
    switch (m->shape) {
    case DRILL_SHAPE_NONE: break;
    case DRILL_SHAPE_BYTES: add(p, m->rest); break;
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_TEXT: add_str(p, m->str[0]); break;
    case DRILL_SHAPE_STR_STRS:
        add_str(p, m->str[0]);
        add(p, m->rest);
        break;
    case DRILL_SHAPE_BE32_STR_STR:
        add_numbers(p, m, 1);
        add_str(p, m->str[0]);
        add_str(p, m->str[1]);
        break;
    case DRILL_SHAPE_STR_STR:
        add_str(p, m->str[0]);
        add_str(p, m->str[1]);
        break;
    case DRILL_SHAPE_STR_OPT:
        add_str(p, m->str[0]);
        if (m->has_second) {
            add_str(p, m->str[1]);
        }
        break;
    case DRILL_SHAPE_OPTNEG:
        add_numbers(p, m, 3);
        add(p, m->rest);
        break;
    case DRILL_SHAPE_CONNECT: add_connect(p, m); break;
    case DRILL_SHAPE_MACRO:
        p->fixed[0] = m->letter;
        add(p, drill_span_of(p->fixed, 1));
        add(p, m->rest);
        break;
    }
}

/* Pieces point into *p and *m. */
static void to_pieces(struct pieces *p, const struct drill_message *m)
{
    p->count = 0;
    if (m->defect) {
        add(p, m->payload);
    } else {
        add_shape(p, m);
    }
}

void drill_message_encode(const struct drill_message *m, struct drill_writer *w)
{
    struct pieces p;
    to_pieces(&p, m);
    for (size_t i = 0; i < p.count; i++) {
        drill_write_bytes(w, p.piece[i]);
    }
}

bool drill_message_init(struct drill_message *m, enum drill_dir dir, uint8_t code)
{
    const struct drill_proto_message *row = drill_proto_find(dir, code);
    clear(m, dir, code);
    if (!row) {
        m->defect = DRILL_DEFECT_UNKNOWN_CODE;
        return false;
    }
    m->shape = row->shape;
    if (m->shape == DRILL_SHAPE_CONNECT) {
        m->letter = DRILL_FAMILY_UNKNOWN;
    }
    return true;
}

/* The next piece that has bytes; empty at the end. */
static struct drill_span next_piece(const struct pieces *p, size_t *at)
{
    while (*at < p->count) {
        struct drill_span s = p->piece[(*at)++];
        if (s.len) {
            return s;
        }
    }
    return drill_span_of(NULL, 0);
}

bool drill_message_equal(const struct drill_message *a, const struct drill_message *b)
{
    if (a->dir != b->dir || a->code != b->code) {
        return false;
    }
    struct pieces pa;
    struct pieces pb;
    to_pieces(&pa, a);
    to_pieces(&pb, b);
    struct drill_span sa = drill_span_of(NULL, 0);
    struct drill_span sb = drill_span_of(NULL, 0);
    for (size_t ia = 0, ib = 0;;) {
        sa = sa.len ? sa : next_piece(&pa, &ia);
        sb = sb.len ? sb : next_piece(&pb, &ib);
        size_t n = sa.len < sb.len ? sa.len : sb.len;
        if (n == 0) {
            return sa.len == sb.len;
        }
        if (memcmp(sa.ptr, sb.ptr, n) != 0) {
            return false;
        }
        sa = drill_span_sub(sa, n, sa.len);
        sb = drill_span_sub(sb, n, sb.len);
    }
}

const char *drill_defect_text(enum drill_defect defect)
{
    switch (defect) {
    case DRILL_DEFECT_NONE: return "none";
    case DRILL_DEFECT_UNKNOWN_CODE: return "unknown code";
    case DRILL_DEFECT_EMPTY: return "no payload";
    case DRILL_DEFECT_SHORT: return "payload too short";
    case DRILL_DEFECT_NO_NUL: return "missing final NUL";
    case DRILL_DEFECT_EMBEDDED_NUL: return "more strings than the message has";
    case DRILL_DEFECT_TRAILING: return "bytes behind the end of the message";
    case DRILL_DEFECT_BAD_FAMILY: return "unknown address family";
    case DRILL_DEFECT_ODD_MACROS: return "macro name without a value";
    case DRILL_DEFECT_BAD_LIST: return "macro list is torn";
    case DRILL_DEFECT_LIST_IN_OFFER: return "macro lists in an MTA's offer";
    }
    return "unknown defect";
}

/* ---- walks ---- */

bool drill_message_next_str(struct drill_reader *r, struct drill_span *s)
{
    return drill_read_str(r, s);
}

bool drill_message_next_macro(struct drill_reader *r, struct drill_span *name,
                              struct drill_span *value)
{
    struct drill_reader ahead = *r;
    if (!drill_read_str(&ahead, name) || !drill_read_str(&ahead, value)) {
        return false;
    }
    *r = ahead;
    return true;
}

bool drill_message_next_list(struct drill_reader *r, uint32_t *stage, struct drill_span *names)
{
    struct drill_reader ahead = *r;
    if (!drill_read_be32(&ahead, stage) || !drill_read_str(&ahead, names)) {
        return false;
    }
    *r = ahead;
    return true;
}
