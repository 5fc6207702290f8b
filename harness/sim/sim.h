/* SPDX-License-Identifier: MIT */
/*
 * Two runners in one process: a faithful TCP connection in memory and a virtual clock. A minute of
 * waiting costs microseconds, and the same seed gives the same bytes.
 *
 * What a TCP end does here is what Linux does (held to it by tests/test_net_kernel.c):
 *   close over unread input                  -> the peer sees RST
 *   close without                            -> FIN; a later write of the peer is answered by RST:
 *                                               that write succeeds, the next one gives EPIPE,
 * reads give 0 RST                                      -> ECONNRESET once, in a read or a write;
 * what was queued before stays readable first nobody listens                           ->
 * ECONNREFUSED
 */
#ifndef DRILL_SIM_SIM_H
#define DRILL_SIM_SIM_H

#include "play/transport.h"
#include "sim/disturb.h"

struct drill_sim; /* private */

struct drill_sim_config {
    struct drill_run *mta;    /* connects */
    struct drill_run *milter; /* is connected to */
    size_t window;            /* bytes that fit between a write and the peer's read; 0: 256 KiB */
    uint64_t latest;          /* virtual microseconds after which the play is ended; 0: a day */
    const struct drill_disturb *disturb; /* NULL: nothing is disturbed */
};

enum drill_sim_result {
    DRILL_SIM_OK,    /* both runners are done; or the MTA is, and nobody will call the milter again:
                        drill_run_stuck has told it so */
    DRILL_SIM_STUCK, /* both waited for ever, or went on for ever without a byte or a microsecond:
                        drill_run_stuck was called on those not done */
    DRILL_SIM_MEMORY
};

struct drill_sim *drill_sim_new(const struct drill_alloc *alloc);
void drill_sim_free(struct drill_sim *sim);
/* Plays to the end. May be called again, with the same or other runners: time starts at 0. */
enum drill_sim_result drill_sim_play(struct drill_sim *sim, const struct drill_sim_config *config);
/* Several at once in the same time, each between a pair of its own (an MTA with several milters);
 * `result` is what drill_sim_play would return. `latest` is that of the first. */
struct drill_sim_pair {
    struct drill_sim *sim;
    struct drill_sim_config config;
    enum drill_sim_result result;
};
void drill_sim_play_pairs(struct drill_sim_pair *pairs, size_t count);
/* During a play: both runners are to be asked again. */
void drill_sim_poke(struct drill_sim *sim);
/* The virtual time of the last play, microseconds. */
uint64_t drill_sim_now(const struct drill_sim *sim);
/* How many connections of the last play were closed over unread input, or written to when the other
 * side had closed: how their end is seen depends on how bytes were cut. */
uint64_t drill_sim_rude_ends(const struct drill_sim *sim);
/* How many of its connections were ended by a side whose last write had found no room: how much was
 * written depends on how far the other side had read. */
uint64_t drill_sim_blocked_ends(const struct drill_sim *sim);

#endif
