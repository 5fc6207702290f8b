/* SPDX-License-Identifier: MIT */
/* Pasted log lines: each row of log.def is found by a line as its program writes it. */
#include <string.h>

#include "helper_bytes.h"
#include "session/judge.h"
#include "session/loglines.h"

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *line;
    const char *program;
    const char *rule;
    char stage;
    int64_t number; /* -1: none */
} lines[] = {
    /* Postfix */
    {"postfix/smtpd[21]: warning: milter inet:127.0.0.1:11332: can't read SMFIC_MAIL reply packet "
     "header: Connection reset by peer",
     "Postfix", "F8", 'M', -1},
    {"can't read SMFIC_MAIL reply packet header: Broken pipe", "Postfix", "F65", 'M', -1},
    {"can't read SMFIC_BODYEOB reply packet header: Connection timed out", "Postfix", "F9", 'E',
     -1},
    {"can't read SMFIC_OPTNEG reply packet header: Application error", "Postfix", "F8", 'O', -1},
    {"can't read SMFIC_CONNECT reply packet header: Success", "Postfix", "F8", 'C', -1},
    {"can't read SMFIC_RCPT reply packet header: No error: 0", "Postfix", "F8", 'R', -1},
    {"can't read SMFIC_RCPT reply packet header: No route to host", "Postfix", "", 'R', -1},
    {"milter inet:x: EOF while reading command code: Application error", "Postfix", "F66", 0, -1},
    {"EOF while reading data: Connection timed out", "Postfix", "F66", 0, -1},
    {"EOF while reading data: Application error", "Postfix", "F66", 0, -1},
    {"milter8_read_data: milter x: EOF while reading string: Connection timed out", "Postfix",
     "F66", 0, -1},
    {"warning: milter inet:127.0.0.1:3310: unreasonable packet length: 1431194446 > 1073741823",
     "Postfix", "F66", 0, 1431194446},
    {"warning: milter x: bad packet length: 0", "Postfix", "F66", 0, 0},
    {"warning: connect to Milter service inet:localhost:8891: Connection refused", "Postfix", "", 0,
     -1},
    {"connect to Milter service unix:/run/opendkim: No such file or directory", "Postfix", "", 0,
     -1},
    {"connect to Milter service unix:/run/opendkim: Permission denied", "Postfix", "", 0, -1},
    {"connect to Milter service inet:192.0.2.9:8891: Connection timed out", "Postfix", "", 0, -1},
    {"connect to Milter service inet:192.0.2.9:8891: No route to host", "Postfix", "", 0, -1},
    {"milter inet:x: error writing command: Broken pipe", "Postfix", "", 0, -1},
    {"milter8_event: attempt to send event SMFIC_RCPT to milter inet:x after error", "Postfix", "",
     'R', -1},
    {"milter x: unexpected reply \"c\" in initial handshake", "Postfix", "F12", 0, -1},
    {"milter x: read error in initial handshake", "Postfix", "F14", 0, -1},
    {"milter x: protocol version 7 conflict with MTA protocol version 6", "Postfix", "F4", 0, 7},
    {"milter x: unexpected protocol version 1", "Postfix", "F15", 0, -1},
    {"milter x: request mask 0xfff conflict with MTA request mask 0x1ff", "Postfix", "F16", 0, -1},
    {"milter x: ignoring unknown macro type 9", "Postfix", "F20", 0, -1},
    {"milter x: unexpected filter response (unknown filter reply) after event SMFIC_MAIL",
     "Postfix", "F27", 'M', -1},
    {"unexpected filter response SMFIR_CONN_FAIL after event SMFIC_CONNECT", "Postfix", "F6", 'C',
     -1},
    {"unexpected filter response SMFIR_SHUTDOWN after event SMFIC_HELO", "Postfix", "F6", 'H', -1},
    {"unexpected filter response SMFIR_ADDHEADER after event SMFIC_MAIL", "Postfix", "F3", 'M', -1},
    {"milter x: reply SMFIR_CONTINUE was followed by 9 data bytes", "Postfix", "F26", 0, 9},
    {"milter x: packet too short for string", "Postfix", "F24", 0, -1},
    {"milter8_read_data: milter x: missing string null termimator", "Postfix", "F5", 0, -1},
    {"milter8_read_data: left-over data 2 bytes", "Postfix", "F25", 0, 2},
    {"milter x: input packet too short for network long", "Postfix", "F24", 0, -1},
    {"milter x: null change header name", "Postfix", "F54", 0, -1},
    {"milter x: malformed reply: 250 2.0.0 ok", "Postfix", "F30", 0, -1},
    {"milter x: DISCARD action is not allowed for connect or helo", "Postfix", "F46", 0, -1},
    {"cleanup[3]: warning: 4Xy: body replacement requests can't currently be mixed with other "
     "requests",
     "Postfix", "F50", 0, -1},
    {"4Xy: milter-reject: END-OF-MESSAGE from c[192.0.2.1]: 451 4.7.1 Service unavailable",
     "Postfix", "", 0, -1},
    {"NOQUEUE: milter-reject: RCPT from c[192.0.2.1]: 550 5.7.1 Command rejected", "Postfix", "",
     'R', -1},
    {"4Xy: milter-hold: END-OF-MESSAGE from c[192.0.2.1]: milter triggers HOLD action", "Postfix",
     "", 0, -1},
    {"4Xy: milter-discard: MAIL from c[192.0.2.1]: milter triggers DISCARD action", "Postfix", "",
     0, -1},
    /* Stalwart */
    {"2026-06-01T00:00:00Z WARN Milter I/O error (milter.io-error) listenerId=\"smtp\", "
     "localPort=25, id=\"MtaMilter\", details=\"Connection reset by peer (os error 104)\", "
     "elapsed=140ms",
     "Stalwart", "F8", 0, -1},
    {"WARN Milter I/O error (milter.io-error) details = \"Broken pipe (os error 32)\"", "Stalwart",
     "F65", 0, -1},
    {"(milter.io-error) details = \"Connection refused (os error 111)\"", "Stalwart", "", 0, -1},
    {"(milter.io-error) details = \"Connection timed out (os error 110)\"", "Stalwart", "", 0, -1},
    {"(milter.io-error) details = \"No route to host (os error 113)\"", "Stalwart", "", 0, -1},
    {"Milter frame too large (milter.frame-too-large) localPort = 25, details = 1431194446",
     "Stalwart", "F66", 0, 1431194446},
    {"(milter.frame-too-large) localPort=25, details=1195725856, elapsed=3ms", "Stalwart", "F66", 0,
     1195725856},
    {"milter.frame-too-large 1195725856", "Stalwart", "F66", 0, 1195725856},
    {"milter.frame-too-large", "Stalwart", "F66", 0, -1},
    {"Milter frame too large", "Stalwart", "F66", 0, -1},
    {"WARN Invalid Milter frame (milter.frame-invalid) details = \"base64:aGk=\"", "Stalwart",
     "F24", 0, -1},
    {"WARN Unexpected Milter response (milter.unexpected-response) details = \"PROGRESS\"",
     "Stalwart", "F11", 0, -1},
    {"WARN Milter disconnected (milter.disconnected)", "Stalwart", "F8", 0, -1},
    {"WARN Milter timeout (milter.timeout)", "Stalwart", "F9", 0, -1},
    {"Milter I/O error", "Stalwart", "", 0, -1},
    {"Milter timeout", "Stalwart", "F9", 0, -1},
    {"Milter disconnected", "Stalwart", "F8", 0, -1},
    {"Unexpected Milter response", "Stalwart", "F11", 0, -1},
    {"Invalid Milter frame", "Stalwart", "F24", 0, -1},
    {"Invalid TLS name for Milter", "Stalwart", "", 0, -1},
    {"Milter parse error", "Stalwart", "F61", 0, -1},
    {"INFO Milter action: Reject (milter.action-reject)", "Stalwart", "", 0, -1},
    /* Sendmail */
    {"milter_sys_read(clamav): cmd read returned 0, expecting 5", "Sendmail", "F8", 0, -1},
    {"Milter (clamav): read returned -1: Connection reset by [127.0.0.1]", "Sendmail", "F8", 0, -1},
    {"Milter (clamav): timeout before data read, where=helo", "Sendmail", "F9", 'H', -1},
    {"Milter (clamav): timeout before data read", "Sendmail", "F9", 0, -1},
    {"milter_data(clamav): EOM ACK/NAK timeout", "Sendmail", "F9", 0, -1},
    {"milter_write(clamav): length 70000 out of range, cmd=L", "Sendmail", "M11", 'L', 70000},
    {"Milter (clamav): error connecting to filter: Connection refused by /run/clamav", "Sendmail",
     "", 0, -1},
    {"milter_send_command(clamav): action=connect returned bogus response p", "Sendmail", "F27", 0,
     -1},
    {"Milter (clamav): negotiate: did not return enough info", "Sendmail", "F14", 0, -1},
    {"Milter (x): negotiate: filter abilities 0xfff != MTA milter abilities 0x1ff", "Sendmail",
     "F4", 0, -1},
    {"Milter (x): negotiate: protocol abilities 0x40000000 != MTA milter abilities 0x1fffff",
     "Sendmail", "F17", 0, -1},
    {"Milter (x): negotiate: returned c instead of O", "Sendmail", "F12", 0, -1},
    {"milter_data(x): lied about replacing body, rejecting request and tempfailing message",
     "Sendmail", "F10", 0, -1},
    {"milter_data(x): lied about adding headers, honoring request anyway", "Sendmail", "F10", 0,
     -1},
    {"Milter: initialization failed, temp failing commands", "Sendmail", "", 0, -1},
    {"Milter (x): init failed to open", "Sendmail", "", 0, -1},
    {"Milter (x): to error state", "Sendmail", "", 0, -1},
    /* milters */
    {"ClamAV: st_optionneg[3]: 0xff does not fulfill action requirements 0x1ff", "libmilter", "F4",
     0, -1},
    {"ClamAV: st_optionneg[3]: 0x42 does not fulfill protocol requirements 0x342", "libmilter",
     "F4", 0, -1},
    {"ClamAV: st_optionneg[3]: len too short 8 < 12", "libmilter", "M19", 0, -1},
    {"ClamAV: st_optionneg[3]: protocol version too old 1 < 2", "libmilter", "M13", 0, -1},
    {"ClamAV, mi_rd_cmd: read returned -1: Connection reset by peer", "libmilter", "", 0, -1},
    {"ClamAV: mi_rd_cmd: poll() returned 0: timeout", "libmilter", "", 0, -1},
    {"ClamAV: fd 1030 is larger than FD_SETSIZE 1024", "libmilter", "", 0, -1},
    {"rspamd_milter: Command length is too big: 1195725855", "rspamd", "M11", 0, -1},
    {"rspamd_milter: invalid macro command (bad value)", "rspamd", "M48", 0, -1},
    {"abnormally closing milter connection from: 127.0.0.1, error: x", "rspamd", "M42", 0, -1},
    {"unknown milter packet type K", "Sendmail::PMilter", "M23", 0, -1},
    {"unknown milter protocol version 7", "Sendmail::PMilter", "M14", 0, -1},
    /* the system's words */
    {"something (os error 104)", "the system", "", 0, -1},
    {"Connection reset by peer", "the system", "", 0, -1},
    {"something (os error 32)", "the system", "", 0, -1},
    {"write: Broken pipe", "the system", "", 0, -1},
    {"connect: Connection refused", "the system", "", 0, -1},
};

static void test_each_line_says_what_it_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct drill_logline l;
        if (!drill_loglines_find(drill_span_str(lines[i].line), &l) ||
            strcmp(l.program, lines[i].program) != 0 || strcmp(l.rule, lines[i].rule) != 0 ||
            l.stage != (uint8_t)lines[i].stage || l.has_number != (lines[i].number >= 0) ||
            (l.has_number && l.number != (uint64_t)lines[i].number)) {
            fail_msg("%s: found as %s, rule %s, stage %c", lines[i].line, l.program, l.rule,
                     l.stage ? l.stage : '-');
        }
        assert_true(strlen(l.means) > 10 && strlen(l.advice) > 5);
    }
}

/* A row that no line reaches stands behind one that takes all of its lines. The lines above stand
 * in the order of the rows, so one line a row is enough, and says which is missing. */
static void test_each_row_has_its_line(void **state)
{
    const char *rule;
    enum drill_rule_id id;
    size_t rows = 0;
    (void)state;
    while (drill_loglines_pattern(rows, &rule)) {
        assert_true(rule[0] == '\0' || drill_rule_find(drill_span_str(rule), &id));
        rows++;
    }
    assert_int_equal(rows, ROWS(lines));
    for (size_t i = 0; i < ROWS(lines); i++) {
        struct drill_logline l;
        assert_true(drill_loglines_find(drill_span_str(lines[i].line), &l));
        if (l.row != i) {
            fail_msg("%s: found by row %zu (%s), stands at %zu (%s)", lines[i].line, l.row,
                     drill_loglines_pattern(l.row, &rule), i, drill_loglines_pattern(i, &rule));
        }
    }
}

static void test_case_does_not_matter(void **state)
{
    struct drill_logline l;
    (void)state;
    assert_true(drill_loglines_find(drill_span_str("CAN'T READ smfic_eoh REPLY PACKET HEADER: "
                                                   "broken PIPE"),
                                    &l));
    assert_int_equal(l.stage, 'N');
}

static void test_other_lines_are_not_known(void **state)
{
    static const char *const others[] = {
        "",
        "connect from mail.example.org[192.0.2.1]",
        "can't read SMFIC_MAIL",
        "can't read  reply packet header",
        "unreasonable packet length: ",
        "milter",
    };
    struct drill_logline l;
    (void)state;
    for (size_t i = 0; i < ROWS(others); i++) {
        if (drill_loglines_find(drill_span_str(others[i]), &l)) {
            fail_msg("%s: found as %s: %s", others[i], l.program, l.means);
        }
    }
    assert_false(drill_loglines_find(drill_span_of(NULL, 0), &l));
}

/* Every beginning of every line: no byte is read behind it. */
static void test_torn_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(lines); i++) {
        for (size_t len = 0; len <= strlen(lines[i].line); len++) {
            struct drill_logline l;
            struct drill_span exact = helper_exact(drill_span_of(lines[i].line, len));
            (void)drill_loglines_find(exact, &l);
            helper_exact_free(exact);
        }
    }
}

static void test_huge_numbers_do_not_wrap(void **state)
{
    struct drill_logline l;
    (void)state;
    assert_true(drill_loglines_find(
        drill_span_str("bad packet length: 99999999999999999999999999999999"), &l));
    assert_true(l.number > UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_line_says_what_it_means),
        cmocka_unit_test(test_each_row_has_its_line),
        cmocka_unit_test(test_case_does_not_matter),
        cmocka_unit_test(test_other_lines_are_not_known),
        cmocka_unit_test(test_torn_lines),
        cmocka_unit_test(test_huge_numbers_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
