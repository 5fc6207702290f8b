/* SPDX-License-Identifier: MIT */
/*
 * leash PROGRAM [ARG...]: runs a peer as its only child, and ends as it did (128 + signal, as a
 * shell has it). Leads the peer's process group: when whoever started it dies, killed even, the
 * whole group is killed, workers included. The kernel tells the first process only of that death,
 * and not one that changes its user. ci/peers/base.py starts every peer with it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARENT_GONE = SIGUSR1, CANNOT_RUN = 127 };

static void kill_group(int sign)
{
    (void)sign;
    kill(0, SIGKILL);
}

/* TERM and INT are for the peer, which is in this group and gets them, too. */
static int wait_for(pid_t child)
{
    int status = 0;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    waitpid(child, &status, 0); /* whatever could interrupt it ends us */
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    pid_t parent = getppid(), child;
    if (argc < 2) {
        fprintf(stderr, "usage: leash PROGRAM [ARG...]\n");
        return 2;
    }
    signal(PARENT_GONE, kill_group);
    prctl(PR_SET_PDEATHSIG, PARENT_GONE);
    if (getppid() != parent) {
        return CANNOT_RUN; /* it died before we could ask */
    }
    child = fork();
    if (child == 0) {
        signal(PARENT_GONE, SIG_DFL);
        execv(argv[1], argv + 1);
        perror(argv[1]);
        _exit(CANNOT_RUN);
    }
    return child < 0 ? CANNOT_RUN : wait_for(child);
}
