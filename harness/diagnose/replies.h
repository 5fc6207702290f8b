/* SPDX-License-Identifier: MIT */
/*
 * What a milter said in a recorded conversation, in a form that experiments can leave out line by
 * line: for the question which reply makes an MTA fail.
 *
 * Of a recording (or any scenario) only the `<` lines count, and to which command each was given.
 * The conversation that is built from them is `...`, the command, those of its lines that are kept,
 * and so on: another MTA, or the same one with other queue ids, meets the same replies. A line that
 * a plain milter sends anyway (continue; accept at the end of the message) is not among them; one
 * too many, behind the first, or to a command that is owed none, is. Where the reply that ends a
 * command is left out, continue stands in its place, at bodyeob accept.
 *
 * A command is known by its word, of `header` also by its name and of `mail` and `rcpt` by their
 * address, by how many of its kind went before, and of several messages by the `mail` before it.
 */
#ifndef DRILL_DIAGNOSE_REPLIES_H
#define DRILL_DIAGNOSE_REPLIES_H

#include "base/arena.h"
#include "base/error.h"
#include "scenario/ast.h"

/* One line of the milter. */
struct drill_reply {
    const struct drill_step *step;
    size_t group;
    bool plain; /* a plain milter sends it, too: it is no suspect */
};

/* The lines that answer one command. */
struct drill_reply_group {
    const struct drill_step *command; /* `> rcpt address=...` */
    size_t first, lines;              /* of drill_replies.line */
    bool has_final;                   /* one of them ends the MTA's waiting */
};

struct drill_replies {
    const struct drill_file *file; /* where they are from: its setup is kept */
    struct drill_reply *line;
    size_t lines;
    struct drill_reply_group *group;
    size_t groups;
    size_t suspects;                /* lines that are not plain */
    const struct drill_step *offer; /* not NULL: in place of the recorded answer to the offer */
};

/* DRILL_ERR_VALUE with the place: `repeat`, `concurrently`, `meet`; no `<` line to suspect.
 * DRILL_ERR_MEMORY. */
enum drill_code drill_replies_of(const struct drill_file *file, const char *name,
                                 struct drill_arena *arena, struct drill_replies *out,
                                 struct drill_error *err);
/* A scenario with those lines whose keep[] is true (`lines` flags; of plain ones it is not looked
 * at), tests=mta, and without checks. NULL: no memory. */
struct drill_file *drill_replies_build(const struct drill_replies *r, const bool *keep,
                                       struct drill_arena *arena);
/* The nth suspect's index among the lines. */
size_t drill_replies_suspect(const struct drill_replies *r, size_t n);

/* The line that answers the offer, by its index; `lines` when there is none but a plain one. */
size_t drill_replies_offer(const struct drill_replies *r);
/* An answer to the offer that asks for these actions, and else is as `answer` (or the profile's,
 * when that is NULL). NULL: no memory. */
struct drill_step *drill_reply_asking(const struct drill_step *answer, uint32_t actions,
                                      struct drill_arena *arena);
/* `silence` for as long as the line waits before it is sent (`after=`). NULL: no memory. */
struct drill_step *drill_reply_silence(const struct drill_step *step, struct drill_arena *arena);
/* A `<` line behind which the MTA waits for nothing more: a verdict, or the end. */
bool drill_reply_final(const struct drill_step *step);

/* What is wrong with the line by itself, whatever the MTA ("payload too short"), or "" when it is a
 * reply that a milter may send. False: no memory. */
bool drill_reply_fault(const struct drill_step *step, struct drill_arena *arena, char *out,
                       size_t cap);

/* ---- the value of a line: the longest bytes in it ---- */

/* 0: it has none. */
uint64_t drill_reply_size(const struct drill_step *step);
/* All of it, if it is not over `most` bytes; ptr NULL: it is, or no memory. */
struct drill_span drill_reply_bytes(const struct drill_step *step, size_t most,
                                    struct drill_arena *arena);
/* The line with `bytes` as its value. NULL: no memory. */
struct drill_step *drill_reply_with(const struct drill_step *step, struct drill_span bytes,
                                    struct drill_arena *arena);
/* The line with a harmless value of n bytes, for which no memory is taken; of `replycode` the codes
 * in front of the text stay. NULL: no memory. */
struct drill_step *drill_reply_filled(const struct drill_step *step, uint64_t n,
                                      struct drill_arena *arena);
/* Of `replycode`: "550 5.7.1 " of its text, else empty. */
struct drill_span drill_reply_codes(const struct drill_step *step);

#endif
