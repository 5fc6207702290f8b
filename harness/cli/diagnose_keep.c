/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/diagnose.h"

static bool write_beside(const char *folder, const char *name, struct drill_span bytes)
{
    struct drill_error err;
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (cli_write(path, bytes, &err) != DRILL_OK) {
        cli_error(&err);
        return false;
    }
    return true;
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    return true;
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
    bool ok = write_beside(d->out, "minimal.drill", drill_buf_span(&text));
    for (const struct drill_transcript_file *f = t->files; f && ok; f = f->next) {
        ok = write_beside(d->out, f->name, f->bytes);
    }
    ok = ok && write_beside(d->out, "minimal.eml", client->messages->mail.raw);
    drill_buf_fini(&text);
    return ok;
}

bool diagnose_keep(struct diagnose *d)
{
    struct send *s = &d->send;
    struct drill_error err;
    struct drill_transcript transcript;
    struct drill_run_config config = {0};
    struct cli_stage stage = s->stage;
    struct drill_scene scene = s->scene;
    struct drill_client *client = drill_subject_traffic(&d->found.minimal, &s->arena);
    if (!client || !make_folder(d->out)) {
        return false;
    }
    drill_transcript_init(&transcript, "minimal", &s->arena, NULL);
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
    config.observer = (struct drill_observer){drill_transcript_seen, &transcript};
    bool ok = cli_stage_open(&stage, &config, &scene, &err);
    if (!ok) {
        cli_error(&err);
    } else {
        cli_stage_play(&stage, false);
        ok = write_scenario(d, client, drill_mta_outcome(drill_run_mta(stage.run), 1), &transcript);
    }
    cli_stage_close(&stage);
    drill_transcript_fini(&transcript);
    return ok;
}
