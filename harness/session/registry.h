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

#endif
