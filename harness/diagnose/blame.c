/* SPDX-License-Identifier: MIT */
#include "diagnose/blame.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/reduce.h"

enum {
    REPEATS = 3,
    PERCENT = 100,
    MARGIN = 16,
    PIECE_MOST = 1 << 16 /* bytes of a value in which a piece is looked for */
};

struct work {
    const struct drill_blame_question *q;
    struct drill_blame *out;
    struct drill_replies now; /* with lines that may have been replaced by smaller ones */
    bool *keep;               /* of now.line */
    bool *row;                /* ... of one try */
    uint64_t begin;
    struct drill_arena scratch;
    struct drill_blame_try **end;
    bool stopped, no_memory;
};

/* ---- outcomes ---- */

static size_t most_messages(const struct drill_blame_seen *a, const struct drill_blame_seen *b)
{
    size_t n = a->messages > b->messages ? a->messages : b->messages;
    return n == 0 ? 1 : n;
}

static bool same_told(const struct drill_blame_told *a, const struct drill_blame_told *b)
{
    return a->code == b->code && a->stage == b->stage;
}

size_t drill_blame_message(const struct drill_blame_seen *a, const struct drill_blame_seen *b)
{
    size_t n = most_messages(a, b);
    for (size_t i = 0; i < n; i++) {
        if (!same_told(&a->told[i], &b->told[i])) {
            return i;
        }
    }
    return 0;
}

bool drill_blame_same(const struct drill_blame_seen *a, const struct drill_blame_seen *b)
{
    size_t n = most_messages(a, b);
    bool same = a->unreachable == b->unreachable && a->asked == b->asked &&
                a->gave_up == b->gave_up && a->delivered == b->delivered;
    for (size_t i = 0; i < n; i++) {
        same = same && same_told(&a->told[i], &b->told[i]);
    }
    return same;
}

uint32_t drill_blame_accepted(const struct drill_blame_seen *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < DRILL_BLAME_MESSAGES; i++) {
        n += s->told[i].code / 100 == 2;
    }
    return n;
}

void drill_blame_say(const struct drill_blame_seen *s, size_t message, char *out, size_t cap)
{
    const struct drill_blame_told *told = &s->told[message];
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, told->stage);
    const char *at = row ? row->word : "the beginning";
    const char *left = s->gave_up ? "; the MTA gives the milter up" : "";
    uint32_t taken = drill_blame_accepted(s);
    char which[60] = "", lost[60] = "";
    if (s->messages > 1) {
        (void)snprintf(which, sizeof(which), "message %zu of %zu: ", message + 1, s->messages);
    }
    if (s->has_sink && s->delivered == 0 && taken) {
        (void)snprintf(lost, sizeof(lost), "; nothing is delivered");
    } else if (s->has_sink && s->delivered < taken) {
        (void)snprintf(lost, sizeof(lost), "; of %u that are taken %u are delivered", taken,
                       s->delivered);
    }
    if (s->unreachable) {
        (void)snprintf(out, cap, "nobody takes mail there");
    } else if (told->code == 0) {
        (void)snprintf(out, cap, "%sthe client gets no reply at %s%s%s", which, at, left, lost);
    } else {
        (void)snprintf(out, cap, "%sthe client is told `%s` at %s%s%s", which, told->text, at, left,
                       lost);
    }
}

/* ---- asking ---- */

static bool may_play(struct work *w)
{
    const struct drill_blame_ops *ops = w->q->ops;
    bool spent = w->out->sessions >= w->q->sessions ||
                 (w->q->microseconds && ops->now(ops->ctx) - w->begin >= w->q->microseconds);
    w->out->spent = w->out->spent || spent;
    w->stopped = w->stopped || spent;
    return !w->stopped;
}

static bool play(struct work *w, const bool *keep, const char *what, struct drill_blame_seen *seen)
{
    const struct drill_blame_ops *ops = w->q->ops;
    memset(seen, 0, sizeof(*seen));
    if (!may_play(w)) {
        return false;
    }
    const struct drill_file *file = drill_replies_build(&w->now, keep, &w->scratch);
    if (!file) {
        w->no_memory = w->stopped = true;
        return false;
    }
    if (ops->progress) {
        ops->progress(ops->ctx, what, w->out->sessions, w->q->sessions);
    }
    bool more = ops->play(ops->ctx, file, seen);
    drill_arena_reset(&w->scratch);
    w->stopped = w->stopped || !more;
    w->out->sessions += more;
    return more;
}

static void list(struct work *w, const char *what, enum drill_answer answer)
{
    struct drill_blame_try *t = w->out->tries;
    while (t && t->next) {
        t = t->next;
    }
    if (!t || strncmp(t->what, what, DRILL_LAB_WHAT - 1) != 0) {
        t = drill_arena_take(w->q->arena, sizeof(*t));
        if (!t) {
            w->no_memory = w->stopped = true;
            return;
        }
        (void)snprintf(t->what, sizeof(t->what), "%s", what);
        *w->end = t;
        w->end = &t->next;
    }
    t->answer = answer;
    t->sessions++;
}

static enum drill_answer ask(struct work *w, const bool *keep, const char *what)
{
    struct drill_blame_seen seen;
    if (!play(w, keep, what, &seen)) {
        return DRILL_ANSWER_NONE;
    }
    enum drill_answer answer =
        drill_blame_same(&seen, &w->out->seen) ? DRILL_ANSWER_SAME : DRILL_ANSWER_OTHER;
    if (answer == DRILL_ANSWER_SAME) {
        w->out->least = seen;
    }
    list(w, what, answer);
    return answer;
}

/* ---- what was agreed on ---- */

/* What was agreed on is not what a change hangs on, but what allows it: where the recorded answer
 * to the offer changes nothing by itself, it stands in every conversation. */
static void settle_offer(struct work *w)
{
    size_t at = drill_replies_offer(&w->now);
    struct drill_blame_seen seen;
    if (at == w->now.lines) {
        return;
    }
    memset(w->row, 0, w->now.lines * sizeof(*w->row));
    w->row[at] = true;
    if (play(w, w->row, "a milter that also answers the offer as recorded", &seen) &&
        drill_blame_same(&seen, &w->out->plain)) {
        w->now.offer = w->now.line[at].step;
        w->now.line[at].plain = true;
        w->now.suspects--;
        w->out->suspects--;
    }
}

static void forget_rule(struct drill_blame_seen *s, enum drill_rule_id rule)
{
    size_t n = 0;
    for (size_t i = 0; i < s->rules; i++) {
        if (s->broken[i].rule != rule) {
            s->broken[n++] = s->broken[i];
        }
    }
    s->rules = n;
}

/* Changes that were not asked for: some MTAs mind, others do not. */
static void ask_for_actions(struct work *w)
{
    enum { ALL = 0x1ff };
    const struct drill_step *before = w->now.offer;
    struct drill_blame_seen least = w->out->least;
    for (size_t i = 0; i < least.rules; i++) {
        if (least.broken[i].rule != DRILL_RULE_MODIFY_AGREED) {
            continue;
        }
        const struct drill_step *asking = drill_reply_asking(before, ALL, w->q->arena);
        w->now.offer = asking;
        if (!asking) {
            w->no_memory = w->stopped = true;
        } else if (ask(w, w->keep, "the same, with its changes agreed on") == DRILL_ANSWER_SAME) {
            forget_rule(&least, DRILL_RULE_MODIFY_AGREED);
        } else {
            w->now.offer = before;
        }
        break;
    }
    w->out->least = least;
}

/* ---- reproduce ---- */

/* True when it fails each time. */
static bool reproduce(struct work *w)
{
    struct drill_blame *out = w->out;
    struct drill_blame_seen seen;
    if (!play(w, w->row, "a milter that only says continue", &out->plain)) {
        out->outcome = DRILL_NOT_REPRODUCED;
        return false;
    }
    if (out->plain.unreachable || !out->plain.asked) {
        out->outcome = DRILL_NO_PEER;
        return false;
    }
    out->outcome = DRILL_NOT_REPRODUCED;
    settle_offer(w);
    while (out->played < REPEATS && play(w, w->keep, "all that the milter said", &seen)) {
        bool differs = !drill_blame_same(&seen, &out->plain);
        if (out->failed == 0) {
            out->seen = seen;
        }
        out->played++;
        out->failed += differs && drill_blame_same(&seen, &out->seen);
    }
    out->deterministic = out->failed == out->played;
    out->least = out->seen;
    if (out->failed > 0) {
        out->message = drill_blame_message(&out->seen, &out->plain);
        out->outcome = out->deterministic ? DRILL_DIAGNOSED : DRILL_FLAKY;
    }
    return out->outcome == DRILL_DIAGNOSED;
}

/* ---- which lines ---- */

static void spread(const struct work *w, const bool *set, bool *keep)
{
    size_t n = 0;
    for (size_t i = 0; i < w->now.lines; i++) {
        keep[i] = !w->now.line[i].plain && set[n++];
    }
}

static void ask_lines(void *ctx, const bool *sets, size_t count, size_t n,
                      enum drill_answer *answers)
{
    struct work *w = ctx;
    for (size_t i = 0; i < count; i++) {
        spread(w, sets + i * n, w->row);
        answers[i] = ask(w, w->row, "without some of its replies");
    }
}

static bool take_off(struct work *w)
{
    size_t n = w->now.suspects;
    struct drill_units u = {drill_arena_take(w->q->arena, n * sizeof(bool) + 1),
                            drill_arena_take(w->q->arena, n * sizeof(bool) + 1),
                            n,
                            1,
                            ask_lines,
                            w};
    if (!u.keep || !u.trial) {
        w->no_memory = true;
        return false;
    }
    memset(u.keep, true, n * sizeof(bool));
    bool all = drill_reduce_units(&u);
    spread(w, u.keep, w->keep);
    return all;
}

/* ---- what of a line ---- */

struct value {
    struct work *w;
    size_t line;
    const struct drill_step *original;
    struct drill_span bytes;
};

static enum drill_answer ask_step(struct value *v, const struct drill_step *step, const char *what)
{
    struct drill_reply *line = &v->w->now.line[v->line];
    const struct drill_step *before = line->step;
    if (!step) {
        v->w->no_memory = v->w->stopped = true;
        return DRILL_ANSWER_NONE;
    }
    line->step = step;
    enum drill_answer answer = ask(v->w, v->w->keep, what);
    line->step = answer == DRILL_ANSWER_SAME ? step : before;
    return answer;
}

static void ask_sizes(void *ctx, const uint64_t *numbers, size_t count, enum drill_answer *answers)
{
    struct value *v = ctx;
    for (size_t i = 0; i < count; i++) {
        answers[i] = ask_step(v, drill_reply_filled(v->original, numbers[i], v->w->q->arena),
                              "harmless values of other sizes");
    }
}

static void ask_pieces(void *ctx, const size_t *from, const size_t *to, size_t count,
                       enum drill_answer *answers)
{
    struct value *v = ctx;
    for (size_t i = 0; i < count; i++) {
        struct drill_span piece = drill_span_sub(v->bytes, from[i], to[i] - from[i]);
        answers[i] = ask_step(v, drill_reply_with(v->original, piece, v->w->q->arena),
                              "pieces of its value");
    }
}

static void by_size(struct value *v, uint64_t size, struct drill_blamed *b)
{
    struct drill_bisect find = {.pass = 1, .fail = size, .wide = 1, .test = ask_sizes, .ctx = v};
    if (drill_bisect(&find)) {
        b->quantity = "bytes";
        b->largest_pass = find.pass;
        b->smallest_fail = find.fail;
        /* What differs from session to session (an id, a time) moves the number by some bytes: the
         * smallest case keeps away from it. */
        uint64_t sure = find.fail + find.fail / PERCENT + MARGIN;
        (void)ask_step(v,
                       drill_reply_filled(v->original, sure < size ? sure : size, v->w->q->arena),
                       "a harmless value, a little longer");
    }
}

static void by_content(struct value *v, struct drill_blamed *b)
{
    if (drill_reply_size(v->original) > PIECE_MOST) {
        return;
    }
    v->bytes = drill_reply_bytes(v->original, PIECE_MOST, v->w->q->arena);
    struct drill_window find = {.to = v->bytes.len, .wide = 1, .test = ask_pieces, .ctx = v};
    if (!v->bytes.ptr) {
        v->w->no_memory = true;
    } else if (drill_reduce_window(&find)) {
        b->bytes = drill_span_sub(v->bytes, find.from, find.to - find.from);
    }
}

/* Nothing of it matters, or (a reply code) all but the text behind the codes. */
static void any_value(struct value *v, struct drill_blamed *b)
{
    struct drill_span codes = drill_reply_codes(v->original);
    const char *other = codes.len && codes.ptr[0] == '4' ? "451 4.7.1 no" : "550 5.7.1 no";
    b->any_value = true;
    if (codes.len) {
        b->any_value =
            ask_step(v, drill_reply_with(v->original, drill_span_str(other), v->w->q->arena),
                     "an ordinary reply code") != DRILL_ANSWER_OTHER;
        b->bytes = b->any_value ? b->bytes : codes;
    }
}

static void examine_value(struct work *w, size_t i, struct drill_blamed *b)
{
    struct value v = {w, i, w->now.line[i].step, {NULL, 0}};
    uint64_t size = drill_reply_size(v.original);
    if (v.original->items->travel.has_after &&
        ask_step(&v, drill_reply_silence(v.original, w->q->arena),
                 "silence in place of a late reply") == DRILL_ANSWER_SAME) {
        return;
    }
    if (size == 0) {
        return;
    }
    enum drill_answer small = ask_step(&v, drill_reply_filled(v.original, 1, w->q->arena),
                                       "a harmless value of one byte");
    if (small == DRILL_ANSWER_SAME) {
        any_value(&v, b);
    }
    if (small != DRILL_ANSWER_OTHER) {
        return;
    }
    enum drill_answer large = ask_step(&v, drill_reply_filled(v.original, size, w->q->arena),
                                       "a harmless value of the same size");
    if (large == DRILL_ANSWER_SAME && size > 1) {
        by_size(&v, size, b);
    } else if (large == DRILL_ANSWER_OTHER) {
        by_content(&v, b);
    }
}

static void blame(struct work *w)
{
    struct drill_blamed **end = &w->out->blamed;
    for (size_t i = 0; i < w->now.lines; i++) {
        if (!w->keep[i] || w->now.line[i].plain) {
            continue;
        }
        struct drill_blamed *b = drill_arena_take(w->q->arena, sizeof(*b));
        if (!b) {
            w->no_memory = true;
            return;
        }
        b->pos = w->now.line[i].step->pos;
        b->command = w->now.group[w->now.line[i].group].command;
        if (!drill_reply_fault(w->now.line[i].step, w->q->arena, b->fault, sizeof(b->fault))) {
            w->no_memory = true;
        }
        examine_value(w, i, b);
        b->line = w->now.line[i].step;
        *end = b;
        end = &b->next;
    }
}

/* ---- the whole of it ---- */

static bool begin(struct work *w)
{
    struct drill_arena *arena = w->q->arena;
    const struct drill_replies *r = w->q->replies;
    w->now = *r;
    w->now.line = drill_arena_take(arena, r->lines * sizeof(*r->line) + 1);
    w->keep = drill_arena_take(arena, r->lines * sizeof(bool) + 1);
    w->row = drill_arena_take(arena, r->lines * sizeof(bool) + 1);
    if (!w->now.line || !w->keep || !w->row) {
        return false;
    }
    memcpy(w->now.line, r->line, r->lines * sizeof(*r->line));
    memset(w->keep, true, r->lines * sizeof(bool));
    return true;
}

enum drill_code drill_blame(const struct drill_blame_question *q, struct drill_blame *out,
                            struct drill_error *err)
{
    struct work w = {.q = q, .out = out};
    memset(out, 0, sizeof(*out));
    out->suspects = q->replies->suspects;
    w.end = &out->tries;
    w.begin = q->ops->now(q->ops->ctx);
    drill_arena_init(&w.scratch, q->arena->alloc, 0);
    if (!begin(&w)) {
        w.no_memory = true;
    } else if (reproduce(&w)) {
        (void)take_off(&w);
        blame(&w);
        ask_for_actions(&w);
        out->minimal = drill_replies_build(&w.now, w.keep, q->arena);
        w.no_memory = w.no_memory || !out->minimal;
        out->deterministic =
            !w.stopped && ask(&w, w.keep, "the smallest case once more") == DRILL_ANSWER_SAME;
        out->deterministic = out->deterministic || w.stopped;
    }
    out->complete = !w.stopped;
    out->elapsed = q->ops->now(q->ops->ctx) - w.begin;
    drill_arena_fini(&w.scratch);
    return w.no_memory ? drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the diagnosis")
                       : DRILL_OK;
}
