/* SPDX-License-Identifier: MIT */
#include "report/blame.h"

#include "report/show.h"
#include "scenario/print.h"
#include "wire/text.h"

enum { SHOWN = 240, PIECE_SHOWN = 60 };

/* A line in notation, cut to what a person reads. */
static void line_text(const struct drill_step *step, char *out, size_t cap)
{
    char text[SHOWN + 1];
    struct drill_writer w = drill_writer_of(text, SHOWN);
    drill_print_step(step, &w);
    struct drill_span s = drill_writer_span(&w);
    (void)snprintf(out, cap, "%.*s%s", (int)s.len, (const char *)s.ptr,
                   s.len == SHOWN ? "..." : "");
}

/* ---- for a person ---- */

static void add_outcome(struct drill_buf *out, const struct drill_blame_report *r)
{
    const struct drill_blame *b = r->found;
    char plain[400], seen[400];
    drill_blame_say(&b->plain, b->message, plain, sizeof(plain));
    drill_blame_say(&b->seen, b->message, seen, sizeof(seen));
    if (b->outcome == DRILL_NO_PEER && b->plain.unreachable) {
        drill_show_add(out, "nobody takes mail at %s\n", r->smtp);
        return;
    }
    if (b->outcome == DRILL_NO_PEER) {
        drill_show_add(out, "the MTA at %s does not ask a milter at %s; %s\n", r->smtp, r->listen,
                       plain);
        return;
    }
    if (b->outcome == DRILL_NOT_REPRODUCED) {
        drill_show_add(out,
                       "not reproduced: with all that the milter said it comes to the same as with "
                       "a milter that only says continue: %s\n",
                       plain);
        return;
    }
    drill_show_add(out, "%s%s\n", b->outcome == DRILL_FLAKY ? "now and then " : "", seen);
    drill_show_add(out, "with a milter that only says continue, %s\n", plain);
    if (b->outcome == DRILL_FLAKY) {
        drill_show_add(out, "it did so in %u of %u sessions: what it hangs on was not looked for\n",
                       b->failed, b->played);
    }
}

static void add_value(struct drill_buf *out, const struct drill_blamed *b)
{
    char text[PIECE_SHOWN * 4 + 8];
    if (b->quantity) {
        drill_show_add(out, "    %s of its value: %llu pass, %llu fail\n", b->quantity,
                       (unsigned long long)b->largest_pass, (unsigned long long)b->smallest_fail);
    } else if (b->any_value) {
        drill_show_add(out, "    whatever its value\n");
    } else if (b->bytes.ptr) {
        struct drill_writer w = drill_writer_of(text, sizeof(text));
        drill_text_bytes(&w, b->bytes, PIECE_SHOWN);
        struct drill_span s = drill_writer_span(&w);
        drill_show_add(out, "    for these bytes of its value: %.*s\n", (int)s.len,
                       (const char *)s.ptr);
    }
}

/* What is broken in the smallest case, and by whom. */
static void add_rules(struct drill_buf *out, const struct drill_blame_seen *s)
{
    for (size_t i = 0; i < s->rules; i++) {
        const struct drill_rule *rule = drill_rule_of(s->broken[i].rule);
        drill_show_add(out, "    the %s breaks rule %s: %s%s%s\n",
                       rule->by == DRILL_SIDE_MTA ? "MTA" : "milter", rule->id, rule->title,
                       s->broken[i].detail[0] ? ": " : "", s->broken[i].detail);
    }
}

static void add_blamed(struct drill_buf *out, const struct drill_blame_report *r)
{
    char line[SHOWN + 8], command[SHOWN + 8];
    drill_show_add(out, "\ncause\n");
    if (r->cause) {
        drill_show_add(out, "  %s\n", r->cause->sentence);
    }
    for (const struct drill_blamed *b = r->found->blamed; b; b = b->next) {
        line_text(b->line, line, sizeof(line));
        line_text(b->command, command, sizeof(command));
        drill_show_add(out, "  `%s`, as the reply to `%s` (%s:%u)%s\n", line, command, r->recording,
                       b->pos.line, b->next ? " -- and, needed together with it:" : "");
        add_value(out, b);
        if (b->fault[0]) {
            drill_show_add(out, "    by itself: %s\n", b->fault);
        }
    }
    add_rules(out, &r->found->least);
    if (r->found->least.gave_up) {
        drill_show_add(out, "  the MTA gave the milter up %.1f s behind what it had said last\n",
                       (double)r->found->least.waited / 1e6);
    }
    drill_show_add(out, "  in %u of %u sessions\n", r->found->failed, r->found->played);
}

static void add_ruled_out(struct drill_buf *out, const struct drill_blame *found)
{
    size_t needed = 0;
    for (const struct drill_blamed *b = found->blamed; b; b = b->next) {
        needed++;
    }
    if (found->complete && found->suspects > needed) {
        drill_show_add(out,
                       "\nruled out\n  the other %zu repl%s of the milter: without them it comes "
                       "to the same\n",
                       found->suspects - needed, found->suspects - needed == 1 ? "y" : "ies");
    }
}

/* A reply that is wrong by itself is the milter's to mend; any other is what the MTA was asked. */
static void add_advice(struct drill_buf *out, const struct drill_blame_report *r)
{
    const struct drill_cause *c = r->cause;
    bool fault = false;
    for (const struct drill_blamed *b = r->found->blamed; b; b = b->next) {
        fault = fault || b->fault[0];
    }
    if (c) {
        drill_show_add(out, "\nwhat to change (%s%s%s)\n  %s\n  source: %s\n", c->side,
                       c->key[0] ? ": " : "", c->key, c->advice, c->source);
        return;
    }
    drill_show_add(out, "\nwhat to change (%s)\n  %s\n", fault ? "milter" : "mta, or milter",
                   fault ? "the milter must not do this; what the MTA does then, its setting for a "
                           "failing milter says (milter_default_action, tempFailOnError)"
                         : "the protocol allows this reply: if the MTA does not do what it asks, "
                           "that is the MTA's fault or its limit; else the milter decided so");
}

void drill_blame_text(struct drill_buf *out, const struct drill_blame_report *r)
{
    const struct drill_blame *b = r->found;
    add_outcome(out, r);
    if (b->outcome == DRILL_DIAGNOSED) {
        add_blamed(out, r);
        add_ruled_out(out, b);
    }
    drill_parts_say_notes(out, "log, in the failing seconds", r->logs);
    drill_parts_say_notes(out, "configuration", r->confs);
    if (b->outcome == DRILL_DIAGNOSED) {
        add_advice(out, r);
        drill_show_add(out, "\nhow sure\n  %s\n",
                       !b->complete       ? "not all was tried"
                       : b->deterministic ? "the smallest case does it each time"
                                          : "the smallest case did not do it each time");
    }
    drill_show_add(out, "\n%u sessions, %.1f s", b->sessions, (double)b->elapsed / 1e6);
    if (r->interrupted) {
        drill_show_add(out, "; interrupted: the best answer so far");
    } else if (r->gone) {
        drill_show_add(out, "; stopped: the MTA takes no more mail");
    } else if (b->spent) {
        drill_show_add(out, "; the budget is spent: the best answer so far (--budget)");
    }
    drill_show_add(out, "\n");
    if (r->out) {
        drill_show_add(out,
                       "%s/minimal.drill plays it again: milterdrill run --listen %s --smtp %s "
                       "%s/minimal.drill\n",
                       r->out, r->listen, r->smtp, r->out);
    }
}

/* ---- for machines ---- */

static json_t *seen(const struct drill_blame_seen *s, size_t message)
{
    const struct drill_blame_told *told = &s->told[message];
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, told->stage);
    bool all = s->delivered && s->delivered >= drill_blame_accepted(s);
    json_t *o = json_object();
    char said[400];
    drill_blame_say(s, message, said, sizeof(said));
    drill_parts_number(o, "message", message + 1);
    drill_parts_number(o, "messages", s->messages);
    drill_parts_number(o, "smtp_code", told->code);
    (void)json_object_set_new(o, "smtp", drill_parts_foreign(drill_span_str(told->text)));
    drill_parts_text(o, "stage", row ? row->word : NULL);
    drill_parts_flag(o, "gave_up", s->gave_up);
    (void)json_object_set_new(o, "delivered", s->has_sink ? json_boolean(all) : json_null());
    (void)json_object_set_new(o, "text", drill_parts_foreign(drill_span_str(said)));
    return o;
}

static json_t *rules(const struct drill_blame_seen *s)
{
    json_t *list = json_array();
    for (size_t i = 0; i < s->rules; i++) {
        const struct drill_rule *rule = drill_rule_of(s->broken[i].rule);
        json_t *o = json_object();
        drill_parts_text(o, "id", rule->id);
        drill_parts_text(o, "by", rule->by == DRILL_SIDE_MTA ? "mta" : "milter");
        drill_parts_text(o, "title", rule->title);
        drill_parts_text(o, "why", rule->why);
        drill_parts_text(o, "detail", s->broken[i].detail);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static json_t *blamed(const struct drill_blamed *b)
{
    json_t *o = json_object();
    char text[SHOWN + 8];
    line_text(b->line, text, sizeof(text));
    drill_parts_text(o, "reply", text);
    line_text(b->command, text, sizeof(text));
    drill_parts_text(o, "command", text);
    drill_parts_number(o, "line", b->pos.line);
    drill_parts_text(o, "quantity", b->quantity);
    (void)json_object_set_new(
        o, "largest_pass", b->quantity ? json_integer((json_int_t)b->largest_pass) : json_null());
    (void)json_object_set_new(
        o, "smallest_fail", b->quantity ? json_integer((json_int_t)b->smallest_fail) : json_null());
    (void)json_object_set_new(o, "bytes", drill_parts_notation(b->bytes));
    drill_parts_flag(o, "any_value", b->any_value);
    drill_parts_text(o, "fault", b->fault);
    return o;
}

static json_t *tries(const struct drill_blame *found)
{
    json_t *list = json_array();
    for (const struct drill_blame_try *t = found->tries; t; t = t->next) {
        json_t *o = json_object();
        drill_parts_text(o, "what", t->what);
        drill_parts_text(o, "answer", t->answer == DRILL_ANSWER_SAME ? "fails alike" : "does not");
        drill_parts_number(o, "sessions", t->sessions);
        (void)json_array_append_new(list, o);
    }
    return list;
}

void drill_blame_json(struct drill_buf *out, const struct drill_blame_report *r)
{
    const struct drill_blame *b = r->found;
    json_t *root = json_object(), *list = json_array();
    drill_parts_number(root, "schema", 1);
    drill_parts_text(root, "event", "diagnosis");
    drill_parts_text(root, "of", "mta");
    drill_parts_text(root, "outcome", drill_parts_outcome(b->outcome));
    drill_parts_flag(root, "deterministic", b->deterministic);
    drill_parts_number(root, "played", b->played);
    drill_parts_number(root, "failed", b->failed);
    (void)json_object_set_new(root, "signature", seen(&b->seen, b->message));
    (void)json_object_set_new(root, "plain", seen(&b->plain, b->message));
    for (const struct drill_blamed *x = b->blamed; x; x = x->next) {
        (void)json_array_append_new(list, blamed(x));
    }
    (void)json_object_set_new(root, "replies", list);
    (void)json_object_set_new(root, "rules", rules(&b->least));
    drill_parts_cause(root, r->cause);
    drill_parts_number(root, "suspects", b->suspects);
    (void)json_object_set_new(root, "experiments", tries(b));
    (void)json_object_set_new(root, "logs", drill_parts_notes(r->logs));
    (void)json_object_set_new(root, "configuration", drill_parts_notes(r->confs));
    drill_parts_flag(root, "complete", b->complete);
    drill_parts_number(root, "sessions", b->sessions);
    (void)json_object_set_new(root, "seconds", json_real((double)b->elapsed / 1e6));
    drill_parts_text(root, "minimal", r->out);
    drill_parts_end(out, root);
}
