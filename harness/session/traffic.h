/* SPDX-License-Identifier: MIT */
/*
 * What the SMTP clients do: the stimulus of a conversation, whoever injects it. The setup lines of
 * a scenario, or the options of `send`, become this. All of it outlives the autopilots that use it.
 */
#ifndef DRILL_SESSION_TRAFFIC_H
#define DRILL_SESSION_TRAFFIC_H

#include "session/mail.h"
#include "wire/message.h"

struct drill_envelope {
    struct drill_span from;        /* with its brackets: "<alice@example.org>", "<>" */
    const struct drill_span *rcpt; /* with brackets */
    size_t rcpts;
    struct drill_mail mail;
    struct drill_envelope *next; /* the next message of the same session */
};

/* A macro that the user wants sent (`--macro mail:{auth_authen}=alice`): it replaces the profile's
 * value at that stage, or is added last. */
struct drill_extra_macro {
    uint8_t code; /* the command before which it is sent */
    struct drill_span name;
    struct drill_span value;
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

#endif
