/* SPDX-License-Identifier: MIT */
/*
 * What the frames of a recorded conversation imply beyond themselves: who the client was, which
 * messages it sent, what became of them, what it said out of turn, which program the MTA is. From
 * this come the first lines and the last ones of a recording, so that it can be played as a milter,
 * too (LANGUAGE.md, 7).
 *
 * Fed with each whole frame, in order; takes memory for the texts only, and never more than
 * DRILL_IMPLIED_LIMIT for a connection: further messages are counted.
 */
#ifndef DRILL_SCENARIO_IMPLIED_H
#define DRILL_SCENARIO_IMPLIED_H

#include "base/arena.h"
#include "scenario/ast.h"
#include "session/profile.h"
#include "session/state.h"
#include "wire/message.h"

enum { DRILL_IMPLIED_LIMIT = 256 * 1024, DRILL_IMPLIED_PROGRAM = 64 };

struct drill_implied {
    struct drill_buf setup;   /* client and message lines */
    struct drill_buf message; /* the line of the one that is open, without its end */
    struct drill_buf client;  /* the line of the session, as long as it is not in `setup` */
    struct drill_buf extra;   /* `smtp` lines, to stand below the client or message that is open */
    struct drill_buf verdicts;
    const struct drill_profile *mta;     /* guessed, or NULL */
    const struct drill_profile *milter;  /* the same */
    uint32_t offered_actions;            /* by the MTA */
    char program[DRILL_IMPLIED_PROGRAM]; /* "Postfix 3.7.11", or "" */
    uint32_t messages;                   /* that have a line */
    uint32_t unlisted;                   /* that have none: no memory, or over the limit */
    uint32_t accepted, refused;          /* outcomes that the frames say */
    enum drill_outcome session;          /* of a reply to connect or helo */
    uint8_t command;                     /* the last but macros */
    uint8_t stage;                       /* the last that an SMTP client's command stands behind */
    uint8_t given_up; /* the stage at which a message was aborted that had no outcome yet; what
                         comes next tells whether by RSET or by the client's end */
    bool sessions;    /* a client line is in `setup` */
    bool tls;         /* and it, or the one to come, says so */
    bool nameless;    /* the client to come: the MTA found no name for its address */
    bool quit;        /* the MTA said so, and nothing behind it */
    bool open;        /* a message is */
    bool taken;       /* its sender was, and of its recipients one at least */
    bool any_rcpt;    /* private */
    bool owed;        /* a reply to `command` */
    bool failure;     /* a reply was a refusal or a failure, at any stage */
    enum drill_outcome outcome; /* of the open message, so far */
    bool verdict_taken;         /* it is that of a milter that lets it pass */
    uint32_t code;              /* of its reply; 0: none */
    struct drill_agreed agreed;
};

void drill_implied_init(struct drill_implied *i, const struct drill_alloc *alloc);
/* A whole frame. `mail`: the file of the message that is open, "" or NULL: none (yet). */
void drill_implied_frame(struct drill_implied *i, const struct drill_message *m, const char *mail);
/* A frame that was too large to look at. */
void drill_implied_large(struct drill_implied *i, enum drill_dir dir, uint8_t code);
/* Bytes of the milter behind QUIT. */
void drill_implied_late(struct drill_implied *i);
/* The conversation is over: closes what is open. */
void drill_implied_end(struct drill_implied *i, const char *mail);
/* `verdict` lines, all of them, for the end of the file. */
void drill_implied_verdicts(const struct drill_implied *i, struct drill_buf *out);
void drill_implied_fini(struct drill_implied *i);

#endif
