/* SPDX-License-Identifier: MIT */
/*
 * The MTA's autopilot, which is also the model of that MTA: sans I/O, driven by a profile.
 *
 * It has a cursor over a plan: all that it would do for the traffic if every reply were `continue`.
 * The owner asks what comes next (peek), does it and says so (did), or sends something else and
 * says so (sent), and reports what came back (got, ended, timed_out). It treats each reply as its
 * program does, known faults included, and waits only for replies that are owed.
 *
 *     drill_mta_peek(&mta, &step);
 *     switch (step.kind) {
 *     case DRILL_MTA_OPEN:  connect; then drill_mta_did
 *     case DRILL_MTA_SEND:  macro frame (if any) and command; then drill_mta_did
 *     case DRILL_MTA_WAIT:  wait for a reply, at most drill_mta_patience; then got/ended/timed_out
 *     case DRILL_MTA_CLOSE: close the connection; then drill_mta_did
 *     case DRILL_MTA_DONE:  all sessions are over
 *     }
 *
 * A step's message views are valid until the next call that changes the autopilot.
 */
#ifndef DRILL_SESSION_MTA_H
#define DRILL_SESSION_MTA_H

#include "base/arena.h"
#include "session/profile.h"
#include "session/traffic.h"

/* How a connection came to its end, as one side sees it. */
enum drill_end {
    DRILL_END_NONE,
    DRILL_END_FIN,     /* read gave 0 */
    DRILL_END_RST,     /* ECONNRESET */
    DRILL_END_EPIPE,   /* a write after a FIN */
    DRILL_END_REFUSED, /* connect: ECONNREFUSED */
    DRILL_END_ERROR    /* any other errno */
};

enum drill_mta_kind {
    DRILL_MTA_OPEN,
    DRILL_MTA_SEND,
    DRILL_MTA_WAIT,
    DRILL_MTA_CLOSE,
    DRILL_MTA_DONE
};

struct drill_mta_step {
    enum drill_mta_kind kind;
    bool has_macro;
    struct drill_message macro;   /* SEND: goes before the command */
    struct drill_message command; /* SEND */
    uint8_t awaited;              /* WAIT: the command whose reply is owed */
};

/* A position in the plan. Plain data: copy it to look ahead. */
struct drill_mta_cursor {
    const struct drill_client *client;
    const struct drill_envelope *message;
    uint32_t client_number;  /* from 1 */
    uint32_t message_number; /* from 1, through the whole traffic; 0: before the first */
    uint32_t run;            /* Stalwart: the current DRILL_RUN_* stage (one connection each) */
    uint32_t run_rcpts;      /* Stalwart, RCPT stage: recipients of this run */
    uint32_t flags;          /* profile's own: what it knows from here on (the queue id ...) */
    uint8_t at;              /* profile's own: what comes next */
    uint32_t steps;          /* SMFIP_* that this connection goes by: 0 before it negotiated */
    uint32_t rcpt;           /* recipients sent */
    const struct drill_mail_header *header;
    uint64_t body;                        /* bytes sent */
    const struct drill_smtp_extra *extra; /* what the client does before that; NULL: nothing */
    const struct drill_smtp_extra *helo;  /* Stalwart: the client's last HELO; NULL: its own */
    uint32_t extra_number;                /* how many of its place were done */
    uint8_t extra_frame;                  /* frames sent for it */
};

/* What an SMTP client is told at one point. */
struct drill_told {
    uint32_t message; /* 0: before any message */
    uint8_t stage;    /* DRILL_SMFIC_*: CONNECT HELO MAIL RCPT DATA; BODYEOB: end of the message;
                         ABORT: a written line ended the message, nobody answered for it */
    uint32_t rcpt;    /* RCPT: which, from 1 */
    bool final;       /* this is the outcome of the message */
    uint16_t code;    /* 250, 451 ...; 0: no reply at all, or (with a line) a line without a code */
    struct drill_span line; /* "451 4.3.5 Unable to accept message at this time." */
    struct drill_told *next;
};

/* A modification that the MTA took, in order; and each DISCARD. Copied to the arena: of all for one
 * message at most DRILL_MTA_MODS_MESSAGE bytes. */
struct drill_mod {
    uint32_t message;
    uint8_t code;
    uint8_t command; /* to which it was the reply */
    uint8_t milter;  /* of several: which, from 0 */
    bool failed;     /* that milter failed afterwards (session/apply.h says what it means) */
    bool cut;        /* not the whole payload is here, or more of them were not kept */
    uint32_t size;   /* of the whole payload */
    struct drill_span payload;
    struct drill_mod *next;
};

enum {
    DRILL_MTA_MODS_MESSAGE = 16 << 20,
    DRILL_MTA_MODS_ALL = 40 << 20,
    DRILL_MTA_MODS_COUNT = 16384 /* for one message */
};

/* A reply that came when none was owed: the program reads it as the answer to its next command. */
struct drill_early; /* private: mta_ops.h */

enum { DRILL_MTA_OWED = 64, DRILL_MTA_LISTS = 7 };

/* Private: what a family with one connection a session remembers of it (mta_session.h). */
struct drill_mta_own {
    struct drill_mta_cursor smtp; /* how far the client has been answered */
    struct drill_span reply;      /* what answers all further commands; no ptr: nothing does */
    struct drill_span list[DRILL_MTA_LISTS]; /* macro names that the milter asked for, by stage */
    uint32_t hidden;                         /* SMFIP_NO*: too young for the version agreed on */
    uint32_t flags;                          /* family's own */
    uint32_t message;                        /* family's own: the number of one */
    uint8_t lists;                           /* bits of the lists that were asked for */
    uint8_t state;                           /* family's own */
};

struct drill_several; /* several.h */

struct drill_mta {
    const struct drill_profile *profile;
    const struct drill_settings *settings;
    const struct drill_client *traffic;
    struct drill_arena *arena;
    struct drill_several *several; /* NULL: there is one milter */
    uint8_t number;                /* of them: which, from 0 */
    bool quiet;                    /* private: what it tells is another's answer */
    bool halting;                  /* private: what it tells is for all */
    uint32_t edited;               /* private: the message whose content was looked at last */
    struct drill_mta_cursor cursor;
    struct drill_mta_cursor before;   /* private: the cursor at the command that was sent last */
    struct drill_mta_cursor awaiting; /* private: ... at the oldest one that a reply is owed to */
    struct drill_agreed agreed;
    bool open;   /* a connection stands, as far as it knows */
    bool failed; /* this run met an error: see `fault` */
    bool negotiated;
    uint8_t awaited;                 /* command whose reply is owed; 0 none */
    uint32_t owed;                   /* replies owed in all (written lines may pipeline) */
    uint8_t owed_to[DRILL_MTA_OWED]; /* ring of the commands, oldest first; of more, the last */
    uint32_t owed_at;
    uint8_t owed_last; /* private: the command owed to behind the ring's end */
    bool reading;      /* private: the head of a reply was read, its payload was not */
    uint8_t reading_code;
    struct drill_early *early, **early_end;
    uint32_t earlies;
    uint8_t *scratch;      /* private: see mta_ops.h */
    size_t scratch_macros; /* private: bytes of one scratch for macro pairs, and for a string */
    size_t scratch_string;
    uint8_t *refused;     /* private: bits of the recipients that the program does not have */
    uint32_t rcpts_taken; /* recipients that the program has */
    uint32_t rcpts_told;  /* recipients that the client was told 2xx for */
    uint8_t skip;         /* profile's own: events that SKIP switched off */
    bool stopped;         /* a verdict or a fault ended this run: only its end is left */
    bool concluded;       /* the client was told what this run brought */
    struct drill_mta_own own;
    struct drill_told *told, **told_end, *told_last;
    struct drill_mod *mods, **mods_end, *mods_last;
    uint32_t mods_message; /* private: what is kept for this message, and in all */
    uint32_t mods_count;
    size_t mods_kept, mods_all;
    char log[512];  /* the line that the program would have logged for the last fault; "" none */
    bool no_memory; /* the arena refused: results are not complete */
};

/* `traffic`: the first client; must outlive the autopilot. `arena` takes results and, once, room
 * for the longest macro frame: nothing is allocated per frame. The struct must not be moved. */
void drill_mta_init(struct drill_mta *mta, const struct drill_profile *profile,
                    const struct drill_settings *settings, const struct drill_client *traffic,
                    struct drill_arena *arena);

void drill_mta_peek(struct drill_mta *mta, struct drill_mta_step *step);
/* The step that peek gives was done as it is. */
void drill_mta_did(struct drill_mta *mta);
/* A written line was sent instead: the cursor moves behind the next planned command of that code in
 * this message (`used_plan`: the line took its place), or stays (an extra header, an unknown code).
 * After ABORT the next message comes; after QUIT_NC, CONNECT of the next session; a reply is owed
 * as agreed. */
void drill_mta_sent(struct drill_mta *mta, uint8_t code, bool used_plan);
/* The head of a reply frame was read: false when the program gives up on it (over maxResponseSize).
 */
bool drill_mta_head(struct drill_mta *mta, uint8_t code, uint32_t length);
/* A whole reply. `size` is its true payload size (the view may be cut for huge ones). */
void drill_mta_got(struct drill_mta *mta, const struct drill_message *reply, uint32_t size);
/* The stream is no longer framed (length 0 ...): `text` says how. */
void drill_mta_garbled(struct drill_mta *mta, const char *text, uint32_t length);
/* The connection was ended by the peer, or never came to be. `error`: errno, 0 for FIN. Not to be
 * called for a connection that we closed. */
void drill_mta_ended(struct drill_mta *mta, enum drill_end how, int error);
/* We (a written line) ended the connection. */
void drill_mta_hung_up(struct drill_mta *mta);
/* Nothing came (or could be written) for patience. */
void drill_mta_timed_out(struct drill_mta *mta);
/* A written `open`: a connection stands again; begins the next session of the traffic, or the last
 * one again, unless the plan has an open here. */
void drill_mta_opened(struct drill_mta *mta);
/* How long the program waits: for a connection (DRILL_MTA_OPEN), for one write (SEND), for bytes of
 * a reply to `awaited` (WAIT); microseconds; restarted by every read. UINT64_MAX: for ever. */
uint64_t drill_mta_patience(const struct drill_mta *mta, enum drill_mta_kind kind);

/* Looks ahead: what would be sent from `cursor` on, if every reply were `continue`; moves it. False
 * at the end of the traffic. Start with a copy of mta->cursor. */
bool drill_mta_plan(struct drill_mta *mta, struct drill_mta_cursor *cursor,
                    struct drill_mta_step *step);
/* The profile's message of that code at the cursor, for the unnamed fields of a written line: the
 * next planned one, else a default ("XDRILL" for unknown). False: the code has no fields of its own
 * or is unknown. */
bool drill_mta_default(struct drill_mta *mta, uint8_t code, struct drill_message *out);
/* The macro frame that the profile sends before that command. False: none. What these two give is
 * valid until the next call of the same one; peek and plan have room of their own. */
bool drill_mta_macros(struct drill_mta *mta, uint8_t code, struct drill_message *out);

/* The final answer for message `number`: the told line at BODYEOB, or the refusal that came
 * earlier (MAIL, DATA, all recipients, the whole session), or stage ABORT when a written line ended
 * it. Of a message that was played twice, the last. NULL: no outcome yet. */
const struct drill_told *drill_mta_outcome(const struct drill_mta *mta, uint32_t number);

#endif
