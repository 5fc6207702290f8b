/* SPDX-License-Identifier: MIT */
/*
 * What Postfix can read of a milter's replies, and what it logs. Sources: src/milter/milter8.c
 * (milter8_read_resp, vmilter8_read_data, milter8_event, milter8_connect), src/smtpd/smtpd.c
 * (check_milter_reply, smtpd_whatsup), src/cleanup/cleanup_milter.c (cleanup_milter_apply).
 */
#include "session/postfix.h"

#include <stdio.h>
#include <string.h>

/* ---- payloads ---- */

struct reading {
    struct drill_reader in;
    bool cut; /* the view is shorter than the frame: what is not there is taken for good */
    const char *milter;
    int milter_len;
    char *text;
    size_t cap;
};

static bool unreadable_long(struct reading *r)
{
    uint32_t number;
    if (drill_read_be32(&r->in, &number)) {
        return false;
    }
    (void)snprintf(r->text, r->cap, "milter %.*s: input packet too short for network long",
                   r->milter_len, r->milter);
    return true;
}

static bool unreadable_string(struct reading *r)
{
    struct drill_span s;
    if (drill_read_str(&r->in, &s) || r->cut) {
        return false;
    }
    if (drill_reader_left(&r->in) == 0) {
        (void)snprintf(r->text, r->cap, "milter %.*s: packet too short for string", r->milter_len,
                       r->milter);
    } else { /* so it is spelt */
        (void)snprintf(r->text, r->cap,
                       "milter8_read_data: milter %.*s: missing string null termimator",
                       r->milter_len, r->milter);
    }
    return true;
}

static bool unreadable_rest(struct reading *r)
{
    size_t left = drill_reader_left(&r->in);
    if (left == 0 || r->cut) {
        return false;
    }
    (void)snprintf(r->text, r->cap, "milter8_read_data: left-over data %zu bytes", left);
    return true;
}

/* The number is the length of what was sent, not of what came. */
static bool unreadable_nothing(const struct drill_mta *mta, uint8_t command,
                               const struct drill_message *reply, uint32_t size, struct reading *r)
{
    if (size == 0) {
        return false;
    }
    (void)snprintf(r->text, r->cap, "milter %.*s: reply %s was followed by %zu data bytes",
                   r->milter_len, r->milter, drill_proto_name(DRILL_TO_MTA, reply->code),
                   drill_postfix_sent_size(mta, command));
    return true;
}

static struct reading reading_of(const struct drill_mta *mta, const struct drill_message *reply,
                                 uint32_t size, char *text, size_t cap)
{
    struct drill_span id = mta->settings->id;
    struct reading r = {drill_reader_of(reply->payload),
                        reply->payload.len < size,
                        (const char *)id.ptr,
                        id.len < 100 ? (int)id.len : 100,
                        text,
                        cap};
    return r;
}

bool drill_postfix_unreadable(const struct drill_mta *mta, uint8_t command,
                              const struct drill_message *reply, uint32_t size, char *text,
                              size_t cap)
{
    struct reading r = reading_of(mta, reply, size, text, cap);
    switch (reply->code) {
    case DRILL_SMFIR_CONTINUE:
    case DRILL_SMFIR_ACCEPT:
    case DRILL_SMFIR_REJECT:
    case DRILL_SMFIR_TEMPFAIL:
    case DRILL_SMFIR_DISCARD:
    case DRILL_SMFIR_SKIP:
    case DRILL_SMFIR_PROGRESS:
    case DRILL_SMFIR_SHUTDOWN: return unreadable_nothing(mta, command, reply, size, &r);
    case DRILL_SMFIR_OPTNEG:
        return unreadable_long(&r) || unreadable_long(&r) || unreadable_long(&r);
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER:
        return unreadable_long(&r) || unreadable_string(&r) || unreadable_string(&r) ||
               unreadable_rest(&r);
    case DRILL_SMFIR_ADDHEADER:
        return unreadable_string(&r) || unreadable_string(&r) || unreadable_rest(&r);
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_DELRCPT: return unreadable_string(&r) || unreadable_rest(&r);
    case DRILL_SMFIR_ADDRCPT_PAR:
    case DRILL_SMFIR_CHGFROM:
        return unreadable_string(&r) ||
               (drill_reader_left(&r.in) > 0 && (unreadable_string(&r) || unreadable_rest(&r)));
    default: return false;
    }
}

bool drill_postfix_unreadable_list(const struct drill_mta *mta, struct drill_span *rest,
                                   uint32_t *stage, struct drill_span *names, char *text,
                                   size_t cap)
{
    const struct drill_message reply = {.payload = *rest};
    struct reading r = reading_of(mta, &reply, (uint32_t)rest->len, text, cap);
    struct drill_reader in = r.in;
    if (unreadable_long(&r) || unreadable_string(&r)) {
        return true;
    }
    (void)drill_read_be32(&in, stage);
    (void)drill_read_str(&in, names);
    *rest = drill_read_rest(&in);
    return false;
}

/* ---- warnings ---- */

static const char *process_of(uint8_t command)
{
    return drill_postfix_is_content(command) ? "cleanup" : "smtpd";
}

/* A second warning of the same event is a line of its own. */
void drill_postfix_warn(struct drill_mta *mta, uint8_t command, const char *text)
{
    struct drill_span id = mta->settings->id;
    char line[300];
    bool named = strstr(text, "milter ") == text || strstr(text, "milter8_") == text ||
                 strstr(text, "connect to") == text;
    (void)snprintf(line, sizeof(line), "postfix/%s: warning: %s%.*s%s%s", process_of(command),
                   named ? "" : "milter ",
                   named          ? 0
                   : id.len < 100 ? (int)id.len
                                  : 100,
                   (const char *)id.ptr, named ? "" : ": ", text);
    bool more = mta->own.flags & POSTFIX_WARNED && mta->log[0];
    size_t len = more ? strlen(mta->log) : 0;
    (void)snprintf(mta->log + len, sizeof(mta->log) - len, "%s%s", more ? "\n" : "", line);
    mta->own.flags |= POSTFIX_WARNED;
}

static const char *error_text(const struct drill_mta_trouble *t)
{
    if (t->fault == DRILL_MTA_TIMEOUT) {
        return "Connection timed out";
    }
    switch (t->how) {
    case DRILL_END_RST: return "Connection reset by peer";
    case DRILL_END_EPIPE: return "Broken pipe";
    case DRILL_END_REFUSED: return "Connection refused";
    case DRILL_END_ERROR: return t->error == 110 ? "Connection timed out" : "No route to host";
    case DRILL_END_NONE:
    case DRILL_END_FIN: break;
    }
    return "Application error"; /* vstream's errno for the end of file */
}

static const char *command_name(uint8_t command)
{
    const char *name = drill_proto_name(DRILL_TO_MILTER, command);
    return name ? name : "(unknown MTA event)";
}

/* What it was reading when the stream broke. */
static void broken_text(const struct drill_mta *mta, uint8_t command,
                        const struct drill_mta_trouble *t, char *text, size_t cap)
{
    struct drill_span id = mta->settings->id;
    const struct drill_proto_message *m = drill_proto_find(DRILL_TO_MTA, t->reading_code);
    enum drill_shape shape = m ? m->shape : DRILL_SHAPE_NONE;
    const char *why = error_text(t);
    if (!t->reading || shape == DRILL_SHAPE_NONE) {
        (void)snprintf(text, cap, "can't read %s reply packet header: %s", command_name(command),
                       why);
    } else if (shape == DRILL_SHAPE_OPTNEG) {
        (void)snprintf(text, cap, "EOF while reading network long: %s", why);
    } else if (shape == DRILL_SHAPE_TEXT || shape == DRILL_SHAPE_BYTES ||
               t->reading_code == DRILL_SMFIR_QUARANTINE) {
        (void)snprintf(text, cap, "EOF while reading data: %s", why);
    } else {
        (void)snprintf(text, cap, "milter8_read_data: milter %.*s: EOF while reading string: %s",
                       id.len < 100 ? (int)id.len : 100, (const char *)id.ptr, why);
    }
}

static void reply_text(uint8_t command, const struct drill_message *m, char *text, size_t cap)
{
    /* Its table of replies has no OPTNEG. */
    const char *name =
        m->code == DRILL_SMFIR_OPTNEG ? NULL : drill_proto_name(DRILL_TO_MTA, m->code);
    if (command == DRILL_SMFIC_OPTNEG) {
        uint8_t shown = m->code >= ' ' && m->code < 0x7F ? m->code : (uint8_t)'?';
        (void)snprintf(text, cap, "unexpected reply \"%c\" in initial handshake", shown);
        return;
    }
    (void)snprintf(text, cap, "unexpected filter response %s after event %s",
                   name ? name : "(unknown filter reply)", command_name(command));
}

void drill_postfix_warn_of(struct drill_mta *mta, uint8_t command,
                           const struct drill_mta_trouble *t)
{
    struct drill_span id = mta->settings->id;
    char text[256] = "";
    mta->own.flags &= ~(uint32_t)POSTFIX_WARNED;
    switch (t->fault) {
    case DRILL_MTA_ENDED:
    case DRILL_MTA_TIMEOUT:
        if (command == 0) {
            (void)snprintf(text, sizeof(text), "connect to Milter service %.*s: %s",
                           id.len < 100 ? (int)id.len : 100, (const char *)id.ptr, error_text(t));
        } else {
            broken_text(mta, command, t, text, sizeof(text));
        }
        break;
    case DRILL_MTA_TOO_LARGE:
        (void)snprintf(text, sizeof(text), "unreasonable packet length: %u > %d",
                       (unsigned)t->length, INT32_MAX / 2);
        break;
    case DRILL_MTA_GARBLED:
        (void)snprintf(text, sizeof(text), "bad packet length: %u", (unsigned)t->length);
        break;
    case DRILL_MTA_INVALID: (void)snprintf(text, sizeof(text), "%s", t->text); break;
    case DRILL_MTA_UNEXPECTED: reply_text(command, t->reply, text, sizeof(text)); break;
    }
    drill_postfix_warn(mta, command, text);
    if (command == DRILL_SMFIC_OPTNEG && t->fault != DRILL_MTA_UNEXPECTED) {
        drill_postfix_warn(mta, command, "read error in initial handshake");
    }
}

/* ---- what becomes of mail ---- */

static const char *where_of(uint8_t command)
{
    switch (command) {
    case DRILL_SMFIC_CONNECT: return "CONNECT";
    case DRILL_SMFIC_HELO: return "EHLO";
    case DRILL_SMFIC_MAIL: return "MAIL";
    case DRILL_SMFIC_RCPT: return "RCPT";
    case DRILL_SMFIC_DATA: return "DATA";
    default: return "END-OF-MESSAGE";
    }
}

static void write_address(struct drill_writer *w, const char *before, struct drill_span address)
{
    drill_write_text(w, before);
    drill_write_bytes(w, drill_span_sub(drill_mta_session_bare(address), 0, 80));
    drill_write_u8(w, '>');
}

static void write_whatsup(const struct drill_mta *mta, uint8_t command, struct drill_writer *w)
{
    const struct drill_mta_cursor *c = &mta->own.smtp;
    const struct drill_envelope *m = c->message;
    if (m && command != DRILL_SMFIC_CONNECT && command != DRILL_SMFIC_HELO) {
        write_address(w, " from=<", m->from);
        if (command != DRILL_SMFIC_MAIL && m->rcpts) {
            write_address(w, " to=<", m->rcpt[c->rcpt < m->rcpts ? c->rcpt : 0]);
        }
    }
    drill_write_text(w, " proto=");
    drill_write_text(w, command == DRILL_SMFIC_CONNECT ? "SMTP" : "ESMTP");
    if (command != DRILL_SMFIC_CONNECT) {
        drill_write_text(w, " helo=<");
        drill_write_bytes(w, drill_span_sub(c->client->helo, 0, 80));
        drill_write_u8(w, '>');
    }
}

void drill_postfix_note(struct drill_mta *mta, uint8_t command, const char *action,
                        struct drill_span text)
{
    const struct drill_mta_cursor *c = &mta->own.smtp;
    if (mta->own.flags & POSTFIX_WARNED || !c->client) {
        return;
    }
    struct drill_writer w = drill_writer_of(mta->log, sizeof(mta->log) - 1);
    bool queued = drill_postfix_is_content(command) ||
                  (mta->rcpts_taken > 0 && command == DRILL_SMFIC_RCPT) ||
                  command == DRILL_SMFIC_DATA;
    drill_write_text(&w, "postfix/");
    drill_write_text(&w, process_of(command));
    drill_write_text(&w, ": ");
    if (queued) {
        drill_postfix_queue_id(c, &w);
    } else {
        drill_write_text(&w, "NOQUEUE");
    }
    drill_write_text(&w, ": ");
    drill_write_text(&w, action);
    drill_write_text(&w, ": ");
    drill_write_text(&w, where_of(command));
    drill_write_text(&w, " from ");
    drill_write_bytes(&w, c->client->host.len ? drill_span_sub(c->client->host, 0, 80)
                                              : drill_span_str("unknown"));
    drill_write_u8(&w, '[');
    drill_write_bytes(&w, drill_span_sub(c->client->addr, 0, 60));
    drill_write_text(&w, "]: ");
    drill_write_bytes(&w, drill_span_sub(text, 0, 120));
    drill_write_u8(&w, ';');
    write_whatsup(mta, command, &w);
    mta->log[drill_writer_span(&w).len] = '\0';
}
