/* SPDX-License-Identifier: MIT */
#include "tests/helper_drive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include "scenario/scene.h"
#include "wire/text.h"

enum { STEPS_MAX = 2000000, CUTS_MAX = 300, PATIENCE = 10 * 1000 * 1000, STEP_TEXT = 400 };

struct drive {
    const struct helper_drive *c;
    struct drill_arena arena;
    struct drill_scene scene;
    struct drill_run_config config;
    struct drill_run *run;
    struct drill_wish wish;
    struct drill_buf out; /* all bytes that it sent */
    size_t checked;       /* so many of them were asked for */
    char acts[256];       /* what it wanted done, and nobody asked for yet */
    char writes[4096];
    bool opening, up, done, played;
    uint64_t now;
    size_t window;  /* bytes that one write takes; 0: all */
    size_t cut, by; /* what comes is cut at this byte, or in pieces of that size */
    size_t given;
    char trouble[2048];
};

/* ---- what the runner does ---- */

static void tell(struct drive *d, struct drill_event event)
{
    event.now = d->now;
    drill_run_event(d->run, &event);
}

static void append_word(char *text, size_t cap, const char *word)
{
    size_t n = strlen(text);
    (void)snprintf(text + n, cap - n, "%s ", word);
}

static void write_out(struct drive *d)
{
    size_t n = d->window && d->window < d->wish.send.len ? d->window : d->wish.send.len;
    char number[24];
    assert_true(drill_buf_append(&d->out, drill_span_sub(d->wish.send, 0, n)));
    (void)snprintf(number, sizeof(number), "%lu", (unsigned long)n);
    append_word(d->writes, sizeof(d->writes), number);
    tell(d, (struct drill_event){.kind = DRILL_EVENT_WROTE, .wrote = n});
}

static void closed(struct drive *d, const char *how)
{
    append_word(d->acts, sizeof(d->acts), how);
    d->up = d->opening = false;
}

/* All that it can do without anything happening to it. */
static void pump(struct drive *d)
{
    for (int steps = 0; !d->done; steps++) {
        assert_true(steps < STEPS_MAX);
        drill_run_wish(d->run, d->now, &d->wish);
        switch (d->wish.kind) {
        case DRILL_WISH_IO:
            if (!d->up || d->wish.send.len == 0) {
                return;
            }
            write_out(d);
            break;
        case DRILL_WISH_OPEN: d->opening = true; break;
        case DRILL_WISH_REFUSE: append_word(d->acts, sizeof(d->acts), "refuse"); break;
        case DRILL_WISH_HALF_CLOSE: append_word(d->acts, sizeof(d->acts), "half-close"); break;
        case DRILL_WISH_DRAIN: closed(d, "close"); break;
        case DRILL_WISH_CLOSE: closed(d, "drop"); break;
        case DRILL_WISH_RESET: closed(d, "reset"); break;
        case DRILL_WISH_DONE: d->done = true; break;
        }
    }
}

/* ---- what is done to it ---- */

static bool trouble(struct drive *d, const char *why)
{
    const struct drill_report *r = drill_run_report(d->run);
    (void)snprintf(d->trouble, sizeof(d->trouble),
                   "%.300s [wants %.200s%s; %.300s; line %u, expected %.300s, actual %.300s]", why,
                   d->acts, d->done ? "done" : "", r->what, r->pos.line, r->expected, r->actual);
    return false;
}

/* A line of notation as bytes, in the arena. */
static struct drill_span bytes_of(struct drive *d, const char *line)
{
    struct drill_text_line t;
    struct drill_error err;
    if (drill_text_parse(drill_span_str(line), 4 << 20, &d->arena, &t, &err) != DRILL_OK) {
        fail_msg("%s: %s", line, err.text);
    }
    if (t.kind == DRILL_TEXT_RAW) {
        return t.payload;
    }
    uint8_t *p = drill_arena_take(&d->arena, t.payload.len + DRILL_FRAME_HEADER_SIZE);
    assert_non_null(p);
    drill_frame_put_header(p, t.code, (uint32_t)t.payload.len);
    if (t.payload.len) {
        memcpy(p + DRILL_FRAME_HEADER_SIZE, t.payload.ptr, t.payload.len);
    }
    return drill_span_of(p, t.payload.len + DRILL_FRAME_HEADER_SIZE);
}

static bool give_bytes(struct drive *d, struct drill_span bytes)
{
    while (bytes.len) {
        pump(d);
        size_t n = bytes.len < d->wish.want ? bytes.len : d->wish.want;
        if (d->done || !d->up || n == 0) {
            return trouble(d, "it does not read");
        }
        n = d->by && d->by < n ? d->by : n;
        if (d->cut > d->given && d->cut < d->given + n) {
            n = d->cut - d->given;
        }
        struct drill_span piece = helper_exact(drill_span_sub(bytes, 0, n));
        tell(d, (struct drill_event){.kind = DRILL_EVENT_BYTES, .bytes = piece});
        helper_exact_free(piece);
        bytes = drill_span_sub(bytes, n, bytes.len);
        d->given += n;
    }
    pump(d);
    return true;
}

static bool step_give(struct drive *d, const char *line)
{
    return give_bytes(d, bytes_of(d, line));
}

static bool step_open(struct drive *d, const char *arg)
{
    (void)arg;
    if (!d->opening) {
        return trouble(d, "it wants no connection");
    }
    d->opening = false;
    d->up = true;
    tell(d, (struct drill_event){.kind = DRILL_EVENT_OPENED});
    pump(d);
    return true;
}

static bool step_end(struct drive *d, const char *how)
{
    static const char *const words[] = {"", "fin", "rst", "epipe", "refused", "error"};
    static const int errors[] = {0, 0, 104, 32, 111, 110};
    size_t i = 1;
    while (strcmp(words[i], how) != 0) {
        i++;
    }
    if (!d->up && !d->opening) {
        return trouble(d, "there is no connection");
    }
    d->up = d->opening = false;
    tell(d, (struct drill_event){.kind = DRILL_EVENT_END,
                                 .how = (enum drill_end)i,
                                 .error = errors[i],
                                 .by_write = i == DRILL_END_EPIPE,
                                 .in_flight = 7});
    pump(d);
    return true;
}

static bool step_refuse(struct drive *d, const char *arg)
{
    (void)arg;
    return d->opening ? step_end(d, "refused") : trouble(d, "it wants no connection");
}

static bool at_time(struct drive *d, uint64_t when)
{
    d->now = when;
    tell(d, (struct drill_event){.kind = DRILL_EVENT_TICK});
    pump(d);
    return true;
}

static bool step_wait(struct drive *d, const char *ms)
{
    return at_time(d, d->now + strtoull(ms, NULL, 10) * 1000);
}

static bool step_tick(struct drive *d, const char *arg)
{
    (void)arg;
    return d->wish.until != DRILL_NEVER ? at_time(d, d->wish.until)
                                        : trouble(d, "it waits for ever");
}

static bool step_stuck(struct drive *d, const char *arg)
{
    (void)arg;
    drill_run_stuck(d->run, d->now);
    pump(d);
    return true;
}

/* ---- what is asked about it ---- */

static bool step_sent(struct drive *d, const char *line)
{
    struct drill_span want = bytes_of(d, line);
    struct drill_span got = drill_span_sub(drill_buf_span(&d->out), d->checked, want.len);
    d->checked += want.len;
    return drill_span_equal(got, want) ||
           trouble(d, got.len ? "it sent other bytes" : "it did not");
}

/* The next frame that was sent and not asked for; 0: none that is complete. */
static uint8_t next_frame(struct drive *d)
{
    struct drill_span left = drill_span_sub(drill_buf_span(&d->out), d->checked, SIZE_MAX);
    if (left.len < DRILL_FRAME_HEADER_SIZE || drill_be32(left.ptr) > left.len - 4) {
        return 0;
    }
    d->checked += 4 + drill_be32(left.ptr);
    return left.ptr[4];
}

static bool step_codes(struct drive *d, const char *codes)
{
    for (; *codes; codes++) {
        uint8_t code = next_frame(d);
        if (code != (uint8_t)*codes) {
            char why[80];
            (void)snprintf(why, sizeof(why), "it sent `%c` where `%c` was to come",
                           code ? code : '-', *codes);
            return trouble(d, why);
        }
    }
    return true;
}

static bool step_play(struct drive *d, const char *last)
{
    for (;;) {
        uint8_t code = next_frame(d);
        if (code == 0 && d->opening) {
            (void)step_open(d, "");
        } else if (code == 0) {
            return (d->done && *last == '.') || trouble(d, "it never sent that");
        } else if (code == (uint8_t)*last) {
            return true;
        } else if (!strchr("DAQK", code)) {
            bool offer = code == DRILL_SMFIC_OPTNEG;
            if (!step_give(d, offer ? "< optneg version=6 actions=0 protocol=0" : "< continue")) {
                return false;
            }
        }
    }
}

static bool step_does(struct drive *d, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(d->acts, word, n) != 0 || d->acts[n] != ' ') {
        return trouble(d, "it wants something else");
    }
    memmove(d->acts, d->acts + n + 1, strlen(d->acts + n + 1) + 1);
    return true;
}

static bool step_writes(struct drive *d, const char *sizes)
{
    char want[sizeof(d->writes)];
    (void)snprintf(want, sizeof(want), "%s ", sizes);
    if (d->window == 0 && strcmp(d->writes, want) != 0) {
        return trouble(d, d->writes);
    }
    d->writes[0] = '\0';
    return true;
}

static bool step_noread(struct drive *d, const char *arg)
{
    (void)arg;
    return (d->up && d->wish.want == 0) || trouble(d, "it reads");
}

static bool step_quiet(struct drive *d, const char *arg)
{
    (void)arg;
    return d->out.len == d->checked || trouble(d, "it sent something");
}

static bool step_until(struct drive *d, const char *ms)
{
    uint64_t when = d->now + strtoull(ms, NULL, 10) * 1000;
    return (!d->done && d->wish.until == when) || trouble(d, "it waits for another time");
}

static const struct {
    const char *word;
    bool (*run)(struct drive *d, const char *arg);
} steps[] = {{"open", step_open},     {"refuse", step_refuse}, {"sent", step_sent},
             {"codes", step_codes},   {"give", step_give},     {"noread", step_noread},
             {"play", step_play},     {"end", step_end},       {"does", step_does},
             {"writes", step_writes}, {"until", step_until},   {"tick", step_tick},
             {"wait", step_wait},     {"quiet", step_quiet},   {"stuck", step_stuck}};

static bool one_step(struct drive *d, const char *step, size_t len)
{
    char text[STEP_TEXT];
    assert_true(len < sizeof(text));
    memcpy(text, step, len);
    text[len] = '\0';
    char *arg = strchr(text, ' ');
    if (arg) {
        *arg++ = '\0';
    }
    pump(d);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (strcmp(steps[i].word, text) == 0) {
            return steps[i].run(d, arg ? arg : "");
        }
    }
    fail_msg("no such step: %.*s", (int)len, step);
    return false;
}

static bool run_script(struct drive *d)
{
    char where[STEP_TEXT];
    for (const char *at = d->c->script; *at;) {
        size_t n = strcspn(at, "\n");
        if (!one_step(d, at, n)) {
            (void)snprintf(where, sizeof(where), "`%.*s`: ", (int)n, at);
            size_t room = sizeof(d->trouble) - strlen(where);
            memmove(d->trouble + strlen(where), d->trouble, room - 1);
            memcpy(d->trouble, where, strlen(where));
            d->trouble[sizeof(d->trouble) - 1] = '\0';
            return false;
        }
        at += n + (at[n] == '\n');
    }
    pump(d);
    if (d->out.len != d->checked || d->acts[0]) {
        return trouble(d, "at the end: it did more than was asked for");
    }
    return true;
}

/* ---- a case ---- */

static void begin(struct drive *d, const struct helper_drive *c)
{
    char source[8192];
    static struct drill_errors errors;
    struct drill_error err;
    memset(d, 0, sizeof(*d));
    d->c = c;
    drill_arena_init(&d->arena, NULL, 0);
    drill_buf_init(&d->out, NULL);
    bool replay = c->side == REPLAY_MTA || c->side == REPLAY_MILTER;
    const char *recorded =
        replay || c->side == EXACT_MTA ? " recorded=\"2026-11-20T12:00:00Z\"" : "";
    int n = snprintf(source, sizeof(source), "drill 1 \"x\"%s\n%s", recorded, c->lines);
    assert_true(n > 0 && (size_t)n < sizeof(source));
    struct drill_span copy = drill_arena_copy(&d->arena, drill_span_of(source, (size_t)n));
    errors.count = 0;
    d->config.file = drill_parse(copy, "f", NULL, &d->arena, &errors);
    if (!d->config.file) {
        fail_msg("%s: line %u: %s", c->name, errors.item[0].line, errors.item[0].text);
    }
    struct drill_scene_side stalwart = {
        .profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"))};
    bool named = strncmp(c->lines, "mta ", 4) == 0 || strstr(c->lines, "\nmta ");
    if (drill_scene_build(d->config.file, "f", NULL, named ? NULL : &stalwart, NULL, &d->arena,
                          &d->scene, &err)) {
        fail_msg("%s: %s", c->name, err.text);
    }
    bool mta = c->side == AS_MTA || c->side == SIM_MTA || c->side == REPLAY_MTA ||
               c->side == EXACT_MTA || c->side == ATTENTIVE_MTA;
    d->config.tolerant = d->config.whole = d->config.hasty = replay;
    d->config.ours = mta ? DRILL_SIDE_MTA : DRILL_SIDE_MILTER;
    d->config.profile = mta ? d->scene.mta : d->scene.milter;
    d->config.settings = mta ? &d->scene.mta_settings : &d->scene.milter_settings;
    d->config.traffic = d->scene.traffic;
    d->config.simulated = c->side == SIM_MTA || c->side == SIM_MILTER;
    d->config.attentive = c->side == ATTENTIVE_MTA;
    d->config.patience = d->config.simulated ? DRILL_NEVER : PATIENCE;
}

static void end(struct drive *d)
{
    drill_run_free(d->run);
    drill_buf_fini(&d->out);
    drill_arena_fini(&d->arena);
}

/* Back to the start of the script. */
static void rewind_drive(struct drive *d)
{
    d->out.len = d->checked = d->given = 0;
    d->acts[0] = d->writes[0] = d->trouble[0] = '\0';
    d->opening = d->up = d->done = false;
    d->now = 0;
}

static void check_text(const struct helper_drive *c, const char *which, const char *got,
                       const char *want)
{
    if (want && strcmp(got, want) != 0) {
        fail_msg("%s: %s is\n  %s\nnot\n  %s", c->name, which, got, want);
    }
}

static void check_result(const struct drive *d, const char *how)
{
    const struct helper_drive *c = d->c;
    const struct drill_report *r = drill_run_report(d->run);
    if (r->result != c->result) {
        fail_msg("%s%s: result %d, not %d (line %u: %s; expected %s, actual %s, why %s)", c->name,
                 how, r->result, c->result, r->pos.line, r->what, r->expected, r->actual, r->why);
    }
    check_text(c, "what", r->what, c->what);
    check_text(c, "expected", r->expected, c->expected);
    check_text(c, "actual", r->actual, c->actual);
    assert_true(r->bytes_sent == d->out.len && r->bytes_got == d->given);
}

/* One play under the conditions that are set; the same again on the same runner. */
static void play(struct drive *d, const char *how)
{
    for (int again = 0; again < 2; again++) {
        if (d->played) {
            drill_run_again(d->run);
        }
        d->played = true;
        rewind_drive(d);
        if (!run_script(d)) {
            fail_msg("%s%s%s: %s", d->c->name, how, again ? ", the second time" : "", d->trouble);
        }
        check_result(d, how);
    }
}

static bool play_refused(void *ctx, size_t refuse)
{
    struct drive d;
    struct helper_alloc h;
    begin(&d, ctx);
    helper_alloc_init(&h, refuse);
    d.run = drill_run_new(&d.config, &h.alloc);
    if (d.run) {
        bool held = run_script(&d);
        if (h.refused) {
            d.up = d.opening = false;
            pump(&d);
        }
        enum drill_result result = drill_run_report(d.run)->result;
        if (result != DRILL_RESULT_ERROR && !(held && result == d.c->result)) {
            fail_msg("%s, allocation %lu refused: result %d, %s", d.c->name, (unsigned long)refuse,
                     result, d.trouble);
        }
    }
    end(&d);
    assert_int_equal(h.live, 0);
    return h.refused > 0;
}

static void play_cut(struct drive *d, size_t total)
{
    size_t stride = total / CUTS_MAX + 1;
    for (d->cut = 1; d->cut < total; d->cut += stride) {
        char how[40];
        (void)snprintf(how, sizeof(how), ", cut at byte %lu", (unsigned long)d->cut);
        play(d, how);
    }
    d->cut = 0;
    d->by = total > 10000 ? 1021 : 1;
    play(d, ", in pieces");
    d->by = 0;
    d->window = d->out.len > 10000 ? 1021 : 1;
    play(d, ", written in pieces");
}

void helper_drive(const struct helper_drive *c)
{
    struct drive d;
    begin(&d, c);
    d.run = drill_run_new(&d.config, NULL);
    assert_non_null(d.run);
    play(&d, "");
    play_cut(&d, d.given);
    end(&d);
    for (size_t refuse = 1; play_refused((void *)(uintptr_t)c, refuse); refuse++) {}
}

static void run_case(void **state)
{
    helper_drive(*state);
}

int helper_drive_all(const char *group, const struct helper_drive *cases, size_t count)
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    if (!tests) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        tests[i].name = cases[i].name;
        tests[i].test_func = run_case;
        tests[i].initial_state = (void *)(uintptr_t)&cases[i];
    }
    int failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed;
}
