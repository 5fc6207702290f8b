/* SPDX-License-Identifier: MIT */
#include "record/scribe.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "record/scribe_state.h"

enum { RING = 4 << 20, HANG = 1000000 }; /* bytes; microseconds */

/* ---- what both do ---- */

bool drill_scribe_hear(struct drill_scribe *s)
{
    char bytes[16];
    ssize_t n = 1;
    while (n > 0 || (n < 0 && errno == EINTR)) {
        n = recv(s->socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    }
    s->gone = s->gone || n == 0 || errno != EAGAIN;
    return !s->gone;
}

void drill_scribe_wake(struct drill_scribe *s)
{
    if (send(s->socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
        s->gone = true;
    }
}

/* ---- its life ---- */

static struct drill_scribe *refuse(struct drill_scribe *s, struct drill_error *err,
                                   const char *what)
{
    drill_error_set(err, DRILL_ERR_IO, "no process for the recordings (%s): %s", what,
                    strerror(errno));
    drill_scribe_free(s);
    return NULL;
}

static struct drill_scribe_page *page_new(void)
{
    void *p = mmap(NULL, sizeof(struct drill_scribe_page), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

struct drill_scribe *drill_scribe_new(const struct drill_scribe_config *config,
                                      struct drill_error *err)
{
    int ends[2] = {-1, -1};
    struct drill_scribe *s = drill_alloc_resize(NULL, NULL, sizeof(*s));
    if (!s) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the recordings");
        return NULL;
    }
    memset(s, 0, sizeof(*s));
    s->config = *config;
    s->socket = -1;
    s->ring = drill_ring_new(RING);
    s->page = page_new();
    if (!s->ring || !s->page) {
        return refuse(s, err, "shared memory");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return refuse(s, err, "socketpair");
    }
    s->child = fork();
    s->socket = ends[s->child == 0];
    (void)close(ends[s->child != 0]);
    return s->child < 0 ? refuse(s, err, "fork") : s;
}

bool drill_scribe_is_child(const struct drill_scribe *s)
{
    return s->child == 0;
}

static void reap(struct drill_scribe *s)
{
    int status = 0;
    while (s->child > 0 && waitpid(s->child, &status, 0) < 0 && errno == EINTR) {}
    s->child = s->child > 0 ? -1 : s->child;
}

void drill_scribe_end(struct drill_scribe *s)
{
    (void)shutdown(s->socket, SHUT_WR);
    reap(s);
}

void drill_scribe_free(struct drill_scribe *s)
{
    if (!s) {
        return;
    }
    if (s->socket >= 0) {
        (void)close(s->socket);
    }
    reap(s);
    drill_ring_free(s->ring);
    if (s->page) {
        (void)munmap(s->page, sizeof(*s->page));
    }
    drill_alloc_resize(NULL, s, 0);
}

/* ---- its parent ---- */

bool drill_scribe_begin(struct drill_scribe *s, struct drill_error *err)
{
    struct pollfd p = {.fd = s->socket, .events = POLLIN};
    drill_scribe_wake(s);
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {}
    if (!drill_scribe_hear(s) && !s->page->open) {
        *err = s->page->err;
        if (err->code == DRILL_OK) {
            drill_error_set(err, DRILL_ERR_IO, "the process for the recordings was killed");
        }
        return false;
    }
    return true;
}

static void warn(const struct drill_scribe *s, const char *text)
{
    const struct drill_files_config *f = &s->config.files;
    if (f->warn) {
        f->warn(f->ctx, text);
    }
}

static void tell_gone(struct drill_scribe *s)
{
    if (s->child > 0) {
        reap(s);
        warn(s, "the process that writes the recordings was killed: recording has ended, mail goes "
                "on");
    }
}

bool drill_scribe_lives(struct drill_scribe *s)
{
    if (!s->gone && !drill_scribe_hear(s)) {
        tell_gone(s);
    }
    return !s->gone;
}

/* How long the child may go on without taking anything. */
static bool is_in_time(struct drill_scribe *s, uint64_t *taken, uint64_t *until)
{
    const uint64_t now = drill_net_clock(), so_far = drill_ring_taken(s->ring);
    if (so_far != *taken) {
        *taken = so_far;
        *until = now + HANG;
    }
    if (now < *until) {
        return true;
    }
    s->hangs = true;
    s->hung_at = so_far;
    warn(s, "the recordings cannot be written fast enough, or the disk hangs: mail goes on, what "
            "passes now is not recorded");
    return false;
}

/* Until there is room for any event. */
static bool wait_for_room(struct drill_scribe *s)
{
    struct pollfd p = {.fd = s->socket, .events = POLLIN};
    uint64_t taken = drill_ring_taken(s->ring), until = drill_net_clock() + HANG;
    while (drill_ring_starve(s->ring)) {
        const uint64_t now = drill_net_clock();
        if (poll(&p, 1, now < until ? (int)((until - now) / 1000) + 1 : 0) > 0 &&
            !drill_scribe_lives(s)) {
            return false;
        }
        if (!is_in_time(s, &taken, &until)) {
            return false;
        }
    }
    return true;
}

bool drill_scribe_tell(struct drill_scribe *s, const struct drill_tapped *event,
                       struct drill_span bytes)
{
    const struct drill_span head = drill_span_of(event, sizeof(*event));
    s->hangs = s->hangs && drill_ring_taken(s->ring) == s->hung_at;
    while (!s->gone && !drill_ring_put(s->ring, head, bytes)) {
        if (s->hangs || !wait_for_room(s)) {
            return false;
        }
    }
    if (!s->gone && drill_ring_sleeper(s->ring)) {
        drill_scribe_wake(s);
    }
    if (s->gone) {
        tell_gone(s);
        return false;
    }
    return true;
}

const struct drill_files_stats *drill_scribe_stats(const struct drill_scribe *s)
{
    return &s->page->stats;
}
