/* SPDX-License-Identifier: MIT */
/* OpenSSL's view of a socket: without SIGPIPE, and with what was seen on it kept. Internal. */
#ifndef DRILL_NET_TLS_SOCKET_H
#define DRILL_NET_TLS_SOCKET_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

enum { DRILL_TLS_FIRST = 8 };

struct drill_tls_socket {
    int fd;
    SSL *ssl;
    int error;                      /* errno of the last operation; 0 or nothing went wrong */
    bool eof;                       /* a FIN came */
    bool shaken;                    /* the handshake was done when it came */
    uint8_t first[DRILL_TLS_FIRST]; /* of the peer's bytes */
    size_t first_len;
};

/* BIO_set_data(bio, struct drill_tls_socket *). NULL: no memory. */
BIO_METHOD *drill_tls_socket_method(void);

#endif
