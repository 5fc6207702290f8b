/* SPDX-License-Identifier: MIT */
#include "cli/several.h"

#include <string.h>

static void wake(void *ctx)
{
    struct cli_several *s = ctx;
    if (s->net) {
        drill_net_poke(s->net);
        return;
    }
    drill_sim_poke(s->main->sim);
    for (size_t i = 0; i < s->count; i++) {
        if (s->others[i].stage.sim) {
            drill_sim_poke(s->others[i].stage.sim);
        }
    }
}

void cli_several_init(struct cli_several *s)
{
    memset(s, 0, sizeof(*s));
    cli_arena_init(&s->arena);
    s->dots.kind = DRILL_STEP_ELLIPSIS;
    s->file.version = 1;
    s->file.body.steps = &s->dots;
}

/* ---- who they are ---- */

static bool too_many(size_t count)
{
    if (count < DRILL_SEVERAL_MOST) {
        return false;
    }
    cli_complain("--milter: at most %d milters", DRILL_SEVERAL_MOST);
    return true;
}

static bool take_others(struct cli_several *s, size_t count, struct drill_arena *arena)
{
    s->others = drill_arena_take(arena, (count + 1) * sizeof(*s->others));
    if (!s->others) {
        cli_complain("no memory");
    }
    return s->others != NULL;
}

static bool word(struct cli_several *s, const struct cli_options *o, const char *text)
{
    struct cli_other *other = &s->others[s->count];
    struct drill_error err;
    other->name = text;
    other->number = (uint8_t)(s->count + 1);
    if (drill_address_parse(text, &other->address, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    bool model = other->address.kind == DRILL_ADDRESS_SIM;
    if (model == (s->net != NULL)) {
        cli_complain("--milter %s: of several milters all are real, or all are models (sim:MODEL)",
                     text);
        return false;
    }
    if (model) {
        if (!cli_model(other->address.model, DRILL_SIDE_MILTER, &other->scene.milter)) {
            return false;
        }
        other->scene.milter->defaults(&other->scene.milter_settings);
    } else if (!cli_tls_open(&other->tls, o, &other->address, &err)) {
        cli_error(&err);
        return false;
    }
    s->count++;
    return true;
}

bool cli_several_words(struct cli_several *s, const struct cli_options *o, struct drill_net *net,
                       struct drill_arena *arena)
{
    size_t count = 0;
    for (const struct cli_more *m = o->more; m; m = m->next) {
        count++;
    }
    s->net = net;
    if (too_many(count) || !take_others(s, count, arena)) {
        return false;
    }
    for (const struct cli_more *m = o->more; m; m = m->next) {
        if (!word(s, o, m->text)) {
            return false;
        }
    }
    return true;
}

bool cli_several_lines(struct cli_several *s, const struct drill_scene *scene,
                       struct drill_arena *arena)
{
    size_t count = 0, before = 0;
    for (const struct drill_neighbour *n = scene->neighbours; n; n = n->next) {
        count++;
        before += n->before;
    }
    if (!take_others(s, count, arena)) {
        return false;
    }
    s->number = (uint8_t)before;
    size_t number = 0;
    for (const struct drill_neighbour *n = scene->neighbours; n; n = n->next) {
        struct cli_other *other = &s->others[s->count++];
        number += number == s->number && !n->before;
        other->name = n->milter->name;
        other->number = (uint8_t)number++;
        other->scene.milter = n->milter;
        other->scene.milter_settings = n->settings;
    }
    return true;
}

/* ---- the play ---- */

void cli_several_join(struct cli_several *s, struct cli_stage *main)
{
    s->main = main;
    if (s->count) {
        drill_several_init(&s->all, &s->arena);
        main->several = &s->all;
        main->number = s->number;
    }
}

static bool open_other(struct cli_several *s, struct cli_other *other,
                       const struct drill_run_config *from, const struct drill_scene *scene,
                       struct drill_error *err)
{
    struct drill_run_config config = *from;
    struct cli_stage *stage = &other->stage;
    other->scene.mta = scene->mta;
    other->scene.mta_settings = scene->mta_settings;
    other->scene.traffic = scene->traffic;
    stage->mode = s->main->mode;
    stage->net = s->net;
    stage->address = &other->address;
    stage->several = &s->all;
    stage->number = other->number;
    config.file = from->ours == DRILL_SIDE_MTA ? &s->file : NULL;
    config.body = NULL;
    if (from->ours == DRILL_SIDE_MILTER) {
        config.profile = other->scene.milter;
        config.settings = &other->scene.milter_settings;
        config.observer.seen = NULL;
    }
    if (s->net && !cli_tls_choose(&other->tls, CLI_AS_MTA, scene, &stage->tls, err)) {
        return false;
    }
    return cli_stage_open(stage, &config, &other->scene, err);
}

bool cli_several_open(struct cli_several *s, const struct drill_run_config *config,
                      const struct drill_scene *scene, struct drill_error *err)
{
    for (size_t i = 0; i < s->count; i++) {
        if (!open_other(s, &s->others[i], config, scene, err)) {
            return false;
        }
    }
    s->all.wake = wake;
    s->all.ctx = s;
    return true;
}

static struct drill_sim_pair pair_of(const struct cli_stage *stage)
{
    bool mta = stage->mode == CLI_SIM_MTA;
    struct drill_sim_pair pair = {.sim = stage->sim};
    pair.config.mta = mta ? stage->model : stage->run;
    pair.config.milter = mta ? stage->run : stage->model;
    return pair;
}

static void play_pairs(struct cli_several *s)
{
    struct drill_sim_pair pairs[DRILL_SEVERAL_MOST];
    struct cli_stage *main = s->main;
    pairs[0] = pair_of(main);
    for (size_t i = 0; i < s->count; i++) {
        pairs[i + 1] = pair_of(&s->others[i].stage);
    }
    drill_sim_play_pairs(pairs, s->count + 1);
    for (size_t i = 0; i <= s->count; i++) {
        if (pairs[i].result == DRILL_SIM_MEMORY) {
            drill_run_stop(main->run, "no memory for the simulation");
        }
    }
    main->begin = 0;
    main->elapsed = drill_sim_now(main->sim);
}

static void set_back(struct cli_several *s)
{
    drill_arena_reset(&s->arena);
    if (s->main->sim) {
        drill_run_again(s->main->run);
        drill_run_again(s->main->model);
    }
    for (size_t i = 0; i < s->count; i++) {
        struct cli_stage *stage = &s->others[i].stage;
        drill_run_again(stage->run);
        if (stage->sim) {
            drill_run_again(stage->model);
        } else {
            drill_net_conn_again(stage->conn);
        }
    }
}

void cli_several_play(struct cli_several *s, bool again)
{
    if (s->count == 0) {
        cli_stage_play(s->main, again);
        return;
    }
    if (again) {
        drill_several_init(&s->all, &s->arena);
        set_back(s);
        s->all.wake = wake;
        s->all.ctx = s;
    }
    if (s->main->sim) {
        play_pairs(s);
        return;
    }
    cli_stage_play(s->main, again);
    for (size_t i = 0; cli_interrupted(NULL) && i < s->count; i++) {
        drill_run_stop(s->others[i].stage.run, "interrupted");
    }
}

const struct drill_mta *cli_several_sum(struct cli_several *s, const struct drill_mta *mta)
{
    if (s->count == 0 || !mta) {
        return mta;
    }
    if (drill_several_face(&s->all, &s->face) != DRILL_OK) {
        cli_complain("no memory for what all milters came to");
        return mta;
    }
    return &s->face;
}

const struct cli_other *cli_several_failed(const struct cli_several *s)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct cli_stage *stage = &s->others[i].stage;
        if (stage->run && drill_run_result(stage->run) != DRILL_RESULT_PASS) {
            return &s->others[i];
        }
    }
    return NULL;
}

void cli_several_close(struct cli_several *s)
{
    s->all.wake = NULL;
    for (size_t i = 0; i < s->count; i++) {
        cli_stage_close(&s->others[i].stage);
        cli_tls_close(&s->others[i].tls);
    }
    drill_arena_fini(&s->arena);
}
