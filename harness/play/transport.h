/* SPDX-License-Identifier: MIT */
/*
 * The interface between a runner and whatever carries its bytes: net (sockets) and sim (memory)
 * fill it. One drill_play is one runner on one connection after the other; a reactor holds many.
 *
 * The pump asks the runner what it wants, does what can be done at once, tells the runner, and
 * repeats until only waiting is left; then it arms the connection and returns. The owner calls it
 * again when something armed has happened. Reads come before writes, so that a reply or a reset is
 * seen while a large frame is still going out; when a write fails, what is still readable is read
 * first, and then the end is reported with the error of the write.
 *
 * A connection whose end was reported is released before the runner hears of it. While
 * wish.want is 0 nothing is read, so an ending shows in a write or not at all.
 */
#ifndef DRILL_PLAY_TRANSPORT_H
#define DRILL_PLAY_TRANSPORT_H

#include "scenario/run.h"

enum drill_io { DRILL_IO_OK, DRILL_IO_AGAIN, DRILL_IO_END };

/* in_flight: bytes that were handed to the system and that the peer's system had not acknowledged
 * when the end was seen. Linux keeps that figure through an RST (SIOCOUTQ, asked before the socket
 * is released). An acknowledgement may be late, so it is an upper bound of what was not delivered.
 * 0 on UNIX sockets, which have none. */
struct drill_io_end {
    enum drill_end how;
    int error;
    uint64_t in_flight;
};

/* `conn` is the transport's own. Nothing blocks. After open, `opened` is polled when armed. */
struct drill_conn_ops {
    /* Only without a connection. */
    void (*open)(void *conn, bool nagle);
    /* OK: it stands. AGAIN: not yet. END: refused or failed. */
    enum drill_io (*opened)(void *conn, struct drill_io_end *end);
    enum drill_io (*send)(void *conn, struct drill_span bytes, size_t *took,
                          struct drill_io_end *end);
    /* At most `want` bytes. A FIN is DRILL_IO_END with DRILL_END_FIN. */
    enum drill_io (*recv)(void *conn, uint8_t *buf, size_t want, size_t *got,
                          struct drill_io_end *end);
    /* sim: the next attempt to connect is refused. net: nobody listens until a play of the same
     * listener opens again; whether an attempt was refused cannot be seen there. */
    void (*refuse)(void *conn);
    void (*half_close)(void *conn);
    /* Reads and drops what is there now, at most DRILL_PLAY_DRAIN bytes, so that a close is a FIN.
     */
    void (*drain)(void *conn);
    /* As it stands, and gives up an attempt to connect or to accept. Without a connection: nothing.
     */
    void (*close)(void *conn);
    void (*reset)(void *conn);
    /* Wake the play when readable / writable (or opened) / at `until` (at once, when that is past).
     * Replaces what was armed; a wake-up without cause does no harm. */
    void (*arm)(void *conn, bool readable, bool writable, uint64_t until);
    uint64_t (*now)(void *conn); /* microseconds, monotonic */
};

enum { DRILL_PLAY_DRAIN = 16 << 20 };

/* Who is played: a runner (drill_play_init), or anything else that lives by its events and wishes.
 */
struct drill_play_user {
    void (*wish)(void *self, uint64_t now, struct drill_wish *wish);
    void (*event)(void *self, const struct drill_event *event);
    void *self;
};

struct drill_play {
    struct drill_play_user user;
    const struct drill_conn_ops *ops;
    void *conn;
    uint8_t *buf; /* for reading; may be shared by all plays of a thread */
    size_t cap;
    /* private */
    bool opening, open, ended;
    bool write_failed;
    struct drill_io_end write_end;
};

void drill_play_init(struct drill_play *p, struct drill_run *run, const struct drill_conn_ops *ops,
                     void *conn, uint8_t *buf, size_t cap);
void drill_play_init_user(struct drill_play *p, const struct drill_play_user *user,
                          const struct drill_conn_ops *ops, void *conn, uint8_t *buf, size_t cap);
struct drill_play_user drill_play_runner(struct drill_run *run);
/* True when the runner is done; its connection is closed then. Returns after a bounded number of
 * steps, armed for `at once` if more could be done. */
bool drill_play_pump(struct drill_play *p);
/* What an errno of connect, read or write says about the peer; 0: FIN. ENOENT is what a UNIX socket
 * that does not exist answers: refused. */
enum drill_end drill_play_end(int error);

#endif
