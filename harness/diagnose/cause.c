/* SPDX-License-Identifier: MIT */
#include "diagnose/cause.h"

#include <stdio.h>
#include <string.h>

#include "wire/text.h"

enum { ANY = -1 };

typedef bool where_fn(const struct drill_diagnosis *d, const struct drill_trigger *t);

/* ---- what the rows ask besides ---- */

static bool drill_cause_is_tempfail(const struct drill_diagnosis *d, const struct drill_trigger *t)
{
    (void)t;
    return d->sig.code / 100 == 4;
}

static bool drill_cause_is_newer_passing(const struct drill_diagnosis *d,
                                         const struct drill_trigger *t)
{
    (void)d;
    return t && t->largest_pass > t->smallest_fail;
}

static bool drill_cause_is_accepted_early(const struct drill_diagnosis *d,
                                          const struct drill_trigger *t)
{
    (void)t;
    return d->sig.accepted_early;
}

static bool drill_cause_is_not_ascii(const struct drill_diagnosis *d, const struct drill_trigger *t)
{
    (void)d;
    for (size_t i = 0; t && i < t->bytes.len; i++) {
        if (t->bytes.ptr[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

static bool drill_cause_has_surplus(const struct drill_diagnosis *d, const struct drill_trigger *t)
{
    (void)t;
    return d->sig.surplus > 0;
}

static bool drill_cause_is_told_size(const struct drill_diagnosis *d, const struct drill_trigger *t)
{
    (void)d;
    return t && t->quantity &&
           drill_span_equal_nocase(drill_span_str(t->name), drill_span_str("SIZE"));
}

static bool drill_cause_is_zero_length(const struct drill_diagnosis *d,
                                       const struct drill_trigger *t)
{
    (void)t;
    return strstr(d->sig.text, "length 0") != NULL;
}

/* ---- the table ---- */

struct row {
    struct drill_cause cause;
    int kind, symptom, stage;
    uint64_t low, high;
    where_fn *where;
};

#define DRILL_TRIGGER_ANY ANY
#define DRILL_SYMPTOM_ANY ANY
#define DRILL_SMFIC_ANY   ANY

static const struct row ROWS[] = {
#define DRILL_CAUSE(id_, kind_, symptom_, stage_, low_, high_, where_, sentence_, side_, key_, \
                    advice_, source_)                                                          \
    {{#id_, sentence_, side_, key_, advice_, source_},                                         \
     (int)DRILL_TRIGGER_##kind_,                                                               \
     (int)DRILL_SYMPTOM_##symptom_,                                                            \
     (int)DRILL_SMFIC_##stage_,                                                                \
     low_,                                                                                     \
     high_,                                                                                    \
     where_},
#include "diagnose/cause.def"
#undef DRILL_CAUSE
};

static bool fits(const struct row *row, const struct drill_diagnosis *d,
                 const struct drill_trigger *t)
{
    if ((row->kind != ANY && (!t || (int)t->kind != row->kind)) ||
        (row->symptom != ANY && (int)d->sig.symptom != row->symptom) ||
        (row->stage != ANY && (int)d->sig.stage != row->stage)) {
        return false;
    }
    if (row->high &&
        (!t->measured || t->smallest_fail < row->low || t->smallest_fail > row->high)) {
        return false;
    }
    return !row->where || row->where(d, t);
}

const struct drill_cause *drill_cause_of(const struct drill_diagnosis *d)
{
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(*ROWS); i++) {
        const struct drill_trigger *t = d->triggers;
        do {
            if (fits(&ROWS[i], d, t)) {
                return &ROWS[i].cause;
            }
            t = t ? t->next : NULL;
        } while (t);
    }
    return NULL;
}

/* ---- in words ---- */

static void quote(struct drill_span bytes, char *out, size_t cap)
{
    struct drill_writer w = drill_writer_of(out, cap - 1);
    drill_text_bytes(&w, bytes, 80);
    out[drill_writer_span(&w).len] = '\0';
}

static void say_quantity(const struct drill_trigger *t, char *out, size_t cap)
{
    char in[DRILL_SIGNATURE_NAME + 20] = "";
    unsigned long long pass = t->largest_pass, fail = t->smallest_fail;
    if (t->has_header) {
        (void)snprintf(in, sizeof(in), " in header \"%s\"", t->header);
    } else if (t->kind == DRILL_TRIGGER_FRAME_SIZE) {
        (void)snprintf(in, sizeof(in), " of the body");
    }
    if (t->has_header && t->kind == DRILL_TRIGGER_HEADER_COUNT) {
        (void)snprintf(out, cap, "%llu or more headers \"%s\"; %llu pass", fail, t->header, pass);
    } else if (t->mended_by) {
        (void)snprintf(out, cap, "%llu or fewer %s%s; %llu pass", fail,
                       t->quantity ? t->quantity : "", in, pass);
    } else {
        (void)snprintf(out, cap, "%llu or more %s%s; %llu pass", fail,
                       t->quantity ? t->quantity : "", in, pass);
    }
}

static void say_header_name(const struct drill_trigger *t, char *out, size_t cap)
{
    (void)snprintf(out, cap,
                   t->mended_by ? "there is no header \"%s\"; with one it passes"
                                : "the header \"%s\", whatever its value",
                   t->header);
}

static void say_bytes(const struct drill_trigger *t, const char *of, char *out, size_t cap)
{
    char bytes[400];
    quote(t->bytes, bytes, sizeof(bytes));
    (void)snprintf(out, cap, "%s%s%s", t->mended_by ? "the missing " : "", of, bytes);
}

static void say_named(const struct drill_trigger *t, const char *of, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s%s%s%s", t->mended_by ? "the missing " : "the ", of,
                   t->name[0] ? " " : "", t->name);
}

static void say_argument(const struct drill_trigger *t, char *out, size_t cap)
{
    if (!t->quantity) {
        say_bytes(t, "ESMTP parameter ", out, cap);
        return;
    }
    (void)snprintf(out, cap, "ESMTP parameter %s of %llu or %s; %llu passes", t->name,
                   (unsigned long long)t->smallest_fail, t->mended_by ? "less" : "more",
                   (unsigned long long)t->largest_pass);
}

static void say_header_bytes(const struct drill_trigger *t, char *out, size_t cap)
{
    char bytes[400];
    quote(t->bytes, bytes, sizeof(bytes));
    if (t->bytes.len == 0) {
        (void)snprintf(out, cap, "the header \"%s\" has an empty value", t->header);
        return;
    }
    (void)snprintf(out, cap, "%s in the value of %s \"%s\"%s", bytes,
                   t->any_header ? "a header, here" : "header", t->header,
                   t->any_header ? "" : " (of no other)");
}

void drill_trigger_say(const struct drill_trigger *t, char *out, size_t cap)
{
    switch (t->kind) {
    case DRILL_TRIGGER_FRAME_SIZE:
    case DRILL_TRIGGER_HEADER_SIZE:
    case DRILL_TRIGGER_HEADER_COUNT:
    case DRILL_TRIGGER_NAME_SIZE:
    case DRILL_TRIGGER_BODY_SIZE:
    case DRILL_TRIGGER_LINE_LENGTH:
    case DRILL_TRIGGER_LINES:
    case DRILL_TRIGGER_PARTS:
    case DRILL_TRIGGER_RECIPIENTS: say_quantity(t, out, cap); break;
    case DRILL_TRIGGER_HEADER_NAME: say_header_name(t, out, cap); break;
    case DRILL_TRIGGER_HEADER_BYTES: say_header_bytes(t, out, cap); break;
    case DRILL_TRIGGER_NAME_BYTES: say_bytes(t, "header name with ", out, cap); break;
    case DRILL_TRIGGER_BODY_BYTES: say_bytes(t, "body with ", out, cap); break;
    case DRILL_TRIGGER_BODY_CHUNKS:
        say_bytes(t, "body with, where one chunk ends and the next begins, ", out, cap);
        break;
    case DRILL_TRIGGER_EMPTY_BODY: (void)snprintf(out, cap, "the body is empty"); break;
    case DRILL_TRIGGER_RECIPIENT: say_bytes(t, "recipient ", out, cap); break;
    case DRILL_TRIGGER_SENDER: say_bytes(t, "sender ", out, cap); break;
    case DRILL_TRIGGER_ARGUMENT: say_argument(t, out, cap); break;
    case DRILL_TRIGGER_VERSION:
        (void)snprintf(out, cap, "protocol version %s; version %llu passes", t->name,
                       (unsigned long long)t->largest_pass);
        break;
    case DRILL_TRIGGER_ACTIONS: say_named(t, "offered actions:", out, cap); break;
    case DRILL_TRIGGER_STEPS: say_named(t, "offered protocol steps:", out, cap); break;
    case DRILL_TRIGGER_MACRO: say_named(t, "macro", out, cap); break;
    case DRILL_TRIGGER_MACROS: (void)snprintf(out, cap, "the macros"); break;
    case DRILL_TRIGGER_FAMILY: say_named(t, "client's address family", out, cap); break;
    case DRILL_TRIGGER_ADDRESS: say_named(t, "client's address", out, cap); break;
    case DRILL_TRIGGER_CLIENT_NAME: say_named(t, "client's name", out, cap); break;
    case DRILL_TRIGGER_HELO: say_named(t, "HELO name", out, cap); break;
    case DRILL_TRIGGER_PACE: (void)snprintf(out, cap, "how the MTA cuts its writes"); break;
    case DRILL_TRIGGER_TIME:
        (void)snprintf(out, cap, "the reply takes %llu ms; the MTA waits %llu ms",
                       (unsigned long long)t->smallest_fail / 1000,
                       (unsigned long long)t->largest_pass / 1000);
        break;
    case DRILL_TRIGGER_ALWAYS:
        (void)snprintf(out, cap, "any message: a harmless one fails alike");
        break;
    }
}
