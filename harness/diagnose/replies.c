/* SPDX-License-Identifier: MIT */
#include "diagnose/replies.h"

#include <string.h>

#include "session/state.h"

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
bool drill_reply_final(const struct drill_step *s)
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

/* `agreed`: with the offer's answer. Unknown is version 0, which promises nothing. */
static bool is_owed(const struct drill_step *command, const struct drill_agreed *agreed)
{
    return command->items->kind != DRILL_ITEM_MESSAGE ||
           drill_state_owes(command->items->code, agreed);
}

static bool is_plain(const struct drill_reply_group *g, const struct drill_agreed *agreed,
                     const struct drill_step *s)
{
    const struct drill_step *command = g->command;
    if (is_message(command, DRILL_SMFIC_QUIT) || is_message(command, DRILL_SMFIC_QUIT_NC)) {
        return true; /* what comes behind it, the MTA does not read */
    }
    if (has_fault(s->items) || g->has_final || !is_owed(command, agreed)) {
        return false;
    }
    if (is_message(command, DRILL_SMFIC_OPTNEG)) {
        return is_message(s, DRILL_SMFIC_OPTNEG);
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

/* The numbers of an answer to the offer; those that are not written are the profile's, which asks
 * for no NR_* bits. */
static struct drill_agreed agreed_of(const struct drill_step *s)
{
    enum { NEWEST = 6 };
    struct drill_agreed agreed = {NEWEST, 0, 0};
    for (const struct drill_field *f = s->items->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_NUMBER0) {
            agreed.version = (uint32_t)f->value.number;
        } else if (f->id == DRILL_FIELD_NUMBER2) {
            agreed.protocol = (uint32_t)f->value.number | f->value.set;
        }
    }
    return agreed;
}

static bool fill(const struct drill_file *file, struct drill_arena *arena,
                 struct drill_replies *out)
{
    struct drill_reply_group *g = NULL;
    struct drill_agreed agreed = {0, 0, 0};
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
            bool plain = is_plain(g, &agreed, s);
            out->line[lines++] = (struct drill_reply){s, out->groups - 1, plain};
            out->suspects += !plain;
            g->lines++;
            g->has_final = g->has_final || (drill_reply_final(s) && is_owed(g->command, &agreed));
            if (is_message(g->command, DRILL_SMFIC_OPTNEG) && is_message(s, DRILL_SMFIC_OPTNEG)) {
                agreed = agreed_of(s);
            }
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

static bool has_messages(const struct drill_file *file)
{
    size_t n = 0;
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        n += s->kind == DRILL_SETUP_MESSAGE;
    }
    return n > 1;
}

/* Of several messages the one that a reply is kept of is found by its `mail`: that stands there. */
static bool is_anchor(const struct builder *b, size_t at)
{
    if (!is_message(b->r->group[at].command, DRILL_SMFIC_MAIL) || !has_messages(b->r->file)) {
        return false;
    }
    for (size_t i = at + 1; i < b->r->groups; i++) {
        if (is_message(b->r->group[i].command, DRILL_SMFIC_MAIL)) {
            return false;
        }
        if (kept(b, &b->r->group[i])) {
            return true;
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

/* In place of what was recorded as the answer to the offer. */
static void add_offer(struct builder *b)
{
    struct drill_item *item = drill_arena_take(b->arena, sizeof(*item));
    struct drill_step s = {.kind = DRILL_STEP_LINE, .dir = DRILL_TO_MILTER, .items = item};
    if (!item) {
        b->failed = true;
        return;
    }
    item->kind = DRILL_ITEM_MESSAGE;
    item->code = DRILL_SMFIC_OPTNEG;
    item->word = drill_span_str("optneg");
    add(b, &s);
    add(b, b->r->offer);
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
        bool ends = g->has_final && !final && drill_reply_final(line->step);
        if (!line->plain && b->keep[i]) {
            add(b, line->step);
        } else if (ends) {
            add_plain(b, g);
        }
        final = final || ends;
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
    file->recorded = drill_span_of(NULL, 0); /* else the profile answers as recorded */
    memset(&file->trivia, 0, sizeof(file->trivia));
    memset(&file->body, 0, sizeof(file->body));
    b.end = &file->body.steps;
    if (r->offer) {
        add_offer(&b);
    }
    for (size_t i = 0; i < r->groups; i++) {
        if (r->offer && is_message(r->group[i].command, DRILL_SMFIC_OPTNEG)) {
            continue;
        }
        if (kept(&b, &r->group[i]) || is_counted(&b, i) || is_anchor(&b, i)) {
            add_group(&b, &r->group[i]);
        }
    }
    add(&b, &dots);
    return b.failed ? NULL : file;
}

size_t drill_replies_offer(const struct drill_replies *r)
{
    for (size_t i = 0; i < r->lines; i++) {
        const struct drill_reply *line = &r->line[i];
        if (!line->plain && is_message(r->group[line->group].command, DRILL_SMFIC_OPTNEG) &&
            is_message(line->step, DRILL_SMFIC_OPTNEG)) {
            return i;
        }
    }
    return r->lines;
}
