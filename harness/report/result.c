/* SPDX-License-Identifier: MIT */
#include "report/result.h"

#include <stdio.h>
#include <string.h>

#include "report/show.h"

void drill_result_init(struct drill_result_list *list, struct drill_arena *arena)
{
    memset(list, 0, sizeof(*list));
    list->arena = arena;
    list->end = &list->first;
}

void drill_result_count(struct drill_json_count *c, enum drill_result result)
{
    switch (result) {
    case DRILL_RESULT_PASS: c->pass++; break;
    case DRILL_RESULT_FAIL: c->fail++; break;
    case DRILL_RESULT_SKIP: c->skip++; break;
    case DRILL_RESULT_UNREACHABLE: c->unreachable++; break;
    case DRILL_RESULT_ERROR:
    case DRILL_RESULT_RUNNING: c->error++; break;
    }
}

/* False when memory was refused; *text is then unchanged. */
static bool keep(struct drill_arena *arena, const char **text)
{
    struct drill_span copy = drill_arena_copy(arena, drill_span_str(*text));
    if (!copy.ptr) {
        return false;
    }
    *text = (const char *)copy.ptr;
    return true;
}

static struct drill_result_row *copy_row(struct drill_arena *arena,
                                         const struct drill_result_row *from)
{
    struct drill_result_row *row = drill_arena_take(arena, sizeof(*row));
    if (!row) {
        return NULL;
    }
    *row = *from;
    row->next = NULL;
    if (!keep(arena, &row->scenario) || !keep(arena, &row->mode) || !keep(arena, &row->reason) ||
        !keep(arena, &row->why) || !keep(arena, &row->repeat)) {
        return NULL;
    }
    if (from->report) {
        struct drill_report *report = drill_arena_take(arena, sizeof(*report));
        if (!report) {
            return NULL;
        }
        *report = *from->report;
        row->report = report;
    }
    return row;
}

void drill_result_add(struct drill_result_list *list, const struct drill_result_row *row)
{
    struct drill_result_row *copy = copy_row(list->arena, row);
    if (!copy) {
        drill_result_stop(list, "no memory to keep all results");
        return;
    }
    *list->end = copy;
    list->end = &copy->next;
    drill_result_count(&list->count, row->result);
}

void drill_result_stop(struct drill_result_list *list, const char *why)
{
    if (list->stopped) {
        return;
    }
    struct drill_span copy = drill_arena_copy(list->arena, drill_span_str(why));
    list->stopped = copy.ptr ? (const char *)copy.ptr : "no memory";
}

unsigned drill_result_total(const struct drill_result_list *list)
{
    const struct drill_json_count *c = &list->count;
    return c->pass + c->fail + c->skip + c->error + c->unreachable;
}

bool drill_result_nobody(const struct drill_result_list *list)
{
    return list->count.unreachable && !list->count.pass && !list->count.fail;
}

/* ---- output ---- */

void drill_result_put_span(struct drill_result_out *out, struct drill_span text)
{
    if (!out->failed && !drill_buf_append(out->buf, text)) {
        out->failed = true;
    }
}

void drill_result_put(struct drill_result_out *out, const char *text)
{
    drill_result_put_span(out, drill_span_str(text));
}

void drill_result_put_number(struct drill_result_out *out, uint64_t number)
{
    char digits[24];
    struct drill_writer w = drill_writer_of(digits, sizeof(digits));
    drill_write_dec(&w, number);
    drill_result_put_span(out, drill_writer_span(&w));
}

/* The UTF-8 character (RFC 3629) at the head of `s`, and its length; 0: there is none. */
static size_t take_rune(struct drill_span s, uint32_t *rune)
{
    uint8_t head = s.ptr[0];
    size_t len = head < 0x80 ? 1 : head < 0xc2 ? 0 : head < 0xe0 ? 2 : head < 0xf0 ? 3 : 4;
    if (len == 0 || head > 0xf4 || s.len < len) {
        return 0;
    }
    *rune = len == 1 ? head : head & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.ptr[i] & 0xc0) != 0x80) {
            return 0;
        }
        *rune = *rune << 6 | (s.ptr[i] & 0x3fu);
    }
    bool overlong = (len == 3 && *rune < 0x800) || (len == 4 && *rune < 0x10000);
    bool surrogate = *rune >= 0xd800 && *rune <= 0xdfff;
    return overlong || surrogate || *rune > 0x10ffff ? 0 : len;
}

/* Control characters, line separators, what reorders a line (U+202E and its kind), the byte order
 * mark, and what is no character: XML 1.0 forbids some of them, YAML others, and no reader of a log
 * gains by any. */
static bool unprintable(uint32_t rune)
{
    static const struct {
        uint32_t low, high;
    } ranges[] = {{0, 0x1f},        {0x7f, 0x9f},     {0x2028, 0x202e},
                  {0x2066, 0x2069}, {0xfdd0, 0xfdef}, {0xfeff, 0xfeff}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (rune >= ranges[i].low && rune <= ranges[i].high) {
            return true;
        }
    }
    return (rune & 0xfffe) == 0xfffe;
}

void drill_result_put_text(struct drill_result_out *out, const struct drill_result_escape *how,
                           struct drill_span text)
{
    while (text.len) {
        uint32_t rune = 0;
        size_t len = take_rune(text, &rune);
        const char *special = len ? how->special(rune) : NULL;
        if (special) {
            drill_result_put(out, special);
        } else if (len && !unprintable(rune)) {
            drill_result_put_span(out, drill_span_sub(text, 0, len));
        } else {
            len = len ? len : 1;
            for (size_t i = 0; i < len; i++) {
                char hex[3];
                (void)snprintf(hex, sizeof(hex), "%02x", text.ptr[i]);
                drill_result_put(out, how->byte);
                drill_result_put(out, hex);
            }
        }
        text = drill_span_sub(text, len, text.len);
    }
}

void drill_result_ending(const struct drill_report *r, char *buf, size_t cap)
{
    char error[200] = "";
    buf[0] = '\0';
    if (r->end == DRILL_END_NONE) {
        return;
    }
    if (r->end_error) {
        (void)snprintf(error, sizeof(error), ", %s (os error %d)", strerror(r->end_error),
                       r->end_error);
    }
    (void)snprintf(buf, cap, "%s%s, %llu bytes in flight", drill_show_end(r->end), error,
                   (unsigned long long)r->end_in_flight);
}
