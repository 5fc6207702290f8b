/* SPDX-License-Identifier: MIT */
#include "session/mail.h"

#include <string.h>

static const uint8_t CRLF[2] = {'\r', '\n'};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct drill_span trim_right(struct drill_span s)
{
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* ---- lines ---- */

/* True when the first line, or the only one, ends in CRLF. */
static bool first_line_is_crlf(struct drill_span s)
{
    size_t lf = drill_span_find(s, '\n');
    return lf < s.len && lf > 0 && s.ptr[lf - 1] == '\r';
}

/* Every LF to CRLF, in the arena. */
static enum drill_code to_crlf(struct drill_span in, struct drill_arena *arena,
                               struct drill_span *out)
{
    size_t lines = 0;
    for (size_t i = 0; i < in.len; i++) {
        lines += in.ptr[i] == '\n';
    }
    if (lines == 0 || lines > SIZE_MAX - in.len) {
        *out = in;
        return lines ? DRILL_ERR_MEMORY : DRILL_OK;
    }
    uint8_t *p = drill_arena_take(arena, in.len + lines);
    if (!p) {
        return DRILL_ERR_MEMORY;
    }
    *out = drill_span_of(p, in.len + lines);
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '\n') {
            *p++ = '\r';
        }
        *p++ = in.ptr[i];
    }
    return DRILL_OK;
}

/* Takes a line from the front; `whole` says whether it had its end (LF or CRLF), which is cut. */
static struct drill_span take_line(struct drill_span *in, bool *whole)
{
    size_t lf = drill_span_find(*in, '\n');
    *whole = lf < in->len;
    struct drill_span line = drill_span_sub(*in, 0, lf);
    *in = drill_span_sub(*in, lf + (*whole ? 1 : 0), in->len);
    if (*whole && line.len && line.ptr[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

/* The colon of a header field, or line.len. A name has no control characters and no blank inside;
 * it may be empty, have 8-bit bytes, or blanks at its end (RFC 5322 4.5.3, obsolete forms). */
static size_t field_colon(struct drill_span line)
{
    bool blank = false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i];
        if (c == ':') {
            return i;
        }
        if (is_blank(c) && i > 0) {
            blank = true;
        } else if (c <= ' ' || c == 0x7F || blank) {
            return line.len;
        }
    }
    return line.len;
}

/* ---- parsing ---- */

static enum drill_code add_header(struct drill_mail_header ***end, struct drill_span name,
                                  struct drill_span value, struct drill_arena *arena)
{
    struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
    if (!h) {
        return DRILL_ERR_MEMORY;
    }
    h->name = name;
    h->value = value;
    **end = h;
    *end = &h->next;
    return DRILL_OK;
}

/* The folds behind a field's first line: all lines that begin with a blank. */
static void take_folds(struct drill_span *in, struct drill_span *line, bool *whole)
{
    while (*whole && in->len && is_blank(in->ptr[0])) {
        struct drill_span fold = take_line(in, whole);
        line->len = (size_t)(fold.ptr + fold.len - line->ptr);
    }
}

static enum drill_code parse_headers(struct drill_mail *mail, struct drill_span in,
                                     struct drill_arena *arena, struct drill_error *err)
{
    struct drill_mail_header **end = &mail->headers;
    while (in.len) {
        struct drill_span here = in;
        bool whole;
        struct drill_span line = take_line(&in, &whole);
        size_t colon = field_colon(line);
        if (line.len == 0) {
            mail->body = in;
            mail->has_body = true;
            return DRILL_OK;
        }
        if (colon == line.len) {
            if (!mail->headers) {
                drill_error_set(err, DRILL_ERR_SYNTAX,
                                "a message starts with header fields (\"Name: value\")");
                drill_error_at(err, NULL, 1, 1);
                return DRILL_ERR_SYNTAX;
            }
            mail->text.len = 0;
            mail->body = here;
            mail->has_body = true;
            return DRILL_OK;
        }
        take_folds(&in, &line, &whole);
        if (!whole) {
            mail->text.len = 0;
        }
        struct drill_span value = drill_span_sub(line, colon + 1, line.len);
        if (add_header(&end, drill_span_sub(line, 0, colon), value, arena) != DRILL_OK) {
            return drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the message");
        }
    }
    return DRILL_OK;
}

enum drill_code drill_mail_parse(struct drill_span source, struct drill_arena *arena,
                                 struct drill_mail *mail, struct drill_error *err)
{
    struct drill_span first = drill_span_sub(source, 0, drill_span_find(source, '\n'));
    memset(mail, 0, sizeof(*mail));
    /* "From : alice" is a field, if an odd one. */
    if (drill_span_equal(drill_span_sub(first, 0, 5), drill_span_str("From ")) &&
        field_colon(first) == first.len) {
        drill_error_set(err, DRILL_ERR_SYNTAX,
                        "this is an mbox (\"From ...\" line): take that line off, or give the "
                        "message alone");
        drill_error_at(err, NULL, 1, 1);
        return DRILL_ERR_SYNTAX;
    }
    if (first_line_is_crlf(source)) {
        mail->text = source;
    } else if (to_crlf(source, arena, &mail->text) != DRILL_OK) {
        return drill_error_set(err, DRILL_ERR_MEMORY, "no memory for the message");
    }
    return parse_headers(mail, mail->text, arena, err);
}

/* ---- building ---- */

/* " " and the value, with LF folds made CRLF. */
static enum drill_code field_value(struct drill_span value, struct drill_arena *arena,
                                   struct drill_span *out)
{
    size_t more = 1;
    for (size_t i = 0; i < value.len; i++) {
        more += value.ptr[i] == '\n' && (i == 0 || value.ptr[i - 1] != '\r');
    }
    if (value.len > SIZE_MAX - more) {
        return DRILL_ERR_MEMORY;
    }
    uint8_t *p = drill_arena_take(arena, value.len + more);
    if (!p) {
        return DRILL_ERR_MEMORY;
    }
    *out = drill_span_of(p, value.len + more);
    *p++ = ' ';
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '\n' && (i == 0 || value.ptr[i - 1] != '\r')) {
            *p++ = '\r';
        }
        *p++ = value.ptr[i];
    }
    return DRILL_OK;
}

enum drill_code drill_mail_set_header(struct drill_mail *mail, struct drill_span name,
                                      struct drill_span value, struct drill_arena *arena)
{
    struct drill_span text;
    if (field_value(value, arena, &text) != DRILL_OK) {
        return DRILL_ERR_MEMORY;
    }
    mail->text.len = 0;
    struct drill_mail_header **end = &mail->headers;
    for (; *end; end = &(*end)->next) {
        if (drill_span_equal_nocase(trim_right((*end)->name), trim_right(name))) {
            (*end)->value = text;
            return DRILL_OK;
        }
    }
    return add_header(&end, name, text, arena);
}

void drill_mail_set_body(struct drill_mail *mail, struct drill_span body)
{
    mail->text.len = 0;
    mail->body = body;
    mail->has_body = true;
}

static struct drill_span without_brackets(struct drill_span s)
{
    if (s.len >= 2 && s.ptr[0] == '<' && s.ptr[s.len - 1] == '>') {
        return drill_span_sub(s, 1, s.len - 2);
    }
    return s;
}

enum drill_code drill_mail_default(struct drill_span from, struct drill_span to,
                                   struct drill_arena *arena, struct drill_mail *mail)
{
    memset(mail, 0, sizeof(*mail));
    drill_mail_set_body(mail, drill_span_str("Hello.\r\n"));
    enum drill_code rc =
        drill_mail_set_header(mail, drill_span_str("From"), without_brackets(from), arena);
    if (rc == DRILL_OK) {
        rc = drill_mail_set_header(mail, drill_span_str("To"), without_brackets(to), arena);
    }
    if (rc == DRILL_OK) {
        rc = drill_mail_set_header(mail, drill_span_str("Subject"), drill_span_str("Test"), arena);
    }
    return rc;
}

static void write_raw(const struct drill_mail *mail, struct drill_writer *w)
{
    for (const struct drill_mail_header *h = mail->headers; h; h = h->next) {
        drill_write_bytes(w, h->name);
        drill_write_u8(w, ':');
        drill_write_bytes(w, h->value);
        drill_write_bytes(w, drill_span_of(CRLF, sizeof(CRLF)));
    }
    if (mail->has_body) {
        drill_write_bytes(w, drill_span_of(CRLF, sizeof(CRLF)));
        drill_write_bytes(w, mail->body);
    }
}

enum drill_code drill_mail_finish(struct drill_mail *mail, struct drill_arena *arena)
{
    if (mail->text.len) {
        mail->raw = mail->text;
        return DRILL_OK;
    }
    struct drill_writer measure = drill_writer_of(NULL, 0);
    write_raw(mail, &measure);
    uint8_t *p = drill_arena_take(arena, measure.len);
    if (!p) {
        return DRILL_ERR_MEMORY;
    }
    struct drill_writer w = drill_writer_of(p, measure.len);
    write_raw(mail, &w);
    mail->raw = drill_writer_span(&w);
    return DRILL_OK;
}

enum drill_code drill_mail_finish_lean(struct drill_mail *mail, struct drill_arena *arena)
{
    struct drill_mail part = *mail;
    part.text.len = 0;
    part.body = drill_span_sub(mail->body, 0, DRILL_MAIL_SLICE);
    enum drill_code code = drill_mail_finish(&part, arena);
    mail->raw = drill_span_of(NULL, 0);
    mail->head = part.raw;
    mail->lead = part.raw.len - part.body.len;
    return code;
}

size_t drill_mail_size(const struct drill_mail *mail)
{
    return mail->lead ? mail->lead + mail->body.len : mail->raw.len;
}

struct drill_span drill_mail_slice(const struct drill_mail *mail, size_t at, size_t most)
{
    if (mail->lead == 0) {
        return drill_span_sub(mail->raw, at, most);
    }
    most = most < DRILL_MAIL_SLICE ? most : DRILL_MAIL_SLICE;
    return at < mail->lead ? drill_span_sub(mail->head, at, most)
                           : drill_span_sub(mail->body, at - mail->lead, most);
}

const struct drill_mail_header *drill_mail_find(const struct drill_mail *mail, const char *name)
{
    const struct drill_mail_header *h = mail->headers;
    while (h && !drill_span_equal_nocase(trim_right(h->name), drill_span_str(name))) {
        h = h->next;
    }
    return h;
}

/* ---- addresses ---- */

/* Moves behind a comment, which may hold others, or behind a quoted string. */
static size_t skip_quoted(struct drill_span s, size_t i)
{
    bool comment = s.ptr[i] == '(';
    size_t depth = 1;
    for (i++; i < s.len && depth; i++) {
        if (s.ptr[i] == '\\') {
            i++;
        } else if (comment && s.ptr[i] == '(') {
            depth++;
        } else if (s.ptr[i] == (comment ? ')' : '"')) {
            depth--;
        }
    }
    return i < s.len ? i : s.len;
}

static struct drill_span trim(struct drill_span s)
{
    while (s.len && s.ptr[0] <= ' ') {
        s = drill_span_sub(s, 1, s.len);
    }
    while (s.len && s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

/* What stands between < and >; a source route ("@a,@b:") is left out. Moves *i behind the >. */
static struct drill_span angle_address(struct drill_span s, size_t *i)
{
    size_t start = ++*i;
    bool route = start < s.len && s.ptr[start] == '@';
    while (*i < s.len && s.ptr[*i] != '>') {
        if (s.ptr[*i] == '"') {
            *i = skip_quoted(s, *i);
            continue;
        }
        if (route && s.ptr[*i] == ':') {
            start = *i + 1;
            route = false;
        }
        ++*i;
    }
    struct drill_span inside = drill_span_sub(s, start, *i - start);
    *i += *i < s.len;
    return trim(inside);
}

/* The next address of a list, which it takes from the front of *s. False at the end. */
static bool next_address(struct drill_span *s, struct drill_span *out)
{
    struct drill_span angle = {NULL, 0};
    size_t first = SIZE_MAX, last = 0, i = 0;
    while (i < s->len) {
        uint8_t c = s->ptr[i];
        if (c == ',' || c == ';') {
            i++;
            if (angle.ptr || first != SIZE_MAX) {
                break;
            }
        } else if (c == '(') {
            i = skip_quoted(*s, i);
        } else if (c == '<') {
            angle = angle_address(*s, &i);
        } else if (c == ':') {
            first = SIZE_MAX; /* it was a group's name */
            i++;
        } else if (c <= ' ') {
            i++;
        } else {
            first = first == SIZE_MAX ? i : first;
            i = c == '"' ? skip_quoted(*s, i) : i + 1;
            last = i;
        }
    }
    *out = angle.ptr           ? angle
           : first != SIZE_MAX ? drill_span_sub(*s, first, last - first)
                               : drill_span_of(NULL, 0);
    *s = drill_span_sub(*s, i, s->len);
    return out->ptr != NULL;
}

struct drill_span drill_mail_address(const struct drill_mail *mail, const char *name)
{
    struct drill_span address = {NULL, 0};
    const struct drill_mail_header *h = drill_mail_find(mail, name);
    if (h) {
        struct drill_span value = h->value;
        (void)next_address(&value, &address);
    }
    return address;
}

enum drill_code drill_mail_addresses(const struct drill_mail *mail, const char *name,
                                     struct drill_arena *arena, struct drill_span **list,
                                     size_t *count)
{
    const struct drill_mail_header *h = drill_mail_find(mail, name);
    struct drill_span address, value = h ? h->value : drill_span_of(NULL, 0);
    size_t more = 0;
    while (next_address(&value, &address)) {
        more++;
    }
    if (more == 0) {
        return DRILL_OK;
    }
    struct drill_span *all = drill_arena_take(arena, (*count + more) * sizeof(*all));
    if (!all) {
        return DRILL_ERR_MEMORY;
    }
    if (*count) {
        memcpy(all, *list, *count * sizeof(*all));
    }
    value = h->value;
    while (next_address(&value, &address)) {
        all[(*count)++] = address;
    }
    *list = all;
    return DRILL_OK;
}

/* ---- UTF-8 ---- */

/* Bytes of the sequence at the front, 0 when there is no valid one (Unicode 3.9, table 3-7). */
static size_t utf8_sequence(struct drill_span s)
{
    uint8_t a = s.ptr[0];
    if (a < 0x80) {
        return 1;
    }
    size_t n = a >= 0xC2 && a <= 0xDF   ? 2
               : a >= 0xE0 && a <= 0xEF ? 3
               : a >= 0xF0 && a <= 0xF4 ? 4
                                        : 0;
    if (n == 0 || s.len < n) {
        return 0;
    }
    uint8_t low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    uint8_t high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (s.ptr[1] < low || s.ptr[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < n; i++) {
        if ((s.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return n;
}

bool drill_mail_is_utf8(struct drill_span s)
{
    while (s.len) {
        size_t n = utf8_sequence(s);
        if (n == 0) {
            return false;
        }
        s = drill_span_sub(s, n, s.len);
    }
    return true;
}
