# SPDX-License-Identifier: MIT
"""`diagnose --listen --smtp`: what real Postfix and real Sendmail fail over, and the cause's name.

Of each case the cause that is named for either MTA; None: it comes to the same as a plain milter.
Postfix is not asked about a reply too many: two processes read the connection one after the other,
and which of them the reply is lost to is a matter of time.
"""

import glob
import json
import os
import shutil

import pytest

from peers.base import free_port
from peers.harness import ROOT
from peers.postfix import Postfix
from peers.sendmail import Sendmail

LIMIT = 20_000  # bytes of a message that Postfix takes
PATIENCE = {"postfix": "1s", "sendmail": "2s"}  # Sendmail counts whole seconds: 1 may be none
TWO = ('message from="<one@example.org>" rcpt="<b@example.com>"\n'
       'message from="<two@example.org>" rcpt="<b@example.com>"\n')
ALL = "> optneg\n< optneg actions=0x1ff\n"
END = "...\n> bodyeob\n"

UNASKED = "not asked"
CASES = {  # the replies, and the cause for Postfix and for Sendmail
    "version": ("> optneg\n< optneg version=7\n", "offer_newer", None),
    "old version": ("> optneg\n< optneg version=1\n", None, "offer_version"),
    "actions": ("> optneg\n< optneg actions=0xfff\n", "offer_actions", "offer_actions"),
    "steps": ("> optneg\n< optneg protocol=0x40000000\n", None, "offer_steps"),
    "short": ('> optneg\n< optneg data="ab"\n', "offer_short", "offer_short"),
    "handshake": ("> optneg\n< continue\n", "handshake", "handshake"),
    "not agreed": ("> optneg\n< optneg actions=0\n" + END + '< replbody data="new"\n< accept\n',
                   None, "not_agreed"),
    "size": (ALL + END + '< replbody data="b" * 40000\n< accept\n', "message_limit", None),
    "code": ('...\n> rcpt\n< frame code=0x7a data=""\n', "unknown_reply", "unknown_reply"),
    "shutdown": ("...\n> rcpt\n< shutdown\n", "not_milters", "not_milters"),
    "early": ('...\n> mail\n< addheader name="X" value="1"\n< continue\n', "change_early",
              "change_early"),
    "progress": ("...\n> mail\n< progress\n< continue\n", None, "progress_early"),
    "mixed": (ALL + END + '< replbody data="a"\n< addheader name="X" value="1"\n'
              '< replbody data="b"\n< accept\n', "body_mixed", None),
    "digits": (END + '< replycode text="55 no"\n', "reply_code", "reply_code"),
    "reset": ("...\n> mail\n< reset\n", "hangs_up", "hangs_up"),
    "silence": ("...\n> mail\n< silence for=4s\n", "too_slow", "too_slow"),
    "late": ("...\n> mail\n< continue after=4s\n", "too_slow", "too_slow"),
    "reject": (END + "< reject\n", "decided", "decided"),
    "behind": (TWO + END + "< accept\n< reject\n", UNASKED, "behind_verdict"),
    "too many": (TWO + "...\n> mail\n< continue\n< continue\n", UNASKED, None),
    "too many, and a verdict": (TWO + "...\n> mail\n< continue\n< continue\n" + END + "< reject\n",
                                UNASKED, "reply_too_many"),
    "unpromised": ("> optneg\n< optneg protocol=nr_hdr\n...\n> header name=\"From\"\n< continue\n",
                   None, None),
}


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    yield from started(Postfix, message_size_limit=str(LIMIT), milter_command_timeout=PATIENCE["postfix"],
                       milter_content_timeout=PATIENCE["postfix"])


@pytest.fixture(scope="module", name="sendmail")
def fixture_sendmail():
    yield from started(Sendmail, limits=";".join(f"{step}:{PATIENCE['sendmail']}" for step in "CSRE"))


def started(peer, **settings):
    if peer.missing():
        pytest.skip(peer.missing())
    port = free_port()
    with peer(sink=port, **settings) as mta:
        mta.sink_port = port
        yield mta


class Asked:
    """An MTA, and what is asked about it."""

    def __init__(self, name, mta, drill, work):
        self.name, self.mta, self.drill, self.work = name, mta, drill, work

    def play(self, command, *words):
        return self.drill(command, "--listen", self.mta.milter, "--smtp",
                          f"127.0.0.1:{self.mta.port}", "--sink",
                          f"127.0.0.1:{self.mta.sink_port}", "--timeout", "20s", *words)

    def diagnose(self, text, *options):
        path = os.path.join(self.work, "recording.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write(f'drill 1 "a recording" tests=mta\nmta {self.name}\nmilter libmilter\n{text}')
        return self.play("diagnose", "--recording", path, *options)

    def verdict(self, text, code, *options):
        return json.loads(self.diagnose(text, "--json", *options).check_exit(code).out)

    def recording(self, name):
        """A copy of it, beside the files that it names."""
        folder = glob.glob(f"{ROOT}/scenarios/recorded/{self.name}-*")[0]
        copy = shutil.copytree(folder, os.path.join(self.work, "recorded"))
        return os.path.join(copy, name)


@pytest.fixture(name="asked", params=["postfix", "sendmail"])
def fixture_asked(request, drill, work):
    return Asked(request.param, request.getfixturevalue(request.param), drill, work)


def asked_cases():
    return [(mta, name) for name, (_, *causes) in CASES.items()
            for mta, cause in zip(("postfix", "sendmail"), causes) if cause != UNASKED]


@pytest.mark.parametrize("asked, name", asked_cases(), indirect=["asked"])
def test_the_cause_is_named(asked, work, name):
    text, *causes = CASES[name]
    want = causes[0 if asked.name == "postfix" else 1]
    verdict = asked.verdict(text, 1 if want else 0, "--out", f"{work}/out")
    assert [cause["id"] for cause in verdict["causes"]] == ([want] if want else []), verdict
    if want:
        assert verdict["complete"] and verdict["deterministic"], verdict
        assert len(verdict["advice"]) == 1 and verdict["advice"][0]["text"]
        asked.play("run", f"{work}/out/minimal.drill").check_exit(0)


def test_the_message_that_fails_is_named(asked):
    """The second; what stands before it is not blamed."""
    text = (TWO + '...\n> mail address="<two@example.org>"\n< progress\n< continue\n' + END +
            "< reject\n")
    if asked.name == "sendmail":  # which minds an early progress
        text = text.replace("< progress\n", "")
    asked.diagnose(text).check_exit(1).check_out("message 2 of 2: the client is told `55",
                                                 "message 2 of 2: the client is told `250 ")
    verdict = asked.verdict(text, 1)
    assert (verdict["signature"]["message"], verdict["signature"]["messages"]) == (2, 2)
    assert [reply["reply"] for reply in verdict["replies"]] == ["< reject"]


def test_a_recording_as_record_writes_it(asked, work):
    """Of two messages, the last reply but changed: a plain milter says nothing of what it holds."""
    path = asked.recording({"postfix": "v6-two-messages.drill", "sendmail": "two-messages.drill"}
                           [asked.name])
    with open(path, encoding="utf-8") as file:
        before, behind = file.read().rsplit("> bodyeob\n< continue\n", 1)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}> bodyeob\n< tempfail\n{behind}")
    verdict = json.loads(asked.play("diagnose", "--recording", path, "--json", "--out",
                                    f"{work}/out").check_exit(1).out)
    assert [reply["reply"] for reply in verdict["replies"]] == ["< tempfail"]
    assert verdict["signature"]["message"] == 2 and verdict["plain"]["smtp_code"] == 250
    asked.play("run", f"{work}/out/minimal.drill").check_exit(0)


def test_what_is_broken_is_told_by_its_rule(asked):
    rule = asked.verdict('...\n> mail\n< frame code=0x7a data=""\n', 1)["rules"][0]
    assert (rule["id"], rule["by"], rule["detail"]) == ("F27", "milter", "code 0x7a")


def test_its_log_and_its_configuration_are_read(postfix, drill, work):
    """What it writes while it fails; and its limit, which is the one that is met."""
    asked = Asked("postfix", postfix, drill, work)
    log, conf = os.path.join(work, "log"), os.path.join(work, "main.cf")
    with open(conf, "w", encoding="utf-8") as out:
        out.write(f"message_size_limit = {LIMIT}\n")
    with open(log, "w", encoding="utf-8") as out:
        out.write("an old line\n")
    verdict = asked.verdict(ALL + END + '< replbody data="b" * 40000\n< accept\n', 1, "--log",
                            postfix.path("postfix.log"), "--log", log, "--conf", conf)
    assert any("client=unknown[127.0.0.1]" in line["text"] for line in verdict["logs"])
    assert not [line for line in verdict["logs"] if line["file"] == log]
    assert "this is the limit that was met" in verdict["configuration"][0]["meaning"]
