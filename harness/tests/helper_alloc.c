/* SPDX-License-Identifier: MIT */
#include "helper_alloc.h"

#include <stdlib.h>

#include "helper_bytes.h"

static void *resize(void *ctx, void *ptr, size_t size)
{
    struct helper_alloc *h = ctx;
    if (size == 0) {
        h->live -= ptr != NULL;
        free(ptr);
        return NULL;
    }
    h->asked++;
    if (h->asked == h->refuse) {
        h->refused++;
        return NULL;
    }
    void *p = realloc(ptr, size);
    h->live += ptr == NULL && p != NULL;
    return p;
}

void helper_alloc_init(struct helper_alloc *h, size_t refuse)
{
    h->alloc.resize = resize;
    h->alloc.ctx = h;
    h->asked = 0;
    h->refuse = refuse;
    h->refused = 0;
    h->live = 0;
}

void helper_every_alloc(bool (*run)(void *ctx, const struct drill_alloc *alloc), void *ctx)
{
    for (size_t refuse = 1;; refuse++) {
        struct helper_alloc h;
        helper_alloc_init(&h, refuse);
        bool ok = run(ctx, &h.alloc);
        if (h.live) {
            fail_msg("%lu blocks lost when allocation %lu was refused", (unsigned long)h.live,
                     (unsigned long)refuse);
        }
        if (ok == (h.refused > 0)) {
            fail_msg("run %s though %s", ok ? "succeeded" : "failed",
                     h.refused ? "an allocation was refused" : "none was refused");
        }
        if (!h.refused) {
            assert_true(refuse > 1); /* the case must allocate at all */
            return;
        }
    }
}
