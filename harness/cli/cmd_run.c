/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/crowd.h"
#include "cli/run_options.h"
#include "cli/several.h"
#include "cli/sweep.h"
#include "cli/tls.h"
#include "cli/under_test.h"
#include "scenario/modelled.h"

enum { PATIENCE = 10 * 1000 * 1000, PATIENCE_LISTEN = 60 * 1000 * 1000 };

#define VERDICT_NEEDS_SMTP "all lines were met; `verdict` needs --smtp"

struct session {
    struct cli_options options;
    struct cli_mta mta;
    const struct drill_profile *model; /* of sim:NAME */
    struct drill_scene_side milter;
    struct drill_address address;
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct cli_under_test tested; /* --smtp */
    struct cli_tls tls;
    struct cli_results results;
};

static void tell(struct session *s, const char *path, enum cli_mode mode,
                 const struct drill_report *r, const struct drill_file *file, const char *reason,
                 const char *quirk, uint64_t elapsed, uint64_t plays)
{
    struct drill_json_result j = {.scenario = path,
                                  .mode = cli_mode_name(mode),
                                  .report = r,
                                  .reason = reason,
                                  .quirk = quirk,
                                  .elapsed = elapsed,
                                  .repeats = plays};
    cli_results_tell(&s->results, &j, file);
}

static const struct drill_mta *concluding(const struct cli_stage *stage)
{
    switch (stage->mode) {
    case CLI_SIM_MTA: return drill_run_mta(stage->model);
    case CLI_SIM_MILTER:
    case CLI_AS_MTA: return drill_run_mta(stage->run);
    case CLI_AS_MILTER: break;
    }
    return NULL;
}

static bool has_verdict(const struct drill_file *file)
{
    for (const struct drill_check *c = file->body.checks; c; c = c->next) {
        if (c->kind == DRILL_CHECK_VERDICT) {
            return true;
        }
    }
    return false;
}

/* Whatever the file says of its own conversation: a milter that was not there, or said what is no
 * answer to our autopilot, spoils it. */
static void blame_other(struct cli_several *several, struct cli_stage *stage)
{
    const struct cli_other *other = cli_several_failed(several);
    if (other && stage->mode == CLI_AS_MTA && drill_run_result(stage->run) == DRILL_RESULT_PASS) {
        char why[DRILL_REPORT_LINE];
        (void)snprintf(why, sizeof(why), "%.100s: %.400s", other->name,
                       drill_run_report(other->stage.run)->what);
        drill_run_refute(stage->run, (struct drill_pos){0, 0},
                         "the conversation with another milter of this MTA failed", why,
                         drill_span_of(NULL, 0));
    }
}

/* One play, and what it came to. */
static void play_once(struct session *s, struct cli_stage *stage, struct cli_several *several,
                      const struct drill_scene *scene, bool again)
{
    struct drill_error err;
    bool tested = stage->mode == CLI_AS_MILTER && s->options.smtp;
    if (!tested) {
        cli_several_play(several, again);
        blame_other(several, stage);
        const struct drill_mta *mta = cli_several_sum(several, concluding(stage));
        if (mta && drill_run_report(stage->run)->result == DRILL_RESULT_PASS) {
            struct drill_arena arena;
            cli_arena_init(&arena);
            (void)drill_run_check_model(stage->run, mta, &arena);
            drill_arena_fini(&arena);
        }
        return;
    }
    uint64_t patience = s->options.timeout ? s->options.timeout : PATIENCE_LISTEN;
    if (again) {
        drill_run_again(stage->run);
        drill_net_conn_again(stage->conn);
    }
    stage->begin = drill_net_now(s->net);
    if (!cli_under_test_begin(&s->tested, scene, stage->run, patience, &err)) {
        drill_run_stop(stage->run, err.text);
    } else {
        cli_under_test_play(&s->tested);
        cli_results_smtp(&s->results, s->tested.smtp, stage->begin);
        if (drill_run_report(stage->run)->result == DRILL_RESULT_PASS) {
            cli_under_test_check(&s->tested);
        }
    }
    cli_under_test_end(&s->tested);
    stage->elapsed = drill_net_now(s->net) - stage->begin;
}

/* Plays as often as asked; stops at the first play that does not pass. */
static void play(struct session *s, struct cli_stage *stage, struct cli_several *several,
                 const struct cli_scenario *sc, const struct drill_scene *scene,
                 struct cli_watch *watch)
{
    const struct drill_report *r = drill_run_report(stage->run);
    uint64_t plays = 0, elapsed = 0;
    do {
        play_once(s, stage, several, scene, plays > 0);
        plays++;
        elapsed += stage->elapsed;
    } while (plays < s->options.repeat && r->result == DRILL_RESULT_PASS && !cli_interrupted(NULL));
    drill_run_because(stage->run, cli_tls_text(stage));
    const char *quirk = watch ? cli_watch_judge(watch, stage->run, stage->mode, sc->file) : NULL;
    if (r->result == DRILL_RESULT_PASS && stage->mode == CLI_AS_MILTER && !s->options.smtp &&
        has_verdict(sc->file)) {
        struct drill_report skipped = *r;
        skipped.result = DRILL_RESULT_SKIP;
        tell(s, sc->name, stage->mode, &skipped, sc->file, VERDICT_NEEDS_SMTP, NULL, elapsed,
             plays);
        return;
    }
    const char *reason = r->result == DRILL_RESULT_SKIP ? r->what : NULL;
    tell(s, sc->name, stage->mode, r, sc->file, reason, quirk, elapsed, plays);
}

/* A file about a family is for all its programs; one about a program is for that one only. A model
 * says itself what it is. */
static bool about_another(const struct session *s, enum cli_mode mode,
                          const struct drill_file *file)
{
    enum drill_side side =
        mode == CLI_AS_MTA || mode == CLI_SIM_MILTER ? DRILL_SIDE_MILTER : DRILL_SIDE_MTA;
    enum drill_setup_kind kind = side == DRILL_SIDE_MTA ? DRILL_SETUP_MTA : DRILL_SETUP_MILTER;
    const char *is = s->options.is ? s->options.is : s->model ? s->model->name : NULL;
    const struct drill_profile *program = is ? drill_profile_find(side, drill_span_str(is)) : NULL;
    for (const struct drill_setup *line = is ? file->setup : NULL; line; line = line->next) {
        if (line->kind == kind) {
            return !drill_span_equal(line->text, drill_span_str(is)) &&
                   !(program && drill_span_equal(line->text, drill_span_str(program->family)));
        }
    }
    return false;
}

/* What is not applicable is no case of a conformance run. */
static void skip_other(struct session *s, const char *path, enum cli_mode mode, const char *why)
{
    if (!s->options.check) {
        cli_results_skip(&s->results, path, mode, why);
    }
}

/* `concurrently`: all copies, as often as asked. */
static void play_crowd(struct session *s, const struct cli_scenario *sc,
                       const struct cli_stage *stage, const struct drill_run_config *config,
                       const struct drill_scene *scene)
{
    struct cli_crowd crowd = {.step = cli_crowd_of(sc->file),
                              .stage = stage,
                              .config = config,
                              .scene = scene,
                              .tested = s->options.smtp ? &s->tested : NULL,
                              .patience = config->patience,
                              .results = &s->results};
    struct drill_report *r = &crowd.report;
    struct drill_error err;
    uint64_t plays = 0, elapsed = 0;
    const char *lacks = cli_sweep_wanted(&s->options)
                            ? "`concurrently` is not played in other chunks"
                        : crowd.tested ? cli_crowd_smtp_lacks(crowd.step, scene, crowd.tested)
                                       : NULL;
    if (lacks) {
        cli_results_skip(&s->results, sc->name, stage->mode, lacks);
        return;
    }
    do {
        if (!cli_crowd_play(&crowd, &err)) {
            cli_results_bad(&s->results, sc->name, stage->mode, &err);
            return;
        }
        plays++;
        elapsed += crowd.elapsed;
    } while (plays < s->options.repeat && r->result == DRILL_RESULT_PASS && !cli_interrupted(NULL));
    const char *reason = r->result == DRILL_RESULT_SKIP ? r->what : NULL;
    if (r->result == DRILL_RESULT_PASS && stage->mode == CLI_AS_MILTER && !crowd.tested &&
        cli_crowd_checks(crowd.step, DRILL_CHECK_VERDICT)) {
        r->result = DRILL_RESULT_SKIP;
        reason = VERDICT_NEEDS_SMTP;
    }
    tell(s, sc->name, stage->mode, r, sc->file, reason, crowd.quirk, elapsed, plays);
}

/* With the other milters of the same MTA, if there are any. */
static void play_stage(struct session *s, const struct cli_scenario *sc, struct cli_stage *stage,
                       const struct drill_run_config *config, const struct drill_scene *scene,
                       struct cli_watch *watch)
{
    struct drill_arena arena;
    struct drill_error err;
    struct cli_several several;
    cli_arena_init(&arena);
    cli_several_init(&several);
    bool ok = s->options.more ? cli_several_words(&several, &s->options, s->net, &arena)
                              : cli_several_lines(&several, scene, &arena);
    cli_several_join(&several, stage);
    if (!ok) {
        drill_error_set(&err, DRILL_ERR_VALUE, "--milter names a milter that cannot be played");
    }
    ok = ok && cli_stage_open(stage, config, scene, &err) &&
         cli_several_open(&several, config, scene, &err);
    if (!ok) {
        cli_results_bad(&s->results, sc->name, stage->mode, &err);
    } else {
        play(s, stage, &several, sc, scene, watch);
    }
    cli_several_close(&several);
    cli_stage_close(stage);
    drill_arena_fini(&arena);
}

/* Other ids, dates and chunks are no failure of a recording, and its pauses are not waited for. */
static void play_as_recorded(const struct cli_options *o, const struct drill_file *file,
                             struct drill_run_config *config)
{
    bool recording = file->recorded.len > 0;
    config->tolerant = config->whole = recording && !o->exact;
    config->hasty =
        o->timing == CLI_TIMING_FAST || (o->timing == CLI_TIMING_AS_WRITTEN && recording);
}

/* Why the scene cannot be played this way, in a sentence; NULL: it can. */
static const char *not_here(const struct session *s, const struct drill_file *file,
                            const struct drill_scene *scene, enum cli_mode mode)
{
    bool several = s->options.more || scene->neighbours;
    /* As MTA a recording is played by its lines: what its SMTP client did is in them. */
    bool by_lines = mode == CLI_AS_MILTER || (mode == CLI_AS_MTA && file->recorded.len);
    if (!by_lines && drill_scene_unmodelled(scene)) {
        return "of `smtp` lines a modelled MTA takes RSET, EHLO, HELO, NOOP, QUIT, an unknown verb "
               "(none after=data), and end=";
    }
    bool aside = scene->extras || scene->secure; /* STARTTLS is said, too */
    if (several && (cli_sweep_wanted(&s->options) || cli_crowd_of(file) || aside)) {
        return "several milters are not played in other chunks, concurrently, or with `smtp` lines";
    }
    return mode == CLI_AS_MILTER && s->options.smtp ? cli_under_test_lacks(&s->tested, scene)
                                                    : NULL;
}

static void play_mode(struct session *s, const struct cli_scenario *sc, enum cli_mode mode,
                      struct drill_arena *arena)
{
    struct drill_scene scene;
    struct drill_error err;
    struct cli_watch *watch =
        s->options.repeat > 1 ? NULL : drill_arena_take(arena, sizeof(*watch));
    bool mta = mode == CLI_AS_MTA || mode == CLI_SIM_MILTER;
    bool models = s->options.sim || s->model;
    const struct drill_scene_side *side = mta || models ? &s->mta.side : NULL;
    if (drill_scene_build(sc->file, sc->name, &sc->loader.loader, side, &s->milter, arena, &scene,
                          &err) != DRILL_OK) {
        cli_results_bad(&s->results, sc->name, mode, &err);
        return;
    }
    if (about_another(s, mode, sc->file)) {
        skip_other(s, sc->name, mode, "it is about another program (--is)");
        return;
    }
    s->tested.any_login = sc->file->recorded.len && !s->options.exact;
    const char *lacks = not_here(s, sc->file, &scene, mode);
    if (lacks) {
        cli_results_skip(&s->results, sc->name, mode, lacks);
        return;
    }
    struct cli_stage stage = {
        .mode = mode, .net = s->net, .listener = s->listener, .address = &s->address};
    struct drill_run_config config = {0};
    config.file = sc->file;
    config.ours = mta ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
    config.profile = mta ? scene.mta : scene.milter;
    config.settings = mta ? &scene.mta_settings : &scene.milter_settings;
    config.traffic = scene.traffic;
    play_as_recorded(&s->options, sc->file, &config);
    config.simulated = mode == CLI_SIM_MTA || mode == CLI_SIM_MILTER || s->options.smtp;
    config.patience = s->options.timeout  ? s->options.timeout
                      : models            ? DRILL_NEVER
                      : s->options.listen ? PATIENCE_LISTEN
                                          : PATIENCE;
    if (!cli_tls_choose(&s->tls, mode, &scene, &stage.tls, &err)) {
        cli_results_bad(&s->results, sc->name, mode, &err);
        return;
    }
    if (cli_crowd_of(sc->file)) {
        play_crowd(s, sc, &stage, &config, &scene);
        return;
    }
    if (watch) {
        cli_watch_init(watch, &s->results, &config);
    }
    if (cli_sweep_wanted(&s->options)) {
        cli_sweep_play(&s->results, sc, mode, &config, &scene, watch);
        return;
    }
    play_stage(s, sc, &stage, &config, &scene, watch);
}

static void play_file(struct session *s, const struct cli_path *path)
{
    struct drill_arena arena;
    struct cli_scenario *sc;
    char unplayed[200];
    const struct cli_expected *e = cli_expect_find(s->options.expected, path->path);
    if (e && e->withheld) {
        s->results.withheld++;
        return;
    }
    cli_arena_init(&arena);
    sc = drill_arena_take(&arena, sizeof(*sc));
    const char *root = s->options.root ? s->options.root : path->root;
    if (!sc || !cli_scenario_read(sc, path->path, root, true, &arena) || !cli_scenario_lint(sc)) {
        cli_results_bad_file(&s->results, sc, path->path, &arena);
        drill_arena_fini(&arena);
        return;
    }
    bool sim = s->options.sim || s->model;
    enum drill_tests tests = sc->file->tests;
    enum cli_mode as_mta = sim ? CLI_SIM_MILTER : CLI_AS_MTA;
    enum cli_mode as_milter = sim ? CLI_SIM_MTA : CLI_AS_MILTER;
    bool play_mta = s->options.sim ? tests != DRILL_TESTS_MTA : s->options.milter != NULL;
    bool play_milter = s->options.sim ? tests != DRILL_TESTS_MILTER : s->options.listen != NULL;
    struct drill_writer w = drill_writer_of(unplayed, sizeof(unplayed) - 1);
    bool delivered = s->options.sink || sim || s->options.milter;
    bool client = s->options.smtp || sim || s->options.milter;
    unsigned plays = (client ? DRILL_PLAYS_SMTP : 0U) | (delivered ? DRILL_PLAYS_DELIVERED : 0U) |
                     (sim ? (unsigned)DRILL_PLAYS_SEVERAL : DRILL_PLAYS_TLS);
    if (drill_lint_unplayed(sc->file, plays, &w)) {
        unplayed[drill_writer_span(&w).len] = '\0';
        cli_results_skip(&s->results, path->path, play_mta ? as_mta : as_milter, unplayed);
        play_mta = play_milter = false;
    }
    if (play_mta && tests == DRILL_TESTS_MTA) {
        skip_other(s, path->path, as_mta, "it asks the MTA");
    } else if (play_mta) {
        play_mode(s, sc, as_mta, &arena);
    }
    if (play_milter && tests == DRILL_TESTS_MILTER) {
        skip_other(s, path->path, as_milter, "it asks the milter");
    } else if (play_milter) {
        play_mode(s, sc, as_milter, &arena);
    }
    drill_arena_fini(&arena);
}

/* The address, and what it takes to use it. */
static bool prepare(struct session *s)
{
    struct cli_options *o = &s->options;
    struct drill_error err;
    if (cli_mta_side(o, &s->mta, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    if (s->mta.note[0]) {
        cli_complain("%s", s->mta.note);
    }
    if (o->sim) {
        return true;
    }
    const char *text = o->milter ? o->milter : o->listen;
    if (drill_address_parse(text, &s->address, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    if (s->address.kind == DRILL_ADDRESS_SIM) {
        return cli_model(s->address.model, o->milter ? DRILL_SIDE_MILTER : DRILL_SIDE_MTA,
                         &s->model) &&
               ((o->milter ? (s->milter.profile = s->model) : (s->mta.side.profile = s->model)) !=
                NULL);
    }
    /* The CA's file is there before anybody can connect. */
    s->net = drill_net_new(&err);
    bool ok = s->net && cli_tls_open(&s->tls, o, &s->address, &err);
    if (ok && o->listen) {
        s->listener = drill_net_listen(s->net, &s->address, &err);
        ok = s->listener != NULL;
    }
    if (!ok || (o->smtp && !cli_under_test_open(&s->tested, s->net, o->smtp, o->sink, &err)) ||
        (o->smtp && !cli_under_test_secure(&s->tested, o, &err))) {
        cli_results_abort(&s->results, &err);
        return false;
    }
    s->tested.xclient = o->xclient;
    s->tested.proxy = o->proxy;
    return true;
}

static int play_all(struct session *s, const struct cli_paths *paths)
{
    if (s->options.listen && s->listener) {
        char text[300];
        struct drill_address bound;
        drill_net_listener_address(s->listener, &bound);
        (void)fprintf(stderr, "milterdrill: listening on %s\n",
                      drill_address_format(&bound, text, sizeof(text)));
    }
    const char *last = NULL;
    struct drill_error err;
    bool models = s->options.sim || s->model;
    for (const struct cli_path *p = paths->first; p && !cli_interrupted(NULL); p = p->next) {
        if (models && cli_expect_models(p->path, s->options.arena, &s->options.expected, &last,
                                        &err) != DRILL_OK) {
            cli_error(&err);
            s->results.bad_file = true;
            break;
        }
        play_file(s, p);
    }
    if (cli_interrupted(NULL)) {
        cli_results_stop(&s->results, "interrupted before all was played");
    }
    return cli_results_end(&s->results);
}

static int play_command(int argc, char **argv, bool check)
{
    struct drill_arena arena;
    struct session s;
    struct cli_args args = {argc, argv, 1, false, cli_run_words(), check ? "check" : "run", NULL};
    struct cli_paths paths = {.arena = &arena};
    int id, code = EXIT_USAGE;
    bool ok = true;
    paths.end = &paths.first;
    memset(&s, 0, sizeof(s));
    cli_arena_init(&arena);
    cli_options_init(&s.options, &arena);
    s.options.reports = true;
    s.options.check = check;
    cli_results_init(&s.results, &s.options);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(cli_run_help(check), stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        ok =
            id == 0 ? cli_collect(&paths, args.value) : id > 0 && cli_option(&s.options, &args, id);
    }
    if (ok && !paths.first) {
        cli_complain("%s: no scenario; name a .drill file or a folder of them", args.command);
        ok = false;
    }
    if (ok && cli_run_check(&args, &s.options) && prepare(&s)) {
        s.results.simulated = s.options.sim || s.model;
        code = play_all(&s, &paths);
    }
out:
    cli_under_test_close(&s.tested);
    cli_tls_close(&s.tls);
    drill_net_listener_free(s.listener);
    drill_net_free(s.net);
    cli_results_fini(&s.results);
    drill_arena_fini(&arena);
    return code;
}

int cmd_run(int argc, char **argv)
{
    return play_command(argc, argv, false);
}

int cmd_check(int argc, char **argv)
{
    return play_command(argc, argv, true);
}
