/* SPDX-License-Identifier: MIT */
/*
 * The scenario language, whole, as the parser leaves it. Reference: scenarios/LANGUAGE.md.
 *
 * Ownership: every node, string and list is in the arena that the parser was given and lives as
 * long as that. Nothing changes a file after it was parsed; a runner keeps its own state.
 * Names are resolved (field ids, flag bits, stage letters, durations in microseconds), so that
 * nobody behind the parser compares words. Lists are linked in source order.
 */
#ifndef DRILL_SCENARIO_AST_H
#define DRILL_SCENARIO_AST_H

#include "scenario/ast_value.h"
#include "wire/message.h"
#include "wire/proto.h"

/* ---- lines ---- */

/* Which part of a message a field names. */
enum drill_field_id {
    DRILL_FIELD_STR0,    /* message.str[0] */
    DRILL_FIELD_STR1,    /* message.str[1]; `args` of STR_OPT */
    DRILL_FIELD_NUMBER0, /* message.number[0]: version, index */
    DRILL_FIELD_NUMBER1, /* actions */
    DRILL_FIELD_NUMBER2, /* protocol */
    DRILL_FIELD_FAMILY,
    DRILL_FIELD_PORT,
    DRILL_FIELD_STAGE, /* MACRO */
    DRILL_FIELD_ARG,   /* one more string of STR_STRS; repeats */
    DRILL_FIELD_MACRO, /* key is the macro's name; repeats */
    DRILL_FIELD_LIST,  /* list.STAGE: `number` is the stage's number; repeats */
    DRILL_FIELD_BODY,  /* the data of a BYTES message, written `data=`: its own field */
    DRILL_FIELD_DATA,  /* `data=` of any other message: replaces the whole payload */
    DRILL_FIELD_CODE,  /* of `frame` */
    DRILL_FIELD_FOR    /* of `silence`, `stall` */
};

struct drill_field {
    enum drill_field_id id;
    struct drill_pos pos;
    struct drill_span key; /* as written, unquoted; macros: the name as on the wire */
    uint32_t number;       /* LIST: SETSYMLIST stage */
    struct drill_value value;
    struct drill_field *next;
};

enum drill_item_kind {
    DRILL_ITEM_MESSAGE, /* code says which */
    DRILL_ITEM_FRAME,   /* any code, any data */
    DRILL_ITEM_RAW,     /* bytes without a frame */
    DRILL_ITEM_OPEN,
    DRILL_ITEM_REFUSE,
    DRILL_ITEM_CLOSE,
    DRILL_ITEM_HALF_CLOSE,
    DRILL_ITEM_RESET,
    DRILL_ITEM_HANGUP,
    DRILL_ITEM_SILENCE,
    DRILL_ITEM_STALL
};

/* How the bytes travel. Durations in microseconds. */
struct drill_travel {
    bool has_after, has_within, has_dribble, has_cut, has_length, join;
    uint64_t after, within, dribble;
    uint32_t cut;          /* bytes of the whole frame that are sent */
    uint32_t length;       /* the length word instead of the true one */
    const uint32_t *split; /* sizes of the first writes */
    size_t splits;
    /* Values as written; empty: not from a text. */
    struct drill_span after_source, within_source, split_source, dribble_source, cut_source;
    struct drill_span length_source;
};

struct drill_item {
    enum drill_item_kind kind;
    struct drill_pos pos;
    struct drill_span word; /* as written */
    uint8_t code;           /* MESSAGE */
    struct drill_field *fields;
    struct drill_travel travel;
    struct drill_item *next; /* the next alternative of `|` */
};

enum drill_step_kind {
    DRILL_STEP_LINE,
    DRILL_STEP_ELLIPSIS,
    DRILL_STEP_MEET,
    DRILL_STEP_REPEAT,
    DRILL_STEP_CONCURRENTLY
};

struct drill_block {
    struct drill_step *steps;
    struct drill_check *checks;
    struct drill_trivia end; /* `above`: comments before the closing brace; `after`: behind it */
};

struct drill_step {
    enum drill_step_kind kind;
    struct drill_pos pos;
    struct drill_trivia trivia;
    enum drill_dir dir;       /* LINE */
    bool given;               /* LINE */
    struct drill_item *items; /* LINE: the alternatives, at least one */
    uint64_t count, count2;   /* REPEAT n; CONCURRENTLY n and m (0: no second block) */
    struct drill_block block, block2;
    struct drill_step *next;
};

/* ---- setup and checks ---- */

enum drill_setup_kind {
    DRILL_SETUP_WHY,     /* text */
    DRILL_SETUP_MTA,     /* name, fields */
    DRILL_SETUP_MILTER,  /* name, fields */
    DRILL_SETUP_BEFORE,  /* name, fields: another milter, which the MTA asks before this one */
    DRILL_SETUP_AFTER,   /* name, fields: ... and after it */
    DRILL_SETUP_TLS,     /* fields: cert */
    DRILL_SETUP_JUDGE,   /* names; none: all */
    DRILL_SETUP_CLIENT,  /* fields: addr port host helo auth tls count */
    DRILL_SETUP_MESSAGE, /* fields: from rcpt* file count */
    DRILL_SETUP_HEADER,  /* fields: name value */
    DRILL_SETUP_BODY,    /* fields: data */
    DRILL_SETUP_SMTP     /* fields: after send end */
};

/* key=value of a setup line or a check. Values are BYTES, INT, DURATION, FLAGS (actions,
 * protocol), RANGE (message=) or NAME; for matching checks (delivered header value=) any matcher.
 */
struct drill_pair {
    struct drill_span key;
    struct drill_pos pos;
    struct drill_value value;
    struct drill_pair *next;
};

struct drill_name {
    struct drill_span text;
    struct drill_pos pos;
    struct drill_name *next;
};

struct drill_setup {
    enum drill_setup_kind kind;
    struct drill_pos pos;
    struct drill_trivia trivia;
    struct drill_span text;   /* WHY; MTA, MILTER, BEFORE, AFTER: the profile's name */
    struct drill_name *names; /* JUDGE */
    struct drill_pair *fields;
    struct drill_setup *next;
};

enum drill_outcome {
    DRILL_OUTCOME_NONE,
    DRILL_OUTCOME_ACCEPT,   /* 2xx */
    DRILL_OUTCOME_TEMPFAIL, /* 4xx */
    DRILL_OUTCOME_REJECT,   /* 5xx */
    DRILL_OUTCOME_DROP      /* no reply at all */
};

struct drill_outcome_alt {
    enum drill_outcome outcome;
    struct drill_pair *fields; /* code, text */
    struct drill_outcome_alt *next;
};

enum drill_check_kind { DRILL_CHECK_VERDICT, DRILL_CHECK_DELIVERED };
enum drill_delivered {
    DRILL_DELIVERED_FIELDS,
    DRILL_DELIVERED_NONE,
    DRILL_DELIVERED_HEADER,
    DRILL_DELIVERED_BODY
};

struct drill_check {
    enum drill_check_kind kind;
    enum drill_delivered delivered;
    struct drill_pos pos;
    struct drill_trivia trivia;
    struct drill_pair *fields; /* VERDICT: message at rcpt; DELIVERED: name value data from rcpt */
    struct drill_outcome_alt *outcomes; /* VERDICT: at least one */
    struct drill_check *next;
};

enum drill_tests { DRILL_TESTS_EITHER, DRILL_TESTS_MTA, DRILL_TESTS_MILTER };

struct drill_file {
    uint32_t version; /* 1 */
    struct drill_span title;
    enum drill_tests tests;
    struct drill_span recorded; /* recorded="2026-11-20T12:00:00Z"; empty: this is no recording */
    struct drill_trivia trivia; /* of the first line */
    struct drill_setup *setup;
    struct drill_block body; /* steps, checks; end.above: comments at the end of the file */
};

#endif
