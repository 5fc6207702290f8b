/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cli.h"

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

void cli_catch_signals(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_signal;
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    (void)sigaction(SIGPIPE, &sa, NULL);
}

bool cli_interrupted(void *ctx)
{
    (void)ctx;
    return interrupted != 0;
}

const char *cli_mode_name(enum cli_mode mode)
{
    switch (mode) {
    case CLI_AS_MTA: return "mta";
    case CLI_AS_MILTER: return "milter";
    case CLI_SIM_MTA: return "sim-mta";
    case CLI_SIM_MILTER: return "sim-milter";
    }
    return "";
}

static void one_of_several(const struct cli_stage *s, struct drill_run_config *config)
{
    if (config->ours == DRILL_SIDE_MTA) {
        config->several = s->several;
        config->number = s->number;
    }
}

static bool open_sim(struct cli_stage *s, const struct drill_run_config *config,
                     const struct drill_scene *scene)
{
    struct drill_run_config model = {0};
    bool mta = s->mode == CLI_SIM_MTA;
    model.ours = mta ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
    model.profile = mta ? scene->mta : scene->milter;
    model.settings = mta ? &scene->mta_settings : &scene->milter_settings;
    model.traffic = scene->traffic;
    model.patience = DRILL_NEVER;
    model.simulated = true;
    one_of_several(s, &model);
    s->run = drill_run_new(config, NULL);
    s->model = drill_run_new(&model, NULL);
    s->sim = drill_sim_new(NULL);
    return s->run && s->model && s->sim;
}

static bool open_net(struct cli_stage *s, const struct drill_run_config *config,
                     struct drill_error *err)
{
    s->run = drill_run_new(config, NULL);
    if (!s->run) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
        return false;
    }
    s->conn = s->mode == CLI_AS_MTA ? drill_net_connector(s->net, s->address, s->run, err)
                                    : drill_net_acceptor(s->net, s->listener, s->run, err);
    if (s->conn && s->tls && !drill_net_conn_tls(s->conn, s->tls)) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for TLS");
        return false;
    }
    return s->conn != NULL;
}

bool cli_stage_open(struct cli_stage *s, const struct drill_run_config *config,
                    const struct drill_scene *scene, struct drill_error *err)
{
    struct drill_run_config ours = *config;
    one_of_several(s, &ours);
    if (s->mode == CLI_SIM_MTA || s->mode == CLI_SIM_MILTER) {
        if (!open_sim(s, &ours, scene)) {
            drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
            return false;
        }
        return true;
    }
    return open_net(s, &ours, err);
}

void cli_stage_play(struct cli_stage *s, bool again)
{
    if (again) {
        drill_run_again(s->run);
    }
    if (!s->sim) {
        if (again) {
            drill_net_conn_again(s->conn);
        }
        s->begin = drill_net_now(s->net);
        if (!drill_net_run(s->net, cli_interrupted, NULL)) {
            drill_run_stop(s->run, "interrupted");
        }
        s->elapsed = drill_net_now(s->net) - s->begin;
        return;
    }
    if (again) {
        drill_run_again(s->model);
    }
    struct drill_sim_config config = {0};
    config.mta = s->mode == CLI_SIM_MTA ? s->model : s->run;
    config.milter = s->mode == CLI_SIM_MTA ? s->run : s->model;
    s->begin = 0;
    if (drill_sim_play(s->sim, &config) == DRILL_SIM_MEMORY) {
        drill_run_stop(s->run, "no memory for the simulation");
    }
    s->elapsed = drill_sim_now(s->sim);
}

void cli_stage_close(struct cli_stage *s)
{
    if (s->conn) {
        drill_net_conn_free(s->conn);
    }
    if (s->sim) {
        drill_sim_free(s->sim);
    }
    drill_run_free(s->model);
    drill_run_free(s->run);
    s->conn = NULL;
    s->sim = NULL;
    s->run = s->model = NULL;
}

bool cli_model(const char *name, enum drill_side side, const struct drill_profile **out)
{
    *out = drill_profile_find(side, drill_span_str(name));
    if (*out) {
        return true;
    }
    const char *near = drill_profile_nearest(side, drill_span_str(name));
    cli_complain("sim:%s: there is no model of that name for this side%s%s%s", name,
                 near ? "; did you mean sim:" : "", near ? near : "", near ? "?" : "");
    return false;
}
