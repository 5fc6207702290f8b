# SPDX-License-Identifier: MIT
"""Perl's Sendmail::PMilter with the spooling filter of pmilter_spool.pl."""

import glob
import os
import socket
import subprocess

from peers.base import HERE, Peer, find_program, negotiates

PROGRAM = os.path.join(HERE, "pmilter_spool.pl")
PLAIN = os.path.join(HERE, "pmilter_plain.pl")


class Pmilter(Peer):
    """`reject`: a sender that is refused. `ignore_loopback`: its mail is let through. `file_limit`:
    bytes at which a file of the spool is full, as a disk would be."""

    name = "pmilter"
    programs = ("perl", "prlimit")

    def __init__(self, reject="listed@example.org", ignore_loopback=True, file_limit=None):
        super().__init__()
        self.words = [f"reject={reject}", f"ignore-loopback={'yes' if ignore_loopback else 'no'}"]
        self.file_limit = file_limit

    @classmethod
    def missing(cls):
        return super().missing() or (None if cls._module() else
                                     "libsendmail-pmilter-perl not installed")

    @classmethod
    def version(cls):
        return f"Sendmail::PMilter {cls._module() or '?'}"

    @staticmethod
    def _module():
        ask = 'print Sendmail::PMilter->VERSION, " (Perl $^V)"'
        return subprocess.run([find_program("perl"), "-MSendmail::PMilter", "-e", ask], check=False,
                              capture_output=True, text=True).stdout

    @property
    def spool(self):
        return self.path("spool")

    def messages(self):
        """The whole messages of the spool, oldest first."""
        paths = sorted(glob.glob(os.path.join(self.spool, "*.msg")), key=os.path.getmtime)
        return [read(path) for path in paths]

    def parts(self):
        """Names of what is there of messages that are not whole."""
        return sorted(os.path.basename(p) for p in glob.glob(os.path.join(self.spool, "*.part")))

    def said(self, text):
        """How many lines of its log end in the text."""
        names = (name for name in os.listdir(self.folder) if name.endswith(".out"))
        return sum(read(self.path(name)).count(text.encode() + b"\n") for name in names)

    def closed(self):
        """How many connections it is done with, what it did to their files included."""
        return self.said(" close")

    def empty(self):
        for path in glob.glob(os.path.join(self.spool, "*")):
            os.remove(path)

    def launch(self):
        os.makedirs(self.spool, exist_ok=True)
        limit = [find_program("prlimit"), f"--fsize={self.file_limit}"] if self.file_limit else []
        self.spawn([*limit, find_program("perl"), PROGRAM, f"inet:{self.take_port()}@127.0.0.1",
                    self.spool, *self.words],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))


def read(path):
    with open(path, "rb") as message:
        return message.read()


class PlainPmilter(Pmilter):
    """The module with every callback, and no purpose (pmilter_plain.pl)."""

    name = "pmilter-plain"

    def launch(self):
        self.spawn([find_program("perl"), PLAIN, f"inet:{self.take_port()}@127.0.0.1"],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))
