/* SPDX-License-Identifier: MIT */
/* What the SMTP client was told, looked up. */
#include "session/smtp.h"
#include "wire/proto.h"

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
