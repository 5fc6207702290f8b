/* SPDX-License-Identifier: MIT */
/*
 * Postfix 3.7 as an MTA: its settings (postconf(5), "Before-queue content filter"), and how long
 * and for what it waits (src/milter/milter8.c).
 */
#include "session/postfix.h"

#include <string.h>

#include "session/registry.h"

/* ---- settings ---- */

/* milter8_event_masks. */
static const struct {
    const char *word;
    uint32_t version;
    uint32_t steps;
} PROTOCOLS[] = {
    {"2", 2, 0x7F},
    {"3", 3, 0x17F},
    {"4", 4, 0x37F},
    {"6", 6, 0x1FFFFF},
    {"no_header_reply", 0, DRILL_SMFIP_NR_HDR},
};

static const struct {
    const char *word;
    uint8_t code;
} ACTIONS[] = {
    {"accept", DRILL_SMFIR_ACCEPT},     {"tempfail", DRILL_SMFIR_TEMPFAIL},
    {"reject", DRILL_SMFIR_REJECT},     {"quarantine", DRILL_SMFIR_QUARANTINE},
    {"shutdown", DRILL_SMFIR_SHUTDOWN},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void postfix_defaults(struct drill_settings *s)
{
    memset(s, 0, sizeof(*s));
    s->version = 6;
    s->actions = 0x1FF;
    s->protocol = 0x1FFFFF;
    s->timeout_connect = 30000000;
    s->timeout_command = 30000000;
    s->timeout_data = 300000000;
    s->max_response = INT32_MAX / 2; /* XXX_MAX_DATA */
    s->on_error = DRILL_SMFIR_TEMPFAIL;
    s->temp_fail_on_error = true;
    s->enabled = true;
    s->server_name = drill_span_str("mx.example.com");
    s->program = drill_span_str("Postfix 3.7.11");
    s->id = drill_span_str("inet:127.0.0.1:11332");
}

/* The next word of a list with commas or blanks between. */
static struct drill_span next_word(struct drill_span *list)
{
    size_t i = 0;
    while (i < list->len && (list->ptr[i] == ' ' || list->ptr[i] == ',')) {
        i++;
    }
    *list = drill_span_sub(*list, i, list->len);
    for (i = 0; i < list->len && list->ptr[i] != ' ' && list->ptr[i] != ',';) {
        i++;
    }
    struct drill_span word = drill_span_sub(*list, 0, i);
    *list = drill_span_sub(*list, i, list->len);
    return word;
}

/* Exactly one version, and perhaps the extension (milter8_connect). */
static bool set_protocol(struct drill_settings *s, struct drill_span value)
{
    uint32_t version = 0, steps = 0;
    for (struct drill_span word = next_word(&value); word.len; word = next_word(&value)) {
        size_t i = 0;
        while (i < COUNT(PROTOCOLS) && !drill_span_equal(word, drill_span_str(PROTOCOLS[i].word))) {
            i++;
        }
        if (i == COUNT(PROTOCOLS) || (PROTOCOLS[i].version && version)) {
            return false;
        }
        version += PROTOCOLS[i].version;
        steps |= PROTOCOLS[i].steps;
    }
    if (version) {
        s->version = version;
        s->protocol = steps;
    }
    return version != 0;
}

static bool set_action(struct drill_settings *s, struct drill_span value)
{
    for (size_t i = 0; i < COUNT(ACTIONS); i++) {
        if (drill_span_equal_nocase(value, drill_span_str(ACTIONS[i].word))) {
            s->on_error = ACTIONS[i].code;
            return true;
        }
    }
    return false;
}

/* Postfix takes a bare number for seconds. */
static bool set_time(struct drill_span value, uint64_t *out)
{
    uint32_t seconds;
    if (drill_setting_u32(value, &seconds)) {
        *out = (uint64_t)seconds * 1000000;
        return true;
    }
    return drill_setting_duration(value, out);
}

static bool set_version(struct drill_settings *s, struct drill_span value,
                        struct drill_arena *arena)
{
    static const char NAME[] = "Postfix ";
    uint8_t *p = drill_arena_take(arena, sizeof(NAME) + value.len);
    if (!p) {
        return false;
    }
    struct drill_writer w = drill_writer_of(p, sizeof(NAME) + value.len);
    drill_write_text(&w, NAME);
    drill_write_bytes(&w, value);
    s->program = drill_writer_span(&w);
    return true;
}

enum key {
    KEY_PROTOCOL,
    KEY_ACTION,
    KEY_CONNECT,
    KEY_COMMAND,
    KEY_CONTENT,
    KEY_HOSTNAME,
    KEY_VERSION,
    KEY_MACRO_V,
    KEY_DAEMON,
    KEY_MILTERS,
    KEYS
};

static const char *const KEY_NAMES[KEYS] = {
    "milter_protocol",        "milter_default_action",  "milter_connect_timeout",
    "milter_command_timeout", "milter_content_timeout", "myhostname",
    "mail_version",           "milter_macro_v",         "milter_macro_daemon_name",
    "smtpd_milters"};

static const char *const KEY_WANTED[KEYS] = {"one of 2, 3, 4 and 6, and perhaps no_header_reply",
                                             "accept, tempfail, reject, quarantine or shutdown",
                                             "a duration (30s, 1m)",
                                             "a duration (30s, 1m)",
                                             "a duration (300s, 5m)",
                                             "a host name",
                                             "a version (3.7.11)",
                                             "a text (Postfix 3.7.11)",
                                             "a name",
                                             "a milter's name (inet:127.0.0.1:11332)"};

static bool set_value(struct drill_settings *s, size_t key, struct drill_span value,
                      struct drill_arena *arena)
{
    switch ((enum key)key) {
    case KEY_PROTOCOL: return set_protocol(s, value);
    case KEY_ACTION: return set_action(s, value);
    case KEY_CONNECT: return set_time(value, &s->timeout_connect);
    case KEY_COMMAND: return set_time(value, &s->timeout_command);
    case KEY_CONTENT: return set_time(value, &s->timeout_data);
    case KEY_HOSTNAME: return drill_setting_text(value, arena, &s->server_name);
    case KEY_VERSION: return set_version(s, value, arena);
    case KEY_MACRO_V: return drill_setting_text(value, arena, &s->program);
    case KEY_DAEMON: return drill_setting_text(value, arena, &s->listener);
    case KEY_MILTERS: return drill_setting_text(value, arena, &s->id);
    case KEYS: break;
    }
    return false;
}

static enum drill_code postfix_set(struct drill_settings *s, struct drill_span key,
                                   struct drill_span value, struct drill_arena *arena,
                                   struct drill_error *err)
{
    static const struct drill_setting_table TABLE = {"postfix", KEY_NAMES, KEY_WANTED, KEYS,
                                                     set_value};
    return drill_setting_by(&TABLE, s, key, value, arena, err);
}

/* The text is "Postfix 3.7.11" unless milter_macro_v says otherwise. */
bool drill_postfix_is_3_11(const struct drill_mta *mta)
{
    struct drill_span s = mta->settings->program;
    uint32_t number[2] = {0, 0};
    size_t i = drill_span_find(s, ' ') + 1;
    for (size_t part = 0; part < 2 && i < s.len; part++, i++) {
        for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && number[part] < 1000; i++) {
            number[part] = number[part] * 10 + (uint32_t)(s.ptr[i] - '0');
        }
    }
    return number[0] > 3 || (number[0] == 3 && number[1] >= 11);
}

/* ---- waiting ---- */

bool drill_postfix_is_content(uint8_t command)
{
    return command == DRILL_SMFIC_HEADER || command == DRILL_SMFIC_EOH ||
           command == DRILL_SMFIC_BODY || command == DRILL_SMFIC_BODYEOB;
}

/* skip_reply of each milter8_*_event: the milter's own word counts, offered or not. */
static bool postfix_owes(const struct drill_mta *mta, uint8_t code)
{
    const struct drill_agreed said = {6, 0, mta->cursor.steps};
    return code == DRILL_SMFIC_OPTNEG || drill_state_owes(code, &said);
}

static uint32_t postfix_limit(const struct drill_mta *mta)
{
    return mta->settings->max_response;
}

/* The stream has milter_command_timeout, and milter_content_timeout within milter8_message; each is
 * for one read or write. */
static uint64_t postfix_patience(const struct drill_mta *mta, enum drill_mta_kind kind)
{
    const struct drill_settings *s = mta->settings;
    uint8_t at = mta->cursor.at;
    switch (kind) {
    case DRILL_MTA_OPEN: return s->timeout_connect;
    case DRILL_MTA_SEND:
        return at >= DRILL_AT_HEADER && at <= DRILL_AT_EOB ? s->timeout_data : s->timeout_command;
    case DRILL_MTA_WAIT:
        return drill_postfix_is_content(mta->awaited) ? s->timeout_data : s->timeout_command;
    case DRILL_MTA_CLOSE:
    case DRILL_MTA_DONE: break;
    }
    return UINT64_MAX;
}

static const struct drill_mta_session_ops SESSION = {
    .again = {"HAA", "HA", "H"}, /* an ABORT for the HELO before, one for the message */
    .secure = "AH",              /* the HELO before is forgotten at once */
    .show = drill_postfix_show,
    .pass = drill_postfix_pass,
};

static const struct drill_mta_ops OPS = {
    .measure = drill_postfix_measure,
    .start = drill_mta_session_start,
    .next = drill_mta_session_next,
    .command = drill_postfix_command,
    .macros = drill_postfix_macros,
    .owes = postfix_owes,
    .jump = drill_mta_session_jump,
    .reply = drill_postfix_reply,
    .limit = postfix_limit,
    .trouble = drill_postfix_trouble,
    .settle = drill_mta_session_settle,
    .closed = drill_mta_session_closed,
    .reopen = drill_mta_session_reopen,
    .patience = postfix_patience,
    .place = drill_mta_session_place,
    .halt = drill_mta_session_halt,
    .session = &SESSION,
};

const struct drill_profile drill_profile_postfix = {
    .name = "postfix",
    .family = "postfix",
    .summary = "Postfix 3.7 (one connection a session, macros before everything)",
    .side = DRILL_SIDE_MTA,
    .defaults = postfix_defaults,
    .set = postfix_set,
    .mta = &OPS,
};
