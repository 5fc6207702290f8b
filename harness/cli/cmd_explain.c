/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cli.h"
#include "session/judge.h"
#include "session/loglines.h"
#include "wire/foreign.h"
#include "wire/text.h"

static const struct cli_word explain_words[] = {{"help", 'f', CLI_HELP}, {NULL, 0, 0}};

static const char explain_help[] =
    "usage: milterdrill explain ID | NUMBER | \"LOG LINE\"\n\n"
    "Says what it means, and what to try.\n"
    "  ID        a rule of the judge: M4 (the MTA's), F2 (the milter's)\n"
    "  NUMBER    a length from a log, 1431194446 or 0x554e4b4e: what was really talking\n"
    "  LOG LINE  of Stalwart, Postfix, Sendmail, libmilter, rspamd or Sendmail::PMilter\n"
    "Exit 0 explained, 1 not known.\n";

enum { KEY = 8, WIDTH = 100 };

/* "why     text", folded at blanks below itself. */
static void print_row(const char *key, const char *text)
{
    int column = printf("%-*s", KEY, key);
    for (bool first = true; *text; first = false) {
        int word = (int)strcspn(text, " ");
        if (first) {
            column += printf("%.*s", word, text);
        } else if (column + 1 + word > WIDTH) {
            column = printf("\n%-*s%.*s", KEY, "", word, text) - 1;
        } else {
            column += printf(" %.*s", word, text);
        }
        text += word;
        text += *text == ' ';
    }
    (void)printf("\n");
}

/* ---- rules ---- */

/* `key` NULL: the rule's own id. */
static void explain_rule(enum drill_rule_id id, const char *key)
{
    const struct drill_rule *rule = drill_rule_of(id);
    char title[400];
    (void)snprintf(title, sizeof(title), "%s%s%s (%s, by the %s)", key ? rule->id : "",
                   key ? ": " : "", rule->title, drill_severity_text(rule->severity),
                   rule->by == DRILL_SIDE_MTA ? "MTA" : "milter");
    print_row(key ? key : rule->id, title);
    print_row("why", rule->why);
    print_row("source", rule->source);
}

/* M4 or F2, of whatever number. */
static bool is_rule_id(struct drill_span s)
{
    if (s.len < 2 || s.len > 5 || !strchr("MmFf", s.ptr[0])) {
        return false;
    }
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return true;
}

/* ---- lengths ---- */

/* Who takes no frame of this length word, the smallest limit first. */
static const struct limit {
    uint64_t most;
    const char *text;
} limits[] = {
    {65536, "libmilter closes (65,535 bytes of data at most), so the MTA meets a reset"},
    {131072, "Sendmail::PMilter answers tempfail and closes"},
    {131073, "rspamd closes: Command length is too big"},
    {52428800, "Stalwart drops the milter: frame too large (maxResponseSize, 52428800)"},
    {1073741823, "Postfix drops the milter: unreasonable packet length"},
};

static void print_limits(uint64_t length)
{
    if (length == 0) {
        print_row("limits", "not even a command byte: Postfix says bad packet length, Stalwart "
                            "invalid frame, and Sendmail reads it as 4 GiB");
        return;
    }
    const char *key = "limits";
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        if (length > limits[i].most) {
            print_row(key, limits[i].text);
            key = "";
        }
    }
    if (*key) {
        print_row(key, "every program takes it");
    }
}

static void explain_foreign(uint64_t length, const struct drill_foreign *f)
{
    char text[400], bytes[64];
    uint8_t word[4];
    drill_put_be32(word, (uint32_t)length);
    /* Some programs log the length without its command byte. */
    bool less = drill_foreign_find(drill_span_of(word, 4)) != f;
    if (less) {
        drill_put_be32(word, (uint32_t)length + 1);
    }
    struct drill_writer w = drill_writer_of(bytes, sizeof(bytes) - 1);
    drill_text_bytes(&w, drill_span_of(word, 4), 0);
    bytes[drill_writer_span(&w).len] = '\0';
    (void)snprintf(text, sizeof(text),
                   "%llu%s is no length but the bytes %02x %02x %02x %02x, %s: %s %s",
                   (unsigned long long)length, less ? " (and 1 for the command byte)" : "", word[0],
                   word[1], word[2], word[3], bytes, f->speaks,
                   f->calls ? "called the milter's port" : "answered where a milter should");
    print_row("length", text);
    print_row("try", f->advice);
}

static void explain_length(uint64_t length)
{
    const struct drill_foreign *f =
        length <= UINT32_MAX ? drill_foreign_length((uint32_t)length) : NULL;
    char text[300], bytes[64];
    uint8_t word[4];
    if (f) {
        explain_foreign(length, f);
        return;
    }
    drill_put_be32(word, (uint32_t)length);
    struct drill_writer w = drill_writer_of(bytes, sizeof(bytes) - 1);
    drill_text_bytes(&w, drill_span_of(word, 4), 0);
    bytes[drill_writer_span(&w).len] = '\0';
    (void)snprintf(text, sizeof(text),
                   "%llu is the bytes %02x %02x %02x %02x, %s: a frame of %llu bytes of data",
                   (unsigned long long)length, word[0], word[1], word[2], word[3], bytes,
                   (unsigned long long)(length ? length - 1 : 0));
    print_row("length", text);
    print_limits(length);
}

/* ---- log lines ---- */

static bool explain_line(struct drill_span line)
{
    struct drill_logline l;
    enum drill_rule_id id;
    if (!drill_loglines_find(line, &l)) {
        return false;
    }
    print_row("from", l.program);
    const char *name = l.stage ? drill_proto_name(DRILL_TO_MILTER, l.stage) : NULL;
    if (name) {
        print_row("at", name);
    }
    print_row("means", l.means);
    print_row("try", l.advice);
    if (l.has_number && l.number <= UINT32_MAX) {
        explain_length(l.number);
    }
    if (drill_rule_find(drill_span_str(l.rule), &id)) {
        explain_rule(id, "rule");
    }
    return true;
}

/* ---- what is asked for ---- */

static int unknown(struct drill_span what)
{
    unsigned mta = 0, milter = 0;
    for (size_t i = 0; i < DRILL_RULES; i++) {
        bool its = drill_rule_of((enum drill_rule_id)i)->by == DRILL_SIDE_MTA;
        mta += its;
        milter += !its;
    }
    char shown[300];
    struct drill_writer w = drill_writer_of(shown, sizeof(shown) - 1);
    drill_text_bytes(&w, what, 60);
    shown[drill_writer_span(&w).len] = '\0';
    (void)printf(
        "not known: %s\n\n"
        "milterdrill explain knows the rules M1 to M%u and F1 to F%u, lengths (1431194446),\n"
        "and log lines about milters of Stalwart, Postfix, Sendmail, libmilter, rspamd and\n"
        "Sendmail::PMilter: paste one whole, in quotes.\n",
        shown, mta, milter);
    return EXIT_FAILED;
}

static int explain(struct drill_span what)
{
    enum drill_rule_id id;
    struct drill_span rest = what;
    uint64_t number;
    if (is_rule_id(what) && drill_rule_find(what, &id)) {
        explain_rule(id, NULL);
        return EXIT_AS_EXPECTED;
    }
    if (drill_text_scan_int(&rest, &number) && rest.len == 0 && number <= UINT32_MAX) {
        explain_length(number);
        return EXIT_AS_EXPECTED;
    }
    return !is_rule_id(what) && explain_line(what) ? EXIT_AS_EXPECTED : unknown(what);
}

/* A line that was pasted without quotes came as several operands. */
static bool join(struct drill_buf *line, const char *word)
{
    return (line->len == 0 || drill_buf_append(line, drill_span_str(" "))) &&
           drill_buf_append(line, drill_span_str(word));
}

int cmd_explain(int argc, char **argv)
{
    struct cli_args args = {argc, argv, 1, false, explain_words, "explain", NULL};
    struct drill_buf line;
    int id, code = EXIT_USAGE;
    drill_buf_init(&line, NULL);
    while ((id = cli_next(&args)) == 0 && join(&line, args.value)) {}
    if (id == CLI_HELP) {
        (void)fputs(explain_help, stdout);
        code = EXIT_AS_EXPECTED;
    } else if (id == 0) {
        cli_complain("no memory");
    } else if (id == -1 && line.len == 0) {
        cli_complain("explain: what? A rule (M4), a length (1431194446), or a log line in quotes");
    } else if (id == -1) {
        code = explain(drill_buf_span(&line));
    }
    drill_buf_fini(&line);
    return code;
}
