/* SPDX-License-Identifier: MIT */
/*
 * The fields of each shape in the order in which a line has them: one table that the printer and
 * the parser both walk, so that they cannot disagree. Private to wire/text*.c.
 */
#ifndef DRILL_WIRE_TEXT_FIELDS_H
#define DRILL_WIRE_TEXT_FIELDS_H

#include "wire/proto.h"

#ifdef __cplusplus
extern "C" {
#endif

enum drill_text_field {
    DRILL_TEXT_DATA,     /* the whole payload */
    DRILL_TEXT_CODE,     /* of `frame` */
    DRILL_TEXT_STR,      /* str[0] */
    DRILL_TEXT_STR2,     /* str[1] */
    DRILL_TEXT_OPT,      /* str[1], when there */
    DRILL_TEXT_STRS,     /* each string of `rest` */
    DRILL_TEXT_INDEX,    /* number[0] of BE32_STR_STR */
    DRILL_TEXT_VERSION,  /* number[0] of OPTNEG */
    DRILL_TEXT_ACTIONS,  /* number[1], flags */
    DRILL_TEXT_PROTOCOL, /* number[2], flags */
    DRILL_TEXT_LISTS,    /* list.STAGE= for each of `rest` */
    DRILL_TEXT_FAMILY,
    DRILL_TEXT_PORT,
    DRILL_TEXT_STAGE,
    DRILL_TEXT_PAIRS /* NAME= for each of `rest` */
};

enum drill_text_need { DRILL_TEXT_ONCE, DRILL_TEXT_PERHAPS, DRILL_TEXT_MANY };

struct drill_text_row {
    enum drill_shape shape;
    enum drill_text_field field;
    enum drill_text_need need;
    const char *key; /* NULL: field[name] of the message */
    uint8_t name;
};

/* The rows of a shape. */
const struct drill_text_row *drill_text_rows(enum drill_shape shape, size_t *count);

static inline const char *drill_text_key(const struct drill_text_row *row,
                                         const struct drill_proto_message *message)
{
    return row->key || !message ? row->key : message->field[row->name];
}

/* Shorter runs of one byte are not worth a product. */
enum { DRILL_TEXT_RUN = 32 };

#ifdef __cplusplus
}
#endif
#endif
