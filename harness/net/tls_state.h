/* SPDX-License-Identifier: MIT */
/* TLS below the operations of a connection (conn.c). Internal. */
#ifndef DRILL_NET_TLS_STATE_H
#define DRILL_NET_TLS_STATE_H

#include <openssl/ssl.h>

#include "net/tls.h"

enum { DRILL_TLS_HOST = 256 };

struct drill_tls {
    SSL_CTX *context;
    BIO_METHOD *socket; /* send and recv without SIGPIPE */
    bool client;
    bool smtp; /* the peer is an MTA that takes mail, not a milter */
    bool allow_invalid;
    char host[DRILL_TLS_HOST];
};

struct drill_tls_ca {
    EVP_PKEY *key;
    X509 *cert;
    BIO *pem;
};

/* tls_cert.c: key and certificate into the context. False with an error in OpenSSL's queue. */
bool drill_tls_cert_make(const struct drill_tls_ca *ca, enum drill_tls_cert kind, const char *host,
                         SSL_CTX *context);
/* "what: the library's reason", and an empty queue. */
enum drill_code drill_tls_failed(struct drill_error *err, const char *what);

#endif
