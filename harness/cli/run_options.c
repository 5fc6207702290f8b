/* SPDX-License-Identifier: MIT */
#include "cli/run_options.h"

#include <string.h>

#include "cli/given.h"
#include "cli/sweep.h"

static const struct cli_word words[] = {
    {"milter", 'v', CLI_MILTER},
    {"listen", 'v', CLI_LISTEN},
    {"sim", 'f', CLI_SIM},
    {"mta", 'v', CLI_MTA},
    {"set", 'v', CLI_SET},
    {"is", 'v', CLI_IS},
    {"root", 'v', CLI_ROOT},
    {"repeat", 'v', CLI_REPEAT},
    {"timeout", 'v', CLI_TIMEOUT},
    {"exact", 'f', CLI_EXACT},
    {"timing", 'v', CLI_TIMING},
    {"format", 'v', CLI_FORMAT},
    {"verbose", 'f', CLI_VERBOSE},
    {"help", 'f', CLI_HELP},
    {"no-annotations", 'f', CLI_NO_ANNOTATIONS},
    {"expect", 'v', CLI_EXPECT},
    {"strict", 'f', CLI_STRICT},
    {"splits", 'v', CLI_SPLITS},
    {"cut-everywhere", 'f', CLI_CUTS},
    {"seed", 'v', CLI_SEED},
    {"smtp", 'v', CLI_SMTP},
    {"xclient", 'f', CLI_XCLIENT},
    {"proxy", 'f', CLI_PROXY},
    {"smtp-auth", 'v', CLI_SMTP_AUTH},
    {"sink", 'v', CLI_SINK},
    {"tls-ca", 'v', CLI_TLS_CA},
    {"tls-ca-out", 'v', CLI_TLS_CA_OUT},
    {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill run --milter ADDR [OPTION...] FILE|FOLDER...\n"
    "       milterdrill run --listen ADDR [--smtp ADDR [--sink ADDR]] [OPTION...] FILE|FOLDER...\n"
    "       milterdrill run --sim [OPTION...] FILE|FOLDER...\n\n"
    "  --milter ADDR    play the MTA against this milter (sim:libmilter: its model); those named\n"
    "                   behind it are other milters of that MTA, for its autopilot to talk to\n"
    "  --listen ADDR    play the milter for an MTA that connects here\n"
    "  --smtp ADDR      where that MTA takes mail: be its SMTP client, too, and check what it "
    "says\n"
    "  --xclient        tell it each client's address, name and login by XCLIENT (or XFORWARD)\n"
    "  --proxy          tell it each client's address by the PROXY protocol, version 1\n"
    "  --smtp-auth FILE user:password, one a line: log in there as `client auth=` says\n"
    "  --sink ADDR      take here what that MTA delivers, and check it\n"
    "  --tls-ca FILE    with --milter: who signs that milter's certificate (PEM; default: the "
    "system's)\n"
    "                   with --smtp: who signs that MTA's (default: any certificate will do)\n"
    "  --tls-ca-out FILE  with --listen: write who signs ours, for the MTA to trust\n"
    "  --sim            play the side under test by its model, in virtual time\n"
    "  --mta PROFILE|FILE|-   the MTA that is played: a profile, or its own configuration\n"
    "  --set KEY=VALUE  a setting of that MTA, under its own name (may repeat)\n"
    "  --is PROGRAM     what is under test; files for another program are skipped\n"
    "  --root DIR       scenarios may read files below this folder\n"
    "  --repeat N       play each file N times\n"
    "  --splits N|all   play each again with its bytes in other chunks (--sim)\n"
    "  --cut-everywhere play each again with the connection lost at every byte (--sim)\n"
    "  --seed N         of what those two choose (1)\n"
    "  --timeout TIME   patience for one line (10s; with --listen 60s; none with --sim)\n"
    "  --exact          play recordings byte for byte, and send with their chunks\n"
    "  --timing original|fast   wait as `after=` says, or never (default: not in recordings)\n"
    "  --expect FILE    known failures, one a line: PATH | fail | REASON (may repeat); those of\n"
    "                   the models, in expected/ beside the class folders, count by themselves;\n"
    "                   PATH | withheld | REASON is not played, and not named\n"
    "  --strict         a known failure that passes is a failure\n"
    "  --format text|jsonl|tap|junit\n"
    "  --no-annotations no ::error lines although GITHUB_ACTIONS=true\n"
    "  -v, --verbose    show every frame\n\n"
    "ADDR: inet:port@host, inet6:port@host, unix:/path, host:port, [v6]:port, sim:MODEL\n";

static const char check_help[] =
    "usage: milterdrill check --milter ADDR [OPTION...] FOLDER...\n"
    "       milterdrill check --listen ADDR --smtp ADDR [--sink ADDR] [OPTION...] FOLDER...\n\n"
    "The conformance run: every scenario that asks this side, numbered by class, under the judge.\n"
    "A rule that is broken fails; what peers bear, each in its own way, is a quirk. Options and\n"
    "formats are those of run; known failures of the peer stand in a file:\n"
    "  --expect FILE    PATH | fail | REASON, one a line (may repeat)\n"
    "  --strict         a known failure that passes is a failure\n";

const struct cli_word *cli_run_words(void)
{
    return words;
}

const char *cli_run_help(bool check)
{
    return check ? check_help : help;
}

/* ---- what goes together ---- */

/* What is the case, for the table below. */
enum {
    NO_MILTER = 1,
    NO_LISTEN = 2,
    NO_SMTP = 4,
    NO_EXPECT = 8,
    ONCE = 16, /* no sweep */
    SWEEP = 32,
    REPEATED = 64,
    REAL = 128,  /* the side under test is no model */
    MODEL = 256, /* it is one, and named as sim:MODEL */
    CHECK = 512
};

static const struct cli_idle idle[] = {
    {CLI_SMTP, NO_LISTEN, "without --listen ADDR: the MTA that takes mail there is under test"},
    {CLI_SMTP, MODEL,
     "with --listen sim:MODEL: a model takes no mail; what it would tell its "
     "client is checked without"},
    {CLI_SINK, NO_SMTP, "without --smtp ADDR, which has that MTA deliver"},
    {CLI_XCLIENT, NO_SMTP, "without --smtp ADDR, where it is said"},
    {CLI_PROXY, NO_SMTP, "without --smtp ADDR, where it is said"},
    {CLI_SMTP_AUTH, NO_SMTP, "without --smtp ADDR, where they log in"},
    {CLI_TLS_CA, NO_MILTER | NO_SMTP,
     "without --milter ADDR or --smtp ADDR, whose certificate it is about"},
    {CLI_TLS_CA, MODEL, "with --milter sim:MODEL: a model speaks no TLS"},
    {CLI_TLS_CA_OUT, NO_LISTEN, "without --listen ADDR: the MTA that connects there trusts it"},
    {CLI_TLS_CA_OUT, MODEL, "with --listen sim:MODEL: a model speaks no TLS"},
    {CLI_MTA, NO_MILTER | REAL,
     "with --listen ADDR: the MTA is the one that connects there; --is "
     "names it"},
    {CLI_SET, NO_MILTER | REAL,
     "with --listen ADDR: the MTA is the one that connects there; set "
     "it there"},
    {CLI_MTA, NO_MILTER | MODEL, "with --listen sim:MODEL, which names the MTA"},
    {CLI_SPLITS, REAL,
     "without --sim or the address of a model (sim:MODEL): only a simulation "
     "can be played so often"},
    {CLI_CUTS, REAL,
     "without --sim or the address of a model (sim:MODEL): only a simulation can "
     "be played so often"},
    {CLI_SEED, ONCE, "without --splits N or --cut-everywhere, which choose by it"},
    {CLI_STRICT, REAL | NO_EXPECT, "without --expect FILE, which says what fails"},
    {CLI_VERBOSE, REPEATED, "with --repeat N: frames are shown of a file that is played once"},
    {CLI_REPEAT, CHECK | REPEATED, "with check, which judges each file once: run repeats"},
    {CLI_REPEAT, SWEEP | REPEATED, "with --splits or --cut-everywhere, which play often as it is"},
    {0, 0, NULL},
};

static bool is_model(const char *address)
{
    return address && strncmp(address, "sim:", 4) == 0;
}

static unsigned facts_of(const struct cli_options *o)
{
    bool model = is_model(o->milter) || is_model(o->listen);
    return (o->milter ? 0 : NO_MILTER) | (o->listen ? 0 : NO_LISTEN) | (o->smtp ? 0 : NO_SMTP) |
           (o->expected ? 0 : NO_EXPECT) | (cli_sweep_wanted(o) ? SWEEP : ONCE) |
           (o->repeat > 1 ? REPEATED : 0) |
           (model    ? MODEL
            : o->sim ? 0
                     : REAL) |
           (o->check ? CHECK : 0);
}

bool cli_run_check(const struct cli_args *args, const struct cli_options *o)
{
    if ((o->milter != NULL) + (o->listen != NULL) + o->sim != 1) {
        cli_complain("%s: one of --milter ADDR, --listen ADDR and --sim says what is played "
                     "against; see milterdrill run --help",
                     args->command);
        return false;
    }
    if (o->xclient && o->proxy) {
        cli_complain("%s: --xclient and --proxy: one of them tells the client's address",
                     args->command);
        return false;
    }
    if (o->more && o->check) {
        cli_complain("check: one milter is held to the protocol at a time");
        return false;
    }
    return cli_idle_none(args, idle, facts_of(o));
}
