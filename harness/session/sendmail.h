/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: the parts of the Sendmail profile. sendmail.c has its settings,
 * sendmail_plan.c what it sends, sendmail_reply.c what it makes of replies, sendmail_smtp.c what it
 * tells its client.
 */
#ifndef DRILL_SESSION_SENDMAIL_H
#define DRILL_SESSION_SENDMAIL_H

#include "session/mta_session.h"

/* drill_mta_own.state: of the filter. ERROR: what F= says answers all that follows. */
enum { SENDMAIL_OPEN, SENDMAIL_GONE, SENDMAIL_ERROR };

/* drill_mta_own.flags. drill_mta_own.reply is srvrsmtp.c's nullserver or tempfail: the line that
 * answers every MAIL; drill_mta_own.message the message that the filter is left in the middle of.
 */
enum {
    SENDMAIL_CLOSING = 1,     /* the greeting, or the answer to HELO, closes the connection */
    SENDMAIL_REJECTING = 2,   /* the greeting is a refusal */
    SENDMAIL_DISCARD = 4,     /* this message is dropped, and ABORT sent for it */
    SENDMAIL_BODY_REFUSED = 8 /* this message: a new body came that was not agreed on */
};

enum { SENDMAIL_MAX_DATA = 65535 };

void drill_sendmail_measure(const struct drill_mta *mta, size_t *macros, size_t *string);
enum drill_show drill_sendmail_show(const struct drill_mta *mta, const struct drill_mta_cursor *c);
bool drill_sendmail_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                            uint8_t code, struct drill_scratch *s, struct drill_message *out);
bool drill_sendmail_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out);
/* "5BKA48xQ000001": another for each message. */
void drill_sendmail_queue_id(const struct drill_mta_cursor *c, struct drill_writer *w);
/* Data bytes of the header at the cursor. */
size_t drill_sendmail_header_size(const struct drill_mta_cursor *c);

enum drill_go drill_sendmail_pass(struct drill_mta *mta);
/* A line for MAIL and RCPT, with the address put in where the code is one that has it. */
struct drill_span drill_sendmail_line(struct drill_mta *mta, uint8_t stage, struct drill_span line);
struct drill_span drill_sendmail_closing(struct drill_mta *mta); /* 421 4.7.0 NAME closing ... */
bool drill_sendmail_is_421(struct drill_span line);
/* A message begins: what was noted of the last one is forgotten. */
void drill_sendmail_begin(struct drill_mta *mta);

bool drill_sendmail_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                          uint32_t size);
void drill_sendmail_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t);
void drill_sendmail_settle(struct drill_mta *mta);

#endif
