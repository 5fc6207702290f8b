/* SPDX-License-Identifier: MIT */
/* The lines of a scenario that name programs: `mta`, `milter`, and the other milters of that MTA.
 */
#include "scenario/recorded.h"
#include "scenario/scene_state.h"

static const char DEFAULT_MTA[] = "postfix";
static const char DEFAULT_MILTER[] = "libmilter";

const struct drill_setup *scene_side_line(const struct drill_file *file, enum drill_side side)
{
    enum drill_setup_kind kind = side == DRILL_SIDE_MTA ? DRILL_SETUP_MTA : DRILL_SETUP_MILTER;
    for (const struct drill_setup *s = file ? file->setup : NULL; s; s = s->next) {
        if (s->kind == kind) {
            return s;
        }
    }
    return NULL;
}

static enum drill_code find_profile(struct building *b, enum drill_side side,
                                    const struct drill_setup *line,
                                    const struct drill_scene_side *given,
                                    const struct drill_profile **out)
{
    if (given && given->profile) {
        *out = given->profile;
        return DRILL_OK;
    }
    const char *fallback = side == DRILL_SIDE_MTA ? DEFAULT_MTA : DEFAULT_MILTER;
    struct drill_span name = line ? line->text : drill_span_str(fallback);
    *out = drill_profile_find(side, name);
    if (*out) {
        return DRILL_OK;
    }
    const char *near = drill_profile_nearest(side, name);
    drill_error_set(b->err, DRILL_ERR_NOTFOUND, "there is no profile `%.*s` for this side%s%s%s",
                    (int)name.len, (const char *)name.ptr, near ? "; did you mean `" : "",
                    near ? near : "", near ? "`?" : "");
    return scene_at(b, line->pos, DRILL_ERR_NOTFOUND);
}

enum drill_code scene_side(struct building *b, enum drill_side side, const struct drill_setup *line,
                           const struct drill_scene_side *given,
                           const struct drill_profile **profile, struct drill_settings *set)
{
    enum drill_code code = find_profile(b, side, line, given, profile);
    if (code != DRILL_OK) {
        return code;
    }
    (*profile)->defaults(set);
    if (drill_recorded_settings(b->file, *profile, b->arena, set) != DRILL_OK) {
        return scene_no_memory(b);
    }
    if (given && given->settings) {
        *set = *given->settings;
    }
    /* Another profile than the file's does not know the keys of the file's. */
    bool keys = line && drill_span_equal(line->text, drill_span_str((*profile)->name));
    for (const struct drill_pair *p = keys ? line->fields : NULL; p; p = p->next) {
        struct drill_span text;
        code = scene_value(b, &p->value, &text);
        if (code == DRILL_OK) {
            code = drill_profile_set(*profile, set, p->key, text, b->arena, b->err);
        }
        if (code != DRILL_OK) {
            return scene_at(b, p->pos, code);
        }
    }
    for (const struct drill_override *o = given ? given->sets : NULL; o; o = o->next) {
        code = drill_profile_set(*profile, set, o->key, o->value, b->arena, b->err);
        if (code != DRILL_OK) {
            return code;
        }
    }
    return DRILL_OK;
}

enum drill_code scene_neighbours(struct building *b, struct drill_scene *scene)
{
    static const enum drill_setup_kind KINDS[] = {DRILL_SETUP_BEFORE, DRILL_SETUP_AFTER};
    struct drill_neighbour **end = &scene->neighbours;
    for (size_t i = 0; i < 2; i++) {
        for (const struct drill_setup *s = b->file ? b->file->setup : NULL; s; s = s->next) {
            if (s->kind != KINDS[i]) {
                continue;
            }
            struct drill_neighbour *n = *end = drill_arena_take(b->arena, sizeof(*n));
            if (!n) {
                return scene_no_memory(b);
            }
            end = &n->next;
            n->before = s->kind == DRILL_SETUP_BEFORE;
            enum drill_code code =
                scene_side(b, DRILL_SIDE_MILTER, s, NULL, &n->milter, &n->settings);
            if (code != DRILL_OK) {
                return code;
            }
        }
    }
    return DRILL_OK;
}
