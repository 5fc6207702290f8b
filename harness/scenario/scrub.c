/* SPDX-License-Identifier: MIT */
/* The file: its setup, lines and checks, and the files that it names. */
#include "scenario/scrub_walk.h"

#include "scenario/print.h"

#include <stdio.h>
#include <string.h>

static bool same(struct drill_span s, const char *text)
{
    return drill_span_equal(s, drill_span_str(text));
}

static struct drill_span copy_text(struct drill_scrub_walk *w, const char *text)
{
    struct drill_span s = drill_arena_copy(w->s.arena, drill_span_str(text));
    w->s.no_memory = w->s.no_memory || !s.ptr;
    return s;
}

/* ---- setup and checks ---- */

static void text_of(struct drill_scrub_walk *w, struct drill_value *value, unsigned flags)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_TEXT, .flags = flags};
    drill_scrub_walk_value(w, value, &how);
}

/* `message file="x.eml"`: the value is a name, and becomes the copy's. */
static void message_file(struct drill_scrub_walk *w, struct drill_value *value)
{
    struct drill_span name = drill_scrub_walk_bytes(w, value);
    struct drill_scrub_file *f = value->parts ? drill_scrub_walk_file(w, name, true) : NULL;
    if (f) {
        *value->parts = (struct drill_part){
            .kind = DRILL_PART_STRING, .pos = value->parts->pos, .bytes = f->name, .times = 1};
    }
}

static void client_line(struct drill_scrub_walk *w, struct drill_pair *pairs)
{
    for (struct drill_pair *p = pairs; p; p = p->next) {
        bool host = same(p->key, "host") || same(p->key, "helo");
        text_of(w, &p->value, host ? (unsigned)(DRILL_SCRUB_HOST | DRILL_SCRUB_SMTP) : 0);
    }
}

/* name= and value= of a header, as setup, or as what is delivered. */
static void header_line(struct drill_scrub_walk *w, struct drill_pair *pairs, unsigned flags)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_HEADER, .flags = flags};
    for (struct drill_pair *p = pairs; p; p = p->next) {
        if (same(p->key, "name")) {
            how.name = drill_scrub_walk_bytes(w, &p->value);
        }
    }
    for (struct drill_pair *p = pairs; p; p = p->next) {
        if (same(p->key, "value")) {
            drill_scrub_part_header(&w->part, how.name, drill_scrub_walk_bytes(w, &p->value));
            drill_scrub_walk_value(w, &p->value, &how);
        }
    }
}

static void body_line(struct drill_scrub_walk *w, struct drill_pair *pairs)
{
    struct drill_scrub_how how = {.kind = DRILL_SCRUB_AS_BODY, .part = w->part};
    for (struct drill_pair *p = pairs; p; p = p->next) {
        drill_scrub_walk_value(w, &p->value, &how);
    }
}

static void message_line(struct drill_scrub_walk *w, struct drill_pair *pairs)
{
    struct drill_scrub_how argument = {.kind = DRILL_SCRUB_AS_ARGUMENT};
    memset(&w->part, 0, sizeof(w->part));
    for (struct drill_pair *p = pairs; p; p = p->next) {
        if (same(p->key, "file")) {
            message_file(w, &p->value);
        } else if (same(p->key, "arg")) {
            drill_scrub_walk_value(w, &p->value, &argument);
        } else {
            text_of(w, &p->value, 0);
        }
    }
}

/* Most are words of the program; what a milter is set to add is mail. */
static void settings_line(struct drill_scrub_walk *w, struct drill_pair *pairs)
{
    static const struct drill_scrub_how field = {.kind = DRILL_SCRUB_AS_MESSAGE};
    for (struct drill_pair *p = pairs; p; p = p->next) {
        if (same(p->key, "addheader")) {
            drill_scrub_walk_value(w, &p->value, &field);
        } else if (same(p->key, "replbody")) {
            text_of(w, &p->value, 0);
        } else if (same(p->key, "hostname") || same(p->key, "myhostname")) {
            text_of(w, &p->value, DRILL_SCRUB_HOST | DRILL_SCRUB_SMTP);
        } else {
            text_of(w, &p->value, DRILL_SCRUB_NAMES);
        }
    }
}

static void setup_line(struct drill_scrub_walk *w, struct drill_setup *line)
{
    memset(&line->trivia, 0, sizeof(line->trivia));
    switch (line->kind) {
    case DRILL_SETUP_WHY:
    case DRILL_SETUP_TLS:
    case DRILL_SETUP_JUDGE: break;
    case DRILL_SETUP_MTA:
        w->body_is_mail = same(line->text, "stalwart");
        settings_line(w, line->fields);
        break;
    case DRILL_SETUP_MILTER:
    case DRILL_SETUP_BEFORE:
    case DRILL_SETUP_AFTER: settings_line(w, line->fields); break;
    case DRILL_SETUP_CLIENT: client_line(w, line->fields); break;
    case DRILL_SETUP_MESSAGE: message_line(w, line->fields); break;
    case DRILL_SETUP_HEADER: header_line(w, line->fields, 0); break;
    case DRILL_SETUP_BODY: body_line(w, line->fields); break;
    case DRILL_SETUP_SMTP:
        for (struct drill_pair *p = line->fields; p; p = p->next) {
            text_of(w, &p->value, DRILL_SCRUB_SMTP);
        }
        break;
    }
}

/* What is said in prose may name anybody: `why` lines are left out. */
static void setup(struct drill_scrub_walk *w, struct drill_file *file)
{
    struct drill_setup **end = &file->setup;
    for (struct drill_setup *line = file->setup; line; line = line->next) {
        if (line->kind != DRILL_SETUP_WHY) {
            setup_line(w, line);
            *end = line;
            end = &line->next;
        }
    }
    *end = NULL;
}

void drill_scrub_walk_check(struct drill_scrub_walk *w, struct drill_check *check)
{
    struct drill_scrub_how reply = {.kind = DRILL_SCRUB_AS_REPLY};
    memset(&check->trivia, 0, sizeof(check->trivia));
    for (struct drill_outcome_alt *alt = check->outcomes; alt; alt = alt->next) {
        for (struct drill_pair *p = alt->fields; p; p = p->next) {
            drill_scrub_walk_value(w, &p->value, &reply);
        }
    }
    if (check->kind == DRILL_CHECK_DELIVERED && check->delivered == DRILL_DELIVERED_HEADER) {
        header_line(w, check->fields, DRILL_SCRUB_FILTER);
    } else if (check->kind == DRILL_CHECK_DELIVERED && check->delivered == DRILL_DELIVERED_BODY) {
        body_line(w, check->fields);
    } else {
        for (struct drill_pair *p = check->fields; p; p = p->next) {
            text_of(w, &p->value, 0);
        }
    }
}

/* ---- the whole ---- */

static struct drill_span title(struct drill_scrub_walk *w, const struct drill_file *file)
{
    char text[100];
    unsigned lines = 0, messages = 0;
    for (const struct drill_step *step = file->body.steps; step; step = step->next) {
        lines++;
    }
    for (const struct drill_setup *line = file->setup; line; line = line->next) {
        messages += line->kind == DRILL_SETUP_MESSAGE;
    }
    (void)snprintf(text, sizeof(text), "scrubbed: a %s of %u lines, %u messages",
                   file->recorded.len ? "recording" : "scenario", lines, messages);
    return copy_text(w, text);
}

static bool print(const struct drill_file *file, struct drill_arena *arena, struct drill_span *out)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    drill_print(file, &w);
    uint8_t *text = drill_arena_take(arena, w.len);
    if (!text) {
        return false;
    }
    w = drill_writer_of(text, w.len);
    drill_print(file, &w);
    *out = drill_writer_span(&w);
    return true;
}

/* One walk over a tree of our own, which may be changed. `taken`: drill_scrub_reserved. */
static bool walk(struct drill_scrub_walk *w, struct drill_file *file, struct drill_span source,
                 const char *name, unsigned taken, struct drill_errors *errors)
{
    const struct drill_file *parsed = drill_parse(source, name, w->loader, w->s.arena, errors);
    if (!parsed) {
        return false;
    }
    *file = *parsed;
    w->s.taken = taken;
    w->files_end = &w->files;
    memset(&file->trivia, 0, sizeof(file->trivia));
    setup(w, file);
    memset(&w->part, 0, sizeof(w->part));
    drill_scrub_walk_block(w, &file->body);
    drill_scrub_walk_files(w);
    file->title = title(w, file);
    if (!w->failed && w->s.no_memory) {
        drill_error_set(w->err, DRILL_ERR_MEMORY, "no memory for the copy");
        w->failed = true;
    }
    if (w->failed) {
        drill_error_at(w->err, name, 0, 0);
        errors->item[0] = *w->err;
        errors->count = 1;
    }
    return !w->failed;
}

/* What of the original is reserved is known only when all of it was read, behind every encoding. */
static bool look(const struct drill_scrub_walk *like, struct drill_span source, const char *name,
                 unsigned *seen, struct drill_errors *errors)
{
    struct drill_arena arena;
    struct drill_file file;
    struct drill_scrub_walk w = *like;
    drill_arena_init(&arena, like->s.arena->alloc, like->s.arena->limit);
    w.s.arena = &arena;
    bool ok = walk(&w, &file, source, name, 0, errors);
    *seen = w.s.seen;
    drill_arena_fini(&arena);
    return ok;
}

bool drill_scrub(const struct drill_scrub_config *config, struct drill_span source,
                 const char *name, const struct drill_loader *loader, struct drill_arena *arena,
                 struct drill_scrubbed *out, struct drill_errors *errors)
{
    struct drill_error err;
    struct drill_file file;
    unsigned seen = 0;
    struct drill_scrub_walk w = {
        .s = {.config = config, .arena = arena}, .loader = loader, .err = &err};
    drill_error_clear(&err);
    if (!look(&w, source, name, &seen, errors) || !walk(&w, &file, source, name, seen, errors)) {
        return false;
    }
    if (!print(&file, arena, &out->text)) {
        drill_error_set(&errors->item[0], DRILL_ERR_MEMORY, "no memory for the copy");
        errors->count = 1;
        return false;
    }
    out->files = w.files;
    return true;
}
