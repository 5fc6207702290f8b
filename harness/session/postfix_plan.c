/* SPDX-License-Identifier: MIT */
/*
 * What Postfix sends, and in which order. Sources: src/milter/milter8.c (payloads; which event,
 * which protocol bit; macros before everything), src/milter/milter.c and src/smtpd/smtpd_milter.c
 * (macros), src/smtpd/smtpd.c (helo_reset and mail_reset: when it aborts), src/cleanup
 * (headers that it adds, and how long one gets).
 */
#include "session/postfix.h"

enum { HEADER_LIMIT = 60000, LONGEST_MADE = 128 };

static const char CIPHER[] = "TLS_AES_256_GCM_SHA384";

/* ---- what is shown ---- */

static bool is_loopback(const struct drill_client *client)
{
    struct drill_span net = drill_span_sub(client->addr, 0, 4);
    return client->family == DRILL_FAMILY_UNIX || drill_span_equal(net, drill_span_str("127.")) ||
           drill_span_equal(client->addr, drill_span_str("::1"));
}

/* cleanup adds what is missing for clients of its own host only (always_add_missing_headers = no,
 * local_header_rewrite_clients = permit_inet_interfaces). */
static bool adds_header(const struct drill_mta_cursor *c, const char *name)
{
    return is_loopback(c->client) && !drill_mail_find(&c->message->mail, name);
}

/* An event that is too young for the protocol is not there at all (np_mask); one that the milter
 * does not want is, but for its command (ev_mask); but headers, their end and the body come by
 * call-backs that milter8_message does not set up then. */
enum drill_show drill_postfix_show(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    static const uint32_t NO[DRILL_AT_COUNT] = {
        [DRILL_AT_CONNECT] = DRILL_SMFIP_NOCONNECT, [DRILL_AT_HELO] = DRILL_SMFIP_NOHELO,
        [DRILL_AT_MAIL] = DRILL_SMFIP_NOMAIL,       [DRILL_AT_RCPT] = DRILL_SMFIP_NORCPT,
        [DRILL_AT_DATA] = DRILL_SMFIP_NODATA,       [DRILL_AT_HEADER] = DRILL_SMFIP_NOHDRS,
        [DRILL_AT_MESSAGE_ID] = DRILL_SMFIP_NOHDRS, [DRILL_AT_DATE] = DRILL_SMFIP_NOHDRS,
        [DRILL_AT_FROM] = DRILL_SMFIP_NOHDRS,       [DRILL_AT_EOH] = DRILL_SMFIP_NOEOH,
        [DRILL_AT_BODY] = DRILL_SMFIP_NOBODY,       [DRILL_AT_UNKNOWN] = DRILL_SMFIP_NOUNKNOWN,
    };
    bool smtpd = c->at <= DRILL_AT_DATA || c->at == DRILL_AT_UNKNOWN;
    bool held = mta->own.reply.ptr && smtpd && c->at > DRILL_AT_OPTNEG;
    bool no_rcpt =
        c->at >= DRILL_AT_DATA && c->at <= DRILL_AT_EOB && !(c->flags & DRILL_AT_HAS_RCPT);
    if (held || no_rcpt || NO[c->at] & mta->own.hidden) {
        return DRILL_SHOW_NOTHING;
    }
    if ((c->at == DRILL_AT_MESSAGE_ID && !adds_header(c, "Message-Id")) ||
        (c->at == DRILL_AT_DATE && !adds_header(c, "Date")) ||
        (c->at == DRILL_AT_FROM && !adds_header(c, "From"))) {
        return DRILL_SHOW_NOTHING;
    }
    if (NO[c->at] & c->steps) {
        return smtpd ? DRILL_SHOW_MACROS : DRILL_SHOW_NOTHING;
    }
    return DRILL_SHOW_ALL;
}

/* ---- messages ---- */

void drill_postfix_queue_id(const struct drill_mta_cursor *c, struct drill_writer *w)
{
    static const char LETTERS[] = "BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    uint32_t n = c->message_number;
    drill_write_text(w, "4Xy7Qk2zr9z");
    drill_write_u8(w, (uint8_t)LETTERS[(n / 10) % (sizeof(LETTERS) - 1)]);
    drill_write_u8(w, (uint8_t)('0' + n % 10));
}

static struct drill_span made_since(const struct drill_scratch *s, size_t from)
{
    struct drill_span all = drill_writer_span(&s->string);
    return drill_span_sub(all, from, all.len);
}

/* milter8_conn_event: a client without a name goes by its address. */
static void connect_message(const struct drill_client *client, struct drill_scratch *s,
                            struct drill_message *out)
{
    size_t from = s->string.len;
    out->str[0] = client->host;
    if (client->host.len == 0) {
        drill_write_u8(&s->string, '[');
        drill_write_bytes(&s->string, client->addr);
        drill_write_u8(&s->string, ']');
        out->str[0] = made_since(s, from);
    }
    out->letter = client->family;
    out->has_second = client->family != DRILL_FAMILY_UNKNOWN;
    if (out->has_second) {
        out->port = client->family == DRILL_FAMILY_UNIX ? 0 : client->port;
        out->str[1] = client->addr;
    }
}

/* cleanup_message.c; the time stands still. */
static struct drill_span added_value(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                                     struct drill_scratch *s)
{
    size_t from = s->string.len;
    if (c->at == DRILL_AT_DATE) {
        return drill_span_str("Wed,  1 Jan 2025 00:00:00 +0000 (UTC)");
    }
    if (c->at == DRILL_AT_FROM) {
        return drill_mta_session_bare(c->message->from);
    }
    drill_write_text(&s->string, "<20250101000000.");
    drill_postfix_queue_id(c, &s->string);
    drill_write_u8(&s->string, '@');
    drill_write_bytes(&s->string, mta->settings->server_name);
    drill_write_u8(&s->string, '>');
    return made_since(s, from);
}

/* Envelopes go as the client typed them. */
bool drill_postfix_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    if (code == DRILL_SMFIC_CONNECT && c->client) {
        connect_message(c->client, s, out);
        return true;
    }
    if (code == DRILL_SMFIC_HEADER && c->at >= DRILL_AT_MESSAGE_ID && c->at <= DRILL_AT_FROM) {
        out->str[0] = drill_span_str(c->at == DRILL_AT_MESSAGE_ID ? "Message-Id"
                                     : c->at == DRILL_AT_DATE     ? "Date"
                                                                  : "From");
        out->str[1] = added_value(mta, c, s);
        return true;
    }
    return drill_mta_session_command(mta, c, code, HEADER_LIMIT, s, out);
}

size_t drill_postfix_sent_size(const struct drill_mta *mta, uint8_t code)
{
    struct drill_mta_cursor c = mta->cursor;
    uint8_t made[LONGEST_MADE];
    struct drill_scratch s = {drill_writer_of(NULL, 0), drill_writer_of(made, sizeof(made))};
    struct drill_writer w = drill_writer_of(NULL, 0);
    struct drill_message m;
    if (code == DRILL_SMFIC_RCPT && c.rcpt) {
        c.rcpt--;
    } else if (code == DRILL_SMFIC_BODY) {
        c.body -= c.body < DRILL_MAX_DATA ? c.body : DRILL_MAX_DATA;
    } else if (code == DRILL_SMFIC_HEADER && c.message) {
        const struct drill_mail_header *h = c.message->mail.headers;
        while (h && h->next != c.header) {
            h = h->next;
        }
        c.header = h;
        c.at = DRILL_AT_HEADER;
    }
    if (drill_message_init(&m, DRILL_TO_MILTER, code)) {
        (void)drill_postfix_command(mta, &c, code, &s, &m);
        drill_message_encode(&m, &w);
    }
    return w.len;
}

/* ---- macros ---- */

/* postconf -d: milter_connect_macros and so on, and the stage of a milter's own list. Headers go by
 * those of their end, the body by those of its end (milter8_message). */
static const struct macros {
    uint8_t code;
    uint8_t stage;
    const char *names;
} MACROS[] = {
    {DRILL_SMFIC_CONNECT, DRILL_STAGE_CONNECT, "j {daemon_name} {daemon_addr} v _"},
    {DRILL_SMFIC_HELO, DRILL_STAGE_HELO,
     "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}"},
    {DRILL_SMFIC_MAIL, DRILL_STAGE_ENVFROM,
     "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}"},
    {DRILL_SMFIC_RCPT, DRILL_STAGE_ENVRCPT, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"},
    {DRILL_SMFIC_DATA, DRILL_STAGE_DATA, "i"},
    {DRILL_SMFIC_HEADER, DRILL_STAGE_EOH, "i"},
    {DRILL_SMFIC_EOH, DRILL_STAGE_EOH, "i"},
    {DRILL_SMFIC_BODY, DRILL_STAGE_EOM, "i"},
    {DRILL_SMFIC_BODYEOB, DRILL_STAGE_EOM, "i"},
    {DRILL_SMFIC_UNKNOWN, DRILL_MTA_LISTS, ""},
};

enum macro {
    MACRO_J,
    MACRO_DAEMON_NAME,
    MACRO_DAEMON_ADDR,
    MACRO_DAEMON_PORT,
    MACRO_V,
    MACRO__,
    MACRO_CLIENT_ADDR,
    MACRO_CLIENT_CONNECTIONS,
    MACRO_CLIENT_NAME,
    MACRO_CLIENT_PORT,
    MACRO_CLIENT_PTR,
    MACRO_CLIENT_RESOLVE,
    MACRO_TLS_VERSION,
    MACRO_CIPHER,
    MACRO_CIPHER_BITS,
    MACRO_I,
    MACRO_AUTH_TYPE,
    MACRO_AUTH_AUTHEN,
    MACRO_MAIL_ADDR,
    MACRO_MAIL_HOST,
    MACRO_MAIL_MAILER,
    MACRO_RCPT_ADDR,
    MACRO_RCPT_HOST,
    MACRO_RCPT_MAILER,
    MACRO_COUNT
};

static const char *const MACRO_NAMES[MACRO_COUNT] = {
    "j",           "daemon_name",    "daemon_addr",        "daemon_port", "v",
    "_",           "client_addr",    "client_connections", "client_name", "client_port",
    "client_ptr",  "client_resolve", "tls_version",        "cipher",      "cipher_bits",
    "i",           "auth_type",      "auth_authen",        "mail_addr",   "mail_host",
    "mail_mailer", "rcpt_addr",      "rcpt_host",          "rcpt_mailer"};

/* Is it the server's own domain: myhostname, or that without its first label? Then mail for it is
 * delivered here, else sent on. */
static bool is_local(const struct drill_mta *mta, struct drill_span domain)
{
    struct drill_span host = mta->settings->server_name;
    size_t dot = drill_span_find(host, '.');
    return domain.len == 0 || drill_span_equal_nocase(domain, host) ||
           drill_span_equal_nocase(domain, drill_span_sub(host, dot + 1, host.len));
}

/* smtpd_resolve_addr: the next hop of local delivery is this host. */
static struct drill_span next_hop(const struct drill_mta *mta, struct drill_span address)
{
    struct drill_span domain = drill_mta_session_domain(address);
    return is_local(mta, domain) ? mta->settings->server_name : domain;
}

static struct drill_span transport(const struct drill_mta *mta, struct drill_span address)
{
    return drill_span_str(is_local(mta, drill_mta_session_domain(address)) ? "local" : "smtp");
}

static struct drill_span server_address(const struct drill_client *client)
{
    bool v6 = client->family == DRILL_FAMILY_INET6;
    if (is_loopback(client)) {
        return drill_span_str(v6 ? "::1" : "127.0.0.1");
    }
    return drill_span_str(v6 ? "2001:db8::25" : "192.0.2.25");
}

/* What smtpd_milter_eval has of the connection. */
static bool connection_value(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                             enum macro macro, struct drill_scratch *s, struct drill_span *value)
{
    const struct drill_settings *set = mta->settings;
    const struct drill_client *client = c->client;
    const bool tls = drill_mta_session_in_tls(c);
    struct drill_span ptr = client->host.len ? client->host : drill_span_str("unknown");
    size_t from = s->string.len;
    switch ((int)macro) {
    case MACRO_J: *value = set->server_name; return true;
    case MACRO_DAEMON_NAME:
        *value = set->listener.len ? set->listener : set->server_name;
        return true;
    case MACRO_DAEMON_ADDR: *value = server_address(client); return true;
    case MACRO_DAEMON_PORT: *value = drill_span_str("25"); return true;
    case MACRO_V: *value = set->program; return true;
    case MACRO_CLIENT_ADDR: *value = client->addr; return true;
    case MACRO_CLIENT_CONNECTIONS: *value = drill_span_str("1"); return true;
    case MACRO_CLIENT_NAME:
    case MACRO_CLIENT_PTR: *value = ptr; return true;
    case MACRO_CLIENT_RESOLVE:
        *value = drill_span_str(client->host.len ? "OK" : "FAIL");
        return true;
    case MACRO_TLS_VERSION: *value = drill_span_str("TLSv1.3"); return tls;
    case MACRO_CIPHER: *value = drill_span_str(CIPHER); return tls;
    case MACRO_CIPHER_BITS: *value = drill_span_str("256"); return tls;
    case MACRO_AUTH_TYPE: *value = drill_span_str("PLAIN"); return client->auth.len > 0;
    case MACRO_AUTH_AUTHEN: *value = client->auth; return client->auth.len > 0;
    case MACRO__:
        drill_write_bytes(&s->string, ptr);
        drill_write_text(&s->string, " [");
        drill_write_bytes(&s->string, client->addr);
        drill_write_u8(&s->string, ']');
        break;
    case MACRO_CLIENT_PORT: drill_write_dec(&s->string, client->port); break;
    default: return false;
    }
    *value = made_since(s, from);
    return true;
}

/* And of the message. cleanup has no mailers and hosts, and a recipient only if there is one of
 * it; here it is given none. */
static bool message_value(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                          uint8_t code, enum macro macro, struct drill_scratch *s,
                          struct drill_span *value)
{
    const struct drill_envelope *m = drill_mta_session_message(c);
    struct drill_span sender = m ? m->from : drill_span_str("<alice@example.org>");
    struct drill_span rcpt = drill_mta_session_rcpt(c);
    bool begun = code != DRILL_SMFIC_CONNECT && code != DRILL_SMFIC_HELO;
    bool content = drill_postfix_is_content(code);
    size_t from = s->string.len;
    switch ((int)macro) {
    case MACRO_I:
        drill_postfix_queue_id(c, &s->string);
        *value = made_since(s, from);
        return content || (begun && c->flags & DRILL_AT_HAS_RCPT);
    case MACRO_MAIL_ADDR: *value = drill_mta_session_bare(sender); return begun;
    case MACRO_MAIL_HOST: *value = next_hop(mta, sender); return begun && !content;
    case MACRO_MAIL_MAILER: *value = transport(mta, sender); return begun && !content;
    case MACRO_RCPT_ADDR: *value = drill_mta_session_bare(rcpt); return code == DRILL_SMFIC_RCPT;
    case MACRO_RCPT_HOST: *value = next_hop(mta, rcpt); return code == DRILL_SMFIC_RCPT;
    case MACRO_RCPT_MAILER: *value = transport(mta, rcpt); return code == DRILL_SMFIC_RCPT;
    default: return false;
    }
}

static enum macro find_macro(struct drill_span name)
{
    if (name.len >= 2 && name.ptr[0] == '{') {
        name = drill_span_sub(name, 1, name.len - 2);
    }
    size_t i = 0;
    while (i < MACRO_COUNT && !drill_span_equal(name, drill_span_str(MACRO_NAMES[i]))) {
        i++;
    }
    return (enum macro)i;
}

bool drill_postfix_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                          uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    size_t i = 0;
    while (i < sizeof(MACROS) / sizeof(MACROS[0]) && MACROS[i].code != code) {
        i++;
    }
    if (i == sizeof(MACROS) / sizeof(MACROS[0]) || !c->client) {
        return drill_mta_macros_end(s, c->client, code, out);
    }
    struct drill_span list = drill_span_str(MACROS[i].names);
    if (MACROS[i].stage < DRILL_MTA_LISTS && mta->own.list[MACROS[i].stage].len) {
        list = mta->own.list[MACROS[i].stage];
    }
    struct drill_span n, value;
    while (drill_negotiate_next_name(&list, &n)) {
        enum macro macro = find_macro(n);
        if (macro < MACRO_COUNT && (connection_value(mta, c, macro, s, &value) ||
                                    message_value(mta, c, code, macro, s, &value))) {
            drill_mta_macro_asked(s, c->client, code, n, value);
        }
    }
    (void)drill_mta_macros_end(s, c->client, code, out);
    return true; /* milter.c looks up a list, and sends it, empty or not */
}

void drill_postfix_measure(const struct drill_mta *mta, size_t *macros, size_t *string)
{
    const struct drill_settings *set = mta->settings;
    size_t longest = sizeof("<alice@example.org>"), client = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        size_t size = 3 * c->host.len + 3 * c->addr.len + 2 * c->auth.len + drill_mta_extra_size(c);
        client = size > client ? size : client;
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            longest = m->from.len > longest ? m->from.len : longest;
            for (size_t i = 0; i < m->rcpts; i++) {
                longest = m->rcpt[i].len > longest ? m->rcpt[i].len : longest;
            }
        }
    }
    /* Each name once, with its value; a milter that asks for more gets what fits. */
    *macros = client + 4 * longest + 4 * set->server_name.len + set->listener.len +
              set->program.len + 1024;
    *string = drill_mta_session_strings(mta) + client + set->server_name.len + LONGEST_MADE;
}
