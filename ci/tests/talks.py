# SPDX-License-Identifier: MIT
"""A short conversation through a recorder, for all of its tests."""

import os
import re
import socket
import struct

from fakes import CONTINUE, OPTNEG, Fake, read_frame
from recorder import read

SECONDS = 20


def frame(code, payload=b""):
    return struct.pack(">Ic", len(payload) + 1, code) + payload


OFFER = frame(b"O", struct.pack(">III", 6, 0x1FF, 0))
TALK = [OFFER, frame(b"M", b"<alice@example.org>\0"), frame(b"R", b"<bob@example.com>\0"),
        frame(b"L", b"Subject\0the word is heliotrope\0"), frame(b"E")]


def connect(recorder):
    return socket.create_connection(("127.0.0.1", recorder.port), timeout=SECONDS)


def echoing(connection):
    """Sends back what comes, and its end; resets need a close with nothing unread."""
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def milter(verdict=CONTINUE):
    def talk(connection):
        while True:
            code, _ = read_frame(connection)
            if code in b"Q":
                return
            if code not in b"DAK":
                connection.sendall({b"O": OPTNEG, b"E": verdict}.get(code, CONTINUE))
    return Fake(talk)


def say(recorder, frames=TALK, end=frame(b"Q")):
    with connect(recorder) as mta:
        for one in frames:
            mta.sendall(one)
            if one[4:5] not in b"DAQK":
                read_frame(mta)
        mta.sendall(end)
        assert mta.recv(1) == b""


def shape(path):
    """A recording without what is of its time: the first line's, pauses, and comments."""
    text = re.sub(r'recorded="[^"]*"', "", read(path))
    text = re.sub(r" after=\d+ms", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    text = re.sub(r"  # .*$", "", text, flags=re.MULTILINE)
    return re.sub(r"\d{8}T\d{6}Z-\d+", "NAME", text)


def record(drill, work, *options):
    user = ["--user", "root"] if os.geteuid() == 0 else []
    return drill("record", "--listen", "inet:0@127.0.0.1", "--milter", "inet:9@127.0.0.1",
                 "--out", os.path.join(work, "out"), *user, *options)
