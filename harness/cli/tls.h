/* SPDX-License-Identifier: MIT */
/* TLS as options, settings and `tls` lines ask for it: --tls-ca, --tls-ca-out. */
#ifndef DRILL_CLI_TLS_H
#define DRILL_CLI_TLS_H

#include "cli/cli.h"
#include "net/tls.h"

/* What was made so far: a client that checks and one that does not, a server a certificate. */
struct cli_tls {
    const struct cli_options *options;
    const char *host;
    struct drill_tls *clients[2];
    struct drill_tls_ca *ca;
    struct drill_tls *servers[DRILL_TLS_CERTS];
};

/* Writes the CA's certificate, if asked to. Options and address must outlive it. */
bool cli_tls_open(struct cli_tls *t, const struct cli_options *options,
                  const struct drill_address *address, struct drill_error *err);
/* NULL in `out`: plain. Valid until cli_tls_close. False after an error in `err`. */
bool cli_tls_choose(struct cli_tls *t, enum cli_mode mode, const struct drill_scene *scene,
                    const struct drill_tls **out, struct drill_error *err);
/* What TLS has to say about how the connection ended; "" nothing. */
const char *cli_tls_text(const struct cli_stage *stage);
bool cli_tls_failed(const struct cli_stage *stage);
/* After the stages. */
void cli_tls_close(struct cli_tls *t);

#endif
