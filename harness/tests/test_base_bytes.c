/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"
#include "helper_bytes.h"

static void test_reader_moves_only_on_success(void **state)
{
    struct drill_span in = helper_exact(BYTES("\x01\x02\x03"));
    struct drill_reader r = drill_reader_of(in);
    uint32_t u32 = 7;
    uint16_t u16 = 7;
    uint8_t u8 = 7;
    struct drill_span s = BYTES("kept");
    (void)state;
    assert_false(drill_read_be32(&r, &u32));
    assert_false(drill_read_bytes(&r, 4, &s));
    assert_false(drill_read_str(&r, &s));
    assert_int_equal(drill_reader_left(&r), 3);
    assert_int_equal(u32, 7);
    helper_assert_bytes(s, BYTES("kept"), "output of a failed read");
    assert_true(drill_read_be16(&r, &u16));
    assert_int_equal(u16, 0x0102);
    assert_true(drill_read_u8(&r, &u8));
    assert_int_equal(u8, 3);
    assert_false(drill_read_u8(&r, &u8));
    assert_false(drill_read_be16(&r, &u16));
    assert_true(drill_read_bytes(&r, 0, &s));
    assert_int_equal(drill_read_rest(&r).len, 0);
    helper_exact_free(in);
}

static void test_reader_of_nothing(void **state)
{
    struct drill_reader r = drill_reader_of(drill_span_of(NULL, 0));
    struct drill_span s;
    uint8_t u8;
    (void)state;
    assert_false(drill_read_u8(&r, &u8));
    assert_false(drill_read_str(&r, &s));
    assert_true(drill_read_bytes(&r, 0, &s));
    assert_int_equal(drill_reader_left(&r), 0);
}

static void test_reader_takes_strings_with_their_nul(void **state)
{
    struct drill_reader r = drill_reader_of(BYTES("ab\0\0c"));
    struct drill_span s;
    (void)state;
    assert_true(drill_read_str(&r, &s));
    helper_assert_bytes(s, BYTES("ab"), "first");
    assert_true(drill_read_str(&r, &s));
    helper_assert_bytes(s, BYTES(""), "second");
    assert_false(drill_read_str(&r, &s));
    helper_assert_bytes(drill_read_rest(&r), BYTES("c"), "rest");
}

static void test_reader_is_big_endian(void **state)
{
    struct drill_reader r = drill_reader_of(BYTES("\x80\x00\x00\x01\xff\xfe"));
    uint32_t u32;
    uint16_t u16;
    (void)state;
    assert_true(drill_read_be32(&r, &u32));
    assert_true(drill_read_be16(&r, &u16));
    assert_true(u32 == 0x80000001u);
    assert_int_equal(u16, 0xfffe);
}

static void put_all(struct drill_writer *w)
{
    drill_write_u8(w, 0xab);
    drill_write_be16(w, 0x1234);
    drill_write_be32(w, 0x80000002u);
    drill_write_str(w, BYTES("s"));
    drill_write_text(w, "t");
    drill_write_dec(w, 0);
    drill_write_dec(w, UINT64_MAX);
    drill_write_bytes(w, BYTES("\0z"));
}

static void test_writer_measures_and_never_passes_its_end(void **state)
{
    static const char want[] = "\xab\x12\x34\x80\0\0\x02s\0t018446744073709551615\0z";
    struct drill_writer measure = drill_writer_of(NULL, 0);
    (void)state;
    put_all(&measure);
    assert_int_equal(measure.len, sizeof(want) - 1);
    assert_true(measure.overflow);
    for (size_t cap = 0; cap <= measure.len; cap++) {
        struct drill_span room = helper_exact(drill_span_of(want, cap));
        struct drill_writer w = drill_writer_of((void *)(uintptr_t)room.ptr, cap);
        put_all(&w);
        assert_int_equal(w.len, measure.len);
        assert_int_equal(w.overflow, cap < measure.len);
        if (cap == measure.len) {
            helper_assert_bytes(drill_writer_span(&w), drill_span_of(want, cap), "all");
        }
        helper_exact_free(room);
    }
}

static void test_span_sub_is_cut_to_what_there_is(void **state)
{
    struct drill_span s = BYTES("abc");
    (void)state;
    helper_assert_bytes(drill_span_sub(s, 1, 1), BYTES("b"), "middle");
    helper_assert_bytes(drill_span_sub(s, 1, SIZE_MAX), BYTES("bc"), "to the end");
    helper_assert_bytes(drill_span_sub(s, SIZE_MAX, 1), BYTES(""), "behind the end");
    assert_int_equal(drill_span_sub(drill_span_of(NULL, 0), 1, 1).len, 0);
}

static void test_span_compares_and_finds(void **state)
{
    (void)state;
    assert_true(drill_span_equal(BYTES(""), drill_span_of(NULL, 0)));
    assert_false(drill_span_equal(BYTES("a"), BYTES("b")));
    assert_false(drill_span_equal(BYTES("a"), BYTES("ab")));
    assert_true(drill_span_equal_nocase(BYTES("SubJect"), BYTES("suBject")));
    assert_false(drill_span_equal_nocase(BYTES("["), BYTES("{")));
    assert_int_equal(drill_span_find(BYTES("a\0b"), 0), 1);
    assert_int_equal(drill_span_find(BYTES("ab"), 0), 2);
    assert_int_equal(drill_span_find(drill_span_of(NULL, 0), 0), 0);
    assert_int_equal(drill_span_str(NULL).len, 0);
}

static void test_nearest_finds_one_slip(void **state)
{
    static const char *const names[] = {"header", NULL, "helo", "eoh", "quit", "quit_nc"};
    static const struct {
        const char *word;
        const char *want;
    } rows[] = {
        {"heder", "header"}, {"haeder", "header"}, {"HEADER", "header"}, {"headerss", "header"},
        {"hel", "helo"},     {"heol", "helo"},     {"quti", "quit"},     {"quit_n", "quit_nc"},
        {"xyz", NULL},       {"", NULL},           {"h", NULL},          {"hxxo", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = drill_nearest(drill_span_str(rows[i].word), names, 6);
        if (!rows[i].want) {
            assert_null(got);
        } else {
            assert_non_null(got);
            assert_string_equal(got, rows[i].want);
        }
    }
}

static void test_nearest_distance_counts_a_swap_once(void **state)
{
    (void)state;
    assert_int_equal(drill_nearest_distance(BYTES("ab"), BYTES("ba")), 1);
    assert_int_equal(drill_nearest_distance(BYTES(""), BYTES("abc")), 3);
    assert_int_equal(drill_nearest_distance(BYTES("kitten"), BYTES("sitting")), 3);
    struct drill_span longest = BYTES("01234567890123456789012345678901");
    assert_int_equal(drill_nearest_distance(longest, longest), 0);
    assert_true(drill_nearest_distance(BYTES("012345678901234567890123456789012"), longest) ==
                SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reader_moves_only_on_success),
        cmocka_unit_test(test_reader_of_nothing),
        cmocka_unit_test(test_reader_takes_strings_with_their_nul),
        cmocka_unit_test(test_reader_is_big_endian),
        cmocka_unit_test(test_writer_measures_and_never_passes_its_end),
        cmocka_unit_test(test_span_sub_is_cut_to_what_there_is),
        cmocka_unit_test(test_span_compares_and_finds),
        cmocka_unit_test(test_nearest_finds_one_slip),
        cmocka_unit_test(test_nearest_distance_counts_a_swap_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
