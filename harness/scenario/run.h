/* SPDX-License-Identifier: MIT */
/*
 * The runner: plays one side of a scenario, sans I/O. Events in, wishes out.
 *
 *     drill_run_init(&run, &config, alloc);
 *     for (;;) {
 *         drill_run_wish(&run, now, &wish);      what it wants of its connection now
 *         ... do what is possible of it ...
 *         drill_run_event(&run, &event);         what happened
 *     }
 *     drill_run_report(&run)
 *
 * It has at most one connection at a time. It owns all its memory and is bounded whatever the peer
 * declares or sends: frames over DRILL_RUN_HOLD are counted and never held.
 *
 * A model (the side under test in a simulation) is a runner too: its scenario is `...` alone.
 */
#ifndef DRILL_SCENARIO_RUN_H
#define DRILL_SCENARIO_RUN_H

#include "base/arena.h"
#include "base/error.h"
#include "scenario/compose.h"
#include "session/milter.h"
#include "session/several.h"
#include "wire/frame.h"

enum { DRILL_RUN_HOLD = 1 << 20 }; /* most payload bytes that are looked at as a whole */

#define DRILL_NEVER UINT64_MAX

/* ---- what happens to it ---- */

enum drill_event_kind {
    DRILL_EVENT_OPENED, /* the connection that was wished for stands */
    DRILL_EVENT_BYTES,  /* these bytes were read; it takes all of them */
    DRILL_EVENT_WROTE,  /* so many bytes of wish.send are gone */
    DRILL_EVENT_END,    /* the peer ended it, or it never came to be */
    DRILL_EVENT_TICK    /* wish.until has come, nothing else happened */
};

struct drill_event {
    enum drill_event_kind kind;
    uint64_t now; /* microseconds of a monotonic clock, virtual or not */
    struct drill_span bytes;
    size_t wrote;
    enum drill_end how;
    int error;          /* errno, 0 for FIN */
    bool by_write;      /* the end showed in a write, not in a read */
    uint64_t in_flight; /* bytes of ours that the peer's kernel had not acknowledged */
};

/* ---- what it wants ---- */

enum drill_wish_kind {
    DRILL_WISH_IO,         /* read and write on the connection, or wait */
    DRILL_WISH_OPEN,       /* connect, or (as milter) take the next connection that comes */
    DRILL_WISH_REFUSE,     /* as milter: let the next connection be refused */
    DRILL_WISH_HALF_CLOSE, /* send FIN, go on reading */
    DRILL_WISH_DRAIN,      /* read and drop what is there now, then close */
    DRILL_WISH_CLOSE,      /* close as it stands: unread input makes it an RST */
    DRILL_WISH_RESET,      /* RST */
    DRILL_WISH_DONE        /* it has ended; report is complete. The connection, if any, is closed */
};

/* Of the kinds other than IO and DONE each is done once, at once, and then asked again; OPEN is
 * answered by an OPENED or END event later (until then wishes are IO with nothing to send). */
struct drill_wish {
    enum drill_wish_kind kind;
    struct drill_span
        send;       /* IO: in one write if the system takes it; valid until the next event */
    size_t want;    /* IO: read at most so many bytes at once; 0: do not read */
    uint64_t until; /* IO, OPEN: when to give a TICK; DRILL_NEVER */
    bool nagle;     /* OPEN: leave Nagle's algorithm on (a profile's own pace) */
};

/* ---- what it tells while it goes ---- */

enum drill_seen_kind {
    DRILL_SEEN_OPEN,  /* a connection stands */
    DRILL_SEEN_FRAME, /* one frame, complete, or `cut` after `sent` bytes */
    DRILL_SEEN_RAW,   /* bytes without a frame, or a torn frame of theirs */
    DRILL_SEEN_END,   /* an ending: ours or theirs */
    DRILL_SEEN_QUIET  /* time passed without a byte: a timeout of the profile, or `silence` */
};

struct drill_seen {
    enum drill_seen_kind kind;
    enum drill_dir dir; /* who did it: TO_MILTER is the MTA */
    bool ours;
    uint64_t now;
    uint8_t milter; /* of several: which, from 1; 0: there is one */
    uint8_t code;
    uint32_t length;           /* FRAME: the length word */
    uint64_t size;             /* payload bytes (RAW: bytes) */
    struct drill_span payload; /* all, or the first ones of a large one; valid during the call */
    bool whole;                /* payload is all of it */
    uint64_t sent, total; /* ours: bytes that went out, and that were to go (header included) */
    enum drill_end how;   /* END: DRILL_END_RST, FIN ... */
    int error;
    uint64_t in_flight;
    const char *note; /* END, QUIET: "half-close", "timed out after 60 s"; or NULL */
};

struct drill_observer {
    void (*seen)(void *ctx, const struct drill_seen *seen);
    void *ctx;
};

/* ---- configuration and report ---- */

/* Where the copies of a `concurrently` block wait for each other: zeroed, then shared by their
 * configs. A runner joins when it is made (and by drill_run_again), and leaves when it is over or
 * past its last `meet`. */
struct drill_meet {
    uint32_t members;        /* copies that have a `meet` to come, or wait at one */
    uint32_t arrived;        /* of them: those that wait */
    uint64_t round;          /* how often all have met */
    void (*wake)(void *ctx); /* all have met: every runner is to be asked again. Must not ask them
                                itself. NULL: nobody needs it */
    void *ctx;
};

/* Where patience has no end (a simulation): how long nothing may have passed before a side ends its
 * connection, for that to meet a line without `within`. */
#define DRILL_RUN_ENDING (UINT64_C(10) * 1000 * 1000)

struct drill_run_config {
    const struct drill_file *file;  /* NULL: `...` alone, a model */
    const struct drill_block *body; /* of `file`: what is played; NULL: file->body */
    struct drill_meet *meet;        /* NULL: nobody is waited for */
    struct drill_several *several;  /* MTA: this is one of several milters; NULL: the only one */
    uint8_t number;                 /* of several: which, from 0 */
    enum drill_side ours;           /* which side this runner plays */
    const struct drill_profile *profile; /* of our side */
    const struct drill_settings *settings;
    const struct drill_client *traffic;
    uint64_t patience; /* microseconds for a line without `within`; DRILL_NEVER when simulated */
    bool simulated;    /* the peer is a model: nothing is over before drill_run_stuck says so */
    bool tolerant;     /* a recording: compared by tolerate.h, bodies whatever their chunks */
    bool whole;        /* neither `split=` nor `join`: each line leaves in one write */
    bool hasty;        /* `after=` is not used: a line leaves when its turn comes */
    bool lean;         /* one of very many: texts of the report take memory only when they say
                          something (see drill_run_result, drill_run_count) */
    bool attentive;    /* MTA: half-close in place of quit, and read to the end:
                          a reply too many is the last thing that a milter says */
    struct drill_observer observer; /* seen may be NULL */
};

enum drill_result {
    DRILL_RESULT_RUNNING,
    DRILL_RESULT_PASS,
    DRILL_RESULT_FAIL,
    DRILL_RESULT_SKIP,
    DRILL_RESULT_UNREACHABLE, /* the peer was never there: exit 99 */
    DRILL_RESULT_ERROR        /* ours: no memory */
};

enum { DRILL_REPORT_LINE = 600, DRILL_REPORT_BEFORE = 4 };

/* Texts are lines of notation, without newline; "" where there is nothing to say. */
struct drill_report {
    enum drill_result result;
    struct drill_pos pos;                                /* the line that failed */
    char what[DRILL_REPORT_LINE];                        /* one sentence */
    char expected[DRILL_REPORT_LINE];                    /* "< reset" */
    char actual[DRILL_REPORT_LINE];                      /* "< continue" */
    char why[DRILL_WHY_MAX];                             /* the field that differs */
    char judge[DRILL_REPORT_LINE];                       /* the rule that was broken last */
    char before[DRILL_REPORT_BEFORE][DRILL_REPORT_LINE]; /* the frames before, oldest first */
    size_t befores;
    enum drill_end end; /* how the peer ended the last connection */
    int end_error;
    uint64_t end_in_flight;
    uint64_t frames_sent, frames_got, bytes_sent, bytes_got;
    uint32_t connections;
};

struct drill_run; /* private: run_state.h */

/* NULL when memory is refused. What the config points to must outlive the runner. */
struct drill_run *drill_run_new(const struct drill_run_config *config,
                                const struct drill_alloc *alloc);
void drill_run_free(struct drill_run *run);
/* Back to the start for another play of the same config (`--repeat`): allocates nothing. */
void drill_run_again(struct drill_run *run);

void drill_run_wish(struct drill_run *run, uint64_t now, struct drill_wish *wish);
void drill_run_event(struct drill_run *run, const struct drill_event *event);
/* Nobody will ever act again (simulation: both sides wait for ever). Ends the run. */
void drill_run_stuck(struct drill_run *run, uint64_t now);
/* The user interrupted. */
void drill_run_stop(struct drill_run *run, const char *why);

/* Of a lean run only when it has not passed. */
const struct drill_report *drill_run_report(const struct drill_run *run);
enum drill_result drill_run_result(const struct drill_run *run);
/* Adds what was sent and received to the numbers of `sum`. */
void drill_run_count(const struct drill_run *run, struct drill_report *sum);
/* The autopilot of our side: the MTA's (its conclusions) or NULL. */
const struct drill_mta *drill_run_mta(const struct drill_run *run);
const struct drill_milter *drill_run_milter(const struct drill_run *run);
/* Whether a connection of this runner stands. */
bool drill_run_linked(const struct drill_run *run);
/* What else is known about a failure, where the runner itself says nothing more. */
void drill_run_because(struct drill_run *run, const char *why);
/* Something outside of the lines was wrong: the run fails with this sentence and these bytes. */
void drill_run_refute(struct drill_run *run, struct drill_pos pos, const char *what,
                      const char *why, struct drill_span actual);
/* It turned out that the file cannot be played with this peer. */
void drill_run_skip(struct drill_run *run, const char *why);
/* What the judge says of it: one line for the report. */
void drill_run_judged(struct drill_run *run, struct drill_span text);

/* What the SMTP clients were told: by an MTA's autopilot (modelled), or by a real server. */
struct drill_concluded {
    const struct drill_client *traffic;
    const struct drill_told *told;
    const struct drill_told *(*outcome)(const void *ctx, uint32_t message);
    const void *ctx;
    bool modelled;
};
/* Compares the file's `verdict` lines with it. Adds a failure to the report; true when all hold. */
bool drill_run_check_told(struct drill_run *run, const struct drill_concluded *concluded);
/* Compares the file's checks with what `mta` (a model's autopilot, or our own) concluded. Adds a
 * failure to the report; true when all hold. */
bool drill_run_check_verdicts(struct drill_run *run, const struct drill_mta *mta);

#endif
