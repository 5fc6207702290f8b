/* SPDX-License-Identifier: MIT */
/* The strict end (LANGUAGE.md section 7), and peers that mean harm. */
#include "tests/helper_bytes.h"
#include "tests/helper_drive.h"

#include <stdlib.h>
#include <string.h>

#include "scenario/scene.h"

/* These conversations are Stalwart's, whatever the default is. */
static const struct drill_scene_side *stalwart(void)
{
    static struct drill_scene_side side;
    side.profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"));
    return &side;
}

#define ANSWER "give < optneg version=6 actions=0 protocol=0\n"
#define TALK   "open\ncodes O\n" ANSWER
#define OFFER  "open\ngive > optneg version=6 actions=0 protocol=0\ncodes O\n"
#define UP     "> optneg\n< optneg\n"

static const struct helper_drive cases[] = {
    {"an unread frame fails", AS_MTA, UP "> mail\n> data after=1s\n< continue\n",
     TALK "codes M\ngive < continue\ngive < accept\ntick\ncodes T\n", DRILL_RESULT_FAIL,
     "after the last line the milter may only end the session", "< hangup", "< accept"},
    {"the milter may end the connection", AS_MTA, UP "> mail\n> data after=1s\n< continue\n",
     TALK "codes M\ngive < continue\nwait 500\ntick\ncodes T\ndoes close\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"our MTA says QUIT where its profile would", AS_MTA, "...\n> bodyeob\n< accept\n",
     "play E\ngive < accept\ncodes Q\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"and says it once", AS_MTA, "...\n> bodyeob\n< accept\n> quit\n",
     "play E\ngive < accept\ncodes Q\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"an attentive one ends its side instead, and hears the milter out", ATTENTIVE_MTA, "...\n",
     "play E\ngive < accept\ndoes half-close\ngive < accept\ngive < reject\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"for half a second", ATTENTIVE_MTA, "...\n",
     "play E\ngive < accept\ndoes half-close\nuntil 500\ntick\ndoes close\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"who hangs up before is not heard", ATTENTIVE_MTA, "...\n",
     "play E\ngive < progress\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"in the middle of a message it just leaves", AS_MTA, UP "> mail\n< continue\n",
     TALK "codes M\ngive < continue\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"after its own close there is nothing left to do", AS_MTA, UP "> close\n", TALK "does close\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"the MTA may say abort and quit, and end the connection", AS_MILTER, UP,
     OFFER "give > abort\ngive > quit\ndoes drop\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"macro frames in front of them too", AS_MILTER, UP,
     OFFER "give > macro stage=quit i=\"1\"\ngive > quit\ndoes drop\n", DRILL_RESULT_PASS, NULL,
     NULL, NULL},
    {"or just end it, by FIN", AS_MILTER, UP, OFFER "end fin\n", DRILL_RESULT_PASS, NULL, NULL,
     NULL},
    {"or by RST", AS_MILTER, UP, OFFER "end rst\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"the MTA may do nothing else", AS_MILTER, UP, OFFER "give > helo name=\"h\"\n",
     DRILL_RESULT_FAIL, "after the last line the MTA may only end the session",
     "> abort | quit | hangup", "> helo name=\"h\""},
    {"quit_nc is something else", AS_MILTER, UP, OFFER "give > quit_nc\n", DRILL_RESULT_FAIL,
     "after the last line the MTA may only end the session", "> abort | quit | hangup",
     "> quit_nc"},
    {"a connection that stays open fails", AS_MILTER, UP, OFFER "until 10000\ntick\n",
     DRILL_RESULT_FAIL, "nothing came for 10000 ms", "> abort | quit | hangup", "nothing"},
    {"the frames before are told, and where it failed", AS_MILTER, UP "> mail\n< accept\n",
     OFFER "give > mail address=\"<a>\"\ncodes a\ngive > data\n", DRILL_RESULT_FAIL, NULL, NULL,
     "> data"},
};

/* ---- hostile peers ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void *counted(void *ctx, void *ptr, size_t size)
{
    size_t *most = ctx;
    *most = size > *most ? size : *most;
    if (size == 0) {
        free(ptr);
        return NULL;
    }
    return realloc(ptr, size);
}

struct hostile {
    struct drill_arena arena;
    struct drill_run *run;
    uint64_t seed, now;
    bool up, done;
    int events; /* left, until it falls silent */
    uint8_t bytes[4096];
};

/* Frames that are nearly right now and then, so that more than the first byte is reached. */
static struct drill_span some_bytes(struct hostile *h)
{
    static const char codes[] = "OcartdspyhimbeqA2+-CHMRTLNBEQKDUx";
    static const uint32_t lengths[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 65536, 1 << 20};
    size_t n = next_random(&h->seed) % 64 + 5;
    for (size_t i = 0; i < n; i++) {
        h->bytes[i] = (uint8_t)next_random(&h->seed);
    }
    uint64_t kind = next_random(&h->seed) % 16;
    if (kind > 1) {
        drill_put_be32(h->bytes, (uint32_t)n - 4);
        h->bytes[4] = (uint8_t)codes[next_random(&h->seed) % (sizeof(codes) - 1)];
        h->bytes[n - 1] = kind & 1 ? 0 : h->bytes[n - 1];
    } else if (kind == 1) {
        drill_put_be32(h->bytes, lengths[next_random(&h->seed) % 7]);
    }
    return drill_span_of(h->bytes, n);
}

static void hostile_event(struct hostile *h, const struct drill_wish *wish)
{
    static const enum drill_end ends[] = {DRILL_END_FIN, DRILL_END_RST, DRILL_END_EPIPE,
                                          DRILL_END_ERROR};
    struct drill_event e = {.kind = DRILL_EVENT_TICK, .now = h->now};
    uint64_t what = next_random(&h->seed) % 20;
    if (h->events-- <= 0) {
        e.now = h->now += 1000000;
    } else if (!h->up && wish->kind == DRILL_WISH_OPEN) {
        e.kind = what ? DRILL_EVENT_OPENED : DRILL_EVENT_END;
        e.how = DRILL_END_REFUSED;
        h->up = what != 0;
    } else if (h->up && what == 0) {
        e.kind = DRILL_EVENT_END;
        e.how = ends[next_random(&h->seed) % 4];
        h->up = false;
    } else if (h->up && wish->send.len && what < 10) {
        e.kind = DRILL_EVENT_WROTE;
        e.wrote = next_random(&h->seed) % wish->send.len + 1;
    } else if (h->up && wish->want) {
        struct drill_span bytes = some_bytes(h);
        e.kind = DRILL_EVENT_BYTES;
        e.bytes = drill_span_sub(bytes, 0, wish->want);
    } else {
        e.now = h->now += 1000000;
    }
    drill_run_event(h->run, &e);
}

/* Ends in a verdict within a bounded number of steps, whatever comes. */
static void hostile_play(struct hostile *h)
{
    struct drill_wish wish;
    for (int steps = 0; !h->done; steps++) {
        assert_true(steps < 20000);
        drill_run_wish(h->run, h->now, &wish);
        switch (wish.kind) {
        case DRILL_WISH_DONE: h->done = true; break;
        case DRILL_WISH_DRAIN:
        case DRILL_WISH_CLOSE:
        case DRILL_WISH_RESET: h->up = false; break;
        case DRILL_WISH_IO:
        case DRILL_WISH_OPEN: hostile_event(h, &wish); break;
        case DRILL_WISH_REFUSE:
        case DRILL_WISH_HALF_CLOSE: break;
        }
        h->now += 1000;
    }
    assert_int_not_equal(drill_run_report(h->run)->result, DRILL_RESULT_RUNNING);
    assert_int_not_equal(drill_run_report(h->run)->result, DRILL_RESULT_ERROR);
}

static void hostile_plays(const char *lines, enum drill_side ours, uint64_t seeds)
{
    static struct drill_errors errors;
    struct drill_scene scene;
    struct drill_error err;
    size_t most = 0;
    const struct drill_alloc alloc = {.resize = counted, .ctx = &most};
    struct hostile h = {.seed = 1};
    drill_arena_init(&h.arena, NULL, 0);
    errors.count = 0;
    const struct drill_file *file =
        lines ? drill_parse(drill_span_str(lines), "f", NULL, &h.arena, &errors) : NULL;
    assert_int_equal(errors.count, 0);
    assert_int_equal(drill_scene_build(file, "f", NULL, stalwart(), NULL, &h.arena, &scene, &err),
                     0);
    bool mta = ours == DRILL_SIDE_MTA;
    const struct drill_run_config config = {.file = file,
                                            .ours = ours,
                                            .profile = mta ? scene.mta : scene.milter,
                                            .settings =
                                                mta ? &scene.mta_settings : &scene.milter_settings,
                                            .traffic = scene.traffic,
                                            .patience = 10000000};
    h.run = drill_run_new(&config, &alloc);
    assert_non_null(h.run);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        h.seed = seed * 0x9e3779b97f4a7c15u;
        h.up = h.done = false;
        h.events = 300;
        h.now = 0;
        hostile_play(&h);
        drill_run_again(h.run);
    }
    assert_true(most <= 512 * 1024);
    drill_run_free(h.run);
    drill_arena_fini(&h.arena);
}

static void test_hostile_peers(void **state)
{
    static const char *const files[] = {
        "drill 1 \"x\"\n...\n",
        "drill 1 \"x\"\n> optneg\n< optneg\n...\n> mail\n< continue | reject\n...\n> quit\n",
        "drill 1 \"x\"\n...\n> macro i=$a\n> rcpt\n< replycode text=$a\n< silence for=1s\n...\n",
        "drill 1 \"x\"\n> open\n...\n< hangup\n> open\n> optneg\n< raw data=~\"*x*\"\n< hangup\n",
        "drill 1 \"x\"\n> optneg dribble=10ms\n< optneg cut=9\n< close\n"};
    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        hostile_plays(files[i], DRILL_SIDE_MTA, 300);
        hostile_plays(files[i], DRILL_SIDE_MILTER, 300);
    }
}

/* A frame of 4 GiB that never ends, a megabyte at a time: nothing of it is held. */
static void test_giant_frame_is_not_held(void **state)
{
    size_t most = 0;
    const struct drill_alloc alloc = {.resize = counted, .ctx = &most};
    static uint8_t chunk[65536];
    static struct drill_errors errors;
    struct drill_arena arena;
    struct drill_scene scene;
    struct drill_error err;
    struct drill_wish wish;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    errors.count = 0;
    const struct drill_file *file = drill_parse(
        drill_span_str("drill 1 \"x\"\n> optneg\n< optneg\n"), "f", NULL, &arena, &errors);
    assert_int_equal(drill_scene_build(file, "f", NULL, stalwart(), NULL, &arena, &scene, &err), 0);
    const struct drill_run_config config = {.file = file,
                                            .ours = DRILL_SIDE_MTA,
                                            .profile = scene.mta,
                                            .settings = &scene.mta_settings,
                                            .traffic = scene.traffic,
                                            .patience = DRILL_NEVER};
    struct drill_run *run = drill_run_new(&config, &alloc);
    drill_run_wish(run, 0, &wish);
    drill_run_event(run, &(struct drill_event){.kind = DRILL_EVENT_OPENED});
    drill_run_wish(run, 0, &wish);
    drill_run_event(run, &(struct drill_event){.kind = DRILL_EVENT_WROTE, .wrote = wish.send.len});
    memset(chunk, 0xff, 4);
    chunk[4] = DRILL_SMFIR_OPTNEG;
    for (int i = 0; i < 2000; i++) {
        drill_run_wish(run, 0, &wish);
        assert_int_equal(wish.kind, DRILL_WISH_IO);
        assert_true(wish.want >= sizeof(chunk));
        drill_run_event(run, &(struct drill_event){.kind = DRILL_EVENT_BYTES,
                                                   .bytes = drill_span_of(chunk, sizeof(chunk))});
    }
    assert_true(most <= 512 * 1024);
    drill_run_free(run);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_peers),
        cmocka_unit_test(test_giant_frame_is_not_held),
    };
    int failed = helper_drive_all("run: the strict end", cases, sizeof(cases) / sizeof(*cases));
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
