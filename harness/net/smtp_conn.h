/* SPDX-License-Identifier: MIT */
/*
 * The SMTP client and the sink on real sockets, beside the plays of the same reactor.
 *
 *     drill_net_smtp(net, &mta, &smtp, NULL, &err);   a play like others: drill_net_run waits
 *     sink = drill_net_sink_new(net, &here, &deliveries, &err);       takes mail while the net runs
 *     drill_net_run(net, NULL, NULL);
 *     drill_net_sink_wait(sink, drill_net_now(net) + 5000000, enough, ctx);
 */
#ifndef DRILL_NET_SMTP_CONN_H
#define DRILL_NET_SMTP_CONN_H

#include "net/net.h"
#include "session/sink.h"
#include "session/smtp.h"

/* `a`: where the MTA takes mail. `starttls`: the client's side of TLS, for a client that is
 * configured to wish for it; NULL: it is not. What TLS says of a failure: drill_net_conn_tls_error.
 * To be freed by drill_net_conn_free, before `smtp` and `starttls` go. */
struct drill_net_conn *drill_net_smtp(struct drill_net *net, const struct drill_address *a,
                                      struct drill_smtp *smtp, const struct drill_tls *starttls,
                                      struct drill_error *err);

enum { DRILL_NET_SINK_SESSIONS = 32 }; /* at once; more connections wait in the system's backlog */

struct drill_net_sink;

/* Listens at `a` (port 0: any). `sink` outlives it; it must be freed before `net`. */
struct drill_net_sink *drill_net_sink_new(struct drill_net *net, const struct drill_address *a,
                                          struct drill_sink *sink, struct drill_error *err);
void drill_net_sink_address(const struct drill_net_sink *s, struct drill_address *out);
/* Runs the reactor until `enough` returns true (looked at after every wake-up), or until that time
 * has come on its clock. True: enough. */
bool drill_net_sink_wait(struct drill_net_sink *s, uint64_t until, bool (*enough)(void *ctx),
                         void *ctx);
void drill_net_sink_free(struct drill_net_sink *s);

#endif
