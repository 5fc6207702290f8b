/* SPDX-License-Identifier: MIT */
/*
 * The runner's insides, shared by run*.c and nobody else.
 *
 * What the parts offer each other: run_parts.h.
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
    const struct drill_travel *above[JOB_PARTS]; /* of the macro lines before it; NULL: the same */
    size_t split_part, split_at;                 /* pieces of split= done, of which part */
    uint64_t piece_left; /* bytes of the current piece; 0: to be worked out */
    uint64_t not_before;
    bool used_plan;
    bool apart; /* macro frame and command in two writes */
    bool hold;  /* join: stays in the buffer until more bytes come */
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
    union { /* by config.ours: of ten thousand runners each byte counts */
        struct drill_mta mta;
        struct drill_milter milter;
    };
    struct drill_binds binds;
    size_t macros_matched;
    struct drill_mismatch
        macro_why;      /* why the first macro frame that came is not the awaited one */
    uint64_t body_done; /* tolerant: bytes of the body line `at` that have come */
    bool auto_reply;    /* tolerant: a command came that no line answers */
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
    bool apart;    /* the profile writes macro frame and command in two writes */
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

#endif
