/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "helper_split.h"
#include "wire/frame.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static void log_number(struct drill_writer *log, const char *before, uint64_t n)
{
    drill_write_text(log, before);
    drill_write_dec(log, n);
}

static void log_end(struct drill_frame_parser *p, struct drill_writer *log)
{
    static const char *const names[] = {"ok", "zero", "long", "torn"};
    drill_write_text(log, names[drill_frame_finish(p)]);
    log_number(log, "@", p->offset);
}

/* "at:code(size)payload; " for each frame, then the fault and where. */
static void log_events(void *ctx, const struct drill_span *pieces, size_t count,
                       struct drill_writer *log)
{
    struct drill_frame_parser p;
    drill_frame_init(&p, *(const uint32_t *)ctx);
    for (size_t i = 0; i < count; i++) {
        struct drill_span in = pieces[i];
        struct drill_frame f;
        enum drill_frame_kind kind;
        while ((kind = drill_frame_next(&p, &in, &f)) > DRILL_FRAME_MORE) {
            if (kind == DRILL_FRAME_HEADER) {
                log_number(log, "", f.at);
                drill_write_text(log, ":");
                drill_write_u8(log, f.code);
                log_number(log, "(", f.size);
                drill_write_text(log, ")");
                assert_int_equal(f.length, f.size + 1);
                assert_int_equal(f.payload.len, 0);
            } else if (kind == DRILL_FRAME_PAYLOAD) {
                assert_true(f.payload.ptr >= pieces[i].ptr);
                assert_true(f.payload.len > 0);
                drill_write_bytes(log, f.payload);
            } else {
                drill_write_text(log, "; ");
            }
        }
        assert_int_equal(in.len == 0 || kind == DRILL_FRAME_ERROR, true);
    }
    log_end(&p, log);
}

/* The same from drill_frame_take where it can, which must make no difference. */
static void log_taken(void *ctx, const struct drill_span *pieces, size_t count,
                      struct drill_writer *log)
{
    struct drill_frame_parser p;
    drill_frame_init(&p, *(const uint32_t *)ctx);
    for (size_t i = 0; i < count; i++) {
        struct drill_span in = pieces[i];
        struct drill_frame f;
        enum drill_frame_kind kind = DRILL_FRAME_END;
        while (kind > DRILL_FRAME_MORE) {
            bool taken = drill_frame_take(&p, &in, &f);
            kind = taken ? DRILL_FRAME_END : drill_frame_next(&p, &in, &f);
            if (taken || kind == DRILL_FRAME_HEADER) {
                log_number(log, "", f.at);
                drill_write_text(log, ":");
                drill_write_u8(log, f.code);
                log_number(log, "(", f.size);
                drill_write_text(log, ")");
            }
            if (taken || kind == DRILL_FRAME_PAYLOAD) {
                drill_write_bytes(log, f.payload);
            }
            drill_write_text(log, taken || kind == DRILL_FRAME_END ? "; " : "");
        }
    }
    log_end(&p, log);
}

/* hold 8: frames of more data show "~" and their first bytes. */
static void log_assembled(void *ctx, const struct drill_span *pieces, size_t count,
                          struct drill_writer *log)
{
    struct drill_assembler a;
    drill_assemble_init(&a, NULL, *(const uint32_t *)ctx, 8);
    for (size_t i = 0; i < count; i++) {
        struct drill_span in = pieces[i];
        struct drill_assembled f;
        enum drill_assemble_kind kind;
        while ((kind = drill_assemble_next(&a, &in, &f)) > DRILL_ASSEMBLE_MORE) {
            if (kind == DRILL_ASSEMBLE_HEADER) {
                log_number(log, "", f.frame.at);
                drill_write_text(log, ":");
                drill_write_u8(log, f.frame.code);
                log_number(log, "(", f.frame.size);
                drill_write_text(log, ")");
                assert_int_equal(f.payload.len, 0);
            } else {
                drill_write_text(log, f.whole ? "" : "~");
                drill_write_bytes(log, f.payload);
                drill_write_text(log, "; ");
            }
        }
    }
    log_end(&a.parser, log);
    drill_assemble_fini(&a);
}

struct stream_row {
    const char *name;
    struct drill_span bytes;
    uint32_t limit;
    const char *events;
    const char *assembled; /* NULL: the same */
};

#define STREAM(literal)                                    \
    {                                                      \
        (const uint8_t *)("" literal), sizeof(literal) - 1 \
    }

static const struct stream_row streams[] = {
    {"test_frame_nothing", STREAM(""), 10, "ok@0", NULL},
    {"test_frame_without_data", STREAM("\0\0\0\x01Q"), 0, "0:Q(0); ok@5", NULL},
    {"test_frame_with_data", STREAM("\0\0\0\x04Habc"), 3, "0:H(3)abc; ok@8", NULL},
    {"test_frame_three_in_a_row",
     STREAM("\0\0\0\x01N\0\0\0\x03"
            "Bxy\0\0\0\x01"
            "E"),
     10, "0:N(0); 5:B(2)xy; 12:E(0); ok@17", NULL},
    {"test_frame_over_hold",
     STREAM("\0\0\0\x0a"
            "B123456789\0\0\0\x01"
            "E"),
     10, "0:B(9)123456789; 14:E(0); ok@19", "0:B(9)~123456789; 14:E(0); ok@19"},
    {"test_frame_length_zero", STREAM("\0\0\0\0c"), 10, "zero@4", NULL},
    {"test_frame_length_zero_alone", STREAM("\0\0\0\0"), 10, "zero@4", NULL},
    {"test_frame_length_zero_at_any_limit", STREAM("\0\0\0\0c"), UINT32_MAX, "zero@4", NULL},
    {"test_frame_length_zero_after_good_one",
     STREAM("\0\0\0\x01"
            "c\0\0\0\0\0\0\0\x01"
            "a"),
     10, "0:c(0); zero@9", NULL},
    {"test_frame_at_the_limit",
     STREAM("\0\0\0\x04"
            "Babc"),
     3, "0:B(3)abc; ok@8", NULL},
    {"test_frame_over_the_limit",
     STREAM("\0\0\0\x05"
            "Babcd"),
     3, "long@4", NULL},
    {"test_frame_over_the_limit_announced", STREAM("\0\0\0\x05"), 3, "long@4", NULL},
    {"test_frame_longest_length",
     STREAM("\xff\xff\xff\xff"
            "Bab"),
     UINT32_MAX - 1, "0:B(4294967294)abtorn@7", "0:B(4294967294)torn@7"},
    {"test_frame_longest_length_over_limit",
     STREAM("\xff\xff\xff\xff"
            "B"),
     UINT32_MAX - 2, "long@4", NULL},
    {"test_frame_top_bit_length", STREAM("\x80\0\0\0B"), 65535, "long@4", NULL},
    {"test_frame_that_holds_a_frame",
     STREAM("\0\0\0\x05\0\0\0\x01Q\0\0\0\x01"
            "E"),
     10, NULL, NULL},
    {"test_frame_torn_in_length", STREAM("\0\0\0"), 10, "torn@3", NULL},
    {"test_frame_torn_before_command", STREAM("\0\0\0\x05"), 10, "torn@4", NULL},
    {"test_frame_torn_before_data", STREAM("\0\0\0\x05M"), 10, "0:M(4)torn@5", NULL},
    {"test_frame_torn_in_data", STREAM("\0\0\0\x05Mabc"), 10, "0:M(4)abctorn@8", "0:M(4)torn@8"},
};

static void test_stream(void **state)
{
    const struct stream_row *row = *state;
    uint32_t limit = row->limit;
    helper_every_split(row->bytes, log_events, &limit, row->events);
    helper_every_split(row->bytes, log_taken, &limit, row->events);
    helper_every_split(row->bytes, log_assembled, &limit,
                       row->assembled ? row->assembled : row->events);
}

static void test_fault_is_sticky_until_reset(void **state)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    struct drill_span in = BYTES("\0\0\0\0");
    (void)state;
    drill_frame_init(&p, 10);
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_ERROR);
    in = BYTES("\0\0\0\x01Q");
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_ERROR);
    assert_false(drill_frame_take(&p, &in, &f));
    assert_int_equal(in.len, 5);
    assert_int_equal(drill_frame_finish(&p), DRILL_FRAME_ZERO);
    assert_int_equal(drill_frame_want(&p), 0);
    drill_frame_reset(&p);
    assert_int_equal(p.limit, 10);
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_HEADER);
    assert_int_equal(f.at, 0);
    assert_int_equal(f.code, 'Q');
}

static void test_torn_is_sticky_too(void **state)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    struct drill_span in = BYTES("\0\0");
    (void)state;
    drill_frame_init(&p, 10);
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_MORE);
    assert_int_equal(drill_frame_finish(&p), DRILL_FRAME_TORN);
    in = BYTES("\0\x01Q");
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_ERROR);
}

static void test_end_of_input_before_the_end_was_told_is_not_torn(void **state)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    struct drill_span in = BYTES("\0\0\0\x01Q");
    (void)state;
    drill_frame_init(&p, 10);
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_HEADER);
    assert_int_equal(drill_frame_finish(&p), DRILL_FRAME_OK);
    assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_END);
}

static void test_want_is_what_completes_header_or_payload(void **state)
{
    struct drill_span stream = BYTES("\0\0\0\x04Habc\0\0\0\x01Q");
    static const size_t wants[] = {5, 4, 3, 2, 1, 3, 2, 1, 5, 4, 3, 2, 1};
    struct drill_frame_parser p;
    struct drill_frame f;
    (void)state;
    drill_frame_init(&p, 10);
    for (size_t i = 0; i < stream.len; i++) {
        struct drill_span in = drill_span_sub(stream, i, 1);
        assert_int_equal(drill_frame_want(&p), wants[i]);
        while (drill_frame_next(&p, &in, &f) > DRILL_FRAME_MORE) {}
    }
    assert_int_equal(drill_frame_want(&p), 5);
}

static void test_take_leaves_all_others_to_next(void **state)
{
    static const struct {
        struct drill_span in;
        bool taken;
    } rows[] = {
        {STREAM("\0\0\0\x03Hab"), true},
        {STREAM("\0\0\0\x03Habc"), true},
        {STREAM("\0\0\0\x03Ha"), false},
        {STREAM("\0\0\0\x03"), false},
        {STREAM("\0\0\0\x01Q"), true},
        {STREAM("\0\0\0\0Q"), false},
        {STREAM("\0\0\0\x0cQ0123456789a"), false},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drill_frame_parser p;
        struct drill_frame f;
        struct drill_span in = helper_exact(rows[i].in);
        struct drill_span rest = in;
        drill_frame_init(&p, 10);
        assert_int_equal(drill_frame_take(&p, &rest, &f), rows[i].taken);
        assert_int_equal(p.offset, in.len - rest.len);
        assert_int_equal(rest.len, rows[i].taken ? in.len - 4 - drill_be32(in.ptr) : in.len);
        helper_exact_free(in);
    }
}

static void check_error(struct drill_span stream, uint32_t limit, uint64_t offset, const char *want)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    struct drill_error err;
    drill_frame_init(&p, limit);
    while (drill_frame_next(&p, &stream, &f) > DRILL_FRAME_MORE) {}
    (void)drill_frame_finish(&p);
    assert_int_equal(drill_frame_error(&p, &err), want[0] ? DRILL_ERR_FRAME : DRILL_OK);
    assert_string_equal(err.text, want);
    assert_true(err.offset == offset);
    assert_int_equal(drill_frame_error(&p, NULL), err.code);
}

static void test_error_tells_what_the_peer_speaks(void **state)
{
    (void)state;
    check_error(BYTES("UNKNOWN COMMAND\n"), 65535, 0,
                "frame length 1431194446 at byte 0 is over the limit of 65536: these bytes are "
                "\"UNKN\": clamd's command port answers, not a milter; point the milter address at "
                "clamav-milter's MilterSocket");
    check_error(
        BYTES("\0\0\0\x01"
              "c\x16\x03\x01\0"),
        65535, 5,
        "frame length 369295616 at byte 5 is over the limit of 65536: these bytes are 16 03 "
        "01 00: a TLS client calls, not an MTA; the peer expects TLS on this port: turn TLS "
        "off for the milter, or speak TLS here");
}

static void test_error_tells_where(void **state)
{
    (void)state;
    check_error(BYTES("\0\0\0\x01"
                      "c"),
                65535, UINT64_MAX, "");
    check_error(BYTES("\0\x02\0\0"), 65535, 0,
                "frame length 131072 at byte 0 is over the limit of 65536");
    check_error(BYTES("\0\0\0\x01"
                      "c\0\0\0\0"),
                65535, 5, "frame length 0 at byte 5: a frame has at least its command byte");
    check_error(BYTES("\0\0\0\x01"
                      "c\0\0"),
                65535, 7,
                "the stream ended at byte 7 inside the header of a frame, after 2 of its 5 bytes");
    check_error(
        BYTES("\0\0\0\x05"
              "cab"),
        65535, 7,
        "the stream ended at byte 7 inside the frame that began at byte 0, after 2 of its 4 "
        "data bytes");
    check_error(BYTES("\x16\x03\x01"), UINT32_MAX, 3,
                "the stream ended at byte 3 inside the header of a frame, after 3 of its 5 bytes");
    check_error(
        BYTES("GET /"), UINT32_MAX, 5,
        "the stream ended at byte 5 inside the frame that began at byte 0, after 0 of its "
        "1195725855 data bytes: these bytes are \"GET \": an HTTP client calls, not an MTA; "
        "a health check or scanner: point it at another port");
}

static void test_put_header_is_read_back(void **state)
{
    static const uint32_t sizes[] = {0, 1, 65535, 65536, UINT32_MAX - 1};
    (void)state;
    for (size_t i = 0; i < ROWS(sizes); i++) {
        uint8_t head[DRILL_FRAME_HEADER_SIZE];
        struct drill_frame_parser p;
        struct drill_frame f;
        drill_frame_put_header(head, 'B', sizes[i]);
        struct drill_span in = drill_span_of(head, sizeof(head));
        drill_frame_init(&p, UINT32_MAX);
        assert_int_equal(drill_frame_next(&p, &in, &f), DRILL_FRAME_HEADER);
        assert_int_equal(f.size, sizes[i]);
        assert_int_equal(f.code, 'B');
    }
}

/* Three frames in pieces, so that the assembler must keep bytes. */
static bool assemble_pieces(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_span s = *(const struct drill_span *)ctx;
    struct drill_assembler a;
    size_t frames = 0;
    bool ok = true;
    drill_assemble_init(&a, alloc, DRILL_ASSEMBLE_PREFIX * 100, DRILL_ASSEMBLE_PREFIX * 50);
    while (s.len && ok) {
        struct drill_span in = drill_span_sub(s, 0, 100);
        struct drill_assembled f;
        enum drill_assemble_kind kind;
        s = drill_span_sub(s, in.len, s.len);
        while ((kind = drill_assemble_next(&a, &in, &f)) > DRILL_ASSEMBLE_MORE) {
            frames += kind == DRILL_ASSEMBLE_FRAME;
        }
        ok = kind == DRILL_ASSEMBLE_MORE;
    }
    if (!ok) {
        struct drill_assembled f;
        assert_int_equal(a.parser.fault, DRILL_FRAME_OK);
        assert_int_equal(drill_assemble_next(&a, &s, &f), DRILL_ASSEMBLE_ERROR);
        drill_assemble_reset(&a);
        struct drill_span in = BYTES("\0\0\0\x01Q");
        assert_int_equal(drill_assemble_next(&a, &in, &f), DRILL_ASSEMBLE_HEADER);
    } else {
        assert_int_equal(frames, 3);
    }
    drill_assemble_fini(&a);
    return ok;
}

static void test_assembler_reports_memory_and_recovers(void **state)
{
    static const uint32_t sizes[] = {1000, 3000, 5000};
    uint8_t bytes[9000 + 3 * DRILL_FRAME_HEADER_SIZE];
    size_t at = 0;
    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    for (size_t i = 0; i < 3; i++) {
        drill_frame_put_header(bytes + at, 'B', sizes[i]);
        at += DRILL_FRAME_HEADER_SIZE + sizes[i];
    }
    struct drill_span s = drill_span_of(bytes, at);
    helper_every_alloc(assemble_pieces, &s);
}

/* A peer that announces much and sends little must not cost memory. */
static void test_assembler_takes_memory_for_what_came_only(void **state)
{
    struct helper_alloc h;
    struct drill_assembler a;
    struct drill_assembled f;
    struct drill_span in = BYTES("\x10\0\0\0B0123456789");
    (void)state;
    helper_alloc_init(&h, 0);
    drill_assemble_init(&a, &h.alloc, UINT32_MAX, SIZE_MAX);
    assert_int_equal(drill_assemble_next(&a, &in, &f), DRILL_ASSEMBLE_HEADER);
    assert_true(f.whole);
    assert_int_equal(h.asked, 0);
    assert_int_equal(drill_assemble_next(&a, &in, &f), DRILL_ASSEMBLE_MORE);
    assert_true(a.kept.cap < 1000);
    drill_assemble_fini(&a);
}

static void test_assembler_keeps_only_the_start_of_a_large_frame(void **state)
{
    uint8_t bytes[DRILL_FRAME_HEADER_SIZE + 1000];
    struct drill_assembler a;
    struct drill_assembled f = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(i - DRILL_FRAME_HEADER_SIZE);
    }
    drill_frame_put_header(bytes, 'B', 1000);
    drill_assemble_init(&a, NULL, 65535, 999);
    for (size_t piece = 7; piece <= 7000; piece *= 1000) {
        for (size_t i = 0; i < sizeof(bytes); i += piece) {
            struct drill_span in = drill_span_sub(drill_span_of(bytes, sizeof(bytes)), i, piece);
            while (drill_assemble_next(&a, &in, &f) > DRILL_ASSEMBLE_MORE) {}
        }
        assert_false(f.whole);
        assert_int_equal(f.frame.size, 1000);
        helper_assert_bytes(f.payload,
                            drill_span_of(bytes + DRILL_FRAME_HEADER_SIZE, DRILL_ASSEMBLE_PREFIX),
                            "prefix");
    }
    drill_assemble_fini(&a);
}

static void test_assembler_reset_gives_a_large_buffer_back(void **state)
{
    struct helper_alloc h;
    struct drill_assembler a;
    struct drill_assembled f;
    static uint8_t zeros[300000];
    struct drill_span in = BYTES("\x10\0\0\0B");
    (void)state;
    helper_alloc_init(&h, 0);
    drill_assemble_init(&a, &h.alloc, UINT32_MAX, SIZE_MAX);
    (void)drill_assemble_next(&a, &in, &f);
    in = drill_span_of(zeros, sizeof(zeros));
    assert_int_equal(drill_assemble_next(&a, &in, &f), DRILL_ASSEMBLE_MORE);
    assert_int_equal(h.live, 1);
    drill_assemble_reset(&a);
    assert_int_equal(h.live, 0);
    drill_assemble_fini(&a);
}

enum { OTHERS = 12 };

int main(void)
{
    const struct CMUnitTest others[OTHERS] = {
        cmocka_unit_test(test_fault_is_sticky_until_reset),
        cmocka_unit_test(test_torn_is_sticky_too),
        cmocka_unit_test(test_end_of_input_before_the_end_was_told_is_not_torn),
        cmocka_unit_test(test_want_is_what_completes_header_or_payload),
        cmocka_unit_test(test_take_leaves_all_others_to_next),
        cmocka_unit_test(test_error_tells_what_the_peer_speaks),
        cmocka_unit_test(test_error_tells_where),
        cmocka_unit_test(test_put_header_is_read_back),
        cmocka_unit_test(test_assembler_reports_memory_and_recovers),
        cmocka_unit_test(test_assembler_takes_memory_for_what_came_only),
        cmocka_unit_test(test_assembler_keeps_only_the_start_of_a_large_frame),
        cmocka_unit_test(test_assembler_reset_gives_a_large_buffer_back),
    };
    struct CMUnitTest tests[ROWS(streams) + OTHERS];
    for (size_t i = 0; i < ROWS(streams); i++) {
        tests[i] = (struct CMUnitTest){streams[i].name, test_stream, NULL, NULL,
                                       (void *)(uintptr_t)&streams[i]};
    }
    memcpy(tests + ROWS(streams), others, sizeof(others));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
