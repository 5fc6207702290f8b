/* SPDX-License-Identifier: MIT */
/*
 * The files that a scenario names. A file may hold values of several kinds one behind the other (a
 * recording's .mta.bin and .milter.bin do): each slice is what its line makes of it, what no line
 * names is text, and the file of a message is one message.
 */
#include "scenario/scrub_walk.h"

#include <stdio.h>
#include <string.h>

struct drill_scrub_region {
    size_t from;
    struct drill_span bytes;
    struct drill_scrub_region *next; /* by `from`; of equal ones the first that was named */
};

static struct drill_scrub_file *find_file(struct drill_scrub_walk *w, struct drill_span name)
{
    for (struct drill_scrub_file *f = w->files; f; f = f->next) {
        if (drill_span_equal(f->was, name)) {
            return f;
        }
    }
    return NULL;
}

static void *take(struct drill_scrub_walk *w, size_t size)
{
    void *p = drill_arena_take(w->s.arena, size);
    w->s.no_memory = w->s.no_memory || !p;
    return p;
}

/* "copy-1.eml" */
static bool give_name(struct drill_scrub_walk *w, struct drill_scrub_file *f, bool message)
{
    char number[32];
    struct drill_span prefix = w->s.config->prefix;
    (void)snprintf(number, sizeof(number), "-%u.%s", ++w->count, message ? "eml" : "bin");
    size_t room = prefix.len + strlen(number);
    uint8_t *text = take(w, room);
    if (!text) {
        return false;
    }
    struct drill_writer out = drill_writer_of(text, room);
    drill_write_bytes(&out, prefix);
    drill_write_text(&out, number);
    f->name = drill_writer_span(&out);
    return true;
}

static struct drill_scrub_file *new_file(struct drill_scrub_walk *w, struct drill_span name,
                                         bool message)
{
    struct drill_scrub_file *f = take(w, sizeof(*f));
    if (!f) {
        return NULL;
    }
    if (w->loader->load(w->loader->ctx, name, &f->bytes, w->err) != DRILL_OK) {
        w->failed = true;
        return NULL;
    }
    f->was = name;
    if (!give_name(w, f, message)) {
        return NULL;
    }
    *w->files_end = f;
    w->files_end = &f->next;
    return f;
}

struct drill_scrub_file *drill_scrub_walk_file(struct drill_scrub_walk *w, struct drill_span name,
                                               bool message)
{
    struct drill_scrub_file *f = w->failed ? NULL : find_file(w, name);
    f = f || w->failed ? f : new_file(w, name, message);
    if (f) {
        f->message = f->message || message;
    }
    return f;
}

bool drill_scrub_walk_is_mail(struct drill_scrub_walk *w, struct drill_span name)
{
    const struct drill_scrub_file *f = find_file(w, name);
    return f && f->message;
}

void drill_scrub_walk_slice(struct drill_scrub_walk *w, struct drill_part *part,
                            struct drill_span bytes)
{
    struct drill_scrub_file *f = drill_scrub_walk_file(w, part->name, false);
    struct drill_scrub_region *r = f && bytes.len ? take(w, sizeof(*r)) : NULL, **place;
    part->name = f ? f->name : part->name;
    if (!r) {
        return;
    }
    r->from = part->sliced ? (size_t)part->low : 0;
    r->bytes = bytes;
    /* They come in order, as a rule. */
    place = f->last && f->last->from <= r->from ? &f->last->next : &f->regions;
    while (*place && (*place)->from <= r->from) {
        place = &(*place)->next;
    }
    r->next = *place;
    *place = r;
    f->last = r->next ? f->last : r;
}

/* ---- at the end ---- */

static void put_text(struct drill_scrub_walk *w, struct drill_span in, size_t from, size_t end,
                     uint8_t *out)
{
    if (end > from) {
        drill_scrub_text(&w->s, drill_span_sub(in, from, end - from), out + from, 0);
    }
}

static void put_regions(struct drill_scrub_walk *w, const struct drill_scrub_file *f, uint8_t *out)
{
    size_t at = 0;
    for (const struct drill_scrub_region *r = f->regions; r; r = r->next) {
        size_t from = r->from > at ? r->from : at, end = r->from + r->bytes.len;
        if (end <= from || end > f->bytes.len) {
            continue;
        }
        put_text(w, f->bytes, at, from, out);
        memcpy(out + from, r->bytes.ptr + (from - r->from), end - from);
        at = end;
    }
    put_text(w, f->bytes, at, f->bytes.len, out);
}

void drill_scrub_walk_files(struct drill_scrub_walk *w)
{
    for (struct drill_scrub_file *f = w->files; f && !w->s.no_memory; f = f->next) {
        uint8_t *out = take(w, f->bytes.len ? f->bytes.len : 1);
        if (out && f->message) {
            drill_scrub_message(&w->s, f->bytes, out);
        } else if (out) {
            put_regions(w, f, out);
        }
        f->bytes = drill_span_of(out, out ? f->bytes.len : 0);
    }
}
