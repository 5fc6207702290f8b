/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands share. Only this layer prints, reads files and exits.
 */
#ifndef DRILL_CLI_CLI_H
#define DRILL_CLI_CLI_H

#include <signal.h>
#include <stdio.h>

#include "cli/expect.h"
#include "net/net.h"
#include "report/explain.h"
#include "report/json.h"
#include "report/show.h"
#include "scenario/cache.h"
#include "scenario/lint.h"
#include "scenario/parse.h"
#include "scenario/run.h"
#include "scenario/scene.h"
#include "sim/sim.h"

/* design: automake's and VTest's numbers. Of several, the worst: 2 over 99 over 1 over 0. */
enum {
    EXIT_AS_EXPECTED = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_SKIPPED = 77,
    EXIT_NO_PEER = 99
};

/* ---- files ---- */

/* The whole file (or stdin for "-") in the arena. Errors name file and reason. */
enum drill_code cli_read(const char *path, struct drill_arena *arena, struct drill_span *out,
                         struct drill_error *err);
/* All or nothing: a temporary file beside it, then rename. */
enum drill_code cli_write(const char *path, struct drill_span bytes, struct drill_error *err);

/* Loads what a scenario names, each file once, from below one folder: no absolute path, no `..`, no
 * symbolic link out of it. Must not move. */
struct cli_loader {
    struct drill_loader loader; /* for everybody: the cache's */
    struct drill_cache cache;
    struct drill_loader files;
    struct drill_arena *arena;
    char base[4096]; /* the scenario's folder: names are relative to it */
    char root[4096]; /* and must lie below this one */
};
/* `root` NULL: the scenario's own folder. */
enum drill_code cli_loader_init(struct cli_loader *l, struct drill_arena *arena,
                                const char *scenario, const char *root, struct drill_error *err);

/* Scenario files in playing order: operands as given, folders sorted by name, each file with the
 * folder that it was found below (NULL: named itself). */
struct cli_path {
    const char *path;
    const char *root;
    struct cli_path *next;
};
struct cli_paths {
    struct drill_arena *arena;
    struct cli_path *first, **end;
};
/* A file, or all *.drill below a folder, but for what stands in a folder `recorded` below it: what
 * certain programs said is no question to others. False after an error that was printed. */
bool cli_collect(struct cli_paths *p, const char *operand);

/* A scenario file, parsed; its errors (all of them, with carets) are printed. NULL then. */
struct cli_scenario {
    const char *name;
    struct drill_span source;
    const struct drill_file *file;
    struct cli_loader loader;
};
/* `load`: also open the files that it names. */
bool cli_scenario_read(struct cli_scenario *s, const char *path, const char *root, bool load,
                       struct drill_arena *arena);
/* Lint, printed the same way. */
bool cli_scenario_lint(const struct cli_scenario *s);

/* ---- options ---- */

/* One more word of an option that may repeat. */
struct cli_more {
    const char *text;
    struct cli_more *next;
};

/* --timing: when `after=` holds. AS_WRITTEN: but not in a recording. */
enum cli_timing { CLI_TIMING_AS_WRITTEN, CLI_TIMING_ORIGINAL, CLI_TIMING_FAST };

enum cli_format { CLI_TEXT, CLI_JSONL, CLI_TAP, CLI_JUNIT };

struct cli_options {
    const char *milter, *listen, *smtp, *sink;   /* addresses as typed */
    struct cli_more *more, *more_end;            /* of --milter behind the first */
    const char *mta;                             /* PROFILE, FILE or - */
    const char *tls_ca, *tls_ca_out, *smtp_auth; /* files */
    const char *root;
    const char *is;
    bool xclient, proxy; /* how that MTA is told the client's address */
    bool sim;
    bool check; /* the command is `check`: every rule counts, results are numbered by class */
    bool verbose;
    bool no_annotations;
    bool exact; /* recordings: byte for byte, with their chunks */
    enum cli_timing timing;
    bool strict;  /* an expected failure that passes is a failure */
    bool reports; /* set by the command before its options: --format takes tap and junit, too */
    enum cli_format format;
    uint64_t repeat;
    uint64_t timeout;   /* microseconds; 0: the default */
    bool splits, cuts;  /* --splits, --cut-everywhere: see sweep.h */
    uint64_t chunkings; /* --splits N; 0: all */
    uint64_t seed;
    struct drill_override *sets, **sets_end;
    struct cli_expected *expected; /* of all --expect files */
    struct drill_arena *arena;
};

struct cli_word {
    const char *name; /* "milter" */
    char value;       /* 'v' takes a value, 'f' is a flag */
    int id;
};

/* Ids of the options that several commands have; a command's own begin at CLI_OWN. */
enum cli_option {
    CLI_MILTER = 1,
    CLI_LISTEN,
    CLI_MTA,
    CLI_SET,
    CLI_SIM,
    CLI_ROOT,
    CLI_IS,
    CLI_FORMAT,
    CLI_REPEAT,
    CLI_TIMEOUT,
    CLI_VERBOSE,
    CLI_NO_ANNOTATIONS,
    CLI_EXPECT,
    CLI_STRICT,
    CLI_SPLITS,
    CLI_CUTS,
    CLI_SEED,
    CLI_SMTP,
    CLI_XCLIENT,
    CLI_PROXY,
    CLI_SMTP_AUTH,
    CLI_SINK,
    CLI_TLS_CA,
    CLI_TLS_CA_OUT,
    CLI_EXACT,
    CLI_TIMING,
    CLI_HELP,
    CLI_OWN = 100
};

struct cli_args {
    int argc;
    char **argv;
    int at;
    bool only_operands; /* after `--` */
    const struct cli_word *words;
    const char *command;
    const char *value; /* of the option that next returned */
};

/* The next option's id, 0 for an operand (in `value`), -1 at the end, -2 after an error that was
 * printed (exit 2). Takes --name value, --name=value, -v, -h. */
int cli_next(struct cli_args *args);
void cli_options_init(struct cli_options *o, struct drill_arena *arena);
/* One of the shared options. False after an error that was printed. */
bool cli_option(struct cli_options *o, struct cli_args *args, int id);

/* ---- messages to the user ---- */

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void cli_complain(const char *fmt, ...);
void cli_error(const struct drill_error *err);
/* Writes the buffer to stdout and empties it. */
void cli_flush(struct drill_buf *out);
bool cli_colour(FILE *stream);
void cli_arena_init(struct drill_arena *arena);

/* ---- the side that --mta and --set describe ---- */

struct cli_mta {
    struct drill_settings settings;
    struct drill_scene_side side;
    char note[1024];
    bool configured; /* --mta named a file: its hostname and port may serve as --milter */
};
enum drill_code cli_mta_side(const struct cli_options *o, struct cli_mta *mta,
                             struct drill_error *err);

/* ---- playing ---- */

enum cli_mode { CLI_AS_MTA, CLI_AS_MILTER, CLI_SIM_MTA, CLI_SIM_MILTER };

/* One conversation in one mode: runner(s) and what carries them. SIM_x: x is under test and played
 * by its model. */
struct cli_stage {
    enum cli_mode mode;
    struct drill_net *net;
    struct drill_net_listener *listener;
    const struct drill_address *address;
    const struct drill_tls *tls;   /* NULL: plain */
    struct drill_several *several; /* its MTA is one autopilot of several; NULL: the only one */
    uint8_t number;                /* of them: which */
    struct drill_net_conn *conn;
    struct drill_sim *sim;
    struct drill_run *run;   /* plays the file */
    struct drill_run *model; /* SIM_*: the other side */
    uint64_t begin, elapsed;
};

/* Plays once. `again`: the stage was played before. False after an error in `err` (nobody there:
 * address, memory); the result is in the runner's report. */
bool cli_stage_open(struct cli_stage *s, const struct drill_run_config *config,
                    const struct drill_scene *scene, struct drill_error *err);
void cli_stage_play(struct cli_stage *s, bool again);
void cli_stage_close(struct cli_stage *s);
/* The model that sim:NAME names. False after an error that was printed. */
bool cli_model(const char *name, enum drill_side side, const struct drill_profile **out);
const char *cli_mode_name(enum cli_mode mode);

/* Set by SIGINT and SIGTERM. */
bool cli_interrupted(void *ctx);
void cli_catch_signals(void);

int cli_main(int argc, char **argv);

/* ---- subcommands: argv[0] is the subcommand; return the exit code ---- */
int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_send(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_scrub(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_fmt(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_diagnose(int argc, char **argv);
int cmd_record(int argc, char **argv);

#endif
