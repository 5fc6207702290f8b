/* SPDX-License-Identifier: MIT */
/*
 * Stalwart 0.16 as an MTA: its settings, and how long and for what it waits. Sources: Stalwart's
 * registry object MtaMilter, and crates/smtp/src/inbound/milter/client.rs.
 */
#include "session/stalwart.h"

#include <string.h>

#include "session/registry.h"

/* ---- settings ---- */

static void stalwart_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6;
    s->actions = 0xFF;
    s->protocol = DRILL_SMFIP_NOHELO | DRILL_SMFIP_NOEOH;
    s->timeout_connect = 30000000;
    s->timeout_command = 30000000;
    s->timeout_data = 60000000;
    s->max_response = 52428800;
    s->temp_fail_on_error = true;
    s->stages = DRILL_RUN_DATA;
    s->enabled = true;
    s->port = 11332;
    s->server_name = drill_span_str("mx.example.com");
    s->program = drill_span_str("Stalwart v0.16.19");
    s->listener = drill_span_str("smtp");
    s->id = drill_span_str("milter");
}

static bool set_version(struct drill_span value, uint32_t *out)
{
    if (value.len == 2 && (value.ptr[0] == 'v' || value.ptr[0] == 'V')) {
        value = drill_span_sub(value, 1, 1);
    }
    return drill_setting_u32(value, out) && (*out == 2 || *out == 6);
}

static bool set_stages(struct drill_span value, uint32_t *out)
{
    static const struct drill_setting_word WORDS[] = {
        {"connect", DRILL_RUN_CONNECT}, {"ehlo", DRILL_RUN_EHLO}, {"auth", DRILL_RUN_AUTH},
        {"mail", DRILL_RUN_MAIL},       {"rcpt", DRILL_RUN_RCPT}, {"data", DRILL_RUN_DATA}};
    return drill_setting_words(value, WORDS, sizeof(WORDS) / sizeof(WORDS[0]), out);
}

static bool set_port(struct drill_span value, uint16_t *out)
{
    uint32_t port;
    if (!drill_setting_u32(value, &port) || port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

enum key {
    KEY_HOSTNAME,
    KEY_PORT,
    KEY_VERSION,
    KEY_ACTION,
    KEY_PROTOCOL,
    KEY_CONNECT,
    KEY_COMMAND,
    KEY_DATA,
    KEY_RESPONSE,
    KEY_TEMPFAIL,
    KEY_STAGES,
    KEY_TLS,
    KEY_CERTS,
    KEY_ENABLE,
    KEY_LISTENER,
    KEY_PROXY,
    KEY_SERVER,
    KEY_PROGRAM,
    KEY_ID,
    KEYS
};

static const char *const KEY_NAMES[KEYS] = {"hostname",
                                            "port",
                                            "protocolVersion",
                                            "flagsAction",
                                            "flagsProtocol",
                                            "timeoutConnect",
                                            "timeoutCommand",
                                            "timeoutData",
                                            "maxResponseSize",
                                            "tempFailOnError",
                                            "stages",
                                            "useTls",
                                            "allowInvalidCerts",
                                            "enable",
                                            "listener",
                                            "overrideProxyTrustedNetworks",
                                            "serverName",
                                            "program",
                                            "id"};

static const char *const KEY_WANTED[KEYS] = {"a host name",
                                             "a port number",
                                             "\"v2\" or \"v6\"",
                                             "a list of action flags or a number",
                                             "a list of protocol flags or a number",
                                             "a duration (30s, 500ms, 1m)",
                                             "a duration (30s, 500ms, 1m)",
                                             "a duration (30s, 500ms, 1m)",
                                             "a number of bytes",
                                             "\"true\" or \"false\"",
                                             "of connect, ehlo, auth, mail, rcpt, data",
                                             "\"true\" or \"false\"",
                                             "\"true\" or \"false\"",
                                             "\"true\" or \"false\"",
                                             "a listener's name",
                                             "networks, or an empty string",
                                             "a host name",
                                             "a program's name",
                                             "a name"};

static bool set_value(struct drill_settings *s, size_t key, struct drill_span value,
                      struct drill_arena *arena)
{
    switch ((enum key)key) {
    case KEY_HOSTNAME: return drill_setting_text(value, arena, &s->hostname);
    case KEY_PORT: return set_port(value, &s->port);
    case KEY_VERSION: return set_version(value, &s->version);
    case KEY_ACTION: return drill_setting_flags(value, true, &s->actions);
    case KEY_PROTOCOL: return drill_setting_flags(value, false, &s->protocol);
    case KEY_CONNECT: return drill_setting_duration(value, &s->timeout_connect);
    case KEY_COMMAND: return drill_setting_duration(value, &s->timeout_command);
    case KEY_DATA: return drill_setting_duration(value, &s->timeout_data);
    case KEY_RESPONSE: return drill_setting_u32(value, &s->max_response);
    case KEY_TEMPFAIL: return drill_setting_bool(value, &s->temp_fail_on_error);
    case KEY_STAGES: return set_stages(value, &s->stages);
    case KEY_TLS: return drill_setting_bool(value, &s->use_tls);
    case KEY_CERTS: return drill_setting_bool(value, &s->allow_invalid_certs);
    case KEY_ENABLE: return drill_setting_bool(value, &s->enabled);
    case KEY_LISTENER: return drill_setting_text(value, arena, &s->listener);
    /* The client's own proxy is taken to be one of them. */
    case KEY_PROXY: s->proxied = value.len > 0; return true;
    case KEY_SERVER: return drill_setting_text(value, arena, &s->server_name);
    case KEY_PROGRAM: return drill_setting_text(value, arena, &s->program);
    case KEY_ID: return drill_setting_text(value, arena, &s->id);
    case KEYS: break;
    }
    return false;
}

static enum drill_code stalwart_set(struct drill_settings *s, struct drill_span key,
                                    struct drill_span value, struct drill_arena *arena,
                                    struct drill_error *err)
{
    static const struct drill_setting_table TABLE = {"stalwart", KEY_NAMES, KEY_WANTED, KEYS,
                                                     set_value};
    return drill_setting_by(&TABLE, s, key, value, arena, err);
}

/* ---- waiting ---- */

/* client.rs has_option: the milter's own word counts, offered or not, and whatever the version. */
static bool stalwart_owes(const struct drill_mta *mta, uint8_t code)
{
    uint32_t steps = mta->cursor.steps;
    switch (code) {
    case DRILL_SMFIC_CONNECT: return !(steps & DRILL_SMFIP_NR_CONN);
    case DRILL_SMFIC_HELO: return !(steps & DRILL_SMFIP_NR_HELO);
    case DRILL_SMFIC_MAIL: return !(steps & DRILL_SMFIP_NR_MAIL);
    case DRILL_SMFIC_RCPT: return !(steps & DRILL_SMFIP_NR_RCPT);
    case DRILL_SMFIC_DATA: return !(steps & DRILL_SMFIP_NR_DATA);
    case DRILL_SMFIC_HEADER: return !(steps & DRILL_SMFIP_NR_HDR);
    case DRILL_SMFIC_EOH: return !(steps & DRILL_SMFIP_NR_EOH);
    case DRILL_SMFIC_BODY: return !(steps & DRILL_SMFIP_NR_BODY);
    case DRILL_SMFIC_UNKNOWN: return !(steps & DRILL_SMFIP_NR_UNKN);
    case DRILL_SMFIC_OPTNEG:
    case DRILL_SMFIC_BODYEOB: return true;
    default: return false;
    }
}

static uint32_t stalwart_limit(const struct drill_mta *mta)
{
    return mta->settings->max_response;
}

/* client.rs: timeout_command covers the connection and each write, timeout_data each read;
 * timeoutConnect is parsed and never used. */
static uint64_t stalwart_patience(const struct drill_mta *mta, enum drill_mta_kind kind)
{
    switch (kind) {
    case DRILL_MTA_OPEN:
    case DRILL_MTA_SEND: return mta->settings->timeout_command;
    case DRILL_MTA_WAIT: return mta->settings->timeout_data;
    case DRILL_MTA_CLOSE:
    case DRILL_MTA_DONE: break;
    }
    return UINT64_MAX;
}

static const struct drill_mta_ops OPS = {
    .measure = drill_stalwart_measure,
    .start = drill_stalwart_start,
    .next = drill_stalwart_next,
    .command = drill_stalwart_command,
    .macros = drill_stalwart_macros,
    .owes = stalwart_owes,
    .jump = drill_stalwart_jump,
    .reply = drill_stalwart_reply,
    .limit = stalwart_limit,
    .trouble = drill_stalwart_trouble,
    .settle = drill_stalwart_settle,
    .closed = drill_stalwart_closed,
    .reopen = drill_stalwart_reopen,
    .place = drill_stalwart_place,
    .halt = drill_stalwart_halt,
    .patience = stalwart_patience,
};

const struct drill_profile drill_profile_stalwart = {
    .name = "stalwart",
    .family = "stalwart",
    .summary = "Stalwart 0.16 (one connection a stage, whole message as body)",
    .side = DRILL_SIDE_MTA,
    .defaults = stalwart_defaults,
    .set = stalwart_set,
    .mta = &OPS,
};
