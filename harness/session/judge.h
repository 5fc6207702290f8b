/* SPDX-License-Identifier: MIT */
/*
 * The judge: watches any milter conversation, frame by frame, and says which rule was broken, by
 * whom. It takes no side, does no I/O, allocates nothing and cannot fail. The rules: rule.def.
 *
 *     struct drill_judge j;
 *     drill_judge_init(&j, found, ctx);
 *     drill_judge_open(&j);                          a connection stands
 *     drill_judge_frame(&j, &message, size, length); each frame, of either direction, as it is seen
 *     drill_judge_ended(&j, DRILL_SIDE_MILTER, DRILL_END_RST);
 *     drill_judge_open(&j); ...                      the next connection of the same conversation
 *     drill_judge_finish(&j);
 *
 * Replies are matched to commands in order, NR_* and NO* bits, versions 2 to 6 and pipelined
 * commands included. What a program may leave unanswered (a command that comes out of order, a
 * broken frame) may be answered or not: nobody is accused of either. After an unframed byte, an
 * unknown reply or a failed negotiation only the payloads of that connection are judged.
 *
 * A finding is reported at the frame that breaks the rule; a rule about something that is missing,
 * at the frame that shows it, or at the end. The rule of a thing that goes on (headers sent after
 * `accept`) is reported once a message; others each time, numbered by `nth`.
 */
#ifndef DRILL_SESSION_JUDGE_H
#define DRILL_SESSION_JUDGE_H

#include "session/mta.h"
#include "session/profile.h"
#include "session/state.h"
#include "wire/message.h"

enum drill_severity {
    DRILL_VIOLATION, /* a peer that keeps to the protocol may break over it */
    DRILL_QUIRK,     /* peers bear it, each in its own way */
    DRILL_NOTE       /* legal, and good to know */
};

enum drill_rule_id {
#define DRILL_RULE(ID, NAME, SEVERITY, TITLE, WHY, SOURCE) DRILL_RULE_##NAME,
#include "session/rule.def"
    DRILL_RULES
};

/* One row of rule.def. All texts are constant. */
struct drill_rule {
    const char *id;     /* "M4" */
    enum drill_side by; /* whose rule it is */
    enum drill_severity severity;
    const char *title;  /* what is right: "after accept no further command of this message" */
    const char *why;    /* what comes of it: "libmilter drops it without a reply" */
    const char *source; /* "mfapi.h, SMFIS_ACCEPT" */
};

/* `rule` must be below DRILL_RULES. */
const struct drill_rule *drill_rule_of(enum drill_rule_id rule);
/* By "M4" or "m4"; false when there is none. */
bool drill_rule_find(struct drill_span id, enum drill_rule_id *rule);
/* "violation", "quirk", "note" */
const char *drill_severity_text(enum drill_severity severity);

enum { DRILL_FINDING_DETAIL = 96 };

/* Plain data: copy it to keep it. */
struct drill_finding {
    enum drill_rule_id rule;
    enum drill_side by; /* who broke it */
    enum drill_severity severity;
    uint32_t connection;               /* from 1 */
    uint32_t frame;                    /* from 1, both directions, through the whole conversation:
                                          the last one that was seen */
    uint32_t nth;                      /* how often this rule was broken so far: 1 the first time */
    char detail[DRILL_FINDING_DETAIL]; /* "`rcpt` while `mail` is unanswered"; "" nothing to add.
                                          Printable ASCII */
};

enum {
    DRILL_JUDGE_OWED = 64,  /* commands whose replies are owed that it tells apart; of more, it
                               takes the last for each of them */
    DRILL_JUDGE_FIRST = 80, /* bytes of a message's first header that are looked for in its body */
    DRILL_JUDGE_NAMES = 24, /* names of a macro list; a longer one is not held against the MTA */
    DRILL_JUDGE_STAGES = 7
};

/* A command that is owed a reply. */
struct drill_judge_owed {
    uint8_t code;
    uint32_t serial; /* the message, or session, that it belongs to */
};

/* A macro list that the milter asked for; names as hashes. */
struct drill_judge_list {
    bool asked;
    uint8_t count; /* DRILL_JUDGE_NAMES + 1: too many to know */
    uint32_t name[DRILL_JUDGE_NAMES];
};

/* What is known of one connection. Private. */
struct drill_judge_link {
    bool open;
    bool offered;    /* optneg came */
    bool blind;      /* the conversation cannot be followed any more: payloads only */
    bool quit;       /* quit came, or the MTA ended the connection */
    bool ended;      /* the milter ended it */
    uint8_t garbled; /* sides that sent what is no frame, as bits */
    bool replied;    /* a reply came behind the last command */
    bool refusable;  /* a command since then may be answered by closing, or not at all */
    bool doubt;      /* an illegal command came: libmilter may be elsewhere than the MTA thinks */
    struct drill_agreed offer;
    struct drill_agreed agreed; /* version 0: not yet */
    struct drill_judge_list list[DRILL_JUDGE_STAGES];

    enum drill_state state;
    bool connected;  /* connect came in this session */
    bool in_message; /* from mail to bodyeob */
    uint32_t serial;
    uint8_t over;    /* a reply that ended the message or session: its code; 0 none */
    uint8_t over_at; /* to this command */
    bool over_session;
    bool over_told;

    /* of the current message */
    bool seen_data, seen_eoh, seen_body, left_out_told, space_told;
    bool skipped_headers, skipped_body;
    uint32_t headers, spaced;         /* header values: with bytes, and with a leading blank */
    uint8_t first[DRILL_JUDGE_FIRST]; /* of the first header: name, NUL, value */
    uint8_t first_len;

    uint32_t macros; /* letters of macro frames since the last command, as bits */
    bool rejected;   /* such a frame is about a refused recipient */

    struct drill_judge_owed owed[DRILL_JUDGE_OWED]; /* ring, oldest first */
    uint32_t owed_at, owed_count;
    uint32_t spare;     /* replies that may come or not */
    uint8_t spare_code; /* the last command that may get one */
    uint8_t promised;   /* the last command that was promised no reply; 0 none, or long ago */
    uint8_t promised_age;

    /* since bodyeob */
    uint32_t modified;
    bool body_open, body_closed, quarantined;
};

struct drill_judge {
    void (*found)(void *ctx, const struct drill_finding *finding);
    void *ctx;
    uint32_t connection;
    uint32_t frame;
    uint32_t count[DRILL_RULES]; /* how often each rule was broken */
    struct drill_judge_link link;
};

/* `found` may be NULL: only `count` is kept then. It must not call the judge. */
void drill_judge_init(struct drill_judge *j,
                      void (*found)(void *ctx, const struct drill_finding *finding), void *ctx);
/* A connection stands. Implied by the first frame of a conversation. */
void drill_judge_open(struct drill_judge *j);
/* A frame of either direction (m->dir), decoded; views need to be valid during the call only.
 * `size`: data bytes that came; m->payload may be the first part of them. `length`: the length
 * word; size + 1, unless the frame is torn or its length lies. */
void drill_judge_frame(struct drill_judge *j, const struct drill_message *m, uint32_t size,
                       uint32_t length);
/* Bytes of that side which are no frame. */
void drill_judge_garbled(struct drill_judge *j, enum drill_side who, uint32_t length);
/* That side ended the connection. DRILL_END_NONE: it gave up waiting, by its time limit. Only the
 * first end of a connection counts. */
void drill_judge_ended(struct drill_judge *j, enum drill_side who, enum drill_end how);
/* The conversation is over: what is still owed now stays owed. */
void drill_judge_finish(struct drill_judge *j);

/* "M4, by the MTA: after accept no further command of this message; libmilter drops it without a
 * reply", and the detail, if any, in brackets. */
void drill_judge_text(struct drill_writer *w, const struct drill_finding *finding);

#endif
