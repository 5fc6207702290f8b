/* SPDX-License-Identifier: MIT */
/* The TCP connection in memory, by itself: windows, order of bytes, what a reset leaves. That its
 * endings are the kernel's is test_net_kernel.c's business. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sim/tcp.h"

enum { WINDOW = 16 };

struct fixture {
    struct drill_tcp tcp;
    uint8_t ring[2][WINDOW];
    uint8_t in[64];
    size_t n;
    struct drill_io_end end;
};

static void begin(struct fixture *f, size_t window)
{
    memset(f, 0, sizeof(*f));
    drill_tcp_init(&f->tcp, f->ring[0], f->ring[1], window);
}

static enum drill_io put(struct fixture *f, int side, const char *text)
{
    f->n = 0;
    return drill_tcp_send(&f->tcp, side, drill_span_str(text), &f->n, &f->end);
}

static enum drill_io get(struct fixture *f, int side, size_t want)
{
    f->n = 0;
    return drill_tcp_recv(&f->tcp, side, f->in, want, &f->n, &f->end);
}

/* Every offset of the ring, every size of write and read: bytes come once and in order. */
static void test_order(void **state)
{
    (void)state;
    for (size_t window = 1; window <= WINDOW; window++) {
        for (size_t write = 1; write <= window + 1; write++) {
            for (size_t read = 1; read <= window + 1; read++) {
                struct fixture f;
                uint8_t sent = 0;
                uint8_t got = 0;
                begin(&f, window);
                for (int round = 0; round < 100; round++) {
                    uint8_t out[WINDOW + 1];
                    for (size_t i = 0; i < write; i++) {
                        out[i] = (uint8_t)(sent + i);
                    }
                    if (drill_tcp_send(&f.tcp, 0, drill_span_of(out, write), &f.n, &f.end) ==
                        DRILL_IO_OK) {
                        assert_in_range(f.n, 1, write);
                        sent = (uint8_t)(sent + f.n);
                    }
                    if (get(&f, 1, read) == DRILL_IO_OK) {
                        for (size_t i = 0; i < f.n; i++) {
                            assert_int_equal(f.in[i], got++);
                        }
                    }
                }
                assert_int_equal(f.tcp.end[1].used, (uint8_t)(sent - got));
            }
        }
    }
}

static void test_window(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 8);
    assert_int_equal(put(&f, 0, "0123456789"), DRILL_IO_OK);
    assert_int_equal(f.n, 8);
    assert_int_equal(put(&f, 0, "x"), DRILL_IO_AGAIN);
    assert_int_equal(drill_tcp_unread(&f.tcp, 1), 4);
    assert_int_equal(get(&f, 1, 64), DRILL_IO_OK);
    assert_int_equal(f.n, 4);
    assert_int_equal(put(&f, 0, "89abcdef"), DRILL_IO_OK);
    assert_int_equal(f.n, 4);
    assert_int_equal(put(&f, 1, "other way"), DRILL_IO_OK);
    assert_int_equal(f.n, 8);
}

/* The half that the peer's system has is readable after an RST; the rest is lost and counted. */
static void test_reset_loses_what_is_in_flight(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 8);
    assert_int_equal(put(&f, 0, "01234567"), DRILL_IO_OK);
    assert_int_equal(put(&f, 1, "abcdef"), DRILL_IO_OK);
    drill_tcp_close(&f.tcp, 1);
    assert_int_equal(get(&f, 0, 64), DRILL_IO_OK);
    assert_int_equal(f.n, 4);
    assert_memory_equal(f.in, "abcd", 4);
    assert_int_equal(get(&f, 0, 64), DRILL_IO_END);
    assert_int_equal(f.end.how, DRILL_END_RST);
    assert_int_equal(f.end.error, ECONNRESET);
    assert_int_equal(f.end.in_flight, 4);
    assert_false(drill_tcp_over(&f.tcp));
    drill_tcp_close(&f.tcp, 0);
    assert_true(drill_tcp_over(&f.tcp));
}

/* A FIN stands behind the send queue. */
static void test_fin_after_queue(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 8);
    assert_int_equal(put(&f, 0, "01234567"), DRILL_IO_OK);
    drill_tcp_close(&f.tcp, 0);
    assert_false(f.tcp.end[1].fin_seen);
    assert_int_equal(get(&f, 1, 3), DRILL_IO_OK);
    assert_false(f.tcp.end[1].fin_seen);
    assert_int_equal(get(&f, 1, 3), DRILL_IO_OK);
    assert_true(f.tcp.end[1].fin_seen);
    assert_int_equal(get(&f, 1, 3), DRILL_IO_OK);
    assert_int_equal(f.n, 2);
    assert_int_equal(get(&f, 1, 3), DRILL_IO_END);
    assert_int_equal(f.end.how, DRILL_END_FIN);
}

/* Before the FIN came, an RST is still a reset: only CLOSE_WAIT makes it EPIPE. */
static void test_write_to_closed_before_fin(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 8);
    assert_int_equal(put(&f, 0, "01234567"), DRILL_IO_OK);
    drill_tcp_close(&f.tcp, 0);
    assert_int_equal(put(&f, 1, "xyz"), DRILL_IO_OK);
    assert_int_equal(put(&f, 1, "xyz"), DRILL_IO_END);
    assert_int_equal(f.end.how, DRILL_END_RST);
    assert_int_equal(f.end.in_flight, 3);
    assert_int_equal(get(&f, 1, 64), DRILL_IO_OK);
    assert_int_equal(f.n, 4);
    assert_int_equal(get(&f, 1, 64), DRILL_IO_END);
    assert_int_equal(f.end.how, DRILL_END_FIN);
}

static void test_drain(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, 8);
    assert_int_equal(put(&f, 0, "01234567"), DRILL_IO_OK);
    drill_tcp_drain(&f.tcp, 1);
    drill_tcp_close(&f.tcp, 1);
    assert_int_equal(get(&f, 0, 1), DRILL_IO_END);
    assert_int_equal(f.end.how, DRILL_END_FIN);
    assert_int_equal(f.end.in_flight, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_reset_loses_what_is_in_flight),
        cmocka_unit_test(test_fin_after_queue),
        cmocka_unit_test(test_write_to_closed_before_fin),
        cmocka_unit_test(test_drain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
