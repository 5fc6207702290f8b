/* SPDX-License-Identifier: MIT */
/*
 * What Postfix makes of a milter's replies. Sources: src/milter/milter8.c (milter8_event,
 * milter8_connect), src/cleanup/cleanup_milter.c (cleanup_milter_apply), src/smtpd/smtpd.c
 * (check_milter_reply: what a discard and a hold do to the events that follow).
 */
#include "session/postfix.h"

#include <stdio.h>

#include "session/several.h"

/* ---- faults ---- */

/* milter8_comm_error and milter8_conf_error: the connection is shut down. In smtpd the default
 * action answers all that follows; in cleanup it decides the message, and smtpd does not know. */
static void fail(struct drill_mta *mta, uint8_t command, bool set_up_wrongly)
{
    struct drill_span line = drill_postfix_default(mta, set_up_wrongly);
    bool reached = drill_mta_session_reach(mta, command);
    mta->failed = true;
    if (!drill_postfix_is_content(command)) {
        mta->own.reply = line;
    } else if (reached) {
        mta->own.flags |= POSTFIX_POISONED;
        if (drill_postfix_refuses(line)) {
            drill_mta_session_refuse(mta, DRILL_SMFIC_BODYEOB, line, drill_postfix_is_421(line));
        } else if (line.ptr) {
            drill_postfix_hold(mta);
        }
    }
    drill_mta_session_leave(mta, DRILL_AT_CLOSE);
}

void drill_postfix_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t)
{
    if (mta->stopped || mta->cursor.at == DRILL_AT_DONE || drill_mta_session_is_over(mta)) {
        return; /* nobody reads any more, or nobody cares */
    }
    uint8_t command = drill_mta_session_at(mta);
    drill_postfix_warn_of(mta, command, t);
    fail(mta, command, false);
}

static void invalid(struct drill_mta *mta, uint8_t command, const char *text)
{
    struct drill_mta_trouble t = {.fault = DRILL_MTA_INVALID, .text = text};
    drill_postfix_warn_of(mta, command, &t);
    fail(mta, command, false);
}

static void wrong(struct drill_mta *mta, uint8_t command, const char *text)
{
    mta->own.flags &= ~(uint32_t)POSTFIX_WARNED;
    drill_postfix_warn(mta, command, text);
    fail(mta, command, true);
}

/* ---- negotiation ---- */

/* The events that the version on the milter's side does not know either; a version for which there
 * are no words hides nothing. */
static uint32_t hidden_events(uint32_t offered, int32_t answered)
{
    const uint32_t young = DRILL_SMFIP_NOUNKNOWN | DRILL_SMFIP_NODATA;
    uint32_t hidden = young & ~drill_proto_steps_of(offered);
    if (answered >= 2 && answered < (int32_t)offered) {
        hidden |= young & ~drill_proto_steps_of((uint32_t)answered);
    }
    return hidden;
}

/* Lists of macro names behind the three words. False: one is broken. */
static bool take_lists(struct drill_mta *mta, const struct drill_message *reply)
{
    struct drill_span rest = drill_span_sub(reply->payload, 12, reply->payload.len), names;
    uint32_t stage;
    char text[256];
    while (rest.len) {
        if (drill_postfix_unreadable_list(mta, &rest, &stage, &names, text, sizeof(text))) {
            mta->own.flags &= ~(uint32_t)POSTFIX_WARNED;
            drill_postfix_warn(mta, DRILL_SMFIC_OPTNEG, text);
            return false;
        }
        if (stage >= DRILL_MTA_LISTS) {
            (void)snprintf(text, sizeof(text), "ignoring unknown macro type %u", (unsigned)stage);
            drill_postfix_warn(mta, DRILL_SMFIC_OPTNEG, text);
        } else {
            mta->own.list[stage] = drill_arena_copy(mta->arena, names);
            mta->no_memory |= !mta->own.list[stage].ptr;
        }
    }
    return true;
}

/* Why the answer is refused, in `text`. */
static bool conflicts(const struct drill_mta *mta, char *text, size_t cap)
{
    int32_t version = (int32_t)mta->agreed.version;
    if (version > (int32_t)mta->settings->version) {
        (void)snprintf(text, cap, "protocol version %d conflict with MTA protocol version %u",
                       (int)version, (unsigned)mta->settings->version);
        return true;
    }
    if (mta->agreed.actions & ~mta->settings->actions) {
        (void)snprintf(text, cap, "request mask 0x%x conflict with MTA request mask 0x%x",
                       (unsigned)mta->agreed.actions, (unsigned)mta->settings->actions);
        return true;
    }
    return false;
}

/* Protocol bits that were never offered are taken, and gone by. */
static void negotiated(struct drill_mta *mta, const struct drill_message *reply)
{
    char text[128];
    mta->agreed.version = reply->number[0];
    mta->agreed.actions = reply->number[1];
    mta->agreed.protocol = reply->number[2];
    if (conflicts(mta, text, sizeof(text))) {
        mta->own.flags &= ~(uint32_t)POSTFIX_WARNED;
        drill_postfix_warn(mta, DRILL_SMFIC_OPTNEG, text);
        fail(mta, DRILL_SMFIC_OPTNEG, false);
        return;
    }
    int32_t version = (int32_t)mta->agreed.version;
    mta->own.hidden = hidden_events(mta->settings->version, version);
    if (version < 2) {
        (void)snprintf(text, sizeof(text), "unexpected protocol version %d", (int)version);
        drill_postfix_warn(mta, DRILL_SMFIC_OPTNEG, text);
    }
    if (!take_lists(mta, reply)) {
        fail(mta, DRILL_SMFIC_OPTNEG, false);
        return;
    }
    mta->cursor.steps = mta->agreed.protocol;
    mta->negotiated = true;
}

/* ---- verdicts ---- */

/* A verdict at CONNECT or HELO stands for the session, and the milter is left. */
static bool is_early(uint8_t command)
{
    return command == DRILL_SMFIC_CONNECT || command == DRILL_SMFIC_HELO;
}

static void refuse(struct drill_mta *mta, uint8_t command, struct drill_span line)
{
    bool content = drill_postfix_is_content(command);
    if (command == DRILL_SMFIC_UNKNOWN) {
        return; /* of an unknown verb: smtpd's own 500 stands, or a 4xx replaces it */
    }
    if (is_early(command)) {
        mta->own.reply = line;
        (void)drill_mta_session_reach(mta, command);
        drill_several_halt(mta, command, drill_postfix_line(line), false);
        drill_postfix_note(mta, command, "milter-reject", drill_postfix_line(line));
        drill_mta_session_leave(mta, DRILL_AT_CLOSE);
    } else if (drill_mta_session_reach(mta, command)) {
        drill_postfix_note(mta, command, "milter-reject",
                           content ? drill_span_sub(line, 4, line.len) : line);
        drill_mta_session_refuse(mta, content ? (uint8_t)DRILL_SMFIC_BODYEOB : command, line,
                                 drill_postfix_is_421(line));
    }
}

/* milter.c: any answer that is not "go on" ends the loop over the milters, a hold as well. */
static void over_for_all(struct drill_mta *mta)
{
    drill_several_halt(mta, DRILL_SMFIC_BODYEOB, drill_span_str(""), true);
}

/* The process cleanup is done with the message; it may have a hold to report. */
static void conclude(struct drill_mta *mta, uint8_t command)
{
    if (mta->own.flags & POSTFIX_HELD) {
        mta->own.flags |= POSTFIX_HOLD;
        drill_postfix_note(mta, command, "milter-hold",
                           drill_span_str("milter triggers HOLD action"));
        over_for_all(mta);
    }
    drill_mta_session_unseen(mta);
}

static void go_on(struct drill_mta *mta, uint8_t command)
{
    if (!drill_mta_session_reach(mta, command)) {
        return;
    }
    bool held = drill_postfix_is_content(command) && mta->own.flags & POSTFIX_HELD;
    if (command == DRILL_SMFIC_BODYEOB || held) {
        conclude(mta, command);
    } else {
        drill_mta_session_pass(mta, command);
    }
}

static void accept(struct drill_mta *mta, uint8_t command)
{
    if (is_early(command)) {
        (void)drill_mta_session_reach(mta, command);
        drill_mta_session_leave(mta, DRILL_AT_CLOSE);
    } else if (drill_mta_session_reach(mta, command)) {
        conclude(mta, command);
    }
}

static void discard(struct drill_mta *mta, uint8_t command)
{
    if (is_early(command)) {
        mta->own.flags &= ~(uint32_t)POSTFIX_WARNED;
        drill_postfix_warn(mta, command, "DISCARD action is not allowed for connect or helo");
        go_on(mta, command);
    } else if (drill_mta_session_reach(mta, command)) {
        mta->own.flags |= POSTFIX_DISCARD;
        drill_postfix_note(mta, command, "milter-discard",
                           drill_span_str("milter triggers DISCARD action"));
        over_for_all(mta);
        drill_mta_session_unseen(mta);
    }
}

/* Before 3.11 a shutdown in cleanup sets a bit of another word, which there means discard
 * (CLEANUP_STAT_CONT in state->flags): the client is told that its mail was queued. */
static void shut_down(struct drill_mta *mta, uint8_t command)
{
    if (is_early(command)) {
        refuse(mta, command, drill_span_str("S"));
        return;
    }
    if (command == DRILL_SMFIC_UNKNOWN) {
        mta->own.reply = drill_span_str("S");
        drill_mta_session_leave(mta, DRILL_AT_CLOSE);
        return;
    }
    if (drill_postfix_is_content(command)) {
        if (drill_postfix_is_3_11(mta)) {
            refuse(mta, command, drill_span_str("421 4.7.0 Service unavailable"));
        } else if (drill_mta_session_reach(mta, command)) {
            struct drill_message dropped;
            (void)drill_message_init(&dropped, DRILL_TO_MTA, DRILL_SMFIR_DISCARD);
            drill_mta_modified(mta, &dropped, 0); /* as good as */
            mta->own.flags |= POSTFIX_DISCARD;
            drill_postfix_note(mta, command, "milter-reject",
                               drill_span_str("message content rejected"));
            over_for_all(mta);
            drill_mta_session_unseen(mta);
        }
        return;
    }
    refuse(mta, command, drill_postfix_line(drill_span_str("S")));
    drill_mta_session_leave(mta, DRILL_AT_CLOSE);
}

/* skip_event_type holds until the next event of another type: it tells where a type repeats. */
static void skip(struct drill_mta *mta, uint8_t command)
{
    struct drill_mta_cursor *c = &mta->cursor;
    if (command == DRILL_SMFIC_RCPT && c->at == DRILL_AT_RCPT) {
        c->rcpt = (uint32_t)c->message->rcpts;
    } else if (command == DRILL_SMFIC_HEADER && c->at >= DRILL_AT_HEADER && c->at < DRILL_AT_EOH) {
        c->at = DRILL_AT_EOH;
    } else if (command == DRILL_SMFIC_BODY && c->at == DRILL_AT_BODY) {
        c->at = DRILL_AT_EOB;
    }
    go_on(mta, command);
}

/* ---- REPLYCODE ---- */

static bool is_digit(struct drill_span s, size_t i)
{
    return i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9';
}

/* 3.7 looks at the first line only: three digits, a blank or a dash, and if a digit follows, the
 * class again. */
static bool is_smtp_line(struct drill_span s)
{
    return s.len > 3 && (s.ptr[0] == '4' || s.ptr[0] == '5') && is_digit(s, 1) && is_digit(s, 2) &&
           (s.ptr[3] == ' ' || s.ptr[3] == '-') && (!is_digit(s, 4) || s.ptr[4] == s.ptr[0]);
}

/* milter8_valid_smtp_reply (3.11): each line, the last with a blank, others with a dash. */
static bool is_smtp_reply(struct drill_span s)
{
    while (s.len) {
        size_t end = drill_span_find(s, '\r'), lf = drill_span_find(s, '\n');
        end = lf < end ? lf : end;
        bool last = end == s.len;
        struct drill_span line = drill_span_sub(s, 0, end);
        if (!is_smtp_line(line) || line.ptr[3] != (last ? ' ' : '-')) {
            return false;
        }
        if (last) {
            return true;
        }
        if (end + 1 >= s.len || s.ptr[end] != '\r' || s.ptr[end + 1] != '\n') {
            return false;
        }
        s = drill_span_sub(s, end + 2, s.len);
    }
    return false;
}

/* What smtpd makes of the text: each line but the last has a dash behind its code (smtpd_chat.c).
 * One that comes through cleanup is ASCII without controls, but for CR and LF. */
static void tidy(uint8_t *p, size_t len, bool content)
{
    size_t line = 0;
    for (size_t i = 0; i < len; i++) {
        if (i + 2 < len && p[i] == '\r' && p[i + 1] == '\n') {
            if (i > line + 3) {
                p[line + 3] = '-';
            }
            line = i + 2;
        }
        if (content && (p[i] < ' ' || p[i] > '~') && p[i] != '\r' && p[i] != '\n') {
            p[i] = ' ';
        }
    }
}

/* Up to a NUL (without one 3.7 goes on into what its buffer held before), "%%" as "%", a single "%"
 * dropped. */
static struct drill_span reply_line(struct drill_mta *mta, uint8_t command,
                                    struct drill_span payload)
{
    struct drill_span s = drill_span_sub(payload, 0, drill_span_find(payload, 0));
    uint8_t *p = drill_arena_take(mta->arena, s.len + 1);
    if (!p) {
        mta->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    struct drill_writer w = drill_writer_of(p, s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        i += s.ptr[i] == '%';
        if (i < s.len) {
            drill_write_u8(&w, s.ptr[i]);
        }
    }
    tidy(p, drill_writer_span(&w).len, drill_postfix_is_content(command));
    return drill_writer_span(&w);
}

static void reply_code(struct drill_mta *mta, uint8_t command, const struct drill_message *reply)
{
    struct drill_span s = reply->payload;
    size_t nul = drill_span_find(s, 0);
    bool modern = drill_postfix_is_3_11(mta);
    struct drill_span said = drill_span_sub(s, 0, nul);
    bool good = modern ? nul + 1 >= s.len && is_smtp_reply(said) : is_smtp_line(said);
    if (!good) {
        char text[160];
        (void)snprintf(text, sizeof(text), "malformed reply: %.*s",
                       said.len < 100 ? (int)said.len : 100, (const char *)said.ptr);
        wrong(mta, command, text);
        return;
    }
    refuse(mta, command, reply_line(mta, command, s));
}

/* ---- modifications ---- */

/* Not a verdict: what is read next decides; but the hold stays, in smtpd for the session. */
static void quarantine(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                       uint32_t size)
{
    if (drill_postfix_is_content(command)) {
        mta->own.flags |= POSTFIX_HELD;
    } else {
        mta->own.reply = drill_span_str("H");
        mta->own.flags |= POSTFIX_HOLD;
    }
    drill_mta_modified(mta, reply, size);
}

/* False: it is refused, and the connection with it. */
static bool modify(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    uint32_t *flags = &mta->own.flags;
    if (reply->code == DRILL_SMFIR_CHGHEADER && reply->str[0].len == 0) {
        wrong(mta, DRILL_SMFIC_BODYEOB, "null change header name");
        return false;
    }
    if (reply->code == DRILL_SMFIR_REPLBODY && *flags & POSTFIX_BODY_END) {
        wrong(mta, DRILL_SMFIC_BODYEOB,
              "body replacement requests can't currently be mixed with other requests");
        return false;
    }
    if (reply->code == DRILL_SMFIR_REPLBODY) {
        *flags |= POSTFIX_BODY;
    }
    drill_mta_modified(mta, reply, size);
    return true;
}

/* ---- replies ---- */

static bool is_verdict(struct drill_mta *mta, uint8_t command, const struct drill_message *reply)
{
    switch (reply->code) {
    case DRILL_SMFIR_CONTINUE: go_on(mta, command); return true;
    case DRILL_SMFIR_ACCEPT: accept(mta, command); return true;
    case DRILL_SMFIR_DISCARD: discard(mta, command); return true;
    case DRILL_SMFIR_REJECT:
        refuse(mta, command, drill_span_str("550 5.7.1 Command rejected"));
        return true;
    case DRILL_SMFIR_TEMPFAIL:
        refuse(mta, command, drill_span_str("451 4.7.1 Service unavailable - try again later"));
        return true;
    case DRILL_SMFIR_SHUTDOWN: shut_down(mta, command); return true;
    case DRILL_SMFIR_SKIP: skip(mta, command); return true;
    case DRILL_SMFIR_REPLYCODE: reply_code(mta, command, reply); return true;
    default: return false;
    }
}

bool drill_postfix_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                         uint32_t size)
{
    struct drill_mta_trouble t = {.fault = DRILL_MTA_UNEXPECTED, .reply = reply};
    char text[256];
    bool handshake = command == DRILL_SMFIC_OPTNEG;
    bool eob = command == DRILL_SMFIC_BODYEOB;
    bool modifies = reply->code != DRILL_SMFIR_QUARANTINE && drill_state_action(reply->code);
    if (handshake != (reply->code == DRILL_SMFIR_OPTNEG) || (modifies && !eob)) {
        drill_postfix_warn_of(mta, command, &t);
        fail(mta, command, false);
        return true;
    }
    if (drill_postfix_unreadable(mta, command, reply, size, text, sizeof(text))) {
        invalid(mta, command, text);
        return true;
    }
    if (handshake) {
        negotiated(mta, reply);
        return true;
    }
    if (reply->code != DRILL_SMFIR_REPLBODY && mta->own.flags & POSTFIX_BODY) {
        mta->own.flags |= POSTFIX_BODY_END; /* by whatever comes next */
    }
    if (reply->code == DRILL_SMFIR_PROGRESS) {
        return false;
    }
    if (reply->code == DRILL_SMFIR_QUARANTINE) {
        quarantine(mta, command, reply, size);
        return false;
    }
    if (modifies) {
        return !modify(mta, reply, size);
    }
    if (!is_verdict(mta, command, reply)) {
        drill_postfix_warn_of(mta, command, &t);
        fail(mta, command, false);
    }
    return true;
}
