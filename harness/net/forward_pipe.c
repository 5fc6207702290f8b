/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "net/forward_state.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

enum { RECORDS = 16 }; /* of TLS, that one wake-up reads */

/* ---- one socket ---- */

static enum drill_io tls_io(const struct drill_forward_side *s, enum drill_tls_step step,
                            int *waits, int *error)
{
    switch (step) {
    case DRILL_TLS_DONE: break;
    case DRILL_TLS_READ: *waits = EV_READ; return DRILL_IO_AGAIN;
    case DRILL_TLS_WRITE: *waits = EV_WRITE; return DRILL_IO_AGAIN;
    case DRILL_TLS_ENDED: *error = drill_tls_conn_errno(s->tls); return DRILL_IO_END;
    }
    return DRILL_IO_OK;
}

static enum drill_io side_recv(struct drill_forward_side *s, uint8_t *buf, size_t cap, size_t *got,
                               int *error)
{
    ssize_t n = 0;
    if (s->tls) {
        return tls_io(s, drill_tls_conn_recv(s->tls, buf, cap, got), &s->recv_waits, error);
    }
    do {
        n = recv(s->fd, buf, cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        return DRILL_IO_OK;
    }
    *error = n < 0 ? errno : 0;
    return n < 0 && drill_net_again(errno) ? DRILL_IO_AGAIN : DRILL_IO_END;
}

/* A peer that has sent its FIN, and is gone, answers bytes with a reset that no read would show. */
static int late_error(const struct drill_forward_side *s)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (s->ended && s->tcp) {
        (void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    return error;
}

static enum drill_io side_send(struct drill_forward_side *s, struct drill_span bytes, size_t *took,
                               int *error)
{
    ssize_t n = 0;
    if (s->tls) {
        return tls_io(s, drill_tls_conn_send(s->tls, bytes, took), &s->send_waits, error);
    }
    do {
        n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    *took = n > 0 ? (size_t)n : 0;
    *error = n < 0 ? errno : late_error(s);
    return *error == 0 ? DRILL_IO_OK : drill_net_again(*error) ? DRILL_IO_AGAIN : DRILL_IO_END;
}

/* ---- one direction ---- */

bool drill_forward_idle(const struct drill_forward_link *l, enum drill_dir dir)
{
    const struct drill_forward_pipe *p = &l->pipe[dir];
    return p->at == p->len && p->not_before == 0;
}

bool drill_forward_due(const struct drill_forward_link *l, enum drill_dir dir)
{
    return !drill_forward_idle(l, dir) && l->pipe[dir].not_before <= l->forward->net->now;
}

bool drill_forward_reads(const struct drill_forward_link *l, enum drill_dir dir)
{
    return l->phase == DRILL_FORWARD_LINKED && !l->side[dir].ended && drill_forward_idle(l, dir) &&
           l->pipe[dir].then == DRILL_END_NONE && l->side[drill_forward_back(dir)].write_error == 0;
}

static void pipe_drop(struct drill_forward_pipe *p)
{
    p->held = drill_alloc_resize(NULL, p->held, 0);
    p->at = p->len = 0;
    p->not_before = 0;
}

/* Its peer is gone. What the peer sent before is read first, and shows the end then. */
static void pipe_broken(struct drill_forward_link *l, enum drill_dir dir, int error)
{
    enum drill_dir back = drill_forward_back(dir);
    pipe_drop(&l->pipe[dir]);
    l->side[back].write_error = error;
    if (l->side[back].ended || l->side[dir].write_error) {
        drill_forward_ended(l, back, error);
    }
}

/* As much as the peer takes; returns what is left. `error`: it is gone (pipe_broken). */
static struct drill_span pipe_send(struct drill_forward_link *l, enum drill_dir dir,
                                   struct drill_span bytes, int *error)
{
    struct drill_forward_side *to = &l->side[drill_forward_back(dir)];
    *error = 0;
    while (bytes.len) {
        size_t took = 0;
        enum drill_io io = side_send(to, bytes, &took, error);
        if (io == DRILL_IO_END) {
            return drill_span_of(NULL, 0);
        }
        *error = 0;
        bytes = drill_span_sub(bytes, took, bytes.len);
        if (io == DRILL_IO_AGAIN || !to->tls) {
            break; /* a socket that took a part would take nothing now */
        }
    }
    return bytes;
}

static void pipe_hold(struct drill_forward_link *l, enum drill_dir dir, struct drill_span bytes)
{
    struct drill_forward_pipe *p = &l->pipe[dir];
    p->held = drill_alloc_resize(NULL, NULL, bytes.len);
    if (!p->held) { /* a gap in a stream would be worse than its end */
        drill_forward_reset(l, dir, false);
        return;
    }
    memcpy(p->held, bytes.ptr, bytes.len);
    p->at = 0;
    p->len = bytes.len;
}

void drill_forward_flush(struct drill_forward_link *l, enum drill_dir dir)
{
    struct drill_forward_pipe *p = &l->pipe[dir];
    int error = 0;
    struct drill_span rest = drill_span_of(NULL, 0);
    if (p->held) {
        rest = pipe_send(l, dir, drill_span_of(p->held + p->at, p->len - p->at), &error);
    }
    p->at = p->len - rest.len;
    p->not_before = 0;
    if (error) {
        pipe_broken(l, dir, error);
    } else if (p->at == p->len) {
        pipe_drop(p);
    }
}

static struct drill_span pipe_edit(struct drill_forward_link *l, enum drill_dir dir,
                                   struct drill_span bytes)
{
    const struct drill_forward *f = l->forward;
    struct drill_forward_pipe *p = &l->pipe[dir];
    struct drill_forward_edit edit = {.send = bytes, .then = DRILL_END_NONE};
    f->tap.edit(l->who, dir, bytes, f->net->now, &edit);
    p->mute = edit.mute;
    p->then = edit.then;
    p->not_before = edit.not_before > f->net->now ? edit.not_before : 0;
    return edit.send;
}

static void pipe_tell(const struct drill_forward_link *l, enum drill_dir dir,
                      struct drill_span bytes)
{
    const struct drill_forward *f = l->forward;
    if (l->who && f->tap.bytes) {
        f->tap.bytes(l->who, dir, bytes, f->net->now);
    }
}

static void pipe_pass(struct drill_forward_link *l, enum drill_dir dir, struct drill_span bytes)
{
    const struct drill_forward_pipe *p = &l->pipe[dir];
    struct drill_span rest = bytes;
    int error = 0;
    pipe_tell(l, dir, bytes);
    if (l->who && l->forward->tap.edit && !p->mute) {
        rest = pipe_edit(l, dir, bytes);
    }
    if (p->mute) {
        return;
    }
    if (p->not_before == 0) {
        rest = pipe_send(l, dir, rest, &error);
    }
    if (error) {
        pipe_broken(l, dir, error);
    } else if (rest.len) {
        pipe_hold(l, dir, rest);
    }
}

/* True: something came, and it may not be all. */
static bool pipe_read(struct drill_forward_link *l, enum drill_dir dir)
{
    struct drill_forward *f = l->forward;
    struct drill_forward_side *from = &l->side[dir];
    size_t got = 0;
    int error = 0;
    switch (side_recv(from, f->buf, f->cap, &got, &error)) {
    case DRILL_IO_OK: pipe_pass(l, dir, drill_span_of(f->buf, got)); return from->tls != NULL;
    case DRILL_IO_AGAIN: break;
    case DRILL_IO_END: drill_forward_ended(l, dir, error ? error : from->write_error); break;
    }
    return false;
}

void drill_forward_read(struct drill_forward_link *l, enum drill_dir dir)
{
    int records = 0;
    while (drill_forward_reads(l, dir) && pipe_read(l, dir)) {
        if (++records == RECORDS) {
            l->again = true;
            break;
        }
    }
}
