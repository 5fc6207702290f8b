/* SPDX-License-Identifier: MIT */
/* How MTAs with one connection a session cut a message into frames. */
#include "session/mta_session.h"

enum { CHUNK = 65535 };

const struct drill_envelope *drill_mta_session_message(const struct drill_mta_cursor *c)
{
    return c->message ? c->message : c->client ? c->client->messages : NULL;
}

struct drill_span drill_mta_session_rcpt(const struct drill_mta_cursor *c)
{
    const struct drill_envelope *m = drill_mta_session_message(c);
    if (!m || m->rcpts == 0) {
        return drill_span_str("<bob@example.com>");
    }
    return m->rcpt[c->rcpt < m->rcpts ? c->rcpt : m->rcpts - 1];
}

struct drill_span drill_mta_session_rcpt_args(const struct drill_mta_cursor *c)
{
    const struct drill_envelope *m = drill_mta_session_message(c);
    if (!m || !m->rcpt_args || m->rcpts == 0) {
        return drill_span_of(NULL, 0);
    }
    return m->rcpt_args[c->rcpt < m->rcpts ? c->rcpt : m->rcpts - 1].wire;
}

struct drill_span drill_mta_session_bare(struct drill_span address)
{
    if (address.len >= 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>') {
        return drill_span_sub(address, 1, address.len - 2);
    }
    return address;
}

struct drill_span drill_mta_session_domain(struct drill_span address)
{
    address = drill_mta_session_bare(address);
    for (size_t i = address.len; i > 0; i--) {
        if (address.ptr[i - 1] == '@') {
            return drill_span_sub(address, i, address.len);
        }
    }
    return drill_span_of(NULL, 0);
}

bool drill_mta_session_is_name(struct drill_span name)
{
    size_t i = 0;
    while (i < name.len && name.ptr[i] > ' ' && name.ptr[i] < 0x7F) {
        i++;
    }
    bool any = i > 0;
    while (i < name.len && (name.ptr[i] == ' ' || name.ptr[i] == '\t')) {
        i++;
    }
    return any && i == name.len;
}

static struct drill_span body_of(const struct drill_envelope *m)
{
    size_t at = 0;
    for (const struct drill_mail_header *h = m->mail.headers; h; h = h->next) {
        if (!drill_mta_session_is_name(h->name)) {
            return drill_span_sub(m->mail.raw, at, m->mail.raw.len);
        }
        at += h->name.len + h->value.len + 3; /* ":", CRLF */
    }
    return m->mail.body;
}

static bool lacks_crlf(struct drill_span body)
{
    return body.len &&
           !(body.len >= 2 && body.ptr[body.len - 2] == '\r' && body.ptr[body.len - 1] == '\n');
}

size_t drill_mta_session_body_size(const struct drill_envelope *m)
{
    struct drill_span body = body_of(m);
    return body.len + (lacks_crlf(body) ? 2 : 0);
}

size_t drill_mta_session_chunk_size(const struct drill_mta *mta)
{
    return mta->settings->chunk ? mta->settings->chunk : CHUNK;
}

struct drill_span drill_mta_session_chunk(const struct drill_mta *mta,
                                          const struct drill_mta_cursor *c, struct drill_scratch *s)
{
    size_t most = drill_mta_session_chunk_size(mta);
    const struct drill_envelope *m = drill_mta_session_message(c);
    struct drill_span body = m ? body_of(m) : drill_span_of(NULL, 0);
    size_t at = (size_t)c->body, from = s->string.len;
    if (!m || at >= drill_mta_session_body_size(m)) {
        return drill_span_str("Hello.\r\n");
    }
    struct drill_span chunk = drill_span_sub(body, at, most);
    if (chunk.len == most || !lacks_crlf(body)) {
        return chunk;
    }
    drill_write_bytes(&s->string, chunk);
    drill_write_text(&s->string, at > body.len ? "\n" : "\r\n");
    return drill_span_sub(drill_writer_span(&s->string), from, most);
}

struct drill_span drill_mta_session_value(struct drill_scratch *s, struct drill_span value,
                                          bool keep_blank, size_t limit)
{
    if (!keep_blank && value.len && value.ptr[0] == ' ') {
        value = drill_span_sub(value, 1, value.len);
    }
    value = drill_span_sub(value, 0, drill_span_find(value, 0));
    size_t cr = drill_span_find(value, '\r');
    if (cr == value.len) {
        return drill_span_sub(value, 0, limit);
    }
    size_t from = s->string.len;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\r' || i + 1 == value.len || value.ptr[i + 1] != '\n') {
            drill_write_u8(&s->string, value.ptr[i]);
        }
    }
    struct drill_span all = drill_writer_span(&s->string);
    return drill_span_sub(drill_span_sub(all, from, all.len), 0, limit);
}

static size_t longer_string(const struct drill_envelope *m, size_t chunk, size_t longest)
{
    struct drill_span body = body_of(m);
    size_t need = lacks_crlf(body) ? (body.len < chunk ? body.len : chunk) + 2 : 0;
    longest = need > longest ? need : longest;
    for (const struct drill_mail_header *h = m->mail.headers; h; h = h->next) {
        longest = h->value.len > longest ? h->value.len : longest;
    }
    return longest;
}

/* The message at the cursor may be none of the traffic's: another milter has changed it. */
size_t drill_mta_session_strings(const struct drill_mta *mta)
{
    size_t longest = 0, most = drill_mta_session_chunk_size(mta);
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            longest = longer_string(m, most, longest);
        }
    }
    const struct drill_envelope *here = mta->cursor.message;
    return here ? longer_string(here, most, longest) : longest;
}

/* ---- commands ---- */

uint8_t drill_mta_session_code(enum drill_at at)
{
    static const uint8_t CODES[] = {
        [DRILL_AT_OPTNEG] = DRILL_SMFIC_OPTNEG, [DRILL_AT_CONNECT] = DRILL_SMFIC_CONNECT,
        [DRILL_AT_HELO] = DRILL_SMFIC_HELO,     [DRILL_AT_MAIL] = DRILL_SMFIC_MAIL,
        [DRILL_AT_RCPT] = DRILL_SMFIC_RCPT,     [DRILL_AT_DATA] = DRILL_SMFIC_DATA,
        [DRILL_AT_HEADER] = DRILL_SMFIC_HEADER, [DRILL_AT_MESSAGE_ID] = DRILL_SMFIC_HEADER,
        [DRILL_AT_DATE] = DRILL_SMFIC_HEADER,   [DRILL_AT_FROM] = DRILL_SMFIC_HEADER,
        [DRILL_AT_EOH] = DRILL_SMFIC_EOH,       [DRILL_AT_BODY] = DRILL_SMFIC_BODY,
        [DRILL_AT_EOB] = DRILL_SMFIC_BODYEOB,   [DRILL_AT_ABORT] = DRILL_SMFIC_ABORT,
        [DRILL_AT_BYE] = DRILL_SMFIC_ABORT,     [DRILL_AT_QUIT] = DRILL_SMFIC_QUIT};
    return at < sizeof(CODES) ? CODES[at] : 0;
}

uint8_t drill_mta_session_at(const struct drill_mta *mta)
{
    uint8_t at = mta->cursor.at;
    if (mta->awaited || at == DRILL_AT_OPEN) {
        return mta->awaited;
    }
    return at == DRILL_AT_ABORT  ? (uint8_t)DRILL_SMFIC_MAIL
           : at < DRILL_AT_ABORT ? drill_mta_session_code((enum drill_at)at)
                                 : (uint8_t)DRILL_SMFIC_QUIT;
}

struct drill_span drill_mta_session_name(struct drill_span name)
{
    while (name.len && (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t')) {
        name.len--;
    }
    return name;
}

bool drill_mta_session_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                               uint8_t code, size_t limit, struct drill_scratch *s,
                               struct drill_message *out)
{
    const struct drill_envelope *m = drill_mta_session_message(c);
    bool keep = c->steps & DRILL_SMFIP_HDR_LEADSPC;
    switch (code) {
    case DRILL_SMFIC_OPTNEG:
        out->number[0] = mta->settings->version;
        out->number[1] = mta->settings->actions;
        out->number[2] = mta->settings->protocol;
        return true;
    case DRILL_SMFIC_HELO:
        out->str[0] = c->client ? c->client->helo : drill_span_str("client.example");
        return true;
    case DRILL_SMFIC_MAIL:
        out->str[0] = m ? m->from : drill_span_str("<alice@example.org>");
        out->rest = m ? m->from_args.wire : out->rest;
        return true;
    case DRILL_SMFIC_RCPT:
        out->str[0] = drill_mta_session_rcpt(c);
        out->rest = drill_mta_session_rcpt_args(c);
        return true;
    case DRILL_SMFIC_HEADER:
        out->str[0] =
            c->header ? drill_mta_session_name(c->header->name) : drill_span_str("X-Drill");
        out->str[1] = c->header ? drill_mta_session_value(s, c->header->value, keep, limit)
                                : drill_span_str("1");
        return true;
    case DRILL_SMFIC_BODY: out->rest = drill_mta_session_chunk(mta, c, s); return true;
    case DRILL_SMFIC_BODYEOB: return true;
    case DRILL_SMFIC_UNKNOWN: out->str[0] = drill_span_str("XDRILL"); return true;
    default: return false;
    }
}
