/* SPDX-License-Identifier: MIT */
/*
 * Which recordings are worth keeping: `failed`, `slow=5s`, `match=TEXT`. Of several, one is enough.
 * A text is looked for in the bytes of either direction as they pass, across reads, in constant
 * memory (the prefix function of Knuth, Morris and Pratt); values, since names and values stand
 * apart on the wire.
 */
#ifndef DRILL_RECORD_KEEP_H
#define DRILL_RECORD_KEEP_H

#include "record/tap.h"

enum { DRILL_KEEP_TEXTS = 16, DRILL_KEEP_TEXT = 200 };

struct drill_keep_text {
    uint8_t text[DRILL_KEEP_TEXT];
    uint8_t border[DRILL_KEEP_TEXT]; /* of each prefix */
    size_t len;
};

struct drill_keep {
    bool failed;
    uint64_t slow; /* microseconds; 0: not asked */
    struct drill_keep_text texts[DRILL_KEEP_TEXTS];
    size_t count;
};

/* Where one connection stands. */
struct drill_keep_state {
    uint8_t at[2][DRILL_KEEP_TEXTS];
    bool found;
};

/* One condition, as on the command line. DRILL_ERR_VALUE with the words that exist. */
enum drill_code drill_keep_add(struct drill_keep *k, const char *text, struct drill_error *err);
void drill_keep_bytes(const struct drill_keep *k, struct drill_keep_state *s, enum drill_dir dir,
                      struct drill_span bytes);
/* At the end of the connection. Without a condition everything is. */
bool drill_keep_wanted(const struct drill_keep *k, const struct drill_keep_state *s,
                       const struct drill_tap *tap);

#endif
