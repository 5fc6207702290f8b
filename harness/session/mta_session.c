/* SPDX-License-Identifier: MIT */
#include "session/mta_session.h"

#include <string.h>

#include "session/several.h"

static const struct drill_mta_session_ops *ops(const struct drill_mta *mta)
{
    return mta->profile->mta->session;
}

/* ---- the plan ---- */

void drill_mta_session_next_message(struct drill_mta_cursor *c, const struct drill_envelope *m)
{
    c->at = DRILL_AT_BYE;
    if (m) {
        c->message = m;
        c->message_number++;
        c->at = DRILL_AT_MAIL;
    }
    c->rcpt = 0;
    c->body = 0;
    c->header = m ? m->mail.headers : NULL;
    c->flags &= ~(uint32_t)DRILL_AT_MESSAGE;
    c->extra = NULL;
    c->extra_number = 0;
    c->extra_frame = 0;
}

static void next_session(struct drill_mta_cursor *c)
{
    const struct drill_client *next = c->client ? c->client->next : NULL;
    c->at = DRILL_AT_DONE;
    c->extra = NULL;
    if (next) {
        c->client = next;
        c->client_number++;
        c->message = NULL;
        c->at = DRILL_AT_OPEN;
    }
}

/* All of the repeated command at the cursor were sent. */
static bool exhausted(const struct drill_mta_cursor *c)
{
    switch (c->at) {
    case DRILL_AT_RCPT: return c->rcpt >= c->message->rcpts;
    case DRILL_AT_HEADER: return !c->header || !drill_mta_session_is_name(c->header->name);
    case DRILL_AT_BODY: return c->body >= drill_mta_session_body_size(c->message);
    default: return false;
    }
}

/* To that message; but first comes what the client does behind `stage` of this one. */
static void go_to_message(struct drill_mta_cursor *c, const struct drill_envelope *m, uint8_t stage)
{
    const struct drill_smtp_extra *e = stage ? drill_mta_session_extra(c, stage) : NULL;
    drill_mta_session_next_message(c, m);
    c->extra = e;
}

static void go_behind(struct drill_mta_cursor *c, uint8_t stage)
{
    c->at++;
    c->extra = drill_mta_session_extra(c, stage);
    c->extra_number = 0;
}

static void move_on(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    bool to_the_end = c->flags & DRILL_AT_HAS_RCPT && !(c->flags & DRILL_AT_CUT);
    switch (c->at) {
    case DRILL_AT_CONNECT: go_behind(c, DRILL_SMFIC_CONNECT); break;
    case DRILL_AT_HELO: go_to_message(c, c->client->messages, DRILL_SMFIC_HELO); break;
    case DRILL_AT_MAIL: go_behind(c, DRILL_SMFIC_MAIL); break;
    case DRILL_AT_RCPT:
        c->rcpt++;
        c->flags |= DRILL_AT_HAS_RCPT;
        break;
    case DRILL_AT_DATA: go_behind(c, to_the_end ? DRILL_SMFIC_DATA : 0); break;
    case DRILL_AT_HEADER: c->header = c->header->next; break;
    case DRILL_AT_BODY: c->body += drill_mta_session_chunk_size(mta); break;
    case DRILL_AT_ABORT:
        go_to_message(c, c->message->next, to_the_end ? DRILL_SMFIC_BODYEOB : 0);
        break;
    default: c->at++; break;
    }
}

/* All recipients were sent, or all of another kind. */
static void go_past(struct drill_mta_cursor *c)
{
    bool rcpts = c->at == DRILL_AT_RCPT && c->message->rcpts;
    go_behind(c, rcpts ? DRILL_SMFIC_RCPT : 0);
}

static enum drill_show show(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    bool of_message = !c->extra && c->at >= DRILL_AT_MAIL && c->at < DRILL_AT_ABORT;
    if (of_message && c->flags & DRILL_AT_UNSEEN) {
        return DRILL_SHOW_NOTHING;
    }
    enum drill_show shown =
        c->extra ? drill_mta_session_extra_show(mta, c) : ops(mta)->show(mta, c);
    return shown == DRILL_SHOW_MACROS && mta->settings->macros_none ? DRILL_SHOW_NOTHING : shown;
}

static void step_on(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    if (c->extra) {
        drill_mta_session_extra_on(mta, c);
    } else {
        move_on(mta, c);
    }
}

/* Moves over what is not sent, at most to that place. */
static void pass_until(const struct drill_mta *mta, struct drill_mta_cursor *c, enum drill_at end)
{
    while (c->at > DRILL_AT_OPTNEG && c->at < end) {
        if (!c->extra && exhausted(c)) {
            go_past(c);
        } else if (show(mta, c) == DRILL_SHOW_NOTHING) {
            step_on(mta, c);
        } else {
            return;
        }
    }
}

void drill_mta_session_pass_over(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    pass_until(mta, c, DRILL_AT_CLOSE);
}

/* A macro frame whose command is left out is a step of its own. */
static void send_step(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                      struct drill_scratch *s, struct drill_mta_step *step)
{
    const struct drill_mta_ops *family = mta->profile->mta;
    bool whole = show(mta, c) == DRILL_SHOW_ALL;
    uint8_t code = c->extra ? drill_mta_session_extra_code(mta, c)
                            : drill_mta_session_code((enum drill_at)c->at);
    step->kind = DRILL_MTA_SEND;
    step->command.code = whole ? code : (uint8_t)DRILL_SMFIC_MACRO;
    if (!s) {
        return;
    }
    if (!whole) {
        (void)family->macros(mta, c, code, s, &step->command);
        return;
    }
    (void)drill_message_init(&step->command, DRILL_TO_MILTER, code);
    (void)family->command(mta, c, code, s, &step->command);
    if (c->extra) {
        drill_mta_session_extra_words(mta, c, &step->command);
    }
    step->has_macro = !mta->settings->macros_none && family->macros(mta, c, code, s, &step->macro);
}

void drill_mta_session_next(const struct drill_mta *mta, struct drill_mta_cursor *c,
                            struct drill_scratch *s, struct drill_mta_step *step)
{
    drill_mta_session_pass_over(mta, c);
    switch (c->at) {
    case DRILL_AT_OPEN:
        step->kind = DRILL_MTA_OPEN;
        c->steps = 0;
        c->flags = 0;
        c->at = DRILL_AT_OPTNEG;
        break;
    case DRILL_AT_CLOSE:
        step->kind = DRILL_MTA_CLOSE;
        next_session(c);
        break;
    case DRILL_AT_DONE: step->kind = DRILL_MTA_DONE; break;
    default:
        send_step(mta, c, s, step);
        step_on(mta, c);
        break;
    }
}

/* ---- the client ---- */

void drill_mta_session_tell(struct drill_mta *mta, uint8_t stage, struct drill_span line,
                            bool final)
{
    const struct drill_mta_cursor *at = &mta->own.smtp;
    bool message = stage != DRILL_SMFIC_CONNECT && stage != DRILL_SMFIC_HELO;
    bool refusal = drill_mta_line_code(line) >= 400;
    mta->halting = refusal;
    if (refusal && message && (final || stage == DRILL_SMFIC_RCPT)) {
        drill_several_halt(mta, stage, line, false);
    }
    drill_mta_tell(mta, message ? at->message_number : 0, stage,
                   stage == DRILL_SMFIC_RCPT ? at->rcpt + 1 : 0, drill_mta_line_code(line), line,
                   final);
    mta->halting = false;
}

struct drill_span drill_mta_session_join(struct drill_mta *mta, const struct drill_span *parts,
                                         size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].len;
    }
    uint8_t *p = drill_arena_take(mta->arena, size);
    if (!p) {
        mta->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    struct drill_writer w = drill_writer_of(p, size);
    for (size_t i = 0; i < count; i++) {
        drill_write_bytes(&w, parts[i]);
    }
    return drill_writer_span(&w);
}

void drill_mta_session_client_on(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->own.smtp;
    switch (c->at) {
    case DRILL_AT_MAIL:
        mta->rcpts_taken = 0;
        mta->rcpts_told = 0;
        c->extra = drill_mta_session_extra(c, DRILL_SMFIC_MAIL);
        c->extra_number = 0;
        c->at = c->message->rcpts ? DRILL_AT_RCPT : DRILL_AT_DATA;
        break;
    case DRILL_AT_RCPT:
        if (mta->rcpts_taken && c->message_number == mta->cursor.message_number) {
            mta->cursor.flags |= DRILL_AT_HAS_RCPT; /* it was off if the first was refused */
        }
        c->rcpt++;
        if (exhausted(c)) {
            go_past(c);
        }
        break;
    case DRILL_AT_DATA:
        go_behind(c, DRILL_SMFIC_DATA);
        c->at = DRILL_AT_EOB;
        break;
    case DRILL_AT_EOB: go_to_message(c, c->message->next, DRILL_SMFIC_BODYEOB); break;
    default: move_on(mta, c); break;
    }
}

/* At which stage the client is refused the message that it stands in; 0: it came that far only
 * because nobody had told it. */
static uint8_t refused_at(const struct drill_mta *mta)
{
    switch (mta->own.smtp.at) {
    case DRILL_AT_MAIL: return DRILL_SMFIC_MAIL;
    case DRILL_AT_DATA: return mta->rcpts_taken ? DRILL_SMFIC_DATA : 0;
    default: return DRILL_SMFIC_BODYEOB;
    }
}

static void client_step(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->own.smtp;
    if (c->extra) {
        drill_mta_session_extra_client(mta);
        return;
    }
    switch (ops(mta)->pass(mta)) {
    case DRILL_GO_ON: drill_mta_session_client_on(mta); break;
    case DRILL_GO_NEXT: go_to_message(c, c->message->next, refused_at(mta)); break;
    case DRILL_GO_BYE: drill_mta_session_bye(mta); break;
    }
}

/* Does the client stand before what the cursor stands at? */
static bool is_behind(const struct drill_mta *mta)
{
    const struct drill_mta_cursor *client = &mta->own.smtp, *c = &mta->cursor;
    if (client->at >= DRILL_AT_BYE || c->at >= DRILL_AT_BYE) {
        bool before_extra = client->at == DRILL_AT_BYE && client->extra;
        bool beyond = c->at > DRILL_AT_BYE ||
                      (c->at == DRILL_AT_BYE && drill_mta_session_extra_behind(client, c));
        return client->at < DRILL_AT_BYE || (before_extra && beyond);
    }
    if (client->message_number != c->message_number) {
        return client->message_number < c->message_number;
    }
    if (client->at != c->at) {
        return client->at < c->at;
    }
    return (c->at == DRILL_AT_RCPT && client->rcpt < c->rcpt) ||
           drill_mta_session_extra_behind(client, c);
}

static void catch_up(struct drill_mta *mta)
{
    while (is_behind(mta)) {
        client_step(mta);
    }
}

void drill_mta_session_settle(struct drill_mta *mta)
{
    if (mta->open && !mta->stopped) {
        drill_mta_session_pass_over(mta, &mta->cursor);
        catch_up(mta);
    }
}

/* Where the command stands in the plan, and at what the client is answered for it. */
static bool places(uint8_t command, enum drill_at *planned, enum drill_at *told)
{
    static const struct {
        uint8_t code;
        uint8_t planned;
        uint8_t told;
    } ROWS[] = {
        {DRILL_SMFIC_CONNECT, DRILL_AT_CONNECT, DRILL_AT_CONNECT},
        {DRILL_SMFIC_HELO, DRILL_AT_HELO, DRILL_AT_HELO},
        {DRILL_SMFIC_MAIL, DRILL_AT_MAIL, DRILL_AT_MAIL},
        {DRILL_SMFIC_RCPT, DRILL_AT_RCPT, DRILL_AT_RCPT},
        {DRILL_SMFIC_DATA, DRILL_AT_DATA, DRILL_AT_DATA},
        {DRILL_SMFIC_HEADER, DRILL_AT_HEADER, DRILL_AT_EOB},
        {DRILL_SMFIC_EOH, DRILL_AT_EOH, DRILL_AT_EOB},
        {DRILL_SMFIC_BODY, DRILL_AT_BODY, DRILL_AT_EOB},
        {DRILL_SMFIC_BODYEOB, DRILL_AT_EOB, DRILL_AT_EOB},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i].code == command) {
            *planned = (enum drill_at)ROWS[i].planned;
            *told = (enum drill_at)ROWS[i].told;
            return true;
        }
    }
    return false;
}

bool drill_mta_session_reach(struct drill_mta *mta, uint8_t command)
{
    const struct drill_mta_cursor *client = &mta->own.smtp, *c = &mta->cursor;
    enum drill_at planned, told;
    if (!places(command, &planned, &told) || c->at < planned || client->at >= DRILL_AT_BYE) {
        return false;
    }
    /* A message that was left is answered by nobody; and C and H come before all messages. */
    if (planned >= DRILL_AT_MAIL && client->message_number > c->message_number) {
        return false;
    }
    uint32_t number = planned >= DRILL_AT_MAIL ? c->message_number : client->message_number;
    while (client->at < DRILL_AT_BYE && (client->message_number < number || client->at < told)) {
        client_step(mta);
    }
    bool extra_rcpt = told == DRILL_AT_RCPT && client->at == DRILL_AT_DATA;
    return client->message_number == number && (client->at == told || extra_rcpt);
}

void drill_mta_session_pass(struct drill_mta *mta, uint8_t command)
{
    enum drill_at planned, told;
    bool at_once =
        command != DRILL_SMFIC_HEADER && command != DRILL_SMFIC_EOH && command != DRILL_SMFIC_BODY;
    if (at_once && places(command, &planned, &told) && mta->own.smtp.at == told) {
        client_step(mta);
    }
}

void drill_mta_session_unseen(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (c->at > DRILL_AT_HELO && c->at < DRILL_AT_ABORT) {
        c->flags |= DRILL_AT_UNSEEN;
        pass_until(mta, c, DRILL_AT_ABORT);
    }
    catch_up(mta);
}

/* A message that is refused at that stage; at its end the client has come there. */
static void give_up(struct drill_mta_cursor *c, uint8_t stage)
{
    bool cut = stage != DRILL_SMFIC_BODYEOB;
    c->at = DRILL_AT_ABORT;
    c->extra = cut ? drill_mta_session_extra(c, stage) : NULL;
    c->extra_number = 0;
    c->extra_frame = 0;
    c->flags |= cut ? DRILL_AT_CUT : 0;
}

void drill_mta_session_refuse(struct drill_mta *mta, uint8_t stage, struct drill_span line,
                              bool hang_up)
{
    struct drill_mta_cursor *c = &mta->cursor, *client = &mta->own.smtp;
    bool rcpt = stage == DRILL_SMFIC_RCPT;
    drill_mta_session_tell(mta, stage, line, hang_up || !rcpt);
    if (hang_up) {
        drill_mta_session_bye(mta);
    } else if (rcpt) {
        if (mta->rcpts_taken == 0) {
            c->flags &= ~(uint32_t)DRILL_AT_HAS_RCPT;
        }
        if (client->at == DRILL_AT_RCPT) {
            drill_mta_session_client_on(mta);
        }
    } else {
        if (c->message_number == client->message_number && c->at > DRILL_AT_MAIL &&
            c->at < DRILL_AT_ABORT) {
            give_up(c, stage);
        }
        go_to_message(client, client->message->next, stage);
    }
}

void drill_mta_session_bye(struct drill_mta *mta)
{
    struct drill_mta_cursor *client = &mta->own.smtp, *c = &mta->cursor;
    bool at_all = client->at >= DRILL_AT_MAIL;
    uint8_t stage = at_all                           ? DRILL_SMFIC_MAIL
                    : client->at == DRILL_AT_CONNECT ? DRILL_SMFIC_CONNECT
                                                     : DRILL_SMFIC_HELO;
    struct drill_span line = at_all || !mta->told_last ? drill_span_str("") : mta->told_last->line;
    const struct drill_envelope *m = at_all ? client->message->next : client->client->messages;
    mta->halting = true;
    for (; m; m = m->next) {
        drill_mta_session_next_message(client, m);
        drill_mta_tell(mta, client->message_number, stage, 0, drill_mta_line_code(line), line,
                       true);
    }
    mta->halting = false;
    client->at = DRILL_AT_BYE;
    client->extra = NULL;
    if (c->at >= DRILL_AT_MAIL && c->at <= DRILL_AT_ABORT) {
        c->message = client->message;
        c->message_number = client->message_number;
        c->at = DRILL_AT_ABORT;
        c->flags |= DRILL_AT_CUT;
        c->extra = NULL;
    }
}

void drill_mta_session_leave(struct drill_mta *mta, enum drill_at at)
{
    mta->cursor.at = (uint8_t)at;
    mta->cursor.extra = NULL;
    mta->stopped = true;
    mta->concluded = true;
    catch_up(mta);
    mta->cursor.message_number = mta->own.smtp.message_number;
}

/* ---- sessions ---- */

static void begin(struct drill_mta *mta)
{
    memset(&mta->own, 0, sizeof(mta->own));
    mta->own.smtp = mta->cursor;
    mta->own.smtp.at =
        mta->cursor.at == DRILL_AT_DONE ? (uint8_t)DRILL_AT_BYE : (uint8_t)DRILL_AT_CONNECT;
    mta->concluded = false;
}

void drill_mta_session_start(struct drill_mta *mta)
{
    mta->cursor.at = mta->cursor.client ? (uint8_t)DRILL_AT_OPEN : (uint8_t)DRILL_AT_DONE;
    begin(mta);
}

void drill_mta_session_abandon_all(struct drill_mta *mta)
{
    struct drill_mta_cursor *client = &mta->own.smtp;
    while (client->at < DRILL_AT_BYE) {
        client->extra = NULL;
        if (client->at < DRILL_AT_MAIL) {
            move_on(mta, client);
        } else {
            drill_mta_session_tell(mta, DRILL_SMFIC_ABORT, drill_span_str(""), true);
            drill_mta_session_next_message(client, client->message->next);
        }
    }
    client->extra = NULL;
}

/* A written line ended what was going on: nobody answers for the client's messages. */
static void abandon_all(struct drill_mta *mta)
{
    drill_mta_session_abandon_all(mta);
    mta->cursor.message_number = mta->own.smtp.message_number;
}

void drill_mta_session_closed(struct drill_mta *mta, bool ours)
{
    (void)ours; /* all is told when it was not */
    if (mta->cursor.at == DRILL_AT_DONE) {
        return;
    }
    abandon_all(mta);
    next_session(&mta->cursor);
    begin(mta);
}

void drill_mta_session_reopen(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (c->at != DRILL_AT_DONE || !c->client) {
        return;
    }
    for (const struct drill_envelope *m = c->client->messages; m; m = m->next) {
        c->message_number--;
    }
    c->message = NULL;
    c->at = DRILL_AT_OPEN;
    begin(mta);
}

void drill_mta_session_skip(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    for (const struct drill_envelope *m = c->client->messages; m; m = m->next) {
        c->message_number++;
    }
    next_session(c);
    begin(mta);
}

/* QUIT_NC: the next session's CONNECT on this connection, by what was agreed. */
static void jump_session(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_mta_own old = mta->own;
    abandon_all(mta);
    next_session(c);
    if (c->at == DRILL_AT_DONE) {
        c->at = DRILL_AT_QUIT;
        return;
    }
    begin(mta);
    c->at = DRILL_AT_CONNECT;
    memcpy(mta->own.list, old.list, sizeof(old.list));
    mta->own.lists = old.lists;
    mta->own.hidden = old.hidden;
}

/* A written ABORT: on with the next message, unless a planned one was used up for it, or no message
 * has begun. */
static void jump_message(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor, *client = &mta->own.smtp;
    if (c->at > DRILL_AT_MAIL && c->at <= DRILL_AT_ABORT) {
        drill_mta_session_next_message(c, c->message->next);
    }
    while (client->at < DRILL_AT_BYE &&
           (c->at >= DRILL_AT_BYE || client->message_number < c->message_number)) {
        if (client->at < DRILL_AT_MAIL) {
            client_step(mta);
        } else {
            drill_mta_session_tell(mta, DRILL_SMFIC_ABORT, drill_span_str(""), true);
            drill_mta_session_next_message(client, client->message->next);
        }
    }
}

void drill_mta_session_jump(struct drill_mta *mta, uint8_t code)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (!c->client || c->at == DRILL_AT_DONE || c->at == DRILL_AT_OPEN) {
        return;
    }
    switch (code) {
    case DRILL_SMFIC_BODYEOB:
        if (c->at >= DRILL_AT_MAIL && c->at < DRILL_AT_ABORT) {
            c->at = DRILL_AT_ABORT;
            c->extra = NULL;
        }
        break;
    case DRILL_SMFIC_ABORT: jump_message(mta); break;
    case DRILL_SMFIC_QUIT:
        abandon_all(mta);
        c->at = DRILL_AT_CLOSE;
        c->extra = NULL;
        break;
    case DRILL_SMFIC_QUIT_NC: jump_session(mta); break;
    default: break;
    }
}
