/* SPDX-License-Identifier: MIT */
/*
 * Which header fields Stalwart 0.16 finds in a message: those of its MIME parser (the crate
 * mail-parser, src/parsers/header.rs), held to the running program. A line without a colon is
 * passed over and ends nothing, and so is a colon with no name before it; blanks before a name do
 * not make it a fold; a name is all before the colon.
 */
#include "session/stalwart.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r' && c != '\v');
}

/* Where the next field may begin; the end of the message when the empty line comes first. */
static size_t field_start(struct drill_span raw, size_t at)
{
    while (at < raw.len && is_space(raw.ptr[at])) {
        if (raw.ptr[at] == '\n') {
            return raw.len;
        }
        at++;
    }
    return at;
}

/* The colon behind a name, or the end of the line. */
static size_t name_end(struct drill_span raw, size_t at)
{
    bool named = false;
    while (at < raw.len && raw.ptr[at] != '\n' && (raw.ptr[at] != ':' || !named)) {
        named = named || (raw.ptr[at] != ':' && !is_space(raw.ptr[at]));
        at++;
    }
    return at;
}

/* Behind the last line of a value that begins there. */
static size_t value_end(struct drill_span raw, size_t at)
{
    while (at < raw.len) {
        bool line = raw.ptr[at++] == '\n';
        if (line && (at == raw.len || (raw.ptr[at] != ' ' && raw.ptr[at] != '\t'))) {
            break;
        }
    }
    return at;
}

bool drill_stalwart_field(struct drill_span raw, size_t at, struct drill_stalwart_field *out)
{
    size_t start = field_start(raw, at);
    while (start < raw.len) {
        size_t colon = name_end(raw, start);
        if (colon < raw.len && raw.ptr[colon] == ':') {
            out->end = value_end(raw, colon + 1);
            out->name = drill_span_sub(raw, start, colon - start);
            out->value = drill_span_sub(raw, colon + 1, out->end - colon - 1);
            return true;
        }
        start = field_start(raw, colon < raw.len ? colon + 1 : raw.len);
    }
    return false;
}
