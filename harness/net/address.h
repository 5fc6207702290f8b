/* SPDX-License-Identifier: MIT */
/*
 * Addresses as operators paste them: `inet:port@host`, `inet6:port@host`, `unix:/path`,
 * `local:/path`, a bare `/path`, `host:port`, `[v6]:port`, Postfix's `inet:host:port`, and
 * `sim:MODEL`. A host is a name or an address; `inet` asks for IPv4, `inet6` for IPv6, bare forms
 * for either.
 */
#ifndef DRILL_NET_ADDRESS_H
#define DRILL_NET_ADDRESS_H

#include <sys/socket.h>

#include "base/error.h"

enum drill_address_kind { DRILL_ADDRESS_INET, DRILL_ADDRESS_UNIX, DRILL_ADDRESS_SIM };

struct drill_address {
    enum drill_address_kind kind;
    int family;     /* AF_INET, AF_INET6, AF_UNSPEC; AF_UNIX */
    char host[256]; /* INET: "" any (listening) */
    uint16_t port;
    char path[108]; /* UNIX */
    char model[64]; /* SIM: "libmilter" */
};

/* DRILL_ERR_SYNTAX or DRILL_ERR_VALUE, with what was expected and the forms that exist. */
enum drill_code drill_address_parse(const char *text, struct drill_address *out,
                                    struct drill_error *err);
/* "inet:7357@127.0.0.1", "inet6:7357@::1", "unix:/path". Returns buf. */
const char *drill_address_format(const struct drill_address *a, char *buf, size_t cap);
/* All socket addresses, in the order of the resolver. DRILL_ERR_NOTFOUND names host and reason. */
enum drill_code drill_address_resolve(const struct drill_address *a, bool listening,
                                      struct sockaddr_storage *list, socklen_t *lens, size_t max,
                                      size_t *count, struct drill_error *err);

#endif
