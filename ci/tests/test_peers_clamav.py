# SPDX-License-Identifier: MIT
"""One sender's error 104 on a real clamav-milter, and each limit of clamd told apart from it.

Only the frame limit of libmilter resets. StreamMaxLength gives a tempfail at a body chunk;
MaxFileSize and MaxScanSize let mail pass unscanned.
"""

import os

import pytest

from peers.clamav import INFECTED, Clamav
from peers.harness import ROOT

MAILING_LIST = os.path.join(ROOT, "scenarios", "messages", "mailing-list-70k-to.eml")
OVERSIZED = os.path.join(ROOT, "scenarios", "oversized")
HEADER = b"From: <alice@example.org>\nTo: <bob@example.com>\nSubject: a test\n\n"
LINE = b"seventy-one bytes of text that nobody would take for anything but text\n"
LIMIT = 100000
FRAME_LIMIT = 65535  # data bytes


def outcome(drill, peer, message, *more):
    """The record of how `send` went, and the result itself."""
    result = drill("send", "--milter", peer.address, "--mta", "stalwart", "--message", message,
                   "--rcpt", "bob@example.com", "--format", "jsonl", *more).check_exit(0, 1)
    return result.record("outcome"), result


def mail(folder, *parts):
    path = os.path.join(folder, "message.eml")
    with open(path, "wb") as out:
        out.write(HEADER + b"".join(parts))
    return path


def text_of_size(size):
    return LINE * (size // len(LINE) + 1)


@pytest.fixture(scope="module", params=["milter_file", "scan_file", "scan"])
def unscanned(request):
    """A clamav-milter with one of the three limits that let mail pass."""
    if Clamav.missing():
        pytest.skip(Clamav.missing())
    with Clamav(**{request.param: LIMIT}) as peer:
        yield peer


def test_the_mailing_list_message_resets(drill, clamav):
    record, result = outcome(drill, clamav, MAILING_LIST)
    result.check_exit(1)
    assert (record["outcome"], record["end"], record["frame"]) == ("failed", "rst", "header")
    assert record["smtp"].startswith("451 "), result.dump("what the client is told")


def test_the_milter_lives_on_after_the_reset(drill, clamav, work):
    outcome(drill, clamav, MAILING_LIST)
    record, result = outcome(drill, clamav, mail(work, LINE))
    assert record["outcome"] == "accept", result.dump("the next message")


@pytest.mark.parametrize("data,resets", [(FRAME_LIMIT, False), (FRAME_LIMIT + 1, True)])
def test_frame_limit_to_the_byte(drill, clamav, work, data, resets):
    """Data of a header frame: the name, the value, and a NUL behind each."""
    value = "a" * (data - len("X-Long") - 2)
    path = os.path.join(work, "long.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "the frame limit" tests=milter\nmta stalwart\n'
                  f'header name="X-Long" value="{value}"\n...\n> header name="X-Long"\n'
                  + ("< reset\n" if resets else "< continue\n...\n"))
    drill("run", "--milter", clamav.address, path).check_exit(0)


def test_clean_mail_is_accepted(drill, clamav, work):
    record, result = outcome(drill, clamav, mail(work, LINE))
    assert record["outcome"] == "accept", result.dump("clean mail")


@pytest.mark.parametrize("before", [0, 3 * LIMIT])
def test_infected_mail_is_rejected(drill, clamav, work, before):
    """Also far into the body, when no limit is met."""
    record, result = outcome(drill, clamav, mail(work, text_of_size(before), INFECTED, b"\n"))
    result.check_exit(1)
    assert record["outcome"] == "reject", result.dump("infected mail")
    assert record["smtp"].startswith("5"), result.dump("what the client is told")


def test_stream_limit_tempfails_at_a_body_chunk(drill, work):
    """The body is larger than both sockets' buffers, so clamd's close is seen before its end."""
    if Clamav.missing():
        pytest.skip(Clamav.missing())
    with Clamav(stream=LIMIT) as peer:
        record, result = outcome(drill, peer, mail(work, text_of_size(24 << 20)))
        assert "Streaming failed" in peer.log(), peer.log()
    result.check_exit(1)
    assert (record["outcome"], record["frame"]) == ("tempfail", "body"), result.dump("the stream")
    assert record["end"] != "rst", result.dump("only the frame limit resets")


def test_behind_a_size_limit_mail_passes_unscanned(drill, unscanned, work):
    path = mail(work, text_of_size(3 * LIMIT), INFECTED, b"\n")
    record, result = outcome(drill, unscanned, path)
    assert record["outcome"] == "accept", result.dump("the tail is not scanned")


def test_before_a_size_limit_mail_is_scanned(drill, unscanned, work):
    record, result = outcome(drill, unscanned, mail(work, INFECTED, b"\n"))
    assert record["outcome"] == "reject", result.dump("a small message is scanned")


def test_a_size_limit_does_not_move_the_frame_limit(drill, unscanned):
    record, _ = outcome(drill, unscanned, MAILING_LIST)
    assert record["end"] == "rst"


def test_dead_clamd_tempfails_at_the_first_header(drill, work):
    """OnFail Defer: clamav-milter looks for clamd when the first header comes."""
    if Clamav.missing():
        pytest.skip(Clamav.missing())
    with Clamav() as peer:
        peer.stop_clamd()
        record, result = outcome(drill, peer, mail(work, LINE))
    assert (record["outcome"], record["frame"]) == ("tempfail", "header"), result.dump("no clamd")


def test_the_saved_conversation_replays(drill, clamav, work):
    """--save gives a scenario that passes against the same milter, with its reset."""
    saved = os.path.join(work, "saved.drill")
    _, result = outcome(drill, clamav, MAILING_LIST, "--save", saved)
    result.check_exit(1)
    drill("lint", saved).check_exit(0)
    drill("fmt", "--check", saved).check_exit(0)
    drill("run", "--milter", clamav.address, saved).check_exit(0)


def test_model_and_real_milter_agree(drill, clamav):
    """`sim:libmilter` says of this message what the real one does."""
    real, _ = outcome(drill, clamav, MAILING_LIST)
    result = drill("send", "--milter", "sim:libmilter", "--mta", "stalwart", "--message",
                   MAILING_LIST, "--rcpt", "bob@example.com", "--format", "jsonl").check_exit(1)
    model = result.record("outcome")
    for key in ("outcome", "end", "frame", "smtp"):
        assert model[key] == real[key], result.dump(f"{key}: real {real[key]!r}")


def check(drill, milter, *more):
    return drill("check", "--milter", milter, "--strict", "--expect",
                 os.path.join(ROOT, "ci", "expected", "clamav-milter.txt"), *more, "scenarios")


def test_the_catalogue_holds_but_for_what_is_known(drill, clamav):
    """All that asks a milter, but what is withheld (ci/findings.md); and it survives."""
    result = check(drill, clamav.address, "--is", "clamav-milter", "--timeout", "5s").check_exit(0)
    assert " 0 failed" in result.last_line() and " withheld" in result.last_line()
    assert clamav.alive(), clamav.log()


def test_the_model_keeps_and_breaks_the_same(drill):
    """The list of the real one is that of `sim:clamav-milter`, line by line."""
    assert " 0 failed" in check(drill, "sim:clamav-milter").check_exit(0).last_line()
