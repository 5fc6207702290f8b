/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/send.h"

enum {
    OWN_MESSAGE = CLI_OWN,
    OWN_FROM,
    OWN_RCPT,
    OWN_CLIENT,
    OWN_CLIENT_NAME,
    OWN_HELO,
    OWN_MACRO,
    OWN_AUTH,
    OWN_SAVE,
    OWN_SHOW_MESSAGE
};

static const struct cli_word words[] = {
    {"milter", 'v', CLI_MILTER},
    {"message", 'v', OWN_MESSAGE},
    {"from", 'v', OWN_FROM},
    {"rcpt", 'v', OWN_RCPT},
    {"client", 'v', OWN_CLIENT},
    {"client-name", 'v', OWN_CLIENT_NAME},
    {"helo", 'v', OWN_HELO},
    {"auth", 'v', OWN_AUTH},
    {"macro", 'v', OWN_MACRO},
    {"mta", 'v', CLI_MTA},
    {"set", 'v', CLI_SET},
    {"save", 'v', OWN_SAVE},
    {"show-message", 'f', OWN_SHOW_MESSAGE},
    {"tls-ca", 'v', CLI_TLS_CA},
    {"timeout", 'v', CLI_TIMEOUT},
    {"format", 'v', CLI_FORMAT},
    {"verbose", 'f', CLI_VERBOSE},
    {"help", 'f', CLI_HELP},
    {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill send --milter ADDR --message FILE [OPTION...]\n\n"
    "Sends one message to a milter as an MTA would, shows the conversation frame by frame, and "
    "says\n"
    "what the SMTP client would be told. Exit 0 accepted, 1 refused or failed, 99 not reached.\n\n"
    "  --milter ADDR        the milter (sim:libmilter: its model). May come from --mta FILE\n"
    "  --message FILE       the message, RFC 5322, LF or CRLF; - for stdin\n"
    "  --from ADDR          envelope sender; default: Return-Path, else From\n"
    "  --rcpt ADDR          envelope recipient (may repeat); default: Delivered-To, else To and "
    "Cc\n"
    "  --client ADDR[:PORT] the SMTP client's address ([v6]:PORT); default 192.0.2.1:47324\n"
    "  --client-name NAME   its PTR name; \"\" for none\n"
    "  --helo NAME          what it says in EHLO\n"
    "  --auth LOGIN         it is authenticated as LOGIN\n"
    "  --macro STAGE:NAME=VALUE   one more macro, e.g. mail:{auth_authen}=alice (may repeat)\n"
    "  --mta PROFILE|FILE|- the MTA: a profile, or Stalwart's MtaMilter object as JSON\n"
    "  --set KEY=VALUE      a setting of that MTA, under its own name (may repeat)\n"
    "  --tls-ca FILE        who signs the milter's certificate, with useTls (PEM; default: the "
    "system's)\n"
    "  --show-message       what the MTA delivers after the modifications, as a diff\n"
    "  --save FILE.drill    write the conversation as a scenario\n"
    "  --timeout TIME       give up when no whole frame comes for so long; default: the MTA's own\n"
    "                       limits, and 5min for a frame that trickles\n"
    "  --format text|jsonl\n"
    "  -v, --verbose        also the bytes of every frame\n";

static bool need_room(const void *p)
{
    if (!p) {
        cli_complain("no memory");
    }
    return p != NULL;
}

static bool add_rcpt(struct send *s, const char *text)
{
    struct send_rcpt *r = drill_arena_take(&s->arena, sizeof(*r));
    if (!need_room(r)) {
        return false;
    }
    r->address = text;
    *s->rcpts_end = r;
    s->rcpts_end = &r->next;
    return true;
}

/* STAGE:NAME=VALUE */
static bool add_macro(struct send *s, const char *text)
{
    const char *colon = strchr(text, ':');
    const char *equals = colon ? strchr(colon, '=') : NULL;
    const struct drill_proto_message *row =
        colon ? drill_proto_word(DRILL_TO_MILTER, drill_span_of(text, (size_t)(colon - text)))
              : NULL;
    if (!row || !equals || equals == colon + 1) {
        cli_complain("--macro wants STAGE:NAME=VALUE, such as mail:{auth_authen}=alice, not `%s`",
                     text);
        return false;
    }
    struct drill_extra_macro *m = drill_arena_take(&s->arena, sizeof(*m));
    if (!need_room(m)) {
        return false;
    }
    m->code = row->code;
    m->name = drill_span_of(colon + 1, (size_t)(equals - colon - 1));
    m->value = drill_span_str(equals + 1);
    *s->macros_end = m;
    s->macros_end = (const struct drill_extra_macro **)&m->next;
    return true;
}

static bool own_option(struct send *s, int id, const char *value)
{
    switch (id) {
    case OWN_MESSAGE: s->message = value; return true;
    case OWN_FROM: s->from = value; return true;
    case OWN_RCPT: return add_rcpt(s, value);
    case OWN_CLIENT: s->client_text = value; return true;
    case OWN_CLIENT_NAME: s->client_name = value; return true;
    case OWN_HELO: s->helo = value; return true;
    case OWN_AUTH: s->auth = value; return true;
    case OWN_MACRO: return add_macro(s, value);
    case OWN_SAVE: s->save = value; return true;
    case OWN_SHOW_MESSAGE: s->show_message = true; return true;
    default: return false;
    }
}

int cmd_send(int argc, char **argv)
{
    struct send s;
    struct cli_args args = {argc, argv, 1, false, words, "send", NULL};
    int id, code = EXIT_USAGE;
    bool ok = true;
    memset(&s, 0, sizeof(s));
    cli_arena_init(&s.arena);
    cli_options_init(&s.options, &s.arena);
    drill_buf_init(&s.out, NULL);
    s.rcpts_end = &s.rcpts;
    s.macros_end = &s.macros;
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        if (id == 0) {
            cli_complain("send: what is `%s`? The message is named with --message", args.value);
        }
        ok = id >= CLI_OWN ? own_option(&s, id, args.value)
                           : id > 0 && cli_option(&s.options, &args, id);
    }
    if (ok && !s.message) {
        cli_complain("send: --message FILE is missing; see milterdrill send --help");
        ok = false;
    }
    if (ok && send_prepare(&s)) {
        code = send_play(&s);
    }
out:
    send_close(&s);
    drill_buf_fini(&s.out);
    drill_arena_fini(&s.arena);
    return code;
}
