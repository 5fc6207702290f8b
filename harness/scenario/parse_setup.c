/* SPDX-License-Identifier: MIT */
/* Setup lines and checks: everything but the conversation itself. */
#include "scenario/parser.h"

enum { KEYS_MAX = 64, COUNT_MAX = 100000 };

/* A key of a line and what it takes. */
struct key {
    const char *name;
    struct drill_take take;
    bool repeats;
    bool needed;
};

static const struct drill_words yes_no = {{"yes", "no"}, {1, 0}, 2};
static const struct drill_words certs = {
    {"good", "expired", "self-signed", "wrong-name"}, {0, 1, 2, 3}, 4};
static const struct drill_words ends = {{"close", "reset"}, {0, 1}, 2};

#define BYTES_KEY                    \
    {                                \
        DRILL_TAKE_BYTES, 0, 0, NULL \
    }
#define MATCH_KEY                   \
    {                               \
        DRILL_TAKE_TEXT, 0, 0, NULL \
    }
#define COUNT_KEY                          \
    {                                      \
        DRILL_TAKE_INT, 1, COUNT_MAX, NULL \
    }
#define WORD_KEY(list)                 \
    {                                  \
        DRILL_TAKE_NAME, 0, 0, &(list) \
    }
#define FLAGS_KEY(of)                          \
    {                                          \
        DRILL_TAKE_FLAGS, 0, UINT32_MAX, &(of) \
    }

static const struct key profile_keys[] = {
    {"version", {DRILL_TAKE_INT, 0, UINT32_MAX, NULL}, false, false},
    {"actions", FLAGS_KEY(drill_words_actions), false, false},
    {"protocol", FLAGS_KEY(drill_words_protocol), false, false},
    {"flagsAction", FLAGS_KEY(drill_words_actions), false, false},
    {"flagsProtocol", FLAGS_KEY(drill_words_protocol), false, false},
    {"timeout", {DRILL_TAKE_DURATION, 0, UINT64_MAX, NULL}, false, false},
};
/* Any other key of a profile is the profile's to judge. */
static const struct drill_take setting = {DRILL_TAKE_SETTING, 0, UINT64_MAX, NULL};

static const struct key tls_keys[] = {{"cert", WORD_KEY(certs), false, false}};
static const struct key client_keys[] = {
    {"addr", BYTES_KEY, false, false},
    {"port", {DRILL_TAKE_INT, 0, UINT16_MAX, NULL}, false, false},
    {"host", BYTES_KEY, false, false},
    {"helo", BYTES_KEY, false, false},
    {"auth", BYTES_KEY, false, false},
    {"tls", WORD_KEY(yes_no), false, false},
    {"count", COUNT_KEY, false, false},
};
static const struct key message_keys[] = {
    {"from", BYTES_KEY, false, false},  {"rcpt", BYTES_KEY, true, false},
    {"arg", BYTES_KEY, true, false},    {"file", BYTES_KEY, false, false},
    {"count", COUNT_KEY, false, false},
};
static const struct key header_keys[] = {
    {"name", BYTES_KEY, false, true},
    {"value", BYTES_KEY, false, true},
};
static const struct key body_keys[] = {{"data", BYTES_KEY, false, true}};
static const struct key smtp_keys[] = {
    {"after", WORD_KEY(drill_words_stages), false, true},
    {"send", BYTES_KEY, false, false},
    {"end", WORD_KEY(ends), false, false},
};

#define MESSAGE_KEY                                            \
    {                                                          \
        DRILL_TAKE_INT | DRILL_TAKE_RANGE, 1, UINT32_MAX, NULL \
    }
static const struct key verdict_keys[] = {
    {"message", MESSAGE_KEY, false, false},
    {"at", WORD_KEY(drill_words_stages), false, false},
    {"rcpt", {DRILL_TAKE_BYTES | DRILL_TAKE_GLOB, 0, 0, NULL}, false, false},
};
static const struct key outcome_keys[] = {
    {"code", {DRILL_TAKE_INT | DRILL_TAKE_RANGE, 200, 599, NULL}, false, false},
    {"text", MATCH_KEY, false, false},
};
static const struct key delivered_none_keys[] = {{"message", MESSAGE_KEY, false, false}};
static const struct key delivered_header_keys[] = {
    {"name", BYTES_KEY, false, true},
    {"value", {DRILL_TAKE_TEXT | DRILL_TAKE_ABSENT, 0, 0, NULL}, false, true},
    {"message", MESSAGE_KEY, false, false},
};
static const struct key delivered_body_keys[] = {
    {"data", MATCH_KEY, false, true},
    {"message", MESSAGE_KEY, false, false},
};
static const struct key delivered_keys[] = {
    {"from", MATCH_KEY, false, false},
    {"rcpt", MATCH_KEY, true, false},
    {"message", MESSAGE_KEY, false, false},
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- key=value ---- */

struct pairs {
    struct drill_parser *p;
    const char *line; /* the statement's word, for errors */
    const struct key *keys;
    size_t count;
    const struct drill_take *others; /* what unknown keys take; NULL: they are errors */
    struct drill_pair *first;
    struct drill_pair **tail;
    size_t different; /* pairs that may not repeat */
};

/* NAME{.NAME} and `=` stand here: takes the name. */
static bool take_key(struct drill_lex *lex, struct drill_span *key)
{
    struct drill_lex ahead = *lex;
    struct drill_span part;
    if (!drill_lex_name(&ahead, &part)) {
        return false;
    }
    while (drill_lex_peek(&ahead) == '.') {
        ahead.cur++;
        if (!drill_lex_name(&ahead, &part)) {
            return false;
        }
    }
    struct drill_lex behind = ahead;
    drill_lex_blanks(&behind);
    if (drill_lex_peek(&behind) != '=') {
        return false;
    }
    *key = drill_span_of(lex->cur, (size_t)(ahead.cur - lex->cur));
    *lex = ahead;
    return true;
}

static bool unknown_key(const struct pairs *ps, struct drill_pos pos, struct drill_span key)
{
    const char *names[KEYS_MAX];
    char list[160];
    struct drill_writer w = drill_writer_of(list, sizeof(list) - 1);
    for (size_t i = 0; i < ps->count; i++) {
        names[i] = ps->keys[i].name;
        drill_write_text(&w, " ");
        drill_write_text(&w, names[i]);
    }
    list[drill_writer_span(&w).len] = '\0';
    struct drill_hint hint = drill_hint_of(key, names, ps->count);
    return drill_lex_fail(&ps->p->lex, pos, DRILL_ERR_NOTFOUND, "`%s` takes no `%s`%s%s%s",
                          ps->line, drill_brief_of(key).text, hint.text,
                          hint.text[0] ? "" : "; it takes:", hint.text[0] ? "" : list);
}

static bool stands_twice(const struct pairs *ps, struct drill_span key)
{
    for (const struct drill_pair *f = ps->first; f; f = f->next) {
        if (drill_span_equal(f->key, key)) {
            return true;
        }
    }
    return false;
}

static bool parse_pair(struct pairs *ps, struct drill_pos pos, struct drill_span name)
{
    struct drill_lex *lex = &ps->p->lex;
    const struct drill_take *take = ps->others;
    bool repeats = false;
    for (size_t i = 0; i < ps->count; i++) {
        if (drill_span_equal(drill_span_str(ps->keys[i].name), name)) {
            take = &ps->keys[i].take;
            repeats = ps->keys[i].repeats;
        }
    }
    if (!take) {
        return unknown_key(ps, pos, name);
    }
    /* The limit keeps the look for repeated keys short: only `rcpt` and `arg` may stand often. */
    if (!repeats && ++ps->different > KEYS_MAX) {
        return drill_lex_fail(lex, pos, DRILL_ERR_LIMIT, "more than %d keys in one line", KEYS_MAX);
    }
    if (!repeats && stands_twice(ps, name)) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "`%s` stands twice in this line",
                              drill_brief_of(name).text);
    }
    struct drill_pair *pair = drill_lex_take_memory(lex, sizeof(*pair));
    if (!pair) {
        return false;
    }
    pair->key = name;
    pair->pos = pos;
    if (!drill_parse_equals(ps->p, name) ||
        !drill_parse_value(ps->p, take, drill_brief_of(name).text, &pair->value)) {
        return false;
    }
    *ps->tail = pair;
    ps->tail = &pair->next;
    return true;
}

static const struct drill_value *find_pair(const struct drill_pair *f, const char *key)
{
    for (; f; f = f->next) {
        if (drill_span_equal(f->key, drill_span_str(key))) {
            return &f->value;
        }
    }
    return NULL;
}

/* Pairs until something else comes; then the needed ones must be there. */
static bool parse_pairs(struct drill_parser *p, const char *line, const struct key *keys,
                        size_t count, const struct drill_take *others, struct drill_pair **out)
{
    struct pairs ps = {.p = p, .line = line, .keys = keys, .count = count, .others = others};
    struct drill_span name;
    ps.tail = &ps.first;
    for (;;) {
        drill_lex_blanks(&p->lex);
        struct drill_pos pos = drill_lex_pos(&p->lex);
        if (!take_key(&p->lex, &name)) {
            break;
        }
        if (!parse_pair(&ps, pos, name)) {
            return false;
        }
    }
    *out = ps.first;
    for (size_t i = 0; i < count; i++) {
        if (keys[i].needed && !find_pair(ps.first, keys[i].name)) {
            return drill_lex_fail(&p->lex, drill_lex_pos(&p->lex), DRILL_ERR_SYNTAX,
                                  "`%s` needs %s=; got %s", line, keys[i].name,
                                  drill_lex_came(&p->lex).text);
        }
    }
    return true;
}

/* ---- setup ---- */

static bool parse_why(struct drill_parser *p, struct drill_setup *s)
{
    drill_lex_blanks(&p->lex);
    if (drill_lex_peek(&p->lex) != '"') {
        return drill_lex_fail(&p->lex, drill_lex_pos(&p->lex), DRILL_ERR_SYNTAX,
                              "expected a string behind `why`, got %s",
                              drill_lex_came(&p->lex).text);
    }
    return drill_lex_string(&p->lex, &s->text);
}

static bool parse_profile(struct drill_parser *p, const char *line, struct drill_setup *s)
{
    struct drill_lex *lex = &p->lex;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    bool quoted = drill_lex_peek(lex) == '"';
    if (quoted ? !drill_lex_string(lex, &s->text) : !drill_lex_name(lex, &s->text)) {
        return quoted ? false
                      : drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                       "expected a profile's name behind `%s`, got %s", line,
                                       drill_lex_came(lex).text);
    }
    return drill_parse_gap(p) &&
           parse_pairs(p, line, profile_keys, COUNT_OF(profile_keys), &setting, &s->fields);
}

static bool parse_judge(struct drill_parser *p, struct drill_setup *s)
{
    struct drill_lex *lex = &p->lex;
    struct drill_name **tail = &s->names;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_span word;
    if (drill_span_equal(drill_lex_peek_name(lex), drill_span_str("all"))) {
        return drill_lex_name(lex, &word);
    }
    while (drill_lex_peek_name(lex).len) {
        struct drill_name *name = drill_lex_take_memory(lex, sizeof(*name));
        if (!name) {
            return false;
        }
        name->pos = drill_lex_pos(lex);
        (void)drill_lex_name(lex, &name->text);
        *tail = name;
        tail = &name->next;
        drill_lex_blanks(lex);
    }
    return s->names || drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                      "expected `all` or rules like M4 behind `judge`, got %s",
                                      drill_lex_came(lex).text);
}

/* The content of file= is for whoever builds the message; its name is checked here. */
static bool parse_message(struct drill_parser *p, struct drill_setup *s)
{
    if (!parse_pairs(p, "message", message_keys, COUNT_OF(message_keys), NULL, &s->fields)) {
        return false;
    }
    const struct drill_value *file = find_pair(s->fields, "file");
    if (!file) {
        return true;
    }
    const struct drill_part *part = file->parts;
    if (part->next || part->times != 1 || part->kind != DRILL_PART_STRING) {
        return drill_lex_fail(&p->lex, file->pos, DRILL_ERR_SYNTAX,
                              "file= of a message takes one file name as a plain string");
    }
    return drill_parse_file_name(p, file->pos, part->bytes);
}

static bool parse_smtp(struct drill_parser *p, struct drill_setup *s)
{
    if (!parse_pairs(p, "smtp", smtp_keys, COUNT_OF(smtp_keys), NULL, &s->fields)) {
        return false;
    }
    bool send = find_pair(s->fields, "send") != NULL;
    bool end = find_pair(s->fields, "end") != NULL;
    return send != end || drill_lex_fail(&p->lex, s->pos, DRILL_ERR_SYNTAX,
                                         "`smtp` needs either send=\"LINE\" or end=close or "
                                         "end=reset, and not both");
}

bool drill_parse_setup(struct drill_parser *p, struct drill_setup *s)
{
    switch (s->kind) {
    case DRILL_SETUP_WHY: return parse_why(p, s);
    case DRILL_SETUP_MTA: return parse_profile(p, "mta", s);
    case DRILL_SETUP_MILTER: return parse_profile(p, "milter", s);
    case DRILL_SETUP_BEFORE: return parse_profile(p, "before", s);
    case DRILL_SETUP_AFTER: return parse_profile(p, "after", s);
    case DRILL_SETUP_TLS:
        return parse_pairs(p, "tls", tls_keys, COUNT_OF(tls_keys), NULL, &s->fields);
    case DRILL_SETUP_JUDGE: return parse_judge(p, s);
    case DRILL_SETUP_CLIENT:
        return parse_pairs(p, "client", client_keys, COUNT_OF(client_keys), NULL, &s->fields);
    case DRILL_SETUP_MESSAGE: return parse_message(p, s);
    case DRILL_SETUP_HEADER:
        return parse_pairs(p, "header", header_keys, COUNT_OF(header_keys), NULL, &s->fields);
    case DRILL_SETUP_BODY:
        return parse_pairs(p, "body", body_keys, COUNT_OF(body_keys), NULL, &s->fields);
    case DRILL_SETUP_SMTP: return parse_smtp(p, s);
    }
    return false;
}

/* ---- checks ---- */

static bool parse_outcome(struct drill_parser *p, struct drill_outcome_alt *alt)
{
    static const char *const words[] = {"accept", "tempfail", "reject", "drop"};
    static const enum drill_outcome outcomes[] = {DRILL_OUTCOME_ACCEPT, DRILL_OUTCOME_TEMPFAIL,
                                                  DRILL_OUTCOME_REJECT, DRILL_OUTCOME_DROP};
    struct drill_lex *lex = &p->lex;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_span word = drill_lex_peek_name(lex);
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (drill_span_equal(drill_span_str(words[i]), word)) {
            alt->outcome = outcomes[i];
        }
    }
    if (alt->outcome == DRILL_OUTCOME_NONE) {
        struct drill_hint hint = drill_hint_of(word, words, COUNT_OF(words));
        return drill_lex_fail(lex, pos, word.len ? DRILL_ERR_NOTFOUND : DRILL_ERR_SYNTAX,
                              "expected accept, tempfail, reject or drop, got %s%s",
                              drill_lex_came(lex).text, hint.text);
    }
    lex->cur += word.len;
    return drill_parse_gap(p) &&
           parse_pairs(p, "verdict", outcome_keys, COUNT_OF(outcome_keys), NULL, &alt->fields);
}

bool drill_parse_verdict(struct drill_parser *p, struct drill_check *c)
{
    struct drill_outcome_alt **tail = &c->outcomes;
    c->kind = DRILL_CHECK_VERDICT;
    if (!parse_pairs(p, "verdict", verdict_keys, COUNT_OF(verdict_keys), NULL, &c->fields)) {
        return false;
    }
    do {
        struct drill_outcome_alt *alt = drill_lex_take_memory(&p->lex, sizeof(*alt));
        if (!alt || !parse_outcome(p, alt)) {
            return false;
        }
        *tail = alt;
        tail = &alt->next;
        drill_lex_blanks(&p->lex);
    } while (drill_lex_take(&p->lex, '|'));
    return true;
}

bool drill_parse_delivered(struct drill_parser *p, struct drill_check *c)
{
    static const struct {
        const char *word;
        enum drill_delivered kind;
        const struct key *keys;
        size_t count;
    } forms[] = {
        {"none", DRILL_DELIVERED_NONE, delivered_none_keys, COUNT_OF(delivered_none_keys)},
        {"header", DRILL_DELIVERED_HEADER, delivered_header_keys, COUNT_OF(delivered_header_keys)},
        {"body", DRILL_DELIVERED_BODY, delivered_body_keys, COUNT_OF(delivered_body_keys)},
        {"", DRILL_DELIVERED_FIELDS, delivered_keys, COUNT_OF(delivered_keys)},
    };
    struct drill_lex *lex = &p->lex;
    struct drill_span word;
    size_t form = COUNT_OF(forms) - 1;
    c->kind = DRILL_CHECK_DELIVERED;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_lex ahead = *lex;
    if (!take_key(&ahead, &word) && drill_lex_name(lex, &word)) {
        static const char *const names[] = {"none", "header", "body"};
        for (form = 0; form < COUNT_OF(names); form++) {
            if (drill_span_equal(drill_span_str(names[form]), word)) {
                break;
            }
        }
        if (form == COUNT_OF(names)) {
            struct drill_hint hint = drill_hint_of(word, names, COUNT_OF(names));
            return drill_lex_fail(
                lex, pos, DRILL_ERR_NOTFOUND,
                "`delivered` takes none, header, body, from= or rcpt=; got `%s`%s",
                drill_brief_of(word).text, hint.text);
        }
    }
    c->delivered = forms[form].kind;
    if (!parse_pairs(p, "delivered", forms[form].keys, forms[form].count, NULL, &c->fields)) {
        return false;
    }
    bool says = c->delivered != DRILL_DELIVERED_FIELDS || find_pair(c->fields, "from") ||
                find_pair(c->fields, "rcpt");
    return says || drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                  "expected none, header, body, from= or rcpt= behind `delivered`, "
                                  "got %s",
                                  drill_lex_came(lex).text);
}
