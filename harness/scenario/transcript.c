/* SPDX-License-Identifier: MIT */
#include "scenario/transcript.h"

#include <stdio.h>
#include <string.h>

#include "scenario/transcript_parts.h"
#include "wire/text.h"

void drill_transcript_init(struct drill_transcript *t, const char *stem, struct drill_arena *arena,
                           const struct drill_alloc *alloc)
{
    memset(t, 0, sizeof(*t));
    t->arena = arena;
    t->stem = stem;
    drill_buf_init(&t->text, alloc);
    t->files_end = &t->files;
}

void drill_transcript_stream(struct drill_transcript *t, const char *stem,
                             const struct drill_transcript_sink *sink,
                             const struct drill_alloc *alloc)
{
    drill_transcript_init(t, stem, NULL, alloc);
    t->sink = sink;
}

void drill_transcript_fini(struct drill_transcript *t)
{
    drill_buf_fini(&t->text);
}

static void add(struct drill_buf *out, const char *text)
{
    (void)drill_buf_append(out, drill_span_str(text));
}

void drill_transcript_say(struct drill_transcript *t, const char *text)
{
    t->incomplete = !drill_buf_append(&t->text, drill_span_str(text)) || t->incomplete;
}

static void say(struct drill_transcript *t, const char *text)
{
    drill_transcript_say(t, text);
}

/* Writes by `print`, measuring first. */
static bool add_frame(struct drill_buf *out, const struct drill_message *m)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_text_message(&measure, m, 0);
    if (!drill_buf_reserve(out, measure.len)) {
        return false;
    }
    struct drill_writer w = drill_writer_of(out->ptr + out->len, measure.len);
    drill_text_message(&w, m, 0);
    out->len += measure.len;
    return true;
}

static bool add_bytes(struct drill_buf *out, struct drill_span bytes)
{
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_text_bytes(&measure, bytes, 0);
    if (!drill_buf_reserve(out, measure.len)) {
        return false;
    }
    struct drill_writer w = drill_writer_of(out->ptr + out->len, measure.len);
    drill_text_bytes(&w, bytes, 0);
    out->len += measure.len;
    return true;
}

void drill_transcript_say_bytes(struct drill_transcript *t, struct drill_span bytes)
{
    t->incomplete = !add_bytes(&t->text, bytes) || t->incomplete;
}

static void say_bytes(struct drill_transcript *t, struct drill_span bytes)
{
    drill_transcript_say_bytes(t, bytes);
}

/* A file for a large value; its name, or NULL when memory is refused. */
static const char *add_file(struct drill_transcript *t, struct drill_span bytes)
{
    struct drill_transcript_file *f = drill_arena_take(t->arena, sizeof(*f));
    struct drill_span copy = drill_arena_copy(t->arena, bytes);
    if (!f || !copy.ptr) {
        t->incomplete = true;
        return NULL;
    }
    f->bytes = copy;
    (void)snprintf(f->name, sizeof(f->name), "%s.%u.bin", t->stem, ++t->count);
    *t->files_end = f;
    t->files_end = &f->next;
    return f->name;
}

/* `file "NAME"`, streamed: and the slice. */
static void say_file(struct drill_transcript *t, const struct drill_message *m,
                     struct drill_span bytes)
{
    if (t->sink) {
        drill_transcript_keep(t, m, bytes);
        return;
    }
    const char *name = add_file(t, bytes);
    say(t, "file ");
    say_bytes(t, drill_span_str(name ? name : ""));
}

static const char *mark(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? "> " : "< ";
}

/* The one field of a large message that may be large; NULL: none is known to be. */
static const char *large_field(const struct drill_message *m, struct drill_span *value)
{
    const struct drill_proto_message *row = drill_proto_find(m->dir, m->code);
    *value = m->payload;
    if (!row) {
        return NULL;
    }
    if (m->defect == DRILL_DEFECT_NONE && m->shape == DRILL_SHAPE_STR_STR &&
        m->str[1].len > DRILL_TRANSCRIPT_INLINE && m->str[0].len <= DRILL_TRANSCRIPT_INLINE) {
        *value = m->str[1];
        return row->field[1];
    }
    return "data"; /* of a BYTES message its field, of others the whole payload */
}

static void large(struct drill_transcript *t, const struct drill_message *m)
{
    struct drill_span value;
    char text[128];
    const struct drill_proto_message *row = drill_proto_find(m->dir, m->code);
    const char *field = large_field(m, &value);
    say(t, mark(m->dir));
    if (field) {
        say(t, row->word);
    } else {
        (void)snprintf(text, sizeof(text), "frame code=%u", m->code);
        say(t, text);
        field = "data";
    }
    if (value.ptr == m->str[1].ptr && m->shape == DRILL_SHAPE_STR_STR) {
        (void)snprintf(text, sizeof(text), " %s=", row->field[0]);
        say(t, text);
        say_bytes(t, m->str[0]);
    }
    (void)snprintf(text, sizeof(text), " %s=", field);
    say(t, text);
    say_file(t, m, value);
}

/* Streamed, the many small strings of one message stay in its line. */
static bool goes_to_a_file(const struct drill_transcript *t, const struct drill_message *m,
                           size_t line)
{
    struct drill_span value;
    (void)large_field(m, &value);
    bool many = m->shape == DRILL_SHAPE_MACRO || m->shape == DRILL_SHAPE_STR_STRS ||
                m->shape == DRILL_SHAPE_OPTNEG;
    return value.len > DRILL_TRANSCRIPT_INLINE && line > DRILL_TRANSCRIPT_INLINE &&
           !(t->sink && many && m->defect == DRILL_DEFECT_NONE);
}

/* The modifiers, in canonical order. */
static void say_travel(struct drill_transcript *t, const struct drill_seen *s,
                       const struct drill_travelled *travel)
{
    char text[32];
    bool split = travel && travel->count > 1 && !travel->more;
    if (travel && travel->after >= 1000) {
        (void)snprintf(text, sizeof(text), " after=%llums",
                       (unsigned long long)(travel->after / 1000));
        say(t, text);
    }
    for (size_t i = 0; split && i + 1 < travel->count; i++) {
        (void)snprintf(text, sizeof(text), "%s%u", i ? "," : " split=", travel->reads[i]);
        say(t, text);
    }
    if (s->kind == DRILL_SEEN_FRAME && s->ours && s->total < s->size + DRILL_FRAME_HEADER_SIZE) {
        (void)snprintf(text, sizeof(text), " cut=%llu", (unsigned long long)s->total);
        say(t, text);
    }
    if (s->kind == DRILL_SEEN_FRAME && s->length != s->size + 1) {
        (void)snprintf(text, sizeof(text), " length=%u", s->length);
        say(t, text);
    }
    if (travel && travel->join && !split) {
        say(t, " join");
    }
}

/* "+0.4 ms, in 4+13 bytes": for people. */
static void say_how(struct drill_transcript *t, const struct drill_travelled *travel)
{
    char text[64];
    const char *before = "  # ";
    if (travel->after >= 100) {
        (void)snprintf(text, sizeof(text), "%s+%llu.%llu ms", before,
                       (unsigned long long)(travel->after / 1000),
                       (unsigned long long)(travel->after % 1000 / 100));
        say(t, text);
        before = ", ";
    }
    for (size_t i = 0; travel->count > 1 && !travel->more && i < travel->count; i++) {
        (void)snprintf(text, sizeof(text), "%s%s%u", i ? "" : before, i ? "+" : "in ",
                       travel->reads[i]);
        say(t, text);
    }
    if (travel->more || travel->count > 1) {
        say(t, travel->more ? before : "");
        say(t, travel->more ? "in many pieces" : " bytes");
        before = ", ";
    }
    if (travel->note) {
        say(t, before);
        say(t, travel->note);
    }
}

static void frame(struct drill_transcript *t, const struct drill_seen *s)
{
    struct drill_message m;
    if (!s->whole) {
        drill_transcript_streamed(t, s);
        return;
    }
    drill_message_decode(s->dir, s->code, s->payload, &m);
    if (t->sink) {
        drill_transcript_mail(t, &m);
    }
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_text_message(&measure, &m, 0);
    if (goes_to_a_file(t, &m, measure.len)) {
        large(t, &m);
    } else if (!add_frame(&t->text, &m)) {
        t->incomplete = true;
    }
}

/* Bytes without a frame. Streamed, a torn frame whose payload went to its file is not whole. */
static void raw(struct drill_transcript *t, const struct drill_seen *s)
{
    struct drill_message none = {.dir = s->dir};
    say(t, mark(s->dir));
    say(t, "raw data=");
    if (!s->whole && t->sink) {
        drill_transcript_torn(t, s);
    } else if (s->payload.len > DRILL_TRANSCRIPT_INLINE) {
        say_file(t, &none, s->payload);
    } else {
        say_bytes(t, s->payload);
    }
}

static const char *ending(const struct drill_seen *s)
{
    switch (s->how) {
    case DRILL_END_RST: return "reset";
    case DRILL_END_REFUSED: return "refuse";
    case DRILL_END_ERROR: return "hangup";
    case DRILL_END_FIN:
    case DRILL_END_EPIPE:
    case DRILL_END_NONE: break;
    }
    return s->note && s->ours ? "half-close" : "close";
}

void drill_transcript_line(struct drill_transcript *t, const struct drill_seen *s,
                           const struct drill_travelled *travel)
{
    switch (s->kind) {
    case DRILL_SEEN_OPEN: say(t, "> open"); break;
    case DRILL_SEEN_FRAME:
        if (!s->whole && !t->sink) {
            t->incomplete = true;
            return;
        }
        frame(t, s);
        break;
    case DRILL_SEEN_RAW: raw(t, s); break;
    case DRILL_SEEN_END:
        say(t, mark(s->dir));
        say(t, ending(s));
        break;
    case DRILL_SEEN_QUIET: drill_transcript_note(t, s->note ? s->note : "silence"); return;
    }
    say_travel(t, s, travel);
    if (travel) {
        say_how(t, travel);
    }
    say(t, "\n");
}

void drill_transcript_seen(void *ctx, const struct drill_seen *s)
{
    drill_transcript_line(ctx, s, NULL);
}

void drill_transcript_note(struct drill_transcript *t, const char *text)
{
    say(t, "# ");
    say(t, text);
    say(t, "\n");
}

static void add_field(struct drill_buf *out, const char *key, struct drill_span value)
{
    add(out, " ");
    add(out, key);
    add(out, "=");
    (void)add_bytes(out, value);
}

static void add_args(struct drill_buf *out, const struct drill_esmtp *args)
{
    struct drill_reader r = drill_reader_of(args->wire);
    struct drill_span arg;
    while (drill_read_str(&r, &arg)) {
        add_field(out, "arg", arg);
    }
}

static void write_setup(const struct drill_transcript_head *h, struct drill_buf *out)
{
    char text[200];
    const struct drill_client *c = h->client;
    const struct drill_envelope *m = c ? c->messages : NULL;
    (void)snprintf(text, sizeof(text), "mta %s version=%u actions=0x%x protocol=0x%x\n", h->mta,
                   h->settings->version, h->settings->actions, h->settings->protocol);
    add(out, text);
    if (h->milter) {
        (void)snprintf(text, sizeof(text), "milter %s\n", h->milter);
        add(out, text);
    }
    if (c) {
        add(out, "client");
        add_field(out, "addr", c->addr);
        (void)snprintf(text, sizeof(text), " port=%u", c->port);
        add(out, text);
        add_field(out, "host", c->host);
        add_field(out, "helo", c->helo);
        if (c->auth.len) {
            add_field(out, "auth", c->auth);
        }
        if (c->tls) {
            add(out, " tls=yes");
        }
        add(out, "\n");
    }
    if (m) {
        add(out, "message");
        add_field(out, "from", m->from);
        add_args(out, &m->from_args);
        for (size_t i = 0; i < m->rcpts; i++) {
            add_field(out, "rcpt", m->rcpt[i]);
            if (m->rcpt_args) {
                add_args(out, &m->rcpt_args[i]);
            }
        }
        if (h->mail_file) {
            add_field(out, "file", drill_span_str(h->mail_file));
        }
        add(out, "\n");
    }
}

static const char *outcome(const struct drill_told *told)
{
    return told->code / 100 == 2   ? "accept"
           : told->code / 100 == 4 ? "tempfail"
           : told->code / 100 == 5 ? "reject"
                                   : "drop";
}

void drill_transcript_write(const struct drill_transcript *t, const struct drill_transcript_head *h,
                            const struct drill_told *told, struct drill_buf *out)
{
    char text[64];
    add(out, "drill 1 ");
    (void)add_bytes(out, drill_span_str(h->title));
    if (h->tests) {
        add(out, " tests=");
        add(out, h->tests);
    }
    add(out, "\n");
    if (h->why && h->why[0]) {
        add(out, "why ");
        (void)add_bytes(out, drill_span_str(h->why));
        add(out, "\n");
    }
    write_setup(h, out);
    if (t->incomplete) {
        add(out, "# A frame was too large to keep: this recording is not complete.\n");
    }
    (void)drill_buf_append(out, drill_buf_span(&t->text));
    if (told) {
        (void)snprintf(text, sizeof(text), "verdict %s", outcome(told));
        add(out, text);
        if (told->code) {
            (void)snprintf(text, sizeof(text), " code=%u", told->code);
            add(out, text);
        }
        add(out, "\n");
    }
}
