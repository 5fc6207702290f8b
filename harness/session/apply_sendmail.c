/* SPDX-License-Identifier: MIT */
/*
 * What Sendmail 8.17 makes of a milter's modifications. Sources: sendmail/milter.c
 * (milter_addheader, milter_insheader, milter_changeheader, milter_chgfrom, milter_addrcpt,
 * milter_delrcpt, milter_replbody), sendmail/headers.c (addheader, insheader, put_vanilla_header),
 * cf/m4/proto.m4 (the fields that sendmail.cf has by default). Held to Sendmail
 * 8.17.1.9 request by request; what several milters do to each other is by reading.
 *
 * Its header is a list that begins with the fields which sendmail.cf defines; most of them are not
 * sent, but all take a place. A deleted field stays in the list, too. A request that does not
 * follow the protocol is passed over. Action bits are not looked at, but for the body.
 */
#include "session/apply_ops.h"

static const char *const DEFAULTS[] = {"Return-Path", "Received",          "Resent-Date",
                                       "Date",        "Resent-From",       "From",
                                       "Full-Name",   "Resent-Message-Id", "Message-Id"};

/* H_TRACE in conf.c. */
static bool is_trace(const struct drill_apply_header *h)
{
    static const char *const NAMES[] = {"Received", "X400-Received", "Via", "Mail-From"};
    size_t i = 0;
    while (i < 4 && !drill_apply_is(h, drill_span_str(NAMES[i]))) {
        i++;
    }
    return i < 4;
}

static void begin(struct drill_apply_state *s)
{
    struct drill_apply_header *last = NULL;
    for (size_t i = 0; i < sizeof(DEFAULTS) / sizeof(DEFAULTS[0]) && !s->no_memory; i++) {
        last = drill_apply_insert(s, last, drill_span_str(DEFAULTS[i]), drill_span_of(NULL, 0));
        if (last) {
            last->own = true;
            last->counted = false;
        }
    }
}

static struct drill_span text_of(struct drill_apply_state *s, struct drill_span name,
                                 struct drill_span value)
{
    const char *separator = s->what->steps & DRILL_SMFIP_HDR_LEADSPC ? ":" : ": ";
    return drill_apply_field(s, name, separator, value, ' ');
}

/* It takes the value, where it stands. */
static void fill(struct drill_apply_state *s, struct drill_apply_header *h, struct drill_span value)
{
    h->changed = true;
    h->gone = false;
    h->counted = true;
    h->text = text_of(s, h->name, value);
}

/* addheader: in front of the first field of that name, be it deleted; else at the end. */
static void put(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    struct drill_apply_header *before = NULL;
    for (struct drill_apply_header *h = s->headers; h; before = h, h = h->next) {
        if (drill_apply_is(h, a->str[0])) {
            break;
        }
    }
    (void)drill_apply_insert(s, before, a->str[0], text_of(s, a->str[0], a->str[1]));
}

/* milter_addheader: a default of that name is filled first, or what an earlier milter deleted. */
static void add(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    for (struct drill_apply_header *h = s->headers; h; h = h->next) {
        if (!h->counted && !is_trace(h) && drill_apply_is(h, a->str[0])) {
            fill(s, h, a->str[1]);
            return;
        }
    }
    put(s, a);
}

/* insheader: behind as many fields of the list as the index says, and one more; so 0 is behind
 * Return-Path, which is not sent, and in front of Received. The index is a signed int: 2^31 and
 * more are less than 0. */
static void insert(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    uint32_t left = a->index > INT32_MAX ? 0 : a->index;
    struct drill_apply_header *after = s->headers;
    while (after && after->next && left > 0) {
        after = after->next;
        left--;
    }
    (void)drill_apply_insert(s, after, a->str[0], text_of(s, a->str[0], a->str[1]));
}

/* milter_changeheader: the index-th of that name that came with the message or from a milter; 0 and
 * what is negative as a signed int is 1, but for 2^31, from which Debian's build cannot count down.
 * Failing that, the last default of that name; failing that it is added. The name stays as it was
 * written. */
static void change(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    uint32_t left = a->index == 0 || a->index > 0x80000000u ? 1 : a->index;
    struct drill_apply_header *h = s->headers, *unfilled = NULL;
    for (; h; h = h->next) {
        if (!drill_apply_is(h, a->str[0])) {
            continue;
        }
        if (h->counted && --left == 0) {
            break;
        }
        unfilled = !h->counted && !is_trace(h) ? h : unfilled;
    }
    h = h ? h : unfilled;
    if (a->str[1].len == 0) {
        if (h) {
            h->gone = true;
        }
    } else if (h) {
        fill(s, h, a->str[1]);
    } else {
        put(s, a);
    }
}

/* sendtolist: addresses with commas between; brackets do not matter. */
static struct drill_span next_address(struct drill_span *list)
{
    size_t comma = drill_span_find(*list, ',');
    struct drill_span text = drill_apply_trim(drill_span_sub(*list, 0, comma));
    *list = drill_span_sub(*list, comma + 1, list->len);
    size_t open = drill_span_find(text, '<');
    if (open < text.len) {
        text = drill_span_sub(text, open + 1, text.len);
        text = drill_span_sub(text, 0, drill_span_find(text, '>'));
    }
    return drill_apply_trim(text);
}

static struct drill_apply_rcpt **find_rcpt(struct drill_apply_state *s, struct drill_span address)
{
    struct drill_apply_rcpt **r = &s->rcpts;
    while (*r && !drill_span_equal(drill_apply_bare((*r)->address), address)) {
        r = &(*r)->next;
    }
    return r;
}

/* recipient() drops a duplicate; an empty address is none. */
static void add_rcpt(struct drill_apply_state *s, struct drill_span address)
{
    if (address.len && !*find_rcpt(s, address)) {
        drill_apply_add_rcpt(s, address);
    }
}

static void add_rcpts(struct drill_apply_state *s, struct drill_span list)
{
    while (list.len && !s->no_memory) {
        add_rcpt(s, next_address(&list));
    }
}

/* removefromlist: each address once. Case matters for a recipient elsewhere (sameaddr; mailers with
 * flag u); that local ones are folded is not modelled. */
static void drop_rcpts(struct drill_apply_state *s, struct drill_span list)
{
    while (list.len) {
        struct drill_span address = next_address(&list);
        struct drill_apply_rcpt **r = find_rcpt(s, address);
        if (*r) {
            drill_apply_drop_rcpt(s, r);
        }
    }
}

/* An empty address is no sender, "<>" is the null sender. */
static void change_from(struct drill_apply_state *s, const struct drill_apply_args *a)
{
    struct drill_span list = a->str[0];
    if (list.len) {
        drill_apply_from(s, next_address(&list));
    }
}

/* What follows the last string, or is missing, makes a request one that "didn't follow protocol".
 */
static bool readable(const struct drill_mod *mod, const struct drill_apply_args *a)
{
    switch (mod->code) {
    case DRILL_SMFIR_ADDHEADER:
    case DRILL_SMFIR_INSHEADER:
    case DRILL_SMFIR_CHGHEADER: return a->strings == 2 && a->rest == 0 && a->str[0].len;
    case DRILL_SMFIR_CHGFROM:
    case DRILL_SMFIR_ADDRCPT_PAR: return a->strings > 0 && a->rest == 0;
    default: return a->strings == 1 && a->rest == 0;
    }
}

static void edit(struct drill_apply_state *s, const struct drill_mod *mod,
                 const struct drill_apply_args *a)
{
    struct drill_span list = a->str[0];
    switch (mod->code) {
    case DRILL_SMFIR_ADDHEADER: add(s, a); break;
    case DRILL_SMFIR_INSHEADER: insert(s, a); break;
    case DRILL_SMFIR_CHGHEADER: change(s, a); break;
    case DRILL_SMFIR_CHGFROM: change_from(s, a); break;
    case DRILL_SMFIR_ADDRCPT: add_rcpts(s, a->str[0]); break;
    case DRILL_SMFIR_ADDRCPT_PAR: add_rcpt(s, next_address(&list)); break;
    case DRILL_SMFIR_DELRCPT: drop_rcpts(s, a->str[0]); break;
    default: break;
    }
}

/* D-8: a new body that was not agreed on fails the message; otherwise the pieces of one milter make
 * one body, whatever comes between them. */
static void replace(struct drill_apply_state *s, const struct drill_mod *mod, bool first)
{
    if (!(s->what->actions & DRILL_SMFIF_CHGBODY)) {
        return;
    }
    if (first) {
        drill_apply_no_chunks(s);
    }
    s->replaced = s->lines = s->has_body = true;
    s->cut |= mod->cut;
    drill_apply_chunk(s, mod->payload);
}

/* milter_headers, for the next milter: deleted fields are no longer counted. */
static void forget_deleted(struct drill_apply_state *s)
{
    for (struct drill_apply_header *h = s->headers; h; h = h->next) {
        h->counted &= !h->gone;
    }
}

void drill_apply_sendmail(struct drill_apply_state *s)
{
    bool first = true;
    uint8_t milter = 0;
    const struct drill_mod *m = s->what->mods;
    begin(s);
    while ((m = drill_apply_next(s->what, m)) != NULL && !s->no_memory) {
        struct drill_apply_args a;
        if (m->milter != milter) {
            milter = m->milter;
            first = true;
            forget_deleted(s);
        }
        if (m->code == DRILL_SMFIR_REPLBODY) {
            replace(s, m, first);
            first = false;
        } else if (m->code == DRILL_SMFIR_QUARANTINE) {
            s->held = true;
            s->reason = drill_span_sub(m->payload, 0, drill_span_find(m->payload, 0));
        } else if (drill_apply_read(s, m, &a) && readable(m, &a)) {
            edit(s, m, &a);
        }
        m = m->next;
    }
}
