/* SPDX-License-Identifier: MIT */
/* Who the recorder is once its sockets and its folder are open. */
#ifndef DRILL_RECORD_USER_H
#define DRILL_RECORD_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct drill_user {
    uid_t uid;
    gid_t gid;
    char name[64];
};

/* By name. DRILL_ERR_NOTFOUND. */
enum drill_code drill_user_find(const char *name, struct drill_user *out, struct drill_error *err);
/* For good, with that user's groups: true when nothing of root is left (or was there). */
bool drill_user_become(const struct drill_user *user, struct drill_error *err);

#endif
