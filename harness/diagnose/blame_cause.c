/* SPDX-License-Identifier: MIT */
#include "diagnose/cause.h"

#include "session/state.h"

enum { ANY = -1 };

typedef bool where_fn(const struct drill_blame *d, const struct drill_blamed *b);

static bool is_message(const struct drill_step *s, uint8_t code)
{
    return s->items->kind == DRILL_ITEM_MESSAGE && s->items->code == code;
}

static bool is_broken(const struct drill_blame *d, enum drill_rule_id rule)
{
    for (size_t i = 0; i < d->least.rules; i++) {
        if (d->least.broken[i].rule == rule) {
            return true;
        }
    }
    return false;
}

/* ---- what the rows ask besides ---- */

static bool drill_blame_adds_too_much(const struct drill_blame *d, const struct drill_blamed *b)
{
    uint16_t code = d->least.told[d->message].code;
    return b->quantity && drill_state_action(b->line->items->code) && code == 552;
}

static bool drill_blame_is_too_long(const struct drill_blame *d, const struct drill_blamed *b)
{
    return b->quantity && d->least.gave_up;
}

/* A verdict that does not come last. */
static bool drill_blame_has_verdict(const struct drill_blame *d, const struct drill_blamed *b)
{
    bool before = false, found = false;
    for (const struct drill_step *s = d->minimal ? d->minimal->body.steps : NULL; s; s = s->next) {
        bool ours = s->kind == DRILL_STEP_LINE && s->dir == DRILL_TO_MTA;
        found = found || (before && ours);
        before = ours && drill_reply_final(s) && !is_message(s, DRILL_SMFIR_CONTINUE);
    }
    (void)b;
    return found;
}

static bool drill_blame_has_bad_code(const struct drill_blame *d, const struct drill_blamed *b)
{
    bool broken = false;
    for (int rule = DRILL_RULE_CODE_DIGITS; rule <= (int)DRILL_RULE_ENHANCED_FORM; rule++) {
        broken = broken || is_broken(d, (enum drill_rule_id)rule);
    }
    return broken && is_message(b->line, DRILL_SMFIR_REPLYCODE);
}

static bool drill_blame_has_bad_frame(const struct drill_blame *d, const struct drill_blamed *b)
{
    (void)b;
    return is_broken(d, DRILL_RULE_REPLY_SHORT) || is_broken(d, DRILL_RULE_REPLY_SURPLUS) ||
           is_broken(d, DRILL_RULE_REPLY_STRING_END) || is_broken(d, DRILL_RULE_REPLY_PAYLOAD) ||
           is_broken(d, DRILL_RULE_REPLY_LENGTH);
}

static bool drill_blame_ends(const struct drill_blame *d, const struct drill_blamed *b)
{
    enum drill_item_kind kind = b->line->items->kind;
    (void)d;
    return kind == DRILL_ITEM_REFUSE || kind == DRILL_ITEM_CLOSE || kind == DRILL_ITEM_RESET ||
           kind == DRILL_ITEM_HALF_CLOSE || kind == DRILL_ITEM_HANGUP;
}

static bool drill_blame_is_slow(const struct drill_blame *d, const struct drill_blamed *b)
{
    const struct drill_item *item = b->line->items;
    (void)d;
    return item->kind == DRILL_ITEM_SILENCE || item->kind == DRILL_ITEM_STALL ||
           item->travel.has_after || item->travel.has_dribble;
}

static bool drill_blame_accepts_early(const struct drill_blame *d, const struct drill_blamed *b)
{
    (void)d;
    return is_message(b->line, DRILL_SMFIR_ACCEPT) && !is_message(b->command, DRILL_SMFIC_BODYEOB);
}

static bool drill_blame_removes(const struct drill_blame *d, const struct drill_blamed *b)
{
    return is_message(b->line, DRILL_SMFIR_DELRCPT) && d->least.delivered < d->plain.delivered;
}

static bool drill_blame_quarantines(const struct drill_blame *d, const struct drill_blamed *b)
{
    (void)d;
    return is_message(b->line, DRILL_SMFIR_QUARANTINE);
}

static bool drill_blame_decides(const struct drill_blame *d, const struct drill_blamed *b)
{
    (void)d;
    return is_message(b->line, DRILL_SMFIR_REJECT) || is_message(b->line, DRILL_SMFIR_TEMPFAIL) ||
           is_message(b->line, DRILL_SMFIR_REPLYCODE) || is_message(b->line, DRILL_SMFIR_DISCARD);
}

/* ---- the table ---- */

struct row {
    struct drill_cause cause;
    int rule;
    where_fn *where;
};

#define DRILL_RULE_ANY ANY

static const struct row ROWS[] = {
#define DRILL_BLAME_CAUSE(id_, rule_, where_, sentence_, side_, key_, advice_, source_) \
    {{#id_, sentence_, side_, key_, advice_, source_}, (int)DRILL_RULE_##rule_, where_},
#include "diagnose/blame_cause.def"
#undef DRILL_BLAME_CAUSE
};

static bool fits(const struct row *row, const struct drill_blame *d, const struct drill_blamed *b)
{
    return (row->rule == ANY || is_broken(d, (enum drill_rule_id)row->rule)) &&
           (!row->where || row->where(d, b));
}

const struct drill_cause *drill_cause_of_blame(const struct drill_blame *d)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        for (const struct drill_blamed *b = d->blamed; b; b = b->next) {
            if (fits(&ROWS[i], d, b)) {
                return &ROWS[i].cause;
            }
        }
    }
    return NULL;
}
