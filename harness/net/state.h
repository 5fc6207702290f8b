/* SPDX-License-Identifier: MIT */
/* What the files of net share. Internal. */
#ifndef DRILL_NET_STATE_H
#define DRILL_NET_STATE_H

#include <ev.h>

#include "net/link.h"
#include "net/net.h"
#include "net/rights.h"
#include "net/tls_conn.h"
#include "session/smtp.h"

enum { DRILL_NET_BUFFER = 64 * 1024, DRILL_NET_ADDRESSES = 16 };

struct drill_net {
    struct ev_loop *loop;
    struct ev_async wake;
    uint64_t now; /* of the last wake-up */
    struct drill_link all;
    struct drill_link ready; /* to be asked, in the order of their wake-ups */
    struct drill_link mark;  /* in `ready`: the end of this turn */
    size_t undone;
    void (*done)(void *ctx, struct drill_net_conn *c);
    void *done_ctx;
    uint8_t buf[DRILL_NET_BUFFER];
};

struct drill_net_peer {
    struct sockaddr_storage addr;
    socklen_t len;
};

enum drill_net_phase {
    DRILL_NET_IDLE,
    DRILL_NET_ACCEPTING,
    DRILL_NET_CONNECTING,
    DRILL_NET_RETRYING, /* a UNIX listener's backlog is full: nothing tells when it is not */
    DRILL_NET_SHAKING,  /* TLS, as a client */
    DRILL_NET_STANDING,
    DRILL_NET_FAILED
};

struct drill_net_conn {
    struct drill_net *net;
    struct drill_play play;
    struct drill_link all;
    struct drill_link ready;
    struct drill_link waiting; /* in its listener's list */
    struct ev_io io;
    struct ev_timer timer;
    int fd;
    enum drill_net_phase phase;
    bool tcp;
    bool nagle;
    bool readable; /* a hint: false means that a read would only say EAGAIN */
    bool owes_ack; /* bytes were read and nothing was written since */
    bool done;
    bool background; /* drill_net_run does not wait for it */
    int wanted;      /* EV_READ, EV_WRITE */
    int watched;    /* what `io` watches: `wanted`, and what fires once more before it is dropped */
    uint64_t until; /* as armed */
    uint64_t timer_at; /* when `timer` fires: not later than `until` */
    uint64_t retry_at;
    int open_error;
    struct drill_tls_conn *tls;      /* NULL: plain */
    struct drill_tls_conn *starttls; /* what becomes `tls` in the midst of a connection */
    struct drill_smtp *smtp;         /* whose client it is */
    int recv_waits, send_waits; /* EV_READ, EV_WRITE: for what reading and writing wait in TLS */
    struct drill_net_listener *listener; /* acceptor */
    struct drill_net_peer *peers;        /* connector */
    size_t peer_count;
    size_t peer_at;
};

struct drill_net_listener {
    struct drill_net *net;
    struct ev_io io;
    struct drill_address address; /* with the port that was bound */
    struct drill_net_peer bound;
    struct drill_net_rights rights;
    const char *failed; /* what could not be done */
    int fd;             /* -1 while refusing */
    int holder;         /* keeps the port; never listens */
    bool readable;
    struct drill_link waiting; /* plays, in the order in which they asked */
    /* Takes them instead of plays; -1: none can be taken, errno says why. NULL: plays do. */
    void (*take)(void *ctx, int fd, const struct drill_net_peer *from);
    void *take_ctx;
};

/* The operations of play/transport.h; `conn` is a struct drill_net_conn. */
extern const struct drill_conn_ops drill_net_ops;

/* One round of the event loop; fills the ready list, asks nobody. */
void drill_net_turn(struct drill_net *net, bool wait);
void drill_net_ready(struct drill_net_conn *c);

/* socket.c: all sockets are non-blocking and closed on exec; -1 and errno. */
int drill_net_socket(int family);
/* `from`: NULL or who it is. */
int drill_net_accept(int listener, struct drill_net_peer *from);
void drill_net_option(int fd, int level, int name, int value);
/* As the language's `reset`: no FIN, whatever is queued. */
void drill_net_abort(int fd);
uint64_t drill_net_in_flight(int fd);
bool drill_net_again(int error);

/* listen.c */
void drill_net_listener_wait(struct drill_net_listener *l, struct drill_net_conn *c);
void drill_net_listener_leave(struct drill_net_conn *c);
void drill_net_listener_refuse(struct drill_net_listener *l);
/* One connection a wake-up, so that those that stand have their turn. */
void drill_net_listener_take(struct drill_net_listener *l,
                             void (*take)(void *ctx, int fd, const struct drill_net_peer *from),
                             void *ctx);

/* conn.c: plays of anything (drill_play_user), as drill_net_connector and drill_net_acceptor make
 * them of runners; drill_net_conn_new: one that never opens, and may only wait. */
struct drill_net_conn *drill_net_conn_new(struct drill_net *net, const struct drill_play_user *user,
                                          struct drill_error *err);
struct drill_net_conn *drill_net_connect_user(struct drill_net *net, const struct drill_address *a,
                                              const struct drill_play_user *user,
                                              struct drill_error *err);
struct drill_net_conn *drill_net_accept_user(struct drill_net *net, struct drill_net_listener *l,
                                             const struct drill_play_user *user,
                                             struct drill_error *err);
/* Once, behind its making. */
void drill_net_conn_background(struct drill_net_conn *c);
void drill_net_conn_accepted(struct drill_net_conn *c, int fd, int error);

#endif
