/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/error.h"
#include "helper_bytes.h"

static void check_format(const struct drill_error *err, const char *want)
{
    char buf[600];
    size_t n = drill_error_format(err, buf, sizeof(buf));
    assert_string_equal(buf, want);
    assert_int_equal(n, strlen(want));
}

static void test_format_shows_the_place_that_is_known(void **state)
{
    struct drill_error err;
    (void)state;
    assert_int_equal(drill_error_set(&err, DRILL_ERR_VALUE, "no %s", "way"), DRILL_ERR_VALUE);
    assert_int_equal(err.code, DRILL_ERR_VALUE);
    check_format(&err, "no way");
    err.offset = 12;
    check_format(&err, "no way (at byte 12)");
    drill_error_at(&err, "a.drill", 3, 0);
    check_format(&err, "a.drill:3: no way");
    drill_error_at(&err, NULL, 3, 7);
    check_format(&err, "a.drill:3:7: no way");
}

static void test_set_clears_the_place(void **state)
{
    struct drill_error err;
    (void)state;
    drill_error_set(&err, DRILL_ERR_IO, "old");
    drill_error_at(&err, "f", 1, 1);
    drill_error_set(&err, DRILL_ERR_IO, "new");
    check_format(&err, "new");
    drill_error_clear(&err);
    assert_int_equal(err.code, DRILL_OK);
    check_format(&err, "");
}

static void test_null_error_is_no_trouble(void **state)
{
    (void)state;
    assert_int_equal(drill_error_set(NULL, DRILL_ERR_IO, "x"), DRILL_ERR_IO);
    drill_error_at(NULL, "f", 1, 1);
    drill_error_clear(NULL);
}

static void test_long_text_is_cut(void **state)
{
    struct drill_error err;
    char text[2 * DRILL_ERROR_TEXT];
    char buf[16];
    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    drill_error_set(&err, DRILL_ERR_IO, "%s", text);
    drill_error_at(&err, text, 1, 1);
    assert_int_equal(strlen(err.text), DRILL_ERROR_TEXT - 1);
    assert_int_equal(strlen(err.file), DRILL_ERROR_FILE - 1);
    assert_int_equal(drill_error_format(&err, buf, sizeof(buf)), sizeof(buf) - 1);
    assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format_shows_the_place_that_is_known),
        cmocka_unit_test(test_set_clears_the_place),
        cmocka_unit_test(test_null_error_is_no_trouble),
        cmocka_unit_test(test_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
