/* SPDX-License-Identifier: MIT */
/*
 * Writes the dictionary of the fuzzers (AFL++'s and libFuzzer's format) from the protocol table:
 *
 *     make_dict build/fuzz/milter.dict
 */
#include <stdbool.h>
#include <stdio.h>

#include "wire/proto.h"

static void put(FILE *f, struct drill_span bytes)
{
    (void)fputc('"', f);
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            (void)fputc(c, f);
        } else {
            (void)fprintf(f, "\\x%02x", c);
        }
    }
    (void)fputs("\"\n", f);
}

static void put_text(FILE *f, const char *text)
{
    put(f, drill_span_str(text));
}

static void put_be32(FILE *f, uint32_t value)
{
    uint8_t bytes[4];
    drill_put_be32(bytes, value);
    put(f, drill_span_of(bytes, 4));
}

static void put_messages(FILE *f, enum drill_dir dir)
{
    size_t count;
    const struct drill_proto_message *rows = drill_proto_messages(dir, &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t head[5] = {0, 0, 0, 1, rows[i].code};
        put(f, drill_span_of(head, sizeof(head)));
        put_text(f, rows[i].word);
        for (int k = 0; k < 2; k++) {
            if (rows[i].field[k]) {
                put_text(f, rows[i].field[k]);
            }
        }
    }
}

static void put_bits(FILE *f, const struct drill_proto_bit *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_be32(f, rows[i].bit);
        put_text(f, rows[i].word);
    }
}

static void put_macros(FILE *f)
{
    size_t count;
    const struct drill_proto_macro *rows = drill_proto_macros(&count);
    for (size_t i = 0; i < count; i++) {
        /* As on the wire: with the NUL that ends it. */
        put(f, drill_span_of(rows[i].name, drill_span_str(rows[i].name).len + 1));
    }
}

static void put_words(FILE *f)
{
    static const char *const words[] = {
#include "words.def"
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        put_text(f, words[i]);
    }
}

static bool write_all(FILE *f)
{
    static const uint32_t lengths[] = {0,     1,          2,          65535,     65536,
                                       65537, 0x7fffffff, 0x80000000, 0xffffffff};
    size_t count;
    const struct drill_proto_bit *bits;
    (void)fputs("# made from harness/wire/proto.def by fuzz/make_dict.c\n", f);
    put_messages(f, DRILL_TO_MILTER);
    put_messages(f, DRILL_TO_MTA);
    bits = drill_proto_actions(&count);
    put_bits(f, bits, count);
    bits = drill_proto_steps(&count);
    put_bits(f, bits, count);
    put_macros(f);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        put_be32(f, lengths[i]);
    }
    put_words(f);
    return !ferror(f);
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "w") : NULL;
    if (!f) {
        (void)fprintf(stderr, "usage: make_dict FILE\n");
        return 2;
    }
    bool ok = write_all(f);
    ok = fclose(f) == 0 && ok;
    if (!ok) {
        perror(argv[1]);
    }
    return ok ? 0 : 1;
}
