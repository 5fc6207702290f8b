/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/sweep.h"
#include "session/stalwart_conf.h"

void cli_complain(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("milterdrill: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputc('\n', stderr);
    va_end(args);
}

void cli_error(const struct drill_error *err)
{
    char text[DRILL_ERROR_TEXT + DRILL_ERROR_FILE + 40];
    drill_error_format(err, text, sizeof(text));
    cli_complain("%s", text);
}

void cli_flush(struct drill_buf *out)
{
    if (out->len) {
        (void)fwrite(out->ptr, 1, out->len, stdout);
        (void)fflush(stdout);
    }
    out->len = 0;
}

bool cli_colour(FILE *stream)
{
    const char *no = getenv("NO_COLOR");
    return (!no || !no[0]) && isatty(fileno(stream));
}

void cli_arena_init(struct drill_arena *arena)
{
    drill_arena_init(arena, NULL, 0);
}

static const struct cli_word *find_word(const struct cli_word *words, const char *name, size_t len)
{
    for (; words->name; words++) {
        if (strlen(words->name) == len && strncmp(words->name, name, len) == 0) {
            return words;
        }
    }
    return NULL;
}

/* `dashes`: before it, as it was written. */
static int unknown(const struct cli_args *args, const char *dashes, const char *name, size_t len)
{
    const char *names[64];
    size_t count = 0;
    for (const struct cli_word *w = args->words; w->name && count < 64; w++) {
        names[count++] = w->name;
    }
    const char *near = drill_nearest(drill_span_of(name, len), names, count);
    cli_complain("%s: there is no option %s%.*s%s%s%s; see milterdrill %s --help", args->command,
                 dashes, (int)len, name, near ? " (did you mean --" : "", near ? near : "",
                 near ? "?)" : "", args->command);
    return -2;
}

static int long_option(struct cli_args *args, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : strlen(text);
    const struct cli_word *w = find_word(args->words, text, len);
    if (!w) {
        return unknown(args, "--", text, len);
    }
    args->value = equals ? equals + 1 : NULL;
    if (w->value == 'f' && equals) {
        cli_complain("%s: --%s takes no value", args->command, w->name);
        return -2;
    }
    if (w->value == 'v' && !equals) {
        if (args->at >= args->argc) {
            cli_complain("%s: --%s needs a value", args->command, w->name);
            return -2;
        }
        args->value = args->argv[args->at++];
    }
    return w->id;
}

int cli_next(struct cli_args *args)
{
    if (args->at >= args->argc) {
        return -1;
    }
    const char *text = args->argv[args->at++];
    if (args->only_operands || text[0] != '-' || text[1] == '\0') {
        args->value = text;
        return 0;
    }
    if (strcmp(text, "--") == 0) {
        args->only_operands = true;
        return cli_next(args);
    }
    if (strcmp(text, "-v") == 0 && find_word(args->words, "verbose", strlen("verbose"))) {
        return CLI_VERBOSE;
    }
    if (strcmp(text, "-h") == 0) {
        return CLI_HELP;
    }
    if (text[1] != '-') {
        return unknown(args, "-", text + 1, strlen(text + 1));
    }
    return long_option(args, text + 2);
}

void cli_options_init(struct cli_options *o, struct drill_arena *arena)
{
    memset(o, 0, sizeof(*o));
    o->repeat = 1;
    o->seed = 1;
    o->arena = arena;
    o->sets_end = &o->sets;
}

static bool add_set(struct cli_options *o, const char *text)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        cli_complain("--set wants key=value, not `%s`", text);
        return false;
    }
    struct drill_override *set = drill_arena_take(o->arena, sizeof(*set));
    if (!set) {
        cli_complain("no memory");
        return false;
    }
    set->key = drill_span_of(text, (size_t)(equals - text));
    set->value = drill_span_str(equals + 1);
    *o->sets_end = set;
    o->sets_end = (struct drill_override **)(void *)&set->next;
    return true;
}

static bool number(const char *name, const char *text, uint64_t least, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno || end == text || *end || text[0] == '-' || v < least) {
        cli_complain("--%s wants a whole number from %llu, not `%s`", name,
                     (unsigned long long)least, text);
        return false;
    }
    *out = v;
    return true;
}

static bool format(struct cli_options *o, const char *text)
{
    static const char *const names[] = {"text", "jsonl", "tap", "junit"};
    static const enum cli_format formats[] = {CLI_TEXT, CLI_JSONL, CLI_TAP, CLI_JUNIT};
    for (size_t i = 0; i < (o->reports ? 4 : 2); i++) {
        if (strcmp(text, names[i]) == 0) {
            o->format = formats[i];
            return true;
        }
    }
    cli_complain("--format knows %s, not `%s`",
                 o->reports ? "text, jsonl, tap and junit" : "text and jsonl", text);
    return false;
}

static bool timing(struct cli_options *o, const char *text)
{
    bool original = strcmp(text, "original") == 0;
    o->timing = original ? CLI_TIMING_ORIGINAL : CLI_TIMING_FAST;
    if (original || strcmp(text, "fast") == 0) {
        return true;
    }
    cli_complain("--timing knows original and fast, not `%s`", text);
    return false;
}

static bool duration(const char *text, uint64_t *out)
{
    if (!drill_setting_duration(drill_span_str(text), out) || *out == 0) {
        cli_complain("--timeout wants a time such as 500ms, 10s or 2min, not `%s`", text);
        return false;
    }
    return true;
}

static bool expect(struct cli_options *o, const char *path)
{
    struct drill_error err;
    if (cli_expect_read(path, o->arena, &o->expected, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    return true;
}

static bool add_milter(struct cli_options *o, const char *text)
{
    if (!o->milter) {
        o->milter = text;
        return true;
    }
    struct cli_more *more = drill_arena_take(o->arena, sizeof(*more));
    if (!more) {
        cli_complain("no memory");
        return false;
    }
    more->text = text;
    *(o->more ? &o->more_end->next : &o->more) = more;
    o->more_end = more;
    return true;
}

bool cli_option(struct cli_options *o, struct cli_args *args, int id)
{
    switch (id) {
    case CLI_MILTER: return add_milter(o, args->value);
    case CLI_LISTEN: o->listen = args->value; return true;
    case CLI_SMTP: o->smtp = args->value; return true;
    case CLI_XCLIENT: o->xclient = true; return true;
    case CLI_PROXY: o->proxy = true; return true;
    case CLI_SMTP_AUTH: o->smtp_auth = args->value; return true;
    case CLI_SINK: o->sink = args->value; return true;
    case CLI_TLS_CA: o->tls_ca = args->value; return true;
    case CLI_TLS_CA_OUT: o->tls_ca_out = args->value; return true;
    case CLI_MTA: o->mta = args->value; return true;
    case CLI_SET: return add_set(o, args->value);
    case CLI_SIM: o->sim = true; return true;
    case CLI_ROOT: o->root = args->value; return true;
    case CLI_IS: o->is = args->value; return true;
    case CLI_FORMAT: return format(o, args->value);
    case CLI_REPEAT: return number("repeat", args->value, 1, &o->repeat);
    case CLI_TIMEOUT: return duration(args->value, &o->timeout);
    case CLI_VERBOSE: o->verbose = true; return true;
    case CLI_EXPECT: return expect(o, args->value);
    case CLI_STRICT: o->strict = true; return true;
    case CLI_SPLITS: return cli_sweep_splits(o, args->value);
    case CLI_CUTS: o->cuts = true; return true;
    case CLI_EXACT: o->exact = true; return true;
    case CLI_TIMING: return timing(o, args->value);
    case CLI_SEED: return cli_sweep_seed(o, args->value);
    case CLI_NO_ANNOTATIONS: o->no_annotations = true; return true;
    default: return false;
    }
}

/* --mta names a profile, or a file (or `-`) with an MTA's own configuration. */
enum drill_code cli_mta_side(const struct cli_options *o, struct cli_mta *mta,
                             struct drill_error *err)
{
    memset(mta, 0, sizeof(*mta));
    mta->side.sets = o->sets;
    if (!o->mta) {
        return DRILL_OK;
    }
    mta->side.profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str(o->mta));
    if (mta->side.profile) {
        return DRILL_OK;
    }
    struct drill_span text;
    enum drill_code code = cli_read(o->mta, o->arena, &text, err);
    if (code == DRILL_ERR_NOTFOUND && !strchr(o->mta, '/') && !strchr(o->mta, '.')) {
        const char *near = drill_profile_nearest(DRILL_SIDE_MTA, drill_span_str(o->mta));
        return drill_error_set(err, code, "--mta %s: neither a profile nor a file%s%s%s", o->mta,
                               near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    }
    if (code != DRILL_OK) {
        return code;
    }
    mta->side.profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"));
    mta->side.profile->defaults(&mta->settings);
    /* The listener decides an `enable` expression, so it is set before the object is read. */
    for (const struct drill_override *s = o->sets; s; s = s->next) {
        if (drill_span_equal(s->key, drill_span_str("listener"))) {
            mta->settings.listener = s->value;
        }
    }
    code =
        drill_stalwart_conf(text, -1, &mta->settings, o->arena, mta->note, sizeof(mta->note), err);
    if (code != DRILL_OK) {
        drill_error_at(err, strcmp(o->mta, "-") == 0 ? "(stdin)" : o->mta, err->line, err->column);
        return code;
    }
    mta->side.settings = &mta->settings;
    mta->configured = true;
    return DRILL_OK;
}
