/* SPDX-License-Identifier: MIT */
/*
 * What Sendmail 8.17 sends, and in which order. Sources: sendmail/milter.c (milter_connect to
 * milter_data, milter_send_macros, milter_abort), sendmail/srvrsmtp.c (macros of an envelope), cf's
 * defaults of Milter.macros.* (README of cf, confMILTER_MACROS_*).
 */
#include "session/sendmail.h"

#include <arpa/inet.h>
#include <string.h>

/* "IPv6:2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff" and brackets. */
enum { LONGEST_MADE = 128, LONGEST_ADDRESS = 46, GROUPS = 8 };

/* ---- what is shown ---- */

static bool asked(const struct drill_mta *mta, uint8_t stage)
{
    return mta->own.lists >> stage & 1;
}

/* Has the milter left names in the list of that stage? By default T and N have none. */
static bool has_names(const struct drill_mta *mta, uint8_t stage)
{
    struct drill_span list = mta->own.list[stage];
    size_t i = 0;
    while (i < list.len && (list.ptr[i] <= ' ' || list.ptr[i] == ',')) {
        i++;
    }
    return asked(mta, stage) ? i < list.len : stage <= DRILL_STAGE_ENVRCPT;
}

/* Only a filter that is in the message (SMFS_INMSG) hears that it is given up: at once for a
 * discard and when the client says so, else when the client begins anew. A cursor that runs ahead
 * of the filter's answer to MAIL takes it for `continue`. */
static bool is_aborted(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    const struct drill_mta_cursor *now = &mta->cursor;
    bool ahead = c->message_number != now->message_number || now->at <= DRILL_AT_MAIL ||
                 mta->awaited == DRILL_SMFIC_MAIL;
    bool in = mta->own.message == c->message_number;
    if (c->flags & DRILL_AT_RESET) {
        return in || ahead;
    }
    return in && (c->message->next || mta->own.flags & SENDMAIL_DISCARD);
}

/* D goes before C, H, M and R whether the filter wants the command or not; milter_data asks first.
 */
enum drill_show drill_sendmail_show(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    static const uint32_t NO[DRILL_AT_COUNT] = {
        [DRILL_AT_CONNECT] = DRILL_SMFIP_NOCONNECT, [DRILL_AT_HELO] = DRILL_SMFIP_NOHELO,
        [DRILL_AT_MAIL] = DRILL_SMFIP_NOMAIL,       [DRILL_AT_RCPT] = DRILL_SMFIP_NORCPT,
        [DRILL_AT_DATA] = DRILL_SMFIP_NODATA,       [DRILL_AT_HEADER] = DRILL_SMFIP_NOHDRS,
        [DRILL_AT_EOH] = DRILL_SMFIP_NOEOH,         [DRILL_AT_BODY] = DRILL_SMFIP_NOBODY,
    };
    switch (c->at) {
    case DRILL_AT_OPTNEG:
    case DRILL_AT_QUIT: return DRILL_SHOW_ALL;
    case DRILL_AT_MESSAGE_ID:
    case DRILL_AT_DATE:
    case DRILL_AT_FROM:
    case DRILL_AT_BYE: return DRILL_SHOW_NOTHING;
    case DRILL_AT_UNKNOWN:
        return c->steps & DRILL_SMFIP_NOUNKNOWN ? DRILL_SHOW_NOTHING : DRILL_SHOW_ALL;
    case DRILL_AT_ABORT: return is_aborted(mta, c) ? DRILL_SHOW_ALL : DRILL_SHOW_NOTHING;
    default: break;
    }
    bool skipped =
        c->at == DRILL_AT_BODY && mta->skip && c->message_number == mta->cursor.message_number;
    if (skipped || (c->at >= DRILL_AT_DATA && !(c->flags & DRILL_AT_HAS_RCPT))) {
        return DRILL_SHOW_NOTHING;
    }
    if (!(NO[c->at] & c->steps)) {
        return DRILL_SHOW_ALL;
    }
    /* CONNECT to DATA stand in the order of their stages, 0 to 4. */
    bool macros = c->at <= DRILL_AT_DATA && has_names(mta, (uint8_t)(c->at - DRILL_AT_CONNECT));
    return macros ? DRILL_SHOW_MACROS : DRILL_SHOW_NOTHING;
}

/* ---- messages ---- */

void drill_sendmail_queue_id(const struct drill_mta_cursor *c, struct drill_writer *w)
{
    uint32_t n = c->message_number % 1000000;
    drill_write_text(w, "5BKA48xQ");
    for (uint32_t unit = 100000; unit; unit /= 10) {
        drill_write_u8(w, (uint8_t)('0' + n / unit % 10));
    }
}

static struct drill_span made_since(const struct drill_scratch *s, size_t from)
{
    struct drill_span all = drill_writer_span(&s->string);
    return drill_span_sub(all, from, all.len);
}

static bool groups_of(struct drill_span addr, uint16_t group[GROUPS])
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr in;
    if (addr.len >= sizeof(text)) {
        return false;
    }
    memcpy(text, addr.ptr, addr.len);
    text[addr.len] = '\0';
    if (inet_pton(AF_INET6, text, &in) != 1) {
        return false;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        group[i] = (uint16_t)(in.s6_addr[2 * i] << 8 | in.s6_addr[2 * i + 1]);
    }
    return true;
}

static void write_hex(struct drill_writer *w, uint16_t group)
{
    for (int shift = 12; shift >= 0; shift -= 4) {
        if (group >> shift || shift == 0) {
            drill_write_u8(w, (uint8_t) "0123456789abcdef"[group >> shift & 15]);
        }
    }
}

/* anynet_ntop puts the tag of RFC 5321 in front of an IPv6 address, and shortens none of its zeros
 * (UseCompressedIPv6Addresses). */
static void write_address(const struct drill_client *client, struct drill_scratch *s)
{
    uint16_t group[GROUPS];
    drill_write_text(&s->string, client->family == DRILL_FAMILY_INET6 ? "IPv6:" : "");
    if (client->family != DRILL_FAMILY_INET6 || !groups_of(client->addr, group)) {
        drill_write_bytes(&s->string, client->addr);
        return;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        drill_write_text(&s->string, i ? ":" : "");
        write_hex(&s->string, group[i]);
    }
}

/* {client_name}: a client without a name goes by its address. */
static struct drill_span client_name(const struct drill_client *client, struct drill_scratch *s)
{
    size_t from = s->string.len;
    if (client->host.len) {
        return client->host;
    }
    drill_write_u8(&s->string, '[');
    write_address(client, s);
    drill_write_u8(&s->string, ']');
    return made_since(s, from);
}

static struct drill_span client_address(const struct drill_client *client, struct drill_scratch *s)
{
    size_t from = s->string.len;
    write_address(client, s);
    return made_since(s, from);
}

static void connect_message(const struct drill_client *client, struct drill_scratch *s,
                            struct drill_message *out)
{
    out->str[0] = client_name(client, s);
    out->letter = client->family;
    out->has_second = client->family != DRILL_FAMILY_UNKNOWN;
    if (out->has_second) {
        out->port = client->family == DRILL_FAMILY_UNIX ? 0 : client->port;
        out->str[1] = client_address(client, s);
    }
}

size_t drill_sendmail_header_size(const struct drill_mta_cursor *c)
{
    struct drill_scratch none = {drill_writer_of(NULL, 0), drill_writer_of(NULL, 0)};
    struct drill_span value = c->header->value;
    bool keep = c->steps & DRILL_SMFIP_HDR_LEADSPC;
    size_t before = none.string.len;
    size_t plain = drill_mta_session_value(&none, value, keep, SIZE_MAX).len;
    /* A value with folds is made anew; its size is what was asked for of the writer. */
    size_t size = none.string.len > before ? none.string.len - before : plain;
    return drill_mta_session_name(c->header->name).len + size + 2;
}

bool drill_sendmail_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                            uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    if (code == DRILL_SMFIC_CONNECT && c->client) {
        connect_message(c->client, s, out);
        return true;
    }
    return drill_mta_session_command(mta, c, code, SIZE_MAX, s, out);
}

/* ---- macros ---- */

static const char *default_names(uint8_t stage)
{
    switch (stage) {
    case DRILL_STAGE_CONNECT: return "j _ {daemon_name} {if_name} {if_addr}";
    case DRILL_STAGE_HELO:
        return "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}";
    case DRILL_STAGE_ENVFROM:
        return "i {auth_type} {auth_authen} {auth_ssf} {auth_author} {mail_mailer} {mail_host} "
               "{mail_addr}";
    case DRILL_STAGE_ENVRCPT: return "{rcpt_mailer} {rcpt_host} {rcpt_addr}";
    case DRILL_STAGE_EOM: return "{msg_id}";
    default: return "";
    }
}

/* The names of a stage. For the end of the message milter_data looks whether a list was asked for
 * of the end of the header, and takes the one of the end of the message (D-6). */
static struct drill_span names_of(const struct drill_mta *mta, uint8_t stage)
{
    uint8_t asked_by = stage == DRILL_STAGE_EOM ? (uint8_t)DRILL_STAGE_EOH : stage;
    return asked(mta, asked_by) ? mta->own.list[stage] : drill_span_str(default_names(stage));
}

static bool stage_of(uint8_t code, uint8_t *stage)
{
    size_t count;
    const struct drill_proto_stage *stages = drill_proto_stages(&count);
    for (size_t i = 0; i < count; i++) {
        if (stages[i].code == code) {
            *stage = (uint8_t)stages[i].number;
            return true;
        }
    }
    return false;
}

/* Mail for this host's own domain is local: its user, no host; other mail goes by esmtp to a host
 * that is fully qualified, dot and all. */
static bool is_local(const struct drill_mta *mta, struct drill_span domain)
{
    struct drill_span host = mta->settings->server_name;
    size_t dot = drill_span_find(host, '.');
    return domain.len == 0 || drill_span_equal_nocase(domain, host) ||
           drill_span_equal_nocase(domain, drill_span_sub(host, dot + 1, host.len));
}

/* `part`: "mailer", "host" or "addr". */
static struct drill_span address_value(const struct drill_mta *mta, struct drill_span address,
                                       char part, struct drill_scratch *s)
{
    struct drill_span domain = drill_mta_session_domain(address);
    struct drill_span bare = drill_mta_session_bare(address);
    bool local = is_local(mta, domain);
    size_t from = s->string.len;
    if (part == 'm') {
        return drill_span_str(local ? "local" : "esmtp");
    }
    if (part == 'a') {
        return local && domain.len ? drill_span_sub(bare, 0, bare.len - domain.len - 1) : bare;
    }
    if (local) {
        return drill_span_str("");
    }
    drill_write_bytes(&s->string, domain);
    drill_write_u8(&s->string, '.');
    return made_since(s, from);
}

static bool message_id(const struct drill_envelope *m, struct drill_span *value)
{
    const struct drill_mail_header *h = m ? drill_mail_find(&m->mail, "Message-Id") : NULL;
    if (!h) {
        return false;
    }
    *value = h->value;
    while (value->len && (value->ptr[0] == ' ' || value->ptr[0] == '\t')) {
        *value = drill_span_sub(*value, 1, value->len);
    }
    *value = drill_span_sub(*value, 0, drill_span_find(*value, '\r'));
    return true;
}

static bool is_loopback(const struct drill_client *client)
{
    static const uint16_t LOOPBACK[GROUPS] = {0, 0, 0, 0, 0, 0, 0, 1};
    struct drill_span net = drill_span_sub(client->addr, 0, 4);
    uint16_t group[GROUPS];
    return client->family == DRILL_FAMILY_UNIX || drill_span_equal(net, drill_span_str("127.")) ||
           (groups_of(client->addr, group) && memcmp(group, LOOPBACK, sizeof(group)) == 0);
}

static bool named(struct drill_span name, const char *wanted)
{
    return drill_span_equal(name, drill_span_str(wanted));
}

/* macvalue, of the connection. */
static bool connection_value(const struct drill_mta *mta, const struct drill_client *client,
                             struct drill_span name, struct drill_scratch *s,
                             struct drill_span *value)
{
    bool loopback = is_loopback(client);
    size_t from = s->string.len;
    if (named(name, "j")) {
        *value = mta->settings->server_name;
    } else if (named(name, "_")) {
        drill_write_bytes(&s->string, client->host);
        drill_write_text(&s->string, client->host.len ? " [" : "[");
        write_address(client, s);
        drill_write_u8(&s->string, ']');
        *value = made_since(s, from);
    } else if (named(name, "daemon_name")) {
        *value = mta->settings->listener;
    } else if (named(name, "if_name")) {
        /* Over loopback both ends have one address, and so one name. */
        *value = loopback ? client_name(client, s) : mta->settings->server_name;
    } else if (named(name, "if_addr")) {
        *value = drill_span_str(client->family == DRILL_FAMILY_INET6 ? "IPv6:2001:db8:0:0:0:0:0:25"
                                                                     : "192.0.2.25");
        return !loopback;
    } else if (named(name, "client_name")) {
        *value = client_name(client, s);
    } else if (named(name, "client_addr")) {
        *value = client_address(client, s);
    } else if (named(name, "client_ptr")) {
        *value = client_name(client, s);
    } else if (named(name, "client_resolve")) {
        *value = drill_span_str(client->host.len ? "OK" : "FAIL");
    } else if (named(name, "client_port")) {
        drill_write_dec(&s->string, client->port);
        *value = made_since(s, from);
    } else if (named(name, "v")) {
        *value = mta->settings->program;
    } else {
        return false;
    }
    return true;
}

/* Of its encryption and authentication: not there without. */
static bool security_value(const struct drill_mta_cursor *c, struct drill_span name,
                           struct drill_span *value)
{
    static const struct {
        const char *name;
        const char *value;
        bool tls;
    } ROWS[] = {
        {"tls_version", "TLSv1.3", true}, {"cipher", "TLS_AES_256_GCM_SHA384", true},
        {"cipher_bits", "256", true},     {"verify", "NO", true},
        {"cert_subject", "", true},       {"cert_issuer", "", true},
        {"auth_type", "PLAIN", false},    {"auth_ssf", "0", false},
    };
    if (named(name, "auth_authen")) {
        *value = c->client->auth;
        return c->client->auth.len > 0;
    }
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (named(name, ROWS[i].name)) {
            *value = drill_span_str(ROWS[i].value);
            return ROWS[i].tls ? drill_mta_session_in_tls(c) : c->client->auth.len > 0;
        }
    }
    return false;
}

static bool message_value(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                          uint8_t code, struct drill_span name, struct drill_scratch *s,
                          struct drill_span *value)
{
    const struct drill_envelope *m = drill_mta_session_message(c);
    struct drill_span kind = drill_span_sub(name, 0, 5);
    bool begun = code != DRILL_SMFIC_CONNECT && code != DRILL_SMFIC_HELO;
    size_t from = s->string.len;
    if (named(name, "i")) {
        drill_sendmail_queue_id(c, &s->string);
        *value = made_since(s, from);
        return begun;
    }
    if (named(name, "msg_id")) {
        return (code == DRILL_SMFIC_EOH || code == DRILL_SMFIC_BODYEOB) && message_id(m, value);
    }
    if (named(name, "mail_mailer") || named(name, "mail_host") || named(name, "mail_addr")) {
        *value = address_value(mta, m ? m->from : drill_span_str("<alice@example.org>"),
                               (char)name.ptr[5], s);
        return begun;
    }
    if (named(kind, "rcpt_") &&
        (named(name, "rcpt_mailer") || named(name, "rcpt_host") || named(name, "rcpt_addr"))) {
        *value = address_value(mta, drill_mta_session_rcpt(c), (char)name.ptr[5], s);
        return code == DRILL_SMFIC_RCPT;
    }
    return false;
}

/* A list with names makes a frame, if none of them has a value too; one without makes none. */
bool drill_sendmail_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    uint8_t stage;
    bool any = false;
    if (!c->client || !stage_of(code, &stage)) {
        return drill_mta_macros_end(s, c->client, code, out);
    }
    struct drill_span list = names_of(mta, stage);
    struct drill_span n, value;
    while (drill_negotiate_next_name(&list, &n)) {
        bool braces = n.len >= 2 && n.ptr[0] == '{';
        struct drill_span bare = braces ? drill_span_sub(n, 1, n.len - 2) : n;
        any = true;
        if (connection_value(mta, c->client, bare, s, &value) || security_value(c, bare, &value) ||
            message_value(mta, c, code, bare, s, &value)) {
            drill_mta_macro_asked(s, c->client, code, n, value);
        }
    }
    bool more = drill_mta_macros_end(s, c->client, code, out);
    return any || more;
}

void drill_sendmail_measure(const struct drill_mta *mta, size_t *macros, size_t *string)
{
    const struct drill_settings *set = mta->settings;
    size_t longest = sizeof("<alice@example.org>"), client = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        size_t size = 4 * c->host.len + 6 * (c->addr.len + LONGEST_ADDRESS) + 2 * c->auth.len +
                      drill_mta_extra_size(c);
        client = size > client ? size : client;
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            struct drill_span id;
            longest = m->from.len > longest ? m->from.len : longest;
            longest = message_id(m, &id) && id.len > longest ? id.len : longest;
            for (size_t i = 0; i < m->rcpts; i++) {
                longest = m->rcpt[i].len > longest ? m->rcpt[i].len : longest;
            }
        }
    }
    *macros = client + 5 * longest + 2 * set->server_name.len + set->listener.len +
              set->program.len + 1024;
    *string = drill_mta_session_strings(mta) + client + 2 * longest + LONGEST_MADE;
}
