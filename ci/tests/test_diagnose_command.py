# SPDX-License-Identifier: MIT
"""`diagnose --milter-command`: a milter that dies of a message is started again, and its death told.

The milter here is a few lines of ours that end themselves by a signal.
"""

import json
import os
import signal
import sys

import pytest

from peers.base import free_port

MILTER = """\
import os, signal, struct, sys
sys.path[:0] = [{tests!r}, {ci!r}]
from fakes import CONTINUE, NO_REPLY, OPTNEG, read_frame
import socket
with open({pids!r}, "a") as pids:
    pids.write(f"{{os.getpid()}}\\n")
listener = socket.create_server(("127.0.0.1", {port}))
while True:
    with listener.accept()[0] as mta:
        try:
            code = b""
            while code != b"Q":
                code, payload = read_frame(mta)
                if code == b"L" and b"poison" in payload:
                    os.kill(os.getpid(), signal.{signal})
                if code not in NO_REPLY:
                    mta.sendall(OPTNEG if code == b"O" else CONTINUE)
        except OSError:
            pass
"""
POISON = b"From: alice@example.org\r\nTo: bob@example.com\r\nX-A: 1\r\nX-B: some poison\r\n\r\nHi.\r\n"


class Mortal:
    def __init__(self, work, name="SIGSEGV"):
        self.port = free_port()
        self.pids = f"{work}/pids"
        self.address = f"inet:{self.port}@127.0.0.1"
        script = f"{work}/milter.py"
        tests = os.path.dirname(os.path.abspath(__file__))
        with open(script, "w", encoding="utf-8") as out:
            out.write(MILTER.format(tests=tests, ci=os.path.dirname(tests), pids=self.pids,
                                    port=self.port, signal=name))
        self.command = f"{sys.executable} {script}"

    def started(self):
        with open(self.pids, encoding="ascii") as pids:
            return [int(line) for line in pids]

    def check_all_dead(self):
        for pid in self.started():
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.fixture(name="poison")
def fixture_poison(work):
    path = f"{work}/poison.eml"
    with open(path, "wb") as out:
        out.write(POISON)
    return path


def test_a_crash_is_examined_to_its_end(any_drill, work, poison):
    milter = Mortal(work)
    verdict = json.loads(any_drill("diagnose", "--json", "--milter", milter.address, "--message",
                                   poison, "--milter-command", milter.command, "--out",
                                   f"{work}/out").check_exit(1).out)
    assert verdict["outcome"] == "reproduced" and verdict["deterministic"]
    assert verdict["complete"] and not verdict["gone"]
    assert (verdict["trigger"]["kind"], verdict["trigger"]["bytes"]) == ("header-bytes", "poison")
    assert verdict["crash"] == signal.SIGSEGV
    assert verdict["starts"] == len(milter.started()) > 6
    milter.check_all_dead()
    with open(f"{work}/out/minimal.eml", "rb") as minimal:
        assert b": poison\r\n" in minimal.read()


def test_the_text_asks_for_privacy(drill, work, poison):
    milter = Mortal(work, "SIGABRT")
    drill("diagnose", "--milter", milter.address, "--message", poison, "--milter-command",
          milter.command).check_exit(1).check_out(
              f"ended by signal {int(signal.SIGABRT)}: it crashed", "in private")
    milter.check_all_dead()


def test_a_milter_that_lives_is_started_once_and_ended(drill, work):
    milter = Mortal(work)
    drill("diagnose", "--milter", milter.address, "--message", "scenarios/messages/plain.eml",
          "--milter-command", milter.command).check_exit(0).check_out(
              "not reproduced", "started 1 time by")
    milter.check_all_dead()


def test_a_command_that_starts_nothing(drill, work, poison):
    """What it left behind is ended, too: it would hold our pipes."""
    milter = Mortal(work)
    result = drill("diagnose", "--milter", milter.address, "--message", poison, "--milter-command",
                   "sleep 1000 & exit 3").check_exit(99).check_one_error()
    result.check_err("takes no connections at", "foreground")


def test_a_larger_budget_is_warned_of(drill, clamav):
    words = ("diagnose", "--milter", clamav.address, "--message", "scenarios/messages/plain.eml")
    assert not drill(*words).check_exit(0).err
    drill(*words, "--budget", "sessions=501").check_exit(0).check_err(
        "warning: --budget allows 501 sessions", clamav.address)
    assert not drill(*words, "--budget", "sessions=20,seconds=300").check_exit(0).err
