/* SPDX-License-Identifier: MIT */
#include "scenario/import.h"
#include "session/state.h"

struct streams {
    struct drill_import *im;
    struct drill_import_talk *talk;
    struct drill_agreed agreed;
};

static void add_bytes(struct streams *s, enum drill_dir dir, struct drill_span bytes)
{
    struct drill_import_event *e =
        bytes.len ? drill_import_add(s->im, s->talk, DRILL_IMPORT_BYTES, dir, 0) : NULL;
    if (e) {
        e->bytes = bytes;
    }
}

/* The frame at the front, which becomes an event of its own. False when there is none. */
static bool take(struct streams *s, enum drill_dir dir, struct drill_span *in,
                 struct drill_frame *f)
{
    struct drill_frame_parser p;
    struct drill_span before = *in;
    drill_frame_init(&p, UINT32_MAX);
    if (s->im->no_memory || !drill_frame_take(&p, in, f)) {
        return false;
    }
    add_bytes(s, dir, drill_span_sub(before, 0, before.len - in->len));
    return true;
}

static void take_replies(struct streams *s, uint8_t command, struct drill_span *milter)
{
    struct drill_frame f;
    struct drill_message m;
    enum drill_reply_class class = DRILL_REPLY_PROGRESS;
    while ((class == DRILL_REPLY_PROGRESS || class == DRILL_REPLY_MODIFY) &&
           take(s, DRILL_TO_MTA, milter, &f)) {
        class = drill_state_reply(command, f.code);
        if (class == DRILL_REPLY_NEGOTIATE &&
            drill_message_decode(DRILL_TO_MTA, f.code, f.payload, &m) == DRILL_DEFECT_NONE) {
            s->agreed = (struct drill_agreed){m.number[0], m.number[1], m.number[2]};
        }
    }
}

void drill_import_streams(struct drill_import *im, struct drill_span mta, struct drill_span milter)
{
    struct streams s = {.im = im, .talk = drill_import_talk_new(im), .agreed = {6, 0, 0}};
    struct drill_frame f;
    if (!s.talk) {
        return;
    }
    while (take(&s, DRILL_TO_MILTER, &mta, &f)) {
        if (f.code != DRILL_SMFIC_MACRO && drill_state_owes(f.code, &s.agreed)) {
            take_replies(&s, f.code, &milter);
        }
    }
    while (take(&s, DRILL_TO_MTA, &milter, &f)) {
        continue; /* replies to nothing */
    }
    add_bytes(&s, DRILL_TO_MILTER, mta);
    add_bytes(&s, DRILL_TO_MTA, milter);
    drill_import_keep(im, s.talk);
}
