/* SPDX-License-Identifier: MIT */
#include "session/traffic.h"

bool drill_esmtp_is_parameter(struct drill_span arg)
{
    for (size_t i = 0; i < arg.len; i++) {
        if (arg.ptr[i] <= ' ' || arg.ptr[i] > '~') {
            return false;
        }
    }
    return arg.len > 0;
}

enum drill_code drill_esmtp_make(const struct drill_span *args, size_t count,
                                 struct drill_arena *arena, struct drill_esmtp *out)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (!drill_esmtp_is_parameter(args[i])) {
            return DRILL_ERR_VALUE;
        }
        size += args[i].len + 1;
    }
    out->typed = out->wire = drill_span_of(NULL, 0);
    if (size == 0) {
        return DRILL_OK;
    }
    uint8_t *room = drill_arena_take(arena, 2 * size);
    if (!room) {
        return DRILL_ERR_MEMORY;
    }
    struct drill_writer typed = drill_writer_of(room, size);
    struct drill_writer wire = drill_writer_of(room + size, size);
    for (size_t i = 0; i < count; i++) {
        drill_write_u8(&typed, ' ');
        drill_write_bytes(&typed, args[i]);
        drill_write_str(&wire, args[i]);
    }
    out->typed = drill_writer_span(&typed);
    out->wire = drill_writer_span(&wire);
    return DRILL_OK;
}

static struct drill_span verb_of(struct drill_span line)
{
    return drill_span_sub(line, 0, drill_span_find(line, ' '));
}

enum drill_smtp_does drill_smtp_extra_does(const struct drill_smtp_extra *e)
{
    static const struct {
        const char *verb;
        enum drill_smtp_does does;
    } ROWS[] = {
        {"RSET", DRILL_SMTP_DOES_RSET},      {"HELO", DRILL_SMTP_DOES_HELO},
        {"EHLO", DRILL_SMTP_DOES_HELO},      {"NOOP", DRILL_SMTP_DOES_NOOP},
        {"QUIT", DRILL_SMTP_DOES_LEAVE},     {"MAIL", DRILL_SMTP_DOES_OTHER},
        {"RCPT", DRILL_SMTP_DOES_OTHER},     {"DATA", DRILL_SMTP_DOES_OTHER},
        {"BDAT", DRILL_SMTP_DOES_OTHER},     {"AUTH", DRILL_SMTP_DOES_OTHER},
        {"STARTTLS", DRILL_SMTP_DOES_OTHER}, {"VRFY", DRILL_SMTP_DOES_OTHER},
        {"EXPN", DRILL_SMTP_DOES_OTHER},     {"ETRN", DRILL_SMTP_DOES_OTHER},
        {"HELP", DRILL_SMTP_DOES_OTHER},     {"XCLIENT", DRILL_SMTP_DOES_OTHER},
        {"XFORWARD", DRILL_SMTP_DOES_OTHER}, {"", DRILL_SMTP_DOES_OTHER},
    };
    struct drill_span verb = verb_of(e->line);
    if (e->act != DRILL_SMTP_SAY) {
        return e->act == DRILL_SMTP_SECURE ? DRILL_SMTP_DOES_TLS : DRILL_SMTP_DOES_LEAVE;
    }
    if (e->stage == DRILL_SMFIC_DATA) {
        return DRILL_SMTP_DOES_OTHER; /* a line of the message, if DATA was answered by 354 */
    }
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (drill_span_equal_nocase(verb, drill_span_str(ROWS[i].verb))) {
            return ROWS[i].does;
        }
    }
    return DRILL_SMTP_DOES_UNKNOWN;
}

struct drill_span drill_smtp_extra_argument(const struct drill_smtp_extra *e)
{
    return drill_span_sub(e->line, verb_of(e->line).len + 1, e->line.len);
}

const struct drill_smtp_extra *drill_smtp_extra_of(const struct drill_smtp_extra *list,
                                                   uint8_t stage)
{
    while (list && list->stage != stage) {
        list = list->more;
    }
    return list;
}

const struct drill_smtp_extra *drill_smtp_extra_next(const struct drill_smtp_extra *e)
{
    return drill_smtp_extra_of(e->more, e->stage);
}
