/* SPDX-License-Identifier: MIT */
/*
 * The milter's autopilot, which is also the model of that milter: sans I/O, driven by a profile.
 * It only reacts: each command brings it to a reaction (replies, nothing, or hanging up), which the
 * owner carries out (peek, did) or replaces by written lines (sent, answered).
 */
#ifndef DRILL_SESSION_MILTER_H
#define DRILL_SESSION_MILTER_H

#include "base/arena.h"
#include "session/mta.h"
#include "session/negotiate.h"

enum drill_milter_kind {
    DRILL_MILTER_WAIT, /* nothing to do until a command comes */
    DRILL_MILTER_SEND, /* `reply` */
    DRILL_MILTER_CLOSE /* close the socket as it stands: unread input makes it a reset */
};

struct drill_milter_step {
    enum drill_milter_kind kind;
    struct drill_message reply;
};

enum drill_milter_head { DRILL_MILTER_TAKE, DRILL_MILTER_HANG_UP };

enum { DRILL_MILTER_RCPT = 320 };

struct drill_milter {
    const struct drill_profile *profile;
    const struct drill_settings *settings;
    enum drill_state state;
    bool aborted;               /* private: libmilter's ST_ABRT, of which `state` shows HELO */
    struct drill_agreed agreed; /* what it answered and goes by */
    uint32_t missing;           /* NO* bits of the callbacks that it does not have */
    uint32_t emulated;          /* NR_* bits that libmilter emulates for an old MTA */
    bool negotiated;
    uint8_t command;   /* the last command (not MACRO): what a verdict has its effect on */
    bool replying;     /* private: a reaction of replies stands */
    uint32_t reaction; /* private: replies of the reaction done so far */
    uint8_t say;       /* private: code of the reply of the reaction, or of its last */
    bool hang_up;
    const struct drill_milter_answer *recorded; /* private: the answer to the command; NULL: none */
    const struct drill_milter_answer *to_come;  /* private: the recorded ones behind it */
    struct drill_agreed answer;                 /* private: what its OPTNEG reply says */
    uint32_t connections;
    uint32_t seen[2];                /* private: profile's own counts of this message */
    bool content;                    /* a header or a chunk of this message came */
    uint8_t rcpt[DRILL_MILTER_RCPT]; /* first recipient of the message, for `delrcpt` */
    uint16_t rcpt_len;
    char log[320]; /* the line that the program would have logged; "" none (libmilter mostly is
                      silent) */
};

void drill_milter_init(struct drill_milter *m, const struct drill_profile *profile,
                       const struct drill_settings *settings);
/* A new connection stands. */
void drill_milter_opened(struct drill_milter *m);
/* It reads exactly: 5 header bytes, then the payload (libmilter); false: whatever is there. */
bool drill_milter_reads_exactly(const struct drill_milter *m);
/* What it makes of a length word: TAKE with the data bytes it will read (0xFFFFFFFF is 0 for
 * libmilter, which converts to a signed int), or HANG_UP. */
enum drill_milter_head drill_milter_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                         uint32_t *size);
/* A whole command (MACRO too). `size`: its true payload size. */
void drill_milter_got(struct drill_milter *m, const struct drill_message *command, uint32_t size);
void drill_milter_peek(struct drill_milter *m, struct drill_milter_step *step);
void drill_milter_did(struct drill_milter *m);
/* A written reply was sent: a verdict has its effect on the state, an OPTNEG reply on what was
 * agreed. The reaction that stood (if any) is dropped. */
void drill_milter_sent(struct drill_milter *m, const struct drill_message *reply);
/* The reaction to the last command is dropped: written lines stand below it. */
void drill_milter_answered(struct drill_milter *m);
void drill_milter_ended(struct drill_milter *m);
/* Microseconds that it waits for bytes; UINT64_MAX: for ever. */
uint64_t drill_milter_patience(const struct drill_milter *m);
/* The profile's reply of that code, for unnamed fields: LANGUAGE.md's defaults. */
bool drill_milter_default(struct drill_milter *m, uint8_t code, struct drill_message *out);

#endif
