/* SPDX-License-Identifier: MIT */
/* The first line of a scenario, behind its `drill`. */
#include "scenario/parser.h"

/* Digits of `form`'s kind ('9') or the byte itself. */
static bool has_form(struct drill_span s, const char *form)
{
    struct drill_span want = drill_span_str(form);
    bool fits = s.len == want.len;
    for (size_t i = 0; fits && i < s.len; i++) {
        fits = want.ptr[i] == '9' ? s.ptr[i] >= '0' && s.ptr[i] <= '9' : s.ptr[i] == want.ptr[i];
    }
    return fits;
}

static unsigned two_digits(struct drill_span s, size_t at)
{
    return (unsigned)(s.ptr[at] - '0') * 10 + (unsigned)(s.ptr[at + 1] - '0');
}

/* ISO 8601, UTC, whole seconds: 2026-11-20T12:00:00Z. A second may be a leap second. */
static bool is_time(struct drill_span s)
{
    if (!has_form(s, "9999-99-99T99:99:99Z")) {
        return false;
    }
    unsigned month = two_digits(s, 5), day = two_digits(s, 8);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31 && two_digits(s, 11) < 24 &&
           two_digits(s, 14) < 60 && two_digits(s, 17) <= 60;
}

static bool parse_recorded(struct drill_parser *p, struct drill_file *file)
{
    struct drill_lex *lex = &p->lex;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    if (drill_lex_peek(lex) == '"') {
        if (!drill_lex_string(lex, &file->recorded)) {
            return false;
        }
        if (is_time(file->recorded)) {
            return drill_parse_gap(p);
        }
    }
    return drill_lex_fail(lex, pos, DRILL_ERR_VALUE,
                          "recorded= takes a time in UTC, as in recorded=\"2026-11-20T12:00:00Z\"");
}

static bool parse_tests(struct drill_parser *p, struct drill_file *file)
{
    static const struct drill_words sides = {
        {"mta", "milter"}, {DRILL_TESTS_MTA, DRILL_TESTS_MILTER}, 2};
    const struct drill_take take = {DRILL_TAKE_NAME, 0, 0, &sides};
    struct drill_value value;
    if (!drill_parse_value(p, &take, "tests", &value)) {
        return false;
    }
    file->tests = (enum drill_tests) * drill_words_find(&sides, value.text);
    return true;
}

static bool parse_first_field(struct drill_parser *p, struct drill_file *file)
{
    struct drill_lex *lex = &p->lex;
    struct drill_pos pos = drill_lex_pos(lex);
    struct drill_span key = drill_lex_peek_name(lex);
    bool tests = drill_span_equal(key, drill_span_str("tests"));
    if (!tests && !drill_span_equal(key, drill_span_str("recorded"))) {
        return drill_lex_fail(lex, pos, DRILL_ERR_SYNTAX,
                              "expected tests=mta, tests=milter, recorded=\"TIME\" or the end of "
                              "the line, got %s",
                              drill_lex_came(lex).text);
    }
    if (tests ? file->tests != DRILL_TESTS_EITHER : file->recorded.len > 0) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE, "`%s` stands twice in this line",
                              tests ? "tests" : "recorded");
    }
    lex->cur += key.len;
    return drill_parse_equals(p, key) && (tests ? parse_tests(p, file) : parse_recorded(p, file));
}

bool drill_parse_first(struct drill_parser *p, struct drill_file *file)
{
    struct drill_lex *lex = &p->lex;
    uint64_t version;
    drill_lex_blanks(lex);
    struct drill_pos pos = drill_lex_pos(lex);
    if (!drill_parse_count(p, "drill", UINT32_MAX, &version)) {
        return false;
    }
    if (version != 1) {
        return drill_lex_fail(lex, pos, DRILL_ERR_VALUE,
                              "this program reads version 1 of the language, not version %llu",
                              (unsigned long long)version);
    }
    file->version = 1;
    drill_lex_blanks(lex);
    if (drill_lex_peek(lex) != '"') {
        return drill_lex_fail(lex, drill_lex_pos(lex), DRILL_ERR_SYNTAX,
                              "expected the scenario's question as a string, got %s",
                              drill_lex_came(lex).text);
    }
    if (!drill_lex_string(lex, &file->title) || !drill_parse_gap(p)) {
        return false;
    }
    while (!drill_lex_at_line_end(lex)) {
        if (!parse_first_field(p, file)) {
            return false;
        }
    }
    return true;
}
