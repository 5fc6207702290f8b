/* SPDX-License-Identifier: MIT */
#include "report/explain.h"

#include <stdio.h>
#include <string.h>

#include "report/show.h"
#include "wire/text.h"

static void name_frame(struct drill_explain *e, const struct drill_seen *s)
{
    const struct drill_proto_message *row = drill_proto_find(s->dir, s->code);
    struct drill_message m;
    drill_message_decode(s->dir, s->code, s->payload, &m);
    struct drill_span name = drill_span_sub(m.str[0], 0, 40);
    bool header = s->code == DRILL_SMFIC_HEADER && s->dir == DRILL_TO_MILTER && name.len;
    char quoted[200] = "";
    if (header) {
        struct drill_writer w = drill_writer_of(quoted, sizeof(quoted) - 1);
        drill_write_text(&w, " ");
        drill_text_bytes(&w, name, 40);
        quoted[drill_writer_span(&w).len] = '\0';
    }
    (void)snprintf(e->word, sizeof(e->word), "%s%.50s", row ? row->word : "frame", quoted);
}

static void seen_ours(struct drill_explain *e, const struct drill_seen *s)
{
    e->bytes += e->last;
    e->last = s->size + (s->kind == DRILL_SEEN_FRAME ? DRILL_FRAME_HEADER_SIZE : 0);
    e->frames++;
    e->code = s->code;
    e->size = s->size;
    e->answered = false;
    name_frame(e, s);
}

void drill_explain_seen(struct drill_explain *e, const struct drill_seen *s)
{
    switch (s->kind) {
    case DRILL_SEEN_FRAME:
    case DRILL_SEEN_RAW:
        if (s->ours) {
            seen_ours(e, s);
        } else {
            e->heard += s->kind == DRILL_SEEN_FRAME;
            e->answered = true;
            e->passed = e->size > e->passed ? e->size : e->passed;
            if (s->kind == DRILL_SEEN_RAW) {
                (void)snprintf(e->broken, sizeof(e->broken), "%s", s->note ? s->note : "no frame");
            }
        }
        break;
    case DRILL_SEEN_END:
        if (!e->ended) {
            e->ended = true;
            e->by_peer = !s->ours;
            e->how = s->how;
            e->error = s->error;
            e->in_flight = s->in_flight;
        }
        break;
    case DRILL_SEEN_QUIET: e->timed_out = e->timed_out || (s->ours && s->note); break;
    case DRILL_SEEN_OPEN: e->ended = e->by_peer = false; break;
    }
}

bool drill_explain_failed(const struct drill_explain *e)
{
    return e->timed_out || e->broken[0] || (e->ended && e->by_peer && e->code != DRILL_SMFIC_QUIT);
}

void drill_explain_what(const struct drill_explain *e, struct drill_buf *out)
{
    if (!drill_explain_failed(e)) {
        return;
    }
    if (e->broken[0]) {
        drill_show_add(out, "the milter sent what is no milter frame: %s", e->broken);
        return;
    }
    if (e->timed_out) {
        drill_show_add(out, "the milter fell silent: no answer");
    } else if (e->how == DRILL_END_REFUSED) {
        drill_show_add(out, "nobody takes connections at this address (%s)", strerror(e->error));
        return;
    } else {
        drill_show_add(out, "the milter ended the connection by %s", drill_show_end(e->how));
        if (e->error) {
            drill_show_add(out, " (%s, os error %d)", strerror(e->error), e->error);
        }
    }
    if (e->frames) {
        drill_show_add(out, " at `%s` (our frame %u, %llu bytes of data), after %llu bytes",
                       e->word, e->frames, (unsigned long long)e->size,
                       (unsigned long long)e->bytes);
    }
    if (e->in_flight) {
        drill_show_add(out, "; %llu bytes were in flight", (unsigned long long)e->in_flight);
    }
}

struct limit {
    uint64_t most;
    const char *text;
};

/* Read limits of milters, measured against the real programs; smallest first. */
static const struct limit limits[] = {
    {65535,
     "libmilter (clamav-milter, opendkim, opendmarc, spamass-milter, amavisd-milter) takes at "
     "most 65,535 bytes of data in one frame. It closes with the rest unread, so TCP answers "
     "RST, and it logs nothing"},
    {131072, "rspamd and Sendmail::PMilter take at most 131,072 bytes in one frame"},
};

void drill_explain_limit(const struct drill_explain *e, struct drill_buf *out)
{
    if (e->broken[0] || !e->ended || !e->by_peer || e->answered || e->how == DRILL_END_REFUSED) {
        return;
    }
    size_t n = sizeof(limits) / sizeof(limits[0]);
    const struct limit *met = NULL;
    for (size_t i = 0; i < n; i++) {
        bool over = e->size > limits[i].most && e->passed <= limits[i].most;
        met = !met && over ? &limits[i] : met;
    }
    if (met) {
        drill_show_add(out,
                       "%s. This frame (`%s`) carries %llu. Shorten it on the MTA's side: no "
                       "setting of the milter moves this limit",
                       met->text, e->word, (unsigned long long)e->size);
    } else if (e->code == DRILL_SMFIC_OPTNEG) {
        drill_show_add(out, "a milter that closes on the offer does not get what it needs: compare "
                            "`actions` and `protocol` with its log (st_optionneg); or it "
                            "expects TLS (useTls)");
    }
}
