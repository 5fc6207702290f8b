/* SPDX-License-Identifier: MIT */
#include "report/verdict.h"

#include <math.h>
#include <stdio.h>

#include "report/show.h"

/* ---- rates ---- */

void drill_verdict_interval(uint32_t failed, uint32_t played, double *low, double *high)
{
    const double z = 1.96;
    double n = played ? played : 1, p = failed / n;
    double middle = p + z * z / (2 * n);
    double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    *low = (middle - half) / (1 + z * z / n);
    *high = (middle + half) / (1 + z * z / n);
    *low = *low > 0 ? *low : 0;
    *high = *high < 1 ? *high : 1;
}

static void add_rate(struct drill_buf *out, uint32_t failed, uint32_t played)
{
    double low, high;
    drill_verdict_interval(failed, played, &low, &high);
    drill_show_add(out, "%u of %u (%.0f %%; 95 %% between %.0f and %.0f %%)", failed, played,
                   played ? 100.0 * failed / played : 0.0, 100 * low, 100 * high);
}

/* ---- the sentence ---- */

static void add_triggers(struct drill_buf *out, const struct drill_verdict *v)
{
    if (!v->found->triggers) {
        drill_show_add(out,
                       "  not found: a harmless message passes, and no single thing of this one "
                       "was found that it hangs on\n");
    }
    for (const struct drill_trigger *t = v->found->triggers; t; t = t->next) {
        char text[900];
        drill_trigger_say(t, text, sizeof(text));
        drill_show_add(out, "  %s%s\n", text, t->next ? " -- and, needed together with it:" : "");
    }
}

/* What was played: the next thing to change is one of these. */
static void add_tried(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_subject *s = &v->found->minimal;
    struct drill_span to = s->rcpts ? s->rcpt[0] : drill_span_of(NULL, 0);
    char more[40] = "";
    if (s->rcpts > 1) {
        (void)snprintf(more, sizeof(more), " and %zu more", s->rcpts - 1);
    }
    drill_show_add(out,
                   "  tried: as %s, protocol version %u, client %.*s, from %.*s to %.*s%s\n"
                   "  not as it was? --mta, --set, --client, --helo, --from, --rcpt, --arg, --auth "
                   "and --macro say more of it\n",
                   v->mta, s->settings.version, (int)s->client.addr.len,
                   (const char *)s->client.addr.ptr, (int)s->from.len, (const char *)s->from.ptr,
                   (int)to.len, (const char *)to.ptr, more);
}

static void add_outcome(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    char text[600];
    switch (d->outcome) {
    case DRILL_NO_PEER:
        drill_show_add(out, "nobody takes connections at %s%s%s\n", v->milter,
                       v->unreached && v->unreached[0] ? ": " : "",
                       v->unreached ? v->unreached : "");
        return;
    case DRILL_NOT_REPRODUCED:
        drill_show_add(out, "not reproduced: the message passed in %u of %u sessions%s%s\n",
                       d->played - d->failed, d->played, v->error ? "; looked for: " : "",
                       v->error ? v->error : "");
        add_tried(out, v);
        return;
    case DRILL_FLAKY:
        drill_signature_say(&d->sig, text, sizeof(text));
        drill_show_add(out, "now and then %s\n", text);
        return;
    case DRILL_DIAGNOSED:
        drill_signature_say(&d->sig, text, sizeof(text));
        drill_show_add(out, "%s\n", text);
        return;
    }
}

/* ---- for a person ---- */

static void add_flaky(struct drill_buf *out, const struct drill_diagnosis *d)
{
    double low, high, plain_low, plain_high;
    drill_show_add(out, "\nhow often\n  the message fails in ");
    add_rate(out, d->failed, d->played);
    drill_show_add(out, "\n  a harmless one fails in ");
    add_rate(out, d->plain_failed, d->plain_played);
    drill_verdict_interval(d->failed, d->played, &low, &high);
    drill_verdict_interval(d->plain_failed, d->plain_played, &plain_low, &plain_high);
    drill_show_add(out, "\n  %s\n",
                   plain_high < low ? "it depends on the message"
                                    : "so it does not depend on the message: look at the milter's "
                                      "load, memory and log instead");
}

static void add_suspects(struct drill_buf *out, const struct drill_diagnosis *d)
{
    bool head = false;
    for (const struct drill_suspect *s = d->suspects; s; s = s->next) {
        if (s->ruled_out) {
            drill_show_add(out, "%s  %-32s %s (%u session%s)\n", head ? "" : "\nruled out\n",
                           s->suspect, s->experiment, s->sessions, s->sessions == 1 ? "" : "s");
            head = true;
        }
    }
    head = false;
    for (const struct drill_suspect *s = d->suspects; s; s = s->next) {
        if (!s->ruled_out) {
            drill_show_add(out, "%s  %-32s %s\n", head ? "" : "\nnot decided\n", s->suspect,
                           s->experiment[0] ? s->experiment : "not tried");
            head = true;
        }
    }
}

static void add_client(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    if (d->sig.symptom == DRILL_SYMPTOM_REFUSED || d->sig.symptom == DRILL_SYMPTOM_DISCARDED) {
        drill_show_add(out, "\nthe sender sees\n  %s\n", d->sig.text);
        return;
    }
    drill_show_add(out, "\nthe sender sees\n");
    if (d->sig.symptom == DRILL_SYMPTOM_SURPLUS) {
        drill_show_add(out,
                       "  nothing: the message passes, and is not filtered as the milter says; "
                       "what the milter says behind it may meet the next message\n");
        return;
    }
    if (d->sig.code) {
        drill_show_add(out, "  %s\n", d->sig.text);
    }
    drill_show_add(out,
                   "  with tempFailOnError (or milter_default_action=tempfail): 451, and tries "
                   "again in vain\n"
                   "  without (or =accept): 250, and the message passes unfiltered\n");
}

/* Whoever reads it is asked not to spread what kills a program (ci/findings.md). */
static void add_death(struct drill_buf *out, const struct drill_verdict *v)
{
    if (!v->starts && !v->gone) {
        return;
    }
    drill_show_add(out, "\nthe milter itself\n");
    if (v->starts) {
        drill_show_add(out, "  was started %u time%s by --milter-command\n", v->starts,
                       v->starts == 1 ? "" : "s");
    }
    if (v->crash) {
        drill_show_add(out, "  was ended by signal %d: it crashed\n", v->crash);
    }
    if (v->crash || v->gone) {
        drill_show_add(out, "  input that ends a program may be dangerous to others: tell its "
                            "authors first, in private, and keep the message and minimal.drill to "
                            "yourself until then\n");
    }
}

static void add_end(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    drill_show_add(out, "\n%u sessions, %.1f s", d->sessions, (double)d->elapsed / 1e6);
    if (v->gone) {
        drill_show_add(out, "; stopped: the milter takes no more connections");
    } else if (v->interrupted) {
        drill_show_add(out, "; interrupted: the best answer so far");
    } else if (d->spent) {
        drill_show_add(out, "; the budget is spent: the best answer so far (--budget)");
    }
    drill_show_add(out, "\n");
    if (v->out) {
        drill_show_add(out,
                       "%s/minimal.drill plays it again: milterdrill run --milter %s "
                       "%s/minimal.drill\n",
                       v->out, v->milter, v->out);
    }
}

void drill_verdict_text(struct drill_buf *out, const struct drill_verdict *v)
{
    const struct drill_diagnosis *d = v->found;
    add_outcome(out, v);
    if (d->outcome == DRILL_DIAGNOSED) {
        drill_show_add(out, "\ncause\n");
        if (v->cause) {
            drill_show_add(out, "  %s\n", v->cause->sentence);
        }
        add_triggers(out, v);
        drill_show_add(out, "  the message as it is failed in %u of %u sessions\n", d->failed,
                       d->played);
    } else if (d->outcome == DRILL_FLAKY) {
        add_flaky(out, d);
    }
    add_suspects(out, d);
    drill_parts_say_notes(out, "log, in the failing seconds", v->logs);
    drill_parts_say_notes(out, "configuration", v->confs);
    if (d->outcome == DRILL_DIAGNOSED && v->cause) {
        drill_show_add(out, "\nwhat to change (%s%s%s)\n  %s\n  source: %s\n", v->cause->side,
                       v->cause->key[0] ? ": " : "", v->cause->key, v->cause->advice,
                       v->cause->source);
    }
    if (drill_signature_failed(&d->sig) && d->outcome != DRILL_NO_PEER) {
        add_client(out, v);
    }
    if (d->outcome == DRILL_DIAGNOSED) {
        drill_show_add(out, "\nhow sure\n  %s\n",
                       !d->complete ? "not all was tried"
                       : v->cause   ? "reproduced each time; the cause is a known one, and its "
                                      "numbers were measured here"
                                    : "reproduced each time; what it hangs on was found by "
                                      "experiment, why the milter does so was not");
    }
    add_death(out, v);
    add_end(out, v);
}
