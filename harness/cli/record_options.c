/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/given.h"
#include "cli/record.h"

enum {
    OUT = CLI_OWN,
    ONLY,
    LAST,
    ROTATE,
    MAX_BYTES,
    USER,
    SOCKET_MODE,
    SOCKET_OWNER,
    LISTEN_TLS,
    LISTEN_CERT,
    LISTEN_KEY,
    MILTER_TLS,
    MILTER_TLS_ANY,
    INJECT,
    INJECT_RATE,
    BREAK_MAIL,
    GRACE
};

static const struct cli_word words[] = {
    {"listen", 'v', CLI_LISTEN},
    {"milter", 'v', CLI_MILTER},
    {"out", 'v', OUT},
    {"only", 'v', ONLY},
    {"last", 'v', LAST},
    {"rotate", 'v', ROTATE},
    {"max-bytes", 'v', MAX_BYTES},
    {"mta", 'v', CLI_MTA},
    {"is", 'v', CLI_IS},
    {"user", 'v', USER},
    {"socket-mode", 'v', SOCKET_MODE},
    {"socket-owner", 'v', SOCKET_OWNER},
    {"listen-tls", 'f', LISTEN_TLS},
    {"listen-cert", 'v', LISTEN_CERT},
    {"listen-key", 'v', LISTEN_KEY},
    {"tls-ca-out", 'v', CLI_TLS_CA_OUT},
    {"milter-tls", 'f', MILTER_TLS},
    {"milter-tls-any", 'f', MILTER_TLS_ANY},
    {"tls-ca", 'v', CLI_TLS_CA},
    {"inject", 'v', INJECT},
    {"inject-rate", 'v', INJECT_RATE},
    {"seed", 'v', CLI_SEED},
    {"yes-break-mail", 'f', BREAK_MAIL},
    {"grace", 'v', GRACE},
    {"help", 'f', CLI_HELP},
    {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill record --listen ADDR --milter ADDR --out DIR [OPTION...]\n\n"
    "Stands between an MTA and its milter, passes every byte on, and records each connection as a\n"
    "scenario in DIR (0700, files 0600: they hold real mail; milterdrill scrub before giving "
    "away).\n"
    "Nothing that happens to the recording touches the mail.\n\n"
    "  --listen ADDR    where the MTA connects\n"
    "  --milter ADDR    the milter\n"
    "  --out DIR        made if need be; one that others can read is refused\n"
    "  --only failed|slow=TIME|match=TEXT   keep these only (may repeat; one is enough): a "
    "refusal\n"
    "                   or a broken connection; a reply that took so long; bytes that passed\n"
    "  --last N         keep the last N recordings\n"
    "  --rotate SIZE    remove the oldest when all hold more than this\n"
    "  --max-bytes SIZE recording ends here, mail does not (1GiB)\n"
    "  --mta PROFILE    which MTA it is, --is PROFILE which milter (default: as what they say "
    "tells)\n"
    "  --user NAME      whom to become once sockets and DIR are open; needed when started as root\n"
    "  --socket-mode MODE, --socket-owner USER[:GROUP]   of a unix: --listen\n"
    "  --listen-tls     the MTA speaks TLS; the certificate is made at start, and\n"
    "  --tls-ca-out FILE  is who signed it, for the MTA to trust\n"
    "  --listen-cert FILE --listen-key FILE  certificate and key of one's own instead (PEM)\n"
    "  --milter-tls     TLS to the milter, held against --tls-ca FILE (default: the system's) and\n"
    "                   the host's name; --milter-tls-any: any certificate will do\n"
    "  --grace TIME     how long connections may go on after SIGTERM (5s)\n"
    "  --inject FILE    do the faults of this scenario to live traffic: needs --yes-break-mail\n"
    "  --inject-rate N/M  to so many of the connections (1), chosen by --seed N\n\n"
    "ADDR: inet:port@host, inet6:port@host, unix:/path, host:port, [v6]:port. SIZE: 100MiB, 2GiB\n";

static bool complain(const char *option, const char *wants, const char *text)
{
    cli_complain("record: --%s wants %s, not `%s`", option, wants, text);
    return false;
}

static bool size(const char *option, const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"", 0}, {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
    char *end = NULL;
    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    for (size_t i = 0;
         !errno && end != text && n && text[0] != '-' && i < sizeof(units) / sizeof(*units); i++) {
        if (strcmp(end, units[i].name) == 0 && n <= UINT64_MAX >> units[i].shift) {
            *out = (uint64_t)n << units[i].shift;
            return true;
        }
    }
    return complain(option, "a size such as 500MiB or 2GiB", text);
}

static bool own_option(struct cli_record *r, int id, const char *value)
{
    struct drill_error err;
    switch (id) {
    case OUT: r->out = value; return true;
    case ONLY:
        if (drill_keep_add(&r->only, value, &err) != DRILL_OK) {
            cli_error(&err);
            return false;
        }
        return true;
    case LAST: return size("last", value, &r->keep);
    case ROTATE: return size("rotate", value, &r->rotate);
    case MAX_BYTES: return size("max-bytes", value, &r->most);
    case USER: r->user = value; return true;
    case SOCKET_MODE: r->socket_mode = value; return true;
    case SOCKET_OWNER: r->socket_owner = value; return true;
    case LISTEN_TLS: r->listen_tls = true; return true;
    case LISTEN_CERT: r->listen_cert = value; return true;
    case LISTEN_KEY: r->listen_key = value; return true;
    case MILTER_TLS: r->milter_tls = true; return true;
    case MILTER_TLS_ANY: r->milter_tls = r->milter_tls_any = true; return true;
    case INJECT: r->inject_file = value; return true;
    case INJECT_RATE: r->inject_rate = value; return true;
    case BREAK_MAIL: r->break_mail = true; return true;
    case GRACE:
        return drill_setting_duration(drill_span_str(value), &r->grace) ||
               complain("grace", "a time such as 500ms or 5s", value);
    default: return false;
    }
}

static bool check_profile(const char *option, const char *name, enum drill_side side)
{
    if (!name || drill_profile_find(side, drill_span_str(name))) {
        return true;
    }
    const char *near = drill_profile_nearest(side, drill_span_str(name));
    cli_complain("record: --%s %s: there is no such profile%s%s%s", option, name,
                 near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    return false;
}

enum { NO_INJECT = 1 };

static const struct cli_idle idle[] = {
    {INJECT_RATE, NO_INJECT, "without --inject FILE"},
    {CLI_SEED, NO_INJECT, "without --inject FILE"},
    {BREAK_MAIL, NO_INJECT, "without --inject FILE"},
    {0, 0, NULL},
};

/* What goes only together. */
static bool check(const struct cli_record *r)
{
    const struct cli_options *o = &r->options;
    const char *wrong = NULL;
    if (!o->listen || !o->milter || !r->out) {
        wrong = "--listen ADDR, --milter ADDR and --out DIR are needed";
    } else if (o->more) {
        wrong = "one --milter: each needs a recorder of its own before it";
    } else if (o->tls_ca_out && !r->listen_tls) {
        wrong = "--tls-ca-out FILE goes with --listen-tls";
    } else if (!r->listen_cert != !r->listen_key) {
        wrong = "--listen-cert FILE and --listen-key FILE go together";
    } else if (r->listen_cert && (!r->listen_tls || o->tls_ca_out)) {
        wrong = "--listen-cert FILE goes with --listen-tls, and without --tls-ca-out";
    } else if (o->tls_ca && (!r->milter_tls || r->milter_tls_any)) {
        wrong = "--tls-ca FILE goes with --milter-tls";
    } else if (r->inject_file && !r->break_mail) {
        wrong =
            "--inject makes real mail fail; say --yes-break-mail, too, if that is what you want";
    }
    if (wrong) {
        cli_complain("record: %s; see milterdrill record --help", wrong);
        return false;
    }
    return check_profile("mta", o->mta, DRILL_SIDE_MTA) &&
           check_profile("is", o->is, DRILL_SIDE_MILTER);
}

bool cli_record_options(struct cli_record *r, int argc, char **argv, bool *asked)
{
    struct cli_args args = {
        .argc = argc, .argv = argv, .at = 1, .words = words, .command = "record"};
    int id;
    r->most = (uint64_t)1 << 30;
    r->grace = 5 * 1000 * 1000;
    while ((id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            *asked = true;
            return true;
        }
        if (id == 0) {
            cli_complain("record: takes no operand (`%s`); see milterdrill record --help",
                         args.value);
        }
        if (id <= 0 ||
            !(id >= CLI_OWN ? own_option(r, id, args.value) : cli_option(&r->options, &args, id))) {
            return false;
        }
    }
    return check(r) && cli_idle_none(&args, idle, r->inject_file ? 0 : NO_INJECT);
}
