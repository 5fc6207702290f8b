/* SPDX-License-Identifier: MIT */
/*
 * Stalwart's trace log -> milter conversations. Lines are
 *     2026-11-20T12:00:00Z TRACE Writing to Milter (milter.write) listenerId = "smtp", ...
 *         remoteIp = 192.0.2.5, remotePort = 47324, id = "milter", contents = "HELO \"...\""
 * on one line each, in colours (`ansi`, which is how its log files are by default), or with each
 * pair on a line of its own behind a tab (`multiline`); milter.write is a command, milter.read a
 * reply (Stalwart 0.16: crates/trc, and the Display of its frames in
 * crates/smtp/src/inbound/milter/protocol.rs; held to logs of 0.16.19, as it wrote them). Within
 * contents the log escapes backslashes and line ends but not quotes, so where it ends is found by
 * what it means; what comes after it escapes quotes (\") and controls (\x1b), too.
 *
 * The log has every frame but neither macro lists nor bodies: those are x, of the logged size, and
 * a comment says so. Strings that are no UTF-8 are empty in it. How the connection ended is known
 * when Stalwart complained of it (milter.io-error and the like); a frame that it could not read is
 * there, too (milter.frame-invalid). Sessions are told apart by the keys that say who talks with
 * whom; each OPTNEG of Stalwart's begins a new connection. Lines of other events are passed over;
 * those of the milter's that cannot be read are noted by their line.
 */
#ifndef DRILL_SCENARIO_IMPORT_LOG_H
#define DRILL_SCENARIO_IMPORT_LOG_H

#include "scenario/import.h"

/* Adds a talk for each connection. False when no line is of these events, which is noted. */
bool drill_import_log(struct drill_import *im, struct drill_span file);

/* ---- between import_log.c, import_log_text.c and import_log_frame.c ---- */

/* The text without its colours. Spans are of the argument, or in the arena; empty without memory.
 */
struct drill_span drill_log_plain(struct drill_span s, struct drill_arena *arena, bool *no_memory);
/* The line and those right below it that begin with a tab, which are taken, and counted in
 * `lines`: "LINE key = value, key = value". */
struct drill_span drill_log_joined(struct drill_span line, struct drill_span *below,
                                   uint32_t *lines, struct drill_arena *arena, bool *no_memory);
/* What the base64 digits at the front say. */
struct drill_span drill_log_base64(struct drill_span s, struct drill_arena *arena, bool *no_memory);

/* Of a milter's new body in one frame; Stalwart's own have at most DRILL_MAX_DATA bytes. */
enum { DRILL_IMPORT_BODY_MAX = 1 << 20 };

struct drill_log_frame {
    uint8_t code;
    struct drill_span payload; /* in the arena */
    bool body;                 /* payload is to be `size` bytes that nobody knows */
    uint64_t size;
};

/* What `contents` says, unescaped. False when it is no such text. */
bool drill_log_frame_read(enum drill_dir dir, struct drill_span contents, struct drill_arena *arena,
                          struct drill_log_frame *out, bool *no_memory);

#endif
