/* SPDX-License-Identifier: MIT */
/*
 * The plainest filter that libmilter can make: every callback is there and answers CONTINUE.
 *
 *     libmilter_filter inet:PORT@127.0.0.1 [log] [header=NAME:VALUE] [body=TEXT] [end=VERDICT]
 *     libmilter_filter version
 *
 * Prints "ready" once it listens; with `log`, then one line a callback. With the other words it
 * adds that header at the end of each message, replaces its body, and answers accept, reject or
 * discard. ci/peers/libmilter.py builds it with the system's compiler and libmilter when a test or
 * a benchmark needs it.
 */
#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool logging;
static char *add_name, *add_value, *new_body;
static sfsistat at_end = SMFIS_CONTINUE;

static sfsistat say(const char *callback, const char *text)
{
    if (logging) {
        printf("%s %s\n", callback, text ? text : "");
        fflush(stdout);
    }
    return SMFIS_CONTINUE;
}

static sfsistat say_size(const char *callback, size_t size)
{
    char text[32];
    snprintf(text, sizeof text, "%zu", size);
    return say(callback, text);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)ctx;
    (void)address;
    return say("connect", host);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    (void)ctx;
    return say("helo", name);
}

static sfsistat on_mail(SMFICTX *ctx, char **args)
{
    (void)ctx;
    return say("mail", args[0]);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **args)
{
    (void)ctx;
    return say("rcpt", args[0]);
}

static sfsistat on_data(SMFICTX *ctx)
{
    (void)ctx;
    return say("data", NULL);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
    (void)ctx;
    return say("unknown", command);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    (void)ctx;
    say("header", name);
    return say_size("value", strlen(value));
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    (void)ctx;
    return say("eoh", NULL);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t size)
{
    (void)ctx;
    (void)data;
    return say_size("body", size);
}

static sfsistat on_bodyeob(SMFICTX *ctx)
{
    if (add_name && smfi_addheader(ctx, add_name, add_value) != MI_SUCCESS) {
        return SMFIS_TEMPFAIL;
    }
    if (new_body &&
        smfi_replacebody(ctx, (unsigned char *)new_body, (int)strlen(new_body)) != MI_SUCCESS) {
        return SMFIS_TEMPFAIL;
    }
    say("bodyeob", NULL);
    return at_end;
}

static bool take_word(char *word)
{
    if (strcmp(word, "log") == 0) {
        logging = true;
    } else if (strncmp(word, "header=", 7) == 0 && strchr(word, ':')) {
        add_name = word + 7;
        add_value = strchr(word, ':') + 1;
        add_value[-1] = '\0';
    } else if (strncmp(word, "body=", 5) == 0) {
        new_body = word + 5;
    } else if (strncmp(word, "end=", 4) == 0) {
        at_end = strcmp(word + 4, "reject") == 0    ? SMFIS_REJECT
                 : strcmp(word + 4, "discard") == 0 ? SMFIS_DISCARD
                                                    : SMFIS_ACCEPT;
    } else {
        return false;
    }
    return true;
}

static sfsistat on_abort(SMFICTX *ctx)
{
    (void)ctx;
    return say("abort", NULL);
}

static sfsistat on_close(SMFICTX *ctx)
{
    (void)ctx;
    return say("close", NULL);
}

static int print_version(void)
{
    unsigned int major = 0, minor = 0, patch = 0;
    smfi_version(&major, &minor, &patch);
    printf("libmilter API %u.%u.%u\n", major, minor, patch);
    return 0;
}

int main(int argc, char **argv)
{
    struct smfiDesc filter = {
        .xxfi_name = "milterdrill-plain",
        .xxfi_version = SMFI_VERSION,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_data = on_data,
        .xxfi_unknown = on_unknown,
        .xxfi_header = on_header,
        .xxfi_eoh = on_eoh,
        .xxfi_body = on_body,
        .xxfi_eom = on_bodyeob,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
    };
    if (argc < 2) {
        fprintf(stderr, "usage: libmilter_filter ADDRESS [WORD...]\n");
        return 2;
    }
    if (strcmp(argv[1], "version") == 0) {
        return print_version();
    }
    for (int i = 2; i < argc; i++) {
        if (!take_word(argv[i])) {
            fprintf(stderr, "libmilter_filter: what is %s?\n", argv[i]);
            return 2;
        }
    }
    filter.xxfi_flags = (add_name ? SMFIF_ADDHDRS : 0UL) | (new_body ? SMFIF_CHGBODY : 0UL);
    if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(filter) != MI_SUCCESS ||
        smfi_opensocket(false) != MI_SUCCESS) {
        fprintf(stderr, "libmilter_filter: cannot listen on %s\n", argv[1]);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
