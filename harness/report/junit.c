/* SPDX-License-Identifier: MIT */
#include "report/junit.h"

#include <stdio.h>
#include <string.h>

static const char *special_text(uint32_t rune)
{
    switch (rune) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;"; /* ]]> must not stand in text (XML 1.0, 2.4) */
    case '"': return "&quot;";
    case '\'': return "&apos;";
    case '\t': return "\t";
    case '\n': return "\n";
    default: return NULL;
    }
}

/* A reader turns plain white space in an attribute into spaces (XML 1.0, 3.3.3). */
static const char *special_attribute(uint32_t rune)
{
    return rune == '\t' ? "&#9;" : rune == '\n' ? "&#10;" : special_text(rune);
}

static const struct drill_result_escape in_text = {"\\x", special_text};
static const struct drill_result_escape in_attribute = {"\\x", special_attribute};

static void text(struct drill_result_out *out, const char *value)
{
    drill_result_put_text(out, &in_text, drill_span_str(value));
}

static void attribute_span(struct drill_result_out *out, const char *name, struct drill_span value)
{
    drill_result_put(out, " ");
    drill_result_put(out, name);
    drill_result_put(out, "=\"");
    drill_result_put_text(out, &in_attribute, value);
    drill_result_put(out, "\"");
}

static void attribute(struct drill_result_out *out, const char *name, const char *value)
{
    attribute_span(out, name, drill_span_str(value));
}

static void number(struct drill_result_out *out, const char *name, uint64_t value)
{
    char digits[24];
    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    attribute(out, name, digits);
}

static void seconds(struct drill_result_out *out, uint64_t microseconds)
{
    char value[40];
    (void)snprintf(value, sizeof(value), "%llu.%06llu",
                   (unsigned long long)(microseconds / 1000000),
                   (unsigned long long)(microseconds % 1000000));
    attribute(out, "time", value);
}

/* tests, failures, errors, skipped, time: the same for the only suite and for all. */
static void totals(struct drill_result_out *out, const struct drill_result_list *list)
{
    unsigned extra = list->stopped ? 1 : 0;
    uint64_t elapsed = 0;
    for (const struct drill_result_row *row = list->first; row; row = row->next) {
        elapsed += row->elapsed;
    }
    number(out, "tests", drill_result_total(list) + extra);
    number(out, "failures", list->count.fail);
    number(out, "errors", list->count.error + list->count.unreachable + extra);
    number(out, "skipped", list->count.skip);
    seconds(out, elapsed);
}

/* "scenarios/reset/x.drill", "mta": x.drill (mta) of scenarios/reset. */
static void identity(struct drill_result_out *out, const struct drill_result_row *row)
{
    const char *slash = strrchr(row->scenario, '/');
    size_t folder = slash ? (size_t)(slash - row->scenario) : 0;
    drill_result_put(out, " name=\"");
    drill_result_put_text(out, &in_attribute, drill_span_str(slash ? slash + 1 : row->scenario));
    if (row->mode[0]) {
        drill_result_put(out, " (");
        drill_result_put_text(out, &in_attribute, drill_span_str(row->mode));
        drill_result_put(out, ")");
    }
    drill_result_put(out, "\"");
    attribute_span(out, "classname",
                   folder  ? drill_span_of(row->scenario, folder)
                   : slash ? drill_span_str("/")
                           : drill_span_str("."));
    attribute(out, "file", row->scenario);
    if (row->line) {
        number(out, "line", row->line);
    }
    seconds(out, row->elapsed);
}

static void line(struct drill_result_out *out, const char *label, const char *value)
{
    if (value[0]) {
        drill_result_put(out, label);
        text(out, value);
        drill_result_put(out, "\n");
    }
}

/* <failure> or <error>: the sentence as message, all that is known as its text. */
static void problem(struct drill_result_out *out, const struct drill_result_row *row,
                    const char *element, const char *type)
{
    drill_result_put(out, "      <");
    drill_result_put(out, element);
    attribute(out, "message", row->reason);
    attribute(out, "type", type);
    drill_result_put(out, ">");
    text(out, row->scenario);
    if (row->line) {
        drill_result_put(out, ":");
        drill_result_put_number(out, row->line);
    }
    line(out, ": ", row->reason[0] ? row->reason : type);
    if (row->report) {
        char ending[320];
        drill_result_ending(row->report, ending, sizeof(ending));
        line(out, "expected  ", row->report->expected);
        line(out, "actual    ", row->report->actual);
        line(out, "          ", row->report->why);
        line(out, "ending    ", ending);
    }
    line(out, "why       ", row->why);
    line(out, "repeat    ", row->repeat);
    drill_result_put(out, "</");
    drill_result_put(out, element);
    drill_result_put(out, ">\n");
}

static void frames(struct drill_result_out *out, const struct drill_report *r)
{
    drill_result_put(out, "      <system-out>");
    for (size_t i = 0; i < r->befores; i++) {
        line(out, "", r->before[i]);
    }
    line(out, "", r->actual);
    drill_result_put(out, "</system-out>\n");
}

static void test_case(struct drill_result_out *out, const struct drill_result_row *row)
{
    drill_result_put(out, "    <testcase");
    identity(out, row);
    if (row->result == DRILL_RESULT_PASS) {
        drill_result_put(out, "/>\n");
        return;
    }
    drill_result_put(out, ">\n");
    switch (row->result) {
    case DRILL_RESULT_PASS: break;
    case DRILL_RESULT_SKIP:
        drill_result_put(out, "      <skipped");
        attribute(out, "message", row->reason);
        drill_result_put(out, "/>\n");
        break;
    case DRILL_RESULT_FAIL: problem(out, row, "failure", "protocol"); break;
    case DRILL_RESULT_UNREACHABLE: problem(out, row, "error", "unreachable"); break;
    case DRILL_RESULT_ERROR:
    case DRILL_RESULT_RUNNING: problem(out, row, "error", "error"); break;
    }
    if (row->report && (row->report->befores || row->report->actual[0])) {
        frames(out, row->report);
    }
    drill_result_put(out, "    </testcase>\n");
}

/* There is no "Bail out!" here, so a run that was stopped is a test of its own, in error. */
static void stopped(struct drill_result_out *out, const char *why)
{
    drill_result_put(out, "    <testcase name=\"the whole run\" classname=\"milterdrill\" "
                          "time=\"0.000000\">\n      <error");
    attribute(out, "message", why);
    drill_result_put(out, " type=\"stopped\"/>\n    </testcase>\n");
}

static void properties(struct drill_result_out *out, const struct drill_junit_property *p)
{
    drill_result_put(out, "    <properties>\n");
    for (; p->name; p++) {
        drill_result_put(out, "      <property");
        attribute(out, "name", p->name);
        attribute(out, "value", p->value);
        drill_result_put(out, "/>\n");
    }
    drill_result_put(out, "    </properties>\n");
}

bool drill_junit_write(struct drill_buf *buf, const struct drill_junit_head *head,
                       const struct drill_result_list *list)
{
    struct drill_result_out out = {buf, false};
    drill_result_put(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    attribute(&out, "name", "milterdrill");
    totals(&out, list);
    drill_result_put(&out, ">\n  <testsuite");
    attribute(&out, "name", head->name);
    totals(&out, list);
    if (head->timestamp) {
        attribute(&out, "timestamp", head->timestamp);
    }
    if (head->hostname) {
        attribute(&out, "hostname", head->hostname);
    }
    drill_result_put(&out, ">\n");
    if (head->properties && head->properties->name) {
        properties(&out, head->properties);
    }
    for (const struct drill_result_row *row = list->first; row; row = row->next) {
        test_case(&out, row);
    }
    if (list->stopped) {
        stopped(&out, list->stopped);
    }
    drill_result_put(&out, "  </testsuite>\n</testsuites>\n");
    return !out.failed;
}
