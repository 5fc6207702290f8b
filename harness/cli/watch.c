/* SPDX-License-Identifier: MIT */
#include "cli/watch.h"

static void seen(void *ctx, const struct drill_seen *s)
{
    struct cli_watch *w = ctx;
    if (!w->begun) {
        w->begun = true;
        w->begin = s->now;
    }
    drill_judged_seen(&w->judged, s);
    if (w->results->options->verbose) {
        cli_results_seen(w->results, s, w->begin);
    }
}

void cli_watch_init(struct cli_watch *w, struct cli_results *results,
                    struct drill_run_config *config)
{
    w->results = results;
    w->begun = false;
    drill_judged_init(&w->judged);
    config->observer.seen = seen;
    config->observer.ctx = w;
}

static enum drill_side side_under_test(enum cli_mode mode)
{
    return mode == CLI_AS_MTA || mode == CLI_SIM_MILTER ? DRILL_SIDE_MILTER : DRILL_SIDE_MTA;
}

const struct drill_finding *cli_watch_broken(struct cli_watch *w, enum cli_mode mode,
                                             const struct drill_file *file, struct drill_pos *pos)
{
    drill_judged_finish(&w->judged);
    return drill_judged_broken(&w->judged, file, side_under_test(mode), pos);
}

const char *cli_watch_judge(struct cli_watch *w, struct drill_run *run, enum cli_mode mode,
                            const struct drill_file *file)
{
    const struct drill_judged *j = &w->judged;
    char text[DRILL_REPORT_LINE];
    enum drill_side side = side_under_test(mode);
    struct drill_pos pos = {0, 0};
    drill_judged_finish(&w->judged);
    for (unsigned rule = 0; rule < DRILL_RULES; rule++) {
        w->results->broken[rule] += j->judge.count[rule];
    }
    const struct drill_finding *f = drill_judged_broken(j, file, side, &pos);
    const struct drill_finding *worst =
        w->results->options->check && !f ? drill_judged_worst(j, side) : NULL;
    bool quirk = worst && worst->severity == DRILL_QUIRK;
    f = worst ? worst : f;
    if (f && !quirk && drill_run_result(run) == DRILL_RESULT_PASS) {
        drill_run_refute(run, pos, "the side under test broke a rule", "", drill_span_of(NULL, 0));
    } else if (!f && j->count) {
        f = &j->finding[(j->count < DRILL_JUDGED_MAX ? j->count : DRILL_JUDGED_MAX) - 1];
    }
    if (f) {
        struct drill_writer writer = drill_writer_of(text, sizeof(text));
        drill_judge_text(&writer, f);
        drill_run_judged(run, drill_writer_span(&writer));
    }
    return quirk && drill_run_result(run) == DRILL_RESULT_PASS ? drill_run_report(run)->judge
                                                               : NULL;
}
