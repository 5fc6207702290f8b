/* SPDX-License-Identifier: MIT */
/* What the files of the forward share. Internal. */
#ifndef DRILL_NET_FORWARD_STATE_H
#define DRILL_NET_FORWARD_STATE_H

#include "net/forward.h"
#include "net/state.h"

enum { DRILL_FORWARD_RESET_WAIT = 1000000 }; /* microseconds */

/* One socket. side[dir] is the one that sends in `dir`. */
struct drill_forward_side {
    struct drill_forward_link *link;
    struct ev_io io;
    struct drill_tls_conn *tls; /* NULL: plain */
    int fd;                     /* -1: none yet */
    int watched;                /* what `io` watches */
    int recv_waits, send_waits; /* EV_READ, EV_WRITE: for what reading and writing wait */
    int write_error;            /* a write to it failed; what it sent before is read first */
    bool tcp;
    bool ended; /* no more comes from it; that was told */
    bool shut;  /* it was sent a FIN */
};

/* One direction: what was read and is not handed on yet. */
struct drill_forward_pipe {
    uint8_t *held;
    size_t at, len;
    uint64_t not_before;
    enum drill_end then;
    bool mute;
};

enum drill_forward_phase {
    DRILL_FORWARD_CONNECTING,
    DRILL_FORWARD_RETRYING, /* a UNIX listener's backlog is full */
    DRILL_FORWARD_SHAKING,  /* TLS with the milter */
    DRILL_FORWARD_LINKED,
    DRILL_FORWARD_RESETTING /* both sides, when what pipe[reset_dir] holds has left */
};

struct drill_forward_link {
    struct drill_link all;
    struct drill_forward *forward;
    struct ev_timer timer;
    void *who;
    enum drill_forward_phase phase;
    enum drill_dir reset_dir;
    bool fin_first; /* the side that is reset was not told of the other's FIN */
    bool again;     /* more can be read than one wake-up should read */
    int open_error;
    size_t peer_at;
    uint64_t until; /* RETRYING, RESETTING */
    struct drill_forward_side side[2];
    struct drill_forward_pipe pipe[2];
};

struct drill_forward {
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct ev_timer rest; /* no connection can be taken for now */
    const struct drill_tls *tls_in, *tls_out;
    struct drill_forward_tap tap;
    struct drill_net_peer peers[DRILL_NET_ADDRESSES];
    size_t peer_count;
    bool milter_tcp, mta_tcp;
    bool drained;
    struct drill_link links;
    size_t open;
    const struct drill_forward_link *telling; /* of whom the tap is told */
    size_t cap;
    uint8_t buf[];
};

static inline enum drill_dir drill_forward_back(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? DRILL_TO_MTA : DRILL_TO_MILTER;
}

/* forward.c */
void drill_forward_left(struct drill_forward *f);

/* forward_link.c */
void drill_forward_take(struct drill_forward *f, int fd, const struct drill_net_peer *from);
/* FIN to both. */
void drill_forward_close(struct drill_forward_link *l);
/* The side that sends in `dir` came to its end: 0 for FIN, or errno. */
void drill_forward_ended(struct drill_forward_link *l, enum drill_dir dir, int error);
void drill_forward_reset(struct drill_forward_link *l, enum drill_dir dir, bool fin_first);

/* forward_pipe.c */
/* Nothing is held, for whatever reason. */
bool drill_forward_idle(const struct drill_forward_link *l, enum drill_dir dir);
/* Something is held, and its time has come. */
bool drill_forward_due(const struct drill_forward_link *l, enum drill_dir dir);
/* Hands on what is due. */
void drill_forward_flush(struct drill_forward_link *l, enum drill_dir dir);
/* Reads once (TLS: all records that wait) and hands on. */
void drill_forward_read(struct drill_forward_link *l, enum drill_dir dir);
bool drill_forward_reads(const struct drill_forward_link *l, enum drill_dir dir);

#endif
