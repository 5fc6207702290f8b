/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: the parts of the Stalwart profile. stalwart.c has its settings,
 * stalwart_plan.c what it sends, stalwart_field.c which headers it finds, stalwart_reply.c what it
 * can read and logs, stalwart_smtp.c what it makes of replies and tells its client.
 */
#ifndef DRILL_SESSION_STALWART_H
#define DRILL_SESSION_STALWART_H

#include "session/mta_ops.h"

/* drill_mta_cursor.at: what comes next on a connection. */
enum {
    STALWART_OPEN,
    STALWART_OPTNEG,
    STALWART_CONNECT,
    STALWART_HELO,
    STALWART_MAIL,
    STALWART_RCPT,
    STALWART_DATA,
    STALWART_HEADER,
    STALWART_EOH,
    STALWART_BODY,
    STALWART_EOB,
    STALWART_QUIT,
    STALWART_CLOSE,
    STALWART_DONE
};

/* drill_mta_cursor.run behind the last session. */
enum { STALWART_RUN_END = 64 };

/* drill_mta_cursor.flags, of this message: where the client does what it does beside its mail. */
enum {
    STALWART_AT_MAIL = 1, /* the message was refused there: behind MAIL, though run says the end */
    STALWART_AT_NONE = 2  /* nowhere any more */
};

struct drill_stalwart_field {
    struct drill_span name;
    struct drill_span value; /* what stands between the colon and `end` */
    size_t end;
};

/* The first header field of the message from `at` on, which is 0 or the end of another. False:
 * there is none before the body. */
bool drill_stalwart_field(struct drill_span raw, size_t at, struct drill_stalwart_field *out);
/* Moves over what this run does not send. */
void drill_stalwart_pass_over(const struct drill_mta *mta, struct drill_mta_cursor *c);
/* What this connection is about begins at its first message, recipient, header. */
void drill_stalwart_begin(struct drill_mta_cursor *c);
/* Is there a milter to run at this stage? */
bool drill_stalwart_runs(const struct drill_mta *mta, uint32_t run);
/* To the next SMTP stage, of this message, the next message or the next session. */
/* True: the client gave up the message, or the session, on the way. */
bool drill_stalwart_stage(struct drill_mta_cursor *c);
bool drill_stalwart_refused(const struct drill_mta *mta, uint32_t rcpt);

void drill_stalwart_measure(const struct drill_mta *mta, size_t *macros, size_t *string);
void drill_stalwart_next(const struct drill_mta *mta, struct drill_mta_cursor *c,
                         struct drill_scratch *s, struct drill_mta_step *step);
bool drill_stalwart_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                            uint8_t code, struct drill_scratch *s, struct drill_message *out);
bool drill_stalwart_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out);

void drill_stalwart_start(struct drill_mta *mta);
void drill_stalwart_jump(struct drill_mta *mta, uint8_t code);
bool drill_stalwart_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                          uint32_t size);
void drill_stalwart_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t);
void drill_stalwart_settle(struct drill_mta *mta);
void drill_stalwart_closed(struct drill_mta *mta, bool ours);
void drill_stalwart_reopen(struct drill_mta *mta);
struct drill_place drill_stalwart_place(const struct drill_mta *mta,
                                        const struct drill_mta_cursor *c);
void drill_stalwart_halt(struct drill_mta *mta, const struct drill_halt *h);

/* Can it read the payload? stalwart_reply.c. */
bool drill_stalwart_readable(const struct drill_message *reply, uint32_t size);
/* The line that it logs for a fault, without `elapsed`. stalwart_reply.c. */
void drill_stalwart_log(struct drill_mta *mta, const struct drill_mta_trouble *t);

#endif
