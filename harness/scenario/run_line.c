/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <stdio.h>
#include <string.h>

void run_wait_until(struct drill_run *run, uint64_t when)
{
    if (when < run->until) {
        run->until = when;
    }
}

void run_shoot(struct drill_run *run, enum drill_wish_kind kind)
{
    run->have_oneshot = true;
    run->oneshot = kind;
}

void run_open(struct drill_run *run)
{
    run_in_reset(run);
    run->conn = CONN_OPENING;
    run->progress = run->settled = run->now;
    run_shoot(run, DRILL_WISH_OPEN);
}

/* We ended the connection; `how` is what the peer will see. */
void run_closed(struct drill_run *run, const char *note, enum drill_end how)
{
    struct run_came end = {.kind = CAME_END, .how = how};
    run_say_end(run, run->our_dir, true, &end, note);
    run->conn = CONN_NONE;
    run->linked = false;
    run_in_reset(run); /* who ended a connection reads nothing more from it */
    run->held = 0;
    run->out_at = run->out.len = 0;
}

void run_line_done(struct drill_run *run)
{
    run->at++;
    run->since = run->progress = run->settled = run->now;
    run->macros_matched = 0;
    run->macro_why.text[0] = '\0';
    run->body_done = 0;
    run->binds_mark = run->binds.count;
    run->got_before = run->tally.bytes_got;
    run->due = DUE_UNKNOWN;
    run->open_asked = false;
    run->stalled = false;
}

static bool is_ending(const struct drill_item *item)
{
    switch (item->kind) {
    case DRILL_ITEM_REFUSE:
    case DRILL_ITEM_CLOSE:
    case DRILL_ITEM_HALF_CLOSE:
    case DRILL_ITEM_RESET:
    case DRILL_ITEM_HANGUP: return true;
    case DRILL_ITEM_MESSAGE:
    case DRILL_ITEM_FRAME:
    case DRILL_ITEM_RAW:
    case DRILL_ITEM_OPEN:
    case DRILL_ITEM_SILENCE:
    case DRILL_ITEM_STALL: return false;
    }
    return false;
}

bool run_line_awaits_end(const struct run_unit *unit)
{
    const struct drill_item *item = unit && !unit->ours && unit->main ? unit->main->items : NULL;
    while (item && !is_ending(item)) {
        item = item->next;
    }
    return item != NULL;
}

static bool sends_bytes(const struct run_unit *unit)
{
    const struct drill_item *item = unit->main ? unit->main->items : NULL;
    return unit->ours && (!item || item->kind == DRILL_ITEM_MESSAGE ||
                          item->kind == DRILL_ITEM_FRAME || item->kind == DRILL_ITEM_RAW);
}

bool run_line_end_follows(struct drill_run *run)
{
    if (run->below <= run->at) {
        run->below = run->at + 1;
        while (run->below < run->unit_count && !run->units[run->below].dots &&
               (run->units[run->below].meet || sends_bytes(&run->units[run->below]))) {
            run->below++;
        }
    }
    return run->below < run->unit_count && run_line_awaits_end(&run->units[run->below]);
}

static const struct drill_travel *travel_of(const struct run_unit *unit)
{
    const struct drill_step *last = unit->main ? unit->main : unit->macro[unit->macros - 1];
    return &last->items->travel;
}

/* Macro lines leave with the command below them, so their pauses are its own. */
static uint64_t unit_after(const struct run_unit *unit)
{
    uint64_t after = unit->main ? unit->main->items->travel.after : 0;
    for (size_t i = 0; i < unit->macros; i++) {
        after = run_later(after, unit->macro[i]->items->travel.after);
    }
    return after;
}

bool run_line_early(struct drill_run *run, const struct run_unit *unit)
{
    uint64_t when = run->config.hasty ? 0 : run_later(run->since, unit_after(unit));
    if (run->now < when) {
        run_wait_until(run, when);
    }
    return run->now < when;
}

/* ---- ours ---- */

/* What the profile would send in the place of a macro line: its stage unless one is named, and the
 * values that patterns stand for. */
static void profile_macros(struct drill_run *run, const struct run_unit *unit,
                           const struct drill_item *line, struct drill_message *out)
{
    uint8_t stage = unit->main ? unit->main->items->code : 0;
    for (const struct drill_field *f = line->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_STAGE && f->value.kind == DRILL_VALUE_INT) {
            stage = (uint8_t)f->value.number;
        }
    }
    (void)drill_message_init(out, DRILL_TO_MILTER, DRILL_SMFIC_MACRO);
    if (drill_mta_macros(&run->mta, stage, out)) {
        out->rest = drill_arena_copy(&run->line, out->rest); /* the view does not last */
    }
    out->letter = stage;
}

static enum drill_code compose_macros(struct drill_run *run, const struct run_unit *unit,
                                      const struct drill_message *macro, struct drill_error *err)
{
    struct run_job *job = &run->job;
    enum drill_code code = DRILL_OK;
    struct drill_message own;
    for (size_t i = 0; i < unit->macros && code == DRILL_OK; i++) {
        profile_macros(run, unit, unit->macro[i]->items, &own);
        job->above[job->parts] = &unit->macro[i]->items->travel;
        code = drill_compose(unit->macro[i]->items, unit->dir, &own, &run->binds, &run->line,
                             &job->part[job->parts++], err);
    }
    if (unit->macros == 0 && macro) {
        own = *macro;
        own.rest = drill_arena_copy(&run->line, macro->rest);
        code = drill_compose_message(&own, &run->line, &job->part[job->parts++]);
    }
    return code;
}

static bool default_of(struct drill_run *run, const struct drill_item *item,
                       struct drill_message *out)
{
    if (item->kind != DRILL_ITEM_MESSAGE) {
        return false;
    }
    return run->config.ours == DRILL_SIDE_MTA ? drill_mta_default(&run->mta, item->code, out)
                                              : drill_milter_default(&run->milter, item->code, out);
}

/* In a recording with its chunks: macro frame and command came in two reads. */
static bool came_apart(const struct drill_run *run, const struct run_unit *unit)
{
    const struct drill_file *file = run->config.file;
    return file && file->recorded.len && !run->config.whole && unit->macros && unit->main &&
           !unit->macro[unit->macros - 1]->items->travel.join;
}

bool run_line_send(struct drill_run *run, struct run_unit *unit, const struct drill_item *item,
                   const struct drill_message *planned, const struct drill_message *macro,
                   bool used_plan)
{
    struct run_job *job = &run->job;
    struct drill_message fallback;
    struct drill_error err;
    drill_error_clear(&err);
    drill_arena_reset(&run->line);
    job->parts = 0;
    memset(job->above, 0, sizeof(job->above));
    job->used_plan = used_plan;
    job->apart = run->apart || came_apart(run, unit);
    job->travel = travel_of(unit);
    if (item) {
        job->travel = &item->travel;
    }
    enum drill_code code = compose_macros(run, unit, macro, &err);
    if (code == DRILL_OK && item) {
        /* Only now: the macros' values are made in the same place. */
        planned = !planned && default_of(run, item, &fallback) ? &fallback : planned;
        code = drill_compose(item, unit->dir, planned, &run->binds, &run->line,
                             &job->part[job->parts++], &err);
    }
    if (code != DRILL_OK) {
        run_fail(run, unit, code == DRILL_ERR_MEMORY ? "no memory for this line" : err.text, NULL,
                 "");
        return true;
    }
    if (!run_out_start(run, JOB_LINE)) {
        run_finish(run, DRILL_RESULT_ERROR, "no memory to send a frame");
    }
    return true;
}

/* Does a literal line of the MTA's stand in the place of the next planned command? An additional
 * recipient, header or body chunk, which is named in full, does not. */
static bool uses_plan(struct drill_run *run, const struct drill_item *item,
                      const struct drill_message *planned)
{
    if (item->code != DRILL_SMFIC_RCPT && item->code != DRILL_SMFIC_HEADER &&
        item->code != DRILL_SMFIC_BODY) {
        return true;
    }
    size_t named = 0;
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        bool first = f->id == DRILL_FIELD_STR0 || f->id == DRILL_FIELD_BODY;
        if (f->id == DRILL_FIELD_DATA) {
            named += 2;
        } else if (first || f->id == DRILL_FIELD_STR1) {
            named += !drill_value_is_pattern(&f->value);
        }
    }
    size_t all = item->code == DRILL_SMFIC_HEADER ? 2 : 1;
    return named < all || run_item_is(run, item, planned);
}

/* Is this message what the item says, travel and payload faults aside? */
bool run_item_is(struct drill_run *run, const struct drill_item *item,
                 const struct drill_message *message)
{
    if (item->kind != DRILL_ITEM_MESSAGE || item->code != message->code) {
        return false;
    }
    struct drill_item plain = *item;
    memset(&plain.travel, 0, sizeof(plain.travel));
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_message_encode(message, &measure);
    drill_arena_reset(&run->line);
    uint8_t *bytes = drill_arena_take(&run->line, measure.len + 1);
    if (!bytes) {
        return false;
    }
    struct drill_writer w = drill_writer_of(bytes, measure.len);
    drill_message_encode(message, &w);
    struct drill_came came = {.code = message->code,
                              .length = (uint32_t)measure.len + 1,
                              .payload = drill_writer_span(&w),
                              .whole = true};
    size_t mark = run->binds.count;
    bool same = drill_match(&plain, run->our_dir, &came, &run->binds, NULL);
    run->binds.count = mark;
    return same;
}

static bool send_literal(struct drill_run *run, struct run_unit *unit)
{
    const struct drill_item *item = unit->main ? unit->main->items : NULL;
    struct drill_message planned;
    bool used = true;
    if (run->config.ours == DRILL_SIDE_MTA && item && default_of(run, item, &planned)) {
        used = uses_plan(run, item, &planned);
    }
    return run_line_send(run, unit, item, NULL, NULL, used);
}

static bool open_refused(struct drill_run *run, struct run_unit *unit)
{
    bool reached = run->ever_linked;
    if (run_line_end_follows(run)) {
        run_line_done(run); /* that line says whether it is right */
    } else {
        run_fail_ended(run, unit,
                       reached ? "the connection could not be opened"
                               : "the peer could not be reached");
        if (!reached) {
            run_finish(run, DRILL_RESULT_UNREACHABLE, NULL);
        }
    }
    return true;
}

/* The open line of ours: true when it moved. */
static bool act_open(struct drill_run *run, struct run_unit *unit)
{
    if (run->linked) {
        if (!run->open_asked) {
            return run_leave(run);
        }
        run_line_done(run);
    } else if (run->pending_end && run->open_asked) {
        return open_refused(run, unit);
    } else if (run->pending_end) {
        struct run_came came;
        run_in_take(run, &came); /* the peer was first to end what stood before */
        run_auto_feed(run, &came);
    } else if (run->conn != CONN_OPENING) {
        run->open_asked = true;
        run_open(run);
    } else {
        uint64_t when = run_later(run->progress, run->config.patience);
        run_wait_until(run, when);
        if (run->now < when) {
            return false;
        }
        run_fail(run, unit, "the connection did not come to stand in time", NULL, "");
    }
    return true;
}

/* Nothing is sent for a while. `silence` ends early when the other side acts; `stall` cannot see.
 */
static bool act_silence(struct drill_run *run, const struct drill_item *item)
{
    uint64_t span = DRILL_NEVER;
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        span = f->id == DRILL_FIELD_FOR ? f->value.number : span;
    }
    uint64_t when = run_later(run->progress, span);
    run->stalled = item->kind == DRILL_ITEM_STALL;
    bool acted = !run->stalled && (run->pending_end || run->tally.bytes_got > run->got_before);
    if (run->now < when && !acted) {
        run_wait_until(run, when);
        return false;
    }
    struct drill_seen seen = {.kind = DRILL_SEEN_QUIET, .dir = run->our_dir, .ours = true};
    run_say(run, &seen);
    run_line_done(run);
    return true;
}

static bool end_by_us(struct drill_run *run, enum drill_wish_kind wish, enum drill_end how,
                      const char *note)
{
    if (wish != DRILL_WISH_RESET && run_out_flush(run)) {
        return true;
    }
    run_shoot(run, wish);
    if (wish == DRILL_WISH_HALF_CLOSE) {
        struct run_came end = {.kind = CAME_END, .how = how};
        run_say_end(run, run->our_dir, true, &end, note);
        run->conn = CONN_HALF;
    } else {
        run_closed(run, note, how);
        if (run->config.ours == DRILL_SIDE_MTA) {
            drill_mta_hung_up(&run->mta);
        } else {
            drill_milter_ended(&run->milter);
        }
    }
    run_line_done(run);
    return true;
}

bool run_line_act(struct drill_run *run, struct run_unit *unit, const struct drill_item *item)
{
    switch (item->kind) {
    case DRILL_ITEM_OPEN: return act_open(run, unit);
    case DRILL_ITEM_REFUSE:
        run_shoot(run, DRILL_WISH_REFUSE);
        run_line_done(run);
        return true;
    case DRILL_ITEM_CLOSE:
    case DRILL_ITEM_HANGUP: return end_by_us(run, DRILL_WISH_DRAIN, DRILL_END_FIN, NULL);
    case DRILL_ITEM_HALF_CLOSE:
        return end_by_us(run, DRILL_WISH_HALF_CLOSE, DRILL_END_FIN, "half-close");
    case DRILL_ITEM_RESET: return end_by_us(run, DRILL_WISH_RESET, DRILL_END_RST, NULL);
    case DRILL_ITEM_SILENCE:
    case DRILL_ITEM_STALL: return act_silence(run, item);
    case DRILL_ITEM_MESSAGE:
    case DRILL_ITEM_FRAME:
    case DRILL_ITEM_RAW: break;
    }
    return false;
}

static bool needs_link(const struct drill_run *run, const struct drill_item *item)
{
    bool quiet = item && (item->kind == DRILL_ITEM_SILENCE || item->kind == DRILL_ITEM_STALL);
    if (quiet && run->ever_linked) {
        return false; /* an ending by the peer is what a silence ends with */
    }
    return !item || (item->kind != DRILL_ITEM_OPEN && item->kind != DRILL_ITEM_REFUSE);
}

static bool wait_for_link(struct drill_run *run, struct run_unit *unit)
{
    if (run->conn == CONN_NONE && run->implied_open && !run->ever_linked && !run->pending_end) {
        run_open(run);
        return true;
    }
    if (run->conn == CONN_OPENING && !run->pending_end) {
        uint64_t when = run_later(run->progress, run->config.patience);
        if (run->now < when) {
            run_wait_until(run, when);
            return false;
        }
    }
    run_fail_ended(run, unit,
                   run->ever_linked ? "there is no connection any more for this line"
                                    : "the peer could not be reached");
    if (!run->ever_linked) {
        run_finish(run, DRILL_RESULT_UNREACHABLE, NULL);
    }
    return true;
}

static bool our_line(struct drill_run *run, struct run_unit *unit)
{
    const struct drill_item *item = unit->main ? unit->main->items : NULL;
    if (run_line_early(run, unit)) {
        return false;
    }
    if (needs_link(run, item) && !run->linked) {
        /* The line below may say that this ending is right: then this one counts as done. */
        if (run->pending_end && run->ever_linked && sends_bytes(unit) &&
            run_line_end_follows(run)) {
            run_line_done(run);
            return true;
        }
        return wait_for_link(run, unit);
    }
    if (run->pending_open) {
        run->pending_open = false; /* the implied connection */
    }
    if (sends_bytes(unit)) {
        return send_literal(run, unit);
    }
    return run_line_act(run, unit, item);
}

bool run_line(struct drill_run *run, struct run_unit *unit)
{
    if (unit->meet) {
        return run_meet(run);
    }
    if (unit->dots) {
        return run_auto(run, unit);
    }
    return unit->ours ? our_line(run, unit) : run_their_line(run, unit);
}
