/* SPDX-License-Identifier: MIT */
/*
 * What one conversation came to, as far as two conversations can be compared by it: the signature
 * of an outcome. Made from what the runner saw (an observer) and from what the MTA's model
 * concluded; keeps counters and macros only.
 */
#ifndef DRILL_DIAGNOSE_SIGNATURE_H
#define DRILL_DIAGNOSE_SIGNATURE_H

#include "scenario/judged.h"

enum drill_symptom {
    DRILL_SYMPTOM_NONE,        /* the message was accepted */
    DRILL_SYMPTOM_REFUSED,     /* reject, tempfail or a reply code: the milter decided so */
    DRILL_SYMPTOM_DISCARDED,   /* accepted, and thrown away */
    DRILL_SYMPTOM_LOST,        /* the milter ended the connection before its verdict */
    DRILL_SYMPTOM_SILENT,      /* no reply within the MTA's limit */
    DRILL_SYMPTOM_MALFORMED,   /* bytes that are no frame, or a payload that cannot be read */
    DRILL_SYMPTOM_OVERSIZED,   /* a reply over the MTA's limit */
    DRILL_SYMPTOM_UNEXPECTED,  /* a reply that this MTA does not take there */
    DRILL_SYMPTOM_SURPLUS,     /* all seems well, but there is a reply too many: none is for what it
                                  was taken for */
    DRILL_SYMPTOM_UNREACHABLE, /* nobody took the connection */
    DRILL_SYMPTOM_UNKNOWN      /* not played (budget, interrupt) */
};

enum { DRILL_SIGNATURE_TEXT = 200, DRILL_SIGNATURE_NAME = 128, DRILL_SIGNATURE_MACROS = 48 };

struct drill_signature {
    enum drill_symptom symptom;
    uint8_t stage;                   /* DRILL_SMFIC_*: the command that was met by it */
    uint8_t reply;                   /* DRILL_SMFIR_*: the last reply of the milter; 0: none */
    uint16_t code;                   /* what the SMTP client is told; 0: no reply */
    char text[DRILL_SIGNATURE_TEXT]; /* ... in full, without line end; MALFORMED: what it was */
    enum drill_end end;              /* LOST: how, and the errno */
    int error;
    uint64_t in_flight;
    uint32_t frame;                    /* number of the last frame of ours */
    uint64_t frame_bytes;              /* its data bytes */
    char header[DRILL_SIGNATURE_NAME]; /* HEADER: its name, up to a NUL; "" else */
    uint64_t most_header;              /* the largest data of a header frame sent */
    uint64_t all_headers, all_body;    /* the data of all such frames */
    uint64_t most_reply;               /* the largest data of a reply */
    bool accepted_early;               /* an `accept` came before the end of the message */
    uint8_t accepted_at;               /* ... to this command */
    uint32_t surplus;                  /* replies too many, as far as it was looked */
    uint64_t elapsed;                  /* microseconds, of the conversation */
    uint64_t slowest;                  /* microseconds: the longest wait for a reply */
    uint8_t slowest_at;                /* ... to this command */
};

/* True when both failed alike: symptom, stage (header and body lines of one message are one stage,
 * so are its last chunk and its end), and of a refusal also reply and code. How a connection was
 * lost does not count: whether unread input shows as FIN or RST depends on timing. */
bool drill_signature_same(const struct drill_signature *a, const struct drill_signature *b);
/* Anything but NONE and UNKNOWN. */
bool drill_signature_failed(const struct drill_signature *s);
/* One sentence: "the milter reset the connection at `header "To"`, frame 12 (70,021 bytes of
 * data)". */
void drill_signature_say(const struct drill_signature *s, char *out, size_t cap);
const char *drill_symptom_word(enum drill_symptom symptom); /* "lost": of the JSON */

/* Watches one conversation: `drill_watch_seen` is the runner's observer, ctx the watch, which must
 * not move meanwhile. */
struct drill_watch {
    struct drill_signature sig;
    uint64_t begin, asked; /* when the last frame of ours had gone */
    bool begun, broken, quiet, ended;
    struct drill_judged judged;
    uint32_t max_reply; /* the MTA's limit; 0: none */
    size_t macros;
    struct {
        uint8_t code; /* the command before which it was sent first */
        char name[DRILL_SIGNATURE_NAME], value[DRILL_SIGNATURE_NAME];
    } macro[DRILL_SIGNATURE_MACROS]; /* that were sent; a long value is cut */
};

void drill_watch_init(struct drill_watch *w, uint32_t max_reply);
void drill_watch_seen(void *ctx, const struct drill_seen *seen);
/* `run` has ended (or was stopped). The signature is then in w->sig. */
void drill_watch_end(struct drill_watch *w, const struct drill_run *run, uint64_t now);
/* So many of the replies too many are this milter's way of saying goodbye. */
void drill_watch_forgive(struct drill_watch *w, uint32_t replies);

#endif
