/* SPDX-License-Identifier: MIT */
#include "scenario/run_parts.h"

#include <string.h>

/* What was taken is dropped from the front only when it is worth it. */
static void compact(struct drill_run *run)
{
    if (run->inbox_at == run->inbox.len) {
        run->inbox_at = run->inbox.len = 0;
    } else if (run->inbox_at > RUN_INBOX / 2) {
        run->inbox.len -= run->inbox_at;
        memmove(run->inbox.ptr, run->inbox.ptr + run->inbox_at, run->inbox.len);
        run->inbox_at = 0;
    }
}

void run_in_reset(struct drill_run *run)
{
    drill_assemble_reset(&run->in);
    run->inbox_at = run->inbox.len = 0;
    run->head_seen = false;
    run->pending_end = false;
}

bool run_in_add(struct drill_run *run, struct drill_span bytes)
{
    compact(run);
    return drill_buf_append(&run->inbox, bytes);
}

struct drill_span run_in_raw(const struct drill_run *run)
{
    return drill_span_sub(drill_buf_span(&run->inbox), run->inbox_at, SIZE_MAX);
}

void run_in_take_raw(struct drill_run *run, size_t bytes)
{
    struct drill_span raw = drill_span_sub(run_in_raw(run), 0, bytes);
    struct drill_seen seen = {.kind = DRILL_SEEN_RAW,
                              .dir = run->their_dir,
                              .size = raw.len,
                              .payload = raw,
                              .whole = true};
    if (raw.len) {
        run_say(run, &seen);
    }
    run->inbox_at += raw.len;
}

bool run_in_torn(const struct drill_run *run)
{
    return run->in.parser.have || run->in.parser.left;
}

static bool between_frames(const struct drill_run *run)
{
    return run->in.parser.have == 0 && run->in.parser.left == 0 && !run->head_seen;
}

/* A model reads as its program does; we read what is there while there is room for it. */
size_t run_in_want(const struct drill_run *run)
{
    size_t held = run->inbox.len - run->inbox_at;
    if (run->model && run->config.ours == DRILL_SIDE_MILTER &&
        drill_milter_reads_exactly(&run->milter)) {
        if (held < DRILL_FRAME_HEADER_SIZE && between_frames(run)) {
            return DRILL_FRAME_HEADER_SIZE - held;
        }
        return drill_frame_want(&run->in.parser);
    }
    return held < RUN_INBOX ? RUN_INBOX - held : 0;
}

/* The head of a frame as the profile takes it. True: go on and assemble it. */
static bool head_for_milter(struct drill_run *run, struct run_came *came)
{
    uint8_t *head = run->inbox.ptr + run->inbox_at;
    uint32_t size = 0;
    uint32_t length = drill_be32(head);
    if (drill_milter_head(&run->milter, length, head[4], &size) == DRILL_MILTER_HANG_UP) {
        came->kind = CAME_GARBLED;
        came->frame.length = length;
        came->frame.code = head[4];
        return false;
    }
    drill_put_be32(head, size + 1); /* libmilter's reading of lengths over 31 bits */
    return true;
}

static void fill_frame(struct drill_run *run, const struct drill_assembled *a,
                       struct run_came *came)
{
    run->settled = run->now;
    came->kind = CAME_FRAME;
    came->frame.code = a->frame.code;
    came->frame.length = a->frame.length;
    came->frame.payload = a->payload;
    came->frame.whole = a->whole;
    came->size = a->frame.size;
    drill_message_decode(run->their_dir, a->frame.code, a->payload, &came->message);
    run->quit =
        run->quit || (run->their_dir == DRILL_TO_MILTER && a->frame.code == DRILL_SMFIC_QUIT);
    struct drill_seen seen = {.kind = DRILL_SEEN_FRAME,
                              .dir = run->their_dir,
                              .code = a->frame.code,
                              .length = a->frame.length,
                              .size = a->frame.size,
                              .payload = a->payload,
                              .whole = a->whole};
    run_say(run, &seen);
}

/* What came of a frame that never became one: its head, and what is kept of its payload. */
static void say_broken(struct drill_run *run, const char *note)
{
    const struct drill_frame_parser *p = &run->in.parser;
    uint8_t bytes[DRILL_FRAME_HEADER_SIZE + DRILL_ASSEMBLE_PREFIX];
    struct drill_writer w = drill_writer_of(bytes, sizeof(bytes));
    struct drill_span kept =
        drill_span_sub(drill_buf_span(&run->in.kept), 0, DRILL_ASSEMBLE_PREFIX);
    bool head_only = p->have > 0 && p->have <= DRILL_FRAME_HEADER_SIZE;
    drill_write_bytes(&w, drill_span_of(p->head, head_only ? p->have : sizeof(p->head)));
    if (!head_only) {
        drill_write_bytes(&w, kept);
    }
    struct drill_seen seen = {.kind = DRILL_SEEN_RAW,
                              .dir = run->their_dir,
                              .size = p->offset - p->at,
                              .payload = drill_writer_span(&w),
                              .note = note};
    run_say(run, &seen);
}

/* Is the profile in charge, and not a written line that awaits this very frame? */
static bool profile_reads(const struct drill_run *run, uint8_t code)
{
    if (run->at >= run->unit_count) {
        return run->dots_at_end;
    }
    const struct run_unit *u = &run->units[run->at];
    return u->dots && (u->ours || !u->main || u->main->items->kind != DRILL_ITEM_MESSAGE ||
                       u->main->items->code != code);
}

void run_frame_error(const struct drill_run *run, struct drill_error *err)
{
    struct drill_frame_parser p = run->in.parser;
    if (p.fault == DRILL_FRAME_OK) {
        p.limit = run->config.settings->max_response - 1;
        p.fault = DRILL_FRAME_LONG;
    }
    (void)drill_frame_error(&p, err);
}

/* The frame that has begun was given up by our MTA profile (over maxResponseSize). */
static bool given_up(struct drill_run *run, const struct drill_assembled *a, struct run_came *came)
{
    if (run->config.ours != DRILL_SIDE_MTA || !profile_reads(run, a->frame.code) ||
        drill_mta_head(&run->mta, a->frame.code, a->frame.length)) {
        return false;
    }
    struct drill_error err;
    run_frame_error(run, &err);
    say_broken(run, err.text);
    came->kind = CAME_GARBLED;
    came->frame.length = a->frame.length;
    came->frame.code = a->frame.code;
    return true;
}

static void garbled(struct drill_run *run, struct run_came *came)
{
    struct drill_error err;
    drill_frame_error(&run->in.parser, &err);
    say_broken(run, err.text);
    came->kind = CAME_GARBLED;
    came->frame.length = run->in.parser.have >= 4 ? drill_be32(run->in.parser.head) : 0;
}

static void take_end(struct drill_run *run, struct run_came *came)
{
    struct drill_frame_parser *p = &run->in.parser;
    if (p->fault == DRILL_FRAME_OK && (p->have || p->left)) {
        struct drill_error err;
        drill_frame_finish(p);
        drill_frame_error(p, &err);
        say_broken(run, err.text);
    }
    *came = run->end;
    run->pending_end = false;
    run->conn = CONN_NONE;
    run_say_end(run, run->their_dir, false, came, NULL);
}

static void take_frame(struct drill_run *run, struct run_came *came)
{
    while (came->kind == CAME_NONE) {
        struct drill_span in = run_in_raw(run);
        if (run->model && run->config.ours == DRILL_SIDE_MILTER && between_frames(run)) {
            if (in.len < DRILL_FRAME_HEADER_SIZE || !head_for_milter(run, came)) {
                return;
            }
        }
        size_t before = in.len;
        struct drill_assembled a;
        enum drill_assemble_kind kind = drill_assemble_next(&run->in, &in, &a);
        run->inbox_at += before - in.len;
        switch (kind) {
        case DRILL_ASSEMBLE_MORE: return;
        case DRILL_ASSEMBLE_HEADER:
            run->head_seen = true;
            if (given_up(run, &a, came)) {
                return;
            }
            break;
        case DRILL_ASSEMBLE_FRAME:
            run->head_seen = false;
            fill_frame(run, &a, came);
            return;
        case DRILL_ASSEMBLE_ERROR:
            if (run->in.parser.fault == DRILL_FRAME_OK) {
                run_finish(run, DRILL_RESULT_ERROR, "no memory for a frame");
                return;
            }
            garbled(run, came);
            return;
        }
    }
}

/* Of *came only what its kind has is filled in. */
void run_in_take(struct drill_run *run, struct run_came *came)
{
    came->kind = CAME_NONE;
    if (run->pending_open) {
        run->pending_open = false;
        came->kind = CAME_OPEN;
        return;
    }
    if (run->in.parser.fault == DRILL_FRAME_OK) {
        take_frame(run, came);
    } else {
        run->inbox_at = run->inbox.len; /* nothing behind a fault can be read as frames */
    }
    if (came->kind == CAME_NONE && run->pending_end) {
        take_end(run, came);
    }
}

void run_in_take_end(struct drill_run *run, struct run_came *came)
{
    do {
        run_in_take(run, came);
    } while (came->kind != CAME_END && run->pending_end && run->result == DRILL_RESULT_RUNNING);
}
