/* SPDX-License-Identifier: MIT */
#include "scenario/modelled.h"

#include <string.h>

#include "scenario/delivered.h"
#include "session/apply.h"
#include "session/smtp_in.h"

/* The first fault of a reply that is given as a whole; 0: none. */
static unsigned fault_of(struct drill_span line)
{
    struct drill_smtp_in in;
    static const uint8_t crlf[] = "\r\n";
    struct drill_span rest[2] = {line, drill_span_of(crlf, 2)};
    bool replied = false;
    drill_smtp_in_init(&in);
    for (int i = 0; i < 2; i++) {
        while (rest[i].len) {
            size_t room = drill_smtp_in_room(&in);
            size_t take = rest[i].len < room ? rest[i].len : room;
            drill_smtp_in_add(&in, drill_span_sub(rest[i], 0, take));
            rest[i] = drill_span_sub(rest[i], take, SIZE_MAX);
            enum drill_smtp_took took = drill_smtp_in_take(&in);
            if (took == DRILL_SMTP_GIVE_UP) {
                return DRILL_SMTP_ENDLESS;
            }
            if (took == DRILL_SMTP_REPLY) {
                if (in.faults || i == 0) {
                    return in.faults ? in.faults : DRILL_SMTP_EARLY; /* a reply too many */
                }
                replied = true;
            }
        }
    }
    return replied ? 0 : DRILL_SMTP_TORN;
}

static bool replies_are_sound(struct drill_run *run, const struct drill_mta *mta)
{
    for (const struct drill_told *t = mta->told; t; t = t->next) {
        unsigned fault = t->line.len ? fault_of(t->line) : 0;
        if (fault) {
            unsigned first = fault & (0U - fault);
            drill_run_refute(run, (struct drill_pos){0, 0},
                             "the SMTP client is told what is no SMTP reply (modelled)",
                             drill_smtp_fault_text((enum drill_smtp_fault)first), t->line);
            return false;
        }
    }
    return true;
}

static struct drill_sink_rcpt *rcpts_of(const struct drill_applied *d, struct drill_arena *arena)
{
    struct drill_sink_rcpt *first = NULL, **end = &first;
    for (size_t i = 0; i < d->rcpts; i++) {
        struct drill_sink_rcpt *r = drill_arena_take(arena, sizeof(*r));
        if (!r) {
            return first;
        }
        r->address = d->rcpt[i];
        *end = r;
        end = &r->next;
    }
    return first;
}

/* What leaves the MTA, as the sink would have it. */
static struct drill_delivery *deliveries(const struct drill_mta *mta, struct drill_arena *arena)
{
    struct drill_delivery *first = NULL, **end = &first;
    struct drill_applied applied;
    uint32_t number = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            struct drill_delivery *d = NULL;
            if (drill_apply_mta(mta, ++number, arena, &applied) == DRILL_OK &&
                applied.disposition == DRILL_DISPOSE_DELIVER &&
                (d = drill_arena_take(arena, sizeof(*d)))) {
                d->from = applied.from;
                d->rcpts = rcpts_of(&applied, arena);
                d->rcpt_count = (uint32_t)applied.rcpts;
                d->message = applied.mail.raw;
                d->size = applied.mail.raw.len;
                *end = d;
                end = &d->next;
            }
        }
    }
    return first;
}

bool drill_run_check_model(struct drill_run *run, const struct drill_mta *mta,
                           struct drill_arena *arena)
{
    return replies_are_sound(run, mta) && drill_run_check_verdicts(run, mta) &&
           (!drill_run_awaits_delivery(run) ||
            drill_run_check_delivered(run, deliveries(mta, arena)));
}
