/* SPDX-License-Identifier: MIT */
/*
 * All legal transitions and replies of a milter conversation in one table; the only place that
 * knows them. It does not know which role we play. Source: libmilter engine.c (the transition bits
 * of its states), Postfix milter8.c and Sendmail milter.c for what MTAs send; versions 2 to 6.
 */
#ifndef DRILL_SESSION_STATE_H
#define DRILL_SESSION_STATE_H

#include "wire/proto.h"

enum drill_state {
    DRILL_STATE_INIT, /* nothing yet */
    DRILL_STATE_OPTS, /* negotiated; after QUIT_NC too */
    DRILL_STATE_CONN,
    DRILL_STATE_HELO, /* also: between messages, after ABORT or a verdict */
    DRILL_STATE_MAIL,
    DRILL_STATE_RCPT,
    DRILL_STATE_DATA,
    DRILL_STATE_HDRS,
    DRILL_STATE_EOHS,
    DRILL_STATE_BODY,
    DRILL_STATE_ENDM,
    DRILL_STATE_UNKN,
    DRILL_STATE_Q_NC,
    DRILL_STATE_QUIT,
    DRILL_STATES
};

/* What was agreed on: version, actions, protocol. Commands that NO* bits suppress are transparent:
 * the table steps over their states. */
struct drill_agreed {
    uint32_t version;
    uint32_t actions;
    uint32_t protocol;
};

/* May `command` (not MACRO, which is legal anywhere) come in this state? */
bool drill_state_allows(enum drill_state state, uint8_t command, const struct drill_agreed *agreed);
/* The state after a command, legal or not. */
enum drill_state drill_state_after(enum drill_state state, uint8_t command);
/* Is the state inside a message (MAIL to BODY)? */
bool drill_state_in_message(enum drill_state state);
/* Is a reply owed to this command, after what was agreed on (NR_* bits, v6 for those)? */
bool drill_state_owes(uint8_t command, const struct drill_agreed *agreed);
/* Was the command switched off by a NO* bit, or is it younger than the version? */
bool drill_state_suppressed(uint8_t command, const struct drill_agreed *agreed);

enum drill_reply_class {
    DRILL_REPLY_ILLEGAL,  /* not a reply to this command */
    DRILL_REPLY_VERDICT,  /* ends the wait */
    DRILL_REPLY_MODIFY,   /* a modification: only between BODYEOB and its verdict */
    DRILL_REPLY_PROGRESS, /* the wait starts again */
    DRILL_REPLY_NEGOTIATE /* OPTNEG to OPTNEG */
};
/* What a reply is as an answer to a command (0: no command is being answered). */
enum drill_reply_class drill_state_reply(uint8_t command, uint8_t reply);
/* The action bit that a modification needs; 0 for other replies. */
uint32_t drill_state_action(uint8_t reply);

#endif
