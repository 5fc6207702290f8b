/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void drill_error_clear(struct drill_error *err)
{
    if (err) {
        err->code = DRILL_OK;
        err->offset = UINT64_MAX;
        err->line = 0;
        err->column = 0;
        err->file[0] = '\0';
        err->text[0] = '\0';
    }
}

enum drill_code drill_error_set(struct drill_error *err, enum drill_code code, const char *fmt, ...)
{
    if (err) {
        va_list args;
        drill_error_clear(err);
        err->code = code;
        va_start(args, fmt);
        (void)vsnprintf(err->text, sizeof(err->text), fmt, args);
        va_end(args);
    }
    return code;
}

void drill_error_at(struct drill_error *err, const char *file, uint32_t line, uint32_t column)
{
    if (!err) {
        return;
    }
    err->line = line;
    err->column = column;
    if (file) {
        (void)snprintf(err->file, sizeof(err->file), "%s", file);
    }
}

size_t drill_error_format(const struct drill_error *err, char *buf, size_t cap)
{
    int n;
    if (err->line && err->column) {
        n = snprintf(buf, cap, "%s:%u:%u: %s", err->file, err->line, err->column, err->text);
    } else if (err->line) {
        n = snprintf(buf, cap, "%s:%u: %s", err->file, err->line, err->text);
    } else if (err->offset != UINT64_MAX) {
        n = snprintf(buf, cap, "%s%s%s (at byte %llu)", err->file, err->file[0] ? ": " : "",
                     err->text, (unsigned long long)err->offset);
    } else {
        n = snprintf(buf, cap, "%s%s%s", err->file, err->file[0] ? ": " : "", err->text);
    }
    if (n < 0) {
        return 0;
    }
    return (size_t)n < cap ? (size_t)n : (cap ? cap - 1 : 0);
}
