/* SPDX-License-Identifier: MIT */
#include "scenario/lint.h"

#include "scenario/match.h"

#include <stdarg.h>
#include <stdio.h>

#include "session/several.h"

struct linter {
    const struct drill_file *file;
    const char *name;
    struct drill_errors *errors;
    uint64_t messages; /* of the whole file; saturates */
};

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
static void
found(struct linter *l, struct drill_pos pos, const char *fmt, ...)
{
    char text[DRILL_ERROR_TEXT];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (l->errors->count < DRILL_ERRORS_MAX) {
        struct drill_error *err = &l->errors->item[l->errors->count];
        (void)drill_error_set(err, DRILL_ERR_VALUE, "%s", text);
        drill_error_at(err, l->name, pos.line, pos.column);
    }
    l->errors->count++;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

static uint64_t times(uint64_t a, uint64_t b)
{
    return a && b > UINT64_MAX / a ? UINT64_MAX : a * b;
}

static const struct drill_value *find_pair(const struct drill_pair *f, const char *key)
{
    while (f && !drill_span_equal(f->key, drill_span_str(key))) {
        f = f->next;
    }
    return f ? &f->value : NULL;
}

/* ---- sizes ---- */

struct size {
    uint64_t lines, bytes;
};

static struct size step_size(const struct drill_step *step);

static struct size block_size(const struct drill_block *block, uint64_t copies)
{
    struct size sum = {0, 0};
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        struct size one = step_size(step);
        sum.lines = add(sum.lines, one.lines);
        sum.bytes = add(sum.bytes, one.bytes);
    }
    sum.lines = times(sum.lines, copies);
    sum.bytes = times(sum.bytes, copies);
    return sum;
}

static struct size step_size(const struct drill_step *step)
{
    struct size size = {1, 0};
    struct size second;
    switch (step->kind) {
    case DRILL_STEP_LINE:
        for (const struct drill_item *item = step->items; item; item = item->next) {
            uint64_t bytes = 0;
            for (const struct drill_field *f = item->fields; f; f = f->next) {
                bytes = add(bytes, drill_match_size(&f->value));
            }
            size.bytes = bytes > size.bytes ? bytes : size.bytes;
        }
        break;
    case DRILL_STEP_ELLIPSIS:
    case DRILL_STEP_MEET: break;
    case DRILL_STEP_REPEAT:
    case DRILL_STEP_CONCURRENTLY:
        size = block_size(&step->block, step->count);
        second = block_size(&step->block2, step->count2);
        size.lines = add(size.lines, second.lines);
        size.bytes = add(size.bytes, second.bytes);
        break;
    }
    return size;
}

/* Said once, where the sum passes the limit. */
static void check_sizes(struct linter *l)
{
    struct size sum = {0, 0};
    for (const struct drill_setup *s = l->file->setup; s; s = s->next) {
        for (const struct drill_pair *f = s->fields; f; f = f->next) {
            sum.bytes = add(sum.bytes, drill_match_size(&f->value));
        }
        if (sum.bytes > DRILL_UNROLL_BYTES) {
            found(l, s->pos, "up to here the file unrolls to more than 4 GiB");
            return;
        }
    }
    for (const struct drill_step *step = l->file->body.steps; step; step = step->next) {
        struct size one = step_size(step);
        sum.lines = add(sum.lines, one.lines);
        sum.bytes = add(sum.bytes, one.bytes);
        if (sum.lines > DRILL_UNROLL_LINES) {
            found(l, step->pos, "up to here the file unrolls to more than %d lines",
                  DRILL_UNROLL_LINES);
            return;
        }
        if (sum.bytes > DRILL_UNROLL_BYTES) {
            found(l, step->pos, "up to here the file unrolls to more than 4 GiB");
            return;
        }
    }
}

/* ---- setup ---- */

/* The messages of one session, and of all sessions above it. */
struct traffic {
    uint64_t total;
    uint64_t clients; /* of the session that is being counted; 0: none yet */
    uint64_t messages;
};

static void end_session(struct traffic *t)
{
    uint64_t each = t->messages ? t->messages : 1;
    t->total = add(t->total, times(t->clients, each));
    t->messages = 0;
}

static uint64_t count_of(const struct drill_setup *s)
{
    const struct drill_value *count = find_pair(s->fields, "count");
    return count ? count->number : 1;
}

/* A line that speaks of the message above makes the default one, if there is none yet. */
static void count_line(struct traffic *t, const struct drill_setup *s)
{
    bool content = s->kind == DRILL_SETUP_HEADER || s->kind == DRILL_SETUP_BODY;
    if (s->kind == DRILL_SETUP_CLIENT) {
        end_session(t);
        t->clients = count_of(s);
    } else if (s->kind == DRILL_SETUP_MESSAGE || content) {
        t->clients = t->clients ? t->clients : 1;
        t->messages =
            content && t->messages ? t->messages : add(t->messages, content ? 1 : count_of(s));
    }
}

static uint64_t count_messages(const struct drill_file *file)
{
    struct traffic t = {0, 0, 0};
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        count_line(&t, s);
    }
    t.clients = t.clients ? t.clients : 1;
    end_session(&t);
    return t.total;
}

static void check_setup(struct linter *l)
{
    bool mta = false;
    bool milter = false;
    bool tls = false;
    bool body = false;
    unsigned milters = 1;
    for (const struct drill_setup *s = l->file->setup; s; s = s->next) {
        bool *once = s->kind == DRILL_SETUP_MTA      ? &mta
                     : s->kind == DRILL_SETUP_MILTER ? &milter
                     : s->kind == DRILL_SETUP_TLS    ? &tls
                     : s->kind == DRILL_SETUP_BODY   ? &body
                                                     : NULL;
        if (s->kind == DRILL_SETUP_CLIENT || s->kind == DRILL_SETUP_MESSAGE) {
            body = false;
        }
        if (once && *once) {
            found(l, s->pos, "this line stands for the second time%s",
                  once == &body ? " for one message" : "");
        }
        if (once) {
            *once = true;
        }
        milters += s->kind == DRILL_SETUP_BEFORE || s->kind == DRILL_SETUP_AFTER;
        if (milters > DRILL_SEVERAL_MOST) {
            found(l, s->pos, "more than %d milters at one MTA", DRILL_SEVERAL_MOST);
            return;
        }
    }
}

/* ---- lines ---- */

static bool may_be_tested(const struct linter *l, enum drill_dir dir)
{
    return l->file->tests == DRILL_TESTS_EITHER ||
           (l->file->tests == DRILL_TESTS_MTA) == (dir == DRILL_TO_MILTER);
}

static bool may_be_ours(const struct linter *l, enum drill_dir dir)
{
    return l->file->tests == DRILL_TESTS_EITHER ||
           (l->file->tests == DRILL_TESTS_MILTER) == (dir == DRILL_TO_MILTER);
}

static const struct drill_field *find_field(const struct drill_item *item, enum drill_field_id id)
{
    const struct drill_field *f = item->fields;
    while (f && f->id != id) {
        f = f->next;
    }
    return f;
}

static bool is_literal(const struct drill_field *f)
{
    return f && !drill_value_is_pattern(&f->value) && f->value.kind != DRILL_VALUE_BIND;
}

/* What makes an item a fault that its side would have to commit, or NULL. */
static const char *fault_of(const struct drill_item *item)
{
    const struct drill_field *data = find_field(item, DRILL_FIELD_DATA);
    if (item->travel.has_cut) {
        return "`cut=`";
    }
    if (item->travel.has_length) {
        return "`length=`";
    }
    if (item->kind == DRILL_ITEM_FRAME) {
        bool literal = is_literal(find_field(item, DRILL_FIELD_CODE)) || is_literal(data);
        return literal ? "`frame` with a value" : NULL;
    }
    if (!is_literal(data)) {
        return NULL;
    }
    return item->kind == DRILL_ITEM_RAW ? "`raw` with bytes" : "`data=` instead of the fields";
}

static void check_fault(struct linter *l, enum drill_dir dir, const struct drill_item *item)
{
    const char *fault = fault_of(item);
    const char *side = dir == DRILL_TO_MILTER ? "MTA" : "milter";
    if (!fault || !may_be_tested(l, dir) || l->file->recorded.len) {
        return; /* a recording asks nobody for a fault: it says which one there was */
    }
    if (l->file->tests == DRILL_TESTS_EITHER) {
        found(l, item->pos,
              "%s is a fault, and without tests= the %s may be under test; say tests=%s on the "
              "first line",
              fault, side, dir == DRILL_TO_MILTER ? "milter" : "mta");
    } else {
        found(l, item->pos,
              "%s is a fault, and the %s is under test: no scenario can make it commit one; "
              "patterns are fine",
              fault, side);
    }
}

/* Only the first alternative is ever sent. A pattern there has no profile's value to stand for. */
static void check_sendable(struct linter *l, enum drill_dir dir, const struct drill_item *item)
{
    const struct drill_field *f = NULL;
    if (item->kind == DRILL_ITEM_RAW) {
        f = find_field(item, DRILL_FIELD_DATA);
    } else if (item->kind == DRILL_ITEM_FRAME) {
        f = find_field(item, DRILL_FIELD_CODE);
    }
    if (f && drill_value_is_pattern(&f->value) && may_be_ours(l, dir)) {
        found(l, f->value.pos, "a pattern cannot be sent, and no profile has bytes for `%s`",
              item->kind == DRILL_ITEM_RAW ? "raw" : "frame");
    }
}

static void check_travel(struct linter *l, const struct drill_item *item)
{
    const struct drill_travel *t = &item->travel;
    if (t->splits && t->has_dribble) {
        found(l, item->pos, "split= and dribble= both say how the bytes are cut; keep one");
    }
    if (t->join && (t->splits || t->has_dribble)) {
        found(l, item->pos, "`join` holds the bytes back for one write; it cannot stand with %s",
              t->splits ? "split=" : "dribble=");
    }
}

static bool is_ending(const struct drill_item *item)
{
    return item->kind == DRILL_ITEM_CLOSE || item->kind == DRILL_ITEM_HALF_CLOSE ||
           item->kind == DRILL_ITEM_RESET || item->kind == DRILL_ITEM_HANGUP;
}

static bool has_bytes(const struct drill_item *item)
{
    return item->kind == DRILL_ITEM_MESSAGE || item->kind == DRILL_ITEM_FRAME ||
           item->kind == DRILL_ITEM_RAW;
}

/* What is known while the lines of one block are gone through. */
struct walk {
    const struct drill_step *above; /* the step above, in this block */
    uint32_t ended[2];              /* the line that ended a side's connection; 0: it stands */
    bool copies;                    /* inside `concurrently` */
};

static void check_ended(struct linter *l, struct walk *w, const struct drill_step *step)
{
    bool all_end = true;
    bool any_open = false;
    for (const struct drill_item *item = step->items; item; item = item->next) {
        all_end = all_end && is_ending(item);
        any_open = any_open || item->kind == DRILL_ITEM_OPEN;
    }
    if (any_open) {
        w->ended[DRILL_TO_MILTER] = 0;
        w->ended[DRILL_TO_MTA] = 0;
    } else if (all_end) {
        w->ended[step->dir] = step->pos.line;
    } else if (w->ended[step->dir] && has_bytes(step->items)) {
        found(l, step->items->pos,
              "this side ended its connection in line %u; `> open` or `...` must come between",
              w->ended[step->dir]);
        w->ended[step->dir] = 0;
    }
}

static void check_line(struct linter *l, struct walk *w, const struct drill_step *step)
{
    const struct drill_step *above = w->above;
    bool open = above && above->kind == DRILL_STEP_LINE && above->items->kind == DRILL_ITEM_OPEN;
    check_sendable(l, step->dir, step->items);
    for (const struct drill_item *item = step->items; item; item = item->next) {
        check_fault(l, step->dir, item);
        check_travel(l, item);
        if (item->kind == DRILL_ITEM_REFUSE && !open) {
            found(l, item->pos, "`refuse` stands directly below `> open`, which it refuses");
        }
    }
    check_ended(l, w, step);
}

/* ---- checks ---- */

static void check_outcome(struct linter *l, const struct drill_outcome_alt *alt)
{
    static const struct {
        const char *word;
        uint64_t low, high;
    } classes[] = {
        [DRILL_OUTCOME_NONE] = {"", 0, UINT64_MAX},
        [DRILL_OUTCOME_ACCEPT] = {"accept", 200, 299},
        [DRILL_OUTCOME_TEMPFAIL] = {"tempfail", 400, 499},
        [DRILL_OUTCOME_REJECT] = {"reject", 500, 599},
        [DRILL_OUTCOME_DROP] = {"drop", 0, 0},
    };
    const struct drill_value *code = find_pair(alt->fields, "code");
    uint64_t low = classes[alt->outcome].low;
    uint64_t high = classes[alt->outcome].high;
    if (alt->outcome == DRILL_OUTCOME_DROP) {
        if (alt->fields) {
            found(l, alt->fields->pos, "`drop` is no reply at all: it has no %s",
                  code == &alt->fields->value ? "code" : "text");
        }
        return;
    }
    bool range = code && code->kind == DRILL_VALUE_RANGE;
    if (code && (range ? code->high < low || code->low > high
                       : code->number < low || code->number > high)) {
        found(l, code->pos, "`%s` is a code from %llu to %llu", classes[alt->outcome].word,
              (unsigned long long)low, (unsigned long long)high);
    }
}

static void check_message_number(struct linter *l, const struct drill_check *check)
{
    const struct drill_value *message = find_pair(check->fields, "message");
    unsigned long long count = l->messages;
    if (!message) {
        if (count > 1) {
            found(l, check->pos,
                  "the file has %llu messages: say which by message=N or message=N..M", count);
        }
        return;
    }
    bool range = message->kind == DRILL_VALUE_RANGE;
    uint64_t low = range ? message->low : message->number;
    uint64_t high = range && message->high != UINT64_MAX ? message->high : low;
    if (high > count || low > count) {
        found(l, message->pos, "the file has %llu message%s, counted from 1", count,
              count == 1 ? "" : "s");
    }
}

static void check_checks(struct linter *l, const struct drill_block *block)
{
    for (const struct drill_check *c = block->checks; c; c = c->next) {
        check_message_number(l, c);
        for (const struct drill_outcome_alt *alt = c->outcomes; alt; alt = alt->next) {
            check_outcome(l, alt);
        }
    }
}

/* ---- blocks ---- */

static void check_block(struct linter *l, struct walk *w, const struct drill_block *block);

static void check_step(struct linter *l, struct walk *w, const struct drill_step *step)
{
    struct walk inner = *w;
    inner.above = NULL;
    switch (step->kind) {
    case DRILL_STEP_LINE: check_line(l, w, step); break;
    case DRILL_STEP_ELLIPSIS:
        if (w->above && w->above->kind == DRILL_STEP_ELLIPSIS) {
            found(l, step->pos, "`...` below `...` adds nothing");
        }
        w->ended[DRILL_TO_MILTER] = 0;
        w->ended[DRILL_TO_MTA] = 0;
        break;
    case DRILL_STEP_MEET:
        if (!w->copies) {
            found(l, step->pos, "`meet` waits for the other copies of a `concurrently` block");
        } else if (w->above && w->above->kind == DRILL_STEP_ELLIPSIS) {
            found(l, step->pos,
                  "`...` above `meet` does nothing: it plays up to a line, and `meet` is none");
        }
        break;
    case DRILL_STEP_REPEAT: check_block(l, &inner, &step->block); break;
    case DRILL_STEP_CONCURRENTLY:
        if (step != l->file->body.steps || step->next || l->file->body.checks) {
            found(l, step->pos,
                  "`concurrently` stands alone: what is beside it would belong to none of its "
                  "copies; write it into the blocks");
        }
        inner.copies = true;
        check_block(l, &inner, &step->block);
        inner = *w;
        inner.above = NULL;
        inner.copies = true;
        check_block(l, &inner, &step->block2);
        break;
    }
    if (step->kind == DRILL_STEP_REPEAT || step->kind == DRILL_STEP_CONCURRENTLY) {
        w->ended[DRILL_TO_MILTER] = 0; /* not known behind a block */
        w->ended[DRILL_TO_MTA] = 0;
    }
}

static void check_block(struct linter *l, struct walk *w, const struct drill_block *block)
{
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        check_step(l, w, step);
        w->above = step;
    }
    check_checks(l, block);
}

bool drill_lint(const struct drill_file *file, const char *name, struct drill_errors *errors)
{
    struct linter l = {.file = file, .name = name ? name : "", .errors = errors};
    struct walk w = {.above = NULL};
    size_t before = errors->count;
    l.messages = count_messages(file);
    check_setup(&l);
    check_sizes(&l);
    check_block(&l, &w, &file->body);
    return errors->count == before;
}

/* ---- what is not played yet ---- */

struct unplayed {
    unsigned plays;
    uint32_t line;
    const char *what;
};

static void note(struct unplayed *u, struct drill_pos pos, const char *what)
{
    if (!u->what || pos.line < u->line) {
        u->line = pos.line;
        u->what = what;
    }
}

static void unplayed_setup(struct unplayed *u, const struct drill_file *file)
{
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        switch (s->kind) {
        case DRILL_SETUP_TLS:
            if (!(u->plays & DRILL_PLAYS_TLS)) {
                note(u, s->pos, "`tls` is, in a simulation,");
            }
            break;
        case DRILL_SETUP_SMTP:
            if (!(u->plays & DRILL_PLAYS_SMTP)) {
                note(u, s->pos, "`smtp` is, with --listen and without --smtp,");
            }
            break;
        case DRILL_SETUP_BEFORE:
        case DRILL_SETUP_AFTER:
            if (!(u->plays & DRILL_PLAYS_SEVERAL)) {
                note(u, s->pos, "`before` and `after` are, outside of a simulation,");
            }
            break;
        case DRILL_SETUP_JUDGE:
        case DRILL_SETUP_WHY:
        case DRILL_SETUP_MTA:
        case DRILL_SETUP_MILTER:
        case DRILL_SETUP_CLIENT:
        case DRILL_SETUP_MESSAGE:
        case DRILL_SETUP_HEADER:
        case DRILL_SETUP_BODY: break;
        }
    }
}

static void unplayed_checks(struct unplayed *u, const struct drill_block *block)
{
    for (const struct drill_check *c = block->checks; c; c = c->next) {
        if (c->kind == DRILL_CHECK_DELIVERED && !(u->plays & DRILL_PLAYS_DELIVERED)) {
            note(u, c->pos, "`delivered` is, without --sink,");
        }
    }
}

/* All of the file's: a block that is repeated has them, too. */
static void unplayed_block(struct unplayed *u, const struct drill_block *block)
{
    unplayed_checks(u, block);
    for (const struct drill_step *step = block->steps; step; step = step->next) {
        if (step->kind == DRILL_STEP_REPEAT || step->kind == DRILL_STEP_CONCURRENTLY) {
            unplayed_block(u, &step->block);
            unplayed_block(u, &step->block2);
        }
    }
}

bool drill_lint_unplayed(const struct drill_file *file, unsigned plays, struct drill_writer *w)
{
    struct unplayed u = {plays, 0, NULL};
    unplayed_setup(&u, file);
    unplayed_block(&u, &file->body);
    if (!u.what) {
        return false;
    }
    drill_write_text(w, "line ");
    drill_write_dec(w, u.line);
    drill_write_text(w, ": ");
    drill_write_text(w, u.what);
    drill_write_text(w, " not played yet");
    return true;
}
