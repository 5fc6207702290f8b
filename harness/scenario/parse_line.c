/* SPDX-License-Identifier: MIT */
/* What stands behind `>` or `<`: messages and events, their fields, how they travel. */
#include "scenario/parser.h"

#include <string.h>

/* ---- which words there are ---- */

enum { BOTH = 2, KEYS_MAX = 16, WORDS_MAX = 48 };

struct item_word {
    const char *word;
    enum drill_item_kind kind;
    int dir; /* an enum drill_dir, or BOTH */
};

static const struct item_word item_words[] = {
    {"frame", DRILL_ITEM_FRAME, BOTH},          {"raw", DRILL_ITEM_RAW, BOTH},
    {"open", DRILL_ITEM_OPEN, DRILL_TO_MILTER}, {"refuse", DRILL_ITEM_REFUSE, DRILL_TO_MTA},
    {"close", DRILL_ITEM_CLOSE, BOTH},          {"half-close", DRILL_ITEM_HALF_CLOSE, BOTH},
    {"reset", DRILL_ITEM_RESET, BOTH},          {"hangup", DRILL_ITEM_HANGUP, BOTH},
    {"silence", DRILL_ITEM_SILENCE, BOTH},      {"stall", DRILL_ITEM_STALL, BOTH},
};
enum { ITEM_WORDS = sizeof(item_words) / sizeof(item_words[0]) };

static const struct item_word *find_event(enum drill_dir dir, struct drill_span word)
{
    for (size_t i = 0; i < ITEM_WORDS; i++) {
        bool fits = item_words[i].dir == BOTH || item_words[i].dir == (int)dir;
        if (fits && drill_span_equal(drill_span_str(item_words[i].word), word)) {
            return &item_words[i];
        }
    }
    return NULL;
}

bool drill_parse_is_item(enum drill_dir dir, struct drill_span word)
{
    return find_event(dir, word) || drill_proto_word(dir, word);
}

static bool unknown_item(struct drill_parser *p, enum drill_dir dir, const struct drill_item *item)
{
    const char *names[WORDS_MAX];
    size_t count = 0;
    size_t messages;
    const struct drill_proto_message *m = drill_proto_messages(dir, &messages);
    enum drill_dir other = dir == DRILL_TO_MILTER ? DRILL_TO_MTA : DRILL_TO_MILTER;
    struct drill_brief brief = drill_brief_of(item->word);
    if (drill_parse_is_item(other, item->word)) {
        const char *way = dir == DRILL_TO_MILTER ? "from the milter to the MTA: write `<"
                                                 : "from the MTA to the milter: write `>";
        return drill_lex_fail(&p->lex, item->pos, DRILL_ERR_VALUE, "`%s` goes %s %s`", brief.text,
                              way, brief.text);
    }
    for (size_t i = 0; i < messages && count < WORDS_MAX; i++) {
        names[count++] = m[i].word;
    }
    for (size_t i = 0; i < ITEM_WORDS && count < WORDS_MAX; i++) {
        if (item_words[i].dir == BOTH || item_words[i].dir == (int)dir) {
            names[count++] = item_words[i].word;
        }
    }
    struct drill_hint hint = drill_hint_of(item->word, names, count);
    return drill_lex_fail(&p->lex, item->pos, DRILL_ERR_NOTFOUND,
                          "`%s` is no message or event behind `%s`%s%s", brief.text,
                          dir == DRILL_TO_MILTER ? ">" : "<", hint.text,
                          hint.text[0] ? "" : "; any other code is `frame code=N data=...`");
}

/* ---- which fields an item has ---- */

struct field_rule {
    const char *key;
    enum drill_field_id id;
    struct drill_take take;
    bool repeats;
};

struct field_rules {
    struct field_rule rule[KEYS_MAX];
    size_t count;
    bool macros; /* any other key is a macro's name */
    bool lists;  /* list.STAGE */
};

static void add_rule(struct field_rules *r, const char *key, enum drill_field_id id, unsigned kinds,
                     uint64_t max, const struct drill_words *words)
{
    struct field_rule *rule = &r->rule[r->count++];
    rule->key = key;
    rule->id = id;
    rule->take.kinds = kinds;
    rule->take.min = 0;
    rule->take.max = max;
    rule->take.words = words;
    rule->repeats = false;
}

static void add_text(struct field_rules *r, const char *key, enum drill_field_id id)
{
    add_rule(r, key, id, DRILL_TAKE_TEXT, 0, NULL);
}

static void add_optneg(struct field_rules *r, enum drill_dir dir)
{
    const unsigned flags = DRILL_TAKE_FLAGS | DRILL_TAKE_BIND;
    add_rule(r, "version", DRILL_FIELD_NUMBER0, DRILL_TAKE_NUMBER, UINT32_MAX, NULL);
    add_rule(r, "actions", DRILL_FIELD_NUMBER1, flags, UINT32_MAX, &drill_words_actions);
    add_rule(r, "protocol", DRILL_FIELD_NUMBER2, flags, UINT32_MAX, &drill_words_protocol);
    r->lists = dir == DRILL_TO_MTA;
}

static void add_connect(struct field_rules *r, const struct drill_proto_message *m)
{
    add_text(r, m->field[0], DRILL_FIELD_STR0);
    add_rule(r, "family", DRILL_FIELD_FAMILY, DRILL_TAKE_NUMBER, UINT8_MAX, &drill_words_families);
    add_rule(r, "port", DRILL_FIELD_PORT, DRILL_TAKE_NUMBER, UINT16_MAX, NULL);
    add_text(r, m->field[1], DRILL_FIELD_STR1);
}

static void add_shape(struct field_rules *r, enum drill_dir dir,
                      const struct drill_proto_message *m)
{
    switch (m->shape) {
    case DRILL_SHAPE_NONE: break;
    case DRILL_SHAPE_BYTES: add_text(r, "data", DRILL_FIELD_BODY); return;
    case DRILL_SHAPE_STR:
    case DRILL_SHAPE_TEXT: add_text(r, m->field[0], DRILL_FIELD_STR0); break;
    case DRILL_SHAPE_STR_STRS:
        add_text(r, m->field[0], DRILL_FIELD_STR0);
        add_text(r, m->field[1], DRILL_FIELD_ARG);
        r->rule[r->count - 1].take.kinds |= DRILL_TAKE_ABSENT;
        r->rule[r->count - 1].repeats = true;
        break;
    case DRILL_SHAPE_BE32_STR_STR:
        add_rule(r, "index", DRILL_FIELD_NUMBER0, DRILL_TAKE_NUMBER, UINT32_MAX, NULL);
        add_text(r, m->field[0], DRILL_FIELD_STR0);
        add_text(r, m->field[1], DRILL_FIELD_STR1);
        break;
    case DRILL_SHAPE_STR_STR:
        add_text(r, m->field[0], DRILL_FIELD_STR0);
        add_text(r, m->field[1], DRILL_FIELD_STR1);
        break;
    case DRILL_SHAPE_STR_OPT:
        add_text(r, m->field[0], DRILL_FIELD_STR0);
        add_text(r, m->field[1], DRILL_FIELD_STR1);
        r->rule[r->count - 1].take.kinds |= DRILL_TAKE_ABSENT;
        break;
    case DRILL_SHAPE_OPTNEG: add_optneg(r, dir); break;
    case DRILL_SHAPE_CONNECT: add_connect(r, m); break;
    case DRILL_SHAPE_MACRO:
        add_rule(r, "stage", DRILL_FIELD_STAGE, DRILL_TAKE_NUMBER, UINT8_MAX,
                 &drill_words_commands);
        r->macros = true;
        break;
    }
    add_text(r, "data", DRILL_FIELD_DATA);
}

static void rules_of(struct field_rules *r, enum drill_dir dir, const struct drill_item *item,
                     const struct drill_proto_message *m)
{
    memset(r, 0, sizeof(*r));
    switch (item->kind) {
    case DRILL_ITEM_MESSAGE: add_shape(r, dir, m); break;
    case DRILL_ITEM_FRAME:
        add_rule(r, "code", DRILL_FIELD_CODE, DRILL_TAKE_NUMBER, UINT8_MAX, NULL);
        add_text(r, "data", DRILL_FIELD_DATA);
        break;
    case DRILL_ITEM_RAW: add_text(r, "data", DRILL_FIELD_DATA); break;
    case DRILL_ITEM_SILENCE:
    case DRILL_ITEM_STALL:
        add_rule(r, "for", DRILL_FIELD_FOR, DRILL_TAKE_DURATION, UINT64_MAX, NULL);
        break;
    case DRILL_ITEM_OPEN:
    case DRILL_ITEM_REFUSE:
    case DRILL_ITEM_CLOSE:
    case DRILL_ITEM_HALF_CLOSE:
    case DRILL_ITEM_RESET:
    case DRILL_ITEM_HANGUP: break;
    }
}

/* ---- how it travels ---- */

enum { ON_LINE = 1, ON_BYTES = 2, ON_FRAME = 4 }; /* which items take a modifier */

enum travel_word { AFTER, WITHIN, SPLIT, DRIBBLE, CUT, LENGTH, TRAVEL_WORDS };

static const struct {
    const char *key;
    struct drill_take take;
    unsigned on;
} travel_words[TRAVEL_WORDS] = {
    [AFTER] = {"after", {DRILL_TAKE_DURATION, 0, UINT64_MAX, NULL}, ON_LINE},
    [WITHIN] = {"within", {DRILL_TAKE_DURATION, 0, UINT64_MAX, NULL}, ON_LINE},
    [SPLIT] = {"split", {DRILL_TAKE_INTS, 1, UINT32_MAX, NULL}, ON_BYTES},
    [DRIBBLE] = {"dribble", {DRILL_TAKE_DURATION, 0, UINT64_MAX, NULL}, ON_BYTES},
    [CUT] = {"cut", {DRILL_TAKE_INT, 1, UINT32_MAX, NULL}, ON_FRAME},
    [LENGTH] = {"length", {DRILL_TAKE_INT, 0, UINT32_MAX, NULL}, ON_FRAME},
};

static unsigned travels_as(const struct drill_item *item)
{
    if (item->kind == DRILL_ITEM_MESSAGE || item->kind == DRILL_ITEM_FRAME) {
        return ON_LINE | ON_BYTES | ON_FRAME;
    }
    return item->kind == DRILL_ITEM_RAW ? ON_LINE | ON_BYTES : ON_LINE;
}

static void set_travel(struct drill_travel *t, enum travel_word word, const struct drill_value *v)
{
    switch (word) {
    case AFTER:
        t->after_source = v->source;
        t->has_after = true;
        t->after = v->number;
        break;
    case WITHIN:
        t->within_source = v->source;
        t->has_within = true;
        t->within = v->number;
        break;
    case SPLIT:
        t->split_source = v->source;
        t->split = v->list;
        t->splits = v->count;
        break;
    case DRIBBLE:
        t->dribble_source = v->source;
        t->has_dribble = true;
        t->dribble = v->number;
        break;
    case CUT:
        t->cut_source = v->source;
        t->has_cut = true;
        t->cut = (uint32_t)v->number;
        break;
    case LENGTH:
        t->length_source = v->source;
        t->has_length = true;
        t->length = (uint32_t)v->number;
        break;
    case TRAVEL_WORDS: break;
    }
}

/* One item on its way through the parser. */
struct item_parser {
    struct drill_parser *p;
    struct drill_item *item;
    struct field_rules rules;
    struct drill_field **tail;
    const struct drill_field *data; /* `data=` instead of the message's own fields */
    const struct drill_field *own;  /* one of those */
    unsigned travels;               /* ON_ bits */
    uint32_t seen;                  /* a bit for each rule */
    uint32_t travel_seen;           /* a bit for each travel word */
};

static bool repeated(struct drill_parser *p, struct drill_pos pos, struct drill_span key)
{
    return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE, "`%s` stands twice in this line",
                          drill_brief_of(key).text);
}

/* ---- fields ---- */

static bool unknown_key(struct item_parser *ip, struct drill_pos pos, struct drill_span key)
{
    const char *names[KEYS_MAX + TRAVEL_WORDS + 1];
    char list[200];
    size_t count = 0;
    struct drill_writer w = drill_writer_of(list, sizeof(list) - 1);
    for (size_t i = 0; i < ip->rules.count; i++) {
        names[count++] = ip->rules.rule[i].key;
    }
    for (size_t i = 0; i < TRAVEL_WORDS; i++) {
        if (travel_words[i].on & ip->travels) {
            names[count++] = travel_words[i].key;
        }
    }
    if (ip->travels & ON_BYTES) {
        names[count++] = "join";
    }
    for (size_t i = 0; i < count; i++) {
        drill_write_text(&w, " ");
        drill_write_text(&w, names[i]);
    }
    list[drill_writer_span(&w).len] = '\0';
    struct drill_hint hint = drill_hint_of(key, names, count);
    return drill_lex_fail(&ip->p->lex, pos, DRILL_ERR_NOTFOUND, "`%s` takes no `%s`%s%s%s",
                          drill_brief_of(ip->item->word).text, drill_brief_of(key).text, hint.text,
                          hint.text[0] ? "" : "; it takes:", hint.text[0] ? "" : list);
}

/* Links a field and reads its value. */
static bool parse_field(struct item_parser *ip, enum drill_field_id id, struct drill_pos pos,
                        struct drill_span key, uint32_t number, const struct drill_take *take)
{
    struct drill_field *f = drill_lex_take_memory(&ip->p->lex, sizeof(*f));
    if (!f) {
        return false;
    }
    f->id = id;
    f->pos = pos;
    f->key = key;
    f->number = number;
    if (!drill_parse_value(ip->p, take, drill_brief_of(key).text, &f->value)) {
        return false;
    }
    if (ip->item->kind == DRILL_ITEM_MESSAGE) {
        *(id == DRILL_FIELD_DATA ? &ip->data : &ip->own) = f;
    }
    *ip->tail = f;
    ip->tail = &f->next;
    return true;
}

static bool parse_ruled(struct item_parser *ip, size_t i, struct drill_pos pos,
                        struct drill_span key)
{
    const struct field_rule *rule = &ip->rules.rule[i];
    if ((ip->seen & 1U << i) && !rule->repeats) {
        return repeated(ip->p, pos, key);
    }
    ip->seen |= 1U << i;
    return drill_parse_equals(ip->p, key) && parse_field(ip, rule->id, pos, key, 0, &rule->take);
}

static bool parse_travel(struct item_parser *ip, size_t i, struct drill_pos pos,
                         struct drill_span key)
{
    struct drill_value value;
    if (ip->travel_seen & 1U << i) {
        return repeated(ip->p, pos, key);
    }
    ip->travel_seen |= 1U << i;
    if (!drill_parse_equals(ip->p, key) ||
        !drill_parse_value(ip->p, &travel_words[i].take, travel_words[i].key, &value)) {
        return false;
    }
    set_travel(&ip->item->travel, (enum travel_word)i, &value);
    return true;
}

static bool parse_join(struct item_parser *ip, struct drill_pos pos, struct drill_span key)
{
    if (ip->item->travel.join) {
        return repeated(ip->p, pos, key);
    }
    ip->item->travel.join = true;
    return drill_parse_gap(ip->p);
}

static bool parse_macro(struct item_parser *ip, struct drill_pos pos, struct drill_span key)
{
    const struct drill_take take = {DRILL_TAKE_TEXT | DRILL_TAKE_ABSENT, 0, 0, NULL};
    if (drill_span_find(key, 0) < key.len) {
        return drill_lex_fail(&ip->p->lex, pos, DRILL_ERR_VALUE,
                              "a macro name cannot have a NUL in it; use data= for such a frame");
    }
    return drill_parse_equals(ip->p, key) && parse_field(ip, DRILL_FIELD_MACRO, pos, key, 0, &take);
}

/* list.STAGE; `list` is taken. */
static bool parse_list(struct item_parser *ip, struct drill_pos pos, const uint8_t *from)
{
    const struct drill_take take = {DRILL_TAKE_TEXT, 0, 0, NULL};
    struct drill_lex *lex = &ip->p->lex;
    uint64_t number = 0;
    struct drill_pos at = drill_lex_pos(lex);
    if (!drill_lex_take(lex, '.')) {
        return drill_lex_fail(lex, at, DRILL_ERR_SYNTAX,
                              "expected list.STAGE, like list.rcpt=\"{rcpt_addr}\"");
    }
    at = drill_lex_pos(lex);
    struct drill_span word = drill_lex_peek_name(lex);
    const uint32_t *stage = drill_words_find(&drill_words_lists, word);
    int c = drill_lex_peek(lex);
    if (stage) {
        lex->cur += word.len;
        number = *stage;
    } else if (c >= '0' && c <= '9') {
        enum drill_lex_number kind = drill_lex_number(lex, &number);
        if (kind == DRILL_NUMBER_BAD) {
            return false;
        }
        if (kind == DRILL_NUMBER_DURATION || number > UINT32_MAX) {
            return drill_lex_fail(lex, at, DRILL_ERR_LIMIT,
                                  "a stage is a number from 0 to 4294967295");
        }
    } else {
        struct drill_hint hint =
            drill_hint_of(word, drill_words_lists.word, drill_words_lists.count);
        return drill_lex_fail(
            lex, at, DRILL_ERR_NOTFOUND,
            "expected a stage behind `list.`: connect helo mail rcpt data bodyeob "
            "eoh or a number; got %s%s",
            drill_lex_came(lex).text, hint.text);
    }
    struct drill_span key = drill_span_of(from, (size_t)(lex->cur - from));
    return drill_parse_equals(ip->p, key) &&
           parse_field(ip, DRILL_FIELD_LIST, pos, key, (uint32_t)number, &take);
}

static bool parse_named(struct item_parser *ip, struct drill_pos pos)
{
    struct drill_lex *lex = &ip->p->lex;
    const uint8_t *from = lex->cur;
    struct drill_span key;
    (void)drill_lex_name(lex, &key);
    for (size_t i = 0; i < ip->rules.count; i++) {
        if (drill_span_equal(drill_span_str(ip->rules.rule[i].key), key)) {
            return parse_ruled(ip, i, pos, key);
        }
    }
    for (size_t i = 0; i < TRAVEL_WORDS; i++) {
        if ((travel_words[i].on & ip->travels) &&
            drill_span_equal(drill_span_str(travel_words[i].key), key)) {
            return parse_travel(ip, i, pos, key);
        }
    }
    if ((ip->travels & ON_BYTES) && drill_span_equal(drill_span_str("join"), key)) {
        return parse_join(ip, pos, key);
    }
    if (drill_span_equal(drill_span_str("list"), key)) {
        if (ip->rules.lists) {
            return parse_list(ip, pos, from);
        }
        if (ip->item->kind == DRILL_ITEM_MESSAGE && ip->item->code == DRILL_SMFIC_OPTNEG) {
            return drill_lex_fail(lex, pos, DRILL_ERR_VALUE,
                                  "macro lists are the milter's to send: write them at `< optneg`");
        }
    }
    return ip->rules.macros ? parse_macro(ip, pos, key) : unknown_key(ip, pos, key);
}

/* {name}: the braces are part of the macro's name on the wire. */
static bool parse_braced(struct item_parser *ip, struct drill_pos pos)
{
    struct drill_lex *lex = &ip->p->lex;
    const uint8_t *from = lex->cur++;
    struct drill_span inner;
    if (!drill_lex_name(lex, &inner) || !drill_lex_take(lex, '}')) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected a macro name like {auth_authen}; write any other name as a "
                              "string: \"{odd name}\"=\"value\"");
    }
    if (!ip->rules.macros) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "only `> macro` takes macro names");
    }
    return parse_macro(ip, pos, drill_span_of(from, (size_t)(lex->cur - from)));
}

static bool parse_item_field(struct item_parser *ip)
{
    struct drill_lex *lex = &ip->p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    int c = drill_lex_peek(lex);
    struct drill_span key;
    if (c == '{') {
        return parse_braced(ip, pos);
    }
    if (c == '"') {
        if (!ip->rules.macros) {
            return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                  "expected key=value, got a string; only `> macro` takes strings "
                                  "as keys");
        }
        return drill_lex_string(lex, &key) && parse_macro(ip, pos, key);
    }
    if (drill_lex_peek_name(lex).len == 0) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected key=value, `|` or the end of the line, got %s",
                              drill_lex_came(lex).text);
    }
    return parse_named(ip, pos);
}

/* ---- items ---- */

static bool absent_stands_alone(struct drill_parser *p, const struct drill_item *item)
{
    const struct drill_field *absent = NULL;
    size_t args = 0;
    for (const struct drill_field *f = item->fields; f; f = f->next) {
        if (f->id == DRILL_FIELD_ARG) {
            args++;
            absent = f->value.kind == DRILL_VALUE_ABSENT ? f : absent;
        }
    }
    return !absent || args == 1 ||
           drill_lex_fail(&p->lex, absent->pos, DRILL_ERR_VALUE,
                          "arg=absent means no argument at all; it cannot stand with others");
}

/* What only the whole item shows. */
static bool check_item(struct item_parser *ip)
{
    const struct drill_item *item = ip->item;
    struct drill_lex *lex = &ip->p->lex;
    if (ip->data && ip->own) {
        return drill_lex_fail(lex, ip->data->pos, DRILL_ERR_VALUE,
                              "data= replaces the whole payload, so `%s` cannot stand beside it",
                              drill_brief_of(ip->own->key).text);
    }
    bool needs = item->kind == DRILL_ITEM_FRAME || item->kind == DRILL_ITEM_RAW ||
                 item->kind == DRILL_ITEM_SILENCE || item->kind == DRILL_ITEM_STALL;
    if (needs && !(ip->seen & 1U)) {
        const char *key = ip->rules.rule[0].key;
        return drill_lex_fail(lex, item->pos, DRILL_ERR_SYNTAX, "`%s` needs %s=%s",
                              drill_brief_of(item->word).text, key,
                              item->kind == DRILL_ITEM_FRAME ? "N (0 to 255)"
                              : item->kind == DRILL_ITEM_RAW ? "\"...\""
                                                             : "T (like 5s)");
    }
    return absent_stands_alone(ip->p, item);
}

static bool parse_item(struct drill_parser *p, enum drill_dir dir, struct drill_item *item)
{
    struct item_parser ip = {.p = p, .item = item, .tail = &item->fields};
    struct drill_lex *lex = &p->lex;
    drill_lex_blanks(lex);
    item->pos = drill_lex_pos(lex);
    if (!drill_lex_name(lex, &item->word)) {
        return drill_lex_fail(lex, item->pos, DRILL_ERR_SYNTAX,
                              "expected a message or an event, got %s", drill_lex_came(lex).text);
    }
    const struct item_word *event = find_event(dir, item->word);
    const struct drill_proto_message *message = drill_proto_word(dir, item->word);
    if (!event && !message) {
        return unknown_item(p, dir, item);
    }
    item->kind = event ? event->kind : DRILL_ITEM_MESSAGE;
    item->code = event ? 0 : message->code;
    rules_of(&ip.rules, dir, item, message);
    ip.travels = travels_as(item);
    if (!drill_parse_gap(p)) {
        return false;
    }
    while (!drill_lex_at_line_end(lex) && drill_lex_peek(lex) != '|') {
        if (!parse_item_field(&ip)) {
            return false;
        }
    }
    return check_item(&ip);
}

bool drill_parse_items(struct drill_parser *p, enum drill_dir dir, struct drill_item **out)
{
    struct drill_item **tail = out;
    do {
        struct drill_item *item = drill_lex_take_memory(&p->lex, sizeof(*item));
        if (!item || !parse_item(p, dir, item)) {
            return false;
        }
        *tail = item;
        tail = &item->next;
    } while (drill_lex_take(&p->lex, '|'));
    return true;
}
