/* SPDX-License-Identifier: MIT */
#include "session/judge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session/judge_ops.h"
#include "wire/text.h"

static const struct drill_rule rules[DRILL_RULES] = {
#define DRILL_RULE(ID, NAME, SEVERITY, TITLE, WHY, SOURCE)                                      \
    {#ID,   (#ID)[0] == 'M' ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER, DRILL_##SEVERITY, TITLE, WHY, \
     SOURCE},
#include "session/rule.def"
};

/* ---- the table ---- */

const struct drill_rule *drill_rule_of(enum drill_rule_id rule)
{
    return &rules[rule];
}

bool drill_rule_find(struct drill_span id, enum drill_rule_id *rule)
{
    for (size_t i = 0; i < DRILL_RULES; i++) {
        if (drill_span_equal_nocase(drill_span_str(rules[i].id), id)) {
            *rule = (enum drill_rule_id)i;
            return true;
        }
    }
    return false;
}

const char *drill_severity_text(enum drill_severity severity)
{
    switch (severity) {
    case DRILL_VIOLATION: return "violation";
    case DRILL_QUIRK: return "quirk";
    case DRILL_NOTE: return "note";
    }
    return "unknown severity";
}

/* ---- findings ---- */

void drill_judge_report(struct drill_judge *j, enum drill_rule_id rule, const char *fmt, ...)
{
    struct drill_finding f = {.rule = rule,
                              .by = rules[rule].by,
                              .severity = rules[rule].severity,
                              .connection = j->connection,
                              .frame = j->frame,
                              .nth = ++j->count[rule]};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(f.detail, sizeof(f.detail), fmt, args);
    va_end(args);
    if (j->found) {
        j->found(j->ctx, &f);
    }
}

const char *drill_judge_quoted(struct drill_judge_quote *q, struct drill_span s)
{
    enum { SHOWN = 6 }; /* the worst takes 4 characters a byte, and the length behind it */
    struct drill_writer w = drill_writer_of(q->text, sizeof(q->text) - 1);
    bool plain = s.len <= 24 && !drill_judge_has_control(s);
    drill_text_bytes(&w, s, plain ? 0 : SHOWN);
    q->text[drill_writer_span(&w).len] = '\0';
    return q->text;
}

const char *drill_judge_word(enum drill_dir dir, uint8_t code)
{
    const struct drill_proto_message *row = drill_proto_find(dir, code);
    return row ? row->word : "frame";
}

void drill_judge_text(struct drill_writer *w, const struct drill_finding *finding)
{
    const struct drill_rule *rule = &rules[finding->rule];
    drill_write_text(w, rule->id);
    drill_write_text(w, finding->by == DRILL_SIDE_MTA ? ", by the MTA: " : ", by the milter: ");
    drill_write_text(w, rule->title);
    drill_write_text(w, "; ");
    drill_write_text(w, rule->why);
    if (finding->detail[0]) {
        drill_write_text(w, " (");
        drill_write_text(w, finding->detail);
        drill_write_text(w, ")");
    }
}

/* ---- what is owed ---- */

void drill_judge_owe(struct drill_judge_link *l, uint8_t code)
{
    struct drill_judge_owed owed = {code, l->serial};
    uint32_t at = l->owed_count < DRILL_JUDGE_OWED ? l->owed_count : DRILL_JUDGE_OWED - 1;
    l->owed[(l->owed_at + at) % DRILL_JUDGE_OWED] = owed;
    l->owed_count += l->owed_count < UINT32_MAX;
    if (l->promised && l->promised_age++ > 0) {
        l->promised = 0;
    }
}

struct drill_judge_owed drill_judge_head(const struct drill_judge_link *l)
{
    struct drill_judge_owed none = {0, 0};
    return l->owed_count ? l->owed[l->owed_at] : none;
}

void drill_judge_settle(struct drill_judge_link *l)
{
    /* Of more than the ring holds the last stands for each, so it stays. */
    if (l->owed_count <= DRILL_JUDGE_OWED) {
        l->owed_at = (l->owed_at + 1) % DRILL_JUDGE_OWED;
    } else {
        uint32_t last = (l->owed_at + DRILL_JUDGE_OWED - 1) % DRILL_JUDGE_OWED;
        l->owed[l->owed_at] = l->owed[last];
        l->owed_at = (l->owed_at + 1) % DRILL_JUDGE_OWED;
    }
    l->owed_count--;
}

void drill_judge_maybe(struct drill_judge_link *l, uint8_t code)
{
    l->spare += l->spare < UINT32_MAX;
    l->spare_code = code;
}

uint32_t drill_judge_limit(const struct drill_judge_link *l)
{
    uint32_t both = l->offer.protocol & l->agreed.protocol;
    if (both & DRILL_SMFIP_MDS_1M) {
        return (1U << 20) - 1;
    }
    return both & DRILL_SMFIP_MDS_256K ? (1U << 18) - 1 : DRILL_MAX_DATA;
}

/* ---- what happens ---- */

void drill_judge_init(struct drill_judge *j,
                      void (*found)(void *ctx, const struct drill_finding *finding), void *ctx)
{
    memset(j, 0, sizeof(*j));
    j->found = found;
    j->ctx = ctx;
}

void drill_judge_open(struct drill_judge *j)
{
    memset(&j->link, 0, sizeof(j->link));
    j->link.open = true;
    j->connection++;
}

static enum drill_rule_id length_rule(enum drill_side who)
{
    return who == DRILL_SIDE_MTA ? DRILL_RULE_COMMAND_LENGTH : DRILL_RULE_REPLY_LENGTH;
}

/* Once a side and connection: what comes behind it cannot be told apart. */
static void lose_frames(struct drill_judge *j, enum drill_side who, uint32_t length)
{
    struct drill_judge_link *l = &j->link;
    uint8_t side = who == DRILL_SIDE_MTA ? 1 : 2;
    if (!(l->garbled & side)) {
        drill_judge_report(j, length_rule(who), "length %lu", (unsigned long)length);
    }
    l->garbled |= side;
    l->blind = true;
    l->refusable = true;
}

void drill_judge_garbled(struct drill_judge *j, enum drill_side who, uint32_t length)
{
    if (!j->link.open) {
        drill_judge_open(j);
    }
    if (!j->link.ended) {
        lose_frames(j, who, length);
    }
}

void drill_judge_frame(struct drill_judge *j, const struct drill_message *m, uint32_t size,
                       uint32_t length)
{
    enum drill_side who = m->dir == DRILL_TO_MILTER ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
    if (!j->link.open) {
        drill_judge_open(j);
    }
    j->frame++;
    if (j->link.ended) {
        return; /* on its way when the milter ended the connection */
    }
    if (length == 0 || length - 1 != size) {
        lose_frames(j, who, length);
    } else if (who == DRILL_SIDE_MTA) {
        drill_judge_command(j, m, size);
    } else {
        drill_judge_answered(j, m, size);
    }
}

/* ---- ends ---- */

static const char *how_text(enum drill_end how)
{
    switch (how) {
    case DRILL_END_NONE: return "by its time limit";
    case DRILL_END_FIN: return "by FIN";
    case DRILL_END_RST: return "by RST";
    case DRILL_END_EPIPE: return "seen as EPIPE";
    case DRILL_END_REFUSED: return "by refusing it";
    case DRILL_END_ERROR: return "by an error";
    }
    return "";
}

/* Nothing will answer the oldest command any more. */
static void unanswered(struct drill_judge *j, uint8_t code)
{
    if (code == DRILL_SMFIC_BODYEOB && j->link.modified) {
        drill_judge_report(j, DRILL_RULE_NO_VERDICT, "%lu modifications",
                           (unsigned long)j->link.modified);
    } else {
        drill_judge_report(j, DRILL_RULE_UNANSWERED, "`%s`",
                           drill_judge_word(DRILL_TO_MILTER, code));
    }
}

static void ended_by_mta(struct drill_judge *j, enum drill_end how)
{
    struct drill_judge_link *l = &j->link;
    struct drill_judge_owed head = drill_judge_head(l);
    if (l->quit || l->blind) {
        return;
    }
    if (head.code && how == DRILL_END_NONE) {
        unanswered(j, head.code);
    } else if (head.code) {
        drill_judge_report(j, DRILL_RULE_ENDS_WAITING, "`%s` is unanswered",
                           drill_judge_word(DRILL_TO_MILTER, head.code));
    } else if (l->offered && how != DRILL_END_NONE) {
        drill_judge_no_bodyeob(j);
        drill_judge_report(j, DRILL_RULE_NO_QUIT, "%s", how_text(how));
    }
}

static void ended_by_milter(struct drill_judge *j, enum drill_end how)
{
    struct drill_judge_link *l = &j->link;
    struct drill_judge_owed head = drill_judge_head(l);
    if (l->quit || l->blind || l->refusable || head.code == DRILL_SMFIC_OPTNEG) {
        return;
    }
    if (head.code == DRILL_SMFIC_BODYEOB && l->modified) {
        unanswered(j, head.code);
    } else if (head.code) {
        drill_judge_report(j, DRILL_RULE_HANGS_UP, "at `%s`, %s",
                           drill_judge_word(DRILL_TO_MILTER, head.code), how_text(how));
    } else if (!l->doubt && !l->over_session) {
        drill_judge_report(j, DRILL_RULE_IDLE_CLOSE, "%s", how_text(how));
    }
}

void drill_judge_ended(struct drill_judge *j, enum drill_side who, enum drill_end how)
{
    struct drill_judge_link *l = &j->link;
    if (!l->open || l->ended || how == DRILL_END_REFUSED) {
        return;
    }
    if (who == DRILL_SIDE_MTA) {
        ended_by_mta(j, how);
        l->quit = true;
    } else {
        ended_by_milter(j, how);
        l->ended = true;
    }
}

void drill_judge_finish(struct drill_judge *j)
{
    struct drill_judge_owed head = drill_judge_head(&j->link);
    if (j->link.open && !j->link.ended && !j->link.quit && !j->link.blind && head.code) {
        unanswered(j, head.code);
    }
    j->link.open = false;
}
