/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into a peer (LD_PRELOAD): what it says to syslog goes to the file $DRILL_SYSLOG, so
 * that its log can be read where no syslog daemon runs. ci/peers/base.py builds it.
 *
 * One line a call, written at once: "ident[pid]: text". The file is opened anew each time, because
 * a daemon closes what it did not open; without the variable all is lost, as without a daemon. The
 * `_chk` forms are what -D_FORTIFY_SOURCE makes of the others.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

/* openlog() keeps the pointer, and so do we. */
static const char *ident;

/* Read when we are loaded: Sendmail throws its environment away. */
static char path[LINE_SIZE];

__attribute__((constructor)) static void read_path(void)
{
    const char *named = getenv("DRILL_SYSLOG");
    snprintf(path, sizeof path, "%s", named ? named : "");
}

void openlog(const char *name, int option, int facility);
void closelog(void);
void vsyslog(int priority, const char *format, va_list args);
void syslog(int priority, const char *format, ...);
void __vsyslog_chk(int priority, int flag, const char *format, va_list args);
void __syslog_chk(int priority, int flag, const char *format, ...);

static void append(const char *line, size_t size)
{
    int out = path[0] ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (out >= 0) {
        ssize_t written = write(out, line, size);
        (void)written; /* a log that cannot be written is no reason to stop the daemon */
        close(out);
    }
}

static void write_line(const char *format, va_list args)
{
    char line[LINE_SIZE];
    int saved = errno;
    int head = snprintf(line, sizeof line / 2,
                        "%s[%ld]: ", ident ? ident : program_invocation_short_name, (long)getpid());
    size_t used = head < 0 ? 0 : (size_t)head;
    size_t room = sizeof line - used - 1;
    int body;
    errno = saved; /* for %m */
    body = vsnprintf(line + used, room, format, args);
    if (body > 0) {
        used += (size_t)body < room ? (size_t)body : room - 1;
    }
    if (used == 0 || line[used - 1] != '\n') {
        line[used++] = '\n';
    }
    append(line, used);
    errno = saved;
}

void openlog(const char *name, int option, int facility)
{
    (void)option;
    (void)facility;
    ident = name;
}

void closelog(void)
{
    ident = NULL;
}

void vsyslog(int priority, const char *format, va_list args)
{
    (void)priority;
    write_line(format, args);
}

void syslog(int priority, const char *format, ...)
{
    va_list args;
    (void)priority;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

void __vsyslog_chk(int priority, int flag, const char *format, va_list args)
{
    (void)priority;
    (void)flag;
    write_line(format, args);
}

void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list args;
    (void)priority;
    (void)flag;
    va_start(args, format);
    write_line(format, args);
    va_end(args);
}
