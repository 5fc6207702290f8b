/* SPDX-License-Identifier: MIT */
/* One row a payload: each becomes a test of its own, named for message and defect. */
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "helper_split.h"
#include "wire/frame.h"
#include "wire/message.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES_OF(lit)                              \
    {                                              \
        (const uint8_t *)("" lit), sizeof(lit) - 1 \
    }

struct row {
    const char *name;
    enum drill_dir dir;
    char code;
    struct drill_span payload;
    enum drill_defect defect;
    const char *view; /* see describe(); NULL: not looked at */
};

#define CMD(name, code, bytes, defect, view)                                                     \
    {                                                                                            \
        "test_decode_" name, DRILL_TO_MILTER, code, BYTES_OF(bytes), DRILL_DEFECT_##defect, view \
    }
#define REPLY(name, code, bytes, defect, view)                                                \
    {                                                                                         \
        "test_decode_" name, DRILL_TO_MTA, code, BYTES_OF(bytes), DRILL_DEFECT_##defect, view \
    }

static const struct row rows[] = {
    CMD("optneg", 'O', "\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", NONE, "6,511,2097151"),
    CMD("optneg_empty", 'O', "", EMPTY, NULL),
    CMD("optneg_short_version", 'O', "\0\0\0", SHORT, NULL),
    CMD("optneg_short_protocol", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0", SHORT, "6,1,0"),
    CMD("optneg_trailing_byte", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02x", TRAILING, NULL),
    CMD("optneg_list_in_offer", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02\0\0\0\x03i\0", LIST_IN_OFFER,
        NULL),
    REPLY("optneg_reply", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02", NONE, "6,1,2"),
    REPLY("optneg_reply_lists", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02\0\0\0\x03i j\0\0\0\0\x09\0",
          NONE, "6,1,2 +13"),
    REPLY("optneg_reply_list_short_number", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02\0\0\0", BAD_LIST,
          NULL),
    REPLY("optneg_reply_list_no_string", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02\0\0\0\x03", BAD_LIST,
          NULL),
    REPLY("optneg_reply_list_no_nul", 'O', "\0\0\0\x06\0\0\0\x01\0\0\0\x02\0\0\0\x03i", BAD_LIST,
          NULL),
    REPLY("optneg_reply_short", 'O', "\0\0\0\x06\0\0\0\x01", SHORT, NULL),
    CMD("macro", 'D', "Mi\0x\0{a}\0\0", NONE, "M +9"),
    CMD("macro_without_pairs", 'D', "H", NONE, "H"),
    CMD("macro_of_any_stage", 'D', "\xffi\0x\0", NONE, NULL),
    CMD("macro_empty", 'D', "", EMPTY, NULL),
    CMD("macro_no_nul", 'D', "Mi\0x", NO_NUL, NULL),
    CMD("macro_name_no_nul", 'D', "Mi", NO_NUL, NULL),
    CMD("macro_odd", 'D', "Mi\0x\0j\0", ODD_MACROS, NULL),
    CMD("connect_inet", 'C',
        "h\0"
        "4\xb8\xdc"
        "192.0.2.5\0",
        NONE, "'h' '192.0.2.5' 4 47324"),
    CMD("connect_inet6", 'C',
        "\0"
        "6\0\0::1\0",
        NONE, "'' '::1' 6 0"),
    CMD("connect_unix", 'C', "h\0L\0\0/s\0", NONE, "'h' '/s' L 0"),
    CMD("connect_unknown", 'C', "h\0U", NONE, "'h' U"),
    CMD("connect_empty", 'C', "", EMPTY, NULL),
    CMD("connect_no_nul", 'C', "h", NO_NUL, "'h'"),
    CMD("connect_no_family", 'C', "h\0", SHORT, NULL),
    CMD("connect_bad_family", 'C', "h\0X\0\0a\0", BAD_FAMILY, NULL),
    CMD("connect_short_port", 'C', "h\0L\0", SHORT, NULL),
    CMD("connect_no_address", 'C', "h\0L\0\0", SHORT, NULL),
    CMD("connect_address_no_nul", 'C', "h\0L\0\0a", NO_NUL, NULL),
    CMD("connect_two_addresses", 'C', "h\0L\0\0a\0b\0", EMBEDDED_NUL, NULL),
    CMD("connect_trailing", 'C', "h\0L\0\0a\0b", TRAILING, NULL),
    CMD("connect_unknown_with_port", 'C', "h\0U\0\0", TRAILING, NULL),
    CMD("helo", 'H', "mx\0", NONE, "'mx'"),
    CMD("helo_empty_name", 'H', "\0", NONE, "''"),
    CMD("helo_empty", 'H', "", EMPTY, NULL),
    CMD("helo_no_nul", 'H', "mx", NO_NUL, "'mx'"),
    CMD("helo_embedded_nul", 'H', "m\0x\0", EMBEDDED_NUL, NULL),
    CMD("helo_trailing", 'H', "m\0x", TRAILING, NULL),
    CMD("mail", 'M', "<a@b>\0", NONE, "'<a@b>'"),
    CMD("mail_args", 'M', "<a@b>\0SIZE=1\0\0", NONE, "'<a@b>' +8"),
    CMD("mail_empty", 'M', "", EMPTY, NULL),
    CMD("mail_no_nul", 'M', "<a@b>", NO_NUL, NULL),
    CMD("mail_arg_no_nul", 'M', "<a@b>\0SIZE=1", NO_NUL, NULL),
    CMD("rcpt", 'R', "<a@b>\0", NONE, "'<a@b>'"),
    CMD("rcpt_no_nul", 'R', "<a@b>", NO_NUL, NULL),
    CMD("data", 'T', "", NONE, ""),
    CMD("data_trailing", 'T', "x", TRAILING, NULL),
    CMD("eoh", 'N', "", NONE, ""),
    CMD("eoh_trailing", 'N', "\0", TRAILING, NULL),
    CMD("unknown", 'U', "X Y\0", NONE, "'X Y'"),
    CMD("unknown_no_nul", 'U', "X Y", NO_NUL, NULL),
    CMD("header", 'L', "To\0a\0", NONE, "'To' 'a'"),
    CMD("header_empty_strings", 'L', "\0\0", NONE, "'' ''"),
    CMD("header_empty", 'L', "", EMPTY, NULL),
    CMD("header_no_value", 'L', "To\0", SHORT, NULL),
    CMD("header_name_no_nul", 'L', "To", NO_NUL, NULL),
    CMD("header_no_nul", 'L', "To\0a", NO_NUL, "'To' 'a'"),
    CMD("header_embedded_nul", 'L', "To\0a\0b\0", EMBEDDED_NUL, NULL),
    CMD("header_trailing", 'L', "To\0a\0b", TRAILING, NULL),
    CMD("body", 'B', "a\0b", NONE, "+3"),
    CMD("body_empty_chunk", 'B', "", NONE, ""),
    CMD("bodyeob", 'E', "", NONE, ""),
    CMD("bodyeob_data", 'E', "abc", NONE, "+3"),
    CMD("abort", 'A', "", NONE, ""),
    CMD("abort_trailing", 'A', "x", TRAILING, NULL),
    CMD("quit", 'Q', "", NONE, ""),
    CMD("quit_nc", 'K', "", NONE, ""),
    CMD("code_of_a_reply", 'c', "", UNKNOWN_CODE, ""),
    CMD("code_unknown", '\xff', "abc", UNKNOWN_CODE, "+3"),
    REPLY("continue", 'c', "", NONE, ""),
    REPLY("continue_trailing", 'c', "xxxx", TRAILING, NULL),
    REPLY("accept", 'a', "", NONE, ""),
    REPLY("reject", 'r', "", NONE, ""),
    REPLY("tempfail", 't', "", NONE, ""),
    REPLY("discard", 'd', "", NONE, ""),
    REPLY("skip", 's', "", NONE, ""),
    REPLY("progress", 'p', "", NONE, ""),
    REPLY("shutdown", '4', "", NONE, ""),
    REPLY("conn_fail", 'f', "", NONE, ""),
    REPLY("setsymlist", 'l', "", NONE, ""),
    REPLY("replycode", 'y', "550 no\0", NONE, "'550 no'"),
    REPLY("replycode_empty", 'y', "", EMPTY, NULL),
    REPLY("replycode_no_nul", 'y', "550 no", NO_NUL, "'550 no'"),
    REPLY("replycode_embedded_nul", 'y', "550\0no\0", EMBEDDED_NUL, NULL),
    REPLY("addheader", 'h', "X\0y\0", NONE, "'X' 'y'"),
    REPLY("addheader_no_value", 'h', "X\0", SHORT, NULL),
    REPLY("addheader_no_nul", 'h', "X\0y", NO_NUL, NULL),
    REPLY("insheader", 'i', "\0\0\0\x01X\0y\0", NONE, "'X' 'y' 1,0,0"),
    REPLY("insheader_empty", 'i', "", EMPTY, NULL),
    REPLY("insheader_short_index", 'i', "\0\0\x01", SHORT, NULL),
    REPLY("chgheader_delete", 'm', "\xff\xff\xff\xffX\0\0", NONE, "'X' '' 4294967295,0,0"),
    REPLY("chgheader_no_strings", 'm', "\0\0\0\x01", SHORT, "1,0,0"),
    REPLY("chgheader_embedded_nul", 'm', "\0\0\0\x01X\0y\0z\0", EMBEDDED_NUL, NULL),
    REPLY("replbody", 'b', "new\0", NONE, "+4"),
    REPLY("replbody_empty_chunk", 'b', "", NONE, ""),
    REPLY("addrcpt", '+', "<a@b>\0", NONE, "'<a@b>'"),
    REPLY("addrcpt_no_nul", '+', "<a@b>", NO_NUL, NULL),
    REPLY("delrcpt", '-', "<a@b>\0", NONE, "'<a@b>'"),
    REPLY("addrcpt_par", '2', "<a@b>\0A=1\0", NONE, "'<a@b>' 'A=1'"),
    REPLY("chgfrom_without_args", 'e', "<a@b>\0", NONE, "'<a@b>'"),
    REPLY("chgfrom_empty_args", 'e', "<a@b>\0\0", NONE, "'<a@b>' ''"),
    REPLY("chgfrom_empty", 'e', "", EMPTY, NULL),
    REPLY("chgfrom_no_nul", 'e', "<a@b>", NO_NUL, NULL),
    REPLY("chgfrom_args_no_nul", 'e', "<a@b>\0A", NO_NUL, NULL),
    REPLY("chgfrom_embedded_nul", 'e', "<a@b>\0A\0B\0", EMBEDDED_NUL, NULL),
    REPLY("chgfrom_trailing", 'e', "<a@b>\0A\0B", TRAILING, NULL),
    REPLY("quarantine", 'q', "why\0", NONE, "'why'"),
    REPLY("quarantine_no_nul", 'q', "why", NO_NUL, NULL),
    REPLY("code_of_a_command", 'H', "x\0", UNKNOWN_CODE, "+2"),
};

static void put_quoted(struct drill_writer *w, struct drill_span s)
{
    drill_write_text(w, w->len ? " '" : "'");
    drill_write_bytes(w, s);
    drill_write_text(w, "'");
}

/* The members that are set: strings, numbers, letter, port, and the size of the rest. */
static void describe(const struct drill_message *m, struct drill_writer *w)
{
    bool first = m->shape != DRILL_SHAPE_NONE && m->str[0].ptr;
    if (first) {
        put_quoted(w, m->str[0]);
    }
    if (m->str[1].ptr) {
        put_quoted(w, m->str[1]);
    }
    if (m->number[0]) {
        drill_write_text(w, w->len ? " " : "");
        for (size_t i = 0; i < 3; i++) {
            drill_write_text(w, i ? "," : "");
            drill_write_dec(w, m->number[i]);
        }
    }
    if (m->letter) {
        drill_write_text(w, w->len ? " " : "");
        drill_write_u8(w, m->letter);
    }
    if (m->shape == DRILL_SHAPE_CONNECT && m->has_second) {
        drill_write_text(w, " ");
        drill_write_dec(w, m->port);
    }
    if (m->rest.len) {
        drill_write_text(w, w->len ? " +" : "+");
        drill_write_dec(w, m->rest.len);
    }
}

/* By the fields alone when there is no defect. */
static void check_encode(struct drill_message m, struct drill_span want, const char *what)
{
    uint8_t buf[256];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    if (!m.defect) {
        m.payload = BYTES("not this");
    }
    drill_message_encode(&m, &w);
    assert_false(w.overflow);
    helper_assert_bytes(drill_writer_span(&w), want, what);
}

static void test_row(void **state)
{
    const struct row *row = *state;
    struct drill_span payload = helper_exact(row->payload);
    struct drill_message m;
    enum drill_defect defect = drill_message_decode(row->dir, (uint8_t)row->code, payload, &m);
    assert_string_equal(drill_defect_text(defect), drill_defect_text(row->defect));
    assert_int_equal(m.defect, defect);
    assert_int_equal(m.dir, row->dir);
    assert_int_equal(m.code, (uint8_t)row->code);
    assert_ptr_equal(m.payload.ptr, payload.ptr);
    if (row->view) {
        char buf[256];
        struct drill_writer w = drill_writer_of(buf, sizeof(buf));
        describe(&m, &w);
        helper_assert_bytes(drill_writer_span(&w), drill_span_str(row->view), "view");
    }
    check_encode(m, payload, "encoded");
    helper_exact_free(payload);
}

/* Whatever a payload is cut down to, nothing is read behind it and it survives. */
static void test_every_prefix_survives(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t len = 0; len < rows[i].payload.len; len++) {
            struct drill_span cut = helper_exact(drill_span_sub(rows[i].payload, 0, len));
            struct drill_message m;
            (void)drill_message_decode(rows[i].dir, (uint8_t)rows[i].code, cut, &m);
            check_encode(m, cut, rows[i].name);
            helper_exact_free(cut);
        }
    }
}

static void test_every_message_has_a_good_row(void **state)
{
    (void)state;
    for (int dir = DRILL_TO_MILTER; dir <= DRILL_TO_MTA; dir++) {
        size_t count;
        const struct drill_proto_message *m = drill_proto_messages((enum drill_dir)dir, &count);
        for (size_t i = 0; i < count; i++) {
            bool found = false;
            for (size_t k = 0; k < ROWS(rows); k++) {
                found = found || ((int)rows[k].dir == dir && (uint8_t)rows[k].code == m[i].code &&
                                  rows[k].defect == DRILL_DEFECT_NONE);
            }
            if (!found) {
                fail_msg("%s has no row without a defect", m[i].name);
            }
        }
    }
}

static void test_every_defect_has_a_row_and_its_own_text(void **state)
{
    (void)state;
    for (int d = DRILL_DEFECT_NONE; d <= DRILL_DEFECT_LIST_IN_OFFER; d++) {
        bool found = false;
        for (size_t k = 0; k < ROWS(rows); k++) {
            found = found || (int)rows[k].defect == d;
        }
        assert_true(found);
        for (int e = DRILL_DEFECT_NONE; e < d; e++) {
            assert_string_not_equal(drill_defect_text((enum drill_defect)d),
                                    drill_defect_text((enum drill_defect)e));
        }
    }
}

static void test_init_is_empty_and_canonical(void **state)
{
    struct drill_message m;
    (void)state;
    assert_true(drill_message_init(&m, DRILL_TO_MILTER, 'H'));
    check_encode(m, BYTES("\0"), "helo");
    assert_true(drill_message_init(&m, DRILL_TO_MILTER, 'C'));
    check_encode(m, BYTES("\0U"), "connect");
    assert_true(drill_message_init(&m, DRILL_TO_MTA, 'm'));
    check_encode(m, BYTES("\0\0\0\0\0\0"), "chgheader");
    assert_true(drill_message_init(&m, DRILL_TO_MTA, 'e'));
    check_encode(m, BYTES("\0"), "chgfrom");
    assert_false(drill_message_init(&m, DRILL_TO_MTA, 'C'));
    assert_int_equal(m.defect, DRILL_DEFECT_UNKNOWN_CODE);
}

static void test_equal_compares_codes_and_bytes(void **state)
{
    struct drill_message a;
    struct drill_message b;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t k = 0; k < ROWS(rows); k++) {
            bool same = rows[i].dir == rows[k].dir && rows[i].code == rows[k].code &&
                        drill_span_equal(rows[i].payload, rows[k].payload);
            (void)drill_message_decode(rows[i].dir, (uint8_t)rows[i].code, rows[i].payload, &a);
            (void)drill_message_decode(rows[k].dir, (uint8_t)rows[k].code, rows[k].payload, &b);
            assert_int_equal(drill_message_equal(&a, &b), same);
        }
    }
}

/* A view made by hand whose value has a NUL inside is equal to the raw bytes it encodes to. */
static void test_equal_of_a_view_and_raw_bytes(void **state)
{
    struct drill_message a;
    struct drill_message b;
    (void)state;
    assert_true(drill_message_init(&a, DRILL_TO_MILTER, 'L'));
    a.str[1] = BYTES("v\0third");
    assert_int_equal(drill_message_decode(DRILL_TO_MILTER, 'L', BYTES("\0v\0third\0"), &b),
                     DRILL_DEFECT_EMBEDDED_NUL);
    assert_true(drill_message_equal(&a, &b));
    a.str[1] = BYTES("v\0thirD");
    assert_false(drill_message_equal(&a, &b));
}

static void test_walks_move_only_on_success(void **state)
{
    struct drill_reader r = drill_reader_of(BYTES("i\0x\0j\0"));
    struct drill_span name;
    struct drill_span value;
    uint32_t stage;
    (void)state;
    assert_true(drill_message_next_macro(&r, &name, &value));
    helper_assert_bytes(name, BYTES("i"), "name");
    helper_assert_bytes(value, BYTES("x"), "value");
    assert_false(drill_message_next_macro(&r, &name, &value));
    assert_int_equal(drill_reader_left(&r), 2);
    r = drill_reader_of(BYTES("\0\0\0\x07"
                              "a b\0\0\0\0\x01"
                              "c"));
    assert_true(drill_message_next_list(&r, &stage, &name));
    assert_int_equal(stage, 7);
    helper_assert_bytes(name, BYTES("a b"), "list");
    assert_false(drill_message_next_list(&r, &stage, &name));
    assert_int_equal(drill_reader_left(&r), 5);
    r = drill_reader_of(BYTES("a\0\0b"));
    assert_true(drill_message_next_str(&r, &name));
    assert_true(drill_message_next_str(&r, &name));
    assert_false(drill_message_next_str(&r, &name));
    assert_int_equal(drill_reader_left(&r), 1);
}

/* All rows of a direction as one stream: cutting it anywhere decodes the same messages. */
static void log_messages(void *ctx, const struct drill_span *pieces, size_t count,
                         struct drill_writer *log)
{
    enum drill_dir dir = *(const enum drill_dir *)ctx;
    struct drill_assembler a;
    drill_assemble_init(&a, NULL, 65535, 65535);
    for (size_t i = 0; i < count; i++) {
        struct drill_span in = pieces[i];
        struct drill_assembled f;
        enum drill_assemble_kind kind;
        while ((kind = drill_assemble_next(&a, &in, &f)) > DRILL_ASSEMBLE_MORE) {
            struct drill_message m;
            if (kind == DRILL_ASSEMBLE_FRAME) {
                drill_write_u8(log, f.frame.code);
                drill_write_text(
                    log, drill_defect_text(drill_message_decode(dir, f.frame.code, f.payload, &m)));
                drill_message_encode(&m, log);
                drill_write_text(log, "\n");
            }
        }
    }
    assert_int_equal(drill_frame_finish(&a.parser), DRILL_FRAME_OK);
    drill_assemble_fini(&a);
}

static void test_a_stream_of_all_messages_at_every_split(void **state)
{
    (void)state;
    for (int dir = DRILL_TO_MILTER; dir <= DRILL_TO_MTA; dir++) {
        uint8_t bytes[4096];
        struct drill_writer w = drill_writer_of(bytes, sizeof(bytes));
        for (size_t i = 0; i < ROWS(rows); i++) {
            uint8_t head[DRILL_FRAME_HEADER_SIZE];
            if ((int)rows[i].dir == dir) {
                drill_frame_put_header(head, (uint8_t)rows[i].code, (uint32_t)rows[i].payload.len);
                drill_write_bytes(&w, drill_span_of(head, sizeof(head)));
                drill_write_bytes(&w, rows[i].payload);
            }
        }
        assert_false(w.overflow);
        helper_every_split(drill_writer_span(&w), log_messages, &dir, NULL);
    }
}

enum { OTHERS = 8 };

int main(void)
{
    const struct CMUnitTest others[OTHERS] = {
        cmocka_unit_test(test_every_prefix_survives),
        cmocka_unit_test(test_every_message_has_a_good_row),
        cmocka_unit_test(test_every_defect_has_a_row_and_its_own_text),
        cmocka_unit_test(test_init_is_empty_and_canonical),
        cmocka_unit_test(test_equal_compares_codes_and_bytes),
        cmocka_unit_test(test_equal_of_a_view_and_raw_bytes),
        cmocka_unit_test(test_walks_move_only_on_success),
        cmocka_unit_test(test_a_stream_of_all_messages_at_every_split),
    };
    struct CMUnitTest tests[ROWS(rows) + OTHERS];
    for (size_t i = 0; i < ROWS(rows); i++) {
        tests[i] =
            (struct CMUnitTest){rows[i].name, test_row, NULL, NULL, (void *)(uintptr_t)&rows[i]};
    }
    memcpy(tests + ROWS(rows), others, sizeof(others));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
