/* SPDX-License-Identifier: MIT */
#include "session/several.h"

#include <string.h>

#include "session/apply.h"
#include "session/mta_session.h"

/* ---- places ---- */

static const struct drill_place OVER = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}};

int drill_place_order(const struct drill_place *a, const struct drill_place *b)
{
    for (size_t i = 0; i < 4; i++) {
        if (a->part[i] != b->part[i]) {
            return a->part[i] < b->part[i] ? -1 : 1;
        }
    }
    return 0;
}

/* Where it stands: at the command that it awaits the answer to, or at the next one. */
static struct drill_place place_of(const struct drill_several *all, size_t i)
{
    const struct drill_mta *mta = all->mta[i];
    if (!mta || all->left[i]) {
        return OVER;
    }
    bool waits = mta->open && mta->owed && !mta->stopped;
    return mta->profile->mta->place(mta, waits ? &mta->awaiting : &mta->cursor);
}

/* ---- members ---- */

void drill_several_init(struct drill_several *all, struct drill_arena *arena)
{
    memset(all, 0, sizeof(*all));
    all->arena = arena;
    all->halts_end = &all->halts;
    all->told_end = &all->told;
}

void drill_several_join(struct drill_several *all, struct drill_mta *mta, uint8_t number)
{
    if (number == 0) {
        all->halts = NULL;
        all->halts_end = &all->halts;
        all->told = NULL;
        all->told_end = &all->told;
    }
    mta->several = all;
    mta->number = number;
    all->mta[number] = mta;
    all->left[number] = false;
    all->count = number >= all->count ? number + 1U : all->count;
    all->seen[number] = place_of(all, number);
}

static void tell_of_move(struct drill_several *all, size_t i)
{
    struct drill_place now = place_of(all, i);
    if (drill_place_order(&now, &all->seen[i]) != 0) {
        all->seen[i] = now;
        if (all->wake) {
            all->wake(all->ctx);
        }
    }
}

void drill_several_leave(struct drill_several *all, uint8_t number)
{
    all->left[number] = true;
    tell_of_move(all, number);
}

/* ---- halts ---- */

void drill_several_halt(struct drill_mta *mta, uint8_t stage, struct drill_span line, bool taken)
{
    struct drill_several *all = mta->several;
    if (!all || mta->quiet) {
        return;
    }
    struct drill_halt *h = drill_arena_take(all->arena, sizeof(*h));
    const struct drill_mta_cursor *at = mta->profile->mta->session ? &mta->own.smtp : &mta->cursor;
    if (!h) {
        mta->no_memory = true;
        return;
    }
    h->place = mta->profile->mta->place(mta, at);
    h->by = mta->number;
    h->taken = taken;
    h->stage = stage;
    h->number = stage == DRILL_SMFIC_CONNECT || stage == DRILL_SMFIC_HELO ? 0 : at->message_number;
    h->line = line;
    h->done = UINT32_C(1) << mta->number;
    *all->halts_end = h;
    all->halts_end = &h->next;
}

/* One that is asked after the milter that halted it does not get there; one before has been. */
static bool concerns(const struct drill_several *all, size_t i, const struct drill_halt *h)
{
    struct drill_place here = place_of(all, i);
    int order = drill_place_order(&here, &h->place);
    return h->by < i ? order >= 0 : order > 0;
}

static void hear(struct drill_several *all, size_t i)
{
    struct drill_mta *mta = all->mta[i];
    for (struct drill_halt *h = all->halts; h && mta && !all->left[i]; h = h->next) {
        uint32_t bit = UINT32_C(1) << i;
        if (!(h->done & bit) && concerns(all, i, h)) {
            h->done |= bit;
            mta->quiet = true;
            mta->profile->mta->halt(mta, h);
            mta->quiet = false;
        }
    }
}

/* ---- modifications ---- */

static bool copy_mods(struct drill_several *all, size_t count, struct drill_mod **first)
{
    struct drill_mod **end = first;
    *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct drill_mod *m = all->mta[i] ? all->mta[i]->mods : NULL;
        for (; m; m = m->next) {
            struct drill_mod *copy = drill_arena_take(all->arena, sizeof(*copy));
            if (!copy) {
                return false;
            }
            *copy = *m;
            copy->next = NULL;
            *end = copy;
            end = &copy->next;
        }
    }
    return true;
}

/* The message as those before have left it. */
static const struct drill_envelope *edited(struct drill_several *all, size_t i,
                                           const struct drill_envelope *from, uint32_t number)
{
    const struct drill_mta *first = all->mta[0];
    struct drill_applied applied;
    struct drill_mod *mods;
    struct drill_envelope *copy = drill_arena_take(all->arena, sizeof(*copy));
    if (!copy || !copy_mods(all, i, &mods)) {
        return NULL;
    }
    struct drill_apply what = {.family = first->profile->family,
                               .envelope = from,
                               .mods = mods,
                               .message = number,
                               .actions = first->agreed.actions,
                               .steps = first->agreed.protocol,
                               .taken = true};
    if (drill_apply(&what, all->arena, &applied) != DRILL_OK) {
        return NULL;
    }
    *copy = *from;
    copy->mail = applied.mail;
    return copy;
}

static bool has_mods(const struct drill_several *all, size_t i, uint32_t number)
{
    for (size_t k = 0; k < i; k++) {
        const struct drill_mod *m = all->mta[k] ? all->mta[k]->mods : NULL;
        while (m && m->message != number) {
            m = m->next;
        }
        if (m) {
            return true;
        }
    }
    return false;
}

/* Before its first command about the content: what the milters before have made of that. */
static void show_edited(struct drill_several *all, size_t i)
{
    struct drill_mta *mta = all->mta[i];
    uint32_t number = mta->cursor.message_number;
    bool fresh = mta->profile->mta->session && mta->edited != number && !mta->owed &&
                 place_of(all, i).part[2] == DRILL_RANK_CONTENT;
    if (!fresh) {
        return;
    }
    mta->edited = number;
    if (has_mods(all, i, number)) {
        const struct drill_envelope *e = edited(all, i, mta->cursor.message, number);
        if (!e) {
            mta->no_memory = true;
        } else {
            drill_mta_content(mta, e);
        }
    }
}

bool drill_several_turn(struct drill_several *all, uint8_t number)
{
    for (size_t i = 0; i < all->count; i++) {
        hear(all, i);
        tell_of_move(all, i);
    }
    struct drill_place here = place_of(all, number);
    bool over = here.part[0] == UINT32_MAX;
    for (size_t i = 0; i < all->count && !over; i++) {
        struct drill_place other = place_of(all, i);
        int order = drill_place_order(&other, &here);
        if (i != number && (order < 0 || (order == 0 && i < number))) {
            return false;
        }
    }
    show_edited(all, number);
    return true;
}

/* ---- the sum of it ---- */

static struct drill_told *add_told(struct drill_several *all, struct drill_mta *face,
                                   const struct drill_told *list)
{
    for (const struct drill_told *t = list; t; t = t->next) {
        struct drill_told *copy = drill_arena_take(all->arena, sizeof(*copy));
        if (!copy) {
            face->no_memory = true;
            return NULL;
        }
        *copy = *t;
        copy->next = NULL;
        *face->told_end = copy;
        face->told_end = &copy->next;
        face->told_last = copy;
    }
    return face->told;
}

static bool is_refusal(const struct drill_told *t, uint32_t number, uint32_t rcpt)
{
    return t->message == number && t->stage == DRILL_SMFIC_RCPT && t->code / 100 != 2 &&
           (rcpt == 0 || t->rcpt == rcpt);
}

/* One milter may refuse this recipient and another that one: of a message that has none left the
 * last refusal is the outcome. */
static void find_no_rcpts(struct drill_mta *face, const struct drill_envelope *m, uint32_t number)
{
    struct drill_told *last = NULL;
    for (uint32_t i = 1; i <= m->rcpts; i++) {
        struct drill_told *t = face->told;
        while (t && !is_refusal(t, number, i)) {
            t = t->next;
        }
        if (!t) {
            return;
        }
    }
    for (struct drill_told *t = face->told; t; t = t->next) {
        last = is_refusal(t, number, 0) ? t : last;
    }
    for (struct drill_told *t = face->told; last && t; t = t->next) {
        t->final = t->message == number ? t == last : t->final;
    }
}

enum drill_code drill_several_face(struct drill_several *all, struct drill_mta *face)
{
    *face = *all->mta[0];
    face->told = face->told_last = NULL;
    face->told_end = &face->told;
    face->mods_end = &face->mods;
    (void)add_told(all, face, all->mta[0]->told);
    (void)add_told(all, face, all->told);
    uint32_t number = 0;
    for (const struct drill_client *c = face->traffic; c; c = c->next) {
        for (const struct drill_envelope *m = c->messages; m; m = m->next) {
            find_no_rcpts(face, m, ++number);
        }
    }
    for (size_t i = 0; i < all->count && !face->log[0]; i++) {
        memcpy(face->log, all->mta[i]->log, sizeof(face->log));
    }
    return copy_mods(all, all->count, &face->mods) && !face->no_memory ? DRILL_OK
                                                                       : DRILL_ERR_MEMORY;
}
