/* SPDX-License-Identifier: MIT */
/*
 * What Stalwart 0.16 sends, and in which order. Sources: Stalwart
 * crates/smtp/src/inbound/milter/client.rs (which command, which protocol bit), message.rs (order,
 * macros, one connection a stage), protocol.rs (payloads).
 */
#include "session/stalwart.h"

enum { CHUNK = 65535 };

/* ---- the plan ---- */

static const struct drill_envelope *message_of(const struct drill_mta_cursor *c)
{
    return c->message ? c->message : c->client ? c->client->messages : NULL;
}

bool drill_stalwart_refused(const struct drill_mta *mta, uint32_t rcpt)
{
    return mta->refused && (mta->refused[rcpt / 8] >> rcpt % 8 & 1);
}

/* How many recipients the program knows of in this run. At MAIL it has none yet. */
static uint32_t rcpt_limit(const struct drill_mta_cursor *c)
{
    if (c->run == DRILL_RUN_RCPT) {
        return c->run_rcpts;
    }
    return c->run == DRILL_RUN_DATA && c->message ? (uint32_t)c->message->rcpts : 0;
}

static bool has_rcpt(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    while (c->rcpt < rcpt_limit(c) && drill_stalwart_refused(mta, c->rcpt)) {
        c->rcpt++;
    }
    return c->rcpt < rcpt_limit(c);
}

void drill_stalwart_begin(struct drill_mta_cursor *c)
{
    c->rcpt = 0;
    c->body = 0;
}

/* The field at the cursor; its place is in `body` as long as headers are sent. */
static bool field_of(const struct drill_mta_cursor *c, struct drill_stalwart_field *field)
{
    const struct drill_envelope *m = message_of(c);
    return m && c->at <= STALWART_HEADER &&
           drill_stalwart_field(m->mail.raw, (size_t)c->body, field);
}

/* Is what stands at the cursor left out? client.rs asks for each command whether the milter's
 * protocol word has its NO bit, offered or not; but EOH goes by NOHDRS, and the end of the body by
 * NOBODY; DATA goes by the configured version. */
static bool left_out(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    uint32_t no = c->steps;
    struct drill_stalwart_field field;
    switch (c->at) {
    case STALWART_CONNECT: return no & DRILL_SMFIP_NOCONNECT;
    case STALWART_HELO: return no & DRILL_SMFIP_NOHELO;
    case STALWART_MAIL: return c->run < DRILL_RUN_MAIL || no & DRILL_SMFIP_NOMAIL;
    case STALWART_RCPT: return !has_rcpt(mta, c) || no & DRILL_SMFIP_NORCPT;
    case STALWART_DATA:
        return c->run != DRILL_RUN_DATA || mta->settings->version < 6 || no & DRILL_SMFIP_NODATA;
    case STALWART_HEADER:
        return c->run != DRILL_RUN_DATA || no & DRILL_SMFIP_NOHDRS || !field_of(c, &field);
    case STALWART_EOH: return c->run != DRILL_RUN_DATA || no & DRILL_SMFIP_NOHDRS;
    case STALWART_BODY:
        return c->run != DRILL_RUN_DATA || no & DRILL_SMFIP_NOBODY || !c->message ||
               c->body >= drill_mail_size(&c->message->mail);
    case STALWART_EOB: return c->run != DRILL_RUN_DATA || no & DRILL_SMFIP_NOBODY;
    default: return false;
    }
}

void drill_stalwart_pass_over(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    while (left_out(mta, c)) {
        c->body = c->at == STALWART_HEADER ? 0 : c->body;
        c->at++;
    }
}

static size_t chunk_size(const struct drill_mta *mta)
{
    return mta->settings->chunk ? mta->settings->chunk : CHUNK;
}

static void move_on(const struct drill_mta *mta, struct drill_mta_cursor *c)
{
    struct drill_stalwart_field field;
    switch (c->at) {
    case STALWART_RCPT: c->rcpt++; break;
    case STALWART_HEADER: c->body = field_of(c, &field) ? field.end : 0; break;
    case STALWART_BODY: c->body += chunk_size(mta); break;
    default: c->at++; break;
    }
}

bool drill_stalwart_runs(const struct drill_mta *mta, uint32_t run)
{
    return mta->settings->enabled && (mta->settings->stages & run & ~(uint32_t)DRILL_RUN_AUTH);
}

static void next_message(struct drill_mta_cursor *c, const struct drill_envelope *m)
{
    c->flags &= ~(uint32_t)(STALWART_AT_MAIL | STALWART_AT_NONE);
    if (m) {
        c->message = m;
        c->message_number++;
        c->run = DRILL_RUN_MAIL;
    } else if (c->client->next) {
        c->client = c->client->next;
        c->client_number++;
        c->message = NULL;
        c->helo = NULL;
        c->run = DRILL_RUN_CONNECT;
    } else {
        c->run = STALWART_RUN_END;
    }
}

/* The name that the client goes by; ehlo.rs asks nobody about one that it has heard. */
static struct drill_span client_name(const struct drill_mta_cursor *c)
{
    return c->helo ? drill_smtp_extra_argument(c->helo) : c->client->helo;
}

/* Behind which stage the client stands when the cursor's is over; 0: where it does nothing. */
static uint8_t place_of(const struct drill_mta_cursor *c)
{
    if (c->flags & STALWART_AT_NONE) {
        return 0;
    }
    switch (c->run) {
    case DRILL_RUN_CONNECT: return DRILL_SMFIC_CONNECT;
    case DRILL_RUN_EHLO: return DRILL_SMFIC_HELO;
    case DRILL_RUN_MAIL: return DRILL_SMFIC_MAIL;
    case DRILL_RUN_RCPT: return c->run_rcpts < c->message->rcpts ? 0 : DRILL_SMFIC_RCPT;
    case DRILL_RUN_DATA:
        return c->flags & STALWART_AT_MAIL ? DRILL_SMFIC_MAIL : DRILL_SMFIC_BODYEOB;
    default: return 0;
    }
}

static const struct drill_smtp_extra *extra_of(const struct drill_mta_cursor *c, uint8_t stage)
{
    bool session = stage == DRILL_SMFIC_CONNECT || stage == DRILL_SMFIC_HELO;
    const struct drill_smtp_extra *list = c->message ? c->message->extras : NULL;
    return drill_smtp_extra_of(session ? c->client->extras : list, stage);
}

/* All messages of the session that were not begun are not. */
static void leave(struct drill_mta_cursor *c)
{
    const struct drill_envelope *m = c->message ? c->message->next : c->client->messages;
    for (; m; m = m->next) {
        c->message_number++;
    }
    c->extra = NULL;
    next_message(c, NULL);
}

/* The client does this, and what follows at the same place. True: that leads it elsewhere, where
 * the cursor is now. `reset`: a message was open, and is not any more. */
static bool does(struct drill_mta_cursor *c, const struct drill_smtp_extra *e, bool *reset)
{
    for (; e; e = drill_smtp_extra_next(e)) {
        enum drill_smtp_does what = drill_smtp_extra_does(e);
        struct drill_span name = drill_smtp_extra_argument(e);
        *reset = *reset || what == DRILL_SMTP_DOES_RSET || what == DRILL_SMTP_DOES_HELO;
        if (what == DRILL_SMTP_DOES_LEAVE) {
            leave(c);
            return true;
        }
        if (what == DRILL_SMTP_DOES_HELO &&
            (c->run == DRILL_RUN_CONNECT || !drill_span_equal(client_name(c), name))) {
            c->helo = e;
            c->extra = e;
            c->run = DRILL_RUN_EHLO;
            return true;
        }
    }
    return false;
}

/* Behind an EHLO that the client said beside its own. */
static void behind_helo(struct drill_mta_cursor *c)
{
    const struct drill_smtp_extra *e = c->extra;
    bool reset = false;
    if (does(c, drill_smtp_extra_next(e), &reset)) {
        return;
    }
    c->extra = NULL;
    if (e->stage != DRILL_SMFIC_CONNECT) {
        next_message(c, c->message ? c->message->next : c->client->messages);
    } else if (drill_span_equal(client_name(c), c->client->helo)) {
        next_message(c, c->client->messages);
    } else {
        c->helo = NULL;
    }
}

static bool in_message(const struct drill_mta_cursor *c)
{
    return c->run == DRILL_RUN_MAIL || c->run == DRILL_RUN_RCPT;
}

/* False: nothing that the client does beside its mail leads anywhere else. */
static bool detour(struct drill_mta_cursor *c)
{
    bool open = in_message(c), reset = false;
    if (!c->client || c->run == 0 || c->run == STALWART_RUN_END) {
        return false;
    }
    if (c->extra) {
        behind_helo(c);
        return true;
    }
    if (does(c, extra_of(c, place_of(c)), &reset)) {
        return true;
    }
    if (open && reset) {
        next_message(c, c->message->next);
        return true;
    }
    return false;
}

static void go_on(struct drill_mta_cursor *c)
{
    switch (c->run) {
    case 0: c->run = c->client ? DRILL_RUN_CONNECT : STALWART_RUN_END; break;
    case DRILL_RUN_CONNECT: c->run = DRILL_RUN_EHLO; break;
    case DRILL_RUN_EHLO: next_message(c, c->client->messages); break;
    case DRILL_RUN_MAIL:
        c->run_rcpts = 1;
        c->run = c->message->rcpts ? DRILL_RUN_RCPT : DRILL_RUN_DATA;
        break;
    case DRILL_RUN_RCPT:
        if (c->run_rcpts < c->message->rcpts) {
            c->run_rcpts++;
        } else {
            c->run = DRILL_RUN_DATA;
        }
        break;
    case DRILL_RUN_DATA: next_message(c, c->message ? c->message->next : NULL); break;
    default: break;
    }
}

bool drill_stalwart_stage(struct drill_mta_cursor *c)
{
    bool elsewhere = detour(c);
    if (!elsewhere) {
        go_on(c);
    }
    /* Lost behind the answer to DATA: its content never comes. */
    const struct drill_smtp_extra *lost =
        c->run == DRILL_RUN_DATA ? extra_of(c, DRILL_SMFIC_DATA) : NULL;
    while (lost && drill_smtp_extra_does(lost) != DRILL_SMTP_DOES_LEAVE) {
        lost = drill_smtp_extra_next(lost);
    }
    if (lost) {
        leave(c);
    }
    c->at = c->run == STALWART_RUN_END ? STALWART_DONE : STALWART_OPEN;
    return elsewhere || lost;
}

/* ---- messages ---- */

static struct drill_span bare_address(struct drill_span s)
{
    if (s.len >= 2 && s.ptr[0] == '<' && s.ptr[s.len - 1] == '>') {
        return drill_span_sub(s, 1, s.len - 2);
    }
    return s;
}

/* Stalwart lowers all of Unicode, and writes a domain outside of ASCII in IDNA; here addresses are
 * lowered in ASCII, and other domains stay as they are. */
static void write_lower(struct drill_writer *w, struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        drill_write_u8(w, c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c);
    }
}

/* The end of a quoted local part, behind its quote and before the "@"; 0: there is none. */
static size_t quoted_end(struct drill_span address)
{
    for (size_t i = 1; i < address.len && address.ptr[0] == '"'; i++) {
        if (address.ptr[i] == '\\') {
            i++;
        } else if (address.ptr[i] == '"') {
            return i + 1 < address.len && address.ptr[i + 1] == '@' ? i + 1 : 0;
        }
    }
    return 0;
}

/* As its SMTP parser leaves it: a quoted local part has lost its quotes, and quoted pairs their
 * backslash. */
static void write_address(struct drill_writer *w, struct drill_span address)
{
    size_t end = quoted_end(address);
    for (size_t i = 1; i + 1 < end; i++) {
        i += address.ptr[i] == '\\';
        write_lower(w, drill_span_sub(address, i, 1));
    }
    write_lower(w, drill_span_sub(address, end, address.len));
}

/* "<alice@example.org>" in lower case; no ESMTP parameters (message.rs passes none). */
static struct drill_span bracketed(struct drill_scratch *s, struct drill_span address)
{
    drill_write_u8(&s->string, '<');
    write_address(&s->string, bare_address(address));
    drill_write_u8(&s->string, '>');
    return drill_writer_span(&s->string);
}

static struct drill_span rcpt_address(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    const struct drill_envelope *m = message_of(c);
    if (!m || m->rcpts == 0) {
        return drill_span_str("<bob@example.com>");
    }
    uint32_t i = c->rcpt;
    while (i < m->rcpts && drill_stalwart_refused(mta, i)) {
        i++;
    }
    return m->rcpt[i < m->rcpts ? i : m->rcpts - 1];
}

/* Bytes of a Unicode White_Space character at either end of s, as Rust's str::trim takes them. */
static size_t blank_at(struct drill_span s, bool end)
{
    static const char *const WIDE[] = {"\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80",
                                       "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF",
                                       "\xE2\x81\x9F", "\xE3\x80\x80"};
    uint8_t c = s.len ? s.ptr[end ? s.len - 1 : 0] : 'x';
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(WIDE) / sizeof(WIDE[0]); i++) {
        struct drill_span wide = drill_span_str(WIDE[i]);
        size_t at = end && s.len >= wide.len ? s.len - wide.len : 0;
        if (drill_span_equal(drill_span_sub(s, at, wide.len), wide)) {
            return wide.len;
        }
    }
    struct drill_span three = drill_span_sub(s, end && s.len >= 3 ? s.len - 3 : 0, 3);
    return three.len == 3 && three.ptr[0] == 0xE2 && three.ptr[1] == 0x80 && three.ptr[2] >= 0x80 &&
                   three.ptr[2] <= 0x8A
               ? 3
               : 0;
}

/* What a header's name or value becomes: empty when it is no UTF-8, else trimmed (client.rs). */
static struct drill_span header_text(struct drill_span s)
{
    if (!drill_mail_is_utf8(s)) {
        return drill_span_of(s.ptr, 0);
    }
    for (size_t n = blank_at(s, false); n; n = blank_at(s, false)) {
        s = drill_span_sub(s, n, s.len);
    }
    for (size_t n = blank_at(s, true); n; n = blank_at(s, true)) {
        s.len -= n;
    }
    return s;
}

/* The name of the client's address: looked up at its first MAIL (mail.rs), and so not known to the
 * runs before; as the DNS has it, with the dot of the root. Empty: none. */
static struct drill_span ptr_name(const struct drill_mta_cursor *c, struct drill_writer *string)
{
    struct drill_span host = c->client->host;
    bool known = c->run > DRILL_RUN_AUTH || c->message;
    if (!known || host.len == 0 || host.ptr[host.len - 1] == '.') {
        return known ? host : drill_span_str("");
    }
    size_t from = string->len;
    drill_write_bytes(string, host);
    drill_write_u8(string, '.');
    struct drill_span all = drill_writer_span(string);
    return drill_span_sub(all, from, all.len);
}

static void connect_message(const struct drill_mta_cursor *c, struct drill_scratch *s,
                            struct drill_message *out)
{
    const struct drill_client *client = c->client;
    struct drill_span name = ptr_name(c, &s->string);
    out->str[0] = name.len                      ? name
                  : c->run == DRILL_RUN_CONNECT ? drill_span_str("")
                                                : client_name(c);
    out->letter = client->family;
    out->has_second = client->family != DRILL_FAMILY_UNKNOWN;
    if (out->has_second) {
        out->port = client->port;
        out->str[1] = client->addr;
    }
}

static struct drill_span body_chunk(const struct drill_mta *mta, const struct drill_mta_cursor *c)
{
    const struct drill_envelope *m = message_of(c);
    return m && c->body < drill_mail_size(&m->mail)
               ? drill_mail_slice(&m->mail, (size_t)c->body, chunk_size(mta))
               : drill_span_str("Hello.\r\n");
}

bool drill_stalwart_command(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                            uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    const struct drill_envelope *m = message_of(c);
    struct drill_stalwart_field f = {drill_span_str("X-Drill"), drill_span_str("1"), 0};
    switch (code) {
    case DRILL_SMFIC_OPTNEG:
        out->number[0] = mta->settings->version;
        out->number[1] = mta->settings->actions;
        out->number[2] = mta->settings->protocol;
        return true;
    case DRILL_SMFIC_CONNECT:
        if (c->client) {
            connect_message(c, s, out);
        }
        return c->client != NULL;
    case DRILL_SMFIC_HELO:
        if (c->client && c->run != DRILL_RUN_CONNECT) {
            out->str[0] = client_name(c);
        }
        return true;
    case DRILL_SMFIC_MAIL:
        out->str[0] = bracketed(s, m ? m->from : drill_span_str("<alice@example.org>"));
        return true;
    case DRILL_SMFIC_RCPT: out->str[0] = bracketed(s, rcpt_address(mta, c)); return true;
    case DRILL_SMFIC_HEADER:
        (void)field_of(c, &f);
        out->str[0] = header_text(f.name);
        out->str[1] = header_text(f.value);
        return true;
    case DRILL_SMFIC_BODY: out->rest = body_chunk(mta, c); return true;
    case DRILL_SMFIC_BODYEOB: return true;
    case DRILL_SMFIC_UNKNOWN: out->str[0] = drill_span_str("XDRILL"); return true;
    default: return false;
    }
}

/* ---- macros ---- */

/* At the connect stage it does not know its own name yet (spawn.rs asks for it later). */
static void connect_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           struct drill_scratch *s)
{
    const uint8_t at = DRILL_SMFIC_CONNECT;
    const struct drill_client *client = c->client;
    struct drill_writer string = s->string;
    struct drill_span name = ptr_name(c, &string);
    uint8_t digits[8];
    struct drill_writer port = drill_writer_of(digits, sizeof(digits));
    drill_write_dec(&port, client->port);
    drill_mta_macro(s, client, at, "{daemon_name}", mta->settings->program);
    drill_mta_macro(s, client, at, "j",
                    c->run == DRILL_RUN_CONNECT ? drill_span_str("") : mta->settings->server_name);
    drill_mta_macro(s, client, at, "{client_addr}", client->addr);
    drill_mta_macro(s, client, at, "{client_port}", drill_writer_span(&port));
    drill_mta_macro(s, client, at, "{client_ptr}", name.len ? name : drill_span_str("unknown"));
}

/* Of a client whose TLS, if any, would be its proxy's. */
static const char *no_tls(const struct drill_mta *mta)
{
    return mta->settings->proxied ? "unknown" : "";
}

static void address_macro(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                          const char *name, struct drill_span address)
{
    struct drill_writer lower = s->string;
    size_t from = lower.len;
    write_address(&lower, bare_address(address));
    struct drill_span all = drill_writer_span(&lower);
    drill_mta_macro(s, client, code, name, drill_span_sub(all, from, all.len));
}

/* The frames of message.rs run(): connection, EHLO, sender, recipient; nothing for the others. */
bool drill_stalwart_macros(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                           uint8_t code, struct drill_scratch *s, struct drill_message *out)
{
    const struct drill_client *client = c->client;
    const struct drill_envelope *m = message_of(c);
    if (!client) {
        return false;
    }
    switch (code) {
    case DRILL_SMFIC_CONNECT: connect_macros(mta, c, s); break;
    case DRILL_SMFIC_HELO:
        drill_mta_macro(s, client, code, "{cipher}",
                        drill_span_str(client->tls ? "TLS13_AES_256_GCM_SHA384" : no_tls(mta)));
        drill_mta_macro(s, client, code, "{tls_version}",
                        drill_span_str(client->tls ? "TLSv1.3" : no_tls(mta)));
        break;
    case DRILL_SMFIC_MAIL:
        address_macro(s, client, code, "{mail_addr}",
                      m ? m->from : drill_span_str("<alice@example.org>"));
        if (client->auth.len) {
            drill_mta_macro(s, client, code, "{auth_authen}", client->auth);
        }
        break;
    case DRILL_SMFIC_RCPT:
        address_macro(s, client, code, "{rcpt_addr}", rcpt_address(mta, c));
        break;
    default: break;
    }
    return drill_mta_macros_end(s, client, code, out);
}

void drill_stalwart_measure(const struct drill_mta *mta, size_t *macros, size_t *string)
{
    size_t longest = sizeof("<alice@example.org>"), most = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        struct drill_scratch s = {drill_writer_of(NULL, 0), drill_writer_of(NULL, 0)};
        struct drill_mta_cursor at = {.client = c, .run = DRILL_RUN_DATA};
        connect_macros(mta, &at, &s);
        longest = c->host.len + 1 > longest ? c->host.len + 1 : longest;
        /* No other frame has longer names and values of its own than these together. */
        size_t names =
            sizeof("{mail_addr}{auth_authen}{cipher}{tls_version}TLS13_AES_256_GCM_SHA384");
        size_t size =
            s.macros.len + names + c->host.len + c->auth.len + drill_mta_extra_size(c) + 16;
        most = size > most ? size : most;
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            longest = m->from.len > longest ? m->from.len : longest;
            for (size_t i = 0; i < m->rcpts; i++) {
                longest = m->rcpt[i].len > longest ? m->rcpt[i].len : longest;
            }
        }
    }
    *macros = most + longest;
    *string = 2 * longest + 4; /* an address for the command, and one for its macro */
}

/* ---- steps ---- */

static const uint8_t CODES[] = {
    [STALWART_OPTNEG] = DRILL_SMFIC_OPTNEG, [STALWART_CONNECT] = DRILL_SMFIC_CONNECT,
    [STALWART_HELO] = DRILL_SMFIC_HELO,     [STALWART_MAIL] = DRILL_SMFIC_MAIL,
    [STALWART_RCPT] = DRILL_SMFIC_RCPT,     [STALWART_DATA] = DRILL_SMFIC_DATA,
    [STALWART_HEADER] = DRILL_SMFIC_HEADER, [STALWART_EOH] = DRILL_SMFIC_EOH,
    [STALWART_BODY] = DRILL_SMFIC_BODY,     [STALWART_EOB] = DRILL_SMFIC_BODYEOB,
    [STALWART_QUIT] = DRILL_SMFIC_QUIT};

static void send_step(const struct drill_mta *mta, const struct drill_mta_cursor *c,
                      struct drill_scratch *s, struct drill_mta_step *step)
{
    uint8_t code = CODES[c->at];
    step->kind = DRILL_MTA_SEND;
    step->command.code = code;
    if (s) {
        (void)drill_message_init(&step->command, DRILL_TO_MILTER, code);
        (void)drill_stalwart_command(mta, c, code, s, &step->command);
        step->has_macro =
            !mta->settings->macros_none && drill_stalwart_macros(mta, c, code, s, &step->macro);
    }
}

void drill_stalwart_next(const struct drill_mta *mta, struct drill_mta_cursor *c,
                         struct drill_scratch *s, struct drill_mta_step *step)
{
    drill_stalwart_pass_over(mta, c);
    switch (c->at) {
    case STALWART_OPEN:
        step->kind = DRILL_MTA_OPEN;
        c->steps = 0;
        drill_stalwart_begin(c);
        c->at = STALWART_OPTNEG;
        break;
    case STALWART_CLOSE:
        step->kind = DRILL_MTA_CLOSE;
        do {
            (void)drill_stalwart_stage(c);
        } while (c->at != STALWART_DONE && !drill_stalwart_runs(mta, c->run));
        break;
    case STALWART_DONE: step->kind = DRILL_MTA_DONE; break;
    default:
        send_step(mta, c, s, step);
        move_on(mta, c);
        break;
    }
}
