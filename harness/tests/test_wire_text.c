/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "wire/text.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES_OF(lit)                              \
    {                                              \
        (const uint8_t *)("" lit), sizeof(lit) - 1 \
    }

enum { LIMIT = 1 << 20 };

static const char run_40[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

struct row {
    const char *line;
    enum drill_dir dir;
    char code;
    struct drill_span payload;
};

/* What is printed; parsed, it gives the bytes back. */
static const struct row rows[] = {
    {"> optneg version=6 actions=addhdrs,chgbody,addrcpt,delrcpt,chghdrs,quarantine,chgfrom,"
     "addrcpt_par,setsymlist protocol=nohelo,noeoh",
     DRILL_TO_MILTER, 'O', BYTES_OF("\0\0\0\x06\0\0\x01\xff\0\0\0\x42")},
    {"< optneg version=2 actions=0 protocol=nr_hdr,mds_1m,0x40200000 list.rcpt=\"{rcpt_addr}\" "
     "list.bodyeob=\"\" list.9=\"i\" list.rcpt=\"x\"",
     DRILL_TO_MTA, 'O',
     BYTES_OF("\0\0\0\x02\0\0\0\0\x60\x20\0\x80\0\0\0\x03{rcpt_addr}\0\0\0\0\x05\0\0\0\0\x09i\0\0\0"
              "\0\x03x\0")},
    {"> optneg data=\"\\0\\0\\0\"", DRILL_TO_MILTER, 'O', BYTES_OF("\0\0\0")},
    {"> macro stage=mail {mail_addr}=\"alice@example.org\" i=\"a\" i=\"b\"", DRILL_TO_MILTER, 'D',
     BYTES_OF("M{mail_addr}\0alice@example.org\0i\0a\0i\0b\0")},
    {"> macro stage=helo", DRILL_TO_MILTER, 'D', BYTES_OF("H")},
    {"> macro stage=90 \"\"=\"\" \"odd name\"=\"1\" \"stage\"=\"2\" \"data\"=\"3\" \"{a b}\"=\"4\" "
     "_=\"5\" \"+\"=\"6\"",
     DRILL_TO_MILTER, 'D',
     BYTES_OF("Z\0\0odd name\0"
              "1\0stage\0"
              "2\0data\0"
              "3\0{a b}\0"
              "4\0_\0"
              "5\0+\0"
              "6\0")},
    {"> macro data=\"Mj\\0host\"", DRILL_TO_MILTER, 'D', BYTES_OF("Mj\0host")},
    {"> connect host=\"mx\" family=inet port=47324 address=\"192.0.2.5\"", DRILL_TO_MILTER, 'C',
     BYTES_OF("mx\0"
              "4\xb8\xdc"
              "192.0.2.5\0")},
    {"> connect host=\"mx\" family=inet6 port=0 address=\"::1\"", DRILL_TO_MILTER, 'C',
     BYTES_OF("mx\0"
              "6\0\0::1\0")},
    {"> connect host=\"mx\" family=unix port=0 address=\"/s\"", DRILL_TO_MILTER, 'C',
     BYTES_OF("mx\0L\0\0/s\0")},
    {"> connect host=\"mx\" family=unknown", DRILL_TO_MILTER, 'C', BYTES_OF("mx\0U")},
    {"> connect data=\"mx\\0X\"", DRILL_TO_MILTER, 'C', BYTES_OF("mx\0X")},
    {"> helo name=\"mx\"", DRILL_TO_MILTER, 'H', BYTES_OF("mx\0")},
    {"> helo data=\"mx\"", DRILL_TO_MILTER, 'H', BYTES_OF("mx")},
    {"> helo data=\"\"", DRILL_TO_MILTER, 'H', BYTES_OF("")},
    {"> mail address=\"<a@b>\" arg=\"SIZE=1\" arg=\"\"", DRILL_TO_MILTER, 'M',
     BYTES_OF("<a@b>\0SIZE=1\0\0")},
    {"> rcpt address=\"<a@b>\"", DRILL_TO_MILTER, 'R', BYTES_OF("<a@b>\0")},
    {"> data", DRILL_TO_MILTER, 'T', BYTES_OF("")},
    {"> eoh", DRILL_TO_MILTER, 'N', BYTES_OF("")},
    {"> unknown line=\"XFOO bar\"", DRILL_TO_MILTER, 'U', BYTES_OF("XFOO bar\0")},
    {"> header name=\"To\" value=\"a,\\r\\n\\tb \\\"c\\\\ \\x01\\x7f\\xe9\"", DRILL_TO_MILTER, 'L',
     BYTES_OF("To\0a,\r\n\tb \"c\\ \x01\x7f\xe9\0")},
    {"> header data=\"To\\0a\\0b\\0\"", DRILL_TO_MILTER, 'L', BYTES_OF("To\0a\0b\0")},
    {"> body data=\"\\0001\"", DRILL_TO_MILTER, 'B',
     BYTES_OF("\0"
              "001")},
    {"> body data=\"\"", DRILL_TO_MILTER, 'B', BYTES_OF("")},
    {"> body data=\"x\" + \"a\" * 32 + \"bb\"", DRILL_TO_MILTER, 'B',
     BYTES_OF("xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabb")},
    {"> body data=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", DRILL_TO_MILTER, 'B',
     BYTES_OF("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")},
    {"> bodyeob", DRILL_TO_MILTER, 'E', BYTES_OF("")},
    {"> bodyeob data=\"x\"", DRILL_TO_MILTER, 'E', BYTES_OF("x")},
    {"> abort", DRILL_TO_MILTER, 'A', BYTES_OF("")},
    {"> quit", DRILL_TO_MILTER, 'Q', BYTES_OF("")},
    {"> quit_nc", DRILL_TO_MILTER, 'K', BYTES_OF("")},
    {"> frame code=99 data=\"\"", DRILL_TO_MILTER, 'c', BYTES_OF("")},
    {"< frame code=255 data=\"ab\"", DRILL_TO_MTA, '\xff', BYTES_OF("ab")},
    {"< continue", DRILL_TO_MTA, 'c', BYTES_OF("")},
    {"< continue data=\"xxxx\"", DRILL_TO_MTA, 'c', BYTES_OF("xxxx")},
    {"< accept", DRILL_TO_MTA, 'a', BYTES_OF("")},
    {"< reject", DRILL_TO_MTA, 'r', BYTES_OF("")},
    {"< tempfail", DRILL_TO_MTA, 't', BYTES_OF("")},
    {"< discard", DRILL_TO_MTA, 'd', BYTES_OF("")},
    {"< skip", DRILL_TO_MTA, 's', BYTES_OF("")},
    {"< progress", DRILL_TO_MTA, 'p', BYTES_OF("")},
    {"< shutdown", DRILL_TO_MTA, '4', BYTES_OF("")},
    {"< conn_fail", DRILL_TO_MTA, 'f', BYTES_OF("")},
    {"< setsymlist", DRILL_TO_MTA, 'l', BYTES_OF("")},
    {"< replycode text=\"550-a\\r\\n550 b\"", DRILL_TO_MTA, 'y', BYTES_OF("550-a\r\n550 b\0")},
    {"< replycode data=\"550 5.1.1 no such user\"", DRILL_TO_MTA, 'y',
     BYTES_OF("550 5.1.1 no such user")},
    {"< addheader name=\"X\" value=\"\"", DRILL_TO_MTA, 'h', BYTES_OF("X\0\0")},
    {"< insheader index=4294967295 name=\"X\" value=\"y\"", DRILL_TO_MTA, 'i',
     BYTES_OF("\xff\xff\xff\xffX\0y\0")},
    {"< chgheader index=1 name=\"X\" value=\"y\"", DRILL_TO_MTA, 'm', BYTES_OF("\0\0\0\x01X\0y\0")},
    {"< replbody data=\"new\"", DRILL_TO_MTA, 'b', BYTES_OF("new")},
    {"< addrcpt address=\"<a@b>\"", DRILL_TO_MTA, '+', BYTES_OF("<a@b>\0")},
    {"< delrcpt address=\"<a@b>\"", DRILL_TO_MTA, '-', BYTES_OF("<a@b>\0")},
    {"< addrcpt_par address=\"<a@b>\" args=\"A=1\"", DRILL_TO_MTA, '2', BYTES_OF("<a@b>\0A=1\0")},
    {"< chgfrom address=\"<a@b>\"", DRILL_TO_MTA, 'e', BYTES_OF("<a@b>\0")},
    {"< chgfrom address=\"<a@b>\" args=\"\"", DRILL_TO_MTA, 'e', BYTES_OF("<a@b>\0\0")},
    {"< quarantine reason=\"why\"", DRILL_TO_MTA, 'q', BYTES_OF("why\0")},
};

static enum drill_code parse(const char *text, const struct drill_alloc *alloc,
                             struct drill_arena *arena, struct drill_text_line *line,
                             struct drill_error *err)
{
    struct drill_span exact = helper_exact(drill_span_str(text));
    drill_arena_init(arena, alloc, 0);
    enum drill_code code = drill_text_parse(exact, LIMIT, arena, line, err);
    helper_exact_free(exact);
    return code;
}

static void check_parse(const char *text, enum drill_text_kind kind, enum drill_dir dir, char code,
                        struct drill_span payload)
{
    struct drill_arena arena;
    struct drill_text_line line;
    struct drill_error err;
    if (parse(text, NULL, &arena, &line, &err) != DRILL_OK) {
        fail_msg("%s\ncolumn %u: %s", text, err.column, err.text);
    }
    assert_int_equal(line.kind, kind);
    assert_int_equal(line.dir, dir);
    if (kind == DRILL_TEXT_FRAME) {
        assert_int_equal(line.code, (uint8_t)code);
    }
    helper_assert_bytes(line.payload, payload, text);
    drill_arena_fini(&arena);
}

static void test_every_message_prints(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char buf[1024];
        struct drill_writer w = drill_writer_of(buf, sizeof(buf));
        struct drill_span payload = helper_exact(rows[i].payload);
        drill_text_frame(&w, rows[i].dir, (uint8_t)rows[i].code, payload, 0);
        helper_assert_bytes(drill_writer_span(&w), drill_span_str(rows[i].line), rows[i].line);
        helper_exact_free(payload);
    }
}

static void test_every_line_parses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        check_parse(rows[i].line, DRILL_TEXT_FRAME, rows[i].dir, rows[i].code, rows[i].payload);
    }
}

static void test_every_known_message_has_a_row(void **state)
{
    (void)state;
    for (int dir = DRILL_TO_MILTER; dir <= DRILL_TO_MTA; dir++) {
        size_t count;
        const struct drill_proto_message *m = drill_proto_messages((enum drill_dir)dir, &count);
        for (size_t i = 0; i < count; i++) {
            bool found = false;
            for (size_t k = 0; k < ROWS(rows); k++) {
                found = found || ((int)rows[k].dir == dir && (uint8_t)rows[k].code == m[i].code);
            }
            if (!found) {
                fail_msg("%s has no row", m[i].name);
            }
        }
    }
}

/* What is accepted but printed otherwise. */
static void test_other_spellings_parse(void **state)
{
    static const struct row others[] = {
        {"  >   helo\tname=\"a\" + \"b\"*2+hex \"43 4a\" # said", DRILL_TO_MILTER, 'H',
         BYTES_OF("abbCJ\0")},
        {">quit\r\n", DRILL_TO_MILTER, 'Q', BYTES_OF("")},
        {"> quit#", DRILL_TO_MILTER, 'Q', BYTES_OF("")},
        {"> macro i=\"1\" stage=0x4d", DRILL_TO_MILTER, 'D',
         BYTES_OF("Mi\0"
                  "1\0")},
        {"> body data=\"ab\" * 0", DRILL_TO_MILTER, 'B', BYTES_OF("")},
        {"> body data=\"\" * 18446744073709551615", DRILL_TO_MILTER, 'B', BYTES_OF("")},
        {"> body data=hex \"\"", DRILL_TO_MILTER, 'B', BYTES_OF("")},
        {"> connect family=88 host=\"h\"", DRILL_TO_MILTER, 'C', BYTES_OF("h\0X")},
        {"> connect host=\"h\" family=88 port=258 address=\"a\"", DRILL_TO_MILTER, 'C',
         BYTES_OF("h\0X\x01\x02"
                  "a\0")},
        {"> header value=\"v\\0third\" name=\"\"", DRILL_TO_MILTER, 'L', BYTES_OF("\0v\0third\0")},
        {"< optneg protocol=0x80,nr_hdr , 0x1 actions=0x1ff version=0", DRILL_TO_MTA, 'O',
         BYTES_OF("\0\0\0\0\0\0\x01\xff\0\0\0\x81")},
        {"< optneg version=1 actions=0 protocol=0 list.5=\"i\"", DRILL_TO_MTA, 'O',
         BYTES_OF("\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x05i\0")},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(others); i++) {
        check_parse(others[i].line, DRILL_TEXT_FRAME, others[i].dir, others[i].code,
                    others[i].payload);
    }
}

static void test_raw_bytes_print_and_parse(void **state)
{
    static const char want[] = "< raw data=\"UNKNOWN COMMAND\\n\"";
    char buf[100];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    (void)state;
    drill_text_raw(&w, DRILL_TO_MTA, BYTES("UNKNOWN COMMAND\n"), 0);
    helper_assert_bytes(drill_writer_span(&w), drill_span_str(want), "raw");
    check_parse(want, DRILL_TEXT_RAW, DRILL_TO_MTA, 0, BYTES("UNKNOWN COMMAND\n"));
}

static void test_flags_print_as_names_and_one_number(void **state)
{
    size_t count;
    const struct drill_proto_bit *bits = drill_proto_steps(&count);
    static const struct {
        uint32_t value;
        const char *want;
    } cases[] = {
        {0, "0"},
        {0x42, "nohelo,noeoh"},
        {0x40000000, "0x40000000"},
        {0xc0200001, "noconnect,0xc0200000"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        char buf[100];
        struct drill_writer w = drill_writer_of(buf, sizeof(buf));
        drill_text_flags(&w, bits, count, cases[i].value);
        helper_assert_bytes(drill_writer_span(&w), drill_span_str(cases[i].want), "flags");
    }
    char buf[10];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    drill_text_flags(&w, bits, 0, 5);
    helper_assert_bytes(drill_writer_span(&w), BYTES("0x5"), "one digit");
}

static void test_shortened_values_show_their_length(void **state)
{
    char buf[200];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    (void)state;
    drill_text_bytes(&w, BYTES("abcdefgh"), 4);
    drill_write_text(&w, "|");
    drill_text_bytes(&w, BYTES("abcd"), 4);
    drill_write_text(&w, "|");
    drill_text_bytes(&w, drill_span_str(run_40), 4);
    helper_assert_bytes(drill_writer_span(&w), BYTES("\"abcd\"... (8 bytes)|\"abcd\"|\"a\" * 40"),
                        "shortened");
}

static const struct {
    const char *line;
    enum drill_code code;
    uint32_t column;
    const char *text;
} errors[] = {
    {"", DRILL_ERR_SYNTAX, 1,
     "expected \">\" (MTA to milter) or \"<\" (milter to MTA), but the line ends here"},
    {"helo", DRILL_ERR_SYNTAX, 1, "expected \">\" (MTA to milter) or \"<\" (milter to MTA)"},
    {"> ", DRILL_ERR_SYNTAX, 3, "expected the name of a message, but the line ends here"},
    {"> 7", DRILL_ERR_SYNTAX, 3, "expected the name of a message"},
    {"> heol name=\"x\"", DRILL_ERR_VALUE, 3, "unknown command \"heol\"; did you mean \"helo\"?"},
    {"< contine", DRILL_ERR_VALUE, 3, "unknown reply \"contine\"; did you mean \"continue\"?"},
    {"< xyzzy", DRILL_ERR_VALUE, 3, "unknown reply \"xyzzy\""},
    {"> continue", DRILL_ERR_VALUE, 3, "continue is a reply: its line begins with \"<\""},
    {"< mail", DRILL_ERR_VALUE, 3, "mail is a command: its line begins with \">\""},
    {"> helo", DRILL_ERR_VALUE, 7, "name= is missing here"},
    {"> header name=\"x\"", DRILL_ERR_VALUE, 18, "value= is missing here"},
    {"> body", DRILL_ERR_VALUE, 7, "data= is missing here"},
    {"> frame data=\"\"", DRILL_ERR_VALUE, 16, "code= is missing here"},
    {"> frame code=1", DRILL_ERR_VALUE, 15, "data= is missing here"},
    {"> raw", DRILL_ERR_VALUE, 6, "data= is missing here"},
    {"> helo nam=\"x\"", DRILL_ERR_VALUE, 8, "helo has no field \"nam\"; did you mean \"name\"?"},
    {"> raw code=1", DRILL_ERR_VALUE, 7, "this line has no field \"code\""},
    {"> helo name=\"x\" name=\"y\"", DRILL_ERR_VALUE, 17, "this field stands twice on the line"},
    {"> quit data=\"\" data=\"\"", DRILL_ERR_VALUE, 16, "this field stands twice on the line"},
    {"> helo name=\"x\" data=\"y\"", DRILL_ERR_VALUE, 25,
     "data= is the whole payload, so no field of the message can stand beside it"},
    {"> macro data=\"M\" i=\"x\"", DRILL_ERR_VALUE, 23,
     "data= is the whole payload, so no field of the message can stand beside it"},
    {"> helo name", DRILL_ERR_SYNTAX, 12, "expected \"=\" and a value, but the line ends here"},
    {"> helo name = \"x\"", DRILL_ERR_SYNTAX, 12, "expected \"=\" and a value"},
    {"> helo name=x", DRILL_ERR_SYNTAX, 13, "expected a value: \"...\" or hex \"...\""},
    {"> helo name=", DRILL_ERR_SYNTAX, 13,
     "expected a value: \"...\" or hex \"...\", but the line ends here"},
    {"> helo name=\"x\"y=\"z\"", DRILL_ERR_SYNTAX, 16, "expected a blank before the next field"},
    {"> helo name=\"x\" 7", DRILL_ERR_SYNTAX, 17, "expected a field, as in name=value"},
    {"> helo name=\"x", DRILL_ERR_SYNTAX, 13, "this string has no closing quote on its line"},
    {"> helo name=\"a\\q\"", DRILL_ERR_SYNTAX, 15,
     "unknown escape; there are \\\\ \\\" \\n \\r \\t \\0 \\xHH"},
    {"> helo name=\"a\\x1\"", DRILL_ERR_SYNTAX, 15,
     "unknown escape; there are \\\\ \\\" \\n \\r \\t \\0 \\xHH"},
    {"> helo name=hex \"0a f\"", DRILL_ERR_SYNTAX, 17,
     "hex digits come in pairs, with blanks only between pairs: digit 4 of \"0a f\""},
    {"> helo name=file \"x\"", DRILL_ERR_VALUE, 13,
     "a single line cannot load files; write the bytes"},
    {"> helo name=\"a\" * x", DRILL_ERR_SYNTAX, 19,
     "expected an integer (decimal or 0x hexadecimal)"},
    {"> body data=\"ab\" * 524289", DRILL_ERR_LIMIT, 20,
     "the line expands to more than 1048576 bytes"},
    {"> body data=\"a\" * 1MiB + \"b\"", DRILL_ERR_LIMIT, 26,
     "the line expands to more than 1048576 bytes"},
    {"> body data=\"ab\" * 18446744073709551615", DRILL_ERR_LIMIT, 20,
     "the line expands to more than 1048576 bytes"},
    {"> helo name=\"a\" * 1MiB", DRILL_ERR_LIMIT, 23,
     "the line expands to more than 1048576 bytes"},
    {"> mail address=\"\" arg=\"a\" * 1MiB", DRILL_ERR_LIMIT, 29,
     "the line expands to more than 1048576 bytes"},
    {"> mail address=\"\" arg=\"a\" * 600KiB arg=\"b\" * 600KiB x", DRILL_ERR_LIMIT, 46,
     "the line expands to more than 1048576 bytes"},
    {"> frame code=256 data=\"\"", DRILL_ERR_VALUE, 14, "256 does not fit here; at most 255"},
    {"> connect host=\"\" family=inet port=65536 address=\"\"", DRILL_ERR_VALUE, 36,
     "65536 does not fit here; at most 65535"},
    {"> connect host=\"\" family=inte port=1 address=\"\"", DRILL_ERR_VALUE, 26,
     "unknown address family \"inte\"; did you mean \"inet\"?"},
    {"> connect host=\"\" family=inet", DRILL_ERR_VALUE, 30, "port= is missing here"},
    {"> connect host=\"\" family=inet port=1", DRILL_ERR_VALUE, 37, "address= is missing here"},
    {"> connect host=\"\" family=unknown port=1 address=\"\"", DRILL_ERR_VALUE, 51,
     "family=unknown has no port and no address; data= can write such a payload"},
    {"> macro stage=mial", DRILL_ERR_VALUE, 15, "unknown command \"mial\"; did you mean \"mail\"?"},
    {"> macro stge=mail", DRILL_ERR_VALUE, 9,
     "macro has no field \"stge\"; did you mean \"stage\"? (a macro of that name is written "
     "with "
     "quotes: \"stge\"=)"},
    {"> macro stage=mail {a b}=\"\"", DRILL_ERR_SYNTAX, 20,
     "expected a macro name as {word}, one letter, or a string"},
    {"> helo {a}=\"\"", DRILL_ERR_SYNTAX, 8, "expected a field, as in name=value"},
    {"> optneg version=6 actions=addhdr protocol=0", DRILL_ERR_VALUE, 28,
     "unknown flag \"addhdr\"; did you mean \"addhdrs\"?"},
    {"> optneg version=6 actions=+addhdrs protocol=0", DRILL_ERR_SYNTAX, 28,
     "expected names or integers with commas between; + and - need a profile"},
    {"< optneg version=6 actions=0 protocol=0 list=\"i\"", DRILL_ERR_SYNTAX, 45,
     "expected a point and a stage, as in list.rcpt="},
    {"< optneg version=6 actions=0 protocol=0 list.rctp=\"i\"", DRILL_ERR_VALUE, 46,
     "unknown stage of a macro list \"rctp\"; did you mean \"rcpt\"?"},
};

static void test_parse_errors_tell_place_and_way_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(errors); i++) {
        struct drill_arena arena;
        struct drill_text_line line;
        struct drill_error err;
        enum drill_code code = parse(errors[i].line, NULL, &arena, &line, &err);
        if (code != errors[i].code || err.column != errors[i].column ||
            strcmp(err.text, errors[i].text) != 0) {
            fail_msg("%s\ngot  %d, column %u: %s\nwant %d, column %u: %s", errors[i].line,
                     (int)code, err.column, err.text, (int)errors[i].code, errors[i].column,
                     errors[i].text);
        }
        assert_int_equal(err.code, code);
        assert_int_equal(err.line, 1);
        drill_arena_fini(&arena);
    }
}

/* However a line is cut short, nothing is read behind it. */
static void test_every_prefix_of_a_line_is_taken_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t whole = strlen(rows[i].line);
        for (size_t len = 0; len < whole; len++) {
            struct drill_arena arena;
            struct drill_text_line line;
            struct drill_error err;
            struct drill_span cut = helper_exact(drill_span_of(rows[i].line, len));
            drill_arena_init(&arena, NULL, 0);
            enum drill_code code = drill_text_parse(cut, LIMIT, &arena, &line, &err);
            assert_true(code == DRILL_OK || (err.column >= 1 && err.column <= len + 1));
            drill_arena_fini(&arena);
            helper_exact_free(cut);
        }
    }
}

static bool parse_line(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_arena arena;
    struct drill_text_line line;
    struct drill_error err;
    enum drill_code code = parse(ctx, alloc, &arena, &line, &err);
    assert_true(code == DRILL_OK || code == DRILL_ERR_MEMORY);
    drill_arena_fini(&arena);
    return code == DRILL_OK;
}

static void test_parse_with_each_allocation_failing(void **state)
{
    static const char *const lines[] = {
        "> header name=\"To\" value=\"a\" * 10000 + \"bc\" * 5000 + hex \"0a0b\"",
        "> macro stage=mail {mail_addr}=\"a\" * 3000 i=\"b\" * 3000 \"odd\"=\"c\" * 3000",
        "< optneg version=6 actions=0 protocol=0 list.rcpt=\"a\" * 9000 list.9=\"b\" * 9000",
        "> body data=\"x\" * 100000",
    };
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        helper_every_alloc(parse_line, (void *)(uintptr_t)lines[i]);
    }
}

static void test_limit_is_exact(void **state)
{
    struct drill_arena arena;
    struct drill_text_line line;
    struct drill_error err;
    struct drill_span text = drill_span_str("> mail address=\"abc\" arg=\"de\"");
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    assert_int_equal(drill_text_parse(text, 7, &arena, &line, &err), DRILL_OK);
    assert_int_equal(line.payload.len, 7);
    assert_int_equal(drill_text_parse(text, 6, &arena, &line, &err), DRILL_ERR_LIMIT);
    assert_int_equal(drill_text_parse(text, 0, &arena, &line, &err), DRILL_ERR_LIMIT);
    drill_arena_fini(&arena);
}

static void test_scan_int(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
        const char *rest;
    } cases[] = {
        {"0", true, 0, ""},
        {"12..", true, 12, ".."},
        {"0xfF,", true, 255, ","},
        {"4KiB", true, 4096, ""},
        {"0x2MiB ", true, 2097152, " "},
        {"18446744073709551615", true, UINT64_MAX, ""},
        {"18446744073709551616", false, 0, NULL},
        {"18014398509481984KiB", false, 0, NULL},
        {"0xfffffffffffffffff", false, 0, NULL},
        {"40ms", false, 0, NULL},
        {"4KiBs", false, 0, NULL},
        {"4KiB4", false, 0, NULL},
        {"0x", false, 0, NULL},
        {"0xg", false, 0, NULL},
        {"", false, 0, NULL},
        {"-1", false, 0, NULL},
        {"x", false, 0, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        struct drill_span text = helper_exact(drill_span_str(cases[i].text));
        struct drill_span in = text;
        uint64_t value = 77;
        assert_int_equal(drill_text_scan_int(&in, &value), cases[i].ok);
        assert_true(value == (cases[i].ok ? cases[i].value : 77));
        helper_assert_bytes(in, drill_span_str(cases[i].ok ? cases[i].rest : cases[i].text),
                            cases[i].text);
        helper_exact_free(text);
    }
}

static void test_scan_name(void **state)
{
    static const struct {
        const char *text;
        const char *name; /* NULL: none */
    } cases[] = {
        {"a", "a"},  {"_x-9=", "_x-9"}, {"half-close ", "half-close"},
        {"", NULL},  {"9a", NULL},      {"-a", NULL},
        {".", NULL}, {"a.b", "a"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        struct drill_span text = helper_exact(drill_span_str(cases[i].text));
        struct drill_span in = text;
        struct drill_span name = drill_span_of(NULL, 0);
        assert_int_equal(drill_text_scan_name(&in, &name), cases[i].name != NULL);
        helper_assert_bytes(name, drill_span_str(cases[i].name), cases[i].text);
        assert_int_equal(in.len, text.len - name.len);
        helper_exact_free(text);
    }
}

static void test_scan_string_moves_to_the_fault(void **state)
{
    struct drill_arena arena;
    struct drill_error err;
    struct drill_span in = BYTES("\"a\\\"\\\\\\x4a\"rest");
    struct drill_span out;
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    assert_int_equal(drill_text_scan_string(&in, &arena, &out, &err), DRILL_OK);
    helper_assert_bytes(out, BYTES("a\"\\J"), "string");
    helper_assert_bytes(in, BYTES("rest"), "behind it");
    assert_int_equal(drill_text_scan_string(&in, &arena, &out, &err), DRILL_ERR_SYNTAX);
    in = BYTES("\"ab\\z\"");
    assert_int_equal(drill_text_scan_string(&in, &arena, &out, &err), DRILL_ERR_SYNTAX);
    helper_assert_bytes(in, BYTES("\\z\""), "at the escape");
    in = BYTES("\"ab\n\"");
    assert_int_equal(drill_text_scan_string(&in, &arena, &out, &err), DRILL_ERR_SYNTAX);
    assert_int_equal(in.len, 5);
    drill_arena_fini(&arena);
}

static void test_unhex(void **state)
{
    static const struct {
        struct drill_span digits;
        enum drill_code code;
        struct drill_span want;
    } cases[] = {
        {BYTES_OF("0a ff"), DRILL_OK, BYTES_OF("\x0a\xff")},
        {BYTES_OF(" 0Aff\t"), DRILL_OK, BYTES_OF("\x0a\xff")},
        {BYTES_OF(""), DRILL_OK, BYTES_OF("")},
        {BYTES_OF("0"), DRILL_ERR_SYNTAX, BYTES_OF("")},
        {BYTES_OF("0 a"), DRILL_ERR_SYNTAX, BYTES_OF("")},
        {BYTES_OF("0g"), DRILL_ERR_SYNTAX, BYTES_OF("")},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        struct drill_arena arena;
        struct drill_error err;
        struct drill_span out = drill_span_of(NULL, 0);
        struct drill_span digits = helper_exact(cases[i].digits);
        drill_arena_init(&arena, NULL, 0);
        assert_int_equal(drill_text_unhex(digits, &arena, &out, &err), cases[i].code);
        helper_assert_bytes(out, cases[i].want, "unhex");
        drill_arena_fini(&arena);
        helper_exact_free(digits);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_message_prints),
        cmocka_unit_test(test_every_line_parses),
        cmocka_unit_test(test_every_known_message_has_a_row),
        cmocka_unit_test(test_other_spellings_parse),
        cmocka_unit_test(test_raw_bytes_print_and_parse),
        cmocka_unit_test(test_flags_print_as_names_and_one_number),
        cmocka_unit_test(test_shortened_values_show_their_length),
        cmocka_unit_test(test_parse_errors_tell_place_and_way_out),
        cmocka_unit_test(test_every_prefix_of_a_line_is_taken_or_refused),
        cmocka_unit_test(test_parse_with_each_allocation_failing),
        cmocka_unit_test(test_limit_is_exact),
        cmocka_unit_test(test_scan_int),
        cmocka_unit_test(test_scan_name),
        cmocka_unit_test(test_scan_string_moves_to_the_fault),
        cmocka_unit_test(test_unhex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
