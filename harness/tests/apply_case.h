/* SPDX-License-Identifier: MIT */
/*
 * A message, modifications, and what a family of MTAs makes of them, each in one line:
 *
 *     static const struct change h[] = {M('h', "X-N\0N\0")};
 *     check("postfix", "X-A: 1|Subject: s||body|", h, 1, "X-A: 1|Subject: s|X-N: N||body|");
 *
 * In messages `|` stands for CRLF.
 */
#ifndef DRILL_TESTS_APPLY_CASE_H
#define DRILL_TESTS_APPLY_CASE_H

#include <stdio.h>
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "session/apply.h"

struct change {
    uint8_t code;
    const char *payload;
    size_t size;
    uint8_t milter;
    uint8_t command; /* 0: BODYEOB */
    bool failed;
};

#define M(code, literal)                                    \
    {                                                       \
        (code), (literal), sizeof(literal) - 1, 0, 0, false \
    }
#define M_OF(milter, code, lit)                            \
    {                                                      \
        (code), (lit), sizeof(lit) - 1, (milter), 0, false \
    }
#define M_TO(command, code, lit)                            \
    {                                                       \
        (code), (lit), sizeof(lit) - 1, 0, (command), false \
    }
#define ROWS(a)                   (sizeof(a) / sizeof((a)[0]))
#define CHECK(family, in, c, out) check((family), (in), (c), ROWS(c), (out))

enum { MODS = 16 };

struct trial {
    struct drill_arena arena;
    struct drill_span rcpt[3];
    struct drill_envelope envelope;
    struct drill_mod mods[MODS];
    struct drill_apply what;
    struct drill_applied result;
};

static inline struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

/* `|` to CRLF, in the arena. */
static inline struct drill_span wide(struct trial *t, const char *s)
{
    uint8_t *p = drill_arena_take(&t->arena, 2 * strlen(s) + 1);
    struct drill_writer w = drill_writer_of(p, p ? 2 * strlen(s) + 1 : 0);
    for (; *s; s++) {
        drill_write_text(&w, *s == '|' ? "\r\n" : (char[]){*s, '\0'});
    }
    return drill_writer_span(&w);
}

/* False: no memory. */
static inline bool trial_begin(struct trial *t, const struct drill_alloc *alloc, const char *family,
                               const char *message)
{
    memset(t, 0, sizeof(*t));
    drill_arena_init(&t->arena, alloc, 0);
    t->rcpt[0] = text("<Bob@Example.com>");
    t->rcpt[1] = text("<carol@example.com>");
    t->envelope.from = text("<alice@example.org>");
    t->envelope.rcpt = t->rcpt;
    t->envelope.rcpts = 2;
    t->what.family = family;
    t->what.envelope = &t->envelope;
    t->what.message = 1;
    t->what.actions = 0x1FF;
    t->what.taken = true;
    struct drill_span source = wide(t, message);
    return source.len && drill_mail_parse(source, &t->arena, &t->envelope.mail, NULL) == DRILL_OK &&
           drill_mail_finish(&t->envelope.mail, &t->arena) == DRILL_OK;
}

static inline void trial_mods(struct trial *t, const struct change *changes, size_t count)
{
    assert_true(count <= MODS);
    for (size_t i = 0; i < count; i++) {
        struct drill_mod *m = &t->mods[i];
        m->message = 1;
        m->code = changes[i].code;
        m->command = changes[i].command ? changes[i].command : DRILL_SMFIC_BODYEOB;
        m->milter = changes[i].milter;
        m->failed = changes[i].failed;
        m->size = (uint32_t)changes[i].size;
        m->payload = helper_exact(drill_span_of(changes[i].payload, changes[i].size));
        m->next = i + 1 < count ? m + 1 : NULL;
    }
    t->what.mods = count ? t->mods : NULL;
}

static inline void trial_end(struct trial *t)
{
    for (const struct drill_mod *m = t->what.mods; m; m = m->next) {
        helper_exact_free(m->payload);
    }
    drill_arena_fini(&t->arena);
}

static inline void trial(struct trial *t, const char *family, const char *message,
                         const struct change *changes, size_t count)
{
    assert_true(trial_begin(t, NULL, family, message));
    trial_mods(t, changes, count);
    assert_int_equal(drill_apply(&t->what, &t->arena, &t->result), DRILL_OK);
}

static inline void check(const char *family, const char *message, const struct change *changes,
                         size_t count, const char *want)
{
    struct trial t;
    trial(&t, family, message, changes, count);
    helper_assert_bytes(t.result.mail.raw, wide(&t, want), want);
    assert_int_equal(t.result.disposition, DRILL_DISPOSE_DELIVER);
    trial_end(&t);
}

/* "MAIL <a> RCPT <b> <c>" */
static inline void check_envelope(const char *family, const struct change *changes, size_t count,
                                  const char *want)
{
    struct trial t;
    char got[400];
    trial(&t, family, "Subject: s||", changes, count);
    struct drill_writer w = drill_writer_of(got, sizeof(got));
    drill_write_text(&w, "MAIL ");
    drill_write_bytes(&w, t.result.from);
    drill_write_text(&w, " RCPT");
    for (size_t i = 0; i < t.result.rcpts; i++) {
        drill_write_u8(&w, ' ');
        drill_write_bytes(&w, t.result.rcpt[i]);
    }
    helper_assert_bytes(drill_writer_span(&w), text(want), want);
    trial_end(&t);
}

/* ---- indices ---- */

/* One row: a header that is there `times` times, an index, and the values in order afterwards (of
 * Subject s, X-A 1 2 3, X-B b, To t, and N, the new one) for INSHEADER, CHGHEADER with a value and
 * CHGHEADER without. */
struct index_case {
    int times;
    uint32_t index;
    const char *inserted, *changed, *deleted;
};

static inline void check_index(const char *family, const struct index_case *c, uint8_t code,
                               const char *value, const char *want)
{
    static const char *const messages[] = {"Subject: s|To: t||", "Subject: s|X-A: 1|To: t||", NULL,
                                           "Subject: s|X-A: 1|X-B: b|X-A: 2|To: t|X-A: 3||"};
    char payload[16] = {0}, what[80];
    struct trial t;
    size_t size = 4 + sizeof("x-a") + strlen(value) + 1;
    drill_put_be32((uint8_t *)payload, c->index);
    (void)snprintf(payload + 4, sizeof(payload) - 4, "x-a%c%s", '\0', value);
    const struct change change = {code, payload, size, 0, 0, false};
    trial(&t, family, messages[c->times], &change, 1);
    char got[16] = "";
    size_t count = 0;
    for (const struct drill_mail_header *h = t.result.mail.headers; h; h = h->next) {
        assert_int_equal(h->value.len, 2);
        got[count++] = (char)h->value.ptr[1];
    }
    got[count] = '\0';
    (void)snprintf(what, sizeof(what), "%s %c%u of %d", family, code, c->index, c->times);
    helper_assert_bytes(text(got), text(want), what);
    trial_end(&t);
}

static inline void check_indices(const char *family, const struct index_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        check_index(family, &cases[i], DRILL_SMFIR_INSHEADER, "N", cases[i].inserted);
        check_index(family, &cases[i], DRILL_SMFIR_CHGHEADER, "N", cases[i].changed);
        check_index(family, &cases[i], DRILL_SMFIR_CHGHEADER, "", cases[i].deleted);
    }
}

/* ---- memory ---- */

static inline bool apply_with(void *ctx, const struct drill_alloc *alloc)
{
    static const struct change all[] = {M('h', "X-N\0N\0"),
                                        M('i', "\0\0\0\1X-A\0N\0"),
                                        M('m', "\0\0\0\1X-A\0M\0"),
                                        M('m', "\0\0\0\1Subject\0"),
                                        M('b', "new\n"),
                                        M('b', "body"),
                                        M('+', "<d@example.com>\0"),
                                        M('2', "e@example.com\0\0"),
                                        M('-', "carol@example.com\0"),
                                        M('e', "<f@example.net>\0\0"),
                                        M('q', "why\0")};
    struct trial t;
    bool good = trial_begin(&t, alloc, ctx, "X-A: 1|Subject:s||Hello.|");
    trial_mods(&t, all, ROWS(all));
    good = good && drill_apply(&t.what, &t.arena, &t.result) == DRILL_OK;
    trial_end(&t);
    return good;
}

static inline void check_memory(char *family)
{
    helper_every_alloc(apply_with, family);
}

#endif
