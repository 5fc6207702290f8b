/* SPDX-License-Identifier: MIT */
#include "record/ring.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum { LINE = 64, ALIGN = 8 }; /* of the processor's cache; of a record */

/* What stands before each record: its length, or that the next one is at the beginning. */
typedef uint64_t mark;

static const mark again_from_the_start = UINT64_MAX;

/* Places count on for ever; their rest by `size` is where they are. What one side writes is in
 * another cache line than what the other side does. */
struct drill_ring {
    size_t size;
    _Alignas(LINE) atomic_uint_fast64_t put;
    _Alignas(LINE) atomic_uint_fast64_t taken;
    uint64_t next; /* of who takes: behind the record that it looks at */
    _Alignas(LINE) atomic_bool sleeps;
    _Alignas(LINE) atomic_bool starves;
    _Alignas(LINE) uint8_t bytes[];
};

/* A lock would be in one process only. */
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_BOOL_LOCK_FREE == 2,
               "needs lock-free atomics");

struct drill_ring *drill_ring_new(size_t size)
{
    struct drill_ring *r =
        mmap(NULL, sizeof(*r) + size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r == MAP_FAILED) {
        return NULL;
    }
    r->size = size;
    return r;
}

void drill_ring_free(struct drill_ring *r)
{
    if (r) {
        (void)munmap(r, sizeof(*r) + r->size);
    }
}

static size_t room_of(size_t len)
{
    return sizeof(mark) + (len + ALIGN - 1) / ALIGN * ALIGN;
}

static size_t place(const struct drill_ring *r, uint64_t at)
{
    return (size_t)(at & (r->size - 1));
}

static void write_mark(struct drill_ring *r, uint64_t at, mark m)
{
    memcpy(r->bytes + place(r, at), &m, sizeof(m));
}

/* ---- who puts ---- */

bool drill_ring_put(struct drill_ring *r, struct drill_span head, struct drill_span rest)
{
    const size_t len = head.len + rest.len, need = room_of(len);
    uint64_t at = atomic_load_explicit(&r->put, memory_order_relaxed);
    const uint64_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
    const size_t to_end = r->size - place(r, at);
    const size_t skip = need > to_end ? to_end : 0;
    if (need > r->size / 4 || at + skip + need - taken > r->size) {
        return false;
    }
    if (skip) {
        write_mark(r, at, again_from_the_start);
        at += skip;
    }
    write_mark(r, at, len);
    uint8_t *to = r->bytes + place(r, at) + sizeof(mark);
    memcpy(to, head.ptr, head.len);
    if (rest.len) {
        memcpy(to + head.len, rest.ptr, rest.len);
    }
    atomic_store(&r->put, at + need);
    return true;
}

bool drill_ring_sleeper(struct drill_ring *r)
{
    return atomic_load(&r->sleeps) && atomic_exchange(&r->sleeps, false);
}

/* The largest record, and as much that stays unused before the beginning. */
static bool has_room(struct drill_ring *r)
{
    return r->size - (atomic_load(&r->put) - atomic_load(&r->taken)) >= r->size / 2;
}

bool drill_ring_starve(struct drill_ring *r)
{
    atomic_store(&r->starves, true);
    return !has_room(r) || !atomic_exchange(&r->starves, false);
}

uint64_t drill_ring_taken(const struct drill_ring *r)
{
    return atomic_load(&r->taken);
}

/* ---- who takes ---- */

static mark read_mark(const struct drill_ring *r, uint64_t at)
{
    mark m = 0;
    memcpy(&m, r->bytes + place(r, at), sizeof(m));
    return m;
}

bool drill_ring_take(struct drill_ring *r, struct drill_span *record)
{
    const uint64_t put = atomic_load(&r->put);
    uint64_t at = atomic_load_explicit(&r->taken, memory_order_relaxed);
    if (at != put && read_mark(r, at) == again_from_the_start) {
        at += r->size - place(r, at);
    }
    if (at >= put || put - at > r->size) {
        return false;
    }
    const mark len = read_mark(r, at);
    if (len > r->size / 4 || room_of((size_t)len) > put - at ||
        room_of((size_t)len) > r->size - place(r, at)) {
        return false;
    }
    *record = drill_span_of(r->bytes + place(r, at) + sizeof(mark), (size_t)len);
    r->next = at + room_of((size_t)len);
    return true;
}

void drill_ring_release(struct drill_ring *r)
{
    atomic_store(&r->taken, r->next);
}

bool drill_ring_sleep(struct drill_ring *r)
{
    atomic_store(&r->sleeps, true);
    return atomic_load(&r->put) == atomic_load(&r->taken) || !atomic_exchange(&r->sleeps, false);
}

bool drill_ring_starved(struct drill_ring *r)
{
    return atomic_load(&r->starves) && has_room(r) && atomic_exchange(&r->starves, false);
}
