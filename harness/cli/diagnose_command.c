/* SPDX-License-Identifier: MIT */
/* --milter-command: starts the milter when nobody takes connections (any more), in a process group
 * of its own, and ends that at the end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/diagnose.h"

enum {
    READY_SECONDS = 30, /* so long may a milter take until it listens: clamd loads its signatures */
    DIE_SECONDS = 10,   /* ... and until it is dead: it may write a core file */
    PAUSE = 20,         /* milliseconds between two looks */
    DYING = 10,         /* looks at a milter that hung up and may be dying of it */
    BY_SHELL = 128      /* a shell's exit code for a command that a signal ended, less its number */
};

/* Offers what the MTA offers, and leaves: PASS when the milter answers. */
static enum drill_result probe(struct diagnose *d)
{
    struct drill_error err;
    struct drill_item close = {.kind = DRILL_ITEM_CLOSE, .word = drill_span_str("close")};
    struct drill_item offer = {.code = DRILL_SMFIC_OPTNEG, .word = drill_span_str("optneg")};
    struct drill_step bye = {.dir = DRILL_TO_MILTER, .items = &close};
    struct drill_step answer = {.dir = DRILL_TO_MTA, .items = &offer, .next = &bye};
    struct drill_step ask = {.dir = DRILL_TO_MILTER, .items = &offer, .next = &answer};
    struct drill_file file = {.version = 1, .body = {.steps = &ask}};
    struct cli_stage stage = {.mode = CLI_AS_MTA,
                              .net = d->send.net,
                              .address = &d->send.address,
                              .tls = d->send.stage.tls};
    struct drill_run_config config = {.file = &file,
                                      .ours = DRILL_SIDE_MTA,
                                      .profile = d->send.scene.mta,
                                      .settings = &d->send.scene.mta_settings,
                                      .traffic = d->send.scene.traffic,
                                      .patience = READY_SECONDS * UINT64_C(1000000)};
    enum drill_result result = DRILL_RESULT_ERROR;
    if (cli_stage_open(&stage, &config, &d->send.scene, &err)) {
        cli_stage_play(&stage, false);
        result = drill_run_result(stage.run);
    }
    cli_stage_close(&stage);
    return result;
}

static void note_end(struct diagnose_command *c, int status)
{
    c->pid = 0;
    if (WIFSIGNALED(status)) {
        c->crash = WTERMSIG(status);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) > BY_SHELL) {
        c->crash = WEXITSTATUS(status) - BY_SHELL;
    }
}

/* True when it is dead. */
static bool reap(struct diagnose_command *c, int seconds)
{
    int status;
    for (int left = seconds * 1000 / PAUSE; c->pid && left >= 0; left--) {
        if (waitpid(c->pid, &status, WNOHANG) == c->pid) {
            note_end(c, status);
        } else if (left) {
            (void)poll(NULL, 0, PAUSE);
        }
    }
    return c->pid == 0;
}

/* Whether all that was started is dead: the shell may be so before its milter is. */
static bool is_empty(struct diagnose_command *c, int seconds)
{
    for (int left = seconds * 1000 / PAUSE; left >= 0; left--) {
        (void)reap(c, 0);
        if (!c->pid && kill(-c->group, 0) != 0) {
            return true;
        }
        (void)poll(NULL, 0, left ? PAUSE : 0);
    }
    return false;
}

/* Our doing is not its crash. */
static void end_group(struct diagnose_command *c)
{
    int crash = c->crash;
    if (!c->group) {
        return;
    }
    (void)kill(-c->group, SIGTERM);
    if (!is_empty(c, DIE_SECONDS)) {
        (void)kill(-c->group, SIGKILL);
        (void)is_empty(c, DIE_SECONDS);
    }
    c->group = 0;
    c->crash = crash;
}

static void become(const char *text)
{
    struct sigaction standard;
    int null = open("/dev/null", O_RDWR);
    memset(&standard, 0, sizeof(standard));
    standard.sa_handler = SIG_DFL;
    (void)sigaction(SIGPIPE, &standard, NULL);
    (void)sigaction(SIGINT, &standard, NULL);
    (void)sigaction(SIGTERM, &standard, NULL);
    (void)setpgid(0, 0);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO); /* standard output is the diagnosis */
    }
    (void)execl("/bin/sh", "sh", "-c", text, (char *)NULL);
    _exit(127);
}

static bool start(struct diagnose_command *c)
{
    (void)fflush(NULL);
    c->pid = fork();
    if (c->pid == 0) {
        become(c->text);
    }
    if (c->pid < 0) {
        cli_complain("--milter-command: %s", strerror(errno));
        c->pid = 0;
        return false;
    }
    (void)setpgid(c->pid, c->pid); /* whoever of the two is first */
    c->group = c->pid;
    c->starts++;
    return true;
}

/* Whether the one that was started is still to be waited for. */
static bool is_coming(struct diagnose_command *c, uint64_t now, uint64_t until)
{
    (void)reap(c, 0);
    return c->pid && now < until && !cli_interrupted(NULL);
}

bool diagnose_command_start(struct diagnose *d)
{
    struct diagnose_command *c = &d->command;
    if (!c->text || !d->send.net || cli_interrupted(NULL)) {
        return false;
    }
    (void)reap(c, DIE_SECONDS);
    end_group(c); /* it may live, and take no connections */
    if (!start(c)) {
        return false;
    }
    uint64_t until = drill_net_now(d->send.net) + READY_SECONDS * UINT64_C(1000000);
    while (is_coming(c, drill_net_now(d->send.net), until)) {
        if (probe(d) != DRILL_RESULT_UNREACHABLE) {
            return true;
        }
        (void)poll(NULL, 0, PAUSE);
    }
    if (!cli_interrupted(NULL)) {
        cli_complain("--milter-command: what it starts takes no connections at %s, or has ended; "
                     "it must stay in the foreground",
                     d->send.address_text);
    }
    return false;
}

void diagnose_command_settle(struct diagnose *d)
{
    enum drill_result result = DRILL_RESULT_FAIL;
    for (int i = 0; i < DYING && result != DRILL_RESULT_PASS && result != DRILL_RESULT_UNREACHABLE;
         i++) {
        if (i) {
            (void)poll(NULL, 0, PAUSE);
        }
        result = probe(d);
    }
}

void diagnose_command_ready(struct diagnose *d)
{
    if (d->command.text && d->send.net && probe(d) == DRILL_RESULT_UNREACHABLE) {
        (void)diagnose_command_start(d);
    }
}

void diagnose_command_end(struct diagnose *d)
{
    (void)reap(&d->command, 0);
    end_group(&d->command);
}
