/* SPDX-License-Identifier: MIT */
/* Private to harness/session: the profiles that profile.c lists; one row a program. */
#ifndef DRILL_SESSION_REGISTRY_H
#define DRILL_SESSION_REGISTRY_H

#include "session/profile.h"

extern const struct drill_profile drill_profile_stalwart;
extern const struct drill_profile drill_profile_libmilter;
extern const struct drill_profile drill_profile_clamav_milter;
extern const struct drill_profile drill_profile_rspamd;
extern const struct drill_profile drill_profile_pmilter;
extern const struct drill_profile drill_profile_v2only;
extern const struct drill_profile drill_profile_postfix;
extern const struct drill_profile drill_profile_sendmail;

/* DRILL_ERR_NOTFOUND with the nearest of `names`, and DRILL_ERR_VALUE with what would do. */
enum drill_code drill_setting_unknown(struct drill_span key, const char *profile,
                                      const char *const *names, size_t count,
                                      struct drill_error *err);
enum drill_code drill_setting_bad(struct drill_span key, struct drill_span value,
                                  const char *wanted, struct drill_error *err);

/* A table of settings: what `set` has of its keys. */
struct drill_setting_table {
    const char *profile;       /* for errors */
    const char *const *names;  /* of `count` keys */
    const char *const *wanted; /* what would do instead of a value that does not */
    size_t count;
    /* The key's number; false: the value does not do. */
    bool (*set)(struct drill_settings *s, size_t key, struct drill_span value,
                struct drill_arena *arena);
};
enum drill_code drill_setting_by(const struct drill_setting_table *table, struct drill_settings *s,
                                 struct drill_span key, struct drill_span value,
                                 struct drill_arena *arena, struct drill_error *err);

/* Values: a text, which is kept; and words with commas between them, whose bits come together.
 * False: no memory; a word that is none of them. */
struct drill_setting_word {
    const char *word;
    uint32_t bits;
};
bool drill_setting_text(struct drill_span value, struct drill_arena *arena, struct drill_span *out);
bool drill_setting_words(struct drill_span value, const struct drill_setting_word *words,
                         size_t count, uint32_t *bits);

#endif
