/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/scrub_check.h"
#include "scenario/modelled.h"

enum { PATIENCE = 10 * 1000 * 1000, CODES = 64 };

/* What one play came to, without anything that its content decides. */
struct ended {
    enum drill_result result;
    unsigned statement; /* that failed: its number, from 1, setup not counted; 0: none */
    enum drill_end end;
    int end_error;
    uint32_t connections;
    uint16_t code[CODES]; /* what the client is told for each message; 0: nothing */
    char what[DRILL_REPORT_LINE];
};

struct check {
    const char *text; /* the address */
    struct drill_address address;
    const struct drill_profile *model; /* of sim:NAME */
    struct drill_net *net;
};

static unsigned count_lines(const struct drill_block *block, uint32_t line, bool *found)
{
    unsigned n = 0;
    for (const struct drill_step *step = block->steps; step && !*found; step = step->next) {
        n++;
        *found = step->pos.line == line;
        n += *found ? 0 : count_lines(&step->block, line, found);
        n += *found ? 0 : count_lines(&step->block2, line, found);
    }
    for (const struct drill_check *c = block->checks; c && !*found; c = c->next) {
        n++;
        *found = c->pos.line == line;
    }
    return n;
}

static void note(const struct cli_stage *stage, const struct drill_file *file, struct ended *out)
{
    const struct drill_report *r = drill_run_report(stage->run);
    const struct drill_mta *mta = drill_run_mta(stage->run);
    bool found = false;
    unsigned at = r->pos.line ? count_lines(&file->body, r->pos.line, &found) : 0;
    memset(out, 0, sizeof(*out));
    out->result = r->result;
    out->statement = found ? at : 0;
    out->end = r->end;
    out->end_error = r->end_error;
    out->connections = r->connections;
    for (uint32_t i = 0; mta && i < CODES; i++) {
        const struct drill_told *told = drill_mta_outcome(mta, i + 1);
        out->code[i] = told ? told->code : 0;
    }
    (void)snprintf(out->what, sizeof(out->what), "%s",
                   r->result == DRILL_RESULT_PASS ? "as its lines say" : r->what);
}

static bool play(const struct check *c, struct cli_scenario *s, struct drill_arena *arena,
                 struct ended *out)
{
    struct drill_scene scene;
    struct drill_error err;
    struct drill_scene_side milter = {.profile = c->model};
    if (drill_scene_build(s->file, s->name, &s->loader.loader, NULL, &milter, arena, &scene,
                          &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    struct cli_stage stage = {
        .mode = c->model ? CLI_SIM_MILTER : CLI_AS_MTA, .net = c->net, .address = &c->address};
    bool recording = s->file->recorded.len > 0;
    struct drill_run_config config = {.file = s->file,
                                      .tolerant = recording,
                                      .whole = recording,
                                      .hasty = recording,
                                      .ours = DRILL_SIDE_MTA,
                                      .profile = scene.mta,
                                      .settings = &scene.mta_settings,
                                      .traffic = scene.traffic,
                                      .simulated = c->model != NULL,
                                      .patience = c->model ? DRILL_NEVER : PATIENCE};
    if (s->file->tests == DRILL_TESTS_MTA && !recording) {
        memset(out, 0, sizeof(*out));
        out->result = DRILL_RESULT_SKIP;
        (void)snprintf(out->what, sizeof(out->what), "it asks the MTA, and not a milter");
        return true;
    }
    bool ok = cli_stage_open(&stage, &config, &scene, &err);
    if (ok) {
        cli_stage_play(&stage, false);
        const struct drill_mta *mta = drill_run_mta(stage.run);
        if (mta && drill_run_result(stage.run) == DRILL_RESULT_PASS) {
            (void)drill_run_check_model(stage.run, mta, arena);
        }
        note(&stage, s->file, out);
    } else {
        cli_error(&err);
    }
    cli_stage_close(&stage);
    return ok;
}

static bool play_file(const struct check *c, const char *path, const char *root, struct ended *out)
{
    struct drill_arena arena;
    cli_arena_init(&arena);
    struct cli_scenario *s = drill_arena_take(&arena, sizeof(*s));
    bool ok = s && cli_scenario_read(s, path, root, true, &arena) && cli_scenario_lint(s) &&
              play(c, s, &arena, out);
    drill_arena_fini(&arena);
    return ok;
}

static bool alike(const struct ended *a, const struct ended *b)
{
    return a->result == b->result && a->statement == b->statement && a->end == b->end &&
           a->end_error == b->end_error && a->connections == b->connections &&
           memcmp(a->code, b->code, sizeof(a->code)) == 0;
}

static const char *result_word(enum drill_result result)
{
    switch (result) {
    case DRILL_RESULT_PASS: return "passes";
    case DRILL_RESULT_SKIP: return "is skipped";
    case DRILL_RESULT_UNREACHABLE: return "finds nobody";
    case DRILL_RESULT_RUNNING:
    case DRILL_RESULT_FAIL:
    case DRILL_RESULT_ERROR: break;
    }
    return "fails";
}

static void say(const char *who, const struct ended *e)
{
    (void)printf("%-8s %s", who, result_word(e->result));
    if (e->statement) {
        (void)printf(" at line %u of the conversation", e->statement);
    }
    (void)printf(": %s\n", e->what);
    for (size_t i = 0; i < CODES; i++) {
        if (e->code[i]) {
            (void)printf("         message %zu: the client is told %u\n", i + 1, e->code[i]);
        }
    }
}

static int compare(const struct check *c, const struct ended *first, const struct ended *second)
{
    if (first->result == DRILL_RESULT_UNREACHABLE || second->result == DRILL_RESULT_UNREACHABLE) {
        cli_complain("scrub: nobody is there at %s: %s", c->text, first->what);
        return EXIT_NO_PEER;
    }
    say("original", first);
    say("copy", second);
    if (first->result == DRILL_RESULT_SKIP && second->result == DRILL_RESULT_SKIP) {
        (void)printf("skipped: this says nothing of the copy\n");
        return EXIT_SKIPPED;
    }
    if (alike(first, second)) {
        (void)printf("alike: the copy will do in place of the original\n");
        return EXIT_AS_EXPECTED;
    }
    (void)printf("not alike: what happens depends on the content; keep some of it "
                 "(--keep header:NAME, --keep body)\n");
    return EXIT_FAILED;
}

int cli_scrub_check(const char *address, const char *original, const char *root, const char *copy,
                    const char *copy_root)
{
    struct check c = {.text = address};
    struct ended first, second;
    struct drill_error err;
    int code = EXIT_USAGE;
    if (drill_address_parse(address, &c.address, &err) != DRILL_OK) {
        cli_error(&err);
        return EXIT_USAGE;
    }
    if (c.address.kind == DRILL_ADDRESS_SIM) {
        if (!cli_model(c.address.model, DRILL_SIDE_MILTER, &c.model)) {
            return EXIT_USAGE;
        }
    } else if (!(c.net = drill_net_new(&err))) {
        cli_error(&err);
        return EXIT_NO_PEER;
    }
    if (play_file(&c, original, root, &first) && play_file(&c, copy, copy_root, &second)) {
        code = compare(&c, &first, &second);
    }
    drill_net_free(c.net);
    return code;
}
