/* SPDX-License-Identifier: MIT */
#include "session/milter.h"

#include <string.h>

#include "session/milter_ops.h"
#include "session/profile.h"
#include "session/registry.h"

static const struct drill_milter_ops *ops(const struct drill_milter *m)
{
    return m->profile->milter;
}

void drill_milter_init(struct drill_milter *m, const struct drill_profile *profile,
                       const struct drill_settings *settings)
{
    memset(m, 0, sizeof(*m));
    m->profile = profile;
    m->settings = settings;
    m->to_come = settings ? settings->answers : NULL;
}

/* All but what outlives a connection, and the log line, which is for whoever asks why it ended. */
static void start_over(struct drill_milter *m)
{
    struct drill_milter old = *m;
    drill_milter_init(m, old.profile, old.settings);
    m->connections = old.connections;
    memcpy(m->log, old.log, sizeof(m->log));
}

void drill_milter_opened(struct drill_milter *m)
{
    start_over(m);
    m->connections++;
    m->log[0] = '\0';
}

bool drill_milter_reads_exactly(const struct drill_milter *m)
{
    return ops(m)->reads_exactly;
}

enum drill_milter_head drill_milter_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                         uint32_t *size)
{
    bool replying = m->replying;
    m->replying = false;
    enum drill_milter_head head = ops(m)->head(m, length, code, size);
    if (head == DRILL_MILTER_HANG_UP) {
        m->hang_up = true;
    } else {
        m->replying = replying;
    }
    return head;
}

/* The first recipient is what an unnamed `delrcpt` takes off. */
static void note_recipient(struct drill_milter *m, const struct drill_message *command)
{
    if (command->code == DRILL_SMFIC_MAIL) {
        m->rcpt_len = 0;
    } else if (command->code == DRILL_SMFIC_RCPT && m->rcpt_len == 0 && command->str[0].len &&
               command->str[0].len <= sizeof(m->rcpt)) {
        memcpy(m->rcpt, command->str[0].ptr, command->str[0].len);
        m->rcpt_len = (uint16_t)command->str[0].len;
    }
}

/* The next recorded answer to such a command: what was sent then and is not now is passed over. */
static void take_answer(struct drill_milter *m, uint8_t command)
{
    const struct drill_milter_answer *a = m->to_come;
    if (command == DRILL_SMFIC_MACRO) {
        return;
    }
    while (a && a->command != command) {
        a = a->next;
    }
    m->recorded = a;
    m->to_come = a ? a->next : m->to_come;
}

void drill_milter_got(struct drill_milter *m, const struct drill_message *command, uint32_t size)
{
    if (m->hang_up) {
        return;
    }
    note_recipient(m, command);
    take_answer(m, command->code);
    ops(m)->got(m, command, size);
}

/* Whether there is an answer is the program's rule; what it says may be recorded. What is agreed on
 * is its rule, too: of a recorded OPTNEG only the lists of macros are taken. */
static bool reply(const struct drill_milter *m, struct drill_message *out)
{
    const struct drill_milter_answer *a = m->hang_up ? NULL : m->recorded;
    bool negotiation = a && a->command == DRILL_SMFIC_OPTNEG;
    if (!a || !a->count || negotiation) {
        bool any = ops(m)->reply(m, out);
        if (any && negotiation && a->count && out->code == a->replies->code) {
            out->rest = a->replies->rest;
        }
        return any;
    }
    if (m->reaction >= a->count) {
        return false;
    }
    *out = a->replies[m->reaction];
    return true;
}

void drill_milter_peek(struct drill_milter *m, struct drill_milter_step *step)
{
    memset(step, 0, sizeof(*step));
    if (m->replying && reply(m, &step->reply)) {
        step->kind = DRILL_MILTER_SEND;
    } else {
        step->kind = m->hang_up ? DRILL_MILTER_CLOSE : DRILL_MILTER_WAIT;
    }
}

void drill_milter_did(struct drill_milter *m)
{
    struct drill_milter_step step;
    drill_milter_peek(m, &step);
    switch (step.kind) {
    case DRILL_MILTER_SEND:
        if (step.reply.code != DRILL_SMFIR_OPTNEG) {
            ops(m)->sent(m, &step.reply);
        }
        m->reaction++;
        m->replying = reply(m, &step.reply);
        break;
    case DRILL_MILTER_CLOSE: start_over(m); break;
    case DRILL_MILTER_WAIT: break;
    }
}

/* Also when that was to hang up; but the close behind QUIT is no answer. */
void drill_milter_answered(struct drill_milter *m)
{
    m->replying = false;
    m->hang_up = m->hang_up && m->command == DRILL_SMFIC_QUIT;
}

void drill_milter_sent(struct drill_milter *m, const struct drill_message *reply)
{
    drill_milter_answered(m);
    ops(m)->sent(m, reply);
}

void drill_milter_ended(struct drill_milter *m)
{
    start_over(m);
}

uint64_t drill_milter_patience(const struct drill_milter *m)
{
    return ops(m)->patience(m);
}

/* ---- for the families ---- */

static const struct {
    const char *word;
    uint8_t command;
} VERDICTS[DRILL_VERDICTS] = {
    [DRILL_VERDICT_CONNECT] = {"connect", DRILL_SMFIC_CONNECT},
    [DRILL_VERDICT_HELO] = {"helo", DRILL_SMFIC_HELO},
    [DRILL_VERDICT_MAIL] = {"mail", DRILL_SMFIC_MAIL},
    [DRILL_VERDICT_RCPT] = {"rcpt", DRILL_SMFIC_RCPT},
    [DRILL_VERDICT_DATA] = {"data", DRILL_SMFIC_DATA},
    [DRILL_VERDICT_HEADER] = {"header", DRILL_SMFIC_HEADER},
    [DRILL_VERDICT_EOH] = {"eoh", DRILL_SMFIC_EOH},
    [DRILL_VERDICT_BODY] = {"body", DRILL_SMFIC_BODY},
};

static bool verdict_word(struct drill_span value, bool repeats, uint8_t *code)
{
    static const uint8_t CODES[] = {DRILL_SMFIR_ACCEPT,   DRILL_SMFIR_CONTINUE, DRILL_SMFIR_REJECT,
                                    DRILL_SMFIR_TEMPFAIL, DRILL_SMFIR_DISCARD,  DRILL_SMFIR_SKIP};
    const struct drill_proto_message *m = drill_proto_word(DRILL_TO_MTA, value);
    if (!m || !memchr(CODES, m->code, sizeof(CODES) - !repeats)) {
        return false;
    }
    *code = m->code;
    return true;
}

enum drill_code drill_milter_set_verdict(struct drill_settings *s, struct drill_span key,
                                         struct drill_span value, struct drill_error *err)
{
    uint8_t *code = drill_span_equal(key, drill_span_str("eom")) ? &s->eom_reply : NULL;
    bool repeats = false; /* of what comes more than once the rest may be skipped */
    for (size_t i = 0; i < DRILL_VERDICTS; i++) {
        if (drill_span_equal(key, drill_span_str(VERDICTS[i].word))) {
            code = &s->verdicts[i];
            repeats = i == DRILL_VERDICT_HEADER || i == DRILL_VERDICT_BODY;
        }
    }
    if (!code) {
        return DRILL_ERR_NOTFOUND;
    }
    if (verdict_word(value, repeats, code)) {
        return DRILL_OK;
    }
    return drill_setting_bad(key, value,
                             repeats ? "accept, continue, reject, tempfail, discard or skip"
                                     : "accept, continue, reject, tempfail or discard",
                             err);
}

uint8_t drill_milter_verdict(const struct drill_settings *s, uint8_t command)
{
    if (command == DRILL_SMFIC_BODYEOB) {
        return s->eom_reply;
    }
    for (size_t i = 0; i < DRILL_VERDICTS; i++) {
        if (VERDICTS[i].command == command && s->verdicts[i]) {
            return s->verdicts[i];
        }
    }
    return DRILL_SMFIR_CONTINUE;
}

void drill_milter_react(struct drill_milter *m, uint8_t code)
{
    m->say = code;
    m->reaction = 0;
    m->replying = true;
}

bool drill_milter_said(const struct drill_milter *m, struct drill_message *out)
{
    if (m->reaction > 0 || !drill_message_init(out, DRILL_TO_MTA, m->say)) {
        return false;
    }
    if (m->say == DRILL_SMFIR_OPTNEG) {
        out->number[0] = m->answer.version;
        out->number[1] = m->answer.actions;
        out->number[2] = m->answer.protocol;
    }
    return true;
}

/* LANGUAGE.md section 3, the last column of the replies. */
bool drill_milter_default(struct drill_milter *m, uint8_t code, struct drill_message *out)
{
    if (!drill_message_init(out, DRILL_TO_MTA, code)) {
        return false;
    }
    switch (code) {
    case DRILL_SMFIR_OPTNEG:
        out->number[0] = m->answer.version;
        out->number[1] = m->answer.actions;
        out->number[2] = m->answer.protocol;
        return true;
    case DRILL_SMFIR_REPLYCODE: out->str[0] = drill_span_str("550 5.7.1 refused"); return true;
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER: out->number[0] = 1; /* fall through */
    case DRILL_SMFIR_ADDHEADER:
        out->str[0] = drill_span_str("X-Drill");
        out->str[1] = drill_span_str("1");
        return true;
    case DRILL_SMFIR_REPLBODY: out->rest = drill_span_str("replaced\r\n"); return true;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_CHGFROM: out->str[0] = drill_span_str("<carol@example.com>"); return true;
    case DRILL_SMFIR_DELRCPT:
        out->str[0] =
            m->rcpt_len ? drill_span_of(m->rcpt, m->rcpt_len) : drill_span_str("<bob@example.com>");
        return true;
    case DRILL_SMFIR_QUARANTINE: out->str[0] = drill_span_str("drill"); return true;
    default: return false;
    }
}
