/* SPDX-License-Identifier: MIT */
/* Who may connect to a UNIX socket: its mode, and whom it belongs to. */
#ifndef DRILL_NET_RIGHTS_H
#define DRILL_NET_RIGHTS_H

#include <sys/types.h>

#include "base/error.h"

struct drill_net_rights {
    bool has_mode;
    mode_t mode;   /* whatever the umask */
    bool has_user; /* of another user: only root may */
    uid_t user;
    bool has_group;
    gid_t group;
};

/* `mode`: octal, "0660"; `owner`: "user", "user:group", ":group", by name or number. NULL: as the
 * system makes it. DRILL_ERR_VALUE or DRILL_ERR_NOTFOUND says what is wrong. */
enum drill_code drill_net_rights_parse(const char *mode, const char *owner,
                                       struct drill_net_rights *out, struct drill_error *err);

#endif
