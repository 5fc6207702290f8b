/* SPDX-License-Identifier: MIT */
/*
 * One scenario in the simulator, many times over: with its bytes in other chunks, and with the
 * connection lost at every byte. The first play is undisturbed and says where the frames are.
 *
 * Splits: both sides must see the same frames in each direction, come to the same result, and the
 * SMTP client must be told the same. One thing may differ: whether an end over unread input shows
 * as FIN or RST. A play in which it does is compared up to there, and counted as excused. So is
 * how many frames fit into a connection that nobody reads before its sender gives up.
 *
 * Cuts: both sides must come to an end by themselves, within their own limits of time, without an
 * error of ours; and an MTA model has an outcome for each message that it began. Whether the
 * scenario passes is not asked. A milter model whose program has no limit of time may wait for ever
 * where the connection was lost in silence; that counts as excused.
 *
 *     struct drill_sweep_config config = {.kind = DRILL_SWEEP_CUTS, .mta = a, .milter = b, ...};
 *     drill_sweep_play(&config, NULL, &outcome);
 */
#ifndef DRILL_SIM_SWEEP_H
#define DRILL_SIM_SWEEP_H

#include "sim/sim.h"

/* Of a longer frame the first and last SWEEP_EDGE bytes are tried, and so many seeded ones. */
enum { DRILL_SWEEP_FRAME = 4096, DRILL_SWEEP_EDGE = 64, DRILL_SWEEP_SEEDED = 64 };

enum drill_sweep_kind { DRILL_SWEEP_SPLITS, DRILL_SWEEP_CUTS };

/* A play that was not as it must be. Texts are valid during the call. */
struct drill_sweep_failure {
    struct drill_disturb disturb;     /* the play again: chunks, loss, place, seed */
    char what[DRILL_REPORT_LINE];     /* one sentence: which split or cut, and what came of it */
    char expected[DRILL_REPORT_LINE]; /* splits: what the undisturbed play showed; or "" */
    char actual[DRILL_REPORT_LINE];
};

struct drill_sweep_config {
    enum drill_sweep_kind kind;
    /* Of the two, the one with a file plays the scenario and the other is a model. Their observers
     * are told of the undisturbed play (SPLITS), and of no other. */
    struct drill_run_config mta, milter;
    uint64_t seed;
    uint64_t chunkings; /* SPLITS: so many seeded ones; 0: byte by byte, and every single split */
    /* False: leave it at that. May be NULL: go on to the end. */
    bool (*failed)(void *ctx, const struct drill_sweep_failure *failure);
    bool (*stop)(void *ctx); /* asked between plays; may be NULL */
    void *ctx;
};

enum drill_sweep_end {
    DRILL_SWEEP_DONE,
    DRILL_SWEEP_NOT_PLAYED, /* the undisturbed play was skipped, or (splits) did not pass */
    DRILL_SWEEP_STOPPED,    /* by `failed` or `stop` */
    DRILL_SWEEP_MEMORY
};

struct drill_sweep_outcome {
    enum drill_sweep_end end;
    struct drill_report report; /* of the undisturbed play */
    uint64_t elapsed;           /* its virtual time, microseconds */
    uint64_t plays;             /* in all */
    uint64_t failures, excused;
    uint64_t frames; /* of the undisturbed play, both directions */
};

void drill_sweep_play(const struct drill_sweep_config *config, const struct drill_alloc *alloc,
                      struct drill_sweep_outcome *outcome);

#endif
