/* SPDX-License-Identifier: MIT */
/*
 * What the parts of scrub share. Each function writes exactly as many bytes as it reads; `out` has
 * that room and does not overlap the input.
 */
#ifndef DRILL_SCENARIO_SCRUB_OPS_H
#define DRILL_SCENARIO_SCRUB_OPS_H

#include "base/arena.h"
#include "scenario/scrub.h"

/* Reserved networks and domains, as bits. Those of the original are not used for its copy, so that
 * nothing in the copy looks like something in it. */
enum drill_scrub_reserved {
    DRILL_SCRUB_NET_1 = 1,  /* 192.0.2.0/24 */
    DRILL_SCRUB_NET_2 = 2,  /* 203.0.113.0/24 */
    DRILL_SCRUB_NET_3 = 4,  /* 198.51.100.0/24 */
    DRILL_SCRUB_NET_V6 = 8, /* 2001:db8::/32 */
    DRILL_SCRUB_COM = 16,
    DRILL_SCRUB_NET = 32,
    DRILL_SCRUB_ORG = 64,     /* example.org */
    DRILL_SCRUB_EXAMPLE = 128 /* .example */
};

struct drill_scrubber {
    const struct drill_scrub_config *config;
    struct drill_arena *arena; /* takes what is decoded on the way, too */
    unsigned taken, seen; /* of drill_scrub_reserved: what is not to be used, what was replaced */
    bool no_memory;       /* sticky; what was written then is of no use */
};

/* How a text is to be read; bits. */
enum {
    DRILL_SCRUB_HOST = 1,     /* every name with a dot is a domain */
    DRILL_SCRUB_MIME = 2,     /* words of MIME stay */
    DRILL_SCRUB_SMTP = 4,     /* words of SMTP, mail programs and milters stay */
    DRILL_SCRUB_HTML = 8,     /* tags, attribute names and entities stay */
    DRILL_SCRUB_DIGITS = 16,  /* numbers stay */
    DRILL_SCRUB_NAMES = 32,   /* only domains and addresses are replaced */
    DRILL_SCRUB_PLAIN = 64,   /* words alone: no domains, addresses or encodings */
    DRILL_SCRUB_FILTER = 128, /* words with which filters speak stay: "clean", "softfail" */
    DRILL_SCRUB_XTEXT = 256,  /* +40 is an `@` (RFC 3461) */
    DRILL_SCRUB_SIGNED = 512  /* words of signatures stay: "relaxed" */
};

/* ---- scrub_word.c ---- */

/* A number from the key, the bytes in lower case, and `salt`. */
uint64_t drill_scrub_hash(const struct drill_scrub_key *key, struct drill_span bytes,
                          uint64_t salt);
/* A letter that is none of a, e, i, o, u, y, chosen by `h`, and another one than
 * `not_this`. */
uint8_t drill_scrub_letter(uint64_t h, uint8_t not_this);
/* A run of letters, digits and bytes over 127. */
void drill_scrub_word(const struct drill_scrub_key *key, struct drill_span word, uint8_t *out);
/* Bytes of no known text: each within its class, by its place. */
void drill_scrub_bytes(const struct drill_scrub_key *key, struct drill_span bytes, uint8_t *out);
bool drill_scrub_is_word(uint8_t c);
bool drill_scrub_is_letter(uint8_t c);
static inline bool drill_scrub_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* ---- scrub_host.c ---- */

/* A name with at least one dot. */
void drill_scrub_domain(struct drill_scrubber *s, struct drill_span name, uint8_t *out);
/* The address at the front of `in`, replaced; its length, or 0: there is none. */
size_t drill_scrub_ipv4(struct drill_scrubber *s, struct drill_span in, uint8_t *out);
size_t drill_scrub_ipv6(struct drill_scrubber *s, struct drill_span in, uint8_t *out);

/* ---- scrub_known.c ---- */

/* A word that stays: `flags` say of which kind. */
bool drill_scrub_known(struct drill_span word, unsigned flags);
/* "pdf": behind the last dot of what is no domain. */
bool drill_scrub_extension(struct drill_span word);

/* ---- scrub_text.c ---- */

/* Anything that people write: a header's value, a line of a body, a macro. */
void drill_scrub_text(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned flags);

/* ---- scrub_shift.c ---- */

/* The shift of ISO 2022 at the front, and what it makes of the bytes behind it; its length, or 0.
 */
size_t drill_scrub_shifted(const struct drill_scrub_key *key, struct drill_span in, uint8_t *out);

/* ---- scrub_code.c ---- */

/* The encoded word (RFC 2047) at the front; its length, or 0. */
size_t drill_scrub_encoded(struct drill_scrubber *s, struct drill_span in, uint8_t *out);
void drill_scrub_quoted(struct drill_scrubber *s, struct drill_span in, uint8_t *out,
                        unsigned flags);
/* `opaque`: what is behind it is no text. */
void drill_scrub_base64(struct drill_scrubber *s, struct drill_span in, uint8_t *out,
                        unsigned flags, bool opaque);

/* ---- scrub_header.c ---- */

/* The value of a header, folds included, by what its name says; by `flags` if it says nothing. */
void drill_scrub_header(struct drill_scrubber *s, struct drill_span name, struct drill_span value,
                        uint8_t *out, unsigned flags);
/* The name of a header or macro: it stays, if it is one that a program would choose. */
void drill_scrub_name(struct drill_scrubber *s, struct drill_span name, uint8_t *out);
/* A date as RFC 5322 has it, blanks around it. */
bool drill_scrub_is_date(struct drill_span text);

/* ---- scrub_mime.c ---- */

/* What the headers of a message or part say about its body; spans point into them. */
struct drill_scrub_part {
    struct drill_span type;     /* Content-Type, whole */
    struct drill_span encoding; /* Content-Transfer-Encoding */
    unsigned depth;             /* of parts within parts */
};

/* Takes note of a header. */
void drill_scrub_part_header(struct drill_scrub_part *part, struct drill_span name,
                             struct drill_span value);
void drill_scrub_body(struct drill_scrubber *s, const struct drill_scrub_part *part,
                      struct drill_span in, uint8_t *out);
/* Headers, an empty line, a body. */
void drill_scrub_message(struct drill_scrubber *s, struct drill_span in, uint8_t *out);

/* ---- scrub_wire.c ---- */

/* The payload of a frame, whatever is wrong with it. */
void drill_scrub_payload(struct drill_scrubber *s, enum drill_dir dir, uint8_t code,
                         struct drill_span in, uint8_t *out);
/* Bytes of a connection: frames as far as they can be told, then text. */
void drill_scrub_stream(struct drill_scrubber *s, enum drill_dir dir, struct drill_span in,
                        uint8_t *out);
void drill_scrub_macro(struct drill_scrubber *s, struct drill_span name, struct drill_span value,
                       uint8_t *out);
/* An argument of MAIL or RCPT. */
void drill_scrub_argument(struct drill_scrubber *s, struct drill_span in, uint8_t *out);
/* What an SMTP client is told: the codes stay. */
void drill_scrub_reply(struct drill_scrubber *s, struct drill_span in, uint8_t *out);

#endif
