/* SPDX-License-Identifier: MIT */
/*
 * Text -> AST. The whole file is parsed and checked before anything runs, and every error is
 * reported at once. Reads no file itself: contents of `file "..."` come through the loader.
 */
#ifndef DRILL_SCENARIO_PARSE_H
#define DRILL_SCENARIO_PARSE_H

#include "base/arena.h"
#include "base/error.h"
#include "scenario/ast.h"

/* Gives the content of a file that a scenario names. The bytes must live as long as the AST.
 * `err` gets code and text; the parser adds the place. */
struct drill_loader {
    enum drill_code (*load)(void *ctx, struct drill_span name, struct drill_span *bytes,
                            struct drill_error *err);
    void *ctx;
};

enum { DRILL_ERRORS_MAX = 50 };

struct drill_errors {
    struct drill_error item[DRILL_ERRORS_MAX];
    size_t count; /* may pass DRILL_ERRORS_MAX: then only the first ones are kept */
};

/* Parses `source`, called `name` in errors. `loader` NULL: files are not opened (fmt, lint of the
 * form only). Returns NULL exactly when errors->count > 0. */
const struct drill_file *drill_parse(struct drill_span source, const char *name,
                                     const struct drill_loader *loader, struct drill_arena *arena,
                                     struct drill_errors *errors);
/* The error with its source line and a caret under the column, ended by a newline. */
void drill_parse_caret(struct drill_span source, const struct drill_error *err,
                       struct drill_writer *w);

#endif
