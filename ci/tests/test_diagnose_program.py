# SPDX-License-Identifier: MIT
"""`diagnose` as a program: at a terminal, interrupted, through TLS."""

import json
import os
import pty
import signal
import subprocess
import threading

import pytest

from fakes import DEADLINE, NO_REPLY, Fake, milter, read_all, read_frame, reply_to
from peers.base import free_port
from test_tls import fixture_certificates, over_tls  # noqa: F401 (a fixture)

MESSAGE = b"From: alice@example.org\r\nTo: bob@example.com\r\nX-A: 1\r\nX-B: odd one\r\n\r\nHi.\r\n"


def dislikes(connection):
    """A milter that hangs up over one word."""
    while True:
        code, payload = read_frame(connection)
        if code == b"Q" or (code == b"L" and b"odd" in payload):
            return
        if code not in NO_REPLY:
            connection.sendall(reply_to(code))


@pytest.fixture(name="odd")
def fixture_odd(work):
    path = f"{work}/odd.eml"
    with open(path, "wb") as out:
        out.write(MESSAGE)
    return path


def interrupted(drill, asked, *words):
    """Ctrl-C once `asked` is set; exit code and standard output."""
    process = subprocess.Popen([drill.binary, *words], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert asked.wait(DEADLINE)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=DEADLINE)
    return process.returncode, out.decode()


def test_ctrl_c_gives_the_best_answer_so_far(drill, odd):
    """It has the failure, and hangs in the session after six of them."""
    asked, sessions = threading.Event(), []

    def hangs_later(connection):
        sessions.append(connection)
        if len(sessions) <= 6:
            dislikes(connection)
        else:
            asked.set()
            read_all(connection)

    with Fake(hangs_later) as fake:
        code, out = interrupted(drill, asked, "diagnose", "--json", "--milter", fake.address,
                                "--message", odd)
    verdict = json.loads(out)
    assert code == 1 and verdict["outcome"] == "reproduced" and not verdict["complete"]
    assert verdict["signature"]["symptom"] == "lost" and verdict["sessions"] == 6


def test_ctrl_c_before_there_is_an_answer(drill, odd):
    asked = threading.Event()

    def hangs(connection):
        asked.set()
        read_all(connection)

    with Fake(hangs) as fake:
        code, out = interrupted(drill, asked, "diagnose", "--milter", fake.address, "--message",
                                odd)
    assert code == 1 and "interrupted" in out


def test_ctrl_c_while_an_mta_is_examined(drill, work):
    asked = threading.Event()
    path = f"{work}/talk.drill"
    with open(path, "w", encoding="utf-8") as out:
        out.write('drill 1 "x" tests=mta\n...\n> mail\n< reject\n')

    def says_nothing(connection):
        asked.set()
        read_all(connection)

    with Fake(says_nothing) as fake:
        code, out = interrupted(drill, asked, "diagnose", "--listen",
                                f"inet:{free_port()}@127.0.0.1", "--smtp",
                                f"127.0.0.1:{fake.port}", "--recording", path)
    assert code in (1, 99) and "interrupted" in out


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_the_bar_is_for_terminals(drill, odd, words):
    """On standard error, so that the answer can be piped; and it is wiped at the end."""
    ours, theirs = pty.openpty()
    with Fake(dislikes) as fake:
        process = subprocess.Popen([drill.binary, "diagnose", "--milter", fake.address,
                                    "--message", odd, *words], stdout=subprocess.PIPE,
                                   stderr=theirs)
        os.close(theirs)
        bar = read_terminal(ours)
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 1 and b"of 500 sessions: " in bar and bar.endswith(b" \r")
    assert b"of 500 sessions: " not in out
    assert not words or json.loads(out)["outcome"] == "reproduced"


def read_terminal(terminal):
    """Until nobody has it open any more, which Linux tells by an error."""
    said = b""
    try:
        while piece := os.read(terminal, 65536):
            said += piece
    except OSError:
        pass
    os.close(terminal)
    return said


def test_what_is_no_utf8_is_told_all_the_same(any_drill, odd, work):
    """In a refusal, and in a log."""
    log = f"{work}/milter.log"
    text = b"y550 5.7.1 caf\xe9\0"
    open(log, "wb").close()

    def refuses(connection):
        while True:
            code, _ = read_frame(connection)
            if code == b"Q":
                return
            if code == b"M":
                with open(log, "ab") as out:
                    out.write(b"no caf\xe9 today\n")
                connection.sendall(len(text).to_bytes(4, "big") + text)
            elif code not in NO_REPLY:
                connection.sendall(reply_to(code))

    with Fake(refuses) as fake:
        verdict = json.loads(any_drill("diagnose", "--json", "--milter", fake.address, "--message",
                                       odd, "--log", log, "--mta",
                                       "postfix").check_exit(1).out)
    assert verdict["signature"]["smtp"] == "550 5.7.1 caf\\xe9"
    assert verdict["logs"][0]["text"] == "no caf\\xe9 today"


def test_no_bar_without_a_terminal(any_drill, odd):
    with Fake(dislikes) as fake:
        assert not any_drill("diagnose", "--milter", fake.address, "--message",
                         odd).check_exit(1).err


def test_through_tls(drill, certificates, odd):
    context = certificates.server("diagnosed", "IP:127.0.0.1")
    words = ("--set", "useTls=true", "--message", odd)
    with Fake(over_tls(context, dislikes)) as fake:
        verdict = json.loads(drill("diagnose", "--json", "--milter", fake.address, "--tls-ca",
                                   certificates.ca, *words).check_exit(1).out)
        assert verdict["outcome"] == "reproduced" and verdict["deterministic"]
        assert verdict["trigger"]["bytes"] == "odd"
        assert "the same connection (TLS)" in [suspect["experiment"] for suspect in
                                               verdict["ruled_out"]
                                               if suspect["suspect"] == "TLS"][0]
    with Fake(over_tls(context, milter)) as fake:
        told = drill("diagnose", "--milter", fake.address, *words).check_exit(99)
        told.check_out("nobody takes connections at", "certificate is not valid")
