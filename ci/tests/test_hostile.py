# SPDX-License-Identifier: MIT
"""Whatever a peer does, a run ends in a verdict: no crash, no hang, no growth in memory.

Played with the release build and with the one under sanitizers.
"""

import os
import random
import socket
import struct
import threading
import time

import pytest

from fakes import (CONTINUE, OPTNEG, Fake, answers, greets, lost_after, milter, read_all,
                   read_frame, reply_to, reset)
from peers.base import free_port
from peers.harness import ROOT

PLAIN = os.path.join(ROOT, "scenarios", "messages", "plain.eml")
MEMORY_KIB = 8 * 1024  # over the resident size of --version
SEED = 20260612
SESSION = 'drill 1 "a plain session" tests=milter\nmta stalwart\n...\nverdict accept\n'
LISTEN = 'drill 1 "a plain session" tests=mta\n...\n> bodyeob\n...\n'


def scenario(folder, text=SESSION):
    path = os.path.join(folder, "hostile.drill")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def run(drill, fake, work, *more, **options):
    return drill("run", "--milter", fake.address, "--timeout", "2s", scenario(work), *more,
                 **options)


def close(connection):
    connection.close()


@pytest.mark.parametrize("seed", range(SEED, SEED + 8))
def test_random_bytes(any_drill, work, seed):
    data = random.Random(seed).randbytes(1 + seed * 7919 % 100000)
    with Fake(greets(data)) as fake:
        run(any_drill, fake, work).check_exit(1, 99).check_within(20)


@pytest.mark.parametrize("seed", range(SEED, SEED + 8))
def test_random_replies(any_drill, work, seed):
    """Well framed, of any code and content."""
    source = random.Random(seed)

    def talk(connection):
        connection.sendall(reply_to(read_frame(connection)[0]))
        while True:
            read_frame(connection)
            data = bytes([source.choice(b"+-24abcdefhilmpqrstyOxyz\0")])
            data += source.randbytes(source.choice((0, 1, 4, 300)))
            connection.sendall(struct.pack(">I", len(data)) + data)
    with Fake(talk) as fake:
        run(any_drill, fake, work).check_exit(0, 1).check_within(20)


@pytest.mark.parametrize("length", [0, 0x7fffffff, 0x80000000, 0xffffffff])
def test_absurd_length_words(any_drill, work, length):
    """At negotiation, and after it."""
    for before in (b"", OPTNEG):
        with Fake(answers(before + struct.pack(">I", length) + b"c")) as fake:
            run(any_drill, fake, work).check_exit(1, 99).check_within(20)


@pytest.mark.parametrize("end", [close, reset], ids=["fin", "rst"])
@pytest.mark.parametrize("command", ["run", "send"])
def test_connection_lost_at_every_byte_of_the_replies(any_drill, work, command, end):
    whole = len(OPTNEG) + 5 * len(CONTINUE)
    for budget in range(whole):
        with Fake(lost_after(budget, end)) as fake:
            if command == "run":
                result = run(any_drill, fake, work)
            else:
                result = any_drill("send", "--milter", fake.address, "--message", PLAIN)
            result.check_exit(1, 99).check_within(20)


def test_one_byte_a_second_ends_in_time(any_drill, work):
    """The line's own time counts from the line before, not from the last byte."""
    stop = threading.Event()

    def talk(connection):
        read_frame(connection)
        for byte in OPTNEG:
            if stop.wait(1):
                return
            connection.sendall(bytes([byte]))
    with Fake(talk) as fake:
        result = run(any_drill, fake, work)
        stop.set()
    result.check_exit(1, 99).check_within(12)


def test_silence_ends_in_time(any_drill, work):
    with Fake(read_all) as fake:
        run(any_drill, fake, work).check_exit(1, 99).check_within(12)


def test_a_peer_that_never_reads_ends_in_time(any_drill, work):
    """More than the socket buffers of both sides hold."""
    release = threading.Event()
    text = SESSION.replace("...", 'body data="x" * 67108864\n...')

    def talk(connection):
        connection.sendall(OPTNEG + CONTINUE * 2000)
        release.wait(30)
    with Fake(talk) as fake:
        result = any_drill("run", "--milter", fake.address, "--timeout", "2s", scenario(work, text))
        release.set()
    result.check_exit(1).check_within(20)


def test_replies_without_end(any_drill, work):
    """A milter that talks and talks: PROGRESS for ever."""
    def talk(connection):
        connection.sendall(OPTNEG)
        deadline = time.monotonic() + 25
        while time.monotonic() < deadline:
            connection.sendall(struct.pack(">Ic", 1, b"p") * 1000)
    with Fake(talk) as fake:
        run(any_drill, fake, work).check_exit(1).check_within(20)


def flood(head, total):
    """Negotiates, then sends a frame head and so many bytes."""
    def talk(connection):
        read_frame(connection)
        connection.sendall(OPTNEG + head)
        piece = b"a" * 65536
        for _ in range(total // len(piece)):
            connection.sendall(piece)
    return talk


FLOODS = {
    "4 GiB declared, 64 MiB sent": flood(struct.pack(">Ic", 0xffffffff, b"y"), 64 << 20),
    "a reply of 48 MiB": flood(struct.pack(">Ic", 48 << 20, b"y"), 48 << 20),
    "a body replacement of 48 MiB": flood(struct.pack(">Ic", 48 << 20, b"b"), 48 << 20),
    "1 GiB declared, nothing sent": flood(struct.pack(">Ic", 1 << 30, b"c"), 0),
    "a million small frames": flood(struct.pack(">Ic", 1, b"p") * 1000000, 0),
}


@pytest.mark.parametrize("name", sorted(FLOODS))
@pytest.mark.parametrize("command", ["run", "send"])
def test_memory_stays_small(drill, rss, work, name, command):
    idle = drill("--version", measure=rss).check_exit(0).peak_kib
    with Fake(FLOODS[name]) as fake:
        if command == "run":
            result = run(drill, fake, work, measure=rss)
        else:
            result = drill("send", "--milter", fake.address, "--message", PLAIN, "--set",
                           "timeoutCommand=2s", measure=rss)
    result.check_exit(1, 99).check_within(30)
    assert 0 < result.peak_kib <= idle + MEMORY_KIB, result.dump(f"{result.peak_kib} KiB")


def test_memory_stays_small_over_many_runs(drill, rss, work):
    idle = drill("--version", measure=rss).check_exit(0).peak_kib
    with Fake(milter) as fake:
        result = run(drill, fake, work, "--repeat", "500", measure=rss).check_exit(0)
    assert 0 < result.peak_kib <= idle + MEMORY_KIB, result.dump(f"{result.peak_kib} KiB")


MTA_SAYS = {
    "random bytes": random.Random(SEED).randbytes(5000),
    "4 GiB": struct.pack(">Ic", 0xffffffff, b"O") + b"a" * 100000,
    "zero length": struct.pack(">I", 0),
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "torn negotiation": struct.pack(">IcI", 13, b"O", 6),
    "nothing": b"",
}


@pytest.mark.parametrize("name", sorted(MTA_SAYS))
def test_hostile_mta(any_drill, work, name):
    """We listen; what connects is no MTA."""
    port = free_port()
    caller = threading.Thread(target=call, args=(port, MTA_SAYS[name]))
    caller.start()
    result = any_drill("run", "--listen", f"inet:{port}@127.0.0.1", "--timeout", "2s",
                       scenario(work, LISTEN))
    caller.join()
    result.check_exit(1, 99).check_within(20)


def call(port, data):
    """Connects once somebody listens, says it, reads until it is left alone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 20) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                read_all(connection)
            return
        except ConnectionRefusedError:
            time.sleep(0.01)
        except OSError:
            return
