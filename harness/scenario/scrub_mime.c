/* SPDX-License-Identifier: MIT */
/* Messages, their parts, and bodies. */
#include "scenario/scrub_ops.h"

#include <string.h>

enum { DEPTH_MAX = 16, BOUNDARY_MAX = 998 };

static bool begins(struct drill_span s, const char *text)
{
    return drill_span_equal_nocase(drill_span_sub(s, 0, strlen(text)), drill_span_str(text));
}

static void copy(struct drill_span in, uint8_t *out)
{
    if (in.len) {
        memcpy(out, in.ptr, in.len);
    }
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct drill_span unblank(struct drill_span s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s = drill_span_sub(s, 1, s.len);
    }
    return s;
}

void drill_scrub_part_header(struct drill_scrub_part *part, struct drill_span name,
                             struct drill_span value)
{
    if (drill_span_equal_nocase(name, drill_span_str("Content-Type"))) {
        part->type = unblank(value);
    } else if (drill_span_equal_nocase(name, drill_span_str("Content-Transfer-Encoding"))) {
        part->encoding = unblank(value);
    }
}

/* The value of `name=` among the parameters of a type, unquoted; empty: there is none. */
static struct drill_span parameter(struct drill_span type, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = drill_span_find(type, ';'); at < type.len; at++) {
        struct drill_span s = drill_span_sub(type, at, type.len);
        bool starts = s.ptr[0] == ';' || is_blank(s.ptr[0]);
        s = drill_span_sub(s, 1, s.len);
        if (!starts || !begins(s, name)) {
            continue;
        }
        s = unblank(drill_span_sub(s, n, s.len));
        if (s.len == 0 || s.ptr[0] != '=') {
            continue;
        }
        s = unblank(drill_span_sub(s, 1, s.len));
        if (s.len && s.ptr[0] == '"') {
            s = drill_span_sub(s, 1, s.len);
            s.len = drill_span_find(s, '"');
            return s;
        }
        size_t end = 0;
        while (end < s.len && s.ptr[end] != ';' && !is_blank(s.ptr[end])) {
            end++;
        }
        return drill_span_sub(s, 0, end);
    }
    return drill_span_of(NULL, 0);
}

/* ---- multipart ---- */

/* The line at the front, with its end. */
static struct drill_span line_of(struct drill_span in)
{
    size_t n = drill_span_find(in, '\n');
    return drill_span_sub(in, 0, n < in.len ? n + 1 : n);
}

/* "--boundary" or "--boundary--", blanks behind. */
static bool is_delimiter(struct drill_span line, struct drill_span boundary)
{
    if (line.len < boundary.len + 2 || line.ptr[0] != '-' || line.ptr[1] != '-' ||
        !drill_span_equal(drill_span_sub(line, 2, boundary.len), boundary)) {
        return false;
    }
    struct drill_span rest = drill_span_sub(line, 2 + boundary.len, line.len);
    if (rest.len >= 2 && rest.ptr[0] == '-' && rest.ptr[1] == '-') {
        rest = drill_span_sub(rest, 2, rest.len);
    }
    return unblank(rest).len == 0;
}

static void message(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned depth,
                    bool is_part);
static void fields(struct drill_scrubber *s, struct drill_span in, uint8_t *out);

static void put_part(struct drill_scrubber *s, struct drill_span in, uint8_t *out, bool inside,
                     unsigned depth)
{
    if (inside) {
        message(s, in, out, depth, true);
    } else {
        drill_scrub_text(s, in, out, 0);
    }
}

static void multipart(struct drill_scrubber *s, struct drill_span boundary, struct drill_span in,
                      uint8_t *out, unsigned depth)
{
    size_t from = 0;
    bool inside = false;
    for (size_t at = 0; at < in.len;) {
        struct drill_span line = line_of(drill_span_sub(in, at, in.len));
        if (is_delimiter(line, boundary)) {
            put_part(s, drill_span_sub(in, from, at - from), out + from, inside, depth + 1);
            drill_scrub_text(s, line, out + at, DRILL_SCRUB_PLAIN);
            struct drill_span rest = drill_span_sub(line, 2 + boundary.len, 2);
            inside = !drill_span_equal(rest, drill_span_str("--"));
            from = at + line.len;
        }
        at += line.len;
    }
    put_part(s, drill_span_sub(in, from, in.len), out + from, inside, depth + 1);
}

/* ---- bodies ---- */

static void single(struct drill_scrubber *s, const struct drill_scrub_part *part,
                   struct drill_span in, uint8_t *out)
{
    bool text = part->type.len == 0 || begins(part->type, "text/");
    bool wide = begins(parameter(part->type, "charset"), "utf-16") ||
                begins(parameter(part->type, "charset"), "utf-32");
    unsigned flags = begins(part->type, "text/html") ? DRILL_SCRUB_HTML : 0;
    if (begins(part->encoding, "base64")) {
        drill_scrub_base64(s, in, out, flags, !text || wide);
    } else if (begins(part->encoding, "quoted-printable") && !wide) {
        drill_scrub_quoted(s, in, out, flags);
    } else if (wide) {
        drill_scrub_bytes(&s->config->key, in, out);
    } else {
        drill_scrub_text(s, in, out, flags);
    }
}

/* Groups of fields with empty lines between them (RFC 3464 2.1, 8098 3.1, 5965 2). */
static bool is_fields(struct drill_span type)
{
    return begins(type, "message/delivery-status") ||
           begins(type, "message/global-delivery-status") ||
           begins(type, "message/disposition-notification") ||
           begins(type, "message/feedback-report");
}

void drill_scrub_body(struct drill_scrubber *s, const struct drill_scrub_part *part,
                      struct drill_span in, uint8_t *out)
{
    struct drill_span boundary = parameter(part->type, "boundary");
    bool encoded = begins(part->encoding, "base64") || begins(part->encoding, "quoted-printable");
    if (s->config->keep_body) {
        copy(in, out);
    } else if (part->depth < DEPTH_MAX && boundary.len && boundary.len <= BOUNDARY_MAX &&
               begins(part->type, "multipart/")) {
        multipart(s, boundary, in, out, part->depth);
    } else if (is_fields(part->type) && !encoded) {
        fields(s, in, out);
    } else if (part->depth < DEPTH_MAX && begins(part->type, "message/") && !encoded) {
        message(s, in, out, part->depth + 1, false);
    } else {
        single(s, part, in, out);
    }
}

/* ---- headers ---- */

/* A header with its folds, its end included; 0: none begins here. `name`: what is before `:`. */
static size_t header_length(struct drill_span in, struct drill_span *name)
{
    size_t n = 0;
    while (n < in.len && in.ptr[n] > ' ' && in.ptr[n] < 0x7f && in.ptr[n] != ':') {
        n++;
    }
    *name = drill_span_sub(in, 0, n);
    while (n < in.len && (in.ptr[n] == ' ' || in.ptr[n] == '\t')) {
        n++;
    }
    if (name->len == 0 || n >= in.len || in.ptr[n] != ':') {
        return 0;
    }
    do {
        n += line_of(drill_span_sub(in, n, in.len)).len;
    } while (n < in.len && (in.ptr[n] == ' ' || in.ptr[n] == '\t'));
    return n;
}

/* Within a part only these are headers: a torn part's text may have a colon, too. */
static bool is_part_header(struct drill_span name)
{
    return begins(name, "Content-") || begins(name, "MIME-") || begins(name, "X-");
}

static bool is_empty(struct drill_span line)
{
    return line.len && unblank(line).len == 0 && line.ptr[0] != ' ' && line.ptr[0] != '\t';
}

static void put_header(struct drill_scrubber *s, struct drill_span in, struct drill_span name,
                       struct drill_scrub_part *part, uint8_t *out)
{
    size_t colon = drill_span_find(in, ':') + 1;
    struct drill_span value = drill_span_sub(in, colon, in.len);
    drill_scrub_name(s, name, out);
    copy(drill_span_sub(in, name.len, colon - name.len), out + name.len);
    drill_scrub_part_header(part, name, value);
    drill_scrub_header(s, name, value, out + colon, 0);
}

static void fields(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    struct drill_scrub_part none = {.depth = 0};
    struct drill_span name;
    for (size_t at = 0; at < in.len;) {
        struct drill_span rest = drill_span_sub(in, at, in.len);
        size_t n = header_length(rest, &name);
        if (n) {
            put_header(s, drill_span_sub(rest, 0, n), name, &none, out + at);
        } else {
            n = line_of(rest).len;
            drill_scrub_text(s, drill_span_sub(rest, 0, n), out + at, 0);
        }
        at += n;
    }
}

static void message(struct drill_scrubber *s, struct drill_span in, uint8_t *out, unsigned depth,
                    bool is_part)
{
    struct drill_scrub_part part = {.depth = depth};
    struct drill_span name;
    size_t at = 0;
    while (at < in.len) {
        struct drill_span rest = drill_span_sub(in, at, in.len);
        struct drill_span line = line_of(rest);
        if (is_empty(line)) {
            copy(line, out + at);
            at += line.len;
            break;
        }
        size_t n = header_length(rest, &name);
        if (n && (!is_part || is_part_header(name))) {
            put_header(s, drill_span_sub(rest, 0, n), name, &part, out + at);
        } else {
            n = line.len;
            drill_scrub_text(s, line, out + at, 0);
        }
        at += n;
    }
    drill_scrub_body(s, &part, drill_span_sub(in, at, in.len), out + at);
}

void drill_scrub_message(struct drill_scrubber *s, struct drill_span in, uint8_t *out)
{
    message(s, in, out, 0, false);
}
