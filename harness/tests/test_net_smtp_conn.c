/* SPDX-License-Identifier: MIT */
/* The SMTP client and the sink on real sockets, against each other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "helper_bytes.h"
#include "net/smtp_conn.h"
#include "wire/proto.h"

enum { MESSAGES = 3, SECOND = 1000000, LARGE = 3000000 };

struct fixture {
    struct drill_net *net;
    struct drill_arena arena;
    struct drill_sink sink;
    struct drill_net_sink *server;
    struct drill_address address;
    struct drill_client clients[2];
    struct drill_envelope messages[MESSAGES];
    struct drill_span rcpt[2];
    struct drill_smtp_config config;
    struct drill_smtp smtp;
};

static struct drill_address address_of(const char *text)
{
    struct drill_address a;
    struct drill_error err;
    if (drill_address_parse(text, &a, &err) != DRILL_OK) {
        fail_msg("%s", err.text);
    }
    return a;
}

/* Two sessions: two messages, and one. */
static void traffic(struct fixture *f)
{
    f->rcpt[0] = BYTES("<bob@example.com>");
    f->rcpt[1] = BYTES("<carol@example.com>");
    for (size_t i = 0; i < MESSAGES; i++) {
        f->messages[i].from = BYTES("<alice@example.org>");
        f->messages[i].rcpt = f->rcpt;
        f->messages[i].rcpts = 2;
        f->messages[i].mail.raw = BYTES("A: b\r\n\r\n.\r\n..x\r\n\0\xff\n.\r\n");
    }
    f->messages[0].next = &f->messages[1];
    for (size_t i = 0; i < 2; i++) {
        f->clients[i].helo = BYTES("client.example");
        f->clients[i].messages = &f->messages[2 * i];
    }
    f->clients[0].next = &f->clients[1];
    f->config.traffic = f->clients;
    f->config.patience = 10 * SECOND;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct drill_error err;
    assert_non_null(f);
    f->net = drill_net_new(&err);
    assert_non_null(f->net);
    drill_arena_init(&f->arena, NULL, 0);
    drill_sink_init(&f->sink, NULL, NULL);
    traffic(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drill_net_sink_free(f->server);
    drill_net_free(f->net);
    drill_sink_fini(&f->sink);
    drill_arena_fini(&f->arena);
    free(f);
    return 0;
}

static void listen_at(struct fixture *f, const char *where)
{
    struct drill_error err;
    struct drill_address a = address_of(where);
    f->server = drill_net_sink_new(f->net, &a, &f->sink, &err);
    if (!f->server) {
        fail_msg("%s", err.text);
    }
    drill_net_sink_address(f->server, &f->address);
}

static void run(struct fixture *f)
{
    struct drill_error err;
    drill_smtp_init(&f->smtp, &f->config, &f->arena);
    struct drill_net_conn *c = drill_net_smtp(f->net, &f->address, &f->smtp, NULL, &err);
    assert_non_null(c);
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_true(drill_net_conn_done(c) && drill_smtp_done(&f->smtp));
    drill_net_conn_free(c);
}

static void expect_deliveries(struct fixture *f)
{
    const struct drill_delivery *d = f->sink.deliveries;
    assert_int_equal(f->sink.count, MESSAGES);
    for (size_t i = 0; i < MESSAGES; i++, d = d->next) {
        helper_assert_bytes(d->message, f->messages[i].mail.raw, "message");
        helper_assert_bytes(d->from, f->messages[i].from, "from");
        helper_assert_bytes(d->rcpts->next->address, f->rcpt[1], "recipient");
        assert_int_equal(d->connection, 1 + i / 2);
        assert_int_equal(drill_smtp_outcome(&f->smtp, (uint32_t)i + 1)->code, 250);
    }
    assert_null(f->smtp.faulty);
}

static void test_mail_arrives_as_it_is(void **state)
{
    struct fixture *f = *state;
    listen_at(f, "inet:0@127.0.0.1");
    run(f);
    expect_deliveries(f);
}

static void test_over_a_unix_socket(void **state)
{
    struct fixture *f = *state;
    char dir[] = "/tmp/drill-test-XXXXXX";
    char text[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(text, sizeof(text), "unix:%s/s", dir);
    listen_at(f, text);
    run(f);
    expect_deliveries(f);
    drill_net_sink_free(f->server);
    f->server = NULL;
    assert_return_code(rmdir(dir), errno);
}

static void test_a_large_message(void **state)
{
    struct fixture *f = *state;
    uint8_t *raw = malloc(LARGE);
    assert_non_null(raw);
    for (size_t i = 0; i < LARGE; i++) {
        size_t at = i % 77;
        raw[i] = at == 75 ? '\r' : at == 76 || i + 1 == LARGE ? '\n' : i % 5 ? 'x' : '.';
    }
    raw[LARGE - 2] = '\r';
    f->messages[1].mail.raw = drill_span_of(raw, LARGE);
    listen_at(f, "inet:0@127.0.0.1");
    run(f);
    expect_deliveries(f);
    free(raw);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    listen_at(f, "inet:0@127.0.0.1");
    drill_net_sink_free(f->server);
    f->server = NULL;
    run(f);
    assert_int_equal(f->smtp.opened, 0);
    assert_int_equal(f->smtp.last->how, DRILL_END_REFUSED);
    assert_int_equal(drill_smtp_outcome(&f->smtp, 3)->code, 0);
}

/* A listener that nobody accepts from: connected, and not a word. */
static void test_silent_server(void **state)
{
    struct fixture *f = *state;
    struct drill_error err;
    f->address = address_of("inet:0@127.0.0.1");
    struct drill_net_listener *l = drill_net_listen(f->net, &f->address, &err);
    assert_non_null(l);
    drill_net_listener_address(l, &f->address);
    f->config.patience = SECOND / 20;
    run(f);
    assert_int_equal(f->smtp.opened, 2);
    assert_true(f->smtp.last->silent);
    drill_net_listener_free(l);
}

static void test_client_is_lost_inside_a_message(void **state)
{
    struct fixture *f = *state;
    const struct drill_smtp_extra lose = {
        .message = 1, .stage = DRILL_SMFIC_DATA, .act = DRILL_SMTP_LOSE};
    f->config.extras = &lose;
    listen_at(f, "inet:0@127.0.0.1");
    run(f);
    assert_int_equal(f->sink.count, 1);
    assert_int_equal(f->sink.torn, 1);
    assert_int_equal(drill_smtp_outcome(&f->smtp, 1)->stage, DRILL_SMFIC_ABORT);
    assert_int_equal(drill_smtp_outcome(&f->smtp, 2)->stage, DRILL_SMFIC_ABORT);
    assert_int_equal(drill_smtp_outcome(&f->smtp, 3)->code, 250);
}

/* More at once than there are sessions: the others wait, and all are served. */
static void test_many_clients(void **state)
{
    enum { CLIENTS = 2 * DRILL_NET_SINK_SESSIONS + 3 };
    struct fixture *f = *state;
    struct drill_smtp *smtp = calloc(CLIENTS, sizeof(*smtp));
    struct drill_net_conn *conns[CLIENTS];
    struct drill_error err;
    assert_non_null(smtp);
    listen_at(f, "inet:0@127.0.0.1");
    for (size_t i = 0; i < CLIENTS; i++) {
        drill_smtp_init(&smtp[i], &f->config, &f->arena);
        conns[i] = drill_net_smtp(f->net, &f->address, &smtp[i], NULL, &err);
        assert_non_null(conns[i]);
    }
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_int_equal(f->sink.count, CLIENTS * MESSAGES);
    for (size_t i = 0; i < CLIENTS; i++) {
        drill_net_conn_free(conns[i]);
    }
    free(smtp);
}

static bool has_mail(void *ctx)
{
    const struct fixture *f = ctx;
    return f->sink.count > 0;
}

static void test_waiting_for_mail(void **state)
{
    struct fixture *f = *state;
    struct drill_error err;
    listen_at(f, "inet:0@127.0.0.1");
    uint64_t begin = drill_net_now(f->net);
    assert_false(drill_net_sink_wait(f->server, begin + SECOND / 20, has_mail, f));
    assert_true(drill_net_now(f->net) >= begin + SECOND / 20);
    drill_smtp_init(&f->smtp, &f->config, &f->arena);
    struct drill_net_conn *c = drill_net_smtp(f->net, &f->address, &f->smtp, NULL, &err);
    assert_true(drill_net_sink_wait(f->server, begin + 30 * SECOND, has_mail, f));
    assert_true(drill_net_now(f->net) < begin + 20 * SECOND);
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_int_equal(f->sink.count, MESSAGES);
    drill_net_conn_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mail_arrives_as_it_is), TEST(test_over_a_unix_socket),
        TEST(test_a_large_message),       TEST(test_refused),
        TEST(test_silent_server),         TEST(test_client_is_lost_inside_a_message),
        TEST(test_many_clients),          TEST(test_waiting_for_mail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
