/* SPDX-License-Identifier: MIT */
/* Models against each other, every scenario against a model, and recordings against theirs. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include "scenario/lint.h"
#include "scenario/scene.h"
#include "scenario/transcript.h"
#include "sim/sim.h"

/* These conversations are Stalwart's, whatever the default is. */
static const struct drill_scene_side *stalwart(void)
{
    static struct drill_scene_side side;
    side.profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"));
    return &side;
}

enum { PATH = 512 };

/* Two runners in the simulator; `ours` follows the file, the other one is the model. */
struct stage {
    struct drill_scene scene;
    struct drill_run *run[2]; /* by drill_side */
    struct drill_sim *sim;
    struct drill_run *ours;
};

static struct drill_run_config config_of(const struct drill_scene *scene, enum drill_side side)
{
    bool mta = side == DRILL_SIDE_MTA;
    struct drill_run_config c = {.ours = side,
                                 .profile = mta ? scene->mta : scene->milter,
                                 .settings = mta ? &scene->mta_settings : &scene->milter_settings,
                                 .traffic = scene->traffic,
                                 .patience = DRILL_NEVER,
                                 .simulated = true};
    return c;
}

static void stage_open(struct stage *s, const struct drill_file *file, enum drill_side ours,
                       const struct drill_observer *observer, const struct drill_alloc *alloc)
{
    for (int side = DRILL_SIDE_MTA; side <= DRILL_SIDE_MILTER; side++) {
        struct drill_run_config c = config_of(&s->scene, (enum drill_side)side);
        if ((enum drill_side)side == ours) {
            c.file = file;
            c.observer = observer ? *observer : c.observer;
        }
        s->run[side] = drill_run_new(&c, alloc);
        assert_non_null(s->run[side]);
    }
    s->sim = drill_sim_new(alloc);
    assert_non_null(s->sim);
    s->ours = s->run[ours];
}

static void stage_close(struct stage *s)
{
    drill_sim_free(s->sim);
    drill_run_free(s->run[0]);
    drill_run_free(s->run[1]);
}

static const struct drill_report *stage_play(struct stage *s, bool again)
{
    const struct drill_sim_config c = {.mta = s->run[DRILL_SIDE_MTA],
                                       .milter = s->run[DRILL_SIDE_MILTER]};
    if (again) {
        drill_run_again(s->run[0]);
        drill_run_again(s->run[1]);
    }
    assert_int_not_equal(drill_sim_play(s->sim, &c), DRILL_SIM_MEMORY);
    const struct drill_report *r = drill_run_report(s->ours);
    if (r->result == DRILL_RESULT_PASS) {
        (void)drill_run_check_verdicts(s->ours, drill_run_mta(s->run[DRILL_SIDE_MTA]));
    }
    return r;
}

/* ---- files ---- */

static struct drill_span read_file(const char *path, struct drill_arena *arena)
{
    struct drill_buf buf;
    FILE *f = fopen(path, "rb");
    if (!f) {
        return drill_span_of(NULL, 0);
    }
    drill_buf_init(&buf, NULL);
    for (size_t got = 1; got;) {
        assert_true(drill_buf_reserve(&buf, 65536));
        got = fread(buf.ptr + buf.len, 1, 65536, f);
        buf.len += got;
    }
    (void)fclose(f);
    struct drill_span copy = drill_arena_copy(arena, drill_buf_span(&buf));
    drill_buf_fini(&buf);
    return copy;
}

struct folder {
    char dir[PATH]; /* of the scenario */
    struct drill_arena *arena;
    const struct drill_transcript_file *files; /* or: what a recording keeps beside itself */
};

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    const struct folder *f = ctx;
    char path[2 * PATH];
    for (const struct drill_transcript_file *t = f->files; t; t = t->next) {
        if (drill_span_equal(name, drill_span_str(t->name))) {
            *bytes = t->bytes;
            return DRILL_OK;
        }
    }
    const char *const roots[] = {f->dir, DRILL_SOURCE_DIR "/scenarios"};
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%.*s", roots[i], (int)name.len,
                       (const char *)name.ptr);
        *bytes = read_file(path, f->arena);
        if (bytes->ptr) {
            return DRILL_OK;
        }
    }
    return drill_error_set(err, DRILL_ERR_NOTFOUND, "no file %.*s", (int)name.len,
                           (const char *)name.ptr);
}

static const struct drill_file *parse(struct drill_span source, const char *name,
                                      const struct drill_loader *loader, struct drill_arena *arena)
{
    static struct drill_errors errors;
    errors.count = 0;
    const struct drill_file *file = drill_parse(source, name, loader, arena, &errors);
    if (!file) {
        helper_dump(name, source);
        fail_msg("%s:%u: %s", name, errors.item[0].line, errors.item[0].text);
    }
    return file;
}

/* Is it in a list of expected failures: "actions/x.drill | fail | reason"? */
static bool expected_to_fail(const char *program, const char *path, struct drill_arena *arena)
{
    char list[PATH], line[PATH];
    (void)snprintf(list, sizeof(list), DRILL_SOURCE_DIR "/scenarios/expected/%s.txt", program);
    (void)snprintf(line, sizeof(line), "\n%s | fail |", path);
    struct drill_span text = read_file(list, arena);
    return text.ptr && strstr((const char *)text.ptr, line);
}

/* Profiles that the design names and that this version may not have yet: their files wait. */
static bool profiles_are_there(const struct drill_file *file)
{
    static const char *const later[] = {"postfix", "sendmail", "rspamd", "pmilter"};
    bool there = true;
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        enum drill_side side = s->kind == DRILL_SETUP_MTA ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
        bool profile = s->kind == DRILL_SETUP_MTA || s->kind == DRILL_SETUP_MILTER;
        for (size_t i = 0; profile && i < sizeof(later) / sizeof(*later); i++) {
            bool names = drill_span_equal(s->text, drill_span_str(later[i]));
            there = there && !(names && !drill_profile_find(side, s->text));
        }
    }
    return there;
}

static void play_side(const struct drill_file *file, const char *path, enum drill_side ours,
                      const struct drill_loader *loader, struct drill_arena *arena)
{
    struct stage s;
    struct drill_error err;
    if (drill_scene_build(file, path, loader, NULL, NULL, arena, &s.scene, &err) != DRILL_OK) {
        fail_msg("%s: %s", path, err.text);
    }
    stage_open(&s, file, ours, NULL, NULL);
    const struct drill_report *r = stage_play(&s, false);
    enum drill_result first = r->result;
    if (first != DRILL_RESULT_PASS && first != DRILL_RESULT_SKIP &&
        !(first == DRILL_RESULT_FAIL &&
          expected_to_fail(ours == DRILL_SIDE_MTA ? s.scene.milter->name : s.scene.mta->name, path,
                           arena))) {
        fail_msg("%s:%u: result %d, %s; expected %s, actual %s", path, r->pos.line, first, r->what,
                 r->expected, r->actual);
    }
    assert_int_equal(stage_play(&s, true)->result, first);
    stage_close(&s);
}

static unsigned played;

static void play_file(const char *path)
{
    struct drill_arena arena;
    struct folder folder = {.arena = &arena};
    const struct drill_loader loader = {load, &folder};
    char full[2 * PATH], why[200];
    struct drill_writer w = drill_writer_of(why, sizeof(why));
    drill_arena_init(&arena, NULL, 0);
    (void)snprintf(full, sizeof(full), DRILL_SOURCE_DIR "/scenarios/%s", path);
    (void)snprintf(folder.dir, sizeof(folder.dir), DRILL_SOURCE_DIR "/scenarios/%.*s",
                   (int)(strrchr(path, '/') - path), path);
    const struct drill_file *file = parse(read_file(full, &arena), path, &loader, &arena);
    const struct drill_step *first = file->body.steps;
    bool one = !first || first->kind != DRILL_STEP_CONCURRENTLY; /* else each block is a play */
    if (one && !drill_lint_unplayed(file, DRILL_PLAYS_SMTP, &w) && profiles_are_there(file)) {
        played++;
        if (file->tests != DRILL_TESTS_MTA) {
            play_side(file, path, DRILL_SIDE_MTA, &loader, &arena);
        }
        if (file->tests != DRILL_TESTS_MILTER) {
            play_side(file, path, DRILL_SIDE_MILTER, &loader, &arena);
        }
    }
    drill_arena_fini(&arena);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void play_folder(const char *name)
{
    char path[PATH];
    struct dirent **list = NULL;
    (void)snprintf(path, sizeof(path), DRILL_SOURCE_DIR "/scenarios/%s", name);
    int n = scandir(path, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        const char *end = strrchr(list[i]->d_name, '.');
        (void)snprintf(path, sizeof(path), "%.200s/%.250s", name, list[i]->d_name);
        if (end && strcmp(end, ".drill") == 0) {
            play_file(path);
        } else if (!end && name[0] == '.') {
            play_folder(list[i]->d_name);
        }
        free(list[i]);
    }
    free(list);
}

static void test_every_scenario_passes_or_is_listed(void **state)
{
    (void)state;
    played = 0;
    play_folder(".");
    assert_true(played > 40);
}

/* ---- models ---- */

static const char *const milters[] = {"libmilter", "clamav-milter"};

static void test_models_play_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct drill_arena arena;
        struct drill_error err;
        struct stage s;
        drill_arena_init(&arena, NULL, 0);
        const struct drill_scene_side milter = {
            .profile = drill_profile_find(DRILL_SIDE_MILTER, drill_span_str(milters[i]))};
        assert_int_equal(
            drill_scene_build(NULL, "f", NULL, stalwart(), &milter, &arena, &s.scene, &err), 0);
        stage_open(&s, NULL, DRILL_SIDE_MTA, NULL, NULL);
        assert_int_equal(stage_play(&s, false)->result, DRILL_RESULT_PASS);
        const struct drill_told *told = drill_mta_outcome(drill_run_mta(s.run[0]), 1);
        assert_non_null(told);
        assert_int_equal(told->code, 250);
        const struct drill_report *theirs = drill_run_report(s.run[1]);
        assert_int_equal(theirs->result, DRILL_RESULT_PASS);
        assert_int_equal(theirs->frames_got, s.ours ? drill_run_report(s.ours)->frames_sent : 0);
        assert_int_equal(theirs->bytes_got, drill_run_report(s.ours)->bytes_sent);
        assert_int_equal(theirs->bytes_sent, drill_run_report(s.ours)->bytes_got);
        stage_close(&s);
        drill_arena_fini(&arena);
    }
}

/* ---- the same again ---- */

static void seen(void *ctx, const struct drill_seen *s)
{
    drill_transcript_seen(ctx, s);
}

static void test_again_is_the_same_and_takes_no_memory(void **state)
{
    struct drill_arena arena;
    struct drill_error err;
    struct stage s;
    struct helper_alloc h;
    struct drill_transcript t;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    helper_alloc_init(&h, 0);
    drill_transcript_init(&t, "again", &arena, NULL);
    const struct drill_observer observer = {seen, &t};
    const struct drill_file *file =
        parse(drill_span_str("drill 1 \"x\"\nmessage\nmessage\n...\n> rcpt address=$r\n...\n"
                             "> header name=\"X\" value=$r\n...\nverdict message=1..2 accept\n"),
              "f", NULL, &arena);
    assert_int_equal(drill_scene_build(file, "f", NULL, stalwart(), NULL, &arena, &s.scene, &err),
                     0);
    stage_open(&s, file, DRILL_SIDE_MTA, &observer, &h.alloc);
    assert_int_equal(stage_play(&s, false)->result, DRILL_RESULT_PASS);
    struct drill_span first = drill_arena_copy(&arena, drill_buf_span(&t.text));
    size_t asked = 0;
    for (int i = 0; i < 50; i++) {
        t.text.len = 0;
        assert_int_equal(stage_play(&s, true)->result, DRILL_RESULT_PASS);
        helper_assert_bytes(drill_buf_span(&t.text), first, "the transcript");
        asked = i == 0 ? h.asked : asked;
        assert_int_equal(h.asked, asked); /* none after the second play */
    }
    stage_close(&s);
    assert_int_equal(h.live, 0);
    drill_transcript_fini(&t);
    drill_arena_fini(&arena);
}

/* ---- recordings ---- */

static const char *const talks[] = {
    "...\n",
    "mta stalwart stages=connect,ehlo,mail,rcpt,data\n...\n",
    "milter clamav-milter AddHeader=Replace\nheader name=\"X-Virus-Status\" value=\"old\"\n...\n",
    "header name=\"To\" value=\"a\" * 65532\n...\n> header name=\"To\"\n< reset\n",
    "header name=\"X\" value=\"abcdefgh\" * 1000\nbody data=\"line\\r\\n\" * 30000\n...\n",
    "...\n> mail data=\"no nul\"\n...\n",
    "...\n> mail join\n> rcpt\n...\n",
    "...\n> rcpt\n> close\n> open\n...\n> quit\n",
    "...\n> frame code=0x7f data=\"\\xff\\0\"\n...\n",
    "message\nmessage\nclient addr=\"2001:db8::5\"\nmessage from=\"<>\"\n...\n",
};

/* A conversation, its recording, and the recording played against the same model. */
static void check_recording(const char *lines)
{
    struct drill_arena arena;
    struct folder folder = {.arena = &arena};
    const struct drill_loader loader = {load, &folder};
    struct drill_error err;
    struct drill_transcript t, u;
    struct drill_buf text;
    struct stage s;
    char source[1024];
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&text, NULL);
    (void)snprintf(source, sizeof(source), "drill 1 \"x\" tests=milter\n%s", lines);
    const struct drill_file *file = parse(drill_span_str(source), "talk", NULL, &arena);
    assert_int_equal(drill_scene_build(file, "f", NULL, stalwart(), NULL, &arena, &s.scene, &err),
                     0);
    drill_transcript_init(&t, "talk", &arena, NULL);
    stage_open(&s, file, DRILL_SIDE_MTA, &(struct drill_observer){seen, &t}, NULL);
    if (stage_play(&s, false)->result != DRILL_RESULT_PASS) {
        fail_msg("%s: %s", lines, drill_run_report(s.ours)->what);
    }
    const struct drill_transcript_head head = {.title = "recorded",
                                               .tests = "milter",
                                               .mta = s.scene.mta->name,
                                               .milter = s.scene.milter->name,
                                               .settings = &s.scene.mta_settings,
                                               .client = s.scene.traffic};
    drill_transcript_write(&t, &head, NULL, &text);
    assert_false(t.incomplete);
    stage_close(&s);
    folder.files = t.files;
    const struct drill_scene_side milter = {.profile = s.scene.milter,
                                            .settings = &s.scene.milter_settings};
    struct stage again = {.scene = s.scene};
    file = parse(drill_buf_span(&text), "recording", &loader, &arena);
    assert_int_equal(
        drill_scene_build(file, "f", &loader, stalwart(), &milter, &arena, &again.scene, &err), 0);
    drill_transcript_init(&u, "talk", &arena, NULL);
    stage_open(&again, file, DRILL_SIDE_MTA, &(struct drill_observer){seen, &u}, NULL);
    const struct drill_report *r = stage_play(&again, false);
    if (r->result != DRILL_RESULT_PASS) {
        fail_msg("%s: line %u of the recording: %s; expected %s, actual %s\n%.*s", lines,
                 r->pos.line, r->what, r->expected, r->actual, (int)text.len, (char *)text.ptr);
    }
    helper_assert_bytes(drill_buf_span(&u.text), drill_buf_span(&t.text), lines);
    stage_close(&again);
    drill_transcript_fini(&t);
    drill_transcript_fini(&u);
    drill_buf_fini(&text);
    drill_arena_fini(&arena);
}

/* Recording a replay yields the same file. */
static void test_recordings_pass_against_the_same_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
        check_recording(talks[i]);
    }
}

/* ---- talks that need a model on the other side ---- */

static void all_went_out(void *ctx, const struct drill_seen *s)
{
    (void)ctx;
    if (s->ours && s->kind == DRILL_SEEN_FRAME) {
        assert_int_equal(s->sent, s->total);
    }
}

static const char *const plays[] = {
    /* a frame that was torn is forgotten: the first length of the next connection is judged */
    "...\n> header cut=9\n> close\n> open\n> raw data=hex \"00 02 00 00 4f\"\n< hangup within=1s\n",
    "...\n> mail join\n> rcpt join\n> data\n< continue\n< continue\n< continue\n",
    "...\n> header value=\"a\" * 70000\n< reset\nverdict tempfail\n",
    "...\n> body data=\"a\" * 100MiB\n< hangup\nverdict tempfail\n",
    "...\n> bodyeob\n< accept\n> open\n...\nverdict accept\n",
};

static void test_plays_against_the_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plays) / sizeof(*plays); i++) {
        struct drill_arena arena;
        struct drill_error err;
        struct stage s;
        char source[512];
        drill_arena_init(&arena, NULL, 0);
        (void)snprintf(source, sizeof(source), "drill 1 \"x\" tests=milter\n%s", plays[i]);
        const struct drill_file *file = parse(drill_span_str(source), "play", NULL, &arena);
        assert_int_equal(
            drill_scene_build(file, "f", NULL, stalwart(), NULL, &arena, &s.scene, &err), 0);
        stage_open(&s, file, DRILL_SIDE_MTA,
                   i == 1 ? &(struct drill_observer){all_went_out, NULL} : NULL, NULL);
        if (stage_play(&s, false)->result != DRILL_RESULT_PASS) {
            const struct drill_report *r = drill_run_report(s.ours);
            fail_msg("%s: line %u: %s; expected %s, actual %s", plays[i], r->pos.line, r->what,
                     r->expected, r->actual);
        }
        stage_close(&s);
        drill_arena_fini(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_play_alone),
        cmocka_unit_test(test_plays_against_the_model),
        cmocka_unit_test(test_again_is_the_same_and_takes_no_memory),
        cmocka_unit_test(test_recordings_pass_against_the_same_model),
        cmocka_unit_test(test_every_scenario_passes_or_is_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
