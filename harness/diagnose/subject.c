/* SPDX-License-Identifier: MIT */
#include "diagnose/subject.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 76 }; /* letters of a line of filler */

static size_t count_headers(const struct drill_mail *mail)
{
    size_t n = 0;
    for (const struct drill_mail_header *h = mail->headers; h; h = h->next) {
        n++;
    }
    return n;
}

bool drill_subject_of(const struct drill_client *client, const struct drill_settings *settings,
                      struct drill_arena *arena, struct drill_subject *out)
{
    const struct drill_envelope *m = client->messages;
    memset(out, 0, sizeof(*out));
    out->settings = *settings;
    out->client = *client;
    out->from = m->from;
    out->from_args = m->from_args;
    out->rcpt = m->rcpt;
    out->rcpt_args = m->rcpt_args;
    out->rcpts = m->rcpts;
    out->body = m->mail.body;
    const struct drill_mail_header **list =
        drill_arena_take(arena, (count_headers(&m->mail) + 1) * sizeof(const void *));
    if (!list) {
        return false;
    }
    for (const struct drill_mail_header *h = m->mail.headers; h; h = h->next) {
        list[out->headers++] = h;
    }
    out->header = list;
    return true;
}

static bool link_headers(const struct drill_subject *s, struct drill_arena *arena,
                         struct drill_mail_header **first)
{
    struct drill_mail_header **end = first;
    for (size_t i = 0; i < s->headers; i++) {
        struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
        if (!h) {
            return false;
        }
        h->name = s->header[i]->name;
        h->value = s->header[i]->value;
        *end = h;
        end = &h->next;
    }
    return true;
}

/* All but the message in one piece. */
static struct drill_client *loose_traffic(const struct drill_subject *s, struct drill_arena *arena)
{
    struct drill_client *c = drill_arena_take(arena, sizeof(*c));
    struct drill_envelope *m = drill_arena_take(arena, sizeof(*m));
    if (!c || !m || !link_headers(s, arena, &m->mail.headers)) {
        return NULL;
    }
    *c = s->client;
    c->next = NULL;
    c->messages = m;
    m->from = s->from;
    m->from_args = s->from_args;
    m->rcpt = s->rcpt;
    m->rcpt_args = s->rcpt_args;
    m->rcpts = s->rcpts;
    drill_mail_set_body(&m->mail, s->body);
    return c;
}

struct drill_client *drill_subject_traffic(const struct drill_subject *s, struct drill_arena *arena)
{
    struct drill_client *c = loose_traffic(s, arena);
    return c && drill_mail_finish(&c->messages->mail, arena) == DRILL_OK ? c : NULL;
}

/* For some MTAs the body begins at a line that is no header field: it is one piece with them. */
static bool has_odd_names(const struct drill_subject *s)
{
    for (size_t i = 0; i < s->headers; i++) {
        struct drill_span name = s->header[i]->name;
        for (size_t k = 0; k < name.len; k++) {
            if (name.ptr[k] <= ' ' || name.ptr[k] > '~') {
                return true;
            }
        }
        if (name.len == 0) {
            return true;
        }
    }
    return false;
}

struct drill_client *drill_subject_trial(const struct drill_subject *s, struct drill_arena *arena)
{
    if (s->body.len <= DRILL_MAIL_SLICE || s->settings.chunk > DRILL_MAIL_SLICE ||
        has_odd_names(s)) {
        return drill_subject_traffic(s, arena);
    }
    struct drill_client *c = loose_traffic(s, arena);
    return c && drill_mail_finish_lean(&c->messages->mail, arena) == DRILL_OK ? c : NULL;
}

bool drill_subject_keep_headers(struct drill_subject *s, const bool *keep,
                                struct drill_arena *arena)
{
    const struct drill_mail_header **list =
        drill_arena_take(arena, (s->headers + 1) * sizeof(const void *));
    if (!list) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < s->headers; i++) {
        if (keep[i]) {
            list[n++] = s->header[i];
        }
    }
    s->header = list;
    s->headers = n;
    return true;
}

bool drill_subject_keep_rcpts(struct drill_subject *s, const bool *keep, struct drill_arena *arena)
{
    struct drill_span *list = drill_arena_take(arena, (s->rcpts + 1) * sizeof(*list));
    struct drill_esmtp *args = drill_arena_take(arena, (s->rcpts + 1) * sizeof(*args));
    if (!list || !args) {
        return false;
    }
    size_t n = 0;
    for (size_t i = 0; i < s->rcpts; i++) {
        if (keep[i]) {
            list[n] = s->rcpt[i];
            if (s->rcpt_args) {
                args[n] = s->rcpt_args[i];
            }
            n++;
        }
    }
    s->rcpt = list;
    s->rcpt_args = s->rcpt_args ? args : NULL;
    s->rcpts = n;
    return true;
}

/* The subject's list with a header of its own in place i. */
static bool set_header(struct drill_subject *s, size_t i, struct drill_span name,
                       struct drill_span value, struct drill_arena *arena)
{
    struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
    const struct drill_mail_header **list =
        drill_arena_take(arena, (s->headers + 1) * sizeof(const void *));
    if (!h || !list) {
        return false;
    }
    for (size_t k = 0; k < s->headers; k++) {
        list[k] = s->header[k];
    }
    h->name = name;
    h->value = value;
    list[i] = h;
    s->header = list;
    return true;
}

bool drill_subject_set_value(struct drill_subject *s, size_t i, struct drill_span value,
                             struct drill_arena *arena)
{
    return set_header(s, i, s->header[i]->name, value, arena);
}

bool drill_subject_set_name(struct drill_subject *s, size_t i, struct drill_span name,
                            struct drill_arena *arena)
{
    return set_header(s, i, name, s->header[i]->value, arena);
}

static struct drill_span made(struct drill_arena *arena, const char *before, size_t n,
                              const char *behind)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s%zu%s", before, n, behind);
    return drill_arena_copy(arena, drill_span_str(text));
}

/* n headers; a name that is NULL: each has its own. */
static bool many_headers(struct drill_subject *s, const struct drill_span *name, size_t n,
                         struct drill_arena *arena)
{
    const struct drill_mail_header **list = drill_arena_take(arena, (n + 1) * sizeof(const void *));
    for (size_t i = 0; list && i < n; i++) {
        struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
        if (!h) {
            return false;
        }
        h->name = name ? *name : made(arena, "X-Drill-", i + 1, "");
        h->value = drill_span_str(" a");
        if (!h->name.ptr) {
            return false;
        }
        list[i] = h;
    }
    s->header = list;
    s->headers = n;
    return list != NULL;
}

bool drill_subject_plain_headers(struct drill_subject *s, size_t n, struct drill_arena *arena)
{
    return many_headers(s, NULL, n, arena);
}

bool drill_subject_same_headers(struct drill_subject *s, struct drill_span name, size_t n,
                                struct drill_arena *arena)
{
    return many_headers(s, &name, n, arena);
}

bool drill_subject_all_values(struct drill_subject *s, struct drill_span value, size_t count,
                              struct drill_span longer, struct drill_arena *arena)
{
    const struct drill_mail_header **list =
        drill_arena_take(arena, (s->headers + 1) * sizeof(const void *));
    for (size_t i = 0; list && i < s->headers; i++) {
        struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
        if (!h) {
            return false;
        }
        h->name = s->header[i]->name;
        h->value = i < count ? longer : value;
        list[i] = h;
    }
    s->header = list;
    return list != NULL;
}

bool drill_subject_add_header(struct drill_subject *s, const struct drill_mail_header *header,
                              struct drill_arena *arena)
{
    const struct drill_mail_header **list =
        drill_arena_take(arena, (s->headers + 2) * sizeof(const void *));
    if (!list) {
        return false;
    }
    for (size_t i = 0; i < s->headers; i++) {
        list[i] = s->header[i];
    }
    list[s->headers++] = header;
    s->header = list;
    return true;
}

bool drill_subject_plain_rcpts(struct drill_subject *s, size_t n, struct drill_arena *arena)
{
    struct drill_span *list = drill_arena_take(arena, (n + 1) * sizeof(*list));
    for (size_t i = 0; list && i < n; i++) {
        list[i] = n == 1 ? drill_span_str("<bob@example.com>")
                         : made(arena, "<bob", i + 1, "@example.com>");
        if (!list[i].ptr) {
            return false;
        }
    }
    s->rcpt = list;
    s->rcpt_args = NULL;
    s->rcpts = n;
    return list != NULL;
}

/* What mail has besides, by RFC 5322. */
static bool add_usual(struct drill_subject *s, struct drill_arena *arena)
{
    static const char *const USUAL[][2] = {{"Date", " Fri, 2 May 2025 10:11:12 +0200"},
                                           {"Message-ID", " <drill.1@example.org>"}};
    for (size_t i = 0; i < sizeof(USUAL) / sizeof(*USUAL); i++) {
        struct drill_mail_header *h = drill_arena_take(arena, sizeof(*h));
        if (!h || !drill_subject_add_header(s, h, arena)) {
            return false;
        }
        h->name = drill_span_str(USUAL[i][0]);
        h->value = drill_span_str(USUAL[i][1]);
    }
    return true;
}

bool drill_subject_plain_message(struct drill_subject *s, struct drill_arena *arena)
{
    struct drill_mail mail;
    struct drill_client client = s->client;
    struct drill_envelope m = {0};
    struct drill_subject plain;
    if (drill_mail_default(drill_span_str("alice@example.org"), drill_span_str("bob@example.com"),
                           arena, &mail) != DRILL_OK) {
        return false;
    }
    m.mail = mail;
    client.messages = &m;
    if (!drill_subject_of(&client, &s->settings, arena, &plain)) {
        return false;
    }
    s->from = drill_span_str("<alice@example.org>");
    s->from_args = (struct drill_esmtp){{NULL, 0}, {NULL, 0}};
    s->header = plain.header;
    s->headers = plain.headers;
    s->body = plain.body;
    return add_usual(s, arena) && drill_subject_plain_rcpts(s, 1, arena);
}

bool drill_subject_macro(struct drill_subject *s, uint8_t code, const char *name, const char *value,
                         struct drill_arena *arena)
{
    struct drill_extra_macro *m = drill_arena_take(arena, sizeof(*m));
    if (!m) {
        return false;
    }
    m->code = code;
    m->name = drill_arena_copy(arena, drill_span_str(name));
    m->value = value ? drill_arena_copy(arena, drill_span_str(value)) : drill_span_str("");
    m->absent = value == NULL;
    m->next = s->client.macros;
    s->client.macros = m;
    return m->name.ptr && m->value.ptr;
}

struct drill_span drill_subject_filler(size_t size, bool lines, struct drill_arena *arena)
{
    uint8_t *p = drill_arena_take(arena, size + 1);
    if (!p) {
        return drill_span_of(NULL, 0);
    }
    memset(p, 'a', size);
    for (size_t i = LINE; lines && i + 1 < size; i += LINE + 2) {
        p[i] = '\r';
        p[i + 1] = '\n';
    }
    if (lines && size >= 2) {
        p[size - 2] = '\r';
        p[size - 1] = '\n';
    }
    return drill_span_of(p, size);
}

static bool is_word(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

struct drill_span drill_subject_masked(struct drill_span text, struct drill_arena *arena)
{
    uint8_t *p = drill_arena_take(arena, text.len + 1);
    for (size_t i = 0; p && i < text.len; i++) {
        p[i] = is_word(text.ptr[i]) ? 'a' : text.ptr[i];
    }
    return drill_span_of(p, p ? text.len : 0);
}
