/* SPDX-License-Identifier: MIT */
/* The judge on whole conversations: real programs' sessions, libmilter's way with illegal orders,
 * pipelining, several messages and connections, and anything at all. Each rule by itself:
 * test_session_judge_mta.c and test_session_judge_milter.c. */
#include "judge_talk.h"

/* ---- the table and its texts ---- */

static void test_ids_are_numbered_without_gaps(void **state)
{
    unsigned next[2] = {1, 1};
    (void)state;
    for (size_t i = 0; i < DRILL_RULES; i++) {
        const struct drill_rule *rule = drill_rule_of((enum drill_rule_id)i);
        char id[8];
        (void)snprintf(id, sizeof(id), "%c%u", rule->by == DRILL_SIDE_MTA ? 'M' : 'F',
                       next[rule->by]++);
        assert_string_equal(rule->id, id);
    }
    assert_true(DRILL_RULES >= 60);
}

static void test_texts_are_clauses(void **state)
{
    (void)state;
    for (size_t i = 0; i < DRILL_RULES; i++) {
        const struct drill_rule *rule = drill_rule_of((enum drill_rule_id)i);
        const char *const texts[] = {rule->title, rule->why, rule->source};
        for (size_t k = 0; k < ROWS(texts); k++) {
            size_t len = strlen(texts[k]);
            assert_in_range(len, 5, 130);
            assert_true(texts[k][len - 1] != '.');
        }
        assert_null(strstr(rule->source, "/work"));
        assert_null(strstr(rule->source, "protocol.md"));
        for (size_t other = 0; other < i; other++) {
            assert_string_not_equal(rule->title, drill_rule_of((enum drill_rule_id)other)->title);
        }
    }
}

static void test_rules_are_found_by_id(void **state)
{
    enum drill_rule_id rule;
    (void)state;
    assert_true(drill_rule_find(drill_span_str("M4"), &rule));
    assert_int_equal(rule, DRILL_RULE_AFTER_ACCEPT);
    assert_true(drill_rule_find(drill_span_str("f2"), &rule));
    assert_int_equal(rule, DRILL_RULE_NO_REPLY);
    assert_false(drill_rule_find(drill_span_str("M0"), &rule));
    assert_false(drill_rule_find(drill_span_str("M"), &rule));
    assert_false(drill_rule_find(drill_span_str(""), &rule));
    assert_false(drill_rule_find(drill_span_str("M04"), &rule));
    assert_string_equal(drill_severity_text(drill_rule_of(DRILL_RULE_NO_QUIT)->severity), "note");
}

static void text_of(enum drill_rule_id rule, const char *detail, const char *want)
{
    struct drill_finding f = {.rule = rule, .by = drill_rule_of(rule)->by};
    char text[600];
    struct drill_writer w = drill_writer_of(text, sizeof(text));
    (void)snprintf(f.detail, sizeof(f.detail), "%s", detail);
    drill_judge_text(&w, &f);
    helper_assert_bytes(drill_writer_span(&w), drill_span_str(want), want);
}

static void test_findings_print_as_one_line(void **state)
{
    (void)state;
    text_of(DRILL_RULE_AFTER_ACCEPT, "",
            "M4, by the MTA: after accept no further command of this message; libmilter drops it "
            "without a reply");
    text_of(DRILL_RULE_SKIP_PLACE, "to `mail`",
            "F47, by the milter: skip answers header and body only; Sendmail never asks the milter "
            "again, Stalwart drops it (to `mail`)");
}

struct last {
    struct drill_finding finding;
    uint32_t count;
};

static void keep_last(void *ctx, const struct drill_finding *f)
{
    struct last *last = ctx;
    last->finding = *f;
    last->count++;
}

static void test_findings_name_frame_connection_and_detail(void **state)
{
    struct last last = {.count = 0};
    struct drill_judge j;
    (void)state;
    drill_judge_init(&j, keep_last, &last);
    judge_talk(&j, AGREE "> quit\n> close\n> open\n" TO_MAIL
                         "> header name=\"X\\n\\xff\" value=\"1\"\n");
    assert_int_equal(last.count, 2);
    judge_talk(&j, TO_MAIL);
    assert_int_equal(last.finding.connection, 2);
    assert_true(last.finding.frame > 12);
    drill_judge_init(&j, keep_last, &last);
    judge_talk(&j, TO_HELO "> mail address=\"<a@x>\"\n> rcpt address=\"<b@x>\"\n");
    assert_string_equal(last.finding.detail, "`rcpt` while `mail` is unanswered");
    assert_int_equal(last.finding.frame, 8);
    assert_int_equal(last.finding.nth, 1);
    judge_talk(&j, "> rcpt address=\"<c@x>\"\n");
    assert_int_equal(last.finding.nth, 2);
    assert_int_equal(j.count[DRILL_RULE_WAITS], 2);
}

static void test_it_works_without_a_callback(void **state)
{
    struct drill_judge j;
    (void)state;
    drill_judge_init(&j, NULL, NULL);
    judge_talk(&j, CONNECTED);
    drill_judge_finish(&j);
    assert_int_equal(j.count[DRILL_RULE_OPTNEG_FIRST], 1);
}

/* ---- sessions of real programs ---- */

#define POSTFIX_MESSAGE                                                                      \
    "> macro stage=mail {mail_addr}=\"a@x\" {mail_host}=\"x\" {mail_mailer}=\"smtp\"\n" MAIL \
    "> macro stage=rcpt {rcpt_addr}=\"b@x\" {rcpt_mailer}=\"smtp\"\n" RCPT                   \
    "> macro stage=rcpt i=\"35790\" {rcpt_addr}=\"c@x\"\n" RCPT                              \
    "> macro stage=data i=\"35790\"\n" DATA "> macro stage=header i=\"35790\"\n" HEADER      \
    "> macro stage=eoh i=\"35790\"\n" EOH "> macro stage=body i=\"35790\"\n" BODY            \
    "> macro stage=bodyeob i=\"35790\"\n"                                                    \
    "> bodyeob\n< accept\n> abort\n"

static void test_postfix_keeps_every_rule(void **state)
{
    (void)state;
    judge_finds(
        AGREE "> macro stage=connect j=\"mx\" {daemon_name}=\"mx\" _=\"c [192.0.2.1]\"\n" CONNECTED
              "> macro stage=helo\n" HELO POSTFIX_MESSAGE POSTFIX_MESSAGE
              "> abort\n> quit\n> close\n",
        "");
    /* A second EHLO, an unknown verb, RSET. */
    judge_finds(TO_HELO HELO "> abort\n> unknown line=\"FOOBAR\"\n" GO MAIL "> abort\n" MAIL RCPT
                             "> abort\n> abort\n> quit\n",
                "");
    /* Macro frames of events that the milter switched off. */
    judge_finds(STEPS("0x37f") "> macro stage=connect\n> macro stage=helo\n> macro stage=mail\n"
                               "> macro stage=rcpt\n> macro stage=data\n> macro stage=bodyeob\n"
                               "> bodyeob\n< accept\n> abort\n> abort\n> quit\n",
                "");
}

static void test_sendmail_omits_abort(void **state)
{
    (void)state;
    judge_finds(TO_BODYEOB "< accept\n" MAIL RCPT "> quit\n> close\n", "");
    judge_finds(TO_BODYEOB "< accept\n" HELO MAIL RCPT DATA HEADER EOH BODY "> bodyeob\n" GO
                           "> quit\n",
                "");
}

static void test_stalwart_sends_the_header_twice(void **state)
{
    (void)state;
    judge_finds(
        "> optneg version=6 actions=0xff protocol=0x42\n"
        "< optneg version=6 actions=0x31 protocol=0x42\n"
        "> macro stage=connect j=\"mx\"\n" CONNECTED "> macro stage=mail {mail_addr}=\"a@x\"\n" MAIL
        "> macro stage=rcpt {rcpt_addr}=\"b@x\"\n" RCPT DATA
        "> header name=\"From\" value=\"a\\r\\n b\"\n" GO "> header name=\"To\" value=\"b\"\n" GO
        "> body data=\"From: a\\r\\n b\\r\\nTo: b\\r\\n\\r\\nHello.\\r\\n\"\n" GO
        "> bodyeob\n< accept\n> quit\n",
        "M12 M8");
    /* S-3: NOBODY, and the verdict is never asked for. */
    judge_finds(STEPS("nobody") CONNECTED HELO MAIL RCPT DATA HEADER EOH "> quit\n", "M6");
    judge_finds(STEPS("nobody") CONNECTED HELO MAIL RCPT DATA HEADER EOH "> close\n", "M6 M29");
    judge_finds(STEPS("nobody") CONNECTED HELO MAIL RCPT DATA HEADER EOH "> abort\n> quit\n", "");
    /* S-1: accept early, then the rest of the message to a libmilter milter that is silent. */
    judge_finds(TO_MAIL "> rcpt address=\"<b@x>\"\n< accept\n> data\n> gives-up\n", "M4");
    /* S-4: NOHDRS alone takes eoh away. */
    judge_finds(STEPS("nohdrs") CONNECTED HELO MAIL RCPT DATA BODY, "M21");
}

static void test_rspamd_promises_what_was_not_offered(void **state)
{
    const char *answer = "> optneg version=6 actions=0xff protocol=0x42\n"
                         "< optneg version=6 actions=0xff protocol=0xff080\n";
    char talk[2000];
    (void)state;
    (void)snprintf(talk, sizeof(talk), "%s%s", answer,
                   CONNECT "> helo name=\"x\"\n> mail address=\"<a@x>\"\n"
                           "> rcpt address=\"<b@x>\"\n> data\n> header name=\"X\" value=\"1\"\n"
                           "> eoh\n> body data=\"x\"\n> bodyeob\n< accept\n> quit\n");
    judge_finds(talk, "F4");
    /* An MTA that waits all the same, in vain. */
    (void)snprintf(talk, sizeof(talk), "%s%s", answer, CONNECT "> gives-up\n");
    judge_finds(talk, "F4");
    /* Its stray frames behind the verdict. */
    judge_finds(TO_BODYEOB "< accept\n< insheader index=1 name=\"DKIM-Signature\" value=\"x\"\n",
                "F3");
}

static void test_pmilter_answers_what_libmilter_drops(void **state)
{
    (void)state;
    judge_finds(AGREE "> bodyeob\n" GO, "M21");
    judge_finds(TO_MAIL "> rcpt address=\"<b@x>\"\n< accept\n" DATA HEADER EOH BODY
                        "> bodyeob\n< accept\n",
                "M4");
    judge_finds(TO_HELO "> frame code=90 data=\"\"\n< tempfail\n< close\n", "M23");
    judge_finds(TO_HELO "> quit\n" GO "< close\n", "F63");
    judge_finds(
        "> optneg version=6 actions=0x1ff protocol=0x1fffff\n"
        "< optneg version=2 actions=0x1f protocol=0\n" CONNECTED HELO MAIL RCPT HEADER EOH BODY
        "> bodyeob\n" GO,
        "");
}

/* ---- libmilter and illegal orders: every sequence that was tried against the real library ---- */

static const char *line_of(char letter)
{
    switch (letter) {
    case 'C': return CONNECT;
    case 'H': return "> helo name=\"x\"\n";
    case 'M': return "> mail address=\"<a@x>\"\n";
    case 'R': return "> rcpt address=\"<b@x>\"\n";
    case 'T': return "> data\n";
    case 'L': return "> header name=\"X\" value=\"1\"\n";
    case 'N': return "> eoh\n";
    case 'B': return "> body data=\"x\"\n";
    case 'E': return "> bodyeob\n";
    case 'U': return "> unknown line=\"X\"\n";
    case 'A': return "> abort\n";
    case 'K': return "> quit_nc\n";
    case 'O': return OFFER;
    default: return "";
    }
}

/* Letters are commands; one that is answered has its reply behind it. */
static void spell(char *talk, size_t cap, const char *letters)
{
    size_t at = 0;
    for (; *letters; letters++) {
        const char *line = *letters == 'c' ? GO : *letters == 'o' ? ANSWER : line_of(*letters);
        at += (size_t)snprintf(talk + at, cap - at, "%s", line);
    }
    (void)snprintf(talk + at, cap - at, "> gives-up\n");
}

static void test_nobody_is_accused_of_silence_that_libmilter_keeps(void **state)
{
    static const struct {
        const char *letters;
        const char *want;
    } rows[] = {
        {"C", "M1"},
        {"OoO", "M1"},
        {"AO", "M1 F9"},
        {"OoCcC", "M9"},
        {"OoCcHcR", "M21"},
        {"OoCcHcMcT", "M21"},
        {"OoCcHcMcRcTcB", "M21"},
        {"OoCcHcMcRcTcE", "M21"},
        {"OoCcHcMcRcTcR", "M21"},
        {"OoCcHcMcRcTcLcB", "M21"},
        {"OoCcHcMcRcTcLcNcL", "M21"},
        {"OoCcHcMcRcUcL", "M21"},
        {"OoCcHcMcAR", "M21"},
        {"OoCcHcMcKC", "M26"},
        {"OoCcHcKC", "M26"},
        {"OoCcHcMcRcTcLcNcBcEcAKC", "M26"},
    };
    char talk[2000];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        spell(talk, sizeof(talk), rows[i].letters);
        judge_expect(rows[i].letters, "silently dropped", talk, rows[i].want);
    }
}

static void test_nobody_is_accused_of_replies_that_libmilter_gives(void **state)
{
    static const struct {
        const char *letters;
        const char *want;
    } rows[] = {
        {"Hc", "M1"},
        {"Mc", "M1"},
        {"OoMc", "M21"},
        {"OoCcMcMc", "M22"},
        {"OoCcHcMcRcHc", "M22"},
        {"OoCcHcMcRcBc", "M54"},
        {"OoCcHcMcRcTcLcNcBcUc", "M22"},
        {"OoCcHcMcRcAMc", ""},
        {"OoCcHcMcRcAHc", ""},
        {"OoCcHcMcRcTcLcNcBcEcAAMc", ""},
        {"OoCcHcMcRcTcLcNcBcEcKCcHcMc", ""},
    };
    char talk[2000];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        spell(talk, sizeof(talk), rows[i].letters);
        judge_expect(rows[i].letters, "answered", talk, rows[i].want);
    }
}

/* ---- matching replies to commands ---- */

static void test_replies_match_pipelined_commands_in_order(void **state)
{
    (void)state;
    judge_finds(TO_HELO "> mail address=\"<a@x>\"\n> rcpt address=\"<b@x>\"\n"
                        "> rcpt address=\"<c@x>\"\n" GO GO GO,
                "M3 M3");
    /* mail is refused while rcpt is on its way: libmilter drops it, others answer. */
    judge_finds(
        TO_HELO "> mail address=\"<a@x>\"\n> rcpt address=\"<b@x>\"\n< reject\n> gives-up\n", "M3");
    judge_finds(TO_HELO "> mail address=\"<a@x>\"\n> rcpt address=\"<b@x>\"\n< reject\n< reject\n",
                "M3");
    /* The verdict belongs to the earlier message: the later one goes on. */
    judge_finds(TO_EOH "> bodyeob\n> mail address=\"<d@x>\"\n< reject\n" GO RCPT, "M3");
    /* discard at skip's place: */
    judge_finds(TO_EOH "> body data=\"1\"\n> body data=\"2\"\n< discard\n" GO, "M3");
}

static void test_no_reply_bits_count_in_old_versions_when_offered(void **state)
{
    (void)state;
    judge_finds("> optneg version=2 actions=0x3f protocol=0xff\n"
                "< optneg version=2 actions=0x3f protocol=0x80\n" CONNECTED HELO MAIL RCPT
                "> header name=\"X\" value=\"1\"\n" EOH,
                "M17 F18");
    judge_finds(STEPS("nr_hdr,nr_eoh,nr_body") CONNECTED HELO MAIL RCPT DATA
                "> header name=\"X\" value=\"1\"\n> header name=\"Y\" value=\"2\"\n> eoh\n"
                "> body data=\"x\"\n> bodyeob\n< accept\n",
                "");
    /* A broken promise that comes late still is one. */
    judge_finds(STEPS("nr_helo") CONNECTED "> helo name=\"x\"\n> mail address=\"<a@x>\"\n" GO GO,
                "F2");
    judge_finds(STEPS("nr_helo") CONNECTED "> helo name=\"x\"\n" MAIL RCPT GO, "F1");
}

static void test_more_commands_than_the_ring_holds(void **state)
{
    struct judge_heard h = {.ids = ""};
    struct drill_judge j;
    (void)state;
    drill_judge_init(&j, NULL, &h);
    judge_talk(&j, TO_HELO "> mail address=\"<a@x>\"\n");
    for (int i = 0; i < 200; i++) {
        judge_talk(&j, "> rcpt address=\"<b@x>\"\n");
    }
    for (int i = 0; i < 201; i++) {
        judge_talk(&j, GO);
    }
    assert_int_equal(j.count[DRILL_RULE_WAITS], 200);
    assert_int_equal(j.count[DRILL_RULE_UNASKED], 0);
    judge_talk(&j, GO);
    assert_int_equal(j.count[DRILL_RULE_UNASKED], 1);
    assert_int_equal(j.link.owed_count, 0);
}

static void test_a_second_verdict_is_one_too_many(void **state)
{
    (void)state;
    judge_finds(TO_EOH "> bodyeob data=\"x\"\n< reject\n< reject\n", "M44 F1");
    judge_finds(TO_BODYEOB "< accept\n< progress\n", "F11");
    judge_finds(TO_BODYEOB "< accept\n< shutdown\n", "F1");
    judge_finds(TO_BODYEOB "< accept\n< setsymlist\n", "F6");
    judge_finds(TO_BODYEOB "< accept\n" ANSWER, "F13");
    judge_finds(TO_MAIL "< skip\n", "F1");
}

static void test_verdicts_end_messages_and_sessions(void **state)
{
    (void)state;
    judge_finds(AGREE CONNECT "< accept\n> quit\n", "");
    judge_finds(AGREE CONNECT "< accept\n" HELO MAIL, "M4");
    judge_finds(AGREE CONNECT "< reject\n> helo name=\"x\"\n", "M5");
    judge_finds(AGREE CONNECT "< accept\n> quit_nc\n", "M26");
    judge_finds(AGREE CONNECTED "> helo name=\"x\"\n< reject\n" HELO MAIL, "");
    judge_finds(AGREE CONNECTED "> helo name=\"x\"\n< accept\n" HELO, "M4");
    judge_finds(TO_MAIL "> rcpt address=\"<c@x>\"\n< discard\n" DATA, "");
    judge_finds(TO_DATA "> header name=\"X\" value=\"1\"\n< tempfail\n> abort\n" MAIL RCPT, "");
    judge_finds(TO_DATA "> header name=\"X\" value=\"1\"\n< tempfail\n" HELO MAIL RCPT DATA, "");
    /* Told once a message. */
    judge_finds(TO_DATA "> header name=\"X\" value=\"1\"\n< accept\n" HEADER HEADER EOH BODY
                        "> abort\n"
                        "> mail address=\"<a@x>\"\n< accept\n" RCPT RCPT,
                "M4 M4");
    judge_finds(AGREE CONNECT "< shutdown\n> helo name=\"x\"\n", "F6 M5");
    judge_finds(AGREE CONNECT "< discard\n" HELO, "F46");
}

static void test_ends_are_blamed_on_who_made_them(void **state)
{
    (void)state;
    judge_finds(OFFER "< close\n", "");
    judge_finds(AGREE CONNECT "< reset\n", "F8");
    judge_finds(TO_BODYEOB "< reset\n> close\n", "F8");
    judge_finds(TO_BODYEOB "< addheader name=\"X\" value=\"1\"\n> gives-up\n", "F49");
    judge_finds(TO_BODYEOB, "F9");
    judge_finds(TO_BODYEOB "< quarantine reason=\"x\"\n", "F49");
    judge_finds("< close\n", "");
    judge_finds("> open\n< close\n", "F65");
    judge_finds(TO_HELO "< close\n> mail address=\"<a@x>\"\n> close\n", "F65");
    judge_finds(AGREE CONNECT "< reject\n< close\n", "");
    judge_finds(TO_HELO "> close\n" GO, "M29 F63");
    judge_finds(TO_HELO "> mail address=\"<a@x>\"\n> quit\n" GO, "");
    judge_finds(TO_HELO "> quit\n< reset\n", "");
    judge_finds(TO_HELO "> header data=\"\"\n< close\n", "M21 M42");
}

static void test_connections_are_judged_apart(void **state)
{
    (void)state;
    judge_finds(TO_BODYEOB "< accept\n> quit\n> close\n> open\n" TO_BODYEOB "< accept\n> quit\n",
                "");
    judge_finds(OFFER "< close\n> open\n" CONNECTED, "M1");
    judge_finds(TO_HELO "> raw data=hex \"00000000 4d\"\n> open\n" TO_HELO, "M55");
}

static void test_what_cannot_be_followed_is_not_judged_on(void **state)
{
    (void)state;
    judge_finds(TO_HELO "> raw data=hex \"00000009 4d\"\n" RCPT RCPT "< shutdown\n< close\n",
                "M55");
    judge_finds(OFFER "< continue\n" CONNECTED MAIL "> bodyeob\n< close\n", "F12");
    judge_finds(TO_MAIL "< frame code=63 data=\"\"\n" DATA, "F27");
    /* But payloads are. */
    judge_finds(OFFER "< continue\n" CONNECTED "> helo name=\"\"\n", "F12 M34");
}

static void test_garbled_bytes_belong_to_a_side(void **state)
{
    struct judge_heard h = {.ids = ""};
    struct drill_judge j;
    (void)state;
    drill_judge_init(&j, judge_hear, &h);
    drill_judge_garbled(&j, DRILL_SIDE_MILTER, 1431194446);
    drill_judge_ended(&j, DRILL_SIDE_MTA, DRILL_END_FIN);
    drill_judge_open(&j);
    drill_judge_garbled(&j, DRILL_SIDE_MTA, 0);
    drill_judge_finish(&j);
    assert_string_equal(h.ids, "F66 M55");
}

/* ---- anything at all ---- */

static uint32_t draw(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void random_frame(struct drill_judge *j, uint32_t *seed)
{
    static const char commands[] = "OCHMRTLNBEAUQKDZ";
    static const char replies[] = "Ocartdsp4flyhimb+-2eqZ";
    static const char alphabet[] = "\0\0\0aM4i{}5 -.\r\n:<>%=6\xff\x01";
    uint8_t payload[40];
    bool command = draw(seed) % 2;
    size_t len = draw(seed) % sizeof(payload);
    for (size_t i = 0; i < len; i++) {
        payload[i] = (uint8_t)alphabet[draw(seed) % (sizeof(alphabet) - 1)];
    }
    uint8_t code = (uint8_t)(command ? commands[draw(seed) % (sizeof(commands) - 1)]
                                     : replies[draw(seed) % (sizeof(replies) - 1)]);
    uint32_t length = draw(seed) % 50 ? (uint32_t)len + 1 : draw(seed);
    judge_frame(j, command ? DRILL_TO_MILTER : DRILL_TO_MTA, code, drill_span_of(payload, len),
                length);
}

static void test_anything_at_all(void **state)
{
    struct judge_heard h;
    struct drill_judge j;
    uint32_t seed = 7;
    uint64_t found = 0;
    (void)state;
    drill_judge_init(&j, judge_hear, &h);
    for (int i = 0; i < 60000; i++) {
        memset(&h, 0, 2);
        h.texts[0] = '\0';
        if (draw(&seed) % 12 == 0) {
            drill_judge_open(&j);
            judge_talk(&j, draw(&seed) % 2 ? TO_BODYEOB : AGREE);
        }
        h.ids[0] = h.texts[0] = '\0';
        random_frame(&j, &seed);
        if (draw(&seed) % 40 == 0) {
            drill_judge_ended(&j, (enum drill_side)(draw(&seed) % 2),
                              (enum drill_end)(draw(&seed) % 3));
        }
        assert_true(j.link.owed_count < 100000);
    }
    for (size_t i = 0; i < DRILL_RULES; i++) {
        found += j.count[i];
    }
    assert_true(found > 10000);
    drill_judge_finish(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_are_numbered_without_gaps),
        cmocka_unit_test(test_texts_are_clauses),
        cmocka_unit_test(test_rules_are_found_by_id),
        cmocka_unit_test(test_findings_print_as_one_line),
        cmocka_unit_test(test_findings_name_frame_connection_and_detail),
        cmocka_unit_test(test_it_works_without_a_callback),
        cmocka_unit_test(test_postfix_keeps_every_rule),
        cmocka_unit_test(test_sendmail_omits_abort),
        cmocka_unit_test(test_stalwart_sends_the_header_twice),
        cmocka_unit_test(test_rspamd_promises_what_was_not_offered),
        cmocka_unit_test(test_pmilter_answers_what_libmilter_drops),
        cmocka_unit_test(test_nobody_is_accused_of_silence_that_libmilter_keeps),
        cmocka_unit_test(test_nobody_is_accused_of_replies_that_libmilter_gives),
        cmocka_unit_test(test_replies_match_pipelined_commands_in_order),
        cmocka_unit_test(test_no_reply_bits_count_in_old_versions_when_offered),
        cmocka_unit_test(test_more_commands_than_the_ring_holds),
        cmocka_unit_test(test_a_second_verdict_is_one_too_many),
        cmocka_unit_test(test_verdicts_end_messages_and_sessions),
        cmocka_unit_test(test_ends_are_blamed_on_who_made_them),
        cmocka_unit_test(test_connections_are_judged_apart),
        cmocka_unit_test(test_what_cannot_be_followed_is_not_judged_on),
        cmocka_unit_test(test_garbled_bytes_belong_to_a_side),
        cmocka_unit_test(test_anything_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
