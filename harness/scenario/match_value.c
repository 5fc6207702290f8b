/* SPDX-License-Identifier: MIT */
/* Values against bytes and numbers; $names; patterns. */
#include "scenario/match.h"

#include <string.h>

/* ---- $names ---- */

const struct drill_bind *drill_binds_find(const struct drill_binds *b, struct drill_span name)
{
    for (size_t i = 0; b && i < b->count; i++) {
        if (drill_span_equal(b->item[i].name, name)) {
            return &b->item[i];
        }
    }
    return NULL;
}

bool drill_binds_set(struct drill_binds *b, struct drill_span name, struct drill_span value)
{
    const struct drill_bind *known = drill_binds_find(b, name);
    size_t at = known ? (size_t)(known - b->item) : b->count;
    if (at == DRILL_BINDS_MAX || !b->arena) {
        return false;
    }
    if (!b->item) {
        b->item = drill_arena_take(b->arena, DRILL_BINDS_MAX * sizeof(*b->item));
    }
    struct drill_span copy = drill_arena_copy(b->arena, value);
    if (!b->item || !copy.ptr) {
        return false;
    }
    b->item[at].name = name;
    b->item[at].value = copy;
    b->count += known ? 0 : 1;
    return true;
}

/* Equal to the bound value; unbound: binds it. */
static bool match_bind(struct drill_span name, struct drill_span value, struct drill_binds *binds)
{
    const struct drill_bind *bound = drill_binds_find(binds, name);
    if (bound) {
        return drill_span_equal(bound->value, value);
    }
    return !binds || drill_binds_set(binds, name, value);
}

/* ---- patterns ---- */

enum { WINDOW = 64 };

static bool fits_at(struct drill_span piece, const uint8_t *at)
{
    for (size_t i = 0; i < piece.len; i++) {
        if (piece.ptr[i] != '?' && piece.ptr[i] != at[i]) {
            return false;
        }
    }
    return true;
}

/* Index of the first place where a piece without stars fits, or SIZE_MAX. Its first 64 bytes are
 * looked for with one bit for each of them, all at once (Shift-And). */
static size_t find_piece(struct drill_span piece, struct drill_span s)
{
    uint64_t may[256];
    uint64_t any = 0;
    uint64_t state = 0;
    size_t window = piece.len < WINDOW ? piece.len : WINDOW;
    if (window == 0) {
        return 0;
    }
    memset(may, 0, sizeof(may));
    for (size_t i = 0; i < window; i++) {
        if (piece.ptr[i] == '?') {
            any |= (uint64_t)1 << i;
        } else {
            may[piece.ptr[i]] |= (uint64_t)1 << i;
        }
    }
    struct drill_span tail = drill_span_sub(piece, window, piece.len);
    for (size_t i = 0; i < s.len; i++) {
        state = (state << 1 | 1) & (may[s.ptr[i]] | any);
        if (!(state >> (window - 1) & 1)) {
            continue;
        }
        if (tail.len > s.len - i - 1) {
            return SIZE_MAX;
        }
        if (tail.len == 0 || fits_at(tail, s.ptr + i + 1)) {
            return i + 1 - window;
        }
    }
    return SIZE_MAX;
}

bool drill_match_glob(struct drill_span pattern, struct drill_span bytes)
{
    size_t star = drill_span_find(pattern, '*');
    if (star == pattern.len) {
        return pattern.len == bytes.len && fits_at(pattern, bytes.ptr);
    }
    size_t last = pattern.len;
    while (pattern.ptr[last - 1] != '*') {
        last--;
    }
    struct drill_span head = drill_span_sub(pattern, 0, star);
    struct drill_span tail = drill_span_sub(pattern, last, pattern.len);
    if (head.len > bytes.len || tail.len > bytes.len - head.len || !fits_at(head, bytes.ptr) ||
        (tail.len && !fits_at(tail, bytes.ptr + (bytes.len - tail.len)))) {
        return false;
    }
    /* Between them each piece takes the first place where it fits. */
    struct drill_span left = drill_span_sub(bytes, head.len, bytes.len - head.len - tail.len);
    struct drill_span middle = drill_span_sub(pattern, star, last - star);
    while (middle.len) {
        middle = drill_span_sub(middle, 1, middle.len);
        struct drill_span piece = drill_span_sub(middle, 0, drill_span_find(middle, '*'));
        size_t at = find_piece(piece, left);
        if (at == SIZE_MAX) {
            return false;
        }
        left = drill_span_sub(left, at + piece.len, left.len);
        middle = drill_span_sub(middle, piece.len, middle.len);
    }
    return true;
}

/* ---- values ---- */

/* Takes `part` off the front of *left; false when it does not stand there. */
static bool take_part(const struct drill_part *part, struct drill_span *left)
{
    if (part->bytes.len == 0 || part->times == 0) {
        return true;
    }
    if (part->times > left->len / part->bytes.len) {
        return false;
    }
    for (uint64_t i = 0; i < part->times; i++) {
        if (memcmp(left->ptr, part->bytes.ptr, part->bytes.len) != 0) {
            return false;
        }
        *left = drill_span_sub(*left, part->bytes.len, left->len);
    }
    return true;
}

static bool match_parts(const struct drill_part *part, struct drill_span left)
{
    for (; part; part = part->next) {
        if (!take_part(part, &left)) {
            return false;
        }
    }
    return left.len == 0;
}

static uint64_t part_size(const struct drill_part *part)
{
    uint64_t len = part->bytes.len;
    return len && part->times > UINT64_MAX / len ? UINT64_MAX : len * part->times;
}

uint64_t drill_match_size(const struct drill_value *value)
{
    uint64_t size = 0;
    for (const struct drill_part *part = value->parts; part; part = part->next) {
        uint64_t more = part_size(part);
        size = more > UINT64_MAX - size ? UINT64_MAX : size + more;
    }
    return size;
}

/* How many bytes at the front agree. */
static size_t common(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t n = 0;
    if (memcmp(a, b, len) == 0) {
        return len;
    }
    while (a[n] == b[n]) {
        n++;
    }
    return n;
}

size_t drill_match_stream(const struct drill_value *value, uint64_t at, struct drill_span bytes)
{
    size_t done = 0;
    for (const struct drill_part *part = value->parts; part; part = part->next) {
        uint64_t size = part_size(part);
        while (at < size && done < bytes.len) {
            size_t from = (size_t)(at % part->bytes.len);
            struct drill_span want = drill_span_sub(part->bytes, from, bytes.len - done);
            size_t same = common(want.ptr, bytes.ptr + done, want.len);
            done += same;
            at += same;
            if (same < want.len) {
                return done;
            }
        }
        at -= at < size ? at : size;
    }
    return done;
}

bool drill_match_bytes(const struct drill_value *value, struct drill_span bytes,
                       struct drill_binds *binds)
{
    switch (value->kind) {
    case DRILL_VALUE_BYTES: return match_parts(value->parts, bytes);
    case DRILL_VALUE_NAME: return drill_span_equal(value->text, bytes);
    case DRILL_VALUE_GLOB: return drill_match_glob(value->text, bytes);
    case DRILL_VALUE_LEN: return bytes.len >= value->low && bytes.len <= value->high;
    case DRILL_VALUE_BIND: return match_bind(value->text, bytes, binds);
    case DRILL_VALUE_INT:
    case DRILL_VALUE_DURATION:
    case DRILL_VALUE_FLAGS:
    case DRILL_VALUE_EDIT:
    case DRILL_VALUE_INTS:
    case DRILL_VALUE_RANGE:
    case DRILL_VALUE_ABSENT: return false;
    }
    return false;
}

bool drill_match_number(const struct drill_value *value, uint64_t number, struct drill_binds *binds)
{
    uint8_t digits[24];
    struct drill_writer w = drill_writer_of(digits, sizeof(digits));
    switch (value->kind) {
    case DRILL_VALUE_INT:
    case DRILL_VALUE_DURATION:
    case DRILL_VALUE_FLAGS: return value->number == number;
    case DRILL_VALUE_EDIT: return (number & value->set) == value->set && !(number & value->clear);
    case DRILL_VALUE_RANGE: return number >= value->low && number <= value->high;
    case DRILL_VALUE_BIND:
        drill_write_dec(&w, number);
        return match_bind(value->text, drill_writer_span(&w), binds);
    case DRILL_VALUE_BYTES:
    case DRILL_VALUE_INTS:
    case DRILL_VALUE_NAME:
    case DRILL_VALUE_GLOB:
    case DRILL_VALUE_LEN:
    case DRILL_VALUE_ABSENT: return false;
    }
    return false;
}
