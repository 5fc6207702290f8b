/* SPDX-License-Identifier: MIT */
/* What in the envelope it hangs on: sender, recipients and their number, ESMTP parameters. */
#include "diagnose/work.h"

#include <stdio.h>
#include <string.h>

enum {
    FEW = 4,      /* recipients that are named one by one */
    DIGITS = 18,  /* of a number that is measured */
    MOST_KEY = 60 /* bytes of a parameter's name, with its `=` */
};

#define LARGE UINT64_C(1000000000000) /* a number that is not too small for anything */

static bool has_rcpt_args(const struct drill_subject *s)
{
    for (size_t i = 0; s->rcpt_args && i < s->rcpts; i++) {
        if (s->rcpt_args[i].wire.len) {
            return true;
        }
    }
    return false;
}

/* ---- parameters ---- */

/* KEY=NUMBER. */
static bool read_number(struct drill_span arg, struct drill_span *key, uint64_t *number)
{
    size_t at = drill_span_find(arg, '=') + 1;
    *number = 0;
    if (at >= arg.len || arg.len - at > DIGITS) {
        return false;
    }
    *key = drill_span_sub(arg, 0, at);
    for (size_t i = at; i < arg.len; i++) {
        if (arg.ptr[i] < '0' || arg.ptr[i] > '9') {
            return false;
        }
        *number = *number * 10 + (uint64_t)(arg.ptr[i] - '0');
    }
    return true;
}

/* n as the value of that parameter alone: of the only recipient (index), or of the sender. */
static bool make_number(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    char text[200];
    struct drill_arena *arena = drill_work_arena(scale);
    struct drill_esmtp *made = drill_arena_take(arena, sizeof(*made));
    (void)snprintf(text, sizeof(text), "%.*s%llu", (int)scale->text.len,
                   (const char *)scale->text.ptr, (unsigned long long)n);
    struct drill_span arg = drill_arena_copy(arena, drill_span_str(text));
    if (!made || !arg.ptr || drill_esmtp_make(&arg, 1, arena, made) != DRILL_OK) {
        return false;
    }
    if (scale->index == DRILL_SMFIC_RCPT) {
        s->rcpt_args = made;
    } else {
        s->from_args = *made;
    }
    return true;
}

/* Does it fail alike with that number? */
static enum drill_answer ask_number(struct drill_scale *scale, uint64_t n)
{
    struct drill_subject s = scale->w->now;
    return drill_work_refused(scale->w, make_number(scale, n, &s))
               ? DRILL_ANSWER_NONE
               : drill_lab_try(&scale->w->lab, &s, scale->what);
}

/* What it hangs on may be how large the number is, or how small. */
static void measure_number(struct drill_work *w, uint8_t stage, struct drill_span arg,
                           struct drill_trigger *t)
{
    struct drill_scale scale = {
        w, "the parameter with other numbers", make_number, stage, {NULL, 0}, false};
    struct drill_subject s = w->now;
    uint64_t number;
    if (!read_number(arg, &scale.text, &number) || scale.text.len > MOST_KEY) {
        return;
    }
    uint64_t pass = 0;
    if (number <= 1 || ask_number(&scale, 1) != DRILL_ANSWER_OTHER) {
        pass = number < LARGE / 2 ? LARGE : 0;
        t->mended_by = pass && ask_number(&scale, pass) == DRILL_ANSWER_OTHER;
    } else {
        pass = 1;
    }
    if (pass == 0 || (pass == LARGE && !t->mended_by)) {
        return;
    }
    t->quantity = "value of the parameter";
    (void)snprintf(t->name, sizeof(t->name), "%.*s", (int)scale.text.len - 1,
                   (const char *)scale.text.ptr);
    drill_work_measure(&scale, pass, number, t);
    if (!drill_work_refused(w, make_number(&scale, t->smallest_fail, &s))) {
        w->now = s;
    }
}

/* Which of them: those that cannot be left out alone. */
static void name_args(struct drill_work *w, uint8_t stage, struct drill_esmtp *at,
                      struct drill_subject *s)
{
    struct drill_esmtp all = *at;
    struct drill_reader r = drill_reader_of(all.wire);
    struct drill_span arg;
    while (drill_read_str(&r, &arg)) {
        char what[DRILL_LAB_WHAT];
        *at = all;
        if (drill_work_refused(w, drill_esmtp_make(&arg, 1, w->arena, at) == DRILL_OK)) {
            return;
        }
        (void)snprintf(what, sizeof(what), "of the parameters only %.*s",
                       arg.len < 100 ? (int)arg.len : 100, (const char *)arg.ptr);
        if (drill_work_adopt(w, s, what) == DRILL_ANSWER_SAME) {
            struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_ARGUMENT);
            if (t) {
                t->stage = stage;
                t->bytes = arg;
                measure_number(w, stage, arg, t);
            }
            return;
        }
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_ARGUMENT);
    if (t) {
        t->stage = stage;
        t->bytes = drill_span_sub(all.typed, 1, all.typed.len);
    }
}

static void examine_sender(struct drill_work *w)
{
    struct drill_subject s = w->now;
    s.from = drill_span_str("<alice@example.org>");
    s.from_args = (struct drill_esmtp){{NULL, 0}, {NULL, 0}};
    if (drill_work_adopt(w, &s, "an invented sender without parameters") != DRILL_ANSWER_OTHER) {
        return;
    }
    s = w->now;
    s.from_args = (struct drill_esmtp){{NULL, 0}, {NULL, 0}};
    if (w->now.from_args.wire.len &&
        drill_work_adopt(w, &s, "MAIL without parameters") == DRILL_ANSWER_OTHER) {
        s = w->now;
        name_args(w, DRILL_SMFIC_MAIL, &s.from_args, &s);
        return;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_SENDER);
    if (t) {
        t->stage = DRILL_SMFIC_MAIL;
        t->bytes = w->now.from;
    }
}

/* ---- recipients ---- */

static bool make_rcpts(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    return drill_subject_plain_rcpts(s, (size_t)n, drill_work_arena(scale));
}

static bool is_count(struct drill_work *w)
{
    struct drill_subject s = w->now;
    size_t n = s.rcpts;
    struct drill_scale scale = {w, "fewer invented recipients", make_rcpts, 0, {NULL, 0}, false};
    if (n < 2 || drill_work_refused(w, make_rcpts(&scale, n, &s)) ||
        drill_work_adopt(w, &s, "as many invented recipients") != DRILL_ANSWER_SAME) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_RECIPIENTS);
    if (t) {
        t->stage = DRILL_SMFIC_RCPT;
        t->quantity = "recipients";
        drill_work_measure(&scale, 1, n, t);
        s = w->now;
        if (!drill_work_refused(w, make_rcpts(&scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

static void ask_units(void *ctx, const bool *sets, size_t count, size_t n,
                      enum drill_answer *answers)
{
    struct drill_work *w = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    bool none[DRILL_LAB_BATCH] = {false};
    for (size_t i = 0; i < count; i++) {
        subjects[i] = w->now;
        answers[i] = DRILL_ANSWER_NONE;
        (void)snprintf(what[i], sizeof(what[i]), "without some of the recipients");
        if (drill_work_refused(w, drill_subject_keep_rcpts(&subjects[i], sets + i * n, w->arena))) {
            return;
        }
        /* Nobody to send to is another conversation: an invented one stands for nobody. */
        none[i] = subjects[i].rcpts == 0;
        if (none[i] &&
            drill_work_refused(w, drill_subject_plain_rcpts(&subjects[i], 1, w->arena))) {
            return;
        }
    }
    drill_lab_try_all(&w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count, answers, NULL);
}

static void name_rcpts(struct drill_work *w)
{
    for (size_t i = 0; i < w->now.rcpts && i < FEW; i++) {
        struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_RECIPIENT);
        if (t) {
            t->stage = DRILL_SMFIC_RCPT;
            t->bytes = w->now.rcpt[i];
        }
    }
}

static void which_rcpts(struct drill_work *w)
{
    size_t n = w->now.rcpts;
    struct drill_units u = {drill_arena_take(w->arena, n * sizeof(bool) + 1),
                            drill_arena_take(w->arena, n * w->wide * sizeof(bool) + 1),
                            n,
                            w->wide,
                            ask_units,
                            w};
    if (drill_work_refused(w, u.keep && u.trial)) {
        return;
    }
    memset(u.keep, true, n * sizeof(bool));
    (void)drill_reduce_units(&u);
    if (!drill_work_refused(w, drill_subject_keep_rcpts(&w->now, u.keep, w->arena))) {
        w->out->reduced = true;
    }
}

static void examine_args(struct drill_work *w)
{
    struct drill_subject s = w->now;
    s.rcpt_args = NULL;
    if (has_rcpt_args(&w->now) &&
        drill_work_adopt(w, &s, "RCPT without parameters") == DRILL_ANSWER_OTHER) {
        struct drill_esmtp args = w->now.rcpt_args[0];
        s = w->now;
        s.rcpt_args = &args;
        if (s.rcpts == 1) {
            struct drill_esmtp *kept = drill_arena_take(w->arena, sizeof(*kept));
            if (!drill_work_refused(w, kept != NULL)) {
                *kept = args;
                s.rcpt_args = kept;
                name_args(w, DRILL_SMFIC_RCPT, kept, &s);
            }
            return;
        }
    }
    name_rcpts(w);
}

static void examine_rcpts(struct drill_work *w)
{
    struct drill_subject s = w->now;
    if (drill_work_refused(w, drill_subject_plain_rcpts(&s, 1, w->arena)) ||
        drill_work_adopt(w, &s, "one invented recipient") != DRILL_ANSWER_OTHER || is_count(w)) {
        return;
    }
    if (w->now.rcpts > 1) {
        which_rcpts(w);
    }
    examine_args(w);
}

void drill_examine_envelope(struct drill_work *w)
{
    struct drill_subject s = w->now;
    uint32_t before = w->lab.sessions;
    if (drill_work_refused(w, drill_subject_plain_rcpts(&s, 1, w->arena))) {
        return;
    }
    s.from = drill_span_str("<alice@example.org>");
    s.from_args = (struct drill_esmtp){{NULL, 0}, {NULL, 0}};
    enum drill_answer answer = drill_work_adopt(w, &s, "an invented sender and recipient");
    if (answer == DRILL_ANSWER_SAME) {
        drill_work_suspect(w, "sender and recipients", true, w->lab.sessions - before,
                           "with an invented sender and one invented recipient it fails alike");
    } else if (answer == DRILL_ANSWER_OTHER) {
        examine_sender(w);
        examine_rcpts(w);
    }
}
