/* SPDX-License-Identifier: MIT */
/*
 * A recording's lines of theirs that are met otherwise in another run and are still the same: a
 * body in other chunks, a trace header more or less, a milter that says `progress` more or less
 * often. Everything else is compared line by line (run_wait.c).
 */
#include "scenario/run_parts.h"
#include "scenario/tolerate.h"

#include <stdio.h>

#include "wire/text.h"

enum { SHOWN = 30 };

static const struct drill_item *their_message(const struct run_unit *unit, uint8_t code)
{
    const struct drill_item *item = !unit->ours && unit->main ? unit->main->items : NULL;
    bool alone = item && !item->next && item->kind == DRILL_ITEM_MESSAGE && item->code == code;
    return alone && !item->travel.has_cut && !item->travel.has_length ? item : NULL;
}

static bool is_continue(const struct run_unit *unit)
{
    const struct drill_item *item = unit->ours && unit->main ? unit->main->items : NULL;
    return item && item->kind == DRILL_ITEM_MESSAGE && item->code == DRILL_SMFIR_CONTINUE;
}

bool run_tolerant_reply(struct drill_run *run)
{
    bool due = run->auto_reply && run->config.ours == DRILL_SIDE_MILTER;
    run->auto_reply = false;
    return due && run_auto_reply(run);
}

/* Lets pass what no line stands for; our milter answers as its profile does. */
static bool let_pass(struct drill_run *run, const struct run_came *came)
{
    run_auto_feed(run, came);
    run->auto_reply = true;
    return true;
}

/* ---- bodies ---- */

static const struct drill_value *body_value(const struct run_unit *unit)
{
    const struct drill_item *item = their_message(unit, DRILL_SMFIC_BODY);
    const struct drill_field *f = item ? item->fields : NULL;
    bool literal = f && f->id == DRILL_FIELD_BODY && f->value.kind == DRILL_VALUE_BYTES;
    return literal && !unit->dots ? &f->value : NULL;
}

/* The next chunk of the same body: below, with only our `continue` between. */
static size_t next_chunk(const struct drill_run *run, size_t at)
{
    size_t next = at + 1;
    next += next < run->unit_count && is_continue(&run->units[next]);
    return next < run->unit_count && body_value(&run->units[next]) ? next : 0;
}

/* Did the MTA stop here because it was told to? Then how much it had in its chunk is its own. */
static bool body_given_up(const struct drill_run *run, size_t at)
{
    return at + 1 < run->unit_count && run->units[at + 1].ours && !is_continue(&run->units[at + 1]);
}

static bool body_differs(struct drill_run *run, const struct run_came *came, const char *why)
{
    run_fail(run, &run->units[run->at], "the body differs", came, why);
    return true;
}

/* One chunk that came, against the lines' chunks from `at` on. */
static bool take_body(struct drill_run *run, const struct run_came *came)
{
    struct drill_span left = came->frame.payload;
    char why[120];
    for (;;) {
        const struct drill_value *value = body_value(&run->units[run->at]);
        uint64_t size = drill_match_size(value);
        size_t same = drill_match_stream(value, run->body_done, left);
        if (same < left.len && run->body_done + same < size) {
            struct drill_writer w = drill_writer_of(why, sizeof(why) - 1);
            drill_write_text(&w, "from byte ");
            drill_write_dec(&w, run->body_done + same);
            drill_write_text(&w, " of this line's data on, ");
            drill_text_bytes(&w, drill_span_sub(left, same, left.len), SHOWN);
            drill_write_text(&w, " came");
            why[drill_writer_span(&w).len] = '\0';
            return body_differs(run, came, why);
        }
        left = drill_span_sub(left, same, left.len);
        run->body_done += same;
        size_t next = next_chunk(run, run->at);
        if (run->body_done < size) {
            return let_pass(run, came);
        }
        if (left.len == 0 || (next == 0 && body_given_up(run, run->at))) {
            run_matched(run, &run->units[run->at], came);
            return true;
        }
        if (next == 0) {
            (void)snprintf(why, sizeof(why), "it goes on: %llu bytes more",
                           (unsigned long long)left.len);
            return body_differs(run, came, why);
        }
        run->at = next;
        run->body_done = 0;
    }
}

/* ---- headers ---- */

static bool is_trace_line(const struct run_unit *unit)
{
    const struct drill_item *item = their_message(unit, DRILL_SMFIC_HEADER);
    const struct drill_field *f = item ? item->fields : NULL;
    while (f && f->id != DRILL_FIELD_STR0) {
        f = f->next;
    }
    const struct drill_part *name = f && f->value.kind == DRILL_VALUE_BYTES ? f->value.parts : NULL;
    return name && drill_tolerate_trace(name->bytes);
}

/* Over a line that nothing stands for in this run, and our `continue` below it, to a line of
 * theirs; false when there is none. */
static bool skip_line(struct drill_run *run)
{
    size_t next = run->at + 1;
    next += next < run->unit_count && is_continue(&run->units[next]);
    if (next >= run->unit_count || run->units[next].ours || run->units[next].dots ||
        !run->units[next].main) {
        return false;
    }
    bool macros = run->macros_matched == run->units[run->at].macros;
    run->at = next - 1;
    run_line_done(run);
    run->macros_matched =
        macros ? run->units[next].macros : 0; /* those that came are for what came */
    return true;
}

/* The line of theirs, where a header may come before it. */
static const struct drill_item *below_header(const struct run_unit *unit)
{
    static const uint8_t codes[] = {DRILL_SMFIC_HEADER, DRILL_SMFIC_EOH, DRILL_SMFIC_BODY,
                                    DRILL_SMFIC_BODYEOB};
    const struct drill_item *item = NULL;
    for (size_t i = 0; i < sizeof(codes) && !item; i++) {
        item = their_message(unit, codes[i]);
    }
    return item;
}

/* A trace header that is only in the recording is skipped, one that only came is let pass. */
static bool other_trace(struct drill_run *run, const struct run_came *came)
{
    struct drill_mismatch why;
    for (;;) {
        const struct run_unit *unit = &run->units[run->at];
        const struct drill_item *line = below_header(unit);
        if (!line || run_item_fits(run, line, unit->dir, &came->frame, &why)) {
            return false;
        }
        if (came->frame.code == DRILL_SMFIC_HEADER && drill_tolerate_trace(came->message.str[0])) {
            return let_pass(run, came);
        }
        if (!is_trace_line(unit) || !skip_line(run)) {
            return false;
        }
    }
}

/* ---- the whole ---- */

static bool from_mta(struct drill_run *run, const struct run_came *came)
{
    const struct run_unit *unit = &run->units[run->at];
    bool macros = run->macros_matched == unit->macros || run->body_done;
    if (came->frame.code == DRILL_SMFIC_MACRO) {
        return false;
    }
    if (came->frame.code == DRILL_SMFIC_BODY && came->frame.whole && macros && body_value(unit)) {
        return take_body(run, came);
    }
    if (run->body_done) {
        return body_differs(run, came, "it ends before this line's data");
    }
    return other_trace(run, came);
}

/* How often a milter says that it still works depends on how long it takes. */
static bool from_milter(struct drill_run *run, const struct run_came *came)
{
    bool progress = came->frame.code == DRILL_SMFIR_PROGRESS;
    bool skips = !progress;
    while (skips && their_message(&run->units[run->at], DRILL_SMFIR_PROGRESS)) {
        skips = skip_line(run);
    }
    return progress && !their_message(&run->units[run->at], DRILL_SMFIR_PROGRESS) &&
           let_pass(run, came);
}

bool run_tolerant(struct drill_run *run, const struct run_came *came)
{
    if (came->kind != CAME_FRAME || run->units[run->at].dots) {
        return false;
    }
    return run->their_dir == DRILL_TO_MILTER ? from_mta(run, came) : from_milter(run, came);
}
