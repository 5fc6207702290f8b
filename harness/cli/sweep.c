/* SPDX-License-Identifier: MIT */
#include "cli/sweep.h"

#include <string.h>

#include "base/random.h"
#include "sim/sweep.h"
#include "wire/text.h"

/* Patience for a line when the connection may be lost anywhere: longer than what MTAs wait for a
 * reply. After so many failures of one scenario the others are not looked for. */
#define PATIENCE_CUT (UINT64_C(600) * 1000 * 1000)
enum { FAILURES = 100 };

struct sweep_told {
    struct drill_sweep_failure first;
    uint64_t failures;
};

static bool whole_number(const char *text, uint64_t *out)
{
    struct drill_span in = drill_span_str(text);
    return !strpbrk(text, "KM") && drill_text_scan_int(&in, out) && in.len == 0;
}

bool cli_sweep_splits(struct cli_options *o, const char *value)
{
    o->splits = true;
    o->chunkings = 0;
    if (strcmp(value, "all") == 0 || (whole_number(value, &o->chunkings) && o->chunkings)) {
        return true;
    }
    cli_complain("--splits wants `all` or a whole number from 1, not `%s`", value);
    return false;
}

bool cli_sweep_seed(struct cli_options *o, const char *value)
{
    if (whole_number(value, &o->seed)) {
        return true;
    }
    cli_complain("--seed wants a whole number of at most 64 bits, not `%s`", value);
    return false;
}

bool cli_sweep_wanted(const struct cli_options *o)
{
    return o->splits || o->cuts;
}

static bool failed(void *ctx, const struct drill_sweep_failure *failure)
{
    struct sweep_told *told = ctx;
    if (told->failures++ == 0) {
        told->first = *failure;
    }
    return told->failures < FAILURES;
}

static bool interrupted(void *ctx)
{
    return cli_interrupted(ctx);
}

static struct drill_run_config model_of(enum cli_mode mode, const struct drill_scene *scene)
{
    struct drill_run_config model = {0};
    bool mta = mode == CLI_SIM_MTA;
    model.ours = mta ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
    model.profile = mta ? scene->mta : scene->milter;
    model.settings = mta ? &scene->mta_settings : &scene->milter_settings;
    model.traffic = scene->traffic;
    model.patience = DRILL_NEVER;
    model.simulated = true;
    return model;
}

/* The report of the undisturbed play, made into that of the sweep. */
static void conclude(struct drill_sweep_outcome *outcome, const struct sweep_told *told)
{
    struct drill_report *r = &outcome->report;
    uint64_t sent = r->frames_sent, got = r->frames_got;
    if (outcome->end == DRILL_SWEEP_NOT_PLAYED) {
        return;
    }
    memset(r, 0, sizeof(*r));
    r->frames_sent = sent;
    r->frames_got = got;
    r->result = outcome->end == DRILL_SWEEP_MEMORY ? DRILL_RESULT_ERROR
                : told->failures                   ? DRILL_RESULT_FAIL
                                                   : DRILL_RESULT_PASS;
    if (r->result == DRILL_RESULT_ERROR) {
        (void)snprintf(r->what, sizeof(r->what), "no memory for the simulation");
    } else if (told->failures) {
        (void)snprintf(r->what, sizeof(r->what), "%s", told->first.what);
        (void)snprintf(r->expected, sizeof(r->expected), "%s", told->first.expected);
        (void)snprintf(r->actual, sizeof(r->actual), "%s", told->first.actual);
        (void)snprintf(r->why, sizeof(r->why), "%llu of %llu plays%s",
                       (unsigned long long)told->failures, (unsigned long long)outcome->plays,
                       told->failures < FAILURES ? "" : ", then no more");
    }
}

/* Other chunks do not mend what the undisturbed play broke. */
static void judge(struct drill_sweep_outcome *outcome, struct cli_watch *watch, enum cli_mode mode,
                  const struct drill_file *file)
{
    struct drill_report *r = &outcome->report;
    struct drill_pos pos = {0, 0};
    const struct drill_finding *f = watch ? cli_watch_broken(watch, mode, file, &pos) : NULL;
    if (f && r->result == DRILL_RESULT_PASS) {
        struct drill_writer w = drill_writer_of(r->judge, sizeof(r->judge) - 1);
        drill_judge_text(&w, f);
        r->judge[drill_writer_span(&w).len] = '\0';
        r->result = DRILL_RESULT_FAIL;
        r->pos = pos;
        (void)snprintf(r->what, sizeof(r->what), "the side under test broke a rule");
    }
}

void cli_sweep_play(struct cli_results *results, const struct cli_scenario *scenario,
                    enum cli_mode mode, const struct drill_run_config *file,
                    const struct drill_scene *scene, struct cli_watch *watch)
{
    const struct cli_options *o = results->options;
    struct sweep_told told = {.failures = 0};
    struct drill_sweep_outcome outcome = {.end = DRILL_SWEEP_DONE};
    struct drill_sweep_config config = {.failed = failed, .stop = interrupted, .ctx = &told};
    uint64_t plays = 0;
    config.chunkings = o->chunkings;
    config.seed = drill_random_fold(o->seed, drill_span_str(scenario->name));
    config.seed = drill_random_fold(config.seed, drill_span_str(cli_mode_name(mode)));
    config.mta = mode == CLI_SIM_MTA ? model_of(mode, scene) : *file;
    config.milter = mode == CLI_SIM_MTA ? *file : model_of(mode, scene);
    for (int kind = DRILL_SWEEP_SPLITS; kind <= DRILL_SWEEP_CUTS; kind++) {
        if (!(kind == DRILL_SWEEP_SPLITS ? o->splits : o->cuts) || told.failures ||
            outcome.end != DRILL_SWEEP_DONE) {
            continue;
        }
        config.kind = (enum drill_sweep_kind)kind;
        if (kind == DRILL_SWEEP_CUTS && !o->timeout) {
            (mode == CLI_SIM_MTA ? &config.milter : &config.mta)->patience = PATIENCE_CUT;
        }
        drill_sweep_play(&config, NULL, &outcome);
        plays += outcome.plays;
    }
    conclude(&outcome, &told);
    judge(&outcome, o->splits ? watch : NULL, mode, scenario->file);
    struct drill_json_result j = {.scenario = scenario->name,
                                  .mode = cli_mode_name(mode),
                                  .report = &outcome.report,
                                  .elapsed = outcome.elapsed,
                                  .repeats = plays};
    j.reason =
        outcome.report.result == DRILL_RESULT_SKIP || outcome.report.result == DRILL_RESULT_ERROR
            ? outcome.report.what
            : NULL;
    cli_results_tell(results, &j, scenario->file);
}
