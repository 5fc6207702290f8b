/* SPDX-License-Identifier: MIT */
/*
 * What Postfix 3.7 makes of a milter's modifications. Sources: src/milter/milter8.c (milter8_event:
 * how a request is read), src/cleanup/cleanup_milter.c (what becomes of it), cleanup_out.c
 * (cleanup_out_header). The message is edited in the queue file, request by request, so an index
 * counts what is there at that moment. Action bits are not looked at. Held to Postfix 3.7.11
 * request by request.
 */
#include "session/apply_ops.h"

enum body { BODY_AS_SENT, BODY_REPLACING, BODY_LOCKED };

/* is_header: what a line that begins so is a field of; a milter may have given any bytes for a
 * name. Empty: it is no field. */
static struct drill_span label(struct drill_span name)
{
    bool blank = false;
    size_t len = 0;
    name = drill_span_sub(name, 0, drill_span_find(name, ':'));
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (c == ' ' || c == '\t') {
            blank = true;
        } else if (blank || c < ' ' || c >= 0x7F) {
            return drill_span_of(NULL, 0);
        } else {
            len++;
        }
    }
    return drill_span_sub(name, 0, len);
}

static struct drill_span field(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    const char *separator = s->what->steps & DRILL_SMFIP_HDR_LEADSPC ? ":" : ": ";
    return drill_apply_field(s, a->str[0], separator, a->str[1], '\t');
}

/* cleanup_find_header_start: the index-th field, of any name or of one. Of one name, the Received
 * that Postfix has put on top is not counted (hidden_header). The search ends at what is no field.
 * `before` is the one in front of it. */
static struct drill_apply_header *find(const struct drill_apply_state *s, uint64_t index,
                                       const struct drill_span *name,
                                       struct drill_apply_header **before)
{
    *before = NULL;
    for (struct drill_apply_header *h = s->headers; h; h = h->next) {
        if (!h->gone) {
            struct drill_span here = label(h->name);
            if (here.len == 0) {
                return NULL;
            }
            bool named = name && !h->own && drill_span_equal_nocase(here, *name);
            if ((!name || named) && --index == 0) {
                return h;
            }
        }
        *before = h;
    }
    return NULL;
}

static struct drill_apply_header *append(struct drill_apply_state *s,
                                         const struct drill_apply_args *a)
{
    return drill_apply_insert(s, drill_apply_last(s), a->str[0], field(s, a));
}

/* cleanup_ins_header: 0 is the top, in front of Postfix's own Received; too large: the end. The
 * comparison that should refuse 2^31 and more cannot fail where ssize_t has 64 bits. */
static void insert(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    struct drill_apply_header *before;
    if (find(s, (uint64_t)a->index + 1, NULL, &before)) {
        (void)drill_apply_insert(s, before, a->str[0], field(s, a));
    } else {
        (void)append(s, a);
    }
}

/* cleanup_upd_header, cleanup_del_header: 0 is read as 1; a value for one that is not there is
 * appended. A changed field takes the milter's spelling of its name. */
static void change(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    struct drill_apply_header *before;
    struct drill_apply_header *h = find(s, a->index ? a->index : 1, &a->str[0], &before);
    if (a->str[1].len == 0) {
        if (h) {
            h->gone = true;
        }
    } else if (h) {
        h->changed = true;
        h->name = a->str[0];
        h->text = field(s, a);
    } else {
        (void)append(s, a);
    }
}

/* tok822_parse: the first address of the text, without brackets. */
static struct drill_span first_address(struct drill_span text)
{
    size_t open = drill_span_find(text, '<'), comma = drill_span_find(text, ',');
    if (open < comma) {
        text = drill_span_sub(text, open + 1, text.len);
        return drill_apply_trim(drill_span_sub(text, 0, drill_span_find(text, '>')));
    }
    return drill_apply_trim(drill_span_sub(text, 0, comma));
}

/* cleanup_add_rcpt_par: no null recipient. The duplicate filter knows what milters have added, but
 * not the client's recipients: those differ by their attributes (RFC 3461's original recipient). */
static void add_rcpt(struct drill_apply_state *s, struct drill_span text)
{
    struct drill_span address = first_address(text);
    for (const struct drill_apply_rcpt *r = s->rcpts; r; r = r->next) {
        if (r->added && drill_span_equal(drill_apply_bare(r->address), address)) {
            return;
        }
    }
    if (address.len) {
        drill_apply_add_rcpt(s, address);
    }
}

/* cleanup_del_rcpt: all of that address, as it was typed in RCPT; case matters. */
static void drop_rcpt(struct drill_apply_state *s, struct drill_span text)
{
    struct drill_span address = first_address(text);
    struct drill_apply_rcpt **r = &s->rcpts;
    while (*r) {
        if (drill_span_equal(drill_apply_bare((*r)->address), address)) {
            drill_apply_drop_rcpt(s, r);
        } else {
            r = &(*r)->next;
        }
    }
}

/* milter8_read_data: as many strings as there must be, or one more where that may be; nothing
 * else. */
static bool readable(const struct drill_mod *mod, const struct drill_apply_args *a)
{
    switch (mod->code) {
    case DRILL_SMFIR_ADDHEADER: return a->strings == 2 && a->rest == 0;
    case DRILL_SMFIR_INSHEADER: return a->strings == 2 && a->rest == 0;
    case DRILL_SMFIR_CHGHEADER: return a->strings == 2 && a->rest == 0 && a->str[0].len;
    case DRILL_SMFIR_CHGFROM:
    case DRILL_SMFIR_ADDRCPT_PAR: return a->strings > 0 && a->rest == 0;
    default: return a->strings == 1 && a->rest == 0;
    }
}

static void edit(struct drill_apply_state *s, const struct drill_mod *mod,
                 const struct drill_apply_args *a)
{
    switch (mod->code) {
    case DRILL_SMFIR_ADDHEADER: (void)append(s, a); break;
    case DRILL_SMFIR_INSHEADER: insert(s, a); break;
    case DRILL_SMFIR_CHGHEADER: change(s, a); break;
    case DRILL_SMFIR_CHGFROM: drill_apply_from(s, first_address(a->str[0])); break;
    case DRILL_SMFIR_ADDRCPT:
    case DRILL_SMFIR_ADDRCPT_PAR: add_rcpt(s, a->str[0]); break;
    case DRILL_SMFIR_DELRCPT: drop_rcpt(s, a->str[0]); break;
    default: break;
    }
}

/* "H" and the text up to its NUL, at most 100 bytes. A reply, not an edit: it lets a body
 * replacement end all the same. */
static void hold(struct drill_apply_state *s, struct drill_span reason)
{
    s->held = true;
    s->reason = drill_span_sub(reason, 0, drill_span_find(reason, 0));
    s->reason = drill_span_sub(s->reason, 0, 100);
}

static void replace(struct drill_apply_state *s, const struct drill_mod *mod, enum body body)
{
    if (body == BODY_AS_SENT) {
        drill_apply_no_chunks(s);
        s->replaced = s->lines = s->has_body = true;
    }
    s->cut |= mod->cut;
    drill_apply_chunk(s, mod->payload);
}

void drill_apply_postfix(struct drill_apply_state *s)
{
    struct drill_apply_header *own =
        drill_apply_insert(s, NULL, drill_span_str("Received"), drill_span_of(NULL, 0));
    enum body body = BODY_AS_SENT;
    uint8_t milter = 0;
    if (!own) {
        return;
    }
    own->own = true;
    const struct drill_mod *m = s->what->mods;
    while ((m = drill_apply_next(s->what, m)) != NULL && !s->no_memory) {
        struct drill_apply_args a;
        if (m->milter != milter) {
            milter = m->milter;
            body = BODY_AS_SENT;
        }
        if (m->code == DRILL_SMFIR_REPLBODY) {
            /* "body replacement requests can't currently be mixed with other requests": the milter
             * is given up, what it said before stays */
            if (body == BODY_LOCKED) {
                return;
            }
            replace(s, m, body);
            body = BODY_REPLACING;
            m = m->next;
            continue;
        }
        body = body == BODY_AS_SENT ? BODY_AS_SENT : BODY_LOCKED;
        if (m->code == DRILL_SMFIR_QUARANTINE) {
            hold(s, m->payload);
        } else if (drill_apply_read(s, m, &a) && readable(m, &a)) {
            edit(s, m, &a);
        }
        m = m->next;
    }
}
