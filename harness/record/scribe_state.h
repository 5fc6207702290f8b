/* SPDX-License-Identifier: MIT */
/* What both sides of the fork share. Internal. */
#ifndef DRILL_RECORD_SCRIBE_STATE_H
#define DRILL_RECORD_SCRIBE_STATE_H

#include "record/ring.h"
#include "record/scribe.h"

/* In memory that both have. */
struct drill_scribe_page {
    bool open; /* the folder */
    struct drill_error err;
    struct drill_files_stats stats;
};

/* Each has its own copy. */
struct drill_scribe {
    struct drill_scribe_config config;
    struct drill_ring *ring;
    struct drill_scribe_page *page;
    int socket; /* to the other: a byte wakes, its end tells that the other is gone */
    pid_t child;
    bool gone;        /* the other */
    bool hangs;       /* the child has taken nothing for too long; that was told */
    uint64_t hung_at; /* drill_ring_taken, then */
};

/* Takes the bytes that have come; false, and `gone`: the other is. Does not wait. */
bool drill_scribe_hear(struct drill_scribe *s);
/* One byte. */
void drill_scribe_wake(struct drill_scribe *s);

#endif
