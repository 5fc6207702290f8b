/* SPDX-License-Identifier: MIT */
/* Lines of a recording that another run meets otherwise (tolerate.h, run_tolerate.c). */
#include "tests/helper_drive.h"

#define UP    "> optneg\n< optneg version=6 actions=0 protocol=0\n"
#define OFFER "open\ngive > optneg version=6 actions=0 protocol=0\ncodes O\n"
#define MAIL  "> mail address=\"<a>\"\n< continue\n> rcpt address=\"<b>\"\n< continue\n"
#define CALL                                                              \
    "give > mail address=\"<a>\"\ncodes c\ngive > rcpt address=\"<b>\"\n" \
    "codes c\n"
#define CHUNKS                                                                      \
    "> body data=\"abc\"\n< continue\n> body data=\"de\" * 2 + \"f\"\n< continue\n" \
    "> bodyeob\n< accept\n"
#define GIVE(data) "give > body data=\"" data "\"\n"
#define HEADER(n)  "> header name=\"" n "\" value=\"x\"\n< continue\n"
#define CAME(n)    "give > header name=\"" n "\" value=\"x\"\n"
#define TALK       "open\ncodes O\ngive < optneg version=6 actions=0 protocol=0\n"

static const struct helper_drive cases[] = {
    /* ---- values ---- */
    {"a queue id is compared by shape", REPLAY_MILTER,
     UP "> macro stage=mail i=\"4F3C21A0B9\"\n> mail address=\"<a>\"\n< continue\n",
     OFFER "give > macro stage=mail i=\"4Xy7Qk2zr9zB1\"\ngive > mail address=\"<a>\"\ncodes c\n"
           "give > quit\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"not what stands beside it", REPLAY_MILTER,
     UP "> macro stage=mail i=\"4F3C21A0B9\"\n> mail address=\"<a>\"\n< continue\n",
     OFFER "give > macro stage=mail i=\"4Xy7Qk2zr9zB1\"\ngive > mail address=\"<b>\"\n",
     DRILL_RESULT_FAIL, "the frame differs", NULL, NULL},
    {"elsewhere byte for byte", AS_MILTER,
     UP "> macro stage=mail i=\"4F3C21A0B9\"\n> mail address=\"<a>\"\n< continue\n",
     OFFER "give > macro stage=mail i=\"4Xy7Qk2zr9zB1\"\ngive > mail address=\"<a>\"\n",
     DRILL_RESULT_FAIL, "the frame differs", NULL, NULL},
    {"another reply is another reply", REPLAY_MTA, UP "> mail\n< replycode text=\"550 5.7.1 a1\"\n",
     TALK "codes M\ngive < replycode text=\"451 4.7.1 a1\"\n", DRILL_RESULT_FAIL,
     "the frame differs", NULL, NULL},
    {"and its id is not", REPLAY_MTA, UP "> mail\n< replycode text=\"550 5.7.1 a1\"\n",
     TALK "codes M\ngive < replycode text=\"550 5.7.1 b2c3\"\ndoes close\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"another ending is another ending", REPLAY_MTA, UP "> mail\n< reset\n",
     TALK "codes M\nend fin\n", DRILL_RESULT_FAIL, "the connection ended", NULL, NULL},
    /* ---- how it is sent ---- */
    {"split=, join and after= are not used", REPLAY_MTA,
     UP
     "> mail address=\"<a>\" split=1,2\n> rcpt address=\"<b>\" join\n> data after=1min\n< accept\n",
     TALK "codes MRT\nwrites 17 9 9 5\ngive < accept\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL,
     NULL},
    {"elsewhere they are, and those of macro lines with them", AS_MTA,
     UP
     "> macro stage=mail i=\"1\" after=1s\n> mail address=\"<a>\" after=2s split=1,2\n< accept\n",
     TALK
     "writes 17\nquiet\nuntil 3000\ntick\ncodes DM\nwrites 10 1 2 6\ngive < accept\ndoes close\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"exactly: frames that came in two reads are two writes, others one", EXACT_MTA,
     UP "> macro stage=mail i=\"1\"\n> mail address=\"<a>\"\n"
        "> macro stage=rcpt i=\"1\" join\n> rcpt address=\"<b>\"\n> data join\n> eoh\n< accept\n",
     TALK "codes DMDRTN\nwrites 17 10 9 19 10\ngive < accept\ndoes close\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"exactly: a macro frame that came in pieces, too", EXACT_MTA,
     UP "> macro stage=mail i=\"1\" split=4,3\n> mail address=\"<a>\" split=5\n< accept\n",
     TALK "codes DM\nwrites 17 4 3 3 5 4\ngive < accept\ndoes close\n", DRILL_RESULT_PASS, NULL,
     NULL, NULL},
    {"exactly: and not in more than it has", EXACT_MTA,
     UP "> macro stage=mail i=\"1\" split=4,33\n> mail address=\"<a>\"\n< accept\n",
     TALK "codes DM\nwrites 17 4 6 9\ngive < accept\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL,
     NULL},
    /* ---- bodies ---- */
    {"the same chunks", REPLAY_MILTER, UP MAIL CHUNKS,
     OFFER CALL GIVE("abc") "codes c\n" GIVE("dedef") "codes c\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"more chunks, each answered", REPLAY_MILTER, UP MAIL CHUNKS,
     OFFER CALL GIVE("a") "codes c\n" GIVE("bcd") "codes c\n" GIVE("ede") "codes c\n" GIVE(
         "f") "codes c\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"one chunk, answered once", REPLAY_MILTER, UP MAIL CHUNKS,
     OFFER CALL GIVE("abcdedef") "codes c\ngive > bodyeob\ncodes a\nend fin\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"chunks that are owed no reply get none", REPLAY_MILTER,
     "> optneg\n< optneg version=6 actions=0 protocol=nr_body\n" MAIL
     "> body data=\"abc\"\n> body data=\"def\"\n> bodyeob\n< accept\n",
     "open\ngive > optneg version=6 actions=0 protocol=nr_body\ncodes O\n" CALL GIVE("a")
         GIVE("bcdef") "quiet\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"macro frames stand above each chunk, however many there are", REPLAY_MILTER,
     UP MAIL "> macro stage=body i=\"a1\"\n> body data=\"abc\"\n< continue\n"
             "> macro stage=body i=\"a1\"\n> body data=\"def\"\n< continue\n> bodyeob\n< accept\n",
     OFFER CALL "give > macro stage=body i=\"b2\"\n" GIVE(
         "ab") "codes c\n"
               "give > macro stage=body i=\"b2\"\n" GIVE(
                   "cd") "codes c\n"
                         "give > macro stage=body i=\"b2\"\n" GIVE(
                             "ef") "codes c\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"other bytes are another body", REPLAY_MILTER, UP MAIL CHUNKS, OFFER CALL GIVE("abcdeDef"),
     DRILL_RESULT_FAIL, "the body differs", NULL, NULL},
    {"a body that goes on", REPLAY_MILTER, UP MAIL CHUNKS, OFFER CALL GIVE("abcdedefg"),
     DRILL_RESULT_FAIL, "the body differs", NULL, NULL},
    {"one that ends early", REPLAY_MILTER, UP MAIL CHUNKS,
     OFFER CALL GIVE("abcded") "codes c\ngive > bodyeob\n", DRILL_RESULT_FAIL, "the body differs",
     NULL, NULL},
    {"an MTA that was told to stop may have had more in its chunk", REPLAY_MILTER,
     UP MAIL "> body data=\"abc\"\n< reject\n> abort\n",
     OFFER CALL GIVE("abcdef") "codes r\n"
                               "give > abort\ngive > quit\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"elsewhere the chunks are part of the question", AS_MILTER, UP MAIL CHUNKS,
     OFFER CALL GIVE("abcdedef"), DRILL_RESULT_FAIL, "the frame differs", NULL, NULL},
    /* ---- headers ---- */
    {"a trace header more is answered and let pass", REPLAY_MILTER,
     UP MAIL HEADER("From") "> bodyeob\n< accept\n",
     OFFER CALL CAME("Received") "codes c\n" CAME("From") "codes c\n" CAME(
         "Message-Id") "codes c\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"trace headers less are not waited for", REPLAY_MILTER,
     UP MAIL HEADER("Return-Path") HEADER("Received") HEADER("From")
         HEADER("Date") "> bodyeob\n< accept\n",
     OFFER CALL CAME("From") "codes c\ngive > bodyeob\ncodes a\nend fin\n", DRILL_RESULT_PASS, NULL,
     NULL, NULL},
    {"nor are the macros above them", REPLAY_MILTER,
     UP MAIL "> macro stage=header i=\"a1\"\n" HEADER(
         "Received") "> macro stage=header i=\"a1\"\n" HEADER("From") "> bodyeob\n< accept\n",
     OFFER CALL "give > macro stage=header i=\"b2\"\n" CAME(
         "From") "codes c\ngive > bodyeob\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"another header more is a difference", REPLAY_MILTER,
     UP MAIL HEADER("From") "> bodyeob\n< accept\n", OFFER CALL CAME("Subject"), DRILL_RESULT_FAIL,
     "the frame differs", NULL, NULL},
    {"so is one less", REPLAY_MILTER, UP MAIL HEADER("Received") HEADER("From") HEADER("Subject"),
     OFFER CALL CAME("Subject"), DRILL_RESULT_FAIL, "the frame differs",
     "> header name=\"From\" value=\"x\"", "> header name=\"Subject\" value=\"x\""},
    {"a trace header that ends the recording", REPLAY_MILTER,
     UP MAIL "> header name=\"Received\"\n", OFFER CALL CAME("From"), DRILL_RESULT_FAIL,
     "the frame differs", NULL, NULL},
    /* ---- progress ---- */
    {"a milter that works longer than it did", REPLAY_MTA, UP "> mail\n< accept\n",
     TALK "codes M\ngive < progress\ngive < progress\ngive < accept\ndoes close\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"and one that is quicker", REPLAY_MTA, UP "> mail\n< progress\n< progress\n< accept\n",
     TALK "codes M\ngive < accept\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"but it has to come to an answer", REPLAY_MTA, UP "> mail\n< progress\n",
     TALK "codes M\ngive < accept\n", DRILL_RESULT_FAIL, "another frame came", "< progress",
     "< accept"},
};

int main(void)
{
    return helper_drive_all("run: a recording", cases, sizeof(cases) / sizeof(*cases));
}
