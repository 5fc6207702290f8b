# SPDX-License-Identifier: MIT
"""milterdrill record under load: a giant message in little memory, and thousands of connections."""

import os
import re
import resource
import socket
import struct
import tempfile

import pytest

from fakes import CONTINUE, OPTNEG, Fake, read_exactly, read_frame
from recorder import Recorder

SECONDS = 60
CHUNK = struct.pack(">Ic", 65536, b"B") + b"a line of text\r\n" * 4095 + b"and its end..\r\n"
CHUNKS = 256 * 16  # 256 MiB; at 1 GiB it is the same figure and four times the wait
LIMIT_KIB = 32 * 1024

CONNECTIONS = 5000
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
FILES = CONNECTIONS * 2 + 500  # of the recorder: two sockets for each, and a file in its scribe
OFFER = struct.pack(">IcIII", 13, b"O", 6, 0x1FF, 0)


def swallowing(connection):
    """Reads without a look, as fast as it can, until the end of body; answers that."""
    left = len(CHUNK) * CHUNKS
    buffer = bytearray(1 << 20)
    while left:
        left -= connection.recv_into(buffer, min(left, len(buffer)))
    assert read_frame(connection)[0] == b"E"
    connection.sendall(CONTINUE)
    connection.recv(1)


def test_a_giant_message_takes_little_memory(drill, work):
    with Fake(swallowing) as fake, \
            Recorder(drill, work, fake.address, "--max-bytes", "2GiB") as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS) as mta:
            for _ in range(CHUNKS):
                mta.sendall(CHUNK)
            mta.sendall(struct.pack(">Ic", 1, b"E"))
            assert read_exactly(mta, 5) == CONTINUE
        recorder.wait(1, ", 0 messages")
        peak = recorder.peak_kib()
    assert peak < LIMIT_KIB, f"{peak} KiB"
    eml = recorder.recordings()[0].replace(".drill", ".eml")
    assert os.path.getsize(eml) == 2 + CHUNKS * (len(CHUNK) - 5)


def test_a_frame_of_any_declared_length_is_never_held(drill, work):
    size = 128 << 20

    def reads(connection):
        left = size + 5
        while left:
            left -= len(connection.recv(min(left, 1 << 20)))
        connection.sendall(CONTINUE)
    with Fake(reads) as fake, Recorder(drill, work, fake.address) as recorder:
        with socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS) as mta:
            mta.sendall(struct.pack(">Ic", size + 1, b"L") + b"To\0")
            piece = b"x" * (1 << 20)
            mta.sendall(piece[4:])
            for _ in range((size >> 20) - 1):
                mta.sendall(piece)
            mta.sendall(b"\0")
            assert read_exactly(mta, 5) == CONTINUE
            peak = recorder.peak_kib()
    assert peak < LIMIT_KIB, f"{peak} KiB"
    assert re.search(r'^> header name="To" value=file "[^"]*" 3\.\.', recorder.texts()[0],
                     re.MULTILINE), recorder.texts()[0][:500]


def answering(listener, count):
    """Takes so many connections of the recorder and answers each offer."""
    taken = []
    for _ in range(count):
        connection, _ = listener.accept()
        connection.settimeout(SECONDS)
        taken.append(connection)
        assert read_exactly(connection, len(OFFER)) == OFFER
        connection.sendall(OPTNEG)
    return taken


@pytest.fixture(name="memory")
def fixture_memory():
    """A folder in memory where there is one: 15,000 files are not made and removed on a disk."""
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="milterdrill-test-", dir=shm) as folder:
        yield folder


@pytest.mark.skipif(HARD < FILES, reason=f"the hard limit of open files is {HARD}, not {FILES}")
def test_thousands_of_connections_at_once(drill, memory):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), HARD))
    ends = []
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            address = f"inet:{listener.getsockname()[1]}@127.0.0.1"
            with Recorder(drill, memory, address) as recorder:
                for _ in range(CONNECTIONS // 100):
                    some = [socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS)
                            for _ in range(100)]
                    for mta in some:
                        mta.sendall(OFFER)
                    ends += some + answering(listener, 100)
                    for mta in some:
                        assert read_exactly(mta, len(OPTNEG)) == OPTNEG
                peak = recorder.peak_kib()
    finally:
        for end in ends:
            end.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, HARD))
    assert f"{CONNECTIONS} connections ({CONNECTIONS} at once): {CONNECTIONS} recorded" \
        in recorder.out
    # Room for a read of 64 KiB in each direction would be 640 MiB.
    assert peak < 64 * 1024, f"{peak} KiB"
