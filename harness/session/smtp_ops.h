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
/* A said line begins with that verb. */
bool drill_smtp_verb(struct drill_span line, const char *verb);

#endif
