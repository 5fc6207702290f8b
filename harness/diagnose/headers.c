/* SPDX-License-Identifier: MIT */
/* What in the headers it hangs on: their number, their size, one name, one value. */
#include "diagnose/work.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
    FEW = 4,    /* headers that are looked at one by one */
    PLAIN = 3,  /* headers of the harmless message */
    VALUE = 900 /* about so long is a value where their sum is scaled */
};

static const char HARMLESS[] = "X-Drill-1";

static struct drill_span with_blank(struct drill_arena *arena, struct drill_span text)
{
    uint8_t *p = drill_arena_take(arena, text.len + 1);
    if (!p) {
        return drill_span_of(NULL, 0);
    }
    p[0] = ' ';
    if (text.len) {
        memcpy(p + 1, text.ptr, text.len);
    }
    return drill_span_of(p, text.len + 1);
}

/* ---- what scales ---- */

static bool make_count(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    return drill_subject_plain_headers(s, (size_t)n, drill_work_arena(scale));
}

static bool make_length(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    struct drill_arena *arena = drill_work_arena(scale);
    struct drill_span value = with_blank(arena, drill_subject_filler((size_t)n, false, arena));
    return value.ptr && drill_subject_set_value(s, scale->index, value, arena);
}

/* n bytes of values in all, spread over the same number of headers. */
static bool make_sum(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    struct drill_arena *arena = drill_work_arena(scale);
    size_t count = scale->index, each = (size_t)n / count, more = (size_t)n % count;
    struct drill_span value =
        with_blank(arena, drill_subject_filler(each + 1, false, arena)); /* of the longest */
    if (!value.ptr || !drill_subject_plain_headers(s, count, arena)) {
        return false;
    }
    return drill_subject_all_values(s, drill_span_sub(value, 0, each + 1), more, value, arena);
}

static bool make_value(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    (void)n;
    struct drill_span value = with_blank(drill_work_arena(scale), scale->text);
    return value.ptr && drill_subject_set_value(s, scale->index, value, drill_work_arena(scale));
}

static bool make_name(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    (void)n;
    return drill_subject_set_name(s, scale->index, scale->text, drill_work_arena(scale));
}

/* ---- one header ---- */

static struct drill_trigger *header_trigger(struct drill_work *w, enum drill_trigger_kind kind,
                                            struct drill_span name)
{
    struct drill_trigger *t = drill_work_trigger(w, kind);
    if (t) {
        size_t len = name.len < sizeof(t->header) ? name.len : sizeof(t->header) - 1;
        t->has_header = true;
        t->stage = DRILL_SMFIC_HEADER;
        if (len) {
            memcpy(t->header, name.ptr, len);
        }
    }
    return t;
}

/* Does the same happen in a header of another name? */
static bool other_name_does(struct drill_work *w, size_t i)
{
    struct drill_subject s = w->now;
    if (drill_work_refused(w, drill_subject_set_name(&s, i, drill_span_str(HARMLESS), w->arena))) {
        return false;
    }
    return drill_lab_try(&w->lab, &s, "the same header by another name") == DRILL_ANSWER_SAME;
}

/* The bisection counted bytes of the value; the frame has its name and two NULs as well, and what
 * an MTA leaves out is not in it. One session says how many bytes that is. */
static void in_frame_bytes(struct drill_work *w, size_t i, struct drill_trigger *t)
{
    struct drill_watch watch;
    struct drill_subject s = w->now;
    struct drill_scale scale = {w, "", make_length, i, {NULL, 0}, false};
    if (drill_work_refused(w, make_length(&scale, t->smallest_fail, &s))) {
        return;
    }
    w->now = s;
    if (!drill_lab_play(&w->lab, &s, "the smallest that fails", &watch) ||
        watch.sig.most_header < t->smallest_fail) {
        return;
    }
    uint64_t more = watch.sig.most_header - t->smallest_fail, ends = s.header[i]->name.len + 2;
    if (more > ends + 1) { /* a blank may be sent, too; this is another header, and longer */
        more = ends;
    }
    t->quantity = "bytes of data in one frame";
    t->smallest_fail += more;
    t->largest_pass += more;
}

static bool is_long(struct drill_work *w, size_t i, struct drill_span name)
{
    struct drill_subject s = w->now;
    struct drill_span value = w->now.header[i]->value;
    struct drill_scale scale = {w, "", make_length, i, {NULL, 0}, false};
    size_t length = value.len > 1 ? value.len - 1 : 1;
    if (length < 2 || drill_work_refused(w, make_length(&scale, length, &s)) ||
        drill_work_adopt(w, &s, "a value of harmless letters, as long") != DRILL_ANSWER_SAME) {
        return false;
    }
    struct drill_trigger *t = header_trigger(w, DRILL_TRIGGER_FRAME_SIZE, name);
    if (t) {
        t->quantity = "bytes of the value";
        scale.what = "values of harmless letters, shorter";
        drill_work_measure(&scale, 1, length, t);
        in_frame_bytes(w, i, t);
        t->any_header = other_name_does(w, i);
    }
    return true;
}

static bool is_token(struct drill_span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] <= ' ' || name.ptr[i] > '~') {
            return false;
        }
    }
    return true;
}

/* A name of n letters. */
static bool make_long_name(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    struct drill_arena *arena = drill_work_arena(scale);
    struct drill_span name = drill_subject_filler((size_t)n, false, arena);
    return name.ptr && drill_subject_set_name(s, scale->index, name, arena);
}

static bool by_name_size(struct drill_work *w, size_t i, struct drill_span name)
{
    struct drill_scale scale = {w, "shorter names", make_long_name, i, {NULL, 0}, false};
    struct drill_subject s = w->now;
    if (!drill_work_scales(&scale, 1, name.len, "a name of harmless letters, as long")) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_NAME_SIZE);
    if (t) {
        t->stage = DRILL_SMFIC_HEADER;
        t->quantity = "bytes of a header's name";
        drill_work_measure(&scale, 1, name.len, t);
        s = w->now;
        if (!drill_work_refused(w, make_long_name(&scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

/* It fails whatever the value is: by the name, or by there being a header at all. */
static void by_name(struct drill_work *w, size_t i, struct drill_span name)
{
    struct drill_trigger *t;
    if (other_name_does(w, i)) {
        t = drill_work_trigger(w, DRILL_TRIGGER_HEADER_COUNT);
        if (t) {
            t->quantity = "headers";
            t->smallest_fail = w->now.headers;
            t->largest_pass = w->now.headers - 1;
            t->measured = true;
        }
    } else if (by_name_size(w, i, name)) {
        return;
    } else if (is_token(name)) {
        (void)header_trigger(w, DRILL_TRIGGER_HEADER_NAME, name);
    } else {
        struct drill_scale scale = {w,    "a piece of the header's name", make_name, i, {NULL, 0},
                                    false};
        t = header_trigger(w, DRILL_TRIGGER_NAME_BYTES, name);
        if (t) {
            t->bytes = drill_work_piece(&scale, name);
        }
    }
}

/* A line break in it is what counts, not what stands around it. */
static bool is_fold(struct drill_work *w, size_t i, struct drill_span value, struct drill_span name)
{
    static const char FOLD[] = "\r\n ";
    struct drill_subject s = w->now;
    if (drill_span_find(value, '\n') == value.len ||
        drill_work_refused(w,
                           drill_subject_set_value(&s, i, drill_span_str(" a\r\n a"), w->arena)) ||
        drill_work_adopt(w, &s, "a harmless value of two lines") != DRILL_ANSWER_SAME) {
        return false;
    }
    struct drill_trigger *t = header_trigger(w, DRILL_TRIGGER_HEADER_BYTES, name);
    if (t) {
        t->bytes = drill_span_str(FOLD);
        t->any_header = other_name_does(w, i);
    }
    return true;
}

static void by_value(struct drill_work *w, size_t i, struct drill_span name)
{
    struct drill_scale scale = {w,    "a piece of the header's value", make_value, i, {NULL, 0},
                                false};
    struct drill_span value = w->now.header[i]->value;
    struct drill_subject s = w->now;
    struct drill_pieces pieces;
    if (value.len && (value.ptr[0] == ' ' || value.ptr[0] == '\t')) {
        value = drill_span_sub(value, 1, value.len);
    }
    if (is_fold(w, i, value, name)) {
        return;
    }
    drill_work_split(&scale, drill_work_piece(&scale, value), &pieces);
    scale.text = pieces.text;
    if (!drill_work_refused(w, make_value(&scale, 0, &s))) {
        (void)drill_work_adopt(w, &s, "the header with that piece only");
    }
    bool any = other_name_does(w, i);
    for (size_t k = 0; k < pieces.count; k++) {
        struct drill_trigger *t = header_trigger(w, DRILL_TRIGGER_HEADER_BYTES, name);
        if (t) {
            t->bytes = drill_work_nth(&pieces, k);
            t->any_header = any;
        }
    }
}

static void examine_one(struct drill_work *w, size_t i)
{
    struct drill_subject s = w->now;
    struct drill_span name = w->now.header[i]->name;
    if (drill_work_refused(w, drill_subject_set_value(&s, i, drill_span_str(" a"), w->arena))) {
        return;
    }
    enum drill_answer answer = drill_work_adopt(w, &s, "the header with the value `a`");
    if (answer == DRILL_ANSWER_SAME) {
        by_name(w, i, name);
    } else if (answer == DRILL_ANSWER_OTHER && !is_long(w, i, name)) {
        by_value(w, i, name);
    }
}

/* ---- all headers ---- */

static bool is_count(struct drill_work *w)
{
    struct drill_scale scale = {w, "fewer harmless headers", make_count, 0, {NULL, 0}, false};
    size_t n = w->now.headers;
    if (!drill_work_scales(&scale, PLAIN, n, "as many harmless headers")) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_HEADER_COUNT);
    if (t) {
        struct drill_subject s;
        t->quantity = "headers";
        t->stage = DRILL_SMFIC_HEADER;
        drill_work_measure(&scale, PLAIN, n, t);
        s = w->now;
        if (!drill_work_refused(w, make_count(&scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

/* ---- many of one name ---- */

/* n headers of the name of header `index`, each with the value `a`. */
static bool make_same(struct drill_scale *scale, uint64_t n, struct drill_subject *s)
{
    return drill_subject_same_headers(s, scale->text, (size_t)n, drill_work_arena(scale));
}

static size_t count_name(const struct drill_subject *s, struct drill_span name)
{
    size_t n = 0;
    for (size_t i = 0; i < s->headers; i++) {
        n += drill_span_equal_nocase(s->header[i]->name, name);
    }
    return n;
}

/* The name that most headers have. */
static struct drill_span most_of(const struct drill_subject *s, size_t *count)
{
    struct drill_span name = {NULL, 0};
    *count = 0;
    for (size_t i = 0; i < s->headers; i++) {
        size_t n = count_name(s, s->header[i]->name);
        if (n > *count) {
            *count = n;
            name = s->header[i]->name;
        }
    }
    return name;
}

/* How many there may be of one name. */
static bool measure_same(struct drill_work *w, struct drill_span name, size_t n)
{
    struct drill_scale scale = {w, "fewer headers of one name", make_same, 0, name, false};
    if (!drill_work_scales(&scale, 1, n, "headers of one name only, with harmless values")) {
        return false;
    }
    struct drill_trigger *t = header_trigger(w, DRILL_TRIGGER_HEADER_COUNT, name);
    if (t) {
        struct drill_subject s;
        t->quantity = "headers of this name";
        drill_work_measure(&scale, 1, n, t);
        s = w->now;
        if (!drill_work_refused(w, make_same(&scale, t->smallest_fail, &s))) {
            w->now = s;
        }
    }
    return true;
}

static bool is_same(struct drill_work *w)
{
    size_t n;
    struct drill_span name = most_of(&w->now, &n);
    return n > 2 && measure_same(w, name, n);
}

/* ---- all headers together ---- */

static size_t bytes_of(const struct drill_subject *s)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->headers; i++) {
        sum += s->header[i]->name.len + s->header[i]->value.len + 3;
    }
    return sum;
}

/* The bisection counted bytes of values; one session says how many that is with names and NULs. */
static void in_all_bytes(struct drill_work *w, struct drill_scale *scale, struct drill_trigger *t)
{
    struct drill_watch watch;
    struct drill_subject s = w->now;
    if (drill_work_refused(w, make_sum(scale, t->smallest_fail, &s))) {
        return;
    }
    w->now = s;
    if (drill_lab_play(&w->lab, &s, "the smallest that fails", &watch) &&
        watch.sig.all_headers > t->smallest_fail) {
        uint64_t more = watch.sig.all_headers - t->smallest_fail;
        t->largest_pass += more;
        t->smallest_fail += more;
        t->quantity = "bytes of data of all headers";
    }
}

static bool is_sum(struct drill_work *w)
{
    size_t n = bytes_of(&w->now);
    struct drill_scale scale = {
        w, "harmless headers of fewer bytes", make_sum, n / VALUE + PLAIN, {NULL, 0}, false};
    if (!drill_work_scales(&scale, 1, n, "harmless headers of as many bytes")) {
        return false;
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_HEADER_SIZE);
    if (t) {
        t->quantity = "bytes of values of all headers";
        t->stage = DRILL_SMFIC_HEADER;
        drill_work_measure(&scale, 1, n, t);
        in_all_bytes(w, &scale, t);
    }
    return true;
}

static void ask_units(void *ctx, const bool *sets, size_t count, size_t n,
                      enum drill_answer *answers)
{
    struct drill_work *w = ctx;
    struct drill_subject subjects[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    for (size_t i = 0; i < count; i++) {
        answers[i] = DRILL_ANSWER_NONE;
    }
    for (size_t i = 0; i < count; i++) {
        subjects[i] = w->now;
        (void)snprintf(what[i], sizeof(what[i]), "without some of the headers");
        if (drill_work_refused(w,
                               drill_subject_keep_headers(&subjects[i], sets + i * n, w->arena))) {
            return;
        }
    }
    drill_lab_try_all(&w->lab, subjects, (const char(*)[DRILL_LAB_WHAT])what, count, answers, NULL);
}

/* Leaves in `now` the headers that are needed. False: it stopped early. */
static bool take_off(struct drill_work *w)
{
    size_t n = w->now.headers;
    struct drill_units u = {drill_arena_take(w->arena, n * sizeof(bool) + 1),
                            drill_arena_take(w->arena, n * w->wide * sizeof(bool) + 1),
                            n,
                            w->wide,
                            ask_units,
                            w};
    if (drill_work_refused(w, u.keep && u.trial)) {
        return false;
    }
    memset(u.keep, true, n * sizeof(bool));
    bool all = drill_reduce_units(&u);
    if (!drill_work_refused(w, drill_subject_keep_headers(&w->now, u.keep, w->arena))) {
        w->out->reduced = true;
    }
    return all;
}

/* ---- one that is not there ---- */

/* Adds the harmless message's headers whose names the subject has not: all, or the nth of them. */
static size_t add_missing(struct drill_work *w, const struct drill_subject *plain, size_t only,
                          struct drill_subject *s, struct drill_span *name)
{
    size_t n = 0;
    for (size_t i = 0; i < plain->headers; i++) {
        const struct drill_mail_header *h = plain->header[i];
        if (count_name(&w->now, h->name)) {
            continue;
        }
        if ((only == SIZE_MAX || only == n) &&
            !drill_work_refused(w, drill_subject_add_header(s, h, w->arena))) {
            *name = h->name;
        }
        n++;
    }
    return n;
}

/* With the headers that mail should have it passes: which of them is it? */
static bool is_missing(struct drill_work *w)
{
    struct drill_subject plain = w->now, s = w->now;
    struct drill_span name = {NULL, 0};
    if (drill_work_refused(w, drill_subject_plain_message(&plain, w->arena))) {
        return false;
    }
    size_t n = add_missing(w, &plain, SIZE_MAX, &s, &name);
    if (n == 0 || drill_lab_try(&w->lab, &s, "with the headers that mail should have") !=
                      DRILL_ANSWER_OTHER) {
        return false;
    }
    bool found = false;
    for (size_t i = 0; i < n && !w->lab.stopped; i++) {
        s = w->now;
        (void)add_missing(w, &plain, i, &s, &name);
        if (drill_lab_try(&w->lab, &s, "with one of them") == DRILL_ANSWER_OTHER) {
            struct drill_trigger *t = header_trigger(w, DRILL_TRIGGER_HEADER_NAME, name);
            if (t) {
                t->mended_by = found = true;
            }
        }
    }
    return found;
}

void drill_examine_headers(struct drill_work *w)
{
    struct drill_subject s = w->now;
    if (drill_work_refused(w, drill_subject_plain_message(&s, w->arena))) {
        return;
    }
    struct drill_subject plain = w->now;
    plain.header = s.header;
    plain.headers = s.headers;
    uint32_t before = w->lab.sessions;
    enum drill_answer answer = drill_work_adopt(w, &plain, "harmless headers in place of all");
    if (answer == DRILL_ANSWER_OTHER && w->content_type &&
        !drill_work_refused(w, drill_subject_add_header(&plain, w->content_type, w->arena))) {
        answer = drill_work_adopt(w, &plain, "harmless headers, and what tells the parts");
    }
    if (answer == DRILL_ANSWER_SAME) {
        drill_work_suspect(w, "the headers", true, w->lab.sessions - before,
                           "with From, To and Subject of a harmless message it fails alike");
    }
    if (answer != DRILL_ANSWER_OTHER || is_missing(w) || is_count(w) || is_same(w) || is_sum(w) ||
        !take_off(w)) {
        return;
    }
    size_t n;
    struct drill_span name = most_of(&w->now, &n);
    if (n == 2 && w->now.headers == n && measure_same(w, name, n)) {
        return;
    }
    for (size_t i = 0; i < w->now.headers && i < FEW; i++) {
        if (w->now.header[i] != w->content_type) {
            examine_one(w, i);
        }
    }
}
