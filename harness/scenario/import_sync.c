/* SPDX-License-Identifier: MIT */
#include "scenario/import.h"

enum {
    SIZE_MAX_SEEN =
        1 << 20, /* data bytes of the largest frame that a peer may negotiate (MDS_1M) */
    CHAIN = 8    /* frames in a row that leave no doubt */
};

static bool header_fits(enum drill_dir dir, struct drill_span bytes)
{
    uint32_t length = drill_be32(bytes.ptr);
    return length >= 1 && length - 1 <= SIZE_MAX_SEEN &&
           drill_proto_find(dir, bytes.ptr[DRILL_FRAME_HEADER_SIZE - 1]) != NULL;
}

/* The frame at the front, canonical and whole. */
static bool whole_frame(enum drill_dir dir, struct drill_span bytes, size_t *size)
{
    struct drill_message m;
    uint32_t length = drill_be32(bytes.ptr);
    if (length > bytes.len - 4) {
        return false;
    }
    *size = (size_t)length + 4;
    return drill_message_decode(dir, bytes.ptr[4], drill_span_sub(bytes, 5, length - 1), &m) ==
           DRILL_DEFECT_NONE;
}

static bool chain(enum drill_dir dir, struct drill_span bytes)
{
    for (int frames = 0; frames < CHAIN; frames++) {
        size_t size = 0;
        if (bytes.len < DRILL_FRAME_HEADER_SIZE) {
            return frames > 0 && (bytes.len == 0 || bytes.ptr[0] == 0);
        }
        if (!header_fits(dir, bytes)) {
            return false;
        }
        if (!whole_frame(dir, bytes, &size)) {
            return frames > 0 && drill_be32(bytes.ptr) > bytes.len - 4;
        }
        bytes = drill_span_sub(bytes, size, bytes.len);
    }
    return true;
}

size_t drill_import_sync(enum drill_dir dir, struct drill_span bytes)
{
    if (bytes.len >= DRILL_FRAME_HEADER_SIZE && header_fits(dir, bytes) &&
        drill_be32(bytes.ptr) > bytes.len - 4) {
        return 0;
    }
    for (size_t at = 0; at < bytes.len; at++) {
        /* A length that fits begins with a zero byte. */
        if (bytes.ptr[at] == 0 && chain(dir, drill_span_sub(bytes, at, bytes.len))) {
            return at;
        }
    }
    return bytes.len;
}
