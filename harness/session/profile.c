/* SPDX-License-Identifier: MIT */
#include "session/profile.h"

#include "base/nearest.h"
#include "session/registry.h"
#include "wire/text.h"

static const struct drill_profile *const REGISTRY[] = {
    &drill_profile_stalwart,  &drill_profile_postfix,       &drill_profile_sendmail,
    &drill_profile_libmilter, &drill_profile_clamav_milter, &drill_profile_rspamd,
    &drill_profile_pmilter,   &drill_profile_v2only,
};

enum { PROFILES = sizeof(REGISTRY) / sizeof(REGISTRY[0]) };

/* ---- the registry ---- */

const struct drill_profile *const *drill_profiles(size_t *count)
{
    *count = PROFILES;
    return REGISTRY;
}

const struct drill_profile *drill_profile_find(enum drill_side side, struct drill_span name)
{
    for (size_t i = 0; i < PROFILES; i++) {
        if (REGISTRY[i]->side == side &&
            drill_span_equal(drill_span_str(REGISTRY[i]->name), name)) {
            return REGISTRY[i];
        }
    }
    return NULL;
}

const char *drill_profile_nearest(enum drill_side side, struct drill_span name)
{
    const char *names[PROFILES];
    for (size_t i = 0; i < PROFILES; i++) {
        names[i] = REGISTRY[i]->side == side ? REGISTRY[i]->name : NULL;
    }
    return drill_nearest(name, names, PROFILES);
}

/* ---- value texts ---- */

bool drill_setting_u32(struct drill_span text, uint32_t *out)
{
    uint64_t value;
    if (!drill_text_scan_int(&text, &value) || text.len || value > UINT32_MAX) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

bool drill_setting_bool(struct drill_span text, bool *out)
{
    bool yes = drill_span_equal(text, drill_span_str("true")) ||
               drill_span_equal(text, drill_span_str("yes"));
    bool no = drill_span_equal(text, drill_span_str("false")) ||
              drill_span_equal(text, drill_span_str("no"));
    if (yes || no) {
        *out = yes;
    }
    return yes || no;
}

bool drill_setting_duration(struct drill_span text, uint64_t *out)
{
    static const struct {
        const char *unit;
        uint64_t microseconds;
    } UNITS[] = {{"ms", 1000},    {"s", 1000000},     {"min", 60000000},
                 {"m", 60000000}, {"h", 3600000000u}, {"d", 86400000000u}};
    uint64_t value = 0;
    size_t i = 0;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9') {
        if (value > (UINT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(text.ptr[i++] - '0');
    }
    struct drill_span unit = drill_span_sub(text, i, text.len);
    for (size_t u = 0; i > 0 && u < sizeof(UNITS) / sizeof(UNITS[0]); u++) {
        if (drill_span_equal(unit, drill_span_str(UNITS[u].unit))) {
            /* UINT64_MAX means for ever, elsewhere. */
            if (value >= UINT64_MAX / UNITS[u].microseconds) {
                return false;
            }
            *out = value * UNITS[u].microseconds;
            return true;
        }
    }
    return false;
}

static bool flag_word(struct drill_span word, bool actions, uint32_t *out)
{
    size_t count;
    const struct drill_proto_bit *bits =
        actions ? drill_proto_actions(&count) : drill_proto_steps(&count);
    for (size_t i = 0; i < count; i++) {
        if (drill_span_equal(word, drill_span_str(bits[i].word))) {
            *out = bits[i].bit;
            return true;
        }
    }
    return drill_setting_u32(word, out);
}

bool drill_setting_flags(struct drill_span text, bool actions, uint32_t *out)
{
    uint32_t all = 0;
    for (;;) {
        size_t comma = drill_span_find(text, ',');
        uint32_t one;
        if (!flag_word(drill_span_sub(text, 0, comma), actions, &one)) {
            return false;
        }
        all |= one;
        if (comma == text.len) {
            *out = all;
            return true;
        }
        text = drill_span_sub(text, comma + 1, text.len);
    }
}

/* ---- settings ---- */

static int shown(struct drill_span s)
{
    return s.len < 60 ? (int)s.len : 60;
}

enum drill_code drill_setting_unknown(struct drill_span key, const char *profile,
                                      const char *const *names, size_t count,
                                      struct drill_error *err)
{
    const char *near = drill_nearest(key, names, count);
    return drill_error_set(err, DRILL_ERR_NOTFOUND, "%s has no setting \"%.*s\"%s%s%s", profile,
                           shown(key), (const char *)key.ptr, near ? "; did you mean \"" : "",
                           near ? near : "", near ? "\"?" : "");
}

enum drill_code drill_setting_bad(struct drill_span key, struct drill_span value,
                                  const char *wanted, struct drill_error *err)
{
    return drill_error_set(err, DRILL_ERR_VALUE, "%.*s: \"%.*s\" is not %s", shown(key),
                           (const char *)key.ptr, shown(value), (const char *)value.ptr, wanted);
}

/* "6" or "v6". */
static bool version_text(struct drill_span text, uint32_t *out)
{
    if (text.len > 1 && (text.ptr[0] == 'v' || text.ptr[0] == 'V')) {
        text = drill_span_sub(text, 1, text.len);
    }
    return drill_setting_u32(text, out);
}

/* One of two words: *is_second says which. */
static bool either(struct drill_span text, const char *first, const char *second, bool *is_second)
{
    bool second_it_is = drill_span_equal(text, drill_span_str(second));
    if (!second_it_is && !drill_span_equal(text, drill_span_str(first))) {
        return false;
    }
    *is_second = second_it_is;
    return true;
}

static bool chunk_text(struct drill_span text, uint32_t *out)
{
    uint32_t value;
    if (!drill_setting_u32(text, &value) || value < 1 || value > 65535) {
        return false;
    }
    *out = value;
    return true;
}

enum drill_code drill_profile_set(const struct drill_profile *p, struct drill_settings *s,
                                  struct drill_span key, struct drill_span value,
                                  struct drill_arena *arena, struct drill_error *err)
{
    if (drill_span_equal(key, drill_span_str("version"))) {
        return version_text(value, &s->version)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "a protocol version (2 to 6)", err);
    }
    if (drill_span_equal(key, drill_span_str("actions"))) {
        return drill_setting_flags(value, true, &s->actions)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "a list of action flags or a number", err);
    }
    if (drill_span_equal(key, drill_span_str("protocol"))) {
        return drill_setting_flags(value, false, &s->protocol)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "a list of protocol flags or a number", err);
    }
    if (drill_span_equal(key, drill_span_str("timeout"))) {
        if (!drill_setting_duration(value, &s->timeout_data)) {
            return drill_setting_bad(key, value, "a duration (30s, 500ms, 1min)", err);
        }
        s->timeout_command = s->timeout_data;
        return DRILL_OK;
    }
    if (drill_span_equal(key, drill_span_str("macros"))) {
        return either(value, "profile", "none", &s->macros_none)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "\"none\" or \"profile\"", err);
    }
    if (drill_span_equal(key, drill_span_str("chunk"))) {
        return chunk_text(value, &s->chunk)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "a number of bytes, 1 to 65535", err);
    }
    if (drill_span_equal(key, drill_span_str("pace"))) {
        return either(value, "prompt", "original", &s->pace_original)
                   ? DRILL_OK
                   : drill_setting_bad(key, value, "\"prompt\" or \"original\"", err);
    }
    enum drill_code code = p->set(s, key, value, arena, err);
    s->answers = code == DRILL_OK ? NULL : s->answers;
    return code;
}
