/* SPDX-License-Identifier: MIT */
/* `milterdrill explain`: rules, lengths, log lines; exit codes and what is printed. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "helper_bytes.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* Runs it with its standard streams in a file; the text is in `out`. */
static int explain(char *out, size_t cap, const char *first, const char *second)
{
    char a[200], b[200], name[] = "explain";
    char *argv[] = {name, a, b, NULL};
    int argc = 1 + (first != NULL) + (second != NULL);
    (void)snprintf(a, sizeof(a), "%s", first ? first : "");
    (void)snprintf(b, sizeof(b), "%s", second ? second : "");
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stdout);
    int streams[2] = {dup(1), dup(2)};
    assert_true(dup2(fileno(file), 1) >= 0 && dup2(fileno(file), 2) >= 0);
    int code = cmd_explain(argc, argv);
    (void)fflush(stdout);
    (void)dup2(streams[0], 1);
    (void)dup2(streams[1], 2);
    (void)close(streams[0]);
    (void)close(streams[1]);
    rewind(file);
    out[fread(out, 1, cap - 1, file)] = '\0';
    (void)fclose(file);
    return code;
}

static const struct {
    const char *what;
    int code;
    const char *said[4];
} rows[] = {
    {"M4",
     0,
     {"M4      after accept no further command of this message (violation, by the MTA)\n",
      "why     libmilter drops it without a reply\n", "source  mfapi.h"}},
    {"f2", 0, {"F2      no reply", "(violation, by the milter)"}},
    {"M14", 0, {"(note, by the MTA)"}},
    {"M99", 1, {"not known: \"M99\"", "M1 to M56 and F1 to F66"}},
    {"1431194446", 0, {"55 4e 4b 4e, \"UNKN\"", "clamd"}},
    {"0x554e4b4e", 0, {"1431194446", "clamd"}},
    {"1195725855", 0, {"1 for the command byte", "47 45 54 20, \"GET \": an"}},
    {"369295616", 0, {"16 03 01 00", "TLS"}},
    {"65537", 0, {"00 01 00 01", "65536 bytes of data", "libmilter closes"}},
    {"65536", 0, {"every program takes it"}},
    {"0", 0, {"not even a command byte"}},
    {"2000000000", 0, {"Postfix drops", "Stalwart drops", "rspamd closes", "PMilter answers"}},
    {"99999999999", 1, {"not known"}},
    {"can't read SMFIC_MAIL reply packet header: Broken pipe",
     0,
     {"from    Postfix\n", "at      SMFIC_MAIL\n", "try     look for an earlier line", "F65"}},
    {"unreasonable packet length: 1431194446 > 1073741823",
     0,
     {"from    Postfix", "length  1431194446", "clamd's"}},
    {"milter.frame-too-large details = 1195725856", 0, {"from    Stalwart", "an HTTP client"}},
    {"milter_write(x): length 70000 out of range, cmd=L",
     0,
     {"at      SMFIC_HEADER", "00 01 11 70", "M11"}},
    {"all is well", 1, {"not known: \"all is well\"", "Sendmail"}},
    {"\x1b[2J", 1, {"\"\\x1b[2J\""}},
    {"--help", 0, {"usage: milterdrill explain"}},
    {"--nonsense", 2, {"there is no option --nonsense"}},
    {NULL, 2, {"explain: what?"}},
};

static void test_what_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char out[4000];
        const char *what = rows[i].what ? rows[i].what : "(nothing)";
        int code = explain(out, sizeof(out), rows[i].what, NULL);
        if (code != rows[i].code) {
            fail_msg("%s: exit %d:\n%s", what, code, out);
        }
        for (size_t k = 0; k < ROWS(rows[i].said) && rows[i].said[k]; k++) {
            if (!strstr(out, rows[i].said[k])) {
                fail_msg("%s: does not say \"%s\":\n%s", what, rows[i].said[k], out);
            }
        }
    }
}

static void test_a_line_without_quotes_comes_in_pieces(void **state)
{
    char out[4000];
    (void)state;
    assert_int_equal(explain(out, sizeof(out), "Milter", "disconnected"), 0);
    assert_non_null(strstr(out, "Stalwart"));
}

static void test_lines_are_folded(void **state)
{
    char out[4000];
    (void)state;
    assert_int_equal(explain(out, sizeof(out), "milter.disconnected", NULL), 0);
    for (const char *p = out; *p; p += strcspn(p, "\n") + 1) {
        assert_in_range(strcspn(p, "\n"), 1, 100);
        assert_true(p[strcspn(p, "\n") - 1] != ' ');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_it_says),
        cmocka_unit_test(test_a_line_without_quotes_comes_in_pieces),
        cmocka_unit_test(test_lines_are_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
