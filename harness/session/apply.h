/* SPDX-License-Identifier: MIT */
/*
 * What becomes of a message: the envelope, header and body that leave the MTA after a milter's
 * modifications, as that program applies them, known faults included.
 *
 *     struct drill_applied d;
 *     if (drill_apply_mta(&mta, 1, &arena, &d) == DRILL_OK && d.disposition ==
 * DRILL_DISPOSE_DELIVER) d.from, d.rcpt, d.mail.raw
 *
 * What an MTA adds by itself (Received, Return-Path, signatures) and how it rewrites addresses is
 * not shown; a header of its own takes its place where an index counts it.
 */
#ifndef DRILL_SESSION_APPLY_H
#define DRILL_SESSION_APPLY_H

#include "session/mta.h"

enum drill_disposition {
    DRILL_DISPOSE_DELIVER,
    DRILL_DISPOSE_DISCARD, /* the client was told 2xx, and nobody gets the message */
    DRILL_DISPOSE_HOLD,    /* queued, and not delivered before somebody releases it */
    DRILL_DISPOSE_REFUSE   /* the client was told that it was not taken */
};

struct drill_apply {
    const char *family; /* "stalwart", "postfix", "sendmail" */
    const struct drill_envelope *envelope;
    const struct drill_mod *mods; /* in order; of other messages, too */
    uint32_t message;             /* the modifications of this one count */
    uint32_t actions;             /* SMFIF_* and SMFIP_* that the connection goes by */
    uint32_t steps;
    bool taken; /* the client was told 2xx */
};

struct drill_applied {
    enum drill_disposition disposition;
    struct drill_span reason; /* HELD: the milter's; DISCARDED: what led to it; may be empty */
    struct drill_span from;   /* with brackets, as in drill_envelope */
    const struct drill_span *rcpt;
    size_t rcpts;
    struct drill_mail mail; /* `raw` is the message */
    uint32_t headers_added, headers_changed, headers_removed;
    bool body_replaced;
    bool cut; /* a payload was not kept whole: the result is not complete */
};

/* All of *out is in the arena or points into `what`; also of a message that is not delivered, it
 * has what the MTA had made of it. DRILL_ERR_NOTFOUND: no such family; DRILL_ERR_MEMORY. */
enum drill_code drill_apply(const struct drill_apply *what, struct drill_arena *arena,
                            struct drill_applied *out);
/* Message `number` of what was played. DRILL_ERR_NOTFOUND also when there is no such message, or
 * no outcome of it. Goes by what the last connection agreed on. */
enum drill_code drill_apply_mta(const struct drill_mta *mta, uint32_t number,
                                struct drill_arena *arena, struct drill_applied *out);
/* "delivered", "discarded", "held", "refused". */
const char *drill_disposition_word(enum drill_disposition disposition);

#endif
