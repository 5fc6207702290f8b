/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <string.h>

enum { OUT_FULL = 256 * 1024 };

bool run_out_busy(const struct drill_run *run)
{
    return run->job.kind != JOB_NONE || run->flushing;
}

bool run_out_flush(struct drill_run *run)
{
    run->flushing = run->linked && run->held > 0;
    return run->flushing;
}

static uint64_t job_total(const struct run_job *job)
{
    return job->parts ? job->part_end[job->parts - 1] : 0;
}

/* A frame of the profile is in memory anyway; a written one is produced while it is sent. */
static bool fill(struct drill_run *run)
{
    struct run_job *job = &run->job;
    if (run->out_at == run->out.len) {
        run->out_at = run->out.len = 0;
    }
    while (job->filled < job->parts) {
        struct drill_outgoing *o = &job->part[job->filled];
        uint64_t left = o->total - o->sent;
        if (left == 0) {
            job->filled++;
            continue;
        }
        if (job->kind == JOB_LINE && run->out.len >= OUT_FULL) {
            return true;
        }
        size_t step = left < OUT_FULL ? (size_t)left : OUT_FULL;
        if (!drill_buf_reserve(&run->out, step)) {
            return false;
        }
        run->out.len += drill_outgoing_pull(o, run->out.ptr + run->out.len, step);
    }
    return true;
}

static void tell_part(struct drill_run *run, size_t index, uint64_t begin)
{
    struct drill_outgoing *o = &run->job.part[index];
    size_t most = run->config.observer.seen ? DRILL_RUN_HOLD : RUN_RING_BYTES;
    size_t want = o->size < most ? (size_t)o->size : most;
    uint8_t small[RUN_RING_BYTES];
    uint8_t *bytes = small;
    if (want > sizeof(small)) {
        bytes = drill_arena_take(&run->line, want);
    }
    size_t got = bytes ? drill_outgoing_peek(o, bytes, want) : 0;
    uint64_t gone = run->job.gone > begin ? run->job.gone - begin : 0;
    if (gone > o->total || run->job.hold) {
        gone = o->total; /* what is held back goes with the next bytes */
    }
    run->tally.frames_sent++;
    struct drill_seen seen = {.kind = o->framed ? DRILL_SEEN_FRAME : DRILL_SEEN_RAW,
                              .dir = run->our_dir,
                              .ours = true,
                              .code = o->code,
                              .length = o->length,
                              .size = o->size,
                              .payload = drill_span_of(bytes, got),
                              .whole = got == o->size,
                              .sent = gone,
                              .total = o->total};
    run_say(run, &seen);
}

static void tell(struct drill_run *run)
{
    while (run->job.told < run->job.parts) {
        size_t i = run->job.told++;
        uint64_t begin = i ? run->job.part_end[i - 1] : 0;
        if (i == 0 || run->job.gone > begin || run->job.hold) {
            tell_part(run, i, begin);
        }
    }
}

static void sent_as_mta(struct drill_run *run, const struct drill_outgoing *o)
{
    if (o->framed) {
        drill_mta_sent(&run->mta, o->code, run->job.used_plan);
    }
}

static void sent_as_milter(struct drill_run *run, const struct drill_outgoing *o)
{
    uint8_t bytes[RUN_RING_BYTES];
    size_t got = drill_outgoing_peek(o, bytes, sizeof(bytes));
    struct drill_message m;
    drill_message_decode(DRILL_TO_MTA, o->code, drill_span_of(bytes, got), &m);
    if (o->framed) {
        drill_milter_sent(&run->milter, &m);
    }
}

static bool is_quit(const struct drill_run *run, const struct drill_outgoing *o)
{
    return o->framed && o->code == DRILL_SMFIC_QUIT && run->our_dir == DRILL_TO_MILTER;
}

/* The autopilot learns what its side has said, whoever wrote it. */
static void job_done(struct drill_run *run)
{
    struct run_job *job = &run->job;
    enum run_job_kind kind = job->kind;
    bool torn = job->travel && job->travel->has_cut;
    struct drill_outgoing *last = &job->part[job->parts - 1];
    tell(run);
    job->kind = JOB_NONE;
    run->progress = run->settled = run->now;
    run->quit = run->quit || is_quit(run, last);
    bool mta = run->config.ours == DRILL_SIDE_MTA;
    if (kind == JOB_AUTO) {
        if (mta) {
            drill_mta_did(&run->mta);
        } else {
            drill_milter_did(&run->milter);
        }
        return;
    }
    if (!torn && mta) {
        sent_as_mta(run, last);
    } else if (!torn) {
        sent_as_milter(run, last);
    } else if (!mta) {
        drill_milter_answered(&run->milter);
    }
    run_line_done(run);
}

bool run_out_start(struct drill_run *run, enum run_job_kind kind)
{
    struct run_job *job = &run->job;
    uint64_t end = 0;
    job->kind = kind;
    job->filled = job->told = job->split_part = job->split_at = 0;
    job->gone = job->piece_left = job->not_before = 0;
    job->hold = job->travel && job->travel->join && !run->config.whole;
    for (size_t i = 0; i < job->parts; i++) {
        end += job->part[i].total;
        job->part_end[i] = end;
    }
    if (job->hold && run->held + end > OUT_FULL) {
        job->hold = false; /* memory is bounded: all of it goes now */
    }
    if (!fill(run)) {
        return false;
    }
    if (job->hold || end == 0) {
        run->held += end;
        job_done(run);
    }
    return true;
}

void run_out_wrote(struct drill_run *run, size_t bytes)
{
    struct run_job *job = &run->job;
    run->out_at += bytes;
    run->tally.bytes_sent += bytes;
    size_t held = bytes < run->held ? bytes : (size_t)run->held;
    run->held -= held;
    bytes -= held;
    if (job->kind == JOB_NONE) {
        run->flushing = run->held > 0;
        return;
    }
    job->gone += bytes;
    if (job->piece_left) {
        job->piece_left -= bytes < job->piece_left ? bytes : job->piece_left;
        if (job->piece_left == 0 && job->travel && job->travel->has_dribble) {
            job->not_before = run_later(run->now, job->travel->dribble);
        }
    }
    if (job->gone >= job_total(job)) {
        job_done(run);
    } else if (run->out_at == run->out.len && !fill(run)) {
        run_finish(run, DRILL_RESULT_ERROR, "no memory to send a frame");
    }
}

/* LANGUAGE.md: a line that cannot be completed because the peer ended the connection counts as done
 * if that ending is what stands below, or if the autopilot deals with it. */
static bool may_be_cut_short(const struct drill_run *run)
{
    const struct run_job *job = &run->job;
    return job->kind == JOB_AUTO || run_dots_below(run) || is_quit(run, &job->part[job->parts - 1]);
}

void run_out_abort(struct drill_run *run)
{
    run->held = 0;
    run->flushing = false;
    run->out_at = run->out.len = 0;
    if (run->job.kind == JOB_NONE) {
        return;
    }
    if (may_be_cut_short(run) || run_line_end_follows(run)) {
        job_done(run);
        return;
    }
    tell(run);
    run->job.kind = JOB_NONE;
    run_fail_ended(run, &run->units[run->at], "the connection ended before all of this was sent");
}

static size_t part_at(const struct run_job *job)
{
    size_t i = 0;
    while (i + 1 < job->parts && job->part_end[i] <= job->gone) {
        i++;
    }
    return i;
}

/* How much of the line may go in one write: `split=`, `dribble=`, or a profile that writes macro
 * frame and command separately. */
static uint64_t piece(struct drill_run *run)
{
    struct run_job *job = &run->job;
    size_t i = part_at(job);
    uint64_t left = job->part_end[i] - job->gone;
    bool last = i + 1 == job->parts, whole = run->config.whole;
    const struct drill_travel *main = job->travel, *t = last ? main : job->above[i];
    if (i != job->split_part) {
        job->split_part = i;
        job->split_at = 0;
    }
    if (last && t && t->has_dribble) {
        return 1;
    }
    if (t && !whole && job->split_at < t->splits) {
        uint64_t size = t->split[job->split_at++];
        return size < left ? size : left;
    }
    bool pieces = main && (main->has_dribble || (main->splits && !whole));
    return pieces || job->apart || job->split_at ? left : job_total(job) - job->gone;
}

struct drill_span run_out_next(struct drill_run *run)
{
    struct run_job *job = &run->job;
    struct drill_span none = drill_span_of(NULL, 0);
    struct drill_span all = drill_span_sub(drill_buf_span(&run->out), run->out_at, SIZE_MAX);
    if (job->kind == JOB_NONE) {
        return run->flushing ? all : none;
    }
    if (run->now < job->not_before) {
        run_wait_until(run, job->not_before);
        return none;
    }
    if (job->piece_left == 0) {
        job->piece_left = piece(run);
    }
    uint64_t most = job->piece_left + run->held;
    return most < all.len ? drill_span_sub(all, 0, (size_t)most) : all;
}
