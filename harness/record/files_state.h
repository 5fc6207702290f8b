/* SPDX-License-Identifier: MIT */
/* What the files of the folder share. Internal. */
#ifndef DRILL_RECORD_FILES_STATE_H
#define DRILL_RECORD_FILES_STATE_H

#include "record/files.h"

enum { DRILL_STEM = 48, DRILL_PENDING = 16 * 1024 };

/* A recording that is complete and kept; oldest first. */
struct drill_kept {
    struct drill_kept *next;
    uint64_t bytes;
    uint64_t number;
    unsigned mails; /* files of messages */
    char time[20];  /* "20261120T120000Z" */
};

struct drill_files {
    struct drill_files_config config;
    struct drill_files_stats stats;
    int folder;
    uint64_t number; /* of the last recording */
    size_t open;     /* files */
    uint64_t kept_count;
    uint64_t kept_bytes;
    struct drill_kept *kept, **kept_end;
    bool ended;  /* --max-bytes */
    bool broken; /* the last attempt to write failed, and that was told */
};

/* files_keep.c: what is in the folder already; what has to go; all files of one recording. */
bool drill_files_scan(struct drill_files *f, struct drill_error *err);
void drill_files_keep(struct drill_files *f, const char *time, uint64_t number, unsigned mails,
                      uint64_t bytes);
void drill_files_remove(struct drill_files *f, const char *time, uint64_t number, unsigned mails);
void drill_files_forget(struct drill_files *f);

#endif
