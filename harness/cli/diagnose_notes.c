/* SPDX-License-Identifier: MIT */
/* What other programs' files say: limits of --conf files, and lines that --log files got meanwhile.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/diagnose.h"
#include "session/loglines.h"

enum { LINES = 12, LOG_MOST = 1 << 20 };

struct diagnose_file {
    const char *path;
    bool log;
    uint64_t from; /* of a log: its size before the first session */
    struct diagnose_file *next;
};

bool diagnose_file_add(struct diagnose *d, const char *path, bool log)
{
    struct diagnose_file *f = drill_arena_take(&d->send.arena, sizeof(*f));
    struct diagnose_file **end = &d->files;
    if (!f) {
        cli_complain("no memory");
        return false;
    }
    while (*end) {
        end = &(*end)->next;
    }
    f->path = path;
    f->log = log;
    *end = f;
    return true;
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

bool diagnose_files_begin(struct diagnose *d)
{
    for (struct diagnose_file *f = d->files; f; f = f->next) {
        FILE *stream = fopen(f->path, "rb");
        if (!stream) {
            cli_complain("%s: %s", f->path, strerror(errno));
            return false;
        }
        (void)fclose(stream);
        f->from = size_of(f->path);
    }
    return true;
}

static struct drill_verdict_note *add_note(struct diagnose *d, struct drill_verdict_note **list,
                                           const char *file, struct drill_span text)
{
    struct drill_verdict_note *n = drill_arena_take(&d->send.arena, sizeof(*n));
    while (*list) {
        list = &(*list)->next;
    }
    if (n) {
        n->file = file;
        n->text = text;
        *list = n;
    }
    return n;
}

/* What came to the log since, at most its last LINES lines. */
static void read_log(struct diagnose *d, const struct diagnose_file *f)
{
    uint64_t size = size_of(f->path), from = size < f->from ? 0 : f->from; /* it was rotated */
    from = size - from > LOG_MOST ? size - LOG_MOST : from;
    FILE *stream = fopen(f->path, "rb");
    uint8_t *text = drill_arena_take(&d->send.arena, (size_t)(size - from) + 1);
    size_t len = 0;
    if (stream && text && fseeko(stream, (off_t)from, SEEK_SET) == 0) {
        len = fread(text, 1, (size_t)(size - from), stream);
    }
    if (stream) {
        (void)fclose(stream);
    }
    size_t lines = 0, at = len;
    while (at > 0 && lines <= LINES) {
        lines += text[--at] == '\n';
    }
    at += lines > LINES;
    while (at < len) {
        struct drill_span rest = drill_span_of(text + at, len - at);
        size_t n = drill_span_find(rest, '\n');
        (void)add_note(d, &d->logs, f->path, drill_span_sub(rest, 0, n));
        at += n + 1;
    }
}

void diagnose_logs_read(struct diagnose *d)
{
    if (d->logs_read) {
        return;
    }
    d->logs_read = true;
    for (const struct diagnose_file *f = d->files; f; f = f->next) {
        if (f->log) {
            read_log(d, f);
        }
    }
}

static bool read_conf(struct diagnose *d, const struct diagnose_file *f,
                      const struct drill_conf_met *met)
{
    struct drill_error err;
    struct drill_span source;
    struct drill_conf_limit *limits = NULL;
    if (cli_read(f->path, &d->send.arena, &source, &err) != DRILL_OK ||
        drill_conf_read(source, f->path, &d->send.arena, &limits, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    for (const struct drill_conf_limit *l = limits; l; l = l->next) {
        char text[400];
        drill_conf_compare(l, met, text, sizeof(text));
        struct drill_verdict_note *n = add_note(d, &d->confs, f->path, l->text);
        struct drill_span copy = drill_arena_copy(&d->send.arena, drill_span_str(text));
        if (n) {
            n->line = l->line;
            n->meaning = (const char *)copy.ptr;
        }
    }
    return true;
}

bool diagnose_confs_read(struct diagnose *d, const struct drill_conf_met *met)
{
    for (const struct diagnose_file *f = d->files; f; f = f->next) {
        if (!f->log && !read_conf(d, f, met)) {
            return false;
        }
    }
    return true;
}

/* ---- a line of a log that is looked for ---- */

/* "(os error 104)", or the words that strerror has for it; 0: none. */
static int errno_of(const char *line)
{
    static const int KNOWN[] = {ECONNRESET, EPIPE, ETIMEDOUT, ECONNREFUSED};
    const char *number = strstr(line, "os error ");
    if (number) {
        return (int)strtol(number + 9, NULL, 10);
    }
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(*KNOWN); i++) {
        if (strstr(line, strerror(KNOWN[i]))) {
            return KNOWN[i];
        }
    }
    return 0;
}

/* By the judge's rule that such a line is about. */
static unsigned symptoms_of(const char *rule)
{
    if (strcmp(rule, "F8") == 0 || strcmp(rule, "F65") == 0) {
        return 1U << DRILL_SYMPTOM_LOST;
    }
    if (strcmp(rule, "F9") == 0) {
        return 1U << DRILL_SYMPTOM_SILENT;
    }
    return rule[0] == 'F' ? 1U << DRILL_SYMPTOM_MALFORMED | 1U << DRILL_SYMPTOM_OVERSIZED |
                                1U << DRILL_SYMPTOM_UNEXPECTED | 1U << DRILL_SYMPTOM_SURPLUS
                          : 0;
}

bool diagnose_error(const char *line, struct drill_question *q)
{
    struct drill_logline known;
    q->error = errno_of(line);
    if (q->error == ETIMEDOUT || q->error == ECONNREFUSED) {
        q->symptoms =
            q->error == ETIMEDOUT ? 1U << DRILL_SYMPTOM_SILENT : 1U << DRILL_SYMPTOM_UNREACHABLE;
        q->error = 0;
    } else if (!q->error && drill_loglines_find(drill_span_str(line), &known)) {
        q->symptoms = symptoms_of(known.rule);
    }
    if (!q->error && !q->symptoms) {
        cli_complain("--error: that line has no errno (os error 104, Broken pipe), and is none of "
                     "a milter that fails; without --error any failure is looked for, and "
                     "milterdrill explain knows more lines");
    }
    return q->error || q->symptoms;
}
