# SPDX-License-Identifier: MIT
"""The filter of pymilter_filter.py, on the Python that the distribution's pymilter belongs to."""

import os
import socket
import subprocess

from peers.base import HERE, Peer, negotiates

PYTHON = "/usr/bin/python3"
PROGRAM = os.path.join(HERE, "pymilter_filter.py")


class Pymilter(Peer):
    """Does to a message what the local part of its recipient says."""

    name = "pymilter"
    programs = ("cc",)
    preloads = ("syslog",)

    @classmethod
    def missing(cls):
        return super().missing() or (None if cls._module() else "python3-milter not installed")

    @classmethod
    def version(cls):
        return f"pymilter {cls._module() or '?'}"

    @staticmethod
    def _module():
        return subprocess.run([PYTHON, "-c", "import Milter; print(Milter.__version__)"],
                              check=False, capture_output=True, text=True).stdout.strip()

    def launch(self):
        self.spawn([PYTHON, PROGRAM, f"inet:{self.take_port()}@127.0.0.1"],
                   lambda: negotiates(socket.AF_INET, ("127.0.0.1", self.port)))
