/* SPDX-License-Identifier: MIT */
/*
 * Property: an import loses nothing and adds nothing. Whatever a capture, a log, a hex dump or a
 * pair of streams holds, what is written parses as a scenario, and its lines send the bytes that
 * were read, in order: all of them if nothing is missing and nobody ended the connection. Every
 * note has a text and a place inside the input.
 *
 * A capture is known by its magic number, a log by "(milter."; of other inputs the last bytes say
 * where the MTA's stream ends, and whether both are hex digits.
 */
#include "fuzz.h"
#include "fuzz_sent.h"

#include "scenario/import_log.h"
#include "scenario/import_pcap.h"

static bool has(struct drill_span in, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= in.len; i++) {
        if (memcmp(in.ptr + i, text, n) == 0) {
            return true;
        }
    }
    return false;
}

static void read_input(struct drill_import *im, struct drill_span in, struct drill_buf *bytes)
{
    struct fuzz_random r = fuzz_random_of(in.ptr, in.len);
    struct drill_import_pick pick = {fuzz_pick(&r, 2) ? 7357 : 0};
    if (drill_import_is_capture(in)) {
        (void)drill_import_pcap(im, in, &pick);
    } else if (has(in, "(milter.")) {
        (void)drill_import_log(im, in);
    } else {
        bool hex = fuzz_pick(&r, 2) == 0;
        struct drill_hex_result result;
        FUZZ_ASSERT(!hex || drill_import_hex(in, bytes, &result));
        in = hex ? drill_buf_span(bytes) : in;
        size_t mta = fuzz_pick(&r, in.len + 1);
        drill_import_streams(im, drill_span_sub(in, 0, mta), drill_span_sub(in, mta, in.len));
    }
}

static void check_bytes(const struct drill_import_talk *talk, enum drill_dir dir, bool whole,
                        struct drill_span sent)
{
    uint8_t head[DRILL_FRAME_HEADER_SIZE];
    size_t at = 0;
    for (const struct drill_import_event *e = talk->events; e && at < sent.len; e = e->next) {
        if (e->kind == DRILL_IMPORT_GAP) {
            return; /* what is invented for it is not looked at */
        }
        if (e->dir != dir || e->kind > DRILL_IMPORT_FRAME) {
            continue;
        }
        struct drill_span part = drill_span_sub(sent, at, e->bytes.len);
        if (e->kind == DRILL_IMPORT_FRAME) {
            drill_frame_put_header(head, e->code, (uint32_t)e->bytes.len);
            FUZZ_ASSERT(drill_span_equal(drill_span_sub(sent, at, 5), drill_span_of(head, 5)));
            at += sizeof(head);
            part = drill_span_sub(sent, at, e->bytes.len);
        }
        FUZZ_ASSERT(drill_span_equal(drill_span_sub(e->bytes, 0, part.len), part));
        at += e->bytes.len;
        whole = whole && part.len == e->bytes.len;
    }
    FUZZ_ASSERT(!whole || at == sent.len);
}

static void check_talk(const struct drill_import_talk *talk)
{
    static struct drill_errors errors;
    struct drill_import_written w;
    struct drill_arena arena;
    bool whole = true;
    drill_arena_init(&arena, NULL, 0);
    for (const struct drill_import_event *e = talk->events; e; e = e->next) {
        whole = whole && e->kind != DRILL_IMPORT_GAP && e->kind != DRILL_IMPORT_END;
    }
    FUZZ_ASSERT(drill_import_write(talk, "x", true, &arena, NULL, &w));
    const struct drill_loader loader = {fuzz_sent_load, &w};
    const struct drill_file *file =
        drill_parse(drill_buf_span(&w.text), "x", &loader, &arena, &errors);
    FUZZ_ASSERT(file != NULL);
    for (int dir = 0; dir < 2; dir++) {
        struct drill_buf sent;
        drill_buf_init(&sent, NULL);
        fuzz_sent(file, (enum drill_dir)dir, &arena, &sent);
        check_bytes(talk, (enum drill_dir)dir, whole, drill_buf_span(&sent));
        drill_buf_fini(&sent);
    }
    drill_import_written_fini(&w);
    drill_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct drill_span input = fuzz_exact(drill_span_of(data, size));
    struct drill_arena arena;
    struct drill_import im;
    struct drill_buf bytes;
    drill_arena_init(&arena, NULL, 0);
    drill_buf_init(&bytes, NULL);
    drill_import_init(&im, &arena);
    read_input(&im, input, &bytes);
    FUZZ_ASSERT(!im.no_memory);
    for (const struct drill_import_note *n = im.notes; n; n = n->next) {
        FUZZ_ASSERT(n->error.text[0] && (n->error.offset <= size || n->error.offset == UINT64_MAX));
        FUZZ_ASSERT(n->error.line <= size + 1);
    }
    for (const struct drill_import_talk *t = im.talks; t; t = t->next) {
        check_talk(t);
    }
    drill_buf_fini(&bytes);
    drill_arena_fini(&arena);
    fuzz_exact_free(input);
    return 0;
}
