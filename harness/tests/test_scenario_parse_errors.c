/* SPDX-License-Identifier: MIT */
/* What the parser says about faulty scenarios: every class of error, with its place and its words.
 */
#include "helper_bytes.h"

#include "scenario/parse.h"

#include <stdio.h>
#include <string.h>

static struct drill_errors errors;

struct error_case {
    const char *source; /* below the line: drill 1 "x" */
    const char *want;
};

static const struct error_case error_cases[] = {
    /* words and order */
    {"hedaer name=\"a\"", "2:1: `hedaer` begins no line of a scenario; did you mean `header`?"},
    {"helo name=\"x\"", "2:1: a message or event is written `> helo`"},
    {"accept", "2:1: a message or event is written `< accept`"},
    {"=", "2:1: expected `>`, `<`, `...` or a word, got `=`"},
    {"drill 1 \"y\"", "2:1: `drill 1` stands once, on the first line"},
    {"...\nheader name=\"a\" value=\"b\"",
     "3:1: setup lines stand above the first step; a message is written `> header`"},
    {"...\nwhy \"x\"", "3:1: setup lines stand above the first step"},
    {"verdict accept\n...", "3:1: steps stand above the checks"},
    {"repeat 2 {\n  why \"x\"\n}",
     "3:3: `why` is a setup line: it stands at the top of the file, in no block"},
    {"... x", "2:5: expected the end of the line, got `x`"},
    {"given ...", "2:7: expected `>` or `<` behind `given`, got `.`"},
    /* blocks */
    {"}", "2:1: this `}` closes no block"},
    {"repeat 2 {\n...", "2:1: this block is not closed by a `}`"},
    {"repeat 0 {\n}", "2:8: `repeat` is a number from 1 to 100000; got 0"},
    {"repeat 2\n", "2:9: expected `{` at the end of the line, got the end of the line"},
    {"concurrently 1 {\n} and x {\n}", "3:7: `and` takes a number; got `x`"},
    /* messages and events */
    {"> hedaer", "2:3: `hedaer` is no message or event behind `>`; did you mean `header`?"},
    {"< xyzzy", "2:3: `xyzzy` is no message or event behind `<`; any other code is `frame code=N "
                "data=...`"},
    {"> accept", "2:3: `accept` goes from the milter to the MTA: write `< accept`"},
    {"< open", "2:3: `open` goes from the MTA to the milter: write `> open`"},
    {"> refuse", "2:3: `refuse` goes from the milter to the MTA: write `< refuse`"},
    {">", "2:2: expected a message or an event, got the end of the line"},
    {"> mail |", "2:9: expected a message or an event, got the end of the line"},
    {"> silence", "2:3: `silence` needs for=T (like 5s)"},
    {"> frame data=\"x\"", "2:3: `frame` needs code=N (0 to 255)"},
    {"> raw", "2:3: `raw` needs data=\"...\""},
    /* keys */
    {"> header nam=\"x\"", "2:10: `header` takes no `nam`; did you mean `name`?"},
    {"> close for=1s", "2:9: `close` takes no `for`; it takes: after within"},
    {"> raw data=\"x\" cut=1",
     "2:16: `raw` takes no `cut`; it takes: data after within split dribble join"},
    {"> open join", "2:8: `open` takes no `join`; it takes: after within"},
    {"> helo name", "2:12: expected `=` behind `name`, got the end of the line"},
    {"> helo name=", "2:13: `name` takes a string, ~\"pattern\", len N, $name; got the end of the "
                     "line"},
    {"> helo name=\"a\" name=\"b\"", "2:17: `name` stands twice in this line"},
    {"> helo name=\"a\" after=1s after=1s", "2:26: `after` stands twice in this line"},
    {"> helo join join", "2:13: `join` stands twice in this line"},
    {"> helo name=\"a\"name", "2:16: expected a blank or the end of the line, got `name`"},
    {"> helo \"name\"=\"a\"",
     "2:8: expected key=value, got a string; only `> macro` takes strings as "
     "keys"},
    {"> helo {i}=\"a\"", "2:8: only `> macro` takes macro names"},
    {"> macro {a b}=\"x\"",
     "2:9: expected a macro name like {auth_authen}; write any other name as a "
     "string: \"{odd name}\"=\"value\""},
    {"> macro \"a\\0b\"=\"x\"",
     "2:9: a macro name cannot have a NUL in it; use data= for such a frame"},
    {"> helo +", "2:8: expected key=value, `|` or the end of the line, got `+`"},
    {"> rcpt data=\"x\" address=\"y\"",
     "2:8: data= replaces the whole payload, so `address` cannot stand beside it"},
    {"> mail arg=absent arg=\"x\"",
     "2:8: arg=absent means no argument at all; it cannot stand with others"},
    {"> optneg list.rcpt=\"x\"",
     "2:10: macro lists are the milter's to send: write them at `< optneg`"},
    {"< optneg list=\"x\"", "2:14: expected list.STAGE, like list.rcpt=\"{rcpt_addr}\""},
    {"< optneg list.rctp=\"x\"",
     "2:15: expected a stage behind `list.`: connect helo mail rcpt data bodyeob eoh or a number; "
     "got `rctp`; did you mean `rcpt`?"},
    {"< optneg list.4294967296=\"x\"", "2:15: a stage is a number from 0 to 4294967295"},
    /* values */
    {"> helo name=To", "2:13: `name` takes a string: write \"To\" instead of To"},
    {"> helo name=absent", "2:13: `name` cannot be absent; only macro names, arg and args can"},
    {"> helo name=5", "2:13: `name` takes a string, ~\"pattern\", len N, $name; got `5`"},
    {"> helo name=\"x", "2:13: this string has no closing quote on its line"},
    {"> helo name=\"a\\q\"", "2:15: unknown escape; there are \\\\ \\\" \\n \\r \\t \\0 \\xHH"},
    {"> helo name=~x", "2:14: expected a string behind `~`, got `x`"},
    {"> helo name=$1", "2:14: expected a name behind `$`, got `1`"},
    {"> helo name=\"a\" *", "2:18: expected a number behind `*`, got the end of the line"},
    {"> helo name=\"a\" * 5s", "2:19: expected a number behind `*`, got a duration"},
    {"> helo name=\"a\" + 5", "2:19: expected a string, hex \"...\" or file \"...\", got `5`"},
    {"> helo name=hex \"0\"",
     "2:17: hex digits come in pairs, with blanks only between pairs: digit 1 "
     "of \"0\""},
    /* slices; without a loader their size is not known */
    {"> body data=file \"x\" 5",
     "2:23: expected `..` behind the slice's first position, got the end "
     "of the line"},
    {"> body data=file \"x\" ..5",
     "2:22: expected the first byte's position, as in file \"x\" 0..9, "
     "got `.`"},
    {"> body data=file \"x\" 5..2",
     "2:22: the slice ends before it begins; byte positions count from 0"},
    {"> body data=file \"x\" 5s..9", "2:22: this is no position in a file"},
    {"> body data=file \"x\" 5..18446744073709551615", "2:25: this is no position in a file"},
    {"> body data=file \"x\" 5..9x", "2:25: `9x` is no number: write decimal or 0x hexadecimal "
                                     "digits, then nothing, KiB, MiB, ms, s or min"},
    {"message file=\"x\" 5..9", "2:18: expected the end of the line, got `5`"},
    {"> body data=hex \"00\" 5..9",
     "2:22: expected key=value, `|` or the end of the line, got `5`"},
    {"> helo name=len x", "2:17: expected a number or a range behind `len`, got `x`"},
    {"> helo name=len 5s", "2:17: `len` takes a number or a range"},
    {"> helo name=len 5..2", "2:20: the range is empty: it ends below its start"},
    {"> optneg version=1..2s", "2:21: `version` takes a range of plain numbers"},
    {"> optneg version=\"6\"",
     "2:18: `version` takes a number, a range like 1..9, $name; got \"6\""},
    {"> optneg version=4294967296",
     "2:18: `version` is a number from 0 to 4294967295; got 4294967296"},
    {"> optneg version=18446744073709551616",
     "2:18: 18446744073709551616 is too large: a number has at most 64 bits "
     "(18446744073709551615)"},
    {"> optneg version=1x", "2:18: `1x` is no number: write decimal or 0x hexadecimal digits, then "
                            "nothing, KiB, MiB, ms, s or min"},
    {"> optneg protocol=nr_hrd", "2:19: `protocol` has no flag `nr_hrd`; did you mean `nr_hdr`?"},
    {"> optneg actions=foo",
     "2:18: `actions` has no flag `foo`; other bits are written as a number"},
    {"> optneg actions=addhdrs,", "2:26: expected a flag of `actions`, got the end of the line"},
    {"> optneg actions=+addhdrs-addhdrs", "2:27: one flag is both set and cleared"},
    {"> optneg actions=1s", "2:18: `actions` takes flags, no duration"},
    {"> connect family=inet7",
     "2:18: `family` takes one of inet inet6 unix unknown, a number, a range like 1..9, $name; got "
     "`inet7`; did you mean `inet`?"},
    {"> connect port=65536", "2:16: `port` is a number from 0 to 65535; got 65536"},
    {"> connect port=0..65536", "2:19: `port` is a number from 0 to 65535; got 65536"},
    {"> mail after=5", "2:14: `after` needs a unit: ms, s or min"},
    {"> mail after=307445734561826min",
     "2:14: 307445734561826min is too large: a number has at most 64 bits (18446744073709551615)"},
    {"> mail cut=0", "2:12: `cut` is a number from 1 to 4294967295; got 0"},
    {"> mail split=1,0", "2:16: `split` is a number from 1 to 4294967295; got 0"},
    {"> mail split=1,", "2:16: expected a number behind the comma, got the end of the line"},
    /* setup */
    {"why", "2:4: expected a string behind `why`, got the end of the line"},
    {"mta", "2:4: expected a profile's name behind `mta`, got the end of the line"},
    {"mta x timeout=5", "2:15: `timeout` needs a unit: ms, s or min"},
    {"mta x a=1 a=2", "2:11: `a` stands twice in this line"},
    {"mta x stages=a, b", "2:16: expected a name behind the comma, got ` `; a list has no blanks"},
    {"milter x y", "2:10: expected the end of the line, got `y`"},
    {"judge", "2:6: expected `all` or rules like M4 behind `judge`, got the end of the line"},
    {"tls cert=god",
     "2:10: `cert` takes one of good expired self-signed wrong-name; got `god`; did "
     "you mean `good`?"},
    {"client prot=1", "2:8: `client` takes no `prot`; did you mean `port`?"},
    {"client count=0", "2:14: `count` is a number from 1 to 100000; got 0"},
    {"header name=\"x\"", "2:16: `header` needs value=; got the end of the line"},
    {"header name=\"x\" value=~\"y\"", "2:23: `value` takes a string; got `~`"},
    {"smtp after=mail", "2:1: `smtp` needs either send=\"LINE\" or end=close or end=reset, and not "
                        "both"},
    {"message file=\"a\" + \"b\"",
     "2:14: file= of a message takes one file name as a plain string"},
    {"message file=\"../a\"", "2:14: the file name \"../a\" leaves its folder by `..`; it must lie "
                              "below the scenario's root"},
    {"body data=file \"a/../../b\"",
     "2:16: the file name \"a/../../b\" leaves its folder by `..`; it "
     "must lie below the scenario's root"},
    {"body data=file \"/etc/passwd\"",
     "2:16: the file name \"/etc/passwd\" is an absolute path; it "
     "must be relative to the scenario"},
    {"body data=file \"\"", "2:16: the file name \"\" is empty"},
    {"body data=file \"a\\0b\"", "2:16: the file name \"a\\x00b\" has a NUL in it"},
    /* checks */
    {"verdict", "2:8: expected accept, tempfail, reject or drop, got the end of the line"},
    {"verdict acept", "2:9: expected accept, tempfail, reject or drop, got `acept`; did you mean "
                      "`accept`?"},
    {"verdict accept code=99", "2:21: `code` is a number from 200 to 599; got 99"},
    {"verdict at=header accept", "2:12: `at` takes one of connect helo mail rcpt data bodyeob; got "
                                 "`header`"},
    {"delivered",
     "2:10: expected none, header, body, from= or rcpt= behind `delivered`, got the end "
     "of the line"},
    {"delivered nothing", "2:11: `delivered` takes none, header, body, from= or rcpt=; got "
                          "`nothing`"},
    {"delivered header name=\"a\"", "2:26: `delivered` needs value=; got the end of the line"},
    /* text */
    {"# caf\xe9", "2:6: this is no UTF-8 text; write the byte 0xe9 as \\xe9 in a string"},
    {"> mail \\ x", "2:8: expected key=value, `|` or the end of the line, got `\\`"},
};

/* Says what differs, so that one run shows all. */
static bool check_error(const char *source, const char *want)
{
    struct drill_arena arena;
    char got[512] = "no error";
    char full[512];
    drill_arena_init(&arena, NULL, 0);
    const struct drill_file *file =
        drill_parse(drill_span_str(source), "f.drill", NULL, &arena, &errors);
    (void)snprintf(full, sizeof(full), "f.drill:%s", want);
    if (errors.count) {
        (void)drill_error_format(&errors.item[0], got, sizeof(got));
    }
    drill_arena_fini(&arena);
    bool same = !file && errors.count == 1 && strcmp(got, full) == 0;
    if (!same) {
        print_error("%s\n  want %s\n  got  %s (%lu errors)\n", source, full, got,
                    (unsigned long)errors.count);
    }
    return same;
}

static void test_each_error(void **state)
{
    (void)state;
    char source[512];
    bool all = true;
    for (size_t i = 0; i < sizeof(error_cases) / sizeof(error_cases[0]); i++) {
        (void)snprintf(source, sizeof(source), "drill 1 \"x\"\n%s\n", error_cases[i].source);
        all = check_error(source, error_cases[i].want) && all;
    }
    assert_true(all);
}

static void test_first_line_errors(void **state)
{
    (void)state;
    static const struct error_case cases[] = {
        {"", "1:1: the first line must be drill 1 \"the question\"; got the end of the file"},
        {"# only\n\n",
         "3:1: the first line must be drill 1 \"the question\"; got the end of the file"},
        {"...\n", "1:1: the first line must be drill 1 \"the question\"; got `.`"},
        {"dril 1 \"x\"", "1:1: the first line must be drill 1 \"the question\"; got `dril`; did "
                         "you mean `drill`?"},
        {"drill 2 \"x\"", "1:7: this program reads version 1 of the language, not version 2"},
        {"drill \"x\"", "1:7: `drill` takes a number; got \"x\""},
        {"drill 1", "1:8: expected the scenario's question as a string, got the end of the file"},
        {"drill 1 \"x\"y", "1:12: expected a blank or the end of the line, got `y`"},
        {"drill 1 \"x\" test=mta",
         "1:13: expected tests=mta, tests=milter, recorded=\"TIME\" or the end of the line, got "
         "`test`"},
        {"drill 1 \"x\" tests=mta tests=mta", "1:23: `tests` stands twice in this line"},
        {"drill 1 \"x\" recorded=\"2026-11-20T12:00:00Z\" recorded=\"2026-11-20T12:00:00Z\"",
         "1:45: `recorded` stands twice in this line"},
        {"drill 1 \"x\" recorded=2026",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-11-20 12:00:00Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-13-20T12:00:00Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-12-32T12:00:00Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-12-31T24:00:00Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-12-31T23:60:00Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"2026-12-31T23:59:61Z\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" recorded=\"\"",
         "1:22: recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\""},
        {"drill 1 \"x\" tests=mtb",
         "1:19: `tests` takes one of mta milter; got `mtb`; did you mean `mta`?"},
    };
    bool all = true;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        all = check_error(cases[i].source, cases[i].want) && all;
    }
    assert_true(all);
}

/* One statement's error does not hide the next one's, and an unreadable block is gone through. */
static void test_all_errors_at_once(void **state)
{
    (void)state;
    static const char source[] = "drill 1 \"x\"\n"
                                 "hello\n"
                                 "> mail \\\n"
                                 "  foo=1\n"
                                 "repeat x {\n"
                                 "  > hlo\n"
                                 "} # }\n"
                                 "> mail arg=\"{ # not a comment\n"
                                 "< maybe # {\n"
                                 "verdict accept x\n";
    static const uint32_t places[][2] = {{2, 1}, {4, 3}, {5, 8}, {6, 5}, {8, 12}, {9, 3}, {10, 16}};
    struct drill_arena arena;
    drill_arena_init(&arena, NULL, 0);
    assert_null(drill_parse(drill_span_str(source), "f", NULL, &arena, &errors));
    assert_int_equal(errors.count, sizeof(places) / sizeof(places[0]));
    for (size_t i = 0; i < errors.count; i++) {
        assert_int_equal(errors.item[i].line, places[i][0]);
        assert_int_equal(errors.item[i].column, places[i][1]);
    }
    drill_arena_fini(&arena);
}

static void test_only_so_many_errors(void **state)
{
    (void)state;
    char source[1024] = "drill 1 \"x\"\n";
    struct drill_arena arena;
    size_t n = strlen(source);
    for (int i = 0; i < 60; i++) {
        memcpy(source + n, "? ?\n", 4);
        n += 4;
    }
    drill_arena_init(&arena, NULL, 0);
    assert_null(drill_parse(drill_span_of(source, n), "f", NULL, &arena, &errors));
    assert_int_equal(errors.count, 60);
    assert_int_equal(errors.item[DRILL_ERRORS_MAX - 1].line, DRILL_ERRORS_MAX + 1);
    drill_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_error),
        cmocka_unit_test(test_first_line_errors),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_only_so_many_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
