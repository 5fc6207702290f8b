/* SPDX-License-Identifier: MIT */
/*
 * rspamd 3.4 as a milter: rspamd_proxy with `milter = yes`. Sources: rspamd src/libserver/milter.c
 * (rspamd_milter_consume_input, rspamd_milter_process_command, rspamd_milter_send_task_results) and
 * milter_internal.h. It has no states and speaks twice: to the offer, and at the end of a message.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "session/milter_ops.h"
#include "session/registry.h"

enum { FRAME_LIMIT = 131072 }; /* RSPAMD_MILTER_MESSAGE_CHUNK * 2, without the command */

/* RSPAMD_MILTER_FLAG_NOREPLY_MASK. */
static const uint32_t NO_REPLY = DRILL_SMFIP_NR_CONN | DRILL_SMFIP_NR_HELO | DRILL_SMFIP_NR_MAIL |
                                 DRILL_SMFIP_NR_RCPT | DRILL_SMFIP_NR_DATA | DRILL_SMFIP_NR_UNKN |
                                 DRILL_SMFIP_NR_HDR | DRILL_SMFIP_NR_EOH | DRILL_SMFIP_NR_BODY;

/* ---- settings ---- */

/* What a message's checks come to, and what rspamd_milter_send_task_results writes for it. */
enum action {
    ACTION_NONE,
    ACTION_GREYLIST,
    ACTION_ADD_HEADER,
    ACTION_REWRITE_SUBJECT,
    ACTION_SOFT_REJECT,
    ACTION_REJECT,
    ACTION_QUARANTINE,
    ACTION_DISCARD,
    ACTION_NO_RESULT,
    ACTIONS
};

static const char *const ACTION_WORDS[ACTIONS] = {"no action",       "greylist",    "add header",
                                                  "rewrite subject", "soft reject", "reject",
                                                  "quarantine",      "discard",     "no result"};

static void rspamd_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6;
    s->actions = 0x3F;
    s->protocol = NO_REPLY;
    s->timeout_data = 120000000; /* worker-proxy.inc */
    s->timeout_command = s->timeout_data;
    s->max_data = FRAME_LIMIT;
    s->eom_reply = DRILL_SMFIR_ACCEPT;
    s->action = ACTION_NONE;
    s->enabled = true;
}

/* In a scenario the words are written with an underline for the blank. */
static bool same_word(struct drill_span value, const char *word)
{
    for (size_t i = 0; i < value.len; i++, word++) {
        bool blank = *word == ' ' && value.ptr[i] == '_';
        if (*word == '\0' || ((uint8_t)*word != value.ptr[i] && !blank)) {
            return false;
        }
    }
    return *word == '\0';
}

static enum drill_code rspamd_set(struct drill_settings *s, struct drill_span key,
                                  struct drill_span value, struct drill_arena *arena,
                                  struct drill_error *err)
{
    static const char *const NAMES[] = {"version", "actions", "protocol", "timeout", "action"};
    (void)arena;
    if (!drill_span_equal(key, drill_span_str("action"))) {
        return drill_setting_unknown(key, "rspamd", NAMES, sizeof(NAMES) / sizeof(NAMES[0]), err);
    }
    for (uint8_t i = 0; i < ACTIONS; i++) {
        if (same_word(value, ACTION_WORDS[i])) {
            s->action = i;
            return DRILL_OK;
        }
    }
    return drill_setting_bad(key, value,
                             "one of no_action, greylist, add_header, rewrite_subject, "
                             "soft_reject, reject, quarantine, discard, no_result",
                             err);
}

/* ---- reading ---- */

/* rspamd_milter_on_protocol_error: it closes, and answers nothing. */
static void protocol_error(struct drill_milter *m, const char *text)
{
    (void)snprintf(m->log, sizeof(m->log), "abnormally closing milter connection, error: %s", text);
    m->hang_up = true;
}

/* Length 0 and too much are errors. A command that it does not know is one as soon as the byte
 * behind it is there; alone at the end of what was read it is passed over, and so it is here. */
static enum drill_milter_head rspamd_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                          uint32_t *size)
{
    char text[64];
    *size = length ? length - 1 : 0;
    if (length == 0) {
        protocol_error(m, "Command length is too short");
        return DRILL_MILTER_HANG_UP;
    }
    if (*size > m->settings->max_data) {
        (void)snprintf(text, sizeof(text), "Command length is too big: %u", (unsigned)*size);
        protocol_error(m, text);
        return DRILL_MILTER_HANG_UP;
    }
    if (*size && !drill_proto_find(DRILL_TO_MILTER, code)) {
        (void)snprintf(text, sizeof(text), "Unvalid command: %c",
                       code >= ' ' && code < 0x7F ? code : '?');
        protocol_error(m, text);
        return DRILL_MILTER_HANG_UP;
    }
    return DRILL_MILTER_TAKE;
}

static bool is_address(int family, struct drill_span s)
{
    char address[64];
    struct in6_addr any;
    struct drill_span tag = drill_span_sub(s, 0, 5);
    if (family == AF_INET6 && s.len > 6 && drill_span_equal_nocase(tag, drill_span_str("IPv6:"))) {
        s = drill_span_sub(s, 5, s.len);
    }
    if (s.len >= sizeof(address)) {
        return false;
    }
    memcpy(address, s.ptr, s.len);
    address[s.len] = '\0';
    return inet_pton(family, address, &any) == 1;
}

/* NULL: good. A host without a family is, and a port with no address behind it. */
static const char *connect_fault(struct drill_span s)
{
    size_t host = drill_span_find(s, 0);
    if (host == s.len) {
        return "invalid connect command (no name)";
    }
    uint8_t family = host + 1 < s.len ? s.ptr[host + 1] : (uint8_t)DRILL_FAMILY_UNKNOWN;
    struct drill_span address = drill_span_sub(s, host + 4, s.len);
    if (family == DRILL_FAMILY_UNKNOWN || (address.len == 0 && family)) {
        return NULL;
    }
    size_t end = drill_span_find(address, 0);
    if (family && end == address.len) {
        return "invalid connect command (no zero terminated IP)";
    }
    address = drill_span_sub(address, 0, end);
    switch (family) {
    case DRILL_FAMILY_UNIX: return NULL;
    case DRILL_FAMILY_INET:
        return is_address(AF_INET, address) ? NULL : "invalid connect command (bad IPv4)";
    case DRILL_FAMILY_INET6:
        return is_address(AF_INET6, address) ? NULL : "invalid connect command (bad IPv6)";
    default: return "invalid connect command (bad protocol)";
    }
}

static const char *header_fault(struct drill_span s)
{
    if (drill_span_find(s, 0) == s.len) {
        return "invalid header command (no name)";
    }
    return s.ptr[s.len - 1] ? "invalid header command (bad value)" : NULL;
}

static const char *macro_fault(struct drill_span s)
{
    struct drill_reader r = drill_reader_of(s);
    struct drill_span one;
    uint8_t stage;
    (void)drill_read_u8(&r, &stage); /* nothing at all is good */
    while (drill_reader_left(&r)) {
        if (!drill_read_str(&r, &one)) {
            return "invalid macro command (no name)";
        }
        if (!drill_read_str(&r, &one)) {
            return "invalid macro command (bad value)";
        }
    }
    return NULL;
}

static const char *payload_fault(const struct drill_message *command)
{
    switch (command->code) {
    case DRILL_SMFIC_CONNECT: return connect_fault(command->payload);
    case DRILL_SMFIC_HEADER: return header_fault(command->payload);
    case DRILL_SMFIC_MACRO: return macro_fault(command->payload);
    default: return NULL;
    }
}

/* ---- commands ---- */

/* Its answer does not depend on the protocol bits that were offered. */
static void negotiate(struct drill_milter *m, const struct drill_message *offer, uint32_t size)
{
    char text[64];
    if (size != 12) {
        protocol_error(m, "invalid optneg command");
        return;
    }
    if (offer->number[0] < 6) {
        (void)snprintf(text, sizeof(text), "invalid protocol version: %u",
                       (unsigned)offer->number[0]);
        protocol_error(m, text);
        return;
    }
    m->answer.version = m->settings->version;
    m->answer.actions = offer->number[1] | m->settings->actions;
    m->answer.protocol = m->settings->protocol;
    m->agreed = m->answer;
    m->negotiated = true;
    drill_milter_react(m, DRILL_SMFIR_OPTNEG);
}

static void rspamd_got(struct drill_milter *m, const struct drill_message *command, uint32_t size)
{
    const char *fault = command->payload.len < size ? NULL : payload_fault(command);
    if (fault) {
        protocol_error(m, fault);
    }
    if (fault || command->code == DRILL_SMFIC_MACRO) {
        return;
    }
    /* Its last verdict has reset the session, as an ABORT does. */
    m->seen[0] = m->command == DRILL_SMFIC_BODYEOB ? 0 : m->seen[0];
    m->command = command->code;
    m->replying = false;
    m->state = drill_state_after(m->state, command->code);
    switch (command->code) {
    case DRILL_SMFIC_OPTNEG: negotiate(m, command, size); break;
    case DRILL_SMFIC_HEADER:
        m->seen[0] += drill_span_equal_nocase(command->str[0], drill_span_str("X-Spam"));
        break;
    case DRILL_SMFIC_BODYEOB: drill_milter_react(m, DRILL_SMFIR_ACCEPT); break;
    case DRILL_SMFIC_ABORT:
    case DRILL_SMFIC_QUIT_NC: m->seen[0] = 0; break;
    case DRILL_SMFIC_QUIT: m->hang_up = true; break;
    default: break;
    }
}

/* ---- replies ---- */

static bool change(uint32_t index, const char *name, const char *value, struct drill_message *out)
{
    (void)drill_message_init(out, DRILL_TO_MTA, DRILL_SMFIR_CHGHEADER);
    out->number[0] = index;
    out->str[0] = drill_span_str(name);
    out->str[1] = drill_span_str(value);
    return true;
}

static bool verdict(uint8_t code, const char *text, struct drill_message *out)
{
    (void)drill_message_init(out, DRILL_TO_MTA, code);
    out->str[0] = drill_span_str(text);
    return true;
}

/* Reply number `i` of the action: what is there of its header goes, the last first; then it comes.
 */
static bool add_header(const struct drill_milter *m, uint32_t i, struct drill_message *out)
{
    if (i < m->seen[0]) {
        return change(m->seen[0] - i, "X-Spam", "", out);
    }
    i -= m->seen[0];
    return i == 0 ? change(1, "X-Spam", "Yes", out)
                  : i == 1 && verdict(DRILL_SMFIR_ACCEPT, "", out);
}

static bool task_reply(const struct drill_milter *m, struct drill_message *out)
{
    uint32_t i = m->reaction;
    switch ((enum action)m->settings->action) {
    case ACTION_ADD_HEADER: return add_header(m, i, out);
    case ACTION_REWRITE_SUBJECT:
        return i == 0 ? change(1, "Subject", "*** SPAM ***", out)
                      : i == 1 && verdict(DRILL_SMFIR_ACCEPT, "", out);
    case ACTION_SOFT_REJECT:
        return i == 0 && verdict(DRILL_SMFIR_REPLYCODE, "451 4.7.1 Try again later", out);
    case ACTION_REJECT:
        return i == 0 && verdict(DRILL_SMFIR_REPLYCODE, "554 5.7.1 Spam message rejected", out);
    case ACTION_QUARANTINE:
        return i == 0 ? verdict(DRILL_SMFIR_QUARANTINE, "Spam message quarantined", out)
                      : i == 1 && verdict(DRILL_SMFIR_ACCEPT, "", out);
    case ACTION_DISCARD: return i == 0 && verdict(DRILL_SMFIR_DISCARD, "", out);
    case ACTION_NO_RESULT: return i == 0 && verdict(DRILL_SMFIR_TEMPFAIL, "", out);
    case ACTION_NONE:
    case ACTION_GREYLIST:
    case ACTIONS: break;
    }
    return i == 0 && verdict(DRILL_SMFIR_ACCEPT, "", out);
}

static bool rspamd_reply(const struct drill_milter *m, struct drill_message *out)
{
    return m->command == DRILL_SMFIC_BODYEOB ? task_reply(m, out) : drill_milter_said(m, out);
}

static void rspamd_sent(struct drill_milter *m, const struct drill_message *reply)
{
    if (reply->code == DRILL_SMFIR_OPTNEG) {
        m->agreed.version = reply->number[0];
        m->agreed.actions = reply->number[1];
        m->agreed.protocol = reply->number[2];
        m->negotiated = true;
    }
}

static uint64_t rspamd_patience(const struct drill_milter *m)
{
    return m->settings->timeout_data;
}

static const struct drill_milter_ops OPS = {
    .head = rspamd_head,
    .got = rspamd_got,
    .reply = rspamd_reply,
    .sent = rspamd_sent,
    .patience = rspamd_patience,
};

const struct drill_profile drill_profile_rspamd = {
    .name = "rspamd",
    .family = "rspamd",
    .summary = "rspamd 3.4 as milter (no replies before the end of the body)",
    .side = DRILL_SIDE_MILTER,
    .defaults = rspamd_defaults,
    .set = rspamd_set,
    .milter = &OPS,
};
