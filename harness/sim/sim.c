/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <errno.h>
#include <string.h>

#include "sim/tcp.h"

enum {
    MTA = 0,
    MILTER = 1,
    CONNS = 64,          /* open at once, those that wait to be accepted included */
    WINDOW = 256 * 1024, /* config.window of 0 */
    READ_BUFFER = 64 * 1024,
    IDLE_MOST = 1 << 12 /* turns without a byte or a microsecond: they go round in circles */
};

#define SIM_A_DAY (UINT64_C(86400) * 1000000)

struct sim_conn {
    struct drill_tcp tcp;
    uint32_t number; /* in the play, from 1 */
    uint8_t *rings;  /* two, of sim->rings bytes each; kept from play to play */
    bool used;
    struct sim_conn *next; /* in the backlog */
};

struct sim_end {
    struct drill_sim *sim;
    int side;
    struct drill_run *run;
    struct drill_play play;
    struct sim_conn *conn;
    bool blocked; /* its last write found no room */
    bool poke;    /* something happened that it waits for */
    bool done;
    bool reads, writes; /* armed */
    uint64_t until;
};

struct drill_sim {
    const struct drill_alloc *alloc;
    uint64_t now;
    size_t window;
    size_t rings; /* size of the rings that the connections have */
    struct sim_end end[2];
    struct sim_conn *conn[CONNS];
    struct sim_conn *backlog, **backlog_end;
    uint64_t refusals; /* attempts to connect that the milter lets fail */
    bool connecting;   /* the MTA; decided when the milter has done what it can */
    int connect_error;
    bool no_memory;
    const struct drill_disturb *disturb;
    uint32_t connections;
    uint64_t rude_ends, blocked_ends;
    uint32_t idle; /* turns since a byte or time moved */
    uint8_t buf[READ_BUFFER];
};

struct drill_sim *drill_sim_new(const struct drill_alloc *alloc)
{
    struct drill_sim *sim = drill_alloc_resize(alloc, NULL, sizeof(*sim));
    if (sim) {
        memset(sim, 0, sizeof(*sim));
        sim->alloc = alloc;
    }
    return sim;
}

static void sim_drop_rings(struct drill_sim *sim)
{
    for (size_t i = 0; i < CONNS; i++) {
        if (sim->conn[i]) {
            drill_alloc_resize(sim->alloc, sim->conn[i]->rings, 0);
            drill_alloc_resize(sim->alloc, sim->conn[i], 0);
            sim->conn[i] = NULL;
        }
    }
}

void drill_sim_free(struct drill_sim *sim)
{
    if (sim) {
        sim_drop_rings(sim);
        drill_alloc_resize(sim->alloc, sim, 0);
    }
}

uint64_t drill_sim_now(const struct drill_sim *sim)
{
    return sim->now;
}

uint64_t drill_sim_rude_ends(const struct drill_sim *sim)
{
    return sim->rude_ends;
}

uint64_t drill_sim_blocked_ends(const struct drill_sim *sim)
{
    return sim->blocked_ends;
}

/* ---- disturbances ---- */

/* What `side` reads was written by the other one: the direction has the writer's number. */
static struct drill_disturb_place sim_place(const struct sim_conn *c, int writer, uint64_t at)
{
    struct drill_disturb_place p = {c->number, writer == MTA ? DRILL_TO_MILTER : DRILL_TO_MTA, at};
    return p;
}

static void sim_next_chunk(const struct drill_sim *sim, struct sim_conn *c, int side, uint64_t from)
{
    struct drill_disturb_place place = sim_place(c, !side, from);
    drill_tcp_let(&c->tcp, side, drill_disturb_stop(sim->disturb, &place));
}

/* Both have come to a standstill: the next chunks arrive. False when there are none. */
static bool sim_let_on(struct drill_sim *sim)
{
    bool let = false;
    for (int side = MTA; sim->disturb && side <= MILTER; side++) {
        struct sim_end *e = &sim->end[side];
        if (e->conn && e->conn->tcp.end[side].held) {
            sim_next_chunk(sim, e->conn, side, e->conn->tcp.end[side].stop);
            e->poke = let = true;
        }
    }
    return let;
}

/* A write to a connection that is lost at some byte of it. */
static enum drill_io sim_send_to_loss(struct sim_end *e, struct drill_span bytes, size_t before,
                                      size_t *took, struct drill_io_end *end)
{
    struct drill_sim *sim = e->sim;
    struct drill_tcp *tcp = &e->conn->tcp;
    if (before) {
        enum drill_io io =
            drill_tcp_send(tcp, e->side, drill_span_sub(bytes, 0, before), took, end);
        if (io != DRILL_IO_OK || *took < before) {
            return io;
        }
    }
    size_t more = bytes.len - before < sim->window ? bytes.len - before : sim->window;
    drill_tcp_lose(tcp, e->side, sim->disturb->loss, more);
    *took = before + more;
    sim->end[MTA].poke = sim->end[MILTER].poke = true;
    return DRILL_IO_OK;
}

static enum drill_io sim_send(struct sim_end *e, struct drill_span bytes, size_t *took,
                              struct drill_io_end *end)
{
    struct sim_conn *c = e->conn;
    const struct drill_disturb *d = e->sim->disturb;
    const struct drill_tcp_end *peer = &c->tcp.end[!e->side];
    if (!d || !drill_tcp_stands(&c->tcp, e->side)) {
        e->sim->rude_ends += !c->tcp.dead && peer->released ? 1 : 0;
        return drill_tcp_send(&c->tcp, e->side, bytes, took, end);
    }
    struct drill_disturb_place place = sim_place(c, e->side, peer->taken + peer->used);
    uint64_t left = drill_disturb_cut(d, c->number, place.dir) - place.at;
    enum drill_io io = left < bytes.len ? sim_send_to_loss(e, bytes, (size_t)left, took, end)
                                        : drill_tcp_send(&c->tcp, e->side, bytes, took, end);
    if (io == DRILL_IO_OK && d->wrote && !c->tcp.loss) {
        d->wrote(d->ctx, &place, drill_span_sub(bytes, 0, *took));
    }
    return io;
}

/* ---- connections ---- */

static struct sim_conn *sim_conn_new(struct drill_sim *sim)
{
    struct sim_conn *c = drill_alloc_resize(sim->alloc, NULL, sizeof(*c));
    uint8_t *rings = c ? drill_alloc_resize(sim->alloc, NULL, 2 * sim->rings) : NULL;
    if (!rings) {
        drill_alloc_resize(sim->alloc, c, 0);
        sim->no_memory = true;
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->rings = rings;
    return c;
}

/* NULL when all are in use, or without memory. */
static struct sim_conn *sim_conn_take(struct drill_sim *sim)
{
    for (size_t i = 0; i < CONNS; i++) {
        if (!sim->conn[i]) {
            sim->conn[i] = sim_conn_new(sim);
        }
        struct sim_conn *c = sim->conn[i];
        if (!c) {
            return NULL;
        }
        if (!c->used) {
            c->used = true;
            c->next = NULL;
            c->number = ++sim->connections;
            drill_tcp_init(&c->tcp, c->rings, c->rings + sim->rings, sim->window);
            for (int side = MTA; sim->disturb && side <= MILTER; side++) {
                sim_next_chunk(sim, c, side, 0);
            }
            return c;
        }
    }
    return NULL;
}

static void sim_wake_peer(struct sim_end *e, bool readable, bool writable)
{
    struct sim_end *peer = &e->sim->end[!e->side];
    if ((readable && peer->reads) || (writable && peer->writes)) {
        peer->poke = true;
    }
}

static void sim_leave(struct sim_end *e)
{
    struct sim_conn *c = e->conn;
    e->conn = NULL;
    e->sim->rude_ends += c->tcp.end[e->side].used ? 1 : 0;
    e->sim->blocked_ends += e->blocked ? 1 : 0;
    e->blocked = false;
    if (drill_tcp_over(&c->tcp)) {
        c->used = false;
    }
    sim_wake_peer(e, true, true);
}

static struct sim_conn *sim_backlog_take(struct drill_sim *sim)
{
    struct sim_conn *c = sim->backlog;
    if (c) {
        sim->backlog = c->next;
        if (!sim->backlog) {
            sim->backlog_end = &sim->backlog;
        }
    }
    return c;
}

/* The MTA's attempt to connect, after the milter came to a standstill: so that a milter that sees
 * the last connection end has said by now whether it refuses the next. */
static void sim_connect(struct drill_sim *sim)
{
    struct sim_end *mta = &sim->end[MTA];
    if (sim->refusals || sim->end[MILTER].done) {
        sim->refusals -= sim->refusals ? 1 : 0;
        sim->connect_error = ECONNREFUSED;
    } else {
        mta->conn = sim_conn_take(sim);
        if (mta->conn) {
            *sim->backlog_end = mta->conn;
            sim->backlog_end = &mta->conn->next;
            sim->end[MILTER].poke = true;
        } else if (sim->no_memory) {
            sim->connect_error = ENOMEM;
        } else {
            return; /* the backlog is full: it waits */
        }
    }
    sim->connecting = false;
    mta->poke = true;
}

/* ---- the operations of play/transport.h ---- */

static void sim_op_open(void *conn, bool nagle)
{
    struct sim_end *e = conn;
    (void)nagle;
    if (e->side == MTA) {
        e->sim->connecting = true;
        e->sim->connect_error = 0;
        e->sim->end[MILTER].poke = true;
    }
}

static enum drill_io sim_op_opened(void *conn, struct drill_io_end *end)
{
    struct sim_end *e = conn;
    struct drill_sim *sim = e->sim;
    if (e->side == MILTER) {
        e->conn = sim_backlog_take(sim);
    } else if (sim->connect_error) {
        end->how = drill_play_end(sim->connect_error);
        end->error = sim->connect_error;
        end->in_flight = 0;
        return DRILL_IO_END;
    }
    return e->conn ? DRILL_IO_OK : DRILL_IO_AGAIN;
}

static enum drill_io sim_op_send(void *conn, struct drill_span bytes, size_t *took,
                                 struct drill_io_end *end)
{
    struct sim_end *e = conn;
    enum drill_io io = sim_send(e, bytes, took, end);
    e->blocked = io == DRILL_IO_AGAIN;
    if (io == DRILL_IO_OK) {
        e->sim->idle = 0;
        sim_wake_peer(e, true, false);
    }
    return io;
}

static enum drill_io sim_op_recv(void *conn, uint8_t *buf, size_t want, size_t *got,
                                 struct drill_io_end *end)
{
    struct sim_end *e = conn;
    enum drill_io io = drill_tcp_recv(&e->conn->tcp, e->side, buf, want, got, end);
    if (io == DRILL_IO_OK) {
        e->sim->idle = 0;
        sim_wake_peer(e, false, true);
    }
    return io;
}

static void sim_op_refuse(void *conn)
{
    struct sim_end *e = conn;
    e->sim->refusals += e->side == MILTER ? 1 : 0;
}

static void sim_op_half_close(void *conn)
{
    struct sim_end *e = conn;
    drill_tcp_half_close(&e->conn->tcp, e->side);
    sim_wake_peer(e, true, true);
}

static void sim_op_drain(void *conn)
{
    struct sim_end *e = conn;
    drill_tcp_drain(&e->conn->tcp, e->side);
    sim_wake_peer(e, false, true);
}

static void sim_op_close(void *conn)
{
    struct sim_end *e = conn;
    if (e->side == MTA) {
        e->sim->connecting = false;
        e->sim->connect_error = 0;
    }
    if (e->conn) {
        drill_tcp_close(&e->conn->tcp, e->side);
        sim_leave(e);
    }
}

static void sim_op_reset(void *conn)
{
    struct sim_end *e = conn;
    if (e->conn) {
        drill_tcp_reset(&e->conn->tcp, e->side);
        sim_leave(e);
    }
}

static void sim_op_arm(void *conn, bool readable, bool writable, uint64_t until)
{
    struct sim_end *e = conn;
    e->reads = readable;
    e->writes = writable;
    e->until = until;
    if (until <= e->sim->now) {
        e->poke = true;
    }
}

static uint64_t sim_op_now(void *conn)
{
    const struct sim_end *e = conn;
    return e->sim->now;
}

static const struct drill_conn_ops sim_ops = {.open = sim_op_open,
                                              .opened = sim_op_opened,
                                              .send = sim_op_send,
                                              .recv = sim_op_recv,
                                              .refuse = sim_op_refuse,
                                              .half_close = sim_op_half_close,
                                              .drain = sim_op_drain,
                                              .close = sim_op_close,
                                              .reset = sim_op_reset,
                                              .arm = sim_op_arm,
                                              .now = sim_op_now};

/* ---- the play ---- */

static void sim_begin(struct drill_sim *sim, const struct drill_sim_config *config)
{
    size_t window = config->window ? config->window : WINDOW;
    if (window > SIZE_MAX / 4) {
        window = SIZE_MAX / 4; /* no allocator has it, and its double is a size_t */
    }
    if (window > sim->rings) {
        sim_drop_rings(sim);
        sim->rings = window;
    }
    sim->now = 0;
    sim->window = window;
    sim->backlog = NULL;
    sim->backlog_end = &sim->backlog;
    sim->refusals = 0;
    sim->connecting = false;
    sim->connect_error = 0;
    sim->no_memory = false;
    sim->disturb = config->disturb;
    sim->connections = 0;
    sim->rude_ends = sim->blocked_ends = 0;
    sim->idle = 0;
    for (size_t i = 0; i < CONNS && sim->conn[i]; i++) {
        sim->conn[i]->used = false;
    }
    for (int side = MTA; side <= MILTER; side++) {
        struct sim_end *e = &sim->end[side];
        memset(e, 0, sizeof(*e));
        e->sim = sim;
        e->side = side;
        e->run = side == MTA ? config->mta : config->milter;
        e->until = DRILL_NEVER;
        e->poke = true;
        drill_play_init(&e->play, e->run, &sim_ops, e, sim->buf, sizeof(sim->buf));
    }
}

/* The milter's process has ended: its system resets what nobody will accept. */
static void sim_stop_listening(struct drill_sim *sim)
{
    for (struct sim_conn *c = sim_backlog_take(sim); c; c = sim_backlog_take(sim)) {
        drill_tcp_reset(&c->tcp, MILTER);
        c->used = !drill_tcp_over(&c->tcp);
    }
    sim->end[MTA].poke = true;
}

static void sim_pump(struct sim_end *e)
{
    if (!e->poke || e->done) {
        e->poke = false;
        return;
    }
    e->poke = false;
    e->reads = false;
    e->writes = false;
    e->until = DRILL_NEVER;
    e->done = drill_play_pump(&e->play);
    if (e->done && e->side == MILTER) {
        sim_stop_listening(e->sim);
    }
}

/* All that can happen without time going by. The milter first: it listens before it is called.
 * False when it does not come to an end. */
static bool sim_settle(struct drill_sim *sim)
{
    struct sim_end *mta = &sim->end[MTA];
    struct sim_end *milter = &sim->end[MILTER];
    while (mta->poke || milter->poke || sim_let_on(sim)) {
        sim_pump(milter);
        if (sim->connecting && !milter->poke) {
            sim_connect(sim);
        }
        sim_pump(mta);
        if (++sim->idle > IDLE_MOST) {
            return false;
        }
    }
    sim->idle = 0;
    return true;
}

static uint64_t sim_next_time(const struct drill_sim *sim)
{
    uint64_t next = DRILL_NEVER;
    for (int side = MTA; side <= MILTER; side++) {
        const struct sim_end *e = &sim->end[side];
        if (!e->done && e->until < next) {
            next = e->until;
        }
    }
    return next;
}

static void sim_wake_all(struct drill_sim *sim, bool stuck)
{
    for (int side = MTA; side <= MILTER; side++) {
        struct sim_end *e = &sim->end[side];
        if (!e->done && stuck) {
            drill_run_stuck(e->run, sim->now);
        }
        if (stuck || e->until <= sim->now) {
            e->poke = true;
        }
    }
}

/* A milter that waits for connections has nothing left to wait for when the MTA is done. */
static bool sim_only_listens(const struct drill_sim *sim)
{
    return sim->end[MTA].done && sim->end[MILTER].play.opening;
}

void drill_sim_poke(struct drill_sim *sim)
{
    sim->end[MTA].poke = !sim->end[MTA].done;
    sim->end[MILTER].poke = !sim->end[MILTER].done;
}

static bool sim_over(const struct drill_sim *sim)
{
    return sim->end[MTA].done && sim->end[MILTER].done;
}

/* What one does may be what another waits for. */
static bool sim_settle_all(struct drill_sim_pair *pairs, size_t count)
{
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < count; i++) {
            if (!sim_settle(pairs[i].sim)) {
                return false;
            }
        }
        for (size_t i = 0; i < count; i++) {
            again = again || pairs[i].sim->end[MTA].poke || pairs[i].sim->end[MILTER].poke;
        }
    }
    return true;
}

static bool sim_all_over(const struct drill_sim_pair *pairs, size_t count)
{
    size_t over = 0;
    while (over < count && sim_over(pairs[over].sim)) {
        over++;
    }
    return over == count;
}

/* To that time; or, when there is none, nobody will ever act again. */
static void sim_go_on(struct drill_sim_pair *pairs, size_t count, uint64_t next, bool settled)
{
    for (size_t i = 0; i < count; i++) {
        struct drill_sim *sim = pairs[i].sim;
        if (next != DRILL_NEVER) {
            sim->now = next;
        } else {
            bool good = settled && (sim_only_listens(sim) || sim_over(sim));
            pairs[i].result = good ? DRILL_SIM_OK : DRILL_SIM_STUCK;
            sim->idle = 0;
        }
        sim_wake_all(sim, next == DRILL_NEVER);
    }
}

void drill_sim_play_pairs(struct drill_sim_pair *pairs, size_t count)
{
    const uint64_t latest = pairs[0].config.latest ? pairs[0].config.latest : SIM_A_DAY;
    bool over = false, settled;
    for (size_t i = 0; i < count; i++) {
        sim_begin(pairs[i].sim, &pairs[i].config);
        pairs[i].result = DRILL_SIM_OK;
    }
    while (settled = sim_settle_all(pairs, count), !sim_all_over(pairs, count) && !over) {
        uint64_t next = DRILL_NEVER;
        for (size_t i = 0; i < count; i++) {
            uint64_t then = sim_next_time(pairs[i].sim);
            next = then < next ? then : next;
        }
        next = settled && next <= latest ? next : DRILL_NEVER;
        over = next == DRILL_NEVER;
        sim_go_on(pairs, count, next, settled);
    }
    for (size_t i = 0; i < count; i++) {
        if (over && !sim_over(pairs[i].sim)) {
            pairs[i].result = DRILL_SIM_STUCK;
        }
        if (pairs[i].sim->no_memory) {
            pairs[i].result = DRILL_SIM_MEMORY;
        }
    }
}

enum drill_sim_result drill_sim_play(struct drill_sim *sim, const struct drill_sim_config *config)
{
    struct drill_sim_pair pair = {.sim = sim, .config = *config};
    drill_sim_play_pairs(&pair, 1);
    return pair.result;
}
