/* SPDX-License-Identifier: MIT */
/*
 * The setup lines of a scenario, made into what plays it: two profiles with their settings, and
 * what the SMTP clients do. What the command line says about a side goes before the file's profile
 * and after its keys.
 */
#ifndef DRILL_SCENARIO_SCENE_H
#define DRILL_SCENARIO_SCENE_H

#include "scenario/parse.h"
#include "session/profile.h"
#include "session/smtp.h"
#include "session/traffic.h"

/* Most bytes that headers, body and files of one message may have together. */
#define DRILL_SCENE_BYTES ((uint64_t)256 << 20)

/* One `--set key=value`. */
struct drill_override {
    struct drill_span key, value;
    const struct drill_override *next;
};

/* What the command line says about one side. */
struct drill_scene_side {
    const struct drill_profile *profile;   /* NULL: the file's, or the default */
    const struct drill_settings *settings; /* instead of the profile's defaults; may be NULL */
    const struct drill_override *sets;
};

/* Another milter of the same MTA: a `before` or `after` line. */
struct drill_neighbour {
    bool before; /* the MTA asks it before the one that the file is about */
    const struct drill_profile *milter;
    struct drill_settings settings;
    struct drill_neighbour *next;
};

struct drill_scene {
    const struct drill_profile *mta, *milter;
    struct drill_settings mta_settings, milter_settings;
    struct drill_client *traffic;
    struct drill_smtp_extra *extras;    /* the `smtp` lines */
    bool secure;                        /* a client has `tls` */
    struct drill_neighbour *neighbours; /* those before it first; each kind in the file's order */
    bool tls;                           /* the `tls` line: on the milter connection */
    struct drill_span tls_cert;         /* its cert=, or "good" */
};

/* `file` may be NULL: defaults. Errors carry the place in the file, or none for an override.
 * DRILL_ERR_NOTFOUND (profile, key), DRILL_ERR_VALUE, DRILL_ERR_SYNTAX (a message file),
 * DRILL_ERR_LIMIT, DRILL_ERR_MEMORY. */
enum drill_code drill_scene_build(const struct drill_file *file, const char *name,
                                  const struct drill_loader *loader,
                                  const struct drill_scene_side *mta,
                                  const struct drill_scene_side *milter, struct drill_arena *arena,
                                  struct drill_scene *scene, struct drill_error *err);
/* An `smtp` line that no MTA's model knows what to do with. NULL: there is none. */
const struct drill_smtp_extra *drill_scene_unmodelled(const struct drill_scene *scene);
/* A client with the default's address, port and names, and no message. NULL: no memory. */
struct drill_client *drill_scene_client(struct drill_arena *arena);

#endif
