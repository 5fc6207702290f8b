/* SPDX-License-Identifier: MIT */
/*
 * One MTA that talks to several milters: an autopilot (mta.h) for each conversation, and here the
 * order in which they speak, and what an answer of one means for the others.
 *
 *     drill_several_init(&all, &arena);
 *     for each milter, in the MTA's order: drill_several_join(&all, &mta[i], i);
 *     a step of mta[i] is done only while drill_several_turn(&all, i); others wait to be woken
 *     drill_several_face(&all, &face)    what all of it came to, as one autopilot
 *
 * How programs interleave them (by reading; Postfix and Stalwart held to the real programs by
 * pytest):
 *   Stalwart   inbound/milter/message.rs run_milters: one whole connection after the other, at each
 *              stage; all get the message as it came; what they change is applied in the end.
 *   Postfix    milter/milter.c: each command up to DATA goes to all of them in order; then the
 *              content, as the milters before have changed it, to one after the other (milter8.c
 *              reads the queue file, in which cleanup has made the changes).
 *   Sendmail   sendmail/milter.c: the same, but all are negotiated with before CONNECT.
 * In all of them a refusal, a discard and (Postfix, at the end of the body) a hold end the message
 * for the milters behind, and ACCEPT ends it for that milter only.
 *
 * Not modelled: a hold that a milter asks of Postfix before the message's content (P-8) does not
 * hide the commands that follow from the others; headers that Postfix adds by itself (Date,
 * Message-Id, From) come behind those of earlier milters, and not before them; what the first
 * milter agreed on (HDR_LEADSPC, and with Sendmail the actions) counts for the changes of all; an
 * ABORT that Sendmail may owe to the others after a discard at RCPT or DATA.
 */
#ifndef DRILL_SESSION_SEVERAL_H
#define DRILL_SESSION_SEVERAL_H

#include "session/mta.h"

enum { DRILL_SEVERAL_MOST = 16 };

/* A point in the course of things, comparable: client, message, event, recipient. */
struct drill_place {
    uint32_t part[4];
};

/* The third part. Places behind the last message of a session, and behind all, are the largest. */
enum drill_event_rank {
    DRILL_RANK_OPEN,
    DRILL_RANK_CONNECT,
    DRILL_RANK_HELO,
    DRILL_RANK_MAIL,
    DRILL_RANK_RCPT,
    DRILL_RANK_DATA,
    DRILL_RANK_CONTENT,
    DRILL_RANK_END
};

/* An answer of one that ends something for all. */
struct drill_halt {
    struct drill_place place;
    uint8_t by;      /* which milter's */
    bool taken;      /* the message is over, and the client is told that it was taken */
    uint8_t stage;   /* as in drill_told */
    uint32_t number; /* of the message; 0: the session */
    struct drill_span line;
    uint32_t done; /* bits of those that know of it, and of the one whose it is */
    struct drill_halt *next;
};

struct drill_several {
    struct drill_mta *mta[DRILL_SEVERAL_MOST];
    struct drill_place seen[DRILL_SEVERAL_MOST]; /* private: where each was when last asked */
    bool left[DRILL_SEVERAL_MOST];
    size_t count;
    struct drill_arena *arena;
    struct drill_halt *halts, **halts_end;
    struct drill_told *told, **told_end; /* refusals of all but the first */
    void (*wake)(void *ctx); /* somebody moved: all are to be asked again. Must not ask them itself;
                                NULL: nobody needs it */
    void *ctx;
};

/* `arena` outlives it, and every autopilot that joins. */
void drill_several_init(struct drill_several *all, struct drill_arena *arena);
/* After drill_mta_init, and before its first step. A number that has joined before begins anew; so
 * do all when number 0 does. */
void drill_several_join(struct drill_several *all, struct drill_mta *mta, uint8_t number);
/* That conversation is over, however. */
void drill_several_leave(struct drill_several *all, uint8_t number);
/* May it do its next step? Tells it first what has come of the others' answers, so what peek gave
 * before is no longer valid. */
bool drill_several_turn(struct drill_several *all, uint8_t number);
/* Number 0 with the told lines and modifications of all: for drill_mta_outcome, drill_apply_mta and
 * the like. Not to be moved any more. DRILL_ERR_MEMORY. */
enum drill_code drill_several_face(struct drill_several *all, struct drill_mta *face);

/* For the families (mta_ops.h): an answer of `mta` ended something, as drill_halt says. */
void drill_several_halt(struct drill_mta *mta, uint8_t stage, struct drill_span line, bool taken);
int drill_place_order(const struct drill_place *a, const struct drill_place *b);

#endif
