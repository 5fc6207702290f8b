/* SPDX-License-Identifier: MIT */
/* The pump, on a transport that is a script too: which operations it does, in which order. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "play/transport.h"
#include "tests/stub_run.h"

/*
 * What the transport answers, one letter an operation that can fail:
 *   +  done (send takes all, recv gives 3 bytes)   1  done, of one byte
 *   .  AGAIN                                       F R P C  END: FIN, RST, EPIPE, refused
 * When the answers are used up, it says AGAIN.
 */
struct wire {
    const char *answers;
    char log[STUB_LOG];
    uint64_t now;
};

static void note(struct wire *w, const char *text)
{
    size_t len = strlen(w->log);
    (void)snprintf(w->log + len, sizeof(w->log) - len, "%s%s", len ? " " : "", text);
}

static enum drill_io answer(struct wire *w, size_t most, size_t *n, struct drill_io_end *end)
{
    static const int errors[] = {0, ECONNRESET, EPIPE, ECONNREFUSED};
    char c = *w->answers;
    w->answers += c ? 1 : 0;
    if (c == '+' || c == '1') {
        *n = c == '+' ? most : 1;
        return DRILL_IO_OK;
    }
    const char *ends = "FRPC";
    const char *at = c ? strchr(ends, c) : NULL;
    if (!at) {
        return DRILL_IO_AGAIN;
    }
    end->error = errors[at - ends];
    end->how = drill_play_end(end->error);
    end->in_flight = 7;
    return DRILL_IO_END;
}

static void op_open(void *conn, bool nagle)
{
    note(conn, nagle ? "open-nagle" : "open");
}

static enum drill_io op_opened(void *conn, struct drill_io_end *end)
{
    size_t n = 0;
    note(conn, "opened");
    return answer(conn, 0, &n, end);
}

static enum drill_io op_send(void *conn, struct drill_span bytes, size_t *took,
                             struct drill_io_end *end)
{
    note(conn, "send");
    return answer(conn, bytes.len, took, end);
}

static enum drill_io op_recv(void *conn, uint8_t *buf, size_t want, size_t *got,
                             struct drill_io_end *end)
{
    assert_int_equal(want, 16); /* the buffer's size */
    memset(buf, 'x', want);
    note(conn, "recv");
    return answer(conn, 3, got, end);
}

static void op_refuse(void *conn)
{
    note(conn, "refuse");
}

static void op_half_close(void *conn)
{
    note(conn, "half-close");
}

static void op_drain(void *conn)
{
    note(conn, "drain");
}

static void op_close(void *conn)
{
    note(conn, "close");
}

static void op_reset(void *conn)
{
    note(conn, "reset");
}

static void op_arm(void *conn, bool readable, bool writable, uint64_t until)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "arm:%s%s", readable ? "r" : "", writable ? "w" : "");
    if (until != DRILL_NEVER) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, "%u", (unsigned)until);
    }
    note(conn, text);
}

static uint64_t op_now(void *conn)
{
    const struct wire *w = conn;
    return w->now;
}

static const struct drill_conn_ops ops = {.open = op_open,
                                          .opened = op_opened,
                                          .send = op_send,
                                          .recv = op_recv,
                                          .refuse = op_refuse,
                                          .half_close = op_half_close,
                                          .drain = op_drain,
                                          .close = op_close,
                                          .reset = op_reset,
                                          .arm = op_arm,
                                          .now = op_now};

static const struct {
    const char *script;  /* of the runner */
    const char *answers; /* of the transport */
    const char *wire;    /* what it was asked */
    const char *told;    /* what the runner was told */
    bool done;
} pumps[] = {
    {"", "", "", "", true},
    {"o s5 r3", "+.+.", "open opened recv send recv arm:r", "opened", false},
    {"o", "+", "open opened drain close", "opened", true},
    {"o", ".", "open opened arm:w", "", false},
    {"o", "C", "open opened close", "refused/111", true},
    {"o s5", ".", "open opened arm:w", "", false},
    {"o s5 c", "+...", "open opened recv send arm:rw", "opened", false},
    {"o s5 c", "+.1.1.+", "open opened recv send recv send recv send close", "opened", true},
    {"o r6 x", "+++", "open opened recv recv reset", "opened", true},
    {"o h r3 d", "++", "open opened half-close recv drain close", "opened", true},
    {"f o", "", "refuse open opened arm:w", "", false},
    /* closing what does not stand is nothing; giving up an attempt closes it */
    {"c x d h", "", "", "", true},
    {"o d", "C", "open opened close", "refused/111", true},
    /* the end of a read: released before the runner opens again */
    {"o e o", "+FC", "open opened recv close open opened close", "opened FIN/0 refused/111", true},
    {"o e", "++R", "open opened recv recv close", "opened RST/104", true},
    /* a write that fails: first what is readable, then the end, with the error of the write, also
     * when the read says FIN */
    {"o s5 e", "+.P++F", "open opened recv send recv recv recv close", "opened write:EPIPE/32",
     true},
    {"o s5 e", "+.R.", "open opened recv send recv close", "opened write:RST/104", true},
    /* who does not read is told at once */
    {"o t5 e", "+R", "open opened send close", "opened write:RST/104", true},
    {"o t5", "+.", "open opened send arm:w", "opened", false},
    /* time */
    {"w9", "", "arm:109", "", false},
    {"o w0 e", "+.", "open opened recv recv arm:r", "opened tick", false},
    {"o q9", "+", "open opened arm:109", "opened", false},
    {"o q0 k", "+", "open opened recv drain close", "opened tick tick", true},
};

static void test_pump(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pumps) / sizeof(*pumps); i++) {
        struct wire wire = {.answers = pumps[i].answers, .now = 100};
        struct drill_run run;
        struct drill_play p;
        uint8_t buf[16];
        stub_init(&run, pumps[i].script);
        drill_play_init(&p, &run, &ops, &wire, buf, sizeof(buf));
        bool done = drill_play_pump(&p);
        if (strcmp(wire.log, pumps[i].wire) != 0 || strcmp(run.log, pumps[i].told) != 0) {
            fail_msg("\"%s\": did \"%s\", told \"%s\"", pumps[i].script, wire.log, run.log);
        }
        assert_int_equal(done, pumps[i].done);
        assert_int_equal(drill_play_pump(&p), done); /* nothing new: the same again */
    }
}

/* A peer that never stops sending does not keep the pump for ever. */
static void test_flood(void **state)
{
    static char answers[100000];
    struct wire wire = {.answers = answers};
    struct drill_run run;
    struct drill_play p;
    uint8_t buf[16];
    (void)state;
    memset(answers, '+', sizeof(answers) - 1);
    stub_init(&run, "o e");
    drill_play_init(&p, &run, &ops, &wire, buf, sizeof(buf));
    assert_false(drill_play_pump(&p));
    assert_true(wire.answers[0] == '+');
    assert_true(run.got > 300);
}

static void test_errno(void **state)
{
    (void)state;
    assert_int_equal(drill_play_end(0), DRILL_END_FIN);
    assert_int_equal(drill_play_end(ECONNRESET), DRILL_END_RST);
    assert_int_equal(drill_play_end(EPIPE), DRILL_END_EPIPE);
    assert_int_equal(drill_play_end(ECONNREFUSED), DRILL_END_REFUSED);
    assert_int_equal(drill_play_end(ENOENT), DRILL_END_REFUSED);
    assert_int_equal(drill_play_end(ETIMEDOUT), DRILL_END_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pump),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
