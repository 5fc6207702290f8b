/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "report/show.h"
#include "report/verdict.h"
#include "wire/text.h"

/* Bytes in scenario notation, without quotes: valid UTF-8 whatever they are. */
static json_t *notation(struct drill_span bytes, struct drill_buf *room)
{
    room->len = 0;
    if (!drill_buf_reserve(room, bytes.len * 4 + 16)) {
        return json_null();
    }
    struct drill_writer w = drill_writer_of(room->ptr, room->cap);
    drill_text_bytes(&w, bytes, SIZE_MAX);
    struct drill_span text = drill_writer_span(&w);
    if (text.len < 2) {
        return json_string("");
    }
    return json_stringn((const char *)text.ptr + 1, text.len - 2);
}

/* A text of somebody else's: as it is, or, when it is no UTF-8, in notation. */
static json_t *foreign(struct drill_span text)
{
    struct drill_buf room;
    json_t *plain = json_stringn(text.len ? (const char *)text.ptr : "", text.len);
    if (plain) {
        return plain;
    }
    drill_buf_init(&room, NULL);
    json_t *escaped = notation(text, &room);
    drill_buf_fini(&room);
    return escaped;
}

static const char *stage_word(uint8_t stage)
{
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, stage);
    return row ? row->word : NULL;
}

static void set_text(json_t *o, const char *key, const char *text)
{
    (void)json_object_set_new(o, key, text && text[0] ? json_string(text) : json_null());
}

static void set_number(json_t *o, const char *key, uint64_t n)
{
    (void)json_object_set_new(o, key, json_integer((json_int_t)n));
}

static json_t *trigger(const struct drill_trigger *t, struct drill_buf *room)
{
    json_t *o = json_object();
    char said[900];
    drill_trigger_say(t, said, sizeof(said));
    set_text(o, "kind", drill_trigger_word(t->kind));
    set_text(o, "stage", stage_word(t->stage));
    (void)json_object_set_new(
        o, "header", t->has_header ? notation(drill_span_str(t->header), room) : json_null());
    (void)json_object_set_new(o, "any_header", json_boolean(t->any_header));
    set_text(o, "name", t->name);
    set_text(o, "quantity", t->quantity);
    if (t->measured) {
        set_number(o, "largest_pass", t->largest_pass);
        set_number(o, "smallest_fail", t->smallest_fail);
    } else {
        (void)json_object_set_new(o, "largest_pass", json_null());
        (void)json_object_set_new(o, "smallest_fail", json_null());
    }
    (void)json_object_set_new(o, "bytes", t->bytes.ptr ? notation(t->bytes, room) : json_null());
    (void)json_object_set_new(o, "missing", json_boolean(t->mended_by));
    set_text(o, "text", said);
    return o;
}

static json_t *suspects(const struct drill_diagnosis *d, bool ruled_out)
{
    json_t *list = json_array();
    for (const struct drill_suspect *s = d->suspects; s; s = s->next) {
        if (s->ruled_out != ruled_out) {
            continue;
        }
        json_t *o = json_object();
        set_text(o, "suspect", s->suspect);
        set_text(o, "experiment", s->experiment);
        set_number(o, "sessions", s->sessions);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static json_t *signature(const struct drill_signature *s)
{
    json_t *o = json_object();
    char said[600];
    drill_signature_say(s, said, sizeof(said));
    set_text(o, "symptom", drill_symptom_word(s->symptom));
    set_text(o, "stage", stage_word(s->stage));
    set_number(o, "frame", s->frame);
    set_number(o, "frame_bytes", s->frame_bytes);
    set_number(o, "errno", (uint64_t)s->error);
    set_number(o, "in_flight", s->in_flight);
    set_number(o, "elapsed_us", s->elapsed);
    set_number(o, "smtp_code", s->code);
    (void)json_object_set_new(o, "smtp", foreign(drill_span_str(s->text)));
    (void)json_object_set_new(o, "text", foreign(drill_span_str(said)));
    return o;
}

static json_t *experiments(const struct drill_diagnosis *d)
{
    json_t *list = json_array();
    for (const struct drill_experiment *e = d->experiments; e; e = e->next) {
        json_t *o = json_object();
        set_text(o, "what", e->what);
        set_text(o, "answer", e->answer == DRILL_ANSWER_SAME ? "fails alike" : "does not");
        set_text(o, "symptom", drill_symptom_word(e->sig.symptom));
        set_number(o, "sessions", e->sessions);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static json_t *notes(const struct drill_verdict_note *note)
{
    json_t *list = json_array();
    for (; note; note = note->next) {
        json_t *o = json_object();
        set_text(o, "file", note->file);
        set_number(o, "line", note->line);
        (void)json_object_set_new(o, "text", foreign(note->text));
        set_text(o, "meaning", note->meaning);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static const char *outcome_word(enum drill_outcome_kind kind)
{
    switch (kind) {
    case DRILL_DIAGNOSED: return "reproduced";
    case DRILL_FLAKY: return "flaky";
    case DRILL_NOT_REPRODUCED: return "not reproduced";
    case DRILL_NO_PEER: return "unreachable";
    }
    return "";
}

static void add_rate(json_t *root, const struct drill_diagnosis *d)
{
    double low, high;
    drill_verdict_interval(d->failed, d->played, &low, &high);
    (void)json_object_set_new(root, "rate_low", json_real(low));
    (void)json_object_set_new(root, "rate_high", json_real(high));
}

static void add_cause(json_t *root, const struct drill_verdict *v)
{
    json_t *list = json_array();
    if (v->cause) {
        json_t *o = json_object();
        set_text(o, "id", v->cause->id);
        set_text(o, "text", v->cause->sentence);
        set_text(o, "source", v->cause->source);
        (void)json_array_append_new(list, o);
    }
    (void)json_object_set_new(root, "causes", list);
    list = json_array();
    if (v->cause) {
        json_t *o = json_object();
        set_text(o, "side", v->cause->side);
        set_text(o, "key", v->cause->key);
        set_text(o, "text", v->cause->advice);
        (void)json_array_append_new(list, o);
    }
    (void)json_object_set_new(root, "advice", list);
}

static void add_triggers(json_t *root, const struct drill_diagnosis *d)
{
    struct drill_buf room;
    json_t *list = json_array();
    drill_buf_init(&room, NULL);
    for (const struct drill_trigger *t = d->triggers; t; t = t->next) {
        (void)json_array_append_new(list, trigger(t, &room));
    }
    (void)json_object_set_new(root, "trigger",
                              d->triggers ? trigger(d->triggers, &room) : json_null());
    (void)json_object_set_new(root, "triggers", list);
    drill_buf_fini(&room);
}

void drill_verdict_json(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    json_t *root = json_object();
    set_number(root, "schema", 1);
    set_text(root, "event", "diagnosis");
    set_text(root, "outcome", outcome_word(d->outcome));
    (void)json_object_set_new(root, "deterministic", json_boolean(d->deterministic));
    set_number(root, "played", d->played);
    set_number(root, "failed", d->failed);
    add_rate(root, d);
    set_number(root, "plain_played", d->plain_played);
    set_number(root, "plain_failed", d->plain_failed);
    (void)json_object_set_new(root, "signature",
                              drill_signature_failed(&d->sig) ? signature(&d->sig) : json_null());
    add_triggers(root, d);
    (void)json_object_set_new(root, "ruled_out", suspects(d, true));
    (void)json_object_set_new(root, "not_tried", suspects(d, false));
    add_cause(root, v);
    (void)json_object_set_new(root, "experiments", experiments(d));
    (void)json_object_set_new(root, "logs", notes(v->logs));
    (void)json_object_set_new(root, "configuration", notes(v->confs));
    (void)json_object_set_new(root, "complete", json_boolean(d->complete));
    set_number(root, "sessions", d->sessions);
    (void)json_object_set_new(root, "seconds", json_real((double)d->elapsed / 1e6));
    set_text(root, "minimal", v->out);
    set_number(root, "starts", v->starts);
    (void)json_object_set_new(root, "crash", v->crash ? json_integer(v->crash) : json_null());
    (void)json_object_set_new(root, "gone", json_boolean(v->gone));
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (text) {
        (void)drill_buf_append(out, drill_span_str(text));
        (void)drill_buf_append(out, drill_span_str("\n"));
        free(text);
    }
    json_decref(root);
}
