/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/state.h"

/* ---- the listening socket ---- */

static const struct sockaddr *bound_addr(const struct drill_net_peer *p)
{
    return (const struct sockaddr *)(const void *)&p->addr;
}

static int listener_bind(const struct drill_net_peer *p)
{
    int fd = drill_net_socket(p->addr.ss_family);
    if (fd >= 0) {
        if (p->addr.ss_family != AF_UNIX) {
            drill_net_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        }
        if (bind(fd, bound_addr(p), p->len) != 0) {
            int error = errno;
            (void)close(fd);
            errno = error;
            fd = -1;
        }
    }
    return fd;
}

/* A socket file that nobody listens on is what a dead process left. */
static bool listener_is_stale(const struct drill_net_peer *p, const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
        return false;
    }
    int fd = drill_net_socket(AF_UNIX);
    if (fd < 0) {
        return false;
    }
    bool stale = connect(fd, bound_addr(p), p->len) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    return stale;
}

static void listener_accept(struct drill_net_listener *l)
{
    while (l->readable && !drill_link_alone(&l->waiting)) {
        struct drill_net_conn *c =
            DRILL_LINK_OWNER(l->waiting.next, struct drill_net_conn, waiting);
        int fd = drill_net_accept(l->fd, NULL);
        int error = fd < 0 ? errno : 0;
        if (fd < 0 && drill_net_again(error)) {
            l->readable = false;
            return;
        }
        drill_link_remove(&c->waiting);
        drill_net_conn_accepted(c, fd, error);
    }
}

static void listener_take_one(struct drill_net_listener *l)
{
    struct drill_net_peer from = {.addr = {.ss_family = AF_UNSPEC}};
    int fd = drill_net_accept(l->fd, &from);
    if (fd >= 0 || !drill_net_again(errno)) {
        l->take(l->take_ctx, fd, &from);
    }
}

static void listener_io(struct ev_loop *loop, struct ev_io *w, int revents)
{
    struct drill_net_listener *l = w->data;
    (void)revents;
    if (l->take) {
        listener_take_one(l);
        return;
    }
    l->readable = true;
    if (drill_link_alone(&l->waiting)) {
        ev_io_stop(loop, w);
    }
    listener_accept(l);
}

/* Bound, but nobody can connect yet. errno on failure. */
static bool listener_rights(struct drill_net_listener *l)
{
    const struct drill_net_rights *r = &l->rights;
    const char *path = l->address.path;
    l->failed = "set the owner of";
    if ((r->has_user || r->has_group) &&
        lchown(path, r->has_user ? r->user : (uid_t)-1, r->has_group ? r->group : (gid_t)-1) != 0) {
        return false;
    }
    l->failed = "set the mode of";
    if (r->has_mode && chmod(path, r->mode) != 0) {
        return false;
    }
    l->failed = "listen on";
    return true;
}

/* errno on failure. */
static bool listener_open(struct drill_net_listener *l)
{
    l->fd = listener_bind(&l->bound);
    if (l->fd >= 0 && (!listener_rights(l) || listen(l->fd, SOMAXCONN) != 0)) {
        int error = errno;
        (void)close(l->fd);
        if (l->address.kind == DRILL_ADDRESS_UNIX) {
            (void)unlink(l->address.path);
        }
        l->fd = -1;
        errno = error;
    }
    if (l->fd < 0) {
        return false;
    }
    l->readable = false;
    ev_io_init(&l->io, listener_io, l->fd, EV_READ);
    l->io.data = l;
    ev_io_start(l->net->loop, &l->io);
    return true;
}

static void listener_shut(struct drill_net_listener *l)
{
    if (l->fd >= 0) {
        ev_io_stop(l->net->loop, &l->io);
        (void)close(l->fd);
        l->fd = -1;
        l->readable = false;
    }
}

/* ---- for the plays ---- */

void drill_net_listener_wait(struct drill_net_listener *l, struct drill_net_conn *c)
{
    if (l->fd < 0) {
        if (l->bound.addr.ss_family == AF_UNIX) {
            (void)unlink(l->address.path);
        }
        if (!listener_open(l)) {
            drill_net_conn_accepted(c, -1, errno);
            return;
        }
    }
    drill_link_append(&l->waiting, &c->waiting);
    if (!ev_is_active(&l->io)) {
        ev_io_start(l->net->loop, &l->io);
    }
    listener_accept(l);
}

void drill_net_listener_leave(struct drill_net_conn *c)
{
    drill_link_remove(&c->waiting);
}

void drill_net_listener_refuse(struct drill_net_listener *l)
{
    listener_shut(l);
}

void drill_net_listener_take(struct drill_net_listener *l,
                             void (*take)(void *ctx, int fd, const struct drill_net_peer *from),
                             void *ctx)
{
    l->take = take;
    l->take_ctx = ctx;
    if (l->fd >= 0 && take) {
        ev_io_start(l->net->loop, &l->io);
    } else if (l->fd >= 0) {
        ev_io_stop(l->net->loop, &l->io);
    }
}

/* ---- its owner ---- */

/* Binds the first address that can be bound. With any port, the holder picks it and keeps it. */
static bool listener_choose(struct drill_net_listener *l, const struct drill_net_peer *p)
{
    l->bound = *p;
    if (p->addr.ss_family != AF_UNIX) {
        l->holder = listener_bind(p);
        l->bound.len = sizeof(l->bound.addr);
        if (l->holder < 0 ||
            getsockname(l->holder, (struct sockaddr *)(void *)&l->bound.addr, &l->bound.len) != 0) {
            return false;
        }
#ifndef __linux__
        /* Elsewhere two sockets do not share a port, listening or not. */
        (void)close(l->holder);
        l->holder = -1;
#endif
    } else if (listener_is_stale(p, l->address.path)) {
        (void)unlink(l->address.path);
    }
    if (listener_open(l)) {
        return true;
    }
    if (l->holder >= 0) {
        int error = errno;
        (void)close(l->holder);
        l->holder = -1;
        errno = error;
    }
    return false;
}

static void listener_name(struct drill_net_listener *l)
{
    char port[8] = "0";
    if (l->address.kind != DRILL_ADDRESS_INET) {
        return;
    }
    if (getnameinfo(bound_addr(&l->bound), l->bound.len, l->address.host, sizeof(l->address.host),
                    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
        struct drill_address parsed;
        char text[sizeof(l->address.host) + 24];
        (void)snprintf(text, sizeof(text), "%s:%s@%s",
                       l->bound.addr.ss_family == AF_INET6 ? "inet6" : "inet", port,
                       l->address.host);
        if (drill_address_parse(text, &parsed, NULL) == DRILL_OK) {
            l->address = parsed;
        }
    }
}

static enum drill_code listener_start(struct drill_net_listener *l, struct drill_error *err)
{
    struct sockaddr_storage list[DRILL_NET_ADDRESSES];
    socklen_t lens[DRILL_NET_ADDRESSES];
    size_t count = 0;
    char text[300];
    int error = 0;
    enum drill_code code =
        drill_address_resolve(&l->address, true, list, lens, DRILL_NET_ADDRESSES, &count, err);
    if (code != DRILL_OK) {
        return code;
    }
    for (size_t i = 0; i < count; i++) {
        struct drill_net_peer p = {.addr = list[i], .len = lens[i]};
        if (listener_choose(l, &p)) {
            listener_name(l);
            return DRILL_OK;
        }
        error = errno;
    }
    return drill_error_set(err, DRILL_ERR_IO, "cannot %s %s: %s", l->failed,
                           drill_address_format(&l->address, text, sizeof(text)), strerror(error));
}

struct drill_net_listener *drill_net_listen(struct drill_net *net, const struct drill_address *a,
                                            struct drill_error *err)
{
    return drill_net_listen_with(net, a, NULL, err);
}

struct drill_net_listener *drill_net_listen_with(struct drill_net *net,
                                                 const struct drill_address *a,
                                                 const struct drill_net_rights *rights,
                                                 struct drill_error *err)
{
    bool given = rights && (rights->has_mode || rights->has_user || rights->has_group);
    if (given && a->kind != DRILL_ADDRESS_UNIX) {
        drill_error_set(err, DRILL_ERR_VALUE,
                        "a mode and an owner are for UNIX sockets (unix:/path) only");
        return NULL;
    }
    struct drill_net_listener *l = drill_alloc_resize(NULL, NULL, sizeof(*l));
    if (!l) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for a listener");
        return NULL;
    }
    memset(l, 0, sizeof(*l));
    l->net = net;
    l->address = *a;
    l->fd = -1;
    l->holder = -1;
    l->failed = "listen on";
    if (rights) {
        l->rights = *rights;
    }
    drill_link_init(&l->waiting);
    if (listener_start(l, err) != DRILL_OK) {
        drill_alloc_resize(NULL, l, 0);
        l = NULL;
    }
    return l;
}

void drill_net_listener_address(const struct drill_net_listener *l, struct drill_address *out)
{
    *out = l->address;
}

void drill_net_listener_free(struct drill_net_listener *l)
{
    if (!l) {
        return;
    }
    listener_shut(l);
    if (l->holder >= 0) {
        (void)close(l->holder);
    }
    if (l->address.kind == DRILL_ADDRESS_UNIX) {
        (void)unlink(l->address.path);
    }
    drill_alloc_resize(NULL, l, 0);
}
