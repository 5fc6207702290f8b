/* SPDX-License-Identifier: MIT */
/* Values and lines. */
#include "scenario/scrub_walk.h"

#include <string.h>

struct drill_scrub_piece {
    struct drill_part *part;
    struct drill_scrub_piece *next;
};

/* ---- values ---- */

bool drill_scrub_walk_apply(struct drill_scrub_walk *w, const struct drill_scrub_how *how,
                            struct drill_span in, struct drill_span *out)
{
    struct drill_scrubber *s = &w->s;
    uint8_t *to = drill_arena_take(s->arena, in.len ? in.len : 1);
    if (!to || !out) {
        s->no_memory = true;
        return false;
    }
    switch (how->kind) {
    case DRILL_SCRUB_AS_TEXT: drill_scrub_text(s, in, to, how->flags); break;
    case DRILL_SCRUB_AS_MESSAGE: drill_scrub_message(s, in, to); break;
    case DRILL_SCRUB_AS_HEADER: drill_scrub_header(s, how->name, in, to, how->flags); break;
    case DRILL_SCRUB_AS_BODY: drill_scrub_body(s, &how->part, in, to); break;
    case DRILL_SCRUB_AS_NAME: drill_scrub_name(s, in, to); break;
    case DRILL_SCRUB_AS_MACRO: drill_scrub_macro(s, how->name, in, to); break;
    case DRILL_SCRUB_AS_ARGUMENT: drill_scrub_argument(s, in, to); break;
    case DRILL_SCRUB_AS_REPLY: drill_scrub_reply(s, in, to); break;
    case DRILL_SCRUB_AS_PAYLOAD: drill_scrub_payload(s, how->dir, how->code, in, to); break;
    case DRILL_SCRUB_AS_STREAM: drill_scrub_stream(s, how->dir, in, to); break;
    }
    *out = drill_span_of(to, in.len);
    return !s->no_memory;
}

static void forget(struct drill_scrub_gather *g)
{
    g->first = NULL;
    g->end = &g->first;
    g->len = 0;
}

/* All of it stands in the files of messages, which are replaced as such. */
static bool is_mail(struct drill_scrub_walk *w, const struct drill_scrub_gather *g)
{
    for (const struct drill_scrub_piece *p = g->first; p; p = p->next) {
        if (p->part->kind != DRILL_PART_FILE || !drill_scrub_walk_is_mail(w, p->part->name)) {
            return false;
        }
    }
    return true;
}

/* What was gathered is replaced as one text; it goes on behind it. */
static void replace(struct drill_scrub_walk *w, struct drill_scrub_gather *g)
{
    if (is_mail(w, g)) {
        for (struct drill_scrub_piece *p = g->first; p; p = p->next) {
            drill_scrub_walk_slice(w, p->part, drill_span_of(NULL, 0));
        }
        forget(g);
        return;
    }
    uint8_t *in = drill_arena_take(w->s.arena, g->len ? g->len : 1);
    struct drill_writer joined = drill_writer_of(in, in ? g->len : 0);
    struct drill_span out;
    size_t at = 0;
    for (struct drill_scrub_piece *p = g->first; p; p = p->next) {
        drill_write_bytes(&joined, p->part->bytes);
    }
    w->s.no_memory = w->s.no_memory || !in;
    if (in && drill_scrub_walk_apply(w, &g->how, drill_writer_span(&joined), &out)) {
        for (struct drill_scrub_piece *p = g->first; p; p = p->next) {
            struct drill_span bytes = drill_span_sub(out, at, p->part->bytes.len);
            at += bytes.len;
            if (p->part->kind == DRILL_PART_FILE) {
                drill_scrub_walk_slice(w, p->part, bytes);
            } else {
                p->part->bytes = bytes;
            }
        }
    }
    forget(g);
}

static void flush(struct drill_scrub_walk *w, struct drill_scrub_gather *g)
{
    if (g->first) {
        replace(w, g);
    }
    g->begun = false;
}

static void add(struct drill_scrub_walk *w, struct drill_scrub_gather *g, struct drill_part *part)
{
    struct drill_scrub_piece *piece = drill_arena_take(w->s.arena, sizeof(*piece));
    if (!piece) {
        w->s.no_memory = true;
        return;
    }
    piece->part = part;
    g->end = g->first ? g->end : &g->first;
    *g->end = piece;
    g->end = &piece->next;
    g->len += part->bytes.len;
}

/* Products stand for themselves: they may be larger than memory. What follows one is text of which
 * nobody knows where in a message it stands. */
static void product(struct drill_scrub_walk *w, struct drill_scrub_gather *g,
                    struct drill_part *part)
{
    struct drill_scrub_gather alone = {.how = g->how};
    replace(w, g);
    add(w, &alone, part);
    replace(w, &alone);
    if (g->how.kind == DRILL_SCRUB_AS_BODY || g->how.kind == DRILL_SCRUB_AS_MESSAGE ||
        g->how.kind == DRILL_SCRUB_AS_STREAM) {
        g->how = (struct drill_scrub_how){.kind = DRILL_SCRUB_AS_TEXT};
    }
}

static void gather(struct drill_scrub_walk *w, struct drill_scrub_gather *g,
                   struct drill_value *value)
{
    for (struct drill_part *part = value->parts; part; part = part->next) {
        if (part->times == 1) {
            add(w, g, part);
        } else {
            product(w, g, part);
        }
    }
    if (value->kind == DRILL_VALUE_GLOB) {
        replace(w, g);
        (void)drill_scrub_walk_apply(w, &g->how, value->text, &value->text);
    }
}

void drill_scrub_walk_value(struct drill_scrub_walk *w, struct drill_value *value,
                            const struct drill_scrub_how *how)
{
    struct drill_scrub_gather g = {.how = *how};
    gather(w, &g, value);
    flush(w, &g);
}

struct drill_span drill_scrub_walk_bytes(struct drill_scrub_walk *w,
                                         const struct drill_value *value)
{
    size_t len = 0;
    if (value->parts && !value->parts->next) {
        return value->parts->bytes;
    }
    for (const struct drill_part *part = value->parts; part; part = part->next) {
        len += part->bytes.len;
    }
    uint8_t *text = drill_arena_take(w->s.arena, len ? len : 1);
    w->s.no_memory = w->s.no_memory || !text;
    struct drill_writer out = drill_writer_of(text, text ? len : 0);
    for (const struct drill_part *part = value->parts; part; part = part->next) {
        drill_write_bytes(&out, part->bytes);
    }
    return drill_writer_span(&out);
}

/* ---- lines ---- */

static bool is_header(enum drill_dir dir, uint8_t code)
{
    return dir == DRILL_TO_MILTER
               ? code == DRILL_SMFIC_HEADER
               : code == DRILL_SMFIR_ADDHEADER || code == DRILL_SMFIR_INSHEADER ||
                     code == DRILL_SMFIR_CHGHEADER;
}

/* How a string of a message that is no header is read. */
static struct drill_scrub_how how_of(enum drill_dir dir, uint8_t code, enum drill_field_id id)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_TEXT, .dir = dir, .code = code};
    bool first = id == DRILL_FIELD_STR0;
    if (dir == DRILL_TO_MTA && code == DRILL_SMFIR_QUARANTINE) {
        how.flags = DRILL_SCRUB_FILTER;
    } else if (id == DRILL_FIELD_ARG || (dir == DRILL_TO_MTA && !first)) {
        how.kind = DRILL_SCRUB_AS_ARGUMENT;
    } else if (dir == DRILL_TO_MTA && code == DRILL_SMFIR_REPLYCODE) {
        how.kind = DRILL_SCRUB_AS_REPLY;
    } else if (dir == DRILL_TO_MILTER && first &&
               (code == DRILL_SMFIC_CONNECT || code == DRILL_SMFIC_HELO)) {
        how.flags = DRILL_SCRUB_HOST | DRILL_SCRUB_SMTP;
    } else if (dir == DRILL_TO_MILTER && code == DRILL_SMFIC_UNKNOWN) {
        how.flags = DRILL_SCRUB_SMTP;
    }
    return how;
}

static void header_item(struct drill_scrub_walk *w, enum drill_dir dir, struct drill_item *item)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_HEADER,
                                  .flags = dir == DRILL_TO_MTA ? DRILL_SCRUB_FILTER : 0};
    static const struct drill_scrub_how name = {.kind = DRILL_SCRUB_AS_NAME};
    for (struct drill_field *f = item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_STR0) {
            how.name = drill_scrub_walk_bytes(w, &f->value);
            drill_scrub_walk_value(w, &f->value, &name);
        }
    }
    for (struct drill_field *f = item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_STR1) {
            if (dir == DRILL_TO_MILTER) {
                drill_scrub_part_header(&w->part, how.name, drill_scrub_walk_bytes(w, &f->value));
            }
            drill_scrub_walk_value(w, &f->value, &how);
        }
    }
}

static void whole_payload(struct drill_scrub_walk *w, enum drill_dir dir, struct drill_item *item,
                          struct drill_field *data)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_PAYLOAD, .dir = dir, .code = item->code};
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_CODE) {
            how.code = (uint8_t)f->value.number;
        }
    }
    drill_scrub_walk_value(w, &data->value, &how);
}

static void field(struct drill_scrub_walk *w, enum drill_dir dir, struct drill_item *item,
                  struct drill_field *f)
{
    static const struct drill_scrub_how name = {.kind = DRILL_SCRUB_AS_NAME};
    static const struct drill_scrub_how list = {.flags = DRILL_SCRUB_NAMES};
    struct drill_scrub_how how = how_of(dir, item->code, f->id);
    switch (f->id) {
    case DRILL_FIELD_STR0:
    case DRILL_FIELD_STR1:
    case DRILL_FIELD_ARG: drill_scrub_walk_value(w, &f->value, &how); break;
    case DRILL_FIELD_MACRO:
        how = (struct drill_scrub_how){.kind = DRILL_SCRUB_AS_MACRO, .name = f->key};
        drill_scrub_walk_value(w, &f->value, &how);
        (void)drill_scrub_walk_apply(w, &name, f->key, &f->key);
        break;
    case DRILL_FIELD_LIST: drill_scrub_walk_value(w, &f->value, &list); break;
    case DRILL_FIELD_BODY: gather(w, &w->body[dir], &f->value); break;
    case DRILL_FIELD_DATA: whole_payload(w, dir, item, f); break;
    case DRILL_FIELD_NUMBER0:
    case DRILL_FIELD_NUMBER1:
    case DRILL_FIELD_NUMBER2:
    case DRILL_FIELD_FAMILY:
    case DRILL_FIELD_PORT:
    case DRILL_FIELD_STAGE:
    case DRILL_FIELD_CODE:
    case DRILL_FIELD_FOR: break;
    }
}

/* Bodies go on over `body` lines up to the end of body; a milter's replacement up to the next
 * command. */
static void begin_message(struct drill_scrub_walk *w, enum drill_dir dir, uint8_t code)
{
    if (dir == DRILL_TO_MTA) {
        return;
    }
    flush(w, &w->body[DRILL_TO_MTA]);
    if (code != DRILL_SMFIC_BODY && code != DRILL_SMFIC_BODYEOB) {
        flush(w, &w->body[DRILL_TO_MILTER]);
    }
    if (code == DRILL_SMFIC_MAIL || code == DRILL_SMFIC_CONNECT) {
        memset(&w->part, 0, sizeof(w->part));
    }
}

static void item(struct drill_scrub_walk *w, enum drill_dir dir, struct drill_item *it)
{
    bool message = it->kind == DRILL_ITEM_MESSAGE;
    bool body = message && it->fields && it->fields->id == DRILL_FIELD_BODY;
    if (it->kind == DRILL_ITEM_RAW) {
        if (!w->raw[dir].begun) {
            w->raw[dir].how = (struct drill_scrub_how){.kind = DRILL_SCRUB_AS_STREAM, .dir = dir};
            w->raw[dir].begun = true;
        }
        for (struct drill_field *f = it->fields; f; f = f->next) {
            gather(w, &w->raw[dir], &f->value);
        }
        return;
    }
    flush(w, &w->raw[dir]);
    if (message) {
        begin_message(w, dir, it->code);
    }
    if (body && !w->body[dir].begun) {
        bool mail = dir == DRILL_TO_MILTER && w->body_is_mail;
        w->body[dir].how =
            (struct drill_scrub_how){.kind = mail ? DRILL_SCRUB_AS_MESSAGE : DRILL_SCRUB_AS_BODY,
                                     .dir = dir,
                                     .part = w->part};
        w->body[dir].begun = true;
    }
    if (message && is_header(dir, it->code) && it->fields && it->fields->id != DRILL_FIELD_DATA) {
        header_item(w, dir, it);
        return;
    }
    for (struct drill_field *f = it->fields; f; f = f->next) {
        field(w, dir, it, f);
    }
}

static void flush_all(struct drill_scrub_walk *w)
{
    for (int dir = 0; dir < 2; dir++) {
        flush(w, &w->body[dir]);
        flush(w, &w->raw[dir]);
    }
}

void drill_scrub_walk_block(struct drill_scrub_walk *w, struct drill_block *block)
{
    memset(&block->end, 0, sizeof(block->end));
    for (struct drill_step *step = block->steps; step && !w->failed; step = step->next) {
        memset(&step->trivia, 0, sizeof(step->trivia));
        for (struct drill_item *it = step->items; it; it = it->next) {
            item(w, step->dir, it);
        }
        if (step->kind == DRILL_STEP_REPEAT || step->kind == DRILL_STEP_CONCURRENTLY) {
            flush_all(w);
            drill_scrub_walk_block(w, &step->block);
            drill_scrub_walk_block(w, &step->block2);
        }
    }
    flush_all(w);
    for (struct drill_check *check = block->checks; check && !w->failed; check = check->next) {
        drill_scrub_walk_check(w, check);
    }
}
