/* SPDX-License-Identifier: MIT */
/*
 * The sink. Bytes wait in a small buffer until there is room for the replies that they may cause,
 * so a client that pipelines without reading is held back and nothing is lost. Sources: RFC 5321,
 * RFC 2033 (LMTP), RFC 2920 (PIPELINING).
 */
#include "session/sink.h"

#include <string.h>

static const size_t KEEP = (size_t)64 << 20;
static const size_t LIMIT = (size_t)256 << 20;
enum { REPLY_ROOM = 256 }; /* no reply is longer */

static const char TAKEN[] = "250 2.0.0 taken\r\n";
static const char NO_ROOM[] = "452 4.3.1 no room for it\r\n";
static const char ORDER[] = "503 5.5.1 not now\r\n";
static const char SYNTAX[] = "501 5.5.4 that is no address\r\n";

/* ---- deliveries ---- */

static void delivery_free(struct drill_sink *sink, struct drill_delivery *d)
{
    if (d) {
        drill_arena_fini(&d->arena);
        drill_buf_fini(&d->text);
        (void)drill_alloc_resize(sink->alloc, d, 0);
    }
}

static struct drill_delivery *delivery_new(struct drill_sink *sink)
{
    struct drill_delivery *d = drill_alloc_resize(sink->alloc, NULL, sizeof(*d));
    if (d) {
        memset(d, 0, sizeof(*d));
        drill_arena_init(&d->arena, sink->alloc, 0);
        drill_buf_init(&d->text, sink->alloc);
        d->rcpts_end = &d->rcpts;
    }
    return d;
}

static size_t delivery_held(const struct drill_delivery *d)
{
    return sizeof(*d) + d->arena.held + d->text.cap;
}

void drill_sink_init(struct drill_sink *sink, const struct drill_sink_config *config,
                     const struct drill_alloc *alloc)
{
    memset(sink, 0, sizeof(*sink));
    sink->config.keep = config && config->keep ? config->keep : KEEP;
    sink->config.limit = config && config->limit ? config->limit : LIMIT;
    sink->alloc = alloc;
    sink->end = &sink->deliveries;
}

void drill_sink_reset(struct drill_sink *sink)
{
    while (sink->deliveries) {
        struct drill_delivery *d = sink->deliveries;
        sink->deliveries = d->next;
        delivery_free(sink, d);
    }
    sink->end = &sink->deliveries;
    sink->held = 0;
    sink->count = 0;
    sink->connections = 0;
    sink->torn = 0;
    sink->refused = 0;
}

void drill_sink_fini(struct drill_sink *sink)
{
    drill_sink_reset(sink);
}

static bool has_room(const struct drill_sink_session *s, size_t more)
{
    size_t held = s->sink->held + (s->mail ? delivery_held(s->mail) : 0);
    return held <= s->sink->config.limit && more <= s->sink->config.limit - held;
}

static void forget_mail(struct drill_sink_session *s)
{
    delivery_free(s->sink, s->mail);
    s->mail = NULL;
}

/* ---- replies ---- */

static void reply(struct drill_sink_session *s, const char *text)
{
    struct drill_writer w = drill_writer_of(s->out + s->out_len, sizeof(s->out) - s->out_len);
    drill_write_text(&w, text);
    s->out_len += drill_writer_span(&w).len;
}

static void refuse(struct drill_sink_session *s)
{
    s->sink->refused++;
    reply(s, NO_ROOM);
}

/* ---- commands ---- */

static void greet(struct drill_sink_session *s, struct drill_span name, bool lmtp, const char *text)
{
    name = drill_span_sub(name, 0, sizeof(s->helo));
    forget_mail(s);
    if (name.len) {
        memcpy(s->helo, name.ptr, name.len);
    }
    s->helo_len = name.len;
    s->greeted = true;
    s->lmtp = lmtp;
    reply(s, text);
}

static const char OFFERED[] = "250-sink.milterdrill.test\r\n250-PIPELINING\r\n250-SIZE\r\n"
                              "250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n";

static void do_helo(struct drill_sink_session *s, struct drill_span rest)
{
    greet(s, rest, false, "250 sink.milterdrill.test\r\n");
}

static void do_ehlo(struct drill_sink_session *s, struct drill_span rest)
{
    greet(s, rest, false, OFFERED);
}

static void do_lhlo(struct drill_sink_session *s, struct drill_span rest)
{
    greet(s, rest, true, OFFERED);
}

/* The bytes of "<...>" in front, with a ">" in quotes as part of it; or the first word. */
static size_t path_length(struct drill_span s)
{
    bool quoted = false;
    if (s.len == 0 || s.ptr[0] != '<') {
        return drill_span_find(s, ' ');
    }
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '\\' && quoted) {
            i++;
        } else if (s.ptr[i] == '"') {
            quoted = !quoted;
        } else if (s.ptr[i] == '>' && !quoted) {
            return i + 1;
        }
    }
    return 0;
}

static struct drill_span skip_blanks(struct drill_span s)
{
    while (s.len && s.ptr[0] == ' ') {
        s = drill_span_sub(s, 1, SIZE_MAX);
    }
    return s;
}

/* "FROM:<alice@example.org> SIZE=1" to address and parameters. */
static bool take_path(struct drill_span rest, const char *word, struct drill_span *address,
                      struct drill_span *args)
{
    size_t len = strlen(word);
    if (!drill_span_equal_nocase(drill_span_sub(rest, 0, len), drill_span_str(word))) {
        return false;
    }
    rest = skip_blanks(drill_span_sub(rest, len, SIZE_MAX));
    *address = drill_span_sub(rest, 0, path_length(rest));
    *args = skip_blanks(drill_span_sub(rest, address->len, SIZE_MAX));
    return address->len > 0;
}

static bool copy(struct drill_delivery *d, struct drill_span from, struct drill_span *to)
{
    *to = drill_arena_copy(&d->arena, from);
    return to->ptr != NULL;
}

static void do_mail(struct drill_sink_session *s, struct drill_span rest)
{
    struct drill_span from;
    struct drill_span args;
    if (!s->greeted || s->mail) {
        reply(s, ORDER);
        return;
    }
    if (!take_path(rest, "FROM:", &from, &args)) {
        reply(s, SYNTAX);
        return;
    }
    s->mail = has_room(s, 0) ? delivery_new(s->sink) : NULL;
    if (s->mail && copy(s->mail, from, &s->mail->from) && copy(s->mail, args, &s->mail->args) &&
        copy(s->mail, drill_span_of(s->helo, s->helo_len), &s->mail->helo)) {
        reply(s, "250 2.1.0 sender\r\n");
    } else {
        forget_mail(s);
        refuse(s);
    }
}

static void do_rcpt(struct drill_sink_session *s, struct drill_span rest)
{
    struct drill_span to;
    struct drill_span args;
    if (!s->mail) {
        reply(s, ORDER);
        return;
    }
    if (!take_path(rest, "TO:", &to, &args)) {
        reply(s, SYNTAX);
        return;
    }
    struct drill_sink_rcpt *r = NULL;
    if (s->mail->rcpt_count < DRILL_SINK_RCPTS && has_room(s, to.len + args.len)) {
        r = drill_arena_take(&s->mail->arena, sizeof(*r));
    }
    if (!r || !copy(s->mail, to, &r->address) || !copy(s->mail, args, &r->args)) {
        refuse(s);
        return;
    }
    *s->mail->rcpts_end = r;
    s->mail->rcpts_end = &r->next;
    s->mail->rcpt_count++;
    reply(s, "250 2.1.5 recipient\r\n");
}

static void do_data(struct drill_sink_session *s, struct drill_span rest)
{
    (void)rest;
    if (!s->mail) {
        reply(s, ORDER);
    } else if (s->mail->rcpt_count == 0) {
        reply(s, "554 5.5.1 no recipients\r\n");
    } else {
        s->state = SINK_LINE_START;
        reply(s, "354 go on\r\n");
    }
}

static void do_rset(struct drill_sink_session *s, struct drill_span rest)
{
    (void)rest;
    forget_mail(s);
    reply(s, "250 2.0.0 forgotten\r\n");
}

static void do_noop(struct drill_sink_session *s, struct drill_span rest)
{
    (void)rest;
    reply(s, "250 2.0.0 nothing done\r\n");
}

static void do_vrfy(struct drill_sink_session *s, struct drill_span rest)
{
    (void)rest;
    reply(s, "252 2.5.0 try it\r\n");
}

static void do_quit(struct drill_sink_session *s, struct drill_span rest)
{
    (void)rest;
    forget_mail(s);
    s->state = SINK_LEAVING;
    reply(s, "221 2.0.0 bye\r\n");
}

static const struct {
    const char *verb;
    void (*run)(struct drill_sink_session *s, struct drill_span rest);
} commands[] = {{"EHLO", do_ehlo}, {"HELO", do_helo}, {"LHLO", do_lhlo}, {"MAIL", do_mail},
                {"RCPT", do_rcpt}, {"DATA", do_data}, {"RSET", do_rset}, {"NOOP", do_noop},
                {"VRFY", do_vrfy}, {"QUIT", do_quit}};

static void command(struct drill_sink_session *s, struct drill_span line)
{
    size_t end = drill_span_find(line, ' ');
    struct drill_span verb = drill_span_sub(line, 0, end);
    struct drill_span rest = skip_blanks(drill_span_sub(line, end, SIZE_MAX));
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (drill_span_equal_nocase(verb, drill_span_str(commands[i].verb))) {
            commands[i].run(s, rest);
            return;
        }
    }
    reply(s, "500 5.5.2 not a command of this sink\r\n");
}

/* ---- a message ---- */

static void keep(struct drill_sink_session *s, struct drill_span bytes)
{
    struct drill_delivery *d = s->mail;
    size_t left = s->sink->config.keep - d->text.len;
    struct drill_span kept = drill_span_sub(bytes, 0, left);
    d->size += bytes.len;
    if (kept.len && !d->failed) {
        d->failed = !has_room(s, kept.len) || !drill_buf_append(&d->text, kept);
    }
}

static enum drill_sink_state behind(uint8_t c, enum drill_sink_state before)
{
    if (c == '\n' && before == SINK_TEXT_CR) {
        return SINK_LINE_START;
    }
    return c == '\r' ? SINK_TEXT_CR : SINK_TEXT;
}

static void end_message(struct drill_sink_session *s)
{
    struct drill_sink *sink = s->sink;
    struct drill_delivery *d = s->mail;
    s->state = SINK_COMMAND;
    s->owed = s->lmtp ? d->rcpt_count : 1;
    s->owed_text = d->failed ? NO_ROOM : TAKEN;
    s->mail = NULL;
    if (d->failed) {
        sink->refused++;
        delivery_free(sink, d);
        return;
    }
    d->message = drill_buf_span(&d->text);
    d->connection = s->connection;
    d->at = s->now;
    sink->held += delivery_held(d);
    sink->count++;
    *sink->end = d;
    sink->end = &d->next;
}

/* Bytes of a message, with the doubled dots undone; returns how many were of it. Its end is a dot
 * alone between two CRLFs, and nothing else (4.1.1.4). */
static size_t take_message(struct drill_sink_session *s, struct drill_span in)
{
    size_t from = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (s->state == SINK_LINE_START && c == '.') {
            keep(s, drill_span_sub(in, from, i - from));
            from = i + 1;
            s->state = SINK_DOT;
        } else if (s->state == SINK_DOT && c == '\r') {
            from = i + 1;
            s->state = SINK_DOT_CR;
        } else if (s->state == SINK_DOT_CR && c == '\n') {
            end_message(s);
            return i + 1;
        } else if (s->state == SINK_DOT_CR) {
            keep(s, drill_span_str("\r"));
            from = i;
            s->state = behind(c, SINK_TEXT_CR);
        } else {
            s->state = behind(c, s->state);
        }
    }
    keep(s, drill_span_sub(in, from, in.len - from));
    return in.len;
}

/* ---- bytes ---- */

static struct drill_span unread(const struct drill_sink_session *s)
{
    return drill_span_of(s->in + s->in_at, s->in_len - s->in_at);
}

/* False: no whole line is there. */
static bool take_command(struct drill_sink_session *s)
{
    struct drill_span in = unread(s);
    size_t lf = drill_span_find(in, '\n');
    if (lf == in.len) {
        if (in.len == sizeof(s->in)) {
            s->too_long = true;
            s->in_at = s->in_len;
        }
        return false;
    }
    s->in_at += lf + 1;
    if (s->too_long) {
        s->too_long = false;
        reply(s, "500 5.5.2 line too long\r\n");
    } else {
        command(s, drill_span_sub(in, 0, lf && in.ptr[lf - 1] == '\r' ? lf - 1 : lf));
    }
    return true;
}

/* As far as there are bytes, and room for replies. */
static void process(struct drill_sink_session *s)
{
    while (s->state != SINK_LEAVING && sizeof(s->out) - s->out_len >= REPLY_ROOM) {
        if (s->owed) {
            s->owed--;
            reply(s, s->owed_text);
        } else if (s->state != SINK_COMMAND) {
            struct drill_span in = unread(s);
            if (in.len == 0) {
                return;
            }
            s->in_at += take_message(s, in);
        } else if (!take_command(s)) {
            return;
        }
    }
}

static void add_bytes(struct drill_sink_session *s, struct drill_span bytes)
{
    size_t left = s->in_len - s->in_at;
    size_t n = bytes.len < sizeof(s->in) - left ? bytes.len : sizeof(s->in) - left;
    memmove(s->in, s->in + s->in_at, left);
    if (n) {
        memcpy(s->in + left, bytes.ptr, n);
    }
    s->in_at = 0;
    s->in_len = left + n;
}

static void wrote(struct drill_sink_session *s, size_t bytes)
{
    size_t left = s->out_len - s->out_at;
    s->out_at += bytes < left ? bytes : left;
    if (s->out_at == s->out_len) {
        s->out_at = 0;
        s->out_len = 0;
    }
}

/* ---- its connection ---- */

static bool in_message(const struct drill_sink_session *s)
{
    return s->state > SINK_COMMAND && s->state < SINK_LEAVING;
}

static void session_end(struct drill_sink_session *s)
{
    s->sink->torn += in_message(s);
    forget_mail(s);
    s->state = SINK_CLOSED;
}

static void session_begin(struct drill_sink_session *s)
{
    s->state = SINK_COMMAND;
    s->connection = ++s->sink->connections;
    s->lmtp = false;
    s->greeted = false;
    s->too_long = false;
    s->owed = 0;
    s->helo_len = 0;
    s->in_at = 0;
    s->in_len = 0;
    s->out_at = 0;
    s->out_len = 0;
    reply(s, "220 sink.milterdrill.test ESMTP\r\n");
}

void drill_sink_session_init(struct drill_sink_session *s, struct drill_sink *sink)
{
    memset(s, 0, sizeof(*s));
    s->sink = sink;
    s->state = SINK_CLOSED;
}

void drill_sink_session_fini(struct drill_sink_session *s)
{
    session_end(s);
}

void drill_sink_event(struct drill_sink_session *s, const struct drill_smtp_event *event)
{
    s->now = event->now;
    if (event->kind == DRILL_SMTP_OPENED && s->state == SINK_OPENING) {
        session_begin(s);
    } else if (event->kind == DRILL_SMTP_ENDED) {
        session_end(s);
    }
    if (s->state == SINK_CLOSED || s->state == SINK_OPENING) {
        return;
    }
    if (event->kind == DRILL_SMTP_BYTES) {
        add_bytes(s, event->bytes);
    } else if (event->kind == DRILL_SMTP_WROTE) {
        wrote(s, event->wrote);
    }
    process(s);
}

void drill_sink_wish(struct drill_sink_session *s, uint64_t now, struct drill_smtp_wish *wish)
{
    memset(wish, 0, sizeof(*wish));
    s->now = now;
    wish->until = DRILL_SMTP_NEVER;
    if (s->state == SINK_CLOSED) {
        s->state = SINK_OPENING;
        wish->kind = DRILL_SMTP_OPEN;
    } else if (s->state == SINK_LEAVING && s->out_len == 0) {
        session_end(s);
        wish->kind = DRILL_SMTP_CLOSE;
    } else {
        wish->kind = DRILL_SMTP_IO;
        if (s->state != SINK_OPENING) {
            wish->send = drill_span_of(s->out + s->out_at, s->out_len - s->out_at);
            wish->want = s->state == SINK_LEAVING ? 0 : sizeof(s->in) - (s->in_len - s->in_at);
        }
    }
}
