/* SPDX-License-Identifier: MIT */
/*
 * A talk of the SMTP client (session/smtp.h) with a server that is a string of letters: "gekkdkq"
 * is greeting, EHLO's reply, ok, ok, go, ok, bye. See say_letter.
 */
#ifndef DRILL_TESTS_TALK_SMTP_H
#define DRILL_TESTS_TALK_SMTP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_bytes.h"
#include "session/smtp.h"
#include "wire/message.h"
#include "wire/proto.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define HI      "220 mx ESMTP\r\n"
#define EHLO    "250-mx\r\n250 SIZE\r\n"
#define OK      "250 2.0.0 ok\r\n"
#define GO      "354 go\r\n"
#define BYE     "221 bye\r\n"
#define NO      "550 5.7.1 no\r\n"
#define TEMP    "451 4.7.1 later\r\n"
#define MESSAGE "A: b\r\n\r\nHello.\r\n"
#define TO_MAIL "<open>EHLO client.example\r\nMAIL FROM:<alice@example.org>\r\n"
#define TO_RCPT TO_MAIL "RCPT TO:<bob@example.com>\r\n"
#define TO_DATA TO_RCPT "DATA\r\n"
#define SENT    MESSAGE ".\r\n"

enum { MESSAGES = 3, PATIENCE = 1000, LOG = 1 << 16 };

struct talk {
    struct drill_arena arena;
    struct drill_client clients[2];
    struct drill_envelope messages[MESSAGES];
    struct drill_span rcpt[2];
    struct drill_smtp_config config;
    struct drill_smtp_extra extras[3];
    struct drill_smtp smtp;
    uint64_t now;
    size_t write_max; /* bytes that one write takes */
    bool refuse;      /* connections */
    bool done;
    char log[LOG]; /* what went out, and <open>, <close>, <reset>, <tls> */
    struct drill_writer w;
};

/* One session with one message; `more` messages in it, then `others` in a second session. */
static struct talk *talk_new(size_t more, size_t others, const struct drill_alloc *alloc)
{
    struct talk *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    drill_arena_init(&t->arena, alloc, 0);
    t->rcpt[0] = BYTES("<bob@example.com>");
    t->rcpt[1] = BYTES("<carol@example.com>");
    for (size_t i = 0; i < MESSAGES; i++) {
        struct drill_envelope *m = &t->messages[i];
        m->from = BYTES("<alice@example.org>");
        m->rcpt = t->rcpt;
        m->rcpts = 1;
        m->mail.raw = BYTES(MESSAGE);
        m->next = i + 1 < 1 + more || (i > more && i < more + others) ? m + 1 : NULL;
    }
    for (size_t i = 0; i < 2; i++) {
        struct drill_client *c = &t->clients[i];
        c->family = DRILL_FAMILY_INET;
        c->addr = BYTES("192.0.2.1");
        c->port = 47324;
        c->host = BYTES("mail.example.org");
        c->helo = BYTES("client.example");
    }
    t->clients[0].messages = t->messages;
    t->clients[1].messages = &t->messages[1 + more];
    t->clients[0].next = others ? &t->clients[1] : NULL;
    t->config.traffic = t->clients;
    t->config.patience = PATIENCE;
    t->config.xclient = true;
    t->write_max = SIZE_MAX;
    t->w = drill_writer_of(t->log, LOG - 1);
    return t;
}

static void talk_free(struct talk *t)
{
    drill_arena_fini(&t->arena);
    free(t);
}

static void tell(struct talk *t, struct drill_smtp_event event)
{
    event.now = t->now;
    drill_smtp_event(&t->smtp, &event);
}

/* Does what it wants until it waits. */
static void pump(struct talk *t)
{
    for (;;) {
        struct drill_smtp_wish wish;
        drill_smtp_wish(&t->smtp, t->now, &wish);
        switch (wish.kind) {
        case DRILL_SMTP_IO: {
            size_t n = wish.send.len < t->write_max ? wish.send.len : t->write_max;
            if (n == 0) {
                return;
            }
            drill_write_bytes(&t->w, drill_span_sub(wish.send, 0, n));
            tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_WROTE, .wrote = n});
            break;
        }
        case DRILL_SMTP_OPEN:
            drill_write_text(&t->w, "<open>");
            if (t->refuse) {
                tell(t, (struct drill_smtp_event){
                            .kind = DRILL_SMTP_ENDED, .how = DRILL_END_REFUSED, .error = 111});
            } else {
                tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_OPENED});
            }
            break;
        case DRILL_SMTP_CLOSE: drill_write_text(&t->w, "<close>"); break;
        case DRILL_SMTP_RESET: drill_write_text(&t->w, "<reset>"); break;
        case DRILL_SMTP_TLS: drill_write_text(&t->w, "<tls>"); break;
        case DRILL_SMTP_DONE: t->done = true; return;
        }
    }
}

static void start(struct talk *t)
{
    drill_smtp_init(&t->smtp, &t->config, &t->arena);
    pump(t);
}

static void feed(struct talk *t, struct drill_span bytes)
{
    while (bytes.len && !t->done) {
        struct drill_smtp_wish wish;
        drill_smtp_wish(&t->smtp, t->now, &wish);
        size_t n = bytes.len < wish.want ? bytes.len : wish.want;
        assert_true(n > 0);
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_BYTES,
                                          .bytes = drill_span_sub(bytes, 0, n)});
        pump(t);
        bytes = drill_span_sub(bytes, n, SIZE_MAX);
    }
}

static void say(struct talk *t, const char *text)
{
    feed(t, drill_span_str(text));
}

/* One reply at a time, as a server does that waits for its client. */
static void say_letter(struct talk *t, char letter)
{
    static const struct {
        char letter;
        const char *text;
    } rows[] = {{'g', HI},
                {'G', "220 second\r\n"},
                {'e', EHLO},
                {'k', OK},
                {'d', GO},
                {'q', BYE},
                {'Q', BYE "250 x"},
                {'n', NO},
                {'t', TEMP},
                {'4', "421 gone\r\n"},
                {'5', "502 what\r\n"},
                {'x', "554 no\r\n"},
                {'o', "250-mx\r\n250-XCLIENT NAME ADDR PROTO PORT LOGIN\r\n250 SIZE\r\n"},
                {'p', "250-mx\r\n250 xclient PORT FOO\r\n"},
                {'r', "250-mx\r\n250 XCLIENT PORT ADDR NAME\r\n"},
                {'f', "250-mx\r\n250 XFORWARD NAME ADDR HELO\r\n"}};
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (rows[i].letter == letter) {
            say(t, rows[i].text);
            return;
        }
    }
    fail_msg("no reply '%c'", letter);
}

static void serve(struct talk *t, const char *letters)
{
    start(t);
    for (; *letters; letters++) {
        say_letter(t, *letters);
    }
}

/* "C220 H250 M250 R250 T354 E250! Q221": stage, rcpt over 1, code, outcome; message before. */
static const char *told(const struct talk *t, char *buf, size_t cap)
{
    size_t len = 0;
    buf[0] = '\0';
    for (const struct drill_smtp_reply *r = t->smtp.replies; r && len < cap; r = r->next) {
        assert_ptr_equal(r->told.next, r->next ? &r->next->told : NULL);
        if (r->told.message > 1) {
            len += (size_t)snprintf(buf + len, cap - len, "%u:", (unsigned)r->told.message);
        }
        len += (size_t)snprintf(buf + len, cap - len, "%c", r->told.stage);
        if (r->told.rcpt > 1) {
            len += (size_t)snprintf(buf + len, cap - len, "%u=", (unsigned)r->told.rcpt);
        }
        len += (size_t)snprintf(buf + len, cap - len, "%u%s%s", (unsigned)r->told.code,
                                r->told.final ? "!" : "", r->next ? " " : "");
    }
    return buf;
}

static void assert_told(const struct talk *t, const char *want)
{
    char buf[2000];
    assert_string_equal(told(t, buf, sizeof(buf)), want);
}

#endif
