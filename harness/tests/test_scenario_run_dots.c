/* SPDX-License-Identifier: MIT */
/* `...` (LANGUAGE.md section 7): what the autopilot does until a written line applies. */
#include "tests/helper_drive.h"

#define ANSWER "give < optneg version=6 actions=0 protocol=0\n"
#define TALK   "open\ncodes O\n" ANSWER
#define OFFER  "give > optneg version=6 actions=0 protocol=0\n"
#define CALL   "give > connect host=\"h\" family=unknown\n"
#define REST   "give < continue\nplay .\ndoes drop\n"
#define TWO    "message from=\"<one@x>\"\nmessage from=\"<two@x>\"\n"

static const struct helper_drive cases[] = {
    {"... alone plays the whole session", AS_MTA, "...\n",
     "open\ncodes O\n" ANSWER "codes DC\ngive < continue\ncodes DH\ngive < continue\ncodes DM\n"
     "give < continue\ncodes DR\ngive < continue\ncodes T\ngive < continue\ncodes L\n"
     "give < continue\ncodes L\ngive < continue\ncodes L\ngive < continue\ncodes N\n"
     "give < continue\ncodes B\ngive < continue\ncodes E\ngive < accept\ncodes Q\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    /* ---- before a line of theirs ---- */
    {"all that does not match gets the profile's reaction", AS_MTA, "...\n< replycode\n...\n",
     TALK
     "codes DC\ngive < continue\ncodes DH\ngive < replycode text=\"550 5.7.1 no\"\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"frames of the same name that differ too", AS_MTA, "...\n< addheader name=\"B\"\n< accept\n",
     "play E\ngive < addheader name=\"A\" value=\"1\"\ngive < addheader name=\"B\" value=\"1\"\n"
     "give < accept\ncodes Q\ndoes close\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a line that never comes fails when the session is over", AS_MTA, "...\n< reject\n",
     "play Q\ndoes drop\n", DRILL_RESULT_FAIL, "the session is over, and this never came",
     "< reject", "nothing"},
    {"a line that waits longer than the program gives up", SIM_MTA, "...\n< reject\n",
     "play E\nuntil 60000\ntick\ndoes drop\n", DRILL_RESULT_FAIL,
     "the session is over, and this never came", "< reject", "nothing"},
    {"patience is shorter than the program's limit", AS_MTA, "...\n< reject\n",
     "play E\nuntil 10000\ntick\n", DRILL_RESULT_FAIL, "nothing came for 10000 ms", "< reject",
     "nothing"},
    {"bytes that make no frame do not renew our patience", AS_MTA, "...\n< reject\n",
     "play E\nwait 9000\ngive > raw data=hex \"00\"\nuntil 1000\ntick\n", DRILL_RESULT_FAIL,
     "no whole frame came for 10000 ms", "< reject", "nothing"},
    {"within= counts from the line above", AS_MTA, "> optneg\n< optneg\n...\n< accept within=3s\n",
     TALK "codes DC\nwait 2000\ngive < continue\ncodes DH\nuntil 1000\ntick\n", DRILL_RESULT_FAIL,
     "this did not come within 3000 ms", "< accept within=3s", "nothing"},
    {"it does not end a connection whose ending by them is awaited", AS_MTA, "...\n< close\n",
     "play E\ngive < accept\nquiet\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"nor when the ending is one of the alternatives", AS_MTA, "...\n< reject | close\n",
     "play E\ngive < accept\nquiet\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"the milter's autopilot does not either", AS_MILTER, "...\n> close\n",
     "open\n" OFFER "codes O\ngive > quit\nquiet\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a reset where a close is awaited is the profile's business", AS_MTA,
     "client\nclient\n...\n< close\n", "play E\nend rst\nplay E\ngive < accept\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a peer that is not there at all", AS_MTA, "...\n", "refuse\n", DRILL_RESULT_UNREACHABLE,
     "the milter could not be reached", NULL, NULL},
    {"a peer that refuses is what was to come", AS_MTA, "...\n< refuse\n", "refuse\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    /* ---- before a line of ours: MATCH ---- */
    {"a line goes in the place of what matches it, with the profile's macros", AS_MTA,
     "message rcpt=\"<a@x>\" rcpt=\"<b@x>\" rcpt=\"<c@x>\"\n"
     "...\n> rcpt address=~\"*b@x*\" split=3\n...\n",
     "play R\ngive < continue\nsent > macro stage=rcpt {rcpt_addr}=\"b@x\"\n"
     "sent > rcpt address=\"<b@x>\"\ngive < continue\ncodes DR\ngive < continue\ncodes T\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a match may be in a later message", AS_MTA,
     TWO "...\n> mail address=\"<two@x>\"\n< reject\n...\n",
     "play E\ngive < continue\ncodes Q\ndoes drop\nplay H\ngive < continue\n"
     "sent > macro stage=mail {mail_addr}=\"two@x\"\nsent > mail address=\"<two@x>\"\n"
     "give < reject\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a header that matches by name is the one", AS_MTA,
     "...\n> header name=\"To\"\n< reject\n...\n",
     "play L\ngive < continue\nsent > header name=\"To\" value=\"bob@example.com\"\n"
     "give < reject\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"any alternative may match", AS_MTA, "...\n> unknown | header name=\"To\"\n...\n",
     "play L\ngive < continue\nsent > header name=\"To\" value=\"bob@example.com\"\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"written macros take the place of the profile's", AS_MTA,
     "...\n> macro i=\"9\"\n> mail\n...\n",
     "play H\ngive < continue\nsent > macro stage=mail i=\"9\"\ncodes M\n" REST, DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    /* ---- REPLACE ---- */
    {"without a match the line replaces the next of its name", AS_MTA,
     "...\n> helo name=\"z\"\n...\n",
     TALK "codes DC\ngive < continue\ncodes D\nsent > helo name=\"z\"\n" REST, DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"a fault replaces the next of its name", AS_MTA, "...\n> mail data=\"no nul\"\n< close\n",
     "play H\ngive < continue\ncodes D\nsent > mail data=\"no nul\"\nend fin\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    /* ---- ADD ---- */
    {"a recipient is added behind the last", AS_MTA, "...\n> rcpt address=\"<new@x>\"\n...\n",
     "play R\ngive < continue\ncodes D\nsent > rcpt address=\"<new@x>\"\ngive < continue\ncodes "
     "T\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"an added line has the profile's other fields", AS_MTA, "...\n> rcpt arg=\"N\"\n...\n",
     "play R\ngive < continue\ncodes D\nsent > rcpt address=\"<bob@example.com>\" arg=\"N\"\n"
     "give < continue\ncodes T\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a header is added behind the last", AS_MTA, "...\n> header name=\"X\" value=\"y\"\n...\n",
     "play L\ngive < continue\ncodes L\ngive < continue\ncodes L\ngive < continue\n"
     "sent > header name=\"X\" value=\"y\"\ngive < continue\ncodes N\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a body chunk is added behind the last", AS_MTA, "...\n> body data=\"y\"\n...\n",
     "play B\ngive < continue\nsent > body data=\"y\"\ngive < continue\ncodes E\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    /* ---- QUIET ---- */
    {"a name that is not in the plan goes out when no reply is owed", AS_MTA,
     "> optneg\n< optneg\n> connect\n...\n> unknown\n< continue\n...\n",
     TALK "codes C\nquiet\ngive < continue\nsent > unknown line=\"XDRILL\"\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"so does an ending of ours", AS_MTA, "> optneg\n< optneg\n> connect\n...\n> reset\n",
     TALK "codes C\nquiet\ngive < continue\ndoes reset\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"and raw bytes", AS_MTA, "> optneg\n< optneg\n> connect\n...\n> raw data=\"x\"\n> close\n",
     TALK "codes C\nquiet\ngive < continue\nsent > raw data=\"x\"\ndoes close\n", DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"open takes the place of the next connection", AS_MTA,
     TWO "...\n> open\n> open\n> optneg\n...\n", "open\nquiet\ndoes close\n" TALK "codes DC\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"open behind the end begins the last session again", AS_MTA,
     "> optneg\n...\n> open\n> optneg\n...\n",
     TALK "play Q\ndoes drop\n" TALK "play Q\ndoes drop\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a line that it never comes to fails", AS_MTA, "...\n> bodyeob\n...\n> header name=\"X\"\n",
     "play E\ngive < continue\ncodes Q\ndoes drop\n", DRILL_RESULT_FAIL,
     "the session is over, and it never came to this line", "> header name=\"X\"", "nothing"},
    /* ---- the cursor ---- */
    {"written lines move the cursor", AS_MTA,
     "> optneg\n< optneg\n> connect\n< continue\n> helo\n< continue\n> mail\n< continue\n...\n",
     TALK "codes C\ngive < continue\ncodes H\ngive < continue\ncodes M\ngive < continue\ncodes "
          "DR\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a header that stands for the planned one moves it", AS_MTA,
     "...\n> data\n< continue\n> header\n< continue\n...\n",
     "play R\ngive < continue\ncodes T\ngive < continue\n"
     "sent > header name=\"From\" value=\"alice@example.org\"\ngive < continue\n"
     "sent > header name=\"To\" value=\"bob@example.com\"\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a header of its own does not", AS_MTA,
     "...\n> data\n< continue\n> header name=\"X\" value=\"y\"\n< continue\n...\n",
     "play R\ngive < continue\ncodes T\ngive < continue\nsent > header name=\"X\" value=\"y\"\n"
     "give < continue\nsent > header name=\"From\" value=\"alice@example.org\"\n" REST,
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"after abort the next message comes", AS_MTA,
     TWO "...\n> rcpt\n< continue\n> abort\n...\n> mail\n< reject\n...\n",
     "play R\ngive < continue\ncodes AQ\ndoes drop\nplay H\ngive < continue\ncodes D\n"
     "sent > mail address=\"<two@x>\"\ngive < reject\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"after quit_nc CONNECT of the next session comes", AS_MTA,
     "client addr=\"192.0.2.5\"\nclient addr=\"192.0.2.6\"\n"
     "...\n> bodyeob\n< continue\n> quit_nc\n...\n",
     "play E\ngive < continue\ncodes KDC\n" REST, DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"replies that are owed are waited for, whoever sent the commands", AS_MTA,
     "> optneg\n< optneg\n> connect\n> helo\n...\n",
     TALK "codes CH\ngive < continue\nquiet\ngive < continue\ncodes DM\n" REST, DRILL_RESULT_PASS,
     NULL, NULL, NULL},
    {"after half-close it can only leave", AS_MTA,
     "...\n> connect\n< continue\n> half-close\n...\n",
     TALK "codes DC\ngive < continue\ndoes half-close\ndoes close\n", DRILL_RESULT_PASS, NULL, NULL,
     NULL},
    /* ---- the milter ---- */
    {"the milter answers each command once", AS_MILTER, "...\n",
     "open\n" OFFER "codes O\n" CALL "codes c\ngive > abort\nquiet\ngive > quit\ndoes drop\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"its reaction is dropped when a written line stands directly below", AS_MILTER,
     "...\n> connect\n< reject\n...\n", "open\n" OFFER "codes O\n" CALL "codes r\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"and kept when ... follows", AS_MILTER, "...\n> connect\n...\n",
     "open\n" OFFER "codes O\n" CALL "codes c\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"it is dropped at the end, too", AS_MILTER, "...\n> connect\n",
     "open\n" OFFER "codes O\n" CALL "quiet\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a torn reply is its reply", AS_MILTER, "...\n> connect\n...\n< continue cut=3\n...\n",
     "open\n" OFFER "codes O\n" CALL "sent < raw data=hex \"00 00 00\"\nquiet\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"macro frames of another command do not count for the line", AS_MILTER,
     "...\n> macro i=\"1\"\n> mail\n< reject\n...\n",
     "open\n" OFFER "codes O\ngive > macro stage=helo i=\"1\"\ngive > helo name=\"h\"\ncodes c\n"
     "give > mail address=\"<a>\"\ncodes c\ngive > abort\ngive > macro stage=mail i=\"1\"\n"
     "give > mail address=\"<b>\"\ncodes r\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a reply goes in the place of the one that matches it", AS_MILTER,
     "...\n> connect\n...\n< continue\n> helo\n< accept\n",
     "open\n" OFFER "codes O\n" CALL "codes c\ngive > helo name=\"h\"\ncodes a\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"of alternatives the one that it came to", AS_MILTER,
     "...\n> connect\n...\n< reject | continue\n",
     "open\n" OFFER "codes O\n" CALL "codes c\nend fin\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"after= holds it back", AS_MILTER, "...\n> connect\n...\n< continue after=2s\n",
     "open\n" OFFER "codes O\n" CALL "quiet\nuntil 2000\ntick\ncodes c\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a reply that it never comes to fails", SIM_MILTER, "...\n< reject\n",
     "open\n" OFFER "codes O\n" CALL "codes c\ngive > quit\ndoes drop\nstuck\n", DRILL_RESULT_FAIL,
     "nobody connects any more, and it never came to this line", "< reject", "nothing"},
    {"NR promises are kept, whoever wrote them", AS_MILTER,
     "> optneg\n< optneg protocol=+nr_conn\n...\n",
     "open\ngive > optneg version=6 actions=0 protocol=0x1000\ncodes O\n" CALL
     "quiet\ngive > helo name=\"h\"\ncodes c\nend fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"a closing line goes in the place of its own closing", AS_MILTER, "...\n< reset\n",
     "open\n" OFFER "codes O\ngive > quit\ndoes reset\n", DRILL_RESULT_PASS, NULL, NULL, NULL},
    {"... crosses connections", SIM_MILTER, "...\n> mail\n< accept\n",
     "open\n" OFFER "codes O\nend fin\nopen\n" OFFER
     "codes O\ngive > mail address=\"<a>\"\ncodes a\n"
     "end fin\n",
     DRILL_RESULT_PASS, NULL, NULL, NULL},
};

int main(void)
{
    return helper_drive_all("run: the autopilot", cases, sizeof(cases) / sizeof(*cases));
}
