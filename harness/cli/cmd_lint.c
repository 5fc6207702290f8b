/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/given.h"
#include "scenario/print.h"

static const struct cli_word lint_words[] = {
    {"root", 'v', CLI_ROOT}, {"help", 'f', CLI_HELP}, {NULL, 0, 0}};

enum { FMT_CHECK = CLI_OWN, FMT_WRITE };

static const struct cli_word fmt_words[] = {
    {"check", 'f', FMT_CHECK}, {"write", 'f', FMT_WRITE}, {"help", 'f', CLI_HELP}, {NULL, 0, 0}};

static const char lint_help[] =
    "usage: milterdrill lint [--root DIR] FILE|FOLDER...\n\n"
    "Checks scenarios without playing them; prints every error as file:line:column. Exit 0 or 2.\n";

static const char fmt_help[] =
    "usage: milterdrill fmt [--check | --write] FILE|FOLDER...\n\n"
    "Prints scenarios in canonical form; comments stay.\n"
    "  --check   print nothing but the names of files that are not canonical; exit 2 if any\n"
    "  --write   rewrite the files\n";

static const struct drill_step *find_dots(const struct drill_block *block)
{
    const struct drill_step *found = NULL;
    for (const struct drill_step *s = block->steps; s && !found; s = s->next) {
        found = s->kind == DRILL_STEP_ELLIPSIS ? s : find_dots(&s->block);
        found = found ? found : find_dots(&s->block2);
    }
    return found;
}

/* No error: somebody may have shortened it, and knows. */
static void note_dots(const struct cli_scenario *s)
{
    const struct drill_step *dots = s->file->recorded.len ? find_dots(&s->file->body) : NULL;
    if (dots) {
        (void)fprintf(stderr,
                      "%s:%u:%u: note: `...` in a recording stands for what was not recorded, and "
                      "is played as the profile does; without recorded= it is a scenario\n",
                      s->name, dots->pos.line, dots->pos.column);
    }
}

static bool lint_one(const struct cli_path *path, const char *root)
{
    struct drill_arena arena;
    cli_arena_init(&arena);
    struct cli_scenario *s = drill_arena_take(&arena, sizeof(*s));
    bool ok = s && cli_scenario_read(s, path->path, root ? root : path->root, true, &arena) &&
              cli_scenario_lint(s);
    struct drill_scene scene;
    struct drill_error err;
    if (ok && drill_scene_build(s->file, s->name, &s->loader.loader, NULL, NULL, &arena, &scene,
                                &err) != DRILL_OK) {
        cli_error(&err);
        ok = false;
    }
    if (ok) {
        note_dots(s);
    }
    drill_arena_fini(&arena);
    return ok;
}

int cmd_lint(int argc, char **argv)
{
    struct drill_arena arena;
    struct cli_args args = {argc, argv, 1, false, lint_words, "lint", NULL};
    struct cli_options options;
    struct cli_paths paths = {.arena = &arena};
    int id, code = EXIT_USAGE;
    bool ok = true;
    paths.end = &paths.first;
    cli_arena_init(&arena);
    cli_options_init(&options, &arena);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(lint_help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        ok = id == 0 ? cli_collect(&paths, args.value) : id > 0 && cli_option(&options, &args, id);
    }
    if (ok && !paths.first) {
        cli_complain("lint: no scenario; name a .drill file or a folder of them");
    } else if (ok) {
        code = EXIT_AS_EXPECTED;
        for (const struct cli_path *p = paths.first; p; p = p->next) {
            code = lint_one(p, options.root) ? code : EXIT_USAGE;
        }
    }
out:
    drill_arena_fini(&arena);
    return code;
}

static bool canonical(const struct cli_scenario *s, struct drill_arena *arena,
                      struct drill_span *out)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_print(s->file, &measure);
    uint8_t *text = drill_arena_take(arena, measure.len + 1);
    if (!text) {
        cli_complain("no memory");
        return false;
    }
    struct drill_writer w = drill_writer_of(text, measure.len);
    drill_print(s->file, &w);
    *out = drill_writer_span(&w);
    return true;
}

static bool fmt_one(const struct cli_path *path, int how)
{
    struct drill_arena arena;
    struct drill_error err;
    struct drill_span text;
    cli_arena_init(&arena);
    struct cli_scenario *s = drill_arena_take(&arena, sizeof(*s));
    bool ok =
        s && cli_scenario_read(s, path->path, NULL, false, &arena) && canonical(s, &arena, &text);
    bool same = ok && drill_span_equal(text, s->source);
    if (ok && how == FMT_CHECK && !same) {
        (void)printf("%s: not in canonical form; milterdrill fmt --write mends it\n", path->path);
        ok = false;
    } else if (ok && how == FMT_WRITE && !same && cli_write(path->path, text, &err) != DRILL_OK) {
        cli_error(&err);
        ok = false;
    } else if (ok && how == 0) {
        (void)fwrite(text.ptr, 1, text.len, stdout);
    }
    drill_arena_fini(&arena);
    return ok;
}

int cmd_fmt(int argc, char **argv)
{
    struct drill_arena arena;
    struct cli_args args = {argc, argv, 1, false, fmt_words, "fmt", NULL};
    struct cli_paths paths = {.arena = &arena};
    int id, how = 0, code = EXIT_USAGE;
    bool ok = true;
    paths.end = &paths.first;
    cli_arena_init(&arena);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(fmt_help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        how = id >= CLI_OWN ? id : how;
        ok = id == 0 ? cli_collect(&paths, args.value) : id >= CLI_OWN;
    }
    if (ok && cli_given(&args, FMT_CHECK) && cli_given(&args, FMT_WRITE)) {
        cli_complain("fmt: --check and --write: one of them, or none");
    } else if (ok && !paths.first) {
        cli_complain("fmt: no scenario; name a .drill file or a folder of them");
    } else if (ok) {
        code = EXIT_AS_EXPECTED;
        for (const struct cli_path *p = paths.first; p; p = p->next) {
            code = fmt_one(p, how) ? code : EXIT_USAGE;
        }
    }
out:
    drill_arena_fini(&arena);
    return code;
}
