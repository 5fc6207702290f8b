/* SPDX-License-Identifier: MIT */
/* What frames imply: client, messages, verdicts, the program. */
#include "tests/helper_alloc.h"
#include "tests/helper_bytes.h"

#include <stdio.h>
#include <string.h>

#include "scenario/implied.h"

static struct drill_implied implied;

static int setup(void **state)
{
    (void)state;
    drill_implied_init(&implied, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    drill_implied_fini(&implied);
    return 0;
}

static void frame(struct drill_implied *i, enum drill_dir dir, uint8_t code,
                  struct drill_span payload)
{
    struct drill_message m;
    drill_message_decode(dir, code, payload, &m);
    drill_implied_frame(i, &m, "t.eml");
}

#define MTA(code, text)    frame(&implied, DRILL_TO_MILTER, code, BYTES(text))
#define MILTER(code, text) frame(&implied, DRILL_TO_MTA, code, BYTES(text))

static void setup_is(const char *want)
{
    helper_assert_bytes(drill_buf_span(&implied.setup), drill_span_str(want), want);
}

static void verdicts_are(const char *want)
{
    struct drill_buf out;
    drill_buf_init(&out, NULL);
    drill_implied_verdicts(&implied, &out);
    helper_assert_bytes(drill_buf_span(&out), drill_span_str(want), want);
    drill_buf_fini(&out);
}

static void test_a_session_with_one_message(void **state)
{
    (void)state;
    MTA('O', "\0\0\0\6\0\0\0\0\0\0\0\0");
    assert_true(implied.owed);
    MILTER('O', "\0\0\0\6\0\0\0\0\0\0\0\0");
    assert_false(implied.owed);
    MTA('D', "Cj\0mx\0{daemon_name}\0mx\0v\0Postfix 3.7.11\0");
    MTA('C', "host\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MILTER('c', "");
    MTA('H', "me.example\0");
    MTA('H', "again.example\0"); /* the first counts, here and below */
    MTA('D', "M{auth_authen}\0al\"ice\0{tls_version}\0TLSv1.3\0");
    MTA('D', "M{auth_authen}\0al\"ice\0{tls_version}\0TLSv1.3\0");
    MTA('M', "<a@x>\0SIZE=1\0not one\0BODY=8BITMIME\0");
    MTA('R', "<b@x>\0");
    MILTER('r', ""); /* of a recipient only */
    MTA('R', "<c@x>\0NOTIFY=NEVER\0");
    MTA('E', "");
    MILTER('h', "X\0y\0");
    MILTER('c', "");
    MTA('Q', "");
    drill_implied_end(&implied, "t.eml");
    setup_is("client addr=\"192.0.2.9\" port=4660 host=\"host\" helo=\"me.example\" "
             "auth=\"al\\\"ice\" tls=yes\n"
             "message from=\"<a@x>\" arg=\"SIZE=1\" arg=\"BODY=8BITMIME\" rcpt=\"<b@x>\" "
             "rcpt=\"<c@x>\" arg=\"NOTIFY=NEVER\" file=\"t.eml\"\n");
    verdicts_are("verdict accept\n");
    assert_string_equal(implied.mta->name, "postfix");
    assert_string_equal(implied.program, "Postfix 3.7.11");
    assert_true(implied.quit);
    assert_true(implied.failure); /* that recipient */
}

/* Postfix and Sendmail tell of TLS with the HELO behind STARTTLS. */
static void test_a_session_in_tls(void **state)
{
    (void)state;
    MTA('C', "host\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MTA('D', "H");
    MTA('H', "me.example\0");
    MTA('A', "");
    MTA('D', "H{tls_version}\0TLSv1.3\0{cipher}\0X\0");
    MTA('H', "me.example\0");
    MTA('M', "<a@x>\0");
    MTA('E', "");
    MILTER('c', "");
    MTA('Q', "");
    drill_implied_end(&implied, "t.eml");
    setup_is("client addr=\"192.0.2.9\" port=4660 host=\"host\" helo=\"me.example\" tls=yes\n"
             "message from=\"<a@x>\" file=\"t.eml\"\n");
}

static void test_a_client_without_a_name(void **state)
{
    (void)state;
    MTA('C', "[192.0.2.9]\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MTA('M', "<a@x>\0");
    drill_implied_end(&implied, "t.eml");
    setup_is(
        "client addr=\"192.0.2.9\" port=4660 host=\"\"\nmessage from=\"<a@x>\" file=\"t.eml\"\n"
        "smtp after=mail end=close\n");
}

/* It goes by what it calls itself then, and its TLS is told of at HELO, or its proxy's is. */
static void test_a_client_of_stalwarts(void **state)
{
    (void)state;
    MTA('D', "C{daemon_name}\0Stalwart v0.16.19\0{client_ptr}\0unknown\0");
    MTA('C', "me.example\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MTA('D', "H{cipher}\0unknown\0{tls_version}\0unknown\0");
    MTA('H', "me.example\0");
    MTA('M', "<a@x>\0");
    MTA('E', "");
    MILTER('c', "");
    MTA('Q', "");
    MTA('D', "C{daemon_name}\0Stalwart v0.16.19\0{client_ptr}\0one.example.\0");
    MTA('C', "one.example.\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MTA('D', "H{cipher}\0TLS13_AES_256_GCM_SHA384\0{tls_version}\0TLSv1.3\0");
    MTA('H', "me.example\0");
    MTA('M', "<b@x>\0");
    drill_implied_end(&implied, "t.eml");
    setup_is("client addr=\"192.0.2.9\" port=4660 host=\"\" helo=\"me.example\"\n"
             "message from=\"<a@x>\" file=\"t.eml\"\n"
             "client addr=\"192.0.2.9\" port=4660 host=\"one.example.\" tls=yes "
             "helo=\"me.example\"\n"
             "message from=\"<b@x>\" file=\"t.eml\"\nsmtp after=mail end=close\n");
    verdicts_are("verdict message=1 accept\n");
}

static void stalwart_ends(uint8_t verdict, const char *want)
{
    drill_implied_fini(&implied);
    drill_implied_init(&implied, NULL);
    MTA('D', "C{daemon_name}\0Stalwart v0.16.19\0");
    MTA('C', "h\0"
             "4\x12\x34"
             "192.0.2.9\0");
    MTA('M', "<a@x>\0");
    MTA('E', "");
    MILTER(verdict, "");
    drill_implied_end(&implied, "t.eml");
    verdicts_are(want);
}

static void test_stalwart_says_quit_behind_what_it_took(void **state)
{
    (void)state;
    stalwart_ends('c', "");
    stalwart_ends('a', "");
    stalwart_ends('d', "verdict accept\n");
    stalwart_ends('r', "verdict reject\n");
}

static void test_several_messages_and_their_verdicts(void **state)
{
    (void)state;
    MTA('C', "host\0"
             "6\x12\x34"
             "IPv6:2001:db8::1\0");
    MTA('M', "<a@x>\0");
    MTA('B', "x");
    MILTER('y', "451 4.7.1 later\0");
    MILTER('c', ""); /* the first counts */
    MTA('A', "");
    MTA('M', "<b@x>\0");
    MILTER('r', "");
    MTA('M', "<c@x>\0");
    MTA('E', "");
    MILTER('d', "");
    MTA('M', "<d@x>\0"); /* nothing is known of this one */
    drill_implied_end(&implied, NULL);
    setup_is("client addr=\"2001:db8::1\" port=4660 host=\"host\"\n"
             "message from=\"<a@x>\" file=\"t.eml\"\nmessage from=\"<b@x>\" file=\"t.eml\"\n"
             "message from=\"<c@x>\" file=\"t.eml\"\nmessage from=\"<d@x>\"\n"
             "smtp after=mail end=close\n");
    verdicts_are("verdict message=1 tempfail code=451\nverdict message=2 reject\n"
                 "verdict message=3 accept\n");
    assert_int_equal(implied.accepted, 1);
    assert_int_equal(implied.refused, 2);
}

/* What one offer, one answer and one frame more (code 0: something behind quit) say of the milter:
 * its profile, or "". */
static const char *milter_of(struct drill_span offer, struct drill_span answer, uint8_t command,
                             uint8_t code, struct drill_span said)
{
    drill_implied_fini(&implied);
    drill_implied_init(&implied, NULL);
    frame(&implied, DRILL_TO_MILTER, 'O', offer);
    frame(&implied, DRILL_TO_MTA, 'O', answer);
    frame(&implied, DRILL_TO_MILTER, command, drill_span_of(NULL, 0));
    if (code) {
        frame(&implied, DRILL_TO_MTA, code, said);
    } else {
        drill_implied_late(&implied);
    }
    return implied.milter ? implied.milter->name : "";
}

static void test_which_milter_it_is(void **state)
{
    const struct drill_span offer = BYTES("\0\0\0\6\0\0\1\xff\0\x1f\xff\xff");
    const struct drill_span none = BYTES("\0\0\0\6\0\0\0\0\0\0\0\0");
    const struct drill_span two = BYTES("\0\0\0\2\0\0\0\0\0\0\0\0");
    const struct drill_span rspamd = BYTES("\0\0\0\6\0\0\1\xff\0\x0f\xf0\x80");
    const struct drill_span less = BYTES("\0\0\0\6\0\0\0\x3f\0\x0f\xf0\x80");
    const struct drill_span steps = BYTES("\0\0\0\6\0\0\1\xff\0\x0f\xf0\x81");
    const struct drill_span by = BYTES("X-Virus-Scanned\0clamav-milter 1.4.6 at mx\0");
    const struct drill_span other = BYTES("X-Virus-Scanned\0amavisd-new at mx\0");
    const struct drill_span top = BYTES("\0\0\0\1X-Virus-Scanned\0clamav-milter 1.4.6 at mx\0");
    (void)state;
    assert_string_equal(milter_of(offer, none, 'E', 'h', by), "clamav-milter");
    assert_string_equal(milter_of(offer, none, 'E', 'i', top), "clamav-milter");
    assert_string_equal(milter_of(offer, none, 'E', 'm', top), ""); /* it may be another's */
    assert_string_equal(milter_of(offer, none, 'E', 'h', other), "");
    assert_string_equal(milter_of(offer, rspamd, 'E', 'a', BYTES("")), "rspamd");
    assert_string_equal(milter_of(offer, less, 'E', 'a', BYTES("")), "");
    assert_string_equal(milter_of(less, less, 'E', 'a', BYTES("")), "rspamd");
    assert_string_equal(milter_of(offer, steps, 'E', 'a', BYTES("")), "");
    assert_string_equal(milter_of(offer, two, 'Q', 0, none), "pmilter");
    assert_string_equal(milter_of(offer, two, 'E', 'c', BYTES("")), "");
    assert_string_equal(milter_of(offer, none, 'Q', 0, none), "");
}

static void test_a_refused_session_and_the_next(void **state)
{
    (void)state;
    MTA('C', "one\0U");
    MILTER('t', "");
    MTA('M', "<a@x>\0");
    MTA('K', "");
    MTA('C', "two\0U");
    MTA('M', "<b@x>\0");
    MTA('E', "");
    MILTER('a', "");
    drill_implied_end(&implied, NULL);
    setup_is("client host=\"one\"\nmessage from=\"<a@x>\" file=\"t.eml\"\nclient host=\"two\"\n"
             "message from=\"<b@x>\"\n");
    verdicts_are("verdict message=1 tempfail\nverdict message=2 accept\n");
}

/* What the client did beyond its messages: commands by their letters, replies as c and x. */
static void test_what_the_client_did_else(void **state)
{
    static const struct {
        const char *events, *text;
    } cases[] = {
        {"Cc Q", "smtp after=connect end=close\n"},
        {"Cc Hc A A Q", "smtp after=helo end=close\n"},
        {"Cc Hc", "smtp after=helo end=close\n"},
        {"Cx Q", ""},
        {"Cc mc rc A mc rc ec", "M\nsmtp after=rcpt send=\"RSET\"\nM\n"},
        {"Cc mc rc A A Q", "M\nsmtp after=rcpt end=close\n"},
        {"Cc mc rc tc Q", "M\nsmtp after=data end=close\n"},
        {"Cc mc rc tc", "M\nsmtp after=data end=close\n"},
        {"Cc mc rx A Q", "M\n"},
        {"Cc mc rx rc A Q", "M\nsmtp after=rcpt end=close\n"},
        {"Cc mx A Q", "M\n"},
        {"Cc mc rc ec A Q", "M\n"},
        {"Cc Hc uc mc rc uc ec Q",
         "smtp after=helo send=\"XFOO\"\nM\nsmtp after=rcpt send=\"XFOO\"\n"},
    };
    (void)state;
    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        char got[400] = "";
        teardown(NULL);
        setup(NULL);
        for (const char *e = cases[n].events; *e; e++) {
            switch (*e) {
            case 'C': MTA('C', "h\0U"); break;
            case 'H': MTA('H', "h\0"); break;
            case 'm': MTA('M', "<a@x>\0"); break;
            case 'r': MTA('R', "<b@x>\0"); break;
            case 't': MTA('T', ""); break;
            case 'e': MTA('E', ""); break;
            case 'u': MTA('U', "XFOO\0"); break;
            case 'A': MTA('A', ""); break;
            case 'Q': MTA('Q', ""); break;
            case 'c': MILTER('c', ""); break;
            case 'x': MILTER('r', ""); break;
            default: break;
            }
        }
        drill_implied_end(&implied, NULL);
        struct drill_span left = drill_buf_span(&implied.setup);
        while (left.len) { /* messages are M here, the client's line is left out */
            size_t end = drill_span_find(left, '\n') + 1;
            if (left.ptr[0] != 'c') {
                (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s",
                               left.ptr[0] == 'm' ? 2 : (int)end,
                               left.ptr[0] == 'm' ? "M\n" : (const char *)left.ptr);
            }
            left = drill_span_sub(left, end, left.len);
        }
        assert_string_equal(got, cases[n].text);
    }
}

static void test_the_programs(void **state)
{
    (void)state;
    MTA('D', "Cv\0"
             "8.17.1\0");
    assert_string_equal(implied.mta->name, "sendmail");
    assert_string_equal(implied.program, "Sendmail 8.17.1");
    teardown(NULL);
    setup(NULL);
    MTA('D', "C{daemon_name}\0Stalwart v0.16.19\0");
    assert_string_equal(implied.mta->name, "stalwart");
    teardown(NULL);
    setup(NULL);
    MTA('D', "Cj\0Postfix\0v\0Exim\0");
    assert_null(implied.mta);
}

static void test_memory_is_bounded(void **state)
{
    static uint8_t long_one[3000];
    (void)state;
    memset(long_one, 'a', sizeof(long_one) - 1);
    for (int n = 0; n < 1000; n++) {
        frame(&implied, DRILL_TO_MILTER, 'M', drill_span_of(long_one, sizeof(long_one)));
    }
    drill_implied_end(&implied, NULL);
    assert_in_range(implied.setup.len, 100000, DRILL_IMPLIED_LIMIT + 8000);
    assert_int_equal(implied.messages + implied.unlisted, 1000);
    assert_in_range(implied.unlisted, 1, 999);
}

static bool listed(void *ctx, const struct drill_alloc *alloc)
{
    struct drill_implied i;
    (void)ctx;
    drill_implied_init(&i, alloc);
    frame(&i, DRILL_TO_MILTER, 'C', BYTES("one\0U"));
    frame(&i, DRILL_TO_MILTER, 'M', BYTES("<a@x>\0"));
    frame(&i, DRILL_TO_MILTER, 'R', BYTES("<b@x>\0"));
    drill_implied_end(&i, "t.eml");
    static const char want[] =
        "client host=\"one\"\nmessage from=\"<a@x>\" rcpt=\"<b@x>\" file=\"t.eml\"\n"
        "smtp after=rcpt end=close\n";
    bool all = drill_span_equal(drill_buf_span(&i.setup), drill_span_str(want));
    drill_implied_fini(&i);
    return all;
}

static void test_a_refused_allocation_leaves_lines_out(void **state)
{
    (void)state;
    helper_every_alloc(listed, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_session_with_one_message),
        TEST(test_a_session_in_tls),
        TEST(test_a_client_without_a_name),
        TEST(test_a_client_of_stalwarts),
        TEST(test_stalwart_says_quit_behind_what_it_took),
        TEST(test_which_milter_it_is),
        TEST(test_several_messages_and_their_verdicts),
        TEST(test_a_refused_session_and_the_next),
        TEST(test_what_the_client_did_else),
        TEST(test_the_programs),
        TEST(test_memory_is_bounded),
        TEST(test_a_refused_allocation_leaves_lines_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
