/* SPDX-License-Identifier: MIT */
/*
 * A message as MTAs cut it: header fields with their folds, and a body.
 *
 * Source lines may end in LF or CRLF. When the first line ends in CRLF the text is taken as it is;
 * otherwise every LF becomes CRLF. Bare CR, NUL and 8-bit bytes are kept. A line that begins an
 * mbox ("From alice ...") is refused: it is no part of a message.
 * Everything is in the arena that was given, or points into the source.
 */
#ifndef DRILL_SESSION_MAIL_H
#define DRILL_SESSION_MAIL_H

#include "base/arena.h"
#include "base/error.h"

struct drill_mail_header {
    struct drill_span name;  /* before the colon, as written (may be empty, may end in blanks) */
    struct drill_span value; /* behind the colon: leading blank and folds (CRLF WSP) included,
                                without the final CRLF */
    struct drill_mail_header *next;
};

struct drill_mail {
    struct drill_mail_header *headers;
    struct drill_span body; /* behind the empty line; CRLF lines */
    bool has_body;          /* false: the text ended with its headers */
    struct drill_span raw;  /* the whole message, CRLF; made by drill_mail_finish */
    struct drill_span text; /* private: the parsed text, while `raw` can be just that */
    struct drill_span head; /* private: of a lean one, header and the first bytes of the body */
    size_t lead;            /* private: bytes before the body; 0: it is not lean */
};

/* Most bytes that drill_mail_slice gives of a lean message in one piece. */
enum { DRILL_MAIL_SLICE = 1 << 20 };

/* DRILL_ERR_SYNTAX with the line: mbox line; a first line that is no header field. The header ends
 * at the first line that is neither a field nor a fold (as MTAs do): what follows is body. */
enum drill_code drill_mail_parse(struct drill_span source, struct drill_arena *arena,
                                 struct drill_mail *mail, struct drill_error *err);
/* The default message: From, To, Subject, body "Hello.\r\n". Invented addresses. */
enum drill_code drill_mail_default(struct drill_span from, struct drill_span to,
                                   struct drill_arena *arena, struct drill_mail *mail);
/* Replaces the value of the first header of that name (case does not matter), else adds one last.
 * `value` is what stands behind "Name: ", so a blank is put before it; LF folds become CRLF. */
enum drill_code drill_mail_set_header(struct drill_mail *mail, struct drill_span name,
                                      struct drill_span value, struct drill_arena *arena);
/* The body, as it is. */
void drill_mail_set_body(struct drill_mail *mail, struct drill_span body);
/* Puts `raw` together; to be called after the last change. */
enum drill_code drill_mail_finish(struct drill_mail *mail, struct drill_arena *arena);
/* In its place: `raw` stays empty, and a large body is not copied. For an MTA's model, which goes
 * by the two below. */
enum drill_code drill_mail_finish_lean(struct drill_mail *mail, struct drill_arena *arena);
/* Bytes of the whole message. */
size_t drill_mail_size(const struct drill_mail *mail);
/* From `at` on, at most `most` of them. */
struct drill_span drill_mail_slice(const struct drill_mail *mail, size_t at, size_t most);

/* The first address of the first header of that name, without brackets, display name or comment;
 * empty when there is none. Enough of RFC 5322 for an envelope's default, not a parser. */
struct drill_span drill_mail_address(const struct drill_mail *mail, const char *name);
/* All addresses of that header, appended to *list (array in the arena). */
enum drill_code drill_mail_addresses(const struct drill_mail *mail, const char *name,
                                     struct drill_arena *arena, struct drill_span **list,
                                     size_t *count);
const struct drill_mail_header *drill_mail_find(const struct drill_mail *mail, const char *name);
/* Valid UTF-8, as Rust's from_utf8 has it (no surrogates, no overlong forms). */
bool drill_mail_is_utf8(struct drill_span s);

#endif
