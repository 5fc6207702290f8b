/* SPDX-License-Identifier: MIT */
/*
 * Carries bytes between two sockets, unchanged and at once: every connection that a listener takes
 * is joined with one of its own to the milter. Half-closes are passed on as half-closes, resets as
 * resets, behind the bytes that came before them. What the one side does not take is not read from
 * the other, so that a message of any size needs no more memory than two buffers.
 *
 *     f = drill_forward_new(net, &config, &err);
 *     drill_net_run(net, stop, ctx);       carries; true: drained, and nothing stands
 *     drill_forward_drain(f);
 *     drill_net_run(net, stop_now, ctx);
 *     drill_forward_free(f);               before its listener, and before the net
 *
 * What peers see that talk through it:
 * - A milter that cannot be reached: the MTA's connection is reset before its first byte. It was
 *   taken by then (the system does that), and no answer to it looks more like a refusal; with a FIN
 *   the MTA would see a milter that hangs up.
 * - A reset by a side that had sent FIN arrives as EPIPE there (Linux); FIN and RST are passed on,
 *   in this order, so the other side is told the same.
 * - A UNIX socket cannot be reset. It is closed, which is a reset for the peer only where bytes of
 *   it lie unread.
 * - Bytes that are queued when a reset is to be passed have RESET_WAIT (forward_state.h) to leave.
 *
 * A tap sees every byte as it is read. It cannot stop traffic, unless it gives `edit` (faults on
 * purpose). Its functions are called inside drill_net_run only, `closed` also in
 * drill_forward_free; each may be NULL. They may call drill_forward_drain, not
 * drill_forward_free.
 */
#ifndef DRILL_NET_FORWARD_H
#define DRILL_NET_FORWARD_H

#include "net/net.h"
#include "net/tls.h"

struct drill_forward;

/* What an edit wants of the bytes it was shown (initialised to: pass them). */
struct drill_forward_edit {
    struct drill_span send; /* instead of the bytes; valid until the next call */
    uint64_t not_before;    /* net's clock: hold these and all later bytes of this direction until
                               then, and its end; 0: now */
    enum drill_end then;    /* behind these bytes: RST resets both sides, any other but NONE closes
                               both (FIN). Neither is told by `ended` */
    bool mute; /* from now on no bytes of this direction are passed: these neither. They
                  are still read, and shown to `bytes`; an end is still passed */
};

/* `who` is what `opened` returned: NULL means that the connection is carried, but not told of. */
struct drill_forward_tap {
    /* An MTA has connected. The port is its own; a UNIX peer has no path. */
    void *(*opened)(void *ctx, uint64_t now, const struct drill_address *from);
    /* The milter stands, too (TLS included). */
    void (*linked)(void *who, uint64_t now);
    /* One read, before it is handed on: whatever ends us, no peer got what the tap has not seen. */
    void (*bytes)(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now);
    /* Behind `bytes`. NULL: nothing is ever changed. */
    void (*edit)(void *who, enum drill_dir dir, struct drill_span bytes, uint64_t now,
                 struct drill_forward_edit *edit);
    /* The side that sends in `dir` ended its stream (FIN), or the connection (RST, ERROR; EPIPE: a
     * reset behind its FIN, so that one may be told twice of). The milter's direction also: it
     * could not be reached (REFUSED, ERROR). `in_flight`: bytes handed to the system that this side
     * had not acknowledged (play/transport.h). */
    void (*ended)(void *who, enum drill_dir dir, enum drill_end how, int error, uint64_t in_flight,
                  uint64_t now);
    /* Both sides are gone; `who` is not used again. Comes for every `opened`, the last. */
    void (*closed)(void *who, uint64_t now);
    void *ctx;
};

struct drill_forward_config {
    struct drill_net_listener *listener; /* outlives the forward; no play takes of it */
    struct drill_address milter;         /* resolved once */
    const struct drill_tls *tls_in;      /* a server's; NULL: plain. The tap sees what is inside */
    const struct drill_tls *tls_out;     /* a client's; NULL: plain */
    size_t buffer;                       /* bytes a read; 0: 64 KiB */
    const struct drill_forward_tap *tap; /* copied; NULL: none */
};

/* NULL: no memory, or the milter's name is not known. Takes connections from now on;
 * drill_net_run waits for the forward as for a play, until it is drained and nothing stands. */
struct drill_forward *drill_forward_new(struct drill_net *net,
                                        const struct drill_forward_config *config,
                                        struct drill_error *err);
/* No new connections (they are refused); those that stand go on until their own end. */
void drill_forward_drain(struct drill_forward *f);
size_t drill_forward_open(const struct drill_forward *f); /* connections that stand */
/* "" or why TLS failed on the connection whose `ended` or `closed` is being called, one sentence,
 * for the side that sends in `dir`. */
const char *drill_forward_tls_error(const struct drill_forward *f, enum drill_dir dir);
/* Ends what still stands (FIN to both); `closed` is called for each. */
void drill_forward_free(struct drill_forward *f);

#endif
