/* SPDX-License-Identifier: MIT */
/*
 * `diagnose`: cmd_diagnose.c reads the options and says what was found, diagnose_lab.c plays the
 * experiments on sockets (or against a model), diagnose_notes.c reads --conf and --log files,
 * diagnose_keep.c writes the minimal case; diagnose_command.c starts a milter that died,
 * diagnose_mta.c examines an MTA in place of a milter.
 */
#ifndef DRILL_CLI_DIAGNOSE_H
#define DRILL_CLI_DIAGNOSE_H

#include <sys/types.h>

#include "cli/send.h"
#include "diagnose/conf.h"
#include "report/verdict.h"

struct diagnose_file; /* private: diagnose_notes.c */

struct diagnose_command {
    const char *text; /* --milter-command, or NULL */
    pid_t pid;        /* of its shell; 0: not started, or dead */
    pid_t group;      /* of all that it started; 0: ended */
    uint32_t starts;
    int crash; /* the signal that ended it last; 0: none */
};

struct diagnose {
    struct send send; /* what is sent, and to whom */
    const char *error, *out;
    bool json, quiet;
    uint32_t sessions;     /* budget */
    uint64_t microseconds; /* budget */
    struct diagnose_command command;
    struct drill_lab_ops lab;
    struct drill_diagnosis found;
    bool reached;     /* the milter was there once */
    bool gone;        /* ... and is no more */
    bool asked;       /* whether it says something when its MTA has left: then `parting` is known */
    uint32_t parting; /* ... so many replies */
    char tls[300];    /* why TLS did not come to be, last; "": it did */
    uint32_t plays;   /* batches so far */
    struct diagnose_file *files;
    bool logs_read;
    struct drill_verdict_note *logs, *confs;
    int width; /* of the progress line that stands on the terminal */
};

/* Fills d->lab. */
void diagnose_lab_init(struct diagnose *d);
/* Before the nth look for a milter that is gone, from 0: waits, each time twice as long; a second
 * in all. False: it has been looked for long enough, or the user interrupted. */
bool diagnose_pause(unsigned nth);
/* A --log or --conf file. False: no memory (printed). */
bool diagnose_file_add(struct diagnose *d, const char *path, bool log);
/* Before the first session: all can be read, and how long the logs are. False after an error that
 * was printed. */
bool diagnose_files_begin(struct diagnose *d);
/* --error: what is looked for by that line. False after an error that was printed. */
bool diagnose_error(const char *line, struct drill_question *q);
/* Once, when it was reproduced: what the logs got since. */
void diagnose_logs_read(struct diagnose *d);
/* At the end. False after an error that was printed. */
bool diagnose_confs_read(struct diagnose *d, const struct drill_conf_met *met);
/* Nobody takes connections: starts the milter, and waits until it does. False: there is no command,
 * or it did not help (printed). */
bool diagnose_command_start(struct diagnose *d);
/* The milter has hung up: waits until it answers again, or is gone. One that dies may hang up
 * before it stops listening. */
void diagnose_command_settle(struct diagnose *d);
/* As diagnose_command_start, unless the milter is there. */
void diagnose_command_ready(struct diagnose *d);
/* Ends what it started. */
void diagnose_command_end(struct diagnose *d);
/* Whether the progress line is shown is in d->quiet. */
void diagnose_quiet(struct diagnose *d);
void diagnose_progress(struct diagnose *d, const char *what, uint32_t sessions, uint32_t budget);
/* Takes the progress line away. */
void diagnose_progress_end(struct diagnose *d);
/* DIR/minimal.drill and DIR/minimal.eml: plays the minimal case once more to write it down. False
 * after an error that was printed. */
bool diagnose_keep(struct diagnose *d);
/* For what is written to --out; each false after an error that was printed. A file that a scenario
 * names is copied under that name, in folders of its own if it has any. */
bool diagnose_folder(const char *path);
bool diagnose_write(const char *folder, const char *name, struct drill_span bytes);
bool diagnose_copy(const char *folder, const struct drill_loader *loader, struct drill_span name);
/* --listen, --smtp and --recording: the exit code. */
int diagnose_mta(struct diagnose *d);

#endif
