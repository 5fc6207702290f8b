/* SPDX-License-Identifier: MIT */
/*
 * `verdict` lines against what an MTA's autopilot concluded.
 */
#include <stdio.h>

#include "scenario/print.h"
#include "scenario/run_parts.h"
#include "wire/text.h"

enum { SHOWN = 400 };

static bool key_is(const struct drill_pair *p, const char *key)
{
    return drill_span_equal(p->key, drill_span_str(key));
}

static const struct drill_pair *field(const struct drill_pair *list, const char *key)
{
    while (list && !key_is(list, key)) {
        list = list->next;
    }
    return list;
}

static enum drill_outcome outcome_of(const struct drill_told *told)
{
    switch (told->code / 100) {
    case 2:
    case 3: return DRILL_OUTCOME_ACCEPT;
    case 4: return DRILL_OUTCOME_TEMPFAIL;
    case 5: return DRILL_OUTCOME_REJECT;
    case 0: return DRILL_OUTCOME_DROP;
    default: return DRILL_OUTCOME_NONE;
    }
}

static struct drill_span text_of(const struct drill_told *told)
{
    return told->line.len > 4 ? drill_span_sub(told->line, 4, SIZE_MAX) : drill_span_of(NULL, 0);
}

static bool fits(struct drill_run *run, const struct drill_outcome_alt *alt,
                 const struct drill_told *told)
{
    if (alt->outcome != outcome_of(told)) {
        return false;
    }
    const struct drill_pair *code = field(alt->fields, "code");
    const struct drill_pair *text = field(alt->fields, "text");
    return (!code || drill_match_number(&code->value, told->code, &run->binds)) &&
           (!text || drill_match_bytes(&text->value, text_of(told), &run->binds));
}

static bool fits_any(struct drill_run *run, const struct drill_check *check,
                     const struct drill_told *told)
{
    for (const struct drill_outcome_alt *a = check->outcomes; a; a = a->next) {
        if (fits(run, a, told)) {
            return true;
        }
    }
    return false;
}

static bool fail(struct drill_run *run, const struct drill_check *check, const char *what,
                 const struct drill_told *told, bool modelled)
{
    run_finish(run, DRILL_RESULT_FAIL, what);
    struct drill_report *r = run->report;
    if (!r) {
        return false;
    }
    r->pos = check->pos;
    struct drill_writer w = drill_writer_of(r->expected, DRILL_REPORT_LINE - 1);
    drill_print_check(check, &w);
    r->expected[drill_writer_span(&w).len] = '\0';
    w = drill_writer_of(r->actual, DRILL_REPORT_LINE - 1);
    if (!told) {
        drill_write_text(&w, "nothing");
    } else if (told->line.len == 0) {
        drill_write_text(&w, modelled ? "SMTP: no reply (modelled)" : "SMTP: no reply");
    } else { /* a milter's words: quoted, for they may hold anything */
        drill_write_text(&w, "SMTP: ");
        drill_text_bytes(&w, told->line, SHOWN);
        drill_write_text(&w, modelled ? " (modelled)" : "");
    }
    r->actual[drill_writer_span(&w).len] = '\0';
    return false;
}

static const struct drill_envelope *message_of(const struct drill_concluded *by, uint32_t number)
{
    for (const struct drill_client *c = by->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            if (--number == 0) {
                return m;
            }
        }
    }
    return NULL;
}

/* The recipient's number in the message, from 1; 0: no such recipient. */
static uint32_t rcpt_number(struct drill_run *run, const struct drill_envelope *m,
                            const struct drill_value *address)
{
    for (uint32_t i = 0; i < m->rcpts; i++) {
        if (drill_match_bytes(address, m->rcpt[i], &run->binds)) {
            return i + 1;
        }
    }
    return 0;
}

/* What the client was told at that stage of the message: of one that was played twice, the last.
 * What a session was told (at CONNECT and HELO) counts for each of its messages. */
static const struct drill_told *told_at(const struct drill_concluded *by, uint32_t message,
                                        uint8_t stage, uint32_t rcpt)
{
    const struct drill_told *session = NULL, *last = NULL;
    for (const struct drill_told *t = by->told; t; t = t->next) {
        bool there = t->stage == stage && (rcpt == 0 || t->rcpt == rcpt);
        if (t->message == 0 && there) {
            session = t;
        } else if (t->message == message && there) {
            last = t;
        } else if (t->message == message && session) {
            last = session;
        }
    }
    return last;
}

static uint8_t stage_code(const struct drill_pair *at)
{
    size_t count = 0;
    const struct drill_proto_message *row = drill_proto_messages(DRILL_TO_MILTER, &count);
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(at->value.text, drill_span_str(row[i].word)) ||
            drill_span_equal(at->value.source, drill_span_str(row[i].word))) {
            return row[i].code;
        }
    }
    return 0;
}

static bool check_one(struct drill_run *run, const struct drill_check *check,
                      const struct drill_concluded *by, uint32_t message)
{
    const struct drill_envelope *m = message_of(by, message);
    const struct drill_pair *at = field(check->fields, "at");
    const struct drill_pair *rcpt = field(check->fields, "rcpt");
    const struct drill_told *told = NULL;
    if (!m) {
        return fail(run, check, "there is no such message", NULL, false);
    }
    if (at || rcpt) {
        uint32_t number = rcpt ? rcpt_number(run, m, &rcpt->value) : 0;
        if (rcpt && number == 0) {
            return fail(run, check, "the message has no such recipient", NULL, false);
        }
        told = told_at(by, message, at ? stage_code(at) : DRILL_SMFIC_RCPT, number);
    } else {
        told = by->outcome(by->ctx, message);
    }
    if (!told) {
        return fail(run, check, "the SMTP client was told nothing there", NULL, false);
    }
    return fits_any(run, check, told) ||
           fail(run, check, "the SMTP client is told something else", told, by->modelled);
}

static uint64_t count_messages(const struct drill_concluded *by)
{
    uint64_t count = 0;
    for (const struct drill_client *c = by->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            count++;
        }
    }
    return count;
}

static bool check_verdict(struct drill_run *run, const struct drill_check *check,
                          const struct drill_concluded *by)
{
    const struct drill_pair *message = field(check->fields, "message");
    uint64_t first = 1, last = 1;
    if (message && message->value.kind == DRILL_VALUE_RANGE) {
        first = message->value.low ? message->value.low : 1;
        last = message->value.high == UINT64_MAX ? count_messages(by) : message->value.high;
    } else if (message) {
        first = last = message->value.number;
    }
    for (uint64_t n = first; n <= last; n++) {
        if (!check_one(run, check, by, (uint32_t)n)) {
            return false;
        }
    }
    return true;
}

/* Each message was accepted, refused or abandoned. */
static bool all_concluded(struct drill_run *run, const struct drill_concluded *by)
{
    char what[80];
    uint64_t count = count_messages(by), first = 1;
    uint8_t *over = drill_arena_take(&run->results, (size_t)(count / 8 + 1));
    if (!over) {
        run_finish(run, DRILL_RESULT_ERROR, "no memory for what became of the messages");
        return false;
    }
    for (const struct drill_told *t = by->told; t; t = t->next) {
        if (t->final && t->message <= count) {
            over[t->message / 8] |= (uint8_t)(1u << t->message % 8);
        }
    }
    while (first <= count && over[first / 8] >> first % 8 & 1) {
        first++;
    }
    if (first > count) {
        return true;
    }
    (void)snprintf(what, sizeof(what), "message %llu has no outcome", (unsigned long long)first);
    drill_run_refute(run, (struct drill_pos){0, 0}, what,
                     "the SMTP client was told nothing in the end, and did not give it up either",
                     drill_span_of(NULL, 0));
    return false;
}

bool drill_run_check_told(struct drill_run *run, const struct drill_concluded *by)
{
    const struct drill_check *check = run_checks(run);
    for (; check; check = check->next) {
        if (check->kind == DRILL_CHECK_VERDICT && !check_verdict(run, check, by)) {
            return false;
        }
    }
    return all_concluded(run, by);
}

static const struct drill_told *model_outcome(const void *ctx, uint32_t message)
{
    return drill_mta_outcome(ctx, message);
}

bool drill_run_check_verdicts(struct drill_run *run, const struct drill_mta *mta)
{
    if (mta->no_memory) {
        run_finish(run, DRILL_RESULT_ERROR, "no memory for what the SMTP client is told");
        return false;
    }
    struct drill_concluded by = {.traffic = mta->traffic,
                                 .told = mta->told,
                                 .outcome = model_outcome,
                                 .ctx = mta,
                                 .modelled = true};
    return drill_run_check_told(run, &by);
}

void drill_run_judged(struct drill_run *run, struct drill_span text)
{
    struct drill_report *r = run_texts(run);
    if (!r) {
        return;
    }
    struct drill_writer w = drill_writer_of(r->judge, DRILL_REPORT_LINE - 1);
    drill_write_bytes(&w, text);
    r->judge[drill_writer_span(&w).len] = '\0';
}

void drill_run_because(struct drill_run *run, const char *why)
{
    struct drill_report *r = run->report;
    if (!r || r->result == DRILL_RESULT_PASS || r->why[0]) {
        return;
    }
    struct drill_writer w = drill_writer_of(r->why, DRILL_WHY_MAX - 1);
    drill_write_text(&w, why);
    r->why[drill_writer_span(&w).len] = '\0';
}

void drill_run_skip(struct drill_run *run, const char *why)
{
    run_finish(run, DRILL_RESULT_SKIP, why);
}

void drill_run_refute(struct drill_run *run, struct drill_pos pos, const char *what,
                      const char *why, struct drill_span actual)
{
    run_finish(run, DRILL_RESULT_FAIL, what);
    struct drill_report *r = run->report;
    if (!r) {
        return;
    }
    r->pos = pos;
    struct drill_writer w = drill_writer_of(r->actual, DRILL_REPORT_LINE - 1);
    if (actual.ptr) {
        drill_text_bytes(&w, actual, SHOWN);
    }
    r->actual[drill_writer_span(&w).len] = '\0';
    w = drill_writer_of(r->why, DRILL_WHY_MAX - 1);
    drill_write_text(&w, why);
    r->why[drill_writer_span(&w).len] = '\0';
}
