/* SPDX-License-Identifier: MIT */
/*
 * Profiles: how a real program behaves, as data plus small functions, each fact with its source.
 * A profile drives an autopilot when the side is ours, and is a model when it plays alone.
 *
 * Settings go by the program's own names (`--set timeoutData=5s`, `mta stalwart version=2`), plus
 * four words that every profile takes: version, actions, protocol, timeout.
 */
#ifndef DRILL_SESSION_PROFILE_H
#define DRILL_SESSION_PROFILE_H

#include "base/arena.h"
#include "base/error.h"
#include "session/state.h"

enum drill_side { DRILL_SIDE_MTA, DRILL_SIDE_MILTER };

/* Stages of Stalwart's MtaMilter at which it runs a milter. */
enum {
    DRILL_RUN_CONNECT = 1,
    DRILL_RUN_EHLO = 2,
    DRILL_RUN_AUTH = 4,
    DRILL_RUN_MAIL = 8,
    DRILL_RUN_RCPT = 16,
    DRILL_RUN_DATA = 32
};

/* Commands to which a milter can be set to answer otherwise than by `continue`. */
enum {
    DRILL_VERDICT_CONNECT,
    DRILL_VERDICT_HELO,
    DRILL_VERDICT_MAIL,
    DRILL_VERDICT_RCPT,
    DRILL_VERDICT_DATA,
    DRILL_VERDICT_HEADER,
    DRILL_VERDICT_EOH,
    DRILL_VERDICT_BODY,
    DRILL_VERDICTS
};

/* What a milter said to one command, for a model that stands for a recorded one. */
struct drill_milter_answer {
    uint8_t command; /* DRILL_SMFIC_* */
    uint32_t count;  /* of replies; 0: the profile's own stay */
    const struct drill_message *replies;
    const struct drill_milter_answer *next;
};

struct drill_settings {
    /* both sides */
    uint32_t version;
    uint32_t actions;
    uint32_t protocol;
    bool macros_none;   /* send no macro frames */
    bool pace_original; /* two writes, Nagle: as the program does; default: prompt */
    uint32_t chunk;     /* most body bytes of a frame that is sent; 0: the program's 65535 */
    /* MTA */
    uint64_t timeout_connect; /* microseconds, as all times here */
    uint64_t timeout_command;
    uint64_t timeout_data;
    uint32_t max_response;
    bool temp_fail_on_error;
    uint32_t stages; /* DRILL_RUN_* */
    bool enabled;
    bool use_tls;
    bool allow_invalid_certs;
    bool proxied; /* Stalwart: its clients come through a proxy that says who they are */
    struct drill_span hostname; /* of the milter, from an MTA's configuration; empty: unset */
    uint16_t port;
    struct drill_span server_name; /* macro {j}; default mx.example.com */
    struct drill_span program;     /* {daemon_name} and the like: "Stalwart v0.16.19" */
    struct drill_span listener;    /* for `enable = "listener == 'smtp'"` */
    struct drill_span id;          /* the milter's name in the MTA's log */
    uint8_t on_error;     /* DRILL_SMFIR_ACCEPT, TEMPFAIL, REJECT, QUARANTINE or SHUTDOWN: what an
                             MTA makes of a milter that fails (Stalwart: temp_fail_on_error) */
    uint64_t timeout_eom; /* Sendmail: from the end of the body to the verdict; 0: no limit */
    /* milter; timeout_data is how long it waits for a command */
    uint32_t max_data;                /* most data bytes of a frame that it takes */
    uint8_t eom_reply;                /* DRILL_SMFIR_*: its verdict at the end of a message */
    uint8_t action;                   /* rspamd: what its checks come to (rspamd.c) */
    uint8_t verdicts[DRILL_VERDICTS]; /* DRILL_SMFIR_*, by DRILL_VERDICT_*; 0: continue */
    struct drill_span
        add_name; /* libmilter: a header that its filter adds at the end; empty: none */
    struct drill_span add_value;
    struct drill_span new_body; /* ... and what it replaces the body with; empty: nothing */
    const struct drill_milter_answer *answers; /* of a recording: what it says, command by command,
                                           where it owes an answer; NULL: as the profile */
};

struct drill_mta_ops;    /* mta_ops.h: what a family of MTAs gives to the autopilot */
struct drill_milter_ops; /* milter_ops.h: the same for milters */

struct drill_profile {
    const char *name;    /* "stalwart", "libmilter", "clamav-milter" */
    const char *family;  /* "stalwart", "libmilter": the program whose behaviour it is */
    const char *summary; /* one line with version, for --help */
    enum drill_side side;
    void (*defaults)(struct drill_settings *s);
    /* One setting of the program's own. DRILL_ERR_NOTFOUND: no such key (text names the nearest);
     * DRILL_ERR_VALUE: not a value for it. `value` is text: 30s, 0x42, true, "a,b". */
    enum drill_code (*set)(struct drill_settings *s, struct drill_span key, struct drill_span value,
                           struct drill_arena *arena, struct drill_error *err);
    const struct drill_mta_ops *mta; /* by side: one of the two, the other is NULL */
    const struct drill_milter_ops *milter;
};

/* NULL when there is none; drill_profile_nearest then names the closest. */
const struct drill_profile *drill_profile_find(enum drill_side side, struct drill_span name);
const char *drill_profile_nearest(enum drill_side side, struct drill_span name);
const struct drill_profile *const *drill_profiles(size_t *count);
/* The words of all profiles first (version, actions, protocol, timeout, macros=none|profile,
 * pace=prompt|original), then the profile's own, with which recorded answers are no longer what it
 * says. Same returns as `set`. */
enum drill_code drill_profile_set(const struct drill_profile *p, struct drill_settings *s,
                                  struct drill_span key, struct drill_span value,
                                  struct drill_arena *arena, struct drill_error *err);

/* Value texts, shared by the profiles. False when the text is none. */
bool drill_setting_u32(struct drill_span text, uint32_t *out); /* 66, 0x42 */
bool drill_setting_duration(struct drill_span text,
                            uint64_t *out);                 /* 30s, 500ms, 1min, m h d; µs */
bool drill_setting_bool(struct drill_span text, bool *out); /* true, false */
bool drill_setting_flags(struct drill_span text, bool actions,
                         uint32_t *out); /* addhdrs,chgbody; 0xff */

#endif
