/* SPDX-License-Identifier: MIT */
/*
 * Private to harness/session: what a family of milters supplies to the autopilot (milter.c). A new
 * family is one file with these functions and one row in profile.c's registry.
 */
#ifndef DRILL_SESSION_MILTER_OPS_H
#define DRILL_SESSION_MILTER_OPS_H

#include "session/milter.h"

struct drill_milter_ops {
    bool reads_exactly;
    /* HANG_UP: it may set `replying` for a last word. */
    enum drill_milter_head (*head)(struct drill_milter *m, uint32_t length, uint8_t code,
                                   uint32_t *size);
    /* A whole command: moves the state, and sets `replying` or `hang_up`. */
    void (*got)(struct drill_milter *m, const struct drill_message *command, uint32_t size);
    /* The reply number m->reaction to m->command. False: there is none (any more). */
    bool (*reply)(const struct drill_milter *m, struct drill_message *out);
    /* A reply to m->command went out, its own or a written one. */
    void (*sent)(struct drill_milter *m, const struct drill_message *reply);
    uint64_t (*patience)(const struct drill_milter *m);
};

/* One of the settings connect= helo= mail= rcpt= data= header= eoh= body= eom=, each of continue,
 * accept, reject, tempfail and discard; header= and body= also skip. DRILL_ERR_NOTFOUND (err
 * untouched): the key is another. */
enum drill_code drill_milter_set_verdict(struct drill_settings *s, struct drill_span key,
                                         struct drill_span value, struct drill_error *err);
/* What was set for that command, without regard to what the milter is owed: CONTINUE, and ACCEPT at
 * the end of the body, unless set otherwise. */
uint8_t drill_milter_verdict(const struct drill_settings *s, uint8_t command);
/* Wakes a reaction of one reply of that code. */
void drill_milter_react(struct drill_milter *m, uint8_t code);
/* The reply of such a reaction. */
bool drill_milter_said(const struct drill_milter *m, struct drill_message *out);

#endif
