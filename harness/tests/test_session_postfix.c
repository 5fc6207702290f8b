/* SPDX-License-Identifier: MIT */
/* Postfix as an MTA: what it sends, byte for byte and in which order, and its settings. */
#include "talk_mta.h"

/* ---- frames ---- */

#define CONNECT_MACROS                                                   \
    "Cj\0mx.example.com\0{daemon_name}\0mx.example.com\0{daemon_addr}\0" \
    "192.0.2.25\0v\0"                                                    \
    "Postfix 3.7.11\0_\0"

static void test_frames_of_a_message(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    t.messages[0].rcpts = 3;
    talk_mail(&t, 0, "From : a@b\r\nTo:  x\r\n\ty \r\n z\r\nX:\r\n\r\nbody\r\n.\r\n");
    talk_start(&t);
    assert_frames(&t, 'O', BYTES(""), BYTES("\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"));
    assert_frames(&t, 'C', BYTES(CONNECT_MACROS "mail.sender.tld [192.0.2.5]\0"),
                  BYTES("mail.sender.tld\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'H', BYTES("H"), BYTES("cl.example\0"));
    assert_frames(&t, 'M',
                  BYTES("M{mail_addr}\0Alice@Sender.TLD\0{mail_host}\0Sender.TLD\0"
                        "{mail_mailer}\0smtp\0"),
                  BYTES("<Alice@Sender.TLD>\0"));
    assert_frames(&t, 'R',
                  BYTES("R{rcpt_addr}\0bob@example.com\0{rcpt_host}\0mx.example.com\0"
                        "{rcpt_mailer}\0local\0"),
                  BYTES("<bob@example.com>\0"));
    assert_frames(&t, 'R',
                  BYTES("Ri\0"
                        "4Xy7Qk2zr9zB1\0{rcpt_addr}\0carol@example.com\0{rcpt_host}\0"
                        "mx.example.com\0{rcpt_mailer}\0local\0"),
                  BYTES("<carol@example.com>\0"));
    assert_frames(&t, 'R',
                  BYTES("Ri\0"
                        "4Xy7Qk2zr9zB1\0{rcpt_addr}\0dave@example.net\0{rcpt_host}\0"
                        "example.net\0{rcpt_mailer}\0smtp\0"),
                  BYTES("<dave@example.net>\0"));
#define I \
    "i\0" \
    "4Xy7Qk2zr9zB1\0"
    assert_frames(&t, 'T', BYTES("T" I), BYTES(""));
    assert_frames(&t, 'L', BYTES("L" I), BYTES("From\0a@b\0"));
    assert_frames(&t, 'L', BYTES("L" I), BYTES("To\0 x\n\ty \n z\0"));
    assert_frames(&t, 'L', BYTES("L" I), BYTES("X\0\0"));
    assert_frames(&t, 'N', BYTES("N" I), BYTES(""));
    assert_frames(&t, 'B', BYTES("B" I), BYTES("body\r\n.\r\n"));
    assert_frames(&t, 'E', BYTES("E" I), BYTES(""));
#undef I
    assert_frames(&t, 'A', BYTES(""), BYTES(""));
    assert_frames(&t, 'A', BYTES(""), BYTES(""));
    assert_frames(&t, 'Q', BYTES(""), BYTES(""));
    talk_fini(&t);
}

/* What the client typed behind an address is passed on, string by string; a chunk is as large as
 * was set. */
static void test_arguments_and_chunks(void **state)
{
    static const struct drill_esmtp args[] = {{{NULL, 0}, {NULL, 0}},
                                              {{NULL, 0}, {(const uint8_t *)"NOTIFY=NEVER", 13}}};
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_set(&t, "macros", "none");
    talk_set(&t, "chunk", "5");
    t.messages[0].rcpts = 2;
    t.messages[0].from_args.wire = BYTES("SIZE=9\0BODY=8BITMIME\0");
    t.messages[0].rcpt_args = args;
    talk_start(&t);
    assert_frames(&t, 'M', BYTES(""), BYTES("<Alice@Sender.TLD>\0SIZE=9\0BODY=8BITMIME\0"));
    assert_frames(&t, 'R', BYTES(""), BYTES("<bob@example.com>\0"));
    assert_frames(&t, 'R', BYTES(""), BYTES("<carol@example.com>\0NOTIFY=NEVER\0"));
    assert_frames(&t, 'B', BYTES(""), BYTES("Hello"));
    assert_frames(&t, 'B', BYTES(""), BYTES(".\r\n"));
    talk_fini(&t);
}

static void test_frames_that_depend_on_the_client(void **state)
{
    struct talk t;
    struct drill_extra_macro absent = {0, text("{tls_version}"), text(""), true, NULL};
    struct drill_extra_macro added = {'M', text("{x}"), text("y"), false, &absent};
    struct drill_extra_macro replaced = {'C', text("j"), text("other"), false, &added};
    (void)state;
    talk_init(&t, "postfix");
    t.clients[0].host = text("");
    t.clients[0].auth = text("alice");
    t.clients[0].tls = true;
    t.clients[0].family = DRILL_FAMILY_INET6;
    t.clients[0].addr = text("2001:db8::5");
    t.clients[0].macros = &replaced;
    t.messages[0].from = text("<>");
    talk_set(&t, "milter_macro_daemon_name", "ORIGINATING");
    talk_set(&t, "milter_macro_v", "Postfix x");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("Cj\0other\0{daemon_name}\0ORIGINATING\0{daemon_addr}\0"
                        "2001:db8::25\0v\0Postfix x\0_\0unknown [2001:db8::5]\0"),
                  BYTES("[2001:db8::5]\0"
                        "6\xb8\xdc"
                        "2001:db8::5\0"));
    assert_frames(&t, 'H',
                  BYTES("H{cipher}\0TLS_AES_256_GCM_SHA384\0"
                        "{cipher_bits}\0"
                        "256\0"),
                  BYTES("cl.example\0"));
    assert_frames(&t, 'M',
                  BYTES("M{auth_type}\0PLAIN\0{auth_authen}\0alice\0{mail_addr}\0\0{mail_host}\0"
                        "mx.example.com\0{mail_mailer}\0local\0{x}\0y\0"),
                  BYTES("<>\0"));
    talk_fini(&t);

    talk_init(&t, "postfix");
    t.clients[0].family = DRILL_FAMILY_UNKNOWN;
    talk_start(&t);
    assert_frames(&t, 'C', BYTES(CONNECT_MACROS "mail.sender.tld [192.0.2.5]\0"),
                  BYTES("mail.sender.tld\0U"));
    talk_fini(&t);
}

/* The id of the queue file is known when the first recipient was taken, and is another for another
 * message. */
static void test_queue_id(void **state)
{
    struct talk t;
    struct drill_mta_step step;
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    t.messages[0].rcpts = 3;
    talk_start(&t);
    talk_until(&t, 'R', 0);
    talk_reply(&t, 'r', text(""));
    drill_mta_peek(&t.mta, &step);
    assert_null(memchr(step.macro.rest.ptr, 'k', step.macro.rest.len)); /* "..Qk.." */
    talk_until(&t, 'R', 0);
    talk_reply(&t, 'c', text(""));
    drill_mta_peek(&t.mta, &step);
    helper_assert_bytes(drill_span_sub(step.macro.rest, 0, 16),
                        BYTES("i\0"
                              "4Xy7Qk2zr9zB1\0"),
                        "i");
    talk_until(&t, 'E', 0);
    talk_reply(&t, 'a', text(""));
    talk_until(&t, 'T', 0);
    assert_frames(&t, 'E',
                  BYTES("Ei\0"
                        "4Xy7Qk2zr9zB2\0"),
                  BYTES(""));
    talk_fini(&t);
}

static void test_leading_space_is_kept_when_asked_for(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    assert_int_equal(drill_mail_parse(BYTES("A:  1\r\nB:\t2\r\nC: 3\0x\r\n\r\n"), &t.arena,
                                      &t.messages[0].mail, NULL),
                     DRILL_OK);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    talk_optneg(&t, 6, DRILL_SMFIP_HDR_LEADSPC);
    talk_until(&t, 'T', 0);
    talk_reply(&t, 'c', text(""));
    assert_frames(&t, 'L',
                  BYTES("Li\0"
                        "4Xy7Qk2zr9zB1\0"),
                  BYTES("A\0  1\0"));
    assert_frames(&t, 'L',
                  BYTES("Li\0"
                        "4Xy7Qk2zr9zB1\0"),
                  BYTES("B\0\t2\0"));
    assert_frames(&t, 'L',
                  BYTES("Li\0"
                        "4Xy7Qk2zr9zB1\0"),
                  BYTES("C\0 3\0"));
    talk_until(&t, 0, 0);
    assert_null(strchr(t.sent, 'B')); /* an empty body */
    talk_fini(&t);
}

/* A line that is no header begins the body, and takes what follows with it. */
static void test_what_is_no_header_is_body(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_mail(&t, 0, "A: 1\r\n:x: 2\r\nB: 3\r\n\r\nbody\r\n");
    talk_start(&t);
    talk_until(&t, 'N', 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DT DL DN");
    talk_reply(&t, 'c', text(""));
    assert_frames(&t, 'B',
                  BYTES("Bi\0"
                        "4Xy7Qk2zr9zB1\0"),
                  BYTES(":x: 2\r\nB: 3\r\n\r\nbody\r\n"));
    talk_fini(&t);
}

static void test_long_content(void **state)
{
    static uint8_t big[65535 * 2 + 10], header[70000];
    struct talk t;
    struct drill_mail_header h = {text("To"), drill_span_of(header, sizeof(header)), NULL};
    (void)state;
    memset(big, 'a', sizeof(big));
    memset(header, 'b', sizeof(header));
    talk_init(&t, "postfix");
    t.messages[0].mail.headers = &h;
    t.messages[0].mail.body = drill_span_of(big, sizeof(big)); /* without its last CRLF */
    talk_start(&t);
    talk_until(&t, 'T', 0);
    talk_reply(&t, 'c', text(""));
    struct drill_mta_step step;
    drill_mta_peek(&t.mta, &step);
    assert_int_equal(step.command.str[1].len, 60000);
    talk_until(&t, 'N', 0);
    talk_reply(&t, 'c', text(""));
#define I  \
    "Bi\0" \
    "4Xy7Qk2zr9zB1\0"
    assert_frames(&t, 'B', BYTES(I), drill_span_of(big, 65535));
    assert_frames(&t, 'B', BYTES(I), drill_span_of(big, 65535));
    assert_frames(&t, 'B', BYTES(I), BYTES("aaaaaaaaaa\r\n"));
#undef I
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent + strlen(t.sent) - 14, "DE A A Q close");
    talk_fini(&t);
}

/* A client of its own host gets the headers that are missing. */
static void test_added_headers(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    t.clients[0].addr = text("127.0.0.1");
    talk_start(&t);
    talk_until(&t, 'T', 0);
    talk_reply(&t, 'c', text(""));
#define I  \
    "Li\0" \
    "4Xy7Qk2zr9zB1\0"
    assert_frames(&t, 'L', BYTES(I), BYTES("Subject\0Hi\0"));
    assert_frames(&t, 'L', BYTES(I),
                  BYTES("Message-Id\0<20250101000000.4Xy7Qk2zr9zB1@mx.example.com>\0"));
    assert_frames(&t, 'L', BYTES(I), BYTES("Date\0Wed,  1 Jan 2025 00:00:00 +0000 (UTC)\0"));
    assert_frames(&t, 'L', BYTES(I), BYTES("From\0Alice@Sender.TLD\0"));
#undef I
    talk_until(&t, 0, 0);
    talk_fini(&t);
    talk_init(&t, "postfix");
    t.clients[0].addr = text("127.0.0.1");
    talk_mail(&t, 0, "date: x\r\nMessage-ID: y\r\nFrom: z\r\n\r\n");
    talk_start(&t);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DT DL DL DL DN DE A A Q close");
    talk_fini(&t);
}

/* ---- the plan ---- */

/* What the milter does not want is left out, its macros are not; of headers, their end and the body
 * both are. What the version does not know is not there at all. */
static void test_protocol_bits(void **state)
{
    static const struct {
        const char *protocol;
        uint32_t version, steps;
        const char *sent;
    } rows[] = {
        {"6", 6, 0, "open O DC DH DM DR DT DL DN DB DE A A Q close"},
        {"4", 4, 0, "open O DC DH DM DR DT DL DN DB DE A A Q close"},
        {"3", 3, 0, "open O DC DH DM DR DL DN DB DE A A Q close"},
        {"2", 2, 0, "open O DC DH DM DR DL DN DB DE A A Q close"},
        {"6", 4, 0, "open O DC DH DM DR DT DL DN DB DE A A Q close"},
        {"6", 2, 0, "open O DC DH DM DR DL DN DB DE A A Q close"},
        {"6", 1, 0, "open O DC DH DM DR DT DL DN DB DE A A Q close"},
        {"6", 6, 0x37F, "open O D D D D D DE A A Q close"},
        {"6", 6, DRILL_SMFIP_NOHELO | DRILL_SMFIP_NODATA,
         "open O DC D DM DR D DL DN DB DE A A Q close"},
        {"6", 6, DRILL_SMFIP_NOHDRS, "open O DC DH DM DR DT DN DB DE A A Q close"},
        {"6", 6, DRILL_SMFIP_NOEOH, "open O DC DH DM DR DT DL DB DE A A Q close"},
        {"6", 6, DRILL_SMFIP_NOBODY, "open O DC DH DM DR DT DL DN DE A A Q close"},
        {"2", 2, 0xFF080, "open O DC DH DM DR DL DN DB DE A A Q close"}, /* P-5 */
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t, "postfix");
        talk_set(&t, "milter_protocol", rows[i].protocol);
        talk_start(&t);
        talk_until(&t, 'O', 0);
        talk_optneg(&t, rows[i].version, rows[i].steps);
        talk_until(&t, 0, 0);
        assert_string_equal(t.sent, rows[i].sent);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
        talk_fini(&t);
    }
}

static void test_no_macros_at_all(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_set(&t, "macros", "none");
    talk_start(&t);
    talk_until(&t, 'O', 0);
    talk_optneg(&t, 6, DRILL_SMFIP_NOHELO | DRILL_SMFIP_NOCONNECT);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O M R T L N B E A A Q close");
    assert_line(told_at(&t, 0, 'H', 0), "250 mx.example.com");
    talk_fini(&t);
}

/* Nothing is waited for but the end of the body, and the client is answered all the same. */
static void test_no_reply_bits(void **state)
{
    struct talk t;
    char told[200];
    (void)state;
    talk_to(&t, "postfix", 'O');
    talk_optneg(&t, 6, 0xFF080);
    talk_until(&t, 'E', 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DT DL DN DB DE");
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, "C 220 H 250 M 250 R1 250 T 354");
    talk_reply(&t, 'r', text(""));
    assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 550);
    talk_fini(&t);
}

static void test_sessions(void **state)
{
    struct talk t;
    struct drill_envelope third;
    char told[300];
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    third = t.messages[1];
    third.next = NULL;
    t.clients[0].next = &t.clients[1];
    t.clients[1].messages = &third;
    talk_start(&t);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DT DL DN DB DE A DM DR DT DL DN DB DE A A Q "
                                "close open O DC DH DM DR DT DL DN DB DE A A Q close");
    talk_told(&t, told, sizeof(told));
    assert_string_equal(told, "C 220 H 250 M 250 R1 250 T 354 E 250* 2:M 250 2:R1 250 2:T 354 "
                              "2:E 250* C 220 H 250 3:M 250 3:R1 250 3:T 354 3:E 250*");
    assert_int_equal(t.mta.cursor.client_number, 2);
    talk_fini(&t);
}

/* A refusal of the session does not outlast it. */
static void test_the_next_session_is_a_new_one(void **state)
{
    struct talk t;
    struct drill_envelope second;
    (void)state;
    talk_init(&t, "postfix");
    second = t.messages[1];
    t.clients[0].next = &t.clients[1];
    t.clients[1].messages = &second;
    talk_start(&t);
    talk_until(&t, 'C', 0);
    talk_reply(&t, 'r', text(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC close open O DC DH DM DR DT DL DN DB DE A A Q close");
    assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 550);
    assert_int_equal(drill_mta_outcome(&t.mta, 2)->code, 250);
    talk_fini(&t);
}

/* ---- macro lists ---- */

static void test_macro_lists(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "postfix", 'O');
    talk_reply(&t, 'O',
               BYTES("\0\0\0\6\0\0\1\0\0\0\0\0"
                     "\0\0\0\0{client_name},client_port {nothing} {client_resolve}\0"
                     "\0\0\0\3{rcpt_addr}\0"
                     "\0\0\0\1\0" /* the default again */
                     "\0\0\0\5i {mail_addr} j\0"
                     "\0\0\0\6\0"
                     "\0\0\0\11x\0"));
    assert_non_null(strstr(t.mta.log, "ignoring unknown macro type 9"));
    assert_frames(&t, 'C',
                  BYTES("C{client_name}\0mail.sender.tld\0client_port\0"
                        "47324\0{client_resolve}\0OK\0"),
                  BYTES("mail.sender.tld\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'H', BYTES("H"), BYTES("cl.example\0"));
    talk_until(&t, 'M', 0);
    talk_reply(&t, 'c', text(""));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0bob@example.com\0"), BYTES("<bob@example.com>\0"));
    assert_frames(&t, 'L',
                  BYTES("Li\0"
                        "4Xy7Qk2zr9zB1\0"),
                  BYTES("Subject\0Hi\0"));
    assert_frames(&t, 'E',
                  BYTES("Ei\0"
                        "4Xy7Qk2zr9zB1\0{mail_addr}\0Alice@Sender.TLD\0j\0mx.example.com\0"),
                  BYTES(""));
    talk_fini(&t);
}

/* Names that are asked for a thousand times do not make a frame that runs over its room. */
static void test_a_greedy_macro_list(void **state)
{
    static uint8_t list[12 + 4 + 4000 + 1];
    struct talk t;
    struct drill_mta_step step;
    struct drill_span name, value;
    (void)state;
    memset(list, 0, sizeof(list));
    list[3] = 6;
    memset(list + 16, 'j', 4000);
    for (size_t i = 17; i < 4016; i += 2) {
        list[i] = ' ';
    }
    talk_to(&t, "postfix", 'O');
    talk_reply(&t, 'O', drill_span_of(list, sizeof(list)));
    drill_mta_peek(&t.mta, &step);
    struct drill_reader r = drill_reader_of(step.macro.rest);
    while (drill_message_next_macro(&r, &name, &value)) {
        helper_assert_bytes(value, BYTES("mx.example.com"), "j");
    }
    assert_int_equal(drill_reader_left(&r), 0);
    talk_fini(&t);
}

/* ---- settings ---- */

static void test_offers(void **state)
{
    static const struct {
        const char *protocol;
        uint32_t version, steps;
    } rows[] = {
        {"2", 2, 0x7F},
        {"3", 3, 0x17F},
        {"4", 4, 0x37F},
        {"6", 6, 0x1FFFFF},
        {"2, no_header_reply", 2, 0xFF},
        {"no_header_reply 4", 4, 0x3FF},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        struct drill_message m;
        talk_init(&t, "postfix");
        talk_set(&t, "milter_protocol", rows[i].protocol);
        talk_start(&t);
        assert_true(drill_mta_default(&t.mta, 'O', &m));
        assert_int_equal(m.number[0], rows[i].version);
        assert_int_equal(m.number[1], 0x1FF);
        assert_int_equal(m.number[2], rows[i].steps);
        talk_fini(&t);
    }
}

static void test_settings(void **state)
{
    static const struct {
        const char *key, *value;
        enum drill_code rc;
    } rows[] = {
        {"milter_protocol", "5", DRILL_ERR_VALUE},
        {"milter_protocol", "2 3", DRILL_ERR_VALUE},
        {"milter_protocol", "no_header_reply", DRILL_ERR_VALUE},
        {"milter_protocol", "", DRILL_ERR_VALUE},
        {"milter_default_action", "TempFail", DRILL_OK},
        {"milter_default_action", "drop", DRILL_ERR_VALUE},
        {"milter_command_timeout", "5", DRILL_OK},
        {"milter_command_timeout", "five", DRILL_ERR_VALUE},
        {"milter_defualt_action", "accept", DRILL_ERR_NOTFOUND},
        {"smtpd_milters", "unix:/run/x", DRILL_OK},
    };
    struct talk t;
    struct drill_error err;
    (void)state;
    talk_init(&t, "postfix");
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(
            t.profile->set(&t.settings, text(rows[i].key), text(rows[i].value), &t.arena, &err),
            rows[i].rc);
    }
    assert_int_equal(t.settings.timeout_command, 5000000);
    talk_set(&t, "milter_connect_timeout", "1m");
    talk_set(&t, "milter_command_timeout", "20s");
    talk_set(&t, "milter_content_timeout", "2h");
    talk_start(&t);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_OPEN), 60000000);
    talk_until(&t, 'T', 0);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), 20000000);
    talk_until(&t, 'L', 0);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), 7200000000);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_CLOSE), UINT64_MAX);
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_of_a_message),
        cmocka_unit_test(test_arguments_and_chunks),
        cmocka_unit_test(test_frames_that_depend_on_the_client),
        cmocka_unit_test(test_queue_id),
        cmocka_unit_test(test_leading_space_is_kept_when_asked_for),
        cmocka_unit_test(test_what_is_no_header_is_body),
        cmocka_unit_test(test_long_content),
        cmocka_unit_test(test_added_headers),
        cmocka_unit_test(test_protocol_bits),
        cmocka_unit_test(test_no_macros_at_all),
        cmocka_unit_test(test_no_reply_bits),
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_the_next_session_is_a_new_one),
        cmocka_unit_test(test_macro_lists),
        cmocka_unit_test(test_a_greedy_macro_list),
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
