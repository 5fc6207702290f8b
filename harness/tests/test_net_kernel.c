/* SPDX-License-Identifier: MIT */
/*
 * The simulator's TCP against the running kernel's: the same operations on a loopback connection
 * through net, and on sim/tcp.h, have the same outcomes in the same order. First what we know by
 * name (failures.md 0.1), then thousands of random sequences.
 *
 * Packets on loopback may be late when the machine is busy. So after each operation the test waits
 * (poll, FIONREAD) until the kernel's sockets show what the simulator says they will: bytes to
 * read, a FIN, an error. That they come to show it is part of what is asserted.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <cmocka.h>

#include "net/state.h"
#include "sim/tcp.h"

enum { WINDOW = 1 << 20, LOG = 600, CHUNK = 4096, A_WHILE = 10000 /* ms */ };

struct outcome {
    enum drill_io io;
    enum drill_end how;
    int error;
    size_t n;
    uint8_t bytes[CHUNK];
};

struct duel {
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct drill_net_conn *real[2]; /* connector, acceptor */
    struct drill_tcp tcp;
    uint8_t *ring[2];
    bool gone[2];
    uint8_t next[2]; /* byte that this side sends next */
    char log[LOG];
};

static void duel_init(struct duel *d)
{
    struct drill_error err;
    struct drill_address a;
    memset(d, 0, sizeof(*d));
    d->net = drill_net_new(&err);
    assert_non_null(d->net);
    assert_int_equal(drill_address_parse("inet:0@127.0.0.1", &a, &err), DRILL_OK);
    d->listener = drill_net_listen(d->net, &a, &err);
    assert_non_null(d->listener);
    drill_net_listener_address(d->listener, &a);
    d->real[0] = drill_net_connector(d->net, &a, NULL, &err);
    d->real[1] = drill_net_acceptor(d->net, d->listener, NULL, &err);
    assert_true(d->real[0] && d->real[1]);
    d->ring[0] = malloc(WINDOW);
    d->ring[1] = malloc(WINDOW);
    assert_true(d->ring[0] && d->ring[1]);
}

static void duel_fini(struct duel *d)
{
    drill_net_conn_free(d->real[0]);
    drill_net_conn_free(d->real[1]);
    drill_net_listener_free(d->listener);
    drill_net_free(d->net);
    free(d->ring[0]);
    free(d->ring[1]);
}

static void duel_open(struct duel *d)
{
    struct drill_io_end end;
    for (int side = 1; side >= 0; side--) {
        drill_net_ops.close(d->real[side]);
        drill_net_ops.open(d->real[side], false);
        drill_net_ops.arm(d->real[side], false, true, DRILL_NEVER);
        d->gone[side] = false;
    }
    for (int side = 0; side < 2; side++) {
        enum drill_io io = DRILL_IO_AGAIN;
        while ((io = drill_net_ops.opened(d->real[side], &end)) == DRILL_IO_AGAIN) {
            drill_net_turn(d->net, true);
        }
        assert_int_equal(io, DRILL_IO_OK);
    }
    drill_tcp_init(&d->tcp, d->ring[0], d->ring[1], WINDOW);
    d->log[0] = '\0';
}

/* tcp_poll() of Linux. */
static short sim_poll(const struct duel *d, int side)
{
    const struct drill_tcp_end *e = &d->tcp.end[side];
    short events = 0;
    events |= (short)(drill_tcp_unread(&d->tcp, side) || e->fin_seen || d->tcp.dead ? POLLIN : 0);
    events |= (short)((e->fin_seen && e->fin_sent) || d->tcp.dead ? POLLHUP : 0);
    events |= (short)(e->error ? POLLERR : 0);
    return events;
}

static void settle(struct duel *d)
{
    for (int side = 0; side < 2; side++) {
        struct pollfd p = {.fd = d->real[side]->fd, .events = POLLIN};
        short expected = sim_poll(d, side);
        int unread = -1;
        for (int spin = 0; !d->gone[side] && spin < A_WHILE; spin++) {
            assert_return_code(poll(&p, 1, 0), 0);
            assert_return_code(ioctl(p.fd, FIONREAD, &unread), 0);
            if (p.revents == expected && (size_t)unread == drill_tcp_unread(&d->tcp, side)) {
                break;
            }
            (void)poll(NULL, 0, 1);
        }
        if (!d->gone[side] && p.revents != expected) {
            fail_msg("%s: end %c polls 0x%x, the simulator says 0x%x", d->log, 'A' + side,
                     (unsigned)p.revents, (unsigned)expected);
        }
    }
}

static struct drill_span payload(struct duel *d, int side, size_t n, uint8_t *buf)
{
    for (size_t i = 0; i < n; i++) {
        buf[i] = d->next[side]++;
    }
    return drill_span_of(buf, n);
}

static void compare(struct duel *d, int side, const struct outcome *real, const struct outcome *sim)
{
    size_t len = strlen(d->log);
    if (real->io != sim->io || real->how != sim->how || real->error != sim->error ||
        real->n != sim->n || memcmp(real->bytes, sim->bytes, real->n) != 0) {
        fail_msg("%s: end %c: the kernel says %d, end %d, errno %d, %zu bytes; the simulator %d, "
                 "end %d, errno %d, %zu bytes",
                 d->log, 'A' + side, (int)real->io, (int)real->how, real->error, real->n,
                 (int)sim->io, (int)sim->how, sim->error, sim->n);
    }
    if (sim->io == DRILL_IO_END) {
        (void)snprintf(d->log + len, LOG - len, "=%d", sim->error);
    } else if (sim->io == DRILL_IO_AGAIN) {
        (void)snprintf(d->log + len, LOG - len, "=again");
    } else {
        (void)snprintf(d->log + len, LOG - len, "=ok%zu", sim->n);
    }
}

static void take_end(struct outcome *o, enum drill_io io, const struct drill_io_end *end)
{
    o->io = io;
    if (io == DRILL_IO_END) {
        o->how = end->how;
        o->error = end->error;
    }
}

static void do_send(struct duel *d, int side, size_t n)
{
    struct outcome real = {.n = 0};
    struct outcome sim = {.n = 0};
    struct drill_io_end end;
    uint8_t buf[CHUNK];
    struct drill_span bytes = payload(d, side, n, buf);
    take_end(&real, drill_net_ops.send(d->real[side], bytes, &real.n, &end), &end);
    take_end(&sim, drill_tcp_send(&d->tcp, side, bytes, &sim.n, &end), &end);
    compare(d, side, &real, &sim);
}

static void do_recv(struct duel *d, int side, size_t n)
{
    struct outcome real = {.n = 0};
    struct outcome sim = {.n = 0};
    struct drill_io_end end;
    take_end(&sim, drill_tcp_recv(&d->tcp, side, sim.bytes, n, &sim.n, &end), &end);
    drill_net_ops.arm(d->real[side], true, false, DRILL_NEVER);
    drill_net_turn(d->net, false);
    take_end(&real, drill_net_ops.recv(d->real[side], real.bytes, n, &real.n, &end), &end);
    compare(d, side, &real, &sim);
}

static void step(struct duel *d, int side, char op, size_t n)
{
    struct drill_net_conn *real = d->real[side];
    size_t len = strlen(d->log);
    (void)snprintf(d->log + len, LOG - len, "%s%c%c", len ? " " : "", 'A' + side, op);
    switch (op) {
    case 's': do_send(d, side, n); break;
    case 'r': do_recv(d, side, n); break;
    case 'd':
        drill_net_ops.drain(real);
        drill_tcp_drain(&d->tcp, side);
        break;
    case 'h':
        drill_net_ops.half_close(real);
        drill_tcp_half_close(&d->tcp, side);
        break;
    case 'c':
        d->gone[side] = true;
        drill_net_ops.close(real);
        drill_tcp_close(&d->tcp, side);
        break;
    case 'x':
        d->gone[side] = true;
        drill_net_ops.reset(real);
        drill_tcp_reset(&d->tcp, side);
        break;
    default: fail(); break;
    }
    settle(d);
}

/* "As5 Bc Ar": A sends 5 bytes, B closes, A reads. And what both worlds said to it. */
static const struct {
    const char *script;
    const char *log;
} known[] = {
    {"As5 Br Bs3 Ar Ar", "As=ok5 Br=ok5 Bs=ok3 Ar=ok3 Ar=again"},
    /* a close over unread input is an RST: ECONNRESET once, in a read or in a write */
    {"As5 Bc Ar Ar As5", "As=ok5 Bc Ar=104 Ar=0 As=32"},
    {"As5 Bc As5 As5 Ar", "As=ok5 Bc As=104 As=32 Ar=0"},
    /* without unread input it is a FIN; the first write is taken, the second is EPIPE, reads give 0
     */
    {"As5 Br Bc Ar As5 As5 Ar As5", "As=ok5 Br=ok5 Bc Ar=0 As=ok5 As=32 Ar=0 As=32"},
    {"Bc As5 Ar As5 As5", "Bc As=ok5 Ar=0 As=32 As=32"},
    {"As5 Bd Bc Ar", "As=ok5 Bd Bc Ar=0"},
    /* what was sent before the RST is readable first; a write that fails comes before it */
    {"As5 Bs7 Bc Ar Ar Ar", "As=ok5 Bs=ok7 Bc Ar=ok7 Ar=104 Ar=0"},
    {"As5 Bs7 Bc As1 Ar Ar", "As=ok5 Bs=ok7 Bc As=104 Ar=ok7 Ar=0"},
    /* the same by SO_LINGER, with nothing unread */
    {"Bs7 Bx Ar Ar Ar", "Bs=ok7 Bx Ar=ok7 Ar=104 Ar=0"},
    {"Bx As5 Ar", "Bx As=104 Ar=0"},
    /* half-closed: the other way stays open */
    {"Bh Ar As5 Br Bs1 Bc Ar As5 As5", "Bh Ar=0 As=ok5 Br=ok5 Bs=32 Bc Ar=0 As=ok5 As=32"},
    {"Bh As5 Bc Ar As5", "Bh As=ok5 Bc Ar=0 As=32"},
    {"Ah As1 Bs5 Ar Bc Ar", "Ah As=32 Bs=ok5 Ar=ok5 Bc Ar=0"},
    {"As5 Ah Bc Ar", "As=ok5 Ah Bc Ar=104"},
    {"Ah Bh Bx Ar As1", "Ah Bh Bx Ar=0 As=32"},
    {"Bs5 Bc As5 As5 Ar Ar", "Bs=ok5 Bc As=ok5 As=32 Ar=ok5 Ar=0"},
};

static void test_known(void **state)
{
    struct duel d;
    (void)state;
    duel_init(&d);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        duel_open(&d);
        for (const char *s = known[i].script; *s; s += strspn(s, " 0123456789")) {
            size_t n = strtoul(s + 2, NULL, 10);
            step(&d, s[0] - 'A', s[1], n ? n : CHUNK);
            s += 2;
        }
        assert_string_equal(d.log, known[i].log);
    }
    duel_fini(&d);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void test_random(void **state)
{
    static const char ops[] = "sssssrrrrrrrdhcx";
    struct duel d;
    (void)state;
    duel_init(&d);
    for (uint32_t play = 1; play <= 1500; play++) {
        uint32_t seed = play * 2654435761u;
        duel_open(&d);
        for (int i = 0; i < 16 && !(d.gone[0] && d.gone[1]); i++) {
            int side = (int)(next_random(&seed) >> 8 & 1);
            side = d.gone[side] ? !side : side;
            char op = ops[(next_random(&seed) >> 8) % (sizeof(ops) - 1)];
            step(&d, side, op, 1 + (next_random(&seed) >> 8) % CHUNK);
        }
    }
    duel_fini(&d);
}

/* Until nothing more goes out, in each world as much as it takes; then the reset, and its errno. */
static void test_reset_of_a_full_connection(void **state)
{
    struct duel d;
    struct drill_io_end end;
    static uint8_t bytes[65536];
    size_t took = 0;
    uint64_t sent = 0;
    (void)state;
    duel_init(&d);
    duel_open(&d);
    while (drill_net_ops.send(d.real[0], drill_span_of(bytes, sizeof(bytes)), &took, &end) ==
           DRILL_IO_OK) {
        sent += took;
    }
    while (drill_tcp_send(&d.tcp, 0, drill_span_of(bytes, sizeof(bytes)), &took, &end) ==
           DRILL_IO_OK) {}
    d.gone[1] = true;
    drill_net_ops.close(d.real[1]);
    drill_tcp_close(&d.tcp, 1);
    settle(&d);
    assert_int_equal(drill_net_ops.send(d.real[0], drill_span_of(bytes, 1), &took, &end),
                     DRILL_IO_END);
    assert_int_equal(end.how, DRILL_END_RST);
    assert_in_range(end.in_flight, 1, sent);
    assert_int_equal(drill_tcp_send(&d.tcp, 0, drill_span_of(bytes, 1), &took, &end), DRILL_IO_END);
    assert_int_equal(end.how, DRILL_END_RST);
    assert_int_equal(end.in_flight, WINDOW / 2);
    duel_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_reset_of_a_full_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
