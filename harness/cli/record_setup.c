/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "cli/record.h"
#include "net/rights.h"

static bool tell(const struct drill_error *err)
{
    cli_error(err);
    return false;
}

/* As root it says who it will be: a program that reads everybody's mail does not stay root by
 * default, and no other user is the right one to guess. */
static bool choose_user(struct cli_record *r)
{
    struct drill_error err;
    if (geteuid() != 0) {
        r->who.uid = geteuid();
        r->who.gid = getegid();
        if (r->user &&
            (drill_user_find(r->user, &r->who, &err) != DRILL_OK || r->who.uid != geteuid())) {
            cli_complain("record: --user %s: only root can become another user", r->user);
            return false;
        }
        return true;
    }
    if (!r->user) {
        cli_complain("record: started as root: --user NAME says whom to become once sockets and "
                     "folder are open (a user of its own; --user root stays root)");
        return false;
    }
    return drill_user_find(r->user, &r->who, &err) == DRILL_OK || tell(&err);
}

static bool parse(const char *option, const char *text, struct drill_address *out)
{
    struct drill_error err;
    if (drill_address_parse(text, out, &err) != DRILL_OK) {
        return tell(&err);
    }
    if (out->kind == DRILL_ADDRESS_SIM) {
        cli_complain("record: --%s %s: a model has no connections to record", option, text);
        return false;
    }
    return true;
}

static bool read_inject(struct cli_record *r)
{
    struct drill_error err;
    struct drill_errors errors = {.count = 0};
    char caret[4096];
    if (!r->inject_file) {
        return true;
    }
    if (!cli_scenario_read(&r->scenario, r->inject_file, NULL, true, r->options.arena)) {
        return false;
    }
    bool ok = drill_inject_init(&r->inject, r->scenario.file, r->inject_file, &errors);
    for (size_t i = 0; i < errors.count && i < DRILL_ERRORS_MAX; i++) {
        struct drill_writer w = drill_writer_of(caret, sizeof(caret));
        drill_parse_caret(r->scenario.source, &errors.item[i], &w);
        struct drill_span out = drill_writer_span(&w);
        (void)fwrite(out.ptr, 1, out.len, stderr);
    }
    r->inject.seed = r->options.seed;
    return ok && (!r->inject_rate ||
                  drill_inject_rate(&r->inject, r->inject_rate, &err) == DRILL_OK || tell(&err));
}

static bool open_sockets(struct cli_record *r, struct drill_error *err)
{
    struct drill_net_rights rights;
    bool given = r->socket_mode || r->socket_owner;
    if (drill_net_rights_parse(r->socket_mode, r->socket_owner, &rights, err) != DRILL_OK) {
        return false;
    }
    r->net = drill_net_new(err);
    r->listener =
        r->net ? drill_net_listen_with(r->net, &r->listen_address, given ? &rights : NULL, err)
               : NULL;
    return r->listener != NULL;
}

static const char *host_of(const struct drill_address *a)
{
    return a->kind == DRILL_ADDRESS_INET && a->host[0] ? a->host : "localhost";
}

static bool open_tls(struct cli_record *r, struct drill_error *err)
{
    const struct cli_options *o = &r->options;
    if (r->listen_cert) {
        r->tls_in = drill_tls_server_files(r->listen_cert, r->listen_key, err);
        if (!r->tls_in) {
            return false;
        }
    } else if (r->listen_tls) {
        r->ca = drill_tls_ca_new(err);
        r->tls_in = r->ca
                        ? drill_tls_server(r->ca, DRILL_TLS_GOOD, host_of(&r->listen_address), err)
                        : NULL;
        if (!r->tls_in ||
            (o->tls_ca_out && cli_write(o->tls_ca_out, drill_tls_ca_pem(r->ca), err) != DRILL_OK)) {
            return false;
        }
    }
    if (r->milter_tls) {
        r->tls_out =
            drill_tls_client(o->tls_ca, host_of(&r->milter_address), r->milter_tls_any, err);
        return r->tls_out != NULL;
    }
    return true;
}

static void warn(void *ctx, const char *text)
{
    (void)ctx;
    cli_complain("%s", text);
}

static bool open_scribe(struct cli_record *r, struct drill_error *err)
{
    const struct drill_scribe_config config = {
        .files =
            {.folder = r->out, .most = r->most, .rotate = r->rotate, .keep = r->keep, .warn = warn},
        .record = {.keep = &r->only, .mta = r->options.mta, .milter = r->options.is},
        .user = &r->who};
    (void)fflush(NULL);
    r->scribe = drill_scribe_new(&config, err);
    return r->scribe != NULL;
}

static bool open_forward(struct cli_record *r, struct drill_error *err)
{
    struct drill_forward_tap tap;
    r->feed = drill_feed_new(r->scribe, r->inject_file ? &r->inject : NULL, err);
    if (!r->feed) {
        return false;
    }
    drill_feed_tap(r->feed, &tap);
    const struct drill_forward_config forward = {.listener = r->listener,
                                                 .milter = r->milter_address,
                                                 .tls_in = r->tls_in,
                                                 .tls_out = r->tls_out,
                                                 .tap = &tap};
    (void)drill_net_raise_files((size_t)1 << 20);
    r->forward = drill_forward_new(r->net, &forward, err);
    drill_feed_forward(r->feed, r->forward);
    return r->forward != NULL;
}

bool cli_record_open(struct cli_record *r)
{
    struct drill_error err;
    if (!parse("listen", r->options.listen, &r->listen_address) ||
        !parse("milter", r->options.milter, &r->milter_address) || !read_inject(r) ||
        !choose_user(r)) {
        return false;
    }
    if (!open_scribe(r, &err)) {
        return tell(&err);
    }
    return drill_scribe_is_child(r->scribe) ||
           (open_sockets(r, &err) && open_tls(r, &err) && drill_scribe_begin(r->scribe, &err) &&
            drill_user_become(&r->who, &err) && open_forward(r, &err)) ||
           tell(&err);
}

void cli_record_close(struct cli_record *r)
{
    drill_forward_free(r->forward);
    drill_feed_free(r->feed);
    drill_scribe_free(r->scribe);
    drill_net_listener_free(r->listener);
    drill_tls_free(r->tls_in);
    drill_tls_free(r->tls_out);
    drill_tls_ca_free(r->ca);
    drill_net_free(r->net);
}
