/* SPDX-License-Identifier: MIT */
#include "scenario/transcript.h"

#include <stdio.h>

#include "wire/text.h"

void drill_transcript_init(struct drill_transcript *t, const char *stem, struct drill_arena *arena,
                           const struct drill_alloc *alloc)
{
    t->arena = arena;
    t->stem = stem;
    drill_buf_init(&t->text, alloc);
    t->files = NULL;
    t->files_end = &t->files;
    t->count = 0;
    t->incomplete = false;
}

void drill_transcript_fini(struct drill_transcript *t)
{
    drill_buf_fini(&t->text);
}

static void add(struct drill_buf *out, const char *text)
{
    (void)drill_buf_append(out, drill_span_str(text));
}

/* A line of the recording, or a part of one: without it the recording is not complete. */
static void say(struct drill_transcript *t, const char *text)
{
    t->incomplete = !drill_buf_append(&t->text, drill_span_str(text)) || t->incomplete;
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

static void say_bytes(struct drill_transcript *t, struct drill_span bytes)
{
    t->incomplete = !add_bytes(&t->text, bytes) || t->incomplete;
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
    const char *name = add_file(t, value);
    (void)snprintf(text, sizeof(text), " %s=file ", field);
    say(t, text);
    say_bytes(t, drill_span_str(name ? name : ""));
}

static void frame(struct drill_transcript *t, const struct drill_seen *s)
{
    struct drill_message m;
    char cut[32];
    if (!s->whole) {
        t->incomplete = true;
        return;
    }
    drill_message_decode(s->dir, s->code, s->payload, &m);
    struct drill_writer measure = drill_writer_of(NULL, 0);
    drill_text_message(&measure, &m, 0);
    struct drill_span value;
    (void)large_field(&m, &value);
    if (value.len > DRILL_TRANSCRIPT_INLINE && measure.len > DRILL_TRANSCRIPT_INLINE) {
        large(t, &m);
    } else if (!add_frame(&t->text, &m)) {
        t->incomplete = true;
    }
    if (s->length != s->size + 1) {
        (void)snprintf(cut, sizeof(cut), " length=%u", s->length);
        say(t, cut);
    }
    if (s->ours && s->total < s->size + DRILL_FRAME_HEADER_SIZE) {
        (void)snprintf(cut, sizeof(cut), " cut=%llu", (unsigned long long)s->total);
        say(t, cut);
    }
    say(t, "\n");
}

static void raw(struct drill_transcript *t, const struct drill_seen *s)
{
    say(t, mark(s->dir));
    say(t, "raw data=");
    if (s->payload.len > DRILL_TRANSCRIPT_INLINE) {
        const char *name = add_file(t, s->payload);
        say(t, "file ");
        say_bytes(t, drill_span_str(name ? name : ""));
    } else {
        say_bytes(t, s->payload);
    }
    say(t, "\n");
}

static const char *ending(const struct drill_seen *s)
{
    switch (s->how) {
    case DRILL_END_RST: return "reset\n";
    case DRILL_END_REFUSED: return "refuse\n";
    case DRILL_END_ERROR: return "hangup\n";
    case DRILL_END_FIN:
    case DRILL_END_EPIPE:
    case DRILL_END_NONE: break;
    }
    return s->note && s->ours ? "half-close\n" : "close\n";
}

void drill_transcript_seen(void *ctx, const struct drill_seen *s)
{
    struct drill_transcript *t = ctx;
    switch (s->kind) {
    case DRILL_SEEN_OPEN: say(t, "> open\n"); break;
    case DRILL_SEEN_FRAME: frame(t, s); break;
    case DRILL_SEEN_RAW: raw(t, s); break;
    case DRILL_SEEN_END:
        say(t, mark(s->dir));
        say(t, ending(s));
        break;
    case DRILL_SEEN_QUIET:
        say(t, "# ");
        say(t, s->note ? s->note : "silence");
        say(t, "\n");
        break;
    }
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
