/* SPDX-License-Identifier: MIT */
#include "diagnose/conf.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

struct row {
    const char *key;
    enum drill_conf_unit unit;
    enum drill_conf_of of;
    const char *sentence;
};

static const struct row ROWS[] = {
#define DRILL_CONF(key, unit, of, sentence) {key, DRILL_CONF_##unit, DRILL_CONF_##of, sentence},
#include "diagnose/conf.def"
#undef DRILL_CONF
};

static const struct row *find(struct drill_span key)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        if (drill_span_equal(key, drill_span_str(ROWS[i].key))) {
            return &ROWS[i];
        }
    }
    return NULL;
}

/* ---- values ---- */

static uint64_t scaled(uint64_t n, uint64_t by)
{
    return by && n > UINT64_MAX / by ? UINT64_MAX : n * by;
}

static bool unit_of(const struct row *row, struct drill_span behind, uint64_t *by)
{
    static const struct {
        const char *text;
        enum drill_conf_unit of;
        uint64_t by;
    } UNITS[] = {{"", DRILL_CONF_BYTES, 1},
                 {"K", DRILL_CONF_BYTES, 1 << 10},
                 {"M", DRILL_CONF_BYTES, 1 << 20},
                 {"G", DRILL_CONF_BYTES, 1 << 30},
                 {"", DRILL_CONF_SECONDS, 1000000},
                 {"", DRILL_CONF_MILLISECONDS, 1000},
                 {"ms", DRILL_CONF_SECONDS, 1000},
                 {"s", DRILL_CONF_SECONDS, 1000000},
                 {"m", DRILL_CONF_SECONDS, 60000000},
                 {"h", DRILL_CONF_SECONDS, UINT64_C(3600000000)},
                 {"d", DRILL_CONF_SECONDS, UINT64_C(86400000000)}};
    for (size_t i = 0; i < sizeof(UNITS) / sizeof(*UNITS); i++) {
        bool time = row->unit != DRILL_CONF_BYTES && UNITS[i].of == DRILL_CONF_SECONDS;
        bool fits = UNITS[i].of == row->unit || (time && UNITS[i].text[0]);
        if (fits && drill_span_equal_nocase(behind, drill_span_str(UNITS[i].text))) {
            *by = UNITS[i].by;
            return true;
        }
    }
    return false;
}

static bool read_value(const struct row *row, struct drill_span text, uint64_t *out)
{
    uint64_t n = 0, by = 1;
    size_t i = 0;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++) {
        uint64_t ten = scaled(n, 10);
        n = ten > UINT64_MAX - 9 ? ten : ten + (uint64_t)(text.ptr[i] - '0');
    }
    if (i == 0 || row->of == DRILL_CONF_NOTHING ||
        !unit_of(row, drill_span_sub(text, i, text.len), &by)) {
        return false;
    }
    *out = scaled(n, by);
    return true;
}

/* ---- lines ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct drill_span trimmed(struct drill_span s)
{
    while (s.len && is_blank(s.ptr[0])) {
        s = drill_span_sub(s, 1, s.len);
    }
    while (s.len && is_blank(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* What may stand around a key or a value: quotes and the comma of JSON. */
static struct drill_span bare(struct drill_span s)
{
    s = trimmed(s);
    if (s.len && s.ptr[s.len - 1] == ',') {
        s = trimmed(drill_span_sub(s, 0, s.len - 1));
    }
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"') {
        s = drill_span_sub(s, 1, s.len - 2);
    }
    return s;
}

static size_t key_end(struct drill_span line)
{
    size_t i = 0;
    while (i < line.len && !is_blank(line.ptr[i]) && line.ptr[i] != '=' && line.ptr[i] != ':') {
        i++;
    }
    return i;
}

/* "key value", "key = value", "\"key\": value" (a piece of JSON that was cut out). */
static bool add_line(struct drill_span line, uint32_t number, struct drill_arena *arena,
                     struct drill_conf_limit ***end)
{
    line = trimmed(line);
    size_t at = key_end(line);
    const struct row *row = find(bare(drill_span_sub(line, 0, at)));
    if (!row) {
        return true;
    }
    while (at < line.len &&
           (is_blank(line.ptr[at]) || line.ptr[at] == '=' || line.ptr[at] == ':')) {
        at++;
    }
    struct drill_conf_limit *limit = drill_arena_take(arena, sizeof(*limit));
    if (!limit) {
        return false;
    }
    struct drill_span value = bare(drill_span_sub(line, at, line.len));
    limit->key = row->key;
    limit->sentence = row->sentence;
    limit->of = row->of;
    limit->line = number;
    limit->text = line;
    limit->has_value = read_value(row, value, &limit->value);
    **end = limit;
    *end = &limit->next;
    return true;
}

static enum drill_code read_lines(struct drill_span source, const char *name,
                                  struct drill_arena *arena, struct drill_conf_limit **end,
                                  struct drill_error *err)
{
    uint32_t number = 1;
    for (size_t at = 0; at < source.len; number++) {
        struct drill_span rest = drill_span_sub(source, at, source.len);
        size_t size = drill_span_find(rest, '\n');
        if (!add_line(drill_span_sub(rest, 0, size), number, arena, &end)) {
            return drill_error_set(err, DRILL_ERR_MEMORY, "no memory for %s", name);
        }
        at += size + 1;
    }
    return DRILL_OK;
}

/* ---- JSON ---- */

enum { DEPTH = 8 }; /* of {"MtaMilter": [{...}]} and a JMAP response around it */

struct json_walk {
    struct drill_span source;
    struct drill_arena *arena;
    struct drill_conf_limit **end;
};

/* jansson keeps no places: the first line that has the key in quotes. */
static uint32_t line_of(struct drill_span source, const char *key)
{
    size_t len = strlen(key);
    uint32_t line = 1;
    for (size_t i = 0; i + len + 2 <= source.len; i++) {
        const uint8_t *p = source.ptr + i;
        line += *p == '\n';
        if (*p == '"' && p[len + 1] == '"' && memcmp(p + 1, key, len) == 0) {
            return line;
        }
    }
    return 1;
}

static bool add_member(struct json_walk *j, const struct row *row, const json_t *value)
{
    struct drill_conf_limit *limit = drill_arena_take(j->arena, sizeof(*limit));
    char text[200];
    char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    (void)snprintf(text, sizeof(text), "\"%s\": %s", row->key, dump ? dump : "");
    struct drill_span copy = drill_arena_copy(j->arena, drill_span_str(text));
    bool ok = limit && dump && copy.ptr;
    if (ok) {
        limit->key = row->key;
        limit->sentence = row->sentence;
        limit->of = row->of;
        limit->line = line_of(j->source, row->key);
        limit->text = copy;
        limit->has_value = read_value(row, bare(drill_span_str(dump)), &limit->value);
        *j->end = limit;
        j->end = &limit->next;
    }
    free(dump);
    return ok;
}

/* Members of the object itself, or of what it holds, in their order. */
static bool walk(struct json_walk *j, json_t *value, int depth)
{
    const char *key;
    json_t *member;
    size_t i;
    bool ok = true;
    if (depth == DEPTH) {
        return true;
    }
    if (json_is_object(value)) {
        json_object_foreach(value, key, member)
        {
            const struct row *row = find(drill_span_str(key));
            bool holds = json_is_object(member) || json_is_array(member);
            ok = ok && (row && !holds ? add_member(j, row, member) : walk(j, member, depth + 1));
        }
    }
    json_array_foreach(value, i, member)
    {
        ok = ok && walk(j, member, depth + 1);
    }
    return ok;
}

static enum drill_code read_json(struct drill_span source, const char *name,
                                 struct drill_arena *arena, struct drill_conf_limit **end,
                                 struct drill_error *err)
{
    json_error_t where;
    struct json_walk j = {source, arena, end};
    json_t *root = json_loadb((const char *)source.ptr, source.len, 0, &where);
    if (!root) {
        enum drill_code code =
            drill_error_set(err, DRILL_ERR_SYNTAX, "this is no JSON: %s", where.text);
        drill_error_at(err, name, where.line > 0 ? (uint32_t)where.line : 1,
                       where.column > 0 ? (uint32_t)where.column : 1);
        return code;
    }
    bool ok = walk(&j, root, 0);
    json_decref(root);
    return ok ? DRILL_OK : drill_error_set(err, DRILL_ERR_MEMORY, "no memory for %s", name);
}

static bool is_json(struct drill_span source)
{
    size_t i = 0;
    while (i < source.len && (is_blank(source.ptr[i]) || source.ptr[i] == '\n')) {
        i++;
    }
    return i < source.len && (source.ptr[i] == '{' || source.ptr[i] == '[');
}

enum drill_code drill_conf_read(struct drill_span source, const char *name,
                                struct drill_arena *arena, struct drill_conf_limit **list,
                                struct drill_error *err)
{
    struct drill_conf_limit **end = list;
    while (*end) {
        end = &(*end)->next;
    }
    if (drill_span_find(source, 0) < source.len) {
        enum drill_code code =
            drill_error_set(err, DRILL_ERR_SYNTAX, "a NUL byte: this is no configuration file");
        drill_error_at(err, name, 1, 1);
        return code;
    }
    return (is_json(source) ? read_json : read_lines)(source, name, arena, end, err);
}

/* ---- comparing ---- */

static uint64_t message_size(const struct drill_subject *s, uint64_t *longest)
{
    uint64_t size = s->body.len + 2;
    *longest = 0;
    for (size_t i = 0; i < s->headers; i++) {
        uint64_t line = s->header[i]->name.len + s->header[i]->value.len + 3;
        size += line;
        *longest = line > *longest ? line : *longest;
    }
    return size;
}

static void set_measured(struct drill_conf_met *met, enum drill_conf_of of, uint64_t pass,
                         uint64_t fail)
{
    met->measured[of] = true;
    met->largest_pass[of] = pass;
    met->smallest_fail[of] = fail;
}

void drill_conf_met(const struct drill_subject *subject, const struct drill_diagnosis *d,
                    struct drill_conf_met *out)
{
    memset(out, 0, sizeof(*out));
    out->most[DRILL_CONF_MESSAGE] = message_size(subject, &out->most[DRILL_CONF_HEADER]);
    out->most[DRILL_CONF_REPLY] = d->most_reply;
    out->most[DRILL_CONF_TIME] = d->slowest;
    for (const struct drill_trigger *t = d->triggers; t; t = t->next) {
        enum drill_conf_of of = t->kind == DRILL_TRIGGER_BODY_SIZE    ? DRILL_CONF_MESSAGE
                                : t->kind == DRILL_TRIGGER_FRAME_SIZE ? DRILL_CONF_HEADER
                                : t->kind == DRILL_TRIGGER_TIME       ? DRILL_CONF_TIME
                                                                      : DRILL_CONF_NOTHING;
        if (t->measured && of != DRILL_CONF_NOTHING && !out->measured[of]) {
            set_measured(out, of, t->largest_pass, t->smallest_fail);
        }
    }
}

void drill_conf_met_by_mta(const struct drill_subject *subject, const struct drill_blame *found,
                           struct drill_conf_met *out)
{
    memset(out, 0, sizeof(*out));
    uint64_t size = message_size(subject, &out->most[DRILL_CONF_HEADER]);
    out->most[DRILL_CONF_MESSAGE] = size + found->seen.added;
    out->most[DRILL_CONF_REPLY] = found->seen.most_reply;
    out->most[DRILL_CONF_TIME] =
        found->seen.waited > found->seen.slowest ? found->seen.waited : found->seen.slowest;
    for (const struct drill_blamed *b = found->blamed; b; b = b->next) {
        if (b->quantity) {
            uint64_t more = found->seen.added ? size : 0;
            set_measured(out, more ? DRILL_CONF_MESSAGE : DRILL_CONF_REPLY, b->largest_pass + more,
                         b->smallest_fail + more);
        }
    }
}

/* A limit of a message counts its headers too, or does not; so near is near enough to say so. */
static bool is_near(uint64_t limit, uint64_t pass, uint64_t fail)
{
    uint64_t slack = limit / 50 > 2048 ? limit / 50 : 2048;
    return fail + slack >= limit && pass <= limit + slack;
}

void drill_conf_compare(const struct drill_conf_limit *limit, const struct drill_conf_met *met,
                        char *out, size_t cap)
{
    enum drill_conf_of of = limit->of;
    const char *unit = of == DRILL_CONF_TIME ? "us" : "bytes";
    if (!limit->has_value || of == DRILL_CONF_NOTHING) {
        (void)snprintf(out, cap, "%s", limit->sentence);
    } else if (limit->value == 0) {
        (void)snprintf(out, cap, "%s; 0: no limit", limit->sentence);
    } else if (met->measured[of] &&
               is_near(limit->value, met->largest_pass[of], met->smallest_fail[of])) {
        (void)snprintf(out, cap, "%s: this is the limit that was met (%llu %s pass, %llu fail)",
                       limit->sentence, (unsigned long long)met->largest_pass[of], unit,
                       (unsigned long long)met->smallest_fail[of]);
    } else {
        (void)snprintf(out, cap, "%s; here %llu %s: %s", limit->sentence,
                       (unsigned long long)met->most[of], unit,
                       met->most[of] > limit->value ? "over it" : "not met");
    }
}
