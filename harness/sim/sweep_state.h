/* SPDX-License-Identifier: MIT */
/*
 * The sweep's insides, shared by sweep*.c and nobody else.
 *
 * sweep.c       the plays, and what must hold of each
 * sweep_map.c   where the frames of the undisturbed play lie
 * sweep_watch.c what each side sees, kept and compared
 * sweep_say.c   failures in words
 */
#ifndef DRILL_SIM_SWEEP_STATE_H
#define DRILL_SIM_SWEEP_STATE_H

#include "sim/sweep.h"

enum { SWEEP_MTA, SWEEP_MILTER, SWEEP_SIDES };
enum { SWEEP_DIRS = 2 };

/* A frame as it was written, or what is left of a stream that holds no more whole ones. */
struct sweep_frame {
    struct drill_disturb_place place; /* of its first byte */
    uint64_t size;
    uint32_t number; /* in its stream, from 1 */
    uint8_t code;    /* 0: it has none */
};

struct sweep_stream {
    struct drill_frame_parser parser;
    struct drill_disturb_place place; /* of the first byte that is in no frame yet */
    uint64_t end;
    uint32_t number;
};

struct sweep_map {
    struct drill_buf frames; /* of struct sweep_frame */
    struct sweep_stream stream[SWEEP_DIRS];
    bool no_memory;
};

/* One thing that a side saw. */
struct sweep_sight {
    uint64_t hash;
    uint8_t kind; /* enum drill_seen_kind */
    uint8_t how;  /* enum drill_end; a write after a FIN counts as the FIN */
};

enum sweep_mode { SWEEP_KEEP, SWEEP_COMPARE, SWEEP_QUOTE, SWEEP_IGNORE };

/* What one side sees, by direction: which of two directions is first depends on the chunks. */
struct sweep_watch {
    enum sweep_mode mode;
    struct drill_observer also;        /* KEEP: told as well */
    struct drill_buf kept[SWEEP_DIRS]; /* of struct sweep_sight */
    size_t at[SWEEP_DIRS];
    bool differs;          /* COMPARE: at index `first` of direction `dir`; the first only */
    bool fin_or_rst, torn; /* it is one of the differences that may be excused */
    int dir;
    size_t first;
    char *quote; /* QUOTE: that one in words, DRILL_REPORT_LINE bytes */
    bool no_memory;
};

struct sweep {
    const struct drill_sweep_config *config;
    struct drill_sweep_outcome *outcome;
    const struct drill_alloc *alloc;
    struct drill_sim *sim;
    struct drill_run *run[SWEEP_SIDES];
    int file; /* which of them plays the scenario */
    struct sweep_map map;
    struct sweep_watch watch[SWEEP_SIDES];
    /* of the undisturbed play */
    enum drill_result result[SWEEP_SIDES];
    uint64_t told;
    bool rude, blocked;
    bool no_memory;
};

/* sweep_map.c */
void sweep_map_init(struct sweep_map *map, const struct drill_alloc *alloc);
void sweep_map_fini(struct sweep_map *map);
/* drill_disturb.wrote */
void sweep_map_wrote(void *map, const struct drill_disturb_place *place, struct drill_span bytes);
/* All was written. */
void sweep_map_end(struct sweep_map *map);
size_t sweep_map_count(const struct sweep_map *map);
const struct sweep_frame *sweep_map_frame(const struct sweep_map *map, size_t index);
/* The frame that holds that byte; NULL: none. */
const struct sweep_frame *sweep_map_find(const struct sweep_map *map,
                                         const struct drill_disturb_place *place);
/* How many bytes of a frame are tried, and the offset in the frame of each. */
uint64_t sweep_map_points(const struct sweep_frame *frame);
uint64_t sweep_map_point(const struct sweep_frame *frame, uint64_t index, uint64_t seed);

/* sweep_watch.c */
void sweep_watch_begin(struct sweep_watch *watch, enum sweep_mode mode);
/* drill_observer.seen */
void sweep_watch_seen(void *watch, const struct drill_seen *seen);
/* After a play in COMPARE: what was never seen differs, too. */
void sweep_watch_end(struct sweep_watch *watch);

/* sweep_say.c */
void sweep_say_place(struct drill_writer *w, const struct sweep *s, const struct drill_disturb *d);
void sweep_say_seen(char *text, const struct drill_seen *seen);

#endif
