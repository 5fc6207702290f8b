/* SPDX-License-Identifier: MIT */
/*
 * A plain filter on the system's libmilter. By itself it has every callback, asks for nothing and
 * answers CONTINUE; each word changes one thing:
 *
 *     libmilter_filter inet:PORT@127.0.0.1 [WORD...]
 *     libmilter_filter version
 *
 *     log                      one line a callback
 *     no=CALLBACK              this callback is NULL, which libmilter turns into protocol steps
 *     CALLBACK=VERDICT         continue, accept, reject, tempfail, discard, skip, noreply
 *                              or a reply "550 5.7.1 text"
 *     actions=N  steps=N       SMFIF_ and SMFIP_ bits, as C has numbers; steps= makes it negotiate
 *                              by itself
 *     addheader=NAME:VALUE     and insheader=INDEX:NAME:VALUE, chgheader=INDEX:NAME:VALUE,
 *                              addrcpt=ADDR, delrcpt=ADDR, chgfrom=ADDR, replacebody=TEXT,
 *                              quarantine=REASON, progress= : done at bodyeob, in this order
 *
 * CALLBACK: connect helo mail rcpt data unknown header eoh body bodyeob abort close. Prints "ready"
 * once it listens. ci/peers/libmilter.py builds it with the system's compiler and libmilter when a
 * test or a benchmark needs it.
 */
#include <libmilter/mfapi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum callback {
    CONNECT,
    HELO,
    MAIL,
    RCPT,
    DATA,
    UNKNOWN,
    HEADER,
    EOH,
    BODY,
    BODYEOB,
    ABORT,
    CLOSE,
    CALLBACKS
};

enum { REPLY_SIZE = 256 };

static const char *const names[CALLBACKS] = {"connect", "helo",    "mail",   "rcpt",
                                             "data",    "unknown", "header", "eoh",
                                             "body",    "bodyeob", "abort",  "close"};

/* What the words said: libmilter's callbacks are given nothing of the caller's. */
static struct {
    bool logging;
    bool absent[CALLBACKS];
    const char *verdict[CALLBACKS];
    bool negotiates;
    unsigned long steps;
    unsigned long actions;
    char **words;
} settings;

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The callback of a name that ends at `end`; CALLBACKS when there is none. */
static enum callback find_callback(const char *name, const char *end)
{
    int i = 0;
    while (i < CALLBACKS && (strlen(names[i]) != (size_t)(end - name) || !starts(name, names[i]))) {
        i++;
    }
    return (enum callback)i;
}

/* "550 5.7.1 text" becomes the reply, and REJECT or TEMPFAIL what lets it be sent. */
static sfsistat reply_code(SMFICTX *ctx, const char *verdict)
{
    char line[REPLY_SIZE];
    char *code, *extended, *rest;
    snprintf(line, sizeof line, "%s", verdict);
    code = strtok_r(line, " ", &rest);
    extended = strtok_r(NULL, " ", &rest);
    if (!code || !extended || smfi_setreply(ctx, code, extended, rest) != MI_SUCCESS) {
        printf("no reply: %s\n", verdict);
    }
    return verdict[0] == '4' ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

static sfsistat verdict_of(SMFICTX *ctx, enum callback callback)
{
    static const struct {
        const char *name;
        sfsistat status;
    } verdicts[] = {{"continue", SMFIS_CONTINUE}, {"accept", SMFIS_ACCEPT},
                    {"reject", SMFIS_REJECT},     {"tempfail", SMFIS_TEMPFAIL},
                    {"discard", SMFIS_DISCARD},   {"skip", SMFIS_SKIP},
                    {"noreply", SMFIS_NOREPLY}};
    const char *wanted = settings.verdict[callback];
    size_t i;
    for (i = 0; wanted && i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (strcmp(wanted, verdicts[i].name) == 0) {
            return verdicts[i].status;
        }
    }
    return wanted ? reply_code(ctx, wanted) : SMFIS_CONTINUE;
}

static sfsistat say(SMFICTX *ctx, enum callback callback, const char *text)
{
    if (settings.logging) {
        printf("%s %s\n", names[callback], text ? text : "");
        fflush(stdout);
    }
    return verdict_of(ctx, callback);
}

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *address)
{
    (void)address;
    return say(ctx, CONNECT, host);
}

static sfsistat on_helo(SMFICTX *ctx, char *name)
{
    return say(ctx, HELO, name);
}

static sfsistat on_mail(SMFICTX *ctx, char **args)
{
    return say(ctx, MAIL, args[0]);
}

static sfsistat on_rcpt(SMFICTX *ctx, char **args)
{
    return say(ctx, RCPT, args[0]);
}

static sfsistat on_data(SMFICTX *ctx)
{
    return say(ctx, DATA, NULL);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
    return say(ctx, UNKNOWN, command);
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
    sfsistat status = say(ctx, HEADER, name);
    if (settings.logging) {
        printf("value %zu\n", strlen(value));
        fflush(stdout);
    }
    return status;
}

static sfsistat on_eoh(SMFICTX *ctx)
{
    return say(ctx, EOH, NULL);
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t size)
{
    char text[32];
    (void)data;
    snprintf(text, sizeof text, "%zu", size);
    return say(ctx, BODY, text);
}

/* What stands behind the first colon of `text`, which ends there now; NULL when there is none. */
static char *cut_at_colon(char *text)
{
    char *colon = text ? strchr(text, ':') : NULL;
    if (colon) {
        *colon++ = '\0';
    }
    return colon;
}

/* insheader and chgheader: INDEX:NAME:VALUE. An empty value of chgheader deletes. */
static int modify_header(SMFICTX *ctx, bool insert, char *index)
{
    char *name = cut_at_colon(index);
    char *value = cut_at_colon(name);
    if (!value) {
        return MI_FAILURE;
    }
    return insert ? smfi_insheader(ctx, (int)strtol(index, NULL, 10), name, value)
                  : smfi_chgheader(ctx, name, strtol(index, NULL, 10), *value ? value : NULL);
}

static int modify(SMFICTX *ctx, const char *what, char *value)
{
    if (strcmp(what, "addheader") == 0) {
        char *text = cut_at_colon(value);
        return text ? smfi_addheader(ctx, value, text) : MI_FAILURE;
    }
    if (strcmp(what, "insheader") == 0 || strcmp(what, "chgheader") == 0) {
        return modify_header(ctx, what[0] == 'i', value);
    }
    if (strcmp(what, "addrcpt") == 0) {
        return smfi_addrcpt(ctx, value);
    }
    if (strcmp(what, "delrcpt") == 0) {
        return smfi_delrcpt(ctx, value);
    }
    if (strcmp(what, "chgfrom") == 0) {
        return smfi_chgfrom(ctx, value, NULL);
    }
    if (strcmp(what, "replacebody") == 0) {
        return smfi_replacebody(ctx, (unsigned char *)value, (int)strlen(value));
    }
    if (strcmp(what, "quarantine") == 0) {
        return smfi_quarantine(ctx, value);
    }
    return strcmp(what, "progress") == 0 ? smfi_progress(ctx) : MI_SUCCESS;
}

static sfsistat on_bodyeob(SMFICTX *ctx)
{
    char **word;
    for (word = settings.words; *word; word++) {
        char *copy = strdup(*word);
        char *value = copy ? strchr(copy, '=') : NULL;
        if (value) {
            *value = '\0';
            if (modify(ctx, copy, value + 1) != MI_SUCCESS) {
                printf("refused %s\n", *word);
                fflush(stdout);
            }
        }
        free(copy);
    }
    return say(ctx, BODYEOB, NULL);
}

static sfsistat on_abort(SMFICTX *ctx)
{
    return say(ctx, ABORT, NULL);
}

static sfsistat on_close(SMFICTX *ctx)
{
    return say(ctx, CLOSE, NULL);
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2,
                             unsigned long f3, unsigned long *pf0, unsigned long *pf1,
                             unsigned long *pf2, unsigned long *pf3)
{
    (void)ctx;
    (void)f2;
    (void)f3;
    *pf0 = settings.actions & f0;
    *pf1 = settings.steps & f1;
    *pf2 = *pf3 = 0;
    return SMFIS_CONTINUE;
}

static int print_version(void)
{
    unsigned int major = 0, minor = 0, patch = 0;
    smfi_version(&major, &minor, &patch);
    printf("libmilter API %u.%u.%u\n", major, minor, patch);
    return 0;
}

/* One word into the settings; false when it is none. Modifications wait for their moment. */
static bool take_word(const char *word)
{
    static const char *const modifications[] = {
        "addheader=", "insheader=",  "chgheader=",   "addrcpt=", "delrcpt=",
        "chgfrom=",   "quarantine=", "replacebody=", "progress="};
    const char *value = strchr(word, '=');
    size_t i;
    if (!value) {
        settings.logging |= strcmp(word, "log") == 0;
        return strcmp(word, "log") == 0;
    }
    for (i = 0; i < sizeof modifications / sizeof modifications[0]; i++) {
        if (starts(word, modifications[i])) {
            return true;
        }
    }
    if (starts(word, "no=")) {
        enum callback callback = find_callback(value + 1, word + strlen(word));
        if (callback < CALLBACKS) {
            settings.absent[callback] = true;
        }
        return callback < CALLBACKS;
    }
    if (starts(word, "actions=")) {
        settings.actions = strtoul(value + 1, NULL, 0);
    } else if (starts(word, "steps=")) {
        settings.steps = strtoul(value + 1, NULL, 0);
        settings.negotiates = true;
    } else {
        enum callback callback = find_callback(word, value);
        if (callback == CALLBACKS) {
            return false;
        }
        settings.verdict[callback] = value + 1;
    }
    return true;
}

static struct smfiDesc describe(void)
{
    const bool *absent = settings.absent;
    struct smfiDesc filter = {
        .xxfi_name = "milterdrill-plain",
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = settings.actions,
        .xxfi_connect = absent[CONNECT] ? NULL : on_connect,
        .xxfi_helo = absent[HELO] ? NULL : on_helo,
        .xxfi_envfrom = absent[MAIL] ? NULL : on_mail,
        .xxfi_envrcpt = absent[RCPT] ? NULL : on_rcpt,
        .xxfi_data = absent[DATA] ? NULL : on_data,
        .xxfi_unknown = absent[UNKNOWN] ? NULL : on_unknown,
        .xxfi_header = absent[HEADER] ? NULL : on_header,
        .xxfi_eoh = absent[EOH] ? NULL : on_eoh,
        .xxfi_body = absent[BODY] ? NULL : on_body,
        .xxfi_eom = absent[BODYEOB] ? NULL : on_bodyeob,
        .xxfi_abort = absent[ABORT] ? NULL : on_abort,
        .xxfi_close = absent[CLOSE] ? NULL : on_close,
        .xxfi_negotiate = settings.negotiates ? on_negotiate : NULL,
    };
    return filter;
}

int main(int argc, char **argv)
{
    int i;
    if (argc < 2) {
        fprintf(stderr, "usage: libmilter_filter ADDRESS [WORD...]\n");
        return 2;
    }
    if (strcmp(argv[1], "version") == 0) {
        return print_version();
    }
    settings.words = argv + 2;
    for (i = 2; i < argc; i++) {
        if (!take_word(argv[i])) {
            fprintf(stderr, "libmilter_filter: no word: %s\n", argv[i]);
            return 2;
        }
    }
    if (smfi_setconn(argv[1]) != MI_SUCCESS || smfi_register(describe()) != MI_SUCCESS ||
        smfi_opensocket(false) != MI_SUCCESS) {
        fprintf(stderr, "libmilter_filter: cannot listen on %s\n", argv[1]);
        return 1;
    }
    printf("ready\n");
    fflush(stdout);
    return smfi_main() == MI_SUCCESS ? 0 : 1;
}
