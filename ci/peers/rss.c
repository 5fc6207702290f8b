/* SPDX-License-Identifier: MIT */
/*
 * rss REPORT PROGRAM [ARG...]: runs the program, writes its peak resident size in KiB to REPORT,
 * and ends as it did (128 + signal, as a shell has it).
 *
 * A small program of its own, because the kernel counts the memory of the caller before exec as the
 * child's: measured from Python, everything would weigh as much as Python.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct rusage usage;
    int status = 0;
    pid_t child;
    FILE *report;
    if (argc < 3) {
        fprintf(stderr, "usage: rss REPORT PROGRAM [ARG...]\n");
        return 2;
    }
    child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        perror(argv[2]);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("rss");
        return 126;
    }
    report = fopen(argv[1], "w");
    if (!report || fprintf(report, "%ld\n", usage.ru_maxrss) < 0 || fclose(report) != 0) {
        perror(argv[1]);
        return 126;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
