/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/diagnose.h"

bool diagnose_write(const char *folder, const char *name, struct drill_span bytes)
{
    struct drill_error err;
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        cli_complain("%s: the name is too long", folder);
        return false;
    }
    if (cli_write(path, bytes, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    return true;
}

bool diagnose_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

bool diagnose_copy(const char *folder, const struct drill_loader *loader, struct drill_span name)
{
    struct drill_error err;
    struct drill_span bytes;
    char path[4096], part[4096];
    if (loader->load(loader->ctx, name, &bytes, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    (void)snprintf(path, sizeof(path), "%.*s", (int)name.len, (const char *)name.ptr);
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        (void)snprintf(part, sizeof(part), "%s/%.*s", folder, (int)(slash - path), path);
        if (!diagnose_folder(part)) {
            return false;
        }
    }
    return diagnose_write(folder, path, bytes);
}

/* ---- what happens, as lines that can be played again ---- */

/* A recording says what a peer did, faults included. A scenario only expects: of the milter's
 * faults it holds patterns, and of its silence how long it lasted. */
struct kept {
    struct drill_transcript t;
    uint64_t last; /* when there last was a frame */
    bool quiet;    /* the milter fell silent: the MTA leaves, and its client is told nothing */
    bool torn;     /* what came is no frame */
};

static void say(struct kept *k, const char *line)
{
    k->t.incomplete = !drill_buf_append(&k->t.text, drill_span_str(line)) || k->t.incomplete;
}

static bool is_broken(const struct drill_seen *s)
{
    struct drill_message m;
    return !s->whole || !drill_proto_find(DRILL_TO_MTA, s->code) ||
           drill_message_decode(DRILL_TO_MTA, s->code, s->payload, &m) != DRILL_DEFECT_NONE;
}

static void seen(void *ctx, const struct drill_seen *s)
{
    struct kept *k = ctx;
    char line[80];
    if (k->torn) {
        return;
    }
    if (s->kind == DRILL_SEEN_FRAME && !s->ours && is_broken(s)) {
        (void)snprintf(line, sizeof(line), "< frame code=%u..%u data=len %llu\n", s->code, s->code,
                       (unsigned long long)s->size);
        say(k, line);
    } else if (s->kind == DRILL_SEEN_RAW && !s->ours) {
        /* The pattern takes all until the milter ends it, which a FIN of ours has it do. */
        say(k, "> half-close\n< raw data=~\"*\"\n");
        k->torn = true;
    } else if (s->kind == DRILL_SEEN_QUIET && s->ours) {
        (void)snprintf(line, sizeof(line), "< silence for=%llums\n",
                       (unsigned long long)((s->now - k->last) / 1000));
        say(k, line);
        k->quiet = true;
    } else {
        drill_transcript_seen(&k->t, s);
    }
    k->last = s->now;
}

/* What the last session, of the minimal case, said. */
static bool write_scenario(struct diagnose *d, const struct drill_client *client,
                           const struct drill_told *told, const struct drill_transcript *t)
{
    struct drill_buf text;
    char why[700];
    drill_signature_say(&d->found.sig, why, sizeof(why));
    struct drill_transcript_head head = {.title = "minimal case, found by milterdrill diagnose",
                                         .why = why,
                                         .tests = "milter",
                                         .mta = d->send.scene.mta->name,
                                         .milter = d->send.scene.milter->name,
                                         .settings = &d->found.minimal.settings,
                                         .client = client,
                                         .mail_file = "minimal.eml"};
    drill_buf_init(&text, NULL);
    drill_transcript_write(t, &head, told, &text);
    bool ok = diagnose_write(d->out, "minimal.drill", drill_buf_span(&text));
    for (const struct drill_transcript_file *f = t->files; f && ok; f = f->next) {
        ok = diagnose_write(d->out, f->name, f->bytes);
    }
    ok = ok && diagnose_write(d->out, "minimal.eml", client->messages->mail.raw);
    drill_buf_fini(&text);
    return ok;
}

/* One session of the minimal case. False after an error that was printed. *there: it was played. */
static bool play_once(struct diagnose *d, struct drill_client *client, bool *there)
{
    struct send *s = &d->send;
    struct drill_error err;
    struct kept kept = {.last = 0};
    struct drill_run_config config = {0};
    struct cli_stage stage = s->stage;
    struct drill_scene scene = s->scene;
    drill_transcript_init(&kept.t, "minimal", &s->arena, NULL);
    scene.traffic = client;
    stage.mode = s->net ? CLI_AS_MTA : CLI_SIM_MILTER;
    stage.net = s->net;
    stage.address = &s->address;
    config.file = &s->file;
    config.ours = DRILL_SIDE_MTA;
    config.profile = s->scene.mta;
    config.settings = &d->found.minimal.settings;
    config.traffic = client;
    config.patience = s->net ? UINT64_C(300) * 1000000 : DRILL_NEVER;
    config.simulated = s->net == NULL;
    config.attentive = true;
    config.observer = (struct drill_observer){seen, &kept};
    bool ok = cli_stage_open(&stage, &config, &scene, &err);
    *there = false;
    if (!ok) {
        cli_error(&err);
    } else {
        cli_stage_play(&stage, false);
        *there = drill_run_result(stage.run) != DRILL_RESULT_UNREACHABLE;
        const struct drill_told *told = drill_mta_outcome(drill_run_mta(stage.run), 1);
        ok = !*there || write_scenario(d, client, kept.quiet || kept.torn ? NULL : told, &kept.t);
    }
    cli_stage_close(&stage);
    drill_transcript_fini(&kept.t);
    return ok;
}

bool diagnose_keep(struct diagnose *d)
{
    struct drill_client *client = drill_subject_traffic(&d->found.minimal, &d->send.arena);
    bool there = false, ok = client && diagnose_folder(d->out);
    for (unsigned i = 0; ok && !there && diagnose_pause(i); i++) {
        ok = play_once(d, client, &there);
    }
    if (ok && !there) {
        cli_complain("%s: not written, the milter takes no more connections", d->out);
    }
    return ok && there;
}
