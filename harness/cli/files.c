/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

#define FILE_MAX ((size_t)256 << 20)

static enum drill_code read_all(FILE *f, struct drill_arena *arena, struct drill_span *out)
{
    struct drill_buf buf;
    enum drill_code code = DRILL_OK;
    drill_buf_init(&buf, NULL);
    for (;;) {
        if (buf.len > FILE_MAX) {
            code = DRILL_ERR_LIMIT;
            break;
        }
        if (!drill_buf_reserve(&buf, 65536)) {
            code = DRILL_ERR_MEMORY;
            break;
        }
        size_t got = fread(buf.ptr + buf.len, 1, buf.cap - buf.len, f);
        buf.len += got;
        if (got == 0) {
            code = ferror(f) ? DRILL_ERR_IO : DRILL_OK;
            break;
        }
    }
    if (code == DRILL_OK) {
        *out = drill_arena_copy(arena, drill_buf_span(&buf));
        code = out->ptr ? DRILL_OK : DRILL_ERR_MEMORY;
    }
    drill_buf_fini(&buf);
    return code;
}

enum drill_code cli_read(const char *path, struct drill_arena *arena, struct drill_span *out,
                         struct drill_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *f = standard ? stdin : fopen(path, "rb");
    if (!f) {
        return drill_error_set(err, errno == ENOENT ? DRILL_ERR_NOTFOUND : DRILL_ERR_IO,
                               "%s: cannot be read: %s", path, strerror(errno));
    }
    errno = 0;
    enum drill_code code = read_all(f, arena, out);
    int why = errno;
    if (!standard) {
        (void)fclose(f);
    }
    if (code == DRILL_ERR_LIMIT) {
        drill_error_set(err, code, "%s: larger than 256 MiB", path);
    } else if (code != DRILL_OK) {
        drill_error_set(err, code, "%s: cannot be read: %s", path, strerror(why ? why : ENOMEM));
    }
    return code;
}

enum drill_code cli_write(const char *path, struct drill_span bytes, struct drill_error *err)
{
    char part[PATH_MAX];
    int n = snprintf(part, sizeof(part), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(part)) {
        return drill_error_set(err, DRILL_ERR_VALUE, "%s: the name is too long", path);
    }
    struct stat old;
    int fd = mkstemp(part); /* 0600, which is right for what is saved: somebody's mail */
    if (fd >= 0 && stat(path, &old) == 0) {
        (void)fchmod(fd, old.st_mode & 0777);
    }
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    bool ok = f && fwrite(bytes.ptr, 1, bytes.len, f) == bytes.len;
    int why = errno;
    if (f) {
        ok = fclose(f) == 0 && ok;
    }
    ok = ok && rename(part, path) == 0;
    if (!ok) {
        why = why ? why : errno;
        (void)unlink(part);
        return drill_error_set(err, DRILL_ERR_IO, "%s: cannot be written: %s", path, strerror(why));
    }
    return DRILL_OK;
}

static bool below(const char *path, const char *root)
{
    size_t n = strlen(root);
    return strncmp(path, root, n) == 0 && (path[n] == '/' || (n && root[n - 1] == '/'));
}

static enum drill_code load(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err)
{
    struct cli_loader *l = ctx;
    char joined[PATH_MAX], real[PATH_MAX];
    struct stat st;
    int n =
        snprintf(joined, sizeof(joined), "%s/%.*s", l->base, (int)name.len, (const char *)name.ptr);
    if (n < 0 || (size_t)n >= sizeof(joined) || !realpath(joined, real) || stat(real, &st) != 0) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "file \"%.*s\": %s", (int)name.len,
                               (const char *)name.ptr, strerror(errno));
    }
    if (!below(real, l->root)) {
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "file \"%.*s\" lies outside of the folder that scenarios may read "
                               "(%s); --root DIR moves it",
                               (int)name.len, (const char *)name.ptr, l->root);
    }
    if (!S_ISREG(st.st_mode)) {
        return drill_error_set(err, DRILL_ERR_VALUE, "file \"%.*s\" is not a regular file",
                               (int)name.len, (const char *)name.ptr);
    }
    return cli_read(real, l->arena, bytes, err);
}

enum drill_code cli_loader_init(struct cli_loader *l, struct drill_arena *arena,
                                const char *scenario, const char *root, struct drill_error *err)
{
    char folder[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", scenario);
    char *slash = strrchr(folder, '/');
    if (slash == folder) {
        slash[1] = '\0';
    } else if (slash) {
        *slash = '\0';
    } else {
        (void)snprintf(folder, sizeof(folder), ".");
    }
    l->files.load = load;
    l->files.ctx = l;
    l->arena = arena;
    drill_cache_init(&l->cache, &l->files, arena);
    l->loader = l->cache.loader;
    if (!realpath(folder, l->base) || !realpath(root ? root : folder, l->root)) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "%s: %s", root ? root : folder,
                               strerror(errno));
    }
    return DRILL_OK;
}
