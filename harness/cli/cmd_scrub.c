/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/scrub_check.h"
#include "scenario/scrub.h"

enum { SCRUB_OUT = CLI_OWN, SCRUB_KEEP, SCRUB_CHECK, SCRUB_FORCE, SCRUB_SEED };

static const struct cli_word words[] = {
    {"out", 'v', SCRUB_OUT},     {"keep", 'v', SCRUB_KEEP},
    {"check", 'v', SCRUB_CHECK}, {"force", 'f', SCRUB_FORCE},
    {"seed", 'v', SCRUB_SEED},   {"root", 'v', CLI_ROOT},
    {"help", 'f', CLI_HELP},     {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill scrub [OPTION...] FILE\n\n"
    "Writes an anonymised copy of a recording or scenario, with the files it names. Names, texts\n"
    "and addresses are replaced, the same by the same; lengths, lines, MIME parts and frames "
    "stay.\n"
    "Dates, lengths and repetitions stay, too: look at the copy before you give it away.\n\n"
    "  --out FILE|DIR       where to (default: FILE.scrubbed.drill, beside FILE)\n"
    "  --force              also over files that are there\n"
    "  --keep header:NAME   the values of this header stay (may repeat)\n"
    "  --keep body          bodies stay\n"
    "  --check ADDR         play both against this milter: do they end alike? Exit 1 if not\n"
    "  --root DIR           FILE may name files below this folder\n"
    "  --seed N             replacements that can be made again, by anybody: for tests\n";

struct session {
    struct drill_arena arena;
    struct drill_scrub_config config;
    struct drill_name *keep;
    const char *file, *out, *check, *root, *seed;
    bool force;
    char path[PATH_MAX];   /* of the copy */
    char folder[PATH_MAX]; /* that it is in */
};

/* ---- options ---- */

static bool keep(struct session *s, const char *what)
{
    static const char header[] = "header:";
    if (strcmp(what, "body") == 0) {
        s->config.keep_body = true;
        return true;
    }
    if (strncmp(what, header, sizeof(header) - 1) != 0 || !what[sizeof(header) - 1]) {
        cli_complain("scrub: --keep takes header:NAME or body, not `%s`", what);
        return false;
    }
    struct drill_name *name = drill_arena_take(&s->arena, sizeof(*name));
    if (!name) {
        cli_complain("no memory");
        return false;
    }
    name->text = drill_span_str(what + sizeof(header) - 1);
    name->next = s->keep;
    s->config.keep = s->keep = name;
    return true;
}

static bool operand(struct session *s, const char *file)
{
    if (s->file) {
        cli_complain("scrub: one file at a time; `%s` is a second one", file);
        return false;
    }
    if (strcmp(file, "-") == 0) {
        cli_complain("scrub: the files that a recording names lie beside it: name the file itself");
        return false;
    }
    s->file = file;
    return true;
}

static bool option(struct session *s, const struct cli_args *args, int id)
{
    switch (id) {
    case 0: return operand(s, args->value);
    case SCRUB_OUT: s->out = args->value; return true;
    case SCRUB_KEEP: return keep(s, args->value);
    case SCRUB_CHECK: s->check = args->value; return true;
    case SCRUB_FORCE: s->force = true; return true;
    case SCRUB_SEED: s->seed = args->value; return true;
    case CLI_ROOT: s->root = args->value; return true;
    default: return false;
    }
}

/* The system's random, of which nothing is printed or kept: nobody can try names against it. */
static bool make_key(struct session *s)
{
    struct drill_scrub_key *key = &s->config.key;
    if (s->seed) {
        char *end = NULL;
        errno = 0;
        key->k0 = strtoull(s->seed, &end, 10);
        if (errno || end == s->seed || *end || s->seed[0] == '-') {
            cli_complain("scrub: --seed wants a whole number, not `%s`", s->seed);
            return false;
        }
        return true;
    }
    FILE *f = fopen("/dev/urandom", "rb");
    bool ok = f && fread(key, sizeof(*key), 1, f) == 1;
    if (f) {
        (void)fclose(f);
    }
    if (!ok) {
        cli_complain("scrub: /dev/urandom cannot be read: %s", strerror(errno));
    }
    return ok;
}

/* ---- names ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* So long is the name without ".drill". */
static int stem_length(const char *path)
{
    size_t n = strlen(path), end = strlen(".drill");
    return (int)(n > end && strcmp(path + n - end, ".drill") == 0 ? n - end : n);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where the copy goes, and what its files are called: by us, never by what the original says. */
static bool choose_names(struct session *s)
{
    const char *base = base_name(s->file);
    int n;
    if (!s->out) {
        n = snprintf(s->path, sizeof(s->path), "%.*s.scrubbed.drill", stem_length(s->file),
                     s->file);
    } else if (is_folder(s->out)) {
        n = snprintf(s->path, sizeof(s->path), "%s/%.*s.scrubbed.drill", s->out, stem_length(base),
                     base);
    } else {
        n = snprintf(s->path, sizeof(s->path), "%s", s->out);
    }
    if (n < 0 || (size_t)n >= sizeof(s->path)) {
        cli_complain("scrub: the name of the copy is too long; --out FILE gives it another");
        return false;
    }
    const char *name = base_name(s->path);
    s->config.prefix = drill_span_of(name, (size_t)stem_length(name));
    (void)snprintf(s->folder, sizeof(s->folder), "%.*s", (int)(name - s->path), s->path);
    return true;
}

/* ---- writing ---- */

static bool beside(const struct session *s, struct drill_span name, char *path, size_t cap)
{
    int n = snprintf(path, cap, "%s%.*s", s->folder, (int)name.len, (const char *)name.ptr);
    if (n >= 0 && (size_t)n < cap) {
        return true;
    }
    cli_complain("scrub: the name of a file beside %s is too long", s->path);
    return false;
}

static bool may_write(const struct session *s, const char *path)
{
    struct stat st, own;
    if (lstat(path, &st) != 0) {
        return true;
    }
    if (stat(s->file, &own) == 0 && own.st_dev == st.st_dev && own.st_ino == st.st_ino) {
        cli_complain("scrub: %s is the original; --out FILE names another place", path);
        return false;
    }
    if (!s->force) {
        cli_complain("scrub: %s is there already; --force writes over it, --out FILE elsewhere",
                     path);
    }
    return s->force;
}

/* 0600, whatever it was. */
static bool put(const char *path, struct drill_span bytes)
{
    struct drill_error err;
    if (unlink(path) != 0 && errno != ENOENT) {
        cli_complain("scrub: %s cannot be replaced: %s", path, strerror(errno));
        return false;
    }
    if (cli_write(path, bytes, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    return true;
}

/* Nothing is written before all may be; the scenario last, so that it never names what is not
 * there. */
static bool write_all(const struct session *s, const struct drill_scrubbed *copy)
{
    char path[2 * PATH_MAX];
    bool ok = may_write(s, s->path);
    for (const struct drill_scrub_file *f = copy->files; ok && f; f = f->next) {
        ok = beside(s, f->name, path, sizeof(path)) && may_write(s, path);
    }
    for (const struct drill_scrub_file *f = copy->files; ok && f; f = f->next) {
        ok = beside(s, f->name, path, sizeof(path)) && put(path, f->bytes);
    }
    return ok && put(s->path, copy->text);
}

/* ---- all ---- */

static int scrub(struct session *s)
{
    struct cli_scenario *original = drill_arena_take(&s->arena, sizeof(*original));
    struct drill_scrubbed copy = {.files = NULL};
    struct drill_errors errors = {.count = 0};
    unsigned files = 0;
    if (!original || !cli_scenario_read(original, s->file, s->root, true, &s->arena)) {
        return EXIT_USAGE;
    }
    if (!drill_scrub(&s->config, original->source, s->file, &original->loader.loader, &s->arena,
                     &copy, &errors)) {
        cli_error(&errors.item[0]);
        return EXIT_USAGE;
    }
    if (!write_all(s, &copy)) {
        return EXIT_USAGE;
    }
    for (const struct drill_scrub_file *f = copy.files; f; f = f->next) {
        files++;
    }
    (void)printf("%s", s->path);
    if (files) {
        (void)printf(" and %u file%s beside it", files, files > 1 ? "s" : "");
    }
    (void)printf("\n");
    return s->check ? cli_scrub_check(s->check, s->file, s->root, s->path, NULL) : EXIT_AS_EXPECTED;
}

int cmd_scrub(int argc, char **argv)
{
    struct session s;
    struct cli_args args = {argc, argv, 1, false, words, "scrub", NULL};
    int id, code = EXIT_USAGE;
    bool ok = true;
    memset(&s, 0, sizeof(s));
    cli_arena_init(&s.arena);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        ok = option(&s, &args, id);
    }
    if (ok && !s.file) {
        cli_complain("scrub: no file; name a .drill file");
    } else if (ok && make_key(&s) && choose_names(&s)) {
        code = scrub(&s);
    }
out:
    drill_arena_fini(&s.arena);
    return code;
}
