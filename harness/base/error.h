/* SPDX-License-Identifier: MIT */
/*
 * Errors are values with a place. The layer that knows a fact composes the text; layers above add
 * the place that they know; only the command line prints. Nothing here allocates.
 */
#ifndef DRILL_BASE_ERROR_H
#define DRILL_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum drill_code {
    DRILL_OK = 0,
    DRILL_ERR_MEMORY,   /* an allocation failed, or a limit of ours on memory was met */
    DRILL_ERR_SYNTAX,   /* a text does not have the form that it must have */
    DRILL_ERR_VALUE,    /* well formed, but not possible or not allowed here */
    DRILL_ERR_NOTFOUND, /* a name, a file or an address does not exist */
    DRILL_ERR_IO,       /* the system refused: reading, writing, connecting */
    DRILL_ERR_FRAME,    /* the stream is not framed as milter frames are */
    DRILL_ERR_LIMIT     /* a limit of the caller was met */
};

enum { DRILL_ERROR_TEXT = 320, DRILL_ERROR_FILE = 160 };

struct drill_error {
    enum drill_code code;
    uint64_t offset;             /* byte offset in a stream; UINT64_MAX: unknown */
    uint32_t line;               /* from 1; 0: the place is not in a text */
    uint32_t column;             /* from 1, in bytes; 0: unknown */
    char file[DRILL_ERROR_FILE]; /* cut if longer; "" unknown */
    char text[DRILL_ERROR_TEXT]; /* one sentence: what was expected, what came, the way out */
};

void drill_error_clear(struct drill_error *err);
/* Sets code and text, clears the place. `err` may be NULL. Returns `code`. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
enum drill_code
drill_error_set(struct drill_error *err, enum drill_code code, const char *fmt, ...);
/* Adds the place; `file` may be NULL. `err` may be NULL. */
void drill_error_at(struct drill_error *err, const char *file, uint32_t line, uint32_t column);
/* "file:line:column: text", or "text (at byte N)", or "text". Returns the length without the NUL,
 * cut to cap - 1. */
size_t drill_error_format(const struct drill_error *err, char *buf, size_t cap);

#ifdef __cplusplus
}
#endif
#endif
