/* SPDX-License-Identifier: MIT */
/*
 * Which reply of a milter makes this MTA fail? Plays what a recorded milter said to the MTA under
 * test, and again as a milter that only says continue; where the MTA does not come to the same, it
 * looks for the lines that are needed for that, by delta debugging, and for the size from which on
 * a line does it.
 *
 * The caller owns all that the question points to; the answer lives in the question's arena. No
 * I/O: the caller plays.
 */
#ifndef DRILL_DIAGNOSE_BLAME_H
#define DRILL_DIAGNOSE_BLAME_H

#include "diagnose/diagnose.h"
#include "diagnose/replies.h"
#include "session/judge.h"

/* Messages of a conversation that are compared, the first ones; rules that are told. */
enum { DRILL_BLAME_MESSAGES = 16, DRILL_BLAME_RULES = 4 };

/* What the client was told of one message. */
struct drill_blame_told {
    uint16_t code; /* of the message, or of what ended it before; 0: no reply */
    uint8_t stage; /* DRILL_SMFIC_*: of the SMTP command that got it */
    char text[DRILL_SIGNATURE_TEXT];
};

/* What came of one conversation: what the SMTP client was told, and what became of the milter. */
struct drill_blame_seen {
    struct drill_blame_told told[DRILL_BLAME_MESSAGES];
    size_t messages;  /* of told; 0 counts as 1 */
    bool unreachable; /* nobody takes mail there */
    bool asked;       /* the MTA connected to the milter */
    bool gave_up;     /* the MTA ended that connection without `quit` */
    bool has_sink;
    uint32_t delivered;                             /* has_sink: so many messages were */
    struct drill_finding broken[DRILL_BLAME_RULES]; /* by either side; the first of each rule */
    size_t rules;
    uint64_t most_reply, added; /* data bytes: of the largest reply; of all changes to messages */
    uint64_t slowest;           /* microseconds: the longest that the milter took for a reply */
    uint64_t waited;            /* gave_up: so long behind what the MTA said last */
};

/* All but the texts, which have queue ids in them, the rules and the numbers. */
bool drill_blame_same(const struct drill_blame_seen *a, const struct drill_blame_seen *b);
/* The first message that came to something else, from 0; when none did: the first. */
size_t drill_blame_message(const struct drill_blame_seen *a, const struct drill_blame_seen *b);
/* "message 2 of 3: the client is told 451 4.7.1 ... at bodyeob; the MTA gives the milter up". */
void drill_blame_say(const struct drill_blame_seen *s, size_t message, char *out, size_t cap);
/* So many messages the MTA took. */
uint32_t drill_blame_accepted(const struct drill_blame_seen *s);

struct drill_blame_ops {
    /* Plays this scenario as the milter. False: there is to be no more. */
    bool (*play)(void *ctx, const struct drill_file *file, struct drill_blame_seen *seen);
    void (*progress)(void *ctx, const char *what, uint32_t sessions, uint32_t budget); /* or NULL */
    uint64_t (*now)(void *ctx); /* microseconds, monotonic */
    void *ctx;
};

struct drill_blame_question {
    const struct drill_replies *replies;
    const struct drill_blame_ops *ops;
    uint32_t sessions;     /* budget */
    uint64_t microseconds; /* budget; 0: none */
    struct drill_arena *arena;
};

/* A line that is needed for the failure. */
struct drill_blamed {
    const struct drill_step *line, *command; /* of a size: with a little more than smallest_fail */
    struct drill_pos pos;                    /* in the recording */
    const char *quantity; /* "bytes" of its value; NULL: its size does not matter, or it has none */
    uint64_t largest_pass, smallest_fail; /* of quantity */
    bool any_value;                       /* any value does it; it is not looked at then */
    struct drill_span bytes; /* the piece of its value that does it; ptr NULL: not found, or none */
    char fault[DRILL_LAB_WHAT]; /* what is wrong with it by itself (replies.h); "": nothing */
    struct drill_blamed *next;
};

struct drill_blame_try {
    char what[DRILL_LAB_WHAT];
    enum drill_answer answer;
    uint32_t sessions;
    struct drill_blame_try *next;
};

struct drill_blame {
    enum drill_outcome_kind outcome; /* NOT_REPRODUCED: it comes to the same as a plain milter */
    bool deterministic;
    uint32_t played, failed;
    struct drill_blame_seen plain, seen; /* with a plain milter; with all lines of the recording */
    struct drill_blame_seen least;       /* with those that are needed; as `seen` until then */
    size_t message;                      /* that fails, from 0 */
    struct drill_blamed *blamed;         /* all needed together */
    size_t suspects;
    struct drill_blame_try *tries;
    const struct drill_file *minimal; /* NULL unless DIAGNOSED */
    bool complete, spent;
    uint32_t sessions;
    uint64_t elapsed;
};

/* DRILL_ERR_MEMORY, or DRILL_OK: then *out is filled, whatever was found. */
enum drill_code drill_blame(const struct drill_blame_question *q, struct drill_blame *out,
                            struct drill_error *err);

#endif
