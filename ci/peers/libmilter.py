# SPDX-License-Identifier: MIT
"""A plain filter on the system's libmilter (libmilter_filter.c), built when it is first needed."""

import subprocess

from peers.base import Peer, PeerError, build, tail

NAME = "libmilter_filter"
LIBRARIES = ("-lmilter", "-lpthread")


def has_library():
    """The header and the library are there: a link is the only test that holds for both."""
    try:
        return bool(build(NAME, *LIBRARIES))
    except PeerError:
        return False


class Libmilter(Peer):
    """Answers CONTINUE to everything, but for what `words` say: libmilter_filter.c lists them. With
    `logging`, log() names each callback. `host`: 127.0.0.1 or ::1."""

    name = "libmilter"
    programs = ("cc",)
    preloads = ("syslog",)
    stop_seconds = 0  # it has nothing to save

    def __init__(self, logging=False, words=(), host="127.0.0.1"):
        super().__init__()
        self.host = host
        self.words = [*words, *["log"] * logging]

    @classmethod
    def missing(cls):
        return super().missing() or (None if has_library() else "libmilter-dev not installed")

    @classmethod
    def version(cls):
        return subprocess.run([build(NAME, *LIBRARIES), "version"], check=False,
                              capture_output=True, text=True).stdout.strip()

    @property
    def address(self):
        return f"inet{'6' if ':' in self.host else ''}:{self.port}@{self.host}"

    def launch(self):
        self.take_port()
        self.spawn([build(NAME, *LIBRARIES), self.address, *self.words],
                   lambda: tail(self._out()).startswith("ready"))

    def callbacks(self):
        """What was called so far: ["connect mail.example.org", "mail <alice@example.org>", ...]."""
        with open(self._out(), encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log if line != "ready\n"]

    def _out(self):
        return self.path(NAME + ".out")
