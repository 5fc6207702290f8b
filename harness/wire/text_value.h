/* SPDX-License-Identifier: MIT */
/*
 * The values of a line: strings and products, integers, flags, names. Private to wire/text_*.c.
 * Each takes its value from the front of p->cur, or sets the error at p->mark and returns its code.
 */
#ifndef DRILL_WIRE_TEXT_VALUE_H
#define DRILL_WIRE_TEXT_VALUE_H

#include "wire/text.h"
#include "wire/text_fields.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DRILL_VALUE_HINT = 64, DRILL_VALUE_NAMES = 32 };

struct drill_text_parser {
    struct drill_span line;
    struct drill_span cur;
    const uint8_t *mark; /* where the token began that an error is about */
    size_t limit;
    struct drill_arena *arena;
    struct drill_error *err;
    const struct drill_proto_message *message; /* NULL: raw or frame */
    const struct drill_text_row *rows;
    size_t row_count;
    uint32_t seen; /* a bit for each row */
    struct drill_message m;
    struct drill_buf rest; /* becomes m.rest */
    bool has_data;
    struct drill_span data;
};

/* ---- errors: each returns its code ---- */

/* The place of the error that was just set. */
enum drill_code drill_value_at_mark(struct drill_text_parser *p, enum drill_code code);
enum drill_code drill_value_no_memory(struct drill_text_parser *p);
enum drill_code drill_value_over_limit(struct drill_text_parser *p);
enum drill_code drill_value_expected(struct drill_text_parser *p, const char *what);
enum drill_code drill_value_unknown_name(struct drill_text_parser *p, const char *what,
                                         struct drill_span word, const char *const *names,
                                         size_t count);
/* "; did you mean "x"?", or "", in buf[DRILL_VALUE_HINT]. */
const char *drill_value_hint(char *buf, struct drill_span word, const char *const *names,
                             size_t count);
/* How much of a name an error text shows, for "%.*s". */
int drill_value_shown(struct drill_span s);
/* The words of all messages of a direction, to names[DRILL_VALUE_NAMES]. */
size_t drill_value_message_names(enum drill_dir dir, const char **names);

/* ---- tokens ---- */

static inline void drill_value_skip(struct drill_text_parser *p, size_t n)
{
    p->cur = drill_span_sub(p->cur, n, p->cur.len);
}

static inline bool drill_value_at(const struct drill_text_parser *p, char c)
{
    return p->cur.len && p->cur.ptr[0] == (uint8_t)c;
}

static inline bool drill_value_at_end(const struct drill_text_parser *p)
{
    return p->cur.len == 0 || drill_value_at(p, '#');
}

/* Returns how many blanks there were; the next token begins behind them. */
size_t drill_value_blanks(struct drill_text_parser *p);
enum drill_code drill_value_string(struct drill_text_parser *p, struct drill_span *out);

/* ---- values ---- */

enum drill_code drill_value_bytes(struct drill_text_parser *p, struct drill_span *out);
enum drill_code drill_value_u32(struct drill_text_parser *p, uint64_t most, uint32_t *out);
enum drill_code drill_value_flags(struct drill_text_parser *p, const struct drill_proto_bit *bits,
                                  size_t count, uint32_t *value);
enum drill_code drill_value_family(struct drill_text_parser *p, uint8_t *letter);
enum drill_code drill_value_stage(struct drill_text_parser *p, uint8_t *letter);
/* The stage of a macro list, by its name or number. */
enum drill_code drill_value_list_stage(struct drill_text_parser *p, uint32_t *number);

#ifdef __cplusplus
}
#endif
#endif
