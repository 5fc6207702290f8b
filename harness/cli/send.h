/* SPDX-License-Identifier: MIT */
/*
 * `send`: one message, one conversation, one verdict. cmd_send.c reads the options, send_setup.c
 * makes a client and a message of them, send_play.c plays and tells.
 */
#ifndef DRILL_CLI_SEND_H
#define DRILL_CLI_SEND_H

#include "cli/several.h"
#include "scenario/transcript.h"

/* Ids of the options that say what is sent. */
enum {
    SEND_MESSAGE = CLI_OWN,
    SEND_FROM,
    SEND_RCPT,
    SEND_ARG,
    SEND_CLIENT,
    SEND_CLIENT_NAME,
    SEND_HELO,
    SEND_MACRO,
    SEND_AUTH,
    SEND_SAVE,
    SEND_SHOW_MESSAGE,
    SEND_BEHIND /* the options of other commands that take these, too, begin here */
};

/* Their words, and those of the MTA that sends it. */
/* clang-format off */
#define SEND_WORDS                       \
    {"help", 'f', CLI_HELP},             \
    {"milter", 'v', CLI_MILTER},         \
    {"message", 'v', SEND_MESSAGE},      \
    {"from", 'v', SEND_FROM},            \
    {"rcpt", 'v', SEND_RCPT},            \
    {"arg", 'v', SEND_ARG},              \
    {"client", 'v', SEND_CLIENT},        \
    {"client-name", 'v', SEND_CLIENT_NAME}, \
    {"helo", 'v', SEND_HELO},            \
    {"auth", 'v', SEND_AUTH},            \
    {"macro", 'v', SEND_MACRO},          \
    {"mta", 'v', CLI_MTA},               \
    {"set", 'v', CLI_SET},               \
    {"tls-ca", 'v', CLI_TLS_CA},         \
    {"timeout", 'v', CLI_TIMEOUT}
/* clang-format on */

/* An ESMTP parameter (--arg). */
struct send_arg {
    const char *text;
    struct send_arg *next;
};

struct send_rcpt {
    const char *address;
    struct send_arg *args, **args_end;
    struct send_rcpt *next;
};

struct send {
    struct drill_arena arena;
    struct drill_arena reading; /* the message file, unless it was copied to have CRLF */
    struct cli_options options;
    const char *recording; /* instead of a message: a scenario whose setup says what is sent */
    const char *message, *from, *client_text, *client_name, *helo, *auth, *save;
    struct send_rcpt *rcpts, **rcpts_end, *last_rcpt;
    struct send_arg *from_args, **from_args_end;
    const struct drill_extra_macro *macros, **macros_end;

    struct cli_mta mta;
    struct drill_scene_side milter;
    struct drill_scene scene;
    struct drill_address address;
    char address_text[400];
    struct drill_file file; /* `...` */
    struct drill_step dots;

    struct drill_net *net;
    struct cli_tls tls;
    struct cli_stage stage;
    struct cli_several several;
    struct drill_buf out;
    struct drill_explain explain[DRILL_SEVERAL_MOST]; /* a milter */
    uint8_t speaking;                                 /* of several: whose frames were shown last */
    struct drill_transcript transcript;
    char stem[200];
    struct drill_show_style style;
    bool show_message;
    bool begun;
    uint64_t begin;
};

/* Nothing is set. The arena stays until send_close. */
void send_init(struct send *s);
/* One of its own options. False after an error that was printed. */
bool send_option(struct send *s, int id, const char *value);
/* False after an error that was printed. */
bool send_prepare(struct send *s);
/* The exit code. */
int send_play(struct send *s);
void send_close(struct send *s);

#endif
