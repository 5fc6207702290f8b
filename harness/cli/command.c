/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"run", cmd_run, "play scenarios: against a milter, an MTA, or in simulation"},
    {"check", cmd_check, "hold a milter or an MTA to every scenario and every rule"},
    {"send", cmd_send, "send one message to a milter as an MTA would, and say what happened"},
    {"scrub", cmd_scrub, "make an anonymised copy of a recording or scenario that keeps its shape"},
    {"record", cmd_record,
     "pass traffic between an MTA and its milter, and record it as scenarios"},
    {"dump", cmd_dump, "show bytes as scenario notation"},
    {"import", cmd_import, "make scenarios of captures, hex dumps, streams and Stalwart's log"},
    {"lint", cmd_lint, "check scenarios without playing them"},
    {"diagnose", cmd_diagnose, "find out why a milter fails over a message"},
    {"explain", cmd_explain, "say what a rule, an impossible length or a log line means"},
    {"fmt", cmd_fmt, "print scenarios in canonical form"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *to)
{
    (void)fprintf(to, "milterdrill plays either end of a milter conversation.\n\n"
                      "usage: milterdrill COMMAND [OPTION...] [FILE...]\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(to, "  %-7s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fprintf(to, "\nprofiles:\n");
    size_t count = 0;
    const struct drill_profile *const *list = drill_profiles(&count);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(to, "  %-14s %-6s %s\n", list[i]->name,
                      list[i]->side == DRILL_SIDE_MTA ? "mta" : "milter", list[i]->summary);
    }
    (void)fprintf(to, "\nmilterdrill COMMAND --help tells more; milterdrill(1) tells all.\n"
                      "\nexit codes: 0 as expected, 1 failed or refused, 2 usage or a bad file,\n"
                      "77 everything skipped, 99 the peer could not be reached\n");
}

static int unknown(const char *word)
{
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = drill_nearest(drill_span_str(word), names, COMMANDS);
    cli_complain("there is no command `%s`%s%s%s; see milterdrill --help", word,
                 near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    return EXIT_USAGE;
}

int cli_main(int argc, char **argv)
{
    cli_catch_signals();
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("milterdrill %s\n", DRILL_VERSION);
        return EXIT_AS_EXPECTED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return EXIT_AS_EXPECTED;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown(argv[1]);
}
