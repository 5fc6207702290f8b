/* SPDX-License-Identifier: MIT */
#include "wire/proto.h"

/* Row numbers, so that a code finds its row in one step. */
enum {
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) COMMAND_ROW_##NAME,
#include "wire/proto.def"
    COMMAND_ROWS
};
enum {
#define DRILL_REPLY(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) REPLY_ROW_##NAME,
#include "wire/proto.def"
    REPLY_ROWS
};

static const struct drill_proto_message commands[COMMAND_ROWS] = {
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) \
    {CODE, "SMFIC_" #NAME, WORD, DRILL_SHAPE_##SHAPE, SINCE, {FIELD1, FIELD2}},
#include "wire/proto.def"
};

static const struct drill_proto_message replies[REPLY_ROWS] = {
#define DRILL_REPLY(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) \
    {CODE, "SMFIR_" #NAME, WORD, DRILL_SHAPE_##SHAPE, SINCE, {FIELD1, FIELD2}},
#include "wire/proto.def"
};

/* Row number + 1; 0: no such code. */
static const uint8_t command_of[256] = {
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) [CODE] = COMMAND_ROW_##NAME + 1,
#include "wire/proto.def"
};
static const uint8_t reply_of[256] = {
#define DRILL_REPLY(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) [CODE] = REPLY_ROW_##NAME + 1,
#include "wire/proto.def"
};

static const struct drill_proto_bit actions[] = {
#define DRILL_ACTION(NAME, BIT, WORD, SINCE) {BIT, "SMFIF_" #NAME, WORD, SINCE},
#include "wire/proto.def"
};

static const struct drill_proto_bit steps[] = {
#define DRILL_STEP(NAME, BIT, WORD, SINCE) {BIT, "SMFIP_" #NAME, WORD, SINCE},
#include "wire/proto.def"
};

static const struct drill_proto_stage stages[] = {
#define DRILL_STAGE(NAME, NUMBER, WORD, CMD) {NUMBER, WORD, CMD},
#include "wire/proto.def"
};

static const struct drill_proto_macro macros[] = {
#define DRILL_MACRO(NAME, STALWART, SENDMAIL, POSTFIX) {NAME, STALWART, SENDMAIL, POSTFIX},
#include "wire/proto.def"
};

enum {
    ACTION_ROWS = sizeof(actions) / sizeof(actions[0]),
    STEP_ROWS = sizeof(steps) / sizeof(steps[0]),
    STAGE_ROWS = sizeof(stages) / sizeof(stages[0]),
    MACRO_ROWS = sizeof(macros) / sizeof(macros[0])
};

const struct drill_proto_message *drill_proto_find(enum drill_dir dir, uint8_t code)
{
    uint8_t row = dir == DRILL_TO_MILTER ? command_of[code] : reply_of[code];
    if (row == 0) {
        return NULL;
    }
    return (dir == DRILL_TO_MILTER ? commands : replies) + (row - 1);
}

const struct drill_proto_message *drill_proto_word(enum drill_dir dir, struct drill_span word)
{
    size_t count;
    const struct drill_proto_message *rows = drill_proto_messages(dir, &count);
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(drill_span_str(rows[i].word), word)) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct drill_proto_message *drill_proto_messages(enum drill_dir dir, size_t *count)
{
    *count = dir == DRILL_TO_MILTER ? (size_t)COMMAND_ROWS : (size_t)REPLY_ROWS;
    return dir == DRILL_TO_MILTER ? commands : replies;
}

const struct drill_proto_bit *drill_proto_actions(size_t *count)
{
    *count = ACTION_ROWS;
    return actions;
}

const struct drill_proto_bit *drill_proto_steps(size_t *count)
{
    *count = STEP_ROWS;
    return steps;
}

const struct drill_proto_stage *drill_proto_stages(size_t *count)
{
    *count = STAGE_ROWS;
    return stages;
}

const struct drill_proto_macro *drill_proto_macros(size_t *count)
{
    *count = MACRO_ROWS;
    return macros;
}

const char *drill_proto_name(enum drill_dir dir, uint8_t code)
{
    const struct drill_proto_message *row = drill_proto_find(dir, code);
    return row ? row->name : NULL;
}

static uint32_t bits_of(const struct drill_proto_bit *bits, size_t count, uint32_t version)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        if (bits[i].since && bits[i].since <= version) {
            mask |= bits[i].bit;
        }
    }
    return mask;
}

uint32_t drill_proto_actions_of(uint32_t version)
{
    return bits_of(actions, ACTION_ROWS, version);
}

uint32_t drill_proto_steps_of(uint32_t version)
{
    return bits_of(steps, STEP_ROWS, version);
}
