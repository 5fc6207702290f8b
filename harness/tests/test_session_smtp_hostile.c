/* SPDX-License-Identifier: MIT */
/* The SMTP client: lost connections, silence, replies that are none, and no memory. */
#include "helper_alloc.h"
#include "tests/talk_smtp.h"

static void end(struct talk *t, enum drill_end how, int error)
{
    tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_ENDED, .how = how, .error = error});
    pump(t);
}

/* ---- endings ---- */

static void test_connection_lost_at_every_place(void **state)
{
    static const char replies[] = "gekkdkq";
    static const char *const want[] = {
        "C0 C0! 2:C0!",
        "C220 H0 H0! 2:H0!",
        "C220 H250 M0! 2:M0!",
        "C220 H250 M250 R0! 2:R0!",
        "C220 H250 M250 R250 T0! 2:T0!",
        "C220 H250 M250 R250 T354 E0! 2:E0!",
        "C220 H250 M250 R250 T354 E250! 2:M0!",
    };
    (void)state;
    for (size_t lost = 0; lost < ROWS(want); lost++) {
        struct talk *t = talk_new(1, 0, NULL);
        start(t);
        for (size_t i = 0; i < lost; i++) {
            say_letter(t, replies[i]);
        }
        end(t, DRILL_END_RST, 104);
        assert_told(t, want[lost]);
        assert_true(t->done);
        assert_null(t->smtp.faulty);
        const struct drill_smtp_reply *r = t->smtp.last;
        assert_true(r->how == DRILL_END_RST && r->error == 104 && !r->silent);
        assert_int_equal(drill_smtp_outcome(&t->smtp, 1)->line.len, lost == 6 ? 12 : 0);
        talk_free(t);
    }
}

static void test_connection_refused(void **state)
{
    struct talk *t = talk_new(0, 2, NULL);
    (void)state;
    t->refuse = true;
    start(t);
    assert_told(t, "C0 C0! C0 2:C0! 3:C0!");
    assert_true(t->done);
    assert_int_equal(t->smtp.opened, 0);
    assert_int_equal(t->smtp.last->how, DRILL_END_REFUSED);
    talk_free(t);
}

static void test_silence(void **state)
{
    static const char replies[] = "gekkdkq";
    (void)state;
    for (size_t count = 0; replies[count]; count++) {
        struct talk *t = talk_new(0, 1, NULL);
        start(t);
        for (size_t i = 0; i < count; i++) {
            say_letter(t, replies[i]);
        }
        /* Bytes that come one by one do not buy time. */
        t->now += PATIENCE - 1;
        say(t, "2");
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_TICK});
        pump(t);
        assert_int_equal(t->smtp.session, 1);
        t->now += 1;
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_TICK});
        t->refuse = true;
        pump(t);
        assert_true(t->done);
        assert_non_null(strstr(t->log, "<close><open>"));
        bool silent = false;
        for (const struct drill_smtp_reply *r = t->smtp.replies; r; r = r->next) {
            silent |= r->silent;
        }
        assert_true(silent);
        talk_free(t);
    }
}

static void test_connecting_takes_too_long(void **state)
{
    struct talk *t = talk_new(0, 0, NULL);
    struct drill_smtp_wish wish;
    (void)state;
    t->now = UINT64_MAX - 10; /* no overflow, whatever the clock says */
    drill_smtp_init(&t->smtp, &t->config, &t->arena);
    drill_smtp_wish(&t->smtp, t->now, &wish);
    assert_int_equal(wish.kind, DRILL_SMTP_OPEN);
    assert_true(wish.until == DRILL_SMTP_NEVER);
    t->now = UINT64_MAX;
    tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_TICK});
    pump(t);
    assert_true(t->done);
    assert_told(t, "C0 C0!");
    assert_true(t->smtp.last->silent);
    talk_free(t);
}

/* A server that refuses in the middle of a message, and closes: its reply is the outcome. */
static void test_reply_before_the_end_of_the_message(void **state)
{
    (void)state;
    for (int with_reply = 0; with_reply < 2; with_reply++) {
        struct talk *t = talk_new(0, 0, NULL);
        struct drill_smtp_wish wish;
        serve(t, "gekk");
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_BYTES, .bytes = BYTES(GO)});
        drill_smtp_wish(&t->smtp, t->now, &wish);
        assert_true(wish.send.len > 3);
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_WROTE, .wrote = 3});
        if (with_reply) {
            tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_BYTES,
                                              .bytes = BYTES("552 too big\r\n")});
        }
        end(t, DRILL_END_EPIPE, 32);
        assert_true(t->done);
        assert_told(t, with_reply ? "C220 H250 M250 R250 T354 E552! Q0"
                                  : "C220 H250 M250 R250 T354 E0!");
        talk_free(t);
    }
}

/* ---- replies that RFC 5321 does not know ---- */

static void test_faults(void **state)
{
    static const struct {
        const char *reply;
        unsigned faults;
        unsigned code;
        const char *line;
    } rows[] = {
        {"250 ok\r\n", 0, 250, "250 ok"},
        {"250\r\n", 0, 250, "250"},
        {"250 \r\n", 0, 250, "250 "},
        {"250-a\r\n250-\r\n250\r\n", 0, 250, "250-a\r\n250-\r\n250"},
        {"250 \ttab\r\n", 0, 250, "250 \ttab"},
        {"\r\n", DRILL_SMTP_NO_CODE, 0, ""},
        {"ok\r\n", DRILL_SMTP_NO_CODE, 0, "ok"},
        {"25\r\n", DRILL_SMTP_NO_CODE, 0, "25"},
        {"abc no\r\n", DRILL_SMTP_NO_CODE, 0, "abc no"},
        {"250ok\r\n", DRILL_SMTP_NO_CODE, 0, "250ok"},
        {"2500 ok\r\n", DRILL_SMTP_NO_CODE, 0, "2500 ok"},
        {"199 ok\r\n", DRILL_SMTP_NO_CODE, 199, "199 ok"},
        {"560 ok\r\n", DRILL_SMTP_NO_CODE, 560, "560 ok"},
        {"250-a\r\n550 b\r\n", DRILL_SMTP_CODE_SWITCH, 550, "250-a\r\n550 b"},
        {"250-a\r\nb\r\n250 c\r\n", DRILL_SMTP_NO_CODE, 250, "250-a\r\nb\r\n250 c"},
        {"250 ok\n", DRILL_SMTP_BARE_LF, 250, "250 ok"},
        {"250-a\n250 ok\r\n", DRILL_SMTP_BARE_LF, 250, "250-a\r\n250 ok"},
        {"250 o\rk\r\n", DRILL_SMTP_BAD_BYTE, 250, "250 o\rk"},
        {"250 ok\r\r\n", DRILL_SMTP_BAD_BYTE, 250, "250 ok\r"},
        {"250 caf\xc3\xa9\r\n", DRILL_SMTP_BAD_BYTE, 250, "250 caf\xc3\xa9"},
        {"250 \x7f\r\n", DRILL_SMTP_BAD_BYTE, 250, "250 \x7f"},
        {"354 go\r\n", DRILL_SMTP_WRONG_CODE, 354, "354 go"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        serve(t, "ge");
        say(t, rows[i].reply);
        const struct drill_told *told_mail = drill_smtp_told(&t->smtp, 1, 'M', 0);
        assert_non_null(told_mail);
        assert_int_equal(told_mail->code, rows[i].code);
        helper_assert_bytes(told_mail->line, drill_span_str(rows[i].line), rows[i].reply);
        assert_int_equal(t->smtp.last->faults, rows[i].faults);
        assert_ptr_equal(t->smtp.faulty, rows[i].faults ? t->smtp.last : NULL);
        talk_free(t);
    }
    for (unsigned i = 0; i < DRILL_SMTP_FAULTS; i++) {
        assert_string_not_equal(drill_smtp_fault_text((enum drill_smtp_fault)(1u << i)), "unknown");
    }
}

static void test_data_answered_by_250(void **state)
{
    struct talk *t = talk_new(0, 0, NULL);
    (void)state;
    serve(t, "gekkkq");
    assert_told(t, "C220 H250 M250 R250 T250! Q221");
    assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_WRONG_CODE);
    talk_free(t);
}

static void test_nul_in_a_reply(void **state)
{
    struct talk *t = talk_new(0, 0, NULL);
    (void)state;
    serve(t, "ge");
    feed(t, BYTES("550 a\0b\r\n"));
    helper_assert_bytes(drill_smtp_outcome(&t->smtp, 1)->line, BYTES("550 a\0b"), "line");
    assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_BAD_BYTE);
    talk_free(t);
}

static void test_longest_line(void **state)
{
    (void)state;
    for (size_t len = 510; len <= 2000; len += len < 514 ? 1 : 700) {
        char line[2100] = "250 ";
        struct talk *t = talk_new(0, 0, NULL);
        memset(line + 4, 'x', len - 6);
        memcpy(line + len - 2, "\r\n", 3);
        serve(t, "ge");
        say(t, line);
        assert_told(t, "C220 H250 M250");
        assert_int_equal(t->smtp.last->faults, len > 512 ? DRILL_SMTP_LONG_LINE : 0);
        assert_int_equal(t->smtp.last->told.line.len, len > 512 ? 510 : len - 2);
        talk_free(t);
    }
}

static void test_torn_replies(void **state)
{
    static const char *const torn[] = {"2", "250 ok", "250 ok\r", "250-a\r\n", "250-a\r\n250 b\r"};
    (void)state;
    for (size_t i = 0; i < ROWS(torn); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        serve(t, "ge");
        say(t, torn[i]);
        end(t, DRILL_END_FIN, 0);
        assert_told(t, "C220 H250 M0!");
        assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_TORN);
        talk_free(t);
    }
}

/* The nth reply belongs to the nth command. */
static void test_a_reply_too_many_shifts_the_others(void **state)
{
    struct talk *t = talk_new(1, 0, NULL);
    (void)state;
    serve(t, "ge");
    say(t, NO OK);
    assert_told(t, "C220 H250 M550! 2:M250");
    assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_EARLY);
    assert_int_equal(t->smtp.faulty->told.message, 2);
    talk_free(t);
}

static void test_a_reply_behind_the_last(void **state)
{
    struct talk *t = talk_new(0, 0, NULL);
    (void)state;
    serve(t, "genQ");
    assert_true(t->done);
    assert_int_equal(t->smtp.faulty->faults, DRILL_SMTP_EARLY);
    assert_int_equal(t->smtp.faulty->told.stage, DRILL_SMFIC_QUIT);
    talk_free(t);
}

static void test_endless_replies_are_given_up(void **state)
{
    static const char *const pieces[] = {"x", "250-x\r\n", "no code\r\n", "\n"};
    (void)state;
    for (size_t i = 0; i < ROWS(pieces); i++) {
        struct talk *t = talk_new(0, 0, NULL);
        serve(t, "ge");
        if (i >= 2) {
            say(t, "250-begin\r\n"); /* otherwise each line would be a reply of its own */
        }
        for (size_t bytes = 0; bytes < 2 * DRILL_SMTP_REPLY_MAX && !t->done; bytes++) {
            say(t, pieces[i]);
        }
        assert_true(t->done);
        assert_told(t, "C220 H250 M0!");
        assert_true(t->smtp.faulty->faults & DRILL_SMTP_ENDLESS);
        assert_true(t->arena.held < 20000);
        talk_free(t);
    }
}

/* ---- whatever comes ---- */

static uint32_t random_next(uint32_t *x)
{
    *x = *x * 1664525u + 1013904223u;
    return *x >> 8;
}

/* It comes to an end with an outcome for each message, whatever a server says, in whatever pieces.
 */
static void test_random_servers(void **state)
{
    static const char *const words[] = {
        "220 ", "250-", "250 ", "354 ",      "421 ",      "550-",
        "5",    "\r\n", "\r\n", "\n",        "\r",        "x",
        OK,     EHLO,   GO,     HI,          BYE,         "250-XCLIENT ADDR NAME\r\n",
        "\xff", "250-", NO,     "220 x\r\n", "XFORWARD ", "\r\n250 XFORWARD NAME\r\n",
        "334 ", "YQ==", "235 ", "220 x\r\n", "235\r\n",   "250-STARTTLS\r\n250 AUTH LOGIN\r\n",
    };
    static const struct drill_smtp_login login = {
        {(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, NULL};
    (void)state;
    for (uint32_t seed = 1; seed <= 3000; seed++) {
        uint32_t x = seed;
        struct talk *t = talk_new(1, 1, NULL);
        t->write_max = 1 + random_next(&x) % 40;
        t->extras[0] = (struct drill_smtp_extra){1,
                                                 1,
                                                 (uint8_t) "CHMRTE"[x % 6],
                                                 DRILL_SMTP_SAY,
                                                 x & 1 ? BYTES("RSET") : BYTES("EHLO x"),
                                                 NULL,
                                                 NULL};
        t->config.extras = t->extras;
        t->config.starttls = true;
        t->config.logins = &login;
        t->clients[0].tls = x >> 1 & 1;
        t->clients[0].auth = drill_span_str(x >> 2 & 1 ? "a" : "");
        start(t);
        for (int i = 0; i < 60 && !t->done; i++) {
            say(t, words[random_next(&x) % ROWS(words)]);
            if (random_next(&x) % 40 == 0 && !t->done) {
                end(t, DRILL_END_FIN, 0);
            }
        }
        for (int i = 0; i < 4 && !t->done; i++) {
            end(t, DRILL_END_RST, 104);
        }
        assert_true(t->done);
        for (uint32_t n = 1; n <= 3; n++) {
            assert_true(t->smtp.lacks || drill_smtp_outcome(&t->smtp, n));
        }
        assert_false(t->w.overflow);
        talk_free(t);
    }
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    static const char replies[] = "gekkdknq";
    struct talk *t = talk_new(1, 1, alloc);
    char line[600] = "250-";
    (void)ctx;
    memset(line + 4, 'x', 490);
    memcpy(line + 490, "\r\n", 3);
    start(t);
    say(t, HI);
    for (int i = 0; i < 20 && !t->done; i++) {
        say(t, line);
    }
    say(t, OK);
    for (size_t i = 2; replies[i] && !t->done; i++) {
        say_letter(t, replies[i]);
    }
    t->refuse = true;
    if (!t->done) {
        end(t, DRILL_END_FIN, 0);
    }
    assert_true(t->done);
    bool good = !t->smtp.no_memory;
    assert_true(!good || (drill_smtp_outcome(&t->smtp, 3) && t->smtp.session == 2));
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
        cmocka_unit_test(test_connection_lost_at_every_place),
        cmocka_unit_test(test_connection_refused),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_connecting_takes_too_long),
        cmocka_unit_test(test_reply_before_the_end_of_the_message),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_data_answered_by_250),
        cmocka_unit_test(test_nul_in_a_reply),
        cmocka_unit_test(test_longest_line),
        cmocka_unit_test(test_torn_replies),
        cmocka_unit_test(test_a_reply_too_many_shifts_the_others),
        cmocka_unit_test(test_a_reply_behind_the_last),
        cmocka_unit_test(test_endless_replies_are_given_up),
        cmocka_unit_test(test_random_servers),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
