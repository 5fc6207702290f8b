/* SPDX-License-Identifier: MIT */
/* The sink: what it takes, from whatever client, in whatever pieces. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_alloc.h"
#include "helper_bytes.h"
#include "helper_split.h"
#include "session/sink.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define HELO      "HELO mx.example.com\r\n"
#define ENVELOPE  "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.com>\r\n"
#define HI        "220 sink.milterdrill.test ESMTP\r\n"
#define HELO_OK   "250 sink.milterdrill.test\r\n"
#define FROM_OK   "250 2.1.0 sender\r\n"
#define TO_OK     "250 2.1.5 recipient\r\n"
#define GO        "354 go on\r\n"
#define TAKEN     "250 2.0.0 taken\r\n"
#define BYE       "221 2.0.0 bye\r\n"
#define NOT_NOW   "503 5.5.1 not now\r\n"
#define NO_ROOM   "452 4.3.1 no room for it\r\n"
#define TOO_LONG  "500 5.5.2 line too long\r\n"
#define NO_SYNTAX "501 5.5.4 that is no address\r\n"
#define WHAT      "500 5.5.2 not a command of this sink\r\n"

enum { LOG = 1 << 18 };

struct talk {
    struct drill_sink sink;
    struct drill_sink_session session;
    struct drill_writer w; /* what it says, and <close> */
    uint64_t now;
    char log[LOG];
};

static void tell(struct talk *t, struct drill_smtp_event event)
{
    event.now = t->now;
    drill_sink_event(&t->session, &event);
}

/* True while there is a connection. Takes what it says, at most `max` bytes at once. */
static bool pump(struct talk *t, size_t max)
{
    for (;;) {
        struct drill_smtp_wish wish;
        drill_sink_wish(&t->session, t->now, &wish);
        assert_true(wish.until == DRILL_SMTP_NEVER);
        if (wish.kind == DRILL_SMTP_OPEN) {
            tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_OPENED});
        } else if (wish.kind == DRILL_SMTP_CLOSE) {
            drill_write_text(&t->w, "<close>");
            return false;
        } else {
            size_t n = wish.send.len < max ? wish.send.len : max;
            if (n == 0) {
                return true;
            }
            drill_write_bytes(&t->w, drill_span_sub(wish.send, 0, n));
            tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_WROTE, .wrote = n});
        }
    }
}

static struct talk *talk_new(const struct drill_sink_config *config,
                             const struct drill_alloc *alloc)
{
    struct talk *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    drill_sink_init(&t->sink, config, alloc);
    drill_sink_session_init(&t->session, &t->sink);
    t->w = drill_writer_of(t->log, LOG - 1);
    (void)pump(t, SIZE_MAX);
    return t;
}

static void talk_free(struct talk *t)
{
    drill_sink_session_fini(&t->session);
    drill_sink_fini(&t->sink);
    free(t);
}

/* As much as it wants at once; reads what it says when it wants no more. False: it hung up. */
static bool feed(struct talk *t, struct drill_span bytes)
{
    while (bytes.len) {
        struct drill_smtp_wish wish;
        drill_sink_wish(&t->session, t->now, &wish);
        size_t n = bytes.len < wish.want ? bytes.len : wish.want;
        assert_true(n > 0);
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_BYTES,
                                          .bytes = drill_span_sub(bytes, 0, n)});
        bytes = drill_span_sub(bytes, n, SIZE_MAX);
        if (!pump(t, SIZE_MAX)) {
            return false;
        }
    }
    return true;
}

static void say(struct talk *t, const char *text)
{
    (void)feed(t, drill_span_str(text));
}

static void assert_said(struct talk *t, const char *want)
{
    helper_assert_bytes(drill_writer_span(&t->w), drill_span_str(want), "the sink said");
    t->w.len = 0;
}

static void write_delivery(const struct drill_delivery *d, struct drill_writer *log)
{
    drill_write_text(log, "\nfrom ");
    drill_write_bytes(log, d->from);
    drill_write_text(log, "|");
    drill_write_bytes(log, d->args);
    for (const struct drill_sink_rcpt *r = d->rcpts; r; r = r->next) {
        drill_write_text(log, " to ");
        drill_write_bytes(log, r->address);
        drill_write_text(log, "|");
        drill_write_bytes(log, r->args);
    }
    drill_write_text(log, " size ");
    drill_write_dec(log, d->size);
    drill_write_text(log, "\n");
    drill_write_bytes(log, d->message);
}

static void run_split(void *ctx, const struct drill_span *pieces, size_t count,
                      struct drill_writer *log)
{
    struct talk *t = talk_new(NULL, NULL);
    bool open = true;
    (void)ctx;
    for (size_t i = 0; i < count && open; i++) {
        open = feed(t, pieces[i]);
    }
    drill_write_bytes(log, drill_writer_span(&t->w));
    for (const struct drill_delivery *d = t->sink.deliveries; d; d = d->next) {
        write_delivery(d, log);
    }
    talk_free(t);
}

/* Everything at once, as a client that pipelines beyond what is allowed. */
static void test_two_messages_at_every_split(void **state)
{
    (void)state;
    helper_every_split(
        BYTES("EHLO mx\r\nMAIL FROM:<alice@example.org> SIZE=5 BODY=8BITMIME\r\n"
              "RCPT TO:<bob@example.com>\r\nrcpt to: <\"a>b\"@example.com> NOTIFY=NEVER\r\n"
              "DATA\r\nA: b\r\n\r\n..\r\n.x\r\n.\rz\r\ncaf\xe9 \r\r\n.\r\nMAIL FROM:<>\r\n"
              "RCPT TO:carol\r\nDATA\r\n.\r\nQUIT\r\n"),
        run_split, NULL,
        HI "250-sink.milterdrill.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n"
           "250-ENHANCEDSTATUSCODES\r\n250 SMTPUTF8\r\n" FROM_OK TO_OK TO_OK GO TAKEN FROM_OK TO_OK
               GO TAKEN BYE "<close>"
           "\nfrom <alice@example.org>|SIZE=5 BODY=8BITMIME to <bob@example.com>| to "
           "<\"a>b\"@example.com>|NOTIFY=NEVER size 26\nA: b\r\n\r\n.\r\nx\r\n\rz\r\ncaf\xe9 \r\r\n"
           "\nfrom <>| to carol| size 0\n");
}

static void test_dots(void **state)
{
    static const struct {
        struct drill_span sent, kept;
    } rows[] = {
#define S(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {S(".\r\n"), S("")},
        {S("\r\n.\r\n"), S("\r\n")},
        {S("..\r\n.\r\n"), S(".\r\n")},
        {S("...\r\n.\r\n"), S("..\r\n")},
        {S(".a\r\n.\r\n"), S("a\r\n")},
        {S("a.\r\n.\r\n"), S("a.\r\n")},
        {S("\n.\n\n.\r\n\r\n.\r\n"), S("\n.\n\n.\r\n\r\n")}, /* LF ends no line */
        {S("\r.\r\n\r\n.\r\n"), S("\r.\r\n\r\n")},
        {S("a\r\n.\n.\r\n\r\n.\r\n"), S("a\r\n\n.\r\n\r\n")},
        {S("a\r\n.\r.\r\n\r\n.\r\n"), S("a\r\n\r.\r\n\r\n")},
        {S("a\r\n.\r\r\n.\r\n"), S("a\r\n\r\r\n")},
        {S("\0\xff\r\n.\r\n"), S("\0\xff\r\n")},
#undef S
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        for (size_t piece = 1; piece <= rows[i].sent.len; piece++) {
            struct talk *t = talk_new(NULL, NULL);
            say(t, HELO ENVELOPE "DATA\r\n");
            for (size_t at = 0; at < rows[i].sent.len; at += piece) {
                feed(t, drill_span_sub(rows[i].sent, at, piece));
            }
            assert_said(t, HI HELO_OK FROM_OK TO_OK GO TAKEN);
            assert_int_equal(t->sink.count, 1);
            helper_assert_bytes(t->sink.deliveries->message, rows[i].kept, "message");
            assert_int_equal(t->sink.deliveries->size, rows[i].kept.len);
            talk_free(t);
        }
    }
}

static void test_commands_out_of_order(void **state)
{
    struct talk *t = talk_new(NULL, NULL);
    (void)state;
    say(t, "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nDATA\r\nnoop\r\nVRFY x\r\nSTARTTLS\r\n\r\n");
    assert_said(t, HI NOT_NOW NOT_NOW NOT_NOW
                "250 2.0.0 nothing done\r\n252 2.5.0 try it\r\n" WHAT WHAT);
    say(t, HELO "MAIL\r\nMAIL FROM:\r\nMAIL TO:<a>\r\nMAIL FROM:<a\r\nMAIL FROM:<a>\r\n"
                "MAIL FROM:<a>\r\nDATA\r\nRCPT TO:\r\n");
    assert_said(t, HELO_OK NO_SYNTAX NO_SYNTAX NO_SYNTAX NO_SYNTAX FROM_OK NOT_NOW
                "554 5.5.1 no recipients\r\n" NO_SYNTAX);
    say(t, "RCPT TO:<b>\r\nRSET\r\nDATA\r\nMAIL FROM:<c>\n" HELO "RCPT TO:<d>\r\n");
    assert_said(t, TO_OK "250 2.0.0 forgotten\r\n" NOT_NOW FROM_OK HELO_OK NOT_NOW);
    say(t, ENVELOPE "QUIT\r\nDATA\r\n");
    assert_said(t, FROM_OK TO_OK BYE "<close>");
    assert_int_equal(t->sink.count, 0);
    talk_free(t);
}

static void test_lmtp_replies_for_each_recipient(void **state)
{
    struct talk *t = talk_new(NULL, NULL);
    (void)state;
    say(t, "LHLO mx\r\nMAIL FROM:<a>\r\n");
    t->w.len = 0;
    for (int i = 0; i < 300; i++) {
        say(t, "RCPT TO:<b>\r\n");
    }
    t->w.len = 0;
    say(t, "DATA\r\nx\r\n.\r\nNOOP\r\n");
    struct drill_span said = drill_writer_span(&t->w);
    assert_int_equal(said.len,
                     strlen(GO) + 300 * strlen(TAKEN) + strlen("250 2.0.0 nothing done\r\n"));
    assert_int_equal(t->sink.count, 1);
    assert_int_equal(t->sink.deliveries->rcpt_count, 300);
    talk_free(t);
}

static void test_connections_one_after_the_other(void **state)
{
    struct talk *t = talk_new(NULL, NULL);
    (void)state;
    t->now = 5;
    say(t, HELO ENVELOPE "DATA\r\nfirst\r\n.\r\nQUIT\r\n");
    assert_true(pump(t, SIZE_MAX));
    say(t, HELO ENVELOPE "DATA\r\ntorn\r\n");
    tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_ENDED, .how = DRILL_END_RST});
    assert_true(pump(t, SIZE_MAX));
    say(t, "EHLO x\r\n" ENVELOPE "DATA\r\nthird\r\n.\r\n");
    tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_ENDED, .how = DRILL_END_FIN});
    assert_int_equal(t->sink.count, 2);
    assert_int_equal(t->sink.connections, 3);
    assert_int_equal(t->sink.torn, 1);
    const struct drill_delivery *d = t->sink.deliveries;
    assert_int_equal(d->connection, 1);
    assert_int_equal(d->at, 5);
    helper_assert_bytes(d->helo, BYTES("mx.example.com"), "helo");
    helper_assert_bytes(d->next->message, BYTES("third\r\n"), "message");
    helper_assert_bytes(d->next->helo, BYTES("x"), "helo");
    assert_int_equal(d->next->connection, 3);
    drill_sink_reset(&t->sink);
    assert_null(t->sink.deliveries);
    assert_true(pump(t, SIZE_MAX));
    say(t, HELO ENVELOPE "DATA\r\nfourth\r\n.\r\n");
    assert_int_equal(t->sink.count, 1);
    talk_free(t);
}

/* ---- limits ---- */

static void test_long_lines_are_refused(void **state)
{
    static const size_t lengths[] = {DRILL_SINK_LINE - 2, DRILL_SINK_LINE - 1, DRILL_SINK_LINE,
                                     100000};
    (void)state;
    for (size_t i = 0; i < ROWS(lengths); i++) {
        char *line = malloc(lengths[i] + 1);
        struct talk *t = talk_new(NULL, NULL);
        memset(line, 'x', lengths[i]);
        line[lengths[i]] = '\0';
        say(t, line);
        say(t, "\r\nNOOP\r\n");
        char want[200];
        (void)snprintf(want, sizeof(want), "%s%s250 2.0.0 nothing done\r\n", HI,
                       i == 0 ? WHAT : TOO_LONG);
        assert_said(t, want);
        free(line);
        talk_free(t);
    }
}

static void test_a_long_message_is_cut(void **state)
{
    const struct drill_sink_config config = {.keep = 1000};
    struct talk *t = talk_new(&config, NULL);
    (void)state;
    say(t, HELO ENVELOPE "DATA\r\n");
    for (int i = 0; i < 10000; i++) {
        say(t, "..345678\r\n");
    }
    say(t, ".\r\n");
    assert_said(t, HI HELO_OK FROM_OK TO_OK GO TAKEN);
    assert_int_equal(t->sink.deliveries->message.len, 1000);
    assert_int_equal(t->sink.deliveries->size, 90000);
    assert_true(t->sink.held < 10000);
    talk_free(t);
}

static void test_the_limit_of_all(void **state)
{
    const struct drill_sink_config config = {.limit = 100000};
    struct talk *t = talk_new(&config, NULL);
    char line[1001];
    (void)state;
    memset(line, 'x', 1000);
    line[1000] = '\0';
    say(t, HELO);
    for (int i = 0; i < 40; i++) {
        say(t, ENVELOPE "DATA\r\n");
        for (int k = 0; k < 20 && t->session.mail; k++) {
            say(t, line);
        }
        say(t, t->session.mail ? "\r\n.\r\n" : "RSET\r\n");
        assert_true(t->sink.held <= 150000);
    }
    assert_true(t->sink.count >= 2 && t->sink.count < 6);
    assert_true(t->sink.refused > 30);
    assert_non_null(strstr(t->log, NO_ROOM));
    say(t, "NOOP\r\n");
    talk_free(t);
}

static void test_too_many_recipients(void **state)
{
    struct talk *t = talk_new(NULL, NULL);
    (void)state;
    say(t, HELO "MAIL FROM:<a>\r\n");
    for (int i = 0; i < DRILL_SINK_RCPTS; i++) {
        t->w.len = 0;
        say(t, "RCPT TO:<b>\r\n");
    }
    assert_said(t, TO_OK);
    say(t, "RCPT TO:<c>\r\nDATA\r\n.\r\n");
    assert_said(t, NO_ROOM GO TAKEN);
    assert_int_equal(t->sink.deliveries->rcpt_count, DRILL_SINK_RCPTS);
    talk_free(t);
}

/* A client that never reads is held back, and nothing is lost when it reads at last. */
static void test_a_client_that_does_not_read(void **state)
{
    struct talk *t = talk_new(NULL, NULL);
    struct drill_smtp_wish wish;
    size_t sent = 0;
    (void)state;
    t->w.len = 0;
    for (;;) {
        drill_sink_wish(&t->session, 0, &wish);
        if (wish.want == 0) {
            break;
        }
        assert_true(sent < 100000);
        size_t n = wish.want < 6 ? wish.want : 6;
        tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_BYTES,
                                          .bytes = drill_span_sub(BYTES("NOOP\r\n"), 0, n)});
        sent += n;
    }
    assert_true(wish.send.len > 0 && wish.send.len <= DRILL_SINK_OUT);
    assert_true(pump(t, 7));
    drill_sink_wish(&t->session, 0, &wish);
    assert_int_equal(wish.want, DRILL_SINK_LINE - sent % 6);
    assert_int_equal(drill_writer_span(&t->w).len, sent / 6 * strlen("250 2.0.0 nothing done\r\n"));
    talk_free(t);
}

static void test_random_clients(void **state)
{
    static const char *const words[] = {
        HELO,   ENVELOPE,   "DATA\r\n", ".\r\n", "\r\n",  ".",         "\r", "\n", "RSET\r\n",
        "\xff", "QUIT\r\n", "<",        "MAIL ", "FROM:", "RCPT TO:<", ">",  "\"", "LHLO x\r\n"};
    (void)state;
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        uint32_t x = seed;
        struct talk *t = talk_new(NULL, NULL);
        for (int i = 0; i < 60; i++) {
            x = x * 1664525u + 1013904223u;
            say(t, words[(x >> 8) % ROWS(words)]);
            if (x >> 26 == 0) {
                tell(t, (struct drill_smtp_event){.kind = DRILL_SMTP_ENDED});
            }
            (void)pump(t, 1 + (x >> 16) % 20);
        }
        assert_false(t->w.overflow);
        talk_free(t);
    }
}

static bool every_allocation(void *ctx, const struct drill_alloc *alloc)
{
    struct talk *t = talk_new(NULL, alloc);
    (void)ctx;
    say(t, HELO ENVELOPE "RCPT TO:<carol@example.com>\r\n");
    if (t->session.mail && t->session.mail->rcpts) {
        say(t, "DATA\r\n");
        for (int i = 0; i < 200; i++) {
            say(t, "some text\r\n");
        }
        say(t, ".\r\n");
    }
    say(t, "RSET\r\n"); /* and it goes on */
    say(t, ENVELOPE "DATA\r\n.\r\n");
    bool good = t->sink.refused == 0;
    assert_int_equal(strstr(t->log, NO_ROOM) == NULL, good);
    assert_true(t->sink.count >= 1 && (!good || t->sink.count == 2));
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
        cmocka_unit_test(test_two_messages_at_every_split),
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_commands_out_of_order),
        cmocka_unit_test(test_lmtp_replies_for_each_recipient),
        cmocka_unit_test(test_connections_one_after_the_other),
        cmocka_unit_test(test_long_lines_are_refused),
        cmocka_unit_test(test_a_long_message_is_cut),
        cmocka_unit_test(test_the_limit_of_all),
        cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_random_clients),
        cmocka_unit_test(test_each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
