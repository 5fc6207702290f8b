/* SPDX-License-Identifier: MIT */
#include "record/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "record/files_state.h"

#define WARNING "# This file holds real mail. Before you give it away: milterdrill scrub %s.drill\n"

struct one_file {
    int fd; /* -1: not open */
    uint64_t size;
    char name[112];           /* of a file beside it */
    struct drill_buf pending; /* for a file beside it: not written yet */
};

enum { LINES = DRILL_BESIDES, FILES };

struct drill_recording {
    struct drill_files *files;
    struct one_file file[FILES]; /* those beside it, and the lines */
    uint64_t head;               /* bytes of the provisional head */
    uint64_t bytes;              /* of all its files */
    uint64_t number;
    unsigned mails;
    bool broken;    /* it could not be written */
    bool stopped;   /* --max-bytes */
    bool finishing; /* what is left to write is small, and may pass the limit */
    char day[20];   /* "20261120T120000Z" */
    char stem[DRILL_STEM];
    char iso[24]; /* "2026-11-20T12:00:00Z" */
};

/* ---- the folder ---- */

static bool refuse(const struct drill_files *f, struct drill_error *err, const char *why)
{
    drill_error_set(err, DRILL_ERR_IO, "%s: %s", f->config.folder, why);
    return false;
}

static bool open_folder(struct drill_files *f, struct drill_error *err)
{
    struct stat st;
    char text[160];
    const char *path = f->config.folder;
    mode_t mask = umask(077); /* one that takes from the owner would leave a folder of no use */
    bool made = mkdir(path, 0700) == 0;
    int error = errno;
    (void)umask(mask);
    if (!made && error != EEXIST) {
        return refuse(f, err, strerror(error));
    }
    f->folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (f->folder < 0 ||
        (made && geteuid() == 0 && fchown(f->folder, f->config.owner, f->config.group) != 0) ||
        fstat(f->folder, &st) != 0) {
        return refuse(f, err, strerror(errno));
    }
    if ((st.st_mode & 077) != 0) {
        (void)snprintf(text, sizeof(text),
                       "is open to others (mode %03o), and recordings are people's mail: chmod 700 "
                       "it, or name a folder that is not there yet",
                       (unsigned)(st.st_mode & 0777));
        return refuse(f, err, text);
    }
    if (st.st_uid != f->config.owner) {
        (void)snprintf(text, sizeof(text),
                       "belongs to user id %lu, and recordings are written as user id %lu",
                       (unsigned long)st.st_uid, (unsigned long)f->config.owner);
        return refuse(f, err, text);
    }
    return true;
}

struct drill_files *drill_files_open(const struct drill_files_config *config,
                                     struct drill_error *err)
{
    struct drill_files *f = drill_alloc_resize(NULL, NULL, sizeof(*f));
    if (!f) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for %s", config->folder);
        return NULL;
    }
    memset(f, 0, sizeof(*f));
    f->config = *config;
    f->folder = -1;
    f->kept_end = &f->kept;
    if (!open_folder(f, err) || !drill_files_scan(f, err)) {
        drill_files_free(f);
        return NULL;
    }
    return f;
}

const struct drill_files_stats *drill_files_stats(const struct drill_files *f)
{
    return &f->stats;
}

void drill_files_free(struct drill_files *f)
{
    if (f) {
        drill_files_forget(f);
        if (f->folder >= 0) {
            (void)close(f->folder);
        }
        drill_alloc_resize(NULL, f, 0);
    }
}

static void warn(const struct drill_files *f, const char *text)
{
    if (f->config.warn) {
        f->config.warn(f->config.ctx, text);
    }
}

/* One warning for a trouble that lasts. */
static void tell_trouble(struct drill_files *f, int error)
{
    char text[400];
    if (!f->broken) {
        f->broken = true;
        (void)snprintf(text, sizeof(text),
                       "%s: cannot be written: %s; mail goes on unrecorded, recording goes on with "
                       "the next connection that can be written",
                       f->config.folder, strerror(error));
        warn(f, text);
    }
}

/* ---- one file ---- */

static bool open_file(struct drill_recording *r, struct one_file *file, const char *name)
{
    struct drill_files *f = r->files;
    if (f->open >= f->config.files) {
        errno = EMFILE; /* the other descriptors are for mail */
        return false;
    }
    file->fd = openat(f->folder, name,
                      O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file->fd < 0) {
        return false;
    }
    f->open++;
    (void)fchmod(file->fd, 0600); /* a umask may take from it, too */
    file->size = 0;
    (void)snprintf(file->name, sizeof(file->name), "%s", name);
    return true;
}

static void shut(struct drill_recording *r, struct one_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
        file->fd = -1;
        r->files->open--;
    }
}

/* The recording goes no further; what is whole of it stays. */
static void give_up(struct drill_recording *r)
{
    r->files->stats.lost += !r->broken && !r->stopped && !r->finishing;
    r->broken = true;
}

static bool over_the_limit(struct drill_recording *r, size_t more)
{
    struct drill_files *f = r->files;
    char text[240];
    if (f->ended || f->stats.bytes + more <= f->config.most) {
        return f->ended;
    }
    f->ended = true;
    (void)snprintf(text, sizeof(text),
                   "%s: holds %llu bytes, the most that --max-bytes allows: recording has ended, "
                   "mail goes on",
                   f->config.folder, (unsigned long long)f->stats.bytes);
    warn(f, text);
    return true;
}

/* What may still be written of it. */
static bool is_open(struct drill_recording *r, size_t more)
{
    if (!r->finishing && !r->stopped && over_the_limit(r, more)) {
        r->files->stats.lost += !r->broken;
        r->stopped = true;
    }
    return !r->broken && (!r->stopped || r->finishing);
}

static void count(struct drill_recording *r, struct one_file *file, size_t bytes)
{
    file->size += bytes;
    r->bytes += bytes;
    r->files->stats.bytes += bytes;
}

/* Of lines the whole ones, of a file beside them nothing: the rest of what was written is cut off
 * again. */
static void cut_off(struct drill_recording *r, struct one_file *file, struct drill_span written)
{
    size_t keep = file == &r->file[LINES] ? written.len : 0;
    while (keep && written.ptr[keep - 1] != '\n') {
        keep--;
    }
    (void)ftruncate(file->fd, (off_t)(file->size + keep));
    count(r, file, keep);
}

/* As much of it as the system takes; less than all with errno. */
static size_t write_all(const struct one_file *file, struct drill_span bytes)
{
    size_t done = 0;
    while (done < bytes.len) {
        ssize_t n = write(file->fd, bytes.ptr + done, bytes.len - done);
        if (n == 0) {
            errno = ENOSPC;
        }
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    return done;
}

static bool put(struct drill_recording *r, struct one_file *file, struct drill_span bytes)
{
    if (!is_open(r, bytes.len)) {
        return false;
    }
    size_t done = write_all(file, bytes);
    if (done < bytes.len) {
        tell_trouble(r->files, errno);
        cut_off(r, file, drill_span_of(bytes.ptr, done));
        give_up(r);
        return false;
    }
    count(r, file, bytes.len);
    return true;
}

/* ---- recordings ---- */

/* A name that is not there yet. */
static bool name_it(struct drill_recording *r)
{
    char name[DRILL_STEM + 8];
    time_t now = time(NULL);
    struct tm tm;
    if (!gmtime_r(&now, &tm) || strftime(r->day, sizeof(r->day), "%Y%m%dT%H%M%SZ", &tm) == 0 ||
        strftime(r->iso, sizeof(r->iso), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        return false;
    }
    for (int tries = 0; tries < 100; tries++) {
        r->number = ++r->files->number;
        (void)snprintf(r->stem, sizeof(r->stem), "%s-%llu", r->day, (unsigned long long)r->number);
        (void)snprintf(name, sizeof(name), "%s.drill", r->stem);
        if (open_file(r, &r->file[LINES], name)) {
            return true;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    return false;
}

static void release(struct drill_recording *r)
{
    for (size_t i = 0; i < FILES; i++) {
        shut(r, &r->file[i]);
        drill_buf_fini(&r->file[i].pending);
    }
    drill_alloc_resize(NULL, r, 0);
}

struct drill_recording *drill_recording_new(struct drill_files *f)
{
    struct drill_recording *r = f->ended ? NULL : drill_alloc_resize(NULL, NULL, sizeof(*r));
    if (!r) {
        f->stats.lost++;
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    r->files = f;
    for (size_t i = 0; i < FILES; i++) {
        r->file[i].fd = -1;
        drill_buf_init(&r->file[i].pending, NULL);
    }
    errno = 0;
    if (!name_it(r)) {
        tell_trouble(f, errno ? errno : EIO);
        f->stats.lost++;
        release(r);
        return NULL;
    }
    return r;
}

const char *drill_recording_stem(const struct drill_recording *r)
{
    return r->stem;
}

const char *drill_recording_time(const struct drill_recording *r)
{
    return r->iso;
}

bool drill_recording_broken(const struct drill_recording *r)
{
    return r->broken || r->stopped;
}

static bool flush_file(struct drill_recording *r, struct one_file *file)
{
    struct drill_span bytes = drill_buf_span(&file->pending);
    file->pending.len = 0;
    return bytes.len == 0 || put(r, file, bytes);
}

/* The message's file changes from message to message. */
static bool ready(struct drill_recording *r, struct one_file *file, bool mail, const char *name)
{
    if (file->fd >= 0 && strcmp(file->name, name) == 0) {
        return true;
    }
    bool ok = flush_file(r, file);
    shut(r, file);
    if (ok && !open_file(r, file, name)) {
        tell_trouble(r->files, errno);
        give_up(r);
        ok = false;
    }
    r->mails += ok && mail;
    return ok;
}

static void begin_anew(struct drill_recording *r, struct one_file *file)
{
    file->pending.len = 0;
    if (file->size && ftruncate(file->fd, 0) == 0) {
        r->bytes -= file->size;
        r->files->stats.bytes -= file->size;
        file->size = 0;
    }
}

void drill_recording_append(struct drill_recording *r, enum drill_beside_kind kind,
                            const struct drill_beside *beside, struct drill_span bytes)
{
    struct one_file *file = &r->file[kind];
    if (drill_recording_broken(r) || !ready(r, file, kind == DRILL_BESIDE_MAIL, beside->name)) {
        return;
    }
    if (beside->size == 0) {
        begin_anew(r, file);
    }
    if (file->pending.len + bytes.len <= DRILL_PENDING && drill_buf_append(&file->pending, bytes)) {
        return;
    }
    if (flush_file(r, file)) {
        (void)put(r, file, bytes);
    }
}

/* Content of files beside it is written, and there may be so many bytes of lines. */
static bool is_ready(struct drill_recording *r, size_t lines)
{
    for (size_t i = 0; i < DRILL_BESIDES && !drill_recording_broken(r); i++) {
        (void)flush_file(r, &r->file[i]);
    }
    return is_open(r, lines);
}

static bool begin(struct drill_recording *r)
{
    char head[300];
    int n =
        snprintf(head, sizeof(head),
                 "drill 1 \"recorded, not to its end\" recorded=\"%s\"\n" WARNING, r->iso, r->stem);
    r->head = (uint64_t)n;
    return put(r, &r->file[LINES], drill_span_of(head, (size_t)n));
}

bool drill_recording_flush(struct drill_recording *r, struct drill_span lines)
{
    return is_ready(r, lines.len) && (lines.len == 0 || ((r->file[LINES].size || begin(r)) &&
                                                         put(r, &r->file[LINES], lines)));
}

/* ---- their end ---- */

static bool copy_lines(struct drill_recording *r, struct one_file *to)
{
    const int from = r->file[LINES].fd;
    uint8_t buf[16 * 1024];
    uint64_t at = r->head;
    while (at < r->file[LINES].size) {
        ssize_t n = pread(from, buf, sizeof(buf), (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0 || !put(r, to, drill_span_of(buf, (size_t)n))) {
            return false;
        }
        at += (uint64_t)n;
    }
    return true;
}

/* The complete file beside the one that grew, then in its place. On failure that one stays. */
static bool rewrite(struct drill_recording *r, struct drill_span head, struct drill_span tail)
{
    struct drill_files *f = r->files;
    struct one_file whole = {.fd = -1};
    char name[DRILL_STEM + 8], part[DRILL_STEM + 8];
    (void)snprintf(name, sizeof(name), "%s.drill", r->stem);
    (void)snprintf(part, sizeof(part), "%s.part", r->stem);
    uint64_t old = r->file[LINES].size;
    bool ok = open_file(r, &whole, part) && put(r, &whole, head) && copy_lines(r, &whole) &&
              put(r, &whole, tail) && renameat(f->folder, part, f->folder, name) == 0;
    uint64_t gone = ok ? old : whole.size;
    r->bytes -= gone;
    f->stats.bytes -= gone;
    if (!ok && whole.fd >= 0) {
        (void)unlinkat(f->folder, part, 0);
    }
    shut(r, &whole);
    if (!ok && !r->broken) {
        tell_trouble(f, errno);
    }
    return ok;
}

static void complete(struct drill_recording *r)
{
    r->files->stats.recorded++;
    drill_files_keep(r->files, r->day, r->number, r->mails, r->bytes);
    release(r);
}

bool drill_recording_whole(struct drill_recording *r, struct drill_span head,
                           struct drill_span lines, struct drill_span tail)
{
    struct one_file *file = &r->file[LINES];
    struct drill_buf all;
    if (file->size || !is_ready(r, lines.len)) {
        return false;
    }
    drill_buf_init(&all, NULL);
    bool ok = drill_buf_append(&all, head) && drill_buf_append(&all, lines) &&
              drill_buf_append(&all, tail) && write_all(file, drill_buf_span(&all)) == all.len;
    if (ok) {
        count(r, file, all.len);
        r->files->broken = false;
        complete(r);
    } else {
        (void)ftruncate(file->fd, 0);
    }
    drill_buf_fini(&all);
    return ok;
}

void drill_recording_finish(struct drill_recording *r, struct drill_span head,
                            struct drill_span tail)
{
    bool broken = r->broken;
    r->finishing = true;
    r->broken = false; /* there may be room again, if only for the head */
    if (r->stopped) {
        tail = drill_span_str("# Recording ended here: the folder held what --max-bytes allows.\n");
    } else if (broken) {
        tail = drill_span_str("# Recording ended here: it could not be written on.\n");
    }
    if (rewrite(r, head, tail) && !broken) {
        r->files->broken = false;
    }
    complete(r);
}

void drill_recording_drop(struct drill_recording *r)
{
    struct drill_files *f = r->files;
    f->stats.dropped++;
    f->stats.bytes -= r->bytes;
    drill_files_remove(f, r->day, r->number, r->mails);
    release(r);
}
