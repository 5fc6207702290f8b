/* SPDX-License-Identifier: MIT */
/* Private to harness/session/judge*.c: what its parts give to each other. */
#ifndef DRILL_SESSION_JUDGE_OPS_H
#define DRILL_SESSION_JUDGE_OPS_H

#include "session/judge.h"

/* Bits that some version knows, and those of _FFR_MDS_NEGOTIATE. */
enum {
    DRILL_JUDGE_ACTIONS = 0x1FF,
    DRILL_JUDGE_STEPS = 0x1FFFFF,
    DRILL_JUDGE_MDS = DRILL_SMFIP_MDS_256K | DRILL_SMFIP_MDS_1M,
    DRILL_JUDGE_OLDEST = 2,
    DRILL_JUDGE_NEWEST = 6
};

/* ---- judge.c ---- */

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void drill_judge_report(struct drill_judge *j, enum drill_rule_id rule, const char *fmt, ...);
/* For "%s" of a detail: the bytes in quotes, cut and printable. */
struct drill_judge_quote {
    char text[40];
};
const char *drill_judge_quoted(struct drill_judge_quote *q, struct drill_span s);
/* "mail", "reject"; "frame" when the code has no name. */
const char *drill_judge_word(enum drill_dir dir, uint8_t code);

void drill_judge_owe(struct drill_judge_link *l, uint8_t code);
/* The oldest command that is owed a reply; code 0: none. */
struct drill_judge_owed drill_judge_head(const struct drill_judge_link *l);
void drill_judge_settle(struct drill_judge_link *l);
/* The reply to this command may come or not. */
void drill_judge_maybe(struct drill_judge_link *l, uint8_t code);
/* Most data bytes of a frame, as agreed. */
uint32_t drill_judge_limit(const struct drill_judge_link *l);

/* ---- judge_mta.c: when commands come ---- */

void drill_judge_command(struct drill_judge *j, const struct drill_message *m, uint32_t size);
/* A message that got no bodyeob although nothing aborted it: at quit, or at the end. */
void drill_judge_no_bodyeob(struct drill_judge *j);

/* ---- judge_command.c: what they carry ---- */

/* Sets link.refusable when a milter may close over it, or not answer. `whole`: m has all of it. */
void drill_judge_carried(struct drill_judge *j, const struct drill_message *m, bool whole);
void drill_judge_macros(struct drill_judge *j, const struct drill_message *m);
/* The macro frames that came before a command: are they its own? */
void drill_judge_macros_for(struct drill_judge *j, uint8_t code);
/* Header values and their leading blanks, when the last header of a message came. */
void drill_judge_spaces(struct drill_judge *j);

/* ---- judge_milter.c: when replies come ---- */

void drill_judge_answered(struct drill_judge *j, const struct drill_message *m, uint32_t size);

/* ---- judge_reply.c: what they carry ---- */

void drill_judge_said(struct drill_judge *j, const struct drill_message *m, uint32_t size);
/* The answer to an offer: judged, and taken over as what is agreed on. */
void drill_judge_negotiated(struct drill_judge *j, const struct drill_message *m);

/* ---- judge_text.c: texts ---- */

/* The text of a replycode. */
void drill_judge_replycode(struct drill_judge *j, struct drill_span text);
/* RFC 5322 ftext: visible ASCII, no colon. */
bool drill_judge_is_field_name(struct drill_span s);
/* A break (LF, or CR and LF) without a blank behind it. */
bool drill_judge_breaks_out(struct drill_span s);
bool drill_judge_has_byte(struct drill_span s, uint8_t byte);
bool drill_judge_has_control(struct drill_span s);
/* One letter, or {word}. */
bool drill_judge_is_macro_name(struct drill_span s);
/* "i" and "{i}" are one macro. */
uint32_t drill_judge_macro_hash(struct drill_span name);
bool drill_judge_is_inet(struct drill_span s);
/* With or without Sendmail's "IPv6:". */
bool drill_judge_is_inet6(struct drill_span s);
bool drill_judge_is_esmtp(struct drill_span args);

#endif
