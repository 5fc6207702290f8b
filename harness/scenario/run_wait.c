/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <stdio.h>
#include <string.h>

static bool end_fits(const struct drill_item *item, const struct run_came *came)
{
    switch (item->kind) {
    case DRILL_ITEM_CLOSE:
    case DRILL_ITEM_HALF_CLOSE: return came->how == DRILL_END_FIN || came->how == DRILL_END_EPIPE;
    case DRILL_ITEM_RESET: return came->how == DRILL_END_RST;
    case DRILL_ITEM_HANGUP: return came->how != DRILL_END_REFUSED;
    case DRILL_ITEM_REFUSE: return came->how == DRILL_END_REFUSED;
    case DRILL_ITEM_MESSAGE:
    case DRILL_ITEM_FRAME:
    case DRILL_ITEM_RAW:
    case DRILL_ITEM_OPEN:
    case DRILL_ITEM_SILENCE:
    case DRILL_ITEM_STALL: break;
    }
    return false;
}

bool run_item_fits(struct drill_run *run, const struct drill_item *item, enum drill_dir dir,
                   const struct drill_came *came, struct drill_mismatch *why)
{
    return run->config.tolerant ? drill_match_recorded(item, dir, came, &run->binds, why)
                                : drill_match(item, dir, came, &run->binds, why);
}

static bool item_fits(struct drill_run *run, const struct drill_item *item, enum drill_dir dir,
                      const struct run_came *came, struct drill_mismatch *why)
{
    switch (came->kind) {
    case CAME_FRAME:
        return (item->kind == DRILL_ITEM_MESSAGE || item->kind == DRILL_ITEM_FRAME) &&
               run_item_fits(run, item, dir, &came->frame, why);
    case CAME_OPEN: return item->kind == DRILL_ITEM_OPEN;
    case CAME_END: return end_fits(item, came);
    case CAME_GARBLED:
    case CAME_NONE: break;
    }
    return false;
}

static enum run_fit macro_fits(struct drill_run *run, struct run_unit *unit,
                               const struct run_came *came, struct drill_mismatch *why)
{
    if (run->macros_matched < unit->macros &&
        run_item_fits(run, unit->macro[run->macros_matched]->items, unit->dir, &came->frame, why)) {
        run->macros_matched++;
        run->macro_why.text[0] = '\0';
    } else if (run->macros_matched < unit->macros && !run->macro_why.text[0]) {
        run->macro_why = *why; /* of the first: what comes behind it is compared with it, too */
    }
    return !unit->main && run->macros_matched == unit->macros ? FIT_YES : FIT_PART;
}

enum run_fit run_fits(struct drill_run *run, struct run_unit *unit, const struct run_came *came,
                      struct drill_mismatch *why)
{
    why->text[0] = '\0';
    bool macro = came->kind == CAME_FRAME && unit->dir == DRILL_TO_MILTER &&
                 came->frame.code == DRILL_SMFIC_MACRO;
    if (macro) {
        return macro_fits(run, unit, came, why);
    }
    if (unit->main && run->macros_matched == unit->macros) {
        for (const struct drill_item *item = unit->main->items; item; item = item->next) {
            if (item_fits(run, item, unit->dir, came, why)) {
                return FIT_YES;
            }
        }
    } else if (came->kind == CAME_FRAME) {
        (void)snprintf(why->text, sizeof(why->text), "the macro line above it was not met%s%.180s",
                       run->macro_why.text[0] ? ": " : "", run->macro_why.text);
    }
    run->macros_matched = 0;
    run->macro_why.text[0] = '\0';
    run->binds.count = run->binds_mark;
    return FIT_NO;
}

/* Is waiting what the line above is there for? */
static bool waits_above(const struct drill_run *run)
{
    const struct run_unit *above = run->at ? &run->units[run->at - 1] : NULL;
    const struct drill_item *item = above && above->main ? above->main->items : NULL;
    return item && (item->kind == DRILL_ITEM_SILENCE || item->kind == DRILL_ITEM_STALL);
}

/* With no patience to hold it against, the end of a side that had long had enough: its program's
 * own time limit, and no answer to what was sent. */
static bool too_late(const struct drill_run *run, const struct run_unit *unit,
                     const struct run_came *came)
{
    return came->kind == CAME_END && run->config.patience == DRILL_NEVER &&
           run_within(unit->main->items) == DRILL_NEVER && !waits_above(run) &&
           run->now >= run_later(run->progress, DRILL_RUN_ENDING);
}

void run_matched(struct drill_run *run, struct run_unit *unit, const struct run_came *came)
{
    if (too_late(run, unit, came)) {
        run_unreached(run, unit, came);
        run_fail(run, unit,
                 "the end came by a time limit (if that is asked: within=, or a silence above)",
                 came, "");
        return;
    }
    bool dots = run_dots_below(run);
    run_auto_feed(run, came);
    run_line_done(run);
    if (run->config.ours == DRILL_SIDE_MILTER && !dots) {
        drill_milter_answered(&run->milter);
    }
}

/* Of several alternatives, the longest that one of them says. */
uint64_t run_within(const struct drill_item *items)
{
    uint64_t most = DRILL_NEVER;
    for (const struct drill_item *i = items; i; i = i->next) {
        if (i->travel.has_within && (most == DRILL_NEVER || i->travel.within > most)) {
            most = i->travel.within;
        }
    }
    return most;
}

static uint64_t line_deadline(const struct drill_run *run, const struct run_unit *unit)
{
    const struct drill_item *items = unit->main ? unit->main->items : unit->macro[0]->items;
    uint64_t within = run_within(items);
    return run_later(run->since, within != DRILL_NEVER ? within : run->config.patience);
}

static bool wait_more(struct drill_run *run, struct run_unit *unit)
{
    uint64_t when = line_deadline(run, unit);
    if (run->config.ours == DRILL_SIDE_MILTER && run->conn == CONN_NONE && !run->pending_end) {
        run_open(run);
        return true;
    }
    if (run->now < when) {
        run_wait_until(run, when);
        return false;
    }
    char what[80];
    (void)snprintf(what, sizeof(what), "nothing came within %llu ms",
                   (unsigned long long)((when - run->since) / 1000));
    run_fail(run, unit, what, NULL, "");
    return true;
}

static bool other_bytes(struct drill_run *run, struct run_unit *unit, const char *what)
{
    struct run_came came = {.kind = CAME_GARBLED};
    run_in_take_raw(run, SIZE_MAX);
    run_fail(run, unit, what, &came, "");
    return true;
}

/* A pattern takes all that comes until that side ends the connection. */
static bool their_stream(struct drill_run *run, struct run_unit *unit,
                         const struct drill_value *value)
{
    struct drill_span have = run_in_raw(run);
    bool any =
        value->kind == DRILL_VALUE_GLOB && drill_span_equal(value->text, drill_span_str("*"));
    if (!run->pending_end) {
        if (have.len < RUN_INBOX) {
            return wait_more(run, unit);
        }
        if (!any) {
            return other_bytes(run, unit, "more came than can be compared with a pattern");
        }
    } else if (!drill_match_bytes(value, have, &run->binds)) {
        return other_bytes(run, unit, "the bytes that came are others");
    } else {
        run_line_done(run);
    }
    run_in_take_raw(run, have.len);
    return true;
}

/* Bytes that are no frame. A literal is compared as they come. */
static bool their_raw(struct drill_run *run, struct run_unit *unit, const struct drill_item *item)
{
    struct drill_span have = run_in_raw(run);
    struct drill_outgoing want;
    struct drill_error err;
    uint8_t *bytes = NULL;
    drill_arena_reset(&run->line);
    if (item->fields->value.kind != DRILL_VALUE_BYTES) { /* the parser asks for the one field */
        return their_stream(run, unit, &item->fields->value);
    }
    if (drill_compose(item, unit->dir, NULL, &run->binds, &run->line, &want, &err) != DRILL_OK ||
        want.total > RUN_INBOX / 2 ||
        !(bytes = drill_arena_take(&run->line, (size_t)want.total + 1))) {
        run_fail(run, unit, "this line is too large to be expected", NULL, "");
        return true;
    }
    size_t total = drill_outgoing_pull(&want, bytes, (size_t)want.total);
    size_t common = have.len < total ? have.len : total;
    if (!drill_span_equal(drill_span_sub(have, 0, common), drill_span_of(bytes, common))) {
        return other_bytes(run, unit, "the bytes that came are others");
    }
    if (have.len < total) {
        if (!run->pending_end) {
            return wait_more(run, unit);
        }
        run_in_take_raw(run, have.len);
        run_fail_ended(run, unit, "the connection ended before all of these bytes");
    } else {
        run_in_take_raw(run, total);
        run_line_done(run);
    }
    return true;
}

/* A frame that is torn (`cut=`) or lies about its length: its head is compared, then its bytes. */
static bool their_torn(struct drill_run *run, struct run_unit *unit, const struct drill_item *item)
{
    struct drill_span have = run_in_raw(run);
    size_t need = item->travel.has_cut ? item->travel.cut : DRILL_FRAME_HEADER_SIZE;
    if (have.len < need) {
        if (!run->pending_end) {
            return wait_more(run, unit);
        }
        run_in_take_raw(run, have.len);
        run_fail_ended(run, unit, "the connection ended before so many bytes");
        return true;
    }
    bool right = true;
    if (have.len >= DRILL_FRAME_HEADER_SIZE && need >= DRILL_FRAME_HEADER_SIZE) {
        right = item->kind != DRILL_ITEM_MESSAGE || have.ptr[4] == item->code;
        right = right && (!item->travel.has_length || drill_be32(have.ptr) == item->travel.length);
    }
    if (!right) {
        return other_bytes(run, unit, "the head of another frame came");
    }
    run_in_take_raw(run, item->travel.has_cut ? need : have.len);
    run_line_done(run);
    return true;
}

static bool their_silence(struct drill_run *run, struct run_unit *unit,
                          const struct drill_item *item)
{
    uint64_t span = 0;
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        span = f->id == DRILL_FIELD_FOR ? f->value.number : span;
    }
    uint64_t when = run_later(run->since, span);
    if (run->pending_end || run_in_torn(run) || run_in_raw(run).len > 0) {
        struct run_came came;
        struct drill_span raw = run_in_raw(run);
        run_in_take(run, &came);
        if (came.kind == CAME_NONE) { /* part of a frame */
            struct drill_seen seen = {.kind = DRILL_SEEN_RAW,
                                      .dir = unit->dir,
                                      .size = raw.len,
                                      .payload = raw,
                                      .whole = true};
            run_say(run, &seen);
            came.kind = CAME_GARBLED;
        }
        run_fail(run, unit, "that side was not silent", &came, "");
        return true;
    }
    if (run->now < when) {
        run_wait_until(run, when);
        return false;
    }
    struct drill_seen seen = {.kind = DRILL_SEEN_QUIET, .dir = unit->dir};
    run_say(run, &seen);
    run_line_done(run);
    return true;
}

static bool their_special(struct drill_run *run, struct run_unit *unit,
                          const struct drill_item *item, bool *moved)
{
    if (item->kind == DRILL_ITEM_RAW) {
        *moved = their_raw(run, unit, item);
    } else if (item->travel.has_cut || item->travel.has_length) {
        *moved = their_torn(run, unit, item);
    } else if (item->kind == DRILL_ITEM_SILENCE || item->kind == DRILL_ITEM_STALL) {
        *moved = their_silence(run, unit, item);
    } else {
        return false;
    }
    return true;
}

static void mismatch(struct drill_run *run, struct run_unit *unit, const struct run_came *came,
                     const struct drill_mismatch *why)
{
    struct drill_error err;
    const char *what = "another frame came";
    if (came->kind == CAME_END) {
        what = "the connection ended";
    } else if (came->kind == CAME_OPEN) {
        what = "a new connection came";
    } else if (came->kind == CAME_GARBLED) {
        drill_frame_error(&run->in.parser, &err);
        what = err.text;
    } else if (unit->main && !unit->main->items->next && run_line_awaits_end(unit)) {
        what = "the connection was to end here";
    } else if (unit->main && unit->main->items->kind == DRILL_ITEM_MESSAGE &&
               unit->main->items->code == came->frame.code) {
        what = "the frame differs";
    }
    run_fail(run, unit, what, came, why->text);
}

/* `> open` with `< refuse` below it: the attempt itself is never seen, only what becomes of it. */
static bool refuses_next(struct drill_run *run, const struct run_unit *unit)
{
    const struct run_unit *next = run->at + 1 < run->unit_count ? unit + 1 : NULL;
    if (!next || !next->ours || next->dots || !next->main ||
        next->main->items->kind != DRILL_ITEM_REFUSE || run->conn != CONN_NONE) {
        return false;
    }
    if (!run->config.simulated) {
        run_finish(run, DRILL_RESULT_SKIP,
                   "a refused connection cannot be seen from here without an SMTP client");
        return true;
    }
    run_shoot(run, DRILL_WISH_REFUSE);
    run_line_done(run);
    run_line_done(run);
    return true;
}

bool run_their_line(struct drill_run *run, struct run_unit *unit)
{
    const struct drill_item *item = unit->main ? unit->main->items : NULL;
    if (item && item->kind == DRILL_ITEM_OPEN && refuses_next(run, unit)) {
        return true;
    }
    bool moved = false;
    if (item && run->ever_linked && their_special(run, unit, item, &moved)) {
        return moved;
    }
    struct run_came came;
    struct drill_mismatch why;
    if (run->config.tolerant && run_tolerant_reply(run)) {
        return true;
    }
    run_in_take(run, &came);
    if (came.kind == CAME_NONE) {
        return wait_more(run, unit);
    }
    if (run->config.tolerant && run_tolerant(run, &came)) {
        return true;
    }
    unit = &run->units[run->at]; /* a tolerant run may have passed lines */
    if (came.kind == CAME_OPEN && run->implied_open && run->tally.connections == 1) {
        return true;
    }
    switch (run_fits(run, unit, &came, &why)) {
    case FIT_YES: run_matched(run, unit, &came); break;
    case FIT_PART: run_auto_feed(run, &came); break;
    case FIT_NO:
        if (came.kind == CAME_END && run->quit) {
            run_auto_feed(run, &came); /* after `quit` that needs no line */
        } else {
            run_unreached(run, unit, &came);
            mismatch(run, unit, &came, &why);
        }
        break;
    }
    return true;
}
