/* SPDX-License-Identifier: MIT */
#include "diagnose/diagnose.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/work.h"

enum {
    REPEATS = 6,     /* so often in a row is taken for always: of 30 %, once in 1,400 times */
    FEWER = 3,       /* ... when each takes long */
    SEARCHES = 20,   /* a failure of 30 % is missed once in 1,250 times */
    RATED = 30,      /* sessions from which a rate is told */
    SLOW = 200000,   /* microseconds: a failure that takes longer is asked for side by side */
    SHORT = 3000000, /* a limit that may be stretched so much to see whether an answer comes */
    STRETCH = 5,
    LEAST = 2000000,  /* ... and to so much in any case */
    BODIES = 1 << 26, /* bytes of bodies that may be there at once */
    TWICE = 2
};

static const char HARMLESS[] = "a harmless message";

/* ---- reproduce ---- */

static bool counts(const struct drill_work *w, const struct drill_signature *sig)
{
    bool failed = drill_signature_failed(sig);
    bool lost = sig->symptom == DRILL_SYMPTOM_LOST;
    bool asked = !w->q->symptoms || (w->q->symptoms >> sig->symptom & 1U);
    return failed && asked && (!w->q->error || (lost && sig->error == w->q->error));
}

/* Alike, or at all before there is something to be alike: then this is it. */
static bool fails(struct drill_work *w, const struct drill_watch *watch)
{
    if (w->lab.wanted.symptom != DRILL_SYMPTOM_UNKNOWN) {
        return drill_signature_same(&watch->sig, &w->lab.wanted);
    }
    if (!counts(w, &watch->sig)) {
        return false;
    }
    w->lab.wanted = watch->sig;
    w->first = *watch;
    w->out->sig = watch->sig;
    return true;
}

/* Plays `s` until it was played `most` times; how often it failed alike (or at all, before there is
 * something to be alike). */
static void play_often(struct drill_work *w, const struct drill_subject *s, const char *what,
                       uint32_t most, uint32_t *played, uint32_t *failed)
{
    while (*played < most && !w->lab.stopped) {
        uint32_t left = most - *played, n = left < w->wide ? left : (uint32_t)w->wide;
        bool all = drill_lab_play_all(&w->lab, s, what, w->room, n);
        for (uint32_t i = 0; i < n; i++) {
            const struct drill_signature *sig = &w->room[i].sig;
            if (sig->symptom == DRILL_SYMPTOM_UNKNOWN) {
                continue;
            }
            (*played)++;
            *failed += fails(w, &w->room[i]);
        }
        if (!all) {
            return;
        }
    }
}

static void rate(struct drill_work *w)
{
    struct drill_subject plain = w->now;
    struct drill_diagnosis *out = w->out;
    out->outcome = DRILL_FLAKY;
    play_often(w, &w->now, "how often it fails", RATED, &out->played, &out->failed);
    if (!drill_work_refused(w, drill_subject_plain_message(&plain, w->arena))) {
        play_often(w, &plain, "how often a harmless message fails", RATED, &out->plain_played,
                   &out->plain_failed);
    }
}

/* Sessions at once, each of which may have a body of its own. */
static size_t side_by_side(size_t body)
{
    size_t fit = body ? BODIES / body : DRILL_LAB_BATCH;
    return fit > DRILL_LAB_BATCH ? DRILL_LAB_BATCH : fit < 1 ? 1 : fit;
}

/* True when it fails each time. */
static bool reproduce(struct drill_work *w)
{
    struct drill_diagnosis *out = w->out;
    play_often(w, &w->now, "the message as it is", 1, &out->played, &out->failed);
    w->wide = out->sig.elapsed > SLOW ? side_by_side(w->now.body.len) : 1;
    uint32_t repeats = w->wide > 1 ? FEWER : REPEATS;
    if (out->failed && out->sig.symptom == DRILL_SYMPTOM_UNREACHABLE) {
        out->outcome = DRILL_NO_PEER;
        return false;
    }
    play_often(w, &w->now, "the message once more", repeats, &out->played, &out->failed);
    if (out->failed == 0) {
        play_often(w, &w->now, "the message again, for a failure that is seldom", SEARCHES,
                   &out->played, &out->failed);
    }
    if (out->failed == 0) {
        out->outcome = DRILL_NOT_REPRODUCED;
        return false;
    }
    out->deterministic = out->failed == out->played;
    out->outcome = DRILL_DIAGNOSED;
    if (!out->deterministic) {
        rate(w);
    }
    return out->deterministic;
}

/* ---- suspects that need no change of the message ---- */

static void suspect_size(struct drill_work *w)
{
    struct drill_subject s = w->now;
    char text[160];
    size_t size = w->now.body.len;
    for (size_t i = 0; i < w->now.headers; i++) {
        size += w->now.header[i]->name.len + w->now.header[i]->value.len + 3;
    }
    if (drill_work_refused(w, drill_subject_plain_message(&s, w->arena))) {
        return;
    }
    s.body = drill_subject_filler(size, true, &w->lab.scratch);
    if (drill_work_refused(w, s.body.ptr != NULL)) {
        return;
    }
    if (drill_lab_try(&w->lab, &s, "a harmless message of equal size") == DRILL_ANSWER_OTHER) {
        (void)snprintf(text, sizeof(text), "a harmless message of %zu bytes passes", size);
        drill_work_suspect(w, "size of the message", true, 1, text);
    }
}

/* What the handshake is like does not depend on the message: one that passes tells. */
static void suspect_tls(struct drill_work *w)
{
    const struct drill_experiment *e = w->lab.first;
    char text[120];
    while (e && strcmp(e->what, HARMLESS) != 0) {
        e = e->next;
    }
    bool passed = e && e->sig.symptom == DRILL_SYMPTOM_NONE;
    (void)snprintf(text, sizeof(text), "a harmless message passes through the same connection (%s)",
                   w->q->subject.settings.use_tls ? "TLS" : "without TLS");
    drill_work_suspect(w, "TLS", passed, passed ? e->sessions : 0, passed ? text : "");
}

static void suspect_times(struct drill_work *w)
{
    const struct drill_settings *set = &w->q->subject.settings;
    uint64_t limit =
        set->timeout_command < set->timeout_data ? set->timeout_command : set->timeout_data;
    char text[200];
    if (w->out->sig.symptom != DRILL_SYMPTOM_SILENT && limit && w->lab.slowest < limit / TWICE) {
        (void)snprintf(text, sizeof(text),
                       "the slowest reply of all sessions took %llu ms; the MTA waits %llu ms",
                       (unsigned long long)(w->lab.slowest / 1000),
                       (unsigned long long)(limit / 1000));
        drill_work_suspect(w, "timeouts", true, w->lab.sessions, text);
    }
    if (w->out->sig.symptom != DRILL_SYMPTOM_OVERSIZED) {
        (void)snprintf(text, sizeof(text),
                       "the largest reply of all sessions had %llu bytes of data; the limit is %u",
                       (unsigned long long)w->lab.most_reply, set->max_response);
        drill_work_suspect(w, "size of the milter's replies", set->max_response > 0,
                           w->lab.sessions, set->max_response ? text : "");
    }
    suspect_tls(w);
}

/* ---- a reply that only takes long ---- */

static void measure_time(struct drill_work *w)
{
    struct drill_subject s = w->now;
    struct drill_watch watch;
    uint64_t limit = s.settings.timeout_command, longer = limit * TWICE;
    if (limit <= SHORT) {
        longer = limit * STRETCH > LEAST ? limit * STRETCH : LEAST;
    }
    s.settings.timeout_data += longer - limit;
    s.settings.timeout_command = longer;
    if (!drill_lab_play(&w->lab, &s, "the same with more patience", &watch) ||
        watch.sig.symptom == DRILL_SYMPTOM_SILENT) {
        return;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_TIME);
    if (t) {
        t->stage = watch.sig.slowest_at;
        t->quantity = "microseconds until the reply";
        t->largest_pass =
            w->lab.wanted.stage == DRILL_SMFIC_BODYEOB ? w->now.settings.timeout_data : limit;
        t->smallest_fail = watch.sig.slowest;
        t->measured = true;
    }
}

/* ---- the whole of it ---- */

static void examine(struct drill_work *w)
{
    struct drill_subject plain = w->now;
    if (drill_work_refused(w, drill_subject_plain_message(&plain, w->arena))) {
        return;
    }
    if (w->out->sig.symptom == DRILL_SYMPTOM_SILENT) {
        measure_time(w);
    }
    enum drill_answer answer = drill_work_adopt(w, &plain, HARMLESS);
    if (answer == DRILL_ANSWER_SAME) {
        drill_work_suspect(w, "the message", true, 1, "a harmless message fails alike");
    } else if (answer == DRILL_ANSWER_OTHER) {
        suspect_size(w);
        drill_examine_body(w);
        drill_examine_envelope(w);
        drill_examine_headers(w);
        drill_measure_body(w);
    }
    drill_vary_session(w);
    if (!w->out->triggers && !w->lab.stopped) {
        drill_vary_missing(w);
    }
    if (!w->out->triggers && !w->lab.stopped && answer == DRILL_ANSWER_SAME) {
        (void)drill_work_trigger(w, DRILL_TRIGGER_ALWAYS);
    }
}

/* What was reduced rests on each answer being the same each time: it is asked once more. */
static void confirm(struct drill_work *w)
{
    struct drill_diagnosis *out = w->out;
    uint32_t played = 0, failed = 0;
    uint32_t most = w->wide > 1 ? DRILL_LAB_BATCH : SEARCHES;
    play_often(w, &w->now, "the smallest case once more", most, &played, &failed);
    if (failed < played || w->wavers) {
        w->now = w->q->subject;
        out->deterministic = out->reduced = false;
        out->triggers = NULL; /* nothing that was found by one session each holds */
        out->suspects = NULL;
        w->trigger_end = &out->triggers;
        w->suspect_end = &out->suspects;
        rate(w);
    }
}

enum drill_code drill_diagnose(const struct drill_question *q, struct drill_diagnosis *out,
                               struct drill_error *err)
{
    struct drill_work w = {.q = q, .out = out, .arena = q->arena, .now = q->subject, .wide = 1};
    memset(out, 0, sizeof(*out));
    w.trigger_end = &out->triggers;
    w.suspect_end = &out->suspects;
    drill_lab_init(&w.lab, q->ops, q->arena, q->sessions, q->microseconds);
    w.lab.wanted.symptom = DRILL_SYMPTOM_UNKNOWN;
    w.room = drill_arena_take(q->arena, DRILL_LAB_BATCH * sizeof(*w.room));
    if (!drill_work_refused(&w, w.room != NULL) && reproduce(&w)) {
        examine(&w);
        confirm(&w);
        suspect_times(&w);
    }
    out->minimal = w.now;
    out->experiments = w.lab.first;
    out->complete = !w.lab.stopped;
    out->spent = w.lab.spent;
    out->sessions = w.lab.sessions;
    out->elapsed = q->ops->now(q->ops->ctx) - w.lab.begin;
    out->most_reply = w.lab.most_reply;
    out->slowest = w.lab.slowest;
    drill_lab_fini(&w.lab);
    return w.no_memory || w.lab.no_memory
               ? drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the diagnosis")
               : DRILL_OK;
}

const char *drill_trigger_word(enum drill_trigger_kind kind)
{
    static const char *const WORDS[] = {[DRILL_TRIGGER_FRAME_SIZE] = "frame-size",
                                        [DRILL_TRIGGER_HEADER_SIZE] = "header-size",
                                        [DRILL_TRIGGER_HEADER_COUNT] = "header-count",
                                        [DRILL_TRIGGER_HEADER_NAME] = "header-name",
                                        [DRILL_TRIGGER_NAME_SIZE] = "header-name-size",
                                        [DRILL_TRIGGER_HEADER_BYTES] = "header-bytes",
                                        [DRILL_TRIGGER_NAME_BYTES] = "header-name-bytes",
                                        [DRILL_TRIGGER_BODY_BYTES] = "body-bytes",
                                        [DRILL_TRIGGER_BODY_CHUNKS] = "body-chunks",
                                        [DRILL_TRIGGER_BODY_SIZE] = "body-size",
                                        [DRILL_TRIGGER_LINE_LENGTH] = "line-length",
                                        [DRILL_TRIGGER_LINES] = "lines",
                                        [DRILL_TRIGGER_PARTS] = "mime-parts",
                                        [DRILL_TRIGGER_EMPTY_BODY] = "empty-body",
                                        [DRILL_TRIGGER_RECIPIENTS] = "recipients",
                                        [DRILL_TRIGGER_RECIPIENT] = "recipient",
                                        [DRILL_TRIGGER_SENDER] = "sender",
                                        [DRILL_TRIGGER_ARGUMENT] = "esmtp-argument",
                                        [DRILL_TRIGGER_VERSION] = "protocol-version",
                                        [DRILL_TRIGGER_ACTIONS] = "actions",
                                        [DRILL_TRIGGER_STEPS] = "steps",
                                        [DRILL_TRIGGER_MACRO] = "macro",
                                        [DRILL_TRIGGER_MACROS] = "macros",
                                        [DRILL_TRIGGER_FAMILY] = "client-family",
                                        [DRILL_TRIGGER_ADDRESS] = "client-address",
                                        [DRILL_TRIGGER_CLIENT_NAME] = "client-name",
                                        [DRILL_TRIGGER_HELO] = "helo",
                                        [DRILL_TRIGGER_PACE] = "pace",
                                        [DRILL_TRIGGER_TIME] = "time",
                                        [DRILL_TRIGGER_ALWAYS] = "always"};
    return WORDS[kind];
}
