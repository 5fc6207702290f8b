/* SPDX-License-Identifier: MIT */
/*
 * What Stalwart 0.16 makes of a milter's replies and tells its SMTP client. Sources: Stalwart
 * crates/smtp/src/inbound/milter/client.rs and message.rs (reactions), inbound/mod.rs (the fixed
 * lines), session.rs, ehlo.rs, mail.rs, rcpt.rs and data.rs (what a refusal does at each stage).
 */
#include "session/stalwart.h"

#include <string.h>

#include "session/several.h"

static const char QUEUED[] = "250 2.0.0 Message queued for delivery.";
static const char UNABLE[] = "451 4.3.5 Unable to accept message at this time.";

static void tell(struct drill_mta *mta, uint32_t message, uint8_t stage, uint32_t rcpt,
                 const char *line, bool final)
{
    struct drill_span text = drill_span_str(line);
    drill_mta_tell(mta, message, stage, rcpt, drill_mta_line_code(text), text, final);
}

/* `before`, the server's name, `after`: in the arena. */
static void tell_named(struct drill_mta *mta, uint8_t stage, const char *before, const char *after)
{
    struct drill_span name = mta->settings->server_name;
    size_t size = strlen(before) + name.len + strlen(after);
    uint8_t *p = drill_arena_take(mta->arena, size);
    if (!p) {
        mta->no_memory = true;
        return;
    }
    struct drill_writer w = drill_writer_of(p, size);
    drill_write_text(&w, before);
    drill_write_bytes(&w, name);
    drill_write_text(&w, after);
    drill_mta_tell(mta, 0, stage, 0, drill_mta_line_code(drill_writer_span(&w)),
                   drill_writer_span(&w), false);
}

/* The milter is not told of this recipient any more. */
static void take_off(struct drill_mta *mta, uint32_t i)
{
    if (mta->refused) {
        mta->refused[i / 8] |= (uint8_t)(1u << i % 8);
    }
}

/* ---- stages ---- */

static uint8_t stage_code(uint32_t run)
{
    switch (run) {
    case DRILL_RUN_CONNECT: return DRILL_SMFIC_CONNECT;
    case DRILL_RUN_EHLO: return DRILL_SMFIC_HELO;
    case DRILL_RUN_MAIL: return DRILL_SMFIC_MAIL;
    case DRILL_RUN_RCPT: return DRILL_SMFIC_RCPT;
    default: return DRILL_SMFIC_BODYEOB;
    }
}

static void tell_queued(struct drill_mta *mta)
{
    enum { SIZE = 64 };
    uint8_t *p = drill_arena_take(mta->arena, SIZE);
    if (!p) {
        mta->no_memory = true;
        return;
    }
    struct drill_writer w = drill_writer_of(p, SIZE);
    drill_write_text(&w, "250 2.0.0 Message queued with id ");
    drill_write_dec(&w, mta->cursor.message_number);
    drill_write_u8(&w, '.');
    drill_mta_tell(mta, mta->cursor.message_number, DRILL_SMFIC_BODYEOB, 0, 250,
                   drill_writer_span(&w), true);
}

/* The SMTP stage of the cursor went well, with or without a milter. */
static void stage_passed(struct drill_mta *mta)
{
    const struct drill_mta_cursor *c = &mta->cursor;
    switch (c->run) {
    case DRILL_RUN_CONNECT:
        tell_named(mta, DRILL_SMFIC_CONNECT, "220 ", " Stalwart ESMTP at your service");
        break;
    case DRILL_RUN_EHLO: tell_named(mta, DRILL_SMFIC_HELO, "250 ", " you had me at EHLO"); break;
    case DRILL_RUN_MAIL:
        tell(mta, c->message_number, DRILL_SMFIC_MAIL, 0, "250 2.1.0 OK", false);
        break;
    case DRILL_RUN_RCPT:
        mta->rcpts_taken++;
        mta->rcpts_told++;
        tell(mta, c->message_number, DRILL_SMFIC_RCPT, c->run_rcpts, "250 2.1.5 OK", false);
        break;
    case DRILL_RUN_DATA: tell_queued(mta); break;
    default: break;
    }
}

/* What happens on entering a stage, before any milter is run. False: the client does not get
 * there, and the message is over. */
static bool enter_stage(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (c->run == DRILL_RUN_MAIL) {
        mta->rcpts_taken = 0;
        mta->rcpts_told = 0;
        if (mta->refused) {
            memset(mta->refused, 0, c->message->rcpts / 8 + 1);
        }
    }
    if (c->run != DRILL_RUN_DATA) {
        return true;
    }
    if (mta->rcpts_told == 0) {
        if (mta->told_last) {
            mta->told_last->final = true; /* the refusal of the last recipient */
        }
        return false;
    }
    if (mta->rcpts_taken == 0) {
        tell(mta, c->message_number, DRILL_SMFIC_DATA, 0, "503 5.5.1 RCPT is required first.",
             true);
        return false;
    }
    tell(mta, c->message_number, DRILL_SMFIC_DATA, 0,
         "354 Start mail input; end with <CRLF>.<CRLF>", false);
    return true;
}

/* To the next stage. Messages that the client gave up on the way have no other outcome. */
static void next_stage(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_mta_cursor from = *c;
    if (!drill_stalwart_stage(c)) {
        return;
    }
    bool open = from.run == DRILL_RUN_MAIL || from.run == DRILL_RUN_RCPT;
    uint32_t n = from.message_number + (open ? 0 : 1);
    uint32_t begun = c->run == DRILL_RUN_MAIL ? 1 : 0; /* the next one was */
    if (open && mta->rcpts_told == 0 && from.run == DRILL_RUN_RCPT && mta->told_last) {
        mta->told_last->final = true; /* the refusal of the last recipient is its outcome */
        n++;
    }
    for (; n + begun <= c->message_number; n++) {
        tell(mta, n, DRILL_SMFIC_ABORT, 0, "", true);
    }
}

/* Does it have this recipient? Then it says so, and asks no milter (rcpt.rs). */
static bool known_rcpt(struct drill_mta *mta)
{
    const struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_envelope *m = c->message;
    for (uint32_t i = 0; c->run == DRILL_RUN_RCPT && i + 1 < c->run_rcpts; i++) {
        if (!drill_stalwart_refused(mta, i) &&
            drill_span_equal_nocase(m->rcpt[i], m->rcpt[c->run_rcpts - 1])) {
            take_off(mta, c->run_rcpts - 1);
            mta->rcpts_told++;
            tell(mta, c->message_number, DRILL_SMFIC_RCPT, c->run_rcpts, "250 2.1.5 OK", false);
            return true;
        }
    }
    return false;
}

/* To the next stage that runs the milter, or to the end. */
static void next_run(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    for (;;) {
        next_stage(mta);
        if (c->at == STALWART_DONE) {
            return;
        }
        if (!enter_stage(mta)) {
            c->flags |= STALWART_AT_NONE;
            continue;
        }
        if (known_rcpt(mta)) {
            continue;
        }
        if (drill_stalwart_runs(mta, c->run)) {
            return;
        }
        stage_passed(mta);
    }
}

void drill_stalwart_start(struct drill_mta *mta)
{
    next_run(mta);
}

/* ---- refusals ---- */

/* All messages of the session from `m` on end with what the client was told at `stage`. */
static void session_lost(struct drill_mta *mta, const struct drill_envelope *m, uint8_t stage,
                         struct drill_span line)
{
    struct drill_mta_cursor *c = &mta->cursor;
    for (; m; m = m->next) {
        c->message = m;
        c->message_number++;
        drill_mta_tell(mta, c->message_number, stage, 0, drill_mta_line_code(line), line, true);
    }
    c->run = DRILL_RUN_DATA; /* and so the next session comes next */
    c->flags |= STALWART_AT_NONE;
}

/* session.rs closes the connection after whatever the milter said; ehlo.rs forgets the client's
 * name, so with a 2xx (a discard) the client gets on only to be refused at MAIL. */
static void refused_session(struct drill_mta *mta, struct drill_span line)
{
    struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_envelope *m = c->client->messages;
    bool good = line.len > 0 && line.ptr[0] == '2';
    uint8_t stage = stage_code(c->run);
    drill_mta_tell(mta, 0, stage, 0, drill_mta_line_code(line), line, false);
    if (c->extra) { /* one EHLO more: the client goes by its name again */
        c->helo = NULL;
    } else if (!good) {
        session_lost(mta, m, stage, line);
    } else if (c->run == DRILL_RUN_CONNECT) {
        session_lost(mta, m, stage, drill_span_str(""));
    } else {
        session_lost(mta, m, DRILL_SMFIC_MAIL,
                     drill_span_str("503 5.5.1 Polite people say EHLO first."));
    }
}

/* mail.rs forgets the sender in any case: after a discard the client has its 250, and every
 * recipient is refused. */
static void refused_mail(struct drill_mta *mta, struct drill_span line)
{
    struct drill_mta_cursor *c = &mta->cursor;
    bool good = line.len > 0 && line.ptr[0] == '2';
    drill_mta_tell(mta, c->message_number, DRILL_SMFIC_MAIL, 0, drill_mta_line_code(line), line,
                   !good || c->message->rcpts == 0);
    for (uint32_t i = 1; good && i <= c->message->rcpts; i++) {
        tell(mta, c->message_number, DRILL_SMFIC_RCPT, i, "503 5.5.1 MAIL is required first.",
             i == c->message->rcpts);
    }
    c->flags |= STALWART_AT_MAIL;
    c->run = DRILL_RUN_DATA;
}

/* rcpt.rs takes the recipient off its list again. */
static void refused_rcpt(struct drill_mta *mta, struct drill_span line)
{
    struct drill_mta_cursor *c = &mta->cursor;
    drill_mta_tell(mta, c->message_number, DRILL_SMFIC_RCPT, c->run_rcpts,
                   drill_mta_line_code(line), line, false);
    take_off(mta, c->run_rcpts - 1);
    mta->rcpts_told += line.len > 0 && line.ptr[0] == '2';
}

static void refused(struct drill_mta *mta, struct drill_span line)
{
    struct drill_mta_cursor *c = &mta->cursor;
    drill_several_halt(mta, stage_code(c->run), line, false);
    mta->halting = true;
    switch (c->run) {
    case DRILL_RUN_CONNECT:
    case DRILL_RUN_EHLO: refused_session(mta, line); break;
    case DRILL_RUN_MAIL: refused_mail(mta, line); break;
    case DRILL_RUN_RCPT: refused_rcpt(mta, line); break;
    default:
        drill_mta_tell(mta, c->message_number, DRILL_SMFIC_BODYEOB, 0, drill_mta_line_code(line),
                       line, true);
        if (line.len == 0 && c->message) { /* data.rs: an empty answer closes the session */
            session_lost(mta, c->message->next, DRILL_SMFIC_MAIL, line);
        }
        break;
    }
    mta->halting = false;
}

/* ---- several milters ---- */

/* Whole runs follow each other: where one stands is which run it is in, or comes to next. */
struct drill_place drill_stalwart_place(const struct drill_mta *mta,
                                        const struct drill_mta_cursor *c)
{
    static const uint32_t RANKS[][2] = {
        {DRILL_RUN_CONNECT, DRILL_RANK_CONNECT}, {DRILL_RUN_EHLO, DRILL_RANK_HELO},
        {DRILL_RUN_MAIL, DRILL_RANK_MAIL},       {DRILL_RUN_RCPT, DRILL_RANK_RCPT},
        {DRILL_RUN_DATA, DRILL_RANK_CONTENT},
    };
    struct drill_place p = {{c->client_number, c->message_number, DRILL_RANK_END,
                             c->run == DRILL_RUN_RCPT ? c->run_rcpts : 0}};
    (void)mta;
    for (size_t i = 0; i < sizeof(RANKS) / sizeof(RANKS[0]); i++) {
        p.part[2] = RANKS[i][0] == c->run ? RANKS[i][1] : p.part[2];
    }
    if (c->at == STALWART_DONE) {
        p.part[0] = UINT32_MAX;
    }
    return p;
}

/* The session is over, and this one stands before a later run of it. */
static void leave_session(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_envelope *m = c->message ? c->message->next : c->client->messages;
    for (; m; m = m->next) {
        c->message = m;
        c->message_number++;
    }
    c->run = DRILL_RUN_DATA;
    next_run(mta);
}

/* Has the recipient been taken off again, for this one, too? */
static void halt_rcpt(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor;
    bool good = h->line.len > 0 && h->line.ptr[0] == '2';
    take_off(mta, h->place.part[3] - 1);
    mta->rcpts_taken -= mta->rcpts_taken > 0;
    mta->rcpts_told -= !good && mta->rcpts_told > 0;
    if (c->run == DRILL_RUN_DATA && !enter_stage(mta)) {
        next_run(mta);
    }
}

void drill_stalwart_halt(struct drill_mta *mta, const struct drill_halt *h)
{
    struct drill_mta_cursor *c = &mta->cursor;
    struct drill_place here = drill_stalwart_place(mta, c);
    bool session = h->stage == DRILL_SMFIC_CONNECT || h->stage == DRILL_SMFIC_HELO;
    if (c->client_number != h->place.part[0] || c->at != STALWART_OPEN) {
        return;
    }
    if (drill_place_order(&here, &h->place) == 0) { /* its turn would have come */
        refused(mta, h->line);
        next_run(mta);
    } else if (session || (h->stage == DRILL_SMFIC_BODYEOB && h->line.len == 0)) {
        leave_session(mta);
    } else if (c->message_number == h->number && h->stage == DRILL_SMFIC_RCPT) {
        halt_rcpt(mta, h);
    } else if (c->message_number == h->number) {
        c->run = DRILL_RUN_DATA;
        next_run(mta);
    }
}

/* ---- the end of a run ---- */

/* The run has told the client its outcome; only the connection's end is left. */
static void run_over(struct drill_mta *mta)
{
    mta->stopped = true;
    mta->concluded = true;
    mta->cursor.at = STALWART_CLOSE;
}

/* A verdict that ends the run: no QUIT, the socket is dropped (message.rs returns early). */
static void stop(struct drill_mta *mta, struct drill_span line)
{
    if (!mta->concluded && mta->cursor.run != STALWART_RUN_END) {
        refused(mta, line);
    }
    run_over(mta);
}

void drill_stalwart_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t)
{
    if (mta->concluded || mta->cursor.at == STALWART_DONE) {
        return; /* nobody reads or writes any more */
    }
    drill_stalwart_log(mta, t);
    mta->failed = true;
    if (mta->settings->temp_fail_on_error) {
        refused(mta, drill_span_str(UNABLE));
    } else {
        stage_passed(mta);
    }
    run_over(mta);
}

void drill_stalwart_settle(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (!mta->open || mta->concluded) {
        return;
    }
    drill_stalwart_pass_over(mta, c);
    if (c->at == STALWART_QUIT) {
        stage_passed(mta);
        mta->concluded = true;
    }
}

/* A written line ended what was going on: nobody answers for this message. */
static void abandon(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (!mta->concluded && c->run >= DRILL_RUN_MAIL && c->run <= DRILL_RUN_DATA) {
        tell(mta, c->message_number, DRILL_SMFIC_ABORT, 0, "", true);
        c->run = DRILL_RUN_DATA;
    }
    mta->concluded = true;
}

void drill_stalwart_closed(struct drill_mta *mta, bool ours)
{
    if (mta->cursor.at == STALWART_DONE) {
        return;
    }
    if (ours) {
        abandon(mta);
    }
    mta->concluded = false;
    next_run(mta);
}

void drill_stalwart_reopen(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (c->at != STALWART_DONE || !c->client) {
        return;
    }
    for (const struct drill_envelope *m = c->client->messages; m; m = m->next) {
        c->message_number--;
    }
    c->message = NULL;
    c->run = 0;
    mta->concluded = false;
    next_run(mta);
}

/* QUIT_NC: the next session's CONNECT on this connection. The rest of this one is given up. */
static void jump_session(struct drill_mta *mta)
{
    struct drill_mta_cursor *c = &mta->cursor;
    const struct drill_envelope *m = c->message ? c->message->next : c->client->messages;
    abandon(mta);
    if (c->run != STALWART_RUN_END) {
        session_lost(mta, m, DRILL_SMFIC_ABORT, drill_span_str(""));
    }
    next_run(mta);
    if (c->at == STALWART_OPEN) {
        c->at = STALWART_CONNECT;
        drill_stalwart_begin(c);
        mta->concluded = false;
    } else {
        c->at = STALWART_QUIT;
    }
}

void drill_stalwart_jump(struct drill_mta *mta, uint8_t code)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (!c->client || c->at == STALWART_DONE || c->at == STALWART_OPEN) {
        return;
    }
    switch (code) {
    case DRILL_SMFIC_BODYEOB: c->at = c->at < STALWART_QUIT ? STALWART_QUIT : c->at; break;
    case DRILL_SMFIC_ABORT:
        abandon(mta);
        c->at = STALWART_QUIT;
        break;
    case DRILL_SMFIC_QUIT:
        abandon(mta);
        c->at = STALWART_CLOSE;
        break;
    case DRILL_SMFIC_QUIT_NC: jump_session(mta); break;
    default: break;
    }
}

/* ---- replies ---- */

/* The three bytes of the code, a blank, the text: unchecked (message.rs). */
static struct drill_span replycode_line(struct drill_mta *mta, const struct drill_message *reply)
{
    struct drill_reader r = drill_reader_of(reply->payload);
    struct drill_span code, text;
    if (!drill_read_bytes(&r, 4, &code) || !drill_read_str(&r, &text)) {
        return drill_span_str(UNABLE); /* a view that was cut: nobody can be told megabytes */
    }
    while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r')) {
        text.len--;
    }
    uint8_t *p = drill_arena_take(mta->arena, text.len + 4);
    if (!p) {
        mta->no_memory = true;
        return drill_span_str(UNABLE);
    }
    struct drill_writer w = drill_writer_of(p, text.len + 4);
    drill_write_bytes(&w, drill_span_sub(code, 0, 3));
    drill_write_u8(&w, ' ');
    drill_write_bytes(&w, text);
    return drill_writer_span(&w);
}

/* Verdicts that end the run, at any command. False: it is none. */
static bool stopped_by(struct drill_mta *mta, const struct drill_message *reply)
{
    switch (reply->code) {
    case DRILL_SMFIR_REJECT: stop(mta, drill_span_str("503 5.5.3 Message rejected.")); return true;
    case DRILL_SMFIR_TEMPFAIL: stop(mta, drill_span_str(UNABLE)); return true;
    case DRILL_SMFIR_DISCARD: stop(mta, drill_span_str(QUEUED)); return true;
    case DRILL_SMFIR_SHUTDOWN:
        stop(mta, drill_span_str("421 4.3.0 Server shutting down."));
        return true;
    case DRILL_SMFIR_CONN_FAIL: stop(mta, drill_span_str("")); return true;
    case DRILL_SMFIR_REPLYCODE: stop(mta, replycode_line(mta, reply)); return true;
    default: return false;
    }
}

/* Only the protocol word counts; version and actions are not looked at (client.rs init). */
static void negotiated(struct drill_mta *mta, const struct drill_message *reply)
{
    struct drill_reader r = drill_reader_of(reply->payload);
    (void)drill_read_be32(&r, &mta->agreed.version);
    (void)drill_read_be32(&r, &mta->agreed.actions);
    (void)drill_read_be32(&r, &mta->agreed.protocol);
    mta->cursor.steps = mta->agreed.protocol;
    mta->negotiated = true;
}

/* client.rs body(): the loop over the chunks ends with SKIP; PROGRESS is taken for a reply. */
static bool body_reply(struct drill_mta *mta, uint8_t code)
{
    if (code == DRILL_SMFIR_SKIP && mta->cursor.at == STALWART_BODY) {
        mta->cursor.at = STALWART_EOB;
    }
    return code == DRILL_SMFIR_SKIP || code == DRILL_SMFIR_PROGRESS;
}

bool drill_stalwart_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                          uint32_t size)
{
    struct drill_mta_trouble t = {.fault = DRILL_MTA_INVALID, .reply = reply};
    if (!drill_stalwart_readable(reply, size)) {
        drill_stalwart_trouble(mta, &t);
        return true;
    }
    t.fault = DRILL_MTA_UNEXPECTED;
    if ((command == DRILL_SMFIC_OPTNEG) != (reply->code == DRILL_SMFIR_OPTNEG)) {
        drill_stalwart_trouble(mta, &t);
        return true;
    }
    if (command == DRILL_SMFIC_OPTNEG) {
        negotiated(mta, reply);
        return true;
    }
    if (reply->code == DRILL_SMFIR_CONTINUE || reply->code == DRILL_SMFIR_ACCEPT ||
        stopped_by(mta, reply)) {
        return true;
    }
    if (command == DRILL_SMFIC_BODY && body_reply(mta, reply->code)) {
        return true;
    }
    if (command == DRILL_SMFIC_BODYEOB) {
        if (drill_state_reply(command, reply->code) == DRILL_REPLY_MODIFY) {
            drill_mta_modified(mta, reply, size);
            return false;
        }
        if (reply->code == DRILL_SMFIR_PROGRESS) {
            return false;
        }
    }
    drill_stalwart_trouble(mta, &t);
    return true;
}
