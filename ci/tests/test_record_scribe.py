# SPDX-License-Identifier: MIT
"""The two processes of milterdrill record: what becomes of recordings, and of mail, when one of them is
killed, stopped, or signalled."""

import contextlib
import os
import re
import signal
import socket

import pytest

from fakes import CONTINUE, Fake, read_exactly, read_frame
from peers.base import wait_until
from recorder import SECONDS, Recorder
from talks import OFFER, TALK, connect, frame, milter, say

HELD = 4 << 20  # bytes that wait for the scribe at most
PIECE = 60000


@pytest.fixture(name="stopped")
def fixture_stopped():
    """Stops a process, which goes on at the end whatever happens."""
    stack = contextlib.ExitStack()

    def stop(pid):
        os.kill(pid, signal.SIGSTOP)
        stack.callback(go_on, pid)
    with stack:
        yield stop


def go_on(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def begin(mta):
    """Up to the headers, and what follows: a body of 40,000 bytes, and a torn frame."""
    for one in TALK[:4]:
        mta.sendall(one)
        read_frame(mta)
    mta.sendall(frame(b"B", os.urandom(40000)))
    read_frame(mta)
    mta.sendall(frame(b"B", b"x" * 9999)[:500])


def check_begun(drill, recorder):
    text, = recorder.texts()
    assert "heliotrope" in text and "> body data=file " in text and text.endswith("\n"), text
    assert "not to its end" in text.splitlines()[0] and "milterdrill scrub" in text.splitlines()[1]
    assert "raw" not in text
    drill("lint", recorder.recordings()[0]).check_exit(0)
    with milter() as fake:
        drill("run", "--milter", fake.address, recorder.recordings()[0]).check_exit(0, 1)
    return text


def test_after_kill_the_file_is_whole_up_to_the_last_frame(any_drill, work):
    """The scribe completes it."""
    with milter() as fake, Recorder(any_drill, work, fake.address) as recorder, \
            connect(recorder) as mta:
        begin(mta)
        recorder.kill()
        text = check_begun(any_drill, recorder)
    assert text.startswith('drill 1 "recorded: an MTA, 1 message, not to its end" recorded="'), text
    assert 'message from="<alice@example.org>"' in text
    assert text.endswith("\n# The recorder was killed here.\n")


def test_many_that_stand_at_a_kill_are_all_there(drill, work):
    with milter() as fake, Recorder(drill, work, fake.address) as recorder, \
            contextlib.ExitStack() as stack:
        for _ in range(200):
            mta = stack.enter_context(connect(recorder))
            for one in TALK[:4]:
                mta.sendall(one)
                read_frame(mta)
        recorder.kill()
    texts = recorder.texts()
    assert len(texts) == 200
    for text in texts:
        assert re.search(r'heliotrope".*\n< continue.*\n# The recorder was killed here.\n$', text), text


def test_after_kill_of_both_what_was_written_is_whole(any_drill, work):
    with milter() as fake, Recorder(any_drill, work, fake.address) as recorder, \
            connect(recorder) as mta:
        begin(mta)
        recorder.wait(1, "> body data=file ")
        for pid in (recorder.scribe(), recorder.process.pid):
            os.kill(pid, signal.SIGKILL)
        recorder.end()
        text = check_begun(any_drill, recorder)
    assert text.startswith('drill 1 "recorded, not to its end" recorded="'), text


def test_without_the_scribe_mail_goes_on_and_that_is_told_once(any_drill, work):
    with milter() as fake, Recorder(any_drill, work, fake.address) as recorder:
        say(recorder)
        recorder.wait(1)
        scribe = recorder.scribe()
        os.kill(scribe, signal.SIGKILL)
        assert wait_until(lambda: is_dead(scribe), lambda: True, SECONDS)
        for _ in range(3):
            say(recorder)
    assert recorder.err.count("recording has ended, mail goes on") == 1, recorder.err
    assert recorder.out.startswith("4 connections"), recorder.out
    assert " 3 not or not wholly written" in recorder.out
    assert len(recorder.recordings()) == 1


def test_without_the_scribe_a_connection_that_stands_goes_on(any_drill, work):
    with milter() as fake, Recorder(any_drill, work, fake.address) as recorder, \
            connect(recorder) as mta:
        mta.sendall(OFFER)
        read_frame(mta)
        recorder.wait(1, "< optneg")
        scribe = recorder.scribe()
        os.kill(scribe, signal.SIGKILL)
        assert wait_until(lambda: is_dead(scribe), lambda: True, SECONDS)
        for _ in range(2 * HELD // PIECE):  # more than could wait for it
            mta.sendall(frame(b"B", b"z" * PIECE))
            read_frame(mta)
    assert recorder.err.count("recording has ended, mail goes on") == 1, recorder.err
    assert " 1 not or not wholly written" in recorder.out


def is_dead(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] in "ZX"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_signals_that_are_meant_for_the_recorder_do_not_end_the_scribe(drill, work, number):
    with milter() as fake, Recorder(drill, work, fake.address) as recorder:
        os.kill(recorder.scribe(), number)
        say(recorder)
    assert recorder.out.startswith("1 connections (1 at once): 1 recorded"), recorder.out


def swallowing(connection):
    """Answers the offer and the end of the body, and reads the rest."""
    assert read_exactly(connection, len(OFFER)) == OFFER
    connection.sendall(CONTINUE)
    while read_frame(connection)[0] != b"E":
        pass
    connection.sendall(CONTINUE)
    connection.recv(1)


def giant(recorder):
    """More than can wait for the scribe."""
    with socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS) as mta:
        mta.sendall(OFFER)
        read_frame(mta)
        for _ in range(2 * HELD // PIECE):
            mta.sendall(frame(b"B", b"z" * PIECE))
        mta.sendall(frame(b"E"))
        read_frame(mta)


def test_mail_waits_for_no_disk_that_hangs(any_drill, work, stopped):
    """A scribe that does not move is what a disk that hangs makes of it."""
    with Fake(swallowing) as fake, Recorder(any_drill, work, fake.address) as recorder:
        stopped(recorder.scribe())
        giant(recorder)
        giant(recorder)  # that it hangs is known by now
        with contextlib.closing(connect(recorder)) as mta:  # a small one still fits
            mta.sendall(OFFER)
            read_frame(mta)
        go_on(recorder.scribe())
        recorder.wait(2, "could not be written in time")
        giant(recorder)
        recorder.wait(1, ", 0 messages, the connection ended early")
    assert recorder.err.count("the disk hangs") == 1, recorder.err
    assert recorder.out.startswith("4 connections"), recorder.out
    assert " 2 not or not wholly written" in recorder.out
    first = recorder.texts()[0]
    assert "not to its end" in first.splitlines()[0] and re.search(r"^> body", first, re.MULTILINE), first
    for path in recorder.recordings():
        any_drill("lint", path).check_exit(0)


def test_what_waited_for_the_scribe_is_recorded(drill, work, stopped):
    """As long as it goes on in time, and fits."""
    with milter() as fake, Recorder(drill, work, fake.address) as recorder:
        stopped(recorder.scribe())
        for _ in range(100):
            say(recorder)
        go_on(recorder.scribe())
    assert "): 100 recorded, 0 not wanted, 0 not or not" in recorder.out, recorder.out
    assert all("\nverdict accept\n" in text for text in recorder.texts())


def test_the_scribe_holds_nothing_of_mail_s(drill, work):
    """No socket but the one to the other process, and the lowest priority."""
    with milter() as fake, Recorder(drill, work, fake.address) as recorder:
        say(recorder)
        folder = f"/proc/{recorder.scribe()}/fd"
        sockets = [name for name in os.listdir(folder)
                   if os.readlink(os.path.join(folder, name)).startswith("socket:")]
        assert len(sockets) == 1
        assert os.getpriority(os.PRIO_PROCESS, recorder.scribe()) == 19
