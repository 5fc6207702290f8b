/* SPDX-License-Identifier: MIT */
#include "diagnose/signature.h"

#include <stdio.h>
#include <string.h>

/* ---- watching ---- */

void drill_watch_init(struct drill_watch *w, uint32_t max_reply)
{
    memset(w, 0, sizeof(*w));
    w->max_reply = max_reply;
    drill_judged_init(&w->judged);
}

static void copy_name(char *out, size_t cap, struct drill_span name)
{
    size_t len = drill_span_find(name, 0);
    len = len < cap ? len : cap - 1;
    if (len) {
        memcpy(out, name.ptr, len);
    }
    out[len] = '\0';
}

static void add_macro(struct drill_watch *w, uint8_t code, struct drill_span name,
                      struct drill_span value)
{
    for (size_t i = 0; i < w->macros; i++) {
        if (drill_span_equal(drill_span_str(w->macro[i].name), name)) {
            return;
        }
    }
    if (w->macros < DRILL_SIGNATURE_MACROS && name.len && name.len < DRILL_SIGNATURE_NAME) {
        w->macro[w->macros].code = code;
        copy_name(w->macro[w->macros].value, DRILL_SIGNATURE_NAME, value);
        copy_name(w->macro[w->macros++].name, DRILL_SIGNATURE_NAME, name);
    }
}

static void sent_macros(struct drill_watch *w, struct drill_span payload)
{
    struct drill_message m;
    struct drill_span name, value;
    (void)drill_message_decode(DRILL_TO_MILTER, DRILL_SMFIC_MACRO, payload, &m);
    struct drill_reader r = drill_reader_of(m.rest);
    while (drill_message_next_macro(&r, &name, &value)) {
        add_macro(w, payload.len ? payload.ptr[0] : 0, name, value);
    }
}

static void sent(struct drill_watch *w, const struct drill_seen *s)
{
    struct drill_signature *sig = &w->sig;
    sig->frame++;
    w->asked = s->now;
    if (s->code == DRILL_SMFIC_MACRO) {
        sent_macros(w, s->payload);
        return;
    }
    if (s->code == DRILL_SMFIC_QUIT || s->code == DRILL_SMFIC_ABORT) {
        return;
    }
    sig->stage = s->code;
    sig->frame_bytes = s->size;
    sig->header[0] = '\0';
    if (s->code == DRILL_SMFIC_HEADER) {
        copy_name(sig->header, sizeof(sig->header), s->payload);
        sig->most_header = s->size > sig->most_header ? s->size : sig->most_header;
        sig->all_headers += s->size;
    } else if (s->code == DRILL_SMFIC_BODY) {
        sig->all_body += s->size;
    }
}

static void broke(struct drill_watch *w, enum drill_symptom symptom, const char *text)
{
    if (!w->broken) {
        w->broken = true;
        w->sig.symptom = symptom;
        (void)snprintf(w->sig.text, sizeof(w->sig.text), "%s", text);
    }
}

static void replied(struct drill_watch *w, const struct drill_seen *s)
{
    struct drill_signature *sig = &w->sig;
    struct drill_message m;
    if (s->now >= w->asked && s->now - w->asked > sig->slowest) {
        sig->slowest = s->now - w->asked;
        sig->slowest_at = sig->stage;
    }
    sig->most_reply = s->size > sig->most_reply ? s->size : sig->most_reply;
    sig->reply = s->code;
    if (w->max_reply && s->length > w->max_reply) {
        broke(w, DRILL_SYMPTOM_OVERSIZED, "a reply over the MTA's limit");
    } else if (!drill_proto_find(DRILL_TO_MTA, s->code)) {
        broke(w, DRILL_SYMPTOM_MALFORMED, "a reply of a code that does not exist");
    } else if (s->whole && drill_message_decode(DRILL_TO_MTA, s->code, s->payload, &m)) {
        broke(w, DRILL_SYMPTOM_MALFORMED, drill_defect_text(m.defect));
    }
    if (s->code == DRILL_SMFIR_ACCEPT && sig->stage != DRILL_SMFIC_BODYEOB &&
        !sig->accepted_early) {
        sig->accepted_early = true;
        sig->accepted_at = sig->stage;
    }
}

static void ended(struct drill_watch *w, const struct drill_seen *s)
{
    if (!s->ours && !w->ended) {
        w->ended = true;
        w->sig.end = s->how;
        w->sig.error = s->error;
        w->sig.in_flight = s->in_flight;
    }
}

/* The beginning of a reply that is too large; other protocols' first bytes are letters, which make
 * a far larger number. */
static bool is_oversized(const struct drill_watch *w, struct drill_span bytes)
{
    enum { LETTERS = 0x20 };
    return w->max_reply && bytes.len > 4 && bytes.ptr[0] < LETTERS &&
           drill_be32(bytes.ptr) > w->max_reply && drill_proto_find(DRILL_TO_MTA, bytes.ptr[4]);
}

/* Of the judge's rules it is these that are asked for. That we ended our side says nothing: what
 * comes then is looked at all the same. */
static void judge(struct drill_watch *w, const struct drill_seen *s)
{
    const uint32_t *count = w->judged.judge.count;
    if (s->kind != DRILL_SEEN_END || !s->ours) {
        drill_judged_seen(&w->judged, s);
        w->sig.surplus = count[DRILL_RULE_UNASKED] + count[DRILL_RULE_NO_REPLY];
    }
}

/* The first of them. */
static const struct drill_finding *surplus(const struct drill_watch *w)
{
    const struct drill_judged *j = &w->judged;
    for (size_t i = 0; i < j->count && i < DRILL_JUDGED_MAX; i++) {
        if (j->finding[i].rule == DRILL_RULE_UNASKED || j->finding[i].rule == DRILL_RULE_NO_REPLY) {
            return &j->finding[i];
        }
    }
    return NULL;
}

void drill_watch_seen(void *ctx, const struct drill_seen *s)
{
    struct drill_watch *w = ctx;
    judge(w, s);
    if (!w->begun) {
        w->begun = true;
        w->begin = s->now;
    }
    switch (s->kind) {
    case DRILL_SEEN_OPEN: w->asked = s->now; break;
    case DRILL_SEEN_FRAME:
        if (s->ours) {
            sent(w, s);
        } else {
            replied(w, s);
        }
        break;
    case DRILL_SEEN_RAW:
        if (!s->ours) {
            broke(w,
                  is_oversized(w, s->payload) ? DRILL_SYMPTOM_OVERSIZED : DRILL_SYMPTOM_MALFORMED,
                  s->note ? s->note : "bytes that are no frame");
        }
        break;
    case DRILL_SEEN_END: ended(w, s); break;
    case DRILL_SEEN_QUIET: w->quiet = w->quiet || s->ours; break;
    }
}

/* ---- what it came to ---- */

static bool discarded(const struct drill_mta *mta)
{
    for (const struct drill_mod *m = mta->mods; m; m = m->next) {
        if (m->code == DRILL_SMFIR_DISCARD) {
            return true;
        }
    }
    return false;
}

static enum drill_symptom judged(const struct drill_watch *w, const struct drill_report *report,
                                 const struct drill_mta *mta, const struct drill_told *told)
{
    if (report->result == DRILL_RESULT_UNREACHABLE) {
        return DRILL_SYMPTOM_UNREACHABLE;
    }
    if (w->quiet) {
        return DRILL_SYMPTOM_SILENT;
    }
    if (w->ended && w->sig.end != DRILL_END_NONE && (mta->failed || !told)) {
        return DRILL_SYMPTOM_LOST;
    }
    if (mta->failed) {
        return DRILL_SYMPTOM_UNEXPECTED;
    }
    if (!told || told->code / 100 == 4 || told->code / 100 == 5 || told->code == 0) {
        return DRILL_SYMPTOM_REFUSED;
    }
    return discarded(mta) ? DRILL_SYMPTOM_DISCARDED : DRILL_SYMPTOM_NONE;
}

/* A recipient that was refused: the message may go to the others, but not to this one. */
static const struct drill_told *refused_rcpt(const struct drill_mta *mta)
{
    const struct drill_told *t = mta->told;
    while (t && !(t->stage == DRILL_SMFIC_RCPT && t->code >= 400)) {
        t = t->next;
    }
    return t;
}

void drill_watch_end(struct drill_watch *w, const struct drill_run *run, uint64_t now)
{
    const struct drill_mta *mta = drill_run_mta(run);
    const struct drill_told *told = drill_mta_outcome(mta, 1), *rcpt = refused_rcpt(mta);
    struct drill_signature *sig = &w->sig;
    sig->elapsed = w->begun && now > w->begin ? now - w->begin : 0;
    sig->code = told ? told->code : 0;
    if (w->broken) {
        return;
    }
    sig->symptom = judged(w, drill_run_report(run), mta, told);
    const struct drill_finding *extra = surplus(w);
    if (extra && sig->symptom == DRILL_SYMPTOM_NONE) {
        sig->symptom = DRILL_SYMPTOM_SURPLUS;
        (void)snprintf(sig->text, sizeof(sig->text), "%s", extra->detail);
        return;
    }
    if (rcpt && (sig->symptom == DRILL_SYMPTOM_NONE || sig->symptom == DRILL_SYMPTOM_REFUSED)) {
        sig->symptom = DRILL_SYMPTOM_REFUSED;
        sig->stage = DRILL_SMFIC_RCPT;
        sig->reply = 0; /* of one or of all: the same refusal */
        sig->code = rcpt->code;
        told = rcpt;
    }
    if (told) {
        int len = told->line.len < DRILL_SIGNATURE_TEXT - 1 ? (int)told->line.len
                                                            : DRILL_SIGNATURE_TEXT - 1;
        (void)snprintf(sig->text, sizeof(sig->text), "%.*s", len, (const char *)told->line.ptr);
    }
}

void drill_watch_forgive(struct drill_watch *w, uint32_t replies)
{
    struct drill_signature *sig = &w->sig;
    sig->surplus -= replies < sig->surplus ? replies : sig->surplus;
    if (sig->symptom == DRILL_SYMPTOM_SURPLUS && sig->surplus == 0) {
        sig->symptom = DRILL_SYMPTOM_NONE;
    }
}

/* ---- comparing ---- */

static uint8_t place(uint8_t stage)
{
    switch (stage) {
    case DRILL_SMFIC_HEADER:
    case DRILL_SMFIC_EOH: return DRILL_SMFIC_HEADER;
    case DRILL_SMFIC_BODY:
    case DRILL_SMFIC_BODYEOB: return DRILL_SMFIC_BODY;
    default: return stage;
    }
}

bool drill_signature_failed(const struct drill_signature *s)
{
    return s->symptom != DRILL_SYMPTOM_NONE && s->symptom != DRILL_SYMPTOM_UNKNOWN;
}

bool drill_signature_same(const struct drill_signature *a, const struct drill_signature *b)
{
    if (a->symptom != b->symptom || place(a->stage) != place(b->stage)) {
        return false;
    }
    return a->symptom != DRILL_SYMPTOM_REFUSED || (a->reply == b->reply && a->code == b->code);
}

/* ---- in words ---- */

const char *drill_symptom_word(enum drill_symptom symptom)
{
    switch (symptom) {
    case DRILL_SYMPTOM_NONE: return "accepted";
    case DRILL_SYMPTOM_REFUSED: return "refused";
    case DRILL_SYMPTOM_DISCARDED: return "discarded";
    case DRILL_SYMPTOM_LOST: return "lost";
    case DRILL_SYMPTOM_SILENT: return "silent";
    case DRILL_SYMPTOM_MALFORMED: return "malformed";
    case DRILL_SYMPTOM_OVERSIZED: return "oversized";
    case DRILL_SYMPTOM_UNEXPECTED: return "unexpected";
    case DRILL_SYMPTOM_SURPLUS: return "surplus";
    case DRILL_SYMPTOM_UNREACHABLE: return "unreachable";
    case DRILL_SYMPTOM_UNKNOWN: break;
    }
    return "unknown";
}

static const char *did(const struct drill_signature *s)
{
    switch (s->symptom) {
    case DRILL_SYMPTOM_NONE: return "the message is accepted";
    case DRILL_SYMPTOM_REFUSED: return "the milter refuses the message";
    case DRILL_SYMPTOM_DISCARDED: return "the milter has the message thrown away";
    case DRILL_SYMPTOM_LOST:
        return s->end == DRILL_END_RST ? "the milter resets the connection"
               : s->end == DRILL_END_EPIPE
                   ? "the milter closes the connection while it is written to"
                   : "the milter closes the connection";
    case DRILL_SYMPTOM_SILENT: return "the milter falls silent";
    case DRILL_SYMPTOM_MALFORMED: return "the milter sends what cannot be read";
    case DRILL_SYMPTOM_OVERSIZED: return "the milter sends a reply over the MTA's limit";
    case DRILL_SYMPTOM_UNEXPECTED: return "the milter sends a reply that is not taken there";
    case DRILL_SYMPTOM_SURPLUS:
        return "the message is accepted, but by a reply to something else: the milter sends one "
               "too "
               "many";
    case DRILL_SYMPTOM_UNREACHABLE: return "nobody takes the connection";
    case DRILL_SYMPTOM_UNKNOWN: break;
    }
    return "not played to its end";
}

void drill_signature_say(const struct drill_signature *s, char *out, size_t cap)
{
    char at[DRILL_SIGNATURE_NAME + 80] = "", how[40] = "";
    const struct drill_proto_message *row = drill_proto_find(DRILL_TO_MILTER, s->stage);
    bool placed = row && s->symptom != DRILL_SYMPTOM_NONE && s->symptom != DRILL_SYMPTOM_SURPLUS &&
                  s->symptom != DRILL_SYMPTOM_UNREACHABLE && s->symptom != DRILL_SYMPTOM_UNKNOWN;
    if (placed && s->stage == DRILL_SMFIC_HEADER) {
        (void)snprintf(at, sizeof(at), " at header \"%s\" (frame %u, %llu bytes of data)",
                       s->header, s->frame, (unsigned long long)s->frame_bytes);
    } else if (placed) {
        (void)snprintf(at, sizeof(at), " at %s (frame %u, %llu bytes of data)", row->word, s->frame,
                       (unsigned long long)s->frame_bytes);
    }
    if (s->symptom == DRILL_SYMPTOM_LOST && s->error) {
        (void)snprintf(how, sizeof(how), ", os error %d", s->error);
    }
    bool quotes = s->symptom == DRILL_SYMPTOM_REFUSED || s->symptom == DRILL_SYMPTOM_MALFORMED ||
                  s->symptom == DRILL_SYMPTOM_SURPLUS;
    (void)snprintf(out, cap, "%s%s%s%s%s", did(s), at, how, quotes ? ": " : "",
                   quotes ? s->text : "");
}
