/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: the parts of the Postfix profile. postfix.c has its settings,
 * postfix_plan.c what it sends, postfix_reply.c what it makes of replies, postfix_smtp.c what it
 * tells its client, postfix_log.c what it can read and logs.
 *
 * Two processes of Postfix speak over the connection: smtpd up to DATA, cleanup from the first
 * header on.
 */
#ifndef DRILL_SESSION_POSTFIX_H
#define DRILL_SESSION_POSTFIX_H

#include "session/mta_session.h"

/* drill_mta_own.flags. drill_mta_own.reply is milter8.c's def_reply of the process smtpd: "4.."
 * and "5..", "S" (shutdown), "H" (hold). */
enum {
    POSTFIX_HOLD = 1,      /* this message: goes to the hold queue */
    POSTFIX_DISCARD = 2,   /* this message: dropped */
    POSTFIX_HELD = 4,      /* this message: cleanup has a hold to report */
    POSTFIX_BODY = 8,      /* this message: its body is being replaced */
    POSTFIX_BODY_END = 16, /* this message: its body was replaced */
    POSTFIX_MESSAGE =
        POSTFIX_HOLD | POSTFIX_DISCARD | POSTFIX_HELD | POSTFIX_BODY | POSTFIX_BODY_END,
    POSTFIX_POISONED = 32, /* cleanup has shut down the connection, smtpd does not know yet */
    POSTFIX_WARNED = 64    /* the log line is a warning */
};

/* Since 3.11: milter_default_action = shutdown, and the way that SHUTDOWN ends a message. */
bool drill_postfix_is_3_11(const struct drill_mta *mta);
/* Headers, end of headers, body, end of body: what cleanup sends. */
bool drill_postfix_is_content(uint8_t command);

void drill_postfix_measure(const struct drill_mta *mta, size_t *macros, size_t *string);
enum drill_show drill_postfix_show(const struct drill_mta *mta, const struct drill_mta_cursor *c);
bool drill_postfix_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out);
bool drill_postfix_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                          uint8_t code, struct drill_scratch *s, struct drill_message *out);
/* Data bytes of the last command of that code that was sent. */
size_t drill_postfix_sent_size(const struct drill_mta *mta, uint8_t code);
/* "4Xy7Qk2zr9zB1": 13 characters, another for each message. */
void drill_postfix_queue_id(const struct drill_mta_cursor *c, struct drill_writer *w);

bool drill_postfix_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                         uint32_t size);
void drill_postfix_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t);

enum drill_go drill_postfix_pass(struct drill_mta *mta);
/* Does def_reply refuse (and not hold)? */
bool drill_postfix_refuses(struct drill_span reply);
/* The same as SMTP says it: "S" is a 421. */
struct drill_span drill_postfix_line(struct drill_span reply);
bool drill_postfix_is_421(struct drill_span line);
/* The client's message goes to the hold queue: in what was modified it is a quarantine, if no
 * milter has asked for one. */
void drill_postfix_hold(struct drill_mta *mta);
/* What milter_default_action says, for a milter that fails and for one that is set up wrongly;
 * no ptr: accept. */
struct drill_span drill_postfix_default(const struct drill_mta *mta, bool set_up_wrongly);

/* What keeps it from reading the payload, as it logs it, in `text`. False: it can read it. */
bool drill_postfix_unreadable(const struct drill_mta *mta, uint8_t command,
                              const struct drill_message *reply, uint32_t size, char *text,
                              size_t cap);
/* The same for one macro list in front of *rest, which it is taken off. */
bool drill_postfix_unreadable_list(const struct drill_mta *mta, struct drill_span *rest,
                                   uint32_t *stage, struct drill_span *names, char *text,
                                   size_t cap);
/* "milter M: TEXT": a warning; more of them are lines of their own. */
void drill_postfix_warn(struct drill_mta *mta, uint8_t command, const char *text);
void drill_postfix_warn_of(struct drill_mta *mta, uint8_t command,
                           const struct drill_mta_trouble *t);
/* "NOQUEUE: milter-reject: RCPT from ...", where no warning stands. */
void drill_postfix_note(struct drill_mta *mta, uint8_t command, const char *action,
                        struct drill_span text);

#endif
