# SPDX-License-Identifier: MIT
"""send --show-message: envelope and message as they leave the MTA, against a milter of a few lines
that modifies them."""

import json
import os
import struct

import pytest

from fakes import Fake, read_frame, reply_to

MESSAGE = b"From: <alice@example.org>\r\nSubject: Hi\r\nX-A: 1\r\n\r\nHello.\r\nBye.\r\n"
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0x1ff, 0)
ENVELOPE = ("--from", "alice@example.org", "--rcpt", "bob@example.com", "--rcpt",
            "carol@example.com")
MTAS = ("stalwart", "postfix", "sendmail")


def frame(code, payload=b""):
    return struct.pack(">Ic", len(payload) + 1, code) + payload


def header(name, value):
    return frame(b"h", name + b"\0" + value + b"\0")


def indexed(code, index, name, value):
    return frame(code, struct.pack(">I", index) + name + b"\0" + value + b"\0")


def says(at_end, at=None, once=False):
    """Answers the end of the body, or the command `at`, with these frames; perhaps only the first
    time."""
    said = []

    def talk(connection):
        while True:
            code, _ = read_frame(connection)
            if code == b"Q":
                return
            if code == (at or b"E") and not (once and said):
                said.append(code)
                connection.sendall(b"".join(at_end))
            else:
                connection.sendall(OFFER if code == b"O" else reply_to(code))
    return talk


@pytest.fixture
def send(drill, work):
    """send(frames, *options): the result of one message to a milter that says them."""
    path = os.path.join(work, "message.eml")
    with open(path, "wb") as out:
        out.write(MESSAGE)

    def run(frames, *more, mta="stalwart", at=None, once=False):
        with Fake(says(frames, at, once)) as fake:
            return drill("send", "--milter", fake.address, "--message", path, "--mta", mta,
                         *ENVELOPE, *more)
    return run


def shown(result):
    """The lines under "message", up to the empty one."""
    lines = result.out.split("\nmessage\n", 1)[1].split("\n\nSMTP:", 1)[0]
    return lines.split("\n")


def outcome(result):
    return json.loads(result.out.splitlines()[-1])


CHANGES = (header(b"X-N", b"N"), indexed(b"m", 1, b"x-a", b"2"), frame(b"+", b"<d@example.com>\0"),
           frame(b"-", b"bob@example.com\0"), frame(b"b", b"New.\r"), frame(b"b", b"\nBye.\n"),
           frame(b"c"))
ENVELOPE_HUNK = ["@@ envelope -1,3 +1,3 @@", "  MAIL <alice@example.org>",
                 "- RCPT <bob@example.com>", "  RCPT <carol@example.com>", "+ RCPT <d@example.com>"]
HEADER = {
    "stalwart": ["+ X-N: N", "  From: <alice@example.org>", "  Subject: Hi", "- X-A: 1",
                 "+ X-A: 2", "  ", "- Hello.", "- Bye.", "+ New.", "+ Bye.\\n"],
    "postfix": ["  From: <alice@example.org>", "  Subject: Hi", "- X-A: 1", "+ x-a: 2", "+ X-N: N",
                "  ", "- Hello.", "+ New.", "  Bye."],
    "sendmail": ["  From: <alice@example.org>", "  Subject: Hi", "- X-A: 1", "+ X-A: 2",
                 "+ X-N: N", "  ", "- Hello.", "+ New.", "  Bye."],
}


@pytest.mark.parametrize("mta", MTAS)
def test_each_mta_in_its_own_way(send, mta):
    lines = shown(send(CHANGES, "--show-message", mta=mta).check_exit(0))
    assert lines[:2] == ["--- sent", "+++ delivered"]
    assert lines[2:7] == ENVELOPE_HUNK
    assert lines[7] == "@@ message -1,6 +1,7 @@"
    assert lines[8:] == HEADER[mta]


def test_without_the_option_nothing_is_shown(send):
    assert "+++ delivered" not in send(CHANGES).check_exit(0).out


def test_a_message_that_nobody_touches(send):
    assert shown(send([frame(b"c")], "--show-message")) == ["delivered as it was sent"]


@pytest.mark.parametrize("code, exit_code, word", [(b"d", 0, "discarded"), (b"r", 1, "refused"),
                                                   (b"t", 1, "refused")])
def test_nothing_is_delivered(send, code, exit_code, word):
    result = send([header(b"X-N", b"N"), frame(code)], "--show-message").check_exit(exit_code)
    assert word in shown(result)[0] and len(shown(result)) == 1, result.dump("one line")


@pytest.mark.parametrize("mta", MTAS)
@pytest.mark.parametrize("at", [b"M", b"R", b"N", b"E"])
def test_a_discard_at_any_time(send, mta, at):
    delivered = outcome(send([frame(b"d")], "--format", "jsonl", mta=mta, at=at))["delivered"]
    assert delivered["disposition"] == "discarded" and "from" not in delivered


@pytest.mark.parametrize("mta, word", [("stalwart", "delivered"), ("postfix", "held"),
                                       ("sendmail", "held")])
def test_quarantine(send, mta, word):
    result = send([frame(b"q", b"a virus\0"), frame(b"c")], "--format", "jsonl", mta=mta)
    assert outcome(result)["delivered"]["disposition"] == word


@pytest.mark.parametrize("mta", MTAS)
def test_a_recipient_that_was_refused_gets_nothing(send, mta):
    stages = ("--set", "stages=rcpt,data") if mta == "stalwart" else ()
    result = send([frame(b"r")], "--format", "jsonl", *stages, mta=mta, at=b"R", once=True)
    assert outcome(result)["delivered"]["rcpt"] == ["<carol@example.com>"]


def test_json_lines(send):
    found = outcome(send(CHANGES, "--format", "jsonl", mta="postfix"))
    assert found["delivered"] == {
        "disposition": "delivered", "from": "<alice@example.org>",
        "rcpt": ["<carol@example.com>", "<d@example.com>"], "headers_added": 1,
        "headers_changed": 1, "headers_removed": 0, "body_replaced": True, "cut": False}
    assert len(found["modifications"]) == 6


def test_json_lines_have_the_diff_when_asked(send):
    found = outcome(send(CHANGES, "--format", "jsonl", "--show-message", mta="postfix"))
    assert "@@ envelope -1,3 +1,3 @@\n" in found["delivered"]["diff"]
    assert "\x1b" not in found["delivered"]["diff"]


def test_a_discard_is_no_modification(send):
    result = send([header(b"X-N", b"N"), frame(b"d")], "--format", "jsonl")
    assert outcome(result)["modifications"] == ['< addheader name="X-N" value="N"']


def test_a_body_of_megabytes(send):
    line = b"x" * 70 + b"\r\n"
    chunks = [frame(b"b", line * 900) for _ in range(60)]
    result = send([*chunks, frame(b"c")], "--show-message")
    assert 150 < len(shown(result)) < 250 and "more lines" in shown(result)[-1]
    assert outcome(send([*chunks, frame(b"c")], "--format", "jsonl"))["delivered"]["cut"] is False


def test_a_body_over_the_limit_says_so(send):
    chunks = [frame(b"b", b"y" * 65535) for _ in range(260)]
    delivered = outcome(send([*chunks, frame(b"c")], "--format", "jsonl"))["delivered"]
    assert delivered["cut"] is True


def test_hostile_text_does_not_reach_the_terminal(send):
    result = send([header(b"X-\x1b[2J", b"\x1b]0;x\x07"), frame(b"c")], "--show-message")
    assert "\x1b" not in result.out and "+ X-\\x1b[2J: \\x1b]0;x\\x07" in shown(result)
