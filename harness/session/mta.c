/* SPDX-License-Identifier: MIT */
#include "session/mta.h"

#include <string.h>

#include "session/mta_session.h"
#include "session/profile.h"
#include "session/several.h"

enum {
    SCRATCH_PEEK,
    SCRATCH_PLAN,
    SCRATCH_DEFAULT,
    SCRATCHES,
    EARLY_KEPT = 4096, /* bytes of an unread reply's payload that are kept */
    EARLY_MAX = 1024 /* unread replies that are kept; a real one's socket buffer is full by then */
};

static const struct drill_mta_ops *ops(const struct drill_mta *mta)
{
    return mta->profile->mta;
}

/* ---- scratch ---- */

static size_t scratch_size(const struct drill_mta *mta)
{
    return mta->scratch_macros + mta->scratch_string;
}

static struct drill_scratch scratch_of(const struct drill_mta *mta, size_t which)
{
    struct drill_scratch s;
    uint8_t *base = mta->scratch ? mta->scratch + which * scratch_size(mta) : NULL;
    size_t macros = base ? mta->scratch_macros : 0;
    s.macros = drill_writer_of(base, macros);
    s.string = drill_writer_of(base ? base + macros : NULL, base ? mta->scratch_string : 0);
    return s;
}

static void make_scratch(struct drill_mta *mta)
{
    size_t most = 0;
    for (const struct drill_client *c = mta->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            most = m->rcpts > most ? m->rcpts : most;
        }
    }
    mta->refused = drill_arena_take(mta->arena, most / 8 + 1);
    ops(mta)->measure(mta, &mta->scratch_macros, &mta->scratch_string);
    mta->scratch = drill_arena_take(mta->arena, scratch_size(mta) * SCRATCHES);
    mta->no_memory = !mta->scratch || !mta->refused;
}

void drill_mta_content(struct drill_mta *mta, const struct drill_envelope *envelope)
{
    size_t macros, string;
    mta->cursor.message = envelope;
    ops(mta)->measure(mta, &macros, &string);
    if (macros > mta->scratch_macros || string > mta->scratch_string) {
        mta->scratch_macros = macros;
        mta->scratch_string = string;
        mta->scratch = drill_arena_take(mta->arena, scratch_size(mta) * SCRATCHES);
        mta->no_memory |= !mta->scratch;
    }
    drill_mta_session_content(mta);
}

static const struct drill_extra_macro *extra_macro(const struct drill_client *client, uint8_t code,
                                                   struct drill_span name)
{
    const struct drill_extra_macro *m = client ? client->macros : NULL;
    while (m && ((m->code != code && m->code) || !drill_span_equal(m->name, name))) {
        m = m->next;
    }
    return m;
}

size_t drill_mta_extra_size(const struct drill_client *client)
{
    size_t size = 0;
    for (const struct drill_extra_macro *m = client->macros; m; m = m->next) {
        size += m->name.len + m->value.len + 2;
    }
    return size;
}

void drill_mta_macro(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                     const char *name, struct drill_span value)
{
    const struct drill_extra_macro *m = extra_macro(client, code, drill_span_str(name));
    if (m && m->absent) {
        return;
    }
    drill_write_str(&s->macros, drill_span_str(name));
    drill_write_str(&s->macros, m ? m->value : value);
}

void drill_mta_macro_asked(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                           struct drill_span name, struct drill_span value)
{
    const struct drill_extra_macro *m = extra_macro(client, code, name);
    struct drill_span said = m ? m->value : value;
    bool fits = s->macros.len + name.len + said.len + 2 <= s->macros.cap;
    if (fits && !(m && m->absent)) {
        drill_write_str(&s->macros, name);
        drill_write_str(&s->macros, said);
    }
}

static bool has_macro(struct drill_span pairs, struct drill_span wanted)
{
    struct drill_reader r = drill_reader_of(pairs);
    struct drill_span name, value;
    while (drill_read_str(&r, &name) && drill_read_str(&r, &value)) {
        if (drill_span_equal(name, wanted)) {
            return true;
        }
    }
    return false;
}

bool drill_mta_macros_end(struct drill_scratch *s, const struct drill_client *client, uint8_t code,
                          struct drill_message *out)
{
    for (const struct drill_extra_macro *m = client ? client->macros : NULL; m; m = m->next) {
        if (m->code == code && !m->absent && !has_macro(drill_writer_span(&s->macros), m->name)) {
            drill_write_str(&s->macros, m->name);
            drill_write_str(&s->macros, m->value);
        }
    }
    (void)drill_message_init(out, DRILL_TO_MILTER, DRILL_SMFIC_MACRO);
    out->letter = code;
    out->rest = drill_writer_span(&s->macros);
    return s->macros.len > 0;
}

/* ---- results ---- */

/* The first of several has its own list (several.h). */
static void tell_for_all(struct drill_mta *mta, const struct drill_told *t)
{
    struct drill_told *copy = drill_arena_take(mta->several->arena, sizeof(*copy));
    if (!copy) {
        mta->no_memory = true;
        return;
    }
    *copy = *t;
    *mta->several->told_end = copy;
    mta->several->told_end = &copy->next;
}

void drill_mta_tell(struct drill_mta *mta, uint32_t message, uint8_t stage, uint32_t rcpt,
                    uint16_t code, struct drill_span line, bool final)
{
    struct drill_told *t = drill_arena_take(mta->arena, sizeof(*t));
    if (!t) {
        mta->no_memory = true;
        return;
    }
    t->message = message;
    t->stage = stage;
    t->rcpt = rcpt;
    t->code = code;
    t->line = line;
    t->final = final;
    *mta->told_end = t;
    mta->told_end = &t->next;
    mta->told_last = t;
    if (mta->several && mta->number && mta->halting && !mta->quiet) {
        tell_for_all(mta, t);
    }
}

/* How many bytes of it are kept; 0: it is not even noted that it came. */
static size_t mod_room(struct drill_mta *mta)
{
    if (mta->mods_message != mta->cursor.message_number) {
        mta->mods_message = mta->cursor.message_number;
        mta->mods_kept = 0;
        mta->mods_count = 0;
    }
    size_t here = DRILL_MTA_MODS_MESSAGE - mta->mods_kept;
    size_t all = DRILL_MTA_MODS_ALL - mta->mods_all;
    return mta->mods_count >= DRILL_MTA_MODS_COUNT ? 0 : here < all ? here : all;
}

void drill_mta_modified(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    bool discard = reply->code == DRILL_SMFIR_DISCARD; /* whatever comes with it */
    size_t room = discard ? 0 : mod_room(mta);
    struct drill_span kept = drill_span_sub(reply->payload, 0, room);
    if (!discard && room == 0 && mta->mods_last &&
        mta->mods_last->message == mta->cursor.message_number) {
        mta->mods_last->cut = true;
        return;
    }
    struct drill_mod *mod = drill_arena_take(mta->arena, sizeof(*mod));
    if (mod) {
        mod->payload = drill_arena_copy(mta->arena, kept);
    }
    if (!mod || !mod->payload.ptr) {
        mta->no_memory = true;
        return;
    }
    mod->message = mta->cursor.message_number;
    mod->code = reply->code;
    mod->command = mta->awaited;
    mod->milter = mta->number;
    mod->size = size;
    mod->cut = !discard && kept.len < size;
    mta->mods_count++;
    mta->mods_kept += kept.len;
    mta->mods_all += kept.len;
    *mta->mods_end = mod;
    mta->mods_end = &mod->next;
    mta->mods_last = mod;
}

/* The milter whose modifications these are has failed. */
static void note_failed(struct drill_mta *mta, uint32_t message)
{
    for (struct drill_mod *m = mta->failed ? mta->mods : NULL; m; m = m->next) {
        m->failed |= m->message == message;
    }
}

uint16_t drill_mta_line_code(struct drill_span line)
{
    uint16_t code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= line.len || line.ptr[i] < '0' || line.ptr[i] > '9') {
            return 0;
        }
        code = (uint16_t)(code * 10 + (line.ptr[i] - '0'));
    }
    return code;
}

const struct drill_told *drill_mta_outcome(const struct drill_mta *mta, uint32_t number)
{
    const struct drill_told *last = NULL;
    for (const struct drill_told *t = mta->told; t; t = t->next) {
        if (t->message == number && t->final) {
            last = t;
        }
    }
    return last;
}

/* ---- what is owed ---- */

static void owe(struct drill_mta *mta, uint8_t code)
{
    if (mta->owed == 0) {
        mta->awaiting = mta->before;
    }
    if (mta->owed < DRILL_MTA_OWED) {
        mta->owed_to[(mta->owed_at + mta->owed) % DRILL_MTA_OWED] = code;
    } else {
        mta->owed_last = code;
    }
    mta->owed++;
    mta->awaited = mta->owed_to[mta->owed_at];
}

static void answered(struct drill_mta *mta)
{
    mta->owed_to[mta->owed_at] = mta->owed_last;
    mta->owed_at = (mta->owed_at + 1) % DRILL_MTA_OWED;
    mta->owed--;
    mta->awaited = mta->owed ? mta->owed_to[mta->owed_at] : 0;
}

static void forget_owed(struct drill_mta *mta)
{
    mta->owed = 0;
    mta->owed_at = 0;
    mta->awaited = 0;
    mta->early = NULL;
    mta->early_end = &mta->early;
    mta->earlies = 0;
}

static void keep_early(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    if (!mta->open || mta->stopped || mta->earlies == EARLY_MAX) {
        return;
    }
    struct drill_early *e = drill_arena_take(mta->arena, sizeof(*e));
    struct drill_span kept = drill_span_of(NULL, 0);
    if (e) {
        kept = drill_arena_copy(mta->arena, drill_span_sub(reply->payload, 0, EARLY_KEPT));
    }
    if (!e || !kept.ptr) {
        mta->no_memory = true;
        return;
    }
    (void)drill_message_decode(DRILL_TO_MTA, reply->code, kept, &e->reply);
    e->size = size;
    *mta->early_end = e;
    mta->early_end = &e->next;
    mta->earlies++;
}

static void trouble(struct drill_mta *mta, const struct drill_mta_trouble *t)
{
    uint32_t message = mta->cursor.message_number;
    ops(mta)->trouble(mta, t);
    note_failed(mta, message);
}

static void take_reply(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    uint8_t command = mta->awaited;
    uint32_t message = mta->cursor.message_number;
    if (reply->code == DRILL_SMFIR_DISCARD) {
        drill_mta_modified(mta, reply, size);
    }
    if (ops(mta)->reply(mta, command, reply, size) && mta->owed) {
        answered(mta);
    }
    note_failed(mta, message);
}

/* Early replies go to whatever is owed now. */
static void drain_early(struct drill_mta *mta)
{
    while (mta->early && mta->owed && mta->open && !mta->stopped) {
        struct drill_early *e = mta->early;
        mta->early = e->next;
        mta->early_end = mta->early ? mta->early_end : &mta->early;
        mta->earlies--;
        take_reply(mta, &e->reply, e->size);
    }
    if (mta->owed == 0) {
        ops(mta)->settle(mta);
    }
}

/* ---- steps ---- */

void drill_mta_init(struct drill_mta *mta, const struct drill_profile *profile,
                    const struct drill_settings *settings, const struct drill_client *traffic,
                    struct drill_arena *arena)
{
    memset(mta, 0, sizeof(*mta));
    mta->profile = profile;
    mta->settings = settings;
    mta->traffic = traffic;
    mta->arena = arena;
    mta->told_end = &mta->told;
    mta->mods_end = &mta->mods;
    mta->cursor.client = traffic;
    mta->cursor.client_number = traffic ? 1 : 0;
    forget_owed(mta);
    make_scratch(mta);
    ops(mta)->start(mta);
}

/* A stopped run waits for nothing. */
static bool waits(const struct drill_mta *mta)
{
    return mta->open && mta->owed && !mta->stopped;
}

void drill_mta_peek(struct drill_mta *mta, struct drill_mta_step *step)
{
    memset(step, 0, sizeof(*step));
    if (waits(mta)) {
        step->kind = DRILL_MTA_WAIT;
        step->awaited = mta->awaited;
        return;
    }
    struct drill_mta_cursor ahead = mta->cursor;
    struct drill_scratch s = scratch_of(mta, SCRATCH_PEEK);
    ops(mta)->next(mta, &ahead, &s, step);
}

static void now_open(struct drill_mta *mta)
{
    mta->open = true;
    mta->negotiated = false;
    mta->failed = false;
    mta->stopped = false;
    mta->concluded = false;
    mta->reading = false;
    mta->skip = 0;
    mta->log[0] = '\0';
    memset(&mta->agreed, 0, sizeof(mta->agreed));
    forget_owed(mta);
}

static void now_closed(struct drill_mta *mta, bool ours)
{
    mta->open = false;
    forget_owed(mta);
    ops(mta)->closed(mta, ours);
}

static void now_sent(struct drill_mta *mta, uint8_t code)
{
    if (ops(mta)->owes(mta, code)) {
        owe(mta, code);
    }
    drain_early(mta);
}

void drill_mta_did(struct drill_mta *mta)
{
    if (waits(mta)) {
        return;
    }
    struct drill_mta_cursor ahead = mta->cursor;
    struct drill_mta_step step;
    memset(&step, 0, sizeof(step));
    ops(mta)->next(mta, &ahead, NULL, &step);
    switch (step.kind) {
    case DRILL_MTA_OPEN:
        mta->cursor = ahead;
        now_open(mta);
        break;
    case DRILL_MTA_SEND:
        mta->before = mta->cursor;
        mta->cursor = ahead;
        now_sent(mta, step.command.code);
        break;
    case DRILL_MTA_CLOSE: now_closed(mta, false); break;
    case DRILL_MTA_WAIT:
    case DRILL_MTA_DONE: break;
    }
}

/* Moves the cursor behind the next planned command of that code on this connection, and in this
 * message if one has begun: only MAIL looks into the next. */
static void move_behind(struct drill_mta *mta, uint8_t code)
{
    const struct drill_mta_cursor from = mta->cursor;
    struct drill_mta_cursor ahead = from;
    struct drill_mta_step step;
    do {
        bool another = from.message && ahead.message_number != from.message_number;
        if (another && code != DRILL_SMFIC_MAIL) {
            return;
        }
        memset(&step, 0, sizeof(step));
        ops(mta)->next(mta, &ahead, NULL, &step);
    } while (step.kind == DRILL_MTA_SEND && step.command.code != code);
    if (step.kind == DRILL_MTA_SEND) {
        mta->cursor = ahead;
    }
}

void drill_mta_sent(struct drill_mta *mta, uint8_t code, bool used_plan)
{
    mta->before = mta->cursor;
    if (used_plan) {
        move_behind(mta, code);
    }
    switch (code) {
    case DRILL_SMFIC_ABORT:
    case DRILL_SMFIC_QUIT:
    case DRILL_SMFIC_QUIT_NC:
    case DRILL_SMFIC_BODYEOB: ops(mta)->jump(mta, code); break;
    default: break;
    }
    now_sent(mta, code);
}

bool drill_mta_head(struct drill_mta *mta, uint8_t code, uint32_t length)
{
    if (length <= ops(mta)->limit(mta)) {
        mta->reading = true;
        mta->reading_code = code;
        return true;
    }
    struct drill_mta_trouble t = {.fault = DRILL_MTA_TOO_LARGE, .length = length};
    trouble(mta, &t);
    return false;
}

void drill_mta_got(struct drill_mta *mta, const struct drill_message *reply, uint32_t size)
{
    mta->reading = false;
    if (!waits(mta)) {
        keep_early(mta, reply, size);
        return;
    }
    take_reply(mta, reply, size);
    drain_early(mta);
}

void drill_mta_garbled(struct drill_mta *mta, const char *text, uint32_t length)
{
    struct drill_mta_trouble t = {.fault = DRILL_MTA_GARBLED, .text = text, .length = length};
    trouble(mta, &t);
}

void drill_mta_ended(struct drill_mta *mta, enum drill_end how, int error)
{
    struct drill_mta_trouble t = {.fault = DRILL_MTA_ENDED,
                                  .reading = mta->reading,
                                  .reading_code = mta->reading_code,
                                  .how = how,
                                  .error = error};
    trouble(mta, &t);
    now_closed(mta, false);
}

void drill_mta_hung_up(struct drill_mta *mta)
{
    if (mta->open) {
        now_closed(mta, true);
    }
}

void drill_mta_timed_out(struct drill_mta *mta)
{
    struct drill_mta_trouble t = {
        .fault = DRILL_MTA_TIMEOUT, .reading = mta->reading, .reading_code = mta->reading_code};
    bool connecting = !mta->open;
    trouble(mta, &t);
    if (connecting) {
        now_closed(mta, false);
    }
}

void drill_mta_opened(struct drill_mta *mta)
{
    struct drill_mta_cursor ahead = mta->cursor;
    struct drill_mta_step step;
    drill_mta_hung_up(mta);
    ahead = mta->cursor;
    memset(&step, 0, sizeof(step));
    ops(mta)->next(mta, &ahead, NULL, &step);
    if (step.kind != DRILL_MTA_OPEN) {
        ops(mta)->reopen(mta);
        ahead = mta->cursor;
        ops(mta)->next(mta, &ahead, NULL, &step);
    }
    if (step.kind == DRILL_MTA_OPEN) {
        mta->cursor = ahead;
    }
    now_open(mta);
}

uint64_t drill_mta_patience(const struct drill_mta *mta, enum drill_mta_kind kind)
{
    return ops(mta)->patience(mta, kind);
}

/* ---- looking ahead ---- */

bool drill_mta_plan(struct drill_mta *mta, struct drill_mta_cursor *cursor,
                    struct drill_mta_step *step)
{
    struct drill_scratch s = scratch_of(mta, SCRATCH_PLAN);
    memset(step, 0, sizeof(*step));
    ops(mta)->next(mta, cursor, &s, step);
    return step->kind != DRILL_MTA_DONE;
}

bool drill_mta_default(struct drill_mta *mta, uint8_t code, struct drill_message *out)
{
    struct drill_scratch s = scratch_of(mta, SCRATCH_DEFAULT);
    return drill_message_init(out, DRILL_TO_MILTER, code) &&
           ops(mta)->command(mta, &mta->cursor, code, &s, out);
}

bool drill_mta_macros(struct drill_mta *mta, uint8_t code, struct drill_message *out)
{
    struct drill_scratch s = scratch_of(mta, SCRATCH_DEFAULT);
    return !mta->settings->macros_none && ops(mta)->macros(mta, &mta->cursor, code, &s, out);
}
