/* SPDX-License-Identifier: MIT */
/*
 * A small SMTP server, sans I/O, that takes what an MTA under test delivers: accepts every sender
 * and recipient, undoes the doubled dots, and keeps the deliveries. LMTP, too, behind LHLO.
 *
 * One drill_sink holds the deliveries; one drill_sink_session is one connection after the other,
 * driven by the events and wishes of smtp.h (it never wishes DONE). Commands may be pipelined.
 *
 * Bounded whatever the client sends: a command line over DRILL_SINK_LINE bytes is refused (500), a
 * recipient over DRILL_SINK_RCPTS (452), and so is what the limits of the configuration forbid
 * (452). Of a message over `keep` bytes the beginning is kept, and the rest is counted.
 */
#ifndef DRILL_SESSION_SINK_H
#define DRILL_SESSION_SINK_H

#include "base/arena.h"
#include "session/smtp.h"

enum { DRILL_SINK_LINE = 4096, DRILL_SINK_RCPTS = 10000, DRILL_SINK_OUT = 1024 };

struct drill_sink_config {
    size_t keep;  /* bytes of one message; 0: 64 MiB */
    size_t limit; /* bytes in all, messages and envelopes; 0: 256 MiB */
};

struct drill_sink_rcpt {
    struct drill_span address; /* with its brackets */
    struct drill_span args;    /* ESMTP parameters, as written */
    struct drill_sink_rcpt *next;
};

struct drill_delivery {
    struct drill_span helo; /* up to DRILL_SINK_HELO bytes */
    struct drill_span from; /* with its brackets: "<alice@example.org>" */
    struct drill_span args;
    struct drill_sink_rcpt *rcpts;
    uint32_t rcpt_count;
    struct drill_span message; /* as it was sent, CRLF and all, but for the doubled dots */
    uint64_t size;             /* its true size; more than message.len: it was cut */
    uint32_t connection;       /* from 1 */
    uint64_t at;               /* when its end came */
    struct drill_delivery *next;
    /* private */
    struct drill_arena arena; /* the envelope */
    struct drill_buf text;    /* what `message` shows */
    struct drill_sink_rcpt **rcpts_end;
    bool failed; /* no memory for all of it */
};

struct drill_sink {
    struct drill_delivery *deliveries; /* in the order of their ends */
    uint32_t count;
    uint32_t connections;
    uint32_t torn;    /* connections that ended inside a message */
    uint32_t refused; /* commands and messages that memory or a limit forbade */
    /* private */
    struct drill_sink_config config;
    const struct drill_alloc *alloc;
    size_t held; /* bytes of the deliveries */
    struct drill_delivery **end;
};

/* NULL for `config`: defaults. `alloc` as for an arena. The sink must not move. */
void drill_sink_init(struct drill_sink *sink, const struct drill_sink_config *config,
                     const struct drill_alloc *alloc);
/* Forgets all deliveries and counts, for the next play. Sessions go on. */
void drill_sink_reset(struct drill_sink *sink);
void drill_sink_fini(struct drill_sink *sink);

/* Private. */
enum drill_sink_state {
    SINK_CLOSED,
    SINK_OPENING,
    SINK_COMMAND,
    SINK_LINE_START, /* in a message: at the start of a line, behind a dot there, ... */
    SINK_DOT,
    SINK_DOT_CR,
    SINK_TEXT,
    SINK_TEXT_CR,
    SINK_LEAVING
};

enum { DRILL_SINK_HELO = 256 };

struct drill_sink_session {
    struct drill_sink *sink;
    /* private */
    uint64_t now;
    enum drill_sink_state state;
    uint32_t connection;
    bool lmtp, greeted;
    bool too_long;               /* the rest of a long line is being dropped */
    struct drill_delivery *mail; /* being collected; NULL: no transaction */
    uint32_t owed;               /* replies to a message (LMTP: one a recipient) */
    const char *owed_text;
    uint8_t helo[DRILL_SINK_HELO];
    size_t helo_len;
    uint8_t in[DRILL_SINK_LINE];
    size_t in_at, in_len;
    uint8_t out[DRILL_SINK_OUT];
    size_t out_at, out_len;
};

void drill_sink_session_init(struct drill_sink_session *s, struct drill_sink *sink);
void drill_sink_session_fini(struct drill_sink_session *s);
void drill_sink_wish(struct drill_sink_session *s, uint64_t now, struct drill_smtp_wish *wish);
void drill_sink_event(struct drill_sink_session *s, const struct drill_smtp_event *event);

#endif
