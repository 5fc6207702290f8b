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

struct drill_envelope {
    struct drill_span from;        /* with its brackets: "<alice@example.org>", "<>" */
    const struct drill_span *rcpt; /* with brackets */
    size_t rcpts;
    struct drill_esmtp from_args;
    const struct drill_esmtp *rcpt_args; /* one for each recipient; NULL: none has any */
    struct drill_mail mail;
    struct drill_envelope *next; /* the next message of the same session */
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
    struct drill_client *next; /* the next SMTP session */
};

/* Both forms of these parameters; a parameter is printable ASCII without blanks (RFC 5321 4.1.2
 * has even less). DRILL_ERR_VALUE: one is not; DRILL_ERR_MEMORY. */
enum drill_code drill_esmtp_make(const struct drill_span *args, size_t count,
                                 struct drill_arena *arena, struct drill_esmtp *out);

#endif
