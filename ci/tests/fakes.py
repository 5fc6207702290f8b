# SPDX-License-Identifier: MIT
"""Peers of a few lines, which real programs would never be: a Fake listens, and hands each
connection to a function. They end with the test.

    with Fake(answers(b"HTTP/1.1 400 Bad Request\\r\\n")) as fake:
        drill("send", "--milter", fake.address, ...)
"""

import contextlib
import re
import socket
import struct
import threading

OPTNEG = struct.pack(">IcIII", 13, b"O", 6, 0, 0)
CONTINUE = struct.pack(">Ic", 1, b"c")
NO_REPLY = b"DAQK"  # MACRO, ABORT, QUIT, QUIT_NC
DEADLINE = 30  # seconds; no fake waits longer


class Fake:
    """talk(connection) runs in a thread for each connection; its socket errors are expected."""

    def __init__(self, talk, address=("127.0.0.1", 0), family=socket.AF_INET):
        self.talk = talk
        self.connections = 0
        self.stopping = threading.Event()
        self._socket = socket.create_server(address, family=family)
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def port(self):
        return self._socket.getsockname()[1]

    @property
    def address(self):
        return f"inet:{self.port}@127.0.0.1"

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(DEADLINE)
        self._socket.close()

    def _accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        connection.settimeout(DEADLINE)
        with connection, contextlib.suppress(OSError):
            self.talk(connection)


class MailSink(Fake):
    """Where an MTA delivers; `taken`: ([sender, recipient, ...], content) of each message."""

    def __init__(self):
        super().__init__(self._take)
        self.taken = []

    def _take(self, connection):
        connection.sendall(b"220 sink\r\n")
        envelope = []
        with connection.makefile("rb") as lines:
            for line in lines:
                verb = line[:4].upper()
                if verb in (b"MAIL", b"RCPT"):
                    envelope.append(re.search(rb"<[^>]*>", line)[0].decode())
                if verb == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    self.taken.append((envelope, b"".join(iter(lines.readline, b".\r\n"))))
                    envelope = []
                connection.sendall(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return


def read_exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("ended")
        data += piece
    return data


def read_frame(connection):
    """(code, payload) of the next frame."""
    length, code = struct.unpack(">Ic", read_exactly(connection, 5))
    return code, read_exactly(connection, length - 1)


def read_all(connection):
    """Until the other side ends it."""
    while connection.recv(65536):
        pass


def reset(connection):
    """RST, whatever is unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reply_to(code):
    """What the most patient milter says: "" where no reply is due."""
    if code in NO_REPLY:
        return b""
    return OPTNEG if code == b"O" else CONTINUE


def milter(connection):
    """A correct one, which lets everything pass."""
    while True:
        code, _ = read_frame(connection)
        if code == b"Q":
            return
        connection.sendall(reply_to(code))


def answers(data):
    """Says this once something came, whatever it was; then reads until it is left alone."""
    def talk(connection):
        connection.recv(65536)
        connection.sendall(data)
        read_all(connection)
    return talk


def greets(data):
    """Says this at once, then reads until it is left alone."""
    def talk(connection):
        connection.sendall(data)
        read_all(connection)
    return talk


def lost_after(budget, end):
    """A correct milter, until it has said so many bytes; then end(connection), with nothing unread
    if the MTA waits for the reply."""
    def talk(connection):
        left = budget
        while True:
            code, _ = read_frame(connection)
            if code == b"Q":
                return
            reply = reply_to(code)
            connection.sendall(reply[:left])
            if len(reply) > left:
                end(connection)
                return
            left -= len(reply)
    return talk
