/* SPDX-License-Identifier: MIT */
/*
 * A filter on Perl's Sendmail::PMilter 1.00, with every callback. Source: Sendmail::PMilter's
 * Context.pm (new, main, call_hooks). It has no states: whatever comes is executed and answered. An
 * error in a frame is an exception: one `tempfail`, and it is gone; at its end it says `continue`
 * once more, for its close hook.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "session/milter_ops.h"
#include "session/registry.h"

enum { LENGTH_LIMIT = 131072 };

/* ---- settings ---- */

static void pmilter_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6; /* the newest that it takes; it answers 2 */
    s->timeout_data = UINT64_MAX;
    s->timeout_command = UINT64_MAX;
    s->max_data = LENGTH_LIMIT - 1;
    s->eom_reply = DRILL_SMFIR_ACCEPT;
    s->enabled = true;
}

/* It wants CONNECT and MAIL whatever callbacks there are. */
static const struct drill_setting_word CALLBACKS[] = {
    {"connect", 0},
    {"helo", DRILL_SMFIP_NOHELO},
    {"envfrom", 0},
    {"envrcpt", DRILL_SMFIP_NORCPT},
    {"header", DRILL_SMFIP_NOHDRS},
    {"eoh", DRILL_SMFIP_NOEOH},
    {"body", DRILL_SMFIP_NOBODY},
    {"eom", 0},
    {"abort", 0},
    {"close", 0},
};

enum { CALLBACK_COUNT = sizeof(CALLBACKS) / sizeof(CALLBACKS[0]) };

static bool set_callbacks(struct drill_span value, uint32_t *protocol)
{
    uint32_t missing = 0, there = 0;
    for (size_t i = 0; i < CALLBACK_COUNT; i++) {
        missing |= CALLBACKS[i].bits;
    }
    if (!drill_setting_words(value, CALLBACKS, CALLBACK_COUNT, &there)) {
        return false;
    }
    *protocol = missing & ~there;
    return true;
}

static enum drill_code pmilter_set(struct drill_settings *s, struct drill_span key,
                                   struct drill_span value, struct drill_arena *arena,
                                   struct drill_error *err)
{
    static const char *const NAMES[] = {"version", "actions", "protocol", "timeout",  "connect",
                                        "helo",    "mail",    "rcpt",     "data",     "header",
                                        "eoh",     "body",    "eom",      "callbacks"};
    (void)arena;
    enum drill_code verdict = drill_milter_set_verdict(s, key, value, err);
    if (verdict != DRILL_ERR_NOTFOUND) {
        return verdict;
    }
    if (!drill_span_equal(key, drill_span_str("callbacks"))) {
        return drill_setting_unknown(key, "pmilter", NAMES, sizeof(NAMES) / sizeof(NAMES[0]), err);
    }
    return set_callbacks(value, &s->protocol)
               ? DRILL_OK
               : drill_setting_bad(key, value,
                                   "of connect, helo, envfrom, envrcpt, header, eoh, body, eom, "
                                   "abort, close",
                                   err);
}

/* ---- exceptions ---- */

/* main: what was thrown is warned of; `tempfail` is written, and the socket closed. */
static void die(struct drill_milter *m, const char *text)
{
    (void)snprintf(m->log, sizeof(m->log), "%s", text);
    m->hang_up = true;
    drill_milter_react(m, DRILL_SMFIR_TEMPFAIL);
}

/* The length is judged before the command is read. */
static enum drill_milter_head pmilter_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                           uint32_t *size)
{
    char text[48];
    (void)code;
    *size = length ? length - 1 : 0;
    if (length && *size <= m->settings->max_data) {
        return DRILL_MILTER_TAKE;
    }
    (void)snprintf(text, sizeof(text), "bad packet length %u", (unsigned)length);
    die(m, text);
    return DRILL_MILTER_HANG_UP;
}

/* Strings that Perl's split gives: without empty ones at the end, and the last needs no NUL. */
static size_t split_count(struct drill_span s)
{
    while (s.len && s.ptr[s.len - 1] == 0) {
        s.len--;
    }
    size_t count = s.len ? 1 : 0;
    for (size_t i = 0; i < s.len; i++) {
        count += s.ptr[i] == 0;
    }
    return count;
}

/* pack_sockaddr_in has no patience with what inet_aton does not know; of the other families an
 * address is whatever it is. */
static const char *connect_fault(struct drill_span s)
{
    char address[INET6_ADDRSTRLEN];
    struct in_addr any;
    size_t family = drill_span_find(s, 0) + 1;
    if (family >= s.len) {
        return "SMFIC_CONNECT: invalid connect info";
    }
    struct drill_span text = drill_span_sub(s, family + 3, s.len);
    text = drill_span_sub(text, 0, drill_span_find(text, 0));
    if (s.ptr[family] != DRILL_FAMILY_INET) {
        return NULL;
    }
    memcpy(address, text.ptr, text.len < sizeof(address) ? text.len : 0);
    address[text.len < sizeof(address) ? text.len : 0] = '\0';
    return inet_pton(AF_INET, address, &any) == 1
               ? NULL
               : "Undefined address for Socket::pack_sockaddr_in";
}

/* NULL: it can be read. */
static const char *payload_fault(const struct drill_message *command)
{
    struct drill_span s = command->payload;
    switch (command->code) {
    case DRILL_SMFIC_CONNECT: return connect_fault(s);
    case DRILL_SMFIC_MACRO: return s.len ? NULL : "SMFIC_MACRO: empty packet";
    case DRILL_SMFIC_HELO: return split_count(s) == 1 ? NULL : "SMFIC_HELO: bad packet";
    case DRILL_SMFIC_MAIL: return split_count(s) >= 1 ? NULL : "SMFIC_MAIL: bad packet";
    case DRILL_SMFIC_RCPT: return split_count(s) >= 1 ? NULL : "SMFIC_RCPT: bad packet";
    default: return NULL;
    }
}

/* ---- commands ---- */

static void negotiate(struct drill_milter *m, const struct drill_message *offer, uint32_t size)
{
    char text[64];
    uint32_t version = offer->number[0];
    if (size != 12) {
        die(m, "SMFIC_OPTNEG: packet has wrong size");
        return;
    }
    if (version < 2 || version > m->settings->version) {
        (void)snprintf(text, sizeof(text), "SMFIC_OPTNEG: unknown milter protocol version %u",
                       (unsigned)version);
        die(m, text);
        return;
    }
    m->answer.version = 2;
    m->answer.actions = offer->number[1] & m->settings->actions;
    m->answer.protocol = offer->number[2] & m->settings->protocol;
    m->agreed = m->answer;
    m->negotiated = true;
    drill_milter_react(m, DRILL_SMFIR_OPTNEG);
}

static void pmilter_got(struct drill_milter *m, const struct drill_message *command, uint32_t size)
{
    const char *fault = command->payload.len < size ? NULL : payload_fault(command);
    uint8_t code = command->code;
    if (fault) {
        die(m, fault);
    }
    if (fault || code == DRILL_SMFIC_MACRO) {
        return;
    }
    m->command = code;
    m->replying = false;
    m->state = drill_state_after(m->state, code);
    switch (code) {
    case DRILL_SMFIC_OPTNEG: negotiate(m, command, size); break;
    case DRILL_SMFIC_ABORT:
    case DRILL_SMFIC_UNKNOWN: break; /* there is no hook for the latter */
    case DRILL_SMFIC_QUIT:
        m->hang_up = true;
        drill_milter_react(m, DRILL_SMFIR_CONTINUE);
        break;
    default:
        if (code == DRILL_SMFIC_QUIT_NC || !drill_proto_find(DRILL_TO_MILTER, code)) {
            die(m, "unknown milter packet type");
        } else {
            drill_milter_react(m, drill_milter_verdict(m->settings, code));
        }
        break;
    }
}

static void pmilter_sent(struct drill_milter *m, const struct drill_message *reply)
{
    if (reply->code == DRILL_SMFIR_OPTNEG) {
        m->agreed.version = reply->number[0];
        m->agreed.actions = reply->number[1];
        m->agreed.protocol = reply->number[2];
        m->negotiated = true;
    }
}

static uint64_t pmilter_patience(const struct drill_milter *m)
{
    return m->settings->timeout_data;
}

static const struct drill_milter_ops OPS = {
    .reads_exactly = true, /* read_block */
    .head = pmilter_head,
    .got = pmilter_got,
    .reply = drill_milter_said,
    .sent = pmilter_sent,
    .patience = pmilter_patience,
};

const struct drill_profile drill_profile_pmilter = {
    .name = "pmilter",
    .family = "pmilter",
    .summary = "a filter on Perl's Sendmail::PMilter 1.00 that has every callback and accepts",
    .side = DRILL_SIDE_MILTER,
    .defaults = pmilter_defaults,
    .set = pmilter_set,
    .milter = &OPS,
};
