/* SPDX-License-Identifier: MIT */
/*
 * What the forwarder's process tells the scribe's of one connection: the calls of a
 * drill_forward_tap, as values. An event and the bytes behind it are one record of the ring; both
 * processes are one program, so a struct travels as it is.
 */
#ifndef DRILL_RECORD_TAPPED_H
#define DRILL_RECORD_TAPPED_H

#include "net/forward.h"

enum drill_tapped_kind {
    DRILL_TAPPED_OPENED, /* first of a connection */
    DRILL_TAPPED_LINKED,
    DRILL_TAPPED_BYTES, /* one read: the bytes behind the event */
    DRILL_TAPPED_NOTE,  /* a comment: the text behind it */
    DRILL_TAPPED_ENDED, /* and, behind it, why TLS failed, or nothing */
    DRILL_TAPPED_CLOSED /* last: the number is free again */
};

struct drill_tapped {
    uint64_t now; /* net's clock */
    uint64_t in_flight;
    uint32_t connection; /* a small number, free again behind CLOSED */
    enum drill_tapped_kind kind;
    enum drill_dir dir; /* BYTES, ENDED */
    enum drill_end how; /* ENDED */
    int error;          /* ENDED: errno */
    bool incomplete;    /* CLOSED: events of it were lost */
};

#endif
