/* SPDX-License-Identifier: MIT */
/* The scribe's process. */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "record/scribe_state.h"

enum {
    PAUSE = 10,       /* milliseconds between two looks, as long as something comes */
    SETTLE = 1 << 20, /* bytes of events, after which lines are written although more have come */
    RESERVE = 32      /* descriptors that are not for recordings */
};

/* Those that end the other process; SIGTTOU, to warn from the background; SIGXFSZ, which becomes
 * the error EFBIG, a full disk like any. */
static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGPIPE, SIGXFSZ, SIGTTOU};

static void step_back(void)
{
    struct sigaction sa;
    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
        (void)sigaction(ignored[i], &sa, NULL);
    }
    (void)setpgid(0, 0); /* a shell's `kill -9 %1` is for the other, too */
    (void)setpriority(PRIO_PROCESS, 0, 19);
}

/* Until something is heard, or for so many milliseconds. */
static void rest(struct drill_scribe *s, int milliseconds)
{
    struct pollfd p = {.fd = s->socket, .events = POLLIN};
    if (!s->gone && poll(&p, 1, milliseconds) > 0) {
        (void)drill_scribe_hear(s);
    }
}

static void take(struct drill_record *r, struct drill_span record)
{
    struct drill_tapped event;
    if (record.len >= sizeof(event)) {
        memcpy(&event, record.ptr, sizeof(event));
        drill_record_take(r, &event, drill_span_sub(record, sizeof(event), record.len));
    }
}

/* All that has come. */
static bool take_all(struct drill_scribe *s, struct drill_record *r)
{
    struct drill_span record;
    size_t unsettled = 0;
    bool any = false;
    while (drill_ring_take(s->ring, &record)) {
        any = true;
        take(r, record);
        unsettled += record.len;
        drill_ring_release(s->ring);
        (void)sched_yield(); /* its time slice would be longer than mail's whole session */
        if (drill_ring_starved(s->ring)) {
            drill_scribe_wake(s);
        }
        if (unsettled > SETTLE) {
            drill_record_settle(r);
            unsettled = 0;
        }
    }
    drill_record_settle(r);
    return any;
}

static void work(struct drill_scribe *s, struct drill_record *r)
{
    for (;;) {
        bool gone = s->gone; /* what it put before is there */
        if (take_all(s, r)) {
            rest(s, PAUSE);
        } else if (gone) {
            return;
        } else if (drill_ring_sleep(s->ring)) {
            rest(s, -1);
        }
    }
}

static struct drill_files *open_folder(const struct drill_scribe *s, struct drill_error *err)
{
    struct drill_files_config config = s->config.files;
    config.files = drill_net_raise_files((size_t)1 << 20) - RESERVE;
    config.owner = s->config.user->uid;
    config.group = s->config.user->gid;
    struct drill_files *f = drill_files_open(&config, err);
    if (f && !drill_user_become(s->config.user, err)) {
        drill_files_free(f);
        return NULL;
    }
    return f;
}

void drill_scribe_serve(struct drill_scribe *s)
{
    struct drill_record_config config = s->config.record;
    step_back();
    rest(s, -1);
    if (s->gone) { /* it never began */
        return;
    }
    config.files = open_folder(s, &s->page->err);
    struct drill_record *r = config.files ? drill_record_new(&config, &s->page->err) : NULL;
    if (r) {
        s->page->open = true;
        drill_scribe_wake(s);
        work(s, r);
        drill_record_end(r);
        s->page->stats = *drill_files_stats(config.files);
    }
    drill_record_free(r);
    drill_files_free(config.files);
}
