/* SPDX-License-Identifier: MIT */
#include <jansson.h>

#include "report/verdict.h"

static const char *stage_word(uint8_t stage)
{
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, stage);
    return row ? row->word : NULL;
}

static json_t *trigger(const struct drill_trigger *t)
{
    json_t *o = json_object();
    char said[900];
    drill_trigger_say(t, said, sizeof(said));
    drill_parts_text(o, "kind", drill_trigger_word(t->kind));
    drill_parts_text(o, "stage", stage_word(t->stage));
    (void)json_object_set_new(
        o, "header", t->has_header ? drill_parts_notation(drill_span_str(t->header)) : json_null());
    drill_parts_flag(o, "any_header", t->any_header);
    drill_parts_text(o, "name", t->name);
    drill_parts_text(o, "quantity", t->quantity);
    if (t->measured) {
        drill_parts_number(o, "largest_pass", t->largest_pass);
        drill_parts_number(o, "smallest_fail", t->smallest_fail);
    } else {
        (void)json_object_set_new(o, "largest_pass", json_null());
        (void)json_object_set_new(o, "smallest_fail", json_null());
    }
    (void)json_object_set_new(o, "bytes", drill_parts_notation(t->bytes));
    drill_parts_flag(o, "missing", t->mended_by);
    drill_parts_text(o, "text", said);
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
        drill_parts_text(o, "suspect", s->suspect);
        drill_parts_text(o, "experiment", s->experiment);
        drill_parts_number(o, "sessions", s->sessions);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static json_t *signature(const struct drill_signature *s)
{
    json_t *o = json_object();
    char said[600];
    drill_signature_say(s, said, sizeof(said));
    drill_parts_text(o, "symptom", drill_symptom_word(s->symptom));
    drill_parts_text(o, "stage", stage_word(s->stage));
    drill_parts_number(o, "frame", s->frame);
    drill_parts_number(o, "frame_bytes", s->frame_bytes);
    drill_parts_number(o, "errno", (uint64_t)s->error);
    drill_parts_number(o, "in_flight", s->in_flight);
    drill_parts_number(o, "elapsed_us", s->elapsed);
    drill_parts_number(o, "smtp_code", s->code);
    (void)json_object_set_new(o, "smtp", drill_parts_foreign(drill_span_str(s->text)));
    (void)json_object_set_new(o, "text", drill_parts_foreign(drill_span_str(said)));
    return o;
}

static json_t *experiments(const struct drill_diagnosis *d)
{
    json_t *list = json_array();
    for (const struct drill_experiment *e = d->experiments; e; e = e->next) {
        json_t *o = json_object();
        drill_parts_text(o, "what", e->what);
        drill_parts_text(o, "answer", e->answer == DRILL_ANSWER_SAME ? "fails alike" : "does not");
        drill_parts_text(o, "symptom", drill_symptom_word(e->sig.symptom));
        drill_parts_number(o, "sessions", e->sessions);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static void add_rate(json_t *root, const struct drill_diagnosis *d)
{
    double low, high;
    drill_verdict_interval(d->failed, d->played, &low, &high);
    (void)json_object_set_new(root, "rate_low", json_real(low));
    (void)json_object_set_new(root, "rate_high", json_real(high));
}

static void add_triggers(json_t *root, const struct drill_diagnosis *d)
{
    json_t *list = json_array();
    for (const struct drill_trigger *t = d->triggers; t; t = t->next) {
        (void)json_array_append_new(list, trigger(t));
    }
    (void)json_object_set_new(root, "trigger", d->triggers ? trigger(d->triggers) : json_null());
    (void)json_object_set_new(root, "triggers", list);
}

void drill_verdict_json(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    json_t *root = json_object();
    drill_parts_number(root, "schema", 1);
    drill_parts_text(root, "event", "diagnosis");
    drill_parts_text(root, "outcome", drill_parts_outcome(d->outcome));
    drill_parts_flag(root, "deterministic", d->deterministic);
    drill_parts_number(root, "played", d->played);
    drill_parts_number(root, "failed", d->failed);
    add_rate(root, d);
    drill_parts_number(root, "plain_played", d->plain_played);
    drill_parts_number(root, "plain_failed", d->plain_failed);
    (void)json_object_set_new(root, "signature",
                              drill_signature_failed(&d->sig) ? signature(&d->sig) : json_null());
    add_triggers(root, d);
    (void)json_object_set_new(root, "ruled_out", suspects(d, true));
    (void)json_object_set_new(root, "not_tried", suspects(d, false));
    drill_parts_cause(root, v->cause);
    (void)json_object_set_new(root, "experiments", experiments(d));
    (void)json_object_set_new(root, "logs", drill_parts_notes(v->logs));
    (void)json_object_set_new(root, "configuration", drill_parts_notes(v->confs));
    drill_parts_flag(root, "complete", d->complete);
    drill_parts_number(root, "sessions", d->sessions);
    (void)json_object_set_new(root, "seconds", json_real((double)d->elapsed / 1e6));
    drill_parts_text(root, "minimal", v->out);
    drill_parts_number(root, "starts", v->starts);
    (void)json_object_set_new(root, "crash", v->crash ? json_integer(v->crash) : json_null());
    drill_parts_flag(root, "gone", v->gone);
    drill_parts_end(out, root);
}
