/* SPDX-License-Identifier: MIT */
/*
 * What the parse*.c files share; nobody else includes it.
 *
 * Every function that parses returns false after it reported (the statement is then given up and
 * the parser goes on at the next line), and takes from `p->lex`. Keys decide what a value may be:
 * a drill_take says which kinds, and within which limits.
 */
#ifndef DRILL_SCENARIO_PARSER_H
#define DRILL_SCENARIO_PARSER_H

#include "scenario/lex.h"

enum { DRILL_PARSE_SOURCE_MAX = 16 << 20, DRILL_PARSE_DEPTH = 16, DRILL_WORDS_MAX = 32 };

/* Words that stand for a number, or that are the only ones allowed. */
struct drill_words {
    const char *word[DRILL_WORDS_MAX];
    uint32_t number[DRILL_WORDS_MAX];
    size_t count;
};

/* parse_words.c, made from proto.def. */
extern const struct drill_words drill_words_actions;  /* bits */
extern const struct drill_words drill_words_protocol; /* bits */
extern const struct drill_words drill_words_commands; /* letters: what `macro stage=` names */
extern const struct drill_words drill_words_families; /* letters */
extern const struct drill_words drill_words_lists;    /* numbers of SETSYMLIST stages */
extern const struct drill_words drill_words_stages;   /* SMTP stages of at= and after= */

struct drill_parser {
    struct drill_lex lex;
    const struct drill_loader *loader;
    unsigned depth;
};

enum drill_take_kind {
    DRILL_TAKE_BYTES = 1,
    DRILL_TAKE_INT = 2,
    DRILL_TAKE_DURATION = 4,
    DRILL_TAKE_FLAGS = 8, /* words or numbers, a list of them, or an edit */
    DRILL_TAKE_NAME = 16, /* one of `words`; any when NULL */
    DRILL_TAKE_INTS = 32,
    DRILL_TAKE_GLOB = 64,
    DRILL_TAKE_RANGE = 128,
    DRILL_TAKE_LEN = 256,
    DRILL_TAKE_ABSENT = 512,
    DRILL_TAKE_BIND = 1024,
    DRILL_TAKE_LIST = 2048, /* names joined by commas, kept as one NAME */
    /* What most fields of messages take. */
    DRILL_TAKE_TEXT = DRILL_TAKE_BYTES | DRILL_TAKE_GLOB | DRILL_TAKE_LEN | DRILL_TAKE_BIND,
    DRILL_TAKE_NUMBER = DRILL_TAKE_INT | DRILL_TAKE_RANGE | DRILL_TAKE_BIND,
    /* What a key of a profile takes: it is the profile that knows. */
    DRILL_TAKE_SETTING = DRILL_TAKE_BYTES | DRILL_TAKE_INT | DRILL_TAKE_DURATION | DRILL_TAKE_NAME |
                         DRILL_TAKE_LIST | DRILL_TAKE_INTS
};

struct drill_take {
    unsigned kinds;
    uint64_t min, max; /* of integers */
    const struct drill_words *words;
};

/* parse_value.c */
bool drill_parse_value(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_value *out);
/* key "=": the key as a name; the cursor is behind the `=`. */
bool drill_parse_equals(struct drill_parser *p, struct drill_span key);
/* After a field: a blank, the line's end or `|` must follow. */
bool drill_parse_gap(struct drill_parser *p);
/* An integer of a statement itself: `repeat 3`, `drill 1`. */
bool drill_parse_count(struct drill_parser *p, const char *what, uint64_t max, uint64_t *out);
/* parse_bytes.c: part {+ part}; the cursor is at its first atom. */
bool drill_parse_bytes(struct drill_parser *p, struct drill_value *out);
/* Whether a file name is one that a scenario may use; the loader looks at links and roots. */
bool drill_parse_file_name(struct drill_parser *p, struct drill_pos pos, struct drill_span name);
const uint32_t *drill_words_find(const struct drill_words *words, struct drill_span word);

/* parse_first.c: the first line, behind `drill`. */
bool drill_parse_first(struct drill_parser *p, struct drill_file *file);

/* parse_line.c: behind `>` or `<`. */
bool drill_parse_items(struct drill_parser *p, enum drill_dir dir, struct drill_item **out);
/* Whether a word is a message or an event of a direction. */
bool drill_parse_is_item(enum drill_dir dir, struct drill_span word);

/* parse_setup.c: behind the statement's word. */
bool drill_parse_setup(struct drill_parser *p, struct drill_setup *s);
bool drill_parse_verdict(struct drill_parser *p, struct drill_check *c);
bool drill_parse_delivered(struct drill_parser *p, struct drill_check *c);

#endif
