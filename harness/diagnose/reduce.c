/* SPDX-License-Identifier: MIT */
#include "diagnose/reduce.h"

#include <string.h>

/* ---- units ---- */

/* Switches the next `size` units that are on off, from *at on, which is then behind them. */
static size_t switch_off(bool *set, size_t n, size_t *at, size_t size)
{
    size_t count = 0;
    for (; *at < n && count < size; (*at)++) {
        count += set[*at];
        set[*at] = false;
    }
    return count;
}

/* One batch of a pass, from *at on: false at the end of the pass. When a set fails, it is taken
 * over, and the pass goes on behind its piece. */
static bool one_batch(const struct drill_units *u, size_t size, size_t *at, bool *any, bool *stop)
{
    enum drill_answer answers[DRILL_LAB_BATCH];
    size_t behind[DRILL_LAB_BATCH], count = 0, next = *at;
    while (count < u->wide && next < u->n) {
        bool *set = u->trial + count * u->n;
        memcpy(set, u->keep, u->n * sizeof(*set));
        if (switch_off(set, u->n, &next, size) == 0) {
            break;
        }
        behind[count++] = next;
    }
    if (count == 0) {
        return false;
    }
    u->test(u->ctx, u->trial, count, u->n, answers);
    *at = next;
    for (size_t i = 0; i < count; i++) {
        if (answers[i] == DRILL_ANSWER_NONE) {
            *stop = true;
            return false;
        }
        if (answers[i] == DRILL_ANSWER_SAME) {
            memcpy(u->keep, u->trial + i * u->n, u->n * sizeof(*u->keep));
            *at = behind[i];
            *any = true;
            return true;
        }
    }
    return true;
}

static size_t count_on(const bool *set, size_t n)
{
    size_t on = 0;
    for (size_t i = 0; i < n; i++) {
        on += set[i];
    }
    return on;
}

bool drill_reduce_units(const struct drill_units *u)
{
    size_t size = u->n;
    for (;;) {
        size_t on = count_on(u->keep, u->n), at = 0;
        bool single = size <= 1, any = false, stop = false;
        size = size / 2 < on / 2 ? size / 2 : on / 2;
        size = size ? size : 1;
        while (one_batch(u, size, &at, &any, &stop)) {}
        if (stop) {
            return false;
        }
        if (single && !any) {
            return true;
        }
    }
}

/* ---- numbers ---- */

bool drill_bisect(struct drill_bisect *b)
{
    for (;;) {
        uint64_t numbers[DRILL_LAB_BATCH];
        enum drill_answer answers[DRILL_LAB_BATCH];
        bool up = b->fail > b->pass;
        uint64_t gap = up ? b->fail - b->pass : b->pass - b->fail;
        size_t count = gap - 1 < b->wide ? (size_t)(gap - 1) : b->wide;
        if (count == 0 || gap <= b->near) {
            return true;
        }
        for (size_t i = 0; i < count; i++) {
            uint64_t step = gap / (count + 1) * (i + 1) + gap % (count + 1) * (i + 1) / (count + 1);
            numbers[i] = up ? b->pass + step : b->pass - step;
        }
        b->test(b->ctx, numbers, count, answers);
        for (size_t i = 0; i < count; i++) {
            if (answers[i] == DRILL_ANSWER_NONE) {
                return false;
            }
            if (answers[i] == DRILL_ANSWER_SAME) {
                b->fail = numbers[i];
                break;
            }
            b->pass = numbers[i];
        }
    }
}

/* ---- windows ---- */

static void pieces(void *ctx, const uint64_t *sizes, size_t count, enum drill_answer *answers)
{
    const struct drill_window *w = ctx;
    size_t from[DRILL_LAB_BATCH], to[DRILL_LAB_BATCH];
    for (size_t i = 0; i < count; i++) {
        from[i] = w->from ? w->to - (size_t)sizes[i] : 0;
        to[i] = w->from ? w->to : (size_t)sizes[i];
    }
    w->test(w->ctx, from, to, count, answers);
}

bool drill_reduce_window(struct drill_window *w)
{
    struct drill_window search = *w;
    struct drill_bisect b = {0, w->to, 0, w->wide, pieces, &search};
    search.from = 0;
    bool all = drill_bisect(&b);
    w->to = (size_t)b.fail;
    search.to = w->to;
    search.from = 1; /* from now on the beginning is looked for */
    b.pass = 0;
    b.fail = w->to;
    all = all && drill_bisect(&b);
    w->from = w->to - (size_t)b.fail;
    return all;
}
