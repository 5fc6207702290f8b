/* SPDX-License-Identifier: MIT */
/*
 * No program, but what an MTA must be ready for: a filter that is written to version 2 of the
 * protocol and holds its MTA to it (Sendmail 8.13's libmilter/docs and mfdef.h, SMFI_V2_*; Postfix
 * MILTER_README, "milter_protocol = 2"). It answers every command of that version, and hangs up on
 * all else: DATA, UNKNOWN and QUIT_NC, which came later; a command out of order; a payload that is
 * not exactly as it should be.
 */
#include <stdio.h>
#include <string.h>

#include "session/milter_ops.h"
#include "session/registry.h"

enum { VERSION = 2 };

static void v2only_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6; /* no more than that; and never more than 2 */
    s->timeout_data = 7210000000;
    s->timeout_command = s->timeout_data;
    s->max_data = DRILL_MAX_DATA;
    s->eom_reply = DRILL_SMFIR_ACCEPT;
    s->enabled = true;
}

static enum drill_code v2only_set(struct drill_settings *s, struct drill_span key,
                                  struct drill_span value, struct drill_arena *arena,
                                  struct drill_error *err)
{
    static const char *const NAMES[] = {"version", "actions", "protocol", "timeout",
                                        "connect", "helo",    "mail",     "rcpt",
                                        "header",  "eoh",     "body",     "eom"};
    enum drill_code verdict = DRILL_ERR_NOTFOUND;
    (void)arena;
    if (!drill_span_equal(key, drill_span_str("data"))) { /* it does not know the command */
        verdict = drill_milter_set_verdict(s, key, value, err);
    }
    return verdict != DRILL_ERR_NOTFOUND
               ? verdict
               : drill_setting_unknown(key, "v2only", NAMES, sizeof(NAMES) / sizeof(NAMES[0]), err);
}

static void hang_up(struct drill_milter *m, uint8_t command, const char *why)
{
    const char *name = drill_proto_name(DRILL_TO_MILTER, command);
    (void)snprintf(m->log, sizeof(m->log), "v2only: %s: %s", name ? name : "unknown command", why);
    m->hang_up = true;
}

static enum drill_milter_head v2only_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                          uint32_t *size)
{
    *size = length ? length - 1 : 0;
    if (length && *size <= m->settings->max_data) {
        return DRILL_MILTER_TAKE;
    }
    hang_up(m, code, "length out of range");
    return DRILL_MILTER_HANG_UP;
}

static void negotiate(struct drill_milter *m, const struct drill_message *offer)
{
    uint32_t version = m->settings->version < VERSION ? m->settings->version : VERSION;
    if (offer->number[0] < VERSION) {
        hang_up(m, DRILL_SMFIC_OPTNEG, "the version is too old");
        return;
    }
    m->answer.version = version;
    m->answer.actions = offer->number[1] & m->settings->actions & drill_proto_actions_of(VERSION);
    m->answer.protocol = offer->number[2] & m->settings->protocol & drill_proto_steps_of(VERSION);
    m->agreed = m->answer;
    m->negotiated = true;
    drill_milter_react(m, DRILL_SMFIR_OPTNEG);
}

/* The state table goes on over what it has asked not to be sent. ABORT it takes at any time: MTAs
 * send it behind a verdict too (Postfix). */
static bool in_order(const struct drill_milter *m, uint8_t code)
{
    const struct drill_agreed agreed = {VERSION, m->agreed.actions, m->agreed.protocol};
    const struct drill_proto_message *message = drill_proto_find(DRILL_TO_MILTER, code);
    if (code == DRILL_SMFIC_ABORT) {
        return m->state != DRILL_STATE_INIT;
    }
    return message && message->since <= VERSION && !drill_state_suppressed(code, &agreed) &&
           drill_state_allows(m->state, code, &agreed);
}

static void v2only_got(struct drill_milter *m, const struct drill_message *command, uint32_t size)
{
    uint8_t code = command->code;
    bool whole = command->payload.len == size;
    if (code != DRILL_SMFIC_MACRO) {
        m->command = code;
        m->replying = false;
        if (!in_order(m, code)) {
            hang_up(m, code, "not a command that may come here");
            return;
        }
        m->state = drill_state_after(m->state, code);
    }
    if (whole && command->defect != DRILL_DEFECT_NONE) {
        hang_up(m, code, drill_defect_text(command->defect));
        return;
    }
    switch (code) {
    case DRILL_SMFIC_OPTNEG: negotiate(m, command); break;
    case DRILL_SMFIC_QUIT: m->hang_up = true; break;
    case DRILL_SMFIC_MACRO:
    case DRILL_SMFIC_ABORT: break;
    default: drill_milter_react(m, drill_milter_verdict(m->settings, code)); break;
    }
}

/* A verdict that ends the message brings it back to where MAIL may come; a recipient's ends that
 * recipient, but for `accept`. */
static void v2only_sent(struct drill_milter *m, const struct drill_message *reply)
{
    bool rcpt = m->command == DRILL_SMFIC_RCPT;
    switch (reply->code) {
    case DRILL_SMFIR_OPTNEG:
        m->agreed.version = reply->number[0];
        m->agreed.actions = reply->number[1];
        m->agreed.protocol = reply->number[2];
        m->negotiated = true;
        break;
    case DRILL_SMFIR_REJECT:
    case DRILL_SMFIR_TEMPFAIL:
    case DRILL_SMFIR_REPLYCODE:
    case DRILL_SMFIR_DISCARD:
        if (rcpt) {
            break;
        } /* fall through */
    case DRILL_SMFIR_ACCEPT:
        if (m->command && m->command != DRILL_SMFIC_OPTNEG && m->command != DRILL_SMFIC_BODYEOB) {
            m->state = DRILL_STATE_HELO;
        }
        break;
    default: break;
    }
}

static uint64_t v2only_patience(const struct drill_milter *m)
{
    return m->settings->timeout_data;
}

static const struct drill_milter_ops OPS = {
    .reads_exactly = true,
    .head = v2only_head,
    .got = v2only_got,
    .reply = drill_milter_said,
    .sent = v2only_sent,
    .patience = v2only_patience,
};

const struct drill_profile drill_profile_v2only = {
    .name = "v2only",
    .family = "v2only",
    .summary = "a strict filter of version 2: no data, unknown or quit_nc, nothing out of order",
    .side = DRILL_SIDE_MILTER,
    .defaults = v2only_defaults,
    .set = v2only_set,
    .milter = &OPS,
};
