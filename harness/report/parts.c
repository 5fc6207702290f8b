/* SPDX-License-Identifier: MIT */
#include "report/parts.h"

#include <stdint.h>

#include "report/show.h"
#include "wire/text.h"

void drill_parts_text(json_t *o, const char *key, const char *text)
{
    (void)json_object_set_new(o, key, text && text[0] ? json_string(text) : json_null());
}

void drill_parts_number(json_t *o, const char *key, uint64_t n)
{
    (void)json_object_set_new(o, key, json_integer((json_int_t)n));
}

void drill_parts_flag(json_t *o, const char *key, bool flag)
{
    (void)json_object_set_new(o, key, json_boolean(flag));
}

json_t *drill_parts_notation(struct drill_span bytes)
{
    struct drill_buf room;
    json_t *text = NULL;
    drill_buf_init(&room, NULL);
    if (bytes.ptr && drill_buf_reserve(&room, bytes.len * 4 + 16)) {
        struct drill_writer w = drill_writer_of(room.ptr, room.cap);
        drill_text_bytes(&w, bytes, SIZE_MAX);
        struct drill_span s = drill_writer_span(&w);
        text = s.len < 2 ? json_string("") : json_stringn((const char *)s.ptr + 1, s.len - 2);
    }
    drill_buf_fini(&room);
    return text ? text : json_null();
}

json_t *drill_parts_foreign(struct drill_span text)
{
    json_t *plain = json_stringn(text.len ? (const char *)text.ptr : "", text.len);
    return plain ? plain : drill_parts_notation(text);
}

const char *drill_parts_outcome(enum drill_outcome_kind kind)
{
    switch (kind) {
    case DRILL_DIAGNOSED: return "reproduced";
    case DRILL_FLAKY: return "flaky";
    case DRILL_NOT_REPRODUCED: return "not reproduced";
    case DRILL_NO_PEER: return "unreachable";
    }
    return "";
}

void drill_parts_cause(json_t *root, const struct drill_cause *cause)
{
    json_t *causes = json_array(), *advice = json_array();
    if (cause) {
        json_t *o = json_object();
        drill_parts_text(o, "id", cause->id);
        drill_parts_text(o, "text", cause->sentence);
        drill_parts_text(o, "source", cause->source);
        (void)json_array_append_new(causes, o);
        o = json_object();
        drill_parts_text(o, "side", cause->side);
        drill_parts_text(o, "key", cause->key);
        drill_parts_text(o, "text", cause->advice);
        (void)json_array_append_new(advice, o);
    }
    (void)json_object_set_new(root, "causes", causes);
    (void)json_object_set_new(root, "advice", advice);
}

json_t *drill_parts_notes(const struct drill_verdict_note *note)
{
    json_t *list = json_array();
    for (; note; note = note->next) {
        json_t *o = json_object();
        drill_parts_text(o, "file", note->file);
        drill_parts_number(o, "line", note->line);
        (void)json_object_set_new(o, "text", drill_parts_foreign(note->text));
        drill_parts_text(o, "meaning", note->meaning);
        (void)json_array_append_new(list, o);
    }
    return list;
}

void drill_parts_end(struct drill_buf *out, json_t *root)
{
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text) {
        (void)drill_buf_append(out, drill_span_str(text));
        (void)drill_buf_append(out, drill_span_str("\n"));
        free(text);
    }
    json_decref(root);
}

void drill_parts_say_notes(struct drill_buf *out, const char *title,
                           const struct drill_verdict_note *note)
{
    if (note) {
        drill_show_add(out, "\n%s\n", title);
    }
    for (; note; note = note->next) {
        drill_show_add(out, "  %s", note->file);
        if (note->line) {
            drill_show_add(out, ":%u", note->line);
        }
        drill_show_add(out, ": %.*s%s%s\n", (int)note->text.len, (const char *)note->text.ptr,
                       note->meaning ? " -- " : "", note->meaning ? note->meaning : "");
    }
}
