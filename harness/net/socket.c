/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef __linux__
#include <linux/sockios.h>
#endif

#include "net/state.h"

#ifndef __linux__
/* Where one call does not make a socket as we want it. */
static int socket_prepare(int fd)
{
    if (fd >= 0) {
        int flags = fcntl(fd, F_GETFL);
        (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef SO_NOSIGPIPE
        drill_net_option(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
    }
    return fd;
}
#endif

int drill_net_socket(int family)
{
#ifdef __linux__
    return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    return socket_prepare(socket(family, SOCK_STREAM, 0));
#endif
}

int drill_net_accept(int listener, struct drill_net_peer *from)
{
    struct sockaddr *addr = from ? (struct sockaddr *)(void *)&from->addr : NULL;
    socklen_t *len = from ? &from->len : NULL;
    int fd = -1;
    do {
        if (from) {
            from->len = sizeof(from->addr);
        }
#ifdef __linux__
        fd = accept4(listener, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
        fd = socket_prepare(accept(listener, addr, len));
#endif
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    return fd;
}

void drill_net_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

void drill_net_abort(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(fd);
}

uint64_t drill_net_in_flight(int fd)
{
#ifdef SIOCOUTQ
    int n = 0;
    if (ioctl(fd, SIOCOUTQ, &n) == 0 && n > 0) {
        return (uint64_t)n;
    }
#else
    (void)fd;
#endif
    return 0;
}

bool drill_net_again(int error)
{
#if EAGAIN != EWOULDBLOCK
    if (error == EWOULDBLOCK) {
        return true;
    }
#endif
    return error == EAGAIN;
}
