/* SPDX-License-Identifier: MIT */
/*
 * One factor of the session at a time: what the MTA offers and tells, and who its client is. A
 * factor whose other values fail alike is ruled out; one that has a value which passes is needed
 * for the failure.
 */
#include "diagnose/work.h"

#include <stdio.h>
#include <string.h>

#include "wire/proto.h"

/* The other values of one factor, and what each of them was found to do. */
struct variants {
    struct drill_subject subject[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    enum drill_answer answer[DRILL_LAB_BATCH];
    enum drill_symptom symptom[DRILL_LAB_BATCH];
    size_t count;
};

static struct drill_subject *add(struct drill_work *w, struct variants *v, const char *what)
{
    if (v->count == DRILL_LAB_BATCH) {
        return NULL;
    }
    v->subject[v->count] = w->now;
    (void)snprintf(v->what[v->count], DRILL_LAB_WHAT, "%s", what);
    return &v->subject[v->count++];
}

static bool passes(const struct variants *v, size_t i)
{
    return v->answer[i] == DRILL_ANSWER_OTHER && v->symptom[i] == DRILL_SYMPTOM_NONE;
}

/* All values of all factors in full batches: a failure that takes long is waited for as seldom as
 * can be. */
static void play_all(struct drill_work *w, struct variants *const *v, size_t count)
{
    struct drill_subject subject[DRILL_LAB_BATCH];
    char what[DRILL_LAB_BATCH][DRILL_LAB_WHAT];
    enum drill_answer answer[DRILL_LAB_BATCH];
    enum drill_symptom symptom[DRILL_LAB_BATCH];
    size_t k = 0, i = 0;
    while (k < count) {
        size_t n = 0, first = k, at = i;
        for (; n < w->wide && k < count; i = i + 1 < v[k]->count ? i + 1 : 0, k += i == 0) {
            if (v[k]->count) {
                subject[n] = v[k]->subject[i];
                memcpy(what[n++], v[k]->what[i], DRILL_LAB_WHAT);
            }
        }
        if (n) {
            drill_lab_try_all(&w->lab, subject, (const char(*)[DRILL_LAB_WHAT])what, n, answer,
                              symptom);
        }
        for (size_t m = 0; m < n;) {
            if (at < v[first]->count) {
                v[first]->answer[at] = answer[m];
                v[first]->symptom[at++] = symptom[m++];
            } else {
                first++;
                at = 0;
            }
        }
    }
}

static const char *preposition(const char *what)
{
    return strncmp(what, "with", 4) == 0 ? "" : "with ";
}

/* How many of the values pass. The factor is ruled out when all fail alike; one that fails in
 * another way says nothing. */
static size_t judge(struct drill_work *w, const char *suspect, const struct variants *v)
{
    size_t passed = 0, same = 0;
    char text[DRILL_LAB_WHAT * 2] = "";
    for (size_t i = 0; i < v->count; i++) {
        size_t used = strlen(text);
        passed += passes(v, i);
        same += v->answer[i] == DRILL_ANSWER_SAME;
        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : preposition(v->what[i]),
                       v->what[i]);
    }
    if (v->count && passed == 0 && !w->lab.stopped) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used,
                       same == v->count ? ": fails alike"
                                        : ": fails, not each time in the same way");
        drill_work_suspect(w, suspect, same == v->count, (uint32_t)v->count, text);
    }
    return passed;
}

/* What passed by chance would be blamed: those that passed are asked once more. */
static void make_sure(struct drill_work *w, struct variants *const *v, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        struct variants again = {.count = 0};
        struct variants *only = &again;
        size_t of[DRILL_LAB_BATCH];
        for (size_t i = 0; i < v[k]->count; i++) {
            if (passes(v[k], i)) {
                of[again.count] = i;
                *add(w, &again, v[k]->what[i]) = v[k]->subject[i];
            }
        }
        play_all(w, &only, 1);
        for (size_t i = 0; i < again.count; i++) {
            if (again.answer[i] == DRILL_ANSWER_SAME) {
                v[k]->answer[of[i]] = DRILL_ANSWER_SAME;
                w->wavers = true;
            }
        }
    }
}

static size_t ask(struct drill_work *w, const char *suspect, struct variants *v)
{
    play_all(w, &v, 1);
    make_sure(w, &v, 1);
    return judge(w, suspect, v);
}

static void named(struct drill_trigger *t, const char *text)
{
    if (t) {
        (void)snprintf(t->name, sizeof(t->name), "%s", text);
    }
}

static void named_span(struct drill_trigger *t, struct drill_span text)
{
    if (t && text.len < sizeof(t->name)) {
        (void)snprintf(t->name, sizeof(t->name), "%.*s", (int)text.len, (const char *)text.ptr);
    }
}

/* ---- what is offered ---- */

static void make_version(struct drill_work *w, struct variants *v)
{
    static const uint32_t VERSIONS[] = {6, 4, 3, 2};
    for (size_t i = 0; i < sizeof(VERSIONS) / sizeof(*VERSIONS); i++) {
        char what[40];
        (void)snprintf(what, sizeof(what), "protocol version %u", VERSIONS[i]);
        struct drill_subject *s = VERSIONS[i] != w->now.settings.version ? add(w, v, what) : NULL;
        if (s) {
            s->settings.version = VERSIONS[i];
        }
    }
}

static void found_version(struct drill_work *w, const struct variants *v)
{
    uint32_t own = w->now.settings.version, passing = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (passes(v, i) && v->subject[i].settings.version > passing) {
            passing = v->subject[i].settings.version;
        }
    }
    struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_VERSION);
    if (t) {
        t->quantity = "protocol version";
        t->largest_pass = passing;
        t->smallest_fail = own;
        t->measured = true;
        (void)snprintf(t->name, sizeof(t->name), "%u", own);
    }
}

enum { ALL_ACTIONS = 0x1ff, ALL_STEPS = 0x1fffff };

static void make_actions(struct drill_work *w, struct variants *v)
{
    add(w, v, "no action offered")->settings.actions = 0;
    add(w, v, "all actions offered")->settings.actions = ALL_ACTIONS;
}

static void make_steps(struct drill_work *w, struct variants *v)
{
    add(w, v, "no protocol step offered")->settings.protocol = 0;
    add(w, v, "all protocol steps offered")->settings.protocol = ALL_STEPS;
}

static uint32_t *bits_of(struct drill_subject *s, bool steps)
{
    return steps ? &s->settings.protocol : &s->settings.actions;
}

/* Which bit it is, that is offered (or not: then offering it mends). NULL: no single one. */
static const char *find_bit(struct drill_work *w, bool steps, bool missing)
{
    size_t count;
    const struct drill_proto_bit *bits =
        steps ? drill_proto_steps(&count) : drill_proto_actions(&count);
    uint32_t own = *bits_of(&w->now, steps);
    for (size_t at = 0; at < count && !w->lab.stopped;) {
        struct variants v = {.count = 0};
        const char *word[DRILL_LAB_BATCH];
        for (; at < count && v.count < DRILL_LAB_BATCH; at++) {
            if (bits[at].since && (own & bits[at].bit) == (missing ? 0 : bits[at].bit)) {
                char what[DRILL_LAB_WHAT];
                word[v.count] = bits[at].word;
                (void)snprintf(what, sizeof(what), "%s %s", missing ? "with" : "without",
                               bits[at].word);
                *bits_of(add(w, &v, what), steps) = own ^ bits[at].bit;
            }
        }
        (void)ask(w, "an offered bit", &v);
        for (size_t i = 0; i < v.count; i++) {
            if (passes(&v, i)) {
                return word[i];
            }
        }
    }
    return NULL;
}

static void found_bits(struct drill_work *w, const struct variants *v, bool steps)
{
    bool missing = !passes(v, 0);
    const char *word = find_bit(w, steps, missing);
    struct drill_trigger *t =
        drill_work_trigger(w, steps ? DRILL_TRIGGER_STEPS : DRILL_TRIGGER_ACTIONS);
    named(t, word ? word : "");
    if (t) {
        t->mended_by = missing;
    }
}

static void found_actions(struct drill_work *w, const struct variants *v)
{
    found_bits(w, v, false);
}

static void found_steps(struct drill_work *w, const struct variants *v)
{
    found_bits(w, v, true);
}

/* ---- addresses ---- */

static void set_address(struct drill_subject *s, uint8_t family, const char *address)
{
    s->client.family = family;
    s->client.addr = drill_span_str(address);
}

static void other_family(struct drill_subject *s)
{
    bool six = s->client.family == DRILL_FAMILY_INET6;
    set_address(s, six ? DRILL_FAMILY_INET : DRILL_FAMILY_INET6,
                six ? "198.51.100.7" : "2001:db8::7");
}

/* Of the same family. */
static void other_address(struct drill_subject *s)
{
    bool six = s->client.family == DRILL_FAMILY_INET6;
    bool taken = drill_span_equal(s->client.addr, drill_span_str("203.0.113.9"));
    set_address(s, six ? DRILL_FAMILY_INET6 : DRILL_FAMILY_INET,
                six     ? "2001:db8:77::9"
                : taken ? "192.0.2.77"
                        : "203.0.113.9");
}

/* ---- macros ---- */

/* What the subject says, told by nothing but this macro any more: fails it alike, then the macro is
 * what counts, not where its value came from. */
static void explain(struct drill_work *w, struct drill_trigger *t, size_t macro)
{
    struct drill_subject s = w->now;
    if (t->kind == DRILL_TRIGGER_SENDER) {
        s.from = drill_span_str("<alice@example.org>");
    } else if (t->kind == DRILL_TRIGGER_ADDRESS) {
        other_address(&s);
    } else if (t->kind == DRILL_TRIGGER_FAMILY) {
        other_family(&s);
    } else if (t->kind == DRILL_TRIGGER_CLIENT_NAME) {
        s.client.host = drill_span_str("other.example.net");
    } else if (t->kind != DRILL_TRIGGER_RECIPIENT ||
               drill_work_refused(w, drill_subject_plain_rcpts(&s, s.rcpts, w->arena))) {
        return;
    }
    if (!drill_work_refused(w, drill_subject_macro(&s, w->first.macro[macro].code,
                                                   w->first.macro[macro].name,
                                                   w->first.macro[macro].value, w->arena)) &&
        drill_lab_try(&w->lab, &s, "another one, with the same macro") == DRILL_ANSWER_SAME) {
        drill_work_withdraw(w, t);
    }
}

static void found_macro(struct drill_work *w, size_t macro)
{
    for (struct drill_trigger *t = w->out->triggers, *next; t; t = next) {
        next = t->next;
        explain(w, t, macro);
    }
    named(drill_work_trigger(w, DRILL_TRIGGER_MACRO), w->first.macro[macro].name);
}

/* Which one cannot be left out; several, and each is named. */
static bool find_macro(struct drill_work *w)
{
    bool found = false;
    for (size_t at = 0; at < w->first.macros && !w->lab.stopped; at += DRILL_LAB_BATCH) {
        struct variants v = {.count = 0};
        for (size_t i = at; i < w->first.macros && i < at + DRILL_LAB_BATCH; i++) {
            char what[DRILL_LAB_WHAT];
            (void)snprintf(what, sizeof(what), "without the macro %s", w->first.macro[i].name);
            struct drill_subject *s = add(w, &v, what);
            if (drill_work_refused(
                    w, drill_subject_macro(s, 0, w->first.macro[i].name, NULL, w->arena))) {
                return true;
            }
        }
        (void)ask(w, "a macro", &v);
        for (size_t i = 0; i < v.count; i++) {
            if (passes(&v, i)) {
                found_macro(w, at + i);
                found = true;
            }
        }
    }
    return found;
}

static void make_macros(struct drill_work *w, struct variants *v)
{
    if (!w->now.settings.macros_none) {
        add(w, v, "no macro at all")->settings.macros_none = true;
    }
}

static void found_macros(struct drill_work *w, const struct variants *v)
{
    (void)v;
    if (!find_macro(w)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_MACROS), "");
    }
}

/* ---- the client ---- */

static void make_family(struct drill_work *w, struct variants *v)
{
    bool six = w->now.client.family == DRILL_FAMILY_INET6;
    other_family(add(w, v, six ? "an IPv4 client" : "an IPv6 client"));
}

/* Another address of the same family passes: then it is the address. */
static void found_family(struct drill_work *w, const struct variants *family)
{
    struct variants v = {.count = 0};
    bool six = w->now.client.family == DRILL_FAMILY_INET6;
    (void)family;
    other_address(add(w, &v, six ? "another IPv6 client" : "another IPv4 client"));
    if (ask(w, "address of the client", &v)) {
        named_span(drill_work_trigger(w, DRILL_TRIGGER_ADDRESS), w->now.client.addr);
    } else {
        named(drill_work_trigger(w, DRILL_TRIGGER_FAMILY), six ? "inet6" : "inet");
    }
}

static void make_host(struct drill_work *w, struct variants *v)
{
    add(w, v, "a client without a name")->client.host = drill_span_str("");
    add(w, v, "a client by another name")->client.host = drill_span_str("other.example.net");
}

static void found_host(struct drill_work *w, const struct variants *v)
{
    (void)v;
    named_span(drill_work_trigger(w, DRILL_TRIGGER_CLIENT_NAME), w->now.client.host);
}

static void make_helo(struct drill_work *w, struct variants *v)
{
    add(w, v, "another HELO name")->client.helo = drill_span_str("other.example.net");
}

static void found_helo(struct drill_work *w, const struct variants *v)
{
    (void)v;
    named_span(drill_work_trigger(w, DRILL_TRIGGER_HELO), w->now.client.helo);
}

static void make_pace(struct drill_work *w, struct variants *v)
{
    struct drill_subject *s = add(w, v, "frames in two writes, Nagle's algorithm");
    s->settings.pace_original = !s->settings.pace_original;
}

static void found_pace(struct drill_work *w, const struct variants *v)
{
    (void)v;
    named(drill_work_trigger(w, DRILL_TRIGGER_PACE), "");
}

/* ---- all of them ---- */

struct factor {
    const char *suspect;
    void (*make)(struct drill_work *w, struct variants *v);
    void (*found)(struct drill_work *w, const struct variants *v); /* one of them passes */
};

static const struct factor FACTORS[] = {
    {"protocol version", make_version, found_version},
    {"family of the client's address", make_family, found_family},
    {"name of the client", make_host, found_host},
    {"HELO name", make_helo, found_helo},
    {"macros", make_macros, found_macros},
    {"offered actions", make_actions, found_actions},
    {"offered protocol steps", make_steps, found_steps},
    {"pace of the MTA", make_pace, found_pace}};

void drill_vary_session(struct drill_work *w)
{
    enum { COUNT = sizeof(FACTORS) / sizeof(*FACTORS) };
    struct variants *v[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        v[i] = drill_arena_take(w->arena, sizeof(*v[i]));
        if (drill_work_refused(w, v[i] != NULL)) {
            return;
        }
        FACTORS[i].make(w, v[i]);
    }
    play_all(w, v, COUNT);
    make_sure(w, v, COUNT);
    for (size_t i = 0; i < COUNT && !w->lab.stopped; i++) {
        if (judge(w, FACTORS[i].suspect, v[i])) {
            FACTORS[i].found(w, v[i]);
        }
    }
}

/* ---- what is missing ---- */

static void missing_macro(struct drill_work *w)
{
    static const struct {
        uint8_t code;
        const char *name, *value;
    } MACROS[] = {{'C', "j", "mx.example.com"},
                  {'C', "{daemon_name}", "mx.example.com"},
                  {'C', "_", "client.example"},
                  {'C', "{client_addr}", "192.0.2.1"},
                  {'C', "{client_name}", "client.example"},
                  {'C', "{if_name}", "mx.example.com"},
                  {'C', "{if_addr}", "192.0.2.25"},
                  {'C', "v", "mail"},
                  {'H', "{tls_version}", "TLSv1.3"},
                  {'H', "{cipher}", "TLS_AES_256_GCM_SHA384"},
                  {'M', "i", "4Xy7Qk2zr9zB1"},
                  {'M', "{mail_addr}", "alice@example.org"},
                  {'M', "{mail_host}", "example.org"},
                  {'M', "{mail_mailer}", "smtp"},
                  {'M', "{auth_type}", "PLAIN"},
                  {'M', "{auth_authen}", "alice"},
                  {'R', "{rcpt_addr}", "bob@example.com"},
                  {'R', "{rcpt_host}", "example.com"},
                  {'R', "{rcpt_mailer}", "smtp"},
                  {'R', "i", "4Xy7Qk2zr9zB1"},
                  {'L', "i", "4Xy7Qk2zr9zB1"},
                  {'E', "i", "4Xy7Qk2zr9zB1"}};
    const size_t count = sizeof(MACROS) / sizeof(*MACROS);
    for (size_t at = 0; at < count && !w->lab.stopped; at += DRILL_LAB_BATCH) {
        struct variants v = {.count = 0};
        for (size_t i = at; i < count && i < at + DRILL_LAB_BATCH; i++) {
            char what[DRILL_LAB_WHAT];
            (void)snprintf(what, sizeof(what), "with the macro %s", MACROS[i].name);
            struct drill_subject *s = add(w, &v, what);
            if (drill_work_refused(w, drill_subject_macro(s, MACROS[i].code, MACROS[i].name,
                                                          MACROS[i].value, w->arena))) {
                return;
            }
        }
        (void)ask(w, "a missing macro", &v);
        for (size_t i = 0; i < v.count; i++) {
            if (passes(&v, i)) {
                struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_MACRO);
                named(t, MACROS[at + i].name);
                if (t) {
                    t->mended_by = true;
                    t->stage = MACROS[at + i].code;
                }
                return;
            }
        }
    }
}

static void missing_argument(struct drill_work *w)
{
    static const struct drill_esmtp SIZE = {{(const uint8_t *)" SIZE=1000", 10},
                                            {(const uint8_t *)"SIZE=1000", 10}};
    struct variants v = {.count = 0};
    add(w, &v, "MAIL with SIZE=1000")->from_args = SIZE;
    if (ask(w, "a missing ESMTP parameter", &v)) {
        struct drill_trigger *t = drill_work_trigger(w, DRILL_TRIGGER_ARGUMENT);
        if (t) {
            t->mended_by = true;
            t->stage = DRILL_SMFIC_MAIL;
            t->bytes = drill_span_str("SIZE=1000");
        }
    }
}

void drill_vary_missing(struct drill_work *w)
{
    struct drill_trigger **before = w->trigger_end;
    missing_macro(w);
    if (w->trigger_end == before) {
        missing_argument(w);
    }
    if (w->trigger_end == before && !w->lab.stopped) {
        drill_body_too_short(w);
    }
}
