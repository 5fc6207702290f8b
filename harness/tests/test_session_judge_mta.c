/* SPDX-License-Identifier: MIT */
/* The MTA's rules: for each the conversation that breaks it, and the nearest that keeps it. */
#include "judge_talk.h"

#define MACRO(stage, pairs) "> macro stage=" stage " " pairs "\n"

static const struct judge_case cases[] = {
    /* ---- order ---- */
    {"M1", CONNECTED, NULL, AGREE CONNECTED, NULL},
    {"M2", TO_HELO MACRO("rcpt", "i=\"1\"") MAIL, NULL, TO_HELO MACRO("mail", "i=\"1\"") MAIL,
     NULL},
    {"M3", TO_HELO "> mail address=\"<a@x>\"\n> rcpt address=\"<b@x>\"\n" GO GO, NULL,
     TO_HELO "> mail address=\"<a@x>\"\n" GO "> rcpt address=\"<b@x>\"\n" GO, NULL},
    {"M4",
     TO_DATA "> header name=\"From\" value=\"x\"\n< accept\n> header name=\"To\" value=\"y\"\n",
     NULL, TO_DATA "> header name=\"From\" value=\"x\"\n< accept\n> abort\n" MAIL, NULL},
    {"M5", TO_HELO "> mail address=\"<a@x>\"\n< reject\n" RCPT, NULL,
     TO_MAIL "> rcpt address=\"<c@x>\"\n< reject\n" RCPT, NULL},
    {"M6", STEPS("nohelo") CONNECTED HELO, NULL, STEPS("nohelo") CONNECTED MAIL, NULL},
    {"M7",
     "> optneg version=4 actions=0x3f protocol=0x37f\n"
     "< optneg version=2 actions=0x3f protocol=0\n" CONNECTED HELO MAIL RCPT DATA,
     NULL,
     "> optneg version=4 actions=0x3f protocol=0x37f\n"
     "< optneg version=4 actions=0x3f protocol=0\n" CONNECTED HELO MAIL RCPT DATA,
     NULL},
    {"M8", TO_EOH "> body data=\"Subject: x\\r\\n\\r\\nHello.\\r\\n\"\n" GO, NULL,
     TO_EOH "> body data=\"Subject of this: x\\r\\n\"\n" GO, NULL},
    {"M9", AGREE CONNECTED CONNECTED, NULL, TO_BODYEOB "< accept\n> quit_nc\n" CONNECTED HELO MAIL,
     NULL},
    {"M10", AGREE CONNECTED "> helo data=\"c.example\"\n", NULL,
     AGREE CONNECTED "> helo data=\"c.example\\0\"\n" GO, NULL},
    {"M11", TO_DATA "> header name=\"To\" value=\"a\" * 65532\n< reset\n", NULL,
     TO_DATA "> header name=\"To\" value=\"a\" * 65531\n" GO, NULL},
    {"M12", TO_DATA "> header name=\"To\" value=\"a\\r\\n b\"\n" GO, NULL,
     TO_DATA "> header name=\"To\" value=\"a\\n b\"\n" GO, NULL},
    /* ---- the offer ---- */
    {"M13", "> optneg version=1 actions=0x0f protocol=0x3f\n< close\n", NULL,
     "> optneg version=2 actions=0x3f protocol=0x7f\n"
     "< optneg version=2 actions=0x3f protocol=0\n",
     NULL},
    {"M14", "> optneg version=7 actions=0x1ff protocol=0x1fffff\n" ANSWER, NULL, AGREE, NULL},
    {"M15", "> optneg version=6 actions=0x3ff protocol=0x1fffff\n" ANSWER, NULL, AGREE, NULL},
    {"M16", "> optneg version=6 actions=0x1ff protocol=0x401fffff\n" ANSWER, NULL, AGREE, NULL},
    {"M17",
     "> optneg version=2 actions=0x1ff protocol=0x7f\n"
     "< optneg version=2 actions=0x3f protocol=0\n",
     NULL,
     "> optneg version=2 actions=0x3f protocol=0x7f\n"
     "< optneg version=2 actions=0x3f protocol=0\n",
     NULL},
    {"M18",
     "> optneg version=6 actions=0x1ff protocol=0\n"
     "< optneg version=6 actions=0x1ff protocol=0x3f\n",
     NULL,
     "> optneg version=6 actions=0x1ff protocol=0x40\n"
     "< optneg version=6 actions=0x1ff protocol=0x40\n",
     NULL},
    {"M19", "> optneg data=hex \"00 00 00 06 00 00 01 ff\"\n< close\n", NULL, AGREE, NULL},
    {"M20", "> optneg data=hex \"00 00 00 06 00 00 01 ff 00 1f ff ff 00\"\n" ANSWER, NULL,
     "> optneg data=hex \"00 00 00 06 00 00 01 ff 00 1f ff ff\"\n" ANSWER, NULL},
    /* ---- order, continued ---- */
    {"M21", TO_HELO RCPT, NULL, TO_HELO MAIL RCPT, NULL},
    {"M22", TO_RCPT MAIL, NULL, TO_RCPT "> abort\n" MAIL, NULL},
    {"M23", TO_HELO "> frame code=90 data=\"\"\n< close\n", NULL,
     TO_HELO "> unknown line=\"Z\"\n" GO, NULL},
    {"M24", TO_HELO "> quit\n> quit\n", NULL, TO_HELO "> quit\n> close\n", NULL},
    {"M25", AGREE "> abort\n" CONNECT, NULL, AGREE CONNECTED "> abort\n" HELO, NULL},
    {"M26", TO_BODYEOB "< accept\n> abort\n> quit_nc\n" CONNECT, NULL,
     TO_BODYEOB "< accept\n> quit_nc\n" CONNECTED, NULL},
    {"M27", TO_HELO "> mail address=\"<a@x>\"\n> abort\n" GO, NULL,
     TO_HELO "> mail address=\"<a@x>\"\n" GO "> abort\n", NULL},
    {"M28", TO_HELO "> mail address=\"<a@x>\"\n> close\n", NULL,
     TO_HELO "> mail address=\"<a@x>\"\n" GO "> quit\n> close\n", NULL},
    {"M29", TO_HELO "> close\n", NULL, TO_HELO "> quit\n> close\n", NULL},
    /* ---- payloads ---- */
    {"M30", AGREE "> connect data=\"h\\0X\\0\\x19192.0.2.1\\0\"\n< close\n", NULL,
     AGREE "> connect data=\"h\\04\\0\\x19192.0.2.1\\0\"\n" GO, NULL},
    {"M31", AGREE "> connect host=\"h\" family=inet port=25 address=\"2001:db8::1\"\n< close\n",
     NULL, AGREE "> connect host=\"h\" family=inet6 port=25 address=\"2001:db8::1\"\n" GO, NULL},
    {"M32", AGREE "> connect data=\"h\\0U\\0\\x19192.0.2.1\\0\"\n" GO, NULL,
     AGREE "> connect data=\"h\\0U\"\n" GO, NULL},
    {"M33", AGREE "> connect host=\"\" family=inet port=25 address=\"192.0.2.1\"\n" GO, NULL,
     AGREE "> connect host=\"[192.0.2.1]\" family=inet port=25 address=\"192.0.2.1\"\n" GO, NULL},
    {"M34", AGREE CONNECTED "> helo name=\"\"\n" GO, NULL, AGREE CONNECTED HELO, NULL},
    {"M35", TO_HELO "> mail address=\"\"\n" GO, NULL, TO_HELO "> mail address=\"<>\"\n" GO, NULL},
    {"M36", AGREE CONNECTED "> helo name=\"a\\r\\nX: b\"\n" GO, NULL,
     AGREE CONNECTED "> helo name=\"a X: b\"\n" GO, NULL},
    {"M37", TO_DATA "> header name=\"\" value=\"x\"\n< close\n", NULL,
     TO_DATA "> header name=\"X\" value=\"\"\n" GO, NULL},
    {"M38", TO_DATA "> header name=\"X Y\" value=\"x\"\n" GO, NULL,
     TO_DATA "> header name=\"X-Y\" value=\"x\"\n" GO, NULL},
    {"M39", TO_DATA "> header name=\"X\" value=\"a\\nb\"\n" GO, NULL,
     TO_DATA "> header name=\"X\" value=\"a\\n\\tb\"\n" GO, NULL},
    {"M40", STEPS("hdr_leadspc") CONNECTED HELO MAIL RCPT DATA HEADER HEADER EOH, NULL,
     STEPS("hdr_leadspc") CONNECTED HELO MAIL RCPT DATA HEADER
     "> header name=\"X\" value=\" y\"\n" GO EOH,
     NULL},
    {"M41", TO_DATA "> header data=\"X\\0y\\0z\\0\"\n" GO, NULL,
     TO_DATA "> header data=\"X\\0y\\0\"\n" GO, NULL},
    {"M42", TO_DATA "> header data=\"X\\0\"\n< close\n", NULL,
     TO_DATA "> header data=\"X\\0\\0\"\n" GO, NULL},
    {"M43", TO_RCPT "> data data=\"x\"\n" GO, NULL, TO_RCPT "> data data=\"\"\n" GO, NULL},
    {"M44", TO_EOH "> bodyeob data=\"Hello.\\r\\n\"\n< accept\n", NULL,
     TO_EOH "> bodyeob\n< accept\n", NULL},
    {"M45", TO_EOH "> body data=\"a\" * 65536\n< reset\n", NULL,
     TO_EOH "> body data=\"a\" * 65535\n" GO, NULL},
    {"M46", TO_EOH "> body data=\"\"\n< close\n", NULL, TO_EOH "> body data=\"\\r\\n\"\n" GO, NULL},
    {"M47", TO_HELO "> macro stage=90 i=\"1\"\n" MAIL, NULL, TO_HELO MACRO("mail", "i=\"1\"") MAIL,
     NULL},
    {"M48", TO_HELO "> macro data=\"Mi\\0\"\n" MAIL, NULL,
     TO_HELO "> macro data=\"Mi\\0\\0\"\n" MAIL, NULL},
    {"M49", TO_HELO MACRO("mail", "\"mail_addr\"=\"a\"") MAIL, NULL,
     TO_HELO MACRO("mail", "{mail_addr}=\"a\"") MAIL, NULL},
    {"M50", TO_HELO MACRO("mail", "i=\"1\" {i}=\"2\"") MAIL, NULL,
     TO_HELO MACRO("mail", "i=\"1\" j=\"2\"") MAIL, NULL},
    {"M51",
     OFFER
     "< optneg version=6 actions=0x1ff protocol=0 list.mail=\"i {mail_addr}\"\n" CONNECTED HELO
         MACRO("mail", "{i}=\"1\" {mail_host}=\"x\"") MAIL,
     NULL,
     OFFER
     "< optneg version=6 actions=0x1ff protocol=0 list.mail=\"i {mail_addr}\"\n" CONNECTED HELO
         MACRO("mail", "{i}=\"1\"") MAIL MACRO("rcpt", "{rcpt_host}=\"x\"") RCPT,
     NULL},
    {"M52", TO_MAIL MACRO("rcpt", "{rcpt_mailer}=\"error\"") RCPT, NULL,
     STEPS("rcpt_rej") CONNECTED HELO MAIL MACRO("rcpt", "{rcpt_mailer}=\"error\"") RCPT, NULL},
    {"M53",
     STEPS("skip") CONNECTED HELO MAIL RCPT DATA EOH
     "> body data=\"x\"\n< skip\n> body data=\"y\"\n" GO,
     NULL,
     STEPS("skip") CONNECTED HELO MAIL RCPT DATA EOH "> body data=\"x\"\n< skip\n> bodyeob\n" GO,
     NULL},
    {"M54", TO_RCPT HEADER EOH, NULL, STEPS("nodata") CONNECTED HELO MAIL RCPT HEADER EOH, NULL},
    {"M55", TO_HELO "> raw data=hex \"00 00 00 00 41\"\n", NULL,
     TO_HELO "> raw data=hex \"00 00 00 01 41\"\n", NULL},
    {"M56", "> optneg version=6 actions=0x1ff protocol=0x301fffff\n" ANSWER, NULL, AGREE, NULL},
};

static void test_each_rule_is_broken_and_kept(void **state)
{
    (void)state;
    judge_rows(cases, ROWS(cases), DRILL_SIDE_MTA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_is_broken_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
