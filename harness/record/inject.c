/* SPDX-License-Identifier: MIT */
#include "record/inject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

/* ---- what a scenario asks for ---- */

static void refuse(struct drill_errors *errors, const char *name, struct drill_pos pos,
                   const char *what)
{
    if (errors->count < DRILL_ERRORS_MAX) {
        struct drill_error *err = &errors->item[errors->count];
        drill_error_set(err, DRILL_ERR_VALUE, "%s", what);
        drill_error_at(err, name, pos.line, pos.column);
    }
    errors->count++;
}

static bool is_ending(enum drill_item_kind kind)
{
    return kind == DRILL_ITEM_RESET || kind == DRILL_ITEM_CLOSE || kind == DRILL_ITEM_HANGUP;
}

static bool is_quiet(enum drill_item_kind kind)
{
    return kind == DRILL_ITEM_SILENCE || kind == DRILL_ITEM_STALL;
}

/* NULL: it can be done. */
static const char *why_not(const struct drill_inject *inject, const struct drill_step *step)
{
    const struct drill_item *item = step->items;
    const struct drill_travel *t = &item->travel;
    bool first = inject->count == 0;
    if (item->next) {
        return "--inject takes no alternatives: say which one";
    }
    if (t->has_within || t->has_dribble || t->has_cut || t->has_length || t->join || t->splits) {
        return "--inject passes frames whole: of the modifiers it does only after=";
    }
    if (is_ending(item->kind) || is_quiet(item->kind)) {
        return first ? "an ending needs the message behind which it comes, on a line above" : NULL;
    }
    if (item->kind != DRILL_ITEM_MESSAGE) {
        return "--inject waits for messages, delays them and ends connections; it makes none of "
               "its own";
    }
    return NULL;
}

static const char *optneg_why_not(const struct drill_inject *inject, const struct drill_step *step)
{
    if (step->items->kind != DRILL_ITEM_MESSAGE || step->items->code != DRILL_SMFIC_OPTNEG) {
        return NULL;
    }
    for (size_t i = 0; i < inject->count; i++) {
        if (inject->lines[i].dir == step->dir) {
            return "`optneg` is the first message of its side: it stands above the others";
        }
    }
    for (const struct drill_field *f = step->items->fields; f; f = f->next) {
        bool number = f->id == DRILL_FIELD_NUMBER0 || f->id == DRILL_FIELD_NUMBER1 ||
                      f->id == DRILL_FIELD_NUMBER2;
        if (!number || (f->value.kind != DRILL_VALUE_INT && f->value.kind != DRILL_VALUE_FLAGS)) {
            return "of `optneg` --inject sets version=, actions= and protocol=, to a number or to "
                   "names";
        }
    }
    return NULL;
}

static void take_step(struct drill_inject *inject, const struct drill_step *step, const char *name,
                      struct drill_errors *errors)
{
    if (step->kind == DRILL_STEP_ELLIPSIS) {
        return;
    }
    const char *why = step->kind != DRILL_STEP_LINE ? "--inject does no blocks" : NULL;
    why = why ? why : why_not(inject, step);
    why = why ? why : optneg_why_not(inject, step);
    why = why || inject->count < DRILL_INJECT_LINES ? why : "--inject does 64 lines at most";
    if (why) {
        refuse(errors, name, step->kind == DRILL_STEP_LINE ? step->items->pos : step->pos, why);
        return;
    }
    inject->lines[inject->count].dir = step->dir;
    inject->lines[inject->count].item = step->items;
    inject->count++;
}

bool drill_inject_init(struct drill_inject *inject, const struct drill_file *file, const char *name,
                       struct drill_errors *errors)
{
    const size_t before = errors->count;
    memset(inject, 0, sizeof(*inject));
    inject->of = inject->in = 1;
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        if (s->kind != DRILL_SETUP_WHY && s->kind != DRILL_SETUP_MTA &&
            s->kind != DRILL_SETUP_MILTER) {
            refuse(errors, name, s->pos,
                   "--inject takes the mail as it comes: a scenario for it has no setup but `why`, "
                   "`mta` and `milter`");
        }
    }
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        take_step(inject, s, name, errors);
    }
    for (const struct drill_check *c = file->body.checks; c; c = c->next) {
        refuse(errors, name, c->pos, "--inject checks nothing: take this line out");
    }
    if (errors->count == before && inject->count == 0) {
        refuse(errors, name, (struct drill_pos){1, 1}, "there is no fault in it to inject");
    }
    return errors->count == before;
}

enum drill_code drill_inject_rate(struct drill_inject *inject, const char *text,
                                  struct drill_error *err)
{
    char *end = NULL;
    unsigned long of = strtoul(text, &end, 10), in = 1;
    if (end != text && *end == '/') {
        const char *second = end + 1;
        in = strtoul(second, &end, 10);
        end = end == second ? NULL : end;
    }
    if (end == text || !end || *end || text[0] == '-' || of == 0 || in < of || in > 1000000000) {
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "--inject-rate wants a part of the connections such as 1/100, or 1 "
                               "for all, not `%.60s`",
                               text);
    }
    inject->of = of;
    inject->in = in;
    return DRILL_OK;
}

/* ---- one connection ---- */

struct drill_injected *drill_injected_new(const struct drill_inject *inject, uint64_t number)
{
    struct drill_random random = {drill_random_mix(inject->seed, number)};
    if (drill_random_below(&random, inject->in) >= inject->of) {
        return NULL;
    }
    struct drill_injected *i = drill_alloc_resize(NULL, NULL, sizeof(*i));
    if (!i) {
        return NULL;
    }
    memset(i, 0, sizeof(*i));
    i->inject = inject;
    drill_arena_init(&i->arena, NULL, 0);
    i->arena.lean = true;
    i->binds.arena = &i->arena;
    drill_buf_init(&i->out, NULL);
    for (size_t d = 0; d < 2; d++) {
        drill_assemble_init(&i->frames[d], NULL, UINT32_MAX - 1, DRILL_INJECT_HOLD);
    }
    return i;
}

void drill_injected_free(struct drill_injected *i)
{
    if (i) {
        drill_assemble_fini(&i->frames[0]);
        drill_assemble_fini(&i->frames[1]);
        drill_buf_fini(&i->out);
        drill_arena_fini(&i->arena);
        drill_alloc_resize(NULL, i, 0);
    }
}

static const struct drill_inject_line *next_line(const struct drill_injected *i)
{
    return i->at < i->inject->count ? &i->inject->lines[i->at] : NULL;
}

static bool is_optneg(const struct drill_inject_line *line)
{
    return line && line->item->kind == DRILL_ITEM_MESSAGE && line->item->code == DRILL_SMFIC_OPTNEG;
}

/* Writes the numbers of an `optneg` line over those that pass: the first frame of the stream has
 * them at bytes 5 to 16, however the stream is cut. */
static void rewrite_optneg(struct drill_injected *i, const struct drill_inject_line *line,
                           struct drill_span bytes, struct drill_forward_edit *edit)
{
    const uint64_t from = i->passed[line->dir];
    if (from > 16) {
        return;
    }
    i->out.len = 0;
    if (!drill_buf_append(&i->out, bytes)) {
        return;
    }
    for (const struct drill_field *f = line->item->fields; f; f = f->next) {
        uint8_t word[4];
        const uint64_t place = 5 + 4 * (uint64_t)(f->id - DRILL_FIELD_NUMBER0);
        drill_put_be32(word, (uint32_t)f->value.number);
        for (uint64_t n = 0; n < 4; n++) {
            if (place + n >= from && place + n - from < i->out.len) {
                i->out.ptr[place + n - from] = word[n];
            }
        }
    }
    edit->send = drill_buf_span(&i->out);
}

/* What the line that was met asks for, and the endings below it. `passed`: bytes of this read up to
 * the end of the message. */
static void act(struct drill_injected *i, const struct drill_inject_line *met, size_t passed,
                uint64_t now, struct drill_forward_edit *edit)
{
    const struct drill_travel *t = &met->item->travel;
    uint64_t wait = t->has_after ? t->after : 0;
    const char *what = is_optneg(met) && met->item->fields ? "rewritten" : wait ? "held back" : "";
    i->at++;
    const struct drill_inject_line *line = next_line(i);
    if (line && is_ending(line->item->kind)) {
        edit->send = drill_span_sub(edit->send, 0, passed);
        edit->then = line->item->kind == DRILL_ITEM_RESET ? DRILL_END_RST : DRILL_END_FIN;
        wait += line->item->travel.has_after ? line->item->travel.after : 0;
        i->ender = line->dir;
        i->at = i->inject->count;
        what = edit->then == DRILL_END_RST ? "the connection is reset" : "the connection is closed";
    } else if (line && is_quiet(line->item->kind)) {
        i->mute[line->dir] = true;
        i->at++;
        what = "silence from here on";
    }
    edit->not_before = wait ? now + wait : 0;
    if (what[0]) {
        (void)snprintf(i->note, sizeof(i->note), "injected (line %u): %s", met->item->pos.line,
                       what);
    }
}

/* True when the message is the one that the line waits for. */
static bool meets(struct drill_injected *i, const struct drill_inject_line *line,
                  const struct drill_assembled *a)
{
    struct drill_came came = {
        .code = a->frame.code, .length = a->frame.length, .payload = a->payload, .whole = a->whole};
    if (is_optneg(line)) {
        return a->frame.code == DRILL_SMFIC_OPTNEG;
    }
    return drill_match(line->item, line->dir, &came, &i->binds, NULL);
}

static void look(struct drill_injected *i, enum drill_dir dir, struct drill_span bytes,
                 uint64_t now, struct drill_forward_edit *edit)
{
    struct drill_span in = bytes;
    struct drill_assembled a;
    while (!i->broken[dir] && edit->then == DRILL_END_NONE) {
        switch (drill_assemble_next(&i->frames[dir], &in, &a)) {
        case DRILL_ASSEMBLE_ERROR: i->broken[dir] = true; return;
        case DRILL_ASSEMBLE_MORE: return;
        case DRILL_ASSEMBLE_HEADER: break;
        case DRILL_ASSEMBLE_FRAME: {
            const struct drill_inject_line *line = next_line(i);
            if (line && line->dir == dir && meets(i, line, &a)) {
                act(i, line, bytes.len - in.len, now, edit);
            }
            break;
        }
        }
    }
}

void drill_injected_edit(struct drill_injected *i, enum drill_dir dir, struct drill_span bytes,
                         uint64_t now, struct drill_forward_edit *edit)
{
    const struct drill_inject_line *line = next_line(i);
    i->note[0] = '\0';
    if (i->mute[dir]) {
        edit->mute = true;
        return;
    }
    if (is_optneg(line) && line->dir == dir && line->item->fields) {
        rewrite_optneg(i, line, bytes, edit);
    }
    look(i, dir, bytes, now, edit);
    i->passed[dir] += bytes.len;
}
