/* SPDX-License-Identifier: MIT */
#include "scenario/recorded.h"

#include <string.h>

#include "scenario/compose.h"
#include "session/milter.h"

/* ---- what was negotiated ---- */

static const struct drill_step *find_optneg(const struct drill_file *file, enum drill_dir dir)
{
    const struct drill_step *step = file->body.steps;
    while (step &&
           !(step->kind == DRILL_STEP_LINE && step->dir == dir &&
             step->items->kind == DRILL_ITEM_MESSAGE && step->items->code == DRILL_SMFIC_OPTNEG)) {
        step = step->next;
    }
    return step;
}

static uint32_t number(const struct drill_step *step, enum drill_field_id id, uint32_t otherwise)
{
    for (const struct drill_field *f = step ? step->items->fields : NULL; f; f = f->next) {
        bool literal = f->value.kind == DRILL_VALUE_INT || f->value.kind == DRILL_VALUE_FLAGS;
        if (f->id == id && literal) {
            return (uint32_t)f->value.number;
        }
    }
    return otherwise;
}

/* A milter's own setting may say another thing than its answer: PMilter takes up to 6, and answers
 * 2. It is left alone where the answer is as recorded. */
static bool answers_so(const struct drill_profile *profile, const struct drill_settings *set,
                       const struct drill_step *offered, uint32_t version)
{
    struct drill_milter milter;
    struct drill_milter_step step;
    struct drill_message offer;
    (void)drill_message_init(&offer, DRILL_TO_MILTER, DRILL_SMFIC_OPTNEG);
    offer.number[0] = number(offered, DRILL_FIELD_NUMBER0, 0);
    offer.number[1] = number(offered, DRILL_FIELD_NUMBER1, 0);
    offer.number[2] = number(offered, DRILL_FIELD_NUMBER2, 0);
    drill_milter_init(&milter, profile, set);
    drill_milter_opened(&milter);
    drill_milter_got(&milter, &offer, 12);
    drill_milter_peek(&milter, &step);
    return step.kind == DRILL_MILTER_SEND && step.reply.code == DRILL_SMFIR_OPTNEG &&
           step.reply.number[0] == version;
}

/* ---- what a milter said ---- */

enum { REPLIES = 256, REPLY_MAX = 1 << 20 };

static const struct drill_item *message_of(const struct drill_step *step, enum drill_dir dir)
{
    bool one = step->kind == DRILL_STEP_LINE && step->dir == dir && !step->items->next &&
               step->items->kind == DRILL_ITEM_MESSAGE;
    return one ? step->items : NULL;
}

/* A line's message, as it went; `out->code` 0: it was none that a milter sends by the rules. */
static enum drill_code take_reply(const struct drill_item *item, struct drill_arena *arena,
                                  struct drill_message *out)
{
    struct drill_outgoing bytes;
    memset(out, 0, sizeof(*out));
    if (!item || item->travel.has_cut || item->travel.has_length) {
        return DRILL_OK;
    }
    enum drill_code code = drill_compose(item, DRILL_TO_MTA, NULL, NULL, arena, &bytes, NULL);
    if (code != DRILL_OK || bytes.size > REPLY_MAX) {
        return code;
    }
    uint8_t *payload = drill_arena_take(arena, (size_t)bytes.size + 1);
    if (!payload) {
        return DRILL_ERR_MEMORY;
    }
    (void)drill_outgoing_peek(&bytes, payload, (size_t)bytes.size);
    struct drill_span sent = drill_span_of(payload, (size_t)bytes.size);
    if (drill_message_decode(DRILL_TO_MTA, item->code, sent, out) != DRILL_DEFECT_NONE) {
        memset(out, 0, sizeof(*out));
    }
    return DRILL_OK;
}

/* The `<` lines directly below `step`. */
static enum drill_code take_replies(const struct drill_step *step, struct drill_arena *arena,
                                    struct drill_milter_answer *answer)
{
    const struct drill_step *last = step->next;
    uint32_t count = 0;
    while (last && last->kind == DRILL_STEP_LINE && last->dir == DRILL_TO_MTA && count < REPLIES) {
        last = last->next;
        count++;
    }
    struct drill_message *replies =
        count ? drill_arena_take(arena, count * sizeof(*replies)) : NULL;
    if (count && !replies) {
        return DRILL_ERR_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        step = step->next;
        enum drill_code code = take_reply(message_of(step, DRILL_TO_MTA), arena, &replies[i]);
        if (code != DRILL_OK) {
            return code;
        }
        if (!replies[i].code) {
            return DRILL_OK; /* what the profile says of this is as good */
        }
    }
    answer->count = count;
    answer->replies = replies;
    return DRILL_OK;
}

static enum drill_code take_answers(const struct drill_file *file, struct drill_arena *arena,
                                    struct drill_settings *set)
{
    const struct drill_milter_answer **end = &set->answers;
    for (const struct drill_step *step = file->body.steps; step; step = step->next) {
        const struct drill_item *command = message_of(step, DRILL_TO_MILTER);
        if (!command || command->code == DRILL_SMFIC_MACRO) {
            continue;
        }
        struct drill_milter_answer *answer = drill_arena_take(arena, sizeof(*answer));
        if (!answer) {
            return DRILL_ERR_MEMORY;
        }
        *end = answer;
        end = &answer->next;
        answer->command = command->code;
        enum drill_code code = take_replies(step, arena, answer);
        if (code != DRILL_OK) {
            return code;
        }
    }
    return DRILL_OK;
}

/* The host's name, of the first {j}: by it an MTA tells which mail is its own. */
static void take_name(const struct drill_file *file, struct drill_settings *set)
{
    for (const struct drill_step *step = file->body.steps; step; step = step->next) {
        const struct drill_item *item = message_of(step, DRILL_TO_MILTER);
        bool macros = item && item->code == DRILL_SMFIC_MACRO;
        for (const struct drill_field *f = macros ? item->fields : NULL; f; f = f->next) {
            const struct drill_part *part = f->value.parts;
            if (f->id == DRILL_FIELD_MACRO && drill_span_equal(f->key, drill_span_str("j")) &&
                part && !part->next && part->times == 1 && part->bytes.len) {
                set->server_name = part->bytes;
                return;
            }
        }
    }
}

enum drill_code drill_recorded_settings(const struct drill_file *file,
                                        const struct drill_profile *profile,
                                        struct drill_arena *arena, struct drill_settings *set)
{
    bool mta = profile->side == DRILL_SIDE_MTA;
    const struct drill_step *offer = NULL, *own = NULL;
    if (file && file->recorded.len) {
        offer = find_optneg(file, DRILL_TO_MILTER);
        own = mta ? offer : find_optneg(file, DRILL_TO_MTA);
    }
    if (!own) {
        return DRILL_OK;
    }
    set->actions = number(own, DRILL_FIELD_NUMBER1, set->actions);
    set->protocol = number(own, DRILL_FIELD_NUMBER2, set->protocol);
    uint32_t version = number(own, DRILL_FIELD_NUMBER0, set->version);
    if (mta || !answers_so(profile, set, offer, version)) {
        set->version = version;
    }
    if (mta) {
        take_name(file, set);
        return DRILL_OK;
    }
    return take_answers(file, arena, set);
}
