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
    return v->answer[i] != DRILL_ANSWER_NONE && v->symptom[i] == DRILL_SYMPTOM_NONE;
}

/* How many of the values pass: one that fails in another way says nothing. The factor is ruled out
 * when all fail alike. */
static size_t ask(struct drill_work *w, const char *suspect, struct variants *v)
{
    size_t passed = 0, same = 0;
    char text[DRILL_LAB_WHAT * 2] = "";
    for (size_t at = 0; at < v->count; at += w->wide) {
        size_t n = v->count - at < w->wide ? v->count - at : w->wide;
        drill_lab_try_all(&w->lab, v->subject + at, (const char(*)[DRILL_LAB_WHAT])(v->what + at),
                          n, v->answer + at, v->symptom + at);
    }
    for (size_t i = 0; i < v->count; i++) {
        size_t used = strlen(text);
        passed += passes(v, i);
        same += v->answer[i] == DRILL_ANSWER_SAME;
        (void)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "with ", v->what[i]);
    }
    if (same == v->count && same) {
        size_t used = strlen(text);
        (void)snprintf(text + used, sizeof(text) - used, ": fails alike");
        drill_work_suspect(w, suspect, true, (uint32_t)v->count, text);
    }
    return passed;
}

static void named(struct drill_trigger *t, const char *text)
{
    if (t) {
        (void)snprintf(t->name, sizeof(t->name), "%s", text);
    }
}

/* ---- what is offered ---- */

static void vary_version(struct drill_work *w)
{
    static const uint32_t VERSIONS[] = {6, 4, 3, 2};
    struct variants v = {.count = 0};
    uint32_t own = w->now.settings.version, passing = 0;
    for (size_t i = 0; i < sizeof(VERSIONS) / sizeof(*VERSIONS); i++) {
        char what[40];
        (void)snprintf(what, sizeof(what), "protocol version %u", VERSIONS[i]);
        struct drill_subject *s = VERSIONS[i] != own ? add(w, &v, what) : NULL;
        if (s) {
            s->settings.version = VERSIONS[i];
        }
    }
    if (ask(w, "protocol version", &v) == 0) {
        return;
    }
    for (size_t i = 0; i < v.count; i++) {
        if (passes(&v, i) && v.subject[i].settings.version > passing) {
            passing = v.subject[i].settings.version;
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

static void vary_actions(struct drill_work *w)
{
    struct variants v = {.count = 0};
    struct drill_subject *s = add(w, &v, "no action offered");
    s->settings.actions = 0;
    s = add(w, &v, "all actions offered");
    s->settings.actions = 0x1ff;
    if (ask(w, "offered actions", &v)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_ACTIONS), "");
    }
}

static void vary_steps(struct drill_work *w)
{
    struct variants v = {.count = 0};
    struct drill_subject *s = add(w, &v, "no protocol step offered");
    s->settings.protocol = 0;
    s = add(w, &v, "all protocol steps offered");
    s->settings.protocol = 0x1fffff;
    if (ask(w, "offered protocol steps", &v)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_STEPS), "");
    }
}

/* ---- macros ---- */

/* Which one cannot be left out; several, and the first is named. */
static bool find_macro(struct drill_work *w)
{
    bool found = false;
    for (size_t at = 0; at < w->first.macros && !w->lab.stopped; at += DRILL_LAB_BATCH) {
        struct variants v = {.count = 0};
        for (size_t i = at; i < w->first.macros && i < at + DRILL_LAB_BATCH; i++) {
            char what[DRILL_LAB_WHAT];
            (void)snprintf(what, sizeof(what), "without the macro %s", w->first.macro[i]);
            struct drill_subject *s = add(w, &v, what);
            if (drill_work_refused(w,
                                   drill_subject_macro(s, 0, w->first.macro[i], NULL, w->arena))) {
                return true;
            }
        }
        (void)ask(w, "a macro", &v);
        for (size_t i = 0; i < v.count; i++) {
            if (passes(&v, i)) {
                named(drill_work_trigger(w, DRILL_TRIGGER_MACRO), w->first.macro[at + i]);
                found = true;
            }
        }
    }
    return found;
}

static void vary_macros(struct drill_work *w)
{
    struct variants v = {.count = 0};
    if (w->now.settings.macros_none) {
        return;
    }
    struct drill_subject *s = add(w, &v, "no macro at all");
    s->settings.macros_none = true;
    if (ask(w, "macros", &v) && !find_macro(w)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_MACROS), "");
    }
}

/* ---- the client ---- */

static void set_address(struct drill_subject *s, uint8_t family, const char *address)
{
    s->client.family = family;
    s->client.addr = drill_span_str(address);
}

/* Another address of the same family passes: then it is the address. */
static void vary_address(struct drill_work *w)
{
    struct variants v = {.count = 0}, same = {.count = 0};
    bool six = w->now.client.family == DRILL_FAMILY_INET6;
    set_address(add(w, &v, six ? "an IPv4 client" : "an IPv6 client"),
                six ? DRILL_FAMILY_INET : DRILL_FAMILY_INET6, six ? "198.51.100.7" : "2001:db8::7");
    set_address(add(w, &same, six ? "another IPv6 client" : "another IPv4 client"),
                six ? DRILL_FAMILY_INET6 : DRILL_FAMILY_INET,
                six ? "2001:db8:77::9" : "203.0.113.9");
    if (ask(w, "family of the client's address", &v) == 0) {
        return;
    }
    bool address = ask(w, "address of the client", &same) > 0;
    struct drill_trigger *t =
        drill_work_trigger(w, address ? DRILL_TRIGGER_ADDRESS : DRILL_TRIGGER_FAMILY);
    if (t && address) {
        int len = w->now.client.addr.len < sizeof(t->name) ? (int)w->now.client.addr.len : 0;
        (void)snprintf(t->name, sizeof(t->name), "%.*s", len, (const char *)w->now.client.addr.ptr);
    } else {
        named(t, six ? "inet6" : "inet");
    }
}

static void vary_names(struct drill_work *w)
{
    struct variants host = {.count = 0}, helo = {.count = 0};
    add(w, &host, "a client without a name")->client.host = drill_span_str("");
    add(w, &host, "a client by another name")->client.host = drill_span_str("other.example.net");
    if (ask(w, "name of the client", &host)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_CLIENT_NAME), "");
    }
    add(w, &helo, "another HELO name")->client.helo = drill_span_str("other.example.net");
    if (ask(w, "HELO name", &helo)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_HELO), "");
    }
}

static void vary_pace(struct drill_work *w)
{
    struct variants v = {.count = 0};
    struct drill_subject *s = add(w, &v, "frames in two writes, Nagle's algorithm");
    s->settings.pace_original = !s->settings.pace_original;
    if (ask(w, "pace of the MTA", &v)) {
        named(drill_work_trigger(w, DRILL_TRIGGER_PACE), "");
    }
}

void drill_vary_session(struct drill_work *w)
{
    static void (*const STEPS[])(struct drill_work *) = {
        vary_version, vary_address, vary_macros, vary_names, vary_actions, vary_steps, vary_pace};
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(*STEPS) && !w->lab.stopped; i++) {
        STEPS[i](w);
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
}
