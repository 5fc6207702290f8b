/* SPDX-License-Identifier: MIT */
#include "scenario/match.h"

#include "scenario/print.h"
#include "scenario/tolerate.h"
#include "wire/text.h"
#include "wire/text_fields.h"

enum {
    SHOWN = 40,
    AROUND = 24, /* of a difference */
    VALUE_MAX = 72,
    RECORDED_MAX = 2048 /* larger values stand in files */
};

/* One item against one message. */
struct matcher {
    const struct drill_item *item;
    enum drill_dir dir;
    const struct drill_came *came;
    struct drill_message m;
    struct drill_binds *binds;
    struct drill_mismatch *why;
    bool tolerant; /* a recording's line: tolerate.h */
};

/* ---- why not ---- */

static struct drill_writer why_writer(const struct matcher *mt)
{
    return drill_writer_of(mt->why->text, sizeof(mt->why->text) - 1);
}

/* Ends the text. Always false, so that a caller can return it. */
static bool because(const struct matcher *mt, const struct drill_writer *w)
{
    mt->why->text[drill_writer_span(w).len] = '\0';
    return false;
}

/* A value in notation, cut to a readable length. */
static void put_expected(struct drill_writer *w, const struct drill_value *v,
                         const struct drill_binds *binds)
{
    char text[VALUE_MAX];
    struct drill_writer value = drill_writer_of(text, sizeof(text));
    drill_print_value(v, &value);
    drill_write_bytes(w, drill_writer_span(&value));
    drill_write_text(w, value.overflow ? "..." : "");
    const struct drill_bind *bound =
        v->kind == DRILL_VALUE_BIND ? drill_binds_find(binds, v->text) : NULL;
    if (bound) {
        drill_write_text(w, " (");
        drill_text_bytes(w, bound->value, SHOWN);
        drill_write_text(w, ")");
    }
}

/* "name is ": what came follows. */
static struct drill_writer begin(const struct matcher *mt, struct drill_span key)
{
    struct drill_writer w = why_writer(mt);
    drill_write_bytes(&w, drill_span_sub(key, 0, SHOWN));
    drill_write_text(&w, " is ");
    return w;
}

static bool end(const struct matcher *mt, struct drill_writer *w, const struct drill_value *v)
{
    drill_write_text(w, ", not ");
    put_expected(w, v, mt->binds);
    return because(mt, w);
}

static bool say(const struct matcher *mt, struct drill_span key, const char *what)
{
    struct drill_writer w = why_writer(mt);
    drill_write_bytes(&w, drill_span_sub(key, 0, SHOWN));
    drill_write_text(&w, key.len ? " " : "");
    drill_write_text(&w, what);
    return because(mt, &w);
}

static const struct drill_span no_key = {NULL, 0};

/* ---- fields ---- */

static enum drill_rule rule_of(const struct matcher *mt, const struct drill_field *f)
{
    if (!mt->tolerant || mt->item->kind != DRILL_ITEM_MESSAGE) {
        return DRILL_RULE_EXACT;
    }
    bool header = mt->m.shape == DRILL_SHAPE_STR_STR;
    enum drill_rule rule =
        drill_tolerate(mt->dir, mt->item->code, f, header ? mt->m.str[0] : drill_span_of(NULL, 0));
    bool absent = f->value.kind == DRILL_VALUE_ABSENT && rule != DRILL_RULE_FREE;
    return absent ? DRILL_RULE_EXACT : rule;
}

/* What a recorder writes is one plain part, or such parts with runs of one byte between them
 * (DRILL_TEXT_RUN); any other product or sum is somebody's intention. The bytes, in `room` if they
 * do not stand together. */
static bool recorded_bytes(const struct drill_value *v, struct drill_writer *room,
                           struct drill_span *out)
{
    bool plain = false;
    const struct drill_part *part = v->kind == DRILL_VALUE_BYTES ? v->parts : NULL;
    if (!part || (!part->next && part->times == 1)) {
        *out = part ? part->bytes : no_key;
        return part;
    }
    for (; part; part = part->next) {
        bool run = part->bytes.len == 1 && part->times >= DRILL_TEXT_RUN;
        if (part->kind == DRILL_PART_FILE || (!run && (plain || part->times != 1))) {
            return false;
        }
        for (uint64_t n = 0; n < part->times && !room->overflow; n++) {
            drill_write_bytes(room, part->bytes);
        }
        plain = !run;
    }
    *out = drill_writer_span(room);
    return !room->overflow;
}

static bool follows(const struct drill_value *v, enum drill_rule rule, struct drill_span bytes)
{
    uint8_t room[RECORDED_MAX];
    struct drill_writer w = drill_writer_of(room, sizeof(room));
    struct drill_span want;
    return rule == DRILL_RULE_ANY || rule == DRILL_RULE_FREE ||
           (recorded_bytes(v, &w, &want) && drill_tolerate_bytes(rule, want, bytes));
}

/* Bytes of a value from `at` on, as many as there is room for. */
static struct drill_span bytes_at(const struct drill_value *v, uint64_t at, uint8_t *room,
                                  size_t size)
{
    size_t n = 0;
    for (const struct drill_part *part = v->parts; part && n < size; part = part->next) {
        uint64_t all = (uint64_t)part->bytes.len * part->times;
        for (; at < all && n < size; at++) {
            room[n++] = part->bytes.ptr[at % part->bytes.len];
        }
        at -= at < all ? at : all;
    }
    return drill_span_of(room, n);
}

/* "value differs from byte 265 of 269 on: ..." when what is shown of both would be the same. */
static bool differs_far(const struct matcher *mt, const struct drill_field *f,
                        struct drill_span bytes)
{
    uint8_t room[AROUND];
    size_t same = f->value.kind == DRILL_VALUE_BYTES ? drill_match_stream(&f->value, 0, bytes) : 0;
    if (same < SHOWN / 2) {
        return false;
    }
    struct drill_writer w = why_writer(mt);
    drill_write_bytes(&w, drill_span_sub(f->key, 0, SHOWN));
    drill_write_text(&w, " differs from byte ");
    drill_write_dec(&w, same);
    drill_write_text(&w, " of ");
    drill_write_dec(&w, bytes.len);
    drill_write_text(&w, " on: ");
    drill_text_bytes(&w, drill_span_sub(bytes, same, AROUND), SHOWN);
    drill_write_text(&w, ", not ");
    drill_text_bytes(&w, bytes_at(&f->value, same, room, sizeof(room)), SHOWN);
    (void)because(mt, &w);
    return true;
}

static bool match_bytes(const struct matcher *mt, const struct drill_field *f,
                        struct drill_span bytes)
{
    enum drill_rule rule = rule_of(mt, f);
    if (drill_match_bytes(&f->value, bytes, mt->binds) ||
        (rule != DRILL_RULE_EXACT && follows(&f->value, rule, bytes))) {
        return true;
    }
    if (rule == DRILL_RULE_EXACT && differs_far(mt, f, bytes)) {
        return false;
    }
    struct drill_writer w = begin(mt, f->key);
    if (f->value.kind == DRILL_VALUE_LEN) {
        drill_write_dec(&w, bytes.len);
        drill_write_text(&w, " bytes");
    } else {
        drill_text_bytes(&w, bytes, SHOWN);
    }
    if (rule == DRILL_RULE_EXACT) {
        return end(mt, &w, &f->value);
    }
    drill_write_text(&w, ", not of the shape of ");
    put_expected(&w, &f->value, mt->binds);
    return because(mt, &w);
}

static void put_letter(struct drill_writer *w, enum drill_field_id id, uint8_t letter)
{
    struct drill_field f = {.id = id};
    f.value.kind = DRILL_VALUE_INT;
    f.value.number = letter;
    struct drill_item item = {.kind = DRILL_ITEM_RAW, .fields = &f};
    char text[32];
    struct drill_writer line = drill_writer_of(text, sizeof(text));
    drill_print_item(&item, &line); /* "raw =inet": the words are the printer's */
    drill_write_bytes(w, drill_span_sub(drill_writer_span(&line), 5, sizeof(text)));
}

static void put_number(struct drill_writer *w, enum drill_field_id id, uint32_t number)
{
    size_t count;
    const struct drill_proto_bit *bits;
    if (id == DRILL_FIELD_NUMBER1) {
        bits = drill_proto_actions(&count);
        drill_text_flags(w, bits, count, number);
    } else if (id == DRILL_FIELD_NUMBER2) {
        bits = drill_proto_steps(&count);
        drill_text_flags(w, bits, count, number);
    } else if (id == DRILL_FIELD_FAMILY || id == DRILL_FIELD_STAGE) {
        put_letter(w, id, (uint8_t)number);
    } else {
        drill_write_dec(w, number);
    }
}

/* Another port; inet for inet6, and the other way round. */
static bool number_follows(const struct matcher *mt, const struct drill_field *f, uint32_t number)
{
    bool inet = number == DRILL_FAMILY_INET || number == DRILL_FAMILY_INET6;
    bool wants_inet = f->value.number == DRILL_FAMILY_INET || f->value.number == DRILL_FAMILY_INET6;
    return rule_of(mt, f) == DRILL_RULE_ANY && f->value.kind == DRILL_VALUE_INT &&
           (f->id == DRILL_FIELD_PORT || (f->id == DRILL_FIELD_FAMILY && inet && wants_inet));
}

static bool match_number(const struct matcher *mt, const struct drill_field *f, uint32_t number)
{
    if (drill_match_number(&f->value, number, mt->binds) || number_follows(mt, f, number)) {
        return true;
    }
    struct drill_writer w = begin(mt, f->key);
    put_number(&w, f->id, number);
    return end(mt, &w, &f->value);
}

/* The second string of STR_OPT, which may be missing. */
static bool match_second(const struct matcher *mt, const struct drill_field *f)
{
    bool absent = f->value.kind == DRILL_VALUE_ABSENT;
    if (absent && mt->m.has_second) {
        return match_bytes(mt, f, mt->m.str[1]);
    }
    if (!absent && mt->m.shape == DRILL_SHAPE_STR_OPT && !mt->m.has_second) {
        return say(mt, f->key, "is missing");
    }
    return absent || match_bytes(mt, f, mt->m.str[1]);
}

/* How many fields of the same id and name stand in the line before `f`. */
static size_t nth_of(const struct matcher *mt, const struct drill_field *f)
{
    size_t n = 0;
    for (const struct drill_field *o = mt->item->fields; o != f; o = o->next) {
        bool same = o->id == f->id && (f->id == DRILL_FIELD_ARG || f->id == DRILL_FIELD_LIST
                                           ? o->number == f->number
                                           : drill_span_equal(o->key, f->key));
        n += same;
    }
    return n;
}

static bool is_last_arg(const struct drill_field *f)
{
    for (f = f->next; f; f = f->next) {
        if (f->id == DRILL_FIELD_ARG) {
            return false;
        }
    }
    return true;
}

/* The arguments that a line names are all that the command has, in this order. */
static bool match_arg(const struct matcher *mt, const struct drill_field *f)
{
    struct drill_reader r = drill_reader_of(mt->m.rest);
    struct drill_span arg;
    bool absent = f->value.kind == DRILL_VALUE_ABSENT;
    for (size_t n = nth_of(mt, f); n > 0; n--) {
        if (!drill_message_next_str(&r, &arg)) {
            return say(mt, f->key, "is missing");
        }
    }
    if (!drill_message_next_str(&r, &arg)) {
        return absent || say(mt, f->key, "is missing");
    }
    if (!match_bytes(mt, f, arg)) {
        return false;
    }
    if (!is_last_arg(f) || !drill_message_next_str(&r, &arg)) {
        return true;
    }
    struct drill_writer w = why_writer(mt);
    drill_write_text(&w, "one more arg came: ");
    drill_text_bytes(&w, arg, SHOWN);
    return because(mt, &w);
}

static bool match_macro(const struct matcher *mt, const struct drill_field *f)
{
    struct drill_reader r = drill_reader_of(mt->m.rest);
    struct drill_span name;
    struct drill_span value;
    size_t skip = nth_of(mt, f);
    bool absent = f->value.kind == DRILL_VALUE_ABSENT;
    while (drill_message_next_macro(&r, &name, &value)) {
        if (drill_span_equal(name, f->key) && skip-- == 0) {
            return match_bytes(mt, f, value);
        }
    }
    return absent || say(mt, f->key, "is missing");
}

static bool match_list(const struct matcher *mt, const struct drill_field *f)
{
    struct drill_reader r = drill_reader_of(mt->m.rest);
    uint32_t stage;
    struct drill_span names;
    size_t skip = nth_of(mt, f);
    while (drill_message_next_list(&r, &stage, &names)) {
        if (stage == f->number && skip-- == 0) {
            return match_bytes(mt, f, names);
        }
    }
    return say(mt, f->key, "is missing");
}

static bool match_field(const struct matcher *mt, const struct drill_field *f)
{
    const struct drill_message *m = &mt->m;
    if (rule_of(mt, f) == DRILL_RULE_FREE) {
        return true;
    }
    switch (f->id) {
    case DRILL_FIELD_STR0: return match_bytes(mt, f, m->str[0]);
    case DRILL_FIELD_STR1:
        if (m->shape == DRILL_SHAPE_CONNECT && !m->has_second) {
            return say(mt, f->key, "is missing");
        }
        return match_second(mt, f);
    case DRILL_FIELD_NUMBER0: return match_number(mt, f, m->number[0]);
    case DRILL_FIELD_NUMBER1: return match_number(mt, f, m->number[1]);
    case DRILL_FIELD_NUMBER2: return match_number(mt, f, m->number[2]);
    case DRILL_FIELD_FAMILY:
    case DRILL_FIELD_STAGE: return match_number(mt, f, m->letter);
    case DRILL_FIELD_PORT:
        return m->has_second ? match_number(mt, f, m->port) : say(mt, f->key, "is missing");
    case DRILL_FIELD_ARG: return match_arg(mt, f);
    case DRILL_FIELD_MACRO: return match_macro(mt, f);
    case DRILL_FIELD_LIST: return match_list(mt, f);
    case DRILL_FIELD_BODY:
    case DRILL_FIELD_DATA: return match_bytes(mt, f, mt->came->payload);
    case DRILL_FIELD_CODE: return match_number(mt, f, mt->came->code);
    case DRILL_FIELD_FOR: return true;
    }
    return false;
}

/* ---- messages ---- */

/* Of a message that was too large to hold only the code and the size can be told. */
static bool match_large(const struct matcher *mt)
{
    uint64_t size = mt->came->length ? mt->came->length - 1 : 0;
    for (const struct drill_field *f = mt->item->fields; f; f = f->next) {
        bool sized = (f->id == DRILL_FIELD_BODY || f->id == DRILL_FIELD_DATA) &&
                     f->value.kind == DRILL_VALUE_LEN;
        if (f->id == DRILL_FIELD_CODE) {
            if (!match_number(mt, f, mt->came->code)) {
                return false;
            }
        } else if (!sized) {
            return say(mt, f->key, "cannot be compared: the message was too large to hold");
        } else if (size < f->value.low || size > f->value.high) {
            struct drill_writer w = begin(mt, f->key);
            drill_write_dec(&w, size);
            drill_write_text(&w, " bytes");
            return end(mt, &w, &f->value);
        }
    }
    return true;
}

static bool has_data(const struct drill_item *item)
{
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_DATA) {
            return true;
        }
    }
    return false;
}

static bool match_code(const struct matcher *mt)
{
    const struct drill_proto_message *want = drill_proto_find(mt->dir, mt->item->code);
    const struct drill_proto_message *have = drill_proto_find(mt->dir, mt->came->code);
    struct drill_writer w = why_writer(mt);
    if (mt->item->kind != DRILL_ITEM_MESSAGE || mt->item->code == mt->came->code) {
        return true;
    }
    drill_write_text(&w, "it is ");
    if (have) {
        drill_write_text(&w, have->word);
    } else {
        drill_write_text(&w, "a frame of code ");
        drill_write_dec(&w, mt->came->code);
    }
    drill_write_text(&w, ", not ");
    drill_write_text(&w, want ? want->word : "this");
    return because(mt, &w);
}

static bool match_length(const struct matcher *mt)
{
    const struct drill_travel *t = &mt->item->travel;
    struct drill_writer w = why_writer(mt);
    if (!t->has_length || t->length == mt->came->length) {
        return true;
    }
    drill_write_text(&w, "length is ");
    drill_write_dec(&w, mt->came->length);
    drill_write_text(&w, ", not ");
    drill_write_dec(&w, t->length);
    return because(mt, &w);
}

static bool match_message(struct matcher *mt)
{
    const struct drill_item *item = mt->item;
    if (!match_code(mt) || !match_length(mt)) {
        return false;
    }
    if (!mt->came->whole) {
        return match_large(mt);
    }
    (void)drill_message_decode(mt->dir, mt->came->code, mt->came->payload, &mt->m);
    if (item->kind == DRILL_ITEM_MESSAGE && mt->m.defect && !has_data(item)) {
        struct drill_writer w = why_writer(mt);
        drill_write_text(&w, "the payload is faulty: ");
        drill_write_text(&w, drill_defect_text(mt->m.defect));
        return because(mt, &w);
    }
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        if (!match_field(mt, f)) {
            return false;
        }
    }
    return true;
}

static bool match(const struct drill_item *item, enum drill_dir dir, const struct drill_came *came,
                  struct drill_binds *binds, struct drill_mismatch *why, bool tolerant)
{
    struct drill_mismatch unused;
    struct matcher mt = {
        .item = item, .dir = dir, .came = came, .binds = binds, .tolerant = tolerant};
    size_t bound = binds ? binds->count : 0;
    mt.why = why ? why : &unused;
    mt.why->text[0] = '\0';
    if (item->kind != DRILL_ITEM_MESSAGE && item->kind != DRILL_ITEM_FRAME) {
        return say(&mt, no_key, "a message came, where the line stands for something else");
    }
    if (match_message(&mt)) {
        return true;
    }
    if (binds) {
        binds->count = bound; /* what half a match has bound */
    }
    return false;
}

bool drill_match(const struct drill_item *item, enum drill_dir dir, const struct drill_came *came,
                 struct drill_binds *binds, struct drill_mismatch *why)
{
    return match(item, dir, came, binds, why, false);
}

bool drill_match_recorded(const struct drill_item *item, enum drill_dir dir,
                          const struct drill_came *came, struct drill_binds *binds,
                          struct drill_mismatch *why)
{
    return match(item, dir, came, binds, why, true);
}
