# SPDX-License-Identifier: MIT
"""`diagnose --listen --smtp`: which reply of a recorded milter makes a real Postfix fail."""

import json
import os
import socket

import pytest

from peers.base import free_port
from peers.clamav import INFECTED
from peers.postfix import Postfix

HEAD = 'drill 1 "a recording" tests=mta\nmta postfix\nmilter libmilter\n'
# Harmless replies among which the one that matters is looked for.
BEFORE = ('...\n> mail\n< progress\n< continue\n...\n> header name="From"\n< progress\n< continue\n'
          '...\n> bodyeob\n< addheader name="X-One" value="1"\n')
AFTER = '< addheader name="X-Two" value="2"\n'
LIMIT = 20_000  # bytes of a message


@pytest.fixture(scope="module", name="postfix")
def fixture_postfix():
    if Postfix.missing():
        pytest.skip(Postfix.missing())
    port = free_port()
    with Postfix(sink=port, message_size_limit=str(LIMIT)) as peer:
        peer.sink_port = port
        yield peer


@pytest.fixture(name="play")
def fixture_play(any_drill, postfix):
    """A command with the MTA's addresses."""

    def run(command, *words):
        return any_drill(command, "--listen", postfix.milter, "--smtp",
                         f"127.0.0.1:{postfix.port}", "--sink",
                         f"127.0.0.1:{postfix.sink_port}", *words)

    return run


@pytest.fixture(name="diagnose")
def fixture_diagnose(play, work):
    """The verdict; its minimal scenario is played once more and must come to the same."""

    def run(text, code=1):
        path = os.path.join(work, "recording.drill")
        with open(path, "w", encoding="utf-8") as out:
            out.write(HEAD + text)
        verdict = json.loads(play("diagnose", "--json", "--recording", path, "--out",
                                  f"{work}/out").check_exit(code).out)
        assert (verdict["of"], verdict["complete"]) == ("mta", True)
        if code == 1:
            play("run", f"{work}/out/minimal.drill").check_exit(0)
        return verdict

    return run


def only(verdict):
    assert verdict["outcome"] == "reproduced" and verdict["deterministic"], verdict
    assert len(verdict["replies"]) == 1, verdict
    return verdict["replies"][0]


def test_a_reply_whose_classes_differ(diagnose):
    verdict = diagnose(BEFORE + AFTER + '< replycode text="550 4.7.1 not today"\n')
    reply = only(verdict)
    assert verdict["signature"]["smtp_code"] == 451 and verdict["plain"]["smtp_code"] == 250
    assert reply["command"] == "> bodyeob" and reply["bytes"] == "550 4.7.1 "
    assert "class" in reply["fault"]
    assert verdict["suspects"] == 5 and verdict["signature"]["gave_up"]


def test_shutdown(diagnose):
    verdict = diagnose('...\n> mail\n< progress\n< continue\n...\n> rcpt\n< shutdown\n')
    assert only(verdict)["reply"] == "< shutdown"
    assert (verdict["signature"]["smtp_code"], verdict["signature"]["stage"]) == (421, "rcpt")


def test_a_malformed_reply_among_harmless_ones(diagnose):
    reply = only(diagnose(BEFORE + '< insheader data="ab"\n' + AFTER + "< accept\n"))
    assert reply["reply"].startswith("< insheader data=") and "short" in reply["fault"]
    assert reply["line"] == HEAD.count("\n") + BEFORE.count("\n") + 1


def test_a_reset_at_a_header(diagnose):
    verdict = diagnose('...\n> mail\n< progress\n< continue\n...\n> header name="From"\n< reset\n')
    assert only(verdict)["reply"] == "< reset"
    assert only(verdict)["command"] == '> header name="From"'


@pytest.mark.parametrize("line", ['< replbody data="b" * 40000\n',
                                  '< addheader name="X-Big" value="b" * 4000000\n'])
def test_the_size_of_a_reply(diagnose, line):
    """Postfix holds a message with all that milters add to its limit."""
    verdict = diagnose(BEFORE + line + AFTER + "< accept\n")
    reply = only(verdict)
    assert verdict["signature"]["smtp_code"] == 552 and reply["fault"] is None
    assert reply["quantity"] == "bytes"
    assert reply["smallest_fail"] == reply["largest_pass"] + 1
    assert LIMIT - 2_000 < reply["largest_pass"] < LIMIT


def test_mail_that_is_taken_and_not_delivered(diagnose):
    verdict = diagnose(BEFORE + '< quarantine reason="odd"\n' + AFTER + "< accept\n")
    assert only(verdict)["reply"].startswith("< quarantine")
    assert verdict["signature"]["smtp_code"] == 250
    assert verdict["signature"]["delivered"] is False and verdict["plain"]["delivered"] is True


def test_harmless_replies_are_not_blamed(diagnose):
    verdict = diagnose(BEFORE + AFTER + "< accept\n", code=0)
    assert verdict["outcome"] == "not reproduced" and verdict["replies"] == []


def test_a_recording_of_another_mta(drill, clamav, play, work):
    """What clamav-milter said to the model of Stalwart, told to Postfix: its message is taken along."""
    mail = f"{work}/infected.eml"
    with open(mail, "wb") as out:
        out.write(b"From: alice@example.org\r\nTo: bob@example.com\r\n\r\n" + INFECTED + b"\r\n")
    drill("send", "--milter", clamav.address, "--message", mail, "--save",
          f"{work}/talk.drill").check_exit(1)
    told = play("diagnose", "--recording", f"{work}/talk.drill", "--out", f"{work}/out")
    told.check_exit(1).check_out("as the reply to `> bodyeob`", "ruled out")
    assert os.path.exists(f"{work}/out/talk.eml")
    play("run", f"{work}/out/minimal.drill").check_exit(0)


def test_the_text_names_the_line(play, work):
    path = os.path.join(work, "recording.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + BEFORE + AFTER + "< reject\n")
    play("diagnose", "--recording", path).check_exit(1).check_out(
        "the client is told `550 5.7.1 ", "with a milter that only says continue, the client is "
        "told `250 ", f"`< reject`, as the reply to `> bodyeob` ({path}:16)",
        "the other 4 replies of the milter", "nothing is wrong between them")


def test_a_budget_is_kept(play, work):
    path = os.path.join(work, "recording.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + BEFORE + AFTER + "< reject\n")
    verdict = json.loads(play("diagnose", "--json", "--recording", path, "--budget",
                              "sessions=5").check_exit(1).out)
    assert verdict["sessions"] == 5 and not verdict["complete"]


def test_an_mta_that_is_not_there(drill, work):
    path = os.path.join(work, "recording.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + BEFORE + "< reject\n")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        drill("diagnose", "--listen", "inet:0@127.0.0.1", "--smtp",
              f"127.0.0.1:{nobody.getsockname()[1]}", "--recording",
              path).check_exit(99).check_out("nobody takes mail at")


def test_an_mta_that_asks_another_milter(drill, postfix, work):
    path = os.path.join(work, "recording.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + BEFORE + "< reject\n")
    drill("diagnose", "--listen", "inet:0@127.0.0.1", "--smtp", f"127.0.0.1:{postfix.port}",
          "--recording", path).check_exit(99).check_out("does not ask a milter at")


@pytest.mark.parametrize("text, says", [
    ("...\n> bodyeob\n< accept\n", "there is no reply to suspect"),
    ("repeat 2 {\n> mail\n< reject\n}\n", ":4:1: a conversation to be examined"),
])
def test_a_recording_without_a_question(play, work, text, says):
    path = os.path.join(work, "recording.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + text)
    play("diagnose", "--recording", path).check_exit(2).check_one_error().check_err(says)


@pytest.mark.parametrize("words, says", [
    (["--listen", "inet:0@127.0.0.1", "--recording", "x.drill"], "goes with --smtp"),
    (["--listen", "inet:0@127.0.0.1", "--smtp", "127.0.0.1:25", "--message", "x.eml"],
     "--recording FILE"),
    (["--smtp", "127.0.0.1:25", "--recording", "x.drill"], "does nothing without --listen"),
    (["--listen", "sim:libmilter", "--smtp", "127.0.0.1:25", "--recording",
      "scenarios/state/accept-early-stalwart-goes-on.drill"], "no model"),
])
def test_options_that_do_not_go_together(drill, words, says):
    drill("diagnose", *words).check_exit(2).check_one_error().check_err(says)
