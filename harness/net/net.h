/* SPDX-License-Identifier: MIT */
/*
 * Real sockets under the interface of play/transport.h: one reactor (libev), any number of plays.
 *
 * Connections are prompt by default: TCP_NODELAY, and acknowledgements at once (TCP_QUICKACK when
 * what was read is not answered at once: a write carries the acknowledgement), so that neither
 * side's Nagle waits for us; OPEN with `nagle` leaves the system's habits on. RST, FIN, EPIPE and
 * refusal are told apart, with the bytes in flight (SIOCOUTQ). SIGPIPE is never raised
 * (MSG_NOSIGNAL).
 */
#ifndef DRILL_NET_NET_H
#define DRILL_NET_NET_H

#include "net/address.h"
#include "play/transport.h"

struct drill_net;          /* the reactor */
struct drill_net_conn;     /* one play's connection */
struct drill_net_listener; /* connections that wait their turn */
struct drill_tls;          /* tls.h */
struct drill_net_rights;   /* rights.h */

struct drill_net *drill_net_new(struct drill_error *err);
void drill_net_free(struct drill_net *net);

/* Resolved once. Connections that no play takes yet wait in the system's backlog. A UNIX socket
 * that is left over from a dead process is replaced; a live one is an error; ours is removed by
 * drill_net_listener_free. Port 0 binds any free port: drill_net_listener_address says which; it
 * stays ours while a play refuses. Free the acceptors before their listener. */
struct drill_net_listener *drill_net_listen(struct drill_net *net, const struct drill_address *a,
                                            struct drill_error *err);
/* The same with rights (copied; NULL: none given). They stand before anyone can connect. With an
 * address that is no UNIX socket: DRILL_ERR_VALUE. */
struct drill_net_listener *drill_net_listen_with(struct drill_net *net,
                                                 const struct drill_address *a,
                                                 const struct drill_net_rights *rights,
                                                 struct drill_error *err);
void drill_net_listener_address(const struct drill_net_listener *l, struct drill_address *out);
void drill_net_listener_free(struct drill_net_listener *l);

/* A play that connects to `a` (resolved now; each open tries every address in order). */
struct drill_net_conn *drill_net_connector(struct drill_net *net, const struct drill_address *a,
                                           struct drill_run *run, struct drill_error *err);
/* A play that takes connections of `l`, in order of arrival. */
struct drill_net_conn *drill_net_acceptor(struct drill_net *net, struct drill_net_listener *l,
                                          struct drill_run *run, struct drill_error *err);
/* TLS from the first byte, as `tls` says; once, before the play opens. False: no memory. A
 * connector that was not let in, by itself or by the peer, is not connected (DRILL_END_ERROR); an
 * acceptor has a connection, and its end. `close` and a half-close send close_notify, `reset` does
 * not. */
bool drill_net_conn_tls(struct drill_net_conn *c, const struct drill_tls *tls);
/* Why TLS failed on the last connection, one sentence: "" when it did not. */
const char *drill_net_conn_tls_error(const struct drill_net_conn *c);
/* "closed without close_notify", "the TLS handshake had not come to its end" (it was given up), or
 * "". */
const char *drill_net_conn_tls_note(const struct drill_net_conn *c);
/* The runner was set back (drill_run_again): the play starts anew. A connection that still stands
 * is closed as it is. */
void drill_net_conn_again(struct drill_net_conn *c);
void drill_net_conn_free(struct drill_net_conn *c);
/* True when the play's runner is done. */
bool drill_net_conn_done(const struct drill_net_conn *c);
/* False where only a close over unread input resets: UNIX sockets. */
bool drill_net_conn_can_reset(const struct drill_net_conn *c);

/* Runs until every play is done, or `stop` returns true (looked at after every wake-up and signal;
 * NULL: never). Returns true when all are done. Begins by asking every play that is not done, so
 * after drill_run_stop another call lets them end. */
bool drill_net_run(struct drill_net *net, bool (*stop)(void *ctx), void *ctx);
/* Every play that is not done is asked again: something outside of its connection changed what it
 * may do. May be called while the net runs, by what a play does. */
void drill_net_poke(struct drill_net *net);
/* Makes drill_net_run look at `stop` now. May be called by a signal handler, and by other threads.
 */
void drill_net_interrupt(struct drill_net *net);
/* `done` is called for each play that ends, inside drill_net_run; it may call
 * drill_net_conn_again or drill_net_conn_free on it. NULL: none. */
void drill_net_on_done(struct drill_net *net, void (*done)(void *ctx, struct drill_net_conn *c),
                       void *ctx);
/* Lets this process have `need` open files if the hard limit allows; returns what it may have. */
size_t drill_net_raise_files(size_t need);
/* The reactor's clock: microseconds, monotonic. */
uint64_t drill_net_now(const struct drill_net *net);
/* The same clock, now: the reactor's stands still while it does something. */
uint64_t drill_net_clock(void);

#endif
