/* SPDX-License-Identifier: MIT */
/* A conversation of an MTA profile with whatever a test answers, one message by default. */
#ifndef DRILL_TESTS_TALK_MTA_H
#define DRILL_TESTS_TALK_MTA_H

#include <stdio.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/mta.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct talk {
    struct drill_arena arena;
    struct drill_client clients[2];
    struct drill_envelope messages[2]; /* of the first client; the second comes by talk_two */
    struct drill_span rcpt[3];
    const struct drill_profile *profile;
    struct drill_settings settings;
    struct drill_mta mta;
    char sent[600]; /* "O DC C ...": D of a frame of its own as "D", before a command as "DC" */
};

static inline struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

static inline void talk_mail(struct talk *t, size_t i, const char *source)
{
    assert_int_equal(drill_mail_parse(text(source), &t->arena, &t->messages[i].mail, NULL),
                     DRILL_OK);
    assert_int_equal(drill_mail_finish(&t->messages[i].mail, &t->arena), DRILL_OK);
}

static inline void talk_init(struct talk *t, const char *profile)
{
    memset(t, 0, sizeof(*t));
    drill_arena_init(&t->arena, NULL, 0);
    t->profile = drill_profile_find(DRILL_SIDE_MTA, text(profile));
    assert_non_null(t->profile);
    t->profile->defaults(&t->settings);
    t->rcpt[0] = text("<bob@example.com>");
    t->rcpt[1] = text("<carol@example.com>");
    t->rcpt[2] = text("<dave@example.net>");
    for (size_t i = 0; i < 2; i++) {
        t->clients[i].family = DRILL_FAMILY_INET;
        t->clients[i].addr = text("192.0.2.5");
        t->clients[i].port = 47324;
        t->clients[i].host = text("mail.sender.tld");
        t->clients[i].helo = text("cl.example");
        t->messages[i].from = text(i ? "<anne@example.org>" : "<Alice@Sender.TLD>");
        t->messages[i].rcpt = t->rcpt;
        t->messages[i].rcpts = 1;
        talk_mail(t, i, "Subject: Hi\r\n\r\nHello.\r\n");
    }
    t->clients[0].messages = &t->messages[0];
}

/* A second message of the same session. */
static inline void talk_two(struct talk *t)
{
    t->messages[0].next = &t->messages[1];
}

static inline void talk_start(struct talk *t)
{
    drill_mta_init(&t->mta, t->profile, &t->settings, t->clients, &t->arena);
    t->sent[0] = '\0';
}

static inline void talk_set(struct talk *t, const char *key, const char *value)
{
    struct drill_error err;
    drill_error_clear(&err);
    if (drill_profile_set(t->profile, &t->settings, text(key), text(value), &t->arena, &err) !=
        DRILL_OK) {
        fail_msg("%s=%s: %s", key, value, err.text);
    }
}

static inline void talk_note(struct talk *t, const char *what)
{
    size_t len = strlen(t->sent);
    (void)snprintf(t->sent + len, sizeof(t->sent) - len, "%s%s", len ? " " : "", what);
}

/* The view is of exactly the payload, so that reading past it is seen. */
static inline void talk_reply(struct talk *t, uint8_t code, struct drill_span payload)
{
    struct drill_message m;
    struct drill_span exact = helper_exact(payload);
    (void)drill_message_decode(DRILL_TO_MTA, code, exact, &m);
    drill_mta_got(&t->mta, &m, (uint32_t)payload.len);
    helper_exact_free(exact);
}

static inline void talk_optneg(struct talk *t, uint32_t version, uint32_t steps)
{
    uint8_t payload[12] = {0};
    drill_put_be32(payload, version);
    drill_put_be32(payload + 8, steps);
    talk_reply(t, 'O', drill_span_of(payload, 12));
}

/* Does what stands next, but for a wait; false when that is what stands next. */
static inline bool talk_step(struct talk *t, struct drill_mta_step *step)
{
    char word[8];
    drill_mta_peek(&t->mta, step);
    switch (step->kind) {
    case DRILL_MTA_OPEN: talk_note(t, "open"); break;
    case DRILL_MTA_CLOSE: talk_note(t, "close"); break;
    case DRILL_MTA_SEND:
        (void)snprintf(word, sizeof(word), "%s%c", step->has_macro ? "D" : "", step->command.code);
        talk_note(t, word);
        break;
    case DRILL_MTA_WAIT:
    case DRILL_MTA_DONE: return false;
    }
    drill_mta_did(&t->mta);
    return true;
}

/* Plays until a reply to `stop` is owed (0: until the end), answering `continue` to all else. */
static inline void talk_until(struct talk *t, uint8_t stop, uint32_t steps)
{
    struct drill_mta_step step;
    for (int i = 0; i < 1000; i++) {
        if (talk_step(t, &step)) {
            continue;
        }
        if (step.kind == DRILL_MTA_DONE || step.awaited == stop) {
            return;
        }
        if (step.awaited == DRILL_SMFIC_OPTNEG) {
            talk_optneg(t, t->settings.version, steps);
        } else {
            talk_reply(t, 'c', text(""));
        }
    }
    fail_msg("no end: %s", t->sent);
}

/* A talk that has come to that command, which a plain milter let it. */
static inline void talk_to(struct talk *t, const char *profile, uint8_t stop)
{
    talk_init(t, profile);
    talk_start(t);
    talk_until(t, stop, 0);
}

/* A reply, its code first. */
static inline void talk_say(struct talk *t, const char *reply, size_t size)
{
    talk_reply(t, (uint8_t)reply[0], drill_span_of(reply + 1, size - 1));
}

/* What the client was told, "C 220 H 250 ...", in order; R with its number, the final ones with an
 * asterisk; of the message's number but for the first. */
static inline void talk_told(const struct talk *t, char *out, size_t cap)
{
    out[0] = '\0';
    for (const struct drill_told *d = t->mta.told; d; d = d->next) {
        size_t len = strlen(out);
        char number[16] = "", rcpt[16] = "";
        if (d->message > 1) {
            (void)snprintf(number, sizeof(number), "%u:", (unsigned)d->message);
        }
        if (d->rcpt) {
            (void)snprintf(rcpt, sizeof(rcpt), "%u", (unsigned)d->rcpt);
        }
        (void)snprintf(out + len, cap - len, "%s%s%c%s %u%s", len ? " " : "", number, d->stage,
                       rcpt, (unsigned)d->code, d->final ? "*" : "");
    }
}

static inline const struct drill_told *told_at(const struct talk *t, uint32_t message,
                                               uint8_t stage, uint32_t rcpt)
{
    const struct drill_told *last = NULL;
    for (const struct drill_told *d = t->mta.told; d; d = d->next) {
        if (d->message == message && d->stage == stage && d->rcpt == rcpt) {
            last = d;
        }
    }
    return last;
}

static inline void assert_line(const struct drill_told *told, const char *line)
{
    assert_non_null(told);
    helper_assert_bytes(told->line, text(line), line);
}

static inline void assert_payload(const struct drill_message *m, struct drill_span want,
                                  const char *what)
{
    static uint8_t buf[140000];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    drill_message_encode(m, &w);
    assert_false(w.overflow);
    helper_assert_bytes(drill_writer_span(&w), want, what);
}

/* Goes to the next frame of that code and checks it and the macro frame in front of it (none: an
 * empty span); peeking twice gives the same. `code` 'D': the macro frame that stands alone. */
static inline void assert_frames(struct talk *t, uint8_t code, struct drill_span macro,
                                 struct drill_span command)
{
    struct drill_mta_step step, again;
    char what[2] = {(char)code, '\0'};
    for (;;) {
        drill_mta_peek(&t->mta, &step);
        assert_int_not_equal(step.kind, DRILL_MTA_DONE);
        if (step.kind == DRILL_MTA_SEND && step.command.code == code) {
            break;
        }
        if (step.kind != DRILL_MTA_WAIT) {
            drill_mta_did(&t->mta);
        } else if (step.awaited == DRILL_SMFIC_OPTNEG) {
            talk_optneg(t, t->settings.version, 0);
        } else {
            talk_reply(t, 'c', text(""));
        }
    }
    assert_int_equal(step.has_macro, macro.len > 0);
    drill_mta_peek(&t->mta, &again);
    assert_payload(&again.command, command, what);
    if (macro.len) {
        assert_payload(&step.macro, macro, what);
        assert_payload(&again.macro, macro, what);
    }
    drill_mta_did(&t->mta);
}

static inline void talk_fini(struct talk *t)
{
    assert_false(t->mta.no_memory);
    drill_arena_fini(&t->arena);
}

#endif
