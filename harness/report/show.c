/* SPDX-License-Identifier: MIT */
#include "report/show.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/text.h"

enum { SHORTEN = 56, HEX_BYTES = 128 };

void drill_show_add(struct drill_buf *out, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, fmt, args);
    if (need > 0 && drill_buf_reserve(out, (size_t)need + 1)) {
        (void)vsnprintf((char *)out->ptr + out->len, (size_t)need + 1, fmt, again);
        out->len += (size_t)need;
    }
    va_end(again);
    va_end(args);
}

const char *drill_show_end(enum drill_end how)
{
    switch (how) {
    case DRILL_END_NONE: return "open";
    case DRILL_END_FIN: return "FIN";
    case DRILL_END_RST: return "RST";
    case DRILL_END_EPIPE: return "FIN, seen by a write (EPIPE)";
    case DRILL_END_REFUSED: return "connection refused";
    case DRILL_END_ERROR: return "error";
    }
    return "";
}

const char *drill_show_result(enum drill_result result)
{
    switch (result) {
    case DRILL_RESULT_RUNNING: return "running";
    case DRILL_RESULT_PASS: return "pass";
    case DRILL_RESULT_FAIL: return "fail";
    case DRILL_RESULT_SKIP: return "skip";
    case DRILL_RESULT_UNREACHABLE: return "unreachable";
    case DRILL_RESULT_ERROR: return "error";
    }
    return "";
}

void drill_show_hex(struct drill_buf *out, struct drill_span bytes, size_t most, const char *indent)
{
    size_t n = bytes.len < most ? bytes.len : most;
    for (size_t at = 0; at < n; at += 16) {
        drill_show_add(out, "%s%06zx ", indent, at);
        for (size_t i = at; i < at + 16; i++) {
            if (i < n) {
                drill_show_add(out, " %02x", bytes.ptr[i]);
            } else {
                drill_show_add(out, "   ");
            }
        }
        drill_show_add(out, "  ");
        for (size_t i = at; i < at + 16 && i < n; i++) {
            drill_show_add(out, "%c", isprint(bytes.ptr[i]) ? bytes.ptr[i] : '.');
        }
        drill_show_add(out, "\n");
    }
    if (n < bytes.len) {
        drill_show_add(out, "%s... %zu bytes in all\n", indent, bytes.len);
    }
}

static const char *arrow(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? ">" : "<";
}

/* The notation of a frame, shortened for a terminal. */
static void notation(struct drill_buf *out, const struct drill_seen *s)
{
    char line[1200];
    struct drill_writer w = drill_writer_of(line, sizeof(line));
    if (s->kind == DRILL_SEEN_RAW) {
        drill_text_raw(&w, s->dir, s->payload, SHORTEN);
    } else if (s->whole) {
        drill_text_frame(&w, s->dir, s->code, s->payload, SHORTEN);
    } else {
        const struct drill_proto_message *row = drill_proto_find(s->dir, s->code);
        drill_write_text(&w, arrow(s->dir));
        drill_write_text(&w, " ");
        drill_write_text(&w, row ? row->word : "frame");
        drill_write_text(&w, " (too large to show)");
    }
    struct drill_span text = drill_writer_span(&w);
    drill_show_add(out, "%.*s", (int)text.len, (const char *)text.ptr);
}

static void show_frame(struct drill_buf *out, const struct drill_seen *s)
{
    drill_show_add(
        out, "%10llu  ",
        (unsigned long long)(s->size +
                             (s->kind == DRILL_SEEN_FRAME ? DRILL_FRAME_HEADER_SIZE : 0)));
    notation(out, s);
    if (s->ours && s->total && s->sent < s->total) {
        drill_show_add(out, "  # only %llu of %llu bytes went out", (unsigned long long)s->sent,
                       (unsigned long long)s->total);
    }
    if (!s->ours && s->note) {
        drill_show_add(out, "  # %s", s->note);
    }
}

static void show_end(struct drill_buf *out, const struct drill_seen *s)
{
    const char *word = s->how == DRILL_END_RST       ? "reset"
                       : s->how == DRILL_END_REFUSED ? "refuse"
                       : s->how == DRILL_END_ERROR   ? "hangup"
                       : s->note                     ? s->note
                                                     : "close";
    drill_show_add(out, "            %s %s", arrow(s->dir), word);
    if (!s->ours && s->error) {
        drill_show_add(out, "  # %s (os error %d)", strerror(s->error), s->error);
    }
    if (!s->ours && s->in_flight) {
        drill_show_add(out, ", %llu bytes in flight", (unsigned long long)s->in_flight);
    }
}

void drill_show_seen(struct drill_buf *out, const struct drill_show_style *style,
                     const struct drill_seen *s, uint64_t begin)
{
    uint64_t us = s->now > begin ? s->now - begin : 0;
    const char *on = "", *off = "";
    if (style->colour) {
        on = s->kind == DRILL_SEEN_END && !s->ours ? "\033[31m"
             : s->dir == DRILL_TO_MTA              ? "\033[36m"
                                                   : "";
        off = on[0] ? "\033[0m" : "";
    }
    drill_show_add(out, "%s%12.3f  ", on, (double)us / 1000.0);
    switch (s->kind) {
    case DRILL_SEEN_OPEN: drill_show_add(out, "            > open"); break;
    case DRILL_SEEN_FRAME:
    case DRILL_SEEN_RAW: show_frame(out, s); break;
    case DRILL_SEEN_END: show_end(out, s); break;
    case DRILL_SEEN_QUIET:
        drill_show_add(out, "            %s silence%s%s", arrow(s->dir), s->note ? "  # " : "",
                       s->note ? s->note : "");
        break;
    }
    drill_show_add(out, "%s\n", off);
    if (style->verbose && (s->kind == DRILL_SEEN_FRAME || s->kind == DRILL_SEEN_RAW)) {
        drill_show_hex(out, s->payload, HEX_BYTES, "                            ");
    }
}

void drill_show_failure(struct drill_buf *out, const char *file, const struct drill_report *r,
                        const struct drill_file *ast, const char *repeat)
{
    drill_show_add(out, "%s:", file);
    if (r->pos.line) {
        drill_show_add(out, "%u:", r->pos.line);
    }
    drill_show_add(out, " %s %s\n", r->result == DRILL_RESULT_UNREACHABLE ? "UNREACHABLE" : "FAIL",
                   r->what);
    if (r->expected[0]) {
        drill_show_add(out, "  expected  %s\n", r->expected);
    }
    if (r->actual[0]) {
        drill_show_add(out, "  actual    %s\n", r->actual);
    }
    if (r->why[0]) {
        drill_show_add(out, "            %s\n", r->why);
    }
    for (size_t i = 0; i < r->befores; i++) {
        drill_show_add(out, "  %-9s %s\n", i == 0 ? "before" : "", r->before[i]);
    }
    if (r->end != DRILL_END_NONE) {
        drill_show_add(out, "  ending    %s", drill_show_end(r->end));
        if (r->end_error) {
            drill_show_add(out, ", %s (os error %d)", strerror(r->end_error), r->end_error);
        }
        drill_show_add(out, ", %llu bytes in flight\n", (unsigned long long)r->end_in_flight);
    }
    if (r->judge[0]) {
        drill_show_add(out, "  judge     %s\n", r->judge);
    }
    for (const struct drill_setup *s = ast ? ast->setup : NULL; s; s = s->next) {
        if (s->kind == DRILL_SETUP_WHY) {
            drill_show_add(out, "  why       %.*s\n", (int)s->text.len, (const char *)s->text.ptr);
        }
    }
    if (repeat) {
        drill_show_add(out, "  repeat    %s\n", repeat);
    }
}
