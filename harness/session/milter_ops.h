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

#endif
