/* SPDX-License-Identifier: MIT */
/*
 * `diagnose`: cmd_diagnose.c reads the options and says what was found, diagnose_lab.c plays the
 * experiments on sockets (or against a model), diagnose_keep.c writes the minimal case.
 */
#ifndef DRILL_CLI_DIAGNOSE_H
#define DRILL_CLI_DIAGNOSE_H

#include "cli/send.h"
#include "diagnose/diagnose.h"

struct diagnose {
    struct send send; /* what is sent, and to whom */
    const char *error, *out;
    bool json, quiet;
    uint32_t sessions;     /* budget */
    uint64_t microseconds; /* budget */
    struct drill_lab_ops lab;
    struct drill_diagnosis found;
    bool reached; /* the milter was there once */
    bool gone;    /* ... and is no more */
    int width;    /* of the progress line that stands on the terminal */
};

/* Fills d->lab. */
void diagnose_lab_init(struct diagnose *d);
/* Takes the progress line away. */
void diagnose_progress_end(struct diagnose *d);
/* DIR/minimal.drill and DIR/minimal.eml: plays the minimal case once more to write it down. False
 * after an error that was printed. */
bool diagnose_keep(struct diagnose *d);

#endif
