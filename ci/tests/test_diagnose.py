# SPDX-License-Identifier: MIT
"""`diagnose` with what it cannot use, with milters that go away, and when it is stopped early."""

import json
import os
import signal
import subprocess
import threading

import pytest

from fakes import Fake, milter, read_frame, reply_to, reset
from peers.base import free_port

MAIL = (b"From: alice@example.org\r\nTo: bob@example.com\r\nSubject: x\r\n\r\n"
        b"one line\r\nand a trigger-word in another\r\n")
MIB = 1 << 20


def written(work, text, name="message.eml"):
    path = os.path.join(work, name)
    with open(path, "wb") as file:
        file.write(text)
    return path


def resets_on(word, until=None):
    """A correct milter that resets when the body holds the word; until: counts its connections."""
    def talk(connection):
        if until:
            until(connection)
        while True:
            code, data = read_frame(connection)
            if code == b"Q":
                return
            if code == b"B" and word in data:
                reset(connection)
                return
            connection.sendall(reply_to(code))
    return talk


@pytest.fixture
def word_milter():
    with Fake(resets_on(b"trigger-word")) as fake:
        yield fake


# ---- what it cannot use ----


def test_no_message(drill, work):
    drill("diagnose", "--milter", "inet:1@127.0.0.1").check_exit(2).check_err("--message FILE")
    drill("diagnose", "--milter", "inet:1@127.0.0.1", "--message",
          os.path.join(work, "none.eml")).check_exit(2).check_one_error()
    drill("diagnose", "--milter", "inet:1@127.0.0.1", "--message", work).check_exit(2)\
        .check_one_error()


def test_an_empty_message(any_drill, work, word_milter):
    any_drill("diagnose", "--milter", word_milter.address, "--message", written(work, b""),
              "--rcpt", "bob@example.com").check_exit(0, 2)


@pytest.mark.parametrize("text", [b"this is no message at all\r\n", b"\x7fELF\x02\x01\0\0\0" * 99,
                                  b"{\"json\": true}\n", b"<html>\n<body>\n"])
def test_a_message_that_is_none(any_drill, work, word_milter, text):
    """It says so and where, or sends it as it is: MTAs take anything."""
    result = any_drill("diagnose", "--milter", word_milter.address, "--message",
                       written(work, text), "--rcpt", "bob@example.com").check_exit(0, 2)
    if result.exit_code == 2:
        result.check_one_error().check_err("message.eml:1")
    assert word_milter.connections > 0 or result.exit_code == 2


def test_an_mbox_from_line(drill, work):
    """As mail clients save it: it is named, and what to do."""
    text = b"From alice@example.org Fri May  2 10:11:12 2025\r\n" + MAIL
    drill("diagnose", "--milter", "inet:1@127.0.0.1", "--message", written(work, text))\
        .check_exit(2).check_one_error().check_err("message.eml:1:1", "mbox", "take that line off")


# Twice the message, and half of it: what is tried is made anew from what is there.
MOST_KIB = 300 * 1024


def attachment():
    """100 MB of base64."""
    lines = (b"QUJD" * 19 + b"\r\n") * 20000
    return lines * (100 * MIB // len(lines))


def test_a_large_attachment(drill, work, word_milter, rss):
    """Bounded in memory, and no minutes."""
    text = MAIL + attachment()
    result = drill("diagnose", "--milter", word_milter.address, "--message", written(work, text),
                   "--json", timeout=280, measure=rss).check_exit(1)
    found = json.loads(result.out)
    print(f"{found['sessions']} sessions, {found['seconds']:.1f} s, {result.peak_kib >> 10} MiB")
    assert found["trigger"]["bytes"] == "trigger-word", result.dump("the trigger")
    assert found["sessions"] <= 400
    assert result.peak_kib < MOST_KIB, result.dump(f"{result.peak_kib} KiB")


def test_the_size_of_a_large_attachment(drill, work, rss):
    """The same where its size is what counts: no body is kept for each try."""
    def talk(connection):
        size = 0
        while True:
            code, data = read_frame(connection)
            if code == b"Q":
                return
            size += len(data) if code == b"B" else 0
            if size > 54_321_098:
                reset(connection)
                return
            connection.sendall(reply_to(code))

    with Fake(talk) as fake:
        result = drill("diagnose", "--milter", fake.address, "--mta", "postfix", "--message",
                       written(work, MAIL + attachment()), "--json", timeout=280, measure=rss)\
            .check_exit(1)
    found = json.loads(result.out)
    print(f"{found['sessions']} sessions, {found['seconds']:.1f} s, {result.peak_kib >> 10} MiB")
    assert found["trigger"]["kind"] == "body-size"
    assert found["trigger"]["largest_pass"] == 54_321_098, result.dump("the number")
    assert result.peak_kib < MOST_KIB, result.dump(f"{result.peak_kib} KiB")


def in_large_parts(*words):
    """20 parts of 5 MiB, each word in a part of its own."""
    part = attachment()[:5 * MIB]
    parts = [part] * 20
    for i, word in enumerate(words):
        parts[7 + 8 * i] = part[:MIB] + word + part
    return (b"From: alice@example.org\r\nTo: bob@example.com\r\nMIME-Version: 1.0\r\n"
            b'Content-Type: multipart/mixed; boundary="=_big"\r\n\r\n' +
            b"".join(b"--=_big\r\nContent-Type: text/plain\r\n\r\n" + one + b"\r\n" for one in parts) +
            b"--=_big--\r\n")


def test_two_words_in_a_large_message_in_parts(drill, work, rss):
    """Where parts, then lines, then bytes are taken off."""
    words = (b"word-one", b"word-two")

    def talk(connection):
        seen = set()
        while len(seen) < 2:
            code, data = read_frame(connection)
            if code == b"Q":
                return
            seen |= {word for word in words if word in data}
            if len(seen) < 2:
                connection.sendall(reply_to(code))
        reset(connection)

    text = in_large_parts(*words)
    with Fake(talk) as fake:
        result = drill("diagnose", "--milter", fake.address, "--message", written(work, text),
                       "--json", timeout=280, measure=rss).check_exit(1)
    found = json.loads(result.out)
    print(f"{found['sessions']} sessions, {found['seconds']:.1f} s, {result.peak_kib >> 10} MiB")
    assert [t["bytes"] for t in found["triggers"]] == ["word-one", "word-two"], result.dump("")
    assert found["sessions"] <= 400
    assert result.peak_kib < MOST_KIB, result.dump(f"{result.peak_kib} KiB")


# ---- milters that go away ----


def test_a_milter_that_is_down(drill, work):
    result = drill("diagnose", "--milter", f"inet:{free_port()}@127.0.0.1", "--message",
                   written(work, MAIL), "--json").check_exit(99)
    assert json.loads(result.out)["outcome"] == "unreachable"


def dying_after(count):
    """(fake, talk): resets on the word, and is gone for good after so many connections."""
    class Dying(Fake):
        def _accept(self):
            while self.connections < count:
                super_accept(self)
            self._socket.close()
    return Dying(resets_on(b"trigger-word"))


def super_accept(fake):
    connection, _ = fake._socket.accept()
    fake.connections += 1
    thread = threading.Thread(target=fake._serve, args=(connection,))
    fake._threads.append(thread)
    thread.start()


@pytest.mark.parametrize("count", [1, 6, 12, 20])
def test_a_milter_that_dies_for_good(drill, work, count):
    """What was learnt by then is told, and that it is not all."""
    with dying_after(count) as fake:
        path = written(work, MAIL)
        result = drill("diagnose", "--milter", fake.address, "--message", path).check_exit(1)
    result.check_out("the milter takes no more connections", "the milter resets the connection",
                     "not all was tried")


# ---- stopped early ----


def test_a_budget_that_is_spent(drill, work, word_milter):
    for sessions in (1, 3, 8, 15):
        result = drill("diagnose", "--milter", word_milter.address, "--message",
                       written(work, MAIL), "--budget", f"sessions={sessions}", "--json")\
            .check_exit(1)
        found = json.loads(result.out)
        assert found["sessions"] <= sessions and not found["complete"], result.dump("budget")
        assert found["signature"]["symptom"] == "lost"
        text = drill("diagnose", "--milter", word_milter.address, "--message",
                     written(work, MAIL), "--budget", f"sessions={sessions}").check_exit(1)
        text.check_out("the budget is spent", "not all was tried")


@pytest.mark.parametrize("budget", ["sessions=0", "sessions=x", "minutes=3", "seconds=", ","])
def test_a_budget_that_is_none(drill, work, budget):
    drill("diagnose", "--milter", "inet:1@127.0.0.1", "--message", written(work, MAIL),
          "--budget", budget).check_exit(2).check_one_error()


def test_an_interrupt_gives_the_best_answer_so_far(drill, work):
    """SIGINT once it has reproduced the failure and looks further."""
    reached, over = threading.Event(), threading.Event()
    seen = []

    def count(_connection):
        seen.append(1)
        if len(seen) > 12:
            reached.set()
            over.wait(30)  # the interrupt comes while this one hangs

    with Fake(resets_on(b"trigger-word", count)) as fake:
        process = subprocess.Popen([*drill.wrapper, drill.binary, "diagnose", "--milter",
                                    fake.address, "--message", written(work, MAIL), "--json"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert reached.wait(30)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        over.set()
    found = json.loads(out)
    assert process.returncode == 1, err
    assert (found["outcome"], found["complete"]) == ("reproduced", False)
    assert found["signature"]["symptom"] == "lost" and found["sessions"] >= 6


def test_a_milter_that_takes_all(drill, work):
    with Fake(milter) as fake:
        drill("diagnose", "--milter", fake.address, "--message", written(work, MAIL))\
            .check_exit(0).check_out("not reproduced", "20 of 20 sessions", "tried: as stalwart")


def test_an_error_line_narrows_it(drill, work, word_milter):
    """104 is looked for, and found; 32 is another failure."""
    path = written(work, MAIL)
    args = ("diagnose", "--milter", word_milter.address, "--message", path, "--error")
    drill(*args, "Connection reset by peer (os error 104)").check_exit(1)
    drill(*args, "Broken pipe (os error 32)").check_exit(0)\
        .check_out("not reproduced", "looked for: Broken pipe")
