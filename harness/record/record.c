/* SPDX-License-Identifier: MIT */
#include "record/record.h"

#include <stdio.h>
#include <string.h>

#include "net/link.h"
#include "record/tap.h"
#include "scenario/print.h"

enum { TEXT = 64 * 1024 }; /* lines of a connection that may wait to be settled */

struct drill_record {
    struct drill_record_config config;
    struct recorded **open; /* by number; NULL: none */
    size_t count;
    struct drill_link unsettled;
};

/* One connection. */
struct recorded {
    struct drill_record *record;
    struct drill_recording *file;
    struct drill_link unsettled;
    struct drill_transcript_sink sink;
    struct drill_tap tap;
    struct drill_keep_state keep;
    bool cut; /* it goes no further than its lines */
};

struct drill_record *drill_record_new(const struct drill_record_config *config,
                                      struct drill_error *err)
{
    struct drill_record *r = drill_alloc_resize(NULL, NULL, sizeof(*r));
    if (!r) {
        drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the recorder");
        return NULL;
    }
    memset(r, 0, sizeof(*r));
    r->config = *config;
    drill_link_init(&r->unsettled);
    return r;
}

void drill_record_free(struct drill_record *r)
{
    if (r) {
        drill_alloc_resize(NULL, r->open, 0);
        drill_alloc_resize(NULL, r, 0);
    }
}

/* ---- the first lines and the last ---- */

static void add(struct drill_buf *out, const char *text)
{
    (void)drill_buf_append(out, drill_span_str(text));
}

static const char *outcome(const struct recorded *c)
{
    const struct drill_tap *t = &c->tap;
    const struct drill_implied *i = &t->implied;
    if (c->cut || drill_recording_broken(c->file)) {
        return "not to its end";
    }
    if (t->side[DRILL_TO_MTA].how == DRILL_END_REFUSED) {
        return "the milter could not be reached";
    }
    if (t->disordered && t->side[DRILL_TO_MTA].how == DRILL_END_RST) {
        return "the milter reset the connection"; /* amid a frame, it may be, which is raw then */
    }
    if (t->side[DRILL_TO_MILTER].raw || t->side[DRILL_TO_MTA].raw) {
        return "not all of it milter frames";
    }
    if (t->disordered) {
        return t->side[DRILL_TO_MILTER].how == DRILL_END_RST ? "the MTA reset the connection"
                                                             : "the connection ended early";
    }
    if (i->accepted + i->refused == 0) {
        return i->failure ? "refused" : "no verdict";
    }
    return i->refused == 0 ? "accepted" : i->accepted == 0 ? "refused" : "some refused";
}

/* As it was said, or as the frames say. */
static const char *milter_of(const struct recorded *c)
{
    const struct drill_profile *guessed = c->tap.implied.milter;
    const char *said = c->record->config.milter;
    return said ? said : guessed ? guessed->name : NULL;
}

static void title(const struct recorded *c, struct drill_buf *out)
{
    char text[256], quoted[1200];
    const struct drill_implied *i = &c->tap.implied;
    const char *milter = milter_of(c);
    uint32_t messages = i->messages + i->unlisted;
    int n = snprintf(text, sizeof(text), "recorded: %s%s%.60s, %u message%s, %s",
                     i->program[0] ? i->program : "an MTA", milter ? " with " : "",
                     milter ? milter : "", messages, messages == 1 ? "" : "s", outcome(c));
    struct drill_writer w = drill_writer_of(quoted, sizeof(quoted));
    drill_print_prose(drill_span_of(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1),
                      &w);
    add(out, "drill 1 ");
    (void)drill_buf_append(out, drill_writer_span(&w));
    (void)snprintf(text, sizeof(text), " recorded=\"%s\"\n", drill_recording_time(c->file));
    add(out, text);
}

static void profile(struct drill_buf *out, const char *side, const char *name)
{
    if (name) {
        add(out, side);
        add(out, " ");
        add(out, name);
        add(out, "\n");
    }
}

static void head(const struct recorded *c, struct drill_buf *out)
{
    char text[160];
    const struct drill_implied *i = &c->tap.implied;
    const struct drill_record_config *config = &c->record->config;
    title(c, out);
    (void)snprintf(text, sizeof(text),
                   "# This file holds real mail. Before you give it away: milterdrill scrub "
                   "%s.drill\n",
                   drill_recording_stem(c->file));
    add(out, text);
    profile(out, "mta", config->mta ? config->mta : i->mta ? i->mta->name : NULL);
    profile(out, "milter", milter_of(c));
    (void)drill_buf_append(out, drill_buf_span(&i->setup));
    if (i->unlisted) {
        (void)snprintf(text, sizeof(text), "# %u more messages have no line here.\n", i->unlisted);
        add(out, text);
    }
}

/* ---- one connection ---- */

static void append(void *ctx, enum drill_beside_kind kind, const struct drill_beside *file,
                   struct drill_span bytes)
{
    const struct recorded *c = ctx;
    drill_recording_append(c->file, kind, file, bytes);
}

/* Whether lines are worth making. From where one could not be written on nothing is recorded: a
 * recording with a hole would be another conversation. */
static bool is_recorded(const struct recorded *c)
{
    return !drill_recording_broken(c->file) && !c->tap.transcript.incomplete;
}

static void settle(struct recorded *c)
{
    struct drill_buf *text = &c->tap.transcript.text;
    drill_link_remove(&c->unsettled);
    if (is_recorded(c)) {
        (void)drill_recording_flush(c->file, drill_buf_span(text));
    }
    text->len = 0;
}

/* It has lines that are in no file yet. */
static void changed(struct recorded *c)
{
    if (c->tap.transcript.text.len > TEXT) {
        settle(c);
    } else if (drill_link_alone(&c->unsettled)) {
        drill_link_append(&c->record->unsettled, &c->unsettled);
    }
}

void drill_record_settle(struct drill_record *r)
{
    while (!drill_link_alone(&r->unsettled)) {
        settle(DRILL_LINK_OWNER(r->unsettled.next, struct recorded, unsettled));
    }
}

static bool is_stalwart(const char *profile)
{
    return profile && strcmp(profile, "stalwart") == 0;
}

static struct recorded *open_one(struct drill_record *r, uint64_t now)
{
    struct recorded *c = drill_alloc_resize(NULL, NULL, sizeof(*c));
    struct drill_recording *file = c ? drill_recording_new(r->config.files) : NULL;
    if (!file) {
        drill_alloc_resize(NULL, c, 0);
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->record = r;
    c->file = file;
    drill_link_init(&c->unsettled);
    c->sink.append = append;
    c->sink.ctx = c;
    drill_tap_init(&c->tap, drill_recording_stem(file), &c->sink, NULL, now);
    c->tap.transcript.body_is_mail = is_stalwart(r->config.mta);
    return c;
}

static void bytes(struct recorded *c, const struct drill_tapped *e, struct drill_span span)
{
    const struct drill_profile *mta = c->tap.implied.mta;
    struct drill_transcript *t = &c->tap.transcript;
    t->body_is_mail = t->body_is_mail || (!c->record->config.mta && mta && is_stalwart(mta->name));
    drill_keep_bytes(c->record->config.keep, &c->keep, e->dir, span);
    drill_tap_bytes(&c->tap, e->dir, span, e->now);
}

static void note(struct recorded *c, struct drill_span text)
{
    char line[320];
    if (text.len) {
        (void)snprintf(line, sizeof(line), "%.*s", (int)text.len, (const char *)text.ptr);
        drill_transcript_note(&c->tap.transcript, line);
    }
}

static void last_lines(const struct recorded *c, const char *remark, struct drill_buf *out)
{
    if (c->tap.transcript.incomplete) {
        add(out, "# Memory was refused here: the recording is not complete.\n");
    } else if (remark) {
        add(out, remark);
    } else {
        drill_implied_verdicts(&c->tap.implied, out);
    }
}

static void finish(struct recorded *c, const char *remark)
{
    const struct drill_span lines = drill_buf_span(&c->tap.transcript.text);
    struct drill_buf first, last;
    drill_buf_init(&first, NULL);
    drill_buf_init(&last, NULL);
    head(c, &first);
    last_lines(c, remark, &last);
    if (c->tap.transcript.incomplete ||
        !drill_recording_whole(c->file, drill_buf_span(&first), lines, drill_buf_span(&last))) {
        settle(c);
        first.len = 0;
        head(c, &first); /* which knows now whether that failed */
        drill_recording_finish(c->file, drill_buf_span(&first), drill_buf_span(&last));
    }
    drill_buf_fini(&first);
    drill_buf_fini(&last);
}

/* `remark`: why it goes no further than this, a line; NULL: it is complete. */
static void close_one(struct recorded *c, uint64_t now, const char *remark)
{
    c->cut = remark != NULL;
    if (c->cut) { /* how it went on, nobody knows: not that a frame is torn, either */
        drill_implied_end(&c->tap.implied, c->tap.transcript.beside[DRILL_BESIDE_MAIL].name);
    } else {
        drill_tap_closed(&c->tap, now);
    }
    drill_link_remove(&c->unsettled);
    if (drill_keep_wanted(c->record->config.keep, &c->keep, &c->tap) || c->cut) {
        finish(c, remark);
    } else {
        drill_recording_drop(c->file);
    }
    drill_tap_fini(&c->tap);
    drill_alloc_resize(NULL, c, 0);
}

/* ---- events ---- */

static struct recorded **place(struct drill_record *r, uint32_t number)
{
    if (number >= r->count) {
        size_t count = number < 64 ? 64 : (size_t)number * 2;
        struct recorded **more =
            drill_alloc_resize(NULL, r->open, count * sizeof(struct recorded *));
        if (!more) {
            return NULL;
        }
        memset(more + r->count, 0, (count - r->count) * sizeof(struct recorded *));
        r->open = more;
        r->count = count;
    }
    return &r->open[number];
}

static void happened(struct recorded *c, const struct drill_tapped *e, struct drill_span span)
{
    switch (e->kind) {
    case DRILL_TAPPED_LINKED: c->tap.linked = true; return;
    case DRILL_TAPPED_BYTES: bytes(c, e, span); break;
    case DRILL_TAPPED_NOTE: note(c, span); break;
    case DRILL_TAPPED_ENDED:
        note(c, span);
        drill_tap_ended(&c->tap, e->dir, e->how, e->error, e->in_flight, e->now);
        break;
    case DRILL_TAPPED_OPENED:
    case DRILL_TAPPED_CLOSED: return;
    }
    changed(c);
}

void drill_record_take(struct drill_record *r, const struct drill_tapped *e, struct drill_span span)
{
    struct recorded **c = place(r, e->connection);
    if (!c) {
        return;
    }
    if (e->kind == DRILL_TAPPED_OPENED) {
        *c = open_one(r, e->now);
    } else if (*c && e->kind == DRILL_TAPPED_CLOSED) {
        close_one(*c, e->now,
                  e->incomplete ? "# What passed behind this could not be written in time.\n"
                                : NULL);
        *c = NULL;
    } else if (*c && is_recorded(*c)) {
        happened(*c, e, span);
    }
}

void drill_record_end(struct drill_record *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->open[i]) {
            close_one(r->open[i], 0, "# The recorder was killed here.\n");
            r->open[i] = NULL;
        }
    }
}
