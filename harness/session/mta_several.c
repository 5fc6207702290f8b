/* SPDX-License-Identifier: MIT */
/*
 * What another milter's answer means for a conversation of a family with one connection a session
 * (mta_session.h), and where its cursors stand among the others.
 */
#include "session/mta_session.h"
#include "session/several.h"

static const struct drill_mta_session_ops *ops(const struct drill_mta *mta)
{
    return mta->profile->mta->session;
}

static uint32_t rank_of(const struct drill_mta *mta, uint8_t at)
{
    switch (at) {
    case DRILL_AT_OPEN:
    case DRILL_AT_OPTNEG: return ops(mta)->all_first ? DRILL_RANK_OPEN : DRILL_RANK_CONNECT;
    case DRILL_AT_CONNECT: return DRILL_RANK_CONNECT;
    case DRILL_AT_HELO: return DRILL_RANK_HELO;
    case DRILL_AT_MAIL: return DRILL_RANK_MAIL;
    case DRILL_AT_RCPT: return DRILL_RANK_RCPT;
    case DRILL_AT_DATA: return DRILL_RANK_DATA;
    default: return at < DRILL_AT_ABORT ? DRILL_RANK_CONTENT : DRILL_RANK_END;
    }
}

struct drill_place drill_mta_session_place(const struct drill_mta *mta,
                                           const struct drill_mta_cursor *c)
{
    struct drill_mta_cursor here = *c;
    if (c != &mta->own.smtp) {
        drill_mta_session_pass_over(mta, &here);
    }
    struct drill_place p = {{here.client_number, here.message_number, rank_of(mta, here.at),
                             here.at == DRILL_AT_RCPT ? here.rcpt + 1 : 0}};
    if (here.at >= DRILL_AT_BYE) {
        p.part[1] = UINT32_MAX; /* behind all messages of the session */
    }
    if (here.at == DRILL_AT_DONE) {
        p.part[0] = UINT32_MAX;
    }
    return p;
}

void drill_mta_session_content(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    c->at = DRILL_AT_HEADER;
    c->header = c->message->mail.headers;
    c->body = 0;
}

/* The client was cut off (421). A milter that has heard all about the message gets the end. */
static void hang_up(struct drill_mta *mta, uint32_t number)
{
    struct drill_mta_cursor *client = &mta->own.smtp, *c = &mta->cursor;
    if (client->at < DRILL_AT_BYE && client->message_number <= number) {
        drill_mta_session_bye(mta);
        return;
    }
    while (client->at < DRILL_AT_BYE) {
        drill_mta_session_next_message(client, client->message->next);
    }
    if (c->at >= DRILL_AT_MAIL && c->at <= DRILL_AT_ABORT) {
        c->message = client->message;
        c->message_number = client->message_number;
        c->at = DRILL_AT_ABORT;
    }
}

/* The connection, or the client's name. Where each is asked when its turn comes, one that was not
 * asked yet is not connected to at all, and the others go on: the refusal comes at MAIL. */
static void halt_session(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (ops(mta)->all_first) {
        drill_mta_session_leave(mta, DRILL_AT_QUIT);
    } else if (drill_mta_line_code(h->line) == 421) {
        drill_mta_session_bye(mta);
        c->at = c->at > DRILL_AT_OPTNEG ? (uint8_t)DRILL_AT_BYE : c->at;
    } else if (c->at == DRILL_AT_HELO && h->by < mta->number) {
        drill_mta_session_next_message(c, c->client->messages);
    }
    if (c->at == DRILL_AT_OPEN && h->by < mta->number) {
        drill_mta_session_skip(mta);
    }
}

/* One that was asked before has it on its list, and takes it off again. */
static void halt_rcpt(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (c->message_number != h->number || c->at < DRILL_AT_RCPT || c->at > DRILL_AT_DATA) {
        return;
    }
    if (h->by > mta->number) {
        mta->rcpts_taken -= mta->rcpts_taken > 0;
        mta->rcpts_told -= mta->rcpts_told > 0;
    } else if (c->at == DRILL_AT_RCPT) {
        c->rcpt++;
        drill_mta_session_client_on(mta);
    }
    if (mta->rcpts_taken == 0) {
        c->flags &= ~(uint32_t)DRILL_AT_HAS_RCPT;
    }
}

static void halt_message(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor, *client = &mta->own.smtp;
    if (c->message_number != h->number || c->at < DRILL_AT_MAIL || c->at >= DRILL_AT_ABORT) {
        return;
    }
    c->at = DRILL_AT_ABORT;
    if (client->at >= DRILL_AT_MAIL && client->message_number == h->number) {
        drill_mta_session_next_message(client, client->message->next);
    }
}

void drill_mta_session_halt(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor;
    bool cut_off = drill_mta_line_code(h->line) == 421;
    if (c->client_number != h->place.part[0] || c->at >= DRILL_AT_BYE) {
        return;
    }
    drill_mta_session_pass_over(mta, c);
    if (h->number == 0) {
        halt_session(mta, h);
    } else if (h->taken) {
        if (c->message_number == h->number && c->at >= DRILL_AT_MAIL && c->at < DRILL_AT_ABORT) {
            drill_mta_session_unseen(mta);
        }
    } else if (cut_off) {
        hang_up(mta, h->number);
    } else if (h->stage == DRILL_SMFIC_RCPT) {
        halt_rcpt(mta, h);
    } else {
        halt_message(mta, h);
    }
}
