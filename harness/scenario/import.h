/* SPDX-License-Identifier: MIT */
/*
 * Conversations out of what other programs wrote down: captures, hex dumps, raw streams, logs.
 *
 * A reader (import_pcap.h, import_log.h, drill_import_streams) takes bytes and adds talks to a
 * drill_import: each one a milter connection as a list of events, oldest first. drill_import_write
 * makes a scenario of a talk: typed lines where they are exact, else raw, with a comment wherever
 * something is missing or invented. No file, no clock.
 *
 * Nothing of the input is trusted, and nothing that is wrong in it ends the import: what could be
 * read is kept, and the rest is named in `notes` by byte offset or line. Spans point into the
 * input, which must outlive the import; all else is in the arena.
 */
#ifndef DRILL_SCENARIO_IMPORT_H
#define DRILL_SCENARIO_IMPORT_H

#include "base/arena.h"
#include "base/error.h"
#include "scenario/transcript.h"

enum drill_import_kind {
    DRILL_IMPORT_BYTES, /* the next bytes of a direction, as they travelled together */
    DRILL_IMPORT_FRAME, /* a frame that a log tells of: `code`, and its payload in `bytes` */
    DRILL_IMPORT_GAP,   /* `size` bytes of the direction that nobody wrote down */
    DRILL_IMPORT_END,   /* `how` */
    DRILL_IMPORT_NOTE   /* `text` becomes a comment */
};

struct drill_import_event {
    enum drill_import_kind kind;
    enum drill_dir dir;
    uint8_t code;
    enum drill_end how;
    uint64_t time; /* microseconds since 1970; 0: unknown */
    uint64_t size;
    struct drill_span bytes;
    const char *text;
    struct drill_import_event *next;
};

struct drill_import_talk {
    struct drill_import_event *events, **events_end;
    bool mid[2];     /* by direction: begins in the middle, perhaps within a frame */
    bool invented;   /* bodies are not what was sent: no message is to be made of them as it is */
    char label[120]; /* where it comes from, for people: "192.0.2.1:40213 to 192.0.2.9:7357" */
    struct drill_import_talk *next;
};

enum { DRILL_IMPORT_NOTES = 40 }; /* kept; further ones are only counted */

struct drill_import_note {
    struct drill_error error;
    struct drill_import_note *next;
};

struct drill_import {
    struct drill_arena *arena;
    struct drill_import_talk *talks, **talks_end;
    size_t count;
    struct drill_import_note *notes, **notes_end;
    size_t noted;
    bool no_memory; /* the arena refused: the talks are not all there */
};

void drill_import_init(struct drill_import *im, struct drill_arena *arena);
/* A new talk with the first event's place to fill; NULL when memory is refused. It belongs to the
 * import once drill_import_keep was called. */
struct drill_import_talk *drill_import_talk_new(struct drill_import *im);
void drill_import_keep(struct drill_import *im, struct drill_import_talk *talk);
/* The next event of a talk; NULL when memory is refused. */
struct drill_import_event *drill_import_add(struct drill_import *im, struct drill_import_talk *talk,
                                            enum drill_import_kind kind, enum drill_dir dir,
                                            uint64_t time);
/* Something could not be read. `line` 0: the place is the byte `offset`. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void drill_import_note(struct drill_import *im, uint64_t offset, uint32_t line, const char *fmt,
                       ...);

/* Where the first frame of `dir` begins in bytes from the middle of a stream; bytes.len: nowhere.
 * At the very front a header that can be one is enough (MTAs and milters write a frame at once),
 * further on a whole canonical frame must stand there, and what follows must fit. */
size_t drill_import_sync(enum drill_dir dir, struct drill_span bytes);

/* One file a direction, either may be empty: a command, then the replies up to the one that ends
 * its turn, and so on. Pipelined commands and NR_* bits are minded by the negotiation that is seen.
 */
void drill_import_streams(struct drill_import *im, struct drill_span mta, struct drill_span milter);

/* Hex digits as xxd, hexdump -C or od -t x1(z) print them (with their `*` for lines like the one
 * before), or plain pairs with or without blanks, colons, commas, 0x and \x between them; the bytes
 * are appended. Lines without digits are passed over. False when memory is refused. */
struct drill_hex_result {
    uint32_t odd_line; /* the first of which a part could not be read, from 1; 0: none */
};
bool drill_import_hex(struct drill_span text, struct drill_buf *out,
                      struct drill_hex_result *result);

/* "2026-11-20T12:00:00Z"; false for times that have no such form (0: unknown). */
bool drill_import_time(uint64_t micros, char out[24]);

/* A file beside the scenario, which its lines name. */
struct drill_import_file {
    char name[112];
    struct drill_buf bytes;
    struct drill_import_file *next;
};

struct drill_import_written {
    struct drill_buf text; /* the scenario */
    struct drill_import_file *files, **files_end;
    struct drill_arena *arena;
    const struct drill_alloc *alloc;
    uint64_t size; /* of all files */
    uint32_t frames, messages;
    bool whole;       /* nothing was missing, torn or unframed */
    bool wants_files; /* not `beside`: it has values that are too large for a line */
    bool refused;
};

/* Most bytes of a talk's files: a capture that can be read at all has no more. */
#define DRILL_IMPORT_FILES_MAX (UINT64_C(256) << 20)

/* `stem`: the scenario's file name without its ending. `beside`: messages and large values go to
 * files, else the text stands alone, if `wants_files` does not say otherwise. False when memory is
 * refused, or for more than DRILL_IMPORT_FILES_MAX. Either way drill_import_written_fini gives it
 * back. */
bool drill_import_write(const struct drill_import_talk *talk, const char *stem, bool beside,
                        struct drill_arena *arena, const struct drill_alloc *alloc,
                        struct drill_import_written *out);
void drill_import_written_fini(struct drill_import_written *w);

#endif
