/* SPDX-License-Identifier: MIT */
#include "record/feed.h"

#include <string.h>

#include "base/arena.h"
#include "net/link.h"

struct drill_feed {
    struct drill_scribe *scribe;
    const struct drill_inject *inject;
    const struct drill_forward *forward;
    struct drill_feed_stats stats;
    struct drill_link unclosed; /* connections that are over, and of which the scribe waits for
                                   CLOSED: there was no room to tell */
    struct drill_buf numbers;   /* uint32_t each: free again */
    uint32_t next;              /* number that was never used */
    uint64_t open;
};

/* One connection. */
struct fed {
    struct drill_feed *feed;
    struct drill_injected *injected;
    struct drill_link link; /* of `unclosed` */
    uint32_t number;
    bool told; /* the scribe knows of it */
    bool lost; /* some event of it is */
};

struct drill_feed *drill_feed_new(struct drill_scribe *scribe, const struct drill_inject *inject,
                                  struct drill_error *err)
{
    struct drill_feed *f = drill_alloc_resize(NULL, NULL, sizeof(*f));
    if (!f) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the recorder");
        return NULL;
    }
    memset(f, 0, sizeof(*f));
    f->scribe = scribe;
    f->inject = inject;
    drill_link_init(&f->unclosed);
    drill_buf_init(&f->numbers, NULL);
    return f;
}

void drill_feed_forward(struct drill_feed *f, const struct drill_forward *forward)
{
    f->forward = forward;
}

const struct drill_feed_stats *drill_feed_stats(const struct drill_feed *f)
{
    return &f->stats;
}

/* ---- what the scribe is told ---- */

static void take_number(struct drill_feed *f, struct fed *c)
{
    if (f->numbers.len) {
        f->numbers.len -= sizeof(c->number);
        memcpy(&c->number, f->numbers.ptr + f->numbers.len, sizeof(c->number));
    } else {
        c->number = f->next++;
    }
}

/* A number that memory is refused for is not used again. */
static void forget(struct fed *c)
{
    (void)drill_buf_append(&c->feed->numbers, drill_span_of(&c->number, sizeof(c->number)));
    drill_link_remove(&c->link);
    drill_injected_free(c->injected);
    drill_alloc_resize(NULL, c, 0);
}

static bool tell_closed(struct fed *c, uint64_t now)
{
    const struct drill_tapped event = {
        .kind = DRILL_TAPPED_CLOSED, .connection = c->number, .now = now, .incomplete = c->lost};
    return drill_scribe_tell(c->feed->scribe, &event, drill_span_of(NULL, 0));
}

/* As many as there is room for; the rest when the next one is over. */
static void tell_unclosed(struct drill_feed *f, uint64_t now)
{
    while (!drill_link_alone(&f->unclosed)) {
        struct fed *c = DRILL_LINK_OWNER(f->unclosed.next, struct fed, link);
        if (!tell_closed(c, now)) {
            break;
        }
        forget(c);
    }
}

static void tell(struct fed *c, struct drill_tapped event, struct drill_span bytes)
{
    struct drill_feed *f = c->feed;
    event.connection = c->number;
    if (!c->lost && !drill_scribe_tell(f->scribe, &event, bytes)) {
        c->lost = true; /* a recording with a hole would be another conversation */
        f->stats.lost++;
    }
}

/* ---- the tap ---- */

static void *opened(void *ctx, uint64_t now, const struct drill_address *from)
{
    struct drill_feed *f = ctx;
    struct fed *c = drill_alloc_resize(NULL, NULL, sizeof(*c));
    (void)from; /* the MTA's own host: the client is in the frames */
    f->stats.connections++;
    if (!c) {
        f->stats.lost++;
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->feed = f;
    drill_link_init(&c->link);
    if (f->inject) {
        c->injected = drill_injected_new(f->inject, f->stats.connections);
    }
    take_number(f, c);
    (void)drill_scribe_lives(f->scribe);
    tell(c, (struct drill_tapped){.kind = DRILL_TAPPED_OPENED, .now = now}, drill_span_of(NULL, 0));
    c->told = !c->lost;
    f->open++;
    f->stats.most = f->open > f->stats.most ? f->open : f->stats.most;
    return c;
}

static void linked(void *who, uint64_t now)
{
    tell(who, (struct drill_tapped){.kind = DRILL_TAPPED_LINKED, .now = now},
         drill_span_of(NULL, 0));
}

static void bytes(void *who, enum drill_dir dir, struct drill_span span, uint64_t now)
{
    tell(who, (struct drill_tapped){.kind = DRILL_TAPPED_BYTES, .dir = dir, .now = now}, span);
}

static void edit(void *who, enum drill_dir dir, struct drill_span span, uint64_t now,
                 struct drill_forward_edit *want)
{
    struct fed *c = who;
    if (!c->injected) {
        return;
    }
    drill_injected_edit(c->injected, dir, span, now, want);
    if (!c->injected->note[0]) {
        return;
    }
    c->feed->stats.injected++;
    tell(c, (struct drill_tapped){.kind = DRILL_TAPPED_NOTE, .now = now},
         drill_span_str(c->injected->note));
    if (want->then != DRILL_END_NONE) {
        tell(c,
             (struct drill_tapped){.kind = DRILL_TAPPED_ENDED,
                                   .dir = c->injected->ender,
                                   .how = want->then,
                                   .now = now},
             drill_span_of(NULL, 0));
    }
}

static void ended(void *who, enum drill_dir dir, enum drill_end how, int error, uint64_t in_flight,
                  uint64_t now)
{
    struct fed *c = who;
    const struct drill_forward *forward = c->feed->forward;
    tell(c,
         (struct drill_tapped){.kind = DRILL_TAPPED_ENDED,
                               .dir = dir,
                               .how = how,
                               .error = error,
                               .in_flight = in_flight,
                               .now = now},
         drill_span_str(forward ? drill_forward_tls_error(forward, dir) : ""));
}

static void closed(void *who, uint64_t now)
{
    struct fed *c = who;
    struct drill_feed *f = c->feed;
    f->open--;
    if (c->told) {
        drill_link_append(&f->unclosed, &c->link);
        tell_unclosed(f, now);
    } else {
        forget(c);
    }
}

void drill_feed_tap(struct drill_feed *f, struct drill_forward_tap *tap)
{
    memset(tap, 0, sizeof(*tap));
    tap->opened = opened;
    tap->linked = linked;
    tap->bytes = bytes;
    tap->edit = f->inject ? edit : NULL;
    tap->ended = ended;
    tap->closed = closed;
    tap->ctx = f;
}

void drill_feed_free(struct drill_feed *f)
{
    if (!f) {
        return;
    }
    while (!drill_link_alone(&f->unclosed)) {
        forget(DRILL_LINK_OWNER(f->unclosed.next, struct fed, link));
    }
    drill_buf_fini(&f->numbers);
    drill_alloc_resize(NULL, f, 0);
}
