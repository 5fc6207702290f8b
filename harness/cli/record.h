/* SPDX-License-Identifier: MIT */
/* `record`: its options, and what they come to. */
#ifndef DRILL_CLI_RECORD_H
#define DRILL_CLI_RECORD_H

#include "cli/cli.h"
#include "net/tls.h"
#include "record/feed.h"

struct cli_record {
    struct cli_options options;
    const char *out, *user, *socket_mode, *socket_owner, *inject_file, *inject_rate;
    const char *listen_cert, *listen_key;
    bool listen_tls, milter_tls, milter_tls_any, break_mail;
    uint64_t most, rotate, keep, grace;
    struct drill_keep only;
    struct drill_inject inject;
    struct cli_scenario scenario; /* of --inject */

    struct drill_user who;
    struct drill_address listen_address, milter_address;
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct drill_tls_ca *ca;
    struct drill_tls *tls_in, *tls_out;
    struct drill_scribe *scribe;
    struct drill_feed *feed;
    struct drill_forward *forward;
    uint64_t until; /* end of the grace, net's clock */
};

/* record_options.c. False after an error that was printed. */
bool cli_record_options(struct cli_record *r, int argc, char **argv, bool *help);
/* record_setup.c: the scribe, sockets, certificates, folder, user, in this order; in the scribe's
 * process nothing behind that. False after an error that was printed. */
bool cli_record_open(struct cli_record *r);
void cli_record_close(struct cli_record *r);

#endif
