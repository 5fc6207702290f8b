/* SPDX-License-Identifier: MIT */
/* Setup, checks, blocks, the file. */
#include "scenario/print.h"

#include "wire/text.h"

static bool is_name(struct drill_span s)
{
    struct drill_span name;
    return drill_text_scan_name(&s, &name) && s.len == 0;
}

static void put_pairs(struct drill_writer *w, const struct drill_pair *f)
{
    for (; f; f = f->next) {
        drill_write_u8(w, ' ');
        drill_write_bytes(w, f->key);
        drill_write_u8(w, '=');
        drill_print_value(&f->value, w);
    }
}

/* ---- checks ---- */

static const char *outcome_word(enum drill_outcome outcome)
{
    switch (outcome) {
    case DRILL_OUTCOME_NONE: return "";
    case DRILL_OUTCOME_ACCEPT: return "accept";
    case DRILL_OUTCOME_TEMPFAIL: return "tempfail";
    case DRILL_OUTCOME_REJECT: return "reject";
    case DRILL_OUTCOME_DROP: return "drop";
    }
    return "";
}

static const char *delivered_word(enum drill_delivered delivered)
{
    switch (delivered) {
    case DRILL_DELIVERED_FIELDS: return "";
    case DRILL_DELIVERED_NONE: return " none";
    case DRILL_DELIVERED_HEADER: return " header";
    case DRILL_DELIVERED_BODY: return " body";
    }
    return "";
}

void drill_print_check(const struct drill_check *check, struct drill_writer *w)
{
    if (check->kind == DRILL_CHECK_DELIVERED) {
        drill_write_text(w, "delivered");
        drill_write_text(w, delivered_word(check->delivered));
        put_pairs(w, check->fields);
        return;
    }
    drill_write_text(w, "verdict");
    put_pairs(w, check->fields);
    for (const struct drill_outcome_alt *alt = check->outcomes; alt; alt = alt->next) {
        drill_write_text(w, alt == check->outcomes ? " " : " | ");
        drill_write_text(w, outcome_word(alt->outcome));
        put_pairs(w, alt->fields);
    }
}

/* ---- the file ---- */

static void put_indent(struct drill_writer *w, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        drill_write_text(w, "  ");
    }
}

static void put_above(struct drill_writer *w, struct drill_span above, unsigned depth)
{
    while (above.len) {
        size_t n = drill_span_find(above, '\n');
        if (n) {
            put_indent(w, depth);
            drill_write_bytes(w, drill_span_sub(above, 0, n));
        }
        drill_write_u8(w, '\n');
        above = drill_span_sub(above, n + 1, above.len);
    }
}

static void put_end(struct drill_writer *w, struct drill_span after)
{
    drill_write_text(w, after.len ? "  " : "");
    drill_write_bytes(w, after);
    drill_write_u8(w, '\n');
}

static void put_block(struct drill_writer *w, const struct drill_block *block, unsigned depth);

/* The blocks of a step, from behind the first `{`. */
static void put_blocks(struct drill_writer *w, const struct drill_step *step, unsigned depth)
{
    put_end(w, step->trivia.after);
    put_block(w, &step->block, depth + 1);
    put_indent(w, depth);
    drill_write_u8(w, '}');
    if (step->count2) {
        drill_write_text(w, " and ");
        drill_write_dec(w, step->count2);
        drill_write_text(w, " {");
        put_end(w, step->block.end.after);
        put_block(w, &step->block2, depth + 1);
        put_indent(w, depth);
        drill_write_u8(w, '}');
    }
    put_end(w, step->count2 ? step->block2.end.after : step->block.end.after);
}

static void put_block(struct drill_writer *w, const struct drill_block *block, unsigned depth)
{
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        put_above(w, step->trivia.above, depth);
        put_indent(w, depth);
        drill_print_step(step, w);
        if (step->kind == DRILL_STEP_REPEAT || step->kind == DRILL_STEP_CONCURRENTLY) {
            put_blocks(w, step, depth);
        } else {
            put_end(w, step->trivia.after);
        }
    }
    for (const struct drill_check *check = block->checks; check; check = check->next) {
        put_above(w, check->trivia.above, depth);
        put_indent(w, depth);
        drill_print_check(check, w);
        put_end(w, check->trivia.after);
    }
    put_above(w, block->end.above, depth);
}

static const char *setup_word(enum drill_setup_kind kind)
{
    switch (kind) {
    case DRILL_SETUP_WHY: return "why";
    case DRILL_SETUP_MTA: return "mta";
    case DRILL_SETUP_MILTER: return "milter";
    case DRILL_SETUP_BEFORE: return "before";
    case DRILL_SETUP_AFTER: return "after";
    case DRILL_SETUP_TLS: return "tls";
    case DRILL_SETUP_JUDGE: return "judge";
    case DRILL_SETUP_CLIENT: return "client";
    case DRILL_SETUP_MESSAGE: return "message";
    case DRILL_SETUP_HEADER: return "header";
    case DRILL_SETUP_BODY: return "body";
    case DRILL_SETUP_SMTP: return "smtp";
    }
    return "";
}

static bool names_profile(enum drill_setup_kind kind)
{
    return kind == DRILL_SETUP_MTA || kind == DRILL_SETUP_MILTER || kind == DRILL_SETUP_BEFORE ||
           kind == DRILL_SETUP_AFTER;
}

static void put_setup(struct drill_writer *w, const struct drill_setup *s)
{
    put_above(w, s->trivia.above, 0);
    drill_write_text(w, setup_word(s->kind));
    if (s->kind == DRILL_SETUP_WHY) {
        drill_write_u8(w, ' ');
        drill_print_prose(s->text, w);
    } else if (names_profile(s->kind)) {
        drill_write_u8(w, ' ');
        if (is_name(s->text)) {
            drill_write_bytes(w, s->text);
        } else {
            drill_print_string(s->text, w);
        }
    } else if (s->kind == DRILL_SETUP_JUDGE && !s->names) {
        drill_write_text(w, " all");
    }
    for (const struct drill_name *name = s->names; name; name = name->next) {
        drill_write_u8(w, ' ');
        drill_write_bytes(w, name->text);
    }
    put_pairs(w, s->fields);
    put_end(w, s->trivia.after);
}

void drill_print(const struct drill_file *file, struct drill_writer *w)
{
    put_above(w, file->trivia.above, 0);
    drill_write_text(w, "drill ");
    drill_write_dec(w, file->version);
    drill_write_u8(w, ' ');
    drill_print_prose(file->title, w);
    switch (file->tests) {
    case DRILL_TESTS_EITHER: break;
    case DRILL_TESTS_MTA: drill_write_text(w, " tests=mta"); break;
    case DRILL_TESTS_MILTER: drill_write_text(w, " tests=milter"); break;
    }
    if (file->recorded.len) {
        drill_write_text(w, " recorded=");
        drill_print_string(file->recorded, w);
    }
    put_end(w, file->trivia.after);
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        put_setup(w, s);
    }
    put_block(w, &file->body, 0);
}
