/* SPDX-License-Identifier: MIT */
/* What the SMTP client was told: kept, and looked up. */
#include "session/smtp_ops.h"
#include "wire/proto.h"

static uint8_t stage_of(enum drill_smtp_step step)
{
    switch (step) {
    case SMTP_STEP_OPEN:
    case SMTP_STEP_OPENING:
    case SMTP_STEP_GREETING: return DRILL_SMFIC_CONNECT;
    case SMTP_STEP_EHLO:
    case SMTP_STEP_HELO: return DRILL_SMFIC_HELO;
    case SMTP_STEP_MAIL: return DRILL_SMFIC_MAIL;
    case SMTP_STEP_RCPT: return DRILL_SMFIC_RCPT;
    case SMTP_STEP_DATA: return DRILL_SMFIC_DATA;
    case SMTP_STEP_CONTENT: return DRILL_SMFIC_BODYEOB;
    case SMTP_STEP_QUIT: return DRILL_SMFIC_QUIT;
    case SMTP_STEP_XCLIENT:
    case SMTP_STEP_STARTTLS:
    case SMTP_STEP_TLS:
    case SMTP_STEP_AUTH:
    case SMTP_STEP_AUTH_USER:
    case SMTP_STEP_AUTH_PASSWORD:
    case SMTP_STEP_AUTH_CANCEL:
    case SMTP_STEP_MESSAGE:
    case SMTP_STEP_RSET:
    case SMTP_STEP_XFORWARD:
    case SMTP_STEP_SAY:
    case SMTP_STEP_LEAVE:
    case SMTP_STEP_LOSE:
    case SMTP_STEP_DONE: break;
    }
    return DRILL_SMFIC_UNKNOWN;
}

/* NULL: no memory. */
struct drill_smtp_reply *drill_smtp_add(struct drill_smtp *s)
{
    struct drill_smtp_reply *r = drill_arena_take(s->arena, sizeof(*r));
    if (!r) {
        s->no_memory = true;
        return NULL;
    }
    if (s->last) {
        s->last->next = r;
        s->last->told.next = &r->told;
    } else {
        s->replies = r;
    }
    s->last = r;
    r->session = s->session;
    r->at = s->now;
    r->told.stage = stage_of(s->step);
    r->told.message = s->step < SMTP_STEP_MESSAGE || !s->message ? 0 : s->number;
    r->told.rcpt = s->step == SMTP_STEP_RCPT ? (uint32_t)s->rcpt + 1 : 0;
    return r;
}

void drill_smtp_fault(struct drill_smtp *s, struct drill_smtp_reply *r, unsigned bits)
{
    r->faults |= bits;
    if (r->faults && !s->faulty) {
        s->faulty = r;
    }
}

/* A line of its own for the outcome of the current message. */
static void conclude_as(struct drill_smtp *s, const struct drill_smtp_reply *like, uint8_t stage)
{
    struct drill_smtp_reply *r = drill_smtp_add(s);
    if (!r) {
        return;
    }
    r->silent = like->silent;
    r->how = like->how;
    r->error = like->error;
    r->told.message = s->number;
    r->told.stage = stage;
    r->told.rcpt = 0;
    r->told.code = like->told.code;
    r->told.line = like->told.line;
    r->told.final = true;
    s->concluded = true;
}

void drill_smtp_next_message(struct drill_smtp *s)
{
    s->message = s->message->next;
    s->number++;
    s->concluded = false;
}

/* Where a message stands while the client says what belongs to no stage. */
static uint8_t near_stage(const struct drill_smtp *s)
{
    if (s->step == SMTP_STEP_SAY) {
        return s->place;
    }
    return s->step == SMTP_STEP_XCLIENT  ? DRILL_SMFIC_CONNECT
           : s->step < SMTP_STEP_MESSAGE ? DRILL_SMFIC_HELO
                                         : DRILL_SMFIC_MAIL;
}

/* The session has come to its end: `r` is the outcome of all messages that have none. */
void drill_smtp_conclude_rest(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    uint8_t stage = r->told.stage;
    if (stage == DRILL_SMFIC_UNKNOWN) {
        stage = near_stage(s);
    } else if (s->message && !s->concluded && r->told.message == s->number) {
        r->told.final = true;
        s->concluded = true;
    }
    for (; s->message && !s->no_memory; drill_smtp_next_message(s)) {
        if (!s->concluded) {
            conclude_as(s, r, stage);
        }
    }
}

static const struct drill_smtp_reply abandoned = {.told = {.stage = DRILL_SMFIC_ABORT}};

void drill_smtp_abandon(struct drill_smtp *s)
{
    conclude_as(s, &abandoned, DRILL_SMFIC_ABORT);
}

void drill_smtp_abandon_rest(struct drill_smtp *s)
{
    struct drill_smtp_reply like = abandoned;
    drill_smtp_conclude_rest(s, &like);
}

/* ---- looked up ---- */

const struct drill_told *drill_smtp_outcome(const struct drill_smtp *s, uint32_t number)
{
    const struct drill_smtp_reply *r = s->replies;
    while (r && !(r->told.message == number && r->told.final)) {
        r = r->next;
    }
    return r ? &r->told : NULL;
}

/* From 1; 0: there is no such message. */
static uint32_t session_of(const struct drill_smtp *s, uint32_t number)
{
    uint32_t session = 0;
    uint32_t n = 0;
    for (const struct drill_client *c = s->config.traffic; c; c = c->next) {
        session++;
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            if (++n == number) {
                return session;
            }
        }
    }
    return 0;
}

const struct drill_told *drill_smtp_told(const struct drill_smtp *s, uint32_t number, uint8_t stage,
                                         uint32_t rcpt)
{
    bool of_session = stage == DRILL_SMFIC_CONNECT || stage == DRILL_SMFIC_HELO;
    uint32_t session = of_session ? session_of(s, number) : 0;
    const struct drill_told *last = NULL;
    for (const struct drill_smtp_reply *r = s->replies; r; r = r->next) {
        bool there = of_session ? r->session == session && r->told.message == 0
                                : r->told.message == number && (rcpt == 0 || r->told.rcpt == rcpt);
        if (there && r->told.stage == stage) {
            last = &r->told;
        }
    }
    return last;
}
