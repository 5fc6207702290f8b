/* SPDX-License-Identifier: MIT */
/*
 * The course of the SMTP client: which step follows which reply. A step that says something is
 * begun (its command is composed, and sent as the connection takes it) and then answered, by a
 * reply or by the lack of one; then come the extras of that place, then the next step.
 */
#include "session/smtp.h"

#include <string.h>

#include "session/smtp_ops.h"
#include "wire/proto.h"

static void go(struct drill_smtp *s, enum drill_smtp_step step);

/* ---- steps ---- */

static void be_patient(struct drill_smtp *s)
{
    uint64_t left = DRILL_SMTP_NEVER - s->now;
    s->until = s->config.patience < left ? s->now + s->config.patience : DRILL_SMTP_NEVER;
}

static void begin(struct drill_smtp *s, enum drill_smtp_step step)
{
    s->step = step;
    s->early = s->early || drill_smtp_in_pending(&s->in);
    s->part = DRILL_SMTP_PARTS;
    s->content = 0;
    s->content_ended = false;
    s->line_start = true;
    (void)(drill_smtp_compose(s) && drill_smtp_fill(s));
    be_patient(s);
}

static void begin_session(struct drill_smtp *s)
{
    if (!s->client) {
        s->step = SMTP_STEP_DONE;
        return;
    }
    s->step = SMTP_STEP_OPEN;
    s->session++;
    s->message = s->client->messages;
    s->concluded = false;
    s->transaction = false;
    s->xclient_done = false;
    s->xforward = 0;
    s->early = false;
    s->out_at = 0;
    s->out_len = 0;
    drill_smtp_in_init(&s->in);
    drill_smtp_secure_begin(s);
}

static void end_session(struct drill_smtp *s)
{
    s->client = s->no_memory || s->lacks ? NULL : s->client->next;
    begin_session(s);
}

static void begin_message(struct drill_smtp *s)
{
    if (s->concluded) {
        drill_smtp_next_message(s);
    }
    s->rcpt = 0;
    s->rcpts_taken = 0;
    if (!s->message) {
        begin(s, SMTP_STEP_QUIT);
    } else if (s->transaction) {
        begin(s, SMTP_STEP_RSET);
    } else if (s->config.xclient && s->xforward && !s->xclient_done) {
        begin(s, SMTP_STEP_XFORWARD);
    } else {
        begin(s, SMTP_STEP_MAIL);
    }
}

static void go(struct drill_smtp *s, enum drill_smtp_step step)
{
    if (s->no_memory) {
        s->step = SMTP_STEP_LEAVE;
    } else if (step == SMTP_STEP_MESSAGE) {
        begin_message(s);
    } else if (step == SMTP_STEP_TLS || step == SMTP_STEP_LEAVE || step == SMTP_STEP_LOSE) {
        s->step = step;
    } else {
        begin(s, step);
    }
}

static bool is_here(const struct drill_smtp *s, const struct drill_smtp_extra *e)
{
    bool of_session = s->place == DRILL_SMFIC_CONNECT || s->place == DRILL_SMFIC_HELO;
    return e->stage == s->place &&
           (of_session ? e->session == s->session : e->message == s->place_message);
}

/* Does the next extra of this place, or goes on. */
static void extras(struct drill_smtp *s)
{
    while (s->extra && !is_here(s, s->extra)) {
        s->extra = s->extra->next;
    }
    if (!s->extra) {
        go(s, s->next);
        return;
    }
    switch (s->extra->act) {
    case DRILL_SMTP_SAY: go(s, SMTP_STEP_SAY); break;
    case DRILL_SMTP_SECURE: /* it has begun TLS long ago */
        s->extra = s->extra->next;
        extras(s);
        break;
    case DRILL_SMTP_LEAVE:
        drill_smtp_abandon_rest(s);
        go(s, SMTP_STEP_LEAVE);
        break;
    case DRILL_SMTP_LOSE:
        drill_smtp_abandon_rest(s);
        go(s, SMTP_STEP_LOSE);
        break;
    }
}

static void place(struct drill_smtp *s, uint8_t stage, enum drill_smtp_step next)
{
    s->place = stage;
    s->place_message = s->number;
    s->next = next;
    s->extra = s->config.extras;
    extras(s);
}

/* ---- replies ---- */

static bool is_class(const struct drill_smtp_reply *r, unsigned first_digit)
{
    return r->told.code / 100 == first_digit;
}

static void refused(struct drill_smtp *s, struct drill_smtp_reply *r, uint8_t stage)
{
    drill_smtp_conclude_rest(s, r);
    place(s, stage, SMTP_STEP_QUIT);
}

static void final(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    r->told.final = true;
    s->concluded = true;
}

static void greeted(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    if (is_class(r, 2)) {
        place(s, DRILL_SMFIC_CONNECT, SMTP_STEP_EHLO);
    } else {
        refused(s, r, DRILL_SMFIC_CONNECT);
    }
}

/* Towards the mail. Where no reply says why there will be none, it is given up. */
static void secure(struct drill_smtp *s, enum drill_smtp_step step,
                   struct drill_smtp_reply *refusal)
{
    if (step == SMTP_STEP_MESSAGE) {
        place(s, DRILL_SMFIC_HELO, SMTP_STEP_MESSAGE);
        return;
    }
    if (step == SMTP_STEP_QUIT && refusal) {
        drill_smtp_conclude_rest(s, refusal);
    } else if (step == SMTP_STEP_QUIT || step == SMTP_STEP_LEAVE) {
        drill_smtp_abandon_rest(s);
    }
    go(s, step);
}

static void hello_done(struct drill_smtp *s)
{
    secure(s, drill_smtp_secure_next(s), NULL);
}

static void secured(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    enum drill_smtp_step step = drill_smtp_secure_answered(s, r);
    drill_smtp_fault(s, r, 0); /* what was added there */
    secure(s, step, r->told.code >= 400 ? r : NULL);
}

/* It has no EHLO (RFC 5321, 3.2 and 4.2.4). Other refusals are of this client: to say HELO then
 * would ask the same again, and be another answer. */
static bool knows_no_ehlo(const struct drill_smtp_reply *r)
{
    uint16_t code = r->told.code;
    return code == 500 || code == 501 || code == 502 || code == 504;
}

static void ehlo_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    if (!is_class(r, 2)) {
        if (knows_no_ehlo(r)) {
            begin(s, SMTP_STEP_HELO);
        } else {
            refused(s, r, DRILL_SMFIC_HELO);
        }
        return;
    }
    drill_smtp_offered(s, r->told.line);
    if (s->config.xclient && s->xclient && !s->xclient_done) {
        begin(s, SMTP_STEP_XCLIENT);
    } else {
        hello_done(s);
    }
}

/* Postfix begins the session anew, with another greeting, unless it refused the command itself. */
static void xclient_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    s->xclient_done = true;
    if (is_class(r, 2)) {
        r->told.stage = DRILL_SMFIC_CONNECT;
        begin(s, SMTP_STEP_EHLO);
    } else if (r->told.code == 554) {
        r->told.stage = DRILL_SMFIC_CONNECT;
        refused(s, r, DRILL_SMFIC_CONNECT);
    } else {
        hello_done(s);
    }
}

static void mail_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    if (is_class(r, 2)) {
        s->transaction = true;
        place(s, DRILL_SMFIC_MAIL, s->message->rcpts ? SMTP_STEP_RCPT : SMTP_STEP_DATA);
    } else {
        final(s, r);
        place(s, DRILL_SMFIC_MAIL, SMTP_STEP_MESSAGE);
    }
}

static void rcpt_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    s->rcpts_taken += is_class(r, 2);
    if (++s->rcpt < s->message->rcpts) {
        begin(s, SMTP_STEP_RCPT);
    } else if (s->rcpts_taken) {
        place(s, DRILL_SMFIC_RCPT, SMTP_STEP_DATA);
    } else {
        final(s, r);
        place(s, DRILL_SMFIC_RCPT, SMTP_STEP_MESSAGE);
    }
}

static void data_answered(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    if (is_class(r, 3)) {
        place(s, DRILL_SMFIC_DATA, SMTP_STEP_CONTENT);
    } else {
        final(s, r);
        place(s, DRILL_SMFIC_DATA, SMTP_STEP_MESSAGE);
    }
}

static void said_answered(struct drill_smtp *s, const struct drill_smtp_reply *r)
{
    struct drill_span line = s->extra->line;
    bool taken = is_class(r, 2);
    s->extra = s->extra->next;
    if (taken && drill_smtp_verb(line, "QUIT")) {
        drill_smtp_abandon_rest(s);
        go(s, SMTP_STEP_LEAVE);
        return;
    }
    if (taken && s->transaction &&
        (drill_smtp_verb(line, "RSET") || drill_smtp_verb(line, "EHLO") ||
         drill_smtp_verb(line, "HELO"))) {
        s->transaction = false;
        s->next = SMTP_STEP_MESSAGE;
        if (!s->concluded) {
            drill_smtp_abandon(s);
        }
    }
    extras(s);
}

static void course(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    switch (s->step) {
    case SMTP_STEP_GREETING: greeted(s, r); break;
    case SMTP_STEP_EHLO: ehlo_answered(s, r); break;
    case SMTP_STEP_HELO:
        if (is_class(r, 2)) {
            drill_smtp_offered(s, drill_span_of(NULL, 0));
            hello_done(s);
        } else {
            refused(s, r, DRILL_SMFIC_HELO);
        }
        break;
    case SMTP_STEP_XCLIENT: xclient_answered(s, r); break;
    case SMTP_STEP_STARTTLS:
    case SMTP_STEP_AUTH:
    case SMTP_STEP_AUTH_USER:
    case SMTP_STEP_AUTH_PASSWORD:
    case SMTP_STEP_AUTH_CANCEL: secured(s, r); break;
    case SMTP_STEP_RSET:
        s->transaction = false;
        go(s, SMTP_STEP_MESSAGE);
        break;
    case SMTP_STEP_XFORWARD: begin(s, SMTP_STEP_MAIL); break;
    case SMTP_STEP_MAIL: mail_answered(s, r); break;
    case SMTP_STEP_RCPT: rcpt_answered(s, r); break;
    case SMTP_STEP_DATA: data_answered(s, r); break;
    case SMTP_STEP_CONTENT:
        s->transaction = false;
        final(s, r);
        place(s, DRILL_SMFIC_BODYEOB, SMTP_STEP_MESSAGE);
        break;
    case SMTP_STEP_SAY: said_answered(s, r); break;
    case SMTP_STEP_QUIT:
        drill_smtp_fault(s, r, drill_smtp_in_pending(&s->in) ? DRILL_SMTP_EARLY : 0);
        go(s, SMTP_STEP_LEAVE);
        break;
    case SMTP_STEP_OPEN:
    case SMTP_STEP_OPENING:
    case SMTP_STEP_TLS:
    case SMTP_STEP_MESSAGE:
    case SMTP_STEP_LEAVE:
    case SMTP_STEP_LOSE:
    case SMTP_STEP_DONE: break;
    }
}

static void early_fault(struct drill_smtp *s, struct drill_smtp_reply *r)
{
    drill_smtp_fault(s, r, s->early ? DRILL_SMTP_EARLY : 0);
    s->early = false;
}

/* Of 2xx and 3xx: of these commands DATA alone is answered by 3xx, and only by that. */
static bool is_wrong(const struct drill_smtp *s, const struct drill_smtp_reply *r)
{
    bool data = s->step == SMTP_STEP_DATA;
    if (s->step >= SMTP_STEP_STARTTLS && s->step <= SMTP_STEP_AUTH_CANCEL) {
        return drill_smtp_secure_wrong(s, r->told.code);
    }
    return s->step != SMTP_STEP_SAY && is_class(r, data ? 2 : 3);
}

static void answered(struct drill_smtp *s, bool complete)
{
    struct drill_smtp_reply *r = drill_smtp_add(s);
    struct drill_span text = drill_smtp_in_text(&s->in);
    if (r) {
        r->told.line = drill_arena_copy(s->arena, text);
        s->no_memory = r->told.line.ptr == NULL;
    }
    if (s->no_memory) {
        go(s, SMTP_STEP_LEAVE);
        return;
    }
    r->told.code = complete ? s->in.code : 0;
    drill_smtp_fault(s, r, s->in.faults | (is_wrong(s, r) ? DRILL_SMTP_WRONG_CODE : 0));
    early_fault(s, r);
    if (!complete || r->told.code == 421) {
        drill_smtp_conclude_rest(s, r);
        go(s, SMTP_STEP_LEAVE);
    } else {
        course(s, r);
    }
}

/* No reply came, and none will. */
static void unanswered(struct drill_smtp *s, bool silent, enum drill_end how, int error)
{
    struct drill_smtp_reply *r = drill_smtp_add(s);
    if (r) {
        r->silent = silent;
        r->how = how;
        r->error = error;
        early_fault(s, r);
        drill_smtp_fault(s, r, !silent && drill_smtp_in_torn(&s->in) ? DRILL_SMTP_TORN : 0);
        drill_smtp_conclude_rest(s, r);
    }
    go(s, SMTP_STEP_LEAVE);
}

/* ---- its connection ---- */

static bool in_session(const struct drill_smtp *s)
{
    return s->step > SMTP_STEP_OPENING && s->step < SMTP_STEP_LEAVE;
}

/* Behind a 354, a said line is content. */
static bool has_no_reply(const struct drill_smtp *s)
{
    return s->step == SMTP_STEP_SAY && s->next == SMTP_STEP_CONTENT;
}

/* Looks for the reply to what was said. */
static void look(struct drill_smtp *s)
{
    if (!in_session(s) || s->out_at < s->out_len) {
        return;
    }
    if (has_no_reply(s)) {
        s->extra = s->extra->next;
        extras(s);
        return;
    }
    switch (drill_smtp_in_take(&s->in)) {
    case DRILL_SMTP_MORE: break;
    case DRILL_SMTP_REPLY: answered(s, true); break;
    case DRILL_SMTP_GIVE_UP: answered(s, false); break;
    }
}

static void wrote(struct drill_smtp *s, size_t bytes)
{
    size_t left = s->out_len - s->out_at;
    s->out_at += bytes < left ? bytes : left;
    be_patient(s);
    if (s->out_at == s->out_len) {
        (void)drill_smtp_fill(s);
    }
    look(s);
}

/* The reply to a message may be there though not all of the message could be sent. */
static void ended(struct drill_smtp *s, const struct drill_smtp_event *event)
{
    s->out_at = s->out_len;
    if (in_session(s) && !has_no_reply(s)) {
        look(s);
    }
    s->out_at = s->out_len;
    if (in_session(s) || s->step == SMTP_STEP_OPENING) {
        unanswered(s, false, event->how, event->error);
    }
}

void drill_smtp_event(struct drill_smtp *s, const struct drill_smtp_event *event)
{
    s->now = event->now;
    switch (event->kind) {
    case DRILL_SMTP_OPENED:
        if (s->step == SMTP_STEP_OPENING) {
            s->opened++;
            begin(s, SMTP_STEP_GREETING);
        }
        break;
    case DRILL_SMTP_BYTES:
        drill_smtp_in_add(&s->in, event->bytes);
        look(s);
        break;
    case DRILL_SMTP_WROTE: wrote(s, event->wrote); break;
    case DRILL_SMTP_ENDED: ended(s, event); break;
    case DRILL_SMTP_TICK:
        if (s->now >= s->until && (in_session(s) || s->step == SMTP_STEP_OPENING)) {
            unanswered(s, true, DRILL_END_NONE, 0);
        }
        break;
    }
}

void drill_smtp_wish(struct drill_smtp *s, uint64_t now, struct drill_smtp_wish *wish)
{
    memset(wish, 0, sizeof(*wish));
    s->now = now;
    wish->until = DRILL_SMTP_NEVER;
    if (s->step == SMTP_STEP_OPEN) {
        s->step = SMTP_STEP_OPENING;
        be_patient(s);
        wish->kind = DRILL_SMTP_OPEN;
        wish->until = s->until;
    } else if (s->step == SMTP_STEP_LEAVE || s->step == SMTP_STEP_LOSE) {
        wish->kind = s->step == SMTP_STEP_LOSE ? DRILL_SMTP_RESET : DRILL_SMTP_CLOSE;
        end_session(s);
    } else if (s->step == SMTP_STEP_TLS) {
        wish->kind = DRILL_SMTP_TLS;
        s->in_tls = true;
        begin(s, SMTP_STEP_EHLO);
    } else if (s->step == SMTP_STEP_DONE) {
        wish->kind = DRILL_SMTP_DONE;
    } else {
        wish->kind = DRILL_SMTP_IO;
        wish->send = drill_span_of(s->out + s->out_at, s->out_len - s->out_at);
        wish->want = s->step == SMTP_STEP_OPENING ? 0 : drill_smtp_in_room(&s->in);
        wish->until = s->until;
    }
}

void drill_smtp_init(struct drill_smtp *s, const struct drill_smtp_config *config,
                     struct drill_arena *arena)
{
    memset(s, 0, sizeof(*s));
    s->config = *config;
    s->arena = arena;
    s->client = config->traffic;
    s->number = 1;
    begin_session(s);
}

bool drill_smtp_done(const struct drill_smtp *s)
{
    return s->step == SMTP_STEP_DONE;
}
