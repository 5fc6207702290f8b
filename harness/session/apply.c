/* SPDX-License-Identifier: MIT */
#include "session/apply.h"

#include <string.h>

#include "session/apply_ops.h"

static const struct {
    const char *family;
    void (*apply)(struct drill_apply_state *s);
    bool early_discard; /* DISCARD to CONNECT and HELO drops the message */
} FAMILIES[] = {
    /* message.rs: an Action::Discard at any command ends the run as accepted. */
    {"stalwart", drill_apply_stalwart, true},
    /* milter8.c: "DISCARD action is not allowed for connect or helo". */
    {"postfix", drill_apply_postfix, false},
    /* sendmail/milter.c: the filter is dropped at CONNECT, HELO goes on (D-5). */
    {"sendmail", drill_apply_sendmail, false},
};

enum { FAMILY_COUNT = sizeof(FAMILIES) / sizeof(FAMILIES[0]) };

const char *drill_disposition_word(enum drill_disposition disposition)
{
    switch (disposition) {
    case DRILL_DISPOSE_DELIVER: return "delivered";
    case DRILL_DISPOSE_DISCARD: return "discarded";
    case DRILL_DISPOSE_HOLD: return "held";
    case DRILL_DISPOSE_REFUSE: return "refused";
    }
    return "";
}

/* ---- modifications ---- */

const struct drill_mod *drill_apply_next(const struct drill_apply *what, const struct drill_mod *m)
{
    while (m && (m->message != what->message || m->code == DRILL_SMFIR_DISCARD)) {
        m = m->next;
    }
    return m;
}

bool drill_apply_read(struct drill_apply_state *s, const struct drill_mod *mod,
                      struct drill_apply_args *args)
{
    struct drill_reader r = drill_reader_of(mod->payload);
    memset(args, 0, sizeof(*args));
    if (mod->cut) {
        s->cut = true;
        return false;
    }
    if ((mod->code == DRILL_SMFIR_INSHEADER || mod->code == DRILL_SMFIR_CHGHEADER) &&
        !drill_read_be32(&r, &args->index)) {
        return false;
    }
    while (args->strings < 2 && drill_read_str(&r, &args->str[args->strings])) {
        args->strings++;
    }
    args->rest = drill_reader_left(&r);
    return true;
}

/* ---- header ---- */

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

struct drill_apply_header *drill_apply_insert(struct drill_apply_state *s,
                                              struct drill_apply_header *after,
                                              struct drill_span name, struct drill_span text)
{
    struct drill_apply_header *h = s->no_memory ? NULL : drill_arena_take(s->arena, sizeof(*h));
    if (!h) {
        s->no_memory = true;
        return NULL;
    }
    struct drill_apply_header **at = after ? &after->next : &s->headers;
    h->name = name;
    h->text = text;
    h->counted = true;
    h->next = *at;
    *at = h;
    return h;
}

struct drill_apply_header *drill_apply_last(const struct drill_apply_state *s)
{
    struct drill_apply_header *h = s->headers;
    while (h && h->next) {
        h = h->next;
    }
    return h;
}

bool drill_apply_is(const struct drill_apply_header *h, struct drill_span name)
{
    return drill_span_equal_nocase(trim_right(h->name), name);
}

static void write_crlf(struct drill_writer *w)
{
    drill_write_text(w, "\r\n");
}

static void write_folds(struct drill_writer *w, struct drill_span value, char indent)
{
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] != '\n') {
            drill_write_u8(w, value.ptr[i]);
            continue;
        }
        write_crlf(w);
        if (i + 1 == value.len || !is_blank(value.ptr[i + 1])) {
            drill_write_u8(w, (uint8_t)indent);
        }
    }
}

static void write_field(struct drill_writer *w, struct drill_span name, const char *separator,
                        struct drill_span value, char indent)
{
    if (indent) {
        write_folds(w, name, indent);
        drill_write_text(w, separator);
        write_folds(w, value, indent);
        write_crlf(w);
        return;
    }
    drill_write_bytes(w, name);
    drill_write_text(w, separator);
    drill_write_bytes(w, value);
    if (value.len == 0 || value.ptr[value.len - 1] != '\n') {
        write_crlf(w);
    }
}

struct drill_span drill_apply_field(struct drill_apply_state *s, struct drill_span name,
                                    const char *separator, struct drill_span value, char indent)
{
    struct drill_writer w = drill_writer_of(NULL, 0);
    write_field(&w, name, separator, value, indent);
    uint8_t *p = s->no_memory ? NULL : drill_arena_take(s->arena, w.len);
    if (!p) {
        s->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    w = drill_writer_of(p, w.len);
    write_field(&w, name, separator, value, indent);
    return drill_writer_span(&w);
}

/* ---- body ---- */

void drill_apply_no_chunks(struct drill_apply_state *s)
{
    s->chunks = NULL;
    s->chunks_end = &s->chunks;
    s->chunks_size = 0;
}

void drill_apply_chunk(struct drill_apply_state *s, struct drill_span data)
{
    struct drill_apply_chunk *c = s->no_memory ? NULL : drill_arena_take(s->arena, sizeof(*c));
    if (!c) {
        s->no_memory = true;
        return;
    }
    c->data = data;
    *s->chunks_end = c;
    s->chunks_end = &c->next;
    s->chunks_size += data.len;
}

static struct drill_span join_chunks(struct drill_apply_state *s)
{
    uint8_t *p = drill_arena_take(s->arena, s->chunks_size);
    struct drill_writer w = drill_writer_of(p, p ? s->chunks_size : 0);
    for (const struct drill_apply_chunk *c = s->chunks; p && c; c = c->next) {
        drill_write_bytes(&w, c->data);
    }
    s->no_memory |= !p;
    return drill_writer_span(&w);
}

static void write_lines(struct drill_writer *w, struct drill_span body)
{
    for (size_t i = 0; i < body.len; i++) {
        if (body.ptr[i] == '\n' && (i == 0 || body.ptr[i - 1] != '\r')) {
            drill_write_u8(w, '\r');
        }
        drill_write_u8(w, body.ptr[i]);
    }
    if (body.len && body.ptr[body.len - 1] != '\n') {
        write_crlf(w);
    }
}

static struct drill_span new_body(struct drill_apply_state *s)
{
    struct drill_span body = join_chunks(s);
    if (!s->lines) {
        return body;
    }
    struct drill_writer w = drill_writer_of(NULL, 0);
    write_lines(&w, body);
    uint8_t *p = drill_arena_take(s->arena, w.len);
    if (!p) {
        s->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    w = drill_writer_of(p, w.len);
    write_lines(&w, body);
    return drill_writer_span(&w);
}

/* ---- envelope ---- */

struct drill_span drill_apply_trim(struct drill_span s)
{
    while (s.len && s.ptr[0] <= ' ') {
        s = drill_span_sub(s, 1, s.len);
    }
    while (s.len && s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

struct drill_span drill_apply_bare(struct drill_span address)
{
    if (address.len >= 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>') {
        return drill_span_sub(address, 1, address.len - 2);
    }
    return address;
}

static struct drill_span bracketed(struct drill_apply_state *s, struct drill_span address)
{
    address = drill_apply_bare(address);
    uint8_t *p = s->no_memory ? NULL : drill_arena_take(s->arena, address.len + 2);
    if (!p) {
        s->no_memory = true;
        return drill_span_of(NULL, 0);
    }
    struct drill_writer w = drill_writer_of(p, address.len + 2);
    drill_write_u8(&w, '<');
    drill_write_bytes(&w, address);
    drill_write_u8(&w, '>');
    return drill_writer_span(&w);
}

void drill_apply_from(struct drill_apply_state *s, struct drill_span address)
{
    s->from = bracketed(s, address);
}

void drill_apply_add_rcpt(struct drill_apply_state *s, struct drill_span address)
{
    struct drill_apply_rcpt *r = s->no_memory ? NULL : drill_arena_take(s->arena, sizeof(*r));
    if (!r) {
        s->no_memory = true;
        return;
    }
    r->address = bracketed(s, address);
    r->added = true;
    *s->rcpts_end = r;
    s->rcpts_end = &r->next;
}

void drill_apply_drop_rcpt(struct drill_apply_state *s, struct drill_apply_rcpt **r)
{
    if (s->rcpts_end == &(*r)->next) {
        s->rcpts_end = r;
    }
    *r = (*r)->next;
}

/* ---- before and after ---- */

static void begin_headers(struct drill_apply_state *s)
{
    struct drill_apply_header *last = NULL;
    const struct drill_mail_header *h = s->what->envelope->mail.headers;
    for (; h && !s->no_memory; h = h->next) {
        struct drill_writer w = drill_writer_of(NULL, 0);
        size_t size = h->name.len + h->value.len + 3;
        uint8_t *p = drill_arena_take(s->arena, size);
        if (!p) {
            s->no_memory = true;
            return;
        }
        w = drill_writer_of(p, size);
        drill_write_bytes(&w, h->name);
        drill_write_u8(&w, ':');
        drill_write_bytes(&w, h->value);
        write_crlf(&w);
        last = drill_apply_insert(s, last, h->name, drill_writer_span(&w));
        if (last) {
            last->original = true;
        }
    }
}

static void begin(struct drill_apply_state *s)
{
    const struct drill_envelope *e = s->what->envelope;
    drill_apply_no_chunks(s);
    s->rcpts_end = &s->rcpts;
    s->from = e->from;
    s->has_body = e->mail.has_body;
    for (size_t i = 0; i < e->rcpts; i++) {
        drill_apply_add_rcpt(s, e->rcpt[i]);
    }
    for (struct drill_apply_rcpt *r = s->rcpts; r; r = r->next) {
        r->added = false;
    }
    begin_headers(s);
}

static bool is_shown(const struct drill_apply_header *h)
{
    return !h->gone && (!h->own || h->changed);
}

static void count_headers(const struct drill_apply_state *s, struct drill_applied *out)
{
    for (const struct drill_apply_header *h = s->headers; h; h = h->next) {
        out->headers_added += !h->original && is_shown(h);
        out->headers_removed += h->original && h->gone;
        out->headers_changed += h->original && h->changed && !h->gone;
    }
}

static void write_message(const struct drill_apply_state *s, struct drill_span body,
                          struct drill_writer *w)
{
    for (const struct drill_apply_header *h = s->headers; h; h = h->next) {
        if (is_shown(h)) {
            drill_write_bytes(w, h->text);
        }
    }
    if (s->has_body) {
        write_crlf(w);
    }
    drill_write_bytes(w, body);
}

/* The fields as a drill_mail has them: behind the colon, without the last line end. */
static void end_headers(struct drill_apply_state *s, struct drill_mail *mail)
{
    struct drill_mail_header **end = &mail->headers;
    for (const struct drill_apply_header *h = s->headers; h; h = h->next) {
        if (!is_shown(h)) {
            continue;
        }
        *end = drill_arena_take(s->arena, sizeof(**end));
        if (!*end) {
            s->no_memory = true;
            return;
        }
        size_t colon = drill_span_find(h->text, ':');
        struct drill_span value = drill_span_sub(h->text, colon + 1, h->text.len);
        value.len -= value.len && value.ptr[value.len - 1] == '\n';
        value.len -= value.len && value.ptr[value.len - 1] == '\r';
        (*end)->name = drill_span_sub(h->text, 0, colon);
        (*end)->value = value;
        end = &(*end)->next;
    }
}

static void end_message(struct drill_apply_state *s, struct drill_mail *mail)
{
    mail->body = s->replaced ? new_body(s) : s->what->envelope->mail.body;
    mail->has_body = s->has_body || mail->body.len > 0;
    end_headers(s, mail);
    struct drill_writer w = drill_writer_of(NULL, 0);
    write_message(s, mail->body, &w);
    uint8_t *p = s->no_memory ? NULL : drill_arena_take(s->arena, w.len);
    if (!p) {
        s->no_memory = true;
        return;
    }
    w = drill_writer_of(p, w.len);
    write_message(s, mail->body, &w);
    mail->raw = drill_writer_span(&w);
}

static void end_rcpts(struct drill_apply_state *s, struct drill_applied *out)
{
    size_t count = 0;
    for (const struct drill_apply_rcpt *r = s->rcpts; r; r = r->next) {
        count++;
    }
    struct drill_span *list = drill_arena_take(s->arena, (count + 1) * sizeof(*list));
    if (!list) {
        s->no_memory = true;
        return;
    }
    out->rcpt = list;
    for (const struct drill_apply_rcpt *r = s->rcpts; r; r = r->next) {
        list[out->rcpts++] = r->address;
    }
}

static void dispose(const struct drill_apply_state *s, bool early_discard,
                    struct drill_applied *out)
{
    out->reason = s->held ? s->reason : drill_span_of(NULL, 0);
    out->disposition = !s->what->taken ? DRILL_DISPOSE_REFUSE
                       : s->held       ? DRILL_DISPOSE_HOLD
                                       : DRILL_DISPOSE_DELIVER;
    if (!s->what->taken) {
        return;
    }
    for (const struct drill_mod *m = s->what->mods; m; m = m->next) {
        bool early = m->command == DRILL_SMFIC_CONNECT || m->command == DRILL_SMFIC_HELO;
        if (m->message == s->what->message && m->code == DRILL_SMFIR_DISCARD &&
            (early_discard || !early)) {
            out->disposition = DRILL_DISPOSE_DISCARD;
            out->reason = drill_span_str("the milter said so");
            return;
        }
    }
    if (!s->rcpts) {
        out->disposition = DRILL_DISPOSE_DISCARD;
        out->reason = drill_span_str("no recipient is left");
    }
}

enum drill_code drill_apply(const struct drill_apply *what, struct drill_arena *arena,
                            struct drill_applied *out)
{
    struct drill_apply_state s = {.what = what, .arena = arena};
    size_t family = 0;
    memset(out, 0, sizeof(*out));
    while (family < FAMILY_COUNT && strcmp(FAMILIES[family].family, what->family) != 0) {
        family++;
    }
    if (family == FAMILY_COUNT) {
        return DRILL_ERR_NOTFOUND;
    }
    begin(&s);
    if (!s.no_memory) {
        FAMILIES[family].apply(&s);
        out->from = s.from;
        out->body_replaced = s.replaced;
        out->cut = s.cut;
        count_headers(&s, out);
        end_rcpts(&s, out);
        end_message(&s, &out->mail);
        dispose(&s, FAMILIES[family].early_discard, out);
    }
    return s.no_memory ? DRILL_ERR_MEMORY : DRILL_OK;
}

static bool is_refused(const struct drill_mta *mta, uint32_t number, uint32_t rcpt)
{
    bool refused = false;
    for (const struct drill_told *t = mta->told; t; t = t->next) {
        if (t->message == number && t->stage == DRILL_SMFIC_RCPT && t->rcpt == rcpt) {
            refused = t->code / 100 != 2;
        }
    }
    return refused;
}

/* The envelope without the recipients that were refused. False: no memory. */
static bool take_refused_off(const struct drill_mta *mta, uint32_t number,
                             struct drill_arena *arena, struct drill_envelope *e)
{
    struct drill_span *rcpt = drill_arena_take(arena, (e->rcpts + 1) * sizeof(*rcpt));
    size_t count = 0;
    for (size_t i = 0; rcpt && i < e->rcpts; i++) {
        if (!is_refused(mta, number, (uint32_t)i + 1)) {
            rcpt[count++] = e->rcpt[i];
        }
    }
    e->rcpt = rcpt;
    e->rcpts = count;
    return rcpt != NULL;
}

enum drill_code drill_apply_mta(const struct drill_mta *mta, uint32_t number,
                                struct drill_arena *arena, struct drill_applied *out)
{
    const struct drill_told *told = drill_mta_outcome(mta, number);
    const struct drill_envelope *found = NULL;
    uint32_t at = 0;
    for (const struct drill_client *c = mta->traffic; c && !found; c = c->next) {
        for (const struct drill_envelope *e = c->messages; e && !found; e = e->next) {
            found = ++at == number ? e : NULL;
        }
    }
    memset(out, 0, sizeof(*out));
    if (!found || !told) {
        return DRILL_ERR_NOTFOUND;
    }
    struct drill_envelope envelope = *found;
    if (!take_refused_off(mta, number, arena, &envelope)) {
        return DRILL_ERR_MEMORY;
    }
    struct drill_apply what = {.family = mta->profile->family,
                               .envelope = &envelope,
                               .mods = mta->mods,
                               .message = number,
                               .actions = mta->agreed.actions,
                               .steps = mta->agreed.protocol,
                               .taken = told->code / 100 == 2};
    return drill_apply(&what, arena, out);
}
