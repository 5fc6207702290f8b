/* SPDX-License-Identifier: MIT */
#include "scenario/print.h"
#include "scenario/run_parts.h"
#include "wire/text.h"

#include <stdio.h>
#include <string.h>

enum { SHORTEN = 60 };

static void remember(struct drill_run *run, const struct drill_seen *seen)
{
    struct run_past *p = &run->ring[run->ring_at++ % RUN_RING];
    p->kind = seen->kind;
    p->dir = seen->dir;
    p->code = seen->code;
    p->size = seen->size;
    p->how = seen->how;
    p->kept = (uint32_t)(seen->payload.len < RUN_RING_BYTES ? seen->payload.len : RUN_RING_BYTES);
    if (p->kept) {
        memcpy(p->bytes, seen->payload.ptr, p->kept);
    }
}

void run_say(struct drill_run *run, struct drill_seen *seen)
{
    seen->now = run->now;
    seen->milter = run->config.several ? (uint8_t)(run->config.number + 1) : 0;
    if (!seen->ours && seen->kind == DRILL_SEEN_FRAME) {
        run->tally.frames_got++;
    }
    if (seen->kind != DRILL_SEEN_OPEN) {
        remember(run, seen);
    }
    if (run->config.observer.seen) {
        run->config.observer.seen(run->config.observer.ctx, seen);
    }
}

void run_say_end(struct drill_run *run, enum drill_dir dir, bool ours, const struct run_came *end,
                 const char *note)
{
    if (!ours) {
        run->tally.end = end->how;
        run->tally.end_error = end->error;
        run->tally.end_in_flight = end->in_flight;
    }
    struct drill_seen seen = {.kind = DRILL_SEEN_END,
                              .dir = dir,
                              .ours = ours,
                              .how = end->how,
                              .error = end->error,
                              .in_flight = end->in_flight,
                              .note = note};
    run_say(run, &seen);
}

static const char *end_word(enum drill_end how)
{
    switch (how) {
    case DRILL_END_FIN: return "close";
    case DRILL_END_RST: return "reset";
    case DRILL_END_EPIPE: return "close";
    case DRILL_END_REFUSED: return "refuse";
    case DRILL_END_ERROR: return "hangup";
    case DRILL_END_NONE: break;
    }
    return "nothing";
}

static void write_dir(struct drill_writer *w, enum drill_dir dir)
{
    drill_write_text(w, dir == DRILL_TO_MILTER ? "> " : "< ");
}

static void write_past(struct drill_writer *w, const struct run_past *p)
{
    struct drill_span bytes = drill_span_of(p->bytes, p->kept);
    switch (p->kind) {
    case DRILL_SEEN_FRAME:
        if (p->kept == p->size) {
            drill_text_frame(w, p->dir, p->code, bytes, SHORTEN);
        } else {
            write_dir(w, p->dir);
            const struct drill_proto_message *row = drill_proto_find(p->dir, p->code);
            drill_write_text(w, row ? row->word : "frame");
            drill_write_text(w, " # ");
            drill_write_dec(w, p->size);
            drill_write_text(w, " bytes of data");
        }
        break;
    case DRILL_SEEN_RAW: drill_text_raw(w, p->dir, bytes, SHORTEN); break;
    case DRILL_SEEN_END:
        write_dir(w, p->dir);
        drill_write_text(w, end_word(p->how));
        break;
    case DRILL_SEEN_QUIET:
        write_dir(w, p->dir);
        drill_write_text(w, "silence");
        break;
    case DRILL_SEEN_OPEN: drill_write_text(w, "> open"); break;
    }
}

/* Ends the text with a NUL; a line that is too long is cut. */
static void end_line(struct drill_writer *w)
{
    size_t at = w->len < w->cap ? w->len : w->cap - 1;
    w->buf[at] = '\0';
}

static void fill_before(struct drill_run *run, bool without_last)
{
    struct drill_report *r = run->report;
    size_t last = run->ring_at - (without_last && run->ring_at ? 1 : 0);
    size_t first = last > RUN_RING - 1 ? last - (RUN_RING - 1) : 0;
    r->befores = 0;
    for (size_t i = first; i < last; i++) {
        struct drill_writer w = drill_writer_of(r->before[r->befores], DRILL_REPORT_LINE);
        write_past(&w, &run->ring[i % RUN_RING]);
        end_line(&w);
        r->befores++;
    }
}

static const struct drill_step *last_step(const struct run_unit *unit)
{
    return unit->meet ? unit->meet : unit->main ? unit->main : unit->macro[unit->macros - 1];
}

static void fill_expected(struct drill_run *run, const struct run_unit *unit)
{
    struct drill_writer w = drill_writer_of(run->report->expected, DRILL_REPORT_LINE);
    if (unit) {
        const struct drill_step *step = last_step(unit);
        run->report->pos = step->pos;
        drill_print_step(step, &w);
    } else {
        drill_write_text(&w, run->config.ours == DRILL_SIDE_MTA ? "< hangup"
                                                                : "> abort | quit | hangup");
        if (run->unit_count) {
            run->report->pos = last_step(&run->units[run->unit_count - 1])->pos;
        }
    }
    end_line(&w);
}

static void fill_actual(struct drill_run *run, const struct run_came *came)
{
    struct drill_writer w = drill_writer_of(run->report->actual, DRILL_REPORT_LINE);
    enum drill_dir theirs = run->their_dir;
    if (!came || came->kind == CAME_NONE) {
        drill_write_text(&w, "nothing");
    } else if (came->kind == CAME_END) {
        write_dir(&w, theirs);
        drill_write_text(&w, end_word(came->how));
    } else if (came->kind == CAME_OPEN) {
        drill_write_text(&w, "> open");
    } else if (came->kind == CAME_FRAME && came->frame.whole) {
        drill_text_frame(&w, theirs, came->frame.code, came->frame.payload, SHORTEN);
    } else if (run->ring_at) {
        write_past(&w, &run->ring[(run->ring_at - 1) % RUN_RING]);
    }
    end_line(&w);
}

static bool is_given(const struct run_unit *unit)
{
    bool given = unit && unit->main && unit->main->given;
    for (size_t i = 0; unit && i < unit->macros; i++) {
        given = given || unit->macro[i]->given;
    }
    return given && !unit->ours;
}

void run_fail(struct drill_run *run, const struct run_unit *unit, const char *what,
              const struct run_came *came, const char *why)
{
    if (run->result != DRILL_RESULT_RUNNING) {
        return;
    }
    if (is_given(unit)) {
        run_finish(run, DRILL_RESULT_SKIP, "a `given` line was not met");
    } else {
        run_finish(run, DRILL_RESULT_FAIL, what);
    }
    if (!run->report) {
        return;
    }
    fill_expected(run, unit);
    fill_actual(run, came);
    fill_before(run, came && came->kind != CAME_OPEN && came->kind != CAME_NONE);
    (void)snprintf(run->report->why, sizeof(run->report->why), "%s", why);
}

void run_fail_ended(struct drill_run *run, const struct run_unit *unit, const char *what)
{
    struct run_came end = {.kind = CAME_NONE};
    if (run->pending_end) {
        run_in_take_end(run, &end);
    }
    run_fail(run, unit, what, &end, "");
}

/* What was never there, or never sent one milter frame, is no milter that misbehaves. */
void run_unreached(struct drill_run *run, const struct run_unit *unit, const struct run_came *came)
{
    struct drill_error err;
    if (run->model || run->config.simulated || run->config.ours != DRILL_SIDE_MTA ||
        run->tally.frames_got > 0) {
        return;
    }
    if (came->kind == CAME_END && !run->ever_linked) {
        run_fail(run, unit, "the milter could not be reached", came, "");
    } else if (came->kind == CAME_GARBLED) {
        run_frame_error(run, &err);
        run_fail(run, unit, err.text, came, "");
    } else {
        return;
    }
    run_finish(run, DRILL_RESULT_UNREACHABLE, NULL);
}

struct drill_report *run_texts(struct drill_run *run)
{
    if (!run->report) {
        run->report = drill_alloc_resize(&run->guard, NULL, sizeof(*run->report));
        if (run->report) {
            memset(run->report, 0, sizeof(*run->report));
        }
    }
    return run->report;
}

/* `what` NULL keeps the sentence that stands. */
void run_finish(struct drill_run *run, enum drill_result result, const char *what)
{
    if (run_refused(run)) {
        result = DRILL_RESULT_ERROR;
        what = "no memory for this play";
    }
    run->result = result;
    struct drill_report *r = what ? run_texts(run) : run->report;
    if (r) {
        r->result = result;
    } else if (what) {
        run->result = DRILL_RESULT_ERROR;
    }
    if (r && what) {
        (void)snprintf(r->what, sizeof(r->what), "%s", what);
    }
    run_meet_leave(run);
}
