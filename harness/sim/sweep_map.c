/* SPDX-License-Identifier: MIT */
#include "sim/sweep_state.h"

#include <string.h>

#include "base/random.h"

void sweep_map_init(struct sweep_map *map, const struct drill_alloc *alloc)
{
    memset(map, 0, sizeof(*map));
    drill_buf_init(&map->frames, alloc);
    for (int i = 0; i < SWEEP_DIRS; i++) {
        drill_frame_init(&map->stream[i].parser, UINT32_MAX);
    }
}

void sweep_map_fini(struct sweep_map *map)
{
    drill_buf_fini(&map->frames);
}

size_t sweep_map_count(const struct sweep_map *map)
{
    return map->frames.len / sizeof(struct sweep_frame);
}

const struct sweep_frame *sweep_map_frame(const struct sweep_map *map, size_t index)
{
    return (const struct sweep_frame *)(const void *)map->frames.ptr + index;
}

/* What lies between the last frame and `end` is one more. */
static void add(struct sweep_map *map, struct sweep_stream *s, uint64_t end, uint8_t code)
{
    struct sweep_frame f;
    memset(&f, 0, sizeof(f));
    f.place = s->place;
    f.size = end - s->place.at;
    f.number = ++s->number;
    f.code = code;
    if (f.size && !drill_buf_append(&map->frames, drill_span_of(&f, sizeof(f)))) {
        map->no_memory = true;
    }
    s->place.at = end;
}

static void finish(struct sweep_map *map, struct sweep_stream *s)
{
    const struct drill_frame_parser *p = &s->parser;
    bool in_payload = p->fault == DRILL_FRAME_OK && p->left > 0;
    add(map, s, s->end, in_payload ? p->head[4] : 0);
}

void sweep_map_end(struct sweep_map *map)
{
    for (int i = 0; i < SWEEP_DIRS; i++) {
        finish(map, &map->stream[i]);
    }
}

/* A side has one connection at a time, so the streams of one direction come one after the other. */
void sweep_map_wrote(void *ctx, const struct drill_disturb_place *place, struct drill_span bytes)
{
    struct sweep_map *map = ctx;
    struct sweep_stream *s = &map->stream[place->dir == DRILL_TO_MTA];
    struct drill_frame f;
    if (s->place.connection != place->connection) {
        finish(map, s);
        drill_frame_reset(&s->parser);
        s->place = *place;
        s->number = 0;
    }
    s->end = place->at + bytes.len;
    enum drill_frame_kind kind = drill_frame_next(&s->parser, &bytes, &f);
    for (; kind > DRILL_FRAME_MORE; kind = drill_frame_next(&s->parser, &bytes, &f)) {
        if (kind == DRILL_FRAME_END) {
            add(map, s, f.at + DRILL_FRAME_HEADER_SIZE + f.size, f.code);
        }
    }
}

static bool before(const struct drill_disturb_place *a, const struct drill_disturb_place *b)
{
    return a->connection == b->connection && a->dir == b->dir && a->at <= b->at;
}

const struct sweep_frame *sweep_map_find(const struct sweep_map *map,
                                         const struct drill_disturb_place *place)
{
    for (size_t i = 0; i < sweep_map_count(map); i++) {
        const struct sweep_frame *f = sweep_map_frame(map, i);
        if (before(&f->place, place) && place->at - f->place.at < f->size) {
            return f;
        }
    }
    return NULL;
}

uint64_t sweep_map_points(const struct sweep_frame *f)
{
    return f->size <= DRILL_SWEEP_FRAME ? f->size : 2 * DRILL_SWEEP_EDGE + DRILL_SWEEP_SEEDED;
}

uint64_t sweep_map_point(const struct sweep_frame *f, uint64_t index, uint64_t seed)
{
    if (f->size <= DRILL_SWEEP_FRAME || index < DRILL_SWEEP_EDGE) {
        return index;
    }
    if (index < 2 * DRILL_SWEEP_EDGE) {
        return f->size - 2 * DRILL_SWEEP_EDGE + index;
    }
    uint64_t stream = (uint64_t)f->place.connection * 2 + (f->place.dir == DRILL_TO_MTA ? 1 : 0);
    struct drill_random r = {drill_random_mix(drill_random_mix(seed, stream), f->place.at)};
    r.state = drill_random_mix(r.state, index);
    return DRILL_SWEEP_EDGE + drill_random_below(&r, f->size - 2 * DRILL_SWEEP_EDGE);
}
