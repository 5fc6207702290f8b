/* SPDX-License-Identifier: MIT */
#include "record/record.h"

#include <stdio.h>
#include <string.h>

#include "record/tap.h"
#include "scenario/print.h"

struct drill_record {
    struct drill_record_config config;
    struct drill_record_stats stats;
    const struct drill_forward *forward;
    uint64_t open;
};

/* One connection. */
struct recorded {
    struct drill_record *record;
    struct drill_recording *file; /* NULL: not recorded, or no more */
    struct drill_injected *injected;
    struct drill_transcript_sink sink;
    struct drill_tap tap;
    struct drill_keep_state keep;
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
    return r;
}

void drill_record_free(struct drill_record *r)
{
    drill_alloc_resize(NULL, r, 0);
}

const struct drill_record_stats *drill_record_stats(const struct drill_record *r)
{
    return &r->stats;
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
    if (drill_recording_broken(c->file)) {
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

/* What the last event made of lines goes to the file. From here on nothing is recorded when that
 * fails: a recording with a hole would be another conversation. */
static void flush(struct recorded *c)
{
    struct drill_buf *text = &c->tap.transcript.text;
    if (!drill_recording_broken(c->file) && !c->tap.transcript.incomplete) {
        (void)drill_recording_flush(c->file, drill_buf_span(text));
    }
    text->len = 0;
}

static bool is_recorded(const struct recorded *c)
{
    return c->file && !drill_recording_broken(c->file) && !c->tap.transcript.incomplete;
}

static void *opened(void *ctx, uint64_t now, const struct drill_address *from)
{
    struct drill_record *r = ctx;
    struct recorded *c = drill_alloc_resize(NULL, NULL, sizeof(*c));
    (void)from; /* the MTA's own host: the client is in the frames */
    r->stats.connections++;
    if (!c) {
        return NULL;
    }
    memset(c, 0, sizeof(*c));
    c->record = r;
    c->file = drill_recording_new(r->config.files);
    c->sink.append = append;
    c->sink.ctx = c;
    if (r->config.inject) {
        c->injected = drill_injected_new(r->config.inject, r->stats.connections);
    }
    if (!c->file && !c->injected) {
        drill_alloc_resize(NULL, c, 0);
        return NULL;
    }
    drill_tap_init(&c->tap, c->file ? drill_recording_stem(c->file) : "", &c->sink, NULL, now);
    c->tap.transcript.body_is_mail = r->config.mta && strcmp(r->config.mta, "stalwart") == 0;
    r->open++;
    r->stats.most = r->open > r->stats.most ? r->open : r->stats.most;
    return c;
}

static void linked(void *who, uint64_t now)
{
    struct recorded *c = who;
    (void)now;
    c->tap.linked = true;
}

static void bytes(void *who, enum drill_dir dir, struct drill_span span, uint64_t now)
{
    struct recorded *c = who;
    if (is_recorded(c)) {
        const struct drill_profile *mta = c->tap.implied.mta;
        c->tap.transcript.body_is_mail =
            c->tap.transcript.body_is_mail ||
            (!c->record->config.mta && mta && strcmp(mta->name, "stalwart") == 0);
        drill_keep_bytes(c->record->config.keep, &c->keep, dir, span);
        drill_tap_bytes(&c->tap, dir, span, now);
        flush(c);
    }
}

static void edit(void *who, enum drill_dir dir, struct drill_span span, uint64_t now,
                 struct drill_forward_edit *want)
{
    struct recorded *c = who;
    if (!c->injected) {
        return;
    }
    drill_injected_edit(c->injected, dir, span, now, want);
    if (!c->injected->note[0]) {
        return;
    }
    c->record->stats.injected++;
    if (is_recorded(c)) {
        drill_transcript_note(&c->tap.transcript, c->injected->note);
        if (want->then != DRILL_END_NONE) {
            drill_tap_ended(&c->tap, c->injected->ender, want->then, 0, 0, now);
        }
        flush(c);
    }
}

static void ended(void *who, enum drill_dir dir, enum drill_end how, int error, uint64_t in_flight,
                  uint64_t now)
{
    struct recorded *c = who;
    const struct drill_forward *forward = c->record->forward;
    if (is_recorded(c)) {
        const char *tls = forward ? drill_forward_tls_error(forward, dir) : "";
        if (tls[0]) {
            drill_transcript_note(&c->tap.transcript, tls);
        }
        drill_tap_ended(&c->tap, dir, how, error, in_flight, now);
        flush(c);
    }
}

static void finish(struct recorded *c)
{
    struct drill_buf first, last;
    drill_buf_init(&first, NULL);
    drill_buf_init(&last, NULL);
    head(c, &first);
    if (c->tap.transcript.incomplete) {
        add(&last, "# Memory was refused here: the recording is not complete.\n");
    } else {
        drill_implied_verdicts(&c->tap.implied, &last);
    }
    drill_recording_finish(c->file, drill_buf_span(&first), drill_buf_span(&last));
    drill_buf_fini(&first);
    drill_buf_fini(&last);
}

static void closed(void *who, uint64_t now)
{
    struct recorded *c = who;
    if (c->file) {
        drill_tap_closed(&c->tap, now);
        flush(c);
        if (drill_keep_wanted(c->record->config.keep, &c->keep, &c->tap)) {
            finish(c);
        } else {
            drill_recording_drop(c->file);
        }
    }
    c->record->open--;
    drill_injected_free(c->injected);
    drill_tap_fini(&c->tap);
    drill_alloc_resize(NULL, c, 0);
}

void drill_record_forward(struct drill_record *r, const struct drill_forward *forward)
{
    r->forward = forward;
}

void drill_record_tap(struct drill_record *r, struct drill_forward_tap *tap)
{
    memset(tap, 0, sizeof(*tap));
    tap->opened = opened;
    tap->linked = linked;
    tap->bytes = bytes;
    tap->edit = r->config.inject ? edit : NULL;
    tap->ended = ended;
    tap->closed = closed;
    tap->ctx = r;
}
