/* SPDX-License-Identifier: MIT */
/* Bytes values: strings, hex, files, products and sums of them. */
#include "scenario/parser.h"

#include "wire/text.h"

/* A name that stays below its folder: the loader looks at links and at the root itself. */
static const char *bad_file_name(struct drill_span name)
{
    if (name.len == 0) {
        return "is empty";
    }
    if (drill_span_find(name, 0) < name.len) {
        return "has a NUL in it";
    }
    if (name.ptr[0] == '/') {
        return "is an absolute path; it must be relative to the scenario";
    }
    for (size_t at = 0; at <= name.len;) {
        struct drill_span rest = drill_span_sub(name, at, name.len);
        struct drill_span part = drill_span_sub(rest, 0, drill_span_find(rest, '/'));
        if (drill_span_equal(part, drill_span_str(".."))) {
            return "leaves its folder by `..`; it must lie below the scenario's root";
        }
        at += part.len + 1;
    }
    return NULL;
}

bool drill_parse_file_name(struct drill_parser *p, struct drill_pos pos, struct drill_span name)
{
    const char *bad = bad_file_name(name);
    return !bad || drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE, "the file name \"%s\" %s",
                                  drill_brief_of(name).text, bad);
}

static bool load(struct drill_parser *p, struct drill_pos pos, struct drill_span name,
                 struct drill_part *part)
{
    struct drill_error err;
    part->kind = DRILL_PART_FILE;
    part->name = name;
    if (!drill_parse_file_name(p, pos, name)) {
        return false;
    }
    if (!p->loader) {
        return true;
    }
    drill_error_clear(&err);
    enum drill_code code = p->loader->load(p->loader->ctx, name, &part->bytes, &err);
    if (code == DRILL_OK) {
        return true;
    }
    if (!err.text[0]) {
        (void)drill_error_set(&err, code, "the file \"%s\" cannot be read",
                              drill_brief_of(name).text);
    }
    part->bytes = drill_span_of(NULL, 0);
    return drill_lex_adopt(&p->lex, pos, &err);
}

/* The bytes of a slice are a part of the whole file's, which the loader has in memory once. */
static bool cut_slice(struct drill_parser *p, struct drill_pos pos, struct drill_part *part)
{
    uint64_t size = part->bytes.len;
    bool open = part->high == UINT64_MAX;
    if (!open && part->low > part->high) {
        return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE,
                              "the slice ends before it begins; byte positions count from 0");
    }
    if (!p->loader) {
        return true;
    }
    if (part->low >= size || (!open && part->high >= size)) {
        part->bytes = drill_span_of(NULL, 0);
        return drill_lex_fail(&p->lex, pos, DRILL_ERR_VALUE,
                              "the slice lies outside of the file \"%s\", which has %llu bytes "
                              "(positions count from 0, ends included)",
                              drill_brief_of(part->name).text, (unsigned long long)size);
    }
    uint64_t to = open ? size : part->high + 1;
    part->bytes = drill_span_sub(part->bytes, (size_t)part->low, (size_t)(to - part->low));
    return true;
}

/* An integer of a slice; the cursor may be anywhere. */
static bool slice_number(struct drill_parser *p, const char *what, uint64_t *out)
{
    struct drill_lex *lex = &p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    int c = drill_lex_peek(lex);
    if (c < '0' || c > '9') {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX, "expected %s, got %s", what,
                              drill_lex_came(lex).text);
    }
    enum drill_lex_number kind = drill_lex_number(lex, out);
    if (kind == DRILL_NUMBER_DURATION || (kind == DRILL_NUMBER_INT && *out == UINT64_MAX)) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "this is no position in a file");
    }
    return kind == DRILL_NUMBER_INT;
}

/* Behind a file's name: LOW..[HIGH], or nothing. */
static bool parse_slice(struct drill_parser *p, struct drill_part *part)
{
    struct drill_lex ahead = p->lex;
    drill_lex_blanks(&ahead);
    int c = drill_lex_peek(&ahead);
    if (c != '.' && (c < '0' || c > '9')) {
        return true;
    }
    p->lex = ahead;
    struct drill_lex *lex = &p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    const uint8_t *from = lex->cur;
    part->sliced = true;
    part->high = UINT64_MAX;
    if (!slice_number(p, "the first byte's position, as in file \"x\" 0..9", &part->low)) {
        return false;
    }
    if (!drill_lex_take_text(lex, "..")) {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected `..` behind the slice's first position, got %s",
                              drill_lex_came(lex).text);
    }
    c = drill_lex_peek(lex);
    if (c >= '0' && c <= '9' && !slice_number(p, "a position", &part->high)) {
        return false;
    }
    part->slice_source = drill_span_of(from, (size_t)(lex->cur - from));
    return cut_slice(p, pos, part);
}

/* An atom behind its word (`hex`, `file` or none). */
static bool parse_atom(struct drill_parser *p, struct drill_part *part)
{
    struct drill_lex *lex = &p->lex;
    struct drill_span word = drill_lex_peek_name(lex);
    bool hex = drill_span_equal(word, drill_span_str("hex"));
    bool file = drill_span_equal(word, drill_span_str("file"));
    part->pos = drill_lex_pos(lex);
    if (hex || file) {
        lex->cur += word.len;
        drill_lex_blanks(lex);
    }
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_span text;
    if (drill_lex_peek(lex) != '"') {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected a string, hex \"...\" or file \"...\", got %s",
                              drill_lex_came(lex).text);
    }
    if (!drill_lex_string(lex, &text)) {
        return false;
    }
    if (file) {
        return load(p, pos, text, part) && parse_slice(p, part);
    }
    part->kind = hex ? DRILL_PART_HEX : DRILL_PART_STRING;
    part->bytes = text;
    if (hex) {
        struct drill_error err;
        drill_error_clear(&err);
        enum drill_code code = drill_text_unhex(text, lex->arena, &part->bytes, &err);
        if (code == DRILL_ERR_MEMORY) {
            return drill_lex_no_memory(lex);
        }
        return code == DRILL_OK || drill_lex_adopt(lex, pos, &err);
    }
    return true;
}

/* atom ["*" n] */
static bool parse_part(struct drill_parser *p, struct drill_part *part)
{
    struct drill_lex *lex = &p->lex;
    part->times = 1;
    if (!parse_atom(p, part)) {
        return false;
    }
    struct drill_lex ahead = *lex;
    drill_lex_blanks(&ahead);
    if (!drill_lex_take(&ahead, '*')) {
        return true;
    }
    drill_lex_blanks(&ahead);
    *lex = ahead;
    const uint8_t *from = lex->cur;
    int c = drill_lex_peek(lex);
    if (c < '0' || c > '9') {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected a number behind `*`, got %s", drill_lex_came(lex).text);
    }
    struct drill_pos pos = drill_lex_pos(lex);
    enum drill_lex_number kind = drill_lex_number(lex, &part->times);
    if (kind == DRILL_NUMBER_DURATION) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected a number behind `*`, got a duration");
    }
    part->times_source = drill_span_of(from, (size_t)(lex->cur - from));
    return kind == DRILL_NUMBER_INT;
}

bool drill_parse_bytes(struct drill_parser *p, struct drill_value *out)
{
    struct drill_part **tail = &out->parts;
    out->kind = DRILL_VALUE_BYTES;
    for (;;) {
        struct drill_part *part = drill_lex_take_memory(&p->lex, sizeof(*part));
        if (!part || !parse_part(p, part)) {
            return false;
        }
        *tail = part;
        tail = &part->next;
        struct drill_lex ahead = p->lex;
        drill_lex_blanks(&ahead);
        if (!drill_lex_take(&ahead, '+')) {
            return true;
        }
        drill_lex_blanks(&ahead);
        p->lex = ahead;
    }
}
