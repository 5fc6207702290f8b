/* SPDX-License-Identifier: MIT */
#include "net/tls_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "net/state.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static int tls_socket_write(BIO *bio, const char *bytes, int len)
{
    struct drill_tls_socket *s = BIO_get_data(bio);
    ssize_t n = 0;
    BIO_clear_retry_flags(bio);
    do {
        n = send(s->fd, bytes, (size_t)len, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && drill_net_again(errno)) {
        BIO_set_retry_write(bio);
    } else if (n < 0) {
        s->error = errno;
    }
    return (int)n;
}

static int tls_socket_read(BIO *bio, char *buf, int cap)
{
    struct drill_tls_socket *s = BIO_get_data(bio);
    ssize_t n = 0;
    BIO_clear_retry_flags(bio);
    do {
        n = recv(s->fd, buf, (size_t)cap, 0);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        s->eof = true;
        s->shaken = SSL_is_init_finished(s->ssl) == 1;
    } else if (n < 0 && drill_net_again(errno)) {
        BIO_set_retry_read(bio);
    } else if (n < 0) {
        s->error = errno;
    }
    for (ssize_t i = 0; i < n && s->first_len < DRILL_TLS_FIRST; i++) {
        s->first[s->first_len++] = (uint8_t)buf[i];
    }
    return (int)n;
}

static long tls_socket_ctrl(BIO *bio, int command, long number, void *p)
{
    const struct drill_tls_socket *s = BIO_get_data(bio);
    (void)number;
    (void)p;
    switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return s && s->eof;
    default: return 0;
    }
}

BIO_METHOD *drill_tls_socket_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "drill socket");
    if (m && (BIO_meth_set_write(m, tls_socket_write) != 1 ||
              BIO_meth_set_read(m, tls_socket_read) != 1 ||
              BIO_meth_set_ctrl(m, tls_socket_ctrl) != 1)) {
        BIO_meth_free(m);
        m = NULL;
    }
    return m;
}
