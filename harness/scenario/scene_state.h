/* SPDX-License-Identifier: MIT */
/*
 * A scene while it is built, shared by scene.c (clients and messages) and scene_side.c (programs).
 */
#ifndef DRILL_SCENARIO_SCENE_STATE_H
#define DRILL_SCENARIO_SCENE_STATE_H

#include "scenario/scene.h"

/* `count=n`: n clients or messages of this kind; they share what the lines below it say. */
struct copies {
    struct drill_client *client;
    struct drill_envelope *message;
    uint64_t count;
    struct copies *next;
};

/* An `smtp` line: it belongs to the message or session above it, numbered when all are known. */
struct extra {
    struct drill_smtp_extra smtp; /* first: the list that scene.extras is */
    struct drill_client *client;
    struct drill_envelope *message;
    struct extra *newer; /* while they are handed out */
};

struct building {
    const struct drill_file *file;
    const char *name;
    const struct drill_loader *loader;
    struct drill_arena *arena;
    struct drill_error *err;
    struct drill_client **client_end, *client;
    struct drill_envelope **message_end, *message;
    struct copies *copies;
    struct drill_smtp_extra **extra_end;
    uint64_t bytes;
};

/* Gives the error its place in the file; returns `code`. */
enum drill_code scene_at(struct building *b, struct drill_pos pos, enum drill_code code);
enum drill_code scene_no_memory(struct building *b);
/* The bytes that a value stands for, in the arena. */
enum drill_code scene_value(struct building *b, const struct drill_value *v,
                            struct drill_span *out);

/* The file's line about that side; NULL: it does not say. */
const struct drill_setup *scene_side_line(const struct drill_file *file, enum drill_side side);
/* Its profile and settings. `line` and `given` may be NULL. */
enum drill_code scene_side(struct building *b, enum drill_side side, const struct drill_setup *line,
                           const struct drill_scene_side *given,
                           const struct drill_profile **profile, struct drill_settings *set);
/* The `before` and `after` lines. */
enum drill_code scene_neighbours(struct building *b, struct drill_scene *scene);

#endif
