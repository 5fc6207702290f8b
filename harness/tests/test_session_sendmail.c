/* SPDX-License-Identifier: MIT */
/* Sendmail as an MTA: what it sends, byte for byte and in which order, and its settings. */
#include "talk_mta.h"

/* ---- frames ---- */

static void test_frames_of_a_message(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "sendmail");
    talk_two(&t);
    t.messages[0].rcpts = 3;
    talk_mail(&t, 0,
              "From : a@b\r\nTo:  x\r\n\ty \r\n z\r\nMessage-ID: <id@host>\r\n\r\nbody\r\n.\r\n");
    talk_start(&t);
    assert_frames(&t, 'O', BYTES(""), BYTES("\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"));
    assert_frames(&t, 'C',
                  BYTES("Cj\0mx.example.com\0_\0mail.sender.tld [192.0.2.5]\0{daemon_name}\0MTA\0"
                        "{if_name}\0mx.example.com\0{if_addr}\0"
                        "192.0.2.25\0"),
                  BYTES("mail.sender.tld\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'H', BYTES("H"), BYTES("cl.example\0"));
#define I \
    "i\0" \
    "5BKA48xQ000001\0"
    assert_frames(&t, 'M',
                  BYTES("M" I "{mail_mailer}\0esmtp\0{mail_host}\0Sender.TLD.\0{mail_addr}\0"
                        "Alice@Sender.TLD\0"),
                  BYTES("<Alice@Sender.TLD>\0"));
#undef I
    assert_frames(&t, 'R',
                  BYTES("R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0"
                        "bob\0"),
                  BYTES("<bob@example.com>\0"));
    assert_frames(&t, 'R',
                  BYTES("R{rcpt_mailer}\0local\0{rcpt_host}\0\0{rcpt_addr}\0"
                        "carol\0"),
                  BYTES("<carol@example.com>\0"));
    assert_frames(&t, 'R',
                  BYTES("R{rcpt_mailer}\0esmtp\0{rcpt_host}\0example.net.\0{rcpt_addr}\0"
                        "dave@example.net\0"),
                  BYTES("<dave@example.net>\0"));
    assert_frames(&t, 'T', BYTES(""), BYTES(""));
    assert_frames(&t, 'L', BYTES(""), BYTES("From\0a@b\0"));
    assert_frames(&t, 'L', BYTES(""), BYTES("To\0 x\n\ty \n z\0"));
    assert_frames(&t, 'L', BYTES(""), BYTES("Message-ID\0<id@host>\0"));
    assert_frames(&t, 'N', BYTES(""), BYTES(""));
    assert_frames(&t, 'B', BYTES(""), BYTES("body\r\n.\r\n"));
    assert_frames(&t, 'E', BYTES("E{msg_id}\0<id@host>\0"), BYTES(""));
    assert_frames(&t, 'M',
                  BYTES("Mi\0"
                        "5BKA48xQ000002\0{mail_mailer}\0esmtp\0{mail_host}\0example.org.\0"
                        "{mail_addr}\0anne@example.org\0"),
                  BYTES("<anne@example.org>\0"));
    assert_frames(&t, 'E', BYTES("E"), BYTES("")); /* without a Message-Id an empty list */
    assert_frames(&t, 'Q', BYTES(""), BYTES(""));
    talk_fini(&t);
}

static void test_frames_that_depend_on_the_client(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "sendmail");
    t.clients[0].host = text("");
    t.clients[0].auth = text("alice");
    t.clients[0].tls = true;
    t.clients[0].family = DRILL_FAMILY_INET6;
    t.clients[0].addr = text("2001:db8::5");
    t.messages[0].from = text("<>");
    talk_set(&t, "j", "mx.test");
    talk_set(&t, "daemon_name", "MSA");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("Cj\0mx.test\0_\0[IPv6:2001:db8:0:0:0:0:0:5]\0{daemon_name}\0MSA\0"
                        "{if_name}\0mx.test\0{if_addr}\0IPv6:2001:db8:0:0:0:0:0:25\0"),
                  BYTES("[IPv6:2001:db8:0:0:0:0:0:5]\0"
                        "6\xb8\xdc"
                        "IPv6:2001:db8:0:0:0:0:0:5\0"));
    assert_frames(&t, 'H',
                  BYTES("H{tls_version}\0TLSv1.3\0{cipher}\0TLS_AES_256_GCM_SHA384\0"
                        "{cipher_bits}\0"
                        "256\0{cert_subject}\0\0{cert_issuer}\0\0"),
                  BYTES("cl.example\0"));
    assert_frames(&t, 'M',
                  BYTES("Mi\0"
                        "5BKA48xQ000001\0{auth_type}\0PLAIN\0{auth_authen}\0alice\0{auth_ssf}\0"
                        "0\0{mail_mailer}\0local\0{mail_host}\0\0{mail_addr}\0\0"),
                  BYTES("<>\0"));
    talk_fini(&t);
    talk_init(&t, "sendmail");
    t.clients[0].addr = text("127.0.0.1");
    t.clients[0].host = text("localhost");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("Cj\0mx.example.com\0_\0localhost [127.0.0.1]\0{daemon_name}\0MTA\0"
                        "{if_name}\0localhost\0"),
                  BYTES("localhost\0"
                        "4\xb8\xdc"
                        "127.0.0.1\0"));
    talk_fini(&t);
    talk_init(&t, "sendmail"); /* as recorded: {if_name} is looked up as the client's name is */
    t.clients[0].family = DRILL_FAMILY_INET6;
    t.clients[0].addr = text("::1");
    t.clients[0].host = text("");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("Cj\0mx.example.com\0_\0[IPv6:0:0:0:0:0:0:0:1]\0{daemon_name}\0MTA\0"
                        "{if_name}\0[IPv6:0:0:0:0:0:0:0:1]\0"),
                  BYTES("[IPv6:0:0:0:0:0:0:0:1]\0"
                        "6\xb8\xdc"
                        "IPv6:0:0:0:0:0:0:0:1\0"));
    talk_fini(&t);
}

/* milter_write refuses what is over 65535 bytes, and the filter with it (F031). */
static void test_a_header_that_is_too_long(void **state)
{
    static const struct {
        size_t size; /* of the value, with its leading blank */
        uint16_t code;
    } rows[] = {{65531, 250}, {65532, 250}, {65533, 451}, {70000, 451}};
    static uint8_t value[70000];
    (void)state;
    memset(value, 'a', sizeof(value));
    value[0] = ' ';
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        struct drill_mail_header h = {text("To"), drill_span_of(value, rows[i].size), NULL};
        talk_init(&t, "sendmail");
        t.messages[0].mail.headers = &h;
        talk_start(&t);
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, rows[i].code);
        assert_string_equal(t.sent, rows[i].code == 250 ? "open O DC DH DM DR T L N B DE Q close"
                                                        : "open O DC DH DM DR T close");
        assert_int_equal(strstr(t.mta.log, " out of range, cmd=L") != NULL, rows[i].code == 451);
        talk_fini(&t);
    }
}

/* ---- the plan ---- */

static void test_protocol_bits(void **state)
{
    static const struct {
        uint32_t version, steps;
        const char *sent;
    } rows[] = {
        {6, 0, "open O DC DH DM DR T L N B DE Q close"},
        {3, 0, "open O DC DH DM DR L N B DE Q close"},
        {2, 0, "open O DC DH DM DR L N B DE Q close"},
        {0, 0, "open O DC DH DM DR L N B DE Q close"},
        {6, 0x37F, "open O D D D D DE Q close"},
        {6, DRILL_SMFIP_NOHELO | DRILL_SMFIP_NODATA, "open O DC D DM DR L N B DE Q close"},
        {6, DRILL_SMFIP_NOHDRS, "open O DC DH DM DR T N B DE Q close"},
        {6, DRILL_SMFIP_NOEOH, "open O DC DH DM DR T L B DE Q close"},
        {6, DRILL_SMFIP_NOBODY, "open O DC DH DM DR T L N DE Q close"},
        {6, 0xFF080, "open O DC DH DM DR T L N B DE Q close"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "sendmail", 'O');
        talk_optneg(&t, rows[i].version, rows[i].steps);
        talk_until(&t, 0, 0);
        assert_string_equal(t.sent, rows[i].sent);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
        talk_fini(&t);
    }
}

/* A written ABORT, and what the plan sends by itself: only in a message, and only before another.
 */
static void test_aborts(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t, "sendmail");
    talk_two(&t);
    talk_start(&t);
    talk_until(&t, 'R', 0);
    drill_mta_sent(&t.mta, 'A', false);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR DM DR T L N B DE Q close");
    assert_int_equal(drill_mta_outcome(&t.mta, 1)->stage, 'A');
    assert_int_equal(drill_mta_outcome(&t.mta, 2)->code, 250);
    talk_fini(&t);
    talk_init(&t, "sendmail");
    talk_two(&t);
    talk_start(&t);
    talk_until(&t, 'R', 0);
    talk_reply(&t, 'r', text(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR A DM DR T L N B DE Q close");
    talk_fini(&t);
    talk_to(&t, "sendmail", 'R');
    talk_reply(&t, 'r', text(""));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM DR Q close");
    talk_fini(&t);
}

/* ---- macro lists ---- */

static void test_macro_lists(void **state)
{
    static const struct {
        struct drill_span lists;
        const char *sent;
    } rows[] = {
#define P(literal) {(const uint8_t *)"" literal, sizeof(literal) - 1}
        {P("\0\0\0\4i\0\0\0\0\6i\0\0\0\0\5i\0"), "open O DC DH DM DR DT L DN B DE Q close"},
        {P("\0\0\0\5i\0"), "open O DC DH DM DR T L N B DE Q close"},
        {P("\0\0\0\6i\0"), "open O DC DH DM DR T L DN B E Q close"}, /* D-6 */
        {P("\0\0\0\1\0\0\0\0\3 ,\0"), "open O DC H DM R T L N B DE Q close"},
#undef P
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t reply[64] = {0, 0, 0, 6};
        struct talk t;
        memcpy(reply + 12, rows[i].lists.ptr, rows[i].lists.len);
        talk_to(&t, "sendmail", 'O');
        talk_reply(&t, 'O', drill_span_of(reply, 12 + rows[i].lists.len));
        talk_until(&t, 0, 0);
        assert_string_equal(t.sent, rows[i].sent);
        talk_fini(&t);
    }
}

/* The list of the end of the message is used only with one of the end of the header. */
static void test_the_list_of_the_end(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "sendmail", 'O');
    talk_reply(&t, 'O', BYTES("\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\5i,{mail_addr}\0"));
    assert_frames(&t, 'E', BYTES("E"), BYTES(""));
    talk_fini(&t);
    talk_to(&t, "sendmail", 'O');
    talk_reply(&t, 'O',
               BYTES("\0\0\0\6\0\0\0\0\0\0\0\0\0\0\0\5i,{mail_addr} {nothing}\0\0\0\0\6v\0"));
    assert_frames(&t, 'N',
                  BYTES("Nv\0"
                        "8.17.1.9\0"),
                  BYTES(""));
    assert_frames(&t, 'E',
                  BYTES("Ei\0"
                        "5BKA48xQ000001\0{mail_addr}\0Alice@Sender.TLD\0"),
                  BYTES(""));
    talk_fini(&t);
}

/* A list that is not wanted at all does not leave an empty frame for a command that is not sent. */
static void test_no_list_and_no_command(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "sendmail", 'O');
    talk_reply(&t, 'O', BYTES("\0\0\0\6\0\0\0\0\0\0\2\2\0\0\0\1\0\0\0\0\4i\0"));
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DM DR D L N B DE Q close");
    talk_fini(&t);
}

/* ---- settings ---- */

static void test_settings(void **state)
{
    static const struct {
        const char *key, *value;
        enum drill_code rc;
    } rows[] = {
        {"F", "T", DRILL_OK},
        {"F", "R", DRILL_OK},
        {"F", "4", DRILL_OK},
        {"F", "none", DRILL_OK},
        {"F", "X", DRILL_ERR_VALUE},
        {"T", "C:1m;S:20s", DRILL_OK},
        {"T", "C:1m;X:20s", DRILL_ERR_VALUE},
        {"T", "C", DRILL_ERR_VALUE},
        {"R", "soon", DRILL_ERR_VALUE},
        {"R", "30", DRILL_OK},
        {"E", "20s", DRILL_OK},
        {"Z", "8.18.1", DRILL_OK},
        {"nam", "x", DRILL_ERR_NOTFOUND},
    };
    struct talk t;
    struct drill_error err;
    (void)state;
    talk_init(&t, "sendmail");
    assert_int_equal(t.settings.timeout_connect, 300000000);
    for (size_t i = 0; i < ROWS(rows); i++) {
        assert_int_equal(
            t.profile->set(&t.settings, text(rows[i].key), text(rows[i].value), &t.arena, &err),
            rows[i].rc);
    }
    talk_set(&t, "F", "T");
    talk_start(&t);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_OPEN), 60000000);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_SEND), 20000000);
    talk_until(&t, 'B', 0);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), 30000000);
    talk_until(&t, 'E', 0);
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), 20000000); /* E is the shorter */
    talk_set(&t, "E", "0");
    talk_set(&t, "R", "0");
    assert_int_equal(drill_mta_patience(&t.mta, DRILL_MTA_WAIT), UINT64_MAX);
    talk_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_of_a_message),
        cmocka_unit_test(test_frames_that_depend_on_the_client),
        cmocka_unit_test(test_a_header_that_is_too_long),
        cmocka_unit_test(test_protocol_bits),
        cmocka_unit_test(test_aborts),
        cmocka_unit_test(test_macro_lists),
        cmocka_unit_test(test_the_list_of_the_end),
        cmocka_unit_test(test_no_list_and_no_command),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
