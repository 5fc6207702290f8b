/* SPDX-License-Identifier: MIT */
/* The other direction: which reply of a milter makes this MTA fail. We are its milter and its SMTP
 * client, and its sink if there is one. */
#include <string.h>
#include <sys/stat.h>

#include "cli/diagnose.h"
#include "cli/under_test.h"
#include "report/blame.h"
#include "scenario/judged.h"
#include "scenario/print.h"
#include "session/state.h"

#define PATIENCE (UINT64_C(60) * 1000000)
/* A busy machine takes its time; where mail does not come, that is waited for once. */
#define TAKES_DELIVERY (UINT64_C(10) * 1000000)
#define LATER_DELIVERY (UINT64_C(2) * 1000000)

enum { REPRODUCED = 2 }; /* sessions after which the logs say what there is to say */

struct mta_case {
    struct diagnose *d;
    struct cli_scenario recorded;
    struct drill_scene scene;
    struct drill_address address;
    struct drill_net *net;
    struct drill_net_listener *listener;
    struct cli_tls tls;
    const struct drill_tls *server_tls;
    struct cli_under_test tested;
    struct drill_blame found;
    bool played;
    uint32_t delivers; /* so many messages of a plain milter's conversation are delivered */
    bool lost;         /* mail was waited for in vain */
    bool gone;
};

/* ---- one session ---- */

struct session {
    struct cli_under_test *tested;
    struct drill_judged judged;
    struct drill_blame_seen *out;
    uint64_t asked; /* when the MTA's last frame came */
    bool quit, ours;
};

static void measure(struct session *s, const struct drill_seen *seen)
{
    struct drill_blame_seen *out = s->out;
    if (!seen->ours) {
        s->asked = seen->now;
        return;
    }
    out->most_reply = seen->size > out->most_reply ? seen->size : out->most_reply;
    out->added += drill_state_action(seen->code) ? seen->size : 0;
    if (seen->now - s->asked > out->slowest) {
        out->slowest = seen->now - s->asked;
    }
}

static void watch(void *ctx, const struct drill_seen *seen)
{
    struct session *s = ctx;
    drill_judged_seen(&s->judged, seen);
    if (seen->kind == DRILL_SEEN_FRAME) {
        measure(s, seen);
    }
    if (seen->kind == DRILL_SEEN_OPEN) {
        s->quit = s->ours = false;
    } else if (seen->kind == DRILL_SEEN_FRAME && !seen->ours) {
        s->quit = s->quit || seen->code == DRILL_SMFIC_QUIT || seen->code == DRILL_SMFIC_QUIT_NC;
    } else if (seen->kind == DRILL_SEEN_END && seen->ours) {
        s->ours = true;
    } else if (seen->kind == DRILL_SEEN_END) {
        s->out->waited = seen->now - s->asked;
    }
}

/* Whatever became of the scenario: it is the client that is asked. */
static bool over(void *ctx)
{
    const struct session *s = ctx;
    return cli_interrupted(NULL) ||
           (drill_smtp_done(s->tested->smtp) && !drill_run_linked(s->tested->run));
}

/* Deliveries that are waited for. */
struct awaited {
    const struct cli_under_test *u;
    uint32_t count;
};

static bool all_delivered(void *ctx)
{
    const struct awaited *a = ctx;
    return a->u->deliveries.count >= a->count || cli_interrupted(NULL);
}

/* As many as were taken; behind the first session, no more than it had. */
static void await_deliveries(struct mta_case *m, struct drill_blame_seen *out)
{
    struct cli_under_test *u = &m->tested;
    uint32_t taken = drill_blame_accepted(out);
    struct awaited a = {u, m->played && taken > m->delivers ? m->delivers : taken};
    if (u->has_sink && a.count) {
        uint64_t until = drill_net_now(m->net) + (m->lost ? LATER_DELIVERY : TAKES_DELIVERY);
        (void)drill_net_sink_wait(u->sink, until, all_delivered, &a);
        out->delivered = u->deliveries.count;
        u->waited = out->delivered < a.count;
        m->lost = m->lost || u->waited;
    }
}

static size_t count_messages(const struct drill_client *client)
{
    size_t n = 0;
    for (; client; client = client->next) {
        for (const struct drill_envelope *e = client->messages; e; e = e->next) {
            n++;
        }
    }
    return n < DRILL_BLAME_MESSAGES ? n : DRILL_BLAME_MESSAGES;
}

/* The first of each rule. */
static void take_findings(struct session *s)
{
    struct drill_blame_seen *out = s->out;
    const struct drill_judged *j = &s->judged;
    drill_judged_finish(&s->judged);
    for (size_t i = 0; i < j->count && i < DRILL_JUDGED_MAX; i++) {
        const struct drill_finding *f = &j->finding[i];
        if (f->nth == 1 && f->severity != DRILL_NOTE && out->rules < DRILL_BLAME_RULES) {
            out->broken[out->rules++] = *f;
        }
    }
}

static void conclude(struct mta_case *m, struct session *s)
{
    struct cli_under_test *u = &m->tested;
    struct drill_blame_seen *out = s->out;
    const struct drill_told *last = u->smtp->last ? &u->smtp->last->told : NULL;
    out->unreachable = u->smtp->opened == 0;
    out->asked = drill_run_report(u->run)->connections > 0;
    out->gave_up = out->asked && !s->quit && !s->ours;
    out->has_sink = u->has_sink;
    out->messages = count_messages(m->scene.traffic);
    for (size_t i = 0; i < out->messages; i++) {
        struct drill_blame_told *to = &out->told[i];
        const struct drill_told *told = drill_smtp_outcome(u->smtp, (uint32_t)i + 1);
        told = told ? told : last;
        if (told) {
            size_t most = sizeof(to->text) - 1;
            to->code = told->code;
            to->stage = told->stage;
            (void)snprintf(to->text, sizeof(to->text), "%.*s",
                           (int)(told->line.len < most ? told->line.len : most),
                           (const char *)told->line.ptr);
        }
    }
    take_findings(s);
    await_deliveries(m, out);
}

static void play_session(struct mta_case *m, struct cli_stage *stage, struct session *s)
{
    s->tested = &m->tested;
    (void)drill_net_run(m->net, over, s);
    if (cli_interrupted(NULL)) {
        drill_run_stop(stage->run, "interrupted");
        return;
    }
    drill_run_stuck(stage->run,
                    drill_net_now(m->net)); /* else a wait for deliveries waits for it */
    conclude(m, s);
    m->delivers = m->played ? m->delivers : s->out->delivered;
    m->gone = m->played && s->out->unreachable;
    m->played = true;
    if (++m->d->plays == REPRODUCED) {
        diagnose_logs_read(m->d);
    }
}

static bool play(void *ctx, const struct drill_file *file, struct drill_blame_seen *out)
{
    struct mta_case *m = ctx;
    struct drill_error err;
    struct session s = {.out = out};
    uint64_t timeout = m->d->send.options.timeout;
    struct cli_stage stage = {.mode = CLI_AS_MILTER,
                              .net = m->net,
                              .listener = m->listener,
                              .address = &m->address,
                              .tls = m->server_tls};
    struct drill_run_config config = {0};
    drill_judged_init(&s.judged);
    config.file = file;
    config.ours = DRILL_SIDE_MILTER;
    config.profile = m->scene.milter;
    config.settings = &m->scene.milter_settings;
    config.traffic = m->scene.traffic;
    config.patience = timeout ? timeout : PATIENCE;
    config.simulated = true;
    config.observer = (struct drill_observer){watch, &s};
    bool ok = cli_stage_open(&stage, &config, &m->scene, &err) &&
              cli_under_test_begin(&m->tested, &m->scene, stage.run, config.patience, &err);
    if (ok) {
        play_session(m, &stage, &s);
    } else {
        cli_error(&err);
    }
    cli_under_test_end(&m->tested);
    cli_stage_close(&stage);
    return ok && !m->gone && !cli_interrupted(NULL);
}

static void progress(void *ctx, const char *what, uint32_t sessions, uint32_t budget)
{
    struct mta_case *m = ctx;
    diagnose_progress(m->d, what, sessions, budget);
}

static uint64_t now(void *ctx)
{
    const struct mta_case *m = ctx;
    return drill_net_now(m->net);
}

/* ---- what is left ---- */

static bool write_value(const struct mta_case *m, const struct drill_value *v, bool names)
{
    const struct drill_part *part = v->kind == DRILL_VALUE_BYTES ? v->parts : NULL;
    for (; part; part = part->next) {
        struct drill_span name = names ? part->bytes : part->name;
        if ((names || part->kind == DRILL_PART_FILE) &&
            !diagnose_copy(m->d->out, &m->recorded.loader.loader, name)) {
            return false;
        }
    }
    return true;
}

/* The files that setup and lines name. */
static bool write_files(const struct mta_case *m, const struct drill_file *file)
{
    bool ok = true;
    for (const struct drill_setup *s = file->setup; s; s = s->next) {
        for (const struct drill_pair *p = s->fields; p && ok; p = p->next) {
            bool names =
                s->kind == DRILL_SETUP_MESSAGE && drill_span_equal(p->key, drill_span_str("file"));
            ok = write_value(m, &p->value, names);
        }
    }
    for (const struct drill_step *s = file->body.steps; s; s = s->next) {
        const struct drill_field *f = s->kind == DRILL_STEP_LINE ? s->items->fields : NULL;
        for (; f && ok; f = f->next) {
            ok = write_value(m, &f->value, false);
        }
    }
    return ok;
}

static enum drill_outcome outcome_of(uint16_t code)
{
    return code / 100 == 2   ? DRILL_OUTCOME_ACCEPT
           : code / 100 == 4 ? DRILL_OUTCOME_TEMPFAIL
           : code / 100 == 5 ? DRILL_OUTCOME_REJECT
                             : DRILL_OUTCOME_DROP;
}

/* A `verdict` line a message; of several each says which. NULL: no memory. */
static struct drill_check *verdicts(const struct mta_case *m)
{
    const struct drill_blame_seen *seen = &m->found.seen;
    struct drill_arena *arena = &m->d->send.arena;
    struct drill_check *first = NULL;
    for (size_t i = seen->messages; i > 0; i--) {
        struct drill_check *check = drill_arena_take(arena, sizeof(*check));
        struct drill_outcome_alt *told = drill_arena_take(arena, sizeof(*told));
        struct drill_pair *which = drill_arena_take(arena, sizeof(*which));
        if (!check || !told || !which) {
            return NULL;
        }
        which->key = drill_span_str("message");
        which->value.kind = DRILL_VALUE_INT;
        which->value.number = i;
        told->outcome = outcome_of(seen->told[i - 1].code);
        check->kind = DRILL_CHECK_VERDICT;
        check->outcomes = told;
        check->fields = seen->messages > 1 ? which : NULL;
        check->next = first;
        first = check;
    }
    return first;
}

/* The scenario with its title, why it is there, and what the client was told. */
static bool keep(const struct mta_case *m)
{
    struct drill_file file = *m->found.minimal;
    const struct drill_blame_seen *seen = &m->found.seen;
    char said[500];
    struct drill_buf text;
    drill_blame_say(seen, m->found.message, said, sizeof(said));
    struct drill_setup why = {
        .kind = DRILL_SETUP_WHY, .text = drill_span_str(said), .next = file.setup};
    struct drill_check none = {.kind = DRILL_CHECK_DELIVERED, .delivered = DRILL_DELIVERED_NONE};
    file.title = drill_span_str("minimal replies, found by milterdrill diagnose");
    file.setup = &why;
    file.body.checks = verdicts(m);
    if (file.body.checks && m->delivers && !seen->delivered && seen->messages == 1) {
        file.body.checks->next = &none;
    }
    drill_buf_init(&text, NULL);
    struct drill_writer w = drill_writer_of(NULL, 0);
    drill_print(&file, &w);
    size_t size = w.len;
    bool ok = file.body.checks && drill_buf_reserve(&text, size + 1);
    if (ok) {
        w = drill_writer_of(text.ptr, text.cap);
        drill_print(&file, &w);
        ok = diagnose_folder(m->d->out) &&
             diagnose_write(m->d->out, "minimal.drill", drill_span_of(text.ptr, size)) &&
             write_files(m, m->found.minimal);
    } else {
        cli_complain("no memory");
    }
    drill_buf_fini(&text);
    return ok;
}

static int tell(const struct mta_case *m, bool kept)
{
    const struct cli_options *o = &m->d->send.options;
    struct drill_buf out;
    struct drill_blame_report r = {.found = &m->found,
                                   .smtp = o->smtp,
                                   .listen = o->listen,
                                   .recording = m->d->send.recording,
                                   .cause = drill_cause_of_blame(&m->found),
                                   .logs = m->d->logs,
                                   .confs = m->d->confs,
                                   .interrupted = cli_interrupted(NULL),
                                   .gone = m->gone,
                                   .out = kept ? m->d->out : NULL};
    drill_buf_init(&out, NULL);
    if (m->d->json) {
        drill_blame_json(&out, &r);
    } else {
        drill_blame_text(&out, &r);
    }
    cli_flush(&out);
    drill_buf_fini(&out);
    switch (m->found.outcome) {
    case DRILL_NO_PEER: return EXIT_NO_PEER;
    case DRILL_NOT_REPRODUCED: return m->found.complete ? EXIT_AS_EXPECTED : EXIT_FAILED;
    case DRILL_DIAGNOSED:
    case DRILL_FLAKY: break;
    }
    return EXIT_FAILED;
}

/* ---- before the first session ---- */

static bool prepare(struct mta_case *m)
{
    struct send *s = &m->d->send;
    struct cli_options *o = &s->options;
    struct drill_error err;
    const struct drill_scene_side none = {NULL, NULL, NULL};
    if (!cli_scenario_read(&m->recorded, s->recording, o->root, true, &s->arena)) {
        return false;
    }
    struct drill_file bare = *m->recorded.file;
    bare.recorded = drill_span_of(NULL, 0); /* a plain milter does not answer as recorded */
    bool ok = drill_scene_build(&bare, s->recording, &m->recorded.loader.loader, &none, &none,
                                &s->arena, &m->scene, &err) == DRILL_OK &&
              drill_address_parse(o->listen, &m->address, &err) == DRILL_OK;
    if (ok && m->address.kind == DRILL_ADDRESS_SIM) {
        cli_complain("diagnose: --listen wants an address: a real MTA is examined, no model");
        return false;
    }
    m->net = ok ? drill_net_new(&err) : NULL;
    ok = m->net && cli_tls_open(&m->tls, o, &m->address, &err) &&
         cli_tls_choose(&m->tls, CLI_AS_MILTER, &m->scene, &m->server_tls, &err);
    m->listener = ok ? drill_net_listen(m->net, &m->address, &err) : NULL;
    ok = m->listener && cli_under_test_open(&m->tested, m->net, o->smtp, o->sink, &err);
    if (!ok) {
        cli_error(&err);
    }
    return ok;
}

/* With the first message, as it is before the milter changes it. */
static bool compare_confs(struct mta_case *m)
{
    struct drill_subject subject;
    struct drill_conf_met met;
    const struct drill_client *c = m->scene.traffic;
    memset(&subject, 0, sizeof(subject));
    if (c && c->messages &&
        !drill_subject_of(c, &m->scene.mta_settings, &m->d->send.arena, &subject)) {
        cli_complain("no memory");
        return false;
    }
    drill_conf_met_by_mta(&subject, &m->found, &met);
    return diagnose_confs_read(m->d, &met);
}

static int examine(struct mta_case *m)
{
    struct drill_error err;
    struct drill_replies replies;
    struct drill_blame_ops ops = {play, progress, now, m};
    struct drill_blame_question q = {.replies = &replies,
                                     .ops = &ops,
                                     .sessions = m->d->sessions,
                                     .microseconds = m->d->microseconds,
                                     .arena = &m->d->send.arena};
    if (!prepare(m)) {
        return EXIT_USAGE;
    }
    if (drill_replies_of(m->recorded.file, m->recorded.name, q.arena, &replies, &err) != DRILL_OK) {
        cli_error(&err);
        return EXIT_USAGE;
    }
    if (!diagnose_files_begin(m->d)) {
        return EXIT_USAGE;
    }
    enum drill_code code = drill_blame(&q, &m->found, &err);
    diagnose_progress_end(m->d);
    if (code != DRILL_OK) {
        cli_error(&err);
    }
    diagnose_logs_read(m->d);
    if (!compare_confs(m)) {
        return EXIT_USAGE;
    }
    bool wanted = m->d->out && m->found.minimal;
    bool kept = wanted && keep(m);
    int exit_code = tell(m, kept);
    return wanted && !kept ? EXIT_USAGE : exit_code;
}

int diagnose_mta(struct diagnose *d)
{
    struct mta_case m;
    memset(&m, 0, sizeof(m));
    m.d = d;
    int code = examine(&m);
    cli_under_test_close(&m.tested);
    cli_tls_close(&m.tls);
    drill_net_listener_free(m.listener);
    drill_net_free(m.net);
    return code;
}
