/* SPDX-License-Identifier: MIT */
/*
 * Plays a conversation, written as lines of notation, to the judge, and compares what it finds.
 *
 * Besides messages a line may be `> open`, `> close`, `> reset`, `> gives-up` (the MTA's time
 * limit), `< close` or `< reset`; `raw` lines are a length word, a code and data.
 */
#ifndef DRILL_TESTS_JUDGE_TALK_H
#define DRILL_TESTS_JUDGE_TALK_H

#include <stdio.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/judge.h"
#include "wire/text.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

/* The lines of an ordinary session, as far as it goes. */
#define OFFER      "> optneg version=6 actions=0x1ff protocol=0x1fffff\n"
#define ANSWER     "< optneg version=6 actions=0x1ff protocol=0\n"
#define AGREE      OFFER ANSWER
#define STEPS(p)   OFFER "< optneg version=6 actions=0x1ff protocol=" p "\n"
#define GO         "< continue\n"
#define CONNECT    "> connect host=\"c.example\" family=inet port=2525 address=\"192.0.2.1\"\n"
#define CONNECTED  CONNECT GO
#define HELO       "> helo name=\"c.example\"\n" GO
#define MAIL       "> mail address=\"<a@example.org>\"\n" GO
#define RCPT       "> rcpt address=\"<b@example.com>\"\n" GO
#define DATA       "> data\n" GO
#define HEADER     "> header name=\"Subject\" value=\"x\"\n" GO
#define EOH        "> eoh\n" GO
#define BODY       "> body data=\"Hello.\\r\\n\"\n" GO
#define TO_HELO    AGREE CONNECTED HELO
#define TO_MAIL    TO_HELO MAIL
#define TO_RCPT    TO_MAIL RCPT
#define TO_DATA    TO_RCPT DATA
#define TO_HEADER  TO_DATA HEADER
#define TO_EOH     TO_HEADER EOH
#define TO_BODY    TO_EOH BODY
#define TO_BODYEOB TO_BODY "> bodyeob\n"

/* A rule, the conversation that breaks it, and the nearest one that keeps it. Other findings of
 * either are listed, in order of coming; NULL: none. */
struct judge_case {
    const char *rule;
    const char *breaks;
    const char *also;
    const char *keeps;
    const char *beside;
};

struct judge_heard {
    char ids[400]; /* "M3 F1 " */
    char texts[4000];
};

static inline void judge_hear(void *ctx, const struct drill_finding *f)
{
    struct judge_heard *h = ctx;
    size_t at = strlen(h->ids);
    (void)snprintf(h->ids + at, sizeof(h->ids) - at, "%s%s", at ? " " : "",
                   drill_rule_of(f->rule)->id);
    struct drill_writer w = drill_writer_of(h->texts, sizeof(h->texts) - 1);
    w.len = strlen(h->texts);
    drill_judge_text(&w, f);
    drill_write_text(&w, "\n");
    h->texts[drill_writer_span(&w).len] = '\0';
    assert_int_equal(f->by, drill_rule_of(f->rule)->by);
    assert_int_equal(f->severity, drill_rule_of(f->rule)->severity);
    for (const char *p = f->detail; *p; p++) {
        assert_true(*p >= ' ' && *p <= '~');
    }
}

static inline bool judge_event(struct drill_judge *j, const char *line, size_t len)
{
    static const struct {
        const char *line;
        enum drill_side who;
        enum drill_end how;
    } ends[] = {
        {"> close", DRILL_SIDE_MTA, DRILL_END_FIN},
        {"> reset", DRILL_SIDE_MTA, DRILL_END_RST},
        {"> gives-up", DRILL_SIDE_MTA, DRILL_END_NONE},
        {"< close", DRILL_SIDE_MILTER, DRILL_END_FIN},
        {"< reset", DRILL_SIDE_MILTER, DRILL_END_RST},
    };
    struct drill_span s = drill_span_of(line, len);
    if (drill_span_equal(s, drill_span_str("> open"))) {
        drill_judge_open(j);
        return true;
    }
    for (size_t i = 0; i < ROWS(ends); i++) {
        if (drill_span_equal(s, drill_span_str(ends[i].line))) {
            drill_judge_ended(j, ends[i].who, ends[i].how);
            return true;
        }
    }
    return false;
}

/* Views are given exactly, so that a sanitizer sees a byte read too far, and gone afterwards. */
static inline void judge_frame(struct drill_judge *j, enum drill_dir dir, uint8_t code,
                               struct drill_span payload, uint32_t length)
{
    struct drill_message m;
    struct drill_span exact = helper_exact(payload);
    drill_message_decode(dir, code, exact, &m);
    drill_judge_frame(j, &m, (uint32_t)payload.len, length);
    helper_exact_free(exact);
}

static inline void judge_line(struct drill_judge *j, const char *line, size_t len)
{
    struct drill_arena arena;
    struct drill_text_line out;
    struct drill_error err;
    drill_arena_init(&arena, NULL, 0);
    if (drill_text_parse(drill_span_of(line, len), 1 << 22, &arena, &out, &err) != DRILL_OK) {
        fail_msg("%.*s: %u: %s", (int)len, line, (unsigned)err.column, err.text);
    }
    if (out.kind == DRILL_TEXT_RAW) {
        assert_true(out.payload.len >= 5);
        judge_frame(j, out.dir, out.payload.ptr[4], drill_span_sub(out.payload, 5, SIZE_MAX),
                    drill_be32(out.payload.ptr));
    } else {
        judge_frame(j, out.dir, out.code, out.payload, (uint32_t)out.payload.len + 1);
    }
    drill_arena_fini(&arena);
}

static inline void judge_talk(struct drill_judge *j, const char *talk)
{
    while (*talk) {
        size_t len = strcspn(talk, "\n");
        if (len && !judge_event(j, talk, len)) {
            judge_line(j, talk, len);
        }
        talk += len + (talk[len] != '\0');
    }
}

static inline void judge_whole(struct judge_heard *h, const char *talk)
{
    struct drill_judge j;
    memset(h, 0, sizeof(*h));
    drill_judge_init(&j, judge_hear, h);
    judge_talk(&j, talk);
    drill_judge_finish(&j);
}

static inline void judge_expect(const char *rule, const char *what, const char *talk,
                                const char *want)
{
    struct judge_heard h;
    judge_whole(&h, talk);
    if (strcmp(h.ids, want) != 0) {
        fail_msg("%s: what %s it: want \"%s\", found \"%s\":\n%s\n%s", rule, what, want, h.ids,
                 h.texts, talk);
    }
}

/* The whole conversation has these findings: "M3 F1". */
static inline void judge_finds(const char *talk, const char *want)
{
    judge_expect("the judge", "is found in", talk, want);
}

/* The findings that a row's breaking conversation must bring: its own first, unless `also` says
 * where it stands by naming it. */
static inline void judge_row(const struct judge_case *c)
{
    char want[400];
    bool named = c->also && strchr(c->also, '*');
    if (named) { /* "M3 * F1": the rule stands at the star */
        const char *star = strchr(c->also, '*');
        (void)snprintf(want, sizeof(want), "%.*s%s%s", (int)(star - c->also), c->also, c->rule,
                       star + 1);
    } else {
        (void)snprintf(want, sizeof(want), "%s%s%s", c->rule, c->also ? " " : "",
                       c->also ? c->also : "");
    }
    judge_expect(c->rule, "breaks", c->breaks, want);
    judge_expect(c->rule, "keeps", c->keeps, c->beside ? c->beside : "");
    if (c->beside && strstr(c->beside, c->rule)) {
        fail_msg("%s: the conversation that keeps it is listed as breaking it", c->rule);
    }
}

/* Every rule of a side has exactly one row, in the order of rule.def. */
static inline void judge_rows(const struct judge_case *cases, size_t count, enum drill_side side)
{
    size_t at = 0;
    for (size_t i = 0; i < DRILL_RULES; i++) {
        const struct drill_rule *rule = drill_rule_of((enum drill_rule_id)i);
        if (rule->by != side) {
            continue;
        }
        if (at == count || strcmp(cases[at].rule, rule->id) != 0) {
            fail_msg("%s has no pair of conversations here, or not in its place", rule->id);
        }
        judge_row(&cases[at++]);
    }
    assert_int_equal(at, count);
}

#endif
