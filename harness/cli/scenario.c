/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "scenario/judged.h"

static void print_errors(const struct cli_scenario *s, const struct drill_errors *errors)
{
    size_t n = errors->count < DRILL_ERRORS_MAX ? errors->count : DRILL_ERRORS_MAX;
    for (size_t i = 0; i < n; i++) {
        char text[4096];
        struct drill_writer w = drill_writer_of(text, sizeof(text));
        drill_parse_caret(s->source, &errors->item[i], &w);
        struct drill_span out = drill_writer_span(&w);
        (void)fwrite(out.ptr, 1, out.len, stderr);
    }
    if (errors->count > n) {
        cli_complain("%s: %zu more errors", s->name, errors->count - n);
    }
}

bool cli_scenario_read(struct cli_scenario *s, const char *path, const char *root, bool load,
                       struct drill_arena *arena)
{
    struct drill_error err;
    struct drill_errors errors = {.count = 0};
    s->name = path;
    s->file = NULL;
    if (cli_read(path, arena, &s->source, &err) != DRILL_OK ||
        (load && cli_loader_init(&s->loader, arena, path, root, &err) != DRILL_OK)) {
        cli_error(&err);
        return false;
    }
    s->file = drill_parse(s->source, path, load ? &s->loader.loader : NULL, arena, &errors);
    if (!s->file) {
        print_errors(s, &errors);
    }
    return s->file != NULL;
}

bool cli_scenario_lint(const struct cli_scenario *s)
{
    struct drill_errors errors = {.count = 0};
    bool clean = drill_lint(s->file, s->name, &errors);
    if (drill_judged_lint(s->file, s->name, &errors) && clean) {
        return true;
    }
    print_errors(s, &errors);
    return false;
}
