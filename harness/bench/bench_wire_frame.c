/* SPDX-License-Identifier: MIT */
/*
 * Two ratios, each measured side by side in one run (the median of ROUNDS rounds):
 *   - the parser over whole 64-byte frames, against a bare walk over the length words;
 *   - 64 KiB frames that arrive in pieces of 4, 16 and 64 KiB and are copied once into a frame
 *     buffer, against memcpy of the same bytes in the same pieces.
 * Exits 1 when a goal is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/frame.h"
#include "wire/proto.h"

enum { ROUNDS = 31, SMALL = 64, SMALL_FRAMES = 4096, BIG = 65536, BIG_FRAMES = 64, REPEATS = 16 };

/* What a run found: compared, so that no compiler can leave the work out. */
static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare);
    return v[n / 2];
}

static void *need(size_t size)
{
    void *p = calloc(1, size);
    if (!p) {
        (void)fprintf(stderr, "out of memory\n");
        exit(1);
    }
    return p;
}

/* `count` frames of `length` bytes on the wire each. */
static struct drill_span stream(size_t length, size_t count)
{
    uint8_t *p = need(length * count);
    for (size_t i = 0; i < length * count; i++) {
        p[i] = (uint8_t)(i * 31 + i / 251);
    }
    for (size_t i = 0; i < count; i++) {
        drill_frame_put_header(p + i * length, 'B', (uint32_t)length - DRILL_FRAME_HEADER_SIZE);
    }
    return drill_span_of(p, length * count);
}

static uint64_t walk_lengths(struct drill_span s)
{
    uint64_t frames = 0;
    size_t at = 0;
    while (s.len - at >= 4) {
        uint32_t length = drill_be32(s.ptr + at);
        if (length == 0 || length > s.len - at - 4) {
            break;
        }
        at += 4 + (size_t)length;
        frames++;
    }
    return frames;
}

/* As a reader does it: whole frames in one step, and events where that fails. */
static uint64_t take_frames(struct drill_span s)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    enum drill_frame_kind kind = DRILL_FRAME_END;
    uint64_t frames = 0;
    drill_frame_init(&p, DRILL_MAX_DATA);
    while (kind > DRILL_FRAME_MORE) {
        while (drill_frame_take(&p, &s, &f)) {
            frames++;
        }
        kind = drill_frame_next(&p, &s, &f);
        frames += kind == DRILL_FRAME_END;
    }
    return frames;
}

static uint64_t parse_frames(struct drill_span s)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    enum drill_frame_kind kind;
    uint64_t frames = 0;
    drill_frame_init(&p, DRILL_MAX_DATA);
    while ((kind = drill_frame_next(&p, &s, &f)) > DRILL_FRAME_MORE) {
        frames += kind == DRILL_FRAME_END;
    }
    return frames;
}

static uint64_t copy_pieces(struct drill_span s, size_t piece, uint8_t *to)
{
    for (size_t at = 0; at < s.len; at += piece) {
        struct drill_span in = drill_span_sub(s, at, piece);
        memcpy(to + at % BIG, in.ptr, in.len);
    }
    return to[BIG - 1];
}

/* The payload lands behind room for its header, so that both copy between the same addresses. */
static uint64_t pull_pieces(struct drill_span s, size_t piece, uint8_t *to)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    size_t have = 0;
    drill_frame_init(&p, BIG);
    for (size_t at = 0; at < s.len; at += piece) {
        struct drill_span in = drill_span_sub(s, at, piece);
        enum drill_frame_kind kind;
        while ((kind = drill_frame_next(&p, &in, &f)) > DRILL_FRAME_MORE) {
            if (kind == DRILL_FRAME_PAYLOAD) {
                memcpy(to + have, f.payload.ptr, f.payload.len);
                have += f.payload.len;
            } else {
                have = DRILL_FRAME_HEADER_SIZE;
            }
        }
    }
    return to[BIG - 1];
}

/* Nanoseconds a frame. */
static double time_small(uint64_t (*run)(struct drill_span s), struct drill_span s)
{
    double start = now_ns();
    for (int k = 0; k < REPEATS; k++) {
        sink += run(s);
    }
    return (now_ns() - start) / (SMALL_FRAMES * REPEATS);
}

static bool bench_small(void)
{
    double bare[ROUNDS];
    double taken[ROUNDS];
    double told[ROUNDS];
    struct drill_span s = stream(SMALL, SMALL_FRAMES);
    for (size_t i = 0; i < ROUNDS; i++) {
        bare[i] = time_small(walk_lengths, s);
        taken[i] = time_small(take_frames, s);
        told[i] = time_small(parse_frames, s);
    }
    bool ok = sink == (uint64_t)3 * ROUNDS * REPEATS * SMALL_FRAMES;
    double walk = median(bare, ROUNDS);
    double take = median(taken, ROUNDS);
    double tell = median(told, ROUNDS);
    ok = ok && take <= 3 * walk;
    (void)printf("64-byte frames, whole: parser %.2f ns, bare walk %.2f ns, ratio %.2f "
                 "(goal <= 3): %s\n",
                 take, walk, take / walk, ok ? "ok" : "MISSED");
    (void)printf("64-byte frames, as three events each: %.2f ns, ratio %.2f (no goal)\n", tell,
                 tell / walk);
    free((void *)(uintptr_t)s.ptr);
    return ok;
}

static bool bench_big(size_t piece)
{
    double copied[ROUNDS];
    double pulled[ROUNDS];
    struct drill_span s = stream(BIG, BIG_FRAMES);
    uint8_t *to = need(BIG);
    for (size_t i = 0; i < ROUNDS; i++) {
        double start = now_ns();
        for (int k = 0; k < REPEATS; k++) {
            sink += copy_pieces(s, piece, to);
        }
        double middle = now_ns();
        for (int k = 0; k < REPEATS; k++) {
            sink += pull_pieces(s, piece, to);
        }
        pulled[i] = now_ns() - middle;
        copied[i] = middle - start;
    }
    double ratio = median(copied, ROUNDS) / median(pulled, ROUNDS);
    double bytes = (double)s.len * REPEATS;
    bool ok = ratio >= 0.9;
    (void)printf("64 KiB frames in pieces of %2zu KiB: %.1f GB/s, memcpy %.1f GB/s, ratio %.2f "
                 "(goal >= 0.9): %s\n",
                 piece / 1024, bytes / median(pulled, ROUNDS), bytes / median(copied, ROUNDS),
                 ratio, ok ? "ok" : "MISSED");
    free(to);
    free((void *)(uintptr_t)s.ptr);
    return ok;
}

int main(void)
{
    bool ok = bench_small();
    ok = bench_big(4 * 1024) && ok;
    ok = bench_big(16 * 1024) && ok;
    ok = bench_big(64 * 1024) && ok;
    return ok ? 0 : 1;
}
