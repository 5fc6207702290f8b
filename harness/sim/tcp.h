/* SPDX-License-Identifier: MIT */
/*
 * A TCP connection in memory, as Linux's ends see it (net/ipv4/tcp.c, tcp_input.c of Linux 6;
 * tests/test_net_kernel.c holds it to the running kernel). Internal to sim.
 *
 * What travels to an end stands in one ring: its first `receive` bytes are in the end's receive
 * queue (acknowledged), the rest is in the peer's send queue (in flight). A reset empties send
 * queues and leaves receive queues readable.
 */
#ifndef DRILL_SIM_TCP_H
#define DRILL_SIM_TCP_H

#include "play/transport.h"
#include "sim/disturb.h"

struct drill_tcp_end {
    uint8_t *ring; /* on the way to this end */
    size_t head;
    size_t used;
    uint64_t lost; /* in flight from this end when the connection died */
    int error;     /* told once, then forgotten (sk_err) */
    bool fin_sent;
    bool fin_seen;  /* all before it is in the receive queue (SOCK_DONE) */
    bool released;  /* its process has closed it */
    uint64_t taken; /* bytes that its process has read or dropped */
    uint64_t stop;  /* what lies behind this offset cannot be read yet */
    bool held;      /* it was read up to there, and more is behind it */
};

struct drill_tcp {
    struct drill_tcp_end end[2];
    size_t window;  /* size of each ring */
    size_t receive; /* the part of it that is the receive queue */
    bool dead;      /* an RST went one way or the other, or the connection is lost */
    enum drill_disturb_loss loss;
};

/* A fresh connection over two rings of `window` bytes (at least 1). */
void drill_tcp_init(struct drill_tcp *t, uint8_t *ring0, uint8_t *ring1, size_t window);

/* As the operations of play/transport.h; `side` is 0 or 1. */
enum drill_io drill_tcp_send(struct drill_tcp *t, int side, struct drill_span bytes, size_t *took,
                             struct drill_io_end *end);
enum drill_io drill_tcp_recv(struct drill_tcp *t, int side, uint8_t *buf, size_t want, size_t *got,
                             struct drill_io_end *end);
void drill_tcp_drain(struct drill_tcp *t, int side);
void drill_tcp_half_close(struct drill_tcp *t, int side);
void drill_tcp_close(struct drill_tcp *t, int side);
void drill_tcp_reset(struct drill_tcp *t, int side);
/* Lets a side read up to the offset `stop`, which it was held at. */
void drill_tcp_let(struct drill_tcp *t, int side, uint64_t stop);
/* Both sides may still send, as far as `side` knows. */
bool drill_tcp_stands(const struct drill_tcp *t, int side);
/* All that is not in a receive queue is lost, with `more` bytes that `side` has just written; each
 * side goes on as if the other had done what `loss` says. */
void drill_tcp_lose(struct drill_tcp *t, int side, enum drill_disturb_loss loss, size_t more);
/* Bytes in the receive queue. */
size_t drill_tcp_unread(const struct drill_tcp *t, int side);
/* Both processes have closed their ends. */
bool drill_tcp_over(const struct drill_tcp *t);

#endif
