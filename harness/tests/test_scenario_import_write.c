/* SPDX-License-Identifier: MIT */
/* Streams, hex dumps, finding frames, and the first and last lines of what is written. */
#include "tests/import_case.h"

static void hex_is(const char *text, struct drill_span want)
{
    struct drill_buf out;
    drill_buf_init(&out, NULL);
    struct drill_hex_result result;
    assert_true(drill_import_hex(drill_span_str(text), &out, &result));
    assert_int_equal(result.odd_line, 0);
    helper_assert_bytes(drill_buf_span(&out), want, text);
    drill_buf_fini(&out);
}

static void test_hex_dumps(void **state)
{
    static const char bytes[] = "abcdefghijklmnop|ab ";
    struct drill_span want = drill_span_of(bytes, 20);
    (void)state;
    hex_is("61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70\n7c 61 62 20", want);
    hex_is("6162636465666768696a6b6c6d6e6f707c616220\n", want);
    hex_is("00000000: 6162 6364 6566 6768 696a 6b6c 6d6e 6f70  abcdefghijklmnop\n"
           "00000010: 7c61 6220                                |ab \n",
           want);
    hex_is("00000000: 6162 6364 6566 6768 696a 6b6c 6d6e 6f70  abcd|fghijklmnop\n"
           "00000010: 7c61 6220                                ab|a \n",
           want);
    hex_is("00000000  61 62 63 64 65 66 67 68  69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"
           "00000010  7c 61 62 20                                       ||ab |\n00000014\n",
           want);
    hex_is("000000 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70  >abcdefghijklmnop<\n"
           "000010 7c 61 62 20                                      >|ab <\n000014\n",
           want);
    hex_is(
        "0000000 61 62 63 64 65 66 67 68 69 6a 6b 6c 6d 6e 6f 70\n0000020 7c 61 62 20\n0000024\n",
        want);
    hex_is("\t0x0000:  6162 6364 6566 6768 696a 6b6c 6d6e 6f70  abcdefghijklmnop\n"
           "\t0x0010:  7c61 6220                                |ab.\n",
           want);
    hex_is("no digits, no bytes\n", drill_span_of(NULL, 0));
    hex_is("61:62:63:64:65:66:67:68:69:6a:6b:6c:6d:6e:6f:70:7c:61:62:20\r\n", want);
    hex_is("0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,\n"
           "  0x6e, 0x6f, 0x70, 0x7c, 0x61, 0x62, 0x20\n",
           want);
    hex_is("\\x61\\x62\\x63\\x64\\x65\\x66\\x67\\x68\\x69\\x6a\\x6b\\x6c\\x6d\\x6e\\x6f\\x70|ab\n"
           "7c616220\n",
           want);
}

/* hexdump and od print `*` for lines like the one before, and say where the next one begins. */
static void test_lines_that_a_dump_leaves_out(void **state)
{
    static const char *const dumps[] = {
        "00000000  41 41 41 41 41 41 41 41  41 41 41 41 41 41 41 41  |AAAAAAAAAAAAAAAA|\n*\n"
        "00000040  42                                                |B|\n00000041\n",
        "0000000 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  >AAAAAAAAAAAAAAAA<\r\n*\r\n"
        "0000100 42                                               >B<\r\n0000101\r\n",
        "0000000 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41\n"
        "0000016 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41\n*\n0000064 42\n0000065\n",
        "000000 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41\n*\n000040 42\n000041\n",
    };
    char want[65];
    (void)state;
    memset(want, 'A', 64);
    want[64] = 'B';
    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]); i++) {
        hex_is(dumps[i], drill_span_of(want, 65));
    }
}

static void odd_line(const char *text, uint32_t line)
{
    struct drill_buf out;
    struct drill_hex_result result;
    drill_buf_init(&out, NULL);
    assert_true(drill_import_hex(drill_span_str(text), &out, &result));
    assert_int_equal(result.odd_line, line);
    drill_buf_fini(&out);
}

static void test_lines_of_a_dump_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    odd_line("61 62\n61 6g\n61\n7", 2);
    odd_line("616\n", 1);
    odd_line("00000000  41  |A|\n*\nffffff00  42  |B|\n", 3);
    odd_line("00000000  41  |A|\n*\n", 2);
    odd_line("text\n\n61 62 (two bytes)\n", 3);
    odd_line("text\n*\n61\n", 0);
    odd_line("61 61\n*\n62\n", 2);
}

static void streams(struct drill_span mta, struct drill_span milter, const char *want)
{
    struct case_import t;
    case_begin(&t);
    drill_import_streams(&t.im, mta, milter);
    assert_int_equal(t.im.count, 1);
    case_is(&t, 0, want);
    case_end(&t);
}

#define OPT  "\0\0\0\015O\0\0\0\006\0\0\0\0\0\0\0\0"
#define NR   "\0\0\0\015O\0\0\0\006\0\0\0\0\0\0\0\200" /* NR_HDR */
#define LINE "\0\0\0\005La\0b\0"
#define NEXT "\0\0\0\001N"
#define DONE "\0\0\0\001E"
#define GO   "\0\0\0\001c"
#define ADD  "\0\0\0\005hc\0d\0"
#define WAIT "\0\0\0\001p"

static void test_each_reply_stands_behind_its_command(void **state)
{
    (void)state;
    streams(BYTES(OPT "\0\0\0\002DH" LINE LINE NEXT DONE "\0\0\0\001Q"),
            BYTES(OPT GO GO GO WAIT ADD GO),
            OFFERED "> macro stage=helo\n> header name=\"a\" value=\"b\"\n< continue\n"
                    "> header name=\"a\" value=\"b\"\n< continue\n> eoh\n< continue\n> bodyeob\n"
                    "< progress\n< addheader name=\"c\" value=\"d\"\n< continue\n> quit\n");
    streams(BYTES(OPT LINE LINE NEXT), BYTES(NR GO),
            "> optneg version=6 actions=0 protocol=0\n< optneg version=6 actions=0 "
            "protocol=nr_hdr\n> header name=\"a\" value=\"b\"\n> header name=\"a\" value=\"b\"\n"
            "> eoh\n< continue\n");
}

static void test_streams_that_do_not_fit(void **state)
{
    (void)state;
    streams(BYTES(OPT), BYTES(OPT GO "\0\0"),
            OFFERED "< continue\n# There is no more of this frame.\n< raw data=\"\\0\\0\"\n");
    streams(BYTES(""), BYTES(GO), "< continue\n");
    streams(BYTES(NEXT "TEXT"), BYTES(""),
            "> eoh\n# What the MTA sends here is not framed.\n> raw data=\"TEXT\"\n");
}

static void test_where_frames_begin(void **state)
{
    static const struct {
        struct drill_span bytes;
        size_t at;
    } cases[] = {
        {{(const uint8_t *)NEXT, 5}, 0},
        {{(const uint8_t *)"ab" NEXT, 7}, 2},
        {{(const uint8_t *)"\0\0\0" NEXT DONE, 13}, 3},
        {{(const uint8_t *)"\0\0\1\0Babc", 8}, 0},           /* a header alone, at the front */
        {{(const uint8_t *)"x\0\0\1\0Babc", 9}, 9},          /* and not further on */
        {{(const uint8_t *)"x" NEXT "\0\0\1\0Babc", 14}, 1}, /* but behind a whole frame */
        {{(const uint8_t *)"\0\0\0\1z", 5}, 5},              /* no command */
        {{(const uint8_t *)"\0\0\0\2Nx", 6}, 6},             /* none that is canonical */
        {{(const uint8_t *)"\0\0\0", 3}, 3},
        {{(const uint8_t *)"", 0}, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(drill_import_sync(DRILL_TO_MILTER, cases[i].bytes), cases[i].at);
    }
}

static void text_is(struct drill_span mta, struct drill_span milter, const char *want)
{
    struct case_import t;
    struct drill_import_written w;
    case_begin(&t);
    drill_import_streams(&t.im, mta, milter);
    assert_true(drill_import_write(t.im.talks, "talk", true, &t.arena, NULL, &w));
    assert_true(drill_buf_append(&w.text, drill_span_of("", 1)));
    if (!strstr((const char *)w.text.ptr, want)) {
        fail_msg("lacks %s:\n%s", want, (const char *)w.text.ptr);
    }
    drill_import_written_fini(&w);
    case_end(&t);
}

#define SESSION                                                 \
    OPT "\0\0\0\023DCv\0Postfix 3.7.11\0\0\0\0\021Cmx\0004\1\2" \
        "192.0.2.5\0"                                           \
        "\0\0\0\006Hhelo\0\0\0\0\007M<a@b>\0\0\0\0\007R<c@d>\0" DONE

static void test_the_first_lines(void **state)
{
    (void)state;
    text_is(BYTES(SESSION), BYTES(OPT),
            "drill 1 \"imported: Postfix 3.7.11, 1 message, no verdict\" "
            "recorded=\"1970-01-01T00:00:00Z\"\n"
            "# This file holds real mail. Before you give it away: milterdrill scrub talk.drill\n"
            "mta postfix\n"
            "client addr=\"192.0.2.5\" port=258 host=\"mx\" helo=\"helo\"\n"
            "message from=\"<a@b>\" rcpt=\"<c@d>\"\n> optneg");
    text_is(BYTES("\0\0\0\033DC{daemon_name}\0Stalwart 1\0"), BYTES(""), "mta stalwart\n");
    text_is(BYTES("TEXT"), BYTES(GO), "0 messages, not whole\" tests=milter ");
    text_is(BYTES(NEXT), BYTES("TEXT"), "0 messages, not whole\" tests=mta ");
}

static void test_the_verdict(void **state)
{
    static const struct {
        struct drill_span reply;
        const char *line;
    } cases[] = {
        {{(const uint8_t *)"\0\0\0\1a", 5}, "\nverdict accept\n"},
        {{(const uint8_t *)"\0\0\0\1c", 5}, "\nverdict accept\n"},
        {{(const uint8_t *)"\0\0\0\1d", 5}, "\nverdict accept\n"},
        {{(const uint8_t *)"\0\0\0\1r", 5}, "\nverdict reject\n"},
        {{(const uint8_t *)"\0\0\0\1t", 5}, "\nverdict tempfail\n"},
        {{(const uint8_t *)"\0\0\0\7y451 x\0", 11}, "\nverdict tempfail code=451\n"},
        {{(const uint8_t *)"\0\0\0\7y550 x\0", 11}, "\nverdict reject code=550\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t milter[100];
        struct drill_writer w = drill_writer_of(milter, sizeof(milter));
        drill_write_bytes(&w, BYTES(OPT GO GO GO GO));
        drill_write_bytes(&w, cases[i].reply);
        text_is(BYTES(SESSION), drill_writer_span(&w), cases[i].line);
    }
}

static void test_large_values_go_to_files(void **state)
{
    static uint8_t mta[3005] = {0, 0, 0x0b, 0xb9, 'B'};
    struct case_import t;
    struct drill_import_written w;
    (void)state;
    for (size_t i = 5; i < sizeof(mta); i++) {
        mta[i] = (uint8_t)('a' + i % 26);
    }
    case_begin(&t);
    drill_import_streams(&t.im, drill_span_of(mta, sizeof(mta)), BYTES(""));
    assert_true(drill_import_write(t.im.talks, "talk", true, &t.arena, NULL, &w));
    assert_non_null(w.files);
    struct drill_span mail = drill_buf_span(&w.files->bytes); /* no headers, an empty line */
    assert_string_equal(w.files->name, "talk.eml");
    helper_assert_bytes(drill_span_sub(mail, 2, mail.len), drill_span_of(mta + 5, 3000), "body");
    assert_true(drill_buf_append(&w.text, drill_span_of("", 1)));
    assert_non_null(strstr((const char *)w.text.ptr, "> body data=file \"talk.eml\" 2..3001\n"));
    assert_true(w.whole && w.frames == 1 && !w.wants_files);
    drill_import_written_fini(&w);
    assert_true(drill_import_write(t.im.talks, "talk", false, &t.arena, NULL, &w));
    assert_true(w.wants_files && !w.files);
    drill_import_written_fini(&w);
    case_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex_dumps),
        cmocka_unit_test(test_lines_that_a_dump_leaves_out),
        cmocka_unit_test(test_lines_of_a_dump_that_cannot_be_read_are_named),
        cmocka_unit_test(test_each_reply_stands_behind_its_command),
        cmocka_unit_test(test_streams_that_do_not_fit),
        cmocka_unit_test(test_where_frames_begin),
        cmocka_unit_test(test_the_first_lines),
        cmocka_unit_test(test_the_verdict),
        cmocka_unit_test(test_large_values_go_to_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
