/* SPDX-License-Identifier: MIT */
/* Several milters at one MTA: who is asked what and when, and what it comes to. The real Postfix
 * holds ours to this in ci/tests/test_several.py. */
#include "session/several.h"

#include "helper_alloc.h"
#include "session/apply.h"
#include "talk_mta.h"

enum { MILTERS = 3 };

/* What each milter says, "M:r" for a reject to MAIL; more than one to a command are all sent. After
 * a letter "1", the first time only. */
struct trial {
    const char *mta, *stages;
    uint32_t rcpts, messages;
    const char *says[MILTERS];
    const char *sent; /* letters of commands without macros, in front of them the milter's number */
    const char *told; /* the outcome of each message */
};

struct party {
    struct talk base; /* the traffic, and the settings of all */
    struct drill_arena arena[MILTERS], shared;
    struct drill_mta mta[MILTERS];
    struct drill_several all;
    size_t count;
    unsigned counted[MILTERS][256];
    char sent[1200];
    int last;
};

static void party_open(struct party *p, const struct trial *t, const struct drill_alloc *alloc)
{
    memset(p, 0, sizeof(*p));
    talk_init(&p->base, t->mta);
    if (t->stages) {
        talk_set(&p->base, "stages", t->stages);
    }
    p->base.messages[0].rcpts = t->rcpts;
    if (t->messages > 1) {
        talk_two(&p->base);
    }
    drill_arena_init(&p->shared, alloc, 0);
    drill_several_init(&p->all, &p->shared);
    for (; p->count < MILTERS && t->says[p->count]; p->count++) {
        struct drill_arena *arena = &p->arena[p->count];
        struct drill_mta *mta = &p->mta[p->count];
        drill_arena_init(arena, alloc, 0);
        drill_mta_init(mta, p->base.profile, &p->base.settings, p->base.clients, arena);
        drill_several_join(&p->all, mta, (uint8_t)p->count);
    }
}

static void party_close(struct party *p)
{
    for (size_t i = 0; i < p->count; i++) {
        drill_arena_fini(&p->arena[i]);
    }
    drill_arena_fini(&p->shared);
    drill_arena_fini(&p->base.arena);
}

static void say(struct drill_mta *mta, uint8_t code)
{
    static const struct {
        uint8_t code;
        const char *payload;
        size_t size;
    } ROWS_OF[] = {{'h', "X-N\0N\0", 6},
                   {'b', "New.\r\n", 6},
                   {'y', "421 4.7.1 no\0", 13},
                   {'q', "why\0", 4},
                   {'O', "\0\0\0\6\0\0\1\xff\0\0\0\0", 12}};
    struct drill_span payload = text("");
    struct drill_message m;
    for (size_t i = 0; i < ROWS(ROWS_OF); i++) {
        if (ROWS_OF[i].code == code) {
            payload = drill_span_of(ROWS_OF[i].payload, ROWS_OF[i].size);
        }
    }
    (void)drill_message_decode(DRILL_TO_MTA, code, payload, &m);
    drill_mta_got(mta, &m, (uint32_t)payload.len);
}

/* Its replies to that command; `continue` where the script has none. */
static void answer(struct party *p, const struct trial *t, size_t i, uint8_t command)
{
    struct drill_mta *mta = &p->mta[i];
    unsigned times = p->counted[i][command]++;
    bool said = false;
    for (const char *s = t->says[i]; *s; s += strcspn(s, " "), s += *s == ' ') {
        bool once = s[1] == '1';
        const char *replies = s + 2 + once;
        if ((uint8_t)s[0] != command || (once && times)) {
            continue;
        }
        for (; *replies && *replies != ' '; replies++) {
            say(mta, (uint8_t)*replies);
            said = true;
        }
    }
    if (!said) {
        say(mta, command == DRILL_SMFIC_OPTNEG ? 'O' : 'c');
    }
}

/* One step of one of them, if it may do any. */
static bool move(struct party *p, const struct trial *t, size_t i)
{
    struct drill_mta *mta = &p->mta[i];
    struct drill_mta_step step;
    if (!drill_several_turn(&p->all, (uint8_t)i)) {
        return false;
    }
    drill_mta_peek(mta, &step);
    switch (step.kind) {
    case DRILL_MTA_WAIT: answer(p, t, i, step.awaited); return true;
    case DRILL_MTA_DONE: return false;
    case DRILL_MTA_SEND:
        if (step.command.code != DRILL_SMFIC_MACRO) {
            size_t len = strlen(p->sent);
            if (p->last != (int)i + 1) {
                (void)snprintf(p->sent + len, sizeof(p->sent) - len, " %d", (int)i + 1);
                len = strlen(p->sent);
            }
            p->last = (int)i + 1;
            (void)snprintf(p->sent + len, sizeof(p->sent) - len, "%c", step.command.code);
        }
        break;
    case DRILL_MTA_OPEN:
    case DRILL_MTA_CLOSE: break;
    }
    drill_mta_did(mta);
    return true;
}

static bool no_memory(const struct party *p)
{
    bool none = false;
    for (size_t i = 0; i < p->count; i++) {
        none = none || p->mta[i].no_memory;
    }
    return none;
}

static void play(struct party *p, const struct trial *t)
{
    bool moved = true;
    for (int rounds = 0; moved && rounds < 2000 && !no_memory(p); rounds++) {
        moved = false;
        for (size_t i = 0; i < p->count; i++) {
            moved = move(p, t, i) || moved;
        }
    }
    for (size_t i = 0; i < p->count && !no_memory(p); i++) {
        struct drill_mta_step step;
        drill_mta_peek(&p->mta[i], &step);
        assert_int_equal(step.kind, DRILL_MTA_DONE); /* nobody waits for ever */
    }
}

static void outcomes(const struct drill_mta *face, uint32_t messages, char *out, size_t cap)
{
    out[0] = '\0';
    for (uint32_t n = 1; n <= messages; n++) {
        const struct drill_told *told = drill_mta_outcome(face, n);
        size_t len = strlen(out);
        (void)snprintf(out + len, cap - len, "%s%u", n > 1 ? " " : "",
                       told ? (unsigned)told->code : 1U);
    }
}

static bool run(void *ctx, const struct drill_alloc *alloc)
{
    const struct trial *t = ctx;
    struct party *p = drill_alloc_resize(NULL, NULL, sizeof(*p));
    struct drill_mta *face = drill_alloc_resize(NULL, NULL, sizeof(*face));
    char told[100];
    assert_non_null(p);
    assert_non_null(face);
    party_open(p, t, alloc);
    bool ok = !no_memory(p);
    if (ok) {
        play(p, t);
        ok = !no_memory(p) && drill_several_face(&p->all, face) == DRILL_OK;
    }
    if (ok) {
        outcomes(face, t->messages, told, sizeof(told));
        if (strcmp(p->sent, t->sent) != 0 || strcmp(told, t->told) != 0) {
            fail_msg("%s %s/%s: sent \"%s\", not \"%s\"; told %s, not %s", t->mta, t->says[0],
                     t->says[1], p->sent, t->sent, told, t->told);
        }
    }
    party_close(p);
    drill_alloc_resize(NULL, face, 0);
    drill_alloc_resize(NULL, p, 0);
    return ok;
}

static const struct trial TRIALS[] = {
    /* the order of things: whole runs, events, all negotiations first */
    {"stalwart", NULL, 1, 1, {"", ""}, " 1OCHMRTLNBEQ 2OCHMRTLNBEQ", "250"},
    {"stalwart",
     "mail,data",
     1,
     2,
     {"", ""},
     " 1OCHMQ 2OCHMQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ 1OCHMQ 2OCHMQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "250 250"},
    {"postfix",
     NULL,
     1,
     1,
     {"", ""},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "250"},
    {"postfix",
     NULL,
     2,
     2,
     {"", "", ""},
     " 1OC 2OC 3OC 1H 2H 3H 1M 2M 3M 1R 2R 3R 1R 2R 3R 1T 2T 3T 1LNBE 2LNBE 3LNBE 1A 2A 3A 1M 2M "
     "3M 1R 2R 3R 1T 2T 3T 1LNBE 2LNBE 3LNBE 1A 2A 3A 1AQ 2AQ 3AQ",
     "250 250"},
    {"sendmail",
     NULL,
     1,
     1,
     {"", ""},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1Q 2Q",
     "250"},
    /* an accept is that milter's own */
    {"stalwart", NULL, 1, 1, {"E:a", "E:r"}, " 1OCHMRTLNBEQ 2OCHMRTLNBE", "503"},
    {"postfix", NULL, 1, 1, {"M:a", "E:r"}, " 1OC 2OC 1H 2H 1M 2MRTLNBE 1A 2A 1AQ 2AQ", "550"},
    {"postfix", NULL, 1, 1, {"", "C:a"}, " 1OC 2OC 1HMRTLNBEAAQ", "250"},
    {"sendmail", NULL, 1, 1, {"C:a", "E:r"}, " 1O 2O 1C 2CHMRTLNBE 1Q 2Q", "554"},
    /* a discard, or a hold, ends it for those behind */
    {"stalwart", NULL, 1, 2, {"E1:d", "E1:r"}, " 1OCHMRTLNBEOCHMRTLNBEQ 2OCHMRTLNBE", "250 503"},
    {"stalwart", "mail,data", 1, 1, {"", "M:d", ""}, " 1OCHMQ 2OCHM", "503"},
    {"postfix",
     NULL,
     1,
     2,
     {"M1:d", ""},
     " 1OC 2OC 1H 2H 1MA 2A 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "250 250"},
    {"postfix", NULL, 1, 1, {"", "R:d"}, " 1OC 2OC 1H 2H 1M 2M 1R 2R 1A 2A 1AQ 2AQ", "250"},
    {"postfix",
     NULL,
     1,
     1,
     {"E:d", "E:r"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBEA 2A 1AQ 2AQ",
     "250"},
    {"postfix",
     NULL,
     1,
     1,
     {"E:qc", "E:r"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBEA 2A 1AQ 2AQ",
     "250"},
    {"postfix",
     NULL,
     1,
     1,
     {"E:4", "E:r"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBEA 2A 1AQ 2AQ",
     "250"},
    {"sendmail", NULL, 1, 1, {"R:d", "E:r"}, " 1O 2O 1C 2C 1H 2H 1M 2M 1RAQ 2Q", "250"},
    {"sendmail",
     NULL,
     1,
     1,
     {"", "E:d"},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1Q 2Q",
     "250"},
    /* each sees what those before have made of it; Stalwart shows all of them the original */
    {"postfix",
     NULL,
     1,
     1,
     {"E:hbc", "E:hc", ""},
     " 1OC 2OC 3OC 1H 2H 3H 1M 2M 3M 1R 2R 3R 1T 2T 3T 1LNBE 2LLNBE 3LLLNBE 1A 2A 3A 1AQ 2AQ 3AQ",
     "250"},
    {"sendmail",
     NULL,
     1,
     1,
     {"E:hc", ""},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LLNBE 1Q 2Q",
     "250"},
    {"stalwart", NULL, 1, 1, {"E:hc", ""}, " 1OCHMRTLNBEQ 2OCHMRTLNBEQ", "250"},
    /* refusals */
    {"stalwart", NULL, 1, 2, {"L1:r", ""}, " 1OCHMRTLOCHMRTLNBEQ 2OCHMRTLNBEQ", "503 250"},
    {"stalwart",
     NULL,
     1,
     2,
     {"", "E1:t"},
     " 1OCHMRTLNBEQ 2OCHMRTLNBE 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "451 250"},
    {"stalwart", NULL, 1, 2, {"E:f", ""}, " 1OCHMRTLNBE", "0 0"},
    {"stalwart", NULL, 1, 2, {"", "E:f"}, " 1OCHMRTLNBEQ 2OCHMRTLNBE", "0 0"},
    {"stalwart", "connect,data", 1, 2, {"C1:r", ""}, " 1OC", "503 503"},
    {"stalwart", "connect,data", 1, 2, {"", "C1:r"}, " 1OCHQ 2OC", "503 503"},
    {"stalwart", "ehlo,mail", 1, 1, {"", "H:t"}, " 1OCHQ 2OCH", "451"},
    {"stalwart",
     "mail,data",
     1,
     2,
     {"M1:r", ""},
     " 1OCHMOCHMQ 2OCHMQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "503 250"},
    {"stalwart",
     "mail,data",
     1,
     2,
     {"", "M1:r"},
     " 1OCHMQ 2OCHM 1OCHMQ 2OCHMQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "503 250"},
    {"stalwart",
     "rcpt,data",
     2,
     1,
     {"R1:r", ""},
     " 1OCHMROCHMRQ 2OCHMRQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "250"},
    {"stalwart",
     "rcpt,data",
     2,
     1,
     {"", "R1:r"},
     " 1OCHMRQ 2OCHMR 1OCHMRQ 2OCHMRQ 1OCHMRTLNBEQ 2OCHMRTLNBEQ",
     "250"},
    {"stalwart", "rcpt,data", 1, 1, {"", "R:r"}, " 1OCHMRQ 2OCHMR", "503"},
    {"postfix",
     NULL,
     1,
     2,
     {"M1:r", ""},
     " 1OC 2OC 1H 2H 1MA 2A 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "550 250"},
    {"postfix",
     NULL,
     1,
     2,
     {"", "M1:r"},
     " 1OC 2OC 1H 2H 1M 2M 1A 2A 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "550 250"},
    {"postfix",
     NULL,
     2,
     1,
     {"R1:r", ""},
     " 1OC 2OC 1H 2H 1M 2M 1RR 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "250"},
    {"postfix",
     NULL,
     2,
     1,
     {"", "R1:r"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "250"},
    {"postfix", NULL, 1, 1, {"", "R:r"}, " 1OC 2OC 1H 2H 1M 2M 1R 2R 1A 2A 1AQ 2AQ", "550"},
    {"postfix", NULL, 1, 1, {"", "T:t"}, " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1A 2A 1AQ 2AQ", "451"},
    {"postfix",
     NULL,
     1,
     2,
     {"", "E1:r"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ "
     "2AQ",
     "550 250"},
    {"postfix",
     NULL,
     1,
     2,
     {"", "E1:y"},
     " 1OC 2OC 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1A 2A 1AQ 2AQ",
     "421 0"},
    {"postfix", NULL, 1, 2, {"M1:y", ""}, " 1OC 2OC 1H 2H 1MA 2A 1AQ 2AQ", "421 0"},
    {"postfix", NULL, 1, 2, {"", "M1:y"}, " 1OC 2OC 1H 2H 1M 2M 1A 2A 1AQ 2AQ", "421 0"},
    {"postfix", NULL, 1, 1, {"C:r", ""}, " 1OC", "550"},
    {"postfix", NULL, 1, 1, {"", "C:r"}, " 1OC 2OC 1HMAAQ", "550"},
    {"postfix", NULL, 1, 1, {"", "C:y"}, " 1OC 2OC 1AQ", "421"},
    {"postfix", NULL, 1, 1, {"H:t", ""}, " 1OC 2OC 1H 2AAQ", "451"},
    {"postfix", NULL, 1, 1, {"", "H:t"}, " 1OC 2OC 1H 2H 1MAAQ", "451"},
    {"sendmail", NULL, 1, 1, {"C:r", ""}, " 1O 2O 1CQ 2Q", "550"},
    {"sendmail", NULL, 1, 1, {"", "H:r"}, " 1O 2O 1C 2C 1H 2H 1Q 2Q", "550"},
    {"sendmail",
     NULL,
     1,
     2,
     {"", "M1:t"},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1AM 2M 1R 2R 1T 2T 1LNBE 2LNBE 1Q 2Q",
     "451 250"},
    {"sendmail",
     NULL,
     2,
     1,
     {"", "R1:r"},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1R 2R 1R 2R 1T 2T 1LNBE 2LNBE 1Q 2Q",
     "250"},
    {"sendmail",
     NULL,
     1,
     1,
     {"", "E:r"},
     " 1O 2O 1C 2C 1H 2H 1M 2M 1R 2R 1T 2T 1LNBE 2LNBE 1Q 2Q",
     "554"},
};

static void test_trials(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(TRIALS); i++) {
        struct trial t = TRIALS[i];
        helper_every_alloc(run, &t);
    }
}

/* The modifications of all, in the milters' order, each with its number. */
static void test_sum(void **state)
{
    (void)state;
    struct trial t = {"postfix", NULL, 2, 1, {"R1:r E:hc", "E:hbc", ""}, "", ""};
    struct party *p = drill_alloc_resize(NULL, NULL, sizeof(*p));
    struct drill_mta *face = drill_alloc_resize(NULL, NULL, sizeof(*face));
    struct drill_applied d;
    party_open(p, &t, NULL);
    play(p, &t);
    assert_int_equal(drill_several_face(&p->all, face), DRILL_OK);
    const char *codes = "hhb";
    const struct drill_mod *m = face->mods;
    for (size_t i = 0; i < 3; i++, m = m->next) {
        assert_non_null(m);
        assert_int_equal(m->code, codes[i]);
        assert_int_equal(m->milter, i > 0);
    }
    assert_null(m);
    assert_int_equal(drill_apply_mta(face, 1, &p->shared, &d), DRILL_OK);
    assert_int_equal(d.disposition, DRILL_DISPOSE_DELIVER);
    assert_int_equal(d.rcpts, 1); /* the first milter refused the other */
    helper_assert_bytes(d.rcpt[0], text("<carol@example.com>"), "recipient");
    helper_assert_bytes(d.mail.raw, text("Subject: Hi\r\nX-N: N\r\nX-N: N\r\n\r\nNew.\r\n"),
                        "message");
    party_close(p);
    drill_alloc_resize(NULL, face, 0);
    drill_alloc_resize(NULL, p, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
