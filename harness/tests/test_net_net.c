/* SPDX-License-Identifier: MIT */
/* Scripted runners on real sockets, TCP and UNIX, in one reactor. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/net.h"
#include "tests/stub_run.h"

struct fixture {
    struct drill_net *net;
    char dir[64];
    char unix_text[100]; /* "unix:/tmp/.../m.sock" */
    const char *unix_path;
};

static int setup(void **state)
{
    static struct fixture f;
    struct drill_error err;
    memset(&f, 0, sizeof(f));
    (void)snprintf(f.dir, sizeof(f.dir), "/tmp/drill-test-XXXXXX");
    assert_non_null(mkdtemp(f.dir));
    (void)snprintf(f.unix_text, sizeof(f.unix_text), "unix:%s/m.sock", f.dir);
    f.unix_path = f.unix_text + 5;
    f.net = drill_net_new(&err);
    assert_non_null(f.net);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    drill_net_free(f->net);
    (void)unlink(f->unix_path);
    assert_return_code(rmdir(f->dir), errno);
    return 0;
}

static struct drill_address address_of(const char *text)
{
    struct drill_address a;
    struct drill_error err;
    if (drill_address_parse(text, &a, &err) != DRILL_OK) {
        fail_msg("%s", err.text);
    }
    return a;
}

/* A listener, and where to connect to. */
static struct drill_net_listener *listen_on(struct fixture *f, const char *text,
                                            struct drill_address *a)
{
    struct drill_error err;
    *a = address_of(text);
    struct drill_net_listener *l = drill_net_listen(f->net, a, &err);
    if (!l) {
        fail_msg("%s", err.text);
    }
    drill_net_listener_address(l, a);
    return l;
}

static struct drill_net_conn *connector(struct fixture *f, const struct drill_address *a,
                                        struct drill_run *run, const char *script)
{
    struct drill_error err;
    stub_init(run, script);
    struct drill_net_conn *c = drill_net_connector(f->net, a, run, &err);
    assert_non_null(c);
    return c;
}

static struct drill_net_conn *acceptor(struct fixture *f, struct drill_net_listener *l,
                                       struct drill_run *run, const char *script)
{
    struct drill_error err;
    stub_init(run, script);
    struct drill_net_conn *c = drill_net_acceptor(f->net, l, run, &err);
    assert_non_null(c);
    return c;
}

struct play {
    const char *mta;
    const char *milter;
    size_t want; /* of the milter; 0: much */
    const char *mta_log;
    const char *milter_log;
};

static const struct play everywhere[] = {
    {"o s5 r7 d", "o r5 s7 e", 0, "opened", "opened FIN/0"},
    {"o d o d", "o e o e", 0, "opened opened", "opened FIN/0 opened FIN/0"},
    {"o s9 e", "o r1 c", 1, "opened RST/104", "opened"},
    {"o s9 e", "o r1 d", 1, "opened FIN/0", "opened"},
    {"o h e", "o e", 0, "opened FIN/0", "opened FIN/0"},
    {"o h r5 d", "o t5 e", 0, "opened", "opened FIN/0"},
    {"o t9000000 d", "o r9000000 e", 0, "opened", "opened FIN/0"},
    {"o s9000000 r9000000 d", "o s9000000 r9000000 e", 0, "opened", "opened FIN/0"},
    {"w1000 o q1000 w1000 d", "o e", 0, "tick opened tick tick", "opened FIN/0"},
    {"o r1 t9000000 e", "o s1 c", 0, "opened write:EPIPE/32", "opened"},
};

/* What only TCP can: an RST without unread input, and one that a write is told of. */
static const struct play tcp_only[] = {
    {"o e", "o x", 0, "opened RST/104", "opened"},
    {"o r7 e", "o t7 x", 0, "opened RST/104", "opened"},
    {"o t9000000 e", "o r1 x", 1, "opened write:RST/104", "opened"},
};

static void play(struct fixture *f, const char *where, const struct play *p)
{
    struct drill_address a;
    struct drill_run mta;
    struct drill_run milter;
    struct drill_net_listener *l = listen_on(f, where, &a);
    struct drill_net_conn *c = connector(f, &a, &mta, p->mta);
    struct drill_net_conn *s = acceptor(f, l, &milter, p->milter);
    milter.want = p->want;
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_true(drill_net_conn_done(c) && drill_net_conn_done(s));
    if (strcmp(mta.log, p->mta_log) != 0 || strcmp(milter.log, p->milter_log) != 0) {
        fail_msg("%s: \"%s\" saw \"%s\", \"%s\" saw \"%s\"", where, p->mta, mta.log, p->milter,
                 milter.log);
    }
    assert_int_equal(drill_net_conn_can_reset(c), strncmp(where, "unix", 4) != 0);
    drill_net_conn_free(c);
    drill_net_conn_free(s);
    drill_net_listener_free(l);
}

static void test_plays(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(everywhere) / sizeof(*everywhere); i++) {
        play(f, "inet:0@127.0.0.1", &everywhere[i]);
        play(f, f->unix_text, &everywhere[i]);
    }
    for (size_t i = 0; i < sizeof(tcp_only) / sizeof(*tcp_only); i++) {
        play(f, "inet:0@127.0.0.1", &tcp_only[i]);
    }
}

static void expect_connect(struct fixture *f, const struct drill_address *a, const char *log)
{
    struct drill_run run;
    struct drill_net_conn *c = connector(f, a, &run, "o d");
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_string_equal(run.log, log);
    drill_net_conn_free(c);
}

/* Listening, refusing, listening again at the same address, gone. */
static void refuse_at(struct fixture *f, const char *where, const char *gone)
{
    struct drill_address a;
    struct drill_run run;
    struct drill_net_listener *l = listen_on(f, where, &a);
    expect_connect(f, &a, "opened");
    struct drill_net_conn *s = acceptor(f, l, &run, "f");
    assert_true(drill_net_run(f->net, NULL, NULL));
    expect_connect(f, &a, "refused/111");
    expect_connect(f, &a, "refused/111");
    stub_init(&run, "o e");
    drill_net_conn_again(s);
    expect_connect(f, &a, "opened");
    assert_string_equal(run.log, "opened FIN/0");
    drill_net_conn_free(s);
    drill_net_listener_free(l);
    expect_connect(f, &a, gone);
}

static void test_refuse(void **state)
{
    struct fixture *f = *state;
    refuse_at(f, "inet:0@127.0.0.1", "refused/111");
    refuse_at(f, f->unix_text, "refused/2");
}

/* Whatever localhost is, one of its addresses answers. */
static void test_addresses_in_order(void **state)
{
    struct fixture *f = *state;
    struct drill_address a;
    struct drill_net_listener *l = listen_on(f, "inet:0@127.0.0.1", &a);
    char text[40];
    (void)snprintf(text, sizeof(text), "localhost:%u", (unsigned)a.port);
    a = address_of(text);
    expect_connect(f, &a, "opened");
    drill_net_listener_free(l);
    expect_connect(f, &a, "refused/111");
}

static void test_listen_errors(void **state)
{
    struct fixture *f = *state;
    struct drill_error err;
    struct drill_address a;
    struct drill_address u = address_of(f->unix_text);
    struct drill_net_listener *l = listen_on(f, "inet:0@127.0.0.1", &a);
    assert_null(drill_net_listen(f->net, &a, &err));
    assert_int_equal(err.code, DRILL_ERR_IO);
    assert_non_null(strstr(err.text, "cannot listen on inet:"));
    drill_net_listener_free(l);

    l = listen_on(f, f->unix_text, &a);
    assert_null(drill_net_listen(f->net, &u, &err)); /* alive: left alone */
    expect_connect(f, &u, "opened");
    drill_net_listener_free(l);

    int fd = open(f->unix_path, O_CREAT | O_WRONLY, 0600); /* not a socket: left alone */
    assert_return_code(fd, errno);
    (void)close(fd);
    assert_null(drill_net_listen(f->net, &u, &err));
    assert_return_code(unlink(f->unix_path), errno);

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->unix_path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* dead: replaced */
    assert_return_code(bind(fd, (struct sockaddr *)(void *)&un, sizeof(un)), errno);
    (void)close(fd);
    l = listen_on(f, f->unix_text, &a);
    expect_connect(f, &u, "opened");
    drill_net_listener_free(l);

    a = address_of("sim:libmilter");
    assert_null(drill_net_listen(f->net, &a, &err));
    assert_null(drill_net_connector(f->net, &a, NULL, &err));
    assert_int_equal(err.code, DRILL_ERR_VALUE);
}

/* ---- a UNIX listener whose backlog is full ---- */

struct slow_accept {
    int listener;
    int accepted;
    int looks;
};

/* At the first look both have tried; the second one cannot have been let in. */
static bool accept_late(void *ctx)
{
    struct slow_accept *s = ctx;
    if (++s->looks == 2) {
        s->accepted = accept(s->listener, NULL, NULL);
    }
    return false;
}

static void test_full_backlog(void **state)
{
    struct fixture *f = *state;
    struct drill_address a = address_of(f->unix_text);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct slow_accept slow = {.listener = socket(AF_UNIX, SOCK_STREAM, 0), .accepted = -1};
    struct drill_run run[2];
    struct drill_net_conn *c[2];
    (void)snprintf(un.sun_path, sizeof(un.sun_path), "%s", f->unix_path);
    assert_return_code(bind(slow.listener, (struct sockaddr *)(void *)&un, sizeof(un)), errno);
    assert_return_code(listen(slow.listener, 0), errno);
    for (int i = 0; i < 2; i++) {
        c[i] = connector(f, &a, &run[i], "o d");
    }
    assert_true(drill_net_run(f->net, accept_late, &slow));
    assert_true(slow.looks >= 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(run[i].log, "opened");
        drill_net_conn_free(c[i]);
    }
    (void)close(slow.listener);
    (void)close(slow.accepted);
    (void)unlink(f->unix_path);
}

/* ---- many plays ---- */

enum { MANY = 300 };

static void test_many(void **state)
{
    struct fixture *f = *state;
    static struct drill_run run[2 * MANY];
    static struct drill_net_conn *c[2 * MANY];
    struct drill_address a;
    struct drill_net_listener *l = listen_on(f, "inet:0@127.0.0.1", &a);
    assert_true(drill_net_raise_files(2 * MANY + 50) >= 2 * MANY + 50);
    for (size_t i = 0; i < MANY; i++) {
        c[i] = connector(f, &a, &run[i], "o s1000 r2000 s3000 d");
        c[MANY + i] = acceptor(f, l, &run[MANY + i], "o r1000 s2000 r3000 e");
    }
    assert_true(drill_net_run(f->net, NULL, NULL));
    for (size_t i = 0; i < 2 * MANY; i++) {
        assert_int_equal(run[i].got, i < MANY ? 2000 : 4000);
        drill_net_conn_free(c[i]);
    }
    drill_net_listener_free(l);
}

struct repeat {
    int left;
    int freed;
};

static void again(void *ctx, struct drill_net_conn *c)
{
    struct repeat *r = ctx;
    if (r->left > 0) {
        r->left--;
        drill_net_conn_again(c);
    } else {
        r->freed++;
        drill_net_conn_free(c);
    }
}

/* The same runners again and again (the stub's script ends; so the play starts with DONE), and
 * plays that are freed as they end. */
static void test_again(void **state)
{
    struct fixture *f = *state;
    struct repeat r = {.left = 50};
    struct drill_run mta;
    struct drill_run milter;
    struct drill_address a;
    struct drill_net_listener *l = listen_on(f, "inet:0@127.0.0.1", &a);
    (void)connector(f, &a, &mta, "o s5 d");
    (void)acceptor(f, l, &milter, "o r5 e");
    drill_net_on_done(f->net, again, &r);
    assert_true(drill_net_run(f->net, NULL, NULL));
    drill_net_on_done(f->net, NULL, NULL);
    assert_int_equal(r.freed, 2);
    assert_int_equal(r.left, 0);
    drill_net_listener_free(l);
}

/* ---- stopping ---- */

static struct drill_net *interrupted;

static void on_signal(int number)
{
    (void)number;
    drill_net_interrupt(interrupted);
}

static bool stop_at_zero(void *ctx)
{
    int *left = ctx;
    if (--*left > 0) {
        (void)raise(SIGUSR1); /* wakes the reactor, which waits for nothing else */
    }
    return *left == 0;
}

static void test_stop(void **state)
{
    struct fixture *f = *state;
    struct sigaction action = {.sa_handler = on_signal};
    struct drill_run mta;
    struct drill_run milter;
    struct drill_address a;
    int left = 20;
    interrupted = f->net;
    assert_return_code(sigaction(SIGUSR1, &action, NULL), errno);
    struct drill_net_listener *l = listen_on(f, "inet:0@127.0.0.1", &a);
    struct drill_net_conn *c = connector(f, &a, &mta, "o e");
    struct drill_net_conn *s = acceptor(f, l, &milter, "o e");
    assert_false(drill_net_run(f->net, stop_at_zero, &left));
    assert_int_equal(left, 0);
    assert_false(drill_net_conn_done(c));
    drill_run_stuck(&mta, 0); /* as drill_run_stop: it wants to be done */
    assert_true(drill_net_run(f->net, NULL, NULL));
    assert_string_equal(mta.log, "opened stuck");
    assert_string_equal(milter.log, "opened FIN/0");
    drill_net_conn_free(c);
    drill_net_conn_free(s);
    drill_net_listener_free(l);
}

static void test_clock(void **state)
{
    struct fixture *f = *state;
    uint64_t before = drill_net_now(f->net);
    assert_true(drill_net_run(f->net, NULL, NULL)); /* no plays: all are done */
    assert_true(drill_net_now(f->net) >= before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refuse, setup, teardown),
        cmocka_unit_test_setup_teardown(test_addresses_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_listen_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_backlog, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
