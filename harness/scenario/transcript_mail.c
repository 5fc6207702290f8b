/* SPDX-License-Identifier: MIT */
/*
 * The message as the milter is shown it, as a file that an SMTP client can send again: header
 * frames as "Name: value" (folds as CRLF), an empty line, and the body chunks as they are.
 */
#include "scenario/transcript_parts.h"

enum mail_state { MAIL_NONE, MAIL_HEADERS, MAIL_BODY };
enum { FILL_MAX = 1 << 20 }; /* bytes */
enum header_state { HEADER_NAME, HEADER_VALUE, HEADER_VALUE_CR, HEADER_OVER };

static void put(struct drill_transcript *t, const char *text)
{
    drill_transcript_append(t, DRILL_BESIDE_MAIL, drill_span_str(text));
}

static void begin(struct drill_transcript *t, enum mail_state state)
{
    if (t->mail_state == MAIL_NONE) {
        t->mails++;
        t->beside[DRILL_BESIDE_MAIL].size = 0;
        t->beside[DRILL_BESIDE_MAIL].name[0] = '\0';
    }
    t->mail_state = (uint8_t)state;
}

void drill_transcript_mail_over(struct drill_transcript *t)
{
    if (t->mail_state == MAIL_HEADERS) {
        put(t, "\r\n");
    }
    t->mail_state = MAIL_NONE;
}

void drill_transcript_mail_header(struct drill_transcript *t)
{
    if (t->mail_state == MAIL_HEADERS && t->header_state != HEADER_OVER) {
        put(t, "\r\n"); /* the one before had no end */
    }
    t->header_state = HEADER_NAME;
    if (t->mail_state != MAIL_BODY) {
        begin(t, MAIL_HEADERS);
    }
}

void drill_transcript_mail_body(struct drill_transcript *t)
{
    bool headless = t->mail_state == MAIL_NONE && !t->body_is_mail;
    bool ends_headers = t->mail_state == MAIL_HEADERS && !t->body_is_mail;
    if (t->mail_state == MAIL_HEADERS && t->body_is_mail) { /* they come again, with it */
        t->beside[DRILL_BESIDE_MAIL].size = 0;
    }
    begin(t, MAIL_BODY);
    if (headless || ends_headers) {
        put(t, "\r\n");
    }
}

/* What stands between bytes that are kept as they are; moves on. */
static const char *between(struct drill_transcript *t, uint8_t c)
{
    switch (t->header_state) {
    case HEADER_NAME: t->header_state = HEADER_VALUE; return t->leadspc ? ":" : ": ";
    case HEADER_VALUE:
        if (c == '\n') {
            return "\r\n";
        }
        t->header_state = HEADER_OVER;
        return "\r\n";
    default: return "";
    }
}

static bool is_special(const struct drill_transcript *t, uint8_t c, bool after_cr)
{
    return c == 0 || (t->header_state == HEADER_VALUE && c == '\n' && !after_cr);
}

void drill_transcript_mail_field(struct drill_transcript *t, struct drill_span bytes)
{
    size_t from = 0;
    if (t->mail_state != MAIL_HEADERS) {
        return;
    }
    bool after_cr = t->header_state == HEADER_VALUE_CR;
    t->header_state = after_cr ? HEADER_VALUE : t->header_state;
    for (size_t i = 0; i < bytes.len && t->header_state != HEADER_OVER; i++) {
        uint8_t c = bytes.ptr[i];
        if (is_special(t, c, after_cr)) {
            drill_transcript_append(t, DRILL_BESIDE_MAIL, drill_span_sub(bytes, from, i - from));
            put(t, between(t, c));
            from = i + 1;
        }
        after_cr = c == '\r';
    }
    if (t->header_state != HEADER_OVER) {
        drill_transcript_append(t, DRILL_BESIDE_MAIL, drill_span_sub(bytes, from, bytes.len));
        t->header_state =
            after_cr && t->header_state == HEADER_VALUE ? HEADER_VALUE_CR : t->header_state;
    }
}

void drill_transcript_mail_fill(struct drill_transcript *t, uint64_t missing)
{
    static const char x[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    if (t->mail_state != MAIL_HEADERS || t->header_state == HEADER_NAME || missing > FILL_MAX) {
        return;
    }
    for (uint64_t left = missing - 1; left;) { /* the last one is the value's NUL */
        size_t n = left < sizeof(x) - 1 ? (size_t)left : sizeof(x) - 1;
        drill_transcript_mail_field(t, drill_span_of(x, n));
        left -= n;
    }
    drill_transcript_mail_field(t, drill_span_of("", 1));
}

void drill_transcript_mail(struct drill_transcript *t, const struct drill_message *m)
{
    if (m->dir == DRILL_TO_MTA) {
        if (m->code == DRILL_SMFIR_OPTNEG && m->defect == DRILL_DEFECT_NONE) {
            t->leadspc = (m->number[2] & DRILL_SMFIP_HDR_LEADSPC) != 0;
        }
        return;
    }
    switch (m->code) {
    case DRILL_SMFIC_HEADER:
        drill_transcript_mail_header(t);
        drill_transcript_mail_field(t, m->payload);
        break;
    case DRILL_SMFIC_BODY:
    case DRILL_SMFIC_BODYEOB:
        if (m->code == DRILL_SMFIC_BODY || m->payload.len) {
            drill_transcript_mail_body(t);
            drill_transcript_append(t, DRILL_BESIDE_MAIL, m->payload);
        }
        if (m->code == DRILL_SMFIC_BODYEOB) {
            drill_transcript_mail_over(t);
        }
        break;
    case DRILL_SMFIC_MAIL:
        drill_transcript_mail_over(t);
        t->beside[DRILL_BESIDE_MAIL].name[0] = '\0';
        break;
    case DRILL_SMFIC_ABORT:
    case DRILL_SMFIC_QUIT:
    case DRILL_SMFIC_QUIT_NC: drill_transcript_mail_over(t); break;
    default: break;
    }
}
