# SPDX-License-Identifier: MIT
"""Each word of the plain libmilter filter: what a callback that is absent, a verdict, a modification
make of the conversation."""

import pytest

from peers.libmilter import Libmilter
from sending import both_versions, mail, send

ALL_ACTIONS = "actions=0xff"
# xxfi_ callback: the step that libmilter asks for without it. Of abort and close MTAs are not told.
FRAMES = {"connect": "noconnect", "helo": "nohelo", "mail": "nomail", "rcpt": "norcpt",
          "header": "nohdrs", "eoh": "noeoh", "body": "nobody"}
LATER_FRAMES = {"data": "nodata", "unknown": "nounknown"}  # of version 3 and later
STAGES = ("connect", "helo", "mail", "rcpt", "header", "eoh", "body", "bodyeob")


@pytest.fixture(name="ask")
def fixture_ask(drill, work):
    def ask(words, version=6):
        if Libmilter.missing():
            pytest.skip(Libmilter.missing())
        with Libmilter(words=words) as peer:
            return send(drill, peer, mail(work), version)

    return ask


def words_of(sent, ours):
    return [frame["word"] for frame in sent.result.of("frame") if frame["ours"] == ours]


def answer(sent):
    """The protocol steps that the filter asked for."""
    [line] = [line for line in sent.lines if line.startswith("< optneg")]
    steps = line.split("protocol=")[1].split()[0]
    return [] if steps == "0" else steps.split(",")


@pytest.mark.parametrize("callback,version", [(name, version) for name in FRAMES
                                              for version in (2, 6)]
                         + [(name, 6) for name in LATER_FRAMES])
def test_without_its_callback_a_command_is_not_sent(ask, callback, version):
    sent = ask([f"no={callback}"], version).check("accept")
    assert {**FRAMES, **LATER_FRAMES}[callback] in answer(sent)
    assert callback not in words_of(sent, True), sent.result.dump(f"{callback} was sent")


@pytest.mark.parametrize("callback", ["bodyeob", "abort", "close"])
def test_without_these_nothing_changes(ask, callback):
    sent = ask([f"no={callback}"]).check("accept")
    assert "bodyeob" in words_of(sent, True)


@both_versions
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("word,outcome,smtp", [("reject", "reject", "5"),
                                               ("tempfail", "tempfail", "4"),
                                               ("550 5.7.1 no", "reject", "5")])
def test_a_verdict_at_each_stage(ask, stage, word, outcome, smtp, version):
    sent = ask([f"{stage}={word}"], version)
    assert (sent.record["outcome"], sent.record["smtp"][0]) == (outcome, smtp), \
        sent.result.dump("the verdict")
    assert words_of(sent, False)[-1] in (word, "replycode")


def test_skip_ends_the_body(ask):
    sent = ask(["body=skip", "steps=0x400"]).check("accept")
    assert words_of(sent, False)[-2:] == ["skip", "continue"], sent.result.dump("skip")


def test_promised_silence_is_kept(ask):
    sent = ask(["header=noreply", "steps=0x80"]).check("accept")
    assert answer(sent) == ["nr_hdr"]
    assert words_of(sent, False).count("continue") == 8, sent.result.dump("replies")


def test_all_modifications(ask):
    sent = ask([ALL_ACTIONS, "addheader=X-Added:one", "insheader=1:X-Inserted:two",
                "chgheader=1:Subject:three", "addrcpt=<carol@example.com>",
                "delrcpt=<bob@example.com>", "chgfrom=<dora@example.com>", "replacebody=four",
                "quarantine=five", "progress="]).check("accept")
    assert words_of(sent, False)[-10:] == [
        "addheader", "insheader", "chgheader", "addrcpt", "delrcpt", "chgfrom", "replbody",
        "quarantine", "progress", "continue"], sent.result.dump("the modifications")


def test_what_was_not_asked_for_is_not_sent(ask):
    assert "addheader" not in words_of(ask(["addheader=X-Added:one"]).check("accept"), False)
