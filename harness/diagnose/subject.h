/* SPDX-License-Identifier: MIT */
/*
 * What is under examination: one message with its envelope, its client and the MTA's settings, in a
 * form that experiments can change piece by piece. A subject is plain data: copy it, change the
 * copy, have it played. What it points to is the caller's, or in the arena that was given.
 */
#ifndef DRILL_DIAGNOSE_SUBJECT_H
#define DRILL_DIAGNOSE_SUBJECT_H

#include "session/profile.h"
#include "session/traffic.h"

struct drill_subject {
    struct drill_settings settings;
    struct drill_client client; /* `messages` is not used */
    struct drill_span from;
    struct drill_esmtp from_args;
    const struct drill_span *rcpt;
    const struct drill_esmtp *rcpt_args; /* NULL: none has any */
    size_t rcpts;
    const struct drill_mail_header *const *header;
    size_t headers;
    struct drill_span body; /* CRLF lines */
};

/* The first message of `client`. False: no memory. */
bool drill_subject_of(const struct drill_client *client, const struct drill_settings *settings,
                      struct drill_arena *arena, struct drill_subject *out);
/* As a client with one message, for an autopilot. NULL: no memory. */
struct drill_client *drill_subject_traffic(const struct drill_subject *s,
                                           struct drill_arena *arena);
/* The same for one experiment: a large body is not copied. */
struct drill_client *drill_subject_trial(const struct drill_subject *s, struct drill_arena *arena);

/* Each changes the subject and leaves the arena holding what is new. False: no memory. */

/* The headers for which keep[i] is true. */
bool drill_subject_keep_headers(struct drill_subject *s, const bool *keep,
                                struct drill_arena *arena);
bool drill_subject_keep_rcpts(struct drill_subject *s, const bool *keep, struct drill_arena *arena);
/* The value of header i. */
bool drill_subject_set_value(struct drill_subject *s, size_t i, struct drill_span value,
                             struct drill_arena *arena);
bool drill_subject_set_name(struct drill_subject *s, size_t i, struct drill_span name,
                            struct drill_arena *arena);
/* n harmless headers, X-Drill-1 and on, in place of all. */
bool drill_subject_plain_headers(struct drill_subject *s, size_t n, struct drill_arena *arena);
/* n headers of that name with the value `a` in place of all. */
bool drill_subject_same_headers(struct drill_subject *s, struct drill_span name, size_t n,
                                struct drill_arena *arena);
/* The value of each: `longer` of the first `count`, `value` of the others. */
bool drill_subject_all_values(struct drill_subject *s, struct drill_span value, size_t count,
                              struct drill_span longer, struct drill_arena *arena);
/* One more header behind the others, which is not copied. */
bool drill_subject_add_header(struct drill_subject *s, const struct drill_mail_header *header,
                              struct drill_arena *arena);
/* n invented recipients without parameters in place of all. */
bool drill_subject_plain_rcpts(struct drill_subject *s, size_t n, struct drill_arena *arena);
/* A message that nobody has a reason to refuse: the headers that mail should have, one line of
 * body, one invented sender and recipient. Settings and client stay. */
bool drill_subject_plain_message(struct drill_subject *s, struct drill_arena *arena);
/* One more macro left out, or (value not NULL) sent at `code`. */
bool drill_subject_macro(struct drill_subject *s, uint8_t code, const char *name, const char *value,
                         struct drill_arena *arena);

/* Harmless text of that many bytes: lines of `a` with CRLF (of a value: one line). The span's ptr
 * is NULL when memory is refused. */
struct drill_span drill_subject_filler(size_t size, bool lines, struct drill_arena *arena);
/* The same text with each letter, digit and 8-bit byte made `a`; line ends, blanks and marks stay.
 */
struct drill_span drill_subject_masked(struct drill_span text, struct drill_arena *arena);

#endif
