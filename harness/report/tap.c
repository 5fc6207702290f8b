/* SPDX-License-Identifier: MIT */
#include "report/tap.h"

#include <stdio.h>

/* TAP 14, "Escaping": only the hash, which begins a directive, and the backslash itself. */
static const char *special_name(uint32_t rune)
{
    return rune == '#' ? "\\#" : rune == '\\' ? "\\\\" : NULL;
}

/* YAML 1.2, 7.3.1: double-quoted. */
static const char *special_quoted(uint32_t rune)
{
    switch (rune) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\t': return "\\t";
    case '\r': return "\\r";
    default: return NULL;
    }
}

/* The text of a directive or of "Bail out!" has no escapes. */
static const char *special_none(uint32_t rune)
{
    (void)rune;
    return NULL;
}

static const struct drill_result_escape in_name = {"\\\\x", special_name};
static const struct drill_result_escape in_quotes = {"\\\\x", special_quoted};
static const struct drill_result_escape in_line = {"\\x", special_none};

static void text(struct drill_result_out *out, const struct drill_result_escape *how,
                 const char *value)
{
    drill_result_put_text(out, how, drill_span_str(value));
}

static void quoted(struct drill_result_out *out, const char *before, const char *value)
{
    drill_result_put(out, before);
    drill_result_put(out, "\"");
    text(out, &in_quotes, value);
    drill_result_put(out, "\"\n");
}

static void field(struct drill_result_out *out, const char *before, const char *value)
{
    if (value[0]) {
        quoted(out, before, value);
    }
}

static void conversation(struct drill_result_out *out, const struct drill_report *r)
{
    char ending[320];
    field(out, "  expected: ", r->expected);
    field(out, "  actual: ", r->actual);
    field(out, "  differs: ", r->why);
    if (r->befores) {
        drill_result_put(out, "  before:\n");
    }
    for (size_t i = 0; i < r->befores; i++) {
        quoted(out, "    - ", r->before[i]);
    }
    drill_result_ending(r, ending, sizeof(ending));
    field(out, "  ending: ", ending);
}

static void details(struct drill_result_out *out, const struct drill_result_row *row)
{
    drill_result_put(out, "  ---\n");
    quoted(out, "  message: ", row->reason);
    drill_result_put(out, row->result == DRILL_RESULT_FAIL ? "  severity: fail\n"
                                                           : "  severity: error\n");
    if (row->report) {
        conversation(out, row->report);
    }
    drill_result_put(out, "  at: \"");
    text(out, &in_quotes, row->scenario);
    if (row->line) {
        drill_result_put(out, ":");
        drill_result_put_number(out, row->line);
    }
    drill_result_put(out, "\"\n");
    field(out, "  why: ", row->why);
    field(out, "  repeat: ", row->repeat);
    drill_result_put(out, "  ...\n");
}

static void test_point(struct drill_result_out *out, const struct drill_result_row *row,
                       unsigned number)
{
    bool skip = row->result == DRILL_RESULT_SKIP;
    bool ok = skip || row->result == DRILL_RESULT_PASS;
    drill_result_put(out, ok ? "ok " : "not ok ");
    drill_result_put_number(out, number);
    drill_result_put(out, " - ");
    text(out, &in_name, row->scenario);
    if (row->mode[0]) {
        drill_result_put(out, " (");
        text(out, &in_name, row->mode);
        drill_result_put(out, ")");
    }
    if (skip) {
        drill_result_put(out, " # SKIP ");
        text(out, &in_line, row->reason);
    }
    drill_result_put(out, "\n");
    if (!ok) {
        details(out, row);
    }
}

static const struct drill_result_row *first_unreachable(const struct drill_result_list *list)
{
    const struct drill_result_row *row = list->first;
    while (row && row->result != DRILL_RESULT_UNREACHABLE) {
        row = row->next;
    }
    return row;
}

static void bail_out(struct drill_result_out *out, const struct drill_result_list *list)
{
    const struct drill_result_row *row = drill_result_nobody(list) ? first_unreachable(list) : NULL;
    char ending[320] = "";
    if (!list->stopped && !row) {
        return;
    }
    drill_result_put(out, "Bail out! ");
    text(out, &in_line, list->stopped ? list->stopped : row->reason);
    if (!list->stopped && row->report) {
        drill_result_ending(row->report, ending, sizeof(ending));
        drill_result_put(out, ending[0] ? ": " : "");
        text(out, &in_line, ending);
    }
    drill_result_put(out, "\n");
}

bool drill_tap_write(struct drill_buf *buf, const struct drill_result_list *list, unsigned version)
{
    struct drill_result_out out = {buf, false};
    unsigned number = 0;
    char seed[40];
    drill_result_put(&out, "TAP version ");
    drill_result_put_number(&out, version);
    drill_result_put(&out, "\n");
    if (list->first) {
        drill_result_put(&out, "1..");
        drill_result_put_number(&out, drill_result_total(list));
        drill_result_put(&out, "\n");
    } else if (!list->stopped) {
        drill_result_put(&out, "1..0 # SKIP nothing was played\n");
    }
    for (const struct drill_result_row *row = list->first; row; row = row->next) {
        test_point(&out, row, ++number);
    }
    if (list->count.seed) {
        (void)snprintf(seed, sizeof(seed), "# seed %llu\n", (unsigned long long)*list->count.seed);
        drill_result_put(&out, seed);
    }
    bail_out(&out, list);
    return !out.failed;
}
