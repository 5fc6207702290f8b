/* SPDX-License-Identifier: MIT */
/*
 * What stands between the greeting and the mail: STARTTLS, and the login by AUTH PLAIN or LOGIN.
 * Sources: RFC 3207 (4: both sides forget what they knew, and the client greets again), RFC 4954
 * (4: codes, cancelling; 4.1: the initial response), RFC 4616 (PLAIN); LOGIN has a draft only, and
 * is as Cyrus SASL, Dovecot and their clients have it: whatever the challenges say, the first wants
 * the name and the second the password.
 */
#include "session/smtp_ops.h"

enum { OFFERS_STARTTLS = 1, OFFERS_PLAIN = 2, OFFERS_LOGIN = 4, OFFERS_AUTH = 6 };

const struct drill_smtp_login *drill_smtp_login_find(const struct drill_smtp_login *logins,
                                                     struct drill_span user, bool any)
{
    const struct drill_smtp_login *l = logins;
    while (l && !drill_span_equal(l->user, user)) {
        l = l->next;
    }
    return l || !any ? l : logins;
}

void drill_smtp_secure_begin(struct drill_smtp *s)
{
    s->offers = 0;
    s->in_tls = s->logged_in = false;
    s->login = s->client->auth.len
                   ? drill_smtp_login_find(s->config.logins, s->client->auth, s->config.any_login)
                   : NULL;
}

/* ---- what is offered ---- */

void drill_smtp_secure_keyword(struct drill_smtp *s, struct drill_span verb,
                               struct drill_span words)
{
    if (drill_span_equal_nocase(verb, drill_span_str("STARTTLS"))) {
        s->offers |= OFFERS_STARTTLS;
    } else if (drill_span_equal_nocase(verb, drill_span_str("AUTH"))) {
        while (words.len) {
            struct drill_span word = drill_smtp_take_word(&words);
            s->offers |= drill_span_equal_nocase(word, drill_span_str("PLAIN"))   ? OFFERS_PLAIN
                         : drill_span_equal_nocase(word, drill_span_str("LOGIN")) ? OFFERS_LOGIN
                                                                                  : 0;
        }
    }
}

/* Many a server takes a login in TLS only. */
enum drill_smtp_step drill_smtp_secure_next(struct drill_smtp *s)
{
    bool login = s->login && !s->logged_in;
    bool takes_login = s->offers & OFFERS_AUTH;
    bool asked = s->client->tls && s->config.starttls;
    bool may = s->config.starttls && !s->in_tls;
    if (may && s->offers & OFFERS_STARTTLS && (asked || (login && !takes_login))) {
        return SMTP_STEP_STARTTLS;
    }
    if (asked && !s->in_tls) {
        s->lacks = "`client tls=yes`: the MTA does not offer STARTTLS";
    } else if (login && !takes_login) {
        s->lacks = "`client auth=`: the MTA offers neither AUTH PLAIN nor AUTH LOGIN";
    }
    return s->lacks ? SMTP_STEP_QUIT : login ? SMTP_STEP_AUTH : SMTP_STEP_MESSAGE;
}

/* ---- what is said ---- */

static void put_base64(struct drill_writer *w, struct drill_span s)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        uint32_t bits = (uint32_t)s.ptr[i] << 16;
        bits |= n > 1 ? (uint32_t)s.ptr[i + 1] << 8 : 0;
        bits |= n > 2 ? s.ptr[i + 2] : 0u;
        for (size_t k = 0; k < 4; k++) {
            drill_write_u8(w, k <= n ? (uint8_t)letters[bits >> (18 - 6 * k) & 63] : '=');
        }
    }
}

/* No name to act for; NUL, who it is; NUL, the password. */
static void put_plain(struct drill_writer *w, const struct drill_smtp_login *login)
{
    uint8_t raw[2 + 2 * DRILL_SMTP_LOGIN_MAX];
    struct drill_writer r = drill_writer_of(raw, sizeof(raw));
    drill_write_u8(&r, 0);
    drill_write_bytes(&r, login->user);
    drill_write_u8(&r, 0);
    drill_write_bytes(&r, login->password);
    put_base64(w, drill_writer_span(&r));
}

static bool by_plain(const struct drill_smtp *s)
{
    return s->offers & OFFERS_PLAIN;
}

struct drill_span drill_smtp_secure_line(struct drill_smtp *s)
{
    struct drill_writer w = drill_writer_of(s->scratch, sizeof(s->scratch));
    switch ((int)s->step) {
    case SMTP_STEP_STARTTLS: drill_write_text(&w, "STARTTLS"); break;
    case SMTP_STEP_AUTH:
        drill_write_text(&w, by_plain(s) ? "AUTH PLAIN " : "AUTH LOGIN");
        if (by_plain(s)) {
            put_plain(&w, s->login);
        }
        break;
    case SMTP_STEP_AUTH_USER: put_base64(&w, s->login->user); break;
    case SMTP_STEP_AUTH_PASSWORD: put_base64(&w, s->login->password); break;
    default: drill_write_text(&w, "*"); break;
    }
    return drill_writer_span(&w);
}

/* ---- what is answered ---- */

/* Behind the code and its blank; an empty challenge may come without that. */
static bool is_base64(struct drill_span reply)
{
    struct drill_span text = drill_span_sub(reply, 4, SIZE_MAX);
    size_t end = text.len;
    while (end && text.len - end < 2 && text.ptr[end - 1] == '=') {
        end--;
    }
    for (size_t i = 0; i < end; i++) {
        uint8_t c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '+' && c != '/') {
            return false;
        }
    }
    return text.len % 4 == 0;
}

static bool awaits_more(const struct drill_smtp *s)
{
    return s->step == SMTP_STEP_AUTH_USER || (s->step == SMTP_STEP_AUTH && !by_plain(s));
}

/* With a code that the command cannot have, it goes on as the code's class would have it. */
bool drill_smtp_secure_wrong(const struct drill_smtp *s, unsigned code)
{
    unsigned good = s->step == SMTP_STEP_STARTTLS      ? 220
                    : s->step == SMTP_STEP_AUTH_CANCEL ? 0
                    : awaits_more(s)                   ? 334
                                                       : 235;
    return (code / 100 == 2 || code / 100 == 3) && code != good;
}

static enum drill_smtp_step tls_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    if (r->told.code / 100 != 2) {
        s->lacks = "`client tls=yes`: the MTA offers STARTTLS, and refuses it";
        return SMTP_STEP_QUIT;
    }
    if (drill_smtp_in_pending(&s->in)) {
        r->faults |= DRILL_SMTP_IN_PLAIN;
        return SMTP_STEP_LEAVE;
    }
    return SMTP_STEP_TLS;
}

static enum drill_smtp_step auth_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    unsigned class = r->told.code / 100;
    if (class == 2 && s->step != SMTP_STEP_AUTH_CANCEL) {
        s->logged_in = true;
        return SMTP_STEP_MESSAGE;
    }
    if (class != 3 || s->step == SMTP_STEP_AUTH_CANCEL) {
        s->no_login = s->no_login ? s->no_login : r;
        return SMTP_STEP_QUIT;
    }
    if (!awaits_more(s)) {
        return SMTP_STEP_AUTH_CANCEL;
    }
    if (!is_base64(r->told.line)) {
        r->faults |= DRILL_SMTP_BAD_CHALLENGE;
        return SMTP_STEP_AUTH_CANCEL;
    }
    return s->step == SMTP_STEP_AUTH ? SMTP_STEP_AUTH_USER : SMTP_STEP_AUTH_PASSWORD;
}

enum drill_smtp_step drill_smtp_secure_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    return s->step == SMTP_STEP_STARTTLS ? tls_answered(s, r) : auth_answered(s, r);
}
