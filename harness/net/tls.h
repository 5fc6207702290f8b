/* SPDX-License-Identifier: MIT */
/*
 * TLS from the first byte of a connection, or behind STARTTLS: what one side shows and what it
 * checks, made once and used by any number of connections (drill_net_conn_tls).
 *
 *     tls = drill_tls_client("ca.pem", "milter.example", false, &err);    the MTA: checks
 *     ca = drill_tls_ca_new(&err);                                        the milter: shows
 *     tls = drill_tls_server(ca, DRILL_TLS_EXPIRED, "127.0.0.1", &err);
 *
 * Keys (EC P-256) and certificates are made in memory when asked for, and never written. They are
 * for tests: whoever trusts the CA trusts this process only, for as long as it runs. A recorder
 * that stands before a real milter may be given that one's own.
 */
#ifndef DRILL_NET_TLS_H
#define DRILL_NET_TLS_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"

struct drill_tls;    /* one side of connections to be */
struct drill_tls_ca; /* who signs a server's certificates */

enum drill_tls_cert {
    DRILL_TLS_GOOD,
    DRILL_TLS_EXPIRED,
    DRILL_TLS_SELF_SIGNED, /* the CA does not know it */
    DRILL_TLS_WRONG_NAME   /* it is for wrong-name.invalid */
};
enum { DRILL_TLS_CERTS = 4 };

/* The scenario's words: good, expired, self-signed, wrong-name. False: none of them. */
bool drill_tls_cert_find(struct drill_span word, enum drill_tls_cert *out);

/* NULL with DRILL_ERR_IO: the library fails, and says why. As for all that follow. */
struct drill_tls_ca *drill_tls_ca_new(struct drill_error *err);
void drill_tls_ca_free(struct drill_tls_ca *ca);
/* The CA's certificate as PEM; valid until the CA is freed. */
struct drill_span drill_tls_ca_pem(const struct drill_tls_ca *ca);

/* The certificate is for localhost, 127.0.0.1, ::1, this machine's name, and `host` (a name or an
 * address; NULL: none). The CA may go. */
struct drill_tls *drill_tls_server(const struct drill_tls_ca *ca, enum drill_tls_cert cert,
                                   const char *host, struct drill_error *err);
/* One that somebody made: PEM files, the certificate with its chain behind it. DRILL_ERR_IO also
 * when the key is another's, or locked by a passphrase. */
struct drill_tls *drill_tls_server_files(const char *cert_file, const char *key_file,
                                         struct drill_error *err);
/* Takes a certificate that a CA in `ca_file` (PEM; NULL: the system's) has signed, and that is for
 * `host`, name or address; with `allow_invalid` it takes any. */
struct drill_tls *drill_tls_client(const char *ca_file, const char *host, bool allow_invalid,
                                   struct drill_error *err);
/* For STARTTLS at an MTA: as MTAs do, it takes any certificate, but with a `ca_file`. */
struct drill_tls *drill_tls_smtp_client(const char *ca_file, const char *host,
                                        struct drill_error *err);
/* After the connections that use it. */
void drill_tls_free(struct drill_tls *tls);

#endif
