/* SPDX-License-Identifier: MIT */
/*
 * Who may log in at an MTA under test (--smtp-auth FILE): `user:password`, one a line. In a file,
 * because words of a command line are there for every user of the machine to read.
 *
 * The name ends at the first colon, the password with the line; both are bytes, up to
 * DRILL_SMTP_LOGIN_MAX of them, and blanks count. Empty lines and those that begin with `#` are
 * passed over. Of two lines with one name the first counts.
 */
#ifndef DRILL_CLI_LOGIN_H
#define DRILL_CLI_LOGIN_H

#include "base/error.h"
#include "session/smtp.h"

/* `path`: `-` is stdin. In `out`, in the order of the file, at least one. DRILL_ERR_NOTFOUND,
 * DRILL_ERR_IO; DRILL_ERR_SYNTAX with the line, which is not shown; DRILL_ERR_MEMORY. */
enum drill_code cli_login_read(const char *path, struct drill_arena *arena,
                               const struct drill_smtp_login **out, struct drill_error *err);

#endif
