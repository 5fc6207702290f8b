/* SPDX-License-Identifier: MIT */
/*
 * The parts of the runner, and what they offer each other; for run*.c and nobody else.
 *
 * run.c      life, events, wishes, the loop that moves from line to line
 * run_plan.c the file's steps as units: macro lines and the command below them go together
 * run_in.c   the inbox: bytes that came, as frames, endings and connections, one at a time
 * run_out.c  the job: bytes of one unit (or of one step of the autopilot) on their way out
 * run_line.c lines of ours: carried out
 * run_wait.c lines of theirs: waited for and compared
 * run_tolerate.c  a recording's lines of theirs that another run may cut or count otherwise
 * run_meet.c `meet`: waiting for the other copies
 * run_auto.c what `...` does: the autopilot of our side
 * run_say.c  observers, the last frames, the report
 */
#ifndef DRILL_SCENARIO_RUN_PARTS_H
#define DRILL_SCENARIO_RUN_PARTS_H

#include "scenario/run_state.h"

/* run_plan.c: false when memory is refused. */
bool run_plan(struct drill_run *run);
/* What the config says is played; NULL: nothing but `...`. */
const struct drill_block *run_block(const struct drill_run *run);
/* The checks of that block. */
static inline const struct drill_check *run_checks(const struct drill_run *run)
{
    const struct drill_block *block = run_block(run);
    return block ? block->checks : NULL;
}
/* Does `...` stand before the line below the unit `at`? `meet` is no line. */
bool run_dots_below(const struct drill_run *run);

/* run_meet.c */
void run_meet_join(struct drill_run *run);
void run_meet_leave(struct drill_run *run);
bool run_meet(struct drill_run *run);

/* run_in.c */
void run_in_reset(struct drill_run *run);
bool run_in_add(struct drill_run *run, struct drill_span bytes);
/* The next item, or CAME_NONE. */
void run_in_take(struct drill_run *run, struct run_came *came);
/* Bytes that came and are not yet part of a frame that was taken. */
struct drill_span run_in_raw(const struct drill_run *run);
/* Takes the first of them, and tells that they came. */
void run_in_take_raw(struct drill_run *run, size_t bytes);
/* Takes the ending that is pending, and before it what came before it. */
void run_in_take_end(struct drill_run *run, struct run_came *came);
/* Has a frame begun that is not complete? */
bool run_in_torn(const struct drill_run *run);
size_t run_in_want(const struct drill_run *run);
/* Why the last CAME_GARBLED is no frame, or not one that our profile takes. */
void run_frame_error(const struct drill_run *run, struct drill_error *err);

/* run_out.c */
bool run_out_busy(const struct drill_run *run);
/* Begins a job; parts must be composed. False when memory is refused. */
bool run_out_start(struct drill_run *run, enum run_job_kind kind);
void run_out_wrote(struct drill_run *run, size_t bytes);
/* The connection is gone: the job ends where it stands. */
void run_out_abort(struct drill_run *run);
struct drill_span run_out_next(struct drill_run *run);
/* True when bytes of joined lines are held back: they go first, and the caller asks again. */
bool run_out_flush(struct drill_run *run);

/* run_line.c: each returns true when it moved, false when it waits (run->until is set). */
bool run_line(struct drill_run *run, struct run_unit *unit);
void run_line_done(struct drill_run *run);
bool run_line_awaits_end(const struct run_unit *unit);
/* Is an ending by the peer what stands below, with nothing between but bytes of ours, which cannot
 * be sent any more either? */
bool run_line_end_follows(struct drill_run *run);
/* `after=`: true when it is not time yet; the tick is set. */
bool run_line_early(struct drill_run *run, const struct run_unit *unit);
bool run_item_is(struct drill_run *run, const struct drill_item *item,
                 const struct drill_message *message);
/* `planned`: the message of the profile's that the line stands for; NULL: its default one. */
bool run_line_send(struct drill_run *run, struct run_unit *unit, const struct drill_item *item,
                   const struct drill_message *planned, const struct drill_message *macro,
                   bool used_plan);
bool run_line_act(struct drill_run *run, struct run_unit *unit, const struct drill_item *item);
void run_open(struct drill_run *run);
void run_shoot(struct drill_run *run, enum drill_wish_kind kind);
void run_closed(struct drill_run *run, const char *note, enum drill_end how);
void run_wait_until(struct drill_run *run, uint64_t when);
static inline uint64_t run_later(uint64_t from, uint64_t span)
{
    return span >= DRILL_NEVER - from ? DRILL_NEVER : from + span;
}

/* run_wait.c: lines of theirs. */
enum run_fit { FIT_NO, FIT_PART, FIT_YES }; /* PART: a macro line of the unit; more must come */
bool run_their_line(struct drill_run *run, struct run_unit *unit);
uint64_t run_within(const struct drill_item *items); /* microseconds; DRILL_NEVER: none says */
enum run_fit run_fits(struct drill_run *run, struct run_unit *unit, const struct run_came *came,
                      struct drill_mismatch *why);
/* drill_match, or drill_match_recorded where the run is tolerant. */
bool run_item_fits(struct drill_run *run, const struct drill_item *item, enum drill_dir dir,
                   const struct drill_came *came, struct drill_mismatch *why);
/* The line is done; its own reaction stays only where `...` follows. */
void run_matched(struct drill_run *run, struct run_unit *unit, const struct run_came *came);

/* run_tolerate.c: true when it dealt with what came. It may pass lines, so that run->at moves. */
bool run_tolerant(struct drill_run *run, const struct run_came *came);
/* Sends the profile's own reply to what a tolerant run let pass: true when it moved. */
bool run_tolerant_reply(struct drill_run *run);

/* run_auto.c */
bool run_auto(struct drill_run *run, struct run_unit *unit); /* unit NULL: to the end */
/* Our milter sends its profile's next reply to what came last; false: none stands. */
bool run_auto_reply(struct drill_run *run);
void run_auto_feed(struct drill_run *run, const struct run_came *came);
bool run_strict_end(struct drill_run *run);
/* Our MTA ends the connection as its profile does: QUIT where that comes next, then the close. */
bool run_leave(struct drill_run *run);

/* Memory was refused to the runner or its autopilot. */
static inline bool run_refused(const struct drill_run *run)
{
    return run->refused || (run->config.ours == DRILL_SIDE_MTA && run->mta.no_memory);
}

/* run_say.c */
void run_say(struct drill_run *run, struct drill_seen *seen); /* fills in `now` */
void run_say_end(struct drill_run *run, enum drill_dir dir, bool ours, const struct run_came *end,
                 const char *note);
void run_fail(struct drill_run *run, const struct run_unit *unit, const char *what,
              const struct run_came *came, const char *why);
/* The ending that is pending came where this unit cannot have it. */
void run_fail_ended(struct drill_run *run, const struct run_unit *unit, const char *what);
void run_finish(struct drill_run *run, enum drill_result result, const char *what);
/* The report, to write in; NULL when memory is refused. */
struct drill_report *run_texts(struct drill_run *run);
void run_unreached(struct drill_run *run, const struct run_unit *unit, const struct run_came *came);

#endif
