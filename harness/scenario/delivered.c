/* SPDX-License-Identifier: MIT */
#include "scenario/delivered.h"

#include <stdio.h>
#include <string.h>

#include "scenario/print.h"
#include "scenario/run_parts.h"

static const struct drill_pair *field(const struct drill_pair *list, const char *key)
{
    while (list && !drill_span_equal(list->key, drill_span_str(key))) {
        list = list->next;
    }
    return list;
}

static const struct drill_envelope *message_of(const struct drill_run *run, uint64_t number)
{
    for (const struct drill_client *c = run->config.traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            if (--number == 0) {
                return m;
            }
        }
    }
    return NULL;
}

static bool belongs(const struct drill_run *run, const struct drill_check *check,
                    const struct drill_delivery *d)
{
    const struct drill_pair *message = field(check->fields, "message");
    const struct drill_envelope *m = message ? message_of(run, message->value.number) : NULL;
    return !message || (m && drill_span_equal(m->from, d->from));
}

/* The value behind the colon's blank, folds as they are. */
static struct drill_span plain_value(struct drill_span value)
{
    return value.len && value.ptr[0] == ' ' ? drill_span_sub(value, 1, SIZE_MAX) : value;
}

static bool header_fits(struct drill_run *run, const struct drill_check *check,
                        const struct drill_mail *mail)
{
    const struct drill_pair *name = field(check->fields, "name");
    const struct drill_pair *value = field(check->fields, "value");
    bool absent = value && value->value.kind == DRILL_VALUE_ABSENT;
    for (const struct drill_mail_header *h = mail->headers; h; h = h->next) {
        if (name && name->value.parts &&
            !drill_span_equal_nocase(h->name, name->value.parts->bytes)) {
            continue;
        }
        if (absent) {
            return false;
        }
        if (!value || drill_match_bytes(&value->value, plain_value(h->value), &run->binds)) {
            return true;
        }
    }
    return absent;
}

static bool rcpts_fit(struct drill_run *run, const struct drill_check *check,
                      const struct drill_delivery *d)
{
    for (const struct drill_pair *p = check->fields; p; p = p->next) {
        bool found = !drill_span_equal(p->key, drill_span_str("rcpt"));
        for (const struct drill_sink_rcpt *r = d->rcpts; r && !found; r = r->next) {
            found = drill_match_bytes(&p->value, r->address, &run->binds);
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Nobody else gets it: with `rcpt=` named, each recipient is one of them. */
static bool only_those(struct drill_run *run, const struct drill_check *check,
                       const struct drill_delivery *d)
{
    for (const struct drill_sink_rcpt *r = d->rcpts; r && field(check->fields, "rcpt");
         r = r->next) {
        bool named = false;
        for (const struct drill_pair *p = check->fields; p && !named; p = p->next) {
            named = drill_span_equal(p->key, drill_span_str("rcpt")) &&
                    drill_match_bytes(&p->value, r->address, &run->binds);
        }
        if (!named) {
            return false;
        }
    }
    return true;
}

static bool fits(struct drill_run *run, const struct drill_check *check,
                 const struct drill_delivery *d)
{
    struct drill_mail mail;
    struct drill_error err;
    const struct drill_pair *from = field(check->fields, "from");
    const struct drill_pair *data = field(check->fields, "data");
    switch (check->delivered) {
    case DRILL_DELIVERED_NONE: return false;
    case DRILL_DELIVERED_FIELDS:
        return (!from || drill_match_bytes(&from->value, d->from, &run->binds)) &&
               rcpts_fit(run, check, d) && only_those(run, check, d);
    case DRILL_DELIVERED_HEADER:
    case DRILL_DELIVERED_BODY: break;
    }
    drill_arena_reset(&run->line);
    if (drill_mail_parse(d->message, &run->line, &mail, &err) != DRILL_OK) {
        return false;
    }
    return check->delivered == DRILL_DELIVERED_HEADER
               ? header_fits(run, check, &mail)
               : data && drill_match_bytes(&data->value, mail.body, &run->binds);
}

static bool fail(struct drill_run *run, const struct drill_check *check, const char *what,
                 unsigned count)
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
    (void)snprintf(r->actual, sizeof(r->actual), "%u deliveries", count);
    return false;
}

static bool check_one(struct drill_run *run, const struct drill_check *check,
                      const struct drill_delivery *list)
{
    unsigned count = 0;
    bool fit = false;
    for (const struct drill_delivery *d = list; d; d = d->next) {
        if (belongs(run, check, d)) {
            count++;
            fit = fit || fits(run, check, d);
        }
    }
    if (check->delivered == DRILL_DELIVERED_NONE) {
        return count == 0 || fail(run, check, "something was delivered", count);
    }
    return fit ||
           fail(run, check,
                count ? "what was delivered is something else" : "nothing was delivered", count);
}

bool drill_run_check_delivered(struct drill_run *run, const struct drill_delivery *list)
{
    const struct drill_check *check = run_checks(run);
    for (; check; check = check->next) {
        if (check->kind == DRILL_CHECK_DELIVERED && !check_one(run, check, list)) {
            return false;
        }
    }
    return true;
}

bool drill_run_awaits_delivery(const struct drill_run *run)
{
    const struct drill_check *check = run_checks(run);
    while (check && check->kind != DRILL_CHECK_DELIVERED) {
        check = check->next;
    }
    return check != NULL;
}

uint32_t drill_run_deliveries(const struct drill_run *run)
{
    const struct drill_check *check = run_checks(run);
    uint32_t messages = 0, none = 0;
    bool any = false, all_none = false;
    for (const struct drill_client *c = run->config.traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            messages++;
        }
    }
    for (; check; check = check->next) {
        if (check->kind != DRILL_CHECK_DELIVERED) {
            continue;
        }
        any = true;
        if (check->delivered == DRILL_DELIVERED_NONE) {
            all_none = all_none || !field(check->fields, "message");
            none++;
        }
    }
    return !any || all_none || none >= messages ? 0 : messages - none;
}
