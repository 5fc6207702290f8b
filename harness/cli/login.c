/* SPDX-License-Identifier: MIT */
#include "cli/login.h"

#include "cli/cli.h"

static enum drill_code one(struct drill_span line, struct drill_smtp_login *out,
                           struct drill_error *err)
{
    size_t colon = drill_span_find(line, ':');
    out->user = drill_span_sub(line, 0, colon);
    out->password = drill_span_sub(line, colon + 1, SIZE_MAX);
    if (colon == line.len || colon == 0) {
        return drill_error_set(err, DRILL_ERR_SYNTAX, "expected `user:password`");
    }
    if (drill_span_find(line, '\0') < line.len) {
        return drill_error_set(err, DRILL_ERR_SYNTAX, "a NUL, which no login can have");
    }
    if (out->user.len > DRILL_SMTP_LOGIN_MAX || out->password.len > DRILL_SMTP_LOGIN_MAX) {
        return drill_error_set(err, DRILL_ERR_SYNTAX, "a name or a password of more than %d bytes",
                               DRILL_SMTP_LOGIN_MAX);
    }
    return DRILL_OK;
}

enum drill_code cli_login_read(const char *path, struct drill_arena *arena,
                               const struct drill_smtp_login **out, struct drill_error *err)
{
    struct drill_span text;
    enum drill_code code = cli_read(path, arena, &text, err);
    for (uint32_t number = 1; code == DRILL_OK && text.len; number++) {
        size_t end = drill_span_find(text, '\n');
        struct drill_span line = drill_span_sub(text, 0, end);
        text = drill_span_sub(text, end + 1, SIZE_MAX);
        line.len -= line.len && line.ptr[line.len - 1] == '\r' ? 1 : 0;
        if (line.len == 0 || line.ptr[0] == '#') {
            continue;
        }
        struct drill_smtp_login *login = drill_arena_take(arena, sizeof(*login));
        code = login ? one(line, login, err) : drill_error_set(err, DRILL_ERR_MEMORY, "no memory");
        if (code == DRILL_ERR_SYNTAX) {
            drill_error_at(err, path, number, 1);
        }
        *out = login;
        out = login ? &login->next : out;
    }
    return code;
}
