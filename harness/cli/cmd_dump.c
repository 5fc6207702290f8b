/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/cli.h"
#include "scenario/import.h"
#include "wire/frame.h"
#include "wire/text.h"

enum { OWN_FROM = CLI_OWN, OWN_HEX };

static const struct cli_word words[] = {{"from", 'v', OWN_FROM},
                                        {"hex", 'f', OWN_HEX},
                                        {"verbose", 'f', CLI_VERBOSE},
                                        {"help", 'f', CLI_HELP},
                                        {NULL, 0, 0}};

static const char help[] =
    "usage: milterdrill dump --from mta|milter [--hex] [-v] FILE\n\n"
    "Shows one direction of a milter connection (- for stdin) as scenario notation, a frame a "
    "line.\n"
    "  --from mta|milter  who sent these bytes\n"
    "  --hex              FILE is text: hex digits, as xxd, hexdump -C or tcpdump -x print them\n"
    "  -v, --verbose      also offset and length of every frame\n\n"
    "Exit 0; 1 when the bytes are not framed to the end (the offset is named); 2 for a bad file.\n";

static void show(struct drill_buf *out, enum drill_dir dir, const struct drill_assembled *a,
                 bool verbose)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_text_frame(&measure, dir, a->frame.code, a->payload, 0);
    if (verbose) {
        drill_show_add(out, "# at byte %llu, length %u\n", (unsigned long long)a->frame.at,
                       a->frame.length);
    }
    if (drill_buf_reserve(out, measure.len + 1)) {
        struct drill_writer w = drill_writer_of(out->ptr + out->len, measure.len);
        drill_text_frame(&w, dir, a->frame.code, a->payload, 0);
        out->len += measure.len;
    }
    (void)drill_buf_append(out, drill_span_str("\n"));
}

static int dump(enum drill_dir dir, struct drill_span in, bool verbose, const char *path)
{
    struct drill_assembler as;
    struct drill_assembled a;
    struct drill_buf out;
    struct drill_error err;
    drill_buf_init(&out, NULL);
    drill_assemble_init(&as, NULL, UINT32_MAX, in.len);
    enum drill_assemble_kind kind;
    while ((kind = drill_assemble_next(&as, &in, &a)) > DRILL_ASSEMBLE_MORE) {
        if (kind == DRILL_ASSEMBLE_FRAME) {
            show(&out, dir, &a, verbose);
            cli_flush(&out);
        }
    }
    int code = EXIT_AS_EXPECTED;
    if (drill_frame_finish(&as.parser) != DRILL_FRAME_OK) {
        (void)drill_frame_error(&as.parser, &err);
        drill_error_at(&err, path, 0, 0);
        cli_error(&err);
        code = EXIT_FAILED;
    }
    drill_assemble_fini(&as);
    drill_buf_fini(&out);
    return code;
}

static bool side(const char *text, enum drill_dir *dir)
{
    if (strcmp(text, "mta") == 0) {
        *dir = DRILL_TO_MILTER;
    } else if (strcmp(text, "milter") == 0) {
        *dir = DRILL_TO_MTA;
    } else {
        cli_complain("dump: --from is mta or milter, not `%s`", text);
        return false;
    }
    return true;
}

int cmd_dump(int argc, char **argv)
{
    struct drill_arena arena;
    struct drill_buf bytes;
    struct cli_args args = {argc, argv, 1, false, words, "dump", NULL};
    struct drill_hex_result result = {.odd_line = 0};
    struct drill_error err;
    struct drill_span in;
    const char *path = NULL, *from = NULL;
    bool hex = false, verbose = false, ok = true;
    enum drill_dir dir = DRILL_TO_MILTER;
    int id, code = EXIT_USAGE;
    cli_arena_init(&arena);
    drill_buf_init(&bytes, NULL);
    while (ok && (id = cli_next(&args)) != -1) {
        switch (id) {
        case 0:
            ok = !path;
            if (!ok) {
                cli_complain("dump: one file at a time; `%s` is the second", args.value);
            }
            path = args.value;
            break;
        case OWN_FROM: from = args.value; break;
        case OWN_HEX: hex = true; break;
        case CLI_VERBOSE: verbose = true; break;
        case CLI_HELP:
            (void)fputs(help, stdout);
            code = EXIT_AS_EXPECTED;
            goto out;
        default: ok = false; break;
        }
    }
    if (ok && (!path || !from)) {
        cli_complain("dump: it needs --from mta|milter and a file; see milterdrill dump --help");
    } else if (ok && side(from, &dir)) {
        if (cli_read(path, &arena, &in, &err) != DRILL_OK) {
            cli_error(&err);
            goto out;
        }
        if (hex) {
            if (!drill_import_hex(in, &bytes, &result)) {
                cli_complain("dump: no memory for %s", path);
                goto out;
            }
            in = drill_buf_span(&bytes);
        }
        code = dump(dir, in, verbose, path);
        if (result.odd_line) {
            cli_complain("dump: %s:%u: the rest of this line is no hex digits and left out", path,
                         result.odd_line);
            code = EXIT_FAILED;
        }
    }
out:
    drill_buf_fini(&bytes);
    drill_arena_fini(&arena);
    return code;
}
