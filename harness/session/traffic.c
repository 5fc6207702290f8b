/* SPDX-License-Identifier: MIT */
#include "session/traffic.h"

static bool is_parameter(struct drill_span arg)
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
        if (!is_parameter(args[i])) {
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
