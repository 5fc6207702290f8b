/* SPDX-License-Identifier: MIT */
/*
 * What the tests of import_*.c share: a capture is read, and the lines of a talk are compared,
 * without the file's first lines.
 */
#ifndef DRILL_TESTS_IMPORT_CASE_H
#define DRILL_TESTS_IMPORT_CASE_H

#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"
#include "tests/helper_packet.h"

#include <string.h>

#include "scenario/import_pcap.h"
#include "scenario/parse.h"

#define OFFER    BYTES("\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0")
#define HELO     BYTES("\0\0\0\x03Hx\0")
#define CONTINUE BYTES("\0\0\0\001c")
#define BODY     BYTES("\0\0\0\013B0123456789")
#define QUIT     BYTES("\0\0\0\x01Q")

#define OFFERED "> optneg version=6 actions=0 protocol=0\n< optneg version=6 actions=0 protocol=0\n"

/* The first lines are there to be skipped: what stands behind them. */
static inline struct drill_span case_lines(struct drill_span text)
{
    static const char *const head[] = {"drill 1 ", "# This file holds", "mta ",
                                       "client ",  "message ",          "smtp "};
    for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++) {
        if (text.len >= strlen(head[i]) && memcmp(text.ptr, head[i], strlen(head[i])) == 0) {
            return case_lines(drill_span_sub(text, drill_span_find(text, '\n') + 1, text.len));
        }
    }
    return text;
}

struct case_import {
    struct drill_arena arena;
    struct drill_import im;
};

static inline void case_begin(struct case_import *t)
{
    drill_arena_init(&t->arena, NULL, 0);
    drill_import_init(&t->im, &t->arena);
}

static inline void case_end(struct case_import *t)
{
    drill_arena_fini(&t->arena);
}

static inline const struct drill_import_talk *case_talk(const struct case_import *t, size_t n)
{
    const struct drill_import_talk *talk = t->im.talks;
    assert_true(n < t->im.count);
    while (n--) {
        talk = talk->next;
    }
    return talk;
}

/* The lines of talk `n` are `want`; and the scenario is one. */
static inline void case_is(struct case_import *t, size_t n, const char *want)
{
    static struct drill_errors errors;
    struct drill_import_written w;
    assert_true(drill_import_write(case_talk(t, n), "talk", true, &t->arena, NULL, &w));
    helper_assert_bytes(case_lines(drill_buf_span(&w.text)), drill_span_str(want), want);
    const struct drill_file *file =
        drill_parse(drill_buf_span(&w.text), "talk", NULL, &t->arena, &errors);
    if (!file) {
        fail_msg("%s", errors.item[0].text);
    }
    drill_import_written_fini(&w);
}

/* Notes: how many, and a word of the first. */
static inline void case_noted(const struct case_import *t, size_t count, const char *word)
{
    if (t->im.noted != count) {
        fail_msg("%zu notes, first: %s", t->im.noted, t->im.notes ? t->im.notes->error.text : "");
    }
    if (count && !strstr(t->im.notes->error.text, word)) {
        fail_msg("\"%s\" lacks \"%s\"", t->im.notes->error.text, word);
    }
}

static inline void case_read(struct case_import *t, const struct helper_capture *c, uint16_t port)
{
    const struct drill_import_pick pick = {.port = port};
    case_begin(t);
    assert_true(drill_import_pcap(&t->im, drill_buf_span(&c->out), &pick));
}

/* A connection with both offers on it. */
static inline struct helper_line case_open(struct helper_capture *c)
{
    struct helper_line l = {.port = {40213, 7357}, .first = {1000, 500000}};
    helper_line_syn(&l, c);
    helper_line_say(&l, c, 0, OFFER);
    helper_line_say(&l, c, 1, OFFER);
    return l;
}

#endif
