/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/state.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { RETRY_AFTER = 10000 }; /* microseconds */

/* ---- what wakes a play ---- */

static void conn_watch(struct drill_net_conn *c, int events)
{
    if (events == c->watched) {
        return;
    }
    ev_io_stop(c->net->loop, &c->io);
    c->watched = events;
    if (events) {
        ev_io_set(&c->io, c->fd, events);
        ev_io_start(c->net->loop, &c->io);
    }
}

/* An event that nobody wants any more is dropped only when it comes: most are wanted again before,
 * and each change is a system call. */
static void conn_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
    struct drill_net_conn *c = w->data;
    (void)loop;
    if (revents & EV_READ) {
        c->readable = true;
    }
    conn_watch(c, c->watched & ~(revents & ~c->wanted));
    if (revents & c->wanted) {
        drill_net_ready(c);
    }
}

static void conn_set_timer(struct drill_net_conn *c, uint64_t now)
{
    ev_timer_stop(c->net->loop, &c->timer);
    c->timer_at = c->until;
    ev_timer_set(&c->timer, (double)(c->until - now) / 1e6, 0.);
    ev_timer_start(c->net->loop, &c->timer);
}

static void conn_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    struct drill_net_conn *c = w->data;
    uint64_t now = drill_net_clock();
    (void)loop;
    (void)revents;
    if (c->until <= now) {
        drill_net_ready(c);
    } else if (c->until != DRILL_NEVER) {
        conn_set_timer(c, now);
    }
}

static void net_op_arm(void *conn, bool readable, bool writable, uint64_t until)
{
    struct drill_net_conn *c = conn;
    c->wanted = (readable ? c->recv_waits : 0) | (writable ? c->send_waits : 0);
    if (c->fd >= 0) {
#ifdef TCP_QUICKACK
        if (c->owes_ack && c->tcp && !c->nagle) {
            drill_net_option(c->fd, IPPROTO_TCP, TCP_QUICKACK, 1);
        }
#endif
        c->owes_ack = false;
        conn_watch(c, c->watched | c->wanted);
    }
    c->until = c->phase == DRILL_NET_RETRYING && c->retry_at < until ? c->retry_at : until;
    if (c->until <= c->net->now) {
        drill_net_ready(c);
    } else if (c->until != DRILL_NEVER && !(ev_is_active(&c->timer) && c->timer_at <= c->until)) {
        conn_set_timer(c, c->net->now);
    }
}

/* ---- opening ---- */

static void conn_end_tls(struct drill_net_conn *c, bool notify)
{
    if (c->tls) {
        if (notify) {
            drill_tls_conn_notify(c->tls);
        }
        drill_tls_conn_end(c->tls);
    }
    c->tls = c->starttls ? NULL : c->tls;
}

static void conn_release(struct drill_net_conn *c, bool reset)
{
    if (c->phase == DRILL_NET_ACCEPTING) {
        drill_net_listener_leave(c);
    }
    c->phase = DRILL_NET_IDLE;
    if (c->fd >= 0) {
        conn_watch(c, 0);
        conn_end_tls(c, !reset);
        if (reset) {
            drill_net_abort(c->fd);
        } else {
            (void)close(c->fd);
        }
        c->fd = -1;
    }
}

static void conn_stands(struct drill_net_conn *c)
{
    c->phase = DRILL_NET_STANDING;
    c->owes_ack = false;
    c->recv_waits = EV_READ;
    c->send_waits = EV_WRITE;
    if (c->tls && !drill_tls_conn_begin(c->tls, c->fd)) {
        c->phase = DRILL_NET_FAILED;
        c->open_error = ENOMEM;
        return;
    }
    if (c->tls && drill_tls_conn_client(c->tls)) {
        c->phase = DRILL_NET_SHAKING;
    }
    conn_watch(c, EV_READ);
}

void drill_net_conn_accepted(struct drill_net_conn *c, int fd, int error)
{
    c->fd = fd;
    c->open_error = error;
    c->phase = DRILL_NET_FAILED;
    if (fd >= 0) {
        if (c->tcp && !c->nagle) {
            drill_net_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        }
        c->readable = true;
        conn_stands(c);
    }
    drill_net_ready(c);
}

/* One address. True when it stands or may stand later. */
static bool conn_try(struct drill_net_conn *c, const struct drill_net_peer *peer)
{
    c->fd = drill_net_socket(peer->addr.ss_family);
    if (c->fd < 0) {
        return false;
    }
    if (c->tcp && !c->nagle) {
        drill_net_option(c->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    c->readable = false;
    if (connect(c->fd, (const struct sockaddr *)(const void *)&peer->addr, peer->len) == 0) {
        conn_stands(c);
        return true;
    }
    if (errno == EINPROGRESS || errno == EINTR) {
        c->phase = DRILL_NET_CONNECTING;
        return true;
    }
    if (drill_net_again(errno) && !c->tcp) {
        (void)close(c->fd);
        c->fd = -1;
        c->phase = DRILL_NET_RETRYING;
        c->retry_at = c->net->now + RETRY_AFTER;
        return true;
    }
    return false;
}

/* Of several addresses that failed, a refusal says more than "no route". */
static void conn_failed(struct drill_net_conn *c, int error)
{
    if (c->open_error != ECONNREFUSED) {
        c->open_error = error;
    }
    conn_release(c, false);
    c->peer_at++;
}

static void conn_connect(struct drill_net_conn *c)
{
    while (c->peer_at < c->peer_count) {
        if (conn_try(c, &c->peers[c->peer_at])) {
            return;
        }
        conn_failed(c, errno);
    }
    c->phase = DRILL_NET_FAILED;
}

static void net_op_open(void *conn, bool nagle)
{
    struct drill_net_conn *c = conn;
    conn_release(c, false);
    c->nagle = nagle;
    c->open_error = 0;
    c->peer_at = 0;
    if (c->listener) {
        c->phase = DRILL_NET_ACCEPTING;
        drill_net_listener_wait(c->listener, c);
    } else {
        conn_connect(c);
    }
}

/* While connecting. False: not decided yet. */
static bool conn_decided(struct drill_net_conn *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);
    if (poll(&p, 1, 0) <= 0) {
        return false;
    }
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error == 0) {
        conn_stands(c);
    } else {
        conn_failed(c, error);
        conn_connect(c);
    }
    return true;
}

static enum drill_io conn_end(const struct drill_net_conn *c, int error, struct drill_io_end *end)
{
    end->how = drill_play_end(error);
    end->error = error;
    end->in_flight = c->tcp ? drill_net_in_flight(c->fd) : 0;
    return DRILL_IO_END;
}

static enum drill_io conn_tls_io(struct drill_net_conn *c, enum drill_tls_step step, int *waits,
                                 struct drill_io_end *end)
{
    switch (step) {
    case DRILL_TLS_DONE: break;
    case DRILL_TLS_READ: *waits = EV_READ; return DRILL_IO_AGAIN;
    case DRILL_TLS_WRITE: *waits = EV_WRITE; return DRILL_IO_AGAIN;
    case DRILL_TLS_ENDED: return conn_end(c, drill_tls_conn_errno(c->tls), end);
    }
    return DRILL_IO_OK;
}

static enum drill_io conn_shake(struct drill_net_conn *c, struct drill_io_end *end)
{
    enum drill_io io = conn_tls_io(c, drill_tls_conn_shake(c->tls), &c->send_waits, end);
    if (io == DRILL_IO_OK) {
        c->phase = DRILL_NET_STANDING;
        c->send_waits = EV_WRITE;
    }
    return io;
}

static enum drill_io net_op_opened(void *conn, struct drill_io_end *end)
{
    struct drill_net_conn *c = conn;
    for (;;) {
        switch (c->phase) {
        case DRILL_NET_STANDING: return DRILL_IO_OK;
        case DRILL_NET_IDLE:
        case DRILL_NET_ACCEPTING: return DRILL_IO_AGAIN;
        case DRILL_NET_RETRYING:
            if (c->net->now < c->retry_at) {
                return DRILL_IO_AGAIN;
            }
            conn_connect(c);
            break;
        case DRILL_NET_CONNECTING:
            if (!conn_decided(c)) {
                return DRILL_IO_AGAIN;
            }
            break;
        case DRILL_NET_SHAKING: return conn_shake(c, end);
        case DRILL_NET_FAILED:
            end->how = drill_play_end(c->open_error);
            end->error = c->open_error;
            end->in_flight = 0;
            return DRILL_IO_END;
        }
    }
}

/* ---- bytes ---- */

static enum drill_io net_op_send(void *conn, struct drill_span bytes, size_t *took,
                                 struct drill_io_end *end)
{
    struct drill_net_conn *c = conn;
    ssize_t n = 0;
    if (c->tls) {
        c->owes_ack = false;
        return conn_tls_io(c, drill_tls_conn_send(c->tls, bytes, took), &c->send_waits, end);
    }
    do {
        n = send(c->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *took = (size_t)n;
        c->owes_ack = false;
        return DRILL_IO_OK;
    }
    if (drill_net_again(errno)) {
        return DRILL_IO_AGAIN;
    }
    c->readable = true; /* what came before the end is still there */
    return conn_end(c, errno, end);
}

static enum drill_io net_op_recv(void *conn, uint8_t *buf, size_t want, size_t *got,
                                 struct drill_io_end *end)
{
    struct drill_net_conn *c = conn;
    ssize_t n = 0;
    if (c->tls) { /* a record may be waiting above the socket: `readable` says nothing */
        enum drill_tls_step step = drill_tls_conn_recv(c->tls, buf, want, got);
        c->owes_ack = c->owes_ack || step == DRILL_TLS_DONE;
        return conn_tls_io(c, step, &c->recv_waits, end);
    }
    if (!c->readable) {
        return DRILL_IO_AGAIN;
    }
    do {
        n = recv(c->fd, buf, want, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        c->readable = *got == want;
        c->owes_ack = true;
        return DRILL_IO_OK;
    }
    if (n < 0 && drill_net_again(errno)) {
        c->readable = false;
        return DRILL_IO_AGAIN;
    }
    return conn_end(c, n < 0 ? errno : 0, end);
}

static void net_op_drain(void *conn)
{
    struct drill_net_conn *c = conn;
    size_t left = DRILL_PLAY_DRAIN;
    while (c->fd >= 0 && left) {
        size_t want = left < DRILL_NET_BUFFER ? left : DRILL_NET_BUFFER;
        ssize_t n = recv(c->fd, c->net->buf, want, 0);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
        left -= n > 0 ? (size_t)n : 0;
    }
}

/* ---- endings ---- */

static void net_op_refuse(void *conn)
{
    struct drill_net_conn *c = conn;
    if (c->listener) {
        drill_net_listener_refuse(c->listener);
    }
}

static void net_op_half_close(void *conn)
{
    struct drill_net_conn *c = conn;
    if (c->tls) {
        drill_tls_conn_notify(c->tls);
    }
    (void)shutdown(c->fd, SHUT_WR);
}

static void net_op_close(void *conn)
{
    conn_release(conn, false);
}

static void net_op_reset(void *conn)
{
    conn_release(conn, true);
}

static uint64_t net_op_now(void *conn)
{
    const struct drill_net_conn *c = conn;
    return c->net->now;
}

const struct drill_conn_ops drill_net_ops = {.open = net_op_open,
                                             .opened = net_op_opened,
                                             .send = net_op_send,
                                             .recv = net_op_recv,
                                             .refuse = net_op_refuse,
                                             .half_close = net_op_half_close,
                                             .drain = net_op_drain,
                                             .close = net_op_close,
                                             .reset = net_op_reset,
                                             .arm = net_op_arm,
                                             .now = net_op_now};

/* ---- plays ---- */

struct drill_net_conn *drill_net_conn_new(struct drill_net *net, const struct drill_play_user *user,
                                          struct drill_error *err)
{
    struct drill_net_conn *c = drill_alloc_resize(NULL, NULL, sizeof(*c));
    if (!c) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for one more connection");
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->net = net;
    c->fd = -1;
    c->until = DRILL_NEVER;
    c->recv_waits = EV_READ;
    c->send_waits = EV_WRITE;
    drill_play_init_user(&c->play, user, &drill_net_ops, c, net->buf, sizeof(net->buf));
    ev_init(&c->io, conn_io);
    ev_init(&c->timer, conn_timer);
    c->io.data = c;
    c->timer.data = c;
    drill_link_init(&c->ready);
    drill_link_init(&c->waiting);
    drill_link_append(&net->all, &c->all);
    net->undone++;
    drill_net_ready(c);
    return c;
}

static enum drill_code conn_resolve(struct drill_net_conn *c, const struct drill_address *a,
                                    struct drill_error *err)
{
    struct sockaddr_storage list[DRILL_NET_ADDRESSES];
    socklen_t lens[DRILL_NET_ADDRESSES];
    size_t count = 0;
    enum drill_code code =
        drill_address_resolve(a, false, list, lens, DRILL_NET_ADDRESSES, &count, err);
    if (code != DRILL_OK) {
        return code;
    }
    c->peers = drill_alloc_resize(NULL, NULL, count * sizeof(*c->peers));
    if (!c->peers) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory for %zu addresses", count);
    }
    for (size_t i = 0; i < count; i++) {
        c->peers[i].addr = list[i];
        c->peers[i].len = lens[i];
    }
    c->peer_count = count;
    c->tcp = a->kind == DRILL_ADDRESS_INET;
    return DRILL_OK;
}

struct drill_net_conn *drill_net_connect_user(struct drill_net *net, const struct drill_address *a,
                                              const struct drill_play_user *user,
                                              struct drill_error *err)
{
    struct drill_net_conn *c = drill_net_conn_new(net, user, err);
    if (c && conn_resolve(c, a, err) != DRILL_OK) {
        drill_net_conn_free(c);
        c = NULL;
    }
    return c;
}

struct drill_net_conn *drill_net_accept_user(struct drill_net *net, struct drill_net_listener *l,
                                             const struct drill_play_user *user,
                                             struct drill_error *err)
{
    struct drill_net_conn *c = drill_net_conn_new(net, user, err);
    if (c) {
        c->listener = l;
        c->tcp = l->address.kind == DRILL_ADDRESS_INET;
    }
    return c;
}

struct drill_net_conn *drill_net_connector(struct drill_net *net, const struct drill_address *a,
                                           struct drill_run *run, struct drill_error *err)
{
    struct drill_play_user user = drill_play_runner(run);
    return drill_net_connect_user(net, a, &user, err);
}

struct drill_net_conn *drill_net_acceptor(struct drill_net *net, struct drill_net_listener *l,
                                          struct drill_run *run, struct drill_error *err)
{
    struct drill_play_user user = drill_play_runner(run);
    return drill_net_accept_user(net, l, &user, err);
}

void drill_net_conn_background(struct drill_net_conn *c)
{
    c->background = true;
    c->net->undone--;
}

void drill_net_conn_again(struct drill_net_conn *c)
{
    conn_release(c, false);
    struct drill_play_user user = c->play.user;
    drill_play_init_user(&c->play, &user, &drill_net_ops, c, c->net->buf, sizeof(c->net->buf));
    if (c->done) {
        c->done = false;
        c->net->undone += c->background ? 0 : 1;
    }
    drill_net_ready(c);
}

void drill_net_conn_free(struct drill_net_conn *c)
{
    if (!c) {
        return;
    }
    conn_release(c, false);
    ev_timer_stop(c->net->loop, &c->timer);
    drill_link_remove(&c->all);
    drill_link_remove(&c->ready);
    c->net->undone -= c->done || c->background ? 0 : 1;
    drill_tls_conn_free(c->starttls ? c->starttls : c->tls);
    drill_alloc_resize(NULL, c->peers, 0);
    drill_alloc_resize(NULL, c, 0);
}

bool drill_net_conn_tls(struct drill_net_conn *c, const struct drill_tls *tls)
{
    c->tls = drill_tls_conn_new(tls);
    return c->tls != NULL;
}

const char *drill_net_conn_tls_error(const struct drill_net_conn *c)
{
    const struct drill_tls_conn *t = c->starttls ? c->starttls : c->tls;
    return t ? drill_tls_conn_error(t) : "";
}

const char *drill_net_conn_tls_note(const struct drill_net_conn *c)
{
    const struct drill_tls_conn *t = c->starttls ? c->starttls : c->tls;
    return t ? drill_tls_conn_note(t) : "";
}

bool drill_net_conn_done(const struct drill_net_conn *c)
{
    return c->done;
}

bool drill_net_conn_can_reset(const struct drill_net_conn *c)
{
    return c->tcp;
}
