# SPDX-License-Identifier: MIT
"""`diagnose` with real milters: the cause, exactly, of failures that people have met."""

import json
import os
import re

import pytest

from conftest import running
from peers.clamav import Clamav
from peers.harness import ROOT
from peers.libmilter import Libmilter
from peers.pmilter import PlainPmilter

LIST_MAIL = "scenarios/messages/mailing-list-70k-to.eml"
PLAIN = "scenarios/messages/plain.eml"
LOG_LINE = "Milter I/O error (milter.io-error) details = \"Connection reset by peer (os error 104)\""
STREAM = 100_000  # of StreamMaxLength
FRAME = 65_535  # what libmilter takes
# Longer than any reply of a healthy clamav-milter here; a silence is waited for so long.
SILENCE = "500ms"


def diagnose(drill, milter, message, *words):
    result = drill("diagnose", "--json", "--milter", milter.address, "--message", message, *words)
    result.check_exit(1)
    return json.loads(result.out)


def the_cause(verdict):
    assert verdict["outcome"] == "reproduced" and verdict["deterministic"], verdict
    assert len(verdict["causes"]) == 1, verdict
    return verdict["causes"][0]["id"]


def ruled_out(verdict):
    return {suspect["suspect"]: suspect for suspect in verdict["ruled_out"]}


def write(work, name, *lines):
    path = f"{work}/{name}.eml"
    with open(path, "wb") as message:
        message.write(b"\r\n".join(lines) + b"\r\n")
    return path


@pytest.fixture
def small_stream():
    """Whose clamd closes a stream over STREAM bytes."""
    yield from running(Clamav(stream=STREAM))


@pytest.fixture
def allowing():
    """Which scans nothing of one sender, and says so at MAIL."""
    yield from running(Clamav(allow="^<carol@example.net>$"))


def conf_and_log(peer):
    words = []
    for option, name in (("--conf", "clamd.conf"), ("--conf", "clamav-milter.conf"),
                         ("--log", "clamd.log"), ("--log", "clamav-milter.log")):
        words += [option, peer.path(name)]
    return words


def meaning(verdict, key):
    found = [note["meaning"] for note in verdict["configuration"]
             if note["text"].startswith(f"{key} ")]
    assert found, verdict["configuration"]
    return found[0]


def meaning_of(verdict, member):
    return [note["meaning"] for note in verdict["configuration"]
            if note["text"].startswith(f'"{member}"')][0]


def test_a_header_over_64_kib(drill, small_stream, work):
    verdict = diagnose(drill, small_stream, LIST_MAIL, "--rcpt", "bob@example.com", "--error",
                       LOG_LINE, "--out", work, *conf_and_log(small_stream))
    assert the_cause(verdict) == "libmilter_frame"
    trigger = verdict["trigger"]
    assert (trigger["kind"], trigger["stage"], trigger["header"]) == ("frame-size", "header", "To")
    assert (trigger["largest_pass"], trigger["smallest_fail"]) == (FRAME, FRAME + 1)
    assert trigger["any_header"] and len(verdict["triggers"]) == 1
    assert verdict["signature"]["symptom"] == "lost" and verdict["signature"]["errno"] == 104
    assert "version 2: fails alike" in ruled_out(verdict)["protocol version"]["experiment"]
    assert "passes" in ruled_out(verdict)["size of the message"]["experiment"]
    for suspect in ("the body", "timeouts", "size of the milter's replies",
                    "family of the client's address", "macros", "TLS"):
        assert ruled_out(verdict)[suspect]["sessions"] > 0
    for key in ("StreamMaxLength", "MaxFileSize", "MaxScanSize"):
        assert meaning(verdict, key).endswith(": not met")
    assert verdict["sessions"] <= 200 and verdict["complete"]
    drill("run", "--milter", small_stream.address, f"{work}/minimal.drill").check_exit(0)


def test_another_errno_is_another_failure(drill, clamav):
    result = drill("diagnose", "--json", "--milter", clamav.address, "--message", LIST_MAIL,
                   "--rcpt", "bob@example.com", "--error", "Broken pipe (os error 32)")
    result.check_exit(0)
    assert json.loads(result.out)["outcome"] == "not reproduced"


def test_a_message_over_the_stream_limit(drill, small_stream, work):
    big = write(work, "big", b"From: alice@example.org", b"To: bob@example.com", b"Subject: photo",
                b"", *[b"harmless text of a message"] * 10_000)
    verdict = diagnose(drill, small_stream, big, *conf_and_log(small_stream))
    assert the_cause(verdict) == "stream_limit"
    assert verdict["signature"]["symptom"] == "refused"
    assert verdict["signature"]["smtp_code"] == 451
    trigger = verdict["trigger"]
    assert trigger["kind"] == "body-size" and len(verdict["triggers"]) == 1
    assert trigger["smallest_fail"] == trigger["largest_pass"] + 1
    assert STREAM - 500 < trigger["largest_pass"] < STREAM  # the headers count, too
    assert verdict["advice"][0]["key"] == "StreamMaxLength"
    assert "this is the limit that was met" in meaning(verdict, "StreamMaxLength")
    assert meaning(verdict, "MaxFileSize").endswith(": not met")
    assert any("INSTREAM: Size limit reached" in note["text"] for note in verdict["logs"])


def test_a_scanner_that_is_down(drill):
    for peer in running(Clamav(on_fail="Defer")):
        peer.stop_clamd()
        verdict = diagnose(drill, peer, PLAIN, *conf_and_log(peer))
        assert the_cause(verdict) == "scanner_down"
        assert verdict["trigger"]["kind"] == "always"
        assert verdict["signature"]["stage"] == "header"
        assert (verdict["advice"][0]["side"], verdict["advice"][0]["key"]) == ("admin", "OnFail")
        assert "a harmless message fails alike" in ruled_out(verdict)["the message"]["experiment"]
        assert any("Failed to initiate streaming" in note["text"] for note in verdict["logs"])
        assert meaning(verdict, "OnFail") == "what the milter replies when it cannot scan"


def test_a_milter_that_accepts_early(drill, allowing):
    """clamav-milter accepts an allowed sender at MAIL; Stalwart goes on, and nobody answers."""
    verdict = diagnose(drill, allowing, PLAIN, "--from", "carol@example.net", "--timeout", SILENCE)
    assert the_cause(verdict) == "accepted_early"
    assert verdict["signature"]["symptom"] == "silent"
    assert verdict["signature"]["stage"] == "rcpt"
    assert (verdict["trigger"]["kind"], verdict["trigger"]["bytes"]) == (
        "sender", "<carol@example.net>")
    assert verdict["advice"][0]["side"] == "mta"
    assert verdict["sessions"] <= 200


def test_the_same_sender_without_stalwart(drill, allowing):
    """Postfix stops after accept."""
    result = drill("diagnose", "--milter", allowing.address, "--message", PLAIN, "--mta",
                   "postfix", "--from", "carol@example.net", "--timeout", SILENCE)
    result.check_exit(0).check_out("not reproduced")


def test_a_line_that_begins_with_a_colon(drill, clamav, work):
    """Stalwart passes it over, and the message passes."""
    message = write(work, "nameless", b"From: alice@example.org", b"To: bob@example.com",
                    b": yes", b"", b"Hello.")
    drill("diagnose", "--milter", clamav.address, "--message", message).check_exit(0).check_out(
        "not reproduced")


def test_a_header_name_that_is_not_utf8(drill, clamav, work):
    message = write(work, "cafe", b"From: alice@example.org", b"To: bob@example.com",
                    b"X-Caf\xe9: yes", b"", b"Hello.")
    verdict = diagnose(drill, clamav, message)
    assert the_cause(verdict) == "header_name_utf8"
    assert (verdict["trigger"]["kind"], verdict["trigger"]["bytes"]) == (
        "header-name-bytes", "\\xe9")
    assert verdict["advice"][0]["side"] == "mta"


@pytest.mark.parametrize("fails, code", [("true", 451), ("false", 250)])
def test_what_the_sender_sees(drill, clamav, fails, code):
    """A message that passes only because Stalwart lets it has failed all the same."""
    verdict = diagnose(drill, clamav, LIST_MAIL, "--rcpt", "bob@example.com", "--set",
                       f"tempFailOnError={fails}")
    assert the_cause(verdict) == "libmilter_frame"
    assert verdict["signature"]["smtp_code"] == code


def test_a_filter_that_accepts_at_the_first_header(drill):
    for peer in running(Libmilter(words=("header=accept",))):
        verdict = diagnose(drill, peer, PLAIN, "--timeout", SILENCE)
        assert the_cause(verdict) == "accepted_early"
        assert verdict["trigger"]["kind"] == "always"
        assert verdict["advice"][0]["side"] == "mta"
        told = drill("send", "--milter", peer.address, "--mta", "postfix", "--message", PLAIN)
        told.check_exit(0)


def test_rspamd_facing_version_2(drill, rspamd):
    verdict = diagnose(drill, rspamd, PLAIN, "--set", "protocolVersion=2")
    assert the_cause(verdict) == "old_version"
    trigger = verdict["trigger"]
    assert (trigger["kind"], trigger["stage"]) == ("protocol-version", "optneg")
    assert (trigger["smallest_fail"], trigger["largest_pass"]) == (2, 6)
    assert verdict["advice"][0]["key"] == "protocolVersion"
    assert "fails alike" in ruled_out(verdict)["the message"]["experiment"]


def test_the_readme_shows_what_is_told(drill, clamav):
    """The second of its `text` blocks, line for line but for times."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as readme:
        block = re.findall(r"^```text\n(.*?)^```", readme.read(), re.MULTILINE | re.DOTALL)[1]
    told = drill("diagnose", "--milter", clamav.address, "--mta", "stalwart", "--message",
                 LIST_MAIL, "--rcpt", "bob@example.com", "--error", LOG_LINE).check_exit(1)
    lines = [line for line in block.splitlines() if line != "..."]
    assert len(lines) > 10
    told.check_out(*lines)


def test_a_configuration_as_json(drill, clamav, work):
    path = f"{work}/stalwart.json"
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"enable": True, "hostname": "127.0.0.1", "port": 7357, "maxResponseSize": 99,
                   "timeoutData": "30s", "tempFailOnError": True}, out)
    verdict = diagnose(drill, clamav, LIST_MAIL, "--rcpt", "bob@example.com", "--mta", path,
                       "--conf", path)
    assert the_cause(verdict) == "libmilter_frame"
    assert verdict["signature"]["smtp_code"] == 451
    assert [note["text"] for note in verdict["configuration"]] == [
        '"maxResponseSize": 99', '"timeoutData": "30s"', '"tempFailOnError": true']
    assert meaning_of(verdict, "maxResponseSize").endswith(": not met")


@pytest.fixture
def plain_pmilter():
    yield from running(PlainPmilter())


def test_an_answer_to_quit_is_no_reply_too_many(drill, plain_pmilter, work):
    """Sendmail::PMilter says continue to it; of a message that shows nothing."""
    path = f"{work}/plain.eml"
    with open(path, "wb") as out:
        out.write(b"From: alice@example.org\r\nTo: bob@example.com\r\n\r\nHello.\r\n")
    drill("diagnose", "--milter", plain_pmilter.address, "--message", path).check_exit(0)\
        .check_out("not reproduced")


def test_a_model_sends_none_too_many(drill):
    drill("diagnose", "--milter", "sim:libmilter", "--message", "scenarios/messages/plain.eml")\
        .check_exit(0).check_out("not reproduced")
