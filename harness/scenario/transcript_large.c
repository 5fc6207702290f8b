/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "scenario/transcript_parts.h"
#include "wire/text.h"

static const char *const endings[] = {".eml", ".mta.bin", ".milter.bin"};

static void name_file(struct drill_transcript *t, enum drill_beside_kind kind)
{
    struct drill_beside *file = &t->beside[kind];
    if (kind == DRILL_BESIDE_MAIL && t->mails > 1) {
        (void)snprintf(file->name, sizeof(file->name), "%.90s.%u.eml", t->stem, t->mails);
    } else {
        (void)snprintf(file->name, sizeof(file->name), "%.90s%s", t->stem, endings[kind]);
    }
}

void drill_transcript_append(struct drill_transcript *t, enum drill_beside_kind kind,
                             struct drill_span bytes)
{
    struct drill_beside *file = &t->beside[kind];
    if (bytes.len) {
        if (file->size == 0) {
            name_file(t, kind);
        }
        t->sink->append(t->sink->ctx, kind, file, bytes);
        file->size += bytes.len;
    }
}

static void say_slice(struct drill_transcript *t, enum drill_beside_kind kind, uint64_t from,
                      uint64_t len)
{
    char text[64];
    if (len == 0) {
        drill_transcript_say(t, "\"\"");
        return;
    }
    drill_transcript_say(t, "file ");
    drill_transcript_say_bytes(t, drill_span_str(t->beside[kind].name));
    (void)snprintf(text, sizeof(text), " %llu..%llu", (unsigned long long)from,
                   (unsigned long long)(from + len - 1));
    drill_transcript_say(t, text);
}

static bool is_body(enum drill_dir dir, uint8_t code)
{
    return dir == DRILL_TO_MILTER && (code == DRILL_SMFIC_BODY || code == DRILL_SMFIC_BODYEOB);
}

static enum drill_beside_kind file_of(enum drill_dir dir, uint8_t code)
{
    return is_body(dir, code)       ? DRILL_BESIDE_MAIL
           : dir == DRILL_TO_MILTER ? DRILL_BESIDE_FROM_MTA
                                    : DRILL_BESIDE_FROM_MILTER;
}

void drill_transcript_keep(struct drill_transcript *t, const struct drill_message *m,
                           struct drill_span bytes)
{
    enum drill_beside_kind kind = file_of(m->dir, m->code);
    if (kind != DRILL_BESIDE_MAIL) { /* a body is already there */
        drill_transcript_append(t, kind, bytes);
    }
    say_slice(t, kind, t->beside[kind].size - bytes.len, bytes.len);
}

/* ---- frames that come in pieces ---- */

static bool is_header(enum drill_dir dir, uint8_t code)
{
    return dir == DRILL_TO_MILTER && code == DRILL_SMFIC_HEADER;
}

void drill_transcript_begin(struct drill_transcript *t, enum drill_dir dir, uint8_t code)
{
    struct drill_transcript_large *large = &t->large[dir];
    memset(large, 0, sizeof(*large));
    large->code = code;
    large->kind = file_of(dir, code);
    if (is_body(dir, code)) {
        drill_transcript_mail_body(t);
    } else if (is_header(dir, code)) {
        drill_transcript_mail_header(t);
    }
    large->from = t->beside[large->kind].size;
}

/* The first string, and how many NULs there are: enough to tell `name, value` from anything else.
 */
static void look(struct drill_transcript_large *large, struct drill_span bytes)
{
    for (size_t i = 0; i < bytes.len && large->nuls < 3; i++) {
        uint8_t c = bytes.ptr[i];
        if (large->nuls == 0 && c != 0) {
            if (large->name < sizeof(large->first)) {
                large->first[large->name] = (char)c;
            }
            large->name++;
        }
        large->nuls += c == 0;
    }
    large->last = bytes.ptr[bytes.len - 1];
}

void drill_transcript_piece(struct drill_transcript *t, enum drill_dir dir, struct drill_span bytes)
{
    struct drill_transcript_large *large = &t->large[dir];
    if (bytes.len == 0) {
        return;
    }
    if (is_header(dir, large->code)) {
        drill_transcript_mail_field(t, bytes);
    }
    look(large, bytes);
    drill_transcript_append(t, large->kind, bytes);
    large->bytes += bytes.len;
}

void drill_transcript_streamed(struct drill_transcript *t, const struct drill_seen *s)
{
    const struct drill_transcript_large *large = &t->large[s->dir];
    const struct drill_proto_message *row = drill_proto_find(s->dir, s->code);
    char text[64];
    bool two = row && row->shape == DRILL_SHAPE_STR_STR && large->nuls == 2 && large->last == 0 &&
               large->name <= sizeof(large->first);
    drill_transcript_say(t, s->dir == DRILL_TO_MILTER ? "> " : "< ");
    if (row) {
        drill_transcript_say(t, row->word);
    } else {
        (void)snprintf(text, sizeof(text), "frame code=%u", s->code);
        drill_transcript_say(t, text);
    }
    if (two) {
        (void)snprintf(text, sizeof(text), " %s=", row->field[0]);
        drill_transcript_say(t, text);
        drill_transcript_say_bytes(t, drill_span_of(large->first, large->name));
        (void)snprintf(text, sizeof(text), " %s=", row->field[1]);
        drill_transcript_say(t, text);
        say_slice(t, large->kind, large->from + large->name + 1, large->bytes - large->name - 2);
    } else {
        drill_transcript_say(t, " data=");
        say_slice(t, large->kind, large->from, large->bytes);
    }
    if (is_body(s->dir, s->code) && s->code == DRILL_SMFIC_BODYEOB) {
        drill_transcript_mail_over(t);
    }
}

void drill_transcript_torn(struct drill_transcript *t, const struct drill_seen *s)
{
    const struct drill_transcript_large *large = &t->large[s->dir];
    drill_transcript_say_bytes(t, s->payload);
    if (large->bytes) {
        drill_transcript_say(t, " + ");
        say_slice(t, large->kind, large->from, large->bytes);
    }
    if (is_header(s->dir, large->code) && s->size > large->bytes) {
        drill_transcript_mail_fill(t, s->size - large->bytes);
    }
}
