/* SPDX-License-Identifier: MIT */
#include "session/stalwart_conf.h"

#include <jansson.h>
#include <string.h>

#include "session/registry.h"

/* Where notes go: one sentence a line, cut to what fits. */
struct notes {
    char *text;
    size_t cap;
    size_t len;
};

static void note_text(struct notes *n, const char *text)
{
    for (; *text && n->cap && n->len < n->cap - 1; text++) {
        n->text[n->len++] = *text;
    }
    if (n->cap) {
        n->text[n->len] = '\0';
    }
}

static void note(struct notes *n, const char *before, const char *quoted, const char *after)
{
    note_text(n, before);
    if (quoted) {
        note_text(n, "\"");
        note_text(n, quoted);
        note_text(n, "\"");
    }
    note_text(n, after);
    note_text(n, "\n");
}

struct conf {
    struct drill_settings *settings;
    struct drill_arena *arena;
    struct notes notes;
    struct drill_error *err;
};

/* ---- expressions ---- */

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

static struct drill_span trim(struct drill_span s)
{
    while (s.len && s.ptr[0] <= ' ') {
        s = drill_span_sub(s, 1, s.len);
    }
    while (s.len && s.ptr[s.len - 1] <= ' ') {
        s.len--;
    }
    return s;
}

static bool take(struct drill_span *s, const char *word)
{
    size_t len = strlen(word);
    if (!drill_span_equal(drill_span_sub(*s, 0, len), drill_span_str(word))) {
        return false;
    }
    *s = trim(drill_span_sub(*s, len, s->len));
    return true;
}

/* `true`, `false`, `listener == 'smtp'`, `listener != 'smtp'`; all else is not understood. */
static enum truth text_truth(struct drill_span s, struct drill_span listener)
{
    s = trim(s);
    if (drill_span_equal(s, drill_span_str("true"))) {
        return TRUTH_YES;
    }
    if (drill_span_equal(s, drill_span_str("false"))) {
        return TRUTH_NO;
    }
    if (!take(&s, "listener")) {
        return TRUTH_UNKNOWN;
    }
    bool differs = take(&s, "!=");
    if (!differs && !take(&s, "==")) {
        return TRUTH_UNKNOWN;
    }
    if (s.len < 2 || (s.ptr[0] != '\'' && s.ptr[0] != '"') || s.ptr[s.len - 1] != s.ptr[0]) {
        return TRUTH_UNKNOWN;
    }
    struct drill_span name = drill_span_sub(s, 1, s.len - 2);
    if (drill_span_find(name, s.ptr[0]) < name.len) {
        return TRUTH_UNKNOWN;
    }
    return drill_span_equal(name, listener) != differs ? TRUTH_YES : TRUTH_NO;
}

static struct drill_span string_of(const json_t *value)
{
    return drill_span_of(json_string_value(value), json_string_length(value));
}

static enum truth value_truth(const json_t *value, struct drill_span listener)
{
    if (json_is_boolean(value)) {
        return json_is_true(value) ? TRUTH_YES : TRUTH_NO;
    }
    return json_is_string(value) ? text_truth(string_of(value), listener) : TRUTH_UNKNOWN;
}

/* {"match": [{"if": EXPR, "then": EXPR}, ...], "else": EXPR}; the list may be an object whose keys
 * number it. */
static enum truth enable_truth(const json_t *value, struct drill_span listener)
{
    if (!json_is_object(value)) {
        return value_truth(value, listener);
    }
    const json_t *list = json_object_get(value, "match");
    const json_t *otherwise = json_object_get(value, "else");
    size_t count = json_is_array(list) ? json_array_size(list) : json_object_size(list);
    for (size_t i = 0; i < count; i++) {
        char key[2] = {(char)('0' + i % 10), '\0'};
        const json_t *one =
            json_is_array(list) ? json_array_get(list, i) : json_object_get(list, key);
        enum truth holds = value_truth(json_object_get(one, "if"), listener);
        if (holds == TRUTH_UNKNOWN || (!json_is_array(list) && i > 9)) {
            return TRUTH_UNKNOWN;
        }
        if (holds == TRUTH_YES) {
            return value_truth(json_object_get(one, "then"), listener);
        }
    }
    return otherwise ? value_truth(otherwise, listener) : TRUTH_UNKNOWN;
}

static bool is_enabled(const json_t *milter, const struct drill_settings *s)
{
    const json_t *enable = json_object_get(milter, "enable");
    return !enable || enable_truth(enable, s->listener) != TRUTH_NO;
}

/* ---- fields ---- */

enum kind {
    KIND_META, /* says nothing about what goes over the wire */
    KIND_ID,
    KIND_TEXT,
    KIND_NUMBER,
    KIND_FLAGS,
    KIND_DURATION,
    KIND_BOOL,
    KIND_STAGES,
    KIND_ENABLE
};

static const struct field {
    const char *name;
    enum kind kind;
} FIELDS[] = {
    {"hostname", KIND_TEXT},
    {"port", KIND_NUMBER},
    {"protocolVersion", KIND_TEXT},
    {"flagsAction", KIND_FLAGS},
    {"flagsProtocol", KIND_FLAGS},
    {"timeoutConnect", KIND_DURATION},
    {"timeoutCommand", KIND_DURATION},
    {"timeoutData", KIND_DURATION},
    {"maxResponseSize", KIND_NUMBER},
    {"tempFailOnError", KIND_BOOL},
    {"stages", KIND_STAGES},
    {"useTls", KIND_BOOL},
    {"allowInvalidCerts", KIND_BOOL},
    {"enable", KIND_ENABLE},
    {"id", KIND_ID},
    {"@type", KIND_META},
    {"name", KIND_META},
    {"description", KIND_META},
};

enum { FIELD_COUNT = sizeof(FIELDS) / sizeof(FIELDS[0]) };

static enum drill_code bad(struct conf *conf, const char *name, const char *wanted)
{
    return drill_error_set(conf->err, DRILL_ERR_VALUE, "%s: the value is not %s", name, wanted);
}

static enum drill_code set_text(struct conf *conf, const char *name, struct drill_span value)
{
    return drill_profile_stalwart.set(conf->settings, drill_span_str(name), value, conf->arena,
                                      conf->err);
}

/* A number to the text that a setting takes; a duration counts milliseconds. */
static enum drill_code set_number(struct conf *conf, const char *name, const json_t *value,
                                  const char *unit)
{
    uint8_t digits[32];
    struct drill_writer w = drill_writer_of(digits, sizeof(digits));
    double number = json_number_value(value);
    if (number < 0 || number > 9e15) {
        return bad(conf, name, "a number within its range");
    }
    drill_write_dec(&w, (uint64_t)number);
    drill_write_text(&w, unit);
    return set_text(conf, name, drill_writer_span(&w));
}

static bool is_digits(struct drill_span s)
{
    size_t i = 0;
    while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9') {
        i++;
    }
    return i == s.len && i > 0;
}

static enum drill_code set_milliseconds(struct conf *conf, const char *name, struct drill_span text)
{
    uint8_t buf[32];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    drill_write_bytes(&w, text);
    drill_write_text(&w, "ms");
    return w.overflow ? bad(conf, name, "a number within its range")
                      : set_text(conf, name, drill_writer_span(&w));
}

/* An array of names, an object whose keys are the names, or a text with commas between them. */
static enum drill_code set_stages(struct conf *conf, json_t *value)
{
    char list[64] = "";
    struct notes words = {list, sizeof(list), 0};
    const char *key;
    json_t *one;
    size_t i;
    if (json_is_array(value)) {
        json_array_foreach(value, i, one)
        {
            note_text(&words, words.len ? "," : "");
            note_text(&words, json_is_string(one) ? json_string_value(one) : "?");
        }
    } else if (json_is_object(value)) {
        json_object_foreach(value, key, one)
        {
            if (!json_is_false(one)) {
                note_text(&words, words.len ? "," : "");
                note_text(&words, key);
            }
        }
    } else if (json_is_string(value)) {
        note_text(&words, json_string_value(value));
    } else {
        note_text(&words, "?");
    }
    struct drill_span text = drill_span_of(list, words.len);
    if (set_text(conf, "stages", text) == DRILL_OK) {
        return DRILL_OK;
    }
    if (json_is_array(value)) {
        return DRILL_ERR_VALUE;
    }
    drill_error_clear(conf->err);
    conf->settings->stages = DRILL_RUN_DATA;
    note(&conf->notes, "stages: an expression is not understood; taken for \"data\"", NULL, "");
    return DRILL_OK;
}

static enum drill_code set_enable(struct conf *conf, const json_t *value)
{
    enum truth truth = enable_truth(value, conf->settings->listener);
    conf->settings->enabled = truth != TRUTH_NO;
    if (truth == TRUTH_UNKNOWN) {
        note(&conf->notes, "enable: ", json_is_string(value) ? json_string_value(value) : NULL,
             json_is_string(value) ? " is not understood; taken for true"
                                   : "an expression is not understood; taken for true");
    }
    return DRILL_OK;
}

static enum drill_code set_id(struct conf *conf, const json_t *value)
{
    return json_is_string(value) ? set_text(conf, "id", string_of(value)) : DRILL_OK;
}

static enum drill_code set_field(struct conf *conf, const struct field *f, json_t *value)
{
    if (json_is_null(value)) {
        return DRILL_OK; /* the default */
    }
    switch (f->kind) {
    case KIND_META: return DRILL_OK;
    case KIND_ID: return set_id(conf, value);
    case KIND_STAGES: return set_stages(conf, value);
    case KIND_ENABLE: return set_enable(conf, value);
    case KIND_BOOL:
        if (json_is_boolean(value)) {
            return set_text(conf, f->name, drill_span_str(json_is_true(value) ? "true" : "false"));
        }
        break;
    case KIND_DURATION:
        if (json_is_number(value)) {
            return set_number(conf, f->name, value, "ms");
        }
        if (json_is_string(value) && is_digits(string_of(value))) {
            return set_milliseconds(conf, f->name, string_of(value));
        }
        break;
    case KIND_TEXT:
    case KIND_NUMBER:
    case KIND_FLAGS:
        if (json_is_number(value)) {
            return set_number(conf, f->name, value, "");
        }
        break;
    }
    return json_is_string(value) ? set_text(conf, f->name, string_of(value))
                                 : bad(conf, f->name, "a text, a number or a truth value");
}

static const struct field *find_field(struct drill_span name)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (drill_span_equal(drill_span_str(FIELDS[i].name), name)) {
            return &FIELDS[i];
        }
    }
    return NULL;
}

static enum drill_code unknown_field(struct conf *conf, struct drill_span name)
{
    const char *names[FIELD_COUNT];
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        names[i] = FIELDS[i].name;
    }
    return drill_setting_unknown(name, "MtaMilter", names, FIELD_COUNT, conf->err);
}

static enum drill_code set_object(struct conf *conf, json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        const struct field *f = find_field(drill_span_str(key));
        enum drill_code rc =
            f ? set_field(conf, f, value) : unknown_field(conf, drill_span_str(key));
        if (rc != DRILL_OK) {
            return rc;
        }
    }
    return DRILL_OK;
}

/* ---- envelopes ---- */

/* The list of a JMAP response: the first of `methodResponses` that has one. */
static json_t *jmap_list(json_t *responses, struct drill_error *err)
{
    json_t *call;
    size_t i;
    json_array_foreach(responses, i, call)
    {
        json_t *list = json_object_get(json_array_get(call, 1), "list");
        const char *name = json_string_value(json_array_get(call, 0));
        if (list) {
            return list;
        }
        if (name && strcmp(name, "error") == 0) {
            const char *type = json_string_value(json_object_get(json_array_get(call, 1), "type"));
            drill_error_set(err, DRILL_ERR_VALUE, "the response is an error (%s)",
                            type ? type : "of no type");
            return NULL;
        }
    }
    drill_error_set(err, DRILL_ERR_VALUE, "the response holds no list of milters");
    return NULL;
}

static enum drill_code set_list(struct conf *conf, json_t *list, int which)
{
    size_t count = json_array_size(list), at = 0;
    if (count == 0) {
        return drill_error_set(conf->err, DRILL_ERR_VALUE, "the list holds no milter");
    }
    if (which >= 0 && (size_t)which >= count) {
        return drill_error_set(conf->err, DRILL_ERR_VALUE,
                               "milter %d (from 0) is asked for, but there are %zu", which, count);
    }
    if (which >= 0) {
        at = (size_t)which;
    } else {
        while (at < count && !is_enabled(json_array_get(list, at), conf->settings)) {
            at++;
        }
        if (at == count) {
            at = 0;
            note(&conf->notes, "no milter of the list is enabled; the first is taken", NULL, "");
        }
    }
    json_t *milter = json_array_get(list, at);
    if (!json_is_object(milter)) {
        return drill_error_set(conf->err, DRILL_ERR_VALUE, "a milter must be an object");
    }
    return set_object(conf, milter);
}

static enum drill_code set_root(struct conf *conf, json_t *root, int which)
{
    if (json_is_array(root)) {
        return set_list(conf, root, which);
    }
    json_t *responses = json_object_get(root, "methodResponses");
    json_t *list = responses ? jmap_list(responses, conf->err) : json_object_get(root, "list");
    if (list) {
        return set_list(conf, list, which);
    }
    return responses ? DRILL_ERR_VALUE : set_object(conf, root);
}

/* ---- texts ---- */

/* Where the JSON starts: the first line that begins with { or [ (stalwart-cli prints lines of its
 * own above it). False when there is none. */
static bool find_json(struct drill_span text, size_t *at, uint32_t *lines)
{
    size_t i = 0;
    *lines = 0;
    while (i < text.len) {
        size_t end = i + drill_span_find(drill_span_sub(text, i, text.len), '\n');
        struct drill_span line = trim(drill_span_sub(text, i, end - i));
        if (line.len && (line.ptr[0] == '{' || line.ptr[0] == '[')) {
            *at = (size_t)(line.ptr - text.ptr);
            return true;
        }
        ++*lines;
        i = end + 1;
    }
    return false;
}

static struct drill_span unquote(struct drill_span s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"') {
        return drill_span_sub(s, 1, s.len - 2);
    }
    return s;
}

/* One `name: value` or `name = value`; a line without either is a heading. */
static enum drill_code set_line(struct conf *conf, struct drill_span line)
{
    size_t colon = drill_span_find(line, ':'), equal = drill_span_find(line, '=');
    size_t cut = colon < equal ? colon : equal;
    struct drill_span name = unquote(trim(drill_span_sub(line, 0, cut)));
    struct drill_span value = unquote(trim(drill_span_sub(line, cut + 1, line.len)));
    if (cut == line.len || name.len == 0) {
        return DRILL_OK;
    }
    const struct field *f = find_field(name);
    if (!f) {
        return unknown_field(conf, name);
    }
    if (value.len == 0) {
        return DRILL_OK;
    }
    json_t *text = json_stringn((const char *)value.ptr, value.len);
    if (!text) {
        return bad(conf, f->name, "UTF-8");
    }
    enum drill_code rc = set_field(conf, f, text);
    json_decref(text);
    return rc;
}

static enum drill_code set_lines(struct conf *conf, struct drill_span text)
{
    bool any = false;
    uint32_t number = 0;
    while (text.len) {
        size_t end = drill_span_find(text, '\n');
        struct drill_span line = trim(drill_span_sub(text, 0, end));
        text = drill_span_sub(text, end + 1, text.len);
        number++;
        enum drill_code rc = line.len ? set_line(conf, line) : DRILL_OK;
        if (rc != DRILL_OK) {
            drill_error_at(conf->err, NULL, number, 1);
            return rc;
        }
        any |= drill_span_find(line, ':') < line.len || drill_span_find(line, '=') < line.len;
    }
    if (any) {
        return DRILL_OK;
    }
    drill_error_set(conf->err, DRILL_ERR_SYNTAX,
                    "expected Stalwart's MtaMilter object as JSON, or \"name: value\" lines");
    drill_error_at(conf->err, NULL, 1, 1);
    return DRILL_ERR_SYNTAX;
}

enum drill_code drill_stalwart_conf(struct drill_span json, int which, struct drill_settings *s,
                                    struct drill_arena *arena, char *note_buf, size_t cap,
                                    struct drill_error *err)
{
    struct conf conf = {s, arena, {note_buf, cap, 0}, err};
    json_error_t fault;
    uint32_t lines;
    size_t at;
    note_text(&conf.notes, "");
    if (drill_span_equal(drill_span_sub(json, 0, 3), drill_span_str("\xEF\xBB\xBF"))) {
        json = drill_span_sub(json, 3, json.len);
    }
    if (!find_json(json, &at, &lines)) {
        return set_lines(&conf, json);
    }
    struct drill_span text = drill_span_sub(json, at, json.len);
    size_t flags = JSON_REJECT_DUPLICATES | (lines ? JSON_DISABLE_EOF_CHECK : 0);
    json_t *root = json_loadb((const char *)text.ptr, text.len, flags, &fault);
    if (!root) {
        drill_error_set(err, DRILL_ERR_SYNTAX, "not JSON: %s", fault.text);
        drill_error_at(err, NULL, lines + (fault.line > 0 ? (uint32_t)fault.line : 1),
                       fault.column > 0 ? (uint32_t)fault.column : 1);
        return DRILL_ERR_SYNTAX;
    }
    enum drill_code rc = set_root(&conf, root, which);
    json_decref(root);
    return rc;
}
