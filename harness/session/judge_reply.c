/* SPDX-License-Identifier: MIT */
/* The milter's side of the judge: what its replies carry. */
#include "session/judge_ops.h"
#include "session/negotiate.h"

static void tell(struct drill_judge *j, enum drill_rule_id rule, uint8_t code)
{
    drill_judge_report(j, rule, "`%s`", drill_judge_word(DRILL_TO_MTA, code));
}

static void show(struct drill_judge *j, enum drill_rule_id rule, struct drill_span s)
{
    struct drill_judge_quote q;
    drill_judge_report(j, rule, "%s", drill_judge_quoted(&q, s));
}

/* ---- malformed payloads ---- */

static void defect(struct drill_judge *j, const struct drill_message *m)
{
    switch (m->defect) {
    case DRILL_DEFECT_NONE:
    case DRILL_DEFECT_UNKNOWN_CODE:
    case DRILL_DEFECT_BAD_FAMILY:
    case DRILL_DEFECT_ODD_MACROS:
    case DRILL_DEFECT_LIST_IN_OFFER: break;
    case DRILL_DEFECT_EMPTY:
    case DRILL_DEFECT_SHORT:
        tell(j, m->code == DRILL_SMFIR_OPTNEG ? DRILL_RULE_ANSWER_SHORT : DRILL_RULE_REPLY_SHORT,
             m->code);
        break;
    case DRILL_DEFECT_NO_NUL: tell(j, DRILL_RULE_REPLY_STRING_END, m->code); break;
    case DRILL_DEFECT_EMBEDDED_NUL: tell(j, DRILL_RULE_REPLY_SURPLUS, m->code); break;
    case DRILL_DEFECT_TRAILING:
        tell(j, m->shape == DRILL_SHAPE_NONE ? DRILL_RULE_REPLY_PAYLOAD : DRILL_RULE_REPLY_SURPLUS,
             m->code);
        break;
    case DRILL_DEFECT_BAD_LIST: tell(j, DRILL_RULE_LIST_TORN, m->code); break;
    }
}

/* ---- modifications ---- */

static void said_header(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_span name = m->str[0];
    if (name.len == 0) {
        tell(j, DRILL_RULE_NAMELESS, m->code);
    } else if (!drill_judge_is_field_name(name)) {
        show(j, DRILL_RULE_NAME_BYTES, name);
    }
    if (drill_judge_breaks_out(m->str[1])) {
        show(j, DRILL_RULE_VALUE_BREAK, name);
    }
    if (drill_judge_has_byte(m->str[1], '\r')) {
        show(j, DRILL_RULE_VALUE_CR, name);
    }
    if (m->code == DRILL_SMFIR_CHGHEADER && m->number[0] == 0) {
        show(j, DRILL_RULE_INDEX_ZERO, name);
    }
    if (m->code != DRILL_SMFIR_ADDHEADER && m->number[0] > INT32_MAX) {
        drill_judge_report(j, DRILL_RULE_INDEX_HUGE, "%lu", (unsigned long)m->number[0]);
    }
}

static void said_address(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_span s = m->str[0];
    bool opens = s.len && s.ptr[0] == '<';
    bool closes = s.len && s.ptr[s.len - 1] == '>';
    if (s.len == 0 && m->code == DRILL_SMFIR_CHGFROM) {
        drill_judge_report(j, DRILL_RULE_SENDER_EMPTY, "%s", "");
    } else if (s.len == 0 ||
               (m->code != DRILL_SMFIR_CHGFROM && drill_span_equal(s, drill_span_str("<>")))) {
        tell(j, DRILL_RULE_RCPT_EMPTY, m->code);
    } else if (drill_judge_has_control(s) || opens != closes) {
        show(j, DRILL_RULE_ADDRESS_FORM, s);
    }
    if (m->shape == DRILL_SHAPE_STR_OPT && !m->has_second) {
        tell(j, DRILL_RULE_ONE_STRING, m->code);
    } else if (m->has_second && !drill_judge_is_esmtp(m->str[1])) {
        show(j, DRILL_RULE_ESMTP_ARGS, m->str[1]);
    }
}

static void content(struct drill_judge *j, const struct drill_message *m)
{
    switch (m->code) {
    case DRILL_SMFIR_REPLYCODE: drill_judge_replycode(j, m->str[0]); break;
    case DRILL_SMFIR_ADDHEADER:
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER: said_header(j, m); break;
    case DRILL_SMFIR_REPLBODY:
        if (m->rest.len == 0) {
            drill_judge_report(j, DRILL_RULE_BODY_EMPTY, "%s", "");
        }
        break;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_DELRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_CHGFROM: said_address(j, m); break;
    case DRILL_SMFIR_QUARANTINE:
        if (m->str[0].len == 0 || drill_judge_has_control(m->str[0])) {
            show(j, DRILL_RULE_REASON, m->str[0]);
        }
        break;
    default: break;
    }
}

void drill_judge_said(struct drill_judge *j, const struct drill_message *m, uint32_t size)
{
    if (size > drill_judge_limit(&j->link)) {
        drill_judge_report(j, DRILL_RULE_REPLY_SIZE, "`%s` of %lu bytes",
                           drill_judge_word(DRILL_TO_MTA, m->code), (unsigned long)size);
    }
    if (m->payload.len < size) {
        return;
    }
    defect(j, m);
    if (m->defect == DRILL_DEFECT_NONE ||
        (m->defect == DRILL_DEFECT_NO_NUL && m->code == DRILL_SMFIR_REPLYCODE)) {
        content(j, m);
    }
}

/* ---- the answer to an offer ---- */

static void answer_version(struct drill_judge *j, uint32_t version)
{
    uint32_t offered = j->link.offer.version;
    if (version < DRILL_JUDGE_OLDEST) {
        drill_judge_report(j, DRILL_RULE_ANSWER_VERSION, "version %lu", (unsigned long)version);
    } else if (version > offered) {
        drill_judge_report(j, DRILL_RULE_ANSWER_OFFERED, "version %lu, offered %lu",
                           (unsigned long)version, (unsigned long)offered);
    }
}

/* Bits that nobody defined count as unknown, the others as asked for beyond the offer. */
static void answer_bits(struct drill_judge *j, uint32_t asked, uint32_t offered, bool actions)
{
    uint32_t known = actions ? DRILL_JUDGE_ACTIONS : DRILL_JUDGE_STEPS | DRILL_JUDGE_MDS;
    uint32_t beyond = asked & ~offered;
    if (beyond & ~known) {
        drill_judge_report(j, actions ? DRILL_RULE_ANSWER_ACTIONS : DRILL_RULE_ANSWER_STEPS,
                           "0x%lx", (unsigned long)(beyond & ~known));
    }
    if (beyond & known) {
        drill_judge_report(j, DRILL_RULE_ANSWER_OFFERED, "%s 0x%lx",
                           actions ? "actions" : "protocol", (unsigned long)(beyond & known));
    }
}

static void list_names(struct drill_judge *j, struct drill_judge_list *list,
                       struct drill_span names)
{
    struct drill_span name;
    while (drill_negotiate_next_name(&names, &name)) {
        if (!drill_judge_is_macro_name(name)) {
            show(j, DRILL_RULE_LIST_NAMES, name);
        }
        if (list->count < DRILL_JUDGE_NAMES) {
            list->name[list->count++] = drill_judge_macro_hash(name);
        } else {
            list->count = DRILL_JUDGE_NAMES + 1;
        }
    }
}

static void answer_lists(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_judge_link *l = &j->link;
    struct drill_reader r = drill_reader_of(m->rest);
    uint32_t stage;
    struct drill_span names;
    bool offered = l->offer.actions & DRILL_SMFIF_SETSYMLIST;
    bool heard[DRILL_JUDGE_STAGES] = {false};
    if (m->rest.len && !offered) {
        drill_judge_report(j, DRILL_RULE_LIST_UNOFFERED, "%s", "");
    }
    while (drill_message_next_list(&r, &stage, &names)) {
        if (stage >= DRILL_JUDGE_STAGES) {
            drill_judge_report(j, DRILL_RULE_LIST_STAGE, "%lu", (unsigned long)stage);
            continue;
        }
        if (heard[stage]) {
            drill_judge_report(j, DRILL_RULE_LIST_TWICE, "%lu", (unsigned long)stage);
        }
        heard[stage] = true;
        list_names(j, &l->list[stage], names);
        /* Postfix takes an empty list for its own default. */
        l->list[stage].asked = offered && l->list[stage].count;
    }
}

void drill_judge_negotiated(struct drill_judge *j, const struct drill_message *m)
{
    enum { V1_ACTIONS = 0x0F, V1_STEPS = 0x3F }; /* what libmilter reads into a zero */
    struct drill_judge_link *l = &j->link;
    if (m->defect == DRILL_DEFECT_SHORT || m->defect == DRILL_DEFECT_EMPTY) {
        l->blind = true;
        return;
    }
    answer_version(j, m->number[0]);
    answer_bits(j, m->number[1], l->offer.actions ? l->offer.actions : V1_ACTIONS, true);
    answer_bits(j, m->number[2], l->offer.protocol ? l->offer.protocol : V1_STEPS, false);
    l->agreed.version = m->number[0] < l->offer.version ? m->number[0] : l->offer.version;
    if (l->agreed.version < DRILL_JUDGE_OLDEST) {
        l->agreed.version = DRILL_JUDGE_OLDEST;
    }
    l->agreed.actions = m->number[1];
    l->agreed.protocol = m->number[2];
    uint32_t young_actions = m->number[1] & l->offer.actions & DRILL_JUDGE_ACTIONS &
                             ~drill_proto_actions_of(l->agreed.version);
    uint32_t young_steps = m->number[2] & l->offer.protocol & DRILL_JUDGE_STEPS &
                           ~drill_proto_steps_of(l->agreed.version);
    if (young_actions || young_steps) {
        drill_judge_report(j, DRILL_RULE_ANSWER_YOUNG, "version %lu, actions 0x%lx, protocol 0x%lx",
                           (unsigned long)l->agreed.version, (unsigned long)young_actions,
                           (unsigned long)young_steps);
    }
    answer_lists(j, m);
}
