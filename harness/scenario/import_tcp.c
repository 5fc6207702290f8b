/* SPDX-License-Identifier: MIT */
/*
 * Each byte of a direction has a 64-bit position, counted from the first one that is known;
 * sequence numbers are unwrapped against what comes next. Of bytes that came twice the first ones
 * count, as a receiver has them. What came too early waits; the hole before it is given up when the
 * peer has acknowledged it (then it was sent, and the capture lacks it), or at the end.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "scenario/import_pcap.h"

enum {
    BUCKETS = 4096,
    CONNECTIONS = 65536, /* more than a mail server makes while somebody captures */
    WAITING = 1024,      /* segments that wait for a hole to be filled */
    LOOK_BACK = 64,      /* delivered pieces that a repetition is compared with */
    LOOK_AT = 32,        /* pieces of a direction that tell whose it is */
    WINDOW = 1 << 30     /* the largest window that TCP can have (RFC 7323 2.3) */
};

struct piece {
    uint64_t at, len;
    struct drill_span data; /* ptr NULL: sent, and not captured */
    uint64_t time;
    struct piece *next; /* waiting: by position */
    struct piece *prev; /* delivered: the one before */
};

struct side {
    struct drill_packet_end end;
    bool begun; /* `base` is known */
    bool fin, ended, reset, told;
    uint32_t base; /* the sequence number of position 0 */
    uint64_t next; /* position of the next byte to deliver */
    uint64_t fin_at, fin_time;
    struct piece *waiting, *last;
    size_t waits;
};

struct conn {
    struct side side[2];
    int client; /* index of the SYN's sender; -1: not seen */
    bool over;  /* reset, or closed by both */
    uint64_t number;
    struct drill_import_talk *talk; /* its events' `dir` is an index of `side` until the end */
    struct conn *in_bucket, *younger;
};

struct drill_tcp_table {
    struct drill_import *im;
    const struct drill_import_pick *pick;
    struct conn *bucket[BUCKETS];
    struct conn *oldest, **end;
    size_t count;
    bool full;
};

struct drill_tcp_table *drill_tcp_new(struct drill_import *im, const struct drill_import_pick *pick)
{
    struct drill_tcp_table *t = drill_arena_take(im->arena, sizeof(*t));
    if (t) {
        t->im = im;
        t->pick = pick;
        t->end = &t->oldest;
    }
    return t;
}

/* ---- finding ---- */

static bool same_end(const struct drill_packet_end *a, const struct drill_packet_end *b)
{
    return a->port == b->port && a->size == b->size &&
           memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* The same for both directions. */
static size_t bucket_of(const struct drill_packet_tcp *s)
{
    uint32_t h = (uint32_t)s->from.port + s->to.port;
    for (size_t i = 0; i < sizeof(s->from.address); i++) {
        h += ((uint32_t)s->from.address[i] + s->to.address[i]) << (i % 8);
    }
    return (h ^ h >> 12) % BUCKETS;
}

static struct conn *find(const struct drill_tcp_table *t, const struct drill_packet_tcp *s,
                         int *from)
{
    for (struct conn *c = t->bucket[bucket_of(s)]; c; c = c->in_bucket) {
        for (int i = 0; i < 2; i++) {
            if (same_end(&c->side[i].end, &s->from) && same_end(&c->side[!i].end, &s->to)) {
                *from = i;
                return c;
            }
        }
    }
    return NULL;
}

static struct conn *add(struct drill_tcp_table *t, const struct drill_packet_tcp *s)
{
    if (t->count == CONNECTIONS) {
        if (!t->full) {
            drill_import_note(t->im, s->offset, 0,
                              "more than %d connections: those that begin here are left out; "
                              "capture less (tcpdump port N)",
                              CONNECTIONS);
        }
        t->full = true;
        return NULL;
    }
    struct conn *c = drill_arena_take(t->im->arena, sizeof(*c));
    struct drill_import_talk *talk = c ? drill_import_talk_new(t->im) : NULL;
    if (!talk) {
        t->im->no_memory = true;
        return NULL;
    }
    struct conn **bucket = &t->bucket[bucket_of(s)];
    c->talk = talk;
    c->client = -1;
    c->number = s->number;
    c->side[0].end = s->from;
    c->side[1].end = s->to;
    c->in_bucket = *bucket; /* in front: an old connection of the same ends is found no more */
    *bucket = c;
    *t->end = c;
    t->end = &c->younger;
    t->count++;
    return c;
}

/* ---- delivering ---- */

static struct drill_import_event *event(struct drill_tcp_table *t, struct conn *c,
                                        enum drill_import_kind kind, int side, uint64_t time)
{
    return drill_import_add(t->im, c->talk, kind, (enum drill_dir)side, time);
}

static void deliver(struct drill_tcp_table *t, struct conn *c, int side, struct piece *p)
{
    struct side *s = &c->side[side];
    struct drill_import_event *e =
        event(t, c, p->data.ptr ? DRILL_IMPORT_BYTES : DRILL_IMPORT_GAP, side, p->time);
    s->next = p->at + p->len;
    p->prev = s->last;
    s->last = p;
    if (e) {
        e->bytes = p->data;
        e->size = p->data.ptr ? 0 : p->len;
    }
}

static void end(struct drill_tcp_table *t, struct conn *c, int side, enum drill_end how,
                uint64_t time)
{
    struct side *s = &c->side[side];
    if (s->reset || (s->ended && how != DRILL_END_RST)) {
        return;
    }
    s->ended = true;
    s->reset = how == DRILL_END_RST;
    struct drill_import_event *e = event(t, c, DRILL_IMPORT_END, side, time);
    if (e) {
        e->how = how;
    }
    c->over = c->over || how == DRILL_END_RST || c->side[!side].ended;
}

static void drain(struct drill_tcp_table *t, struct conn *c, int side)
{
    struct side *s = &c->side[side];
    while (s->waiting && s->waiting->at == s->next) {
        struct piece *p = s->waiting;
        s->waiting = p->next;
        s->waits--;
        deliver(t, c, side, p);
    }
    if (s->fin && s->next >= s->fin_at) {
        end(t, c, side, DRILL_END_FIN, s->fin_time);
    }
}

/* The hole before what waits will not be filled. */
static void skip_hole(struct drill_tcp_table *t, struct conn *c, int side)
{
    struct side *s = &c->side[side];
    struct drill_import_event *e = event(t, c, DRILL_IMPORT_GAP, side, s->waiting->time);
    if (e) {
        e->size = s->waiting->at - s->next;
    }
    s->next = s->waiting->at;
    drain(t, c, side);
}

static void flush(struct drill_tcp_table *t, struct conn *c)
{
    while (c->side[0].waiting || c->side[1].waiting) {
        const struct piece *a = c->side[0].waiting, *b = c->side[1].waiting;
        skip_hole(t, c, !a || (b && b->time < a->time));
    }
}

/* ---- taking ---- */

static void tell_conflict(struct drill_tcp_table *t, struct conn *c, int side,
                          const struct drill_packet_tcp *seg)
{
    if (c->side[side].told) {
        return;
    }
    c->side[side].told = true;
    drill_import_note(
        t->im, seg->offset, 0,
        "packet %llu repeats bytes of its connection with another content; those that "
        "came first count",
        (unsigned long long)seg->number);
    struct drill_import_event *e = event(t, c, DRILL_IMPORT_NOTE, side, seg->time);
    if (e) {
        e->text = "The capture has two contents for bytes near here: the first one counts.";
    }
}

/* Whether two pieces of one direction agree where they overlap. */
static bool agree(uint64_t at, struct drill_span data, const struct piece *p)
{
    uint64_t low = at > p->at ? at : p->at;
    uint64_t ends[2] = {at + data.len, p->at + p->data.len};
    uint64_t high = ends[0] < ends[1] ? ends[0] : ends[1];
    return !p->data.ptr || !data.ptr || low >= high ||
           memcmp(data.ptr + (low - at), p->data.ptr + (low - p->at), (size_t)(high - low)) == 0;
}

static void compare_delivered(struct drill_tcp_table *t, struct conn *c, int side, uint64_t at,
                              const struct drill_packet_tcp *seg)
{
    const struct piece *p = c->side[side].last;
    for (int i = 0; i < LOOK_BACK && p && p->at + p->len > at; i++, p = p->prev) {
        if (!agree(at, seg->data, p)) {
            tell_conflict(t, c, side, seg);
            return;
        }
    }
}

/* [at, at + len) of a segment, where nothing waits yet. */
static void wait_for(struct drill_tcp_table *t, struct side *s, struct piece **place, uint64_t at,
                     uint64_t len, struct drill_span data, uint64_t time)
{
    struct piece *p = drill_arena_take(t->im->arena, sizeof(*p));
    if (!p) {
        t->im->no_memory = true;
        return;
    }
    p->at = at;
    p->len = len;
    p->data = data;
    p->time = time;
    p->next = *place;
    *place = p;
    s->waits++;
}

static struct drill_span part(struct drill_span data, uint64_t skip, uint64_t len)
{
    return data.ptr ? drill_span_sub(data, (size_t)skip, (size_t)len) : data;
}

/* Takes what is new of [at, at + len); `data` has all of it, or nothing was captured. */
static void insert(struct drill_tcp_table *t, struct conn *c, int side, uint64_t at, uint64_t len,
                   struct drill_span data, const struct drill_packet_tcp *seg)
{
    struct side *s = &c->side[side];
    if (at < s->next) {
        uint64_t old = s->next - at;
        if (old >= len) {
            return;
        }
        data = part(data, old, len);
        at += old;
        len -= old;
    }
    struct piece **place = &s->waiting;
    while (len) {
        struct piece *w = *place;
        uint64_t room = w && w->at > at ? w->at - at : w ? 0 : len;
        uint64_t take = room < len ? room : len;
        if (take) {
            wait_for(t, s, place, at, take, part(data, 0, take), seg->time);
            if (t->im->no_memory) {
                return;
            }
            place = &(*place)->next;
        } else if (w->at + w->len > at) {
            if (!agree(at, data, w)) {
                tell_conflict(t, c, side, seg);
            }
            take = w->at + w->len - at;
            take = take < len ? take : len;
            place = &w->next;
        } else {
            place = &w->next;
        }
        data = part(data, take, len);
        at += take;
        len -= take;
    }
}

/* The position of a sequence number, or false when it is outside of every window. Positions before
 * the first byte that is known are negative. */
static bool position(const struct side *s, uint32_t seq, int64_t *at)
{
    int32_t away = (int32_t)(seq - (uint32_t)(s->base + s->next));
    *at = (int64_t)s->next + away;
    return away < WINDOW && away > -WINDOW;
}

/* It repeats the last byte that was sent, and some senders put another one there (RFC 1122 4.2.3.6
 * calls it garbage): no second content. */
static bool is_keep_alive(const struct side *s, uint64_t at, const struct drill_packet_tcp *seg)
{
    return seg->length == 1 && at + 1 == s->next;
}

static void take_data(struct drill_tcp_table *t, struct conn *c, int side,
                      const struct drill_packet_tcp *seg, int64_t at)
{
    struct side *s = &c->side[side];
    struct drill_packet_tcp rest = *seg;
    if (at < 0) {
        uint64_t before = (uint64_t)-at;
        if (before >= seg->length) {
            return;
        }
        rest.data = drill_span_sub(seg->data, (size_t)before, seg->data.len);
        rest.length = seg->length - (uint32_t)before;
        at = 0;
    }
    uint64_t from = (uint64_t)at, got = rest.data.len;
    if (from < s->next && !is_keep_alive(s, from, &rest)) {
        compare_delivered(t, c, side, from, &rest);
    }
    if (got) {
        insert(t, c, side, from, got, rest.data, seg);
    }
    if (rest.length > got) {
        insert(t, c, side, from + got, rest.length - got, drill_span_of(NULL, 0), seg);
    }
    drain(t, c, side);
    while (s->waits > WAITING) {
        skip_hole(t, c, side);
    }
}

/* The receiver has all before `ack`: what the capture lacks of it will not come. */
static void take_ack(struct drill_tcp_table *t, struct conn *c, int sender, uint32_t ack)
{
    struct side *s = &c->side[sender];
    int64_t at;
    while (s->begun && s->waiting && position(s, ack, &at) && at >= 0 &&
           (uint64_t)at >= s->waiting->at + s->waiting->len) {
        skip_hole(t, c, sender);
    }
}

static void begin(struct conn *c, int side, const struct drill_packet_tcp *seg)
{
    struct side *s = &c->side[side];
    bool syn = (seg->flags & DRILL_TCP_SYN) != 0;
    if (syn) {
        c->client = seg->flags & DRILL_TCP_ACK ? !side : side;
    }
    if (!s->begun) {
        s->begun = true;
        s->base = seg->seq + (syn ? 1U : 0U);
        c->talk->mid[side] = !syn;
    }
}

/* The connection of a segment; a SYN with another sequence number is a new one. NULL: none, and
 * none begins here. */
static struct conn *conn_of(struct drill_tcp_table *t, const struct drill_packet_tcp *seg,
                            int *side)
{
    struct conn *c = find(t, seg, side);
    bool syn = (seg->flags & DRILL_TCP_SYN) != 0;
    if (c && syn) {
        const struct side *s = &c->side[*side];
        bool again = c->over && !(seg->flags & DRILL_TCP_ACK);
        c = again || (s->begun && s->base != seg->seq + 1) ? NULL : c;
    }
    if (!c && (syn || seg->length)) {
        *side = 0;
        c = add(t, seg);
    }
    return c;
}

void drill_tcp_segment(struct drill_tcp_table *t, const struct drill_packet_tcp *seg)
{
    int side = 0;
    int64_t at;
    bool syn = (seg->flags & DRILL_TCP_SYN) != 0;
    struct conn *c = t->im->no_memory ? NULL : conn_of(t, seg, &side);
    if (!c) {
        return;
    }
    struct side *s = &c->side[side];
    if (syn || seg->length) {
        begin(c, side, seg);
    }
    if (seg->flags & DRILL_TCP_ACK) {
        take_ack(t, c, !side, seg->ack);
    }
    if (s->begun && position(s, seg->seq + (syn ? 1U : 0U), &at)) {
        if (seg->length) {
            take_data(t, c, side, seg, at);
        }
        if ((seg->flags & DRILL_TCP_FIN) && at + (int64_t)seg->length >= (int64_t)s->next) {
            s->fin = true;
            s->fin_at = (uint64_t)(at + (int64_t)seg->length);
            s->fin_time = seg->time;
            drain(t, c, side);
        }
    } else if (seg->length) {
        drill_import_note(t->im, seg->offset, 0,
                          "packet %llu lies outside of its connection's window and is left out",
                          (unsigned long long)seg->number);
    }
    if (seg->flags & DRILL_TCP_RST) {
        flush(t, c);
        end(t, c, side, DRILL_END_RST, seg->time);
    }
}

/* ---- who is who, and which are wanted ---- */

/* Of the first pieces of a side, how many begin with a frame of this direction. */
static unsigned looks(const struct conn *c, int side, enum drill_dir dir)
{
    unsigned good = 0, seen = 0;
    for (const struct drill_import_event *e = c->talk->events; e && seen < LOOK_AT; e = e->next) {
        if (e->kind == DRILL_IMPORT_BYTES && (int)e->dir == side) {
            seen++;
            good += drill_import_sync(dir, e->bytes) == 0;
        }
    }
    return good;
}

/* The first 5 bytes of a side are the header of an offer. */
static bool offers(const struct conn *c, int side)
{
    uint8_t head[DRILL_FRAME_HEADER_SIZE];
    size_t have = 0;
    for (const struct drill_import_event *e = c->talk->events; e && have < sizeof(head);
         e = e->next) {
        if (e->kind == DRILL_IMPORT_BYTES && (int)e->dir == side) {
            struct drill_span s = drill_span_sub(e->bytes, 0, sizeof(head) - have);
            memcpy(head + have, s.ptr, s.len);
            have += s.len;
        }
    }
    return have == sizeof(head) && head[4] == DRILL_SMFIC_OPTNEG && drill_be32(head) >= 9 &&
           drill_be32(head) <= DRILL_MAX_DATA;
}

/* Index of the MTA's side: it connects. Without a SYN the contents tell, or the port asked for. */
static int mta_of(const struct drill_tcp_table *t, const struct conn *c)
{
    if (c->client >= 0) {
        return c->client;
    }
    if (t->pick->port && c->side[0].end.port != c->side[1].end.port) {
        return c->side[0].end.port == t->pick->port;
    }
    unsigned first = looks(c, 0, DRILL_TO_MILTER) + looks(c, 1, DRILL_TO_MTA);
    unsigned second = looks(c, 1, DRILL_TO_MILTER) + looks(c, 0, DRILL_TO_MTA);
    return second > first || (second == first && offers(c, 1));
}

static bool wanted(const struct drill_tcp_table *t, const struct conn *c, int mta)
{
    uint16_t port = t->pick->port;
    if (port) {
        return c->side[0].end.port == port || c->side[1].end.port == port;
    }
    if (!c->talk->mid[mta]) {
        return offers(c, mta);
    }
    return looks(c, mta, DRILL_TO_MILTER) + looks(c, !mta, DRILL_TO_MTA) > 0;
}

static void label(const struct conn *c, int mta)
{
    char name[2][INET6_ADDRSTRLEN] = {"?", "?"};
    const struct drill_packet_end *from = &c->side[mta].end, *to = &c->side[!mta].end;
    (void)inet_ntop(from->size == 4 ? AF_INET : AF_INET6, from->address, name[0], sizeof(name[0]));
    (void)inet_ntop(to->size == 4 ? AF_INET : AF_INET6, to->address, name[1], sizeof(name[1]));
    (void)snprintf(c->talk->label, sizeof(c->talk->label), "%s port %u to %s port %u", name[0],
                   from->port, name[1], to->port);
}

static void turn(struct drill_import_talk *talk)
{
    bool mid = talk->mid[0];
    talk->mid[0] = talk->mid[1];
    talk->mid[1] = mid;
    for (struct drill_import_event *e = talk->events; e; e = e->next) {
        e->dir = e->dir == DRILL_TO_MILTER ? DRILL_TO_MTA : DRILL_TO_MILTER;
    }
}

void drill_tcp_finish(struct drill_tcp_table *t)
{
    for (struct conn *c = t->oldest; c; c = c->younger) {
        flush(t, c);
        int mta = mta_of(t, c);
        if (!wanted(t, c, mta)) {
            continue;
        }
        label(c, mta);
        if (mta == 1) {
            turn(c->talk);
        }
        drill_import_keep(t->im, c->talk);
    }
    if (t->im->count == 0) {
        drill_import_note(t->im, UINT64_MAX, 0, "none of its %zu TCP connections is a milter's%s",
                          t->count,
                          t->pick->port ? " with this port"
                                        : " by its first bytes; --port N takes "
                                          "those of a port, whatever they say");
    }
}
