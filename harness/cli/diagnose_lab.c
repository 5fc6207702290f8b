/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "cli/diagnose.h"

/* The MTA's own limits count; this one is for frames that trickle. */
enum { REPRODUCED = 4 }; /* batches after which the logs say what there is to say */

#define PATIENCE (UINT64_C(300) * 1000000)

/* One trial on its way. */
struct play {
    struct cli_stage stage;
    struct drill_scene scene;
    bool open;
};

static bool begin(struct diagnose *d, const struct drill_trial *trial, struct drill_watch *watch,
                  struct play *p)
{
    struct send *s = &d->send;
    struct drill_error err;
    struct drill_run_config config = {0};
    bool sim = s->net == NULL;
    memset(p, 0, sizeof(*p));
    p->scene = s->scene;
    p->stage.mode = sim ? CLI_SIM_MILTER : CLI_AS_MTA;
    p->stage.net = s->net;
    p->stage.address = &s->address;
    p->stage.tls = s->stage.tls;
    p->scene.traffic = (struct drill_client *)(uintptr_t)trial->traffic;
    config.file = &s->file;
    config.ours = DRILL_SIDE_MTA;
    config.profile = s->scene.mta;
    config.settings = trial->settings;
    config.traffic = trial->traffic;
    config.patience = sim ? DRILL_NEVER : PATIENCE;
    config.simulated = sim;
    config.observer = (struct drill_observer){drill_watch_seen, watch};
    p->open = cli_stage_open(&p->stage, &config, &p->scene, &err);
    if (!p->open) {
        cli_error(&err);
    }
    return p->open;
}

static void finish(struct diagnose *d, struct play *p, struct drill_watch *watch)
{
    uint64_t now = p->stage.sim ? drill_sim_now(p->stage.sim) : drill_net_now(d->send.net);
    if (p->open && drill_run_result(p->stage.run) != DRILL_RESULT_ERROR && !cli_interrupted(NULL)) {
        drill_watch_end(watch, p->stage.run, now);
    }
    cli_stage_close(&p->stage);
}

/* All that were begun, to their ends; a simulation has its own clock, so one after the other. */
static void run(struct diagnose *d, struct play *plays, size_t count)
{
    if (!d->send.net) {
        for (size_t i = 0; i < count; i++) {
            cli_stage_play(&plays[i].stage, false);
        }
    } else if (!drill_net_run(d->send.net, cli_interrupted, NULL)) {
        for (size_t i = 0; i < count; i++) {
            drill_run_stop(plays[i].stage.run, "interrupted");
        }
        (void)drill_net_run(d->send.net, NULL, NULL);
    }
}

static bool play(void *ctx, const struct drill_trial *trials, size_t count,
                 struct drill_watch *watches)
{
    struct diagnose *d = ctx;
    struct play plays[DRILL_LAB_BATCH];
    size_t begun = 0;
    bool stop = false;
    while (begun < count && begin(d, &trials[begun], &watches[begun], &plays[begun])) {
        begun++;
    }
    run(d, plays, begun);
    if (++d->plays == REPRODUCED) {
        diagnose_logs_read(d);
    }
    for (size_t i = 0; i < begun; i++) {
        finish(d, &plays[i], &watches[i]);
        bool there = watches[i].sig.symptom != DRILL_SYMPTOM_UNREACHABLE;
        d->reached = d->reached || there;
        if (!there && d->reached) {
            watches[i].sig.symptom = DRILL_SYMPTOM_UNKNOWN;
            d->gone = stop = true;
        }
    }
    return begun == count && !stop && !cli_interrupted(NULL);
}

void diagnose_progress_end(struct diagnose *d)
{
    if (d->width) {
        (void)fprintf(stderr, "\r%*s\r", d->width, "");
        d->width = 0;
    }
}

static void progress(void *ctx, const char *what, uint32_t sessions, uint32_t budget)
{
    enum { BAR = 20 };
    struct diagnose *d = ctx;
    char bar[BAR + 1];
    if (d->quiet) {
        return;
    }
    memset(bar, '.', BAR);
    bar[BAR] = '\0';
    memset(bar, '#', budget ? (size_t)sessions * BAR / budget : 0);
    diagnose_progress_end(d);
    int n = fprintf(stderr, "[%s] %u of %u sessions: %.80s", bar, sessions, budget, what);
    d->width = n > 0 ? n : 0;
}

static uint64_t now(void *ctx)
{
    const struct diagnose *d = ctx;
    return d->send.net ? drill_net_now(d->send.net) : 0;
}

void diagnose_lab_init(struct diagnose *d)
{
    d->lab = (struct drill_lab_ops){play, progress, now, d};
    d->quiet = d->json || !isatty(STDERR_FILENO);
}
