/* SPDX-License-Identifier: MIT */
#include "scenario/recorded.h"

#include "session/milter_ops.h"

static void take_number(const struct drill_field *f, uint32_t *out)
{
    bool literal = f->value.kind == DRILL_VALUE_INT || f->value.kind == DRILL_VALUE_FLAGS;
    if (literal) {
        *out = (uint32_t)f->value.number;
    }
}

static uint8_t code_of(const struct drill_step *step, enum drill_dir dir)
{
    bool message = step->kind == DRILL_STEP_LINE && step->dir == dir && !step->items->next &&
                   step->items->kind == DRILL_ITEM_MESSAGE;
    return message ? step->items->code : 0;
}

enum { NOT_YET = 0, DIFFERENT = 0xff };

/* The one reply that each of these commands got; DIFFERENT: there were several, or none. */
static uint8_t answer_to(const struct drill_file *file, uint8_t command)
{
    uint8_t answer = NOT_YET;
    const struct drill_step *step = file->body.steps;
    for (; step && step->next; step = step->next) {
        if (code_of(step, DRILL_TO_MILTER) == command) {
            uint8_t code = code_of(step->next, DRILL_TO_MTA);
            answer = answer == NOT_YET || answer == code ? code : DIFFERENT;
            answer = code ? answer : DIFFERENT;
        }
    }
    return answer;
}

/* Where it always said the same, the model says that. */
static void answer_as_recorded(const struct drill_file *file, struct drill_settings *set)
{
    static const char *const stages[] = {"connect", "helo", "mail", "rcpt",   "data",
                                         "header",  "eoh",  "body", "bodyeob"};
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        struct drill_span stage = drill_span_str(stages[i]);
        const struct drill_proto_message *command = drill_proto_word(DRILL_TO_MILTER, stage);
        const struct drill_proto_message *reply =
            drill_proto_find(DRILL_TO_MTA, answer_to(file, command->code));
        bool last = command->code == DRILL_SMFIC_BODYEOB;
        if (reply) { /* of one that is no plain verdict the profile's own stays */
            (void)drill_milter_set_verdict(set, last ? drill_span_str("eom") : stage,
                                           drill_span_str(reply->word), NULL);
        }
    }
}

void drill_recorded_settings(const struct drill_file *file, enum drill_side side,
                             struct drill_settings *set)
{
    enum drill_dir dir = side == DRILL_SIDE_MTA ? DRILL_TO_MILTER : DRILL_TO_MTA;
    const struct drill_step *step = file && file->recorded.len ? file->body.steps : NULL;
    while (step &&
           !(step->kind == DRILL_STEP_LINE && step->dir == dir &&
             step->items->kind == DRILL_ITEM_MESSAGE && step->items->code == DRILL_SMFIC_OPTNEG)) {
        step = step->next;
    }
    for (const struct drill_field *f = step ? step->items->fields : NULL; f; f = f->next) {
        if (f->id == DRILL_FIELD_NUMBER0) {
            take_number(f, &set->version);
        } else if (f->id == DRILL_FIELD_NUMBER1) {
            take_number(f, &set->actions);
        } else if (f->id == DRILL_FIELD_NUMBER2) {
            take_number(f, &set->protocol);
        }
    }
    if (step && side == DRILL_SIDE_MILTER) {
        answer_as_recorded(file, set);
    }
}
