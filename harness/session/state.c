/* SPDX-License-Identifier: MIT */
#include "session/state.h"

/* The commands that may come next, by state: libmilter engine.c, NX_INIT to NX_Q_NC. MACRO may come
 * anywhere, and QUIT is obeyed anywhere. */
static const char *const NEXT[DRILL_STATES] = {
    [DRILL_STATE_INIT] = "O",   [DRILL_STATE_OPTS] = "CU",  [DRILL_STATE_CONN] = "HMU",
    [DRILL_STATE_HELO] = "HMU", [DRILL_STATE_MAIL] = "RAU", [DRILL_STATE_RCPT] = "RTLNBEAU",
    [DRILL_STATE_DATA] = "LNA", [DRILL_STATE_HDRS] = "LNA", [DRILL_STATE_EOHS] = "BEA",
    [DRILL_STATE_BODY] = "BEA", [DRILL_STATE_ENDM] = "MKU", [DRILL_STATE_UNKN] = "HMRATBUK",
    [DRILL_STATE_Q_NC] = "CU",  [DRILL_STATE_QUIT] = "",
};

/* One row a command: the state behind it, and the bits that switch it or its reply off. */
static const struct row {
    uint8_t code;
    uint8_t after;
    bool answered;
    uint32_t no;
    uint32_t nr;
} ROWS[] = {
    {DRILL_SMFIC_OPTNEG, DRILL_STATE_OPTS, true, 0, 0},
    {DRILL_SMFIC_CONNECT, DRILL_STATE_CONN, true, DRILL_SMFIP_NOCONNECT, DRILL_SMFIP_NR_CONN},
    {DRILL_SMFIC_HELO, DRILL_STATE_HELO, true, DRILL_SMFIP_NOHELO, DRILL_SMFIP_NR_HELO},
    {DRILL_SMFIC_MAIL, DRILL_STATE_MAIL, true, DRILL_SMFIP_NOMAIL, DRILL_SMFIP_NR_MAIL},
    {DRILL_SMFIC_RCPT, DRILL_STATE_RCPT, true, DRILL_SMFIP_NORCPT, DRILL_SMFIP_NR_RCPT},
    {DRILL_SMFIC_DATA, DRILL_STATE_DATA, true, DRILL_SMFIP_NODATA, DRILL_SMFIP_NR_DATA},
    {DRILL_SMFIC_HEADER, DRILL_STATE_HDRS, true, DRILL_SMFIP_NOHDRS, DRILL_SMFIP_NR_HDR},
    {DRILL_SMFIC_EOH, DRILL_STATE_EOHS, true, DRILL_SMFIP_NOEOH, DRILL_SMFIP_NR_EOH},
    {DRILL_SMFIC_BODY, DRILL_STATE_BODY, true, DRILL_SMFIP_NOBODY, DRILL_SMFIP_NR_BODY},
    {DRILL_SMFIC_BODYEOB, DRILL_STATE_ENDM, true, 0, 0},
    {DRILL_SMFIC_UNKNOWN, DRILL_STATE_UNKN, true, DRILL_SMFIP_NOUNKNOWN, DRILL_SMFIP_NR_UNKN},
    {DRILL_SMFIC_ABORT, DRILL_STATE_HELO, false, 0, 0},
    {DRILL_SMFIC_QUIT, DRILL_STATE_QUIT, false, 0, 0},
    {DRILL_SMFIC_QUIT_NC, DRILL_STATE_Q_NC, false, 0, 0},
};

static const struct row *find_row(uint8_t code)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i].code == code) {
            return &ROWS[i];
        }
    }
    return NULL;
}

static bool may_follow(enum drill_state state, uint8_t command)
{
    const char *p = NEXT[state];
    while (*p && (uint8_t)*p != command) {
        p++;
    }
    return *p != '\0';
}

/* Is the state one whose command was switched off? Then the table reads through it (engine.c
 * trans_ok and fix_stm). */
static bool transparent(enum drill_state state, const struct drill_agreed *agreed)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (ROWS[i].after == (uint8_t)state && ROWS[i].no & agreed->protocol) {
            return true;
        }
    }
    return false;
}

bool drill_state_allows(enum drill_state state, uint8_t command, const struct drill_agreed *agreed)
{
    if (command == DRILL_SMFIC_QUIT) {
        return state != DRILL_STATE_QUIT;
    }
    /* The states from INIT to ENDM stand in the order of a session. */
    while (!may_follow(state, command)) {
        if (state >= DRILL_STATE_ENDM) {
            return false;
        }
        state = (enum drill_state)(state + 1);
        if (!transparent(state, agreed)) {
            return false;
        }
    }
    return true;
}

enum drill_state drill_state_after(enum drill_state state, uint8_t command)
{
    const struct row *row = find_row(command);
    return row ? (enum drill_state)row->after : state;
}

bool drill_state_in_message(enum drill_state state)
{
    return state >= DRILL_STATE_MAIL && state <= DRILL_STATE_BODY;
}

bool drill_state_owes(uint8_t command, const struct drill_agreed *agreed)
{
    const struct row *row = find_row(command);
    return row && row->answered && !(agreed->version >= 6 && row->nr & agreed->protocol);
}

bool drill_state_suppressed(uint8_t command, const struct drill_agreed *agreed)
{
    const struct row *row = find_row(command);
    const struct drill_proto_message *message = drill_proto_find(DRILL_TO_MILTER, command);
    return (row && row->no & agreed->protocol) ||
           (message && agreed->version && message->since > agreed->version);
}

enum drill_reply_class drill_state_reply(uint8_t command, uint8_t reply)
{
    const struct row *row = find_row(command);
    bool eob = command == DRILL_SMFIC_BODYEOB;
    if (!row || !row->answered) {
        return DRILL_REPLY_ILLEGAL;
    }
    if (command == DRILL_SMFIC_OPTNEG || reply == DRILL_SMFIR_OPTNEG) {
        return command == DRILL_SMFIC_OPTNEG && reply == DRILL_SMFIR_OPTNEG ? DRILL_REPLY_NEGOTIATE
                                                                            : DRILL_REPLY_ILLEGAL;
    }
    if (drill_state_action(reply)) {
        return eob ? DRILL_REPLY_MODIFY : DRILL_REPLY_ILLEGAL;
    }
    switch (reply) {
    case DRILL_SMFIR_CONTINUE:
    case DRILL_SMFIR_ACCEPT:
    case DRILL_SMFIR_REJECT:
    case DRILL_SMFIR_TEMPFAIL:
    case DRILL_SMFIR_DISCARD:
    case DRILL_SMFIR_REPLYCODE:
    case DRILL_SMFIR_SHUTDOWN:
    case DRILL_SMFIR_CONN_FAIL: return DRILL_REPLY_VERDICT;
    case DRILL_SMFIR_SKIP:
        return command == DRILL_SMFIC_HEADER || command == DRILL_SMFIC_BODY ? DRILL_REPLY_VERDICT
                                                                            : DRILL_REPLY_ILLEGAL;
    case DRILL_SMFIR_PROGRESS: return eob ? DRILL_REPLY_PROGRESS : DRILL_REPLY_ILLEGAL;
    default: return DRILL_REPLY_ILLEGAL;
    }
}

uint32_t drill_state_action(uint8_t reply)
{
    switch (reply) {
    case DRILL_SMFIR_ADDHEADER:
    case DRILL_SMFIR_INSHEADER: return DRILL_SMFIF_ADDHDRS;
    case DRILL_SMFIR_CHGHEADER: return DRILL_SMFIF_CHGHDRS;
    case DRILL_SMFIR_REPLBODY: return DRILL_SMFIF_CHGBODY;
    case DRILL_SMFIR_ADDRCPT: return DRILL_SMFIF_ADDRCPT;
    case DRILL_SMFIR_ADDRCPT_PAR: return DRILL_SMFIF_ADDRCPT_PAR;
    case DRILL_SMFIR_DELRCPT: return DRILL_SMFIF_DELRCPT;
    case DRILL_SMFIR_CHGFROM: return DRILL_SMFIF_CHGFROM;
    case DRILL_SMFIR_QUARANTINE: return DRILL_SMFIF_QUARANTINE;
    default: return 0;
    }
}
