/* SPDX-License-Identifier: MIT */
/*
 * A runner for tests of what carries runners: it follows a script of one-letter steps and writes
 * down what it is told. It takes the place of scenario/run.c in the programs that include it.
 *
 *   o       open, go on when it stands or failed      f      refuse
 *   s<n>    send n bytes, reading meanwhile           t<n>   send n bytes, not reading
 *   r<n>    read n bytes (more wait for the next r)   e      read until the connection ended
 *   w<us>   read for so long                          q<us>  do not read for so long
 *   h d c x half-close, drain and close, close, reset k      kick: ask for a tick at once
 */
#ifndef DRILL_TESTS_STUB_RUN_H
#define DRILL_TESTS_STUB_RUN_H

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/run.h"

enum { STUB_CHUNK = 100000, STUB_LOG = 400 };

struct drill_run {
    const char *script;
    const char *at;
    uint64_t left;  /* of the number behind the letter */
    uint64_t until; /* w, q */
    uint64_t unread;
    bool begun;
    bool ended;
    bool done;
    uint64_t got;    /* bytes, all */
    uint64_t sum;    /* of their values and places */
    uint64_t sent;   /* bytes, all */
    uint64_t flight; /* of the last end */
    size_t want;     /* 0: 64 KiB */
    char log[STUB_LOG];
};

static uint8_t stub_bytes[STUB_CHUNK];

static void stub_init(struct drill_run *run, const char *script)
{
    memset(run, 0, sizeof(*run));
    run->script = script;
    run->at = script;
    memset(stub_bytes, 'a', sizeof(stub_bytes));
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
stub_log(struct drill_run *run, const char *fmt, ...);

#include <stdarg.h>
static void stub_log(struct drill_run *run, const char *fmt, ...)
{
    size_t len = strlen(run->log);
    va_list args;
    if (len > 0 && len + 1 < sizeof(run->log)) {
        run->log[len++] = ' ';
    }
    va_start(args, fmt);
    (void)vsnprintf(run->log + len, sizeof(run->log) - len, fmt, args);
    va_end(args);
}

static void stub_next(struct drill_run *run)
{
    run->begun = false;
    run->at += *run->at ? 1 : 0;
    run->at += strspn(run->at, "0123456789 ");
}

static void stub_begin(struct drill_run *run, uint64_t now)
{
    if (!run->begun) {
        run->begun = true;
        run->left = strtoull(run->at + 1, NULL, 10);
        run->until = now + run->left;
    }
}

/* Steps that need no waiting any more. */
static void stub_skip(struct drill_run *run, uint64_t now)
{
    for (;; stub_next(run)) {
        stub_begin(run, now);
        if (*run->at == 'r' && run->unread >= run->left) {
            run->unread -= run->left;
            continue;
        }
        if (*run->at == '\0' || !run->ended || !strchr("rste", *run->at)) {
            return;
        }
    }
}

void drill_run_wish(struct drill_run *run, uint64_t now, struct drill_wish *wish)
{
    static const struct {
        char letter;
        enum drill_wish_kind kind;
    } once[] = {{'f', DRILL_WISH_REFUSE},
                {'h', DRILL_WISH_HALF_CLOSE},
                {'d', DRILL_WISH_DRAIN},
                {'c', DRILL_WISH_CLOSE},
                {'x', DRILL_WISH_RESET}};
    memset(wish, 0, sizeof(*wish));
    wish->until = DRILL_NEVER;
    wish->want = run->want ? run->want : 65536;
    stub_skip(run, now);
    for (size_t i = 0; i < sizeof(once) / sizeof(*once); i++) {
        if (*run->at == once[i].letter) {
            wish->kind = once[i].kind;
            run->ended = *run->at == 'h' || *run->at == 'f' ? run->ended : true;
            stub_next(run);
            return;
        }
    }
    switch (*run->at) {
    case '\0':
        wish->kind = DRILL_WISH_DONE;
        run->done = true;
        break;
    case 'o':
        if (run->left == 0) {
            wish->kind = DRILL_WISH_OPEN;
            run->left = 1;
            run->unread = 0;
        }
        break;
    case 't':
    case 's':
        wish->send =
            drill_span_of(stub_bytes, run->left < STUB_CHUNK ? (size_t)run->left : STUB_CHUNK);
        wish->want = *run->at == 't' ? 0 : wish->want;
        break;
    case 'q':
        wish->want = 0;
        wish->until = run->until;
        break;
    case 'w': wish->until = run->until; break;
    case 'k': wish->until = now; break;
    default: break;
    }
}

static const char *stub_end(enum drill_end how)
{
    switch (how) {
    case DRILL_END_NONE: return "none";
    case DRILL_END_FIN: return "FIN";
    case DRILL_END_RST: return "RST";
    case DRILL_END_EPIPE: return "EPIPE";
    case DRILL_END_REFUSED: return "refused";
    case DRILL_END_ERROR: return "error";
    }
    return "?";
}

void drill_run_event(struct drill_run *run, const struct drill_event *event)
{
    switch (event->kind) {
    case DRILL_EVENT_OPENED:
        assert(*run->at == 'o');
        run->ended = false;
        stub_log(run, "opened");
        stub_next(run);
        break;
    case DRILL_EVENT_BYTES:
        assert(event->bytes.len > 0 && !run->ended);
        for (size_t i = 0; i < event->bytes.len; i++) {
            run->sum += event->bytes.ptr[i] * ++run->got;
        }
        run->unread += event->bytes.len;
        break;
    case DRILL_EVENT_WROTE:
        assert(event->wrote > 0 && event->wrote <= run->left && !run->ended);
        run->sent += event->wrote;
        run->left -= event->wrote;
        if (run->left == 0) {
            stub_next(run);
        }
        break;
    case DRILL_EVENT_END:
        assert(!run->ended || *run->at == 'o');
        stub_log(run, "%s%s/%d", event->by_write ? "write:" : "", stub_end(event->how),
                 event->error);
        run->flight = event->in_flight;
        run->ended = true;
        if (*run->at == 'o') {
            stub_next(run);
        }
        break;
    case DRILL_EVENT_TICK:
        assert(strchr("wqk", *run->at) && (*run->at == 'k' || event->now >= run->until));
        stub_log(run, "tick");
        stub_next(run);
        break;
    }
}

void drill_run_stuck(struct drill_run *run, uint64_t now)
{
    (void)now;
    stub_log(run, "stuck");
    run->at = run->script + strlen(run->script);
}

#endif
