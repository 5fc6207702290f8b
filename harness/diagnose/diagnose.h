/* SPDX-License-Identifier: MIT */
/*
 * Why does this message fail with this milter? Reproduces the failure, varies one factor at a time,
 * reduces the message to what is needed for it, finds the number at which a quantity begins to
 * fail, and says all of it as data; report/ puts it into words and JSON.
 *
 * The caller owns all that the question points to; the answer lives in the question's arena.
 */
#ifndef DRILL_DIAGNOSE_DIAGNOSE_H
#define DRILL_DIAGNOSE_DIAGNOSE_H

#include "diagnose/lab.h"

struct drill_question {
    struct drill_subject subject;
    int error;         /* only a loss with this errno is looked for; 0: any failure */
    unsigned symptoms; /* only these are looked for, as bits 1 << DRILL_SYMPTOM_*; 0: any */
    const struct drill_lab_ops *ops;
    uint32_t sessions;     /* budget */
    uint64_t microseconds; /* budget; 0: none */
    struct drill_arena *arena;
};

enum drill_outcome_kind {
    DRILL_DIAGNOSED,      /* it fails, always in the same way */
    DRILL_FLAKY,          /* it fails now and then */
    DRILL_NOT_REPRODUCED, /* it does not fail */
    DRILL_NO_PEER         /* nobody took a connection */
};

/* What it hangs on. The words of the JSON are drill_trigger_word's. */
enum drill_trigger_kind {
    DRILL_TRIGGER_FRAME_SIZE,   /* data bytes of one frame: quantity */
    DRILL_TRIGGER_HEADER_SIZE,  /* bytes of all headers: quantity */
    DRILL_TRIGGER_HEADER_COUNT, /* quantity; with `header`: of those of this name */
    DRILL_TRIGGER_HEADER_NAME,  /* `header`, whatever its value */
    DRILL_TRIGGER_NAME_SIZE,    /* bytes of a header's name: quantity */
    DRILL_TRIGGER_HEADER_BYTES, /* `bytes` in the value of `header` */
    DRILL_TRIGGER_NAME_BYTES,   /* `bytes` in a header's name */
    DRILL_TRIGGER_BODY_BYTES,   /* `bytes` in the body */
    DRILL_TRIGGER_BODY_CHUNKS,  /* `bytes` in the body, where one chunk ends and the next begins */
    DRILL_TRIGGER_BODY_SIZE,    /* quantity */
    DRILL_TRIGGER_LINE_LENGTH,  /* of one line of the body: quantity */
    DRILL_TRIGGER_LINES,        /* number of lines of the body: quantity */
    DRILL_TRIGGER_PARTS,        /* number of MIME parts: quantity */
    DRILL_TRIGGER_EMPTY_BODY,
    DRILL_TRIGGER_RECIPIENTS, /* quantity */
    DRILL_TRIGGER_RECIPIENT,  /* `bytes`: its address */
    DRILL_TRIGGER_SENDER,     /* `bytes` */
    DRILL_TRIGGER_ARGUMENT,   /* `bytes`: an ESMTP parameter; of `name` the value: quantity */
    DRILL_TRIGGER_VERSION,    /* quantity: protocol version */
    DRILL_TRIGGER_ACTIONS,
    DRILL_TRIGGER_STEPS,
    DRILL_TRIGGER_MACRO,   /* `name` */
    DRILL_TRIGGER_MACROS,  /* that there are any, or none */
    DRILL_TRIGGER_FAMILY,  /* of the client's address */
    DRILL_TRIGGER_ADDRESS, /* the client's */
    DRILL_TRIGGER_CLIENT_NAME,
    DRILL_TRIGGER_HELO,
    DRILL_TRIGGER_PACE,
    DRILL_TRIGGER_TIME,  /* quantity: microseconds until the reply */
    DRILL_TRIGGER_ALWAYS /* any message that was tried meets it */
};

struct drill_trigger {
    enum drill_trigger_kind kind;
    uint8_t stage; /* DRILL_SMFIC_* */
    bool has_header;
    char header[DRILL_SIGNATURE_NAME]; /* in which it was met; its name may be empty */
    bool any_header;                   /* a header of another name does it, too */
    char name[DRILL_SIGNATURE_NAME];   /* a macro's name, a value */
    const char *quantity;              /* "bytes of data in one frame"; NULL: none */
    bool measured;                     /* both numbers below were seen in sessions */
    uint64_t largest_pass, smallest_fail;
    struct drill_span bytes; /* what triggers it, in full */
    bool mended_by;          /* the trigger is that something is missing */
    struct drill_trigger *next;
};

/* A suspect, with the experiment that it was ruled out by. */
struct drill_suspect {
    const char *suspect;                 /* "protocol version" */
    char experiment[DRILL_LAB_WHAT * 2]; /* "" : not tried */
    bool ruled_out;                      /* false: not tried, or not decided */
    uint32_t sessions;
    struct drill_suspect *next;
};

struct drill_diagnosis {
    enum drill_outcome_kind outcome;
    bool deterministic;
    uint32_t played, failed;             /* of the case itself: its rate */
    uint32_t plain_played, plain_failed; /* FLAKY: of a harmless message */
    struct drill_signature sig;
    struct drill_trigger *triggers; /* all needed together */
    struct drill_suspect *suspects;
    struct drill_experiment *experiments;
    struct drill_subject minimal; /* fails alike; the whole subject if nothing could be taken off */
    bool reduced;
    bool complete; /* false: budget, interrupt: the best answer so far */
    bool spent;
    uint32_t sessions;
    uint64_t elapsed;
    uint64_t most_reply, slowest;
};

/* DRILL_ERR_MEMORY, or DRILL_OK: then *out is filled, whatever was found. */
enum drill_code drill_diagnose(const struct drill_question *q, struct drill_diagnosis *out,
                               struct drill_error *err);

const char *drill_trigger_word(enum drill_trigger_kind kind); /* "frame-size" */

#endif
