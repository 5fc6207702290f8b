/* SPDX-License-Identifier: MIT */
/*
 * What Stalwart 0.16 makes of a milter's modifications. Source: Stalwart
 * crates/smtp/src/inbound/milter/message.rs, run_milters and apply_milter_modifications; names and
 * values of the message's own fields are mail-auth's (src/common/headers.rs): the name is all
 * before the colon, blanks at its end included.
 *
 * Held to what 0.16.19 delivers, but for one thing: to what it delivers by DATA it adds an empty
 * line at the end, which is not shown here.
 *
 * All milters see the original message, and all modifications are applied after the last one. It
 * compares no action bits.
 */
#include "session/apply_ops.h"

struct plan {
    bool rewrite;                     /* the header is written anew */
    uint8_t body_by;                  /* the milter whose new body counts: the last one's */
    struct drill_apply_header *front; /* the last field put in front of the message */
};

/* Modifications of a milter that failed in the end are lost (tempFailOnError = false: the message
 * goes through without them). */
static const struct drill_mod *next(const struct drill_apply_state *s, const struct drill_mod *m)
{
    m = drill_apply_next(s->what, m);
    while (m && m->failed) {
        m = drill_apply_next(s->what, m->next);
    }
    return m;
}

static bool in_original(const struct drill_apply_state *s, struct drill_span name)
{
    const struct drill_mail_header *h = s->what->envelope->mail.headers;
    while (h && !drill_span_equal_nocase(h->name, name)) {
        h = h->next;
    }
    return h != NULL;
}

/* CHGHEADER of a name that the original message does not have adds it, unless it is empty. */
static bool changes(const struct drill_apply_state *s, const struct drill_apply_args *a)
{
    return a->str[1].len == 0 || in_original(s, a->str[0]);
}

/* A change or an insertion has the header written anew. */
static bool rewrites(struct drill_apply_state *s, const struct drill_mod *m)
{
    struct drill_apply_args a;
    if ((m->code != DRILL_SMFIR_INSHEADER && m->code != DRILL_SMFIR_CHGHEADER) ||
        !drill_apply_read(s, m, &a) || a.strings < 2) {
        return false;
    }
    return m->code == DRILL_SMFIR_INSHEADER || changes(s, &a);
}

/* ": " unless the value begins with white space (rewriting) or whatever it begins with. */
static const char *separator(struct drill_span value, bool rewrite)
{
    uint8_t c = value.len ? value.ptr[0] : 0;
    bool white = c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
    return rewrite && white ? ":" : ": ";
}

/* Before the index-th field of that name, the last one if there are fewer; at the top if there is
 * none, or for index 0. */
static void insert(struct drill_apply_state *s, uint32_t index, const struct drill_apply_args *a)
{
    struct drill_apply_header *before = NULL, *after = NULL;
    uint32_t found = 0;
    for (struct drill_apply_header *h = s->headers; h && found < index; h = h->next) {
        if (!h->gone && drill_span_equal_nocase(h->name, a->str[0])) {
            found++;
            after = before;
        }
        before = h;
    }
    struct drill_span text =
        drill_apply_field(s, a->str[0], separator(a->str[1], true), a->str[1], 0);
    (void)drill_apply_insert(s, after, a->str[0], text);
}

/* Index 0, or one too large, changes nothing. The name stays as it was written. */
static void change(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    struct drill_apply_header *h = s->headers;
    uint32_t found = 0;
    for (; h; h = h->next) {
        if (!h->gone && drill_span_equal_nocase(h->name, a->str[0]) && ++found == a->index) {
            break;
        }
    }
    if (!h) {
        return;
    }
    h->gone = a->str[1].len == 0;
    h->changed = true;
    if (!h->gone) {
        h->text = drill_apply_field(s, h->name, separator(a->str[1], true), a->str[1], 0);
    }
}

/* Without rewriting: in front of the message, in the milter's order. Rewriting: each is inserted at
 * position 0, so their order is reversed. */
static void add(struct drill_apply_state *s, struct plan *p, const struct drill_apply_args *a)
{
    if (p->rewrite) {
        insert(s, 0, a);
        return;
    }
    struct drill_span text =
        drill_apply_field(s, a->str[0], separator(a->str[1], false), a->str[1], 0);
    p->front = drill_apply_insert(s, p->front, a->str[0], text);
}

/* Each field of the message as it is written anew: a blank behind the colon, if none is there. */
static void normalise(struct drill_apply_state *s)
{
    const struct drill_mail_header *m = s->what->envelope->mail.headers;
    for (struct drill_apply_header *h = s->headers; h && m; h = h->next, m = m->next) {
        if (m->value.len && separator(m->value, true)[1]) {
            h->text = drill_apply_field(s, m->name, ": ", m->value, 0);
        }
    }
}

static uint8_t lower(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_lower_of(struct drill_span text, struct drill_span address)
{
    bool same = text.len == address.len;
    for (size_t i = 0; same && i < text.len; i++) {
        same = text.ptr[i] == lower(address.ptr[i]);
    }
    return same;
}

/* strip_brackets: up to the last ">", and whatever there is if that is missing. */
static struct drill_span stripped(struct drill_span s)
{
    s = drill_apply_trim(s);
    if (s.len == 0 || s.ptr[0] != '<') {
        return s;
    }
    s = drill_span_sub(s, 1, s.len);
    for (size_t i = s.len; i > 0; i--) {
        if (s.ptr[i - 1] == '>') {
            s.len = i - 1;
            break;
        }
    }
    return drill_apply_trim(s);
}

/* An address without "@" is passed over, and so is one that is there already. */
static void add_rcpt(struct drill_apply_state *s, struct drill_span address)
{
    address = stripped(address);
    if (drill_span_find(address, '@') == address.len) {
        return;
    }
    for (const struct drill_apply_rcpt *r = s->rcpts; r; r = r->next) {
        if (drill_span_equal_nocase(stripped(r->address), address)) {
            return;
        }
    }
    drill_apply_add_rcpt(s, address);
}

/* S-18: the recipient in lower case is compared with what the milter wrote, so capitals never
 * match. */
static void drop_rcpt(struct drill_apply_state *s, struct drill_span address)
{
    address = stripped(address);
    struct drill_apply_rcpt **r = &s->rcpts;
    while (*r) {
        if (is_lower_of(address, stripped((*r)->address))) {
            drill_apply_drop_rcpt(s, r);
        } else {
            r = &(*r)->next;
        }
    }
}

/* One that the client said twice is one. */
static void merge_rcpts(struct drill_apply_state *s)
{
    for (struct drill_apply_rcpt *first = s->rcpts; first; first = first->next) {
        struct drill_apply_rcpt **r = &first->next;
        while (*r) {
            if (drill_span_equal_nocase((*r)->address, first->address)) {
                drill_apply_drop_rcpt(s, r);
            } else {
                r = &(*r)->next;
            }
        }
    }
}

static void change_header(struct drill_apply_state *s, struct plan *p,
                          const struct drill_apply_args *a)
{
    if (changes(s, a)) {
        change(s, a);
    } else {
        add(s, p, a);
    }
}

/* X-Quarantine is all that becomes of QUARANTINE: the message is delivered. */
static void quarantine(struct drill_apply_state *s, struct plan *p, struct drill_span reason)
{
    struct drill_apply_args a = {.str = {drill_span_str("X-Quarantine"), reason}, .strings = 2};
    add(s, p, &a);
}

static void new_body(struct drill_apply_state *s, const struct plan *p, const struct drill_mod *mod)
{
    if (mod->milter == p->body_by) {
        s->cut |= mod->cut;
        drill_apply_chunk(s, mod->payload);
    }
}

static void apply(struct drill_apply_state *s, struct plan *p, const struct drill_mod *mod)
{
    struct drill_apply_args a;
    if (mod->code == DRILL_SMFIR_REPLBODY) {
        new_body(s, p, mod);
        return;
    }
    if (!drill_apply_read(s, mod, &a) || a.strings == 0) {
        return;
    }
    bool header = mod->code == DRILL_SMFIR_ADDHEADER || mod->code == DRILL_SMFIR_INSHEADER ||
                  mod->code == DRILL_SMFIR_CHGHEADER;
    if (header && a.strings < 2) {
        return;
    }
    switch (mod->code) {
    case DRILL_SMFIR_ADDHEADER: add(s, p, &a); break;
    case DRILL_SMFIR_INSHEADER: insert(s, a.index, &a); break;
    case DRILL_SMFIR_CHGHEADER: change_header(s, p, &a); break;
    case DRILL_SMFIR_QUARANTINE: quarantine(s, p, a.str[0]); break;
    case DRILL_SMFIR_CHGFROM: drill_apply_from(s, stripped(a.str[0])); break;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR: add_rcpt(s, a.str[0]); break;
    case DRILL_SMFIR_DELRCPT: drop_rcpt(s, a.str[0]); break;
    default: break;
    }
}

void drill_apply_stalwart(struct drill_apply_state *s)
{
    struct plan p = {false, 0, NULL};
    const struct drill_mod *first = next(s, s->what->mods);
    merge_rcpts(s);
    for (const struct drill_mod *m = first; m; m = next(s, m->next)) {
        p.rewrite |= rewrites(s, m);
        p.body_by = m->code == DRILL_SMFIR_REPLBODY ? m->milter : p.body_by;
    }
    if (p.rewrite) {
        normalise(s);
    }
    for (const struct drill_mod *m = first; m && !s->no_memory; m = next(s, m->next)) {
        apply(s, &p, m);
    }
    /* An empty new body changes nothing. Where nothing is rewritten a new body is put behind the
     * header as it stands, be there an empty line or not. */
    s->replaced = s->chunks_size > 0;
    s->has_body |= p.rewrite;
}
