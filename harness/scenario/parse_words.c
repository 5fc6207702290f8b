/* SPDX-License-Identifier: MIT */
/* The words that values are written with, from the one table of protocol facts. */
#include "scenario/parser.h"

enum {
    ACTION_COUNT = 0
#define DRILL_ACTION(NAME, BIT, WORD, SINCE) +1
#include "wire/proto.def"
    ,
    STEP_COUNT = 0
#define DRILL_STEP(NAME, BIT, WORD, SINCE) +1
#include "wire/proto.def"
    ,
    COMMAND_COUNT = 0
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) +1
#include "wire/proto.def"
    ,
    LIST_COUNT = 0
#define DRILL_STAGE(NAME, NUMBER, WORD, CMD) +1
#include "wire/proto.def"
};

const struct drill_words drill_words_actions = {{
#define DRILL_ACTION(NAME, BIT, WORD, SINCE) WORD,
#include "wire/proto.def"
                                                },
                                                {
#define DRILL_ACTION(NAME, BIT, WORD, SINCE) BIT,
#include "wire/proto.def"
                                                },
                                                ACTION_COUNT};

const struct drill_words drill_words_protocol = {{
#define DRILL_STEP(NAME, BIT, WORD, SINCE) WORD,
#include "wire/proto.def"
                                                 },
                                                 {
#define DRILL_STEP(NAME, BIT, WORD, SINCE) BIT,
#include "wire/proto.def"
                                                 },
                                                 STEP_COUNT};

const struct drill_words drill_words_commands = {{
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) WORD,
#include "wire/proto.def"
                                                 },
                                                 {
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) CODE,
#include "wire/proto.def"
                                                 },
                                                 COMMAND_COUNT};

const struct drill_words drill_words_lists = {{
#define DRILL_STAGE(NAME, NUMBER, WORD, CMD) WORD,
#include "wire/proto.def"
                                              },
                                              {
#define DRILL_STAGE(NAME, NUMBER, WORD, CMD) NUMBER,
#include "wire/proto.def"
                                              },
                                              LIST_COUNT};

const struct drill_words drill_words_families = {
    {"inet", "inet6", "unix", "unknown"},
    {DRILL_FAMILY_INET, DRILL_FAMILY_INET6, DRILL_FAMILY_UNIX, DRILL_FAMILY_UNKNOWN},
    4};

const struct drill_words drill_words_stages = {
    {"connect", "helo", "mail", "rcpt", "data", "bodyeob"}, {'C', 'H', 'M', 'R', 'T', 'E'}, 6};
