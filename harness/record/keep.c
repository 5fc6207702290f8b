/* SPDX-License-Identifier: MIT */
#include "record/keep.h"

#include <string.h>

static enum drill_code add_text(struct drill_keep *k, const char *text, struct drill_error *err)
{
    struct drill_span s = drill_span_str(text);
    if (s.len == 0 || s.len >= DRILL_KEEP_TEXT || k->count == DRILL_KEEP_TEXTS) {
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "--only match= wants a text of 1 to %d bytes, %d times at most",
                               DRILL_KEEP_TEXT - 1, DRILL_KEEP_TEXTS);
    }
    struct drill_keep_text *t = &k->texts[k->count++];
    memcpy(t->text, s.ptr, s.len);
    t->len = s.len;
    t->border[0] = 0;
    for (size_t i = 1, n = 0; i < t->len; i++) {
        while (n && t->text[i] != t->text[n]) {
            n = t->border[n - 1];
        }
        n += t->text[i] == t->text[n];
        t->border[i] = (uint8_t)n;
    }
    return DRILL_OK;
}

enum drill_code drill_keep_add(struct drill_keep *k, const char *text, struct drill_error *err)
{
    if (strcmp(text, "failed") == 0) {
        k->failed = true;
        return DRILL_OK;
    }
    if (strncmp(text, "slow=", 5) == 0 &&
        drill_setting_duration(drill_span_str(text + 5), &k->slow) && k->slow) {
        return DRILL_OK;
    }
    if (strncmp(text, "match=", 6) == 0) {
        return add_text(k, text + 6, err);
    }
    return drill_error_set(
        err, DRILL_ERR_VALUE,
        "--only knows failed, slow=TIME (such as 5s) and match=TEXT, not `%.100s`", text);
}

void drill_keep_bytes(const struct drill_keep *k, struct drill_keep_state *s, enum drill_dir dir,
                      struct drill_span bytes)
{
    for (size_t n = 0; n < k->count && !s->found; n++) {
        const struct drill_keep_text *t = &k->texts[n];
        size_t at = s->at[dir][n];
        for (size_t i = 0; i < bytes.len && at < t->len; i++) {
            while (at && bytes.ptr[i] != t->text[at]) {
                at = t->border[at - 1];
            }
            at += bytes.ptr[i] == t->text[at];
        }
        s->at[dir][n] = (uint8_t)at;
        s->found = at == t->len;
    }
}

bool drill_keep_wanted(const struct drill_keep *k, const struct drill_keep_state *s,
                       const struct drill_tap *tap)
{
    bool all = !k->failed && !k->slow && k->count == 0;
    return all || s->found || (k->failed && (tap->disordered || tap->implied.failure)) ||
           (k->slow && tap->slowest >= k->slow);
}
