/* SPDX-License-Identifier: MIT */
/* What Postfix logs of a reply that it cannot read, of a broken stream, and in the handshake; and
 * the modifications that it takes. */
#include "talk_mta.h"

#define R(literal) "" literal, sizeof(literal) - 1

/* After "postfix/PROCESS: warning: "; M stands for the milter's name. */
static void assert_log(const struct talk *t, const char *want)
{
    char line[400] = "";
    const char *from = want;
    for (const char *m = strstr(from, "M:"); m; m = strstr(from, "M:")) {
        strncat(line, from, (size_t)(m - from));
        strncat(line, "inet:127.0.0.1:11332:", sizeof(line) - strlen(line) - 1);
        from = m + 2;
    }
    strncat(line, from, sizeof(line) - strlen(line) - 1);
    assert_string_equal(t->mta.log, line);
}

/* ---- replies ---- */

static const struct {
    uint8_t at;
    const char *reply;
    size_t size;
    const char *log;
    const char *line; /* what the client is told for it */
} REPLIES[] = {
    /* The number is the size of MAIL's data, not of what followed. */
    {'M', R("cabcd"),
     "postfix/smtpd: warning: milter M: reply SMFIR_CONTINUE was followed by 19 data bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'R', R("ax"),
     "postfix/smtpd: warning: milter M: reply SMFIR_ACCEPT was followed by 18 data bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'L', R("rx"),
     "postfix/cleanup: warning: milter M: reply SMFIR_REJECT was followed by 11 data bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'B', R("px"),
     "postfix/cleanup: warning: milter M: reply SMFIR_PROGRESS was followed by 8 data bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'M', R("?"),
     "postfix/smtpd: warning: milter M: unexpected filter response (unknown filter reply) "
     "after "
     "event SMFIC_MAIL",
     "451 4.7.1 Service unavailable - try again later"},
    {'M', R("hX\0y\0"),
     "postfix/smtpd: warning: milter M: unexpected filter response SMFIR_ADDHEADER after event "
     "SMFIC_MAIL",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("hX\0"), "postfix/cleanup: warning: milter M: packet too short for string",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("hX\0y"),
     "postfix/cleanup: warning: milter8_read_data: milter M: missing string null termimator",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("hX\0y\0z\0"), "postfix/cleanup: warning: milter8_read_data: left-over data 2 bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("m\0\0"), "postfix/cleanup: warning: milter M: input packet too short for network long",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("i\0\0\0\1"), "postfix/cleanup: warning: milter M: packet too short for string",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("m\0\0\0\1\0v\0"), "postfix/cleanup: warning: milter M: null change header name",
     "451 4.3.5 Server configuration problem - try again later"},
    {'E', R("+<a@b>"),
     "postfix/cleanup: warning: milter8_read_data: milter M: missing string null termimator",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("e<a@b>\0args\0more\0"),
     "postfix/cleanup: warning: milter8_read_data: left-over data 5 bytes",
     "451 4.7.1 Service unavailable - try again later"},
    {'E', R("y250 2.0.0 ok\0"), "postfix/cleanup: warning: milter M: malformed reply: 250 2.0.0 ok",
     "451 4.3.5 Server configuration problem - try again later"},
    {'M', R("y\0"), "postfix/smtpd: warning: milter M: malformed reply: ",
     "451 4.3.5 Server configuration problem - try again later"},
};

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(REPLIES); i++) {
        struct talk t;
        talk_to(&t, "postfix", REPLIES[i].at);
        talk_say(&t, REPLIES[i].reply, REPLIES[i].size);
        assert_log(&t, REPLIES[i].log);
        assert_line(told_at(&t, 1,
                            REPLIES[i].at == 'M' || REPLIES[i].at == 'R' ? REPLIES[i].at : 'E',
                            REPLIES[i].at == 'R'),
                    REPLIES[i].line);
        talk_fini(&t);
    }
}

/* ---- streams ---- */

static void test_streams(void **state)
{
    static const struct {
        enum drill_end how; /* NONE: nothing comes for as long as it waits */
        uint8_t reading;
        const char *log;
    } rows[] = {
        {DRILL_END_FIN, 0, "can't read SMFIC_MAIL reply packet header: Application error"},
        {DRILL_END_RST, 0, "can't read SMFIC_MAIL reply packet header: Connection reset by peer"},
        {DRILL_END_EPIPE, 0, "can't read SMFIC_MAIL reply packet header: Broken pipe"},
        {DRILL_END_NONE, 0, "can't read SMFIC_MAIL reply packet header: Connection timed out"},
        {DRILL_END_NONE, 'y', "EOF while reading data: Connection timed out"},
        {DRILL_END_FIN, 'y', "EOF while reading data: Application error"},
        {DRILL_END_RST, 'h', "EOF while reading string: Connection reset by peer"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "postfix", 'M');
        if (rows[i].reading) {
            assert_true(drill_mta_head(&t.mta, rows[i].reading, 0x3FFFFFFF));
        }
        if (rows[i].how == DRILL_END_NONE) {
            drill_mta_timed_out(&t.mta);
        } else {
            drill_mta_ended(&t.mta, rows[i].how, 0);
        }
        assert_non_null(strstr(t.mta.log, rows[i].log));
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 451);
        talk_fini(&t);
    }
}

static void test_lengths(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "postfix", 'M');
    assert_true(drill_mta_head(&t.mta, 'c', 1073741823));
    assert_false(drill_mta_head(&t.mta, 'c', 4294967295u));
    assert_log(&t, "postfix/smtpd: warning: milter M: unreasonable packet length: 4294967295 > "
                   "1073741823");
    talk_until(&t, 0, 0);
    assert_string_equal(t.sent, "open O DC DH DM close");
    talk_fini(&t);
    talk_to(&t, "postfix", 'N');
    drill_mta_garbled(&t.mta, "a frame of length 0", 0);
    assert_log(&t, "postfix/cleanup: warning: milter M: bad packet length: 0");
    talk_fini(&t);
}

/* ---- the handshake ---- */

#define O(version, actions, steps) "O\0\0\0" version "\0\0" actions steps
#define READ                       "\npostfix/smtpd: warning: milter M: read error in initial handshake"

static void test_handshake(void **state)
{
    static const struct {
        const char *reply;
        size_t size;
        const char *log; /* "" : it is taken */
        bool goes_on;
    } rows[] = {
        {R(O("\6", "\1\xff", "\0\0\0\0")), "", true},
        {R(O("\2", "\0\0", "\0\0\0\0")), "", true},
        {R(O("\6", "\0\0", "\x40\0\0\0")), "", true}, /* P-5: never offered */
        {R(O("\7", "\0\0", "\0\0\0\0")),
         "postfix/smtpd: warning: milter M: protocol version 7 conflict with MTA protocol version "
         "6",
         false},
        {R(O("\1", "\0\0", "\0\0\0\0")),
         "postfix/smtpd: warning: milter M: unexpected protocol version 1", true},
        {R(O("\0", "\0\0", "\0\0\0\0")),
         "postfix/smtpd: warning: milter M: unexpected protocol version 0", true},
        {R(O("\6", "\x0f\xff", "\0\0\0\0")),
         "postfix/smtpd: warning: milter M: request mask 0xfff conflict with MTA request mask "
         "0x1ff",
         false},
        {R("O\0\0\0\6\0\0\0\0"),
         "postfix/smtpd: warning: milter M: input packet too short for network long" READ, false},
        {R("c"), "postfix/smtpd: warning: milter M: unexpected reply \"c\" in initial handshake",
         false},
        {R("p"), "postfix/smtpd: warning: milter M: unexpected reply \"p\" in initial handshake",
         false},
        {R(O("\6", "\0\0", "\0\0\0\0") "\0\0\0\11x\0"),
         "postfix/smtpd: warning: milter M: ignoring unknown macro type 9", true},
        {R(O("\6", "\0\0", "\0\0\0\0") "\0\0\0\3x"),
         "postfix/smtpd: warning: milter8_read_data: milter M: missing string null termimator",
         false},
        {R(O("\6", "\0\0", "\0\0\0\0") "\0\0\0\3"),
         "postfix/smtpd: warning: milter M: packet too short for string", false},
        {R(O("\6", "\0\0", "\0\0\0\0") "\0\0"),
         "postfix/smtpd: warning: milter M: input packet too short for network long", false},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "postfix", 'O');
        talk_say(&t, rows[i].reply, rows[i].size);
        assert_log(&t, rows[i].log);
        assert_int_equal(t.mta.negotiated, rows[i].goes_on);
        talk_until(&t, 0, 0);
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, rows[i].goes_on ? 250 : 451);
        talk_fini(&t);
    }
}

static void test_broken_handshake(void **state)
{
    struct talk t;
    (void)state;
    talk_to(&t, "postfix", 'O');
    drill_mta_ended(&t.mta, DRILL_END_FIN, 0);
    assert_log(&t, "postfix/smtpd: warning: milter M: can't read SMFIC_OPTNEG reply packet header: "
                   "Application error" READ);
    talk_fini(&t);
}

/* ---- modifications ---- */

static void test_modifications(void **state)
{
    static const struct {
        const char *payload;
        size_t size;
    } rows[] = {
        {R("hX\0y\0")},
        {R("h\0a\r\nEvil: 1\0")},
        {R("i\0\0\0\0X\0y\0")},
        {R("m\0\0\0\0X\0\0")},
        {R("m\xff\xff\xff\xffX\0y\0")},
        {R("+<a@b>\0")},
        {R("2<a@b>\0")},
        {R("2<a@b>\0NOTIFY=NEVER\0")},
        {R("-<a@b>\0")},
        {R("e<>\0")},
        {R("qwhy\0")},
        {R("bx")},
        {R("b")},
    };
    struct talk t;
    (void)state;
    talk_init(&t, "postfix");
    talk_two(&t);
    talk_start(&t);
    talk_until(&t, 'E', 0);
    for (size_t i = 0; i < ROWS(rows); i++) {
        talk_say(&t, rows[i].payload, rows[i].size);
        assert_true(t.mta.open);
    }
    const struct drill_mod *mod = t.mta.mods;
    for (size_t i = 0; i < ROWS(rows); i++, mod = mod->next) {
        assert_non_null(mod);
        assert_int_equal(mod->message, 1);
        assert_int_equal(mod->code, rows[i].payload[0]);
        helper_assert_bytes(mod->payload, drill_span_of(rows[i].payload + 1, rows[i].size - 1),
                            "payload");
    }
    assert_null(mod);
    talk_until(&t, 0, 0);
    assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, 250);
    talk_fini(&t);
}

/* A body may come in pieces, but not with something else between them. */
static void test_a_replaced_body(void **state)
{
    static const struct {
        const char *replies;
        uint16_t code;
    } rows[] = {{"bbbha", 250}, {"hbba", 250}, {"bhb", 451}, {"bpb", 451}, {"bqb", 451}};
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct talk t;
        talk_to(&t, "postfix", 'E');
        for (const char *r = rows[i].replies; *r; r++) {
            talk_reply(&t, (uint8_t)*r,
                       *r == 'h'   ? BYTES("X\0y\0")
                       : *r == 'b' ? BYTES("x")
                                   : BYTES(""));
        }
        assert_int_equal(drill_mta_outcome(&t.mta, 1)->code, rows[i].code);
        if (rows[i].code == 451) {
            assert_log(&t, "postfix/cleanup: warning: milter M: body replacement requests can't "
                           "currently be mixed with other requests");
            assert_line(drill_mta_outcome(&t.mta, 1),
                        "451 4.3.5 Server configuration problem - try again later");
        }
        talk_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replies),          cmocka_unit_test(test_streams),
        cmocka_unit_test(test_lengths),          cmocka_unit_test(test_handshake),
        cmocka_unit_test(test_broken_handshake), cmocka_unit_test(test_modifications),
        cmocka_unit_test(test_a_replaced_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
