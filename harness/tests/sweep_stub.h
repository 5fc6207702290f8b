/* SPDX-License-Identifier: MIT */
/*
 * A runner for tests of the sweep, in the place of scenario/run.c: the MTA sends three frames and
 * waits a minute for the reply to each, the milter answers each; both end well whatever happens.
 * One fault can be planted in both of them.
 */
#ifndef DRILL_TESTS_SWEEP_STUB_H
#define DRILL_TESTS_SWEEP_STUB_H

#include <string.h>

#include "scenario/run.h"

enum stub_fault {
    STUB_SOUND,
    STUB_READ_IS_FRAME,  /* a read that holds no whole header is dropped */
    STUB_FAILS_ON_SPLIT, /* the file's side fails when a frame comes in two reads */
    STUB_TELLS_OTHERWISE,
    STUB_NO_TIMEOUT,
    STUB_WAITS_FOR_EVER, /* the milter, and says so; the MTA has its limit */
    STUB_CIRCLES,        /* after an RST it asks for a tick at once, for ever */
    STUB_ERROR_IF_TORN,  /* an error of ours when a frame is torn */
    STUB_MODEL_FAILS,
    STUB_NO_OUTCOME,
    STUB_NEVER_PASSES
};

static enum stub_fault stub_fault;

enum { STUB_FRAMES = 3, STUB_LARGE = 5000, STUB_MINUTE = 60 * 1000 * 1000 };
static const struct {
    uint8_t code;
    uint32_t size;
} stub_frames[STUB_FRAMES] = {{'O', 12}, {'L', STUB_LARGE}, {'E', 0}};

struct drill_run {
    struct drill_run_config config;
    const struct drill_alloc *alloc;
    struct drill_report report;
    struct drill_mta mta;
    struct drill_told told;
    struct drill_milter milter;
    struct drill_assembler in;
    uint8_t out[STUB_LARGE + DRILL_FRAME_HEADER_SIZE];
    size_t at, len; /* of out */
    unsigned sent, reads;
    bool asked, opened, over, circles;
    uint64_t since;
};

static bool stub_is_mta(const struct drill_run *run)
{
    return run->config.ours == DRILL_SIDE_MTA;
}

static void stub_end(struct drill_run *run, enum drill_result result)
{
    run->over = true;
    run->report.result = run->report.result ? run->report.result : result;
    run->told.message = 1;
    run->told.final = stub_fault != STUB_NO_OUTCOME || result == DRILL_RESULT_PASS;
    run->mta.told = &run->told;
    run->mta.cursor.message_number = 1;
}

/* The end of something unexpected: a file fails by it, a model lives with it. */
static void stub_broken(struct drill_run *run)
{
    bool fails = run->config.file || stub_fault == STUB_MODEL_FAILS;
    bool outcome = stub_fault != STUB_NO_OUTCOME;
    stub_end(run, fails ? DRILL_RESULT_FAIL : DRILL_RESULT_PASS);
    run->told.final = outcome;
}

static void stub_saw(struct drill_run *run, enum drill_seen_kind kind, bool ours,
                     const struct drill_assembled *a, enum drill_end how)
{
    struct drill_seen seen = {.kind = kind, .ours = ours, .how = how};
    seen.dir = stub_is_mta(run) == ours ? DRILL_TO_MILTER : DRILL_TO_MTA;
    if (a) {
        seen.code = a->frame.code;
        seen.length = a->frame.length;
        seen.size = a->frame.size;
        seen.payload = a->payload;
        seen.whole = a->whole;
    }
    if (run->config.observer.seen) {
        run->config.observer.seen(run->config.observer.ctx, &seen);
    }
}

static void stub_send(struct drill_run *run, uint8_t code, uint32_t size)
{
    drill_frame_put_header(run->out, code, size);
    memset(run->out + DRILL_FRAME_HEADER_SIZE, 'x', size);
    run->at = 0;
    run->len = DRILL_FRAME_HEADER_SIZE + size;
    run->sent++;
}

static void stub_start(struct drill_run *run)
{
    memset(&run->report, 0, sizeof(run->report));
    memset(&run->mta, 0, sizeof(run->mta));
    memset(&run->told, 0, sizeof(run->told));
    run->milter.connections = stub_fault == STUB_WAITS_FOR_EVER ? 1 : 0;
    drill_assemble_reset(&run->in);
    run->at = run->len = 0;
    run->sent = run->reads = 0;
    run->asked = run->opened = run->over = run->circles = false;
    run->since = 0;
}

struct drill_run *drill_run_new(const struct drill_run_config *config,
                                const struct drill_alloc *alloc)
{
    struct drill_run *run = drill_alloc_resize(alloc, NULL, sizeof(*run));
    if (run) {
        memset(run, 0, sizeof(*run));
        run->config = *config;
        run->alloc = alloc;
        drill_assemble_init(&run->in, NULL, UINT32_MAX, DRILL_RUN_HOLD);
        stub_start(run);
    }
    return run;
}

void drill_run_free(struct drill_run *run)
{
    if (run) {
        drill_assemble_fini(&run->in);
        drill_alloc_resize(run->alloc, run, 0);
    }
}

void drill_run_again(struct drill_run *run)
{
    stub_start(run);
}

void drill_run_wish(struct drill_run *run, uint64_t now, struct drill_wish *wish)
{
    memset(wish, 0, sizeof(*wish));
    bool for_ever =
        stub_fault == STUB_NO_TIMEOUT || (stub_fault == STUB_WAITS_FOR_EVER && !stub_is_mta(run));
    wish->until = run->opened && !for_ever ? run->since + STUB_MINUTE : DRILL_NEVER;
    wish->until = run->circles ? now : wish->until;
    if (run->over && !run->circles) {
        wish->kind = DRILL_WISH_DONE;
    } else if (!run->asked) {
        wish->kind = DRILL_WISH_OPEN;
        run->asked = true;
    } else {
        wish->send = drill_span_of(run->out + run->at, run->len - run->at);
        wish->want = 65536;
    }
}

static void stub_frame(struct drill_run *run, const struct drill_assembled *a)
{
    stub_saw(run, DRILL_SEEN_FRAME, false, a, DRILL_END_NONE);
    run->told.code = (uint16_t)(stub_fault == STUB_TELLS_OTHERWISE && run->reads > 1 ? 451 : 250);
    if (stub_fault == STUB_FAILS_ON_SPLIT && run->config.file && run->reads > 1) {
        run->report.result = DRILL_RESULT_FAIL;
    }
    run->reads = 0;
    if (!stub_is_mta(run)) {
        stub_send(run, 'c', 0);
    } else if (run->sent < STUB_FRAMES) {
        stub_send(run, stub_frames[run->sent].code, stub_frames[run->sent].size);
    } else {
        stub_end(run, stub_fault == STUB_NEVER_PASSES ? DRILL_RESULT_FAIL : DRILL_RESULT_PASS);
    }
}

static void stub_bytes(struct drill_run *run, struct drill_span in)
{
    struct drill_assembled a;
    bool between = run->in.parser.have == 0 && run->in.parser.left == 0;
    if (stub_fault == STUB_READ_IS_FRAME && between && in.len < DRILL_FRAME_HEADER_SIZE) {
        return;
    }
    run->reads++;
    enum drill_assemble_kind kind = drill_assemble_next(&run->in, &in, &a);
    for (; kind > DRILL_ASSEMBLE_MORE; kind = drill_assemble_next(&run->in, &in, &a)) {
        if (kind == DRILL_ASSEMBLE_FRAME) {
            stub_frame(run, &a);
        }
    }
}

static void stub_lost(struct drill_run *run, const struct drill_event *event)
{
    bool is_torn = drill_frame_finish(&run->in.parser) != DRILL_FRAME_OK;
    stub_saw(run, DRILL_SEEN_END, false, NULL, event->how);
    if (!stub_is_mta(run) && run->sent == STUB_FRAMES) {
        stub_end(run, DRILL_RESULT_PASS);
    } else if (is_torn && stub_fault == STUB_ERROR_IF_TORN) {
        stub_end(run, DRILL_RESULT_ERROR);
    } else {
        stub_broken(run);
        run->circles = stub_fault == STUB_CIRCLES && event->how == DRILL_END_RST;
    }
}

void drill_run_event(struct drill_run *run, const struct drill_event *event)
{
    run->since = event->now;
    switch (event->kind) {
    case DRILL_EVENT_OPENED:
        run->opened = true;
        stub_saw(run, DRILL_SEEN_OPEN, stub_is_mta(run), NULL, DRILL_END_NONE);
        if (stub_is_mta(run)) {
            stub_send(run, stub_frames[0].code, stub_frames[0].size);
        }
        break;
    case DRILL_EVENT_BYTES: stub_bytes(run, event->bytes); break;
    case DRILL_EVENT_WROTE: run->at += event->wrote; break;
    case DRILL_EVENT_END: stub_lost(run, event); break;
    case DRILL_EVENT_TICK:
        if (!run->circles) {
            stub_broken(run);
        }
        break;
    }
}

void drill_run_stuck(struct drill_run *run, uint64_t now)
{
    (void)now;
    run->circles = false;
    stub_end(run, run->opened ? DRILL_RESULT_FAIL : DRILL_RESULT_PASS);
}

#endif
