/* SPDX-License-Identifier: MIT */
/* A conversation of the stalwart profile with whatever a test answers, one message by default. */
#ifndef DRILL_TESTS_TALK_STALWART_H
#define DRILL_TESTS_TALK_STALWART_H

#include <stdio.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/mta.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

struct talk {
    struct drill_arena arena;
    struct drill_client client;
    struct drill_envelope message;
    struct drill_span rcpt[3];
    struct drill_settings settings;
    struct drill_mta mta;
    char sent[400]; /* "O DC C DH H ...", "open" and "close" too */
};

static inline struct drill_span text(const char *s)
{
    return drill_span_str(s);
}

static inline void talk_init(struct talk *t)
{
    memset(t, 0, sizeof(*t));
    drill_arena_init(&t->arena, NULL, 0);
    t->client.family = DRILL_FAMILY_INET;
    t->client.addr = text("192.0.2.5");
    t->client.port = 47324;
    t->client.host = text("mail.sender.tld");
    t->client.helo = text("mail.sender.tld");
    t->client.messages = &t->message;
    t->message.from = text("<Alice@Sender.TLD>");
    t->rcpt[0] = text("<Bob@Example.COM>");
    t->rcpt[1] = text("<carol@example.com>");
    t->rcpt[2] = text("<dave@example.com>");
    t->message.rcpt = t->rcpt;
    t->message.rcpts = 1;
    assert_int_equal(
        drill_mail_parse(text("Subject: Hi\r\n\r\nHello.\r\n"), &t->arena, &t->message.mail, NULL),
        DRILL_OK);
    assert_int_equal(drill_mail_finish(&t->message.mail, &t->arena), DRILL_OK);
    drill_profile_find(DRILL_SIDE_MTA, text("stalwart"))->defaults(&t->settings);
}

static inline void talk_start(struct talk *t)
{
    drill_mta_init(&t->mta, drill_profile_find(DRILL_SIDE_MTA, text("stalwart")), &t->settings,
                   &t->client, &t->arena);
    t->sent[0] = '\0';
}

static inline void talk_set(struct talk *t, const char *key, const char *value)
{
    struct drill_error err;
    assert_int_equal(drill_profile_set(drill_profile_find(DRILL_SIDE_MTA, text("stalwart")),
                                       &t->settings, text(key), text(value), &t->arena, &err),
                     DRILL_OK);
}

static inline void talk_note(struct talk *t, const char *what)
{
    size_t len = strlen(t->sent);
    (void)snprintf(t->sent + len, sizeof(t->sent) - len, "%s%s", len ? " " : "", what);
}

static inline void talk_reply(struct talk *t, uint8_t code, struct drill_span payload)
{
    struct drill_message m;
    (void)drill_message_decode(DRILL_TO_MTA, code, payload, &m);
    drill_mta_got(&t->mta, &m, (uint32_t)payload.len);
}

static inline void talk_optneg(struct talk *t, uint32_t steps)
{
    uint8_t payload[12] = {0, 0, 0, 6};
    drill_put_be32(payload + 8, steps);
    talk_reply(t, 'O', drill_span_of(payload, 12));
}

/* Plays until a reply to `stop` is owed (0: until the end), answering `continue` to all else. */
static inline void talk_until(struct talk *t, uint8_t stop, uint32_t steps)
{
    struct drill_mta_step step;
    char word[8];
    for (int i = 0; i < 500; i++) {
        drill_mta_peek(&t->mta, &step);
        switch (step.kind) {
        case DRILL_MTA_OPEN: talk_note(t, "open"); break;
        case DRILL_MTA_CLOSE: talk_note(t, "close"); break;
        case DRILL_MTA_DONE: return;
        case DRILL_MTA_SEND:
            (void)snprintf(word, sizeof(word), "%s%c", step.has_macro ? "D" : "",
                           step.command.code);
            talk_note(t, word);
            break;
        case DRILL_MTA_WAIT:
            if (step.awaited == stop) {
                return;
            }
            if (step.awaited == DRILL_SMFIC_OPTNEG) {
                talk_optneg(t, steps);
            } else {
                talk_reply(t, 'c', text(""));
            }
            continue;
        }
        drill_mta_did(&t->mta);
    }
    fail_msg("no end: %s", t->sent);
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

static inline void assert_outcome(const struct talk *t, uint32_t message, const char *line)
{
    assert_line(drill_mta_outcome(&t->mta, message), line);
}

static inline void talk_fini(struct talk *t)
{
    assert_false(t->mta.no_memory);
    drill_arena_fini(&t->arena);
}

#endif
