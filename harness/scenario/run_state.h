/* SPDX-License-Identifier: MIT */
/*
 * The runner's insides, shared by run*.c and nobody else.
 *
 * run.c      life, events, wishes, the loop that moves from line to line
 * run_plan.c the file's steps as units: macro lines and the command below them go together
 * run_in.c   the inbox: bytes that came, as frames, endings and connections, one at a time
 * run_out.c  the job: bytes of one unit (or of one step of the autopilot) on their way out
 * run_line.c lines of ours: carried out
 * run_wait.c lines of theirs: waited for and compared
 * run_meet.c `meet`: waiting for the other copies
 * run_auto.c what `...` does: the autopilot of our side
 * run_say.c  observers, the last frames, the report
 */
#ifndef DRILL_SCENARIO_RUN_STATE_H
#define DRILL_SCENARIO_RUN_STATE_H

#include "scenario/run.h"

/* One thing that the file says: a line, with the macro lines that stand directly above it. */
struct run_unit {
    const struct drill_step *const *macro;
    size_t macros;
    const struct drill_step *main; /* NULL: macro lines with no command below them */
    const struct drill_step *meet; /* a `meet`: nothing else is set */
    bool dots;                     /* `...` stands before it */
    bool ours;
    enum drill_dir dir;
};

enum run_came_kind { CAME_NONE, CAME_FRAME, CAME_GARBLED, CAME_OPEN, CAME_END };

/* One item of the inbox. Views are valid until the next take. */
struct run_came {
    enum run_came_kind kind;
    struct drill_came frame;
    uint32_t size; /* true payload size */
    struct drill_message message;
    enum drill_end how;
    int error;
    uint64_t in_flight;
    bool by_write;
};

enum run_job_kind {
    JOB_NONE,
    JOB_LINE, /* a written unit */
    JOB_AUTO  /* what the autopilot wanted */
};

enum { JOB_PARTS = 16 };

struct run_job {
    enum run_job_kind kind;
    struct drill_outgoing part[JOB_PARTS];
    size_t parts, filled;              /* parts whose bytes are all in the buffer */
    size_t told;                       /* parts that the observer was told */
    uint64_t part_end[JOB_PARTS];      /* where each ends, counted from the job's first byte */
    uint64_t gone;                     /* bytes of the job that the transport took */
    const struct drill_travel *travel; /* of the last part; NULL: at once */
    size_t split_at;                   /* pieces of split= done */
    uint64_t piece_left;               /* bytes of the current piece; 0: to be worked out */
    uint64_t not_before;
    bool used_plan;
    bool hold; /* join: stays in the buffer until more bytes come */
};

enum run_conn { CONN_NONE, CONN_OPENING, CONN_UP, CONN_HALF };

/* Where a line of ours stands in the MTA autopilot's plan. */
enum run_due { DUE_UNKNOWN, DUE_MATCH, DUE_REPLACE, DUE_ADD, DUE_QUIET };

enum { RUN_RING = DRILL_REPORT_BEFORE, RUN_RING_BYTES = 200, RUN_INBOX = 128 * 1024 };

struct run_past {
    enum drill_seen_kind kind;
    enum drill_dir dir;
    uint8_t code;
    uint64_t size;
    uint32_t kept;
    enum drill_end how;
    uint8_t bytes[RUN_RING_BYTES];
};

/* The numbers of the report. */
struct run_tally {
    enum drill_end end;
    int end_error;
    uint64_t end_in_flight;
    uint64_t frames_sent, frames_got, bytes_sent, bytes_got;
    uint32_t connections;
};

struct drill_run {
    /* What lives as long as the runner. */
    struct drill_run_config config;
    const struct drill_alloc *alloc;
    struct drill_alloc guard; /* `alloc`, and notes in `refused` when it refuses */
    bool model;               /* config.file was NULL */
    enum drill_dir our_dir, their_dir;

    struct drill_arena fixed; /* units */
    struct drill_arena binds_arena;
    struct drill_arena line; /* composing one job */
    struct drill_arena results;
    struct run_unit *units;
    size_t unit_count;
    bool dots_at_end;
    bool implied_open; /* the first connection is not written */
    struct drill_assembler in;
    struct drill_buf inbox;
    struct drill_buf out;
    struct drill_report *report; /* NULL: lean, and nothing to say yet */
    uint32_t meets;              /* `meet`s among the units */

    /* What one play needs: from here to the end of the struct. */
    size_t at; /* the unit that is played */
    bool refused;
    struct drill_mta mta;
    struct drill_milter milter;
    struct drill_binds binds;
    size_t macros_matched;
    size_t binds_mark;
    enum run_due due;
    uint64_t due_key;
    size_t
        below; /* the unit below `at` that is not bytes of ours; up to `at`: not looked for yet */
    bool held_up; /* another milter's conversation goes first */
    bool quit;    /* one side or the other has said so on this connection */

    enum run_conn conn;
    bool linked; /* the transport has a connection of ours */
    bool ever_linked;
    bool have_oneshot;
    enum drill_wish_kind oneshot;
    bool pending_open;
    bool pending_end;
    struct run_came end;
    bool open_asked; /* the current line asked for the connection */
    bool stalled;    /* a stall line of ours stands: nothing is read */
    bool listening;  /* the MTA's autopilot waits for a reply */

    size_t inbox_at;
    bool head_seen; /* the current frame's head was shown to the profile */

    size_t out_at;
    uint64_t held; /* bytes in `out` of joined lines that are done */
    bool flushing; /* they go out now, without a line behind them */
    bool apart;    /* macro frame and command in two writes */
    struct run_job job;

    uint64_t now;
    uint64_t since;      /* when the previous line was done */
    uint64_t got_before; /* bytes that had come by then */
    uint64_t progress;   /* when bytes last came or went: programs' limits start anew there */
    uint64_t settled; /* when a whole frame or more last came or went: our patience starts there */
    uint64_t until;
    bool ticking; /* time has been seen at all */

    struct run_past ring[RUN_RING];
    size_t ring_at;
    struct run_tally tally;
    bool met;       /* a member of config.meet */
    bool arrived;   /* waits at a `meet` ... */
    uint64_t round; /* ... of this round */
    uint32_t meets_left;
    enum drill_result result;
};

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
/* The line is done; its own reaction stays only where `...` follows. */
void run_matched(struct drill_run *run, struct run_unit *unit, const struct run_came *came);

/* run_auto.c */
bool run_auto(struct drill_run *run, struct run_unit *unit); /* unit NULL: to the end */
void run_auto_feed(struct drill_run *run, const struct run_came *came);
bool run_strict_end(struct drill_run *run);
/* Our MTA ends the connection as its profile does: QUIT where that comes next, then the close. */
bool run_leave(struct drill_run *run);

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
