/* SPDX-License-Identifier: MIT */
/* The MTA's side of the judge: may this command come now, and is a reply owed to it? */
#include <string.h>

#include "session/judge_ops.h"

/* What a reply to a command is. */
enum due {
    DUE_NONE, /* must not come */
    DUE_OWED, /* must come */
    DUE_MAYBE /* programs differ, or the milter promised what was not offered */
};

static bool is_answered(uint8_t code)
{
    static const struct drill_agreed nothing = {DRILL_JUDGE_NEWEST, 0, 0};
    return drill_state_owes(code, &nothing);
}

/* The reply to a command by the NR_* bits of `steps`. An MTA of an old version may offer them as an
 * extension (Postfix, milter_protocol = 2 no_header_reply), so the version does not count. */
static bool promised_none(uint8_t code, uint32_t steps)
{
    struct drill_agreed agreed = {DRILL_JUDGE_NEWEST, 0, steps};
    return !drill_state_owes(code, &agreed);
}

static enum due due_by_steps(const struct drill_judge_link *l, uint8_t code)
{
    if (!is_answered(code) || promised_none(code, l->agreed.protocol & l->offer.protocol)) {
        return DUE_NONE;
    }
    return promised_none(code, l->agreed.protocol) ? DUE_MAYBE : DUE_OWED;
}

static const char *word(uint8_t code)
{
    return drill_judge_word(DRILL_TO_MILTER, code);
}

/* ---- the end of messages ---- */

static void begin_message(struct drill_judge_link *l)
{
    l->serial++;
    l->in_message = true;
    l->over = 0;
    l->over_session = l->over_told = false;
    l->seen_data = l->seen_eoh = l->seen_body = l->left_out_told = l->space_told = false;
    l->skipped_headers = l->skipped_body = false;
    l->headers = l->spaced = 0;
    l->first_len = 0;
}

static void end_message(struct drill_judge_link *l)
{
    l->in_message = false;
    if (!l->over_session) {
        l->over = 0;
        l->over_told = false;
    }
}

void drill_judge_no_bodyeob(struct drill_judge *j)
{
    struct drill_judge_link *l = &j->link;
    bool content = l->state == DRILL_STATE_HDRS || l->state == DRILL_STATE_EOHS;
    if (l->in_message && content && !l->over && !l->doubt && !l->owed_count &&
        l->agreed.protocol & DRILL_SMFIP_NOBODY) {
        drill_judge_report(j, DRILL_RULE_SWITCHED_OFF, "no `bodyeob` behind `%s`",
                           l->seen_eoh ? "eoh" : "header");
    }
}

/* ---- order ---- */

/* After a verdict that ended a message or a session: is the command of what it ended? */
static bool is_over(const struct drill_judge_link *l, uint8_t code)
{
    if (!l->over || code == DRILL_SMFIC_ABORT || code == DRILL_SMFIC_QUIT ||
        code == DRILL_SMFIC_QUIT_NC) {
        return false;
    }
    if (l->over_session) {
        return !(code == DRILL_SMFIC_HELO && l->over_at == DRILL_SMFIC_HELO &&
                 l->over != DRILL_SMFIR_ACCEPT);
    }
    return code != DRILL_SMFIC_MAIL && code != DRILL_SMFIC_HELO && code != DRILL_SMFIC_UNKNOWN;
}

static void report_over(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    if (l->over_told) {
        return;
    }
    l->over_told = true;
    drill_judge_report(
        j, l->over == DRILL_SMFIR_ACCEPT ? DRILL_RULE_AFTER_ACCEPT : DRILL_RULE_AFTER_REFUSAL,
        "`%s` after `%s` to `%s`", word(code), drill_judge_word(DRILL_TO_MTA, l->over),
        word(l->over_at));
}

static enum due abort_message(struct drill_judge *j)
{
    struct drill_judge_link *l = &j->link;
    bool early = l->state <= DRILL_STATE_OPTS || l->state == DRILL_STATE_Q_NC;
    if (l->owed_count) {
        drill_judge_report(j, DRILL_RULE_ABORT_OWED, "`%s` is unanswered",
                           word(drill_judge_head(l).code));
    }
    end_message(l);
    if (early && !(l->agreed.protocol & DRILL_SMFIP_NOCONNECT)) {
        drill_judge_report(j, DRILL_RULE_ABORT_EARLY, "%s", "");
        l->doubt = true;
    } else {
        l->state = DRILL_STATE_HELO;
        l->doubt = false;
    }
    return DUE_NONE;
}

static enum due quit(struct drill_judge *j)
{
    drill_judge_no_bodyeob(j);
    j->link.quit = true;
    return DUE_NONE;
}

static enum due quit_nc(struct drill_judge *j)
{
    struct drill_judge_link *l = &j->link;
    bool here = l->state == DRILL_STATE_ENDM || l->state == DRILL_STATE_UNKN;
    drill_judge_no_bodyeob(j);
    l->over_session = false;
    end_message(l);
    if (!here) {
        drill_judge_report(j, DRILL_RULE_QUIT_NC_PLACE, "%s", "");
        l->doubt = true;
    }
    l->serial++;
    l->connected = false;
    l->state = DRILL_STATE_Q_NC;
    return DUE_NONE;
}

/* Does the table allow it, or libmilter's way out of an illegal command: abort, and as if behind
 * helo? */
static bool in_order(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    bool restarts =
        code == DRILL_SMFIC_HELO || code == DRILL_SMFIC_MAIL || code == DRILL_SMFIC_UNKNOWN;
    if (code == DRILL_SMFIC_CONNECT && l->connected) {
        drill_judge_report(j, DRILL_RULE_ONE_CONNECT, "%s", "");
        return false;
    }
    if (drill_state_allows(l->state, code, &l->agreed)) {
        return true;
    }
    if (restarts && drill_state_in_message(l->state)) {
        drill_judge_report(j, DRILL_RULE_RESTART, "`%s`", word(code));
        return true;
    }
    if (restarts && l->state == DRILL_STATE_ENDM) {
        return true;
    }
    drill_judge_report(j, DRILL_RULE_ORDER, "`%s`", word(code));
    return false;
}

/* The state that the MTA believes in, also when the command was out of order. */
static void enter(struct drill_judge_link *l, uint8_t code)
{
    l->state = drill_state_after(l->state, code);
    switch (code) {
    case DRILL_SMFIC_CONNECT: l->connected = true; break;
    case DRILL_SMFIC_HELO:
        l->over_session = false;
        end_message(l);
        break;
    case DRILL_SMFIC_MAIL: begin_message(l); break;
    case DRILL_SMFIC_DATA: l->seen_data = true; break;
    case DRILL_SMFIC_EOH: l->seen_eoh = true; break;
    case DRILL_SMFIC_BODYEOB:
        end_message(l);
        l->modified = 0;
        l->body_open = l->body_closed = l->quarantined = false;
        break;
    default: break;
    }
}

/* Commands that must have come before this one, unless they were switched off. */
static void left_out(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    bool body = code == DRILL_SMFIC_BODY || code == DRILL_SMFIC_BODYEOB;
    bool content = body || code == DRILL_SMFIC_HEADER || code == DRILL_SMFIC_EOH;
    if (!content || !l->in_message || l->left_out_told || !l->agreed.version) {
        return;
    }
    uint8_t missing = 0;
    if (!l->seen_data && !drill_state_suppressed(DRILL_SMFIC_DATA, &l->agreed)) {
        missing = DRILL_SMFIC_DATA;
    } else if (body && !l->seen_eoh && !drill_state_suppressed(DRILL_SMFIC_EOH, &l->agreed)) {
        missing = DRILL_SMFIC_EOH;
    }
    if (missing) {
        l->left_out_told = true;
        drill_judge_report(j, DRILL_RULE_LEFT_OUT, "no `%s` before `%s`", word(missing),
                           word(code));
    }
}

static bool skipped(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    bool hit = (code == DRILL_SMFIC_HEADER && l->skipped_headers) ||
               (code == DRILL_SMFIC_BODY && l->skipped_body);
    if (hit) {
        drill_judge_report(j, DRILL_RULE_AFTER_SKIP, "`%s`", word(code));
    }
    return hit;
}

/* A command younger than the version, or switched off. */
static bool unwanted(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    struct drill_agreed offered = l->agreed;
    offered.protocol &= l->offer.protocol; /* an MTA need not do what it did not offer */
    if (!drill_state_suppressed(code, &offered)) {
        return false;
    }
    offered.protocol = 0;
    if (drill_state_suppressed(code, &offered)) {
        drill_judge_report(j, DRILL_RULE_VERSION, "`%s` in version %lu", word(code),
                           (unsigned long)l->agreed.version);
    } else {
        drill_judge_report(j, DRILL_RULE_SWITCHED_OFF, "`%s`", word(code));
    }
    return true;
}

static enum due place_ordinary(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    bool off = unwanted(j, code);
    bool ordered = off || in_order(j, code);
    bool fresh = ordered && (code == DRILL_SMFIC_HELO || code == DRILL_SMFIC_MAIL);
    if (!off && ordered) {
        left_out(j, code);
    }
    bool surplus = skipped(j, code);
    l->doubt = (l->doubt && !fresh) || !ordered;
    enter(l, code);
    enum due due = due_by_steps(l, code);
    return due == DUE_OWED && (off || surplus || l->doubt) ? DUE_MAYBE : due;
}

static enum due place(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    if (l->blind) {
        l->quit = l->quit || code == DRILL_SMFIC_QUIT;
        return is_answered(code) ? DUE_MAYBE : DUE_NONE;
    }
    if (is_over(l, code)) {
        report_over(j, code);
        return is_answered(code) ? DUE_MAYBE : DUE_NONE;
    }
    switch (code) {
    case DRILL_SMFIC_ABORT: return abort_message(j);
    case DRILL_SMFIC_QUIT: return quit(j);
    case DRILL_SMFIC_QUIT_NC: (void)unwanted(j, code); return quit_nc(j);
    default: return place_ordinary(j, code);
    }
}

/* ---- the first frame ---- */

static enum due offer(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_judge_link *l = &j->link;
    if (l->offered) {
        drill_judge_report(j, DRILL_RULE_OPTNEG_FIRST, "a second `optneg`");
        return DUE_MAYBE;
    }
    l->offered = true;
    l->blind = false;
    l->state = DRILL_STATE_OPTS;
    l->offer.version = m->number[0];
    l->offer.actions = m->number[1];
    l->offer.protocol = m->number[2];
    return DUE_OWED;
}

/* True when no offer came before the command. */
static bool is_first(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    if (l->offered || code == DRILL_SMFIC_OPTNEG) {
        return false;
    }
    if (!l->blind) {
        l->blind = true;
        drill_judge_report(j, DRILL_RULE_OPTNEG_FIRST, "`%s` came first", word(code));
    }
    return true;
}

static void waits(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    if (l->owed_count && !l->blind && is_answered(code)) {
        drill_judge_report(j, DRILL_RULE_WAITS, "`%s` while `%s` is unanswered", word(code),
                           word(drill_judge_head(l).code));
    }
}

void drill_judge_command(struct drill_judge *j, const struct drill_message *m, uint32_t size)
{
    struct drill_judge_link *l = &j->link;
    uint8_t code = m->code;
    bool whole = m->payload.len >= size;
    if (l->quit) {
        drill_judge_report(j, DRILL_RULE_AFTER_QUIT, "`%s`", word(code));
        return;
    }
    l->refusable = l->refusable && !l->replied;
    l->replied = false;
    (void)is_first(j, code);
    if (!drill_proto_find(DRILL_TO_MILTER, code)) {
        drill_judge_report(j, DRILL_RULE_UNKNOWN_COMMAND, "code 0x%02x", code);
        l->refusable = true;
        drill_judge_maybe(l, code);
        return;
    }
    enum due due = DUE_NONE;
    if (code != DRILL_SMFIC_MACRO) {
        drill_judge_macros_for(j, code);
        waits(j, code);
        due = code == DRILL_SMFIC_OPTNEG ? offer(j, m) : place(j, code);
    }
    if (size > drill_judge_limit(l)) {
        drill_judge_report(j,
                           code == DRILL_SMFIC_BODY ? DRILL_RULE_CHUNK_SIZE : DRILL_RULE_FRAME_SIZE,
                           "`%s` of %lu bytes", word(code), (unsigned long)size);
        l->refusable = true;
    }
    drill_judge_carried(j, m, whole);
    if (due == DUE_OWED && !l->refusable) {
        drill_judge_owe(l, code);
    } else if (due != DUE_NONE) {
        drill_judge_maybe(l, code);
    } else if (is_answered(code)) {
        l->promised = code;
        l->promised_age = 0;
    }
}
