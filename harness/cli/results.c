/* SPDX-License-Identifier: MIT */
#include "cli/results.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/github.h"
#include "report/junit.h"
#include "report/tap.h"

void cli_results_init(struct cli_results *r, const struct cli_options *options)
{
    memset(r, 0, sizeof(*r));
    r->options = options;
    r->began = time(NULL);
    cli_arena_init(&r->arena);
    drill_result_init(&r->list, &r->arena);
    drill_buf_init(&r->out, NULL);
    drill_buf_init(&r->failures, NULL);
}

void cli_results_fini(struct cli_results *r)
{
    drill_buf_fini(&r->failures);
    drill_buf_fini(&r->out);
    drill_arena_fini(&r->arena);
}

static bool at_the_end(const struct cli_results *r)
{
    return r->options->format == CLI_TAP || r->options->format == CLI_JUNIT;
}

static bool annotates(const struct cli_results *r)
{
    const char *github = getenv("GITHUB_ACTIONS");
    return !r->options->no_annotations && github && strcmp(github, "true") == 0;
}

static void to_stderr(struct drill_buf *out)
{
    if (out->len) {
        (void)fwrite(out->ptr, 1, out->len, stderr);
    }
    out->len = 0;
}

void cli_results_smtp(struct cli_results *r, const struct drill_smtp *smtp, uint64_t begin)
{
    if (r->options->format != CLI_JSONL || !r->options->verbose) {
        return;
    }
    for (const struct drill_smtp_reply *reply = smtp->replies; reply; reply = reply->next) {
        drill_json_smtp(&r->out, reply, begin);
    }
    cli_flush(&r->out);
}

void cli_results_seen(struct cli_results *r, const struct drill_seen *seen, uint64_t begin)
{
    if (r->options->format == CLI_JSONL) {
        drill_json_seen(&r->out, seen, begin);
    } else {
        struct drill_show_style style = {cli_colour(at_the_end(r) ? stderr : stdout),
                                         r->options->verbose};
        drill_show_seen(&r->out, &style, seen, begin);
    }
    if (at_the_end(r)) {
        to_stderr(&r->out);
    } else {
        cli_flush(&r->out);
    }
}

/* ---- the command that repeats it ---- */

static void quote(struct drill_buf *out, struct drill_span word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_@%+=:,./-";
    bool quotes = word.len == 0;
    for (size_t i = 0; i < word.len; i++) {
        quotes = quotes || !strchr(plain, word.ptr[i]);
    }
    drill_show_add(out, "%s", quotes ? "'" : "");
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '\'') {
            drill_show_add(out, "'\\''");
        } else {
            drill_buf_append(out, drill_span_sub(word, i, 1));
        }
    }
    drill_show_add(out, "%s", quotes ? "'" : "");
}

static void option(struct drill_buf *out, const char *name, const char *value)
{
    if (value) {
        drill_show_add(out, " --%s ", name);
        quote(out, drill_span_str(value));
    }
}

/* "milterdrill run --milter ADDR ... FILE", with its NUL. */
static void repeat_line(const struct cli_options *o, const char *path, struct drill_buf *out)
{
    drill_show_add(out, "milterdrill %s%s", o->check ? "check" : "run", o->sim ? " --sim" : "");
    option(out, "milter", o->milter);
    option(out, "listen", o->listen);
    option(out, "smtp", o->smtp);
    drill_show_add(out, "%s%s", o->xclient ? " --xclient" : "", o->proxy ? " --proxy" : "");
    option(out, "smtp-auth", o->smtp_auth);
    option(out, "sink", o->sink);
    option(out, "tls-ca", o->tls_ca);
    option(out, "tls-ca-out", o->tls_ca_out);
    option(out, "mta", o->mta);
    for (const struct drill_override *set = o->sets; set; set = set->next) {
        drill_show_add(out, " --set ");
        quote(out, set->key);
        drill_show_add(out, "=");
        quote(out, set->value);
    }
    option(out, "is", o->is);
    option(out, "root", o->root);
    if (o->timeout) {
        drill_show_add(out, " --timeout %llums", (unsigned long long)(o->timeout / 1000));
    }
    drill_show_add(out, "%s", o->exact ? " --exact" : "");
    option(out, "timing",
           o->timing == CLI_TIMING_ORIGINAL ? "original"
           : o->timing == CLI_TIMING_FAST   ? "fast"
                                            : NULL);
    if (o->repeat > 1) {
        drill_show_add(out, " --repeat %llu", (unsigned long long)o->repeat);
    }
    if (o->splits && o->chunkings) {
        drill_show_add(out, " --splits %llu", (unsigned long long)o->chunkings);
    } else if (o->splits) {
        drill_show_add(out, " --splits all");
    }
    if (o->splits || o->cuts) {
        drill_show_add(out, "%s --seed %llu", o->cuts ? " --cut-everywhere" : "",
                       (unsigned long long)o->seed);
    }
    drill_show_add(out, " ");
    quote(out, drill_span_str(path));
    drill_buf_append(out, drill_span_of("", 1));
}

/* ---- results ---- */

static const char *why_of(const struct drill_file *file, struct drill_arena *arena)
{
    for (const struct drill_setup *s = file ? file->setup : NULL; s; s = s->next) {
        if (s->kind == DRILL_SETUP_WHY) {
            return (const char *)drill_arena_copy(arena, s->text).ptr;
        }
    }
    return NULL;
}

/* Keeps a row, where a format needs it. */
static void keep(struct cli_results *r, struct drill_result_row *row, const struct drill_file *file)
{
    struct drill_buf again;
    if (!at_the_end(r) && !annotates(r)) {
        return;
    }
    drill_buf_init(&again, NULL);
    if (row->result != DRILL_RESULT_PASS && row->result != DRILL_RESULT_SKIP) {
        repeat_line(r->options, row->scenario, &again);
        row->repeat = (const char *)again.ptr;
        row->why = why_of(file, &r->arena);
    }
    drill_result_add(&r->list, row);
    drill_buf_fini(&again);
}

/* A failure that the lists expect is none; a pass that they do not expect is one, if asked. */
static const char *judge_expected(struct cli_results *r, const struct drill_json_result *j,
                                  struct drill_report *report)
{
    const struct cli_expected *e = cli_expect_find(r->options->expected, j->scenario);
    if (e && report->result == DRILL_RESULT_FAIL) {
        r->expected++;
        return e->reason;
    }
    if (e && report->result == DRILL_RESULT_PASS && r->options->strict) {
        report->result = DRILL_RESULT_FAIL;
        (void)snprintf(report->what, sizeof(report->what),
                       "it passes, but is expected to fail: take it off %s:%u", e->file, e->line);
    }
    return NULL;
}

/* The name of the folder that a scenario is in. */
static struct drill_span class_of(const char *scenario)
{
    const char *name = strrchr(scenario, '/');
    const char *begin = name;
    while (begin && begin > scenario && begin[-1] != '/') {
        begin--;
    }
    return name ? drill_span_of(begin, (size_t)(name - begin)) : drill_span_str("scenarios");
}

/* "4.2", below the heading of its class. */
static void number(struct cli_results *r, const char *scenario)
{
    struct drill_span class = drill_span_sub(class_of(scenario), 0, sizeof(r->group) - 1);
    if (!drill_span_equal(class, drill_span_str(r->group))) {
        memcpy(r->group, class.ptr, class.len);
        r->group[class.len] = '\0';
        r->group_number++;
        r->case_number = 0;
        drill_show_add(&r->out, "%s%u. %s\n", r->group_number > 1 ? "\n" : "", r->group_number,
                       r->group);
    }
    drill_show_add(&r->out, "  %u.%-3u ", r->group_number, ++r->case_number);
}

static void tell_line(struct cli_results *r, const struct drill_json_result *j, const char *label)
{
    drill_show_add(&r->out, "%-5s %s (%s)", label, j->scenario, j->mode);
    if (j->reason) {
        drill_show_add(&r->out, ": %s", j->reason);
    } else {
        drill_show_add(&r->out, " %.1f ms", (double)j->elapsed / 1000.0);
    }
    if (j->repeats > 1) {
        drill_show_add(&r->out, ", %llu times", (unsigned long long)j->repeats);
    }
    drill_show_add(&r->out, "\n");
}

static void tell_case(struct cli_results *r, const struct drill_json_result *j,
                      const struct drill_file *file, const char *verdict, const char *why)
{
    struct drill_span title = file ? file->title : drill_span_str(j->scenario);
    number(r, j->scenario);
    drill_show_add(&r->out, "%-6s %.*s\n", verdict, (int)title.len, (const char *)title.ptr);
    if (why) {
        drill_show_add(&r->out, "               %s\n", why);
    }
}

static void tell_text(struct cli_results *r, const struct drill_json_result *j,
                      const struct drill_file *file)
{
    static const char *const labels[] = {"ERROR", "PASS", "FAIL", "SKIP", "GONE", "ERROR"};
    enum drill_result result = j->report->result;
    if (r->options->check) {
        static const char *const verdicts[] = {"error", "pass", "FAIL", "skip", "gone", "error"};
        tell_case(r, j, file, j->quirk ? "quirk" : verdicts[result],
                  j->quirk ? j->quirk : j->reason);
    } else {
        tell_line(r, j, labels[result]);
    }
    cli_flush(&r->out);
    if (result == DRILL_RESULT_FAIL || result == DRILL_RESULT_UNREACHABLE) {
        struct drill_buf again;
        drill_buf_init(&again, NULL);
        repeat_line(r->options, j->scenario, &again);
        drill_show_failure(&r->failures, j->scenario, j->report, file, (const char *)again.ptr);
        drill_buf_fini(&again);
    }
}

static void tell_expected(struct cli_results *r, const struct drill_json_result *j,
                          const struct drill_file *file, const char *reason)
{
    struct drill_buf text;
    drill_buf_init(&text, NULL);
    drill_show_add(&text, "fails as expected: %s", reason);
    drill_buf_append(&text, drill_span_of("", 1));
    struct drill_result_row row = {.scenario = j->scenario,
                                   .mode = j->mode,
                                   .result = DRILL_RESULT_SKIP,
                                   .reason = (const char *)text.ptr,
                                   .elapsed = j->elapsed};
    keep(r, &row, NULL);
    if (r->options->format == CLI_TEXT) {
        if (r->options->check) {
            tell_case(r, j, file, "known", reason);
        } else {
            drill_show_add(&r->out, "XFAIL %s (%s): %s\n", j->scenario, j->mode, reason);
        }
        cli_flush(&r->out);
    } else if (r->options->format == CLI_JSONL) {
        struct drill_json_result told = *j;
        told.expected = reason;
        drill_json_result(&r->out, &told);
        cli_flush(&r->out);
    }
    drill_buf_fini(&text);
}

static void tell(struct cli_results *r, const struct drill_json_result *given,
                 const struct drill_file *file)
{
    struct drill_json_result told = *given;
    const struct drill_json_result *j = &told;
    struct drill_report judged = *given->report;
    told.report = &judged;
    told.broken = r->broken;
    const char *expected = judge_expected(r, given, &judged);
    if (expected) {
        tell_expected(r, j, file, expected);
        return;
    }
    const struct drill_report *report = &judged;
    struct drill_result_row row = {.scenario = j->scenario,
                                   .mode = j->mode,
                                   .result = report->result,
                                   .reason = j->reason ? j->reason : report->what,
                                   .elapsed = j->elapsed};
    drill_result_count(&r->count, report->result);
    r->quirks += j->quirk != NULL;
    if (report->result == DRILL_RESULT_FAIL || report->result == DRILL_RESULT_UNREACHABLE) {
        row.line = report->pos.line;
        row.report = report;
    }
    keep(r, &row, file);
    switch (r->options->format) {
    case CLI_TEXT: tell_text(r, j, file); break;
    case CLI_JSONL:
        drill_json_result(&r->out, j);
        cli_flush(&r->out);
        break;
    case CLI_TAP:
    case CLI_JUNIT: break;
    }
}

void cli_results_tell(struct cli_results *r, const struct drill_json_result *result,
                      const struct drill_file *file)
{
    tell(r, result, file);
    memset(r->broken, 0, sizeof(r->broken));
}

void cli_results_skip(struct cli_results *r, const char *path, enum cli_mode mode,
                      const char *reason)
{
    struct drill_report report;
    memset(&report, 0, sizeof(report));
    report.result = DRILL_RESULT_SKIP;
    struct drill_json_result j = {
        .scenario = path, .mode = cli_mode_name(mode), .report = &report, .reason = reason};
    cli_results_tell(r, &j, NULL);
}

/* Only the exit code counts it: summaries count what was played. */
static void bad(struct cli_results *r, const char *path, const char *mode,
                const struct drill_error *err)
{
    struct drill_result_row row = {.scenario = path,
                                   .mode = mode,
                                   .result = DRILL_RESULT_ERROR,
                                   .line = err->line,
                                   .reason = err->text};
    r->bad_file = true;
    keep(r, &row, NULL);
}

void cli_results_bad(struct cli_results *r, const char *path, enum cli_mode mode,
                     const struct drill_error *err)
{
    cli_error(err);
    bad(r, path, cli_mode_name(mode), err);
}

void cli_results_bad_file(struct cli_results *r, const struct cli_scenario *sc, const char *path,
                          struct drill_arena *arena)
{
    struct drill_errors errors = {.count = 0};
    struct drill_error err;
    struct drill_span source;
    drill_error_set(&err, DRILL_ERR_IO, "this file cannot be played; the reason is on stderr");
    if (!at_the_end(r) && !annotates(r)) {
        r->bad_file = true;
        return;
    }
    /* What was printed was not kept: ask again for the first of it. */
    if (sc && sc->file) {
        (void)drill_lint(sc->file, path, &errors);
    } else if (sc && sc->source.ptr) {
        (void)drill_parse(sc->source, path, &sc->loader.loader, arena, &errors);
    } else if (strcmp(path, "-") != 0) {
        (void)cli_read(path, arena, &source, &err);
    }
    bad(r, path, "", errors.count ? &errors.item[0] : &err);
}

void cli_results_stop(struct cli_results *r, const char *why)
{
    drill_result_stop(&r->list, why);
}

/* ---- the end ---- */

static int exit_code(const struct cli_results *r)
{
    if (r->bad_file || r->count.error) {
        return EXIT_USAGE;
    }
    if (r->count.unreachable) {
        return EXIT_NO_PEER;
    }
    if (r->count.fail || r->list.stopped) {
        return EXIT_FAILED;
    }
    return r->count.pass + r->expected == 0 ? EXIT_SKIPPED : EXIT_AS_EXPECTED;
}

static bool text(struct cli_results *r)
{
    const struct drill_json_count *c = &r->count;
    if (r->failures.len) {
        drill_show_add(&r->out, "\n");
        drill_buf_append(&r->out, drill_buf_span(&r->failures));
    }
    drill_show_add(&r->out, "\n%u passed, %u failed, %u skipped", c->pass, c->fail, c->skip);
    if (r->quirks) {
        drill_show_add(&r->out, " (%u with a quirk)", r->quirks);
    }
    if (r->expected) {
        drill_show_add(&r->out, ", %u failed as expected", r->expected);
    }
    if (r->withheld) {
        drill_show_add(&r->out, ", %u withheld", r->withheld);
    }
    if (c->unreachable) {
        drill_show_add(&r->out, ", %u unreachable", c->unreachable);
    }
    if (c->error) {
        drill_show_add(&r->out, ", %u errors", c->error);
    }
    if (c->seed) {
        drill_show_add(&r->out, ", seed %llu", (unsigned long long)*c->seed);
    }
    drill_show_add(&r->out, "\n");
    return true;
}

/* A harness says in TAP_VERSION what it reads: prove before Test::Harness 3.48 refuses a 14. */
static unsigned tap_version(void)
{
    const char *most = getenv("TAP_VERSION");
    return most && strcmp(most, "13") == 0 ? 13 : DRILL_TAP_VERSION;
}

static bool junit(struct cli_results *r)
{
    const struct cli_options *o = r->options;
    char when[40] = "", host[256] = "";
    struct tm utc;
    char seed[24] = "";
    struct drill_junit_property properties[6] = {{"milterdrill", DRILL_VERSION}};
    size_t n = 1;
    if (!r->simulated && gmtime_r(&r->began, &utc)) {
        (void)strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S+00:00", &utc);
        (void)gethostname(host, sizeof(host) - 1);
    }
    if (!o->sim) {
        properties[n].name = o->milter ? "milter" : "listen";
        properties[n++].value = o->milter ? o->milter : o->listen;
    }
    if (o->mta) {
        properties[n++] = (struct drill_junit_property){"mta", o->mta};
    }
    if (o->is) {
        properties[n++] = (struct drill_junit_property){"is", o->is};
    }
    if (r->count.seed) {
        (void)snprintf(seed, sizeof(seed), "%llu", (unsigned long long)*r->count.seed);
        properties[n++] = (struct drill_junit_property){"seed", seed};
    }
    struct drill_junit_head head = {o->sim ? "milterdrill run --sim" : "milterdrill run",
                                    when[0] ? when : NULL, host[0] ? host : NULL, properties};
    return drill_junit_write(&r->out, &head, &r->list);
}

static bool summary(struct cli_results *r)
{
    bool chosen = r->options->splits || r->options->cuts;
    r->count.seed = r->list.count.seed = chosen ? &r->options->seed : NULL;
    switch (r->options->format) {
    case CLI_TEXT: return text(r);
    case CLI_JSONL: drill_json_summary(&r->out, &r->count); return true;
    case CLI_TAP: return drill_tap_write(&r->out, &r->list, tap_version());
    case CLI_JUNIT: return junit(r);
    }
    return true;
}

/* Steps add to one file; what it is for does not fail a run. */
static void write_step_summary(struct cli_results *r)
{
    const char *path = getenv("GITHUB_STEP_SUMMARY");
    const char *title = r->options->check ? "milterdrill check"
                        : r->options->sim ? "milterdrill run --sim"
                                          : "milterdrill run";
    if (!path || !path[0]) {
        return;
    }
    FILE *f = fopen(path, "a");
    bool ok = f && drill_github_summary(&r->out, title, &r->list) &&
              fwrite(r->out.ptr, 1, r->out.len, f) == r->out.len;
    if ((f && fclose(f) != 0) || !ok) {
        cli_complain("GITHUB_STEP_SUMMARY: %s cannot be written", path);
    }
    r->out.len = 0;
}

static bool finish(struct cli_results *r)
{
    bool ok = summary(r);
    if (!ok) {
        cli_complain("no memory for the results");
        r->out.len = 0;
    }
    cli_flush(&r->out);
    if (annotates(r)) {
        write_step_summary(r);
        (void)drill_github_write(&r->out, &r->list);
        if (r->options->format == CLI_TEXT) {
            cli_flush(&r->out);
        } else {
            to_stderr(&r->out);
        }
    }
    return ok;
}

int cli_results_end(struct cli_results *r)
{
    int code = exit_code(r);
    if (r->list.stopped) {
        cli_complain("%s", r->list.stopped);
    }
    return finish(r) ? code : EXIT_USAGE;
}

void cli_results_abort(struct cli_results *r, const struct drill_error *err)
{
    char text[DRILL_ERROR_TEXT + DRILL_ERROR_FILE + 40];
    drill_error_format(err, text, sizeof(text));
    cli_complain("%s", text);
    if (at_the_end(r)) {
        drill_result_stop(&r->list, text);
        (void)finish(r);
    }
}
