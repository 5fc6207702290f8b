/* SPDX-License-Identifier: MIT */
#include "scenario/implied.h"

#include <stdio.h>
#include <string.h>

#include "scenario/implied_parts.h"
#include "scenario/print.h"
#include "session/traffic.h"

enum { PARAMETERS = 32 }; /* of one address; a scenario takes no more */

/* One outcome, kept until it is known whether `message=` is needed. */
struct outcome {
    uint32_t message;
    uint32_t code;
    enum drill_outcome outcome;
};

void drill_implied_init(struct drill_implied *i, const struct drill_alloc *alloc)
{
    memset(i, 0, sizeof(*i));
    drill_buf_init(&i->setup, alloc);
    drill_buf_init(&i->message, alloc);
    drill_buf_init(&i->client, alloc);
    drill_buf_init(&i->extra, alloc);
    drill_buf_init(&i->verdicts, alloc);
}

void drill_implied_fini(struct drill_implied *i)
{
    drill_buf_fini(&i->setup);
    drill_buf_fini(&i->message);
    drill_buf_fini(&i->client);
    drill_buf_fini(&i->extra);
    drill_buf_fini(&i->verdicts);
}

static bool add(struct drill_buf *out, const char *text)
{
    return drill_buf_append(out, drill_span_str(text));
}

static bool has_room(const struct drill_implied *i)
{
    return i->setup.len + i->message.len + i->client.len + i->extra.len + i->verdicts.len <
           DRILL_IMPLIED_LIMIT;
}

/* ` key="..."` */
static bool add_field(struct drill_buf *out, const char *key, struct drill_span value)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    const size_t before = out->len;
    drill_print_string(value, &measure);
    if (!add(out, " ") || !add(out, key) || !add(out, "=") ||
        !drill_buf_reserve(out, measure.len)) {
        out->len = before;
        return false;
    }
    struct drill_writer w = drill_writer_of(out->ptr + out->len, measure.len);
    drill_print_string(value, &w);
    out->len += measure.len;
    return true;
}

/* The same for what may come twice in a session, a second HELO for one: the first counts. */
static void add_once(struct drill_buf *out, const char *key, struct drill_span value)
{
    char mark[24]; /* a quote within a value is escaped, so this cannot stand there */
    int n = snprintf(mark, sizeof(mark), " %s=\"", key);
    for (size_t i = 0; i + (size_t)n <= out->len; i++) {
        if (memcmp(out->ptr + i, mark, (size_t)n) == 0) {
            return;
        }
    }
    (void)add_field(out, key, value);
}

/* ---- what the client did beyond its messages ---- */

static const char *stage_word(uint8_t stage)
{
    switch (stage) {
    case DRILL_SMFIC_CONNECT: return "connect";
    case DRILL_SMFIC_HELO: return "helo";
    case DRILL_SMFIC_MAIL: return "mail";
    case DRILL_SMFIC_RCPT: return "rcpt";
    case DRILL_SMFIC_BODYEOB: return "bodyeob";
    default: return "data";
    }
}

/* `smtp after=STAGE send="LINE"`, or without a line: end=close. */
static void smtp_line(struct drill_implied *i, struct drill_buf *out, uint8_t stage,
                      const struct drill_span *line)
{
    const size_t before = out->len;
    bool ok = has_room(i) && add(out, "smtp after=") && add(out, stage_word(stage));
    ok = ok && (line ? add_field(out, "send", *line) : add(out, " end=close"));
    if (!ok || !add(out, "\n")) {
        out->len = before;
    }
}

static void put_extra(struct drill_implied *i)
{
    (void)drill_buf_append(&i->setup, drill_buf_span(&i->extra));
    i->extra.len = 0;
}

/* The command behind an abort, or none, says what the client had done. */
static void explain_abort(struct drill_implied *i, uint8_t code)
{
    const struct drill_span reset = drill_span_str("RSET");
    bool over = code == 0 || code == DRILL_SMFIC_QUIT || code == DRILL_SMFIC_QUIT_NC;
    if (i->given_up && code != DRILL_SMFIC_ABORT) {
        smtp_line(i, &i->setup, i->given_up, over ? NULL : &reset);
        i->given_up = 0;
    }
}

static void close_client(struct drill_implied *i)
{
    if (i->client.len && !i->sessions && has_room(i)) {
        size_t before = i->setup.len;
        if (!drill_buf_append(&i->setup, drill_buf_span(&i->client)) || !add(&i->setup, "\n")) {
            i->setup.len = before;
        }
        put_extra(i);
    }
    i->sessions = true;
    i->client.len = 0;
}

/* A client without a name goes by its address in brackets: Postfix, Sendmail; by what it calls
 * itself: Stalwart, whose macros tell (drill_implied.nameless). */
static struct drill_span client_host(const struct drill_implied *i, struct drill_span shown)
{
    bool address = shown.len > 2 && shown.ptr[0] == '[' && shown.ptr[shown.len - 1] == ']';
    return drill_span_sub(shown, 0, address || i->nameless ? 0 : shown.len);
}

static void connected(struct drill_implied *i, const struct drill_message *m)
{
    char port[24];
    close_client(i);
    i->sessions = i->tls = false;
    i->session = DRILL_OUTCOME_NONE;
    bool ok = has_room(i) && add(&i->client, "client");
    if (m->letter == DRILL_FAMILY_INET || m->letter == DRILL_FAMILY_INET6) {
        bool v6 = m->str[1].len > 5 && memcmp(m->str[1].ptr, "IPv6:", 5) == 0;
        (void)snprintf(port, sizeof(port), " port=%u", m->port);
        ok = ok && add_field(&i->client, "addr", drill_span_sub(m->str[1], v6 ? 5 : 0, SIZE_MAX)) &&
             add(&i->client, port);
    }
    if (!ok || !add_field(&i->client, "host", client_host(i, m->str[0]))) {
        i->client.len = 0;
    }
    i->nameless = false;
}

/* ---- the message ---- */

/* Stalwart says quit behind each verdict that it could take; without it, it found something else
 * wrong with what the milter said, and its settings say what its client was told. */
static bool never_taken(const struct drill_implied *i)
{
    return i->mta && strcmp(i->mta->name, "stalwart") == 0 && !i->quit && i->verdict_taken;
}

static void conclude(struct drill_implied *i)
{
    struct outcome o = {i->messages, i->code, i->outcome};
    if (never_taken(i)) {
        return;
    }
    if (o.outcome == DRILL_OUTCOME_NONE) {
        o.outcome = i->session;
    }
    if (o.outcome == DRILL_OUTCOME_NONE) {
        return;
    }
    i->accepted += o.outcome == DRILL_OUTCOME_ACCEPT;
    i->refused += o.outcome != DRILL_OUTCOME_ACCEPT;
    if (has_room(i)) {
        (void)drill_buf_append(&i->verdicts, drill_span_of(&o, sizeof(o)));
    }
}

static void close_message(struct drill_implied *i, const char *mail)
{
    if (!i->open) {
        return;
    }
    size_t before = i->setup.len;
    bool ok = i->message.len && drill_buf_append(&i->setup, drill_buf_span(&i->message));
    if (ok && mail && mail[0]) {
        ok = add_field(&i->setup, "file", drill_span_str(mail));
    }
    if (ok && add(&i->setup, "\n")) {
        i->messages++;
        put_extra(i);
        conclude(i);
    } else {
        i->setup.len = before;
        i->unlisted++;
        i->extra.len = 0;
    }
    i->open = false;
    i->message.len = 0;
}

/* The message that is open ends without a command of its client's that says so. */
static void give_up(struct drill_implied *i, const char *mail)
{
    if (i->open && i->outcome == DRILL_OUTCOME_NONE && i->session == DRILL_OUTCOME_NONE &&
        i->taken) {
        i->given_up = i->stage;
    }
    close_message(i, mail);
}

/* The ESMTP parameters of the address that was just added; what no client could say is left out. */
static bool add_parameters(struct drill_buf *out, const struct drill_message *m)
{
    struct drill_reader r = drill_reader_of(m->rest);
    struct drill_span arg;
    for (int n = 0; n < PARAMETERS && drill_message_next_str(&r, &arg); n++) {
        if (drill_esmtp_is_parameter(arg) && !add_field(out, "arg", arg)) {
            return false;
        }
    }
    return true;
}

static void open_message(struct drill_implied *i, const struct drill_message *m, const char *mail)
{
    close_message(i, mail);
    close_client(i);
    i->open = true;
    i->taken = true;
    i->any_rcpt = false;
    i->outcome = DRILL_OUTCOME_NONE;
    i->verdict_taken = false;
    i->code = 0;
    if (!has_room(i) || !add(&i->message, "message") ||
        !add_field(&i->message, "from", m->str[0]) || !add_parameters(&i->message, m)) {
        i->message.len = 0;
    }
}

static void recipient(struct drill_implied *i, const struct drill_message *m)
{
    if (i->message.len && (!has_room(i) || !add_field(&i->message, "rcpt", m->str[0]) ||
                           !add_parameters(&i->message, m))) {
        i->message.len = 0; /* a message with half its recipients would be another */
    }
}

/* ---- macros ---- */

/* Stalwart tells of TLS at HELO alone, and of a proxy's client that it does not know. */
static void told_of_client(struct drill_implied *i, uint8_t letter, struct drill_span name,
                           struct drill_span value)
{
    bool tls = drill_span_equal(name, drill_span_str("{tls_version}")) &&
               !drill_span_equal(value, drill_span_str("unknown"));
    if (letter == DRILL_SMFIC_MAIL && drill_span_equal(name, drill_span_str("{auth_authen}"))) {
        add_once(&i->client, "auth", value);
    } else if (!i->tls && tls) {
        i->tls = add(&i->client, " tls=yes");
    }
}

static void macros(struct drill_implied *i, const struct drill_message *m)
{
    struct drill_reader r = drill_reader_of(m->rest);
    struct drill_span name, value;
    while (drill_message_next_macro(&r, &name, &value)) {
        drill_implied_mta(i, name, value);
        if (m->letter == DRILL_SMFIC_CONNECT &&
            drill_span_equal(name, drill_span_str("{client_ptr}"))) {
            i->nameless = drill_span_equal(value, drill_span_str("unknown"));
        }
        if (i->client.len && value.len && has_room(i)) {
            told_of_client(i, m->letter, name, value);
        }
    }
}

/* ---- frames ---- */

/* A client that sent no message had its own reasons. */
static void end_session(struct drill_implied *i)
{
    if (i->client.len && !i->sessions && i->session == DRILL_OUTCOME_NONE) {
        smtp_line(i, &i->extra, i->stage, NULL);
    }
    close_client(i);
}

static void commanded(struct drill_implied *i, uint8_t code, const char *mail)
{
    if (code == DRILL_SMFIC_MACRO) {
        return;
    }
    explain_abort(i, code);
    i->command = code;
    i->quit = code == DRILL_SMFIC_QUIT;
    i->owed = code == DRILL_SMFIC_OPTNEG || drill_state_owes(code, &i->agreed);
    if (code == DRILL_SMFIC_ABORT || code == DRILL_SMFIC_QUIT || code == DRILL_SMFIC_QUIT_NC) {
        give_up(i, mail);
        explain_abort(i, code);
        i->owed = false;
    } else if (code != DRILL_SMFIC_UNKNOWN && code != DRILL_SMFIC_OPTNEG) {
        i->stage = code;
    }
    if (code == DRILL_SMFIC_QUIT_NC) {
        end_session(i);
    }
}

static enum drill_outcome outcome_of(struct drill_implied *i, const struct drill_message *m)
{
    switch (m->code) {
    case DRILL_SMFIR_ACCEPT:
    case DRILL_SMFIR_DISCARD: return DRILL_OUTCOME_ACCEPT;
    case DRILL_SMFIR_CONTINUE:
        return i->command == DRILL_SMFIC_BODYEOB ? DRILL_OUTCOME_ACCEPT : DRILL_OUTCOME_NONE;
    case DRILL_SMFIR_REJECT: return DRILL_OUTCOME_REJECT;
    case DRILL_SMFIR_TEMPFAIL: return DRILL_OUTCOME_TEMPFAIL;
    case DRILL_SMFIR_REPLYCODE:
        if (m->str[0].len >= 3 && (m->str[0].ptr[0] == '4' || m->str[0].ptr[0] == '5')) {
            return m->str[0].ptr[0] == '4' ? DRILL_OUTCOME_TEMPFAIL : DRILL_OUTCOME_REJECT;
        }
        return DRILL_OUTCOME_NONE;
    default: return DRILL_OUTCOME_NONE;
    }
}

static uint32_t code_of(const struct drill_message *m)
{
    uint32_t code = 0;
    const uint8_t *p = m->str[0].ptr;
    if (m->code == DRILL_SMFIR_REPLYCODE && m->str[0].len >= 3) {
        for (size_t n = 0; n < 3; n++) {
            if (p[n] < '0' || p[n] > '9') {
                return 0;
            }
            code = code * 10 + (uint32_t)(p[n] - '0');
        }
    }
    return code;
}

static void replied(struct drill_implied *i, const struct drill_message *m)
{
    enum drill_reply_class is = drill_state_reply(i->command, m->code);
    enum drill_outcome outcome = outcome_of(i, m);
    if (is == DRILL_REPLY_VERDICT || is == DRILL_REPLY_NEGOTIATE) {
        i->owed = false;
    }
    i->failure = i->failure || outcome > DRILL_OUTCOME_ACCEPT || m->code == DRILL_SMFIR_SHUTDOWN ||
                 m->code == DRILL_SMFIR_CONN_FAIL;
    if (is != DRILL_REPLY_VERDICT) {
        return;
    }
    i->taken =
        i->command == DRILL_SMFIC_RCPT ? i->any_rcpt || outcome <= DRILL_OUTCOME_ACCEPT : i->taken;
    i->any_rcpt = i->any_rcpt || (i->command == DRILL_SMFIC_RCPT && i->taken);
    if (outcome == DRILL_OUTCOME_NONE) {
        return;
    }
    switch (i->command) {
    case DRILL_SMFIC_CONNECT:
    case DRILL_SMFIC_HELO: i->session = outcome; break;
    default:
        /* A refusal of a recipient is not one of the message. */
        if (i->open && i->outcome == DRILL_OUTCOME_NONE &&
            (i->command != DRILL_SMFIC_RCPT || outcome == DRILL_OUTCOME_ACCEPT)) {
            i->outcome = outcome;
            i->code = code_of(m);
            i->verdict_taken = outcome == DRILL_OUTCOME_ACCEPT && m->code != DRILL_SMFIR_DISCARD;
        }
    }
}

void drill_implied_frame(struct drill_implied *i, const struct drill_message *m, const char *mail)
{
    bool clean = m->defect == DRILL_DEFECT_NONE;
    if (m->dir == DRILL_TO_MTA) {
        if (m->code == DRILL_SMFIR_OPTNEG && clean) {
            i->agreed = (struct drill_agreed){m->number[0], m->number[1], m->number[2]};
        }
        drill_implied_milter(i, m);
        replied(i, m);
        return;
    }
    commanded(i, m->code, mail);
    if (!clean) {
        return;
    }
    switch (m->code) {
    case DRILL_SMFIC_OPTNEG: i->offered_actions = m->number[1]; break;
    case DRILL_SMFIC_MACRO: macros(i, m); break;
    case DRILL_SMFIC_CONNECT: connected(i, m); break;
    case DRILL_SMFIC_HELO:
        if (i->client.len && has_room(i)) {
            add_once(&i->client, "helo", m->str[0]);
        }
        break;
    case DRILL_SMFIC_MAIL: open_message(i, m, mail); break;
    case DRILL_SMFIC_RCPT: recipient(i, m); break;
    case DRILL_SMFIC_UNKNOWN: smtp_line(i, &i->extra, i->stage, &m->str[0]); break;
    default: break;
    }
}

void drill_implied_large(struct drill_implied *i, enum drill_dir dir, uint8_t code)
{
    if (dir == DRILL_TO_MILTER) {
        commanded(i, code, NULL);
    }
}

static bool is_content(uint8_t code)
{
    return code == DRILL_SMFIC_HEADER || code == DRILL_SMFIC_EOH || code == DRILL_SMFIC_BODY ||
           code == DRILL_SMFIC_BODYEOB;
}

/* Where an answer is owed to content, it was the milter who ended it, or nobody who is known: the
 * client had sent all of it before Stalwart asks, and would have sent it. */
void drill_implied_end(struct drill_implied *i, const char *mail)
{
    if (i->owed && is_content(i->stage)) {
        close_message(i, mail);
    }
    give_up(i, mail);
    explain_abort(i, 0);
    end_session(i);
}

void drill_implied_verdicts(const struct drill_implied *i, struct drill_buf *out)
{
    static const char *const words[] = {"", "accept", "tempfail", "reject", "drop"};
    char text[80];
    for (size_t at = 0; at + sizeof(struct outcome) <= i->verdicts.len;
         at += sizeof(struct outcome)) {
        struct outcome o;
        memcpy(&o, i->verdicts.ptr + at, sizeof(o));
        (void)add(out, "verdict");
        if (i->messages > 1) {
            (void)snprintf(text, sizeof(text), " message=%u", o.message);
            (void)add(out, text);
        }
        (void)snprintf(text, sizeof(text), " %s", words[o.outcome]);
        (void)add(out, text);
        if (o.code) {
            (void)snprintf(text, sizeof(text), " code=%u", o.code);
            (void)add(out, text);
        }
        (void)add(out, "\n");
    }
}
