/* SPDX-License-Identifier: MIT */
/*
 * A milter that is a function of what it would be sent, with one planted fault, and a diagnosis of
 * it:
 *
 *     case_init(&c, MESSAGE, NULL);
 *     c.milter.fault = many_headers;
 *     const struct drill_trigger *t = only(&c, DRILL_TRIGGER_HEADER_COUNT);
 *     drill_arena_fini(&c.arena);
 */
#ifndef DRILL_TESTS_PLANTED_H
#define DRILL_TESTS_PLANTED_H

#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/cause.h"

typedef bool fault_fn(const struct drill_trial *trial);

struct milter {
    fault_fn *fault;
    enum drill_symptom symptom;
    uint32_t plays, dies_after; /* 0: never */
    uint32_t one_in;            /* fails so often, whatever it is sent; 0: by `fault` */
    uint64_t took;              /* microseconds of a failure */
    uint64_t clock;
};

static struct drill_span of(const char *text)
{
    return drill_span_str(text);
}

static bool contains(struct drill_span in, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= in.len; i++) {
        if (memcmp(in.ptr + i, text, len) == 0) {
            return true;
        }
    }
    return false;
}

static void play_one(struct milter *m, const struct drill_trial *trial, struct drill_watch *watch)
{
    const struct drill_mail *mail = &trial->traffic->messages->mail;
    struct drill_signature *sig = &watch->sig;
    bool fails = m->one_in ? m->plays % m->one_in == 0 : m->fault && m->fault(trial);
    m->plays++;
    sig->symptom = fails ? m->symptom : DRILL_SYMPTOM_NONE;
    sig->stage = DRILL_SMFIC_BODYEOB;
    sig->elapsed = fails ? m->took : 0;
    for (const struct drill_mail_header *h = mail->headers; h; h = h->next) {
        uint64_t size = h->name.len + h->value.len + 1; /* its blank left out, two NULs */
        sig->most_header = size > sig->most_header ? size : sig->most_header;
        sig->all_headers += size;
    }
    (void)snprintf(watch->macro[0].name, sizeof(watch->macro[0].name), "j");
    (void)snprintf(watch->macro[1].name, sizeof(watch->macro[1].name), "{mail_addr}");
    (void)snprintf(watch->macro[1].value, sizeof(watch->macro[1].value), "spam@example.net");
    watch->macro[1].code = DRILL_SMFIC_MAIL;
    watch->macros = 2;
    m->clock += 1000;
}

static bool play(void *ctx, const struct drill_trial *trials, size_t count,
                 struct drill_watch *watches)
{
    struct milter *m = ctx;
    for (size_t i = 0; i < count; i++) {
        if (m->dies_after && m->plays >= m->dies_after) {
            return false;
        }
        play_one(m, &trials[i], &watches[i]);
    }
    return true;
}

static uint64_t clock_of(void *ctx)
{
    return ((struct milter *)ctx)->clock;
}

/* ---- one case ---- */

struct a_case {
    struct drill_arena arena;
    struct drill_client client;
    struct drill_envelope envelope;
    struct drill_span rcpt[12];
    struct drill_settings settings;
    struct drill_diagnosis found;
    struct milter milter;
    struct drill_error err;
};

static const char MESSAGE[] =
    "From: Alice <alice@example.org>\r\nTo: Bob <bob@example.com>\r\nSubject: caf\xe9 again\r\n"
    "X-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nX-Four: 4\r\nX-Five: 5\r\n\r\n"
    "A first line.\r\nA second one with the word magic in it.\r\nThe last line.\r\n";

static void case_init(struct a_case *c, const char *message, const struct drill_alloc *alloc)
{
    memset(c, 0, sizeof(*c));
    drill_arena_init(&c->arena, alloc, 0);
    c->client.family = DRILL_FAMILY_INET;
    c->client.addr = of("192.0.2.1");
    c->client.host = of("mail.example.org");
    c->client.helo = of("mail.example.org");
    c->client.messages = &c->envelope;
    c->envelope.from = of("<alice@example.org>");
    c->rcpt[0] = of("<bob@example.com>");
    c->envelope.rcpt = c->rcpt;
    c->envelope.rcpts = 1;
    drill_profile_find(DRILL_SIDE_MTA, of("postfix"))->defaults(&c->settings);
    c->milter.symptom = DRILL_SYMPTOM_LOST;
    if (drill_mail_parse(of(message), &c->arena, &c->envelope.mail, NULL) == DRILL_OK) {
        (void)drill_mail_finish(&c->envelope.mail, &c->arena);
    }
}

static enum drill_code diagnose(struct a_case *c, uint32_t sessions)
{
    struct drill_lab_ops ops = {play, NULL, clock_of, &c->milter};
    struct drill_question q = {.ops = &ops, .sessions = sessions, .arena = &c->arena};
    if (!drill_subject_of(&c->client, &c->settings, &c->arena, &q.subject)) {
        return DRILL_ERR_MEMORY;
    }
    return drill_diagnose(&q, &c->found, &c->err);
}

static const struct drill_trigger *only(struct a_case *c, enum drill_trigger_kind kind)
{
    assert_int_equal(diagnose(c, 500), DRILL_OK);
    assert_int_equal(c->found.outcome, DRILL_DIAGNOSED);
    assert_true(c->found.deterministic && c->found.complete);
    assert_non_null(c->found.triggers);
    if (c->found.triggers->kind != kind || c->found.triggers->next) {
        fail_msg("not %s, but %s%s", drill_trigger_word(kind),
                 drill_trigger_word(c->found.triggers->kind),
                 c->found.triggers->next ? " and more" : "");
    }
    assert_in_range(c->found.sessions, 1, 200);
    return c->found.triggers;
}

static const struct drill_mail *mail_of(const struct drill_trial *t)
{
    return &t->traffic->messages->mail;
}

static const struct drill_extra_macro *extra(const struct drill_trial *t, const char *name)
{
    const struct drill_extra_macro *m = t->traffic->macros;
    while (m && !drill_span_equal(m->name, of(name))) {
        m = m->next;
    }
    return m;
}

#endif
