/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <stddef.h>
#include <string.h>

/* What one line may be composed of, and what a peer can make the autopilot remember. */
enum { LINE_MEMORY = 256 * 1024 * 1024, RESULTS_MEMORY = 64 * 1024 * 1024 };

/* A refusal may look like a line that does not match, or like a result that is missing. Noted
 * here, it becomes an error of ours, and no verdict on the peer. */
static void *guarded(void *ctx, void *ptr, size_t size)
{
    struct drill_run *run = ctx;
    void *p = drill_alloc_resize(run->alloc, ptr, size);
    run->refused = run->refused || (size && !p);
    return p;
}

static void init_state(struct drill_run *run)
{
    const struct drill_run_config *c = &run->config;
    run->binds.arena = &run->binds_arena;
    run->binds.item = NULL;
    run->due = DUE_UNKNOWN;
    run->result = DRILL_RESULT_RUNNING;
    run->until = DRILL_NEVER;
    run->apart = run->model || c->settings->pace_original;
    if (c->ours == DRILL_SIDE_MTA) {
        drill_mta_init(&run->mta, c->profile, c->settings, c->traffic, &run->results);
        if (c->several) {
            drill_several_join(c->several, &run->mta, c->number);
        }
    } else {
        drill_milter_init(&run->milter, c->profile, c->settings);
    }
}

struct drill_run *drill_run_new(const struct drill_run_config *config,
                                const struct drill_alloc *alloc)
{
    struct drill_run *run = drill_alloc_resize(alloc, NULL, sizeof(*run));
    if (!run) {
        return NULL;
    }
    memset(run, 0, sizeof(*run));
    run->config = *config;
    run->alloc = alloc;
    run->guard.resize = guarded;
    run->guard.ctx = run;
    run->model = config->file == NULL;
    run->our_dir = config->ours == DRILL_SIDE_MTA ? DRILL_TO_MILTER : DRILL_TO_MTA;
    run->their_dir = config->ours == DRILL_SIDE_MTA ? DRILL_TO_MTA : DRILL_TO_MILTER;
    drill_arena_init(&run->fixed, &run->guard, 0);
    drill_arena_init(&run->binds_arena, &run->guard, LINE_MEMORY);
    drill_arena_init(&run->line, &run->guard, LINE_MEMORY);
    drill_arena_init(&run->results, &run->guard, RESULTS_MEMORY);
    run->fixed.lean = run->binds_arena.lean = config->lean;
    run->line.lean = run->results.lean = config->lean;
    drill_buf_init(&run->inbox, &run->guard);
    drill_buf_init(&run->out, &run->guard);
    drill_assemble_init(&run->in, &run->guard, UINT32_MAX, DRILL_RUN_HOLD);
    init_state(run);
    if (!run_plan(run) || (!config->lean && !run_texts(run)) || run->refused) {
        drill_run_free(run);
        return NULL;
    }
    run_meet_join(run);
    return run;
}

void drill_run_free(struct drill_run *run)
{
    if (!run) {
        return;
    }
    run_meet_leave(run);
    drill_alloc_resize(run->alloc, run->report, 0);
    drill_assemble_fini(&run->in);
    drill_buf_fini(&run->out);
    drill_buf_fini(&run->inbox);
    drill_arena_fini(&run->results);
    drill_arena_fini(&run->line);
    drill_arena_fini(&run->binds_arena);
    drill_arena_fini(&run->fixed);
    drill_alloc_resize(run->alloc, run, 0);
}

void drill_run_again(struct drill_run *run)
{
    const size_t kept = offsetof(struct drill_run, at);
    run_meet_leave(run);
    if (run->report) {
        memset(run->report, 0, sizeof(*run->report));
    }
    memset((uint8_t *)run + kept, 0, sizeof(*run) - kept);
    run->out.len = 0;
    drill_arena_reset(&run->binds_arena);
    drill_arena_reset(&run->line);
    drill_arena_reset(&run->results);
    run_in_reset(run);
    init_state(run);
    run_meet_join(run);
}

/* A write that does not get on: the program's limit for the autopilot's frames, and ours for all.
 */
static void watch_write(struct drill_run *run)
{
    bool program = run->job.kind == JOB_AUTO && run->config.ours == DRILL_SIDE_MTA;
    uint64_t from = run->progress > run->job.not_before ? run->progress : run->job.not_before;
    uint64_t ours = run_later(from, run->config.patience);
    uint64_t limit =
        program ? run_later(from, drill_mta_patience(&run->mta, DRILL_MTA_SEND)) : DRILL_NEVER;
    if (run->now < ours && run->now < limit) {
        run_wait_until(run, ours < limit ? ours : limit);
    } else if (run->now >= limit) {
        run_out_abort(run);
        drill_mta_timed_out(&run->mta);
    } else {
        run_fail(run, run->at < run->unit_count ? &run->units[run->at] : NULL,
                 "the peer does not read: this could not be sent in time", NULL, "");
    }
}

/* Of several milters, one is spoken to at a time. Time starts anew when it is. */
static bool waits_its_turn(struct drill_run *run)
{
    struct drill_several *all = run->config.several;
    if (!all || run->config.ours != DRILL_SIDE_MTA) {
        return false;
    }
    bool turn = drill_several_turn(all, run->config.number);
    if (turn && run->held_up) {
        run->since = run->progress = run->settled = run->now;
    }
    run->held_up = !turn;
    return !turn;
}

static bool move(struct drill_run *run)
{
    if (waits_its_turn(run)) {
        return false;
    }
    if (run->at < run->unit_count) {
        return run_line(run, &run->units[run->at]);
    }
    return run->dots_at_end ? run_auto(run, NULL) : run_strict_end(run);
}

/* A runner that moves so often without a byte going or coming is caught in a fault of ours: an
 * error is better than a program that hangs. */
enum { MOVES_MAX = 1 << 20 };

static void advance(struct drill_run *run)
{
    run->until = DRILL_NEVER;
    run->listening = false;
    for (int moves = 0; run->result == DRILL_RESULT_RUNNING && !run->have_oneshot; moves++) {
        if (moves > MOVES_MAX) {
            run_finish(run, DRILL_RESULT_ERROR,
                       "the runner goes round in circles; please report it");
            return;
        }
        if (run_refused(run)) {
            run_finish(run, DRILL_RESULT_ERROR, NULL);
            return;
        }
        if (run_out_busy(run)) {
            watch_write(run);
            if (run_out_busy(run)) {
                return;
            }
        } else if (!move(run)) {
            return;
        }
    }
}

/* A model looks at its socket only while it waits for something. */
static size_t want(struct drill_run *run)
{
    if (run->stalled || !run->linked) {
        return 0;
    }
    if (run->model && run->config.ours == DRILL_SIDE_MTA && !run->listening) {
        return 0;
    }
    return run_in_want(run);
}

/* Texts are written when there is something to say; the numbers are counted beside them. */
static void put_tally(const struct drill_run *run)
{
    const struct run_tally *t = &run->tally;
    struct drill_report *r = run->report;
    r->end = t->end;
    r->end_error = t->end_error;
    r->end_in_flight = t->end_in_flight;
    r->frames_sent = t->frames_sent;
    r->frames_got = t->frames_got;
    r->bytes_sent = t->bytes_sent;
    r->bytes_got = t->bytes_got;
    r->connections = t->connections;
}

void drill_run_wish(struct drill_run *run, uint64_t now, struct drill_wish *wish)
{
    memset(wish, 0, sizeof(*wish));
    wish->until = DRILL_NEVER;
    if (!run->ticking) {
        run->ticking = true;
        run->since = run->progress = run->settled = now;
    }
    run->now = now;
    if (!run->have_oneshot) {
        advance(run);
    }
    if (run->have_oneshot) {
        run->have_oneshot = false;
        wish->kind = run->oneshot;
        wish->nagle = run->config.settings->pace_original;
        return;
    }
    if (run->result != DRILL_RESULT_RUNNING) {
        if (run->report) {
            put_tally(run);
        }
        if (run->config.several && run->config.ours == DRILL_SIDE_MTA) {
            drill_several_leave(run->config.several, run->config.number);
        }
        wish->kind = DRILL_WISH_DONE;
        return;
    }
    wish->kind = DRILL_WISH_IO;
    if (run->linked) {
        wish->send = run_out_next(run);
    }
    /* A milter's model says what it has to say before it reads on, as mi_engine does: an end that
     * stands behind what it answers takes nothing of the answers away. */
    bool answers = run->model && run->config.ours == DRILL_SIDE_MILTER && wish->send.len;
    wish->want = answers ? 0 : want(run);
    wish->until = run->until;
}

static void opened(struct drill_run *run)
{
    run->linked = run->ever_linked = true;
    run->conn = CONN_UP;
    run->quit = false;
    run->progress = run->settled = run->now;
    run->tally.connections++;
    run->tally.end = DRILL_END_NONE; /* that of the last connection */
    run->tally.end_error = 0;
    run->tally.end_in_flight = 0;
    struct drill_seen seen = {.kind = DRILL_SEEN_OPEN,
                              .dir = DRILL_TO_MILTER,
                              .ours = run->config.ours == DRILL_SIDE_MTA};
    run_say(run, &seen);
    if (run->config.ours == DRILL_SIDE_MILTER) {
        drill_milter_opened(&run->milter);
        run->pending_open = true;
        return;
    }
    struct drill_mta_step step;
    drill_mta_peek(&run->mta, &step);
    if (step.kind == DRILL_MTA_OPEN) {
        drill_mta_did(&run->mta);
    } else {
        drill_mta_opened(&run->mta);
    }
}

static void ended(struct drill_run *run, const struct drill_event *event)
{
    run->linked = false;
    run->pending_end = true;
    memset(&run->end, 0, sizeof(run->end));
    run->end.kind = CAME_END;
    run->end.how = event->how;
    run->end.error = event->error;
    run->end.in_flight = event->in_flight;
    run->end.by_write = event->by_write;
    if (run->conn == CONN_OPENING) {
        run->conn = CONN_NONE;
    }
    run_out_abort(run);
}

void drill_run_event(struct drill_run *run, const struct drill_event *event)
{
    run->now = event->now;
    switch (event->kind) {
    case DRILL_EVENT_OPENED: opened(run); break;
    case DRILL_EVENT_BYTES:
        run->progress = run->now;
        run->tally.bytes_got += event->bytes.len;
        if (!run_in_add(run, event->bytes)) {
            run_finish(run, DRILL_RESULT_ERROR, "no memory for what came");
        }
        break;
    case DRILL_EVENT_WROTE:
        run->progress = run->now;
        run_out_wrote(run, event->wrote);
        break;
    case DRILL_EVENT_END: ended(run, event); break;
    case DRILL_EVENT_TICK: break;
    }
}

void drill_run_stuck(struct drill_run *run, uint64_t now)
{
    run->now = now;
    bool over = run->at >= run->unit_count && run->dots_at_end && !run->linked;
    bool listens = run->config.ours == DRILL_SIDE_MILTER && run->conn == CONN_OPENING;
    if (run->result == DRILL_RESULT_RUNNING && over && run->config.ours == DRILL_SIDE_MILTER) {
        run_finish(run, DRILL_RESULT_PASS, NULL);
    } else {
        run_fail(run, run->at < run->unit_count ? &run->units[run->at] : NULL,
                 listens ? "nobody connects any more, and it never came to this line"
                         : "both sides wait for the other, for ever",
                 NULL, "");
    }
}

void drill_run_stop(struct drill_run *run, const char *why)
{
    bool runs = run->result == DRILL_RESULT_RUNNING;
    run_fail(run, run->at < run->unit_count ? &run->units[run->at] : NULL, why, NULL, "");
    if (runs && run->result == DRILL_RESULT_SKIP) { /* a `given` line was awaited */
        run_finish(run, DRILL_RESULT_FAIL, why);
    }
}

bool drill_run_linked(const struct drill_run *run)
{
    return run->linked;
}

const struct drill_report *drill_run_report(const struct drill_run *run)
{
    static const struct drill_report none = {.result = DRILL_RESULT_ERROR,
                                             .what = "no memory for this play"};
    if (!run->report) {
        return &none;
    }
    put_tally(run);
    return run->report;
}

enum drill_result drill_run_result(const struct drill_run *run)
{
    return run->result;
}

void drill_run_count(const struct drill_run *run, struct drill_report *sum)
{
    sum->frames_sent += run->tally.frames_sent;
    sum->frames_got += run->tally.frames_got;
    sum->bytes_sent += run->tally.bytes_sent;
    sum->bytes_got += run->tally.bytes_got;
    sum->connections += run->tally.connections;
}

const struct drill_mta *drill_run_mta(const struct drill_run *run)
{
    return run->config.ours == DRILL_SIDE_MTA ? &run->mta : NULL;
}

const struct drill_milter *drill_run_milter(const struct drill_run *run)
{
    return run->config.ours == DRILL_SIDE_MILTER ? &run->milter : NULL;
}
