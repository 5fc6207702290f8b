/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "scenario/implied.h"
#include "scenario/import.h"
#include "scenario/print.h"
#include "wire/foreign.h"

enum {
    LENGTH_MAX = 64 << 20, /* over the largest frame that any peer takes (Stalwart: 50 MiB) */
    FILL_MAX = 16 << 20,   /* bytes of a talk that may be invented for missing ones */
    READS = 16             /* pieces of a frame whose sizes are told */
};

struct stream {
    struct drill_buf pending;   /* what has come of the current frame */
    uint32_t reads[READS];      /* in pieces of these sizes */
    size_t read_count, counted; /* `counted`: their sum */
    bool more_reads;
    bool lost;   /* between frames or within one: not known */
    bool faulty; /* some of it is raw */
    bool ended;  /* its side said that it sends no more */
};

struct writer {
    const struct drill_import_talk *talk;
    struct drill_transcript t;
    struct drill_implied implied;
    struct drill_transcript_sink sink;
    struct stream stream[2];
    struct drill_import_written *out;
    uint64_t first, now, told; /* times: of the first event, of this one, of the line before */
    uint64_t filled;
    uint64_t unread;   /* bytes behind the end, but for those of `drawn_on` */
    uint64_t drawn_on; /* bytes behind the end that a frame before it went on with */
    bool over;         /* one side ended it for good */
};

static void comment(struct writer *w, const char *text)
{
    drill_transcript_note(&w->t, text);
}

static const char *who(enum drill_dir dir)
{
    return dir == DRILL_TO_MILTER ? "MTA" : "milter";
}

static void line(struct writer *w, struct drill_seen *seen, struct drill_travelled *travel)
{
    seen->now = w->now;
    travel->after = w->told && w->now > w->told ? w->now - w->told : 0;
    w->told = w->now;
    drill_transcript_line(&w->t, seen, travel);
}

static void raw(struct writer *w, enum drill_dir dir, struct drill_span bytes, const char *why)
{
    struct drill_seen seen = {
        .kind = DRILL_SEEN_RAW, .dir = dir, .size = bytes.len, .payload = bytes, .whole = true};
    struct drill_travelled travel = {0};
    if (!bytes.len) {
        return;
    }
    if (why) {
        comment(w, why);
    }
    line(w, &seen, &travel);
    w->stream[dir].faulty = true;
    w->out->whole = false;
}

static void count_read(struct stream *s, size_t upto)
{
    if (upto <= s->counted) {
        return;
    }
    if (s->read_count < READS) {
        s->reads[s->read_count++] = (uint32_t)(upto - s->counted);
    } else {
        s->more_reads = true;
    }
    s->counted = upto;
}

/* It tells who the milter is; but here nothing that was captured is left out. */
static void note_late(struct writer *w, enum drill_dir dir)
{
    if (dir == DRILL_TO_MTA && w->implied.quit) {
        drill_implied_late(&w->implied);
    }
}

/* `join`: the next frame of this side came with it. */
static void frame(struct writer *w, enum drill_dir dir, uint8_t code, struct drill_span payload,
                  bool join)
{
    struct stream *s = &w->stream[dir];
    struct drill_message m;
    struct drill_seen seen = {.kind = DRILL_SEEN_FRAME,
                              .dir = dir,
                              .code = code,
                              .length = (uint32_t)payload.len + 1,
                              .size = payload.len,
                              .payload = payload,
                              .whole = true};
    struct drill_travelled travel = {
        .reads = s->reads, .count = s->read_count, .more = s->more_reads, .join = join};
    const struct drill_profile *mta = w->implied.mta;
    note_late(w, dir);
    (void)drill_message_decode(dir, code, payload, &m);
    drill_implied_frame(&w->implied, &m, w->t.beside[DRILL_BESIDE_MAIL].name);
    w->t.body_is_mail =
        w->t.body_is_mail || (!w->talk->invented && mta && strcmp(mta->name, "stalwart") == 0);
    line(w, &seen, &travel);
    s->read_count = s->counted = 0;
    s->more_reads = false;
    w->out->frames++;
}

/* Takes the whole frames at the front of *in. False when what follows is no frame. */
static bool take_frames(struct writer *w, enum drill_dir dir, struct drill_span *in)
{
    struct drill_frame_parser p;
    struct drill_frame f;
    drill_frame_init(&p, UINT32_MAX);
    while (drill_frame_take(&p, in, &f)) {
        count_read(&w->stream[dir], f.payload.len + DRILL_FRAME_HEADER_SIZE);
        frame(w, dir, f.code, f.payload, in->len > 0);
    }
    count_read(&w->stream[dir], in->len);
    if (in->len < 4) {
        return true;
    }
    uint32_t length = drill_be32(in->ptr);
    return length >= 1 && length <= LENGTH_MAX;
}

static void unframed(struct writer *w, enum drill_dir dir, struct drill_span bytes)
{
    char text[160];
    const struct drill_foreign *foreign = drill_foreign_find(bytes);
    (void)snprintf(text, sizeof(text), "What the %s sends here is not framed%s%s.", who(dir),
                   foreign ? ": it looks like " : "", foreign ? foreign->speaks : "");
    raw(w, dir, bytes, text);
    w->stream[dir].lost = true;
    w->stream[dir].read_count = w->stream[dir].counted = 0;
}

/* Looks for the next frame in bytes from the middle; what stands before it is raw. */
static void find_frame(struct writer *w, enum drill_dir dir, struct drill_span *bytes)
{
    size_t at = drill_import_sync(dir, *bytes);
    raw(w, dir, drill_span_sub(*bytes, 0, at), NULL);
    w->stream[dir].lost = at == bytes->len;
    *bytes = drill_span_sub(*bytes, at, bytes->len);
}

static bool bytes_came(struct writer *w, enum drill_dir dir, struct drill_span bytes)
{
    struct stream *s = &w->stream[dir];
    if (s->lost) {
        find_frame(w, dir, &bytes);
    }
    if (!bytes.len) {
        return true;
    }
    bool pending = s->pending.len != 0;
    if (pending && !drill_buf_append(&s->pending, bytes)) {
        return false;
    }
    struct drill_span in = pending ? drill_buf_span(&s->pending) : bytes;
    if (!take_frames(w, dir, &in)) {
        unframed(w, dir, in);
        in.len = 0;
    }
    if (pending) {
        if (in.ptr != s->pending.ptr) {
            memmove(s->pending.ptr, in.ptr, in.len);
        }
        s->pending.len = in.len;
        return true;
    }
    return drill_buf_append(&s->pending, in);
}

/* The frame under way is given up. */
static void flush(struct writer *w, enum drill_dir dir, const char *why)
{
    struct stream *s = &w->stream[dir];
    raw(w, dir, drill_buf_span(&s->pending), why);
    s->pending.len = s->read_count = s->counted = 0;
    s->more_reads = false;
}

/* Missing bytes of a frame whose length is known keep that length: x stands for them, and a NUL
 * where the last string must end. Returns how many were missing of this frame; 0: nothing can be
 * said. */
static uint64_t fill(struct writer *w, enum drill_dir dir, uint64_t missing)
{
    struct stream *s = &w->stream[dir];
    char text[120];
    if (s->pending.len < DRILL_FRAME_HEADER_SIZE) {
        return 0;
    }
    uint64_t want = (uint64_t)drill_be32(s->pending.ptr) + 4 - s->pending.len;
    uint64_t size = missing < want ? missing : want;
    const struct drill_proto_message *row = drill_proto_find(dir, s->pending.ptr[4]);
    if (size > FILL_MAX - w->filled || !row || !drill_buf_reserve(&s->pending, (size_t)size)) {
        return 0;
    }
    w->filled += size;
    (void)snprintf(text, sizeof(text),
                   "%llu bytes of the next frame of the %s were not captured: x stands for them.",
                   (unsigned long long)size, who(dir));
    comment(w, text);
    memset(s->pending.ptr + s->pending.len, 'x', (size_t)size);
    s->reads[s->read_count - 1] += (uint32_t)size; /* of the same packet, as far as is known */
    s->counted += (size_t)size;
    s->pending.len += (size_t)size;
    if (size == want && row->shape != DRILL_SHAPE_BYTES) {
        s->pending.ptr[s->pending.len - 1] = 0;
    }
    struct drill_span in = drill_buf_span(&s->pending);
    (void)take_frames(w, dir, &in);
    s->pending.len = in.len;
    return size;
}

static void gap(struct writer *w, enum drill_dir dir, uint64_t size)
{
    char text[120];
    w->out->whole = false;
    size -= fill(w, dir, size);
    if (size == 0) {
        return;
    }
    flush(w, dir, NULL);
    (void)snprintf(text, sizeof(text), "%llu bytes of the %s are missing here, frames among them.",
                   (unsigned long long)size, who(dir));
    comment(w, text);
    w->stream[dir].lost = true;
}

/* A FIN behind which the other side still sends, without being reset for it. */
static bool half_closed(const struct drill_import_event *end)
{
    bool more = false;
    for (const struct drill_import_event *e = end->next; e; e = e->next) {
        if (e->kind == DRILL_IMPORT_END && e->how == DRILL_END_RST && e->dir == end->dir) {
            return false;
        }
        more = more || (e->dir != end->dir && e->kind == DRILL_IMPORT_BYTES);
    }
    return more && end->how == DRILL_END_FIN;
}

static const char *how_text(enum drill_end how)
{
    return how == DRILL_END_RST ? "RST" : how == DRILL_END_FIN ? "FIN" : NULL;
}

/* A frame that was under way when the other side left: its sender went on with it until it heard of
 * that, and what it had sent is the frame. */
static void finish_frame(struct writer *w, const struct drill_import_event *end)
{
    enum drill_dir dir = end->dir == DRILL_TO_MTA ? DRILL_TO_MILTER : DRILL_TO_MTA;
    for (const struct drill_import_event *e = end->next; e && w->stream[dir].pending.len;
         e = e->next) {
        if (e->dir == dir && e->kind == DRILL_IMPORT_BYTES && bytes_came(w, dir, e->bytes)) {
            w->drawn_on += e->bytes.len;
        }
    }
    flush(w, dir, "The connection ended within this frame.");
}

/* Behind `quit` either side may close: no line for that. */
static void ended(struct writer *w, const struct drill_import_event *e)
{
    bool half = half_closed(e) && !w->implied.quit;
    struct drill_seen seen = {.kind = DRILL_SEEN_END,
                              .dir = e->dir,
                              .how = e->how,
                              .ours = half, /* only our own FIN is known to be one half */
                              .note = half ? "half-close" : NULL};
    struct drill_travelled travel = {.note = how_text(e->how)};
    flush(w, e->dir, "The connection ended within this frame.");
    if (!half) {
        finish_frame(w, e);
    }
    if (w->implied.quit && e->how == DRILL_END_FIN) {
        comment(w, e->dir == DRILL_TO_MILTER ? "the MTA ended: FIN" : "the milter ended: FIN");
    } else {
        line(w, &seen, &travel);
    }
    w->stream[e->dir].ended = true;
    w->over = !half;
}

static bool step(struct writer *w, const struct drill_import_event *e)
{
    w->now = e->time ? e->time : w->now;
    w->first = w->first ? w->first : e->time;
    if (w->over || w->stream[e->dir].ended) {
        w->unread += e->kind == DRILL_IMPORT_BYTES ? e->bytes.len : 0;
        note_late(w, e->dir);
        return true;
    }
    switch (e->kind) {
    case DRILL_IMPORT_BYTES: return bytes_came(w, e->dir, e->bytes);
    case DRILL_IMPORT_FRAME: frame(w, e->dir, e->code, e->bytes, false); break;
    case DRILL_IMPORT_GAP: gap(w, e->dir, e->size); break;
    case DRILL_IMPORT_END: ended(w, e); break;
    case DRILL_IMPORT_NOTE: comment(w, e->text); break;
    }
    return true;
}

static bool play(struct writer *w)
{
    bool ok = true;
    char text[80];
    if (w->talk->mid[0] || w->talk->mid[1]) {
        comment(w, "What was captured begins within this connection.");
    }
    for (const struct drill_import_event *e = w->talk->events; e && ok; e = e->next) {
        ok = step(w, e) && !w->out->refused;
    }
    if (!w->over) {
        flush(w, DRILL_TO_MILTER, "There is no more of this frame.");
        flush(w, DRILL_TO_MTA, "There is no more of this frame.");
    }
    w->unread -= w->drawn_on;
    if (w->unread) {
        (void)snprintf(text, sizeof(text), "%llu bytes came behind the end: nobody read them.",
                       (unsigned long long)w->unread);
        comment(w, text);
    }
    drill_implied_end(&w->implied, w->t.beside[DRILL_BESIDE_MAIL].name);
    return ok;
}

/* ---- the files beside it ---- */

static struct drill_import_file *file_of(struct drill_import_written *out, const char *name)
{
    for (struct drill_import_file *f = out->files; f; f = f->next) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    struct drill_import_file *f = drill_arena_take(out->arena, sizeof(*f));
    if (f) {
        (void)snprintf(f->name, sizeof(f->name), "%s", name);
        drill_buf_init(&f->bytes, out->alloc);
        *out->files_end = f;
        out->files_end = &f->next;
    }
    return f;
}

static void append(void *ctx, enum drill_beside_kind kind, const struct drill_beside *file,
                   struct drill_span bytes)
{
    struct drill_import_written *out = ctx;
    struct drill_import_file *f = file_of(out, file->name);
    (void)kind;
    if (f && file->size == 0) { /* it begins anew */
        out->size -= f->bytes.len;
        f->bytes.len = 0;
    }
    out->size += bytes.len;
    out->refused = out->refused || !f || out->size > DRILL_IMPORT_FILES_MAX ||
                   !drill_buf_append(&f->bytes, bytes);
}

/* ---- the first lines ---- */

static bool add(struct drill_buf *out, const char *text)
{
    return drill_buf_append(out, drill_span_str(text));
}

static const char *outcome(const struct writer *w)
{
    const struct drill_implied *i = &w->implied;
    if (!w->out->whole) {
        return "not whole";
    }
    if (i->accepted + i->refused == 0) {
        return i->failure ? "refused" : "no verdict";
    }
    return i->refused == 0 ? "accepted" : i->accepted == 0 ? "refused" : "some refused";
}

static bool write_title(const struct writer *w, struct drill_buf *out)
{
    char text[200], quoted[1000], time[24];
    uint32_t messages = w->implied.messages + w->implied.unlisted;
    int n = snprintf(text, sizeof(text), "imported: %s, %u message%s, %s",
                     w->implied.program[0] ? w->implied.program : "an MTA", messages,
                     messages == 1 ? "" : "s", outcome(w));
    struct drill_writer q = drill_writer_of(quoted, sizeof(quoted));
    drill_print_prose(drill_span_of(text, (size_t)n), &q);
    bool ok = add(out, "drill 1 ") && drill_buf_append(out, drill_writer_span(&q));
    /* A fault can be sent, but not asked of a program under test. */
    const struct stream *s = w->stream;
    if (s[DRILL_TO_MILTER].faulty != s[DRILL_TO_MTA].faulty) {
        ok = ok && add(out, s[DRILL_TO_MILTER].faulty ? " tests=milter" : " tests=mta");
    }
    /* What nobody timed was said all the same, and is played as what was. */
    if (!drill_import_time(w->first, time)) {
        (void)snprintf(time, sizeof(time), "1970-01-01T00:00:00Z");
    }
    (void)snprintf(text, sizeof(text), " recorded=\"%s\"\n", time);
    return ok && add(out, text);
}

static bool write_all(const struct writer *w, const char *stem)
{
    struct drill_buf *out = &w->out->text;
    const struct drill_profile *mta = w->implied.mta;
    bool ok =
        write_title(w, out) &&
        add(out, "# This file holds real mail. Before you give it away: milterdrill scrub ") &&
        add(out, stem) && add(out, ".drill\n");
    const struct drill_profile *sides[] = {mta, w->implied.milter};
    for (size_t i = 0; i < 2; i++) {
        if (sides[i]) {
            ok = ok && add(out, i == 0 ? "mta " : "milter ") && add(out, sides[i]->name) &&
                 add(out, "\n");
        }
    }
    ok = ok && drill_buf_append(out, drill_buf_span(&w->implied.setup));
    if (w->implied.unlisted) {
        ok = ok && add(out, "# More messages than these have no line here.\n");
    }
    ok = ok && drill_buf_append(out, drill_buf_span(&w->t.text));
    drill_implied_verdicts(&w->implied, out);
    return ok;
}

bool drill_import_write(const struct drill_import_talk *talk, const char *stem, bool beside,
                        struct drill_arena *arena, const struct drill_alloc *alloc,
                        struct drill_import_written *out)
{
    struct writer w = {.talk = talk, .out = out, .sink = {append, out}};
    memset(out, 0, sizeof(*out));
    out->files_end = &out->files;
    out->arena = arena;
    out->alloc = alloc;
    out->whole = !talk->mid[0] && !talk->mid[1];
    drill_buf_init(&out->text, alloc);
    if (beside) {
        drill_transcript_stream(&w.t, stem, &w.sink, alloc);
    } else {
        drill_transcript_init(&w.t, stem, arena, alloc);
    }
    drill_implied_init(&w.implied, alloc);
    for (int i = 0; i < 2; i++) {
        drill_buf_init(&w.stream[i].pending, alloc);
        w.stream[i].lost = talk->mid[i];
    }
    bool ok = play(&w) && write_all(&w, stem) && !w.t.incomplete && !out->refused;
    out->wants_files = w.t.files != NULL;
    out->messages = w.implied.messages + w.implied.unlisted;
    drill_implied_fini(&w.implied);
    drill_transcript_fini(&w.t);
    drill_buf_fini(&w.stream[0].pending);
    drill_buf_fini(&w.stream[1].pending);
    return ok;
}

void drill_import_written_fini(struct drill_import_written *w)
{
    for (struct drill_import_file *f = w->files; f; f = f->next) {
        drill_buf_fini(&f->bytes);
    }
    w->files = NULL;
    drill_buf_fini(&w->text);
}
