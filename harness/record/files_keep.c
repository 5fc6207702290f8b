/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "record/files_state.h"

/* What a name in the folder is: a file of a recording, or none of ours. */
struct found {
    char time[20];
    uint64_t number;
    uint64_t bytes;
    bool lines, mail, part;
};

/* ---- names ---- */

static bool digits(const char **p, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9') {
            return false;
        }
    }
    *p += count;
    return true;
}

/* "20261120T120000Z-7" and one of the endings that files of recordings have. */
static bool take_name(const char *name, struct found *out)
{
    const char *p = name;
    char *end = NULL;
    if (!digits(&p, 8) || *p++ != 'T' || !digits(&p, 6) || *p++ != 'Z' || *p++ != '-' || *p < '1' ||
        *p > '9') {
        return false;
    }
    memset(out, 0, sizeof(*out));
    memcpy(out->time, name, 16);
    errno = 0;
    out->number = strtoull(p, &end, 10);
    if (errno || *end != '.') {
        return false;
    }
    const char *ending = strrchr(end, '.');
    out->mail = strcmp(ending, ".eml") == 0;
    out->part = strcmp(ending, ".part") == 0;
    out->lines = strcmp(end, ".drill") == 0;
    return out->mail || out->part || out->lines || strcmp(end, ".mta.bin") == 0 ||
           strcmp(end, ".milter.bin") == 0;
}

static void drop(const struct drill_files *f, const char *time, uint64_t number, const char *ending)
{
    char name[DRILL_STEM + 32];
    (void)snprintf(name, sizeof(name), "%s-%llu%s", time, (unsigned long long)number, ending);
    (void)unlinkat(f->folder, name, 0);
}

void drill_files_remove(struct drill_files *f, const char *time, uint64_t number, unsigned mails)
{
    char ending[24];
    drop(f, time, number, ".drill");
    drop(f, time, number, ".mta.bin");
    drop(f, time, number, ".milter.bin");
    for (unsigned i = 1; i <= mails; i++) {
        (void)snprintf(ending, sizeof(ending), ".%u.eml", i);
        drop(f, time, number, i == 1 ? ".eml" : ending);
    }
}

/* ---- what is kept ---- */

static void take_oldest(struct drill_files *f)
{
    struct drill_kept *k = f->kept;
    f->kept = k->next;
    f->kept_end = f->kept ? f->kept_end : &f->kept;
    f->kept_count--;
    f->kept_bytes -= k->bytes;
    drill_alloc_resize(NULL, k, 0);
}

void drill_files_forget(struct drill_files *f)
{
    while (f->kept) {
        take_oldest(f);
    }
}

static void prune(struct drill_files *f)
{
    const struct drill_files_config *c = &f->config;
    while (f->kept && ((c->keep && f->kept_count > c->keep) ||
                       (c->rotate && f->kept_bytes > c->rotate && f->kept->next))) {
        drill_files_remove(f, f->kept->time, f->kept->number, f->kept->mails);
        f->stats.bytes -= f->kept->bytes;
        f->stats.rotated++;
        take_oldest(f);
    }
}

static struct drill_kept *add(struct drill_files *f, const char *time, uint64_t number)
{
    struct drill_kept *k = drill_alloc_resize(NULL, NULL, sizeof(*k));
    if (k) {
        memset(k, 0, sizeof(*k));
        (void)snprintf(k->time, sizeof(k->time), "%s", time);
        k->number = number;
        *f->kept_end = k;
        f->kept_end = &k->next;
        f->kept_count++;
    }
    return k;
}

void drill_files_keep(struct drill_files *f, const char *time, uint64_t number, unsigned mails,
                      uint64_t bytes)
{
    if (!f->config.keep && !f->config.rotate) {
        return;
    }
    struct drill_kept *k = add(f, time, number);
    if (k) { /* else it stays in the folder, uncounted */
        k->mails = mails;
        k->bytes = bytes;
        f->kept_bytes += bytes;
    }
    prune(f);
}

/* ---- what was there before ---- */

static int older(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int by_time = strcmp(x->time, y->time);
    return by_time ? by_time : (x->number > y->number) - (x->number < y->number);
}

static bool take_entry(struct drill_files *f, const char *name, struct drill_buf *list)
{
    struct found found;
    struct stat st;
    if (!take_name(name, &found) || fstatat(f->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode)) {
        return true;
    }
    if (found.part || (found.lines && st.st_size == 0)) {
        (void)unlinkat(f->folder, name, 0);
        return true;
    }
    found.bytes = (uint64_t)st.st_size;
    f->stats.bytes += found.bytes;
    f->number = found.number > f->number ? found.number : f->number;
    return drill_buf_append(list, drill_span_of(&found, sizeof(found)));
}

static bool take_list(struct drill_files *f, struct drill_buf *list)
{
    struct found *all = (struct found *)(void *)list->ptr;
    size_t count = list->len / sizeof(*all);
    struct drill_kept *k = NULL;
    if (!f->config.keep && !f->config.rotate) {
        return true;
    }
    if (count) {
        qsort(all, count, sizeof(*all), older);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || older(&all[i - 1], &all[i]) != 0) {
            k = add(f, all[i].time, all[i].number);
        }
        if (!k) {
            return false;
        }
        k->bytes += all[i].bytes;
        f->kept_bytes += all[i].bytes;
        k->mails += all[i].mail;
    }
    return true;
}

bool drill_files_scan(struct drill_files *f, struct drill_error *err)
{
    struct drill_buf list;
    int fd = dup(f->folder);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool ok = dir != NULL;
    drill_buf_init(&list, NULL);
    while (ok && (entry = readdir(dir))) {
        ok = take_entry(f, entry->d_name, &list);
    }
    ok = ok && take_list(f, &list);
    drill_buf_fini(&list);
    if (dir) {
        (void)closedir(dir);
    }
    if (!ok) {
        drill_error_set(err, DRILL_ERR_IO, "%s: cannot be listed: %s", f->config.folder,
                        strerror(errno ? errno : ENOMEM));
    }
    return ok;
}
