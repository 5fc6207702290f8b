/* SPDX-License-Identifier: MIT */
#include "scenario/import_log.h"

#include <string.h>

enum {
    SESSIONS = 1024, /* that are looked through for the one of a line */
    ENDINGS = 16     /* places where contents may end that are tried */
};

struct session {
    struct drill_span key;
    struct drill_import_talk *talk;
    bool told_bodies;
    struct session *next; /* the one used before */
};

struct log {
    struct drill_import *im;
    struct session *sessions; /* the last one used first */
    struct drill_span filler; /* x, as many as the largest body so far */
    uint64_t events, offset;
    uint32_t line;
};

/* ---- a line ---- */

static size_t find(struct drill_span s, size_t from, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = from; i + n <= s.len; i++) {
        if (memcmp(s.ptr + i, text, n) == 0) {
            return i;
        }
    }
    return s.len;
}

static bool two_digits(const uint8_t *p, unsigned *out)
{
    *out = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
    return p[0] >= '0' && p[0] <= '9' && p[1] >= '0' && p[1] <= '9';
}

/* Days since 1970-01-01; years count from March, so that a leap day is the last of its year. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

/* 2026-11-20T12:00:00[.123456](Z|+01:00): microseconds since 1970, or 0. */
static uint64_t time_of(struct drill_span s)
{
    unsigned century, year, month, day, hour, minute, second;
    const uint8_t *p = s.ptr;
    if (s.len < 20 || !two_digits(p, &century) || !two_digits(p + 2, &year) || p[4] != '-' ||
        !two_digits(p + 5, &month) || !two_digits(p + 8, &day) || !two_digits(p + 11, &hour) ||
        !two_digits(p + 14, &minute) || !two_digits(p + 17, &second) || month < 1 || month > 12 ||
        day < 1 || century * 100 + year < 1970) {
        return 0;
    }
    uint64_t seconds =
        days_of(century * 100 + year, month, day) * 86400 + hour * 3600U + minute * 60U + second;
    uint64_t micros = 0, unit = 100000;
    size_t at = 19;
    if (p[at] == '.') {
        for (at++; at < s.len && p[at] >= '0' && p[at] <= '9'; at++, unit /= 10) {
            micros += (uint64_t)(p[at] - '0') * unit;
        }
    }
    if (s.len - at >= 6 && (p[at] == '+' || p[at] == '-') && two_digits(p + at + 1, &hour) &&
        two_digits(p + at + 4, &minute)) {
        uint64_t away = hour * 3600U + minute * 60U;
        seconds = p[at] == '-' ? seconds + away : seconds > away ? seconds - away : 0;
    }
    return seconds * 1000000 + micros;
}

/* ---- who talks with whom ---- */

static bool is_key(struct drill_span name)
{
    static const char *const keys[] = {"listenerId", "localIp",   "localPort", "remoteIp",
                                       "remotePort", "sessionId", "spanId",    "id"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (drill_span_equal(name, drill_span_str(keys[i]))) {
            return true;
        }
    }
    return false;
}

/* The pairs before `contents` that say so, as they are, in the arena. */
static struct drill_span key_of(struct log *l, struct drill_span pairs)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    uint8_t *buf = drill_arena_take(l->im->arena, pairs.len + 1);
    l->im->no_memory = l->im->no_memory || !buf;
    w = drill_writer_of(buf, buf ? pairs.len : 0);
    while (pairs.len) {
        size_t end = find(pairs, 0, ", "), equals = find(pairs, 0, " = ");
        struct drill_span pair = drill_span_sub(pairs, 0, end), name = pair;
        name.len = equals < name.len ? equals : name.len;
        while (name.len && name.ptr[0] == ' ') {
            name = drill_span_sub(name, 1, name.len);
        }
        if (is_key(name)) {
            drill_write_text(&w, w.len ? ", " : "");
            drill_write_bytes(&w, drill_span_sub(pair, (size_t)(name.ptr - pair.ptr), pair.len));
        }
        pairs = drill_span_sub(pairs, end + 2, pairs.len);
    }
    return drill_writer_span(&w);
}

static struct session *session_of(struct log *l, struct drill_span pairs)
{
    struct drill_span key = key_of(l, pairs);
    struct session **place = &l->sessions, *s;
    for (int i = 0; i < SESSIONS && *place; i++, place = &(*place)->next) {
        s = *place;
        if (drill_span_equal(s->key, key)) {
            *place = s->next;
            s->next = l->sessions;
            l->sessions = s;
            return s;
        }
    }
    s = l->im->no_memory ? NULL : drill_arena_take(l->im->arena, sizeof(*s));
    if (!s) {
        l->im->no_memory = true;
        return NULL;
    }
    s->key = key;
    s->next = l->sessions;
    l->sessions = s;
    return s;
}

/* The session's connection; a new one when there is none, or when `fresh`. */
static struct drill_import_talk *talk_of(struct log *l, struct session *s, bool fresh)
{
    if (!s->talk || fresh) {
        s->talk = drill_import_talk_new(l->im);
        s->told_bodies = false;
        if (!s->talk) {
            return NULL;
        }
        s->talk->mid[0] = s->talk->mid[1] = !fresh;
        s->talk->invented = true;
        struct drill_writer w = drill_writer_of(s->talk->label, sizeof(s->talk->label) - 1);
        drill_write_text(&w, "line ");
        drill_write_dec(&w, l->line);
        drill_write_text(&w, s->key.len ? ", " : "");
        drill_write_bytes(&w, drill_span_sub(s->key, 0, 100));
        drill_import_keep(l->im, s->talk);
    }
    return s->talk;
}

/* ---- frames ---- */

static struct drill_span unknown_bytes(struct log *l, size_t size)
{
    if (l->filler.len < size) {
        size_t room = size > 2 * l->filler.len ? size : 2 * l->filler.len;
        uint8_t *x = drill_arena_take(l->im->arena, room);
        if (!x) {
            l->im->no_memory = true;
            return drill_span_of(NULL, 0);
        }
        memset(x, 'x', room);
        l->filler = drill_span_of(x, room);
    }
    return drill_span_sub(l->filler, 0, size);
}

static void add_frame(struct log *l, struct session *s, enum drill_dir dir,
                      const struct drill_log_frame *f, uint64_t time)
{
    bool offer = dir == DRILL_TO_MILTER && f->code == DRILL_SMFIC_OPTNEG;
    struct drill_import_talk *talk = talk_of(l, s, offer);
    struct drill_import_event *e;
    if (talk && f->body && !s->told_bodies) {
        s->told_bodies = true;
        e = drill_import_add(l->im, talk, DRILL_IMPORT_NOTE, dir, time);
        if (e) {
            e->text = "The log has no bodies, only their sizes: x stands for what was there.";
        }
    }
    e = talk ? drill_import_add(l->im, talk, DRILL_IMPORT_FRAME, dir, time) : NULL;
    if (e) {
        e->code = f->code;
        e->bytes = f->body ? unknown_bytes(l, (size_t)f->size) : f->payload;
    }
}

static bool two_hex(struct drill_span s, uint8_t *out)
{
    uint8_t v = 0;
    for (size_t i = 0; i < 2; i++) {
        uint8_t c = i < s.len ? s.ptr[i] : 0, d = (uint8_t)(c | 0x20);
        if (!(c >= '0' && c <= '9') && !(d >= 'a' && d <= 'f')) {
            return false;
        }
        v = (uint8_t)(v << 4 | (c <= '9' ? c - '0' : d - 'a' + 10));
    }
    *out = v;
    return true;
}

/* One of the log's own escapes at the front: \r \n \t \\ \" \x1b; its length, or 0. */
static size_t escape_at(struct drill_span s, uint8_t *out)
{
    static const char from[] = "rnt\\\"", to[] = "\r\n\t\\\"";
    const char *known =
        s.len >= 2 && s.ptr[0] == '\\' ? memchr(from, s.ptr[1], sizeof(from) - 1) : NULL;
    if (known) {
        *out = (uint8_t)to[known - from];
        return 2;
    }
    bool hex =
        s.len >= 4 && s.ptr[0] == '\\' && s.ptr[1] == 'x' && two_hex(drill_span_sub(s, 2, 2), out);
    return hex ? 4 : 0;
}

/* Others stay as they are. */
static struct drill_span unescape(struct log *l, struct drill_span s)
{
    uint8_t *out = drill_arena_take(l->im->arena, s.len + 1);
    size_t n = 0;
    if (!out) {
        l->im->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    for (size_t i = 0; i < s.len; n++) {
        size_t escape = escape_at(drill_span_sub(s, i, 4), &out[n]);
        if (!escape) {
            out[n] = s.ptr[i];
        }
        i += escape ? escape : 1;
    }
    return drill_span_of(out, n);
}

/* Behind a quote that may end a string: nothing, or the next key. */
static bool string_may_end(struct drill_span rest)
{
    while (rest.len && (rest.ptr[0] == ' ' || rest.ptr[0] == '\r')) {
        rest = drill_span_sub(rest, 1, rest.len);
    }
    if (!rest.len) {
        return true;
    }
    size_t i = 2;
    if (rest.ptr[0] != ',' || find(drill_span_sub(rest, 0, 80), 0, " = ") >= 80) {
        return false;
    }
    while (i < rest.len && ((rest.ptr[i] | 0x20) >= 'a' && (rest.ptr[i] | 0x20) <= 'z')) {
        i++;
    }
    return i > 2 && find(rest, i, " = ") == i;
}

/* `text` begins behind the opening quote of contents. */
static bool read_contents(struct log *l, enum drill_dir dir, struct drill_span text,
                          struct drill_log_frame *frame)
{
    int tried = 0;
    uint8_t escaped;
    for (size_t i = 0; i < text.len && tried < ENDINGS && !l->im->no_memory; i++) {
        size_t escape = escape_at(drill_span_sub(text, i, 4), &escaped);
        if (escape) {
            i += escape - 1;
            continue;
        }
        if (text.ptr[i] != '"' || !string_may_end(drill_span_sub(text, i + 1, text.len))) {
            continue;
        }
        tried++;
        struct drill_span contents = unescape(l, drill_span_sub(text, 0, i));
        if (drill_log_frame_read(dir, contents, l->im->arena, frame, &l->im->no_memory)) {
            return true;
        }
    }
    return false;
}

static void frame_line(struct log *l, enum drill_dir dir, struct drill_span rest, uint64_t time)
{
    static const char mark[] = "contents = \"";
    struct drill_log_frame frame;
    size_t at = find(rest, 0, mark);
    struct session *s = session_of(l, drill_span_sub(rest, 0, at));
    if (s && at < rest.len &&
        read_contents(l, dir, drill_span_sub(rest, at + sizeof(mark) - 1, rest.len), &frame)) {
        add_frame(l, s, dir, &frame, time);
    } else if (!l->im->no_memory) {
        drill_import_note(l->im, 0, l->line, "this line's frame cannot be read: %s",
                          at < rest.len ? "its contents are none that are known, or too large"
                                        : "it has no contents = \"...\"");
    }
}

/* ---- what Stalwart complains of ---- */

static const struct complaint {
    const char *event;
    const char *text; /* a comment before the ending */
    enum drill_dir dir;
    enum drill_end how;
} complaints[] = {
    {"io-error", "Stalwart: Milter I/O error.", DRILL_TO_MTA, DRILL_END_ERROR},
    {"disconnected", NULL, DRILL_TO_MTA, DRILL_END_FIN},
    {"timeout", "Stalwart: Milter timeout.", DRILL_TO_MILTER, DRILL_END_FIN},
    {"frame-too-large", "Stalwart: Milter frame too large.", DRILL_TO_MILTER, DRILL_END_FIN},
    {"frame-invalid", "Stalwart: Invalid Milter frame.", DRILL_TO_MILTER, DRILL_END_FIN},
    {"unexpected-response", "Stalwart: Unexpected Milter response.", DRILL_TO_MILTER,
     DRILL_END_FIN},
    {"parse-error", "Stalwart: Milter parse error.", DRILL_TO_MILTER, DRILL_END_FIN},
};

/* Of frame-invalid, the only one with bytes in its details: the frame. */
static void invalid_frame(struct log *l, struct session *s, struct drill_span rest, uint64_t time)
{
    static const char mark[] = "details = base64:";
    size_t at = find(rest, 0, mark);
    if (at == rest.len) {
        return;
    }
    struct drill_span frame = drill_log_base64(
        drill_span_sub(rest, at + sizeof(mark) - 1, rest.len), l->im->arena, &l->im->no_memory);
    struct drill_import_event *e =
        frame.len ? drill_import_add(l->im, s->talk, DRILL_IMPORT_FRAME, DRILL_TO_MTA, time) : NULL;
    if (e) {
        e->code = frame.ptr[0];
        e->bytes = drill_span_sub(frame, 1, frame.len);
    }
}

static void complain(struct log *l, const struct complaint *c, struct drill_span rest,
                     uint64_t time)
{
    struct session *s = session_of(l, drill_span_sub(rest, 0, find(rest, 0, "details = ")));
    if (!s || !s->talk) {
        return; /* it never came to a frame */
    }
    struct drill_import_event *e;
    invalid_frame(l, s, rest, time);
    if (c->text && (e = drill_import_add(l->im, s->talk, DRILL_IMPORT_NOTE, c->dir, time))) {
        e->text = c->text;
    }
    e = drill_import_add(l->im, s->talk, DRILL_IMPORT_END, c->dir, time);
    if (e) {
        bool reset = find(rest, 0, "(os error 104)") < rest.len;
        e->how = c->how == DRILL_END_ERROR && reset ? DRILL_END_RST : c->how;
    }
    s->talk = NULL;
}

/* ---- the file ---- */

static bool known_and_silent(struct drill_span name)
{
    return find(name, 0, "action-") == 0 ||
           drill_span_equal(name, drill_span_str("tls-invalid-name"));
}

/* `name`: what is behind "(milter." of a line. */
static void event_line(struct log *l, struct drill_span name, struct drill_span rest, uint64_t time)
{
    l->events++;
    if (drill_span_equal(name, drill_span_str("write"))) {
        frame_line(l, DRILL_TO_MILTER, rest, time);
        return;
    }
    if (drill_span_equal(name, drill_span_str("read"))) {
        frame_line(l, DRILL_TO_MTA, rest, time);
        return;
    }
    for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
        if (drill_span_equal(name, drill_span_str(complaints[i].event))) {
            complain(l, &complaints[i], rest, time);
            return;
        }
    }
    if (!known_and_silent(name)) {
        drill_import_note(l->im, 0, l->line, "the event milter.%.*s is not known and passed over",
                          (int)(name.len < 40 ? name.len : 40), (const char *)name.ptr);
    }
}

/* Of the line, or behind what another log put in front of it. */
static uint64_t time_within(struct drill_span line)
{
    uint64_t time = time_of(line);
    for (size_t at = 0; !time && at < line.len; at++) {
        time = line.ptr[at] == ' ' ? time_of(drill_span_sub(line, at + 1, line.len)) : 0;
    }
    return time;
}

/* `below`: what follows in the file; lines that belong to this one are taken. */
static void one_line(struct log *l, struct drill_span line, struct drill_span *below)
{
    static const char mark[] = "(milter.";
    uint32_t lines = 0;
    if (find(line, 0, mark) == line.len) {
        return;
    }
    line = drill_log_joined(line, below, &lines, l->im->arena, &l->im->no_memory);
    line = drill_log_plain(line, l->im->arena, &l->im->no_memory);
    size_t at = find(line, 0, mark);
    if (at == line.len) {
        return;
    }
    struct drill_span name = drill_span_sub(line, at + sizeof(mark) - 1, line.len);
    name.len = drill_span_find(name, ')');
    struct drill_span head = drill_span_sub(line, 0, at);
    at = (size_t)(name.ptr - line.ptr) + name.len;
    event_line(l, name, drill_span_sub(line, at + 1, line.len), time_within(head));
    l->line += lines;
}

bool drill_import_log(struct drill_import *im, struct drill_span file)
{
    struct log l = {.im = im};
    struct drill_span in = file;
    while (in.len && !im->no_memory) {
        size_t end = drill_span_find(in, '\n');
        struct drill_span line = drill_span_sub(in, 0, end);
        in = drill_span_sub(in, end + 1, in.len);
        l.line++;
        one_line(&l, line, &in);
    }
    if (!l.events && !im->no_memory) {
        drill_import_note(im, 0, 1,
                          "no line of this log is a milter event; Stalwart writes them at the "
                          "level trace, with the tracer's events not filtered");
    }
    return l.events > 0;
}
