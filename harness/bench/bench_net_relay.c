/* SPDX-License-Identifier: MIT */
/*
 * bench_net_relay TO_PORT: the barest forwarder there can be, on loopback; ci/bench holds
 * `milterdrill record` against it. One epoll loop that reads from one socket and writes to the
 * other: no buffers, no half-closes, no resets (an end closes both), and writes that block. Prints
 * the port it listens on; ends with its stdin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES = 65536, EVENTS = 64, BUFFER = 65536 };

struct relay {
    int epoll;
    int listener;
    struct sockaddr_in to;
    int other[FILES]; /* the socket at the other end, by descriptor */
};

static void add(const struct relay *r, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void join(struct relay *r)
{
    int on = 1, mta = accept(r->listener, NULL, NULL), milter = socket(AF_INET, SOCK_STREAM, 0);
    if (mta < 0 || milter < 0 || mta >= FILES || milter >= FILES ||
        connect(milter, (const struct sockaddr *)&r->to, sizeof r->to) != 0) {
        fprintf(stderr, "bench_net_relay: a connection cannot be carried\n");
        exit(1);
    }
    (void)setsockopt(mta, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(milter, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    r->other[mta] = milter;
    r->other[milter] = mta;
    add(r, mta);
    add(r, milter);
}

/* False: the two are gone. */
static bool carry(const struct relay *r, int fd)
{
    uint8_t buf[BUFFER];
    ssize_t got = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
        return true; /* the event was for a connection that had this descriptor before */
    }
    for (ssize_t at = 0; at < got;) {
        ssize_t did = write(r->other[fd], buf + at, (size_t)(got - at));
        if (did <= 0) {
            got = 0;
            break;
        }
        at += did;
    }
    return got > 0;
}

static void run(struct relay *r)
{
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(r->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                return;
            }
            if (fd == r->listener) {
                join(r);
            } else if (r->other[fd] >= 0 && !carry(r, fd)) {
                int other = r->other[fd];
                r->other[fd] = r->other[other] = -1;
                (void)close(fd);
                (void)close(other);
            }
        }
    }
}

static bool start(struct relay *r, const char *port)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    r->to = at;
    r->to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    r->epoll = epoll_create1(0);
    r->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (r->epoll < 0 || r->listener < 0 ||
        bind(r->listener, (const struct sockaddr *)&at, len) != 0 ||
        listen(r->listener, SOMAXCONN) != 0 ||
        getsockname(r->listener, (struct sockaddr *)&at, &len) != 0) {
        return false;
    }
    add(r, r->listener);
    add(r, STDIN_FILENO);
    printf("%u\n", (unsigned)ntohs(at.sin_port));
    return fflush(stdout) == 0;
}

int main(int argc, char **argv)
{
    static struct relay relay;
    if (argc < 2) {
        printf("bench_net_relay: run by ci/bench, which gives it a milter\n");
        return 0;
    }
    if (!start(&relay, argv[1])) {
        perror("bench_net_relay");
        return 1;
    }
    run(&relay);
    return 0;
}
