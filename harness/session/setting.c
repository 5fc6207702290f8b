/* SPDX-License-Identifier: MIT */
/* What the profiles' settings have in common. */
#include "session/registry.h"

enum drill_code drill_setting_by(const struct drill_setting_table *table, struct drill_settings *s,
                                 struct drill_span key, struct drill_span value,
                                 struct drill_arena *arena, struct drill_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        if (drill_span_equal(key, drill_span_str(table->names[i]))) {
            return table->set(s, i, value, arena)
                       ? DRILL_OK
                       : drill_setting_bad(key, value, table->wanted[i], err);
        }
    }
    return drill_setting_unknown(key, table->profile, table->names, table->count, err);
}

bool drill_setting_text(struct drill_span value, struct drill_arena *arena, struct drill_span *out)
{
    *out = drill_arena_copy(arena, value);
    return out->ptr != NULL;
}

bool drill_setting_words(struct drill_span value, const struct drill_setting_word *words,
                         size_t count, uint32_t *bits)
{
    uint32_t all = 0;
    while (value.len) {
        size_t comma = drill_span_find(value, ','), i = 0;
        struct drill_span word = drill_span_sub(value, 0, comma);
        while (i < count && !drill_span_equal(word, drill_span_str(words[i].word))) {
            i++;
        }
        if (i == count) {
            return false;
        }
        all |= words[i].bits;
        value = drill_span_sub(value, comma + 1, value.len);
    }
    *bits = all;
    return true;
}
