/* SPDX-License-Identifier: MIT */
/*
 * Sendmail 8.17 as an MTA: its settings (the equates of INPUT_MAIL_FILTER: F= and T=), and how long
 * and for what it waits. Source: sendmail/milter.c (milter_setup, milter_parse_timeouts,
 * milter_sysread).
 */
#include "session/sendmail.h"

#include <string.h>

#include "session/registry.h"

static void sendmail_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6;
    s->actions = 0x1FF;
    s->protocol = 0x1FFFFF;
    s->timeout_connect = 300000000; /* C */
    s->timeout_command = 10000000;  /* S: each write */
    s->timeout_data = 10000000;     /* R: each reply */
    s->timeout_eom = 300000000;     /* E */
    s->max_response = UINT32_MAX;
    s->on_error = DRILL_SMFIR_TEMPFAIL;
    s->temp_fail_on_error = true;
    s->enabled = true;
    s->server_name = drill_span_str("mx.example.com");
    s->program = drill_span_str("8.17.1.9");
    s->listener = drill_span_str("MTA");
    s->id = drill_span_str("milter");
}

/* F=T, R, 4, or nothing: accept what the filter fails on. */
static bool set_flag(struct drill_settings *s, struct drill_span value)
{
    static const struct {
        const char *word;
        uint8_t code;
    } FLAGS[] = {{"T", DRILL_SMFIR_TEMPFAIL},
                 {"R", DRILL_SMFIR_REJECT},
                 {"4", DRILL_SMFIR_SHUTDOWN},
                 {"none", DRILL_SMFIR_ACCEPT},
                 {"", DRILL_SMFIR_ACCEPT}};
    for (size_t i = 0; i < sizeof(FLAGS) / sizeof(FLAGS[0]); i++) {
        if (drill_span_equal(value, drill_span_str(FLAGS[i].word))) {
            s->on_error = FLAGS[i].code;
            return true;
        }
    }
    return false;
}

static uint64_t *timeout_of(struct drill_settings *s, uint8_t letter)
{
    switch (letter) {
    case 'C': return &s->timeout_connect;
    case 'S': return &s->timeout_command;
    case 'R': return &s->timeout_data;
    case 'E': return &s->timeout_eom;
    default: return NULL;
    }
}

/* "5m"; a bare number is of seconds, and 0 of R or E no limit. */
static bool set_timeout(struct drill_settings *s, uint8_t letter, struct drill_span value)
{
    uint64_t *timeout = timeout_of(s, letter);
    uint32_t seconds;
    uint64_t span;
    bool number = drill_setting_u32(value, &seconds);
    if (!timeout || (!number && !drill_setting_duration(value, &span))) {
        return false;
    }
    *timeout = number ? (uint64_t)seconds * 1000000 : span;
    return true;
}

/* "C:5m;S:10s;R:10s;E:5m", or some of them. */
static bool set_timeouts(struct drill_settings *s, struct drill_span value)
{
    struct drill_settings changed = *s;
    while (value.len) {
        size_t end = drill_span_find(value, ';');
        struct drill_span one = drill_span_sub(value, 0, end);
        if (one.len < 3 || one.ptr[1] != ':' ||
            !set_timeout(&changed, one.ptr[0], drill_span_sub(one, 2, one.len))) {
            return false;
        }
        value = drill_span_sub(value, end + 1, value.len);
    }
    *s = changed;
    return true;
}

enum key {
    KEY_F,
    KEY_T,
    KEY_C,
    KEY_S,
    KEY_R,
    KEY_E,
    KEY_NAME,
    KEY_HOST,
    KEY_DAEMON,
    KEY_VERSION,
    KEYS
};

static const char *const KEY_NAMES[KEYS] = {"F", "T",    "C", "S",           "R",
                                            "E", "name", "j", "daemon_name", "Z"};

static const char *const KEY_WANTED[KEYS] = {"T, R, 4 or none",
                                             "timeouts as in C:5m;S:10s;R:10s;E:5m",
                                             "a duration (30s, 5m)",
                                             "a duration (30s, 5m)",
                                             "a duration (30s, 5m)",
                                             "a duration (30s, 5m)",
                                             "a filter's name",
                                             "a host name",
                                             "a name",
                                             "a version (8.17.1.9)"};

static bool set_value(struct drill_settings *s, size_t key, struct drill_span value,
                      struct drill_arena *arena)
{
    switch ((enum key)key) {
    case KEY_F: return set_flag(s, value);
    case KEY_T: return set_timeouts(s, value);
    case KEY_C:
    case KEY_S:
    case KEY_R:
    case KEY_E: return set_timeout(s, (uint8_t)KEY_NAMES[key][0], value);
    case KEY_NAME: return drill_setting_text(value, arena, &s->id);
    case KEY_HOST: return drill_setting_text(value, arena, &s->server_name);
    case KEY_DAEMON: return drill_setting_text(value, arena, &s->listener);
    case KEY_VERSION: return drill_setting_text(value, arena, &s->program);
    case KEYS: break;
    }
    return false;
}

static enum drill_code sendmail_set(struct drill_settings *s, struct drill_span key,
                                    struct drill_span value, struct drill_arena *arena,
                                    struct drill_error *err)
{
    static const struct drill_setting_table TABLE = {"sendmail", KEY_NAMES, KEY_WANTED, KEYS,
                                                     set_value};
    return drill_setting_by(&TABLE, s, key, value, arena, err);
}

/* ---- waiting ---- */

/* norespflag of milter_send_command; it has refused a milter that asks for what was not offered. */
static bool sendmail_owes(const struct drill_mta *mta, uint8_t code)
{
    const struct drill_agreed said = {6, 0, mta->cursor.steps};
    return code == DRILL_SMFIC_OPTNEG || drill_state_owes(code, &said);
}

static uint32_t sendmail_limit(const struct drill_mta *mta)
{
    return mta->settings->max_response;
}

/* A timeout of 0 is none. The sum of E is over all replies to the end of the body, which nobody
 * here can measure: it shows only where it is shorter than one of them may take. */
static uint64_t sendmail_patience(const struct drill_mta *mta, enum drill_mta_kind kind)
{
    const struct drill_settings *s = mta->settings;
    uint64_t span = UINT64_MAX;
    switch (kind) {
    case DRILL_MTA_OPEN: span = s->timeout_connect; break;
    case DRILL_MTA_SEND: span = s->timeout_command; break;
    case DRILL_MTA_WAIT:
        span = s->timeout_data;
        if (mta->awaited == DRILL_SMFIC_BODYEOB && s->timeout_eom &&
            (s->timeout_eom < span || span == 0)) {
            span = s->timeout_eom;
        }
        break;
    case DRILL_MTA_CLOSE:
    case DRILL_MTA_DONE: break;
    }
    return span ? span : UINT64_MAX;
}

static const struct drill_mta_session_ops SESSION = {
    .all_first = true,
    .again = {"AH", "H", "H"},
    .secure = "H",
    .whole_line = true,
    .show = drill_sendmail_show,
    .pass = drill_sendmail_pass,
};

static const struct drill_mta_ops OPS = {
    .measure = drill_sendmail_measure,
    .start = drill_mta_session_start,
    .next = drill_mta_session_next,
    .command = drill_sendmail_command,
    .macros = drill_sendmail_macros,
    .owes = sendmail_owes,
    .jump = drill_mta_session_jump,
    .reply = drill_sendmail_reply,
    .limit = sendmail_limit,
    .trouble = drill_sendmail_trouble,
    .settle = drill_sendmail_settle,
    .closed = drill_mta_session_closed,
    .reopen = drill_mta_session_reopen,
    .patience = sendmail_patience,
    .place = drill_mta_session_place,
    .halt = drill_mta_session_halt,
    .session = &SESSION,
};

const struct drill_profile drill_profile_sendmail = {
    .name = "sendmail",
    .family = "sendmail",
    .summary = "Sendmail 8.17 (one connection a session, no abort behind a verdict)",
    .side = DRILL_SIDE_MTA,
    .defaults = sendmail_defaults,
    .set = sendmail_set,
    .mta = &OPS,
};
