/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

enum { DEEPEST = 16 };

static bool add(struct cli_paths *p, const char *path, const char *root)
{
    struct cli_path *n = drill_arena_take(p->arena, sizeof(*n));
    struct drill_span copy = drill_arena_copy(p->arena, drill_span_str(path));
    if (!n || !copy.ptr) {
        cli_complain("no memory");
        return false;
    }
    n->path = (const char *)copy.ptr;
    n->root = root;
    *p->end = n;
    p->end = &n->next;
    return true;
}

static bool is_scenario(const char *name)
{
    size_t n = strlen(name);
    return n > 6 && strcmp(name + n - 6, ".drill") == 0;
}

static int visible(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static bool leads_on(const char *name)
{
    return strcmp(name, "recorded") != 0;
}

static bool walk(struct cli_paths *p, const char *dir, const char *root, int depth)
{
    struct dirent **list = NULL;
    int n = depth < DEEPEST ? scandir(dir, &list, visible, alphasort) : 0;
    bool ok = n >= 0;
    if (!ok) {
        cli_complain("%s: cannot be read: %s", dir, strerror(errno));
    }
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        struct stat st;
        int len = snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
        if (ok && len > 0 && (size_t)len < sizeof(path) && lstat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode)) {
                ok = !leads_on(list[i]->d_name) || walk(p, path, root, depth + 1);
            } else if (S_ISREG(st.st_mode) && is_scenario(list[i]->d_name)) {
                ok = add(p, path, root);
            }
        }
        free(list[i]);
    }
    free(list);
    return ok;
}

bool cli_collect(struct cli_paths *p, const char *operand)
{
    struct stat st;
    char plain[PATH_MAX];
    (void)snprintf(plain, sizeof(plain), "%s", operand);
    size_t n = strlen(plain);
    if (n > 1 && plain[n - 1] == '/') {
        plain[n - 1] = '\0';
    }
    if (stat(plain, &st) != 0) {
        cli_complain("%s: %s", operand, strerror(errno));
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        return add(p, operand, NULL);
    }
    return walk(p, plain, operand, 0);
}
