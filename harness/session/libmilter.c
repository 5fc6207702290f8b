/* SPDX-License-Identifier: MIT */
/*
 * libmilter 8.17 as Debian builds it, and clamav-milter on top of it. Sources: libmilter engine.c
 * (mi_engine, st_* functions, trans_ok, sendreply), comm.c (mi_rd_cmd), listener.c (timeouts);
 * clamav-milter clamfi.c and clamav-milter.c.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "session/milter_ops.h"
#include "session/registry.h"

enum { UNIX_PATH = 108 }; /* sun_path with its NUL */

/* ---- settings ---- */

static void libmilter_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6;
    s->timeout_data = 7210000000;
    s->timeout_command = s->timeout_data;
    s->max_data = DRILL_MAX_DATA;
    s->eom_reply = DRILL_SMFIR_ACCEPT;
    s->enabled = true;
}

/* Callbacks connect, mail, rcpt, header, body, eom, abort; AddHeader No. */
static void clamav_defaults(struct drill_settings *s)
{
    libmilter_defaults(s);
    s->actions = DRILL_SMFIF_QUARANTINE;
    s->protocol =
        DRILL_SMFIP_NOHELO | DRILL_SMFIP_NOEOH | DRILL_SMFIP_NOUNKNOWN | DRILL_SMFIP_NODATA;
}

static const struct drill_setting_word CALLBACKS[] = {
    {"connect", DRILL_SMFIP_NOCONNECT},
    {"helo", DRILL_SMFIP_NOHELO},
    {"mail", DRILL_SMFIP_NOMAIL},
    {"rcpt", DRILL_SMFIP_NORCPT},
    {"data", DRILL_SMFIP_NODATA},
    {"unknown", DRILL_SMFIP_NOUNKNOWN},
    {"header", DRILL_SMFIP_NOHDRS},
    {"eoh", DRILL_SMFIP_NOEOH},
    {"body", DRILL_SMFIP_NOBODY},
    {"eom", 0},
    {"abort", 0},
    {"close", 0},
};

enum { CALLBACK_COUNT = sizeof(CALLBACKS) / sizeof(CALLBACKS[0]) };

static uint32_t all_callback_bits(void)
{
    uint32_t all = 0;
    for (size_t i = 0; i < CALLBACK_COUNT; i++) {
        all |= CALLBACKS[i].bits;
    }
    return all;
}

/* The callbacks that it has; of the others their NO bits are asked for (listener.c). */
static bool set_callbacks(struct drill_span value, uint32_t *protocol)
{
    uint32_t there = 0;
    if (!drill_setting_words(value, CALLBACKS, CALLBACK_COUNT, &there)) {
        return false;
    }
    *protocol = (*protocol & ~all_callback_bits()) | (all_callback_bits() & ~there);
    return true;
}

static bool set_add_header(struct drill_span value, uint32_t *actions)
{
    uint32_t bits = DRILL_SMFIF_QUARANTINE;
    if (drill_span_equal_nocase(value, drill_span_str("add"))) {
        bits |= DRILL_SMFIF_ADDHDRS;
    } else if (drill_span_equal_nocase(value, drill_span_str("replace")) ||
               drill_span_equal_nocase(value, drill_span_str("yes"))) {
        bits |= DRILL_SMFIF_ADDHDRS | DRILL_SMFIF_CHGHDRS;
    } else if (!drill_span_equal_nocase(value, drill_span_str("no"))) {
        return false;
    }
    *actions = bits;
    return true;
}

static enum drill_code set_common(struct drill_settings *s, struct drill_span key,
                                  struct drill_span value, const char *profile,
                                  const char *const *names, size_t count, struct drill_error *err)
{
    if (drill_span_equal(key, drill_span_str("maxdatasize"))) {
        return drill_setting_u32(value, &s->max_data)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "a number of bytes", err);
    }
    enum drill_code verdict = drill_milter_set_verdict(s, key, value, err);
    if (verdict != DRILL_ERR_NOTFOUND) {
        return verdict;
    }
    if (drill_span_equal(key, drill_span_str("callbacks"))) {
        return set_callbacks(value, &s->protocol)
                   ? DRILL_OK
                   : drill_setting_bad(key, value,
                                       "of connect, helo, mail, rcpt, data, unknown, header, eoh, "
                                       "body, eom, abort, close",
                                       err);
    }
    return drill_setting_unknown(key, profile, names, count, err);
}

/* "Name: value" */
static bool set_added(struct drill_settings *s, struct drill_span value)
{
    size_t colon = drill_span_find(value, ':');
    struct drill_span rest = drill_span_sub(value, colon + 1, value.len);
    if (colon == 0 || colon >= value.len) {
        return false;
    }
    s->add_name = drill_span_sub(value, 0, colon);
    s->add_value = rest.len && rest.ptr[0] == ' ' ? drill_span_sub(rest, 1, rest.len) : rest;
    s->actions |= DRILL_SMFIF_ADDHDRS;
    return true;
}

/* The last is not clamav-milter's. */
static const char *const NAMES[] = {"version",   "actions", "protocol", "timeout", "maxdatasize",
                                    "connect",   "helo",    "mail",     "rcpt",    "data",
                                    "header",    "eoh",     "body",     "eom",     "callbacks",
                                    "addheader", "replbody"};

enum { NAME_COUNT = sizeof(NAMES) / sizeof(NAMES[0]) };

static enum drill_code libmilter_set(struct drill_settings *s, struct drill_span key,
                                     struct drill_span value, struct drill_arena *arena,
                                     struct drill_error *err)
{
    bool body = drill_span_equal(key, drill_span_str("replbody"));
    if (!body && !drill_span_equal(key, drill_span_str("addheader"))) {
        return set_common(s, key, value, "libmilter", NAMES, NAME_COUNT, err);
    }
    struct drill_span kept = drill_arena_copy(arena, value);
    if (!kept.ptr) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
    }
    if (body) {
        s->new_body = kept;
        s->actions |= DRILL_SMFIF_CHGBODY;
        return DRILL_OK;
    }
    return set_added(s, kept) ? DRILL_OK : drill_setting_bad(key, value, "\"Name: value\"", err);
}

static enum drill_code clamav_set(struct drill_settings *s, struct drill_span key,
                                  struct drill_span value, struct drill_arena *arena,
                                  struct drill_error *err)
{
    (void)arena;
    if (drill_span_equal_nocase(key, drill_span_str("addheader"))) {
        return set_add_header(value, &s->actions)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "no, add or replace", err);
    }
    return set_common(s, key, value, "clamav-milter", NAMES, NAME_COUNT - 1, err);
}

/* ---- reading ---- */

/* comm.c mi_rd_cmd: the length becomes a signed int, less one; nothing and less is "no payload".
 * What is over the limit is left unread, and nothing is logged. */
static enum drill_milter_head libmilter_head(struct drill_milter *m, uint32_t length, uint8_t code,
                                             uint32_t *size)
{
    uint32_t data = length - 1;
    (void)code;
    if (data == 0 || data > INT32_MAX) {
        *size = 0;
        return DRILL_MILTER_TAKE;
    }
    *size = data;
    return data > m->settings->max_data ? DRILL_MILTER_HANG_UP : DRILL_MILTER_TAKE;
}

/* ---- payloads: what each st_* function makes of them ---- */

enum payload { PAYLOAD_GOOD, PAYLOAD_SILENT, PAYLOAD_CLOSE };

static enum payload good_if(bool good)
{
    return good ? PAYLOAD_GOOD : PAYLOAD_CLOSE;
}

/* dec_arg2: ends in a NUL; another one behind the first byte, but not as the last. */
static bool two_strings(struct drill_span s)
{
    if (s.len == 0 || s.ptr[s.len - 1] != 0) {
        return false;
    }
    return 1 + drill_span_find(drill_span_sub(s, 1, s.len), 0) < s.len - 1;
}

/* One to four numbers in decimal, octal or hexadecimal, as inet_aton reads them. */
static bool is_ipv4(const char *text)
{
    uint64_t limit = UINT32_MAX;
    for (int parts = 1; parts <= 4; parts++) {
        int base = 10;
        uint64_t value = 0;
        if (*text < '0' || *text > '9') {
            return false;
        }
        if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
            base = 16;
            text += 2;
        } else if (text[0] == '0') {
            base = 8;
        }
        for (;; text++) {
            int digit = *text >= '0' && *text <= '9'   ? *text - '0'
                        : *text >= 'a' && *text <= 'f' ? *text - 'a' + 10
                        : *text >= 'A' && *text <= 'F' ? *text - 'A' + 10
                                                       : 16;
            if (digit >= base || value > UINT32_MAX) {
                break;
            }
            value = value * (uint64_t)base + (uint64_t)digit;
        }
        if (*text != '.') {
            return value <= limit && (*text == '\0' || *text == ' ' || *text == '\t');
        }
        if (value > 255) {
            return false;
        }
        limit >>= 8;
        text++;
    }
    return false;
}

/* mi_inet_pton: the tag of RFC 5321 address literals may stand in front. */
static bool is_ipv6(const char *text)
{
    struct in6_addr address;
    if (drill_span_equal_nocase(drill_span_of(text, strnlen(text, 5)), drill_span_str("IPv6:"))) {
        text += 5;
    }
    return inet_pton(AF_INET6, text, &address) == 1;
}

static enum payload connect_trouble(struct drill_milter *m, const char *what)
{
    (void)snprintf(m->log, sizeof(m->log), "%s: connect[%u]: %s", m->profile->name,
                   (unsigned)m->connections, what);
    return PAYLOAD_CLOSE;
}

static enum payload connect_payload(struct drill_milter *m, struct drill_span s)
{
    size_t host = drill_span_find(s, 0);
    if (host + 1 >= s.len) {
        return PAYLOAD_CLOSE;
    }
    uint8_t family = s.ptr[host + 1];
    size_t at = host + 2;
    if (family == DRILL_FAMILY_UNKNOWN) {
        return PAYLOAD_GOOD;
    }
    if (at + 2 >= s.len) {
        return connect_trouble(m, "wrong len");
    }
    if (s.ptr[s.len - 1] != 0) {
        return PAYLOAD_CLOSE;
    }
    const char *address = (const char *)s.ptr + at + 2;
    switch (family) {
    case DRILL_FAMILY_INET:
        return is_ipv4(address) ? PAYLOAD_GOOD : connect_trouble(m, "inet_aton failed");
    case DRILL_FAMILY_INET6:
        return is_ipv6(address) ? PAYLOAD_GOOD : connect_trouble(m, "mi_inet_pton failed");
    case DRILL_FAMILY_UNIX:
        return strlen(address) < UNIX_PATH ? PAYLOAD_GOOD : connect_trouble(m, "path too long");
    default: return connect_trouble(m, "unknown family");
    }
}

/* Is there anything in the payload that a callback would have to be given? Without the callback
 * nobody looks. */
static enum payload judge_payload(struct drill_milter *m, uint8_t code, struct drill_span s)
{
    const struct drill_agreed callbacks = {0, 0, m->missing};
    if (drill_state_suppressed(code, &callbacks)) {
        return PAYLOAD_GOOD;
    }
    switch (code) {
    case DRILL_SMFIC_CONNECT: return connect_payload(m, s);
    case DRILL_SMFIC_HELO: return s.ptr[s.len - 1] == 0 ? PAYLOAD_GOOD : PAYLOAD_SILENT;
    case DRILL_SMFIC_MAIL:
    case DRILL_SMFIC_RCPT: return good_if(drill_span_find(s, 0) < s.len);
    case DRILL_SMFIC_HEADER: return good_if(two_strings(s));
    default: return PAYLOAD_GOOD;
    }
}

static bool needs_payload(uint8_t code)
{
    static const char CODES[] = "OCHMRLBDU";
    return memchr(CODES, code, sizeof(CODES) - 1) != NULL;
}

/* ---- states ---- */

/* After ABORT libmilter is in ST_ABRT, from which nothing is legal; but behind it in its table
 * stands ST_UNKN, which is read through when the filter has no xxfi_unknown. */
static bool allows(const struct drill_milter *m, uint8_t code)
{
    const struct drill_agreed marks = {m->agreed.version, m->agreed.actions, m->missing};
    if (m->aborted) {
        return m->missing & DRILL_SMFIP_NOUNKNOWN &&
               drill_state_allows(DRILL_STATE_UNKN, code, &marks);
    }
    return drill_state_allows(m->state, code, &marks);
}

/* Moves the state. False: an illegal command, dropped without a word (mi_engine tries it from HELO
 * first). */
static bool enter(struct drill_milter *m, uint8_t code)
{
    if (!allows(m, code)) {
        m->state = DRILL_STATE_HELO;
        m->aborted = false;
        if (!allows(m, code)) {
            return false;
        }
    }
    return true;
}

static void negotiate(struct drill_milter *m, const struct drill_message *offer)
{
    const struct drill_wants wants = {m->profile->name, m->connections, m->settings->version,
                                      m->settings->actions, m->settings->protocol};
    struct drill_error err;
    m->hang_up =
        drill_negotiate_libmilter(&wants, offer, &m->answer, &m->emulated, &err) != DRILL_OK;
    if (m->hang_up) {
        (void)snprintf(m->log, sizeof(m->log), "%s", err.text);
        return;
    }
    m->agreed = m->answer;
    m->negotiated = true;
    m->missing = m->settings->protocol & all_callback_bits();
}

static void count_message(struct drill_milter *m, const struct drill_message *command)
{
    if (command->code == DRILL_SMFIC_MAIL) {
        m->content = false;
        m->seen[0] = 0;
        m->seen[1] = 0;
    } else if (command->code == DRILL_SMFIC_HEADER) {
        m->content = true;
        m->seen[0] += drill_span_equal_nocase(command->str[0], drill_span_str("X-Virus-Scanned"));
        m->seen[1] += drill_span_equal_nocase(command->str[0], drill_span_str("X-Virus-Status"));
    } else if (command->code == DRILL_SMFIC_BODY) {
        m->content = true;
    }
}

/* An NR_* bit is emulated for an old MTA: `continue` goes out, whatever the callback returns. */
static bool is_emulated(const struct drill_milter *m)
{
    const struct drill_agreed emulated = {6, 0, m->emulated};
    const struct drill_agreed callbacks = {0, 0, m->missing};
    return !drill_state_suppressed(m->command, &callbacks) &&
           !drill_state_owes(m->command, &emulated);
}

/* mi_engine: ACCEPT always leaves the message; others do, but at RCPT and UNKNOWN (CT_IGNO). */
static void leave_by(struct drill_milter *m, uint8_t verdict)
{
    bool igno = m->command == DRILL_SMFIC_RCPT || m->command == DRILL_SMFIC_UNKNOWN;
    bool refused = verdict == DRILL_SMFIR_REJECT || verdict == DRILL_SMFIR_TEMPFAIL ||
                   verdict == DRILL_SMFIR_DISCARD || verdict == DRILL_SMFIR_REPLYCODE;
    if (m->command && m->command != DRILL_SMFIC_OPTNEG &&
        (verdict == DRILL_SMFIR_ACCEPT || (refused && !igno))) {
        m->state = DRILL_STATE_HELO;
    }
}

static void libmilter_got(struct drill_milter *m, const struct drill_message *command,
                          uint32_t size)
{
    const struct drill_agreed version6 = {6, m->agreed.actions, m->agreed.protocol};
    const struct drill_agreed callbacks = {0, 0, m->missing};
    uint8_t code = command->code;
    if (code == DRILL_SMFIC_MACRO) {
        m->hang_up = size == 0;
        return;
    }
    m->command = code;
    m->reaction = 0;
    m->replying = false;
    if (!drill_proto_find(DRILL_TO_MILTER, code)) {
        m->hang_up = true;
        return;
    }
    if (code == DRILL_SMFIC_QUIT) {
        m->hang_up = true;
        m->state = DRILL_STATE_QUIT;
        return;
    }
    if (!enter(m, code)) {
        return;
    }
    if (size == 0 && needs_payload(code)) {
        m->hang_up = true;
        return;
    }
    m->state = drill_state_after(m->state, code);
    m->aborted = code == DRILL_SMFIC_ABORT;
    count_message(m, command);
    if (code == DRILL_SMFIC_OPTNEG) {
        negotiate(m, command);
        m->replying = !m->hang_up;
        return;
    }
    enum payload payload =
        command->payload.len < size ? PAYLOAD_GOOD : judge_payload(m, code, command->payload);
    m->hang_up = payload == PAYLOAD_CLOSE;
    /* sendreply goes by the bits alone, not by the version. */
    m->replying = payload == PAYLOAD_GOOD && drill_state_owes(code, &version6);
    if (payload == PAYLOAD_GOOD && !m->replying && !drill_state_suppressed(code, &callbacks)) {
        leave_by(m, drill_milter_verdict(m->settings, code)); /* though nothing is sent */
    }
}

/* It goes by what the callback returned, also where sendreply said otherwise. */
static void libmilter_sent(struct drill_milter *m, const struct drill_message *reply)
{
    bool instead = reply->code == DRILL_SMFIR_CONTINUE && is_emulated(m);
    if (reply->code == DRILL_SMFIR_OPTNEG) {
        m->agreed = (struct drill_agreed){reply->number[0], reply->number[1], reply->number[2]};
        m->missing = reply->number[2] & all_callback_bits();
        m->emulated = 0;
        m->negotiated = true;
    }
    leave_by(m, instead ? drill_milter_verdict(m->settings, m->command) : reply->code);
}

/* ---- replies ---- */

static bool simple_reply(uint32_t index, uint8_t code, struct drill_message *out)
{
    return index == 0 && drill_message_init(out, DRILL_TO_MTA, code);
}

/* Without a callback it is `continue` (sendreply). */
static uint8_t verdict(const struct drill_milter *m)
{
    const struct drill_agreed callbacks = {0, 0, m->missing};
    bool plain = drill_state_suppressed(m->command, &callbacks) || is_emulated(m);
    return plain ? (uint8_t)DRILL_SMFIR_CONTINUE : drill_milter_verdict(m->settings, m->command);
}

/* What the filter does to the message at its end, as far as it was agreed on: its index-th change.
 * False: it has no such; `count` says how many. */
static bool change(const struct drill_milter *m, uint32_t index, struct drill_message *out,
                   uint32_t *count)
{
    const struct drill_settings *s = m->settings;
    bool adds = s->add_name.len && m->agreed.actions & DRILL_SMFIF_ADDHDRS;
    bool replaces = s->new_body.len && m->agreed.actions & DRILL_SMFIF_CHGBODY;
    *count = (uint32_t)adds + (uint32_t)replaces;
    if (index >= *count) {
        return false;
    }
    bool header = adds && index == 0;
    (void)drill_message_init(out, DRILL_TO_MTA,
                             header ? DRILL_SMFIR_ADDHEADER : DRILL_SMFIR_REPLBODY);
    if (header) {
        out->str[0] = s->add_name;
        out->str[1] = s->add_value;
    } else {
        out->rest = s->new_body;
    }
    return true;
}

static bool libmilter_reply(const struct drill_milter *m, struct drill_message *out)
{
    uint32_t changes = 0;
    if (m->command == DRILL_SMFIC_BODYEOB && change(m, m->reaction, out, &changes)) {
        return true;
    }
    if (m->command != DRILL_SMFIC_OPTNEG) {
        return simple_reply(m->reaction - changes, verdict(m), out);
    }
    if (!simple_reply(m->reaction, DRILL_SMFIR_OPTNEG, out)) {
        return false;
    }
    out->number[0] = m->answer.version;
    out->number[1] = m->answer.actions;
    out->number[2] = m->answer.protocol;
    return true;
}

static bool header_reply(uint8_t code, uint32_t index, bool status, struct drill_span value,
                         struct drill_message *out)
{
    (void)drill_message_init(out, DRILL_TO_MTA, code);
    out->number[0] = index;
    out->str[0] = drill_span_str(status ? "X-Virus-Status" : "X-Virus-Scanned");
    out->str[1] = value;
    return true;
}

/* clamfi.c add_x_header, for a clean message: Add puts both headers on top; Replace takes those
 * off that are there, the last first, and adds both. An empty message is accepted as it is. */
static bool clamav_reply(const struct drill_milter *m, struct drill_message *out)
{
    const struct drill_span values[2] = {drill_span_str("clamav-milter 1.4.6 at mx.example.com"),
                                         drill_span_str("Clean")};
    uint32_t i = m->reaction;
    if (m->command != DRILL_SMFIC_BODYEOB || !m->content ||
        !(m->agreed.actions & DRILL_SMFIF_ADDHDRS)) {
        return libmilter_reply(m, out);
    }
    if (!(m->agreed.actions & DRILL_SMFIF_CHGHDRS)) {
        return i < 2 ? header_reply(DRILL_SMFIR_INSHEADER, 1, i == 1, values[i], out)
                     : simple_reply(i - 2, m->settings->eom_reply, out);
    }
    uint32_t all = m->seen[0] + m->seen[1];
    if (i < all) {
        bool status = i >= m->seen[0];
        uint32_t left = status ? all - i : m->seen[0] - i;
        return header_reply(DRILL_SMFIR_CHGHEADER, left, status, drill_span_str(""), out);
    }
    i -= all;
    return i < 2 ? header_reply(DRILL_SMFIR_ADDHEADER, 0, i == 1, values[i], out)
                 : simple_reply(i - 2, m->settings->eom_reply, out);
}

static uint64_t libmilter_patience(const struct drill_milter *m)
{
    return m->settings->timeout_data;
}

/* ---- profiles ---- */

static const struct drill_milter_ops LIBMILTER_OPS = {
    .reads_exactly = true,
    .head = libmilter_head,
    .got = libmilter_got,
    .reply = libmilter_reply,
    .sent = libmilter_sent,
    .patience = libmilter_patience,
};

static const struct drill_milter_ops CLAMAV_OPS = {
    .reads_exactly = true,
    .head = libmilter_head,
    .got = libmilter_got,
    .reply = clamav_reply,
    .sent = libmilter_sent,
    .patience = libmilter_patience,
};

const struct drill_profile drill_profile_libmilter = {
    .name = "libmilter",
    .family = "libmilter",
    .summary = "a filter on libmilter 8.17 that has every callback and accepts",
    .side = DRILL_SIDE_MILTER,
    .defaults = libmilter_defaults,
    .set = libmilter_set,
    .milter = &LIBMILTER_OPS,
};

const struct drill_profile drill_profile_clamav_milter = {
    .name = "clamav-milter",
    .family = "libmilter",
    .summary = "clamav-milter 1.4 on libmilter, clean mail",
    .side = DRILL_SIDE_MILTER,
    .defaults = clamav_defaults,
    .set = clamav_set,
    .milter = &CLAMAV_OPS,
};
