/* SPDX-License-Identifier: MIT */
/*
 * The cursor of the scenario parser: places, blanks, comments, names, numbers and strings, and the
 * one door through which errors are recorded. The lexical rules are those of wire/text.h.
 *
 * The parser is driven by characters, not by a token list: `nr_hdr-skip` is one name in one place
 * and two flags in another, and only the key in front of it tells. Nothing here is global; memory
 * comes from the arena. After `stop` is set (no memory, too deep) every loop of the parser ends.
 */
#ifndef DRILL_SCENARIO_LEX_H
#define DRILL_SCENARIO_LEX_H

#include "scenario/parse.h"

struct drill_lex {
    const uint8_t *start;
    const uint8_t *end;
    const uint8_t *cur;
    const uint8_t *line_start; /* of the physical line that `cur` is in */
    uint32_t line;
    const char *name; /* of the source, in errors */
    struct drill_arena *arena;
    struct drill_errors *errors;
    bool stop;
};

void drill_lex_init(struct drill_lex *lex, struct drill_span source, const char *name,
                    struct drill_arena *arena, struct drill_errors *errors);

/* ---- errors ---- */

/* Records an error at a place. Always returns false, so that a caller can return it. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
bool drill_lex_fail(struct drill_lex *lex, struct drill_pos pos, enum drill_code code,
                    const char *fmt, ...);
/* No memory: one error, then stop. Always returns false. */
bool drill_lex_no_memory(struct drill_lex *lex);
/* Adds an error that was made elsewhere; `pos` and the name are put into it. */
bool drill_lex_adopt(struct drill_lex *lex, struct drill_pos pos, const struct drill_error *err);
/* drill_arena_take that reports its own failure. */
void *drill_lex_take_memory(struct drill_lex *lex, size_t size);

/* A few printable characters for an error text: odd bytes as \xHH, long ones cut. */
enum { DRILL_BRIEF_MAX = 56 };
struct drill_brief {
    char text[DRILL_BRIEF_MAX];
};
struct drill_brief drill_brief_of(struct drill_span bytes);
/* What stands at the cursor: `"the end of the line"`, or the word, number or character there. */
struct drill_brief drill_lex_came(const struct drill_lex *lex);
/* "; did you mean \"header\"?", or "" when no name is near. */
enum { DRILL_HINT_MAX = 80 };
struct drill_hint {
    char text[DRILL_HINT_MAX];
};
struct drill_hint drill_hint_of(struct drill_span word, const char *const *names, size_t count);

/* ---- moving ---- */

struct drill_pos drill_lex_pos(const struct drill_lex *lex);
/* The byte at the cursor, or -1 at the end of the source. */
int drill_lex_peek(const struct drill_lex *lex);
/* Over blanks and `\` continuations. */
void drill_lex_blanks(struct drill_lex *lex);
/* Takes `c` when it is at the cursor (no blanks skipped). */
bool drill_lex_take(struct drill_lex *lex, char c);
/* Takes `text` when it is at the cursor. */
bool drill_lex_take_text(struct drill_lex *lex, const char *text);
/* True at a newline, a comment or the end of the source, blanks skipped. */
bool drill_lex_at_line_end(struct drill_lex *lex);
/* True when a value or word may end here: blank, continuation, line end, `|` or `#`. */
bool drill_lex_at_gap(const struct drill_lex *lex);

/* [A-Za-z_][A-Za-z0-9_-]*; false and unmoved when there is none. */
bool drill_lex_name(struct drill_lex *lex, struct drill_span *name);
/* The name at the cursor without taking it; empty when there is none. */
struct drill_span drill_lex_peek_name(const struct drill_lex *lex);

enum drill_lex_number { DRILL_NUMBER_BAD, DRILL_NUMBER_INT, DRILL_NUMBER_DURATION };
/* An integer, or a duration in microseconds. The cursor must be at a digit. BAD: reported. */
enum drill_lex_number drill_lex_number(struct drill_lex *lex, uint64_t *value);
/* "..." with escapes. False: reported. */
bool drill_lex_string(struct drill_lex *lex, struct drill_span *out);

/* ---- lines ---- */

/* Comments and blank lines up to the next statement (or the end) into `above`, canonical: no
 * indentation, no blanks at line ends, at most one empty line in a row. */
bool drill_lex_above(struct drill_lex *lex, struct drill_span *above);
/* The statement ends here: stores its comment and moves behind the newline. False: reported, and
 * the cursor is where the unexpected thing stands. */
bool drill_lex_finish(struct drill_lex *lex, struct drill_span *after);
/* After an error: behind the next newline that is no continuation. True when the line opened a
 * block, so that the parser can go on inside it. */
bool drill_lex_skip_line(struct drill_lex *lex);

#endif
