/* SPDX-License-Identifier: MIT */
/*
 * What clients do beside their mail, and what an MTA with one connection a session tells its milter
 * of it. Sources: Postfix src/smtpd/smtpd.c (ehlo_cmd, helo_reset, rset_cmd, mail_reset,
 * smtpd_proto: an unknown command, a lost client; smtpd_start_tls); sendmail/srvrsmtp.c
 * (CLEAR_STATE, CMDRSET, CMDUNKNOWN) and sendmail/milter.c (milter_helo, milter_abort,
 * milter_unknown, milter_quit).
 *
 * A cursor with an `extra` stands before that, at a point of its plan: cursor.at comes when all
 * extras of the place are done.
 */
#include "session/mta_session.h"

static const struct drill_mta_session_ops *ops(const struct drill_mta *mta)
{
    return mta->profile->mta->session;
}

const struct drill_smtp_extra *drill_mta_session_extra(const struct drill_mta_cursor *c,
                                                       uint8_t stage)
{
    bool session = stage == DRILL_SMFIC_CONNECT || stage == DRILL_SMFIC_HELO;
    return drill_smtp_extra_of(session      ? c->client->extras
                               : c->message ? c->message->extras
                                            : NULL,
                               stage);
}

/* The server has taken a MAIL, and not yet what ends it. */
static bool in_message(const struct drill_mta_cursor *c)
{
    return c->at > DRILL_AT_MAIL && c->at < DRILL_AT_ABORT;
}

bool drill_mta_session_in_tls(const struct drill_mta_cursor *c)
{
    const struct drill_smtp_extra *e = drill_smtp_extra_of(c->client->extras, DRILL_SMFIC_HELO);
    bool later = e && e->act == DRILL_SMTP_SECURE;
    return c->client->tls && (!later || c->at > DRILL_AT_HELO);
}

/* Commands for it, as letters. */
static const char *frames(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    switch (drill_smtp_extra_does(c->extra)) {
    case DRILL_SMTP_DOES_RSET: return in_message(c) ? "A" : "";
    case DRILL_SMTP_DOES_HELO:
        return ops(mta)->again[in_message(c) ? 0 : c->at == DRILL_AT_HELO ? 2 : 1];
    case DRILL_SMTP_DOES_TLS: return ops(mta)->secure;
    case DRILL_SMTP_DOES_UNKNOWN: return "U";
    case DRILL_SMTP_DOES_NOOP:
    case DRILL_SMTP_DOES_LEAVE:
    case DRILL_SMTP_DOES_OTHER: break;
    }
    return "";
}

uint8_t drill_mta_session_extra_code(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    return (uint8_t)frames(mta, c)[c->extra_frame];
}

enum drill_show drill_mta_session_extra_show(const struct drill_mta *mta,
                                             const struct drill_mta_cursor *c)
{
    struct drill_mta_cursor there = *c;
    there.extra = NULL;
    switch (drill_mta_session_extra_code(mta, c)) {
    case DRILL_SMFIC_HELO: there.at = DRILL_AT_HELO; break;
    case DRILL_SMFIC_ABORT:
        there.at = DRILL_AT_ABORT;
        there.flags |= DRILL_AT_RESET;
        break;
    case DRILL_SMFIC_UNKNOWN:
        there.at = DRILL_AT_UNKNOWN;
        if (c->flags & DRILL_AT_UNSEEN) {
            return DRILL_SHOW_NOTHING;
        }
        break;
    default: return DRILL_SHOW_NOTHING;
    }
    return ops(mta)->show(mta, &there);
}

/* The client is gone: what is left is the end of the session, or none if it never began. */
static void leave(struct drill_mta_cursor *c)
{
    bool begun = c->at > DRILL_AT_HELO;
    bool abort = in_message(c) || c->at == DRILL_AT_ABORT;
    const struct drill_envelope *m = c->message ? c->message->next : c->client->messages;
    for (; m; m = m->next) {
        drill_mta_session_next_message(c, m);
    }
    c->at = !begun ? DRILL_AT_QUIT : abort ? DRILL_AT_ABORT : DRILL_AT_BYE;
    c->flags |= DRILL_AT_CUT;
    c->extra = NULL;
}

void drill_mta_session_extra_on(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    const struct drill_smtp_extra *next = drill_smtp_extra_next(c->extra);
    enum drill_smtp_does does = drill_smtp_extra_does(c->extra);
    const char *all = frames(mta, c);
    const uint32_t number = c->extra_number + 1;
    if (all[c->extra_frame] && all[c->extra_frame + 1]) {
        c->extra_frame++;
        return;
    }
    c->extra_frame = 0;
    if (does == DRILL_SMTP_DOES_LEAVE) {
        leave(c);
        return;
    }
    if (in_message(c) && (does == DRILL_SMTP_DOES_RSET || does == DRILL_SMTP_DOES_HELO)) {
        drill_mta_session_next_message(c, c->message->next);
    }
    c->extra = next;
    c->extra_number = number;
}

void drill_mta_session_extra_words(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                                   struct drill_message *out)
{
    struct drill_span line = c->extra->line;
    if (out->code == DRILL_SMFIC_HELO) {
        bool tls = c->extra->act == DRILL_SMTP_SECURE;
        out->str[0] = tls ? c->client->helo : drill_smtp_extra_argument(c->extra);
    } else if (out->code == DRILL_SMFIC_UNKNOWN) {
        out->str[0] =
            ops(mta)->whole_line ? line : drill_span_sub(line, 0, drill_span_find(line, ' '));
    }
}

/* False: the client is cut off. */
static bool say_hello(struct drill_mta *mta)
{
    struct drill_mta_cursor *client = &mta->own.smtp;
    uint8_t at = client->at;
    client->at = DRILL_AT_HELO;
    enum drill_go go = ops(mta)->pass(mta);
    client->at = at;
    return go != DRILL_GO_BYE;
}

/* Where all its recipients were refused, that is the outcome of the message already: the line that
 * was told last. */
static void give_up(struct drill_mta *mta)
{
    const struct drill_mta_cursor *client = &mta->own.smtp;
    bool refused = client->at == DRILL_AT_DATA && mta->rcpts_taken == 0 && client->message->rcpts;
    if (refused && mta->told_last && mta->told_last->stage == DRILL_SMFIC_RCPT) {
        mta->told_last->final = true;
    } else {
        drill_mta_session_tell(mta, DRILL_SMFIC_ABORT, drill_span_str(""), true);
    }
}

void drill_mta_session_extra_client(struct drill_mta *mta)
{
    struct drill_mta_cursor *client = &mta->own.smtp;
    const struct drill_smtp_extra *next = drill_smtp_extra_next(client->extra);
    enum drill_smtp_does does = drill_smtp_extra_does(client->extra);
    const uint32_t number = client->extra_number + 1;
    if (does == DRILL_SMTP_DOES_LEAVE) {
        drill_mta_session_abandon_all(mta);
        return;
    }
    bool ends =
        in_message(client) && (does == DRILL_SMTP_DOES_RSET || does == DRILL_SMTP_DOES_HELO);
    if (ends) {
        give_up(mta);
    }
    if ((does == DRILL_SMTP_DOES_HELO || does == DRILL_SMTP_DOES_TLS) && !say_hello(mta)) {
        drill_mta_session_bye(mta);
        return;
    }
    if (ends) {
        drill_mta_session_next_message(client, client->message->next);
    }
    client->extra = next;
    client->extra_number = number;
}

bool drill_mta_session_extra_behind(const struct drill_mta_cursor *client,
                                    const struct drill_mta_cursor *c)
{
    return client->extra && (!c->extra || client->extra_number < c->extra_number);
}

bool drill_mta_session_is_over(const struct drill_mta *mta)
{
    return mta->own.smtp.at >= DRILL_AT_BYE && !mta->own.smtp.extra;
}
