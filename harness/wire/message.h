/* SPDX-License-Identifier: MIT */
/*
 * Payload <-> typed view. One decode and one encode per shape, both exact:
 *     decode(encode(m)) = m
 *     encode(decode(b)) = b, or the message has a named defect and is kept raw.
 * A view points into the payload that was decoded and is valid as long as that is.
 *
 * Canonical, although it may look odd: empty strings, a MACRO without pairs, a MACRO of any stage
 * letter, a BODY or REPLBODY of no bytes, a BODYEOB with data, a CONNECT whose address text does
 * not fit its family, an OPTNEG reply with a list of any stage number.
 */
#ifndef DRILL_WIRE_MESSAGE_H
#define DRILL_WIRE_MESSAGE_H

#include "base/bytes.h"
#include "wire/proto.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What keeps a payload from being canonical. One message has at most one: the first found. */
enum drill_defect {
    DRILL_DEFECT_NONE,
    DRILL_DEFECT_UNKNOWN_CODE, /* no message of this direction has this code */
    DRILL_DEFECT_EMPTY,        /* the payload is missing */
    DRILL_DEFECT_SHORT,        /* it ends inside an integer, or before a field that must be there */
    DRILL_DEFECT_NO_NUL,       /* the final NUL is missing, whichever string that is */
    DRILL_DEFECT_EMBEDDED_NUL, /* more strings than the shape has, the last with its NUL: what a
                                  value with a NUL inside encodes to */
    DRILL_DEFECT_TRAILING,     /* bytes behind the end of the message that end in no NUL, or where
                                  no string can be */
    DRILL_DEFECT_BAD_FAMILY,   /* CONNECT: no known address family */
    DRILL_DEFECT_ODD_MACROS,   /* MACRO: a name without a value */
    DRILL_DEFECT_BAD_LIST, /* OPTNEG reply: a macro list that ends inside its number or string */
    DRILL_DEFECT_LIST_IN_OFFER /* OPTNEG of an MTA that carries macro lists */
};

/* Address families on the wire. */
enum {
    DRILL_FAMILY_UNKNOWN = 'U',
    DRILL_FAMILY_UNIX = 'L',
    DRILL_FAMILY_INET = '4',
    DRILL_FAMILY_INET6 = '6'
};

/* Which members count depends on the shape. Others are zero. */
struct drill_message {
    enum drill_dir dir;
    uint8_t code;
    enum drill_shape shape;
    enum drill_defect defect;
    struct drill_span payload; /* the raw bytes; of a view made by hand: not used unless `defect` */
    struct drill_span str[2];  /* the strings of the shape, in order (CONNECT: host, address) */
    struct drill_span rest;    /* STR_STRS: further strings; MACRO: pairs; OPTNEG: lists; as on the
                                  wire,    each string with its NUL. BYTES: the data */
    uint32_t number[3];        /* OPTNEG: version, actions, protocol; BE32_STR_STR: index */
    uint16_t port;             /* CONNECT */
    uint8_t letter;            /* CONNECT: family; MACRO: stage */
    bool has_second;           /* STR_OPT: str[1] is there; CONNECT: port and address are there */
};

/* Fills *m with all that could be told (also with a defect) and returns m->defect. */
enum drill_defect drill_message_decode(enum drill_dir dir, uint8_t code, struct drill_span payload,
                                       struct drill_message *m);
/* Writes the payload: by shape, or m->payload as it is when there is a defect. */
void drill_message_encode(const struct drill_message *m, struct drill_writer *w);
/* A message of this code with empty fields (CONNECT: of family unknown; MACRO: of stage 0). False
 * when the direction has no such code; it then encodes as no bytes. */
bool drill_message_init(struct drill_message *m, enum drill_dir dir, uint8_t code);
/* True when both are of one code and encode to the same bytes. */
bool drill_message_equal(const struct drill_message *a, const struct drill_message *b);

/* "missing final NUL" and so on, for people. */
const char *drill_defect_text(enum drill_defect defect);

/* Walks over `rest`. Each returns false at the end. */
bool drill_message_next_str(struct drill_reader *r, struct drill_span *s);
bool drill_message_next_macro(struct drill_reader *r, struct drill_span *name,
                              struct drill_span *value);
bool drill_message_next_list(struct drill_reader *r, uint32_t *stage, struct drill_span *names);

#ifdef __cplusplus
}
#endif
#endif
