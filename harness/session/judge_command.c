/* SPDX-License-Identifier: MIT */
/* The MTA's side of the judge: what its commands carry. */
#include <string.h>

#include "session/judge_ops.h"

static void refusable(struct drill_judge *j, enum drill_rule_id rule, const char *detail)
{
    drill_judge_report(j, rule, "%s", detail);
    j->link.refusable = true;
}

static void quirk(struct drill_judge *j, enum drill_rule_id rule, struct drill_span shown)
{
    struct drill_judge_quote q;
    drill_judge_report(j, rule, "%s", drill_judge_quoted(&q, shown));
}

/* ---- malformed payloads ---- */

static void trailing(struct drill_judge *j, const struct drill_message *m)
{
    if (m->shape == DRILL_SHAPE_NONE) {
        drill_judge_report(j, DRILL_RULE_PAYLOAD, "`%s`",
                           drill_judge_word(DRILL_TO_MILTER, m->code));
    } else if (m->shape == DRILL_SHAPE_OPTNEG) {
        drill_judge_report(j, DRILL_RULE_OFFER_LONG, "%lu bytes", (unsigned long)m->payload.len);
    } else if (m->shape == DRILL_SHAPE_CONNECT && m->letter == DRILL_FAMILY_UNKNOWN) {
        drill_judge_report(j, DRILL_RULE_UNKNOWN_ADDRESS, "%s", "");
    } else {
        drill_judge_report(j, DRILL_RULE_SURPLUS, "`%s`",
                           drill_judge_word(DRILL_TO_MILTER, m->code));
    }
}

static void defect(struct drill_judge *j, const struct drill_message *m)
{
    const char *word = drill_judge_word(DRILL_TO_MILTER, m->code);
    switch (m->defect) {
    case DRILL_DEFECT_NONE:
    case DRILL_DEFECT_UNKNOWN_CODE: break;
    case DRILL_DEFECT_EMPTY:
    case DRILL_DEFECT_SHORT:
        refusable(j, m->code == DRILL_SMFIC_OPTNEG ? DRILL_RULE_OFFER_SHORT : DRILL_RULE_SHORT,
                  word);
        break;
    case DRILL_DEFECT_NO_NUL:
        refusable(j, m->code == DRILL_SMFIC_MACRO ? DRILL_RULE_MACRO_PAIRS : DRILL_RULE_STRING_END,
                  word);
        break;
    case DRILL_DEFECT_ODD_MACROS: refusable(j, DRILL_RULE_MACRO_PAIRS, word); break;
    case DRILL_DEFECT_BAD_FAMILY:
        drill_judge_report(j, DRILL_RULE_FAMILY, "0x%02x", m->letter);
        j->link.refusable = true;
        break;
    case DRILL_DEFECT_EMBEDDED_NUL:
    case DRILL_DEFECT_TRAILING:
    case DRILL_DEFECT_BAD_LIST:
    case DRILL_DEFECT_LIST_IN_OFFER: trailing(j, m); break;
    }
}

/* ---- optneg ---- */

static void offer_bits(struct drill_judge *j, const struct drill_message *m)
{
    unsigned long actions = m->number[1] & ~(uint32_t)DRILL_JUDGE_ACTIONS;
    unsigned long steps = m->number[2] & ~(uint32_t)(DRILL_JUDGE_STEPS | DRILL_JUDGE_MDS);
    if (actions) {
        drill_judge_report(j, DRILL_RULE_OFFER_ACTIONS, "0x%lx", actions);
    }
    if (steps) {
        drill_judge_report(j, DRILL_RULE_OFFER_STEPS, "0x%lx", steps);
    }
    if (!m->number[1] || !m->number[2]) {
        drill_judge_report(j, DRILL_RULE_OFFER_ZERO, "%s",
                           m->number[1] ? "protocol=0" : "actions=0");
    }
    if (m->number[2] & DRILL_JUDGE_MDS) {
        drill_judge_report(j, DRILL_RULE_OFFER_MDS, "0x%lx",
                           (unsigned long)(m->number[2] & DRILL_JUDGE_MDS));
    }
}

static void carried_offer(struct drill_judge *j, const struct drill_message *m)
{
    uint32_t version = m->number[0];
    if (version < DRILL_JUDGE_OLDEST || version > INT32_MAX) {
        drill_judge_report(j, DRILL_RULE_OFFER_VERSION, "version %lu", (unsigned long)version);
        j->link.refusable = true;
    } else if (version > DRILL_JUDGE_NEWEST) {
        drill_judge_report(j, DRILL_RULE_OFFER_NEWER, "version %lu", (unsigned long)version);
    } else {
        uint32_t actions = m->number[1] & DRILL_JUDGE_ACTIONS & ~drill_proto_actions_of(version);
        uint32_t steps = m->number[2] & DRILL_JUDGE_STEPS & ~drill_proto_steps_of(version);
        if (actions || steps) {
            drill_judge_report(j, DRILL_RULE_OFFER_YOUNG,
                               "version %lu, actions 0x%lx, protocol 0x%lx", (unsigned long)version,
                               (unsigned long)actions, (unsigned long)steps);
        }
    }
    offer_bits(j, m);
}

/* ---- the client ---- */

static void carried_connect(struct drill_judge *j, const struct drill_message *m)
{
    bool fits = true;
    switch (m->letter) {
    case DRILL_FAMILY_INET: fits = drill_judge_is_inet(m->str[1]); break;
    case DRILL_FAMILY_INET6: fits = drill_judge_is_inet6(m->str[1]); break;
    case DRILL_FAMILY_UNIX: fits = m->str[1].len > 0; break;
    default: break;
    }
    if (m->str[0].len == 0) {
        drill_judge_report(j, DRILL_RULE_HOST_EMPTY, "%s", "");
    }
    if (!fits) {
        quirk(j, DRILL_RULE_ADDRESS, m->str[1]);
        j->link.refusable = true;
    }
}

static bool has_break(struct drill_span s)
{
    return drill_judge_has_byte(s, '\r') || drill_judge_has_byte(s, '\n');
}

/* HELO, MAIL, RCPT, UNKNOWN. */
static void carried_argument(struct drill_judge *j, const struct drill_message *m)
{
    if (m->str[0].len == 0 && m->code == DRILL_SMFIC_HELO) {
        drill_judge_report(j, DRILL_RULE_HELO_EMPTY, "%s", "");
    } else if (m->str[0].len == 0 && m->code != DRILL_SMFIC_UNKNOWN) {
        drill_judge_report(j, DRILL_RULE_ADDRESS_EMPTY, "`%s`",
                           drill_judge_word(DRILL_TO_MILTER, m->code));
    }
    if (has_break(m->str[0]) || has_break(m->rest)) {
        quirk(j, DRILL_RULE_ARGUMENT_BREAK, m->str[0]);
    }
}

/* ---- the content ---- */

/* Name, NUL and the value up to its first break, cut: enough to know it again. */
static void keep_first(struct drill_judge_link *l, const struct drill_message *m)
{
    struct drill_writer w = drill_writer_of(l->first, sizeof(l->first));
    size_t lf = drill_span_find(m->str[1], '\n');
    size_t cr = drill_span_find(m->str[1], '\r');
    struct drill_span value = drill_span_sub(m->str[1], 0, lf < cr ? lf : cr);
    while (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value = drill_span_sub(value, 1, value.len);
    }
    drill_write_str(&w, m->str[0]);
    drill_write_bytes(&w, value);
    l->first_len = (uint8_t)drill_writer_span(&w).len;
}

static void carried_header(struct drill_judge *j, const struct drill_message *m)
{
    struct drill_judge_link *l = &j->link;
    struct drill_span name = m->str[0];
    struct drill_span value = m->str[1];
    bool folds_with_cr = false;
    for (size_t i = 0; i + 1 < value.len; i++) {
        folds_with_cr = folds_with_cr || (value.ptr[i] == '\r' && value.ptr[i + 1] == '\n');
    }
    if (name.len == 0) {
        refusable(j, DRILL_RULE_HEADER_NAMELESS, "");
    } else if (!drill_judge_is_field_name(name)) {
        quirk(j, DRILL_RULE_HEADER_NAME, name);
    }
    if (drill_judge_breaks_out(value)) {
        quirk(j, DRILL_RULE_HEADER_BREAK, name);
    } else if (folds_with_cr) {
        quirk(j, DRILL_RULE_HEADER_FOLDS, name);
    }
    if (l->in_message && l->headers == 0 && l->first_len == 0) {
        keep_first(l, m);
    }
    if (value.len) {
        l->headers++;
        l->spaced += value.ptr[0] == ' ' || value.ptr[0] == '\t';
    }
}

void drill_judge_spaces(struct drill_judge *j)
{
    struct drill_judge_link *l = &j->link;
    uint32_t both = l->offer.protocol & l->agreed.protocol;
    if (l->space_told || l->headers < 2) {
        return;
    }
    l->space_told = true;
    if (both & DRILL_SMFIP_HDR_LEADSPC && l->spaced == 0) {
        drill_judge_report(j, DRILL_RULE_HEADER_SPACE, "none of %lu has one",
                           (unsigned long)l->headers);
    } else if (!(l->agreed.protocol & DRILL_SMFIP_HDR_LEADSPC) && l->spaced == l->headers) {
        drill_judge_report(j, DRILL_RULE_HEADER_SPACE, "all of %lu have one",
                           (unsigned long)l->headers);
    }
}

/* Does the body begin with the message's first header? */
static bool is_header_again(const struct drill_judge_link *l, struct drill_span body)
{
    struct drill_span first = drill_span_of(l->first, l->first_len);
    size_t name = drill_span_find(first, '\0');
    if (name == 0 || name + 1 >= first.len) {
        return false;
    }
    struct drill_span value = drill_span_sub(first, name + 1, first.len);
    struct drill_span line = drill_span_sub(body, name, body.len);
    if (!drill_span_equal(drill_span_sub(first, 0, name), drill_span_sub(body, 0, name)) ||
        line.len == 0 || line.ptr[0] != ':') {
        return false;
    }
    size_t blank = 1;
    while (blank < line.len && (line.ptr[blank] == ' ' || line.ptr[blank] == '\t')) {
        blank++;
    }
    return drill_span_equal(value, drill_span_sub(line, blank, value.len));
}

static void carried_body(struct drill_judge *j, const struct drill_message *m, bool whole)
{
    struct drill_judge_link *l = &j->link;
    if (whole && m->rest.len == 0) {
        refusable(j, DRILL_RULE_CHUNK_EMPTY, "");
        return;
    }
    if (l->in_message && !l->seen_body && is_header_again(l, m->payload)) {
        struct drill_span first = drill_span_of(l->first, l->first_len);
        quirk(j, DRILL_RULE_BODY_ONLY, drill_span_sub(first, 0, drill_span_find(first, '\0')));
    }
    l->seen_body = true;
}

void drill_judge_carried(struct drill_judge *j, const struct drill_message *m, bool whole)
{
    if (m->code == DRILL_SMFIC_BODY) {
        carried_body(j, m, whole);
    }
    if (m->code == DRILL_SMFIC_EOH || m->code == DRILL_SMFIC_BODY ||
        m->code == DRILL_SMFIC_BODYEOB) {
        drill_judge_spaces(j);
    }
    if (m->code == DRILL_SMFIC_MACRO) {
        drill_judge_macros(j, m); /* the letter is there even when the rest was cut */
    }
    if (!whole) {
        return;
    }
    defect(j, m);
    if (m->defect == DRILL_DEFECT_SHORT || m->defect == DRILL_DEFECT_EMPTY ||
        m->defect == DRILL_DEFECT_NO_NUL || m->defect == DRILL_DEFECT_BAD_FAMILY) {
        return;
    }
    switch (m->code) {
    case DRILL_SMFIC_OPTNEG: carried_offer(j, m); break;
    case DRILL_SMFIC_CONNECT: carried_connect(j, m); break;
    case DRILL_SMFIC_HELO:
    case DRILL_SMFIC_MAIL:
    case DRILL_SMFIC_RCPT:
    case DRILL_SMFIC_UNKNOWN: carried_argument(j, m); break;
    case DRILL_SMFIC_HEADER: carried_header(j, m); break;
    case DRILL_SMFIC_BODYEOB:
        if (m->rest.len) {
            drill_judge_report(j, DRILL_RULE_EOB_DATA, "%lu bytes", (unsigned long)m->rest.len);
        }
        break;
    default: break;
    }
}

/* ---- macros ---- */

static const char STAGES[] = "CHMRTLNBEU";

static const struct drill_judge_list *list_of(const struct drill_judge_link *l, uint8_t letter)
{
    size_t count;
    const struct drill_proto_stage *stage = drill_proto_stages(&count);
    for (size_t i = 0; i < count; i++) {
        if (stage[i].code == letter && stage[i].number < DRILL_JUDGE_STAGES) {
            return &l->list[stage[i].number];
        }
    }
    return NULL;
}

static bool is_listed(const struct drill_judge_list *list, struct drill_span name)
{
    if (!list || !list->asked || list->count > DRILL_JUDGE_NAMES) {
        return true;
    }
    uint32_t hash = drill_judge_macro_hash(name);
    for (size_t i = 0; i < list->count; i++) {
        if (list->name[i] == hash) {
            return true;
        }
    }
    return false;
}

static void macro_pairs(struct drill_judge *j, const struct drill_message *m)
{
    enum { COMPARED = 32 };
    uint32_t seen[COMPARED];
    size_t count = 0;
    const struct drill_judge_list *list = list_of(&j->link, m->letter);
    struct drill_reader r = drill_reader_of(m->rest);
    struct drill_span name, value;
    while (drill_message_next_macro(&r, &name, &value)) {
        uint32_t hash = drill_judge_macro_hash(name);
        size_t at = 0;
        while (at < count && seen[at] != hash) {
            at++;
        }
        if (at < count) {
            quirk(j, DRILL_RULE_MACRO_TWICE, name);
        } else if (count < COMPARED) {
            seen[count++] = hash;
        }
        if (!drill_judge_is_macro_name(name)) {
            quirk(j, DRILL_RULE_MACRO_NAME, name);
        } else if (!is_listed(list, name)) {
            quirk(j, DRILL_RULE_MACRO_UNASKED, name);
        }
        j->link.rejected =
            j->link.rejected || (drill_span_equal(name, drill_span_str("{rcpt_mailer}")) &&
                                 drill_span_equal(value, drill_span_str("error")));
    }
}

void drill_judge_macros(struct drill_judge *j, const struct drill_message *m)
{
    if (m->payload.len == 0) {
        return; /* told as a payload that is missing */
    }
    const char *at = m->letter ? strchr(STAGES, m->letter) : NULL;
    if (at) {
        j->link.macros |= 1U << (at - STAGES);
    } else {
        drill_judge_report(j, DRILL_RULE_MACRO_STAGE, "0x%02x", m->letter);
    }
    macro_pairs(j, m);
}

void drill_judge_macros_for(struct drill_judge *j, uint8_t code)
{
    struct drill_judge_link *l = &j->link;
    for (size_t i = 0; i < sizeof(STAGES) - 1; i++) {
        uint8_t stage = (uint8_t)STAGES[i];
        /* Sendmail and Postfix send the macros of a command that was switched off. */
        if (l->macros & 1U << i && stage != code && !drill_state_suppressed(stage, &l->agreed)) {
            drill_judge_report(j, DRILL_RULE_MACRO_PLACE, "those of `%s` before `%s`",
                               drill_judge_word(DRILL_TO_MILTER, stage),
                               drill_judge_word(DRILL_TO_MILTER, code));
        }
    }
    if (l->rejected && code == DRILL_SMFIC_RCPT &&
        !(l->offer.protocol & l->agreed.protocol & DRILL_SMFIP_RCPT_REJ)) {
        drill_judge_report(j, DRILL_RULE_REJECTED_RCPT, "%s", "");
    }
    l->macros = 0;
    l->rejected = false;
}
