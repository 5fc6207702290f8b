/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "cli/send.h"

/* A message to more people than this went through a list: they were not in one envelope. */
enum { RCPTS_GUESSED = 20 };

static bool fail(struct drill_error *err)
{
    cli_error(err);
    return false;
}

static bool no_memory(void)
{
    cli_complain("no memory");
    return false;
}

/* "<a@b>" from a@b, <a@b>, or nothing (the null sender). */
static struct drill_span bracketed(struct send *s, struct drill_span address)
{
    if (address.len && address.ptr[0] == '<') {
        return address;
    }
    uint8_t *p = drill_arena_take(&s->arena, address.len + 3);
    if (!p) {
        return drill_span_of(NULL, 0);
    }
    p[0] = '<';
    if (address.len) {
        memcpy(p + 1, address.ptr, address.len);
    }
    p[address.len + 1] = '>';
    return drill_span_of(p, address.len + 2);
}

/* --from, else Return-Path (which may be <>), else From. */
static struct drill_span sender(struct send *s, const struct drill_mail *mail)
{
    if (s->from) {
        return bracketed(s, drill_span_str(s->from));
    }
    if (drill_mail_find(mail, "Return-Path")) {
        return bracketed(s, drill_mail_address(mail, "Return-Path"));
    }
    return bracketed(s, drill_mail_address(mail, "From"));
}

static enum drill_code header_rcpts(struct send *s, const struct drill_mail *mail,
                                    struct drill_span **list, size_t *count)
{
    static const char *const first[] = {"Delivered-To", "X-Original-To", "Envelope-To"};
    enum drill_code code = DRILL_OK;
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]) && *count == 0; i++) {
        code = drill_mail_addresses(mail, first[i], &s->arena, list, count);
    }
    if (code == DRILL_OK && *count == 0) {
        code = drill_mail_addresses(mail, "To", &s->arena, list, count);
        if (code == DRILL_OK) {
            code = drill_mail_addresses(mail, "Cc", &s->arena, list, count);
        }
    }
    if (*count > RCPTS_GUESSED) {
        cli_complain(
            "the message names %zu recipients; only the first is used (--rcpt names others)",
            *count);
        *count = 1;
    }
    for (size_t i = 0; i < *count; i++) {
        (*list)[i] = bracketed(s, (*list)[i]);
    }
    return code;
}

static bool set_rcpts(struct send *s, struct drill_envelope *m)
{
    struct drill_span *list = NULL;
    size_t count = 0;
    for (const struct send_rcpt *r = s->rcpts; r; r = r->next) {
        count++;
    }
    if (count == 0) {
        if (header_rcpts(s, &m->mail, &list, &count) != DRILL_OK) {
            return no_memory();
        }
    } else {
        list = drill_arena_take(&s->arena, count * sizeof(*list));
        if (!list) {
            return no_memory();
        }
        count = 0;
        for (const struct send_rcpt *r = s->rcpts; r; r = r->next) {
            list[count++] = bracketed(s, drill_span_str(r->address));
        }
    }
    if (count == 0) {
        cli_complain("%s: no recipient in Delivered-To, To or Cc; name one with --rcpt",
                     s->message);
        return false;
    }
    m->rcpt = list;
    m->rcpts = count;
    return true;
}

enum { ARGS_MAX = 32 };

static bool make_args(struct send *s, const struct send_arg *args, struct drill_esmtp *out)
{
    struct drill_span list[ARGS_MAX];
    size_t count = 0;
    for (; args; args = args->next) {
        if (count == ARGS_MAX) {
            cli_complain("more than %d --arg of one address", ARGS_MAX);
            return false;
        }
        list[count++] = drill_span_str(args->text);
    }
    enum drill_code code = drill_esmtp_make(list, count, &s->arena, out);
    if (code == DRILL_ERR_VALUE) {
        cli_complain("--arg wants an ESMTP parameter, printable ASCII without blanks, such as "
                     "SIZE=1000");
    }
    return code == DRILL_OK || (code == DRILL_ERR_MEMORY && no_memory());
}

/* Of the --rcpt options, if there are any. */
static bool set_rcpt_args(struct send *s, struct drill_envelope *m)
{
    struct drill_esmtp *list = drill_arena_take(&s->arena, m->rcpts * sizeof(*list));
    size_t i = 0;
    if (!list) {
        return no_memory();
    }
    for (const struct send_rcpt *r = s->rcpts; r; r = r->next) {
        if (!make_args(s, r->args, &list[i++])) {
            return false;
        }
    }
    m->rcpt_args = s->rcpts ? list : NULL;
    return true;
}

static bool bad_client(const char *text)
{
    cli_complain("--client wants an IP address with or without a port, such as 192.0.2.1:47324 or "
                 "[2001:db8::5]:47324, not `%s`",
                 text);
    return false;
}

/* ADDR, ADDR:PORT, V6, [V6] or [V6]:PORT. */
static bool set_client(struct send *s, struct drill_client *c)
{
    char host[64];
    unsigned char scratch[16];
    const char *text = s->client_text;
    if (!text) {
        return true;
    }
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *colon = close ? close + 1 : strchr(text, ':');
    bool six = close || (colon && strchr(colon + 1, ':'));
    const char *begin = close ? text + 1 : text;
    const char *end = close ? close : six || !colon ? text + strlen(text) : colon;
    const char *port = close || !six ? colon : NULL;
    if ((size_t)(end - begin) >= sizeof(host) || (text[0] == '[' && !close)) {
        return bad_client(text);
    }
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    if (inet_pton(six ? AF_INET6 : AF_INET, host, scratch) != 1) {
        return bad_client(text);
    }
    if (port && *port) {
        char *stop = NULL;
        unsigned long v = strtoul(port + 1, &stop, 10);
        if (*port != ':' || stop == port + 1 || *stop || v > 65535) {
            return bad_client(text);
        }
        c->port = (uint16_t)v;
    }
    c->family = six ? DRILL_FAMILY_INET6 : DRILL_FAMILY_INET;
    c->addr = drill_arena_copy(&s->arena, drill_span_str(host));
    return c->addr.ptr || no_memory();
}

/* What the options say of the client; what they do not say stays. */
static bool describe_client(struct send *s, struct drill_client *c)
{
    if (!set_client(s, c)) {
        return false;
    }
    *s->macros_end = c->macros;
    c->macros = s->macros;
    if (s->client_name) {
        c->host = drill_span_str(s->client_name);
    }
    if (s->helo) {
        c->helo = drill_span_str(s->helo);
    }
    if (s->auth) {
        c->auth = drill_span_str(s->auth);
    }
    return true;
}

static bool build_client(struct send *s)
{
    struct drill_error err;
    struct drill_client *c = drill_scene_client(&s->arena);
    struct drill_envelope *m = drill_arena_take(&s->arena, sizeof(*m));
    if (!c || !m) {
        return no_memory();
    }
    c->messages = m;
    if (!describe_client(s, c)) {
        return false;
    }
    struct drill_span source;
    if (cli_read(s->message, &s->reading, &source, &err) != DRILL_OK) {
        return fail(&err);
    }
    if (drill_mail_parse(source, &s->arena, &m->mail, &err) != DRILL_OK) {
        drill_error_at(&err, s->message, err.line ? err.line : 1, err.column ? err.column : 1);
        return fail(&err);
    }
    if (m->mail.text.ptr != source.ptr) {
        drill_arena_fini(&s->reading);
    }
    m->from = sender(s, &m->mail);
    if (!set_rcpts(s, m) || !set_rcpt_args(s, m) || !make_args(s, s->from_args, &m->from_args)) {
        return false;
    }
    if (drill_mail_finish(&m->mail, &s->arena) != DRILL_OK) {
        return no_memory();
    }
    s->scene.traffic = c;
    return true;
}

/* --milter, or what the MTA's own configuration names. */
static bool find_milter(struct send *s)
{
    struct drill_error err;
    const char *text = s->options.milter;
    if (!text && s->mta.configured && s->mta.settings.hostname.len) {
        (void)snprintf(s->address_text, sizeof(s->address_text), "inet:%u@%.*s",
                       s->mta.settings.port, (int)s->mta.settings.hostname.len,
                       (const char *)s->mta.settings.hostname.ptr);
        text = s->address_text;
    }
    if (!text) {
        cli_complain("send: --milter ADDR is missing (or --mta FILE with a hostname in it)");
        return false;
    }
    if (drill_address_parse(text, &s->address, &err) != DRILL_OK) {
        return fail(&err);
    }
    (void)snprintf(s->address_text, sizeof(s->address_text), "%s", text);
    if (s->address.kind == DRILL_ADDRESS_SIM) {
        return cli_model(s->address.model, DRILL_SIDE_MILTER, &s->milter.profile) &&
               cli_several_words(&s->several, &s->options, NULL, &s->arena);
    }
    s->net = drill_net_new(&err);
    if (!s->net || !cli_tls_open(&s->tls, &s->options, &s->address, &err)) {
        return fail(&err);
    }
    return cli_several_words(&s->several, &s->options, s->net, &s->arena);
}

static bool check_settings(const struct send *s, const struct drill_settings *set)
{
    if (set->use_tls && !s->net) {
        cli_complain("useTls: a simulation has no TLS; the milter's model is asked in plain");
    }
    if (s->options.tls_ca && !set->use_tls && !s->scene.tls) {
        cli_complain("--tls-ca does nothing without TLS (--set useTls=true)");
        return false;
    }
    if (s->options.tls_ca && !s->net) {
        cli_complain("--tls-ca does nothing with sim:MODEL: a model speaks no TLS");
        return false;
    }
    if (!set->enabled) {
        cli_complain("send: `enable` says that this MTA does not run the milter here (--set "
                     "enable=true overrides it)");
        return false;
    }
    return true;
}

/* The profiles and, of a recording, the traffic. */
static bool build_scene(struct send *s)
{
    struct drill_error err;
    struct cli_scenario recorded = {.name = ""};
    if (s->recording &&
        !cli_scenario_read(&recorded, s->recording, s->options.root, true, &s->arena)) {
        return false;
    }
    const struct drill_loader *loader = s->recording ? &recorded.loader.loader : NULL;
    return drill_scene_build(recorded.file, recorded.name, loader, &s->mta.side, &s->milter,
                             &s->arena, &s->scene, &err) == DRILL_OK ||
           fail(&err);
}

/* The recording's client and its first message, but for what the options say. */
static bool describe_recorded(struct send *s)
{
    struct drill_client *c = s->scene.traffic;
    if (!c || !c->messages) {
        cli_complain("%s: it says of no message what was sent", s->recording);
        return false;
    }
    if (s->from) {
        c->messages->from = bracketed(s, drill_span_str(s->from));
        c->messages->from_args = (struct drill_esmtp){{NULL, 0}, {NULL, 0}};
    }
    return describe_client(s, c) &&
           (!s->rcpts || (set_rcpts(s, c->messages) && set_rcpt_args(s, c->messages))) &&
           (!s->from_args || make_args(s, s->from_args, &c->messages->from_args));
}

static bool find_content(struct send *s)
{
    return s->recording ? describe_recorded(s) : build_client(s);
}

bool send_prepare(struct send *s)
{
    struct drill_error err;
    if (cli_mta_side(&s->options, &s->mta, &err) != DRILL_OK) {
        return fail(&err);
    }
    if (!s->mta.side.profile && !s->recording) {
        s->mta.side.profile = drill_profile_find(DRILL_SIDE_MTA, drill_span_str("stalwart"));
    }
    if (s->mta.note[0]) {
        cli_complain("%s", s->mta.note);
    }
    if (!find_milter(s)) {
        return false;
    }
    if (!build_scene(s) || !check_settings(s, &s->scene.mta_settings) || !find_content(s)) {
        return false;
    }
    return !s->net || cli_tls_choose(&s->tls, CLI_AS_MTA, &s->scene, &s->stage.tls, &err) ||
           fail(&err);
}
