/* SPDX-License-Identifier: MIT */
/* The registry, the words of all profiles, and value texts. */
#include <string.h>

#include "helper_bytes.h"
#include "session/profile.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

static void test_registry(void **state)
{
    size_t count;
    const struct drill_profile *const *all = drill_profiles(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct drill_settings s;
        assert_ptr_equal(drill_profile_find(all[i]->side, text(all[i]->name)), all[i]);
        assert_non_null(all[i]->summary);
        assert_int_equal(all[i]->mta != NULL, all[i]->side == DRILL_SIDE_MTA);
        assert_int_equal(all[i]->milter != NULL, all[i]->side == DRILL_SIDE_MILTER);
        all[i]->defaults(&s);
        assert_int_equal(s.version, 6);
    }
    assert_null(drill_profile_find(DRILL_SIDE_MILTER, text("stalwart")));
    assert_null(drill_profile_find(DRILL_SIDE_MTA, text("stalwar")));
    assert_string_equal(drill_profile_nearest(DRILL_SIDE_MTA, text("stalward")), "stalwart");
    assert_string_equal(drill_profile_nearest(DRILL_SIDE_MILTER, text("libmitler")), "libmilter");
    assert_null(drill_profile_nearest(DRILL_SIDE_MTA, text("libmilter")));
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t microseconds; /* UINT64_MAX: none */
    } rows[] = {
        {"30s", 30000000},
        {"500ms", 500000},
        {"1min", 60000000},
        {"1m", 60000000},
        {"2h", 7200000000},
        {"1d", 86400000000},
        {"0s", 0},
        {"30", UINT64_MAX},
        {"s", UINT64_MAX},
        {"", UINT64_MAX},
        {"-1s", UINT64_MAX},
        {"1 s", UINT64_MAX},
        {"1.5s", UINT64_MAX},
        {"30sec", UINT64_MAX},
        {"99999999999999999999s", UINT64_MAX},
        {"18446744073709551615ms", UINT64_MAX},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint64_t got = 7;
        bool ok = drill_setting_duration(text(rows[i].text), &got);
        assert_int_equal(ok, rows[i].microseconds != UINT64_MAX);
        assert_int_equal(got, ok ? rows[i].microseconds : 7);
    }
}

static void test_numbers_truths_and_flags(void **state)
{
    uint32_t n = 7;
    bool b = false;
    (void)state;
    assert_true(drill_setting_u32(text("66"), &n) && n == 66);
    assert_true(drill_setting_u32(text("0x42"), &n) && n == 0x42);
    assert_true(drill_setting_u32(text("64KiB"), &n) && n == 65536);
    assert_false(drill_setting_u32(text("4294967296"), &n));
    assert_false(drill_setting_u32(text(""), &n));
    assert_false(drill_setting_u32(text("6 "), &n));
    assert_true(drill_setting_bool(text("true"), &b) && b);
    assert_true(drill_setting_bool(text("no"), &b) && !b);
    assert_false(drill_setting_bool(text("maybe"), &b));
    assert_true(drill_setting_flags(text("nohelo,noeoh"), false, &n) && n == 0x42);
    assert_true(drill_setting_flags(text("addhdrs,0x100"), true, &n) && n == 0x101);
    assert_true(drill_setting_flags(text("0"), true, &n) && n == 0);
    assert_false(drill_setting_flags(text("nohelo"), true, &n));
    assert_false(drill_setting_flags(text("nohelo,"), false, &n));
    assert_false(drill_setting_flags(text(""), false, &n));
}

static void test_words_of_all_profiles(void **state)
{
    static const struct {
        const char *key, *value;
        enum drill_code rc;
    } rows[] = {
        {"version", "v2", DRILL_OK},         {"version", "7", DRILL_OK},
        {"version", "six", DRILL_ERR_VALUE}, {"actions", "0", DRILL_OK},
        {"actions", "x", DRILL_ERR_VALUE},   {"protocol", "nobody", DRILL_OK},
        {"protocol", "", DRILL_ERR_VALUE},   {"timeout", "5s", DRILL_OK},
        {"timeout", "5", DRILL_ERR_VALUE},   {"macros", "none", DRILL_OK},
        {"macros", "no", DRILL_ERR_VALUE},   {"pace", "original", DRILL_OK},
        {"pace", "slow", DRILL_ERR_VALUE},   {"chunk", "100", DRILL_OK},
        {"chunk", "0", DRILL_ERR_VALUE},     {"chunk", "65536", DRILL_ERR_VALUE},
        {"chunk", "x", DRILL_ERR_VALUE},     {"timeuot", "5s", DRILL_ERR_NOTFOUND},
    };
    size_t count;
    const struct drill_profile *const *all = drill_profiles(&count);
    (void)state;
    for (size_t p = 0; p < count; p++) {
        struct drill_settings s;
        struct drill_error err;
        all[p]->defaults(&s);
        for (size_t i = 0; i < ROWS(rows); i++) {
            assert_int_equal(
                drill_profile_set(all[p], &s, text(rows[i].key), text(rows[i].value), NULL, &err),
                rows[i].rc);
            assert_int_equal(
                drill_profile_set(all[p], &s, text(rows[i].key), text(rows[i].value), NULL, NULL),
                rows[i].rc);
        }
        assert_int_equal(s.version, 7);
        assert_int_equal(s.protocol, DRILL_SMFIP_NOBODY);
        assert_int_equal(s.timeout_data, 5000000);
        assert_true(s.macros_none);
        assert_true(s.pace_original);
        assert_int_equal(s.chunk, 100);
    }
}

static void test_settings_of_libmilter(void **state)
{
    const struct drill_profile *p = drill_profile_find(DRILL_SIDE_MILTER, text("clamav-milter"));
    struct drill_settings s;
    struct drill_error err;
    (void)state;
    p->defaults(&s);
    assert_int_equal(s.protocol, 0x342);
    assert_int_equal(s.actions, 0x20);
    assert_int_equal(p->set(&s, text("addheader"), text("Replace"), NULL, &err), DRILL_OK);
    assert_int_equal(s.actions, 0x31);
    assert_int_equal(p->set(&s, text("AddHeader"), text("add"), NULL, &err), DRILL_OK);
    assert_int_equal(s.actions, 0x21);
    assert_int_equal(p->set(&s, text("addheader"), text("often"), NULL, &err), DRILL_ERR_VALUE);
    assert_int_equal(
        p->set(&s, text("callbacks"), text("connect,mail,rcpt,header,body,eom,abort"), NULL, &err),
        DRILL_OK);
    assert_int_equal(s.protocol, 0x342);
    assert_int_equal(p->set(&s, text("callbacks"), text("conect"), NULL, &err), DRILL_ERR_VALUE);
    assert_int_equal(p->set(&s, text("eom"), text("skip"), NULL, &err), DRILL_ERR_VALUE);
    assert_int_equal(p->set(&s, text("eom"), text("optneg"), NULL, &err), DRILL_ERR_VALUE);
    assert_int_equal(p->set(&s, text("callback"), text("x"), NULL, &err), DRILL_ERR_NOTFOUND);
    assert_string_equal(err.text,
                        "clamav-milter has no setting \"callback\"; did you mean \"callbacks\"?");
    assert_int_equal(p->set(&s, text("replbody"), text("x"), NULL, &err), DRILL_ERR_NOTFOUND);
}

/* What its filter does to a message, which it then also asks to be allowed. */
static void test_changes_of_libmilter(void **state)
{
    const struct drill_profile *p = drill_profile_find(DRILL_SIDE_MILTER, text("libmilter"));
    struct drill_settings s;
    struct drill_error err;
    struct drill_arena arena;
    static const char *const BAD[] = {"add", ": 1", ""};
    (void)state;
    drill_arena_init(&arena, NULL, 0);
    p->defaults(&s);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        assert_int_equal(p->set(&s, text("addheader"), text(BAD[i]), &arena, &err),
                         DRILL_ERR_VALUE);
    }
    assert_int_equal(s.actions, 0);
    assert_int_equal(p->set(&s, text("addheader"), text("X-A: 1: 2"), &arena, &err), DRILL_OK);
    assert_true(drill_span_equal(s.add_name, text("X-A")));
    assert_true(drill_span_equal(s.add_value, text("1: 2")));
    assert_int_equal(p->set(&s, text("replbody"), text("New.\r\n"), &arena, &err), DRILL_OK);
    assert_true(drill_span_equal(s.new_body, text("New.\r\n")));
    assert_int_equal(s.actions, DRILL_SMFIF_ADDHDRS | DRILL_SMFIF_CHGBODY);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_numbers_truths_and_flags),
        cmocka_unit_test(test_words_of_all_profiles),
        cmocka_unit_test(test_settings_of_libmilter),
        cmocka_unit_test(test_changes_of_libmilter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
