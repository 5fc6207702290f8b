# SPDX-License-Identifier: MIT
"""A plain filter on the system's libmilter (libmilter_filter.c), built when it is first needed."""

import functools
import os
import subprocess
import tempfile

from peers.base import Peer, PeerError, find_program, tail

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libmilter_filter.c")


@functools.lru_cache(maxsize=None)
def has_library():
    """The header and the library are there: a link is the only test that holds for both."""
    with tempfile.TemporaryDirectory(prefix="milterdrill-build-") as folder:
        return build(folder) is None


def build(folder):
    """None, or what the compiler said."""
    args = [find_program("cc"), "-O2", "-Wall", "-Wextra", "-o", os.path.join(folder, "filter"),
            SOURCE, "-lmilter", "-lpthread"]
    done = subprocess.run(args, check=False, capture_output=True, text=True)
    return done.stderr if done.returncode else None


class Libmilter(Peer):
    """Answers CONTINUE to everything, but for what `words` say: libmilter_filter.c lists them. With
    `logging`, log() names each callback."""

    name = "libmilter"
    programs = ("cc",)
    preloads = ("syslog",)

    def __init__(self, *words, logging=False):
        super().__init__()
        self.words = [*words, *["log"] * logging]

    @classmethod
    def missing(cls):
        return super().missing() or (None if has_library() else "libmilter-dev not installed")

    @classmethod
    def version(cls):
        with tempfile.TemporaryDirectory(prefix="milterdrill-build-") as folder:
            if build(folder):
                return "libmilter ?"
            program = os.path.join(folder, "filter")
            return subprocess.run([program, "version"], check=False, capture_output=True,
                                  text=True).stdout.strip()

    def launch(self):
        problem = build(self.folder)
        if problem:
            raise PeerError(problem)
        args = [self.path("filter"), f"inet:{self.take_port()}@127.0.0.1"]
        self.spawn(args + self.words,
                   lambda: tail(self.path("filter.out")).startswith("ready"))

    def callbacks(self):
        """What was called so far: ["connect mail.example.org", "mail <alice@example.org>", ...]."""
        with open(self.path("filter.out"), encoding="utf-8", errors="replace") as log:
            return [line.rstrip() for line in log if line != "ready\n"]
