/* SPDX-License-Identifier: MIT */
#include "net/forward.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "net/forward_state.h"

static const double rest_seconds = 0.1;

/* ---- connections that come ---- */

static void forward_accepted(void *self, int fd, const struct drill_net_peer *from)
{
    struct drill_forward *f = self;
    f->net->now = drill_net_clock();
    if (fd >= 0) {
        drill_forward_take(f, fd, from);
        return;
    }
    /* Out of descriptors, or of memory. The next one waits until some may be back. */
    drill_net_listener_take(f->listener, NULL, NULL);
    ev_timer_set(&f->rest, rest_seconds, 0.);
    ev_timer_start(f->net->loop, &f->rest);
}

static void forward_rested(struct ev_loop *loop, struct ev_timer *w, int revents)
{
    struct drill_forward *f = w->data;
    (void)loop;
    (void)revents;
    drill_net_listener_take(f->listener, forward_accepted, f);
}

/* The net waits for us as long as something can happen here. */
static void forward_check_done(struct drill_forward *f)
{
    if (f->drained && f->open == 0) {
        f->net->undone--;
    }
}

void drill_forward_left(struct drill_forward *f)
{
    f->open--;
    forward_check_done(f);
}

/* ---- its owner ---- */

static enum drill_code forward_resolve(struct drill_forward *f, const struct drill_address *a,
                                       struct drill_error *err)
{
    struct sockaddr_storage list[DRILL_NET_ADDRESSES];
    socklen_t lens[DRILL_NET_ADDRESSES];
    enum drill_code code =
        drill_address_resolve(a, false, list, lens, DRILL_NET_ADDRESSES, &f->peer_count, err);
    for (size_t i = 0; i < f->peer_count; i++) {
        f->peers[i].addr = list[i];
        f->peers[i].len = lens[i];
    }
    f->milter_tcp = a->kind == DRILL_ADDRESS_INET;
    return code;
}

struct drill_forward *drill_forward_new(struct drill_net *net,
                                        const struct drill_forward_config *config,
                                        struct drill_error *err)
{
    size_t cap = config->buffer ? config->buffer : DRILL_NET_BUFFER;
    struct drill_forward *f = drill_alloc_resize(NULL, NULL, sizeof(*f) + cap);
    if (!f) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory to forward with");
        return NULL;
    }
    memset(f, 0, sizeof(*f));
    f->net = net;
    f->listener = config->listener;
    f->tls_in = config->tls_in;
    f->tls_out = config->tls_out;
    f->cap = cap;
    if (config->tap) {
        f->tap = *config->tap;
    }
    drill_link_init(&f->links);
    if (forward_resolve(f, &config->milter, err) != DRILL_OK) {
        drill_alloc_resize(NULL, f, 0);
        return NULL;
    }
    f->mta_tcp = f->listener->address.kind == DRILL_ADDRESS_INET;
    ev_init(&f->rest, forward_rested);
    f->rest.data = f;
    net->undone++;
    drill_net_listener_take(f->listener, forward_accepted, f);
    return f;
}

void drill_forward_drain(struct drill_forward *f)
{
    if (!f->drained) {
        f->drained = true;
        ev_timer_stop(f->net->loop, &f->rest);
        drill_net_listener_take(f->listener, NULL, NULL);
        drill_net_listener_refuse(f->listener);
        forward_check_done(f);
    }
}

size_t drill_forward_open(const struct drill_forward *f)
{
    return f->open;
}

const char *drill_forward_tls_error(const struct drill_forward *f, enum drill_dir dir)
{
    const struct drill_tls_conn *tls = f->telling ? f->telling->side[dir].tls : NULL;
    return tls ? drill_tls_conn_error(tls) : "";
}

void drill_forward_free(struct drill_forward *f)
{
    if (!f) {
        return;
    }
    drill_forward_drain(f);
    while (!drill_link_alone(&f->links)) {
        drill_forward_close(DRILL_LINK_OWNER(f->links.next, struct drill_forward_link, all));
    }
    drill_alloc_resize(NULL, f, 0);
}
