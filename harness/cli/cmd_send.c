/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/given.h"
#include "cli/send.h"

static const struct cli_word words[] = {
    SEND_WORDS,
    {"save", 'v', SEND_SAVE},
    {"show-message", 'f', SEND_SHOW_MESSAGE},
    {"format", 'v', CLI_FORMAT},
    {"verbose", 'f', CLI_VERBOSE},
    {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill send --milter ADDR --message FILE [OPTION...]\n\n"
    "Sends one message to a milter as an MTA would, shows the conversation frame by frame, and "
    "says\n"
    "what the SMTP client would be told. Exit 0 accepted, 1 refused or failed, 99 not reached.\n\n"
    "  --milter ADDR        the milter (sim:libmilter: its model). May come from --mta FILE, and "
    "may\n"
    "                       repeat: several milters of one MTA, in its order\n"
    "  --message FILE       the message, RFC 5322, LF or CRLF; - for stdin\n"
    "  --from ADDR          envelope sender; default: Return-Path, else From\n"
    "  --rcpt ADDR          envelope recipient (may repeat); default: Delivered-To, else To and "
    "Cc\n"
    "  --arg PARAMETER      ESMTP parameter (SIZE=1000) of the --rcpt before it, else of the "
    "sender\n"
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

/* What is the case, for the table below. */
enum { JSON_LINES = 1, SEVERAL = 2 };

static const struct cli_idle idle[] = {
    {CLI_VERBOSE, JSON_LINES,
     "with --format jsonl, whose frames are in notation; --save keeps every byte"},
    {SEND_SAVE, SEVERAL, "with several --milter: a scenario is about one conversation"},
    {0, 0, NULL},
};

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
    r->args_end = &r->args;
    *s->rcpts_end = r;
    s->rcpts_end = &r->next;
    s->last_rcpt = r;
    return true;
}

/* It belongs to the recipient before it, else to the sender. */
static bool add_arg(struct send *s, const char *text)
{
    struct send_arg *a = drill_arena_take(&s->arena, sizeof(*a));
    struct send_arg ***end = s->last_rcpt ? &s->last_rcpt->args_end : &s->from_args_end;
    if (!need_room(a)) {
        return false;
    }
    a->text = text;
    **end = a;
    *end = &a->next;
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

bool send_option(struct send *s, int id, const char *value)
{
    switch (id) {
    case SEND_MESSAGE: s->message = value; return true;
    case SEND_FROM: s->from = value; return true;
    case SEND_RCPT: return add_rcpt(s, value);
    case SEND_ARG: return add_arg(s, value);
    case SEND_CLIENT: s->client_text = value; return true;
    case SEND_CLIENT_NAME: s->client_name = value; return true;
    case SEND_HELO: s->helo = value; return true;
    case SEND_AUTH: s->auth = value; return true;
    case SEND_MACRO: return add_macro(s, value);
    case SEND_SAVE: s->save = value; return true;
    case SEND_SHOW_MESSAGE: s->show_message = true; return true;
    default: return false;
    }
}

void send_init(struct send *s)
{
    memset(s, 0, sizeof(*s));
    cli_arena_init(&s->arena);
    cli_arena_init(&s->reading);
    cli_options_init(&s->options, &s->arena);
    cli_several_init(&s->several);
    drill_buf_init(&s->out, NULL);
    s->rcpts_end = &s->rcpts;
    s->from_args_end = &s->from_args;
    s->macros_end = &s->macros;
}

int cmd_send(int argc, char **argv)
{
    struct send s;
    struct cli_args args = {argc, argv, 1, false, words, "send", NULL};
    int id, code = EXIT_USAGE;
    bool ok = true;
    send_init(&s);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        if (id == 0) {
            cli_complain("send: what is `%s`? The message is named with --message", args.value);
        }
        ok = id >= CLI_OWN ? send_option(&s, id, args.value)
                           : id > 0 && cli_option(&s.options, &args, id);
    }
    if (ok && !s.message) {
        cli_complain("send: --message FILE is missing; see milterdrill send --help");
        ok = false;
    }
    unsigned facts = (s.options.format == CLI_JSONL ? JSON_LINES : 0U) |
                     (s.options.more ? (unsigned)SEVERAL : 0U);
    if (ok && cli_idle_none(&args, idle, facts) && send_prepare(&s)) {
        code = send_play(&s);
    }
out:
    send_close(&s);
    return code;
}
