/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: what a family of MTAs supplies to the autopilot (mta.c). A new family
 * is one file with these functions and one row in profile.c's registry.
 *
 * The plan is an enumeration: `next` looks at a cursor, fills a step and moves the cursor behind
 * it. It must not look at what was owed or told; only at settings, traffic, and the cursor's own
 * `steps`. So a copy of the cursor can run ahead.
 */
#ifndef DRILL_SESSION_MTA_OPS_H
#define DRILL_SESSION_MTA_OPS_H

#include "session/mta.h"

/* Where a step's macro pairs and a made-up string (an address in lower case) live. Three of them:
 * for peek, for plan, and for default and macros, so that their views do not disturb each other. */
struct drill_scratch {
    struct drill_writer macros;
    struct drill_writer string;
};

enum drill_mta_fault {
    DRILL_MTA_ENDED, /* `how`, `error` */
    DRILL_MTA_TIMEOUT,
    DRILL_MTA_TOO_LARGE, /* `length` */
    DRILL_MTA_GARBLED,   /* `text`: not a frame */
    DRILL_MTA_INVALID,   /* `reply`: a payload that it cannot read */
    DRILL_MTA_UNEXPECTED /* `reply`: not one that it takes here */
};

struct drill_mta_trouble {
    enum drill_mta_fault fault;
    bool reading; /* ENDED, TIMEOUT: inside the payload of a frame of this code */
    uint8_t reading_code;
    enum drill_end how;
    int error;
    uint32_t length;
    const char *text;
    const struct drill_message *reply;
};

struct drill_early {
    struct drill_message reply; /* payload in the arena */
    uint32_t size;
    struct drill_early *next;
};

struct drill_mta_session_ops; /* mta_session.h */
struct drill_place;           /* several.h */
struct drill_halt;

struct drill_mta_ops {
    /* Bytes that the longest macro frame and the longest made-up string take. */
    void (*measure)(const struct drill_mta *mta, size_t *macros, size_t *string);
    /* Brings the cursor to the first step, telling the client what comes before it. */
    void (*start)(struct drill_mta *mta);
    /* The step at the cursor, which moves behind it; DRILL_MTA_DONE stays. `s` NULL: only kind and
     * command code are wanted. */
    void (*next)(const struct drill_mta *mta, struct drill_mta_cursor *c, struct drill_scratch *s,
                 struct drill_mta_step *step);
    /* The message and the macro frame of that code at the cursor. False: none. */
    bool (*command)(const struct drill_mta *mta, const struct drill_mta_cursor *c, uint8_t code,
                    struct drill_scratch *s, struct drill_message *out);
    bool (*macros)(const struct drill_mta *mta, const struct drill_mta_cursor *c, uint8_t code,
                   struct drill_scratch *s, struct drill_message *out);
    /* Does it wait for a reply to that command, as agreed? */
    bool (*owes)(const struct drill_mta *mta, uint8_t code);
    /* A written line changed the course: ABORT, QUIT, QUIT_NC, BODYEOB. */
    void (*jump)(struct drill_mta *mta, uint8_t code);
    /* A reply to the oldest command owed. True: it was answered by that. */
    bool (*reply)(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                  uint32_t size);
    /* Its limit for a reply's length word. */
    uint32_t (*limit)(const struct drill_mta *mta);
    void (*trouble)(struct drill_mta *mta, const struct drill_mta_trouble *t);
    /* The plan's next step is to be gone over now that nothing is owed: conclude a run that has
     * all it needs. */
    void (*settle)(struct drill_mta *mta);
    /* The connection is gone: the cursor goes to what comes next. `ours`: a written line did it. */
    void (*closed)(struct drill_mta *mta, bool ours);
    /* A written `open` where the plan has none: the next session, or the last one again. */
    void (*reopen)(struct drill_mta *mta);
    uint64_t (*patience)(const struct drill_mta *mta, enum drill_mta_kind kind);
    /* Of several milters: where a cursor stands, and what another's answer means for this one. */
    struct drill_place (*place)(const struct drill_mta *mta, const struct drill_mta_cursor *c);
    void (*halt)(struct drill_mta *mta, const struct drill_halt *halt);
    /* Of a family with one connection a session; NULL for others. */
    const struct drill_mta_session_ops *session;
};

/* For the families: results. `line` must stay valid; "" with code 0: no reply at all. */
void drill_mta_tell(struct drill_mta *mta, uint32_t message, uint8_t stage, uint32_t rcpt,
                    uint16_t code, struct drill_span line, bool final);
void drill_mta_modified(struct drill_mta *mta, const struct drill_message *reply, uint32_t size);
/* The content that comes next is that of this envelope, whose recipients are those of the message
 * at the cursor. */
void drill_mta_content(struct drill_mta *mta, const struct drill_envelope *envelope);
/* The three digits in front of an SMTP reply line, or 0. */
uint16_t drill_mta_line_code(struct drill_span line);
/* Macro frames: begin, add pairs (extra macros of the client replace values), end. */
void drill_mta_macro(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                     const char *name, struct drill_span value);
/* The same for a name that a milter asked for: a pair that does not fit any more is left out. */
void drill_mta_macro_asked(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                           struct drill_span name, struct drill_span value);
/* Adds the client's own macros of that stage that `out` has not; false when there are no pairs. */
bool drill_mta_macros_end(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                          struct drill_message *out);
/* Bytes that the client's own macros can add to any one frame. */
size_t drill_mta_extra_size(const struct drill_client *client);

#endif
