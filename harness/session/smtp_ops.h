/* SPDX-License-Identifier: MIT */
/* What the files of the SMTP client share: what it says (smtp_say.c). Private to harness/session.
 */
#ifndef DRILL_SESSION_SMTP_OPS_H
#define DRILL_SESSION_SMTP_OPS_H

#include "session/smtp.h"

/* Makes the command of s->step ready to be sent. False: this step says nothing. */
bool drill_smtp_compose(struct drill_smtp *s);
/* Fills `out` with what is next of the command or the message. False: all is sent. */
bool drill_smtp_fill(struct drill_smtp *s);
/* What an EHLO reply offers that this client knows. */
void drill_smtp_offered(struct drill_smtp *s, struct drill_span reply);
/* The bytes up to the next blank, which is taken off, too. */
struct drill_span drill_smtp_take_word(struct drill_span *line);
/* A said line begins with that verb. */
bool drill_smtp_verb(struct drill_span line, const char *verb);

/* smtp_secure.c: STARTTLS and AUTH. For a session that begins: */
void drill_smtp_secure_begin(struct drill_smtp *s);
/* For one line of an EHLO reply. */
void drill_smtp_secure_keyword(struct drill_smtp *s, struct drill_span verb,
                               struct drill_span words);
/* What the session needs behind its greeting; MESSAGE: nothing more, QUIT: what cannot be had
 * (`lacks`). */
enum drill_smtp_step drill_smtp_secure_next(struct drill_smtp *s);
/* What a step from STARTTLS to AUTH_CANCEL says. */
struct drill_span drill_smtp_secure_line(struct drill_smtp *s);
bool drill_smtp_secure_wrong(const struct drill_smtp *s, unsigned code);
/* The step behind such a reply, to which faults may be added. MESSAGE: logged in; QUIT: the login,
 * or TLS, is refused; LEAVE: not a word more. */
enum drill_smtp_step drill_smtp_secure_answered(struct drill_smtp *s, struct drill_smtp_reply *r);

/* smtp_told.c: results. A reply to the current step; NULL: no memory. */
struct drill_smtp_reply *drill_smtp_add(struct drill_smtp *s);
void drill_smtp_fault(struct drill_smtp *s, struct drill_smtp_reply *r, unsigned bits);
void drill_smtp_next_message(struct drill_smtp *s);
/* We ended the current message. */
void drill_smtp_abandon(struct drill_smtp *s);
/* The session has come to its end: `r`, or that we ended it, is the outcome of all messages that
 * have none. */
void drill_smtp_conclude_rest(struct drill_smtp *s, struct drill_smtp_reply *r);
void drill_smtp_abandon_rest(struct drill_smtp *s);

#endif
