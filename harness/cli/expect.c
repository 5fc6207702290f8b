/* SPDX-License-Identifier: MIT */
#include "cli/expect.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "scenario/match.h"

static struct drill_span trim(struct drill_span s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = drill_span_sub(s, 1, SIZE_MAX);
    }
    while (s.len &&
           (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t' || s.ptr[s.len - 1] == '\r')) {
        s.len--;
    }
    return s;
}

/* What stands before the next '|', which is taken too. */
static struct drill_span part(struct drill_span *line)
{
    size_t at = drill_span_find(*line, '|');
    struct drill_span p = trim(drill_span_sub(*line, 0, at));
    *line = drill_span_sub(*line, at + 1, SIZE_MAX);
    return p;
}

static enum drill_code one(struct drill_span line, const char *file, uint32_t number,
                           struct drill_arena *arena, struct cli_expected **list,
                           struct drill_error *err)
{
    struct drill_span path = part(&line), result = part(&line), reason = trim(line);
    enum drill_code code = DRILL_OK;
    bool withheld = drill_span_equal(result, drill_span_str("withheld"));
    if (!withheld && !drill_span_equal(result, drill_span_str("fail"))) {
        code = drill_error_set(err, DRILL_ERR_SYNTAX,
                               "expected `PATH | fail | REASON`, or withheld, not result `%.*s`",
                               (int)drill_span_sub(result, 0, 40).len, (const char *)result.ptr);
    } else if (path.len == 0 || reason.len == 0) {
        code = drill_error_set(err, DRILL_ERR_SYNTAX,
                               "expected `PATH | fail | REASON`: the %s is missing",
                               path.len ? "reason" : "path");
    }
    if (code != DRILL_OK) {
        drill_error_at(err, file, number, 1);
        return code;
    }
    struct cli_expected *e = drill_arena_take(arena, sizeof(*e));
    struct drill_span p = drill_arena_copy(arena, path), r = drill_arena_copy(arena, reason);
    if (!e || !p.ptr || !r.ptr) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
    }
    e->path = (const char *)p.ptr;
    e->reason = (const char *)r.ptr;
    e->file = file;
    e->line = number;
    e->withheld = withheld;
    e->next = *list;
    *list = e;
    return DRILL_OK;
}

enum drill_code cli_expect_read(const char *path, struct drill_arena *arena,
                                struct cli_expected **list, struct drill_error *err)
{
    struct drill_span text;
    enum drill_code code = cli_read(path, arena, &text, err);
    for (uint32_t number = 1; text.len && code == DRILL_OK; number++) {
        size_t at = drill_span_find(text, '\n');
        struct drill_span line = trim(drill_span_sub(text, 0, at));
        text = drill_span_sub(text, at + 1, SIZE_MAX);
        if (line.len && line.ptr[0] != '#') {
            code = one(line, path, number, arena, list, err);
        }
    }
    return code;
}

static int is_list(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 4 && strcmp(e->d_name + n - 4, ".txt") == 0;
}

/* The folder's name with its NUL, or NULL: the path has no class folder, or memory is refused. */
static const char *expected_folder(const char *scenario, struct drill_arena *arena)
{
    const char *name = strrchr(scenario, '/');
    const char *class = name;
    while (class && class > scenario && class[-1] != '/') {
        class --;
    }
    static const char folder[] = "expected";
    size_t at = class ? (size_t)(class - scenario) : 0;
    char *path = name ? drill_arena_take(arena, at + sizeof(folder)) : NULL;
    if (path) {
        memcpy(path, scenario, at);
        memcpy(path + at, folder, sizeof(folder));
    }
    return path;
}

enum drill_code cli_expect_models(const char *scenario, struct drill_arena *arena,
                                  struct cli_expected **list, const char **last,
                                  struct drill_error *err)
{
    struct dirent **found = NULL;
    enum drill_code code = DRILL_OK;
    const char *folder = expected_folder(scenario, arena);
    if (!folder || (*last && strcmp(*last, folder) == 0)) {
        return DRILL_OK;
    }
    *last = folder;
    int n = scandir(folder, &found, is_list, alphasort);
    for (int i = 0; i < n; i++) {
        size_t size = strlen(folder) + strlen(found[i]->d_name) + 2;
        char *path = code == DRILL_OK ? drill_arena_take(arena, size) : NULL;
        if (path) {
            (void)snprintf(path, size, "%s/%s", folder, found[i]->d_name);
            code = cli_expect_read(path, arena, list, err);
        }
        free(found[i]);
    }
    free(found);
    return code;
}

static bool stands_for(const char *path, const char *scenario)
{
    struct drill_span pattern = drill_span_str(path);
    bool found = drill_match_glob(pattern, drill_span_str(scenario));
    for (const char *slash = strchr(scenario, '/'); slash && !found;
         slash = strchr(slash + 1, '/')) {
        found = drill_match_glob(pattern, drill_span_str(slash + 1));
    }
    return found;
}

const struct cli_expected *cli_expect_find(const struct cli_expected *list, const char *scenario)
{
    const struct cli_expected *found = NULL;
    for (; list && !(found && found->withheld); list = list->next) {
        if (stands_for(list->path, scenario)) {
            found = list->withheld || !found ? list : found;
        }
    }
    return found;
}
