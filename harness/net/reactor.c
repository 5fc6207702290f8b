/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "net/state.h"

uint64_t drill_net_clock(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void net_woken(struct ev_loop *loop, struct ev_async *w, int revents)
{
    /* Waking up was all. */
    (void)loop;
    (void)w;
    (void)revents;
}

struct drill_net *drill_net_new(struct drill_error *err)
{
    struct drill_net *net = drill_alloc_resize(NULL, NULL, sizeof(*net));
    if (!net) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the event loop");
        return NULL;
    }
    memset(net, 0, sizeof(*net));
    net->loop = ev_loop_new(EVFLAG_AUTO);
    if (!net->loop) {
        drill_error_set(err, DRILL_ERR_IO, "the system gives no event loop: %s", strerror(errno));
        drill_alloc_resize(NULL, net, 0);
        return NULL;
    }
    ev_async_init(&net->wake, net_woken);
    ev_async_start(net->loop, &net->wake);
    drill_link_init(&net->all);
    drill_link_init(&net->ready);
    net->now = drill_net_clock();
    return net;
}

void drill_net_free(struct drill_net *net)
{
    if (!net) {
        return;
    }
    while (!drill_link_alone(&net->all)) {
        drill_net_conn_free(DRILL_LINK_OWNER(net->all.next, struct drill_net_conn, all));
    }
    ev_async_stop(net->loop, &net->wake);
    ev_loop_destroy(net->loop);
    drill_alloc_resize(NULL, net, 0);
}

uint64_t drill_net_now(const struct drill_net *net)
{
    return net->now;
}

void drill_net_interrupt(struct drill_net *net)
{
    ev_async_send(net->loop, &net->wake);
}

void drill_net_on_done(struct drill_net *net, void (*done)(void *ctx, struct drill_net_conn *c),
                       void *ctx)
{
    net->done = done;
    net->done_ctx = ctx;
}

void drill_net_ready(struct drill_net_conn *c)
{
    if (drill_link_alone(&c->ready)) {
        drill_link_append(&c->net->ready, &c->ready);
    }
}

void drill_net_turn(struct drill_net *net, bool wait)
{
    ev_run(net->loop, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
    net->now = drill_net_clock();
}

static void net_pump(struct drill_net *net, struct drill_net_conn *c)
{
    drill_link_remove(&c->ready);
    if (c->done || !drill_play_pump(&c->play)) {
        return;
    }
    ev_timer_stop(net->loop, &c->timer);
    drill_link_remove(&c->ready);
    c->done = true;
    net->undone -= c->background ? 0 : 1;
    if (net->done) {
        net->done(net->done_ctx, c);
    }
}

/* Those that are ready now; who becomes ready meanwhile has its turn after the next look at the
 * sockets. */
static void net_pump_ready(struct drill_net *net)
{
    drill_link_init(&net->mark);
    drill_link_append(&net->ready, &net->mark);
    while (net->ready.next != &net->mark) {
        net_pump(net, DRILL_LINK_OWNER(net->ready.next, struct drill_net_conn, ready));
    }
    drill_link_remove(&net->mark);
}

void drill_net_poke(struct drill_net *net)
{
    for (struct drill_link *l = net->all.next; l != &net->all; l = l->next) {
        struct drill_net_conn *c = DRILL_LINK_OWNER(l, struct drill_net_conn, all);
        if (!c->done) {
            drill_net_ready(c);
        }
    }
}

bool drill_net_run(struct drill_net *net, bool (*stop)(void *ctx), void *ctx)
{
    ev_now_update(net->loop);
    net->now = drill_net_clock();
    drill_net_poke(net);
    for (;;) {
        net_pump_ready(net);
        if (stop && stop(ctx)) {
            return false;
        }
        if (net->undone == 0) {
            return true;
        }
        drill_net_turn(net, drill_link_alone(&net->ready));
    }
}

size_t drill_net_raise_files(size_t need)
{
    struct rlimit limit = {0};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 0;
    }
    if (limit.rlim_cur < need) {
        struct rlimit more = limit;
        more.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) {
            limit = more;
        }
    }
    return limit.rlim_cur < SIZE_MAX ? (size_t)limit.rlim_cur : SIZE_MAX;
}
