/* SPDX-License-Identifier: MIT */
/* Values, fields, lines. */
#include "scenario/print.h"

#include "wire/text.h"

static void put_hex(struct drill_writer *w, uint64_t v, int shift)
{
    static const char digits[] = "0123456789abcdef";
    for (; shift >= 0; shift -= 4) {
        drill_write_u8(w, (uint8_t)digits[v >> shift & 15]);
    }
}

static void put_number(struct drill_writer *w, uint64_t v)
{
    int shift = 60;
    while (shift > 0 && v >> shift == 0) {
        shift -= 4;
    }
    drill_write_text(w, "0x");
    put_hex(w, v, shift);
}

/* ---- strings ---- */

static void put_byte(struct drill_writer *w, uint8_t c)
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
            put_hex(w, c, 4);
        }
    }
}

void drill_print_string(struct drill_span s, struct drill_writer *w)
{
    drill_write_u8(w, '"');
    for (size_t i = 0; i < s.len; i++) {
        put_byte(w, s.ptr[i]);
    }
    drill_write_u8(w, '"');
}

/* The length of the printable character at the front that is not ASCII; 0: there is none. */
static size_t utf8_at(struct drill_span s)
{
    uint8_t c = s.ptr[0];
    size_t n = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe1 && c < 0xf0 && c != 0xed ? 3 : 0;
    if (n == 0 || n > s.len || (c == 0xc2 && s.ptr[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((s.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return n;
}

/* Text for people: other alphabets stay readable. In values every such byte is escaped. */
void drill_print_prose(struct drill_span s, struct drill_writer *w)
{
    drill_write_u8(w, '"');
    while (s.len) {
        size_t n = utf8_at(s);
        if (n) {
            drill_write_bytes(w, drill_span_sub(s, 0, n));
        } else {
            put_byte(w, s.ptr[0]);
        }
        s = drill_span_sub(s, n ? n : 1, s.len);
    }
    drill_write_u8(w, '"');
}

/* ---- values ---- */

static void put_slice(struct drill_writer *w, const struct drill_part *part)
{
    if (!part->sliced) {
        return;
    }
    drill_write_text(w, " ");
    if (part->slice_source.len) {
        drill_write_bytes(w, part->slice_source);
        return;
    }
    drill_write_dec(w, part->low);
    drill_write_text(w, "..");
    if (part->high != UINT64_MAX) {
        drill_write_dec(w, part->high);
    }
}

static void put_part(struct drill_writer *w, const struct drill_part *part)
{
    switch (part->kind) {
    case DRILL_PART_STRING:
        if (part->pos.line == 0 && part->times == 1) {
            drill_text_bytes(w, part->bytes, 0); /* made by the program: long runs as products */
        } else {
            drill_print_string(part->bytes, w);
        }
        break;
    case DRILL_PART_HEX:
        drill_write_text(w, "hex \"");
        for (size_t i = 0; i < part->bytes.len; i++) {
            drill_write_text(w, i ? " " : "");
            put_hex(w, part->bytes.ptr[i], 4);
        }
        drill_write_u8(w, '"');
        break;
    case DRILL_PART_FILE:
        drill_write_text(w, "file ");
        drill_print_string(part->name, w);
        put_slice(w, part);
        break;
    }
    if (part->times_source.len) {
        drill_write_text(w, " * ");
        drill_write_bytes(w, part->times_source);
    } else if (part->times != 1) {
        drill_write_text(w, " * ");
        drill_write_dec(w, part->times);
    }
}

static void put_range(struct drill_writer *w, const struct drill_value *v)
{
    if (v->low || v->high == UINT64_MAX) {
        drill_write_dec(w, v->low);
    }
    if (v->low != v->high || v->kind == DRILL_VALUE_RANGE) {
        drill_write_text(w, "..");
    } else if (v->low) {
        return;
    }
    if (v->high != UINT64_MAX) {
        drill_write_dec(w, v->high);
    }
}

static void put_duration(struct drill_writer *w, uint64_t microseconds)
{
    uint64_t ms = microseconds / 1000 + (microseconds % 1000 != 0);
    bool minutes = ms && ms % 60000 == 0;
    bool seconds = ms % 1000 == 0;
    drill_write_dec(w, minutes ? ms / 60000 : seconds ? ms / 1000 : ms);
    drill_write_text(w, minutes ? "min" : seconds ? "s" : "ms");
}

/* What bits and letters are called, for values that come from no text. */
struct names {
    const struct drill_proto_bit *bits;
    size_t count;
};

static void put_signed(struct drill_writer *w, const struct names *names, uint32_t bits, char sign)
{
    for (size_t i = 0; i < names->count; i++) {
        if (bits & names->bits[i].bit) {
            drill_write_u8(w, (uint8_t)sign);
            drill_write_text(w, names->bits[i].word);
            bits &= ~names->bits[i].bit;
        }
    }
    if (bits) {
        drill_write_u8(w, (uint8_t)sign);
        put_number(w, bits);
    }
}

static void put_made(struct drill_writer *w, const struct drill_value *v, const struct names *names)
{
    switch (v->kind) {
    case DRILL_VALUE_BYTES: break;
    case DRILL_VALUE_INT: drill_write_dec(w, v->number); break;
    case DRILL_VALUE_DURATION: put_duration(w, v->number); break;
    case DRILL_VALUE_FLAGS:
        drill_text_flags(w, names->bits, names->count, (uint32_t)v->number);
        break;
    case DRILL_VALUE_EDIT:
        put_signed(w, names, v->set, '+');
        put_signed(w, names, v->clear, '-');
        drill_write_text(w, v->set || v->clear ? "" : "+0");
        break;
    case DRILL_VALUE_INTS:
        for (size_t i = 0; i < v->count; i++) {
            drill_write_text(w, i ? "," : "");
            drill_write_dec(w, v->list[i]);
        }
        break;
    case DRILL_VALUE_NAME: drill_write_bytes(w, v->text); break;
    case DRILL_VALUE_GLOB: break;
    case DRILL_VALUE_RANGE:
    case DRILL_VALUE_LEN: put_range(w, v); break;
    case DRILL_VALUE_ABSENT: drill_write_text(w, "absent"); break;
    case DRILL_VALUE_BIND:
        drill_write_u8(w, '$');
        drill_write_bytes(w, v->text);
        break;
    }
}

static void put_value(struct drill_writer *w, const struct drill_value *v,
                      const struct names *names)
{
    if (v->kind == DRILL_VALUE_BYTES) {
        for (const struct drill_part *part = v->parts; part; part = part->next) {
            drill_write_text(w, part == v->parts ? "" : " + ");
            put_part(w, part);
        }
        drill_write_text(w, v->parts ? "" : "\"\"");
        return;
    }
    if (v->kind == DRILL_VALUE_GLOB) {
        drill_write_u8(w, '~');
        drill_print_string(v->text, w);
        return;
    }
    drill_write_text(w, v->kind == DRILL_VALUE_LEN ? "len " : "");
    if (v->source.len) {
        drill_write_bytes(w, v->source);
    } else {
        put_made(w, v, names);
    }
}

void drill_print_value(const struct drill_value *value, struct drill_writer *w)
{
    const struct names none = {NULL, 0};
    put_value(w, value, &none);
}

/* ---- key=value ---- */

static bool is_name(struct drill_span s)
{
    struct drill_span name;
    return drill_text_scan_name(&s, &name) && s.len == 0;
}

/* Words that mean something else behind `macro`. */
static bool is_reserved(struct drill_span key)
{
    static const char *const words[] = {"stage", "data",    "after", "within", "split",
                                        "cut",   "dribble", "join",  "length"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (drill_span_equal(drill_span_str(words[i]), key)) {
            return true;
        }
    }
    return false;
}

static void put_macro_key(struct drill_writer *w, struct drill_span key)
{
    bool braces = key.len > 2 && key.ptr[0] == '{' && key.ptr[key.len - 1] == '}' &&
                  is_name(drill_span_sub(key, 1, key.len - 2));
    if (braces || (is_name(key) && !is_reserved(key))) {
        drill_write_bytes(w, key);
    } else {
        drill_print_string(key, w);
    }
}

static void put_letter(struct drill_writer *w, const struct drill_field *f)
{
    const struct drill_proto_message *m;
    uint8_t letter = (uint8_t)f->value.number;
    const char *word = NULL;
    if (f->id == DRILL_FIELD_STAGE) {
        m = drill_proto_find(DRILL_TO_MILTER, letter);
        word = m ? m->word : NULL;
    } else if (letter == DRILL_FAMILY_INET) {
        word = "inet";
    } else if (letter == DRILL_FAMILY_INET6) {
        word = "inet6";
    } else if (letter == DRILL_FAMILY_UNIX) {
        word = "unix";
    } else if (letter == DRILL_FAMILY_UNKNOWN) {
        word = "unknown";
    }
    if (word) {
        drill_write_text(w, word);
    } else {
        drill_write_dec(w, letter);
    }
}

static void put_field(struct drill_writer *w, const struct drill_field *f)
{
    struct names names = {NULL, 0};
    bool letter = f->id == DRILL_FIELD_FAMILY || f->id == DRILL_FIELD_STAGE;
    if (f->id == DRILL_FIELD_MACRO) {
        put_macro_key(w, f->key);
    } else {
        drill_write_bytes(w, f->key);
    }
    drill_write_u8(w, '=');
    if (f->id == DRILL_FIELD_NUMBER1) {
        names.bits = drill_proto_actions(&names.count);
    } else if (f->id == DRILL_FIELD_NUMBER2) {
        names.bits = drill_proto_steps(&names.count);
    }
    if (letter && f->value.kind == DRILL_VALUE_INT && f->value.source.len == 0) {
        put_letter(w, f);
    } else {
        put_value(w, &f->value, &names);
    }
}

/* ---- items and steps ---- */

static void put_travel_key(struct drill_writer *w, const char *key)
{
    drill_write_u8(w, ' ');
    drill_write_text(w, key);
    drill_write_u8(w, '=');
}

static void put_travel_value(struct drill_writer *w, const char *key, struct drill_span source,
                             enum drill_value_kind kind, uint64_t number)
{
    put_travel_key(w, key);
    if (source.len) {
        drill_write_bytes(w, source);
    } else if (kind == DRILL_VALUE_DURATION) {
        put_duration(w, number);
    } else {
        drill_write_dec(w, number);
    }
}

static void put_travel(struct drill_writer *w, const struct drill_travel *t)
{
    const enum drill_value_kind duration = DRILL_VALUE_DURATION;
    if (t->has_after) {
        put_travel_value(w, "after", t->after_source, duration, t->after);
    }
    if (t->has_within) {
        put_travel_value(w, "within", t->within_source, duration, t->within);
    }
    if (t->splits && t->split_source.len) {
        put_travel_value(w, "split", t->split_source, duration, 0);
    } else if (t->splits) {
        put_travel_key(w, "split");
        for (size_t i = 0; i < t->splits; i++) {
            drill_write_text(w, i ? "," : "");
            drill_write_dec(w, t->split[i]);
        }
    }
    if (t->has_dribble) {
        put_travel_value(w, "dribble", t->dribble_source, duration, t->dribble);
    }
    if (t->has_cut) {
        put_travel_value(w, "cut", t->cut_source, DRILL_VALUE_INT, t->cut);
    }
    if (t->has_length) {
        put_travel_value(w, "length", t->length_source, DRILL_VALUE_INT, t->length);
    }
    drill_write_text(w, t->join ? " join" : "");
}

/* The word of an item that was made by the program. Commands and replies share the code of OPTNEG
 * only, and that has one word. */
static const char *word_of(const struct drill_item *item)
{
    const struct drill_proto_message *m;
    switch (item->kind) {
    case DRILL_ITEM_MESSAGE:
        m = drill_proto_find(DRILL_TO_MILTER, item->code);
        m = m ? m : drill_proto_find(DRILL_TO_MTA, item->code);
        return m ? m->word : "";
    case DRILL_ITEM_FRAME: return "frame";
    case DRILL_ITEM_RAW: return "raw";
    case DRILL_ITEM_OPEN: return "open";
    case DRILL_ITEM_REFUSE: return "refuse";
    case DRILL_ITEM_CLOSE: return "close";
    case DRILL_ITEM_HALF_CLOSE: return "half-close";
    case DRILL_ITEM_RESET: return "reset";
    case DRILL_ITEM_HANGUP: return "hangup";
    case DRILL_ITEM_SILENCE: return "silence";
    case DRILL_ITEM_STALL: return "stall";
    }
    return "";
}

void drill_print_item(const struct drill_item *item, struct drill_writer *w)
{
    drill_write_text(w, word_of(item));
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        drill_write_u8(w, ' ');
        put_field(w, f);
    }
    put_travel(w, &item->travel);
}

void drill_print_step(const struct drill_step *step, struct drill_writer *w)
{
    switch (step->kind) {
    case DRILL_STEP_LINE:
        drill_write_text(w, step->given ? "given " : "");
        drill_write_text(w, step->dir == DRILL_TO_MILTER ? "> " : "< ");
        for (const struct drill_item *item = step->items; item; item = item->next) {
            drill_write_text(w, item == step->items ? "" : " | ");
            drill_print_item(item, w);
        }
        break;
    case DRILL_STEP_ELLIPSIS: drill_write_text(w, "..."); break;
    case DRILL_STEP_MEET: drill_write_text(w, "meet"); break;
    case DRILL_STEP_REPEAT:
    case DRILL_STEP_CONCURRENTLY:
        drill_write_text(w, step->kind == DRILL_STEP_REPEAT ? "repeat " : "concurrently ");
        drill_write_dec(w, step->count);
        drill_write_text(w, " {");
        break;
    }
}
