#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The zoo: milters that each have one fault, planted on purpose (README.md).

    zoo.py NAME       listens on a free port of loopback, prints `inet:PORT@127.0.0.1`, and serves
    zoo.py --list     names them

Each is a correct milter until its condition is met by what it was sent so far. Then it does its
worst, at that stage, in its own way. Nothing here knows how anybody looks for faults.
"""

import dataclasses
import email
import random
import socket
import struct
import sys
import threading
import time

CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD = b"c", b"a", b"r", b"t", b"d"
SILENT = ("macro", "abort", "quit", "quit_nc")  # commands that get no reply
STAGES = {b"O": "optneg", b"C": "connect", b"H": "helo", b"M": "mail", b"R": "rcpt", b"T": "data",
          b"L": "header", b"N": "eoh", b"B": "body", b"E": "eob", b"U": "unknown", b"D": "macro",
          b"A": "abort", b"Q": "quit", b"K": "quit_nc"}


def frame(code, data=b""):
    return struct.pack(">I", len(data) + 1) + code + data


class Over(Exception):
    """The connection has been dealt with."""


# ---- what a milter was told ----


class Message:
    """What came so far, of one message; what belongs to the connection stays from one to the next."""

    def __init__(self, before=None):
        self.version = before.version if before else 0
        self.actions = before.actions if before else 0
        self.steps = before.steps if before else 0
        self.host = before.host if before else b""
        self.family = before.family if before else b""
        self.address = before.address if before else b""
        self.helo = before.helo if before else b""
        self.macros = dict(before.macros) if before else {}
        self.sender, self.sender_args = b"", []
        self.rcpts, self.rcpt_args = [], []
        self.headers = []  # (name, value)
        self.chunks = []

    @property
    def body(self):
        return b"".join(self.chunks)

    def header(self, name):
        """The values of all headers of that name."""
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def take(self, stage, data):
        fields = data.split(b"\0")
        if stage == "optneg":
            self.version, self.actions, self.steps = struct.unpack(">III", data[:12])
        elif stage == "macro":
            words = data[1:].split(b"\0")
            self.macros.update(zip(words[0:-1:2], words[1::2]))
        elif stage == "connect":
            self.host, rest = data.split(b"\0", 1)
            self.family, self.address = rest[:1], rest[3:].rstrip(b"\0")
        elif stage == "helo":
            self.helo = fields[0]
        elif stage == "mail":
            self.sender, self.sender_args = fields[0], fields[1:-1]
        elif stage == "rcpt":
            self.rcpts.append(fields[0])
            self.rcpt_args.append(fields[1:-1])
        elif stage == "header":
            self.headers.append((fields[0], fields[1]))
        elif stage == "body":
            self.chunks.append(data)


# ---- how to fail ----


def reset(connection, _data):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise Over


def close(connection, _data):
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()
    raise Over


def half_close(connection, _data):
    """FIN, while it goes on reading whatever comes."""
    connection.shutdown(socket.SHUT_WR)
    swallow(connection)


def hang(connection, _data):
    """Reads on, and never says a word again."""
    swallow(connection)


def crash(connection, _data):
    """The whole program is gone, and is started again a little later (main)."""
    LISTENING[0].shutdown(socket.SHUT_RDWR)  # accept() gives up
    LISTENING[0].close()
    reset(connection, b"")


LISTENING = []


def swallow(connection):
    while connection.recv(65536):
        pass
    raise Over


def says(*frames):
    def reply(connection, _data):
        connection.sendall(b"".join(frames))
    return reply


def text(line):
    return says(frame(b"y", line.encode() + b"\0"))


def after(seconds):
    def reply(connection, _data):
        time.sleep(seconds)
        connection.sendall(frame(CONTINUE))
    return reply


# ---- the animals ----


@dataclasses.dataclass
class Animal:
    """`met(message)` is asked at each of `stages`; when it holds, `fails` happens in place of the
    reply. `unread`: of a frame with more data than that, only the length is read before it ends."""
    fails: object
    stages: tuple = ()
    met: object = None
    unread: int = 0


def split_over_chunks(message):
    """The word stands in the body, in none of the chunks."""
    word = b"straddle"
    return word in message.body and not any(word in chunk for chunk in message.chunks)


def flaky(share, seed):
    """Whatever the message: now and then, in no pattern."""
    dice = random.Random(seed)
    return lambda _message: dice.random() < share


def longest_line(message):
    return max(len(line) for line in message.body.split(b"\r\n"))


def mime_parts(message):
    """As any mail program counts them; the MTA sends the body alone."""
    text = b"".join(name + b": " + value + b"\r\n" for name, value in message.headers)
    parts = email.message_from_bytes(text + b"\r\n" + message.body).walk()
    return sum(not part.is_multipart() for part in parts)


def size_told(message):
    """SIZE= of MAIL; None without."""
    told = [arg[5:] for arg in message.sender_args if arg.upper().startswith(b"SIZE=")]
    return int(told[0]) if told else None


ANIMALS = {
    # of the headers
    "anteater": Animal(reset, unread=30_011),
    "badger": Animal(close, ("header",), lambda m: len(m.headers) > 87),
    "camel": Animal(reset, ("header",), lambda m: m.header(b"X-Campaign-Id")),
    "dingo": Animal(says(frame(TEMPFAIL)), ("eoh",),
                    lambda m: any(b"\x9f" in value for _, value in m.headers)),
    "eel": Animal(says(frame(REJECT)), ("header",),
                  lambda m: any(b"lottery" in value.lower() for value in m.header(b"Subject"))),
    "ferret": Animal(half_close, ("eoh",), lambda m: len(m.header(b"Reply-To")) > 1),
    "gecko": Animal(text("554 5.4.6 too many hops"), ("header",),
                    lambda m: len(m.header(b"Received")) > 31),
    "heron": Animal(reset, ("header",),
                    lambda m: sum(len(n) + len(v) + 2 for n, v in m.headers) > 24_683),
    "ibis": Animal(reset, ("header",), lambda m: b"" in m.header(b"X-Tracking")),
    "jackal": Animal(close, ("header",), lambda m: any(len(n) > 61 for n, _ in m.headers)),
    "koala": Animal(text("550 5.7.1 no Message-ID"), ("eoh",),
                    lambda m: not m.header(b"Message-ID")),
    "lemur": Animal(says(frame(b"Z", b"what\0")), ("header",),
                    lambda m: any(b"\n" in v for v in m.header(b"X-Notes"))),
    # of the body
    "mole": Animal(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("eob",),
                   lambda m: b"WQX-77/31;" in m.body),
    "newt": Animal(text("552 5.3.4 message too big"), ("eob",), lambda m: len(m.body) > 123_457),
    "otter": Animal(close, ("eob",), lambda m: len(m.body) == 0),
    "panda": Animal(close, ("body",), lambda m: longest_line(m) > 991),
    "quail": Animal(says(frame(TEMPFAIL)), ("body",),
                    lambda m: any(byte > 0x7f for byte in m.chunks[-1])),
    "raven": Animal(hang, ("body",), lambda m: b"\0" in m.chunks[-1]),
    "skunk": Animal(reset, ("body",), split_over_chunks),
    "sloth": Animal(says(frame(REJECT)), ("eob",), lambda m: len(m.body) < 613),
    "tapir": Animal(reset, ("body",), lambda m: len(m.chunks[-1]) > 20_477),
    "urchin": Animal(says(frame(DISCARD)), ("eob",), lambda m: b"click here" in m.body.lower()),
    "vole": Animal(reset, ("eob",),
                   lambda m: b"first-half" in m.body and b"second-half" in m.body),
    "python": Animal(text("554 5.6.0 too many parts"), ("eob",), lambda m: mime_parts(m) > 37),
    # of the envelope
    "wombat": Animal(reset, ("rcpt",), lambda m: len(m.rcpts) > 37),
    "oryx": Animal(text("452 4.5.3 too many"), ("rcpt",), lambda m: len(m.rcpts) > 21),
    "yak": Animal(says(frame(REJECT)), ("rcpt",), lambda m: m.rcpts[-1] == b"<carol@example.net>"),
    "zebra": Animal(reset, ("mail",), lambda m: m.sender == b"<>"),
    "ape": Animal(close, ("mail",), lambda m: b"BODY=BINARYMIME" in m.sender_args),
    "bison": Animal(text("451 4.7.0 not now"), ("rcpt",),
                    lambda m: b"NOTIFY=NEVER" in m.rcpt_args[-1]),
    "pelican": Animal(text("552 5.3.4 says it is too big"), ("mail",),
                      lambda m: (size_told(m) or 0) > 5_242_880),
    "wren": Animal(close, ("mail",), lambda m: size_told(m) is not None and size_told(m) < 733),
    # of the session
    "cobra": Animal(close, ("optneg",), lambda m: m.version < 6),
    "dodo": Animal(reset, ("connect",), lambda m: m.family == b"6"),
    "emu": Animal(text("550 5.7.1 who are you"), ("helo",), lambda m: m.helo == b"localhost"),
    "finch": Animal(says(frame(REJECT)), ("mail",), lambda m: b"{auth_type}" in m.macros),
    "gnu": Animal(says(frame(TEMPFAIL)), ("mail",), lambda m: b"{auth_authen}" not in m.macros),
    "hyena": Animal(reset, ("mail",),
                    lambda m: m.macros.get(b"{mail_addr}", b"").endswith(b"@shop.example.net")),
    "rhea": Animal(reset, ("eob",), lambda m: m.macros.get(b"{client_addr}") == b"203.0.113.9"),
    "iguana": Animal(close, ("optneg",), lambda m: m.steps & 0x80),  # nr_hdr is offered
    # in time, in number
    "jaguar": Animal(after(1.3), ("eob",), lambda m: True),
    "kiwi": Animal(reset, ("eob",), flaky(0.3, 11)),
    "weasel": Animal(reset, ("eob",), flaky(0.9, 3)),
    "llama": Animal(says(struct.pack(">I", 0)), ("header",),
                    lambda m: m.header(b"DKIM-Signature")),
    "moose": Animal(says(frame(b"h", b"X-Seen\0yes\0"), frame(CONTINUE)), ("header",),
                    lambda m: m.header(b"List-Unsubscribe")),
    "marmot": Animal(says(frame(b"b", bytes(51 << 20))), ("eob",),
                     lambda m: m.header(b"X-Archive")),
    "nandu": Animal(hang, ("eob",), lambda m: b"please-hang-here" in m.body),
    "phoenix": Animal(crash, ("header",), lambda m: m.header(b"X-Nova")),
    # a reply too many
    "magpie": Animal(says(frame(CONTINUE), frame(CONTINUE)), ("header",),
                     lambda m: m.headers[-1][0] == b"X-Echo"),
    "parrot": Animal(says(frame(CONTINUE)), ("macro",), lambda m: b"{auth_type}" in m.macros),
    # two together
    "ocelot": Animal(reset, ("eob",), lambda m: m.header(b"X-Priority") and
                     b"limited offer" in m.body),
    "puma": Animal(close, ("eoh",), lambda m: m.version == 6 and m.header(b"X-Gateway")),
    "quokka": Animal(text("550 5.7.1 bulk"), ("eob",),
                     lambda m: len(m.rcpts) > 9 and m.family == b"4"),
    "gibbon": Animal(reset, ("header",), lambda m: any(len(v) > 2003 for v in m.header(b"To")) and
                     any(len(v) > 2711 for v in m.header(b"Cc"))),
    # none at all
    "robin": Animal(says(frame(CONTINUE)), (), lambda m: False),
}


# ---- serving ----


class Connection:
    def __init__(self, animal, connection):
        self.animal = animal
        self.connection = connection
        self.file = connection.makefile("rb")

    def read(self):
        head = self.file.read(5)
        if len(head) < 5:
            raise Over
        length, code = struct.unpack(">Ic", head)
        stage = STAGES.get(code, "unknown")
        if self.animal.unread and length - 1 > self.animal.unread:
            self.animal.fails(self.connection, b"")
        data = self.file.read(length - 1)
        if len(data) < length - 1:
            raise Over
        return stage, data

    def reply(self, stage, message, data):
        animal = self.animal
        if stage in animal.stages and animal.met(message):
            animal.fails(self.connection, data)
        elif stage == "optneg":
            # All actions that are offered, and each command with its reply.
            self.connection.sendall(frame(b"O", struct.pack(">III", min(message.version, 6),
                                                            message.actions & 0x1ff, 0)))
        elif stage == "eob":
            self.connection.sendall(frame(ACCEPT))
        elif stage not in SILENT:
            self.connection.sendall(frame(CONTINUE))

    def serve(self):
        message = Message()
        while True:
            stage, data = self.read()
            if stage == "quit":
                return
            if stage in ("abort", "mail", "quit_nc"):
                message = Message(message)
            message.take(stage, data)
            self.reply(stage, message, data)


def serve(animal, connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with connection:
            Connection(animal, connection).serve()
    except (Over, OSError):
        pass


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(ANIMALS))
        return
    if len(sys.argv) != 2 or sys.argv[1] not in ANIMALS:
        sys.exit("usage: zoo.py NAME | --list")
    LISTENING.append(socket.create_server(("127.0.0.1", 0), backlog=128))
    address = LISTENING[0].getsockname()
    print(f"inet:{address[1]}@127.0.0.1", flush=True)
    while True:
        accept_until_a_crash(ANIMALS[sys.argv[1]], LISTENING[0])
        time.sleep(0.15)
        LISTENING[0] = socket.create_server(address, backlog=128)


def accept_until_a_crash(animal, listener):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(animal, connection), daemon=True).start()


if __name__ == "__main__":
    main()
