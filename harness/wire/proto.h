/* SPDX-License-Identifier: MIT */
/*
 * The protocol's facts: names <-> codes, bits, shapes and macros, all made from proto.def.
 *
 * To add a message: one row in proto.def (and, only if its payload looks like no other, one shape
 * in message.c and text.c), one test row in tests/test_wire_message.c, one seed in corpus/message/.
 */
#ifndef DRILL_WIRE_PROTO_H
#define DRILL_WIRE_PROTO_H

#include "base/bytes.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Who sends: `>` is MTA to milter, `<` is milter to MTA. */
enum drill_dir { DRILL_TO_MILTER, DRILL_TO_MTA };

/* What a payload looks like; every message has one. */
enum drill_shape {
    DRILL_SHAPE_NONE,         /* nothing */
    DRILL_SHAPE_BYTES,        /* any bytes, no NUL of its own */
    DRILL_SHAPE_STR,          /* one string */
    DRILL_SHAPE_STR_STRS,     /* one string, then any number */
    DRILL_SHAPE_STR_STR,      /* two strings */
    DRILL_SHAPE_BE32_STR_STR, /* index, two strings */
    DRILL_SHAPE_STR_OPT,      /* one string, and perhaps one more */
    DRILL_SHAPE_TEXT,         /* one string that an SMTP client may be told (SMFIR_REPLYCODE) */
    DRILL_SHAPE_OPTNEG,       /* version, actions, protocol; in a reply also macro lists */
    DRILL_SHAPE_CONNECT,      /* host, family, and unless unknown: port, address */
    DRILL_SHAPE_MACRO         /* stage letter, name and value pairs */
};

/* Command codes, DRILL_SMFIC_CONNECT and so on (their letter is the value). */
enum drill_smfic {
#define DRILL_CMD(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) DRILL_SMFIC_##NAME = CODE,
#include "wire/proto.def"
};

/* Reply codes, DRILL_SMFIR_CONTINUE and so on. SMFIR_OPTNEG answers SMFIC_OPTNEG. */
enum drill_smfir {
#define DRILL_REPLY(NAME, CODE, WORD, SHAPE, SINCE, FIELD1, FIELD2) DRILL_SMFIR_##NAME = CODE,
#include "wire/proto.def"
};

/* Action bits, DRILL_SMFIF_ADDHDRS and so on. */
enum drill_smfif {
#define DRILL_ACTION(NAME, BIT, WORD, SINCE) DRILL_SMFIF_##NAME = BIT,
#include "wire/proto.def"
};

/* Protocol bits, DRILL_SMFIP_NOCONNECT and so on. */
enum drill_smfip {
#define DRILL_STEP(NAME, BIT, WORD, SINCE) DRILL_SMFIP_##NAME = BIT,
#include "wire/proto.def"
};

/* The stages of SETSYMLIST, as numbered in the OPTNEG reply. */
enum drill_stage {
#define DRILL_STAGE(NAME, NUMBER, WORD, CMD) DRILL_STAGE_##NAME = NUMBER,
#include "wire/proto.def"
};

/* Data bytes (without the command byte) that libmilter, Sendmail and so everybody can take. */
enum { DRILL_MAX_DATA = 65535 };

struct drill_proto_message {
    uint8_t code;
    const char *name; /* canonical: "SMFIC_CONNECT" */
    const char *word; /* in scenarios: "connect" */
    enum drill_shape shape;
    uint8_t since;        /* the protocol version that brought it */
    const char *field[2]; /* names of the strings of its shape, NULL where there is none */
};

struct drill_proto_bit {
    uint32_t bit;
    const char *name; /* "SMFIP_NR_HDR" */
    const char *word; /* "nr_hdr" */
    uint8_t since;    /* version; 0: never standardised (MDS) */
};

struct drill_proto_stage {
    uint32_t number;
    const char *word; /* "connect" ... "bodyeob" "eoh" */
    uint8_t code;     /* the command whose macros these are */
};

/* Programs of which the macro table tells what they send where (bits). */
enum { DRILL_MACRO_STALWART = 1, DRILL_MACRO_SENDMAIL = 2, DRILL_MACRO_POSTFIX = 4 };

struct drill_proto_macro {
    const char *name;     /* as on the wire: "i", "{auth_authen}" */
    const char *stalwart; /* letters of the commands before which the program sends it; "" never */
    const char *sendmail;
    const char *postfix;
};

/* By code or by word; NULL when there is none. */
const struct drill_proto_message *drill_proto_find(enum drill_dir dir, uint8_t code);
const struct drill_proto_message *drill_proto_word(enum drill_dir dir, struct drill_span word);
/* The tables, in the order of proto.def. */
const struct drill_proto_message *drill_proto_messages(enum drill_dir dir, size_t *count);
const struct drill_proto_bit *drill_proto_actions(size_t *count);
const struct drill_proto_bit *drill_proto_steps(size_t *count);
const struct drill_proto_stage *drill_proto_stages(size_t *count);
const struct drill_proto_macro *drill_proto_macros(size_t *count);

/* "SMFIC_CONNECT"; for an unknown code NULL. */
const char *drill_proto_name(enum drill_dir dir, uint8_t code);
/* The bits that a version knows: V1 0x0F and 0x3F, V2 0x3F and 0x7F ... V6 0x1FF and 0x1FFFFF. */
uint32_t drill_proto_actions_of(uint32_t version);
uint32_t drill_proto_steps_of(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
