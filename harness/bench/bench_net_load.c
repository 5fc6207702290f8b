/* SPDX-License-Identifier: MIT */
/*
 * bench_net_load FILE SESSIONS CONNECTIONS PORT...: the time that a session takes. FILE holds what
 * an MTA sends in one; CONNECTIONS of them stand at any time, each in lock-step: it writes up to
 * the next command that is answered, and waits for the answer. Prints for each PORT the
 * microseconds from the beginning of a session to its end, on average: one block of sessions each
 * in turn, ROUNDS times, and the lower quartile of these: what other work of the machine adds is no
 * property of a forwarder. Behind each block is a pause as long as the block: what a forwarder puts
 * off is its own (bench_forward.py counts it as processor time), and not to be seen in the next.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

enum { MAX_BYTES = 1 << 20, MAX_WRITES = 4096, HEAD = 5, MOST = 1000, PORTS = 8, ROUNDS = 31 };

struct write {
    size_t at, len;
};

struct session {
    uint8_t bytes[MAX_BYTES];
    struct write writes[MAX_WRITES]; /* each but the last is answered by one frame */
    size_t count;
};

struct talk {
    int fd;
    size_t next; /* of the writes */
    size_t have; /* of the reply */
    uint8_t head[4];
};

struct load {
    int epoll;
    struct sockaddr_in to;
    long begun, done, sessions;
    struct talk talks[MOST];
};

static bool has_reply(uint8_t code)
{
    return code != 'D' && code != 'A' && code != 'Q' && code != 'K';
}

static bool cut(struct session *s, size_t len)
{
    size_t at = 0, began = 0;
    while (at + HEAD <= len) {
        uint32_t size = drill_be32(s->bytes + at);
        uint8_t code = s->bytes[at + 4];
        if (size == 0 || size > len - at - 4 || s->count == MAX_WRITES) {
            return false;
        }
        at += 4 + (size_t)size;
        if (has_reply(code) || at == len) {
            s->writes[s->count++] = (struct write){began, at - began};
            began = at;
        }
    }
    return at == len && s->count > 1;
}

static bool load_file(struct session *s, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        return false;
    }
    size_t len = fread(s->bytes, 1, sizeof s->bytes, file);
    fclose(file);
    return cut(s, len);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void send_next(struct talk *t, const struct session *s)
{
    const struct write *w = &s->writes[t->next++];
    if (send(t->fd, s->bytes + w->at, w->len, MSG_NOSIGNAL) != (ssize_t)w->len) {
        fail("bench_net_load: a write");
    }
    t->have = 0;
}

static void begin(struct load *l, struct talk *t, const struct session *s)
{
    int on = 1;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = t};
    t->next = 0;
    l->begun++;
    t->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (t->fd < 0 || connect(t->fd, (const struct sockaddr *)&l->to, sizeof l->to) != 0 ||
        setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(l->epoll, EPOLL_CTL_ADD, t->fd, &e) != 0) {
        fail("bench_net_load: a connection");
    }
    send_next(t, s);
}

/* True: the whole reply is there; nothing comes behind it. */
static bool replied(struct talk *t)
{
    uint8_t buf[4096];
    ssize_t got = read(t->fd, buf, sizeof buf);
    if (got <= 0) {
        fail("bench_net_load: a reply");
    }
    for (size_t i = 0; i < (size_t)got && t->have + i < sizeof t->head; i++) {
        t->head[t->have + i] = buf[i];
    }
    t->have += (size_t)got;
    return t->have >= 4 && t->have >= 4 + (size_t)drill_be32(t->head);
}

/* The session is over when the other side has closed, too. */
static void heard(struct load *l, struct talk *t, const struct session *s)
{
    uint8_t byte;
    if (t->next < s->count) {
        if (replied(t)) {
            send_next(t, s);
            if (t->next == s->count) {
                (void)shutdown(t->fd, SHUT_WR);
            }
        }
    } else if (read(t->fd, &byte, 1) <= 0) {
        (void)close(t->fd);
        l->done++;
        if (l->begun < l->sessions) {
            begin(l, t, s);
        }
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds a session. */
static double measure(struct load *l, const struct session *s, long connections, uint16_t port)
{
    struct epoll_event events[64];
    double began = now();
    l->begun = l->done = 0;
    l->to.sin_port = htons(port);
    for (long i = 0; i < connections; i++) {
        begin(l, &l->talks[i], s);
    }
    while (l->done < l->sessions) {
        int count = epoll_wait(l->epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            heard(l, events[i].data.ptr, s);
        }
    }
    return (now() - began) * (double)connections / (double)l->sessions;
}

static void pause_for(double microseconds)
{
    struct timespec t;
    t.tv_sec = (time_t)(microseconds / 1e6);
    t.tv_nsec = (long)((microseconds - (double)t.tv_sec * 1e6) * 1e3);
    (void)nanosleep(&t, NULL);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv)
{
    static struct session session;
    static struct load load;
    double took[PORTS][ROUNDS];
    int ports = argc - 4;
    if (argc < 2) {
        printf("bench_net_load: run by ci/bench, which gives it forwarders and the bytes\n");
        return 0;
    }
    long connections = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    load.sessions = argc > 3 ? strtol(argv[2], NULL, 10) : 0;
    if (ports < 1 || ports > PORTS || connections < 1 || connections > MOST ||
        load.sessions < connections || !load_file(&session, argv[1])) {
        fprintf(stderr, "usage: bench_net_load FILE SESSIONS CONNECTIONS PORT...\n");
        return 2;
    }
    load.to.sin_family = AF_INET;
    load.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load.epoll = epoll_create1(0);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < ports; i++) {
            took[i][round] =
                measure(&load, &session, connections, (uint16_t)strtoul(argv[4 + i], NULL, 10));
            pause_for(took[i][round] * (double)load.sessions / (double)connections);
        }
    }
    for (int i = 0; i < ports; i++) {
        qsort(took[i], ROUNDS, sizeof took[i][0], compare);
        printf("%.2f\n", took[i][ROUNDS / 4]);
    }
    return 0;
}
