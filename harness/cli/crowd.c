/* SPDX-License-Identifier: MIT */
#include "cli/crowd.h"

#include <string.h>

#include "cli/tls.h"
#include "scenario/modelled.h"

/* Copies that are judged although no `judge` line asks for it: the judge has much to remember. */
enum { JUDGED_COPIES = 1000, OTHER_FILES = 64 };

struct copy {
    struct cli_stage stage;
    struct cli_under_test tested; /* with --smtp */
    struct cli_watch *watch;      /* NULL: nobody looks on */
};

struct crowd {
    struct cli_crowd *given;
    struct drill_meet meet;
    struct copy *copies;
    size_t count;
    bool simulated;
};

const struct drill_step *cli_crowd_of(const struct drill_file *file)
{
    const struct drill_step *step = file->body.steps;
    return step && step->kind == DRILL_STEP_CONCURRENTLY && !step->next ? step : NULL;
}

static bool has_check(const struct drill_block *block, enum drill_check_kind kind)
{
    const struct drill_check *check = block->checks;
    while (check && check->kind != kind) {
        check = check->next;
    }
    return check != NULL;
}

bool cli_crowd_checks(const struct drill_step *step, enum drill_check_kind kind)
{
    return has_check(&step->block, kind) || has_check(&step->block2, kind);
}

static bool is_judged(const struct crowd *crowd)
{
    const struct drill_setup *s = crowd->given->config->file->setup;
    while (s && s->kind != DRILL_SETUP_JUDGE) {
        s = s->next;
    }
    return s || crowd->count <= JUDGED_COPIES || crowd->given->results->options->verbose;
}

/* All have met: those that wait are asked again in the reactor's next turn. */
static void wake(void *ctx)
{
    drill_net_poke(ctx);
}

/* ---- the copies ---- */

static bool copy_open(struct crowd *crowd, struct copy *copy, const struct drill_block *body,
                      struct drill_error *err)
{
    const struct cli_crowd *c = crowd->given;
    struct drill_run_config config = *c->config;
    copy->stage = *c->stage;
    config.body = body;
    config.meet = crowd->simulated ? NULL : &crowd->meet;
    config.lean = true;
    if (is_judged(crowd)) {
        copy->watch = drill_alloc_resize(NULL, NULL, sizeof(*copy->watch));
        if (!copy->watch) {
            drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
            return false;
        }
        cli_watch_init(copy->watch, c->results, &config);
    }
    return cli_stage_open(&copy->stage, &config, c->scene, err);
}

static bool crowd_open(struct crowd *crowd, struct drill_error *err)
{
    const struct drill_step *step = crowd->given->step;
    size_t first = crowd->simulated ? step->count > 0 : (size_t)step->count;
    crowd->count = first + (crowd->simulated ? step->count2 > 0 : (size_t)step->count2);
    size_t bytes = (crowd->count + 1) * sizeof(*crowd->copies);
    crowd->copies = drill_alloc_resize(NULL, NULL, bytes);
    if (!crowd->copies) {
        crowd->count = 0;
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
        return false;
    }
    memset(crowd->copies, 0, bytes);
    for (size_t i = 0; i < crowd->count; i++) {
        const struct drill_block *body = i < first ? &step->block : &step->block2;
        if (!copy_open(crowd, &crowd->copies[i], body, err)) {
            return false;
        }
    }
    return true;
}

static void crowd_close(struct crowd *crowd)
{
    crowd->meet.wake = NULL;
    for (size_t i = 0; i < crowd->count; i++) {
        if (crowd->copies[i].tested.net) {
            cli_under_test_end(&crowd->copies[i].tested);
        }
        cli_stage_close(&crowd->copies[i].stage);
        drill_alloc_resize(NULL, crowd->copies[i].watch, 0);
    }
    drill_alloc_resize(NULL, crowd->copies, 0);
}

/* ---- with --smtp ---- */

const char *cli_crowd_smtp_lacks(const struct drill_step *step, const struct drill_scene *scene,
                                 const struct cli_under_test *tested)
{
    if (scene->traffic && scene->traffic->next) {
        return "`concurrently` with --smtp is played with one SMTP session in each copy";
    }
    if (tested->xclient) {
        return "`concurrently` is not played with --xclient, for which an MTA connects twice";
    }
    return cli_crowd_checks(step, DRILL_CHECK_DELIVERED)
               ? "`delivered` is not played in `concurrently`: nobody knows whose mail arrives"
               : NULL;
}

static bool is_running(const struct copy *copy)
{
    enum drill_result result = drill_run_result(copy->stage.run);
    return result == DRILL_RESULT_RUNNING || result == DRILL_RESULT_PASS;
}

static bool is_over(const struct copy *copy)
{
    return drill_smtp_done(copy->tested.smtp) &&
           !(is_running(copy) && drill_run_linked(copy->stage.run));
}

/* Its MTA has come to the milter, or never will. */
static bool has_come(void *ctx)
{
    const struct copy *copy = ctx;
    struct drill_report sum = {.connections = 0};
    drill_run_count(copy->stage.run, &sum);
    return sum.connections > 0 || !is_running(copy) || is_over(copy) || cli_interrupted(NULL);
}

static bool are_over(void *ctx)
{
    const struct crowd *crowd = ctx;
    size_t i = 0;
    while (i < crowd->count && is_over(&crowd->copies[i])) {
        i++;
    }
    return i == crowd->count || cli_interrupted(NULL);
}

static bool let_on(struct crowd *crowd, struct copy *copy)
{
    struct cli_crowd *c = crowd->given;
    struct drill_error err;
    copy->tested = *c->tested;
    copy->tested.has_sink = false;
    if (!cli_under_test_begin(&copy->tested, c->scene, copy->stage.run, c->patience, &err)) {
        drill_run_stop(copy->stage.run, err.text);
        return false;
    }
    (void)drill_net_run(c->stage->net, has_come, copy);
    return !cli_interrupted(NULL);
}

static void crowd_test(struct crowd *crowd)
{
    struct cli_crowd *c = crowd->given;
    size_t on = 0;
    uint32_t accepted = 0;
    cli_under_test_forget(c->tested);
    while (on < crowd->count && let_on(crowd, &crowd->copies[on])) {
        on++;
    }
    if (on == crowd->count) {
        (void)drill_net_run(c->stage->net, are_over, crowd);
    }
    for (size_t i = 0; i < crowd->count; i++) {
        struct copy *copy = &crowd->copies[i];
        accepted += copy->tested.net ? cli_under_test_accepted(&copy->tested) : 0;
        if (drill_run_result(copy->stage.run) != DRILL_RESULT_RUNNING) {
            continue;
        }
        if (cli_interrupted(NULL) || on < crowd->count) {
            drill_run_stop(copy->stage.run, cli_interrupted(NULL) ? "interrupted" : "not begun");
        } else {
            drill_run_stuck(copy->stage.run, drill_net_now(c->stage->net));
        }
    }
    cli_under_test_drain(c->tested, accepted);
}

/* ---- the play ---- */

static void crowd_run(struct crowd *crowd)
{
    struct cli_crowd *c = crowd->given;
    c->elapsed = 0;
    for (size_t i = 0; crowd->simulated && i < crowd->count; i++) {
        cli_stage_play(&crowd->copies[i].stage, false);
        uint64_t elapsed = crowd->copies[i].stage.elapsed;
        c->elapsed = elapsed > c->elapsed ? elapsed : c->elapsed;
    }
    if (crowd->simulated) {
        return;
    }
    uint64_t begin = drill_net_now(c->stage->net);
    if (c->tested) {
        crowd_test(crowd);
        c->elapsed = drill_net_now(c->stage->net) - begin;
        return;
    }
    bool all = drill_net_run(c->stage->net, cli_interrupted, NULL);
    for (size_t i = 0; !all && i < crowd->count; i++) {
        drill_run_stop(crowd->copies[i].stage.run, "interrupted");
    }
    c->elapsed = drill_net_now(c->stage->net) - begin;
}

static enum drill_result conclude(struct crowd *crowd, struct copy *copy)
{
    struct cli_stage *s = &copy->stage;
    const struct drill_mta *mta = drill_run_mta(s->mode == CLI_SIM_MTA ? s->model : s->run);
    if (mta && drill_run_result(s->run) == DRILL_RESULT_PASS) {
        struct drill_arena arena;
        cli_arena_init(&arena);
        (void)drill_run_check_model(s->run, mta, &arena);
        drill_arena_fini(&arena);
    }
    if (copy->tested.conn) {
        cli_under_test_explain(&copy->tested);
    }
    if (crowd->given->tested && drill_run_result(s->run) == DRILL_RESULT_PASS) {
        cli_under_test_check(&copy->tested);
    }
    drill_run_because(s->run, cli_tls_text(s));
    const char *quirk = NULL;
    if (copy->watch) {
        quirk = cli_watch_judge(copy->watch, s->run, s->mode, crowd->given->config->file);
    }
    if (quirk && !crowd->given->quirk) {
        (void)snprintf(crowd->given->quirk_text, sizeof(crowd->given->quirk_text), "%s", quirk);
        crowd->given->quirk = crowd->given->quirk_text;
    }
    return drill_run_result(s->run);
}

static void name_copy(const struct crowd *crowd, size_t at, struct drill_report *report)
{
    const struct drill_step *step = crowd->given->step;
    char what[DRILL_REPORT_LINE];
    unsigned long long number = at + 1, total = step->count + step->count2;
    if (crowd->simulated && at > 0) { /* of the second block */
        number = step->count + 1;
    }
    memcpy(what, report->what, sizeof(what));
    int len = snprintf(report->what, sizeof(report->what), "copy %llu of %llu: ", number, total);
    size_t room = sizeof(report->what) - (size_t)len - 1;
    size_t used = strnlen(what, room);
    memcpy(report->what + len, what, used);
    report->what[(size_t)len + used] = '\0';
}

/* The first copy that failed speaks for all; else the first that was skipped. */
static void crowd_conclude(struct crowd *crowd)
{
    struct drill_report *r = &crowd->given->report;
    struct drill_report sum = {.frames_sent = 0};
    size_t failed = crowd->count, skipped = crowd->count;
    for (size_t i = 0; i < crowd->count; i++) {
        enum drill_result result = conclude(crowd, &crowd->copies[i]);
        drill_run_count(crowd->copies[i].stage.run, &sum);
        size_t *first = result == DRILL_RESULT_SKIP ? &skipped : &failed;
        if (result != DRILL_RESULT_PASS && i < *first) {
            *first = i;
        }
    }
    size_t at = failed < crowd->count ? failed : skipped;
    memset(r, 0, sizeof(*r));
    r->result = DRILL_RESULT_PASS;
    if (at < crowd->count) {
        *r = *drill_run_report(crowd->copies[at].stage.run);
        name_copy(crowd, at, r);
    }
    r->frames_sent = sum.frames_sent;
    r->frames_got = sum.frames_got;
    r->bytes_sent = sum.bytes_sent;
    r->bytes_got = sum.bytes_got;
    r->connections = sum.connections;
}

/* A connection is an open file. */
static bool enough_files(struct cli_crowd *c)
{
    uint64_t copies = c->step->count + c->step->count2;
    size_t need = (size_t)copies * (c->tested ? 2 : 1) + OTHER_FILES;
    size_t have = drill_net_raise_files(need);
    if (have >= need) {
        return true;
    }
    memset(&c->report, 0, sizeof(c->report));
    c->report.result = DRILL_RESULT_SKIP;
    (void)snprintf(c->report.what, sizeof(c->report.what),
                   "%llu connections at once need %zu open files; the hard limit is %zu "
                   "(ulimit -Hn)",
                   (unsigned long long)copies, need, have);
    return false;
}

bool cli_crowd_play(struct cli_crowd *c, struct drill_error *err)
{
    struct crowd crowd = {.given = c};
    enum cli_mode mode = c->stage->mode;
    crowd.simulated = mode == CLI_SIM_MTA || mode == CLI_SIM_MILTER;
    c->elapsed = 0;
    c->quirk = NULL;
    if (!crowd.simulated && !enough_files(c)) {
        return true;
    }
    crowd.meet.wake = wake;
    crowd.meet.ctx = c->stage->net;
    bool ok = crowd_open(&crowd, err);
    if (ok) {
        crowd_run(&crowd);
        crowd_conclude(&crowd);
    }
    crowd_close(&crowd);
    return ok;
}
