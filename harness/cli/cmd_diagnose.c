/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cli/diagnose.h"
#include "cli/given.h"

/* Of what a recording says of the mail. */
#define SAID "with --listen ADDR: the lines `client` and `message` of the recording say it"

enum {
    OWN_ERROR = SEND_BEHIND,
    OWN_LOG,
    OWN_CONF,
    OWN_JSON,
    OWN_OUT,
    OWN_RECORDING,
    OWN_BUDGET,
    OWN_COMMAND
};

enum { SESSIONS = 500, SECONDS = 300, EXIT_NOT_REPRODUCED = EXIT_AS_EXPECTED };

static const struct cli_word words[] = {
    SEND_WORDS,
    {"listen", 'v', CLI_LISTEN},
    {"smtp", 'v', CLI_SMTP},
    {"sink", 'v', CLI_SINK},
    {"tls-ca-out", 'v', CLI_TLS_CA_OUT},
    {"error", 'v', OWN_ERROR},
    {"log", 'v', OWN_LOG},
    {"conf", 'v', OWN_CONF},
    {"json", 'f', OWN_JSON},
    {"out", 'v', OWN_OUT},
    {"recording", 'v', OWN_RECORDING},
    {"root", 'v', CLI_ROOT},
    {"budget", 'v', OWN_BUDGET},
    {"milter-command", 'v', OWN_COMMAND},
    {NULL, 0, 0},
};

static const char help[] =
    "usage: milterdrill diagnose --milter ADDR --message FILE [OPTION...]\n"
    "       milterdrill diagnose --listen ADDR --smtp ADDR --recording FILE [OPTION...]\n\n"
    "Finds out by experiment why a milter fails over this message: what it hangs on, from which\n"
    "number on, what it is not, and what to change. Exit 0 not reproduced, 1 reproduced.\n\n"
    "  --milter ADDR        the milter: it gets up to 500 sessions, so better not one in "
    "production\n"
    "  --message FILE       the message, RFC 5322, LF or CRLF; - for stdin\n"
    "  --recording FILE     a recorded conversation (or scenario) that says what was sent, "
    "instead\n"
    "  --from --rcpt --arg --client --client-name --helo --auth --macro\n"
    "                       as in `send`: who sends it, and to whom\n"
    "  --mta PROFILE|FILE|- the MTA: a profile, or Stalwart's MtaMilter object as JSON\n"
    "  --set KEY=VALUE      a setting of that MTA, under its own name (may repeat)\n"
    "  --timeout TIME       the MTA's limits for a reply, instead of its own\n"
    "  --error LINE         what the MTA logged: only a failure with its errno is looked for\n"
    "  --log FILE           shows what is written to it while the message fails (may repeat)\n"
    "  --conf FILE          clamd.conf, clamav-milter.conf, main.cf or MtaMilter JSON: its limits\n"
    "                       are compared with what was measured (may repeat)\n"
    "  --budget sessions=N,seconds=N   at most so much; default 500 and 300\n"
    "  --milter-command CMD starts the milter when it is not there, or has died (by sh -c, in the\n"
    "                       foreground); ended at the end\n"
    "  --out DIR            writes minimal.drill and minimal.eml there\n"
    "  --json               one JSON object instead of text\n\n"
    "Input that kills a milter or an MTA may be dangerous to others: tell its authors first, and "
    "in\n"
    "private.\n\n"
    "Which reply of a milter makes an MTA fail:\n"
    "  --listen ADDR        be the milter here, as the recording has it\n"
    "  --smtp ADDR          where that MTA takes mail\n"
    "  --sink ADDR          where it delivers; without it nobody looks whether mail arrives\n"
    "  --recording FILE     what the milter said: its `<` lines\n"
    "  --log --conf --timeout --budget --out --json --root --tls-ca-out   as above, and as in "
    "`run`\n";

/* sessions=500,seconds=300 */
static bool set_budget(struct diagnose *d, const char *text)
{
    while (*text) {
        char *end = NULL;
        bool sessions = strncmp(text, "sessions=", 9) == 0;
        bool seconds = strncmp(text, "seconds=", 8) == 0;
        const char *digits = text + (sessions ? 9 : 8);
        unsigned long n = sessions || seconds ? strtoul(digits, &end, 10) : 0;
        if (!end || end == digits || (*end && *end != ',') || n == 0 || n > 1000000) {
            cli_complain("--budget wants sessions=N,seconds=N, each 1 to 1000000");
            return false;
        }
        if (sessions) {
            d->sessions = (uint32_t)n;
        } else {
            d->microseconds = n * UINT64_C(1000000);
        }
        text = end + (*end == ',');
    }
    return true;
}

static bool own_option(struct diagnose *d, int id, const char *value)
{
    switch (id) {
    case OWN_ERROR: d->error = value; return true;
    case OWN_LOG: return diagnose_file_add(d, value, true);
    case OWN_CONF: return diagnose_file_add(d, value, false);
    case OWN_JSON: d->json = true; return true;
    case OWN_RECORDING: d->send.recording = value; return true;
    case OWN_OUT: d->out = value; return true;
    case OWN_BUDGET: return set_budget(d, value);
    case OWN_COMMAND: d->command.text = value; return true;
    default: return send_option(&d->send, id, value);
    }
}

static void set_timeouts(struct diagnose *d)
{
    struct drill_settings *s = &d->send.scene.mta_settings;
    if (d->send.options.timeout) {
        s->timeout_command = s->timeout_data = d->send.options.timeout;
    }
}

static int exit_code(const struct diagnose *d)
{
    switch (d->found.outcome) {
    case DRILL_NO_PEER: return EXIT_NO_PEER;
    case DRILL_NOT_REPRODUCED: return d->found.complete ? EXIT_NOT_REPRODUCED : EXIT_FAILED;
    case DRILL_FLAKY:
    case DRILL_DIAGNOSED: break;
    }
    return EXIT_FAILED;
}

static void tell(struct diagnose *d, bool kept)
{
    struct drill_buf out;
    struct drill_verdict v = {.found = &d->found,
                              .cause = drill_cause_of(&d->found),
                              .milter = d->send.address_text,
                              .mta = d->send.scene.mta->name,
                              .settings = &d->send.scene.mta_settings,
                              .error = d->error,
                              .gone = d->gone,
                              .unreached = d->tls,
                              .starts = d->command.starts,
                              .crash = d->command.crash,
                              .logs = d->logs,
                              .confs = d->confs,
                              .interrupted = cli_interrupted(NULL),
                              .out = kept ? d->out : NULL};
    drill_buf_init(&out, NULL);
    if (d->json) {
        drill_verdict_json(&out, &v);
    } else {
        drill_verdict_text(&out, &v);
    }
    cli_flush(&out);
    drill_buf_fini(&out);
}

/* Each session is one more message for the milter. */
static void warn(const struct diagnose *d)
{
    bool more = d->sessions > SESSIONS || d->microseconds > SECONDS * UINT64_C(1000000);
    if (more && (d->send.net || d->send.options.listen)) {
        cli_complain("warning: --budget allows %u sessions within %llu s with %s, more than the "
                     "usual %d within %d s",
                     d->sessions, (unsigned long long)(d->microseconds / 1000000),
                     d->send.options.listen ? d->send.options.smtp : d->send.address_text, SESSIONS,
                     SECONDS);
    }
}

static int examine(struct diagnose *d)
{
    struct drill_error err;
    struct send *s = &d->send;
    struct drill_question q = {.ops = &d->lab,
                               .sessions = d->sessions,
                               .microseconds = d->microseconds,
                               .arena = &s->arena};
    if (d->error && !diagnose_error(d->error, &q)) {
        return EXIT_USAGE;
    }
    set_timeouts(d);
    diagnose_lab_init(d);
    s->dots.kind = DRILL_STEP_ELLIPSIS;
    s->file.version = 1;
    s->file.body.steps = &s->dots;
    if (!drill_subject_of(s->scene.traffic, &s->scene.mta_settings, &s->arena, &q.subject)) {
        cli_complain("no memory");
        return EXIT_USAGE;
    }
    if (!diagnose_files_begin(d)) {
        return EXIT_USAGE;
    }
    warn(d);
    enum drill_code code = drill_diagnose(&q, &d->found, &err);
    diagnose_progress_end(d);
    if (code != DRILL_OK) {
        cli_error(&err);
    }
    diagnose_logs_read(d);
    struct drill_conf_met met;
    drill_conf_met(&q.subject, &d->found, &met);
    if (!diagnose_confs_read(d, &met)) {
        return EXIT_USAGE;
    }
    bool keep = d->out && d->found.outcome == DRILL_DIAGNOSED && !d->gone;
    if (keep) {
        diagnose_command_ready(d);
    }
    bool kept = keep && diagnose_keep(d);
    diagnose_command_end(d);
    tell(d, kept);
    return keep && !kept ? EXIT_USAGE : exit_code(d);
}

static int examine_mta(struct diagnose *d)
{
    warn(d);
    return diagnose_mta(d);
}

/* What is the case, for the table below. */
enum { LISTENS = 1, NO_LISTEN = 2, NO_RECORDING = 4, MODEL = 8 };

static const struct cli_idle idle[] = {
    {CLI_SMTP, NO_LISTEN, "without --listen ADDR: the MTA that takes mail there is examined"},
    {CLI_SINK, NO_LISTEN, "without --listen ADDR: an MTA delivers there"},
    {CLI_TLS_CA_OUT, NO_LISTEN, "without --listen ADDR: the MTA that connects there trusts it"},
    {CLI_ROOT, NO_RECORDING, "without --recording FILE, which may name files below it"},
    {OWN_LOG, MODEL, "with --milter sim:MODEL: a model writes no log"},
    {OWN_COMMAND, MODEL, "with --milter sim:MODEL: there is nothing to start"},
    {OWN_COMMAND, LISTENS, "with --listen ADDR: milterdrill is the milter"},
    {OWN_ERROR, LISTENS,
     "with --listen ADDR: an MTA is known by what it tells its client; --log "
     "shows what it logs"},
    {CLI_MTA, LISTENS, "with --listen ADDR: the MTA is the one that connects there"},
    {CLI_SET, LISTENS, "with --listen ADDR: the MTA is the one that connects there; set it there"},
    {CLI_TLS_CA, LISTENS, "with --listen ADDR: --tls-ca-out writes who signs ours"},
    {SEND_FROM, LISTENS, SAID},
    {SEND_RCPT, LISTENS, SAID},
    {SEND_ARG, LISTENS, SAID},
    {SEND_CLIENT, LISTENS, SAID},
    {SEND_CLIENT_NAME, LISTENS, SAID},
    {SEND_HELO, LISTENS, SAID},
    {SEND_AUTH, LISTENS, SAID},
    {SEND_MACRO, LISTENS, "with --listen ADDR: the MTA says its macros"},
    {0, 0, NULL},
};

static unsigned facts_of(const struct diagnose *d)
{
    const struct cli_options *o = &d->send.options;
    bool model = o->milter && strncmp(o->milter, "sim:", 4) == 0;
    return (o->listen ? LISTENS : NO_LISTEN) | (d->send.recording ? 0U : NO_RECORDING) |
           (model ? MODEL : 0U);
}

static bool check_options(const struct diagnose *d, const struct cli_args *args)
{
    const struct cli_options *o = &d->send.options;
    if (!d->send.message == !d->send.recording) {
        cli_complain("diagnose: --message FILE or --recording FILE, one of them; see milterdrill "
                     "diagnose --help");
    } else if (o->more) {
        cli_complain("diagnose: --milter names the one milter that fails; ask them one by one");
    } else if (o->listen && (o->milter || !o->smtp || d->send.message)) {
        cli_complain("diagnose: --listen ADDR examines an MTA: it goes with --smtp ADDR and "
                     "--recording FILE, and without --milter");
    } else {
        return cli_idle_none(args, idle, facts_of(d));
    }
    return false;
}

static bool read_options(struct diagnose *d, struct cli_args *args, bool *helped)
{
    int id;
    bool ok = true;
    while (ok && (id = cli_next(args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            *helped = true;
            return true;
        }
        if (id == 0) {
            cli_complain("diagnose: what is `%s`? The message is named with --message",
                         args->value);
        }
        ok = id >= CLI_OWN ? own_option(d, id, args->value)
                           : id > 0 && cli_option(&d->send.options, args, id);
    }
    return ok && check_options(d, args);
}

int cmd_diagnose(int argc, char **argv)
{
    struct diagnose d;
    struct cli_args args = {argc, argv, 1, false, words, "diagnose", NULL};
    bool helped = false;
    int code = EXIT_USAGE;
    memset(&d, 0, sizeof(d));
    send_init(&d.send);
    d.sessions = SESSIONS;
    d.microseconds = SECONDS * UINT64_C(1000000);
    diagnose_quiet(&d);
    if (read_options(&d, &args, &helped)) {
        code = helped                  ? EXIT_AS_EXPECTED
               : d.send.options.listen ? examine_mta(&d)
               : send_prepare(&d.send) ? examine(&d)
                                       : EXIT_USAGE;
    }
    diagnose_command_end(&d);
    send_close(&d.send);
    return code;
}
