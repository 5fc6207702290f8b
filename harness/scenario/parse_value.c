/* SPDX-License-Identifier: MIT */
/* Values: what stands behind `key=`. */
#include "scenario/parser.h"

#include <string.h>

const uint32_t *drill_words_find(const struct drill_words *words, struct drill_span word)
{
    for (size_t i = 0; words && i < words->count; i++) {
        if (drill_span_equal(drill_span_str(words->word[i]), word)) {
            return &words->number[i];
        }
    }
    return NULL;
}

/* ---- errors ---- */

struct phrase {
    unsigned kind;
    const char *text;
};

static void add_words(struct drill_writer *w, const struct drill_words *words)
{
    drill_write_text(w, "one of");
    for (size_t i = 0; i < words->count; i++) {
        drill_write_text(w, " ");
        drill_write_text(w, words->word[i]);
    }
}

/* "a string, ~"pattern", len N or $name": what a key takes. */
static void describe(const struct drill_take *take, char *text, size_t cap)
{
    static const struct phrase phrases[] = {
        {DRILL_TAKE_BYTES, "a string"},
        {DRILL_TAKE_INT, "a number"},
        {DRILL_TAKE_INTS, "numbers joined by commas"},
        {DRILL_TAKE_DURATION, "a duration like 500ms, 10s or 2min"},
        {DRILL_TAKE_FLAGS, "flags like a,b or +a-b or a number"},
        {DRILL_TAKE_NAME, "a name"},
        {DRILL_TAKE_GLOB, "~\"pattern\""},
        {DRILL_TAKE_RANGE, "a range like 1..9"},
        {DRILL_TAKE_LEN, "len N"},
        {DRILL_TAKE_ABSENT, "absent"},
        {DRILL_TAKE_BIND, "$name"},
    };
    struct drill_writer w = drill_writer_of(text, cap - 1);
    bool words = take->words && !(take->kinds & DRILL_TAKE_FLAGS);
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (!(take->kinds & phrases[i].kind)) {
            continue;
        }
        drill_write_text(&w, w.len ? ", " : "");
        if (words && (phrases[i].kind & (DRILL_TAKE_INT | DRILL_TAKE_NAME))) {
            add_words(&w, take->words);
            drill_write_text(&w, phrases[i].kind == DRILL_TAKE_INT ? ", a number" : "");
        } else {
            drill_write_text(&w, phrases[i].text);
        }
    }
    text[drill_writer_span(&w).len] = '\0';
}

/* What came is nothing that the key takes. */
static bool wrong(struct drill_parser *p, const struct drill_take *take, const char *key,
                  struct drill_pos pos)
{
    char text[240];
    describe(take, text, sizeof(text));
    return drill_lex_fail(&p->lex, pos, DRILL_ERR_SYNTAX, "`%s` takes %s; got %s", key, text,
                          drill_lex_came(&p->lex).text);
}

/* A bare word where a string belongs, or a word that is none of those allowed. */
static bool wrong_word(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_pos pos, struct drill_span word)
{
    struct drill_brief brief = drill_brief_of(word);
    if (drill_span_equal(word, drill_span_str("absent"))) {
        return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE,
                              "`%s` cannot be absent; only macro names, arg and args can", key);
    }
    if (take->words) {
        struct drill_hint hint = drill_hint_of(word, take->words->word, take->words->count);
        char text[240];
        describe(take, text, sizeof(text));
        return drill_lex_fail(&p->lex, pos, DRILL_ERR_NOTFOUND, "`%s` takes %s; got `%s`%s", key,
                              text, brief.text, hint.text);
    }
    if (take->kinds & DRILL_TAKE_BYTES) {
        return drill_lex_fail(&p->lex, pos, DRILL_ERR_SYNTAX,
                              "`%s` takes a string: write \"%s\" instead of %s", key, brief.text,
                              brief.text);
    }
    p->lex.cur -= word.len;
    return wrong(p, take, key, pos);
}

static bool out_of_limits(struct drill_parser *p, const struct drill_take *take, const char *key,
                          struct drill_pos pos, uint64_t number)
{
    return drill_lex_fail(
        &p->lex, pos, DRILL_ERR_LIMIT, "`%s` is a number from %llu to %llu; got %llu", key,
        (unsigned long long)take->min, (unsigned long long)take->max, (unsigned long long)number);
}

/* ---- numbers ---- */

/* Behind the `..` of a range; `out->low` is set. */
static bool parse_range_end(struct drill_parser *p, const struct drill_take *take, const char *key,
                            struct drill_value *out)
{
    int c = drill_lex_peek(&p->lex);
    out->high = UINT64_MAX;
    if (c >= '0' && c <= '9') {
        struct drill_pos pos = drill_lex_pos(&p->lex);
        enum drill_lex_number kind = drill_lex_number(&p->lex, &out->high);
        if (kind == DRILL_NUMBER_BAD) {
            return false;
        }
        if (kind == DRILL_NUMBER_DURATION) {
            return drill_lex_fail(&p->lex, pos, DRILL_ERR_SYNTAX,
                                  "`%s` takes a range of plain numbers", key);
        }
        if (out->high < out->low) {
            return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE,
                                  "the range is empty: it ends below its start");
        }
        if (out->kind == DRILL_VALUE_RANGE && out->high > take->max) {
            return out_of_limits(p, take, key, pos, out->high);
        }
    }
    if (out->kind == DRILL_VALUE_RANGE && out->low > take->max) {
        return out_of_limits(p, take, key, out->pos, out->low);
    }
    return true;
}

/* 1,2,3: the first is read. */
static bool parse_ints(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_value *out)
{
    struct drill_lex *lex = &p->lex;
    size_t room = 1;
    for (const uint8_t *q = lex->cur; q < lex->end && *q != '\n' && *q != ' '; q++) {
        room += *q == ',';
    }
    uint32_t *list = drill_lex_take_memory(lex, room * sizeof(*list));
    if (!list) {
        return false;
    }
    out->kind = DRILL_VALUE_INTS;
    out->list = list;
    uint64_t number = out->number;
    struct drill_pos pos = out->pos;
    for (;;) {
        if (number < take->min || number > take->max || number > UINT32_MAX) {
            return out_of_limits(p, take, key, pos, number);
        }
        list[out->count++] = (uint32_t)number;
        if (!drill_lex_take(lex, ',')) {
            return true;
        }
        pos = drill_lex_pos(lex);
        int c = drill_lex_peek(lex);
        if (c < '0' || c > '9') {
            return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                  "expected a number behind the comma, got %s",
                                  drill_lex_came(lex).text);
        }
        if (drill_lex_number(lex, &number) != DRILL_NUMBER_INT) {
            return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                                  "`%s` takes plain numbers joined by commas", key);
        }
    }
}

static bool parse_number(struct drill_parser *p, const struct drill_take *take, const char *key,
                         struct drill_value *out)
{
    struct drill_lex before = p->lex;
    switch (drill_lex_number(&p->lex, &out->number)) {
    case DRILL_NUMBER_BAD: return false;
    case DRILL_NUMBER_DURATION:
        out->kind = DRILL_VALUE_DURATION;
        if (!(take->kinds & DRILL_TAKE_DURATION)) {
            p->lex.cur = before.cur;
            return wrong(p, take, key, out->pos);
        }
        return true;
    case DRILL_NUMBER_INT: break;
    }
    out->kind = DRILL_VALUE_INT;
    if ((take->kinds & DRILL_TAKE_RANGE) && drill_lex_take_text(&p->lex, "..")) {
        out->kind = DRILL_VALUE_RANGE;
        out->low = out->number;
        out->number = 0;
        return parse_range_end(p, take, key, out);
    }
    bool list = drill_lex_peek(&p->lex) == ',' || !(take->kinds & DRILL_TAKE_INT);
    if ((take->kinds & DRILL_TAKE_INTS) && list) {
        return parse_ints(p, take, key, out);
    }
    if (take->kinds & DRILL_TAKE_INT) {
        return (out->number >= take->min && out->number <= take->max) ||
               out_of_limits(p, take, key, out->pos, out->number);
    }
    p->lex.cur = before.cur;
    if (take->kinds & DRILL_TAKE_DURATION) {
        return drill_lex_fail(&p->lex, out->pos, DRILL_ERR_SYNTAX,
                              "`%s` needs a unit: ms, s or min", key);
    }
    return wrong(p, take, key, out->pos);
}

/* ---- flags ---- */

/* One flag: a word without `-` in it, or a number. */
static bool parse_flag(struct drill_parser *p, const struct drill_take *take, const char *key,
                       uint32_t *bits)
{
    struct drill_lex *lex = &p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    int c = drill_lex_peek(lex);
    if (c >= '0' && c <= '9') {
        uint64_t number;
        enum drill_lex_number kind = drill_lex_number(lex, &number);
        if (kind == DRILL_NUMBER_INT && number > UINT32_MAX) {
            return out_of_limits(p, take, key, pos, number);
        }
        *bits = (uint32_t)number;
        return kind == DRILL_NUMBER_INT ||
               (kind == DRILL_NUMBER_DURATION &&
                drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX, "`%s` takes flags, no duration", key));
    }
    struct drill_span word = drill_lex_peek_name(lex);
    word.len = drill_span_find(word, '-');
    const uint32_t *bit = drill_words_find(take->words, word);
    if (bit) {
        lex->cur += word.len;
        *bits = *bit;
        return true;
    }
    if (word.len == 0) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX, "expected a flag of `%s`, got %s", key,
                              drill_lex_came(lex).text);
    }
    struct drill_hint hint = drill_hint_of(word, take->words->word, take->words->count);
    return drill_lex_fail(lex, pos, DRILL_ERR_NOTFOUND, "`%s` has no flag `%s`%s%s", key,
                          drill_brief_of(word).text, hint.text,
                          hint.text[0] ? "" : "; other bits are written as a number");
}

static bool parse_flags(struct drill_parser *p, const struct drill_take *take, const char *key,
                        struct drill_value *out)
{
    uint32_t bits = 0;
    int c = drill_lex_peek(&p->lex);
    if (c != '+' && c != '-') {
        out->kind = DRILL_VALUE_FLAGS;
        do {
            if (!parse_flag(p, take, key, &bits)) {
                return false;
            }
            out->number |= bits;
        } while (drill_lex_take(&p->lex, ','));
        return true;
    }
    out->kind = DRILL_VALUE_EDIT;
    for (; c == '+' || c == '-'; c = drill_lex_peek(&p->lex)) {
        p->lex.cur++;
        struct drill_pos pos = drill_lex_pos(&p->lex);
        if (!parse_flag(p, take, key, &bits)) {
            return false;
        }
        if (bits & (c == '+' ? out->clear : out->set)) {
            return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE,
                                  "one flag is both set and cleared");
        }
        *(c == '+' ? &out->set : &out->clear) |= bits;
    }
    return true;
}

/* ---- words ---- */

/* `len` and a number or range follow: takes them. */
static bool parse_len(struct drill_parser *p, const struct drill_take *take, const char *key,
                      struct drill_value *out)
{
    struct drill_lex *lex = &p->lex;
    drill_lex_blanks(lex);
    const uint8_t *from = lex->cur;
    struct drill_pos pos = drill_lex_pos(lex);
    int c = drill_lex_peek(lex);
    out->kind = DRILL_VALUE_LEN;
    if (c >= '0' && c <= '9') {
        enum drill_lex_number kind = drill_lex_number(lex, &out->low);
        if (kind == DRILL_NUMBER_BAD) {
            return false;
        }
        if (kind == DRILL_NUMBER_DURATION) {
            return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX, "`len` takes a number or a range");
        }
        out->high = out->low;
        if (drill_lex_take_text(lex, "..") && !parse_range_end(p, take, key, out)) {
            return false;
        }
    } else if (!drill_lex_take_text(lex, "..")) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected a number or a range behind `len`, got %s",
                              drill_lex_came(lex).text);
    } else if (!parse_range_end(p, take, key, out)) {
        return false;
    }
    out->source = drill_span_of(from, (size_t)(lex->cur - from));
    return true;
}

/* name{,name}: kept as it is written. */
static bool parse_list(struct drill_parser *p, struct drill_value *out)
{
    const uint8_t *from = out->text.ptr;
    while (drill_lex_take(&p->lex, ',')) {
        const uint8_t *item = p->lex.cur;
        for (int c; (c = drill_lex_peek(&p->lex)) != ',' && !drill_lex_at_gap(&p->lex);) {
            bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '_' || c == '-';
            if (!word) {
                break;
            }
            p->lex.cur++;
        }
        if (item == p->lex.cur) {
            return drill_lex_fail(&p->lex, drill_lex_pos(&p->lex), DRILL_ERR_SYNTAX,
                                  "expected a name behind the comma, got %s; a list has no blanks",
                                  drill_lex_came(&p->lex).text);
        }
    }
    out->text = drill_span_of(from, (size_t)(p->lex.cur - from));
    return true;
}

static bool parse_word(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_value *out)
{
    struct drill_span word;
    struct drill_lex before = p->lex;
    if (!drill_lex_name(&p->lex, &word)) {
        return wrong(p, take, key, out->pos);
    }
    if ((take->kinds & DRILL_TAKE_LEN) && drill_span_equal(word, drill_span_str("len"))) {
        return parse_len(p, take, key, out);
    }
    if (take->kinds & DRILL_TAKE_BYTES) {
        struct drill_lex ahead = p->lex;
        drill_lex_blanks(&ahead);
        bool atom = drill_span_equal(word, drill_span_str("hex")) ||
                    drill_span_equal(word, drill_span_str("file"));
        if (atom && drill_lex_peek(&ahead) == '"') {
            p->lex = before;
            return drill_parse_bytes(p, out);
        }
    }
    if ((take->kinds & DRILL_TAKE_ABSENT) && drill_span_equal(word, drill_span_str("absent"))) {
        out->kind = DRILL_VALUE_ABSENT;
        return true;
    }
    const uint32_t *number = drill_words_find(take->words, word);
    if (number && (take->kinds & DRILL_TAKE_INT)) {
        out->kind = DRILL_VALUE_INT;
        out->number = *number;
        return true;
    }
    if ((take->kinds & DRILL_TAKE_NAME) && (number || !take->words)) {
        out->kind = DRILL_VALUE_NAME;
        out->text = word;
        return !(take->kinds & DRILL_TAKE_LIST) || parse_list(p, out);
    }
    return wrong_word(p, take, key, out->pos, word);
}

/* ---- the value ---- */

static bool parse_kind(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_value *out)
{
    struct drill_lex *lex = &p->lex;
    int c = drill_lex_peek(lex);
    bool digit = c >= '0' && c <= '9';
    bool word = drill_lex_peek_name(lex).len > 0;
    if (c == '"' && (take->kinds & DRILL_TAKE_BYTES)) {
        return drill_parse_bytes(p, out);
    }
    if (c == '~' && (take->kinds & DRILL_TAKE_GLOB)) {
        lex->cur++;
        out->kind = DRILL_VALUE_GLOB;
        return drill_lex_peek(lex) == '"'
                   ? drill_lex_string(lex, &out->text)
                   : drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                                    "expected a string behind `~`, got %s",
                                    drill_lex_came(lex).text);
    }
    if (c == '$' && (take->kinds & DRILL_TAKE_BIND)) {
        lex->cur++;
        out->kind = DRILL_VALUE_BIND;
        return drill_lex_name(lex, &out->text) ||
               drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected a name behind `$`, got %s", drill_lex_came(lex).text);
    }
    if ((take->kinds & DRILL_TAKE_FLAGS) && (digit || word || c == '+' || c == '-')) {
        return parse_flags(p, take, key, out);
    }
    if (digit) {
        return parse_number(p, take, key, out);
    }
    if ((take->kinds & DRILL_TAKE_RANGE) && drill_lex_take_text(lex, "..")) {
        out->kind = DRILL_VALUE_RANGE;
        c = drill_lex_peek(lex);
        return (c >= '0' && c <= '9') ? parse_range_end(p, take, key, out)
                                      : wrong(p, take, key, out->pos);
    }
    return word ? parse_word(p, take, key, out) : wrong(p, take, key, out->pos);
}

bool drill_parse_value(struct drill_parser *p, const struct drill_take *take, const char *key,
                       struct drill_value *out)
{
    memset(out, 0, sizeof(*out));
    drill_lex_blanks(&p->lex);
    out->pos = drill_lex_pos(&p->lex);
    const uint8_t *from = p->lex.cur;
    if (!parse_kind(p, take, key, out)) {
        return false;
    }
    bool plain = out->kind != DRILL_VALUE_BYTES && out->kind != DRILL_VALUE_GLOB &&
                 out->kind != DRILL_VALUE_LEN;
    if (plain) {
        out->source = drill_span_of(from, (size_t)(p->lex.cur - from));
    }
    return drill_parse_gap(p);
}

bool drill_parse_equals(struct drill_parser *p, struct drill_span key)
{
    drill_lex_blanks(&p->lex);
    return drill_lex_take(&p->lex, '=') ||
           drill_lex_fail(&p->lex, drill_lex_pos(&p->lex), DRILL_ERR_SYNTAX,
                          "expected `=` behind `%s`, got %s", drill_brief_of(key).text,
                          drill_lex_came(&p->lex).text);
}

bool drill_parse_gap(struct drill_parser *p)
{
    return drill_lex_at_gap(&p->lex) ||
           drill_lex_fail(&p->lex, drill_lex_pos(&p->lex), DRILL_ERR_SYNTAX,
                          "expected a blank or the end of the line, got %s",
                          drill_lex_came(&p->lex).text);
}

bool drill_parse_count(struct drill_parser *p, const char *what, uint64_t max, uint64_t *out)
{
    const struct drill_take take = {DRILL_TAKE_INT, 1, max, NULL};
    struct drill_value value;
    if (!drill_parse_value(p, &take, what, &value)) {
        return false;
    }
    *out = value.number;
    return true;
}
