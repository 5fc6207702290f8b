/* SPDX-License-Identifier: MIT */
/*
 * What Stalwart 0.16 can read of a milter's replies, and what it logs when it cannot. Sources:
 * Stalwart crates/smtp/src/inbound/milter/protocol.rs (deserialize), client.rs (read), message.rs
 * (the event of each error), crates/trc (names and form of log lines).
 */
#include "session/stalwart.h"

/* ---- payloads ---- */

/* `count` strings, each with its NUL and valid UTF-8; what follows them does not matter. Of a frame
 * whose view is cut, what is not there is taken for good. */
static bool readable_strings(struct drill_reader *r, size_t count, bool cut)
{
    for (size_t i = 0; i < count; i++) {
        struct drill_span s;
        if (!drill_read_str(r, &s)) {
            return cut;
        }
        if (!drill_mail_is_utf8(s)) {
            return false;
        }
    }
    return true;
}

bool drill_stalwart_readable(const struct drill_message *reply, uint32_t size)
{
    struct drill_reader r = drill_reader_of(reply->payload);
    bool cut = reply->payload.len < size;
    uint32_t index;
    struct drill_span code;
    switch (reply->code) {
    case DRILL_SMFIR_CONTINUE:
    case DRILL_SMFIR_ACCEPT:
    case DRILL_SMFIR_REJECT:
    case DRILL_SMFIR_TEMPFAIL:
    case DRILL_SMFIR_DISCARD:
    case DRILL_SMFIR_SKIP:
    case DRILL_SMFIR_PROGRESS:
    case DRILL_SMFIR_SHUTDOWN:
    case DRILL_SMFIR_CONN_FAIL:
    case DRILL_SMFIR_SETSYMLIST:
    case DRILL_SMFIR_REPLBODY: return true;
    case DRILL_SMFIR_OPTNEG: return size >= 12;
    /* Three bytes of code, whatever they are, a separator, and the text. */
    case DRILL_SMFIR_REPLYCODE:
        return drill_read_bytes(&r, 4, &code) && readable_strings(&r, 1, cut);
    case DRILL_SMFIR_ADDHEADER: return readable_strings(&r, 2, cut);
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER: return drill_read_be32(&r, &index) && readable_strings(&r, 2, cut);
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_DELRCPT:
    case DRILL_SMFIR_QUARANTINE: return readable_strings(&r, 1, cut);
    /* The arguments are not optional for it, as they are for libmilter's API. */
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_CHGFROM: return readable_strings(&r, 2, cut);
    default: return false;
    }
}

/* ---- log lines ---- */

static unsigned local_port(struct drill_span listener)
{
    if (drill_span_equal(listener, drill_span_str("submission"))) {
        return 587;
    }
    return drill_span_equal(listener, drill_span_str("submissions")) ? 465 : 25;
}

/* Rust's io::Error prints the system's text and the number. */
static const char *errno_text(int error)
{
    static const struct {
        int error;
        const char *text;
    } TEXTS[] = {
        {2, "No such file or directory"},  {32, "Broken pipe"},
        {101, "Network is unreachable"},   {103, "Software caused connection abort"},
        {104, "Connection reset by peer"}, {110, "Connection timed out"},
        {111, "Connection refused"},       {113, "No route to host"},
    };
    for (size_t i = 0; i < sizeof(TEXTS) / sizeof(TEXTS[0]); i++) {
        if (TEXTS[i].error == error) {
            return TEXTS[i].text;
        }
    }
    return "Unknown error";
}

static int end_errno(const struct drill_mta_trouble *t)
{
    switch (t->how) {
    case DRILL_END_RST: return 104;
    case DRILL_END_EPIPE: return 32;
    case DRILL_END_REFUSED: return 111;
    case DRILL_END_ERROR:
    case DRILL_END_FIN:
    case DRILL_END_NONE: break;
    }
    return t->error;
}

static void write_base64(struct drill_writer *w, struct drill_span s)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i;
        uint32_t v = (uint32_t)s.ptr[i] << 16 | (n > 1 ? (uint32_t)s.ptr[i + 1] << 8 : 0) |
                     (n > 2 ? s.ptr[i + 2] : 0);
        drill_write_u8(w, (uint8_t)DIGITS[v >> 18 & 63]);
        drill_write_u8(w, (uint8_t)DIGITS[v >> 12 & 63]);
        drill_write_u8(w, (uint8_t)(n > 1 ? DIGITS[v >> 6 & 63] : '='));
        drill_write_u8(w, (uint8_t)(n > 2 ? DIGITS[v & 63] : '='));
    }
}

/* The frame that it could not read: its code and payload, as much as a line takes. */
static void invalid_details(struct drill_writer *w, const struct drill_mta_trouble *t)
{
    uint8_t frame[129];
    struct drill_writer f = drill_writer_of(frame, sizeof(frame));
    if (t->reply) {
        drill_write_u8(&f, t->reply->code);
        drill_write_bytes(&f, drill_span_sub(t->reply->payload, 0, sizeof(frame) - 1));
    }
    drill_write_text(w, ", details = base64:");
    write_base64(w, drill_writer_span(&f));
}

static const char *action_word(uint8_t code)
{
    switch (code) {
    case DRILL_SMFIR_CONTINUE: return "ACTION (CONTINUE)";
    case DRILL_SMFIR_ACCEPT: return "ACTION (ACCEPT)";
    case DRILL_SMFIR_REJECT: return "ACTION (REJECT)";
    case DRILL_SMFIR_TEMPFAIL: return "ACTION (TEMPFAIL)";
    case DRILL_SMFIR_DISCARD: return "ACTION (DISCARD)";
    case DRILL_SMFIR_SHUTDOWN: return "ACTION (SHUTDOWN)";
    case DRILL_SMFIR_CONN_FAIL: return "ACTION (CONN_FAIL)";
    case DRILL_SMFIR_SKIP: return "SKIP";
    case DRILL_SMFIR_PROGRESS: return "PROGRESS";
    case DRILL_SMFIR_SETSYMLIST: return "SET_SYMBOLS";
    default: return NULL;
    }
}

/* A string of a reply in a log line: as text, cut, without what would break the line. */
static void write_shown(struct drill_writer *w, struct drill_span s)
{
    s = drill_span_sub(s, 0, 60);
    for (size_t i = 0; i < s.len; i++) {
        switch (s.ptr[i]) {
        case '\r': drill_write_text(w, "\\r"); break;
        case '\n': drill_write_text(w, "\\n"); break;
        case '\t': drill_write_text(w, "\\t"); break;
        case '\\': drill_write_text(w, "\\\\"); break;
        default: drill_write_u8(w, s.ptr[i] < ' ' ? '?' : s.ptr[i]); break;
        }
    }
}

static void write_change(struct drill_writer *w, const char *kind, const struct drill_message *m)
{
    drill_write_text(w, "MODIFICATION (");
    drill_write_text(w, kind);
    drill_write_text(w, " (");
    if (m->shape == DRILL_SHAPE_BE32_STR_STR) {
        drill_write_text(w, "index: ");
        drill_write_dec(w, m->number[0]);
        drill_write_text(w, ", ");
    }
    write_shown(w, m->str[0]);
    if (m->shape == DRILL_SHAPE_STR_STR || m->shape == DRILL_SHAPE_BE32_STR_STR) {
        drill_write_text(w, ": ");
        write_shown(w, m->str[1]);
    }
    drill_write_text(w, "))");
}

static void unexpected_details(struct drill_writer *w, const struct drill_message *m)
{
    drill_write_text(w, ", details = \"");
    switch (m->code) {
    case DRILL_SMFIR_OPTNEG: drill_write_text(w, "OPTNEG"); break;
    case DRILL_SMFIR_ADDHEADER: write_change(w, "ADD_HEADER", m); break;
    case DRILL_SMFIR_INSHEADER: write_change(w, "INSERT_HEADER", m); break;
    case DRILL_SMFIR_CHGHEADER: write_change(w, "CHANGE_HEADER", m); break;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR: write_change(w, "ADD_RCPT", m); break;
    case DRILL_SMFIR_DELRCPT: write_change(w, "DEL_RCPT", m); break;
    case DRILL_SMFIR_REPLBODY: write_change(w, "REPLACE_BODY", m); break;
    case DRILL_SMFIR_CHGFROM: write_change(w, "CHANGE_FROM", m); break;
    case DRILL_SMFIR_QUARANTINE: write_change(w, "QUARANTINE", m); break;
    case DRILL_SMFIR_REPLYCODE: drill_write_text(w, "ACTION (REPLYCODE)"); break;
    default: {
        const char *word = action_word(m->code);
        drill_write_text(w, word ? word : "?");
        break;
    }
    }
    drill_write_u8(w, '"');
}

struct event {
    const char *text;
    const char *id;
};

static struct event event_of(const struct drill_mta_trouble *t)
{
    switch (t->fault) {
    case DRILL_MTA_ENDED:
        if (t->how == DRILL_END_FIN) {
            return (struct event){"Milter disconnected", "disconnected"};
        }
        return (struct event){"Milter I/O error", "io-error"};
    case DRILL_MTA_TIMEOUT: return (struct event){"Milter timeout", "timeout"};
    case DRILL_MTA_TOO_LARGE: return (struct event){"Milter frame too large", "frame-too-large"};
    case DRILL_MTA_GARBLED:
    case DRILL_MTA_INVALID: return (struct event){"Invalid Milter frame", "frame-invalid"};
    case DRILL_MTA_UNEXPECTED:
        return (struct event){"Unexpected Milter response", "unexpected-response"};
    }
    return (struct event){"Milter I/O error", "io-error"};
}

static void write_details(struct drill_writer *w, const struct drill_mta_trouble *t)
{
    switch (t->fault) {
    case DRILL_MTA_ENDED:
        if (t->how == DRILL_END_FIN) {
            drill_write_text(w, ", details = (null)");
        } else {
            int error = end_errno(t);
            drill_write_text(w, ", details = \"");
            drill_write_text(w, errno_text(error));
            drill_write_text(w, " (os error ");
            drill_write_dec(w, error > 0 ? (uint64_t)error : 0);
            drill_write_text(w, ")\"");
        }
        break;
    case DRILL_MTA_TOO_LARGE:
        drill_write_text(w, ", details = ");
        drill_write_dec(w, t->length);
        break;
    case DRILL_MTA_GARBLED:
    case DRILL_MTA_INVALID: invalid_details(w, t); break;
    case DRILL_MTA_UNEXPECTED: unexpected_details(w, t->reply); break;
    case DRILL_MTA_TIMEOUT: drill_write_text(w, ", details = (null)"); break;
    }
}

void drill_stalwart_log(struct drill_mta *mta, const struct drill_mta_trouble *t)
{
    const struct drill_client *client = mta->cursor.client;
    struct event e = event_of(t);
    struct drill_writer w = drill_writer_of(mta->log, sizeof(mta->log) - 1);
    drill_write_text(&w, "WARN ");
    drill_write_text(&w, e.text);
    drill_write_text(&w, " (milter.");
    drill_write_text(&w, e.id);
    drill_write_text(&w, ") listenerId = \"");
    write_shown(&w, mta->settings->listener);
    drill_write_text(&w, "\", localPort = ");
    drill_write_dec(&w, local_port(mta->settings->listener));
    if (client) {
        drill_write_text(&w, ", remoteIp = ");
        write_shown(&w, client->addr);
        drill_write_text(&w, ", remotePort = ");
        drill_write_dec(&w, client->port);
    }
    drill_write_text(&w, ", id = \"MtaMilter with id ");
    write_shown(&w, mta->settings->id);
    drill_write_u8(&w, '"');
    write_details(&w, t);
    mta->log[drill_writer_span(&w).len] = '\0';
}
