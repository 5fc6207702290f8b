/* SPDX-License-Identifier: MIT */
#include "scenario/compose.h"

#include <string.h>

enum { BIND_PEEK_MAX = 1 << 20 };

/* One item on its way to segments. The first failure stays. */
struct composer {
    const struct drill_item *item;
    struct drill_message from; /* the fallback */
    struct drill_binds *binds;
    struct drill_arena *arena;
    struct drill_segment *segment;
    size_t count;
    size_t room;
    uint64_t size; /* saturates */
    enum drill_code code;
    const char *fault;
};

static void fail(struct composer *c, enum drill_code code, const char *fault)
{
    if (!c->code) {
        c->code = code;
        c->fault = fault;
    }
}

/* ---- segments ---- */

static bool make_room(struct composer *c)
{
    if (c->count < c->room) {
        return true;
    }
    size_t room = c->room ? c->room * 2 : 16;
    struct drill_segment *more = drill_arena_take(c->arena, room * sizeof(*more));
    if (!more) {
        fail(c, DRILL_ERR_MEMORY, "no memory left for this line");
        return false;
    }
    if (c->count) {
        memcpy(more, c->segment, c->count * sizeof(*more));
    }
    c->segment = more;
    c->room = room;
    return true;
}

static void put_times(struct composer *c, struct drill_span bytes, uint64_t times)
{
    if (c->code || bytes.len == 0 || times == 0 || !make_room(c)) {
        return;
    }
    uint64_t size = times > UINT64_MAX / bytes.len ? UINT64_MAX : times * bytes.len;
    c->size = size > UINT64_MAX - c->size ? UINT64_MAX : c->size + size;
    c->segment[c->count].bytes = bytes;
    c->segment[c->count].times = times;
    c->count++;
}

static void put(struct composer *c, struct drill_span bytes)
{
    put_times(c, bytes, 1);
}

static void put_nul(struct composer *c)
{
    put(c, drill_span_of("", 1));
}

static void put_be(struct composer *c, uint64_t number, size_t bytes)
{
    uint8_t be[4];
    for (size_t i = 0; i < bytes; i++) {
        be[i] = (uint8_t)(number >> 8 * (bytes - 1 - i));
    }
    struct drill_span copy = drill_arena_copy(c->arena, drill_span_of(be, bytes));
    if (!copy.ptr) {
        fail(c, DRILL_ERR_MEMORY, "no memory left for this line");
        return;
    }
    put(c, copy);
}

/* ---- fields ---- */

static const struct drill_field *find(const struct composer *c, enum drill_field_id id)
{
    const struct drill_field *f = c->item->fields;
    while (f && f->id != id) {
        f = f->next;
    }
    return f;
}

static void bind(struct composer *c, const struct drill_value *v, struct drill_span sent)
{
    if (!c->binds || c->code) {
        return;
    }
    if (!drill_binds_find(c->binds, v->text) && c->binds->count == DRILL_BINDS_MAX) {
        fail(c, DRILL_ERR_LIMIT, "more than 64 different $names in one run");
    } else if (!drill_binds_set(c->binds, v->text, sent)) {
        fail(c, DRILL_ERR_MEMORY, "no memory left for this line");
    }
}

/* Puts what a value says; false when it says nothing to send, and nothing is put. */
static bool put_value(struct composer *c, const struct drill_value *v)
{
    if (v->kind == DRILL_VALUE_BYTES) {
        for (const struct drill_part *part = v->parts; part; part = part->next) {
            put_times(c, part->bytes, part->times);
        }
        return true;
    }
    if (v->kind == DRILL_VALUE_NAME) {
        put(c, v->text);
        return true;
    }
    const struct drill_bind *bound =
        v->kind == DRILL_VALUE_BIND ? drill_binds_find(c->binds, v->text) : NULL;
    if (bound) {
        put(c, bound->value);
    }
    return bound != NULL;
}

/* The field's value, or `fallback`, which an unbound $name is bound to. */
static void put_or(struct composer *c, const struct drill_field *f, struct drill_span fallback)
{
    if (f && put_value(c, &f->value)) {
        return;
    }
    put(c, fallback);
    if (f && f->value.kind == DRILL_VALUE_BIND) {
        bind(c, &f->value, fallback);
    }
}

static void put_str(struct composer *c, enum drill_field_id id, struct drill_span fallback)
{
    put_or(c, find(c, id), fallback);
    put_nul(c);
}

static uint64_t decimal(struct drill_span s, uint64_t otherwise)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return otherwise;
        }
        v = v * 10 + (uint64_t)(s.ptr[i] - '0');
        if (v > UINT32_MAX) {
            return otherwise;
        }
    }
    return s.len ? v : otherwise;
}

static uint64_t bound_number(struct composer *c, const struct drill_value *v, uint64_t fallback)
{
    const struct drill_bind *bound = drill_binds_find(c->binds, v->text);
    uint8_t digits[24];
    struct drill_writer w = drill_writer_of(digits, sizeof(digits));
    if (bound) {
        return decimal(bound->value, fallback);
    }
    drill_write_dec(&w, fallback);
    bind(c, v, drill_writer_span(&w));
    return fallback;
}

static uint64_t number(struct composer *c, enum drill_field_id id, uint64_t fallback)
{
    const struct drill_field *f = find(c, id);
    if (!f) {
        return fallback;
    }
    switch (f->value.kind) {
    case DRILL_VALUE_INT:
    case DRILL_VALUE_DURATION:
    case DRILL_VALUE_FLAGS: return f->value.number;
    case DRILL_VALUE_EDIT: return (fallback | f->value.set) & ~(uint64_t)f->value.clear;
    case DRILL_VALUE_BIND: return bound_number(c, &f->value, fallback);
    case DRILL_VALUE_BYTES:
    case DRILL_VALUE_INTS:
    case DRILL_VALUE_NAME:
    case DRILL_VALUE_GLOB:
    case DRILL_VALUE_RANGE:
    case DRILL_VALUE_LEN:
    case DRILL_VALUE_ABSENT: return fallback;
    }
    return fallback;
}

/* Whether a field has something to send of its own. */
static bool says(const struct composer *c, const struct drill_field *f)
{
    return f && !drill_value_is_pattern(&f->value) && f->value.kind != DRILL_VALUE_ABSENT &&
           (f->value.kind != DRILL_VALUE_BIND || drill_binds_find(c->binds, f->value.text));
}

/* ---- shapes ---- */

/* Named arguments replace all of the profile's; a pattern stands for the profile's at its place. */
static void put_args(struct composer *c)
{
    const struct drill_field *f = find(c, DRILL_FIELD_ARG);
    struct drill_reader r = drill_reader_of(c->from.rest);
    bool any = false;
    for (const struct drill_field *g = f; g; g = g->next) {
        any = any ||
              (g->id == DRILL_FIELD_ARG && (says(c, g) || g->value.kind == DRILL_VALUE_ABSENT));
    }
    if (!any) {
        struct drill_span first;
        if (f && f->value.kind == DRILL_VALUE_BIND && drill_message_next_str(&r, &first)) {
            bind(c, &f->value, first);
        }
        put(c, c->from.rest);
        return;
    }
    for (; f; f = f->next) {
        struct drill_span own;
        if (f->id != DRILL_FIELD_ARG) {
            continue;
        }
        bool have = drill_message_next_str(&r, &own);
        if (says(c, f) || (have && f->value.kind != DRILL_VALUE_ABSENT)) {
            put_or(c, f, have ? own : drill_span_of(NULL, 0));
            put_nul(c);
        }
    }
}

static void put_second(struct composer *c)
{
    const struct drill_field *f = find(c, DRILL_FIELD_STR1);
    bool absent = f && f->value.kind == DRILL_VALUE_ABSENT;
    if (!absent && (says(c, f) || c->from.has_second)) {
        put_str(c, DRILL_FIELD_STR1, c->from.str[1]);
    }
}

static void put_lists(struct composer *c)
{
    for (const struct drill_field *f = c->item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_LIST && says(c, f)) {
            put_be(c, f->number, 4);
            put_or(c, f, drill_span_of(NULL, 0));
            put_nul(c);
        }
    }
}

static void put_connect(struct composer *c)
{
    put_str(c, DRILL_FIELD_STR0, c->from.str[0]);
    bool named = says(c, find(c, DRILL_FIELD_FAMILY));
    uint64_t family = number(c, DRILL_FIELD_FAMILY, c->from.letter);
    bool second = named ? family != DRILL_FAMILY_UNKNOWN : c->from.has_second;
    put_be(c, family, 1);
    if (second || says(c, find(c, DRILL_FIELD_PORT)) || says(c, find(c, DRILL_FIELD_STR1))) {
        put_be(c, number(c, DRILL_FIELD_PORT, c->from.port), 2);
        put_str(c, DRILL_FIELD_STR1, c->from.str[1]);
    }
}

static bool find_macro(const struct drill_message *m, struct drill_span name,
                       struct drill_span *value)
{
    struct drill_reader r = drill_reader_of(m->rest);
    struct drill_span key;
    while (drill_message_next_macro(&r, &key, value)) {
        if (drill_span_equal(key, name)) {
            return true;
        }
    }
    *value = drill_span_of(NULL, 0);
    return false;
}

/* The named pairs and no others; a pattern stands for the profile's value of that name. */
static void put_macros(struct composer *c)
{
    put_be(c, number(c, DRILL_FIELD_STAGE, c->from.letter), 1);
    for (const struct drill_field *f = c->item->fields; f; f = f->next) {
        struct drill_span own;
        if (f->id != DRILL_FIELD_MACRO || f->value.kind == DRILL_VALUE_ABSENT) {
            continue;
        }
        if (drill_span_find(f->key, 0) < f->key.len) {
            fail(c, DRILL_ERR_VALUE, "a macro name cannot have a NUL in it");
        }
        if (find_macro(&c->from, f->key, &own) || says(c, f)) {
            put(c, f->key);
            put_nul(c);
            put_or(c, f, own);
            put_nul(c);
        }
    }
}

static void put_shape(struct composer *c)
{
    const struct drill_message *from = &c->from;
    switch (from->shape) {
    case DRILL_SHAPE_NONE: break;
    case DRILL_SHAPE_BYTES: put_or(c, find(c, DRILL_FIELD_BODY), from->rest); break;
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_TEXT: put_str(c, DRILL_FIELD_STR0, from->str[0]); break;
    case DRILL_SHAPE_STR_STRS:
        put_str(c, DRILL_FIELD_STR0, from->str[0]);
        put_args(c);
        break;
    case DRILL_SHAPE_BE32_STR_STR:
        put_be(c, number(c, DRILL_FIELD_NUMBER0, from->number[0]), 4);
        put_str(c, DRILL_FIELD_STR0, from->str[0]);
        put_str(c, DRILL_FIELD_STR1, from->str[1]);
        break;
    case DRILL_SHAPE_STR_STR:
        put_str(c, DRILL_FIELD_STR0, from->str[0]);
        put_str(c, DRILL_FIELD_STR1, from->str[1]);
        break;
    case DRILL_SHAPE_STR_OPT:
        put_str(c, DRILL_FIELD_STR0, from->str[0]);
        put_second(c);
        break;
    case DRILL_SHAPE_OPTNEG:
        put_be(c, number(c, DRILL_FIELD_NUMBER0, from->number[0]), 4);
        put_be(c, number(c, DRILL_FIELD_NUMBER1, from->number[1]), 4);
        put_be(c, number(c, DRILL_FIELD_NUMBER2, from->number[2]), 4);
        put_lists(c);
        break;
    case DRILL_SHAPE_CONNECT: put_connect(c); break;
    case DRILL_SHAPE_MACRO: put_macros(c); break;
    }
}

/* ---- the whole ---- */

static void finish(const struct composer *c, struct drill_outgoing *out)
{
    const struct drill_travel *t = &c->item->travel;
    out->size = c->size;
    out->segment = c->segment;
    out->segments = c->count;
    out->total = c->size;
    if (out->framed) {
        out->length = t->has_length ? t->length : (uint32_t)(c->size + 1);
        out->total = c->size > UINT64_MAX - 5 ? UINT64_MAX : c->size + 5;
    }
    if (t->has_cut && t->cut < out->total) {
        out->total = t->cut;
    }
}

/* An unbound $name in place of a whole payload is bound to the payload that was made. */
static void bind_payload(struct composer *c, const struct drill_value *v,
                         const struct drill_outgoing *out)
{
    size_t size = out->size < BIND_PEEK_MAX ? (size_t)out->size : BIND_PEEK_MAX;
    uint8_t *copy = c->binds ? drill_arena_take(c->arena, size + 1) : NULL;
    if (c->binds && !copy) {
        fail(c, DRILL_ERR_MEMORY, "no memory left for this line");
    } else if (copy) {
        bind(c, v, drill_span_of(copy, drill_outgoing_peek(out, copy, size)));
    }
}

static void begin(struct composer *c, enum drill_dir dir, const struct drill_message *fallback)
{
    if (fallback) {
        c->from = *fallback;
    } else if (c->item->kind == DRILL_ITEM_MESSAGE) {
        (void)drill_message_init(&c->from, dir, c->item->code);
    } else {
        memset(&c->from, 0, sizeof(c->from));
        c->from.shape = DRILL_SHAPE_NONE;
    }
}

static void compose(struct composer *c, struct drill_outgoing *out)
{
    const struct drill_item *item = c->item;
    const struct drill_field *data = find(c, DRILL_FIELD_DATA);
    out->framed = item->kind != DRILL_ITEM_RAW;
    out->code = item->code;
    if (item->kind == DRILL_ITEM_FRAME) {
        out->code = (uint8_t)number(c, DRILL_FIELD_CODE, c->from.code);
    }
    bool whole = data && put_value(c, &data->value);
    if (!whole && item->kind == DRILL_ITEM_MESSAGE) {
        put_shape(c);
    }
    if (out->framed && !item->travel.has_length && c->size >= UINT32_MAX) {
        fail(c, DRILL_ERR_VALUE,
             "this frame is larger than its length word can say (4294967294 bytes)");
    }
    finish(c, out);
    if (!whole && data && data->value.kind == DRILL_VALUE_BIND && !c->code) {
        bind_payload(c, &data->value, out);
    }
}

enum drill_code drill_compose(const struct drill_item *item, enum drill_dir dir,
                              const struct drill_message *fallback, struct drill_binds *binds,
                              struct drill_arena *arena, struct drill_outgoing *out,
                              struct drill_error *err)
{
    struct composer c = {.item = item, .binds = binds, .arena = arena};
    memset(out, 0, sizeof(*out));
    begin(&c, dir, fallback);
    compose(&c, out);
    if (c.code) {
        (void)drill_error_set(err, c.code, "%s", c.fault);
        drill_error_at(err, NULL, item->pos.line, item->pos.column);
    }
    return c.code;
}

enum drill_code drill_compose_message(const struct drill_message *m, struct drill_arena *arena,
                                      struct drill_outgoing *out)
{
    const struct drill_item item = {.kind = DRILL_ITEM_MESSAGE, .code = m->code};
    struct composer c = {.item = &item, .from = *m, .arena = arena};
    memset(out, 0, sizeof(*out));
    out->framed = true;
    out->code = m->code;
    if (m->defect) {
        put(&c, m->payload);
    } else {
        put_shape(&c);
        bool rest = m->shape == DRILL_SHAPE_OPTNEG || m->shape == DRILL_SHAPE_MACRO;
        put(&c, rest ? m->rest : drill_span_of(NULL, 0));
    }
    if (c.size >= UINT32_MAX) {
        fail(&c, DRILL_ERR_VALUE, "");
    }
    finish(&c, out);
    return c.code;
}

/* ---- bytes on their way out ---- */

/* Takes at most `cap` bytes of the segments. */
static size_t pull_payload(struct drill_outgoing *out, uint8_t *buf, size_t cap)
{
    size_t done = 0;
    while (done < cap && out->at_segment < out->segments) {
        const struct drill_segment *s = &out->segment[out->at_segment];
        size_t room = cap - done;
        if (s->bytes.len == 1) {
            uint64_t left = s->times - out->at_time;
            size_t n = left < room ? (size_t)left : room;
            memset(buf + done, s->bytes.ptr[0], n);
            out->at_time += n;
            done += n;
        } else {
            size_t left = s->bytes.len - out->at_byte;
            size_t n = left < room ? left : room;
            memcpy(buf + done, s->bytes.ptr + out->at_byte, n);
            out->at_byte += n;
            done += n;
            if (out->at_byte == s->bytes.len) {
                out->at_byte = 0;
                out->at_time++;
            }
        }
        if (out->at_time == s->times) {
            out->at_time = 0;
            out->at_segment++;
        }
    }
    return done;
}

size_t drill_outgoing_pull(struct drill_outgoing *out, uint8_t *buf, size_t cap)
{
    uint64_t left = out->total - out->sent;
    size_t want = left < cap ? (size_t)left : cap;
    size_t done = 0;
    uint8_t head[5];
    drill_put_be32(head, out->length);
    head[4] = out->code;
    while (out->framed && out->sent < sizeof(head) && done < want) {
        buf[done++] = head[out->sent++];
    }
    size_t payload = pull_payload(out, buf + done, want - done);
    out->sent += payload;
    return done + payload;
}

size_t drill_outgoing_peek(const struct drill_outgoing *out, uint8_t *buf, size_t cap)
{
    struct drill_outgoing fresh = *out;
    fresh.at_segment = 0;
    fresh.at_time = 0;
    fresh.at_byte = 0;
    return pull_payload(&fresh, buf, cap);
}
