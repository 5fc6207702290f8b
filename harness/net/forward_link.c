/* SPDX-License-Identifier: MIT */
/* One connection of the forward: its two sockets, from being taken to being gone. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "base/arena.h"
#include "net/forward_state.h"

enum { RETRY_AFTER = 10000, RESET_POLL = 5000 }; /* microseconds */

static const enum drill_dir dirs[] = {DRILL_TO_MILTER, DRILL_TO_MTA};

static void link_settle(struct drill_forward_link *l);
static void link_connect(struct drill_forward_link *l);
static void link_decided(struct drill_forward_link *l);
static void link_shake(struct drill_forward_link *l);

/* ---- what wakes it ---- */

static void side_watch(struct drill_forward_side *s, int events)
{
    struct ev_loop *loop = s->link->forward->net->loop;
    if (events == s->watched) {
        return;
    }
    ev_io_stop(loop, &s->io);
    s->watched = events;
    if (events) {
        ev_io_set(&s->io, s->fd, events);
        ev_io_start(loop, &s->io);
    }
}

static int side_wants(const struct drill_forward_link *l, enum drill_dir dir)
{
    const struct drill_forward_side *s = &l->side[dir];
    int events = drill_forward_reads(l, dir) ? s->recv_waits : 0;
    if (drill_forward_due(l, drill_forward_back(dir))) {
        events |= s->send_waits;
    }
    if (dir == DRILL_TO_MTA && l->phase == DRILL_FORWARD_CONNECTING) {
        events = EV_WRITE;
    } else if (dir == DRILL_TO_MTA && l->phase == DRILL_FORWARD_SHAKING) {
        events = s->send_waits;
    }
    return events;
}

static uint64_t link_next(const struct drill_forward_link *l)
{
    uint64_t now = l->forward->net->now, next = DRILL_NEVER;
    if (l->again) {
        return now;
    }
    if (l->phase == DRILL_FORWARD_RETRYING) {
        return l->until;
    }
    if (l->phase == DRILL_FORWARD_RESETTING) {
        next = l->until < now + RESET_POLL ? l->until : now + RESET_POLL;
    }
    for (size_t i = 0; i < 2; i++) {
        if (l->pipe[i].not_before > now && l->pipe[i].not_before < next) {
            next = l->pipe[i].not_before;
        }
    }
    return next;
}

static void link_arm(struct drill_forward_link *l)
{
    const struct drill_net *net = l->forward->net;
    uint64_t next = link_next(l);
    for (size_t i = 0; i < 2; i++) {
        side_watch(&l->side[i], side_wants(l, dirs[i]));
    }
    if (next == DRILL_NEVER) {
        return; /* a timer that still runs finds nothing to do */
    }
    ev_timer_stop(net->loop, &l->timer);
    ev_timer_set(&l->timer, next > net->now ? (double)(next - net->now) / 1e6 : 0., 0.);
    ev_timer_start(net->loop, &l->timer);
}

static void link_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
    struct drill_forward_side *s = w->data;
    struct drill_forward_link *l = s->link;
    enum drill_dir dir = s == &l->side[DRILL_TO_MTA] ? DRILL_TO_MTA : DRILL_TO_MILTER;
    enum drill_dir back = drill_forward_back(dir);
    (void)loop;
    l->forward->net->now = drill_net_clock();
    if (l->phase == DRILL_FORWARD_CONNECTING) {
        link_decided(l);
    } else if (l->phase == DRILL_FORWARD_SHAKING) {
        link_shake(l);
    }
    if (revents & s->recv_waits) {
        drill_forward_read(l, dir);
    }
    if ((revents & s->send_waits) && drill_forward_due(l, back)) {
        drill_forward_flush(l, back);
        drill_forward_read(l, back);
    }
    link_settle(l);
}

static void link_timer(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    struct drill_forward_link *l = w->data;
    (void)loop;
    (void)revents;
    l->forward->net->now = drill_net_clock();
    if (l->phase == DRILL_FORWARD_RETRYING && l->until <= l->forward->net->now) {
        link_connect(l);
    }
    bool again = l->again;
    l->again = false;
    for (size_t i = 0; i < 2; i++) {
        bool due = drill_forward_due(l, dirs[i]);
        if (due) {
            drill_forward_flush(l, dirs[i]);
        }
        if (due || again) {
            drill_forward_read(l, dirs[i]);
        }
    }
    link_settle(l);
}

/* ---- endings ---- */

static void side_release(struct drill_forward_side *s, bool reset)
{
    if (s->fd >= 0) {
        side_watch(s, 0);
        if (s->tls) {
            if (!reset && !s->shut) {
                drill_tls_conn_notify(s->tls);
            }
            drill_tls_conn_end(s->tls);
        }
        if (reset && !s->ended) {
            drill_net_abort(s->fd);
        } else {
            (void)close(s->fd);
        }
        s->fd = -1;
    }
}

static void link_free(struct drill_forward_link *l)
{
    struct drill_forward *f = l->forward;
    ev_timer_stop(f->net->loop, &l->timer);
    f->telling = l;
    if (l->who && f->tap.closed) {
        f->tap.closed(l->who, f->net->now);
    }
    f->telling = NULL;
    for (size_t i = 0; i < 2; i++) {
        drill_tls_conn_free(l->side[i].tls);
        drill_alloc_resize(NULL, l->pipe[i].held, 0);
    }
    drill_link_remove(&l->all);
    drill_alloc_resize(NULL, l, 0);
    drill_forward_left(f);
}

static void side_drain(struct drill_forward_side *s)
{
    struct drill_forward *f = s->link->forward;
    size_t left = DRILL_PLAY_DRAIN;
    while (s->fd >= 0 && !s->ended && left) {
        ssize_t n = recv(s->fd, f->buf, left < f->cap ? left : f->cap, 0);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
        left -= n > 0 ? (size_t)n : 0;
    }
}

void drill_forward_close(struct drill_forward_link *l)
{
    for (size_t i = 0; i < 2; i++) {
        side_drain(&l->side[i]); /* what lies unread would make an RST of the FIN */
        side_release(&l->side[i], false);
    }
    link_free(l);
}

void drill_forward_reset(struct drill_forward_link *l, enum drill_dir dir, bool fin_first)
{
    if (l->phase != DRILL_FORWARD_RESETTING) {
        l->phase = DRILL_FORWARD_RESETTING;
        l->reset_dir = dir;
        l->fin_first = fin_first;
        l->until = l->forward->net->now + DRILL_FORWARD_RESET_WAIT;
    }
}

void drill_forward_ended(struct drill_forward_link *l, enum drill_dir dir, int error)
{
    struct drill_forward *f = l->forward;
    struct drill_forward_side *s = &l->side[dir];
    enum drill_end how = drill_play_end(error);
    s->ended = true;
    if (l->who && f->tap.ended) {
        f->telling = l;
        f->tap.ended(l->who, dir, how, error, s->tcp && s->fd >= 0 ? drill_net_in_flight(s->fd) : 0,
                     f->net->now);
        f->telling = NULL;
    }
    if (how != DRILL_END_FIN || l->phase != DRILL_FORWARD_LINKED) {
        drill_forward_reset(l, dir, how == DRILL_END_EPIPE);
    }
}

/* Bytes that the peer has no room for yet: a reset would discard them. */
static bool side_unsent(const struct drill_forward_side *s)
{
#ifdef SIOCOUTQNSD
    int n = 0;
    return s->tcp && s->fd >= 0 && ioctl(s->fd, SIOCOUTQNSD, &n) == 0 && n > 0;
#else
    (void)s;
    return false;
#endif
}

/* True: the link is gone. */
static bool link_reset_done(struct drill_forward_link *l)
{
    struct drill_forward_side *to = &l->side[drill_forward_back(l->reset_dir)];
    bool waits = !drill_forward_idle(l, l->reset_dir) || side_unsent(to);
    if (waits && l->forward->net->now < l->until) {
        return false;
    }
    if (l->fin_first && !to->shut && to->fd >= 0) {
        (void)shutdown(to->fd, SHUT_WR);
    }
    side_release(to, true);
    side_release(&l->side[l->reset_dir], true);
    link_free(l);
    return true;
}

static void side_shut(struct drill_forward_side *s)
{
    s->shut = true;
    if (s->tls) {
        drill_tls_conn_notify(s->tls);
    }
    (void)shutdown(s->fd, SHUT_WR);
}

/* In the middle of a TLS handshake no end can be told of; it goes on by reading. */
static bool side_can_shut(const struct drill_forward_side *s)
{
    return !s->shut && (!s->tls || s->ended || drill_tls_conn_shaken(s->tls));
}

/* True: the link is gone. */
static bool link_fins(struct drill_forward_link *l)
{
    bool over[2];
    for (size_t i = 0; i < 2; i++) {
        over[i] = drill_forward_idle(l, dirs[i]);
        if (over[i] && l->pipe[i].then == DRILL_END_RST) {
            drill_forward_reset(l, dirs[i], false);
            return false;
        }
        if (over[i] && l->pipe[i].then != DRILL_END_NONE) {
            drill_forward_close(l);
            return true;
        }
        over[i] = over[i] && l->side[i].ended;
    }
    if (over[0] && over[1]) {
        drill_forward_close(l);
        return true;
    }
    for (size_t i = 0; i < 2; i++) {
        struct drill_forward_side *to = &l->side[drill_forward_back(dirs[i])];
        if (over[i] && side_can_shut(to)) {
            side_shut(to);
        }
    }
    return false;
}

/* Behind every event. The link may be gone then. */
static void link_settle(struct drill_forward_link *l)
{
    if (l->phase == DRILL_FORWARD_LINKED && link_fins(l)) {
        return;
    }
    if (l->phase == DRILL_FORWARD_RESETTING && link_reset_done(l)) {
        return;
    }
    link_arm(l);
}

/* ---- beginnings ---- */

static void link_stands(struct drill_forward_link *l)
{
    const struct drill_forward *f = l->forward;
    l->phase = DRILL_FORWARD_LINKED;
    l->side[DRILL_TO_MTA].send_waits = EV_WRITE;
    if (l->who && f->tap.linked) {
        f->tap.linked(l->who, f->net->now);
    }
}

static void link_shake(struct drill_forward_link *l)
{
    struct drill_forward_side *s = &l->side[DRILL_TO_MTA];
    switch (drill_tls_conn_shake(s->tls)) {
    case DRILL_TLS_DONE: link_stands(l); break;
    case DRILL_TLS_READ: s->send_waits = EV_READ; break;
    case DRILL_TLS_WRITE: s->send_waits = EV_WRITE; break;
    case DRILL_TLS_ENDED: drill_forward_ended(l, DRILL_TO_MTA, drill_tls_conn_errno(s->tls)); break;
    }
}

static void link_connected(struct drill_forward_link *l)
{
    struct drill_forward_side *s = &l->side[DRILL_TO_MTA];
    if (!s->tls) {
        link_stands(l);
    } else if (drill_tls_conn_begin(s->tls, s->fd)) {
        l->phase = DRILL_FORWARD_SHAKING;
        link_shake(l);
    } else {
        drill_forward_ended(l, DRILL_TO_MTA, ENOMEM);
    }
}

/* Of several addresses that failed, a refusal says more than "no route". */
static void link_failed(struct drill_forward_link *l, int error)
{
    struct drill_forward_side *s = &l->side[DRILL_TO_MTA];
    if (l->open_error != ECONNREFUSED) {
        l->open_error = error;
    }
    side_release(s, false);
    l->peer_at++;
}

/* One address. True when that is all for now. */
static bool link_try(struct drill_forward_link *l, const struct drill_net_peer *peer)
{
    struct drill_forward_side *s = &l->side[DRILL_TO_MTA];
    s->fd = drill_net_socket(peer->addr.ss_family);
    if (s->fd < 0) {
        return false;
    }
    if (s->tcp) {
        drill_net_option(s->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    if (connect(s->fd, (const struct sockaddr *)(const void *)&peer->addr, peer->len) == 0) {
        link_connected(l);
        return true;
    }
    if (errno == EINPROGRESS || errno == EINTR) {
        l->phase = DRILL_FORWARD_CONNECTING;
        return true;
    }
    if (drill_net_again(errno) && !s->tcp) {
        (void)close(s->fd);
        s->fd = -1;
        l->phase = DRILL_FORWARD_RETRYING;
        l->until = l->forward->net->now + RETRY_AFTER;
        return true;
    }
    return false;
}

static void link_connect(struct drill_forward_link *l)
{
    const struct drill_forward *f = l->forward;
    while (l->peer_at < f->peer_count) {
        if (link_try(l, &f->peers[l->peer_at])) {
            return;
        }
        link_failed(l, errno);
    }
    drill_forward_ended(l, DRILL_TO_MTA, l->open_error);
}

static void link_decided(struct drill_forward_link *l)
{
    struct drill_forward_side *s = &l->side[DRILL_TO_MTA];
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);
    if (poll(&p, 1, 0) <= 0) {
        return;
    }
    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error == 0) {
        link_connected(l);
    } else {
        link_failed(l, error);
        link_connect(l);
    }
}

static void address_from(const struct drill_net_peer *from, struct drill_address *out)
{
    const void *addr = &from->addr;
    memset(out, 0, sizeof(*out));
    out->family = from->addr.ss_family;
    if (from->addr.ss_family == AF_INET) {
        const struct sockaddr_in *in = addr;
        out->port = ntohs(in->sin_port);
        (void)inet_ntop(AF_INET, &in->sin_addr, out->host, sizeof(out->host));
    } else if (from->addr.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = addr;
        out->port = ntohs(in6->sin6_port);
        (void)inet_ntop(AF_INET6, &in6->sin6_addr, out->host, sizeof(out->host));
    } else {
        out->kind = DRILL_ADDRESS_UNIX;
        out->family = AF_UNIX;
    }
}

static bool link_tls(struct drill_forward_link *l)
{
    const struct drill_forward *f = l->forward;
    struct drill_forward_side *mta = &l->side[DRILL_TO_MILTER];
    struct drill_forward_side *milter = &l->side[DRILL_TO_MTA];
    mta->tls = f->tls_in ? drill_tls_conn_new(f->tls_in) : NULL;
    milter->tls = f->tls_out ? drill_tls_conn_new(f->tls_out) : NULL;
    return (mta->tls || !f->tls_in) && (milter->tls || !f->tls_out) &&
           (!mta->tls || drill_tls_conn_begin(mta->tls, mta->fd));
}

static void link_init(struct drill_forward_link *l, struct drill_forward *f, int fd)
{
    memset(l, 0, sizeof(*l));
    l->forward = f;
    for (size_t i = 0; i < 2; i++) {
        struct drill_forward_side *s = &l->side[i];
        s->link = l;
        s->fd = -1;
        s->recv_waits = EV_READ;
        s->send_waits = EV_WRITE;
        ev_init(&s->io, link_io);
        s->io.data = s;
    }
    ev_init(&l->timer, link_timer);
    l->timer.data = l;
    l->side[DRILL_TO_MILTER].fd = fd;
    l->side[DRILL_TO_MILTER].tcp = f->mta_tcp;
    l->side[DRILL_TO_MTA].tcp = f->milter_tcp;
    drill_link_append(&f->links, &l->all);
    f->open++;
}

void drill_forward_take(struct drill_forward *f, int fd, const struct drill_net_peer *from)
{
    struct drill_forward_link *l = drill_alloc_resize(NULL, NULL, sizeof(*l));
    if (!l) {
        drill_net_abort(fd);
        return;
    }
    link_init(l, f, fd);
    if (f->mta_tcp) {
        drill_net_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    }
    if (f->tap.opened) {
        struct drill_address a;
        address_from(from, &a);
        l->who = f->tap.opened(f->tap.ctx, f->net->now, &a);
    }
    if (link_tls(l)) {
        link_connect(l);
    } else {
        drill_forward_ended(l, DRILL_TO_MTA, ENOMEM);
    }
    if (l->phase == DRILL_FORWARD_CONNECTING) {
        link_decided(l); /* on one machine it is, by now */
    }
    link_settle(l);
}
