/* SPDX-License-Identifier: MIT */
#include "diagnose/mime.h"

#include <gmime/gmime.h>
#include <string.h>

/* ---- lines ---- */

static size_t count_lines(struct drill_span body)
{
    size_t n = 0;
    for (size_t at = 0; at < body.len; n++) {
        at += drill_span_find(drill_span_sub(body, at, body.len), '\n') + 1;
    }
    return n;
}

struct drill_mime_unit *drill_mime_lines(struct drill_span body, struct drill_arena *arena,
                                         size_t *count)
{
    size_t n = count_lines(body), at = 0;
    struct drill_mime_unit *unit = drill_arena_take(arena, (n + 1) * sizeof(*unit));
    *count = unit ? n : 0;
    for (size_t i = 0; unit && i < n; i++) {
        struct drill_span rest = drill_span_sub(body, at, body.len);
        size_t size = drill_span_find(rest, '\n') + 1;
        unit[i].at = at;
        unit[i].size = size < rest.len ? size : rest.len;
        at += unit[i].size;
    }
    return unit;
}

/* ---- parts ---- */

/* Where the parts' headers begin, in the order in which they stand. */
struct begins {
    size_t *at, n, cap;
    size_t body; /* where the body begins in the text that GMime reads */
};

static void note_part(GMimeObject *parent, GMimeObject *part, gpointer ctx)
{
    struct begins *b = ctx;
    GMimeHeaderList *list = g_mime_object_get_header_list(part);
    (void)parent;
    if (g_mime_header_list_get_count(list) == 0) {
        return;
    }
    gint64 at = g_mime_header_get_offset(g_mime_header_list_get_header_at(list, 0));
    if (at > 0 && (size_t)at > b->body && b->n < b->cap) {
        b->at[b->n++] = (size_t)at - b->body;
    }
}

/* The boundary line above a part belongs to it. */
static size_t boundary_above(struct drill_span body, size_t at)
{
    size_t i = at < body.len ? at : body.len;
    i -= i > 0 && body.ptr[i - 1] == '\n';
    while (i > 0 && body.ptr[i - 1] != '\n') {
        i--;
    }
    return i;
}

static size_t make_units(const struct begins *b, struct drill_span body,
                         struct drill_mime_unit *unit)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; i < b->n; i++) {
        size_t begin = boundary_above(body, b->at[i]);
        if (begin > at) {
            unit[n].at = at;
            unit[n++].size = begin - at;
            at = begin;
        }
    }
    unit[n].at = at;
    unit[n].size = body.len - at;
    return n + 1;
}

/* The header as text, with the empty line. */
static struct drill_span text_of(const struct drill_mail_header *const *header, size_t headers,
                                 struct drill_arena *arena)
{
    size_t size = 2;
    for (size_t i = 0; i < headers; i++) {
        size += header[i]->name.len + header[i]->value.len + 3;
    }
    uint8_t *p = drill_arena_take(arena, size);
    struct drill_writer w = drill_writer_of(p, p ? size : 0);
    for (size_t i = 0; i < headers; i++) {
        drill_write_bytes(&w, header[i]->name);
        drill_write_text(&w, ":");
        drill_write_bytes(&w, header[i]->value);
        drill_write_text(&w, "\r\n");
    }
    drill_write_text(&w, "\r\n");
    return p ? drill_writer_span(&w) : drill_span_of(NULL, 0);
}

/* One behind the other. GMime would copy a buffer that it is given; `view` has it read the body
 * where it is. */
static GMimeStream *joined(struct drill_span text, struct drill_span body, GByteArray *view)
{
    GMimeStream *all = g_mime_stream_cat_new();
    GMimeStream *first = g_mime_stream_mem_new_with_buffer((const char *)text.ptr, text.len);
    GMimeStream *second = g_mime_stream_mem_new_with_byte_array(view);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(second), FALSE);
    view->data = (guint8 *)(uintptr_t)body.ptr;
    view->len = (guint)body.len;
    g_mime_stream_set_bounds(second, 0, (gint64)body.len);
    (void)g_mime_stream_cat_add_source(GMIME_STREAM_CAT(all), first);
    (void)g_mime_stream_cat_add_source(GMIME_STREAM_CAT(all), second);
    g_object_unref(first);
    g_object_unref(second);
    return all;
}

static void read_parts(struct drill_span text, struct drill_span body, struct begins *b)
{
    g_mime_init(); /* for good: it does not survive its own shutdown */
    GByteArray *view = g_byte_array_new();
    GMimeStream *stream = joined(text, body, view);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    if (message) {
        g_mime_message_foreach(message, note_part, b);
        g_object_unref(message);
    }
    g_object_unref(parser);
    g_object_unref(stream);
    view->data = NULL; /* it was never GMime's */
    view->len = 0;
    (void)g_byte_array_free(view, TRUE);
}

struct drill_mime_unit *drill_mime_parts(const struct drill_mail_header *const *header,
                                         size_t headers, struct drill_span body,
                                         struct drill_arena *arena, size_t *count)
{
    enum { MOST = 1000 };
    struct drill_span text = text_of(header, headers, arena);
    struct begins b = {drill_arena_take(arena, MOST * sizeof(size_t)), 0, MOST, 0};
    struct drill_mime_unit *unit = drill_arena_take(arena, (MOST + 2) * sizeof(*unit));
    *count = 2;
    if (!text.ptr || !b.at || !unit) {
        return NULL;
    }
    b.body = text.len;
    read_parts(text, body, &b);
    *count = make_units(&b, body, unit);
    return unit;
}
