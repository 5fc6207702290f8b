/* SPDX-License-Identifier: MIT */
/*
 * Stalwart's MtaMilter object, as its web interface, `stalwart-cli get`, or a JMAP response gives
 * it.
 */
#ifndef DRILL_SESSION_STALWART_CONF_H
#define DRILL_SESSION_STALWART_CONF_H

#include "session/profile.h"

/* Takes the bare object, an array of them (`which` from 0; the first enabled one is taken when
 * `which` is -1), a JMAP `methodResponses` envelope, or the text of `stalwart-cli get`. What was
 * assumed (an `enable` expression that is not understood) goes to `note`, one sentence a line, cut
 * to cap. DRILL_ERR_SYNTAX with line and column, DRILL_ERR_NOTFOUND (unknown field, with the
 * nearest name), DRILL_ERR_VALUE (with the field). */
enum drill_code drill_stalwart_conf(struct drill_span json, int which, struct drill_settings *s,
                                    struct drill_arena *arena, char *note, size_t cap,
                                    struct drill_error *err);

#endif
