/* SPDX-License-Identifier: MIT */
/* What MTAs tell a milter of what their clients do beside their mail. */
#include "talk_mta.h"

enum { EXTRAS = 3 };

struct does {
    uint8_t stage;
    const char *line; /* "!": the client is lost; "*": it begins TLS */
    uint32_t message; /* 0: the first */
};

struct row {
    const char *mta;
    struct does does[EXTRAS];
    const char *sent;
    const char *told;
    uint8_t stop, verdict; /* answer that command so, instead of `continue` */
    uint32_t no;           /* SMFIP_* that the milter asks for */
    const char *key, *value;
};

/* The frames of a message up to its recipient, and from then on. */
#define PM    "DM DR"
#define PC    " DT DL DN DB DE A "
#define SM    "DM DR"
#define SC    " T L N B DE "
#define TOLD  "C 220 H 250 "
#define MAIL  "M 250 R1 250 "
#define MAIL2 "2:M 250 2:R1 250 2:T 354 2:E 250*"

static const struct row CASES[] = {
    /* Postfix: protocol.md 5.2's streams. */
    {"postfix",
     {{'R', "RSET", 0}},
     "open O DC DH " PM " A " PM PC "A Q close",
     TOLD MAIL "A 0* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'M', "rset", 0}},
     "open O DC DH DM A " PM PC "A Q close",
     TOLD "M 250 A 0* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "RSET", 0}, {'E', "RSET", 0}, {'E', "NOOP", 1}},
     "open O DC DH " PM PC PM PC "A Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "EHLO again.example", 0}},
     "open O DC DH DH A " PM PC PM PC "A Q close",
     "C 220 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'C', "HELO early.example", 0}},
     "open O DC DH DH " PM PC PM PC "A Q close",
     "C 220 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'R', "EHLO again.example", 0}},
     "open O DC DH " PM " DH A A " PM PC "A Q close",
     TOLD MAIL "A 0* H 250 " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'E', "EHLO again.example", 1}},
     "open O DC DH " PM PC PM PC "DH A A Q close",
     TOLD MAIL "T 354 E 250* " MAIL2 " H 250",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "FOOBAR baz", 0}, {'R', "XYZZY", 0}},
     "open O DC DH DU " PM " DU" PC PM PC "A Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "FOOBAR", 0}},
     "open O DC DH D " PM PC PM PC "A Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     DRILL_SMFIP_NOUNKNOWN,
     NULL,
     NULL},
    {"postfix",
     {{'H', "FOOBAR", 0}},
     "open O DC DH " PM " DL DN DB DE A " PM " DL DN DB DE A A Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     "milter_protocol",
     "2"},
    {"postfix",
     {{'R', "!", 0}},
     "open O DC DH " PM " A A Q close",
     TOLD MAIL "A 0* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'T', "!", 0}},
     "open O DC DH " PM " DT A A Q close",
     TOLD MAIL "T 354 A 0* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'E', "!", 0}},
     "open O DC DH " PM PC "A Q close",
     TOLD MAIL "T 354 E 250* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "QUIT", 0}},
     "open O DC DH A Q close",
     TOLD "A 0* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix", {{'C', "!", 0}}, "open O DC Q close", "C 220 A 0* 2:A 0*", 0, 0, 0, NULL, NULL},
    {"postfix",
     {{'R', "RSET", 0}, {'R', "FOOBAR", 0}, {'R', "!", 0}},
     "open O DC DH " PM " A DU A Q close",
     TOLD MAIL "A 0* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    {"postfix",
     {{'H', "*", 0}, {'H', "EHLO again.example", 0}},
     "open O DC DH A DH DH A " PM PC PM PC "A Q close",
     "C 220 H 250 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    /* The milter has had enough of the message: the client gives it up all the same. */
    {"postfix",
     {{'R', "FOOBAR", 0}, {'R', "RSET", 0}},
     "open O DC DH DM A " PM PC "A Q close",
     TOLD MAIL "A 0* " MAIL2,
     'M',
     'a',
     0,
     NULL,
     NULL},
    /* It is refused: what stands behind a later stage is never done. */
    {"postfix",
     {{'M', "FOOBAR", 0}, {'R', "!", 0}},
     "open O DC DH DM DU A " PM PC "A Q close",
     TOLD "M 550* " MAIL2,
     'M',
     'r',
     0,
     NULL,
     NULL},
    {"postfix",
     {{'R', "RSET", 0}, {'T', "!", 0}},
     "open O DC DH " PM " A " PM PC "A Q close",
     TOLD "M 250 R1 550* " MAIL2,
     'R',
     'r',
     0,
     NULL,
     NULL},
    {"postfix",
     {{'E', "EHLO again.example", 0}},
     "open O DC DH " PM PC "DH A " PM PC "A Q close",
     TOLD MAIL "T 354 E 550* H 250 " MAIL2,
     'E',
     'r',
     0,
     NULL,
     NULL},
    /* Sendmail: the old message first, and no end of one for a client that is gone. */
    {"sendmail",
     {{'R', "RSET", 0}},
     "open O DC DH " SM " A " SM SC "Q close",
     TOLD MAIL "A 0* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'R', "EHLO again.example", 0}},
     "open O DC DH " SM " A DH " SM SC "Q close",
     TOLD MAIL "A 0* H 250 " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'H', "RSET", 0}, {'H', "EHLO again.example", 0}},
     "open O DC DH DH " SM SC SM SC "Q close",
     "C 220 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'H', "*", 0}},
     "open O DC DH DH " SM SC SM SC "Q close",
     "C 220 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'M', "RSET", 0}},
     "open O DC DH DM " SM SC "Q close",
     TOLD "M 550* " MAIL2,
     'M',
     'r',
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'H', "FOOBAR baz", 0}},
     "open O DC DH U " SM SC SM SC "Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"sendmail",
     {{'H', "FOOBAR", 0}},
     "open O DC DH " SM SC SM SC "Q close",
     TOLD MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     DRILL_SMFIP_NOUNKNOWN,
     NULL,
     NULL},
    {"sendmail",
     {{'R', "!", 0}},
     "open O DC DH " SM " Q close",
     TOLD MAIL "A 0* 2:A 0*",
     0,
     0,
     0,
     NULL,
     NULL},
    /* Stalwart: a stage is run or it is not. */
    {"stalwart",
     {{'H', "FOOBAR", 0}, {'R', "RSET", 0}},
     "open O DC DH DM DR T L N B E Q close",
     TOLD MAIL "A 0* " MAIL2,
     0,
     0,
     0,
     NULL,
     NULL},
    {"stalwart", {{'R', "!", 0}}, "", TOLD MAIL "A 0* 2:A 0*", 0, 0, 0, NULL, NULL},
    {"stalwart", {{'T', "!", 0}}, "", TOLD MAIL "A 0* 2:A 0*", 0, 0, 0, NULL, NULL},
    {"stalwart",
     {{'R', "EHLO cl.example", 0}},
     "open O DC DH Q close",
     TOLD MAIL "A 0* 2:M 250 2:R1 250 2:T 354 2:E 250*",
     0,
     0,
     0,
     "stages",
     "ehlo"},
    {"stalwart",
     {{'R', "EHLO again.example", 0}, {'R', "!", 0}},
     "open O DC DH Q close open O DC DH Q close",
     TOLD MAIL "A 0* H 250 2:A 0*",
     0,
     0,
     0,
     "stages",
     "ehlo"},
    {"stalwart",
     {{'C', "EHLO early.example", 0}},
     "open O DC DH Q close open O DC DH Q close",
     "C 220 H 250 H 250 " MAIL "T 354 E 250* " MAIL2,
     0,
     0,
     0,
     "stages",
     "ehlo"},
};

static void give(struct talk *t, const struct row *r, struct drill_smtp_extra *list)
{
    for (int i = EXTRAS - 1; i >= 0; i--) {
        const struct does *d = &r->does[i];
        if (!d->line) {
            continue;
        }
        bool session = d->stage == 'C' || d->stage == 'H';
        const struct drill_smtp_extra **at =
            session ? &t->clients[0].extras : &t->messages[d->message].extras;
        enum drill_smtp_act act = d->line[0] == '!'   ? DRILL_SMTP_LOSE
                                  : d->line[0] == '*' ? DRILL_SMTP_SECURE
                                                      : DRILL_SMTP_SAY;
        t->clients[0].tls = t->clients[0].tls || act == DRILL_SMTP_SECURE;
        list[i] = (struct drill_smtp_extra){.session = 1,
                                            .message = d->message + 1,
                                            .stage = d->stage,
                                            .act = act,
                                            .line = text(d->line),
                                            .more = *at};
        *at = &list[i];
    }
}

static void play(struct talk *t, const struct row *r)
{
    if (r->stop) {
        talk_until(t, r->stop, r->no);
        talk_reply(t, r->verdict, text(""));
    }
    talk_until(t, 0, r->no);
}

static void test_frames_and_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(CASES); i++) {
        const struct row *r = &CASES[i];
        struct drill_smtp_extra list[EXTRAS];
        struct talk t;
        char told[400];
        talk_init(&t, r->mta);
        if (r->key) {
            talk_set(&t, r->key, r->value);
        }
        talk_two(&t);
        give(&t, r, list);
        talk_start(&t);
        play(&t, r);
        talk_told(&t, told, sizeof(told));
        if (strcmp(t.sent, r->sent) != 0 || strcmp(told, r->told) != 0) {
            fail_msg("row %zu, %s, %s: sent\n  %s\nnot\n  %s\ntold\n  %s\nnot\n  %s", i, r->mta,
                     r->does[0].line, t.sent, r->sent, told, r->told);
        }
        talk_fini(&t);
    }
}

/* A milter that is lost at an EHLO behind the last message: nothing is left to wait for. */
static void test_milter_is_lost_behind_the_last_message(void **state)
{
    static const char *const programs[] = {"postfix", "sendmail"};
    (void)state;
    for (size_t i = 0; i < ROWS(programs); i++) {
        struct drill_smtp_extra list = {.stage = 'E', .line = text("EHLO again.example")};
        struct talk t;
        struct drill_mta_step step;
        talk_init(&t, programs[i]);
        t.messages[0].extras = &list;
        talk_start(&t);
        talk_until(&t, 'E', 0);
        talk_reply(&t, 'c', text(""));
        talk_until(&t, 'H', 0);
        drill_mta_timed_out(&t.mta);
        drill_mta_peek(&t.mta, &step);
        assert_int_equal(step.kind, DRILL_MTA_CLOSE);
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
        talk_fini(&t);
    }
}

/* What is told of TLS: nothing with the first HELO, all with the second, whose name is the same. */
static void test_macros_of_starttls(void **state)
{
#define IN_TLS                                                                   \
    "H{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0{cipher_bits}\0" \
    "256\0"
    const struct {
        const char *mta;
        struct drill_span macros;
    } programs[] = {{"postfix", BYTES(IN_TLS)},
                    {"sendmail", BYTES(IN_TLS "{cert_subject}\0\0{cert_issuer}\0\0")}};
#undef IN_TLS
    (void)state;
    for (size_t i = 0; i < ROWS(programs); i++) {
        struct drill_smtp_extra tls = {.stage = 'H', .act = DRILL_SMTP_SECURE};
        struct talk t;
        talk_init(&t, programs[i].mta);
        t.clients[0].tls = true;
        t.clients[0].extras = &tls;
        talk_start(&t);
        assert_frames(&t, 'H', BYTES("H"), BYTES("cl.example\0"));
        assert_frames(&t, 'H', programs[i].macros, BYTES("cl.example\0"));
        talk_fini(&t);
    }
}

/* The words of the client: Postfix passes on the verb, Sendmail the line. */
static void test_words(void **state)
{
    static const struct {
        const char *mta;
        const char *unknown;
    } programs[] = {{"postfix", "FOOBAR"}, {"sendmail", "FOOBAR baz"}};
    (void)state;
    for (size_t i = 0; i < ROWS(programs); i++) {
        struct drill_smtp_extra list[2] = {
            {.stage = 'H', .line = text("FOOBAR baz"), .more = &list[1]},
            {.stage = 'H', .line = text("EHLO again.example")}};
        struct talk t;
        struct drill_mta_step step;
        talk_init(&t, programs[i].mta);
        t.clients[0].extras = list;
        talk_start(&t);
        talk_until(&t, 'U', 0);
        talk_reply(&t, 'c', text(""));
        drill_mta_peek(&t.mta, &step);
        assert_int_equal(step.command.code, 'H');
        helper_assert_bytes(step.command.str[0], text("again.example"), "HELO");
        talk_fini(&t);
        talk_init(&t, programs[i].mta);
        t.clients[0].extras = list;
        talk_start(&t);
        assert_frames(&t, 'H', i ? BYTES("H") : BYTES("H"), BYTES("cl.example\0"));
        talk_reply(&t, 'c', text(""));
        drill_mta_peek(&t.mta, &step);
        assert_int_equal(step.command.code, 'U');
        helper_assert_bytes(step.command.str[0], text(programs[i].unknown), "U");
        talk_fini(&t);
    }
}

/* A cursor that runs ahead sees the ABORT before the milter has answered anything. */
static void test_plan_has_the_abort(void **state)
{
    static const char *const programs[] = {"postfix", "sendmail"};
    (void)state;
    for (size_t i = 0; i < ROWS(programs); i++) {
        struct drill_smtp_extra list = {.stage = 'R', .line = text("RSET")};
        struct talk t;
        struct drill_mta_step step;
        char codes[64] = "";
        talk_init(&t, programs[i]);
        talk_two(&t);
        t.messages[0].extras = &list;
        talk_start(&t);
        struct drill_mta_cursor c = t.mta.cursor;
        for (size_t n = 0; n < 8 && drill_mta_plan(&t.mta, &c, &step); n++) {
            codes[n] = (char)(step.kind == DRILL_MTA_SEND ? step.command.code : '.');
        }
        assert_string_equal(codes, ".OCHMRAM");
        talk_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_and_replies),
        cmocka_unit_test(test_milter_is_lost_behind_the_last_message),
        cmocka_unit_test(test_macros_of_starttls),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_plan_has_the_abort),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
