/* SPDX-License-Identifier: MIT */
/* Texts that the judge looks into: SMTP replies, header lines, macro names, addresses. */
#include <string.h>

#include "session/judge_ops.h"

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool drill_judge_has_byte(struct drill_span s, uint8_t byte)
{
    return drill_span_find(s, byte) < s.len;
}

bool drill_judge_has_control(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

bool drill_judge_is_field_name(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == ':') {
            return false;
        }
    }
    return s.len > 0;
}

bool drill_judge_breaks_out(struct drill_span s)
{
    for (size_t i = 0; i < s.len; i++) {
        bool feeds = s.ptr[i] == '\n';
        bool bare = s.ptr[i] == '\r' && (i + 1 == s.len || s.ptr[i + 1] != '\n');
        bool folds = i + 1 < s.len && (s.ptr[i + 1] == ' ' || s.ptr[i + 1] == '\t');
        if ((feeds || bare) && !folds) {
            return true;
        }
    }
    return false;
}

/* ---- macros ---- */

bool drill_judge_is_macro_name(struct drill_span s)
{
    if (drill_judge_has_control(s) || drill_judge_has_byte(s, ' ')) {
        return false;
    }
    if (s.len == 1) {
        return s.ptr[0] != '{' && s.ptr[0] != '}';
    }
    return s.len > 2 && s.ptr[0] == '{' && drill_span_find(s, '}') == s.len - 1;
}

uint32_t drill_judge_macro_hash(struct drill_span name)
{
    if (name.len == 3 && name.ptr[0] == '{' && name.ptr[2] == '}') {
        name = drill_span_sub(name, 1, 1);
    }
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ name.ptr[i]) * 16777619U;
    }
    return hash;
}

/* ---- addresses ---- */

bool drill_judge_is_inet(struct drill_span s)
{
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        unsigned value = 0;
        size_t first = at;
        if (part && (at == s.len || s.ptr[at++] != '.')) {
            return false;
        }
        first = at;
        while (at < s.len && is_digit(s.ptr[at]) && at - first < 3) {
            value = value * 10 + (unsigned)(s.ptr[at++] - '0');
        }
        if (at == first || value > 255) {
            return false;
        }
    }
    return at == s.len;
}

/* Groups of hex digits between colons, :: once for any number of zeros, at the end perhaps an IPv4
 * address in place of two groups (RFC 4291 2.2). */
bool drill_judge_is_inet6(struct drill_span s)
{
    struct drill_span prefix = drill_span_str("IPv6:");
    if (drill_span_equal_nocase(drill_span_sub(s, 0, prefix.len), prefix)) {
        s = drill_span_sub(s, prefix.len, s.len);
    }
    size_t groups = 0;
    bool gap = false;
    size_t at = 0;
    while (at < s.len) {
        size_t digits = 0;
        while (at + digits < s.len && is_hex(s.ptr[at + digits])) {
            digits++;
        }
        if (digits && at + digits < s.len && s.ptr[at + digits] == '.') {
            groups += 2;
            return drill_judge_is_inet(drill_span_sub(s, at, s.len)) &&
                   (gap ? groups < 8 : groups == 8);
        }
        groups += digits > 0;
        at += digits;
        if (digits > 4 || (at < s.len && s.ptr[at] != ':')) {
            return false;
        }
        if (at == s.len) {
            break;
        }
        bool twice = at + 1 < s.len && s.ptr[at + 1] == ':';
        bool alone = !twice && (digits == 0 || at + 1 == s.len);
        if ((twice && gap) || alone) {
            return false;
        }
        gap = gap || twice;
        at += twice ? 2 : 1;
    }
    return gap ? groups < 8 : groups == 8;
}

/* keyword ["=" value], separated by blanks. */
static bool is_parameter(struct drill_span s)
{
    size_t equals = drill_span_find(s, '=');
    for (size_t i = 0; i < equals; i++) {
        if (!is_alnum(s.ptr[i]) && (i == 0 || s.ptr[i] != '-')) {
            return false;
        }
    }
    for (size_t i = equals + 1; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] == '=' || s.ptr[i] == 0x7f) {
            return false;
        }
    }
    return equals > 0 && equals + 1 != s.len;
}

bool drill_judge_is_esmtp(struct drill_span args)
{
    while (args.len) {
        size_t end = drill_span_find(args, ' ');
        struct drill_span one = drill_span_sub(args, 0, end);
        if (one.len && !is_parameter(one)) {
            return false;
        }
        args = drill_span_sub(args, end + 1, args.len);
    }
    return true;
}

/* ---- SMTP replies ---- */

struct reply {
    struct drill_judge *j;
    uint32_t told; /* rules from CODE_DIGITS on that were reported for this reply, as bits */
    struct drill_span code;
    uint32_t lines;
    bool has_text;
    bool dashed; /* the line before this one promised another */
    bool spaced; /* the line before this one was to be the last */
};

static void once(struct reply *r, enum drill_rule_id rule, struct drill_span shown)
{
    uint32_t bit = 1U << ((unsigned)rule - (unsigned)DRILL_RULE_CODE_DIGITS);
    struct drill_judge_quote q;
    if (!(r->told & bit)) {
        r->told |= bit;
        drill_judge_report(r->j, rule, "%s", drill_judge_quoted(&q, shown));
    }
}

/* What stands in the place of an enhanced code: digits and exactly two dots, beginning as one. */
static bool is_enhanced(struct drill_span s)
{
    size_t dots = 0;
    for (size_t i = 0; i < s.len; i++) {
        dots += s.ptr[i] == '.';
        if (!is_digit(s.ptr[i]) && s.ptr[i] != '.') {
            return false;
        }
    }
    return dots == 2 && s.len > 2 && is_digit(s.ptr[0]) && s.ptr[1] == '.';
}

static bool is_well_formed(struct drill_span enhanced)
{
    struct drill_span rest = drill_span_sub(enhanced, 2, enhanced.len);
    size_t dot = drill_span_find(rest, '.');
    size_t detail = rest.len - dot - 1;
    return dot > 0 && dot <= 3 && detail > 0 && detail <= 3;
}

/* What is behind the code and its separator. */
static void line_text(struct reply *r, struct drill_span text)
{
    struct drill_span first = drill_span_sub(text, 0, drill_span_find(text, ' '));
    if (is_enhanced(first)) {
        if (first.ptr[0] != r->code.ptr[0]) {
            once(r, DRILL_RULE_ENHANCED_CLASS, first);
        } else if (!is_well_formed(first)) {
            once(r, DRILL_RULE_ENHANCED_FORM, first);
        }
        text = drill_span_sub(text, first.len, text.len);
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        r->has_text = r->has_text || c != ' ';
        if ((c < ' ' && c != '\t' && c != '\r') || c >= 0x7f) {
            once(r, DRILL_RULE_CODE_BYTES, drill_span_sub(text, i, 4));
        }
    }
}

static void line_code(struct reply *r, struct drill_span line)
{
    struct drill_span code = drill_span_sub(line, 0, 3);
    if (r->spaced) {
        once(r, DRILL_RULE_CODE_EARLY_END, line);
    }
    r->dashed = line.len > 3 && line.ptr[3] == '-';
    r->spaced = !r->dashed;
    if (!drill_span_equal(code, r->code)) {
        once(r, DRILL_RULE_CODE_SWITCH, line);
        r->has_text = true;
    } else if (line.len > 3 && !r->dashed && line.ptr[3] != ' ') {
        once(r, DRILL_RULE_CODE_SEPARATOR, line);
        r->has_text = true;
    } else {
        line_text(r, drill_span_sub(line, 4, line.len));
    }
}

static void line(struct reply *r, struct drill_span s)
{
    enum { LINE = 510, LINES = 32 };
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\r') {
            once(r, DRILL_RULE_CODE_BARE_CR, drill_span_sub(s, i, 4));
        }
        if (s.ptr[i] == '%' && i + 1 < s.len && s.ptr[i + 1] == '%') {
            i++;
        } else if (s.ptr[i] == '%') {
            once(r, DRILL_RULE_CODE_PERCENT, drill_span_sub(s, i, 4));
        }
    }
    if (s.len > LINE) {
        drill_judge_report(r->j, DRILL_RULE_CODE_LINE_LONG, "%lu bytes", (unsigned long)s.len);
    }
    if (r->lines++ == LINES) {
        once(r, DRILL_RULE_CODE_LINES, s);
    }
    line_code(r, s);
}

static bool has_code(struct reply *r, struct drill_span text)
{
    r->code = drill_span_sub(text, 0, 3);
    for (size_t i = 0; i < 3; i++) {
        if (i >= r->code.len || !is_digit(r->code.ptr[i])) {
            once(r, DRILL_RULE_CODE_DIGITS, text);
            return false;
        }
    }
    if (r->code.ptr[0] != '4' && r->code.ptr[0] != '5') {
        once(r, DRILL_RULE_CODE_CLASS, r->code);
    } else if (drill_span_equal(r->code, drill_span_str("421"))) {
        drill_judge_report(r->j, DRILL_RULE_CODE_421, "%s", "");
    }
    return true;
}

void drill_judge_replycode(struct drill_judge *j, struct drill_span text)
{
    struct reply r = {.j = j};
    if (!has_code(&r, text)) {
        return;
    }
    while (text.len || r.lines == 0) {
        size_t lf = drill_span_find(text, '\n');
        bool more = lf < text.len;
        bool crlf = more && lf > 0 && text.ptr[lf - 1] == '\r';
        if (more && !crlf) {
            once(&r, DRILL_RULE_CODE_BARE_LF, drill_span_sub(text, 0, lf));
        }
        line(&r, drill_span_sub(text, 0, crlf ? lf - 1 : lf));
        text = drill_span_sub(text, lf + 1, text.len);
        if (more && text.len == 0) {
            once(&r, DRILL_RULE_CODE_SWITCH, text); /* a line break at the end: an empty line */
        }
    }
    if (r.dashed) {
        once(&r, DRILL_RULE_CODE_UNFINISHED, r.code);
    }
    if (!r.has_text) {
        once(&r, DRILL_RULE_CODE_NO_TEXT, r.code);
    }
}
