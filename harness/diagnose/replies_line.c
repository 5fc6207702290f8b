/* SPDX-License-Identifier: MIT */
/* One line of a milter: what is wrong with it, its value, and lines in its place. */
#include <stdio.h>
#include <string.h>

#include "diagnose/replies.h"
#include "scenario/compose.h"

enum { CODES = 16 }; /* "550 5.7.1 " is looked for so far */

static const char FILLER[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

enum { LINE = sizeof(FILLER) - 1 };

static bool is_message(const struct drill_step *s, uint8_t code)
{
    return s->items->kind == DRILL_ITEM_MESSAGE && s->items->code == code;
}

/* ---- lines in its place ---- */

struct drill_step *drill_reply_asking(const struct drill_step *answer, uint32_t actions,
                                      struct drill_arena *arena)
{
    struct drill_step *s = drill_arena_take(arena, sizeof(*s));
    struct drill_item *item = drill_arena_take(arena, sizeof(*item));
    struct drill_field *asks = drill_arena_take(arena, sizeof(*asks));
    struct drill_field **end = item ? &item->fields : NULL;
    if (!s || !item || !asks) {
        return NULL;
    }
    *s = (struct drill_step){.kind = DRILL_STEP_LINE, .dir = DRILL_TO_MTA, .items = item};
    item->kind = DRILL_ITEM_MESSAGE;
    item->code = DRILL_SMFIC_OPTNEG;
    item->word = drill_span_str("optneg");
    for (const struct drill_field *f = answer ? answer->items->fields : NULL; f; f = f->next) {
        struct drill_field *copy = drill_arena_take(arena, sizeof(*copy));
        if (!copy) {
            return NULL;
        }
        *copy = *f;
        copy->next = NULL;
        *end = f->id == DRILL_FIELD_NUMBER1 ? NULL : copy;
        end = *end ? &copy->next : end;
    }
    *asks = (struct drill_field){.id = DRILL_FIELD_NUMBER1,
                                 .key = drill_span_str("actions"),
                                 .value = {.kind = DRILL_VALUE_INT, .number = actions}};
    *end = asks;
    return s;
}

struct drill_step *drill_reply_silence(const struct drill_step *step, struct drill_arena *arena)
{
    struct drill_step *s = drill_arena_take(arena, sizeof(*s));
    struct drill_item *item = drill_arena_take(arena, sizeof(*item));
    struct drill_field *f = drill_arena_take(arena, sizeof(*f));
    if (!s || !item || !f) {
        return NULL;
    }
    *s = (struct drill_step){
        .kind = DRILL_STEP_LINE, .pos = step->pos, .dir = DRILL_TO_MTA, .items = item};
    item->kind = DRILL_ITEM_SILENCE;
    item->word = drill_span_str("silence");
    item->fields = f;
    *f = (struct drill_field){
        .id = DRILL_FIELD_FOR,
        .key = drill_span_str("for"),
        .value = {.kind = DRILL_VALUE_DURATION, .number = step->items->travel.after}};
    return s;
}

/* ---- what is wrong with a line ---- */

enum { LOOKED_AT = 4096 }; /* bytes of a payload that are decoded */

static bool is_internal(const struct drill_item *item)
{
    return item->kind == DRILL_ITEM_MESSAGE &&
           (item->code == DRILL_SMFIR_SHUTDOWN || item->code == DRILL_SMFIR_CONN_FAIL ||
            item->code == DRILL_SMFIR_SETSYMLIST);
}

/* RFC 3463, 2: the class of the status is that of the code; and libmilter takes 4xx and 5xx only
 * (smfi_setreply). */
static bool codes_disagree(struct drill_span text)
{
    const uint8_t *p = text.ptr;
    return text.len >= 6 && p[3] == ' ' && p[4] >= '2' && p[4] <= '5' && p[5] == '.' &&
           p[4] != p[0];
}

static const char *framed_fault(const struct drill_outgoing *o, uint8_t *room)
{
    struct drill_message m;
    size_t size = drill_outgoing_peek(o, room, LOOKED_AT);
    if (!drill_proto_find(DRILL_TO_MTA, o->code)) {
        return "there is no reply of that code";
    }
    if (o->size > size) {
        return NULL; /* too long to be looked at as a whole */
    }
    if (drill_message_decode(DRILL_TO_MTA, o->code, drill_span_of(room, size), &m) != 0) {
        return drill_defect_text(m.defect);
    }
    bool reply = o->code == DRILL_SMFIR_REPLYCODE;
    return reply && codes_disagree(drill_span_of(room, size))
               ? "the class of its status is not that of its code (RFC 3463)"
               : NULL;
}

bool drill_reply_fault(const struct drill_step *step, struct drill_arena *arena, char *out,
                       size_t cap)
{
    const struct drill_item *item = step->items;
    struct drill_binds binds = {.arena = arena};
    struct drill_outgoing o;
    uint8_t *room = drill_arena_take(arena, LOOKED_AT);
    bool framed = item->kind == DRILL_ITEM_MESSAGE || item->kind == DRILL_ITEM_FRAME;
    const char *fault = NULL;
    enum drill_code code = room ? DRILL_OK : DRILL_ERR_MEMORY;
    if (item->kind == DRILL_ITEM_RAW) {
        fault = "bytes without a frame";
    } else if (!framed) {
        fault = "the milter ends the connection there, or falls silent";
    } else if (item->travel.has_length || item->travel.has_cut) {
        fault = "its length word and its bytes do not agree";
    } else if (is_internal(item)) {
        fault = "no milter sends this by itself: libmilter never does";
    } else if (room && item->fields) {
        code = drill_compose(item, DRILL_TO_MTA, NULL, &binds, arena, &o, NULL);
        fault = code == DRILL_OK ? framed_fault(&o, room) : NULL;
    }
    (void)snprintf(out, cap, "%s", fault ? fault : "");
    return code != DRILL_ERR_MEMORY;
}

/* ---- values ---- */

static uint64_t size_of(const struct drill_value *v)
{
    uint64_t sum = 0;
    for (const struct drill_part *p = v->kind == DRILL_VALUE_BYTES ? v->parts : NULL; p;
         p = p->next) {
        uint64_t most = p->bytes.len ? (UINT64_MAX - sum) / p->bytes.len : UINT64_MAX;
        sum = p->times > most ? UINT64_MAX : sum + p->times * p->bytes.len;
    }
    return sum;
}

static const struct drill_field *longest(const struct drill_step *step)
{
    const struct drill_field *found = NULL;
    for (const struct drill_field *f = step->items->fields; f; f = f->next) {
        if (size_of(&f->value) > (found ? size_of(&found->value) : 0)) {
            found = f;
        }
    }
    return found;
}

uint64_t drill_reply_size(const struct drill_step *step)
{
    const struct drill_field *f = longest(step);
    return f ? size_of(&f->value) : 0;
}

struct drill_span drill_reply_bytes(const struct drill_step *step, size_t most,
                                    struct drill_arena *arena)
{
    const struct drill_field *f = longest(step);
    uint64_t size = drill_reply_size(step);
    uint8_t *to = size <= most ? drill_arena_take(arena, (size_t)size + 1) : NULL;
    size_t at = 0;
    if (!f || !to) {
        return drill_span_of(NULL, 0);
    }
    for (const struct drill_part *p = f->value.parts; p; p = p->next) {
        for (uint64_t i = 0; i < p->times && p->bytes.len; i++) {
            memcpy(to + at, p->bytes.ptr, p->bytes.len);
            at += p->bytes.len;
        }
    }
    return drill_span_of(to, at);
}

/* A copy of the step, of its first item and of all fields; *field is that of the value. */
static struct drill_step *copied(const struct drill_step *step, struct drill_arena *arena,
                                 struct drill_field **field)
{
    struct drill_step *s = drill_arena_take(arena, sizeof(*s));
    struct drill_item *item = drill_arena_take(arena, sizeof(*item));
    if (!s || !item) {
        return NULL;
    }
    *s = *step;
    *item = *step->items;
    s->items = item;
    item->next = NULL;
    struct drill_field **end = &item->fields;
    for (const struct drill_field *f = step->items->fields; f; f = f->next) {
        struct drill_field *copy = drill_arena_take(arena, sizeof(*copy));
        if (!copy) {
            return NULL;
        }
        *copy = *f;
        copy->next = NULL;
        *end = copy;
        end = &copy->next;
        *field = f == longest(step) ? copy : *field;
    }
    return s;
}

static struct drill_part *part(struct drill_span bytes, uint64_t times, struct drill_arena *arena)
{
    struct drill_part *p = drill_arena_take(arena, sizeof(*p));
    if (p) {
        p->kind = DRILL_PART_STRING;
        p->bytes = bytes;
        p->times = times;
    }
    return p;
}

struct drill_step *drill_reply_with(const struct drill_step *step, struct drill_span bytes,
                                    struct drill_arena *arena)
{
    struct drill_field *f = NULL;
    struct drill_step *s = copied(step, arena, &f);
    if (!s || !f) {
        return NULL;
    }
    f->value.parts = part(bytes, 1, arena);
    f->value.source = drill_span_of(NULL, 0);
    return f->value.parts ? s : NULL;
}

/* "550 5.7.1 ", or the first four bytes: a reply without them is another reply. */
struct drill_span drill_reply_codes(const struct drill_step *step)
{
    const struct drill_field *f = longest(step);
    if (!f || !is_message(step, DRILL_SMFIR_REPLYCODE) || f->id == DRILL_FIELD_DATA) {
        return drill_span_of(NULL, 0);
    }
    struct drill_span text = f->value.parts->bytes, head = drill_span_sub(text, 0, CODES);
    size_t first = drill_span_find(head, ' ');
    size_t second = first + 1 + drill_span_find(drill_span_sub(head, first + 1, CODES), ' ');
    return drill_span_sub(text, 0, second < head.len ? second + 1 : 4);
}

struct drill_step *drill_reply_filled(const struct drill_step *step, uint64_t n,
                                      struct drill_arena *arena)
{
    struct drill_field *f = NULL;
    struct drill_step *s = copied(step, arena, &f);
    if (!s || !f) {
        return NULL;
    }
    struct drill_span codes = drill_reply_codes(step);
    bool lines = is_message(step, DRILL_SMFIR_REPLBODY);
    uint64_t left = n > codes.len ? n - codes.len : 0, whole = lines ? left / LINE : 0;
    struct drill_span line = drill_span_of(FILLER, LINE);
    struct drill_part *head = codes.len ? part(codes, 1, arena) : NULL;
    struct drill_part *body = whole ? part(line, whole, arena) : NULL;
    struct drill_part *rest = part(drill_span_str("a"), left - whole * LINE, arena);
    if ((codes.len && !head) || (whole && !body) || !rest) {
        return NULL;
    }
    if (body) {
        body->next = rest->times ? rest : NULL;
    }
    struct drill_part *tail = body ? body : rest->times || !head ? rest : NULL;
    if (head) {
        head->next = tail;
    }
    f->value.parts = head ? head : tail;
    f->value.source = drill_span_of(NULL, 0);
    return s;
}
