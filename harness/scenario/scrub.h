/* SPDX-License-Identifier: MIT */
/*
 * An anonymised copy of a scenario or recording, with the files it names, that keeps its shape:
 * every value, line, header, MIME part and frame has the length it had, and the same value has the
 * same replacement wherever it stands. It is here, below I/O, and not in record/, because it is
 * text and bytes in, text and bytes out; the command line reads, writes and brings the key.
 *
 * What is replaced, by what:
 *     word      letters by consonants (no word of any language turns up by chance), digits by
 *               digits, letters of UTF-8 by others of as many bytes, all by a keyed hash of the
 *               word in lower case. Case, punctuation, blanks, controls and NULs stay.
 *               Words of up to three characters are mapped one to one; longer ones may, rarely,
 *               share a replacement.
 *     domain    its registered part, by length: 16 and more `bcdf.example.com` (.net, .org); 13 to
 *               15 `bcdfg.example`; 6 to 12 `b.test`; shorter than that no reserved name is, so 4
 *               and 5 become `bc.d`: there is no one-letter top level domain (RFC 2606). Labels
 *               before it are words, so subdomains stay subdomains. One with letters that are not
 *               ASCII: every label is a word.
 *     IPv4      192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 for 9 to 14 characters; 7 and 8:
 *               0.0.0.0/8; 15: 240.0.0.0/4 (reserved, RFC 1112). Loopback stays.
 *     IPv6      2001:db8::/32 from 11 characters; 7 to 10: 3fff::/20 (RFC 9637); 5 and 6: 100::/64
 *               (RFC 6666); 3 and 4 ::f, ::ff. Loopback and `::` stay.
 *               Networks and domains for documentation that the original has itself are not used
 *               for its copy: 240.0.0.0/4, 3fff::/20 and .invalid take their places.
 *     7-bit     characters behind a shift of ISO 2022 (ISO-2022-JP): others of the same charset.
 *     base64    what is behind it: text as text, the rest byte by byte within its class (letter,
 *               digit, 8-bit). Encoded words and quoted-printable: what is behind them.
 * What a milter says (replies, headers it adds, reasons) keeps the words that filters share:
 * "clean", "softfail". Its other words are replaced, so a copy may expect words that no milter says
 * any more:
 * --check finds out, and --keep header:NAME holds for headers that are added, too.
 *
 * What stays: names of headers, macros, MIME parameters, HTML tags; dates of date headers and of
 * Received; types, charsets, encodings and protocol words where they belong; reply codes, ports,
 * numbers and bits of the protocol. Titles are made anew; `why` lines and comments are left out.
 *
 * This is no cryptographic promise: lengths, repetitions and times stay, and may tell who knows
 * what to look for. Without the key nobody can try words (SipHash).
 */
#ifndef DRILL_SCENARIO_SCRUB_H
#define DRILL_SCENARIO_SCRUB_H

#include "scenario/parse.h"

/* From the system's random; the same key gives the same copy. */
struct drill_scrub_key {
    uint64_t k0, k1;
};

struct drill_scrub_config {
    struct drill_scrub_key key;
    const struct drill_name *keep; /* names of headers whose values stay, in any case */
    bool keep_body;                /* bodies stay as they are, with their MIME parts */
    struct drill_span prefix;      /* files become PREFIX-1.eml, PREFIX-2.bin ... */
};

/* A file that the scenario names, in its copy. */
struct drill_scrub_file {
    struct drill_span was, name;               /* as in the original, and in the copy */
    struct drill_span bytes;                   /* as many as it had */
    bool message;                              /* headers and a body */
    struct drill_scrub_region *regions, *last; /* private: scrub_file.c */
    struct drill_scrub_file *next;
};

struct drill_scrubbed {
    struct drill_span text; /* the .drill file */
    struct drill_scrub_file *files;
};

/* `source`, called `name` in errors. All that comes of it is in the arena. False with the errors,
 * those of drill_parse or one of our own (memory, a file that is not there). */
bool drill_scrub(const struct drill_scrub_config *config, struct drill_span source,
                 const char *name, const struct drill_loader *loader, struct drill_arena *arena,
                 struct drill_scrubbed *out, struct drill_errors *errors);

#endif
