/* SPDX-License-Identifier: MIT */
/*
 * A main for fuzz targets without a fuzzer: runs the target once for each file that is named, or
 * that lies in a directory that is named (in order of names, README.md and dot files left out).
 * Any compiler will do. Prints how many; exits 1 when there was none, or one could not be read.
 */
#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "fuzz.h"

static size_t replayed;

static bool replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0;
    size_t got = 1;
    while (f && got) {
        uint8_t *more = realloc(data, size + 65536);
        if (!more) {
            break;
        }
        data = more;
        got = fread(data + size, 1, 65536, f);
        size += got;
    }
    bool ok = f && got == 0 && !ferror(f);
    if (ok) {
        uint8_t *exact = realloc(data, size ? size : 1);
        data = exact ? exact : data;
        (void)LLVMFuzzerTestOneInput(data, size);
        replayed++;
    } else {
        perror(path);
    }
    if (f) {
        (void)fclose(f);
    }
    free(data);
    return ok;
}

static int wanted(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strcmp(entry->d_name, "README.md") != 0;
}

static bool replay(const char *path)
{
    struct stat st;
    struct dirent **entries = NULL;
    if (stat(path, &st) != 0) {
        perror(path);
        return false;
    }
    if (!S_ISDIR(st.st_mode)) {
        return replay_file(path);
    }
    int count = scandir(path, &entries, wanted, alphasort);
    bool ok = count >= 0;
    for (int i = 0; i < count; i++) {
        char below[4096];
        int n = snprintf(below, sizeof(below), "%s/%s", path, entries[i]->d_name);
        ok = n > 0 && (size_t)n < sizeof(below) && replay(below) && ok;
        free(entries[i]);
    }
    free(entries);
    return ok;
}

int main(int argc, char **argv)
{
    bool ok = true;
    for (int i = 1; i < argc; i++) {
        ok = replay(argv[i]) && ok;
    }
    (void)printf("%zu inputs replayed\n", replayed);
    return ok && replayed ? 0 : 1;
}
