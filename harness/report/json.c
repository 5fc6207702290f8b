/* SPDX-License-Identifier: MIT */
#include "report/json.h"

#include <jansson.h>
#include <string.h>

#include "report/result.h"
#include "report/show.h"
#include "wire/text.h"

enum { SHORTEN = 400 };

static json_t *begin_event(const char *event)
{
    json_t *o = json_object();
    json_object_set_new(o, "schema", json_integer(1));
    json_object_set_new(o, "event", json_string(event));
    return o;
}

/* Text that is no UTF-8 (a milter's words) is shown in notation. */
static json_t *notation(const char *text)
{
    char shown[2048];
    struct drill_writer w = drill_writer_of(shown, sizeof(shown) - 1);
    drill_text_bytes(&w, drill_span_str(text), SHORTEN);
    shown[drill_writer_span(&w).len] = '\0';
    return json_string(shown);
}

static void put(json_t *o, const char *key, const char *text)
{
    if (text && text[0]) {
        json_t *value = json_string(text);
        json_object_set_new(o, key, value ? value : notation(text));
    }
}

static void put_int(json_t *o, const char *key, uint64_t value)
{
    json_object_set_new(o, key, json_integer((json_int_t)value));
}

static void finish(struct drill_buf *out, json_t *o)
{
    char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
    if (text) {
        drill_buf_append(out, drill_span_str(text));
        drill_buf_append(out, drill_span_str("\n"));
    }
    free(text);
    json_decref(o);
}

static const char *end_word(enum drill_end how)
{
    switch (how) {
    case DRILL_END_NONE: return "none";
    case DRILL_END_FIN: return "fin";
    case DRILL_END_RST: return "rst";
    case DRILL_END_EPIPE: return "epipe";
    case DRILL_END_REFUSED: return "refused";
    case DRILL_END_ERROR: return "error";
    }
    return "";
}

static void put_notation(json_t *o, const struct drill_seen *s)
{
    char line[8192];
    struct drill_writer w = drill_writer_of(line, sizeof(line) - 1);
    const struct drill_proto_message *row = drill_proto_find(s->dir, s->code);
    if (s->kind == DRILL_SEEN_RAW) {
        drill_text_raw(&w, s->dir, s->payload, SHORTEN);
    } else {
        put(o, "name", row ? row->name : NULL);
        put(o, "word", row ? row->word : "frame");
        put_int(o, "length", s->length);
        if (s->whole) {
            drill_text_frame(&w, s->dir, s->code, s->payload, SHORTEN);
        }
    }
    put_int(o, "size", s->size);
    line[drill_writer_span(&w).len] = '\0';
    put(o, "text", line);
}

void drill_json_seen(struct drill_buf *out, const struct drill_seen *s, uint64_t begin)
{
    static const char *const events[] = {"open", "frame", "raw", "end", "quiet"};
    json_t *o = begin_event(events[s->kind]);
    put_int(o, "us", s->now > begin ? s->now - begin : 0);
    if (s->milter) {
        put_int(o, "milter", s->milter);
    }
    put(o, "dir", s->dir == DRILL_TO_MILTER ? ">" : "<");
    json_object_set_new(o, "ours", json_boolean(s->ours));
    if (s->kind == DRILL_SEEN_FRAME || s->kind == DRILL_SEEN_RAW) {
        put_notation(o, s);
        if (s->ours && s->sent < s->total) {
            put_int(o, "sent", s->sent);
        }
    } else if (s->kind == DRILL_SEEN_END) {
        put(o, "end", end_word(s->how));
        put_int(o, "errno", (uint64_t)s->error);
        put_int(o, "in_flight", s->in_flight);
    }
    put(o, "note", s->note);
    finish(out, o);
}

/* The ids of the rules that were broken, by either side. */
static void put_rules(json_t *o, const uint32_t *broken)
{
    json_t *list = json_array();
    for (unsigned rule = 0; broken && rule < DRILL_RULES; rule++) {
        if (broken[rule]) {
            json_array_append_new(list, json_string(drill_rule_of(rule)->id));
        }
    }
    json_object_set_new(o, "rules", list);
}

void drill_json_result(struct drill_buf *out, const struct drill_json_result *r)
{
    json_t *o = begin_event("result");
    put(o, "scenario", r->scenario);
    put(o, "mode", r->mode);
    put(o, "result", drill_show_result(r->report->result));
    put_int(o, "us", r->elapsed);
    put_int(o, "repeats", r->repeats);
    put(o, "reason", r->reason);
    put(o, "expected_failure", r->expected);
    put(o, "quirk", r->quirk);
    put_rules(o, r->broken);
    if (r->report->result == DRILL_RESULT_FAIL || r->report->result == DRILL_RESULT_UNREACHABLE) {
        put_int(o, "line", r->report->pos.line);
        put(o, "what", r->report->what);
        put(o, "expected", r->report->expected);
        put(o, "actual", r->report->actual);
        put(o, "why", r->report->why);
        put(o, "judge", r->report->judge);
    }
    put(o, "end", end_word(r->report->end));
    put_int(o, "errno", (uint64_t)r->report->end_error);
    put_int(o, "in_flight", r->report->end_in_flight);
    put_int(o, "frames_sent", r->report->frames_sent);
    put_int(o, "frames_got", r->report->frames_got);
    put_int(o, "connections", r->report->connections);
    finish(out, o);
}

void drill_json_summary(struct drill_buf *out, const struct drill_json_count *c)
{
    json_t *o = begin_event("summary");
    put_int(o, "pass", c->pass);
    put_int(o, "fail", c->fail);
    put_int(o, "skip", c->skip);
    put_int(o, "error", c->error);
    put_int(o, "unreachable", c->unreachable);
    if (c->seed) {
        put_int(o, "seed", *c->seed);
    }
    finish(out, o);
}

static const char *nothing_special(uint32_t rune)
{
    (void)rune;
    return NULL;
}

/* Bytes as a JSON string: what is no text as \\xNN. */
static json_t *text_of(struct drill_span bytes)
{
    static const struct drill_result_escape how = {"\\x", nothing_special};
    struct drill_buf buf;
    drill_buf_init(&buf, NULL);
    struct drill_result_out out = {&buf, false};
    drill_result_put_text(&out, &how, drill_span_sub(bytes, 0, SHORTEN));
    json_t *text = json_stringn(buf.len ? (const char *)buf.ptr : "", buf.len);
    drill_buf_fini(&buf);
    return text;
}

void drill_json_smtp(struct drill_buf *out, const struct drill_smtp_reply *reply, uint64_t begin)
{
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, reply->told.stage);
    json_t *o = begin_event("smtp");
    put_int(o, "us", reply->at > begin ? reply->at - begin : 0);
    put_int(o, "session", reply->session);
    put_int(o, "message", reply->told.message);
    put(o, "stage", row ? row->word : NULL);
    put_int(o, "code", reply->told.code);
    json_object_set_new(o, "line", text_of(reply->told.line));
    json_object_set_new(o, "final", json_boolean(reply->told.final));
    put(o, "end", end_word(reply->how));
    finish(out, o);
}

static void put_mods(json_t *o, const struct drill_mod *mod)
{
    json_t *list = json_array();
    for (; mod; mod = mod->next) {
        char line[8192];
        if (mod->code == DRILL_SMFIR_DISCARD) {
            continue;
        }
        struct drill_writer w = drill_writer_of(line, sizeof(line) - 1);
        drill_text_frame(&w, DRILL_TO_MTA, mod->code, mod->payload, SHORTEN);
        line[drill_writer_span(&w).len] = '\0';
        json_array_append_new(list, json_string(line));
    }
    json_object_set_new(o, "modifications", list);
}

static void put_delivered(json_t *o, const struct drill_json_outcome *r)
{
    const struct drill_applied *d = r->delivered;
    json_t *inner = json_object();
    put(inner, "disposition", drill_disposition_word(d->disposition));
    if (d->reason.len) {
        json_object_set_new(inner, "reason", text_of(d->reason));
    }
    if (d->disposition == DRILL_DISPOSE_DELIVER || d->disposition == DRILL_DISPOSE_HOLD) {
        json_t *rcpt = json_array();
        for (size_t i = 0; i < d->rcpts; i++) {
            json_array_append_new(rcpt, text_of(d->rcpt[i]));
        }
        json_object_set_new(inner, "from", text_of(d->from));
        json_object_set_new(inner, "rcpt", rcpt);
        put_int(inner, "headers_added", d->headers_added);
        put_int(inner, "headers_changed", d->headers_changed);
        put_int(inner, "headers_removed", d->headers_removed);
        json_object_set_new(inner, "body_replaced", json_boolean(d->body_replaced));
        json_object_set_new(inner, "cut", json_boolean(d->cut));
        put(inner, "diff", r->diff);
    }
    json_object_set_new(o, "delivered", inner);
}

void drill_json_outcome(struct drill_buf *out, const struct drill_json_outcome *r)
{
    const struct drill_explain *e = r->explain;
    json_t *o = begin_event("outcome");
    put(o, "outcome", r->outcome);
    put(o, "smtp", r->smtp);
    put(o, "log", r->log);
    put(o, "what", r->what);
    put(o, "limit", r->limit);
    bool failed = drill_explain_failed(e);
    put(o, "end", failed && e->timed_out ? "silence" : failed ? end_word(e->how) : "none");
    put_int(o, "errno", (uint64_t)(failed ? e->error : 0));
    put_int(o, "in_flight", failed ? e->in_flight : 0);
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, e->code);
    put(o, "frame", row ? row->word : "");
    put_int(o, "frame_number", e->frames);
    put_int(o, "frame_size", e->size);
    put_int(o, "bytes_before", e->bytes);
    put_mods(o, r->mods);
    if (r->delivered) {
        put_delivered(o, r);
    }
    put_int(o, "us", r->elapsed);
    finish(out, o);
}
