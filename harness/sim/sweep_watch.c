/* SPDX-License-Identifier: MIT */
#include "sim/sweep_state.h"

#include "base/random.h"

void sweep_watch_begin(struct sweep_watch *w, enum sweep_mode mode)
{
    w->mode = mode;
    w->at[0] = w->at[1] = 0;
    if (mode == SWEEP_COMPARE) {
        w->differs = w->fin_or_rst = w->torn = false;
    }
}

static enum drill_end plain_end(enum drill_end how)
{
    return how == DRILL_END_EPIPE ? DRILL_END_FIN : how;
}

/* Everything that no chunk may change: not the time, not the errno, not how much had gone out. Of a
 * frame of theirs that was torn, what came depends on how much was read ahead before a stall. */
static struct sweep_sight sight(const struct drill_seen *seen)
{
    struct sweep_sight s = {0, (uint8_t)seen->kind, (uint8_t)plain_end(seen->how)};
    uint64_t h = drill_random_mix((uint64_t)seen->kind, s.how);
    h = drill_random_mix(h, seen->dir == DRILL_TO_MTA);
    if (seen->ours || seen->kind != DRILL_SEEN_RAW) {
        h = drill_random_mix(h, (uint64_t)seen->length << 8 | seen->code);
        h = drill_random_mix(h, seen->size);
        h = drill_random_fold(h, seen->payload);
    }
    s.hash = h;
    return s;
}

static const struct sweep_sight *kept(const struct sweep_watch *w, int dir, size_t index)
{
    const struct sweep_sight *all = (const struct sweep_sight *)(const void *)w->kept[dir].ptr;
    return index < w->kept[dir].len / sizeof(*all) ? all + index : NULL;
}

static bool fin_or_rst(const struct sweep_sight *a, const struct sweep_sight *b)
{
    return a->kind == DRILL_SEEN_END && b->kind == DRILL_SEEN_END &&
           ((a->how == DRILL_END_FIN && b->how == DRILL_END_RST) ||
            (a->how == DRILL_END_RST && b->how == DRILL_END_FIN));
}

/* In one play the stream goes on, in the other it breaks off here. */
static bool torn(const struct sweep_sight *a, const struct sweep_sight *b)
{
    return !a || !b || a->kind != b->kind;
}

static void compare(struct sweep_watch *w, int dir, size_t index, const struct sweep_sight *s)
{
    const struct sweep_sight *before = kept(w, dir, index);
    if (w->differs || (before && s && before->hash == s->hash) || (!before && !s)) {
        return;
    }
    w->differs = true;
    w->fin_or_rst = before && s && fin_or_rst(before, s);
    w->torn = torn(before, s);
    w->dir = dir;
    w->first = index;
}

static void see(struct sweep_watch *w, int dir, const struct drill_seen *seen)
{
    struct sweep_sight s = sight(seen);
    size_t index = w->at[dir]++;
    switch (w->mode) {
    case SWEEP_KEEP:
        w->no_memory |= !drill_buf_append(&w->kept[dir], drill_span_of(&s, sizeof(s)));
        break;
    case SWEEP_COMPARE: compare(w, dir, index, &s); break;
    case SWEEP_QUOTE:
        if (w->quote && dir == w->dir && index == w->first) {
            sweep_say_seen(w->quote, seen);
        }
        break;
    case SWEEP_IGNORE: break;
    }
}

/* A connection begins in both directions. */
void sweep_watch_seen(void *ctx, const struct drill_seen *seen)
{
    struct sweep_watch *w = ctx;
    bool open = seen->kind == DRILL_SEEN_OPEN;
    if (w->mode == SWEEP_KEEP && w->also.seen) {
        w->also.seen(w->also.ctx, seen);
    }
    for (int dir = 0; dir < SWEEP_DIRS; dir++) {
        if (open || dir == (seen->dir == DRILL_TO_MTA)) {
            see(w, dir, seen);
        }
    }
}

void sweep_watch_end(struct sweep_watch *w)
{
    for (int dir = 0; dir < SWEEP_DIRS && w->mode == SWEEP_COMPARE; dir++) {
        if (kept(w, dir, w->at[dir])) {
            compare(w, dir, w->at[dir], NULL);
        }
    }
}
