# SPDX-License-Identifier: MIT
"""What the tests of MTAs share: milterdrill is the milter of a real one, its SMTP client, and takes what
it delivers."""

import os

import pytest

from peers.base import free_port

SECONDS = 20


def running(peer, *args, **words):
    """That MTA, with a port for what it delivers; for a fixture to yield from."""
    if peer.missing():
        pytest.skip(peer.missing())
    with peer(*args, sink=free_port(), **words) as mta:
        yield mta


def against(mta):
    """The words of `run` for it."""
    return ["--listen", mta.milter, "--smtp", f"127.0.0.1:{mta.port}", "--sink",
            f"127.0.0.1:{mta.sink}", "--timeout", f"{SECONDS}s"]


def question(folder, text, name="x.drill"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    return path
