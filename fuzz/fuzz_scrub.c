/* SPDX-License-Identifier: MIT */
/*
 * Property: a copy has the shape of its original. Of any bytes taken as a message the copy has as
 * many, with line ends, NULs and blanks at the same places; with one key there is one copy. Of any
 * scenario that parses the copy parses, has the same steps and files of the same size, and can be
 * scrubbed again.
 */
#include "fuzz.h"

#include "scenario/scrub_ops.h"

static const struct drill_scrub_config config = {.key = {1, 2},
                                                 .prefix = {(const uint8_t *)"copy", 4}};

enum { ARENA_MAX = 64 << 20 };

static uint8_t *copy_of(struct drill_span in)
{
    struct drill_arena arena;
    uint8_t *out = malloc(in.len + 1);
    FUZZ_ASSERT(out != NULL);
    drill_arena_init(&arena, NULL, ARENA_MAX);
    struct drill_scrubber s = {.config = &config, .arena = &arena};
    out[in.len] = 0x5a;
    drill_scrub_message(&s, in, out);
    FUZZ_ASSERT(out[in.len] == 0x5a);
    if (s.no_memory) {
        free(out);
        out = NULL;
    }
    drill_arena_fini(&arena);
    return out;
}

static void check_message(struct drill_span in)
{
    uint8_t *out = copy_of(in), *again = copy_of(in);
    if (out && again) {
        for (size_t i = 0; i < in.len; i++) {
            uint8_t c = in.ptr[i];
            bool fixed = c == '\n' || c == '\r' || c == '\t' || c == ' ' || c == '\0';
            FUZZ_ASSERT(!fixed || out[i] == c);
        }
        FUZZ_ASSERT(drill_span_equal(drill_span_of(out, in.len), drill_span_of(again, in.len)));
    }
    free(out);
    free(again);
}

/* Every file that a scenario names is the scenario itself. */
static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    (void)name;
    (void)err;
    *bytes = *(const struct drill_span *)ctx;
    return DRILL_OK;
}

static size_t count(const struct drill_block *block)
{
    size_t n = 0;
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        n += 1 + count(&step->block) + count(&step->block2);
    }
    for (const struct drill_check *check = block->checks; check; check = check->next) {
        n++;
    }
    return n;
}

static void check_file(struct drill_span in)
{
    static struct drill_errors errors;
    struct drill_loader loader = {load, &in};
    struct drill_scrubbed copy = {.files = NULL}, again = {.files = NULL};
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, ARENA_MAX);
    errors.count = 0;
    const struct drill_file *file = drill_parse(in, "x", &loader, &arena, &errors);
    if (file && drill_scrub(&config, in, "x", &loader, &arena, &copy, &errors)) {
        const struct drill_file *parsed = drill_parse(copy.text, "y", &loader, &arena, &errors);
        bool memory = errors.count && errors.item[0].code == DRILL_ERR_MEMORY;
        FUZZ_ASSERT(parsed || memory);
        FUZZ_ASSERT(!parsed || count(&parsed->body) == count(&file->body));
        for (const struct drill_scrub_file *f = copy.files; f; f = f->next) {
            FUZZ_ASSERT(f->bytes.len == in.len);
        }
        FUZZ_ASSERT(!parsed ||
                    drill_scrub(&config, copy.text, "y", &loader, &arena, &again, &errors) ||
                    errors.item[0].code == DRILL_ERR_MEMORY);
    }
    drill_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct drill_span input = fuzz_exact(drill_span_of(data, size));
    check_message(input);
    check_file(input);
    fuzz_exact_free(input);
    return 0;
}
