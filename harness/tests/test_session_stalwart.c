/* SPDX-License-Identifier: MIT */
/* Stalwart as an MTA: what it sends, byte for byte and in which order, and its settings. */
#include "session/stalwart.h"
#include "talk_stalwart.h"

/* ---- frames ---- */

static void assert_payload(const struct drill_message *m, struct drill_span want, const char *what)
{
    static uint8_t buf[70000];
    struct drill_writer w = drill_writer_of(buf, sizeof(buf));
    drill_message_encode(m, &w);
    assert_false(w.overflow);
    helper_assert_bytes(drill_writer_span(&w), want, what);
}

/* Goes to the command and checks both frames; peeking twice gives the same. */
static void assert_frames(struct talk *t, uint8_t code, struct drill_span macro,
                          struct drill_span command)
{
    struct drill_mta_step step, again;
    char what[2] = {(char)code, '\0'};
    for (;;) {
        drill_mta_peek(&t->mta, &step);
        assert_int_not_equal(step.kind, DRILL_MTA_DONE);
        if (step.kind == DRILL_MTA_SEND && step.command.code == code) {
            break;
        }
        if (step.kind != DRILL_MTA_WAIT) {
            drill_mta_did(&t->mta);
        } else if (step.awaited == DRILL_SMFIC_OPTNEG) {
            talk_optneg(t, 0);
        } else {
            talk_reply(t, 'c', text(""));
        }
    }
    assert_int_equal(step.has_macro, macro.len > 0);
    drill_mta_peek(&t->mta, &again);
    assert_payload(&again.command, command, what);
    if (macro.len) {
        assert_payload(&step.macro, macro, what);
        assert_payload(&again.macro, macro, what);
    }
    drill_mta_did(&t->mta);
}

static void test_frames_of_a_message(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.rcpts = 2;
    assert_int_equal(
        drill_mail_parse(BYTES("From : a@b \r\nTo:x\r\n\ty \r\nX\xE9: 1\r\n: no\r\nZ:\xE9\r\n\r\n"
                               "body\r\n"),
                         &t.arena, &t.message.mail, NULL),
        DRILL_OK);
    assert_int_equal(drill_mail_finish(&t.message.mail, &t.arena), DRILL_OK);
    talk_start(&t);
    assert_frames(&t, 'O', BYTES(""), BYTES("\0\0\0\x06\0\0\0\xff\0\0\0\x42"));
    assert_frames(&t, 'C',
                  BYTES("C{daemon_name}\0Stalwart v0.16.19\0j\0mx.example.com\0{client_addr}\0"
                        "192.0.2.5\0{client_port}\0"
                        "47324\0{client_ptr}\0mail.sender.tld.\0"),
                  BYTES("mail.sender.tld.\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'H', BYTES("H{cipher}\0\0{tls_version}\0\0"), BYTES("mail.sender.tld\0"));
    assert_frames(&t, 'M', BYTES("M{mail_addr}\0alice@sender.tld\0"),
                  BYTES("<alice@sender.tld>\0"));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0bob@example.com\0"), BYTES("<bob@example.com>\0"));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0carol@example.com\0"),
                  BYTES("<carol@example.com>\0"));
    assert_frames(&t, 'T', BYTES(""), BYTES(""));
    assert_frames(&t, 'L', BYTES(""), BYTES("From\0a@b\0"));
    assert_frames(&t, 'L', BYTES(""), BYTES("To\0x\r\n\ty\0"));
    assert_frames(&t, 'L', BYTES(""),
                  BYTES("\0"
                        "1\0"));
    assert_frames(&t, 'L', BYTES(""), BYTES("Z\0\0"));
    assert_frames(&t, 'N', BYTES(""), BYTES(""));
    assert_frames(
        &t, 'B', BYTES(""),
        BYTES("From : a@b \r\nTo:x\r\n\ty \r\nX\xE9: 1\r\n: no\r\nZ:\xE9\r\n\r\nbody\r\n"));
    assert_frames(&t, 'E', BYTES(""), BYTES(""));
    assert_frames(&t, 'Q', BYTES(""), BYTES(""));
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

static void test_frames_that_depend_on_the_client(void **state)
{
    struct talk t;
    struct drill_extra_macro added = {'M', text("{auth_type}"), text("PLAIN"), false, NULL};
    struct drill_extra_macro replaced = {'M', text("{mail_addr}"), text("x"), false, &added};
    (void)state;
    talk_init(&t);
    t.client.host = text("");
    t.client.auth = text("alice");
    t.client.family = DRILL_FAMILY_INET6;
    t.client.addr = text("2001:db8::5");
    t.client.macros = &replaced;
    t.message.from = text("<>");
    talk_set(&t, "protocolVersion", "v2");
    talk_set(&t, "serverName", "mx.test");
    talk_start(&t);
    assert_frames(&t, 'O', BYTES(""), BYTES("\0\0\0\x02\0\0\0\xff\0\0\0\x42"));
    assert_frames(&t, 'C',
                  BYTES("C{daemon_name}\0Stalwart v0.16.19\0j\0mx.test\0{client_addr}\0"
                        "2001:db8::5\0{client_port}\0"
                        "47324\0{client_ptr}\0unknown\0"),
                  BYTES("mail.sender.tld\0"
                        "6\xb8\xdc"
                        "2001:db8::5\0"));
    assert_frames(&t, 'M', BYTES("M{mail_addr}\0x\0{auth_authen}\0alice\0{auth_type}\0PLAIN\0"),
                  BYTES("<>\0"));
    talk_until(&t, 0, 0);
    assert_null(strchr(t.sent, 'T')); /* version 2 */
    talk_fini(&t);
}

static void test_body_is_cut_at_65535(void **state)
{
    static uint8_t big[65535 + 65535 + 100];
    struct talk t;
    (void)state;
    talk_init(&t);
    memset(big, 'a', sizeof(big));
    memcpy(big, "A: b\r\n\r\n", 8);
    t.message.mail.raw = drill_span_of(big, sizeof(big));
    talk_start(&t);
    assert_frames(&t, 'B', BYTES(""), drill_span_of(big, 65535));
    assert_frames(&t, 'B', BYTES(""), drill_span_of(big + 65535, 65535));
    assert_frames(&t, 'B', BYTES(""), drill_span_of(big + 131070, 100));
    assert_frames(&t, 'E', BYTES(""), BYTES(""));
    talk_fini(&t);
}

/* ---- the plan ---- */

static void test_protocol_bits(void **state)
{
    static const struct {
        uint32_t steps;
        const char *sent;
    } rows[] = {
        {0, "open O DC DH DM DR T L N B E Q close"},
        {DRILL_SMFIP_NOCONNECT | DRILL_SMFIP_NOHELO, "open O DM DR T L N B E Q close"},
        {DRILL_SMFIP_NOMAIL | DRILL_SMFIP_NORCPT, "open O DC DH T L N B E Q close"},
        {DRILL_SMFIP_NODATA, "open O DC DH DM DR L N B E Q close"},
        {DRILL_SMFIP_NOEOH, "open O DC DH DM DR T L N B E Q close"},
        {DRILL_SMFIP_NOHDRS, "open O DC DH DM DR T B E Q close"},
        {DRILL_SMFIP_NOBODY, "open O DC DH DM DR T L N Q close"},
        {0x37F, "open O Q close"},
        {0xFF080, "open O DC DH DM DR T L N B E Q close"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t);
        talk_start(&t);
        talk_until(&t, 0, rows[i].steps);
        assert_string_equal(t.sent, rows[i].sent);
        assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
        talk_fini(&t);
    }
}

/* NR_* bits that were never offered count: only the end of the body is waited for. */
static void test_no_reply_bits_are_not_waited_for(void **state)
{
    struct talk t;
    struct drill_mta_step step;
    (void)state;
    talk_init(&t);
    talk_start(&t);
    talk_until(&t, 'O', 0);
    talk_optneg(&t, 0xFF080);
    talk_until(&t, 'E', 0);
    assert_string_equal(t.sent, "open O DC DH DM DR T L N B E");
    drill_mta_peek(&t.mta, &step);
    assert_int_equal(step.kind, DRILL_MTA_WAIT);
    talk_fini(&t);
}

static void test_stages(void **state)
{
    static const struct {
        const char *stages;
        const char *sent;
    } rows[] = {
        {"connect", "open O DC DH Q close"},
        {"ehlo", "open O DC DH Q close"},
        {"auth", ""},
        {"mail", "open O DC DH DM Q close"},
        {"rcpt", "open O DC DH DM DR Q close open O DC DH DM DR DR Q close"},
        {"rcpt,data", "open O DC DH DM DR Q close open O DC DH DM DR DR Q close "
                      "open O DC DH DM DR DR T L N B E Q close"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_init(&t);
        t.message.rcpts = 2;
        talk_set(&t, "stages", rows[i].stages);
        talk_start(&t);
        talk_until(&t, 0, 0);
        assert_string_equal(t.sent, rows[i].sent);
        assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
        assert_line(told_at(&t, 0, 'C', 0), "220 mx.example.com Stalwart ESMTP at your service");
        assert_line(told_at(&t, 0, 'H', 0), "250 mx.example.com you had me at EHLO");
        assert_line(told_at(&t, 1, 'M', 0), "250 2.1.0 OK");
        assert_line(told_at(&t, 1, 'R', 2), "250 2.1.5 OK");
        assert_line(told_at(&t, 1, 'T', 0), "354 Start mail input; end with <CRLF>.<CRLF>");
        talk_fini(&t);
    }
}

/* At the connect stage the HELO name is not known yet: it stands empty in H, and in C too; nor is
 * the server's own, or the client's by the DNS. */
static void test_connect_stage_knows_no_name(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_set(&t, "stages", "connect");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("C{daemon_name}\0Stalwart v0.16.19\0j\0\0{client_addr}\0"
                        "192.0.2.5\0{client_port}\0"
                        "47324\0{client_ptr}\0unknown\0"),
                  BYTES("\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'H', BYTES("H{cipher}\0\0{tls_version}\0\0"), BYTES("\0"));
    talk_fini(&t);
}

/* It is looked up at MAIL. */
static void test_ehlo_stage_knows_the_name_the_client_gave(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.client.helo = text("client.example");
    talk_set(&t, "stages", "ehlo,mail");
    talk_start(&t);
    assert_frames(&t, 'C',
                  BYTES("C{daemon_name}\0Stalwart v0.16.19\0j\0mx.example.com\0{client_addr}\0"
                        "192.0.2.5\0{client_port}\0"
                        "47324\0{client_ptr}\0unknown\0"),
                  BYTES("client.example\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    assert_frames(&t, 'Q', BYTES(""), BYTES(""));
    assert_frames(&t, 'C',
                  BYTES("C{daemon_name}\0Stalwart v0.16.19\0j\0mx.example.com\0{client_addr}\0"
                        "192.0.2.5\0{client_port}\0"
                        "47324\0{client_ptr}\0mail.sender.tld.\0"),
                  BYTES("mail.sender.tld.\0"
                        "4\xb8\xdc"
                        "192.0.2.5\0"));
    talk_fini(&t);
}

static void helo_macros(bool tls, const char *proxies, struct drill_span want)
{
    struct talk t;
    talk_init(&t);
    t.client.tls = tls;
    talk_set(&t, "overrideProxyTrustedNetworks", proxies);
    talk_start(&t);
    assert_frames(&t, 'H', want, BYTES("mail.sender.tld\0"));
    talk_fini(&t);
}

static void test_tls_of_the_client_and_of_its_proxy(void **state)
{
    (void)state;
    helo_macros(false, "", BYTES("H{cipher}\0\0{tls_version}\0\0"));
    helo_macros(false, "192.0.2.0/24", BYTES("H{cipher}\0unknown\0{tls_version}\0unknown\0"));
    helo_macros(true, "192.0.2.0/24",
                BYTES("H{cipher}\0TLS13_AES_256_GCM_SHA384\0{tls_version}\0TLSv1.3\0"));
}

static void test_quoted_local_parts_lose_their_quotes(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    t.message.rcpts = 3;
    t.message.from = text("<\"A b\\\"c\\\\d\"@Example.ORG>");
    t.rcpt[0] = text("<\"open@example.com>");
    t.rcpt[1] = text("<\"x\"y@example.com>");
    t.rcpt[2] = text("<\"\"@example.com>");
    talk_start(&t);
    assert_frames(&t, 'M', BYTES("M{mail_addr}\0a b\"c\\d@example.org\0"),
                  BYTES("<a b\"c\\d@example.org>\0"));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0\"open@example.com\0"),
                  BYTES("<\"open@example.com>\0"));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0\"x\"y@example.com\0"),
                  BYTES("<\"x\"y@example.com>\0"));
    assert_frames(&t, 'R', BYTES("R{rcpt_addr}\0@example.com\0"), BYTES("<@example.com>\0"));
    talk_fini(&t);
}

/* What it is told of a message of these lines. */
static void assert_headers(const char *raw, const char *want)
{
    struct drill_stalwart_field f;
    char found[200];
    size_t at = 0, n = 0;
    struct drill_span text_of = helper_exact(drill_span_str(raw));
    found[0] = '\0';
    while (drill_stalwart_field(text_of, at, &f)) {
        n +=
            (size_t)snprintf(found + n, sizeof(found) - n, "[%.*s|%.*s]", (int)f.name.len,
                             (const char *)f.name.ptr, (int)f.value.len, (const char *)f.value.ptr);
        at = f.end;
    }
    assert_string_equal(found, want);
    helper_exact_free(text_of);
}

static void test_which_headers_it_finds(void **state)
{
    (void)state;
    assert_headers("A: b\r\n\r\nC: d\r\n", "[A| b\r\n]");
    assert_headers("A: b\r\nno colon\r\nC: d\r\n\r\n", "[A| b\r\n][C| d\r\n]");
    assert_headers(": none\r\n:\r\n:: a: b\r\n", "[:: a| b\r\n]");
    assert_headers(" A: b\r\nno\r\n fold: c\r\n", "[A| b\r\n][fold| c\r\n]");
    assert_headers("A B\t: c\r\n d\r\n\te\r\n", "[A B\t| c\r\n d\r\n\te\r\n]");
    assert_headers("A: b\nC:d", "[A| b\n][C|d]");
    assert_headers("\r\nA: b\r\n", "");
    assert_headers("no", "");
    assert_headers("", "");
}

static void test_disabled_runs_nothing(void **state)
{
    struct talk t;
    (void)state;
    talk_init(&t);
    talk_set(&t, "enable", "false");
    talk_start(&t);
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "");
    assert_outcome(&t, 1, "250 2.0.0 Message queued with id 1.");
    talk_fini(&t);
}

static void test_settings_of_its_own(void **state)
{
    struct talk t;
    struct drill_error err;
    const struct drill_profile *p = drill_profile_find(DRILL_SIDE_MTA, text("stalwart"));
    (void)state;
    talk_init(&t);
    talk_set(&t, "hostname", "milter.example");
    talk_set(&t, "port", "7357");
    talk_set(&t, "protocolVersion", "2");
    talk_set(&t, "flagsAction", "addhdrs,chgbody");
    talk_set(&t, "flagsProtocol", "0");
    talk_set(&t, "timeoutConnect", "5s");
    talk_set(&t, "timeout", "7s");
    talk_set(&t, "timeoutData", "1m");
    talk_set(&t, "maxResponseSize", "64KiB");
    talk_set(&t, "stages", "ehlo,data");
    talk_set(&t, "useTls", "true");
    talk_set(&t, "allowInvalidCerts", "true");
    assert_int_equal(t.settings.port, 7357);
    assert_int_equal(t.settings.version, 2);
    assert_int_equal(t.settings.actions, 3);
    assert_int_equal(t.settings.timeout_connect, 5000000);
    assert_int_equal(t.settings.timeout_command, 7000000);
    assert_int_equal(t.settings.timeout_data, 60000000);
    assert_int_equal(t.settings.max_response, 65536);
    assert_int_equal(t.settings.stages, DRILL_RUN_EHLO | DRILL_RUN_DATA);
    assert_int_equal(p->set(&t.settings, text("timeoutDate"), text("1s"), &t.arena, &err),
                     DRILL_ERR_NOTFOUND);
    assert_non_null(strstr(err.text, "\"timeoutData\""));
    assert_int_equal(p->set(&t.settings, text("protocolVersion"), text("3"), &t.arena, &err),
                     DRILL_ERR_VALUE);
    assert_int_equal(p->set(&t.settings, text("stages"), text("dat"), &t.arena, &err),
                     DRILL_ERR_VALUE);
    drill_arena_fini(&t.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_of_a_message),
        cmocka_unit_test(test_frames_that_depend_on_the_client),
        cmocka_unit_test(test_body_is_cut_at_65535),
        cmocka_unit_test(test_protocol_bits),
        cmocka_unit_test(test_no_reply_bits_are_not_waited_for),
        cmocka_unit_test(test_stages),
        cmocka_unit_test(test_connect_stage_knows_no_name),
        cmocka_unit_test(test_ehlo_stage_knows_the_name_the_client_gave),
        cmocka_unit_test(test_tls_of_the_client_and_of_its_proxy),
        cmocka_unit_test(test_quoted_local_parts_lose_their_quotes),
        cmocka_unit_test(test_which_headers_it_finds),
        cmocka_unit_test(test_disabled_runs_nothing),
        cmocka_unit_test(test_settings_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
