/* SPDX-License-Identifier: MIT */
/*
 * An MTA under test: milterdrill is its milter, and also the SMTP client that makes it talk
 * (--smtp ADDR) and the server that takes what it delivers (--sink ADDR).
 */
#ifndef DRILL_CLI_UNDER_TEST_H
#define DRILL_CLI_UNDER_TEST_H

#include "cli/cli.h"
#include "net/smtp_conn.h"
#include "net/tls.h"
#include "scenario/scene.h"

struct cli_under_test {
    struct drill_net *net;
    struct drill_address smtp_address;
    bool xclient, proxy; /* how the MTA is told the client's address: drill_smtp_config */
    struct drill_tls *starttls;
    const struct drill_smtp_login *logins;
    bool any_login; /* of the file that is played: drill_smtp_config */
    bool has_sink;
    struct drill_sink deliveries;
    struct drill_net_sink *sink;
    /* of one play */
    struct drill_arena arena;
    struct drill_smtp *smtp;
    struct drill_net_conn *conn;
    struct drill_run *run;
    uint64_t patience;
    bool waited; /* for deliveries, and in vain */
};

/* What the client cannot tell an MTA under test: a sentence. NULL: all of the scene's sessions can
 * be played. */
const char *cli_under_test_lacks(const struct cli_under_test *u, const struct drill_scene *scene);
/* `sink` NULL: none. Errors as of the addresses and of listening. */
bool cli_under_test_open(struct cli_under_test *u, struct drill_net *net, const char *smtp,
                         const char *sink, struct drill_error *err);
/* For sessions in TLS and with a login: --tls-ca and --smtp-auth. Without this the client is in
 * plain, and logs in by XCLIENT only. */
bool cli_under_test_secure(struct cli_under_test *u, const struct cli_options *options,
                           struct drill_error *err);
/* The client of one play: to be run with the runner's own connection. */
bool cli_under_test_begin(struct cli_under_test *u, const struct drill_scene *scene,
                          struct drill_run *run, uint64_t patience, struct drill_error *err);
/* Runs both until the client has said all and the runner is done, or the runner has failed. */
void cli_under_test_play(struct cli_under_test *u);
/* When it is over: the run is skipped where the MTA does not offer what the client needs, and fails
 * where it refuses the login or TLS. */
void cli_under_test_explain(struct cli_under_test *u);
/* Compares `verdict` and `delivered` lines; a malformed SMTP reply always fails. */
void cli_under_test_check(struct cli_under_test *u);
void cli_under_test_end(struct cli_under_test *u);
/* Forgets what was delivered; waits half a second at most for so many deliveries. */
void cli_under_test_forget(struct cli_under_test *u);
void cli_under_test_drain(struct cli_under_test *u, uint32_t count);
/* Messages that its client was told 2xx for. */
uint32_t cli_under_test_accepted(const struct cli_under_test *u);
void cli_under_test_close(struct cli_under_test *u);

#endif
