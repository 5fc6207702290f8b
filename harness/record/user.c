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

enum drill_code drill_user_owner(const char *text, struct drill_user *out, struct drill_error *err)
{
    char name[64];
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    (void)snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1),
                   text);
    enum drill_code code = drill_user_find(name, out, err);
    if (code == DRILL_OK && colon) {
        const struct group *g = getgrnam(colon + 1);
        if (!g) {
            return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no group `%.60s`", colon + 1);
        }
        out->gid = g->gr_gid;
    }
    return code;
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
