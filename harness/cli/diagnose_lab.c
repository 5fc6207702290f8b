/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/diagnose.h"

/* The MTA's own limits count; this one is for frames that trickle. */
enum {
    REPRODUCED = 4,         /* batches after which the logs say what there is to say */
    PAUSES = 5,             /* how often it is looked whether a milter that is gone comes back */
    FIRST_PAUSE = 30000000, /* nanoseconds; each is twice as long: a second in all */
};

#define PATIENCE (UINT64_C(300) * 1000000)

/* One trial on its way. */
struct play {
    struct cli_stage stage;
    struct drill_scene scene;
    bool open;
};

static bool begin(struct diagnose *d, const struct drill_file *file,
                  const struct drill_trial *trial, struct drill_watch *watch, struct play *p)
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
    config.file = file;
    config.ours = DRILL_SIDE_MTA;
    config.profile = s->scene.mta;
    config.settings = trial->settings;
    config.traffic = trial->traffic;
    config.patience = sim ? DRILL_NEVER : PATIENCE;
    config.simulated = sim;
    config.attentive = true;
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
        (void)snprintf(d->tls, sizeof(d->tls), "%s", cli_tls_text(&p->stage));
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

/* Sendmail::PMilter says continue to quit, and to the end of what it reads: a connection on which
 * nothing is asked shows that, and what is no reply too many then. */
static bool ask_parting(struct diagnose *d, const struct drill_trial *trial)
{
    static const char TEXT[] = "drill 1 \"it leaves at once\"\n> open\n> half-close\n...\n";
    struct drill_errors errors = {.count = 0};
    struct drill_watch watch;
    struct play p;
    const struct drill_file *file =
        drill_parse(drill_span_str(TEXT), "", NULL, &d->send.arena, &errors);
    d->asked = true;
    drill_watch_init(&watch, 0);
    if (!file || !begin(d, file, trial, &watch, &p)) {
        return false;
    }
    run(d, &p, 1);
    finish(d, &p, &watch);
    d->parting = watch.sig.reply ? 1 : 0;
    return true;
}

static bool forgive(struct diagnose *d, const struct drill_trial *trials, size_t count,
                    struct drill_watch *watches)
{
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        if (watches[i].sig.surplus) {
            ok = d->asked || ask_parting(d, &trials[i]);
            drill_watch_forgive(&watches[i], d->parting);
        }
    }
    return ok;
}

/* Plays the trials whose watches say that nobody was there, or all. False: not all were begun. */
static bool play_some(struct diagnose *d, const struct drill_trial *trials, size_t count,
                      struct drill_watch *watches, bool again)
{
    struct play plays[DRILL_LAB_BATCH];
    struct drill_watch *watch[DRILL_LAB_BATCH];
    size_t begun = 0;
    bool ok = true;
    for (size_t i = 0; i < count && ok; i++) {
        if (again && watches[i].sig.symptom != DRILL_SYMPTOM_UNREACHABLE) {
            continue;
        }
        drill_watch_init(&watches[i], trials[i].settings->max_response);
        watches[i].sig.symptom = DRILL_SYMPTOM_UNKNOWN;
        watch[begun] = &watches[i];
        ok = begin(d, &d->send.file, &trials[i], &watches[i], &plays[begun]);
        begun += ok;
    }
    run(d, plays, begun);
    for (size_t i = 0; i < begun; i++) {
        finish(d, &plays[i], watch[i]);
    }
    return ok;
}

static bool is_anybody_missing(struct diagnose *d, const struct drill_watch *watches, size_t count)
{
    bool missing = false;
    for (size_t i = 0; i < count; i++) {
        missing = missing || watches[i].sig.symptom == DRILL_SYMPTOM_UNREACHABLE;
        d->reached = d->reached || (watches[i].sig.symptom != DRILL_SYMPTOM_UNREACHABLE &&
                                    watches[i].sig.symptom != DRILL_SYMPTOM_UNKNOWN);
    }
    return missing && d->reached;
}

bool diagnose_pause(unsigned nth)
{
    struct timespec pause = {0, nth ? (long)FIRST_PAUSE << (nth - 1) : 0};
    if (nth > PAUSES) {
        return false;
    }
    (void)nanosleep(&pause, NULL);
    return !cli_interrupted(NULL);
}

/* A milter that dies over a message is often started again by what watches over it. */
static bool await_return(struct diagnose *d, const struct drill_trial *trials, size_t count,
                         struct drill_watch *watches)
{
    bool ok = true;
    for (unsigned i = 1; ok && is_anybody_missing(d, watches, count) && diagnose_pause(i); i++) {
        ok = play_some(d, trials, count, watches, true);
    }
    return ok;
}

/* A milter that is started again when it dies takes others down with it: one by one. */
static bool play_each(struct diagnose *d, const struct drill_trial *trials, size_t count,
                      struct drill_watch *watches)
{
    for (size_t i = 0; i < count; i++) {
        if (!play_some(d, &trials[i], 1, &watches[i], false)) {
            return false;
        }
        if (watches[i].sig.symptom == DRILL_SYMPTOM_UNREACHABLE && diagnose_command_start(d) &&
            !play_some(d, &trials[i], 1, &watches[i], true)) {
            return false;
        }
        if (watches[i].sig.symptom == DRILL_SYMPTOM_LOST) {
            diagnose_command_settle(d);
        }
    }
    return true;
}

static bool play(void *ctx, const struct drill_trial *trials, size_t count,
                 struct drill_watch *watches)
{
    struct diagnose *d = ctx;
    bool ok = d->command.text ? play_each(d, trials, count, watches)
                              : play_some(d, trials, count, watches, false) &&
                                    await_return(d, trials, count, watches);
    ok = forgive(d, trials, count, watches) && ok;
    if (++d->plays == REPRODUCED) {
        diagnose_logs_read(d);
    }
    if (is_anybody_missing(d, watches, count)) {
        d->gone = true;
    }
    for (size_t i = 0; i < count && d->reached; i++) {
        if (watches[i].sig.symptom == DRILL_SYMPTOM_UNREACHABLE) {
            watches[i].sig.symptom = DRILL_SYMPTOM_UNKNOWN;
        }
    }
    return ok && !d->gone && !cli_interrupted(NULL);
}

void diagnose_progress_end(struct diagnose *d)
{
    if (d->width) {
        (void)fprintf(stderr, "\r%*s\r", d->width, "");
        d->width = 0;
    }
}

void diagnose_progress(struct diagnose *d, const char *what, uint32_t sessions, uint32_t budget)
{
    enum { BAR = 20 };
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

void diagnose_quiet(struct diagnose *d)
{
    d->quiet = !isatty(STDERR_FILENO);
}

static void progress(void *ctx, const char *what, uint32_t sessions, uint32_t budget)
{
    struct diagnose *d = ctx;
    diagnose_progress(d, what, sessions, budget);
}

/* Also of a simulation, whose own clock stands still between sessions. */
static uint64_t now(void *ctx)
{
    struct timespec t = {0, 0};
    (void)ctx;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

void diagnose_lab_init(struct diagnose *d)
{
    d->lab = (struct drill_lab_ops){play, progress, now, d};
}
