/* SPDX-License-Identifier: MIT */
/* A scenario's AST, without places and trivia, folded into one number. */
#ifndef FUZZ_FUZZ_AST_H
#define FUZZ_FUZZ_AST_H

#include "fuzz.h"

#include "scenario/ast.h"

static inline void note_span(struct fuzz_trace *t, struct drill_span s)
{
    fuzz_note(t, s.len);
    fuzz_note_bytes(t, s.ptr, s.len);
}

static inline void note_value(struct fuzz_trace *t, const struct drill_value *v)
{
    const uint64_t numbers[] = {v->kind, v->number, v->set, v->clear, v->low, v->high, v->count};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        fuzz_note(t, numbers[i]);
    }
    for (const struct drill_part *part = v->parts; part; part = part->next) {
        fuzz_note(t, part->kind);
        fuzz_note(t, part->times);
        fuzz_note(t, part->sliced);
        fuzz_note(t, part->low);
        fuzz_note(t, part->high);
        note_span(t, part->bytes);
        note_span(t, part->name);
    }
    fuzz_note_bytes(t, (const uint8_t *)v->list, v->count * sizeof(*v->list));
    note_span(t, v->text);
}

static inline void note_pairs(struct fuzz_trace *t, const struct drill_pair *f)
{
    for (; f; f = f->next) {
        note_span(t, f->key);
        note_value(t, &f->value);
    }
}

static inline void note_item(struct fuzz_trace *t, const struct drill_item *item)
{
    const struct drill_travel *m = &item->travel;
    const uint64_t numbers[] = {item->kind, item->code,     m->has_after,  m->has_within,
                                m->has_cut, m->has_dribble, m->has_length, m->join,
                                m->after,   m->within,      m->dribble,    m->cut,
                                m->length,  m->splits};
    fuzz_note_bytes(t, (const uint8_t *)numbers, sizeof(numbers));
    fuzz_note_bytes(t, (const uint8_t *)m->split, m->splits * sizeof(*m->split));
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        fuzz_note(t, f->id);
        fuzz_note(t, f->number);
        note_span(t, f->key);
        note_value(t, &f->value);
    }
}

static inline void note_block(struct fuzz_trace *t, const struct drill_block *block)
{
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        const uint64_t numbers[] = {step->kind, step->dir, step->given, step->count, step->count2};
        fuzz_note_bytes(t, (const uint8_t *)numbers, sizeof(numbers));
        for (const struct drill_item *item = step->items; item; item = item->next) {
            note_item(t, item);
        }
        note_block(t, &step->block);
        note_block(t, &step->block2);
    }
    for (const struct drill_check *c = block->checks; c; c = c->next) {
        fuzz_note(t, (uint64_t)c->kind << 8 | c->delivered);
        note_pairs(t, c->fields);
        for (const struct drill_outcome_alt *alt = c->outcomes; alt; alt = alt->next) {
            fuzz_note(t, alt->outcome);
            note_pairs(t, alt->fields);
        }
    }
    fuzz_note(t, 0); /* the block's end */
}

static inline struct fuzz_trace fuzz_ast(const struct drill_file *file)
{
    struct fuzz_trace t = {file->tests};
    note_span(&t, file->title);
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        fuzz_note(&t, s->kind);
        note_span(&t, s->text);
        for (const struct drill_name *name = s->names; name; name = name->next) {
            note_span(&t, name->text);
        }
        note_pairs(&t, s->fields);
    }
    note_block(&t, &file->body);
    return t;
}

#endif
