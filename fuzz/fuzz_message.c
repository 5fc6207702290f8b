/* SPDX-License-Identifier: MIT */
/*
 * Property: every payload survives. For a code (first byte) and a payload (the rest), in both
 * directions: encode(decode(b)) = b; a message without a defect gives b from its fields alone; a
 * message equals itself; and parse(print(b)) gives the direction, the code and b, within a limit of
 * just so many bytes. And for the input as a line of notation: if it parses, its bytes survive too.
 */
#include "fuzz.h"

#include "wire/message.h"
#include "wire/text.h"

enum { LINE_LIMIT = 65536 };

static void check_encode(const struct drill_message *m, struct drill_span want)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_message_encode(m, &measure);
    FUZZ_ASSERT(measure.len == want.len);
    uint8_t *bytes = malloc(want.len + 1);
    FUZZ_ASSERT(bytes != NULL);
    struct drill_writer w = drill_writer_of(bytes, want.len);
    drill_message_encode(m, &w);
    FUZZ_ASSERT(drill_span_equal(drill_writer_span(&w), want));
    free(bytes);
}

/* Prints and parses; `raw`: the bytes are no frame. */
static void check_text(bool raw, enum drill_dir dir, uint8_t code, struct drill_span payload)
{
    uint8_t *line = NULL;
    struct drill_writer w = drill_writer_of(NULL, 0);
    for (int pass = 0; pass < 2; pass++) {
        size_t cap = w.len;
        if (pass) {
            line = malloc(cap);
            FUZZ_ASSERT(line != NULL);
            w = drill_writer_of(line, cap);
        }
        if (raw) {
            drill_text_raw(&w, dir, payload, 0);
        } else {
            drill_text_frame(&w, dir, code, payload, 0);
        }
        FUZZ_ASSERT(!pass || (w.len == cap && !w.overflow));
    }
    struct drill_arena arena;
    struct drill_text_line got;
    struct drill_error err;
    drill_arena_init(&arena, NULL, 0);
    FUZZ_ASSERT(drill_text_parse(drill_writer_span(&w), payload.len, &arena, &got, &err) ==
                DRILL_OK);
    FUZZ_ASSERT(got.kind == (raw ? DRILL_TEXT_RAW : DRILL_TEXT_FRAME) && got.dir == dir);
    FUZZ_ASSERT(raw || got.code == code);
    FUZZ_ASSERT(drill_span_equal(got.payload, payload));
    drill_arena_fini(&arena);
    free(line);
}

static void check_message(enum drill_dir dir, uint8_t code, struct drill_span payload)
{
    struct drill_message m;
    enum drill_defect defect = drill_message_decode(dir, code, payload, &m);
    FUZZ_ASSERT(m.defect == defect && m.dir == dir && m.code == code);
    check_encode(&m, payload);
    struct drill_message again = m;
    if (!defect) {
        again.payload = drill_span_of(NULL, 0);
        check_encode(&again, payload);
    }
    FUZZ_ASSERT(drill_message_equal(&m, &again));
    check_text(false, dir, code, payload);
}

static void check_line(struct drill_span text)
{
    struct drill_arena arena;
    struct drill_text_line line;
    struct drill_error err;
    drill_arena_init(&arena, NULL, 4 * LINE_LIMIT + 64 * text.len);
    enum drill_code code = drill_text_parse(text, LINE_LIMIT, &arena, &line, &err);
    FUZZ_ASSERT(code == DRILL_OK || (code == err.code && err.text[0] != '\0' && err.line == 1));
    FUZZ_ASSERT(code == DRILL_OK || err.column <= text.len + 1);
    if (code == DRILL_OK) {
        FUZZ_ASSERT(line.payload.len <= LINE_LIMIT);
        check_text(line.kind == DRILL_TEXT_RAW, line.dir, line.code, line.payload);
    }
    drill_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct drill_span input = fuzz_exact(drill_span_of(data, size));
    if (input.len) {
        struct drill_span payload = drill_span_sub(input, 1, input.len);
        check_message(DRILL_TO_MILTER, input.ptr[0], payload);
        check_message(DRILL_TO_MTA, input.ptr[0], payload);
    }
    check_line(input);
    fuzz_exact_free(input);
    return 0;
}
