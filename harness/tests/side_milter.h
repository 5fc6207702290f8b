/* SPDX-License-Identifier: MIT */
/* A milter's autopilot, given commands one by one; what it does is written down as letters. */
#ifndef DRILL_TESTS_SIDE_MILTER_H
#define DRILL_TESTS_SIDE_MILTER_H

#include <stdio.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/milter.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct side {
    struct drill_settings settings;
    struct drill_milter milter;
    char got[200]; /* replies in order; '.' none, '!' hung up */
};

static inline const struct drill_profile *profile(const char *name)
{
    const struct drill_profile *p = drill_profile_find(DRILL_SIDE_MILTER, drill_span_str(name));
    assert_non_null(p);
    return p;
}

static inline void side_start(struct side *s, const char *name)
{
    drill_milter_init(&s->milter, profile(name), &s->settings);
    drill_milter_opened(&s->milter);
    s->got[0] = '\0';
}

static inline void side_init(struct side *s, const char *name)
{
    memset(s, 0, sizeof(*s));
    profile(name)->defaults(&s->settings);
    side_start(s, name);
}

static inline void side_set(struct side *s, const char *name, const char *key, const char *value)
{
    struct drill_error err;
    assert_int_equal(drill_profile_set(profile(name), &s->settings, drill_span_str(key),
                                       drill_span_str(value), NULL, &err),
                     DRILL_OK);
}

static inline void put(struct side *s, char c)
{
    size_t len = strlen(s->got);
    assert_true(len + 1 < sizeof(s->got));
    s->got[len] = c;
    s->got[len + 1] = '\0';
}

/* All replies that stand now. */
static inline void side_drain(struct side *s)
{
    struct drill_milter_step step;
    size_t before = strlen(s->got);
    for (drill_milter_peek(&s->milter, &step); step.kind == DRILL_MILTER_SEND;
         drill_milter_peek(&s->milter, &step)) {
        put(s, (char)step.reply.code);
        drill_milter_did(&s->milter);
    }
    if (step.kind == DRILL_MILTER_CLOSE) {
        put(s, '!');
    } else if (strlen(s->got) == before) {
        put(s, '.');
    }
}

static inline void side_give(struct side *s, uint8_t code, struct drill_span payload)
{
    struct drill_message m;
    struct drill_span exact = helper_exact(payload);
    (void)drill_message_decode(DRILL_TO_MILTER, code, exact, &m);
    drill_milter_got(&s->milter, &m, (uint32_t)payload.len);
    helper_exact_free(exact);
}

static inline struct drill_span plain_payload(uint8_t code)
{
    switch (code) {
    case 'O': return BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff");
    case 'D': return BYTES("Mi\0x\0");
    case 'C': return BYTES("h\0U");
    case 'L': return BYTES("N\0V\0");
    case 'B': return BYTES("x");
    case 'H':
    case 'M':
    case 'R':
    case 'U': return BYTES("a\0");
    default: return BYTES("");
    }
}

static inline void side_command(struct side *s, uint8_t code)
{
    side_give(s, code, plain_payload(code));
}

static inline void side_run(struct side *s, const char *commands)
{
    for (; *commands; commands++) {
        side_command(s, (uint8_t)*commands);
        side_drain(s);
    }
}

#endif
