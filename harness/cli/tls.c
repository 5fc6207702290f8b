/* SPDX-License-Identifier: MIT */
#include "cli/tls.h"

#include <string.h>

static bool need_ca(struct cli_tls *t, struct drill_error *err)
{
    t->ca = t->ca ? t->ca : drill_tls_ca_new(err);
    return t->ca != NULL;
}

bool cli_tls_open(struct cli_tls *t, const struct cli_options *options,
                  const struct drill_address *address, struct drill_error *err)
{
    memset(t, 0, sizeof(*t));
    t->options = options;
    t->host = address->kind == DRILL_ADDRESS_INET && address->host[0] ? address->host : "localhost";
    return !options->tls_ca_out ||
           (need_ca(t, err) &&
            cli_write(options->tls_ca_out, drill_tls_ca_pem(t->ca), err) == DRILL_OK);
}

static struct drill_tls *client(struct cli_tls *t, bool allow_invalid, struct drill_error *err)
{
    struct drill_tls **made = &t->clients[allow_invalid ? 1 : 0];
    *made = *made ? *made : drill_tls_client(t->options->tls_ca, t->host, allow_invalid, err);
    return *made;
}

static struct drill_tls *server(struct cli_tls *t, struct drill_span word, struct drill_error *err)
{
    enum drill_tls_cert cert = DRILL_TLS_GOOD;
    (void)drill_tls_cert_find(word, &cert); /* the parser takes no other words */
    struct drill_tls **made = &t->servers[cert];
    if (!*made && need_ca(t, err)) {
        *made = drill_tls_server(t->ca, cert, t->host, err);
    }
    return *made;
}

bool cli_tls_choose(struct cli_tls *t, enum cli_mode mode, const struct drill_scene *scene,
                    const struct drill_tls **out, struct drill_error *err)
{
    const struct drill_settings *set = &scene->mta_settings;
    *out = NULL;
    switch (mode) {
    case CLI_AS_MTA:
        if (!scene->tls && !set->use_tls) {
            return true;
        }
        *out = client(t, set->allow_invalid_certs, err);
        return *out != NULL;
    case CLI_AS_MILTER:
        if (!scene->tls) {
            return true;
        }
        *out = server(t, scene->tls_cert, err);
        return *out != NULL;
    case CLI_SIM_MTA:
    case CLI_SIM_MILTER: break;
    }
    return true;
}

const char *cli_tls_text(const struct cli_stage *stage)
{
    if (!stage->conn) {
        return "";
    }
    const char *error = drill_net_conn_tls_error(stage->conn);
    return error[0] ? error : drill_net_conn_tls_note(stage->conn);
}

bool cli_tls_failed(const struct cli_stage *stage)
{
    return stage->conn && drill_net_conn_tls_error(stage->conn)[0];
}

void cli_tls_close(struct cli_tls *t)
{
    for (size_t i = 0; i < sizeof(t->clients) / sizeof(t->clients[0]); i++) {
        drill_tls_free(t->clients[i]);
    }
    for (size_t i = 0; i < sizeof(t->servers) / sizeof(t->servers[0]); i++) {
        drill_tls_free(t->servers[i]);
    }
    drill_tls_ca_free(t->ca);
    memset(t, 0, sizeof(*t));
}
