/* SPDX-License-Identifier: MIT */
/*
 * What Sendmail makes of a milter's replies, and what it logs. Sources: sendmail/milter.c
 * (milter_negotiate, milter_send_command, milter_headers, milter_body, milter_data,
 * milter_sysread, milter_write, milter_error), sendmail/srvrsmtp.c (milter_connect's and
 * milter_helo's callers, MILTER_REPLY, smtp_data).
 */
#include "session/sendmail.h"

#include <stdio.h>
#include <string.h>

#include "session/several.h"

enum { LIBRARY_VERSION = 0x1000001 }; /* SMFI_VERSION: what an answer is compared with */

/* ---- log lines ---- */

static bool is_content(uint8_t command)
{
    return command == DRILL_SMFIC_HEADER || command == DRILL_SMFIC_EOH ||
           command == DRILL_SMFIC_BODY || command == DRILL_SMFIC_BODYEOB;
}

/* The word of milter_send_command, and that of the functions which read and write. */
static const char *action_word(uint8_t command, bool where)
{
    switch (command) {
    case DRILL_SMFIC_OPTNEG: return "negotiate";
    case DRILL_SMFIC_CONNECT: return "connect";
    case DRILL_SMFIC_HELO: return "helo";
    case DRILL_SMFIC_MAIL: return "mail";
    case DRILL_SMFIC_RCPT: return "rcpt";
    case DRILL_SMFIC_DATA: return "data";
    case DRILL_SMFIC_HEADER: return "header";
    case DRILL_SMFIC_EOH: return "eoh";
    case DRILL_SMFIC_BODY: return where ? "last body chunk" : "body";
    case DRILL_SMFIC_BODYEOB: return "eom";
    default: return "unknown";
    }
}

/* A line more, beginning with the filter's name where `format` has it. */
static void log_more(struct drill_mta *mta, const char *before, const char *behind)
{
    struct drill_span id = mta->settings->id;
    size_t len = strlen(mta->log);
    (void)snprintf(mta->log + len, sizeof(mta->log) - len, "%s%s(%.*s)%s", len ? "\n" : "", before,
                   id.len < 80 ? (int)id.len : 80, (const char *)id.ptr, behind);
}

static void log_error_state(struct drill_mta *mta)
{
    log_more(mta, "Milter ", ": to error state");
}

static void log_stream(struct drill_mta *mta, uint8_t command, const struct drill_mta_trouble *t)
{
    const struct drill_client *client = mta->cursor.client;
    struct drill_span peer = client && client->host.len ? client->host : drill_span_str("client");
    char line[160];
    if (command == 0) {
        (void)snprintf(line, sizeof(line), ": error connecting to filter: %s",
                       t->fault == DRILL_MTA_TIMEOUT || t->how == DRILL_END_ERROR
                           ? "Connection timed out"
                           : "Connection refused");
        log_more(mta, "Milter ", line);
    } else if (t->fault == DRILL_MTA_TIMEOUT) {
        (void)snprintf(line, sizeof(line), ": timeout %s data %s, where=%s",
                       t->reading ? "during" : "before", mta->awaited ? "read" : "write",
                       action_word(command, true));
        log_more(mta, "Milter ", line);
    } else if (t->how == DRILL_END_RST) { /* sm_errstring names the host that it talks SMTP with */
        (void)snprintf(line, sizeof(line), ": read returned -1: Connection reset by %.*s",
                       peer.len < 60 ? (int)peer.len : 60, (const char *)peer.ptr);
        log_more(mta, "Milter ", line);
    } else if (t->how == DRILL_END_EPIPE) {
        (void)snprintf(line, sizeof(line), ": write(%c) returned -1, expected 5: Broken pipe",
                       command);
        log_more(mta, "Milter ", line);
    } else {
        log_more(mta, "milter_sys_read", ": cmd read returned 0, expecting 5");
    }
}

/* ---- faults ---- */

/* milter_error: the filter is not asked again in this session, and what F= says answers for it.
 * After a bogus reply the command that it was a reply to goes well. */
static void fail(struct drill_mta *mta, uint8_t command, bool bogus)
{
    log_error_state(mta);
    if (command == 0 || command == DRILL_SMFIC_OPTNEG) {
        log_more(mta, "Milter ", ": init failed to open"); /* the socket is closed by now */
    }
    mta->failed = true;
    if (drill_mta_session_reach(mta, command) && bogus && !is_content(command)) {
        drill_mta_session_pass(mta, command);
    }
    mta->own.state = SENDMAIL_ERROR;
    drill_mta_session_leave(mta, DRILL_AT_CLOSE);
}

static void bogus(struct drill_mta *mta, uint8_t command, uint8_t code)
{
    char line[120];
    uint8_t shown = code >= ' ' && code < 0x7F ? code : (uint8_t)'?';
    mta->log[0] = '\0';
    if (command == DRILL_SMFIC_BODYEOB) {
        (void)snprintf(line, sizeof(line), ": returned bogus response %c", shown);
        log_more(mta, "milter_data", line);
    } else {
        (void)snprintf(line, sizeof(line), ": action=%s returned bogus response %c",
                       action_word(command, false), shown);
        log_more(mta, "milter_send_command", line);
    }
    fail(mta, command, true);
}

/* It adds no header: where one might be, the end of them is next. */
static uint8_t at_command(const struct drill_mta *mta)
{
    uint8_t at = mta->cursor.at;
    bool added = !mta->awaited && at >= DRILL_AT_MESSAGE_ID && at <= DRILL_AT_FROM;
    return added ? (uint8_t)DRILL_SMFIC_EOH : drill_mta_session_at(mta);
}

/* A length of 0 less one is taken for 4 GiB: the process that serves this client dies (D-1). */
static void die(struct drill_mta *mta, uint8_t command)
{
    static const uint8_t STAGES[] = {
        [DRILL_AT_CONNECT] = DRILL_SMFIC_CONNECT, [DRILL_AT_HELO] = DRILL_SMFIC_HELO,
        [DRILL_AT_MAIL] = DRILL_SMFIC_MAIL,       [DRILL_AT_RCPT] = DRILL_SMFIC_RCPT,
        [DRILL_AT_DATA] = DRILL_SMFIC_DATA,       [DRILL_AT_EOB] = DRILL_SMFIC_BODYEOB};
    const struct drill_mta_cursor *client = &mta->own.smtp;
    (void)drill_mta_session_reach(mta, command);
    if (client->at < DRILL_AT_BYE) {
        bool message = client->at >= DRILL_AT_MAIL;
        drill_mta_session_tell(mta, STAGES[client->at], drill_span_str(""), message);
        drill_mta_session_bye(mta);
    }
    mta->failed = true;
    drill_mta_session_leave(mta, DRILL_AT_CLOSE);
}

void drill_sendmail_trouble(struct drill_mta *mta, const struct drill_mta_trouble *t)
{
    if (mta->stopped || mta->cursor.at == DRILL_AT_DONE || drill_mta_session_is_over(mta)) {
        return;
    }
    uint8_t command = at_command(mta);
    mta->log[0] = '\0';
    if (t->fault == DRILL_MTA_GARBLED && t->length == 0) {
        die(mta, command);
        return;
    }
    log_stream(mta, command, t);
    fail(mta, command, false);
}

/* milter_write refuses a frame that is too large, before it sends any of it. */
void drill_sendmail_settle(struct drill_mta *mta)
{
    const struct drill_mta_cursor *c = &mta->cursor;
    char line[80];
    drill_mta_session_settle(mta);
    if (!mta->open || mta->stopped || c->at != DRILL_AT_HEADER ||
        c->header->value.len + c->header->name.len < SENDMAIL_MAX_DATA - 2) {
        return;
    }
    size_t size = drill_sendmail_header_size(c);
    if (size > SENDMAIL_MAX_DATA) {
        (void)snprintf(line, sizeof(line), ": length %zu out of range, cmd=L", size);
        mta->log[0] = '\0';
        log_more(mta, "milter_write", line);
        fail(mta, DRILL_SMFIC_HEADER, false);
    }
}

/* ---- negotiation ---- */

/* milter_getsymlist: of a list that it does not know it takes nothing more, without a word. */
static void take_lists(struct drill_mta *mta, const struct drill_message *reply)
{
    struct drill_reader r = drill_reader_of(drill_span_sub(reply->payload, 12, reply->payload.len));
    struct drill_span names;
    uint32_t stage;
    while (drill_read_be32(&r, &stage) && stage < DRILL_MTA_LISTS && drill_read_str(&r, &names)) {
        mta->own.list[stage] = drill_arena_copy(mta->arena, names);
        mta->own.lists |= (uint8_t)(1u << stage);
        mta->no_memory |= !mta->own.list[stage].ptr;
    }
}

/* Why the answer is refused, in `line`. */
static bool conflicts(const struct drill_mta *mta, const struct drill_agreed *said, char *line,
                      size_t cap)
{
    const struct drill_settings *s = mta->settings;
    if (said->version == 1 || said->version > LIBRARY_VERSION) {
        (void)snprintf(line, cap, ": negotiate: version %d != MTA milter version %d",
                       (int)said->version, LIBRARY_VERSION);
    } else if (said->actions & ~s->actions) {
        (void)snprintf(line, cap, ": negotiate: filter abilities 0x%x != MTA milter abilities 0x%x",
                       (unsigned)said->actions, (unsigned)s->actions);
    } else if (said->protocol & ~s->protocol) {
        (void)snprintf(line, cap,
                       ": negotiate: protocol abilities 0x%x != MTA milter abilities 0x%x",
                       (unsigned)said->protocol, (unsigned)s->protocol);
    } else {
        return false;
    }
    return true;
}

static void negotiate(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    struct drill_agreed said = {reply->number[0], reply->number[1], reply->number[2]};
    char line[128] = "";
    uint8_t shown = reply->code >= ' ' && reply->code < 0x7F ? reply->code : (uint8_t)'?';
    if (reply->code != DRILL_SMFIR_OPTNEG) {
        (void)snprintf(line, sizeof(line), ": negotiate: returned %c instead of O", shown);
    } else if (size < 12) {
        (void)snprintf(line, sizeof(line), ": negotiate: did not return %s info",
                       size < 4 ? "valid" : "enough");
    }
    if (line[0] || conflicts(mta, &said, line, sizeof(line))) {
        mta->log[0] = '\0';
        log_more(mta, "Milter ", line);
        fail(mta, DRILL_SMFIC_OPTNEG, false);
        return;
    }
    take_lists(mta, reply);
    mta->agreed = said;
    mta->cursor.steps = said.protocol | (said.version <= 2 ? DRILL_SMFIP_NOUNKNOWN : 0) |
                        (said.version <= 3 ? DRILL_SMFIP_NODATA : 0);
    mta->negotiated = true;
}

/* ---- verdicts ---- */

static bool is_early(uint8_t command)
{
    return command == DRILL_SMFIC_CONNECT || command == DRILL_SMFIC_HELO;
}

void drill_sendmail_begin(struct drill_mta *mta)
{
    mta->own.flags &= ~(uint32_t)(SENDMAIL_DISCARD | SENDMAIL_BODY_REFUSED);
    mta->skip = 0;
}

/* The filter has said `continue` to MAIL: from now on it is in the message (SMFS_INMSG), until it
 * has a verdict at the end, or is done with it. */
static void note_in_message(struct drill_mta *mta, bool in)
{
    mta->own.message = in ? mta->cursor.message_number : 0;
}

/* A refusal at CONNECT or HELO: the session goes on without the filter, to be refused at MAIL. */
static void refuse_session(struct drill_mta *mta, uint8_t command, struct drill_span line)
{
    bool closing = drill_sendmail_is_421(line);
    bool reject = line.len && line.ptr[0] == '5';
    (void)drill_mta_session_reach(mta, command);
    drill_several_halt(mta, command, line, false);
    if (command == DRILL_SMFIC_CONNECT) { /* of a REPLYCODE only its class counts there */
        mta->own.reply = reject ? drill_span_str("550 5.0.0 Command rejected")
                                : drill_span_str("451 4.3.2 Please try again later");
        mta->own.flags |= closing ? SENDMAIL_CLOSING : reject ? SENDMAIL_REJECTING : 0;
    } else {
        mta->own.reply = line;
        mta->own.flags |= closing ? SENDMAIL_CLOSING : 0;
    }
    drill_mta_session_leave(mta, DRILL_AT_QUIT);
}

static void refuse(struct drill_mta *mta, uint8_t command, struct drill_span line)
{
    bool content = is_content(command);
    if (command == DRILL_SMFIC_UNKNOWN || !drill_mta_session_reach(mta, command)) {
        return;
    }
    if (content) {
        note_in_message(mta, false);
    }
    drill_mta_session_refuse(mta, content ? (uint8_t)DRILL_SMFIC_BODYEOB : command,
                             drill_sendmail_line(mta, command, line), drill_sendmail_is_421(line));
}

static void reject(struct drill_mta *mta, uint8_t command)
{
    if (is_early(command)) {
        refuse_session(mta, command, drill_span_str("550 5.0.0 Command rejected"));
    } else {
        refuse(mta, command,
               drill_span_str(is_content(command) ? "554 5.7.1 Command rejected"
                                                  : "550 5.7.1 Command rejected"));
    }
}

static void temp_fail(struct drill_mta *mta, uint8_t command)
{
    struct drill_span line = drill_span_str("451 4.3.2 Please try again later");
    if (is_early(command)) {
        refuse_session(mta, command, line);
    } else {
        refuse(mta, command, line);
    }
}

/* The filter is done with this message, or with the session: all goes on without it. */
static void accept(struct drill_mta *mta, uint8_t command)
{
    bool reached = drill_mta_session_reach(mta, command);
    if (is_early(command)) {
        drill_mta_session_leave(mta, DRILL_AT_QUIT);
    } else if (reached) {
        note_in_message(mta, false);
        drill_mta_session_unseen(mta);
    }
}

static void go_on(struct drill_mta *mta, uint8_t command)
{
    bool reached = drill_mta_session_reach(mta, command);
    if (command == DRILL_SMFIC_BODYEOB) {
        if (mta->own.flags & SENDMAIL_BODY_REFUSED) {
            temp_fail(mta, command);
        } else {
            accept(mta, command);
        }
        return;
    }
    if (reached) {
        if (command == DRILL_SMFIC_MAIL) {
            note_in_message(mta, true);
        }
        drill_mta_session_pass(mta, command);
    }
}

/* Before a message a discard is not seen; but at CONNECT the filter is left (D-5). In one it is:
 * nothing more is sent, but for an ABORT where the filter is in the message and will not see its
 * end. */
static void discard(struct drill_mta *mta, uint8_t command)
{
    if (command == DRILL_SMFIC_CONNECT) {
        accept(mta, command);
    } else if (command == DRILL_SMFIC_HELO || !drill_mta_session_reach(mta, command)) {
        go_on(mta, command);
    } else {
        bool abort = command == DRILL_SMFIC_RCPT || command == DRILL_SMFIC_DATA;
        drill_several_halt(mta, DRILL_SMFIC_BODYEOB, drill_span_str(""), true);
        drill_mta_session_unseen(mta);
        note_in_message(mta, abort && mta->own.message == mta->cursor.message_number);
        mta->own.flags |= SENDMAIL_DISCARD;
    }
}

/* SMFS_SKIP is no state in which the filter is asked anything (D-3): only milter_data does not
 * look, until it comes to the body, which then is left out. */
static void skip(struct drill_mta *mta, uint8_t command)
{
    struct drill_mta_cursor *c = &mta->cursor;
    switch (command) {
    case DRILL_SMFIC_HEADER:
    case DRILL_SMFIC_EOH: mta->skip = 1; break;
    case DRILL_SMFIC_BODY: c->at = c->at == DRILL_AT_BODY ? (uint8_t)DRILL_AT_EOB : c->at; break;
    case DRILL_SMFIC_BODYEOB: bogus(mta, command, DRILL_SMFIR_SKIP); return;
    default:
        (void)drill_mta_session_reach(mta, command);
        drill_mta_session_leave(mta, DRILL_AT_QUIT);
        return;
    }
    go_on(mta, command);
}

/* ---- REPLYCODE ---- */

static struct drill_span default_line(uint8_t command)
{
    switch (command) {
    case DRILL_SMFIC_CONNECT: return drill_span_str("554 Command rejected");
    case DRILL_SMFIC_HELO: return drill_span_str("550 Command rejected");
    case DRILL_SMFIC_BODY:
    case DRILL_SMFIC_BODYEOB: return drill_span_str("554 5.7.1 Command rejected");
    default: return drill_span_str("550 5.7.1 Command rejected");
    }
}

/* MILTER_CHECK_REPLYCODE: one string and no more, a class of 4 or 5 and two digits, and each "%"
 * doubled, for it is a format. What is not gets the default. */
static struct drill_span reply_line(struct drill_mta *mta, uint8_t command,
                                    const struct drill_message *reply, uint32_t size)
{
    struct drill_span s = reply->payload;
    size_t nul = drill_span_find(s, 0);
    bool good = s.len == size && nul + 1 == s.len && s.len >= 4 &&
                (s.ptr[0] == '4' || s.ptr[0] == '5') && s.ptr[1] >= '0' && s.ptr[1] <= '9' &&
                s.ptr[2] >= '0' && s.ptr[2] <= '9';
    uint8_t *p = good ? drill_arena_take(mta->arena, s.len) : NULL;
    if (!p) {
        mta->no_memory |= good;
        return default_line(command);
    }
    struct drill_writer w = drill_writer_of(p, s.len);
    for (size_t i = 0; i < nul; i++) {
        if (s.ptr[i] == '%' && s.ptr[++i] != '%') {
            return default_line(command);
        }
        drill_write_u8(&w, s.ptr[i]);
    }
    return drill_writer_span(&w);
}

static void reply_code(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                       uint32_t size)
{
    struct drill_span line = reply_line(mta, command, reply, size);
    if (is_early(command)) {
        refuse_session(mta, command, line);
    } else {
        refuse(mta, command, line);
    }
}

/* ---- modifications ---- */

/* Exactly the strings that it wants, or it passes the frame over without a word. CHGFROM and
 * ADDRCPT_PAR may have more of them. */
static bool is_taken(const struct drill_message *reply)
{
    struct drill_reader r = drill_reader_of(reply->payload);
    struct drill_span first, s;
    uint32_t index;
    switch (reply->code) {
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER:
        if (!drill_read_be32(&r, &index)) {
            return false;
        } /* fall through */
    case DRILL_SMFIR_ADDHEADER:
        return drill_read_str(&r, &first) && first.len && drill_read_str(&r, &s) &&
               drill_reader_left(&r) == 0;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_DELRCPT:
        return drill_read_str(&r, &first) && first.len && drill_reader_left(&r) == 0;
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_CHGFROM: return drill_read_str(&r, &first) && first.len;
    default: return true;
    }
}

static void note_lie(struct drill_mta *mta, uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *line;
    } LIES[] = {
        {DRILL_SMFIR_QUARANTINE, ": lied about quarantining, honoring request anyway"},
        {DRILL_SMFIR_ADDHEADER, ": lied about adding headers, honoring request anyway"},
        {DRILL_SMFIR_INSHEADER, ": lied about adding headers, honoring request anyway"},
        {DRILL_SMFIR_CHGHEADER, ": lied about changing headers, honoring request anyway"},
        {DRILL_SMFIR_CHGFROM, " lied about changing sender, honoring request anyway"},
        {DRILL_SMFIR_ADDRCPT, " lied about adding recipients, honoring request anyway"},
        {DRILL_SMFIR_ADDRCPT_PAR,
         " lied about adding recipients with parameters, honoring request anyway"},
        {DRILL_SMFIR_DELRCPT, ": lied about removing recipients, honoring request anyway"},
        {DRILL_SMFIR_REPLBODY,
         ": lied about replacing body, rejecting request and tempfailing message"},
    };
    for (size_t i = 0; i < sizeof(LIES) / sizeof(LIES[0]); i++) {
        if (LIES[i].code == code) {
            mta->log[0] = '\0';
            log_more(mta, "milter_data", LIES[i].line);
        }
    }
}

static void modify(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    bool agreed = drill_state_action(reply->code) & mta->agreed.actions;
    if (!agreed) {
        note_lie(mta, reply->code);
    }
    if (!agreed && reply->code == DRILL_SMFIR_REPLBODY) {
        mta->own.flags |= SENDMAIL_BODY_REFUSED;
    } else if (reply->payload.len < size || is_taken(reply)) {
        drill_mta_modified(mta, reply, size);
    }
}

/* ---- replies ---- */

bool drill_sendmail_reply(struct drill_mta *mta, uint8_t command, const struct drill_message *reply,
                          uint32_t size)
{
    bool eob = command == DRILL_SMFIC_BODYEOB;
    if (command == DRILL_SMFIC_OPTNEG) {
        negotiate(mta, reply, size);
        return true;
    }
    if (eob && drill_state_action(reply->code)) {
        modify(mta, reply, size);
        return false;
    }
    switch (reply->code) {
    case DRILL_SMFIR_CONTINUE: go_on(mta, command); break;
    case DRILL_SMFIR_ACCEPT:
        if (eob) {
            go_on(mta, command); /* the same there */
        } else {
            accept(mta, command);
        }
        break;
    case DRILL_SMFIR_REJECT: reject(mta, command); break;
    case DRILL_SMFIR_TEMPFAIL: temp_fail(mta, command); break;
    case DRILL_SMFIR_DISCARD: discard(mta, command); break;
    case DRILL_SMFIR_REPLYCODE: reply_code(mta, command, reply, size); break;
    case DRILL_SMFIR_SKIP: skip(mta, command); break;
    case DRILL_SMFIR_PROGRESS:
        if (eob) {
            return false;
        } /* fall through */
    default: bogus(mta, command, reply->code); break;
    }
    return true;
}
