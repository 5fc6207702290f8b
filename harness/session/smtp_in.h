/* SPDX-License-Identifier: MIT */
/*
 * SMTP replies as they come in, however the bytes are cut. Bounded whatever the server sends: bytes
 * that wait to be looked at, one line, and the first part of one reply.
 *
 * What RFC 5321 4.2 does not allow is noted as a fault of the reply, which goes on as a lenient
 * client would have it.
 */
#ifndef DRILL_SESSION_SMTP_IN_H
#define DRILL_SESSION_SMTP_IN_H

#include "base/bytes.h"

/* Bits. */
enum drill_smtp_fault {
    DRILL_SMTP_NO_CODE = 1,      /* a line without a code (4.2: 2-5, 0-5, 0-9, then blank or "-") */
    DRILL_SMTP_CODE_SWITCH = 2,  /* lines of one reply with different codes (4.2.1) */
    DRILL_SMTP_BARE_LF = 4,      /* a line that ends in LF alone (2.3.8) */
    DRILL_SMTP_LONG_LINE = 8,    /* over 512 bytes with its CRLF (4.5.3.1.5) */
    DRILL_SMTP_BAD_BYTE = 16,    /* a control character or an 8-bit byte (4.2, textstring) */
    DRILL_SMTP_TORN = 32,        /* the connection ended inside the reply */
    DRILL_SMTP_ENDLESS = 64,     /* over DRILL_SMTP_REPLY_MAX bytes: given up */
    DRILL_SMTP_EARLY = 128,      /* came before its command was sent, or when none was left */
    DRILL_SMTP_WRONG_CODE = 256, /* no code that this command can be answered with */
    DRILL_SMTP_IN_PLAIN = 512,   /* bytes behind the reply to STARTTLS: whose, nobody knows */
    DRILL_SMTP_BAD_CHALLENGE = 1024, /* of AUTH: no base64 (RFC 4954 4) */
    DRILL_SMTP_FAULTS = 11           /* how many */
};

enum {
    DRILL_SMTP_LINE_MAX = 512,
    DRILL_SMTP_UNREAD = 1024,
    DRILL_SMTP_KEPT = 4096, /* of one reply; what is beyond is counted only */
    DRILL_SMTP_REPLY_MAX = 64 * 1024
};

struct drill_smtp_in {
    uint8_t unread[DRILL_SMTP_UNREAD];
    size_t unread_at, unread_len;
    uint8_t line[DRILL_SMTP_LINE_MAX];
    size_t line_len; /* may be larger than what is held */
    uint8_t last;    /* byte of the line */
    uint8_t kept[DRILL_SMTP_KEPT];
    size_t kept_len;
    size_t bytes;    /* of the reply so far */
    bool begun;      /* the reply has a first line */
    uint16_t code;   /* 0: none */
    unsigned faults; /* DRILL_SMTP_* of this reply */
};

enum drill_smtp_took { DRILL_SMTP_MORE, DRILL_SMTP_REPLY, DRILL_SMTP_GIVE_UP };

void drill_smtp_in_init(struct drill_smtp_in *in);
/* How many bytes it takes now. */
size_t drill_smtp_in_room(const struct drill_smtp_in *in);
void drill_smtp_in_add(struct drill_smtp_in *in, struct drill_span bytes);
/* REPLY: `kept` (lines without the last CRLF), `code` and `faults` hold until the next call, which
 * begins another reply. GIVE_UP: it would never end; no more calls. */
enum drill_smtp_took drill_smtp_in_take(struct drill_smtp_in *in);
/* Bytes came that are no part of a reply that was taken. */
bool drill_smtp_in_pending(const struct drill_smtp_in *in);
/* The beginning of a reply was taken, not its end. */
bool drill_smtp_in_torn(const struct drill_smtp_in *in);
struct drill_span drill_smtp_in_text(const struct drill_smtp_in *in);

/* The sentence for one bit: "the reply has lines with different codes". */
const char *drill_smtp_fault_text(enum drill_smtp_fault fault);

#endif
