/* SPDX-License-Identifier: MIT */
#include "scenario/cache.h"

#include <string.h>

struct drill_cached {
    struct drill_span name, bytes;
    struct drill_cached *next;
};

static struct drill_cached **bucket_of(struct drill_cache *c, struct drill_span name)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ name.ptr[i]) * 16777619U;
    }
    return &c->bucket[hash % DRILL_CACHE_BUCKETS];
}

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    struct drill_cache *c = ctx;
    struct drill_cached **bucket = bucket_of(c, name);
    for (const struct drill_cached *have = *bucket; have; have = have->next) {
        if (drill_span_equal(have->name, name)) {
            *bytes = have->bytes;
            return DRILL_OK;
        }
    }
    enum drill_code code = c->under->load(c->under->ctx, name, bytes, err);
    if (code != DRILL_OK) {
        return code;
    }
    struct drill_cached *made = drill_arena_take(c->arena, sizeof(*made));
    struct drill_span copy = drill_arena_copy(c->arena, name);
    if (!made || !copy.ptr) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory left for this scenario");
    }
    made->name = copy;
    made->bytes = *bytes;
    made->next = *bucket;
    *bucket = made;
    return DRILL_OK;
}

void drill_cache_init(struct drill_cache *c, const struct drill_loader *under,
                      struct drill_arena *arena)
{
    memset(c, 0, sizeof(*c));
    c->loader.load = load;
    c->loader.ctx = c;
    c->under = under;
    c->arena = arena;
}
