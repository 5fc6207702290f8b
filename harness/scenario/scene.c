/* SPDX-License-Identifier: MIT */
#include "scenario/scene_state.h"

#include <string.h>

enum { ARGS_MAX = 32 }; /* ESMTP parameters of one address */

enum drill_code scene_at(struct building *b, struct drill_pos pos, enum drill_code code)
{
    if (code != DRILL_OK && pos.line) {
        drill_error_at(b->err, b->name, pos.line, pos.column);
    }
    return code;
}

enum drill_code scene_no_memory(struct building *b)
{
    return drill_error_set(b->err, DRILL_ERR_MEMORY, "no memory for this scenario");
}

static bool key_is(const struct drill_pair *p, const char *key)
{
    return drill_span_equal(p->key, drill_span_str(key));
}

/* The bytes of a value; numbers and names as they are written. */
enum drill_code scene_value(struct building *b, const struct drill_value *v, struct drill_span *out)
{
    if (v->kind != DRILL_VALUE_BYTES) {
        *out = v->source;
        return DRILL_OK;
    }
    uint64_t total = 0;
    for (const struct drill_part *p = v->parts; p; p = p->next) {
        if (p->bytes.len && p->times > (DRILL_SCENE_BYTES - total) / p->bytes.len) {
            return scene_at(
                b, p->pos,
                drill_error_set(b->err, DRILL_ERR_LIMIT,
                                "a message may have at most 256 MiB; make this smaller"));
        }
        total += p->bytes.len * p->times;
    }
    if (total > DRILL_SCENE_BYTES - b->bytes) {
        return scene_at(b, v->pos,
                        drill_error_set(b->err, DRILL_ERR_LIMIT,
                                        "all messages together may have at most 256 MiB"));
    }
    b->bytes += total;
    uint8_t *to = drill_arena_take(b->arena, (size_t)total + 1);
    if (!to) {
        return scene_no_memory(b);
    }
    *out = drill_span_of(to, (size_t)total);
    for (const struct drill_part *p = v->parts; p; p = p->next) {
        for (uint64_t i = 0; i < p->times && p->bytes.len; i++) {
            memcpy(to, p->bytes.ptr, p->bytes.len);
            to += p->bytes.len;
        }
    }
    return DRILL_OK;
}

struct drill_client *drill_scene_client(struct drill_arena *arena)
{
    struct drill_client *c = drill_arena_take(arena, sizeof(*c));
    if (c) {
        c->family = DRILL_FAMILY_INET;
        c->addr = drill_span_str("192.0.2.1");
        c->port = 47324;
        c->host = drill_span_str("client.example");
        c->helo = drill_span_str("client.example");
    }
    return c;
}

static enum drill_code add_client(struct building *b)
{
    struct drill_client *c = drill_scene_client(b->arena);
    if (!c) {
        return scene_no_memory(b);
    }
    *b->client_end = c;
    b->client_end = &c->next;
    b->client = c;
    b->message_end = &c->messages;
    b->message = NULL;
    return DRILL_OK;
}

static enum drill_code add_message(struct building *b)
{
    static const struct drill_span bob[] = {{(const uint8_t *)"<bob@example.com>", 17}};
    enum drill_code code = b->client ? DRILL_OK : add_client(b);
    if (code != DRILL_OK) {
        return code;
    }
    struct drill_envelope *m = drill_arena_take(b->arena, sizeof(*m));
    if (!m) {
        return scene_no_memory(b);
    }
    m->from = drill_span_str("<alice@example.org>");
    m->rcpt = bob;
    m->rcpts = 1;
    *b->message_end = m;
    b->message_end = &m->next;
    b->message = m;
    return DRILL_OK;
}

static struct drill_span bare(struct drill_span address)
{
    if (address.len >= 2 && address.ptr[0] == '<' && address.ptr[address.len - 1] == '>') {
        return drill_span_sub(address, 1, address.len - 2);
    }
    return address;
}

/* A recorded message need not begin with a field: a header frame may have any name. */
static enum drill_code parse_mail(struct building *b, struct drill_span source,
                                  struct drill_mail *mail)
{
    enum drill_code code = drill_mail_parse(source, b->arena, mail, b->err);
    if (code == DRILL_ERR_SYNTAX && b->file->recorded.len) {
        *mail = (struct drill_mail){.body = source, .has_body = true};
        drill_error_clear(b->err);
        code = DRILL_OK;
    }
    return code;
}

/* Content begins with the file's, or with the default message for this envelope. */
static enum drill_code begin_content(struct building *b, const struct drill_pair *file)
{
    struct drill_envelope *m = b->message;
    if (!file) {
        enum drill_code code = drill_mail_default(
            bare(m->from), m->rcpts ? bare(m->rcpt[0]) : m->from, b->arena, &m->mail);
        return code == DRILL_OK ? code : scene_no_memory(b);
    }
    struct drill_span name, source;
    enum drill_code code = scene_value(b, &file->value, &name);
    if (code == DRILL_OK && !b->loader) {
        code = drill_error_set(b->err, DRILL_ERR_NOTFOUND, "files are not opened here");
    }
    if (code == DRILL_OK) {
        code = b->loader->load(b->loader->ctx, name, &source, b->err);
    }
    if (code == DRILL_OK) {
        code = parse_mail(b, source, &m->mail);
    }
    return scene_at(b, file->pos, code);
}

static enum drill_code set_rcpts(struct building *b, const struct drill_pair *fields)
{
    size_t count = 0;
    for (const struct drill_pair *p = fields; p; p = p->next) {
        count += key_is(p, "rcpt");
    }
    if (count == 0) {
        return DRILL_OK;
    }
    struct drill_span *list = drill_arena_take(b->arena, count * sizeof(*list));
    if (!list) {
        return scene_no_memory(b);
    }
    count = 0;
    for (const struct drill_pair *p = fields; p; p = p->next) {
        if (key_is(p, "rcpt")) {
            enum drill_code code = scene_value(b, &p->value, &list[count++]);
            if (code != DRILL_OK) {
                return code;
            }
        }
    }
    b->message->rcpt = list;
    b->message->rcpts = count;
    return DRILL_OK;
}

/* The `arg` pairs from `p` on, up to the next `rcpt`, which *next then is (or NULL). */
static enum drill_code address_args(struct building *b, const struct drill_pair *p,
                                    const struct drill_pair **next, struct drill_esmtp *out)
{
    struct drill_span args[ARGS_MAX];
    const struct drill_pair *last = p;
    size_t count = 0;
    enum drill_code code = DRILL_OK;
    for (; p && !key_is(p, "rcpt") && code == DRILL_OK; p = p->next) {
        if (key_is(p, "arg") && count == ARGS_MAX) {
            return scene_at(b, p->pos,
                            drill_error_set(b->err, DRILL_ERR_LIMIT,
                                            "more than %d arg= of one address", ARGS_MAX));
        }
        if (key_is(p, "arg")) {
            code = scene_value(b, &p->value, &args[count++]);
            last = p;
        }
    }
    *next = p;
    code = code == DRILL_OK ? drill_esmtp_make(args, count, b->arena, out) : code;
    if (code == DRILL_ERR_VALUE) {
        return scene_at(
            b, last->pos,
            drill_error_set(b->err, code,
                            "an ESMTP parameter is printable ASCII without blanks, such as "
                            "arg=\"SIZE=1000\""));
    }
    return code == DRILL_ERR_MEMORY ? scene_no_memory(b) : code;
}

/* `arg` belongs to the recipient before it, else to the sender. */
static enum drill_code set_args(struct building *b, const struct drill_pair *fields)
{
    const struct drill_pair *p;
    enum drill_code code = address_args(b, fields, &p, &b->message->from_args);
    if (code != DRILL_OK || !p) {
        return code;
    }
    struct drill_esmtp *list = drill_arena_take(b->arena, b->message->rcpts * sizeof(*list));
    if (!list) {
        return scene_no_memory(b);
    }
    for (size_t i = 0; p && code == DRILL_OK; i++) {
        code = address_args(b, p->next, &p, &list[i]);
    }
    b->message->rcpt_args = list;
    return code;
}

static enum drill_code one_message(struct building *b, const struct drill_pair *fields)
{
    const struct drill_pair *file = NULL;
    enum drill_code code = add_message(b);
    for (const struct drill_pair *p = fields; p && code == DRILL_OK; p = p->next) {
        if (key_is(p, "from")) {
            code = scene_value(b, &p->value, &b->message->from);
        } else if (key_is(p, "file")) {
            file = p;
        }
    }
    code = code == DRILL_OK ? set_rcpts(b, fields) : code;
    code = code == DRILL_OK ? set_args(b, fields) : code;
    return code == DRILL_OK ? begin_content(b, file) : code;
}

static uint64_t count_of(const struct drill_pair *fields)
{
    for (const struct drill_pair *p = fields; p; p = p->next) {
        if (key_is(p, "count")) {
            return p->value.number;
        }
    }
    return 1;
}

static uint8_t family_of(struct drill_span addr)
{
    if (addr.len == 0) {
        return DRILL_FAMILY_UNKNOWN;
    }
    if (addr.ptr[0] == '/') {
        return DRILL_FAMILY_UNIX;
    }
    return drill_span_find(addr, ':') < addr.len ? DRILL_FAMILY_INET6 : DRILL_FAMILY_INET;
}

static enum drill_code client_field(struct building *b, const struct drill_pair *p)
{
    struct drill_span text;
    enum drill_code code = scene_value(b, &p->value, &text);
    if (code != DRILL_OK) {
        return code;
    }
    if (key_is(p, "addr")) {
        b->client->addr = text;
        b->client->family = family_of(text);
    } else if (key_is(p, "port")) {
        if (p->value.number > 65535) {
            return scene_at(b, p->pos,
                            drill_error_set(b->err, DRILL_ERR_VALUE, "a port is at most 65535"));
        }
        b->client->port = (uint16_t)p->value.number;
    } else if (key_is(p, "host")) {
        b->client->host = text;
    } else if (key_is(p, "helo")) {
        b->client->helo = text;
    } else if (key_is(p, "auth")) {
        b->client->auth = text;
    } else if (key_is(p, "tls")) {
        b->client->tls = drill_span_equal(text, drill_span_str("yes"));
    }
    return DRILL_OK;
}

static enum drill_code one_client(struct building *b, const struct drill_pair *fields)
{
    enum drill_code code = add_client(b);
    for (const struct drill_pair *p = fields; p && code == DRILL_OK; p = p->next) {
        code = client_field(b, p);
    }
    return code;
}

static enum drill_code content(struct building *b, const struct drill_setup *s)
{
    struct drill_span name = {NULL, 0}, value = {NULL, 0};
    enum drill_code code = b->message ? DRILL_OK : one_message(b, NULL);
    for (const struct drill_pair *p = s->fields; p && code == DRILL_OK; p = p->next) {
        code = scene_value(b, &p->value, key_is(p, "name") ? &name : &value);
    }
    if (code != DRILL_OK) {
        return code;
    }
    if (s->kind == DRILL_SETUP_BODY) {
        drill_mail_set_body(&b->message->mail, value);
        return DRILL_OK;
    }
    code = drill_mail_set_header(&b->message->mail, name, value, b->arena);
    return code == DRILL_OK ? code : scene_no_memory(b);
}

static enum drill_code remember_copies(struct building *b, struct drill_client *client,
                                       struct drill_envelope *message, uint64_t count)
{
    if (count <= 1) {
        return DRILL_OK;
    }
    struct copies *c = drill_arena_take(b->arena, sizeof(*c));
    if (!c) {
        return scene_no_memory(b);
    }
    c->client = client;
    c->message = message;
    c->count = count;
    c->next = b->copies;
    b->copies = c;
    return DRILL_OK;
}

/* Messages first, for the copies of a client have all of its messages. */
static enum drill_code make_copies(struct building *b, bool messages)
{
    for (const struct copies *c = b->copies; c; c = c->next) {
        size_t size = c->message ? sizeof(*c->message) : sizeof(*c->client);
        for (uint64_t i = 1; i < c->count && (c->message != NULL) == messages; i++) {
            void *copy = drill_arena_take(b->arena, size);
            if (!copy) {
                return scene_no_memory(b);
            }
            if (c->message) {
                memcpy(copy, c->message, size);
                c->message->next = copy;
            } else {
                memcpy(copy, c->client, size);
                c->client->next = copy;
            }
        }
    }
    return DRILL_OK;
}

static uint8_t stage_of(struct drill_span word)
{
    const struct drill_proto_message *row = drill_proto_word(DRILL_TO_MILTER, word);
    return row ? row->code : 0;
}

static enum drill_code smtp_line(struct building *b, const struct drill_setup *s)
{
    struct extra *e = drill_arena_take(b->arena, sizeof(*e));
    enum drill_code code = b->client ? DRILL_OK : add_client(b);
    if (!e || code != DRILL_OK) {
        return scene_no_memory(b);
    }
    e->client = b->client;
    e->message = b->message;
    for (const struct drill_pair *p = s->fields; p && code == DRILL_OK; p = p->next) {
        struct drill_span text;
        code = scene_value(b, &p->value, &text);
        if (key_is(p, "after")) {
            e->smtp.stage = stage_of(text);
        } else if (key_is(p, "send")) {
            e->smtp.act = DRILL_SMTP_SAY;
            e->smtp.line = text;
        } else if (key_is(p, "end")) {
            e->smtp.act = drill_span_equal(text, drill_span_str("reset")) ? DRILL_SMTP_LOSE
                                                                          : DRILL_SMTP_LEAVE;
        }
    }
    *b->extra_end = &e->smtp;
    b->extra_end = (struct drill_smtp_extra **)(void *)&e->smtp.next;
    return code;
}

/* Each extra in the list of its message or session; copies of these have none. */
static void hand_out_extras(struct drill_scene *scene)
{
    struct extra *newer = NULL;
    for (struct drill_smtp_extra *x = scene->extras; x;
         x = (struct drill_smtp_extra *)(uintptr_t)x->next) {
        struct extra *e = (struct extra *)(void *)x;
        e->message = e->message ? e->message : e->client->messages;
        e->newer = newer; /* the list, from its end */
        newer = e;
    }
    for (struct extra *e = newer; e; e = e->newer) {
        bool session = e->smtp.stage == DRILL_SMFIC_CONNECT || e->smtp.stage == DRILL_SMFIC_HELO;
        const struct drill_smtp_extra **list = session ? &e->client->extras : &e->message->extras;
        e->smtp.more = *list;
        *list = &e->smtp;
    }
}

static void number_extras(const struct drill_smtp_extra *list, uint32_t session, uint32_t message)
{
    for (; list; list = list->more) {
        struct drill_smtp_extra *x = (struct drill_smtp_extra *)(uintptr_t)list;
        x->session = session;
        x->message = message;
    }
}

/* Before what its `smtp` lines do. */
static bool secure(struct building *b, struct drill_client *c)
{
    struct drill_smtp_extra *x = c->tls ? drill_arena_take(b->arena, sizeof(*x)) : NULL;
    if (x) {
        x->stage = DRILL_SMFIC_HELO;
        x->act = DRILL_SMTP_SECURE;
        x->more = c->extras;
        c->extras = x;
    }
    return x || !c->tls;
}

static enum drill_code place_extras(struct building *b, struct drill_scene *scene)
{
    uint32_t session = 0, message = 0;
    hand_out_extras(scene);
    for (struct drill_client *c = scene->traffic; c; c = c->next) {
        scene->secure = scene->secure || c->tls;
        if (!secure(b, c)) {
            return scene_no_memory(b);
        }
        number_extras(c->extras, ++session, message + 1);
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            number_extras(m->extras, session, ++message);
        }
    }
    return DRILL_OK;
}

static enum drill_code traffic_line(struct building *b, const struct drill_setup *s)
{
    enum drill_code code = DRILL_OK;
    uint64_t count = count_of(s->fields);
    if (count > 100000) {
        return scene_at(b, s->pos,
                        drill_error_set(b->err, DRILL_ERR_LIMIT, "count= is at most 100000"));
    }
    switch (s->kind) {
    case DRILL_SETUP_CLIENT:
        code = one_client(b, s->fields);
        code = code == DRILL_OK ? remember_copies(b, b->client, NULL, count) : code;
        break;
    case DRILL_SETUP_MESSAGE:
        code = one_message(b, s->fields);
        code = code == DRILL_OK ? remember_copies(b, NULL, b->message, count) : code;
        break;
    case DRILL_SETUP_HEADER:
    case DRILL_SETUP_BODY: code = content(b, s); break;
    case DRILL_SETUP_SMTP: code = smtp_line(b, s); break;
    case DRILL_SETUP_WHY:
    case DRILL_SETUP_MTA:
    case DRILL_SETUP_MILTER:
    case DRILL_SETUP_BEFORE:
    case DRILL_SETUP_AFTER:
    case DRILL_SETUP_TLS:
    case DRILL_SETUP_JUDGE: break;
    }
    return code;
}

/* Every session has a message, and every message its raw form. */
static enum drill_code finish_traffic(struct building *b, struct drill_client *first)
{
    enum drill_code code = DRILL_OK;
    for (struct drill_client *c = first; c; c = c->next) {
        if (!c->messages) {
            b->client = c;
            b->message_end = &c->messages;
            code = one_message(b, NULL);
        }
        for (struct drill_envelope *m = c->messages; m && code == DRILL_OK; m = m->next) {
            code =
                drill_mail_finish(&m->mail, b->arena) == DRILL_OK ? DRILL_OK : scene_no_memory(b);
        }
        if (code != DRILL_OK) {
            return code;
        }
    }
    return DRILL_OK;
}

static enum drill_code build_traffic(struct building *b, struct drill_scene *scene)
{
    enum drill_code code = DRILL_OK;
    scene->traffic = NULL;
    b->client_end = &scene->traffic;
    b->extra_end = &scene->extras;
    for (const struct drill_setup *s = b->file ? b->file->setup : NULL; s; s = s->next) {
        code = traffic_line(b, s);
        if (code != DRILL_OK) {
            return scene_at(b, b->err && b->err->line ? (struct drill_pos){0, 0} : s->pos, code);
        }
    }
    if (!scene->traffic) {
        code = add_client(b);
    }
    code = code == DRILL_OK ? finish_traffic(b, scene->traffic) : code;
    code = code == DRILL_OK ? make_copies(b, true) : code;
    code = code == DRILL_OK ? make_copies(b, false) : code;
    return code == DRILL_OK ? place_extras(b, scene) : code;
}

/* Words are checked by the parser. */
static enum drill_code tls_line(struct building *b, struct drill_scene *scene)
{
    enum drill_code code = DRILL_OK;
    scene->tls_cert = drill_span_str("good");
    for (const struct drill_setup *s = b->file ? b->file->setup : NULL; s; s = s->next) {
        scene->tls = scene->tls || s->kind == DRILL_SETUP_TLS;
        if (s->kind == DRILL_SETUP_TLS && s->fields) {
            code = scene_value(b, &s->fields->value, &scene->tls_cert);
        }
    }
    return code;
}

const struct drill_smtp_extra *drill_scene_unmodelled(const struct drill_scene *scene)
{
    const struct drill_smtp_extra *e = scene->extras;
    while (e && drill_smtp_extra_does(e) != DRILL_SMTP_DOES_OTHER) {
        e = e->next;
    }
    return e;
}

enum drill_code drill_scene_build(const struct drill_file *file, const char *name,
                                  const struct drill_loader *loader,
                                  const struct drill_scene_side *mta,
                                  const struct drill_scene_side *milter, struct drill_arena *arena,
                                  struct drill_scene *scene, struct drill_error *err)
{
    struct building b = {.file = file, .name = name, .loader = loader, .arena = arena, .err = err};
    drill_error_clear(err);
    memset(scene, 0, sizeof(*scene));
    enum drill_code code = scene_side(&b, DRILL_SIDE_MTA, scene_side_line(file, DRILL_SIDE_MTA),
                                      mta, &scene->mta, &scene->mta_settings);
    if (code == DRILL_OK) {
        code = scene_side(&b, DRILL_SIDE_MILTER, scene_side_line(file, DRILL_SIDE_MILTER), milter,
                          &scene->milter, &scene->milter_settings);
    }
    code = code == DRILL_OK ? scene_neighbours(&b, scene) : code;
    code = code == DRILL_OK ? tls_line(&b, scene) : code;
    return code == DRILL_OK ? build_traffic(&b, scene) : code;
}
