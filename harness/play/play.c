/* SPDX-License-Identifier: MIT */
#include "play/transport.h"

#include <errno.h>
#include <string.h>

/* Steps of one pump: so many that a frame of a megabyte goes through in one, so few that a peer
 * that floods one play cannot starve the others. */
enum { PUMP_STEPS = 256 };

static void runner_wish(void *self, uint64_t now, struct drill_wish *wish)
{
    drill_run_wish(self, now, wish);
}

static void runner_event(void *self, const struct drill_event *event)
{
    drill_run_event(self, event);
}

struct drill_play_user drill_play_runner(struct drill_run *run)
{
    struct drill_play_user user = {runner_wish, runner_event, run};
    return user;
}

void drill_play_init(struct drill_play *p, struct drill_run *run, const struct drill_conn_ops *ops,
                     void *conn, uint8_t *buf, size_t cap)
{
    struct drill_play_user user = drill_play_runner(run);
    drill_play_init_user(p, &user, ops, conn, buf, cap);
}

void drill_play_init_user(struct drill_play *p, const struct drill_play_user *user,
                          const struct drill_conn_ops *ops, void *conn, uint8_t *buf, size_t cap)
{
    memset(p, 0, sizeof(*p));
    p->user = *user;
    p->ops = ops;
    p->conn = conn;
    p->buf = buf;
    p->cap = cap;
}

enum drill_end drill_play_end(int error)
{
    switch (error) {
    case 0: return DRILL_END_FIN;
    case ECONNRESET: return DRILL_END_RST;
    case EPIPE: return DRILL_END_EPIPE;
    case ECONNREFUSED:
    case ENOENT: return DRILL_END_REFUSED;
    default: return DRILL_END_ERROR; /* an int, not an enum: errno has many values */
    }
}

static void play_tell(struct drill_play *p, struct drill_event *event)
{
    event->now = p->ops->now(p->conn);
    p->user.event(p->user.self, event);
}

static bool play_has_connection(const struct drill_play *p)
{
    return p->open || p->opening;
}

static void play_forget(struct drill_play *p)
{
    p->open = false;
    p->opening = false;
    p->write_failed = false;
}

static void play_ended(struct drill_play *p, const struct drill_io_end *end, bool by_write)
{
    struct drill_event event = {.kind = DRILL_EVENT_END,
                                .how = end->how,
                                .error = end->error,
                                .by_write = by_write,
                                .in_flight = end->in_flight};
    play_forget(p);
    p->ops->close(p->conn);
    play_tell(p, &event);
}

static bool play_tick(struct drill_play *p, const struct drill_wish *wish)
{
    if (wish->until > p->ops->now(p->conn)) {
        return false;
    }
    struct drill_event event = {.kind = DRILL_EVENT_TICK};
    play_tell(p, &event);
    return true;
}

/* The functions below return true when the runner was told something and has to be asked again. */

static bool play_opening(struct drill_play *p, const struct drill_wish *wish)
{
    struct drill_io_end end = {0};
    struct drill_event event = {.kind = DRILL_EVENT_OPENED};
    switch (p->ops->opened(p->conn, &end)) {
    case DRILL_IO_OK:
        p->opening = false;
        p->open = true;
        play_tell(p, &event);
        return true;
    case DRILL_IO_END: play_ended(p, &end, false); return true;
    case DRILL_IO_AGAIN: break;
    }
    if (play_tick(p, wish)) {
        return true;
    }
    p->ops->arm(p->conn, false, true, wish->until);
    return false;
}

static bool play_read(struct drill_play *p, size_t want)
{
    struct drill_io_end end = {0};
    size_t got = 0;
    switch (p->ops->recv(p->conn, p->buf, want < p->cap ? want : p->cap, &got, &end)) {
    case DRILL_IO_OK: {
        struct drill_event event = {.kind = DRILL_EVENT_BYTES, .bytes = drill_span_of(p->buf, got)};
        play_tell(p, &event);
        return true;
    }
    case DRILL_IO_END:
        if (!p->write_failed) {
            play_ended(p, &end, false);
            return true;
        }
        break;
    case DRILL_IO_AGAIN: break;
    }
    return false;
}

static bool play_write(struct drill_play *p, struct drill_span bytes)
{
    struct drill_io_end end = {0};
    struct drill_event event = {.kind = DRILL_EVENT_WROTE};
    switch (p->ops->send(p->conn, bytes, &event.wrote, &end)) {
    case DRILL_IO_OK: play_tell(p, &event); return true;
    case DRILL_IO_END:
        p->write_failed = true;
        p->write_end = end;
        return true;
    case DRILL_IO_AGAIN: break;
    }
    return false;
}

static bool play_io(struct drill_play *p, const struct drill_wish *wish)
{
    if (p->opening) {
        return play_opening(p, wish);
    }
    if (p->open && wish->want && play_read(p, wish->want)) {
        return true;
    }
    if (p->open && p->write_failed) {
        play_ended(p, &p->write_end, true);
        return true;
    }
    if (p->open && wish->send.len && play_write(p, wish->send)) {
        return true;
    }
    if (play_tick(p, wish)) {
        return true;
    }
    p->ops->arm(p->conn, p->open && wish->want, p->open && wish->send.len, wish->until);
    return false;
}

static void play_drained_close(struct drill_play *p)
{
    if (p->open) {
        p->ops->drain(p->conn);
    }
    if (play_has_connection(p)) {
        p->ops->close(p->conn);
    }
    play_forget(p);
}

static void play_open(struct drill_play *p, const struct drill_wish *wish)
{
    play_drained_close(p);
    p->opening = true;
    p->ops->open(p->conn, wish->nagle);
}

static void play_close(struct drill_play *p, bool reset)
{
    if (p->open && reset) {
        p->ops->reset(p->conn);
    } else if (play_has_connection(p)) {
        p->ops->close(p->conn);
    }
    play_forget(p);
}

bool drill_play_pump(struct drill_play *p)
{
    for (int step = 0; step < PUMP_STEPS && !p->ended; step++) {
        struct drill_wish wish = {.until = DRILL_NEVER};
        p->user.wish(p->user.self, p->ops->now(p->conn), &wish);
        switch (wish.kind) {
        case DRILL_WISH_IO:
            if (!play_io(p, &wish)) {
                return false;
            }
            break;
        case DRILL_WISH_OPEN: play_open(p, &wish); break;
        case DRILL_WISH_REFUSE: p->ops->refuse(p->conn); break;
        case DRILL_WISH_HALF_CLOSE:
            if (p->open) {
                p->ops->half_close(p->conn);
            }
            break;
        case DRILL_WISH_DRAIN: play_drained_close(p); break;
        case DRILL_WISH_CLOSE: play_close(p, false); break;
        case DRILL_WISH_RESET: play_close(p, true); break;
        case DRILL_WISH_DONE:
            play_drained_close(p);
            p->ended = true;
            break;
        }
    }
    if (!p->ended) {
        p->ops->arm(p->conn, false, false, 0);
    }
    return p->ended;
}
