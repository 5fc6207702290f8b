/* SPDX-License-Identifier: MIT */
#include "sim/sweep_state.h"

#include <string.h>

#include "base/random.h"
#include "scenario/modelled.h"

/* ---- one play ---- */

static const struct drill_mta *mta_of(const struct sweep *s)
{
    return drill_run_mta(s->run[SWEEP_MTA]);
}

static enum drill_result result_of(const struct sweep *s, int side)
{
    return drill_run_report(s->run[side])->result;
}

/* All that the SMTP client was told, and what was done to its messages. */
static uint64_t told_of(const struct drill_mta *mta)
{
    uint64_t h = 0;
    for (const struct drill_told *t = mta ? mta->told : NULL; t; t = t->next) {
        h = drill_random_mix(h, (uint64_t)t->message << 32 | (uint64_t)t->stage << 16 | t->code);
        h = drill_random_mix(h, (uint64_t)t->rcpt << 1 | (t->final ? 1 : 0));
        h = drill_random_fold(h, t->line);
    }
    for (const struct drill_mod *m = mta ? mta->mods : NULL; m; m = m->next) {
        h = drill_random_mix(h, (uint64_t)m->message << 8 | m->code);
        h = drill_random_fold(drill_random_mix(h, m->size), m->payload);
    }
    return h;
}

/* All that a single play is held to; of the disturbed ones only what the client is told. */
static void check_model(const struct sweep *s, struct drill_run *run)
{
    struct drill_arena arena;
    drill_arena_init(&arena, s->alloc, 0);
    (void)drill_run_check_model(run, mta_of(s), &arena);
    drill_arena_fini(&arena);
}

static enum drill_sim_result play(struct sweep *s, const struct drill_disturb *disturb,
                                  enum sweep_mode mode)
{
    struct drill_sim_config config = {
        .mta = s->run[SWEEP_MTA], .milter = s->run[SWEEP_MILTER], .disturb = disturb};
    for (int side = 0; side < SWEEP_SIDES; side++) {
        sweep_watch_begin(&s->watch[side], mode);
        if (mode != SWEEP_KEEP) {
            drill_run_again(s->run[side]);
        }
    }
    enum drill_sim_result result = drill_sim_play(s->sim, &config);
    for (int side = 0; side < SWEEP_SIDES; side++) {
        sweep_watch_end(&s->watch[side]);
    }
    struct drill_run *run = s->run[s->file];
    bool passed = result_of(s, s->file) == DRILL_RESULT_PASS && mta_of(s);
    if (passed && mode == SWEEP_KEEP) {
        check_model(s, run);
    } else if (passed) {
        (void)drill_run_check_verdicts(run, mta_of(s));
    }
    s->outcome->plays += mode == SWEEP_QUOTE ? 0 : 1;
    s->no_memory |= result == DRILL_SIM_MEMORY;
    return result;
}

/* ---- what must hold ---- */

static const char *side_name(int side)
{
    return side == SWEEP_MTA ? "the MTA" : "the milter";
}

static void set(char *text, const char *value)
{
    struct drill_writer w = drill_writer_of(text, DRILL_REPORT_LINE - 1);
    drill_write_text(&w, value);
    text[drill_writer_span(&w).len] = '\0';
}

static const char *result_name(enum drill_result result)
{
    switch (result) {
    case DRILL_RESULT_RUNNING: return "no result";
    case DRILL_RESULT_PASS: return "pass";
    case DRILL_RESULT_FAIL: return "fail";
    case DRILL_RESULT_SKIP: return "skip";
    case DRILL_RESULT_UNREACHABLE: return "unreachable";
    case DRILL_RESULT_ERROR: return "error";
    }
    return "";
}

/* Ends the sentence that names the disturbance. True: go on with others. */
static bool fail(struct sweep *s, struct drill_sweep_failure *f, int side, const char *what)
{
    struct drill_writer w = drill_writer_of(f->what, sizeof(f->what) - 1);
    sweep_say_place(&w, s, &f->disturb);
    drill_write_text(&w, ": ");
    drill_write_text(&w, side < 0 ? "" : side_name(side));
    drill_write_text(&w, what);
    f->what[drill_writer_span(&w).len] = '\0';
    s->outcome->failures++;
    return !s->config->failed || s->config->failed(s->config->ctx, f);
}

/* Both plays once more, to show in words what the side saw. */
static void quote(struct sweep *s, struct drill_sweep_failure *f, int side)
{
    const struct drill_disturb whole = {.chunks = DRILL_DISTURB_WHOLE};
    set(f->expected, "nothing more in this direction");
    set(f->actual, "nothing more in this direction");
    s->watch[side].quote = f->expected;
    (void)play(s, &whole, SWEEP_QUOTE);
    s->watch[side].quote = f->actual;
    (void)play(s, &f->disturb, SWEEP_QUOTE);
    s->watch[side].quote = NULL;
}

enum sweep_same { SAME, SAME_TO_THE_END, SAME_BUT_TORN, OTHER };

/* What both sides saw; with OTHER, `side` is one that saw something else. */
static enum sweep_same compare(const struct sweep *s, int *side)
{
    bool rude = s->rude || drill_sim_rude_ends(s->sim);
    bool blocked = s->blocked || drill_sim_blocked_ends(s->sim);
    enum sweep_same same = SAME;
    for (int i = 0; i < SWEEP_SIDES; i++) {
        const struct sweep_watch *w = &s->watch[i];
        if (w->differs && w->fin_or_rst && rude) {
            return SAME_TO_THE_END; /* what the other side makes of it differs, too */
        }
        if (w->differs && same != OTHER) {
            same = w->torn && blocked ? SAME_BUT_TORN : OTHER;
            *side = i;
        }
    }
    return same;
}

static bool check_split(struct sweep *s, const struct drill_disturb *d)
{
    struct drill_sweep_failure f = {.disturb = *d};
    enum drill_sim_result end = play(s, d, SWEEP_COMPARE);
    int side = s->file;
    enum sweep_same same = compare(s, &side);
    s->outcome->excused += same == SAME_TO_THE_END || same == SAME_BUT_TORN ? 1 : 0;
    if (same == SAME_TO_THE_END) {
        return true;
    }
    if (end == DRILL_SIM_STUCK) {
        return fail(s, &f, -1, "neither side came to an end");
    }
    if (same == OTHER) {
        quote(s, &f, side);
        return fail(s, &f, side, " saw another conversation");
    }
    for (int i = 0; i < SWEEP_SIDES; i++) {
        int at = i == 0 ? s->file : !s->file; /* what the scenario says of it first */
        const struct drill_report *r = drill_run_report(s->run[at]);
        if (r->result != s->result[at]) {
            set(f.expected, result_name(s->result[at]));
            set(f.actual, r->result == DRILL_RESULT_FAIL ? r->what : result_name(r->result));
            return fail(s, &f, at, " came to another result");
        }
    }
    return told_of(mta_of(s)) == s->told || fail(s, &f, -1, "the SMTP client was told otherwise");
}

/* Every message that the MTA came to has been answered for. */
static bool all_told(const struct drill_mta *mta)
{
    for (uint32_t n = 1; mta && n <= mta->cursor.message_number; n++) {
        if (!drill_mta_outcome(mta, n)) {
            return false;
        }
    }
    return true;
}

/* A milter without a limit of time hears nothing of a silent loss and waits for ever, as its
 * program does. */
static bool waits_for_ever(const struct sweep *s, const struct drill_disturb *d,
                           enum drill_sim_result end)
{
    const struct drill_milter *milter = drill_run_milter(s->run[SWEEP_MILTER]);
    return end == DRILL_SIM_STUCK && d->loss == DRILL_DISTURB_SILENCE && s->file == SWEEP_MTA &&
           milter && drill_milter_patience(milter) == UINT64_MAX;
}

static bool check_cut(struct sweep *s, const struct drill_disturb *d)
{
    struct drill_sweep_failure f = {.disturb = *d};
    enum drill_sim_result end = play(s, d, SWEEP_IGNORE);
    const struct drill_report *file = drill_run_report(s->run[s->file]);
    const struct drill_report *model = drill_run_report(s->run[!s->file]);
    if (file->result == DRILL_RESULT_RUNNING || file->result == DRILL_RESULT_ERROR) {
        set(f.actual, file->result == DRILL_RESULT_ERROR ? file->what : "it goes on for ever");
        return fail(s, &f, s->file, " did not come to a clean end");
    }
    if (waits_for_ever(s, d, end)) {
        s->outcome->excused++;
        return true;
    }
    if (model->result != DRILL_RESULT_PASS) {
        set(f.actual, model->what);
        return fail(s, &f, !s->file, " (model) did not come to a clean end");
    }
    if (end == DRILL_SIM_STUCK) {
        return fail(s, &f, -1, "neither side came to an end within a day");
    }
    if (s->file == SWEEP_MILTER && !all_told(mta_of(s))) {
        return fail(s, &f, SWEEP_MTA, " (model) began a message and told its client no outcome");
    }
    return true;
}

/* ---- the sweep ---- */

static bool stopped(const struct sweep *s)
{
    return s->no_memory || (s->config->stop && s->config->stop(s->config->ctx));
}

/* False: leave it at that. */
static bool at_place(struct sweep *s, const struct drill_disturb_place *place)
{
    struct drill_disturb d = {.place = *place};
    if (s->config->kind == DRILL_SWEEP_SPLITS) {
        d.chunks = DRILL_DISTURB_ONCE;
        return place->at == 0 || (!stopped(s) && check_split(s, &d));
    }
    for (int loss = DRILL_DISTURB_FIN; loss <= DRILL_DISTURB_SILENCE; loss++) {
        d.loss = (enum drill_disturb_loss)loss;
        if (stopped(s) || !check_cut(s, &d)) {
            return false;
        }
    }
    return true;
}

static bool all_places(struct sweep *s)
{
    for (size_t i = 0; i < sweep_map_count(&s->map); i++) {
        const struct sweep_frame *f = sweep_map_frame(&s->map, i);
        for (uint64_t n = 0; n < sweep_map_points(f); n++) {
            struct drill_disturb_place place = f->place;
            place.at += sweep_map_point(f, n, s->config->seed);
            if (!at_place(s, &place)) {
                return false;
            }
        }
    }
    return true;
}

static bool all_chunkings(struct sweep *s)
{
    for (uint64_t n = 1; n <= s->config->chunkings; n++) {
        struct drill_disturb d = {.chunks = DRILL_DISTURB_RANDOM, .place = {.at = n}};
        d.seed = drill_random_mix(s->config->seed, n);
        if (stopped(s) || !check_split(s, &d)) {
            return false;
        }
    }
    return true;
}

static bool all(struct sweep *s)
{
    struct drill_disturb bytes = {.chunks = DRILL_DISTURB_BYTES, .seed = s->config->seed};
    if (s->config->kind == DRILL_SWEEP_CUTS) {
        return all_places(s);
    }
    if (s->config->chunkings) {
        return all_chunkings(s);
    }
    return !stopped(s) && check_split(s, &bytes) && all_places(s);
}

/* False: there is nothing to compare with. */
static bool undisturbed(struct sweep *s)
{
    const struct drill_disturb whole = {
        .chunks = DRILL_DISTURB_WHOLE, .wrote = sweep_map_wrote, .ctx = &s->map};
    (void)play(s, &whole, SWEEP_KEEP);
    sweep_map_end(&s->map);
    s->told = told_of(mta_of(s));
    s->rude = drill_sim_rude_ends(s->sim) > 0;
    s->blocked = drill_sim_blocked_ends(s->sim) > 0;
    for (int side = 0; side < SWEEP_SIDES; side++) {
        s->result[side] = result_of(s, side);
    }
    s->outcome->report = *drill_run_report(s->run[s->file]);
    s->outcome->elapsed = drill_sim_now(s->sim);
    s->outcome->frames = sweep_map_count(&s->map);
    enum drill_result result = s->result[s->file];
    return s->config->kind == DRILL_SWEEP_SPLITS
               ? result == DRILL_RESULT_PASS
               : result == DRILL_RESULT_PASS || result == DRILL_RESULT_FAIL;
}

static struct drill_run *new_run(struct sweep *s, int side, const struct drill_alloc *alloc)
{
    struct drill_run_config config = side == SWEEP_MTA ? s->config->mta : s->config->milter;
    struct sweep_watch *w = &s->watch[side];
    drill_buf_init(&w->kept[0], alloc);
    drill_buf_init(&w->kept[1], alloc);
    w->also = config.observer;
    /* An observer wants whole payloads; cuts are not looked at so closely. */
    if (s->config->kind == DRILL_SWEEP_SPLITS) {
        config.observer.seen = sweep_watch_seen;
        config.observer.ctx = w;
    } else {
        config.observer.seen = NULL;
    }
    return drill_run_new(&config, alloc);
}

static bool begin(struct sweep *s, const struct drill_alloc *alloc)
{
    s->file = s->config->mta.file ? SWEEP_MTA : SWEEP_MILTER;
    s->alloc = alloc;
    sweep_map_init(&s->map, alloc);
    s->run[SWEEP_MTA] = new_run(s, SWEEP_MTA, alloc);
    s->run[SWEEP_MILTER] = new_run(s, SWEEP_MILTER, alloc);
    s->sim = drill_sim_new(alloc);
    return s->run[SWEEP_MTA] && s->run[SWEEP_MILTER] && s->sim;
}

static void fini(struct sweep *s)
{
    for (int side = 0; side < SWEEP_SIDES; side++) {
        drill_buf_fini(&s->watch[side].kept[0]);
        drill_buf_fini(&s->watch[side].kept[1]);
        drill_run_free(s->run[side]);
    }
    drill_sim_free(s->sim);
    sweep_map_fini(&s->map);
}

void drill_sweep_play(const struct drill_sweep_config *config, const struct drill_alloc *alloc,
                      struct drill_sweep_outcome *outcome)
{
    struct sweep s;
    memset(&s, 0, sizeof(s));
    memset(outcome, 0, sizeof(*outcome));
    s.config = config;
    s.outcome = outcome;
    outcome->end = DRILL_SWEEP_MEMORY;
    if (begin(&s, alloc)) {
        bool base = undisturbed(&s);
        s.no_memory |= s.map.no_memory || s.watch[0].no_memory || s.watch[1].no_memory;
        outcome->end = !base     ? DRILL_SWEEP_NOT_PLAYED
                       : all(&s) ? DRILL_SWEEP_DONE
                                 : DRILL_SWEEP_STOPPED;
        outcome->end = s.no_memory ? DRILL_SWEEP_MEMORY : outcome->end;
    }
    fini(&s);
}
