/* SPDX-License-Identifier: MIT */
#include "report/github.h"

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
