/* SPDX-License-Identifier: MIT */
/*
 * An SMTP client, sans I/O, line by line: makes an MTA under test talk. Events in, wishes out.
 *
 *     drill_smtp_init(&smtp, &config, &arena);
 *     for (;;) {
 *         drill_smtp_wish(&smtp, now, &wish);    what it wants of its connection now
 *         ... do what is possible of it ...
 *         drill_smtp_event(&smtp, &event);       what happened
 *     }
 *     drill_smtp_outcome(&smtp, 1)->code
 *
 * It plays the sessions of the traffic one after the other, each on a connection of its own: EHLO
 * (HELO where that is refused), the messages, QUIT; on request it tells the client's address. It
 * sends a command when the last one is answered, so the nth reply belongs to the nth command, as
 * every client has it: a reply too many shifts all others, and is a fault (DRILL_SMTP_EARLY).
 *
 * A session whose client is authenticated or in TLS begins with AUTH or STARTTLS, where the MTA
 * offers them and the configuration has what it takes. What is not offered ends it all (`lacks`).
 *
 * Addresses, names and the message go out as they are, without a parameter or a check; dots at the
 * start of a line (behind CRLF) are doubled. A message is never copied as a whole.
 *
 * 421 ends the session. Of a session that ends early, each message that has no outcome yet gets
 * the reply that ended it: code 0 for none at all. Memory is bounded whatever the server sends.
 */
#ifndef DRILL_SESSION_SMTP_H
#define DRILL_SESSION_SMTP_H

#include "base/arena.h"
#include "session/mta.h"
#include "session/smtp_in.h"

#define DRILL_SMTP_NEVER UINT64_MAX

/* ---- what happens to it, and what it wants (sink.h, too) ---- */

enum drill_smtp_event_kind {
    DRILL_SMTP_OPENED, /* the connection that was wished for stands */
    DRILL_SMTP_BYTES,  /* these bytes were read: at most wish.want */
    DRILL_SMTP_WROTE,  /* so many bytes of wish.send are gone */
    DRILL_SMTP_ENDED,  /* the server ended it, or it never came to be */
    DRILL_SMTP_TICK    /* wish.until has come */
};

struct drill_smtp_event {
    enum drill_smtp_event_kind kind;
    uint64_t now; /* microseconds, monotonic */
    struct drill_span bytes;
    size_t wrote;
    enum drill_end how;
    int error; /* errno, 0 for FIN */
};

enum drill_smtp_wish_kind {
    DRILL_SMTP_IO,
    DRILL_SMTP_OPEN,  /* connect (sink: take the next connection) */
    DRILL_SMTP_CLOSE, /* read and drop what is there, then close */
    DRILL_SMTP_RESET, /* RST */
    DRILL_SMTP_TLS,   /* begin TLS on the connection, as its client */
    DRILL_SMTP_DONE   /* all is over; no connection stands */
};

/* CLOSE, RESET and TLS are done at once, and then asked again; OPEN is answered by OPENED or ENDED.
 */
struct drill_smtp_wish {
    enum drill_smtp_wish_kind kind;
    struct drill_span send; /* valid until the next event */
    size_t want;            /* read at most so many bytes; 0: none */
    uint64_t until;         /* when to give a TICK; DRILL_SMTP_NEVER */
};

/* ---- the client ---- */

enum { DRILL_SMTP_LOGIN_MAX = 255 }; /* bytes of a name, and of a password (RFC 4616 2) */

struct drill_smtp_login {
    struct drill_span user, password; /* without NUL */
    const struct drill_smtp_login *next;
};

/* NULL: none. `any`: else the first. */
const struct drill_smtp_login *drill_smtp_login_find(const struct drill_smtp_login *logins,
                                                     struct drill_span user, bool any);

struct drill_smtp_config {
    const struct drill_client *traffic;
    const struct drill_smtp_extra *extras;
    uint64_t patience; /* microseconds for a connection, for a whole reply, for one write */
    /* How the MTA learns of the client's address, port and name. Postfix ends its milter's
     * connection at XCLIENT and begins another one; the PROXY protocol, version 1, is told before
     * the greeting, to a port that expects it, and knows no name. */
    bool xclient; /* XCLIENT, else XFORWARD, where they are offered */
    bool proxy;
    bool starttls; /* for clients with `tls`, and where a login is taken in TLS only */
    /* Of clients with `auth`; XCLIENT tells the login of those that are not here. */
    const struct drill_smtp_login *logins;
    bool any_login; /* one that is not among them logs in as the first */
};

/* One reply, or that there was none. `told.next` runs along `next`. Stages of told: CONNECT (the
 * greeting, also the one behind XCLIENT), HELO, MAIL, RCPT, DATA, BODYEOB, QUIT; UNKNOWN: a said
 * line, RSET, XCLIENT, XFORWARD, STARTTLS, AUTH; ABORT: we ended the message. told.message is 0 up
 * to HELO. */
struct drill_smtp_reply {
    struct drill_told told; /* line: all its lines with CRLF between, up to DRILL_SMTP_KEPT */
    uint32_t session;       /* from 1 */
    unsigned faults;        /* DRILL_SMTP_NO_CODE ... */
    uint64_t at;            /* when */
    bool silent;            /* none within the patience */
    enum drill_end how;     /* none, because the connection ended so */
    int error;
    struct drill_smtp_reply *next;
};

/* Private. */
enum drill_smtp_step {
    SMTP_STEP_OPEN,
    SMTP_STEP_OPENING,
    SMTP_STEP_GREETING,
    SMTP_STEP_EHLO,
    SMTP_STEP_HELO,
    SMTP_STEP_XCLIENT,
    SMTP_STEP_STARTTLS,
    SMTP_STEP_TLS, /* wishes for it */
    SMTP_STEP_AUTH,
    SMTP_STEP_AUTH_USER, /* LOGIN */
    SMTP_STEP_AUTH_PASSWORD,
    SMTP_STEP_AUTH_CANCEL,
    SMTP_STEP_MESSAGE, /* decides what the next message needs first */
    SMTP_STEP_RSET,
    SMTP_STEP_XFORWARD,
    SMTP_STEP_MAIL,
    SMTP_STEP_RCPT,
    SMTP_STEP_DATA,
    SMTP_STEP_CONTENT,
    SMTP_STEP_SAY,
    SMTP_STEP_QUIT,
    SMTP_STEP_LEAVE,
    SMTP_STEP_LOSE,
    SMTP_STEP_DONE
};

enum { DRILL_SMTP_OUT = 4096, DRILL_SMTP_PARTS = 4, DRILL_SMTP_SCRATCH = 1024 };

struct drill_smtp {
    /* results */
    struct drill_smtp_reply *replies, *last;
    const struct drill_smtp_reply *faulty;   /* the first reply with a fault; NULL: none */
    const struct drill_smtp_reply *no_login; /* the first that refused AUTH; NULL: none did */
    const char *lacks; /* what the MTA does not offer: it gave up; NULL: nothing */
    uint32_t opened;   /* connections that stood */
    bool no_memory;    /* the arena refused: it gave up */
    /* private */
    struct drill_smtp_config config;
    struct drill_arena *arena;
    uint64_t now, until;
    enum drill_smtp_step step;
    enum drill_smtp_step next; /* behind the extras of this place */
    const struct drill_client *client;
    uint32_t session;
    const struct drill_envelope *message; /* the current one; NULL: all were played */
    uint32_t number;                      /* of that message */
    bool concluded;                       /* it has its outcome */
    bool transaction;                     /* the server has a MAIL that it took */
    size_t rcpt, rcpts_taken;
    unsigned xclient, xforward; /* attributes that are offered */
    bool xclient_done;
    unsigned offers; /* smtp_secure.c */
    bool in_tls, logged_in;
    const struct drill_smtp_login *login; /* of this session */
    uint8_t place;                        /* stage of the extras that are being done */
    uint32_t place_message;
    const struct drill_smtp_extra *extra;
    bool early; /* a reply was there before its command was sent */
    struct drill_span parts[DRILL_SMTP_PARTS];
    size_t part;
    size_t content; /* bytes of the message that were taken for sending */
    bool line_start, content_ended;
    uint8_t out[DRILL_SMTP_OUT];
    size_t out_at, out_len;
    uint8_t scratch[DRILL_SMTP_SCRATCH];
    struct drill_smtp_in in;
};

/* `arena` takes the results. Traffic, extras and arena outlive the client, which must not move. */
void drill_smtp_init(struct drill_smtp *s, const struct drill_smtp_config *config,
                     struct drill_arena *arena);
void drill_smtp_wish(struct drill_smtp *s, uint64_t now, struct drill_smtp_wish *wish);
void drill_smtp_event(struct drill_smtp *s, const struct drill_smtp_event *event);
bool drill_smtp_done(const struct drill_smtp *s);

/* What message `number` came to (as drill_mta_outcome has it). NULL: not yet. */
const struct drill_told *drill_smtp_outcome(const struct drill_smtp *s, uint32_t number);
/* What was told last at that stage of the message, or of its session: CONNECT and HELO. `rcpt` 0:
 * any recipient. NULL: nothing. */
const struct drill_told *drill_smtp_told(const struct drill_smtp *s, uint32_t number, uint8_t stage,
                                         uint32_t rcpt);

#endif
