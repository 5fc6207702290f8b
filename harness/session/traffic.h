/* SPDX-License-Identifier: MIT */
/*
 * What the SMTP clients do: the stimulus of a conversation, whoever injects it. The setup lines of
 * a scenario, or the options of `send`, become this. All of it outlives the autopilots that use it.
 */
#ifndef DRILL_SESSION_TRAFFIC_H
#define DRILL_SESSION_TRAFFIC_H

#include "session/mail.h"
#include "wire/message.h"

/* The ESMTP parameters of one MAIL or RCPT, in the two forms in which they travel. */
struct drill_esmtp {
    struct drill_span typed; /* as the client says them: " SIZE=100 BODY=8BITMIME" */
    struct drill_span wire;  /* as a frame carries them: each with its NUL */
};

/* SECURE: STARTTLS and one more EHLO, which stand first among a session's extras for the MTAs'
 * models if the client has `tls`; without it that one is in TLS from the start. The SMTP client is
 * not told: it has ways of its own. */
enum drill_smtp_act { DRILL_SMTP_SAY, DRILL_SMTP_LEAVE, DRILL_SMTP_LOSE, DRILL_SMTP_SECURE };

/* Once, behind the reply to a stage (whatever it was; RCPT: the last one's): the client says a
 * line, closes, or resets. Several of one place go in their order. A said RSET, EHLO or HELO that
 * is accepted abandons an open message. Behind a 354 a line is the first of the message and has no
 * reply. */
struct drill_smtp_extra {
    uint32_t session; /* from 1; looked at for CONNECT and HELO */
    uint32_t message; /* from 1 through the traffic; looked at for the other stages */
    uint8_t stage;    /* DRILL_SMFIC_CONNECT HELO MAIL RCPT DATA BODYEOB */
    enum drill_smtp_act act;
    struct drill_span line; /* without CRLF */
    const struct drill_smtp_extra *next;
    const struct drill_smtp_extra *more; /* the next of the same message, or the same session */
};

/* What that means to an MTA. OTHER: a verb of SMTP or of an extension that is none of these, which
 * the MTAs' models do not know. */
enum drill_smtp_does {
    DRILL_SMTP_DOES_RSET,
    DRILL_SMTP_DOES_HELO, /* EHLO, too */
    DRILL_SMTP_DOES_NOOP,
    DRILL_SMTP_DOES_TLS,   /* and greets again */
    DRILL_SMTP_DOES_LEAVE, /* QUIT, or the client is lost */
    DRILL_SMTP_DOES_UNKNOWN,
    DRILL_SMTP_DOES_OTHER
};

struct drill_envelope {
    struct drill_span from;        /* with its brackets: "<alice@example.org>", "<>" */
    const struct drill_span *rcpt; /* with brackets */
    size_t rcpts;
    struct drill_esmtp from_args;
    const struct drill_esmtp *rcpt_args; /* one for each recipient; NULL: none has any */
    struct drill_mail mail;
    const struct drill_smtp_extra *extras; /* of stages from MAIL on */
    struct drill_envelope *next;           /* the next message of the same session */
};

/* A macro that the user wants sent (`--macro mail:{auth_authen}=alice`): it replaces the profile's
 * value at that stage, or is added last. Or one that is left out, whoever would send it. */
struct drill_extra_macro {
    uint8_t code; /* the command before which it is sent; 0 (only of `absent`): any */
    struct drill_span name;
    struct drill_span value;
    bool absent;
    const struct drill_extra_macro *next;
};

struct drill_client {
    uint8_t family;         /* DRILL_FAMILY_* */
    struct drill_span addr; /* "192.0.2.1" */
    uint16_t port;
    struct drill_span host; /* the client's PTR name; empty: none */
    struct drill_span helo;
    struct drill_span auth; /* login name; empty: not authenticated */
    bool tls;
    struct drill_envelope *messages;
    const struct drill_extra_macro *macros;
    const struct drill_smtp_extra *extras; /* of CONNECT and HELO */
    struct drill_client *next;             /* the next SMTP session */
};

/* Printable ASCII without blanks, and not empty. */
bool drill_esmtp_is_parameter(struct drill_span arg);
/* Both forms of these parameters; a parameter is printable ASCII without blanks (RFC 5321 4.1.2
 * has even less). DRILL_ERR_VALUE: one is not; DRILL_ERR_MEMORY. */
enum drill_code drill_esmtp_make(const struct drill_span *args, size_t count,
                                 struct drill_arena *arena, struct drill_esmtp *out);

enum drill_smtp_does drill_smtp_extra_does(const struct drill_smtp_extra *e);
/* What stands behind the verb of its line. */
struct drill_span drill_smtp_extra_argument(const struct drill_smtp_extra *e);
/* The first of the list, and the next, of that stage. NULL: none. */
const struct drill_smtp_extra *drill_smtp_extra_of(const struct drill_smtp_extra *list,
                                                   uint8_t stage);
const struct drill_smtp_extra *drill_smtp_extra_next(const struct drill_smtp_extra *e);

#endif
