/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: what families of MTAs share that open one connection an SMTP session
 * and send every message of it over that (Postfix, Sendmail). A part of the autopilot, mta.c.
 *
 * Two cursors run: mta->cursor over what is sent to the milter, and mta->own.smtp over what the
 * SMTP client has been answered. The second follows the first: when nothing is owed, the client has
 * got past all that lies behind the first; a refusal holds it where it is; and a family that closes
 * its milter lets it run to the end of the session at once.
 */
#ifndef DRILL_SESSION_MTA_SESSION_H
#define DRILL_SESSION_MTA_SESSION_H

#include "session/mta_ops.h"
#include "session/negotiate.h"

/* drill_mta_cursor.at, in the order of a session. */
enum drill_at {
    DRILL_AT_OPEN,
    DRILL_AT_OPTNEG,
    DRILL_AT_CONNECT,
    DRILL_AT_HELO,
    DRILL_AT_MAIL, /* from here to ABORT: of drill_mta_cursor.message */
    DRILL_AT_RCPT,
    DRILL_AT_DATA,
    DRILL_AT_HEADER,
    DRILL_AT_MESSAGE_ID, /* three headers that an MTA may add at the end */
    DRILL_AT_DATE,
    DRILL_AT_FROM,
    DRILL_AT_EOH,
    DRILL_AT_BODY,
    DRILL_AT_EOB,
    DRILL_AT_ABORT,
    DRILL_AT_BYE, /* one more ABORT, of the session */
    DRILL_AT_QUIT,
    DRILL_AT_CLOSE,
    DRILL_AT_DONE,
    DRILL_AT_UNKNOWN, /* never the cursor's own: what `show` is asked about a bad verb */
    DRILL_AT_COUNT
};

/* drill_mta_cursor.flags, all of this message. */
enum {
    DRILL_AT_HAS_RCPT = 1, /* it has a recipient */
    DRILL_AT_UNSEEN = 2,   /* the milter sees no more of it */
    DRILL_AT_CUT = 4,      /* the client does not come to its end */
    DRILL_AT_RESET = 8,    /* the client gives it up: this is the ABORT for it */
    DRILL_AT_MESSAGE = DRILL_AT_HAS_RCPT | DRILL_AT_UNSEEN | DRILL_AT_CUT | DRILL_AT_RESET
};

enum drill_show { DRILL_SHOW_NOTHING, DRILL_SHOW_MACROS, DRILL_SHOW_ALL };

/* Where the client goes from the point that it was answered at: on, to its next message, or out. */
enum drill_go { DRILL_GO_ON, DRILL_GO_NEXT, DRILL_GO_BYE };

struct drill_mta_session_ops {
    /* Of several milters: all are negotiated with before the client is told of (not each when its
     * turn comes to be told), and a verdict on the connection ends it for all. */
    bool all_first;
    /* The commands (their letters) that one more EHLO makes it send: within a message, outside,
     * and where it is the first. */
    const char *again[3];
    const char *secure; /* those of STARTTLS and the EHLO behind it */
    bool whole_line;    /* UNKNOWN carries all that the client said; not: its first word */
    /* What is sent for the command at c->at. */
    enum drill_show (*show)(const struct drill_mta *mta, const struct drill_mta_cursor *c);
    /* Tells the client what it is answered at mta->own.smtp (CONNECT HELO MAIL RCPT DATA EOB),
     * where no milter objects any more. */
    enum drill_go (*pass)(struct drill_mta *mta);
};

/* Members of drill_mta_ops. */
void drill_mta_session_start(struct drill_mta *mta);
void drill_mta_session_next(const struct drill_mta *mta, struct drill_mta_cursor *c,
                            struct drill_scratch *s, struct drill_mta_step *step);
void drill_mta_session_jump(struct drill_mta *mta, uint8_t code);
void drill_mta_session_settle(struct drill_mta *mta);
void drill_mta_session_closed(struct drill_mta *mta, bool ours);
void drill_mta_session_reopen(struct drill_mta *mta);
struct drill_place drill_mta_session_place(const struct drill_mta *mta,
                                           const struct drill_mta_cursor *c);
void drill_mta_session_halt(struct drill_mta *mta, const struct drill_halt *halt);
/* For mta_several.c: the client gets past the point that it was answered at, however; a cursor goes
 * to that message (NULL: the end); the whole session goes by without this milter. */
void drill_mta_session_client_on(struct drill_mta *mta);
void drill_mta_session_next_message(struct drill_mta_cursor *c, const struct drill_envelope *m);
void drill_mta_session_skip(struct drill_mta *mta);
/* Moves over what is not sent. */
void drill_mta_session_pass_over(const struct drill_mta *mta, struct drill_mta_cursor *c);
/* Back to the first field: the message at the cursor is another one. */
void drill_mta_session_content(struct drill_mta *mta);

/* Are client and server in TLS, where the cursor is? */
bool drill_mta_session_in_tls(const struct drill_mta_cursor *c);
/* What the clients do beside their mail (mta_session_extra.c), for a cursor with an `extra`: the
 * command that is next for it, 0 when nothing is left of it; and what `show` is asked about it. */
uint8_t drill_mta_session_extra_code(const struct drill_mta *mta, const struct drill_mta_cursor *c);
enum drill_show drill_mta_session_extra_show(const struct drill_mta *mta,
                                             const struct drill_mta_cursor *c);
/* Gets past that command. */
void drill_mta_session_extra_on(const struct drill_mta *mta, struct drill_mta_cursor *c);
/* The fields of the command that are the client's words. */
void drill_mta_session_extra_words(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                                   struct drill_message *out);
/* The client, at mta->own.smtp, does the whole of it. */
void drill_mta_session_extra_client(struct drill_mta *mta);
/* The client has nothing more to say than QUIT. */
bool drill_mta_session_is_over(const struct drill_mta *mta);
/* Does `client` come to its extra before `c` does, both being at the same point? */
bool drill_mta_session_extra_behind(const struct drill_mta_cursor *client,
                                    const struct drill_mta_cursor *c);
/* The first one behind that stage, of the message or session at the cursor. */
const struct drill_smtp_extra *drill_mta_session_extra(const struct drill_mta_cursor *c,
                                                       uint8_t stage);
/* Nobody answers for the messages that are left of the session. */
void drill_mta_session_abandon_all(struct drill_mta *mta);

/* A reply to `command` came: takes the client to the point where that is its answer. False: it is
 * past that, and nobody wants to know. */
bool drill_mta_session_reach(struct drill_mta *mta, uint8_t command);
/* No objection: the client gets past the point that drill_mta_session_reach took it to. */
void drill_mta_session_pass(struct drill_mta *mta, uint8_t command);
/* No more of this message goes to the milter, and the client gets to the end of it. */
void drill_mta_session_unseen(struct drill_mta *mta);
/* Tells the client the refusal of a recipient, or of the message, to which that is the outcome;
 * with `hang_up` it is cut off as well. `stage` as in drill_told. */
void drill_mta_session_refuse(struct drill_mta *mta, uint8_t stage, struct drill_span line,
                              bool hang_up);
/* The client is cut off: what it was told last is the answer to all its messages; those behind one
 * that it had begun get none. What is left for the milter is the end. */
void drill_mta_session_bye(struct drill_mta *mta);
/* The milter is left, at CLOSE or QUIT, and the client plays the rest of its session. */
void drill_mta_session_leave(struct drill_mta *mta, enum drill_at at);

/* Tells the client a line at its point; `stage` as in drill_told. */
void drill_mta_session_tell(struct drill_mta *mta, uint8_t stage, struct drill_span line,
                            bool final);
/* The parts one after the other, in the arena; nothing when there is no memory. */
struct drill_span drill_mta_session_join(struct drill_mta *mta, const struct drill_span *parts,
                                         size_t count);

/* The command that is sent at that point of the plan; 0: none is. */
uint8_t drill_mta_session_code(enum drill_at at);
/* The command whose reply it waits for, or would be next; 0: it is not connected. */
uint8_t drill_mta_session_at(const struct drill_mta *mta);
/* drill_mta_ops.command but for CONNECT, which each family words in its own way; `limit`: bytes of
 * a header's value. */
bool drill_mta_session_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                               uint8_t code, size_t limit, struct drill_scratch *s,
                               struct drill_message *out);

/* The message at the cursor, or the first of the session. */
const struct drill_envelope *drill_mta_session_message(const struct drill_mta_cursor *c);
/* The recipient at the cursor, or the last. */
struct drill_span drill_mta_session_rcpt(const struct drill_mta_cursor *c);
/* Its ESMTP parameters, as a frame carries them. */
struct drill_span drill_mta_session_rcpt_args(const struct drill_mta_cursor *c);
/* A header's value: up to a NUL, folds as LF, and its first blank off unless it is to be kept;
 * at most `limit` bytes. */
struct drill_span drill_mta_session_value(struct drill_scratch *s, struct drill_span value,
                                          bool keep_blank, size_t limit);
/* A header's name without the blanks behind it. */
struct drill_span drill_mta_session_name(struct drill_span name);
/* A header's name as MTAs take it: printable ASCII without a blank, then perhaps blanks. What is
 * none of that, and all that follows, they take for body (Postfix is_header.c, Sendmail isheader).
 */
bool drill_mta_session_is_name(struct drill_span name);
/* Of the body as it is sent: it ends in CRLF. */
size_t drill_mta_session_body_size(const struct drill_envelope *m);
size_t drill_mta_session_chunk_size(const struct drill_mta *mta);
/* The next chunk of the body, which ends in CRLF. */
struct drill_span drill_mta_session_chunk(const struct drill_mta *mta,
                                          const struct drill_mta_cursor *c,
                                          struct drill_scratch *s);
/* Bytes of string scratch for the longest of those of any message. */
size_t drill_mta_session_strings(const struct drill_mta *mta);
/* "alice@example.org" of "<alice@example.org>", and what stands behind its last "@". */
struct drill_span drill_mta_session_bare(struct drill_span address);
struct drill_span drill_mta_session_domain(struct drill_span address);

#endif
