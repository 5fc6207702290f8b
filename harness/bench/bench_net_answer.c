/* SPDX-License-Identifier: MIT */
/*
 * bench_net_answer: the least that a milter can be, so that what forwarders add is not lost in what
 * a milter takes. It offers nothing, answers CONTINUE to every command that is answered, and reads
 * frames in whatever pieces they come. One epoll loop on loopback; prints its port; ends with its
 * stdin.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES = 65536, EVENTS = 64, BUFFER = 65536, HEAD = 5 };

struct talk {
    uint32_t have; /* bytes of the frame's head */
    uint32_t left; /* of its payload, behind the head */
    uint8_t head[HEAD];
};

struct answer {
    int epoll, listener;
    struct talk talks[FILES];
};

static const uint8_t optneg[] = {0, 0, 0, 13, 'O', 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0};
static const uint8_t go_on[] = {0, 0, 0, 1, 'c'};

static void add(const struct answer *a, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    (void)epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &e);
}

static void take(struct answer *a)
{
    int on = 1, fd = accept(a->listener, NULL, NULL);
    if (fd >= 0 && fd < FILES) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        memset(&a->talks[fd], 0, sizeof a->talks[fd]);
        add(a, fd);
    }
}

static void reply(int fd, uint8_t code)
{
    bool none = code == 'D' || code == 'A' || code == 'Q' || code == 'K';
    const uint8_t *bytes = code == 'O' ? optneg : go_on;
    size_t len = code == 'O' ? sizeof optneg : sizeof go_on;
    if (!none && send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len) {
        perror("bench_net_answer");
    }
}

static void hear(struct talk *t, int fd, const uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at < len;) {
        if (t->have < HEAD) {
            t->head[t->have++] = bytes[at++];
            t->left = (uint32_t)t->head[0] << 24 | (uint32_t)t->head[1] << 16 |
                      (uint32_t)t->head[2] << 8 | (uint32_t)t->head[3];
            t->left -= t->left && t->have == HEAD;
        } else {
            size_t part = len - at < t->left ? len - at : t->left;
            at += part;
            t->left -= (uint32_t)part;
        }
        if (t->have == HEAD && t->left == 0) {
            t->have = 0;
            reply(fd, t->head[4]);
        }
    }
}

static void serve(struct answer *a)
{
    uint8_t buf[BUFFER];
    struct epoll_event events[EVENTS];
    for (;;) {
        int count = epoll_wait(a->epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == STDIN_FILENO) {
                return;
            }
            if (fd == a->listener) {
                take(a);
                continue;
            }
            ssize_t got = recv(fd, buf, sizeof buf, MSG_DONTWAIT);
            if (got > 0) {
                hear(&a->talks[fd], fd, buf, (size_t)got);
            } else if (got == 0 || errno != EAGAIN) {
                (void)close(fd);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static struct answer answer;
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    if (argc < 2 || strcmp(argv[1], "serve") != 0) {
        printf("bench_net_answer: run by ci/bench, as a milter (bench_net_answer serve)\n");
        return 0;
    }
    memset(&at, 0, sizeof at);
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    answer.epoll = epoll_create1(0);
    answer.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(answer.listener, (const struct sockaddr *)&at, len) != 0 ||
        listen(answer.listener, SOMAXCONN) != 0 ||
        getsockname(answer.listener, (struct sockaddr *)&at, &len) != 0) {
        perror("bench_net_answer");
        return 1;
    }
    add(&answer, answer.listener);
    add(&answer, STDIN_FILENO);
    printf("%u\n", (unsigned)ntohs(at.sin_port));
    (void)fflush(stdout);
    serve(&answer);
    return 0;
}
