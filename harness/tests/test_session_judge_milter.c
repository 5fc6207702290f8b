/* SPDX-License-Identifier: MIT */
/* The milter's rules: for each the conversation that breaks it, and the nearest that keeps it. */
#include "judge_talk.h"

/* The reply to a command, with the text of a replycode. */
#define AT_MAIL      TO_HELO "> mail address=\"<a@x>\"\n"
#define CODE(text)   AT_MAIL "< replycode text=" text "\n"
#define EOB(replies) TO_BODYEOB replies "< accept\n"

static const struct judge_case cases[] = {
    /* ---- order ---- */
    {"F1", TO_MAIL "< reject\n", NULL, TO_MAIL "> rcpt address=\"<b@x>\"\n< reject\n", NULL},
    {"F2", STEPS("nr_helo") CONNECTED HELO, NULL, STEPS("nr_helo") CONNECTED "> helo name=\"x\"\n",
     NULL},
    {"F3", TO_HELO "> mail address=\"<a@x>\"\n< addheader name=\"X\" value=\"1\"\n" GO, NULL,
     EOB("< addheader name=\"X\" value=\"1\"\n"), NULL},
    {"F4",
     "> optneg version=6 actions=0xff protocol=0x42\n"
     "< optneg version=6 actions=0xff protocol=0xff0c2\n",
     NULL,
     "> optneg version=6 actions=0xff protocol=0x42\n"
     "< optneg version=6 actions=0x7f protocol=0x42\n",
     NULL},
    {"F5", EOB("< addrcpt data=\"<c@x>\"\n"), NULL, EOB("< addrcpt data=\"<c@x>\\0\"\n"), NULL},
    {"F6", AT_MAIL "< shutdown\n", NULL, AT_MAIL "< tempfail\n", NULL},
    {"F7",
     "> optneg version=6 actions=0xff protocol=0x42\n"
     "< optneg version=6 actions=0xff protocol=0\n" CONNECTED HELO MAIL RCPT DATA
     "> header name=\"X\" value=\"1\"\n< skip\n",
     NULL,
     "> optneg version=6 actions=0xff protocol=0x442\n"
     "< optneg version=6 actions=0xff protocol=0\n" CONNECTED HELO MAIL RCPT DATA
     "> header name=\"X\" value=\"1\"\n< skip\n",
     NULL},
    {"F8", TO_DATA "> header name=\"X\" value=\"1\"\n< reset\n", NULL,
     TO_DATA "> header name=\"X\" value=\"1\" * 65534\n< reset\n", "M11"},
    {"F9", AT_MAIL "> gives-up\n", NULL, AT_MAIL "< tempfail\n> quit\n", NULL},
    {"F10",
     OFFER "< optneg version=6 actions=0x10 protocol=0\n" CONNECTED HELO MAIL RCPT DATA EOH
           "> bodyeob\n< addheader name=\"X\" value=\"1\"\n< accept\n",
     NULL,
     OFFER "< optneg version=6 actions=0x11 protocol=0\n" CONNECTED HELO MAIL RCPT DATA EOH
           "> bodyeob\n< addheader name=\"X\" value=\"1\"\n< accept\n",
     NULL},
    {"F11", TO_EOH "> body data=\"x\"\n< progress\n" GO, NULL, EOB("< progress\n< progress\n"),
     NULL},
    /* ---- the answer ---- */
    {"F12", OFFER "< tempfail\n< close\n", NULL, OFFER "< close\n", NULL},
    {"F13", AT_MAIL ANSWER GO, NULL, AGREE CONNECTED, NULL},
    {"F14", OFFER "< optneg data=hex \"00 00 00 06 00 00 00 01\"\n", NULL,
     OFFER "< optneg data=hex \"00 00 00 06 00 00 00 01 00 00 00 00\"\n", NULL},
    {"F15", OFFER "< optneg version=1 actions=0x0f protocol=0\n", NULL,
     OFFER "< optneg version=2 actions=0x0f protocol=0\n", NULL},
    {"F16", OFFER "< optneg version=6 actions=0xfff protocol=0\n", NULL,
     OFFER "< optneg version=6 actions=0x1ff protocol=0\n", NULL},
    {"F17", OFFER "< optneg version=6 actions=0 protocol=0x40000000\n", NULL,
     OFFER "< optneg version=6 actions=0 protocol=0x40\n", NULL},
    {"F18", OFFER "< optneg version=2 actions=0x1ff protocol=0\n", NULL,
     OFFER "< optneg version=2 actions=0x3f protocol=0\n", NULL},
    {"F19",
     "> optneg version=6 actions=0xff protocol=0x42\n"
     "< optneg version=6 actions=0xff protocol=0 list.mail=\"i\"\n",
     NULL, OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"i\"\n", NULL},
    {"F20", OFFER "< optneg version=6 actions=0x100 protocol=0 list.9=\"i\"\n", NULL,
     OFFER "< optneg version=6 actions=0x100 protocol=0 list.6=\"i\"\n", NULL},
    {"F21", OFFER "< optneg data=hex \"00000006 00000100 00000000 00000002 69\"\n", NULL,
     OFFER "< optneg data=hex \"00000006 00000100 00000000 00000002 6900\"\n", NULL},
    {"F22", OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"i\" list.mail=\"j\"\n",
     NULL, OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"i\" list.rcpt=\"i\"\n",
     NULL},
    {"F23", OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"mail_addr\"\n", NULL,
     OFFER "< optneg version=6 actions=0x100 protocol=0 list.mail=\"{mail_addr}, i\"\n", NULL},
    /* ---- payloads ---- */
    {"F24", EOB("< chgheader data=hex \"0000\"\n"), NULL,
     EOB("< chgheader index=1 name=\"X\" value=\"\"\n"), NULL},
    {"F25", EOB("< addheader data=\"X\\01\\02\\0\"\n"), NULL,
     EOB("< addheader data=\"X\\01\\0\"\n"), NULL},
    {"F26", AT_MAIL "< continue data=\"four\"\n", NULL, AT_MAIL "< continue data=\"\"\n", NULL},
    {"F27", AT_MAIL "< frame code=63 data=\"\"\n", NULL, AT_MAIL GO, NULL},
    {"F28", EOB("< replbody data=\"a\" * 65536\n"), NULL, EOB("< replbody data=\"a\" * 65535\n"),
     NULL},
    {"F29", EOB("< chgfrom address=\"<c@x>\"\n"), NULL,
     EOB("< chgfrom address=\"<c@x>\" args=\"BODY=8BITMIME\"\n"), NULL},
    /* ---- the text of replycode ---- */
    {"F30", CODE("\"abc no\""), NULL, CODE("\"550 no\""), NULL},
    {"F31", CODE("\"250 2.0.0 ok\""), NULL, CODE("\"450 4.0.0 later\""), NULL},
    {"F32", CODE("\"550: no\""), NULL, CODE("\"550 : no\""), NULL},
    {"F33", CODE("\"550-no\""), NULL, CODE("\"550-no\\r\\n550 no\""), NULL},
    {"F34", CODE("\"550-no\\r\\n450 no\""), NULL, CODE("\"550-no\\r\\n550 no\""), NULL},
    {"F35", CODE("\"550 no\\r\\n550 no\""), NULL, CODE("\"550-no\\r\\n550 no\""), NULL},
    {"F36", CODE("\"550-no\\n550 no\""), NULL, CODE("\"550-no\\r\\n550 no\""), NULL},
    {"F37", CODE("\"550 no\\rno\""), NULL, CODE("\"550 no no\""), NULL},
    {"F38", CODE("\"550 4.7.1 no\""), NULL, CODE("\"550 5.7.1 no\""), NULL},
    {"F39", CODE("\"550 5.7.1000 no\""), NULL, CODE("\"550 5.7.100 no\""), NULL},
    {"F40", CODE("\"550 5.7.1\""), NULL, CODE("\"550 5.7.1 no\""), NULL},
    {"F41", CODE("\"550 \" + \"a\" * 507"), NULL, CODE("\"550 \" + \"a\" * 506"), NULL},
    {"F42", CODE("\"550-no\\r\\n\" * 32 + \"550 no\""), NULL,
     CODE("\"550-no\\r\\n\" * 31 + \"550 no\""), NULL},
    {"F43", CODE("\"550 100% no\""), NULL, CODE("\"550 100%% no\""), NULL},
    {"F44", CODE("\"550 n\\xf6\""), NULL, CODE("\"550 n o\""), NULL},
    {"F45", CODE("\"421 4.7.0 later\""), NULL, CODE("\"451 4.7.0 later\""), NULL},
    /* ---- verdicts and modifications ---- */
    {"F46", AGREE CONNECT "< discard\n", NULL, AT_MAIL "< discard\n", NULL},
    {"F47", AT_MAIL "< skip\n", NULL, TO_DATA "> header name=\"X\" value=\"1\"\n< skip\n", NULL},
    {"F48", TO_BODYEOB "< quarantine reason=\"x\"\n< reject\n", NULL,
     TO_BODYEOB "< quarantine reason=\"x\"\n< accept\n", NULL},
    {"F49", TO_BODYEOB "< quarantine reason=\"x\"\n< close\n", NULL,
     TO_BODYEOB "< quarantine reason=\"x\"\n< accept\n> quit\n< close\n", NULL},
    {"F50",
     EOB("< replbody data=\"x\"\n< addheader name=\"X\" value=\"1\"\n< replbody data=\"y\"\n"),
     NULL,
     EOB("< replbody data=\"x\"\n< replbody data=\"y\"\n< addheader name=\"X\" value=\"1\"\n"),
     NULL},
    {"F51", EOB("< replbody data=\"\"\n"), NULL, EOB("< replbody data=\"\\r\\n\"\n"), NULL},
    {"F52", EOB("< chgheader index=0 name=\"X\" value=\"1\"\n"), NULL,
     EOB("< insheader index=0 name=\"X\" value=\"1\"\n"), NULL},
    {"F53", EOB("< insheader index=0x80000000 name=\"X\" value=\"1\"\n"), NULL,
     EOB("< insheader index=0x7fffffff name=\"X\" value=\"1\"\n"), NULL},
    {"F54", EOB("< addheader name=\"\" value=\"1\"\n"), NULL,
     EOB("< addheader name=\"X\" value=\"\"\n"), NULL},
    {"F55", EOB("< addheader name=\"X: 1\\nY\" value=\"1\"\n"), NULL,
     EOB("< addheader name=\"X-1-Y\" value=\"1\"\n"), NULL},
    {"F56", EOB("< addheader name=\"X\" value=\"1\\nY: 2\"\n"), NULL,
     EOB("< addheader name=\"X\" value=\"1\\n Y: 2\"\n"), NULL},
    {"F57", EOB("< addheader name=\"X\" value=\"1\\r\\n Y\"\n"), NULL,
     EOB("< addheader name=\"X\" value=\"1\\n Y\"\n"), NULL},
    {"F58", EOB("< delrcpt address=\"\"\n"), NULL, EOB("< delrcpt address=\"<b@x>\"\n"), NULL},
    {"F59", EOB("< chgfrom address=\"\" args=\"\"\n"), NULL,
     EOB("< chgfrom address=\"<>\" args=\"\"\n"), NULL},
    {"F60", EOB("< addrcpt address=\"<c@x\"\n"), NULL, EOB("< addrcpt address=\"c@x\"\n"), NULL},
    {"F61", EOB("< addrcpt_par address=\"<c@x>\" args=\"NOTIFY=\"\n"), NULL,
     EOB("< addrcpt_par address=\"<c@x>\" args=\"NOTIFY=NEVER\"\n"), NULL},
    {"F62", EOB("< quarantine reason=\"a\\nb\"\n"), NULL, EOB("< quarantine reason=\"a b\"\n"),
     NULL},
    /* ---- ends ---- */
    {"F63", TO_HELO "> quit\n" GO, NULL, TO_HELO "> quit\n< close\n", NULL},
    {"F64", "< tempfail\n", NULL, OFFER ANSWER, NULL},
    {"F65", TO_BODYEOB "< accept\n< close\n", NULL, TO_BODYEOB "< accept\n> quit\n< close\n", NULL},
    {"F66", TO_BODYEOB "< raw data=hex \"00000000 63\"\n", NULL,
     TO_BODYEOB "< raw data=hex \"00000001 63\"\n", NULL},
};

static void test_each_rule_is_broken_and_kept(void **state)
{
    (void)state;
    judge_rows(cases, ROWS(cases), DRILL_SIDE_MILTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_is_broken_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
