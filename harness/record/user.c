/* SPDX-License-Identifier: MIT */
#include "record/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum drill_code drill_user_find(const char *name, struct drill_user *out, struct drill_error *err)
{
    const struct passwd *p = getpwnam(name);
    if (!p || strlen(name) >= sizeof(out->name)) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no user `%.60s`", name);
    }
    out->uid = p->pw_uid;
    out->gid = p->pw_gid;
    (void)snprintf(out->name, sizeof(out->name), "%s", name);
    return DRILL_OK;
}

bool drill_user_become(const struct drill_user *user, struct drill_error *err)
{
    if (geteuid() != 0) {
        return true;
    }
    if (initgroups(user->name, user->gid) != 0 || setgid(user->gid) != 0 ||
        setuid(user->uid) != 0) {
        drill_error_set(err, DRILL_ERR_IO, "cannot become the user `%s`: %s", user->name,
                        strerror(errno));
        return false;
    }
    if (user->uid != 0 && (setuid(0) == 0 || geteuid() == 0)) {
        drill_error_set(err, DRILL_ERR_IO, "still root after becoming the user `%s`", user->name);
        return false;
    }
    return true;
}
