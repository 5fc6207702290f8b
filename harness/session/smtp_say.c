/* SPDX-License-Identifier: MIT */
/*
 * What the SMTP client says: commands, and the message with its dots doubled, through one small
 * buffer. Sources: RFC 5321 4.1.1 and 4.5.2; Postfix XCLIENT_README and XFORWARD_README; the PROXY
 * protocol's specification, 2.1.
 */
#include <string.h>

#include "session/smtp_ops.h"
#include "wire/message.h"

enum { ATTR_NAME = 1, ATTR_ADDR = 2, ATTR_PORT = 4, ATTR_HELO = 8, ATTR_LOGIN = 16 };
enum { VALUE_MAX = 255 }; /* XCLIENT_README: longer attribute values are not allowed */

/* ---- client attributes ---- */

/* Bytes of a value as xtext, RFC 3461 4: what is no plain character is +XX. */
static void put_xtext(struct drill_writer *w, struct drill_span s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c > ' ' && c <= '~' && c != '+' && c != '=') {
            drill_write_u8(w, c);
        } else {
            drill_write_u8(w, '+');
            drill_write_u8(w, (uint8_t)digits[c >> 4]);
            drill_write_u8(w, (uint8_t)digits[c & 15]);
        }
    }
}

static void put_attribute(struct drill_writer *w, const char *name, struct drill_span value,
                          bool ipv6)
{
    drill_write_u8(w, ' ');
    drill_write_text(w, name);
    if (value.len == 0) {
        drill_write_text(w, "[UNAVAILABLE]");
    } else {
        drill_write_text(w, ipv6 ? "IPV6:" : "");
        put_xtext(w, drill_span_sub(value, 0, VALUE_MAX));
    }
}

/* The client's attributes, as far as they are offered. */
static struct drill_span attributes(struct drill_smtp *s, const char *verb, unsigned offered)
{
    const struct drill_client *c = s->client;
    struct drill_writer w = drill_writer_of(s->scratch, sizeof(s->scratch));
    struct drill_span none = drill_span_of(NULL, 0);
    bool inet = c->family == DRILL_FAMILY_INET || c->family == DRILL_FAMILY_INET6;
    uint8_t digits[8];
    struct drill_writer port = drill_writer_of(digits, sizeof(digits));
    drill_write_dec(&port, c->port);
    drill_write_text(&w, verb);
    if (offered & ATTR_NAME) {
        put_attribute(&w, "NAME=", c->host, false);
    }
    if (offered & ATTR_ADDR) {
        put_attribute(&w, "ADDR=", inet ? c->addr : none, c->family == DRILL_FAMILY_INET6);
    }
    if (offered & ATTR_PORT) {
        put_attribute(&w, "PORT=", inet ? drill_writer_span(&port) : none, false);
    }
    if (offered & ATTR_HELO) {
        put_attribute(&w, "HELO=", c->helo, false);
    }
    if ((offered & ATTR_LOGIN) && c->auth.len && !s->login) {
        put_attribute(&w, "LOGIN=", c->auth, false);
    }
    return drill_writer_span(&w);
}

/* Both ends must be of one family; where the MTA listens is not known here. */
static struct drill_span proxy_line(struct drill_smtp *s)
{
    const struct drill_client *c = s->client;
    struct drill_writer w = drill_writer_of(s->scratch, sizeof(s->scratch));
    if (c->family != DRILL_FAMILY_INET && c->family != DRILL_FAMILY_INET6) {
        drill_write_text(&w, "PROXY UNKNOWN");
        return drill_writer_span(&w);
    }
    bool v6 = c->family == DRILL_FAMILY_INET6;
    drill_write_text(&w, v6 ? "PROXY TCP6 " : "PROXY TCP4 ");
    drill_write_bytes(&w, drill_span_sub(c->addr, 0, VALUE_MAX));
    drill_write_text(&w, v6 ? " ::1 " : " 127.0.0.1 ");
    drill_write_dec(&w, c->port);
    drill_write_text(&w, " 25");
    return drill_writer_span(&w);
}

static unsigned attribute_bit(struct drill_span word)
{
    static const struct {
        const char *name;
        unsigned bit;
    } rows[] = {{"NAME", ATTR_NAME},
                {"ADDR", ATTR_ADDR},
                {"PORT", ATTR_PORT},
                {"HELO", ATTR_HELO},
                {"LOGIN", ATTR_LOGIN}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (drill_span_equal_nocase(word, drill_span_str(rows[i].name))) {
            return rows[i].bit;
        }
    }
    return 0;
}

struct drill_span drill_smtp_take_word(struct drill_span *line)
{
    size_t end = drill_span_find(*line, ' ');
    struct drill_span word = drill_span_sub(*line, 0, end);
    *line = drill_span_sub(*line, end + 1, SIZE_MAX);
    return word;
}

void drill_smtp_offered(struct drill_smtp *s, struct drill_span reply)
{
    s->xclient = 0;
    s->xforward = 0;
    s->offers = 0;
    while (reply.len) {
        size_t end = drill_span_find(reply, '\r');
        struct drill_span line = drill_span_sub(drill_span_sub(reply, 0, end), 4, SIZE_MAX);
        struct drill_span verb = drill_smtp_take_word(&line);
        unsigned bits = 0;
        drill_smtp_secure_keyword(s, verb, line);
        while (line.len) {
            bits |= attribute_bit(drill_smtp_take_word(&line));
        }
        if (drill_span_equal_nocase(verb, drill_span_str("XCLIENT"))) {
            s->xclient = bits & ~(unsigned)ATTR_HELO; /* EHLO comes again behind it */
        } else if (drill_span_equal_nocase(verb, drill_span_str("XFORWARD"))) {
            s->xforward = bits & ~(unsigned)ATTR_LOGIN;
        }
        reply = drill_span_sub(reply, end + 2, SIZE_MAX);
    }
}

/* ---- commands ---- */

bool drill_smtp_verb(struct drill_span line, const char *verb)
{
    struct drill_span word = drill_smtp_take_word(&line);
    return drill_span_equal_nocase(word, drill_span_str(verb));
}

static bool command_with(struct drill_smtp *s, const char *verb, struct drill_span argument,
                         struct drill_span parameters)
{
    s->parts[0] = drill_span_str(verb);
    s->parts[1] = argument;
    s->parts[2] = parameters;
    s->parts[3] = drill_span_str("\r\n");
    s->part = 0;
    return true;
}

static bool command(struct drill_smtp *s, const char *verb, struct drill_span argument)
{
    return command_with(s, verb, argument, drill_span_of(NULL, 0));
}

static bool rcpt_command(struct drill_smtp *s)
{
    const struct drill_envelope *m = s->message;
    return command_with(s, "RCPT TO:", m->rcpt[s->rcpt],
                        m->rcpt_args ? m->rcpt_args[s->rcpt].typed : drill_span_of(NULL, 0));
}

bool drill_smtp_compose(struct drill_smtp *s)
{
    struct drill_span none = drill_span_of(NULL, 0);
    switch (s->step) {
    case SMTP_STEP_GREETING: return s->config.proxy && command(s, "", proxy_line(s));
    case SMTP_STEP_EHLO: return command(s, "EHLO ", s->client->helo);
    case SMTP_STEP_HELO: return command(s, "HELO ", s->client->helo);
    case SMTP_STEP_XCLIENT: return command(s, "", attributes(s, "XCLIENT", s->xclient));
    case SMTP_STEP_XFORWARD: return command(s, "", attributes(s, "XFORWARD", s->xforward));
    case SMTP_STEP_STARTTLS:
    case SMTP_STEP_AUTH:
    case SMTP_STEP_AUTH_USER:
    case SMTP_STEP_AUTH_PASSWORD:
    case SMTP_STEP_AUTH_CANCEL: return command(s, "", drill_smtp_secure_line(s));
    case SMTP_STEP_RSET: return command(s, "RSET", none);
    case SMTP_STEP_MAIL:
        return command_with(s, "MAIL FROM:", s->message->from, s->message->from_args.typed);
    case SMTP_STEP_RCPT: return rcpt_command(s);
    case SMTP_STEP_DATA: return command(s, "DATA", none);
    case SMTP_STEP_SAY: return command(s, "", s->extra->line);
    case SMTP_STEP_QUIT: return command(s, "QUIT", none);
    case SMTP_STEP_CONTENT: return true;
    case SMTP_STEP_OPEN:
    case SMTP_STEP_OPENING:
    case SMTP_STEP_TLS:
    case SMTP_STEP_MESSAGE:
    case SMTP_STEP_LEAVE:
    case SMTP_STEP_LOSE:
    case SMTP_STEP_DONE: break;
    }
    return false;
}

/* ---- bytes ---- */

static size_t room(const struct drill_smtp *s)
{
    return sizeof(s->out) - s->out_len;
}

/* What fits; returns how much that is. */
static size_t put(struct drill_smtp *s, struct drill_span bytes)
{
    size_t n = bytes.len < room(s) ? bytes.len : room(s);
    if (n) {
        memcpy(s->out + s->out_len, bytes.ptr, n);
        s->out_len += n;
    }
    return n;
}

/* The next line of the message, or the part of it that fits. */
static void put_line(struct drill_smtp *s, struct drill_span raw)
{
    if (s->line_start && raw.ptr[s->content] == '.') {
        (void)put(s, drill_span_str("."));
    }
    s->line_start = false;
    struct drill_span rest = drill_span_sub(raw, s->content, room(s));
    size_t lf = drill_span_find(rest, '\n');
    size_t n = put(s, drill_span_sub(rest, 0, lf + 1));
    s->content += n;
    if (n == lf + 1) {
        s->line_start = s->content >= 2 && raw.ptr[s->content - 2] == '\r';
    }
}

static void put_content(struct drill_smtp *s)
{
    struct drill_span raw = s->message->mail.raw;
    while (s->content < raw.len && room(s) > 1) {
        put_line(s, raw);
    }
    if (s->content == raw.len && !s->content_ended && room(s) >= 5) {
        s->content_ended = true;
        (void)put(s, drill_span_str(s->line_start ? ".\r\n" : "\r\n.\r\n"));
    }
}

bool drill_smtp_fill(struct drill_smtp *s)
{
    s->out_at = 0;
    s->out_len = 0;
    while (s->part < DRILL_SMTP_PARTS && room(s)) {
        struct drill_span *p = &s->parts[s->part];
        *p = drill_span_sub(*p, put(s, *p), SIZE_MAX);
        s->part += p->len == 0 ? 1 : 0;
    }
    if (s->step == SMTP_STEP_CONTENT && !s->content_ended) {
        put_content(s);
    }
    return s->out_len > 0;
}
