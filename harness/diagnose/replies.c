/* SPDX-License-Identifier: MIT */
#include "diagnose/replies.h"

#include <stdio.h>
#include <string.h>

#include "scenario/compose.h"

enum { CODES = 16 }; /* "550 5.7.1 " is looked for so far */

static const char FILLER[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";

enum { LINE = sizeof(FILLER) - 1 };

/* ---- which lines count ---- */

static bool is_command(const struct drill_step *s)
{
    return s->kind == DRILL_STEP_LINE && s->dir == DRILL_TO_MILTER &&
           !(s->items->kind == DRILL_ITEM_MESSAGE && s->items->code == DRILL_SMFIC_MACRO);
}

static bool is_reply(const struct drill_step *s)
{
    return s->kind == DRILL_STEP_LINE && s->dir == DRILL_TO_MTA;
}

static bool is_message(const struct drill_step *s, uint8_t code)
{
    return s && s->items->kind == DRILL_ITEM_MESSAGE && s->items->code == code;
}

/* The MTA waits for nothing more behind it. Bytes that are no message may be that or not. */
static bool is_final(const struct drill_step *s)
{
    switch (s->items->kind) {
    case DRILL_ITEM_FRAME:
    case DRILL_ITEM_RAW: return false;
    case DRILL_ITEM_MESSAGE: break;
    case DRILL_ITEM_OPEN:
    case DRILL_ITEM_REFUSE:
    case DRILL_ITEM_CLOSE:
    case DRILL_ITEM_HALF_CLOSE:
    case DRILL_ITEM_RESET:
    case DRILL_ITEM_HANGUP:
    case DRILL_ITEM_SILENCE:
    case DRILL_ITEM_STALL: return true;
    }
    switch (s->items->code) {
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_DELRCPT:
    case DRILL_SMFIR_ADDHEADER:
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER:
    case DRILL_SMFIR_REPLBODY:
    case DRILL_SMFIR_CHGFROM:
    case DRILL_SMFIR_QUARANTINE:
    case DRILL_SMFIR_PROGRESS: return false;
    default: return true;
    }
}

static bool has_fault(const struct drill_item *item)
{
    const struct drill_travel *t = &item->travel;
    return item->fields || t->has_cut || t->has_length || t->has_dribble || t->has_after ||
           t->splits;
}

static bool is_plain(const struct drill_step *command, const struct drill_step *s)
{
    if (is_message(command, DRILL_SMFIC_QUIT) || is_message(command, DRILL_SMFIC_QUIT_NC)) {
        return true; /* what comes behind it, the MTA does not read */
    }
    if (has_fault(s->items)) {
        return false;
    }
    return is_message(s, DRILL_SMFIR_CONTINUE) ||
           (is_message(s, DRILL_SMFIR_ACCEPT) && is_message(command, DRILL_SMFIC_BODYEOB));
}

/* ---- commands, made bare ---- */

static bool tells_apart(const struct drill_item *item, const struct drill_field *f)
{
    return item->kind == DRILL_ITEM_MESSAGE && f->id == DRILL_FIELD_STR0 &&
           (item->code == DRILL_SMFIC_HEADER || item->code == DRILL_SMFIC_MAIL ||
            item->code == DRILL_SMFIC_RCPT);
}

static struct drill_item *bare_item(const struct drill_item *item, struct drill_arena *arena)
{
    struct drill_item *copy = drill_arena_take(arena, sizeof(*copy));
    if (!copy) {
        return NULL;
    }
    *copy = *item;
    copy->next = NULL;
    copy->fields = NULL;
    memset(&copy->travel, 0, sizeof(copy->travel));
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        if (tells_apart(item, f)) {
            struct drill_field *kept = drill_arena_take(arena, sizeof(*kept));
            if (!kept) {
                return NULL;
            }
            *kept = *f;
            kept->next = NULL;
            copy->fields = kept;
        } else if (item->kind != DRILL_ITEM_MESSAGE) {
            copy->fields = item->fields; /* of an event: its own */
        }
    }
    return copy;
}

static struct drill_step *bare(const struct drill_step *s, struct drill_arena *arena)
{
    struct drill_step *copy = drill_arena_take(arena, sizeof(*copy));
    if (!copy) {
        return NULL;
    }
    *copy = (struct drill_step){.kind = DRILL_STEP_LINE, .pos = s->pos, .dir = s->dir};
    copy->items = bare_item(s->items, arena);
    return copy->items ? copy : NULL;
}

static bool same_value(const struct drill_value *a, const struct drill_value *b)
{
    if (a->kind != DRILL_VALUE_BYTES || b->kind != DRILL_VALUE_BYTES) {
        return a->kind == b->kind && drill_span_equal(a->text, b->text);
    }
    const struct drill_part *p = a->parts, *q = b->parts;
    while (p && q && p->times == q->times && drill_span_equal(p->bytes, q->bytes)) {
        p = p->next;
        q = q->next;
    }
    return !p && !q;
}

static bool same_command(const struct drill_step *a, const struct drill_step *b)
{
    const struct drill_item *x = a->items, *y = b->items;
    if (x->kind != y->kind || x->code != y->code || !x->fields != !y->fields) {
        return false;
    }
    return !x->fields || same_value(&x->fields->value, &y->fields->value);
}

/* ---- reading ---- */

static enum drill_code refuse(const struct drill_step *s, const char *name, const char *what,
                              struct drill_error *err)
{
    enum drill_code code = drill_error_set(err, DRILL_ERR_VALUE, "%s", what);
    drill_error_at(err, name, s && s->pos.line ? s->pos.line : 1, s ? s->pos.column : 1);
    return code;
}

static enum drill_code count(const struct drill_file *file, const char *name,
                             struct drill_replies *out, struct drill_error *err)
{
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        if (s->kind != DRILL_STEP_LINE && s->kind != DRILL_STEP_ELLIPSIS) {
            return refuse(s, name,
                          "a conversation to be examined is one of its own: without `repeat`, "
                          "`concurrently` and `meet`",
                          err);
        }
        out->groups += is_command(s);
        out->lines += is_reply(s);
    }
    return DRILL_OK;
}

static bool fill(const struct drill_file *file, struct drill_arena *arena,
                 struct drill_replies *out)
{
    struct drill_reply_group *g = NULL;
    size_t lines = 0;
    out->groups = 0;
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        if (is_command(s)) {
            g = &out->group[out->groups++];
            *g = (struct drill_reply_group){bare(s, arena), lines, 0, false};
            if (!g->command) {
                return false;
            }
        } else if (is_reply(s) && g) { /* a line before any command answers none */
            bool plain = is_plain(g->command, s);
            out->line[lines++] = (struct drill_reply){s, out->groups - 1, plain};
            out->suspects += !plain;
            g->lines++;
            g->has_final = g->has_final || is_final(s);
        }
    }
    out->lines = lines;
    return true;
}

enum drill_code drill_replies_of(const struct drill_file *file, const char *name,
                                 struct drill_arena *arena, struct drill_replies *out,
                                 struct drill_error *err)
{
    memset(out, 0, sizeof(*out));
    out->file = file;
    enum drill_code code = count(file, name, out, err);
    if (code != DRILL_OK) {
        return code;
    }
    out->line = drill_arena_take(arena, out->lines * sizeof(*out->line) + 1);
    out->group = drill_arena_take(arena, out->groups * sizeof(*out->group) + 1);
    if (!out->line || !out->group || !fill(file, arena, out)) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory for %s", name);
    }
    if (out->suspects == 0) {
        return refuse(NULL, name,
                      "its milter says nothing but continue, and accept at the end: there is no "
                      "reply to suspect",
                      err);
    }
    return DRILL_OK;
}

size_t drill_replies_suspect(const struct drill_replies *r, size_t n)
{
    for (size_t i = 0; i < r->lines; i++) {
        if (!r->line[i].plain && n-- == 0) {
            return i;
        }
    }
    return r->lines;
}

/* ---- building ---- */

struct builder {
    const struct drill_replies *r;
    const bool *keep;
    struct drill_arena *arena;
    struct drill_step **end;
    bool failed;
};

static void add(struct builder *b, const struct drill_step *s)
{
    struct drill_step *copy = drill_arena_take(b->arena, sizeof(*copy));
    if (!copy) {
        b->failed = true;
        return;
    }
    *copy = *s;
    copy->next = NULL;
    memset(&copy->trivia, 0, sizeof(copy->trivia));
    *b->end = copy;
    b->end = &copy->next;
}

static bool kept(const struct builder *b, const struct drill_reply_group *g)
{
    for (size_t i = g->first; i < g->first + g->lines; i++) {
        if (!b->r->line[i].plain && b->keep[i]) {
            return true;
        }
    }
    return false;
}

/* A later command of the same kind is found by counting: this one stands there, too. */
static bool is_counted(const struct builder *b, size_t at)
{
    for (size_t i = at + 1; i < b->r->groups; i++) {
        if (kept(b, &b->r->group[i]) &&
            same_command(b->r->group[i].command, b->r->group[at].command)) {
            return b->r->group[at].has_final;
        }
    }
    return false;
}

static void add_plain(struct builder *b, const struct drill_reply_group *g)
{
    bool last = is_message(g->command, DRILL_SMFIC_BODYEOB);
    bool offer = is_message(g->command, DRILL_SMFIC_OPTNEG);
    uint8_t code = last ? DRILL_SMFIR_ACCEPT : offer ? DRILL_SMFIC_OPTNEG : DRILL_SMFIR_CONTINUE;
    struct drill_item *item = drill_arena_take(b->arena, sizeof(*item));
    struct drill_step s = {.kind = DRILL_STEP_LINE, .dir = DRILL_TO_MTA, .items = item};
    if (!item) {
        b->failed = true;
        return;
    }
    item->kind = DRILL_ITEM_MESSAGE;
    item->code = code;
    item->word = drill_span_str(drill_proto_find(DRILL_TO_MTA, code)->word);
    add(b, &s);
}

static void add_group(struct builder *b, const struct drill_reply_group *g)
{
    const struct drill_step dots = {.kind = DRILL_STEP_ELLIPSIS};
    bool final = false;
    if (g->command->items->kind != DRILL_ITEM_OPEN || g != b->r->group) {
        add(b, &dots);
    }
    add(b, g->command);
    for (size_t i = g->first; i < g->first + g->lines; i++) {
        const struct drill_reply *line = &b->r->line[i];
        if (!line->plain && b->keep[i]) {
            add(b, line->step);
            final = final || is_final(line->step);
        }
    }
    if (g->has_final && !final) {
        add_plain(b, g);
    }
}

struct drill_file *drill_replies_build(const struct drill_replies *r, const bool *keep,
                                       struct drill_arena *arena)
{
    const struct drill_step dots = {.kind = DRILL_STEP_ELLIPSIS};
    struct drill_file *file = drill_arena_take(arena, sizeof(*file));
    struct builder b = {r, keep, arena, NULL, false};
    if (!file) {
        return NULL;
    }
    *file = *r->file;
    file->tests = DRILL_TESTS_MTA;
    memset(&file->trivia, 0, sizeof(file->trivia));
    memset(&file->body, 0, sizeof(file->body));
    b.end = &file->body.steps;
    for (size_t i = 0; i < r->groups; i++) {
        if (kept(&b, &r->group[i]) || is_counted(&b, i)) {
            add_group(&b, &r->group[i]);
        }
    }
    add(&b, &dots);
    return b.failed ? NULL : file;
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
