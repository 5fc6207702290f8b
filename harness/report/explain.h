/* SPDX-License-Identifier: MIT */
/*
 * From what was seen to one sentence of cause: who ended the conversation, how, at which frame,
 * after how many bytes, and which known limit that frame met. Keeps only counters and the last
 * frame of ours, so it can watch any conversation.
 */
#ifndef DRILL_REPORT_EXPLAIN_H
#define DRILL_REPORT_EXPLAIN_H

#include "scenario/run.h"

struct drill_explain {
    uint64_t bytes;                           /* of ours, whole frames, before the last one */
    uint32_t frames;                          /* of ours */
    uint8_t code;                             /* the last frame of ours */
    uint64_t size;                            /* its data bytes */
    char word[64];                            /* "header \"To\"" */
    uint64_t last;                            /* bytes of the last frame of ours, head included */
    uint64_t passed;                          /* the largest frame of ours that was answered */
    uint64_t heard;                           /* frames of theirs */
    bool ended, by_peer, timed_out, answered; /* answered: a frame came after our last one */
    enum drill_end how;
    int error;
    uint64_t in_flight;
    char broken[320]; /* what was wrong with bytes of theirs that are no frame; "" nothing */
};

void drill_explain_seen(struct drill_explain *e, const struct drill_seen *seen);
/* True when the peer ended the conversation, or fell silent. */
bool drill_explain_failed(const struct drill_explain *e);
/* "the milter ended the connection by RST (Connection reset by peer, os error 104) at `header
 * "To"`, frame 12, after 1,204 bytes; 70,021 bytes in flight". "" when it did not fail. */
void drill_explain_what(const struct drill_explain *e, struct drill_buf *out);
/* The limit that fits, with what to do; appends nothing when none is known. */
void drill_explain_limit(const struct drill_explain *e, struct drill_buf *out);

#endif
