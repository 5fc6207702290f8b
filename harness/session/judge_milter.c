/* SPDX-License-Identifier: MIT */
/* The milter's side of the judge: which command does this reply answer, and may it? */
#include "session/judge_ops.h"

static const char *command_word(uint8_t code)
{
    return drill_judge_word(DRILL_TO_MILTER, code);
}

static const char *reply_word(uint8_t code)
{
    return drill_judge_word(DRILL_TO_MTA, code);
}

static bool refuses(uint8_t reply)
{
    switch (reply) {
    case DRILL_SMFIR_REJECT:
    case DRILL_SMFIR_TEMPFAIL:
    case DRILL_SMFIR_REPLYCODE:
    case DRILL_SMFIR_DISCARD:
    case DRILL_SMFIR_SHUTDOWN:
    case DRILL_SMFIR_CONN_FAIL: return true;
    default: return false;
    }
}

/* ---- what a verdict ends ---- */

enum ends { ENDS_NOTHING, ENDS_MESSAGE, ENDS_SESSION };

/* At connect and helo it is the session, at the others the message; of recipients accept ends all,
 * a refusal that one (mfapi.h, SMFIS_*; libmilter engine.c keeps its state there). */
static enum ends ends(uint8_t command, uint8_t reply)
{
    if (reply == DRILL_SMFIR_SHUTDOWN || reply == DRILL_SMFIR_CONN_FAIL) {
        return ENDS_SESSION;
    }
    if (reply != DRILL_SMFIR_ACCEPT && !refuses(reply)) {
        return ENDS_NOTHING;
    }
    switch (command) {
    case DRILL_SMFIC_CONNECT:
    case DRILL_SMFIC_HELO: return reply == DRILL_SMFIR_DISCARD ? ENDS_NOTHING : ENDS_SESSION;
    case DRILL_SMFIC_RCPT: return reply == DRILL_SMFIR_ACCEPT ? ENDS_MESSAGE : ENDS_NOTHING;
    case DRILL_SMFIC_MAIL:
    case DRILL_SMFIC_DATA:
    case DRILL_SMFIC_HEADER:
    case DRILL_SMFIC_EOH:
    case DRILL_SMFIC_BODY: return ENDS_MESSAGE;
    default: return ENDS_NOTHING;
    }
}

/* The verdict on `owed` takes effect, unless the MTA is at another message already. Commands of the
 * same message that are on their way may be answered or not. */
static void conclude(struct drill_judge_link *l, const struct drill_judge_owed *owed, uint8_t reply)
{
    enum ends what = ends(owed->code, reply);
    if (what == ENDS_NOTHING || owed->serial != l->serial) {
        return;
    }
    while (l->owed_count && drill_judge_head(l).serial == owed->serial) {
        drill_judge_maybe(l, drill_judge_head(l).code);
        drill_judge_settle(l);
    }
    l->over = reply;
    l->over_at = owed->code;
    l->over_session = what == ENDS_SESSION;
    l->over_told = false;
    l->in_message = false;
    if (what == ENDS_MESSAGE) {
        l->state = DRILL_STATE_HELO;
    }
}

/* ---- replies ---- */

/* A reply in its time: the command and whether it was owed; `spare`: it was not, but may come. */
struct answer {
    struct drill_judge_owed owed;
    bool spare;
};

static void settle(struct drill_judge_link *l, const struct answer *a, uint8_t reply)
{
    if (a->spare) {
        l->spare--;
        return;
    }
    drill_judge_settle(l);
    conclude(l, &a->owed, reply);
}

static void modification(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_judge_link *l = &j->link;
    if (!(drill_state_action(m->code) & l->agreed.actions)) {
        drill_judge_report(j, DRILL_RULE_MODIFY_AGREED, "`%s`", reply_word(m->code));
    }
    l->modified++;
    l->quarantined = l->quarantined || m->code == DRILL_SMFIR_QUARANTINE;
    if (m->code != DRILL_SMFIR_REPLBODY) {
        l->body_closed = l->body_open;
        return;
    }
    if (l->body_closed) {
        drill_judge_report(j, DRILL_RULE_BODY_MIXED, "%s", "");
    }
    l->body_open = true;
    l->body_closed = false;
}

static void verdict(struct drill_judge *j, uint8_t code, const struct answer *a)
{
    struct drill_judge_link *l = &j->link;
    uint8_t command = a->owed.code;
    if (code == DRILL_SMFIR_SHUTDOWN || code == DRILL_SMFIR_CONN_FAIL) {
        drill_judge_report(j, DRILL_RULE_NOT_MILTERS, "`%s`", reply_word(code));
    } else if (code == DRILL_SMFIR_DISCARD &&
               (command == DRILL_SMFIC_CONNECT || command == DRILL_SMFIC_HELO)) {
        drill_judge_report(j, DRILL_RULE_DISCARD_EARLY, "to `%s`", command_word(command));
    } else if (command == DRILL_SMFIC_BODYEOB && l->quarantined && refuses(code)) {
        drill_judge_report(j, DRILL_RULE_QUARANTINE_REFUSED, "`%s`", reply_word(code));
    }
    if (command == DRILL_SMFIC_BODYEOB) {
        l->modified = 0;
        l->quarantined = false;
    }
    settle(l, a, code);
}

static void skip(struct drill_judge *j, const struct answer *a)
{
    struct drill_judge_link *l = &j->link;
    uint8_t command = a->owed.code;
    bool here = command == DRILL_SMFIC_HEADER || command == DRILL_SMFIC_BODY;
    if (!(l->offer.protocol & DRILL_SMFIP_SKIP)) {
        drill_judge_report(j, DRILL_RULE_SKIP_OFFERED, "to `%s`", command_word(command));
    } else if (!here) {
        drill_judge_report(j, DRILL_RULE_SKIP_PLACE, "to `%s`", command_word(command));
    } else if (a->owed.serial == l->serial && !a->spare) {
        l->skipped_headers = l->skipped_headers || command == DRILL_SMFIC_HEADER;
        l->skipped_body = l->skipped_body || command == DRILL_SMFIC_BODY;
    }
    settle(l, a, DRILL_SMFIR_SKIP);
}

/* A reply that does not answer this command. Those that MTAs read as a verdict settle it. */
static void misplaced(struct drill_judge *j, uint8_t code, const struct answer *a)
{
    const char *at = command_word(a->owed.code);
    if (a->owed.code == DRILL_SMFIC_OPTNEG) {
        drill_judge_report(j, DRILL_RULE_HANDSHAKE, "`%s`", reply_word(code));
        settle(&j->link, a, code);
        j->link.blind = true;
    } else if (code == DRILL_SMFIR_OPTNEG) {
        drill_judge_report(j, DRILL_RULE_OPTNEG_LATE, "to `%s`", at);
    } else if (code == DRILL_SMFIR_SETSYMLIST) {
        drill_judge_report(j, DRILL_RULE_NOT_MILTERS, "`%s`", reply_word(code));
    } else if (code == DRILL_SMFIR_PROGRESS) {
        drill_judge_report(j, DRILL_RULE_PROGRESS_PLACE, "to `%s`", at);
    } else {
        drill_judge_report(j, DRILL_RULE_MODIFY_PLACE, "`%s` to `%s`", reply_word(code), at);
    }
}

static void answer(struct drill_judge *j, const struct drill_message *m, const struct answer *a)
{
    if (!drill_proto_find(DRILL_TO_MILTER, a->owed.code)) {
        settle(&j->link, a, m->code); /* whatever a milter says to a command that is none */
        return;
    }
    if (m->code == DRILL_SMFIR_SKIP && a->owed.code != DRILL_SMFIC_OPTNEG) {
        skip(j, a);
        return;
    }
    switch (drill_state_reply(a->owed.code, m->code)) {
    case DRILL_REPLY_ILLEGAL: misplaced(j, m->code, a); break;
    case DRILL_REPLY_VERDICT: verdict(j, m->code, a); break;
    case DRILL_REPLY_MODIFY: modification(j, m); break;
    case DRILL_REPLY_PROGRESS: break;
    case DRILL_REPLY_NEGOTIATE:
        if (!a->spare) {
            drill_judge_negotiated(j, m);
        }
        settle(&j->link, a, m->code);
        break;
    }
}

/* Nothing is owed, and nothing may come. */
static void unasked(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    const char *word = reply_word(code);
    if (!l->offered) {
        drill_judge_report(j, DRILL_RULE_SPEAKS_FIRST, "`%s`", word);
        l->blind = true;
    } else if (l->quit) {
        drill_judge_report(j, DRILL_RULE_BEHIND_END, "`%s`", word);
    } else if (code == DRILL_SMFIR_OPTNEG) {
        drill_judge_report(j, DRILL_RULE_OPTNEG_LATE, "unasked");
    } else if (code == DRILL_SMFIR_SETSYMLIST) {
        drill_judge_report(j, DRILL_RULE_NOT_MILTERS, "`%s`", word);
    } else if (drill_state_action(code)) {
        drill_judge_report(j, DRILL_RULE_MODIFY_PLACE, "`%s` when no command is open", word);
    } else if (code == DRILL_SMFIR_PROGRESS) {
        drill_judge_report(j, DRILL_RULE_PROGRESS_PLACE, "when no command is open");
    } else if (l->promised) {
        drill_judge_report(j, DRILL_RULE_NO_REPLY, "`%s` to `%s`", word, command_word(l->promised));
        l->promised = 0;
    } else {
        drill_judge_report(j, DRILL_RULE_UNASKED, "`%s`", word);
    }
}

/* Finds the command that the reply answers: the oldest that is owed one, or one that may have one
 * if the reply fits only there. False: none. */
static bool find(const struct drill_judge_link *l, uint8_t reply, struct answer *a)
{
    bool fits_spare = l->spare && drill_state_reply(l->spare_code, reply) != DRILL_REPLY_ILLEGAL;
    a->owed = drill_judge_head(l);
    a->spare = a->owed.code == 0 ||
               (fits_spare && drill_state_reply(a->owed.code, reply) == DRILL_REPLY_ILLEGAL);
    if (a->spare) {
        a->owed.code = l->spare_code;
        a->owed.serial = l->serial;
    }
    return !a->spare || l->spare;
}

void drill_judge_answered(struct drill_judge *j, const struct drill_message *m, uint32_t size)
{
    struct drill_judge_link *l = &j->link;
    struct answer a;
    l->replied = true;
    drill_judge_said(j, m, size);
    if (!drill_proto_find(DRILL_TO_MTA, m->code)) {
        drill_judge_report(j, DRILL_RULE_UNKNOWN_REPLY, "code 0x%02x", m->code);
        l->blind = true;
    } else if (l->blind) {
        return;
    } else if (find(l, m->code, &a)) {
        answer(j, m, &a);
    } else {
        unasked(j, m->code);
    }
}
