/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/given.h"
#include "scenario/import_log.h"
#include "scenario/import_pcap.h"

enum { OWN_OUT = CLI_OWN, OWN_PORT, OWN_FROM, OWN_HEX, OWN_MTA_STREAM, OWN_MILTER_STREAM };

static const struct cli_word words[] = {{"out", 'v', OWN_OUT},
                                        {"port", 'v', OWN_PORT},
                                        {"from", 'v', OWN_FROM},
                                        {"hex", 'f', OWN_HEX},
                                        {"mta-stream", 'v', OWN_MTA_STREAM},
                                        {"milter-stream", 'v', OWN_MILTER_STREAM},
                                        {"help", 'f', CLI_HELP},
                                        {NULL, 0, 0}};

static const char help[] =
    "usage: milterdrill import [--out DIR] [--port N] FILE\n"
    "       milterdrill import [--out DIR] [--hex] --from mta|milter FILE\n"
    "       milterdrill import [--out DIR] [--hex] --mta-stream FILE --milter-stream FILE\n\n"
    "Makes scenarios of what other programs wrote down (- for stdin): pcap and pcapng captures\n"
    "(tcpdump -s 0 -w FILE port N), Stalwart's trace log, the bytes of one direction or of both.\n"
    "  --out DIR             a file for each connection goes here (0600; a new DIR is 0700);\n"
    "                        without it there must be one, which is printed\n"
    "  --port N              of a capture: connections of this port, whatever they say\n"
    "  --from mta|milter     FILE is what this side sent, and nothing else\n"
    "  --mta-stream FILE, --milter-stream FILE\n"
    "                        what each side sent; each reply is put behind its command\n"
    "  --hex                 these files are hex dumps (xxd, hexdump -C, od -tx1z), or digits\n\n"
    "Exit 0; 1 when a part could not be read or is missing: what could be is written, the rest is\n"
    "named by byte or line; 2 when nothing could be read.\n";

struct import {
    struct drill_arena arena;
    struct drill_import im;
    const char *out, *from, *file, *mta, *milter;
    struct drill_import_pick pick;
    bool hex, partly;
};

/* ---- reading ---- */

static bool read_bytes(struct import *i, const char *path, struct drill_span *out)
{
    struct drill_error err;
    struct drill_buf bytes;
    *out = drill_span_of(NULL, 0);
    if (!path) {
        return true;
    }
    if (cli_read(path, &i->arena, out, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    if (!i->hex) {
        return true;
    }
    drill_buf_init(&bytes, NULL);
    struct drill_hex_result result;
    bool ok = drill_import_hex(*out, &bytes, &result);
    struct drill_span copy = drill_arena_copy(&i->arena, drill_buf_span(&bytes));
    drill_buf_fini(&bytes);
    if (!ok || !copy.ptr) {
        cli_complain("import: no memory for %s", path);
        return false;
    }
    if (result.odd_line) {
        cli_complain("import: %s:%u: the rest of this line is no hex digits and left out", path,
                     result.odd_line);
        i->partly = true;
    }
    if (!copy.len) {
        cli_complain("import: %s: a hex dump was expected, it has no hex digits", path);
    }
    *out = copy;
    return copy.len != 0;
}

/* Captures have a magic number; all else must be a log. */
static bool read_file(struct import *i)
{
    struct drill_span in;
    if (!read_bytes(i, i->file, &in)) {
        return false;
    }
    if (drill_import_is_capture(in)) {
        return drill_import_pcap(&i->im, in, &i->pick);
    }
    if (in.len >= 2 && in.ptr[0] == 0x1f && in.ptr[1] == 0x8b) {
        cli_complain("import: %s is compressed: gunzip it first", i->file);
        return false;
    }
    if (i->pick.port) {
        cli_complain("import: %s: --port does nothing with what is no capture", i->file);
        return false;
    }
    if (drill_span_find(in, 0) < in.len) {
        cli_complain(
            "import: %s: this is neither pcap nor pcapng nor a text. The bytes of one side "
            "need --from mta|milter, those of both --mta-stream and --milter-stream",
            i->file);
        return false;
    }
    return drill_import_log(&i->im, in);
}

static bool read_all(struct import *i)
{
    struct drill_span mta, milter;
    if (!i->from && !i->mta && !i->milter) {
        return read_file(i);
    }
    if (i->from) {
        *(strcmp(i->from, "mta") == 0 ? &i->mta : &i->milter) = i->file;
    }
    if (!read_bytes(i, i->mta, &mta) || !read_bytes(i, i->milter, &milter)) {
        return false;
    }
    if (!mta.len && !milter.len) {
        cli_complain("import: there is not one byte to import");
        return false;
    }
    drill_import_streams(&i->im, mta, milter);
    return true;
}

static void tell_notes(const struct import *i)
{
    const char *name = i->file ? i->file : i->mta ? i->mta : i->milter;
    for (struct drill_import_note *n = i->im.notes; n; n = n->next) {
        drill_error_at(&n->error, name, n->error.line, 0);
        cli_error(&n->error);
    }
    if (i->im.noted > DRILL_IMPORT_NOTES) {
        cli_complain("import: %zu more of that kind", i->im.noted - DRILL_IMPORT_NOTES);
    }
}

/* ---- writing ---- */

/* A name that no file of the folder has: the time, and a number. */
static void stem_of(const struct import *i, const struct drill_import_talk *talk, unsigned *number,
                    char *stem, size_t cap)
{
    char path[4096], time[24], *to = time;
    struct stat st;
    uint64_t first = 0;
    for (const struct drill_import_event *e = talk->events; e && !first; e = e->next) {
        first = e->time;
    }
    if (!drill_import_time(first, time)) {
        (void)snprintf(time, sizeof(time), "imported");
    }
    for (const char *from = time; *from; from++) {
        if (*from != '-' && *from != ':') {
            *to++ = *from;
        }
    }
    *to = '\0';
    do {
        (void)snprintf(stem, cap, "%s-%u", time, ++*number);
        (void)snprintf(path, sizeof(path), "%s/%s.drill", i->out ? i->out : ".", stem);
    } while (i->out && lstat(path, &st) == 0);
}

static bool write_beside(const struct import *i, const char *name, struct drill_span bytes)
{
    char path[4096];
    struct drill_error err;
    int n = snprintf(path, sizeof(path), "%s/%s", i->out, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        cli_complain("import: %s: the name is too long", i->out);
        return false;
    }
    if (cli_write(path, bytes, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    return true;
}

/* Large values first: a scenario that is there is complete. */
static bool write_files(const struct import *i, const struct drill_import_talk *talk,
                        const char *stem, const struct drill_import_written *w)
{
    char name[300];
    (void)snprintf(name, sizeof(name), "%s.drill", stem);
    bool ok = true;
    for (const struct drill_import_file *f = w->files; f && ok; f = f->next) {
        ok = write_beside(i, f->name, drill_buf_span(&f->bytes));
    }
    ok = ok && write_beside(i, name, drill_buf_span(&w->text));
    if (ok) {
        (void)printf("%s/%s: %s%s%u frame%s, %u message%s%s\n", i->out, name, talk->label,
                     talk->label[0] ? "; " : "", w->frames, w->frames == 1 ? "" : "s", w->messages,
                     w->messages == 1 ? "" : "s", w->whole ? "" : "; not whole, see its comments");
    }
    return ok;
}

static bool print_one(const struct drill_import_written *w)
{
    if (w->wants_files) {
        cli_complain("import: this conversation has values that are too large for a line; "
                     "--out DIR says where their files go");
        return false;
    }
    return fwrite(w->text.ptr, 1, w->text.len, stdout) == w->text.len && fflush(stdout) == 0;
}

static bool write_talk(struct import *i, const struct drill_import_talk *talk, unsigned *number)
{
    struct drill_import_written w;
    struct drill_arena arena;
    char stem[64];
    cli_arena_init(&arena);
    stem_of(i, talk, number, stem, sizeof(stem));
    bool ok = drill_import_write(talk, stem, i->out != NULL, &arena, NULL, &w);
    if (!ok) {
        cli_complain("import: no memory for all of this conversation");
    } else {
        ok = i->out ? write_files(i, talk, stem, &w) : print_one(&w);
        i->partly = i->partly || !w.whole;
    }
    drill_import_written_fini(&w);
    drill_arena_fini(&arena);
    return ok;
}

static bool write_all(struct import *i)
{
    unsigned number = 0;
    bool ok = true;
    if (!i->out && i->im.count > 1) {
        cli_complain("import: %zu connections; --out DIR writes a file of each", i->im.count);
        return false;
    }
    if (i->out && mkdir(i->out, 0700) != 0 && errno != EEXIST) {
        cli_complain("import: %s: cannot be made: %s", i->out, strerror(errno));
        return false;
    }
    for (const struct drill_import_talk *t = i->im.talks; t && ok; t = t->next) {
        ok = write_talk(i, t, &number);
    }
    return ok;
}

static int import(struct import *i)
{
    bool read = read_all(i);
    tell_notes(i);
    if (i->im.no_memory) {
        cli_complain("import: no memory for all of it");
    }
    if (!read || i->im.count == 0 || !write_all(i)) {
        return EXIT_USAGE;
    }
    return i->partly || i->im.noted || i->im.no_memory ? EXIT_FAILED : EXIT_AS_EXPECTED;
}

/* ---- options ---- */

static bool port_of(const char *text, uint16_t *port)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (!*text || *end || n < 1 || n > 65535) {
        cli_complain("import: --port is a number from 1 to 65535, not `%s`", text);
        return false;
    }
    *port = (uint16_t)n;
    return true;
}

/* What is the case, for the table below. */
enum { STREAMS = 1, FILE_ONLY = 2 };

static const struct cli_idle idle[] = {
    {OWN_PORT, STREAMS,
     "with --from, --mta-stream or --milter-stream: the bytes of a connection "
     "have no port; it chooses in a capture"},
    {OWN_HEX, FILE_ONLY,
     "without --from mta|milter, or --mta-stream and --milter-stream: who sent "
     "these bytes?"},
    {0, 0, NULL},
};

static bool usable(const struct import *i, const struct cli_args *args)
{
    bool streams = i->mta || i->milter;
    if (i->from && strcmp(i->from, "mta") != 0 && strcmp(i->from, "milter") != 0) {
        cli_complain("import: --from is mta or milter, not `%s`", i->from);
        return false;
    }
    if (streams ? i->file || i->from : !i->file) {
        cli_complain(
            "import: it needs a file, or --mta-stream and --milter-stream; see milterdrill "
            "import --help");
        return false;
    }
    return cli_idle_none(args, idle, i->from || streams ? STREAMS : FILE_ONLY);
}

static bool option(struct import *i, int id, const char *value)
{
    switch (id) {
    case 0:
        if (i->file) {
            cli_complain("import: one file at a time; `%s` is the second", value);
            return false;
        }
        i->file = value;
        return true;
    case OWN_OUT: i->out = value; return true;
    case OWN_PORT: return port_of(value, &i->pick.port);
    case OWN_FROM: i->from = value; return true;
    case OWN_HEX: i->hex = true; return true;
    case OWN_MTA_STREAM: i->mta = value; return true;
    case OWN_MILTER_STREAM: i->milter = value; return true;
    default: return false;
    }
}

int cmd_import(int argc, char **argv)
{
    struct import i = {.out = NULL};
    struct cli_args args = {argc, argv, 1, false, words, "import", NULL};
    int id, code = EXIT_USAGE;
    bool ok = true;
    cli_arena_init(&i.arena);
    drill_import_init(&i.im, &i.arena);
    while (ok && (id = cli_next(&args)) != -1) {
        if (id == CLI_HELP) {
            (void)fputs(help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        }
        ok = option(&i, id, args.value);
    }
    if (ok && usable(&i, &args)) {
        code = import(&i);
    }
out:
    drill_arena_fini(&i.arena);
    return code;
}
