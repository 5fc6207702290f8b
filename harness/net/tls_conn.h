/* SPDX-License-Identifier: MIT */
/*
 * TLS on one play's connections, one after the other. Internal: conn.c calls it in place of send
 * and recv. A client's handshake is part of opening (drill_tls_conn_shake); a server's is done by
 * the first read or write, so that an MTA that hangs up in it is seen to have connected.
 */
#ifndef DRILL_NET_TLS_CONN_H
#define DRILL_NET_TLS_CONN_H

#include "net/tls.h"

struct drill_tls_conn;

/* READ, WRITE: again when the socket is readable, writable. */
enum drill_tls_step { DRILL_TLS_DONE, DRILL_TLS_READ, DRILL_TLS_WRITE, DRILL_TLS_ENDED };

/* NULL: no memory. `tls` must outlive it. */
struct drill_tls_conn *drill_tls_conn_new(const struct drill_tls *tls);
void drill_tls_conn_free(struct drill_tls_conn *t);
bool drill_tls_conn_client(const struct drill_tls_conn *t);

/* On a socket that stands. False: no memory. */
bool drill_tls_conn_begin(struct drill_tls_conn *t, int fd);
enum drill_tls_step drill_tls_conn_shake(struct drill_tls_conn *t);
enum drill_tls_step drill_tls_conn_send(struct drill_tls_conn *t, struct drill_span bytes,
                                        size_t *took);
enum drill_tls_step drill_tls_conn_recv(struct drill_tls_conn *t, uint8_t *buf, size_t want,
                                        size_t *got);
bool drill_tls_conn_shaken(const struct drill_tls_conn *t);
/* Sends close_notify, unless the connection broke or the handshake is not done. */
void drill_tls_conn_notify(struct drill_tls_conn *t);
/* Before the socket is closed. Texts stay until the next begin. */
void drill_tls_conn_end(struct drill_tls_conn *t);

/* Behind ENDED: 0 for a FIN, the socket's errno, or EPROTO for TLS itself: see error. */
int drill_tls_conn_errno(const struct drill_tls_conn *t);
/* Why TLS failed, one sentence; "" when it did not. */
const char *drill_tls_conn_error(const struct drill_tls_conn *t);
/* "" or what is unusual about an end that is no failure: FIN without close_notify. */
const char *drill_tls_conn_note(const struct drill_tls_conn *t);

#endif
