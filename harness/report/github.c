/* SPDX-License-Identifier: MIT */
#include "report/github.h"

#include <stdio.h>

/* As escapeData and escapeProperty of @actions/core have it. */
static const char *special_data(uint32_t rune)
{
    return rune == '%' ? "%25" : rune == '\r' ? "%0D" : rune == '\n' ? "%0A" : NULL;
}

static const char *special_property(uint32_t rune)
{
    return rune == ':' ? "%3A" : rune == ',' ? "%2C" : special_data(rune);
}

static const struct drill_result_escape in_data = {"\\x", special_data};
static const struct drill_result_escape in_property = {"\\x", special_property};

static void property(struct drill_result_out *out, const char *value)
{
    drill_result_put_text(out, &in_property, drill_span_str(value));
}

static void data(struct drill_result_out *out, const char *label, const char *value)
{
    if (value[0]) {
        drill_result_put(out, label);
        drill_result_put_text(out, &in_data, drill_span_str(value));
    }
}

static void annotate(struct drill_result_out *out, const struct drill_result_row *row)
{
    drill_result_put(out, "::error file=");
    property(out, row->scenario);
    if (row->line) {
        drill_result_put(out, ",line=");
        drill_result_put_number(out, row->line);
    }
    drill_result_put(out, ",title=milterdrill%3A ");
    property(out, row->scenario);
    if (row->mode[0]) {
        drill_result_put(out, " (");
        property(out, row->mode);
        drill_result_put(out, ")");
    }
    drill_result_put(out, "::");
    data(out, "", row->reason);
    if (row->report) {
        data(out, "%0Aexpected  ", row->report->expected);
        data(out, "%0Aactual    ", row->report->actual);
        data(out, "%0A          ", row->report->why);
    }
    data(out, "%0Awhy       ", row->why);
    data(out, "%0Arepeat    ", row->repeat);
    drill_result_put(out, "\n");
}

bool drill_github_write(struct drill_buf *buf, const struct drill_result_list *list)
{
    struct drill_result_out out = {buf, false};
    unsigned count = 0;
    if (list->stopped) {
        count++;
        drill_result_put(&out, "::error title=milterdrill::");
        data(&out, "", list->stopped);
        drill_result_put(&out, "\n");
    }
    for (const struct drill_result_row *row = list->first; row && count < DRILL_GITHUB_MOST;
         row = row->next) {
        if (row->result != DRILL_RESULT_PASS && row->result != DRILL_RESULT_SKIP) {
            count++;
            annotate(&out, row);
        }
    }
    return !out.failed;
}

/* Nothing may end a cell, begin a tag, or be taken for emphasis, code or a link. */
static const char *special_markdown(uint32_t rune)
{
    switch (rune) {
    case '\r':
    case '\n': return " ";
    case '|': return "&#124;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '`': return "&#96;";
    case '*': return "&#42;";
    case '_': return "&#95;";
    case '[': return "&#91;";
    case '~': return "&#126;";
    case '\\': return "&#92;";
    case '@': return "&#64;";
    case '#': return "&#35;";
    default: return NULL;
    }
}

static const struct drill_result_escape in_markdown = {"&#92;x", special_markdown};

static void cell(struct drill_result_out *out, const char *text)
{
    struct drill_span all = drill_span_str(text);
    drill_result_put(out, "| ");
    drill_result_put_text(out, &in_markdown, drill_span_sub(all, 0, DRILL_GITHUB_CELL));
    drill_result_put(out, all.len > DRILL_GITHUB_CELL ? " ... " : " ");
}

static void counted(struct drill_result_out *out, unsigned number, const char *word)
{
    drill_result_put(out, "| ");
    drill_result_put_number(out, number);
    drill_result_put(out, word);
}

static void failure(struct drill_result_out *out, const struct drill_result_row *row)
{
    char line[24] = "";
    cell(out, row->scenario);
    (void)snprintf(line, sizeof(line), "%u", (unsigned)row->line);
    cell(out, row->line ? line : "");
    cell(out, row->mode);
    cell(out, row->reason);
    cell(out, row->report ? row->report->expected : "");
    cell(out, row->report ? row->report->actual : "");
    drill_result_put(out, "|\n");
}

bool drill_github_summary(struct drill_buf *buf, const char *title,
                          const struct drill_result_list *list)
{
    struct drill_result_out out = {buf, false};
    const struct drill_json_count *c = &list->count;
    unsigned count = 0;
    drill_result_put(&out, "### ");
    drill_result_put_text(&out, &in_markdown, drill_span_str(title));
    drill_result_put(&out, "\n\n| passed | failed | skipped | errors | unreachable |\n"
                           "|---|---|---|---|---|\n");
    counted(&out, c->pass, " ");
    counted(&out, c->fail, " ");
    counted(&out, c->skip, " ");
    counted(&out, c->error, " ");
    counted(&out, c->unreachable, " |\n\n");
    if (list->stopped) {
        drill_result_put_text(&out, &in_markdown, drill_span_str(list->stopped));
        drill_result_put(&out, "\n\n");
    }
    for (const struct drill_result_row *row = list->first; row; row = row->next) {
        if (row->result == DRILL_RESULT_PASS || row->result == DRILL_RESULT_SKIP) {
            continue;
        }
        if (++count == 1) {
            drill_result_put(&out, "| scenario | line | mode | what | expected | actual |\n"
                                   "|---|---|---|---|---|---|\n");
        }
        if (count <= DRILL_GITHUB_ROWS) {
            failure(&out, row);
        }
    }
    if (count > DRILL_GITHUB_ROWS) {
        drill_result_put(&out, "\nand ");
        drill_result_put_number(&out, count - DRILL_GITHUB_ROWS);
        drill_result_put(&out, " more\n");
    }
    drill_result_put(&out, count ? "\n" : "");
    return !out.failed;
}
