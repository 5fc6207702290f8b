/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <string.h>

#include <stdio.h>

/* So long a milter may take to say what is too many, and to leave, when nothing comes any more. */
#define HEARING (UINT64_C(500) * 1000)

/* ---- what came, as the autopilot takes it ---- */

static void feed_mta(struct drill_run *run, const struct run_came *came)
{
    struct drill_error err;
    switch (came->kind) {
    case CAME_FRAME:
        if (run->model || drill_mta_head(&run->mta, came->frame.code, came->frame.length)) {
            drill_mta_got(&run->mta, &came->message, came->size);
        }
        break;
    case CAME_GARBLED:
        if (drill_frame_error(&run->in.parser, &err) != DRILL_OK) {
            drill_mta_garbled(&run->mta, err.text, came->frame.length);
        }
        break;
    case CAME_END: drill_mta_ended(&run->mta, came->how, came->error); break;
    case CAME_OPEN:
    case CAME_NONE: break;
    }
}

static void feed_milter(struct drill_run *run, const struct run_came *came)
{
    switch (came->kind) {
    case CAME_FRAME: drill_milter_got(&run->milter, &came->message, came->size); break;
    case CAME_END: drill_milter_ended(&run->milter); break;
    case CAME_GARBLED: run->milter.hang_up = true; break;
    case CAME_OPEN:
    case CAME_NONE: break;
    }
}

void run_auto_feed(struct drill_run *run, const struct run_came *came)
{
    if (run->config.ours == DRILL_SIDE_MTA) {
        feed_mta(run, came);
    } else {
        feed_milter(run, came);
    }
}

/* Compares with a line of theirs that stands behind `...`; all else gets the profile's reaction. */
static void meet(struct drill_run *run, struct run_unit *unit, const struct run_came *came)
{
    struct drill_mismatch why;
    if (unit && !unit->ours && run_fits(run, unit, came, &why) == FIT_YES) {
        run_matched(run, unit, came);
        return;
    }
    run_auto_feed(run, came);
    run_unreached(run, unit, came);
}

static bool take(struct drill_run *run, struct run_unit *unit)
{
    struct run_came came;
    run_in_take(run, &came);
    if (came.kind == CAME_NONE) {
        return false;
    }
    meet(run, unit, &came);
    return true;
}

/* ---- the MTA ---- */

static bool send_step(struct drill_run *run, const struct drill_message *macro,
                      const struct drill_message *message)
{
    struct run_job *job = &run->job;
    drill_arena_reset(&run->line);
    job->parts = 0;
    job->travel = NULL;
    memset(job->above, 0, sizeof(job->above));
    job->apart = run->apart;
    bool ok = true;
    if (macro) {
        ok = drill_compose_message(macro, &run->line, &job->part[job->parts++]) == DRILL_OK;
    }
    ok = ok && drill_compose_message(message, &run->line, &job->part[job->parts++]) == DRILL_OK;
    if (!ok || !run_out_start(run, JOB_AUTO)) {
        run_finish(run, DRILL_RESULT_ERROR, "no memory to send a frame");
    }
    return true;
}

/* The order of a message's commands; 0 for others. */
static int rank(uint8_t code)
{
    static const uint8_t order[] = {DRILL_SMFIC_MAIL,   DRILL_SMFIC_RCPT, DRILL_SMFIC_DATA,
                                    DRILL_SMFIC_HEADER, DRILL_SMFIC_EOH,  DRILL_SMFIC_BODY,
                                    DRILL_SMFIC_BODYEOB};
    for (int i = 0; i < (int)sizeof(order); i++) {
        if (order[i] == code) {
            return i + 1;
        }
    }
    return 0;
}

static bool repeats(uint8_t code)
{
    return code == DRILL_SMFIC_RCPT || code == DRILL_SMFIC_HEADER || code == DRILL_SMFIC_BODY;
}

static const struct drill_item *alike(struct drill_run *run, const struct drill_item *items,
                                      const struct drill_message *message)
{
    for (const struct drill_item *i = items; i; i = i->next) {
        if (run_item_is(run, i, message)) {
            return i;
        }
    }
    return NULL;
}

/* LANGUAGE.md, "`...` before a line of ours": a match in the plan; else the next of its name;
 * recipients, headers and body chunks behind the last; what is not in the plan at a quiet moment.
 */
static enum run_due find_due(struct drill_run *run, const struct run_unit *unit)
{
    const struct drill_item *item = unit->main ? unit->main->items : NULL;
    if (!item || item->kind != DRILL_ITEM_MESSAGE) {
        return DUE_QUIET;
    }
    struct drill_mta_cursor cursor = run->mta.cursor;
    struct drill_mta_step step;
    bool named = false;
    while (drill_mta_plan(&run->mta, &cursor, &step)) {
        if (step.kind == DRILL_MTA_SEND) {
            named = named || step.command.code == item->code;
            if (alike(run, item, &step.command)) {
                return DUE_MATCH;
            }
        }
    }
    if (repeats(item->code)) {
        return DUE_ADD;
    }
    return named ? DUE_REPLACE : DUE_QUIET;
}

/* The plan changes when a session begins, and when the milter has answered the offer. */
static void refresh_due(struct drill_run *run, const struct run_unit *unit)
{
    const struct drill_mta_cursor *c = &run->mta.cursor;
    uint64_t key = 1 + run->mta.negotiated + 2 * (uint64_t)c->client_number +
                   ((uint64_t)c->message_number << 20) + ((uint64_t)c->run << 40) +
                   ((uint64_t)c->run_rcpts << 48);
    if (run->due == DUE_UNKNOWN || run->due_key != key) {
        run->due = find_due(run, unit);
        run->due_key = key;
    }
}

static bool quiet(const struct drill_run *run, const struct drill_item *item,
                  const struct drill_mta_step *step)
{
    if (item && item->kind == DRILL_ITEM_OPEN) {
        return run->open_asked || step->kind == DRILL_MTA_OPEN || step->kind == DRILL_MTA_DONE;
    }
    return run->linked && (step->kind == DRILL_MTA_SEND || step->kind == DRILL_MTA_CLOSE);
}

static bool insert(struct drill_run *run, struct run_unit *unit, const struct drill_item *item)
{
    if (item && item->kind != DRILL_ITEM_MESSAGE && item->kind != DRILL_ITEM_FRAME &&
        item->kind != DRILL_ITEM_RAW) {
        return run_line_act(run, unit, item);
    }
    struct drill_message macro;
    bool message = item && item->kind == DRILL_ITEM_MESSAGE;
    bool with = message && unit->macros == 0 && drill_mta_macros(&run->mta, item->code, &macro);
    return run_line_send(run, unit, item, NULL, with ? &macro : NULL, false);
}

/* True when the line's place has come; of alternatives *item is the one that stands for the step.
 */
static bool our_turn(struct drill_run *run, const struct run_unit *unit,
                     const struct drill_mta_step *step, const struct drill_item **item)
{
    bool sends = step->kind == DRILL_MTA_SEND;
    *item = unit->main ? unit->main->items : NULL;
    switch (run->due) {
    case DUE_MATCH: *item = sends ? alike(run, *item, &step->command) : NULL; return *item != NULL;
    case DUE_REPLACE: return sends && step->command.code == (*item)->code;
    case DUE_ADD: return sends && rank(step->command.code) > rank((*item)->code);
    case DUE_QUIET: return quiet(run, *item, step);
    case DUE_UNKNOWN: break;
    }
    return false;
}

static bool take_turn(struct drill_run *run, struct run_unit *unit,
                      const struct drill_mta_step *step, const struct drill_item *item)
{
    if (run_line_early(run, unit)) {
        return false;
    }
    if (run->due == DUE_ADD || run->due == DUE_QUIET) {
        return insert(run, unit, item);
    }
    return run_line_send(run, unit, item, &step->command, step->has_macro ? &step->macro : NULL,
                         true);
}

/* Nothing has come yet. The program's own limit first, then ours. */
static bool wait_more(struct drill_run *run, struct run_unit *unit, uint64_t patience)
{
    uint64_t program = run_later(run->progress, patience);
    uint64_t ours = run_later(run->settled, run->config.patience);
    const struct drill_item *item = unit && !unit->ours && unit->main ? unit->main->items : NULL;
    uint64_t line = run_later(run->since, run_within(item));
    if (run->now >= line || run->now >= ours) {
        char what[96];
        uint64_t from = run->now >= line ? run->since : run->settled;
        (void)snprintf(what, sizeof(what), "%s %llu ms",
                       run->now >= line               ? "this did not come within"
                       : run->progress > run->settled ? "no whole frame came for"
                                                      : "nothing came for",
                       (unsigned long long)((run->now - from) / 1000));
        run_fail(run, unit, what, NULL, "");
        return true;
    }
    if (run->now >= program) {
        struct drill_seen seen = {
            .kind = DRILL_SEEN_QUIET, .dir = run->our_dir, .ours = true, .note = "gave up waiting"};
        run_say(run, &seen);
        run->progress = run->now;
        if (run->config.ours == DRILL_SIDE_MTA) {
            drill_mta_timed_out(&run->mta);
        } else {
            run->milter.hang_up = true;
        }
        return true;
    }
    run_wait_until(run, program < ours ? program : ours);
    run_wait_until(run, line);
    return false;
}

/* It does not itself end a connection whose ending by them is the line awaited. */
static bool holds_back(const struct drill_run *run, const struct run_unit *unit,
                       const struct drill_mta_step *step)
{
    bool last = step->command.code == DRILL_SMFIC_QUIT || run->conn == CONN_HALF;
    return run_line_awaits_end(unit) &&
           (step->kind == DRILL_MTA_CLOSE || (step->kind == DRILL_MTA_SEND && last));
}

static bool mta_over(struct drill_run *run, struct run_unit *unit)
{
    if (unit) {
        run_fail(run, unit,
                 unit->ours ? "the session is over, and it never came to this line"
                            : "the session is over, and this never came",
                 NULL, "");
    } else {
        run_finish(run, DRILL_RESULT_PASS, NULL);
    }
    return true;
}

static bool mta_open(struct drill_run *run, struct run_unit *unit)
{
    if (run->pending_end) {
        return take(run, unit);
    }
    if (run->conn == CONN_NONE) {
        run_open(run);
        return true;
    }
    uint64_t patience = drill_mta_patience(&run->mta, DRILL_MTA_OPEN);
    if (run->now >= run_later(run->progress, patience)) {
        run_shoot(run, DRILL_WISH_CLOSE);
        run->conn = CONN_NONE;
    }
    return wait_more(run, unit, patience);
}

static bool mta_close(struct drill_run *run, struct run_unit *unit)
{
    if (run_out_flush(run)) {
        return true;
    }
    if (run->linked) {
        run_shoot(run, DRILL_WISH_CLOSE);
        run_closed(run, NULL, DRILL_END_FIN);
    } else if (run->pending_end) {
        return take(run, unit);
    }
    run->conn = CONN_NONE;
    drill_mta_did(&run->mta);
    return true;
}

/* What the milter still says is shown, and not taken for an answer to anything. */
static bool hear_out(struct drill_run *run)
{
    struct run_came came = {.kind = CAME_END, .how = DRILL_END_FIN};
    uint64_t until = run_later(run->progress, HEARING);
    if (run_out_flush(run)) {
        return true;
    }
    if (run->conn == CONN_UP) {
        run_shoot(run, DRILL_WISH_HALF_CLOSE);
        run_say_end(run, run->our_dir, true, &came, "half-close");
        run->conn = CONN_HALF;
        run->progress = run->now;
        return true;
    }
    run_in_take(run, &came);
    if (came.kind == CAME_FRAME || came.kind == CAME_GARBLED) {
        return true;
    }
    if (came.kind == CAME_NONE && run->now < until) {
        run->listening = true;
        run_wait_until(run, until);
        return false;
    }
    if (came.kind != CAME_END) {
        run_shoot(run, DRILL_WISH_DRAIN);
        run_closed(run, NULL, DRILL_END_FIN);
    }
    drill_mta_hung_up(&run->mta);
    return true;
}

static bool hears_out(const struct drill_run *run, const struct drill_mta_step *step)
{
    return run->config.attentive && run->conn != CONN_NONE && step->kind == DRILL_MTA_SEND &&
           (step->command.code == DRILL_SMFIC_QUIT || run->conn == CONN_HALF);
}

static bool mta_auto(struct drill_run *run, struct run_unit *unit)
{
    struct drill_mta_step step;
    if (unit && unit->ours) {
        refresh_due(run, unit);
    }
    drill_mta_peek(&run->mta, &step);
    const struct drill_item *item;
    if (unit && unit->ours && our_turn(run, unit, &step, &item)) {
        return take_turn(run, unit, &step, item);
    }
    if (holds_back(run, unit, &step)) {
        return take(run, unit) || wait_more(run, unit, DRILL_NEVER);
    }
    if (!unit && hears_out(run, &step)) {
        return hear_out(run);
    }
    switch (step.kind) {
    case DRILL_MTA_OPEN: return mta_open(run, unit);
    case DRILL_MTA_SEND:
        if (!run->linked) {
            return take(run, unit) || mta_over(run, unit);
        }
        if (run->conn == CONN_HALF) {
            return run_leave(run); /* nothing can be sent any more */
        }
        return send_step(run, step.has_macro ? &step.macro : NULL, &step.command);
    case DRILL_MTA_WAIT:
        run->listening = true;
        return take(run, unit) ||
               wait_more(run, unit, drill_mta_patience(&run->mta, DRILL_MTA_WAIT));
    case DRILL_MTA_CLOSE: return mta_close(run, unit);
    case DRILL_MTA_DONE: return take(run, unit) || mta_over(run, unit);
    }
    return false;
}

/* ---- the milter ---- */

static bool milter_close(struct drill_run *run, struct run_unit *unit)
{
    const struct drill_item *item = unit && unit->ours && unit->main ? unit->main->items : NULL;
    if (item && (item->kind == DRILL_ITEM_CLOSE || item->kind == DRILL_ITEM_HANGUP ||
                 item->kind == DRILL_ITEM_RESET)) {
        return run_line_act(run, unit, item);
    }
    if (run_out_flush(run)) {
        return true;
    }
    run->milter.hang_up = false;
    if (run->linked) {
        run_shoot(run, DRILL_WISH_CLOSE);
        run_closed(run, NULL, DRILL_END_FIN);
    } else {
        run->inbox_at = run->inbox.len; /* it gives up on what it cannot read, and on all behind */
    }
    drill_milter_ended(&run->milter);
    return true;
}

static bool milter_wait(struct drill_run *run, struct run_unit *unit)
{
    if (take(run, unit)) {
        return true;
    }
    if (run->conn == CONN_NONE && !run->pending_end) {
        if (!unit && run->ever_linked && !run->config.simulated && !run->model) {
            run_finish(run, DRILL_RESULT_PASS, NULL); /* the last session has ended */
        } else {
            run_open(run);
        }
        return true;
    }
    uint64_t patience = run->conn == CONN_UP ? drill_milter_patience(&run->milter) : DRILL_NEVER;
    return wait_more(run, unit, patience);
}

static bool milter_auto(struct drill_run *run, struct run_unit *unit)
{
    struct drill_milter_step step;
    drill_milter_peek(&run->milter, &step);
    switch (step.kind) {
    case DRILL_MILTER_SEND:
        if (!run->linked || run->conn == CONN_HALF) {
            drill_milter_answered(&run->milter);
            return true;
        }
        if (unit && unit->ours && unit->main) {
            const struct drill_item *item = alike(run, unit->main->items, &step.reply);
            if (item) {
                return !run_line_early(run, unit) &&
                       run_line_send(run, unit, item, &step.reply, NULL, true);
            }
        }
        return send_step(run, NULL, &step.reply);
    case DRILL_MILTER_CLOSE:
        if (run_line_awaits_end(unit) && (run->linked || run->pending_end)) {
            return take(run, unit) || wait_more(run, unit, DRILL_NEVER);
        }
        return milter_close(run, unit);
    case DRILL_MILTER_WAIT: break;
    }
    return milter_wait(run, unit);
}

bool run_auto_reply(struct drill_run *run)
{
    struct drill_milter_step step;
    drill_milter_peek(&run->milter, &step);
    return step.kind == DRILL_MILTER_SEND && run->linked && send_step(run, NULL, &step.reply);
}

bool run_auto(struct drill_run *run, struct run_unit *unit)
{
    return run->config.ours == DRILL_SIDE_MTA ? mta_auto(run, unit) : milter_auto(run, unit);
}

/* ---- our end ---- */

bool run_leave(struct drill_run *run)
{
    struct drill_mta_step step;
    drill_mta_peek(&run->mta, &step);
    if (step.kind == DRILL_MTA_SEND && !run->quit && run->conn == CONN_UP &&
        (step.command.code == DRILL_SMFIC_QUIT || step.command.code == DRILL_SMFIC_ABORT)) {
        return send_step(run, NULL, &step.command);
    }
    if (run_out_flush(run)) {
        return true;
    }
    run_shoot(run, DRILL_WISH_DRAIN);
    run_closed(run, NULL, DRILL_END_FIN);
    drill_mta_hung_up(&run->mta);
    return true;
}

/* ---- the strict end: after the last line the peer may end the session, and do nothing else ----
 */

static bool mta_end(struct drill_run *run)
{
    struct run_came came;
    run_in_take(run, &came);
    if (came.kind == CAME_END) {
        run_auto_feed(run, &came);
        return true;
    }
    if (came.kind != CAME_NONE) {
        run_fail(run, NULL, "after the last line the milter may only end the session", &came, "");
        return true;
    }
    if (!run->linked) {
        run_finish(run, DRILL_RESULT_PASS, NULL);
        return true;
    }
    return run_leave(run);
}

static bool may_end(const struct run_came *came)
{
    return came->kind == CAME_FRAME &&
           (came->frame.code == DRILL_SMFIC_MACRO || came->frame.code == DRILL_SMFIC_ABORT ||
            came->frame.code == DRILL_SMFIC_QUIT);
}

static bool milter_end(struct drill_run *run)
{
    struct run_came came;
    run_in_take(run, &came);
    if (came.kind == CAME_END || may_end(&came)) {
        run_auto_feed(run, &came);
    } else if (came.kind != CAME_NONE) {
        run_fail(run, NULL, "after the last line the MTA may only end the session", &came, "");
    } else if (!run->linked) {
        run_finish(run, DRILL_RESULT_PASS, NULL);
    } else if (run->quit) {
        return milter_close(run, NULL); /* either side may, and the other may wait for it */
    } else {
        return wait_more(run, NULL, DRILL_NEVER);
    }
    return true;
}

bool run_strict_end(struct drill_run *run)
{
    return run->config.ours == DRILL_SIDE_MTA ? mta_end(run) : milter_end(run);
}
