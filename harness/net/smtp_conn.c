/* SPDX-License-Identifier: MIT */
#include "net/smtp_conn.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "net/state.h"

/* ---- their words and the play's ---- */

static enum drill_wish_kind wish_kind(enum drill_smtp_wish_kind kind)
{
    switch (kind) {
    case DRILL_SMTP_IO: return DRILL_WISH_IO;
    case DRILL_SMTP_OPEN: return DRILL_WISH_OPEN;
    case DRILL_SMTP_CLOSE: return DRILL_WISH_DRAIN;
    case DRILL_SMTP_RESET: return DRILL_WISH_RESET;
    case DRILL_SMTP_TLS: /* client_wish has done it */
    case DRILL_SMTP_DONE: break;
    }
    return DRILL_WISH_DONE;
}

static void wish_out(const struct drill_smtp_wish *in, struct drill_wish *out)
{
    out->kind = wish_kind(in->kind);
    out->send = in->send;
    out->want = in->want;
    out->until = in->until;
}

static enum drill_smtp_event_kind event_kind(enum drill_event_kind kind)
{
    switch (kind) {
    case DRILL_EVENT_OPENED: return DRILL_SMTP_OPENED;
    case DRILL_EVENT_BYTES: return DRILL_SMTP_BYTES;
    case DRILL_EVENT_WROTE: return DRILL_SMTP_WROTE;
    case DRILL_EVENT_END: return DRILL_SMTP_ENDED;
    case DRILL_EVENT_TICK: break;
    }
    return DRILL_SMTP_TICK;
}

static struct drill_smtp_event event_in(const struct drill_event *in)
{
    struct drill_smtp_event out = {.kind = event_kind(in->kind),
                                   .now = in->now,
                                   .bytes = in->bytes,
                                   .wrote = in->wrote,
                                   .how = in->how,
                                   .error = in->error};
    return out;
}

/* ---- the client ---- */

/* The handshake is part of the first write, and of the reads until it is done. */
static void begin_tls(struct drill_net_conn *c, uint64_t now)
{
    c->tls = c->starttls;
    if (!c->tls || c->fd < 0 || !drill_tls_conn_begin(c->tls, c->fd)) {
        const struct drill_smtp_event end = {
            .kind = DRILL_SMTP_ENDED, .now = now, .how = DRILL_END_ERROR, .error = ENOMEM};
        c->tls = NULL;
        drill_smtp_event(c->smtp, &end);
    }
}

static void client_wish(void *self, uint64_t now, struct drill_wish *wish)
{
    struct drill_net_conn *c = self;
    struct drill_smtp_wish in;
    drill_smtp_wish(c->smtp, now, &in);
    if (in.kind == DRILL_SMTP_TLS) {
        begin_tls(c, now);
        drill_smtp_wish(c->smtp, now, &in);
    }
    wish_out(&in, wish);
}

static void client_event(void *self, const struct drill_event *event)
{
    struct drill_net_conn *c = self;
    struct drill_smtp_event in = event_in(event);
    drill_smtp_event(c->smtp, &in);
}

struct drill_net_conn *drill_net_smtp(struct drill_net *net, const struct drill_address *a,
                                      struct drill_smtp *smtp, const struct drill_tls *starttls,
                                      struct drill_error *err)
{
    struct drill_play_user user = {client_wish, client_event, NULL};
    struct drill_net_conn *c = drill_net_connect_user(net, a, &user, err);
    if (!c) {
        return NULL;
    }
    c->play.user.self = c;
    c->smtp = smtp;
    c->starttls = starttls ? drill_tls_conn_new(starttls) : NULL;
    if (starttls && !c->starttls) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for TLS");
        drill_net_conn_free(c);
        c = NULL;
    }
    return c;
}

/* ---- the sink ---- */

struct drill_net_sink {
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct drill_net_conn *conns[DRILL_NET_SINK_SESSIONS];
    struct drill_sink_session sessions[DRILL_NET_SINK_SESSIONS];
};

static void sink_wish(void *self, uint64_t now, struct drill_wish *wish)
{
    struct drill_smtp_wish in;
    drill_sink_wish(self, now, &in);
    wish_out(&in, wish);
}

static void sink_event(void *self, const struct drill_event *event)
{
    struct drill_smtp_event in = event_in(event);
    drill_sink_event(self, &in);
}

static bool sink_start(struct drill_net_sink *s, const struct drill_address *a,
                       struct drill_sink *sink, struct drill_error *err)
{
    for (size_t i = 0; i < DRILL_NET_SINK_SESSIONS; i++) {
        drill_sink_session_init(&s->sessions[i], sink);
    }
    s->listener = drill_net_listen(s->net, a, err);
    for (size_t i = 0; s->listener && i < DRILL_NET_SINK_SESSIONS; i++) {
        struct drill_play_user user = {sink_wish, sink_event, &s->sessions[i]};
        s->conns[i] = drill_net_accept_user(s->net, s->listener, &user, err);
        if (!s->conns[i]) {
            return false;
        }
        drill_net_conn_background(s->conns[i]);
    }
    return s->listener != NULL;
}

struct drill_net_sink *drill_net_sink_new(struct drill_net *net, const struct drill_address *a,
                                          struct drill_sink *sink, struct drill_error *err)
{
    struct drill_net_sink *s = drill_alloc_resize(NULL, NULL, sizeof(*s));
    if (!s) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for a sink");
        return NULL;
    }
    memset(s, 0, sizeof(*s));
    s->net = net;
    if (!sink_start(s, a, sink, err)) {
        drill_net_sink_free(s);
        s = NULL;
    }
    return s;
}

void drill_net_sink_address(const struct drill_net_sink *s, struct drill_address *out)
{
    drill_net_listener_address(s->listener, out);
}

void drill_net_sink_free(struct drill_net_sink *s)
{
    if (!s) {
        return;
    }
    for (size_t i = 0; i < DRILL_NET_SINK_SESSIONS; i++) {
        drill_net_conn_free(s->conns[i]);
        drill_sink_session_fini(&s->sessions[i]);
    }
    drill_net_listener_free(s->listener);
    drill_alloc_resize(NULL, s, 0);
}

/* ---- waiting: a play that only looks at the clock ---- */

static void clock_wish(void *self, uint64_t now, struct drill_wish *wish)
{
    const uint64_t *until = self;
    wish->kind = now < *until ? DRILL_WISH_IO : DRILL_WISH_DONE;
    wish->until = *until;
}

static void clock_event(void *self, const struct drill_event *event)
{
    (void)self;
    (void)event;
}

bool drill_net_sink_wait(struct drill_net_sink *s, uint64_t until, bool (*enough)(void *ctx),
                         void *ctx)
{
    struct drill_play_user user = {clock_wish, clock_event, &until};
    struct drill_net_conn *c = drill_net_conn_new(s->net, &user, NULL);
    if (c) {
        (void)drill_net_run(s->net, enough, ctx);
        drill_net_conn_free(c);
    }
    return enough(ctx);
}
