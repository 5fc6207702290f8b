/* SPDX-License-Identifier: MIT */
/*
 * One message <-> one line of scenario notation (scenarios/LANGUAGE.md), both ways and exact:
 *     parse(print(code, payload)) gives the same code and payload.
 * A canonical message becomes a typed line; one with a defect `NAME data=...`; an unknown code
 * `frame code=N data=...`; and drill_text_raw writes `raw data=...` for bytes without a frame.
 *
 *     > header name="To" value="bob@example.com"
 *     < optneg version=6 actions=addhdrs,chghdrs protocol=0 list.rcpt="{rcpt_addr}"
 *     > macro stage=mail {mail_addr}="alice@example.org" i="4Xy"
 *
 * Runs of 32 and more of one byte print as products ("a" * 65532), so a line stays readable. Macro
 * names print bare when they are one letter or {word}, else as strings: "odd name"="1", "data"="2".
 * Stages, families and macro lists that have no word print as integers: stage=90, list.9="i".
 * All fields of a message must be there, but for `arg`, `args`, lists, pairs, the port and address
 * of family unknown, and the data of `bodyeob`.
 * The scanners at the end are the notation's lexical rules; scenario/lex uses the same ones.
 */
#ifndef DRILL_WIRE_TEXT_H
#define DRILL_WIRE_TEXT_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/message.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Everything to one line, without a newline: direction mark, word, fields. `shorten`: values over
 * that many bytes end in `...` with their length (for people only; cannot be parsed); 0: never. */
void drill_text_message(struct drill_writer *w, const struct drill_message *m, size_t shorten);
/* The same for any frame: decodes first. */
void drill_text_frame(struct drill_writer *w, enum drill_dir dir, uint8_t code,
                      struct drill_span payload, size_t shorten);
void drill_text_raw(struct drill_writer *w, enum drill_dir dir, struct drill_span bytes,
                    size_t shorten);
/* A bytes value: "..." with escapes, and products for long runs. */
void drill_text_bytes(struct drill_writer *w, struct drill_span bytes, size_t shorten);
/* A flags value: names joined by commas, unknown bits as one 0x number, "0" for none. */
void drill_text_flags(struct drill_writer *w, const struct drill_proto_bit *bits, size_t count,
                      uint32_t value);

enum drill_text_kind { DRILL_TEXT_FRAME, DRILL_TEXT_RAW };

struct drill_text_line {
    enum drill_text_kind kind;
    enum drill_dir dir;
    uint8_t code;              /* not for RAW */
    struct drill_span payload; /* in the arena */
};

/* One line as printed above (no patterns, no modifiers, no events: those are the scenario
 * language's). Errors carry line 1 and the column. DRILL_OK, DRILL_ERR_SYNTAX, DRILL_ERR_VALUE,
 * DRILL_ERR_LIMIT (expands to more than `limit` bytes), DRILL_ERR_MEMORY. */
enum drill_code drill_text_parse(struct drill_span line, size_t limit, struct drill_arena *arena,
                                 struct drill_text_line *out, struct drill_error *err);

/* Scanners: each looks at the front of *in and, on success, moves it behind what it took. On
 * failure *in stays, except that it is moved to the offending byte when a string is at fault. */

/* [A-Za-z_][A-Za-z0-9_-]* */
bool drill_text_scan_name(struct drill_span *in, struct drill_span *name);
/* Decimal or 0x hexadecimal, with an optional KiB or MiB. False when there is no integer, it has
 * letters behind it, or it does not fit 64 bits. */
bool drill_text_scan_int(struct drill_span *in, uint64_t *value);
/* "..." with escapes, to the arena. DRILL_ERR_SYNTAX: unterminated, or an unknown escape. */
enum drill_code drill_text_scan_string(struct drill_span *in, struct drill_arena *arena,
                                       struct drill_span *out, struct drill_error *err);
/* The digits of hex "0a ff" (the content of the string): pairs, blanks between them. */
enum drill_code drill_text_unhex(struct drill_span digits, struct drill_arena *arena,
                                 struct drill_span *out, struct drill_error *err);

#ifdef __cplusplus
}
#endif
#endif
