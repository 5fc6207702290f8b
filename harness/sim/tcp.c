/* SPDX-License-Identifier: MIT */
#include "sim/tcp.h"

#include <errno.h>
#include <string.h>

void drill_tcp_init(struct drill_tcp *t, uint8_t *ring0, uint8_t *ring1, size_t window)
{
    memset(t, 0, sizeof(*t));
    t->end[0].ring = ring0;
    t->end[1].ring = ring1;
    t->window = window;
    t->receive = window - window / 2;
    t->end[0].stop = t->end[1].stop = UINT64_MAX;
}

size_t drill_tcp_unread(const struct drill_tcp *t, int side)
{
    size_t used = t->end[side].used;
    return used < t->receive ? used : t->receive;
}

bool drill_tcp_over(const struct drill_tcp *t)
{
    return t->end[0].released && t->end[1].released;
}

static uint64_t tcp_in_flight(const struct drill_tcp *t, int side)
{
    const struct drill_tcp_end *peer = &t->end[!side];
    return t->dead ? t->end[side].lost : peer->used - drill_tcp_unread(t, !side);
}

static enum drill_io tcp_end(const struct drill_tcp *t, int side, int error,
                             struct drill_io_end *end)
{
    end->how = drill_play_end(error);
    end->error = error;
    end->in_flight = tcp_in_flight(t, side);
    return DRILL_IO_END;
}

/* A FIN stands behind the send queue: it comes when that is empty. */
static void tcp_move_fin(struct drill_tcp *t, int side)
{
    if (!t->dead && t->end[!side].fin_sent && t->end[side].used <= t->receive) {
        t->end[side].fin_seen = true;
    }
}

static void tcp_stop_flight(struct drill_tcp *t)
{
    t->end[0].lost = tcp_in_flight(t, 0);
    t->end[1].lost = tcp_in_flight(t, 1);
    t->end[0].used = drill_tcp_unread(t, 0);
    t->end[1].used = drill_tcp_unread(t, 1);
    t->dead = true;
}

/* An RST arrives at `side` (tcp_reset): in CLOSE_WAIT it is EPIPE, and never ECONNRESET. */
static void tcp_rst(struct drill_tcp *t, int side)
{
    struct drill_tcp_end *e = &t->end[side];
    e->error = e->fin_seen && !e->fin_sent ? EPIPE : ECONNRESET;
}

static void tcp_die(struct drill_tcp *t, int side)
{
    tcp_stop_flight(t);
    tcp_rst(t, side);
}

static size_t tcp_put(struct drill_tcp *t, struct drill_tcp_end *to, struct drill_span bytes)
{
    size_t room = t->window - to->used;
    size_t n = bytes.len < room ? bytes.len : room;
    size_t tail = to->head + to->used;
    tail -= tail >= t->window ? t->window : 0;
    size_t first = n < t->window - tail ? n : t->window - tail;
    memcpy(to->ring + tail, bytes.ptr, first);
    if (first < n) {
        memcpy(to->ring, bytes.ptr + first, n - first);
    }
    to->used += n;
    return n;
}

static int tcp_take_error(struct drill_tcp_end *e)
{
    int error = e->error;
    e->error = 0;
    return error;
}

/* A write that reaches nobody. False: it is not one of those. */
static bool tcp_send_lost(struct drill_tcp *t, int side, struct drill_span bytes, size_t *took,
                          enum drill_io *io)
{
    struct drill_tcp_end *e = &t->end[side];
    size_t room = e->lost < t->window ? t->window - (size_t)e->lost : 0;
    bool held = e->held && t->dead; /* the RST stands behind what cannot be read yet */
    bool fin = t->loss == DRILL_DISTURB_FIN && !e->error && !e->fin_sent;
    if (t->loss != DRILL_DISTURB_SILENCE && !held && !fin) {
        return false;
    }
    *took = bytes.len < room ? bytes.len : room;
    *io = *took ? DRILL_IO_OK : DRILL_IO_AGAIN;
    e->lost += *took;
    if (fin && *took) {
        tcp_rst(t, side);
        e->fin_sent = true; /* after that error every write is EPIPE */
    }
    return true;
}

enum drill_io drill_tcp_send(struct drill_tcp *t, int side, struct drill_span bytes, size_t *took,
                             struct drill_io_end *end)
{
    struct drill_tcp_end *e = &t->end[side];
    struct drill_tcp_end *peer = &t->end[!side];
    enum drill_io io;
    if (t->dead && tcp_send_lost(t, side, bytes, took, &io)) {
        return io;
    }
    if (e->error) {
        return tcp_end(t, side, tcp_take_error(e), end);
    }
    if (t->dead || e->fin_sent) {
        return tcp_end(t, side, EPIPE, end);
    }
    if (peer->used == t->window) {
        return DRILL_IO_AGAIN;
    }
    if (peer->released) {
        /* Its system answers data that nobody can read with an RST; this write is not told. */
        *took = bytes.len < t->window ? bytes.len : t->window;
        tcp_die(t, side);
        e->lost += *took;
        return DRILL_IO_OK;
    }
    *took = tcp_put(t, peer, bytes);
    return DRILL_IO_OK;
}

enum drill_io drill_tcp_recv(struct drill_tcp *t, int side, uint8_t *buf, size_t want, size_t *got,
                             struct drill_io_end *end)
{
    struct drill_tcp_end *e = &t->end[side];
    size_t n = drill_tcp_unread(t, side);
    uint64_t readable = e->stop - e->taken;
    e->held = n > 0 && readable == 0;
    if (e->held) {
        return DRILL_IO_AGAIN;
    }
    n = n < want ? n : want;
    n = n < readable ? n : (size_t)readable;
    if (n) {
        size_t first = n < t->window - e->head ? n : t->window - e->head;
        memcpy(buf, e->ring + e->head, first);
        if (first < n) {
            memcpy(buf + first, e->ring, n - first);
        }
        e->used -= n;
        e->taken += n;
        e->head += n;
        e->head -= e->head >= t->window ? t->window : 0;
        if (e->used == 0) {
            e->head = 0; /* stay in the part of the ring that is in the cache */
        }
        tcp_move_fin(t, side);
        *got = n;
        return DRILL_IO_OK;
    }
    if (e->fin_seen) {
        return tcp_end(t, side, 0, end);
    }
    if (e->error) {
        return tcp_end(t, side, tcp_take_error(e), end);
    }
    if (t->loss == DRILL_DISTURB_SILENCE || !t->dead) {
        return DRILL_IO_AGAIN;
    }
    return tcp_end(t, side, 0, end);
}

void drill_tcp_drain(struct drill_tcp *t, int side)
{
    struct drill_tcp_end *e = &t->end[side];
    e->taken += e->used;
    e->stop = e->stop < e->taken ? e->taken : e->stop;
    e->held = false;
    e->used = 0;
    e->head = 0;
    tcp_move_fin(t, side);
    if (!e->fin_seen) {
        e->error = 0; /* the read that ends a drain is told of it */
    }
}

void drill_tcp_half_close(struct drill_tcp *t, int side)
{
    if (!t->dead) {
        t->end[side].fin_sent = true;
        tcp_move_fin(t, !side);
    }
}

/* Both FINs have come: the systems have nothing more to say to each other. */
static bool tcp_finished(const struct drill_tcp *t)
{
    return t->end[0].fin_seen && t->end[1].fin_seen;
}

void drill_tcp_reset(struct drill_tcp *t, int side)
{
    if (!t->dead && !tcp_finished(t)) {
        tcp_die(t, !side);
    }
    t->end[side].released = true;
}

void drill_tcp_close(struct drill_tcp *t, int side)
{
    if (t->end[side].used) {
        drill_tcp_reset(t, side);
        return;
    }
    drill_tcp_half_close(t, side);
    t->end[side].released = true;
}

/* ---- disturbances ---- */

void drill_tcp_let(struct drill_tcp *t, int side, uint64_t stop)
{
    t->end[side].stop = stop;
    t->end[side].held = false;
}

bool drill_tcp_stands(const struct drill_tcp *t, int side)
{
    return !t->dead && !t->end[side].error && !t->end[side].fin_sent && !t->end[!side].released;
}

void drill_tcp_lose(struct drill_tcp *t, int side, enum drill_disturb_loss loss, size_t more)
{
    tcp_stop_flight(t);
    t->end[side].lost += more;
    t->loss = loss;
    for (int i = 0; i < 2; i++) {
        switch (loss) {
        case DRILL_DISTURB_FIN: t->end[i].fin_seen = true; break;
        case DRILL_DISTURB_RST: tcp_rst(t, i); break;
        case DRILL_DISTURB_SILENCE:
        case DRILL_DISTURB_KEEP: break;
        }
    }
}
