/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "cli/send.h"
#include "report/diff.h"
#include "wire/text.h"

/* The MTA's own limits count, and most start anew with every byte; so one frame has an end too. */
#define PATIENCE (UINT64_C(300) * 1000000)

/* Of several: as typed. */
static const char *name_of(const struct send *s, size_t milter)
{
    return milter > 1 ? s->several.others[milter - 2].name : s->address_text;
}

/* The conversation that has something to say about its end: the first one that failed. */
static size_t speaker(const struct send *s)
{
    size_t i = 0;
    while (i < s->several.count && !drill_explain_failed(&s->explain[i])) {
        i++;
    }
    return drill_explain_failed(&s->explain[i]) ? i : 0;
}

static void seen(void *ctx, const struct drill_seen *what)
{
    struct send *s = ctx;
    if (!s->begun) {
        s->begun = true;
        s->begin = what->now;
    }
    drill_explain_seen(&s->explain[what->milter ? what->milter - 1 : 0], what);
    if (s->save) {
        drill_transcript_seen(&s->transcript, what);
    }
    if (s->options.format == CLI_JSONL) {
        drill_json_seen(&s->out, what, s->begin);
    } else {
        if (what->milter && what->milter != s->speaking) {
            drill_show_add(&s->out, "     milter %u, %s\n", what->milter, name_of(s, what->milter));
            s->speaking = what->milter;
        }
        drill_show_seen(&s->out, &s->style, what, s->begin);
    }
    cli_flush(&s->out);
}

static void show_head(struct send *s)
{
    const struct drill_client *c = s->scene.traffic;
    const struct drill_envelope *m = c->messages;
    const struct drill_settings *set = &s->scene.mta_settings;
    if (s->options.format == CLI_JSONL) {
        return;
    }
    drill_show_add(&s->out, "to %s%s, as %.*s, milter protocol version %u\n", s->address_text,
                   s->several.count ? " and others" : "", (int)set->program.len,
                   (const char *)set->program.ptr, set->version);
    drill_show_add(&s->out, "client %.*s port %u, name \"%.*s\", HELO %.*s\n", (int)c->addr.len,
                   (const char *)c->addr.ptr, c->port, (int)c->host.len, (const char *)c->host.ptr,
                   (int)c->helo.len, (const char *)c->helo.ptr);
    drill_show_add(&s->out, "from %.*s to %.*s%s; %zu bytes\n\n", (int)m->from.len,
                   (const char *)m->from.ptr, (int)m->rcpt[0].len, (const char *)m->rcpt[0].ptr,
                   m->rcpts > 1 ? " and others" : "", m->mail.raw.len);
    drill_show_add(&s->out, "     time ms       bytes  > MTA to milter, < milter to MTA\n");
    cli_flush(&s->out);
}

static void show_mods(struct send *s, const struct drill_mta *mta)
{
    bool any = false;
    for (const struct drill_mod *m = mta->mods; m; m = m->next) {
        char line[1000];
        struct drill_writer w = drill_writer_of(line, sizeof(line));
        if (m->code == DRILL_SMFIR_DISCARD) {
            continue;
        }
        drill_text_frame(&w, DRILL_TO_MTA, m->code, m->payload, 200);
        struct drill_span text = drill_writer_span(&w);
        drill_show_add(&s->out, "%s  %.*s\n", any ? "" : "\nmodifications\n", (int)text.len,
                       (const char *)text.ptr);
        any = true;
    }
}

static const char *outcome_word(const struct drill_told *told, bool failed)
{
    if (failed || !told) {
        return "failed";
    }
    switch (told->code / 100) {
    case 2: return "accept";
    case 4: return "tempfail";
    case 5: return "reject";
    default: return "drop";
    }
}

static void line(struct drill_buf *out, const char *label, struct drill_span text)
{
    if (text.len) {
        drill_show_add(out, "%-8s %.*s\n", label, (int)text.len, (const char *)text.ptr);
    }
}

/* What the end of it looks like. */
struct outcome {
    const struct drill_told *told;
    const char *word, *what, *limit;
    struct drill_applied delivered;
    bool has_delivered;
    struct drill_buf diff; /* --show-message */
};

/* The diff's own colour would have no place in JSON. */
static void make_diff(struct send *s, struct outcome *o)
{
    struct drill_arena scratch;
    struct drill_diff_style style = {.colour = s->style.colour && s->options.format != CLI_JSONL};
    drill_arena_init(&scratch, NULL, 0);
    if (!drill_diff_delivered(&o->diff, &style, s->scene.traffic->messages, &o->delivered,
                              &scratch)) {
        cli_complain("no memory for all of the message's changes");
    }
    drill_arena_fini(&scratch);
}

static void find_delivered(struct send *s, const struct drill_mta *mta, struct outcome *o)
{
    enum drill_code code = drill_apply_mta(mta, 1, &s->arena, &o->delivered);
    o->has_delivered = code == DRILL_OK;
    if (code == DRILL_ERR_MEMORY) {
        cli_complain("no memory for the message as it is delivered");
    } else if (s->show_message && code == DRILL_OK) {
        make_diff(s, o);
    } else if (s->show_message) {
        drill_show_add(&o->diff, "unknown: %s\n",
                       o->told ? "this MTA's way with modifications is not modelled"
                               : "the conversation was not played to its end");
    }
}

/* What this MTA's own TLS would say is not known. */
static const char *log_of(const struct send *s, const struct drill_mta *mta)
{
    bool known = drill_run_report(s->stage.run)->end != DRILL_END_ERROR;
    return known || !cli_tls_failed(&s->stage) ? mta->log : "";
}

static void show_outcome(struct send *s, const struct drill_mta *mta, const struct outcome *o)
{
    show_mods(s, mta);
    if (s->show_message) {
        drill_show_add(&s->out, "\nmessage\n");
        drill_buf_append(&s->out, drill_buf_span(&o->diff));
    }
    drill_show_add(&s->out, "\n");
    if (o->told && o->told->code) {
        line(&s->out, "SMTP:", o->told->line);
    } else {
        line(&s->out, "SMTP:", drill_span_str("(no reply)"));
    }
    line(&s->out, "ended:", drill_span_str(o->what));
    line(&s->out, "limit:", drill_span_str(o->limit));
    line(&s->out, "log:", drill_span_str(log_of(s, mta)));
    cli_flush(&s->out);
}

static void json_outcome(struct send *s, const struct drill_mta *mta, struct outcome *o)
{
    char smtp[600] = "";
    if (o->told) {
        (void)snprintf(smtp, sizeof(smtp), "%.*s", (int)o->told->line.len,
                       (const char *)o->told->line.ptr);
    }
    drill_buf_append(&o->diff, drill_span_of("", 1));
    struct drill_json_outcome j = {.outcome = o->word,
                                   .smtp = smtp,
                                   .log = log_of(s, mta),
                                   .what = o->what,
                                   .limit = o->limit,
                                   .explain = &s->explain[speaker(s)],
                                   .mods = mta->mods,
                                   .delivered = o->has_delivered ? &o->delivered : NULL,
                                   .diff = (const char *)o->diff.ptr,
                                   .elapsed = s->stage.elapsed};
    drill_json_outcome(&s->out, &j);
    cli_flush(&s->out);
}

/* The scenario, the message and large values: all beside each other. */
static bool save(struct send *s, const struct drill_told *told, const char *why)
{
    struct drill_error err;
    struct drill_buf text;
    char mail[300], path[4096];
    const char *slash = strrchr(s->save, '/');
    int folder = slash ? (int)(slash - s->save + 1) : 0;
    drill_buf_init(&text, NULL);
    (void)snprintf(mail, sizeof(mail), "%s.eml", s->stem);
    (void)snprintf(path, sizeof(path), "%.*s%s", folder, s->save, mail);
    bool ok = cli_write(path, s->scene.traffic->messages->mail.raw, &err) == DRILL_OK;
    for (const struct drill_transcript_file *f = s->transcript.files; f && ok; f = f->next) {
        (void)snprintf(path, sizeof(path), "%.*s%s", folder, s->save, f->name);
        ok = cli_write(path, f->bytes, &err) == DRILL_OK;
    }
    struct drill_transcript_head head = {.title = "saved by milterdrill send: this is real mail",
                                         .why = why,
                                         .tests = "milter",
                                         .mta = s->scene.mta->name,
                                         .milter = s->scene.milter->name,
                                         .settings = &s->scene.mta_settings,
                                         .client = s->scene.traffic,
                                         .mail_file = mail};
    drill_transcript_write(&s->transcript, &head, told, &text);
    ok = ok && cli_write(s->save, drill_buf_span(&text), &err) == DRILL_OK;
    drill_buf_fini(&text);
    if (!ok) {
        cli_error(&err);
    } else {
        (void)fprintf(stderr, "milterdrill: saved %s\n", s->save);
    }
    return ok;
}

static void init_file(struct send *s)
{
    const char *slash = s->save ? strrchr(s->save, '/') : NULL;
    const char *base = slash ? slash + 1 : s->save ? s->save : "";
    s->dots.kind = DRILL_STEP_ELLIPSIS;
    s->file.version = 1;
    s->file.body.steps = &s->dots;
    (void)snprintf(s->stem, sizeof(s->stem), "%s", base);
    size_t n = strlen(s->stem);
    if (n > 6 && strcmp(s->stem + n - 6, ".drill") == 0) {
        s->stem[n - 6] = '\0';
    }
    drill_transcript_init(&s->transcript, s->stem, &s->arena, NULL);
    s->style.colour = cli_colour(stdout);
    s->style.verbose = s->options.verbose;
}

static bool open_stage(struct send *s)
{
    struct drill_error err;
    struct drill_run_config config = {0};
    bool sim = s->net == NULL;
    init_file(s);
    s->stage.mode = sim ? CLI_SIM_MILTER : CLI_AS_MTA;
    s->stage.net = s->net;
    s->stage.address = &s->address;
    config.file = &s->file;
    config.ours = DRILL_SIDE_MTA;
    config.profile = s->scene.mta;
    config.settings = &s->scene.mta_settings;
    config.traffic = s->scene.traffic;
    config.patience = s->options.timeout ? s->options.timeout : sim ? DRILL_NEVER : PATIENCE;
    config.simulated = sim;
    config.observer.seen = seen;
    config.observer.ctx = s;
    cli_several_join(&s->several, &s->stage);
    if (!cli_stage_open(&s->stage, &config, &s->scene, &err) ||
        !cli_several_open(&s->several, &config, &s->scene, &err)) {
        cli_error(&err);
        return false;
    }
    return true;
}

static int tell(struct send *s, struct drill_buf *what, struct drill_buf *limit)
{
    const struct drill_report *r = drill_run_report(s->stage.run);
    const struct drill_mta *mta = cli_several_sum(&s->several, drill_run_mta(s->stage.run));
    struct outcome o = {.told = drill_mta_outcome(mta, 1)};
    if (what->len == 0 && r->result == DRILL_RESULT_FAIL) {
        drill_show_add(what, "%s", r->what);
    }
    drill_buf_append(what, drill_span_of("", 1));
    drill_buf_append(limit, drill_span_of("", 1));
    bool gone = r->result == DRILL_RESULT_UNREACHABLE;
    const struct drill_explain *e = &s->explain[speaker(s)];
    if (gone && e->broken[0]) {
        cli_complain("%s: %s", name_of(s, speaker(s) + 1), e->broken);
    }
    o.word = gone ? "unreachable" : outcome_word(o.told, what->len > 1);
    o.what = (const char *)what->ptr;
    o.limit = (const char *)limit->ptr;
    drill_buf_init(&o.diff, NULL);
    find_delivered(s, mta, &o);
    if (s->options.format == CLI_JSONL) {
        json_outcome(s, mta, &o);
    } else {
        show_outcome(s, mta, &o);
    }
    int code = gone ? EXIT_NO_PEER : strcmp(o.word, "accept") == 0 ? EXIT_AS_EXPECTED : EXIT_FAILED;
    if (s->save && !save(s, o.told, o.what)) {
        code = EXIT_USAGE;
    }
    drill_buf_fini(&o.diff);
    return code;
}

/* A failure of TLS is the whole reason; what is unusual about an end is one more. */
static void add_tls(const struct send *s, struct drill_buf *what)
{
    const char *text = cli_tls_text(&s->stage);
    if (what->len && text[0] && cli_tls_failed(&s->stage)) {
        what->len = 0;
        drill_show_add(what, "%s", text);
    } else if (what->len && text[0]) {
        drill_show_add(what, ": %s", text);
    }
}

static void explain(const struct send *s, struct drill_buf *what, struct drill_buf *limit)
{
    size_t who = speaker(s);
    if (s->several.count && drill_explain_failed(&s->explain[who])) {
        drill_show_add(what, "%s: ", name_of(s, who + 1));
    }
    drill_explain_what(&s->explain[who], what);
    if (who == 0) {
        add_tls(s, what);
    }
    drill_explain_limit(&s->explain[who], limit);
}

int send_play(struct send *s)
{
    if (!open_stage(s)) {
        return EXIT_NO_PEER;
    }
    show_head(s);
    cli_several_play(&s->several, false);
    struct drill_buf what, limit;
    drill_buf_init(&what, NULL);
    drill_buf_init(&limit, NULL);
    explain(s, &what, &limit);
    int code = tell(s, &what, &limit);
    drill_buf_fini(&limit);
    drill_buf_fini(&what);
    return code;
}

void send_close(struct send *s)
{
    cli_several_close(&s->several);
    cli_stage_close(&s->stage);
    cli_tls_close(&s->tls);
    drill_transcript_fini(&s->transcript);
    drill_net_free(s->net);
    drill_buf_fini(&s->out);
    drill_arena_fini(&s->reading);
    drill_arena_fini(&s->arena);
}
