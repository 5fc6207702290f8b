/* SPDX-License-Identifier: MIT */
#include "cli/under_test.h"

#include <string.h>

#include "cli/login.h"
#include "scenario/delivered.h"

/* What is not to be delivered cannot be waited for; this long is looked whether it comes. */
#define NONE_PATIENCE (UINT64_C(500) * 1000)

bool cli_under_test_open(struct cli_under_test *u, struct drill_net *net, const char *smtp,
                         const char *sink, struct drill_error *err)
{
    struct drill_address at;
    memset(u, 0, sizeof(*u));
    u->net = net;
    if (drill_address_parse(smtp, &u->smtp_address, err) != DRILL_OK) {
        return false;
    }
    if (!sink) {
        return true;
    }
    drill_sink_init(&u->deliveries, NULL, NULL);
    u->has_sink = true;
    u->sink = drill_address_parse(sink, &at, err) == DRILL_OK
                  ? drill_net_sink_new(net, &at, &u->deliveries, err)
                  : NULL;
    return u->sink != NULL;
}

void cli_under_test_close(struct cli_under_test *u)
{
    drill_net_sink_free(u->sink);
    if (u->has_sink) {
        drill_sink_fini(&u->deliveries);
    }
    drill_tls_free(u->starttls);
    u->starttls = NULL;
    u->sink = NULL;
    u->has_sink = false;
}

bool cli_under_test_secure(struct cli_under_test *u, const struct cli_options *options,
                           struct drill_error *err)
{
    const struct drill_address *a = &u->smtp_address;
    const char *host = a->kind == DRILL_ADDRESS_INET && a->host[0] ? a->host : "localhost";
    u->starttls = drill_tls_smtp_client(options->tls_ca, host, err);
    return u->starttls && (!options->smtp_auth || cli_login_read(options->smtp_auth, options->arena,
                                                                 &u->logins, err) == DRILL_OK);
}

void cli_under_test_forget(struct cli_under_test *u)
{
    if (u->has_sink) {
        drill_sink_reset(&u->deliveries);
    }
}

const char *cli_under_test_lacks(const struct cli_under_test *u, const struct drill_scene *scene)
{
    for (const struct drill_client *c = scene->traffic; c; c = c->next) {
        bool known = drill_smtp_login_find(u->logins, c->auth, u->any_login);
        if (c->auth.len && !known && !u->xclient) {
            return u->logins ? "`client auth=`: the file of --smtp-auth does not have that login"
                             : "`client auth=`: a login needs --smtp-auth FILE, or --xclient";
        }
    }
    return NULL;
}

bool cli_under_test_begin(struct cli_under_test *u, const struct drill_scene *scene,
                          struct drill_run *run, uint64_t patience, struct drill_error *err)
{
    cli_arena_init(&u->arena);
    u->run = run;
    u->patience = patience;
    u->waited = false;
    u->smtp = drill_arena_take(&u->arena, sizeof(*u->smtp));
    if (!u->smtp) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
        return false;
    }
    struct drill_smtp_config config = {.traffic = scene->traffic,
                                       .extras = scene->extras,
                                       .patience = patience,
                                       .xclient = u->xclient,
                                       .proxy = u->proxy,
                                       .starttls = u->starttls != NULL,
                                       .logins = u->logins,
                                       .any_login = u->any_login};
    drill_smtp_init(u->smtp, &config, &u->arena);
    cli_under_test_forget(u);
    u->conn = drill_net_smtp(u->net, &u->smtp_address, u->smtp, u->starttls, err);
    return u->conn != NULL;
}

/* ---- what is still on its way ---- */

uint32_t cli_under_test_accepted(const struct cli_under_test *u)
{
    uint32_t count = 0;
    for (const struct drill_smtp_reply *r = u->smtp ? u->smtp->replies : NULL; r; r = r->next) {
        count += r->told.message && r->told.final && r->told.code / 100 == 2;
    }
    return count;
}

struct awaited {
    const struct cli_under_test *u;
    uint32_t count;
};

static bool all_came(void *ctx)
{
    const struct awaited *a = ctx;
    return a->u->deliveries.count >= a->count || cli_interrupted(NULL);
}

void cli_under_test_drain(struct cli_under_test *u, uint32_t count)
{
    struct awaited a = {u, count};
    if (u->has_sink) {
        (void)drill_net_sink_wait(u->sink, drill_net_now(u->net) + NONE_PATIENCE, all_came, &a);
    }
}

/* A message that was accepted would else be taken for one of the next play's. One that the MTA
 * holds or drops never comes. */
static void let_arrive(struct cli_under_test *u)
{
    if (u->has_sink && u->smtp && !u->waited) {
        cli_under_test_drain(u, cli_under_test_accepted(u));
    }
}

void cli_under_test_end(struct cli_under_test *u)
{
    let_arrive(u);
    if (u->conn) {
        drill_net_conn_free(u->conn);
    }
    drill_arena_fini(&u->arena);
    u->conn = NULL;
    u->smtp = NULL;
    u->run = NULL;
}

static bool over(void *ctx)
{
    const struct cli_under_test *u = ctx;
    enum drill_result result = drill_run_report(u->run)->result;
    if (cli_interrupted(NULL) || (result != DRILL_RESULT_RUNNING && result != DRILL_RESULT_PASS)) {
        return true;
    }
    return drill_smtp_done(u->smtp) && !drill_run_linked(u->run);
}

void cli_under_test_play(struct cli_under_test *u)
{
    bool all = drill_net_run(u->net, over, u);
    if (!all && cli_interrupted(NULL)) {
        drill_run_stop(u->run, "interrupted");
    } else if (drill_run_report(u->run)->result == DRILL_RESULT_RUNNING) {
        drill_run_stuck(u->run, drill_net_now(u->net)); /* the MTA has nothing more to say */
    }
    if (!cli_interrupted(NULL)) {
        cli_under_test_explain(u);
    }
}

static bool enough(void *ctx)
{
    const struct cli_under_test *u = ctx;
    uint32_t want = drill_run_deliveries(u->run);
    return u->deliveries.count >= (want ? want : 1);
}

static const struct drill_told *outcome(const void *ctx, uint32_t message)
{
    return drill_smtp_outcome(ctx, message);
}

/* The sentence of the first fault of several. */
static const char *fault_text(unsigned faults)
{
    return drill_smtp_fault_text((enum drill_smtp_fault)(faults & (0U - faults)));
}

static bool smtp_is_sound(struct cli_under_test *u)
{
    const struct drill_smtp_reply *bad = u->smtp->faulty;
    if (bad) {
        drill_run_refute(u->run, (struct drill_pos){0, 0}, "the MTA sent a malformed SMTP reply",
                         fault_text(bad->faults), bad->told.line);
    }
    return !bad;
}

void cli_under_test_explain(struct cli_under_test *u)
{
    const struct drill_smtp *smtp = u->smtp;
    const unsigned secure = DRILL_SMTP_IN_PLAIN | DRILL_SMTP_BAD_CHALLENGE;
    if (smtp->faulty && smtp->faulty->faults & secure) {
        (void)smtp_is_sound(u);
    } else if (smtp->lacks && !smtp->faulty) {
        drill_run_skip(u->run, smtp->lacks);
    } else if (smtp->no_login) {
        drill_run_refute(u->run, (struct drill_pos){0, 0}, "the MTA refuses the client's login",
                         smtp->no_login->told.code / 100 == 4
                             ? "it cannot look the password up now; its log may say why"
                             : "it knows another password, or nobody of that name (--smtp-auth)",
                         smtp->no_login->told.line);
    }
    drill_run_because(u->run, drill_net_conn_tls_error(u->conn));
}

void cli_under_test_check(struct cli_under_test *u)
{
    struct drill_concluded c = {.traffic = u->smtp->config.traffic,
                                .told = u->smtp->replies ? &u->smtp->replies->told : NULL,
                                .outcome = outcome,
                                .ctx = u->smtp};
    if (!smtp_is_sound(u) || !drill_run_check_told(u->run, &c) || !u->has_sink) {
        return;
    }
    uint64_t patience = drill_run_deliveries(u->run) ? u->patience : NONE_PATIENCE;
    if (drill_run_awaits_delivery(u->run)) {
        bool came = drill_net_sink_wait(u->sink, drill_net_now(u->net) + patience, enough, u);
        u->waited = !came;
    }
    (void)drill_run_check_delivered(u->run, u->deliveries.deliveries);
}
