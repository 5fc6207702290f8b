/* SPDX-License-Identifier: MIT */
/* The SMTP client: STARTTLS and AUTH, offered or not, and servers that answer them wrongly. */
#include "helper_alloc.h"
#include "helper_split.h"
#include "tests/talk_smtp.h"

#define TLS_EHLO   "250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n"
#define PLAIN_EHLO "250-mx\r\n250-AUTH GSSAPI LOGIN plain\r\n250 SIZE\r\n"
#define LOGIN_EHLO "250-mx\r\n250 AUTH LOGIN\r\n"
#define READY      "220 2.0.0 Ready\r\n"
#define USER       "334 VXNlcm5hbWU6\r\n"
#define PASSWORD   "334 UGFzc3dvcmQ6\r\n"
#define IN         "235 2.7.0 in\r\n"
#define NOT_IN     "535 5.7.8 no\r\n"
#define END        OK OK GO OK BYE

#define C_EHLO "EHLO client.example\r\n"
#define C_MAIL                                                                                \
    "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n" SENT "QUIT\r\n<" \
    "close>"
#define C_PLAIN "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" /* NUL alice NUL secret */
#define C_LOGIN "AUTH LOGIN\r\n"
#define C_USER  "YWxpY2U=\r\n"
#define C_PASS  "c2VjcmV0\r\n"

static const struct drill_smtp_login ERIN = {
    {(const uint8_t *)"erin", 4}, {(const uint8_t *)"other", 5}, NULL};
static const struct drill_smtp_login ALICE = {
    {(const uint8_t *)"alice", 5}, {(const uint8_t *)"secret", 6}, &ERIN};

enum { TLS = 1, AUTH = 2 };

static struct talk *talk_secure(int wants, const struct drill_alloc *alloc)
{
    struct talk *t = talk_new(0, 0, alloc);
    t->config.starttls = true;
    t->config.logins = &ALICE;
    t->clients[0].tls = wants & TLS;
    t->clients[0].auth = drill_span_str(wants & AUTH ? "alice" : "");
    return t;
}

/* Says what is left, one reply after the other: a server that waits for its client. */
static void say_all(struct talk *t, const char *replies)
{
    while (*replies && !t->done) {
        const char *end = replies;
        while (end[3] == '-') {
            end = strchr(end, '\n') + 1;
        }
        end = strchr(end, '\n') + 1;
        feed(t, drill_span_of(replies, (size_t)(end - replies)));
        replies = end;
    }
}

static const struct row {
    const char *name;
    int wants;
    const char *replies;
    const char *sent; /* behind <open> */
    const char *told;
} ROWS_GOOD[] = {
    {"nothing is asked for", 0, HI TLS_EHLO END, C_EHLO C_MAIL,
     "C220 H250 M250 R250 T354 E250! Q221"},
    {"TLS", TLS, HI TLS_EHLO READY EHLO END, C_EHLO "STARTTLS\r\n<tls>" C_EHLO C_MAIL,
     "C220 H250 U220 H250 M250 R250 T354 E250! Q221"},
    {"a login by PLAIN", AUTH, HI PLAIN_EHLO IN END, C_EHLO C_PLAIN C_MAIL,
     "C220 H250 U235 M250 R250 T354 E250! Q221"},
    {"a login by LOGIN", AUTH, HI LOGIN_EHLO USER PASSWORD IN END,
     C_EHLO C_LOGIN C_USER C_PASS C_MAIL, "C220 H250 U334 U334 U235 M250 R250 T354 E250! Q221"},
    {"empty challenges", AUTH, HI LOGIN_EHLO "334 \r\n334\r\n" IN END,
     C_EHLO C_LOGIN C_USER C_PASS C_MAIL, "C220 H250 U334 U334 U235 M250 R250 T354 E250! Q221"},
    {"both", TLS | AUTH, HI TLS_EHLO READY PLAIN_EHLO IN END,
     C_EHLO "STARTTLS\r\n<tls>" C_EHLO C_PLAIN C_MAIL,
     "C220 H250 U220 H250 U235 M250 R250 T354 E250! Q221"},
    {"a login that is taken in TLS only", AUTH, HI TLS_EHLO READY PLAIN_EHLO IN END,
     C_EHLO "STARTTLS\r\n<tls>" C_EHLO C_PLAIN C_MAIL,
     "C220 H250 U220 H250 U235 M250 R250 T354 E250! Q221"},
    {"a login that is refused", AUTH, HI PLAIN_EHLO NOT_IN BYE, C_EHLO C_PLAIN "QUIT\r\n<close>",
     "C220 H250 U535 H535! Q221"},
    {"a name that is refused", AUTH, HI LOGIN_EHLO USER NOT_IN BYE,
     C_EHLO C_LOGIN C_USER "QUIT\r\n<close>", "C220 H250 U334 U535 H535! Q221"},
    {"gone at the login", AUTH, HI PLAIN_EHLO "421 bye\r\n", C_EHLO C_PLAIN "<close>",
     "C220 H250 U421 H421!"},
    /* what cannot be had */
    {"no STARTTLS", TLS, HI EHLO BYE, C_EHLO "QUIT\r\n<close>", "C220 H250 A0! Q221"},
    {"no EHLO", TLS, HI "502 what\r\n" OK BYE, C_EHLO "HELO client.example\r\nQUIT\r\n<close>",
     "C220 H502 H250 A0! Q221"},
    {"STARTTLS is refused", TLS, HI TLS_EHLO "454 4.7.0 no\r\n" BYE,
     C_EHLO "STARTTLS\r\nQUIT\r\n<close>", "C220 H250 U454 H454! Q221"},
    {"no AUTH", AUTH, HI EHLO BYE, C_EHLO "QUIT\r\n<close>", "C220 H250 A0! Q221"},
    {"no AUTH in TLS either", AUTH, HI TLS_EHLO READY TLS_EHLO BYE,
     C_EHLO "STARTTLS\r\n<tls>" C_EHLO "QUIT\r\n<close>", "C220 H250 U220 H250 A0! Q221"},
};

static void test_what_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(ROWS_GOOD); i++) {
        const struct row *row = &ROWS_GOOD[i];
        struct talk *t = talk_secure(row->wants, NULL);
        start(t);
        say_all(t, row->replies);
        t->log[t->w.len] = '\0';
        if (strcmp(t->log + strlen("<open>"), row->sent) != 0) {
            fail_msg("%s: %s", row->name, t->log);
        }
        assert_told(t, row->told);
        assert_true(t->done);
        assert_null(t->smtp.faulty);
        assert_int_equal(t->smtp.lacks != NULL,
                         strstr(row->told, "A0!") || strstr(row->told, "U454"));
        assert_int_equal(t->smtp.no_login != NULL, strstr(row->told, "U535") != NULL);
        talk_free(t);
    }
}

/* Two sessions: what one begins, the next has to begin again; what one cannot have, ends all. */
static void test_sessions_of_their_own(void **state)
{
    (void)state;
    struct talk *t = talk_new(0, 1, NULL);
    t->config.starttls = true;
    t->config.logins = &ALICE;
    t->config.any_login = true;
    t->clients[0].tls = t->clients[1].tls = true;
    t->clients[0].auth = BYTES("nobody");
    start(t);
    say_all(t, HI TLS_EHLO READY PLAIN_EHLO IN END HI TLS_EHLO READY EHLO END);
    assert_told(t, "C220 H250 U220 H250 U235 M250 R250 T354 E250! Q221 "
                   "C220 H250 U220 H250 2:M250 2:R250 2:T354 2:E250! Q221");
    assert_non_null(strstr(t->log, C_PLAIN)); /* the first login stands for one that is not there */
    talk_free(t);

    t = talk_new(0, 1, NULL);
    t->config.starttls = true;
    t->clients[0].tls = true;
    start(t);
    say_all(t, HI EHLO BYE);
    assert_true(t->done);
    assert_told(t, "C220 H250 A0! Q221");
    talk_free(t);
}

/* Nothing is begun that the configuration does not have. */
static void test_without_the_means(void **state)
{
    (void)state;
    struct talk *t = talk_secure(TLS | AUTH, NULL);
    t->config.starttls = false;
    t->config.logins = &ERIN;
    start(t);
    say_all(t, HI "250-mx\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n" END);
    assert_told(t, "C220 H250 M250 R250 T354 E250! Q221");
    talk_free(t);
}

static void test_a_login_goes_before_xclient(void **state)
{
    (void)state;
    for (int has = 0; has < 2; has++) {
        struct talk *t = talk_secure(AUTH, NULL);
        t->config.logins = has ? &ALICE : NULL;
        start(t);
        say_all(t, HI "250-mx\r\n250-XCLIENT LOGIN PORT\r\n250 AUTH PLAIN\r\n" HI
                      "250-mx\r\n250 AUTH PLAIN\r\n");
        assert_non_null(
            strstr(t->log, has ? "XCLIENT PORT=47324\r\n" : "XCLIENT PORT=47324 LOGIN=alice\r\n"));
        assert_int_equal(strstr(t->log, "AUTH PLAIN ") != NULL, has);
        talk_free(t);
    }
}

static void test_base64(void **state)
{
    static const char *const rows[][3] = {
        {"a", "", "AUTH PLAIN AGEA\r\n"},
        {"a", "b", "AUTH PLAIN AGEAYg==\r\n"},
        {"a", "bc", "AUTH PLAIN AGEAYmM=\r\n"},
        {"\xff\xfe", "\xfb\xef", "AUTH PLAIN AP/+APvv\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct drill_smtp_login l = {drill_span_str(rows[i][0]), drill_span_str(rows[i][1]), NULL};
        struct talk *t = talk_secure(AUTH, NULL);
        t->config.logins = &l;
        t->clients[0].auth = l.user;
        serve(t, "g");
        say_all(t, PLAIN_EHLO);
        assert_non_null(strstr(t->log, rows[i][2]));
        talk_free(t);
    }
}

/* The longest name and password that there may be fit. */
static void test_longest_login(void **state)
{
    uint8_t long_one[DRILL_SMTP_LOGIN_MAX];
    (void)state;
    memset(long_one, 'x', sizeof(long_one));
    struct drill_span s = drill_span_of(long_one, sizeof(long_one));
    struct drill_smtp_login l = {s, s, NULL};
    struct talk *t = talk_secure(AUTH, NULL);
    t->config.logins = &l;
    t->clients[0].auth = s;
    serve(t, "g");
    say_all(t, PLAIN_EHLO);
    assert_int_equal(t->w.len, strlen("<open>" C_EHLO "AUTH PLAIN \r\n") + 684);
    talk_free(t);
}

/* ---- servers that answer wrongly ---- */

struct bad {
    int wants;
    const char *before, *reply, *behind;
    unsigned faults;
    const char *told;
};

static void run_bad(void *ctx, const struct drill_span *pieces, size_t count,
                    struct drill_writer *log)
{
    const struct bad *b = ctx;
    struct talk *t = talk_secure(b->wants, NULL);
    start(t);
    say_all(t, b->before);
    for (size_t i = 0; i < count; i++) {
        feed(t, pieces[i]);
    }
    say_all(t, b->behind);
    drill_write_text(log, "");
    assert_told(t, b->told);
    assert_non_null(t->smtp.faulty);
    assert_int_equal(t->smtp.faulty->faults, b->faults);
    talk_free(t);
}

static void test_faults_at_every_split(void **state)
{
    static const struct bad rows[] = {
        {AUTH, HI LOGIN_EHLO, "334 VXNlcm5hbWU\r\n", "501 no\r\n" BYE, DRILL_SMTP_BAD_CHALLENGE,
         "C220 H250 U334 U501 H501! Q221"},
        {AUTH, HI LOGIN_EHLO, "334 User name\r\n", "501 no\r\n" BYE, DRILL_SMTP_BAD_CHALLENGE,
         "C220 H250 U334 U501 H501! Q221"},
        {AUTH, HI LOGIN_EHLO, "334 ====\r\n", "501 no\r\n" BYE, DRILL_SMTP_BAD_CHALLENGE,
         "C220 H250 U334 U501 H501! Q221"},
        {AUTH, HI LOGIN_EHLO, "334-VXNl\r\n334 cm5h\r\n", "501 no\r\n" BYE,
         DRILL_SMTP_BAD_CHALLENGE, "C220 H250 U334 U501 H501! Q221"},
        {AUTH, HI LOGIN_EHLO USER, "334 UGFzc3dvcmQ6*\r\n", "501 no\r\n" BYE,
         DRILL_SMTP_BAD_CHALLENGE, "C220 H250 U334 U334 U501 H501! Q221"},
        /* a code that the command cannot have */
        {AUTH, HI PLAIN_EHLO, USER, "501 no\r\n" BYE, DRILL_SMTP_WRONG_CODE,
         "C220 H250 U334 U501 H501! Q221"},
        {AUTH, HI PLAIN_EHLO, "250 ok\r\n", END, DRILL_SMTP_WRONG_CODE,
         "C220 H250 U250 M250 R250 T354 E250! Q221"},
        {AUTH, HI LOGIN_EHLO, IN, END, DRILL_SMTP_WRONG_CODE,
         "C220 H250 U235 M250 R250 T354 E250! Q221"},
        {AUTH, HI LOGIN_EHLO USER PASSWORD, USER, "501 no\r\n" BYE, DRILL_SMTP_WRONG_CODE,
         "C220 H250 U334 U334 U334 U501 H501! Q221"},
        {TLS, HI TLS_EHLO, "250 ok\r\n", EHLO END, DRILL_SMTP_WRONG_CODE,
         "C220 H250 U250 H250 M250 R250 T354 E250! Q221"},
        {TLS, HI TLS_EHLO, "354 go\r\n", BYE, DRILL_SMTP_WRONG_CODE, "C220 H250 U354 A0! Q221"},
        {TLS, HI TLS_EHLO, "ready\r\n", BYE, DRILL_SMTP_NO_CODE, "C220 H250 U0 A0! Q221"},
        {AUTH, HI PLAIN_EHLO, "in\r\n", BYE, DRILL_SMTP_NO_CODE, "C220 H250 U0 A0! Q221"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        helper_every_split(drill_span_str(rows[i].reply), run_bad, (void *)(uintptr_t)&rows[i], "");
    }
}

/* A server that takes a cancelled login for one. */
static void test_a_cancelled_login_is_none(void **state)
{
    struct talk *t = talk_secure(AUTH, NULL);
    (void)state;
    start(t);
    say_all(t, HI LOGIN_EHLO "334 ?\r\n" IN BYE);
    assert_told(t, "C220 H250 U334 U235 A0! Q221");
    assert_non_null(strstr(t->log, C_LOGIN "*\r\nQUIT\r\n"));
    assert_int_equal(t->smtp.no_login->faults, DRILL_SMTP_WRONG_CODE);
    talk_free(t);
}

/* Who can write into the plain part of a connection may add what the client would believe to come
 * through TLS. However the bytes are cut, none of them is: what came with the 220 ends the session,
 * what comes behind it belongs to the handshake. */
static void run_injected(void *ctx, const struct drill_span *pieces, size_t count,
                         struct drill_writer *log)
{
    struct talk *t = talk_secure(TLS, NULL);
    (void)ctx;
    start(t);
    say_all(t, HI TLS_EHLO);
    for (size_t i = 0; i < count && !strstr(t->log, "<tls>"); i++) {
        feed(t, pieces[i]);
    }
    drill_write_text(log, "");
    if (strstr(t->log, "<tls>")) {
        assert_told(t, "C220 H250 U220");
        assert_string_equal(t->log, "<open>" C_EHLO "STARTTLS\r\n<tls>" C_EHLO);
        assert_null(t->smtp.faulty);
    } else {
        assert_told(t, "C220 H250 U220 A0!");
        assert_string_equal(t->log, "<open>" C_EHLO "STARTTLS\r\n<close>");
        assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_IN_PLAIN);
        assert_true(t->done);
    }
    talk_free(t);
}

static void test_injected_replies_at_every_split(void **state)
{
    (void)state;
    helper_every_split(BYTES(READY "250-mx\r\n250 AUTH PLAIN\r\n"), run_injected, NULL, "");
    helper_every_split(BYTES(READY "2"), run_injected, NULL, "");
}

/* ---- endings ---- */

static void test_lost_and_silent_at_every_place(void **state)
{
    static const char *const replies[] = {HI, TLS_EHLO, READY, LOGIN_EHLO, USER, PASSWORD, IN};
    static const char *const want[] = {
        "C0 C0!",
        "C220 H0 H0!",
        "C220 H250 U0 H0!",
        "C220 H250 U220 H0 H0!",
        "C220 H250 U220 H250 U0 H0!",
        "C220 H250 U220 H250 U334 U0 H0!",
        "C220 H250 U220 H250 U334 U334 U0 H0!",
        "C220 H250 U220 H250 U334 U334 U235 M0!",
    };
    (void)state;
    for (size_t lost = 0; lost < ROWS(want); lost++) {
        for (int silent = 0; silent < 2; silent++) {
            struct talk *t = talk_secure(TLS | AUTH, NULL);
            start(t);
            for (size_t i = 0; i < lost; i++) {
                say(t, replies[i]);
            }
            t->now += silent ? PATIENCE : 0;
            tell(t, (struct drill_smtp_event){.kind = silent ? DRILL_SMTP_TICK : DRILL_SMTP_ENDED,
                                              .how = silent ? DRILL_END_NONE : DRILL_END_RST});
            pump(t);
            assert_told(t, want[lost]);
            assert_true(t->done);
            assert_null(t->smtp.no_login);
            assert_null(t->smtp.lacks);
            talk_free(t);
        }
    }
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    struct talk *t = talk_secure(TLS | AUTH, alloc);
    (void)ctx;
    start(t);
    say_all(t, HI TLS_EHLO READY LOGIN_EHLO USER PASSWORD NOT_IN BYE);
    assert_true(t->done);
    bool good = !t->smtp.no_memory;
    talk_free(t);
    return good;
}

static void test_each_allocation_may_fail(void **state)
{
    (void)state;
    helper_every_alloc(every_allocation, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_sessions_of_their_own),
        cmocka_unit_test(test_without_the_means),
        cmocka_unit_test(test_a_login_goes_before_xclient),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_longest_login),
        cmocka_unit_test(test_faults_at_every_split),
        cmocka_unit_test(test_a_cancelled_login_is_none),
        cmocka_unit_test(test_injected_replies_at_every_split),
        cmocka_unit_test(test_lost_and_silent_at_every_place),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
