/* SPDX-License-Identifier: MIT */
/*
 * `verdict` lines against what an MTA's autopilot concluded.
 */
#include "scenario/print.h"
#include "scenario/run_state.h"

#include <stdio.h>

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
                 const struct drill_told *told)
{
    struct drill_report *r = &run->report;
    run_finish(run, DRILL_RESULT_FAIL, what);
    r->pos = check->pos;
    struct drill_writer w = drill_writer_of(r->expected, DRILL_REPORT_LINE - 1);
    drill_print_check(check, &w);
    r->expected[drill_writer_span(&w).len] = '\0';
    if (told) {
        (void)snprintf(r->actual, sizeof(r->actual), "SMTP: %.*s (modelled)", (int)told->line.len,
                       (const char *)told->line.ptr);
    } else {
        (void)snprintf(r->actual, sizeof(r->actual), "nothing");
    }
    return false;
}

/* The recipient's number in the message, from 1; 0: no such recipient. */
static uint32_t rcpt_number(const struct drill_mta *mta, uint32_t message, struct drill_span addr)
{
    uint32_t n = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            if (++n == message) {
                for (uint32_t i = 0; i < m->rcpts; i++) {
                    if (drill_span_equal(m->rcpt[i], addr)) {
                        return i + 1;
                    }
                }
            }
        }
    }
    return 0;
}

static const struct drill_told *told_at(const struct drill_mta *mta, uint32_t message,
                                        uint8_t stage, uint32_t rcpt)
{
    for (const struct drill_told *t = mta->told; t; t = t->next) {
        if (t->stage == stage && (t->message == message || t->message == 0) &&
            (rcpt == 0 || t->rcpt == rcpt)) {
            return t;
        }
    }
    return NULL;
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
                      const struct drill_mta *mta, uint32_t message)
{
    const struct drill_pair *at = field(check->fields, "at");
    const struct drill_pair *rcpt = field(check->fields, "rcpt");
    const struct drill_told *told = NULL;
    if (at || rcpt) {
        uint32_t number = 0;
        if (rcpt && rcpt->value.parts) {
            number = rcpt_number(mta, message, rcpt->value.parts->bytes);
            if (number == 0) {
                return fail(run, check, "the message has no such recipient", NULL);
            }
        }
        told = told_at(mta, message, at ? stage_code(at) : DRILL_SMFIC_RCPT, number);
    } else {
        told = drill_mta_outcome(mta, message);
    }
    if (!told) {
        return fail(run, check, "the SMTP client was told nothing there", NULL);
    }
    return fits_any(run, check, told) ||
           fail(run, check, "the SMTP client is told something else", told);
}

static bool check_verdict(struct drill_run *run, const struct drill_check *check,
                          const struct drill_mta *mta)
{
    const struct drill_pair *message = field(check->fields, "message");
    uint64_t first = 1, last = 1;
    if (message && message->value.kind == DRILL_VALUE_RANGE) {
        first = message->value.low ? message->value.low : 1;
        last = message->value.high;
    } else if (message) {
        first = last = message->value.number;
    }
    uint64_t count = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            count++;
        }
    }
    last = last < count ? last : count;
    for (uint64_t n = first; n <= last; n++) {
        if (!check_one(run, check, mta, (uint32_t)n)) {
            return false;
        }
    }
    return true;
}

bool drill_run_check_verdicts(struct drill_run *run, const struct drill_mta *mta)
{
    const struct drill_check *check = run->config.file ? run->config.file->body.checks : NULL;
    for (; check; check = check->next) {
        if (check->kind == DRILL_CHECK_VERDICT && !check_verdict(run, check, mta)) {
            return false;
        }
    }
    return true;
}
