/* SPDX-License-Identifier: MIT */
/* The judge on payloads: addresses, SMTP replies, macro lists, and frames too large to be seen
 * whole. */
#include "judge_talk.h"

/* A large frame comes as its first bytes only: its defects are those of the view. */
static void test_a_cut_view_is_not_judged_for_what_is_missing(void **state)
{
    static const char first[64] = "To";
    struct judge_heard h = {.ids = ""};
    struct drill_judge j;
    struct drill_message m;
    (void)state;
    drill_judge_init(&j, judge_hear, &h);
    judge_talk(&j, TO_DATA);
    drill_message_decode(DRILL_TO_MILTER, 'L', drill_span_of(first, sizeof(first)), &m);
    drill_judge_frame(&j, &m, 1 << 21, (1 << 21) + 1);
    drill_judge_ended(&j, DRILL_SIDE_MILTER, DRILL_END_RST);
    assert_string_equal(h.ids, "M11");
    drill_message_decode(DRILL_TO_MTA, 'b', drill_span_of(first, sizeof(first)), &m);
    h.ids[0] = '\0';
    drill_judge_open(&j);
    judge_talk(&j, TO_BODYEOB);
    drill_judge_frame(&j, &m, 1 << 21, (1 << 21) + 1);
    assert_string_equal(h.ids, "F28");
}

static void test_data_sizes_that_were_agreed_on(void **state)
{
    const char *offer = "> optneg version=6 actions=0x1ff protocol=0x101fffff\n"
                        "< optneg version=6 actions=0 protocol=0x10000000\n";
    char talk[3000];
    (void)state;
    (void)snprintf(talk, sizeof(talk), "%s%s", offer,
                   CONNECTED HELO MAIL RCPT DATA "> header name=\"X\" value=\"a\" * 100000\n" GO EOH
                                                 "> body data=\"x\" * 262144\n" GO);
    judge_finds(talk, "M56 M45");
}

static void test_addresses(void **state)
{
    static const struct {
        const char *family;
        const char *address;
        bool good;
    } rows[] = {
        {"inet", "192.0.2.1", true},
        {"inet", "192.0.2.256", false},
        {"inet", "192.0.2", false},
        {"inet", "192.0.2.1.1", false},
        {"inet", "1.2.3.", false},
        {"inet", "0001.2.3.4", false},
        {"inet", "", false},
        {"inet6", "::", true},
        {"inet6", "::1", true},
        {"inet6", "1::", true},
        {"inet6", "2001:db8::1", true},
        {"inet6", "1:2:3:4:5:6:7:8", true},
        {"inet6", "1:2:3:4:5:6:7", false},
        {"inet6", "1:2:3:4:5:6:7:8:9", false},
        {"inet6", "1::2::3", false},
        {"inet6", "IPv6:2001:db8::1", true},
        {"inet6", "IPv6:::1", true},
        {"inet6", "::ffff:192.0.2.1", true},
        {"inet6", "1:2:3:4:5:6:192.0.2.1", true},
        {"inet6", "1:2:3:4:5:6:7:192.0.2.1", false},
        {"inet6", "192.0.2.1", false},
        {"inet6", ":1", false},
        {"inet6", "1:", false},
        {"inet6", "12345::", false},
        {"inet6", "fe80::1%eth0", false},
        {"inet6", "", false},
        {"unix", "/run/x", true},
        {"unix", "", false},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char talk[400];
        (void)snprintf(talk, sizeof(talk),
                       AGREE "> connect host=\"h\" family=%s port=0 address=\"%s\"\n" GO,
                       rows[i].family, rows[i].address);
        judge_expect(rows[i].address, "is", talk, rows[i].good ? "" : "M31");
    }
}

static void test_replycodes(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } rows[] = {
        {"550 5.7.1 no", ""},
        {"550-5.7.1 a\\r\\n550 5.7.1 b", ""},
        {"", "F30"},
        {"5", "F30"},
        {"55", "F30"},
        {"550", "F40"},
        {"550 ", "F40"},
        {"550-", "F33 F40"},
        {"5501", "F32"},
        {"200", "F31 F40"},
        {"354 x", "F31"},
        {"600 x", "F31"},
        {"550 no\\r\\n", "F34"},
        {"550-x\\r\\nhello", "F34"},
        {"550-x\\r\\n450 y", "F34"},
        {"550-x\\n550 y", "F36"},
        {"550 x\\n", "F36 F34"},
        {"550 5.7 no", ""},
        {"550 5.7.10 no", ""},
        {"550 5..1 no", "F39"},
        {"450 5.1.1 no", "F38"},
        {"550 100% spam %s%s%n", "F43"},
        {"550 %%", ""},
        {"550 %%%", "F43"},
        {"550 a\\tb", ""},
        {"550 a\\x01", "F44"},
        {"550 a\\r", "F37"},
        {"421 x", "F45"},
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char talk[2000];
        (void)snprintf(talk, sizeof(talk),
                       TO_HELO "> mail address=\"<a@x>\"\n< replycode text=\"%s\"\n", rows[i].text);
        judge_expect(rows[i].text, "is", talk, rows[i].want);
    }
}

static void test_macro_lists_are_kept_by_stage(void **state)
{
    const char *lists = OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"\""
                              " list.rcpt=\"{rcpt_addr},i\" list.eoh=\"j\"\n" CONNECTED HELO;
    char talk[3000];
    (void)state;
    (void)snprintf(
        talk, sizeof(talk), "%s%s", lists,
        "> macro stage=mail {x}=\"1\"\n" MAIL "> macro stage=rcpt {i}=\"1\" j=\"2\"\n" RCPT
        "> macro stage=data j=\"2\"\n" DATA HEADER "> macro stage=eoh {j}=\"1\" v=\"1\"\n" EOH);
    judge_finds(talk, "M51 M51");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut_view_is_not_judged_for_what_is_missing),
        cmocka_unit_test(test_data_sizes_that_were_agreed_on),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_replycodes),
        cmocka_unit_test(test_macro_lists_are_kept_by_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
