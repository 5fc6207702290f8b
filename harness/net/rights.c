/* SPDX-License-Identifier: MIT */
#include "net/rights.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

enum { NAME = 64, MODES = 0777 };

static enum drill_code take_mode(const char *text, struct drill_net_rights *out,
                                 struct drill_error *err)
{
    unsigned mode = 0;
    size_t len = strlen(text);
    for (size_t i = 0; i < len && mode <= MODES; i++) {
        mode = text[i] >= '0' && text[i] <= '7' ? mode * 8 + (unsigned)(text[i] - '0') : MODES + 1;
    }
    if (len == 0 || mode > MODES) {
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "\"%.40s\" is no mode of a socket: expected an octal number up to "
                               "0777, such as 0660",
                               text);
    }
    out->has_mode = true;
    out->mode = (mode_t)mode;
    return DRILL_OK;
}

/* False: no number. */
static bool take_number(const char *text, unsigned *out)
{
    uint64_t n = 0;
    for (const char *c = text; *c; c++) {
        if (*c < '0' || *c > '9' || n > UINT32_MAX) {
            return false;
        }
        n = n * 10 + (uint64_t)(*c - '0');
    }
    *out = (unsigned)n;
    return *text && n < UINT32_MAX; /* the last one means: leave it */
}

static bool take_user(const char *name, struct drill_net_rights *out)
{
    unsigned number = 0;
    const struct passwd *found = getpwnam(name);
    out->has_user = found || take_number(name, &number);
    out->user = found ? found->pw_uid : (uid_t)number;
    return out->has_user;
}

static bool take_group(const char *name, struct drill_net_rights *out)
{
    unsigned number = 0;
    const struct group *found = getgrnam(name);
    out->has_group = found || take_number(name, &number);
    out->group = found ? found->gr_gid : (gid_t)number;
    return out->has_group;
}

static enum drill_code take_owner(const char *text, struct drill_net_rights *out,
                                  struct drill_error *err)
{
    char user[NAME];
    const char *group = strchr(text, ':');
    size_t len = group ? (size_t)(group - text) : strlen(text);
    group = group ? group + 1 : "";
    if (len >= sizeof(user) || (len == 0 && !group[0])) {
        return drill_error_set(err, DRILL_ERR_VALUE,
                               "\"%.80s\" is no owner: expected USER, USER:GROUP or :GROUP", text);
    }
    memcpy(user, text, len);
    user[len] = '\0';
    if (user[0] && !take_user(user, out)) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no user \"%s\" here", user);
    }
    if (group[0] && !take_group(group, out)) {
        return drill_error_set(err, DRILL_ERR_NOTFOUND, "there is no group \"%.60s\" here", group);
    }
    return DRILL_OK;
}

enum drill_code drill_net_rights_parse(const char *mode, const char *owner,
                                       struct drill_net_rights *out, struct drill_error *err)
{
    memset(out, 0, sizeof(*out));
    enum drill_code code = mode ? take_mode(mode, out, err) : DRILL_OK;
    return code == DRILL_OK && owner ? take_owner(owner, out, err) : code;
}
