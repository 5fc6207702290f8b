/* SPDX-License-Identifier: MIT */
#include "sim/sweep_state.h"

#include "wire/text.h"

enum { SHORTEN = 60 };

static const char *word_of(enum drill_dir dir, uint8_t code)
{
    const struct drill_proto_message *row = drill_proto_find(dir, code);
    return row ? row->word : "frame";
}

static void end_line(struct drill_writer *w)
{
    w->buf[w->len < w->cap ? w->len : w->cap - 1] = '\0';
}

static const char *end_word(enum drill_end how)
{
    switch (how) {
    case DRILL_END_FIN: return "close";
    case DRILL_END_RST: return "reset";
    case DRILL_END_EPIPE: return "close # EPIPE";
    case DRILL_END_REFUSED: return "refuse";
    case DRILL_END_ERROR: return "hangup";
    case DRILL_END_NONE: break;
    }
    return "nothing";
}

void sweep_say_seen(char *text, const struct drill_seen *seen)
{
    struct drill_writer w = drill_writer_of(text, DRILL_REPORT_LINE);
    const char *mark = seen->dir == DRILL_TO_MILTER ? "> " : "< ";
    switch (seen->kind) {
    case DRILL_SEEN_OPEN: drill_write_text(&w, "> open"); break;
    case DRILL_SEEN_FRAME:
        if (seen->whole) {
            drill_text_frame(&w, seen->dir, seen->code, seen->payload, SHORTEN);
            break;
        }
        drill_write_text(&w, mark);
        drill_write_text(&w, word_of(seen->dir, seen->code));
        drill_write_text(&w, " # ");
        drill_write_dec(&w, seen->size);
        drill_write_text(&w, " bytes of data");
        break;
    case DRILL_SEEN_RAW: drill_text_raw(&w, seen->dir, seen->payload, SHORTEN); break;
    case DRILL_SEEN_END:
        drill_write_text(&w, mark);
        drill_write_text(&w, end_word(seen->how));
        break;
    case DRILL_SEEN_QUIET:
        drill_write_text(&w, mark);
        drill_write_text(&w, "silence");
        break;
    }
    end_line(&w);
}

/* "byte 12 of the 25 of > frame 7 (header), connection 1" */
static void say_byte(struct drill_writer *w, const struct sweep *s,
                     const struct drill_disturb_place *place)
{
    const struct sweep_frame *f = sweep_map_find(&s->map, place);
    drill_write_text(w, "byte ");
    drill_write_dec(w, f ? place->at - f->place.at : place->at);
    if (f) {
        drill_write_text(w, " (of ");
        drill_write_dec(w, f->size);
        drill_write_text(w, ") of ");
        drill_write_text(w, place->dir == DRILL_TO_MILTER ? "> " : "< ");
        drill_write_text(w, f->code ? word_of(place->dir, f->code) : "raw");
        drill_write_text(w, ", frame ");
        drill_write_dec(w, f->number);
    }
    drill_write_text(w, place->dir == DRILL_TO_MILTER ? " to the milter" : " to the MTA");
    drill_write_text(w, " of connection ");
    drill_write_dec(w, place->connection);
}

void sweep_say_place(struct drill_writer *w, const struct sweep *s, const struct drill_disturb *d)
{
    static const char *const losses[] = {"", "by FIN", "by RST", "in silence"};
    if (d->loss) {
        drill_write_text(w, "lost ");
        drill_write_text(w, losses[d->loss]);
        drill_write_text(w, " before ");
        say_byte(w, s, &d->place);
        return;
    }
    switch (d->chunks) {
    case DRILL_DISTURB_WHOLE: drill_write_text(w, "undisturbed"); break;
    case DRILL_DISTURB_BYTES: drill_write_text(w, "byte by byte"); break;
    case DRILL_DISTURB_ONCE:
        drill_write_text(w, "split before ");
        say_byte(w, s, &d->place);
        break;
    case DRILL_DISTURB_RANDOM:
        drill_write_text(w, "chunking ");
        drill_write_dec(w, d->place.at);
        break;
    }
}
